# %% [markdown]
# # Exercises 15 · Faster training
#
# Three functions, a data set and a race without a clock, about 50 minutes. Each task has a gap to fill and a check that
# tells you what is wrong. They need nothing beyond [lesson 15](../15_faster_training.ipynb); if you are stuck, unfold
# the hints one by one. The checks count reads and passes instead of seconds, so they judge alike on every machine. Run
# the next cell first.

# %%
import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset

from course_utils import fresh_inputs, names_used, progress, start_exercise

course = start_exercise("15")


class Counted(Dataset):
    """Examples (input, label) that note down how often each was read."""

    def __init__(self, inputs, labels):
        self.inputs, self.labels, self.reads = inputs, labels, [0] * len(inputs)

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(index)
        self.reads[index] += 1
        return self.inputs[index].clone(), int(self.labels[index])


def slow_training(model, train_set, test_set, epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(epochs):
        for start in range(0, len(train_set), 8):
            chosen = range(start, min(start + 8, len(train_set)))
            images = torch.stack([train_set[i][0] for i in chosen])
            labels = torch.tensor([train_set[i][1] for i in chosen])
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right = sum(int(model(image[None]).argmax() == label) for image, label in test_set)
    return right / len(test_set)


def blobs(n, generator):
    """n points of two kinds, in a plane, one kind to the right of the other."""
    labels = torch.randint(2, (n,), generator=generator)
    points = torch.randn(n, 2, generator=generator)
    points[:, 0] += 3.0 * labels
    return Counted(points, labels)


def watched_race(training, seed, epochs=3, sizes=(50, 30)):
    """Accuracy, weights, reads and passes of a training."""
    generator = torch.Generator().manual_seed(seed)
    train_set, test_set = (blobs(n, generator) for n in sizes)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    passes = {"with a graph": 0, "without": 0}

    def count(module, given, output):
        passes["with a graph" if output.requires_grad else "without"] += len(output)

    model.register_forward_hook(count)
    accuracy = training(model, train_set, test_set, epochs)
    weights = nn.utils.parameters_to_vector(model.parameters()).detach()
    return accuracy, weights, max(train_set.reads), max(test_set.reads), passes


# %% [markdown]
# ## Task 1 · Batches without a loader (4 points)
#
# Write a function that yields one epoch of batches (images, labels): shuffled, every example once, `batch_size` at a
# time. The last batch may be smaller. Do it with look-ups of whole batches, no example touched by itself, and without a
# `DataLoader`.
# <details><summary>Hint 1: a question</summary>
#
# If you had all indices in a random order, and cut into pieces, what would be left to do with a piece?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# The function `train` in *A network that computes less* shuffles all indices at once.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Ten cards are shuffled and dealt to players, four each as long as there are enough:
#
# ```python
# cards = torch.arange(10, 20)
# shuffler = torch.Generator().manual_seed(1)
# for places in torch.randperm(10, generator=shuffler).split(4):
#     print("hand:", cards[places].tolist())
# ```
#
# </details>

# %% tags=["answer"]
def batches(images, labels, batch_size, generator):
    """One epoch in shuffled batches.

    Args:
        images: tensor (n, …)
        labels: tensor (n,)
        batch_size: int
        generator: torch.Generator that shuffles; the next epoch draws on from where this one has left it
    Yields:
        images (b, …) and labels (b,), with b = batch_size, in the last batch perhaps less
    """
    ### BEGIN SOLUTION
    order = torch.randperm(len(images), generator=generator)
    for chosen in order.split(batch_size):
        yield images[chosen], labels[chosen]
    ### END SOLUTION


# %% tags=["right"]
def batches(images, labels, batch_size, generator):
    order = torch.randperm(len(labels), generator=generator)
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        yield images.index_select(0, part), labels.index_select(0, part)


# %% tags=["right"]
def batches(images, labels, batch_size, generator):
    order = torch.randperm(images.shape[0], generator=generator)
    return zip(images[order].split(batch_size), labels[order].split(batch_size))


# %% tags=["right"]
def batches(images, labels, batch_size, generator):
    order = torch.rand(len(images), generator=generator).argsort().tolist()
    pieces = []
    while order:
        pieces.append(order[:batch_size])
        order = order[batch_size:]
    return [(images[piece], labels[piece]) for piece in pieces]


# %% tags=["wrong"] expect="of DataLoader"
def batches(images, labels, batch_size, generator):
    from torch.utils.data import DataLoader, TensorDataset

    dataset = TensorDataset(images, labels)
    return DataLoader(dataset, batch_size=batch_size, shuffle=True, generator=generator)


# %% tags=["wrong"] expect="shuffle"
# - order = torch.randperm(len(images), generator=generator)
# + order = torch.arange(len(images))

# %% tags=["wrong"] expect="one order for both"
# - yield images[chosen], labels[chosen]
# + yield images[chosen], labels[torch.randperm(len(labels), generator=generator)[: len(chosen)]]

# %% tags=["wrong"] expect="the last batch"
# - for chosen in order.split(batch_size):
# + for chosen in order[: len(order) // batch_size * batch_size].split(batch_size):

# %% tags=["wrong"] expect="one by one"
# - yield images[chosen], labels[chosen]
# + yield torch.stack([images[i] for i in chosen]), torch.stack([labels[i] for i in chosen])

# %% tags=["wrong"] expect="every example once"
# -     for chosen in order.split(batch_size):
# -         yield
# +     for part in order.split(batch_size):
# +         chosen = torch.randint(len(images), (len(part),), generator=generator)
# +         yield

# %% tags=["wrong"] expect="use the generator"
# - torch.randperm(len(images), generator=generator)
# + torch.randperm(len(images))

# %% tags=["wrong"] expect="goes on with it"
# -     order = torch.randperm(len(images), generator=generator)
# +     order = torch.randperm(len(images), generator=torch.Generator().manual_seed(generator.initial_seed()))

# %% tags=["wrong"] expect="cut the order into pieces"
# - for chosen in order.split(batch_size):
# + for chosen in order.chunk(batch_size):

# %% [markdown]
# Try it with five numbers and their squares before you run the check:

# %%
numbers = torch.arange(5)
for some, squares in batches(numbers, numbers**2, 2, torch.Generator().manual_seed(0)):
    print(some.tolist(), squares.tolist())

# %% tags=["check"] points=4
class Watched(torch.Tensor):
    """A tensor that counts what is done with it."""

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), settings=None):
        done.append(function)
        with torch._C.DisableTorchFunctionSubclass():
            return function(*arguments, **(settings or {}))


assert "DataLoader" not in names_used(batches), "do it without the help of DataLoader"
done = []
numbers = torch.arange(10.0)
found = batches(numbers[:, None], numbers.long(), 4, torch.Generator().manual_seed(0))
assert found is not None, "the function returns None: yield the batches"
found = [tuple(batch) for batch in found]
assert all(len(batch) == 2 for batch in found), "yield pairs: images, labels"
sizes = [len(labels) for _, labels in found]
assert sum(sizes) != 8, "the last batch, with the two that are left, is missing"
told = f"10 examples in batches of 4 make batches of 4, 4, 2, not {sizes}: cut the order into pieces of batch_size"
assert sizes == [4, 4, 2], told
images, targets = (torch.cat(parts) for parts in zip(*found))
assert images.shape == (10, 1), f"images (n, 1) should come as (b, 1), all together (10, 1), not {tuple(images.shape)}"
assert sorted(images[:, 0].tolist()) == numbers.tolist(), "an epoch shows every example once"
same = torch.equal(images[:, 0].long(), targets)
assert same, "images and labels do not belong together any more: take one order for both"
assert targets.tolist() != list(range(10)), "shuffle the examples"
inputs = fresh_inputs()
n, size, seed = int(inputs.integers(60, 90)), int(inputs.integers(7, 20)), int(inputs.integers(10**6))
images = torch.randn(n, 2, 3)
targets = torch.randperm(n)
orders = []
for _ in range(2):
    generator = torch.Generator().manual_seed(seed)
    epochs = [list(batches(images, targets, size, generator)) for _ in range(2)]
    orders.append([torch.cat([part for _, part in epoch]).tolist() for epoch in epochs])
    shown = torch.cat([part for part, _ in epochs[0]])
    place = torch.empty(n, dtype=torch.int64).scatter_(0, targets, torch.arange(n))
    pictures = images[place[torch.cat([part for _, part in epochs[0]])]]
    told = f"{n} examples in batches of {size}: images and labels do not belong together: take one order for both"
    assert shown.shape == images.shape and torch.equal(shown, pictures), told
    sizes = [len(part) for part, _ in epochs[0]]
    told = f"{n} examples in batches of {size}: full ones, and at the end what is left, not {sizes}"
    assert sizes == [len(part) for part in torch.arange(n).split(size)], told
assert orders[0] == orders[1], "use the generator that is given: the same seed should give the same order"
assert orders[0][0] != orders[0][1], "the second epoch has the order of the first: each epoch goes on with it"
done.clear()
list(batches(torch.zeros(1000, 1).as_subclass(Watched), torch.zeros(1000).as_subclass(Watched), 250, generator))
assert len(done) < 200, f"{len(done)} operations for 4 batches of 250: the examples are touched one by one"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · Count the operations (4 points)
#
# How many floating-point operations does a network need for *one* example, forwards? Count two (multiply, add) for each
# use of a weight in `nn.Conv2d` and `nn.Linear`; biases and all other layers are free. Do it without PyTorch's counter.
# <details><summary>Hint 1: a question</summary>
#
# At how many places is each weight of a filter used, and at which point of the forward pass can you read that number?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *A network that computes less* counts one convolution by hand.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# The largest number of values that is alive between two layers of a network:
#
# ```python
# values, largest = torch.zeros(1, 1, 8, 8), 0
# for part in [nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Flatten()]:
#     values = part(values)
#     largest = max(largest, values.numel())
# print(largest)
# ```
#
# </details>

# %% tags=["answer"]
def operations(network, shape):
    """FLOPs of a forward pass of one example.

    Args:
        network: nn.Sequential of layers, in eval mode
        shape: of one example, such as (1, 28, 28)
    Returns:
        int
    """
    ### BEGIN SOLUTION
    x, total = torch.zeros(1, *shape), 0
    for layer in network:
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            total += 2 * layer.weight.numel() * x.shape[2] * x.shape[3]
        if isinstance(layer, nn.Linear):
            total += 2 * layer.weight.numel()
    return total
    ### END SOLUTION


# %% tags=["right"]
def operations(network, shape):
    counts, handles = [], []
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            handles.append(layer.register_forward_hook(
                lambda layer, inputs, output: counts.append(layer.weight.numel() * output[0].numel() // output.shape[1])
            ))  # fmt: skip
    network(torch.rand(1, *shape))
    for handle in handles:
        handle.remove()
    return 2 * sum(counts)


# %% tags=["right"]
def operations(network, shape):
    total = 0
    with torch.inference_mode():
        x = torch.rand(2, *shape)
        for layer in network:
            x = layer(x)
            if type(layer) is nn.Conv2d:
                height, width = layer.kernel_size
                window = height * width * layer.in_channels // layer.groups
                total += 2 * window * math.prod(x.shape[1:])
            elif type(layer) is nn.Linear:
                total += 2 * layer.in_features * layer.out_features
    return total


# %% tags=["right"]
def operations(network, shape):
    channels, *sides = shape
    x = torch.zeros(1, *shape)
    total = 0
    for layer in network.children():
        if isinstance(layer, nn.Conv2d):
            size = [
                (side + 2 * padding - kernel) // stride + 1
                for side, kernel, stride, padding in zip(x.shape[2:], layer.kernel_size, layer.stride, layer.padding)
            ]
            total += 2 * layer.weight.numel() * math.prod(size)
        x = layer(x)
        if isinstance(layer, nn.Linear):
            total += 2 * layer.weight.shape[0] * layer.weight.shape[1]
    return np.int64(total)


# %% tags=["wrong"] expect="without a counter"
def operations(network, shape):
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, *shape))
    return counter.get_total_flops()


# %% tags=["wrong"] expect="two operations"
# -             total += 2 * layer.weight.numel() * x.shape[2] * x.shape[3]
# -         if isinstance(layer, nn.Linear):
# -             total += 2 * layer.weight.numel()
# +             total += layer.weight.numel() * x.shape[2] * x.shape[3]
# +         if isinstance(layer, nn.Linear):
# +             total += layer.weight.numel()

# %% tags=["wrong"] expect="at every place of the map"
# - layer.weight.numel() * x.shape[2] * x.shape[3]
# + layer.weight.numel()

# %% tags=["wrong"] expect="that comes out"
# -         x = layer(x)
# -         if isinstance(layer, nn.Conv2d):
# +         before, x = x, layer(x)
# +         if isinstance(layer, nn.Conv2d):
# - x.shape[2] * x.shape[3]
# + before.shape[2] * before.shape[3]

# %% tags=["wrong"] expect="linear layers count, too"
# -         if isinstance(layer, nn.Linear):
# -             total += 2 * layer.weight.numel()

# %% tags=["wrong"] expect="biases are free"
# -         if isinstance(layer, nn.Linear):
# -             total += 2 * layer.weight.numel()
# +         if isinstance(layer, nn.Linear):
# +             total += 2 * (layer.weight.numel() + (0 if layer.bias is None else layer.bias.numel()))

# %% tags=["wrong"] expect="height and width may differ"
# - x.shape[2] * x.shape[3]
# + x.shape[2] ** 2

# %% [markdown]
# Try it before you run the check: a filter of 3 × 3 on a picture of 5 × 5 has 9 weights and 9 places.

# %%
print(operations(nn.Sequential(nn.Conv2d(1, 1, 3)), (1, 5, 5)))

# %% tags=["check"] points=4
used = names_used(operations)
assert not {name for name in used if "flop" in name.lower()}, "count without a counter: weights, and places of the map"
linear = nn.Sequential(nn.Flatten(), nn.Linear(12, 5, bias=False)).eval()
found = operations(linear, (3, 2, 2))
whole = isinstance(found, int | np.integer) or (isinstance(found, torch.Tensor) and not found.ndim)
assert whole, f"return a whole number, not a {type(found).__name__}"
assert found != 60, "a linear layer with 60 weights: each is multiplied and added, two operations"
assert found != 0, "a linear layer with 60 weights, and you count nothing: linear layers count, too"
assert found == 120, f"a linear layer with 60 weights makes 120 operations, not {found}"
one = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False)).eval()
found = operations(one, (2, 6, 6))
assert found != 108, "54 weights of a convolution are used at every place of the map, not once"
assert found != 54 * 72, "multiply with the size of the map that comes out, 4 × 4, not of the one that goes in"
assert found == 54 * 32, f"54 weights at 4 × 4 places, twice: 1728 operations, not {found}"
found = operations(one, (2, 4, 9))
told = f"a picture of 4 × 9 has a map of 2 × 7, so 1512 operations, not {found}: height and width may differ"
assert found == 54 * 28, told
found = operations(nn.Sequential(nn.Flatten(), nn.Linear(12, 5)).eval(), (3, 2, 2))
assert found == 120, f"biases are free: still 120 operations, not {found}"
from torch.utils.flop_counter import FlopCounterMode

inputs = fresh_inputs()
for _ in range(4):
    a, b, c = (int(width) for width in inputs.integers(2, 7, size=3))
    stride, padding = int(inputs.integers(1, 3)), int(inputs.integers(0, 3))
    shape = (a, int(inputs.integers(9, 15)), int(inputs.integers(9, 15)))
    layers = [nn.Conv2d(a, b, (5, 3), stride, padding), nn.BatchNorm2d(b), nn.ReLU(), nn.Conv2d(b, c, 3, padding=1)]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * c, 3)).eval()
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, *shape))
    wanted, found = counter.get_total_flops(), operations(network, shape)
    told = f"a network with a 5 × 3 window, stride {stride}, padding {padding} on {shape}"
    assert found == wanted, f"{told}: {wanted} operations, not {found}"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · When does it begin to pay? (3 points)
#
# Compiling a network, starting workers or filling a cache costs a wait, once, and makes every epoch shorter. What is
# the smallest number of epochs with which the whole training, wait included, is *shorter* than without (as long is not
# enough)? Return `None` if it never is.
# <details><summary>Hint 1: a question</summary>
#
# How much does one epoch save, and what has to be saved in all?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Compiled, and waited for* asks it of batches.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A ticket for a month costs 49, a single ride 2.50. From how many rides on is the month's ticket cheaper?
#
# ```python
# for rides in [19, 20]:
#     print(rides, 2.5 * rides > 49)
# print(49 / 2.5)
# ```
#
# </details>

# %% tags=["answer"]
def pays_from(wait, before, after):
    """The smallest number of epochs with which the wait has paid.

    Args:
        wait: seconds, once, from 0
        before, after: seconds an epoch takes without it and with it
    Returns:
        int from 1, or None
    """
    ### BEGIN SOLUTION
    saved = before - after
    if saved <= 0:
        return None
    return math.floor(wait / saved) + 1
    ### END SOLUTION


# %% tags=["right"]
def pays_from(wait, before, after):
    if after >= before:
        return None
    epochs = 1
    while wait + epochs * after >= epochs * before:
        epochs += 1
    return epochs


# %% tags=["right"]
def pays_from(wait, before, after):
    return int(wait // (before - after)) + 1 if after < before else None


# %% tags=["right"]
def pays_from(wait, before, after):
    saved = np.float64(before) - after
    return None if saved <= 0 else np.int64(np.floor(wait / saved + 1))


# %% tags=["wrong"] expect="is not shorter yet"
# - math.floor(wait / saved) + 1
# + max(1, math.ceil(wait / saved))

# %% tags=["wrong"] expect="never pays"
# -     if saved <= 0:
# -         return None
# -     return math.floor(wait / saved) + 1
# +     return math.floor(wait / abs(saved or 1)) + 1

# %% tags=["wrong"] expect="a whole number"
# - math.floor(wait / saved) + 1
# + wait / saved

# %% tags=["wrong"] expect="what an epoch saves"
# - saved = before - after
# + saved = before

# %% tags=["wrong"] expect="saves nothing"
# - saved <= 0
# + saved < 0
# - math.floor(wait / saved) + 1
# + math.floor(wait / max(saved, 1e-9)) + 1

# %% tags=["wrong"] expect="one epoch too few"
# - math.floor(wait / saved) + 1
# + max(1, math.floor(wait / saved))

# %% [markdown]
# Try it before you run the check: 30 seconds of waiting, and epochs of 4 instead of 5 seconds.

# %%
print(pays_from(30, 5, 4))

# %% tags=["check"] points=3
found = pays_from(10, 5, 2)
assert found is not None, "10 s of waiting, epochs of 2 s instead of 5: from some number on that pays, you return None"
whole = isinstance(found, int | np.integer) or (isinstance(found, torch.Tensor) and not found.ndim)
assert whole, f"an epoch is finished or not: return a whole number, not {found}"
hundred = pays_from(100, 10, 9)
told = f"100 s of waiting, epochs of 9 s instead of 10: 101, not {hundred}. Divide the wait by what an epoch saves"
assert hundred in (100, 101), told
assert found != 3, "10 s of waiting, 3 s saved an epoch: three epochs save 9 s, that is one epoch too few"
assert found == 4, f"10 s of waiting, epochs of 2 s instead of 5: 4, not {found}"
found = pays_from(10, 4, 2)
assert found != 5, "10 s of waiting, 2 s saved an epoch: after 5 epochs it is as long as before, it is not shorter yet"
assert found == 6, f"10 s of waiting, epochs of 2 s instead of 4: 6, not {found}"
assert pays_from(10, 2, 3) is None, "epochs become longer, 3 s instead of 2: that never pays, return None"
assert pays_from(10, 2, 2) is None, "epochs stay as they are: that saves nothing, return None"
assert pays_from(0, 5, 2) == 1, f"without any waiting the first epoch is shorter: 1, not {pays_from(0, 5, 2)}"
inputs = fresh_inputs()
for _ in range(20):
    quarters, before, after = (int(number) for number in inputs.integers([1, 2, 1], [300, 40, 40]))
    wait, before, after = quarters / 4, before / 4, after / 4  # exact in floating point
    found = pays_from(wait, before, after)
    told = f"{wait} s of waiting, epochs of {after} s instead of {before}"
    if after >= before:
        assert found is None, f"{told}: never, return None, not {found}"
    else:
        assert found is not None and found >= 1, f"{told}: from some number on, not {found}"
        assert wait + found * after < found * before, f"{told}: with {found} epochs it is not shorter yet"
        less = found - 1
        assert not less or wait + less * after >= less * before, f"{told}: {less} epochs would be enough, not {found}"
print("✓ task 3")

# %% [markdown]
# ## Task 4 · A cache that leaves chance its share (4 points)
#
# Write a data set around another one, whose examples are slow to read: each is read *once*, when it is asked for the
# first time, and kept. `augment`, a function of an image, is applied *anew every time*. It may change the tensor that
# it gets in place, so what you keep has to be safe from it.
# <details><summary>Hint 1: a question</summary>
#
# Which part of the way from file to network is the same in every epoch, and what must come after it?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Pictures decoded once*, and the question at its end.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A phone book that looks up each number once:
#
# ```python
# known, asked = {}, []
# for person in ["Ada", "Bo", "Ada"]:
#     if person not in known:
#         asked.append(person)
#         known[person] = len(person)
# print(known, asked)
# ```
#
# </details>

# %% tags=["answer"]
class Kept(Dataset):
    """Examples that are read once and augmented anew each time.

    Args:
        dataset: yields (image, label); an image is a tensor
        augment: function, image -> image; it may change its argument
    """

    ### BEGIN SOLUTION
    def __init__(self, dataset, augment):
        self.dataset, self.augment, self.known = dataset, augment, {}

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        if index not in self.known:
            self.known[index] = self.dataset[index]
        image, label = self.known[index]
        return self.augment(image.clone()), label

    ### END SOLUTION


# %% tags=["right"]
class Kept(Dataset):
    def __init__(self, dataset, augment):
        self.dataset, self.augment = dataset, augment
        self.images = [None] * len(dataset)
        self.labels = [None] * len(dataset)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        if self.images[index] is None:
            self.images[index], self.labels[index] = self.dataset[index]
        return self.augment(copy.deepcopy(self.images[index])), self.labels[index]


# %% tags=["right"]
from functools import cache


class Kept(Dataset):
    def __init__(self, dataset, augment):
        self.read = cache(lambda index: dataset[index])
        self.length, self.augment = len(dataset), augment

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        image, label = self.read(index)
        return self.augment(torch.empty_like(image).copy_(image)), label


# %% tags=["right"]
class Kept(Dataset):
    def __init__(self, dataset, augment):
        self.dataset, self.augment, self.known = dataset, augment, {}

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        try:
            pixels, label = self.known[index]
        except KeyError:
            image, label = self.dataset[index]
            pixels = self.known.setdefault(index, (image.numpy().copy(), label))[0]
        return self.augment(torch.from_numpy(pixels.copy())), label


# %% tags=["wrong"] expect="read it once"
# - if index not in self.known:
# + if True:

# %% tags=["wrong"] expect="when it is asked for the first time"
# -         self.dataset, self.augment, self.known = dataset, augment, {}
# +         self.dataset, self.augment = dataset, augment
# +         self.known = {index: dataset[index] for index in range(len(dataset))}

# %% tags=["wrong"] expect="frozen"
# -             self.known[index] = self.dataset[index]
# -         image, label = self.known[index]
# -         return self.augment(image.clone()), label
# +             image, label = self.dataset[index]
# +             self.known[index] = self.augment(image.clone()), label
# +         return self.known[index]

# %% tags=["wrong"] expect="give it a copy"
# - image.clone()
# + image

# %% tags=["wrong"] expect="is never applied"
# - self.augment(image.clone())
# + image.clone()

# %% tags=["wrong"] expect="say how many there are"
# - return len(self.dataset)
# + return len(self.known)

# %% tags=["wrong"] expect="the label of its image"
# - self.augment(image.clone()), label
# + self.augment(image.clone()), index

# %% tags=["wrong"] expect="another image than"
# -             self.known[index] = self.dataset[index]
# -         image, label = self.known[index]
# +             self.known[index] = self.dataset[index]
# +         image, label = self.known[min(self.known)][0], self.known[index][1]

# %% [markdown]
# Try it before you run the check, with three images of two pixels, and an augmentation that turns the sign by chance:

# %%
three = Counted(torch.arange(6.0).view(3, 2), torch.tensor([7, 8, 9]))
kept = Kept(three, lambda image: image * (1 if torch.rand(()) < 0.5 else -1))
print([kept[1] for _ in range(4)], "reads:", three.reads)

# %% tags=["check"] points=4
calls = []


def add_one(image):
    calls.append(1)
    return image.add_(1)  # in place


source = Counted(torch.arange(8.0).view(4, 2), torch.tensor([5, 6, 7, 8]))
kept = Kept(source, add_one)
assert max(source.reads) == 0, "examples are read at the start: read each when it is asked for the first time"
assert len(kept) == 4, f"there are 4 examples, the data set says {len(kept)}: say how many there are, read or not"
first = kept[2]
assert isinstance(first, tuple | list) and len(first) == 2, "an example should be a pair: image, label"
assert source.reads == [0, 0, 1, 0], f"example 2 was asked for, and the reads are {source.reads}: read it once, alone"
assert calls, "augment is never applied"
told = f"image 2 is [4, 5], with 1 added [5, 6], not {first[0].tolist()}"
assert torch.equal(first[0], torch.tensor([5.0, 6.0])), told
assert int(first[1]) == 7, f"example 2 has the label 7, not {first[1]}: return the label of its image"
second = kept[2]
assert source.reads[2] == 1, "example 2 was asked for twice and read twice: keep what you have read, read it once"
assert len(calls) == 2, "augment was called once for two requests: its chance is frozen. Keep the image before it"
told = f"the second time image 2 came as {second[0].tolist()}: augment has changed what you keep, give it a copy"
assert torch.equal(second[0], torch.tensor([5.0, 6.0])), told
inputs = fresh_inputs()
n = int(inputs.integers(6, 12))
source = Counted(torch.randn(n, 3, 4), torch.from_numpy(inputs.integers(100, size=n)))
factor = float(inputs.uniform(2, 3))
kept = Kept(source, lambda image: image.mul_(factor))
for index in [int(place) for place in inputs.integers(n, size=3 * n)]:
    image, label = kept[index]
    told = f"of {n} examples number {index} came with another image than the data set's, augmented"
    assert image.shape == (3, 4) and torch.allclose(image, factor * source.inputs[index]), told
    assert int(label) == int(source.labels[index]), f"of {n} examples number {index} has lost the label of its image"
assert max(source.reads) == 1, f"the reads are {source.reads}: keep what you have read, read it once"
print("✓ task 4")

# %% [markdown]
# ## Task 5 · A race without a clock (5 points)
#
# In the first cell stands a training as you find them, `slow_training`. It gives the right weights, and takes its time.
# Read it, then write one that returns **the same** accuracy and leaves **the same** weights, and
#
# - reads every training and every test example at most once,
# - sends no example through the network that is not needed for that,
# - builds no graph (autograd's notes for `backward`, lesson 03) where nothing is learned.
#
# **Guess first** for 50 training examples, 30 test examples and 3 epochs: how often does the slow one read each
# example, and how many does it send through the network? The next cell counts them.

# %%
accuracy, weights, train_reads, test_reads, passes = watched_race(slow_training, seed=0)
print(f"accuracy {accuracy:.2f}, reads of an example: training {train_reads}, test {test_reads}")
print("examples sent through the network:", passes)

# %% [markdown]
# <details><summary>Hint 1: a question</summary>
#
# Which of these many test results does the function return?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Tensors once*, and before it *The test set, once*.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# All points of a data set in one tensor, and their mean by groups of three:
#
# ```python
# points = torch.stack([point for point, _ in blobs(6, torch.Generator())])
# with torch.inference_mode():
#     for group in points.split(3):
#         print(group.mean(dim=0))
# ```
#
# </details>

# %% tags=["answer"]
def fast_training(model, train_set, test_set, epochs):
    """Like slow_training, without its waste.

    Args:
        model: nn.Module, points (n, 2) -> logits (n, 2); it is trained
        train_set, test_set: yield (point, label), a tensor (2,) and an int
        epochs: int
    Returns:
        float, share of right answers for the test set after the training
    """
    ### BEGIN SOLUTION
    points, labels = (torch.stack([torch.as_tensor(part) for part in parts]) for parts in zip(*train_set))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(epochs):
        for images, targets in zip(points.split(8), labels.split(8)):
            loss = F.cross_entropy(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    test_points, test_labels = zip(*test_set)
    with torch.inference_mode():
        predictions = model(torch.stack(test_points)).argmax(dim=1)
    return (predictions == torch.tensor(test_labels)).float().mean().item()
    ### END SOLUTION


# %% tags=["right"]
from torch.utils.data import DataLoader


def fast_training(model, train_set, test_set, epochs):
    once = list(train_set)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(epochs):
        for points, labels in DataLoader(once, batch_size=8):
            optimizer.zero_grad()
            F.cross_entropy(model(points), labels).backward()
            optimizer.step()
    right = 0
    with torch.no_grad():
        for points, labels in DataLoader(test_set, batch_size=16):
            right += (model(points).argmax(1) == labels).sum().item()
    return right / len(test_set)


# %% tags=["right"]
def fast_training(model, train_set, test_set, epochs):
    examples = [train_set[i] for i in range(len(train_set))]
    points = torch.stack([point for point, _ in examples])
    labels = torch.tensor([label for _, label in examples])
    for _ in range(epochs):
        for start in range(0, len(points), 8):
            model.zero_grad()
            F.cross_entropy(model(points[start : start + 8]), labels[start : start + 8]).backward()
            with torch.no_grad():
                for weight in model.parameters():
                    weight -= 0.1 * weight.grad
    with torch.inference_mode():
        answers = [(model(point[None]).argmax().item(), label) for point, label in test_set]
    return np.mean([answer == label for answer, label in answers])


# %% tags=["right"]
from course_utils import evaluate, fit


def fast_training(model, train_set, test_set, epochs):
    loader = torch.utils.data.DataLoader([*train_set], batch_size=8)
    fit(model, loader, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), epochs=epochs, progress=False)
    return evaluate(model, torch.utils.data.DataLoader([*test_set], batch_size=64))["accuracy"]


# %% tags=["wrong"] expect="training examples are read"
def fast_training(model, train_set, test_set, epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(epochs):
        for start in range(0, len(train_set), 8):
            examples = [train_set[i] for i in range(start, min(start + 8, len(train_set)))]
            points, labels = zip(*examples)
            loss = F.cross_entropy(model(torch.stack(points)), torch.tensor(labels))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.inference_mode():
        return sum(int(model(point[None]).argmax() == label) for point, label in test_set) / len(test_set)


# %% tags=["wrong"] expect="more than are needed"
# -             optimizer.step()
# -     test_points, test_labels = zip(*test_set)
# +             optimizer.step()
# +         with torch.inference_mode():
# +             model(points)
# +     test_points, test_labels = zip(*test_set)

# %% tags=["wrong"] expect="builds a graph"
# - with torch.inference_mode():
# + with torch.enable_grad():

# %% tags=["wrong"] expect="other weights"
# - zip(points.split(8), labels.split(8))
# + zip(points.split(16), labels.split(16))

# %% tags=["wrong"] expect="not scored"
# - (predictions == torch.tensor(test_labels)).float().mean().item()
# + None

# %% tags=["wrong"] expect="as a share"
# - .float().mean().item()
# + .sum().item()

# %% tags=["wrong"] expect="the test examples are read"
# -     test_points, test_labels = zip(*test_set)
# +     test_points, test_labels = [point for point, _ in test_set], [label for _, label in test_set]

# %% tags=["wrong"] expect="for the test set"
# - test_points, test_labels = zip(*test_set)
# + test_points, test_labels = points[: len(test_set)], labels[: len(test_set)].tolist()
# - torch.stack(test_points)
# + test_points

# %% tags=["check"] points=5
inputs = fresh_inputs()
for seed, epochs, sizes in [(0, 3, (50, 30)), *[(int(inputs.integers(10**6)), 2, (41, 27)) for _ in range(2)]]:
    wanted, weights, *_ = watched_race(slow_training, seed, epochs, sizes)
    accuracy, own, train_reads, test_reads, passes = watched_race(fast_training, seed, epochs, sizes)
    assert accuracy is not None, "the test set is not scored, or its score not returned"
    number = isinstance(accuracy, int | float | np.floating | torch.Tensor)
    assert number, f"return the accuracy, a number, not a {type(accuracy).__name__}"
    close = torch.allclose(own, weights, atol=1e-4)
    assert close, "it leaves other weights than slow_training: same batches in the same order, same steps"
    needed = {"train": epochs * sizes[0], "test": sizes[1]}
    assert train_reads <= 1, f"training examples are read up to {train_reads} times: keep them in a tensor"
    assert test_reads <= 1, f"the test examples are read up to {test_reads} times: once is enough"
    total = sum(passes.values())
    assert total <= sum(needed.values()), f"{total} examples go through the network, more than are needed: {needed}"
    assert passes["with a graph"] <= needed["train"], "scoring builds a graph: inference_mode() does without"
    assert float(accuracy) <= 1, f"return the accuracy as a share, from 0 to 1, not {float(accuracy)}"
    told = f"the accuracy for the test set is {wanted:.3f}, not {float(accuracy):.3f}"
    assert math.isclose(float(accuracy), wanted, abs_tol=1e-4), told
print("✓ task 5")

# %% [markdown]
# How much waste was it? Accuracy and weights are the same; all that has gone is reads and passes:

# %%
for training in [slow_training, fast_training]:
    _, _, train_reads, test_reads, passes = watched_race(training, seed=0)
    print(f"{training.__name__}: reads {train_reads} and {test_reads}, passes {sum(passes.values())}")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/15_faster_training.ipynb), or go on with
# [lesson 16](../16_what_it_looked_at.ipynb).

# %% tags=["nbval-ignore-output"]
progress()

# %% tags=["proof"]
from course_utils.exercises import marks_here

assert set(marks_here().values()) == {"✓"}, marks_here()
