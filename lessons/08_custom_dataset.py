# %% [markdown]
# # 08 · A data set of your own
#
# A heap of pictures and a list of labels become a data set that you can trust. You find its faults before they cost a
# night of training, and in the end a network of yours names a new flower.
#
# **Time** about 60 minutes, of which the computer works 70 seconds · **Before this**
# [lesson 01](01_data_loading_and_visualization.ipynb), [lesson 06](06_fine_tuning.ipynb),
# [lesson 07](07_feature_extraction.ipynb)
#
# **You will learn to**
#
# - write a `Dataset` for a list or for folders, and say what a `DataLoader` asks of it
# - tell label, class id and name of a class apart
# - report all faults of a list at once, and divide a list class by class
# - count, open and look at everything before you train
# - measure whether rare classes need help, and at what price
# - train on your data, and ask the network about a new photograph

# %%
import json
import shutil
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_sample_image
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, WeightedRandomSampler

from course_utils import setup

course = setup(seed=0, lesson="08")

# %% [markdown]
# ## What you will have

# %%
from course_utils import eval_transform, flowers, show_batch

# pixels of a side: to compute with, and to look at
size, large = course.pick(sample=64, full=224), course.pick(sample=96, full=224)
flower_set = flowers("train", eval_transform(large))
classes = flower_set.classes
targets = np.array(flower_set.targets)


# %%
def one_of_each(labels):
    indices = [np.flatnonzero(targets == label)[0] for label in labels]
    return torch.stack([flower_set[index][0] for index in indices])


images = one_of_each(range(10))
fig = show_batch(images, range(10), classes, columns=5, title="Ten kinds of flowers")
fig.set_size_inches(9, 4.6)
plt.show()

# %% [markdown]
# Flowers, each under its name: ten drawn kinds in the profile `sample`, photographs of a hundred in `full`. What looks
# so tidy was a folder full of files with numbers for names. In an hour your own code will have read them, and your
# network will name a flower that nobody has shown it. And a bee.
#
# ## What lies in the folder

# %%
from course_utils import locate

root = locate("flowers")
print(*sorted(path.name for path in root.iterdir()))
for name in ["train.txt", "classes.txt", "cat_to_name.json"]:
    lines = (root / name).read_text(encoding="utf-8").splitlines()
    print(f"{name}, {len(lines)} lines:", *lines[:4], sep="\n    ")

# %% [markdown]
# The ants and bees of lesson 01 were sorted into folders. The flowers come in another way, just as common: all pictures
# in one folder, `images`, and a list of **annotations**, `train.txt`, each line a picture and its label. `val.txt` and
# `test.txt` look the same. The other two files say what the labels mean; we come to them later.
#
# ## The data set
#
# ![Left, the file train.txt, with a picture and a label in each line, and the folder images. The Dataset reads the list
# once; asked for index 2 it opens one picture and returns it with its label. The DataLoader draws four indices, asks
# for them one by one, and stacks the answers to a batch: images of shape (4, 3, 64, 64) and labels of shape
# (4,).](figures/dataset_to_batch.svg)
#
# Between the files and the batches stands the data set, a class with three methods. `__init__` is called when it is
# made, `__len__` by `len(dataset)`, `__getitem__` by `dataset[index]`. That is the whole template:

# %%
from PIL import Image


class ListDataset(Dataset):
    def __init__(self, folder, listing, transform=None):
        self.transform = transform
        self.samples = []
        for line in listing.read_text(encoding="utf-8").splitlines():
            name, label = line.split(" ")
            self.samples.append((folder / name, int(label)))

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        path, label = self.samples[index]
        image = Image.open(path).convert("RGB")
        if self.transform:
            image = self.transform(image)
        return image, label


# %% [markdown]
# `__init__` collects what is cheap, paths and labels. `__getitem__` opens *one* picture, the one asked for. So even a
# million of them are soon ready and fit into memory.

# %%
train_set = ListDataset(root / "images", root / "train.txt", eval_transform(size))
image, label = train_set[0]
print(len(train_set), "pictures; the first: shape", tuple(image.shape), "label", label)

# %% [markdown]
# ## What a DataLoader asks
#
# To see how a `DataLoader` uses those methods, we put a spy between the two:

# %%
class Spy(Dataset):
    def __init__(self, dataset):
        self.dataset = dataset
        self.asked = []

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        self.asked.append(index)
        return self.dataset[index]


spy = Spy(train_set)
generator = torch.Generator().manual_seed(0)
images, labels = next(iter(DataLoader(spy, batch_size=4, shuffle=True, generator=generator)))
print("asked for:", spy.asked)

# %% [markdown]
# It asked for four examples, one by one, at indices drawn from 0 to `len(dataset) - 1`. All that is left is to stack
# them. By hand (`assert_close` is silent where two tensors agree, and stops with an error where they do not):

# %%
examples = [train_set[index] for index in spy.asked]
images_by_hand = torch.stack([image for image, label in examples])
labels_by_hand = torch.tensor([label for image, label in examples])
torch.testing.assert_close(images, images_by_hand)
torch.testing.assert_close(labels, labels_by_hand)
print("images:", tuple(images.shape), "  labels:", labels.tolist(), labels.dtype)

# %% [markdown]
# So it needs a length, an answer to every index below it, and answers that fit together. Such a data set is called
# **map-style**. Data that come as a stream want the other kind, an `IterableDataset`.
#
# On Windows and macOS, and from Python 3.14 on everywhere, a worker (lesson 01) is a fresh Python. The data set is sent
# to it as a **pickle**, which says of a class only where to find it: here, `ListDataset` in `__main__`. It looks there:

# %%
import pickle
import subprocess
import sys

command = [sys.executable, "-c", "import pickle, sys; pickle.load(sys.stdin.buffer)"]
worker = subprocess.run(command, input=pickle.dumps(train_set), capture_output=True)
print(worker.stderr.decode().splitlines()[-1])

# %% [markdown]
# Its `__main__` is not your notebook. Put the class into a `.py` file and import it, or do without workers.

# %% [markdown]
# **Try it.** What does a loader without `shuffle=True` ask for, and in which order do the labels come?
# <details><summary>What we saw</summary>
#
# ```python
# spy.asked.clear()
# loader = iter(DataLoader(spy, batch_size=4))
# print(next(loader)[1].tolist(), next(loader)[1].tolist())
# print(spy.asked)
# ```
#
# The indices 0, 1, 2, … in order, batch after batch. The labels of the drawn list come mixed all the same. In a list
# that is sorted by class the first batches would hold daisies only, and the network would learn to say "daisy". So
# shuffle when you train.
#
# </details>

# %% [markdown]
# ## Lists by other people
#
# Here is the beginning of our list again, as another program saves it, in a temporary folder. It looks the same, but
# the first picture can no longer be opened:

# %%
temporary = tempfile.TemporaryDirectory()
workplace = Path(temporary.name)
saved = workplace / "saved_by_notepad.txt"
first_lines = (root / "train.txt").read_text(encoding="utf-8").splitlines()[:2]
saved.write_text("\n".join(first_lines), encoding="utf-8-sig")
print(saved.read_text(encoding="utf-8"))

# %%
try:
    ListDataset(root / "images", saved)[0]
except FileNotFoundError as error:
    print(type(error).__name__)

# %% [markdown]
# **Guess first.** That file *is* there. Why is it not found? Then open the cell below. (`repr` shows a text with its
# invisible characters.)

# %% tags=["fold"]
print("asked for:", repr(ListDataset(root / "images", saved).samples[0][0].name))
print("first bytes of the file:", saved.read_bytes()[:12])

# %% [markdown]
# Before the name stands a character that no editor shows, a **byte order mark** (BOM), by which Notepad and some
# spreadsheets announce that a file is UTF-8. The encoding `utf-8-sig` removes it.
#
# Names with spaces are the other trap. `"red rose.jpg 4".split(" ")` makes three parts, which do not fit into two
# variables. `rsplit(maxsplit=1)` begins at the right end and splits once: `["red rose.jpg", "4"]`. So let us read lists
# as people write them, with comments and empty lines. We keep the number of each line for the error messages to come.

# %%
def read_lines(listing):
    text = listing.read_text(encoding="utf-8-sig")
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


# %% [markdown]
# The new data set takes over two methods, *inherits* them, by naming `ListDataset` in the brackets. Only `__init__`
# is its own:

# %%
class CarefulListDataset(ListDataset):
    def __init__(self, folder, listing, transform=None):
        self.transform = transform
        self.samples = []
        for number, line in read_lines(listing):
            name, label = line.rsplit(maxsplit=1)
            self.samples.append((folder / name, int(label)))


picture, label = CarefulListDataset(root / "images", saved)[0]
print(picture.size, label)

# %% [markdown]
# It opens. The course's version of this class is `AnnotationDataset`:

# %%
from course_utils.data.lists import AnnotationDataset

helper = AnnotationDataset(root / "images", root / "train.txt", eval_transform(size))
torch.testing.assert_close(helper[0][0], train_set[0][0])
print(len(helper), "pictures; the label of the first:", helper[0][1])

# %% tags=["proof"]
assert helper.samples == train_set.samples, "the helper has other samples"
assert helper.samples == CarefulListDataset(root / "images", root / "train.txt").samples, "read with care, others"
for index in [1, -1]:
    assert torch.equal(helper[index][0], train_set[index][0]), f"the helper has another picture {index}"

# %% [markdown]
# ## Why every picture is converted
#
# Many programs leave out `.convert("RGB")`, and with colour photographs nothing happens. But there are scans in grey
# (mode `L`), GIF files with a table of colours (`P`) and PNG files with transparency (`RGBA`). One flower in each mode,
# as the network would see it without the conversion:

# %%
from course_utils import denormalize

flower = ListDataset(root / "images", root / "train.txt")[1][0]
transform = eval_transform(large)
fig, axes = plt.subplots(1, 3, figsize=(7, 2.7))
for ax, mode in zip(axes, ["RGB", "L", "P"]):
    ax.imshow(denormalize(transform(flower.convert(mode))).permute(1, 2, 0))
    ax.set_title(f"mode {mode}")
    ax.axis("off")
plt.show()
try:
    transform(flower.convert("RGBA"))
except RuntimeError as error:
    print("mode RGBA:", error)

# %% tags=["proof"]
grey, palette = (transform(flower.convert(mode)) for mode in ["L", "P"])
torch.testing.assert_close(grey, transform(flower.convert("L").convert("RGB")))
wrong = (denormalize(palette) - denormalize(transform(flower.convert("P").convert("RGB")))).abs().mean()
assert wrong > 0.05, f"with its palette taken for brightness the picture is off by {wrong:.3f}"

# %% [markdown]
# Transparency stops the program, since four channels do not fit three means: the harmless case. Grey comes out right by
# luck: normalizing broadcasts its one channel to three. In mode `P` a pixel holds the number of a row in the table of
# colours; these numbers were taken for brightness, and nothing complained. The course's `load_rgb`, with which
# `AnnotationDataset` opens its pictures, also makes white what is transparent, and turns upright what was taken with
# the camera held sideways.
#
# ## Folders instead of a list
#
# Now the other layout, one folder per class. We sort the training pictures into such folders, named by the **class
# ids** in `classes.txt`, the codes under which the collectors keep their flowers. And we add what macOS leaves behind
# wherever it has been, a hidden file `.DS_Store` (on Windows `Thumbs.db`):

# %%
class_ids = (root / "classes.txt").read_text(encoding="utf-8").split()
by_folder = workplace / "my_flowers" / "training"
for path, label in train_set.samples:
    folder = by_folder / class_ids[label]
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, folder)
(by_folder / class_ids[0] / ".DS_Store").touch()

# %%
class ByFolder(ListDataset):
    def __init__(self, folder, transform=None):
        self.transform = transform
        self.classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
        self.samples = []
        for label, name in enumerate(self.classes):
            for path in sorted((folder / name).iterdir()):
                if path.suffix.lower() in {".jpg", ".jpeg", ".png"}:
                    self.samples.append((path, label))


folder_set = ByFolder(by_folder, eval_transform(size))
print(len(folder_set), "pictures; classes:", folder_set.classes[:10])

# %% [markdown]
# The hidden file is left out. `sorted` matters, since `iterdir` returns names in whatever order the disk has them, and
# folders in another order would mean other labels.
#
# The helper `open_split` opens either layout. A split goes by many names, so it takes `training` for "train" as well,
# and `valid` or `validation` for "val"; where it finds none of them, it says what to rename.

# %%
from course_utils import open_split

helper = open_split(workplace / "my_flowers", "train", eval_transform(size))
by_list = {path.name: label for path, label in train_set.samples}
same = sum(by_list[path.name] == label for path, label in helper.samples)
print(f"{same} of {len(helper)} pictures have the same label by folder and by list")

# %% tags=["proof"]
assert helper.samples == folder_set.samples, "the helper has other samples"
assert helper.classes == folder_set.classes, "the helper has other classes"
assert same == len(helper) == len(train_set), f"{len(helper)} by folder, {len(train_set)} by list, {same} agree"
assert class_ids == sorted(class_ids), "classes.txt is in another order"

# %% [markdown]
# All of them, because `classes.txt` is in the order of `sorted`. But look at that order: ids are texts, and "10" comes
# before "2", as "ab" comes before "b". Which brings us to the most expensive mistake of this lesson.

# %% [markdown]
# ## Label, class id, name
#
# ![Three columns. Label 0 leads to the class id 1 and the name english daisy, label 1 to the id 10 and english
# bluebell, label 2 to the id 102 and dandelion clock, label 3 to the id 2 and corn poppy. An orange arrow shows the
# shortcut: from label 1 straight to the name of the id 1, english daisy, which is wrong.](figures/label_id_name.svg)
#
# Three things are called "the class", and they are easily mixed up:
#
# - the **label** is what the network computes with: 0, 1, 2, … without gaps
# - the **class id** is what the collectors use, here the name of a folder; it may have gaps
# - the **name** is what people read; it may change its spelling, or its language
#
# The way from label to name leads over the id. `cat_to_name.json` holds the second step:

# %%
cat_to_name = json.loads((root / "cat_to_name.json").read_text(encoding="utf-8"))
names = [cat_to_name[class_id] for class_id in class_ids]
shortcut = [cat_to_name.get(str(label), "KeyError") for label in range(len(names))]
meanings = pd.DataFrame({"class id": class_ids, "name": names, "by str(label)": shortcut})
meanings.rename_axis("label").head(10)

# %% tags=["proof"]
assert names == classes, "the helper has other names"
assert flower_set.samples == train_set.samples, "the helper has other samples"

# %% [markdown]
# The last column is a shortcut from a widely copied tutorial, `cat_to_name[str(label)]`. It *looks* right: the keys are
# numbers written as text, and so is `str(label)`. (`get` returns its second argument where a key is missing; square
# brackets raise a `KeyError`.)

# %%
raised = np.array(shortcut) == "KeyError"
right = np.array(shortcut) == np.array(names)
print(f"{len(names)} classes: {right.sum()} right, {raised.sum()} with a KeyError,", end=" ")
print(f"{(~right & ~raised).sum()} with the name of another flower")

# %% tags=["proof"]
assert (~right & ~raised).sum() >= 4, "fewer than four wrong names are left to be shown"
if course.profile == "sample":  # the text names the drawn flowers' ids
    assert right.sum() == 1 and shortcut[5] == names[5], shortcut

# %% [markdown]
# The errors are the harmless part, since they show up. The wrong names do not. Suppose a perfect network, and a figure
# that writes the predicted name over each picture, in green and with a tick where it agrees with the true one. (As the
# network is perfect, `misnamed` serves as labels and as predictions.)

# %%
from course_utils import show_predictions

misnamed = np.flatnonzero(~right & ~raised)[:4]
images = one_of_each(misnamed)
fig = show_predictions(images, misnamed, misnamed, shortcut, title="Everything right?")
fig.set_size_inches(8, 2.7)
plt.show()

# %% [markdown]
# All green, and not one name is right. Both names, the predicted and the true one, went through the same mistake. So
# they agree wherever the labels do, and nothing looks odd, unless you know your flowers.

# %% [markdown]
# ## All faults at once
#
# Lists are written by people, and people slip. Here is one with a fault in most of its lines:

# %%
good = [path.name for path, label in train_set.samples[:4]]
faulty = workplace / "faulty.txt"
lines = ["# new pictures", f"{good[0]} 0", good[1], f"{good[2]} one"]
lines += [f"{good[3]} {len(classes)}", "image_99999.jpg 1", f"{good[0]} 1"]
faulty.write_text("\n".join(lines), encoding="utf-8")
print(faulty.read_text(encoding="utf-8"))

# %%
try:
    CarefulListDataset(root / "images", faulty)
except ValueError as error:
    print(f"ValueError: {error}")

# %% [markdown]
# Our data set stops at the first fault and says neither where it is nor what is wrong. The last three lines it would
# not mind at all. A label that is too large and a missing file stop the training when their turn comes, perhaps after
# an hour; on a GPU the label does so with a riddle, "device-side assert triggered". The picture that is listed twice,
# with two labels, stops nothing.
#
# A good check reads everything and reports everything. First, what can be said of a line on its own:

# %%
def parse(line, num_classes):
    name, *rest = line.rsplit(maxsplit=1)
    if not rest:
        return name, "no label"
    if not rest[0].isdecimal():
        return name, f"the label {rest[0]!r} is not a whole number"
    if int(rest[0]) >= num_classes:
        return name, f"the label {rest[0]} is out of range, 0 to {num_classes - 1}"
    return name, None


# %% [markdown]
# The star collects what follows the name in a list, which is empty if nothing does. `isdecimal` is true for digits
# only, so `-1`, `1.0` and `one` are refused. And the function *returns* what it finds wrong: raising it would end the
# search. Then what needs the disk, or the lines before:

# %%
def find_problems(folder, listing, num_classes):
    problems = []
    first_seen = {}
    for number, line in read_lines(listing):
        name, problem = parse(line, num_classes)
        if problem:
            problems.append((number, problem))
        if not (folder / name).is_file():
            problems.append((number, f"there is no file {name}"))
        if name in first_seen:
            problems.append((number, f"{name} is listed already, in line {first_seen[name]}"))
        first_seen.setdefault(name, number)
    return problems


problems = find_problems(root / "images", faulty, len(classes))
for number, problem in problems:
    print(f"{faulty.name}, line {number}: {problem}")

# %% tags=["proof"]
import re

for split in ["train", "val", "test"]:
    assert find_problems(root / "images", root / f"{split}.txt", len(classes)) == [], split
try:
    AnnotationDataset(root / "images", faulty, classes=classes)
except ValueError as error:
    lines_named = [int(number) for number in re.findall(r"line (\d+):", str(error))]
assert lines_named == [number for number, problem in problems], f"the helper names the lines {lines_named}"

# %% [markdown]
# (`setdefault` stores a value only if the key is new.) `AnnotationDataset` does the same when it is made, and raises
# one error that lists everything. Our training list it has opened without one.
#
# ## One list into three
#
# Your own list will probably be one. Shuffle it and cut it, and chance decides how many pictures of a rare class come
# into each part. Better: shuffle and cut *class by class*, which is called a **stratified** split.

# %%
def stratified_split(labels, fractions, rng):
    parts = [[] for _ in fractions]  # of indices
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        cuts = (np.cumsum(fractions[:-1]) * len(members)).round().astype(int)
        for part, piece in zip(parts, np.split(members, cuts)):
            part.extend(piece.tolist())
    return parts


# %% [markdown]
# `flatnonzero` gives the indices of one class, `permutation` shuffles them. `cumsum` makes 0.7 and 0.85 of 0.7 and
# 0.15; so much of the class lies before each cut of `split`. We pretend that the training list is all we have. How many
# pictures of the rarest classes come into a test set of 15 %? The last column is by scikit-learn, whose
# `train_test_split` has an argument `stratify`:

# %%
everything = np.arange(len(targets))
parts = stratified_split(targets, [0.7, 0.15, 0.15], np.random.default_rng(0))
by_chance = np.random.default_rng(0).permutation(everything)[: len(parts[2])]
_, by_sklearn = train_test_split(everything, test_size=0.15, stratify=targets, random_state=0)
ways = {"all": everything, "shuffled": by_chance, "stratified": parts[2], "sklearn": by_sklearn}
dealt = {way: np.bincount(targets[part], minlength=len(classes)) for way, part in ways.items()}
pd.DataFrame(dealt, index=classes).sort_values("all").head(5)

# %% tags=["proof"]
assert sorted(parts[0] + parts[1] + parts[2]) == list(range(len(targets))), "not every picture is in exactly one part"
for part, fraction in zip(parts, [0.7, 0.15, 0.15]):
    off = abs(np.bincount(targets[part]) - fraction * np.bincount(targets)).max()
    assert off <= 1, f"{off:.1f} pictures away from the fraction {fraction}"
off = {way: abs(counts - 0.15 * dealt["all"]).max() for way, counts in dealt.items()}
assert off["sklearn"] <= 1 and off["shuffled"] > 1.5, f"away from 15 %: {off}"
if course.profile == "sample":  # the text counts drawn poppies
    poppies = {way: int(counts[classes.index("corn poppy")]) for way, counts in dealt.items()}
    assert poppies["all"] == 35 and poppies["stratified"] == poppies["sklearn"] == 5, poppies

# %% [markdown]
# 15 % of the 35 drawn corn poppies are about 5. Both stratified ways give 5, chance gave 8.
#
# Write the parts to files and keep those, so that no picture ever wanders from `test` to `train`. With few pictures,
# divide several times, so that each is judged once: `StratifiedKFold` does it. Copies of one picture, or pictures of
# one plant, belong together: divide the groups (`StratifiedGroupKFold`), as `split_folder` did in lesson 01.
#
# **Check yourself.** A class has four pictures. What does `stratified_split` give to the three parts with 0.7, 0.15 and
# 0.15?
# <details><summary>Answer</summary>
#
# The cuts are at 0.7 · 4 = 2.8 and 0.85 · 4 = 3.4, both rounded to 3. So `train` gets three, `val` none, `test` one.
# On `val` nobody can tell whether the class is recognized. Find more pictures of it.
#
# </details>
#
# ## Look before you train
#
# A list without faults can still be a bad data set. Four looks cost a minute. The first you have had, with your own
# eyes, at the top. The second: *how many* of each class, in each split? And so, how many are right already if the
# answer is always the largest class?

# %%
splits = {split: flowers(split) for split in ["train", "val", "test"]}
counts = {split: np.bincount(splits[split].targets, minlength=len(classes)) for split in splits}
table = pd.DataFrame(counts, index=classes)
ax = table.sort_values("train", ascending=False).head(20).plot.barh(stacked=True, figsize=(7, 3.8))
ax.set(title="Pictures of each class", xlabel="pictures", ylabel="class")
plt.show()
largest = int(np.argmax(counts["train"]))
baseline = counts["val"][largest] / counts["val"].sum()
print(f"always '{classes[largest]}': {baseline:.3f} of the validation pictures right")

# %% tags=["proof"]
if course.profile == "sample":  # how many photographs there are of each flower is another matter
    rarest, most = counts["train"].min(), counts["train"].max()
    assert most > 4 * rarest, f"{rarest} to {most} pictures of a class"
    shares = [counts[split] / counts[split].sum() for split in splits]
    assert np.ptp(shares, axis=0).max() < 0.02, "the three splits are unbalanced in different ways"

# %% [markdown]
# The drawn classes are far from balanced: of the most frequent there are four times as many as of the rarest.
#
# The third look: *which sizes*, and can *every file* be opened at all? (A `Counter` counts what it meets.)

# %%
from collections import Counter


def open_all(dataset):
    sizes, failures = Counter(), []
    for index in range(len(dataset)):
        try:
            sizes[dataset[index][0].size] += 1
        except (OSError, ValueError) as error:
            failures.append(str(error))
    return sizes, failures


for split, dataset in splits.items():
    sizes, failures = open_all(dataset)
    print(f"{split}: {len(failures)} failures, sizes (width, height): {sizes.most_common(3)}")

# %% [markdown]
# Good? A check that has never found anything may simply be broken. So we damage two copies in our folder, in the ways
# that downloads are damaged, and see whether it finds them:

# %%
victims = [path for path, label in folder_set.samples[:2]]
victims[0].write_bytes(victims[0].read_bytes()[:800])
victims[1].write_text("<html>404 Not Found</html>")
sizes, failures = open_all(open_split(workplace / "my_flowers", "train"))
for failure in failures:
    print(failure.replace(str(workplace), "…").replace("\\", "/"))

# %% [markdown]
# A file cut short, and a web page that calls itself a picture. Both are found, and both are named.
#
# The fourth look: which pictures occur *twice*? Take the fingerprints of lesson 01, of all three splits at once. In
# two splits a copy leaks; in one, under two names, it may have two labels.
#
# ## Rare classes
#
# A class with four times as many pictures has four times the say in the loss, and a network that neglects a rare class
# pays little. There are two usual remedies: a **weighted loss** counts the pictures of rare classes more, a **weighted
# sampler** draws them more often.
#
# Both want each class to have the same say. Of 100 pictures in four classes each class should count 25, so in a class
# of 10 pictures each gets the weight 2.5. In general, with $n$ pictures in $k$ classes, a picture of a class with $c$
# of them gets $n / (k \cdot c)$:

# %%
train_labels = torch.tensor(targets)
count = torch.bincount(train_labels, minlength=len(classes))
weights = (len(train_labels) / (len(classes) * count)).float()
print("weights of the first classes:", weights[:5].numpy().round(2))
print("weight times count:", (weights * count)[:5].numpy().round(2))

# %% tags=["proof"]
assert abs(weights[train_labels].mean() - 1) < 1e-5, weights[train_labels].mean()
logits, labels = torch.randn(16, len(classes)), train_labels[:16]
each = nn.functional.cross_entropy(logits, labels, reduction="none")
by_hand = (weights[labels] * each).sum() / weights[labels].sum()
torch.testing.assert_close(by_hand, nn.CrossEntropyLoss(weight=weights)(logits, labels))

# %% [markdown]
# Averaged over all pictures, the weights are 1, so a good learning rate stays good. `nn.CrossEntropyLoss(weight=…)`
# multiplies the loss of each picture with the weight of its class, and divides by the sum of those weights.
#
# The sampler is an object that a loader gets instead of `shuffle=True`. It draws indices with a probability
# proportional to their weights, the same one perhaps several times:

# %%
generator = torch.Generator().manual_seed(0)
sampler = WeightedRandomSampler(weights[train_labels], len(train_labels), generator=generator)
drawn = list(sampler)
drawn_count = torch.bincount(train_labels[drawn], minlength=len(classes))
print("pictures of each class:", count[:10].tolist())
print("drawn in one epoch:    ", drawn_count[:10].tolist())
print(f"{len(set(drawn))} of {len(drawn)} pictures drawn at least once")

# %% tags=["proof"]
equal = len(drawn) / len(classes)  # and the binomial distribution's standard deviation, five times
assert abs(drawn_count - equal).max() < 5 * equal**0.5, drawn_count
assert len(set(drawn)) < 0.75 * len(drawn), f"{len(set(drawn))} of {len(drawn)} pictures"

# %% [markdown]
# All classes are drawn about equally often. The price: rare pictures come again and again, while many of the frequent
# ones are left out of this epoch. Use one remedy or the other; together they favour the rare classes twice.
#
# ## Does it help?
#
# We train five times with each remedy and without one. To be quick we do as in lesson 07: features of a frozen backbone
# once, then heads.

# %%
from course_utils import CachedImages, extract_features, freeze, pretrained_resnet18

torch.manual_seed(0)
backbone = pretrained_resnet18(len(classes)).to(course.device)
backbone.fc = nn.Identity()
freeze(backbone)


def features_of(dataset):
    return TensorDataset(*extract_features(backbone, DataLoader(dataset, batch_size=100)))


cached = {split: CachedImages(splits[split], size) for split in ["train", "val"]}
features = {split: features_of(images) for split, images in cached.items()}

# %%
from course_utils import fit, predict, standard_error


def train_head(data, seed, loss_weights=None, draw_weights=None):
    generator = torch.Generator().manual_seed(seed)
    sampler = torch.utils.data.RandomSampler(data["train"], generator=generator)
    if draw_weights is not None:
        chances = draw_weights[train_labels]
        sampler = WeightedRandomSampler(chances, len(chances), generator=generator)
    torch.manual_seed(seed)
    head = nn.Linear(512, len(classes))
    loss_fn = nn.CrossEntropyLoss(weight=loss_weights)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.003)
    loader = DataLoader(data["train"], batch_size=64, sampler=sampler)
    fit(head, loader, optimizer=optimizer, epochs=25, loss_fn=loss_fn, progress=False)
    return predict(head, DataLoader(data["val"], batch_size=500))[0].argmax(dim=1)


# %% [markdown]
# (A `RandomSampler` is what `shuffle=True` makes.) What do we measure? **Accuracy**, over all pictures. **Balanced
# accuracy**, the mean of the recalls of all classes, in which a rare one counts as much as a frequent one. And two
# numbers for the rarest third of the classes. Their **recall**, known from lesson 04: of the pictures that show them,
# how many were recognized? Their **precision**: of the answers that name them, how many are right? A head that cries
# "tulip!" at every flower has a perfect recall of tulips and a terrible precision.

# %%
from sklearn.metrics import balanced_accuracy_score

val_labels = torch.tensor(splits["val"].targets)
rare = count.argsort(stable=True)[: len(classes) // 3]
is_rare = torch.isin(val_labels, rare)
print("rare:", [classes[label] for label in rare[:5]])
print("their pictures in val:", is_rare.sum().item())


def score(preds):
    right = (preds == val_labels).float()
    named_rare = torch.isin(preds, rare)
    return {
        "accuracy": right.mean().item(),
        "balanced accuracy": balanced_accuracy_score(val_labels, preds),
        "recall of rare": right[is_rare].mean().item(),
        "precision of rare": (right * named_rare).sum().item() / max(named_rare.sum().item(), 1),
    }


# %% tags=["nbval-ignore-output"]
remedies = {"none": {}, "loss": {"loss_weights": weights}, "sampler": {"draw_weights": weights}}
trials = pd.DataFrame([
    {"remedy": name, **score(train_head(features, seed, **given))}
    for name, given in remedies.items() for seed in range(5)
])  # fmt: skip
means = trials.groupby("remedy").mean().loc[list(remedies)]
means.round(3)

# %% tags=["proof"]
assert len(trials) == 15 and trials["accuracy"].min() > baseline, trials
if course.profile == "sample":  # where all classes have equally many pictures there is nothing to weigh
    change = (means - means.loc["none"]).drop("none")
    assert change["recall of rare"].min() > 0.04, change
    assert change["precision of rare"].max() < -0.05, change
    assert change["accuracy"].max() < 0.01, change
    assert change["balanced accuracy"].abs().max() < 0.06, change

# %% [markdown]
# These are means. How far do the five seeds scatter?

# %%
fig, axes = plt.subplots(1, 4, figsize=(10, 3), sharey=True)
for ax, measure in zip(axes, means.columns):
    for place, remedy in enumerate(remedies):
        values = trials.loc[trials["remedy"] == remedy, measure]
        ax.plot([place] * len(values), values, "o", color="C0", alpha=0.5)
        ax.plot(place, values.mean(), "_", color="black", markersize=30)
    ax.set(title=measure, xlabel="remedy", xlim=(-0.5, 2.5))
    ax.set_xticks(range(3), remedies)
axes[0].set_ylabel("on validation pictures")
plt.show()

# %% [markdown]
# A dot is one seed, a dash the mean. On the drawn flowers it is a trade: either remedy finds more of the rare flowers,
# and fewer of the answers that name one are right. In accuracy nothing is won, and balanced accuracy hardly moves. (In
# `full`, where the classes may have equally many pictures, there is nothing to weigh.)
#
# Where a missed rare case is worse than a false alarm, as often in medicine, the trade may be worth it. Where every
# picture counts the same, as here, leave things as they are. Two more remedies to look up: the *focal loss* counts more
# what is hard, and *logit adjustment* moves the scores after training, at no cost. The best one is more pictures.

# %% [markdown]
# **Try it.** Half a remedy: weigh the loss by the square roots of the weights, and print all four scores.
# <details><summary>What we saw</summary>
#
# ```python
# softer = [score(train_head(features, seed, loss_weights=weights.sqrt())) for seed in range(5)]
# print(pd.DataFrame(softer).mean().round(3))
# ```
#
# On the drawn flowers it lies in between: a recall of about 0.76 and a precision of 0.57. Half the remedy, half the
# price.
#
# </details>

# %% [markdown]
# **Check yourself.** A program always answers with the largest of ten classes. What is its balanced accuracy?
# <details><summary>Answer</summary>
#
# One class is found always, nine never: a tenth. Its accuracy is the share of the largest class, which may be 99 %.
# That is why the two are often reported side by side.
#
# </details>

# %% [markdown]
# ## Training on the flowers
#
# Now the whole network, without a remedy. As in lesson 07, AdamW with one cycle up to a small rate, since these weights
# already know something. (The drawn flowers are shown three times only, and do without augmentation; `full` takes four
# epochs, with it.)

# %% tags=["nbval-ignore-output"]
from torch.optim.lr_scheduler import OneCycleLR

epochs, rate = course.pick(sample=(3, 4e-4), full=(4, 3e-4))
shown = CachedImages(splits["train"], size, augment=course.pick(sample=False, full=True))
generator = torch.Generator().manual_seed(0)
train_loader = DataLoader(shown, batch_size=16, shuffle=True, generator=generator)
val_loader = DataLoader(cached["val"], batch_size=100)
torch.manual_seed(0)
model = pretrained_resnet18(len(classes)).to(course.device)
optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
scheduler = OneCycleLR(optimizer, max_lr=rate, total_steps=epochs * len(train_loader))
history = fit(
    model, train_loader, val_loader,
    optimizer=optimizer, scheduler=scheduler, epochs=epochs, progress="bar",
)  # fmt: skip
history.frame().drop(columns="lr").round(3)

# %% tags=["proof"]
accuracy = history["val_accuracy"][-1]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert accuracy >= course.pick(sample=0.8, full=0.6), f"validation accuracy {accuracy:.3f}"
    assert accuracy > baseline + 0.4, f"validation accuracy {accuracy:.3f}, baseline {baseline:.3f}"
if course.profile == "sample":  # four epochs may be few for a hundred kinds of flowers
    ahead = accuracy - means.loc["none", "accuracy"]
    assert ahead > 0.02, f"ahead of the heads' mean by {ahead:.3f}"

# %% [markdown]
# On the drawn flowers it is ahead of the heads on frozen features, and far above "always the largest class". Name that
# baseline: on unbalanced data an accuracy means little without it.
#
# Has it neglected the rare classes? (The thin lines are Wilson intervals, which lesson 09 derives: where the recall may
# well lie, seeing how few pictures there are.)

# %% tags=["nbval-ignore-output"]
from course_utils import wilson_interval

logits, labels = predict(model, val_loader)
preds = logits.argmax(dim=1)
found = np.bincount(labels[preds == labels], minlength=len(classes))
order = np.argsort(counts["train"], kind="stable")[:20]
names_and_counts = [f"{classes[label]} ({counts['train'][label]})" for label in order]
fig, ax = plt.subplots(figsize=(7, 0.6 + 0.3 * len(order)))
ax.barh(names_and_counts, found[order] / counts["val"][order])
for place, label in enumerate(order):
    ax.plot(wilson_interval(found[label], counts["val"][label]), [place, place], color="black")
ax.set(title="Recall of each class on val", xlabel="recall", ylabel="class (in training)")
ax.invert_yaxis()
plt.show()

# %% tags=["proof"]
differ = abs(found.sum() - history["val_accuracy"][-1] * counts["val"].sum())
assert differ < 1.5, f"fit and the figure differ by {differ:.1f} pictures"  # one is rounding on a GPU
if course.profile == "sample":  # four epochs may be few for a hundred kinds of flowers
    recall = score(preds)["recall of rare"]
    assert recall > 0.5, f"recall of the rare flowers {recall:.2f}"
    assert counts["val"][classes.index("garden tulip")] == 8, "the text has another number of garden tulips"

# %% [markdown]
# On the drawn flowers most of the rare ones, at the top, are found, too. Do not compare single bars: the garden tulip
# has 8 pictures in `val`, and its line is long. Only where the whole line lies low is a class clearly in trouble.
# Now look at the hardest pictures, those whose true class was given the lowest probability.

# %%
of_truth = logits.softmax(dim=1)[torch.arange(len(labels)), labels]
hardest = of_truth.argsort()[:10]
images = torch.stack([cached["val"][index][0] for index in hardest.tolist()])
title = "The hardest validation pictures: answer, and the truth in brackets"
fig = show_predictions(images, labels[hardest], preds[hardest], classes, columns=5, title=title)
fig.set_size_inches(9, 5.2)
plt.show()

# %% [markdown]
# Would you have known? Then ask of each whether the name in brackets is really right. A wrong label looks like a
# mistake of the network, so this grid is a good place to find one.

# %% [markdown]
# ## The same flowers by another recipe
#
# A well-known tutorial trains a ResNet-18 on 102 flowers in another way: 64 pixels, the head first, then all layers,
# and stronger augmentation. What do its numbers do? Each step alone, five times:

# %%
from torchvision.transforms import v2

steps = {
    "RandomRotation(45)": v2.RandomRotation(45),
    "flips": v2.Compose([v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()]),
    "ColorJitter(0.2, 0.1, 0.1, 0.1)": v2.ColorJitter(0.2, 0.1, 0.1, 0.1),
}
torch.manual_seed(1)
fig, axes = plt.subplots(len(steps), 5, figsize=(8, 5.6))
for row, (name, step) in zip(axes, steps.items()):
    for ax in row:
        ax.imshow(step(flower))
        ax.axis("off")
    row[2].set_title(name)
plt.show()

# %% [markdown]
# 45 means any angle from −45° to 45°; a cut to the middle takes the black corners away. The numbers of `ColorJitter`
# are for brightness (a factor from 0.8 to 1.2), contrast, saturation, that is how strong the colours are, and hue: 0.1
# turns a colour by up to a tenth of the colour circle, so that red may become orange, not green.
#
# The course's training program, which lesson 10 builds, runs both stages in a terminal (*File → New → Terminal*), in
# the folder of the course. (It takes minutes, and nothing later needs it. On Windows, write each command in one line,
# without the `\`.) `jitter` is rotation, one flip and `ColorJitter`. The second stage begins with the weights of the
# first:
#
# ```console
# $ python -m course_utils.train --data data/flowers --output runs/08/head --freeze --epochs 20 --learning-rate 0.01 \
#     --step-epochs 10 --model pretrained_resnet18 --size 64 --batch-size 128 --augmentation jitter --optimizer adam \
#     --schedule step --warmup-epochs 0
# $ python -m course_utils.train --data data/flowers --output runs/08/all --start-from runs/08/head --epochs 10 \
#     --learning-rate 0.001 --model pretrained_resnet18 --size 64 --batch-size 128 --augmentation jitter \
#     --optimizer adam --schedule step --warmup-epochs 0
# ```
#
# <details><summary>What we saw</summary>
#
# On the drawn flowers the head alone ends at a validation accuracy of 0.78. With all layers it falls to 0.59 in the
# first epoch, and wobbles until the rate falls after the seventh, then ends at 0.87. With 4e-4 and one
# cycle the section before got about as far in three epochs. So 0.001 looks too large for weights that already know
# something.
#
# </details>
#
# With `COURSE_PROFILE=full` and `data/full/flowers` these are the tutorial's flowers, but in their official split, with
# 1,020 to learn from. It had 6,552, so its scores cannot be compared.

# %% [markdown]
# > **Common mistake.** That tutorial prepares its training flowers by `Resize((96, 96))` and `CenterCrop(64)`, its
# > validation flowers by `Resize((64, 64))`. Both give 64 × 64 pixels, so nothing complains. But the first cuts off the
# > border, and shows the flowers half as large again as the second: the network learns large flowers and is asked about
# > small ones.

# %%
from course_utils.data.transforms import MEAN, STD


def prepared(split, side):
    steps = [v2.Resize((side, side)), v2.CenterCrop(size)]
    steps += [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    return flowers(split, v2.Compose(steps))


larger = round(1.5 * size)
fig, axes = plt.subplots(1, 2, figsize=(5, 2.8))
for ax, side, split in zip(axes, [larger, size], ["training", "validation"]):
    ax.imshow(denormalize(prepared("train", side)[1][0]).permute(1, 2, 0))
    ax.set_title(f"resized to {side}\nthe tutorial's {split}", fontsize=10)
    ax.axis("off")
plt.show()

# %% [markdown]
# > What does it cost? Heads on features of pictures prepared as on the left, judged on validation pictures of both
# > kinds:

# %% tags=["nbval-ignore-output"]
train_data = features_of(prepared("train", larger))
judged = {}
for way, side in {"prepared alike": larger, "the tutorial's way": size}.items():
    pair = {"train": train_data, "val": features_of(prepared("val", side))}
    judged[way] = [score(train_head(pair, seed))["accuracy"] for seed in range(3)]
    print(f"{way:<19}", *[f"{value:.3f}" for value in judged[way]])

# %% tags=["proof"]
if course.profile == "sample":  # how much larger photographed flowers look is another question
    cost = np.mean(judged["prepared alike"]) - np.mean(judged["the tutorial's way"])
    assert cost >= 0.04, f"the mismatch costs {cost:.3f}"
    assert min(judged["prepared alike"]) > max(judged["the tutorial's way"]), judged

# %% [markdown]
# > On the drawn flowers it costs points with every seed. Derive both transforms from one description, as
# > `train_transform(size)` and `eval_transform(size)` are, and look at a batch of each before you train.
#
# ## The test set, once
#
# All choices are made. The test pictures have been counted, but no model has seen them:

# %% tags=["nbval-ignore-output"]
test_loader = DataLoader(flowers("test", eval_transform(size)), batch_size=100)
test_logits, test_labels = predict(model, test_loader)
test_accuracy = (test_logits.argmax(dim=1) == test_labels).float().mean().item()
error = standard_error(test_accuracy, len(splits["test"]))
always_largest = counts["test"][largest] / counts["test"].sum()
print(f"test accuracy {test_accuracy:.3f}, standard error {error:.3f}")
print(f"always '{classes[largest]}': {always_largest:.3f}")

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert test_accuracy >= course.pick(sample=0.8, full=0.55), f"test accuracy {test_accuracy:.3f}"
    assert test_accuracy > always_largest + 0.4, f"test accuracy {test_accuracy:.3f}, baseline {always_largest:.3f}"

# %% [markdown]
# ## One new photograph
#
# Whoever uses the network needs more than its weights: the size of the pictures, and names and ids *in the order of the
# labels*. All of it belongs in one file:

# %%
from course_utils import (
    hymenoptera,
    load_checkpoint,
    load_rgb,
    resnet18,
    save_checkpoint,
    show_answers,
)

file = workplace / "flowers.pt"
save_checkpoint(file, {
    "model": model.state_dict(), "classes": classes, "class_ids": class_ids, "size": size,
})  # fmt: skip

# %% [markdown]
# With nothing but this file we can name a flower. (`[None]` makes a batch of one, `topk(3)` finds the three largest.)

# %%
def three_names(file, picture):
    saved = load_checkpoint(file)
    network = resnet18(len(saved["classes"]))
    network.load_state_dict(saved["model"])
    network.eval()
    image = eval_transform(saved["size"])(picture)
    with torch.inference_mode():
        probs = network(image[None]).softmax(dim=1)[0]
    best = probs.topk(3)
    return {saved["classes"][label]: prob.item() for prob, label in zip(best.values, best.indices)}


# %% [markdown]
# Three pictures: a test flower, the photograph of a dahlia from lesson 01, and a bee.

# %%
path, label = splits["test"].samples[9]
dahlia = Image.fromarray(load_sample_image("flower.jpg"))
bee, _ = hymenoptera("val")[-1]
pictures = [load_rgb(path), dahlia, bee]
show_answers(pictures, [three_names(file, picture) for picture in pictures])
plt.show()
print("the test flower is a", classes[label])

# %% tags=["proof"]
answer = three_names(file, pictures[0])
before = test_logits[9].softmax(dim=0)
best = next(iter(answer))
assert best == classes[before.argmax()], "another answer than before saving"
assert abs(answer[best] - before.max()) < 0.02, f"probability {before.max():.3f} before, now {answer[best]:.3f}"
if course.profile == "sample":  # whether a network of photographs knows this test flower is not known
    assert best == classes[label], answer

# %% [markdown]
# And the bee? A flower, of course. The network has no answer "none of these": the probabilities of its names add up to
# 1 whatever it is shown. (A dahlia is not among the drawn kinds, nor has their network ever seen a photograph.)

# %% [markdown]
# **Try it.** Drag a picture of your own beside this notebook, as in lesson 00, open it with `load_rgb`, and show it to
# your network.
# <details><summary>What we saw</summary>
#
# ```python
# picture = load_rgb("../data/photos/cat.jpg")
# show_answers([picture], [three_names(file, picture)])
# plt.show()
# ```
#
# A cat is a flower, too, though the network is less sure which.
#
# </details>

# %% [markdown]
# ## Summary
#
# - A `Dataset` is a list of samples, a length, and a way to fetch one; a `DataLoader` picks indices and stacks.
# - Split an annotation line from the right, read with `utf-8-sig`, and convert every picture to RGB.
# - Label, class id and name are three things; go from label to id to name, and save the list with the weights.
# - Report all faults at once, split class by class, then look: pictures, counts, broken files, copies.
# - Weights and samplers give rare classes more say, at a price; measure recall *and* precision before you keep one.
#
# **Exercises**: [08 exercises](exercises/08_custom_dataset.ipynb). There you bring twenty pictures of your own, and get
# a confusion matrix. Their features come from `load_imagenet_network`, which knows photographs.
#
# **Next**: [09 · Metrics, logs and plots](09_metrics_and_plots.ipynb)
