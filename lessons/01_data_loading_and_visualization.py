# %% [markdown]
# # 01 · Loading and looking at image data
#
# A folder of pictures becomes batches of numbers that a network can learn from, and you look at the data at every step
# on the way.
#
# **Time** about 60 minutes, of which the computer works 15 seconds · **Before this** [lesson 00](00_start_here.ipynb)
#
# **You will learn to**
#
# - take a tensor apart: shape, dtype, axes, broadcasting
# - turn a picture into a normalized tensor, and back into a picture
# - build data sets and loaders, and translate between class names and numbers
# - augment training pictures, and tell why evaluation pictures are left alone
# - split a folder without leaking duplicates, and measure what a leak does

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from course_utils import setup

course = setup(seed=0, lesson="01")

# %% [markdown]
# ## What you will have
#
# This is what a network is shown when it learns to tell ants from bees:

# %%
from torch.utils.data import DataLoader

from course_utils import hymenoptera, show_batch, train_transform

size = course.pick(sample=64, full=224)
train_set = hymenoptera("train", train_transform(size))
train_loader = DataLoader(train_set, batch_size=12, shuffle=True)
images, labels = next(iter(train_loader))
fig = show_batch(images, labels, train_set.classes, columns=6)
fig.set_size_inches(9, 3.5)
plt.show()

# %% [markdown]
# Twelve pictures (drawn in the profile `sample`, photographs in `full`), cut out and mirrored at random. Run the cell
# again: other pictures, other cuts. (*Hymenoptera* is the order of insects to which both belong.)
#
# A few lines did it. In this lesson you take them apart word by word, and find out how a model that knows nothing is
# right more than 80 % of the time.

# %% [markdown]
# ## A tensor is an array
#
# PyTorch calculates with **tensors**. A tensor is a table of numbers with any number of axes, like an array of NumPy;
# what it can do beyond that is for lesson 02. Here is a picture small enough to be painted by hand:

# %%
flag = torch.zeros(3, 4, 6)  # three channels (red, green, blue), four rows, six columns
flag[2, :, :2] = 1  # blue in the two columns on the left
flag[:, :, 2:4] = 1  # all three colours in the middle
flag[0, :, 4:] = 1  # red in the two columns on the right
print("shape:", tuple(flag.shape), "  type of its numbers:", flag.dtype)
print(flag[0])

# %% [markdown]
# The last lines are channel 0, the red one. **Guess first.** Whose flag is it?

# %%
fig, axes = plt.subplots(1, 4, figsize=(9, 2))
for ax, channel, name in zip(axes, flag, ["red", "green", "blue"]):
    ax.imshow(channel, cmap="gray")
    ax.set_title(f"the {name} channel")
axes[3].imshow(flag.permute(1, 2, 0))
axes[3].set_title("all three: France")
for ax in axes:
    ax.grid(False)
    ax.spines[:].set_visible(True)
plt.show()

# %% [markdown]
# In the grey pictures white means "all of this colour", black "none of it".
#
# Matplotlib wants the channel *last*, PyTorch keeps it *first*. `permute(1, 2, 0)` puts the axes into a new order: the
# old axis 1, then 2, then 0. So (3, 4, 6) turns into (4, 6, 3), and every number stays with its pixel.

# %% [markdown]
# **Try it.** `reshape(4, 6, 3)` returns the same shape. Draw it instead.
# <details><summary>What we saw</summary>
#
# ```python
# plt.imshow(flag.reshape(4, 6, 3))
# plt.grid(False)
# plt.title("reshape")
# plt.show()
# ```
#
# Patches of the right colours, and no flag. `reshape` reads all numbers off in a row and deals them out anew; which of
# them belong to one pixel it does not know. Nothing crashes, and a network would be trained on patches.
#
# </details>

# %% [markdown]
# Two operations make fewer axes. `flatten` puts all numbers in a row. `mean` averages over the axes that `dim` names,
# and these are the ones that disappear:

# %%
print("flatten:", tuple(flag.flatten().shape))
print("mean over the channels (axis 0):", tuple(flag.mean(dim=0).shape))
print("mean over rows and columns (axes 1 and 2):", flag.mean(dim=(1, 2)))

# %% [markdown]
# Red and blue fill two thirds of the flag, green only the white third. Now let the sun go down: keep the red, halve the
# green, switch the blue off.

# %%
dimmer = torch.tensor([1.0, 0.5, 0.0])
print("shapes:", tuple(dimmer.shape), "and", tuple(dimmer[:, None, None].shape))
evening = flag * dimmer[:, None, None]
print("a white pixel becomes", evening[:, 0, 2])

fig, ax = plt.subplots(figsize=(3, 1.8))
ax.imshow(evening.permute(1, 2, 0))
ax.set_title("France at sunset")
ax.axis("off")
plt.show()

# %% [markdown]
# `dimmer[:, None, None]` gives the three numbers two more axes of length 1, and PyTorch stretches an axis of length 1
# until it fits. This is **broadcasting**, as in NumPy: (3, 1, 1) times (3, 4, 6). White has become orange, blue black.
#
# **Check yourself.** What does `flag * dimmer` say, without the brackets?
# <details><summary>Answer</summary>
#
# An error. Shapes are compared from the right, and there 6 meets 3. Neither is 1, so nothing can be stretched.
#
# </details>

# %% [markdown]
# Last, the type of the numbers, the **dtype**. Picture files hold whole numbers from 0 to 255, which is what `uint8`
# can store. **Guess first.** What is 200 + 100?

# %%
bright = torch.tensor([200, 255], dtype=torch.uint8)
print(bright + 100)
print(bright.float() + 100, bright.float() / 255)

# %% [markdown]
# 44: after 255 `uint8` begins again at 0, without a word. So a picture becomes `float32` before anybody calculates with
# it.

# %% [markdown]
# ## What is in the folder?
#
# `locate` tells where a data set of the course lies. `glob("*/*/[!.]*")` finds what lies three levels down and does not
# begin with a dot, since macOS likes to leave a `.DS_Store`. Windows leaves a `Thumbs.db`, so we look at endings, too.

# %%
from course_utils import locate

root = locate("hymenoptera")
endings = {".jpg", ".jpeg", ".gif"}
paths = sorted(path for path in root.glob("*/*/[!.]*") if path.suffix in endings)
for path in paths[::100]:
    print(path.relative_to(root).as_posix())

# %% [markdown]
# The upper level is the **split**: `train` is what a network learns from, `val` (validation) is what we compare trained
# networks on, and `test`, where there is one, is looked at once, at the very end. The lower level is the **class**, the
# thing to be predicted. How many pictures does each hold? `crosstab` of pandas counts pairs:

# %%
classes = [path.parent.name for path in paths]
splits = [path.parent.parent.name for path in paths]
pd.crosstab(classes, splits, rownames=["class"], colnames=["split"])

# %% [markdown]
# The classes are nearly balanced.
#
# **Check yourself.** What **accuracy**, the share of right answers, does "always say the larger class" reach on `val`?
# <details><summary>Answer</summary>
#
# 83 / (70 + 83), a little over one half. Whatever is trained has to beat that; with 95 ants and 5 bees it would have to
# beat 95 %.
#
# </details>

# %% [markdown]
# ## One picture
#
# The library Pillow, whose import name is `PIL`, opens pictures. `convert("RGB")` makes sure of three channels; a grey
# file has only one, and a GIF holds numbers that point into a table of colours.

# %%
from PIL import Image

path = sorted(root.glob("train/bees/[!.]*.jpg"))[course.pick(sample=13, full=27)]
picture = Image.open(path).convert("RGB")
pixels = np.asarray(picture)
print("shape:", pixels.shape, "  type:", pixels.dtype, "  from", pixels.min(), "to", pixels.max())

# %% [markdown]
# To a computer this is a table of numbers. Let us go so near that we can read it:

# %%
row, column = course.pick(sample=(30, 70), full=(118, 96))
window = pixels[row : row + 9, column : column + 12]

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4), width_ratios=[1, 1.2])
left.imshow(pixels)
left.add_patch(plt.Rectangle((column, row), 12, 9, fill=False, edgecolor="white", linewidth=2))
left.set_title("the picture")
right.imshow(window)
right.set_title("the window, with its red values")
for (y, x), red in np.ndenumerate(window[:, :, 0]):
    right.text(x, y, red, ha="center", va="center", color="white" if red < 128 else "black")
right.set_xticks(range(12), range(column, column + 12))
right.set_yticks(range(9), range(row, row + 9))
for ax in (left, right):
    ax.grid(False)
plt.show()

# %% [markdown]
# Each square is a pixel, with its red value written in it: large where the picture is bright or yellow, small where it
# is dark. The upper left corner of the window is `pixels[row, column]`: height first, then width.

# %% [markdown]
# ## Width first, or height first?
#
# Here is a trap into which everybody falls once. A wide photograph shows it: a
# [dahlia](https://www.flickr.com/photos/vultilion/6056698931/) by vultilion
# ([CC BY 2.0](https://creativecommons.org/licenses/by/2.0/)) that scikit-learn brings along.

# %%
from sklearn.datasets import load_sample_image

photo = Image.fromarray(load_sample_image("flower.jpg"))
print("Pillow:", photo.size)
print("NumPy: ", np.asarray(photo).shape)

# %% [markdown]
# | library | what `size` or `shape` says |
# |---|---|
# | Pillow | (width, height) |
# | NumPy, Matplotlib | (height, width, channel) |
# | PyTorch, torchvision | (channel, height, width) |
#
# torchvision is PyTorch's library for pictures. Its `CenterCrop((60, 90))` cuts out a piece that is 60 pixels high and
# 90 wide. Its `size`, says Pillow, is (90, 60).

# %% [markdown]
# ## From a picture to a tensor, in four steps
#
# ![Above, a wide picture of a flower, 640 by 427, is resized to 109 by 73 and cropped to 64 by 64; a crossed-out detour
# leads to the same picture squashed. Below, the crop becomes a tensor, three sheets with values from 0 to 1, and is
# normalized to values between −2.1 and 2.6](figures/picture_to_tensor.svg)
#
# Above you see pictures, below numbers. Resize, crop, make a tensor, normalize: why all this?
#
# - *One size*, because pictures travel in batches, and a batch is one tensor.
# - *Channel first*, because PyTorch stores pictures so.
# - *Around zero*, because a network learns best from numbers of similar size around zero. Lesson 02 shows why.
#
# `Resize` with one number scales a picture until its *shorter* side is that long; with two it takes you at your word.
# `CenterCrop` cuts a square from the middle. It is customary to resize to 8/7 of what the crop needs (256 for 224),
# since the borders seldom matter.

# %%
from torchvision.transforms import v2

resized = v2.Resize(round(size * 8 / 7))(photo)
cropped = v2.CenterCrop(size)(resized)
squashed = v2.Resize((size, size))(photo)

fig, axes = plt.subplots(1, 4, figsize=(9, 2.6), width_ratios=[1.5, 1.5, 1, 1])
stages = {"wide": photo, "resized": resized, "cropped": cropped, "or squashed": squashed}
for ax, (name, stage) in zip(axes, stages.items()):
    ax.imshow(stage)
    ax.set_title(f"{name}\n{stage.width} × {stage.height}")
    ax.axis("off")
plt.show()

# %% [markdown]
# Cropped, the flower is as round as it was. Squashed, it is an egg: a network trained on eggs will be surprised by
# flowers.
#
# Step three: `ToImage` makes a tensor that knows that it is an image (a `tv_tensors.Image`), and `ToDtype` with
# `scale=True` divides by 255.

# %%
image = v2.ToDtype(torch.float32, scale=True)(v2.ToImage()(cropped))
print("shape:", tuple(image.shape), "  type:", image.dtype)
print(f"values from {image.min():.2f} to {image.max():.2f}")

# %% [markdown]
# By hand that is `permute` and a division. In older programs you will meet `ToTensor`, the same two steps in one word.
# It belongs to the first version of torchvision's transforms; `Resize`, `CenterCrop`, `Normalize` and `Compose` are
# called the same in both. (And `torchvision.io.decode_image` reads a file straight into a `uint8` tensor.)

# %%
from torchvision import transforms

by_hand = torch.tensor(np.asarray(cropped)).permute(2, 0, 1).float() / 255
torch.testing.assert_close(by_hand, image)
torch.testing.assert_close(transforms.ToTensor()(cropped), image)

# %% [markdown]
# `assert_close` says nothing where two tensors agree up to rounding, and stops with an error where they do not. No news
# is good news.
#
# Step four is **normalization**: from each channel subtract a mean, and divide by a standard deviation (the typical
# distance from the mean). Which ones? Those a network was trained with. Later lessons begin with networks that have
# learned from ImageNet, more than a million photographs; torchvision notes for each what it expects:

# %%
from torchvision.models import ResNet18_Weights

print(ResNet18_Weights.DEFAULT.transforms())

# %% [markdown]
# The same four steps. Its means and deviations, one for each channel, are used everywhere:

# %%
mean = torch.tensor([0.485, 0.456, 0.406])
std = torch.tensor([0.229, 0.224, 0.225])
normalized = (image - mean[:, None, None]) / std[:, None, None]
print(f"values from {normalized.min():.2f} to {normalized.max():.2f}")

# %% [markdown]
# `Compose` makes one transform of a list of steps. The course keeps this one as `eval_transform(size)`:

# %%
from course_utils import eval_transform

four_steps = v2.Compose([
    v2.Resize(round(size * 8 / 7)),
    v2.CenterCrop(size),
    v2.ToImage(),
    v2.ToDtype(torch.float32, scale=True),
    v2.Normalize(mean.tolist(), std.tolist()),
])
torch.testing.assert_close(four_steps(photo), normalized)
torch.testing.assert_close(eval_transform(size)(photo), normalized)

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
# To look at a normalized tensor, undo each step in reverse: multiply by the standard deviation, add the mean, move the
# channel to the end. (`clamp(0, 1)` cuts off what lies outside; `imshow` would do it too, and warn.)

# %%
restored = normalized * std[:, None, None] + mean[:, None, None]

fig, axes = plt.subplots(1, 3, figsize=(9, 3.3))
stages = {"before": image, "normalized": normalized, "undone": restored}
for ax, (title, tensor) in zip(axes, stages.items()):
    ax.imshow(tensor.permute(1, 2, 0).clamp(0, 1))
    ax.set_title(title)
    ax.axis("off")
plt.show()

# %% [markdown]
# In the middle everything darker than the mean has become black, and the colours are glaring: a sign that a program has
# forgotten to go back. The helper `denormalize` does it for one image or for many:

# %%
from course_utils import denormalize

torch.testing.assert_close(denormalize(normalized), image)

# %% [markdown]
# ## A data set
#
# A **data set** in PyTorch is an object with a length that returns one example when indexed. torchvision's
# `ImageFolder` makes one of a folder like ours. Each class gets a number, its **label**: the position of its name in
# alphabetical order, counted from 0.

# %%
from torchvision.datasets import ImageFolder

folder_set = ImageFolder(root / "train", transform=eval_transform(size))
image, label = folder_set[-1]
print("pictures:", len(folder_set), "  shape of the last one:", tuple(image.shape))
print("its label:", label, "  which means:", folder_set.classes[label])
print("and back:", folder_set.class_to_idx)

plain_set = hymenoptera("train", eval_transform(size))
torch.testing.assert_close(plain_set[-1], folder_set[-1])

# %% [markdown]
# The list `classes` translates a number into a name, the dictionary `class_to_idx` a name into a number. The course's
# `hymenoptera(split, transform)` is the same, but opens GIF files, too, and names a file that is broken.
#
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
# Look at many pictures of one class before you train. `torch.stack` makes one tensor of a list of tensors, with a new
# first axis, and torchvision's `make_grid` lays such a stack out as one large image. (`targets` is the list of all
# labels of a data set.)

# %%
from torchvision.utils import make_grid

first_bees = [i for i, label in enumerate(plain_set.targets) if label == 1][:24]
stack = torch.stack([plain_set[i][0] for i in first_bees])
sheet = make_grid(denormalize(stack), nrow=8)
print("stack:", tuple(stack.shape), "  sheet:", tuple(sheet.shape))

fig, ax = plt.subplots(figsize=(9, 3.7))
ax.imshow(sheet.permute(1, 2, 0))
ax.set_title("twenty-four bees")
ax.axis("off")
plt.show()

# %% [markdown]
# Ask such a sheet: what do *all* of them have in common? That is what the network should learn. And what do *most* of
# them have in common, such as a flower? That is what it may learn instead.

# %% [markdown]
# ## Batches
#
# Networks are fed several examples at a time, a **batch**. A `DataLoader` collects and stacks them, with `shuffle=True`
# in a new random order in every pass. One pass over all batches is an **epoch**. A loader is made for `for` loops;
# `next(iter(loader))` takes just its first batch. (Older tutorials write `iter(loader).next()`, which is gone.)

# %%
train_loader = DataLoader(plain_set, batch_size=16, shuffle=True)
images, labels = next(iter(train_loader))
print(labels)
print("images:", tuple(images.shape), "  labels:", tuple(labels.shape), labels.dtype)
print("batches:", len(train_loader), "  pictures in the last one:", len(plain_set) % 16)

# %% [markdown]
# The first axis counts the examples: (batch, channels, height, width). The last batch gets what is left.

# %% [markdown]
# **Try it.** Leave `shuffle=True` out, and print the labels of the first batch.
# <details><summary>What we saw</summary>
#
# ```python
# images, labels = next(iter(DataLoader(plain_set, batch_size=16)))
# print(labels)
# ```
#
# Sixteen zeros: ants, and so it goes on for more than a hundred pictures. In every epoch a network would first learn to
# say "ant" to everything, and then "bee".
#
# </details>

# %% [markdown]
# This is how `show_batch` draws a batch, one small plot for each image:

# %%
fig, axes = plt.subplots(1, 4, figsize=(9, 2.6))
for ax, image, label in zip(axes, images, labels):
    ax.imshow(denormalize(image).permute(1, 2, 0))
    ax.set_title(plain_set.classes[label])
    ax.axis("off")
plt.show()

# %% [markdown]
# Do the names fit? Are the colours natural? Is the animal inside? A minute of looking saves an evening of wondering.
#
# **Check yourself.** A colleague leaves `Resize` and `CenterCrop` out, and the loader stops with "stack expects each
# tensor to be equal size". Why? And `drop_last=True` leaves out a last batch that is not full: what harm does that do
# to a validation set?
# <details><summary>Answer</summary>
#
# Photographs of different sizes do not fit into one tensor. And with `drop_last` the pictures of the last batch would
# never be judged. In training it does little harm, since every pass leaves out others.
#
# </details>

# %% [markdown]
# ## What normalization does to the numbers
#
# **Guess first.** The values of all training pictures lie between 0 and 1. What changes in their histogram when they
# are normalized: its shape, its place, its width?

# %% alt="Histograms of red, green and blue: from 0 to 1 before normalization, around 0 after it"
after = torch.stack([image for image, label in plain_set])
before = denormalize(after)

fig, axes = plt.subplots(1, 2, figsize=(9, 3.2))
for ax, values, when in zip(axes, [before, after], ["before", "after"]):
    bins = np.linspace(values.min(), values.max(), 33)
    for channel, (name, style) in enumerate([("red", "-"), ("green", "--"), ("blue", ":")]):
        numbers = values[:, channel].flatten()
        label = f"{name}: {numbers.mean():.2f} ± {numbers.std():.2f}"
        ax.hist(numbers, bins, histtype="step", color=f"tab:{name}", linestyle=style, label=label)
    ax.margins(y=0.6)
    ax.set(title=f"{when} normalization", xlabel="value of a pixel", ylabel="pixels")
    ax.legend()
plt.show()

# %% tags=["proof"]
assert before.min() >= 0 and before.max() <= 1, (before.min(), before.max())
means, stds = after.mean(dim=(0, 2, 3)), after.std(dim=(0, 2, 3))
assert means.abs().max() < 0.7, f"after normalization the means are {means}"
assert 0.5 < stds.min() and stds.max() < 1.5, f"after normalization the deviations are {stds}"

# %% [markdown]
# Place and width: each curve is moved and stretched until it lies around 0. The legend gives means and deviations. They
# are only roughly 0 and 1, since the constants are ImageNet's, and our pictures are not ImageNet.
#
# **Check yourself.** Should `val` be normalized with its own mean and standard deviation?
# <details><summary>Answer</summary>
#
# No. The same colour must become the same number in training, validation and use. The constants are chosen once.
#
# </details>

# %% [markdown]
# ## Augmentation: more from the same pictures
#
# A few hundred pictures a network can learn by heart. **Augmentation** changes each picture at random every time it is
# loaded: a mirrored bee is still a bee. Here are four draws of each of six random transforms:

# %%
augmentations = {
    "crop": v2.RandomResizedCrop(size, scale=(0.5, 1.0)),
    "flip": v2.RandomHorizontalFlip(),
    "vertical flip": v2.RandomVerticalFlip(),
    "rotation": v2.RandomRotation(45),
    "colour": v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1),
    "grey": v2.RandomGrayscale(p=0.5),
}

bee = v2.CenterCrop(min(picture.size))(picture)
fig, axes = plt.subplots(4, 6, figsize=(9, 6.3))
for ax, (name, augment) in zip(axes[0], augmentations.items()):
    ax.set_title(name)
for row in axes:
    for ax, augment in zip(row, augmentations.values()):
        ax.imshow(augment(bee))
        ax.axis("off")
plt.show()

# %% [markdown]
# *Crop* shows a random part of at least half the area, stretched to a square. The *flips* and *grey* toss a coin each
# time. *Rotation* leaves black corners, which no camera makes. *Colour* changes light and tint.

# %% [markdown]
# **Try it.** Without `scale`, `RandomResizedCrop` keeps between 8 % and 100 % of the area. Take it out above and
# run the cell again.
# <details><summary>What we saw</summary>
#
# ```python
# draws = torch.stack([eval_transform(size)(v2.RandomResizedCrop(size)(bee)) for _ in range(8)])
# show_batch(draws)
# plt.show()
# ```
#
# Now and then a wing, or nothing but ground, and all of them are called "bee". A million photographs can afford that.
#
# </details>

# %% [markdown]
# Which ones to use is a question about the world: would the result still be a picture you could meet, with the same
# label? A mirrored digit 3 is no digit, and a grey cherry may pass for an olive. For insects seen from any side, crop
# and flip are safe; `train_transform(size)` does just these two.
#
# Another chain that you will meet in tutorials puts five together. Each number says how far chance may go:

# %%
chain = v2.Compose([
    v2.Resize(size * 3 // 2),
    v2.RandomRotation(45),  # by an angle between -45 and 45 degrees
    v2.CenterCrop(size),
    v2.RandomHorizontalFlip(p=0.5),  # p: how probable it is
    v2.RandomVerticalFlip(p=0.5),
    v2.ColorJitter(brightness=0.2, contrast=0.1, saturation=0.1, hue=0.1),
    v2.RandomGrayscale(p=0.025),  # one in forty
    v2.ToImage(),
    v2.ToDtype(torch.float32, scale=True),
])

# %% [markdown]
# Brightness is multiplied by 0.8 to 1.2, contrast and saturation by 0.9 to 1.1. The hue, a place on the colour circle,
# moves by up to a tenth of the circle.

# %%
draws = torch.stack([chain(bee) for draw in range(12)])
fig = show_batch(draws, columns=6, normalized=False, title="one bee, twelve times")
fig.set_size_inches(9, 3.4)
plt.show()

# %% tags=["proof"]
white = Image.new("RGB", bee.size, "white")
turned = v2.Compose(chain.transforms[:3])
assert min(np.asarray(turned(white)).min() for draw in range(50)) == 255, "a black corner has been left"

# %% [markdown]
# Some are of a colour that no bee has: a tenth of the circle is much.
#
# **Check yourself.** Where have the black corners gone?
# <details><summary>Answer</summary>
#
# They are cut off: the crop comes *after* the rotation. At any angle a disc as wide as the large square stays filled,
# and the small square, with a diagonal of 1.41 times its side, fits into it.
#
# </details>

# %% [markdown]
# ## Why evaluation pictures are left alone
#
# A measurement should give the same result twice:

# %%
val_set = hymenoptera("val", eval_transform(size))
for name, dataset in [("train", train_set), ("val", val_set)]:
    first, again = dataset[0][0], dataset[0][0]
    print(f"{name:>5}: the same picture twice, {(first - again).abs().max():.2f} apart at most")

# %% tags=["proof"]
assert not torch.equal(train_set[0][0], train_set[0][0]), "the train transform gives the same tensor twice"
assert torch.equal(val_set[0][0], val_set[0][0]), "the eval transform gives two different tensors"

# %% [markdown]
# **Check yourself.** A program uses `train_transform` for validation, too. Is its validation accuracy too high or too
# low?
# <details><summary>Answer</summary>
#
# Usually too low, since some crops hide the animal; and different in each run.
#
# </details>

# %% [markdown]
# ## Seeds and workers
#
# Give a loader its own seeded **generator**, and its order can be repeated, whatever else draws random numbers:

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
# With `num_workers=2` two further processes prepare the next batches meanwhile. Do they pay? `perf_counter` reads a
# clock, in seconds:

# %% tags=["nbval-ignore-output"]
from time import perf_counter

seen = {}
for workers in [0, 2]:
    loader = DataLoader(train_set, batch_size=32, num_workers=workers)
    start = perf_counter()
    seen[workers] = sum(len(labels) for images, labels in loader)
    print(f"{workers} workers: {perf_counter() - start:.2f} s for one epoch of loading")

# %% tags=["proof"]
assert seen == {0: len(train_set), 2: len(train_set)}, f"of {len(train_set)} pictures {seen} were delivered"

# %% [markdown]
# Starting processes costs a fixed time. For a few hundred small pictures it eats up what workers save; for thousands of
# large photographs they win.
# <details><summary>Two things that are said about workers</summary>
#
# - "Without a GPU `num_workers` must be 0, or there is an error." The cause is another: on Windows and macOS, and with
#   Python 3.14 on Linux, a worker is a fresh Python. It cannot find a class that was typed into a notebook; put it into
#   a `.py` file. And a *script* needs `if __name__ == "__main__":` (lesson 10).
# - "Always use `pin_memory=True`." It puts batches where a GPU can fetch them faster; without one PyTorch warns.
#
# </details>

# %% [markdown]
# ## Splitting a folder of your own
#
# Our pictures came already split. Your own will usually lie in one folder per class and nothing more. Let us make such
# a folder, and put in what real collections have: the same picture under two names.

# %%
import shutil
import tempfile
from pathlib import Path

temporary = tempfile.TemporaryDirectory()
workplace = Path(temporary.name)
collection = workplace / "collection"
for name in ["ants", "bees"]:
    (collection / name).mkdir(parents=True)
    for source in sorted(root.glob(f"train/{name}/[!.]*.jpg")):
        shutil.copy(source, collection / name)
        shutil.copy(source, collection / name / f"copy of {source.name}")
files = sorted(collection.glob("*/*"))
print("files:", len(files))

# %% [markdown]
# The obvious way is to shuffle the files and cut the list:

# %%
shuffled = np.random.default_rng(0).permutation(files)
cut = int(0.7 * len(files))
train_files, test_files = list(shuffled[:cut]), list(shuffled[cut:])

# %% [markdown]
# And this is the simplest **model** (whatever gives the answers is called that), the **nearest neighbour**. Asked for
# the class of a picture, it looks up the training picture whose numbers differ least, and repeats its class. (`cdist`
# makes a table of the distances between the rows of two tensors, `argmin` finds the smallest.)

# %%
from course_utils import load_rgb

shrunk = eval_transform(32)


def nearest(train_files, test_files):
    """For each test file the training file that looks most like it."""
    train = torch.stack([shrunk(load_rgb(file)).flatten() for file in train_files])
    test = torch.stack([shrunk(load_rgb(file)).flatten() for file in test_files])
    return [train_files[i] for i in torch.cdist(test, train).argmin(dim=1)]


def accuracy(train_files, test_files):
    found = nearest(train_files, test_files)
    return np.mean([file.parent.name == twin.parent.name for file, twin in zip(test_files, found)])


# %% [markdown]
# (`load_rgb` is the course's `Image.open(…).convert("RGB")`.) **Guess first.** Can it tell ants from bees?

# %%
leaky = accuracy(train_files, test_files)
print(f"{leaky:.0%} of the {len(test_files)} test files are right")

# %% [markdown]
# A fine result, it seems. What has it found for the first six test files?

# %%
fig, axes = plt.subplots(2, 6, figsize=(9, 3.5))
for (above, below), file, twin in zip(axes.T, test_files, nearest(train_files, test_files)):
    for ax, shown, where in [(above, file, "test"), (below, twin, "train")]:
        ax.imshow(v2.CenterCrop(min(load_rgb(shown).size))(load_rgb(shown)))
        ax.set_title(f"{where}: {shown.name[:16]}", fontsize=8)
        ax.axis("off")
plt.show()

# %% [markdown]
# Where the same picture lies among the training files under its other name, it has found that. Elsewhere it takes
# whatever has similar colours, ant or bee.
#
# Two files with the same bytes have the same **hash**, a short fingerprint of their content. So we can count:

# %%
import hashlib


def fingerprint(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


known = {fingerprint(file) for file in train_files}
leaked = sum(fingerprint(file) in known for file in test_files)
print(f"{leaked} of {len(test_files)} test files have a twin among the training files")

# %% [markdown]
# This is a **leak**: what is judged on was trained on. What is such a model worth on pictures that it has *not* seen?
# The folder `val` has some:

# %%
new_files = [path for path in paths if path.parent.parent.name == "val"]
fresh = accuracy(train_files, new_files)
print(f"promised: {leaky:.0%}   delivered on {len(new_files)} new pictures: {fresh:.0%}")

# %% tags=["proof"]
assert leaked > 0.5 * len(test_files), f"{leaked} of {len(test_files)} leaked"
assert leaky > 0.68, f"the leaky split promises {leaky:.2f}"
assert abs(fresh - 0.5) < 0.12, f"on new pictures the nearest neighbour has {fresh:.2f}"
assert leaky - fresh > 0.12, f"promised {leaky:.2f}, delivered {fresh:.2f}"
looked_up = leaked / len(test_files)
assert abs(looked_up + (1 - looked_up) / 2 - leaky) < 0.08, f"{looked_up:.2f} looked up, yet {leaky:.2f} right"
twins = nearest(train_files, test_files)
same = [fingerprint(file) == fingerprint(twin) for file, twin in zip(test_files, twins)]
assert sum(same) == leaked, f"{leaked} test files have a twin, {sum(same)} were found by the nearest neighbour"

# %% [markdown]
# No better than tossing a coin, and nobody would have noticed before the program was in use. The fine result is no more
# than that: 99 answers looked up, and of the other 48 half guessed right, make 123 of 147, which is 84 %.
#
# The cure is to move duplicates together. `split_folder` compares the pixels of all pictures, keeps equal ones in one
# group, deals the groups out class by class, and copies the files:

# %%
from course_utils.data.folders import split_folder

target = workplace / "split"
shutil.rmtree(target, ignore_errors=True)  # so that this cell can be run twice
dealt = split_folder(collection, target, {"train": 0.7, "val": 0.15, "test": 0.15}, seed=0)
pd.DataFrame(dealt)

# %%
clean_train = sorted(target.glob("train/*/*"))
clean_rest = sorted([*target.glob("val/*/*"), *target.glob("test/*/*")])
known = {fingerprint(file) for file in clean_train}
honest = accuracy(clean_train, clean_rest)
print("twins:", sum(fingerprint(file) in known for file in clean_rest), f"  right: {honest:.0%}")

# %% tags=["proof"]
assert not any(fingerprint(file) in known for file in clean_rest), "the split by split_folder leaks"
assert honest < 0.67, f"on the clean split the nearest neighbour has {honest:.2f}"

# %%
results = {"shuffled files": leaky, "new pictures": fresh, "split_folder": honest}
fig, ax = plt.subplots(figsize=(9, 2))
bars = ax.barh(list(results), list(results.values()), height=0.6)
ax.bar_label(bars, fmt="{:.0%}", padding=-36, color="white")
ax.axvline(0.5, color="black", linestyle="--", label="a coin")
ax.set(title="One model that knows nothing, judged in three ways", xlabel="accuracy", xlim=(0, 1))
ax.invert_yaxis()
ax.legend(loc="lower right")
plt.show()

# %% [markdown]
# The clean split says what the new pictures say: this model knows nothing. (With some hundred pictures a score may well
# lie ten points off by luck; lesson 09 measures that.)
#
# Equal pixels are the easy case. Two photographs of one bee, taken a second apart, leak as well, and no hash notices.
# Where pictures come in series, split by series: by animal, by patient, by day.
#
# **Check yourself.** What should `split_folder` do when one picture lies both in `ants` and in `bees`?
# <details><summary>Answer</summary>
#
# One of the two labels must be wrong, and no program can know which. So it refuses, and names both files.
#
# </details>

# %% [markdown]
# ## Files that are not what they seem
#
# A collection from the internet contains broken downloads. Cut a file short and see what `FolderDataset` says, which
# `hymenoptera` uses inside:

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
# Run over all pictures once before every long training: better an error now than after three hours.

# %%
temporary.cleanup()

# %% [markdown]
# > **Common mistake.** A home-made data set takes its classes from `os.listdir`, which returns names in whatever order
# > the disk has them. On one machine that was bees, ants: the opposite of `ImageFolder`.

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
# - A tensor has a shape and a dtype; `permute` moves axes, broadcasting stretches them, `dim` names those that go.
# - Resize, crop, tensor, normalize make a picture ready; `denormalize` makes it visible again.
# - Labels are positions in the *sorted* list of class names; a `DataLoader` stacks (batch, channels, height, width).
# - Training pictures are augmented and shuffled, evaluation pictures never.
# - Look, count, and search for twins before you train: a leak makes a coin look like a model.
#
# **Exercises**: [01 exercises](exercises/01_data_loading_and_visualization.ipynb)
#
# **Next**: [02 · Tensors and regression](02_tensors_and_regression.ipynb)
