# %% [markdown]
# # 14 · The debugging clinic
#
# Ten sick programs: you guess what each one suffers from, measure it, cure it, and write the test that would have
# caught it.
#
# **Time** about 60 minutes, of which the computer works 25 seconds · **Before this**
# [lesson 01](01_data_loading_and_visualization.ipynb) to [lesson 10](10_from_notebook_to_script.ipynb); the cases come
# from all of them
#
# **You will learn to**
#
# - find the three lines that matter in a traceback of fifteen frames
# - use the instruments: debugger, breakpoint, hooks, anomaly detection
# - expose a silent bug with one number, and measure what it costs
# - turn every bug you have met into a test that stops the program
# - examine a network that does not learn, in five steps

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import setup

course = setup(seed=0, lesson="14")

# %% [markdown]
# ## What you will have
#
# Five programs train on the digits of lesson 03, without an error or a warning. Here are their losses, batch by batch
# (dashed: the loss of guessing):

# %%
from course_utils import MLP, load_digits28

x, y = (part[:1200].to(course.device) for part in load_digits28("train"))
x_val, y_val = (part[:300].to(course.device) for part in load_digits28("val"))
val_loader = DataLoader(TensorDataset(x_val, y_val), 100)


# %%
def new_mlp(seed=0):
    torch.manual_seed(seed)
    return MLP().to(course.device)


# %% tags=["fold"]
# the five programs: open this cell at the end of the lesson
def losses_of(model, images=x, clear=True, lr=0.2, epochs=6):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    generator, losses = torch.Generator().manual_seed(0), []
    for _ in range(epochs):
        for batch, labels in DataLoader(TensorDataset(images, y), 64, True, generator=generator):
            loss = F.cross_entropy(model(batch), labels)
            if clear:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


unscaled = new_mlp()
for weight in unscaled.parameters():
    nn.init.normal_(weight)
programs = {
    "A": losses_of(nn.Sequential(new_mlp(), nn.Softmax(dim=1))),
    "B": losses_of(new_mlp(), clear=False),
    "C": losses_of(new_mlp()),
    "D": losses_of(new_mlp(), x.permute(1, 2, 3, 0).reshape(-1, 1, 28, 28)),
    "E": losses_of(unscaled),
}

# %%
fig, axes = plt.subplots(1, 5, figsize=(11, 2.6), sharey=True)
for (name, losses), ax in zip(programs.items(), axes):
    ax.semilogy(losses, ".", ms=3)
    ax.axhline(np.log(10), color="gray", linestyle="--")
    ax.set(title=f"program {name}", xlabel="batch", ylim=(0.1, 3000))
axes[0].set_ylabel("loss (dashed: ln 10)")
plt.show()

# %% tags=["proof"]
ends = {name: np.mean(losses[-19:]) for name, losses in programs.items()}
assert ends["C"] < 0.5, f"mean losses of the last epoch {ends}"
assert not any(loss < 1.5 for name, loss in ends.items() if name != "C"), f"mean losses of the last epoch {ends}"
assert all(1.5 < ends[name] < 2.4 for name in "AD"), f"mean losses of the last epoch {ends}"
assert min(programs["B"]) < 1.2 and programs["E"][0] > 200, f"B falls to {min(programs['B']):.2f}"

# %% [markdown]
# One is healthy. In an hour you will tell from these charts what the others suffer from. A and D look alike, and have
# different diseases.

# %% [markdown]
# ## How the round works
#
# Every case has a *patient*, a short program; a question, *guess first*, whose answer folds open; and folded cells
# with *measurement*, *cure* and *test*. Half a minute of guessing teaches more than the answer. Then open the
# folded cells.
#
# A test is worth something only if the sick program *fails* it. So each is tried on both:

# %%
def tried(test, *patient):
    try:
        test(*patient)
    except AssertionError as error:
        return f"stopped: {error}"
    return "passes"


# %% [markdown]
# Such tests live in a file `test_….py` for pytest or, if quick, as an `assert` at the program's start. More bugs stand
# in the [reference](#Reference).
#
# ![What do you see? Five columns: an error, nan, a number that cannot be right, a score too good or gone, nothing
# learned. Under each stand the instruments and the cases of this lesson.](figures/clinic.svg)
#
# ## Reading an error
#
# ### Case 1: One picture breaks the batch
#
# A folder holds twelve pictures, one of them a GIF. `DatasetFolder` opens each with the function it is given.

# %% tags=["fold"]
# twelve pictures on disk
import tempfile
from pathlib import Path

from course_utils import hymenoptera, load_rgb

temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # goes with the kernel
insects, folder = hymenoptera("train"), Path(temporary.name)
for number in range(12):
    picture, label = insects[20 * number]
    home = folder / insects.classes[label]
    home.mkdir(exist_ok=True)
    small = picture.resize((96, 96))
    if number == 7:
        small.convert("P").save(home / f"{number:02}.gif")
    else:
        small.save(home / f"{number:02}.jpg")

# %%
from PIL import Image
from torchvision.datasets import DatasetFolder
from torchvision.transforms import v2

from course_utils import fit

to_tensor = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
pictures = DatasetFolder(folder, Image.open, (".jpg", ".gif"), to_tensor)


def train_on_folder(workers):
    torch.manual_seed(1)
    loader = DataLoader(pictures, 4, shuffle=True, num_workers=workers)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 96 * 96, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    fit(model, loader, optimizer=optimizer, epochs=1, progress=False)


# %% [markdown]
# With two worker processes the error fills several screens. Here it is without folders, with ▶ at what to read first.
# (A **frame** is one call: file, line, function, and below it the code of that line.)

# %% tags=["nbval-ignore-output"]
from course_utils.basics.debugging import Typed, frames_up, show_traceback

try:
    train_on_folder(workers=2)
except RuntimeError as error:
    in_worker = error
print(show_traceback(in_worker), "frames")

# %% tags=["proof"]
import re
import traceback

frames = len(re.findall('  File "', "".join(traceback.format_exception(in_worker))))
assert 12 <= frames <= 17, f"{frames} frames are not about fifteen"
for part in ["in DataLoader worker process", "collate", "Trying to resize storage that is not resizable"]:
    assert part in str(in_worker), f"{part!r} is not in the traceback: {in_worker}"

# %% [markdown]
# Three lines matter:
#
# 1. *The last line* says *what*: kind of error and message.
# 2. *Your own last line*, the last frame with ▶, says *where*: in the call of `fit`. The library below seldom holds
#    the bug, but its names tell what was being done: `fetch` examples, `collate` them into a batch.
# 3. *A line without indentation in the middle* says *which process*: what follows happened in a worker.
#
# Workers obscure errors, so first try `num_workers=0`:

# %% tags=["nbval-ignore-output"]
try:
    train_on_folder(workers=0)
except RuntimeError as error:
    alone = error
    print(error)

# %% tags=["proof"]
import re

shapes = re.findall(r"\[(\d), 96, 96\] at entry \d", str(alone))  # at which entry, the order of the pictures decides
assert "stack expects each tensor to be equal size" in str(alone) and sorted(shapes) == ["1", "3"], str(alone)

# %% [markdown]
# The same bug, a clearer message. But entry 3 of which batch, which file? Ask the **debugger**: after an error, type
# `%debug` into a new cell (in a terminal: `python -m pdb -c continue train.py`). Walk `up` through the frames, list a
# frame's code with `ll`, and print with `p` what lives in it. Here `Typed` plays the keyboard; `frames_up` counts the
# way up to `fetch`:

# %% tags=["nbval-ignore-output"]
up = f"up {frames_up(alone, 'fetch')}"
indices, file = "p possibly_batched_index", "p self.dataset.samples[possibly_batched_index[3]]"
Typed("p func.__name__", up, indices, file).post_mortem(alone)

# %% tags=["proof"]
import re
import traceback

frame = next(frame for frame, _ in traceback.walk_tb(alone.__traceback__) if frame.f_code.co_name == "fetch")
first, other = frame.f_locals["possibly_batched_index"][0], int(re.findall(r"at entry (\d)", str(alone))[1])
grey = first if "[1, 96, 96] at entry 0" in str(alone) else frame.f_locals["possibly_batched_index"][other]
assert pictures.samples[grey][0].endswith("07.gif"), f"the debugger finds {pictures.samples[grey][0]}"

# %% [markdown]
# In `fetch` the list of indices is still there, and its entry 3 leads to the file. (End a session of your own with
# `q`; a forgotten one blocks the kernel.)
#
# **Guess first.** Somebody adds `v2.Normalize` with three means to the transform, and the error is gone. Is the bug
# gone, too?
# <details><summary>Diagnosis</summary>
#
# No. A GIF has one channel, whose numbers point into a table of colours. `Normalize` stretches it to three, and
# nothing complains. The cure is `.convert("RGB")`, or `load_rgb` ([lesson 08](08_custom_dataset.ipynb)). The test asks
# all files before the first epoch.
#
# </details>

# %% tags=["fold"]
# measurement
gif = pictures.loader(next(folder.rglob("*.gif")))
normalize = v2.Normalize([0.5] * 3, [0.5] * 3)
seen, meant = (normalize(to_tensor(one)) for one in (gif, gif.convert("RGB")))
fig, axes = plt.subplots(1, 2, figsize=(5, 2.8))
for ax, image, title in zip(axes, [seen, meant], ["what the network sees", "what is in the file"]):
    ax.imshow((image * 0.5 + 0.5).permute(1, 2, 0))
    ax.set(title=title, xticks=[], yticks=[])
plt.show()

# %% tags=["proof"]
assert seen.shape == meant.shape == (3, 96, 96), f"shapes {seen.shape} and {meant.shape}"
assert (seen - meant).abs().mean() > 0.1, f"off by {(seen - meant).abs().mean():.2f}"


# %% tags=["fold"]
def all_rgb(load):  # cure and test
    strange = [Path(path).name for path, _ in pictures.samples if load(path).mode != "RGB"]
    assert not strange, f"not RGB: {strange}"


print("as written:", tried(all_rgb, Image.open))
print("cured:     ", tried(all_rgb, load_rgb))

# %% tags=["proof"]
assert tried(all_rgb, Image.open) != "passes", "the test lets the bug pass"
assert tried(all_rgb, load_rgb) == "passes", "the test stops the cured program"
# %% [markdown]
# ## Instruments
#
# | instrument | when |
# |---|---|
# | `%debug` | after an error |
# | `breakpoint()` | no error, but a doubt |
# | `register_forward_hook` | what comes out of each layer? |
# | `torch.autograd.set_detect_anomaly(True)` | which operation made a gradient `nan`? |
# | `CUDA_LAUNCH_BLOCKING=1` | a GPU reports errors late: get the true line |
#
# ### Case 2: Suddenly nan
#
# A layer brings each row of features to length 1, and never divides by 0. One of the digits is an empty page.

# %%
class UnitLength(nn.Module):
    def forward(self, features):
        length = features.pow(2).sum(dim=1, keepdim=True).sqrt()
        return features / (length + 1e-8)


# %%
scans = x.clone()
scans[700] = 0  # the empty page


def unit_network(layer):
    torch.manual_seed(0)
    parts = nn.Flatten(), nn.Linear(784, 64, bias=False), nn.Tanh(), layer, nn.Linear(64, 10)
    return nn.Sequential(*parts).to(course.device)


def epoch_on_scans(layer, lr):
    model = unit_network(layer)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    loader = DataLoader(TensorDataset(scans, y), 64)
    try:
        return fit(model, loader, optimizer=optimizer, epochs=1, progress=False)["train_loss"][0]
    except FloatingPointError as error:
        return f"FloatingPointError: {error}"


for lr in [0.1, 0.00001]:
    print(lr, epoch_on_scans(UnitLength(), lr))

# %% tags=["proof"]
for lr in [0.1, 0.00001]:
    outcome = str(epoch_on_scans(UnitLength(), lr))
    assert "nan in batch 12" in outcome, outcome

# %% [markdown]
# `nan` is *not a number*, what 0 / 0 gives. The page lies in batch 11, its values are finite, and a far smaller rate
# changes nothing.
#
# **Guess first.** Did the `nan` arise in batch 11 on the way forward or on the way back?
# <details><summary>Diagnosis</summary>
#
# On the way back. The slope of √s, 1 / (2√s), is infinite at 0. The gradient that arrives there is 0, and 0 times
# infinity is `nan`. The optimizer puts it into the weights, and batch 12 meets it. The cure puts the small number
# *under* the root, or takes `F.normalize`.
#
# </details>
#
# A **forward hook** is a function that a layer calls after each forward pass:

# %% tags=["fold"]
# measurement on the way forward
def watch(model, images):
    def tell(layer, inputs, output):
        name, shape = type(layer).__name__, tuple(output.shape)
        finite = f"{output.isfinite().sum()} of {output.numel()} finite"
        print(f"{name:>10} {shape!s:>10}  {finite}  std {output.std():.2g}")

    hooks = [layer.register_forward_hook(tell) for layer in model]
    model(images)
    for hook in hooks:
        hook.remove()


watch(unit_network(UnitLength()), scans[690:710])

# %% [markdown]
# **Anomaly detection** watches the way back (slowly, so for the search only):

# %% tags=["fold", "nbval-ignore-output"]
# measurement on the way back
import warnings

with warnings.catch_warnings(record=True) as said, torch.autograd.set_detect_anomaly(True):
    warnings.simplefilter("always")
    try:
        F.cross_entropy(unit_network(UnitLength())(scans[690:710]), y[690:710]).backward()
    except RuntimeError as error:
        print(f"RuntimeError: {error}")
told = "".join(str(warning.message) for warning in said).splitlines()
last = max(number for number, line in enumerate(told) if line.startswith("  File"))
print("the forward call behind it:", told[last + 1].strip())

# %% tags=["proof"]
assert "SqrtBackward0" in "".join(str(warning.message) for warning in said), said
assert "sqrt()" in told[last + 1], told


# %% tags=["fold"]
class MendedLength(nn.Module):  # cure and test
    def forward(self, features):
        return features / (features.pow(2).sum(dim=1, keepdim=True) + 1e-8).sqrt()


def finite_gradient_at_zero(layer):
    features = torch.zeros(2, 4, requires_grad=True)
    layer(features).sum().backward()
    assert features.grad.isfinite().all(), f"gradient {features.grad[0, 0]}"


print("as written:", tried(finite_gradient_at_zero, UnitLength()))
print("cured:     ", tried(finite_gradient_at_zero, MendedLength()))

# %% tags=["proof"]
assert tried(finite_gradient_at_zero, UnitLength()) != "passes", "the test lets the bug pass"
assert tried(finite_gradient_at_zero, MendedLength()) == "passes", "the test stops the cured program"
assert epoch_on_scans(MendedLength(), 0.1) < np.log(10), "the cured program does not learn"

# %% [markdown]
# ### Case 3: A loss that stops early
#
# A linear model is to forecast today's highest temperature from yesterday's and the average of many years. More steps
# do not help. (`/ 10 - 6` brings inputs in °F near 0.)

# %%
from course_utils import load_temperatures

year = load_temperatures()[:365]
inputs = torch.tensor(year[["temp_1", "average"]].to_numpy(), dtype=torch.float32) / 10 - 6
actual = torch.tensor(year["actual"].to_numpy(), dtype=torch.float32)


def regress(targets, steps=500, pause=lambda: None):
    torch.manual_seed(0)
    model = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
    for _ in range(steps):
        forecast = model(inputs)
        loss = ((forecast - targets) ** 2).mean()
        pause()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return forecast.detach(), loss.item()


forecast, last_loss = regress(actual)
print(f"last loss {last_loss:.0f}")

# %% [markdown]
# **Guess first.** What are the shapes of `forecast` and of `targets`, and what does the minus sign make of them?
# <details><summary>Diagnosis</summary>
#
# A table of all pairs: (n, 1) minus (n,) is (n, n). Every forecast is compared with every day, so nothing beats
# "always the mean", and the loss stops at the variance of the targets, a number to know before you train ([lesson
# 02](02_tensors_and_regression.ipynb)).
#
# </details>
#
# `breakpoint()` opens the debugger in mid-program, here at `pause()`:

# %% tags=["fold", "nbval-ignore-output"]
def look_around():  # measurement
    breakpoint()


with Typed("up", "p forecast.shape, targets.shape", "p (forecast - targets).shape"):
    regress(actual, steps=1, pause=look_around)

# %% tags=["proof"]
assert forecast.shape == (365, 1) and (forecast - actual).shape == (365, 365), f"forecasts {forecast.shape}"

# %% tags=["fold"]
# cure
column = actual.unsqueeze(1)
mended_forecast, mended_loss = regress(column)
fig, ax = plt.subplots(figsize=(6, 3.4))
ax.plot(year["temp_1"], actual, ".", color="gray", label="measured")
ax.plot(year["temp_1"], forecast, "s", ms=3, label=f"as written, loss {last_loss:.0f}")
ax.plot(year["temp_1"], mended_forecast, "^", ms=3, label=f"cured, loss {mended_loss:.0f}")
ax.set(title="Forecasts for a year", xlabel="yesterday (°F)", ylabel="today (°F)")
ax.legend()
plt.show()
print(f"variance of the targets {actual.var(correction=0):.0f}")

# %% tags=["proof"]
variance = actual.var(correction=0).item()
assert abs(last_loss - variance) < 0.01 * variance, f"last loss {last_loss:.1f}, variance {variance:.1f}"
assert np.ptp(forecast) < 1, f"the forecasts range over {np.ptp(forecast):.1f}"
assert mended_loss < variance / 3, f"mean squared error {variance:.1f}, cured {mended_loss:.1f}"


# %% tags=["fold"]
def same_shape(answers, targets):  # test
    assert answers.shape == targets.shape, f"answers {[*answers.shape]}, targets {[*targets.shape]}"


print("as written:", tried(same_shape, forecast, actual))
print("cured:     ", tried(same_shape, mended_forecast, column))

# %% tags=["proof"]
assert tried(same_shape, forecast, actual) != "passes", "the test lets the bug pass"
assert tried(same_shape, mended_forecast, column) == "passes", "the test stops the cured program"

# %% [markdown]
# ## Bugs that say nothing
#
# ### Case 4: Right shapes, nothing learned
#
# Some files hold their pictures as (rows, columns, pictures), MATLAB's order. A network wants (pictures, channels,
# rows, columns). All sizes come out right:

# %%
def prepare(stored):
    return stored.reshape(-1, 1, 28, 28)


stored = x[:, 0].permute(1, 2, 0).contiguous()  # as in such a file
print(tuple(stored.shape), "becomes", tuple(prepare(stored).shape))

# %% [markdown]
# **Guess first.** `reshape` reads the numbers as they lie in memory, and fills the new shape with them. Whose pixels
# are in the first "picture"?
# <details><summary>Diagnosis</summary>
#
# The upper left pixels of 784 pictures, one of each. `reshape` only cuts one long row of numbers anew; `permute`
# exchanges dimensions.
#
# </details>
#
# Gradients tell: the first picture's logits should depend on that picture alone:

# %% tags=["fold"]
# measurement
def pictures_behind_the_first(prepare):
    source = stored.clone().requires_grad_()
    new_mlp()(prepare(source))[0].sum().backward()
    return (source.grad != 0).any(dim=0).any(dim=0).sum().item()  # has a pixel of it a gradient?


def mended_prepare(stored):
    return stored.permute(2, 0, 1).unsqueeze(1)


print("as written:", pictures_behind_the_first(prepare), "pictures")
print("cured:     ", pictures_behind_the_first(mended_prepare))

# %% tags=["fold"]
from course_utils import show_batch

both = torch.cat([prepare(stored)[620:625], mended_prepare(stored)[620:625]])
names = ["as written", "cured"]
show_batch(both.cpu(), [0] * 5 + [1] * 5, names, title="What the network sees", columns=5)
plt.show()


# %% tags=["fold"]
def one_picture_each(prepare):  # test
    number = pictures_behind_the_first(prepare)
    assert number == 1, f"the answer to one picture depends on {number} pictures"


print("as written:", tried(one_picture_each, prepare))
print("cured:     ", tried(one_picture_each, mended_prepare))

# %% tags=["proof"]
assert 700 < pictures_behind_the_first(prepare) <= 784, pictures_behind_the_first(prepare)
assert tried(one_picture_each, prepare) != "passes", "the test lets the bug pass"
assert tried(one_picture_each, mended_prepare) == "passes", "the test stops the cured program"
torch.testing.assert_close(mended_prepare(stored), x)

# %% [markdown]
# ### Case 5: Good at first, then wild
#
# In this training loop the loss falls, and then jumps about.

# %%
def train_by_hand(model, batches, lr):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    norms = []
    for images, labels in batches:
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        norms.append(torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item())
    return norms


# %% [markdown]
# **Guess first.** One line is missing. And what does `norms`, the length of all gradients, do without it?
# <details><summary>Diagnosis</summary>
#
# `optimizer.zero_grad()`. `backward` *adds* to what is in `.grad`, so each step goes along the sum of all gradients so
# far: through the valley and up the other side. The test needs no training: with the rate 0 and the same batch three
# times, the gradient must not grow.
#
# </details>

# %% tags=["fold", "nbval-ignore-output"]
# measurement and cure
def mended_by_hand(model, batches, lr):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    norms = []
    for images, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        norms.append(torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item())
    return norms


batches = 5 * list(zip(x.split(64), y.split(64)))
norms = {
    name: np.array(by_hand(new_mlp(), batches, lr=0.1))
    for name, by_hand in [("as written", train_by_hand), ("cured", mended_by_hand)]
}
fig, ax = plt.subplots(figsize=(6, 3))
for (name, values), style in zip(norms.items(), ["-", "--"]):
    ax.semilogy(values, style, label=name)
ax.set(title="Length of the gradients", xlabel="step", ylabel="norm")
ax.legend()
plt.show()

# %% tags=["proof"]
assert norms["as written"][-20:].mean() > 3 * norms["cured"][-20:].mean(), {k: v[-20:].mean() for k, v in norms.items()}


# %% tags=["fold"]
def gradient_of_this_batch_alone(train):  # test
    norms = train(new_mlp(), 3 * [(x[:64], y[:64])], lr=0.0)
    assert np.isclose(norms[2], norms[0]), f"third gradient {norms[2] / norms[0]:.1f} times as long"


print("as written:", tried(gradient_of_this_batch_alone, train_by_hand))
print("cured:     ", tried(gradient_of_this_batch_alone, mended_by_hand))

# %% tags=["proof"]
assert "3.0 times" in tried(gradient_of_this_batch_alone, train_by_hand), "the test lets the bug pass"
assert tried(gradient_of_this_batch_alone, mended_by_hand) == "passes", "the test stops the cured program"

# %% [markdown]
# **Try it.** Would a smaller rate have been a cure?
# <details><summary>What we saw</summary>
#
# ```python
# losses = losses_of(new_mlp(), clear=False, lr=0.02, epochs=12)
# print(np.round(losses[::19], 2))
# ```
#
# No, it only puts it off. The losses, one of each epoch, fall for longer, and jump in the end.
#
# </details>
# %% [markdown]
# ### Case 6: The rate stands still
#
# Every three epochs the learning rate should become a tenth. The scheduler is given the validation loss.

# %%
from torch.optim.lr_scheduler import StepLR


def train(model, optimizer=None, epochs=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(TensorDataset(x, y), 64, shuffle=True, generator=generator)
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    return fit(model, loader, val_loader, optimizer=optimizer, epochs=epochs, progress=False)


def nine_epochs(step, seed):
    model = new_mlp(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9)
    scheduler, rates, accuracies = StepLR(optimizer, step_size=3, gamma=0.1), [], []
    for epoch in range(9):
        rates.append(round(optimizer.param_groups[0]["lr"], 6))
        row = train(model, optimizer, epochs=1, seed=100 * seed + epoch).rows[0]
        accuracies.append(row["val_accuracy"])
        step(scheduler, row["val_loss"])
    return rates, accuracies


# %%
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    stuck = [nine_epochs(lambda scheduler, loss: scheduler.step(loss), seed) for seed in range(3)]
print("rates:", stuck[0][0])

# %% [markdown]
# **Guess first.** `StepLR` counts epochs, and its `step` can be given one number. For what will it take a loss of 0.35?
# <details><summary>Diagnosis</summary>
#
# For the number of the epoch. "This is epoch 0.35", so the third one never comes. (`ReduceLROnPlateau` is the
# scheduler that wants a loss.) The price: accuracies still jump at the end.
#
# </details>

# %% tags=["fold", "nbval-ignore-output"]
# measurement and cure
falling = [nine_epochs(lambda scheduler, loss: scheduler.step(), seed) for seed in range(3)]
fig, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
for ax, runs, title in zip(axes, [stuck, falling], ["step(loss)", "step()"]):
    for (_, accuracies), style in zip(runs, ["o-", "s--", "^:"]):
        ax.plot(range(1, 10), accuracies, style)
    ax.set(title=title, xlabel="epoch", ylim=(0.6, 1))
axes[0].set(ylabel="validation accuracy")
fig.legend(["seed 0", "seed 1", "seed 2"], loc="outside right upper")
plt.show()
print(len(warned), "warnings:", str(warned[0].message).split(". ")[0])

# %% tags=["proof"]
assert {rate for rates, _ in stuck for rate in rates} == {0.15}, f"the rates {stuck}"
assert len(warned) == 27, f"{len(warned)} warnings in three times nine epochs"
assert [rates[::3] for rates, _ in falling] == [[0.15, 0.015, 0.0015]] * 3, f"the rates {falling}"
moves = [np.mean([np.ptp(accuracies[4:]) for _, accuracies in runs]) for runs in (stuck, falling)]
assert moves[0] > 2 * moves[1], f"in the last five epochs accuracies move by {moves}"


# %% tags=["fold"]
def rate_falls(rates):  # test
    assert rates[-1] < rates[0], f"the rate is {rates[-1]} from beginning to end"


print("as written:", tried(rate_falls, stuck[0][0]))
print("cured:     ", tried(rate_falls, falling[0][0]), falling[0][0])

# %% tags=["proof"]
assert tried(rate_falls, stuck[0][0]) != "passes", "the test lets the bug pass"
assert tried(rate_falls, falling[0][0]) == "passes", "the test stops the cured program"

# %% [markdown]
# > **Common mistake.** A program begins with `warnings.filterwarnings("ignore")`. Each warning is a diagnosis, free
# > of charge. One that you do not understand becomes an error by `warnings.simplefilter("error")`: then read where it
# > comes from.

# %% [markdown]
# ### Case 7: Worse than guessing
#
# A head is trained on features of ants and bees, as in lesson 07. Another program, with its own data set, tests it:

# %%
from course_utils import eval_transform, evaluate, extract_features, predict, pretrained_resnet18


def new_backbone():
    backbone = pretrained_resnet18(2)
    backbone.fc = nn.Identity()
    return backbone.to(course.device)


size = course.pick(sample=64, full=224)
photos = {split: hymenoptera(split, eval_transform(size)) for split in ["train", "val"]}
backbone = new_backbone().eval()
train_features, val_features = (
    TensorDataset(*extract_features(backbone, DataLoader(photos[split], 64)))
    for split in ["train", "val"]
)


# %%
def train_head(data=train_features, val=val_features, seed=0, epochs=10, **settings):
    torch.manual_seed(seed)
    head = nn.Linear(512, 2)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.01, momentum=0.9)
    loaders = DataLoader(data, 64, shuffle=True), DataLoader(val, 256)
    history = fit(head, *loaders, optimizer=optimizer, epochs=epochs, progress=False, **settings)
    return head, history["val_accuracy"]


# %% tags=["nbval-ignore-output"]
head, by_epoch = train_head()
preds = predict(head, DataLoader(val_features, 256))[0].argmax(dim=1)


def accuracy_with(classes):
    labels = [classes.index(Path(path).parent.name) for path, _ in photos["val"].samples]
    return (preds == torch.tensor(labels)).float().mean().item()


listed = ["bees", "ants"]  # what os.listdir(folder) has returned
print(f"in training {by_epoch[-1]:.2f}, in the test {accuracy_with(listed):.2f}")

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert by_epoch[-1] > course.pick(sample=0.7, full=0.85), f"accuracy {by_epoch[-1]:.3f}"
    assert accuracy_with(listed) < 0.35, f"accuracy {accuracy_with(listed):.2f}"

# %% [markdown]
# **Guess first.** A coin gets a half. How can a network that has learned be so much worse?
# <details><summary>Diagnosis</summary>
#
# Missing so many takes knowing the answers. `os.listdir` has no order, training had sorted classes, so 0 and 1 have
# changed places ([lesson 01](01_data_loading_and_visualization.ipynb)). Among ten classes, two swapped ones look like
# a weak network.
#
# </details>

# %% tags=["fold", "nbval-ignore-output"]
def same_classes(classes):  # measurement, cure and test
    assert classes == photos["train"].classes, f"{classes}, but training had another order"


print(f"cured: accuracy {accuracy_with(sorted(listed)):.2f}")
print("as written:", tried(same_classes, listed))
print("cured:     ", tried(same_classes, sorted(listed)))

# %% tags=["proof"]
wrong, right = accuracy_with(listed), accuracy_with(sorted(listed))
assert abs(wrong + right - 1) < 1e-6 and abs(right - by_epoch[-1]) < 0.01, f"{wrong:.3f} and {right:.3f}"
assert tried(same_classes, listed) != "passes", "the test lets the bug pass"
assert tried(same_classes, sorted(listed)) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 8: Better than a coin
#
# Now a coin decides all labels: there is nothing to learn. A program trains for 25 epochs, keeps the network that is
# best on one half of the validation pictures, and reports its accuracy there. Twelve times:

# %% tags=["nbval-ignore-output"]
from torch.utils.data import random_split


def toss(seed):
    generator = torch.Generator().manual_seed(seed)
    sets = []
    for features, _ in (train_features.tensors, val_features.tensors):
        coins = torch.randint(2, (len(features),), generator=generator)
        sets.append(TensorDataset(features, coins))
    return sets[0], *random_split(sets[1], [0.5, 0.5], generator)


trainings = [
    train_head(*toss(seed)[:2], seed, epochs=25, restore_best="val_accuracy") for seed in range(12)
]
reported = np.array([max(accuracies) for _, accuracies in trainings])
print(f"mean of the reported accuracies {reported.mean():.3f}")

# %% tags=["proof"]
assert reported.mean() > 0.53, f"reported {reported.mean():.3f}"

# %% [markdown]
# **Guess first.** Nobody can foresee a coin. Why is the mean above one half, and how would you check it?
# <details><summary>Diagnosis</summary>
#
# It was chosen: the best of 25 values lies above their mean; judge the kept network on the other half, and the luck is
# gone. A test set that chooses the epoch is a validation set ([lesson 09](09_metrics_and_plots.ipynb)). The test: who
# chooses does not judge.
#
# </details>

# %% tags=["fold", "nbval-ignore-output"]
# measurement
judged = [
    evaluate(head, DataLoader(toss(seed)[2], 256))["accuracy"]
    for seed, (head, _) in enumerate(trainings)
]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
luckiest = trainings[reported.argmax()][1]
axes[0].plot(range(1, 26), luckiest, ".-")
axes[0].plot(np.argmax(luckiest) + 1, max(luckiest), "o", ms=12, mfc="none", color="C1")
axes[0].set(title="The luckiest training: its best epoch", xlabel="epoch", ylabel="accuracy")
axes[1].plot(reported, "o", color="C1", mfc="none", ms=8, label="reported")
axes[1].plot(judged, "x", color="C2", label="on the other half")
axes[1].set(title="All twelve", xlabel="training")
axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
for ax in axes:
    ax.axhline(0.5, color="gray", linestyle="--")
plt.show()
print(f"reported {reported.mean():.3f}, on the other half {np.mean(judged):.3f}")

# %% tags=["proof"]
gap = reported - judged
assert abs(np.mean(judged) - 0.5) < 0.06, f"on the other half {np.mean(judged):.3f}"
assert gap.mean() > gap.std(ddof=1) / len(gap) ** 0.5, f"gap {gap.mean():.3f}"


# %% tags=["fold"]
def nothing_shared(chosen_by, judged_by):  # test
    assert not {*chosen_by.indices} & {*judged_by.indices}, "the same pictures choose and judge"


_, seen, other = toss(0)
print("as written:", tried(nothing_shared, seen, seen))
print("cured:     ", tried(nothing_shared, seen, other))

# %% tags=["proof"]
assert tried(nothing_shared, seen, seen) != "passes", "the test lets the bug pass"
assert tried(nothing_shared, seen, other) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 9: Frozen, it says
#
# Three programs prepare a network of which only the head `fc` shall learn:

# %%
def program_a(model):
    model.requires_grad = False
    model.fc.requires_grad = True
    return torch.optim.SGD(model.parameters(), lr=0.01)


def program_b(model):
    return torch.optim.SGD(model.fc.parameters(), lr=0.01)


def program_c(model):
    model.requires_grad_(False)
    model.fc.requires_grad_(True)
    return torch.optim.SGD(model.fc.parameters(), lr=0.01)


# %% [markdown]
# **Guess first.** Then each calls `model.train()` and makes three steps. Where does something outside the head change?
# Which one computes what nobody needs?
# <details><summary>Diagnosis</summary>
#
# In A everything: a module has no setting `requires_grad`, so the line makes an attribute that nobody reads. The
# method is `requires_grad_`, with an underscore. B computes all gradients for nothing. Its optimizer clears only the
# head's, so the others add up, until a second stage steps along the sum. And in all three the buffers move,
# BatchNorm's running averages, which every forward pass in training mode changes ([lesson
# 07](07_feature_extraction.ipynb)). The course's `freeze` stops gradients and buffers.
#
# </details>

# %% tags=["fold"]
from course_utils import freeze, unfreeze


def cured(model):
    unfreeze(freeze(model).fc)  # freeze: no gradients, and evaluation mode that withstands train()
    return torch.optim.SGD(model.fc.parameters(), lr=0.01)


# %% tags=["fold"]
from copy import deepcopy
from time import perf_counter

few = torch.utils.data.Subset(photos["train"], range(0, 240, 30))
images, labels = (part.to(course.device) for part in next(iter(DataLoader(few, 8))))


def three_steps(prepare):
    model = pretrained_resnet18(2).to(course.device)
    before, optimizer, seconds = deepcopy(model.state_dict()), prepare(model), []
    model.train()
    for _ in range(3):
        began = perf_counter()
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        model.fc.bias.sum().item()  # waits until a GPU has finished
        seconds.append(perf_counter() - began)
    weights = {name: p for name, p in model.named_parameters() if not name.startswith("fc.")}
    moved = {name for name, now in model.state_dict().items() if not torch.equal(now, before[name])}
    gradients = sum(p.grad is not None for p in weights.values())
    buffers = moved - set(weights) - {"fc.weight", "fc.bias"}
    return [len(moved & set(weights)), gradients, len(buffers), round(1000 * min(seconds))]


# %% tags=["fold", "nbval-ignore-output"]
import pandas as pd

rows = ["weights moved", "gradients computed", "buffers moved", "ms a step"]
prepared = {p.__name__: three_steps(p) for p in [program_a, program_b, program_c, cured]}
table = pd.DataFrame(prepared, index=rows)
table

# %% tags=["proof"]
assert (table.loc["weights moved"].to_numpy() > 0).tolist() == [True, False, False, False], table
assert (table.loc["gradients computed"].to_numpy() > 0).tolist() == [True, True, False, False], table
assert (table.loc["buffers moved"].to_numpy() > 0).tolist() == [True, True, True, False], table
model = pretrained_resnet18(2).to(course.device)
optimizer, norms_of_b = program_b(model), []
for _ in range(3):
    optimizer.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    norms_of_b.append(sum(p.grad.norm().item() ** 2 for p in list(model.parameters())[:-2]) ** 0.5)
assert norms_of_b[2] > 1.5 * norms_of_b[0], f"unused gradients do not add up: {norms_of_b}"
if course.profile == "sample":  # on a GPU a step this small takes about as long with gradients as without
    assert table.loc["ms a step", "program_b"] > 1.2 * table.loc["ms a step", "cured"], table


# %% tags=["fold"]
def only_the_head(found):  # test
    bad = [f"{found[what]} {what}" for what in found.index[:3] if found[what]]
    assert not bad, ", ".join(bad)


for name in table:
    print(f"{name:>9}: {tried(only_the_head, table[name])}")

# %% tags=["proof"]
verdicts = [tried(only_the_head, table[name]) == "passes" for name in table]
assert verdicts == [False, False, False, True], f"passing: {verdicts}"

# %% [markdown]
# ### Case 10: A record that gets worse
#
# The best network so far is kept in a file. In the second of two stages the rate is too high.

# %% tags=["nbval-ignore-output"]
from course_utils import load_checkpoint, save_checkpoint


def stage(model, lr, file, best=0.0):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    accuracies = []
    for epoch in range(4):
        accuracies += train(model, optimizer, epochs=1, seed=epoch)["val_accuracy"]
        if accuracies[-1] > best:
            best = accuracies[-1]
            save_checkpoint(file, {"model": model.state_dict(), "val_accuracy": best})
    return accuracies


model, file = new_mlp(), folder / "best.pt"
first = stage(model, 0.1, file)
second = stage(model, 2.0, file)
print("first stage: ", np.round(first, 2))
print("second stage:", np.round(second, 2))

# %% tags=["proof"]
assert max(second) < max(first) - 0.2, f"first stage {first}, second stage {second}"

# %% [markdown]
# **Guess first.** What is in the file?
# <details><summary>Diagnosis</summary>
#
# The best network of the *second* stage. `best` begins at 0 again, so its first epoch counts as a record, and the
# better network is lost. The second stage must begin with the old record.
#
# </details>

# %% tags=["fold", "nbval-ignore-output"]
# measurement, cure and test
model, mended_file = new_mlp(), folder / "mended.pt"
stage(model, 0.1, mended_file)
stage(model, 2.0, mended_file, best=load_checkpoint(mended_file)["val_accuracy"])


def record_stands(file):
    found = load_checkpoint(file)["val_accuracy"]
    assert found >= max(first), f"{found:.2f} in the file, {max(first):.2f} in the log"


print("as written:", tried(record_stands, file))
print("cured:     ", tried(record_stands, mended_file))

# %% tags=["proof"]
assert load_checkpoint(file)["val_accuracy"] == max(second), "the file does not hold the best of the second stage"
assert tried(record_stands, file) != "passes", "the test lets the bug pass"
assert tried(record_stands, mended_file) == "passes", "the test stops the cured program"
# %% [markdown]
# ## When nothing is learned
#
# Real patients have several bugs, which hide each other. A **routine** helps: the same five measurements, repeated
# after every cure.
#
# 1. *Overfit one batch.* A network must be able to learn 32 pictures by heart.
# 2. *Look at the input the model sees*, with its labels.
# 3. *First loss* against ln C, for C classes.
# 4. *Gradient norms*, layer by layer: not zero, not huge.
# 5. *Sweep the learning rate*, in factors of ten.
#
# This patient has three bugs. Guess first:

# %%
def load():
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(2)).to(x.device)
    return x[order], y


# %%
def build():
    model = new_mlp()
    for weight in model.parameters():
        nn.init.normal_(weight, std=5)
    return nn.Sequential(*model, nn.Softmax(dim=1))


# %% [markdown]
# Everybody's first idea is another learning rate:

# %% tags=["nbval-ignore-output"]
def score_at(lr):
    loader, model = DataLoader(TensorDataset(*load()), 64), build()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    try:
        history = fit(model, loader, val_loader, optimizer=optimizer, epochs=5, progress=False)
    except FloatingPointError:  # the loss is not finite
        return 0.1
    return history["val_accuracy"][-1]


rates = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]
sick = [score_at(lr) for lr in rates]
print("validation accuracies:", np.round(sick, 2))

# %% tags=["proof"]
assert max(sick) < 0.3, f"accuracies {sick}"

# %% [markdown]
# No rate helps. Now the routine, steps 1 to 4:

# %%
def examine():
    images, labels = (part[:32] for part in load())
    model, losses, norms = build(), [], []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        losses.append(loss.item())
        norms.append([p.grad.norm().item() for p in model.parameters() if p.dim() == 2])
        optimizer.step()
    print(f"1 one batch: loss {losses[-1]:.3g} after 200 steps")
    print(f"3 first loss: {losses[0]:.3g}, ln 10 = {np.log(10):.3g}")
    print("4 gradient norms:", " ".join(f"{norm:.2g}" for norm in norms[0]))
    return losses, norms[0]


# %% tags=["nbval-ignore-output"]
losses, norms = examine()
images, labels = load()
show_batch(images[:8].cpu(), labels[:8].cpu(), title="2 what the model sees, and its labels")
plt.show()

# %% tags=["proof"]
assert losses[0] - losses[-1] < 0.5 and losses[-1] > 1, f"loss {losses[0]:.2f}, then {losses[-1]:.2f}"

# %% [markdown]
# Step 1 fails. Step 2 shows the first bug: `load` shuffles the pictures without their labels. We cure it:

# %% tags=["nbval-ignore-output"]
def load():
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(2)).to(x.device)
    return x[order], y[order]


losses, norms = examine()
watch(build(), load()[0][:32])

# %% tags=["proof"]
assert losses[-1] > 1, f"one batch is learned by heart: loss {losses[-1]:.2f}"
assert abs(losses[0] - np.log(10)) < 0.3, f"first loss {losses[0]:.2f}"
assert max(norms) < 0.01, f"gradient norms {norms}"
images, labels = load()
torch.testing.assert_close(build()(images[:32]).sum(dim=1), torch.ones(32, device=course.device))
assert not torch.equal(labels[:32], y[:32]), "the labels were right before"
model, wrong = new_mlp(), DataLoader(TensorDataset(images[:32], y[:32]), 32)
history = fit(model, wrong, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), epochs=300, progress=False)
assert history["train_loss"][-1] < 0.2, f"wrong labels are not learned by heart: {history['train_loss'][-1]:.2f}"

# %% [markdown]
# Still no. (Wrong labels alone would not show in step 1: a network can learn them by heart.) The first loss looks
# healthy, but no gradient arrives. The hooks of case 2 show why: a softmax, although `F.cross_entropy` has its own. Of
# numbers this large it makes 0 or 1, and lets no gradient through. We take it out:

# %% tags=["nbval-ignore-output"]
def build():
    model = new_mlp()
    for weight in model.parameters():
        nn.init.normal_(weight, std=5)
    return nn.Sequential(*model)


losses, norms = examine()

# %% tags=["proof"]
assert losses[0] > 20_000 * np.log(10), f"first loss {losses[0]:.0f}"
assert min(norms) > 100, f"gradient norms {norms}"
assert not losses[-1] < 0.2, f"one batch is learned by heart: loss {losses[-1]:.2f}"

# %% [markdown]
# Now the first loss is far too large: the softmax had squeezed it, **one bug had hidden another**. The hooks showed
# this third one, too: `std` grows from layer to layer, as sums over many inputs do unless weights are about 1 /
# √inputs ([lesson 03](03_mnist_mlp.ipynb)). PyTorch's own starting values are of that size, so we delete the loop. The
# routine's numbers become the test:

# %% tags=["nbval-ignore-output"]
def build():
    return nn.Sequential(*new_mlp())


losses, norms = examine()
assert losses[-1] < 0.2 and abs(losses[0] - np.log(10)) < 0.4, f"loss {losses[0]}, {losses[-1]}"
assert all(0.01 < norm < 100 for norm in norms), f"gradients are missing or huge: {norms}"

# %% tags=["proof"]
assert losses[-1] < 0.2, f"loss {losses[-1]:.2f}"

# %% [markdown]
# Only now *step 5, the sweep*, means something:

# %% tags=["nbval-ignore-output"]
healthy = [score_at(lr) for lr in rates]
fig, ax = plt.subplots(figsize=(6, 3.2))
ax.plot(rates, sick, "o--", label="three bugs")
ax.plot(rates, healthy, "s-", label="cured")
ax.set(title="Sweep", xscale="log", xlabel="learning rate", ylabel="validation accuracy")
ax.legend()
plt.show()

# %% tags=["proof"]
assert 0 < int(np.argmax(healthy)) < len(rates) - 1, f"the best rate is at the edge of the sweep: {healthy}"
assert max(healthy) - max(sick) > 0.5, f"cured {healthy}, three bugs {sick}"

# %% [markdown]
# The top is in the middle. Were it at the edge, we should sweep further.

# %% [markdown]
# **Try it.** End the network with a ReLU.
# <details><summary>What we saw</summary>
#
# ```python
# build = lambda: nn.Sequential(*new_mlp(), nn.ReLU())
# losses, norms = examine()
# ```
#
# First loss and gradients look healthy, but step 1 stops near 0.6: where a logit is negative the ReLU hands on 0, and
# no gradient back.
#
# </details>

# %% [markdown]
# **Check yourself.** Another patient passes steps 1, 3 and 4, and yet its validation accuracy stays near chance. What
# next?
# <details><summary>Answer</summary>
#
# Step 2 for the *validation* pictures: classes in another order (case 7), a random transform, a wrong file. Then step
# 5: a rate that suits one batch may be too high for many. If training accuracy is high and all this in order, the
# network overfits: no bug, but a lack of data.
#
# </details>
#
# **Check yourself.** Back to the five charts on top: what do A, B, D and E suffer from?
# <details><summary>Answer</summary>
#
# B, good at first and then wild: no `zero_grad`. E, a first loss far too high: weights of a wrong scale. A and D, flat
# at ln 10: a second softmax, or input that means nothing. The charts cannot tell which; look at the outputs (A's add
# up to 1) and the inputs (D's are noise). C is healthy. Now open the folded cell up there.
#
# </details>
# %% [markdown]
# ## Reference
#
# To be searched, not read. The course's tests execute each row.
#
# ### By message
#
# | message | cause → cure | more |
# |---|---|---|
# | `stack expects each tensor to be equal size` | grey or palette, other size → `convert("RGB")`, `Resize` | [case 1] |
# | `Trying to resize storage that is not resizable` | the same, in a worker | [case 1] |
# | `mat1 and mat2 shapes cannot be multiplied` | what came, what was typed → `AdaptiveAvgPool2d` | [05] |
# | `Expected input batch_size (16) to match target batch_size (9)` | `view(-1, n)` → `flatten(1)` | [05] |
# | `view size is not compatible` | permuted or channels_last → `reshape`, `flatten` | [case 4] |
# | `transpose(): argument 'dim0'` | NumPy's call → `permute(1, 2, 0)` | [01] |
# | `must have the same dtype, but got Double and Float` | from NumPy → `.float()` | [02] |
# | `can't convert np.ndarray of type numpy.object_` | `get_dummies` mixes types → `dtype=float` | [02] |
# | `Can't call numpy() on Tensor that requires grad` | → `.detach()` | [02] |
# | `Target 10 is out of bounds` | label ≥ classes; on a GPU: `device-side assert` → count | [08] |
# | `0D or 1D target tensor expected` | labels (n, 1) → `squeeze(1)` | [03] |
# | `does not require grad` | all is frozen, or `no_grad` around it → unfreeze | [07] |
# | `Trying to backward through the graph a second time` | loss kept; `retain_graph` hides it → compute anew | [02] |
# | `Expected more than 1 value per channel` | last batch of one → `drop_last=True` | [06] |
# | `Weights only load failed` | a whole model was saved → `state_dict()` | [04] |
# | `Error(s) in loading state_dict` | other number of classes → build the same network | [06] |
# | `No such file or directory` | saved as `best.pt`, loaded `checkpoint.pth` → one variable | [06] |
# | `KeyError: '0'` | labels taken for names of folders → `classes[label]` | [08] |
# | `too many dimensions 'str'` | argparse with `type=tuple` → `type=float, nargs=3` | [10] |
# | `has no attribute 'next'` | `.next()` → `next(…)` | [01] |
# | `has no attribute 'append'` | of a DataFrame: gone → list of rows | [09] |
# | `num must be an integer with 1 <= num` | `subplot` counts from 1 → `j + 1` | [11] |
# | `Number of rows must be a positive integer` | `n // 2` rows for one picture → `-(-n // 2)` | [11] |
# | `attempt has been made to start a new process` | workers (`BrokenPipeError`) → `if __name__ == "__main__":` | [10] |
# | `Can't get attribute` | of a worker: class in a notebook → in a `.py` file | [08] |
# | `Using a target size` | warning: shapes differ → `unsqueeze(1)` | [case 3] |
# | `The epoch parameter in` | warning: `step(loss)` → `step()` | [case 6] |
# | `Detected call of` | warning: scheduler before optimizer → other order | [06] |
#
# ### By symptom
#
# | nothing is raised, but | cause → cure | more |
# |---|---|---|
# | all forecasts alike | broadcasting → one shape | [case 3] |
# | loss stays near ln C | second softmax → logits | [03], [routine] |
# | the same, input is noise | `reshape` for `permute` | [case 4] |
# | rows do not add up to 1 | `softmax(dim=0)` → `dim=1` | [03] |
# | huge first loss | unscaled weights → 1 / √inputs | [03], [routine] |
# | loss falls, then jumps | no `zero_grad` | [case 5] |
# | loss or weights `nan` | root, log or division at 0; rate too high | [case 2] |
# | deep network behind a shallow one | block never adds `x` | [05] |
# | rate does not fall | `step(loss)` | [case 6] |
# | rate falls in the log only | scheduler holds the old optimizer → a new one | [06] |
# | frozen, but moves, slow, or other features | `requires_grad` of a module; BatchNorm → `freeze` | [case 9] |
# | accuracy below chance | classes in another order → sort | [case 7] |
# | wrong names that look right | label + 1 taken for the folder → `classes[label]` | [08] |
# | no error since `Normalize`, colours wrong | one channel stretched to three | [case 1] |
# | every epoch crops alike | `default_rng(0)` copied to each worker → torch's | [01] |
# | forecast too good | learned from the future → split by time | [02] |
# | validation too good | copies on both sides → split, then augment | [01] |
# | score changes from call to call | random crop, dropout → `eval_transform`, `eval()` | [10] |
# | loss depends on the batch size | last batch only, or plain mean → weigh by size | [09] |
# | loss far too small | divided inside the loop → after it | [10] |
# | memory grows, `out of memory` | losses keep graphs → `no_grad`, `.item()` | [07] |
# | test and validation loss equal to the last digit | the same pictures → a test set | [10] |
# | good score, gone on new pictures | best of many chosen on them | [case 8] |
# | a lead of a point | within 2 standard errors → more pictures, more seeds | [06] |
# | loaded network has another score | last month's file → compare with the log | [06] |
# | best network lost in stage two | record begins at 0 again | [case 10] |
# | `--cuda False` uses the GPU | `type=bool` → `BooleanOptionalAction` | [10] |
#
# [01]: 01_data_loading_and_visualization.ipynb
# [02]: 02_tensors_and_regression.ipynb
# [03]: 03_mnist_mlp.ipynb
# [04]: 04_mnist_cnn.ipynb
# [05]: 05_custom_resnet.ipynb
# [06]: 06_fine_tuning.ipynb
# [07]: 07_feature_extraction.ipynb
# [08]: 08_custom_dataset.ipynb
# [09]: 09_metrics_and_plots.ipynb
# [10]: 10_from_notebook_to_script.ipynb
# [11]: 11_lightning.ipynb
# [case 1]: #Case-1:-One-picture-breaks-the-batch
# [case 10]: #Case-10:-A-record-that-gets-worse
# [case 2]: #Case-2:-Suddenly-nan
# [case 3]: #Case-3:-A-loss-that-stops-early
# [case 4]: #Case-4:-Right-shapes,-nothing-learned
# [case 5]: #Case-5:-Good-at-first,-then-wild
# [case 6]: #Case-6:-The-rate-stands-still
# [case 7]: #Case-7:-Worse-than-guessing
# [case 8]: #Case-8:-Better-than-a-coin
# [case 9]: #Case-9:-Frozen,-it-says
# [routine]: #When-nothing-is-learned

# %% [markdown]
# ## Summary
#
# - Of a traceback read the last line, your own last line, and which process.
# - Most bugs raise no error: know which number should come out.
# - Measure a bug by two runs that differ in nothing else, and cure the cause, not the message.
# - Every bug leaves a test behind, which the sick program fails and the cured one passes.
# - If nothing is learned: one batch, input, first loss, gradients, rate; after each cure again.
#
# **Exercises**: [14 exercises](exercises/14_debugging_clinic.ipynb)
#
# **Next**: [15 · Faster training](15_faster_training.ipynb)
