# %% [markdown]
# # 06 · Fine-tuning a pretrained network
#
# A network that has learned from other pictures learns to tell ants from bees in three epochs. You measure what that is
# worth, compare six ways of doing it, and find out how sure such a comparison is.
#
# **Time** about 60 minutes, of which the computer works 75 seconds · **Before this**
# [lesson 01](01_data_loading_and_visualization.ipynb), [lesson 04](04_mnist_cnn.ipynb),
# [lesson 05](05_custom_resnet.ipynb)
#
# **You will learn to**
#
# - load pretrained weights, torchvision's way and from a file, together with their transforms
# - replace the head, train with SGD and a rate that falls in steps, and keep the best epoch
# - freeze layers, and give body and head rates of their own
# - compare ways of training over several seeds, with two kinds of uncertainty
# - choose another backbone by its name

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import setup

course = setup(seed=0, lesson="06")

# %% [markdown]
# ## What you will have
#
# The pictures are the ants and bees of lesson 01. `CachedImages` decodes each of them once, keeps it in memory, and
# with `augment=True` crops and mirrors it anew whenever it is asked for. A later lesson takes it apart.

# %%
from torch.utils.data import DataLoader

from course_utils import CachedImages, hymenoptera

size = course.pick(sample=64, full=224)
train_set = CachedImages(hymenoptera("train"), size, augment=True)
val_set = CachedImages(hymenoptera("val"), size)
val_loader = DataLoader(val_set, batch_size=64)
classes = val_set.classes
print(len(train_set), "pictures to train on,", len(val_set), "to validate on:", classes)

# %% [markdown]
# And here is a ResNet-18 that has seen many pictures, in the sample not one ant or bee among them. Its last layer is
# new and random. What does it say?

# %%
from course_utils import predict, pretrained_resnet18, show_predictions

torch.manual_seed(0)
model = pretrained_resnet18(num_classes=2).to(course.device)
logits, labels = predict(model, val_loader)


# %%
def show_twelve(preds, title):
    twelve = torch.arange(3, len(val_set), 13)[:12]
    images = torch.stack([val_set[index][0] for index in twelve])
    shown = images, labels[twelve], preds[twelve], classes
    figure = show_predictions(*shown, columns=6, title=title)
    figure.set_size_inches(9.5, 4.6)


show_twelve(logits.argmax(dim=1), "Before: answers of a new head")
plt.show()

# %% [markdown]
# Guesses. Now it is trained, three or four times through the pictures. You will know every line in an hour:

# %%
import tempfile
from pathlib import Path

from torch.optim.lr_scheduler import StepLR

from course_utils import fit

# %%
epochs = course.pick(sample=3, full=4)
rate = course.pick(sample=0.0075, full=0.004)
train_loader = DataLoader(train_set, batch_size=12, shuffle=True)
optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
scheduler = StepLR(optimizer, step_size=2 * len(train_loader), gamma=0.1)

# %% tags=["nbval-ignore-output"]
folder = Path(tempfile.mkdtemp())
history = fit(
    model,
    train_loader,
    val_loader,
    optimizer=optimizer,
    scheduler=scheduler,
    epochs=epochs,
    restore_best=True,
    checkpoint=folder / "run.pt",
    progress="bar",
)
history.frame().round(4)

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

best_accuracy = history.best("val_loss")["val_accuracy"]
if has_usual_weights():  # ImageNet's weights decide
    assert best_accuracy >= course.pick(sample=0.8, full=0.88), f"val accuracy {best_accuracy:.3f}"
drop = rate / 10
np.testing.assert_allclose(history["lr"], [rate, rate, drop, drop][:epochs])

# %% tags=["nbval-ignore-output"]
before = (logits.argmax(dim=1) == labels).sum().item()
logits, labels = predict(model, val_loader)
preds = logits.argmax(dim=1)
after = (preds == labels).sum().item()
print(f"right before: {before} of {len(labels)}, after: {after}")
show_twelve(preds, "After: answers of the fine-tuned network")
plt.show()

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert after > before + 0.15 * len(labels), f"{before} right before, {after} after"

# %% [markdown]
# Most answers are right.
#
# ## Why it works
#
# The network is the ResNet-18 of lesson 05. How much has to be learned, and from how little?

# %%
parameters = sum(parameter.numel() for parameter in model.parameters())
print(f"{parameters:,} parameters, {parameters // len(train_set):,} for each training picture")

# %% [markdown]
# Most of them have nothing to do with ants: the first layers find out what an edge is, the next ones what a stripe, a
# leg, a round body looks like. *Any* pictures can teach that. **Transfer learning** trains a network on a large
# collection of other pictures first, then goes on with your own. What the first training leaves behind are
# **pretrained weights**, and training them further is called **fine-tuning**.
#
# ![Above, a network trained on many pictures of other things: a body of five parts, conv1 to layer4, 512 numbers, and
# a head fc for beetle, fly, spider and others. Arrows copy the body's weights to a second network below, for ants and
# bees. The old head is crossed out, the new one starts at random.](figures/new_head.svg)
#
# All layers but the last are called the **body**, or **backbone**. What leaves it, 512 numbers for each picture, says
# what was seen. The **head** `fc` turns these numbers into scores for the old classes, so it is replaced.

# %% [markdown]
# ## How it is done elsewhere
#
# Outside this course you write four lines (not run here, they need the internet):
#
# ```python
# weights = torchvision.models.ResNet18_Weights.DEFAULT
# model = torchvision.models.resnet18(weights=weights)    # downloaded once, 45 MB
# model.fc = nn.Linear(model.fc.in_features, 2)
# transform = weights.transforms()
# ```
#
# Two things come as one object: the weights, and the transforms with which they were trained. Ask it before
# downloading:

# %%
from torchvision.models import ResNet50_Weights

for weights in ResNet50_Weights:
    accuracy = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    resize = weights.transforms().resize_size
    print(f"{weights.name}: {accuracy} % right on ImageNet, pictures resized to {resize}")
print(ResNet50_Weights.DEFAULT.transforms())

# %% [markdown]
# Two sets of weights for one ResNet-50, from a short training and from a longer one, and they do not even want the same
# pictures. The older `resnet50(pretrained=True)` is deprecated: where it still works, it quietly gives the *first* set.
# (The library `timm` replaces the head for you: `timm.create_model("resnet18", pretrained=True, num_classes=2)`.)
#
# What if weights and transforms do not belong together? **Guess first:** our network was trained with normalized
# pictures, red first. How many of them does it get right without `Normalize`? With blue first, as OpenCV reads files?
# Then open the cell below.

# %% tags=["nbval-ignore-output", "fold"]
from course_utils import denormalize

val_images = torch.cat([images for images, _ in val_loader])
versions = {
    "as in training": val_images,
    "not normalized": denormalize(val_images),
    "blue first": val_images.flip(1),
}
right_answers = {}
for version, images in versions.items():
    with torch.inference_mode():
        answers = model.eval()(images.to(course.device)).argmax(dim=1).cpu()
    right_answers[version] = (answers == labels).sum().item()
    print(f"{version:>15}: {right_answers[version]} of {len(labels)} right")

# %% tags=["proof"]
assert right_answers["as in training"] == after, f"{right_answers}, {after} before"
if course.profile == "sample":  # what photographs lose without their transforms is not known
    assert right_answers["not normalized"] < after - 0.2 * len(labels), right_answers
    assert abs(right_answers["blue first"] - after) < 0.15 * len(labels), right_answers

# %% [markdown]
# In the sample, without `Normalize` a coin does as well, and no error says so. Swapped colours cost few pictures, if
# any: here, legs and wings tell more than colours do. Wherever pretrained weights go, their transforms go along.

# %% [markdown]
# ## Ours, from a file
#
# The course reads the same kind of state dict from a file, so that it works without the internet. In `sample` it is a
# ResNet-18 trained on drawn pictures of 25 other things, in `full` torchvision's, with ImageNet's 1,000 classes. The
# format **safetensors** holds tensors and nothing else, so that loading it cannot run anybody's code.

# %%
from safetensors.torch import load_file

from course_utils import load_checkpoint
from course_utils.models.pretrained import backbone_file

file = backbone_file()
state = load_file(file) if file.suffix == ".safetensors" else load_checkpoint(file)
print(file.name, f"{file.stat().st_size / 1e6:.0f} MB")
for name in ["conv1.weight", "bn1.running_mean", "layer4.1.conv2.weight", "fc.weight", "fc.bias"]:
    print(f"{name:<22} {tuple(state[name].shape)}")

# %% [markdown]
# The rows of `fc.weight` belong to the classes it was trained on. Which ones?

# %%
import json

from safetensors import safe_open
from torchvision.models import ResNet18_Weights

if file.suffix == ".safetensors":
    with safe_open(file, "pt") as opened:
        old_classes = json.loads(opened.metadata()["classes"])
else:
    old_classes = ResNet18_Weights.DEFAULT.meta["categories"]
print(len(old_classes), "classes:", ", ".join(old_classes[:25]))

# %% [markdown]
# No ants and no bees among the sample's. ImageNet has both, and more than that: **the real photographs of ants and bees
# are themselves a small part of ImageNet.** So in `full` the backbone may have been trained on the very pictures that
# we validate on. That is a **leak**. Scores in `full` may be too good, and an honest report says so beside them. The
# drawn pictures have no such leak.
#
# With as many outputs as there were classes everything fits. What does the network take ants and bees for, in the words
# it has? (`pd.crosstab` counts how often two things come together.)

# %% tags=["nbval-ignore-output"]
from course_utils import resnet18

old_model = resnet18(len(old_classes))
old_model.load_state_dict(state)
old_logits, _ = predict(old_model.to(course.device), val_loader)
answers = pd.Series([old_classes[index] for index in old_logits.argmax(dim=1)], name="answer")
taken_for = pd.crosstab(answers, pd.Series(np.array(classes)[labels], name="truth"))
most_frequent = taken_for.sum(axis=1).sort_values(ascending=False).index[:6]
taken_for.loc[most_frequent]

# %% tags=["proof"]
assert taken_for.values.sum() == len(val_set), "not every picture got an answer"
if course.profile == "sample":  # the classes of ImageNet are other ones
    assert not {"ant", "ants", "bee", "bees"} & set(old_classes), "the backbone has seen ants or bees"
    assert taken_for["bees"].idxmax() == "fly", taken_for["bees"].nlargest(3)
    flies = taken_for.loc["fly"]
    assert flies["bees"] > 2 * flies["ants"], f"taken for flies: {flies.to_dict()}"
    frequent = taken_for["ants"].nlargest(3)
    assert {*frequent.index} == {"water strider", "scorpion", "spider"}, frequent
    apart = taken_for.max(axis=1).sum() / len(val_set)  # its own word for each kind
    assert apart > 0.65, f"its answers tell only {apart:.2f} of the pictures apart"

# %% [markdown]
# In the sample bees are most often flies, and ants are other things with legs: water striders, scorpions, spiders. It
# has never seen either, and yet it tells them apart to some degree.
#
# Now the new head, by hand: make a network for two classes, and copy whatever fits. Which names do not?

# %%
torch.manual_seed(0)
by_hand = resnet18(len(classes))
own = by_hand.state_dict()
own = {name: value for name, value in own.items() if not name.endswith("num_batches_tracked")}
fits = {name: state[name] for name in own if name in state and state[name].shape == own[name].shape}
by_hand.load_state_dict(fits, strict=False)
print(len(fits), "of", len(own), "fit; left as they are:", sorted(set(own) - set(fits)))

# %% [markdown]
# Exactly the head. (BatchNorm's counters `num_batches_tracked`, which old files lack, are not needed here.)
# `pretrained_resnet18` does all this, and refuses a file that is damaged, or of which anything else does not fit:

# %%
theirs = pretrained_resnet18(len(classes)).state_dict()
for name in fits:
    torch.testing.assert_close(by_hand.state_dict()[name], theirs[name], rtol=0, atol=0)
print(len(fits), "tensors compared")

# %% [markdown]
# (`assert_close` is silent where tensors agree. With `rtol=0, atol=0` they do so to the last bit.)
#
# **Check yourself.** Somebody calls `load_state_dict(state, strict=False)`, which skips every name that it does not
# know, and the names in the file all begin with `module.`. What happens?
# <details><summary>Answer</summary>
#
# No name fits, nothing is loaded, and no error comes. The network trains from scratch while everybody believes that it
# is pretrained. `load_state_dict` returns the missing names: print them, and expect the head and nothing else.
#
# </details>

# %% [markdown]
# ## What the first layer has learned
#
# `conv1` has 64 filters of 7 × 7 pixels and three channels. Here are the first 16 as small colour pictures, each scaled
# from its darkest to its brightest value:

# %%
torch.manual_seed(0)
random_filters = resnet18(len(classes)).conv1.weight.detach()
filters = {"random": random_filters, "pretrained": state["conv1.weight"].float()}
fig, axes = plt.subplots(4, 8, figsize=(9, 5))
for rows, (name, kernels) in zip([axes[:2], axes[2:]], filters.items()):
    for ax, kernel in zip(rows.flat, kernels):
        low, high = kernel.min(), kernel.max()
        ax.imshow(((kernel - low) / (high - low)).permute(1, 2, 0))
        ax.axis("off")
    rows[0, 0].set_title(name, fontsize=14, loc="left")
fig.suptitle("Filters of the first layer")
plt.show()

# %% [markdown]
# Random filters look like noise. Among the pretrained ones are edges in several directions, thin lines, blobs and
# patches of one colour. Nothing in them is about beetles or houses, so they need not be learned again.

# %% [markdown]
# ## Momentum, and a rate that falls in steps
#
# Lessons 04 and 05 trained with AdamW and a rate that rises and falls. Why SGD and StepLR now? Most tutorials on these
# pictures have them. And small gradients make small steps, while AdamW moves every weight by about the full rate, as
# you saw in lesson 05. Both can fine-tune; lesson 07 uses AdamW.
#
# With **momentum**, SGD keeps a **velocity**: in each step 0.9 times the old one plus the new gradient. The weight
# moves by the rate times the velocity, downhill. By hand, with a gradient that is always 1:

# %%
weight = nn.Parameter(torch.tensor([0.0]))
optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
velocity, by_hand = 0.0, 0.0
for step in range(50):
    velocity = 0.9 * velocity + 1
    by_hand -= 0.1 * velocity
    weight.grad = torch.tensor([1.0])
    optimizer.step()
torch.testing.assert_close(weight.item(), by_hand, rtol=1e-5, atol=0)
print(f"after {step + 1} steps: velocity {velocity:.2f}, weight {weight.item():.2f}")

# %% [markdown]
# The velocity comes close to 10 (1 + 0.9 + 0.81 + …). Where gradients agree, steps become ten times as long as the rate
# says; where they point here and there, they cancel out.
#
# **StepLR** multiplies the rate by `gamma` after every `step_size` calls of its `step()`. Tutorials call it once an
# epoch, with `step_size=7`. Our `fit` calls it after every *batch*. What if somebody forgets that and leaves the 7,
# with 21 batches in an epoch?

# %%
def rates_of(step_size, steps=25 * 21):
    optimizer = torch.optim.SGD([weight], lr=0.001, momentum=0.9)
    scheduler = StepLR(optimizer, step_size=step_size, gamma=0.1)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


# %%
fig, ax = plt.subplots(figsize=(7, 3))
per_epoch = np.arange(25 * 21) / 21
ax.semilogy(per_epoch, rates_of(step_size=7 * 21), label="step_size=7 * len(train_loader)")
ax.semilogy(per_epoch, rates_of(step_size=7), "--", label="step_size=7")
ax.set(title="StepLR, stepped after every batch", xlabel="epochs", ylabel="learning rate")
ax.set_ylim(1e-8, 3e-3)
ax.legend()
plt.show()

# %% tags=["proof"]
np.testing.assert_allclose(rates_of(7 * 21), [0.001 * 0.1 ** (step // 147) for step in range(525)])
assert rates_of(7)[42] < 1e-8, "the rate after two epochs"

# %% [markdown]
# After two epochs nothing is learned any more. No error, no warning. The column `lr` of the history shows it.
#
# ## Keep the best, and load it
#
# Look back at the table under the first training. `restore_best=True` has left the model with the weights of the epoch
# with the lowest `val_loss`. It need not be the last, nor the one with the highest accuracy. The file `run.pt` of
# `checkpoint=` is made for going on after an interruption. To *use* a model later, its weights are enough, with what
# one needs to know about them:

# %%
from course_utils import save_checkpoint

kept = {"model": model.state_dict(), "classes": classes, "size": size}
save_checkpoint(folder / "ants_and_bees.pt", kept)
for name in ["run.pt", "ants_and_bees.pt"]:
    megabytes = (folder / name).stat().st_size / 1e6
    print(f"{name:<18}{megabytes:>5.0f} MB:", *load_checkpoint(folder / name))

# %% tags=["proof"]
large, small = [(folder / name).stat().st_size for name in ["run.pt", "ants_and_bees.pt"]]
assert 2 * small < large, f"{small:,} and {large:,} bytes"

# %% [markdown]
# Whoever loads it needs a network of the same architecture, and no pretrained weights: all are in the file. (A common
# program saves `best.pt` and later loads `checkpoint.pth`. So compare the answers once, as here.)

# %%
loaded = load_checkpoint(folder / "ants_and_bees.pt")
fresh = resnet18(len(loaded["classes"])).to(course.device)
fresh.load_state_dict(loaded["model"])
torch.testing.assert_close(predict(fresh, val_loader)[0], logits, rtol=1e-4, atol=1e-4)

# %%
import shutil

shutil.rmtree(folder, ignore_errors=True)

# %% [markdown]
# Choosing the best epoch has a price: its score is partly luck, for among many epochs one happens to do well on just
# these pictures. How much? Suppose a network is right with probability 0.9 in every epoch, none better than another,
# and we report the highest accuracy of 25. `binomial(153, 0.9)` draws how many of 153 pictures come out right:

# %%
rng = np.random.default_rng(0)
scores = rng.binomial(153, 0.9, size=(10_000, 25)) / 153
one, best_of_25 = scores[:, 0].mean(), scores.max(axis=1).mean()
print(f"one epoch, on average: {one:.3f}   the best of 25: {best_of_25:.3f}")

# %% [markdown]
# Several points out of nothing. (Successive epochs of a real training resemble each other, which makes it less.) So
# choose the epoch on the validation set, and report the accuracy on a test set.
#
# ## Look at the mistakes
#
# First those of which the network was surest: the probability that it gave to the truth is the lowest.

# %%
of_truth = logits.softmax(dim=1)[torch.arange(len(labels)), labels]
surest = of_truth.argsort()[:6]
preds = logits.argmax(dim=1)
title = "The six hardest pictures: answer (truth)"
show_predictions(val_images[surest], labels[surest], preds[surest], classes, columns=6, title=title)
plt.gcf().set_size_inches(9.5, 2.3)
plt.show()

# %% [markdown]
# Do *you* see what the animal is? In our run some were under a leaf or half outside the picture, some shared it with a
# second animal, and one or two anybody would know.

# %% [markdown]
# ## Freezing
#
# Perhaps the pretrained layers need no training at all? A parameter whose `requires_grad` is false gets no gradient and
# stays as it is: it is **frozen**. `requires_grad_(False)` of a module freezes all parameters in it.

# %%
def trainable(module):
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


# %%
frozen_model = pretrained_resnet18(len(classes))
frozen_model.requires_grad_(False)
frozen_model.fc.requires_grad_(True)
for name, part in frozen_model.named_children():
    if total := sum(parameter.numel() for parameter in part.parameters()):
        print(f"{name:<8}{total:>10,} parameters, {trainable(part):>6,} trained")

# %% [markdown]
# A common program leaves `requires_grad` alone and gives the optimizer only the head. The other parameters then stay as
# they are, too, but their gradients are computed for nothing. One batch, forward and backward:

# %%
from time import perf_counter

images, targets = next(iter(DataLoader(train_set, batch_size=16)))


# %%
def seconds_of_a_batch(model):
    seconds = []
    for _ in range(3):
        start = perf_counter()
        F.cross_entropy(model(images), targets).backward()
        seconds.append(perf_counter() - start)
    return min(seconds)


# %% tags=["nbval-ignore-output"]
unfrozen = seconds_of_a_batch(pretrained_resnet18(len(classes)))
frozen = seconds_of_a_batch(frozen_model)
print(f"only left out of the optimizer: {unfrozen:.3f} s, frozen: {frozen:.3f} s")

# %% tags=["proof"]
assert frozen < 0.7 * unfrozen, f"frozen {frozen:.3f} s, unfrozen {unfrozen:.3f} s"

# %% [markdown]
# Much faster: the backward pass begins at the loss and is over after the head. So freeze *and* give the optimizer only
# what is trained. Is everything else now really as it was? One training step, and what it has changed:

# %%
def changed_by_a_step(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
    model.train()
    F.cross_entropy(model(images), targets).backward()
    optimizer.step()
    after = model.state_dict()
    return [name for name in after if not torch.equal(after[name], before[name])]


# %%
changed = changed_by_a_step(frozen_model)
parameters = dict(frozen_model.named_parameters())
print("parameters:", [name for name in changed if name in parameters])
print("others:", len([name for name in changed if name not in parameters]), "such as", changed[:3])

# %% [markdown]
# The running averages of BatchNorm have moved: in train mode they follow the batches, gradient or not. So the frozen
# part has to stay in **eval mode**, even though `fit` calls `model.train()` in every epoch. The helper `freeze` does
# both, and `unfreeze` undoes both. Lesson 07 builds it by hand and measures what it costs to forget.

# %%
from course_utils import freeze, unfreeze

frozen_model = pretrained_resnet18(len(classes))
freeze(frozen_model)
unfreeze(frozen_model.fc)
print("trained:", trainable(frozen_model), "  changed by a step:", changed_by_a_step(frozen_model))

# %% [markdown]
# **Check yourself.** The first layers are frozen, the last ones are not. Where does the backward pass end? And if it
# is the other way round?
# <details><summary>Answer</summary>
#
# It ends at the first layer that is trained: nobody needs gradients of what lies before it. The other way round it has
# to go through all layers, the frozen ones included, to reach the first. Time is saved only by freezing from the front.
#
# </details>

# %% [markdown]
# ## Six ways to train
#
# ![A row for each way, a column for each part of the network. From scratch: all parts begin at random and take large
# steps. Head only: the body is frozen, the new head takes large steps. First layers frozen: conv1 to layer2 stay, the
# rest takes small steps. All layers: everything takes small steps. Head first, then all: head only, then all layers.
# Two rates: the body takes small steps, the new head large ones.](figures/six_ways.svg)
#
# Green parts have learned before, yellow ones begin at random. The first way is soon settled:

# %%
from course_utils.lesson import MEASURED

scratch = pd.read_csv(MEASURED.parent / "from_scratch.csv", index_col="epoch")
larger_class = max(np.bincount(labels)) / len(labels)
fig, ax = plt.subplots(figsize=(7.5, 3.6))
ax.plot(history.frame()["val_accuracy"], "o-", label="pretrained, all layers")
ax.plot(scratch["val_accuracy"], "--", label="from scratch, drawn pictures")
ax.axhline(larger_class, color="grey", linestyle=":", label="always the larger class")
ax.set(title="Pretrained against from scratch", xlabel="epoch", ylabel="val accuracy")
ax.set_ylim(0.4, 1)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
scratch[["train_accuracy", "val_accuracy"]].loc[[1, 3, 25]].round(2)

# %% tags=["proof"]
if course.profile == "sample":  # the curve from scratch is that of the drawn pictures
    reached = history.best("val_loss")["val_accuracy"]
    of_scratch = scratch["val_accuracy"]
    assert of_scratch.max() < reached - 0.05, f"from scratch {of_scratch.max():.3f}, pretrained {reached:.3f}"

# %% [markdown]
# (The curve from scratch was computed before, by `benchmarks/from_scratch.py`, with lesson 05's recipe for random
# weights. `bincount` counts each class.) On the drawn pictures pretraining reaches far more in three epochs than random
# weights in 25. By then those have learned their training pictures nearly by heart, and little that holds for others.
#
# The five others differ less, so we shall have to look closely. First, two rates in one optimizer: instead of
# parameters it takes **parameter groups**, dictionaries with settings of their own.

# %%
def parameter_groups(model, body_rate, head_rate):
    body, head = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (head if name.startswith("fc.") else body).append(parameter)
    return [{"params": body, "lr": body_rate}, {"params": head, "lr": head_rate}]


# %%
for group in parameter_groups(pretrained_resnet18(2), body_rate=0.015, head_rate=0.03):
    print(len(group["params"]), "tensors with the rate", group["lr"])

# %% [markdown]
# A random head wants large steps, a pretrained body small ones: steps that are right for random weights throw it out of
# the good place where it is. To afford several seeds, the sample compares with smaller pictures, fewer epochs and
# larger batches. All ways lose by that. (The rates are two of a handful tried, on the validation pictures. They fall to
# a tenth halfway.)

# %%
from course_utils import evaluate

# %%
small_size = course.pick(sample=32, full=size)
larger_batch = course.pick(sample=24, full=12)
few_epochs = course.pick(sample=2, full=3)
small, large = course.pick(sample=(0.015, 0.03), full=(0.004, 0.02))
small_train = CachedImages(hymenoptera("train"), small_size, augment=True)
small_val = DataLoader(CachedImages(hymenoptera("val"), small_size), batch_size=64)


# %%
def train(model, epochs, body_rate, head_rate, seed=0):
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(small_train, batch_size=larger_batch, shuffle=True, generator=generator)
    optimizer = torch.optim.SGD(parameter_groups(model, body_rate, head_rate), momentum=0.9)
    scheduler = StepLR(optimizer, step_size=epochs * len(loader) // 2, gamma=0.1)
    fit(model, loader, optimizer=optimizer, scheduler=scheduler, epochs=epochs, progress="bar")


# %% [markdown]
# The drawing, row by row:

# %%
def fine_tune(way, seed):
    torch.manual_seed(seed)
    model = pretrained_resnet18(len(classes)).to(course.device)
    if way == "all layers":
        train(model, few_epochs, small, small, seed)
    if way == "two rates":
        train(model, few_epochs, small, large, seed)
    if way == "first layers frozen":
        for part in [model.conv1, model.bn1, model.layer1, model.layer2]:
            freeze(part)
        train(model, few_epochs, small, small, seed)
    if way in ["head only", "head first, then all"]:
        freeze(model)
        unfreeze(model.fc)
        train(model, few_epochs if way == "head only" else 1, small, large, seed)
    if way == "head first, then all":
        unfreeze(model)
        train(model, few_epochs - 1, small, small, seed)
    return model


# %% [markdown]
# **Guess first.** Which of the five will be best, and which the cheapest? Each is run with three *seeds*: another
# random head, another order of the pictures, other crops. We keep which validation pictures each run got right.

# %% tags=["nbval-ignore-output"]
ways = ["head only", "first layers frozen", "all layers", "head first, then all", "two rates"]
right, seconds = {}, {}
for way in ways:
    for seed in range(3):
        start = perf_counter()
        network = fine_tune(way, seed)
        seconds[way, seed] = perf_counter() - start
        logits, targets = predict(network, small_val)
        right[way, seed] = (logits.argmax(dim=1) == targets).numpy()
accuracies = pd.Series({run: answers.mean() for run, answers in right.items()}).unstack().loc[ways]
accuracies.rename_axis(columns="seed").round(3)

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    larger, mean = max(np.bincount(targets)) / len(targets), accuracies.mean(axis=1)
    assert mean.min() > larger + 0.05, f"the larger class {larger:.3f}, {mean.round(3).to_dict()}"
    assert mean["all layers"] > course.pick(sample=0.65, full=0.88), mean.round(3).to_dict()

# %% [markdown]
# (`unstack` turns pairs of way and seed into rows and columns.)
#
# ## Two kinds of uncertainty
#
# How sure are these numbers? There are two questions, and each has its standard error.
#
# *If we trained again with other seeds, by how much would the mean move?* The **standard error of a mean** over $k$
# runs is their standard deviation divided by $\sqrt{k}$. It is about luck in training. pandas calls it `sem`. (The
# standard deviation of a few runs divides its sum of squares by one less than their number, `ddof=1`.)
#
# *If there were other validation pictures, by how much would it move?* For a picture, take the share of the runs that
# got it right. The standard error of the mean of these shares is about luck in the choice of pictures. All runs are
# judged on the same ones, so more seeds hardly make it smaller.
#
# The two kinds of luck are independent. So the squares of the two errors add up, as in a right triangle.

# %%
def share_right(way):
    return np.mean([right[way, seed] for seed in range(3)], axis=0)


# %% tags=["nbval-ignore-output"]
mean = accuracies.mean(axis=1)
over_seeds = accuracies.sem(axis=1)
over_pictures = pd.Series({way: share_right(way).std(ddof=1) / len(labels) ** 0.5 for way in ways})
table = pd.DataFrame({
    "seconds a run": pd.Series(seconds).unstack().min(axis=1),
    "mean val accuracy": mean,
    "s.e. over seeds": over_seeds,
    "s.e. over pictures": over_pictures,
    "both": (over_seeds**2 + over_pictures**2) ** 0.5,
}).loc[ways]
table.round(3)

# %% tags=["proof"]
if course.profile == "sample":  # from photographs the networks learn more
    assert over_pictures.between(0.02, 0.045).all() and over_seeds.max() > 0.007, table
if course.device.type == "cpu":  # on a GPU the pictures may cost more time than the layers
    cost = table["seconds a run"]
    assert cost["head only"] < 0.8 * cost.drop("head only").min(), cost

# %% [markdown]
# On a CPU *head only* is the cheapest: a frozen body saves most of the time. Frozen first layers save less, for the
# large layers behind them are trained. The rest as a figure:

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.4))
rows = np.arange(len(ways))
bars = {"fmt": "none", "capsize": 4}
ax.errorbar(mean, rows - 0.15, xerr=over_seeds, ecolor="C0", label="mean ± s.e. over seeds", **bars)
ax.errorbar(mean, rows + 0.15, xerr=over_pictures, ecolor="C1", label="… over pictures", **bars)
ax.plot(accuracies.loc[ways].to_numpy(), rows, "k.")
ax.plot([], [], "k.", label="one run")
ax.set(title="Five ways to fine-tune, three seeds each", xlabel="val accuracy")
ax.set_yticks(rows, ways)
ax.invert_yaxis()
ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
plt.show()

# %% [markdown]
# Both kinds of luck count. More seeds would shorten the bars of the seeds. Those of the pictures, about three points to
# each side, would stay: with so few validation pictures, no number of seeds tells how the ways do on *other* ones.
#
# To compare two ways, do not compare their bars. Both had the same seeds, and both judged the same pictures, so much of
# the luck is the same for both and cancels in the difference. **Take the differences first, then their standard
# error**: run by run for the luck of seeds, picture by picture for the luck of pictures, and again the squares add up.
# All ways against *all layers*:

# %% tags=["nbval-ignore-output"]
against = {}
for way in ways:
    if way != "all layers":
        by_run = accuracies.loc["all layers"] - accuracies.loc[way]
        by_picture = share_right("all layers") - share_right(way)
        against[way] = {
            "all layers are ahead by": by_run.mean(),
            "s.e. over seeds": by_run.sem(),
            "s.e. over pictures": by_picture.std(ddof=1) / len(by_picture) ** 0.5,
        }
against = pd.DataFrame(against).T
against["both"] = (against["s.e. over seeds"] ** 2 + against["s.e. over pictures"] ** 2) ** 0.5
against.round(3)

# %% tags=["proof"]
lead = against["all layers are ahead by"]
if course.profile == "sample":  # the photographs may order the ways otherwise
    errors = lead / against["both"]
    assert 0 < errors["head first, then all"] < 3.5, against
    assert errors.drop("head first, then all").abs().max() < 2.5, against

# %% [markdown]
# As a rule of thumb, a difference under two standard errors is not shown, and an error that was itself estimated from
# three runs is rough.
#
# In our run no row passes it with room to spare. *Head first, then all* falls behind by two or three errors; it may pay
# for its careful start, for one of its two epochs has gone before the body may move. But when we ran everything again
# with other seeds, three times, it was behind by about one error and no more. So rough is an error from three runs.
#
# As for the others, it is not shown that larger steps for the new head, *two rates*, gain anything, nor that freezing
# the first layers or the whole body loses anything. So which is best stays open: ranking five numbers here would mostly
# rank luck. (In `full` your table may say otherwise.)
#
# What is best depends on the pictures, too. If the new ones are few and resemble the old ones, the head alone may be
# enough, at a fraction of the time. The more they differ, as X-rays do from photographs, the more layers need training.
#
# **Check yourself.** A tutorial on the real photographs trains once with a frozen body and once with all layers, sees
# the frozen one about one point ahead on 153 pictures, and finds that strange. What do you say?
# <details><summary>Answer</summary>
#
# One run each, so nobody knows what another seed would give. And one point on 153 pictures is one or two pictures: the
# two networks need only disagree on a handful for that to be luck. Several seeds and the differences picture by picture
# come first, then an explanation. Lesson 07 does it.
#
# </details>

# %% [markdown]
# **Try it.** Are small steps that important? Train all layers once more, with a rate of 0.1 in the place of 0.015.
# <details><summary>What we saw</summary>
#
# ```python
# tried = pretrained_resnet18(len(classes)).to(course.device)
# train(tried, few_epochs, body_rate=0.1, head_rate=0.1)
# print(evaluate(tried, small_val)["accuracy"])
# ```
#
# With three seeds we saw 0.51 to 0.63, and 0.69 to 0.75 with the rate 0.015. A few large steps, and much of what the
# network knew is gone.
#
# </details>

# %% [markdown]
# ## Other backbones
#
# ResNet is one of many. Other people's code often has a `model_name` with a branch for each architecture, since each
# calls its head by another name. `make_backbone` knows all of torchvision's, the vision transformers ViT and Swin
# included: it makes the network, finds its head with `find_head`, which is the last layer that has weights, and puts
# one for your classes in its place. (On the device `meta` tensors have shapes and no numbers: nothing is computed.)

# %%
from torchvision.models import get_model_weights

from course_utils import make_backbone
from course_utils.models.backbones import find_head, input_size

names = ["alexnet", "squeezenet1_1", "vgg11_bn", "densenet121", "inception_v3", "resnet18"]
names += ["resnet50", "resnet101", "mobilenet_v3_large", "efficientnet_b0"]
names += ["convnext_tiny", "vit_b_16", "swin_t"]

# %%
rows, networks = {}, {}
for name in names:
    with torch.device("meta"):
        networks[name] = network = make_backbone(name, num_classes=2).eval()
    published = get_model_weights(name).DEFAULT.meta["_metrics"]["ImageNet-1K"]
    rows[name] = {
        "head": next(path for path, part in network.named_modules() if part is find_head(network)),
        "parameters (million)": sum(parameter.numel() for parameter in network.parameters()) / 1e6,
        "pixels": input_size(name),
        "right on ImageNet (%)": published["acc@1"],
    }
backbones = pd.DataFrame.from_dict(rows, orient="index")
backbones.round(1)

# %% [markdown]
# Eight names for one thing, and Inception wants larger pictures. (SqueezeNet's head is a 1 × 1 convolution. Inception
# was trained with a further head in the middle, which `make_backbone` leaves out.) The last column is what
# torchvision's weights reach. How long does one picture take, in the better of two tries?

# %%
from copy import deepcopy


def milliseconds(name):
    network = deepcopy(networks[name]).to_empty(device="cpu")
    for tensor in network.state_dict().values():
        tensor.zero_()  # for the time it takes, any numbers will do
    picture = torch.zeros(1, 3, input_size(name), input_size(name))
    tries = []
    for _ in range(2):
        start = perf_counter()
        with torch.inference_mode():
            network(picture)
        tries.append(1000 * (perf_counter() - start))
    return min(tries)


# %% tags=["nbval-ignore-output"]
backbones["ms"] = [milliseconds(name) for name in names]
backbones["ms"].sort_values().round(0).to_frame().T

# %% tags=["proof"]
ms = backbones["ms"]
assert ms["vgg11_bn"] > 1.3 * ms["resnet18"], ms
assert ms["resnet101"] > 1.2 * ms["resnet50"] > 1.2 * ms["mobilenet_v3_large"], ms

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(8.5, 5))
accuracy = backbones["right on ImageNet (%)"]
ax.scatter(backbones["ms"], accuracy, s=8 * backbones["parameters (million)"], alpha=0.4)
for name in names:
    to_the_left = name.startswith(("resnet50", "conv", "eff", "mobile", "dense"))
    side, shift = ("right", -12) if to_the_left else ("left", 12)
    place = (backbones["ms"][name], accuracy[name])
    ax.annotate(name, place, (shift, -3), textcoords="offset points", fontsize=9, ha=side)
ax.set(title="Thirteen backbones: time, accuracy, size (area: parameters)", xscale="log")
ax.set(xlabel="milliseconds for one picture, here", ylabel="right on ImageNet (%)")
ax.margins(0.2)
plt.show()

# %% tags=["proof"]
assert accuracy["convnext_tiny"] > accuracy["resnet50"] > accuracy["vgg11_bn"] + 5, accuracy
assert accuracy["vgg11_bn"] > accuracy["alexnet"], accuracy
assert backbones["parameters (million)"].idxmax() == "vgg11_bn", backbones

# %% [markdown]
# Up and to the left is better. AlexNet and VGG are large and, by now, weak. MobileNet and EfficientNet give most for a
# small machine, ConvNeXt and Swin most for a large one; ResNets are in the middle. What is best on *your* pictures,
# only your own comparison tells.
#
# In `full`, `make_backbone("convnext_tiny", 2, pretrained=True)` brings torchvision's weights along, once
# `python -m course_utils.downloads convnext_tiny` has fetched them. The training program of
# [lesson 10](10_from_notebook_to_script.ipynb) takes each of these names as `--model`, with `pretrained_` before it for
# its weights. So the run of a tutorial that trains all layers of a ResNet-101 on the photographs is, in one line,
#
# ```
# COURSE_PROFILE=full python -m course_utils.train --data data/full/hymenoptera_data --output runs/resnet101 \
#     --model pretrained_resnet101 --epochs 25 --batch-size 4 --optimizer sgd --learning-rate 0.001 \
#     --weight-decay 0 --warmup-epochs 0 --schedule step
# ```
#
# `--schedule step` divides the rate by ten after every seven epochs. With `--freeze` the head alone is trained.

# %% [markdown]
# **Try it.** Where does a network that you have heard of keep its head?
# <details><summary>What we saw</summary>
#
# ```python
# print(find_head(make_backbone("regnet_y_400mf", num_classes=5)))
# ```
#
# `Linear(in_features=440, out_features=5, bias=True)`: 440 features for each picture. A name that torchvision does not
# have brings the list of all that it has.
#
# </details>

# %% [markdown]
# ## The test set, once
#
# The network of the first page was trained in the way *all layers* and kept at its best epoch. The sample has a test
# set that nothing above has looked at. (The photographs have none: there one would set pictures aside first.)

# %% tags=["nbval-ignore-output"]
from course_utils import standard_error

val_accuracy = history.best("val_loss")["val_accuracy"]
if course.profile == "sample":
    test_loader = DataLoader(CachedImages(hymenoptera("test"), size), batch_size=64)
    test_accuracy = evaluate(model, test_loader)["accuracy"]
    error = standard_error(test_accuracy, len(test_loader.dataset))
    print(f"test accuracy {test_accuracy:.3f}, standard error on pictures {error:.3f}")
    below = val_accuracy - test_accuracy
    of_both = (error**2 + standard_error(val_accuracy, len(val_set)) ** 2) ** 0.5
    print(f"below its validation accuracy by {below:.3f}, standard error {of_both:.3f}")

# %% tags=["proof"]
if course.profile == "sample":  # the photographs have no test split
    assert test_accuracy >= 0.75, f"test accuracy {test_accuracy:.3f}"
    assert abs(below) <= 3 * of_both, f"{below:.3f} below validation, standard error {of_both:.3f}"

# %% [markdown]
# Test and validation are different pictures, so nothing cancels, and once more the squares add up. Some loss is to be
# expected, since rates and epoch were chosen on the validation pictures; how much of it is chance, one number cannot
# tell. Report the test score with its error, and change nothing after it.
#
# > **Common mistake.** A program trains the head first and then everything. For the second part it makes a new
# > optimizer, but the scheduler still gets the old one (`optimizer_ft`, while the training steps `optimizer`):

# %%
optimizer_ft = torch.optim.SGD([weight], lr=0.001)
scheduler = StepLR(optimizer_ft, step_size=7, gamma=0.1)
optimizer_ft.step()  # the first part, here one step

optimizer = torch.optim.SGD([weight], lr=0.001)  # the second part
scheduler = StepLR(optimizer_ft, step_size=7, gamma=0.1)
for epoch in range(25):
    used, meant = optimizer.param_groups[0]["lr"], 0.001 * 0.1 ** (epoch // 7)
    if epoch in [0, 7, 14, 24]:
        print(f"epoch {epoch + 1:>2}: rate used {used:.6f}, rate meant {meant:.6f}")
    optimizer.step()
    scheduler.step()

# %% [markdown]
# > In the last epoch the rate is a thousand times as large as meant, and nothing crashes. The old optimizer's rate
# > falls, and nobody uses that optimizer. A scheduler belongs to *one* optimizer, and an optimizer to the parameters
# > that it was given: one made before the new head never trains it. Make all anew, in this order, as `fine_tune` and
# > `train` do, and print the rates that were really used.
#
# ## Summary
#
# - Pretrained weights and their transforms belong together; everything but the head fits, and the new head is random.
# - With few pictures pretraining decides. Parameter groups give body and head rates of their own.
# - Freeze with `requires_grad`, give the optimizer only what is trained, and keep BatchNorm in eval mode: `freeze`.
# - Compare by differences, run by run and picture by picture; independent errors add as squares.
# - Save the best epoch by validation, and report the test score once. `make_backbone` takes any of torchvision's names.
#
# **Exercises**: [06 exercises](exercises/06_fine_tuning.ipynb)
#
# **Next**: [07 · Feature extraction](07_feature_extraction.ipynb)
