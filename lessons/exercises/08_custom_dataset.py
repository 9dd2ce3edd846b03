# %% [markdown]
# # Exercises 08 · A data set of your own
#
# Five tasks, from warming up to a small design of your own, about 45 minutes. Each has a gap to fill and a check that
# tells you what is wrong. They need nothing beyond [lesson 08](../08_custom_dataset.ipynb); if you are stuck, unfold
# the hint. Run the next cell first.

# %%
import csv
import json
import tempfile
from numbers import Integral
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from course_utils import eval_transform, flowers, setup

course = setup(seed=0)

# %% [markdown]
# ## Task 1 · One annotation line (2 points)
#
# Take one line of an annotation file apart: name and label, as text and whole number. Names may hold spaces, name and
# label may be separated by several spaces or a tab, and the line may come with its end, `\n` or `\r\n`.
# <details><summary>Hint</summary>
#
# `rsplit` with `maxsplit=1` and nothing else in the brackets. `int` makes a number of a text.
#
# </details>

# %% tags=["answer"]
def read_line(line):
    r"""Name and label of a line such as "red rose.jpg 4\n".

    Args:
        line: str, a name, white space, a label
    Returns:
        name (str, without white space at its ends), label (int)
    """
    ### BEGIN SOLUTION
    name, label = line.strip().rsplit(maxsplit=1)
    return name, int(label)
    ### END SOLUTION


# %% tags=["right"]
import re


def read_line(line):
    name, label = re.fullmatch(r"\s*(.*\S)\s+(\d+)\s*", line).groups()
    return name, int(label)


# %% tags=["right"]
def read_line(line):
    line = line.strip()
    end = len(line)
    while not line[end - 1].isspace():
        end -= 1
    return [line[:end].strip(), int(line[end:])]


# %% tags=["wrong"] expect="begin at the right end"
def read_line(line):
    name, label = line.strip().split(" ")[:2]
    return name, label


# %% tags=["wrong"] expect="raises ValueError"
# - line.strip().rsplit(maxsplit=1)
# + line.split(" ")

# %% tags=["wrong"] expect="two spaces in it"
def read_line(line):
    *words, label = line.split()
    return " ".join(words), int(label)


# %% tags=["wrong"] expect="white space before"
# - line.strip().rsplit(maxsplit=1)
# + line.rsplit(maxsplit=1)

# %% tags=["wrong"] expect="should be an int"
# - int(label)
# + label

# %% tags=["wrong"] expect="a tab"
def read_line(line):
    name, _, label = line.strip().rpartition(" ")
    return name.strip(), int(label) if label.isdecimal() else label


# %% tags=["wrong"] expect="more than one digit"
def read_line(line):
    line = line.strip()
    return line[:-1].strip(), int(line[-1])


# %% tags=["wrong"] expect="several spaces"
# -     name, label = line.strip().rsplit(maxsplit=1)
# +     line = line.strip().replace("\t", " ")
# +     name, label = line.rsplit(" ", maxsplit=1)

# %% tags=["wrong"] expect="may occur in the name"
# -     name, label = line.strip().rsplit(maxsplit=1)
# -     return name, int(label)
# +     label = line.split()[-1]
# +     return line.replace(label, "").strip(), int(label)

# %% [markdown]
# Try it before you run the check:

# %%
print(read_line("rose.jpg 4\n"))

# %% tags=["check"] points=2
def name_and_label(line):
    try:
        answer = read_line(line)
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        reason = f"your function raises {type(error).__name__}: {error}"
        raise AssertionError(f"for the line {line!r} {reason}. Split once, from the right, at white space") from None
    pair = isinstance(answer, (tuple, list)) and len(answer) == 2
    assert pair, f"return name and label, not {answer!r}"
    return tuple(answer)


name, label = name_and_label("rose.jpg 4")
assert name == "rose.jpg", f"the name in 'rose.jpg 4' is 'rose.jpg', not {name!r}"
name, label = name_and_label("red rose.jpg 4\r\n")
assert name == "red rose.jpg", f"the name is 'red rose.jpg', not {name!r}: begin at the right end"
assert isinstance(label, Integral), f"the label should be an int, not {type(label).__name__}"
assert label == 4, f"the label of 'red rose.jpg 4' is 4, not {label}"
answer = name_and_label("tulip 2.png 101\n")
assert answer == ("tulip 2.png", 101), f"a label may have more than one digit: 'tulip 2.png', 101, not {answer}"
answer = name_and_label("4 roses 4 4\n")
assert answer == ("4 roses 4", 4), f"the label's digits may occur in the name: '4 roses 4', 4, not {answer}"
answer = name_and_label("red rose.jpg\t4")
assert answer == ("red rose.jpg", 4), f"a tab separates, too: 'red rose.jpg', 4, not {answer}"
answer = name_and_label("rose.jpg    4")
assert answer == ("rose.jpg", 4), f"several spaces count as one gap: 'rose.jpg', 4, not {answer}"
answer = name_and_label("red  rose.jpg 4")
assert answer[0] == "red  rose.jpg", f"a name may have two spaces in it, keep them: 'red  rose.jpg', not {answer[0]!r}"
answer = name_and_label("  rose.jpg 4")
assert answer[0] == "rose.jpg", f"take away white space before the name: 'rose.jpg', not {answer[0]!r}"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · All problems at once (4 points)
#
# Return the problems of a list of lines, as pairs of the line's number, counted from 1, and one of these words:
#
# - `"no label"`: the line has one part only,
# - `"no number"`: the label is not a whole number from 0 on,
# - `"out of range"`: the label is too large for `num_classes` classes,
# - `"repeated"`: the name was there before, in whatever line, good or bad. Report each line after the first.
#
# A line can have two problems, one of its label and `"repeated"`; then the label's comes first. Lines without
# anything but white space and lines that begin with `#` are no problem, but they count. Capital and small letters make
# different names. The files themselves do not matter here.
# <details><summary>Hint 1</summary>
#
# `enumerate(lines, start=1)` counts. Skip what is empty or a comment with `continue`. A `set` of the names seen so far
# tells what is repeated.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `name, *rest = line.rsplit(maxsplit=1)`: `rest` is empty if there is no label. `"-1".isdecimal()` is false.
#
# </details>

# %% tags=["answer"]
def find_problems(lines, num_classes):
    """What is wrong in a list of annotations.

    Args:
        lines: list of str such as "red rose.jpg 4"
        num_classes: int, labels may be 0 … num_classes - 1
    Returns:
        list of (number of the line, word), in the order of the lines
    """
    ### BEGIN SOLUTION
    problems, seen = [], set()
    for number, line in enumerate(lines, start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, *rest = line.rsplit(maxsplit=1)
        if not rest:
            problems.append((number, "no label"))
        elif not rest[0].isdecimal():
            problems.append((number, "no number"))
        elif int(rest[0]) >= num_classes:
            problems.append((number, "out of range"))
        if name in seen:
            problems.append((number, "repeated"))
        seen.add(name)
    return problems
    ### END SOLUTION


# %% tags=["right"]
from collections import Counter


def find_problems(lines, num_classes):
    found = []
    seen = Counter()
    for index in range(len(lines)):
        parts = lines[index].split()
        if len(parts) == 0 or parts[0][0] == "#":
            continue
        name = parts[0] if len(parts) == 1 else " ".join(parts[:-1])
        if len(parts) == 1:
            found.append([index + 1, "no label"])
        else:
            try:
                label = int(parts[-1])
                if label < 0:
                    raise ValueError
            except ValueError:
                found.append([index + 1, "no number"])
            else:
                if label not in range(num_classes):
                    found.append([index + 1, "out of range"])
        seen[name] += 1
        if seen[name] > 1:
            found.append([index + 1, "repeated"])
    return found


# %% tags=["right"]
import pandas as pd


def find_problems(lines, num_classes):
    def of_label(label):
        if pd.isna(label):
            return "no label"
        if not label.isdecimal():
            return "no number"
        return None if int(label) < num_classes else "out of range"

    lines = pd.Series(lines, index=range(1, len(lines) + 1), dtype=object).str.strip()
    lines = lines[(lines != "") & ~lines.str.startswith("#")]
    table = lines.str.extract(r"^(?P<name>.*?)(?:\s+(?P<label>\S+))?$")
    labels, repeated = table["label"].map(of_label), table["name"].duplicated()
    problems = [(number, word) for number, word in labels.items() if isinstance(word, str)]
    problems += [(number, "repeated") for number in table.index[repeated]]
    return sorted(problems, key=lambda problem: problem[0])


# %% tags=["wrong"] expect="stops at the first problem"
def find_problems(lines, num_classes):
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, *rest = line.rsplit(maxsplit=1)
        if not rest:
            return [(number, "no label")]
        if not rest[0].isdecimal():
            return [(number, "no number")]
        if int(rest[0]) >= num_classes:
            return [(number, "out of range")]
    return []


# %% tags=["wrong"] expect="count every line"
# -     for number, line in enumerate(lines, start=1):
# -         line = line.strip()
# -         if not line or line.startswith("#"):
# -             continue
# +     kept = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
# +     for number, line in enumerate(kept, start=1):

# %% tags=["wrong"] expect="spaces only"
# -         if not line or line.startswith("#"):
# +         if line.startswith("#"):
# -         line = line.strip()
# +         if line == "":
# +             continue
# +         line = line.strip() or "?"

# %% tags=["wrong"] expect="largest label is num_classes - 1"
# - int(rest[0]) >= num_classes
# + int(rest[0]) > num_classes

# %% tags=["wrong"] expect="compare numbers, not texts"
# - int(rest[0]) >= num_classes
# + rest[0] >= str(num_classes)

# %% tags=["wrong"] expect="with twelve classes"
# - int(rest[0]) >= num_classes
# + int(rest[0]) >= 3

# %% tags=["wrong"] expect="bad line before"
# - if name in seen:
# + elif name in seen:
# -         seen.add(name)
# +         else:
# +             seen.add(name)

# %% tags=["wrong"] expect="-1 is not a whole number from 0 on"
# - rest[0].isdecimal()
# + rest[0].lstrip("-").isdecimal()

# %% tags=["wrong"] expect="a name without a label"
# - name in seen
# + rest and name in seen

# %% tags=["wrong"] expect="even without a label"
# -         seen.add(name)
# +         if rest:
# +             seen.add(name)

# %% tags=["wrong"] expect="every further one"
# - name in seen
# + name in seen and (name, "told") not in seen
# -             problems.append((number, "repeated"))
# +             problems.append((number, "repeated"))
# +             seen.add((name, "told"))

# %% tags=["wrong"] expect="a number sign within a name"
# - line.startswith("#")
# + "#" in line

# %% tags=["wrong"] expect="return a list"
# - return problems
# + print(problems)

# %% [markdown]
# Try it on three lines:

# %%
print(find_problems(["rose.jpg 0", "daisy.jpg", "rose.jpg 9"], num_classes=3))

# %% tags=["check"] points=4
def problems_of(*lines, num_classes=3):
    try:
        found = find_problems(list(lines), num_classes)
    except (ValueError, IndexError, TypeError, KeyError, AttributeError) as error:
        reason = f"your function raises {type(error).__name__}: {error}"
        raise AssertionError(f"for {list(lines)} {reason}. Note the problem and go on with the next line") from None
    assert isinstance(found, (list, tuple)), f"return a list of pairs, not {found!r}"
    pairs = all(isinstance(problem, (tuple, list)) and len(problem) == 2 for problem in found)
    assert pairs, f"each problem is a pair of line number and word, yours are {found!r}"
    return [tuple(problem) for problem in found]


assert problems_of("a.jpg 0", "red b.jpg 2") == [], "two good lines have no problems, names may hold spaces"
found = problems_of("a.jpg", "b.jpg x", "c.jpg 7")
assert len(found) != 1, "three bad lines, one problem: your function stops at the first problem"
expected = [(1, "no label"), (2, "no number"), (3, "out of range")]
assert found == expected, f"'a.jpg', 'b.jpg x', 'c.jpg 7' should give {expected}, not {found}"
found = problems_of("# list", "", "a.jpg 0", "b.jpg")
assert found != [(2, "no label")], "count every line, comments and empty ones too, as an editor does"
assert found == [(4, "no label")], f"only line 4 has a problem, you find {found}"
found = problems_of("a.jpg 0", "   ", "b.jpg")
assert found == [(3, "no label")], f"a line of spaces only is no problem, only line 3 has one, you find {found}"
found = problems_of("a #1.jpg 9")
assert found == [(1, "out of range")], f"a number sign within a name makes no comment, but 9 is out of range: {found}"
assert problems_of("a.jpg 2") == [], "2 is fine with three classes"
assert problems_of("a.jpg 3"), "3 is out of range with three classes: the largest label is num_classes - 1"
found = problems_of("a.jpg 10")
assert found == [(1, "out of range")], f"10 is too large for three classes, found {found}: compare numbers, not texts"
found = problems_of("a.jpg 9", "b.jpg 11", "c.jpg 12", num_classes=12)
assert found == [(3, "out of range")], f"with twelve classes 9 and 11 are fine and 12 is out of range, found {found}"
found = problems_of("a.jpg -1", "b.jpg 1.0")
assert found == [(1, "no number"), (2, "no number")], f"-1 is not a whole number from 0 on, nor is 1.0; found {found}"
found = problems_of("a.jpg 0", "b.jpg 1", "a.jpg 0")
assert found == [(3, "repeated")], f"line 3 repeats the name of line 1, found {found}"
assert problems_of("a.jpg 0", "A.jpg 0") == [], "a.jpg and A.jpg are different names: leave capital letters alone"
found = problems_of("a.jpg 0", "a.jpg 1", "a.jpg 2")
assert found == [(2, "repeated"), (3, "repeated")], f"a name in three lines: report every further one, found {found}"
found = problems_of("a.jpg 0", "a.jpg x")
assert found != [(2, "repeated")], "line 2 has two problems: its label and its name; the label's comes first"
for label, word in [("x", "no number"), ("7", "out of range")]:
    found = problems_of(f"a.jpg {label}", "a.jpg 0")
    expected = [(1, word), (2, "repeated")]
    assert found == expected, f"a name in a bad line before counts as seen, too: {expected}, not {found}"
    found = problems_of("a.jpg 0", f"a.jpg {label}")
    expected = [(2, word), (2, "repeated")]
    assert found == expected, f"a line can have two problems, the label's comes first: {expected}, not {found}"
found = problems_of("a.jpg 0", "a.jpg")
expected = [(2, "no label"), (2, "repeated")]
assert found == expected, f"a name without a label can be repeated, too: {expected}, not {found}"
found = problems_of("a.jpg", "a.jpg 0")
expected = [(1, "no label"), (2, "repeated")]
assert found == expected, f"a name counts as seen even without a label: {expected}, not {found}"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · From label to name, and back (3 points)
#
# Folders are named by class ids. The label of a class is the position of its id among all ids, sorted as text. Given
# the ids in any order and the dictionary from id to name, translate in both directions.
# <details><summary>Hint</summary>
#
# Sort the ids first; do not turn them into numbers. Position → id → name is the way there. For the way back, make a
# list of names in the order of the labels and ask it for `index(name)`.
#
# </details>

# %% tags=["answer"]
def label_to_name(label, class_ids, cat_to_name):
    """Name of a class.

    Args:
        label: int, position of the class's id among the sorted ids
        class_ids: list of str, the names of all folders, in any order
        cat_to_name: dict from id to name; may hold more ids than there are folders
    Returns:
        str
    """
    ### BEGIN SOLUTION
    return cat_to_name[sorted(class_ids)[label]]
    ### END SOLUTION


def name_to_label(name, class_ids, cat_to_name):
    """Label of a class, the reverse of `label_to_name`.

    Args:
        name: str, the name of one of the folders' classes
        class_ids, cat_to_name: as above
    Returns:
        int
    """
    ### BEGIN SOLUTION
    return [cat_to_name[class_id] for class_id in sorted(class_ids)].index(name)
    ### END SOLUTION


# %% tags=["right"]
def label_to_name(label, class_ids, cat_to_name):
    return dict(enumerate(cat_to_name[class_id] for class_id in sorted(class_ids)))[label]


def name_to_label(name, class_ids, cat_to_name):
    for label in range(len(class_ids)):
        if label_to_name(label, class_ids, cat_to_name) == name:
            return label


# %% tags=["right"]
import numpy as np


def label_to_name(label, class_ids, cat_to_name):
    return cat_to_name[np.unique(class_ids)[label]]


def name_to_label(name, class_ids, cat_to_name):
    (class_id,) = [class_id for class_id in class_ids if cat_to_name[class_id] == name]
    return np.searchsorted(np.unique(class_ids), class_id)


# %% tags=["wrong"] expect="a label is not an id"
# - return cat_to_name[sorted(class_ids)[label]]
# + return cat_to_name.get(str(label))
# - [cat_to_name[class_id] for class_id in sorted(class_ids)]
# + sorted(cat_to_name.values())

# %% tags=["wrong"] expect="sort the ids"
# - sorted(class_ids)[label]
# + class_ids[label]
# - [cat_to_name[class_id] for class_id in sorted(class_ids)]
# + [cat_to_name[class_id] for class_id in class_ids]

# %% tags=["wrong"] expect="sorted as text"
# - sorted(class_ids)[label]
# + sorted(class_ids, key=int)[label]
# - [cat_to_name[class_id] for class_id in sorted(class_ids)]
# + [cat_to_name[class_id] for class_id in sorted(class_ids, key=int)]

# %% tags=["wrong"] expect="only the ids of folders count"
# - [cat_to_name[class_id] for class_id in sorted(class_ids)]
# + [cat_to_name[class_id] for class_id in sorted(cat_to_name)]

# %% tags=["wrong"] expect="raises KeyError"
# - return cat_to_name[sorted(class_ids)[label]]
# + return cat_to_name.pop(sorted(class_ids)[label])

# %% tags=["wrong"] expect="should lead back"
# - [cat_to_name[class_id] for class_id in sorted(class_ids)]
# + sorted(cat_to_name[class_id] for class_id in class_ids)

# %% [markdown]
# Try it on the course's flowers:

# %%
from course_utils import locate

root = locate("flowers")
ids = (root / "classes.txt").read_text(encoding="utf-8").split()
names = json.loads((root / "cat_to_name.json").read_text(encoding="utf-8"))
print([label_to_name(label, ids, names) for label in range(3)])

# %% tags=["check"] points=3
folders = ["7", "12", "3", "101"]
meaning = {"7": "ash", "12": "oak", "3": "elm", "101": "fir", "0": "yew", "1": "box", "2": "may", "100": "bay"}


def answer_of(function, what):
    try:
        return function(what, folders, meaning)
    except (KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
        hint = "Look up ids, not labels, and take nothing out of list and dictionary"
        name = f"{function.__name__} raises {type(error).__name__}"
        raise AssertionError(f"{name} for {what!r}: {error}. {hint}") from None


translated = [answer_of(label_to_name, label) for label in range(4)]
assert translated != ["yew", "box", "may", "elm"], "you look the label up as if it were an id: a label is not an id"
assert translated != ["ash", "oak", "elm", "fir"], "the order of the list decides in your answer: sort the ids"
assert translated != ["elm", "ash", "oak", "fir"], "ids are texts, and '101' comes before '12' when sorted as text"
expected = ["fir", "oak", "elm", "ash"]
assert translated == expected, f"labels 0 to 3 of the folders {folders} mean {expected}, not {translated}"
back = [answer_of(name_to_label, name) for name in expected]
assert back != [3, 4, 6, 7], "only the ids of folders count: the dictionary may hold more"
assert back == [0, 1, 2, 3], f"name_to_label should lead back: {expected} are 0, 1, 2, 3, not {back}"
assert folders == ["7", "12", "3", "101"], "the list of ids has been changed: sorted makes a copy, .sort() does not"
assert len(meaning) == 8, "the dictionary has been changed: look names up, do not take them out"
print("✓ task 3")

# %% [markdown]
# ## Task 4 · Weights for rare classes (3 points)
#
# Return one weight for each class, for use in a weighted loss, so that
#
# - every class has the same weight in sum: its weight times the number of its examples is the same for all classes,
# - the weights average to 1 over the *examples*, so that the loss keeps its usual size.
#
# A class without any example gets the weight 0, and is left out of both rules.
# <details><summary>Hint 1</summary>
#
# The weight is proportional to 1 / count. The factor follows from the second rule: the sum of count times weight over
# all classes has to be the number of examples.
#
# </details>
# <details><summary>Hint 2</summary>
#
# With `n` examples in `k` classes that occur, each class should have n / k in sum, so its weight is n / (k · count).
# `torch.bincount(labels, minlength=num_classes)` counts. Dividing by a count of 0 gives infinity; write weights only
# where the count is not 0.
#
# </details>

# %% tags=["answer"]
def class_weights(labels, num_classes):
    """One weight per class.

    Args:
        labels: int64 tensor (n,), the labels of all training examples
        num_classes: int
    Returns:
        float32 tensor (num_classes,)
    """
    ### BEGIN SOLUTION
    counts = torch.bincount(labels, minlength=num_classes)
    occur = counts > 0
    weights = torch.zeros(num_classes)
    weights[occur] = len(labels) / (occur.sum() * counts[occur])
    return weights
    ### END SOLUTION


# %% tags=["right"]
import numpy as np
from sklearn.utils.class_weight import compute_class_weight


def class_weights(labels, num_classes):
    occur = np.unique(labels)
    weights = torch.zeros(num_classes)
    balanced = compute_class_weight("balanced", classes=occur, y=labels.numpy())
    weights[torch.from_numpy(occur)] = torch.from_numpy(balanced).float()
    return weights


# %% tags=["right"]
from collections import Counter


def class_weights(labels, num_classes):
    counts = Counter(labels.tolist())
    share = len(labels) / len(counts)
    return torch.tensor([share / counts[label] if label in counts else 0.0 for label in range(num_classes)])


# %% tags=["right"]
def class_weights(labels, num_classes):
    weights = 1 / torch.eye(num_classes)[labels].sum(dim=0)
    weights[weights.isinf()] = 0
    return weights / weights[labels].mean()


# %% tags=["wrong"] expect="average to 1 over the examples"
def class_weights(labels, num_classes):
    counts = torch.bincount(labels, minlength=num_classes)
    return torch.where(counts > 0, 1 / counts.clamp(min=1), 0.0)


# %% tags=["wrong"] expect="not over the classes"
def class_weights(labels, num_classes):
    counts = torch.bincount(labels, minlength=num_classes)
    weights = torch.where(counts > 0, 1 / counts.clamp(min=1), 0.0)
    return weights / weights[counts > 0].mean()


# %% tags=["wrong"] expect="rare classes need large weights"
def class_weights(labels, num_classes):
    counts = torch.bincount(labels, minlength=num_classes).float()
    return counts * len(labels) / (counts**2).sum()


# %% tags=["wrong"] expect="one weight for each class"
def class_weights(labels, num_classes):
    counts = torch.bincount(labels, minlength=num_classes)
    return (len(labels) / (num_classes * counts.clamp(min=1)))[labels]


# %% tags=["wrong"] expect="without any example"
def class_weights(labels, num_classes):
    counts = torch.bincount(labels, minlength=num_classes)
    return len(labels) / (num_classes * counts)


# %% tags=["wrong"] expect="should be float32"
import numpy as np


def class_weights(labels, num_classes):
    counts = np.bincount(labels, minlength=num_classes)
    share = len(labels) / np.count_nonzero(counts)
    return torch.from_numpy(np.divide(share, counts, out=np.zeros(num_classes), where=counts > 0))


# %% tags=["wrong"] expect="that occur"
def class_weights(labels, num_classes):
    counts = torch.bincount(labels, minlength=num_classes)
    return torch.where(counts > 0, len(labels) / (num_classes * counts.clamp(min=1)), 0.0)


# %% [markdown]
# Try it on the flowers:

# %%
print(class_weights(torch.tensor(flowers("train").targets), len(ids)).numpy().round(2)[:10])

# %% tags=["check"] points=3
some_labels = torch.tensor([0] * 6 + [1] * 3 + [2] * 1)
weights = class_weights(some_labels, 3)
assert isinstance(weights, torch.Tensor), f"return a tensor, not a {type(weights).__name__}"
assert tuple(weights.shape) == (3,), f"return one weight for each class, shape (3,), not {tuple(weights.shape)}"
float32 = weights.dtype == torch.float32
assert float32, f"the weights should be float32, as the loss wants them next to float32 outputs, not {weights.dtype}"
assert weights[2] > weights[0], "the most frequent class has the largest weight; rare classes need large weights"
in_sum = weights * torch.tensor([6.0, 3.0, 1.0])
equal = torch.allclose(in_sum, in_sum[0].expand(3))
assert equal, f"weight times count should be the same for all classes, yours is {in_sum.tolist()}"
assert abs(weights.mean() - 1) > 1e-4, "the weights should average to 1 over the examples, not over the classes"
average = weights[some_labels].mean().item()
assert abs(average - 1) < 1e-4, f"the weights should average to 1 over the examples, yours average to {average:.2f}"
weights = class_weights(torch.tensor([0] * 6 + [1] * 3 + [3] * 1), 5)
assert tuple(weights.shape) == (5,), f"with num_classes=5 the shape should be (5,), not {tuple(weights.shape)}"
zero = weights[[2, 4]].tolist()
assert zero == [0, 0], f"a class without any example should get the weight 0, not {zero[0]:.2f}"
average = weights[[0] * 6 + [1] * 3 + [3]].mean().item()
assert abs(average - 1) < 1e-4, f"average {average:.2f} where two classes have no example: count the classes that occur"
print("✓ task 4")

# %% [markdown]
# ## Task 5 · Design: a data set from a table (5 points)
#
# A museum sends pictures and a table in a CSV file (values separated by commas, one line per picture, the first line
# names the columns):
#
#     file,species,collector
#     box 1/a.png,rose,Ada
#     "box 1/b, second try.png",oxeye daisy,Ben
#
# Write a data set for it.
#
# - `classes` is the sorted list of the species, each once; a label is a position in it. If the argument `classes` is
#   given, that list is used instead, so that training and test set can share one.
# - Example `index` belongs to line `index` of the table, not counting the first. It is a pair: the picture, converted
#   to RGB and transformed if there is a transform, and the label, an `int`.
# - Pictures are opened when they are asked for, not before. Tables may begin with a byte order mark.
# <details><summary>Hint 1</summary>
#
# Copy the template of the lesson: `__init__` makes a list of (path, label), `__len__` counts it, `__getitem__` opens
# one picture.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Names with a comma stand in quotation marks, so `line.split(",")` is not enough. Read the table like this:
# `with open(table, encoding="utf-8-sig", newline="") as file: rows = list(csv.DictReader(file))`. Each row is a
# dictionary: `row["file"]`, `row["species"]`. (`pd.read_csv` would do as well.)
#
# </details>

# %% tags=["answer"]
class CsvDataset(Dataset):
    """Pictures listed in a CSV file with the columns `file` and `species`.

    Args:
        folder: path that the files are relative to
        table: path of the CSV file, UTF-8
        transform: called with each PIL RGB image, or None
        classes: list of str, or None for the sorted species of the table
    Attributes:
        classes: list of str
    """

    ### BEGIN SOLUTION
    def __init__(self, folder, table, transform=None, classes=None):
        with open(table, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        self.transform = transform
        self.classes = sorted({row["species"] for row in rows}) if classes is None else list(classes)
        self.samples = [(Path(folder) / row["file"], self.classes.index(row["species"])) for row in rows]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        path, label = self.samples[index]
        image = Image.open(path).convert("RGB")
        return (self.transform(image) if self.transform else image), label

    ### END SOLUTION


# %% tags=["right"]
import pandas as pd

from course_utils import load_rgb


class CsvDataset(Dataset):
    def __init__(self, folder, table, transform=None, classes=None):
        self.folder, self.transform = Path(folder), transform
        self.table = pd.read_csv(table)
        self.classes = sorted(self.table["species"].unique()) if classes is None else classes
        self.labels = pd.Categorical(self.table["species"], categories=self.classes).codes

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        image = load_rgb(self.folder / self.table.loc[index, "file"])
        if self.transform is not None:
            image = self.transform(image)
        return image, int(self.labels[index])


# %% tags=["right"]
import os


class CsvDataset(Dataset):
    def __init__(self, folder, table, transform=None, classes=None):
        self.files, species = [], []
        with open(table, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            head = next(reader)
            for row in reader:
                self.files.append(os.path.join(folder, row[head.index("file")]))
                species.append(row[head.index("species")])
        self.transform = transform if transform is not None else lambda image: image
        self.classes = list(classes or sorted(set(species)))
        numbers = {name: number for number, name in enumerate(self.classes)}
        self.targets = torch.tensor([numbers[name] for name in species])

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        with Image.open(self.files[index]) as picture:
            image = picture.convert("RGB")
        return [self.transform(image), self.targets[index].item()]


# %% tags=["wrong"] expect="convert to RGB"
# -         image = Image.open(path).convert("RGB")
# +         with Image.open(path) as image:
# +             image.load()

# %% tags=["wrong"] expect="quotation marks"
# -         with open(table, encoding="utf-8-sig", newline="") as file:
# -             rows = list(csv.DictReader(file))
# +         lines = Path(table).read_text(encoding="utf-8-sig").splitlines()[1:]
# +         rows = [dict(zip(["file", "species"], line.split(","))) for line in lines]

# %% tags=["wrong"] expect="should be sorted"
# - sorted({row["species"] for row in rows})
# + list(dict.fromkeys(row["species"] for row in rows))

# %% tags=["wrong"] expect="without a transform"
# -         image = Image.open(path).convert("RGB")
# -         return (self.transform(image) if self.transform else image), label
# +         return self.transform(Image.open(path).convert("RGB")), label

# %% tags=["wrong"] expect="when they are asked for"
class CsvDataset(Dataset):
    def __init__(self, folder, table, transform=None, classes=None):
        with open(table, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        self.transform = transform
        self.classes = sorted({row["species"] for row in rows}) if classes is None else list(classes)
        self.samples = [
            (Image.open(Path(folder) / row["file"]).convert("RGB"), self.classes.index(row["species"])) for row in rows
        ]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        image, label = self.samples[index]
        return (self.transform(image) if self.transform else image), label


# %% tags=["wrong"] expect="byte order mark"
# - "utf-8-sig"
# + "utf-8"

# %% tags=["wrong"] expect="the argument classes"
# - self.classes = sorted({row["species"] for row in rows}) if classes is None else list(classes)
# + self.classes = sorted({row["species"] for row in rows})

# %% tags=["wrong"] expect="label should be an int"
# - self.classes.index(row["species"])
# + row["species"]

# %% tags=["wrong"] expect="before the transform"
# -         image = Image.open(path).convert("RGB")
# -         return (self.transform(image) if self.transform else image), label
# +         with Image.open(path) as image:
# +             image.load()
# +         return (self.transform(image) if self.transform else image.convert("RGB")), label

# %% tags=["wrong"] expect="a list of str"
# -         self.samples = [(Path(folder) / row["file"], self.classes.index(row["species"])) for row in rows]
# +         self.classes = {name: label for label, name in enumerate(self.classes)}
# +         self.samples = [(Path(folder) / row["file"], self.classes[row["species"]]) for row in rows]

# %% tags=["wrong"] expect="in the order of the table"
# -     def __len__(self):
# +         self.samples.sort()
# +     def __len__(self):

# %% tags=["wrong"] expect="call the transform"
# - return (self.transform(image) if self.transform else image), label
# + return image, label

# %% tags=["wrong"] expect="relative to the folder"
# - Path(folder) / row["file"]
# + Path(row["file"])

# %% tags=["wrong"] expect="a pair"
# - return (self.transform(image) if self.transform else image), label
# + return (self.transform(image) if self.transform else image)

# %% [markdown]
# Try it on a small table:

# %%
with tempfile.TemporaryDirectory() as folder:
    Image.new("RGB", (80, 60), "red").save(Path(folder, "a.png"))
    Path(folder, "table.csv").write_text("file,species\na.png,rose\n", encoding="utf-8")
    museum = CsvDataset(folder, Path(folder, "table.csv"), transform=eval_transform(32))
    print(len(museum), museum.classes)

# %% tags=["check"] points=5
def museum_set(folder, table, **arguments):
    try:
        return CsvDataset(folder, table, **arguments)
    except KeyError as error:
        raise AssertionError(f"no column {error}: does your data set remove a byte order mark? (utf-8-sig)") from None
    except FileNotFoundError:
        raise AssertionError("making the data set opens a picture; open them when they are asked for") from None


def example(dataset, index):
    try:
        answer = dataset[index]
    except FileNotFoundError as error:
        hint = "Files are relative to the folder, without the quotation marks, and in the order of the table"
        raise AssertionError(f"example {index}: there is no file {error.filename}. {hint}") from None
    except TypeError as error:
        raise AssertionError(f"without a transform the picture itself should be returned ({error})") from None
    pair = isinstance(answer, (tuple, list)) and len(answer) == 2
    assert pair, f"an example is a pair, picture and label, not {type(answer).__name__}"
    return tuple(answer)


def spy(image):
    assert image.mode == "RGB", f"convert the picture before the transform: it gets the mode {image.mode}"
    return eval_transform(32)(image)


with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "box 1").mkdir()
    colours = {"box 1/a.png": "red", "box 1/b, second try.png": "blue", "c.png": "lime", "grey.png": "white"}
    for name, colour in colours.items():
        Image.new("L" if name == "grey.png" else "RGB", (80, 60), colour).save(Path(folder, name))
    Image.new("RGB", (80, 60), "yellow").convert("P").save(Path(folder, "palette.gif"))
    table = Path(folder) / "table.csv"
    rows = ["box 1/a.png,rose,Ada", '"box 1/b, second try.png",oxeye daisy,Ben', "c.png,aster,Ada", "grey.png,rose,Ada"]
    rows += ["palette.gif,rose,Ben", "missing.png,aster,Ben"]
    table.write_text("\n".join(["file,species,collector", *rows]) + "\n", encoding="utf-8")

    dataset = museum_set(folder, table)
    assert len(dataset) == 6, f"the table lists 6 pictures, len says {len(dataset)}"
    classes = dataset.classes
    assert isinstance(classes, list), f"classes should be a list of str, not a {type(classes).__name__}"
    assert " second try.png\"" not in classes, "a name with a comma stands in quotation marks: use csv or pandas"
    assert len(classes) == 3, f"three species occur, each should be there once, not {classes}"
    assert classes == ["aster", "oxeye daisy", "rose"], f"the classes should be sorted, not {classes}"
    examples = [example(dataset, index) for index in range(5)]
    labels = [label for image, label in examples]
    assert all(isinstance(label, Integral) for label in labels), f"a label should be an int, not {labels[0]!r}"
    assert labels == [2, 1, 0, 2, 2], f"the first five labels should be 2, 1, 0, 2, 2, not {labels}"
    modes = [image.mode for image, label in examples]
    assert set(modes) == {"RGB"}, f"convert to RGB: the pictures have the modes {modes}"
    corners = [image.getpixel((0, 0)) for image, label in examples]
    expected = [(255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 255, 255), (255, 255, 0)]
    assert corners == expected, "the pictures are not those of the table's lines, in their order"

    tensors = museum_set(folder, table, transform=spy)
    tensor = isinstance(example(tensors, 0)[0], torch.Tensor)
    assert tensor, "call the transform where one is given, and return its result"
    images, labels = next(iter(DataLoader(tensors, batch_size=5)))
    assert tuple(images.shape) == (5, 3, 32, 32), f"with a transform, a batch should be (5, 3, 32, 32), {images.shape}"
    shared = museum_set(folder, table, classes=["rose", "aster", "oxeye daisy", "yew"])
    assert list(shared.classes)[-1] == "yew", "the argument classes should be used where it is given"
    label = example(shared, 0)[1]
    assert label == 0, f"with rose first among the given classes, its label is 0, not {label}"

    table.write_text("file,species\na.png,rose\n", encoding="utf-8-sig")
    marked = museum_set(Path(folder) / "box 1", table)
    one = len(marked) == 1 and example(marked, 0)[1] == 0
    assert one, "a table with a byte order mark and one line should have one example"
print("✓ task 5")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/08_custom_dataset.ipynb), or go back to the
# [map of all lessons](../../README.md#the-lessons).
