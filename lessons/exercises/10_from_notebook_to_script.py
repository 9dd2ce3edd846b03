# %% [markdown]
# # Exercises 10 · From notebook to script
#
# Five tasks, from warming up to a small design of your own, about 45 minutes. Each has a gap to fill and a check that
# tells you what is wrong. They need nothing beyond [lesson 10](../10_from_notebook_to_script.ipynb); if you are stuck,
# unfold the hint. Run the next cell first.

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

from course_utils import setup

course = setup(seed=0)

# %% [markdown]
# ## Task 1 · Which epoch was best? (2 points)
#
# A run folder holds `epochs.csv`, a row per epoch, with a column `epoch` that counts from 1. Return the number of the
# best epoch by the column `monitor`: the lowest value, or the highest if the column's name ends in `accuracy`. A value
# that is not a number (`nan`) is never the best.
# <details><summary>Hint</summary>
#
# `pd.read_csv(file, index_col="epoch")` makes the epochs the names of the rows. `idxmin` and `idxmax` of a column
# return the name of the row, and skip `nan`.
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
# <details><summary>Hint 1</summary>
#
# `add_argument("--data", required=True)` makes a flag one that must be given.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Write two functions that turn a text into a number and raise `argparse.ArgumentTypeError` if it is too small. Pass one
# as `type=` for the epochs, the other for the learning rate. `argparse.BooleanOptionalAction` makes the last two flags.
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
print(make_parser().parse_args(["--data", "pictures", "--epochs", "3"]))

# %% tags=["check"] points=4
assert isinstance(make_parser(), argparse.ArgumentParser), "return the parser itself"


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
for text in ["--epochs 1", "--epochs 200", "--learning-rate 1e-5", "--learning-rate 3"]:
    assert parsed(f"--data x {text}") is not None, f"{text} should be accepted"
for text in ["--epochs 0", "--epochs -2", "--epochs 2.5", "--epochs many", "--learning-rate 0",
             "--learning-rate -0.1", "--learning-rate nan", "--learning-rate fast", "--model resnet19", "--colour red"]:
    assert parsed(f"--data x {text}") is None, f"{text} should be refused"
assert parsed("") is None and parsed("--epochs 3") is None, "without --data the parser should refuse"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · A record, whole or not at all (3 points)
#
# Write a dictionary to a JSON file so that at every moment there is either the old file or the new one, and both are
# whole. If JSON cannot hold the record, its error reaches the caller, the old file is as it was, and nothing else is
# left in the folder. Write it without the helper `replacing`. "At every moment" means that the old file may not be
# deleted before the new one has its name, and that the new one is not written somewhere else, perhaps on another disk:
# from there it cannot get its name in one step.
# <details><summary>Hint 1</summary>
#
# `json.dumps` makes the text first, before any file is touched. If it raises, nothing has happened yet.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Write the text into a file beside, `path.with_name(path.name + ".part")`, and give it its name with `os.replace`.
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
from unittest import mock

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


def without_helper(*_, **__):
    raise AssertionError("write it without the helper replacing")


assert "replacing" not in globals(), "write it without the helper replacing"
with tempfile.TemporaryDirectory() as folder, mock.patch("course_utils.basics.files.replacing", without_helper):
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
print("✓ task 3")

# %% [markdown]
# ## Task 4 · Random search (4 points)
#
# Search for a good learning rate by chance: draw `budget` rates log-uniformly between `low` and `high`, score each
# once, and return the best rate with its score. Higher scores are better. The same seed gives the same search, and the
# global random numbers of NumPy are not touched: use a generator of your own. Scoring may be expensive, and the same
# rate may get another score the next time, so score each rate exactly once.
# <details><summary>Hint 1</summary>
#
# `rng = np.random.default_rng(seed)` is a generator of your own, made once, before the loop.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Log-uniform: draw the exponent evenly, between `np.log10(low)` and `np.log10(high)`. Collect pairs (rate, score) in a
# list, then take `max` of it with a `key`.
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
rate, score = random_search(lambda rate: -abs(np.log10(rate) + 2), 1e-4, 1, budget=16, seed=0)
print(f"best rate {rate:.4f}, score {score:.3f}; the true best would be 0.01")

# %% tags=["check"] points=4
def search(budget, seed, low=1e-5, high=10.0, middle=-1.0):
    asked = []

    def score(rate):
        asked.append(float(rate))
        return -abs(np.log10(rate) - middle)

    result = random_search(score, low, high, budget, seed)
    assert result is not None and np.shape(result) == (2,), "return two numbers: the best rate and its score"
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
print("✓ task 4")

# %% [markdown]
# ## Task 5 · Design: one batch for several processes (5 points)
#
# Several processes train one network. Process `rank` of `world_size` has to know which pictures are its own. Write a
# function that returns its batches of an epoch, as lists of indices, so that
#
# - the first batches of all processes together hold `batch_size` different pictures, and these are the same pictures
#   for 1, 2 or 4 processes; so do the second ones, and so on,
# - the shares are equally large; where `batch_size` cannot be shared equally, a `ValueError` is raised,
# - no picture occurs twice in an epoch; a last batch that is not full is left out,
# - all pictures are shuffled: which of them meet in a batch, and which are left out, changes from epoch to epoch,
# - NumPy's global random numbers are not touched,
# - the order follows from `seed` and `epoch`, and is another one for another seed or another epoch. (Seed 0 in epoch 1
#   is not the same as seed 1 in epoch 0.)
# <details><summary>Hint 1</summary>
#
# Every process shuffles *all* pictures, with the same seed, and cuts the list into whole batches. Only then it takes
# its share of each batch, e.g. `batch[rank::world_size]`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.random.default_rng([seed, epoch])` takes a list of numbers as its seed: each pair gives other random numbers.
#
# </details>

# %% tags=["answer"]
def my_batches(count, batch_size, seed, epoch, rank, world_size):
    """The batches of one process in one epoch.

    Args:
        count: number of pictures
        batch_size: pictures per batch, of all processes together
        seed, epoch: int, at least 0
        rank: number of this process, from 0
        world_size: number of processes
    Returns:
        list of lists of int, the indices of this process's pictures, batch by batch
    """
    ### BEGIN SOLUTION
    if batch_size % world_size:
        raise ValueError(f"A batch of {batch_size} cannot be shared equally among {world_size} processes.")
    order = np.random.default_rng([seed, epoch]).permutation(count).tolist()
    starts = range(0, count - batch_size + 1, batch_size)
    return [order[start : start + batch_size][rank::world_size] for start in starts]
    ### END SOLUTION


# %% tags=["right"]
def my_batches(count, batch_size, seed, epoch, rank, world_size):
    share, rest = divmod(batch_size, world_size)
    if rest > 0:
        raise ValueError(f"{batch_size} / {world_size}")
    pictures = np.arange(count)
    np.random.RandomState([seed, epoch]).shuffle(pictures)
    whole = count // batch_size
    return pictures[: whole * batch_size].reshape(whole, world_size, share)[:, rank].tolist()


# %% tags=["right"]
import random


def my_batches(count, batch_size, seed, epoch, rank, world_size):
    if batch_size / world_size != batch_size // world_size:
        raise ValueError("the batch cannot be shared")
    pictures = list(range(count))
    random.Random(f"seed {seed}, epoch {epoch}").shuffle(pictures)
    batches = []
    while len(pictures) >= batch_size:
        batch, pictures = pictures[:batch_size], pictures[batch_size:]
        batches.append([picture for place, picture in enumerate(batch) if place % world_size == rank])
    return batches


# %% tags=["right"]
import torch
from torch.utils.data import BatchSampler


def my_batches(count, batch_size, seed, epoch, rank, world_size):
    if batch_size % world_size != 0:
        raise ValueError(f"choose a multiple of {world_size}")
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epoch + 1):  # the first shuffle is that of epoch 0
        order = torch.randperm(count, generator=generator)
    share = batch_size // world_size
    batches = BatchSampler(order.tolist(), batch_size, drop_last=True)
    return [batch[rank * share : (rank + 1) * share] for batch in batches]


# %% tags=["wrong"] expect="belong to several processes"
# - [seed, epoch]
# + [seed, epoch, rank]

# %% tags=["wrong"] expect="depend on the number of processes"
# -         raise ValueError(f"A batch of {batch_size} cannot be shared equally among {world_size} processes.")
# +         raise ValueError
# +     share, size = count // world_size, batch_size // world_size
# - starts = range(0, count - batch_size + 1, batch_size)
# + own = order[rank * share : (rank + 1) * share]
# - return [order[start : start + batch_size][rank::world_size] for start in starts]
# + return [own[start : start + size] for start in range(0, count // batch_size * size, size)]

# %% tags=["wrong"] expect="every epoch has the same order"
# - [seed, epoch]
# + seed

# %% tags=["wrong"] expect="seed 0 in epoch 1 is the same as seed 1 in epoch 0"
# - [seed, epoch]
# + seed + epoch

# %% tags=["wrong"] expect="not full"
# - count - batch_size + 1
# + count

# %% tags=["wrong"] expect="should raise a ValueError"
# -     if batch_size % world_size:
# -         raise ValueError(f"A batch of {batch_size} cannot be shared equally among {world_size} processes.")

# %% tags=["wrong"] expect="of all processes together"
def my_batches(count, batch_size, seed, epoch, rank, world_size):
    if batch_size % world_size:
        raise ValueError
    order = np.random.default_rng([seed, epoch]).permutation(count).tolist()[rank::world_size]
    return [order[start : start + batch_size] for start in range(0, len(order) - batch_size + 1, batch_size)]


# %% tags=["wrong"] expect="40 pictures in batches of 8"
# - count - batch_size + 1
# + count - batch_size

# %% tags=["wrong"] expect="shuffle all pictures"
def my_batches(count, batch_size, seed, epoch, rank, world_size):
    if batch_size % world_size:
        raise ValueError
    numbers = np.random.default_rng([seed, epoch]).permutation(count // batch_size)
    return [list(range(k * batch_size + rank, (k + 1) * batch_size, world_size)) for k in numbers]


# %% tags=["wrong"] expect="seed 0 in epoch 10 is the same as seed 1 in epoch 0"
# - [seed, epoch]
# + seed * 10 + epoch

# %% tags=["wrong"] expect="global random numbers"
# -         raise ValueError(f"A batch of {batch_size} cannot be shared equally among {world_size} processes.")
# -     order = np.random.default_rng([seed, epoch]).permutation(count).tolist()
# +         raise ValueError
# +     np.random.seed([seed, epoch])
# +     order = np.random.permutation(count).tolist()

# %% tags=["wrong"] expect="but here comes AssertionError"
# -     if batch_size % world_size:
# -         raise ValueError(f"A batch of {batch_size} cannot be shared equally among {world_size} processes.")
# +     assert batch_size % world_size == 0

# %%
for rank in range(2):
    print("process", rank, my_batches(count=13, batch_size=4, seed=0, epoch=0, rank=rank, world_size=2))

# %% tags=["check"] points=5
def dealt(world_size, seed=0, epoch=0, count=43, batch_size=8):
    """Batch by batch, the shares of all processes."""
    by_rank = [my_batches(count, batch_size, seed, epoch, rank, world_size) for rank in range(world_size)]
    for batches in by_rank:
        assert hasattr(batches, "__len__"), f"return a list of batches, not a {type(batches).__name__}"
    numbers = {len(batches) for batches in by_rank}
    assert len(numbers) == 1, f"the processes have different numbers of batches: {sorted(numbers)}"
    return [[[int(index) for index in share] for share in shares] for shares in zip(*by_rank)]


state = np.random.get_state()[1].tolist(), np.random.get_state()[2]
alone = dealt(1)
untouched = state == (np.random.get_state()[1].tolist(), np.random.get_state()[2])
assert untouched, "the global random numbers of NumPy were used or seeded: use a generator of your own"
assert alone, "43 pictures in batches of 8 should give 5 batches, you return none"
assert len(alone[-1][0]) == 8, f"the last batch has {len(alone[-1][0])} pictures: leave out a batch that is not full"
assert len(alone) == 5, f"43 pictures in batches of 8 give 5 whole batches, not {len(alone)}"
whole = len(dealt(1, count=40))
assert whole == 5, f"40 pictures in batches of 8 give 5 whole batches, not {whole}: the last one is full"
seen = [index for batch in alone for index in batch[0]]
assert len(set(seen)) == len(seen), "a picture occurs twice in an epoch"
assert set(seen) <= set(range(43)), "the indices should run from 0 to count - 1"
assert sum(len(share) for share in dealt(2)[0]) == 8, "batch_size counts the pictures of all processes together"
for world_size in (2, 4):
    for shares in dealt(world_size):
        sizes = [len(share) for share in shares]
        assert len(set(sizes)) == 1, f"{world_size} processes get shares of {sizes}: they should be equally large"
    together = [index for shares in dealt(world_size) for share in shares for index in share]
    twice = len(together) - len(set(together))
    assert not twice, f"{twice} pictures of an epoch belong to several processes: shuffle with the same seed in all"
    for shares, batch in zip(dealt(world_size), alone, strict=True):
        together = {index for share in shares for index in share}
        assert together == set(batch[0]), (
            "the pictures of a batch depend on the number of processes: shuffle and cut first, then share"
        )
assert dealt(1) == alone, "the same seed and epoch should give the same order"
assert dealt(1, seed=3, epoch=1) != dealt(1, seed=3, epoch=2), "every epoch has the same order"
assert dealt(1, seed=3, epoch=1) != dealt(1, seed=4, epoch=1), "every seed has the same order"
assert dealt(1, seed=0, epoch=1) != dealt(1, seed=0, epoch=2), "with seed 0 every epoch has the same order"
for far in [1, 2, 10, 100, 1000, 10_000]:
    same = dealt(1, seed=0, epoch=far) == dealt(1, seed=1, epoch=0)
    assert not same, f"seed 0 in epoch {far} is the same as seed 1 in epoch 0"
    same = dealt(1, seed=far, epoch=0) == dealt(1, seed=0, epoch=1)
    assert not same, f"seed {far} in epoch 0 is the same as seed 0 in epoch 1"
assert dealt(1, seed=1, epoch=2) != dealt(1, seed=2, epoch=1), "seed 1 in epoch 2 is the same as seed 2 in epoch 1"
assert alone != [[list(range(start, start + 8))] for start in range(0, 40, 8)], "the pictures are not shuffled"
first_batches = {index for epoch in range(100) for index in dealt(1, epoch=epoch)[0][0]}
assert len(first_batches) == 43, (
    f"only {len(first_batches)} of 43 pictures are ever in the first batch of 100 epochs: shuffle all pictures"
)
groups = [{frozenset(batch[0]) for batch in dealt(1, epoch=epoch)} for epoch in (1, 2)]
assert not groups[0] & groups[1], "the same pictures meet in a batch again: shuffle all pictures, then cut"
for batch_size, world_size in [(9, 2), (10, 4)]:
    try:
        my_batches(43, batch_size, 0, 0, 0, world_size)
    except ValueError:
        continue
    except Exception as error:
        raise AssertionError(f"raise a ValueError, but here comes {type(error).__name__}") from None
    raise AssertionError(f"a batch of {batch_size} for {world_size} processes should raise a ValueError")
assert len(my_batches(7, 8, 0, 0, 0, 1)) == 0, "7 pictures make no whole batch of 8: an empty list"
print("✓ task 5")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/10_from_notebook_to_script.ipynb), or go on with
# [lesson 11](../11_lightning.ipynb).
