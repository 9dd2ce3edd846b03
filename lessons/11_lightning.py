# %% [markdown]
# # 11 · Lightning
#
# You hand your training loop over to a library, check that it does what yours did, and weigh what it costs against what
# it gives.
#
# **Time** about 60 minutes, of which the computer works 35 seconds · **Before this**
# [lesson 06](06_fine_tuning.ipynb), [lesson 07](07_feature_extraction.ipynb),
# [lesson 10](10_from_notebook_to_script.ipynb)
#
# **You will learn to**
#
# - turn a training loop into a LightningModule, and say who does each of its lines now
# - set up a Trainer, and read what it prints and the files that it leaves
# - log a score that may not be averaged over batches
# - resume a training, and prove that it ends with the weights of an uninterrupted one
# - freeze a backbone inside a LightningModule, and prove that nothing in it moves
# - show that Lightning trains to the same weights as `fit`, and measure what it costs per step

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import setup

course = setup(seed=0, lesson="11")

# %% [markdown]
# ## What you will have
#
# In lesson 03 you wrote a training loop, and since then `fit` has run it for you. Most lines of such a loop are the
# same in every project. **Lightning** (package `lightning`, in older programs `pytorch_lightning`) is a widely used
# library that has written them once: the loop is theirs, the model and the single step are yours.
#
# It talks a lot, on the error stream, which JupyterLab paints red. The next cell sends its messages and all warnings to
# the page, each warning once. (No need to study it.)

# %%
import logging
import sys
import warnings

import lightning as L

told = set()


def print_once(message, category, *place, **more):
    if str(message) not in told:
        told.add(str(message))
        print(f"{category.__name__}: {message}")


warnings.showwarning = print_once
for name in ["lightning.pytorch", "lightning.fabric"]:
    logging.getLogger(name).handlers = [logging.StreamHandler(sys.stdout)]

# %% [markdown]
# Its progress bar is a widget, gone when you open a notebook again. We make it one line of text, as in lesson 03.

# %%
from lightning.pytorch.callbacks import TQDMProgressBar
from tqdm import tqdm


class TextBar(TQDMProgressBar):
    def init_train_tqdm(self):
        return tqdm(position=0, file=sys.stdout)

    def init_validation_tqdm(self):
        return tqdm(disable=True)

    init_sanity_tqdm = init_validation_tqdm


# %% [markdown]
# Our example is the fine-tuning of lesson 06: a pretrained ResNet-18 learns to tell ants from bees. (The photographs of
# `full` have no test split, so their validation pictures are halved at random.)

# %%
from torch.utils.data import DataLoader, random_split

from course_utils import CachedImages, hymenoptera, make_backbone

size = course.pick(sample=48, full=224)


def open_set(split):
    if course.profile == "sample" or split == "train":
        return CachedImages(hymenoptera(split), size, augment=split == "train")
    rng = torch.Generator().manual_seed(0)
    halves = random_split(CachedImages(hymenoptera("val"), size), [0.5, 0.5], rng)
    return dict(zip(["val", "test"], halves))[split]


train_set, val_set = open_set("train"), open_set("val")
train_loader = DataLoader(train_set, batch_size=12, shuffle=True)
val_loader = DataLoader(val_set, batch_size=64)

# %% [markdown]
# Model, step and optimizer go into one class, a **LightningModule**. You know nearly every line. New are three:
# `make_backbone` makes any network of torchvision by its name, `save_hyperparameters` notes the arguments of `__init__`
# in `self.hparams`, and `self.log` hands a number to bar and files (`on_step`: that of each batch, `on_epoch`: the
# average of an epoch, `prog_bar`: show it in the bar).


# %%
class Classifier(L.LightningModule):
    def __init__(self, network="resnet18", num_classes=2, lr=0.0075, pretrained=True):
        super().__init__()
        self.save_hyperparameters()
        self.network = make_backbone(network, num_classes, pretrained)
        self.example_input_array = torch.zeros(1, 3, size, size)

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        images, labels = batch
        loss = F.cross_entropy(self(images), labels)
        self.log("train_loss", loss, on_step=True, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch, batch_idx):
        images, labels = batch
        logits = self(images)
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
        scores = {"val_loss": F.cross_entropy(logits, labels), "val_accuracy": accuracy}
        self.log_dict(scores, prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr, momentum=0.9)


# %% [markdown]
# No loop, no `zero_grad`, no `backward`, no `to(device)`. All that belongs to the **Trainer**. `seed_everything` seeds
# Python, NumPy and torch, as `setup` does, and comes *before* the module, because the new head is drawn at random.

# %% tags=["nbval-ignore-output"]
import tempfile
from pathlib import Path

from lightning.pytorch.callbacks import ModelCheckpoint, ModelSummary, Timer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

folder = Path(tempfile.mkdtemp())
epochs = course.pick(sample=2, full=4)
accelerator = course.pick(sample="cpu", full="auto")
best = ModelCheckpoint(monitor="val_loss", mode="min", filename="{epoch}-{val_loss:.3f}")
timer = Timer()

L.seed_everything(0)
module = Classifier(lr=course.pick(sample=0.0075, full=0.004))
trainer = L.Trainer(
    max_epochs=epochs,
    accelerator=accelerator,
    devices=1,
    logger=[CSVLogger(folder), TensorBoardLogger(folder, name="tensorboard")],
    log_every_n_steps=5,
    callbacks=[best, timer, ModelSummary(max_depth=2), TextBar()],
)
trainer.fit(module, train_loader, val_loader)

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

last = {name: value.item() for name, value in trainer.callback_metrics.items()}
if has_usual_weights():  # ImageNet's weights decide
    assert last["val_accuracy"] >= course.pick(sample=0.72, full=0.85), f"{last}"
assert trainer.current_epoch == epochs, f"{trainer.current_epoch} epochs"

# %% [markdown]
# First come notes: the seed, the chips that were found (**TPUs** are Google's chips for tensors), perhaps an
# advertisement. Then the *summary*:
#
# - *In sizes* and *Out sizes* are known because the `example_input_array`, a batch of zeros, was sent through the
#   network once.
# - *FLOPs* counts the multiplications and additions that this input costs, in a forward pass.
# - *Params* counts parameters; *trainable* are those with `requires_grad`. *Modules* are all parts of the network.
#
# Read the warnings that follow. A `FutureWarning` about `treespec` concerns Lightning's own code, not yours; another
# may advise more workers for the loader (lesson 01). Last comes the bar. Lightning counts epochs from 0 (`fit` from 1),
# so the last of two is `Epoch 1`; `v_num` is the number of the run.
#
# A LightningModule *is* an `nn.Module`. So everything of the course works with it:

# %% tags=["nbval-ignore-output"]
from course_utils import predict, show_predictions

logits, labels = predict(module.to(course.device), val_loader)
preds = logits.argmax(dim=1)
print(f"{(preds == labels).sum()} of {len(labels)} validation pictures right")

# %% tags=["proof"]
share = (preds == labels).float().mean().item()
assert abs(share - trainer.callback_metrics["val_accuracy"].item()) < 0.01, f"{share} of the answers are right"

# %% tags=["nbval-ignore-output"]
some = torch.randperm(len(labels))[:12]
images = torch.stack([val_set[index][0] for index in some])
title = "What it says after the training (the truth in brackets)"
fig = show_predictions(images, labels[some], preds[some], train_set.classes, columns=6, title=title)
fig.set_size_inches(9.5, 4)
plt.show()

# %% tags=["proof"]
assert isinstance(module, nn.Module), "a LightningModule is no nn.Module"
from course_utils.models.backbones import make_network

with torch.device("meta"):
    sizes = {name: sum(p.numel() for p in make_network(name, 2).parameters()) for name in ["resnet18", "resnet101"]}
assert {name: f"{size / 1e6:.1f}" for name, size in sizes.items()} == {"resnet18": "11.2", "resnet101": "42.5"}, sizes

# %% [markdown]
# **Try it.** What does the summary say of a ResNet-101?
# <details><summary>What we saw</summary>
#
# ```python
# from lightning.pytorch.utilities.model_summary import summarize
#
# print(summarize(Classifier("resnet101", pretrained=False)))
# ```
#
# 42.5 million parameters instead of 11.2. (The sample has weights for ResNet-18 only. In `full`, `python -m
# course_utils.downloads resnet101` gets these. `lr=0.001`, 25 epochs and batches of 4 are a recipe of many tutorials.)
#
# </details>

# %% [markdown]
# ## Who calls whom?
#
# ![On the left the Trainer with its loop over epochs and, inside it, the loops over training and validation batches.
# Arrows lead from it to your module in the middle: configure_optimizers once, training_step for each training batch,
# validation_step for each validation batch. Between them the Trainer itself calls zero_grad, backward, optimizer.step
# and scheduler.step, and switches between train and eval mode. On the right callbacks and loggers are told after each
# batch and each epoch.](figures/who_calls_whom.svg)
#
# Follow the Trainer (left) downwards: green is yours, and it *is called*. What became of the lines of the old loop?
#
# | line of the loop | who does it now |
# |---|---|
# | `model = …`, `optimizer = …`, `scheduler = …` | you, in `__init__` and `configure_optimizers` |
# | `for epoch …`, `for images, labels in train_loader` | the Trainer |
# | `model.to(device)`, `images.to(device)` | the Trainer |
# | `loss = F.cross_entropy(model(images), labels)` | **you, in `training_step`** |
# | `zero_grad()`, `backward()`, `optimizer.step()`, `scheduler.step()` | the Trainer |
# | `model.eval()` and no gradients for validation, and back | the Trainer |
# | `model.train()` before the first batch | nobody: see *The frozen one* |
# | scores of a validation batch | you, in `validation_step` |
# | averages over an epoch, history, files | the Trainer, for what you `log` |
# | `restore_best`, `checkpoint=` | the callback `ModelCheckpoint` |
#
# To see it happen we let the methods announce themselves, and `on_train_epoch_start`, which the Trainer calls, too, if
# there is one. From here on Lightning's messages are off (warnings still come), and `quiet_trainer` makes a Trainer
# that writes no files and draws no bar.

# %%
logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)


def quiet_trainer(max_epochs=1, **settings):
    return L.Trainer(
        max_epochs=max_epochs,
        accelerator=accelerator,
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **settings,
    )


# %%
class Talking(Classifier):
    def configure_optimizers(self):
        print("configure_optimizers")
        return super().configure_optimizers()

    def training_step(self, batch, batch_idx):
        print("    training_step", batch_idx)
        return super().training_step(batch, batch_idx)

    def validation_step(self, batch, batch_idx):
        mode = "train" if self.training else "eval"
        print(f"    validation_step {batch_idx}, in {mode} mode")
        super().validation_step(batch, batch_idx)

    def on_train_epoch_start(self):
        print("epoch", self.current_epoch)


# %% [markdown]
# **Guess first.** Two epochs of three training batches and one validation batch. Which line comes first, and which
# second? Then open the cell. (`shufflenet_v2_x0_5` is a tiny network, for quick experiments.)

# %% tags=["fold"]
talking = Talking("shufflenet_v2_x0_5", pretrained=False)
short = quiet_trainer(max_epochs=2, limit_train_batches=3, limit_val_batches=1)
short.fit(talking, train_loader, val_loader)

# %% [markdown]
# Why a `validation_step` before the first epoch? Lightning tries out two validation batches first (we allowed one), to
# find mistakes before a long epoch. Their scores are thrown away.
#
# ## One step, and one epoch of validation
#
# `training_step` is an ordinary method, so try it by hand: `self(images)` calls `forward`, and the loss must be that of
# your loop. (There is no Trainer to log to, so `self.log` only warns.) `assert_close` is silent if two tensors agree.

# %%
untrained = Classifier().eval()
images, labels = next(iter(val_loader))
loss = untrained.training_step((images, labels), batch_idx=0)
torch.testing.assert_close(loss, F.cross_entropy(untrained.network(images), labels))

# %% tags=["proof"]
assert loss.requires_grad, "the Trainer could not call backward"

# %% [markdown]
# The Trainer also validates alone, with `validate`. Does it give what `evaluate` of the course gives? The last batch is
# smaller than the others, and lesson 03 showed that a plain mean of batch means is wrong then.

# %% tags=["nbval-ignore-output"]
from course_utils import evaluate, fit

theirs = quiet_trainer().validate(module, val_loader, verbose=False)[0]
ours = evaluate(module.to(course.device), val_loader)
print(f"loss:     Lightning {theirs['val_loss']:.4f}, evaluate {ours['loss']:.4f}")
print(f"accuracy: Lightning {theirs['val_accuracy']:.4f}, evaluate {ours['accuracy']:.4f}")

# %% tags=["proof"]
np.testing.assert_allclose(theirs["val_loss"], ours["loss"], atol=1e-3)
np.testing.assert_allclose(theirs["val_accuracy"], ours["accuracy"], atol=0.01)

# %% [markdown]
# It does: in a `validation_step`, `self.log` averages over the epoch, weighted with the sizes of the batches. It takes
# the size from the first tensor that it finds in the batch; where that is wrong, write `self.log(…,
# batch_size=len(labels))`. In a `training_step` the default is to log the value of each single batch, `on_step=True`.
#
# **Check yourself.** Somebody writes `self.log("accuracy", accuracy, batch_size=1)`. Batches have 12 pictures, the last
# one has 4. What does the average mean then?
# <details><summary>Answer</summary>
#
# All batches weigh the same, so each of the last four pictures counts as much as three others.
#
# </details>
#
# ## A score that may not be averaged
#
# Loss and accuracy are means over pictures, so a weighted mean of batch means is right. **F1** of lesson 09 is not: it
# is made of precision and recall of the whole set. Many programs log it batch by batch nevertheless. The cure is
# **torchmetrics**, which comes with Lightning: a *metric object* adds up counts over the batches, and computes the
# score once, at the end of the epoch. Log the object itself: Lightning asks it then, and resets it.

# %%
from torchmetrics.classification import BinaryF1Score
from torchmetrics.functional.classification import binary_f1_score


class WithF1(Classifier):
    def __init__(self):
        super().__init__()
        self.f1 = BinaryF1Score()

    def validation_step(self, batch, batch_idx):
        images, labels = batch
        preds = self(images).argmax(dim=1)
        self.log("f1 averaged", binary_f1_score(preds, labels))  # of this batch alone
        self.f1(preds, labels)
        self.log("f1 of the epoch", self.f1)


# %% [markdown]
# **Guess first.** The drawn validation pictures begin with all ants and end with all bees, in batches of 64. F1 is that
# of the bees. How far will the two numbers lie apart? Then open the cell.

# %% tags=["fold", "nbval-ignore-output"]
with_f1 = WithF1()
with_f1.network = module.network
f1_scores = quiet_trainer().validate(with_f1, val_loader, verbose=False)[0]
for name, score in f1_scores.items():
    print(f"{name:>15}: {score:.3f}")

# %% tags=["proof"]
from sklearn.metrics import f1_score

answers, truth = predict(module.to(course.device), val_loader)
by_sklearn = f1_score(truth, answers.argmax(dim=1))
assert abs(f1_scores["f1 of the epoch"] - by_sklearn) < 0.01, f"{f1_scores}, scikit-learn {by_sklearn:.3f}"
if course.profile == "sample":  # half of the photographs come in random order, so each batch holds both classes
    assert f1_scores["f1 averaged"] < f1_scores["f1 of the epoch"] - 0.2, f"{f1_scores}"

# %% [markdown]
# The first number is not the network's F1. A batch without a single bee cannot have a true positive: its F1 is 0,
# however good the answers are. The second is what `sklearn.metrics.f1_score` gives. The rule: log means directly, and
# for all else (F1, recall, precision, area under a curve) log a metric object.

# %% [markdown]
# **Try it.** Give it all validation pictures as one batch.
# <details><summary>What we saw</summary>
#
# ```python
# one_batch = DataLoader(val_set, batch_size=len(val_set))
# quiet_trainer().validate(with_f1, one_batch)
# ```
#
# The same number twice: with one batch there is nothing to average. (Without `verbose=False` a table is printed.)
#
# </details>

# %% [markdown]
# ## A schedule, and who moves it
#
# `configure_optimizers` may return a scheduler as well. The Trainer calls it once an **epoch**, unless you say
# `"interval": "step"`; `fit` calls it after every step. How many steps there will be, the Trainer knows:
# `estimated_stepping_batches`. We write it with the interval, and once without, as many programs do.

# %%
from torch.optim.lr_scheduler import OneCycleLR


class OneCycle(Classifier):
    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        steps = self.trainer.estimated_stepping_batches
        scheduler = OneCycleLR(optimizer, max_lr=self.hparams.lr, total_steps=steps)
        moved = {"scheduler": scheduler, "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": moved}


class IntervalForgotten(OneCycle):
    def configure_optimizers(self):
        returned = super().configure_optimizers()
        return [returned["optimizer"]], [returned["lr_scheduler"]["scheduler"]]


# %% [markdown]
# To see what happens we need a **callback**, as in lesson 09: an object whose methods the Trainer calls at certain
# moments. Ours notes the learning rate before each batch. (Lightning's own, `LearningRateMonitor("step")`, sends it to
# the loggers.)


# %%
class NoteRates(L.Callback):
    def __init__(self):
        self.rates = []

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])


# %%
from torch.utils.data import Subset

few = Subset(train_set, range(0, 240, 8))
few_loader = DataLoader(few, batch_size=3, shuffle=True)
few_val_loader = DataLoader(Subset(val_set, range(0, 64, 16)), batch_size=4)
fig, ax = plt.subplots(figsize=(6.5, 3.2))
for kind, style in [(OneCycle, "-"), (IntervalForgotten, "--")]:
    noted = NoteRates()
    trial = kind("shufflenet_v2_x0_5", pretrained=False, lr=0.01)
    quiet_trainer(3, callbacks=[noted]).fit(trial, few_loader, few_val_loader)
    ax.plot(noted.rates, style, label=kind.__name__)
ax.set(title="The same schedule, three epochs of ten batches")
ax.set(xlabel="step", ylabel="learning rate")
ax.legend()
plt.show()

# %% tags=["proof"]
assert len(set(noted.rates)) == 3, f"with the interval forgotten the rate takes the values {sorted(set(noted.rates))}"
assert max(noted.rates) < 0.01 / 4, f"the largest rate is {max(noted.rates)}"

# %% [markdown]
# With the interval forgotten the rate has only three values: the training ends in its warm-up, at less than a quarter
# of the rate that was asked for. No error, no warning. (Some schedules are meant to move once an epoch: `[optimizer],
# [StepLR(optimizer, step_size=7)]` lowers the rate every seven epochs.)
#
# ## The Trainer, and the folder of a run
#
# Look again at the call that trained our network:
#
# - `accelerator="auto"` takes the chip that is there, `devices=1` one of them. (`sample` always computes on the CPU.)
# - `logger`: `CSVLogger` writes a table, `TensorBoardLogger` curves for TensorBoard (lesson 09). Without this argument
#   you get TensorBoard's if it is installed, and the folder `lightning_logs` where the notebook lies.
# - `log_every_n_steps=5`: of what is logged `on_step`, every fifth is written. The default is 50, more than our epochs
#   have batches.
# - `ModelCheckpoint` looks at `monitor` after each validation, and keeps the best model so far. `mode="min"` says that
#   lower is better (nothing to do with train mode). `Timer` measures, `ModelSummary` has written the summary.
#
# Many programs ask for `accelerator="gpu", devices=[0]`, the first GPU. And on a laptop without one?

# %% tags=["nbval-ignore-output"]
from lightning.pytorch.utilities.exceptions import MisconfigurationException

try:
    L.Trainer(accelerator="gpu", devices=[0], logger=False)
    print("There is one.")
except MisconfigurationException as error:
    print("MisconfigurationException:", error)

# %% tags=["proof"]
from lightning.pytorch.accelerators import CPUAccelerator

found = L.Trainer(accelerator="auto", devices=1, logger=False).accelerator
try:
    L.Trainer(accelerator="gpu", devices=[0], logger=False)
    refused = False
except MisconfigurationException:
    refused = True
assert refused == isinstance(found, CPUAccelerator), f"refused: {refused}, and auto finds {type(found).__name__}"

# %% [markdown]
# Without one it stops before the first batch; `"auto"` runs on both. Now the files:

# %% tags=["nbval-ignore-output"]
run_folder = Path(trainer.loggers[0].log_dir)
for file in sorted(path for path in run_folder.rglob("*") if path.is_file()):
    print(f"{file.stat().st_size / 1000:>8,.0f} kB  {file.relative_to(folder).as_posix()}")

# %% tags=["proof"]
kept = {file.name for file in run_folder.iterdir()}
assert kept == {"checkpoints", "metrics.csv", "hparams.yaml"}, f"the run's folder holds {sorted(kept)}"
assert run_folder.parent == folder / "lightning_logs" and run_folder.name == "version_0", f"{run_folder}"
checkpoints = [file.name for file in run_folder.glob("checkpoints/*.ckpt")]
assert len(checkpoints) == 1 and "val_loss=" in checkpoints[0], f"checkpoints: {checkpoints}"

# %% [markdown]
# You will meet this folder in many projects: `lightning_logs`, and in it `version_0`, `version_1`, … for each run.
# `hparams.yaml` holds the arguments of `__init__`. The best model's name tells epoch and loss, as `filename`
# says. Now the table:

# %% tags=["nbval-ignore-output"]
metrics = pd.read_csv(run_folder / "metrics.csv")
metrics.head(6).round(3)

# %% tags=["proof"]
assert metrics["step"].max() == epochs * len(train_loader) - 1, f"the last step is {metrics['step'].max()}"
assert {"train_loss_step", "train_loss_epoch"} <= set(metrics), f"columns: {sorted(metrics)}"
assert metrics.dropna().empty, f"complete rows: {len(metrics.dropna())}"

# %% [markdown]
# It is full of gaps (`NaN`, *not a number*), and `dropna()`, which keeps complete rows, would keep none. The loss of a
# batch, validation scores and averages of an epoch are logged at different moments, each in a row of its own.
# (`on_step=True, on_epoch=True` has split `train_loss` in two.) So pick a column first, and drop its gaps then. For a
# table by epoch, `groupby("epoch").first()` takes the first number in each column:

# %% tags=["nbval-ignore-output"]
by_epoch = metrics.groupby("epoch").first()
by_epoch[["train_loss_epoch", "val_loss", "val_accuracy"]].round(3)

# %% tags=["proof"]
by_hand = metrics[["epoch", "val_loss"]].dropna().set_index("epoch")["val_loss"]
np.testing.assert_array_equal(by_epoch["val_loss"], by_hand)
assert len(by_epoch) == epochs, f"{len(by_epoch)} rows, {epochs} epochs"

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(6.5, 3.4))
for column, style in [("train_loss_step", ".:"), ("train_loss_epoch", "s--"), ("val_loss", "o-")]:
    values = metrics[["step", column]].dropna()
    ax.plot(values["step"], values[column], style, label=column)
ax.set(title="Losses of single batches, and averages of epochs", xlabel="step", ylabel="loss")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% tags=["proof"]
single, averaged = (metrics[f"train_loss_{kind}"].dropna() for kind in ["step", "epoch"])
assert single.diff().max() > 0.03, f"the loss of a batch rises by {single.diff().max():.3f} at most"
assert averaged.diff().max() < single.diff().max(), f"the averages rise by {averaged.diff().max():.3f}"

# %% [markdown]
# The loss of every fifth batch jumps up and down; the average over an epoch, drawn where the epoch ends, is calmer.
# (The weights change while it is taken, as with `fit`.)
#
# ## What the checkpoint holds
#
# A checkpoint is a file written by `torch.save`. Such a file can hold code that runs when you load it. With
# `weights_only=True` nothing runs: all but tensors and plain values is refused.

# %%
checkpoint = torch.load(best.best_model_path, weights_only=True, map_location="cpu")
for name, value in checkpoint.items():
    print(f"{name:<26} {type(value).__name__}")
print("\nhyper_parameters:", checkpoint["hyper_parameters"])

# %% [markdown]
# Weights, the optimizer's velocities, schedules, where the loops stood, what callbacks remember, and the arguments of
# `__init__`. So `load_from_checkpoint` can build the module anew and copy the weights into it:

# %% tags=["nbval-ignore-output"]
path = best.best_model_path
best_module = Classifier.load_from_checkpoint(path, map_location="cpu", weights_only=True)
scores = quiet_trainer().validate(best_module, val_loader, verbose=False)[0]
print("by epoch:", by_epoch["val_loss"].round(4).tolist())
print(f"the file: {scores['val_loss']:.4f}")

# %% tags=["proof"]
np.testing.assert_allclose(scores["val_loss"], by_epoch["val_loss"].min(), rtol=1e-4)
np.testing.assert_allclose(scores["val_loss"], best.best_model_score.item(), rtol=1e-4)
assert best_module.training, "a loaded module is in eval mode"
assert dict(best_module.hparams) == checkpoint["hyper_parameters"], f"arguments {dict(best_module.hparams)}"
import pickle


class Careless(L.LightningModule):
    def __init__(self, network):
        super().__init__()
        self.network = network
        self.save_hyperparameters()

    def training_step(self, batch, batch_idx):
        pass

    def configure_optimizers(self):
        pass


with warnings.catch_warnings(record=True):
    careless = quiet_trainer(max_epochs=0)
    careless.fit(Careless(nn.Linear(2, 2)), [])
    careless.save_checkpoint(folder / "careless.ckpt")
try:
    torch.load(folder / "careless.ckpt", weights_only=True)
    refused = ""
except pickle.UnpicklingError as error:
    refused = str(error)
assert "Linear" in refused, f"a whole network in hyper_parameters is not refused: {refused!r}"

# %% [markdown]
# It is the best model, which need not be the last. Two warnings:
#
# - A loaded module is in train mode. `validate`, `test` and `predict` of the Trainer see to it; before you call it
#   yourself, call `eval()`, or Lightning's `module.freeze()`, which also turns off `requires_grad` everywhere.
# - If `__init__` takes a network as an argument, `save_hyperparameters()` saves it whole, as an object, and
#   `weights_only=True` refuses the file. Forums then recommend `weights_only=False`. Better write
#   `save_hyperparameters(ignore=["network"])`, or make the network in `__init__`, as `Classifier` does.
#
# ## Going on where it stopped
#
# `trainer.fit(…, ckpt_path=…)` resumes a training from a checkpoint; `max_epochs` counts the epochs before it, too.
# (Resume from the *last* epoch, not the best: `ModelCheckpoint(save_last=True)` keeps a `last.ckpt`, too.) Does it end
# where an uninterrupted training ends? We train two epochs at once, then one epoch, and from its file the other one.
# `seed_everything` at the start stands for a new process.


# %%
def train_small(max_epochs, ckpt_path=None, **settings):
    L.seed_everything(0, verbose=False)
    module = Classifier("shufflenet_v2_x0_5", pretrained=False)
    trainer = quiet_trainer(max_epochs, **settings)
    trainer.fit(module, few_loader, few_val_loader, ckpt_path=ckpt_path)
    trainer.save_checkpoint(folder / f"after_{max_epochs}.ckpt")
    return module.cpu()


def largest_difference(first, second):
    pairs = zip(first.parameters(), second.parameters())
    return max((ours - theirs).abs().max().item() for ours, theirs in pairs)


# %% [markdown]
# **Guess first.** The loader shuffles, and pictures are augmented. Will the weights be the same, a little different, or
# as different as after another epoch of training? Then open the cell.

# %% tags=["fold", "nbval-ignore-output"]
at_once = train_small(2)
half = train_small(1)
resumed = train_small(2, ckpt_path=folder / "after_1.ckpt")
moved = largest_difference(half, at_once)
lost = largest_difference(resumed, at_once)
print(f"largest change of a weight in epoch 2: {moved:.3f}")
print(f"resumed and at once differ by up to:   {lost:.3f}")

# %% tags=["proof"]
assert lost > moved / 5, f"resumed differs by {lost:.4f}, the second epoch moves the weights by {moved:.4f}"

# %% [markdown]
# They differ about as much as an epoch of training changes them. The list above shows what the file lacks: the *state
# of the random numbers*. The new process starts them anew, so epoch 2 gets another order of the pictures, and other
# crops. A callback can mend that: what its `state_dict` returns goes into the checkpoint, and comes back to
# `load_state_dict`.


# %%
class KeepRandomState(L.Callback):
    def state_dict(self):
        return {"random": torch.get_rng_state()}

    def load_state_dict(self, state):
        torch.set_rng_state(state["random"])


# %% tags=["nbval-ignore-output"]
at_once = train_small(2, callbacks=[KeepRandomState()])
half = train_small(1, callbacks=[KeepRandomState()])
resumed = train_small(2, ckpt_path=folder / "after_1.ckpt", callbacks=[KeepRandomState()])
kept = largest_difference(resumed, at_once)
print("resumed and at once differ by up to:", kept)

# %% tags=["proof"]
assert kept < lost / course.pick(sample=100, full=3), f"with the random state {kept}, without {lost}"
if course.profile == "sample":  # a GPU may take sums in another order each time
    assert kept < 1e-5, f"differ by {kept}"

# %% [markdown]
# Not by a single bit, where this page was made: momentum, batch counts and random numbers all go on. The checkpoints of
# `fit` keep that state, too. For most trainings it does not matter *which* order of the pictures they get, but only the
# same order proves that nothing else was lost.
#
# ## The data in one class
#
# In many projects a **LightningDataModule** holds all about the data. `setup` opens what a stage needs (`"fit"`,
# `"validate"`, `"test"` or `"predict"`), and methods with fixed names make the loaders:


# %%
class Insects(L.LightningDataModule):
    def __init__(self, batch_size=12):
        super().__init__()
        self.save_hyperparameters()

    def setup(self, stage):
        if stage == "fit":
            self.train_set = open_set("train")
        if stage in ["fit", "validate"]:
            self.val_set = open_set("val")
        if stage == "test":
            self.test_set = open_set("test")

    def train_dataloader(self):
        return DataLoader(self.train_set, self.hparams.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val_set, batch_size=64)

    def test_dataloader(self):
        return DataLoader(self.test_set, batch_size=64)


# %% [markdown]
# `trainer.fit(module, datamodule=Insects())` trains with it. We use it for the test: the model was chosen by its
# validation loss, so we judge it once on pictures that have chosen nothing. `test` calls `test_step`, which our class
# lacks. A subclass can load the same file:


# %%
class Tested(Classifier):
    def test_step(self, batch, batch_idx):
        images, labels = batch
        accuracy = (self(images).argmax(dim=1) == labels).float().mean()
        self.log("test_accuracy", accuracy)


# %% tags=["nbval-ignore-output"]
insects = Insects()
best_module = Tested.load_from_checkpoint(path, map_location="cpu", weights_only=True)
test_scores = quiet_trainer().test(best_module, datamodule=insects)

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

test_logits, test_labels = predict(best_module.to(course.device), insects.test_dataloader())
counted = (test_logits.argmax(dim=1) == test_labels).float().mean().item()
assert abs(counted - test_scores[0]["test_accuracy"]) < 0.01, f"{test_scores}, counted by hand {counted:.3f}"
assert not hasattr(insects, "train_set"), "testing has opened the training pictures"
if has_usual_weights():  # ImageNet's weights decide
    assert counted >= course.pick(sample=0.75, full=0.85), f"test accuracy {counted:.3f}"

# %% [markdown]
# No training picture was opened for this: `setup` was told `"test"`. (Downloads belong in `prepare_data`, which is
# called once; `setup` is called in every process. And `trainer.predict` calls a `predict_step`, for pictures without
# labels.)
#
# ## The frozen one
#
# A **feature extractor** trains only the head. Lesson 07 has shown what that takes: a backbone without gradients, in an
# eval mode that nobody undoes. The helper `freeze` does both. Other programs do it otherwise:

# %%
from course_utils import freeze, unfreeze


class Frozen(Classifier):
    def __init__(self):
        super().__init__(lr=0.02)
        freeze(self.network)
        unfreeze(self.network.fc)


class OnlyTheOptimizer(Classifier):
    def configure_optimizers(self):
        return torch.optim.SGD(self.network.fc.parameters(), lr=0.02)


# %%
class NoGradInForward(Classifier):
    def __init__(self):
        super().__init__(lr=0.02)
        self.head = self.network.fc
        self.network.fc = nn.Identity()

    def forward(self, images):
        self.network.eval()
        with torch.no_grad():
            features = self.network(images)
        return self.head(features)


# %%
class GradientsOff(Classifier):
    def __init__(self):
        super().__init__(lr=0.02)
        self.network.requires_grad_(False)
        self.network.fc.requires_grad_(True)


# %% [markdown]
# Each is trained for two epochs, on four pictures, with a validation in between. We count the tensors that have
# changed: those of the head (it has two), other weights, and buffers, which are BatchNorm's running averages and
# counters. And does a warning speak of eval mode?

# %%
four = DataLoader(Subset(train_set, range(0, 240, 60)), batch_size=4)


def what_moves(module):
    before = {entry: tensor.clone() for entry, tensor in module.state_dict().items()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quiet_trainer(max_epochs=2).fit(module, four, few_val_loader)
    warned = [str(one.message) for one in caught if "eval mode" in str(one.message)]
    after = module.cpu().state_dict()
    changed = {entry for entry in before if not torch.equal(before[entry], after[entry])}
    buffers = {entry for entry, buffer in module.named_buffers()} & changed
    head = {entry for entry in changed if "fc." in entry or "head." in entry}
    trainable = sum(p.numel() for p in module.parameters() if p.requires_grad)
    counts = [trainable, len(head), len(changed - buffers - head), len(buffers)]
    return [*counts, warned[0] if warned else ""]


# %%
ways = {
    "only the optimizer": OnlyTheOptimizer(),
    "no_grad in forward": NoGradInForward(),
    "requires_grad off": GradientsOff(),
    "freeze": Frozen(),
    "eval() by mistake": Classifier().eval(),
}
columns = ["trainable", "head", "other weights", "buffers", "warning"]
moves = pd.DataFrame([what_moves(way) for way in ways.values()], index=list(ways), columns=columns)
moves.assign(warning=moves["warning"].str.contains("eval").map({True: "yes", False: "no"}))

# %% tags=["proof"]
weights = sum(1 for name, parameter in Classifier().named_parameters()) - 2  # without the head's
buffers = sum(1 for name, buffer in Classifier().named_buffers())
everything, of_head = sum(p.numel() for p in Classifier().parameters()), 2 * (512 + 1)
expected = {
    "only the optimizer": (everything, 2, 0, buffers, False),
    "no_grad in forward": (everything, 2, 0, 0, False),
    "requires_grad off": (of_head, 2, 0, buffers, False),
    "freeze": (of_head, 2, 0, 0, True),
    "eval() by mistake": (everything, 2, weights, 0, True),
}
for name, wanted in expected.items():
    *row, message = moves.loc[name]
    assert (*row, bool(message)) == wanted, f"{name}: {row}, {message!r}"
assert everything > 11e6, f"{everything:,} parameters"
assert not Frozen().train().network.layer1.training, "freeze does not survive train()"

# %% [markdown]
# - *only the optimizer* and *requires_grad off*: the head moves, but so do all buffers: the backbone is in train mode.
# - *no_grad in forward*: only the head moves, but all eleven million parameters are counted as trainable. That they are
#   not trained hangs on two lines in `forward`. (An optimizer skips parameters without a gradient.)
# - *freeze*: only the head moves, and only it is trainable. Freezing survives any `train()`.
#
# The last row is about something else. `fit` calls `model.train()` at the start of each epoch; Lightning, since version
# 2.2, takes a module as it comes. So a module on which somebody has called `eval()`, to look at predictions, is
# trained in eval mode: its weights move, but BatchNorm's averages stay the old ones. Lightning warns:

# %%
print(moves.loc["eval() by mistake", "warning"].partition(". ")[0])

# %% [markdown]
# Call `module.train()` before you train a module that was used in between.
#
# **Check yourself.** The row *freeze* has triggered the same warning. Is anything wrong there?
# <details><summary>Answer</summary>
#
# No. The Trainer cannot know whether eval mode is intended. There it was.
#
# </details>
#
# ## The same result as `fit`?
#
# A library should not change the result. We train with both for one epoch, with the schedule. The same seed gives the
# same weights to start from, the same crops and the same order.


# %%
def seeded_batches():
    return DataLoader(few, batch_size=12, shuffle=True, generator=torch.Generator().manual_seed(0))


# %%
def with_lightning(module_class):
    L.seed_everything(0, verbose=False)
    module = module_class("shufflenet_v2_x0_5", pretrained=False, lr=0.01)
    quiet_trainer().fit(module, seeded_batches(), few_val_loader)
    return module.network.cpu()


# %%
def with_fit():
    torch.manual_seed(0)
    model = make_backbone("shufflenet_v2_x0_5", 2).to(course.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    scheduler = OneCycleLR(optimizer, max_lr=0.01, total_steps=len(seeded_batches()))
    fit(model, seeded_batches(), optimizer=optimizer, scheduler=scheduler, epochs=1, progress=False)
    return model.cpu()


# %% tags=["nbval-ignore-output"]
reference = with_fit()
same = largest_difference(reference, with_lightning(OneCycle))
forgotten = largest_difference(reference, with_lightning(IntervalForgotten))
print("largest difference of any weight, Lightning and fit:", same)
print(f"with the interval forgotten: {forgotten:.4f}")

# %% tags=["proof"]
if course.profile == "sample":  # a GPU may take sums in another order each time
    assert same < 1e-4, f"largest difference {same}"
assert forgotten > course.pick(sample=10, full=1) * same, f"with the interval forgotten {forgotten}, without {same}"
assert forgotten > 0, "the forgotten interval does not matter"

# %% [markdown]
# Where this page was made, on a CPU, the first difference is zero: the same arithmetic in the same order. On a GPU
# sums may be taken in another order, and the last digits differ. The second number shows that the comparison notices a
# mistake.
#
# ## What it costs, and what you get for it
#
# Between two batches the Trainer asks every callback, collects what was logged, checks whether it is time to validate
# or to save. The price shows best where a step is next to nothing, so here is a network of 42 parameters:


# %%
class Tiny(L.LightningModule):
    def __init__(self, logs):
        super().__init__()
        self.network = nn.Linear(20, 2)
        self.logs = logs

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self.network(batch[0]), batch[1])
        if self.logs:
            self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


# %%
def by_fit(loader):
    network = nn.Linear(20, 2)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    fit(network, loader, optimizer=optimizer, epochs=1, progress=False)


def lightning(loader):
    quiet_trainer().fit(Tiny(logs=False), loader)


def lightning_with_logs(loader):
    quiet_trainer(callbacks=[NoteRates()]).fit(Tiny(logs=True), loader)


# %% [markdown]
# Starting takes time, too. So each of the three trains on a short and on a long epoch: the difference is the time of
# the steps alone. Of three rounds the fastest counts, which was disturbed least.

# %% tags=["nbval-ignore-output"]
from time import perf_counter

batch = (torch.rand(8, 20), torch.randint(2, (8,)))
seconds = {}
for turn in range(3):
    for contestant in [by_fit, lightning, lightning_with_logs]:
        for batches in [20, 120]:
            loader = DataLoader([batch] * batches, batch_size=None)  # these are batches already
            start = perf_counter()
            contestant(loader)
            key = (contestant.__name__, batches)
            seconds[key] = min(seconds.get(key, np.inf), perf_counter() - start)
times = 1000 * pd.Series(seconds).unstack()
per_step = (times[120] - times[20]) / 100
resnet_step = 1000 * timer.time_elapsed("train") / (epochs * len(train_loader))
print(f"a step of the ResNet-18 above: {resnet_step:.0f} ms")
pd.DataFrame({"ms per step": per_step, "ms more than fit": per_step - per_step["by_fit"]}).round(2)

# %% tags=["proof"]
longest = times[120]
assert longest["lightning"] > 1.5 * longest["by_fit"], f"the long epoch, in ms: {longest.to_dict()}"
if course.profile == "sample":  # on a GPU a step of the ResNet-18 may take a few milliseconds only
    price = per_step["lightning_with_logs"] - per_step["by_fit"]
    assert price < resnet_step / 20, f"{price:.2f} ms more, a step {resnet_step:.0f} ms"

# %% [markdown]
# For so small a network an epoch takes Lightning clearly longer than `fit`. But look at the last column: it is a matter
# of milliseconds, on a CPU far less than a tenth of a step of the ResNet-18. The price matters where steps are tiny and
# many, as in many lessons of this course.
#
# For it you get, each by one argument, what in your own loop is an evening's work:
#
# | argument | what it does |
# |---|---|
# | `devices=4, strategy="ddp"` | four GPUs, each with its share of every epoch (`torchrun` in lesson 10) |
# | `precision="bf16-mixed"` | lower precision where it does no harm; the default is `"32-true"` |
# | `gradient_clip_val=1.0` | gradients are shortened where their norm exceeds 1 |
# | `accumulate_grad_batches=4` | one step for every four batches: a large batch on a small GPU |
# | `deterministic=True` | only operations that give the same result each time, or an error |
# | `fast_dev_run=True` | one batch of everything, to find mistakes before the night |
# | `profiler="simple"` | a table of where the time went |
# | `callbacks=[EarlyStopping("val_loss", patience=3)]` | stop after three epochs without a new best |
#
# Three of them at work, on ten batches an epoch:

# %%
from lightning.pytorch.callbacks import EarlyStopping

stopper = EarlyStopping("val_loss", patience=2, min_delta=10)  # nothing gets better by 10
careful = quiet_trainer(
    max_epochs=20,
    accumulate_grad_batches=4,
    precision="bf16-mixed",
    callbacks=[stopper],
)
careful.fit(Classifier("shufflenet_v2_x0_5", pretrained=False), few_loader, few_val_loader)
print(f"{careful.current_epoch} of 20 epochs, {careful.global_step} steps")

# %% tags=["proof"]
assert (careful.current_epoch, careful.global_step) == (3, 9), f"{careful.current_epoch}, {careful.global_step}"

# %% [markdown]
# Three epochs (the best one, and two that were not better by 10), and three steps for ten batches: after the fourth,
# the eighth, and the last.
#
# **Check yourself.** With `accumulate_grad_batches=4` and `"interval": "step"`, how often is a scheduler called in an
# epoch of 60 batches?
# <details><summary>Answer</summary>
#
# 15 times: a step is a step of the optimizer. `estimated_stepping_batches` knows that; a schedule for 60 steps an
# epoch would run four times too slowly.
#
# </details>
#
# Take Lightning when you need several of these, when your program will run on machines that you do not know yet, or
# when others must find their way in it. Write the loop yourself, or use `fit`, when the loop *is* the idea (two
# networks that train against each other). In between lies **Lightning Fabric** (or Hugging Face's *Accelerate*): the
# loop stays yours, and three calls make it run on any device, in any precision, on several GPUs.

# %% [markdown]
# **Try it.** A step with Fabric. Which two lines would differ in your own loop?
# <details><summary>What we saw</summary>
#
# ```python
# fabric, network = L.Fabric(accelerator="cpu"), nn.Linear(20, 2)
# network, optimizer = fabric.setup(network, torch.optim.SGD(network.parameters(), lr=0.01))
# fabric.backward(F.cross_entropy(network(batch[0]), batch[1]))
# optimizer.step()
# ```
#
# `fabric.setup` in place of `to(device)`, and `fabric.backward(loss)` in place of `loss.backward()`. (The third call,
# `setup_dataloaders`, lets loaders move their batches.)
#
# </details>

# %% [markdown]
# > **Common mistake.** You want the best validation accuracy, and take `ModelCheckpoint(monitor="val_loss",
# > mode="min")` from another program, which keeps the lowest loss. If you change only the name, to `"val_accuracy"`,
# > you make it worse. A module that reports three made-up accuracies shows it:


# %%
class MadeUp(Tiny):
    def on_train_epoch_end(self):
        self.log("val_accuracy", [0.70, 0.90, 0.80][self.current_epoch])


# %%
for mode in ["min", "max"]:
    saving = ModelCheckpoint(folder / mode, monitor="val_accuracy", mode=mode)
    saver = L.Trainer(
        max_epochs=3,
        accelerator="cpu",
        callbacks=[saving],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    saver.fit(MadeUp(logs=False), DataLoader([batch], batch_size=None))
    print(f'mode="{mode}" keeps val_accuracy {saving.best_model_score:.2f}')

# %% [markdown]
# > With `"min"` the *worst* model of all is kept as `best_model_path`, without a warning. `"min"` is for losses,
# > `"max"` for accuracies.
#
# We clear away the files. (Before you run a cell again that reads them, train again.)

# %%
import shutil

shutil.rmtree(folder, ignore_errors=True)

# %% [markdown]
# ## Summary
#
# - The loop is Lightning's; yours are `training_step`, `validation_step` and `configure_optimizers`.
# - A schedule moves once an epoch unless you say `"interval": "step"`; a monitor needs its `mode`, F1 a metric object.
# - A checkpoint resumes everything but the random numbers; open it with `weights_only=True`.
# - The Trainer leaves train and eval mode as they are: `freeze` what must not move, call `train()` on what was asleep.
# - Same seed and batches, same weights as `fit`; the price is time for each step, which tiny networks feel.
#
# **Exercises**: [11 exercises](exercises/11_lightning.ipynb)
#
# **Next**: [12 · Text classification with an LSTM](12_text_classification_lstm.ipynb)
