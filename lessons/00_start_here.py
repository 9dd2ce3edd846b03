# %% [markdown]
# # 00 · Start here
#
# In ten minutes a network names photographs on your own machine, and then a picture of yours. After that you learn to
# find your way through this course.
#
# **Time** about 35 minutes, of which the computer works 10 seconds · **Before this** some Python, a little NumPy
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
# <kbd>Shift</kbd>+<kbd>Enter</kbd>. The code runs, its result appears below it, and the next cell is selected. (The
# first one takes some seconds.) Go on like that, cell by cell, until you see photographs.

# %%
from course_utils import setup

course = setup(seed=0)

# %% [markdown]
# Now load a **network**, a long formula that turns the pixels of a picture into one number for each name on its list.
# The millions of numbers inside it have been learned; they came with the course, in a file of 9 MB. This network is
# called EfficientNet-Lite0 and has learned from ImageNet, 1.3 million photographs of 1000 kinds of things.

# %%
from course_utils import load_imagenet_network

network, transform, names = load_imagenet_network()
print(len(names), "names, among them:", ", ".join(names[5:1000:199]))

# %% [markdown]
# Asking it takes a few lines of PyTorch, the library that this course is about; in code it is called `torch`. You need
# not understand them today; after lesson 04 you could have written them.

# %%
import torch


def ask(picture):
    """The three likeliest names of a picture, with their probabilities."""
    with torch.inference_mode():
        logits = network(transform(picture)[None])[0]
    probabilities, labels = logits.softmax(dim=0).topk(3)
    return {names[label]: p.item() for label, p in zip(labels, probabilities)}


# %% [markdown]
# Six photographs came along, too. Each one with the names that the network finds likeliest:

# %%
import matplotlib.pyplot as plt

from course_utils import load_rgb, locate, show_answers

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
# No internet, no graphics card, and yet: an espresso, a tripod, a palace, and three kinds of cat that you would have to
# look up. Then it becomes interesting. The rocket at night might be a missile or a drilling platform. And the astronaut
# is taken for a bobsled, though without much conviction. Soon we shall see why.

# %% [markdown]
# ## Your own picture
#
# Drag a picture from your computer into the list of files on the left. JupyterLab copies it there, beside this
# notebook, so that its name is all the cell below needs: `path = "holiday.jpg"`. A picture that lies elsewhere needs
# its whole path, with `/` on every system: `"C:/Users/ada/Pictures/holiday.jpg"`. (`..` is the folder above this
# notebook's.) As it stands, the cell asks about the astronaut again.

# %%
path = "../data/photos/astronaut.jpg"  # write the name of your own picture here
picture = load_rgb(path)
show_answers([picture], [ask(picture)])
plt.show()

# %% [markdown]
# JPEG, PNG and WebP will do, and more; HEIC files of a telephone have to be saved as JPEG first. Fruit, tools, animals
# and vehicles work best, as large in the picture as possible.

# %% [markdown]
# **Try it.** Behind the astronaut, on the right, stands a model of the space shuttle. Cut it out: write
# `.crop((200, 0, 300, 175))` behind `load_rgb(path)`, the left, upper, right and lower edge in pixels, and run the cell
# again.
# <details><summary>What we saw</summary>
#
# ```python
# picture = load_rgb("../data/photos/astronaut.jpg").crop((200, 0, 300, 175))
# show_answers([picture], [ask(picture)])
# plt.show()
# ```
#
# *Space shuttle*, with more than 50 %. The network knows it. But it gives one answer for the whole picture, and there
# the shuttle is small.
#
# </details>

# %% [markdown]
# **Try it.** Turn the photographer upside down: write `photographer.jpg` in the path, and `.rotate(180)` in place of
# `.crop(…)`.
# <details><summary>What we saw</summary>
#
# ```python
# picture = load_rgb("../data/photos/photographer.jpg").rotate(180)
# show_answers([picture], [ask(picture)])
# plt.show()
# ```
#
# A parachute perhaps, or an umbrella; no tripod. To you it is the same photograph. That a thing keeps its name when it
# is turned, moved or lit otherwise, a network has to learn like everything else. Lessons 01 and 04 help it.
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
# There is no rocket, so it takes the next best. There is no person either (of people the list knows the groom, the
# ballplayer and the scuba diver), so the astronaut has to become something else. And it cannot say just *cat*, as the
# list has five kinds of them. People have chosen these names, and a network inherits the choice.
#
# The other reason: **it has to answer.** Its 1000 probabilities always make 100 %, and no name means "none of these".
#
# **Guess first.** What will it say about pure noise, every pixel a colour by chance? And about our cat, reduced to
# 24 × 16 pixels? Then click the line with the three dots, which unfolds a cell, and run it.

# %% tags=["fold"]
import numpy as np
from PIL import Image

pixels = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
noise, tiny = Image.fromarray(pixels), photos[1].resize((24, 16))
show_answers([noise, tiny], [ask(noise), ask(tiny)], title="Noise, and 24 × 16 pixels of a cat")
plt.show()

# %% tags=["proof"]
assert next(iter(ask(noise))) == "kite" and ask(noise)["kite"] < 0.3, ask(noise)
assert next(iter(ask(tiny))) == "kit fox" and ask(tiny)["kit fox"] > max(ask(photos[1]).values()), ask(tiny)
upside_down = ask(photos[4].rotate(180))
assert list(upside_down)[:2] == ["parachute", "umbrella"], upside_down
shuttle = ask(photos[0].crop((200, 0, 300, 175)))
assert next(iter(shuttle)) == "space shuttle" and shuttle["space shuttle"] > 0.5, shuttle

# %% [markdown]
# A kite, if anything; it means the bird. At least that bar is short. Do not rely on it: of the cat it makes a kit fox,
# and is surer of it than of any cat in the large photograph.
#
# **Check yourself.** *Espresso*, 92 %. Does that mean: of a hundred pictures with such an answer, 92 show an espresso?
# <details><summary>Answer</summary>
#
# It would be nice, but nothing guarantees it. The number compares this name with the 999 others. How often such answers
# are right has to be counted, on pictures whose names one knows; lesson 09 does it.
#
# </details>

# %% [markdown]
# ## The map of the course
#
# ![Four boxes in a row: data, network, answers, loss. An arrow leads from each to the next, and a dashed arrow, marked
# gradients, leads from the loss back to the network. Below each box stand the lessons that are about it; below all of
# them those that are about the whole.](figures/course_map.svg)
#
# You have just walked along the upper row: *data*, six photographs, went through a *network* and became *answers*. You
# did not see how the network came to know all that. A number, the *loss*, says how wrong its answers are, and the
# dashed arrow makes it a little less wrong, again and again: lesson 02. After lesson 06 you have taught such a
# network something new. The lessons build on one another; [a table](../README.md#the-lessons) says what each one
# teaches and how long it takes.
#
# *What you need*: Python with functions, loops, `with`, f-strings and comprehensions (`[x * x for x in numbers]`); of
# NumPy, that arrays have a shape and are added element by element; from school, the slope of a curve. Tables are held
# by pandas and figures drawn with Matplotlib; a first look at either is enough. No machine learning.

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
# | You want to | do this |
# |---|---|
# | run this cell and go to the next | <kbd>Shift</kbd>+<kbd>Enter</kbd> |
# | stop a cell that takes too long | Kernel → Interrupt Kernel, or ■ above |
# | forget everything and run all cells in order | Kernel → Restart Kernel and Run All Cells… |
# | add a cell of your own below this one | <kbd>Esc</kbd>, then <kbd>B</kbd> |
# | see text as text again, after a double click has shown its `**Markdown**` | <kbd>Shift</kbd>+<kbd>Enter</kbd> |
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
# Networks begin with random numbers. Those come from a generator that makes each number from the last one: start it
# with the same **seed**, and the same sequence comes out.

# %%
torch.manual_seed(0)
print("after the seed:", torch.rand(3))
print("and then:      ", torch.rand(3))

# %% [markdown]
# **Check yourself.** `setup(seed=0)` does the same, once, at the top of a lesson. You run a cell further down a second
# time. It draws random numbers. Do you get our result again?
# <details><summary>Answer</summary>
#
# No. The generator goes on where it was, as in the second line above. What you read in a lesson came out when each cell
# ran once, in order. *Restart Kernel and Run All Cells…* brings it back.
#
# </details>

# %% [markdown]
# One thing no seed can do. Processors round differently, and in a training of many steps a small difference grows. So
# **trainings end a little differently on your machine; what the text says of them holds for ours.**
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
# All steps make 6.0. Yours stopped on the way, and the next cell used what there was without a complaint. (Now put the
# 0 back.) So it is when you interrupt a training: the computer takes no harm, but the network is half trained, and the
# random numbers have moved on. *Run again from the cell in which the network is made*, not only the one that you
# interrupted.

# %% [markdown]
# ## How exercises work, and how to read an error
#
# Each lesson from 01 on has a notebook in the folder `exercises`. An exercise is a function with its description and a
# gap, the lines `# YOUR CODE HERE` and `raise NotImplementedError()`, which you replace. Below it is a folded *check*
# to be run. Here is such a function, filled in wrongly, and its check:

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
# *Read the last line first*: the kind of the error, here `AssertionError`, and what it complains of. Then go up: the
# arrow `---->` points to the line where it happened. An error inside a library shows many such arrows; look for the one
# at a line that you have written.
#
# Mend the function: run its cell, then the check, until the check prints ✓.
# <details><summary>Solution</summary>
#
# `return (fahrenheit - 32) * 5 / 9`
#
# </details>
#
# In the exercises a check shows its message in a box of its own, above the error. They have hints that fold open like
# this one: first a question, then the place in the lesson, then another example. The folder `solutions` holds every
# exercise solved. Try first; what you have found yourself stays. How far you are, `progress` tells from the notebooks
# that you have saved:

# %% tags=["nbval-ignore-output"]
from course_utils import progress

progress()

# %% tags=["proof"]
from contextlib import redirect_stdout
from io import StringIO

with redirect_stdout(StringIO()) as printed:
    progress()
first, *others = printed.getvalue().splitlines()
from pathlib import Path

exercises = list(Path("exercises").glob("[0-9]*.ipynb"))
assert f"of {5 * len(exercises)} tasks solved." in first and len(others) == len(exercises), printed.getvalue()

# %% [markdown]
# ## Is everything there?
#
# This cell lists the packages for which something has to be done: missing, too old, or known to compute wrong. Its
# last line says what is known of your version of PyTorch.

# %% tags=["nbval-ignore-output"]
from course_utils.basics.environment import check_environment, tried

environment = check_environment()
todo = environment.loc[environment["what to do"] != "", ["package", "installed", "what to do"]]
print(todo.to_string(index=False) if len(todo) else f"all {len(environment)} packages will do")
print(tried())

# %% tags=["proof"]
missing = environment.loc[environment["installed"] == "missing", "package"]
assert missing.empty, f"not installed: {', '.join(missing)}"
as_made = environment.set_index("package").loc["torch", "verdict"] == "as made"
assert as_made == tried().endswith("that the stored outputs were made with."), tried()

# %% [markdown]
# Commands such as `python -m pip install …` go into a terminal (File → New → Terminal). For `python` write the course's
# own: `.venv/bin/python`, on Windows `.venv\Scripts\python`; in an active conda environment it is `python` itself. The
# next cell, folded, shows all packages and what each is for.

# %% tags=["fold", "nbval-ignore-output"]
for row in environment.itertuples():
    print(f"{row.package:24}{row.installed:12}{row.why}")

# %% tags=["proof"]
assert len(environment) > 20 and (environment["why"] != "").all()

# %% [markdown]
# <details><summary>With conda, or with a graphics card</summary>
#
# In conda, in the folder of the course: `conda create -n course python=3.12`, `conda activate course`,
# `python -m pip install -r requirements.txt`, and every day `jupyter lab --config=.jupyter/jupyter_lab_config.py`.
#
# The course needs no graphics card (GPU). If you have one of NVIDIA and Windows, pip installs a PyTorch that does not
# use it; [pytorch.org](https://pytorch.org/get-started/locally/) gives the command for one that does. In many programs
# you will read `device = torch.device("cuda" if torch.cuda.is_available() else "cpu")`: the GPU, if PyTorch finds one.
# Here `setup` chooses, and the lessons write `course.device`.
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
# | data | small sets that came with the course | real ones: all of MNIST (70,000 handwritten digits), photographs, … |
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
# `setup(seed=0, profile="full")` here. The other lessons name their number as well, as in
# `setup(seed=0, profile="full", lesson="05")`; where something is missing, that cell stops and says what to do.
# [The README](../README.md#real-data) tells how to switch all lessons at once.
#
# **Where your work goes.** A notebook keeps its outputs: you see ours until yours replace them. Save with
# <kbd>Ctrl</kbd>+<kbd>S</kbd>. What you see lies in `work/`: your own copies, made when JupyterLab started, which no
# update of the course overwrites. `python -m course_utils.fresh 03` in a terminal brings lesson 03 back as it was
# (`exercises/03` its exercise) and keeps yours beside it. Lessons write to temporary folders or to `runs/`, and only
# read `data/`.

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
# - A network answers with names from its list, and it has to answer; how sure it sounds is not how often it is right.
# - <kbd>Shift</kbd>+<kbd>Enter</kbd> runs a cell; the kernel remembers variables until you restart it.
# - A seed repeats results if each cell runs once, in order; after an interruption begin where things are made.
# - Of an error read the last line first; the message of a check says what is wrong with your answer.
# - `setup` starts every lesson: `sample` needs no internet, `full` uses the real data.
#
# **Exercises**: they begin with lesson 01.
#
# **Next**: [01 · Loading and looking at image data](01_data_loading_and_visualization.ipynb)
