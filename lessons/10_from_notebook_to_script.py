# %% [markdown]
# # 10 · From notebook to script
#
# Your training leaves the notebook: a program that you start in a terminal, stop, resume and test, and that ends with
# the same digits as one that was never stopped.
#
# **Time** about 60 minutes, of which the computer works 40 seconds · **Before this**
# [lesson 05](05_custom_resnet.ipynb), [lesson 06](06_fine_tuning.ipynb), [lesson 09](09_metrics_and_plots.ipynb)
#
# **You will learn to**
#
# - write a program whose flags mean what they say, and start it in a terminal
# - keep a training run in a folder: settings, versions, logs, weights
# - go on where a program was stopped, without losing a digit
# - judge a model with a second program, and keep validation and test apart
# - let Optuna search for hyperparameters, and say how far to trust the winner
# - train in two processes that learn what one learns

# %%
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import hymenoptera, setup
from course_utils.train import main as train_program

course = setup(seed=0, lesson="10")

# %% [markdown]
# ## What you will have
#
# A program that survives a power cut. Its pictures are the ants and bees of lesson 06. Settings are given to a program
# behind its name, as **flags**. Here they are in a list; each run gets a folder below `runs/10`:

# %%
root = hymenoptera("train").root.parent
size = course.pick(sample=48, full=96)
flags = f"--model cnn --size {size} --batch-size 8 --epochs 3 --workers 0 --device cpu".split()
flags += ["--data", str(root)]
# this notebook's Python, and the module to run as a program
program = [sys.executable, "-m", "course_utils.train"]

# %%
def new_run(name):
    folder = Path("../runs/10") / name
    shutil.rmtree(folder, ignore_errors=True)  # so that a cell can be run twice
    return folder


# %% [markdown]
# It runs twice. The first run may finish: we call the program's function `main` from here, with the flags. The second
# one is a program of its own, as from a terminal (`Popen` does not wait for its end, `poll` returns `None` while it
# runs). We kill it without a warning in the middle of its second epoch, as soon as its log has more than 50 lines. Then
# we tell the program to go on, with `--resume`.

# %%
def train_here(*flags):
    with contextlib.redirect_stdout(io.StringIO()):  # keeps what the program says off this page
        return train_program([str(flag) for flag in flags])


# %%
whole = new_run("whole")
codes = {"whole": train_here(*flags, "--output", whole)}

# %%
killed = new_run("killed")
process = subprocess.Popen([*program, *flags, "--output", killed], stdout=subprocess.DEVNULL)
log = killed / "batches.csv"
while process.poll() is None and not (log.exists() and len(log.read_text().splitlines()) > 50):
    time.sleep(0.01)
process.kill()
process.wait()
at_the_kill = pd.read_csv(log, index_col="batch")["train_loss"]

codes["resumed"] = train_here("--resume", killed)

# %% tags=["proof"]
assert process.returncode != 0, "the program came to its end before it was killed"
assert codes == {"whole": 0, "resumed": 0}, codes
assert 50 <= len(at_the_kill) <= 60, f"{len(at_the_kill)} batches in the log when it was killed"

# %%
losses = {}
for folder in [whole, killed]:
    losses[folder.name] = pd.read_csv(folder / "batches.csv", index_col="batch")
resumed = losses["killed"]["train_loss"].loc[31:]  # a batch has 8 pictures, an epoch 30 batches
fig, ax = plt.subplots(figsize=(7.5, 3.6))
ax.plot(losses["whole"]["train_loss"], color="0.75", lw=7, label="never stopped")
ax.plot(at_the_kill, color="C1", lw=2.5, label="killed")
ax.plot(at_the_kill.index[-1], at_the_kill.iloc[-1], "X", color="black", ms=11, label="here")
ax.plot(resumed, color="C0", lw=1.5, label="resumed")
for end in [30, 60]:
    ax.axvline(end + 0.5, color="0.5", ls=":")
ax.set(title="Killed in the second epoch, and resumed", xlabel="batch", ylabel="loss of the batch")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% tags=["proof"]
assert at_the_kill.index[-1] > 30 and len(resumed) == 60, f"killed at {at_the_kill.index[-1]}, {len(resumed)} after"

# %% [markdown]
# The wide grey line is the run that nobody disturbed. The killed one (orange) follows it to the cross. The resumed one
# (blue) begins at the first dotted line, where the last whole epoch had ended, and stays on the grey line, batch by
# batch. How far apart are they?

# %%
apart = (losses["whole"] - losses["killed"]).abs().max()
best = [(folder / "best.safetensors").read_bytes() for folder in [whole, killed]]
print(f"largest difference of two losses: {apart['train_loss']}")
print("weights of the best epoch:", "the same" if best[0] == best[1] else "others")

# %% tags=["proof"]
assert apart["train_loss"] == 0 and best[0] == best[1], f"{apart}"

# %% [markdown]
# Zero, to the last bit. In this lesson you see how such a program is made, and run it yourself. It leaves these files:
#
# ![The folder of a run as a tree. config.json: settings, class names and versions, written before the first batch.
# batches.csv and epochs.csv: the logs. last.pt: all that is needed to go on, replaced after every epoch.
# best.safetensors: the weights of the epoch with the lowest validation loss. epoch-01.safetensors and so on: the
# weights of every epoch. test.json and predictions.csv: what the test program adds.](figures/run_folder.svg)
#
# Open `runs/10/killed` in the file browser on the left of JupyterLab and double-click `config.json` and `epochs.csv`.
# (Where large networks fill the disk, `--no-keep-epochs` keeps the best weights alone.)

# %% [markdown]
# ## A script
#
# A notebook is made for looking. For a training that takes a night it is the wrong place: it needs a browser, its cells
# run in any order, and a week later nobody knows with which settings. A **script** is a text file that a fresh Python
# reads from top to bottom. The first line of this cell tells Jupyter to write the cell into a file, not to run it:

# %% tags=["nbval-ignore-output"]
# %%writefile ../runs/10/count_pictures.py
import argparse
import sys
from pathlib import Path  # noqa: F811


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Count the pictures of each class.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ending", default=".jpg", help="of the files to count")
    flags = parser.parse_args(arguments)
    if not flags.folder.is_dir():
        print(f"error: there is no folder {flags.folder}", file=sys.stderr)
        return 1
    for place in sorted(flags.folder.iterdir()):
        print(place.name, len(list(place.glob("*" + flags.ending))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

# %% tags=["proof"]
assert Path("../runs/10/count_pictures.py").read_text(encoding="utf-8").startswith("import argparse")

# %% [markdown]
# In a terminal you would type `python count_pictures.py FOLDER`. From a notebook `subprocess.run` starts it. A running
# program is a **process**. Text leaves it in two ways: `stdout`, where `print` goes, and `stderr`, for complaints. And
# at its end it gives back a number, the **exit code**: 0 for "all went well", anything else for "it did not".

# %%
def start(*command):
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True)
    print(done.stdout + done.stderr, end="")
    print("exit code:", done.returncode)


script = Path("../runs/10/count_pictures.py")
start(script, root / "train")
start(script, "nowhere")

# %% [markdown]
# A missing folder is answered by a line that says what is wrong, not by twenty lines of Python, and the exit code tells
# whoever started the program.
#
# Three habits make it a good program. Everything happens in a function `main` that takes the list of flags, so a test
# can call it (`None` means: those of the command line). It returns the exit code. And the last two lines call it only
# if the file was *started*: then Python sets `__name__` to `"__main__"`. If it was imported, `__name__` is its name.
#
# ### Why `if __name__ == "__main__"`
#
# Without that line many programs with PyTorch fail. On Windows and macOS, and from Python 3.14 on under Linux as well,
# a worker of a `DataLoader` is a fresh Python that *imports your script again*. If importing it starts the training,
# each worker starts workers. Here is a small script that starts a process in this way, called **spawn**, on every
# system:

# %% tags=["nbval-ignore-output"]
# %%writefile ../runs/10/without_guard.py
import multiprocessing

print("this file runs as", __name__, flush=True)  # flush: print at once
worker = multiprocessing.get_context("spawn").Process(target=print, args=["I am the worker"])
worker.start()
worker.join()

# %% tags=["proof"]
assert "__main__" not in Path("../runs/10/without_guard.py").read_text(encoding="utf-8")

# %% [markdown]
# **Guess first.** How often will "this file runs as" be printed, and does the worker ever get to say its line? Then
# open the cell.

# %% tags=["fold"]
command = [sys.executable, "../runs/10/without_guard.py"]
done = subprocess.run(command, capture_output=True, text=True)
print(done.stdout)
for line in done.stderr.splitlines():
    if "attempt" in line or "bootstrapping" in line:
        print(line)

# %% tags=["proof"]
assert done.stdout.split("\n")[:2] == ["this file runs as __main__", "this file runs as __mp_main__"], done.stdout
assert "I am the worker" not in done.stdout and "An attempt has been made to start a new process" in done.stderr

# %% [markdown]
# Twice, the second time as `__mp_main__`, in the worker, which never gets to its line. "An attempt has been made to
# start a new process before the current process has finished its bootstrapping phase": whenever you read this, put what
# your script *does* into a function and call it behind `if __name__ == "__main__":`. (Nor do such workers find a class
# of a notebook's cell: [lesson 08](08_custom_dataset.ipynb).)

# %% [markdown]
# ## Flags
#
# `argparse` turns the texts on the command line into values of the right type. It can be tried in a notebook, because
# `parse_args` takes a list:

# %%
import argparse  # noqa: F811

parser = argparse.ArgumentParser(prog="train", allow_abbrev=False)
parser.add_argument("--epochs", type=int, default=5, help="passes over the images")
parser.add_argument("--model", choices=["cnn", "resnet18"], default="cnn", help="network")
print(parser.parse_args(["--epochs", "3"]))
print(parser.format_help())

# %% [markdown]
# A missing flag gets its default, and `--help` comes for free. (Without `allow_abbrev=False` it would also take
# `--epoch`, until a new flag makes that ambiguous.) A wrong flag ends the program with exit code 2 and a line on
# `stderr`. argparse raises `SystemExit` for that, which we catch here, and its line as well:

# %%
def refusal(parser, flags):
    with contextlib.redirect_stderr(io.StringIO()) as said:  # keeps what goes to stderr
        try:
            return f"accepted: {parser.parse_args(flags.split())}"
        except SystemExit:
            return said.getvalue().splitlines()[-1].partition(" (")[0]


for wrong in ["--epochs three", "--model resnet19", "--epohcs 3"]:
    print(refusal(parser, wrong))

# %% [markdown]
# (What argparse adds in brackets differs between versions of Python, so we cut it off.) `type=` may be any function
# that takes a text. If it raises an `ArgumentTypeError`, the message is shown:

# %%
def positive(text):
    number = float(text)
    if not number > 0:  # also refuses nan, which is neither above 0 nor below
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


# %%
parser = argparse.ArgumentParser(prog="train")
parser.add_argument("--learning-rate", type=positive, default=1e-3)
for text in ["0.01", "-1", "nan"]:
    print(refusal(parser, f"--learning-rate {text}"))

# %% [markdown]
# Any function, so `bool` as well, and here lies a trap. A widely copied tutorial has `--is_cuda` with `type=bool` and
# `--data_mean` with `type=tuple`.
#
# **Guess first.** What do they make of `--is_cuda False` and of `--data_mean 0.4`? Then open the cell.

# %% tags=["fold"]
trap = argparse.ArgumentParser()
trap.add_argument("--is_cuda", type=bool, default=False)
trap.add_argument("--data_mean", type=tuple, default=(0.5, 0.5, 0.5))
print(trap.parse_args(["--is_cuda", "False", "--data_mean", "0.4"]))

# %% [markdown]
# `bool` asks whether a text is empty, and `False` has five letters: on. `tuple` takes the text apart into characters.
# Neither complains. These do what they say: `BooleanOptionalAction` makes two flags, one for yes and one for no;
# `nargs=3` with `type=float` takes three numbers.

# %%
sound = argparse.ArgumentParser()
sound.add_argument("--cuda", action=argparse.BooleanOptionalAction, default=False)
sound.add_argument("--data-mean", nargs=3, type=float, default=[0.5, 0.5, 0.5])
print(sound.parse_args("--no-cuda --data-mean 0.4 0.5 0.6".split()))

# %% [markdown]
# ## One description for flags and record
#
# A training has a dozen settings. They are needed three times: as flags, as values in the program, and written down
# beside the result. Three lists will differ one day, so describe them once. A **dataclass** is a class made of a list
# of fields. `frozen=True` forbids changing one later: what was written down is what was used. `__post_init__` runs
# after all fields are set and may refuse them.

# %%
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Recipe:
    epochs: int = 5
    learning_rate: float = 1e-3
    augment: bool = True

    def __post_init__(self):
        if self.epochs < 1:
            raise ValueError(f"epochs is {self.epochs}, it must be at least 1.")


recipe = Recipe(epochs=3)
print(json.dumps(asdict(recipe), indent=2))

# %% [markdown]
# `asdict` makes a dictionary of it, and **JSON** is text that every language can read. That is the record. The flags
# are made from the same fields, one `add_argument` for each (the next cell, for the curious).

# %% tags=["fold"]
from dataclasses import fields


def parser_for(description):
    parser = argparse.ArgumentParser(prog="train")
    for setting in fields(description):
        kind = {"type": setting.type}
        if setting.type is bool:
            kind = {"action": argparse.BooleanOptionalAction}
        parser.add_argument("--" + setting.name.replace("_", "-"), default=setting.default, **kind)
    return parser


# vars makes a dictionary of the flags, ** hands it over as keyword arguments
print(Recipe(**vars(parser_for(Recipe).parse_args(["--epochs", "3", "--no-augment"]))))

# %% [markdown]
# The course's `Settings`, in [settings.py](../course_utils/settings.py), is such a class. Settings alone do not repeat
# a result, though: another PyTorch or another processor rounds differently. So the record also says with what it was
# made. `open_run` reads the record of a run:

# %% tags=["nbval-ignore-output"]
from course_utils import open_run

run = open_run(whole)
print("settings:", *asdict(run.settings), sep="  ")
print("classes: ", *run.classes, sep="  ")
print("made with:", *[run.environment[name] for name in ["started", "torch", "system"]], sep="  ")

# %% tags=["proof"]
assert run.classes == ["ants", "bees"] and run.images["train"] > 200, f"{run}"
assert (run.settings.epochs, run.settings.model, run.settings.batch_size) == (3, "cnn", 8), f"{run.settings}"
assert {"optimizer", "schedule", "step_epochs", "augmentation", "start_from"} <= set(asdict(run.settings))

# %% [markdown]
# Among the settings are the choices of well-known tutorials. SGD with momentum 0.9 and `StepLR(7, 0.1)`, as in
# lesson 06, is `--epochs 25 --batch-size 4 --optimizer sgd --weight-decay 0 --schedule step --warmup-epochs 0`.
# `--augmentation jitter` turns pictures and changes their colours. `--start-from` begins with the weights of an earlier
# run, say one that trained the head with `--freeze`.
#
# **Check yourself.** `best.safetensors` holds tensors and nothing else. What would be lost if `config.json` were
# deleted?
# <details><summary>Answer</summary>
#
# Which network the tensors fit into, how large the pictures have to be, and what outputs 0 and 1 mean.
#
# </details>

# %% [markdown]
# ## Now in a terminal
#
# Now leave the notebook. In JupyterLab choose *File → New → Terminal*. You are in the folder of the course. First
# switch to its Python: `source .venv/bin/activate`, on Windows `.venv\Scripts\activate`, with conda
# `conda activate course`. Then type the three lines behind the `$`. While the first one runs, after an epoch or two,
# press <kbd>Ctrl</kbd>+<kbd>C</kbd>.
#
# ```console
# $ python -m course_utils.train --data data/hymenoptera --model cnn --size 48 --batch-size 8 --epochs 8 --output runs/10/mine  # noqa: E501
# epoch 1/8   train loss 0.7171   train accuracy 0.4875   val loss 0.6981   val accuracy 0.5621
# ^Cstopped: finished epochs are saved, go on with: python -m course_utils.train --resume runs/10/mine
#
# $ python -m course_utils.train --resume runs/10/mine
# epoch 2/8   train loss 0.6983   train accuracy 0.4958   val loss 0.7521   val accuracy 0.5621
# ⋮
# epoch 8/8   train loss 0.6246   train accuracy 0.7042   val loss 0.6726   val accuracy 0.6471
# best epoch 8 (lowest val loss 0.6726): val accuracy 0.6471, weights in runs/10/mine
# Judge it once, at the end: python -m course_utils.test runs/10/mine --data …/data/hymenoptera
#
# $ python -m course_utils.test runs/10/mine --data data/hymenoptera
# 150 images, weights best: loss 0.6519, accuracy 0.6400, standard error 0.0392
# ```
#
# (Some digits may differ from yours, a bar shows how far each epoch is, and `…` stands for the folder of the course.)
# Ctrl-C is a polite kill, with exit code 130. Now open `runs/10/mine` on the left: `epochs.csv` as a table,
# `config.json` as a tree. To do it once more, choose another folder: one that is in use is not overwritten. Your own
# pictures, one folder per class, have to be divided first, by `split_folder` of lesson 01.

# %% [markdown]
# **Try it.** What does the program say to people who ask for the impossible? Ask for a network that does not exist,
# for no epochs, or for a folder in use. Its `main` can be called without a process.
# <details><summary>What we saw</summary>
#
# ```python
# from course_utils.train import main
# main([*flags, "--epochs", "0", "--output", "../runs/10/nothing"])
# main([*flags, "--output", "../runs/10/whole"])
# ```
#
# A line each, and exit code 1: "epochs is 0, it must be at least 1 …" and "../runs/10/whole exists already. Go on with
# that run by …". With `--model resnet19` it ends with exit code 2 and names networks that resemble it. Nonsense is
# refused before anything is written.
#
# </details>

# %% [markdown]
# ## The training program, by hand
#
# What does it do between flags and folder? What you know: transforms (01), `fit` (03), AdamW (04), warm-up and cosine
# (05), `CSVLog` (09). Three things are new: `MODELS` makes a network of a name, `KeepWeights` saves weights after every
# epoch, and `seeded_loader` we come to below.

# %%
from torch.utils.data import DataLoader

from course_utils import CSVLog, eval_transform, fit, open_split, train_transform, warmup_cosine
from course_utils.data.loaders import seeded_loader
from course_utils.settings import MODELS
from course_utils.training.loggers import KeepWeights


def train(settings, folder):
    torch.manual_seed(settings.seed)
    train_set = open_split(settings.data, "train", train_transform(settings.size))
    val_set = open_split(settings.data, "val", eval_transform(settings.size))
    train_loader = seeded_loader(train_set, settings.batch_size, settings.seed, settings.workers)
    val_loader = DataLoader(val_set, settings.batch_size)
    model = MODELS[settings.model](len(train_set.classes))
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate)
    warmup, steps = len(train_loader), settings.epochs * len(train_loader)
    scheduler = warmup_cosine(optimizer, warmup, steps)
    return fit(
        model, train_loader, val_loader, optimizer=optimizer, scheduler=scheduler,
        epochs=settings.epochs, checkpoint=folder / "last.pt", progress=False,
        callbacks=[CSVLog(folder), KeepWeights(folder)],
    )  # fmt: skip


# %% [markdown]
# Has it learned what the program learned? `cmpfiles` compares files of the same names in two folders, byte by byte:

# %%
from filecmp import cmpfiles

by_hand = new_run("by_hand")
train(run.settings, by_hand)
names = ["batches.csv", "best.safetensors", "epoch-01.safetensors", "epoch-03.safetensors"]
same, different, missing = cmpfiles(by_hand, whole, names, shallow=False)
print("the same:", *same)

# %% tags=["proof"]
assert same == names, f"different: {different}, missing: {missing}"

# %% [markdown]
# The same batches and the same weights, to the last bit: twenty lines are the program. The other
# hundreds in [train.py](../course_utils/train.py) and its neighbours are for people: they name what is wrong, and lose
# nothing.
#
# ## Killed, and resumed
#
# What must be in `last.pt`, so that the rest of a training comes out the same?

# %%
from course_utils import load_checkpoint

state = load_checkpoint(killed / "last.pt")
print(*state, sep=", ")
print("random number generators:", *state["random"], sep="  ")

# %% tags=["proof"]
assert {"model", "optimizer", "scheduler", "random", "history"} <= set(state), f"{[*state]}"

# %% [markdown]
# The weights, the optimizer's averages, the place in the schedule, the log so far, and the state of every random number
# generator. The file is replaced after each epoch, so a kill costs at most one epoch.
#
# **Check yourself.** Somebody resumes by loading `epoch-01.safetensors` into a new network and training two more
# epochs. What is different?
# <details><summary>Answer</summary>
#
# AdamW begins with empty averages, the schedule with a new warm-up, and the loader with the order and the crops of the
# first epoch again. It is a training, but not the rest of this one.
#
# </details>
#
# ### Whole or not at all
#
# And if the power fails *while* `last.pt` is being written? Opening a file for writing empties it: the old content is
# gone, the new one is half. To see it we need no accident, only a thing that JSON cannot write:

# %%
record_file = Path("../runs/10/record.json")
bad_record = {"epochs": 9, "device": torch.device("cpu")}


def write_directly(record):
    with open(record_file, "w", encoding="utf-8") as stream:
        json.dump(record, stream)


def attempt(write):
    record_file.write_text('{"epochs": 5}', encoding="utf-8")
    try:
        write(bad_record)
    except TypeError as error:
        print("error:", error)
    print("in the file:", record_file.read_text(encoding="utf-8"))


attempt(write_directly)

# %% [markdown]
# The way out: write beside, then replace. `os.replace` gives the finished file the old one's name in a single step, so
# that at every moment there is either the old file or the new one, both whole. This is called **atomic**.

# %%
def write_whole(record):
    unfinished = record_file.with_name("record.json.part")
    with open(unfinished, "w", encoding="utf-8") as stream:
        json.dump(record, stream)
    os.replace(unfinished, record_file)


# %%
attempt(write_whole)

# %% [markdown]
# The helper `replacing` in [files.py](../course_utils/basics/files.py) does the same in a `with` block, waits until the
# bytes are really on the disk, and clears away what is unfinished (here `record.json.part`).

# %% [markdown]
# ## Batches that follow from the seed
#
# A seed in the record is a promise: the same seed, the same run. Take the first batch of the training pictures, with
# their random crops, and load it with and without a worker process:

# %%
train_set = open_split(root, "train", train_transform(size))


def first_batch(loader):
    torch.manual_seed(0)
    return next(iter(loader))


def plain_loader(workers):
    generator = torch.Generator().manual_seed(0)
    return DataLoader(train_set, 16, shuffle=True, generator=generator, num_workers=workers)


images, labels = first_batch(plain_loader(workers=0))
other_images, other_labels = first_batch(plain_loader(workers=1))
print(f"labels that differ: {(labels != other_labels).sum()}")
print(f"pictures that differ: {(images != other_images).flatten(1).any(dim=1).sum()}")

# %% tags=["proof"]
differing = (images != other_images).flatten(1).any(dim=1).sum()
assert torch.equal(labels, other_labels) and differing > 12, f"{differing} pictures differ"

# %% [markdown]
# The labels agree: the order comes from the loader's generator. The crops come from whoever makes them, and a worker
# draws its own random numbers. So the number of workers, which should be a matter of speed alone, changes what is
# learned. PyTorch's own recipe is a `generator=` for the loader and a `worker_init_fn` that seeds each worker. That
# makes a run repeatable, but for *this* number of workers. (On a GPU add `torch.use_deterministic_algorithms(True)`.)
#
# `seeded_loader` goes further: each epoch deals out a seed for every *picture*, and whoever loads it sets that seed
# first. A last batch that would not be full is left out; which pictures that costs changes from epoch to epoch. Open
# the next cell for the heart of it.

# %% tags=["fold"]
class SeededExamples(torch.utils.data.Dataset):
    """A data set whose indices are pairs (index, seed)."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, pair):
        index, seed = pair
        with torch.random.fork_rng(devices=[]):  # afterwards the random numbers are as they were
            torch.manual_seed(seed)
            return self.dataset[index]


seeds = torch.randint(2**62, (len(train_set),))
pairs = list(zip(torch.randperm(len(train_set)).tolist(), seeds.tolist()))
batches = [pairs[start : start + 16] for start in range(0, len(pairs) - 15, 16)]
by_hand_loader = DataLoader(SeededExamples(train_set), batch_sampler=batches)

# %%
alone, _ = first_batch(seeded_loader(train_set, 16, seed=0, workers=0))
with_worker, _ = first_batch(seeded_loader(train_set, 16, seed=0, workers=1))
torch.testing.assert_close(alone, with_worker, rtol=0, atol=0)

# %% tags=["proof"]
again = [next(iter(by_hand_loader))[0] for _ in range(2)]
assert torch.equal(*again), "the same pairs give other pictures"

# %% [markdown]
# `assert_close` is silent: every bit agrees. (It stops where two tensors differ.)

# %% [markdown]
# ## Validation against test
#
# Neither set is learned from, and both resemble the pictures of later use. The difference is what we do with the score:
#
# | split | used for | how often | its score |
# |---|---|---|---|
# | train | changing the weights | in every batch | shows whether anything is learned |
# | val | choosing epoch, rate, network | after every epoch of every run | on average too good for what was chosen |
# | test | reporting | once, when all is chosen | the honest one |
#
# So testing is a program of its own. It takes the network, its classes and its weights from the run folder. (The
# photographs of the profile `full` have no test split. There it judges `val`, and shows only how it works.)

# %% tags=["nbval-ignore-output"]
from course_utils.test import main as test_program

split = course.pick(sample="test", full="val")
code = test_program([str(whole), "--data", str(root), "--split", split, "--device", "cpu"])
epochs = pd.read_csv(whole / "epochs.csv", index_col="epoch")
best = epochs["val_loss"].idxmin()
print(f"validation accuracy in the best epoch: {epochs['val_accuracy'][best]:.4f}")

# %% tags=["proof"]
assert code == 0, f"exit code {code}"
scores = json.loads((whole / "test.json").read_text(encoding="utf-8"))
answers = pd.read_csv(whole / "predictions.csv")
accuracy = (answers["true"] == answers["predicted"]).mean()
error = (accuracy * (1 - accuracy) / len(answers)) ** 0.5
np.testing.assert_allclose([scores["accuracy"], scores["standard_error"]], [accuracy, error], atol=1e-6)
gap = abs(accuracy - epochs["val_accuracy"][best])
assert gap < 4 * error, f"test and validation are {gap:.3f} apart, standard error {error:.3f}"
if course.profile == "sample":  # on larger photographs it may learn more
    assert accuracy < 0.75, f"accuracy {accuracy:.3f} is not poor"

# %% [markdown]
# `test.json` holds the scores, `predictions.csv` a row for every picture. The scores are poor: this network began from
# nothing, and lesson 06 knows the cure. Test and validation differ by no more than chance explains: with only three
# epochs to choose from, there is little luck to have. Further down we choose among more, and measure it.
#
# > **Common mistake.** A widely copied test script adds up the losses of its batches and divides by their number
# > *inside* the loop. Three batches with a loss of 0.6 each:

# %%
test_loss = 0.0
for batch_loss in [0.6, 0.6, 0.6]:
    test_loss += batch_loss
    test_loss /= 3
    print(f"printed: {test_loss:.3f}")

# %% tags=["proof"]
assert 0.28 < test_loss < 0.3, f"{test_loss}"

# %% [markdown]
# > The sum is divided again with every batch, and a loss of 0.6 is reported as less than half of it; with twenty
# > batches as about a twentieth. What is left is little more than the last batch. Sum in the loop, divide after it.

# %% [markdown]
# ## Hyperparameters
#
# To balance on a bicycle you learn by riding. How high the saddle is, you decide before you get on, and whether it was
# right you see by riding. Weights are learned; learning rate, width and epochs are **hyperparameters**, the saddles. To
# tune them is to ride again and again.
#
# That takes many short rides, so we choose something cheap: 200 digits of 8 × 8 pixels and a network with one hidden
# layer. Each repetition draws its own digits: 200 to train on and 800 outside, of which the first 100 are to choose by
# (validation). No search sees the *rest*. `ride` trains in six parts. After each, `yield` hands out which of the 800
# are recognized, and the caller decides whether it goes on.

# %%
from course_utils import load_digits28

digits, digit_labels = load_digits28("train")
digits = F.adaptive_avg_pool2d(digits, 8).flatten(1)

# %%
def draw_sets(seed):
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(seed))
    return [(digits[part], digit_labels[part]) for part in [order[:200], order[200:1000]]]


# %%
def ride(model, sets, rate, momentum, decay):
    (images, labels), (outside, outside_labels) = sets
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum, weight_decay=decay)
    for _ in range(6):
        for _ in range(4):
            optimizer.zero_grad()
            F.cross_entropy(model.train()(images), labels).backward()
            optimizer.step()
        with torch.no_grad():
            yield (model.eval()(outside).argmax(dim=1) == outside_labels).numpy()


# %% [markdown]
# Five to tune: rate, momentum, weight decay, width, dropout. Rates differ by powers of ten: 0.001 and 0.002 are as far
# apart as 0.1 and 0.2. So their *exponent* is drawn evenly (`log=True`). There are three classic searches:
#
# - **grid**: every combination of a few values. With four values for each of five, that is 4⁵ = 1024 rides.
# - **random**: draw each value anew in each ride, as often as the budget allows.
# - **Bayesian optimization**: learn from the rides so far where to try next. The library **Optuna** does so by a method
#   called TPE: it draws where good rides lie close together and bad ones do not.
#
# With Optuna one writes an *objective*: a function that asks a `trial` for the values and returns a score. After each
# part it reports how the ride goes, and stops where it lags behind the median of the earlier ones: **pruning**.

# %%
import optuna
from tqdm import tqdm

optuna.logging.set_verbosity(optuna.logging.ERROR)


def make_objective(sets, seed):
    def objective(trial):
        rate = trial.suggest_float("rate", 1e-3, 10, log=True)
        momentum = trial.suggest_float("momentum", 0, 0.99)
        decay = trial.suggest_float("decay", 1e-5, 1, log=True)
        width = trial.suggest_int("width", 4, 128, log=True)
        dropout = trial.suggest_float("dropout", 0, 0.9)
        torch.manual_seed(seed)
        layers = [nn.Linear(64, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 10)]
        model = nn.Sequential(*layers)
        for part, right in enumerate(ride(model, sets, rate, momentum, decay)):
            trial.report(right[:100].mean(), part)
            if trial.should_prune():
                raise optuna.TrialPruned
        trial.set_user_attr("right", right.tolist())  # a note that stays with the trial
        return right[:100].mean()

    return objective


# %% [markdown]
# `optimize` does the rides. We compare chance, TPE, and TPE with pruning, each with 30 trials, on four draws of digits.
# The table shows the part of all rides that was ridden, the mean validation accuracy of all trials (a pruned one counts
# with its last report), and the winner's accuracy on validation and on the rest:

# %%
def search(sampler, pruner, seed, n_trials=30):
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    study.optimize(make_objective(draw_sets(seed), seed), n_trials=n_trials)
    return study


ways = {
    "random": (optuna.samplers.RandomSampler, optuna.pruners.NopPruner),
    "TPE": (optuna.samplers.TPESampler, optuna.pruners.NopPruner),
    "TPE, pruned": (optuna.samplers.TPESampler, optuna.pruners.MedianPruner),
}
studies = {}
for name, (sampler, pruner) in ways.items():
    bar = tqdm(range(4), name, file=sys.stdout, leave=False)
    studies[name] = [search(sampler(seed=seed), pruner(), seed) for seed in bar]

# %% tags=["nbval-ignore-output"]
table = pd.DataFrame(columns=["rides", "all trials", "winner, val", "winner, rest"], dtype=float)
for name, found in studies.items():
    scores = [trial.intermediate_values for study in found for trial in study.trials]
    rides = np.mean([len(reports) / 6 for reports in scores])
    last = [reports[max(reports)] for reports in scores]
    winners = np.array([study.best_trial.user_attrs["right"] for study in found])
    table.loc[name] = [rides, np.mean(last), winners[:, :100].mean(), winners[:, 100:].mean()]
table.round(3)

# %% tags=["proof"]
assert table.loc["TPE", "all trials"] > table.loc["random", "all trials"] + 0.08, table.to_string()
assert table.loc["TPE, pruned", "rides"] < 0.8, table.to_string()
wasted = np.mean([trial.value < 0.5 for study in studies["random"] for trial in study.trials])
assert wasted > 0.5, f"{wasted:.0%} of the random trials are wasted"
rate = np.median([trial.params["rate"] for study in studies["TPE"] for trial in study.trials[10:]])
assert 0.2 < rate < 5, f"TPE is drawn to rates near {rate:.2f}"

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for ax, name in zip(axes, ["random", "TPE"]):
    trials = [trial for study in studies[name] for trial in study.trials]
    x, y = [[trial.params[what] for trial in trials] for what in ["rate", "momentum"]]
    scores = [trial.value for trial in trials]
    dots = ax.scatter(x, y, c=scores, vmin=0, vmax=1, s=45, edgecolor="0.3", lw=0.5)
    ax.set(title=f"{name}, {len(trials)} trials", xlabel="learning rate", xscale="log")
axes[0].set_ylabel("momentum")
fig.colorbar(dots, ax=axes, label="validation accuracy")
plt.show()

# %% [markdown]
# Bright dots are good rides. Chance strews its trials over everything, and most of them are wasted. TPE begins like
# that (its first ten trials are drawn at random), then it is drawn to the bright places: rates near 1. So its trials
# are better on average. Pruning saves a good part of the rides.
#
# Is TPE's *winner* better, too? That depends on the digits drawn. With our first four draws it was ahead of chance by
# seven points on the rest, with four others not at all: one good trial is enough to win, and chance often finds one.
# TPE pays where rides are dear, because few are wasted.

# %% [markdown]
# **Try it.** Give chance and TPE a third of the trials. Who wins then?
# <details><summary>What we saw</summary>
#
# ```python
# for sampler in [optuna.samplers.RandomSampler, optuna.samplers.TPESampler]:
#     few = [search(sampler(seed=seed), optuna.pruners.NopPruner(), seed, n_trials=10) for seed in range(4)]
#     print(sampler.__name__, f"{np.mean([study.best_value for study in few]):.3f}")
# ```
#
# Nobody: the same number twice. TPE's first ten trials are random, and with the same seed they are the same ones.
#
# </details>

# %% [markdown]
# ### The winner is lucky
#
# A winner was chosen *because* its validation score was high. Part of that is skill, part is luck with these 100
# digits, and luck does not come along. How much is it, and does it grow with the number of trials? We know of every
# trial which of its 800 digits it got right, so we can choose again without training: draw some trials and 100 digits,
# take the best trial on these, and see how it does on the others.

# %% tags=["nbval-ignore-output"]
rng = np.random.default_rng(0)
luck = {among: [] for among in [1, 2, 4, 8, 16, 30]}
for study in studies["random"] + studies["TPE"]:
    right = np.array([trial.user_attrs["right"] for trial in study.trials])
    for among, gaps in luck.items():
        for _ in range(200):
            drawn = right[rng.permutation(30)[:among]][:, rng.permutation(800)]
            val, rest = drawn[:, :100].mean(axis=1), drawn[:, 100:].mean(axis=1)
            gaps.append((val - rest)[val.argmax()])
luck = {among: np.mean(gaps) for among, gaps in luck.items()}

# %% tags=["proof"]
assert abs(luck[1]) < 0.005 and 0.007 < luck[30] < 0.03, f"luck of winners: {luck}"

# %%
fig, ax = plt.subplots(figsize=(6.5, 3.2))
ax.plot(list(luck), [100 * value for value in luck.values()], "o-")
ax.axhline(0, color="0.5", ls=":")
ax.set(title="The winner looks better than it is", xlabel="best of how many trials", xscale="log")
ax.set(xticks=list(luck), xticklabels=list(luck), ylabel="val minus rest, points")
ax.minorticks_off()
plt.show()

# %% [markdown]
# A trial that nobody chose has no luck on average. The best of thirty has, and looks a point or two better than it is.
# This is why there is a third set: tune on validation as much as you like, then run the test program once.
#
# **Check yourself.** Somebody tunes on validation, tests, finds the score low, tunes on, tests again, five times, and
# reports the best. What is that test score?
# <details><summary>Answer</summary>
#
# The winner of five trials: the test set has become a second validation set. Report the first test score, or find
# pictures that nobody has looked at.
#
# </details>

# %% [markdown]
# ## Several processes
#
# When one GPU is too slow, take two. Each process holds the whole network and computes the gradient on its share of
# every batch. Then all average their gradients and make the same step.
#
# ![Two processes with the same weights. Each takes half of the batch of eight pictures and computes a gradient. The two
# gradients meet in a mean, the mean goes back to both, both make the same step and have the same weights
# again.](figures/two_processes.svg)
#
# Is that the gradient of the whole batch? `torch.autograd.grad` returns gradients instead of storing them:

# %%
torch.manual_seed(0)
inputs, targets = torch.randn(32, 20), torch.randint(2, (32,))


def gradient(model, part):
    loss = F.cross_entropy(model(inputs[part]), targets[part])
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, model.parameters())])


# %%
linear, norm = nn.Linear(20, 2), nn.BatchNorm1d(20)
for name, model in {"linear": linear, "with BatchNorm": nn.Sequential(norm, linear)}.items():
    halves = (gradient(model, slice(0, 16)) + gradient(model, slice(16, 32))) / 2
    difference = (gradient(model, slice(0, 32)) - halves).abs().max()
    print(f"{name:>14}: largest difference {difference:.3f}")

# %% tags=["proof"]
apart = (gradient(model, slice(0, 32)) - halves).abs().max()
assert apart > 1e-3, f"with BatchNorm {apart}"
torch.testing.assert_close(
    gradient(linear, slice(0, 32)), (gradient(linear, slice(0, 16)) + gradient(linear, slice(16, 32))) / 2
)

# %% [markdown]
# It is, except for rounding, without BatchNorm: the loss is a mean over examples, and the mean of two equal halves'
# means is the mean of all. BatchNorm breaks this, because it normalizes with the mean and variance of *its* half. So
# these have to be averaged, too: torch's `SyncBatchNorm` does so on GPUs, `synchronize_batchnorm` in
# [distributed.py](../course_utils/basics/distributed.py) everywhere.
#
# Each process has to know how many there are (the **world size**), which one it is (its **rank**), and where to meet
# the others. All of it goes into **environment variables**, named texts that a process gets from whoever starts it.
# Usually that is `torchrun`:
#
# ```console
# $ torchrun --standalone --nproc-per-node=2 -m course_utils.train --data …
# ```
#
# The program is the same. Where `fit` finds the variables, it wraps the network in torch's `DistributedDataParallel`,
# which averages the gradients; only rank 0 prints and writes. (Older code has `DataParallel`: slower, don't. Networks
# that do not fit into one GPU are split up by FSDP.) PyTorch 2.15 for Windows lacks `libuv`, which `torchrun` needs. So
# we do by hand what it does: find a free **port**, the number of a door of the machine, set the variables, and start a
# second process. The first one is this notebook.

# %%
import socket
from unittest.mock import patch

small = "--model cnn --size 32 --epochs 1 --workers 0 --device cpu".split() + ["--data", str(root)]
two = new_run("two_processes")
with socket.create_server(("127.0.0.1", 0)) as door:  # 0 asks for any free port
    port = door.getsockname()[1]


def variables(rank):
    found = {"TORCHELASTIC_RUN_ID": "by hand", "WORLD_SIZE": "2", "RANK": str(rank)}
    return found | {"LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


command = [*program, *small, "--output", two]
helper = subprocess.Popen(command, env=os.environ | variables(rank=1), stdout=subprocess.DEVNULL)
with patch.dict(os.environ, variables(rank=0)):  # only inside the with block
    code = train_here(*small, "--output", two)
print("exit codes:", code, helper.wait())

# %% [markdown]
# For comparison one process with the same seed, and one with another:

# %% tags=["nbval-ignore-output"]
one, other = new_run("one_process"), new_run("other_seed")
train_here(*small, "--output", one)
train_here(*small, "--output", other, "--seed", "1")
logs = {folder.name: pd.read_csv(folder / "epochs.csv") for folder in [one, two, other]}
table = pd.DataFrame({name: log.loc[0, ["train_loss", "val_loss"]] for name, log in logs.items()})
table.astype(float).round(6)

# %% tags=["proof"]
apart = table.sub(table["one_process"], axis=0).abs().max()
assert apart["two_processes"] < 0.001, f"largest differences:\n{apart}"
assert apart["other_seed"] > 10 * apart["two_processes"], f"largest differences:\n{apart}"

# %% [markdown]
# One and two processes agree up to rounding, as sums are added up in another order. Another seed ends elsewhere.
#
# Is it faster? Not on one CPU, where one process uses all cores already: we [measured](../benchmarks/README.md) an
# epoch that takes twice as long. Processes pay where each has a GPU, or a machine, of its own.
#
# **Check yourself.** `seeded_loader` refuses to share a batch of 33 between two processes. Why?
# <details><summary>Answer</summary>
#
# The shares would be 17 and 16. The mean of the two means would weigh each picture of the smaller share a little more:
# not the gradient of the whole batch.
#
# </details>

# %% [markdown]
# ## Summary
#
# - A program is a `main` behind `if __name__ == "__main__"`, with flags, an exit code and errors for people.
# - A run is a folder with record, logs, checkpoint and weights; what it cannot do without is replaced as a whole.
# - With a seed for every example, and everything in the checkpoint, a killed run ends like one that was never killed.
# - Validation chooses, test reports; a winner looks better than it is, the more so the more it beat.
# - Processes share each batch and average gradients; BatchNorm has to be averaged, too, then two learn like one.
#
# **Exercises**: [10 exercises](exercises/10_from_notebook_to_script.ipynb)
#
# **Next**: [11 · Lightning](11_lightning.ipynb)
