# %% [markdown]
# # 01 · Loading and looking at image data
#
# A folder of pictures becomes batches of numbers that a network can learn from, and you look at the data at every step
# on the way.
#
# **Time** about 45 minutes, of which the computer works 15 seconds · **Before this** [lesson 00](00_start_here.ipynb)
#
# **You will learn to**
#
# - read a folder with one subfolder per class, and count what is in it
# - turn a picture into a normalized tensor, and back into a picture
# - build data sets and loaders, and translate between class names and numbers
# - augment training pictures, and tell why evaluation pictures are left alone
# - split a folder into training, validation and test parts without leaking duplicates

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from course_utils import setup

course = setup(seed=0, lesson="01")

# %% [markdown]
# ## What is in the folder?
#
# Before anything is trained, somebody has to look at the data. Ours are pictures of ants and bees (drawn ones in the
# profile `sample`, photographs in `full`), sorted into folders: the name of a picture's folder is its **class**, the
# thing a neural network will have to predict.
#
# `locate` tells where a data set of the course lies, as a Python path: `/` joins the parts of a path, and `glob("*/*")`
# finds everything two levels down.

# %%
from course_utils import locate

root = locate("hymenoptera")
for folder in sorted(root.glob("*/*")):
    first = sorted(folder.iterdir())[0]
    print(first.relative_to(root).as_posix())

# %% [markdown]
# There are two levels. The upper one is the **split**: `train` is what the network learns from, `val` (validation) is
# what we compare trained networks on (a trained network is called a **model**), and `test`, where there is one, is
# looked at once, at the very end. The lower level is the class. How many pictures does each hold?

# %%
counts = {}
for split in sorted(root.iterdir()):
    counts[split.name] = {folder.name: len(list(folder.iterdir())) for folder in split.iterdir()}
pd.DataFrame(counts).sort_index()

# %% [markdown]
# (`pd.DataFrame` shows a dictionary of dictionaries as a table.) The classes are nearly balanced. That matters for
# reading results: on a set with 95 ants and 5 bees, "95 % correct" would be reached by always saying "ant".
#
# **Check yourself.** What accuracy does "always say the larger class" reach on `val`?
# <details><summary>Answer</summary>
#
# The larger number of the column divided by the column's sum: 83 / (70 + 83), a little over one half. Whatever is
# trained has to beat that.
#
# </details>

# %% [markdown]
# ## One picture
#
# Pictures are opened with the library Pillow, whose import name is `PIL`. `convert("RGB")` makes sure that every
# picture has three **channels**, red, green and blue. Without it a grey picture would have one channel and a GIF file
# would hold numbers that point into a colour table.

# %%
from PIL import Image

path = sorted((root / "train" / "bees").iterdir())[31]
picture = Image.open(path).convert("RGB")
print("width and height:", picture.size)
picture.resize((240, 240))

# %% [markdown]
# (`resize` only makes it larger for you to see.) To a computer a picture is a table of numbers. NumPy shows them:

# %%
pixels = np.asarray(picture)
print("shape:", pixels.shape, "  type:", pixels.dtype)
print("values from", pixels.min(), "to", pixels.max())
print("the pixel in the upper left corner:", pixels[0, 0])

# %% [markdown]
# The shape reads height, width, channel. Each value is a whole number from 0 (none of this colour) to 255 (all of it),
# which is what `uint8` can hold.

# %% [markdown]
# ## From a picture to a tensor, in four steps
#
# A network wants something else: tensors of one fixed size, with small floating-point numbers around zero, and with
# the channel first. Four steps lead there. The first two give every picture the same size. `Resize` scales it until
# its *shorter* side has the given length, so that nothing is squashed; `CenterCrop` then cuts a square from its middle.
# It is customary to resize to a little more than the crop needs, 8/7 of it, because the borders seldom matter. To see
# that it works for any shape, we cut our square picture to a wide one first:

# %%
from torchvision.transforms import v2

size = course.pick(sample=64, full=224)
wide = v2.CenterCrop((60, 90))(picture)
for shape in [picture, wide]:
    resized = v2.Resize(round(size * 8 / 7))(shape)
    cropped = v2.CenterCrop(size)(resized)
    print("before:", shape.size, "  resized:", resized.size, "  cropped:", cropped.size)

# %% [markdown]
# Step three makes a tensor: `ToImage` wraps the picture, and `ToDtype` with `scale=True` divides by 255.

# %%
cropped = v2.CenterCrop(size)(v2.Resize(round(size * 8 / 7))(picture))
image = v2.ToDtype(torch.float32, scale=True)(v2.ToImage()(cropped))
print("shape:", tuple(image.shape), "  type:", image.dtype)
print(f"values from {image.min():.2f} to {image.max():.2f}")

# %% [markdown]
# The channel has moved to the front: PyTorch writes the shape of an image as (channels, height, width). By hand that
# would be `torch.tensor(pixels).permute(2, 0, 1).float() / 255`: `permute(2, 0, 1)` puts the old axis 2 first, then the
# old axes 0 and 1, and `.float()` turns whole numbers into `float32`.
#
# Step four is **normalization**: from each channel subtract a mean and divide by a standard deviation (the typical
# distance from the mean), so that values spread around zero. Which mean? We use the one of ImageNet, a collection of
# more than a million photographs. Later lessons start from networks that others have trained on ImageNet, and those
# expect their pictures normalized like that.

# %%
mean = torch.tensor([0.485, 0.456, 0.406])
std = torch.tensor([0.229, 0.224, 0.225])
normalized = (image - mean[:, None, None]) / std[:, None, None]
print(f"values from {normalized.min():.2f} to {normalized.max():.2f}")

# %% [markdown]
# `mean[:, None, None]` has the shape (3, 1, 1), and PyTorch stretches it over height and width: this is
# **broadcasting**, as in NumPy. torchvision's `Normalize` does the same, and `Compose` makes one transform of a list of
# steps, here of all four:

# %%
four_steps = v2.Compose([
    v2.Resize(round(size * 8 / 7)),
    v2.CenterCrop(size),
    v2.ToImage(),
    v2.ToDtype(torch.float32, scale=True),
    v2.Normalize(mean.tolist(), std.tolist()),
])
torch.testing.assert_close(four_steps(picture), normalized)

# %% [markdown]
# `assert_close` compares two tensors. Where they agree up to rounding, it says nothing; where they do not, it stops
# with an error. No news is good news: the chain does what we did by hand. The course keeps it as
# `eval_transform(size)`:

# %%
from course_utils import eval_transform

torch.testing.assert_close(eval_transform(size)(picture), normalized)

# %% [markdown]
# **Check yourself.** A pixel has the red value 0. What is it after normalization?
# <details><summary>Answer</summary>
#
# (0 − 0.485) / 0.229 ≈ −2.1, the smallest value the red channel can have.
#
# </details>

# %% [markdown]
# ## And back again
#
# A normalized tensor is not fit to be looked at: `imshow` expects values from 0 to 1 and the channel last. To show it,
# undo each step in reverse: multiply by the standard deviation, add the mean, and move the channel to the end with
# `permute(1, 2, 0)`. `clamp(0, 1)` cuts off what lies below 0 or above 1.

# %%
restored = normalized * std[:, None, None] + mean[:, None, None]

fig, axes = plt.subplots(1, 3, figsize=(7, 2.8))
stages = {"before": image, "normalized": normalized, "undone": restored}
for ax, (title, tensor) in zip(axes, stages.items()):
    ax.imshow(tensor.permute(1, 2, 0).clamp(0, 1))
    ax.set_title(title)
    ax.axis("off")
plt.show()

# %% [markdown]
# In the middle everything darker than the mean has become black, and since each channel is cut off for itself, the
# colours are glaring and false. On the right the picture is as it was. The helper `denormalize` does this for one image
# or for many:

# %%
from course_utils import denormalize

torch.testing.assert_close(denormalize(normalized), image)

# %% [markdown]
# ## A data set
#
# A **data set** in PyTorch is an object with a length that returns one example when indexed. torchvision's
# `ImageFolder` makes one of a folder like ours. It gives each class a number, its **label**: the position of the
# class's name in alphabetical order, counted from 0.

# %%
from torchvision.datasets import ImageFolder

train_set = ImageFolder(root / "train", transform=eval_transform(size))
image, label = train_set[150]
print("pictures:", len(train_set), "  classes:", train_set.classes)
print("example 150: shape", tuple(image.shape), "label", label, "means", train_set.classes[label])

# %% [markdown]
# The list `classes` translates a number into a name. The dictionary `class_to_idx` translates back:

# %%
print(train_set.class_to_idx)

# %% [markdown]
# The course's own `hymenoptera(split, transform)` returns the same pictures with the same labels. It also opens GIF
# files, and it names the file if one is broken, which `ImageFolder` does not.

# %%
from course_utils import hymenoptera

own_set = hymenoptera("train", eval_transform(size))
print("pictures:", len(own_set), "  classes:", own_set.classes)
torch.testing.assert_close(own_set[0][0], train_set[0][0])

# %% [markdown]
# **Check yourself.** You add a folder `wasps` beside `ants` and `bees`. Which labels do the classes get now? And if the
# folder is called `aphids`?
# <details><summary>Answer</summary>
#
# With `wasps`: ants 0, bees 1, wasps 2, nothing shifts. With `aphids`: ants 0, aphids 1, bees 2. The bees' label has
# changed, and a network trained before would now call every bee an aphid. Labels only mean something together with the
# list of classes, so save both.
#
# </details>

# %% [markdown]
# ## Batches
#
# Networks are fed several examples at a time, a **batch**. A `DataLoader` takes a data set, collects the examples of a
# batch and stacks them into one tensor. With `shuffle=True` it draws them in a new random order in every pass. A loader
# is made for `for` loops; `next(iter(loader))` takes just its first batch.

# %%
from torch.utils.data import DataLoader

train_loader = DataLoader(own_set, batch_size=16, shuffle=True)
images, labels = next(iter(train_loader))
print("images:", tuple(images.shape), "  labels:", tuple(labels.shape), labels.dtype)
print(labels)

# %% [markdown]
# The first dimension counts the examples: (batch, channels, height, width). One pass over all batches is called an
# **epoch**. The last batch gets what is left:

# %%
sizes = [len(labels) for images, labels in train_loader]
print(len(sizes), "batches, the last one of", sizes[-1])

# %% [markdown]
# Look at a batch before training on it. By hand: one small plot for each image, with its name as the title.

# %%
fig, axes = plt.subplots(1, 4, figsize=(6, 1.8))
for ax, image, label in zip(axes, images, labels):
    ax.imshow(denormalize(image).permute(1, 2, 0))
    ax.set_title(own_set.classes[label])
    ax.axis("off")
plt.show()

# %% [markdown]
# The helper `show_batch` does it for a whole batch:

# %%
from course_utils import show_batch

show_batch(images, labels, own_set.classes)
plt.show()

# %% [markdown]
# Are the names right? Is anything upside down, black, or in false colours? A minute of looking here saves an evening
# of wondering later.
#
# **Check yourself.** `DataLoader(…, drop_last=True)` leaves out a last batch that is not full. How many batches of 16
# does it make of 244 pictures, and why would it be a mistake for the validation set?
# <details><summary>Answer</summary>
#
# 15: the last batch of 4 is left out. In validation those pictures would never be judged. In training it does little
# harm, since every pass leaves out others.
#
# </details>

# %% [markdown]
# ## What normalization does to the numbers
#
# How are the values of all training pictures distributed? `torch.stack` puts a list of tensors of one shape into one
# tensor with a new first axis; we do it with all training images, once normalized and once as values from 0 to 1.

# %%
normalized = torch.stack([image for image, label in own_set])
values = denormalize(normalized)
print("all training images:", tuple(values.shape))

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3), sharey=True)
for ax, images, when in zip(axes, [values, normalized], ["before", "after"]):
    for channel, colour in enumerate(["red", "green", "blue"]):
        numbers = images[:, channel].flatten()
        ax.hist(numbers, bins=60, histtype="step", color=f"tab:{colour}", label=colour)
    ax.set(title=f"{when} normalization", xlabel="pixel value", ylabel="pixels")
    ax.legend()
plt.show()

# %% [markdown]
# The curves keep their shape; they are moved and stretched so that they lie around 0 with a spread of about 1. In
# numbers, for red, green and blue (`dim=(0, 2, 3)` averages over everything but axis 1, the channel):

# %%
for name, images in [("before", values), ("after", normalized)]:
    means, stds = images.mean(dim=(0, 2, 3)), images.std(dim=(0, 2, 3))
    print(f"{name:>6}: mean", means.numpy().round(2), " std", stds.numpy().round(2))

# %% [markdown]
# Near 0 and 1, but not exactly, because the constants are ImageNet's and not those of our pictures. That is intended.
#
# **Check yourself.** Should `val` be normalized with its own mean and standard deviation?
# <details><summary>Answer</summary>
#
# No. The same colour must become the same number in training, validation and use. Constants are chosen once, from the
# training data or, as here, from the data a pretrained network knows.
#
# </details>

# %% [markdown]
# ## Augmentation: more from the same pictures
#
# A few hundred pictures a network can learn by heart. **Augmentation** changes each picture at random every time it is
# loaded. A bee that looks to the left stays a bee when it is mirrored; a network that has seen both is harder to fool.
# Here is one picture beside four draws of each of six random transforms:

# %%
augmentations = {
    "original": v2.Identity(),
    "crop": v2.RandomResizedCrop(size, scale=(0.5, 1.0)),
    "flip": v2.RandomHorizontalFlip(),
    "vertical flip": v2.RandomVerticalFlip(),
    "rotation": v2.RandomRotation(45),
    "colour": v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1),
    "grey": v2.RandomGrayscale(p=0.5),
}

# %%
fig, axes = plt.subplots(4, len(augmentations), figsize=(9, 5.4))
for row in axes:
    for ax, (name, augment) in zip(row, augmentations.items()):
        ax.imshow(augment(picture))
        ax.set_title(name, fontsize=9)
        ax.axis("off")
plt.show()

# %% [markdown]
# Read it column by column. *Crop* shows a random part, at least half of the area, stretched a little to a square. The
# two *flips* and *grey* toss a coin each time, so four draws need not show two of each. *Rotation* leaves black
# corners, which no camera makes. *Colour* changes light and tint.
#
# Which ones to use is a question about the world: would the result still be a picture you could meet, with the same
# label? A mirrored digit 3 is no digit, and a grey cherry may pass for an olive. For insects seen from any side, crop
# and flip are safe. The course's `train_transform(size)` does these two, then the steps to a normalized tensor:

# %%
from course_utils import train_transform

train_set = hymenoptera("train", train_transform(size))
print(train_set.transform)

# %% [markdown]
# ## Why evaluation pictures are left alone
#
# A measurement should give the same result twice. Load the same picture two times with each transform:

# %%
val_set = hymenoptera("val", eval_transform(size))
for name, dataset in [("train", train_set), ("val", val_set)]:
    first, again = dataset[0][0], dataset[0][0]
    print(f"{name:>5}: the same picture twice, {(first - again).abs().max():.2f} apart at most")

# %% tags=["proof"]
assert not torch.equal(train_set[0][0], train_set[0][0]), "the train transform gives the same tensor twice"
assert torch.equal(val_set[0][0], val_set[0][0]), "the eval transform gives two different tensors"

# %% [markdown]
# If the validation set were augmented, a model's score would change from run to run by pure chance, and random crops
# would sometimes cut off the very thing the model has to see.
#
# **Check yourself.** A program uses `train_transform` for validation, too. Is its validation accuracy too high or too
# low?
# <details><summary>Answer</summary>
#
# Usually too low, since some of the random crops hide the animal, and different in each run. The model is better than
# the program says, and nobody can tell by how much.
#
# </details>

# %% [markdown]
# ## Seeds and workers
#
# `shuffle=True` draws from PyTorch's random numbers. Give the loader its own seeded **generator**, and its order can
# be repeated whatever else the program does with random numbers:

# %%
def first_labels(seed):
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(val_set, batch_size=12, shuffle=True, generator=generator)
    images, labels = next(iter(loader))
    return labels.tolist()


print("seed 1:", first_labels(1))
print("seed 1:", first_labels(1))
print("seed 2:", first_labels(2))

# %% [markdown]
# Opening and transforming pictures takes time. With `num_workers=2` two further processes prepare the next batches
# while the network computes on the current one. They need no GPU, and more of them than the machine has cores make
# things slower. Whether they pay depends on the size of the pictures. `perf_counter` reads a clock, in seconds:

# %% tags=["nbval-ignore-output"]
from time import perf_counter

for workers in [0, 2]:
    start = perf_counter()
    for images, labels in DataLoader(train_set, batch_size=32, num_workers=workers):
        pass
    print(f"{workers} workers: {perf_counter() - start:.2f} s for one epoch of loading")

# %% tags=["proof"]
seen = sum(len(labels) for images, labels in DataLoader(train_set, batch_size=32, num_workers=2))
assert seen == len(train_set), f"two workers deliver {seen} of {len(train_set)} pictures"

# %% [markdown]
# Starting processes costs a fixed time. For a few hundred small pictures it eats up what the workers save; for
# thousands of large photographs workers win. Measure, then choose. (Each worker draws other random numbers, so two
# workers do not make the same "random" crops; PyTorch sees to that.)

# %% [markdown]
# ## Splitting a folder of your own
#
# Our pictures came already split. Your own will usually lie in one folder per class and nothing more. Let us make such
# a folder from some training pictures, and put in what real collections have: the same picture under two names.

# %%
import shutil
import tempfile
from pathlib import Path

workplace = Path(tempfile.mkdtemp())
collection = workplace / "collection"
for name in ["ants", "bees"]:
    (collection / name).mkdir(parents=True)
    for source in sorted((root / "train" / name).iterdir())[:40]:
        shutil.copy(source, collection / name)
        shutil.copy(source, collection / name / f"copy of {source.name}")
print("files:", len(list(collection.glob("*/*"))))

# %% [markdown]
# The obvious way is to shuffle the files and cut the list:

# %%
files = sorted(collection.glob("*/*"))
np.random.default_rng(0).shuffle(files)
cut = int(0.7 * len(files))
naive = {"train": files[:cut], "rest": files[cut:]}

# %% [markdown]
# How many pictures of `rest` are also in `train`? Two files with the same bytes have the same **hash**, a short
# fingerprint of their content:

# %%
import hashlib


def fingerprint(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


known = {fingerprint(file) for file in naive["train"]}
leaked = sum(fingerprint(file) in known for file in naive["rest"])
print(f"{leaked} of {len(naive['rest'])} files to be judged on were also trained on")

# %% [markdown]
# This is a **leak**. A model that has learned the pictures by heart would score brilliantly on them and fail in use.
# The cure is to move duplicates together. `split_folder` compares the pixels of all pictures, keeps equal ones in one
# group, deals the groups out class by class, and copies the files:

# %%
from course_utils.data.folders import split_folder

split = workplace / "split"
dealt = split_folder(collection, split, {"train": 0.7, "val": 0.15, "test": 0.15}, seed=0)
pd.DataFrame(dealt)

# %%
known = {fingerprint(file) for file in split.glob("train/*/*")}
judged_on = [*split.glob("val/*/*"), *split.glob("test/*/*")]
leaked = sum(fingerprint(file) in known for file in judged_on)
print("leaked:", leaked)

# %% [markdown]
# Equal pixels are the easy case. Two photographs of the same bee taken a second apart, or one picture saved in two
# sizes, leak as well, and no hash notices. Where pictures come in series, split by series: by animal, by patient, by
# day.
#
# **Check yourself.** What should `split_folder` do when one picture lies both in `ants` and in `bees`?
# <details><summary>Answer</summary>
#
# One of the two labels must be wrong, and no program can know which. So it refuses, and names both files. Try it: copy
# a file from one class folder to the other and split into a new target.
#
# </details>

# %% [markdown]
# ## Files that are not what they seem
#
# A collection from the internet contains broken downloads. Cut a file short and see what loading says. `FolderDataset`
# is what `hymenoptera` uses inside; it takes any folder.

# %%
from course_utils import FolderDataset

victim = sorted((collection / "bees").iterdir())[0]
victim.write_bytes(victim.read_bytes()[:1000])

try:
    for image, label in FolderDataset(collection):
        pass
except ValueError as error:
    print(str(error).replace(str(workplace), "…").replace("\\", "/"))

# %% [markdown]
# The message names the file. A run over all pictures like this one belongs before every long training: better an error
# now than after three hours.

# %%
shutil.rmtree(workplace)

# %% [markdown]
# > **Common mistake.** A tutorial's own data set takes its classes from `os.listdir`, which returns names in whatever
# > order the disk has them. On one machine that was bees, ants: the opposite of `ImageFolder`. (`targets` is the list
# > of all labels of a data set.)

# %%
listed = ["bees", "ants"]  # what os.listdir returned there
labels_by_listing = [listed.index(train_set.classes[label]) for label in train_set.targets]
agree = np.mean(np.array(labels_by_listing) == np.array(train_set.targets))
print(f"labels on which the two data sets agree: {agree:.0%}")

# %% [markdown]
# > Nothing crashes. But if a network is trained with one and tested with the other, each right answer counts as wrong:
# > the better it is, the worse its score. Sort the names, and save them beside the network.
#
# ## Summary
#
# - One folder per class is enough for a data set; labels are positions in the *sorted* list of names.
# - Resize, crop, tensor, normalize make a picture ready; `denormalize` makes it visible again.
# - A `DataLoader` stacks examples into batches (batch, channels, height, width) and shuffles them for training.
# - Training pictures are augmented, evaluation pictures never.
# - Count, look, and check for duplicates and broken files before you train.
#
# **Exercises**: [01 exercises](exercises/01_data_loading_and_visualization.ipynb)
#
# **Next**: [02 · Tensors and regression](02_tensors_and_regression.ipynb)
