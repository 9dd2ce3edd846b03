# %% [markdown]
# # 17 · A vision transformer
#
# You build a network of patches that look at each other, and measure what it must learn that a CNN knows from the
# start.
#
# **Time** about 60 minutes, of which the computer works 80 seconds · **Before this**
# [lesson 04](04_mnist_cnn.ipynb), [lesson 05](05_custom_resnet.ipynb), [lesson 06](06_fine_tuning.ipynb)
#
# **You will learn to**
#
# - turn a picture into a row of tokens that know their places
# - compute attention by hand, and draw where a network looks
# - build a vision transformer, and check it against torchvision's, name by name and answer by answer
# - measure how many pictures a transformer needs where a CNN needs few, and say why
# - tell what pretraining replaces, and what CLIP and self-supervised networks are

# %%
import matplotlib.pyplot as plt
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import setup

course = setup(seed=0, lesson="17")

# %% [markdown]
# ## What you will have
#
# The digits of lesson 04, and its recipe, AdamW with one cycle:

# %%
from course_utils import fit, load_digits28

train_images, train_labels = load_digits28("train")
val_images, val_labels = load_digits28("val")
epochs, batch_size = course.pick(sample=(6, 32), full=(1, 64))


# %%
def train(model, images, labels, lr, epochs=epochs):
    train_set = TensorDataset(images, labels)
    train_loader = DataLoader(train_set, batch_size=batch_size, shuffle=True)
    steps = epochs * len(train_loader)
    optimizer = torch.optim.AdamW(model.to(course.device).parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps)
    fit(
        model, train_loader, epochs=epochs, optimizer=optimizer, scheduler=scheduler, progress="bar"
    )
    return model


# %% [markdown]
# The network is a small **vision transformer**, or ViT, ready-made; in this lesson you build it. No window slides over
# the picture, there is no pooling and no BatchNorm.

# %%
from course_utils.models.vit import small_vit

torch.manual_seed(0)
vit = train(small_vit(), train_images, train_labels, lr=0.005)


# %% tags=["nbval-ignore-output"]
def accuracy(model, images, labels=val_labels):
    with torch.inference_mode():
        preds = model.eval()(images.to(course.device)).argmax(dim=1).cpu()
    return (preds == labels).float().mean().item()


print(f"validation accuracy {accuracy(vit, val_images):.3f}")

# %% tags=["proof"]
assert accuracy(vit, val_images) > course.pick(sample=0.82, full=0.93), accuracy(vit, val_images)

# %% [markdown]
# It sees a digit as 4 × 4 **patches** of 7 × 7 pixels. A 17th place, the **class token**, number 0, belongs to no
# patch. It gathers what the answer needs, from some patches more than from others, and these **attention weights** can
# be drawn. Each layer looks four times at once, with four **heads**; we average them. The darker the orange, the more:

# %%
from course_utils.models.vit import attention_maps

maps = attention_maps(vit, val_images[:8].to(course.device)).cpu()
print("maps:", tuple(maps.shape), "= pictures, layers, heads, who looks, at whom")


# %%
def draw_attention(axes, images, weights):
    for ax, image, row in zip(axes, images[:, 0], weights):
        darkest = 1.5 * row.max()  # so that ink shows everywhere
        ax.imshow(row.reshape(4, 4), cmap="Oranges", vmin=0, vmax=darkest, extent=(0, 28, 28, 0))
        ax.imshow(image, extent=(0, 28, 28, 0), cmap="gray_r", alpha=image)
        ax.set(xticks=[], yticks=[])


fig, axes = plt.subplots(2, 8, figsize=(9, 2.9))
for layer in range(2):
    draw_attention(axes[layer], val_images[:8], maps[:, layer, :, 0, 1:].mean(dim=1))
    axes[layer, 0].set_ylabel(f"layer {layer + 1}")
fig.suptitle("From where the network takes what it answers with")
plt.show()

# %% [markdown]
# Nobody has told it where the ink is. Is that more than a pretty picture? We count. What share of the patches has ink,
# and what share of the last layer's weight falls on them?

# %% tags=["nbval-ignore-output"]
weights = attention_maps(vit, val_images[:500].to(course.device)).cpu()[:, -1, :, 0, 1:].mean(dim=1)
ink = F.avg_pool2d(val_images[:500], 7).flatten(1) > 0.05
on_ink = (weights * ink).sum(dim=1) / weights.sum(dim=1)
print(f"patches with ink {ink.float().mean():.2f}, weight on them {on_ink.mean():.2f}")

# %% tags=["proof"]
if course.profile == "sample":  # where MNIST's many more steps lead the attention is not known
    assert on_ink.mean() > ink.float().mean() + 0.1, (
        f"{on_ink.mean():.3f} of {ink.float().mean():.3f}"
    )

# %% [markdown]
# On the sample digits ink gets more than its share, though not all. In an hour you will have built all of this.

# %% [markdown]
# **Try it.** Patches look around as well. At whom does the sixth look, in the first layer? (It is the second from the
# left in the second row.)
# <details><summary>One way, and what we saw</summary>
#
# ```python
# fig, axes = plt.subplots(1, 8, figsize=(9, 1.6))
# draw_attention(axes, val_images[:8], maps[:, 0, :, 6, 1:].mean(dim=1))
# fig.suptitle("At whom the sixth patch looks, first layer")
# print(maps[:, 0, :, 6, 1:].mean(dim=(0, 1)).reshape(4, 4).numpy().round(2))
# ```
#
# At everybody, almost evenly: a seventeenth would be 0.06, and most get about that. In so short a training the class
# token, whose answer counts, has learned to look, and the patches have not.
#
# </details>

# %% [markdown]
# ## A picture as a row of patches
#
# ![A digit of 28 by 28 pixels is cut into 16 patches. A linear layer makes a token of each, a class token joins them,
# and each of the 17 gets its position added. After the encoder, in which tokens look at each other, the head reads the
# class token alone and makes ten logits](figures/vision_transformer.svg)
#
# Transformers were made for sentences: a row of words, each a list of numbers, called a **token**. A picture becomes
# such a row when you cut it up. `reshape` splits rows and columns into 4 times 7, `permute` puts the two 4s first, and
# `flatten` makes 16 rows of 49 numbers:


# %%
def to_patches(images, size=7):
    n, channels, height, width = images.shape
    cut = images.reshape(n, channels, height // size, size, width // size, size)
    return cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


patches = to_patches(val_images[:1])
print("one digit:", tuple(patches.shape))

# %%
fig, axes = plt.subplots(1, 16, figsize=(9, 1.2))
for number, (ax, patch) in enumerate(zip(axes, patches[0]), 1):
    ax.imshow(patch.reshape(7, 7), cmap="gray_r", vmin=0, vmax=1)
    ax.set(title=number, xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
fig.suptitle("A digit as the transformer gets it: 16 patches in a row", y=1.1)
plt.show()

# %% [markdown]
# Then a linear layer, the same for all patches, turns the 49 pixels of a patch into a token of 64 numbers. Libraries
# write this as a convolution whose stride is as large as its kernel, so that the windows do not overlap:

# %%
project = nn.Conv2d(1, 64, kernel_size=7, stride=7)
by_hand = F.linear(patches, project.weight.flatten(1), project.bias)
by_torch = project(val_images[:1]).flatten(2).transpose(1, 2)
print("tokens:", tuple(by_torch.shape))
torch.testing.assert_close(by_torch, by_hand)

# %% [markdown]
# (`assert_close` is silent where two tensors agree up to rounding.) This is all that the network does with neighbouring
# pixels as such. From here on there are 16 tokens, and nothing says that the second lies beside the first.
#
# **Check yourself.** ViT-B/16 takes pictures of 3 × 224 × 224 in patches of 16 × 16. How many patches are that, and how
# many numbers has each?
# <details><summary>Answer</summary>
#
# 14 × 14 = 196 patches of 3 × 16 × 16 = 768 numbers. Its tokens have 768 numbers, too.
#
# </details>

# %% [markdown]
# ## Where does a patch belong?
#
# **Guess first.** We cut digits into patches and lay these out in a wrong order, like a puzzle in its box. What does a
# transformer that is *not* told the places say of them?


# %%
def lay_out(patches, size=7):
    side = int(patches.shape[1] ** 0.5)
    squares = patches.reshape(-1, side, side, size, size)
    return squares.transpose(2, 3).reshape(-1, 1, side * size, side * size)


order = torch.randperm(16, generator=torch.Generator().manual_seed(1))
puzzle = lay_out(to_patches(val_images)[:, order])

# %% [markdown]
# The places are told by 17 rows of numbers, learned like all weights, one for each place. Each is simply *added* to the
# token there: the **position embedding**. We set it to 0 in a copy. Then open the folded cell.

# %%
from copy import deepcopy

placeless = deepcopy(vit).eval()
with torch.no_grad():
    placeless.encoder.pos_embedding.zero_()

# %% tags=["fold", "nbval-ignore-output"]
for name, model in {"told the places": vit.eval(), "not told": placeless}.items():
    with torch.inference_mode():
        whole, shuffled = [model(images.to(course.device)) for images in (val_images, puzzle)]
    print(f"{name:>15}: logits differ by up to {(whole - shuffled).abs().max():.6f}")

# %% tags=["proof"]
with torch.inference_mode():
    change = {name: (model(val_images.to(course.device)) - model(puzzle.to(course.device))).abs().max().item()
              for name, model in {"vit": vit, "placeless": placeless}.items()}  # fmt: skip
assert change["placeless"] < 1e-3 < 1 < change["vit"], change

# %% [markdown]
# The same, up to rounding! Without positions a picture is a bag of patches. (Why that is so, the next section shows:
# all tokens are treated alike.)
#
# What has the training made of the positions? We compare each with all others by the cosine of lesson 04: 1 is the same
# direction, 0 none in common. (Steps count rows plus columns.)

# %% tags=["nbval-ignore-output"]
places = vit.encoder.pos_embedding[0, 1:].detach().cpu()
alike = F.cosine_similarity(places[:, None], places[None], dim=2)
rows, columns = torch.arange(16) // 4, torch.arange(16) % 4
steps = (rows[:, None] - rows).abs() + (columns[:, None] - columns).abs()
for apart in [1, 2, 4, 6]:
    print(f"{apart} steps apart: cosine {alike[steps == apart].mean():.2f}")

# %% tags=["proof"]
if course.profile == "sample":  # what MNIST's many more steps make of the positions is not known
    assert abs(alike[steps == 1].mean() - alike[steps == 4].mean()) < 0.15, alike[steps == 1].mean()

# %% [markdown]
# They are told apart, and that is all: on the sample, neighbours are no more alike than places at opposite ends. The
# network has sixteen names for sixteen places, and no map. (Trained on millions of pictures, ViTs do learn one: the
# paper shows it.)

# %% [markdown]
# > **Common mistake.** The position embedding is made in `__init__` and never added in `forward`. Nothing warns, the
# > shapes fit, the loss falls. What does it cost? (We add zeros that stay zeros, which is the same.)

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
forgetful = small_vit()
nn.init.zeros_(forgetful.encoder.pos_embedding).requires_grad_(False)
forgetful = train(forgetful, train_images, train_labels, lr=0.005)
for name, model in {"added": vit, "forgotten": forgetful}.items():
    print(f"positions {name}: {accuracy(model, val_images):.3f}")

# %% tags=["proof"]
cost = accuracy(vit, val_images) - accuracy(forgetful, val_images)
assert cost > course.pick(sample=0.05, full=0.02), f"forgotten positions cost {cost:.3f}"

# %% [markdown]
# > It reads most digits all the same, from the kinds of strokes in the bag, and so nobody notices.

# %% [markdown]
# ## Attention: a weighted look-around
#
# ![A patch of a digit looks at the others. Its query meets the key of each, the matches become weights that sum to 1,
# such as 0.24 for a patch with a stroke, and the values are averaged with these weights](figures/attention.svg)
#
# How does a token learn about the others? Each makes three things of its numbers, by three linear layers: a **query**,
# "what I am looking for", a **key**, "what I have", and a **value**, "what I tell". The **dot product** of a query and
# a key (multiply number by number, add up) says how well they match, and one `@` makes all of them: a row for each
# query, a column for each key. Softmax makes weights of a row, positive and of sum 1, and the token gets the average of
# all values with these weights:


# %%
def attention(queries, keys, values):
    matches = queries @ keys.transpose(-2, -1) / keys.shape[-1] ** 0.5
    weights = matches.softmax(dim=-1)
    return weights @ values, weights


# %% [markdown]
# Three tokens, so small that you can check by hand. The first looks for what the third has:

# %%
queries = torch.tensor([[4.0, 0.0], [0.0, 0.0], [0.0, 4.0]])
keys = torch.tensor([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
values = torch.tensor([[10.0], [20.0], [30.0]])
looked, weights = attention(queries, keys, values)
print("weights:", weights.numpy().round(2), sep="\n")
print("what each gets:", looked.flatten().numpy().round(1))

# %% [markdown]
# The first gives most of its weight to the third. The second asks for nothing, and gets the plain average. This is
# **scaled dot-product attention**, and torch has it, faster and with less memory:

# %%
torch.manual_seed(0)
q, k, v = torch.randn(3, 8, 17, 64)  # each: 8 pictures, 17 tokens, 64 numbers
torch.testing.assert_close(attention(q, k, v)[0], F.scaled_dot_product_attention(q, k, v))

# %% [markdown]
# "Scaled" is the division by √64, for keys of 64 numbers: a sum of 64 random products is about √64 = 8 in size.
# What would softmax make of that?

# %%
print(f"largest weight of a row, scaled     {attention(q, k, v)[1].amax(dim=-1).mean():.2f}")
unscaled = (q @ k.transpose(-2, -1)).softmax(dim=-1)
print(f"largest weight of a row, not scaled {unscaled.amax(dim=-1).mean():.2f}")

# %% tags=["proof"]
assert attention(q, k, v)[1].amax(dim=-1).mean() < 0.35, "scaled"
assert unscaled.amax(dim=-1).mean() > 0.75, "not scaled"

# %% [markdown]
# Without it, most of the weight would fall on one token before anything is learned, and a softmax so sure of itself has
# hardly any gradient.
#
# One look-around can ask only one question. So the 64 numbers are shared out among 4 **heads**, 16 each, and every head
# looks around for itself; another linear layer, `out_proj`, mixes what they bring. `in_proj_weight` holds the layers
# for queries, keys and values in one, as in torchvision; `unflatten` splits their 192 numbers into 3 × 4 × 16, and
# `permute` puts the 3 in front:


# %%
class SelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x):
        all_three = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = all_three.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        looked, self.weights = attention(q, k, v)  # kept, to be drawn
        return self.out_proj(looked.transpose(1, 2).flatten(2))


# %% [markdown]
# Do the heads of the trained network look for different things? The last layer's four, for three digits:

# %%
fig, axes = plt.subplots(3, 4, figsize=(5, 4.4))
for row, index in zip(axes, [0, 1, 2]):
    draw_attention(row, val_images[[index] * 4], maps[index, 1, :, 0, 1:])
for head, ax in enumerate(axes[0], 1):
    ax.set_title(f"head {head}", fontsize=9)
fig.suptitle("Four heads, three digits")
plt.show()

# %% tags=["proof"]
favourites = maps[:, 1, :, 0, 1:].argmax(dim=2)  # of 8 digits and 4 heads
distinct = sum(len(set(row.tolist())) for row in favourites) / len(favourites)
if course.profile == "sample":  # where MNIST's many more steps lead the heads is not known
    assert 1.5 < distinct < 3.9, f"the four heads look most at {distinct} different patches"

# %% [markdown]
# Some spread their weight, some put nearly all of it on one patch. Sometimes several settle on the same, sometimes each
# on another.
#
# (**Self**-attention, because tokens look at those of the same picture.) torch's own layer is `nn.MultiheadAttention`,
# and it is called with the tokens that ask, have and tell: three times `x`. The names are the same, so its weights fit:

# %%
theirs = nn.MultiheadAttention(64, 4, batch_first=True)
ours = SelfAttention(64, 4)
print(ours.load_state_dict(theirs.state_dict()))
x = torch.randn(8, 17, 64)
torch.testing.assert_close(ours(x), theirs(x, x, x)[0])

# %% [markdown]
# Nowhere does their order occur: hence the bag of patches. Every token may look at every other one, near or far, in the
# very first layer. The price: each pair is a product, and pairs grow with the *square* of the tokens.

# %%
for name, tokens in {"our digits": 17, "224 pixels": 197, "448 pixels": 785}.items():
    print(f"{name}: {tokens} tokens, {tokens**2:,} pairs in each head")

# %% [markdown]
# **Check yourself.** How would you get a token to look at its left neighbour, and only there?
# <details><summary>Answer</summary>
#
# Its query has to match the neighbour's key, and no other. Keys are made of token *and position*: so training has to
# find positions and layers for which place 6 asks for what place 5 has. A convolution has this built in.
#
# </details>

# %% [markdown]
# ## The block
#
# ![A block of the encoder. x goes through LayerNorm and attention, and is also carried around them and added. The sum
# goes through LayerNorm and an MLP, and is carried around and added again](figures/encoder_block.svg)
#
# In attention tokens learn from each other. Then each *thinks for itself*: an MLP of two layers, the same for all
# tokens. Around each of the two goes the shortcut of lesson 05, and before each stands **LayerNorm**, which does to the
# numbers of *one token* what BatchNorm does to a channel of a whole batch:

# %%
x = 3 * torch.randn(8, 17, 64) + 5
mean, variance = x.mean(dim=2, keepdim=True), x.var(dim=2, correction=0, keepdim=True)
torch.testing.assert_close(nn.LayerNorm(64)(x), (x - mean) / (variance + 1e-5) ** 0.5)

# %% [markdown]
# (As there, a learned weight and bias for each number follow, at first 1 and 0.) No other picture takes part, and there
# are no running averages: train and eval mode are the same.


# %%
class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=1e-6)
        self.self_attention = SelfAttention(width, heads)
        self.ln_2 = nn.LayerNorm(width, eps=1e-6)
        widen, narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.mlp = nn.Sequential(widen, nn.GELU(), nn.Identity(), narrow)

    def forward(self, x):
        x = x + self.self_attention(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


# %% [markdown]
# (**GELU** is a ReLU with a rounded corner. torchvision has a Dropout of 0 in the third place of `mlp`, so its second
# linear layer is called 3, and so must ours be.)
#
# ## The class token
#
# Which token says what digit it is? The class token, which joins the row. It begins the same for every picture, looks
# around like the others, and at the end the head reads it alone. First the **encoder**, which adds the positions and
# holds the blocks, then the whole. (`add_module` gives parts torchvision's names.)


# %%
class Encoder(nn.Module):
    def __init__(self, tokens, layers, heads, width, hidden):
        super().__init__()
        self.pos_embedding = nn.Parameter(0.02 * torch.randn(1, tokens, width))
        self.layers = nn.Sequential()
        for number in range(layers):
            self.layers.add_module(f"encoder_layer_{number}", Block(width, heads, hidden))
        self.ln = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x):
        return self.ln(self.layers(x + self.pos_embedding))


# %%
class ViT(nn.Module):
    def __init__(self, side, patch, layers, heads, width, hidden, classes, channels=3):
        super().__init__()
        self.conv_proj = nn.Conv2d(channels, width, patch, stride=patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        tokens = (side // patch) ** 2 + 1
        self.encoder = Encoder(tokens, layers, heads, width, hidden)
        self.heads = nn.Sequential()
        self.heads.add_module("head", nn.Linear(width, classes))

    def forward(self, images):
        patches = self.conv_proj(images).flatten(2).transpose(1, 2)
        first = self.class_token.expand(len(images), -1, -1)
        return self.heads(self.encoder(torch.cat([first, patches], dim=1))[:, 0])


# %% [markdown]
# That is a whole vision transformer. The trained one from above fits into yours, and gives the same answers:

# %%
yours = ViT(28, 7, layers=2, heads=4, width=64, hidden=128, classes=10, channels=1)
yours.load_state_dict(vit.state_dict())
yours = yours.to(course.device).eval()
with torch.inference_mode():
    some = val_images[:100].to(course.device)
    torch.testing.assert_close(yours(some), vit(some), atol=1e-4, rtol=1e-4)

# %% [markdown]
# **Check yourself.** In lesson 05's ResNets maps shrank and channels grew. What changes its shape between the first and
# the last block of a ViT?
# <details><summary>Answer</summary>
#
# Nothing: 17 tokens of 64 numbers go in and come out, from block to block. Sizes are chosen once.
#
# </details>

# %% [markdown]
# ## ViT-B/16, name by name
#
# The paper's network (Dosovitskiy and others, *An Image is Worth 16x16 Words*, 2021) is yours with larger numbers: B is
# for "base", 16 for the patches. torchvision's has 152 tensors. Do they fit?

# %%
import torchvision

torch.manual_seed(0)
theirs = torchvision.models.vit_b_16(weights=None).eval()
nn.init.normal_(theirs.heads.head.weight, std=0.05)
with torch.device("meta"):  # shapes without numbers: these come with the state dict
    ours = ViT(224, 16, layers=12, heads=12, width=768, hidden=3072, classes=1000).eval()
print(ours.load_state_dict(theirs.state_dict(), strict=True, assign=True))
print(f"{len(theirs.state_dict())} tensors, {sum(p.numel() for p in ours.parameters()):,} numbers")

# %% [markdown]
# (torchvision starts the head at 0: *every* network would answer 1,000 zeros. So we gave it random numbers.) And the
# answers to a picture?

# %%
picture = torch.randn(1, 3, 224, 224)
with torch.inference_mode():
    answers = theirs(picture)
    torch.testing.assert_close(ours(picture), answers, atol=1e-5, rtol=1e-5)
print(f"1,000 answers, the largest {answers.abs().max():.1f}")

# %% tags=["proof"]
assert answers.std() > 0.1, f"answers that are all alike prove nothing: spread {answers.std()}"
assert len(theirs.state_dict()) == 152 and sum(p.numel() for p in ours.parameters()) == 86_567_656

# %% [markdown]
# All names and shapes fit, and the answers agree to about four decimals. The course keeps the same network in
# `course_utils.models.vit`, and the training program of lesson 10 knows it: `--model vit_b_16`, and the small one as
# `--model vit --size 28`.

# %% [markdown]
# **Try it.** The small one with four layers instead of two: how many parameters?
# <details><summary>What we saw</summary>
#
# ```python
# deeper = ViT(28, 7, layers=4, heads=4, width=64, hidden=128, classes=10, channels=1)
# print(sum(p.numel() for p in deeper.parameters()), sum(p.numel() for p in yours.parameters()))
# ```
#
# 139,018 and 72,074. Nearly all of a transformer is in its blocks.
#
# </details>

# %% [markdown]
# ## Against lesson 04's CNN
#
# The same digits, the same epochs, the same schedule; each network has the rate that suits it. Lesson 04's `CNN` has a
# third of the parameters. A third contender is a ViT that saw lesson 04's moved copies, five of each digit, each once,
# which is no more steps than the others had. **Guess first:** what happens when the digits move? Then open the folded
# cells.

# %%
from course_utils import CNN

torch.manual_seed(0)
cnn = train(CNN(), train_images, train_labels, lr=0.01)

moves = range(-4, 5, 2)
copies = torch.cat([F.pad(train_images, (move, -move)) for move in moves])
copied_labels = train_labels.repeat(len(moves))
torch.manual_seed(0)
every = course.pick(sample=1, full=5)
some, some_labels = copies[::every], copied_labels[::every]
shown = train(small_vit(), some, some_labels, lr=0.005, epochs=1)

# %% tags=["nbval-ignore-output", "fold"]
contenders = {"CNN": cnn, "ViT, moved copies": shown, "ViT": vit}
pixels = range(0, 9, 2)
moved = {}
for name, model in contenders.items():
    moved[name] = [accuracy(model, F.pad(val_images, (move, -move))) for move in pixels]
pd.DataFrame(moved, pixels).rename_axis("pixels").T.round(2)

# %% tags=["proof"]
unmoved, by_four = [{name: scores[place] for name, scores in moved.items()} for place in (0, 2)]
assert unmoved["CNN"] > unmoved["ViT"] + course.pick(sample=0.03, full=0.005), f"unmoved {unmoved}"
assert by_four["CNN"] > by_four["ViT"] + course.pick(sample=0.3, full=0.2), f"moved by 4 {by_four}"
assert by_four["ViT, moved copies"] > by_four["ViT"] + 0.1, f"moved by 4 {by_four}"
if course.profile == "sample":  # in MNIST's many more steps it may learn both
    assert unmoved["ViT, moved copies"] < unmoved["ViT"] - 0.01, f"unmoved {unmoved}"

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(7.5, 3.4))
for (name, scores), style in zip(moved.items(), ["-", "--", ":"]):
    ax.plot(pixels, scores, style, marker=".", label=name)
ax.set(title="Validation digits moved to the right", xlabel="pixels", ylabel="accuracy")
ax.set_ylim(0, 1.02)
ax.legend()
plt.show()

# %% [markdown]
# The ViT is behind on digits as they are, and lost when they move, like the MLP of lesson 04: four pixels to the right,
# and every stroke lies in another part of its patch, or in another patch. Moved copies show it what the CNN is born
# with. It learns that, as far as it is shown, but in as many steps reads unmoved digits less well.

# %% [markdown]
# ## Who needs how many pictures?
#
# Would more pictures help? With all of MNIST we can ask. The curve was computed before, by
# `benchmarks/training_sizes.py`: from 100 digits to 32,000, three seeds each with other digits, and *always 500
# batches of 64*, so that only the pictures differ. Here we try one point between, 200 digits, in fewer batches:

# %% tags=["nbval-ignore-output"]
first_images, first_labels = train_images[:200], train_labels[:200]
with_few = {}
for name, make, lr in [("CNN", CNN, 0.01), ("ViT", small_vit, 0.005)]:
    torch.manual_seed(0)
    model = train(make(), first_images, first_labels, lr=lr, epochs=15)
    with_few[name] = accuracy(model, val_images)
    print(f"{name} after 200 pictures: {with_few[name]:.2f}")

# %% tags=["proof"]
assert with_few["CNN"] > with_few["ViT"] + 0.08, with_few

# %%
curve = pd.read_csv("../benchmarks/training_sizes.csv")
fig, ax = plt.subplots(figsize=(7.5, 3.6))
for (name, runs), style in zip(curve.groupby("network"), ["-", ":"]):
    scores = runs.groupby("pictures")["val_accuracy"].agg(["mean", "min", "max"])
    ax.semilogx(scores["mean"], style, marker="o", label=name)
    ax.fill_between(scores.index, scores["min"], scores["max"], alpha=0.2)
ax.set(title="MNIST, 500 batches, three seeds", xlabel="training pictures", ylabel="val accuracy")
ax.legend()
plt.show()

# %%
curve.groupby(["network", "pictures"])["val_accuracy"].mean().unstack().round(3)

# %% tags=["proof"]
means = curve.groupby(["network", "pictures"])["val_accuracy"].mean().unstack()
behind = means.loc["CNN"] - means.loc["ViT"]
assert (behind.diff().dropna() < 0).all(), behind
assert 0.15 < behind.iloc[0] < 0.25 and behind.iloc[-1] < 0.045, behind
assert abs(means.loc["CNN", 500] - means.loc["ViT", 32000]) < 0.005, means

# %% [markdown]
# Both learn from more pictures, and the gap closes: 20 points with 100 digits, 4 with 32,000. With 500 digits the CNN
# is where the ViT, in as many batches, is with 32,000: what it has built in is worth many times the pictures.
#
# In the large it is the same. The ViT paper found its networks a few points *behind* ResNets when trained on ImageNet's
# 1.3 million pictures alone, and ahead with 14 to 300 million. (Strong augmentation makes up for much: Touvron and
# others, *DeiT*, 2021.)

# %% [markdown]
# ## Why? What a CNN knows before it has seen anything
#
# We scramble *all* digits, those for training and those for validation, in one and the same way: patches in a wrong
# order, and the 49 pixels of each patch in a wrong order.

# %%
pixel_order = torch.randperm(49, generator=torch.Generator().manual_seed(2))


def scramble(images):
    return lay_out(to_patches(images)[:, order][:, :, pixel_order])


# %%
fig, axes = plt.subplots(2, 8, figsize=(9, 2.5))
for row, images in zip(axes, [val_images, scramble(val_images)]):
    for ax, image in zip(row, images[:8, 0]):
        ax.imshow(image, cmap="gray_r")
        ax.axis("off")
fig.suptitle("Digits, and the same digits scrambled, all in the same way")
plt.show()

# %% [markdown]
# **Guess first.** You could not read them. Could a ViT learn to, as well as before? And a CNN? Then open the cells.

# %% tags=["fold"]
twin = deepcopy(vit).eval()
filters = vit.conv_proj.weight.detach().flatten(1)[:, pixel_order]
with torch.no_grad():
    twin.conv_proj.weight.copy_(filters.reshape(vit.conv_proj.weight.shape))
    twin.encoder.pos_embedding[:, 1:] = vit.encoder.pos_embedding[:, 1:][:, order]
some = val_images[:200].to(course.device)
torch.testing.assert_close(twin(scramble(some)), vit(some), atol=1e-3, rtol=1e-3)

# %% tags=["fold", "nbval-ignore-output"]
torch.manual_seed(0)
scrambled_cnn = train(CNN(), scramble(train_images), train_labels, lr=0.01)
scrambled_val = scramble(val_images)
scores = {
    "CNN": [accuracy(cnn, val_images), accuracy(scrambled_cnn, scrambled_val)],
    "ViT": [accuracy(vit, val_images), accuracy(twin, scrambled_val)],
}
pd.DataFrame(scores, ["as they are", "scrambled"]).T.round(3)

# %% tags=["proof"]
lost = {name: before - after for name, (before, after) in scores.items()}
assert abs(lost["ViT"]) < 0.005, f"scrambling costs {lost}"
assert lost["CNN"] > course.pick(sample=0.02, full=0.005), f"scrambling costs {lost}"
assert 1 - scores["CNN"][1] > 2 * (1 - scores["CNN"][0]), f"mistakes {scores}"

# %% [markdown]
# To the ViT it is all the same. It needed no training: the first cell gives its weights the wrong order, too, the 49 of
# each filter and the positions. Whatever weights read digits, there are others, as likely to begin with, that read
# scrambled ones, and so it has to find out everything about order. The CNN makes several times as many mistakes as
# before: it has lost what it takes for granted, and that is its secret:
#
# - **Locality**: what belongs together lies together. A 3 × 3 window cannot look anywhere else.
# - **Weight sharing**: what is worth finding here is worth finding there. The same filter slides over all places.
#
# Such knowledge, built in by the architecture, is called **inductive bias**. The ViT shares weights as well, one linear
# layer for all patches, one MLP for all tokens. But a stroke that moves by a pixel makes other numbers of a patch, and
# which patches are neighbours it has to find out from pictures. Where pictures are few, built-in knowledge that is true
# wins. Where they are plenty, it may be in the way: what is far apart can belong together, and attention sees it at
# once.

# %% [markdown]
# **Check yourself.** 500 satellite pictures, each of one field, to be sorted by crop. ViT from scratch, CNN from
# scratch, or something else?
# <details><summary>Answer</summary>
#
# With 500 pictures, no ViT from scratch. A CNN would do better, a *pretrained* network of either kind best: see below.
#
# </details>

# %% [markdown]
# ## What pretraining changes
#
# If a ViT has to learn from pictures what a CNN knows, could it learn that from *other* pictures? We let it read the
# digits 0 to 4. Five classes ask for little, so we turn every picture by 0, 90, 180 and 270 degrees, and ask for the
# digit *and* the turn: twenty classes.

# %%
old = train_labels < 5
turned = torch.cat([train_images[old].rot90(turns, dims=(2, 3)) for turns in range(4)])
classes = torch.cat([train_labels[old] + 5 * turns for turns in range(4)])
torch.manual_seed(0)
pretrained = train(small_vit(num_classes=20), turned, classes, lr=0.005)

# %% [markdown]
# Then it meets 5 to 9, which it has never seen, twenty of each. Lesson 06's way: a new head, and small steps for all.

# %%
few = torch.cat([(train_labels == digit).nonzero().flatten()[:20] for digit in range(5, 10)])
few_images, few_labels = train_images[few], train_labels[few] - 5
new = val_labels >= 5
new_images, new_labels = val_images[new], val_labels[new] - 5


# %%
def fresh(kind):
    if kind == "ViT, pretrained":
        model = deepcopy(pretrained)
        model.heads.head = nn.Linear(64, 5)
        return model
    return small_vit(num_classes=5) if kind == "ViT" else CNN(num_classes=5)


# %% tags=["nbval-ignore-output"]
scores = {}
for kind, lr in {"ViT": 0.003, "ViT, pretrained": 0.001, "CNN": 0.01}.items():
    for seed in range(3):
        torch.manual_seed(seed)
        model = train(fresh(kind), few_images, few_labels, lr=lr, epochs=20)
        scores[kind, f"seed {seed}"] = accuracy(model, new_images, new_labels)
table = pd.Series(scores).unstack()
table.round(2)

# %% tags=["proof"]
means = table.mean(axis=1)
assert means["ViT, pretrained"] > means["ViT"] + 0.02, means
if course.profile == "sample":  # 27,500 old digits teach more than 1,000
    assert means["CNN"] > means["ViT, pretrained"] + 0.03, means

# %% [markdown]
# Digits that it will never be asked about have taught it something of what digits are made of. From a thousand
# pictures, that is; the CNN, without any pretraining, is still ahead on the sample. ViTs are *made* to be pretrained,
# on millions of pictures. In the profile `full`, with torchvision's weights for ViT-B/16 on the disk
# (`python -m course_utils.downloads vit_b_16`, 346 MB), *your* network names lesson 00's photographs, and you see where
# it looks:

# %%
from course_utils import denormalize, eval_transform, load_rgb, locate
from course_utils.downloads.manifest import weights_files
from course_utils.models.pretrained import read_weights


def name_photos(model):
    names = torchvision.models.ViT_B_16_Weights.DEFAULT.meta["categories"]
    paths = sorted(locate("photos").glob("*.jpg"))
    images = torch.stack([eval_transform(224)(load_rgb(path)) for path in paths])
    with torch.inference_mode():
        answers = model(images).argmax(dim=1)
    last = model.encoder.layers[-1].self_attention.weights[:, :, 0, 1:].mean(dim=1)
    fig, axes = plt.subplots(1, len(paths), figsize=(9, 2.2))
    for ax, image, weights, answer in zip(axes, images, last, answers):
        ax.imshow(denormalize(image).permute(1, 2, 0))
        ax.imshow(weights.reshape(14, 14), extent=(0, 224, 224, 0), cmap="Oranges", alpha=0.6)
        ax.set_title(names[answer], fontsize=8)
        ax.set(xticks=[], yticks=[])
    fig.suptitle("ViT-B/16: what it says, and where its class token looks")
    plt.show()


# %%
found = weights_files("vit_b_16") if course.profile == "full" else []
if found:
    ours.load_state_dict(read_weights(found[0]), strict=True)
    name_photos(ours)
else:
    print("The weights of ViT-B/16 are not here.")

# %% [markdown]
# ## Without labels: CLIP and self-supervised features
#
# Everything so far learned from labels that people had given. The networks whose features are used most today did not,
# and most of them are vision transformers. None of their weights are in this course, so this section *tells* and does
# not measure; each line names its source.
#
# **From pictures with captions: CLIP** (Radford and others, 2021). Two networks, one for pictures, one for texts, each
# make one row of numbers. They learned from 400 million pictures from the internet with the text beside them. A batch
# has $n$ pairs, and the task is to find out which text belongs to which picture. The loss needs three lines. (The
# **temperature** of 0.07 stretches the cosines, which end at 1, so that softmax can be sure.)

# %%
torch.manual_seed(0)
pictures, texts = F.normalize(torch.randn(2, 8, 64), dim=2)  # what the two networks would say
similar = pictures @ texts.T / 0.07  # cosines, divided by a temperature
pairs = torch.arange(8)
loss = (F.cross_entropy(similar, pairs) + F.cross_entropy(similar.T, pairs)) / 2
print(f"before any training {loss:.1f}; if each text fits its picture", end=" ")
print(f"{F.cross_entropy(pictures @ pictures.T / 0.07, pairs):.2f}")

# %% [markdown]
# Row by row a classification, with the other texts of the batch as the wrong classes. That is called a **contrastive**
# loss. Afterwards you can make a classifier by *writing*: compare a picture with "a photo of an ant" and "a photo of a
# bee", and take the more similar text. This is **zero-shot** classification. The paper reached the accuracy of a
# ResNet-50 on ImageNet without one of its labels.
#
# **From pictures alone: self-supervised learning** makes the task out of the picture.
#
# - *SimCLR* (Chen and others, 2020): two random crops of one picture should get similar features, and those of
#   different pictures should not. Augmentation says what does not matter.
# - *DINO* (Caron and others, 2021): one ViT learns to say of a crop what a slowly trailing copy of itself says of
#   another. The class token's attention then outlines the things in a picture, though nobody has shown any outline.
#   *DINOv2* (Oquab and others, 2023) did it on 142 million pictures.
# - *MAE* (He and others, 2022): three of four patches are hidden, and the network paints them in. For a row of tokens,
#   leaving some out is easy.
#
# What comes out are features as in lesson 07: keep the network frozen, and train a head, or search by picture. Online,
# `timm.create_model("vit_small_patch14_dinov2.lvd142m", pretrained=True, num_classes=0)` is such a backbone.
#
# **What to keep in mind.** Features from the internet know what is on the internet, with its gaps and its prejudices;
# CLIP's own paper has a section on them. Zero-shot answers depend on the wording. And an attention map shows where
# numbers came from, not why the answer is what it is (lesson 16 asks more of such maps). So do as ever: a validation
# set of your own, a simple baseline beside it, and a test set that is opened once.

# %% [markdown]
# **Try it.** Pairs are told apart more easily in a small batch. What is the loss of networks that know nothing, for
# batches of 8 and 800?
# <details><summary>What we saw</summary>
#
# ```python
# for n in [8, 800]:
#     print(n, F.cross_entropy(torch.zeros(n, n), torch.arange(n)))
# ```
#
# 2.1 and 6.7, the logarithms of 8 and 800: a guess among that many. (The random networks above were worse, 3.7: they
# were sure of pairs that chance had made alike.) Large batches make the task harder, and CLIP took 32,768 pairs at
# once.
#
# </details>

# %% [markdown]
# ## Summary
#
# - A vision transformer cuts a picture into patches, makes a token of each, and adds what says where it belongs.
# - Attention is a weighted average of values; queries and keys make the weights. Every token sees every other one.
# - Blocks of attention and MLP, each with LayerNorm and a shortcut, and a class token for the head: that is all.
# - A CNN knows locality and sharing from the start. A ViT has to learn what they say, from many more pictures.
# - Pretraining brings in that knowledge from other pictures; CLIP and self-supervised networks do it without labels.
#
# **Exercises**: [17 exercises](exercises/17_vision_transformer.ipynb)
#
# **Next**: the [map of the lessons](../README.md#the-lessons) has what you have left out.
