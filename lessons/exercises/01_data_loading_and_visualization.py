# %% [markdown]
# # Exercises 01 · Loading and looking at image data
#
# Five tasks, from warming up to a small design of your own, about 40 minutes. Each has a gap to fill and a check that
# tells you what is wrong. They need nothing beyond [lesson 01](../01_data_loading_and_visualization.ipynb); if you are
# stuck, unfold the hints, one at a time. Run the next cell first.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image
from torchvision.transforms import v2

from course_utils import (
    denormalize,
    eval_transform,
    fresh_inputs,
    hymenoptera,
    names_used,
    progress,
    start_exercise,
)

course = start_exercise("01")

# %% [markdown]
# ## Task 1 · Names and numbers (2 points)
#
# A colleague's program lists the classes of a folder in an order of its own. Given the colleague's labels and both
# lists of names, translate them into your labels.
# <details><summary>Hint 1: a question</summary>
#
# What does a number mean to your colleague, and what number does that name have with you?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *What is in the folder?* gives each class its number.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# From a place in a list to what stands there, and back:
#
# ```python
# days = ["Mon", "Tue", "Wed"]
# print(days[1], days.index("Wed"))
# ```
#
# </details>

# %% tags=["answer"]
def translate_labels(labels, their_classes, our_classes):
    """Labels as positions in `our_classes`.

    Args:
        labels: list of int, positions in `their_classes`
        their_classes, our_classes: the same names in different orders
    Returns:
        list of int, as long as `labels`
    """
    ### BEGIN SOLUTION
    return [our_classes.index(their_classes[label]) for label in labels]
    ### END SOLUTION


# %% tags=["right"]
def translate_labels(labels, their_classes, our_classes):
    number = {name: i for i, name in enumerate(our_classes)}
    translated = []
    for label in labels:
        translated.append(number[their_classes[label]])
    return translated


# %% tags=["right"]
def translate_labels(labels, their_classes, our_classes):
    table = np.array([our_classes.index(name) for name in their_classes])
    return table[np.array(labels, dtype=int)]


# %% tags=["right"]
def translate_labels(labels, their_classes, our_classes):
    numbers = torch.tensor([our_classes.index(name) for name in their_classes])
    return torch.stack([numbers[label] for label in labels]) if labels else numbers[:0]


# %% tags=["wrong"] expect="wrong direction"
# - our_classes.index(their_classes[label])
# + their_classes.index(our_classes[label])

# %% tags=["wrong"] expect="numbers, not names"
# - our_classes.index(their_classes[label])
# + their_classes[label]

# %% tags=["wrong"] expect="only works for two classes"
# - our_classes.index(their_classes[label])
# + len(our_classes) - 1 - label

# %% tags=["wrong"] expect="a list of numbers, not a NoneType"
# -     return [our_classes.index(their_classes[label]) for label in labels]
# +     [our_classes.index(their_classes[label]) for label in labels]

# %% tags=["wrong"] expect="do not go by the alphabet"
# - our_classes.index(their_classes[label])
# + sorted(our_classes).index(their_classes[label])

# %% tags=["check"] points=2
theirs, ours = ["bees", "wasps", "ants", "moths"], ["moths", "ants", "bees", "wasps"]
translated = translate_labels([0, 0, 1, 2, 3], theirs, ours)
assert hasattr(translated, "__iter__"), f"return a list of numbers, not a {type(translated).__name__}"
translated = list(translated)
assert not any(isinstance(label, str) for label in translated), "return numbers, not names"
assert translated != [3, 3, 2, 0, 1], "wrong direction: their label gives a name, the name gives our label"
assert translated != [3, 3, 2, 1, 0], "reversing the numbers only works for two classes: go through the names"
assert translated != [1, 1, 3, 0, 2], "do not go by the alphabet: a name's number is its place in our_classes"
assert translated == [2, 2, 3, 1, 0], f"bees, bees, wasps, ants, moths are ours 2, 2, 3, 1, 0, not {translated}"
assert list(translate_labels([], theirs, ours)) == [], "no labels should give an empty list"
inputs = fresh_inputs()
for number in [3, 6]:
    theirs = [f"class {letter}" for letter in inputs.permutation(list("abcdefgh"))[:number]]
    ours, labels = inputs.permutation(theirs).tolist(), inputs.integers(number, size=12).tolist()
    place = {name: i for i, name in enumerate(ours)}
    translated, wanted = list(translate_labels(labels, theirs, ours)), [place[theirs[label]] for label in labels]
    assert translated == wanted, f"{labels} of {theirs} are {wanted} in {ours}, not {translated}"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · From pixels to a normalized tensor (3 points)
#
# Do by hand what the lesson's steps three and four do: turn an array of pixels into a normalized tensor. Use no
# transforms of torchvision.
# <details><summary>Hint 1: a question</summary>
#
# What happens to the value of a pixel, what to its place, and which brackets does that need?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *From a picture to a tensor, in four steps* has the numbers, *Width first, or height first?* the axes.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# The last axis becomes the first one, and each part is divided by a number of its own:
#
# ```python
# table = torch.arange(12.0).reshape(2, 3, 2)
# parts = table.permute(2, 0, 1)
# largest = torch.tensor([10.0, 11.0])
# print(parts.shape, largest[:, None, None].shape)
# print(parts / largest[:, None, None])
# ```
#
# </details>

# %% tags=["answer"]
def to_normalized(pixels, mean, std):
    """Normalized tensor of an RGB picture.

    Args:
        pixels: uint8 array (height, width, 3)
        mean, std: three numbers each, for values scaled to 0 … 1
    Returns:
        float32 tensor (3, height, width)
    """
    ### BEGIN SOLUTION
    image = torch.tensor(pixels).permute(2, 0, 1).float() / 255
    return (image - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    ### END SOLUTION


# %% tags=["right"]
# -     image = torch.tensor(pixels).permute(2, 0, 1).float() / 255
# -     return (image - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
# +     return torch.from_numpy((pixels / 255 - mean) / std).permute(2, 0, 1).float()

# %% tags=["right"]
def to_normalized(pixels, mean, std):
    channels = [(pixels[..., i].astype(np.float32) / 255 - mean[i]) / std[i] for i in range(3)]
    return torch.stack([torch.from_numpy(channel) for channel in channels])


# %% tags=["right"]
def to_normalized(pixels, mean, std):
    image = torch.as_tensor(pixels, dtype=torch.float32).movedim(-1, 0) / 255
    for channel in range(3):
        image[channel] -= mean[channel]
        image[channel] /= std[channel]
    return image


# %% tags=["wrong"] expect="divide by 255"
# - image = torch.tensor(pixels).permute(2, 0, 1).float() / 255
# + image = torch.tensor(pixels).permute(2, 0, 1).float()

# %% tags=["wrong"] expect="reshape"
# - torch.tensor(pixels).permute(2, 0, 1)
# + torch.tensor(pixels).reshape(3, *pixels.shape[:2])

# %% tags=["wrong"] expect="use brackets"
# - return (image - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
# + return image - torch.tensor(mean)[:, None, None] / torch.tensor(std)[:, None, None]

# %% tags=["wrong"] expect="end with .float()"
def to_normalized(pixels, mean, std):
    return torch.tensor((pixels / 255 - mean) / std).permute(2, 0, 1)


# %% tags=["wrong"] expect="do it without"
def to_normalized(pixels, mean, std):
    image = v2.ToDtype(torch.float32, scale=True)(v2.ToImage()(pixels))
    return v2.functional.normalize(image, mean, std)


# %% tags=["wrong"] expect="not a ndarray"
def to_normalized(pixels, mean, std):
    return ((pixels / 255 - mean) / std).transpose(2, 0, 1).astype("float32")


# %% tags=["check"] points=3
pixels = np.random.default_rng(0).integers(0, 256, size=(4, 6, 3), dtype=np.uint8)
mean, std = [0.5, 0.4, 0.3], [0.2, 0.25, 0.5]
result = to_normalized(pixels, mean, std)
expected = torch.from_numpy(((pixels / 255 - mean) / std).transpose(2, 0, 1)).float()


def is_like(image):
    return torch.allclose(result, torch.as_tensor(image).float(), atol=1e-4)


assert isinstance(result, torch.Tensor), f"return a tensor, not a {type(result).__name__}"
assert tuple(result.shape) == (3, 4, 6), f"a picture of (4, 6, 3) should give (3, 4, 6), not {tuple(result.shape)}"
assert result.dtype == torch.float32, f"the tensor should be float32, not {result.dtype}: end with .float()"
assert result.abs().max() < 50, "the values are far too large: divide by 255 before you normalize"
channels = np.array(mean)[:, None, None], np.array(std)[:, None, None]
before = (pixels.reshape(3, 4, 6) / 255 - channels[0]) / channels[1]
after = ((pixels / 255 - mean) / std).reshape(3, 4, 6)
assert not (is_like(before) or is_like(after)), "reshape mixes the channels up; move axes with permute"
no_brackets = [pixels / 255 - np.array(mean) / std, pixels / 255 / std - mean]
assert not any(is_like(image.transpose(2, 0, 1)) for image in no_brackets), "subtract first, then divide: use brackets"
assert is_like(expected), "wrong values: (pixels / 255 - mean) / std, channel by channel"
known = {name: globals().get(name) for name in names_used(to_normalized)}
used = [name for name, value in known.items() if "torchvision" in f"{name} {value} {getattr(value, '__module__', '')}"]
used += known.keys() & {"eval_transform"}
assert not used, f"{' and '.join(used)} would do the work for you: do it without the transforms of torchvision"
inputs = fresh_inputs()
height, width = inputs.integers(3, 9, size=2)
pixels = inputs.integers(0, 256, size=(height, width, 3), dtype=np.uint8)
mean, std = inputs.uniform(0.3, 0.6, size=3).tolist(), inputs.uniform(0.2, 0.5, size=3).tolist()
expected = v2.Normalize(mean, std)(v2.ToDtype(torch.float32, scale=True)(v2.ToImage()(pixels)))
result = to_normalized(pixels, mean, std)
assert result.shape == expected.shape, f"{height} x {width} pixels should give (3, {height}, {width})"
assert is_like(expected), f"wrong values for random pixels with mean {np.round(mean, 2)} and std {np.round(std, 2)}"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · A transform for evaluation (3 points)
#
# Build a transform from parts of `torchvision.transforms.v2` that turns a picture of any shape into a float tensor
# (3, size, size) with values from 0 to 1. It must not squash the picture, and it must give the same result every time.
# <details><summary>Hint 1: a question</summary>
#
# Which of the lesson's four steps do you need here, and what does `Resize` do with one number, what with two?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *From a picture to a tensor, in four steps* has them all. *Why evaluation pictures are left alone* says what must not
# be among them.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Another chain of transforms, and the two ways to resize:
#
# ```python
# picture = Image.new("RGB", (30, 20), "orange")
# frame = v2.Compose([v2.Grayscale(), v2.Pad(4), v2.PILToTensor()])
# print(frame(picture).shape)
# print(v2.Resize(10)(picture).size, v2.Resize((10, 10))(picture).size)
# ```
#
# </details>

# %% tags=["answer"]
def make_eval_transform(size):
    """Transform: PIL RGB picture -> float32 tensor (3, size, size) in [0, 1], showing the middle of the picture."""
    ### BEGIN SOLUTION
    return v2.Compose([v2.Resize(size), v2.CenterCrop(size), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    ### END SOLUTION


# %% tags=["right"]
# - v2.Resize(size), v2.CenterCrop(size), v2.ToImage()
# + v2.ToImage(), v2.Resize(size, interpolation=v2.InterpolationMode.BICUBIC), v2.CenterCrop(size)

# %% tags=["right"]
def make_eval_transform(size):
    def transform(picture):
        scale = size / min(picture.size)
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
        left, top = (picture.width - size) // 2, (picture.height - size) // 2
        pixels = np.asarray(picture.crop((left, top, left + size, top + size)), dtype=np.float32)
        return torch.from_numpy(pixels / 255).permute(2, 0, 1)

    return transform


# %% tags=["right"]
# - v2.Resize(size), v2.CenterCrop(size), v2.ToImage()
# + v2.Resize(round(size * 8 / 7)), v2.CenterCrop(size), v2.ToImage()


# %% tags=["wrong"] expect="squashed"
# - return v2.Compose([v2.Resize(size), v2.CenterCrop(size), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
# + return v2.Compose([v2.Resize((size, size)), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])

# %% tags=["wrong"] expect="pictures higher than wide"
# - v2.Resize(size)
# + v2.Resize((size, 2 * size))

# %% tags=["wrong"] expect="different result each time"
# - return v2.Compose([v2.Resize(size), v2.CenterCrop(size), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
# + return v2.Compose([v2.RandomResizedCrop(size), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])

# %% tags=["wrong"] expect="only a small part"
# - return v2.Compose([v2.Resize(size), v2.CenterCrop(size), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
# + return v2.Compose([v2.CenterCrop(size), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])

# %% tags=["wrong"] expect="leave out Normalize"
# -     return v2.Compose([v2.Resize(size), v2.CenterCrop(size), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
# +     normalize = v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
# +     to_tensor = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
# +     return v2.Compose([v2.Resize(size), v2.CenterCrop(size), *to_tensor, normalize])

# %% tags=["wrong"] expect="between 0 and 1"
# - v2.ToDtype(torch.float32, scale=True)
# + v2.ToDtype(torch.float32)

# %% tags=["wrong"] expect="return a transform, not a NoneType"
# -     return v2.Compose([v2.Resize(size), v2.CenterCrop(size), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
# +     v2.Compose([v2.Resize(size), v2.CenterCrop(size), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])

# %% tags=["wrong"] expect="whatever `size` is"
# - v2.CenterCrop(size)
# + v2.CenterCrop(50)

# %% tags=["wrong"] expect="with their brackets"
# - v2.ToDtype(torch.float32, scale=True)
# + v2.ToDtype

# %% tags=["check"] points=3
stripes = Image.fromarray(np.repeat(np.arange(200, dtype=np.uint8), 3).reshape(1, 200, 3).repeat(100, axis=0))
transform = make_eval_transform(50)
assert callable(transform), f"return a transform, not a {type(transform).__name__}: `return` and v2.Compose([…])"
try:
    first, second = transform(stripes), transform(stripes)
except (TypeError, ValueError) as error:
    raise AssertionError(f"{error}: are all parts made, with their brackets, as in v2.ToImage()?") from error
assert isinstance(first, torch.Tensor), f"the result should be a tensor, not a {type(first).__name__}"
assert tuple(first.shape) == (3, 50, 50), f"a picture of 200 x 100 should give (3, 50, 50), not {tuple(first.shape)}"
assert first.dtype == torch.float32, f"the tensor should be float32, not {first.dtype}"
assert first.max() <= 1, f"values should lie between 0 and 1, not reach {first.max():.0f}: ToDtype needs scale=True"
assert first.min() >= 0, f"values should lie between 0 and 1, yours begin at {first.min():.1f}: leave out Normalize"
assert torch.equal(first, second), "the same picture gives a different result each time: evaluation has no random parts"
# brightness rises from 0 to 199 along the picture's width of 200, so it tells which part is shown
shown = 255 * (first[0, 25, -1] - first[0, 25, 0]).item()
assert shown < 150, "the whole width was squashed into the square: resize the shorter side, then crop"
assert shown > 70, "only a small part of the picture is shown: resize it before you crop"
middle = 255 * first[0, 25].mean().item()
assert abs(middle - 99.5) < 5, "the middle of the picture should be shown: use CenterCrop"
upright = transform(stripes.transpose(Image.Transpose.ROTATE_270))  # here it rises along the height
assert upright.shape == first.shape, f"a picture of 100 x 200 should give (3, 50, 50), not {tuple(upright.shape)}"
shown = 255 * (upright[0, -1, 25] - upright[0, 0, 25]).item()
assert 70 < shown < 150, "pictures higher than wide are squashed or cut too much: Resize with one number fits both"
inputs = fresh_inputs()
size, short, long = (int(inputs.integers(*limits)) for limits in [(30, 60), (25, 120), (160, 240)])
for width, height in [(long, short), (short, long)]:  # brightness rises from 0 to 250 along the longer side
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[..., 0] = np.linspace(0, 250, long) if width == long else np.linspace(0, 250, long)[:, None]
    pixels[..., 2] = 255
    image = make_eval_transform(size)(Image.fromarray(pixels))
    told = f"a picture of {width} x {height} with size={size}"
    wanted = (3, size, size)
    assert image.shape == wanted, f"{told} should give {wanted}, not {tuple(image.shape)}, whatever `size` is"
    assert image[1].max() < 0.02 and image[2].min() > 0.98, f"{told}: the colours are mixed up"
    along = 255 * image[0].mean(dim=0 if width == long else 1)
    part = (along[-1] - along[0]).item() / 250 * long / short
    assert 0.7 < part < 1.1, f"{told}: {part:.0%} of the shorter side are shown: resize that side to `size`, then crop"
    assert abs(along.mean() - 125) < 6, f"{told}: the middle should be shown"
print("✓ task 3")

# %% [markdown]
# ## Task 4 · Draw: what does the average bee look like? (3 points)
#
# Average all ants, pixel by pixel, and all bees. Draw a figure with one panel for each class: the mean picture of the
# class, in natural colours, under the name of the class. The data set returns normalized tensors.
#
# **Guess first.** Will you be able to tell the ant from the bee?
# <details><summary>Hint 1: a question</summary>
#
# Which pictures belong into one panel, and what do you have to undo before they can be shown?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *A data set* goes through the pictures and stacks them. *And back again* makes them visible.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A mean of tensors, and two panels with titles:
#
# ```python
# print(torch.stack([torch.tensor([1.0, 2.0]), torch.tensor([3.0, 6.0])]).mean(dim=0))
# figure, panels = plt.subplots(1, 2, figsize=(4, 2))
# for panel, color in zip(panels, ["red", "blue"]):
#     panel.imshow(np.array(Image.new("RGB", (3, 2), color)))
#     panel.set_title(color)
# ```
#
# </details>

# %% tags=["answer"]
def draw_mean_pictures(dataset):
    """Figure with one panel for each class, which shows the mean of its pictures under its name.

    Args:
        dataset: examples are (normalized float tensor (3, height, width), label), `dataset.classes` lists the names
    Returns:
        the Matplotlib figure
    """
    ### BEGIN SOLUTION
    fig, axes = plt.subplots(1, len(dataset.classes), figsize=(8, 4))
    for number, (ax, name) in enumerate(zip(axes, dataset.classes)):
        images = [image for image, label in dataset if label == number]
        ax.imshow(denormalize(torch.stack(images).mean(dim=0)).permute(1, 2, 0))
        ax.set_title(name)
        ax.axis("off")
    return fig
    ### END SOLUTION


# %% tags=["right"]
def draw_mean_pictures(dataset):
    sums, counts = {}, {}
    for i in range(len(dataset)):
        image, label = dataset[i]
        name = dataset.classes[int(label)]
        sums[name] = sums.get(name, 0) + denormalize(image).numpy()
        counts[name] = counts.get(name, 0) + 1
    figure = plt.figure()
    for place, name in enumerate(sorted(sums), 1):
        axis = figure.add_subplot(len(sums), 1, place, title=f"the mean of {name}")
        axis.imshow((255 * sums[name] / counts[name]).round().astype(np.uint8).transpose(1, 2, 0))
        axis.axis("off")
    return figure


# %% tags=["right"]
def draw_mean_pictures(dataset):
    images, labels = next(iter(torch.utils.data.DataLoader(dataset, batch_size=len(dataset))))
    for label, name in enumerate(dataset.classes):
        plt.subplot(2, 2, label + 1)
        mean = denormalize(images)[labels == label].mean(0)
        plt.imshow(torch.stack(list(mean), dim=-1).numpy())
        plt.title(name.upper())
    return plt.gcf()


# %% tags=["right"]
def draw_mean_pictures(dataset):
    pictures = [[] for _ in dataset.classes]
    for image, label in dataset:
        pictures[label].append(denormalize(image).double().numpy())
    fig = plt.figure(figsize=(6, 3), layout="constrained")
    axes = fig.subplots(1, len(pictures), squeeze=False)
    for ax, group, name in zip(axes.flat, pictures, dataset.classes):
        ax.imshow(np.moveaxis(np.mean(group, axis=0), 0, -1), interpolation="nearest")
        ax.set(title=f"{name} ({len(group)} pictures)", xticks=[], yticks=[])
    return fig


# %% tags=["wrong"] expect="end with return fig"
# - return fig
# + plt.close(fig)

# %% tags=["wrong"] expect="channel last"
# - .permute(1, 2, 0)
# +

# %% tags=["wrong"] expect="height first"
# - .permute(1, 2, 0)
# + .permute(2, 1, 0)

# %% tags=["wrong"] expect="natural colours"
# - denormalize(torch.stack(images).mean(dim=0)).permute(1, 2, 0)
# + denormalize(torch.stack(images).mean(dim=0)).mean(dim=0)

# %% tags=["wrong"] expect="undo the normalization"
# - denormalize(torch.stack(images).mean(dim=0)).permute(1, 2, 0)
# + torch.stack(images).mean(dim=0).permute(1, 2, 0).clamp(0, 1)

# %% tags=["wrong"] expect="of its own class"
# -  if label == number
# +

# %% tags=["wrong"] expect="one picture, not the mean"
# - torch.stack(images).mean(dim=0)
# + images[0]

# %% tags=["wrong"] expect="divide by the number of pictures of the class"
# - denormalize(torch.stack(images).mean(dim=0))
# + (denormalize(torch.stack(images)).sum(dim=0) / len(dataset))

# %% tags=["wrong"] expect="no panel is titled"
# -         ax.set_title(name)
# +

# %% tags=["wrong"] expect="not a ndarray"
# - return fig
# + return axes

# %% tags=["check"] points=3
class Shelf(list):
    """A small data set: a list of (normalized tensor, label)."""

    classes = ["moths", "wasps", "flies"]


def is_like(shown, picture):
    return shown.shape == picture.shape[1:] + (3,) and np.abs(shown - picture.permute(1, 2, 0).numpy()).max() < 0.01


def compare(values, labels):
    """Draw a data set with these pictures, float tensor (n, 3, 4, 5) in [0, 1], and look at each panel."""
    normalized = v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])(values)
    shelf = Shelf(zip(normalized, labels))
    shelf.targets = labels
    plt.close("all")
    try:
        figure = draw_mean_pictures(shelf)
    except TypeError as error:
        assert "Invalid shape" not in str(error), f"imshow wants the channel last ({error}): permute(1, 2, 0)"
        raise
    assert isinstance(figure, plt.Figure), f"return the figure, not a {type(figure).__name__}: end with return fig"
    panels = {ax.get_title().lower(): ax.get_images()[-1].get_array() for ax in figure.axes if ax.get_images()}
    plt.close("all")
    for label, name in enumerate(shelf.classes):
        found = [np.asarray(shown) for title, shown in panels.items() if name in title]
        assert found, f"no panel is titled {name!r}, the titles are {sorted(panels)}: one panel for each class"
        shown = found[0] / 255 if found[0].dtype == np.uint8 else found[0]
        assert shown.shape != (4, 5), "a grey picture: natural colours need three channels, take the mean over dim=0"
        assert shown.shape != (5, 4, 3), "the picture lies on its side: height first, then width, permute(1, 2, 0)"
        assert shown.shape == (4, 5, 3), f"pictures of 4 x 5 pixels should give a panel (4, 5, 3), not {shown.shape}"
        mine = torch.tensor([number == label for number in labels])
        raw = normalized[mine].mean(dim=0)
        false = is_like(shown, raw) or is_like(shown, raw.clamp(0, 1))
        assert not false, "the colours are false: undo the normalization"
        of_all = is_like(shown, values.mean(dim=0))
        assert not of_all, "this is the mean of all pictures: each panel is of its own class"
        dark = is_like(shown, values[mine].sum(dim=0) / len(values))
        assert not dark, "too dark: divide by the number of pictures of the class"
        one = mine.sum() > 1 and any(is_like(shown, picture) for picture in values[mine])
        assert not one, "this is one picture, not the mean of all pictures of the class"
        assert is_like(shown, values[mine].mean(dim=0)), f"the panel {name!r} does not show the mean of its pictures"


compare(0.1 + 0.8 * torch.rand(6, 3, 4, 5, generator=torch.Generator().manual_seed(1)), [2, 0, 1, 0, 2, 0])
inputs = fresh_inputs()
labels = inputs.permutation([0, 1, 2, *inputs.integers(3, size=5)]).tolist()
compare(0.1 + 0.8 * torch.rand(8, 3, 4, 5), labels)
print("✓ task 4")

# %% [markdown]
# Passed? Then draw the real ones, and compare with your guess:

# %%
figure = draw_mean_pictures(hymenoptera("train", eval_transform(64)))
plt.show()

# %% [markdown]
# <details><summary>What we saw</summary>
#
# Two blurred clouds, and neither is an animal. Each one sits in another place and looks another way, so pixel by pixel
# the legs and stripes cancel out. Whatever tells ants from bees has to be found wherever it lies; lesson 04 builds
# networks that can do that.
#
# </details>

# %% [markdown]
# ## Task 5 · Design: a split that keeps series together (5 points)
#
# A photographer takes several pictures of each animal. The file names say which belong together: `ant7_1.jpg` and
# `ant7_2.jpg` show the same ant. Write a function that splits a list of such names into a training and a validation
# part so that
#
# - no animal is in both parts,
# - about `fraction` of the *animals* are in validation (rounded),
# - the same seed gives the same split, another seed usually another one,
# - the order of the list does not matter, the list itself is left as it is, and both parts come out sorted.
# <details><summary>Hint 1: a question</summary>
#
# What should be shuffled, the files or the animals?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Splitting a folder of your own* tells what leaks when files are shuffled, and its end what to do about series.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# The different houses of some rooms, a shuffled copy of a list, and what is in one house:
#
# ```python
# rooms = ["b3-bed", "a1-desk", "b3-lamp"]
# print(sorted({room.split("-")[0] for room in rooms}))
# print(np.random.default_rng(5).permutation(["x", "y", "z"]))
# print([room for room in rooms if room.split("-")[0] in ["b3"]])
# ```
#
# </details>

# %% tags=["answer"]
def split_by_animal(names, fraction, seed):
    """Training and validation part of a list of file names like "ant7_2.jpg".

    Args:
        names: list of file names, animal and number of the picture separated by "_"
        fraction: share of the animals that goes to validation
        seed: int
    Returns:
        two sorted lists of names: train, val
    """
    ### BEGIN SOLUTION
    animals = sorted({name.split("_")[0] for name in names})
    shuffled = np.random.default_rng(seed).permutation(animals)
    chosen = set(shuffled[: round(fraction * len(animals))])
    train = sorted(name for name in names if name.split("_")[0] not in chosen)
    val = sorted(name for name in names if name.split("_")[0] in chosen)
    return train, val
    ### END SOLUTION


# %% tags=["right"]
import random


def split_by_animal(names, fraction, seed):
    groups = {}
    for name in sorted(names):
        groups.setdefault(name.partition("_")[0], []).append(name)
    chosen = random.Random(seed).sample(sorted(groups), round(fraction * len(groups)))
    val = [name for animal in chosen for name in groups[animal]]
    return sorted(set(names) - set(val)), sorted(val)


# %% tags=["right"]
# -     shuffled = np.random.default_rng(seed).permutation(animals)
# -     chosen = set(shuffled[: round(fraction * len(animals))])
# +     order = torch.randperm(len(animals), generator=torch.Generator().manual_seed(seed)).tolist()
# +     chosen = [animals[i] for i in order[len(animals) - round(fraction * len(animals)) :]]

# %% tags=["right"]
from sklearn.model_selection import GroupShuffleSplit


def split_by_animal(names, fraction, seed):
    names = np.sort(names)
    animals = [name.split("_")[0] for name in names]
    splitter = GroupShuffleSplit(n_splits=1, test_size=round(fraction * len(set(animals))), random_state=seed)
    train, val = next(splitter.split(names, groups=animals))
    return names[train], names[val]


# %% tags=["wrong"] expect="in both parts"
def split_by_animal(names, fraction, seed):
    shuffled = list(np.random.default_rng(seed).permutation(sorted(names)))
    cut = round(fraction * len(names))
    return sorted(shuffled[cut:]), sorted(shuffled[:cut])


# %% tags=["wrong"] expect="ant1 is not ant10"
# - if name.split("_")[0] not in chosen
# + if not name.startswith(tuple(chosen))
# - if name.split("_")[0] in chosen
# + if name.startswith(tuple(chosen))

# %% tags=["wrong"] expect="use round"
# -     shuffled = np.random.default_rng(seed).permutation(animals)
# -     chosen = set(shuffled[: round(fraction * len(animals))])
# +     chosen = np.random.default_rng(seed).permutation(animals)[: int(fraction * len(animals))]

# %% tags=["wrong"] expect="every seed gives the same split"
# -     shuffled = np.random.default_rng(seed).permutation(animals)
# -     chosen = set(shuffled[: round(fraction * len(animals))])
# +     chosen = animals[: round(fraction * len(animals))]

# %% tags=["wrong"] expect="order of the list"
# -     animals = sorted({name.split("_")[0] for name in names})
# -     shuffled = np.random.default_rng(seed).permutation(animals)
# -     chosen = set(shuffled[: round(fraction * len(animals))])
# +     animals = list(dict.fromkeys(name.split("_")[0] for name in names))
# +     chosen = np.random.default_rng(seed).permutation(animals)[: round(fraction * len(animals))]

# %% tags=["wrong"] expect="sort both parts"
# - sorted(name for name in names if name.split("_")[0] in chosen)
# + [name for name in names if name.split("_")[0] in chosen]

# %% tags=["wrong"] expect="has been changed"
# - animals = sorted({name.split("_")[0] for name in names})
# + names.sort()
# +     animals = sorted({name.split("_")[0] for name in names})

# %% tags=["wrong"] expect="return two lists, train and val, not a dict"
# - return train, val
# + return {"train": train, "val": val}

# %% tags=["check"] points=5
names = [f"ant{animal}_{picture}.jpg" for animal in range(20) for picture in range(1 + animal % 4)]
original = list(names)


def split(names, fraction, seed):
    parts = split_by_animal(names, fraction, seed)
    two = isinstance(parts, tuple | list) and len(parts) == 2
    assert two, f"return two lists, train and val, not a {type(parts).__name__}"
    for part in parts:
        assert isinstance(part, tuple | list | np.ndarray), f"each part should be a list, not a {type(part).__name__}"
    return list(parts[0]), list(parts[1])


train, val = split(names, 0.25, seed=1)
assert sorted(train + val) == sorted(names), "every name should be in exactly one of the two parts"
animals = [{name.split("_")[0] for name in part} for part in (train, val)]
both = sorted(animals[0] & animals[1])
assert not both, f"{len(both)} animals are in both parts, e.g. {both[:1]}: split the animals, not the files"
hint = " (ant1 is not ant10, though its name begins like that)" if {"ant1", "ant10"} <= animals[1] else ""
assert len(animals[1]) == 5, f"a quarter of 20 animals are 5, your validation part has {len(animals[1])}{hint}"
assert names == original, "the list that was passed in has been changed: shuffle a copy"
assert train == sorted(train) and val == sorted(val), "sort both parts before you return them"
for seed in range(30):
    found = {name.split("_")[0] for name in split(names, 0.25, seed)[1]}
    assert len(found) == 5, f"seed {seed} puts {sorted(found)} into validation, not 5 animals: ant1 is not ant10"
for fraction, animals in [(0.33, 7), (0.22, 4)]:
    found = len({name.split("_")[0] for name in split(names, fraction, seed=1)[1]})
    assert found == animals, f"{fraction} of 20 animals, rounded, are {animals}, not {found}: use round"
assert (train, val) == split(names, 0.25, seed=1), "the same seed should give the same split"
splits = {tuple(split(names, 0.25, seed)[1]) for seed in range(5)}
assert len(splits) > 1, "every seed gives the same split: shuffle the animals with the seed"
for seed in range(5):
    turned = split(names[::-1], 0.25, seed)
    assert turned == split(names, 0.25, seed), "the order of the list changes the split: sort the animals first"
inputs = fresh_inputs()
animals = [f"{kind}{number}" for kind in ["bee", "wasp"] for number in inputs.permutation(40)[: inputs.integers(5, 15)]]
names = [f"{animal}_{picture}.jpg" for animal in animals for picture in range(inputs.integers(1, 5))]
names = inputs.permutation(names).tolist()
wanted = int(inputs.integers(2, len(animals) - 1))
fraction = (wanted + inputs.uniform(-0.4, 0.4)) / len(animals)
train, val = split(names, fraction, seed=int(inputs.integers(1000)))
told = f"with {len(animals)} animals and the fraction {fraction:.3f}"
assert sorted(train + val) == sorted(names), f"{told} not every name is in exactly one part"
found = [{name.split("_")[0] for name in part} for part in (train, val)]
assert not found[0] & found[1], f"{told} some animals are in both parts: {sorted(found[0] & found[1])}"
assert len(found[1]) == wanted, f"{told} {wanted} should be in validation, not {len(found[1])}"
assert train == sorted(train) and val == sorted(val), f"{told} the parts are not sorted"
print("✓ task 5")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/01_data_loading_and_visualization.ipynb), or go on with
# [lesson 02](../02_tensors_and_regression.ipynb).

# %% tags=["nbval-ignore-output"]
progress()

# %% tags=["proof"]
from course_utils.exercises import marks_here

assert set(marks_here().values()) == {"✓"}, marks_here()
