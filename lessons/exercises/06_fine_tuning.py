# %% [markdown]
# # Exercises 06 · Fine-tuning a pretrained network
#
# Count, compare, load, freeze, and finally find the faults of a program that runs: about 50 minutes. Each task has a
# gap to fill and a check that tells you what is wrong. They need nothing beyond [lesson 06](../06_fine_tuning.ipynb);
# if you are stuck, unfold the hints one by one. Nothing long is trained here. Run the next cell first.

# %%
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import freeze, fresh_inputs, progress, resnet18, start_exercise, unfreeze

course = start_exercise("06")

# %% [markdown]
# ## Task 1 · What is left to train? (2 points)
#
# Return the number of trainable parameters of each part of a model. The parts are what `model.named_children()` yields,
# e.g. `conv1`, `bn1`, …, `fc` of a ResNet. Parts without trainable parameters are listed with 0.
# <details><summary>Hint 1: a question</summary>
#
# Which parts would be missing if you went through the trainable parameters only?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Freezing* counts what is trained of a whole network. Here the same is asked of each part.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# This counts the weights of a network by their number of dimensions, whether they are trained or not.
#
# ```python
# network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
# counts = {}
# for weight in network.parameters():
#     counts[weight.ndim] = counts.get(weight.ndim, 0) + weight.numel()
# print(counts)  # {4: 108, 1: 14, 2: 8}
# ```
#
# </details>

# %% tags=["answer"]
def count_trainable(model):
    """Number of trainable parameters of each part.

    Args:
        model: nn.Module
    Returns:
        dict: name of the part -> int
    """
    ### BEGIN SOLUTION
    return {
        name: sum(parameter.numel() for parameter in part.parameters() if parameter.requires_grad)
        for name, part in model.named_children()
    }
    ### END SOLUTION


# %% tags=["right"]
def count_trainable(model):
    counts = dict.fromkeys([name for name, _ in model.named_children()], 0)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            part, *_ = name.split(".")
            counts[part] += parameter.numel()
    return counts


# %% tags=["right"]
import math
from collections import Counter


def count_trainable(model):
    counts = Counter()
    for name, part in model.named_children():
        counts[name] = 0
        for layer in part.modules():
            own = layer.parameters(recurse=False)
            counts[name] += sum(math.prod(weights.shape) for weights in own if weights.requires_grad)
    return counts


# %% tags=["right"]
def count_trainable(model):
    counts = {}
    for name, part in model._modules.items():
        trained = [weights.detach().flatten() for weights in part.parameters() if weights.requires_grad]
        counts[name] = torch.cat([torch.empty(0), *trained]).size(0)
    return counts


# %% tags=["wrong"] expect="return a dict"
def count_trainable(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


# %% tags=["wrong"] expect="a frozen part counts 0"
def count_trainable(model):
    return {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}


# %% tags=["wrong"] expect="numbers, not tensors"
def count_trainable(model):
    return {name: sum(p.requires_grad for p in part.parameters()) for name, part in model.named_children()}


# %% tags=["wrong"] expect="part without trainable parameters is missing"
def count_trainable(model):
    counts = {}
    for name, part in model.named_children():
        for parameter in part.parameters():
            if parameter.requires_grad:
                counts[name] = counts.get(name, 0) + parameter.numel()
    return counts


# %% tags=["wrong"] expect="named_children"
def count_trainable(model):
    return {name: parameter.numel() * parameter.requires_grad for name, parameter in model.named_parameters()}


# %% tags=["wrong"] expect="one after the other"
def count_trainable(model):
    counts = {}
    for name, part in model.named_children():
        for parameter in part.parameters():
            counts[name] = parameter.numel() if parameter.requires_grad else 0
        counts.setdefault(name, 0)
    return counts


# %% [markdown]
# Try it on a ResNet of which only the head is trained, before you run the check:

# %%
model = resnet18(2).requires_grad_(False)
model.fc.requires_grad_(True)
print(count_trainable(model))

# %% tags=["check"] points=2
model = nn.Module()
model.body = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5))
model.middle = nn.Linear(5, 6)
model.relu = nn.ReLU()
model.head = nn.Linear(6, 3)
model.middle.requires_grad_(False)
model.body[0].bias.requires_grad_(False)
before = [parameter.requires_grad for parameter in model.parameters()]
counted = count_trainable(model)
assert isinstance(counted, dict), f"return a dict, not a {type(counted).__name__}"
dots = [name for name in counted if "." in name]
assert not dots, f"{dots[0]!r} is no part but a single parameter: go through model.named_children()"
missing = [name for name in ("middle", "relu") if name not in counted]
assert not missing, f"the part without trainable parameters is missing: {missing}; list it with 0"
names = ["body", "head", "middle", "relu"]
assert sorted(counted) == names, f"the keys should be the names of the parts, not {list(counted)}"
assert counted["head"] != 2, "count the numbers, not tensors: numel() of each one"
assert counted["middle"] == 0, "a frozen part counts 0: look at requires_grad of each parameter"
assert counted["body"] != 5, "add the parameters of a part up, do not overwrite them one after the other"
found = counted["body"]
assert found == 37, f"12 weights (their biases are frozen), 20 weights and 5 biases make 37, not {found}"
assert counted["head"] == 21 and counted["relu"] == 0, f"the head has 21 and the ReLU 0, not {counted}"
assert before == [parameter.requires_grad for parameter in model.parameters()], "counting should not change the model"
inputs = fresh_inputs()
for trained in [0.3, 0.7]:
    a, b, c = inputs.integers(2, 9, size=3).tolist()
    inner = nn.Sequential(nn.Linear(b, c), nn.BatchNorm1d(c))
    model = nn.Sequential(nn.Linear(a, b), nn.Tanh(), inner, nn.Linear(c, a))
    expected = dict.fromkeys("0123", 0)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(bool(inputs.random() < trained))
        expected[name[0]] += parameter.numel() * parameter.requires_grad
    found = dict(count_trainable(model))
    assert found == expected, f"of another network, some of it frozen, {expected} are trained, you count {found}"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · Do two ways of training differ? (3 points)
#
# Two ways of training were run with several seeds each. Return the difference of their mean accuracies, the standard
# error of this difference, and whether it is larger than twice that error (in either direction).
#
# The standard error of one mean is the standard deviation of the runs (divide by one less than their number, as `std`
# in PyTorch and pandas does) over the root of their number. Unlike in the lesson, the two ways were run with different
# seeds, so nothing cancels: the squares of the two standard errors add up to the square of that of the difference.
# <details><summary>Hint 1: a question</summary>
#
# How sure is each of the two means, and what becomes of two such errors if they have nothing to do with each other?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Two kinds of uncertainty* computes a standard error. Read there what divides by one less than the number.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Here are mean and standard error of one series of measurements.
#
# ```python
# times = torch.tensor([12.1, 11.8, 12.6, 12.3])
# error = times.std() / len(times) ** 0.5
# print(f"{times.mean():.2f} ± {error:.2f} s")  # 12.20 ± 0.17 s
# ```
#
# </details>

# %% tags=["answer"]
def compare(a, b):
    """Difference between two ways of training.

    Args:
        a, b: lists of accuracies, one per seed, at least two each; the lists may differ in length
    Returns:
        float: mean of a minus mean of b
        float: standard error of this difference
        bool: whether the difference is larger than two standard errors
    """
    ### BEGIN SOLUTION
    a, b = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
    difference = (a.mean() - b.mean()).item()
    error = (a.var() / len(a) + b.var() / len(b)).sqrt().item()
    return difference, error, abs(difference) > 2 * error
    ### END SOLUTION


# %% tags=["right"]
import numpy as np


def compare(a, b):
    difference = np.mean(a) - np.mean(b)
    error = np.hypot(np.std(a, ddof=1) / np.sqrt(len(a)), np.std(b, ddof=1) / np.sqrt(len(b)))
    return difference, error, np.abs(difference) > 2 * error


# %% tags=["right"]
import pandas as pd


def compare(a, b):
    a, b = pd.Series(a), pd.Series(b)
    difference, error = a.mean() - b.mean(), (a.sem() ** 2 + b.sem() ** 2) ** 0.5
    return [difference, error, not -2 * error <= difference <= 2 * error]


# %% tags=["right"]
from statistics import fmean, variance


def compare(a, b):
    squares = [variance(runs) / len(runs) for runs in (a, b)]
    difference, error = fmean(a) - fmean(b), sum(squares) ** 0.5
    return difference, error, difference**2 > 4 * sum(squares)


# %% tags=["wrong"] expect="return three things"
# - return difference, error, abs(difference) > 2 * error
# + return abs(difference) > 2 * error

# %% tags=["wrong"] expect="one less than"
# - a.var() / len(a) + b.var() / len(b)
# + a.var(correction=0) / len(a) + b.var(correction=0) / len(b)

# %% tags=["wrong"] expect="root of the number of runs"
# - a.var() / len(a) + b.var() / len(b)
# + a.var() + b.var()

# %% tags=["wrong"] expect="add the squares"
# - (a.var() / len(a) + b.var() / len(b)).sqrt()
# + (a.std() / len(a) ** 0.5 + b.std() / len(b) ** 0.5)

# %% tags=["wrong"] expect="in either direction"
# - abs(difference)
# + difference

# %% tags=["wrong"] expect="twice the standard error"
# - abs(difference) > 2 * error
# + abs(difference) > error

# %% tags=["wrong"] expect="a minus b"
# - a.mean() - b.mean()
# + b.mean() - a.mean()

# %% tags=["wrong"] expect="with its sign"
# - (a.mean() - b.mean()).item()
# + (a.mean() - b.mean()).abs().item()

# %% tags=["wrong"] expect="2.4 standard errors"
# - abs(difference) > 2 * error
# + abs(difference) > 3 * error

# %%
print(compare([0.90, 0.94, 0.92], [0.91, 0.89, 0.90]))

# %% tags=["check"] points=3
a, b = [0.90, 0.94, 0.92], [0.80, 0.84, 0.86, 0.82]
result = compare(a, b)
three = isinstance(result, tuple | list) and len(result) == 3
assert three, "return three things: difference, its standard error, a bool"
numbers = all(hasattr(one, "__float__") for one in result)
assert numbers, f"return three things, a number, a number and a bool, not {result}"
difference, error, differs = float(result[0]), float(result[1]), bool(result[2])
assert abs(difference + 0.09) > 1e-4, "the difference is that of a minus b"
assert abs(difference - 0.09) < 1e-4, f"the means are 0.92 and 0.83, their difference is 0.09, not {difference:.4f}"
no_root, both_added = 0.0327, 0.02446
assert abs(error - no_root) > 2e-4, "divide each standard deviation by the root of the number of runs"
assert abs(error - both_added) > 2e-4, "add the squares of the two standard errors, then take the root"
assert abs(error - 0.01458) > 1e-4, "a standard deviation of few runs divides by one less than their number: ddof=1"
assert abs(error - 0.01732) < 1e-4, f"the standard error of the difference should be 0.0173, not {error:.4f}"
assert differs, "0.09 is more than five standard errors: these two differ"
assert bool(compare(b, a)[2]), "the two differ in either direction: take abs of the difference"
assert abs(float(compare(b, a)[0]) + 0.09) < 1e-4, "return the difference with its sign: a minus b"
between = compare([0.90, 0.94, 0.92], [0.86, 0.90, 0.88])
assert bool(between[2]), "0.04 is 2.4 standard errors, which is larger than twice the error"
close = compare([0.90, 0.94, 0.92], [0.87, 0.91, 0.89])
assert not bool(close[2]), "0.03 is less than twice the standard error of 0.016: no difference is shown"
from scipy.stats import ttest_ind

inputs = fresh_inputs()
for gap in [0.0, 0.02, 0.04, 0.3, -0.05]:
    sizes = inputs.integers(3, 8, size=2)
    a, b = [(0.6 + 0.03 * inputs.standard_normal(size)).round(3).tolist() for size in sizes]
    a[0], b[0] = 0.61, 0.55  # not all of them alike
    a = [accuracy + gap for accuracy in a]
    difference, error, differs = [float(number) for number in compare(list(a), list(b))]
    ratio = ttest_ind(a, b, equal_var=False).statistic  # the difference over its standard error
    mean = sum(a) / len(a) - sum(b) / len(b)
    assert abs(difference - mean) < 1e-5, f"a={a}, b={b}: the difference is {mean:.4f}, not {difference:.4f}"
    assert abs(ratio * error - mean) < 1e-5, f"a={a}, b={b}: the standard error is {mean / ratio:.4f}, not {error:.4f}"
    assert differs == (abs(ratio) > 2) or abs(abs(ratio) - 2) < 0.01, (
        f"a={a}, b={b}: the difference is {abs(ratio):.1f} times its error, and you say {bool(differs)}"
    )
print("✓ task 2")

# %% [markdown]
# ## Task 3 · Weights into another head (3 points)
#
# Copy into `model` every entry of `weights` whose name *and shape* fit, leave the rest of the model as it is, and
# return the sorted names of the model's entries that were not loaded. The counters of BatchNorm
# (`num_batches_tracked`) are entries like all others. If none fits, something is wrong: raise a `ValueError` and leave
# the model as it was.
# <details><summary>Hint 1: a question</summary>
#
# Which two things have to agree before an entry may be copied? And whose names are asked for in the end, the file's or
# the model's?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Ours, from a file* loads weights into a network with another head and says what was left out.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# This copies the settings that a form knows and leaves all others as they are.
#
# ```python
# form = {"size": "M", "color": "red", "count": 1}
# answers = {"size": "L", "count": 3, "name": "Ida"}
# known = {key: value for key, value in answers.items() if key in form}
# form |= known
# print(form, "as before:", sorted(form.keys() - known.keys()))
# ```
#
# </details>

# %% tags=["answer"]
def load_what_fits(model, weights):
    """Copy matching weights, report the rest.

    Args:
        model: nn.Module, changed in place
        weights: dict, name -> tensor, e.g. the state dict of a model with other classes
    Returns:
        sorted list of the names in `model.state_dict()` that were not loaded
    Raises:
        ValueError: no entry fits
    """
    ### BEGIN SOLUTION
    own = model.state_dict()
    fitting = {name: weights[name] for name in own if name in weights and weights[name].shape == own[name].shape}
    if not fitting:
        raise ValueError("not one name and shape of the weights fits the model")
    model.load_state_dict(fitting, strict=False)
    return sorted(set(own) - set(fitting))
    ### END SOLUTION


# %% tags=["right"]
def load_what_fits(model, weights):
    left = []
    with torch.no_grad():
        for name, own in model.state_dict().items():
            if name in weights and weights[name].shape == own.shape:
                own.copy_(weights[name])
            else:
                left.append(name)
    if len(left) == len(model.state_dict()):
        raise ValueError("nothing fits")
    return sorted(left)


# %% tags=["right"]
def load_what_fits(model, weights):
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    fitting = {name: value for name, value in weights.items() if shapes.get(name) == value.shape}
    if len(fitting) == 0:
        raise ValueError(f"none of {list(weights)} fits")
    missing, _ = model.load_state_dict(fitting, strict=False)
    return sorted(missing)


# %% tags=["right"]
def load_what_fits(model, weights):
    merged, left = {}, []
    for name, own in model.state_dict().items():
        new = weights.get(name, torch.empty(0))
        fits = tuple(new.shape) == tuple(own.shape)
        merged[name] = new.clone() if fits else own
        left += [] if fits else [name]
    if len(merged) == len(left):
        raise ValueError("the weights are of another network")
    model.load_state_dict(merged)
    left.sort()
    return left


# %% tags=["wrong"] expect="entries of another shape"
def load_what_fits(model, weights):
    own = model.state_dict()
    fitting = {name: weights[name] for name in own if name in weights}
    if not fitting:
        raise ValueError("nothing fits")
    try:
        model.load_state_dict(fitting, strict=False)
    except RuntimeError:
        pass
    return sorted(set(own) - set(fitting))


# %% tags=["wrong"] expect="running averages"
# - own = model.state_dict()
# + own = dict(model.named_parameters())
# - set(own) - set(fitting)
# + set(model.state_dict()) - set(fitting)

# %% tags=["wrong"] expect="nothing was loaded and nobody was told"
# -     if not fitting:
# -         raise ValueError("not one name and shape of the weights fits the model")

# %% tags=["wrong"] expect="return a sorted list of names"
# - return sorted(set(own) - set(fitting))
# + return len(own) - len(fitting)

# %% tags=["wrong"] expect="those that were not loaded"
# - set(own) - set(fitting)
# + fitting

# %% tags=["wrong"] expect="of the model, not of the file"
# - set(own) - set(fitting)
# + set(weights) - set(fitting)

# %% tags=["wrong"] expect="compare shapes"
def load_what_fits(model, weights):
    own = model.state_dict()
    fitting = {name: weights[name] for name in own if name in weights and weights[name].numel() == own[name].numel()}
    if not fitting:
        raise ValueError("nothing fits")
    for name, value in fitting.items():
        if value.shape == own[name].shape:
            own[name].copy_(value)
    return sorted(set(own) - set(fitting))


# %% tags=["wrong"] expect="share their memory"
# - strict=False
# + strict=False, assign=True

# %% tags=["wrong"] expect="the dictionary of the weights has been changed"
def load_what_fits(model, weights):
    own = model.state_dict()
    for name in list(weights):
        if name not in own or weights[name].shape != own[name].shape:
            del weights[name]
    if not weights:
        raise ValueError("nothing fits")
    return sorted(model.load_state_dict(weights, strict=False).missing_keys)


# %%
print(load_what_fits(resnet18(2), resnet18(10).state_dict()))

# %% tags=["check"] points=3
def small_net(classes, extra=False):
    layers = {"conv": nn.Conv2d(3, 4, 3), "norm": nn.BatchNorm2d(4), "fc": nn.Linear(4, classes)}
    layers["top"] = nn.Linear(classes, 6 - classes, bias=False)
    model = nn.ModuleDict(layers | ({"new": nn.Linear(2, 2)} if extra else {}))
    for value in model.state_dict().values():
        value += torch.randint(1, 9, value.shape)
    return model


torch.manual_seed(0)
source = small_net(classes=4).state_dict() | {"old": torch.ones(3)}
model = small_net(classes=2, extra=True)
before = {name: value.clone() for name, value in model.state_dict().items()}
given = dict(source)
left = load_what_fits(model, given)
assert given.keys() == source.keys(), "the dictionary of the weights has been changed: make one of your own"
after = model.state_dict()
loaded = {name for name in after if name in source and torch.equal(after[name], source[name])}
wanted = {name for name in after if name.startswith(("conv", "norm"))}
assert "conv.weight" in loaded, "conv.weight fits and was not copied: skip only entries of another shape or name"
assert "norm.running_mean" in loaded, "the running averages of BatchNorm are not copied: go through the state dict"
assert wanted <= loaded, f"these fit and were not copied: {sorted(wanted - loaded)}"
kept = [name for name in after if name not in wanted and not torch.equal(after[name], before[name])]
assert not kept, f"these do not fit and should be left as they were: {kept}"
shared = [name for name in sorted(wanted) if after[name].data_ptr() == source[name].data_ptr()]
assert not shared, f"copy the numbers: model and weights share their memory, training would change both: {shared}"
not_loaded = sorted(set(after) - wanted)
assert left is not None, "the function returns nothing: return the names that were not loaded"
assert isinstance(left, list | tuple), f"return a sorted list of names, not a {type(left).__name__}"
assert not set(left) & wanted, "return the names of those that were not loaded, not of those that were"
assert "old" not in left, "return names of the model, not of the file: the model has no 'old'"
assert set(left) >= {"fc.weight", "fc.bias"}, "entries of another shape were not loaded either: list them"
assert "top.weight" in left, "top.weight has another shape, though as many numbers: compare shapes"
assert list(left) == not_loaded, f"the sorted names should be {not_loaded}, not {left}"
model = small_net(classes=2)
before = {name: value.clone() for name, value in model.state_dict().items()}
try:
    load_what_fits(model, {f"module.{name}": value for name, value in source.items()})
except ValueError:
    pass
else:
    raise AssertionError("no name fits: nothing was loaded and nobody was told; raise a ValueError")
assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items()), "the model was changed"
inputs = fresh_inputs()
for _ in range(3):
    mine, theirs = [
        nn.ModuleDict({name: nn.Linear(*inputs.integers(2, 4, size=2).tolist()) for name in "dbac"}) for _ in range(2)
    ]
    mine["norm"], theirs["norm"] = nn.BatchNorm1d(3), nn.BatchNorm1d(3)  # this fits always
    for value in theirs["norm"].state_dict().values():
        value += int(inputs.integers(1, 9))
    before = {name: value.clone() for name, value in mine.state_dict().items()}
    weights = theirs.state_dict()
    not_loaded = sorted(name for name in before if before[name].shape != weights[name].shape)
    left, after = load_what_fits(mine, dict(weights)), mine.state_dict()
    assert list(left) == not_loaded, f"of another model {not_loaded} do not fit, you return {left}"
    for name, value in after.items():
        expected, what = (before, "do not fit and have changed") if name in not_loaded else (weights, "were not copied")
        assert torch.equal(value, expected[name]), f"in another model the numbers of {name} {what}"
print("✓ task 3")

# %% [markdown]
# ## Task 4 · Freeze up to here (4 points)
#
# Freeze the parts of a network from its first one up to and including the part called `last`, so that they stay exactly
# as they are, whatever is trained behind them and even after `model.train()`. The rest stays trainable, its BatchNorm
# layers included: it follows `model.train()` and `model.eval()`. Return the names of the frozen parts in order.
# <details><summary>Hint 1: a question</summary>
#
# What moves in a network although no gradient reaches it? And what does `model.train()` do to a part that you had put
# into evaluation mode?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Freezing* shows a helper that takes care of both, and what happens without it.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# This gathers the stops of a train ride, up to and including the one where you get off.
#
# ```python
# stops = {"Ulm": 10, "Augsburg": 50, "Munich": 85, "Salzburg": 190}
# ride = []
# for stop, minute in stops.items():
#     ride.append(stop)
#     if stop == "Munich":
#         break
# print(ride)  # ['Ulm', 'Augsburg', 'Munich']
# ```
#
# </details>

# %% tags=["answer"]
def freeze_up_to(model, last):
    """Freeze the first parts of a network.

    Args:
        model: nn.Module whose parts are used in the order of model.named_children()
        last: name of the last part to be frozen
    Returns:
        list of the names of the frozen parts
    """
    ### BEGIN SOLUTION
    frozen = []
    for name, part in model.named_children():
        freeze(part)
        frozen.append(name)
        if name == last:
            return frozen
    ### END SOLUTION


# %% tags=["right"]
def freeze_up_to(model, last):
    names = [name for name, _ in model.named_children()]
    names = names[: names.index(last) + 1]
    for name in names:
        part = model.get_submodule(name).requires_grad_(False).eval()
        part.train = lambda mode=True, part=part: part
    return names


# %% tags=["right"]
def freeze_up_to(model, last):
    parts = dict(model.named_children())
    names = list(parts)[: list(parts).index(last) + 1]

    def train(mode=True):
        type(model).train(model, mode)
        for name in names:
            parts[name].eval()
        return model

    model.train = train
    for name in names:
        for parameter in parts[name].parameters():
            parameter.requires_grad = False
    model.train()
    return names


# %% tags=["right"]
def freeze_up_to(model, last):
    freeze(model)
    names = [name for name, _ in model.named_children()]
    count = names.index(last) + 1
    for name in names[count:]:
        unfreeze(getattr(model, name))
    return tuple(names[:count])


# %% tags=["wrong"] expect="the part called `last` itself"
# -     for name, part in model.named_children():
# +     for name, part in model.named_children():
# +         if name == last:
# +             break
# -         if name == last:
# -             return frozen
# +     return frozen

# %% tags=["wrong"] expect="averages of BatchNorm have moved"
# - freeze(part)
# + part.requires_grad_(False)

# %% tags=["wrong"] expect="model.train() undoes"
# - freeze(part)
# + part.requires_grad_(False).eval()

# %% tags=["wrong"] expect="only the part called `last`"
def freeze_up_to(model, last):
    freeze(getattr(model, last))
    return [last]


# %% tags=["wrong"] expect="behind `last` should be trained"
def freeze_up_to(model, last):
    freeze(model)
    unfreeze(model.fc)
    names = [name for name, part in model.named_children()]
    return names[: names.index(last) + 1]


# %% tags=["wrong"] expect="never leaves evaluation mode"
def freeze_up_to(model, last):
    freeze(model)
    names = [name for name, part in model.named_children()]
    count = names.index(last) + 1
    for name in names[count:]:
        getattr(model, name).requires_grad_(True)
    return names[:count]


# %% tags=["wrong"] expect="stays in training mode after model.eval()"
def freeze_up_to(model, last):
    names = [name for name, part in model.named_children()]
    frozen = names[: names.index(last) + 1]

    def train(mode=True):
        for name, part in model.named_children():
            part.train(name not in frozen)
        return model

    for name in frozen:
        getattr(model, name).requires_grad_(False)
    model.train = train
    model.train()
    return frozen


# %% [markdown]
# Try it:

# %%
print(freeze_up_to(resnet18(2), "layer2"))

# %% tags=["check"] points=4
class TinyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.block = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        x = self.block(self.bn1(self.conv1(x)))
        return self.fc(self.bn2(self.conv2(x)).mean(dim=(2, 3)))


def changed_parts(model, mode_call):
    images, labels = torch.randn(8, 3, 10, 10) + 2, torch.arange(8) % 2
    before = {name: value.clone() for name, value in model.state_dict().items()}
    if mode_call:
        model.train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


torch.manual_seed(0)
parts = ["conv1", "bn1", "block", "conv2", "bn2", "fc"]
for last in ["block", "conv1", "bn2"]:
    count = parts.index(last) + 1
    for mode_call in [False, True]:
        model = TinyNet()
        names = freeze_up_to(model, last)
        trained = {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}
        assert last not in trained, "the part called `last` itself should be frozen, too"
        assert not trained & set(parts[:count]), "not only the part called `last`: those before it are frozen, too"
        assert trained == set(parts[count:]), f"what is behind `last` should be trained: {parts[count:]}"
        moved = {name for name in changed_parts(model, mode_call) if name.split(".")[0] in parts[:count]}
        undone = "model.train() undoes eval(): use the lesson's helper" if model.bn1.training else ""
        if not mode_call:
            assert not moved, f"the running averages of BatchNorm have moved: {sorted(moved)}"
        assert not moved, f"the averages of BatchNorm moved after model.train(). {undone}"
        stuck = {True: "never leaves evaluation mode", False: "stays in training mode after model.eval()"}
        for mode in [False, True]:
            model.train() if mode else model.eval()
            modes = {module.training for name in parts[count:] for module in getattr(model, name).modules()}
            assert modes == {mode}, f"what is behind `last` {stuck[mode]}: change only {parts[:count]}"
        assert list(names or []) == parts[:count], f"return the names of the frozen parts, {parts[:count]}, not {names}"
inputs = fresh_inputs()
for _ in range(3):
    names = inputs.permutation(list("abcdefgh"))[: inputs.integers(3, 7)].tolist()
    model = nn.Sequential()
    for name in names[:-1]:
        model.add_module(name, nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU()))
    model.add_module(names[-1], nn.Sequential(nn.Flatten(), nn.Linear(300, 2)))
    count = int(inputs.integers(1, len(names)))
    frozen = freeze_up_to(model, names[count - 1])
    model.eval()
    moved, what = {name[0] for name in changed_parts(model, True)}, f"of {names} up to {names[count - 1]!r}"
    assert not moved & set(names[:count]), f"{what}: {sorted(moved & set(names[:count]))} moved in training"
    assert moved == set(names[count:]), f"{what}: {names[count:]} should be trained, only {sorted(moved)} moved"
    assert list(frozen or []) == names[:count], f"{what}: return {names[:count]}, not {frozen}"
print("✓ task 4")

# %% [markdown]
# ## Task 5 · Find the faults (4 points)
#
# This program trains the head first and then everything. It runs, the loss falls a little, and nothing crashes. Yet it
# does not do what it promises, in four places, and the lesson has warned of each. Find them, and write the program as
# it was meant:
#
# - The network gets a new head `model.fc` for `num_classes` classes.
# - Epoch 1: the head alone is trained, with the rate 0.05. Nothing else changes, running averages included.
# - Epochs 2 to 5: everything is trained, and BatchNorm's averages follow the batches again. The rate is 0.005 in epochs
#   2 and 3, and 0.0005 in epochs 4 and 5.
# - All steps are those of SGD with momentum 0.9. The trained model is returned.
#
# An epoch is one call of `train_epoch(model, optimizer)`, which begins with `model.train()`. How you do it is up to
# you.

# %%
def faulty_fine_tune(model, num_classes, train_epoch):
    model.requires_grad_(False)
    optimizer_ft = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    train_epoch(model, optimizer_ft)

    model.requires_grad_(True)
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.005, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer_ft, step_size=2, gamma=0.1)
    for _ in range(4):
        train_epoch(model, optimizer)
        scheduler.step()
    return model


# %% [markdown]
# <details><summary>Hint 1: a question</summary>
#
# Which parameters does each optimizer hold, and which of them want a gradient when their turn comes? Whose rate does
# the scheduler lower?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Freezing* tells what a frozen network needs besides `requires_grad_`. *Momentum, and a rate that falls in steps*
# shows optimizer and scheduler together.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A scheduler changes the optimizer it was made for; here the rate is halved after each step.
#
# ```python
# line = nn.Linear(2, 1)
# sgd = torch.optim.SGD(line.parameters(), lr=0.8)
# halving = torch.optim.lr_scheduler.ExponentialLR(sgd, gamma=0.5)
# for step in range(3):
#     print(sgd.param_groups[0]["lr"])  # 0.8, 0.4, 0.2
#     sgd.step()
#     halving.step()
# ```
#
# </details>

# %% tags=["answer"]
def fine_tune(model, num_classes, train_epoch):
    """Train a new head for one epoch, then all layers for four.

    Args:
        model: network with the head model.fc
        num_classes: number of classes of the new head
        train_epoch: function of (model, optimizer): calls model.train(), then makes the steps of one epoch
    Returns:
        the model
    """
    ### BEGIN SOLUTION
    freeze(model)
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.05, momentum=0.9)
    train_epoch(model, optimizer)
    unfreeze(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.005, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.1)
    for _ in range(4):
        train_epoch(model, optimizer)
        scheduler.step()
    return model
    ### END SOLUTION


# %% tags=["right"]
def fine_tune(model, num_classes, train_epoch):
    head = nn.Linear(model.fc.in_features, num_classes)
    model.fc = nn.Identity()
    freeze(model)
    model.fc = head
    for rates in [[0.05], [0.005, 0.005, 0.0005, 0.0005]]:
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.SGD(trained, lr=rates[0], momentum=0.9)
        for rate in rates:
            optimizer.param_groups[0]["lr"] = rate
            train_epoch(model, optimizer)
        unfreeze(model)
    return model


# %% tags=["right"]
def fine_tune(model, num_classes, train_epoch):
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    body = [part for name, part in model.named_children() if name != "fc"]
    for part in body:
        freeze(part)
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.05, momentum=0.9)
    train_epoch(model, optimizer)
    optimizer.param_groups[0]["lr"] = 0.005
    for part in body:
        unfreeze(part)
        optimizer.add_param_group({"params": part.parameters(), "lr": 0.005})
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[2], gamma=0.1)
    for _ in range(4):
        train_epoch(model, optimizer)
        scheduler.step()
    return model


# %% tags=["right"]
def fine_tune(model, num_classes, train_epoch):
    classifier = nn.Linear(model.fc.in_features, num_classes)
    freeze(model)
    model.fc = classifier
    parameters = dict(model.named_parameters())
    head = [parameter for name, parameter in parameters.items() if name.startswith("fc.")]
    train_epoch(model, torch.optim.SGD(head, lr=5e-2, momentum=0.9))
    unfreeze(model)
    optimizer = torch.optim.SGD(parameters.values(), lr=5e-3, momentum=0.9)
    lower = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 if epoch < 2 else 0.1)
    for epoch in range(2, 6):
        train_epoch(model, optimizer)
        lower.step()
    return model


# %% tags=["wrong"] expect="not among the parameters of the optimizer"
fine_tune = faulty_fine_tune

# %% tags=["wrong"] expect="make the head first"
# -     model.fc = nn.Linear(model.fc.in_features, num_classes)
# -     optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.05, momentum=0.9)
# +     optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.05, momentum=0.9)
# +     model.fc = nn.Linear(model.fc.in_features, num_classes)

# %% tags=["wrong"] expect="running averages of BatchNorm have moved in epoch 1"
# -     freeze(model)
# -     model.fc = nn
# +     model.requires_grad_(False)
# +     model.fc = nn

# %% tags=["wrong"] expect="head alone"
# -     freeze(model)
# -     model.fc = nn.Linear(model.fc.in_features, num_classes)
# -     optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.05, momentum=0.9)
# +     model.fc = nn.Linear(model.fc.in_features, num_classes)
# +     optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

# %% tags=["wrong"] expect="evaluation mode"
# - unfreeze(model)
# + model.requires_grad_(True)

# %% tags=["wrong"] expect="not everything is trained"
# - torch.optim.SGD(model.parameters(), lr=0.005, momentum=0.9)
# + torch.optim.SGD(model.fc.parameters(), lr=0.005, momentum=0.9)

# %% tags=["wrong"] expect="the rate does not fall"
# -     optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.05, momentum=0.9)
# -     train_epoch(model, optimizer)
# +     optimizer_ft = torch.optim.SGD(model.fc.parameters(), lr=0.05, momentum=0.9)
# +     train_epoch(model, optimizer_ft)
# - StepLR(optimizer,
# + StepLR(optimizer_ft,

# %% tags=["wrong"] expect="should be 0.005 in epochs 2 and 3"
# - step_size=2
# + step_size=1

# %% tags=["wrong"] expect="five epochs"
# - range(4)
# + range(5)

# %% tags=["wrong"] expect="momentum"
# - torch.optim.SGD(model.parameters(), lr=0.005, momentum=0.9)
# + torch.optim.SGD(model.parameters(), lr=0.005)

# %% tags=["wrong"] expect="3 classes"
# -     model.fc = nn.Linear(model.fc.in_features, num_classes)

# %% [markdown]
# The check prints first which rate which part of a small network had, epoch by epoch.

# %% tags=["check"] points=4
class Recorder:
    """A train_epoch of one step that notes its rate by parameter, and whether averages moved."""

    def __init__(self):
        self.rates, self.moved, self.momentum = [], [], set()

    def __call__(self, model, optimizer):
        model.train()
        names = {id(parameter): name for name, parameter in model.named_parameters() if parameter.requires_grad}
        groups = [(group["lr"], parameter) for group in optimizer.param_groups for parameter in group["params"]]
        self.rates.append({names[id(parameter)]: rate for rate, parameter in groups if id(parameter) in names})
        self.momentum |= {group.get("momentum") for group in optimizer.param_groups}
        before = model.bn1.running_mean.clone()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(torch.randn(8, 3, 6, 6) + 1), torch.arange(8) % 2)
        if loss.requires_grad:
            loss.backward()
        optimizer.step()
        self.moved.append(not torch.equal(before, model.bn1.running_mean))


class ThreeParts(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.fc = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 5)

    def forward(self, x):
        return self.fc(F.relu(self.bn1(self.conv1(x))).mean(dim=(2, 3)))


torch.manual_seed(0)
recorder, model = Recorder(), ThreeParts()
returned = fine_tune(model, 3, recorder)
for epoch, rates in enumerate(recorder.rates, start=1):
    body, head = [rates.get(name, "not trained") for name in ["conv1.weight", "fc.weight"]]
    print(f"epoch {epoch}: body {body}, head {head}")
assert returned is model, "return the model that was trained"
found = model.fc.out_features
assert found == 3, f"the new head should have 3 classes, it has {found}"
assert len(recorder.rates) == 5, f"it should be five epochs in all, one and four, not {len(recorder.rates)}"
names = {name for name, _ in model.named_parameters()}
head, (first, *others) = {"fc.weight", "fc.bias"}, recorder.rates
assert head <= set(first), "epoch 1: the new head is not among the parameters of the optimizer: make the head first"
assert set(first) == head, f"epoch 1 is for the head alone, it also trains {sorted(set(first) - head)}"
assert {first[name] for name in head} == {0.05}, f"epoch 1: the head's rate should be 0.05, not {first['fc.weight']}"
assert not recorder.moved[0], "the running averages of BatchNorm have moved in epoch 1: freeze the body"
for epoch, rates in enumerate(others, start=2):
    missing = sorted(names - set(rates))
    assert not missing, f"epoch {epoch}: not everything is trained, {missing} have no gradient or no optimizer"
    assert recorder.moved[epoch - 1], f"epoch {epoch}: BatchNorm is still in evaluation mode: unfreeze the body"
used = [sorted(set(rates.values())) for rates in others]
assert used[0] != used[-1], f"the rate does not fall, it is {used[-1]}: whose rate does your scheduler lower?"
wanted = [0.005, 0.005, 0.0005, 0.0005]
right = all(abs(rate - wish) < 1e-9 for rates, wish in zip(used, wanted) for rate in rates)
assert right, f"the rate should be 0.005 in epochs 2 and 3 and 0.0005 in epochs 4 and 5, not {used}"
assert recorder.momentum == {0.9}, f"all steps should have momentum 0.9, not {recorder.momentum}"
classes = int(fresh_inputs().integers(4, 30))
found = fine_tune(ThreeParts(), classes, Recorder()).fc.out_features
assert found == classes, f"for num_classes={classes} the new head should have as many classes, it has {found}"
print("✓ task 5")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/06_fine_tuning.ipynb), or go on with
# [lesson 07](../07_feature_extraction.ipynb).

# %% tags=["nbval-ignore-output"]
progress()

# %% tags=["proof"]
from course_utils.exercises import marks_here

assert set(marks_here().values()) == {"✓"}, marks_here()
