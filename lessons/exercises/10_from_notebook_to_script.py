# %% [markdown]
# # Exercises 10 · From notebook to script
#
# Five tasks, from warming up to faults that you have to find, about 50 minutes. Each has a gap to fill and a check
# that tells you what is wrong. They need nothing beyond [lesson 10](../10_from_notebook_to_script.ipynb); if you are
# stuck, unfold the hints one by one. Run the next cell first; the class in it is for task 5.

# %%
import argparse
import contextlib
import io
import json
import math
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import fresh_inputs, names_used, progress, start_exercise

course = start_exercise("10")


class Training:
    """A tiny training, for task 5."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.inputs, self.targets = torch.randn(40, 3), torch.randn(40, 1)
        self.model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 1))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, step_size=2, gamma=0.5)
        self.generator = torch.Generator().manual_seed(seed)
        self.losses = []

    def train(self, epochs):
        for _ in range(epochs):
            total = 0.0
            for part in torch.randperm(40, generator=self.generator).split(8):
                loss = F.mse_loss(self.model(self.inputs[part]), self.targets[part])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss.item() / 5
            self.scheduler.step()
            self.losses.append(total)


# %% [markdown]
# ## Task 1 · Which epoch was best? (2 points)
#
# A run folder holds `epochs.csv`, a row per epoch, with a column `epoch` that counts from 1. Return the number of the
# best epoch by the column `monitor`: the lowest value, or the highest if the column's name ends in `accuracy`. A value
# that is not a number (`nan`) is never the best.
# <details><summary>Hint 1: a question</summary>
#
# If the column `epoch` gives the rows their names, which row has the lowest value? And for which columns is the highest
# one asked for?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *What you will have* tells what a run folder holds, *Validation against test* reads its table of epochs.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# `idxmin` and `idxmax` return the name of a row, and skip what is no number.
#
# ```python
# rain = pd.DataFrame({"month": [4, 5, 6], "mm": [30.0, math.nan, 11.0]}).set_index("month")["mm"]
# print("driest:", rain.idxmin(), "wettest:", rain.idxmax())  # 6 and 4
# ```
#
# </details>

# %% tags=["answer"]
def best_epoch(folder, monitor="val_loss"):
    """Number of the best epoch of a run.

    Args:
        folder: path of a run folder
        monitor: name of a column of its epochs.csv
    Returns:
        int, counted from 1
    """
    ### BEGIN SOLUTION
    column = pd.read_csv(Path(folder) / "epochs.csv", index_col="epoch")[monitor]
    return int(column.idxmax() if monitor.endswith("accuracy") else column.idxmin())
    ### END SOLUTION


# %% tags=["right"]
import csv


def best_epoch(folder, monitor="val_loss"):
    best = None
    with open(os.path.join(folder, "epochs.csv"), newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            value = float(row[monitor] or "nan") * (-1 if monitor[-8:] == "accuracy" else 1)
            if not math.isnan(value) and (best is None or value < best[0]):
                best = value, int(row["epoch"])
    return best[1]


# %% tags=["right"]
def best_epoch(folder, monitor="val_loss"):
    table = np.genfromtxt(Path(folder) / "epochs.csv", delimiter=",", names=True)
    place = np.nanargmax if monitor.endswith("accuracy") else np.nanargmin
    return int(table["epoch"][place(table[monitor])])


# %% tags=["right"]
def best_epoch(folder, monitor="val_loss"):
    table = pd.read_csv(f"{folder}/epochs.csv").dropna(subset=monitor)
    return table.sort_values(monitor, ascending=not monitor.endswith("accuracy"))["epoch"].iloc[0]


# %% tags=["wrong"] expect="counts from 1"
# - column = pd.read_csv(Path(folder) / "epochs.csv", index_col="epoch")[monitor]
# + column = pd.read_csv(Path(folder) / "epochs.csv")[monitor]

# %% tags=["wrong"] expect="higher is better"
def best_epoch(folder, monitor="val_loss"):
    return int(pd.read_csv(Path(folder) / "epochs.csv", index_col="epoch")[monitor].idxmin())


# %% tags=["wrong"] expect="not its value"
# - return int(column.idxmax() if monitor.endswith("accuracy") else column.idxmin())
# + return column.max() if monitor.endswith("accuracy") else column.min()

# %% tags=["wrong"] expect="look at the column monitor"
def best_epoch(folder, monitor="val_loss"):
    return int(pd.read_csv(Path(folder) / "epochs.csv", index_col="epoch")["val_loss"].idxmin())


# %% tags=["wrong"] expect="nan is never the best"
def best_epoch(folder, monitor="val_loss"):
    table = pd.read_csv(Path(folder) / "epochs.csv")
    sign = -1 if monitor.endswith("accuracy") else 1
    return int(min(zip(sign * table[monitor], table["epoch"]))[1])


# %% tags=["wrong"] expect="every accuracy"
# - monitor.endswith("accuracy")
# + monitor == "val_accuracy"

# %% tags=["wrong"] expect="of all other columns"
# - return int(column.idxmax() if monitor.endswith("accuracy") else column.idxmin())
# + return int(column.idxmin() if "loss" in monitor else column.idxmax())

# %% tags=["wrong"] expect="does not end in accuracy"
# - monitor.endswith("accuracy")
# + "accuracy" in monitor

# %% tags=["wrong"] expect="nor the best accuracy"
# - column = pd.read_csv(Path(folder) / "epochs.csv", index_col="epoch")[monitor]
# + column = pd.read_csv(Path(folder) / "epochs.csv", index_col="epoch")[monitor].fillna(np.inf)

# %% tags=["wrong"] expect="return a number"
# - return int(column.idxmax() if monitor.endswith("accuracy") else column.idxmin())
# + return str(column.idxmax() if monitor.endswith("accuracy") else column.idxmin())

# %% [markdown]
# Try it on a run that you make up:

# %%
with tempfile.TemporaryDirectory() as folder:
    table = pd.DataFrame({"epoch": [1, 2, 3], "val_loss": [0.6, 0.4, 0.5]})
    table.to_csv(Path(folder) / "epochs.csv", index=False)
    print(best_epoch(folder))

# %% tags=["check"] points=2
def tell(monitor, **columns):
    with tempfile.TemporaryDirectory() as folder:
        table = pd.DataFrame({"epoch": range(1, 6), **columns})
        table.to_csv(Path(folder) / "epochs.csv", index=False)
        found = best_epoch(Path(folder), monitor)
    assert found is not None, "return the epoch"
    assert np.ndim(found) == 0 and not isinstance(found, str), f"return a number, not a {type(found).__name__}"
    return found


losses, accuracies = [0.9, 0.7, 0.3, 0.4, 0.5], [0.5, 0.6, 0.7, 0.8, 0.1]
found = tell("val_loss", train_loss=losses[::-1], val_loss=losses, val_accuracy=accuracies)
assert found != 0.3, "return the number of the epoch, not its value"
assert found != 2, "the best of these epochs is 3, not 2: the column epoch counts from 1"
assert found == 3, f"the losses {losses} are lowest in epoch 3, not {found}"
found = tell("train_loss", train_loss=losses[::-1], val_loss=losses, val_accuracy=accuracies)
assert found == 3, f"the same losses backwards are lowest in epoch 3, not {found}"
found = tell("val_accuracy", val_loss=losses, val_accuracy=accuracies)
assert found != 5, "of an accuracy higher is better: epoch 4, not 5"
assert found != 3, "look at the column monitor, not always at val_loss"
assert found == 4, f"the accuracies {accuracies} are highest in epoch 4, not {found}"
found = tell("train_accuracy", val_loss=losses, train_accuracy=accuracies)
assert found == 4, f"train_accuracy is best in epoch 4, not {found}: of every accuracy the highest value counts"
found = tell("seconds", val_loss=losses, seconds=accuracies)
assert found == 5, f"the column seconds is lowest in epoch 5, not {found}: of all other columns the lowest counts"
found = tell("accuracy_gap", accuracy_gap=losses)
assert found == 3, f"accuracy_gap is lowest in epoch 3, not {found}: its name does not end in accuracy"
for first in (0, 4):
    with_nan = list(losses)
    with_nan[first] = math.nan
    found = tell("val_loss", val_loss=with_nan)
    assert found == 3, f"of the losses {with_nan} epoch 3 is best, not {found}: nan is never the best"
    with_nan = list(accuracies)
    with_nan[first] = math.nan
    found = tell("val_accuracy", val_accuracy=with_nan)
    assert found == 4, f"of {with_nan} epoch 4 is best, not {found}: nan is not the best loss, nor the best accuracy"
inputs = fresh_inputs()
for monitor in ["val_loss", "val_accuracy", "seconds", "test_accuracy"]:
    values, other = inputs.random((2, 5)).round(4)
    values[inputs.integers(5)] = math.nan
    known = {value: epoch for epoch, value in enumerate(values.tolist(), 1) if not math.isnan(value)}
    expected = known[max(known) if monitor.endswith("accuracy") else min(known)]
    found = tell(monitor, lr=other, **{monitor: values})
    assert found == expected, f"of {monitor} {values.tolist()} epoch {expected} is best, not {found}"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · A parser that refuses nonsense (4 points)
#
# Write a parser for these flags:
#
# | flag | value | default |
# |---|---|---|
# | `--data` | text | must be given |
# | `--epochs` | whole number, at least 1 | 5 |
# | `--learning-rate` | number above 0 | 0.001 |
# | `--model` | `cnn` or `resnet18` | `cnn` |
# | `--augment`, `--no-augment` | yes or no | yes |
#
# Anything else must be refused, `nan` too: the parser ends the program with exit code 2, as argparse does by itself.
# (Whether shortened flags such as `--epoch 3` are accepted is up to you.)
# <details><summary>Hint 1: a question</summary>
#
# Who turns the text behind a flag into a value, and who says that a value is not allowed?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Flags* shows flags of all these kinds. *One description for flags and record* has functions that check a value.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A function passed as `type=` may refuse a text; argparse then ends the program with a message.
#
# ```python
# def even(word):
#     value = int(word)
#     if value % 2:
#         raise argparse.ArgumentTypeError(f"{word} is odd")
#     return value
#
#
# seats = argparse.ArgumentParser()
# seats.add_argument("--seats", type=even)
# print(seats.parse_args(["--seats", "4"]).seats)
# ```
#
# </details>

# %% tags=["answer"]
def make_parser():
    """Parser of the five flags of the table.

    Returns:
        argparse.ArgumentParser
    """
    ### BEGIN SOLUTION
    def at_least_one(text):
        number = int(text)
        if number < 1:
            raise argparse.ArgumentTypeError(f"{text} is less than 1")
        return number

    def positive(text):
        number = float(text)
        if not number > 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return number

    parser = argparse.ArgumentParser(description="Train a network.")
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=at_least_one, default=5)
    parser.add_argument("--learning-rate", type=positive, default=0.001)
    parser.add_argument("--model", choices=["cnn", "resnet18"], default="cnn")
    parser.add_argument("--augment", action=argparse.BooleanOptionalAction, default=True)
    return parser
    ### END SOLUTION


# %% tags=["right"]
def make_parser():
    class Parser(argparse.ArgumentParser):
        def parse_args(self, *given):
            flags = super().parse_args(*given)
            if flags.epochs < 1:
                self.error("--epochs must be at least 1")
            if not flags.learning_rate > 0:
                self.error("--learning-rate must be above 0")
            return flags

    parser = Parser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--model", choices=("cnn", "resnet18"), default="cnn")
    parser.add_argument("--augment", action="store_true", default=True)
    parser.add_argument("--no-augment", action="store_false", dest="augment")
    return parser


# %% tags=["right"]
def make_parser():
    def number(kind, fits):
        def convert(text):
            if fits(kind(text)):
                return kind(text)
            raise ValueError(text)

        return convert

    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=True)
    flag = parser.add_argument
    flag("-d", "--data", required=True, metavar="FOLDER")
    flag("-e", "--epochs", default="5", type=number(int, lambda n: n >= 1))
    flag("--lr", "--learning-rate", default=0.001, type=number(float, lambda x: x > 0), dest="learning_rate")
    flag("--model", default="cnn", type=str, choices={"cnn": 1, "resnet18": 2})
    augment = parser.add_mutually_exclusive_group()
    augment.add_argument("--augment", action="store_const", const=True, default=True)
    augment.add_argument("--no-augment", action="store_const", const=False, dest="augment")
    return parser


# %% tags=["right"]
class AtLeast(argparse.Action):
    def __call__(self, parser, flags, value, option=None):
        if not (value >= 1 or self.dest == "learning_rate" and value > 0):
            parser.error(f"{option}: {value} is too small")
        setattr(flags, self.dest, value)


def make_parser():
    parser = argparse.ArgumentParser(prog="train", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    for name, options in {
        "data": {"required": True, "help": "folder of pictures"},
        "epochs": {"type": int, "default": 5, "action": AtLeast},
        "learning-rate": {"type": float, "default": 0.001, "action": AtLeast},
        "model": {"choices": ["cnn", "resnet18"], "default": "cnn"},
        "augment": {"action": argparse.BooleanOptionalAction, "default": True},
    }.items():
        parser.add_argument(f"--{name}", **options)
    return parser


# %% tags=["wrong"] expect="a bool"
# - action=argparse.BooleanOptionalAction
# + type=bool

# %% tags=["wrong"] expect="needs a type"
# - parser.add_argument("--epochs", type=at_least_one, default=5)
# + parser.add_argument("--epochs", default=5)

# %% tags=["wrong"] expect="--epochs 0 should be refused"
# - type=at_least_one
# + type=int

# %% tags=["wrong"] expect="--model resnet19 should be refused"
# - parser.add_argument("--model", choices=["cnn", "resnet18"], default="cnn")
# + parser.add_argument("--model", default="cnn")

# %% tags=["wrong"] expect="without --data"
def make_parser():
    def positive(text):
        if not float(text) > 0:
            raise argparse.ArgumentTypeError("not above 0")
        return float(text)

    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="data")
    parser.add_argument("--epochs", type=int, default=5, choices=range(1, 1000))
    parser.add_argument("--learning-rate", type=positive, default=0.001)
    parser.add_argument("--model", choices=["cnn", "resnet18"], default="cnn")
    parser.add_argument("--augment", action=argparse.BooleanOptionalAction, default=True)
    return parser


# %% tags=["wrong"] expect="raised a ValueError"
def make_parser():
    class Parser(argparse.ArgumentParser):
        def parse_args(self, *given):
            flags = super().parse_args(*given)
            if flags.epochs < 1 or flags.learning_rate <= 0:
                raise ValueError("too small")
            return flags

    parser = Parser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--model", choices=["cnn", "resnet18"], default="cnn")
    parser.add_argument("--augment", action=argparse.BooleanOptionalAction, default=True)
    return parser


# %% tags=["wrong"] expect="--learning-rate nan should be refused"
def make_parser():
    def above_zero(kind):
        def convert(text):
            number = kind(text)
            if number <= 0:
                raise argparse.ArgumentTypeError("too small")
            return number

        return convert

    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=above_zero(int), default=5)
    parser.add_argument("--learning-rate", type=above_zero(float), default=0.001)
    parser.add_argument("--model", choices=["cnn", "resnet18"], default="cnn")
    parser.add_argument("--augment", action=argparse.BooleanOptionalAction, default=True)
    return parser


# %% tags=["wrong"] expect="--learning-rate 1e-5 should be accepted"
# -         number = float(text)
# -         if not number > 0:
# +         number = float(text) if text.replace(".", "", 1).isdecimal() else 0.0
# +         if not number > 0:

# %% tags=["wrong"] expect="--learning-rate 3 should be accepted"
# - not number > 0
# + not 0 < number <= 1

# %% tags=["wrong"] expect="--epochs 200 should be accepted"
# - parser.add_argument("--epochs", type=at_least_one, default=5)
# + parser.add_argument("--epochs", type=int, default=5, choices=range(1, 101))

# %%
with contextlib.suppress(SystemExit):  # argparse has then said what it does not like
    print(make_parser().parse_args(["--data", "pictures", "--epochs", "3"]))

# %% tags=["check"] points=4
parser = make_parser()
assert isinstance(parser, argparse.ArgumentParser), f"return the parser itself, not {type(parser).__name__}"


def parsed(text):
    """What the parser makes of `text`; None if it refuses."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return vars(make_parser().parse_args(text.split()))
        except SystemExit as stop:
            assert stop.code == 2, f"{text!r} should end with exit code 2, not {stop.code}"
            return None
        except Exception as error:
            raise AssertionError(
                f"{text!r} raised a {type(error).__name__}: raise argparse.ArgumentTypeError in a function for type="
            ) from None


defaults = {"epochs": 5, "learning_rate": 0.001, "model": "cnn", "augment": True}
given = parsed("--data x")
assert given is not None, "'--data x' alone should be accepted, all other flags have defaults"
missing = sorted({"data", *defaults} - set(given))
assert not missing, f"there is no flag for {', '.join(missing)}"
assert str(given["data"]) == "x", f"'--data x' should make data 'x', not {given['data']!r}"
for name, value in defaults.items():
    assert given[name] == value, f"{name} should be {value!r} by default, not {given[name]!r}"
given = parsed("--data x --epochs 3 --learning-rate 0.5")
assert given is not None, "'--data x --epochs 3 --learning-rate 0.5' should be accepted"
for name, value in [("epochs", 3), ("learning_rate", 0.5)]:
    assert not isinstance(given[name], str), f"{name} is the text {given[name]!r}: the flag needs a type"
    assert given[name] == value, f"{name} should be {value}, not {given[name]!r}"
for text, value in [("--no-augment", False), ("--augment", True)]:
    given = parsed(f"--data x {text}")
    assert given is not None, f"{text} should be accepted and make augment a bool: see BooleanOptionalAction"
    assert given["augment"] is value, f"{text} should make augment {value}, not {given['augment']!r}"
given = parsed("--data x --model resnet18")
assert given is not None and given["model"] == "resnet18", "'--model resnet18' should be accepted"
for text in ["--epochs 1", "--epochs 200", "--model cnn", "--learning-rate 1e-5", "--learning-rate 3"]:
    assert parsed(f"--data x {text}") is not None, f"{text} should be accepted"
for text in ["--epochs 0", "--epochs -2", "--epochs 2.5", "--epochs many", "--learning-rate 0",
             "--learning-rate -0.1", "--learning-rate nan", "--learning-rate fast", "--model resnet19", "--colour red"]:
    assert parsed(f"--data x {text}") is None, f"{text} should be refused"
assert parsed("") is None and parsed("--epochs 3") is None, "without --data the parser should refuse"
inputs = fresh_inputs()
for _ in range(5):
    epochs, rate, model = int(inputs.integers(1, 300)), inputs.random() + 0.001, inputs.choice(["cnn", "resnet18"])
    text = f"--model {model} --learning-rate {rate} --data d{epochs} --epochs {epochs}"
    given = parsed(text)
    assert given is not None, f"{text} should be accepted"
    found = (given["epochs"], given["learning_rate"], given["model"], str(given["data"]))
    assert found == (epochs, rate, model, f"d{epochs}"), f"{text} gives {given}"
    nonsense = [f"--epochs -{epochs}", f"--epochs {rate + 1}", f"--learning-rate -{rate}", f"--model {model}{epochs}"]
    for wrong in nonsense:
        assert parsed(f"--data x {wrong}") is None, f"{wrong} should be refused"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · Random search (4 points)
#
# Search for a good learning rate by chance: draw `budget` rates log-uniformly between `low` and `high`, score each
# once, and return the best rate with its score. Higher scores are better. The same seed gives the same search, and the
# global random numbers of NumPy are not touched: use a generator of your own. Scoring may be expensive, and the same
# rate may get another score the next time, so score each rate exactly once.
# <details><summary>Hint 1: a question</summary>
#
# Which number has to be drawn evenly, so that 0.001 to 0.01 is as likely as 0.1 to 1? And what must be kept of each
# trial, if none may be scored twice?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Hyperparameters* searches a grid and by chance, with rates drawn log-uniformly.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# This keeps each throw of a die with its place, and takes the pair with the most points.
#
# ```python
# die = np.random.default_rng(3)
# throws = []
# for place in range(5):
#     throws.append((place, int(die.integers(1, 7))))
# print(throws, "highest:", max(throws, key=lambda throw: throw[1]))
# ```
#
# </details>

# %% tags=["answer"]
def random_search(score, low, high, budget, seed):
    """Best of `budget` log-uniform learning rates.

    Args:
        score: function of one rate, a float; returns a number, higher is better
        low, high: limits of the rates, both above 0
        budget: how many rates are scored
        seed: int
    Returns:
        two floats: the best rate and its score
    """
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    trials = []
    for _ in range(budget):
        rate = 10 ** rng.uniform(np.log10(low), np.log10(high))
        trials.append((rate, score(rate)))
    return max(trials, key=lambda trial: trial[1])
    ### END SOLUTION


# %% tags=["right"]
import random
from functools import partial


def random_search(score, low, high, budget, seed):
    draw = partial(random.Random(seed).uniform, math.log(low), math.log(high))
    best = None
    for _ in range(budget):
        rate = min(max(math.exp(draw()), low), high)
        reached = score(rate)
        if best is None or reached > best[1]:
            best = [rate, reached]
    return best


# %% tags=["right"]
from scipy.stats import loguniform


def random_search(score, low, high, budget, seed):
    rates = loguniform.rvs(low, high, size=budget, random_state=seed)
    scores = np.array([score(rate) for rate in rates])
    return rates[scores.argmax()], scores.max()


# %% tags=["right"]
import torch


def random_search(score, low, high, budget, seed):
    shares = torch.rand(budget, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    scores = {rate: score(rate) for rate in (low * (high / low) ** shares).tolist()}
    rate = max(scores, key=scores.get)
    return torch.tensor([rate, scores[rate]], dtype=torch.float64)


# %% tags=["wrong"] expect="return two numbers"
# - return max(trials, key=lambda trial: trial[1])
# + return max(trials, key=lambda trial: trial[1])[0]

# %% tags=["wrong"] expect="draw the exponent evenly"
# - 10 ** rng.uniform(np.log10(low), np.log10(high))
# + rng.uniform(low, high)

# %% tags=["wrong"] expect="the largest rate, not the best"
def random_search(score, low, high, budget, seed):
    rng = np.random.default_rng(seed)
    rates = 10 ** rng.uniform(np.log10(low), np.log10(high), size=budget)
    return max((rate, score(rate)) for rate in rates)


# %% tags=["wrong"] expect="score each rate once"
def random_search(score, low, high, budget, seed):
    rng = np.random.default_rng(seed)
    rates = 10 ** rng.uniform(np.log10(low), np.log10(high), size=budget)
    best = max(rates, key=score)
    return best, score(best)


# %% tags=["wrong"] expect="the same seed"
# - np.random.default_rng(seed)
# + np.random.default_rng()

# %% tags=["wrong"] expect="global random numbers"
# -     rng = np.random.default_rng(seed)
# +     np.random.seed(seed)
# +     rng = np.random

# %% tags=["wrong"] expect="always the same rate"
# - rate = 10 ** rng.uniform(np.log10(low), np.log10(high))
# + rate = 10 ** np.random.default_rng(seed).uniform(np.log10(low), np.log10(high))
# -     rng = np.random.default_rng(seed)

# %% tags=["wrong"] expect="higher is better"
# - max(
# + min(

# %% tags=["wrong"] expect="between low and high"
def random_search(score, low, high, budget, seed):
    rates = 10 ** np.random.default_rng(seed).uniform(-4, 0, size=budget)
    return max(((rate, score(rate)) for rate in rates), key=lambda trial: trial[1])


# %% tags=["wrong"] expect="a grid in another order"
def random_search(score, low, high, budget, seed):
    rates = np.random.default_rng(seed).permutation(np.geomspace(low, high, budget))
    return max(((rate, score(rate)) for rate in rates), key=lambda trial: trial[1])


# %% tags=["wrong"] expect="the rate comes first"
def random_search(score, low, high, budget, seed):
    rates = 10 ** np.random.default_rng(seed).uniform(np.log10(low), np.log10(high), size=budget)
    return max((score(rate), rate) for rate in rates)


# %% tags=["wrong"] expect="begin with the first trial"
def random_search(score, low, high, budget, seed):
    best_rate, best_score = None, -1
    for rate in 10 ** np.random.default_rng(seed).uniform(np.log10(low), np.log10(high), size=budget):
        if (result := score(rate)) > best_score:
            best_rate, best_score = rate, result
    return best_rate, best_score


# %%
found = random_search(lambda rate: -abs(np.log10(rate) + 2), 1e-4, 1, budget=16, seed=0)
print("best rate and its score:", np.round(found, 4), "  The true best would be 0.01.")

# %% tags=["check"] points=4
def search(budget, seed, low=1e-5, high=10.0, middle=-1.0):
    asked = []

    def score(rate):
        asked.append(float(rate))
        return -abs(np.log10(rate) - middle)

    result = random_search(score, low, high, budget, seed)
    two = result is not None and np.shape(result) == (2,)
    assert two, f"return two numbers: the best rate and its score, not {result!r}"
    assert not any(number is None for number in result), (
        "None is returned, because no score was above the one you began with: scores may be far below 0, begin with "
        "the first trial"
    )
    return asked, tuple(float(number) for number in result)


state = np.random.get_state()[1].tolist(), np.random.get_state()[2]
asked, (rate, best) = search(40, seed=1)
untouched = state == (np.random.get_state()[1].tolist(), np.random.get_state()[2])
assert untouched, "the global random numbers of NumPy were used or seeded: use a generator of your own"
assert len(asked) == 40, f"a budget of 40 made {len(asked)} calls: score each rate once"
assert len(set(asked)) > 1, "always the same rate: make the generator once, before the loop"
assert search(40, seed=1)[0] == asked, "the same seed should draw the same rates"
assert search(40, seed=2)[0] != asked, "another seed should draw other rates"
assert sorted(search(40, seed=2)[0]) != sorted(asked), "this is a grid in another order: draw the rates by chance"
assert 1e-5 <= min(asked) and max(asked) <= 10, "every rate should lie between low and high"
assert min(search(200, 3, low=0.1, high=0.2)[0]) >= 0.1 - 1e-9, "every rate should lie between low and high"
assert max(search(200, 3, low=0.1, high=0.2)[0]) <= 0.2 + 1e-9, "every rate should lie between low and high"
below = np.mean(np.array(search(2000, seed=4)[0]) < 1e-2)  # the middle of the exponents
assert abs(below - 0.5) < 0.08, f"{below:.0%} of the rates are below 0.01, it should be half: draw the exponent evenly"
scores = {rate: -abs(np.log10(rate) + 1) for rate in asked}
truly_best, worst = max(scores, key=scores.get), min(scores, key=scores.get)
swapped = np.isclose(best, truly_best) and np.isclose(rate, scores[truly_best])
assert not swapped, "the rate comes first, then its score"
assert not np.isclose(rate, worst), "you return the rate with the lowest score: higher is better"
assert not np.isclose(rate, max(asked)), "you return the largest rate, not the best"
assert np.isclose(rate, truly_best), f"the best of the rates was {truly_best}, not {rate}"
assert np.isclose(best, scores[truly_best]), f"the score of the best rate was {scores[truly_best]}, not {best}"
asked, (rate, _) = search(8, seed=5, middle=-1000)
assert np.isclose(rate, min(asked)), "scores far below 0: the rate is wrong, begin with the first trial"
inputs = fresh_inputs()
for _ in range(4):
    budget, seed, middle = int(inputs.integers(5, 30)), int(inputs.integers(1000)), float(inputs.uniform(-4, 0))
    asked, (rate, best) = search(budget, seed, low=1e-4, high=1.0, middle=middle)
    assert len(asked) == budget, f"a budget of {budget} made {len(asked)} calls: score each rate once"
    assert 1e-4 <= min(asked) and max(asked) <= 1, f"every rate should lie between 0.0001 and 1, not {asked}"
    nearest = min(asked, key=lambda rate: abs(math.log10(rate) - middle))
    assert np.isclose(rate, nearest), f"of the rates {asked} {nearest} has the best score, not {rate}"
    assert np.isclose(best, -abs(math.log10(rate) - middle)), f"{best} is not the score of the best rate"
print("✓ task 3")

# %% [markdown]
# ## Task 4 · A record, whole or not at all (3 points)
#
# Write a dictionary to a JSON file so that at every moment there is either the old file or the new one, and both are
# whole. If JSON cannot hold the record, its error reaches the caller, the old file is as it was, and nothing else is
# left in the folder. Write it without the helper `replacing`. "At every moment" means that the old file may not be
# deleted before the new one has its name, and that the new one is not written somewhere else, perhaps on another disk:
# from there it cannot get its name in one step.
# <details><summary>Hint 1: a question</summary>
#
# At which moment could somebody find half a file, and what would be left if the program were killed just then? What
# could fail before any file is touched?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Whole or not at all* tells how a file gets its name in one step.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A file that is renamed is never half there, under neither name.
#
# ```python
# with tempfile.TemporaryDirectory() as folder:
#     draft = Path(folder, "draft.txt")
#     draft.write_text("Dear Ada", encoding="utf-8")
#     letter = draft.rename(Path(folder, "letter.txt"))
#     print([file.name for file in Path(folder).iterdir()], letter.read_text(encoding="utf-8"))
# ```
#
# </details>

# %% tags=["answer"]
def write_record(path, record):
    """Write `record` as JSON to `path`, whole or not at all.

    Args:
        path: pathlib.Path of the file, which may exist
        record: dict
    Raises:
        TypeError: `record` holds something that JSON does not know
    """
    ### BEGIN SOLUTION
    text = json.dumps(record, indent=2)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
    ### END SOLUTION


# %% tags=["right"]
from tempfile import NamedTemporaryFile


def write_record(path, record):
    with NamedTemporaryFile("w", dir=path.parent, suffix=".json", delete=False, encoding="utf-8") as file:
        try:
            json.dump(record, file, ensure_ascii=False)
        except Exception:
            file.close()
            os.remove(file.name)
            raise
    os.replace(file.name, path)


# %% tags=["right"]
def write_record(path, record):
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        whole = Path(folder) / "record"
        with open(whole, "w", encoding="utf-8") as file:
            for piece in json.JSONEncoder(sort_keys=True).iterencode(record):
                file.write(piece)
        whole.replace(path)


# %% tags=["right"]
def write_record(path, record):
    number, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(json.dumps(record))
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    finally:
        if os.path.exists(name):
            os.unlink(name)


# %% tags=["wrong"] expect="the old record is gone"
def write_record(path, record):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(record, file)


# %% tags=["wrong"] expect="into the old file itself"
def write_record(path, record):
    path.write_text(json.dumps(record), encoding="utf-8")


# %% tags=["wrong"] expect="is left in the folder"
# -     unfinished.write_text(text, encoding="utf-8")
# +     with open(unfinished, "w", encoding="utf-8") as file:
# +         json.dump(record, file)
# -     text = json.dumps(record, indent=2)

# %% tags=["wrong"] expect="should reach the caller"
def write_record(path, record):
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_text(json.dumps(record), encoding="utf-8")
        os.replace(unfinished, path)
    except TypeError:
        pass


# %% tags=["wrong"] expect="is no JSON"
# -     text = json.dumps(record, indent=2)
# +     if "device" in record:
# +         raise TypeError("no devices")
# - unfinished.write_text(text, encoding="utf-8")
# + unfinished.write_text(str(record), encoding="utf-8")

# %% tags=["wrong"] expect="beside the record"
def write_record(path, record):
    text = json.dumps(record)
    path.with_name(path.name + ".part").write_text(text, encoding="utf-8")


# %% tags=["wrong"] expect="for a moment there was no file"
# -     unfinished.write_text(text, encoding="utf-8")
# -     os.replace(unfinished, path)
# +     unfinished.write_text(json.dumps(record), encoding="utf-8")
# +     path.unlink(missing_ok=True)
# +     unfinished.rename(path)

# %% tags=["wrong"] expect="may be on another disk"
def write_record(path, record):
    text = json.dumps(record)
    with tempfile.NamedTemporaryFile("w", delete=False, encoding="utf-8") as file:
        file.write(text)
    os.replace(file.name, path)


# %% tags=["wrong"] expect="without the helper"
def write_record(path, record):
    from course_utils.basics.files import replacing

    with replacing(path, "w") as file:
        json.dump(record, file)


# %% tags=["wrong"] expect="not a RuntimeError"
# -     text = json.dumps(record, indent=2)
# +     try:
# +         text = json.dumps(record)
# +     except TypeError:
# +         raise RuntimeError("cannot be written") from None

# %%
with tempfile.TemporaryDirectory() as folder:
    write_record(Path(folder) / "record.json", {"epochs": 5, "classes": ["ants", "bees"]})
    for file in Path(folder).iterdir():
        print(file.name, "holds", file.read_text(encoding="utf-8"))

# %% tags=["check"] points=3
watched = set()  # files that must be there whenever they are to be replaced
vanished, origins = [], []

if "watch" not in globals():  # Python reports every renaming to it, until the kernel ends

    def watch(event, details):
        if event == "os.rename" and watched:
            old, new = (Path(os.fsdecode(name)).resolve() for name in details[:2])
            if new in watched:
                vanished.extend(file for file in watched if not file.exists())
                origins.append(old.parent)

    sys.addaudithook(watch)


def contents(folder):
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


assert "replacing" not in names_used(write_record), "write it without the helper replacing"
with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder).resolve()
    path, good = folder / "record.json", {"epochs": 5, "classes": ["Ameise", "Hummel"], "augment": True}
    write_record(path, good)
    assert path.exists(), "the file beside the record is never given its name"
    assert set(contents(folder)) == {"record.json"}, f"{sorted(contents(folder))}: there should be one file"
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise AssertionError(f"what was written is no JSON: {path.read_text(encoding='utf-8')[:40]}") from None
    assert written == good, f"reading it back gives {written}, not {good}"
    before = path.read_text(encoding="utf-8")
    try:
        write_record(path, {"epochs": 9, "device": object()})
    except TypeError:
        pass
    except Exception as error:
        raise AssertionError(f"the TypeError of JSON should reach the caller, not a {type(error).__name__}") from None
    else:
        raise AssertionError("a record that JSON cannot hold: the error should reach the caller")
    assert path.exists() and path.read_text(encoding="utf-8") == before, "after an error the old record is gone"
    left = sorted(set(contents(folder)) - {"record.json"})
    assert not left, f"after an error {left[0]} is left in the folder"
    second_name = folder / "same file.json"
    try:
        os.link(path, second_name)
    except OSError:  # a file system without second names
        second_name.write_text(before, encoding="utf-8")
    watched.add(path)
    write_record(path, {"epochs": 7})
    watched.clear()
    assert not vanished, "for a moment there was no file at all: os.replace needs no unlink before it"
    for origin in origins:
        beside = origin.is_relative_to(folder)
        assert beside, f"you write to {origin}, which may be on another disk: put the unfinished file beside the record"
    assert json.loads(path.read_text(encoding="utf-8")) == {"epochs": 7}, "the second record was not written"
    kept = second_name.read_text(encoding="utf-8")
    assert kept == before, "you write into the old file itself: killed halfway, both records would be lost"
inputs = fresh_inputs()
with tempfile.TemporaryDirectory() as folder:
    name = f"run {inputs.integers(100)}.json"
    for _ in range(3):
        losses = inputs.random(3).round(4).tolist()
        record = {"losses": losses, "größe": int(inputs.integers(100)), "best": {"epoch": None, "done": True}}
        write_record(Path(folder, name), record)
        found = contents(Path(folder))
        assert set(found) == {name}, f"there should be one file, {name}, not {sorted(found)}"
        assert json.loads(found[name]) == record, f"another record was {record}, the file holds {found[name]}"
print("✓ task 4")

# %% [markdown]
# ## Task 5 · Find the faults: a training that goes on as another one (5 points)
#
# The class `Training`, in the first cell, is a tiny training: a network with dropout, SGD with momentum, a rate that
# halves after every second epoch, examples in random order, and a log of losses. Read its method `train` there.
#
# Somebody saves a training after three epochs and resumes it in another process. It should go on like the one that was
# never stopped, and does not:

# %%
def save_weights_only(training, path):
    torch.save({"model": training.model.state_dict()}, path)


def resume_weights_only(training, path):
    training.model.load_state_dict(torch.load(path)["model"])


whole = Training()
whole.train(3)
with tempfile.TemporaryDirectory() as folder:
    save_weights_only(whole, Path(folder) / "last.pt")
    whole.train(3)
    other = Training()
    resume_weights_only(other, Path(folder) / "last.pt")
other.train(3)
print("never stopped:", *[f"{loss:.3f}" for loss in whole.losses[3:]])
print("resumed:      ", *[f"{loss:.3f}" for loss in other.losses])

# %% [markdown]
# Predict before you write: what else must be kept? Four things more decide how the training goes on, and a fifth is its
# log. Then write `save` and `resume` so that a resumed training ends with the same weights and the same log, to the
# last bit. `resume` gets a fresh `Training`, perhaps in a process in which other random numbers have been drawn. In
# which format you write the file is up to you, but all must be in this one file; and `save` may not disturb the
# training, which may go on.
# <details><summary>Hint 1: a question</summary>
#
# Which of the things in `Training` remember something from one epoch to the next? And who draws random numbers, from
# which generator?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *The training program, by hand* and *Killed, and resumed* list what a checkpoint holds.
# *Batches that follow from the seed* is about the generators.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A generator that is put back to what it was draws the same numbers again.
#
# ```python
# dice = np.random.default_rng(1)
# dice.integers(1, 7, size=3)
# kept = dice.bit_generator.state
# first = dice.integers(1, 7, size=3)
# dice.bit_generator.state = kept
# print(first, dice.integers(1, 7, size=3))
# ```
#
# </details>

# %% tags=["answer"]
def save(training, path):
    """Write all that decides how `training` goes on to the file `path`."""
    ### BEGIN SOLUTION
    state = {
        "model": training.model.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "scheduler": training.scheduler.state_dict(),
        "order": training.generator.get_state(),
        "dropout": torch.get_rng_state(),
        "losses": training.losses,
    }
    torch.save(state, path)
    ### END SOLUTION


def resume(training, path):
    """Let `training`, a fresh one, go on as that one which was saved to the file `path`."""
    ### BEGIN SOLUTION
    state = torch.load(path)
    training.model.load_state_dict(state["model"])
    training.optimizer.load_state_dict(state["optimizer"])
    training.scheduler.load_state_dict(state["scheduler"])
    training.generator.set_state(state["order"])
    torch.set_rng_state(state["dropout"])
    training.losses = state["losses"]
    ### END SOLUTION


# %% tags=["right"]
from course_utils import load_checkpoint, save_checkpoint

PARTS = ["model", "optimizer", "scheduler"]


def save(training, path):
    state = {name: getattr(training, name).state_dict() for name in PARTS}
    random_states = [torch.get_rng_state(), training.generator.get_state()]
    save_checkpoint(path, state | {"random": random_states, "log": list(training.losses)})


def resume(training, path):
    state = load_checkpoint(path)
    for name in PARTS:
        getattr(training, name).load_state_dict(state[name])
    global_state, of_order = state["random"]
    torch.set_rng_state(global_state)
    training.generator.set_state(of_order)
    training.losses.extend(state["log"])


# %% tags=["right"]
import pickle


def save(training, path):
    memory = [group["params"] for group in training.optimizer.param_groups][0]
    averages = [training.optimizer.state[weight]["momentum_buffer"] for weight in memory]
    state = {
        "weights": [weight.detach().numpy() for weight in memory],
        "averages": [average.numpy() for average in averages],
        "epochs": len(training.losses),
        "log": training.losses,
        "order": training.generator.get_state().numpy(),
        "chance": torch.random.get_rng_state().numpy(),
    }
    path.write_bytes(pickle.dumps(state))


def resume(training, path):
    state = pickle.loads(path.read_bytes())
    for weight, saved, average in zip(training.model.parameters(), state["weights"], state["averages"]):
        weight.data = torch.tensor(saved)
        training.optimizer.state[weight]["momentum_buffer"] = torch.tensor(average)
    training.scheduler.last_epoch = state["epochs"]
    training.optimizer.param_groups[0]["lr"] = 0.1 * 0.5 ** (state["epochs"] // 2)
    training.losses += state["log"]
    training.generator.set_state(torch.tensor(state["order"]))
    torch.random.set_rng_state(torch.tensor(state["chance"]))


# %% tags=["right"]
def save(training, path):
    buffers = [training.optimizer.state[weight]["momentum_buffer"] for weight in training.model.parameters()]
    state = {"order": training.generator.get_state().tolist(), "dropout": torch.get_rng_state().tolist()}
    state["momentum"] = [buffer.tolist() for buffer in buffers]
    state["weights"] = {name: weight.tolist() for name, weight in training.model.state_dict().items()}
    path.write_text(json.dumps(state | {"schedule": training.scheduler.state_dict(), "losses": training.losses}))


def resume(training, path):
    state = json.loads(path.read_text())
    training.model.load_state_dict({name: torch.tensor(weight) for name, weight in state["weights"].items()})
    for weight, buffer in zip(training.model.parameters(), state["momentum"]):
        training.optimizer.state[weight] = {"momentum_buffer": torch.tensor(buffer)}
    training.scheduler.load_state_dict(state["schedule"])
    training.optimizer.param_groups[0]["lr"] = training.scheduler.get_last_lr()[0]
    training.generator.set_state(torch.tensor(state["order"], dtype=torch.uint8))
    torch.set_rng_state(torch.tensor(state["dropout"], dtype=torch.uint8))
    training.losses[:] = state["losses"]


# %% tags=["wrong"] expect="momentum"
# -     training.optimizer.load_state_dict(state["optimizer"])

# %% tags=["wrong"] expect="the rate should be"
# - training.optimizer.load_state_dict(state["optimizer"])
# + groups = training.optimizer.state_dict()["param_groups"]
# +     training.optimizer.load_state_dict(state["optimizer"] | {"param_groups": groups})

# %% tags=["wrong"] expect="scheduler counts"
# -     training.scheduler.load_state_dict(state["scheduler"])

# %% tags=["wrong"] expect="order of the pictures"
# -     training.generator.set_state(state["order"])

# %% tags=["wrong"] expect="dropout"
# -     torch.set_rng_state(state["dropout"])

# %% tags=["wrong"] expect="the log"
# -     training.losses = state["losses"]

# %% tags=["wrong"] expect="weights are not those"
# -     training.model.load_state_dict(state["model"])

# %% tags=["wrong"] expect="resumed after 1 epochs"
def save(training, path):
    path.write_text(str(len(training.losses)))


def resume(training, path):
    training.train(int(path.read_text()))


# %% tags=["wrong"] expect="disturbs the training"
# -     torch.save(state, path)
# +     torch.save(state, path)
# +     training.optimizer.state.clear()

# %% tags=["wrong"] expect="the file alone"
# - torch.save(state, path)
# + torch.save(state, path.with_name("all.pt"))
# +     path.touch()
# - state = torch.load(path)
# + state = torch.load(path.with_name("all.pt"))

# %%
again = Training()
with tempfile.TemporaryDirectory() as folder:
    again.train(3)
    save(again, Path(folder) / "last.pt")
    resumed = Training()
    resume(resumed, Path(folder) / "last.pt")
resumed.train(3)
print("resumed:", *[f"{loss:.3f}" for loss in resumed.losses])

# %% tags=["check"] points=5
chance = int(fresh_inputs().integers(1000))


def begun(before):
    """A training some epochs after its start, with random numbers that no other one has had."""
    training = Training(seed=1)
    torch.manual_seed(10 + before + chance)
    training.generator.manual_seed(20 + before + chance)
    training.train(before)
    return training


def parts(training):
    """What decides how it goes on, as it is now."""
    weights = [weight.detach().clone() for weight in training.model.parameters()]
    state = training.optimizer.state
    momenta = [state[weight].get("momentum_buffer", torch.zeros(0)) for weight in training.model.parameters()]
    randomness = [torch.get_rng_state()], [training.generator.get_state()]
    return weights, [momentum.clone() for momentum in momenta], *randomness


def alike(ours, theirs):
    return len(ours) == len(theirs) and all(map(torch.equal, ours, theirs))


for before, after in [(1, 3), (3, 3), (4, 2), (5 + chance % 3, 1)]:
    expected = begun(before)
    weights, momenta, dropout, order = parts(expected)
    rate, log = expected.optimizer.param_groups[0]["lr"], list(expected.losses)
    expected.train(after)
    first = begun(before)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "last.pt"
        save(first, path)
        assert path.is_file(), "save should write one file, under the name that it is given"
        content = path.read_bytes()
        first.train(after)
    assert first.losses == expected.losses, "save disturbs the training, which goes on with other losses after it"
    resumed = Training(seed=1)
    torch.manual_seed(99)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "moved.pt"
        path.write_bytes(content)
        try:
            resume(resumed, path)
        except FileNotFoundError as error:
            raise AssertionError(f"resume has to do with the file alone, but misses {error.filename}") from None
    found = parts(resumed)
    assert alike(found[0], weights), f"resumed after {before} epochs, the weights are not those that were saved"
    assert alike(found[1], momenta), "the optimizer has forgotten its momentum: see its state_dict"
    assert alike(found[2], dropout), "dropout will draw other numbers: see torch.get_rng_state"
    assert alike(found[3], order), "the order of the pictures will be another one: see get_state of the generator"
    now = resumed.optimizer.param_groups[0]["lr"]
    assert now == rate, f"after {before} epochs the rate should be {rate}, it is {now}"
    epochs = resumed.scheduler.last_epoch
    assert epochs == before, f"the scheduler counts {epochs} epochs, not {before}: it will halve the rate too late"
    assert resumed.losses == log, f"the log should begin with {log}, it is {resumed.losses}"
    resumed.train(after)
    assert resumed.losses == expected.losses, f"the log ends in {resumed.losses[-1]}, not in {expected.losses[-1]}"
    assert alike(parts(resumed)[0], parts(expected)[0]), "the weights at the end are others"
print("✓ task 5")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/10_from_notebook_to_script.ipynb), or go on with
# [lesson 11](../11_lightning.ipynb).

# %% tags=["nbval-ignore-output"]
progress()

# %% tags=["proof"]
from course_utils.exercises import marks_here

assert set(marks_here().values()) == {"✓"}, marks_here()
