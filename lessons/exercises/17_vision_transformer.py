# %% [markdown]
# # Exercises 17 · A vision transformer
#
# Five tasks, from counting to a picture of where a network looks, about 45 minutes. Each has a gap to fill and a check
# that tells you what is wrong. They need nothing beyond [lesson 17](../17_vision_transformer.ipynb); if you are stuck,
# unfold the hints, one at a time. Run the next cell first.

# %%
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import fit, fresh_inputs, load_digits28, names_used, progress, start_exercise
from course_utils.models.vit import VisionTransformer, attention_maps, small_vit

course = start_exercise("17")
val_images, val_labels = load_digits28("val")

# %% [markdown]
# ## Task 1 · How many numbers has it? (2 points)
#
# Before anybody builds a network, they want to know how large it will be. Count the parameters of a vision transformer
# as in the lesson, weights and biases, from its settings alone. Use arithmetic, build no network. (`side` is a whole
# number of patches.)
# <details><summary>Hint 1: a question</summary>
#
# Which parts are there once, and which once in every layer?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *The block* and *The class token* make every part in their `__init__`, and *Attention: a weighted look-around* those
# of the attention.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# The MLP of lesson 03, counted for any row of widths:
#
# ```python
# widths = [784, 128, 256, 10]
# total = 0
# for before, after in zip(widths, widths[1:]):
#     total += before * after + after
# print(total)
# ```
#
# </details>


# %% tags=["answer"]
def count_parameters(side, patch, layers, width, hidden, classes, channels=3):
    """Number of parameters of a vision transformer.

    Args:
        side: int, height and width of its pictures
        patch: int, height and width of a patch
        layers: int, number of blocks
        width: int, numbers in a token
        hidden: int, numbers between the two layers of an MLP
        classes: int
        channels: int, of the pictures
    Returns:
        int
    """
    ### BEGIN SOLUTION
    embedding = width * channels * patch**2 + width
    tokens = (side // patch) ** 2 + 1
    norm = 2 * width
    attention = 3 * (width * width + width) + width * width + width
    mlp = width * hidden + hidden + hidden * width + width
    block = norm + attention + norm + mlp
    head = width * classes + classes
    return embedding + width + tokens * width + layers * block + norm + head
    ### END SOLUTION


# %% tags=["right"]
def linear(before, after):
    return (before + 1) * after


def count_parameters(side, patch, layers, width, hidden, classes, channels=3):
    block = 4 * width + 4 * linear(width, width) + linear(width, hidden) + linear(hidden, width)
    places = 1 + side // patch * (side // patch)
    return sum([
        linear(channels * patch * patch, width), width, places * width, layers * block, 2 * width,
        linear(width, classes),
    ])  # fmt: skip


# %% tags=["right"]
def count_parameters(side, patch, layers, width, hidden, classes, channels=3):
    total = (channels * patch * patch + 1) * width
    total += width * (1 + 1 + (side / patch) ** 2)
    for _ in range(layers):
        total += 2 * width
        total += 3 * width * width + 3 * width
        total += width * width + width
        total += 2 * width
        total += hidden * (2 * width + 1) + width
    return int(total + 2 * width + (width + 1) * classes)


# %% tags=["right"]
import math


def count_parameters(side, patch, layers, width, hidden, classes, channels=3):
    shapes = [(width, channels, patch, patch), (width,), (width,), (side // patch, side // patch, width), (width,)]
    of_block = [(width,)] * 4 + [(3 * width, width), (3 * width,), (width, width), (width,)]
    of_block += [(hidden, width), (hidden,), (width, hidden), (width,)]
    shapes += of_block * layers + [(width,), (width,), (classes, width), (classes,)]
    return sum(math.prod(shape) for shape in shapes)


# %% tags=["wrong"] expect="numbers of its own, and a place"
# - (side // patch) ** 2 + 1
# + (side // patch) ** 2

# %% tags=["wrong"] expect="mixes what the heads bring"
# - 3 * (width * width + width) + width * width + width
# + 3 * (width * width + width)

# %% tags=["wrong"] expect="two LayerNorms"
# - norm + attention + norm + mlp
# + norm + attention + mlp

# %% tags=["wrong"] expect="after the last block"
# - layers * block + norm + head
# + layers * block + head

# %% tags=["wrong"] expect="the biases of the MLP"
# - width * hidden + hidden + hidden * width + width
# + width * hidden + hidden * width

# %% tags=["wrong"] expect="all channels"
# - width * channels * patch**2
# + width * patch**2

# %% tags=["wrong"] expect="once in every layer"
# - layers * block
# + block

# %% tags=["wrong"] expect="divide with //"
# - tokens = (side // patch) ** 2 + 1
# + tokens = (side / patch) ** 2 + 1


# %% tags=["wrong"] expect="build no network"
def count_parameters(side, patch, layers, width, hidden, classes, channels=3):
    model = VisionTransformer(side, patch, layers, 1, width, hidden, classes, channels)
    return sum(parameter.numel() for parameter in model.parameters())


# %% [markdown]
# Try it on the lesson's small network, and on ViT-B/16, before you run the check:

# %%
print("small:", count_parameters(28, 7, 2, 64, 128, 10, channels=1))
print("ViT-B/16:", count_parameters(224, 16, 12, 768, 3072, 1000))


# %% tags=["check"] points=2
def parameters_of(side, patch, layers, width, hidden, classes, channels):
    with torch.device("meta"):
        model = VisionTransformer(side, patch, layers, 1, width, hidden, classes, channels)
    return sum(weight.numel() for weight in model.parameters())


settings = (12, 3, 2, 9, 23, 11, 2)
found, wanted = count_parameters(*settings), parameters_of(*settings)
assert found is not None, "the function returns nothing"
assert not isinstance(found, float), f"return a whole number, not {found}: divide with //"
forgotten = {
    9: "the class token has numbers of its own, and a place",
    180: "beside queries, keys and values a fourth layer mixes what the heads bring",
    36: "every block has two LayerNorms, each with a weight and a bias for each number",
    18: "after the last block comes one more LayerNorm",
    64: "the biases of the MLP, which has two layers",
    81: "a patch has all channels of the picture",
}
told = f"12 pixels, patches of 3, 2 layers, width 9, hidden 23, 11 classes, 2 channels: {found} numbers, not {wanted}"
assert wanted - found not in forgotten, f"{told}: forgotten, {forgotten[wanted - found]}"
deeper = count_parameters(12, 3, 3, 9, 23, 11, 2)
assert deeper != found, "a third layer adds nothing in your count: its parts are there once in every layer"
assert found == wanted, told
usual = count_parameters(224, 16, 12, 768, 3072, 1000)
assert usual == 86_567_656, f"ViT-B/16 has 86,567,656 parameters, not {usual}: pictures have 3 channels by default"
helpers = {"numel", "parameters", "state_dict", "nn", "VisionTransformer", "small_vit"} & names_used(count_parameters)
assert not helpers, f"use arithmetic, build no network: {' and '.join(helpers)} would count for you"
inputs = fresh_inputs()
for _ in range(3):
    patch, width = int(inputs.integers(2, 6)), int(inputs.integers(4, 40))
    side = patch * int(inputs.integers(2, 7))
    settings = (side, patch, *inputs.integers(1, 5, size=1).tolist(), width, *inputs.integers(5, 60, size=3).tolist())
    found, wanted = count_parameters(*settings), parameters_of(*settings)
    assert found == wanted, f"{settings} make {wanted} parameters, not {found}"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · Attention that stays near (4 points)
#
# Every token may look at every other. Change that. The tokens are the patches of a picture, `side` rows of `side`, with
# no class token among them. Let each look only at patches that lie at most `reach` rows *and* at most `reach` columns
# from it (itself among them), with weights that sum to 1. Do not use `scaled_dot_product_attention`.
# <details><summary>Hint 1: a question</summary>
#
# Which number must stand in the place of a match, so that softmax gives it no weight at all?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Attention: a weighted look-around* has the function without the ban. *A picture as a row of patches* tells in which
# order patches come.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Shares of five friends, of whom those of another town get nothing, and how far apart the towns are:
#
# ```python
# wishes, town = torch.tensor([1.0, 3.0, 2.0, 5.0, 0.0]), torch.tensor([2, 0, 2, 1, 2])
# apart = (town[:, None] - town[None, :]).abs()
# print(apart)
# print(wishes.masked_fill(town != 2, -torch.inf).softmax(dim=0))
# print(divmod(7, 3))
# ```
#
# </details>


# %% tags=["answer"]
def near_attention(queries, keys, values, side, reach):
    """Scaled dot-product attention among patches that lie near each other.

    Args:
        queries, keys, values: float tensors (n, side * side, width), the patches row by row
        side: int, patches along a side of the picture
        reach: int, how many rows and columns away a token may look, from 0
    Returns:
        float tensor (n, side * side, width)
    """
    ### BEGIN SOLUTION
    places = torch.arange(side * side)
    rows, columns = places // side, places % side
    far_up = (rows[:, None] - rows[None, :]).abs() > reach
    far_aside = (columns[:, None] - columns[None, :]).abs() > reach
    matches = queries @ keys.transpose(1, 2) / keys.shape[2] ** 0.5
    weights = matches.masked_fill(far_up | far_aside, -torch.inf).softmax(dim=2)
    return weights @ values
    ### END SOLUTION


# %% tags=["right"]
def near_attention(queries, keys, values, side, reach):
    result = torch.zeros_like(values)
    for place in range(side * side):
        row, column = divmod(place, side)
        near = [i for i in range(side**2) if max(abs(i // side - row), abs(i % side - column)) <= reach]
        matches = (queries[:, [place]] * keys[:, near]).sum(dim=2) / queries.shape[2] ** 0.5
        result[:, place] = (matches.softmax(dim=1)[:, :, None] * values[:, near]).sum(dim=1)
    return result


# %% tags=["right"]
def near_attention(queries, keys, values, side, reach):
    grid = torch.cartesian_prod(torch.arange(side), torch.arange(side)).float()
    allowed = torch.cdist(grid, grid, p=float("inf")) < reach + 0.5
    strength = torch.exp(queries @ keys.mT / keys.shape[-1] ** 0.5) * allowed
    return strength @ values / strength.sum(dim=2, keepdim=True)


# %% tags=["right"]
import math


def near_attention(queries, keys, values, side, reach):
    mask = torch.full((side, side, side, side), -1e9)
    for row in range(side):
        for column in range(side):
            up, left = max(row - reach, 0), max(column - reach, 0)
            mask[row, column, up : row + reach + 1, left : column + reach + 1] = 0
    mask = mask.reshape(side * side, side * side)
    matches = torch.einsum("nqd,nkd->nqk", queries, keys) / math.sqrt(keys.size(-1))
    return torch.softmax(matches + mask, -1) @ values


# %% tags=["wrong"] expect="weights that sum to 1"
# - matches.masked_fill(far_up | far_aside, -torch.inf).softmax(dim=2)
# + matches.softmax(dim=2).masked_fill(far_up | far_aside, 0)

# %% tags=["wrong"] expect="0 is a match like any other"
# - far_aside, -torch.inf
# + far_aside, 0

# %% tags=["wrong"] expect="the end of one row and the beginning of the next"
# - far_up | far_aside
# + (places[:, None] - places[None, :]).abs() > reach

# %% tags=["wrong"] expect="rows *and* columns"
# - far_up | far_aside
# + far_up & far_aside

# %% tags=["wrong"] expect="the near ones are forbidden"
# - far_up | far_aside
# + ~(far_up | far_aside)

# %% tags=["wrong"] expect="divide by the root"
# - matches = queries @ keys.transpose(1, 2) / keys.shape[2] ** 0.5
# + matches = queries @ keys.transpose(1, 2)

# %% tags=["wrong"] expect="each row of weights"
# - softmax(dim=2)
# + softmax(dim=1)

# %% tags=["wrong"] expect="itself among them"
# - (rows[:, None] - rows[None, :]).abs() > reach
# + (rows[:, None] - rows[None, :]).abs() >= reach
# - (columns[:, None] - columns[None, :]).abs() > reach
# + (columns[:, None] - columns[None, :]).abs() >= reach


# %% tags=["wrong"] expect="do without"
def near_attention(queries, keys, values, side, reach):
    places = torch.arange(side * side)
    rows, columns = places // side, places % side
    near = (rows[:, None] - rows).abs() <= reach
    near &= (columns[:, None] - columns).abs() <= reach
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=near)


# %% tags=["check"] points=4
def expected(queries, keys, values, side, reach):
    grid = torch.cartesian_prod(torch.arange(side), torch.arange(side))
    near = (grid[:, None] - grid).abs().amax(dim=2) <= reach
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=near), near


torch.manual_seed(0)
q, k, v = torch.randn(3, 2, 9, 4)
result, (wanted, near) = near_attention(q, k, v, 3, 1), expected(q, k, v, 3, 1)
assert isinstance(result, torch.Tensor), f"return a tensor, not a {type(result).__name__}"
assert result.shape == wanted.shape, f"the result should be {tuple(wanted.shape)}, not {tuple(result.shape)}"
matches = q @ k.transpose(1, 2) / 2
alone = near_attention(q, k, v, 3, 0)
assert not alone.isnan().any(), "with reach 0 a token looks at itself: those near it, itself among them"


def like(weights):
    return torch.allclose(result.float(), weights @ v, atol=1e-5)


cut = matches.softmax(dim=2) * near
assert not like(cut), "weights that sum to 1 are needed: forbid before softmax, not after it"
assert not like((matches * near).softmax(dim=2)), "0 is a match like any other: put -infinity where it may not look"
line = (torch.arange(9)[:, None] - torch.arange(9)).abs() <= 1
assert not like(matches.masked_fill(~line, -torch.inf).softmax(dim=2)), (
    "places 2 and 3 are no neighbours: they are the end of one row and the beginning of the next"
)
rows, columns = torch.arange(9) // 3, torch.arange(9) % 3
either = ((rows[:, None] - rows).abs() <= 1) | ((columns[:, None] - columns).abs() <= 1)
assert not like(matches.masked_fill(~either, -torch.inf).softmax(dim=2)), "both have to be near: rows *and* columns"
far = matches.masked_fill(near, -torch.inf).softmax(dim=2).nan_to_num() @ v  # nothing is far from the middle
inverted = torch.allclose(result.float().nan_to_num(), far, atol=1e-5)
assert not inverted, "the near ones are forbidden, the far ones allowed: the other way round"
assert not like((2 * matches).masked_fill(~near, -torch.inf).softmax(dim=2)), "divide by the root of the width"
assert not like(matches.masked_fill(~near, -torch.inf).softmax(dim=1)), (
    "each row of weights belongs to a query and should sum to 1: softmax over the keys"
)
assert not like(matches.softmax(dim=2)), "nothing is forbidden: reach 1 should hide the other side of the picture"
assert torch.allclose(alone.float(), v, atol=1e-5), "with reach 0 each token gets its own value, itself among them"
assert torch.allclose(result.float(), wanted, atol=1e-5), "3 x 3 patches with reach 1 give other numbers"
assert "scaled_dot_product_attention" not in names_used(near_attention), "scaled_dot_product_attention: do without"
inputs = fresh_inputs()
for _ in range(3):
    side, width = int(inputs.integers(2, 6)), int(inputs.integers(2, 9))
    reach = int(inputs.integers(0, side))
    q, k, v = torch.randn(3, 2, side * side, width)
    result, (wanted, _) = near_attention(q, k, v, side, reach), expected(q, k, v, side, reach)
    told = f"{side} x {side} patches, reach {reach}, width {width}"
    assert result.shape == wanted.shape, f"{told}: {tuple(wanted.shape)} wanted, not {tuple(result.shape)}"
    assert torch.allclose(result.float(), wanted, atol=1e-4), f"{told}: other numbers than they should be"
print("✓ task 2")

# %% [markdown]
# You have given a transformer a convolution's idea of neighbourhood. (Swin transformers do something of this kind.)
#
# ## Task 3 · Larger pictures (3 points)
#
# A vision transformer has learned a position for each of its places, and refuses pictures with more patches. The usual
# way out: lay the positions of the patches out as a picture, one pixel for each patch, whose channels are the `width`
# numbers of a position. Resize that picture bilinearly (each new number is a mixture of the four nearest). The class
# token's position, the first one, stays as it is.
# <details><summary>Hint 1: a question</summary>
#
# Which shape does `F.interpolate` want, and where are the rows and columns of the patches now?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Where does a patch belong?* tells what the positions are, and *The class token* which of them comes first.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A row of six colours becomes a picture of 2 × 3 pixels, and is enlarged:
#
# ```python
# colours = torch.rand(6, 3)
# picture = colours.reshape(1, 2, 3, 3).permute(0, 3, 1, 2)
# larger = F.interpolate(picture, size=(4, 6), mode="bilinear")
# print(picture.shape, larger.shape, larger.flatten(2).shape)
# ```
#
# </details>


# %% tags=["answer"]
def resize_positions(positions, side):
    """Position embedding for pictures with another number of patches.

    Args:
        positions: float tensor (1, 1 + old * old, width), that of the class token first
        side: int, patches along a side of the new pictures
    Returns:
        float tensor (1, 1 + side * side, width)
    """
    ### BEGIN SOLUTION
    first, patches = positions[:, :1], positions[:, 1:]
    old = round(patches.shape[1] ** 0.5)
    grid = patches.transpose(1, 2).unflatten(2, (old, old))
    resized = F.interpolate(grid, size=(side, side), mode="bilinear")
    return torch.cat([first, resized.flatten(2).transpose(1, 2)], dim=1)
    ### END SOLUTION


# %% tags=["right"]
import math


def resize_positions(positions, side):
    old, width = math.isqrt(positions.shape[1] - 1), positions.shape[2]
    picture = positions[0, 1:].reshape(1, old, old, width).permute(0, 3, 1, 2)
    larger = F.interpolate(picture, (side, side), mode="bilinear", align_corners=False)
    rows = larger.permute(0, 2, 3, 1).reshape(1, side * side, width)
    return torch.cat((positions[:, 0:1], rows), 1)


# %% tags=["right"]
def resize_positions(positions, side):
    old = int((positions.shape[1] - 1) ** 0.5)
    at = ((torch.arange(side) + 0.5) * old / side - 0.5).clamp(0, old - 1)
    low = at.floor().long().clamp(max=max(old - 2, 0))
    share = torch.zeros(side, old)
    share[torch.arange(side), low] = 1 - (at - low)
    if old > 1:
        share[torch.arange(side), low + 1] = at - low
    grid = positions[0, 1:].reshape(old, old, -1)
    resized = torch.einsum("ar,bc,rcw->abw", share, share, grid).flatten(0, 1)
    return torch.cat([positions[:, :1], resized[None]], dim=1)


# %% tags=["right"]
from torchvision.transforms.v2 import functional as v2f


def resize_positions(positions, side):
    n, tokens, width = positions.shape
    old = int((tokens - 1) ** 0.5)
    picture = positions[0, 1:].T.reshape(width, old, old)
    picture = v2f.resize(picture, [side, side], antialias=False)
    result = torch.empty(1, 1 + side**2, width)
    result[:, 0], result[0, 1:] = positions[:, 0], picture.reshape(width, -1).T
    return result


# %% tags=["wrong"] expect="mixes places and numbers"
# - patches.transpose(1, 2).unflatten(2, (old, old))
# + patches.reshape(1, -1, old, old)

# %% tags=["wrong"] expect="transpose back"
# - resized.flatten(2).transpose(1, 2)
# + resized.reshape(1, side * side, -1)

# %% tags=["wrong"] expect="stays as it is"
# - torch.cat([first, resized
# + torch.cat([0 * first, resized

# %% tags=["wrong"] expect="comes first"
# - torch.cat([first, resized.flatten(2).transpose(1, 2)], dim=1)
# + torch.cat([resized.flatten(2).transpose(1, 2), first], dim=1)

# %% tags=["wrong"] expect="bilinearly"
# - mode="bilinear"
# + mode="nearest"

# %% tags=["wrong"] expect="the position of the class token is missing"
# - torch.cat([first, resized.flatten(2).transpose(1, 2)], dim=1)
# + resized.flatten(2).transpose(1, 2)

# %% tags=["wrong"] expect="along the row"
# - patches.transpose(1, 2).unflatten(2, (old, old))
# + patches.transpose(1, 2)
# - F.interpolate(grid, size=(side, side), mode="bilinear")
# + F.interpolate(grid, size=side * side, mode="linear")

# %% tags=["check"] points=3
torch.manual_seed(0)
positions = torch.randn(1, 10, 5)
same, larger = resize_positions(positions, 3), resize_positions(positions, 6)
assert isinstance(larger, torch.Tensor), f"return a tensor, not a {type(larger).__name__}"
assert tuple(larger.shape) != (1, 36, 5), "37 rows are needed: the position of the class token is missing"
assert tuple(larger.shape) == (1, 37, 5), f"3 x 3 to 6 x 6 patches should give (1, 37, 5), not {tuple(larger.shape)}"
last = torch.allclose(larger[:, -1].float(), positions[:, 0])
assert not last, "the position of the class token stands at the end: it comes first"
assert torch.allclose(larger[:, 0].float(), positions[:, 0]), "the position of the class token stays as it is"
grid = positions[0, 1:].T.reshape(1, 5, 3, 3)
bilinear = F.interpolate(grid, (6, 6), mode="bilinear")
nearest = F.interpolate(grid, (6, 6)).flatten(2).mT
wanted = bilinear.flatten(2).mT
found = larger[:, 1:].float()
mixed = F.interpolate(positions[:, 1:].reshape(1, 5, 3, 3), (6, 6), mode="bilinear").flatten(2).mT
assert not torch.allclose(found, nearest, atol=1e-5), "resize bilinearly, not to the nearest place"
assert not torch.allclose(found, mixed, atol=1e-5), "reshape alone mixes places and numbers: transpose first"
turned = torch.allclose(found, bilinear.reshape(1, 36, 5), atol=1e-5)
assert not turned, "after resizing the width comes first: transpose back, reshape alone mixes places and numbers up"
in_a_row = F.interpolate(positions[:, 1:].mT, 36, mode="linear").mT
assert not torch.allclose(found, in_a_row, atol=1e-5), "that resizes along the row: lay them out as 3 x 3 first"
assert torch.allclose(same.float(), positions, atol=1e-5), "to the same number of patches nothing should change"
assert torch.allclose(found, wanted, atol=1e-5), "other numbers than F.interpolate(…, mode='bilinear') gives"
inputs = fresh_inputs()
for _ in range(2):
    old, side, width = (int(number) for number in inputs.integers(2, 9, size=3))
    side = old + 1 if side < old else side
    positions = torch.randn(1, 1 + old * old, width)
    grid = positions[0, 1:].T.reshape(1, width, old, old)
    wanted = torch.cat([positions[:, :1], F.interpolate(grid, (side, side), mode="bilinear").flatten(2).mT], dim=1)
    found = resize_positions(positions, side)
    told = f"{old} x {old} to {side} x {side} patches, width {width}"
    assert found.shape == wanted.shape, f"{told}: {tuple(wanted.shape)} wanted, not {tuple(found.shape)}"
    assert torch.allclose(found.float(), wanted, atol=1e-4), f"{told}: wrong numbers"
print("✓ task 3")

# %% [markdown]
# ## Task 4 · Write the test: does it know the places? (4 points)
#
# A position embedding that is made and never added raises no error. Write the test that finds it: return True if the
# network's answers depend on where the patches of 7 × 7 pixels lie, and False if it takes a picture for a bag of
# patches. The same sums in another order differ in the last digits, so only logits that differ by more than a
# thousandth count.
# <details><summary>Hint 1: a question</summary>
#
# What could you do to a picture that changes nothing for a bag of patches, and much for any other network?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Where does a patch belong?* lays the patches of digits out in another order.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Does a function depend on the order of the halves of a row? Swap them and compare:
#
# ```python
# row = torch.tensor([[3.0, 1.0, 2.0, 5.0]])
# swapped = torch.cat([row[:, 2:], row[:, :2]], dim=1)
# for function in [torch.sum, torch.cumsum]:
#     options = {"dim": 1}
#     print(function.__name__, (function(row, **options) - function(swapped, **options)).abs().max())
# ```
#
# </details>


# %% tags=["answer"]
def knows_places(model, images):
    """Whether a network's answers depend on where the patches of 7 x 7 pixels lie.

    Args:
        model: nn.Module in evaluation mode that makes (n, classes) logits of images
        images: float tensor (n, 1, 28, 28)
    Returns:
        bool
    """
    ### BEGIN SOLUTION
    turned_around = torch.cat([images[..., 14:], images[..., :14]], dim=3)
    with torch.inference_mode():
        difference = (model(images) - model(turned_around)).abs().max().item()
    return difference > 1e-3
    ### END SOLUTION


# %% tags=["right"]
def knows_places(model, images):
    n = len(images)
    squares = images.reshape(n, 4, 7, 4, 7).transpose(2, 3).reshape(n, 16, 7, 7)
    squares = squares[:, torch.randperm(16)]
    puzzle = squares.reshape(n, 4, 4, 7, 7).transpose(2, 3).reshape(n, 1, 28, 28)
    with torch.no_grad():
        return not torch.allclose(model(images), model(puzzle), rtol=0, atol=1e-3)


# %% tags=["right"]
def knows_places(model, images):
    found = False
    for steps in [7, 14, 21]:
        for dim in [2, 3]:
            with torch.inference_mode():
                apart = model(images) - model(images.roll(steps, dims=dim))
            found = found or bool((apart.abs() > 0.001).any())
    return found


# %% tags=["right"]
def knows_places(model, images):
    rows = images.split(7, dim=2)
    upside = torch.cat(rows[::-1], dim=2)
    before, after = model(images).detach().numpy(), model(upside).detach().numpy()
    return abs(before - after).max() > 1e-3


# %% tags=["wrong"] expect="pixels out of their patches"
# - torch.cat([images[..., 14:], images[..., :14]], dim=3)
# + images.flip(3)

# %% tags=["wrong"] expect="in the last digits"
# - difference > 1e-3
# + difference > 0

# %% tags=["wrong"] expect="True if they do depend"
# - difference > 1e-3
# + difference < 1e-3

# %% tags=["wrong"] expect="whole patches have to move"
# - torch.cat([images[..., 14:], images[..., :14]], dim=3)
# + torch.cat([images[..., 10:], images[..., :10]], dim=3)


# %% tags=["wrong"] expect="not at its weights"
def knows_places(model, images):
    return bool(model.encoder.pos_embedding.abs().max() > 0)


# %% tags=["wrong"] expect="patches of the same picture"
# - torch.cat([images[..., 14:], images[..., :14]], dim=3)
# + images.flip(0)

# %% tags=["wrong"] expect="return True or False"
# - return difference > 1e-3
# + return difference


# %% tags=["check"] points=4
class Forgetful(VisionTransformer):
    """Makes positions, and never adds them."""

    def forward(self, images):
        return self.heads(self.encoder.ln(self.encoder.layers(self.tokens(images)))[:, 0])


class Exact(nn.Module):
    """A bag of patches in whole numbers: no sum is rounded."""

    def forward(self, images):
        squares = (255 * images.double()).round().reshape(len(images), 4, 7, 4, 7)
        kinds = (squares * torch.arange(1, 50).reshape(1, 1, 7, 1, 7)).sum(dim=(2, 4))
        return torch.stack([kinds.sum(dim=(1, 2)), (kinds**2).sum(dim=(1, 2))], dim=1)


def untrained(kind, spread=1.0):
    model = kind(28, 7, 2, 4, 16, 32, 10, 1).eval()
    with torch.no_grad():
        model.encoder.pos_embedding.normal_(std=spread)
        model.heads.head.weight.mul_(5)
    return model


def verdict(model, images):
    found = knows_places(model, images)
    if isinstance(found, torch.Tensor) and found.dtype == torch.bool and found.ndim == 0:
        found = found.item()
    assert str(found) in ("True", "False"), f"return True or False, not {found!r}"
    return bool(found)


torch.manual_seed(0)
few = val_images[:6]
healthy, bag = untrained(VisionTransformer), untrained(Forgetful)
of_healthy, of_bag = verdict(healthy, few), verdict(bag, few)
assert (of_healthy, of_bag) != (False, True), "the other way round: True if they do depend on the places"
swapped = of_healthy and not verdict(healthy, few[:1])
assert not swapped, "with one picture nothing changes: move the patches of the same picture, not the pictures"
try:
    of_exact, of_mlp = verdict(Exact(), few), verdict(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), few)
except AttributeError as error:
    raise AssertionError(f"look at a network's answers, not at its weights ({error})") from None
assert not of_exact, (
    "a bag of patches answers differently: whole patches have to move, by 7 pixels or a multiple of it. Yours takes "
    "pixels out of their patches"
)
assert not of_bag, "a bag of patches passes: sums in another order differ in the last digits, allow for a thousandth"
assert of_healthy and of_mlp, "a network that knows the places is said not to: do the patches really move?"
sick = untrained(VisionTransformer)
with torch.no_grad():
    sick.encoder.pos_embedding[:, 1:] = sick.encoder.pos_embedding[:, 1:2].clone()  # the same for all patches
assert not verdict(sick, few), "positions that are all alike tell no places: look at the answers, not at its weights"
inputs = fresh_inputs()
for toss in inputs.integers(2, size=12):
    images = val_images[torch.from_numpy(inputs.integers(len(val_images), size=3))]
    kind, wanted = [(VisionTransformer, True), (Forgetful, False)][toss]
    found = verdict(untrained(kind, float(inputs.uniform(0.5, 2))), images)
    assert found == wanted, f"a {kind.__name__} with random weights should give {wanted}, not {found}"
print("✓ task 4")

# %% [markdown]
# ## Task 5 · Where does the answer come from? (5 points)
#
# One layer's attention tells only half: the tokens that the last layer takes from have taken from others before.
# **Attention rollout** (Abnar and Zuidema, 2020) follows the numbers through all layers:
#
# - average the heads of each layer,
# - take it that half of what comes out of a layer came along the shortcut: half attention, half the identity matrix,
# - chain the layers: the product of their matrices, the last layer on the left,
# - read the class token's row, leave out what it has of itself, and divide by the sum of the rest.
#
# <details><summary>Hint 1: a question</summary>
#
# If b = A a is what comes out of the first layer, and c = B b out of the second, which matrix leads from a to c?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *What you will have* draws each layer alone, and *The block* shows the shortcut.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Who owns what after two deals, each a matrix (row: who gets, column: from whom), in which everybody keeps half?
#
# ```python
# deals = torch.tensor([[[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]]])
# owned = torch.eye(2)
# for deal in deals:
#     owned = (deal @ owned + owned) / 2
# print(owned, owned[0] / owned[0].sum())
# ```
#
# </details>


# %% tags=["answer"]
def rollout(maps):
    """How much of the class token, after all layers, comes from each patch.

    Args:
        maps: float tensor (layers, heads, tokens, tokens), rows sum to 1; first layer first, class token first
    Returns:
        float tensor (tokens - 1,) with sum 1
    """
    ### BEGIN SOLUTION
    together = torch.eye(maps.shape[-1])
    for attention in maps.mean(dim=1):
        together = (attention / 2 + torch.eye(maps.shape[-1]) / 2) @ together
    patches = together[0, 1:]
    return patches / patches.sum()
    ### END SOLUTION


# %% tags=["right"]
from functools import reduce


def rollout(maps):
    mixed = [(layer.mean(dim=0) + torch.eye(layer.shape[-1])) / 2 for layer in maps]
    row = reduce(lambda later, earlier: later @ earlier, mixed[::-1])[0, 1:]
    return row / row.sum()


# %% tags=["right"]
def rollout(maps):
    layers, heads, tokens, _ = maps.shape
    row = torch.zeros(tokens)
    row[0] = 1
    for layer in reversed(range(layers)):
        row = 0.5 * row + 0.5 * sum(row @ maps[layer, head] for head in range(heads)) / heads
    return row[1:] / (1 - row[0])


# %% tags=["right"]
import numpy as np


def rollout(maps):
    layers = maps.double().numpy().sum(axis=1) / maps.shape[1]
    owned = np.identity(layers.shape[-1])
    for layer in layers:
        owned = (layer.dot(owned) + owned) / 2
    return torch.from_numpy(owned[0, 1:] / owned[0, 1:].sum())


# %% tags=["wrong"] expect="the last layer on the left"
# - (attention / 2 + torch.eye(maps.shape[-1]) / 2) @ together
# + together @ (attention / 2 + torch.eye(maps.shape[-1]) / 2)

# %% tags=["wrong"] expect="the shortcut is missing"
# - (attention / 2 + torch.eye(maps.shape[-1]) / 2) @ together
# + attention @ together

# %% tags=["wrong"] expect="only the last layer"
# - (attention / 2 + torch.eye(maps.shape[-1]) / 2) @ together
# + attention / 2 + torch.eye(maps.shape[-1]) / 2

# %% tags=["wrong"] expect="row, not its column"
# - together[0, 1:]
# + together[1:, 0]

# %% tags=["wrong"] expect="what it has of itself"
# - together[0, 1:]
# + together[0]

# %% tags=["wrong"] expect="divide by the sum"
# - return patches / patches.sum()
# + return patches

# %% tags=["wrong"] expect="average the heads"
# - maps.mean(dim=1)
# + maps.amax(dim=1)

# %% tags=["wrong"] expect="chain the layers"
# - (attention / 2 + torch.eye(maps.shape[-1]) / 2) @ together
# + together + attention / 2 + torch.eye(maps.shape[-1]) / 2


# %% tags=["check"] points=5
def by_makeup(maps, keep=0.5):
    """Each token is a mixture of the tokens that came in; layer by layer the mixtures are mixed."""
    mixture = torch.eye(maps.shape[-1], dtype=maps.dtype)
    for layer in maps:
        looked = torch.stack([head @ mixture for head in layer]).mean(dim=0)
        mixture = keep * mixture + (1 - keep) * looked
    return mixture


def share(row):
    return row / row.sum()


torch.manual_seed(0)
maps = (3 * torch.randn(3, 2, 5, 5)).softmax(dim=3)
found, mixture = rollout(maps), by_makeup(maps)
assert isinstance(found, torch.Tensor), f"return a tensor, not a {type(found).__name__}"
assert tuple(found.shape) != (5,), "leave out what it has of itself: one number a patch"
assert tuple(found.shape) == (4,), f"4 patches should give 4 numbers, not {tuple(found.shape)}"


def like(row):
    return torch.allclose(found.float(), row, atol=1e-5)


assert not like(mixture[0, 1:]), "the class token's own share is gone: divide by the sum of the rest"
backwards = by_makeup(maps.flip(0))
assert not like(share(backwards[0, 1:])), "the layers are chained the wrong way round: the last layer on the left"
assert not like(share(by_makeup(maps, keep=0)[0, 1:])), "the shortcut is missing: half attention, half the identity"
assert not like(share(maps[-1].mean(dim=0)[0, 1:])), "only the last layer counts in yours: chain them all"
assert not like(share(mixture[1:, 0])), "what the class token takes is its row, not its column"
strongest = by_makeup(maps.amax(dim=1, keepdim=True))
assert not like(share(strongest[0, 1:])), "you take the strongest head: average the heads"
added = maps.mean(dim=(0, 1))
assert not like(share(added[0, 1:])), "the layers are added up: chain the layers, by the product of their matrices"
assert like(share(mixture[0, 1:])), "3 layers of 2 heads give other numbers: follow the four steps"
inputs = fresh_inputs()
for _ in range(3):
    layers, heads, tokens = (int(number) for number in inputs.integers(2, 7, size=3))
    maps = (3 * torch.randn(layers, heads, tokens + 1, tokens + 1)).softmax(dim=3)
    found, wanted = rollout(maps).float(), share(by_makeup(maps)[0, 1:])
    told = f"{layers} layers, {heads} heads, {tokens} patches"
    assert found.shape == wanted.shape, f"{told}: {tokens} numbers wanted, not {tuple(found.shape)}"
    assert torch.allclose(found, wanted, atol=1e-4), f"{told}: {wanted.tolist()} wanted, not {found.tolist()}"
print("✓ task 5")

# %% [markdown]
# Now look: a small transformer learns to read, and your function tells from which patches its answers come.

# %%
train_images, train_labels = load_digits28("train")
torch.manual_seed(0)
vit = small_vit()
loader = DataLoader(TensorDataset(train_images[:2000], train_labels[:2000]), batch_size=32, shuffle=True)
optimizer = torch.optim.AdamW(vit.parameters(), lr=0.003)
history = fit(vit, loader, optimizer=optimizer, epochs=4, progress=False)

# %%
fig, axes = plt.subplots(1, 8, figsize=(9, 1.7))
maps = attention_maps(vit.eval(), val_images[:8])
for ax, image, of_image in zip(axes, val_images[:8, 0], maps):
    ax.imshow(rollout(of_image).reshape(4, 4), cmap="Oranges", extent=(0, 28, 28, 0))
    ax.imshow(image, cmap="gray_r", alpha=image, extent=(0, 28, 28, 0))
    ax.axis("off")
fig.suptitle("Where the class token's numbers come from, over all layers (orange: much)")
plt.show()

# %% [markdown]
# Done? [Compare with the solutions](../solutions/17_vision_transformer.ipynb), or go back to the
# [map of the lessons](../../README.md#the-lessons).

# %% tags=["nbval-ignore-output"]
progress()

# %% tags=["proof"]
from course_utils.exercises import marks_here

assert set(marks_here().values()) == {"✓"}, marks_here()
