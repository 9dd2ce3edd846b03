# %% [markdown]
# # 05 · A residual network of your own
#
# One plus sign lets networks grow a hundred layers deep: you measure what it does, and build ResNet-18 to ResNet-152
# around it.
#
# **Time** about 60 minutes, of which the computer works 65 seconds · **Before this**
# [lesson 01](01_data_loading_and_visualization.ipynb), [lesson 03](03_mnist_mlp.ipynb),
# [lesson 04](04_mnist_cnn.ipynb)
#
# **You will learn to**
#
# - build a residual block, and measure what its shortcut changes in a deep network
# - tell a residual block from one that only bears the name
# - assemble the five ResNets, and follow a picture's size through them
# - check your network against torchvision's, name by name and answer by answer
# - write a learning rate with warm-up and cosine
# - judge what a network can learn from few pictures

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
# ## What you will have
#
# Digits travel through 32 layers with random weights, each a convolution, BatchNorm and ReLU, as in lesson 04. Nothing
# is trained. `shortcut` says how much of what came into a layer is *added* to what it has computed. (`expand` repeats
# the grey channel sixteen times, `F.batch_norm` is BatchNorm as a function.)

# %%
from course_utils import load_digits28

train_images, train_labels = load_digits28("train")


def travel(images, shortcut, layers=32, channels=16):
    seen = [images.expand(-1, channels, -1, -1)]
    for _ in range(layers):
        weight = torch.randn(channels, channels, 3, 3)
        out = F.batch_norm(F.conv2d(seen[-1], weight, padding=1), None, None, training=True)
        seen.append(F.relu(out + shortcut * seen[-1]))
    return seen


# %%
def draw_journey(shortcuts, layers=(0, 2, 4, 8, 16, 24, 32)):
    rows = len(shortcuts)
    fig, axes = plt.subplots(rows, len(layers), figsize=(9, 1.5 * rows), squeeze=False)
    for shortcut, row in zip(shortcuts, axes):
        torch.manual_seed(0)
        seen = travel(train_images[:64], shortcut)
        for layer, ax in zip(layers, row):
            ax.imshow(seen[layer][0].mean(dim=0), cmap="gray_r")
            ax.set(title=f"layer {layer}", xticks=[], yticks=[])
        row[0].set_ylabel(f"shortcut: {shortcut}")
    fig.suptitle("One digit on its way through 32 untrained layers (average of 16 maps)")


draw_journey(shortcuts=[0, 1])
plt.show()

# %% tags=["proof"]
torch.manual_seed(0)
ends = {shortcut: travel(train_images[:64], shortcut)[-1].mean(dim=1) for shortcut in [0, 1]}
alike = {}
for shortcut, end in ends.items():
    pairs = zip(train_images[:64].flatten(1), end.flatten(1))
    alike[shortcut] = np.mean([abs(np.corrcoef(one, other)[0, 1]) for one, other in pairs])
assert alike[1] > 1.4 * alike[0] and alike[1] > 0.4, f"correlation of the last layer with the picture: {alike}"

# %% [markdown]
# Without the shortcut (above) the digit drowns in grain. With it (below) you still see where the strokes are, after 32
# layers that know nothing. In an hour you will know what this means for training, and will have built the networks that
# rest on it, from ResNet-18 to ResNet-152.

# %% [markdown]
# **Try it.** How much of a shortcut is enough? Draw a half and a quarter.
# <details><summary>What we saw</summary>
#
# ```python
# draw_journey(shortcuts=[0.5, 0.25])
# ```
#
# Neither will do. With a half the digit lasts a little longer, but after 16 layers it is a smudge. The input has to
# come through whole.
#
# </details>

# %% [markdown]
# ## Deeper, and worse
#
# The CNN of lesson 04 had three convolutions. Networks for photographs have dozens: the more layers, the more
# complicated the things that the last ones can find. So let us stack more of them. To save time we take a part of the
# digits and shrink them: `avg_pool2d` replaces each square of pixels by its average.

# %%
from torch.utils.data import DataLoader, TensorDataset

square, most = course.pick(sample=(4, 1200), full=(2, 6000))
small_digits = {}
for split in ["train", "val"]:
    images, labels = load_digits28(split)
    small_digits[split] = TensorDataset(F.avg_pool2d(images[:most], square), labels[:most])
    shape = tuple(small_digits[split][0][0].shape)
    print(f"{split}: {len(small_digits[split])} pictures of shape {shape}")

# %% [markdown]
# The part that we stack keeps size and channels:

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
# A first convolution, the **stem**, turns the grey picture into twelve channels. Then come the blocks, global average
# pooling and a linear layer. The **depth** counts convolutions and linear layers: a stem, two per block, one linear.

# %%
def deep_net(block, depth, channels=12):
    stem = [nn.Conv2d(1, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
    blocks = [block(channels) for _ in range((depth - 2) // 2)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]
    return nn.Sequential(*stem, *blocks, *head)


# %% [markdown]
# We train with AdamW and one cycle, as in lesson 04; `fit` is the training loop of lesson 03. Luck plays its part in a
# single run, so each network is trained with three seeds.

# %%
from course_utils import fit

epochs = 3
val_loader = DataLoader(small_digits["val"], batch_size=500)


def train(block, depth, seed, epochs=epochs):
    torch.manual_seed(seed)
    model = deep_net(block, depth).to(course.device)
    train_loader = DataLoader(small_digits["train"], batch_size=64, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    steps = epochs * len(train_loader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    recipe = {"optimizer": optimizer, "scheduler": scheduler, "epochs": epochs}
    return fit(model, train_loader, val_loader, **recipe, progress="bar")


# %%
histories = {}
for depth in [10, 34]:
    histories["plain", depth] = [train(PlainBlock, depth, seed) for seed in range(3)]

# %% [markdown]
# **Guess first.** One network has 10 layers, the other 34. Which of them gets more of its *training* pictures right
# after three epochs? Then open the cell below. (Each row is a seed.)

# %% tags=["nbval-ignore-output", "fold"]
def last(measure):
    scores = {}
    for (kind, depth), found in histories.items():
        scores[f"{kind}, {depth}"] = [history[measure][-1] for history in found]
    return pd.DataFrame(scores).round(2)


last("train_accuracy")

# %% tags=["proof"]
scores = last("train_accuracy")
lost = scores["plain, 10"] - scores["plain, 34"]
if course.profile == "sample":  # with MNIST's many more steps the deep plain network may have caught up
    assert lost.min() >= 0.1 and lost.mean() >= 0.2, f"24 more layers cost {lost.tolist()}"

# %% [markdown]
# On the sample digits the deep network is far behind, with every seed. This is no overfitting: it is behind on the very
# pictures that it is shown. Odd! It could copy the layers of the shallow one, and let each of the others pass on what
# it gets. Such weights exist, but training does not find them, at least not soon.

# %% [markdown]
# ## The residual block
#
# If passing something on is hard to learn, build it in. A **residual block** adds its input to what its layers have
# computed. They no longer have to produce the whole result, only the difference to what was there before, the
# **residual**, F(x) in the drawing. The way around them is called **shortcut** or **skip connection**.
#
# ![Left, a plain block: x runs through convolution, BatchNorm, ReLU, convolution, BatchNorm and a last ReLU. Right, the
# residual block has the same layers, and an arrow carries x around them, unchanged, to a plus sign before the last
# ReLU.](figures/residual_block.svg)
#
# One line changes:

# %%
class ResidualBlock(PlainBlock):
    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + x)


# %% [markdown]
# Now doing nothing is easy: the layers have to compute 0. Set the weights of the last BatchNorm to 0 (its bias is 0 to
# begin with), and all that is left is the shortcut. (`zeros_` changes the tensor itself, as the underscore says.
# `clamp(min=0)` makes an input without negative numbers, such as a ReLU hands on.)

# %%
torch.manual_seed(0)
x = torch.randn(2, 4, 5, 5).clamp(min=0)
for block in [PlainBlock(4), ResidualBlock(4)]:
    nn.init.zeros_(block.bn2.weight)
    difference = (block(x) - x).abs().max()
    print(f"{type(block).__name__:>13}: largest difference to the input {difference:.2f}")

# %% [markdown]
# The residual block passes its input on, the plain one returns zeros. Unfair, since zero means "do nothing" only in a
# residual block? Then what would the plain one need, to pass its input on? Filters with a single 1 in the right place,
# and two BatchNorms that undo what they do: hard to hit by small steps from random weights.
#
# **Check yourself.** How many parameters does the shortcut add to the network?
# <details><summary>Answer</summary>
#
# None. If the two networks differ, it is not because one of them is larger.
#
# </details>
#
# The same six trainings with the shortcut:

# %% tags=["nbval-ignore-output"]
for depth in [10, 34]:
    histories["residual", depth] = [train(ResidualBlock, depth, seed) for seed in range(3)]
last("train_accuracy")

# %% tags=["proof"]
scores = last("train_accuracy")
gain = {depth: scores[f"residual, {depth}"] - scores[f"plain, {depth}"] for depth in [10, 34]}
means = scores.mean()
cost = {kind: means[f"{kind}, 10"] - means[f"{kind}, 34"] for kind in ["plain", "residual"]}
if course.profile == "sample":  # how much the shortcut gains after MNIST's many more steps is not known
    assert gain[34].min() >= 0.2, f"at 34 layers the shortcut gains {gain[34].tolist()}"
    assert cost["residual"] < cost["plain"] / 3, f"24 more layers cost {cost}"

# %%
fig, ax = plt.subplots(figsize=(6.5, 3.4))
styles = {"plain": ("C1", "s"), "residual": ("C0", "o")}
for (kind, depth), found in histories.items():
    curves = np.array([history["train_accuracy"] for history in found])
    (colour, marker), line = styles[kind], "--" if depth == 10 else "-"
    steps, average = range(1, epochs + 1), curves.mean(axis=0)
    ax.plot(steps, curves.T, line, color=colour, alpha=0.3)
    ax.plot(steps, average, line + marker, color=colour, label=f"{kind}, {depth}")
ax.set(title="Plain and residual networks of 10 and 34 layers", xlabel="epoch")
ax.set(ylabel="training accuracy", ylim=(0, 1), xticks=range(1, epochs + 1))
ax.legend(title="average of three seeds", loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# (Pale lines are single seeds.) On the sample digits the deep plain network lies far below the shallow one. With the
# shortcut, depth costs little or nothing. And on pictures that were not trained on?

# %% tags=["nbval-ignore-output"]
last("val_accuracy")

# %% tags=["proof"]
gain = last("val_accuracy")["residual, 34"] - last("val_accuracy")["plain, 34"]
if course.profile == "sample":  # how much the shortcut gains after MNIST's many more steps is not known
    assert gain.min() >= 0.2, f"at 34 layers the shortcut gains {gain.tolist()}"

# %% [markdown]
# The same. Is the deep plain network unable to learn, or just slow? One run with twice as many epochs:

# %% tags=["nbval-ignore-output"]
longer = train(PlainBlock, 34, seed=0, epochs=2 * epochs)["train_accuracy"]
print(f"plain, 34 layers, {2 * epochs} epochs:", *[f"{score:.2f}" for score in longer])

# %% tags=["proof"]
if course.profile == "sample":  # with MNIST's many more steps the deep plain network may have caught up
    assert longer[-1] > longer[epochs - 1] + 0.03, f"{longer[epochs - 1]:.2f}, then {longer[-1]:.2f}"

# %% [markdown]
# Slow. On the sample digits it gets better epoch by epoch, while the residual network was there after the first ones.
#
# > **Common mistake.** A tutorial's network is made of "residual modules", and a comment above them says: put the
# > residual connection into `forward`. Nobody did. `forward` ends in `return F.relu(out)`, and the input is never
# > added. Shapes fit, the loss falls a little, nothing crashes. The tables above show the cost at 34 layers: most of
# > the accuracy. A block is not residual because of its name, so test it: with the last BatchNorm at zero, does the
# > input come through? (You will write that test in the exercises.)

# %% [markdown]
# ## What slows a plain deep network down?
#
# **In a plain network each block enlarges whatever small change reaches it, so a push on the first layer grows until it
# is almost as large as the differences between pictures. The shortcut keeps it small.** To see it, we push the weights
# of the first convolution of an untrained network by one percent, in a random direction. After the stem and after each
# block: how large is the change, compared with how much the numbers differ from picture to picture? (How large a tensor
# is, its **norm** says, the root of the sum of squares.)

# %%
from copy import deepcopy

batch, batch_labels = small_digits["train"][:256]


def follow_push(model, size=0.01):
    pushed, shares = deepcopy(model), []
    x = y = batch
    with torch.no_grad():
        weight = pushed[0].weight
        push = torch.randn(weight.shape)
        weight += size * push * weight.norm() / push.norm()
        for part, pushed_part in zip(model, pushed):
            x, y = part(x), pushed_part(y)
            shares.append(((y - x).norm() / (x - x.mean(dim=0)).norm()).item())
    return shares[2:-3]


# %%
def untrained(block, depth, seed=0):
    torch.manual_seed(seed)
    return deep_net(block, depth)


# %%
kinds = {
    "plain, 10": (PlainBlock, 10),
    "plain, 34": (PlainBlock, 34),
    "residual, 34": (ResidualBlock, 34),
}
changes = {}
for name, (block, depth) in kinds.items():
    changes[name] = np.array([follow_push(untrained(block, depth, seed)) for seed in range(3)])

# %%
fig, ax = plt.subplots(figsize=(6.5, 3.4))
for (name, values), style in zip(changes.items(), ["C1s--", "C1s-", "C0o-"]):
    ax.semilogy(values.mean(axis=0), style, ms=4, label=name)
ax.set(title="What becomes of a push of one percent", xlabel="blocks passed")
ax.set(ylabel="change / differences between pictures")
ax.legend(title="average of three seeds")
plt.show()

# %% tags=["nbval-ignore-output"]
for name, values in changes.items():
    start, end = values[:, 0].mean(), values[:, -1].mean()
    print(f"{name:>12}: after the stem {start:.3f}, at the end {end:.2f}")

# %% tags=["proof"]
starts, ends = [{name: values[:, place].mean() for name, values in changes.items()} for place in (0, -1)]
assert max(starts.values()) < 3 * min(starts.values()), f"after the stem {starts}"
assert ends["plain, 34"] > 0.5, f"at the end {ends}"
assert ends["plain, 34"] > 3 * max(ends["plain, 10"], ends["residual, 34"]), f"at the end {ends}"
steps = changes["plain, 34"].mean(axis=0)
assert (steps[1:9] > 1.1 * steps[:8]).all(), f"the first eight blocks do not all enlarge the push: {steps.round(3)}"

# %% [markdown]
# On the logarithmic axis the same distance is always the same *factor*. All three begin alike. In the plain networks
# each block multiplies the change, until in the deep one it nears the size of the differences between pictures. One
# percent in one layer! An optimizer moves all 34 layers at once, each as if the others stood still. They do not, and
# much of the step is lost.

# %% [markdown]
# **Try it.** How about 100 layers?
# <details><summary>What we saw</summary>
#
# ```python
# for block in [PlainBlock, ResidualBlock]:
#     print(block.__name__, follow_push(untrained(block, 100))[-1])
# ```
#
# About 1 and 0.1. After 49 plain blocks the push of one percent has become as large as the differences between
# pictures. After 49 residual blocks it is still small.
#
# </details>
#
# <details><summary>Where does the factor come from? (for the curious)</summary>
#
# A ReLU cuts large differences, those that cross 0, more than a tiny push. The next BatchNorm stretches what is left to
# a spread of 1 again, *and the push with it*. (Computed in Yang and others, *A Mean Field Theory of Batch
# Normalization*, 2019.) In a residual block the push on `x` arrives by the shortcut as large as it was, and only the
# block's own part is stretched. That part keeps its size while `x` grows from block to block, so late blocks change
# less: see the first folded cell below.
#
# The second one draws the norm of each layer's gradient. Read it from right to left, the way gradients travel: in the
# deep plain network they grow by a factor in each layer.
#
# </details>

# %% tags=["fold"]
model, shares = untrained(ResidualBlock, 34), []
with torch.no_grad():
    x = model[:3](batch)
    for block in model[3:-3]:
        before, x = x, block(x)
        shares.append(((x - before).norm() / before.norm()).item())
print(f"change by the first block: {shares[0]:.1f} of its input, by the last one: {shares[-1]:.1f}")

# %% tags=["proof"]
assert shares[-1] < shares[0] / 2, f"changes by the blocks: {np.round(shares, 2)}"

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(6.5, 3.4))
for (name, (block, depth)), style in zip(kinds.items(), ["C1s--", "C1s-", "C0o-"]):
    model = untrained(block, depth)
    F.cross_entropy(model(batch), batch_labels).backward()
    convolutions = [part for part in model.modules() if isinstance(part, nn.Conv2d)]
    norms = [part.weight.grad.norm() for part in convolutions]
    ax.semilogy(range(1, len(norms) + 1), norms, style, ms=4, label=name)
    if name == "plain, 34":
        first, final = sum(norms[1:7]), sum(norms[-6:])
ax.set(title="Gradients before training", xlabel="convolution, counted from the picture")
ax.set(ylabel="norm of the gradient")
ax.legend()
plt.show()

# %% tags=["proof"]
assert first > 5 * final, f"gradients of the plain network: first blocks {first:.2f}, last {final:.2f}"

# %% [markdown]
# **Check yourself.** A plain network of 34 layers learns badly. A friend advises: "Its gradients are too large, take
# the learning rate ten times smaller." What do you expect after the same number of steps?
# <details><summary>Answer</summary>
#
# Even less. AdamW divides each gradient by its typical size, so large gradients made no large steps. With a tenth of
# the rate all layers move about a tenth as far, and the network was slow already.
#
# </details>

# %% [markdown]
# ## When the shape changes
#
# `out + x` needs two tensors of the same shape. But on its way through a network a picture becomes smaller and gets
# more channels. There the shortcut has to change the shape as well: a 1 × 1 convolution mixes the channels of each
# pixel into as many as are needed, and its stride of 2 leaves out every other row and column. Here is the block of the
# real ResNets, with torchvision's names (`downsample` is the shortcut, `expansion` is for the next block):

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
# Does everything fit?

# %%
x = torch.randn(2, 64, 15, 20)
for channels, stride in [(64, 1), (128, 1), (64, 2), (128, 2)]:
    block = BasicBlock(64, channels, stride)
    kind = "nothing" if block.downsample is None else "1 x 1 convolution"
    print(f"to {channels} channels, stride {stride}: {tuple(block(x).shape)}, shortcut: {kind}")

# %% [markdown]
# **Check yourself.** Stride 2 turns a height of 15 into 8. Do both paths agree on that, for every height?
# <details><summary>Answer</summary>
#
# Use the formula of lesson 04. Kernel 3, padding 1, stride 2: (15 + 2 − 3) // 2 + 1 = 8. Kernel 1, padding 0, stride 2:
# (15 − 1) // 2 + 1 = 8. In both cases it is (n − 1) // 2 + 1, whatever n is: half of it, rounded up.
#
# </details>
#
# A 3 × 3 convolution from 256 channels to 256 is expensive. The deeper ResNets have a **bottleneck**: a 1 × 1
# convolution leads to few channels, the 3 × 3 works on those, and another 1 × 1 leads back to four times as many, the
# `expansion`.
#
# ![Left, a basic block: two 3 by 3 convolutions between layers of 256 channels, 1,179,648 weights. Right, a bottleneck:
# 256 channels narrow to 64, then a 3 by 3 convolution, and 64 widen to 256 again, 69,632
# weights.](figures/basic_bottleneck.svg)

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


# %%
def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


print(f"BasicBlock(256, 256): {count(BasicBlock(256, 256)):>9,} parameters")
print(f"Bottleneck(256, 64):  {count(Bottleneck(256, 64)):>9,} parameters")

# %% [markdown]
# One layer more, and a fraction of the parameters. (They are the drawing's weights, and two numbers per channel for
# each BatchNorm.) The stride sits in the 3 × 3 convolution, as in torchvision. The paper (He and others, *Deep Residual
# Learning for Image Recognition*, 2015) had it in the first 1 × 1, which then never looks at three of four pixels.

# %% [markdown]
# ## The whole network
#
# ![ResNet-34 as a strip of maps drawn to size: a picture of 3 × 224 × 224, conv1 with 64 × 112 × 112, maxpool with
# 64 × 56 × 56, then layer1 to layer4 of 3, 4, 6 and 3 blocks, each with a shortcut, with 64, 128, 256 and 512 channels
# and sides of 56, 28, 14 and 7; average pooling to 512 × 1 × 1, and fc with the logits.](figures/resnet_strip.svg)
#
# A ResNet, here ResNet-34, has a stem (`conv1` to `maxpool`), four layers (this is what torchvision calls them; each is
# a row of blocks, and × 3 means three), and a head. Only the first block of a layer changes the shape.

# %%
def layer(block, in_channels, channels, blocks, stride):
    first = block(in_channels, channels, stride)
    rest = [block(channels * block.expansion, channels) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


# %% [markdown]
# The stem is rough: a convolution and a max pooling, both with stride 2, so that the expensive part begins at a quarter
# of the picture's sides. In the head the **adaptive pooling** averages over whatever is left, and the linear layer
# makes logits, by default for the 1,000 classes of ImageNet. `width` is ours, for small networks. The last lines of
# `__init__` choose the random weights with which ResNets start.

# %%
class ResNet(nn.Module):
    def __init__(self, block, blocks, num_classes=1000, width=64):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        out = width * block.expansion
        self.layer1 = layer(block, width, width, blocks[0], stride=1)
        self.layer2 = layer(block, out, 2 * width, blocks[1], stride=2)
        self.layer3 = layer(block, 2 * out, 4 * width, blocks[2], stride=2)
        self.layer4 = layer(block, 4 * out, 8 * width, blocks[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * out, num_classes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images):
        x = self.maxpool(F.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


# %% [markdown]
# (`modules()` yields all parts of a network, however deep they sit. `forward` returns logits: what a softmax too many
# costs was measured in lesson 03.) Five plans, one class. (The shortcuts' convolutions do not count as layers.)

# %%
plans = {
    "resnet18": (BasicBlock, [2, 2, 2, 2]),
    "resnet34": (BasicBlock, [3, 4, 6, 3]),
    "resnet50": (Bottleneck, [3, 4, 6, 3]),
    "resnet101": (Bottleneck, [3, 4, 23, 3]),
    "resnet152": (Bottleneck, [3, 8, 36, 3]),
}
for name, (block, blocks) in plans.items():
    convolutions = 2 if block is BasicBlock else 3
    depth = 1 + convolutions * sum(blocks) + 1
    with torch.device("meta"):
        print(f"{name:>9}: {depth} layers, {count(ResNet(block, blocks)):,} parameters")

# %% [markdown]
# (On the device `meta` tensors have shapes but no numbers, which saves memory.) Now send eight pictures through a
# ResNet-34 for two classes, part by part. `named_children()` yields the parts in order. (The stem's ReLU is not among
# them. It changes no shape.)

# %%
def walk(model, images):
    x = images
    for name, part in model.named_children():
        x = part(x.flatten(1) if name == "fc" else x)
        print(f"{name:>8}: {tuple(x.shape)}")


with torch.inference_mode():
    walk(ResNet(*plans["resnet34"], num_classes=2), torch.randn(8, 3, 224, 224))

# %% [markdown]
# But for the first, each layer halves the sides and doubles the channels. Adaptive pooling makes one number per channel
# of 7 × 7 places, and would do so of any number. (The tutorial without a shortcut has a `Linear(4608, 2)` that fits
# pictures of 224 pixels only: a patient of [lesson 14](14_debugging_clinic.ipynb).)

# %% [markdown]
# **Try it.** Send a small, wide picture through a ResNet-50.
# <details><summary>What we saw</summary>
#
# ```python
# walk(ResNet(*plans["resnet50"]), torch.randn(1, 3, 64, 160))
# ```
#
# 2 × 5 places reach the pooling, and 1,000 logits come out as always. (To take any size and to be good at any size are
# two things. Filters that know an ant's leg at 64 pixels see something else at 256.)
#
# </details>
#
# **Check yourself.** Why does `layer1` of a ResNet-18 have no `downsample`, while `layer1` of a ResNet-50 has one?
# <details><summary>Answer</summary>
#
# The stem returns 64 channels. The first basic block returns 64 as well, with stride 1: nothing changes. The first
# bottleneck returns 4 · 64 = 256, so its shortcut has to lead from 64 to 256 channels.
#
# </details>

# %% [markdown]
# ## The same as torchvision's?
#
# If torchvision's networks are the same, their weights must fit into ours, and the answers must agree. The **state
# dict** of a model is a dictionary of everything that has to be saved: parameters, and of each BatchNorm its running
# averages and its count of batches. The names are made of those of the attributes, which is why we used torchvision's:

# %%
names = list(ResNet(*plans["resnet18"]).state_dict())
print(f"{len(names)} names, such as", *names[:3], *names[-4:-1], sep="\n    ")

# %% [markdown]
# `load_state_dict` with `strict=True` (the default) refuses if a name is missing or one too many, or if a shape
# differs. To move the running averages away from 0 and 1, pictures go through torchvision's network in train mode
# first. `assert_close` says nothing where two tensors agree up to rounding, and stops with an error where they do not.

# %%
import torchvision

pictures = torch.randn(4, 3, 64, 64)
for name, (block, blocks) in plans.items():
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, name)(weights=None)
    ours = ResNet(block, blocks)
    with torch.inference_mode():
        theirs.train()(pictures)
        print(f"{name:>9}:", ours.load_state_dict(theirs.state_dict(), strict=True))
        torch.testing.assert_close(ours.eval()(pictures), theirs.eval()(pictures))

# %% tags=["proof"]
with torch.inference_mode():
    answers = theirs(pictures)
assert answers.std() > 0.01, f"answers that are all alike prove nothing: spread {answers.std()}"

# %% [markdown]
# All names, all shapes, all answers, up to 152 layers. (`weights=None` means random ones. For trained ones write
# `torchvision.models.resnet18(weights="DEFAULT")`, which downloads them; the `pretrained=True` of older tutorials is
# deprecated.) The course keeps these networks in `course_utils.models.resnet`. From the same seed they get the same
# weights as yours:

# %%
from course_utils.models import resnet

torch.manual_seed(0)
helper = resnet.resnet18()
torch.manual_seed(0)
torch.testing.assert_close(ResNet(*plans["resnet18"]).state_dict(), helper.state_dict())

# %% [markdown]
# <details><summary>Why these starting weights? (for the curious)</summary>
#
# Lesson 03 gave weights a variance of 1 / **fan-in**, the number of inputs. `nn.Conv2d` takes a third of that by
# default, **Kaiming initialization** takes 2 / fan-in, since a ReLU lets only about half of the numbers through. The
# folded cell below sends noise through 33 layers without BatchNorm. With small weights hardly anything is left of it,
# or of the gradient on its way back: it *vanishes*. (`fan_out` counts outputs, and so keeps the spread of the
# gradients.)
#
# </details>

# %% tags=["fold"]
for size in [1 / 3, 1, 2]:
    torch.manual_seed(0)
    x = torch.randn(4, 32, 32, 32)
    for _ in range(33):
        weight = torch.randn(32, 32, 3, 3) * (size / (32 * 9)) ** 0.5
        x = F.relu(F.conv2d(x, weight, padding=1))
    print(f"variance {size:.2f} / fan-in: spread after 33 layers {x.std():.1g}")

# %% [markdown]
# ## Warm-up and cosine
#
# For large networks one schedule is even more common than the one cycle of lesson 04: the rate rises linearly, the
# **warm-up**, and then falls to 0 along half a cosine wave. Why begin small?
#
# **Guess first.** Three weights have gradients of 100, 1 and 0.0001. How far does the very first step of AdamW move
# each of them, at a rate of 0.01? Then open the cell.

# %% tags=["fold"]
weights = nn.Parameter(torch.zeros(3))
optimizer = torch.optim.AdamW([weights], lr=0.01, weight_decay=0)
weights.grad = torch.tensor([100.0, 1.0, 0.0001])
optimizer.step()
print("moved by", weights.detach().numpy().round(4))

# %% [markdown]
# All three by the full rate! AdamW divides each gradient by its typical size, and after one batch it has seen just one.
# So at first every parameter takes a whole step in a direction that rests on one batch; warm-up makes these steps small
# until the averages can be trusted. (That is the usual argument. Whether it matters in networks as small as ours, we
# have not measured.) Which part of the full rate does a step get?

# %%
import math


def factor(step, warmup_steps, total_steps):
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return (1 + math.cos(math.pi * progress)) / 2


# %% [markdown]
# (`step + 1`, because a first step with rate 0 would be wasted.) The helper `warmup_cosine` is a scheduler, like
# `OneCycleLR`. We compare all 100 rates.

# %%
from course_utils import warmup_cosine


def rates_of(scheduler):
    rates = []
    for _ in range(100):
        rates.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    return rates


# %%
by_hand = [0.01 * factor(step, warmup_steps=10, total_steps=100) for step in range(100)]
optimizer = torch.optim.AdamW([weights], lr=0.01)
rates = rates_of(warmup_cosine(optimizer, warmup_steps=10, total_steps=100))
torch.testing.assert_close(rates, by_hand)

# %%
optimizer = torch.optim.AdamW([weights], lr=0.01)
one_cycle = rates_of(torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=100))
fig, ax = plt.subplots(figsize=(6, 3))
ax.plot(by_hand, label="warm-up and cosine")
ax.plot(one_cycle, "--", label="one cycle")
ax.set(title="Two schedules", xlabel="step (batch)", ylabel="learning rate")
ax.legend()
plt.show()

# %% [markdown]
# Close relatives. Which of them is better we do not claim; to show it would take many seeds.
#
# **Check yourself.** A program has 244 pictures in batches of 32 and computes
# `total_steps = epochs * (244 // 32)`. What happens?
# <details><summary>Answer</summary>
#
# 244 // 32 is 7, but a loader makes 8 batches, the last one of 20 pictures. So the schedule ends too early, and the
# last `epochs` steps run with the rate 0. Use `len(train_loader)`.
#
# </details>

# %% [markdown]
# ## It works: digits
#
# Time to let your class work. Here is a small one: one block per layer, and a quarter of the channels. What would it be
# called?

# %%
def small_resnet(num_classes):
    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes, width=16).to(course.device)


def train_small(model, train_loader, val_loader, epochs, lr):
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    steps = len(train_loader)
    scheduler = warmup_cosine(optimizer, warmup_steps=steps, total_steps=epochs * steps)
    recipe = {"optimizer": optimizer, "scheduler": scheduler, "epochs": epochs}
    return fit(model, train_loader, val_loader, **recipe, progress="bar")


# %% [markdown]
# (ResNet-10: a stem, eight convolutions, a linear layer.) For digits its stem is too rough, 7 × 7 places would be left.
# So `nn.Identity`, which returns what it gets, replaces the max pooling. And as the network expects three colours,
# `expand` hands each grey picture over three times.

# %%
digits = {}
for split in ["train", "val"]:
    images, labels = load_digits28(split)
    digits[split] = TensorDataset(images.expand(-1, 3, -1, -1), labels)

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
digit_net = small_resnet(num_classes=10)
digit_net.maxpool = nn.Identity()
train_loader = DataLoader(digits["train"], batch_size=64, shuffle=True)
digit_val_loader = DataLoader(digits["val"], batch_size=500)
history = train_small(digit_net, train_loader, digit_val_loader, epochs=3, lr=0.01)
history.frame().round({"seconds": 1}).round(4)

# %% tags=["proof"]
first, second, *_, last_rate = history["lr"]
assert first < second and last_rate < second, f"rates {history['lr']}"
assert history["val_accuracy"][-1] > course.pick(sample=0.93, full=0.97), f"accuracy {history['val_accuracy']}"

# %% [markdown]
# The column `lr`, the rate at the start of each epoch, shows warm-up and fall. The test pictures are still unseen. We
# open them once, and look at the mistakes.

# %% tags=["nbval-ignore-output"]
from course_utils import predict

images, labels = load_digits28("test")
test_set = TensorDataset(images.expand(-1, 3, -1, -1), labels)
logits, labels = predict(digit_net, DataLoader(test_set, batch_size=500))
preds = logits.argmax(dim=1)
wrong = (preds != labels).nonzero().flatten()
print(f"{len(labels) - len(wrong)} of {len(labels)} test pictures right")

# %% tags=["proof"]
accuracy = (preds == labels).float().mean().item()
assert accuracy > course.pick(sample=0.93, full=0.97), f"accuracy {accuracy:.3f} on the test pictures"

# %% tags=["nbval-ignore-output"]
from course_utils import show_predictions

some = wrong[:16]
show_predictions(images[some], labels[some], preds[some], title="What it takes them for")
plt.show()

# %% tags=["proof"]
assert len(wrong) >= 8, f"only {len(wrong)} mistakes are left to be looked at"

# %% [markdown]
# It works. Some of its mistakes are blots, or could be read either way. Others you would read at once: the sample's two
# thousand pictures do not show all the ways of writing a 4.
#
# ## Ants and bees, from scratch
#
# Now the pictures of lesson 01. "From scratch" means: from random weights. Two networks get the same 25 epochs: your
# small ResNet, with its max pooling, and a CNN as in lesson 04, with four stages. (`CachedImages` decodes each picture
# once; with `augment=True` it is cropped and mirrored anew whenever it is asked for, as by `train_transform`.)

# %%
from course_utils import CachedImages, hymenoptera

size = course.pick(sample=64, full=128)
train_set = CachedImages(hymenoptera("train"), size, augment=True)
val_set = CachedImages(hymenoptera("val"), size)
val_batches = list(DataLoader(val_set, batch_size=64))  # loaded once: nothing in them is random
print(len(train_set), "training pictures,", len(val_set), "validation pictures")

# %%
from course_utils import CNN

torch.manual_seed(0)
insect_nets = {
    "small ResNet": small_resnet(num_classes=2),
    "CNN": CNN(in_channels=3, num_classes=2, widths=(8, 16, 32, 64)).to(course.device),
}
for name, model in insect_nets.items():
    print(f"{name:>12}: {count(model):,} parameters")

# %% tags=["nbval-ignore-output"]
insect_histories = {}
for name, model in insect_nets.items():
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
    insect_histories[name] = train_small(model, train_loader, val_batches, epochs=25, lr=0.005)
    print(f"{name:>12}: val accuracy {insect_histories[name]['val_accuracy'][-1]:.2f}")

# %% tags=["proof"]
final = {name: {split: history[f"{split}_accuracy"][-1] for split in ["train", "val"]}
         for name, history in insect_histories.items()}  # fmt: skip
if course.profile == "sample":  # nobody has trained these networks on the photographs
    assert final["CNN"]["val"] > final["small ResNet"]["val"] - 0.02, f"{final}"
    assert final["small ResNet"]["train"] > final["small ResNet"]["val"] + 0.05, f"{final}"

# %% [markdown]
# Is that any good? Compare it with the cheapest rule, "always say the larger class", and with the **standard error** of
# lesson 03: by how much does an accuracy on that many pictures move by chance?

# %%
from course_utils import standard_error

larger_class = max(np.bincount(val_set.targets)) / len(val_set)
error = standard_error(larger_class, len(val_set))
print(f"always the larger class: {larger_class:.2f}, standard error {error:.2f}")

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(6.5, 3.4))
for (name, history), colour in zip(insect_histories.items(), ["C0", "C1"]):
    ax.plot(range(1, 26), history["train_accuracy"], "--", color=colour, label=f"{name}, train")
    ax.plot(range(1, 26), history["val_accuracy"], color=colour, label=f"{name}, val")
low, high = larger_class - error, larger_class + error
ax.axhspan(low, high, color="0.85", label="always the larger class")
ax.set(title=f"From scratch on {len(train_set)} pictures", xlabel="epoch", ylabel="accuracy")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% tags=["proof"]
if course.profile == "sample":  # nobody has trained these networks on the photographs
    score = insect_histories["CNN"]["val_accuracy"][-1]
    assert score > larger_class + 1.5 * error, f"CNN {score:.3f}, rule {larger_class:.3f}, standard error {error:.3f}"

# %% tags=["nbval-ignore-output"]
logits, labels = predict(insect_nets["CNN"], val_batches)
preds = logits.argmax(dim=1)
insects = torch.cat([images for images, _ in val_batches])
some = torch.arange(0, len(insects), 10)
names = val_set.classes
show_predictions(insects[some], labels[some], preds[some], names, title="What the CNN says")
plt.show()

# %% tags=["proof"]
accuracy = (preds == labels).float().mean().item()
assert abs(accuracy - insect_histories["CNN"]["val_accuracy"][-1]) < 0.02, f"{accuracy:.3f}"

# %% [markdown]
# On the drawn pictures the CNN beats the rule, and neither is good. The ResNet gets better at what it is shown than at
# the rest, and the CNN, with a fraction of its parameters, is at least as good. So deeper is no virtue in itself.
# Shortcuts make deep networks *trainable*; they do not replace pictures: a few hundred here, thousands of digits
# before, more than a million photographs in ImageNet.
#
# The way out is not to start from random weights. torchvision offers weights for ResNet-18 that were trained on
# ImageNet. They are for 1,000 classes; do they fit into a network for two?

# %%
two_classes = resnet.resnet18(2).state_dict()
for name, tensor in resnet.resnet18().state_dict().items():
    if tensor.shape != two_classes[name].shape:
        print(f"{name}: {tuple(tensor.shape)} there, {tuple(two_classes[name].shape)} here")

# %% [markdown]
# Another number of classes means a new head, `fc`. All else fits. How to put the pieces together, and what it is worth,
# is the next lesson.
#
# ## Summary
#
# - A residual block computes ReLU(F(x) + x); where the shape changes, a 1 × 1 convolution makes the shortcut fit.
# - In a plain deep network each block enlarges a small change, and learning is slow; the shortcut keeps it small.
# - A block is residual if its input comes through when its layers compute zero, whatever it is called.
# - Our ResNet-18 to ResNet-152 load torchvision's weights strictly, give its answers, and take pictures of any size.
# - Warm-up and cosine shape the learning rate. From scratch, a ResNet needs more than a few hundred pictures.
#
# **Exercises**: [05 exercises](exercises/05_custom_resnet.ipynb)
#
# **Next**: [06 · Fine-tuning a pretrained network](06_fine_tuning.ipynb)
