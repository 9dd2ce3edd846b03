# %% [markdown]
# # Exercises 05 · A residual network of your own
#
# Five tasks, from warming up to a small design of your own, about 45 minutes. Each has a gap to fill and a check that
# tells you what is wrong. They need nothing beyond [lesson 05](../05_custom_resnet.ipynb); if you are stuck, unfold
# the hints, one at a time. Run the next cell first.

# %%
import copy
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import fit, fresh_inputs, load_digits28, progress, resnet18, start_exercise
from course_utils.models.resnet import BasicBlock, Bottleneck

course = start_exercise("05")

# %% [markdown]
# ## Task 1 · Count a block's parameters (3 points)
#
# Return how many learned parameters a basic block or a bottleneck of the lesson has, its shortcut included.
# <details><summary>Hint 1: a question</summary>
#
# How many numbers does a convolution learn, how many its BatchNorm, and when does the shortcut need both?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *The residual block* has the basic one; *When the shape changes* has the bottleneck and the shortcut.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Weights and biases of three linear layers, added up over a list of their sizes:
#
# ```python
# sizes = [(10, 6), (6, 6), (6, 2)]
# print(sum(before * after + after for before, after in sizes))
# layers = nn.Sequential(*[nn.Linear(before, after) for before, after in sizes])
# print([tuple(part.shape) for part in layers.parameters()])
# ```
#
# </details>

# %% tags=["answer"]
def block_parameters(kind, in_channels, channels, stride):
    """Number of learned parameters of a block.

    Args:
        kind: "basic" or "bottleneck"
        in_channels, channels, stride: int, as in BasicBlock(in_channels, channels, stride) and Bottleneck(…)
    Returns:
        int
    """
    ### BEGIN SOLUTION
    if kind == "basic":
        convs = [(3, in_channels, channels), (3, channels, channels)]
    else:
        convs = [(1, in_channels, channels), (3, channels, channels), (1, channels, 4 * channels)]
    out_channels = convs[-1][2]
    if stride != 1 or in_channels != out_channels:
        convs.append((1, in_channels, out_channels))
    return sum(kernel**2 * before * after + 2 * after for kernel, before, after in convs)
    ### END SOLUTION


# %% tags=["right"]
def block_parameters(kind, in_channels, channels, stride):
    out = channels if kind == "basic" else 4 * channels
    shortcut = in_channels * out + 2 * out if stride != 1 or in_channels != out else 0
    if kind == "basic":
        return 9 * in_channels * channels + 9 * channels**2 + 4 * channels + shortcut
    return in_channels * channels + 9 * channels**2 + channels * out + 4 * channels + 2 * out + shortcut


# %% tags=["right"]
def block_parameters(kind, in_channels, channels, stride):
    block = {"basic": BasicBlock, "bottleneck": Bottleneck}[kind](in_channels, channels, stride)
    return sum(parameter.numel() for parameter in block.parameters())


# %% tags=["right"]
def block_parameters(kind, in_channels, channels, stride):
    def conv_norm(kernel, before, after):
        return kernel * kernel * before * after + 2 * after

    if kind == "basic":
        out, total = channels, conv_norm(3, in_channels, channels) + conv_norm(3, channels, channels)
    else:
        out, total = 4 * channels, conv_norm(1, in_channels, channels) + conv_norm(3, channels, channels)
        total += conv_norm(1, channels, out)
    if (in_channels, stride) != (out, 1):
        total += conv_norm(1, in_channels, out)
    return torch.tensor(total)


# %% tags=["wrong"] expect="BatchNorm learns"
# - kernel**2 * before * after + 2 * after
# + kernel**2 * before * after

# %% tags=["wrong"] expect="running averages"
# - kernel**2 * before * after + 2 * after
# + kernel**2 * before * after + 4 * after

# %% tags=["wrong"] expect="has to be made to fit"
# -     if stride != 1 or in_channels != out_channels:
# -         convs.append((1, in_channels, out_channels))

# %% tags=["wrong"] expect="a stride of 2 changes the shape"
# - if stride != 1 or in_channels != out_channels:
# + if in_channels != out_channels:

# %% tags=["wrong"] expect="takes what the first one returns"
# - convs = [(3, in_channels, channels), (3, channels, channels)]
# + convs = [(3, in_channels, channels), (3, in_channels, channels)]

# %% tags=["wrong"] expect="32 channels go in and 32 come out"
# - if stride != 1 or in_channels != out_channels:
# + if stride != 1 or in_channels != channels:

# %% tags=["wrong"] expect="the shortcut has a BatchNorm, too"
def block_parameters(kind, in_channels, channels, stride):
    out = channels if kind == "basic" else 4 * channels
    shortcut = in_channels * out if stride != 1 or in_channels != out else 0
    if kind == "basic":
        return 9 * in_channels * channels + 9 * channels**2 + 4 * channels + shortcut
    return in_channels * channels + 9 * channels**2 + channels * out + 4 * channels + 2 * out + shortcut


# %% tags=["wrong"] expect="the channels that come out of it"
# -     out_channels = convs[-1][2]
# -     if stride != 1 or in_channels != out_channels:
# -         convs.append((1, in_channels, out_channels))
# -     return sum(kernel**2 * before * after + 2 * after for kernel, before, after in convs)
# +     if stride != 1 or in_channels != convs[-1][2]:
# +         convs.append((1, in_channels, convs[-1][2]))
# +     return sum(kernel**2 * before * after + 2 * before for kernel, before, after in convs)

# %% [markdown]
# Try it on the two blocks of the lesson that take 256 channels and return 256:

# %%
print(block_parameters("basic", 256, 256, 1), block_parameters("bottleneck", 256, 64, 1))

# %% tags=["check"] points=3
small = block_parameters("basic", 8, 8, 1)
assert small is not None, "the function returns nothing"
assert small != 1152, "only the convolutions were counted: each BatchNorm learns a weight and a bias per channel"
assert small != 1216, "the running averages of BatchNorm are not learned: two numbers per channel, not four"
assert small != 1200, "the convolutions have no bias, since BatchNorm brings one"
assert small != 1264, "from 8 to 8 channels with stride 1 nothing changes: the shortcut is empty"
assert small == 1184, f"basic(8, 8, stride 1) has 1,184 parameters, not {small}"
wider = block_parameters("basic", 8, 24, 1)
assert wider != 7008, "from 8 to 24 channels the shortcut has to be made to fit: a 1 x 1 convolution and a BatchNorm"
assert wider != 7200, "the shortcut has a BatchNorm, too"
assert wider != 7184, "a BatchNorm comes after its convolution, so it has the channels that come out of it"
assert wider != 3792, "the second convolution takes what the first one returns: channels, not in_channels"
assert wider != 8784, "the convolution in the shortcut is 1 x 1, not 3 x 3"
assert wider == 7248, f"basic(8, 24, stride 1) has 7,248 parameters, not {wider}"
strided = block_parameters("basic", 8, 8, 2)
assert strided != 1184, "a stride of 2 changes the shape as well: the shortcut needs its convolution and BatchNorm"
assert strided == 1264, f"basic(8, 8, stride 2) has 1,264 parameters, not {strided}"
narrow = block_parameters("bottleneck", 32, 8, 1)
assert narrow != 2272, "bottleneck(32, 8): 32 channels go in and 32 come out, so the shortcut is empty"
assert narrow == 1184, f"bottleneck(32, 8, stride 1) has 1,184 parameters, not {narrow}"
for kind, block in [("basic", BasicBlock), ("bottleneck", Bottleneck)]:
    for sizes in [(12, 5, 1), (20, 5, 1), (20, 5, 2), (3, 7, 2)]:
        expected = sum(parameter.numel() for parameter in block(*sizes).parameters())
        found = block_parameters(kind, *sizes)
        assert found == expected, f"{kind}{sizes} has {expected} parameters, not {found}"
inputs = fresh_inputs()
for kind, block in [("basic", BasicBlock), ("bottleneck", Bottleneck)]:
    channels = int(inputs.integers(2, 12))
    same = channels if kind == "basic" else 4 * channels
    for in_channels, stride in [(same, 1), (same, 2), (same + int(inputs.integers(1, 9)), int(inputs.integers(1, 3)))]:
        expected = sum(parameter.numel() for parameter in block(in_channels, channels, stride).parameters())
        found = block_parameters(kind, in_channels, channels, stride)
        told = f"{kind}({in_channels}, {channels}, stride {stride})"
        assert found == expected, f"{told} has {expected:,} parameters, not {found}"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · Is it residual? (4 points)
#
# A block is not residual because of its name. Write the test that tells a real one from a fake: if the last BatchNorm
# of its layers computes nothing but zeros, does the input come through, number by number?
#
# The blocks to be tested return the shape that they get and end in a ReLU. Some have been trained, and their parts may
# have any names; the last BatchNorm among `block.modules()` is also the last one that is used. Leave the block as it
# is: whoever tests a block wants to go on using it.
# <details><summary>Hint 1: a question</summary>
#
# With which input does a block without a shortcut give itself away, and with which one does it not?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *The residual block* sets its last BatchNorm to zero and looks at what is left.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A copy that may be changed, the parts of one kind, and a comparison up to rounding:
#
# ```python
# net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
# other = copy.deepcopy(net)
# for part in other.modules():
#     if isinstance(part, nn.Linear):
#         nn.init.ones_(part.weight)
# print(other[0].weight, net[0].weight)
# print(torch.allclose(torch.tensor(0.1) + 0.2, torch.tensor(0.3)))
# ```
#
# </details>

# %% tags=["answer"]
def is_residual(block, channels):
    """Whether a block adds its input to what its layers compute.

    Args:
        block: nn.Module, from a float tensor (pictures, channels, height, width) to one of the same shape
        channels: int
    Returns:
        bool
    """
    ### BEGIN SOLUTION
    trial = copy.deepcopy(block)
    last = [part for part in trial.modules() if isinstance(part, nn.BatchNorm2d)][-1]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    x = torch.rand(2, channels, 6, 6)
    return torch.allclose(trial(x), x)
    ### END SOLUTION


# %% tags=["right"]
def is_residual(block, channels):
    trial = copy.deepcopy(block).eval()
    x = torch.arange(channels * 35.0).reshape(1, channels, 5, 7) / 100
    with torch.no_grad():
        for parameter in trial.parameters():
            parameter.zero_()
        return (trial(x) - x).abs().max().item() < 1e-5


# %% tags=["right"]
def is_residual(block, channels):
    state, mode = copy.deepcopy(block.state_dict()), block.training
    *_, last = (part for part in block.modules() if isinstance(part, nn.BatchNorm2d))
    try:
        last.weight.data.zero_(), last.bias.data.zero_()
        x = torch.rand(1, channels, 4, 4)
        return bool((block.eval()(x) - x).norm() < 1e-4)
    finally:
        block.load_state_dict(state)
        block.train(mode)


# %% tags=["right"]
def is_residual(block, channels):
    name = [name for name, part in block.named_modules() if isinstance(part, nn.BatchNorm2d)][-1]
    last, mode = block.get_submodule(name), block.training
    zeros = {f"{name}.weight": torch.zeros_like(last.weight), f"{name}.bias": torch.zeros_like(last.bias)}
    x = torch.rand(3, channels, 8, 8)
    result = torch.func.functional_call(block.eval(), zeros, (x,))
    block.train(mode)
    return (result - x).abs().max() < 1e-6


# %% tags=["wrong"] expect="negative numbers"
# - torch.rand(2, channels, 6, 6)
# + torch.randn(2, channels, 6, 6)

# %% tags=["wrong"] expect="has the last BatchNorm been set to 0"
# -     nn.init.zeros_(last.weight)
# -     nn.init.zeros_(last.bias)

# %% tags=["wrong"] expect="zeros come out of any block"
# - torch.rand(2, channels, 6, 6)
# + torch.zeros(2, channels, 6, 6)

# %% tags=["wrong"] expect="the bias is no longer 0"
# -     nn.init.zeros_(last.bias)

# %% tags=["wrong"] expect="take the last one"
# - isinstance(part, nn.BatchNorm2d)][-1]
# + isinstance(part, nn.BatchNorm2d)][:2][-1]

# %% tags=["wrong"] expect="is it the last BatchNorm"
# - isinstance(part, nn.BatchNorm2d)][-1]
# + isinstance(part, nn.BatchNorm2d)][0]

# %% tags=["wrong"] expect="may have any names"
# - [part for part in trial.modules() if isinstance(part, nn.BatchNorm2d)][-1]
# + trial.bn3 if hasattr(trial, "bn3") else trial.bn2

# %% tags=["wrong"] expect="whatever it is called"
def is_residual(block, channels):
    return type(block).__name__ in ["BasicBlock", "Bottleneck", "ResidualBlock"]


# %% tags=["wrong"] expect="its input is never added"
# - torch.allclose(trial(x), x)
# + trial(x).shape == x.shape

# %% tags=["wrong"] expect="half of its input"
# - torch.allclose(trial(x), x)
# + bool(trial(x).abs().max() > 0)

# %% tags=["wrong"] expect="has changed the block"
# - copy.deepcopy(block)
# + block

# %% tags=["wrong"] expect="its weights or running averages"
# -     trial = copy.deepcopy(block)
# +     block(torch.rand(2, channels, 6, 6))
# +     trial = copy.deepcopy(block)

# %% tags=["wrong"] expect="returns nothing"
# - return torch.allclose(trial(x), x)
# + same = torch.allclose(trial(x), x)

# %% tags=["wrong"] expect="return True or False, not a tuple"
# - return torch.allclose(trial(x), x)
# + return trial(x), x

# %% [markdown]
# Try it on a block of the course, and on one that inherits from it and forgets the shortcut:

# %%
class PlainBlock(BasicBlock):
    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


print("residual:", is_residual(BasicBlock(8, 8), 8), "  plain:", is_residual(PlainBlock(8, 8), 8))

# %% tags=["check"] points=4
class ResidualModule(nn.Module):  # only by name
    def __init__(self):
        super().__init__()
        conv1, conv2 = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.layers = nn.Sequential(conv1, nn.BatchNorm2d(4), nn.ReLU(), conv2, nn.BatchNorm2d(4))

    def forward(self, x):
        return F.relu(self.layers(x))


class Renamed(ResidualModule):
    def forward(self, x):
        return F.relu(self.layers(x) + x)


class Halved(ResidualModule):
    def forward(self, x):
        return F.relu(self.layers(x) + x / 2)


class Late(ResidualModule):
    def forward(self, x):
        first = F.relu(self.layers[:2](x))
        return F.relu(self.layers[3:](first) + first)


def as_trained(block):
    for part in block.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, 0.2, 0.8)
            nn.init.uniform_(part.running_mean, -0.5, 0.5)
    return block


torch.manual_seed(0)
found = is_residual(BasicBlock(4, 4), 4)
assert found is not None, "the function returns nothing"
assert hasattr(found, "__bool__"), f"return True or False, not a {type(found).__name__}"
hint = "has the last BatchNorm been set to 0, and has your input no negative numbers (the last ReLU cuts them off)?"
assert found, f"BasicBlock is residual, but not for you: {hint}"
found = is_residual(as_trained(BasicBlock(4, 4)), 4)
hint = "the bias is no longer 0; and is it the last BatchNorm that you set to 0?"
assert found, f"a trained BasicBlock is residual, but not for you: {hint}"
found = is_residual(as_trained(Bottleneck(16, 4)), 16)
assert found, "a trained Bottleneck is residual, but not for you: it has three BatchNorms, take the last one"
try:
    found = is_residual(as_trained(Renamed()), 4)
except AttributeError as error:
    raise AssertionError(f"{error}: parts may have any names, look for BatchNorms in block.modules()") from None
assert found, "a block that adds its input is residual, whatever it is called"
fake = "ResidualModule passes for residual, but its input is never added"
assert not is_residual(ResidualModule(), 4), f"{fake} (was yours all zeros? zeros come out of any block)"
assert not is_residual(as_trained(ResidualModule()), 4), fake
assert not is_residual(Halved(), 4), "a block passes that adds half of its input: compare number by number"
assert not is_residual(Late(), 4), "a block passes that adds what its first layers have made of the input"
for block in [as_trained(BasicBlock(4, 4)), as_trained(BasicBlock(4, 4)).eval()]:
    before, mode = copy.deepcopy(block.state_dict()), block.training
    is_residual(block, 4)
    same = all(torch.equal(tensor, before[name]) for name, tensor in block.state_dict().items())
    assert same, "the test has changed the block, its weights or running averages: work on copy.deepcopy(block)"
    assert block.training == mode, "the test has changed the block from train to eval mode, or back"
inputs = fresh_inputs()
kinds = {"BasicBlock": lambda: BasicBlock(4, 4), "a block that adds its input": Renamed}
fakes = {"one that adds half of it": Halved, "one that adds nothing": ResidualModule, "one that adds it late": Late}
for real in inputs.integers(2, size=10).tolist():
    name, make = list((kinds if real else fakes).items())[inputs.integers(2 if real else 3)]
    found = bool(is_residual(as_trained(make()), 4))
    assert found == bool(real), f"{name}, with random weights, is {'' if real else 'not '}residual, you say {found}"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · A block that is the identity (4 points)
#
# In the lesson's block a ReLU follows the sum, so even when the layers compute 0, negative numbers get lost. A later
# variant, the **pre-activation block**, puts BatchNorm and ReLU *before* each convolution:
#
# BatchNorm, ReLU, convolution, BatchNorm, ReLU, convolution; then the input is added, and nothing follows.
#
# Write it: 3 × 3 convolutions that keep size and number of channels. With the convolutions' weights at 0 it returns
# its input, whatever that is.
# <details><summary>Hint 1: a question</summary>
#
# Which layer sees the input first now, and which `x` is it that is added at the end?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Deeper, and worse* has a plain block with all the layers you need; *The residual block* adds the input. Only the
# order is new.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A module that multiplies its input by what its layers make of it:
#
# ```python
# class Gate(nn.Module):
#     def __init__(self, width):
#         super().__init__()
#         self.norm, self.linear = nn.BatchNorm1d(width), nn.Linear(width, width)
#
#     def forward(self, rows):
#         opened = torch.sigmoid(self.linear(self.norm(rows)))
#         return rows * opened
#
#
# print(Gate(3)(torch.rand(5, 3)).shape)
# ```
#
# </details>

# %% tags=["answer"]
class PreActivationBlock(nn.Module):
    """Residual block with BatchNorm and ReLU before each convolution.

    Args:
        channels: int
    Input and output: float tensor (pictures, channels, height, width)
    """

    ### BEGIN SOLUTION
    def __init__(self, channels):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x):
        out = self.conv1(F.relu(self.bn1(x)))
        out = self.conv2(F.relu(self.bn2(out)))
        return x + out
    ### END SOLUTION


# %% tags=["right"]
class PreActivationBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x) + x


# %% tags=["right"]
class PreActivationBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding="same", bias=False) for _ in range(2))
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))

    def forward(self, x):
        out = x
        for norm, conv in zip(self.norms, self.convs):
            out = conv(norm(out).relu())
        return torch.add(x, out)


# %% tags=["right"]
class PreActivationBlock(nn.Sequential):
    def __init__(self, channels):
        layers = []
        for _ in range(2):
            layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, (3, 3), padding=(1, 1))]
        super().__init__(*layers)

    def forward(self, x):
        shortcut = x
        for layer in self:
            x = layer(x)
        return shortcut + x


# %% tags=["wrong"] expect="the input is not added"
# - return x + out
# + return out

# %% tags=["wrong"] expect="nothing may follow the sum"
# - return x + out
# + return F.relu(x + out)

# %% tags=["wrong"] expect="not what BatchNorm and ReLU made of it"
# -         out = self.conv1(F.relu(self.bn1(x)))
# +         x = F.relu(self.bn1(x))
# +         out = self.conv1(x)

# %% tags=["wrong"] expect="before each convolution, not after it"
# - self.conv1(F.relu(self.bn1(x)))
# + F.relu(self.bn1(self.conv1(x)))
# - self.conv2(F.relu(self.bn2(out)))
# + self.bn2(self.conv2(out))

# %% tags=["wrong"] expect="BatchNorm first, then ReLU"
# - F.relu(self.bn1(x))
# + self.bn1(F.relu(x))
# - F.relu(self.bn2(out))
# + self.bn2(F.relu(out))

# %% tags=["wrong"] expect="padding=1"
# - self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
# + self.conv1 = nn.Conv2d(channels, channels, 3, bias=False)
# - self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
# + self.conv2 = nn.Conv2d(channels, channels, 3, bias=False)
# -         out = self.conv2(F.relu(self.bn2(out)))
# -         return x + out
# +         return x + self.conv2(F.relu(self.bn2(out)))

# %% tags=["wrong"] expect="a BatchNorm of its own"
# - self.bn2 = nn.BatchNorm2d(channels)
# + self.bn2 = self.bn1

# %% tags=["wrong"] expect="changed the input itself"
# -         return x + out
# +         x += out
# +         return x

# %% tags=["wrong"] expect="another value on the way"
# - out = self.conv1(F.relu(self.bn1(x)))
# + x = self.conv1(F.relu(self.bn1(x)))
# - out = self.conv2(F.relu(self.bn2(out)))
# + x = self.conv2(F.relu(self.bn2(x)))
# - return x + out
# + return x + x

# %% tags=["wrong"] expect="a ReLU is missing"
# - F.relu(self.bn1(x))
# + self.bn1(x)

# %% tags=["wrong"] expect="used twice"
# - F.relu(self.bn2(out))
# + F.relu(self.bn1(out))

# %% tags=["wrong"] expect="returns nothing"
# - return x + out
# + x = x + out

# %% tags=["wrong"] expect="use the argument"
# - self.bn1 = nn.BatchNorm2d(channels)
# + self.bn1 = nn.BatchNorm2d(4)
# - self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
# + self.conv1 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
# - self.bn2 = nn.BatchNorm2d(channels)
# + self.bn2 = nn.BatchNorm2d(4)
# - self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
# + self.conv2 = nn.Conv2d(4, 4, 3, padding=1, bias=False)

# %% tags=["wrong"] expect="uses the batch"
class PreActivationBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x):
        parts = []
        for norm in [self.bn1, self.bn2]:
            parts.append((norm.running_mean, norm.running_var, norm.weight, norm.bias))
        out = self.conv1(F.relu(F.batch_norm(x, *parts[0])))
        return x + self.conv2(F.relu(F.batch_norm(out, *parts[1])))


# %% [markdown]
# Look at its layers before you run the check. There should be two convolutions and two BatchNorms:

# %%
print(PreActivationBlock(4))

# %% tags=["check"] points=4
def layers_of(block):
    parts = list(block.modules())
    return [[part for part in parts if isinstance(part, kind)] for kind in [nn.Conv2d, nn.BatchNorm2d]]


for channels in [4, 6]:
    convs, norms = layers_of(PreActivationBlock(channels))
    found = len(convs)
    assert found == 2, f"there should be two convolutions, made in __init__ and assigned to self; found {found}"
    assert len(norms) == 2, f"each convolution needs a BatchNorm of its own before it: two, found {len(norms)}"
    sizes = [norm.num_features for norm in norms] + [conv.in_channels for conv in convs]
    sizes += [conv.out_channels for conv in convs]
    fixed = channels != 4 and set(sizes) == {4}
    assert not fixed, f"PreActivationBlock({channels}) has layers with 4 channels: use the argument channels"
    assert set(sizes) == {channels}, f"all layers have {channels} channels in and out; yours have {sorted(set(sizes))}"
    shapes = [tuple(conv.weight.shape) for conv in convs]
    wanted = (channels, channels, 3, 3)
    assert shapes == [wanted] * 2, f"both convolutions have weights of the shape {wanted}, not {shapes}"
    fits = all(conv(torch.zeros(1, channels, 6, 9)).shape == (1, channels, 6, 9) for conv in convs)
    assert fits, "the convolutions should keep the size: padding=1, stride 1"

torch.manual_seed(0)
block = PreActivationBlock(4)
convs, norms = layers_of(block)
with torch.no_grad():
    for number, norm in enumerate(norms):  # as after a training
        norm.running_mean.copy_(torch.tensor([0.1, -0.2, 0.0, 0.2]) * (1 + number))
        norm.running_var.copy_(torch.tensor([0.3, 0.2, 0.4, 0.3]) * (1 + number))
        norm.weight.copy_(torch.tensor([1.0, -1.0, 0.5, -0.5]) + 0.1 * number)
        norm.bias.copy_(torch.tensor([0.2, 0.3, -0.1, 0.1]) - 0.1 * number)
block.eval()
x = torch.randn(2, 4, 6, 9)
original = x.clone()
result = block(x)
assert isinstance(result, torch.Tensor), "forward returns nothing: is a return missing?"
assert torch.equal(x, original), "the block has changed the input itself: += works in place, write x + out"
assert tuple(result.shape) == (2, 4, 6, 9), f"(2, 4, 6, 9) should give the same shape, not {tuple(result.shape)}"


def like(build):
    """Whether the block did the same as `build`, in whichever order its layers were made."""
    orders = [(a, b, c, d) for a, b in [convs, convs[::-1]] for c, d in [norms, norms[::-1]]]
    with torch.no_grad():
        return any(torch.allclose(result, build(*order), atol=1e-5) for order in orders)


def pre(conv1, conv2, bn1, bn2, relu1=F.relu, relu2=F.relu):
    return conv2(relu2(bn2(conv1(relu1(bn1(x))))))


def post(conv1, conv2, bn1, bn2):
    return bn2(conv2(F.relu(bn1(conv1(x)))))


def swapped(conv1, conv2, bn1, bn2):
    return conv2(bn2(F.relu(conv1(bn1(F.relu(x))))))


def keep(numbers):
    return numbers


assert not like(pre), "the input is not added"
assert not like(lambda *a: F.relu(x + pre(*a))), "nothing may follow the sum: leave out the last ReLU"
activated = like(lambda *a: F.relu(a[2](x)) + pre(*a))
assert not activated, "add the input as it came in, not what BatchNorm and ReLU made of it"
renamed = like(lambda *a: 2 * pre(*a)) or like(lambda *a: a[0](F.relu(a[2](x))) + pre(*a))
assert not renamed, "add the input as it came in: x was given another value on the way"
after = like(lambda *a: x + post(*a)) or like(lambda *a: F.relu(x + post(*a)))
after = after or like(lambda *a: x + F.relu(post(*a)))
assert not after, "this is the lesson's order: BatchNorm and ReLU belong before each convolution, not after it"
assert not like(lambda *a: x + swapped(*a)), "BatchNorm first, then ReLU"
lacking = like(lambda *a: x + pre(*a, keep, F.relu)) or like(lambda *a: x + pre(*a, F.relu, keep))
assert not lacking and not like(lambda *a: x + pre(*a, keep, keep)), "a ReLU is missing: one before each convolution"
twice = like(lambda a, b, c, d: x + pre(a, a, c, d)) or like(lambda a, b, c, d: x + pre(a, b, c, c))
assert not twice, "a layer is used twice and another one not at all: each has its own place"
assert like(lambda *a: x + pre(*a)), "wrong numbers: x + conv(ReLU(norm(conv(ReLU(norm(x))))))"
block.train()
result = block(x)
assert like(lambda *a: x + pre(*a)), "wrong in train mode, where BatchNorm uses the batch: call the layers themselves"
with torch.no_grad():
    for conv in convs:
        for parameter in conv.parameters():
            parameter.zero_()
assert torch.allclose(block(x), x), "with the convolutions at 0 the block should return its input"
inputs = fresh_inputs()
channels = int(inputs.integers(2, 7))
block = PreActivationBlock(channels)
convs, norms = layers_of(block)
for norm in norms:
    norm.running_var.uniform_(0.5, 1)
    for tensor in [norm.running_mean, norm.weight.data, norm.bias.data]:
        tensor.uniform_(-1, 1)
x = torch.randn(2, channels, *inputs.integers(4, 9, size=2).tolist())
result = block.eval()(x)
same = like(lambda *a: x + pre(*a))
assert same, f"with {channels} channels and other numbers in its BatchNorms it computes something else"
print("✓ task 3")

# %% [markdown]
# What are such blocks worth? Here are 26 layers of each kind, trained for two epochs on digits shrunk as in the lesson.
# Guess first which of the three comes last, and by how much. (The plain block is that of task 2.)

# %% tags=["nbval-ignore-output"]
images, labels = load_digits28("train")
digits = TensorDataset(F.avg_pool2d(images[:1000], 4), labels[:1000])
kinds = {
    "plain": (PlainBlock, 12, 12),
    "residual": (BasicBlock, 12, 12),
    "pre-activation": (PreActivationBlock, 12),
}
reached = {}
for kind, (block, *sizes) in kinds.items():
    torch.manual_seed(0)
    blocks = [block(*sizes) for _ in range(12)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 10)]
    model = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), *blocks, *head)
    loader = DataLoader(digits, batch_size=64, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=2 * len(loader))
    history = fit(model, loader, optimizer=optimizer, scheduler=schedule, epochs=2, progress=False)
    reached[kind] = history["train_accuracy"][-1]
    print(f"{kind:>14}: training accuracy {reached[kind]:.2f}")

# %% tags=["proof"]
assert min(reached["residual"], reached["pre-activation"]) > reached["plain"] + 0.15, f"{reached}"

# %% [markdown]
# ## Task 4 · Warm-up and a straight way down (3 points)
#
# Write a schedule that warms up like the lesson's `factor`, and then falls in a straight line instead of a cosine: full
# rate at step `warmup_steps`, 0 at step `total_steps`, and 0 ever after. Without warm-up (`warmup_steps=0`) it begins
# with the full rate.
# <details><summary>Hint 1: a question</summary>
#
# How much of the fall is still ahead at a step, as a part of the whole fall? And after its end?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# In *Warm-up and cosine*, `progress` runs from 0 to 1 during the fall.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A candle that waits, burns down faster and faster, and does not get shorter than 0:
#
# ```python
# def candle(minute, lit, burnt):
#     if minute < lit:
#         return 1.0
#     return max(0.0, 1 - ((minute - lit) / (burnt - lit)) ** 2)
#
#
# print([round(candle(minute, 2, 6), 2) for minute in range(9)])
# ```
#
# </details>

# %% tags=["answer"]
def linear_factor(step, warmup_steps, total_steps):
    """Part of the full learning rate that a step gets.

    Args:
        step: int, from 0
        warmup_steps, total_steps: int, 0 <= warmup_steps < total_steps
    Returns:
        float from 0 to 1
    """
    ### BEGIN SOLUTION
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return max(0.0, (total_steps - step) / (total_steps - warmup_steps))
    ### END SOLUTION


# %% tags=["right"]
import numpy as np


def linear_factor(step, warmup_steps, total_steps):
    return np.interp(step, [-1, warmup_steps - 1, warmup_steps, total_steps], [0, 1, 1, 0])


# %% tags=["right"]
# -     return max(0.0, (total_steps - step) / (total_steps - warmup_steps))
# +     progress = (step - warmup_steps) / (total_steps - warmup_steps)
# +     return 1 - min(progress, 1)

# %% tags=["right"]
def linear_factor(step, warmup_steps, total_steps):
    rising = torch.tensor((step + 1) / max(warmup_steps, 1))
    falling = torch.tensor((total_steps - step) / (total_steps - warmup_steps))
    return torch.minimum(rising, falling).clamp(0, 1)


# %% tags=["wrong"] expect="would be wasted"
# - return (step + 1) / warmup_steps
# + return step / warmup_steps

# %% tags=["wrong"] expect="jumps down after the warm-up"
# - (total_steps - step) / (total_steps - warmup_steps)
# + 1 - step / total_steps

# %% tags=["wrong"] expect="is negative"
# - return max(0.0, (total_steps - step) / (total_steps - warmup_steps))
# + return (total_steps - step) / (total_steps - warmup_steps)

# %% tags=["wrong"] expect="a straight line, not a cosine"
# -     return max(0.0, (total_steps - step) / (total_steps - warmup_steps))
# +     progress = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))
# +     return (1 + math.cos(math.pi * progress)) / 2

# %% tags=["wrong"] expect="rise instead of falling"
# - return max(0.0, (total_steps - step) / (total_steps - warmup_steps))
# + return min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))

# %% tags=["wrong"] expect="without warm-up it fails"
def linear_factor(step, warmup_steps, total_steps):
    rising = (step + 1) / warmup_steps
    falling = max(0.0, (total_steps - step) / (total_steps - warmup_steps))
    return min(rising, falling)


# %% tags=["wrong"] expect="as many steps as warmup_steps says"
# - return (step + 1) / warmup_steps
# + return min(1, (step + 1) / 4)

# %% tags=["wrong"] expect="return one number, not a list"
# - return (step + 1) / warmup_steps
# + return [(step + 1) / warmup_steps]

# %% tags=["check"] points=3
rates = [linear_factor(step, 4, 14) for step in range(20)]
assert not any(rate is None for rate in rates), "the function returns nothing for some steps"
several = [type(rate).__name__ for rate in rates if getattr(rate, "ndim", 0) or not hasattr(rate, "__float__")]
assert not several, f"return one number, not a {several[0]}"
assert rates[0] != 0, "the first step has rate 0 and would be wasted: the warm-up is (step + 1) / warmup_steps"
right = all(abs(rate - (step + 1) / 4) < 1e-6 for step, rate in enumerate(rates[:4]))
assert right, f"4 steps of warm-up should be 0.25, 0.5, 0.75, 1, not {rates[:4]}"
assert rates[4] != 0, "after the warm-up the rates rise instead of falling: count backwards"
assert abs(rates[4] - 1) < 1e-6, f"the rate jumps down after the warm-up: step {4} should have 1, not {rates[4]:.2f}"
cosine = [(1 + math.cos(math.pi * progress / 10)) / 2 for progress in range(11)]
close = [abs(rate - other) < 1e-6 for rate, other in zip(rates[4:15], cosine)]
assert not all(close), "this is the lesson's schedule: the fall should be a straight line, not a cosine"
fall = [1 - progress / 10 for progress in range(11)]
for step, wanted in enumerate(fall, 4):
    assert abs(rates[step] - wanted) < 1e-6, f"of 14 steps, 4 warm-up, step {step} gets {wanted:.1f}, not {rates[step]}"
assert min(rates) >= 0, f"after the end the rate is negative ({min(rates):.1f}): it should stay at 0"
assert max(rates[14:]) < 1e-6, "from step total_steps on the rate should be 0"
other = [linear_factor(step, 8, 10) for step in range(8)]
right = all(abs(rate - (step + 1) / 8) < 1e-6 for step, rate in enumerate(other))
assert right, f"the warm-up should last as many steps as warmup_steps says; with 8 of them it gives {other}"
try:
    without = [linear_factor(step, 0, 5) for step in range(6)]
except ZeroDivisionError:
    raise AssertionError("without warm-up it fails with a division by 0: divide only during the warm-up") from None
steps = [1, 0.8, 0.6, 0.4, 0.2, 0]
right = all(abs(rate - wanted) < 1e-6 for rate, wanted in zip(without, steps))
assert right, f"without warm-up, 5 steps: 1, 0.8, 0.6, 0.4, 0.2, 0, not {without}"
inputs = fresh_inputs()
warmup, fall = int(inputs.integers(1, 12)), int(inputs.integers(5, 30))
for step in range(warmup + fall + 5):
    wanted = (step + 1) / warmup if step < warmup else 1 - min(step - warmup, fall) / fall
    found = linear_factor(step, warmup, warmup + fall)
    told = f"step {step} of {warmup + fall}, {warmup} of them warm-up"
    assert abs(found - wanted) < 1e-5, f"{told}, should have {wanted:.3f}, not {found:.3f}"
print("✓ task 4")

# %% [markdown]
# Passed? Then look at one. After four steps of warm-up it falls to 0 by step 10:

# %%
print([round(linear_factor(step, 4, 10), 2) for step in range(12)])

# %% [markdown]
# ## Task 5 · Design: what does not fit? (5 points)
#
# Somebody sends you weights, and `load_state_dict` refuses them with a long message. Write the function that you would
# like to have instead. It compares a model with a state dict and returns a dictionary of three sorted lists of names:
#
# - `"missing"`: what the model needs and the weights do not have,
# - `"unexpected"`: what the weights have and the model does not know,
# - `"misshaped"`: what both have, in different shapes.
#
# BatchNorm's running averages are part of a model, so they count. Model and weights are left as they are.
# <details><summary>Hint 1: a question</summary>
#
# Which names are on one side alone, which on both, and what is left to compare for those?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *The same as torchvision's?* loads weights that have to fit, BatchNorm's averages among them.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# What a party needs and a flat has, and of what there is too little:
#
# ```python
# flat, party = {"chair": 4, "table": 1}, {"chair": 9, "cake": 1}
# print(set(party) - set(flat), set(party) & set(flat))
# print(sorted(thing for thing in flat if thing in party and flat[thing] < party[thing]))
# ```
#
# </details>

# %% tags=["answer"]
def compare_weights(model, weights):
    """What keeps weights from being loaded into a model.

    Args:
        model: nn.Module
        weights: dict, name -> tensor
    Returns:
        dict with the keys "missing", "unexpected", "misshaped", each a sorted list of names
    """
    ### BEGIN SOLUTION
    own = model.state_dict()
    both = set(own) & set(weights)
    return {
        "missing": sorted(set(own) - set(weights)),
        "unexpected": sorted(set(weights) - set(own)),
        "misshaped": sorted(name for name in both if own[name].shape != weights[name].shape),
    }
    ### END SOLUTION


# %% tags=["right"]
def compare_weights(model, weights):
    result = {"misshaped": [], "missing": [], "unexpected": []}
    own = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    for name in sorted({**own, **weights}):
        if name not in weights:
            result["missing"].append(name)
        elif name not in own:
            result["unexpected"].append(name)
        elif list(weights[name].shape) != own[name]:
            result["misshaped"].append(name)
    return result


# %% tags=["right"]
def compare_weights(model, weights):
    own = {(name, tensor.shape) for name, tensor in model.state_dict().items()}
    theirs = {(name, tensor.shape) for name, tensor in weights.items()}
    lacking, extra = {name for name, _ in own - theirs}, {name for name, _ in theirs - own}
    kinds = {"missing": lacking - extra, "unexpected": extra - lacking, "misshaped": lacking & extra}
    return {kind: sorted(names) for kind, names in kinds.items()}


# %% tags=["right"]
def compare_weights(model, weights):
    own, given = ({name: part.shape for name, part in table.items()} for table in (model.state_dict(), weights))
    return {
        "missing": sorted(own.keys() - given.keys()),
        "unexpected": sorted(given.keys() - own.keys()),
        "misshaped": sorted({name for name, _ in own.items() ^ given.items()} & own.keys() & given.keys()),
    }


# %% tags=["wrong"] expect="the wrong way round"
# - set(own) - set(weights)
# + set(weights) - set(own)
# - set(weights) - set(own)
# + set(own) - set(weights)

# %% tags=["wrong"] expect="running averages"
# - model.state_dict()
# + dict(model.named_parameters())

# %% tags=["wrong"] expect="count of batches"
# - own = model.state_dict()
# + own = {name: tensor for name, tensor in model.state_dict().items() if "num_batches" not in name}
# +     weights = {name: tensor for name, tensor in weights.items() if "num_batches" not in name}

# %% tags=["wrong"] expect="only names that are in both"
# - set(own) - set(weights)
# + name for name in own if name not in weights
# - set(weights) - set(own)
# + name for name in weights if name not in own
# - "misshaped": sorted(name for name in both if own[name].shape != weights[name].shape),
# + "misshaped": sorted(name for name in own if own[name].shape != weights[name].shape),
# -     both = set(own) & set(weights)

# %% tags=["wrong"] expect="shapes, not numbers"
# - own[name].shape != weights[name].shape
# + not torch.equal(own[name], weights[name])

# %% tags=["wrong"] expect="as many numbers in another shape"
# - own[name].shape != weights[name].shape
# + own[name].numel() != weights[name].numel()

# %% tags=["wrong"] expect="shapes differ"
def compare_weights(model, weights):
    result = model.load_state_dict(weights, strict=False)
    return {"missing": sorted(result.missing_keys), "unexpected": sorted(result.unexpected_keys), "misshaped": []}


# %% tags=["wrong"] expect="sort the names"
# - sorted(set(own) - set(weights))
# + [name for name in own if name not in weights]
# - sorted(set(weights) - set(own))
# + [name for name in weights if name not in own]
# - "misshaped": sorted(name for name in both if own[name].shape != weights[name].shape),
# + "misshaped": [name for name in own if name in weights and own[name].shape != weights[name].shape],
# -     both = set(own) & set(weights)

# %% tags=["wrong"] expect="leave them as they are"
def compare_weights(model, weights):
    missing, misshaped = [], []
    for name, tensor in model.state_dict().items():
        if name not in weights:
            missing.append(name)
        elif weights.pop(name).shape != tensor.shape:
            misshaped.append(name)
    return {"missing": sorted(missing), "unexpected": sorted(weights), "misshaped": sorted(misshaped)}


# %% tags=["wrong"] expect="return a dict, not a tuple"
# -     return {
# -         "missing": sorted(set(own) - set(weights)),
# -         "unexpected": sorted(set(weights) - set(own)),
# -         "misshaped": sorted(name for name in both if own[name].shape != weights[name].shape),
# -     }
# +     return set(own) - set(weights), set(weights) - set(own), both

# %% [markdown]
# Try it on a ResNet-18 and its own weights, to which something has been added:

# %%
weights = resnet18(2).state_dict() | {"head.bias": torch.zeros(2)}
print(compare_weights(resnet18(2), weights))

# %% tags=["check"] points=5
torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))
before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
fitting = {name: torch.zeros_like(tensor) for name, tensor in before.items()}
given = dict(fitting)
found = compare_weights(model, given)
assert list(given) == list(fitting), "the weights handed over have lost or gained names: leave them as they are"
assert isinstance(found, dict), f"return a dict, not a {type(found).__name__}"
keys = {"missing", "unexpected", "misshaped"}
assert set(found) == keys, f"the keys should be missing, unexpected and misshaped, not {sorted(map(str, found))}"
assert all(isinstance(names, list) for names in found.values()), "the values should be lists"
averages = any("running" in name or "num_batches" in name for name in found["unexpected"])
assert not averages, "the running averages of BatchNorm belong to the model, too: use model.state_dict()"
assert not found["misshaped"], "these weights only differ in their values: compare shapes, not numbers"
assert found == {name: [] for name in keys}, f"weights that fit should give three empty lists, not {found}"
less = {name: tensor for name, tensor in fitting.items() if name not in ["3.weight", "1.running_var", "0.bias"]}
try:
    found = compare_weights(model, less | {"head.weight": torch.zeros(1), "extra": torch.zeros(1)})
except KeyError as error:
    raise AssertionError(f"KeyError {error}: shapes can be compared for only names that are in both") from None
missing, unexpected = ["0.bias", "1.running_var", "3.weight"], ["extra", "head.weight"]
assert set(found["missing"]) != set(unexpected), "missing and unexpected are the wrong way round"
assert set(found["missing"]) == set(missing), f"missing should be {missing}, not {found['missing']}"
assert set(found["unexpected"]) == set(unexpected), f"unexpected should be {unexpected}, not {found['unexpected']}"
in_order = found["missing"] == missing and found["unexpected"] == unexpected
assert in_order, "sort the names in each list"
assert found["misshaped"] == [], f"nothing is misshaped here, but you name {found['misshaped']}"
try:
    found = compare_weights(model, fitting | {"3.weight": torch.zeros(12, 2), "0.weight": torch.zeros(3, 1, 3, 3)})
except RuntimeError:
    raise AssertionError("load_state_dict fails where shapes differ: compare the shapes yourself") from None
assert found["misshaped"] != ["0.weight"], "3.weight is misshaped, too: it has as many numbers in another shape"
assert found["misshaped"] == ["0.weight", "3.weight"], f"0.weight and 3.weight differ, you name {found['misshaped']}"
assert not found["missing"] and not found["unexpected"], "a name with another shape is neither missing nor unexpected"
counted = {name: tensor for name, tensor in fitting.items() if name != "1.num_batches_tracked"}
found = compare_weights(model, counted)["missing"]
assert found == ["1.num_batches_tracked"], f"BatchNorm's count of batches belongs to the model, too: missing is {found}"
unchanged = all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
assert unchanged, "the weights were loaded into the model: it should be left as it is"
inputs = fresh_inputs()
names = inputs.permutation(list(before)).tolist()
cuts = sorted(inputs.choice(range(1, len(names)), size=2, replace=False).tolist())
missing, misshaped, fine = names[: cuts[0]], names[cuts[0] : cuts[1]], names[cuts[1] :]
unexpected = [f"layer{number}.weight" for number in inputs.permutation(30)[:3]]
given = {name: before[name] for name in fine} | {name: before[name][None] for name in misshaped}
given |= {name: torch.zeros(2) for name in unexpected}
found = compare_weights(model, {name: given[name] for name in inputs.permutation(list(given)).tolist()})
for key, wanted in [("missing", missing), ("unexpected", unexpected), ("misshaped", misshaped)]:
    assert found[key] == sorted(wanted), f"with other weights, {key} should be {sorted(wanted)}, not {found[key]}"
print("✓ task 5")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/05_custom_resnet.ipynb), or go on with
# [lesson 06](../06_fine_tuning.ipynb).

# %% tags=["nbval-ignore-output"]
progress()

# %% tags=["proof"]
from course_utils.exercises import marks_here

assert set(marks_here().values()) == {"✓"}, marks_here()
