# %% [markdown]
# # 03 · A digit classifier from scratch
#
# From a matrix product to a trained network that reads handwritten digits, with a training loop that you have built
# yourself.
#
# **Time** about 60 minutes, of which the computer works 20 seconds · **Before this**
# [lesson 01](01_data_loading_and_visualization.ipynb), [lesson 02](02_tensors_and_regression.ipynb)
#
# **You will learn to**
#
# - turn the outputs of a classifier into probabilities and into a loss
# - tell from the very first loss whether a network has started well
# - see what hidden layers and the ReLU are good for
# - write a network from matrix products, then as an `nn.Module`
# - build the training loop `fit` by hand
# - choose a learning rate on the validation set, and use the test set once

# %%
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from course_utils import setup

course = setup(seed=0, lesson="03")

# %% [markdown]
# ## What you will have
#
# A network that reads handwriting. Here it is, trained on the spot by the course's helpers:

# %%
from torch.utils.data import DataLoader, TensorDataset

from course_utils import MLP, fit, load_digits28, predict

train_set, val_set = (TensorDataset(*load_digits28(split)) for split in ["train", "val"])
finished = MLP().to(course.device)
optimizer = torch.optim.Adam(finished.parameters())
loader = DataLoader(train_set, batch_size=64, shuffle=True)
passes = course.pick(sample=5, full=1)
history = fit(finished, loader, optimizer=optimizer, epochs=passes, progress=False)

# %% [markdown]
# Six digits that it has never seen, the last one being the first that it gets wrong, and its ten probabilities for
# each:

# %%
logits, labels = predict(finished, DataLoader(val_set, batch_size=500))
first_wrong = (logits.argmax(dim=1) != labels).nonzero()[0].item()
fig, axes = plt.subplots(2, 6, figsize=(10, 3.6), height_ratios=[3, 2], sharey="row")
for (above, below), index in zip(axes.T, [0, 1, 2, 3, 4, first_wrong]):
    above.imshow(val_set[index][0][0], cmap="gray_r")
    above.set_title(f"true digit: {labels[index]}")
    above.axis("off")
    below.bar(range(10), logits[index].softmax(dim=0))
    below.set_xticks(range(10))
axes[1, 0].set_ylabel("probability")
fig.suptitle("Six digits, and what the network says")
plt.show()

# %% tags=["proof"]
share = (logits.argmax(dim=1) == labels).float().mean().item()
assert share >= course.pick(sample=0.85, full=0.92), f"the finished network reads {share:.3f} of the digits"

# %% [markdown]
# Mostly one bar takes it all, and over the right number. In an hour you will have built everything behind this picture:
# the network, its probabilities, the loss that it learned from, and the loop that trained it.
#
# ## Ten digits
#
# In lesson 02 a network predicted a number, a temperature: **regression**. This time it has to choose one of ten
# classes, the digits 0 to 9: **classification**. The digits are those of **MNIST**, written by American pupils and
# census workers around 1990; networks have been tried out on them ever since. 3,500 of the 70,000 come with the course.

# %%
train_images, train_labels = load_digits28("train")
val_images, val_labels = load_digits28("val")
print("images:", tuple(train_images.shape), train_images.dtype)
print("labels:", tuple(train_labels.shape), train_labels.dtype)
print(f"pixel values from {train_images.min():.0f} to {train_images.max():.0f}")
print("how often each digit occurs:", train_labels.bincount().tolist())

# %% [markdown]
# The shape reads (pictures, channels, height, width), as in lesson 01; grey pictures have one channel. A pixel of value
# 0 is blank paper, a pixel of value 1 is full ink. A program that always gives the same answer gets about one in ten
# right: this is the mark to beat.

# %%
from course_utils import show_batch

show_batch(train_images[:24], train_labels[:24], title="training digits and their labels")
plt.show()

# %% [markdown]
# No two hands write alike: sevens with a bar and without, slanted ones and upright ones, thick strokes and hairlines.
#
# Elsewhere you will meet `torchvision.datasets.MNIST("data", train=True, transform=ToTensor(), download=True)`, which
# downloads the same pictures with their labels.
#
# The simplest networks know nothing of rows and columns: they take a list of numbers. `flatten(1)` leaves dimension 0
# (the pictures) as it is and joins all others into one, of 28 × 28 = 784 numbers:

# %%
x, y = train_images.flatten(1).to(course.device), train_labels.to(course.device)
x_val, y_val = val_images.flatten(1).to(course.device), val_labels.to(course.device)
print("as pictures:", tuple(train_images.shape), "  as rows:", tuple(x.shape))

# %% [markdown]
# ## Ten scores
#
# For each class we want one score: the higher it is, the more the picture looks like that class. A **linear
# classifier** is lesson 02's linear layer: each class has its own 784 weights, one column of a table, and a bias. The
# matrix product `@` computes all sums at once: (64, 784) times (784, 10) gives (64, 10), ten scores for each picture of
# a batch of 64. To begin with, the weights are drawn at random:

# %%
torch.manual_seed(0)
weights = torch.randn(784, 10).to(course.device)
bias = torch.zeros(10, device=course.device)
xb, yb = x[:64], y[:64]
logits = xb @ weights + bias
print("shape:", tuple(logits.shape))
print("first digit:", logits[0].cpu().numpy().round(1))

# %% [markdown]
# Such scores are called **logits**. They may be positive or negative and add up to nothing in particular. The class
# with the largest logit is the model's prediction, so far by pure chance.
#
# ## From scores to probabilities: softmax
#
# We want ten probabilities: none negative, together 1. The exponential function makes every number positive and keeps
# their order; dividing by the sum does the rest. This is called **softmax**. With three classes:

# %%
scores = torch.tensor([2.0, 1.0, 0.0])
exponentials = scores.exp()
print("exponentials: ", exponentials.numpy().round(2), f"  sum: {exponentials.sum():.2f}")
print("probabilities:", (exponentials / exponentials.sum()).numpy().round(2))

# %% [markdown]
# A lead of 1 in the score makes a class *e* ≈ 2.72 times as probable (7.39 / 2.72, and 2.72 / 1).

# %% [markdown]
# **Try it.** Multiply the scores by 10, then by 0.1. How sure does the model become?
# <details><summary>What we saw</summary>
#
# ```python
# for factor in [10, 0.1]:
#     print((factor * scores).softmax(dim=0).numpy().round(2))
# ```
#
# Ten times the scores: all but certain. A tenth: hardly a preference, 0.37, 0.33 and 0.3. The size of the
# *differences* says how sure the model is. (Language models have a knob for it, the *temperature*.)
#
# </details>

# %% [markdown]
# For the whole batch, `dim=1` sums along the classes, and `keepdim=True` keeps the sums as a column of shape (64, 1),
# so that each row is divided by its own sum. The second line compares with PyTorch's softmax:

# %%
probabilities = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
torch.testing.assert_close(probabilities, logits.softmax(dim=1))

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.5, 2.8))
for ax, values, name in zip(axes, [logits[0], probabilities[0]], ["logits", "probabilities"]):
    ax.bar(range(10), values.cpu())
    ax.set(title=f"{name} of the first digit (true: {yb[0]})", xlabel="class", xticks=range(10))
plt.show()

# %% [markdown]
# Ten bars up and down become ten bars that add up to 1. One class has got nearly everything, although the weights are
# random. (Whether it is the right one is luck.) We come back to this oddity.
#
# ## From probabilities to a loss: cross-entropy
#
# Training needs one number that says how wrong the model is, the loss. For classification it takes the probability that
# the model gave to the *true* class, and minus its natural logarithm (ln, in code `log`): the **cross-entropy**.

# %%
p = np.linspace(0.005, 1, 200)
fig, ax = plt.subplots(figsize=(5.5, 3))
ax.plot(p, -np.log(p))
for probability in [0.01, 0.1, 0.5, 1.0]:
    cost = abs(np.log(probability))
    ax.plot(probability, cost, "o", color="C3")
    ax.text(probability + 0.03, cost + 0.1, f"p = {probability:g} costs {cost:.2f}")
ax.set(xlabel="probability of the true class", ylabel="loss", xlim=(0, 1.4))
ax.set_title("What a digit costs")
plt.show()

# %% [markdown]
# A model that gave the truth the probability 1 pays nothing. The less it gave, the more it pays, and towards 0 the
# curve climbs without end: being wrong is bad, being *sure* and wrong is terrible.
#
# For a batch we pick from each row the probability of the true class (indexing with two lists takes one element from
# each row) and average over the pictures:

# %%
of_true_class = probabilities[torch.arange(64), yb]
loss = -of_true_class.log().mean()
print(f"by hand: {loss:.2f}   F.cross_entropy: {F.cross_entropy(logits, yb):.2f}")

# %% [markdown]
# Note what PyTorch's `F.cross_entropy` was given: the *logits*, not the probabilities. It does the softmax itself, and
# for a good reason. Exponentials grow fast:

# %%
large = torch.tensor([[1000.0, 998.0, 0.0]])
print("exponentials: ", large.exp().numpy())
print("probabilities:", (large.exp() / large.exp().sum(dim=1, keepdim=True)).numpy())

# %% [markdown]
# `inf` means that the number was too large to be stored, and infinity divided by infinity is `nan`, not a number. The
# cure: subtract the largest score from all of them first. Every exponential is then divided by the same constant, so
# the probabilities stay what they are, and no exponential exceeds 1.

# %%
shifted = large - large.max(dim=1, keepdim=True).values
stable = shifted.exp() / shifted.exp().sum(dim=1, keepdim=True)
print("probabilities:", stable.numpy().round(2))
print("loss if the last class is the true one:", -stable[0, 2].log().item())

# %% [markdown]
# Better, but the loss is still infinite: the last probability is so small that it was stored as 0. So the logarithm
# has to be taken before numbers get lost. Two rules do it, where *s* are the scores and *m* is the largest of them:
#
#     log(exp(s) / sum of exp(s)) = s − log(sum of exp(s))
#     log(sum of exp(s))          = m + log(sum of exp(s − m))
#
# The second line is called **log-sum-exp**.

# %%
def log_softmax(logits):
    largest = logits.max(dim=1, keepdim=True).values
    log_sum_exp = largest + (logits - largest).exp().sum(dim=1, keepdim=True).log()
    return logits - log_sum_exp


def cross_entropy(logits, labels):
    return -log_softmax(logits)[torch.arange(len(labels)), labels].mean()


last = torch.tensor([2])
print(f"by hand: {cross_entropy(large, last):.2f}   PyTorch: {F.cross_entropy(large, last):.2f}")
print(f"our batch: {cross_entropy(logits, yb):.2f}   PyTorch: {F.cross_entropy(logits, yb):.2f}")

# %% [markdown]
# The loss of 1,000 is the distance from the true class's score, 0, to the largest one, and a little more, because the
# two large scores share the probability. From here on we use `F.cross_entropy`, and you know what is in it.
#
# Much code makes an object of it first, and calls that:

# %%
criterion = nn.CrossEntropyLoss()
torch.testing.assert_close(criterion(logits, yb), F.cross_entropy(logits, yb))

# %% [markdown]
# The same number. An object is worth it where something has to be remembered: the weights of a layer, or a setting such
# as `nn.CrossEntropyLoss(label_smoothing=0.1)`. Where nothing is kept, as here and in a ReLU, the function will do.
#
# **Check yourself.** A model gives all ten classes the same score, say 5. What is its loss, and does it matter that it
# is 5?
# <details><summary>Answer</summary>
#
# Equal scores give equal probabilities, one tenth each, at 5 as at 0. The loss is −ln(1/10) = ln 10, the second dot of
# the curve.
#
# </details>

# %% [markdown]
# ## What the first loss should be
#
# A model that has seen nothing has no reason to prefer a class. It should give each about one tenth, and its loss
# should be about ln 10. Ours was far above: before any training it is *sure* of wrong answers.
#
# The fault lies in the weights. Each logit is a sum of 784 products, and the spread (standard deviation) of such a sum
# grows with the square root of their number, the **fan-in**. So we divide the weights by this root, here 28:

# %%
print(f"ln 10 = {np.log(10):.2f}")
scales = {"as drawn": 1.0, "divided by 28": 1 / 784**0.5}
for name, scale in scales.items():
    scaled_logits = xb @ (scale * weights) + bias
    first_loss = F.cross_entropy(scaled_logits, yb)
    spread = scaled_logits.std()
    print(f"{name:>13}: spread of the logits {spread:5.2f}   first loss {first_loss:5.2f}")

# %% [markdown]
# (The spreads are less than 28 and 1, because most pixels are 0.) The scaled weights start close to ln 10. How sure is
# the untrained model of its favourite class, picture by picture?

# %%
fig, ax = plt.subplots(figsize=(6, 3))
for name, scale in scales.items():
    largest = (x @ (scale * weights) + bias).softmax(dim=1).max(dim=1).values
    ax.hist(largest.cpu().numpy(), bins=np.linspace(0, 1, 41), alpha=0.7, label=name)
ax.set(title="How sure an untrained model is", xlabel="largest probability", ylabel="digits")
ax.legend()
plt.show()

# %% [markdown]
# With weights as drawn most digits pile up at 1: the model is certain, about nothing. With scaled weights even the
# largest of the ten probabilities stays small. So the first loss is a free check of any classifier: a value far above
# the logarithm of the number of classes means a bad start.
#
# **Check yourself.** A classifier for 100 classes starts with a loss of 2.3. Should you be glad?
# <details><summary>Answer</summary>
#
# You should be suspicious. A hundred equal probabilities give ln 100, twice as much. Either the model is not untrained,
# or it has ten outputs only, and no label above 9 has come along yet.
#
# </details>

# %% [markdown]
# ## Training by hand
#
# As in lesson 02, `backward()` leaves the gradient in `.grad`, and we take a small step the other way. First, starting
# values for any number of layers:

# %%
def start(widths, scaled=True):
    torch.manual_seed(0)
    parameters = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        table = torch.randn(fan_in, fan_out) / (fan_in**0.5 if scaled else 1)
        parameters += [table, torch.zeros(fan_out)]
    return [parameter.to(course.device).requires_grad_() for parameter in parameters]


print([tuple(parameter.shape) for parameter in start([784, 10])])

# %% [markdown]
# The model is a function of the input and the parameters. In the training loop, `randperm` puts the numbers of all
# pictures in random order, another one each epoch, and `split(64)` cuts that order into batches.

# %%
def linear(x, weights, bias):
    return x @ weights + bias


def train_by_hand(model, parameters, x, y, epochs, lr=0.3):
    generator = torch.Generator().manual_seed(0)
    for epoch in range(epochs):
        for chosen in torch.randperm(len(x), generator=generator).split(64):
            loss = F.cross_entropy(model(x[chosen], *parameters), y[chosen])
            loss.backward()
            with torch.no_grad():
                for parameter in parameters:
                    parameter -= lr * parameter.grad
                    parameter.grad = None


# %%
epochs = course.pick(sample=15, full=3)
before = start([784, 10])
after = start([784, 10])
train_by_hand(linear, after, x, y, epochs)

# %% [markdown]
# ## Accuracy
#
# Has it helped? A loss is hard to picture. **Accuracy** is not: the share of pictures whose largest logit is that of
# the true class. `argmax(dim=1)` gives the position of the largest number of each row, and the mean of ones (right) and
# zeros (wrong) is the share of right ones.

# %% tags=["nbval-ignore-output"]
from course_utils.evaluation.metrics import accuracy

with torch.no_grad():
    loss_before = F.cross_entropy(linear(x_val, *before), y_val)
    val_logits = linear(x_val, *after)
    loss_after = F.cross_entropy(val_logits, y_val)
predictions = val_logits.argmax(dim=1)
share_right = (predictions == y_val).float().mean().item()
print(f"validation loss before: {loss_before:.2f}   after {epochs} epochs: {loss_after:.2f}")
print("predicted:", predictions[:12].tolist())
print("true:     ", y_val[:12].tolist())
print(f"accuracy {share_right:.3f}   by the course's helper {accuracy(val_logits, y_val):.3f}")

# %% tags=["proof"]
assert loss_after < loss_before / 3, f"loss {loss_before:.2f}, then {loss_after:.2f}"
assert share_right >= course.pick(sample=0.85, full=0.88), f"accuracy {share_right:.3f}"
assert abs(accuracy(val_logits, y_val) - share_right) < 1e-6, "accuracy, the helper, disagrees"

# %% [markdown]
# Nine digits of ten, with one table of weights. What has it learned? Each class has a weight for each pixel, so they
# can be shown as a picture. We subtract the random values they had before, and see what training has added.

# %%
learned = (after[0] - before[0]).detach().cpu().T.reshape(10, 28, 28)
limit = learned.abs().max()
fig, axes = plt.subplots(2, 5, figsize=(9, 4))
for digit, ax in enumerate(axes.flat):
    shown = ax.imshow(learned[digit], cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set_title(str(digit))
    ax.axis("off")
fig.suptitle("What training has added to the weights of each class")
fig.colorbar(shown, ax=axes, label="change of weight")
plt.show()

# %% [markdown]
# Red pixels speak for the class, blue ones against it. The 0 is a red ring with a blue middle: ink there means that it
# is no 0. Others are harder to read, because a weight also has to tell its class from the nine others.

# %% [markdown]
# **Try it.** Shuffle the 784 pixels, in all pictures in the same way. How many does it still get right? Guess, then
# run.
# <details><summary>What we saw</summary>
#
# ```python
# order, shuffled = torch.randperm(784), start([784, 10])
# train_by_hand(linear, shuffled, x[:, order], y, epochs)
# print(accuracy(linear(x_val[:, order], *shuffled), y_val))
# ```
#
# As many as before, give or take one or two! It has a weight for each position and does not know which positions are
# neighbours. Lesson 04 builds a network that does.
#
# </details>

# %% [markdown]
# **Check yourself.** Why do we train on the loss and not on the accuracy, if the accuracy is what we care about?
# <details><summary>Answer</summary>
#
# Change a weight by very little: almost surely no prediction changes, so the gradient of the accuracy is 0 and does not
# say which way to go. The loss changes a little with every little change.
#
# </details>

# %% [markdown]
# ## Hidden layers
#
# A linear classifier weighs each pixel on its own. What it cannot do is best seen with two numbers instead of 784: an
# input is then a point on paper, and a class a colour. Three arms of a spiral, about 100 points each:

# %%
rng = np.random.default_rng(0)
arm = rng.integers(3, size=300)
radius = rng.uniform(0.1, 1, size=300)
angle = 2 * np.pi * (arm / 3 + 0.9 * radius) + rng.normal(0, 0.12, size=300)
points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
points, arms = torch.tensor(points).float().to(course.device), torch.tensor(arm).to(course.device)

# %% [markdown]
# The usual remedy is to stack layers: the outputs of one are the inputs of the next. Those between input and output are
# called **hidden**. Here are two such models, without and with lesson 02's **ReLU** (negative numbers become 0) between
# the layers. The second one is a *multilayer perceptron*, **MLP**.

# %%
def stacked(x, w1, b1, w2, b2, w3, b3):
    return ((x @ w1 + b1) @ w2 + b2) @ w3 + b3


def mlp(x, w1, b1, w2, b2, w3, b3):
    hidden = F.relu(x @ w1 + b1)
    hidden = F.relu(hidden @ w2 + b2)
    return hidden @ w3 + b3


# %% [markdown]
# To see what a model thinks, we ask it about every point of a fine grid and colour the grid by its answers:

# %%
def draw_regions(ax, model, parameters):
    side = torch.linspace(-1.1, 1.1, 220)
    grid = torch.cartesian_prod(side, side).to(course.device)
    answers = model(grid, *parameters).argmax(dim=1).reshape(220, 220).T.cpu()
    colours = {"levels": [-0.5, 0.5, 1.5, 2.5], "colors": ["C0", "C1", "C2"]}
    ax.contourf(side, side, answers, alpha=0.35, **colours)
    for number, marker in enumerate("os^"):
        ax.plot(*points[arms == number].T.cpu(), marker, color=f"C{number}", markersize=4)
    ax.set_aspect("equal")
    ax.axis("off")


# %% [markdown]
# **Guess first.** Which of the three can follow the arms?

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 3, figsize=(10.5, 4))
toy = {}
for ax, model in zip(axes, [linear, stacked, mlp]):
    parameters = start([2, 3] if model is linear else [2, 32, 32, 3])
    train_by_hand(model, parameters, points, arms, epochs=200)
    toy[model.__name__] = accuracy(model(points, *parameters), arms)
    draw_regions(ax, model, parameters)
    ax.set_title(f"{model.__name__}: {toy[model.__name__]:.0%} right")
print({name: round(share, 2) for name, share in toy.items()})
plt.show()

# %% tags=["proof"]
assert max(toy["linear"], toy["stacked"]) < 0.65, toy
assert toy["mlp"] > 0.95, toy

# %% [markdown]
# The linear model cuts the paper with straight lines; it cannot do more. Layers without a ReLU are no better: two
# tables of weights can be multiplied into one beforehand, `(x @ w1) @ w2` is `x @ (w1 @ w2)`. With the ReLU the borders
# bend with the arms.
#
# Each hidden number is 0 on one side of a line and rises on the other: a fold in the paper. The first layer makes 32
# folds, the second folds the folded paper. In the same way a hidden layer can say of a digit "ink here counts only if
# there is none over there".

# %% [markdown]
# **Try it.** How many folds does it take? Train an MLP with only three hidden numbers a layer.
# <details><summary>What we saw</summary>
#
# ```python
# few = start([2, 3, 3, 3])
# train_by_hand(mlp, few, points, arms, epochs=200)
# draw_regions(plt.figure().gca(), mlp, few)
# plt.show()
# ```
#
# Few bends, and arms that are cut through: 63 % right. With 5 in place of the two middle threes we saw 91 %, with 8
# all points right.
#
# </details>

# %% [markdown]
# Now the digits, with 128 and 256 hidden numbers (the widths are a choice), each model from scaled and from unscaled
# weights: what do hidden layers gain, and what does a bad start cost?

# %% tags=["nbval-ignore-output"]
first_losses, accuracies = [], []
for model, widths in [(linear, [784, 10]), (mlp, [784, 128, 256, 10])]:
    for scaled in [True, False]:
        parameters = start(widths, scaled)
        with torch.no_grad():
            first_losses.append(F.cross_entropy(model(x, *parameters), y).item())
        train_by_hand(model, parameters, x, y, epochs)
        accuracies.append(accuracy(model(x_val, *parameters), y_val))
pd.DataFrame({
    "model": ["linear", "linear", "MLP", "MLP"],
    "weights": ["scaled", "unscaled"] * 2,
    "first loss": first_losses,
    "val accuracy": accuracies,
}).round(3)

# %% tags=["proof"]
assert max(first_losses[::2]) < 3 < min(first_losses[1::2]), f"only scaled weights start near ln 10: {first_losses}"
assert accuracies[0] > accuracies[1] + 0.01, f"scaled weights learn better: {accuracies}"
assert accuracies[2] > accuracies[3] + course.pick(sample=0.5, full=0.01), f"scaled weights learn better: {accuracies}"
assert accuracies[2] > accuracies[0] + course.pick(sample=0.003, full=0.03), f"the MLP is ahead: {accuracies}"
if course.profile == "sample":  # with MNIST's many more steps it may recover
    assert accuracies[3] < 0.3, f"the MLP with unscaled weights: {accuracies}"

# %% [markdown]
# **The hidden layers gain** a few points: of what the linear model misreads, the MLP reads a good part.
#
# *A bad initialization* costs the linear model accuracy: it spends its epochs on unlearning what it was wrongly sure
# of. In the MLP the spread grows from layer to layer, the first loss is enormous, so is the first step, and on the
# sample digits the network ends up no better than always giving the same answer. No error came, but the first loss
# had told.

# %% [markdown]
# ## The same network as a module
#
# ![A batch of 64 digits becomes rows of 784 numbers, then of 128, of 256 and of 10 logits; below, the ten logits of one
# digit become ten probabilities, and the loss is minus the logarithm of the true one.](figures/mlp.svg)
#
# The upper row is the MLP: each arrow is a table of weights. The lower row follows one picture to its loss.
#
# Six parameter tensors can be passed around by hand, sixty cannot. An `nn.Module` keeps them: its layers are made in
# `__init__`, and `forward` says how data flows through them.

# %%
class DigitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden1 = nn.Linear(784, 128)
        self.hidden2 = nn.Linear(128, 256)
        self.out = nn.Linear(256, 10)

    def forward(self, images):
        hidden = F.relu(self.hidden1(images.flatten(1)))
        hidden = F.relu(self.hidden2(hidden))
        return self.out(hidden)


# %% [markdown]
# `super().__init__()` prepares the module for noticing its layers; without this line the next one fails. `forward`
# returns logits: the loss contains the softmax. A module is called like a function, and it can list its parameters:

# %%
torch.manual_seed(0)
net = DigitNet()
for name, parameter in net.named_parameters():
    print(f"{name:>14}: {tuple(parameter.shape)}")
counted = sum(parameter.numel() for parameter in net.parameters())
print(f"numbers in all: {counted:,}")
print(f"first loss: {F.cross_entropy(net(train_images), train_labels).item():.1f}")

# %% [markdown]
# The first loss is as it should be, because `nn.Linear` takes the fan-in into account. The course keeps this network as
# `MLP(in_features=784, hidden=(128, 256), num_classes=10)`.
#
# ## A training loop of your own
#
# `TensorDataset` and `DataLoader` deal out the batches, as in lesson 02. We shall compare models on the same batches in
# the same order, so a function makes the loaders and seeds the order afresh.

# %%
def make_loaders(seed=0):
    generator = torch.Generator().manual_seed(seed)
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True, generator=generator)
    return train_loader, DataLoader(val_set, batch_size=128)


train_loader, val_loader = make_loaders()
print("validation batches:", [len(labels) for images, labels in val_loader][-4:])

# %% [markdown]
# The last batch holds what is left over; this will matter in a moment.
#
# Training and validation both take a batch and compute the loss. Only training goes on to change the parameters. So one
# function does both; it learns if it is given an optimizer:

# %%
def loss_batch(model, images, labels, optimizer=None):
    loss = F.cross_entropy(model(images.to(course.device)), labels.to(course.device))
    if optimizer is not None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item(), len(labels)


# %% [markdown]
# Validation averages that over all batches, with two precautions. `model.eval()` switches to evaluation mode,
# `model.train()` back; some layers need it (lesson 04). And `torch.inference_mode()`, the stricter relative of
# `no_grad`, keeps no notes for a `backward`.

# %%
def average(pairs):
    losses, sizes = zip(*pairs)
    return np.average(losses, weights=sizes)


def validate(model, loader):
    model.eval()
    with torch.inference_mode():
        return average([loss_batch(model, images, labels) for images, labels in loader])


# %% [markdown]
# (`zip(*pairs)` turns a list of pairs into two lists.) `fit` is then short. `tqdm` around the loop draws a progress
# bar:

# %%
def fit_by_hand(model, train_loader, val_loader, optimizer, epochs):
    history = {"train_loss": [], "val_loss": []}
    for epoch in tqdm(range(epochs), unit="epoch", file=sys.stdout):
        model.train()
        pairs = [loss_batch(model, images, labels, optimizer) for images, labels in train_loader]
        history["train_loss"].append(average(pairs))
        history["val_loss"].append(validate(model, val_loader))
    return history


# %% [markdown]
# The `step` of `SGD` is our `parameter -= lr * parameter.grad`. The name means *stochastic gradient descent*, and
# stochastic means by chance: the batches are drawn at random.

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
net = DigitNet().to(course.device)
optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
print(f"before training: validation loss {validate(net, val_loader):.3f}")
by_hand = fit_by_hand(net, *make_loaders(), optimizer, epochs)
for name, losses in by_hand.items():
    print(f"{name:>10}: first epoch {losses[0]:.3f}   last epoch {losses[-1]:.3f}")

# %% tags=["proof"]
largest_loss = max(by_hand["train_loss"][-1], by_hand["val_loss"][-1])
assert largest_loss < np.log(10) / 2, f"a loss ends at {largest_loss:.2f}"

# %% [markdown]
# ## Averaging losses, and how not to
#
# Why does `average` use weights? Because the last batch is smaller, and in a plain mean its few pictures would count as
# much as a whole batch. We cut the losses of all pictures into batches of several sizes, and average in three ways:
# weighted, plain, and, as some programs do by mistake, from the last batch only.

# %% tags=["nbval-ignore-output"]
with torch.inference_mode():
    losses = F.cross_entropy(net(x_val), y_val, reduction="none").cpu().double()
table = {"batch size": [32, 100, 128, 150], "weighted": [], "plain": [], "last batch only": []}
for size in table["batch size"]:
    batches = losses.split(size)
    means = [batch.mean().item() for batch in batches]
    table["weighted"].append(np.average(means, weights=[len(batch) for batch in batches]))
    table["plain"].append(np.mean(means))
    table["last batch only"].append(means[-1])
pd.DataFrame(table).round(4)

# %% tags=["proof"]
assert np.ptp(table["weighted"]) < 1e-9, "the batch size changes the weighted average"
assert np.ptp(table["plain"]) > 1e-5, "the batch size leaves the plain mean alone"

# %% [markdown]
# Only the weighted average does not depend on how the pictures were packed. The plain mean agrees where all batches are
# equally large, as with 100.
#
# ## The helper does the same
#
# The course's `fit` has this loop at its heart. It measures accuracy and time as well, and prints a line per epoch
# (`progress="bar"` leaves the bar, `progress=False` nothing). Without a `loss_fn` it uses cross-entropy.

# %% tags=["nbval-ignore-output"]
train_loader, val_loader = make_loaders()
torch.manual_seed(0)
model = MLP().to(course.device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
history = fit(model, train_loader, val_loader, optimizer=optimizer, epochs=epochs, progress=False)
for name, losses in [("by hand", by_hand["val_loss"]), ("of fit", history["val_loss"])]:
    print(f"validation loss {name:>7}: first {losses[0]:.4f}   last {losses[-1]:.4f}")

# %% tags=["proof"]
for name in by_hand:  # the same network and the same loop: the same losses in every epoch
    np.testing.assert_allclose(history[name], by_hand[name], atol=course.pick(sample=2e-3, full=2e-2))

# %% [markdown]
# The same losses. `plot_history` shows what `fit` has measured:

# %%
from course_utils.evaluation.plots import plot_history

plot_history(history)
plt.show()

# %% tags=["proof"]
if course.profile == "sample":  # 55,000 digits are harder to learn by heart
    assert history["train_accuracy"][-1] > 0.98, f"training accuracy {history['train_accuracy'][-1]:.3f}"
    assert history["train_accuracy"][-1] > history["val_accuracy"][-1] + 0.02, "no gap between training and validation"

# %% [markdown]
# On the sample digits the training accuracy climbs to almost 1: the network has learned them by heart. The validation
# curve stays some points below. This gap is **overfitting**. More data helps most; other cures follow in lessons 04
# and 06. (The jumps at first: at this rate one unlucky batch can throw the network back.)
#
# *What* goes wrong? Of the pictures that the model gets wrong, these are the eight it was surest of. Above each stands
# its answer, and in brackets the true digit:

# %% tags=["nbval-ignore-output"]
from course_utils import show_predictions

val_logits, labels = predict(model, val_loader)
sureness, predictions = val_logits.softmax(dim=1).max(dim=1)
wrong = (predictions != labels).nonzero().flatten()
wrong = wrong[sureness[wrong].argsort(descending=True)][:8]
title = "validation digits taken for others"
picked = val_images[wrong], labels[wrong], predictions[wrong]
show_predictions(*picked, columns=4, title=title).set_size_inches(8, 5)
plt.show()
print(f"sure of these answers to {sureness[wrong].min():.2f} or more")

# %% tags=["proof"]
assert sureness[wrong].max() > 0.8, f"sure at most to {sureness[wrong].max():.2f}"

# %% [markdown]
# In our run on the sample digits a human reads six of the eight at once: the broad 4 with its open top, the round 0,
# the two 5s, the two 8s. Only the 2 that curls into a knot and the 7 with its loop would make anybody hesitate. The
# network does not hesitate where we would. What a stroke is, it does not know; it has weights for 784 places.

# %% [markdown]
# ## Choosing a learning rate
#
# So far the learning rate was 0.3, without a reason. We train the same network, from the same start, on the same
# batches, with three rates for SGD, and with Adam, which adapts the size of the step to each parameter.

# %%
def train(optimizer_class, lr, loss_fn=F.cross_entropy):
    train_loader, val_loader = make_loaders()
    torch.manual_seed(0)
    model = MLP().to(course.device)
    optimizer = optimizer_class(model.parameters(), lr=lr)
    settings = {"optimizer": optimizer, "epochs": epochs, "loss_fn": loss_fn, "progress": "bar"}
    return model, fit(model, train_loader, val_loader, **settings)


# %% tags=["nbval-ignore-output"]
SGD, Adam = torch.optim.SGD, torch.optim.Adam
runs = {}
for kind, lr in [(SGD, 0.003), (SGD, 0.3), (SGD, 1.0), (Adam, 0.001)]:
    runs[f"{kind.__name__}, rate {lr}"] = train(kind, lr)
val_accuracy = {name: history["val_accuracy"][-1] for name, (model, history) in runs.items()}
for name, score in val_accuracy.items():
    print(f"{name:>15}: validation accuracy {score:.3f}")

# %% tags=["proof"]
slow, good, fast, adam = val_accuracy.values()
assert good - slow >= course.pick(sample=0.2, full=0.03), f"a hundredth of the rate: {slow:.3f} instead of {good:.3f}"
assert abs(good - adam) < 0.05, f"Adam {adam:.3f}, SGD {good:.3f}"
if course.profile == "sample":  # with MNIST's many more steps the large rate may arrive
    assert good - max(runs["SGD, rate 1.0"][1]["val_accuracy"][:5]) > 0.03, f"rate 1.0 is not behind: {fast:.3f}"

# %%
fig, axes = plt.subplots(1, 2, figsize=(10.5, 3.6))
for (name, (_, history)), style in zip(runs.items(), ["-", "--", ":", "-."]):
    for ax, measure in zip(axes, ["train_loss", "val_accuracy"]):
        ax.plot(range(1, epochs + 1), history[measure], style, label=name)
axes[0].set(title="training loss", xlabel="epoch", ylabel="loss", ylim=(0, 2.6))
axes[1].set(title="validation accuracy", xlabel="epoch", ylabel="accuracy", ylim=(0, 1))
fig.legend(handles=axes[0].lines, loc="outside right center")
plt.show()

# %% [markdown]
# *A learning rate far too small* looks like a network that cannot learn: 0.003 moves in the right direction, but
# needs many more epochs. *A rate too large* overshoots: on the sample digits the curves of 1.0 jump up and
# down and stay behind. Adam gets as far as the good SGD rate with a small one; its rates cannot be compared with those
# of SGD. When a network does not learn, try a rate ten times smaller and one ten times larger before anything else.
#
# **Check yourself.** The training loss stays near ln 10 for several epochs. Name two quite different reasons that this
# lesson has shown.
# <details><summary>Answer</summary>
#
# A rate far too small: the network has hardly moved. Or steps far too large, by the rate or by unscaled weights: it was
# thrown to where it gives the same answer for every picture. Then the loss starts, or jumps, far above ln 10.
#
# </details>

# %% [markdown]
# ## The test set, once
#
# We take the one with the best *validation* accuracy. The test set must play no part in that: whoever picks the best of
# many attempts on a set has also picked the luckiest one on that set.
#
# An accuracy depends on which pictures it was measured on. By how much it typically moves from one set to another of
# the same size is its **standard error**: for an accuracy $p$ on $n$ pictures it is $\sqrt{p(1-p)/n}$.

# %% tags=["nbval-ignore-output"]
from course_utils import evaluate, standard_error

chosen = max(val_accuracy, key=val_accuracy.get)
chosen_model, _ = runs[chosen]
test_set = TensorDataset(*load_digits28("test"))
test_accuracy = evaluate(chosen_model, DataLoader(test_set, batch_size=128))["accuracy"]
error = standard_error(test_accuracy, len(test_set))
print(f"chosen: {chosen}, validation accuracy {val_accuracy[chosen]:.3f}")
print(f"test accuracy {test_accuracy:.3f}, standard error {error:.3f}, {len(test_set):,} digits")

# %% tags=["proof"]
by_formula = (test_accuracy * (1 - test_accuracy) / len(test_set)) ** 0.5
assert abs(by_formula - error) < 1e-9, "standard_error is not the formula"
assert test_accuracy >= course.pick(sample=0.86, full=0.93), f"test accuracy {test_accuracy:.3f}"
if course.profile == "sample":  # with all of MNIST the two may be equal
    assert test_accuracy < val_accuracy[chosen] + 0.005, f"validation {val_accuracy[chosen]}, test {test_accuracy}"

# %% [markdown]
# Report accuracy and error together: a lead of one standard error is nothing.
#
# In our runs on the sample digits the test accuracy was one to three points lower than that on validation. One reason
# is that we chose by validation. Another: the test digits of MNIST were written by *other* people than the training
# file, from which the validation digits come. Who wants to read the writing of strangers has to test on strangers.
#
# **Check yourself.** After seeing the test accuracy you have an idea, train again and test again: half a point better.
# What is wrong with reporting that?
# <details><summary>Answer</summary>
#
# The test set has now taken part in a choice, and its best value is partly luck. Besides, half a point is less than a
# standard error on a thousand pictures. Try ideas on validation; test the one you have settled on.
#
# </details>

# %% [markdown]
# > **Common mistake.** "A classifier should return probabilities", so a softmax is put behind the last layer, and
# > `F.cross_entropy` applies its own on top. Nothing crashes. But the first softmax leaves only numbers between 0 and
# > 1, and even a perfect answer, a 1 and nine zeros, is far from a loss of 0:

# %%
perfect = torch.tensor([[1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0]])
bound = F.cross_entropy(perfect, torch.tensor([0])).item()
print(f"lowest possible loss: {bound:.3f}")


def softmax_first(outputs, labels):
    return F.cross_entropy(outputs.softmax(dim=1), labels)


# %% [markdown]
# > A loss that gets stuck above this value is the symptom. And where an answer is sure, the first softmax is flat: the
# > gradient is almost 0, even for an answer that is *sure and wrong*. What does it cost?

# %% tags=["nbval-ignore-output"]
early = course.pick(sample=5, full=1)
rows = []
for name, kind, lr in [("SGD, rate 0.3", SGD, 0.3), ("Adam, rate 0.001", Adam, 0.001)]:
    twice = train(kind, lr, softmax_first)
    for softmaxes, (_, history) in [("one", runs[name]), ("two", twice)]:
        val = history["val_accuracy"]
        rows.append([name, softmaxes, history["train_loss"][-1], val[early - 1], val[-1]])
columns = ["run", "softmaxes", "train loss", f"val accuracy, epoch {early}", "at the end"]
pd.DataFrame(rows, columns=columns).round(3)

# %% tags=["proof"]
assert min(rows[1][2], rows[3][2]) > bound, f"with two softmaxes a loss is below the bound: {rows}"
assert max(rows[0][2], rows[2][2]) < 0.3, f"with one softmax a loss is stuck: {rows}"
if course.profile == "sample":  # with MNIST's many more steps an epoch is enough to catch up
    assert rows[0][3] > rows[1][3] + 0.1, f"with SGD the second softmax costs nothing early: {rows}"
    assert rows[1][4] < rows[0][4] + 0.005, f"with SGD the second softmax costs nothing at the end: {rows}"

# %% [markdown]
# > On the sample digits, with SGD, the network wakes up late and is still behind at the end. Adam, which adapts its
# > steps to the size of the gradients, nearly hides the mistake; the loss gives it away. Return logits from `forward`,
# > give logits to `F.cross_entropy`, and call `softmax` only where somebody wants to read probabilities.
#
# ## Summary
#
# - Logits are scores; softmax makes probabilities of them; cross-entropy is minus the log of the true class's one.
# - The first loss should be about the log of the number of classes; weights are scaled by 1 / √fan-in to get there.
# - Layers without a ReLU between them are one layer; with it, borders bend.
# - An `nn.Module` keeps the parameters, a `DataLoader` deals out the batches, `fit` trains and validates in turn.
# - Average batch losses weighted by batch size; choose on validation, test once, and state the standard error.
#
# **Exercises**: [03 exercises](exercises/03_mnist_mlp.ipynb)
#
# **Next**: [04 · Convolutional networks](04_mnist_cnn.ipynb)
