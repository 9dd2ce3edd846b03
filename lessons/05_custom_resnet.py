# %% [markdown]
# # 05 · A residual network of your own
#
# You measure what a shortcut does for a deep network, build ResNet-18, 34 and 50 by hand, and prove that they compute
# the same as torchvision's.
#
# **Time** about 70 minutes, of which the computer works 55 seconds · **Before this**
# [lesson 01](01_data_loading_and_visualization.ipynb), [lesson 03](03_mnist_mlp.ipynb),
# [lesson 04](04_mnist_cnn.ipynb)
#
# **You will learn to**
#
# - build a residual block, and measure what it changes in a deep network
# - assemble ResNet-18, 34 and 50, and prove them equal to torchvision's
# - write networks that take pictures of any size
# - say what a softmax in the model does to loss and gradient
# - read strides, and judge whether the memory layout `channels_last` pays
# - write a learning rate with warm-up and cosine, and train with it

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import setup

course = setup(seed=0, lesson="05")

# %% [markdown]
# ## Deeper, and worse
#
# The network of lesson 04 had three convolutions. Networks for photographs have dozens: the more layers, the more
# complicated the things that the last ones can find. So let us simply stack more of them, and see.
#
# For a quick experiment we shrink the digits of lesson 04 to a few pixels a side. (The digits of the sample had only
# 8 × 8 pixels before they were enlarged, so little is lost.) `adaptive_avg_pool2d` averages neighbouring pixels, to the
# size we ask for. At most 6,000 training pictures will do.

# %%
from course_utils import load_digits28

side = course.pick(sample=10, full=14)
digits = {}
for split in ["train", "val"]:
    images, labels = load_digits28(split)
    digits[split] = F.adaptive_avg_pool2d(images[:6000], side), labels[:6000]
    print(f"{split}:", tuple(digits[split][0].shape))

# %% [markdown]
# The part that we stack has two 3 × 3 convolutions, each with the BatchNorm of lesson 04. Padding 1 keeps the size, and
# as many channels come out as went in.

# %%
class PlainBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out)


# %% [markdown]
# A first convolution (the **stem**) makes twelve channels of the grey picture, then come the blocks, then global
# average pooling and a linear layer. The **depth** counts convolutions and linear layers, BatchNorm is not counted:
# one stem, two per block, one linear.

# %%
def deep_net(block, depth, channels=12):
    stem = [nn.Conv2d(1, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
    blocks = [block(channels) for _ in range((depth - 2) // 2)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]
    return nn.Sequential(*stem, *blocks, *head)


images, labels = digits["val"]
print("logits:", tuple(deep_net(PlainBlock, depth=34)(images[:2]).shape))

# %% [markdown]
# We train with AdamW and one cycle, as in lesson 04, for a few **epochs** (passes over the training pictures). Luck
# plays its part in a single run, so every network is trained with three seeds. `fit` is the training loop of lesson 03.

# %%
from torch.utils.data import DataLoader, TensorDataset

from course_utils import fit

epochs, seeds = 3, [0, 1, 2]
runs = {}
val_loader = DataLoader(TensorDataset(*digits["val"]), batch_size=500)


def make_train_loader(seed):
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(*digits["train"]), 64, shuffle=True, generator=generator)


def train(block, depth, seed, epochs=epochs):
    torch.manual_seed(seed)
    model = deep_net(block, depth).to(course.device)
    train_loader = make_train_loader(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    steps = epochs * len(train_loader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    settings = {"optimizer": optimizer, "scheduler": scheduler, "epochs": epochs}
    return fit(model, train_loader, val_loader, **settings, progress=False)


# %% tags=["nbval-ignore-output"]
for depth in [10, 34]:
    runs["plain", depth] = [train(PlainBlock, depth, seed) for seed in seeds]


def table(measure):
    last = {key: [history[measure][-1] for history in kept] for key, kept in runs.items()}
    names = [f"{kind}, {depth} layers" for kind, depth in last]
    return pd.DataFrame(list(last.values()), names, [f"seed {seed}" for seed in seeds]).round(2)


table("train_accuracy")

# %% tags=["proof"]
scores = table("train_accuracy")
lost = scores.loc["plain, 10 layers"] - scores.loc["plain, 34 layers"]
if course.profile == "sample":  # with MNIST's many more steps the deep plain network may have caught up
    assert lost.min() >= 0.1 and lost.mean() >= 0.2, f"24 more layers cost {lost.tolist()}"

# %% [markdown]
# The table shows the accuracy on the *training* pictures in the last epoch. On the sample digits the deep network is
# far behind after the same few steps, with every seed. That is no learning by heart: it is behind on the very pictures
# it is shown.
#
# And it is odd. The deep network could do what the shallow one does. It would only have to copy those layers, and let
# each of the others pass on what it gets. Such weights exist, but training does not find them, at least not soon.

# %% [markdown]
# ## The residual block
#
# If passing something on is hard to learn, build it in. A **residual block** adds its input to what its layers have
# computed. The layers no longer have to produce the whole result, only the difference to what was there before: the
# **residual**. The path around the layers is called **shortcut** or **skip connection**. One line changes:

# %%
class ResidualBlock(PlainBlock):
    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + x)


# %% [markdown]
# Now doing nothing is easy: the layers have to compute 0. Set the weights of the second BatchNorm to 0 (its bias is 0
# to begin with), and all that is left is the shortcut. `zeros_` fills a tensor with zeros; the underscore at the end of
# a name says that the tensor itself is changed. `clamp(min=0)` makes an input without negative numbers, as a ReLU
# before the block would. And to see what arrives at the input going back, `sum().backward()` gives each number of the
# result the gradient 1.

# %%
torch.manual_seed(0)
for block in [PlainBlock(4), ResidualBlock(4)]:
    nn.init.zeros_(block.bn2.weight)
    x = torch.randn(2, 4, 5, 5).clamp(min=0).requires_grad_()
    result = block(x)
    result.sum().backward()
    same = torch.equal(result, x)
    print(f"{type(block).__name__:>13}: passes its input on: {'yes' if same else 'no'}", end="")
    print(f", gradient at the input: {x.grad[x > 0].mean():.0f}")

# %% [markdown]
# With zeros in it, the residual block passes its input on going forward, and the gradient going back: a sum hands its
# gradient to both of its parts unchanged. The plain block returns nothing but zeros. That is not quite fair to it,
# since zero means "do nothing" only in a residual block. But what would a plain block need instead? Filters with a
# single 1 in the right place and zeros elsewhere, and two BatchNorms that undo what they do. That is hard to hit by
# small steps from random weights.
#
# **Check yourself.** How many parameters does the shortcut add to the network?
# <details><summary>Answer</summary>
#
# None. It adds one sum per block, and the two networks have exactly the same parameters. If they differ, it is not
# because one of them is larger.
#
# </details>
#
# The same six trainings with the shortcut:

# %% tags=["nbval-ignore-output"]
for depth in [10, 34]:
    runs["residual", depth] = [train(ResidualBlock, depth, seed) for seed in seeds]
table("train_accuracy")

# %% tags=["proof"]
scores = table("train_accuracy")
gains = {depth: scores.loc[f"residual, {depth} layers"] - scores.loc[f"plain, {depth} layers"] for depth in [10, 34]}
averages = scores.mean(axis=1)
costs = {kind: averages[f"{kind}, 10 layers"] - averages[f"{kind}, 34 layers"] for kind in ["plain", "residual"]}
if course.profile == "sample":  # how much the shortcut gains after MNIST's many more steps is not known
    assert gains[34].min() >= 0.2, f"at 34 layers the shortcut gains {gains[34].tolist()}"
    assert gains[10].mean() >= 0.1, f"at 10 layers the shortcut gains {gains[10].tolist()}"
    assert costs["residual"] < costs["plain"] / 2, f"24 more layers cost {costs}"
    assert averages["plain, 34 layers"] < averages["residual, 34 layers"] / 2, f"on average {averages.to_dict()}"

# %%
fig, ax = plt.subplots(figsize=(6.5, 3.4))
for (kind, depth), style in zip(runs, ["C0s--", "C1s:", "C2o--", "C3o-"]):
    curves = np.array([history["train_accuracy"] for history in runs[kind, depth]])
    ax.plot(range(1, epochs + 1), curves.mean(axis=0), style, label=f"{kind}, {depth}")
    ax.plot(range(1, epochs + 1), curves.T, style[:2] + style[3:], alpha=0.3)
ax.set(title="Plain and residual networks of 10 and 34 layers", xlabel="epoch", ylim=(0, 1))
ax.set(ylabel="training accuracy", xticks=range(1, epochs + 1))
ax.legend(title="average of three seeds", loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# (Pale lines are single seeds.) On the sample digits the deep network without shortcut lies far below the shallow one.
# With it, depth costs little on average, or nothing. Even at 10 layers the shortcut helps. Is the deep residual network
# better than the shallow one? Three seeds do not tell. With another seed it may for once fall well behind: try
# `seeds = [3, 4, 5]` above. What held with every seed that we tried is the distance between the two deep networks.
#
# Is the deep plain network unable to learn, or just slow? One run with three times as many epochs:

# %% tags=["nbval-ignore-output"]
longer = train(PlainBlock, 34, seed=0, epochs=3 * epochs)["train_accuracy"]
print(f"plain, 34 layers, {3 * epochs} epochs:", *[f"{score:.2f}" for score in longer])

# %% tags=["proof"]
residual = runs["residual", 34][0]["train_accuracy"][-1]  # of the same seed, after a third of the epochs
if course.profile == "sample":  # with MNIST's many more steps the deep plain network may have caught up
    assert longer[-1] > longer[epochs - 1] + 0.1, f"{longer[epochs - 1]:.2f}, then {longer[-1]:.2f}"
    assert longer[-1] < residual - 0.1, f"{longer[-1]:.2f}, the residual network {residual:.2f}"

# %% [markdown]
# Slow, then: it gets better, and on the sample digits it is still behind what the residual network of the same seed has
# reached in a third of the epochs. With more epochs still it catches up a good part of the way: try
# `epochs=5 * epochs`.
#
# And on pictures that were not trained on? Back to the short trainings:

# %% tags=["nbval-ignore-output"]
table("val_accuracy")

# %% tags=["proof"]
scores = table("val_accuracy")
gain = scores.loc["residual, 34 layers"] - scores.loc["plain, 34 layers"]
if course.profile == "sample":  # how much the shortcut gains after MNIST's many more steps is not known
    assert gain.min() >= 0.2, f"at 34 layers the shortcut gains {gain.tolist()}"

# %% [markdown]
# The same picture, give or take the luck of a few hundred digits.
#
# > **Common mistake.** A tutorial has a network of "residual modules", and above its block a comment that says: put the
# > residual connection into `forward`. Nobody did. Its `forward` ends like this one, and the input is never added:

# %%
def forward(self, x):
    out = F.relu(self.bn1(self.conv1(x)))
    out = self.bn2(self.conv2(out))
    return F.relu(out)


block = PlainBlock(4)
x = torch.randn(2, 4, 5, 5)
torch.testing.assert_close(forward(block, x), block(x))

# %% [markdown]
# > It does what the plain block does: `assert_close` says nothing where two tensors agree up to rounding, and stops
# > with an error where they do not. Shapes fit, the loss falls a little, nothing crashes. What it costs at 34 layers
# > you have just seen: after a few epochs on the sample digits, most of the accuracy. A block is not residual because
# > of its name, so test it: with the last BatchNorm at zero, does the input come through?

# %% [markdown]
# ## What slows a plain deep network down?
#
# Look at the gradients, before any training. For each convolution we take the **norm** of its gradient: the root of the
# sum of its squares, one number that says how strongly the loss reacts to this layer.

# %%
images, labels = [part[:256].to(course.device) for part in digits["train"]]


def gradient_norms(model):
    F.cross_entropy(model(images), labels).backward()
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    return [layer.weight.grad.norm().item() for layer in convolutions]


# %%
def untrained(block, depth, seed):
    torch.manual_seed(seed)
    return deep_net(block, depth).to(course.device)


kinds = {
    "plain, 10": (PlainBlock, 10),
    "plain, 34": (PlainBlock, 34),
    "residual, 34": (ResidualBlock, 34),
}

# %%
norms = {}
for name, kind in kinds.items():
    norms[name] = np.array([gradient_norms(untrained(*kind, seed)) for seed in seeds])

# %%
fig, ax = plt.subplots(figsize=(6.5, 3.4))
for (name, values), style in zip(norms.items(), ["C0s--", "C1s:", "C3o-"]):
    ax.semilogy(range(1, values.shape[1] + 1), values.mean(axis=0), style, ms=4, label=name)
ax.set(title="Gradients at the start, average of three seeds", ylabel="norm of the gradient")
ax.set(xlabel="convolution, counted from the picture")
ax.legend()
plt.show()

# %% [markdown]
# The vertical axis is logarithmic: the same distance is always the same *factor*. Read the curves from right to left,
# the way the gradient travels. Through the last few layers that of the deep plain network falls a little. Then it
# grows, by about the same factor in each layer. (The first convolution falls out of line, because it starts with larger
# weights: behind a BatchNorm weights twice as large have a gradient half as large. We leave it out of the ratio.)

# %% tags=["nbval-ignore-output"]
growth = {}
for name, values in norms.items():
    growth[name] = values[:, 1:4].mean(axis=1) / values[:, -3:].mean(axis=1)
    print(f"{name:>12}: first three / last three in blocks", growth[name].round(1))

# %% tags=["proof"]
others = max(growth["plain, 10"].max(), growth["residual, 34"].max())
assert growth["plain, 34"].min() > course.pick(sample=10, full=5), f"plain, 34: {growth['plain, 34']}"
assert growth["plain, 34"].min() > 2 * others, f"plain, 34: {growth['plain, 34']}, the others up to {others:.1f}"
plain = np.log(norms["plain, 34"].mean(axis=0))
straight = np.corrcoef(plain[1:-4], range(28))[0, 1]  # the same factor in each layer: a straight line of logarithms
assert straight < -0.98, f"correlation {straight:.3f}"
assert plain[-4] < plain[-1], "through the last few layers the gradient falls"

# %% [markdown]
# You may have read that the gradients of deep networks *vanish*. Here they **explode**: at the front of the plain
# network they are many times as large as at its end. With the shortcut they grow far less.
#
# A large gradient says that the loss reacts violently to small changes. We can see that without any gradient. Push the
# weights of the first convolution by one percent, in a random direction, and follow what becomes of the push: after
# each block, how large is the change, compared with how much the numbers differ from picture to picture? `deepcopy`
# makes an independent copy; `shares[2:-3]` are the values after the stem and after each block.

# %%
import copy


def follow_push(model, size=0.01):
    pushed, shares = copy.deepcopy(model), []
    with torch.no_grad():
        weight = pushed[0].weight
        push = torch.randn(weight.shape).to(weight)
        weight += size * push * weight.norm() / push.norm()
        x = y = images
        for part, pushed_part in zip(model, pushed):
            x, y = part(x), pushed_part(y)
            shares.append(((y - x).norm() / (x - x.mean(dim=0)).norm()).item())
    return shares[2:-3]


# %%
changes = {}
for name, kind in kinds.items():
    changes[name] = np.array([follow_push(untrained(*kind, seed)) for seed in seeds])

# %%
fig, ax = plt.subplots(figsize=(6.5, 3.4))
for (name, values), style in zip(changes.items(), ["C0s--", "C1s:", "C3o-"]):
    ax.semilogy(values.mean(axis=0), style, ms=4, label=name)
ax.set(title="What becomes of a push of one percent, average of three seeds")
ax.set(xlabel="blocks passed", ylabel="change / differences between pictures")
ax.legend()
plt.show()

# %% tags=["nbval-ignore-output"]
for name, values in changes.items():
    start, end = values[:, 0].round(3), values[:, -1].round(2)
    print(f"{name:>12}: after the stem {start}, at the end {end}")

# %% tags=["proof"]
starts, ends = [{name: values[:, place].mean() for name, values in changes.items()} for place in (0, -1)]
assert max(starts.values()) < 3 * min(starts.values()), f"after the stem {starts}"
assert ends["plain, 34"] > course.pick(sample=0.5, full=0.3), f"at the end {ends}"
assert ends["plain, 34"] > 3 * max(ends["plain, 10"], ends["residual, 34"]), f"at the end {ends}"
steps = changes["plain, 34"].mean(axis=0)
assert (steps[1:9] > 1.1 * steps[:8]).all(), f"the first eight blocks do not all enlarge the push: {steps.round(3)}"

# %% [markdown]
# All three begin alike. In the plain networks each block enlarges the change by about the same factor, and the blocks
# of the deep one multiply it until it is about as large as the differences between pictures. One percent in one layer,
# and the network sees other pictures! An optimizer moves all 34 layers at once, so much of what a step was meant to do
# is lost in what the other layers do meanwhile. A network can learn like this, but slowly.
#
# Where does the factor come from? A ReLU cuts large differences, those that cross 0, more than a tiny push. The next
# BatchNorm stretches what is left to a spread of 1 again, *and the push with it*. So in each layer the push gains a
# little on the pictures.
#
# And the shortcut? A residual block returns `x` plus something of its own. A push on `x` arrives by the shortcut
# exactly as large as it was; only what comes through the layers is stretched. So it matters how large their part is:

# %%
model = untrained(ResidualBlock, 34, seed=0)
shares = []
with torch.no_grad():
    x = model[:3](images)
    for block in model[3:-3]:
        before, x = x, block(x)
        shares.append(((x - before).norm() / before.norm()).item())
print(f"change by the first block: {shares[0]:.1f} of its input, by the last one: {shares[-1]:.1f}")

# %% tags=["proof"]
assert shares[-1] < shares[0] / 2, f"changes by the blocks: {np.round(shares, 2)}"

# %% [markdown]
# BatchNorm keeps each block's own part at the same size, while `x`, to which all parts before were added, gets larger
# from block to block. So a late block returns its input plus something small, and a push leaves it about as large as it
# came. The gradient takes the same way in the other direction: the shortcut passes it on unchanged, and the layers add
# only a small part. (The growth in plain networks is computed in Yang and others, *A Mean Field Theory of Batch
# Normalization*, 2019; the residual block is from He and others, *Deep Residual Learning for Image Recognition*, 2015.)
#
# **Check yourself.** A plain network of 34 layers learns badly. A friend advises: "The gradient is too large, take the
# learning rate ten times smaller." What do you expect after the same number of steps?
# <details><summary>Answer</summary>
#
# Even less. AdamW divides each gradient by its typical size, so the steps were not too large because of the gradient.
# With a tenth of the rate all layers move a tenth as far, also those at the end, where nothing exploded. (With very
# many more steps it may be another matter.) Try it: the rate stands twice in `train`.
#
# </details>

# %% [markdown]
# ## When the shape changes
#
# `out + x` needs two tensors of the same shape. But on its way through a network a picture becomes smaller and gets
# more channels. At such places the shortcut has to change the shape as well: a 1 × 1 convolution mixes the channels of
# each pixel into as many as are needed, and its stride of 2 leaves out every other row and column. Here is
# the block of the real ResNets, with the names that torchvision gives to its parts (`downsample` is the shortcut):

# %%
def shortcut(in_channels, out_channels, stride):
    if stride == 1 and in_channels == out_channels:
        return None
    conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


# %%
class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = shortcut(in_channels, channels, stride)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


# %% [markdown]
# Where nothing changes there is no layer in the shortcut, since the best way of passing something on is to leave it
# alone. (`expansion` will be explained with the next block.) Does everything fit?

# %%
x = torch.randn(2, 64, 15, 20)
for channels, stride in [(64, 1), (128, 1), (64, 2), (128, 2)]:
    block = BasicBlock(64, channels, stride)
    kind = "nothing" if block.downsample is None else "1 x 1 convolution"
    print(f"to {channels} channels, stride {stride}: {tuple(block(x).shape)}, shortcut: {kind}")

# %% [markdown]
# **Check yourself.** The height is 15, and stride 2 makes 8 of it. Do both paths agree on that, for every height?
# <details><summary>Answer</summary>
#
# Use the formula of lesson 04. Kernel 3, padding 1, stride 2: (15 + 2 − 3) // 2 + 1 = 8. Kernel 1, padding 0, stride 2:
# (15 − 1) // 2 + 1 = 8. In both cases it is (n − 1) // 2 + 1, whatever n is: half of it, rounded up.
#
# </details>

# %% [markdown]
# ## The bottleneck
#
# A 3 × 3 convolution from 256 channels to 256 has 9 × 256 × 256 weights. The deeper ResNets save most of that with a
# **bottleneck**: a 1 × 1 convolution leads to few channels, the 3 × 3 convolution works on those, and another 1 × 1
# leads back to four times as many. Four is the block's `expansion`: the number of channels that come out is `channels`
# times `expansion`.

# %%
class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        out_channels = channels * self.expansion
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = shortcut(in_channels, out_channels, stride)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


# %% [markdown]
# Two blocks that both take 256 channels and return 256:

# %%
def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


print(f"BasicBlock(256, 256): {count(BasicBlock(256, 256)):>9,} parameters")
print(f"Bottleneck(256, 64):  {count(Bottleneck(256, 64)):>9,} parameters")
weights = 256 * 64 + 9 * 64 * 64 + 64 * 256
norms_of_block = 2 * (64 + 64 + 256)
print(f"by hand:              {weights + norms_of_block:>9,}")

# %% [markdown]
# (Each BatchNorm learns one weight and one bias per channel.) The bottleneck has one layer more and a fraction of the
# parameters. Its stride sits in the 3 × 3 convolution, as in torchvision. The paper had it in the first 1 × 1; but a
# 1 × 1 window that moves by 2 never looks at three of four pixels, while 3 × 3 windows overlap and see them all.

# %% [markdown]
# ## The whole network
#
# A ResNet has five parts: a stem, four layers (this is what torchvision calls them; each is a row of blocks), and a
# head. Only the first block of a layer changes the shape.

# %%
def layer(block, in_channels, channels, blocks, stride):
    first = block(in_channels, channels, stride)
    rest = [block(channels * block.expansion, channels) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


# %% [markdown]
# The stem is rough: a 7 × 7 convolution with stride 2, and a max pooling with stride 2, so that the expensive part
# begins at a quarter of the picture's sides. The pooling takes the largest number of 3 × 3 windows, which overlap as
# they move by 2; what is padded at the border never counts as the largest. In the head the **adaptive pooling**
# averages over whatever is left of the picture, and the linear layer makes logits. By default they are 1,000, for the
# classes of ImageNet, the collection of photographs from lesson 01.

# %%
class ResNet(nn.Module):
    def __init__(self, block, blocks, num_classes=1000):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = layer(block, 64, 64, blocks[0], stride=1)
        self.layer2 = layer(block, 64 * block.expansion, 128, blocks[1], stride=2)
        self.layer3 = layer(block, 128 * block.expansion, 256, blocks[2], stride=2)
        self.layer4 = layer(block, 256 * block.expansion, 512, blocks[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512 * block.expansion, num_classes)

    def forward(self, images):
        x = self.maxpool(F.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


# %% [markdown]
# Three sizes of it. Their names count convolutions and linear layers, without those in shortcuts:

# %%
plans = {
    "resnet18": (BasicBlock, [2, 2, 2, 2]),
    "resnet34": (BasicBlock, [3, 4, 6, 3]),
    "resnet50": (Bottleneck, [3, 4, 6, 3]),
}
ours = {name: ResNet(block, blocks) for name, (block, blocks) in plans.items()}
for name, model in ours.items():
    modules = model.named_modules()
    parts = [part for part, module in modules if isinstance(module, nn.Conv2d | nn.Linear)]
    depth = len([part for part in parts if "downsample" not in part])
    print(f"{name}: {depth} convolutions and linear layers, {count(model):,} parameters")

# %% [markdown]
# **Check yourself.** Why does `layer1` of a ResNet-18 have no `downsample`, while `layer1` of a ResNet-50 has one?
# <details><summary>Answer</summary>
#
# The stem returns 64 channels. The first basic block makes 64 of them, with stride 1: nothing changes. The first
# bottleneck makes 4 · 64 = 256 of them, so its shortcut has to lead from 64 to 256 channels.
#
# </details>

# %% [markdown]
# ## Proof: the same network as torchvision's
#
# torchvision, PyTorch's companion for pictures, has these networks. If ours are the same, its weights must fit into
# ours, and the answers must agree. We take torchvision's with random weights (`weights=None`, nothing is downloaded).
#
# The **state dict** of a model is a dictionary of everything that has to be saved: parameters, and of each BatchNorm
# its running averages and its count of batches (`num_batches_tracked`). The names are made of those of the attributes:

# %%
names = list(ours["resnet18"].state_dict())
print(len(names), "names, for instance")
for name in [*names[:3], *names[-20:-14], names[-1]]:
    print("   ", name)

# %% [markdown]
# This is why we used torchvision's names. `load_state_dict` with `strict=True` (the default) refuses if a name is
# missing, if there is one too many, or if a shape differs. So that the running averages are compared as well, and not
# just their starting values 0 and 1, we first send some random pictures through in train mode.

# %%
import torchvision

theirs = {}
for name, model in ours.items():
    torch.manual_seed(0)
    reference = getattr(torchvision.models, name)(weights=None).train()
    with torch.no_grad():
        for _ in range(3):
            reference(torch.randn(4, 3, 64, 64))
    theirs[name] = reference.eval()
    print(name, model.load_state_dict(reference.state_dict(), strict=True))

# %%
pictures = torch.randn(4, 3, 64, 64)
for name, model in ours.items():
    with torch.inference_mode():
        by_us, by_them = model.eval()(pictures), theirs[name](pictures)
    torch.testing.assert_close(by_us, by_them)
    print(f"{name}: spread of the logits {by_us.std():.2f} and {by_them.std():.2f}")

# %% [markdown]
# All names, all shapes, all answers. (The spread shows that the answers are not simply all zero.)
#
# The course keeps them in `course_utils.models.resnet`, as `resnet18`, `resnet34` and `resnet50`. They take the same
# weights and give the same answers:

# %%
from course_utils.models import resnet

for name, model in ours.items():
    helper = getattr(resnet, name)()
    helper.load_state_dict(model.state_dict(), strict=True)
    with torch.inference_mode():
        torch.testing.assert_close(helper.eval()(pictures), model(pictures))

# %% [markdown]
# ### The starting weights
#
# One thing is still missing: random weights of the right size. Lesson 03 divided them by the root of the number of
# inputs, the **fan-in**: a variance of 1 / fan-in. PyTorch's `nn.Conv2d` takes a third of that by default, the ResNets
# take twice as much. What becomes of pictures in 33 layers of convolution and ReLU, without BatchNorm?

# %%
for size in [1 / 3, 1, 2]:
    torch.manual_seed(0)
    x = torch.randn(4, 64, 32, 32)
    for _ in range(33):
        weight = torch.randn(64, 64, 3, 3) * (size / (64 * 9)) ** 0.5
        x = F.relu(F.conv2d(x, weight, padding=1))
    print(f"variance {size:.2f} / fan-in: spread after 33 layers {x.std():.1g}")

# %% [markdown]
# (`1e-05` means 0.00001.) With the smaller weights hardly anything is left, and just as little of the gradient on its
# way back: here it *vanishes*. That is a matter of the starting weights, and it was the usual trouble before BatchNorm,
# which makes up for their size in each layer. The 2 is there because a ReLU lets only about half of the numbers
# through. (What is lost in the last row is lost at the borders, where the padding has nothing to offer but zeros.)
#
# This is **Kaiming initialization**: a standard deviation of $\sqrt{2 / n}$. The ResNets take for $n$ not the inputs of
# an output but the outputs that one input takes part in (filters × height × width of the kernel), which keeps the
# spread of the *gradients*. Where as many channels come out as went in, the two are the same. The helpers of the course
# begin like this, too: from the same seed they get the same weights.

# %%
def scale_weights(model):
    for part in model.modules():
        if isinstance(part, nn.Conv2d):
            filters, _, height, width = part.weight.shape
            nn.init.normal_(part.weight, std=(2 / (filters * height * width)) ** 0.5)
    return model


# %%
torch.manual_seed(0)
scaled = scale_weights(ResNet(BasicBlock, [2, 2, 2, 2]))
torch.manual_seed(0)
helper = resnet.resnet18()
torch.testing.assert_close(scaled.state_dict(), helper.state_dict())

# %% [markdown]
# ## Pictures of any size
#
# Convolutions do not care how large a picture is, and the adaptive pooling always leaves one number per channel. So the
# same weights work for small and large pictures. We note what arrives at the pooling:

# %%
def before_pooling(model, images):
    x = model.maxpool(F.relu(model.bn1(model.conv1(images))))
    return model.layer4(model.layer3(model.layer2(model.layer1(x))))


# %%
for size in [64, 224, 256]:
    torch.manual_seed(0)
    picture = torch.randn(1, 3, size, size)
    with torch.inference_mode():
        maps = before_pooling(ours["resnet18"], picture)
        shapes = [tuple(model(picture).shape) for model in ours.values()]
    print(f"{size} px: {maps.shape[1]} maps of {tuple(maps.shape[2:])}, then logits", *shapes)

# %% [markdown]
# > **Common mistake.** The tutorial with the missing shortcut pools with `AvgPool2d(2)`, which halves each side, and
# > flattens what is left for a `Linear(4608, 2)`. The number 4608 belongs to pictures of 224 pixels. But its program
# > crops pictures of 256 pixels.

# %%
fixed = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4608, 2))
for size in [224, 256]:
    with torch.inference_mode():
        maps = before_pooling(ours["resnet18"], torch.randn(1, 3, size, size))
        numbers = nn.AvgPool2d(2)(maps).numel()
        try:
            outcome = f"logits {tuple(fixed(maps).shape)}"
        except RuntimeError as error:
            outcome = "RuntimeError: shapes " + str(error).split("shapes ")[-1]
    print(f"{size} px: {tuple(maps.shape[1:])}, pooled {numbers} numbers; {outcome}")

# %% [markdown]
# > It stops at the first batch. Even where it fits, the head has nine times the weights of ours. Never type in a number
# > that follows from the size of the pictures: pool adaptively, so that the number is the number of channels.
#
# (Taking any size and being good at any size are two things. Filters that know an ant's leg at 64 pixels see something
# else at 256. Measure before you rely on it.)

# %% [markdown]
# ## Logits, no softmax
#
# `forward` returns logits. The tutorial puts a softmax behind them and trains with cross-entropy, the mistake that
# lesson 03 measured with ten classes. How does it depend on their number? The best that a softmax can hand on is one 1
# and the rest zeros. The second softmax makes of it $e / (e + n - 1)$ for the true class, with $n$ classes, and the
# loss, minus the logarithm of that, is $\ln(1 + (n - 1)/e)$:

# %%
for n in [2, 10, 1000]:
    perfect = torch.zeros(1, n)
    perfect[0, 0] = 1
    lowest = F.cross_entropy(perfect, torch.tensor([0])).item()
    by_hand = np.log(1 + (n - 1) / np.e)
    print(f"{n:>4} classes: guessing {np.log(n):.3f}, perfect {lowest:.3f}, by hand {by_hand:.3f}")

# %% [markdown]
# With a thousand classes the whole way from knowing nothing to knowing everything is a loss of 1. And the gradient, by
# which the network learns? We compare it at the start, when all classes have the same score:

# %%
for n in [2, 10, 1000]:
    norms_of = {}
    for softmaxes in [1, 2]:
        logits = torch.zeros(8, n, requires_grad=True)
        outputs = logits if softmaxes == 1 else logits.softmax(dim=1)
        F.cross_entropy(outputs, torch.arange(8) % n).backward()
        norms_of[softmaxes] = logits.grad.norm()
    print(f"{n:>4} classes: gradient {norms_of[1] / norms_of[2]:.0f} times smaller")

# %% [markdown]
# At the start the additional softmax divides the gradient by the number of classes; later, as the scores differ, by
# other amounts. Whoever wants probabilities calls `logits.softmax(dim=1)` after the model.
#
# **Check yourself.** A training log of ten classes says "loss 0.000", and the model ends in a softmax before the
# cross-entropy. What do you conclude?
# <details><summary>Answer</summary>
#
# The number is not the cross-entropy of the model: that cannot be lower than ln(1 + 9/e), about 1.46. Something is
# wrong in how it is computed or printed. Look there before you believe it.
#
# </details>

# %% [markdown]
# ## How a picture lies in memory
#
# The memory of a computer is one long row. A tensor of four dimensions has to be written into it in some order, and
# its **strides** say how: how many places further is the next element along each dimension? A tiny batch of one
# picture with two channels of 3 × 4 pixels:

# %%
tiny = torch.arange(24).reshape(1, 2, 3, 4)
print("shape:", tuple(tiny.shape), "  strides:", tiny.stride())
turned = tiny.to(memory_format=torch.channels_last)
print("shape:", tuple(turned.shape), "  strides:", turned.stride())
torch.testing.assert_close(tiny, turned)  # the same numbers at the same indices

# %% [markdown]
# At first the channels lie one after the other: the next column is 1 place away, the next row 4, the next channel 12.
# In the layout called **channels_last** the next *channel* is 1 place away: all channels of a pixel lie together.
# Shape and indices stay the same, only the order in memory differs. This is where `view` fails: it only relabels the
# row as it lies, and the order we ask for is not in it. `flatten` copies if it has to.

# %%
try:
    print(turned.view(1, 24))
except RuntimeError as error:
    print("view:", str(error).split("(")[0])
print("flatten:", turned.flatten(1)[0, :8].tolist())

# %% [markdown]
# Why another order? A convolution needs all channels of a pixel at once, and on some machines, above all GPUs, it is
# faster if they lie together. On yours? One training step of a ResNet-18 with 16 pictures, the best of three:

# %% tags=["nbval-ignore-output"]
from time import perf_counter

from course_utils import resnet18

torch.manual_seed(0)
model, answers = resnet18(2).to(course.device), []
photos, truth = torch.randn(16, 3, 64, 64), torch.arange(16).to(course.device) % 2
for layout in [torch.contiguous_format, torch.channels_last]:
    model = model.to(memory_format=layout)
    batch = photos.to(course.device, memory_format=layout)
    answers.append(model(batch).detach().cpu())
    times = []
    for _ in range(3):
        model.zero_grad()
        start = perf_counter()
        F.cross_entropy(model(batch), truth).backward()
        next(model.parameters()).grad.sum().item()  # waits until a GPU has finished
        times.append(perf_counter() - start)
    print(f"{str(layout):<24}: {1000 * min(times):.0f} ms a step")

# %% tags=["proof"]
rounding = 1e-3 if course.device.type == "cpu" else 2e-2  # GPUs may multiply with fewer digits
torch.testing.assert_close(answers[0], answers[1], atol=rounding, rtol=0)

# %% [markdown]
# Run the cell several times. If the two differ by no more than each of them varies from run to run, that is noise, and
# you can leave the layout alone. Advice about speed is advice about somebody's machine: measure it where you train.

# %% [markdown]
# ## Warm-up and cosine
#
# Lesson 04 used the one-cycle schedule. Another one is even more common for large networks: the rate rises linearly
# for a while, the **warm-up**, and then falls to 0 along half a cosine wave. Why begin small? Look at the very first
# step of AdamW (without weight decay), for three weights whose gradients are huge, middling and tiny:

# %%
weights = nn.Parameter(torch.zeros(3))
optimizer = torch.optim.AdamW([weights], lr=0.01, weight_decay=0)
weights.grad = torch.tensor([100.0, 1.0, 0.0001])
optimizer.step()
print("moved by", weights.detach().numpy().round(4))

# %% [markdown]
# All three are moved by the full learning rate. AdamW divides each gradient by its typical size, and after one batch it
# has seen just one. So at first every parameter takes a whole step in a direction that rests on one batch; warm-up
# makes these steps small until the averages can be trusted. (That is the usual argument. Whether it is worth anything
# in networks as small as ours, we have not measured.)
#
# The schedule as a function: which part of the full rate does step $t$ get?

# %%
import math


def factor(step, warmup_steps, total_steps):
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return (1 + math.cos(math.pi * progress)) / 2


# %%
by_hand = [0.01 * factor(step, 10, 100) for step in range(100)]
for step in [0, 9, 55, 99]:
    print(f"step {step:>2}: {by_hand[step]:.6f}")

# %% [markdown]
# The cosine runs from 1 to −1 while `progress` runs from 0 to 1, so plus 1 and halved it runs from 1 to 0. (`step + 1`,
# because a first step with rate 0 would be a wasted one.) To use it, set the rate *before* the step:
#
#     for group in optimizer.param_groups:
#         group["lr"] = full_rate * factor(step, warmup_steps, total_steps)
#
# The helper `warmup_cosine` is a scheduler, like `OneCycleLR`: it does that whenever its `step()` is called. (After the
# last step its rate stays 0, where the formula by hand would rise again.) We compare all 100 rates:

# %%
from course_utils import warmup_cosine


def rates_of(make_scheduler):
    optimizer = torch.optim.AdamW([weights], lr=0.01)
    scheduler = make_scheduler(optimizer)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


# %%
rates = rates_of(lambda optimizer: warmup_cosine(optimizer, warmup_steps=10, total_steps=100))
torch.testing.assert_close(rates, by_hand)

# %%
one_cycle = torch.optim.lr_scheduler.OneCycleLR
compared = rates_of(lambda optimizer: one_cycle(optimizer, max_lr=0.01, total_steps=100))

# %%
fig, ax = plt.subplots(figsize=(6, 3))
ax.plot(by_hand, label="warm-up and cosine")
ax.plot(compared, "--", label="one cycle")
ax.set(title="Two schedules", xlabel="step (batch)", ylabel="learning rate")
ax.legend()
plt.show()

# %% [markdown]
# Close relatives: the same fall, another rise. Which of them is better we do not claim; to show it would take many
# seeds.
#
# **Check yourself.** A program has 244 pictures in batches of 32 and computes
# `total_steps = epochs * (244 // 32)`. What happens?
# <details><summary>Answer</summary>
#
# 244 // 32 is 7, but a loader makes 8 batches, the last one of 20 pictures. So the schedule is over too early, and the
# last `epochs` steps run with the rate 0. With fewer pictures than fit into one batch it would even be 0 steps. Use
# `len(train_loader)`.
#
# </details>

# %% [markdown]
# ## Ants and bees, from scratch
#
# Now the real thing: a ResNet-18 with two classes, the ants and bees of lesson 01, AdamW, warm-up and cosine. "From
# scratch" means: from random weights.

# %%
from course_utils import eval_transform, hymenoptera, train_transform

size = course.pick(sample=64, full=224)
train_set = hymenoptera("train", train_transform(size))
val_set = hymenoptera("val", eval_transform(size))
photo_val_loader = DataLoader(val_set, batch_size=64)
print(len(train_set), "training pictures,", len(val_set), "validation pictures")

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
generator = torch.Generator().manual_seed(0)
train_loader = DataLoader(train_set, batch_size=32, shuffle=True, generator=generator)
model = resnet18(len(train_set.classes)).to(course.device)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.001)
photo_epochs = course.pick(sample=3, full=10)
total_steps = photo_epochs * len(train_loader)
scheduler = warmup_cosine(optimizer, warmup_steps=len(train_loader), total_steps=total_steps)
settings = {"optimizer": optimizer, "scheduler": scheduler, "epochs": photo_epochs}
history = fit(model, train_loader, photo_val_loader, **settings, progress=False)
history.frame().round({"seconds": 1}).round(4)

# %% tags=["proof"]
first, second, *_, last = history["lr"]
assert first < second and last < second, f"rates {history['lr']}"

# %% [markdown]
# The column `lr` has the rate at the start of each epoch: it begins low, is full after the warm-up, and falls.
# (A validation loss that jumps up while the training loss falls is known from lesson 04. The likely cause is the same:
# BatchNorm's running averages lag behind while the rate is high and the weights move fast.)
#
# Is that any good? Compare it with the cheapest rule, "always say the larger class", and with the **standard error** of
# lesson 03: by how much does an accuracy on that many pictures move by chance?

# %% tags=["nbval-ignore-output"]
from course_utils import standard_error

larger_class = max(np.bincount(val_set.targets)) / len(val_set)
error = standard_error(larger_class, len(val_set))
score = history["val_accuracy"][-1]
print(f"always the larger class: {larger_class:.3f}   standard error {error:.3f}")
print(f"ResNet-18 from scratch:  {score:.3f}   {(score - larger_class) / error:+.1f} errors away")

# %% tags=["proof"]
learned = history["train_accuracy"][-1]
if course.profile == "sample":  # what ten epochs with larger photographs bring is not known
    assert abs(score - larger_class) < 4 * error, f"{score:.3f}, always the larger class {larger_class:.3f}"
    assert learned < 0.85, f"accuracy {learned:.3f} on the training pictures"

# %% [markdown]
# One of the best known networks of the world, and on the sample pictures it is hard to tell from a rule that does not
# look at them. It is not built wrongly, we have proved that. But it has millions of parameters, a few hundred pictures
# and a few dozen steps. On the sample pictures it has not even learned what it was trained on. More epochs may help,
# but each costs time, and the pictures stay few.
#
# The way out is not to start from random weights. torchvision offers weights for this very network that were trained on
# more than a million photographs of ImageNet. They are for 1,000 classes; do they fit into a network for two?

# %%
two_classes = resnet18(2).state_dict()
for name, tensor in theirs["resnet18"].state_dict().items():
    if tensor.shape != two_classes[name].shape:
        print(f"{name}: {tuple(tensor.shape)} there, {tuple(two_classes[name].shape)} here")

# %% [markdown]
# Another number of classes means a new head, `fc`. All else fits. How to put the pieces together, and what it is worth,
# is the next lesson.
#
# ## Summary
#
# - A residual block computes ReLU(F(x) + x); where the shape changes, a 1 × 1 convolution fits the shortcut.
# - In a plain deep network with BatchNorm each block enlarges a change, and learning is slow; the shortcut calms it.
# - Our ResNet-18, 34 and 50 load torchvision's weights strictly and give its answers; pictures may have any size.
# - Models return logits; a softmax before cross-entropy bounds the loss from below and shrinks the gradient.
# - Warm-up and cosine shape the learning rate; `channels_last` changes strides only, and whether it pays is measured.
#
# **Exercises**: [05 exercises](exercises/05_custom_resnet.ipynb)
#
# **Next**: [06 · Fine-tuning](06_fine_tuning.ipynb)
