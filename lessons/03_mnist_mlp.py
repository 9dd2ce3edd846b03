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
# - turn the outputs of a classifier into probabilities and into a loss, and measure its accuracy
# - tell from the very first loss whether a network has started well, and mend one that has not
# - write a network from matrix products, then as an `nn.Module`
# - build the training loop `fit` by hand, and average losses correctly
# - choose a learning rate on the validation set, and use the test set once

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import setup

course = setup(seed=0, lesson="03")

# %% [markdown]
# ## Ten digits
#
# In lesson 02 a network predicted a number, a temperature. That is **regression**. This time it has to choose one of
# ten classes, the digits 0 to 9. That is **classification**. `load_digits28` returns pictures and labels as two
# tensors:

# %%
from course_utils import load_digits28

train_images, train_labels = load_digits28("train")
val_images, val_labels = load_digits28("val")
for images, labels in [(train_images, train_labels), (val_images, val_labels)]:
    print("images:", tuple(images.shape), images.dtype)
    print("labels:", tuple(labels.shape), labels.dtype)
print(f"pixel values from {train_images.min():.0f} to {train_images.max():.0f}")

# %% [markdown]
# The shape reads (pictures, channels, height, width), as in lesson 01; grey pictures have one channel. The network
# learns from `train`, we compare our attempts on `val`, and `test` is not even loaded before the end. Look first:

# %%
from course_utils import show_batch

show_batch(train_images[:16], train_labels[:16], title="sixteen training digits and their labels")
plt.show()

# %% [markdown]
# A pixel of value 0 is blank paper, a pixel of value 1 is full ink. The sample digits are blurred, because they were
# reduced to 8 × 8 pixels once and have been enlarged again. Some are hard to read, but no label looks plainly wrong.
# How often does each digit occur?

# %%
counts = train_labels.bincount()
print("0 to 9:", counts.tolist())
print(f"share of the most frequent digit: {counts.max() / counts.sum():.2f}")

# %% [markdown]
# The digits are about equally frequent. So a program that always gives the same answer gets about one in ten right.
# This is the mark to beat.
#
# The simplest networks know nothing of rows and columns: they take a list of numbers. `flatten(1)` leaves dimension 0
# (the pictures) as it is and joins all dimensions from 1 on into a single one:

# %%
x, y = train_images.flatten(1).to(course.device), train_labels.to(course.device)
x_val, y_val = val_images.flatten(1).to(course.device), val_labels.to(course.device)
print("as pictures:", tuple(train_images.shape), "  as rows:", tuple(x.shape))

# %% [markdown]
# 28 × 28 pixels have become one row of 784 numbers.
#
# ## Ten scores
#
# For each class we want one score: the higher it is, the more the picture looks like that class. A **linear
# classifier** multiplies every pixel by a weight, adds the products up, and adds a constant, the bias. Each class has
# its own 784 weights, one column of a table of shape (784, 10). The matrix product `@` computes all sums at once:
# (64, 784) times (784, 10) gives (64, 10), a row of ten scores for each picture of a batch of 64.
#
# To begin with, the weights are drawn at random:

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
# **Check yourself.** Somebody shuffles the 784 numbers of every picture, all pictures in the same way. You could no
# longer read them. Could such a classifier still learn them as well?
# <details><summary>Answer</summary>
#
# Yes. It has one weight for each position and does not know which positions are neighbours, so any fixed order is as
# good as any other. Lesson 04 builds a network that makes use of neighbours.
#
# </details>

# %% [markdown]
# ## From scores to probabilities: softmax
#
# How sure is the model? We want ten probabilities: none negative, together 1. The exponential function makes every
# number positive and keeps their order; dividing by the sum does the rest. This is called **softmax**. A small example
# with three classes:

# %%
scores = torch.tensor([2.0, 1.0, 0.0])
exponentials = scores.exp()
print("exponentials: ", exponentials.numpy().round(2), f"  sum: {exponentials.sum():.2f}")
print("probabilities:", (exponentials / exponentials.sum()).numpy().round(2))

# %% [markdown]
# A lead of 1 in the score makes a class *e* ≈ 2.72 times as probable (7.39 / 2.72, and 2.72 / 1). For the whole batch,
# `dim=1` sums along the classes, and `keepdim=True` keeps the sums as a column of shape (64, 1), so that each row is
# divided by its own sum.

# %%
probabilities = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
print("first digit:", probabilities[0].cpu().numpy().round(2))
torch.testing.assert_close(probabilities, logits.softmax(dim=1))

# %% [markdown]
# The last line compares with PyTorch's own softmax. `assert_close` says nothing where two tensors agree up to rounding,
# and stops with an error where they do not.
#
# One class has got nearly everything, although the weights are dice. We come back to this oddity.
#
# ## From probabilities to a loss: cross-entropy
#
# Training needs one number that says how wrong the model is, the loss. For classification it looks at a single
# probability, the one the model gave to the *true* class, and takes minus its natural logarithm, ln. This is the
# **cross-entropy**.

# %%
p = np.linspace(0.005, 1, 200)
fig, ax = plt.subplots(figsize=(5.5, 3))
ax.plot(p, -np.log(p))
ax.set(title="What a digit costs", xlabel="probability given to the true class", ylabel="loss")
plt.show()

# %% [markdown]
# A model that gave the truth the probability 1 pays nothing. The less it gave, the more it pays, and the curve climbs
# without end towards 0: being wrong is bad, being *sure* and wrong is terrible.
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
# Better, but the loss is still infinite: the last probability is so small that it was stored as 0. So the logarithm,
# too, has to be taken before numbers get lost. Two rules for logarithms do it, where *s* are the scores and *m* is the
# largest of them:
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
# The first loss is the distance to the largest score, and a little more, because the two large scores share the
# probability. From here on we use `F.cross_entropy`, and you know what is in it.
#
# **Check yourself.** A model gives all ten classes the same score, say 5. What is its loss, and does it matter that it
# is 5?
# <details><summary>Answer</summary>
#
# Equal scores give equal probabilities, one tenth each, whatever the score. The loss is −ln(1/10), which is ln 10.
#
# </details>

# %% [markdown]
# ## What the first loss should be
#
# A model that has seen nothing has no reason to prefer a class. It should give each about one tenth, and its loss
# should be about ln 10. Ours was far above: before any training it is *sure* of wrong answers.
#
# The fault lies in the weights. Each logit is a sum of 784 products, and a sum of many random numbers spreads widely:
# its spread (standard deviation) grows with the square root of how many there are. The number of inputs that go into
# one sum is called **fan-in**. So we divide the weights by the root of the fan-in, here 28:

# %%
print(f"ln 10 = {np.log(10):.2f}   ln 100 = {np.log(100):.2f}")
scales = {"as drawn": 1.0, "divided by 28": 1 / 784**0.5}
for name, scale in scales.items():
    logits = xb @ (scale * weights) + bias
    first_loss = F.cross_entropy(logits, yb)
    print(f"{name:>13}: spread of the logits {logits.std():5.2f}   first loss {first_loss:5.2f}")

# %% [markdown]
# (The spreads are less than 28 and 1, because most pixels are below 1.) The scaled weights start close to ln 10. How
# sure is the untrained model of its favourite class, picture by picture?

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
# largest of the ten probabilities stays small.
#
# The first loss is a free check. Look at it whenever you train a classifier: a value far above the logarithm of the
# number of classes means a bad start.
#
# **Check yourself.** A classifier for 100 classes starts with a loss of 2.3. Should you be glad?
# <details><summary>Answer</summary>
#
# You should be suspicious. A hundred equal probabilities give ln 100, twice as much, whatever the labels are. 2.3 is
# what *ten* equal probabilities give. Either the model is not untrained, or it has ten outputs and no label above 9
# occurs (otherwise PyTorch would raise an error).
#
# </details>

# %% [markdown]
# ## Training by hand
#
# The recipe is that of lesson 02: `backward()` leaves the gradient in `.grad`, and we take a small step the other way.
# First, starting values for any number of layers:

# %%
def start(widths, scaled=True):
    torch.manual_seed(0)
    parameters = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        weights = torch.randn(fan_in, fan_out) / (fan_in**0.5 if scaled else 1)
        parameters += [weights, torch.zeros(fan_out)]
    return [parameter.to(course.device).requires_grad_() for parameter in parameters]


print([tuple(parameter.shape) for parameter in start([784, 10])])

# %% [markdown]
# The model is a function of the input and the parameters. In the training loop, `randperm` puts the numbers of all
# pictures in random order and `split(64)` cuts that order into batches, so each epoch takes them in another order.

# %%
def linear(x, weights, bias):
    return x @ weights + bias


def train_by_hand(model, parameters, epochs, lr=0.1):
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
train_by_hand(linear, after, epochs)

# %% [markdown]
# ## Accuracy
#
# Has it helped? A loss is hard to picture. **Accuracy** is not: the share of pictures whose largest logit is that of
# the true class. `argmax(dim=1)` gives the position of the largest number of each row, `==` compares it with the label,
# and the mean of ones (right) and zeros (wrong) is the share of right ones.

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    loss_before = F.cross_entropy(linear(x_val, *before), y_val)
    val_logits = linear(x_val, *after)
    loss_after = F.cross_entropy(val_logits, y_val)
predictions = val_logits.argmax(dim=1)
by_hand = (predictions == y_val).float().mean().item()
print(f"validation loss before: {loss_before:.2f}   after {epochs} epochs: {loss_after:.2f}")
print("predicted:", predictions[:12].tolist())
print("true:     ", y_val[:12].tolist())
print(f"validation accuracy {by_hand:.3f}")

# %% tags=["proof"]
assert loss_after < loss_before / 3, f"loss {loss_before:.2f}, then {loss_after:.2f}"
assert by_hand >= course.pick(sample=0.85, full=0.88), f"accuracy {by_hand:.3f}"

# %% tags=["nbval-ignore-output"]
from course_utils.evaluation.metrics import accuracy

print(f"the helper says {accuracy(val_logits, y_val):.3f}")

# %% tags=["proof"]
assert abs(accuracy(val_logits, y_val) - by_hand) < 1e-6, "accuracy, the helper, disagrees"

# %% [markdown]
# `accuracy(logits, labels)` is the course's helper. Softmax was not needed: it keeps the order of the scores, so the
# largest logit belongs to the largest probability.
#
# What has the classifier learned? Each class has 784 weights, one for each pixel, so they can be shown as a picture. We
# subtract the random values they had before, and see what training has added:

# %%
learned = (after[0] - before[0]).detach().cpu().T.reshape(10, 28, 28)
limit = learned.abs().max()
fig, axes = plt.subplots(2, 5, figsize=(7.5, 3.4))
for digit, ax in enumerate(axes.flat):
    shown = ax.imshow(learned[digit], cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set_title(str(digit))
    ax.axis("off")
fig.suptitle("What training has added to the weights of each class")
fig.colorbar(shown, ax=axes, label="change of weight")
plt.show()

# %% [markdown]
# Red pixels speak for the class, blue ones against it. In the picture of the 0 the middle is blue: ink there means that
# it is no 0. Others are harder to read, because a weight also has to tell a class from the nine others.
#
# **Check yourself.** Why do we train on the loss and not on the accuracy, if the accuracy is what we care about?
# <details><summary>Answer</summary>
#
# Change a weight by very little: almost surely no prediction changes, so the accuracy stays exactly the same and its
# gradient is 0. It does not say which way to go. The loss changes a little with every little change.
#
# </details>

# %% [markdown]
# ## Hidden layers
#
# A linear classifier weighs each pixel on its own. It cannot say "ink here counts only if there is none over there".
# For that, layers are stacked, here with 128 and 256 numbers (the widths are a choice), and between two layers stands a
# **ReLU**, which replaces negative numbers by 0. You met both in lesson 02. The layers between input and output are
# the hidden ones, and such a network is called a *multilayer perceptron*, **MLP**.

# %%
def mlp(x, w1, b1, w2, b2, w3, b3):
    hidden = F.relu(x @ w1 + b1)
    hidden = F.relu(hidden @ w2 + b2)
    return hidden @ w3 + b3


parameters = start([784, 128, 256, 10])
print([tuple(parameter.shape) for parameter in parameters])
print("logits:", tuple(mlp(xb, *parameters).shape))

# %% [markdown]
# What is the ReLU good for? Leave it out, and two layers are no more than one: both tables of weights can be multiplied
# into a single one beforehand.

# %%
w1, b1, w2, b2, w3, b3 = start([784, 128, 256, 10])
two_layers = (xb @ w1) @ w2
one_layer = xb @ (w1 @ w2)
torch.testing.assert_close(two_layers, one_layer, atol=1e-4, rtol=1e-4)
print("two layers:", two_layers[0, :5].detach().cpu().numpy().round(2))
print("one layer: ", one_layer[0, :5].detach().cpu().numpy().round(2))

# %% [markdown]
# Now we train both models, each from scaled and from unscaled weights, and measure what a bad start costs. Everything
# else is the same.

# %% tags=["nbval-ignore-output"]
first_losses, scores = [], []
for model, widths in [(linear, [784, 10]), (mlp, [784, 128, 256, 10])]:
    for scaled in [True, False]:
        parameters = start(widths, scaled)
        with torch.no_grad():
            first_losses.append(F.cross_entropy(model(x, *parameters), y).item())
        train_by_hand(model, parameters, epochs)
        with torch.no_grad():
            scores.append(accuracy(model(x_val, *parameters), y_val))
pd.DataFrame({
    "model": ["linear", "linear", "MLP", "MLP"],
    "weights": ["scaled", "unscaled"] * 2,
    "first loss": first_losses,
    "val accuracy": scores,
}).round(2)

# %% tags=["proof"]
assert max(first_losses[::2]) < 3 < min(first_losses[1::2]), "only scaled weights start near ln 10"
assert scores[0] > scores[1] and scores[2] > scores[3], f"scaled weights learn better: {scores}"

# %% [markdown]
# **A bad initialization** costs the linear model accuracy: it spends its epochs on unlearning what it was wrongly sure
# of. For the MLP it is worse. There the spread grows from layer to layer, the first loss is enormous, so is the first
# step, and on the sample digits the network ends up no better than always giving the same answer. Nothing crashed, and
# no error was reported, but the first loss told before any training.
#
# With a good start, is the MLP better than the linear model? On the sample digits hardly, if at all: they are too easy
# to need hidden layers. We keep the MLP because the next lessons build on it.

# %% [markdown]
# ## The same network as a module
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
# `super().__init__()` prepares the module for noticing the layers assigned to it; without this line the next one fails.
# There is no backward function to write: autograd derives it from `forward`. And `forward` returns logits: no softmax,
# since the loss contains it.
#
# A module is called like a function, and it can list its parameters. `numel` counts the numbers in a tensor:

# %%
net = DigitNet()
for name, parameter in net.named_parameters():
    print(f"{name:>14}: {tuple(parameter.shape)}")
by_hand = (784 * 128 + 128) + (128 * 256 + 256) + (256 * 10 + 10)
counted = sum(parameter.numel() for parameter in net.parameters())
print(f"numbers in all: {counted:,}   inputs × outputs + biases: {by_hand:,}")
print(f"first loss: {F.cross_entropy(net(train_images), train_labels).item():.1f}")

# %% [markdown]
# The first loss is as it should be, because `nn.Linear` takes the fan-in into account when it draws its weights.
#
# The course keeps this network as `MLP`, with our sizes unless you give others:
# `MLP(in_features=784, hidden=(128, 256), num_classes=10)`.

# %% [markdown]
# ## A training loop of your own: loss_batch and fit
#
# `TensorDataset` and `DataLoader` deal out the batches, as in lesson 02. Several models are to be compared below, and
# each should see the batches in the same order. So we make the loaders in a function that seeds the order afresh.

# %%
from torch.utils.data import DataLoader, TensorDataset


def make_loaders(seed=0):
    train_set = TensorDataset(train_images, train_labels)
    val_set = TensorDataset(val_images, val_labels)
    generator = torch.Generator().manual_seed(seed)
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True, generator=generator)
    return train_loader, DataLoader(val_set, batch_size=128)


train_loader, val_loader = make_loaders()
for images, labels in val_loader:
    pass
print("validation digits:", len(val_labels), "  in the last batch:", len(labels))

# %% [markdown]
# Validation batches can be larger, since nothing is kept for a backward pass. The last one holds what is left over;
# this will matter in a moment.
#
# Training and validation have much in common: take a batch, compute the loss. Only training goes on to change the
# parameters. One function can do both; it learns if it is given an optimizer. It returns the loss as a plain number,
# and how many pictures it was averaged over.

# %%
def loss_batch(model, images, labels, optimizer=None):
    loss = F.cross_entropy(model(images.to(course.device)), labels.to(course.device))
    if optimizer is not None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item(), len(labels)


# %% [markdown]
# Validation calls `loss_batch` for every batch and averages. Two new things come with it:
#
# - `model.eval()` switches the model to evaluation mode, `model.train()` back. Some layers behave differently in the
#   two (you will meet them in lesson 04). Ours has none of them, but a loop that forgets it will betray you later.
# - `torch.inference_mode()` says that no `backward` will follow, so nothing is noted down. It is the stricter and
#   slightly faster relative of `no_grad`.

# %%
def average(pairs):
    losses, sizes = zip(*pairs)
    return np.average(losses, weights=sizes)


def validate(model, loader):
    model.eval()
    with torch.inference_mode():
        return average([loss_batch(model, images, labels) for images, labels in loader])


# %% [markdown]
# `zip(*pairs)` turns a list of (loss, size) pairs into one list of losses and one of sizes. `fit` is then short:

# %%
def fit_by_hand(model, train_loader, val_loader, optimizer, epochs):
    history = {"train_loss": [], "val_loss": []}
    for epoch in range(epochs):
        model.train()
        pairs = [loss_batch(model, images, labels, optimizer) for images, labels in train_loader]
        history["train_loss"].append(average(pairs))
        history["val_loss"].append(validate(model, val_loader))
    return history


# %% [markdown]
# We train with `SGD`, *stochastic gradient descent*. Its `step` is our `parameter -= lr * parameter.grad`, with the
# gradient of a random batch.

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
net = DigitNet().to(course.device)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
by_hand = fit_by_hand(net, *make_loaders(), optimizer, epochs)
for name, losses in by_hand.items():
    print(f"{name:>10}: first epoch {losses[0]:.3f}   last epoch {losses[-1]:.3f}")

# %% tags=["proof"]
largest = max(by_hand["train_loss"][-1], by_hand["val_loss"][-1])
assert largest < np.log(10) / 2, f"a loss ends at {largest:.2f}"

# %% [markdown]
# ## Averaging losses, and how not to
#
# Why does `average` use weights, why not simply take the mean of the batch losses? Because the last batch is smaller,
# and in a plain mean its few pictures would count as much as a whole batch. Let us measure it: `reduction="none"`
# leaves the loss of each validation picture unaveraged. We cut these losses into batches of several sizes and average
# them in three ways: weighted, plain, and, as some programs do by mistake, from the last batch only.

# %% tags=["nbval-ignore-output"]
with torch.inference_mode():
    losses = F.cross_entropy(net(x_val), y_val, reduction="none").cpu().double()
table = {"batch size": [32, 64, 100, 128], "weighted": [], "plain": [], "last batch only": []}
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
# Same model, same pictures: the weighted average is the same for every batch size. The plain mean depends on how the
# pictures were packed, and the last batch alone may be far off. Only the weighted average is a property of the model.
#
# **Check yourself.** When is the plain mean of the batch losses correct?
# <details><summary>Answer</summary>
#
# When all batches have the same size: when the number of pictures is a multiple of the batch size, as with 100 above,
# or when `drop_last=True` drops the remainder (then some pictures are not judged at all).
#
# </details>

# %% [markdown]
# ## The helper does the same
#
# The course's `fit`, which you met in lesson 02, is this loop. It also measures accuracy and time, and prints a line
# per epoch. Without a `loss_fn` it uses cross-entropy.

# %% tags=["nbval-ignore-output"]
from course_utils import MLP, fit

train_loader, val_loader = make_loaders()
torch.manual_seed(0)
model = MLP().to(course.device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
history = fit(model, train_loader, val_loader, optimizer=optimizer, epochs=epochs)

# %% tags=["proof"]
for name in by_hand:  # the same network and the same loop: the same losses in every epoch
    np.testing.assert_allclose(history[name], by_hand[name], atol=1e-3)

# %% tags=["nbval-ignore-output"]
from course_utils import evaluate

for name, losses in [("by hand", by_hand), ("of fit", history)]:
    print(f"last validation loss {name}: {losses['val_loss'][-1]:.4f}")
print(f"validate: {validate(model, val_loader):.4f}   evaluate:", evaluate(model, val_loader))

# %% tags=["proof"]
assert abs(evaluate(model, val_loader)["loss"] - validate(model, val_loader)) < 1e-5, "evaluate and validate differ"

# %% [markdown]
# The same network, the same loop, the same losses. `evaluate(model, loader)` returns loss and accuracy over everything
# the loader yields. `plot_history` shows what `fit`
# has measured:

# %%
from course_utils import plot_history

plot_history(history)
plt.show()

# %% [markdown]
# The loss falls, the accuracy rises, and the validation curves stay close to the training curves. In the first epochs
# the validation loss is even the *lower* one. The reason is when the two are measured: the training numbers are
# averages over the epoch, while the network was still getting better; the validation numbers are taken at its end. (The
# accuracy wavers more: a picture is right or wrong, and nothing between.)
#
# Numbers do not tell *what* goes wrong. `predict(model, loader)` returns all logits and labels, so we can look at
# pictures that the model gets wrong. Above each stands the answer, and in brackets the true digit:

# %%
from course_utils import predict, show_predictions

val_logits, labels = predict(model, val_loader)
predictions = val_logits.argmax(dim=1)
wrong = (predictions != labels).nonzero().flatten()[:8]
title = "validation digits taken for others"
show_predictions(val_images[wrong], labels[wrong], predictions[wrong], title=title)
plt.show()

# %% [markdown]
# On most of these sample digits a human would hesitate, too: they are blurred, and cut off at the edges. Perhaps one or
# two could be read.

# %% [markdown]
# ## Choosing a learning rate
#
# So far the learning rate was 0.1, without a reason. How much does it matter? We train the same network, from the same
# starting values, on the same batches, with three rates for SGD. A fourth run uses Adam, the optimizer of lesson 02,
# which adapts the size of the step to each parameter.

# %%
def train(optimizer_class, lr, loss_fn=F.cross_entropy, seed=0):
    train_loader, val_loader = make_loaders(seed)
    torch.manual_seed(seed)
    model = MLP().to(course.device)
    optimizer = optimizer_class(model.parameters(), lr=lr)
    settings = {"optimizer": optimizer, "epochs": epochs, "loss_fn": loss_fn, "progress": False}
    return model, fit(model, train_loader, val_loader, **settings)


# %% tags=["nbval-ignore-output"]
SGD, Adam = torch.optim.SGD, torch.optim.Adam
runs = {}
for kind, lr in [(SGD, 0.001), (SGD, 0.1), (SGD, 1.0), (Adam, 0.001)]:
    runs[f"{kind.__name__}, rate {lr}"] = train(kind, lr)
val_accuracy = {name: history["val_accuracy"][-1] for name, (model, history) in runs.items()}
for name, score in val_accuracy.items():
    print(f"{name:>15}: validation accuracy {score:.3f}")

# %% tags=["proof"]
good, slow = val_accuracy["SGD, rate 0.1"], val_accuracy["SGD, rate 0.001"]
assert good - slow >= 0.1, f"a hundredth of the rate: {slow:.3f} instead of {good:.3f}"

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.4))
for (name, (_, history)), style in zip(runs.items(), ["-", "--", ":", "-."]):
    for ax, measure in zip(axes, ["train_loss", "val_accuracy"]):
        ax.plot(range(1, epochs + 1), history[measure], style, label=name)
axes[0].set(title="training loss", xlabel="epoch", ylabel="loss", ylim=(0, 3.6))
axes[1].set(title="validation accuracy", xlabel="epoch", ylabel="accuracy", ylim=(0, 1))
axes[1].legend()
plt.show()

# %% [markdown]
# **A learning rate far too small** looks like a network that cannot learn. The curve of 0.001 is still near its start
# when 0.1 has long arrived; it moves in the right direction, but would need very many more epochs. **A rate far too
# large** overshoots: on the sample digits the loss of 1.0 jumps up, then stays near ln 10. Adam reaches the level of
# the good SGD rate, and sooner, with a small rate: since it adapts its steps, its rates cannot be compared with those
# of SGD.
#
# When a network does not learn, try a rate ten times smaller and one ten times larger before you change anything else.
#
# **Check yourself.** The training loss stays near ln 10 for several epochs. Name two quite different reasons that this
# lesson has shown.
# <details><summary>Answer</summary>
#
# A rate far too small: the network has hardly moved from its start. Or steps far too large, by the rate or by unscaled
# weights: the network was thrown to where it gives the same answer for every picture. The first losses tell them apart:
# in the first case a slow fall from ln 10; in the second a loss well above ln 10 at the start, or a jump above it.
#
# </details>

# %% [markdown]
# ## The test set, once
#
# Which of the four do we take? The one with the best *validation* accuracy; this is what validation is for. The test
# set has played no part until now, and it must not: whoever picks the best of many attempts on a set has also picked
# the luckiest one on that set.
#
# An accuracy measured on a limited number of pictures depends on which pictures they happened to be. By how much it
# typically moves from one set to another of the same size is called its **standard error**: for an accuracy $p$ on $n$
# pictures it is $\sqrt{p(1-p)/n}$.

# %% tags=["nbval-ignore-output"]
from course_utils import standard_error

chosen = max(val_accuracy, key=val_accuracy.get)
chosen_model, _ = runs[chosen]
test_images, test_labels = load_digits28("test")
test_loader = DataLoader(TensorDataset(test_images, test_labels), batch_size=128)
test_accuracy = evaluate(chosen_model, test_loader)["accuracy"]
error = standard_error(test_accuracy, len(test_labels))
print("chosen on the validation set:", chosen)
print(f"test accuracy {test_accuracy:.3f}, standard error {error:.3f}, {len(test_labels):,} digits")

# %% tags=["proof"]
by_hand = (test_accuracy * (1 - test_accuracy) / len(test_labels)) ** 0.5
assert abs(by_hand - error) < 1e-9, "standard_error is not the formula"
assert test_accuracy >= course.pick(sample=0.88, full=0.93), f"test accuracy {test_accuracy:.3f}"

# %% [markdown]
# Report both numbers together. Two models whose accuracies differ by about one standard error cannot be told apart on
# this many pictures; only a difference of several standard errors is convincing. So the sample digits hardly decide
# between the linear model, the MLP with SGD and the MLP with Adam.
#
# **Check yourself.** After seeing the test accuracy you have an idea, train again and test again: half a point better.
# What is wrong with reporting that?
# <details><summary>Answer</summary>
#
# The test set has now taken part in a choice, so it has become a second validation set, and its best value is partly
# luck. Besides, half a point is less than a standard error on a few hundred pictures. Try ideas on validation, as many
# as you like; test the one you have settled on.
#
# </details>

# %% [markdown]
# > **Common mistake.** "A classifier should return probabilities", so a softmax is put behind the last layer, and
# > `F.cross_entropy` applies its own on top. Nothing crashes. But the first softmax leaves only numbers between 0 and
# > 1, and even a perfect answer, a 1 and nine zeros, is far from a loss of 0:

# %%
perfect = torch.tensor([[1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0]])
bound = F.cross_entropy(perfect, torch.tensor([0])).item()
by_hand = -np.log(np.e / (np.e + 9))
print(f"lowest possible loss: {bound:.3f}   -ln(e / (e + 9)) by hand: {by_hand:.3f}")


def softmax_first(outputs, labels):
    return F.cross_entropy(outputs.softmax(dim=1), labels)


# %% [markdown]
# > A loss that gets stuck above this value is the symptom. The gradients suffer, too: they have to pass back through
# > one more softmax, which lets hardly anything through when an answer is sure, and *sure and wrong* is just where they
# > are needed. What does it cost? The same training as above, with one softmax and with two; Adam with two seeds. The
# > last column counts how many of the ten digits the network ever answers on the validation set.

# %% tags=["nbval-ignore-output"]
rows = []
for kind, lr, seed in [(SGD, 0.1, 0), (Adam, 0.001, 0), (Adam, 0.001, 1)]:
    for loss_fn in [F.cross_entropy, softmax_first]:
        model, history = train(kind, lr, loss_fn, seed)
        answers = predict(model, val_loader)[0].argmax(dim=1).unique()
        rows.append([history["train_loss"][-1], history["val_accuracy"][-1], len(answers)])
train_losses, scores, answered = zip(*rows)
pd.DataFrame({
    "run": ["SGD", "SGD", "Adam, seed 0", "Adam, seed 0", "Adam, seed 1", "Adam, seed 1"],
    "softmaxes": [1, 2] * 3,
    "train loss": train_losses,
    "val accuracy": scores,
    "digits answered": answered,
}).round(3)

# %% tags=["proof"]
assert min(train_losses[1::2]) > bound, "with two softmaxes a loss is below the bound"
assert scores[0] > scores[1], f"with SGD the second softmax costs nothing: {scores[:2]}"

# %% [markdown]
# > SGD pays at once. Adam, which adapts its steps to the size of the gradients, may hide the mistake: on the sample
# > digits one seed gives a normal accuracy (luck, even where it is a little higher), while with the other a whole digit
# > is never answered. Return logits from `forward`, give logits to `F.cross_entropy`, and call `softmax` only where
# > somebody wants to read probabilities.
#
# ## Summary
#
# - Logits are scores; softmax makes probabilities of them; cross-entropy is minus the log of the true class's one.
# - The first loss should be about the log of the number of classes; weights are scaled by 1 / √fan-in to get there.
# - An `nn.Module` keeps the parameters, a `DataLoader` deals out the batches, `fit` trains and validates in turn.
# - Average batch losses weighted by batch size; report accuracy as well as loss.
# - Choose learning rate and optimizer on validation, test once, and say how large the standard error is.
#
# **Exercises**: [03 exercises](exercises/03_mnist_mlp.ipynb)
#
# **Next**: [04 · Convolutional networks](04_mnist_cnn.ipynb)
