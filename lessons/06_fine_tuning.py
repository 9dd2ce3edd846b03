# %% [markdown]
# # 06 · Fine-tuning a pretrained network
#
# A network that has learned from other pictures learns to tell ants from bees in a few epochs. You measure what that is
# worth, which way of doing it is best, and how sure the answer is.
#
# **Time** about 70 minutes, of which the computer works 115 seconds · **Before this**
# [lesson 01](01_data_loading_and_visualization.ipynb), [lesson 04](04_mnist_cnn.ipynb),
# [lesson 05](05_custom_resnet.ipynb)
#
# **You will learn to**
#
# - keep decoded pictures in memory and augment them batch by batch
# - load pretrained weights, see which of them fit, and replace the head
# - train with SGD, momentum and a falling learning rate, and save and reload the best epoch
# - freeze layers and count what is left to train
# - compare five ways of training over several seeds, with standard errors that you can tell apart

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

from course_utils import setup

course = setup(seed=0, lesson="06")

# %% [markdown]
# ## A large network and few pictures
#
# The pictures are the ants and bees of lesson 01, the network is the ResNet-18 of lesson 05 with two classes. How much
# is there to be learned, and from how much?

# %%
from course_utils import hymenoptera, resnet18

pictures = {split: hymenoptera(split) for split in ["train", "val"]}
classes = pictures["train"].classes
parameters = sum(parameter.numel() for parameter in resnet18(len(classes)).parameters())
print(f"{parameters:,} parameters, {len(pictures['train'])} training pictures of {classes}")

# %% [markdown]
# Tens of thousands of parameters for each picture. Most of them have nothing to do with ants: the first layers have to
# find out what an edge is, the next ones what a stripe, a leg, a round body looks like. That could be learned from any
# pictures. **Transfer learning** does so: train a network on a large collection of *other* pictures first, then go on
# with your own. What the first training left behind are **pretrained weights**, and training them further is called
# **fine-tuning**.

# %% [markdown]
# ## Read and decode once
#
# There are many trainings ahead, and each goes through the pictures several times. The usual data set opens, decodes
# and transforms every picture anew in every epoch. Opening and decoding give the same result each time, and what never
# changes should be computed once. Only crop and flip are random.
#
# So let us open each picture once, resize its shorter side to 8/7 of the final size, as `eval_transform` does, and keep
# the result. `v2.ToImage` makes a tensor of it that still has whole numbers, `uint8`:

# %%
from torchvision.transforms import v2

size = course.pick(sample=64, full=224)
shrink = v2.Resize(round(size * 8 / 7))
kept = [v2.ToImage()(shrink(picture)) for picture, label in pictures["val"]]
print("first picture:", tuple(kept[0].shape), kept[0].dtype, f"{kept[0].nbytes:,} bytes")
print(f"all {len(kept)} pictures: {sum(image.nbytes for image in kept) / 1e6:.1f} MB")

# %% [markdown]
# One byte for each pixel and channel; as `float32`, it would be four. So we stay with `uint8` as long as we can, and
# make floats only of the batch that is needed next: crop each picture, stack the crops, and normalize all of them in
# one go.

# %%
to_float = v2.ToDtype(torch.float32, scale=True)
normalize = v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

# %%
crop = v2.CenterCrop(size)
batch = torch.stack([crop(image) for image in kept[:16]])
print("cropped:", tuple(batch.shape), batch.dtype)
batch = normalize(to_float(batch))
print("ready:", tuple(batch.shape), batch.dtype)

# %% [markdown]
# Every picture gets a random crop of its own. Mirroring can be done for the whole batch: toss a coin for each picture,
# and mirror those that won. `flip(3)` reverses axis 3, the columns; `batch[coins]` are the pictures whose coin is true.

# %%
coins = torch.rand(len(batch)) < 0.5
mirrored = batch.clone()
mirrored[coins] = mirrored[coins].flip(3)
changed = (mirrored != batch).flatten(1).any(dim=1)
print("tossed: ", coins.nonzero().flatten().tolist())
print("changed:", changed.nonzero().flatten().tolist())

# %% tags=["proof"]
assert torch.equal(changed, coins), "other pictures are changed than the coins say"
torch.testing.assert_close(mirrored[coins], batch[coins].flip(3), rtol=0, atol=0)

# %% [markdown]
# How do we get a data set that works on batches? A data set has `__len__`, and `__getitem__`, which returns one
# example. If there is a method called **`__getitems__`** as well, a `DataLoader` calls that one, with the positions of
# all examples of a batch, and gets a list of examples back.

# %%
from torch.utils.data import DataLoader, Dataset


class Cached(Dataset):
    def __init__(self, dataset, augment=False):
        self.images = [v2.ToImage()(shrink(picture)) for picture, label in dataset]
        self.targets, self.augment = dataset.targets, augment
        random_crop = v2.RandomResizedCrop(size, scale=(0.5, 1.0))
        self.crop = random_crop if augment else v2.CenterCrop(size)

    def __len__(self):
        return len(self.images)

    def __getitems__(self, indices):
        batch = torch.stack([self.crop(self.images[index]) for index in indices])
        if self.augment:
            coins = torch.rand(len(batch)) < 0.5
            batch[coins] = batch[coins].flip(3)
        batch = normalize(to_float(batch))
        return [(image, self.targets[index]) for image, index in zip(batch, indices)]


# %% [markdown]
# Without augmentation it should give exactly what the usual data set gives. We collect all validation pictures both
# ways and compare. `assert_close` says nothing where two tensors agree up to rounding, and stops with an error where
# they do not:

# %%
from course_utils import eval_transform


def all_of(dataset):
    images, labels = zip(*DataLoader(dataset, batch_size=50))
    return torch.cat(images), torch.cat(labels)


# %%
usual_images, usual_labels = all_of(hymenoptera("val", eval_transform(size)))
own_images, own_labels = all_of(Cached(pictures["val"]))
torch.testing.assert_close(own_images, usual_images)
torch.testing.assert_close(own_labels, usual_labels)
print("compared:", tuple(own_images.shape))

# %% [markdown]
# The course's `CachedImages` is built like this. With the same seed even the random crops agree:

# %%
from course_utils import CachedImages

by_hand = Cached(pictures["train"], augment=True)
train_set = CachedImages(pictures["train"], size, augment=True)
both = []
for dataset in [by_hand, train_set]:
    torch.manual_seed(0)
    both.append(all_of(dataset)[0])
torch.testing.assert_close(both[0], both[1])
print("compared:", tuple(both[0].shape))

# %% [markdown]
# Is it worth it? One pass over the training pictures, without any training, the best of three:

# %%
from time import perf_counter

from course_utils import train_transform


def seconds_for_a_pass(dataset):
    seconds = []
    for _ in range(3):
        start = perf_counter()
        for images, labels in DataLoader(dataset, batch_size=16, shuffle=True):
            pass
        seconds.append(perf_counter() - start)
    return min(seconds)


# %% tags=["nbval-ignore-output"]
usual = seconds_for_a_pass(hymenoptera("train", train_transform(size)))
cached = seconds_for_a_pass(train_set)
print(f"usual data set {usual:.3f} s, cached {cached:.3f} s")

# %% tags=["proof"]
assert usual > course.pick(sample=1.5, full=1) * cached, f"usual {usual:.3f} s, cached {cached:.3f} s"

# %% [markdown]
# The cached one is faster. What it saves is a small part of an epoch in which all layers are trained on a CPU, and a
# larger one where little is trained. One difference to `train_transform` remains: the random crop is cut out of the
# reduced picture, and where it is small it is enlarged again and a little less sharp.
#
# Do the pictures still look right? Always look. One picture, eight draws:

# %%
from course_utils import show_batch

torch.manual_seed(0)
draws = torch.stack([train_set[150][0] for _ in range(8)])
show_batch(draws, [train_set.targets[150]] * 8, classes, title="eight draws of one picture")
plt.show()

# %% [markdown]
# Other cut-outs, some of them mirrored, always the same animal.
#
# And if a collection is larger than the memory? Then `file=` names a file for the pixels. The program reads it as if it
# were an array in memory, and the operating system fetches the parts that are used. (Its content is as large as the
# pixels: no compression.)

# %%
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
    file = Path(folder) / "pixels"
    from_file = CachedImages(pictures["val"], size, file=file)
    print(f"the file holds {file.stat().st_size / 1e6:.1f} MB")
    torch.testing.assert_close(all_of(from_file)[0], usual_images)
    del from_file  # it holds the file open

# %% [markdown]
# **Check yourself.** A collection has 100,000 photographs, and you train at size 224. The reduced pictures have a
# shorter side of 256 and, say, a longer one of 341. Do they fit into 16 GB of memory?
# <details><summary>Answer</summary>
#
# 256 · 341 · 3 bytes are about 260 kB, times 100,000 makes 26 GB: they do not. Give `CachedImages` a `file=` on a fast
# disk.
#
# </details>
#
# All runs of this lesson use these two data sets:

# %%
val_set = CachedImages(pictures["val"], size)
val_loader = DataLoader(val_set, batch_size=64)
print(len(train_set), "pictures to train on,", len(val_set), "to validate on")

# %% [markdown]
# ## What pretrained weights are
#
# A file with named tensors. Ours lies in the folder `weights` of the data folder. In the profile `sample` it comes with
# the course: the ResNet-18 of lesson 05, trained on drawn pictures of 25 other things. In `full` it is torchvision's,
# trained on the 1000 classes of ImageNet. The format **safetensors** holds tensors and nothing else, so that loading
# it cannot run anybody's code.

# %%
from safetensors.torch import load_file

from course_utils import backbone_file, load_checkpoint

file = backbone_file()
weights = load_file(file) if file.suffix == ".safetensors" else load_checkpoint(file)
print(file.name, f"{file.stat().st_size / 1e6:.0f} MB")
for name in ["conv1.weight", "bn1.running_mean", "layer4.1.conv2.weight", "fc.weight", "fc.bias"]:
    print(f"{name:<22} {tuple(weights[name].shape)}")

# %% [markdown]
# These are the names of the state dict of lesson 05: parameters, and the running averages of BatchNorm. (In the sample
# they are stored as `float16`, half precision, which halves the file. Copied into a model they become `float32`.)
# The rows of `fc.weight` belong to the classes it was trained on. Which ones?

# %%
import json

from safetensors import safe_open
from torchvision.models import ResNet18_Weights

if file.suffix == ".safetensors":
    with safe_open(file, "pt") as opened:
        old_classes = json.loads(opened.metadata()["classes"])
else:
    old_classes = ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
print(len(old_classes), "classes:", ", ".join(old_classes[:25]))

# %% [markdown]
# No ants and no bees among the sample's. ImageNet has both. More than that: the photographs of ants and bees in `full`
# are themselves a small part of ImageNet. So in `full` the backbone may have been trained on the very pictures that we
# validate on, and have been told what they show. That is a **leak**. The scores in `full` may then be too good for a
# network that is to judge *new* photographs, and an honest report says so beside them. The drawn pictures of the sample
# have no such leak.
#
# With as many outputs as there were classes everything fits, and the network works as it is. What does it take ants and
# bees for? `predict` returns the logits for all pictures; `pd.crosstab` counts how often two things come together.

# %% tags=["nbval-ignore-output"]
from course_utils import predict

old_model = resnet18(len(old_classes))
old_model.load_state_dict(weights)
logits, labels = predict(old_model.to(course.device), val_loader)
answers = [old_classes[index] for index in logits.argmax(dim=1)]
truth = pd.Series(np.array(classes)[labels], name="truth")
taken_for = pd.crosstab(pd.Series(answers, name="answer"), truth)
most_frequent = taken_for.sum(axis=1).sort_values(ascending=False).index[:8]
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
# In the sample bees are most often taken for flies, and ants for other things with legs: water striders, scorpions,
# spiders. The network has never seen an ant or a bee, and yet it tells them apart to some degree, in the words it has.
#
# ## A new head
#
# All layers before the last one are called the **backbone**, or the body. What comes out of them, 512 numbers for each
# picture, describes what was seen. Only the last layer, the **head** `fc`, turns these numbers into scores for the old
# classes. So we take the old head off and put on a new one with random weights:

# %%
torch.manual_seed(0)
model = old_model
model.fc = nn.Linear(model.fc.in_features, len(classes)).to(course.device)
print(model.fc)

# %% [markdown]
# The other way round: make a network with the new head first, and copy whatever fits. Which names do not?

# %%
own = resnet18(len(classes)).state_dict()
own = {name: value for name, value in own.items() if not name.endswith("num_batches_tracked")}
fits = {name for name in own if name in weights and weights[name].shape == own[name].shape}
print(len(own), "entries of the new model,", len(fits), "fit")
print("left as they are:", [name for name in own if name not in fits])

# %% [markdown]
# Exactly the head. (We left out `num_batches_tracked`, the counter of BatchNorm, which files of old PyTorch versions
# lack and which is not needed here.) `pretrained_resnet18(num_classes)` does all this: it reads the file, checks that
# it is undamaged, copies everything but the head, and refuses if anything *else* does not fit. The letters at the end
# of the file's name begin its **checksum**, by which it notices damage.

# %%
from course_utils import pretrained_resnet18

theirs = pretrained_resnet18(len(classes)).state_dict()
ours = model.state_dict()
for name in fits:
    torch.testing.assert_close(ours[name].cpu(), theirs[name], rtol=0, atol=0)
print(len(fits), "tensors compared")

# %% [markdown]
# (`rtol=0` and `atol=0` allow no rounding: the tensors agree to the last bit.)
#
# **Check yourself.** Somebody calls `load_state_dict(weights, strict=False)`, which skips every name that it does not
# know, and the names in the file all begin with `module.`. What happens?
# <details><summary>Answer</summary>
#
# No name fits, nothing is loaded, and nothing is reported. The network trains from scratch while everybody believes
# that it is pretrained. `load_state_dict` returns the names that were missing or unexpected: print them, and expect the
# head there and nothing else.
#
# </details>

# %% [markdown]
# ## What the first layer has learned
#
# The first layer, `conv1`, has 64 filters of 7 × 7 pixels and three channels, which can be shown as small colour
# pictures, each scaled from its own darkest to its own brightest value. Sixteen random ones, and sixteen pretrained:

# %%
torch.manual_seed(0)
random_filters = resnet18(len(classes)).conv1.weight.detach()
filters = {"random": random_filters, "pretrained": weights["conv1.weight"].float()}
fig, axes = plt.subplots(4, 8, figsize=(7, 4))
for rows, (name, kernels) in zip([axes[:2], axes[2:]], filters.items()):
    for ax, kernel in zip(rows.flat, kernels):
        low, high = kernel.min(), kernel.max()
        ax.imshow(((kernel - low) / (high - low)).permute(1, 2, 0))
        ax.axis("off")
    rows[0, 0].set_title(name, fontsize=10, loc="left")
fig.suptitle("Filters of the first layer")
plt.show()

# %% [markdown]
# Random filters look like noise. Among the pretrained ones are edges in several directions, thin lines, blobs and
# patches of one colour; here and there one still looks like noise. Nothing in them is about beetles or houses. That is
# what makes them useful for ants and bees: they need not be learned again from a few hundred pictures.

# %% [markdown]
# ## Momentum, and a rate that falls in steps
#
# The well-known tutorials on these pictures train with SGD and **momentum**. Plain SGD of lesson 03 steps against the
# gradient. With momentum it keeps a **velocity**: in each step 0.9 of the old velocity plus the new gradient, and the
# step is the rate times the velocity. Where gradients agree, the velocity grows; where they point here and there, they
# cancel out. By hand, with a gradient that is always 1:

# %%
weight = nn.Parameter(torch.tensor([0.0]))
optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
velocity, by_hand = 0.0, 0.0
for step in range(50):
    velocity = 0.9 * velocity + 1
    by_hand -= 0.1 * velocity
    weight.grad = torch.tensor([1.0])
    optimizer.step()
    if step in [0, 1, 2, 49]:
        print(f"step {step + 1:>2}: velocity {velocity:.2f}, weight {by_hand:.3f}", end=", ")
        print(f"SGD's {weight.item():.3f}")

# %% [markdown]
# The velocity comes close to 10 (1 + 0.9 + 0.81 + …): with momentum 0.9 the steps are up to ten times as long as the
# rate says. A rate that suits plain SGD may be too large with momentum.
#
# The scheduler **StepLR** multiplies the rate by `gamma` after every `step_size` calls of its `step()`: large steps
# first, then small ones to settle down.

# %%
from torch.optim.lr_scheduler import StepLR

optimizer = torch.optim.SGD([weight], lr=0.01, momentum=0.9)
scheduler = StepLR(optimizer, step_size=20, gamma=0.1)
rates = []
for step in range(60):
    rates.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
by_hand = [0.01 * 0.1 ** (step // 20) for step in range(60)]
for step in [0, 19, 20, 40]:
    print(f"step {step:>2}: rate {rates[step]:.4f}, by hand {by_hand[step]:.4f}")

# %% tags=["proof"]
np.testing.assert_allclose(rates, by_hand)

# %% [markdown]
# In those tutorials `scheduler.step()` is called once an epoch, and `step_size=7` means seven epochs. Our `fit` calls
# it after every batch, as `OneCycleLR` needs it, so **`step_size` counts batches**: seven epochs are
# `7 * len(train_loader)`.
#
# **Check yourself.** Somebody passes `StepLR(optimizer, step_size=7)` to `fit`, with 16 batches an epoch. What is the
# rate after one epoch?
# <details><summary>Answer</summary>
#
# It has been divided by 10 twice, after 7 and after 14 batches: a hundredth. After two epochs it is a ten-thousandth,
# and nothing is learned any more. No error, no warning. The column `lr` of the history shows it.
#
# </details>

# %% [markdown]
# ## A first fine-tuning
#
# One function for all trainings of this lesson: SGD with momentum, a rate that falls to a tenth after about two thirds
# of the epochs, batches of 12. It gives the optimizer only parameters whose `requires_grad` is true; at first that is
# all of them.

# %%
from course_utils import fit

epochs = course.pick(sample=3, full=4)
rate = course.pick(sample=0.0075, full=0.004)


def train(model, epochs, rate, seed=0, batch_size=12, drop_after=None, val_loader=None, **keep):
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(train_set, batch_size=batch_size, shuffle=True, generator=generator)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=rate, momentum=0.9)
    drop_after = drop_after or max(1, round(epochs * 2 / 3))
    scheduler = StepLR(optimizer, step_size=drop_after * len(loader), gamma=0.1)
    settings = {"optimizer": optimizer, "scheduler": scheduler, "epochs": epochs, **keep}
    return fit(model, loader, val_loader, **settings, progress=False)


# %% [markdown]
# (`drop_after or …` takes the second value where none was given, and `**keep` passes further settings on to `fit`. The
# tutorials' own settings would be `train(model, epochs=25, rate=0.001, batch_size=4, drop_after=7)`, also with
# `pretrained_resnet50` or `pretrained_resnet101` as the model, in the profile `full`. We use larger batches, a larger
# rate and few epochs, to save time. The rate was chosen from a handful of values, on the validation
# set and with the sample pictures.)
#
# After each epoch `fit` writes a **checkpoint**: what an interrupted training needs to go on, as lesson 04 said. With
# `restore_best=True` it also remembers the weights of the epoch with the lowest validation loss, and leaves the model
# with those.

# %% tags=["nbval-ignore-output"]
folder = Path(tempfile.mkdtemp())
keep = {"restore_best": True, "checkpoint": folder / "run.pt"}

torch.manual_seed(0)
model = pretrained_resnet18(len(classes)).to(course.device)
history = train(model, epochs, rate, val_loader=val_loader, **keep)
history.frame().round(4)

# %% tags=["proof"]
best_accuracy = history.best("val_loss")["val_accuracy"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert best_accuracy >= course.pick(sample=0.82, full=0.88), f"val accuracy {best_accuracy:.3f}"
np.testing.assert_allclose(history["lr"], [rate] * (epochs - 1) + [rate / 10])

# %% tags=["nbval-ignore-output"]
from course_utils import evaluate

best = history.best("val_loss")
val_loss = evaluate(model, val_loader)["loss"]
print(f"lowest val loss of all epochs {best['val_loss']:.4f}, val loss of the model {val_loss:.4f}")

# %% tags=["proof"]
assert best["val_loss"] == min(history["val_loss"]), f"{best['val_loss']:.4f} is not the lowest"
np.testing.assert_allclose(val_loss, best["val_loss"], rtol=1e-4)

# %% [markdown]
# Three or four times through a few hundred pictures, and most answers are right. The column `lr` shows the rate at the
# start of each epoch: it has fallen to a tenth before the last one. The model is that of its best epoch, the one with
# the lowest `val_loss`. It need not be the last, nor the one with the highest accuracy.
#
# ## Keep the best, and load it
#
# The checkpoint of `fit` is made for going on: it holds the optimizer's velocities, the random numbers, the last
# weights and the best. To *use* a model later, its weights are enough, together with what one needs to know about them:
# the names of the classes in their order, and the size of the pictures. `save_checkpoint` writes a dictionary:

# %%
from course_utils import save_checkpoint

keepsake = {"model": model.state_dict(), "classes": classes, "size": size}
save_checkpoint(folder / "ants_and_bees.pt", keepsake)

# %%
for name in ["run.pt", "ants_and_bees.pt"]:
    megabytes = (folder / name).stat().st_size / 1e6
    print(f"{name:<18}{megabytes:>5.0f} MB:", *load_checkpoint(folder / name))

# %% tags=["proof"]
large, small = [(folder / name).stat().st_size for name in ["run.pt", "ants_and_bees.pt"]]
assert 2 * small < large, f"{small:,} and {large:,} bytes"

# %% [markdown]
# The second file is far smaller. Whoever loads it needs a network of the same shape, without any pretrained weights,
# since all of them are in the file. (One tutorial saves its best model as `best.pt` and later loads `checkpoint.pth`,
# which is another one. Keep the name in *one* variable, and compare outputs once, as here.)

# %%
loaded = load_checkpoint(folder / "ants_and_bees.pt")
fresh = resnet18(len(loaded["classes"])).to(course.device)
fresh.load_state_dict(loaded["model"])
before, labels = predict(model, val_loader)
after, _ = predict(fresh, val_loader)
torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
print("classes:", loaded["classes"], "  outputs compared:", tuple(after.shape))

# %%
import shutil

shutil.rmtree(folder, ignore_errors=True)

# %% [markdown]
# Choosing the best epoch has a price. It was chosen by its score on the validation pictures, so that score is partly
# luck: among many epochs there is one that happens to do well on just these. How much luck? Suppose a network is right
# with probability 0.9 in every epoch, no epoch better than another, and we report the highest accuracy of 25. We draw
# ten thousand such histories; `binomial(153, 0.9)` draws how many of 153 pictures come out right:

# %%
scores = np.random.default_rng(0).binomial(153, 0.9, size=(10_000, 25)) / 153
one, best_of_25 = scores[:, 0].mean(), scores.max(axis=1).mean()
print(f"one epoch, on average: {one:.3f}   the best of 25: {best_of_25:.3f}")

# %% [markdown]
# Several points out of nothing. (Successive epochs of a real training resemble each other, which makes the effect
# smaller.) So choose the epoch on the validation set, but do not report its score there as the model's accuracy. That
# is what a test set is for.
#
# ## Look at the answers
#
# A random sample of the validation pictures first, then the ones that went wrong:

# %%
from course_utils import show_predictions

predictions = before.argmax(dim=1)
some = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))[:16]
shown = {"labels": labels[some], "predictions": predictions[some], "class_names": classes}
show_predictions(usual_images[some], **shown, title="validation pictures: answer")
plt.show()

# %%
wrong = (predictions != labels).nonzero().flatten()[:8]
shown = {"labels": labels[wrong], "predictions": predictions[wrong], "class_names": classes}
show_predictions(usual_images[wrong], **shown, title="taken for something else: answer (truth)")
plt.show()

# %% [markdown]
# In green what is right, in red what is wrong, with the truth in brackets. Look at the wrong ones and ask whether *you*
# see what the animal is: is it small, hidden, at the border, unusually striped? What is cut off by `CenterCrop` the
# network never saw.
#
# ## Freezing
#
# So far all layers were trained. Perhaps the pretrained ones need no training at all? A parameter whose `requires_grad`
# is false gets no gradient and stays as it is: it is **frozen**. `requires_grad_(False)` of a module does it for all
# parameters in it. Count what is left, part by part:

# %%
def trainable(module):
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


# %%
model = pretrained_resnet18(len(classes))
model.requires_grad_(False)
model.fc.requires_grad_(True)
for name, part in model.named_children():
    if any(True for parameter in part.parameters()):
        total = sum(parameter.numel() for parameter in part.parameters())
        print(f"{name:<8}{total:>10,} parameters, {trainable(part):>6,} trained")

# %% [markdown]
# The head has 512 weights and a bias for each of two classes, 1026 numbers in all.
#
# A tutorial "freezes" the network by giving the optimizer only the head, and leaves `requires_grad` alone. The other
# parameters then stay as they are, too, but their gradients are still computed, for nothing. How long does one batch
# take, forward and backward?

# %%
import torch.nn.functional as F

images, labels = next(iter(DataLoader(train_set, batch_size=16)))


def seconds_of_a_batch(model):
    seconds = []
    for _ in range(5):
        start = perf_counter()
        F.cross_entropy(model(images), labels).backward()
        seconds.append(perf_counter() - start)
    return min(seconds)


# %% tags=["nbval-ignore-output"]
unfrozen = seconds_of_a_batch(pretrained_resnet18(len(classes)))
frozen = seconds_of_a_batch(model)
print(f"only left out of the optimizer: {unfrozen:.3f} s, frozen: {frozen:.3f} s")

# %% tags=["proof"]
assert frozen < 0.7 * unfrozen, f"frozen {frozen:.3f} s, unfrozen {unfrozen:.3f} s"

# %% [markdown]
# The frozen network is much faster: coming from the loss, the backward pass is over once it has passed the head. So do
# both: freeze, and give the optimizer only what is trained. Is everything else now really as it was? Make one training
# step and list the entries of the state dict that have changed:

# %%
def changed_by_a_step(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
    model.train()
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()
    after = model.state_dict()
    return [name for name in after if not torch.equal(after[name], before[name])]


# %%
changed = changed_by_a_step(model)
parameters = [name for name, parameter in model.named_parameters()]
print("parameters:", [name for name in changed if name in parameters])
print("others:", len([name for name in changed if name not in parameters]), "such as", changed[:3])

# %% [markdown]
# The parameters are as intended. But the running averages of all BatchNorm layers have moved: in train mode they follow
# the batches whether or not anything has a gradient. BatchNorm has to be kept in **eval mode** as well, even though
# `fit` calls `model.train()` in every epoch. The helper `freeze` takes the gradients away and makes a module stay in
# eval mode, and `unfreeze` undoes both. Lesson 07 builds `freeze` by hand and measures what it costs to forget it.

# %%
from course_utils import freeze, unfreeze

model = pretrained_resnet18(len(classes))
freeze(model)
unfreeze(model.fc)
print("trained:", trainable(model), "  changed by a step:", changed_by_a_step(model))

# %% [markdown]
# **Check yourself.** The first layers are frozen, the last ones are not. Where does the backward pass end? And if it
# is the other way round, first layers trained and last ones frozen?
# <details><summary>Answer</summary>
#
# It ends at the first layer that is trained: nobody needs gradients of what lies before it. The other way round it has
# to go through all layers: to know how a weight in the first layer acts on the loss, it must pass through the frozen
# ones. Time is saved only by freezing from the front.
#
# </details>

# %% [markdown]
# ## Five ways to train
#
# Now the comparison.
#
# - *from scratch*: all weights random, as if there were no pretrained ones
# - *head only*: everything frozen but the head
# - *first layers frozen*: `conv1` to `layer2` stay, the rest is trained
# - *all layers*: everything is trained
# - *head first, then all*: one epoch for the head alone, then everything

# %%
def make_model(way):
    scratch = way == "from scratch"
    model = resnet18(len(classes)) if scratch else pretrained_resnet18(len(classes))
    if way in ["head only", "head first, then all"]:
        freeze(model)
        unfreeze(model.fc)
    if way == "first layers frozen":
        for part in [model.conv1, model.bn1, model.layer1, model.layer2]:
            freeze(part)
    return model.to(course.device)


# %% [markdown]
# Each way has a rate of its own, again from a few values tried with one seed. Random weights, be it a head or a whole
# network, get larger steps than pretrained ones.

# %%
rates = {
    "from scratch": 0.02,
    "head only": 0.02,
    "first layers frozen": rate,
    "all layers": rate,
    "head first, then all": rate,
}


def run(way, seed):
    torch.manual_seed(seed)
    model = make_model(way)
    if way == "head first, then all":
        train(model, 1, rates["head only"], seed)
        unfreeze(model)
        return model, train(model, epochs - 1, rates[way], seed)
    return model, train(model, epochs, rates[way], seed)


# %% [markdown]
# Each way is run with three **seeds**: another random head, another order of the pictures, other crops. To save time,
# the validation pictures are judged once, after the last epoch. We keep which of them each run got right, and the model
# of the first seed. All in one cell, the longest of this lesson:

# %% tags=["nbval-ignore-output"]
seeds = course.pick(sample=3, full=3 if course.device.type == "cuda" else 2)
models, right, rows = {}, {}, []
for way in rates:
    for seed in range(seeds):
        trained_model, history = run(way, seed)
        logits, labels = predict(trained_model, val_loader)
        right[way, seed] = (logits.argmax(dim=1) == labels).numpy()
        if seed == 0:
            models[way] = trained_model
        rows.append({
            "way": way,
            "seed": seed,
            "seconds per epoch": min(history["seconds"]),
            "val accuracy": right[way, seed].mean(),
        })
runs = pd.DataFrame(rows)
accuracies = runs.pivot(index="way", columns="seed", values="val accuracy").loc[list(rates)]
accuracies.round(3)

# %% tags=["proof"]
by_way = accuracies.mean(axis=1)
gain = by_way["all layers"] - by_way["from scratch"]
head_gain = by_way["head only"] - by_way["from scratch"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert gain >= 0.2, f"pretraining gains {gain:.3f}"
    assert head_gain >= 0.15, f"head only is ahead of from scratch by {head_gain:.3f}"
    assert by_way["all layers"] >= course.pick(sample=0.84, full=0.88), f"all layers {by_way['all layers']:.3f}"

# %%
mean = accuracies.mean(axis=1)
larger_class = max(np.bincount(labels)) / len(labels)
print(f"always the larger class: {larger_class:.3f}")

# %% tags=["proof"]
if course.profile == "sample":  # with photographs three epochs from scratch have gained a little more
    scratch = mean["from scratch"]
    assert scratch < larger_class + 0.08, f"from scratch {scratch:.3f}, the larger class {larger_class:.3f}"

# %% [markdown]
# Pretraining decides. After these few epochs from scratch the network does, on the sample, hardly better than the
# answer that is always the same. Is that fair? It may learn more if we let it: try
# `train(make_model("from scratch"), 25, 0.02, val_loader=val_loader)` when you have a few minutes. What a small network
# reaches on the drawn pictures in 25 epochs from scratch stands in the [README of the data](../data/README.md): a good
# deal less than fine-tuning reaches on them in three.
#
# ## Two kinds of uncertainty
#
# How sure are these numbers? There are two questions, and each has its standard error.
#
# *If we trained again with other seeds, by how much would the mean move?* The **standard error of a mean** over $k$
# runs is their standard deviation divided by $\sqrt{k}$. It is about luck in training.
#
# *If there were as many other validation pictures, by how much would an accuracy move?* The **standard error of an
# accuracy** on $n$ pictures is $\sqrt{p(1-p)/n}$, as in lesson 04. It is about luck in the choice of pictures. All runs
# are scored on the same ones, so more seeds do not make it smaller.
#
# pandas calls the first one `sem`. By hand, for one way (for the standard deviation of a few runs the sum of squares is
# divided by one less than their number):

# %% tags=["nbval-ignore-output"]
of_head = accuracies.loc["head only"]
variance = ((of_head - of_head.mean()) ** 2).sum() / (len(of_head) - 1)
by_hand = variance**0.5 / len(of_head) ** 0.5
print(f"by hand {by_hand:.4f}, pandas {of_head.sem():.4f}")

# %% tags=["proof"]
assert np.isclose(of_head.sem(), by_hand), f"by hand {by_hand}, pandas {of_head.sem()}"

# %% [markdown]
# Both errors for all ways, with what each way trains and how long its epochs take:

# %% tags=["nbval-ignore-output"]
from course_utils import standard_error

table = pd.DataFrame({
    "trained parameters": {way: trainable(model) for way, model in models.items()},
    "seconds per epoch": runs.groupby("way")["seconds per epoch"].min(),
    "mean val accuracy": mean,
    "s.e. over seeds": accuracies.sem(axis=1),
    "s.e. on pictures": standard_error(mean, len(val_set)),
}).loc[list(rates)]
table.round(3)

# %% tags=["proof"]
counted = table["trained parameters"]
assert counted["head only"] == 1026, counted
assert counted["head only"] < counted["first layers frozen"] < counted["all layers"], counted
np.testing.assert_allclose(table["s.e. on pictures"], (mean * (1 - mean) / len(val_set)) ** 0.5)
if course.device.type == "cpu":  # on a GPU the pictures may cost more time than the layers
    seconds = table["seconds per epoch"]
    assert seconds["head only"] < 0.8 * seconds["all layers"], seconds
    assert seconds["head only"] < seconds["first layers frozen"], seconds
    assert usual - cached < seconds["all layers"] / 4, f"{usual - cached:.3f} s saved by caching, {seconds}"
longer = table["s.e. on pictures"] > table["s.e. over seeds"]
assert longer.sum() >= 4, table

# %% [markdown]
# On a CPU a frozen body saves much of an epoch's time. Frozen first layers save less, and on a busy machine it may not
# show at all: the pictures still have to pass through them, and the large layers behind them are trained as before. The
# rest is easier to see in a figure:

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.6))
bars = [(-0.15, "s.e. over seeds", "C0-|"), (0.15, "s.e. on pictures", "C1--|")]
for row, way in enumerate(rates):
    scores = accuracies.loc[way]
    for offset, column, style in bars:
        ends = [mean[way] - table.loc[way, column], mean[way] + table.loc[way, column]]
        label = f"mean ± {column}" if row == 0 else None
        ax.plot(ends, [row + offset] * 2, style, label=label)
    ax.plot(scores, [row] * len(scores), "k.", label="one run" if row == 0 else None)
ax.axvline(larger_class, color="grey", linestyle=":", label="always the larger class")
ax.set(title="Five ways to train, several seeds each", xlabel="val accuracy", ylabel="way")
ax.set_yticks(range(len(rates)), list(rates))
ax.invert_yaxis()
ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
plt.show()

# %% [markdown]
# Dots are runs, the solid bar shows how well the runs fix their mean, the dashed one how much the pictures matter.
# Nearly everywhere the dashed bars are the longer ones: with so few validation pictures, more seeds would not tell much
# more about how the ways do on *other* pictures.
#
# To compare two ways, do not compare their bars. Both had the same seeds, and both judged the same pictures, so much of
# the luck is the same for both and cancels in the difference. Take the differences first, then their standard error:
# run by run for the luck of seeds, picture by picture for the luck of pictures. For a picture, the difference is the
# share of runs that got it right with the one way, minus that with the other. (If nothing were shared, the squares of
# the two errors would add up to the square of that of the difference.) All ways against *all layers*:

# %% tags=["nbval-ignore-output"]
def share_right(way):
    return np.mean([right[way, seed] for seed in range(seeds)], axis=0)


against = {}
for way in rates:
    if way != "all layers":
        by_run = accuracies.loc["all layers"] - accuracies.loc[way]
        by_picture = share_right("all layers") - share_right(way)
        against[way] = {
            "all layers are ahead by": by_run.mean(),
            "s.e. over seeds": by_run.sem(),
            "s.e. over pictures": by_picture.std(ddof=1) / len(by_picture) ** 0.5,
        }
against = pd.DataFrame(against).T
against.round(3)

# %% tags=["proof"]
lead = against["all layers are ahead by"]
error = against[["s.e. over seeds", "s.e. over pictures"]].max(axis=1)
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert lead["from scratch"] > 4 * error["from scratch"], against
if course.profile == "sample":  # the photographs may order the ways otherwise
    in_each = accuracies.loc["all layers"] - accuracies.loc["head only"]
    assert in_each.min() > 0, f"all layers lead head only by {[*in_each.round(3)]}"
    assert lead["head only"] > 1.5 * error["head only"], against
    assert mean["head only"] < mean["first layers frozen"] < mean["all layers"], mean
    assert abs(lead["head first, then all"]) < 2 * error["head first, then all"], against

# %% [markdown]
# As a rule of thumb, a difference under two standard errors is not shown, and an error that was itself estimated from
# three runs is rough. Judge each row by the *larger* of its two errors. The lead over *from scratch* is beyond any
# doubt.
#
# On the sample *all layers* leads *head only* in every run: features made for other things are good, features adapted
# to ants and bees are better, on these pictures. For other pictures the lead is a few errors large, which makes it
# likely, not certain. *First layers frozen* lies in between, and *head first, then all*, which had one epoch less for
# the body, cannot be told from *all layers*. In `full` your table may say otherwise.
#
# What is best depends on the pictures, too. If the new ones are few and resemble the old ones, the head alone may be
# enough, at a fraction of the time.
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
# ## Small steps for what is already good
#
# Pretrained weights are close to a good place. Steps that are right for random weights may throw them out of it before
# the new head has told them where to go. What does a single epoch with a large rate do, beside one with ours? We look
# at the accuracy, and at how far the weights before the head have moved, as a fraction of their own size. Lesson 04
# taught us to suspect BatchNorm's running averages where steps are large. So we score each network in train mode, too,
# where it uses the averages of the batch:

# %%
def moved(model):
    old, new = pretrained_resnet18(len(classes)).state_dict(), model.state_dict()
    names = [name for name, _ in model.named_parameters() if not name.startswith("fc.")]
    distance = sum((new[name].cpu() - old[name]).square().sum() for name in names) ** 0.5
    return (distance / sum(old[name].square().sum() for name in names) ** 0.5).item()


# %% tags=["nbval-ignore-output"]
val_images, val_labels = all_of(val_set)
one_epoch = {}
for name, its_rate in [("our rate", rate), ("large rate", 0.1)]:
    torch.manual_seed(0)
    network = make_model("all layers")
    train(network, 1, its_rate)
    accuracy, distance = evaluate(network, val_loader)["accuracy"], moved(network)
    with torch.inference_mode():
        logits = network.train()(val_images.to(course.device)).cpu()
    by_batch = (logits.argmax(dim=1) == val_labels).float().mean().item()
    one_epoch[name] = {"accuracy": accuracy, "in train mode": by_batch, "moved": distance}
pd.DataFrame(one_epoch).T.round(3)

# %% tags=["proof"]
ours, large = one_epoch["our rate"], one_epoch["large rate"]
assert ours["moved"] < 0.05, one_epoch
assert large["moved"] > 10 * ours["moved"], one_epoch
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert ours["accuracy"] - large["accuracy"] >= course.pick(sample=0.15, full=0.1), one_epoch
    assert ours["in train mode"] - large["in train mode"] >= course.pick(sample=0.15, full=0.1), one_epoch

# %% [markdown]
# With our rate the weights stay close to where they started. The large rate has moved them many times as far in the
# same number of steps, and what they knew is largely lost. The averages are not to blame.
#
# The same thought speaks for *head first, then all*. At the start the head is random, and what it tells the layers
# before it is random, too: improve this feature, drop that one, by chance. Train the head alone for a moment, and the
# gradients that reach the body mean something. That is the argument; the table above shows no gain from it. With a
# rate as small as ours the body hardly moves in the first batches anyway. Both are good habits: a small rate for
# pretrained layers, and a head that is not random when they start to move.
#
# **Check yourself.** Your pictures are X-rays, and the backbone knows photographs. Which of the five ways would you
# expect to suffer most, compared with pictures of insects?
# <details><summary>Answer</summary>
#
# *Head only*: it has to make do with features for photographs. The more the new pictures differ from the old ones, the
# more layers need training, and the more pictures that takes. Measure it: all five are one line each.
#
# </details>

# %% [markdown]
# ## The test set, once
#
# The way with the highest mean on the validation set is our choice, and of it the first of its three models. The sample
# has a test set that nothing above has looked at (the photographs have none: there one would have to set pictures
# aside before everything else).

# %% tags=["nbval-ignore-output"]
chosen = mean.idxmax()
print("chosen:", chosen)
if "test" in [folder.name for folder in pictures["train"].root.parent.iterdir()]:
    test_set = CachedImages(hymenoptera("test"), size)
    test_accuracy = evaluate(models[chosen], DataLoader(test_set, batch_size=64))["accuracy"]
    error = standard_error(test_accuracy, len(test_set))
    print(f"test accuracy {test_accuracy:.3f}, standard error on pictures {error:.3f}")
    below = accuracies.loc[chosen, 0] - test_accuracy
    of_both = (error**2 + table.loc[chosen, "s.e. on pictures"] ** 2) ** 0.5
    print(f"below its validation accuracy by {below:.3f}, standard error {of_both:.3f}")

# %% tags=["proof"]
assert mean[chosen] == mean.max(), mean
if course.profile == "sample":  # the photographs have no test split
    assert test_accuracy >= 0.75, f"test accuracy {test_accuracy:.3f}"
    assert abs(below) <= 3 * of_both, f"{below:.3f} below validation, standard error {of_both:.3f}"

# %% [markdown]
# Test and validation are different pictures, so here nothing cancels and the squares of the errors add up. Some loss is
# to be expected, since rates and way were chosen on the validation pictures; how much of the difference is that, and
# how much is chance, one number cannot tell. The test score is the one to report, with its error, and after it nothing
# is changed any more.
#
# > **Common mistake.** A tutorial trains the head first and then everything. For the second part it makes a new
# > optimizer, but the scheduler still gets the old one (`optimizer_ft`, while the training steps `optimizer`):

# %%
weight.grad = torch.tensor([1.0])
optimizer_ft = torch.optim.SGD([weight], lr=0.001)
scheduler = StepLR(optimizer_ft, step_size=7, gamma=0.1)
optimizer_ft.step()  # the first part, here only one step

optimizer = torch.optim.SGD([weight], lr=0.001)  # the second part
scheduler = StepLR(optimizer_ft, step_size=7, gamma=0.1)
used, meant = [], []
for epoch in range(25):
    used.append(optimizer.param_groups[0]["lr"])
    meant.append(0.001 * 0.1 ** (epoch // 7))
    optimizer.step()
    scheduler.step()
for epoch in [0, 7, 14, 24]:
    print(f"epoch {epoch + 1:>2}: rate used {used[epoch]:.6f}, rate meant {meant[epoch]:.6f}")
print(f"in the last epoch the rate is {used[-1] / meant[-1]:.0f} times as large as meant")

# %% tags=["proof"]
assert set(used) == {0.001}, f"the rates used: {set(used)}"

# %% [markdown]
# > Nothing crashes. The old optimizer's rate falls obediently, and nobody uses that optimizer. A scheduler belongs to
# > *one* optimizer: make a new one whenever you make a new optimizer, as our `train` does, and print the rates that
# > were really used.
#
# ## Summary
#
# - Decode once, keep `uint8`, crop each picture and normalize the batch: `CachedImages`, with `file=` for more.
# - Pretrained weights are named tensors; everything but the head fits, and the new head starts at random.
# - With few pictures pretraining decides; then come small rates for good weights, and larger ones for a new head.
# - Freeze with `requires_grad`, give the optimizer only what is trained, and keep BatchNorm in eval mode: `freeze`.
# - Save the best epoch by validation; report several seeds with both standard errors, and the test score once.
#
# **Exercises**: [06 exercises](exercises/06_fine_tuning.ipynb)
#
# **Next**: [07 · Feature extraction](07_feature_extraction.ipynb)
