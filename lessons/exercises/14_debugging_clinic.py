# %% [markdown]
# # Exercises 14 · The debugging clinic
#
# Four programs to mend and a test to write, about 50 minutes. A task shows a broken program, the patient; what the
# mended one should do stands in the text between the triple quotes of the gap. Each patient has several bugs, and some
# hide others. Run it, measure, then write the mended program into the gap: copy the patient there, or start anew. The
# check tests behaviour, so any program that does what is described will pass. You need nothing beyond
# [lesson 14](../14_debugging_clinic.ipynb) and the lessons it links to; if you are stuck, unfold a hint. Run the next
# cell first; its network and its two trainings are for the tasks 4 and 5.

# %%
import copy
import pickle
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

from course_utils import freeze, fresh_inputs, load_digits28, progress, start_exercise, unfreeze

course = start_exercise("14")
digits, digit_labels = load_digits28("val")


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5))
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(4, 10)

    def forward(self, images):
        return self.fc(self.pool(self.body(images)).flatten(1))


def two_epochs(model, optimizer):
    for images, labels in zip(digits[:64].split(32), digit_labels[:64].split(32)):
        model.train()  # as fit does at the beginning of every epoch
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        if loss.requires_grad:  # otherwise everything is frozen
            loss.backward()
        optimizer.step()


def learning(optimizer):
    return sum(weight.requires_grad for group in optimizer.param_groups for weight in group["params"])


def simulation(scores, log):
    """A training that returns these scores, and notes rates and numbers of trained tensors in the list `log`."""
    scores = iter(scores)

    def train_epoch(model, optimizer):
        assert isinstance(optimizer, torch.optim.SGD), f"the optimizer is {type(optimizer).__name__}, it should be SGD"
        rates = {group["lr"] for group in optimizer.param_groups}
        assert len(rates) == 1, f"the optimizer has parts with the rates {sorted(rates)}, it should be one rate for all"
        score = next(scores, None)
        assert score is not None, "train four epochs in each stage, not more"
        log.append((*rates, learning(optimizer)))
        for weight in model.parameters():
            weight.grad = torch.zeros_like(weight)
        optimizer.step()  # the gradients are 0, nothing moves
        with torch.no_grad():
            model.fc.bias.fill_(len(log))
        return score

    return train_epoch


def network():
    model = Small()
    nn.init.zeros_(model.fc.bias)
    return model

# %% [markdown]
# ## Task 1 · The score of a network (4 points)
#
# The patient is to measure loss and accuracy on everything that a loader yields. Two calls in a row differ, and the
# loss is far too low.

# %%
def patient_1(model, loader):
    total, correct = 0.0, 0
    for images, labels in loader:
        logits = model(images)
        total += F.cross_entropy(logits, labels)
        total /= len(loader)
        correct += (logits.argmax(dim=1) == labels).sum()
    return {"loss": total, "accuracy": correct / (len(loader) * loader.batch_size)}


torch.manual_seed(0)
ten_digits = DataLoader(TensorDataset(digits[:10], digit_labels[:10]), batch_size=4)
model = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(784, 10))
for _ in range(2):
    print({name: value.item() for name, value in patient_1(model, ten_digits).items()})

# %% [markdown]
# <details><summary>Hint 1: a question</summary>
#
# Ten digits in batches of four: what is `len(loader) * loader.batch_size`? And what would this loss be if each of the
# three batches had the loss 1?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# The table *By symptom* has all of them: a score that changes, a loss that is too small, one that depends on the batch
# size, and memory that grows. Each row names the cure, and the lesson that tells more.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A mean over pieces of different lengths, and a mode that is put back:
#
# ```python
# values, pieces = torch.arange(5.0), [2, 3]
# means = [piece.mean().item() for piece in values.split(pieces)]
# print(np.mean(means), np.average(means, weights=pieces), values.mean().item())
#
# layer = nn.Dropout().eval()
# mode = layer.training
# layer.train()
# layer.train(mode)
# print(layer.training)  # as it came
# ```
#
# </details>

# %% tags=["answer"]
def score(model, loader):
    """Loss and accuracy of a network on all examples of a loader, in evaluation mode and without gradients.

    The model is left in the mode (training or evaluation) in which it came.

    Args:
        model: nn.Module, images -> logits (n, classes)
        loader: yields (images, labels); the last batch may be smaller
    Returns:
        dict of two Python floats: "loss", the mean over all examples, and "accuracy"
    """
    ### BEGIN SOLUTION
    was_training = model.training
    model.eval()
    total, correct, seen = 0.0, 0, 0
    with torch.no_grad():
        for images, labels in loader:
            logits = model(images)
            total += F.cross_entropy(logits, labels).item() * len(labels)
            correct += (logits.argmax(dim=1) == labels).sum().item()
            seen += len(labels)
    model.train(was_training)
    return {"loss": total / seen, "accuracy": correct / seen}
    ### END SOLUTION


# %% tags=["right"]
# -     was_training = model.training
# -     model.eval()
# -     total, correct, seen = 0.0, 0, 0
# -     with torch.no_grad():
# -         for images, labels in loader:
# -             logits = model(images)
# -             total += F.cross_entropy(logits, labels).item() * len(labels)
# -             correct += (logits.argmax(dim=1) == labels).sum().item()
# -             seen += len(labels)
# -     model.train(was_training)
# -     return {"loss": total / seen, "accuracy": correct / seen}
# +     return evaluate(model, loader)
# - def score(
# + from course_utils import evaluate
# +
# +
# + def score(

# %% tags=["right"]
# -     total, correct, seen = 0.0, 0, 0
# -     with torch.no_grad():
# -         for images, labels in loader:
# -             logits = model(images)
# -             total += F.cross_entropy(logits, labels).item() * len(labels)
# -             correct += (logits.argmax(dim=1) == labels).sum().item()
# -             seen += len(labels)
# -     model.train(was_training)
# -     return {"loss": total / seen, "accuracy": correct / seen}
# +     with torch.inference_mode():
# +         outputs, labels = zip(*((model(images), labels) for images, labels in loader))
# +     model.train(was_training)
# +     outputs, labels = torch.cat(outputs), torch.cat(labels)
# +     accuracy = accuracy_score(labels, outputs.argmax(dim=1))
# +     return {"loss": F.cross_entropy(outputs, labels).item(), "accuracy": float(accuracy)}
# - def score(
# + from sklearn.metrics import accuracy_score
# +
# +
# + def score(

# %% tags=["right"]
# -     total, correct, seen = 0.0, 0, 0
# -     with torch.no_grad():
# -         for images, labels in loader:
# -             logits = model(images)
# -             total += F.cross_entropy(logits, labels).item() * len(labels)
# -             correct += (logits.argmax(dim=1) == labels).sum().item()
# -             seen += len(labels)
# -     model.train(was_training)
# -     return {"loss": total / seen, "accuracy": correct / seen}
# +     losses, hits = [], []
# +     with torch.set_grad_enabled(False):
# +         for images, labels in loader:
# +             logits = model(images)
# +             losses.extend(F.cross_entropy(logits, labels, reduction="none").tolist())
# +             hits.extend(torch.eq(logits.max(dim=1).indices, labels).tolist())
# +     model.train(was_training)
# +     return {"loss": float(np.mean(losses)), "accuracy": float(np.mean(hits))}

# %% tags=["wrong"] expect="a Tensor, not a float"
def score(model, loader):
    return patient_1(model, loader)


# %% tags=["wrong"] expect="not a tuple"
# - return {"loss": total / seen, "accuracy": correct / seen}
# + return total / seen, correct / seen

# %% tags=["wrong"] expect="dropout is at work"
# - model.eval()
# + pass

# %% tags=["wrong"] expect="graph is built"
# - with torch.no_grad():
# + with torch.enable_grad():

# %% tags=["wrong"] expect="off for the whole program"
# -     with torch.no_grad():
# +     torch.set_grad_enabled(False)
# +     with torch.no_grad():

# %% tags=["wrong"] expect="left in evaluation mode"
# -     model.train(was_training)

# %% tags=["wrong"] expect="came in evaluation mode"
# - model.train(was_training)
# + model.train()

# %% tags=["wrong"] expect="divided inside the loop"
# - total += F.cross_entropy(logits, labels).item() * len(labels)
# + total = (total + F.cross_entropy(logits, labels).item()) / len(loader)
# - total / seen
# + total

# %% tags=["wrong"] expect="weighs as much as"
# - total += F.cross_entropy(logits, labels).item() * len(labels)
# + total += F.cross_entropy(logits, labels).item()
# - total / seen
# + total / len(loader)

# %% tags=["wrong"] expect="the lowest logit"
# - logits.argmax(dim=1)
# + logits.argmin(dim=1)

# %% tags=["wrong"] expect="one number for the whole batch"
# - logits.argmax(dim=1)
# + logits.argmax()

# %% tags=["wrong"] expect="not 12"
# - correct / seen
# + correct / (len(loader) * loader.batch_size)

# %% [markdown]
# Try it before you run the check; both lines should be the same:

# %%
for _ in range(2):
    print(score(model, ten_digits))

# %% tags=["check"] points=4
modes, graphs = [], []  # of every call, on copies of the network as well


class Watched(nn.Module):
    """Gives each picture's logits as they come, after dropout; notes in which mode it is asked."""

    def __init__(self):
        super().__init__()
        self.dropout, self.scale = nn.Dropout(0.5), nn.Parameter(torch.ones(1))

    def forward(self, images):
        modes.append(self.training)
        graphs.append(torch.is_grad_enabled())
        return self.dropout(images) * self.scale


generator = torch.Generator().manual_seed(0)
table, truth = torch.randn(10, 3, generator=generator), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
table[8:] *= 8
for row in range(10):  # seven are right, for three the lowest logit is that of the truth
    table[row, truth[row]] += 5 if row < 7 else -30
loader = DataLoader(TensorDataset(table, truth), batch_size=4)
watched = Watched()
torch.set_grad_enabled(True)
found = score(watched, loader)
switched_off = not torch.is_grad_enabled()
torch.set_grad_enabled(True)
assert isinstance(found, dict), f'return a dict with "loss" and "accuracy", not a {type(found).__name__}'
assert set(found) == {"loss", "accuracy"}, f'the dict should have "loss" and "accuracy", yours has {list(found)}'
for name, value in found.items():
    kind = type(value).__name__
    assert isinstance(value, (float, int, np.floating)), f"{name} is a {kind}, not a float: a loss keeps its graph"
assert modes, "the network was never called"
assert not any(modes), "the network is in training mode: dropout is at work"
assert not any(graphs), "with every batch a graph is built for backward: switch gradients off"
message = "gradients are off for the whole program after the call, and no training works any more: use `with`"
assert not switched_off, message
assert watched.training, "the model came in training mode and is left in evaluation mode"
watched.eval()
score(watched, loader)
assert not watched.training, "the model came in evaluation mode and is left in training mode"
losses = [F.cross_entropy(logits, labels).item() for logits, labels in zip(table.split(4), truth.split(4))]
inside = ((losses[0] / 3 + losses[1]) / 3 + losses[2]) / 3
assert abs(found["loss"] - inside) > 1e-4, "the sum of the losses is divided inside the loop, with every batch again"
assert abs(found["loss"] - losses[-1]) > 1e-4, "this is the loss of the last batch alone"
plain = sum(losses) / 3
assert abs(found["loss"] - plain) > 1e-4, "the last batch, of two, weighs as much as a batch of four"
expected = F.cross_entropy(table, truth).item()
assert abs(found["loss"] - expected) < 1e-4, f"the loss of all examples is {expected:.4f}, not {found['loss']:.4f}"
right = (table.argmax(dim=1) == truth).sum().item()
lowest = (table.argmin(dim=1) == truth).float().mean().item()
assert abs(found["accuracy"] - lowest) > 1e-4, "the class found is the one with the highest logit, not the lowest logit"
flat = sum((logits.argmax() == labels).sum().item() for logits, labels in zip(table.split(4), truth.split(4))) / 10
message = "argmax() without dim gives one number for the whole batch; dim=1 gives the class of each picture"
assert abs(found["accuracy"] - flat) > 1e-4, message
assert abs(found["accuracy"] - right / 12) > 1e-4, "there are 10 examples, not 12: the last batch is smaller"
assert abs(found["accuracy"] - right / 10) < 1e-4, f"{right} of 10 are right, that is not {found['accuracy']:.3f}"
inputs = fresh_inputs()
number, size = int(inputs.integers(7, 13)), int(inputs.integers(2, 6))
table, truth = torch.randn(number, 4), torch.from_numpy(inputs.integers(4, size=number))
found, expected = score(watched, DataLoader(TensorDataset(table, truth), size)), F.cross_entropy(table, truth).item()
what = f"of {number} random examples in batches of {size}"
assert abs(found["loss"] - expected) < 1e-4, f"the loss {what} is {expected:.4f}, not {found['loss']:.4f}"
expected = (table.argmax(dim=1) == truth).float().mean().item()
assert abs(found["accuracy"] - expected) < 1e-4, f"{expected:.3f} {what} are right, not {found['accuracy']:.3f}"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · A network for pictures of any size (4 points)
#
# The patient was written for digits of 28 pixels. With pictures of 14 pixels it makes one row of several pictures, with
# 20 pixels it stops. And at 28 pixels, where it runs, it does not learn: examine it by the lesson's routine.

# %%
class Patient2(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.fc = nn.Linear(1568, num_classes)
        for weight in self.parameters():
            nn.init.normal_(weight)

    def forward(self, images):
        maps = F.max_pool2d(F.relu(self.conv(images)), 2)
        return self.fc(maps.view(-1, 1568)).softmax(dim=1)


for side in [28, 14]:
    some = F.interpolate(digits[:8], size=side)
    print(side, "pixels:", len(some), "pictures give", tuple(Patient2(10)(some).shape))

# %% [markdown]
# <details><summary>Hint 1: a question</summary>
#
# Which layer of the patient knows the size of the pictures, and which one could make it forget? What does
# `F.cross_entropy` do with the numbers that it is given?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# The routine is in *When nothing is learned*; the messages of layers that do not fit are in the table *By message*.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A layer that gives the same size whatever comes in, and PyTorch's own starting values, whose spread is about one:
#
# ```python
# pool = nn.AdaptiveMaxPool1d(3)
# for length in [4, 9]:
#     print(tuple(pool(torch.rand(2, 5, length)).shape))
#
# some = torch.randn(1000, 300)
# print(f"as made by PyTorch: {nn.Linear(300, 5)(some).std():.1f}")
# print(f"from randn: {(some @ torch.randn(300, 5)).std():.1f}")
# ```
#
# </details>

# %% tags=["answer"]
class Net(nn.Module):
    """A network for grey pictures of any size from 8 pixels on: float (n, 1, height, width) -> logits (n, num_classes).

    It begins without preferring a class: the first loss is near the logarithm of the number of classes. With
    `F.cross_entropy` it can learn one small batch by heart. In evaluation mode a picture gets the same logits in every
    batch.

    Args:
        num_classes: number of classes
    """

    ### BEGIN SOLUTION
    def __init__(self, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(7)
        self.fc = nn.Linear(8 * 7 * 7, num_classes)

    def forward(self, images):
        maps = self.pool(F.relu(self.conv(images)))
        return self.fc(maps.flatten(1))

    ### END SOLUTION


# %% tags=["right"]
# -         self.conv = nn.Conv2d(1, 8, 3, padding=1)
# -         self.pool = nn.AdaptiveAvgPool2d(7)
# -         self.fc = nn.Linear(8 * 7 * 7, num_classes)
# +         self.layers = nn.Sequential(
# +             nn.Conv2d(1, 16, 3, padding=1, bias=False),
# +             nn.BatchNorm2d(16),
# +             nn.ReLU(),
# +             nn.MaxPool2d(2),
# +             nn.Conv2d(16, 32, 3, padding=1),
# +             nn.ReLU(),
# +             nn.AdaptiveAvgPool2d(1),
# +             nn.Flatten(),
# +             nn.Linear(32, num_classes),
# +         )
# -         maps = self.pool(F.relu(self.conv(images)))
# -         return self.fc(maps.flatten(1))
# +         return self.layers(images)

# %% tags=["right"]
# -         self.pool = nn.AdaptiveAvgPool2d(7)
# -         self.fc = nn.Linear(8 * 7 * 7, num_classes)
# +         self.fc = nn.Linear(1568, num_classes)
# +         nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
# +         nn.init.zeros_(self.fc.bias)
# -         maps = self.pool(F.relu(self.conv(images)))
# -         return self.fc(maps.flatten(1))
# +         same_size = F.interpolate(images, size=(28, 28), mode="bilinear")
# +         maps = F.max_pool2d(F.relu(self.conv(same_size)), 2)
# +         return self.fc(maps.view(len(images), -1))

# %% tags=["right"]
# -         self.conv = nn.Conv2d(1, 8, 3, padding=1)
# -         self.pool = nn.AdaptiveAvgPool2d(7)
# -         self.fc = nn.Linear(8 * 7 * 7, num_classes)
# +         self.conv, self.fc = nn.Conv2d(1, 32, 5), nn.Linear(64, num_classes)
# -         maps = self.pool(F.relu(self.conv(images)))
# -         return self.fc(maps.flatten(1))
# +         maps = self.conv(images).tanh()
# +         return self.fc(torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1))

# %% tags=["wrong"] expect="8 pictures of 14 x 14 pixels give 2 rows"
class Net(Patient2):
    pass


# %% tags=["wrong"] expect="depends on the size of the pictures"
class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(1568, num_classes)

    def forward(self, images):
        return self.fc(F.max_pool2d(F.relu(self.conv(images)), 2).flatten(1))


# %% tags=["wrong"] expect="probabilities, not logits"
# - return self.fc(maps.flatten(1))
# + return self.fc(maps.flatten(1)).softmax(dim=1)

# %% tags=["wrong"] expect="the starting values are not scaled"
# -         self.fc = nn.Linear(8 * 7 * 7, num_classes)
# +         self.fc = nn.Linear(8 * 7 * 7, num_classes)
# +         for weight in self.parameters():
# +             nn.init.normal_(weight)

# %% tags=["wrong"] expect="a single picture"
class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv, self.pool = nn.Conv2d(1, 8, 3, padding=1), nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, num_classes)

    def forward(self, images):
        return self.fc(self.pool(F.relu(self.conv(images))).squeeze())


# %% tags=["wrong"] expect="num_classes=3"
# - nn.Linear(8 * 7 * 7, num_classes)
# + nn.Linear(8 * 7 * 7, 10)

# %% tags=["wrong"] expect="from 0 to 1"
# - return self.fc(maps.flatten(1))
# + return self.fc(maps.flatten(1)).sigmoid()

# %% tags=["wrong"] expect="between -1 and 1"
# - return self.fc(maps.flatten(1))
# + return self.fc(maps.flatten(1)).tanh()

# %% tags=["wrong"] expect="never negative"
# - return self.fc(maps.flatten(1))
# + return self.fc(maps.flatten(1)).relu()

# %% tags=["wrong"] expect="whole batch add up to 1"
# - return self.fc(maps.flatten(1))
# + return self.fc(maps.flatten(1)).softmax(dim=0)

# %% tags=["wrong"] expect="rows all add up to 1.01"
# - return self.fc(maps.flatten(1))
# + return 1.01 * self.fc(maps.flatten(1)).softmax(dim=1)

# %% tags=["wrong"] expect="the same for all pictures"
# - return self.fc(maps.flatten(1))
# + return 0 * self.fc(maps.flatten(1))

# %% tags=["wrong"] expect="depends on the other pictures"
# -         return self.fc(maps.flatten(1))
# +         logits = self.fc(maps.flatten(1))
# +         return logits - logits.mean(dim=0)

# %% tags=["wrong"] expect="8 pictures of 8 x 8 pixels stop the network"
class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(8, num_classes)

    def forward(self, images):
        return self.fc(F.max_pool2d(F.relu(self.conv(images)), 9).mean(dim=(2, 3)))


# %% [markdown]
# Try it. The first loss should be near ln 10:

# %%
torch.manual_seed(0)
print(f"{F.cross_entropy(Net(10)(digits[:64]), digit_labels[:64]):.2f}   ln 10 = {np.log(10):.2f}")

# %% tags=["check"] points=4
torch.manual_seed(0)


def logits_of(net, pictures, what):
    try:
        return net(pictures)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0][:90]
    raise AssertionError(f"{what} stop the network; something in it depends on the size of the pictures: {reason}")


net = Net(10)
for side in [28, 14, 20, 9, 8]:
    what = f"8 pictures of {side} x {side} pixels"
    logits = logits_of(net, F.interpolate(digits[:8], size=side), what)
    assert isinstance(logits, torch.Tensor), f"forward should return a tensor, not a {type(logits).__name__}"
    assert len(logits) == 8, f"{what} give {len(logits)} rows; view(-1, …) hides that the sizes do not fit"
    assert logits.shape == (8, 10), f"{what} should give (8, 10), not {tuple(logits.shape)}"
assert logits_of(net, torch.rand(4, 1, 16, 24), "pictures that are not square").shape == (4, 10)
one = logits_of(net.eval(), digits[:1], "batches of one")
assert one.shape == (1, 10), f"a single picture should give (1, 10), not {tuple(one.shape)}: squeeze takes too much"
three = Net(3)(digits[:8])
assert three.shape == (8, 3), f"num_classes=3 should give (8, 3), not {tuple(three.shape)}"
with torch.no_grad():
    logits, net = Net(10).eval()(digits[:200]), net.eval()
    sums = logits.sum(dim=1)
    together, alone = net(digits[:8]), torch.cat([net(digit) for digit in digits[:8].split(1)])
limited = logits.min() >= 0 and torch.allclose(sums, torch.ones(200), atol=1e-4)
assert not limited, "the rows add up to 1: these are probabilities, not logits"
over_batch = logits.min() >= 0 and torch.allclose(logits.sum(dim=0), torch.ones(10), atol=1e-4)
assert not over_batch, "the columns of the whole batch add up to 1: that is a softmax, over the wrong dimension"
always = logits.min() >= 0 and sums.mean() > 1e-3 and torch.allclose(sums, sums.mean().expand(200), atol=1e-4)
assert not always, f"the rows all add up to {sums.mean():.2f}: scaled probabilities are no logits either"
independent = torch.allclose(together, alone, atol=1e-4)
assert independent, "the answer to a picture depends on the other pictures of its batch"
for classes in [10, 100]:
    firsts = [F.cross_entropy(Net(classes)(digits[:200]), digit_labels[:200]).item() for _ in range(3)]
    first = float(np.mean(firsts))
    message = f"first loss {first:.2f}, where ln {classes} is {np.log(classes):.2f}: the starting values are not scaled"
    assert abs(first - np.log(classes)) < 0.5, message
some = torch.cat([(digit_labels == digit).nonzero()[:8, 0] for digit in [0, 1]])  # one batch of zeros and ones
net, few, few_labels = Net(10).train(), F.interpolate(digits[some], size=14), digit_labels[some]
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
for _ in range(300):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(few), few_labels)
    assert loss.requires_grad, "no gradient reaches the parameters"
    if loss.item() < 0.2:
        break
    loss.backward()
    optimizer.step()
with torch.no_grad():
    logits = net.eval()(few)
    last = F.cross_entropy(logits, few_labels).item()
low, high = logits.min().item(), logits.max().item()
same = torch.allclose(logits, logits[:1].expand_as(logits), atol=1e-5)
message = f"after 300 steps on one batch the loss is {last:.2f}; logits know no bounds, yours are"
bounded = last > 0.7 and high - low > 1e-3
assert not (bounded and low >= 0 and high <= 1), f"{message} from 0 to 1"
assert not (bounded and low >= -1 and high <= 1), f"{message} between -1 and 1"
assert not same, "after 300 steps on one batch the answers are the same for all pictures: nothing is learned"
assert low < 0, "the outputs are never negative: leave out the activation after the last layer, logits know no bounds"
assert last < 0.7, f"one batch of 16 zeros and ones is not learned in 300 steps, the loss is still {last:.2f}"
inputs = fresh_inputs()
for _ in range(5):
    classes, *sides = (int(number) for number in inputs.integers([2, 8, 8], [20, 40, 40]))
    what = f"pictures of {sides[0]} x {sides[1]} pixels"
    net, some = Net(classes).eval(), torch.randn(3, 1, *sides)
    with torch.no_grad():
        together, alone = logits_of(net, some, what), torch.cat([logits_of(net, one, what) for one in some.split(1)])
    shape = (3, classes)
    assert together.shape == shape, f"three {what} should give {shape}, not {tuple(together.shape)}"
    assert torch.allclose(together, alone, atol=1e-4), f"{what} get other logits when they come one by one"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · A test for four patients (5 points)
#
# This time you write the test. It is given a program that trains for an epoch, stops the sick ones with an
# `AssertionError` that says what is wrong, and lets a sound one pass without a word. Here is a sound program, and the
# same with one of four faults:

# %%
def train_epoch(model, loader, optimizer, fault=None):
    if fault != "asleep":
        model.train()  # every batch passes the model in training mode
    losses, sizes = [], []
    for images, labels in loader:
        if fault != "piled up":
            optimizer.zero_grad()  # each step goes along the gradient of its own batch
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        if fault != "one step":
            optimizer.step()  # one step per batch
        losses.append(loss.item())
        sizes.append(len(labels))
    if fault == "one step":
        optimizer.step()
    if fault == "plain mean":
        sizes = None
    return float(np.average(losses, weights=sizes))  # the mean loss of all examples, as they came


patients = {fault: partial(train_epoch, fault=fault) for fault in ["asleep", "piled up", "one step", "plain mean"]}

# %% [markdown]
# A test sees no source code, only what a program does: to the weights, to the mode, to the number that it returns. The
# check will bring other programs, too, sound ones and others with the same four faults.
# <details><summary>Hint 1: a question</summary>
#
# With SGD and a loader that does not shuffle, a sound program ends in the same weights each time: whose weights could
# you compare with? And why should the last batch be smaller than the others?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# Each of the ten cases ends with a test. Gradients that pile up are in *Case 5: Good at first, then wild*, and what a
# network does in training mode is in *Case 9: Frozen, it says*.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A spy that notes something while a program works, for it may tidy up at its end:
#
# ```python
# def program(layer, inputs):
#     layer.double()
#     layer(inputs.double())
#     layer.float()
#
#
# seen, layer = [], nn.Linear(2, 1)
# layer.register_forward_hook(lambda layer, given, output: seen.append(output.dtype))
# program(layer, torch.ones(1, 2))
# print(layer.weight.dtype, seen)
# ```
#
# </details>

# %% tags=["answer"]
def check_epoch(train_epoch):
    """A test for programs that train for one epoch.

    Args:
        train_epoch: function of (model, loader, optimizer), see above; returns the mean loss, a float
    Raises:
        AssertionError: the program has one of the four faults; the message says what is wrong
    """
    ### BEGIN SOLUTION
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(digits[:10], digit_labels[:10]), batch_size=4)
    model, modes = nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), []
    expected, losses = copy.deepcopy(model), []
    optimizer = torch.optim.SGD(expected.parameters(), lr=0.1)
    for images, labels in loader:
        loss = F.cross_entropy(expected(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += [loss.item()] * len(labels)
    model.register_forward_hook(lambda model, inputs, output: modes.append(model.training))
    reported = train_epoch(model.eval(), loader, torch.optim.SGD(model.parameters(), lr=0.1))
    assert all(modes), "the model is in evaluation mode"
    off = (model[1].weight - expected[1].weight).abs().max().item()
    assert off < 1e-5, f"after one step per batch along its own gradient the weights are others, by {off:.4f}"
    assert abs(reported - np.mean(losses)) < 1e-4, f"the mean loss is {np.mean(losses):.4f}, not {reported:.4f}"
    ### END SOLUTION


# %% tags=["right"]
# -     torch.manual_seed(0)
# -     loader = DataLoader(TensorDataset(digits[:10], digit_labels[:10]), batch_size=4)
# -     model, modes = nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), []
# -     expected, losses = copy.deepcopy(model), []
# -     optimizer = torch.optim.SGD(expected.parameters(), lr=0.1)
# -     for images, labels in loader:
# -         loss = F.cross_entropy(expected(images), labels)
# -         optimizer.zero_grad()
# -         loss.backward()
# -         optimizer.step()
# -         losses += [loss.item()] * len(labels)
# -     model.register_forward_hook(lambda model, inputs, output: modes.append(model.training))
# -     reported = train_epoch(model.eval(), loader, torch.optim.SGD(model.parameters(), lr=0.1))
# -     assert all(modes), "the model is in evaluation mode"
# -     off = (model[1].weight - expected[1].weight).abs().max().item()
# -     assert off < 1e-5, f"after one step per batch along its own gradient the weights are others, by {off:.4f}"
# -     assert abs(reported - np.mean(losses)) < 1e-4, f"the mean loss is {np.mean(losses):.4f}, not {reported:.4f}"
# +     torch.manual_seed(1)
# +     batches = [(digits[:8], digit_labels[:8]), (digits[8:11], digit_labels[8:11])]
# +     model = nn.Sequential(nn.Flatten(), nn.Dropout(1.0), nn.Linear(784, 10))  # training: nothing gets through
# +     theirs = copy.deepcopy(model).eval()
# +     reported = train_epoch(theirs, batches, torch.optim.SGD(theirs.parameters(), lr=0.5))
# +     history = fit(model, batches, optimizer=torch.optim.SGD(model.parameters(), lr=0.5), epochs=1, progress=False)
# +     for weight, expected in zip(theirs.parameters(), model.parameters()):
# +         assert torch.allclose(weight, expected, atol=1e-5), "other weights than after fit"
# +     assert np.isclose(reported, history["train_loss"][0], atol=1e-4), "another loss than that of fit"
# - def check_epoch(
# + from course_utils import fit
# +
# +
# + def check_epoch(

# %% tags=["right"]
# -     torch.manual_seed(0)
# -     loader = DataLoader(TensorDataset(digits[:10], digit_labels[:10]), batch_size=4)
# -     model, modes = nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), []
# -     expected, losses = copy.deepcopy(model), []
# -     optimizer = torch.optim.SGD(expected.parameters(), lr=0.1)
# -     for images, labels in loader:
# -         loss = F.cross_entropy(expected(images), labels)
# -         optimizer.zero_grad()
# -         loss.backward()
# -         optimizer.step()
# -         losses += [loss.item()] * len(labels)
# -     model.register_forward_hook(lambda model, inputs, output: modes.append(model.training))
# -     reported = train_epoch(model.eval(), loader, torch.optim.SGD(model.parameters(), lr=0.1))
# -     assert all(modes), "the model is in evaluation mode"
# -     off = (model[1].weight - expected[1].weight).abs().max().item()
# -     assert off < 1e-5, f"after one step per batch along its own gradient the weights are others, by {off:.4f}"
# -     assert abs(reported - np.mean(losses)) < 1e-4, f"the mean loss is {np.mean(losses):.4f}, not {reported:.4f}"
# +     model, modes, norms = nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), [], []
# +     optimizer = torch.optim.SGD(model.parameters(), lr=0.0)  # the weights stay
# +     weight = model[1].weight
# +     optimizer.register_step_pre_hook(lambda optimizer, *more: norms.append(weight.grad.norm().item()))
# +     model.register_forward_pre_hook(lambda model, inputs: modes.append(model.training))
# +     batch, small = (digits[:6], digit_labels[:6]), (digits[6:8], digit_labels[6:8])
# +     model.eval()
# +     train_epoch(model, [batch, batch, batch], optimizer)
# +     assert modes == [True] * 3, "not in training mode"
# +     assert len(norms) == 3, f"{len(norms)} steps for three batches"
# +     assert max(norms) < 1.01 * min(norms), f"gradients of the same batch: {norms}"
# +     mean = F.cross_entropy(model(digits[:8]), digit_labels[:8]).item()
# +     assert abs(train_epoch(model, [batch, small], optimizer) - mean) < 1e-4, f"the mean loss is {mean}"

# %% tags=["right"]
# -     torch.manual_seed(0)
# -     loader = DataLoader(TensorDataset(digits[:10], digit_labels[:10]), batch_size=4)
# -     model, modes = nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), []
# -     expected, losses = copy.deepcopy(model), []
# -     optimizer = torch.optim.SGD(expected.parameters(), lr=0.1)
# -     for images, labels in loader:
# -         loss = F.cross_entropy(expected(images), labels)
# -         optimizer.zero_grad()
# -         loss.backward()
# -         optimizer.step()
# -         losses += [loss.item()] * len(labels)
# -     model.register_forward_hook(lambda model, inputs, output: modes.append(model.training))
# -     reported = train_epoch(model.eval(), loader, torch.optim.SGD(model.parameters(), lr=0.1))
# -     assert all(modes), "the model is in evaluation mode"
# -     off = (model[1].weight - expected[1].weight).abs().max().item()
# -     assert off < 1e-5, f"after one step per batch along its own gradient the weights are others, by {off:.4f}"
# -     assert abs(reported - np.mean(losses)) < 1e-4, f"the mean loss is {np.mean(losses):.4f}, not {reported:.4f}"
# +     class Watched(nn.Linear):
# +         def forward(self, images):
# +             assert self.training, "the model sleeps in evaluation mode"
# +             return super().forward(images.flatten(1))
# +
# +     class Noting(torch.optim.SGD):
# +         seen = []
# +
# +         def step(self):
# +             self.seen.append(self.param_groups[0]["params"][0].grad.clone())
# +             super().step()
# +
# +     model = Watched(784, 10).eval()
# +     optimizer = Noting(model.parameters(), lr=0.0)
# +     loader = DataLoader(TensorDataset(digits[:7], digit_labels[:7]), batch_size=3)
# +     optimizer.seen = []
# +     reported, losses = train_epoch(model, loader, optimizer), []
# +     assert len(optimizer.seen) == 3, "there should be three steps"
# +     model.train()
# +     for (images, labels), noted in zip(loader, optimizer.seen):
# +         loss = F.cross_entropy(model(images), labels)
# +         torch.testing.assert_close(noted, torch.autograd.grad(loss, model.weight)[0])
# +         losses.append(loss.item())
# +     assert abs(reported - np.average(losses, weights=[3, 3, 1])) < 1e-4, "the mean does not weigh by size"

# %% tags=["wrong"] expect="stops none of the four"
def check_epoch(train_epoch):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    loader = DataLoader(TensorDataset(digits[:10], digit_labels[:10]), batch_size=4)
    loss = train_epoch(model, loader, torch.optim.SGD(model.parameters(), lr=0.1))
    assert isinstance(loss, float), "the loss is no number"


# %% tags=["wrong"] expect="stops a sound program"
def check_epoch(train_epoch):
    raise AssertionError("this program is sick")


# %% tags=["wrong"] expect="returns True: a test"
# -     assert all(modes), "the model is in evaluation mode"
# +     return all(modes)

# %% tags=["wrong"] expect="ends with a ValueError"
# -     assert all(modes), "the model is in evaluation mode"
# +     if not all(modes):
# +         raise ValueError("the model is in evaluation mode")

# %% tags=["wrong"] expect="says nothing"
# - , "the model is in evaluation mode"

# %% tags=["wrong"] expect="in evaluation mode, and it passes"
# -     assert all(modes), "the model is in evaluation mode"

# %% tags=["wrong"] expect="pile up, and it passes"
# - batch_size=4
# + batch_size=6
# -     off = (model[1].weight - expected[1].weight).abs().max().item()
# -     assert off < 1e-5, f"after one step per batch along its own gradient the weights are others, by {off:.4f}"

# %% tags=["wrong"] expect="plain mean of the batches, and it passes"
# - batch_size=4
# + batch_size=5

# %% tags=["wrong"] expect="which clears the gradients after each step"
# -     off = (model[1].weight - expected[1].weight).abs().max().item()
# -     assert off < 1e-5, f"after one step per batch along its own gradient the weights are others, by {off:.4f}"
# +     grad, theirs = expected[1].weight.grad, model[1].weight.grad
# +     off = (model[1].weight - expected[1].weight).abs().max().item()
# +     assert off < 1e-5, f"other weights, by {off:.4f}"
# +     assert theirs is not None and torch.allclose(grad, theirs, atol=1e-5), "another gradient than the last batch's"

# %% tags=["wrong"] expect="which switches the mode back"
# - assert all(modes), "the model is in evaluation mode"
# + assert model.training, "the model is in evaluation mode"

# %% tags=["wrong"] expect="only before the loop"
def check_epoch(train_epoch):
    model, modes, calls = nn.Sequential(nn.Flatten(), nn.Linear(784, 10)).eval(), [], []
    model.register_forward_hook(lambda model, inputs, output: modes.append(model.training))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    optimizer.zero_grad = lambda: calls.append("zero_grad")
    optimizer.step = lambda: calls.append("step")
    loader = DataLoader(TensorDataset(digits[:10], digit_labels[:10]), batch_size=4)
    reported = train_epoch(model, loader, optimizer)
    expected = F.cross_entropy(model(digits[:10]), digit_labels[:10]).item()
    assert modes[:3] == [True] * 3, "the model is in evaluation mode"
    assert "zero_grad" in calls, "gradients pile up"
    assert calls.count("step") == 3, "there should be a step for each batch"
    assert abs(reported - expected) < 1e-4, f"the mean loss is {expected:.4f}, not {reported:.4f}"


# %% tags=["wrong"] expect="falls asleep after the first batch"
# - all(modes)
# + any(modes)

# %% tags=["wrong"] expect="number of examples"
# - abs(reported - np.mean(losses)) < 1e-4
# + reported - np.mean(losses) < 1e-4

# %% tags=["wrong"] expect="by the programs themselves"
def check_epoch(train_epoch):
    fault = getattr(train_epoch, "keywords", {}).get("fault")
    assert not fault, f"the program is {fault}"

# %% [markdown]
# Try it. The sound program should pass, and each patient get a sentence:

# %%
for fault, program in {"sound": train_epoch, **patients}.items():
    try:
        check_epoch(program)
        print(f"{fault}: passes")
    except Exception as error:
        print(f"{fault}: {type(error).__name__}: {error}")

# %% tags=["check"] points=5
def program(*ways):
    """A program like the one above, in some of many ways, sound or sick."""

    def epoch(model, loader, optimizer):
        before, losses, sizes = model.training, [], []
        batches = list(loader)[:1] if "lazy" in ways else list(loader)
        if not {"asleep", "sleepy"} & set(ways):
            model.train()
        if "sleepy" in ways:
            model.eval()
        if "once" in ways:
            optimizer.zero_grad()
        for images, labels in batches:
            if not {"piled up", "once", "late"} & set(ways):
                optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            if "one step" not in ways:
                optimizer.step()
            if "late" in ways:
                optimizer.zero_grad()
            if "dozes off" in ways:
                model.eval()
            losses.append(loss.item())
            sizes.append(len(labels))
        if "one step" in ways:
            optimizer.step()
        if "polite" in ways:
            model.train(before)
        if "last" in ways:
            return losses[-1]
        if "small" in ways:
            return sum(losses) / sum(sizes)
        return float(np.average(losses, weights=None if "plain mean" in ways else sizes))

    return epoch


def verdict(program, seed=0):
    torch.manual_seed(seed)
    try:
        returned = check_epoch(program)
    except AssertionError as error:
        assert str(error).strip(), "your test stops a program and says nothing: give each assert a message"
        return str(error)
    except NotImplementedError:
        raise  # the gap is not filled
    except Exception as error:
        raise AssertionError(
            f"your test ends with a {type(error).__name__}, not with an AssertionError: {error}"
        ) from None
    assert returned is None, f"your test returns {returned}: a test says nothing, or raises an AssertionError"


told = verdict(program())
assert not told, f"your test stops a sound program, the one above, and says: {told}"
faults = ["asleep", "piled up", "one step", "plain mean"]
stopped = {fault: verdict(program(fault)) for fault in faults}
by_name = "patients" in globals() and any(verdict(patient) for patient in patients.values())
assert any(stopped.values()) or not by_name, (
    "your test knows the four patients by the programs themselves; the same faults in other programs pass"
)
assert any(stopped.values()), "your test stops none of the four patients"
assert stopped["asleep"], "a patient trains in evaluation mode, and it passes your test"
assert stopped["piled up"], "in a patient gradients pile up, and it passes your test"
assert stopped["one step"], "a patient makes one step in all, and it passes your test"
assert stopped["plain mean"], "a patient returns the plain mean of the batches, and it passes your test"
for way, what in [
    ("late", "one which clears the gradients after each step, not before"),
    ("polite", "one which switches the mode back at its end"),
]:
    told = verdict(program(way))
    assert not told, f"your test stops another sound program, {what}, and says: {told}"
for way, what in [
    ("once", "clears the gradients only before the loop"),
    ("sleepy", "calls model.eval() at its start"),
    ("dozes off", "falls asleep after the first batch, in evaluation mode"),
    ("last", "returns the loss of the last batch"),
    ("small", "divides the sum of the batches' losses by the number of examples"),
    ("lazy", "takes the first batch and no other"),
]:
    assert verdict(program(way)), f"another program {what}, and it passes your test"
inputs, others = fresh_inputs(), [(fault, "polite") for fault in faults] + [("late", "polite"), (), ("late",)]
for index in inputs.permutation(len(others)):  # now they come in any order
    ways, told = others[index], verdict(program(*others[index]), seed=1)
    sick = next((fault for fault in faults if fault in ways), None)
    assert not told or sick, f"in another order, with another seed, your test stops a sound program and says: {told}"
    assert told or not sick, f"in another order, with another seed, a patient {sick!r} passes your test"
print("✓ task 3")

# %% [markdown]
# ## Task 4 · Only the head learns (5 points)
#
# The patient prepares a network with a head `fc` for a training in which only the head learns. Afterwards everything
# has moved.

# %%
def patient_4(model, lr):
    model.requires_grad = False
    model.fc.requires_grad = True
    model.eval()
    return torch.optim.SGD(model.parameters(), lr=lr)


torch.manual_seed(0)
small = Small()
as_it_was = copy.deepcopy(small.state_dict())
two_epochs(small, patient_4(small, lr=0.1))
print("moved:", [name for name, value in small.state_dict().items() if not torch.equal(value, as_it_was[name])])

# %% [markdown]
# <details><summary>Hint 1: a question</summary>
#
# Three things keep a part as it is: parameters that want no gradient, an optimizer that does not have them, and
# evaluation mode for what has a memory. Which of them does the line `model.train()` undo?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Case 9: Frozen, it says* has three programs like this one, a table of what moves in each, and the cure.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A setting of a module that does nothing, and a function of the course that does:
#
# ```python
# layers = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
# layers.requires_grad = False  # a new attribute, which nobody reads
# print([weight.requires_grad for weight in layers.parameters()])
#
# freeze(layers)
# layers.train()
# print([weight.requires_grad for weight in layers.parameters()])
# print([layer.training for layer in layers])
# ```
#
# </details>

# %% tags=["answer"]
def head_optimizer(model, lr):
    """Prepare a training in which only `model.fc` learns, and return its optimizer.

    After it nothing outside `fc` changes, neither parameters nor buffers, even when `model.train()` is called; no other
    parameter gets a gradient; dropout outside `fc` is off.

    Args:
        model: nn.Module with a head `fc`; changed in place
        lr: learning rate
    Returns:
        torch.optim.SGD with the parameters of `fc`, and no others
    """
    ### BEGIN SOLUTION
    freeze(model)
    unfreeze(model.fc)
    return torch.optim.SGD(model.fc.parameters(), lr=lr)
    ### END SOLUTION


# %% tags=["right"]
# -     freeze(model)
# -     unfreeze(model.fc)
# -     return torch.optim.SGD(model.fc.parameters(), lr=lr)
# +     for name, part in model.named_children():
# +         if name != "fc":
# +             freeze(part)
# +     return torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr, momentum=0.9)

# %% tags=["right"]
# -     freeze(model)
# -     unfreeze(model.fc)
# -     return torch.optim.SGD(model.fc.parameters(), lr=lr)
# +     for weight in model.parameters():
# +         weight.requires_grad = False
# +     for weight in model.fc.parameters():
# +         weight.requires_grad = True
# +
# +     def train(mode=True):
# +         nn.Module.train(model, False)
# +         model.fc.train(mode)
# +         return model
# +
# +     model.train = train
# +     model.train()
# +     return torch.optim.SGD([{"params": [weight]} for weight in model.fc.parameters()], lr=lr)

# %% tags=["right"]
# -     freeze(model)
# -     unfreeze(model.fc)
# -     return torch.optim.SGD(model.fc.parameters(), lr=lr)
# +     of_head = set(model.fc.modules())
# +     for part in model.modules():
# +         if part is not model and part not in of_head:
# +             freeze(part)
# +     return torch.optim.SGD([model.fc.weight, model.fc.bias], lr, weight_decay=1e-4)

# %% tags=["wrong"] expect="has not frozen a single parameter"
def head_optimizer(model, lr):
    return patient_4(model, lr)


# %% tags=["wrong"] expect="other parts than body"
# - freeze(model)
# + freeze(model.body)
# -     unfreeze(model.fc)

# %% tags=["wrong"] expect="the optimizer holds"
# - model.fc.parameters()
# + model.parameters()

# %% tags=["wrong"] expect="the head cannot learn"
# -     unfreeze(model.fc)

# %% tags=["wrong"] expect="still want gradients"
# -     freeze(model)
# -     unfreeze(model.fc)
# +     model.eval()

# %% tags=["wrong"] expect="BatchNorm is in training mode"
# - freeze(model)
# + model.requires_grad_(False)
# - unfreeze(model.fc)
# + model.fc.requires_grad_(True)

# %% tags=["wrong"] expect="train() has woken"
# - freeze(model)
# + model.requires_grad_(False).eval()
# - unfreeze(model.fc)
# + model.fc.requires_grad_(True)

# %% tags=["wrong"] expect="dropout"
def head_optimizer(model, lr):
    model.requires_grad_(False)
    model.fc.requires_grad_(True)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            freeze(part)
    return torch.optim.SGD(model.fc.parameters(), lr=lr)


# %% tags=["wrong"] expect="lr should be"
# - return torch.optim.SGD(model.fc.parameters(), lr=lr)
# + return torch.optim.SGD(model.fc.parameters(), lr=0.01)

# %% tags=["wrong"] expect="a new head"
# - unfreeze(model.fc)
# + model.fc = nn.Linear(4, 10)

# %% tags=["wrong"] expect="another network"
# -     freeze(model)
# +     model = copy.deepcopy(model)
# +     freeze(model)

# %% tags=["wrong"] expect="no longer reaches the head"
# -     freeze(model)
# -     unfreeze(model.fc)
# +     model.requires_grad_(False).eval()
# +     model.fc.requires_grad_(True).train()
# +     model.train = lambda mode=True: model

# %% [markdown]
# Try it. Only the head should have moved:

# %%
small = Small()
as_it_was = copy.deepcopy(small.state_dict())
two_epochs(small, head_optimizer(small, lr=0.1))
print("moved:", [name for name, value in small.state_dict().items() if not torch.equal(value, as_it_was[name])])

# %% tags=["check"] points=5
torch.manual_seed(0)
small = Small()
as_it_was, its_head = copy.deepcopy(small.state_dict()), small.fc
optimizer = head_optimizer(small, lr=0.25)
kind = type(optimizer).__name__
assert isinstance(optimizer, torch.optim.SGD), f"return the optimizer, a torch.optim.SGD, not a {kind}"
assert small.fc is its_head, "model.fc is a new head: what the old one had learned is gone"
assert optimizer.param_groups[0]["lr"] == 0.25, "lr should be the learning rate of the optimizer"
wanting = [name for name, weight in small.named_parameters() if weight.requires_grad]
held = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
of_head = {id(weight) for weight in small.fc.parameters()}
elsewhere = not held & {id(weight) for weight in small.parameters()}
assert not elsewhere, "the optimizer holds the parameters of another network: change the model that is given, no copy"
unfrozen = len(wanting) == 6 and held != of_head
assert not unfrozen, "requires_grad = False on a module has not frozen a single parameter: use requires_grad_(False)"
assert {"fc.weight", "fc.bias"} <= set(wanting), "the head cannot learn: its parameters want no gradient"
body = [name for name in wanting if not name.startswith("fc")]
assert not body, f"{', '.join(body)} still want gradients, which are computed for nothing"
assert held == of_head, "the optimizer holds other parameters than those of the head"
assert not small.body[1].training, "BatchNorm is in training mode: its running averages will move"
for _ in range(2):
    two_epochs(small, optimizer)
moved = {name for name, value in small.state_dict().items() if not torch.equal(value, as_it_was[name])}
averages = sorted(name for name in moved if name.startswith("body.1"))
assert not averages, f"model.train() has woken BatchNorm: {', '.join(averages)} have moved"
assert moved <= {"fc.weight", "fc.bias"}, f"{', '.join(sorted(moved))} have moved, it should be the head alone"
assert moved, "the head has not moved in training"
small.train()
assert not small.body[3].training, "the dropout outside the head is on after model.train()"
assert small.fc.training, "the head should follow model.train()"
small.eval()
assert not small.fc.training, "model.eval() no longer reaches the head: a `train` of your own has to serve both modes"


class Longer(Small):
    def __init__(self):
        super().__init__()
        self.pool = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1))


longer = Longer()
as_it_was = copy.deepcopy(longer.state_dict())
two_epochs(longer, head_optimizer(longer, lr=0.25))
moved = {name for name, value in longer.state_dict().items() if not torch.equal(value, as_it_was[name])}
message = f"a network may have other parts than body; in another one {', '.join(sorted(moved))} have moved"
assert moved == {"fc.weight", "fc.bias"}, message
lr, network_of_today = fresh_inputs().uniform(0.01, 0.4), Longer()
optimizer = head_optimizer(network_of_today, lr)
held = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
message = "of a second network, with other weights, the optimizer should hold the head's parameters as well"
assert held == {id(weight) for weight in network_of_today.fc.parameters()}, message
assert abs(optimizer.param_groups[0]["lr"] - lr) < 1e-9, f"with lr={lr:.3f} the optimizer should have this rate"
print("✓ task 4")

# %% [markdown]
# ## Task 5 · Two stages, one record (6 points)
#
# The patient trains the head in a first stage and everything in a second one, and keeps the best network in a file. The
# training of an epoch is done by a function that it is given; it returns the validation accuracy. Here the `simulation`
# of the first cell takes its place: it writes the number of the epoch into the head's bias, so that you can see which
# epoch a network comes from.

# %%
def patient_5(model, train_epoch, file):
    first = torch.optim.SGD(model.fc.parameters(), lr=0.1)
    second = torch.optim.SGD(model.parameters(), lr=0.01)
    for optimizer in [first, second]:
        scheduler = StepLR(first, step_size=2, gamma=0.1)
        best = 0.0
        for _ in range(4):
            score = train_epoch(model, optimizer)
            scheduler.step()
            if score > best:
                best = score
                torch.save(model.state_dict(), file)
    return best


log = []
better_at_first = [0.5, 0.8, 0.7, 0.6, 0.3, 0.4, 0.5, 0.4]  # the best is the second epoch
with tempfile.TemporaryDirectory() as folder:
    model = network()
    print("best:", patient_5(model, simulation(better_at_first, log), Path(folder, "best.pt")))
    print("in the file: epoch", round(torch.load(Path(folder, "best.pt"))["fc.bias"][0].item()))
print("network after training: epoch", round(model.fc.bias[0].item()))
print("rates:", [round(lr, 6) for lr, _ in log])

# %% [markdown]
# <details><summary>Hint 1: a question</summary>
#
# Three things are wrong. Which optimizer's rate falls in the second stage, and what is `best` when that stage begins?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Case 10: A record that gets worse* is about the record, *Case 6: The rate stands still* about schedules.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A schedule moves the rate of the optimizer that it was made for, and a `state_dict` brings weights back:
#
# ```python
# layer = nn.Linear(1, 1)
# optimizer = torch.optim.Adam(layer.parameters(), lr=1.0)
# decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
# optimizer.step()
# decay.step()
# print(optimizer.param_groups[0]["lr"])
#
# good = copy.deepcopy(layer.state_dict())
# nn.init.zeros_(layer.weight)
# layer.load_state_dict(good)
# print(layer.weight.item() == good["weight"].item())
# ```
#
# </details>

# %% tags=["answer"]
def two_stages(model, train_epoch, file):
    """Train four epochs of the head at a rate of 0.1, then four of everything at 0.01; keep the best network.

    Each stage has an SGD optimizer of its own, with one rate for all that it trains, which falls to a tenth after two
    epochs. The second stage begins with the last network of the first one or with its best, as you like. `file` holds
    the weights of the best epoch of both stages, and at the end `model` has them, too.

    Args:
        model: nn.Module with a head `fc`
        train_epoch: function of (model, optimizer): trains one epoch, returns the validation accuracy
        file: path of the file for the best `state_dict`, alone or as the entry "model" of a dictionary
    Returns:
        the best validation accuracy, a Python float
    """
    ### BEGIN SOLUTION
    best = float("-inf")
    for parameters, lr in [(model.fc.parameters(), 0.1), (model.parameters(), 0.01)]:
        optimizer = torch.optim.SGD(parameters, lr=lr)
        scheduler = StepLR(optimizer, step_size=2, gamma=0.1)
        for _ in range(4):
            score = train_epoch(model, optimizer)
            scheduler.step()
            if score > best:
                best = score
                torch.save(model.state_dict(), file)
    model.load_state_dict(torch.load(file))
    return best
    ### END SOLUTION


# %% tags=["right"]
# -     best = float("-inf")
# -     for parameters, lr in [(model.fc.parameters(), 0.1), (model.parameters(), 0.01)]:
# -         optimizer = torch.optim.SGD(parameters, lr=lr)
# -         scheduler = StepLR(optimizer, step_size=2, gamma=0.1)
# -         for _ in range(4):
# -             score = train_epoch(model, optimizer)
# -             scheduler.step()
# -             if score > best:
# -                 best = score
# -                 torch.save(model.state_dict(), file)
# -     model.load_state_dict(torch.load(file))
# -     return best
# +     best, kept = -1.0, None
# +     for stage, lr in [("head", 0.1), ("everything", 0.01)]:
# +         unfreeze(model)
# +         if stage == "head":
# +             freeze(model)
# +             unfreeze(model.fc)
# +         optimizer = torch.optim.SGD([weight for weight in model.parameters() if weight.requires_grad], lr=lr)
# +         for epoch in range(4):
# +             optimizer.param_groups[0]["lr"] = lr if epoch < 2 else lr / 10
# +             score = train_epoch(model, optimizer)
# +             if score >= best:
# +                 best, kept = float(score), copy.deepcopy(model.state_dict())
# +     torch.save({"model": kept, "val_accuracy": best}, file)
# +     model.load_state_dict(kept)
# +     return best

# %% tags=["right"]
# -         scheduler = StepLR(optimizer, step_size=2, gamma=0.1)
# +         scheduler = MultiStepLR(optimizer, [2])
# -     model.load_state_dict(torch.load(file))
# +         model.load_state_dict(torch.load(file, weights_only=True))  # the second stage begins with the best network
# - def two_stages(
# + from torch.optim.lr_scheduler import MultiStepLR
# +
# +
# + def two_stages(

# %% tags=["right"]
# -     best = float("-inf")
# -     for parameters, lr in [(model.fc.parameters(), 0.1), (model.parameters(), 0.01)]:
# -         optimizer = torch.optim.SGD(parameters, lr=lr)
# -         scheduler = StepLR(optimizer, step_size=2, gamma=0.1)
# -         for _ in range(4):
# -             score = train_epoch(model, optimizer)
# -             scheduler.step()
# -             if score > best:
# -                 best = score
# -                 torch.save(model.state_dict(), file)
# -     model.load_state_dict(torch.load(file))
# -     return best
# +     history, weights = [], []
# +
# +     def stage(parameters, lr):
# +         optimizer = torch.optim.SGD(parameters, lr=lr, momentum=0.9)
# +         scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.1 ** (epoch // 2))
# +         for _ in range(4):
# +             history.append(train_epoch(model, optimizer))
# +             weights.append({name: value.clone() for name, value in model.state_dict().items()})
# +             scheduler.step()
# +
# +     stage(model.fc.parameters(), 0.1)
# +     stage(model.parameters(), 0.01)
# +     best = int(np.argmax(history))
# +     model.load_state_dict(weights[best])
# +     torch.save(weights[best], Path(file))
# +     return np.max(history)

# %% tags=["wrong"] expect="the second stage uses the rates"
def two_stages(model, train_epoch, file):
    return patient_5(model, train_epoch, file)


# %% tags=["wrong"] expect="the rate never falls"
def two_stages(model, train_epoch, file):
    best = 0.0
    for parameters, lr in [(model.fc.parameters(), 0.1), (model.parameters(), 0.01)]:
        optimizer = torch.optim.SGD(parameters, lr=lr)
        for _ in range(4):
            score = train_epoch(model, optimizer)
            if score > best:
                best = score
                torch.save(model.state_dict(), file)
    model.load_state_dict(torch.load(file))
    return best


# %% tags=["wrong"] expect="begins anew with the second stage"
# -         scheduler = StepLR(optimizer, step_size=2, gamma=0.1)
# +         scheduler = StepLR(optimizer, step_size=2, gamma=0.1)
# +         best = 0.0
# -     best = float("-inf")

# %% tags=["wrong"] expect="it should be SGD"
# - torch.optim.SGD(parameters, lr=lr)
# + torch.optim.Adam(parameters, lr=lr)

# %% tags=["wrong"] expect="one rate for all"
# - for parameters, lr in [(model.fc.parameters(), 0.1), (model.parameters(), 0.01)]:
# + of_body = [{"params": model.body.parameters()}, {"params": model.fc.parameters(), "lr": 0.1}]
# +     for parameters, lr in [(model.fc.parameters(), 0.1), (of_body, 0.01)]:

# %% tags=["wrong"] expect="not more"
# - range(4)
# + range(5)

# %% tags=["wrong"] expect="of the first stage"
# - torch.save(model.state_dict(), file)
# + (lr == 0.1 and torch.save(model.state_dict(), file))

# %% tags=["wrong"] expect="at the end the model is that of epoch"
# -     model.load_state_dict(torch.load(file))

# %% tags=["wrong"] expect="the head alone"
# - for parameters, lr in [(model.fc.parameters(), 0.1), (model.parameters(), 0.01)]:
# + for lr in [0.1, 0.01]:
# - torch.optim.SGD(parameters, lr=lr)
# + torch.optim.SGD(model.parameters(), lr=lr)

# %% tags=["wrong"] expect="best of all eight"
# - return best
# + return score

# %% tags=["wrong"] expect="changed after it was kept"
# -                 best = score
# -                 torch.save(model.state_dict(), file)
# -     model.load_state_dict(torch.load(file))
# +                 best, weights = score, model.state_dict()
# +     torch.save(weights, file)
# +     model.load_state_dict(weights)

# %% tags=["wrong"] expect="a whole network"
# - model.state_dict()
# + model.fc
# - model.load_state_dict(torch.load(file))
# + model.fc.load_state_dict(torch.load(file, weights_only=False).state_dict())

# %% tags=["wrong"] expect="a Python float, not a Tensor"
# - return best
# + return torch.tensor(best)

# %% tags=["wrong"] expect="no weights of the network"
# -                 torch.save(model.state_dict(), file)
# -     model.load_state_dict(torch.load(file))
# +                 torch.save({"val_accuracy": score}, file)

# %% [markdown]
# Try it. The network should be that of the second epoch:

# %%
log = []
with tempfile.TemporaryDirectory() as folder:
    model = network()
    print("best:", two_stages(model, simulation(better_at_first, log), Path(folder, "best.pt")))
print("network after training: epoch", round(model.fc.bias[0].item()))
print("rates:", [round(lr, 6) for lr, _ in log])

# %% tags=["check"] points=6
def outcome(scores):
    log, model = [], network()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "kept.pt")
        try:
            best = two_stages(model, simulation(scores, log), file)
        except FileNotFoundError as error:
            name = Path(error.filename or str(error)).name
            raise AssertionError(f"there is no file {name}: save and load the same one") from None
        except (pickle.UnpicklingError, ValueError) as error:
            message = f"loading failed; save tensors and numbers, and no more than its state_dict of a network: {error}"
            raise AssertionError(message[:200]) from None
        assert file.is_file(), "nothing was saved: `file` is the path to write to"
        try:
            kept = torch.load(file)
        except pickle.UnpicklingError:
            raise AssertionError("the file holds a whole network, code and all: save its state_dict") from None
    assert isinstance(kept, dict), f"the file holds a {type(kept).__name__}: save the state_dict"
    kept = kept.get("model", kept)
    found = isinstance(kept, dict) and "fc.bias" in kept
    assert found, 'the file holds no weights of the network: save its state_dict, alone or as the entry "model"'
    kind = type(best).__name__
    assert isinstance(best, (float, np.floating)), f"return the best accuracy, a Python float, not a {kind}"
    return best, round(kept["fc.bias"][0].item()), round(model.fc.bias[0].item()), log


best, kept, final, log = outcome([0.5, 0.8, 0.7, 0.6, 0.3, 0.4, 0.5, 0.4])
rates = [round(lr, 6) for lr, _ in log]
assert len(log) == 8, f"there should be four epochs in each of two stages, you train {len(log)}"
assert rates != [0.1] * 4 + [0.01] * 4, "the rate never falls; a scheduler's step takes no score"
assert rates[:4] == [0.1, 0.1, 0.01, 0.01], f"the first stage should use 0.1, 0.1, 0.01, 0.01, not {rates[:4]}"
message = f"the second stage uses the rates {rates[4:]}: has it a scheduler for its own optimizer?"
assert rates[4:] == [0.01, 0.01, 0.001, 0.001], message
numbers = [number for _, number in log]
assert numbers[:4] == [2] * 4, "the first stage should train the head alone, model.fc"
assert numbers[4:] == [6] * 4, "the second stage should train all parameters"
assert (kept, best) != (7, 0.5), "the record begins anew with the second stage, and a worse network overwrites the best"
assert kept != 8, "the weights in the file have changed after it was kept: a state_dict shares memory with its network"
assert kept == 2, f"the file holds epoch {kept}, the best one was epoch 2"
assert final == 2, f"at the end the model is that of epoch {final}; the best one, in the file, is epoch 2"
assert abs(best - 0.8) < 1e-9, f"return the best of all eight accuracies, 0.8, not {best}"
best, kept, final, log = outcome([0.5, 0.6, 0.7, 0.6, 0.5, 0.9, 0.8, 0.7])
message = "the best epoch may come in the second stage, as in a second run epoch 6"
assert kept > 4, f"{message}; the file still holds epoch {kept}, of the first stage"
assert kept == 6, f"{message}; the file holds epoch {kept}"
assert final == 6, f"{message}; at the end the model is that of epoch {final}"
assert abs(best - 0.9) < 1e-6, f"{message}, with the accuracy 0.9; you return {best}"
scores = fresh_inputs().permutation(np.arange(11, 91, 10)) / 100  # of eight epochs, no two of them equal
best, kept, final, log = outcome(scores.tolist())
epoch, message = scores.argmax() + 1, f"in a run with the accuracies {scores.tolist()}"
assert kept == epoch, f"{message} the file holds epoch {kept}, not {epoch}"
assert final == epoch, f"{message} the model is that of epoch {final} at the end, not {epoch}"
assert abs(best - scores.max()) < 1e-6, f"{message} you return {best}"
print("✓ task 5")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/14_debugging_clinic.ipynb), or go on with
# [lesson 15](../15_faster_training.ipynb).

# %% tags=["nbval-ignore-output"]
progress()

# %% tags=["proof"]
from course_utils.exercises import marks_here

assert set(marks_here().values()) == {"✓"}, marks_here()
