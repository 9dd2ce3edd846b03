# %% [markdown]
# # 00 · Start here
#
# In twenty minutes you know how to step through this course, whether your computer has all it needs, and how the
# exercises tell you whether you solved them.
#
# **Time** about 20 minutes, of which the computer works 10 seconds · **Before this** some Python, a little NumPy
#
# **You will learn to**
#
# - run, interrupt and restart a notebook, and know where its results live
# - check that everything is installed, and install what is not
# - choose between the sample data and the real data
# - solve an exercise and have it checked
#
# The [map of all lessons](../README.md#the-lessons) says what each one teaches and how long it takes. They build on one
# another: if you are new to PyTorch, take them in order.

# %% [markdown]
# ## Stepping through a notebook
#
# You are looking at a **notebook**: text like this, and **code cells** like the next one. Click into it and press
# <kbd>Shift</kbd>+<kbd>Enter</kbd>. The code runs, its result appears below it, and the cursor moves on.

# %%
minutes = 15
print(f"{minutes} minutes are {minutes * 60} seconds")

# %% [markdown]
# The number in brackets on the left, `[1]`, counts the cells you have run. While a cell is running it shows `[*]`.
#
# The code is executed by a **kernel**, a Python process in the background that remembers every variable. That is why
# the next cell knows `minutes`. If the last line of a cell is an expression, its value is shown, no `print` needed.

# %%
minutes / 60

# %% [markdown]
# Three commands of the menu are worth knowing from the start:
#
# | You want to | Menu | Keys |
# |---|---|---|
# | run this cell and go to the next | Run → Run Selected Cell | <kbd>Shift</kbd>+<kbd>Enter</kbd> |
# | stop a cell that takes too long | Kernel → Interrupt Kernel | <kbd>Esc</kbd>, then <kbd>I</kbd> <kbd>I</kbd> |
# | forget everything and run all cells in order | Kernel → Restart Kernel and Run All Cells… | |
#
# Interrupting is harmless: the cell ends with a red `KeyboardInterrupt`, variables stay, and it can be run again. Try
# it on a cell that counts slowly: change `sleep(0)` to `sleep(1)`, run the cell, and interrupt it before it has
# finished.

# %%
from time import sleep

for second in range(60):
    sleep(0)  # seconds to wait
print("counted to", second + 1)

# %% [markdown]
# **Check yourself.** You run a cell that says `minutes = 20`, then delete the cell. What is `minutes` now?
# <details><summary>Answer</summary>
#
# Still 20. Deleting a cell deletes the text, not what the kernel remembers. To see the truth about a notebook, restart
# the kernel and run all cells.
#
# </details>

# %% [markdown]
# ## Is everything there?
#
# Every lesson begins with the same cell. `setup` comes from `course_utils`, the small helper package of this course.
# `seed=0` makes the random numbers come out the same in every run, so that you see the results that we saw, and the
# printed line says what the lesson runs on.

# %%
from course_utils import setup
from course_utils.basics.environment import check_environment

course = setup(seed=0)

# %% [markdown]
# If that cell failed with `ModuleNotFoundError`, its message says which package is missing and what to type. If it
# ran, the next one looks at the versions you have. It lists the packages for which something has to be done, and
# nothing else: a package that is missing, too old, or known to compute wrong. The command in the last column can be
# typed in a terminal (File → New → Terminal).

# %% tags=["nbval-ignore-output"]
environment = check_environment()
todo = environment[environment["what to do"] != ""].drop(columns=["made with", "why"])
print(todo.to_string(index=False) if len(todo) else "nothing to do")

# %% tags=["proof"]
missing = environment.loc[environment["installed"] == "missing", "package"]
assert missing.empty, f"not installed: {', '.join(missing)}"

# %% [markdown]
# A version other than the one the course was made with is no reason to worry: the lessons hold, only the last digits of
# a number may differ from those in the text. The whole table is `environment`; its column *why* says what each package
# is for.
#
# PyTorch itself is the package `torch`; `torchvision` adds everything for images.
#
# Last, a first calculation with PyTorch. A **tensor** is PyTorch's array, a close relative of NumPy's:

# %%
import torch

numbers = torch.arange(1, 7).reshape(2, 3)
print(numbers)
print("shape:", tuple(numbers.shape), "  sum:", numbers.sum().item())

# %% [markdown]
# **Check yourself.** What does `numbers.sum()` show if you leave out `.item()`? Try it in the cell above.
# <details><summary>Answer</summary>
#
# `tensor(21)`, a tensor with no dimensions. `.item()` turns a tensor with one element into a plain Python number.
#
# </details>

# %% [markdown]
# ## Sample data and real data
#
# The line that `setup` printed named a **profile**. There are two:
#
# | | `sample` (as long as you choose nothing) | `full` |
# |---|---|---|
# | data | small sets that came with the course | the real ones: MNIST (70,000 handwritten digits), photographs, … |
# | internet | never used | used once, by `make data` |
# | runs on | the processor (CPU), a minute or so a lesson | the graphics card (GPU), if you have one |
#
# The code of a lesson is the same in both. Where a number has to differ, the lesson asks `course.pick`. Here it is the
# number of **epochs**, which are passes over the data:

# %%
epochs = course.pick(sample=3, full=25)
print("profile", course.profile, "means", epochs, "epochs")

# %% [markdown]
# To switch, fetch the data with `make data`. Then write `setup(seed=0, profile="full")` in a lesson, or start
# JupyterLab with `COURSE_PROFILE=full make lab`, which switches all lessons. The files lie in `data/full`, or in the
# folder named by `COURSE_DATA_DIR`. When something that `full` needs is missing, the lesson stops and says what and how
# to get it; it never falls back to samples quietly. That happens in the first cell, where the other lessons name their
# number, as in `setup(seed=0, lesson="05")`. Without a GPU it also says how many minutes the lesson will compute. The
# [README](../README.md#real-data) has the details.

# %% [markdown]
# ## How exercises work
#
# Each lesson from 01 on has a notebook with exercises in the folder `exercises`. An exercise is a function with its
# description and a gap:
#
# ```python
# def to_celsius(fahrenheit):
#     """Return the temperature in degrees Celsius. 32 °F are 0 °C, 212 °F are 100 °C."""
#     # YOUR CODE HERE
#     raise NotImplementedError()
# ```
#
# You replace the last two lines, run the cell, and run the **check** below it. A ✓ means it works; otherwise a red
# message says what is wrong. Here is the same exercise with a wrong answer:

# %%
def to_celsius(fahrenheit):
    """Return the temperature in degrees Celsius. 32 °F are 0 °C, 212 °F are 100 °C."""
    return fahrenheit - 32 * 5 / 9


# %% [markdown]
# And the check. In an exercise it would stop with a red error; here we catch the error, to show only its message.

# %%
try:
    assert to_celsius(32) == 0, "32 °F should give 0 °C: subtract first, and use brackets"
    assert to_celsius(212) == 100, "212 °F should give 100 °C"
    print("✓ correct")
except AssertionError as message:
    print("✗", message)

# %% [markdown]
# Change the function so that the check prints ✓. (Run both cells again: first the function, then the check.)
# <details><summary>Solution</summary>
#
# `return (fahrenheit - 32) * 5 / 9`
#
# </details>
#
# Exercises have hints that fold open like this one, and the folder `solutions` holds every exercise solved. Try first;
# what you have found yourself stays.

# %% [markdown]
# ## Where your work goes
#
# Outputs are saved inside the notebook file: when you open a lesson you see the results of our run, and yours replace
# them as you step through. Save with <kbd>Ctrl</kbd>+<kbd>S</kbd>. Files that a lesson writes go to temporary folders
# or to `runs/`. Nothing you do in a notebook can damage the sample data in `data/`: lessons only read it.
#
# If you want to try things and keep the lesson as it is, duplicate it first (right-click its name in the file list) and
# work in the copy. To get a changed lesson back, take the file from a fresh download of the course.

# %% [markdown]
# > **Common mistake.** A widely copied tutorial uses names that none of its cells defines, such as `n_class` and
# > `criterion`. In its author's kernel they still existed, left over from cells long deleted. In every reader's kernel:

# %%
try:
    print(n_class)
except NameError as error:
    print("NameError:", error)

# %% [markdown]
# > The cure costs one click: *Restart Kernel and Run All Cells…* before you hand a notebook on.
#
# ## Summary
#
# - <kbd>Shift</kbd>+<kbd>Enter</kbd> runs a cell; the kernel remembers variables until you restart it.
# - `setup(seed=0)` starts every lesson and names the profile: `sample` needs no internet, `full` uses the real data.
# - `check_environment()` says what to install, if anything.
# - An exercise is a gap and a check; the check's message says what is wrong.
# - Restart and run all before you believe a notebook.
#
# **Exercises**: they begin with lesson 01.
#
# **Next**: [01 · Loading and looking at image data](01_data_loading_and_visualization.ipynb)
