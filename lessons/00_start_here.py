# %% [markdown]
# # 00 · Start here
#
# In ten minutes a network names photographs on your own machine, and then a picture of yours. After that you learn to
# find your way through this course.
#
# **Time** about 30 minutes, of which the computer works 10 seconds · **Before this** some Python, a little NumPy
#
# **You will learn to**
#
# - ask a network what a picture shows, and judge what its answer is worth
# - run, interrupt and restart a notebook, and read an error
# - check your installation, and choose between sample data and real data
# - solve an exercise and have it checked

# %% [markdown]
# ## What you will have
#
# You are looking at a **notebook**: text like this, and **code cells** like the next one. Click into it and press
# <kbd>Shift</kbd>+<kbd>Enter</kbd>. The code runs, its result appears below it, and the next cell is selected. Go on
# like that, cell by cell, until you see photographs.

# %%
from course_utils import setup

course = setup(seed=0)

# %% [markdown]
# That prepared the lesson. The next cell loads a network from a file of 9 MB that came with the course. It is called
# EfficientNet-Lite0, and it has learned from the 1.3 million photographs of a collection named ImageNet, each of which
# shows one of 1000 things.

# %%
from course_utils.models.imagenet import load_imagenet_network

network, transform, names = load_imagenet_network()
print(len(names), "names, among them:", ", ".join(names[5:1000:199]))

# %% [markdown]
# To ask it, we need a few lines of code. You need not understand them today; after lesson 04 you could have written
# them.

# %%
import torch


def ask(picture):
    """The three likeliest names of a picture, with their probabilities."""
    with torch.inference_mode():
        logits = network(transform(picture)[None])[0]
    probabilities, labels = logits.softmax(dim=0).topk(3)
    return {names[label]: p.item() for label, p in zip(labels, probabilities)}


# %% [markdown]
# Six photographs came along, too. Here they are, each with the three names that the network finds likeliest:

# %%
import matplotlib.pyplot as plt

from course_utils import load_rgb, locate
from course_utils.evaluation.answers import show_answers

photos = [load_rgb(path) for path in sorted(locate("photos").glob("*.jpg"))]
show_answers(photos, [ask(photo) for photo in photos], title="What the network says")
plt.show()

# %% tags=["proof"]
astronaut, cat, coffee, palace, photographer, rocket = (ask(photo) for photo in photos)
assert coffee["espresso"] > 0.85 and photographer["tripod"] > 0.85, (coffee, photographer)
assert set(cat) == {"Egyptian cat", "tiger cat", "tabby"} and sum(cat.values()) > 0.85, cat
assert next(iter(palace)) == "palace" and palace["palace"] > 0.3, palace
assert set(list(rocket)[:2]) == {"missile", "drilling platform"} and max(rocket.values()) < 0.3, rocket
assert next(iter(astronaut)) == "bobsled" and astronaut["bobsled"] < 0.4, astronaut

# %% [markdown]
# No internet, no graphics card, and yet: espresso, a tripod, a palace, and three kinds of cat that you would have to
# look up. Then it becomes interesting. The rocket on its launch pad at night might be a missile or a drilling platform.
# And the astronaut is taken for a bobsled, though not with much conviction. Soon we shall see why.

# %% [markdown]
# ## Your own picture
#
# Drag a picture from your computer into the list of files on the left (its icon is a folder). JupyterLab copies it
# there, beside this notebook, and its name between quotation marks is all you need: `path = "holiday.jpg"`. A picture
# that lies elsewhere needs its whole path, written with `/` on every system: `"C:/Users/ada/Pictures/holiday.jpg"`.
# `..` is the folder above the one where this notebook lies. As it stands, the cell asks about the astronaut again.

# %%
path = "../data/photos/astronaut.jpg"  # write the name of your own picture here
picture = load_rgb(path)
show_answers([picture], [ask(picture)])
plt.show()

# %% [markdown]
# Whatever can be opened as a picture will do: JPEG, PNG, WebP and more. (Not the HEIC files of some telephones: save
# those as JPEG first.) Things that fill the picture work best: fruit, tools, animals, cups, vehicles.

# %% [markdown]
# **Try it.** On the right behind the astronaut stands a model of the space shuttle. Cut it out, with `crop`, and ask
# again. The four numbers are the left, upper, right and lower edge, in pixels.
# <details><summary>What we saw</summary>
#
# ```python
# shuttle = photos[0].crop((200, 0, 300, 175))
# show_answers([shuttle], [ask(shuttle)])
# plt.show()
# ```
#
# *Space shuttle*, with more than 50 %. The network knows it and has seen it, but it gives one answer for the whole
# picture, and in the whole picture the shuttle is small.
#
# </details>

# %% [markdown]
# **Try it.** Turn the photographer upside down.
# <details><summary>What we saw</summary>
#
# ```python
# turned = photos[4].rotate(180)
# show_answers([turned], [ask(turned)])
# plt.show()
# ```
#
# Perhaps a parachute, perhaps an umbrella; no tripod. Among the photographs it has learned from, hardly a tripod stood
# on its head. To you it is the same photograph. That a thing keeps its name when it is moved, turned or lit otherwise,
# a network has to learn like everything else; lessons 01 and 04 help it.
#
# </details>

# %% [markdown]
# ## Why it is wrong
#
# It can only say what is on its list. Which of these words are not?

# %%
words = ["cat", "person", "astronaut", "rocket", "space shuttle", "missile", "bobsled", "espresso"]
print("not on the list:", ", ".join(word for word in words if word not in names))

# %% tags=["proof"]
assert [word for word in words if word not in names] == ["cat", "person", "astronaut", "rocket"]
assert {"groom", "ballplayer", "scuba diver"} < set(names)
assert set(names[281:286]) == {"tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"}

# %% [markdown]
# It has no word for a rocket, so it takes the next best. It has none for a person: of people its list holds the groom,
# the ballplayer and the scuba diver. Perhaps bright clothes and helmets made it think of bobsleds. Nor can it just say
# *cat*, since ImageNet has five kinds of them. Names were chosen by people, and every network inherits such a choice.
#
# The other reason: **it has to answer.** The bars of all 1000 names together always make 100 %, and no name means "none
# of these".
#
# **Guess first.** What will it say about a picture of pure noise, each pixel a colour by chance? Then unfold the next
# cell: click the bar with the three dots, and run it.

# %% tags=["fold"]
import numpy as np
from PIL import Image

pixels = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
noise = Image.fromarray(pixels)
show_answers([noise], [ask(noise)])
plt.show()

# %% tags=["proof"]
assert next(iter(ask(noise))) == "kite" and ask(noise)["kite"] < 0.3, ask(noise)
cat_at_24_pixels = ask(photos[1].resize((24, 16)))
assert next(iter(cat_at_24_pixels)) == "kit fox" and cat_at_24_pixels["kit fox"] > 0.4, cat_at_24_pixels
upside_down = ask(photos[4].rotate(180))
assert list(upside_down)[:2] == ["parachute", "umbrella"], upside_down
shuttle = ask(photos[0].crop((200, 0, 300, 175)))
assert next(iter(shuttle)) == "space shuttle" and shuttle["space shuttle"] > 0.5, shuttle

# %% [markdown]
# A kite, the bird, if anything. At least the bar is short. Do not rely on that: reduce the cat to 24 × 16 pixels, as in
# `ask(photos[1].resize((24, 16)))`, and it is a kit fox, with 50 %.
#
# **Check yourself.** *Espresso*, 92 %. Does that mean: of a hundred pictures with such an answer, 92 show an espresso?
# <details><summary>Answer</summary>
#
# It would be nice, and nothing guarantees it. The number compares this name with the 999 others; that is all it was
# made for. How often such answers are right has to be counted, on pictures whose names one knows. Lesson 09 does it.
#
# </details>

# %% [markdown]
# ## The map of the course
#
# ![Four boxes in a row: data, network, answers, loss. An arrow leads from each to the next, and a dashed arrow, marked
# gradients, leads from the loss back to the network. Below each box stand the lessons that are about it; below all of
# them those that are about the whole.](figures/course_map.svg)
#
# You have just walked along the upper row: *data* (six photographs) went through a *network* and became *answers*. What
# you did not see is how the network came to know all that: a number, the *loss*, says how wrong its answers are, and
# the dashed arrow makes it a little less wrong, millions of times. After lesson 02 you know how; after lesson 06 you
# have taught a network like this one something new. [What each lesson teaches](../README.md#the-lessons), and how long
# it takes, is in a table. They build on one another: if you are new to PyTorch, take them in order.
#
# **What you need**: Python as far as functions, loops, `with`, f-strings and comprehensions such as
# `[x * x for x in numbers]`; of NumPy, that arrays have a shape and are added element by element; from school, that a
# curve has a slope. Figures are drawn with Matplotlib, tables are held by pandas; a first look at either is enough to
# follow. Of machine learning you need nothing.

# %% [markdown]
# ## Stepping through a notebook
#
# The number in brackets on the left, `[1]`, counts the cells you have run; `[*]` means: still running. The code is
# executed by a **kernel**, a Python process in the background that remembers every variable. That is why the second of
# these cells knows `minutes`. If a cell ends in an expression, its value is shown, no `print` needed.

# %%
minutes = 15
print(f"{minutes} minutes are {minutes * 60} seconds")

# %%
minutes / 60

# %% [markdown]
# | You want to | how |
# |---|---|
# | run this cell and go to the next | <kbd>Shift</kbd>+<kbd>Enter</kbd> |
# | stop a cell that takes too long | Kernel → Interrupt Kernel |
# | forget everything and run all cells in order | Kernel → Restart Kernel and Run All Cells… |
# | add a cell of your own | the + above this notebook |
# | see a folded cell | click the bar with the three dots |
# | get text back that a double click has turned into `# raw *Markdown*` | <kbd>Shift</kbd>+<kbd>Enter</kbd> in it |
# | jump to a section | View → Table of Contents |
#
# **Check yourself.** You run a cell that says `minutes = 20`, then delete the cell. What is `minutes` now?
# <details><summary>Answer</summary>
#
# Still 20. Deleting a cell deletes the text, not what the kernel remembers. To see the truth about a notebook, restart
# the kernel and run all cells.
#
# </details>

# %% [markdown]
# ### Running a cell twice
#
# Networks begin with random numbers. They come from a generator that does sums with its last number, so they are random
# only to the eye: whoever starts it from the same **seed** gets the same sequence.

# %%
torch.manual_seed(0)
print("after the seed:", torch.rand(3))
print("and then:      ", torch.rand(3))

# %% [markdown]
# **Check yourself.** `setup(seed=0)` at the top of a lesson does the same, once. You run a cell further down, which
# draws random numbers, a second time. Do you get our result again?
# <details><summary>Answer</summary>
#
# No. The generator goes on where it was, as in the second line above. The results that we saw belong to each cell run
# once, in order. If yours look different, *Restart Kernel and Run All Cells…* brings them back.
#
# </details>
#
# Back, but not to the last digit: processors add in different orders and round differently, and a training, thousands
# of steps long, makes more of it. **Trainings end a little differently on your machine. What the text says about them
# holds for ours,** and the conclusions should hold for yours.
#
# ### Interrupting
#
# Change `sleep(0)` to `sleep(1)`, run the cell, and interrupt it after a few seconds. It ends with a red
# `KeyboardInterrupt`. Then run the cell below it.

# %%
from time import sleep

weight = 0.0
for step in range(60):
    weight += 0.1  # a training changes its network a little in every step
    sleep(0)  # seconds to wait

# %%
print(f"weight: {weight:.1f}")

# %% [markdown]
# All 60 steps make 6.0; yours stopped on the way, and the cell below used what there was without a complaint. The same
# happens when you interrupt a training. The computer takes no harm, but the network is half trained, the optimizer
# remembers its last steps, and the random numbers have moved on. So **run again from the cell in which the network is
# made**, not only the one that you have interrupted.

# %% [markdown]
# ## How exercises work, and how to read an error
#
# Each lesson from 01 on has a notebook in the folder `exercises`. An exercise is a function with its description and a
# gap: the lines `# YOUR CODE HERE` and `raise NotImplementedError()`, which you replace. Below it is a folded **check**
# to be run. Here is one such function, filled in wrongly, and its check:

# %%
def to_celsius(fahrenheit):
    """Return the temperature in degrees Celsius. 32 °F are 0 °C, 212 °F are 100 °C."""
    return fahrenheit - 32 * 5 / 9


# %% tags=["raises-exception"]
freezing, boiling = to_celsius(32), to_celsius(212)
assert freezing == 0, f"32 °F gave {freezing:.1f} °C, not 0: subtract first, use brackets"
assert boiling == 100, f"212 °F gave {boiling:.1f} °C, not 100"
print("✓ correct")

# %% [markdown]
# So much red. **Read the last line first**: the kind of the error, here `AssertionError`, and what it complains of.
# Only then go up: the arrow `---->` points to the line where it happened. Errors inside a library show many such
# arrows; the one to look for points to a line that you have written.
#
# Mend the function: run its cell, then the check, until the check prints ✓.
# <details><summary>Solution</summary>
#
# `return (fahrenheit - 32) * 5 / 9`
#
# </details>
#
# Exercises have hints that fold open like this, and the folder `solutions` holds every exercise solved. Try first; what
# you have found yourself stays.

# %% [markdown]
# ## Is everything there?
#
# You have seen a network at work, so the most important things are. This cell looks at all packages and lists those for
# which something has to be done: missing, too old, or known to compute wrong.

# %% tags=["nbval-ignore-output"]
from course_utils.basics.environment import check_environment

environment = check_environment()
todo = environment.loc[environment["what to do"] != "", ["package", "installed", "what to do"]]
print(todo.to_string(index=False) if len(todo) else f"all {len(environment)} packages will do")

# %% tags=["proof"]
missing = environment.loc[environment["installed"] == "missing", "package"]
assert missing.empty, f"not installed: {', '.join(missing)}"

# %% [markdown]
# Commands such as `python -m pip install …` are typed in a terminal (File → New → Terminal). `python` stands for the
# one of the course: `.venv/bin/python`, on Windows `.venv\Scripts\python`, in an active conda environment just
# `python`. The next cell, which is folded, shows all packages and what they are for.

# %% tags=["fold", "nbval-ignore-output"]
environment[["package", "installed", "made with", "why"]]

# %% tags=["proof"]
assert len(environment) > 20 and (environment["why"] != "").all()

# %% [markdown]
# <details><summary>With conda, or with a graphics card</summary>
#
# In conda, in the folder of the course: `conda create -n course python=3.12`, `conda activate course`, then
# `python -m pip install -r requirements.txt`, and `jupyter lab --config=.jupyter/jupyter_lab_config.py`.
#
# The course needs no graphics card (GPU). If you have one of NVIDIA and Windows, pip installs a PyTorch that does not
# use it; [pytorch.org](https://pytorch.org/get-started/locally/) gives the command for one that does. Whether PyTorch
# sees it says `torch.cuda.is_available()`, and you will meet that in many programs as
# `device = torch.device("cuda" if torch.cuda.is_available() else "cpu")`. Here `setup` chooses, and the lessons write
# `course.device`.
#
# </details>

# %% [markdown]
# ## Sample data and real data
#
# `setup` does four things: it sets the seeds, chooses a **profile** and the device to compute on, and gives figures
# their style. There are two profiles:
#
# | | `sample` (as long as you choose nothing) | `full` |
# |---|---|---|
# | data | small sets that came with the course | real ones: all of MNIST (70,000 digits), photographs, … |
# | internet | never used | used once, to fetch them |
# | runs on | the processor (CPU), a minute or so a lesson | the graphics card, if there is one |
#
# The code of a lesson is the same in both. Where a number has to differ, the lesson asks `course.pick`. Here it is the
# number of **epochs**, which are passes over the data:

# %%
epochs = course.pick(sample=3, full=25)
print("profile", course.profile, "means", epochs, "epochs")

# %% [markdown]
# To switch, fetch the data, 0.5 GB, in a terminal with `python -m course_utils.downloads`, and write
# `setup(seed=0, profile="full")` at the top of this lesson; the others name their number as well, as in
# `setup(seed=0, profile="full", lesson="05")`. Where something is missing, that cell stops and says what to do. The
# files lie in `data/full`, or in the folder that the environment variable `COURSE_DATA_DIR` names;
# [the README](../README.md#real-data) tells how to switch all lessons at once.

# %% [markdown]
# ## Where your work goes
#
# A notebook keeps its outputs: when you open a lesson you see the results of our run, and yours replace them as you
# step through. Save with <kbd>Ctrl</kbd>+<kbd>S</kbd>. Lessons write to temporary folders or to `runs/`, and only read
# `data/`. To keep a lesson as it is, duplicate it first (right-click its name in the list of files) and work in the
# copy.

# %% [markdown]
# > **Common mistake.** A notebook uses names that none of its cells defines. In its author's kernel they still exist,
# > left over from cells long deleted. In every reader's kernel:

# %% tags=["raises-exception"]
print(n_class)

# %% [markdown]
# > The cure costs one click: *Restart Kernel and Run All Cells…* before you hand a notebook on.
#
# ## Summary
#
# - A network answers with names from its list and has to answer; how sure it sounds is not how often it is right.
# - <kbd>Shift</kbd>+<kbd>Enter</kbd> runs a cell; the kernel remembers variables until you restart it.
# - A seed repeats results only if each cell runs once, in order; after an interruption begin where things are made.
# - Of an error read the last line first; a check's message says what is wrong with your answer.
# - `setup` starts every lesson: `sample` needs no internet, `full` uses the real data.
#
# **Exercises**: they begin with lesson 01.
#
# **Next**: [01 · Loading and looking at image data](01_data_loading_and_visualization.ipynb)
