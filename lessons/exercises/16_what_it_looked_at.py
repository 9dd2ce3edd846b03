# %% [markdown]
# # Exercises 16 · What it looked at
#
# Five tasks, from warming up to a goal that you reach in your own way, about 45 minutes. Each has a gap to fill and a
# check that tells you what is wrong. They need nothing beyond [lesson 16](../16_what_it_looked_at.ipynb); if you are
# stuck, unfold the hints, one at a time. Run the next cell first.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import (
    CNN,
    fresh_inputs,
    load_imagenet_network,
    load_rgb,
    locate,
    names_used,
    progress,
    start_exercise,
)
from course_utils.evaluation.explain import show_maps

course = start_exercise("16")


def small_network(seed, classes=5):
    torch.manual_seed(seed)
    model = CNN(in_channels=3, num_classes=classes).eval().requires_grad_(False)
    for tensor in model.state_dict().values():
        if tensor.ndim == 1:  # BatchNorm as it is after training: no two channels alike
            tensor.add_(0.3 * torch.rand(tensor.shape))
    return model


class Suspect(nn.Module):
    """Two classes: a network of random weights that cheats by the colour of one square."""

    def __init__(self, row, column):
        super().__init__()
        self.rest = small_network(int(torch.randint(10_000, (1,))), classes=2)
        self.filter = torch.randn(3, 8, 8) / 14
        self.row, self.column = 8 * row, 8 * column

    def forward(self, images):
        square = images[:, :, self.row : self.row + 8, self.column : self.column + 8]
        mark = 6 * torch.tanh((square * self.filter).sum(dim=(1, 2, 3)))
        return self.rest(images) + torch.stack([-mark, mark], dim=1)

# %% [markdown]
# ## Task 1 · A logit, taken apart by place (2 points)
#
# Compute a class activation map from the maps before the mean and the weights of the last layer. Negative numbers stay.
# <details><summary>Hint 1: a question</summary>
#
# How many weights does one class have, and what belongs to each of them?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *The last step, the other way round* does it for the espresso.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Three price lists of two shops each, added up with a number of pieces for each list:
#
# ```python
# prices = torch.tensor([[1.0, 2.0], [10.0, 20.0], [5.0, 4.0]])
# pieces = torch.tensor([3.0, 1.0, 2.0])
# print((prices * pieces[:, None]).sum(dim=0))  # 23 in the first shop, 34 in the second
# ```
#
# </details>

# %% tags=["answer"]
def activation_map(maps, weight, label):
    """Class activation map.

    Args:
        maps: float tensor (channels, rows, columns), what is averaged before the last layer
        weight: float tensor (classes, channels), that of the last layer
        label: int, the class that is asked about
    Returns:
        float tensor (rows, columns)
    """
    ### BEGIN SOLUTION
    return (weight[label][:, None, None] * maps).sum(dim=0)
    ### END SOLUTION


# %% tags=["right"]
# - (weight[label][:, None, None] * maps).sum(dim=0)
# + torch.einsum("c,crs->rs", weight[label], maps)

# %% tags=["right"]
# - (weight[label][:, None, None] * maps).sum(dim=0)
# + (weight @ maps.flatten(1))[label].reshape(maps.shape[1:])

# %% tags=["right"]
def activation_map(maps, weight, label):
    total = torch.zeros(maps.shape[1], maps.shape[2], dtype=torch.float64)
    for channel, one in enumerate(maps):
        total += one * weight[label, channel].item()
    return total


# %% tags=["wrong"] expect="only the weights of the class"
# - weight[label][:, None, None]
# + weight.sum(dim=0)[:, None, None]

# %% tags=["wrong"] expect="add the channels up"
# - .sum(dim=0)
# + .mean(dim=0)

# %% tags=["wrong"] expect="negative numbers stay"
# - .sum(dim=0)
# + .sum(dim=0).clamp(min=0)

# %% tags=["wrong"] expect="one number for each place"
# - .sum(dim=0)
# + .sum(dim=(1, 2))

# %% tags=["wrong"] expect="without their weights"
# - (weight[label][:, None, None] * maps)
# + maps

# %% [markdown]
# Try it before you run the check. Two maps, of which the second counts twice for class 1, so a 6 should come out below
# on the right:

# %%
tiny = torch.tensor([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 3.0]]])
print(activation_map(tiny, torch.tensor([[5.0, 5.0], [1.0, 2.0]]), label=1))

# %% tags=["check"] points=2
generator = torch.Generator().manual_seed(0)
maps, weight = torch.randn(6, 4, 5, generator=generator), torch.randn(3, 6, generator=generator)
result = activation_map(maps, weight, 2)
assert isinstance(result, torch.Tensor), f"return a tensor, not {type(result).__name__}"
assert result.shape == (4, 5), f"one number for each place, (4, 5) here, not {tuple(result.shape)}"
expected, result = torch.einsum("c,crs->rs", weight[2], maps), result.float()
assert not torch.allclose(result, maps.sum(dim=0), atol=1e-4), "the maps were added up without their weights"
mixed = torch.einsum("c,crs->rs", weight.sum(dim=0), maps)
assert not torch.allclose(result, mixed, atol=1e-4), "only the weights of the class that is asked about count"
assert not torch.allclose(result, expected / 6, atol=1e-4), "add the channels up, do not take their mean"
assert not torch.allclose(result, expected.clamp(min=0), atol=1e-4), "negative numbers stay: they speak against"
assert torch.allclose(result, expected, atol=1e-4), "wrong numbers: each map times its weight, added up"
inputs = fresh_inputs()
for _ in range(3):
    model, label = small_network(int(inputs.integers(1000))), int(inputs.integers(5))
    image = torch.randn(1, 3, 24, 32)
    last = model.head[-1]
    result = activation_map(model.stages(image)[0], last.weight, label).float()
    logit = model(image)[0, label]
    agree = torch.allclose(result.mean() + last.bias[label], logit, atol=1e-3)
    assert agree, f"the mean of the map and the bias should give the logit {logit:.3f} of a network"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · Grad-CAM with a hook of your own (4 points)
#
# Write Grad-CAM for one image: the maps of any layer, each channel weighted by the mean gradient of the class's
# *logit*, added up, and negative numbers set to 0. Leave the network as you found it: no hook stays behind. Do not use
# the helper `grad_cam`.
# <details><summary>Hint 1: a question</summary>
#
# Two things are needed, the maps and their gradient. Which one can only be had while the network computes?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Grad-CAM: any layer of any network* has all the parts.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A hook that notes the largest number that leaves a layer, and a gradient in the middle of a calculation:
#
# ```python
# seen = []
# layer = nn.Linear(3, 2)
# hook = layer.register_forward_hook(lambda module, given, output: seen.append(output))
# total = (layer(torch.ones(1, 3)) ** 2).sum()
# hook.remove()
# print(seen[0].max().item(), torch.autograd.grad(total, seen[0])[0])  # the gradient is twice the output
# ```
#
# </details>

# %% tags=["answer"]
def grad_cam_by_hand(model, image, layer, label):
    """Grad-CAM of one image.

    Args:
        model: network in evaluation mode, its weights need no gradients
        image: float tensor (channels, height, width)
        layer: the part of the model whose output, float (1, channels, rows, columns), is looked at
        label: int, the class that is asked about
    Returns:
        float tensor (rows, columns), not negative
    """
    ### BEGIN SOLUTION
    kept = []
    handle = layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
    logits = model(image[None].clone().requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, label], kept[0])
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * kept[0]).sum(dim=1)[0].clamp(min=0).detach()
    ### END SOLUTION


# %% tags=["right"]
def grad_cam_by_hand(model, image, layer, label):
    kept = {}

    def keep(module, inputs, output):
        output.retain_grad()
        kept["maps"] = output

    handle = layer.register_forward_hook(keep)
    try:
        model(image.detach().clone().requires_grad_().unsqueeze(0))[0][label].backward()
    finally:
        handle.remove()
    maps = kept["maps"][0]
    return F.relu(torch.einsum("c,crs->rs", kept["maps"].grad[0].mean(dim=(1, 2)), maps.detach()))


# %% tags=["right"]
def grad_cam_by_hand(model, image, layer, label):
    gradients, outputs = [], []
    forward = layer.register_forward_hook(lambda module, given, output: outputs.append(output.detach()))
    backward = layer.register_full_backward_hook(lambda module, into, out: gradients.append(out[0]))
    images = image[None].clone().requires_grad_(True)
    model(images)[:, label].sum().backward()
    forward.remove()
    backward.remove()
    weights = gradients[0].flatten(2).mean(dim=2)[0]
    return sum(weight * one for weight, one in zip(weights, outputs[0][0])).relu()


# %% tags=["right"]
# - handle = layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
# + handle = layer.register_forward_hook(lambda *everything: kept.append(everything[2]))
# - (weights * kept[0]).sum(dim=1)[0].clamp(min=0).detach()
# + torch.relu((weights * kept[0]).detach().sum(dim=1)[0])

# %% tags=["wrong"] expect="remove the hook"
# -     handle.remove()
# +     handle

# %% tags=["wrong"] expect="set negative numbers to 0"
# - .clamp(min=0)
# +

# %% tags=["wrong"] expect="one weight for each channel"
# - gradient.mean(dim=(2, 3), keepdim=True)
# + gradient

# %% tags=["wrong"] expect="the class that is asked about"
# - logits[0, label]
# + logits[0].max()

# %% tags=["wrong"] expect="the logit, not the probability"
# - logits[0, label]
# + logits.softmax(dim=1)[0, label]

# %% tags=["wrong"] expect="without the batch"
# - .sum(dim=1)[0]
# + .sum(dim=1)

# %% tags=["wrong"] expect="grad_cam would do it for you"
def grad_cam_by_hand(model, image, layer, label):
    from course_utils.evaluation.explain import grad_cam

    return grad_cam(model, image[None], layer, torch.tensor([label]))[0]


# %% [markdown]
# Try it on the coffee before you run the check. Ask for other names, too:

# %%
network, transform, names = load_imagenet_network()
network.requires_grad_(False)
coffee = transform(load_rgb(locate("photos") / "coffee.jpg"))
asked = ["espresso", "cup", "wooden spoon"]
heat = torch.stack([grad_cam_by_hand(network, coffee, network.bn2, names.index(name)) for name in asked])
colours = (coffee * 0.5 + 0.5).expand(3, -1, -1, -1)
show_maps(colours, heat.reshape(3, 7, 7), asked, columns=3, title="Where is it?")
plt.show()

# %% tags=["check"] points=4
from course_utils.evaluation import explain

used = names_used(grad_cam_by_hand) & {"grad_cam", "explain"}
assert not used, f"{' and '.join(used)} would do it for you: do without"


def compare(seed, stage, label, told):
    model = small_network(seed)
    torch.manual_seed(seed)
    image, layer = torch.randn(3, 32, 40), model.stages[stage]
    before = image.clone()
    result = grad_cam_by_hand(model, image, layer, label)
    hooks = len(layer._forward_hooks) + len(layer._backward_hooks)
    assert hooks == 0, "a hook stays behind: remove the hook, or it is called for good"
    assert torch.equal(image, before) and not image.requires_grad, "leave the image as it is: work on a copy"
    assert isinstance(result, torch.Tensor), f"return a tensor, not {type(result).__name__}"
    expected = explain.grad_cam(model, image[None], layer, torch.tensor([label]))[0]
    assert result.shape != (1, *expected.shape), "return the map of the one image, without the batch"
    assert result.shape == expected.shape, f"{told}: the map has the size of the layer's, {tuple(expected.shape)}"
    assert result.min() >= 0, "set negative numbers to 0: they speak against the class"
    result = result.detach().float()
    if torch.allclose(result, expected, rtol=1e-3, atol=1e-6):
        return
    maps = {}
    handle = layer.register_forward_hook(lambda module, given, output: maps.update(kept=output))
    logits = model(image[None].clone().requires_grad_())
    handle.remove()
    for target, advice in [
        (logits[0].max(), "ask about the class that is asked about, not the one that the network answers"),
        (logits.softmax(dim=1)[0, label], "take the gradient of the logit, not the probability"),
        (logits[0, label], "the gradient has one weight for each channel: its mean over all places"),
    ]:
        (gradient,) = torch.autograd.grad(target, maps["kept"], retain_graph=True)
        weights = gradient if "channel" in advice else gradient.mean(dim=(2, 3), keepdim=True)
        other = (weights * maps["kept"]).sum(dim=1)[0].clamp(min=0).detach()
        assert not torch.allclose(result, other, rtol=1e-3, atol=1e-7), advice
    raise AssertionError(f"{told}: wrong numbers: mean gradient of each channel, times its map, added up, at least 0")


for label in range(5):
    compare(0, 1, label, f"second stage, class {label}")
inputs = fresh_inputs()
for _ in range(3):
    stage, label = int(inputs.integers(2)), int(inputs.integers(5))
    compare(int(inputs.integers(1, 1000)), stage, label, f"stage {stage}, class {label} of a new network")
print("✓ task 2")

# %% [markdown]
# ## Task 3 · Cover it up (3 points)
#
# For each place of a square, return how much of the class's *probability* is lost when the square covers it with zeros.
# What is gained counts negative. The first square lies in the upper left corner, and only squares that fit count.
# <details><summary>Hint 1: a question</summary>
#
# After the first place has been covered, what must be true of the image before the second one is?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Cover it up* does it with one photograph and fixed sizes.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# How far does the mean of a row fall when two neighbours are left out, at steps of 2?
#
# ```python
# row = torch.tensor([4.0, 0.0, 1.0, 1.0, 6.0, 2.0])
# for start in range(0, len(row) - 2 + 1, 2):
#     rest = row.clone()
#     rest[start : start + 2] = float("nan")
#     print(start, (row.mean() - rest.nanmean()).item())
# ```
#
# </details>

# %% tags=["answer"]
def lost_by_covering(model, image, label, size, stride):
    """How much of a class's probability each covered square costs.

    Args:
        model: network in evaluation mode
        image: float tensor (channels, height, width)
        label: int, the class
        size: int, side of the square in pixels
        stride: int, how far it moves at each step
    Returns:
        float tensor (rows, columns)
    """
    ### BEGIN SOLUTION
    places = [range(0, side - size + 1, stride) for side in image.shape[1:]]
    lost = torch.zeros(len(places[0]), len(places[1]))
    with torch.no_grad():
        before = model(image[None]).softmax(dim=1)[0, label]
        for row, y in enumerate(places[0]):
            for column, x in enumerate(places[1]):
                covered = image.clone()
                covered[:, y : y + size, x : x + size] = 0
                lost[row, column] = before - model(covered[None]).softmax(dim=1)[0, label]
    return lost
    ### END SOLUTION


# %% tags=["right"]
def lost_by_covering(model, image, label, size, stride):
    height, width = image.shape[1:]
    ys, xs = torch.arange(0, height - size + 1, stride), torch.arange(0, width - size + 1, stride)
    copies = image.repeat(len(ys) * len(xs), 1, 1, 1)
    for number, (y, x) in enumerate(torch.cartesian_prod(ys, xs)):
        copies[number, :, y : y + size, x : x + size] = 0
    with torch.inference_mode():
        chances = model(torch.cat([image[None], copies])).softmax(dim=1)[:, label]
    return (chances[0] - chances[1:]).reshape(len(ys), len(xs))


# %% tags=["right"]
# -                 covered = image.clone()
# -                 covered[:, y : y + size, x : x + size] = 0
# +                 window = torch.ones_like(image)
# +                 window[:, y : y + size, x : x + size] = 0
# +                 covered = image * window

# %% tags=["right"]
# -                 covered = image.clone()
# -                 covered[:, y : y + size, x : x + size] = 0
# +                 hidden = image[:, y : y + size, x : x + size].clone()
# +                 image[:, y : y + size, x : x + size] = 0
# +                 covered = image.clone()
# +                 image[:, y : y + size, x : x + size] = hidden

# %% tags=["wrong"] expect="cover a copy"
# - image.clone()
# + image

# %% tags=["wrong"] expect="what is lost, not what is left"
# - before - model(covered[None]).softmax(dim=1)[0, label]
# + model(covered[None]).softmax(dim=1)[0, label]

# %% tags=["wrong"] expect="probabilities, not logits"
# -         before = model(image[None]).softmax(dim=1)[0, label]
# +         before = model(image[None])[0, label]
# - before - model(covered[None]).softmax(dim=1)[0, label]
# + before - model(covered[None])[0, label]

# %% tags=["wrong"] expect="one more place"
# - side - size + 1
# + side - size

# %% tags=["wrong"] expect="by stride, not by size"
# - range(0, side - size + 1, stride)
# + range(0, side - size + 1, size)

# %% tags=["wrong"] expect="the other way round"
# - covered[:, y : y + size, x : x + size] = 0
# + covered[:, x : x + size, y : y + size] = 0

# %% tags=["wrong"] expect="negative"
# - return lost
# + return lost.clamp(min=0)

# %% [markdown]
# Try it before you run the check, on a network with random weights. A picture of 24 × 32 pixels has 3 rows of 4 places.
# Squares hardly matter to such a network, so the numbers are tiny, and have both signs:

# %%
print(lost_by_covering(small_network(0), torch.ones(3, 24, 32), label=0, size=8, stride=8))

# %% tags=["check"] points=3
class Weighs(nn.Module):
    """Two classes; the logit of the second one is the sum of all pixels, each times its weight."""

    def __init__(self, weights):
        super().__init__()
        self.weights = weights

    def forward(self, images):
        logit = (images * self.weights).sum(dim=(1, 2, 3))
        return torch.stack([torch.zeros_like(logit), logit], dim=1)


def expected_loss(weights, image, label, size, stride):
    whole = (image * weights).sum()
    parts = (image * weights).sum(dim=0).unfold(0, size, stride).unfold(1, size, stride).sum(dim=(2, 3))
    lost = torch.sigmoid(whole) - torch.sigmoid(whole - parts)
    return (lost if label else -lost), parts


def compare_loss(weights, image, label, size, stride, told):
    before = image.clone()
    result = lost_by_covering(Weighs(weights), image, label, size, stride)
    assert torch.equal(image, before), "the image was changed: cover a copy each time, or squares pile up"
    assert isinstance(result, torch.Tensor), f"return a tensor, not {type(result).__name__}"
    expected, parts = expected_loss(weights, image, label, size, stride)
    rows, columns = expected.shape
    by_size = tuple(len(range(0, side - size + 1, size)) for side in image.shape[1:])
    same = tuple(result.shape) == (rows, columns)
    assert same or tuple(result.shape) != by_size, "the square moves by stride, not by size"
    assert same or result.shape[0] > rows - 1, "there is one more place in each direction: the last one counts, too"
    assert same, f"{told}: there are {rows} x {columns} places, not {tuple(result.shape)}"
    result = result.detach().float()
    if torch.allclose(result, expected, atol=1e-4):
        return
    left = torch.sigmoid((image * weights).sum()) if label else torch.sigmoid(-(image * weights).sum())
    assert not torch.allclose(result, left - expected, atol=1e-4), "return what is lost, not what is left"
    assert not torch.allclose(result, parts if label else 0 * parts, atol=1e-4), "compare probabilities, not logits"
    assert not torch.allclose(result, expected.clamp(min=0), atol=1e-4), "what is gained is negative, not 0"
    raise AssertionError(
        f"{told}: wrong numbers: rows are counted along the height and columns along the width, not the other way round"
    )


generator = torch.Generator().manual_seed(0)
image, weights = torch.rand(3, 10, 10, generator=generator), 0.1 * torch.randn(3, 10, 10, generator=generator)
compare_loss(weights, image, 1, 4, 2, "10 x 10 pixels, size 4, stride 2")
compare_loss(weights, image, 0, 4, 3, "10 x 10 pixels, size 4, stride 3, the other class")
inputs = fresh_inputs()
for _ in range(3):
    height, width, size = (int(inputs.integers(*limits)) for limits in [(8, 12), (12, 17), (3, 6)])
    image, weights = torch.rand(3, height, width), 0.1 * torch.randn(3, height, width)
    compare_loss(weights, image, 1, size, 2, f"{height} x {width} pixels, size {size}, stride 2")
print("✓ task 3")

# %% [markdown]
# ## Task 4 · Where does it cheat? (4 points)
#
# Somebody gives you a network that is right nearly always, and you suspect a mark in the pictures: a square of 8 × 8
# pixels, always at the same place of a grid of 6 × 6 squares. Find its row and its column, from 0, in any way you like:
# with gradients, by covering, by changing pixels. You have the network and some pictures, no labels and no masks. The
# check brings ten such networks, each with another mark (`Suspect`, in the first cell). Each looks at the rest of the
# picture a little, too.
# <details><summary>Hint 1: a question</summary>
#
# One picture may mislead you. What can you do with the maps of ten?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Ask the pixels* is the shortest way, *Cover it up* another one.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Which square of 2 × 2 numbers of a 4 × 6 table has the largest sum?
#
# ```python
# table = torch.arange(24.0).reshape(4, 6) % 7
# sums = 4 * F.avg_pool2d(table[None], 2)[0]
# print(divmod(sums.argmax().item(), sums.shape[1]))  # row and column of the square
# ```
#
# </details>

# %% tags=["answer"]
def find_mark(model, images):
    """The square that decides.

    Args:
        model: network in evaluation mode, images to logits (n, 2)
        images: float tensor (n, 3, 48, 48)
    Returns:
        (row, column), two ints from 0 to 5
    """
    ### BEGIN SOLUTION
    images = images.clone().requires_grad_()
    logits = model(images)
    (gradient,) = torch.autograd.grad((logits[:, 1] - logits[:, 0]).sum(), images)
    squares = F.avg_pool2d(gradient.abs().sum(dim=1), 8).mean(dim=0)
    return divmod(squares.argmax().item(), 6)
    ### END SOLUTION


# %% tags=["right"]
def find_mark(model, images):
    changes = torch.zeros(6, 6)
    with torch.no_grad():
        before = model(images)
        for row in range(6):
            for column in range(6):
                covered = images.clone()
                covered[:, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 0
                changes[row, column] = (model(covered) - before).abs().mean()
    place = changes.argmax().item()
    return place // 6, place % 6


# %% tags=["right"]
def find_mark(model, images):
    best, place = -1.0, None
    with torch.inference_mode():
        before = model(images).softmax(dim=1)
        for row in range(6):
            for column in range(6):
                mixed = images.clone()
                square = (..., slice(8 * row, 8 * row + 8), slice(8 * column, 8 * column + 8))
                mixed[square] = images.roll(1, 0)[square]
                moved = (model(mixed).softmax(dim=1) - before).abs().mean().item()
                if moved > best:
                    best, place = moved, (row, column)
    return place


# %% tags=["right"]
from course_utils.evaluation.explain import saliency


def find_mark(model, images):
    maps = saliency(model, images).reshape(len(images), 6, 8, 6, 8).sum(dim=(2, 4))
    share = (maps / maps.sum(dim=(1, 2), keepdim=True)).mean(dim=0)
    row = share.max(dim=1).values.argmax().item()
    return [row, share[row].argmax().item()]


# %% tags=["wrong"] expect="row first"
# -     return divmod(squares.argmax().item(), 6)
# +     return divmod(squares.argmax().item(), 6)[::-1]

# %% tags=["wrong"] expect="of the square, not of the pixel"
# -     squares = F.avg_pool2d(gradient.abs().sum(dim=1), 8).mean(dim=0)
# -     return divmod(squares.argmax().item(), 6)
# +     return divmod(gradient.abs().sum(dim=(0, 1)).argmax().item(), 48)

# %% tags=["wrong"] expect="two numbers"
# - divmod(squares.argmax().item(), 6)
# + squares.argmax().item()

# %% tags=["wrong"] expect="ask the network"
# -     squares = F.avg_pool2d(gradient.abs().sum(dim=1), 8).mean(dim=0)
# +     squares = F.avg_pool2d(images.detach().abs().sum(dim=1), 8).mean(dim=0)

# %% tags=["wrong"] expect="cancel"
# - gradient.abs().sum(dim=1)
# + gradient.sum(dim=1)

# %% tags=["check"] points=4
def marks_found(seed, count):
    torch.manual_seed(seed)
    found = []
    for _ in range(count):
        row, column = torch.randint(6, (2,)).tolist()
        answer = find_mark(Suspect(row, column).eval(), torch.randn(10, 3, 48, 48))
        pair = isinstance(answer, (tuple, list)) and len(answer) == 2
        assert pair, f"return two numbers, (row, column), not {answer!r}"
        answer = tuple(int(one) for one in answer)
        found.append((answer, (row, column)))
    outside = [answer for answer, _ in found if not (0 <= min(answer) and max(answer) <= 5)]
    assert not outside, f"{outside[0]} is no square of the grid: return the row of the square, not of the pixel"
    return found


found = marks_found(seed=0, count=10)
hits = sum(answer == place for answer, place in found)
turned_round = sum(answer == place[::-1] for answer, place in found)
assert hits > 5 or turned_round < 8, "row and column are the other way round: row first"
assert hits > 3, f"{hits} of 10 marks found: ask the network, with its gradients or by covering"
assert hits >= 9, f"{hits} of 10 marks found, 9 are wanted: do gradients of both signs cancel, or is it one picture?"
inputs = fresh_inputs()
more = marks_found(int(inputs.integers(100_000)), 4)
hits = sum(answer == place for answer, place in more)
assert hits >= 3, f"{hits} of 4 marks found in four more networks: {more}"
print("✓ task 4")

# %% [markdown]
# ## Task 5 · How good is a list of suspects? (3 points)
#
# Compute the average precision of a list: sort by suspicion, the most suspicious first. At each picture that is really
# wrong, take the share of wrong ones so far, itself included. Return the mean of these shares. Do without scikit-learn.
# <details><summary>Hint 1: a question</summary>
#
# After five pictures, two of them wrong, what is the share so far? And at which pictures do you note it down?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Wrong labels* does it in four lines.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# The mean temperature so far, noted on rainy days only:
#
# ```python
# temperature, rain = np.array([10.0, 20.0, 15.0, 11.0]), np.array([False, True, False, True])
# so_far = temperature.cumsum() / np.arange(1, 5)
# print(so_far[rain])  # 15 and 14
# ```
#
# </details>

# %% tags=["answer"]
def list_quality(suspicion, wrong):
    """Average precision.

    Args:
        suspicion: float array (n,), no two alike; large is suspicious
        wrong: bool array (n,), at least one True: the labels that are really wrong
    Returns:
        float from 0 to 1
    """
    ### BEGIN SOLUTION
    ranked = wrong[np.argsort(-suspicion)]
    shares = ranked.cumsum() / np.arange(1, len(ranked) + 1)
    return shares[ranked].mean()
    ### END SOLUTION


# %% tags=["right"]
def list_quality(suspicion, wrong):
    order = sorted(range(len(wrong)), key=lambda place: suspicion[place], reverse=True)
    met, shares = 0, []
    for looked_at, place in enumerate(order, start=1):
        if wrong[place]:
            met += 1
            shares.append(met / looked_at)
    return sum(shares) / len(shares)


# %% tags=["right"]
# - ranked.cumsum() / np.arange(1, len(ranked) + 1)
# + np.array([ranked[: place + 1].mean() for place in range(len(ranked))])

# %% tags=["right"]
# -     ranked = wrong[np.argsort(-suspicion)]
# -     shares = ranked.cumsum() / np.arange(1, len(ranked) + 1)
# -     return shares[ranked].mean()
# +     places = np.array([(suspicion >= one).sum() for one in suspicion[wrong]])
# +     return float((np.arange(1, len(places) + 1) / np.sort(places)).mean())

# %% tags=["wrong"] expect="the most suspicious first"
# - np.argsort(-suspicion)
# + np.argsort(suspicion)

# %% tags=["wrong"] expect="at the wrong ones only"
# - shares[ranked].mean()
# + shares.mean()

# %% tags=["wrong"] expect="itself included"
# - np.arange(1, len(ranked) + 1)
# + np.arange(1, len(ranked) + 1).clip(2) - 1

# %% tags=["wrong"] expect="not sorted"
# - wrong[np.argsort(-suspicion)]
# + wrong

# %% tags=["wrong"] expect="not the recall: divide"
# - ranked.cumsum() / np.arange(1, len(ranked) + 1)
# + ranked.cumsum() / ranked.sum()

# %% tags=["wrong"] expect="would do it for you"
def list_quality(suspicion, wrong):
    from sklearn.metrics import average_precision_score

    return average_precision_score(wrong, suspicion)


# %% [markdown]
# Try it before you run the check. The wrong ones stand at the places 1 and 4, which makes (1/1 + 2/4) / 2:

# %%
print(list_quality(np.array([0.9, 0.1, 0.5, 0.8, 0.7]), np.array([True, False, True, False, False])))

# %% tags=["check"] points=3
import sklearn.metrics

used = {name for name in names_used(list_quality) if "sklearn" in name or "precision" in name}
assert not used, f"{' and '.join(used)} would do it for you: do without"
suspicion = np.array([0.9, 0.1, 0.5, 0.8, 0.7, 0.2])
wrong = np.array([True, False, True, False, False, True])
value = list_quality(suspicion.copy(), wrong.copy())
assert value is not None, "the function returns nothing"
ranked = wrong[np.argsort(-suspicion)]
shares = ranked.cumsum() / np.arange(1, 7)
backwards = sklearn.metrics.average_precision_score(wrong, -suspicion)
unsorted = (wrong.cumsum() / np.arange(1, 7))[wrong].mean()
assert not np.isclose(value, backwards), "sort the other way: the most suspicious first"
assert not np.isclose(value, shares.mean()), "note the share at the wrong ones only, not at every picture"
assert not np.isclose(value, unsorted), "the list was not sorted by suspicion"
assert not np.isclose(value, (ranked.cumsum() / 3)[ranked].mean()), "not the recall: divide by all so far"
assert np.isclose(value, shares[ranked].mean()), (
    f"{value:.3f} instead of {shares[ranked].mean():.3f}: the share of wrong ones so far, itself included"
)
inputs = fresh_inputs()
for _ in range(3):
    count = int(inputs.integers(20, 60))
    suspicion, wrong = inputs.permutation(count) / count, inputs.random(count) < 0.3
    wrong[0] = True
    expected = sklearn.metrics.average_precision_score(wrong, suspicion)
    value = list_quality(suspicion, wrong)
    assert np.isclose(value, expected), f"{count} pictures, {wrong.sum()} wrong: {value:.3f} instead of {expected:.3f}"
print("✓ task 5")

# %% [markdown]
# A list that is sorted by chance has about the share of wrong labels as its average precision, a perfect one has 1.
#
# Done? [Compare with the solutions](../solutions/16_what_it_looked_at.ipynb), or go on with
# [lesson 17](../17_vision_transformer.ipynb).

# %% tags=["nbval-ignore-output"]
progress()

# %% tags=["proof"]
from course_utils.exercises import marks_here

assert set(marks_here().values()) == {"✓"}, marks_here()
