# %% [markdown]
# # 15 · Faster training
#
# A widely copied training becomes twenty times as fast, one measured step at a time, and you learn which step pays
# where.
#
# **Time** about 55 minutes, of which the computer works 30 seconds · **Before this**
# [lesson 04](04_mnist_cnn.ipynb), [lesson 06](06_fine_tuning.ipynb), [lesson 07](07_feature_extraction.ipynb)
#
# **You will learn to**
#
# - find out where the time of a training goes, before you change a line
# - tell a step that changes no weight from one that has to be judged on validation pictures
# - move work out of the loop: tensors once, pictures decoded once, features once
# - use what the machine offers: memory layout, bfloat16, compilation, workers, and know when it does not pay
# - say how far a training is from what the machine can do
# - judge today's augmentations fairly

# %% tags=["benchmark"]
import os
from itertools import chain, islice, repeat
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import v2

from course_utils import setup

course = setup(seed=0, lesson="15")

# %% [markdown]
# ## What you will have
#
# All of MNIST, on two processor cores: how long until 99 % of the test digits are read correctly? At the top a loop
# that is copied from tutorial to tutorial, below it the same task after each step of this lesson: every bar has all
# steps above it, too. (Measured beforehand, three seeds each; the median is drawn.)

# %%
measured = pd.read_csv("../benchmarks/time_to_accuracy.csv")
drawn = measured[measured["step"] != "torch.compile"]  # that one comes later
steps = drawn.groupby("step", sort=False)


def waterfall(seconds, title):
    fig, ax = plt.subplots(figsize=(9, 0.45 * len(seconds) + 1.1))
    before = seconds.shift().fillna(seconds)
    saved, lost = (before - seconds).clip(lower=0), (seconds - before).clip(lower=0)
    ax.barh(seconds.index, seconds - lost, color="C0", label="seconds that are left")
    ax.barh(seconds.index, saved, left=seconds, color="#DCECF6", label="saved by this step")
    ax.barh(seconds.index, lost, left=before, color="C1", label="lost by it" if any(lost) else None)
    for row, (left, ratio) in enumerate(zip(seconds, seconds.iloc[0] / seconds)):
        text = f" {left:.3g} s" + (f", {ratio:.3g} × as fast" if row else "")
        ax.text(max(left, before.iloc[row]), row, text, va="center")
    ax.set(title=title, xlabel="seconds of training", xlim=(0, 1.3 * seconds.max()))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.legend(loc="lower right")


# %%
waterfall(steps["seconds"].median(), "All of MNIST to 99 % of the test digits, on two cores")
plt.show()
lowest = steps["accuracy"].min()
lowest.to_frame("lowest test accuracy of three").T.round(4)

# %% tags=["proof"]
medians = steps["seconds"].median()
assert medians.iloc[0] / medians.iloc[-1] >= 20, medians
assert lowest.drop("small network").min() >= 0.99 > lowest["small network"] > 0.985, lowest
assert drawn.set_index("step").loc["small network", "accuracy"].ge(0.99).sum() == 2, drawn
assert medians.index[1:3].tolist() == ["test set once", "tensors once"], medians

# %% [markdown]
# The last bar does the task of the first, on the same machine; only the way has changed. (The small network alone stays
# just below 99 % with one seed of three; the step after it mends that.) Now you climb these stairs yourself, in
# `sample` on a few thousand digits with 90 % for a goal, in `full` on all of MNIST.

# %% tags=["benchmark"]
from course_utils import load_digits28

goal = course.pick(sample=0.90, full=0.99)
pixels, labels = {}, {}
for split in ["train", "val", "test"]:
    images, labels[split] = load_digits28(split)
    pixels[split] = (255 * images).round().byte()  # as they lie in the files
all_pixels, all_labels = (torch.cat([part["train"], part["val"]]) for part in [pixels, labels])

# %% [markdown]
# ## The copied loop
#
# It makes a picture of the bytes, and a tensor of the picture, whenever a digit is asked for (as torchvision's `MNIST`
# with `ToTensor` does). Its network is the tutorial's of lesson 04. It knows no validation digits, so it learns from
# all that are not test digits.

# %% tags=["benchmark"]
to_tensor = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])


class Pictures(Dataset):
    def __init__(self, pixels, labels):
        self.pixels, self.labels = pixels.squeeze(1).numpy(), labels.tolist()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return to_tensor(Image.fromarray(self.pixels[index])), self.labels[index]


# %% tags=["benchmark"]
def tutorial_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, kernel_size=5, padding=2), nn.ReLU(),
        nn.Conv2d(32, 32, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, kernel_size=5, padding=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 10),
    )  # fmt: skip


def begin(seed):
    torch.manual_seed(seed)
    model = tutorial_cnn().to(course.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    return model, optimizer, torch.Generator().manual_seed(seed)  # the last one shuffles


# %% tags=["benchmark"]
def learn(model, optimizer, images, targets):
    outputs = model(images.to(course.device))
    loss = F.cross_entropy(outputs, targets.to(course.device))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


# %% [markdown]
# Ten times an epoch it scores the whole test set, without `inference_mode`, and stops as soon as the goal is reached.
# (On the few sample digits four times: for each training digit as many test digits as on all of MNIST.)

# %% tags=["benchmark"]
all_pictures = Pictures(all_pixels, all_labels)
test_loader = DataLoader(Pictures(pixels["test"], labels["test"]), batch_size=64)
every = course.pick(sample=10, full=100)  # batches


def count_right(model):
    pairs = ((images.to(course.device), targets) for images, targets in test_loader)
    return sum((model(images).argmax(1).cpu() == targets).sum().item() for images, targets in pairs)


def copied_loop(seed):
    model, optimizer, shuffler = begin(seed)
    loader = DataLoader(all_pictures, batch_size=64, shuffle=True, generator=shuffler)
    for epoch in range(40):
        for index, (images, targets) in enumerate(loader):
            learn(model, optimizer, images, targets)
            if index % every == 0 and count_right(model) >= goal * len(labels["test"]):
                return model, epoch * len(loader) + index + 1


# %% [markdown]
# Every step of the stairs is a function that returns a model and the number of its training batches. `climb` runs it
# against the clock, and then, off the clock, scores the model on the test digits.

# %% tags=["benchmark"]
from course_utils import evaluate

to_float = v2.ToDtype(torch.float32, scale=True)


def score(model, split):
    loader = DataLoader(TensorDataset(to_float(pixels[split]), labels[split]), batch_size=500)
    return evaluate(model, loader)["accuracy"]


def climb(step, *given, **settings):
    start = perf_counter()
    model, batches = step(*given, **settings)
    next(model.parameters()).sum().item()  # waits until a GPU is through as well
    seconds = perf_counter() - start
    return model, {"seconds": seconds, "batches": batches, "accuracy": score(model, "test")}


# %% tags=["nbval-ignore-output"]
stairs = {}
copied, stairs["copied loop"] = climb(copied_loop, 0)
batches = stairs["copied loop"]["batches"]
print(f"{stairs['copied loop']['seconds']:.1f} s, {batches} batches")

# %% tags=["proof"]
assert stairs["copied loop"]["accuracy"] >= goal, stairs

# %% [markdown]
# ## A profile first
#
# (Of the running time, that is; the profiles `sample` and `full` are another thing.)
#
# **Guess first.** Four things happen in the copied loop: training pictures are loaded, the network learns from them,
# test pictures are loaded, the network answers for them. Which takes the most time?
#
# Do not trust your guess, nor mine. Measure what one picture costs, count the pictures, and multiply (run all three
# cells, then open the last):

# %%
def microseconds(pictures, work, *given):
    seconds = []
    for _ in range(3):
        start = perf_counter()
        work(*given)
        seconds.append(perf_counter() - start)
    return 1e6 * min(seconds) / pictures  # the fastest was disturbed least


# %%
model, optimizer, shuffler = begin(0)
loader = DataLoader(all_pictures, batch_size=64)
ten = list(islice(loader, 10))
load = microseconds(640, lambda: list(islice(loader, 10)))
learning = microseconds(640, lambda: [learn(model, optimizer, *batch) for batch in ten])
answering = microseconds(640, lambda: [model(images.to(course.device)) for images, _ in ten])

# %% tags=["nbval-ignore-output", "fold"]
epoch = len(loader)
scorings = sum(index % epoch % every == 0 for index in range(batches))
trained, scored = 64 * batches, scorings * len(labels["test"])
rows = {
    "load training pictures": (load, trained),
    "learn from them": (learning, trained),
    "load test pictures": (load, scored),
    "answer for them": (answering, scored),
}
profile = pd.DataFrame(rows, index=["µs a picture", "pictures"]).T
profile["seconds"] = profile["µs a picture"] * profile["pictures"] / 1e6
clock = stairs["copied loop"]["seconds"]
print(f"together {profile['seconds'].sum():.1f} s, by the clock {clock:.1f} s")
profile.round(1)

# %% tags=["proof"]
told = profile["seconds"].sum() / clock
assert 0.05 < told < 8, f"the profile explains {told:.2f} of the time\n{profile}"
of_the_test = profile["seconds"].iloc[2:].sum() / profile["seconds"].sum()
assert of_the_test > 0.15, profile
assert scored > 0.8 * trained, profile

# %% [markdown]
# Compare the two sums: if they are close, nothing large was overlooked. A good part of the time goes to pictures from
# which nothing is learned, the test set's. Loading takes its share, and learning a large one. A part that takes a tenth
# of the time can save a tenth at most, however clever you are (**Amdahl's law**): look for the long ones.
#
# Inside a batch PyTorch's own profiler sees every operation. Here are the five longest (`ms` is their own time, without
# that of operations which they call):

# %% tags=["nbval-ignore-output"]
import torch.profiler

os.environ["KINETO_LOG_LEVEL"] = "99"  # or it talks of itself
processor = [torch.profiler.ProfilerActivity.CPU]
with torch.profiler.profile(activities=processor) as watched:
    learn(model, optimizer, *ten[0])
rows = [(e.key, e.count, e.self_cpu_time_total / 1000) for e in watched.key_averages()]
operations = pd.DataFrame(rows, columns=["operation", "calls", "ms"]).nlargest(5, "ms")
operations.set_index("operation").round(2)

# %% tags=["proof"]
if course.device.type == "cpu":  # the table holds the processor's time
    of_convolutions = [ms for name, _, ms in rows if "conv" in name]
    others = [ms for name, _, ms in rows if "conv" not in name]
    assert sum(of_convolutions) > max(others), operations

# %% [markdown]
# Convolutions, forward and (`backward`) back, take the largest part. We shall come to them, after two steps that cost
# nothing.

# %% [markdown]
# ## The test set, once
#
# Scoring teaches the network nothing. Besides, who looks at the test set a dozen times and stops at the best moment has
# chosen on it. So: fix the length beforehand, and score once, afterwards. For a fair comparison this step takes as many
# batches as the copied loop did, from the same seed. (`take` chains epochs, until there are enough batches.)

# %% tags=["benchmark"]
def take(loader, batches):
    return islice(chain.from_iterable(repeat(loader)), batches)


def test_set_once(seed, batches):
    model, optimizer, shuffler = begin(seed)
    loader = DataLoader(all_pictures, batch_size=64, shuffle=True, generator=shuffler)
    for images, targets in take(loader, batches):
        learn(model, optimizer, images, targets)
    return model, batches


# %% tags=["nbval-ignore-output"]
second, stairs["test set once"] = climb(test_set_once, 0, batches)
weights = nn.utils.parameters_to_vector  # all of a network's, in one row
difference = (weights(second.parameters()) - weights(copied.parameters())).abs().max().item()
print(f"{stairs['test set once']['seconds']:.1f} s, largest difference of a weight: {difference:g}")

# %% tags=["proof"]
assert difference < 1e-4 or course.device.type != "cpu", f"the weights differ by {difference}"

# %% [markdown]
# Zero, or a speck of rounding: the scoring has gone, and the network is the same. (Some operations of a GPU add in
# changing order; there the weights drift apart a little.) There are **two kinds of steps**. This one leaves the
# training as it is: you prove that by comparing weights, and no validation is needed. Steps of the other kind change
# what is learned. They have to show on validation pictures, and with several seeds, that it is as good.

# %% [markdown]
# ## Tensors once
#
# The bytes of a digit never change, so why make a picture and a tensor of them again and again? All digits together are
# one tensor, and a batch is a look-up in it with 64 indices. (A loader over `range(n)` delivers just the indices,
# shuffled as before.)

# %% tags=["benchmark"]
def tensors_once(seed, batches):
    model, optimizer, shuffler = begin(seed)
    images = to_float(all_pixels)
    loader = DataLoader(range(len(images)), batch_size=64, shuffle=True, generator=shuffler)
    for chosen in take(loader, batches):
        learn(model, optimizer, images[chosen], all_labels[chosen])
    return model, batches


# %% tags=["nbval-ignore-output"]
third, stairs["tensors once"] = climb(tensors_once, 0, batches)
difference = (weights(third.parameters()) - weights(copied.parameters())).abs().max().item()
megabytes = to_float(all_pixels).nbytes / 1e6
print(f"{stairs['tensors once']['seconds']:.1f} s, largest difference of a weight: {difference:g}")
print(f"{megabytes:.0f} MB of memory")

# %% tags=["proof"]
assert difference < 1e-4 or course.device.type != "cpu", f"the weights differ by {difference}"
images = to_float(all_pixels)
look_up = microseconds(640, lambda: [images[torch.arange(64 * i, 64 * i + 64)] for i in range(10)])
assert look_up < load / 4, f"loading a picture takes {load:.1f} µs, looking it up {look_up:.1f} µs"

# %% [markdown]
# The same network again. The price is memory: all 60,000 digits of MNIST as floats take 60,000 · 784 · 4 bytes, 188 MB;
# ImageNet would take hundreds of gigabytes. Loading is now so cheap that little but the network is left.
#
# **Check yourself.** The two steps so far made scoring and loading almost free. Could the profile have told beforehand
# how much that would bring at most?
# <details><summary>Answer</summary>
#
# Yes: of its four rows only "learn from them" remains, with its seconds.
#
# </details>

# %% [markdown]
# ## A network that computes less
#
# How much work is a network? Count its floating-point operations, **FLOPs**: each weight of a filter is used at each
# place of the map that comes out, for a multiplication and an addition, so it counts twice. PyTorch counts them for us:

# %% tags=["benchmark"]
from torch.utils.flop_counter import FlopCounterMode


def megaflops(network, *shape):
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.rand(1, *shape))
    return counter.get_total_flops() / 1e6


# %% tags=["benchmark"]
def fast_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=5, stride=2, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, kernel_size=3, bias=False), nn.MaxPool2d(2),
        nn.BatchNorm2d(32), nn.ReLU(),
        nn.Conv2d(32, 64, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.Flatten(), nn.Linear(64 * 5 * 5, 10),
    )  # fmt: skip


# %%
by_hand = 2 * 14 * 14 * 16 * 32 * 5 * 5 / 1e6  # twice: places, channels in and out, window
print(f"the tutorial's second convolution alone, by hand: {by_hand:.2f} million")
for network in [tutorial_cnn, fast_cnn]:
    print(f"{network.__name__:>12}: {megaflops(network(), 1, 28, 28):5.2f} million FLOPs a digit")

# %% tags=["proof"]
second_layer = megaflops(tutorial_cnn()[3], 16, 14, 14)
assert abs(by_hand - second_layer) < 1e-6, (by_hand, second_layer)
assert megaflops(tutorial_cnn(), 1, 28, 28) > 8 * megaflops(fast_cnn(), 1, 28, 28)

# %% [markdown]
# A tenth. Four ideas are in it. One convolution less: the tutorial's third has twice the channels of the second coming
# in, so twice its work, nearly half of the whole. After the first layer windows of 3 × 3 instead of 5 × 5 (lesson 04).
# **Stride 2** in the first layer: a quarter of the places from the start. And no padding where the paper is empty: a
# digit has a margin of about four pixels, so the maps may shrink to 12 × 12 and 10 × 10, and hardly any ink is lost.
# BatchNorm (lesson 04) helps the training, and adds no multiplication to the count.
#
# From here on the training itself changes. So we learn from `train` alone, and `val` decides. One function has all
# settings that are to come, `layout` and `dtype` among them; their turn comes below:

# %% tags=["benchmark"]
def train(seed, batches, batch_size=64, rate=0.001, cycle=False,
          layout=torch.contiguous_format, dtype=None, compiled=False):  # fmt: skip
    torch.manual_seed(seed)
    model = fast_cnn().to(course.device, memory_format=layout)
    images = to_float(pixels["train"]).to(course.device, memory_format=layout)
    targets = labels["train"].to(course.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, fused=True)
    if cycle:
        rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=batches)
    if compiled:
        model.compile()
    per_epoch = len(images) // batch_size  # whole batches
    for step in range(batches):
        if step % per_epoch == 0:
            order = torch.randperm(len(images)).split(batch_size)
        chosen = order[step % per_epoch]
        with torch.autocast(course.device.type, dtype, enabled=dtype is not None):
            loss = F.cross_entropy(model(images[chosen]), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if cycle:
            rates.step()
    return model, batches


# %% [markdown]
# (`fused=True` changes all weights in one go: beside a network this small, a step of the optimizer takes noticeable
# time.)

# %% tags=["benchmark"]
recipes = {"small network": {"batches": course.pick(sample=100, full=2600)}}

# %% tags=["nbval-ignore-output"]
model, stairs["small network"] = climb(train, 0, **recipes["small network"])
seconds, same = stairs["small network"]["seconds"], stairs["tensors once"]["seconds"]
print(f"{seconds:.1f} s instead of {same:.1f} s, validation accuracy {score(model, 'val'):.3f}")

# %% tags=["proof"]
assert score(model, "val") >= goal, f"validation accuracy {score(model, 'val')}"

# %% [markdown]
# ## Larger batches, one cycle
#
# Lesson 04 has trained a CNN with a large rate and one cycle. We do so, too, with a rate ten times as large as before.
# And larger batches use the processor better, so they grow to 128. (Only in `full`: the few sample digits would make 15
# such batches an epoch, so there they stay at 64.) How many batches are enough now? We ask the validation digits, with
# two seeds each:

# %% tags=["benchmark"]
one_cycle = {"batch_size": course.pick(sample=64, full=128), "rate": 0.01, "cycle": True}

# %% tags=["nbval-ignore-output"]
lengths = course.pick(sample=[15, 30, 45], full=[215, 430, 700])
rows = {}
for length in lengths:
    models = [train(seed, length, **one_cycle)[0] for seed in range(2)]
    rows[length] = [score(model, "val") for model in models]
pd.DataFrame(rows, index=["seed 0", "seed 1"]).T.rename_axis("batches").round(4)

# %% tags=["proof"]
assert min(rows[lengths[-1]]) > goal, rows
assert np.mean(rows[lengths[0]]) < np.mean(rows[lengths[-1]]), rows

# %% [markdown]
# The goal has to be reached with every seed, on digits that nobody has looked at. So we take a length that clears it on
# validation *with room*, not one that just reaches it. (Searching for a recipe takes time as well. That is spent once,
# and not on our clock.)

# %% tags=["benchmark"]
recipes["one cycle"] = one_cycle | {"batches": course.pick(sample=45, full=700)}

# %% tags=["nbval-ignore-output"]
_, stairs["one cycle"] = climb(train, 0, **recipes["one cycle"])
print(f"{stairs['one cycle']['seconds']:.2f} s")

# %% tags=["proof"]
assert stairs["one cycle"]["seconds"] < stairs["tensors once"]["seconds"] / 2, stairs

# %% [markdown]
# ## The layout in memory
#
# ![A picture of two by two pixels with three channels, twice, as a row of twelve numbers. Contiguous: all reds, then
# all greens, then all blues. Channels last: red, green and blue of the first pixel, then of the next. A window that
# looks at one pixel reads three places far apart in the first row, and three neighbours in the
# second.](figures/channels_last.svg)
#
# A tensor of shape (pictures, channels, height, width) usually lies in memory channel by channel. A convolution needs
# *all channels of a place* at once. With `channels_last` these are neighbours. Shape and values stay (`assert_close` is
# silent where tensors agree). What changes are the **strides** of the tensor: they say for each dimension how many
# numbers further on its next entry lies. (Only the name is that of a convolution's stride.)

# %%
maps = torch.rand(2, 32, 10, 10)
turned = maps.to(memory_format=torch.channels_last)
torch.testing.assert_close(turned, maps)
print("strides:", maps.stride(), "and", turned.stride())

# %% tags=["benchmark"]
recipes["channels last"] = recipes["one cycle"] | {"layout": torch.channels_last}

# %% [markdown]
# What it brings we measure together with the next step.

# %% [markdown]
# ## Sixteen bits
#
# A float32 spends 32 bits: 1 for the sign, 8 for the range, 23 for the digits. A **bfloat16** keeps sign and range, and
# 7 bits for the digits. Half as many bytes have to be moved, and processors that know it multiply at least twice as
# many at once. But what is lost?

# %%
print(torch.tensor([1.0, 1.003, 1.006, 300.3, 1e-30]).to(torch.bfloat16).tolist())
print("steps between numbers near 1:", torch.finfo(torch.bfloat16).eps)

# %% [markdown]
# 1.003 has become 1. Two or three digits are too few for a weight that is to change by a thousandth. So the weights
# stay float32, and **autocast** computes only what can bear it, convolutions and matrix products, in bfloat16. The
# range is that of float32 (1e-30 is still there), so small gradients do not become 0; the older float16 needs a
# `GradScaler` against that.

# %%
small, batch = fast_cnn(), to_float(pixels["val"][:8])
with torch.autocast("cpu", torch.bfloat16):
    print("a convolution's output:", small[0](batch).dtype)
    print("a loss:", F.cross_entropy(small(batch), labels["val"][:8]).dtype)
print("a weight:", small[0].weight.dtype)

# %% [markdown]
# A processor that lacks bfloat16 has to imitate it, and is slower than before. So ask:

# %% tags=["benchmark"]
def has_bfloat16():
    if course.device.type != "cpu":
        return course.device.type == "cuda" and torch.cuda.is_bf16_supported()
    ask = getattr(torch.cpu, "get_capabilities", dict)  # older PyTorch cannot tell
    features = ask()
    return any(features.get(name) for name in ["avx512_bf16", "amx_bf16", "bf16"])


dtype = torch.bfloat16 if has_bfloat16() else None
recipes["bfloat16"] = recipes["channels last"] | {"dtype": dtype}

# %% tags=["nbval-ignore-output"]
for name in ["channels last", "bfloat16"]:
    fast, stairs[name] = climb(train, 0, **recipes[name])
print("bfloat16 in this machine:", "yes" if dtype else "no, so the last step is none")
table = pd.DataFrame(stairs).T
table["times as fast"] = table["seconds"].iloc[0] / table["seconds"]
table.astype({"batches": int}).round(3)

# %% tags=["proof"]
assert table["times as fast"].iloc[-2:].max() > course.pick(sample=5, full=8), table
assert table["accuracy"].min() >= goal - 0.01 and score(fast, "val") >= goal, table

# %% tags=["nbval-ignore-output"]
waterfall(table["seconds"], f"This machine to {goal:.0%} of the test digits")
plt.show()

# %% tags=["proof"]
assert len(table) == 7, table

# %% [markdown]
# Large steps can be trusted; small ones need a quiet machine and repetitions. In a training as short as the sample's, a
# step that pays on all of MNIST may save a blink, or cost one. That is why the first figure was measured beforehand, by
# `benchmarks/time_to_accuracy.py`, which executes *these very cells*.

# %% [markdown]
# **Try it.** Are large batches really faster? Learn from as many digits, sixteen at a time.
# <details><summary>What we saw</summary>
#
# ```python
# recipe = recipes["bfloat16"]
# sixteen = recipe | {"batch_size": 16, "batches": recipe["batches"] * recipe["batch_size"] // 16}
# model, result = climb(train, 0, **sixteen)
# print(f"{result['seconds']:.2f} s, validation accuracy {score(model, 'val'):.3f}")
# ```
#
# Longer than *bfloat16* in the table, for just as many digits: every batch has costs of its own, however small it is.
#
# </details>

# %% [markdown]
# ## Compiled, and waited for
#
# `model.compile()` (or `torch.compile(model)`) writes a program for your network, in which many small operations become
# a few large ones. Writing and compiling it takes time, which many a comparison leaves out. It needs a C++ compiler and
# some patience, so we read what the benchmark has measured on MNIST: the last step, without and with `compiled=True`.

# %%
plain, compiled = (
    measured[measured["step"] == name].median(numeric_only=True)
    for name in ["bfloat16", "torch.compile"]
)
plain_batch = plain["seconds"] / plain["batches"]
compiled_batch = (compiled["seconds"] - compiled["waiting"]) / compiled["batches"]
print(f"a batch: {1000 * plain_batch:.1f} ms, compiled {1000 * compiled_batch:.1f} ms")
print(f"waiting: {compiled['waiting']:.0f} s, our whole training: {plain['seconds']:.1f} s")

# %% tags=["proof"]
assert compiled["waiting"] > 2 * plain["seconds"], (compiled, plain)

# %% [markdown]
# Whoever trains for seconds should not compile; whoever trains for days should try. The waiting divided by what a batch
# gains tells after how many batches the two are even, if a batch gains at all.
#
# **Check yourself.** Compiling takes 40 s and saves 2 ms a batch. After how many batches does it begin to pay?
# <details><summary>Answer</summary>
#
# 40 s are 40,000 ms, which 20,000 batches have saved. From the next one on it pays.
#
# </details>

# %% [markdown]
# ## Workers
#
# ![Three lines of time. Without workers, loading and learning take turns. With two workers, batches are loaded by two
# other processes while the network learns, and after a start it waits for none. Decoded once, only the first epoch
# loads.](figures/workers.svg)
#
# Our ants and bees are another matter than digits: a file has to be decoded before there is a tensor. With
# `num_workers=2` two other processes load the next batches while the network learns (lesson 01). Each has to be
# started, and by default that happens *in every epoch*. We load three epochs, with no network that learns:

# %%
from multiprocessing import active_children

from course_utils import hymenoptera, train_transform

photos = hymenoptera("val", train_transform(64))


def watch_epochs(workers, keep=False):
    loader = DataLoader(photos, batch_size=32, num_workers=workers, persistent_workers=keep)
    seconds, started = [], set()
    for _ in range(3):
        start = perf_counter()
        for _ in loader:
            started |= {process.pid for process in active_children()}
        seconds.append(perf_counter() - start)
    return *seconds, len(started)


# %% tags=["nbval-ignore-output"]
rows = {
    "no workers": watch_epochs(0),
    "two workers": watch_epochs(2),
    "two persistent workers": watch_epochs(2, keep=True),
}
columns = ["first epoch, s", "second", "third", "processes started"]
loaded = pd.DataFrame(rows, index=columns).T.astype({"processes started": int})
loaded.round(2)

# %% tags=["proof"]
assert loaded["processes started"].tolist() == [0, 6, 2], loaded

# %% [markdown]
# `persistent_workers=True` starts them once, two in place of six. How much workers help depends on how many cores are
# idle: a network that keeps all of them busy has none to spare. Where a GPU learns, add `pin_memory=True` and
# `.to(device, non_blocking=True)`: batches then lie in memory from which the GPU fetches them by itself, while the
# processor goes on. Without a GPU, PyTorch only warns.

# %% [markdown]
# > **Common mistake.** `num_workers=2` in every loader, because it is known to be fast. Here with digits that are
# > tensors already, one epoch of 2,000:

# %% tags=["nbval-ignore-output"]
digits = TensorDataset(to_float(pixels["train"][:2000]), labels["train"][:2000])
per_digit = {}
for workers in [0, 2]:
    loader = DataLoader(digits, batch_size=64, num_workers=workers)
    per_digit[workers] = microseconds(2000, list, loader)
    print(f"{workers} workers: {per_digit[workers]:.0f} µs a digit")

# %% tags=["proof"]
assert per_digit[2] > 2 * per_digit[0], per_digit

# %% [markdown]
# > Starting two processes and sending batches between them costs more than all the loading did.

# %% [markdown]
# ## Pictures decoded once
#
# Better than to load faster is to load once. Lesson 06 used `CachedImages` as a black box; here is what is in it,
# without its augmentation. The pictures are decoded and shrunk *once* and kept as bytes. When a batch is wanted, the
# centres of its pictures are cut out, and together turned into floats and normalized. (Where a data set has
# `__getitems__`, a `DataLoader` gives it all indices of a batch at once.)

# %%
from torchvision.transforms.v2 import functional as v2f

normalize = v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


class DecodedOnce(Dataset):
    def __init__(self, dataset, size):
        shrink = v2.Resize(round(size * 8 / 7))  # as in lesson 01
        self.images = [v2f.pil_to_tensor(shrink(image)) for image, _ in dataset]
        self.targets, self.size = dataset.targets, size

    def __len__(self):
        return len(self.images)

    def __getitems__(self, indices):
        crops = [v2f.center_crop(self.images[i], [self.size, self.size]) for i in indices]
        batch = normalize(to_float(torch.stack(crops)))
        return [(image, self.targets[i]) for image, i in zip(batch, indices)]


# %%
from course_utils import CachedImages, eval_transform

every_time = hymenoptera("val", eval_transform(64))
once = DecodedOnce(hymenoptera("val"), 64)
theirs = next(iter(DataLoader(CachedImages(hymenoptera("val"), 64), batch_size=32)))[0]
torch.testing.assert_close(next(iter(DataLoader(once, batch_size=32)))[0], theirs)

# %% tags=["nbval-ignore-output"]
loading = {
    name: microseconds(len(dataset), list, DataLoader(dataset, batch_size=32))
    for name, dataset in {"every time": every_time, "once": once}.items()
}
for name, cost in loading.items():
    print(f"decoded {name}: {cost:.0f} µs a picture")
print(f"memory: {sum(image.nbytes for image in once.images) / 1e6:.1f} MB")

# %% tags=["proof"]
assert loading["every time"] > 2 * loading["once"], loading

# %% [markdown]
# **Check yourself.** Somebody caches what `train_transform` returns, crops, mirrored and all. What goes wrong?
# <details><summary>Answer</summary>
#
# The dice are thrown once: every epoch shows the same crops. Cache what is always the same, and draw what is random
# *after* the cache, as `CachedImages(…, augment=True)` does.
#
# </details>
#
# The next step of the same idea you know from lesson 07: if all layers below the head are frozen, keep what *they* make
# of each picture. To train a head for 25 epochs, a ResNet-18 computes:

# %%
from course_utils import resnet18

work = megaflops(resnet18(2), 3, 64, 64) / 1000  # billions of operations a picture
print(f"every epoch: {25 * len(once) * work:,.0f} billion FLOPs")
print(f"features once: {len(once) * work:,.0f} billion FLOPs")

# %% [markdown]
# ## Where the limit lies
#
# Could it be faster still? A product of two large matrices is what processors do best, so it shows how many operations
# a second this machine can do. And we can count how many a training needs: learning from a picture takes about three
# times its forward pass (one forward, two backward: the gradients of the weights, and of what came in). For the slow
# network after the free steps, and for the fast one:

# %% tags=["nbval-ignore-output"]
square = torch.rand(1024, 1024, device=course.device)
can = 2 * 1024**3 / microseconds(1, lambda: (square @ square).sum().item()) / 1000
rows = {}
for name, network, size in [
    ("tensors once", tutorial_cnn, 64),
    ("channels last", fast_cnn, one_cycle["batch_size"]),
]:
    work = 3 * megaflops(network(), 1, 28, 28) * stairs[name]["batches"] * size / 1000
    rows[name] = work, work / stairs[name]["seconds"]
limit = pd.DataFrame(rows, index=["billion FLOPs", "a second"]).T
limit["of a matrix product"] = limit["a second"] / can
print(f"a product of matrices: {can:.0f} billion a second")
limit.round(2)

# %% tags=["proof"]
assert limit["billion FLOPs"].iloc[0] > 4 * limit["billion FLOPs"].iloc[1], limit
assert limit["of a matrix product"].between(0.005, 4).all(), (can, limit)

# %% [markdown]
# The last column tells how near a training comes to what the machine does best. Near 1 only less work helps, and less
# work is what the small network and the cycle have brought: compare the first column. Networks stay below 1 mainly
# because of layers that hardly count as operations, BatchNorm, ReLU, pooling: every number travels to the processor and
# back, for next to no arithmetic.

# %% [markdown]
# **Try it.** What can the machine do with small matrices?
# <details><summary>What we saw</summary>
#
# ```python
# small = torch.rand(8, 8)
# print(2 * 8**3 / microseconds(1, torch.matmul, small, small) / 1000)
# ```
#
# Billions a second again: a hundredth of the large product, or less. With so little work, the way to it takes longer
# than the work.
#
# </details>

# %% [markdown]
# ## And fit?
#
# Our bare loop has no log, no checkpoint, no check of what comes in. Does `fit` cost what we have won? A sampler that
# hands out the indices of a whole batch gives it the same look-ups (`batch_size=None`: batches come as they are):

# %%
from torch.utils.data import BatchSampler, RandomSampler

from course_utils import fit


def by_fit(seed, epochs):
    torch.manual_seed(seed)
    layout = torch.channels_last
    images = to_float(pixels["train"]).to(course.device, memory_format=layout)
    train_set = TensorDataset(images, labels["train"].to(course.device))
    whole = BatchSampler(RandomSampler(train_set), one_cycle["batch_size"], drop_last=True)
    train_loader = DataLoader(train_set, sampler=whole, batch_size=None)
    model = fast_cnn().to(course.device, memory_format=layout)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, fused=True)
    steps = epochs * len(train_loader)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
    settings = {"epochs": epochs, "autocast": dtype, "progress": False}
    fit(model, train_loader, optimizer=optimizer, scheduler=cycle, **settings)
    return model, steps


# %% tags=["nbval-ignore-output"]
epochs = course.pick(sample=4, full=1)
_, comfortable = climb(by_fit, 0, epochs)
_, bare = climb(train, 0, **recipes["bfloat16"] | {"batches": comfortable["batches"]})
print(f"fit: {comfortable['seconds']:.2f} s, bare loop: {bare['seconds']:.2f} s")

# %% tags=["proof"]
assert comfortable["seconds"] < 3 * bare["seconds"], (comfortable, bare)
assert comfortable["accuracy"] > goal - 0.01, comfortable

# %% [markdown]
# The difference is the price of comfort. One thing that keeps it low: `fit` reads its losses from the device every 25
# batches, not after each, for which a GPU would have to wait. (`benchmarks/fit_overhead.py` measures the price
# exactly.)

# %% [markdown]
# ## Augmentations of today
#
# Augmentation costs time; does accuracy repay it? Beyond cropping and mirroring, four ideas are in most modern recipes,
# and a fifth comes after training. An ant and a bee:

# %%
from torch.utils.data import default_collate

shown = hymenoptera("train", v2.Compose([v2.Resize(96), v2.CenterCrop(96), v2.ToImage()]))
pair, kinds = default_collate([shown[10], shown[-10]])
torch.manual_seed(1)
mixup = v2.MixUp(alpha=1.0, num_classes=2)
cutmix = v2.CutMix(alpha=1.0, num_classes=2)
mixed, mixed_targets = mixup(to_float(pair), kinds)
patched, patched_targets = cutmix(to_float(pair), kinds)
changed = v2.TrivialAugmentWide()(pair)

# %%
one_hot = F.one_hot(kinds).float()
columns = {
    "as it is": (pair, one_hot),
    "MixUp": (mixed, mixed_targets),
    "CutMix": (patched, patched_targets),
    "TrivialAugment": (changed, one_hot),
    "label smoothing": (pair, 0.9 * one_hot + 0.05),
    "at test time": (pair.flip(3), one_hot),
}
fig, axes = plt.subplots(2, len(columns), figsize=(10, 3.9))
for (name, (images, targets)), column in zip(columns.items(), axes.T):
    for row, ax in enumerate(column):
        ax.imshow(images[row].permute(1, 2, 0))
        ax.set(xticks=[], yticks=[], title="" if row else name)
        ax.spines[:].set_visible(False)
        ax.set_xlabel(f"ant {targets[row, 0]:.2f}, bee {targets[row, 1]:.2f}")
fig.suptitle("Two pictures with their targets, and what augmentations make of them")
plt.show()

# %% [markdown]
# - **MixUp** adds two pictures, and their labels, with the same shares, which are drawn by lot. **CutMix** pastes a
#   patch of one into the other; its labels share by area.
# - **TrivialAugment** draws one of 14 changes (turn, shear, contrast, …) with a random strength. (In a data set each
#   picture gets its own; above we gave it both pictures at once.)
# - **Label smoothing** takes a little from the truth and spreads it over all classes, so that no network is told to be
#   *perfectly* sure.
# - **Test-time augmentation** asks the trained network about a picture and its mirror image, and averages.
#
# MixUp and CutMix need a batch, so they belong into `collate_fn`, which makes a batch of examples. Their targets are
# shares, and `F.cross_entropy` takes shares as well as labels. (Logits of 0 know nothing: a loss of log 2.)

# %%
mixing = DataLoader(once, batch_size=32, collate_fn=lambda batch: mixup(*default_collate(batch)))
images, targets = next(iter(mixing))
loss = F.cross_entropy(torch.zeros(32, 2), targets)
print(f"targets: {tuple(targets.shape)}   loss: {loss:.3f}")

# %% [markdown]
# Label smoothing is a setting of the loss. It does what shares would do:

# %%
logits, truth = torch.tensor([[2.0, -1.0]]), torch.tensor([0])
smoothed = F.cross_entropy(logits, truth, label_smoothing=0.1)
torch.testing.assert_close(smoothed, F.cross_entropy(logits, torch.tensor([[0.95, 0.05]])))

# %% [markdown]
# **Guess first.** Which of them helps a pretrained ResNet-18 to tell drawn ants from bees, and by how much? Each comes
# on top of the usual *crop and mirror*, which *none at all* leaves out, too. Six epochs, three seeds, everything else
# as in lesson 06 (measured beforehand, by `benchmarks/augmentations.py`). Then open the cell. A gain is the mean of
# paired differences to *crop and mirror*; its two standard errors (s.e.) are taken over seeds and over pictures:

# %% tags=["fold"]
runs = pd.read_csv("../benchmarks/augmentations.csv", dtype={"right": str})
runs["hits"] = [np.array(list(right), dtype=float) for right in runs["right"]]
usual = runs[runs["way"] == "crop and mirror"]
rows = {}
for way, group in runs.groupby("way", sort=False):
    gains = np.stack(group["hits"].tolist()) - np.stack(usual["hits"].tolist())
    by_seed, by_picture = gains.mean(axis=1), gains.mean(axis=0)
    errors = [part.std(ddof=1) / len(part) ** 0.5 for part in [by_seed, by_picture]]
    rows[way] = group["accuracy"].mean(), gains.mean(), *errors, group["loss"].mean()
columns = ["accuracy", "gain", "s.e. over seeds", "s.e. over pictures", "loss"]
augmented = pd.DataFrame(rows, index=columns).T
augmented.round(3)

# %% tags=["proof"]
both = (augmented["s.e. over seeds"] ** 2 + augmented["s.e. over pictures"] ** 2) ** 0.5
sure = (augmented["gain"] / both).drop("crop and mirror")
assert len(augmented) == 7 and sure.abs().gt(2).sum() == 1, sure
assert sure["test-time augmentation"] > 2 and augmented["gain"]["test-time augmentation"] > 0.015, sure
assert 0.015 < augmented["gain"]["TrivialAugment"] and sure["TrivialAugment"] > 1, augmented
assert max(augmented["gain"]["MixUp"], augmented["gain"]["CutMix"]) < -0.01, augmented
assert both["TrivialAugment"] > 1.5 * both["test-time augmentation"], both

# %% [markdown]
# Take the gains with their two errors, whose squares add up (lesson 06). One gain is larger than two errors: asking
# twice at test time, which costs no training, only a second answer for each picture. TrivialAugment is ahead by nearly
# as much, but its error is larger: a hint. MixUp and CutMix came out behind, and label smoothing about level, none of
# them by more than two errors, and even *none at all* cannot be told from *crop and mirror*. This is no verdict on
# them. Such recipes are made for hundreds of epochs, in which a network would otherwise learn its pictures by heart;
# ours learns for six, from weights that have seen much. What is good for ImageNet has to be measured on *your*
# pictures, with errors.

# %% [markdown]
# ## Summary
#
# - Measure first: what a piece costs, times how often it happens. Begin with the long pieces.
# - Steps that change no weight are proven by comparing weights; all others on validation, with several seeds.
# - Move out of the loop what is always the same: tensors, decoded pictures, features, scores.
# - Compute less before you compute faster, and count the waiting: for compilers, for workers.
# - Today's augmentations are for long trainings; on few pictures measure, with errors, before you believe.
#
# **Exercises**: [15 exercises](exercises/15_faster_training.ipynb)
#
# **Next**: [16 · What it looked at](16_what_it_looked_at.ipynb)
