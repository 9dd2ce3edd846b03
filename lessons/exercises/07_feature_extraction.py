# %% [markdown]
# # Exercises 07 · Feature extraction
#
# Four functions and a hunt, about 50 minutes. Each task has a gap to fill and a check that tells you what is wrong.
# They need nothing beyond [lesson 07](../07_feature_extraction.ipynb); if you are stuck, unfold the hints one by
# one. Run the next cell first.

# %%
import copy
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import CNN, freeze, load_checkpoint, progress, save_checkpoint
from course_utils.exercises import fresh_inputs, names_used, start_exercise

course = start_exercise("07")
pixels, digit_labels = load_digits(return_X_y=True)  # for task 5
pixels, digit_labels = torch.tensor(pixels[:500]).float() / 16, torch.tensor(digit_labels[:500])


def spoil(labels, seed, count=10):
    """A copy of the labels with `count` wrong ones, and the positions of those."""
    generator = torch.Generator().manual_seed(seed)
    positions = torch.randperm(len(labels), generator=generator)[:count]
    spoiled = labels.clone()
    shifts = torch.randint(1, 10, (count,), generator=generator)
    spoiled[positions] = (labels[positions] + shifts) % 10
    return spoiled, positions

# %% [markdown]
# ## Task 1 · What still moves? (3 points)
#
# Somebody says that a network is frozen. Find out. Return two lists of names: the parameters that would get a gradient,
# and the `nn.BatchNorm2d` layers whose running averages the next forward pass would move. Names are those that
# `named_parameters()` and `named_modules()` give. Of a network that is frozen in full both lists are empty.
# <details><summary>Hint 1: a question</summary>
#
# What can change in a network during training: by the optimizer, and by a forward pass alone? Which attribute tells of
# each?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Frozen?* asks both questions of a real network. *Freezing in full* shows what the answers should be.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# This lists the names of all dropout layers of a network that are switched off.
#
# ```python
# network = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Linear(2, 2), nn.Dropout().eval()))
# off = []
# for name, module in network.named_modules():
#     if isinstance(module, nn.Dropout) and not module.training:
#         off.append(name)
# print(off)  # ['1.1']
# ```
#
# </details>

# %% tags=["answer"]
def what_moves(network):
    """Names of what is not frozen.

    Args:
        network: an nn.Module
    Returns:
        two lists of str: parameters that want a gradient, BatchNorm2d layers in train mode
    """
    ### BEGIN SOLUTION
    parameters = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    norms = [
        name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d) and module.training
    ]
    return parameters, norms
    ### END SOLUTION


# %% tags=["right"]
def what_moves(network):
    wanting, moving = [], []
    for name, module in network.named_modules():
        for own, parameter in module.named_parameters(prefix=name, recurse=False):
            if parameter.requires_grad:
                wanting.append(own)
        if type(module) is nn.BatchNorm2d and module.training:
            moving.append(name)
    return wanting, moving


# %% tags=["right"]
def what_moves(network):
    parameters = dict(network.named_parameters())
    norms = {name: part for name, part in network.named_modules() if isinstance(part, nn.BatchNorm2d)}
    return [
        sorted(name for name in parameters if parameters[name].requires_grad),
        sorted(name for name in norms if norms[name].training and norms[name].track_running_stats),
    ]


# %% tags=["right"]
def what_moves(network):
    norms = []

    def visit(module, prefix):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d) and child.training:
                norms.append(prefix + name)
            visit(child, f"{prefix}{name}.")

    visit(network, "")
    return [name for name, tensor in network.state_dict(keep_vars=True).items() if tensor.requires_grad], norms


# %% tags=["wrong"] expect="return two lists"
# - return parameters, norms
# + return parameters + norms

# %% tags=["wrong"] expect="layers inside of layers"
# -     norms = [
# -         name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d) and module.training
# -     ]
# +     norms = [name for name, part in network.named_children() if isinstance(part, nn.BatchNorm2d) and part.training]

# %% tags=["wrong"] expect="the mode of each layer"
# - and module.training
# + and network.training

# %% tags=["wrong"] expect="only BatchNorm2d layers"
# - if isinstance(module, nn.BatchNorm2d) and module.training
# + if module.training

# %% tags=["wrong"] expect="wrong way round"
# - if parameter.requires_grad
# + if not parameter.requires_grad
# - and module.training
# + and not module.training

# %% tags=["wrong"] expect="not whether it has one by now"
# - if parameter.requires_grad
# + if parameter.grad is not None

# %% tags=["wrong"] expect="even if its own weights"
# - and module.training
# + and module.training and module.weight.requires_grad

# %% tags=["wrong"] expect="in eval mode, too"
# - if parameter.requires_grad
# + if parameter.requires_grad and network.training

# %% tags=["wrong"] expect="ask each parameter"
# - if parameter.requires_grad
# + if next(network.parameters()).requires_grad

# %% tags=["wrong"] expect="in another mode than before"
# -     return parameters, norms
# +     network.eval()
# +     return parameters, norms

# %% tags=["wrong"] expect="names, not"
def what_moves(network):
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d) and part.training]
    return parameters, norms


# %% [markdown]
# Try it on the first stage of a small network before you run the check: first as it comes, then with its parameters
# frozen, then after `eval()`.

# %%
stage = CNN().stages[0]
print(what_moves(stage))
print(what_moves(stage.requires_grad_(False)))
print(what_moves(stage.eval()))

# %% tags=["check"] points=3
network = CNN()
found = what_moves(network)
two = isinstance(found, (tuple, list)) and len(found) == 2
assert two and all(isinstance(part, (list, tuple, set)) for part in found), (
    f"return two lists: parameters, BatchNorm layers, not {type(found).__name__ if not two else found}"
)
assert all(part.training for part in network.modules()), "asking has left the network in another mode than before"
parameters, norms = list(found[0]), list(found[1])
assert all(isinstance(name, str) for name in parameters + norms), "the lists should hold names, not what they name"
assert parameters or norms, "you call a new network frozen, although all of it moves: wrong way round?"
assert parameters, "ask whether a parameter wants a gradient (requires_grad), not whether it has one by now (grad)"
assert sorted(parameters) == sorted(dict(network.named_parameters())), "in a new network all parameters are listed"
assert norms, "the BatchNorm layers are layers inside of layers: named_modules() finds them, named_children() does not"
assert sorted(norms) == ["stages.0.2", "stages.1.2", "stages.2.2"], f"list only BatchNorm2d layers, not {norms}"
half = [list(part) for part in what_moves(CNN().requires_grad_(False))]
assert half[0] == [], "no parameter wants a gradient and some are listed"
assert len(half[1]) == 3, "BatchNorm moves in train mode even if its own weights want no gradient: look at training"
half = [list(part) for part in what_moves(CNN().eval())]
assert half[1] == [], "in eval mode no running averages move, and some BatchNorm layers are listed"
assert len(half[0]) == len(parameters), "a parameter wants a gradient in eval mode, too: look at requires_grad alone"
network.stages[0].eval()
network.stages[0].requires_grad_(False)
norms = list(what_moves(network)[1])
rest = ["stages.1.2", "stages.2.2"]
assert sorted(norms) == rest, f"ask for the mode of each layer: stage 0 is in eval, you list {norms}"
network.head[-1].bias.requires_grad_(False)
found = set(what_moves(network)[0])
assert not [name for name in found if name.startswith("stages.0")], "stage 0 wants no gradients and is listed"
rest = {name for name in parameters if not name.startswith("stages.0")} - {"head.2.bias"}
assert found == rest, f"ask each parameter: stage 0 and head.2.bias want no gradient, all others do, not {found ^ rest}"
network.eval()
network.stages[2].train()
norms = list(what_moves(network)[1])
assert norms == ["stages.2.2"], f"ask for the mode of each layer: only stage 2 is in train mode, you list {norms}"
state = copy.deepcopy(network.state_dict())
what_moves(network)
assert all(map(torch.equal, state.values(), network.state_dict().values())), "asking has changed the network"
nothing = [list(part) for part in what_moves(freeze(network))]
assert nothing == [[], []], f"after freeze() nothing moves, you list {nothing}"
inputs = fresh_inputs()
for _ in range(3):
    block = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), nn.Dropout())
    network = nn.Sequential(nn.BatchNorm2d(2), block, nn.Sequential(copy.deepcopy(block), nn.BatchNorm2d(2)))
    wanting, moving = [], []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad_(bool(inputs.random() < 0.5)).requires_grad:
            wanting.append(name)
    for name in ["0", "1.1", "2.0.1", "2.1"]:
        if network.get_submodule(name).train(bool(inputs.random() < 0.5)).training:
            moving.append(name)
    found = [sorted(part) for part in what_moves(network)]
    assert found[0] == sorted(wanting), f"in another network {wanting} want a gradient, you list {found[0]}"
    assert found[1] == moving, f"in another network {moving} are in train mode, you list {found[1]}"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · Features in the order of the data set (4 points)
#
# Write the extraction from memory: send all examples of a data set through a backbone, in batches, and return the
# features and labels in the order of the data set. Nothing in the backbone may move, no graph may be built, and
# afterwards every part of the backbone is in the mode in which it came (some may be frozen). Do not use
# `extract_features` or `predict`.
# <details><summary>Hint 1: a question</summary>
#
# Which settings of a DataLoader keep the order and all examples? And what must be put back at the end, if single parts
# of the backbone may be in another mode than the whole?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Backbone and head* computes features in batches. *Frozen?* and *Freezing in full* tell what a mode does to a part.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# This switches all lamps of a house off for a moment, and then puts each back as it was.
#
# ```python
# lamps = {"hall": True, "kitchen": False, "attic": True}
# before = dict(lamps)
# for room in lamps:
#     lamps[room] = False
# print("dark:", lamps)
# lamps.update(before)
# print("as before:", lamps)
# ```
#
# </details>

# %% tags=["answer"]
def features_in_order(backbone, dataset, batch_size):
    """Features and labels of all examples.

    Args:
        backbone: nn.Module, images (batch, …) -> features (batch, d)
        dataset: yields (image, label)
        batch_size: int
    Returns:
        float tensor (n, d) without a graph, int tensor (n,)
    """
    ### BEGIN SOLUTION
    modes = {part: part.training for part in backbone.modules()}
    backbone.eval()
    features, labels = [], []
    with torch.no_grad():
        for images, targets in DataLoader(dataset, batch_size=batch_size):
            features.append(backbone(images))
            labels.append(targets)
    for part, mode in modes.items():
        part.training = mode
    return torch.cat(features), torch.cat(labels)
    ### END SOLUTION


# %% tags=["right"]
@torch.inference_mode()
def features_in_order(backbone, dataset, batch_size):
    training = [part for part in backbone.modules() if part.training]
    backbone.eval()
    examples = [dataset[index] for index in range(len(dataset))]
    images = torch.stack([image for image, label in examples])
    features = torch.cat([backbone(batch) for batch in images.split(batch_size)])
    for part in training:
        part.training = True
    return features, torch.tensor([int(label) for image, label in examples])


# %% tags=["right"]
def features_in_order(backbone, dataset, batch_size):
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=False)
    own = copy.deepcopy(backbone).eval().requires_grad_(False)
    features, labels = zip(*[(own(images), labels) for images, labels in loader])
    return torch.cat(features), torch.cat(labels)


# %% tags=["right"]
def features_in_order(backbone, dataset, batch_size):
    modes = [(part, part.training) for part in backbone.modules()]
    rows, targets = [], []
    backbone.eval()
    for start in range(0, len(dataset), batch_size):
        batch = [dataset[index] for index in range(start, min(start + batch_size, len(dataset)))]
        with torch.no_grad():
            rows.extend(backbone(torch.stack([image for image, _ in batch])))
        targets.extend(int(label) for _, label in batch)
    for part, mode in modes:
        part.training = mode
    return torch.stack(rows), torch.tensor(targets)


# %% tags=["wrong"] expect="do without extract_features"
def features_in_order(backbone, dataset, batch_size):
    from course_utils import extract_features

    modes = [(part, part.training) for part in backbone.modules()]
    found = extract_features(backbone, DataLoader(dataset, batch_size=batch_size))
    for part, mode in modes:
        part.training = mode
    return found


# %% tags=["wrong"] expect="return two things"
# - return torch.cat(features), torch.cat(labels)
# + return torch.cat(features)

# %% tags=["wrong"] expect="do not shuffle"
# - DataLoader(dataset, batch_size=batch_size)
# + DataLoader(dataset, batch_size=batch_size, shuffle=True)

# %% tags=["wrong"] expect="the last batch"
# - DataLoader(dataset, batch_size=batch_size)
# + DataLoader(dataset, batch_size=batch_size, drop_last=True)

# %% tags=["wrong"] expect="running averages have moved"
def features_in_order(backbone, dataset, batch_size):
    with torch.no_grad():
        batches = [(backbone(images), labels) for images, labels in DataLoader(dataset, batch_size=batch_size)]
    return torch.cat([features for features, _ in batches]), torch.cat([labels for _, labels in batches])


# %% tags=["wrong"] expect="a graph was built"
def features_in_order(backbone, dataset, batch_size):
    mode = backbone.training
    backbone.eval()
    batches = [(backbone(images), labels) for images, labels in DataLoader(dataset, batch_size=batch_size)]
    backbone.train(mode)
    return torch.cat([features for features, _ in batches]), torch.cat([labels for _, labels in batches])


# %% tags=["wrong"] expect="pictures went through the backbone at once"
# - DataLoader(dataset, batch_size=batch_size)
# + DataLoader(dataset, batch_size=len(dataset))

# %% tags=["wrong"] expect="left in eval mode"
def features_in_order(backbone, dataset, batch_size):
    backbone.eval()
    with torch.no_grad():
        batches = [(backbone(images), labels) for images, labels in DataLoader(dataset, batch_size=batch_size)]
    return torch.cat([features for features, _ in batches]), torch.cat([labels for _, labels in batches])


# %% tags=["wrong"] expect="left in train mode"
def features_in_order(backbone, dataset, batch_size):
    backbone.eval()
    with torch.no_grad():
        batches = [(backbone(images), labels) for images, labels in DataLoader(dataset, batch_size=batch_size)]
    backbone.train()
    return torch.cat([features for features, _ in batches]), torch.cat([labels for _, labels in batches])


# %% tags=["wrong"] expect="remember the mode of each part"
# - modes = {part: part.training for part in backbone.modules()}
# + mode = backbone.training
# -     for part, mode in modes.items():
# -         part.training = mode
# +     backbone.train(mode)

# %% tags=["wrong"] expect="4 at a time are asked for"
# - DataLoader(dataset, batch_size=batch_size)
# + DataLoader(dataset)

# %% tags=["wrong"] expect="join the batches"
# - return torch.cat(features), torch.cat(labels)
# + return features, labels

# %% [markdown]
# Try it with five pictures of two pixels before you run the check. This backbone hands on their numbers as they are:

# %%
five = TensorDataset(torch.arange(10.0).view(5, 1, 1, 2), torch.tensor([0, 1, 1, 0, 2]))
print(features_in_order(nn.Flatten(), five, batch_size=2))

# %% tags=["check"] points=4
generator = torch.Generator().manual_seed(1)
inputs, targets = torch.randn(11, 3, 16, 16, generator=generator), torch.arange(11)
network = CNN(in_channels=3)
network.head[-1] = nn.Identity()
network.train()(torch.randn(64, 3, 16, 16, generator=generator))
expected = copy.deepcopy(network).eval()(inputs).detach()
state = copy.deepcopy(network.state_dict())
kept, sizes = [], []
hook = network.register_forward_pre_hook(lambda network, arguments: sizes.append(len(arguments[0])))
with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda tensor: tensor):
    found = features_in_order(network, TensorDataset(inputs, targets), 4)
hook.remove()
assert isinstance(found, (tuple, list)) and len(found) == 2, "return two things: features, labels"
features, labels = found
tensors = isinstance(features, torch.Tensor) and isinstance(labels, torch.Tensor)
assert tensors, "both should be tensors: join the batches with torch.cat"
assert features.shape != (3, 64), "only one batch came back: collect all of them"
assert len(features) != 8, "8 of 11 pictures came back: the last batch is not full, keep it"
assert features.shape == (11, 64) and labels.shape == (11,), (
    f"11 pictures should give features (11, 64) and labels (11,), not {tuple(features.shape)}, {tuple(labels.shape)}"
)
assert all(map(torch.equal, state.values(), network.state_dict().values())), (
    "BatchNorm's running averages have moved: call backbone.eval() first"
)
assert torch.equal(labels, targets), "the order is not that of the data set: do not shuffle"
assert not features.requires_grad and not kept, "a graph was built: run the backbone under torch.no_grad()"
assert sizes, "no picture went through the backbone: call it, backbone(images)"
assert max(sizes) <= 4, f"{max(sizes)} pictures went through the backbone at once: use batches of batch_size"
assert sizes == [4, 4, 3], f"the 11 pictures went through in batches of {sizes}: 4 at a time are asked for, batch_size"
close = torch.allclose(features, expected, atol=1e-4)
assert close, "wrong features: they should be those of backbone(images) in eval mode"
assert network.training, "the backbone came in train mode and was left in eval mode: put it back"
features_in_order(network.eval(), TensorDataset(inputs, targets), 4)
assert not network.training, "the backbone came in eval mode and was left in train mode: remember the mode first"
network.train().stages[0].eval()
modes = [part.training for part in network.modules()]
features_in_order(network, TensorDataset(inputs, targets), 4)
same = [part.training for part in network.modules()] == modes
assert same, "stage 0 alone came in eval mode, and that was lost: remember the mode of each part"
assert all(weight.requires_grad for weight in network.parameters()), "requires_grad of the parameters has been changed"
used = {"extract_features", "predict"} & names_used(features_in_order)
assert not used, f"the task is to do without {' and '.join(used)}: write the loop yourself"
inputs = fresh_inputs()
for batch_size in [1, 3, 5]:
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, 5), nn.Dropout())
    pictures, kinds = torch.randn(int(inputs.integers(6, 15)), 3, 2, 2), torch.randint(9, (15,))
    network(pictures + 1)
    expected = copy.deepcopy(network).eval()(pictures).detach()
    features, labels = features_in_order(network, TensorDataset(pictures, kinds[: len(pictures)]), batch_size)
    assert features.shape == expected.shape and torch.allclose(features, expected, atol=1e-4), (
        f"{len(pictures)} other pictures in batches of {batch_size}: not the features of the backbone in eval mode"
    )
    assert torch.equal(labels, kinds[: len(pictures)]), f"{len(pictures)} other pictures have other labels than yours"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · Ask the neighbours (4 points)
#
# Classify pictures by their `k` most similar training pictures. The similarity of two pictures is the **cosine**
# between their features: divide each row by its length, multiply the two rows number by number, and add up; 1 means the
# same direction. Each of the `k` gives one vote for its class. If several classes have the most votes, the class of the
# most similar neighbour among them wins.
# <details><summary>Hint 1: a question</summary>
#
# What do the lengths of the rows tell, and what is left of them in a cosine? In what order do the votes have to lie so
# that a tie is decided by the most similar one?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Search by picture* finds the nearest rows of a table and reads their labels.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# This asks for the first of several colours that are named most often.
#
# ```python
# named = ["green", "red", "blue", "blue", "red"]
# most = max(named.count(colour) for colour in named)
# for colour in named:
#     if named.count(colour) == most:
#         print(colour)  # red: as often as blue, and named earlier
#         break
# ```
#
# </details>

# %% tags=["answer"]
def predict_by_neighbours(train_features, train_labels, features, k):
    """Predicted labels by the k most similar training pictures.

    Args:
        train_features: float tensor (n, d)
        train_labels: int tensor (n,)
        features: float tensor (m, d)
        k: int, 1 to n
    Returns:
        int tensor (m,)
    """
    ### BEGIN SOLUTION
    similarity = F.normalize(features, dim=1) @ F.normalize(train_features, dim=1).T
    predictions = []
    for nearest in similarity.topk(k, dim=1).indices:
        votes = train_labels[nearest].tolist()
        predictions.append(max(votes, key=votes.count))
    return torch.tensor(predictions)
    ### END SOLUTION


# %% tags=["right"]
from collections import Counter


def predict_by_neighbours(train_features, train_labels, features, k):
    predictions = torch.empty(len(features), dtype=torch.int32)
    for row, picture in enumerate(features):
        similarity = F.cosine_similarity(picture[None], train_features)
        nearest = similarity.sort(descending=True).indices[:k]
        predictions[row] = Counter(train_labels[nearest].tolist()).most_common(1)[0][0]
    return predictions


# %% tags=["right"]
def predict_by_neighbours(train_features, train_labels, features, k):
    train, asked = train_features.numpy(), features.numpy()
    lengths = (asked**2).sum(axis=1, keepdims=True) ** 0.5 * (train**2).sum(axis=1) ** 0.5
    nearest = (-(asked @ train.T) / lengths).argsort(axis=1)[:, :k]
    labels = train_labels[torch.from_numpy(nearest)]
    counts = (labels[:, :, None] == labels[:, None, :]).sum(dim=2)
    first = counts.numpy().argmax(axis=1)  # of several equal counts the first
    return labels[torch.arange(len(labels)), torch.from_numpy(first)]


# %% tags=["right"]
def predict_by_neighbours(train_features, train_labels, features, k):
    cosines = F.cosine_similarity(features[:, None], train_features[None], dim=2)
    answers = []
    for row in cosines:
        order = sorted(range(len(row)), key=lambda index: -row[index].item())[:k]
        votes = [int(train_labels[index]) for index in order]
        most = max(votes.count(vote) for vote in votes)
        answers.append(next(vote for vote in votes if votes.count(vote) == most))
    return torch.tensor(answers)


# %% tags=["wrong"] expect="return a tensor with one label"
# - return torch.tensor(predictions)
# + return predictions

# %% tags=["wrong"] expect="divide each row by its length"
# - similarity = F.normalize(features, dim=1) @ F.normalize(train_features, dim=1).T
# + similarity = features @ train_features.T

# %% tags=["wrong"] expect="least similar"
# - similarity.topk(k, dim=1).indices
# + similarity.argsort(dim=1)[:, :k]

# %% tags=["wrong"] expect="in a tie"
def predict_by_neighbours(train_features, train_labels, features, k):
    similarity = F.normalize(features, dim=1) @ F.normalize(train_features, dim=1).T
    return train_labels[similarity.topk(k, dim=1).indices].mode(dim=1).values


# %% tags=["wrong"] expect="the other neighbours are not asked"
# - similarity.topk(k, dim=1).indices
# + similarity.topk(1, dim=1).indices

# %% tags=["wrong"] expect="classes, not positions"
# - train_labels[nearest].tolist()
# + nearest.tolist()

# %% tags=["wrong"] expect="the cosine, not the distance"
# - similarity = F.normalize(features, dim=1) @ F.normalize(train_features, dim=1).T
# + similarity = -torch.cdist(features, train_features)

# %% [markdown]
# Try it before you run the check. The picture points in nearly the same direction as the last training picture, but the
# other two are of one class:

# %%
three = torch.tensor([[0.0, 1.0], [0.2, 1.0], [1.0, 0.0]])
for k in [1, 2, 3]:
    print(k, predict_by_neighbours(three, torch.tensor([4, 4, 9]), torch.tensor([[5.0, 0.5]]), k))

# %% tags=["check"] points=4
angles = torch.tensor([0.0, 10.0, 22.0, 36.0, 52.0, 70.0, 180.0]).deg2rad()
lengths = torch.tensor([1.0, 3.0, 1.0, 0.2, 5.0, 1.0, 1.0])
table = torch.stack([angles.cos(), angles.sin()], dim=1) * lengths[:, None]
kinds = torch.tensor([3, 1, 1, 3, 0, 2, 2])


def ask(degrees, k):
    angle = torch.tensor(degrees).deg2rad()
    answer = predict_by_neighbours(table, kinds, torch.stack([angle.cos(), angle.sin()])[None], k)
    one = torch.is_tensor(answer) and tuple(answer.shape) == (1,)
    assert one, f"return a tensor with one label for each picture, not {answer!r}"
    assert not answer.is_floating_point(), "labels are whole numbers: return an int tensor"
    return int(answer[0])


def choose(first, second, picture):
    answer = predict_by_neighbours(torch.tensor([first, second]), torch.tensor([5, 6]), torch.tensor([picture]), 1)
    return int(answer[0])


assert ask(180.0, 1) != 6, "return classes, not positions: train_labels[…]"
assert ask(180.0, 1) != 3, "the least similar pictures are asked: take those with the largest cosine"
assert choose([1.0, 0.0], [3.0, 3.0], [1.0, 0.1]) == 5, "divide each row by its length: otherwise long rows win"
assert choose([0.1, 0.0], [0.0, 1.0], [1.0, 0.9]) == 5, "similarity is the cosine, not the distance of the points"
assert ask(0.0, 1) == 3, f"with k=1 the most similar picture decides: class 3, not {ask(0.0, 1)}"
assert ask(1.0, 3) == 1, "with k=3 two of three vote for class 1, you say otherwise: the other neighbours are not asked"
for degrees, k, right in [(1.0, 2, 3), (1.0, 4, 3), (8.0, 4, 1), (60.0, 6, 3)]:
    found = ask(degrees, k)
    assert found == right, f"in a tie the class of the most similar neighbour among the tied wins: {right}, not {found}"
several = predict_by_neighbours(table, kinds, table, 1)
assert torch.equal(several, kinds), "asked about the training pictures with k=1, each should be its own neighbour"
inputs = fresh_inputs()
for k in [1, 4, 5, 8]:
    table, asked = torch.randn(20, 3) * torch.rand(20, 1), torch.randn(10, 3)
    kinds = torch.from_numpy(inputs.integers(4, size=20))
    cosines = F.cosine_similarity(asked[:, None], table, dim=2)
    expected = []
    for order in cosines.argsort(dim=1, descending=True).tolist():
        votes = kinds[order[:k]].tolist()
        expected.append(next(vote for vote in votes if votes.count(vote) == max(map(votes.count, votes))))
    clear = (cosines.sort(dim=1).values.diff(dim=1) > 1e-5).all(dim=1)  # rounding decides in the others
    found = predict_by_neighbours(table, kinds, asked, k)
    assert tuple(found.shape) == (10,), f"ten pictures should give ten labels, not a tensor {tuple(found.shape)}"
    assert torch.equal(found[clear].long(), torch.tensor(expected)[clear]), (
        f"ten pictures among 20 with k={k}: their classes are {expected}, not {found.tolist()}"
    )
print("✓ task 3")

# %% [markdown]
# ## Task 4 · A cache that knows its pictures (5 points)
#
# Features kept in a file save time, until somebody adds a picture, renames one, or changes the order: then the file
# belongs to other pictures than those in the folder, and nothing crashes. Write a function that
#
# - calls `compute()` if there is no file yet, writes features and names to this one file, in a format of your choice,
#   and returns the features,
# - returns the features from the file, without calling `compute()`, if the file was made of the same names in the same
#   order,
# - otherwise raises a `ValueError` whose message names at least one picture that differs. The file stays as it was.
# <details><summary>Hint 1: a question</summary>
#
# How can the file itself tell to which pictures its rows belong? And what has to be compared before its features may be
# used?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *A head in a blink* shows what features once computed are good for, and *What it costs: augmentation* what a cache is
# tied to.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# This writes a small table together with what it belongs to, and reads both back.
#
# ```python
# with tempfile.TemporaryDirectory() as folder:
#     file = Path(folder, "rainfall.pt")
#     save_checkpoint(file, {"town": "Ulm", "rain": torch.tensor([3.0, 0.5])})
#     read = load_checkpoint(file)
#     if read["town"] != "Bonn":
#         print("this is the rain of", read["town"], read["rain"])
# ```
#
# </details>

# %% tags=["answer"]
def cached_features(path, names, compute):
    """Features of the pictures with these names, computed only once.

    Args:
        path: Path of the cache's file
        names: list of str, the pictures in their order
        compute: function without arguments that returns a float tensor (n, d)
    Returns:
        float tensor (n, d)
    Raises:
        ValueError: the file holds features of other pictures, or of the same in another order
    """
    ### BEGIN SOLUTION
    if not Path(path).exists():
        features = compute()
        save_checkpoint(path, {"names": list(names), "features": features})
        return features
    stored = load_checkpoint(path)
    if stored["names"] != list(names):
        differ = sorted(set(stored["names"]) ^ set(names)) or [a for a, b in zip(stored["names"], names) if a != b]
        raise ValueError(f"{path} was made of other pictures or in another order, see {differ[:3]}. Delete it.")
    return stored["features"]
    ### END SOLUTION


# %% tags=["right"]
import numpy as np


def cached_features(path, names, compute):
    if Path(path).is_file():
        with np.load(path) as stored:
            if stored["names"].tolist() != names:
                raise ValueError(f"{path} was made of {stored['names']}, not of {names}")
            return torch.from_numpy(stored["features"])
    features = compute()
    with open(path, "wb") as file:
        np.savez(file, names=np.array(names), features=features.numpy())
    return features


# %% tags=["right"]
import json
from itertools import zip_longest

from safetensors import safe_open
from safetensors.torch import save_file


def cached_features(path, names, compute):
    try:
        with safe_open(path, framework="pt") as file:
            known, features = json.loads(file.metadata()["names"]), file.get_tensor("features")
    except FileNotFoundError:
        features = compute()
        save_file({"features": features.contiguous()}, path, metadata={"names": json.dumps(names)})
        return features
    for row, (old, new) in enumerate(zip_longest(known, names)):
        if old != new:
            raise ValueError(f"row {row} of {path} belongs to {old}, not to {new}")
    return features


# %% tags=["right"]
def cached_features(path, names, compute):
    if not path.exists():
        torch.save(dict(zip(names, compute())), path)
    table = torch.load(path)
    if list(table) != names:
        strangers = table.keys() ^ set(names)
        raise ValueError(f"{path} holds other pictures: {strangers}" if strangers else f"{names} are in another order")
    return torch.stack(list(table.values()))


# %% tags=["wrong"] expect="return the features that compute() returns"
# -         features = compute()
# +         features = compute().tolist()

# %% tags=["wrong"] expect="computed again"
def cached_features(path, names, compute):
    features = compute()
    if Path(path).exists() and load_checkpoint(path)["names"] != list(names):
        raise ValueError(f"{path} is of other pictures: {sorted(set(load_checkpoint(path)['names']) ^ set(names))}")
    save_checkpoint(path, {"names": list(names), "features": features})
    return features


# %% tags=["wrong"] expect="a picture was renamed"
# - stored["names"] != list(names)
# + len(stored["names"]) != len(names)

# %% tags=["wrong"] expect="in another order"
# - stored["names"] != list(names)
# + set(stored["names"]) != set(names)

# %% tags=["wrong"] expect="should raise a ValueError when a picture"
# - stored["names"] != list(names)
# + False

# %% tags=["wrong"] expect="overwritten"
def cached_features(path, names, compute):
    if Path(path).exists():
        stored = load_checkpoint(path)
        if stored["names"] == list(names):
            return stored["features"]
    known = stored["names"] if Path(path).exists() else list(names)
    save_checkpoint(path, {"names": list(names), "features": compute()})
    if known != list(names):
        raise ValueError(f"{path} is of other pictures: {sorted(set(known) ^ set(names)) or known}")
    return load_checkpoint(path)["features"]


# %% tags=["wrong"] expect="name a picture"
# -         differ = sorted(set(stored["names"]) ^ set(names)) or [a for a, b in zip(stored["names"], names) if a != b]
# -         raise ValueError(f"{path} was made of other pictures or in another order, see {differ[:3]}. Delete it.")
# +         raise ValueError("the cache is of other pictures")

# %% tags=["wrong"] expect="a copy of the file alone"
memory = {}


def cached_features(path, names, compute):
    if path not in memory:
        memory[path] = list(names), compute()
        path.write_text("done")
    known, features = memory[path]
    if known != list(names):
        raise ValueError(f"{path} is of other pictures: {sorted(set(known) ^ set(names)) or known}")
    return features


# %% tags=["wrong"] expect="no file was written"
def cached_features(path, names, compute):
    if Path(path).exists():
        return load_checkpoint(path)["features"]
    return compute()


# %% [markdown]
# Try it before you run the check. The second call should not compute anything:

# %%
def compute():
    print("computing")
    return torch.ones(2, 4)


with tempfile.TemporaryDirectory() as folder:
    for _ in range(2):
        print(cached_features(Path(folder) / "features.pt", ["ant.jpg", "bee.jpg"], compute))

# %% tags=["check"] points=5
calls = []


def count_and_compute():
    calls.append(1)
    return torch.arange(12.0).view(4, 3) + len(calls)


def refused(names):
    before = cache.read_bytes()
    try:
        cached_features(cache, list(names), count_and_compute)
    except ValueError as error:
        assert cache.read_bytes() == before, "the file of other pictures has been overwritten: leave it as it was"
        return str(error)
    return None


pictures = ["q7.jpg", "m3.jpg", "x5.jpg", "k2.jpg"]
with tempfile.TemporaryDirectory() as folder:
    cache = Path(folder) / "features.pt"
    first = cached_features(cache, list(pictures), count_and_compute)
    same = torch.is_tensor(first) and tuple(first.shape) == (4, 3)
    assert same, f"return the features that compute() returns, a tensor, not {type(first).__name__}"
    assert cache.exists(), f"no file was written at {cache.name}: save the features and the names there"
    second = cached_features(cache, list(pictures), count_and_compute)
    assert len(calls) == 1, "the features were computed again, although the file was there"
    assert torch.is_tensor(second), "the second call should return the features, too, and nothing else"
    assert torch.equal(first, second), "the second call returns other features than the first"
    copied = Path(folder) / "copied.pt"
    copied.write_bytes(cache.read_bytes())
    alone = "a copy of the file alone should do, under any name: write the names and the features into it"
    try:
        third = cached_features(copied, list(pictures), count_and_compute)
    except Exception as error:
        raise AssertionError(f"{alone} ({type(error).__name__}: {error})") from None
    assert len(calls) == 1 and torch.equal(third, first), alone
    added = refused([*pictures, "z9.jpg"])
    assert added is not None, "the function should raise a ValueError when a picture was added"
    assert "z9.jpg" in added, f"the message should name a picture that differs, here z9.jpg: {added!r}"
    removed = refused(pictures[:3])
    assert removed is not None, "the function should raise a ValueError when a picture was removed"
    assert "k2.jpg" in removed, f"the message should name a picture that differs, here k2.jpg: {removed!r}"
    renamed = refused([*pictures[:2], "z9.jpg", pictures[3]])
    assert renamed is not None, "a picture was renamed and the file accepted: compare names, not numbers of pictures"
    assert "z9.jpg" in renamed or "x5.jpg" in renamed, f"the message should name a picture that differs: {renamed!r}"
    turned = refused(pictures[::-1])
    assert turned is not None, "the same pictures in another order were accepted: row i would be of another picture"
    assert any(name in turned for name in pictures), f"the message should name a picture that differs: {turned!r}"
    assert len(calls) == 1, "compute() was called for a file of other pictures: refuse it before anything is computed"
    assert torch.equal(cached_features(cache, list(pictures), count_and_compute), first), "the file has changed"
inputs = fresh_inputs()
names = [f"{'abcdefgh'[letter]}{number}.jpg" for number, letter in enumerate(inputs.integers(8, size=6))]
rows, place = torch.randn(6, 2), int(inputs.integers(6))
with tempfile.TemporaryDirectory() as folder:
    cache = Path(folder) / "other.cache"
    for call in ["first", "second"]:
        found = cached_features(cache, list(names), rows.clone)
        same = torch.is_tensor(found) and found.shape == rows.shape and torch.allclose(found, rows, atol=1e-6)
        assert same, f"six other pictures: the {call} call returns other features than those that were computed"
    other = [*names[:place], "new.jpg", *names[place + 1 :]]
    told = refused(other)
    assert told is not None, f"picture {place + 1} of six was renamed, and the file accepted"
    assert "new.jpg" in told or names[place] in told, f"name new.jpg or {names[place]}, which differ, not {told!r}"
    assert refused(sorted(names, reverse=True, key=names.index)) is not None, "six pictures in reverse were accepted"
print("✓ task 4")

# %% [markdown]
# ## Task 5 · Whose label is wrong? (4 points)
#
# Neighbours also find wrong labels. Here are 500 handwritten digits of scikit-learn, 8 × 8 pixels each. Somebody has
# given ten of them a wrong label. Which ones? Nobody wants to look through 500. Write a function that returns the
# positions of the 20 pictures that one should look at first, and catch most of the ten. How you do it is up to you. It
# need not be perfect: the check makes three such sets, with other wrong labels each time, and wants 26 of the 30.
#
# The features are the pixels themselves. Digits are so much alike that this will do.
# <details><summary>Hint 1: a question</summary>
#
# Whom would you ask whether a label is right, if you cannot look at the picture? And who must not be asked?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Search by picture* finds the pictures that are most alike; there, too, each picture is nearest to itself.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# This finds the house whose price fits its two nearest neighbours least.
#
# ```python
# place, price = torch.tensor([1.0, 2.0, 3.0, 10.0, 11.0, 12.0]), torch.tensor([5.0, 6.0, 1.0, 2.0, 2.0, 1.0])
# apart = (place[:, None] - place).abs()
# odd = []
# for house, row in enumerate(apart):
#     order = row.argsort()[1:3]  # the first one is the house itself
#     odd.append((price[order].mean() - price[house]).abs().item())
# print(odd.index(max(odd)))  # 2
# ```
#
# </details>

# %%
given, wrong = spoil(digit_labels, seed=0)
print(f"the true labels {digit_labels[wrong].tolist()} have become {given[wrong].tolist()}")

# %% tags=["answer"]
def suspects(features, labels, count):
    """Positions of the pictures whose labels are most likely to be wrong.

    Args:
        features: float tensor (n, d)
        labels: int tensor (n,), some of them wrong
        count: int, how many positions to return
    Returns:
        int tensor (count,), the most suspicious one first
    """
    ### BEGIN SOLUTION
    distances = torch.cdist(features, features)
    distances.fill_diagonal_(float("inf"))  # nobody is a witness of their own
    nearest = distances.topk(10, largest=False).indices
    disagree = (labels[nearest] != labels[:, None]).float().mean(dim=1)
    return disagree.topk(count).indices
    ### END SOLUTION


# %% tags=["right"]
def suspects(features, labels, count):
    rows = F.normalize(features, dim=1)
    similarity, nearest = (rows @ rows.T).fill_diagonal_(-1).topk(7)
    support = ((labels[nearest] == labels[:, None]) * similarity).sum(dim=1)
    return support.argsort()[:count]


# %% tags=["right"]
def suspects(features, labels, count):
    means = torch.stack([features[labels == label].mean(dim=0) for label in range(10)])
    distances = torch.cdist(features, means)
    own = distances.gather(1, labels[:, None]).squeeze(1)
    others = distances.scatter(1, labels[:, None], float("inf")).min(dim=1).values
    return (own - others).topk(count).indices


# %% tags=["right"]
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict


def suspects(features, labels, count):
    judge = LogisticRegression(max_iter=100)
    answers = cross_val_predict(judge, features, labels, cv=3, method="predict_proba")
    return torch.from_numpy(answers[range(len(labels)), labels].argsort()[:count])


# %% tags=["wrong"] expect="return a tensor of positions"
# - return disagree.topk(count).indices
# + return disagree.topk(count)

# %% tags=["wrong"] expect="its own nearest neighbour"
def suspects(features, labels, count):
    nearest = torch.cdist(features, features).argmin(dim=1)
    return (labels[nearest] != labels).float().topk(count).indices


# %% tags=["wrong"] expect="the least suspicious"
# - disagree.topk(count).indices
# + disagree.topk(count, largest=False).indices

# %% tags=["wrong"] expect="ask more neighbours"
# - topk(10, largest=False)
# + topk(1, largest=False)

# %% tags=["wrong"] expect="strange pictures"
# -     nearest = distances.topk(10, largest=False).indices
# -     disagree = (labels[nearest] != labels[:, None]).float().mean(dim=1)
# -     return disagree.topk(count).indices
# +     return distances.min(dim=1).values.topk(count).indices

# %% tags=["wrong"] expect="positions of pictures, not labels"
# - disagree.topk(count).indices
# + labels[disagree.topk(count).indices]

# %% tags=["wrong"] expect="as many as asked for"
# - disagree.topk(count).indices
# + disagree.gt(0.5).nonzero().flatten()

# %% tags=["wrong"] expect="the labels have been changed"
# -     return disagree.topk(count).indices
# +     labels[disagree > 0.5] = 0
# +     return disagree.topk(count).indices

# %% tags=["check"] points=4
caught, alone, strange = 0, 0, 0
distances = torch.cdist(pixels, pixels).fill_diagonal_(float("inf"))
for seed in [1, 2, 3]:
    given, wrong = spoil(digit_labels, seed)
    before = given.clone()
    found = suspects(pixels, given, 20)
    assert torch.equal(given, before), "the labels have been changed: only say where to look"
    assert torch.is_tensor(found), f"return a tensor of positions, not {type(found).__name__}"
    assert found.ndim == 1, f"return one position for each suspect, not a tensor {tuple(found.shape)}"
    assert not found.is_floating_point() and found.dtype != torch.bool, "positions are whole numbers"
    assert len(found) == 20, f"return as many as asked for: 20, not {len(found)}"
    unique = set(found.tolist())
    assert len(unique) > 15 or max(unique) > 9, "return positions of pictures, not labels"
    assert len(unique) == 20, "some pictures are named twice"
    assert unique <= set(range(500)), f"positions run from 0 to 499, yours up to {max(unique)}"
    caught += len(unique & set(wrong.tolist()))
    lone = given[distances.argmin(dim=1)] != given
    alone += lone[found].sum().item()
    strange += len(unique & set(distances.min(dim=1).values.topk(60).indices.tolist()))
advice = "a suspect is a picture most of whose neighbours have another label"
if caught < 26:
    assert strange < 55, f"these are strange pictures, unlike all others ({caught} of 30 caught): {advice}"
    assert alone < 55, f"{caught} of 30 caught: one neighbour is often wrong itself, ask more neighbours"
    assert caught, f"none of 30 caught: is each its own nearest neighbour, or are these the least suspicious? {advice}"
assert caught >= 26, f"{caught} of 30 wrong labels were caught, 26 are wanted: {advice}"
print(f"{caught} of 30 wrong labels caught")
inputs = fresh_inputs()
order = torch.randperm(len(pixels))
given, wrong = spoil(digit_labels[order], int(inputs.integers(100_000)))
caught = len(set(suspects(pixels[order], given, 20).tolist()) & set(wrong.tolist()))
assert caught >= 5, f"the same pictures in another order, ten other labels wrong: {caught} of them caught. {advice}"
print("✓ task 5")

# %% [markdown]
# Look at them. Above each stands the label that it was given. Which ones would you mend? Some are right and only look
# odd; that is why a human being looks.

# %%
import matplotlib.pyplot as plt

from course_utils import show_batch

given, _ = spoil(digit_labels, seed=0)
found = suspects(pixels, given, 20)
show_batch(pixels[found].view(-1, 1, 8, 8), given[found], columns=10, title="Whose label is wrong?")
plt.show()

# %% [markdown]
# Real collections have wrong labels, too, famous ones among them. Whoever looks for them this way finds in minutes what
# nobody finds by reading lists.
#
# Done? [Compare with the solutions](../solutions/07_feature_extraction.ipynb), or go on with
# [lesson 08](../08_custom_dataset.ipynb).

# %% tags=["nbval-ignore-output"]
progress()

# %% tags=["proof"]
from course_utils.exercises import marks_here

assert set(marks_here().values()) == {"✓"}, marks_here()
