# %% [markdown]
# # 10 · From notebook to script
#
# Cells become a program: it takes its settings from the command line, writes down what it does, survives being killed,
# is judged by a second program, and trains in several processes at once.
#
# **Time** about 80 minutes, of which the computer works 60 seconds · **Before this**
# [lesson 05](05_custom_resnet.ipynb), [lesson 06](06_fine_tuning.ipynb), [lesson 09](09_metrics_and_plots.ipynb)
#
# **You will learn to**
#
# - write a program whose flags mean what they say, and start it from anywhere
# - keep a training run in a folder: settings, versions, logs, weights
# - write files so that a killed program harms nothing, and go on where it stopped
# - judge a model with a second program, and keep validation and test apart
# - search for hyperparameters in three ways, and say how far to trust the winner
# - train in two processes, and prove that they learn what one learns

# %%
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import setup

course = setup(seed=0, lesson="10")

# %% [markdown]
# ## Why a script?
#
# A notebook is made for looking. For a training that takes a night it is the wrong place: it needs a browser, its cells
# can be run in any order, and a week later nobody knows with which numbers. A **script** is a text file that a fresh
# Python reads from top to bottom. It runs without a browser, it can be repeated, and another program can start it.
#
# Here is one of two lines. `sys.argv` is a list of what was written behind the name of the script:

# %%
workplace = Path(tempfile.mkdtemp())
script = workplace / "first.py"
script.write_text("import sys\nprint('I was given', sys.argv[1:])\n", encoding="utf-8")
print(script.read_text(encoding="utf-8"))

# %% [markdown]
# In a terminal you would type `python first.py --epochs 3`. From Python, `subprocess.run` starts a program.
# `sys.executable` is the Python that runs this notebook. A running program is called a **process**. It has two ways out
# for text: `stdout`, where `print` goes, and `stderr`, for complaints. `capture_output` keeps both. (Letters that
# cannot be read are replaced, so that a strange file name does not stop us.) Besides its arguments, a process gets a
# list of named texts from whoever starts it, the **environment variables**, in Python `os.environ`. We add one that
# keeps colours out of complaints, and whatever the caller wants to add:

# %%
def start(*command, **variables):
    command = [sys.executable] + [str(part) for part in command]
    variables = os.environ | {"PYTHON_COLORS": "0"} | variables
    done = subprocess.run(
        command, env=variables, capture_output=True, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        last_line = done.stderr.strip().splitlines()[-1]
        print(last_line.replace(str(workplace), "…").replace("\\", "/"))
    return done


# %%
done = start(script, "--epochs", 3)
print(done.stdout.strip(), "  exit code:", done.returncode)

# %% [markdown]
# All that arrives is text: `'3'`, not 3. What goes back is text, too, and one number, the **exit code**: 0 means that
# all went well, anything else that it did not. Programs that start programs look at nothing else. Where it is not 0,
# our `start` shows the last line of what the program complained about. This script fails, because a fresh Python knows
# nothing of the notebook's variables:

# %%
script.write_text("print(course)\n", encoding="utf-8")
print("exit code:", start(script).returncode)

# %% [markdown]
# ## Flags
#
# A **flag** is a setting on the command line: `--epochs 3`. The module `argparse` turns the list of texts into values
# of the right type. It is given the text, so it can be tried in a notebook:

# %%
import argparse

parser = argparse.ArgumentParser(prog="train", description="Train a network.")
parser.add_argument("--epochs", type=int, default=5, help="passes over the images")
parser.add_argument("--model", choices=["cnn", "resnet18"], default="cnn", help="network")
print(parser.parse_args(["--epochs", "3"]))
print(parser.format_help())

# %% [markdown]
# A missing flag gets its default, and `--help` comes for free. And a wrong flag? argparse prints a line to `stderr` and
# ends the program with exit code 2. It does so by raising `SystemExit`, as `sys.exit` does. In the notebook we catch
# both. (What the line says in brackets differs from one version of Python to the next, so we cut it off.)

# %%
import contextlib
import io


def refusal(parser, flags):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            return f"accepted: {parser.parse_args(flags.split())}"
        except SystemExit:
            return said.getvalue().splitlines()[-1].partition(" (")[0]


# %%
for flags in ["--epochs three", "--model resnet19", "--epoch 3", "--epohcs 3"]:
    print(f"{flags:<17} {refusal(parser, flags)}")

# %% [markdown]
# The third was accepted: argparse lets you shorten a flag as long as it is clear which one is meant. A new flag may
# change that, and an old command then fails. `ArgumentParser(allow_abbrev=False)` wants whole names; the course's
# programs do.
#
# `type=` may be any function that takes a text. If it raises an `ArgumentTypeError`, its message is shown:

# %%
def positive(text):
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


# %%
parser = argparse.ArgumentParser(prog="train", allow_abbrev=False)
parser.add_argument("--learning-rate", type=positive, default=1e-3, help="highest learning rate")
for flags in ["--learning-rate 0.01", "--learning-rate -1", "--learning-rate nan", "--learn 1"]:
    print(refusal(parser, flags))

# %% [markdown]
# Why not `if number <= 0`? `float("nan")` is a number to Python, and every comparison with it is false. Only
# `not number > 0` refuses it.
#
# `type=` takes any function, so `bool` and `tuple` as well. A widely copied tutorial has both, as in
# `--is_cuda`, `type=bool` and `--data_mean`, `type=tuple`. What do they make of a text?

# %%
trap = argparse.ArgumentParser()
trap.add_argument("--is_cuda", type=bool, default=False)
trap.add_argument("--data_mean", type=tuple, default=(0.5, 0.5, 0.5))
flags = trap.parse_args(["--is_cuda", "False", "--data_mean", "0.4"])
print("is_cuda:", "on" if flags.is_cuda else "off", "  data_mean:", flags.data_mean)

# %% [markdown]
# `bool` asks whether a text is empty, and `False` has five letters: on. `tuple` takes a text apart into characters.
# Neither complains. What means what it says:
#
# - `BooleanOptionalAction` makes two flags, one for yes and one for no;
# - `nargs=3` with `type=float` takes three numbers; `nargs="+"` would take one or more.

# %%
sound = argparse.ArgumentParser()
sound.add_argument("--cuda", action=argparse.BooleanOptionalAction, default=False)
sound.add_argument("--data-mean", nargs=3, type=float, default=[0.5, 0.5, 0.5])
for flags in ["", "--cuda", "--no-cuda --data-mean 0.4 0.5 0.6"]:
    print(sound.parse_args(flags.split()))

# %% [markdown]
# ## A program that behaves
#
# Put together: a program that counts pictures. Three habits make it a good one. Everything happens in a function `main`
# that takes the list of flags. It returns the exit code. And the last two lines call it only if the file was *started*:
# then Python sets `__name__` to `"__main__"`; when the file is imported, to its name.

# %%
counter = workplace / "count_pictures.py"
counter.write_text('''\
import argparse
import sys
from pathlib import Path


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Count the pictures of each class.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ending", default=".jpg")
    flags = parser.parse_args(arguments)
    if not flags.folder.is_dir():
        print(f"error: there is no folder {flags.folder}", file=sys.stderr)
        return 1
    for place in sorted(flags.folder.iterdir()):
        print(place.name, len(list(place.glob("*" + flags.ending))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
''', encoding="utf-8")  # fmt: skip
print("written:", counter.name)

# %% [markdown]
# (A name without dashes, like `folder`, is an argument that must be given. `parse_args(None)` reads `sys.argv`.) Our
# pictures are the ants and bees of lessons 01 and 06. `root` is the folder with their splits:

# %%
from course_utils import hymenoptera

root = hymenoptera("train").root.parent
done = start(counter, root / "train")
print(done.stdout, "exit code:", done.returncode)
print("exit code:", start(counter, workplace / "nothing").returncode)

# %% [markdown]
# A missing folder is answered by a line that says what is wrong, not by twenty lines of Python, and the exit code tells
# the caller. Since `main` is a function, a test can call it without starting a process. Below we do so, too.

# %% [markdown]
# ## One description for flags and record
#
# A training has a dozen settings. They are needed three times: as flags, as values in the program, and written down
# beside the result. Whoever keeps three lists will find them different one day. So describe the settings once.
#
# A **dataclass** is a class that is made of a list of fields. `frozen=True` forbids changing a field later, so that
# what was written down is what was used. `__post_init__` runs after all fields are set and may refuse them. `field`
# gives a field its default and, as `metadata`, a dictionary of notes of our own, here the help text:

# %%
from dataclasses import asdict, dataclass, field, fields


def described(default, help):
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Recipe:
    epochs: int = described(5, "passes over the images")
    learning_rate: float = described(1e-3, "highest learning rate")
    augment: bool = described(True, "change training pictures at random")

    def __post_init__(self):
        if self.epochs < 1:
            raise ValueError(f"epochs is {self.epochs}, it must be at least 1.")


# %%
recipe = Recipe(epochs=3)
print(recipe)
try:
    recipe.epochs = 4
except AttributeError as error:
    print("frozen:", error)
try:
    Recipe(epochs=0)
except ValueError as error:
    print("refused:", error)

# %% [markdown]
# `fields` lists what the class was made of. That is enough to make the
# flags; `SUPPRESS` leaves out what was not given, so that the defaults, too, stand in one place only:

# %%
def parser_for(description):
    parser = argparse.ArgumentParser(prog="train", argument_default=argparse.SUPPRESS)
    for setting in fields(description):
        kind = {"type": setting.type}
        if setting.type is bool:
            kind = {"action": argparse.BooleanOptionalAction}
        name = "--" + setting.name.replace("_", "-")
        parser.add_argument(name, help=setting.metadata["help"], **kind)
    return parser


# %%
given = parser_for(Recipe).parse_args(["--epochs", "3", "--no-augment"])
print("given:", *vars(given))
print(Recipe(**vars(given)))

# %% [markdown]
# `vars` makes a dictionary of the flags, and `**` hands it over as keyword arguments. The course's `Settings` is such a
# class, with the settings of a training on a folder of images, and its program makes its flags like this:

# %%
from course_utils.settings import Settings
from course_utils.train import make_parser

flags = ["--data", "pictures", "--model", "cnn", "--learning-rate", "0.01", "--no-freeze"]
ours, helper = parser_for(Settings).parse_args(flags), make_parser().parse_args(flags)
print("by hand:", vars(ours))
print("helper: ", vars(helper), end="\n\n")
print("\n".join(f"{each.name:<14} {each.metadata['help']}" for each in fields(Settings)))

# %% tags=["proof"]
assert vars(helper) == vars(ours) | {"output": None, "resume": None}, f"{helper}, by hand {ours}"

# %% [markdown]
# The helper adds `output` and `resume`, which say where a run is, not what it does. They come soon.
#
# The third use is the record. **JSON** is text that every language can read: numbers, texts, true and false, lists, and
# dictionaries. `asdict` makes a dictionary of a dataclass:

# %%
print(json.dumps(asdict(recipe), indent=2))

# %% [markdown]
# Settings alone do not repeat a result: another PyTorch, another processor or another number of threads rounds
# differently. So the record of a run also says when and with what it was made, its **environment** (and the names of
# the GPUs, where there are any):

# %%
from course_utils.runs import environment

print(*[name for name in environment() if not name.startswith("gpu")])

# %% [markdown]
# ## Whole or not at all
#
# Opening a file for writing empties it. If the program then stops halfway, by an error, a full disk or a power cut, the
# old content is gone and the new one is half. No accident is needed: a device is a thing that JSON does not know.

# %%
file = workplace / "record.json"
bad_record = {"epochs": 9, "device": torch.device("cpu")}


def write_directly(record):
    with open(file, "w", encoding="utf-8") as stream:
        json.dump(record, stream)


def attempt(write):
    for left in workplace.glob("*.part"):
        left.unlink()
    file.write_text('{"epochs": 5}', encoding="utf-8")
    try:
        write(bad_record)
    except TypeError as error:
        print("error:", error)
    print("in the file:", file.read_text(encoding="utf-8"))
    unfinished = [path.name for path in workplace.glob("*.part")]
    print("beside it:", *unfinished or ["nothing unfinished"])


# %%
attempt(write_directly)

# %% tags=["proof"]
assert not file.read_text(encoding="utf-8").endswith("}"), "the file is whole"

# %% [markdown]
# The way out: write beside, then replace. `os.replace` gives the finished file the old one's name in a single step. At
# every moment there is either the old file or the new one, and both are whole. (This is called **atomic**.)

# %%
def write_whole(record):
    unfinished = file.with_name(file.name + ".part")
    with open(unfinished, "w", encoding="utf-8") as stream:
        json.dump(record, stream)
    os.replace(unfinished, file)


attempt(write_whole)

# %% tags=["proof"]
assert json.loads(file.read_text(encoding="utf-8")) == {"epochs": 5}, "the old record is lost"

# %% [markdown]
# The helper `replacing` does the same in a `with` block. It also waits until the bytes have really reached the disk,
# and it clears away the unfinished file, whose name is another one each time: two programs never write into the same.
# Checkpoints, weights and the table of epochs are written with it. The table of batches grows row by row instead, for
# rewriting it each time would be slow. After a kill its last row may be half; whoever goes on with the run cuts off the
# rows of the unfinished epoch.

# %%
from course_utils.basics.files import replacing


def write_with_helper(record):
    with replacing(file, "w") as stream:
        json.dump(record, stream)


attempt(write_with_helper)

# %% tags=["proof"]
assert json.loads(file.read_text(encoding="utf-8")) == {"epochs": 5}, "the helper lost the old record"
assert not list(workplace.glob("*.part")), "the helper left its unfinished file"

# %% [markdown]
# ## Batches that follow from the seed
#
# A record with a seed in it is a promise: the same seed, the same run. Is it kept? Take the training pictures with
# their random crops, and load the first batch with and without a worker process. (`open_split` opens one split of a
# folder of images; the folders in it name the classes.)

# %%
from torch.utils.data import DataLoader, Dataset

from course_utils import eval_transform, open_split, train_transform

size = course.pick(sample=48, full=160)
train_set = open_split(root, "train", train_transform(size))


def first_batch(loader):
    torch.manual_seed(0)
    return next(iter(loader))


def plain_loader(workers):
    generator = torch.Generator().manual_seed(0)
    return DataLoader(train_set, 16, shuffle=True, generator=generator, num_workers=workers)


alone, with_worker = first_batch(plain_loader(0)), first_batch(plain_loader(1))
print("order: ", "the same" if torch.equal(alone[1], with_worker[1]) else "another")
print("crops: ", "the same" if torch.equal(alone[0], with_worker[0]) else "others")

# %% [markdown]
# The order comes from the loader's generator, the crops come from whoever makes them: the main process draws its random
# numbers, a worker draws its own. So the number of workers, which should be a matter of speed alone, changes what is
# learned. Two processes that train together would have the same trouble.
#
# The cure: deal out the random numbers beforehand. Each epoch draws an order and, for every picture, a seed of its own.
# A batch is a list of pairs (index, seed):

# %%
def seeded_batches(count, batch_size, generator):
    order = torch.randperm(count, generator=generator).tolist()
    seeds = torch.randint(2**62, (count,), generator=generator).tolist()
    pairs = list(zip(order, seeds))
    starts = range(0, count - batch_size + 1, batch_size)
    return [pairs[start : start + batch_size] for start in starts]


# %%
dealt = seeded_batches(len(train_set), 16, torch.Generator().manual_seed(0))
print(len(dealt), "batches, the first begins with", dealt[0][0])

# %% [markdown]
# (A last batch that is not full is left out.) Whoever loads the picture sets the seed first. `fork_rng` puts the random
# numbers back as they were, so that nobody else is disturbed:

# %%
class SeededExamples(Dataset):
    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, pair):
        index, seed = pair
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.dataset[index]


# %% [markdown]
# A `DataLoader` takes a list of batches as its `batch_sampler`, and hands each pair to the data set as if it were an
# index. The helper `seeded_loader` does all this, with new pairs in every epoch. Does it load our pictures, with and
# without a worker? `torch.testing.assert_close` is silent where two tensors agree, and stops where they don't; without
# tolerance (`rtol`, `atol`) it wants every bit:

# %%
from course_utils.data.loaders import seeded_loader

ours, _ = first_batch(DataLoader(SeededExamples(train_set), batch_sampler=dealt))
for workers in [0, 1]:
    images, _ = first_batch(seeded_loader(train_set, 16, seed=0, workers=workers))
    torch.testing.assert_close(images, ours, rtol=0, atol=0)

# %% [markdown]
# ## The training program
#
# Now everything is there. By hand it is a function of settings and a folder, made of what you know: transforms (01),
# `fit` (03), AdamW (04), warm-up and cosine (05), freezing (06), `CSVLog` (09) and the loader from above. Two things
# are new. `MODELS` is a dictionary that makes a network of a name. `KeepWeights` is a callback that saves the weights
# after every epoch, in the format safetensors of lesson 06.

# %%
from course_utils import CSVLog, fit, freeze, unfreeze, warmup_cosine
from course_utils.settings import MODELS
from course_utils.training.loggers import KeepWeights


def train(settings, folder):
    torch.manual_seed(settings.seed)
    train_set = open_split(settings.data, "train", train_transform(settings.size))
    val_set = open_split(settings.data, "val", eval_transform(settings.size))
    size, workers = settings.batch_size, settings.workers
    train_loader = seeded_loader(train_set, size, settings.seed, workers)
    model = MODELS[settings.model](len(train_set.classes))
    if settings.freeze:
        unfreeze(freeze(model).fc)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=decay)
    steps = settings.epochs * len(train_loader)
    warmup_steps = min(round(settings.warmup_epochs * len(train_loader)), steps - 1)
    return fit(
        model, train_loader, DataLoader(val_set, size, num_workers=workers),
        optimizer=optimizer, scheduler=warmup_cosine(optimizer, warmup_steps, steps),
        epochs=settings.epochs, checkpoint=folder / "last.pt", progress=False,
        callbacks=[CSVLog(folder), KeepWeights(folder)],
    )  # fmt: skip


# %% [markdown]
# (Half precision, TensorBoard and wandb are left to the program.)
#
# We let it train the head of the pretrained network of lesson 06, on small pictures, and on the CPU: a GPU adds up in
# varying order, and we are going to compare bit for bit. `fresh` makes sure that a folder is new when a cell is run
# again.

# %%
def fresh(name):
    shutil.rmtree(workplace / name, ignore_errors=True)
    return workplace / name


head_flags = f"--model pretrained_resnet18 --freeze --size {size} --learning-rate 0.01".split()
head_flags += "--epochs 3 --workers 0 --device cpu".split()
head_flags += ["--data", str(root)]
settings = Settings(**vars(parser_for(Settings).parse_args(head_flags)))
by_hand = fresh("by hand")
train(settings, by_hand)
print(*sorted(path.name for path in by_hand.iterdir()))

# %% [markdown]
# `best.safetensors` are the weights of the epoch with the lowest validation loss, `last.pt` is all that is needed to go
# on. Now the program of the course, [course_utils/train.py](../course_utils/train.py), in a process of its own. `-m`
# starts a module by its name, wherever the notebook lies:

# %% tags=["nbval-ignore-output"]
run_folder = fresh("run")
done = start("-m", "course_utils.train", "--output", run_folder, *head_flags)
print("exit code:", done.returncode)
for line in done.stdout.splitlines()[-2:]:
    print(line.replace(str(workplace), "…").replace("\\", "/").replace(str(root), "PICTURES"))

# %% tags=["proof"]
assert done.returncode == 0, done.stderr
assert "best epoch" in done.stdout.splitlines()[-2], done.stdout

# %% [markdown]
# Has it learned what our function learned? `cmpfiles` compares files of the same names in two folders, byte by byte
# when told not to be `shallow`:

# %%
from filecmp import cmpfiles


def compare(one, other):
    names = sorted(path.name for path in one.iterdir() if path.suffix)  # without .lock
    same, different, missing = cmpfiles(one, other, names, shallow=False)
    print("the same:", *same)
    print("differ:  ", *different, *missing)
    return same


# %%
same = compare(by_hand, run_folder)

# %% tags=["proof"]
weights = {f"{name}.safetensors" for name in ["best", "epoch-01", "epoch-02", "epoch-03"]}
assert set(same) == weights | {"batches.csv"}, f"the same files: {same}"

# %% [markdown]
# The program has learned the same weights, to the last bit, and each batch had the same loss. The two that differ hold
# the seconds that each epoch took. What the program has besides is `config.json`, the record, and
# `open_run` reads it. A network is nothing without the names of its classes, so they are in it as well:

# %%
from course_utils import open_run

run = open_run(run_folder)
record = json.loads((run_folder / "config.json").read_text(encoding="utf-8"))
print("in the record:", *record)
print("classes:", run.classes, "  images:", run.images)

# %% tags=["proof"]
assert run.settings == settings, f"{run.settings} is not {settings}"

# %% [markdown]
# ## Reading the logs
#
# The logs are tables, as in lesson 09: pandas reads them, while the program runs or a year later.

# %% tags=["nbval-ignore-output"]
epochs = pd.read_csv(run_folder / "epochs.csv", index_col="epoch")
batches = pd.read_csv(run_folder / "batches.csv", index_col="batch")
best_epoch = epochs["val_loss"].idxmin()
print(f"{len(batches)} batches, {len(epochs)} epochs, lowest val loss in epoch {best_epoch}")
epochs.round(4)

# %% tags=["proof"]
assert (len(batches), len(epochs)) == (3 * 7, 3), f"{len(batches)} batches, {len(epochs)} epochs"
best_weights = (run_folder / f"epoch-{best_epoch:02}.safetensors").read_bytes()
assert best_weights == (run_folder / "best.safetensors").read_bytes(), f"best is not epoch {best_epoch}"

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2))
axes[0].plot(batches["lr"])
axes[0].set(title="Warm-up and cosine", xlabel="batch", ylabel="learning rate")
ends = epochs.index * len(batches) // len(epochs)
axes[1].plot(batches["train_loss"], ".", color="grey", label="train, batch")
axes[1].plot(ends, epochs["train_loss"], "s--", label="train, epoch")
axes[1].plot(ends, epochs["val_loss"], "o-", label="val, epoch")
axes[1].set(title="Losses of the run", xlabel="batch", ylabel="loss")
axes[1].legend()
plt.show()

# %% tags=["proof"]
rates, losses = batches["lr"].to_numpy(), batches["train_loss"]
assert (np.diff(rates[:7]) > 0).all() and (np.diff(rates[7:]) < 0).all(), f"rates {rates}"
assert np.ptp(losses) > np.ptp(epochs["train_loss"]), "single batches scatter no wider than epochs"
if course.profile == "sample":  # which of two losses is lower depends on the photographs
    assert (epochs["val_loss"] < epochs["train_loss"]).all(), epochs.to_string()

# %% [markdown]
# On the left the rate that each batch was trained with: it rises through the first epoch, then falls. On the right
# single batches scatter widely; the epochs show where it goes. (On the sample validation lies below training: its
# pictures are not cropped at random, and it is measured after an epoch, not on the way.)
#
# The scores of an epoch stand in `epochs.csv`, not in the name of its file, where a tutorial puts them.
#
# **Check yourself.** `best.safetensors` holds tensors and nothing else. What would be lost if `config.json` were
# deleted?
# <details><summary>Answer</summary>
#
# Which network the tensors fit into, how large the pictures have to be, and what outputs 0 and 1 mean. The weights
# alone are of little use, and even a right guess could not be checked.
#
# </details>
#
# ## Errors for people
#
# What does the program say to people who ask for the impossible? We call its `main` without a process:

# %%
from course_utils.train import main as train_program


def complaint(*flags):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = train_program([str(flag) for flag in flags])
    message = said.getvalue().strip().replace(str(workplace), "…").replace("\\", "/")
    return f"exit code {code}, {message}\n"


new = ["--output", workplace / "new"]
print(complaint("--data", root, "--output", run_folder))
print(complaint("--data", workplace / "nothing", *new))
print(complaint("--data", root, *new, "--epochs", 0))

# %% tags=["proof"]
assert not (workplace / "new").exists(), "a folder was left behind"

# %% [markdown]
# A folder that is in use is not overwritten: that would be a night's work. Nonsense is refused before the folder is
# made, and so are a GPU that is not there and pretrained weights that are missing. Errors of the outside world (files,
# data, values) become a line and exit code 1. Anything else is a mistake in the program itself and is shown in full,
# with the lines it happened in. That is the helper `exit_code`, in [cli.py](../course_utils/basics/cli.py).
#
# ## Killed, and resumed
#
# A power cut does not wait for the end of an epoch. `Popen` starts a process and does not wait either. We look into its
# folder again and again, and kill it as soon as the checkpoint of the first of three epochs has appeared. (`poll`
# returns `None` while a process runs.)

# %% tags=["nbval-ignore-output"]
import time

killed = fresh("killed")
command = [sys.executable, "-m", "course_utils.train", "--output", str(killed), *head_flags]
process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while not (killed / "last.pt").exists() and process.poll() is None:
    time.sleep(0.02)
process.kill()
print("exit code:", process.wait())
print("epochs in the log:", len(pd.read_csv(killed / "epochs.csv")))

# %% tags=["proof"]
logged = len(pd.read_csv(killed / "epochs.csv"))
assert process.returncode != 0, "the program came to its end before it was killed"
assert 1 <= logged < 3 and not (killed / "epoch-03.safetensors").exists(), f"{logged} epochs in the log"

# %% [markdown]
# What it did of the second epoch is lost, the first is kept: weights, the optimizer's averages, the place in the
# schedule, the state of every random number generator. That is what must be in a checkpoint
# for the rest to be the same. We go on with `--resume`, which takes the settings from the record. (To save time we call
# `main`; `redirect_stdout` catches what it prints.)

# %%
with contextlib.redirect_stdout(io.StringIO()):
    code = train_program(["--resume", str(killed)])
print("exit code:", code)
same = compare(killed, run_folder)

# %% tags=["proof"]
weights = {f"{name}.safetensors" for name in ["best", "epoch-01", "epoch-02", "epoch-03"]}
assert code == 0 and set(same) == weights | {"batches.csv"}, f"exit code {code}, the same files: {same}"

# %% [markdown]
# The log of every batch and the weights after every epoch are the same, bit for bit. A killed program costs at most one
# epoch, and not a single digit. (Ctrl-C in a terminal does the same, with exit code 130. Two programs that go on with
# the same run at once would spoil it, so the second one is refused.)
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
# So testing is a program of its own. It knows only the run folder and the pictures to judge: the network and its
# classes come from the record, the weights from `best.safetensors`. In a terminal it is started with
#
#     python -m course_utils.test RUN_FOLDER --data FOLDER
#
# and here, to save time, by its `main`. (The photographs of the profile `full` have no test split. There it judges
# `val`, which is then no test, and shows only how the program works.)

# %% tags=["nbval-ignore-output"]
from course_utils.test import main as test_program

judged = course.pick(sample="test", full="val")
where = ["--data", str(root), "--split", judged, "--device", "cpu"]
code = test_program([str(run_folder), *where])

# %% tags=["proof"]
assert code == 0, f"exit code {code}"

# %% [markdown]
# It has written `test.json`, the scores, and `predictions.csv`, a row for every picture. From those we compute accuracy
# and standard error by hand:

# %% tags=["nbval-ignore-output"]
from course_utils import standard_error

scores = json.loads((run_folder / "test.json").read_text(encoding="utf-8"))
answers = pd.read_csv(run_folder / "predictions.csv")
accuracy = (answers["true"] == answers["predicted"]).mean()
print("written:", *scores)
error = standard_error(accuracy, len(answers))
print(f"by hand: accuracy {accuracy:.4f}, standard error {error:.4f}")
print(f"on validation, in the best epoch: {epochs['val_accuracy'][best_epoch]:.4f}")

# %% tags=["proof"]
np.testing.assert_allclose([scores["accuracy"], scores["standard_error"]], [accuracy, error], atol=1e-6)
gap = abs(scores["accuracy"] - epochs["val_accuracy"][best_epoch])
assert gap < 3 * scores["standard_error"], f"test and validation are {gap:.3f} apart"

# %% [markdown]
# The two are less than three standard errors apart, and the test score may well be the higher one. "Too good" holds on
# average, over many such choices. In a single run chance is larger: the pictures are others, and the standard error
# says how much that matters. To choose one of three epochs is also little to be lucky with. Further down we choose
# among more, and measure it.
#
# The tutorial's programs use `RandomResizedCrop(256)` for validation and test, too: a random part of each picture, of
# anything from 8 % to 100 % of its area. What does that do to the score? We judge the same network on the same
# validation pictures, once as they should be and three times like that. (`steps[2:]` is everything but resizing and
# cropping.)

# %%
from torchvision.transforms import v2

from course_utils import evaluate

no_chance = eval_transform(size)
steps = no_chance.transforms
random_crop = v2.Compose([v2.RandomResizedCrop(size), *steps[2:]])


def judge(transform):
    val_set = open_split(root, "val", transform, run.classes)
    return evaluate(run.load_model(), DataLoader(val_set, 64))


# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
judged_right, *judged_wrong = [judge(how) for how in [no_chance] + 3 * [random_crop]]
for name in ["accuracy", "loss"]:
    by_pass = "  ".join(f"{scores[name]:.3f}" for scores in judged_wrong)
    print(f"{name:>8}: as it should be {judged_right[name]:.3f}, random crops {by_pass}")

# %% tags=["proof"]
wrong_losses = [scores["loss"] for scores in judged_wrong]
assert len(set(wrong_losses)) == 3, f"two passes give the same loss: {wrong_losses}"
if course.profile == "sample":  # three passes are few, and the photographs are larger
    assert np.mean(wrong_losses) > judged_right["loss"], f"{wrong_losses} against {judged_right['loss']}"

# %% [markdown]
# The same weights and the same pictures, and the score changes from pass to pass. On the drawn pictures the loss is
# higher on average. (How much accuracy it costs, three passes over so few pictures cannot say: one of them may be as
# good as the right one.) With such a validation, the epoch that is called best is partly the one that drew good crops.
#
# ## What the tutorial's program does, and where it is here
#
# The tutorial has a training script, a test script and some text. Here the pieces lie in
# [train.py](../course_utils/train.py), [test.py](../course_utils/test.py), [runs.py](../course_utils/runs.py),
# [settings.py](../course_utils/settings.py), [loop.py](../course_utils/training/loop.py),
# [inference.py](../course_utils/training/inference.py), [transforms.py](../course_utils/data/transforms.py),
# [schedules.py](../course_utils/training/schedules.py) and [loggers.py](../course_utils/training/loggers.py):
#
# | there | here | what has changed |
# |---|---|---|
# | `get_args` with argparse | `make_parser` in train.py | made from `Settings`; no `type=bool` |
# | `--model` with choices | `--model`, `MODELS` in settings.py | classes are read from the folders |
# | `--train_dir`, `--val_dir` | `--data`, with both inside | missing folders are named |
# | `--is_cuda`, `--is_mps` | `--device auto` | takes what is there |
# | `--num_workers`, `--batch_size` | `--workers`, `--batch-size` | workers do not change the result |
# | `--data_mean`, `--data_std`, unused | transforms.py | always normalized |
# | folder named by time, `log.json` | `--output`, `config.json` | nothing is overwritten |
# | random crops for validation, too | transforms.py | for training only |
# | AdamW, cross-entropy | `train` in train.py, `fit` | no softmax before the loss |
# | warm-up, set *after* the step | schedules.py | set before the first batch |
# | `per_epoch_size`, may be 0 | `len(train_loader)` | the real number of steps |
# | progress bar with epoch, loss, rate | `fit`, loggers.py | logs in files as well |
# | `val()`, mean of batch means | `evaluate` in inference.py | every picture weighs the same |
# | weights from `--save_station` on | `KeepWeights` in loggers.py | from epoch 1, and the best |
# | scores in the file's name | `epochs.csv` | every digit of every epoch |
# | `torch.save` of the whole model | safetensors files | loading runs no code |
# | seed for the GPU only | `--seed` for everything | order and crops follow from it |
# | | `--resume` | a killed run goes on |
# | test script, its paths in the code | test.py | classes come from the run |
# | test loss divided inside the loop | `judge` in test.py | see the common mistake |
# | text on validation, test, tuning | above and below | measured |
#
# (`get_args` makes its flags, `val` is its validation loop, `per_epoch_size` its number of batches in an epoch, and
# `--save_station` the first epoch whose weights are kept.)
#
# **Check yourself.** The tutorial calls `optimizer.step()` and then sets the rate for step 1, 2, 3 … of the schedule.
# Which rate has its very first batch?
# <details><summary>Answer</summary>
#
# The full one, with which the optimizer was made: the very step that warm-up is there to make small. With the next
# batch the warm-up begins.
#
# </details>
#
# ## Hyperparameters
#
# Think of learning to ride a bicycle. Balance comes by riding: those are the parameters, and training finds them. How
# high the saddle is you decide before you get on, and whether it was right you only learn by riding. Such settings are
# **hyperparameters**: the learning rate, the number of epochs, the width of a layer. To tune them is to ride again and
# again with another saddle.
#
# That takes many short trials, so we choose something cheap: the digits of lesson 04 on 8 × 8 pixels, the `MLP` of
# lesson 03 with one hidden layer, few pictures. Two things are tuned, the learning rate and the width of the layer.
# Each repetition of the experiment draws its own three sets: 200 pictures to train on, 50 to choose by (validation),
# and the **rest**, which no search sees. `right` says of each picture outside training whether it was recognized.

# %%
from torch.utils.data import TensorDataset

from course_utils import MLP, load_digits28, predict

pictures, labels = load_digits28("train")
pictures, labels = F.adaptive_avg_pool2d(pictures[:1200], 8), labels[:1200]


def draw_sets(seed):
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))
    return [TensorDataset(pictures[part], labels[part]) for part in [order[:200], order[200:]]]


def trial(settings, sets, seed):
    torch.manual_seed(seed)
    model = MLP(64, [settings["width"]], 10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings["rate"])
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(sets[0], 100, shuffle=True, generator=generator)
    fit(model, loader, optimizer=optimizer, epochs=8, progress=False)
    logits, truth = predict(model, DataLoader(sets[1], 1000))
    right = (logits.argmax(dim=1) == truth).numpy()
    return settings | {"val": right[:50].mean(), "rest": right[50:].mean(), "right": right}


# %% [markdown]
# In which range? Learning rates differ by powers of ten: 0.001 and 0.002 are as far apart as 0.1 and 0.2. So we draw
# the *exponent* evenly: this is called **log-uniform**. If the rate itself were drawn evenly from 0.0001 to 1, where
# would it fall?

# %%
rng = np.random.default_rng(0)
evenly = rng.uniform(1e-4, 1, size=10_000)
by_exponent = 10 ** rng.uniform(-4, 0, size=10_000)
for name, rates in [("evenly", evenly), ("log-uniform", by_exponent)]:
    print(f"{name:>11}: {(rates > 0.1).mean():.0%} of the rates are above 0.1")

# %% [markdown]
# Nearly all large ones. The two simplest searches, with a **budget** of 16 trials:
#
# - a **grid**: four rates times four widths, every combination;
# - **random**: 16 draws.

# %%
budget = 16


def by_grid(sets, seed):
    for rate in np.logspace(-4, 0, 4):
        for width in [4, 13, 40, 128]:
            yield trial({"rate": rate, "width": width}, sets, seed)


def by_chance(sets, seed):
    rng = np.random.default_rng(seed)
    for _ in range(budget):
        rate = 10 ** rng.uniform(-4, 0)
        width = round(10 ** rng.uniform(np.log10(4), np.log10(128)))
        yield trial({"rate": rate, "width": width}, sets, seed)


# %% [markdown]
# (The width, too, is drawn log-uniformly. `np.logspace(-4, 0, 4)` has four numbers from 10⁻⁴ to 10⁰ with equal ratios.
# `yield` makes a function hand out its results one by one.) Both forget what they have seen. **Optuna** learns from it.
# Its method **TPE** begins with a few random trials, then divides all trials so far into good ones and others, and
# proposes settings that lie where good ones are dense and others are not. `ask` fetches a proposal, `tell` reports how
# it went:

# %%
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def by_tpe(sets, seed):
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=5)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(budget):
        proposal = study.ask()
        rate = proposal.suggest_float("rate", 1e-4, 1, log=True)
        width = proposal.suggest_int("width", 4, 128, log=True)
        result = trial({"rate": rate, "width": width}, sets, seed)
        study.tell(proposal, result["val"])
        yield result


# %% [markdown]
# All three get the same sets and the same seeds, five times: 240 small trainings. For each way and repetition the
# **winner** is the trial with the highest validation accuracy; `idxmax` names its row, `loc` fetches it:

# %% tags=["nbval-ignore-output"]
ways = {"grid": by_grid, "random": by_chance, "TPE": by_tpe}
repetitions = 5
rows = []
for seed in range(repetitions):
    sets = draw_sets(seed)
    for name, way in ways.items():
        rows += [{"way": name, "seed": seed} | result for result in way(sets, seed)]
trials = pd.DataFrame(rows)
winners = trials.loc[trials.groupby(["way", "seed"])["val"].idxmax()]
winners.groupby("way")[["val", "rest"]].agg(["mean", "sem"]).loc[list(ways)].round(3)

# %% tags=["proof"]
assert len(trials) == 3 * budget * repetitions == 240, f"{len(trials)} trials"
found = winners.groupby("way")["rest"].mean()
assert found.min() > 0.6, f"accuracy of the winners on the rest:\n{found}"

# %% [markdown]
# `val` and `rest` are the winners' mean accuracies, each with its standard error over the repetitions (`sem`). All
# three find settings that work. (About three digits of four are right. That is not bad after 200 pictures of so few
# pixels.) Where did they look? All trials:

# %%
fig, axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True, layout="constrained")
for ax, name in zip(axes, ways):
    shown = trials[trials["way"] == name]
    dots = ax.scatter(shown["rate"], shown["width"], c=shown["val"], vmin=0, vmax=1, s=25)
    ax.set(title=f"{name}, {len(shown)} trials", xlabel="learning rate", xscale="log", yscale="log")
axes[0].set(ylabel="width", yticks=[4, 13, 40, 128], yticklabels=[4, 13, 40, 128])
axes[0].minorticks_off()
fig.colorbar(dots, ax=axes, label="val accuracy")
plt.show()

# %% tags=["nbval-ignore-output"]
by_repetition = trials.groupby(["seed", "way"])["val"].mean().unstack()
for name in ways:
    mean, error = by_repetition[name].mean(), by_repetition[name].sem()
    print(f"{name:>6}: mean accuracy of all trials {mean:.3f}, standard error {error:.3f}")

# %% tags=["proof"]
by_rate = trials[trials["way"] == "grid"].groupby("rate")["val"].mean()
wasted = (trials.loc[trials["way"] == "grid", "val"] < 0.5).mean()
widths = trials[trials["rate"].between(0.01, 0.1)].groupby(trials["width"] >= 23)["val"].mean()
nth = trials.groupby(["way", "seed"]).cumcount()
first, later = [trials.loc[(trials["way"] == "TPE") & part, "val"].mean() for part in [nth < 5, nth >= 5]]
assert by_rate.idxmax() == by_rate.index[2] and np.ptp(by_rate.nlargest(2)) > 0.1, f"{by_rate}"
assert wasted > 0.5, f"{wasted:.0%} of the grid's trials are wasted"
assert widths[True] > widths[False] + 0.1, f"narrow {widths[False]:.3f}, wide {widths[True]:.3f}"
assert later > first, f"TPE's first five {first:.3f}, its later trials {later:.3f}"
assert by_repetition["TPE"].mean() > by_repetition["grid"].mean() + 0.05, f"{by_repetition.mean()}"

# %% [markdown]
# Light dots are good. (In the grid each dot hides those of the other repetitions.) A strip of rates works, and wider
# layers do better. The grid knows only four rates; that one of them lies in the strip is luck of the ruler, and most of
# its trials are wasted. Chance strews its trials over everything. So does TPE in its first five;
# then it is drawn to where it found something good, though it goes on trying elsewhere, and its trials are better on
# average than the grid's.
#
# Is its winner better for that? Repetition by repetition, on the rest (`pivot` makes a table with a row for each
# repetition and a column for each way):

# %% tags=["nbval-ignore-output"]
on_rest = winners.pivot(index="seed", columns="way", values="rest")
for other in ["random", "grid"]:
    lead = on_rest["TPE"] - on_rest[other]
    print(f"TPE ahead of {other}: {lead.mean():+.3f}, standard error {lead.sem():.3f}")

# %% tags=["proof"]
leads = on_rest.rsub(on_rest["TPE"], axis=0).drop(columns="TPE")
if course.profile == "sample":  # other digits, other winners
    assert (leads.mean() < 3 * leads.sem()).all(), f"TPE ahead by\n{leads.mean()}\n± {leads.sem()}"
of_grid = winners.loc[winners["way"] == "grid", "rest"]
assert of_grid.min() > 0.6, f"the grid's winners get {of_grid.tolist()}"

# %% [markdown]
# Judge the leads by their errors, as in lesson 06: a lead of less than two or three standard errors is none. On the
# sample digits TPE has none, for all its better trials: one good trial is enough to win, and the grid's lucky rate
# gives it one in every repetition. But five repetitions are few. (Try `repetitions = 25`; it takes five times as long.)
# For two hyperparameters and a lucky ruler a grid is fine. For five of them, four values each would be 4⁵ trials, while
# chance and TPE take any budget you have.
#
# ## The winner is lucky
#
# The winner was chosen *because* its validation score was high. Part of that is skill, part is luck with these 50
# pictures, and the luck does not come along. To see it without any network: models that are all right with probability
# 0.75, judged on 50 pictures, and the best of them chosen. Ten thousand times:

# %%
hits = np.random.default_rng(0).binomial(50, 0.75, size=(10_000, 64)) / 50
for among in [1, 4, 16, 64]:
    print(f"the best of {among:>2}, on average: {hits[:, :among].max(axis=1).mean():.3f}")

# %% [markdown]
# All are equally good, and the chosen one looks the better, the more it has beaten. Our networks are not equally good,
# and they are judged on the same pictures: what is easy for one is easy for most. What remains? We know of every
# network which of the pictures outside training it got right. So we can choose again without training again: draw some
# networks and 50 pictures, choose the best network on these, and see how it does on the other pictures.

# %%
def luck_of_winner(right, among, rng):
    networks, order = rng.permutation(len(right))[:among], rng.permutation(right.shape[1])
    drawn = right[networks][:, order]
    val, rest = drawn[:, :50].mean(axis=1), drawn[:, 50:].mean(axis=1)
    return (val - rest)[val.argmax()]


# %% tags=["nbval-ignore-output"]
rng = np.random.default_rng(0)
luck = {}
for among in [1, 4, 16, 48]:
    draws = []
    for _, part in trials.groupby("seed"):
        right = np.stack(part["right"])
        draws += [luck_of_winner(right, among, rng) for _ in range(200)]
    luck[among] = np.mean(draws)
    print(f"the winner of {among:>2} looks better than it is by {luck[among]:+.3f}")

# %% tags=["proof"]
assert abs(luck[1]) < 0.01 and luck[48] > max(luck[1], 0), f"luck of winners: {luck}"
assert luck[48] < hits[:, :48].max(axis=1).mean() - 0.75, f"luck of winners: {luck}"

# %% [markdown]
# A network that was not chosen has no luck on average; a winner has. The networks that hardly learned anything are no
# rivals, so the effect is smaller than in the game above.
#
# This is why there is a third set. Tune on validation as much as you like, then run the test program once. To tune
# `course_utils.train`, let each trial be a run with a folder of its own, and take the best `val_loss` of its
# `epochs.csv`; all of them stay on record.
#
# **Check yourself.** Somebody tunes on validation, tests, finds the score low, tunes on, tests again, five times, and
# reports the best. What is that test score?
# <details><summary>Answer</summary>
#
# The winner of five trials: the test set has become a second validation set. Report the first test score, or find
# pictures that nobody has looked at.
#
# </details>
#
# ## Several processes
#
# When one GPU is too slow, take two. Each process holds the whole network and computes the gradient on its share of
# every batch. Then all of them average their gradients and make the same step. Does that give the gradient of the whole
# batch? `torch.autograd.grad` returns gradients instead of storing them. We try a network without BatchNorm, and one
# with:

# %%
torch.manual_seed(0)
inputs, targets = torch.randn(32, 20), torch.randint(2, (32,))


def gradient(model, part):
    loss = F.cross_entropy(model(inputs[part]), targets[part])
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, model.parameters())])


linear, norm = nn.Linear(20, 2), nn.BatchNorm1d(20)
for name, model in [("without BatchNorm", linear), ("with BatchNorm", nn.Sequential(norm, linear))]:
    whole = gradient(model, slice(None))
    halves = (gradient(model, slice(0, None, 2)) + gradient(model, slice(1, None, 2))) / 2
    same = torch.allclose(whole, halves, atol=1e-6)
    print(f"{name}: the same gradient: {'yes' if same else 'no'}")

# %% [markdown]
# The loss is a mean over examples, and so is its gradient: the mean of two equal halves' means is the mean of all.
# BatchNorm breaks this, because it normalizes each example with the mean and variance of *its* batch, and a half has
# others than the whole. The processes have to average those as well. The mean is easy. The variance must be measured
# from the common mean:

# %%
halves = [inputs[0::2], inputs[1::2]]
mean = sum(half.mean(dim=0) for half in halves) / 2
variance = sum((half - mean).square().mean(dim=0) for half in halves) / 2
naive = sum(half.var(dim=0, correction=0) for half in halves) / 2
whole = inputs.var(dim=0, correction=0)
print("around the common mean:", "the same" if torch.allclose(variance, whole) else "another")
print("each around its own:   ", "the same" if torch.allclose(naive, whole) else "another")

# %% [markdown]
# `synchronize_batchnorm` in [distributed.py](../course_utils/basics/distributed.py) makes the BatchNorm layers do just
# that (torch's own `SyncBatchNorm` does it on GPUs only).
#
# Now the shares. `seeded_loader` deals each batch of pairs out in turn: with two processes, number 0 gets the first,
# third, fifth pair, number 1 the others. The crops are tied to the pairs, so both together load exactly the pictures
# that one process would:

# %%
batch = dealt[0]
shares = [batch[number::2] for number in range(2)]
for number, share in enumerate(shares):
    print(f"process {number} loads {len(share)} pictures:", *[index for index, seed in share])

# %% tags=["proof"]
assert sorted(shares[0] + shares[1]) == sorted(batch), "together they are not the whole batch"

# %% [markdown]
# Each process has to know how many there are (the **world size**), which one it is (its **rank**), and where to meet
# the others: an address and a **port**, the number of a door of the machine. All of it goes into environment variables.
# The program is the same; where `fit` finds the variables, it wraps the network in torch's `DistributedDataParallel`,
# which averages the gradients, and only rank 0 prints and writes. The processes talk through **gloo** on CPUs and
# **NCCL** on GPUs of NVIDIA.
#
# A small network with BatchNorm, trained by one process (our function) and by two, which we start by hand. (Whoever
# asks for port 0 gets one that is free. A thread for each makes them run at the same time.)

# %%
small_flags = "--model cnn --size 32 --epochs 2 --workers 0 --device cpu".split()
small_flags += ["--data", str(root)]
small = Settings(**vars(parser_for(Settings).parse_args(small_flags)))
one = fresh("one process")
train(small, one)
two = fresh("two processes")

# %%
import socket
from concurrent.futures import ThreadPoolExecutor

with socket.create_server(("127.0.0.1", 0)) as door:
    port = door.getsockname()[1]


def start_one(rank):
    names = {"TORCHELASTIC_RUN_ID": "by hand", "WORLD_SIZE": "2", "RANK": str(rank)}
    names |= {"LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return start("-m", "course_utils.train", "--output", two, *small_flags, **names).returncode


with ThreadPoolExecutor() as threads:
    print("exit codes:", list(threads.map(start_one, range(2))))

# %% [markdown]
# In a terminal you leave this to `torchrun`, which also ends all processes when one fails:
# `torchrun --standalone --nproc-per-node=2 -m course_utils.train …`. A **node** is a machine: two processes on each,
# and only this one machine. (`LOCAL_RANK` is the rank on the machine, and tells which GPU to take.
# `TORCHELASTIC_RUN_ID` is torchrun's name for what it starts. PyTorch 2.15 for Windows lacks what `torchrun` meets
# through, so start processes by hand there.)
#
# For comparison, one process with another seed:

# %% tags=["nbval-ignore-output"]
from dataclasses import replace

other = fresh("another seed")
train(replace(small, seed=1), other)
losses = {}
for folder in [one, two, other]:
    log = pd.read_csv(folder / "epochs.csv", index_col="epoch")
    losses[folder.name] = log[["train_loss", "val_loss"]].stack()
losses = pd.DataFrame(losses)
losses.round(6)

# %% tags=["proof"]
apart = losses.sub(losses["one process"], axis=0).abs().max()
assert apart["two processes"] < 0.001, f"largest differences:\n{apart}"
assert apart["another seed"] > 10 * apart["two processes"], f"largest differences:\n{apart}"

# %% [markdown]
# (`train_loss` is averaged over both processes. Validation is not shared: each judges all of it, and rank 0 writes.)
#
# Not bit for bit: the sums are added up in another order, and rounding differs. But it is the same training, on the
# same crops, with the same batch size, while another seed ends elsewhere.
#
# Is it faster? Not on one CPU. There a single process uses all cores already. Two have to share them, they exchange
# gradients after every batch, and each judges all of the validation pictures. On two cores we
# [measured](../benchmarks/README.md) an epoch that takes twice as long. Processes pay where each has a GPU, or a
# machine, of its own.
#
# **Check yourself.** `seeded_loader` refuses to share a batch of 33 between two processes. Why?
# <details><summary>Answer</summary>
#
# The shares would be 17 and 16. The mean of the two means would weigh each picture of the smaller share a little more:
# not the gradient of the whole batch.
#
# </details>
#
# > **Common mistake.** The tutorial's test script adds up the losses of its batches of four and divides by their number
# > *inside* the loop, where it also prints. We replay it with the answers of our run to the validation pictures:

# %% tags=["nbval-ignore-output"]
val_set = open_split(root, "val", no_chance, run.classes)
logits, val_labels = predict(run.load_model(), DataLoader(val_set, 64))
parts = list(zip(logits.split(4), val_labels.split(4)))
test_loss, correct = 0.0, 0
for number, (some_logits, some_labels) in enumerate(parts, 1):
    test_loss += F.cross_entropy(some_logits, some_labels).item()
    correct += (some_logits.argmax(dim=1) == some_labels).sum().item()
    test_loss /= len(parts)
    if number in [1, 2, len(parts)]:
        print(f"batch {number:>2}: loss {test_loss:.4f}, accuracy {correct / len(logits):.1%}")
true_loss = F.cross_entropy(logits, val_labels).item()
print(f"in truth: loss {true_loss:.4f}")

# %% tags=["proof"]
losses = [F.cross_entropy(*part).item() for part in parts]
more = test_loss - losses[-1] / len(parts)  # than the last batch's share
assert 0 <= more < max(losses) / len(parts) / (len(parts) - 1) + 1e-9, f"{more:.5f} from all batches before"
assert correct == (logits.argmax(dim=1) == val_labels).sum(), "the accuracy of the last line is wrong"
if course.profile == "sample":  # with another last picture it may be more
    assert test_loss < true_loss / 10, f"printed {test_loss:.4f}, in truth {true_loss:.4f}"

# %% [markdown]
# > The loss is divided again with every batch, and what is left at the end is little more than the last batch, divided
# > by the number of all. The accuracy is right, but only in the last line: before, it counts the hits so far among
# > *all* pictures. The tutorial has six pictures and two batches, sees 66.7 % and 100 %, and takes them for the
# > accuracies of the first and the second batch. Sum in the loop, divide after it, print after that.

# %%
shutil.rmtree(workplace, ignore_errors=True)  # cells above need it: repeat them from the top

# %% [markdown]
# ## Summary
#
# - A program is a `main` with flags, an exit code and errors for people; describe its settings once, as a dataclass.
# - A run is a folder with record, logs, checkpoint and weights; what it cannot do without is replaced as a whole.
# - With a seed for every example, and everything in the checkpoint, a killed run ends like one that was never killed.
# - Validation chooses, test reports; a winner's validation score is too good on average, more so the more it beat.
# - Processes share each batch and average gradients; BatchNorm has to be averaged, too, then two learn like one.
#
# **Exercises**: [10 exercises](exercises/10_from_notebook_to_script.ipynb)
#
# **Next**: [lesson 11 · Lightning](11_lightning.ipynb)
