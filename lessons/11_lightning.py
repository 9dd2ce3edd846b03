# %% [markdown]
# # 11 · Lightning
#
# You hand your training loop over to a library, line by line, and check at every step that it does what yours did. Then
# you weigh what it costs against what it gives.
#
# **Time** about 70 minutes, of which the computer works 30 seconds · **Before this**
# [lesson 06](06_fine_tuning.ipynb), [lesson 07](07_feature_extraction.ipynb),
# [lesson 10](10_from_notebook_to_script.ipynb)
#
# **You will learn to**
#
# - turn a training loop into a LightningModule, and say who does each of its lines now
# - set up a Trainer with logs and checkpoints, and read the files that it leaves
# - load the best model again, know what its file holds, and let it predict
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
# ## Whose loop?
#
# In lesson 03 you wrote a training loop, and since then `fit` has run it for you. Every project has such a loop, and
# most of its lines are the same everywhere. **Lightning** (in older programs called PyTorch Lightning, package
# `pytorch_lightning`) is a widely used library that has written these lines once: the loop is theirs, the model and the
# single step are yours.
#
# Lightning talks a lot: about devices that it found, about options that you could have used. Part of that goes to
# Python's `logging`, the rest are Python warnings. `captureWarnings` turns those into log messages, too, and of both
# logs we let only errors through. (Where a warning matters, we catch it and look at it.)

# %%
import logging

import lightning as L

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
logging.captureWarnings(True)
logging.getLogger("py.warnings").setLevel(logging.ERROR)

# %% [markdown]
# Our example is the fine-tuning of lesson 06: a pretrained ResNet-18 learns to tell ants from bees. Here are the lines
# of its training, written out, and who does each of them in the end:
#
# | line of the loop | who does it now |
# |---|---|
# | `model = pretrained_resnet18(2)` | you, in `__init__` |
# | `optimizer = SGD(…)`, `scheduler = StepLR(…)` | you, in `configure_optimizers` |
# | `model.to(device)` | the Trainer |
# | `for epoch in range(epochs):` | the Trainer, `max_epochs=` |
# | `model.train()` before the first batch | nobody: see *The frozen one* below |
# | `for images, labels in train_loader:` | the Trainer |
# | `images, labels = images.to(device), …` | the Trainer |
# | `loss = F.cross_entropy(model(images), labels)` | **you, in `training_step`** |
# | `optimizer.zero_grad()`, `loss.backward()`, `optimizer.step()` | the Trainer |
# | `scheduler.step()` | the Trainer, when you say how often |
# | `model.eval()` and `inference_mode()` for validation, and back again | the Trainer |
# | scores of a validation batch | you, in `validation_step` |
# | averages over an epoch, the history, its files | the Trainer, for what you `log` |
# | `restore_best`, `checkpoint=` | the callback `ModelCheckpoint` |
#
# What is yours goes into a class, the **LightningModule**. The rest belongs to the **Trainer**. First the pictures, as
# in lesson 06: `CachedImages` has decoded them once and augments those that are trained on. There is a test set, too,
# which stays untouched until the end. (The photographs of `full` have none, so `random_split` cuts their validation set
# in half, by chance.)

# %%
from torch.utils.data import DataLoader, Subset, random_split

from course_utils import CachedImages, hymenoptera

size = course.pick(sample=64, full=224)
train_set = CachedImages(hymenoptera("train"), size, augment=True)
val_set = CachedImages(hymenoptera("val"), size)
classes = train_set.classes
if course.profile == "sample":
    test_set = CachedImages(hymenoptera("test"), size)
else:
    val_set, test_set = random_split(val_set, [0.5, 0.5], torch.Generator().manual_seed(0))
print("train:", len(train_set), "  val:", len(val_set), "  test:", len(test_set))


# %%
def make_train_loader(dataset=train_set):
    generator = torch.Generator().manual_seed(0)
    return DataLoader(dataset, batch_size=12, shuffle=True, generator=generator)


val_loader = DataLoader(val_set, batch_size=64)

# %% [markdown]
# ## One step: `training_step`
#
# We build the class in three parts, each one inheriting from the one before, so that we can try every part as soon as
# it is there. (In a program you would write a single class.) The first part knows how to learn from a batch. It stands
# for these lines of the loop:
#
# ```python
# logits = model(images)
# loss = F.cross_entropy(logits, labels)
# accuracy = (logits.argmax(dim=1) == labels).float().mean()
# ```

# %%
class Learner(L.LightningModule):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        images, labels = batch
        logits = self(images)
        loss = F.cross_entropy(logits, labels)
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
        scores = {"train_loss": loss, "train_accuracy": accuracy}
        self.log_dict(scores, on_step=True, on_epoch=True)
        return loss


# %% [markdown]
# A LightningModule is an `nn.Module` with a few more methods, so it can hold a network, and `self(images)` calls
# `forward`. What is new is `training_step`. The Trainer will call it with each batch, already on the right device, and
# with the batch's number `batch_idx`, which we do not need. It returns the loss, from which the Trainer calls
# `backward`. There is no `zero_grad` here, no `step`, no `to(device)`.
#
# `log_dict` hands numbers to the Trainer, which decides what becomes of them: `on_step=True` notes the number of single
# batches, `on_epoch=True` the average over the epoch. In a `training_step` the default is `on_step` alone.
#
# It is an ordinary method, so try it by hand before any Trainer is around. (There is nobody to log to then, and
# `log_dict` does nothing.) The last line compares with the loss of the loop: `assert_close` says nothing where two
# tensors agree up to rounding, and stops with an error where they do not.

# %% tags=["nbval-ignore-output"]
from course_utils import pretrained_resnet18

torch.manual_seed(0)
learner = Learner(pretrained_resnet18(2))
images, labels = next(iter(make_train_loader()))
by_hand = F.cross_entropy(learner.network(images), labels)
loss = learner.training_step((images, labels), 0)
print(f"loss of a batch: {loss.item():.3f}")
torch.testing.assert_close(loss, by_hand)

# %% tags=["proof"]
assert isinstance(learner, nn.Module), "a LightningModule is no nn.Module"
assert torch.equal(loss, by_hand), f"{loss.item()}, by hand {by_hand.item()}"
assert loss.requires_grad, "the Trainer could not call backward"

# %% [markdown]
# ## Being judged: `validation_step`
#
# The second part replaces what `evaluate` did in each epoch:
#
# ```python
# model.eval()
# with torch.inference_mode():
#     for images, labels in val_loader:
#         …  # loss and accuracy of the batch, and their weighted averages
# model.train()
# ```
#
# Eval mode, `inference_mode` and the loop are the Trainer's. Ours is what is measured, in `validation_step` for the
# validation set and in `test_step` for the test set. Here numbers are averaged over the epoch by default.
# `predict_step` says what to return for pictures whose labels nobody knows.

# %%
class Classifier(Learner):
    def judge(self, batch, split):
        images, labels = batch
        logits = self(images)
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
        loss = F.cross_entropy(logits, labels)
        self.log_dict({f"{split}_loss": loss, f"{split}_accuracy": accuracy})

    def validation_step(self, batch, batch_idx):
        self.judge(batch, "val")

    def test_step(self, batch, batch_idx):
        self.judge(batch, "test")

    def predict_step(self, batch, batch_idx):
        images, labels = batch
        return self(images)


# %% [markdown]
# Does it give what `evaluate` gives? The question is not idle: the last validation batch is smaller than the others,
# and lesson 03 showed that a plain mean of batch means is wrong then. We need a first Trainer for this. `validate`
# takes a module and a loader. The four switches with `False` turn off what we do not need yet.

# %%
from course_utils import evaluate

on_cpu_or_auto = {"accelerator": course.pick(sample="cpu", full="auto"), "devices": 1}
bare = {"logger": False, "enable_checkpointing": False}
silent = {"enable_progress_bar": False, "enable_model_summary": False}

# %%
judge = L.Trainer(**on_cpu_or_auto, **bare, **silent)
theirs = judge.validate(Classifier(learner.network), val_loader, verbose=False)
print(type(theirs).__name__, "of", len(theirs), "dict with", *theirs[0])

# %% tags=["nbval-ignore-output"]
ours = evaluate(learner.network.to(course.device), val_loader)
print(f"loss:     {theirs[0]['val_loss']:.4f}, evaluate {ours['loss']:.4f}")
print(f"accuracy: {theirs[0]['val_accuracy']:.4f}, evaluate {ours['accuracy']:.4f}")

# %% tags=["proof"]
np.testing.assert_allclose(theirs[0]["val_loss"], ours["loss"], atol=1e-3)
np.testing.assert_allclose(theirs[0]["val_accuracy"], ours["accuracy"], atol=0.01)

# %% [markdown]
# It does. The averages are weighted with the sizes of the batches. Lightning takes the size from the first tensor that
# it finds in the batch. If your batches are built in another way, tell it: `self.log(…, batch_size=len(labels))`.
#
# **Check yourself.** Somebody writes in the `validation_step`: `self.log("accuracy", accuracy, batch_size=1)`. Batches
# have 12 pictures, the last one has 4. What does the average mean then?
# <details><summary>Answer</summary>
#
# All batches weigh the same, so each of the last four pictures counts as much as three others. With equally large
# batches it would do no harm.
#
# </details>
#
# ## What drives it: `configure_optimizers`
#
# The third part says which network and which optimizer:
#
# ```python
# optimizer = torch.optim.SGD(trained, lr=rate, momentum=0.9)
# scheduler = StepLR(optimizer, step_size=drop_after, gamma=0.1)
# …
#     scheduler.step()  # after every optimizer.step()
# ```
#
# The method returns a dictionary. `"interval": "step"` asks the Trainer to call the scheduler after every step of the
# optimizer, as `fit` does; so far that is once a batch. The default is `"epoch"`. `save_hyperparameters()` notes the
# arguments of `__init__` under `self.hparams`, and the Trainer writes them into logs and checkpoints.

# %%
from torch.optim.lr_scheduler import StepLR


class FineTuned(Classifier):
    def __init__(self, num_classes=2, lr=0.0075, drop_after=42):
        super().__init__(pretrained_resnet18(num_classes))
        self.save_hyperparameters()

    def configure_optimizers(self):
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = torch.optim.SGD(trained, lr=self.hparams.lr, momentum=0.9)
        scheduler = StepLR(optimizer, step_size=self.hparams.drop_after, gamma=0.1)
        schedule = {"scheduler": scheduler, "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}


# %%
epochs = course.pick(sample=3, full=4)
steps = len(make_train_loader())
settings = {"lr": course.pick(sample=0.0075, full=0.004), "drop_after": steps * epochs * 2 // 3}
print(dict(FineTuned(**settings).hparams))

# %% [markdown]
# <details><summary>The three parts as the single class that you would write</summary>
#
# ```python
# class FineTuned(L.LightningModule):
#     def __init__(self, num_classes=2, lr=0.0075, drop_after=42):
#         super().__init__()
#         self.save_hyperparameters()
#         self.network = pretrained_resnet18(num_classes)
#
#     def forward(self, images):
#         return self.network(images)
#
#     def judge(self, batch):
#         images, labels = batch
#         logits = self(images)
#         accuracy = (logits.argmax(dim=1) == labels).float().mean()
#         return F.cross_entropy(logits, labels), accuracy
#
#     def training_step(self, batch, batch_idx):
#         loss, accuracy = self.judge(batch)
#         scores = {"train_loss": loss, "train_accuracy": accuracy}
#         self.log_dict(scores, on_step=True, on_epoch=True)
#         return loss
#
#     def validation_step(self, batch, batch_idx):
#         loss, accuracy = self.judge(batch)
#         self.log_dict({"val_loss": loss, "val_accuracy": accuracy})
#
#     def configure_optimizers(self):
#         …  # as above
# ```
#
# </details>
#
# In this lesson we look over the shoulder of a widely copied tutorial, which trains a ResNet on the same ants and bees.
# Its `configure_optimizers` ends like this (another form that Lightning takes, two lists):
#
# ```python
# return [optimizer], [StepLR(optimizer, step_size=7, gamma=0.1)]
# ```
#
# **Check yourself.** After how many batches does the rate fall there, with 61 batches an epoch?
# <details><summary>Answer</summary>
#
# After 7 · 61 = 427 batches: without `"interval": "step"` the scheduler is called once an epoch. Whoever moves a
# schedule from `fit` to Lightning and forgets the interval gets one that is slower by the number of batches.
#
# </details>
#
# ## The Trainer and its accelerator
#
# The tutorial asks for `Trainer(accelerator="gpu", devices=[0])`, the first GPU. What happens on a laptop without one?
# (`MisconfigurationException` is Lightning's own error for settings that do not fit.)

# %% tags=["nbval-ignore-output"]
from lightning.pytorch.utilities.exceptions import MisconfigurationException

refused = False
try:
    L.Trainer(accelerator="gpu", devices=[0], **bare, **silent)
except MisconfigurationException as error:
    refused = True
    print("MisconfigurationException:", error)
found = L.Trainer(accelerator="auto", devices=1, **bare, **silent).accelerator
print("auto finds:", type(found).__name__)

# %% tags=["proof"]
from lightning.pytorch.accelerators import CPUAccelerator

assert refused == isinstance(found, CPUAccelerator), f"refused: {refused}, and auto finds {type(found).__name__}"

# %% [markdown]
# On a machine without a GPU, unlike its author's, the program stops before the first batch. `accelerator="auto"` takes
# what is there, and `devices=1` takes one of it. We use `"auto"` in the profile `full`. The profile `sample` promises
# to compute on the CPU, so there it says `"cpu"`.
#
# Now the real Trainer. What it gets besides:
#
# - two **loggers**: `CSVLogger` writes a table, `TensorBoardLogger` curves for TensorBoard (lesson 09)
# - the callback `LearningRateMonitor`, which logs the learning rate of every step
# - the callback `ModelCheckpoint`: after each epoch it looks at `monitor` and keeps the best model so far. `mode="min"`
#   says that lower is better (nothing to do with train and eval mode), and `save_top_k=1` that only one file is kept
# - `log_every_n_steps=5`: of numbers logged `on_step`, every fifth is written. The default is 50, and our epochs have
#   fewer batches than that
# - `deterministic=True`: torch uses only operations that give the same result each time, and raises an error where
#   there is none

# %%
import tempfile
from pathlib import Path

from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

folder = Path(tempfile.mkdtemp())


def new_trainer(name, *callbacks):
    loggers = [CSVLogger(folder, name=name), TensorBoardLogger(folder / "tensorboard", name=name)]
    best = ModelCheckpoint(
        monitor="val_loss", mode="min", save_top_k=1, filename="{epoch}-{val_loss:.3f}"
    )
    callbacks = [best, LearningRateMonitor("step"), *callbacks]
    run = {"max_epochs": epochs, "logger": loggers, "callbacks": callbacks, "deterministic": True}
    return L.Trainer(**run, log_every_n_steps=5, **on_cpu_or_auto, **silent)


# %% [markdown]
# (A callback `EarlyStopping(monitor="val_loss", patience=3)` would end the training when the validation loss has not
# improved for three epochs. With three epochs in all it has nothing to do.)
#
# ## A callback of your own
#
# A **callback** is an object whose methods the Trainer calls at certain moments: `on_train_start`,
# `on_train_batch_end`, `on_train_epoch_end` and some thirty others. Ours scores the training pictures *after* each
# epoch, as validation pictures are scored: in eval mode (`evaluate` sees to that and restores the mode), on centre
# crops, without augmentation. We shall need it soon.

# %%
plain_train_set = CachedImages(hymenoptera("train"), size)


class TrainAccuracyAfterwards(L.Callback):
    def __init__(self):
        self.accuracies = []

    def on_train_epoch_end(self, trainer, module):
        loader = DataLoader(plain_train_set, batch_size=64)
        self.accuracies.append(evaluate(module, loader)["accuracy"])


# %% [markdown]
# That is all. One call trains. `seed_everything` seeds Python, NumPy and torch, as `setup` does. It comes *before* the
# module, because the new head is drawn at random. (Before the first epoch the Trainer tries out two validation batches,
# to find mistakes early. These scores are not kept.)

# %% tags=["nbval-ignore-output"]
from time import perf_counter

L.seed_everything(0, verbose=False)
module = FineTuned(**settings)
afterwards = TrainAccuracyAfterwards()
trainer = new_trainer("fine-tuned", afterwards)
start = perf_counter()
trainer.fit(module, make_train_loader(), val_loader)
trained_seconds = perf_counter() - start
last = trainer.callback_metrics
print(f"{trained_seconds:.0f} s, validation and the callback's measurements included")
print({name: round(last[name].item(), 3) for name in ["val_loss", "val_accuracy"]})

# %% tags=["proof"]
least = course.pick(sample=0.75, full=0.85)
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert last["val_accuracy"] >= least, f"val accuracy {last['val_accuracy']:.3f}"
assert torch.are_deterministic_algorithms_enabled(), "the switch does not stay on"
assert len(afterwards.accuracies) == epochs, f"scored after {len(afterwards.accuracies)} epochs"

# %% [markdown]
# (`callback_metrics` holds the last value of everything that was logged.) The switch `deterministic` belongs to torch
# and not to the Trainer, and stays on after the training. We turn it off:

# %%
torch.use_deterministic_algorithms(False)

# %% [markdown]
# ## The folder of a run
#
# Which files are there now? (The name of TensorBoard's file ends in a time and the name of the computer, which we cut
# off.)

# %% tags=["nbval-ignore-output"]
for file in sorted(file for file in folder.rglob("*") if file.is_file()):
    name = file.relative_to(folder).as_posix().partition(".out.")[0]
    print(f"{file.stat().st_size / 1000:>8,.1f} kB  {name}")

# %% tags=["proof"]
first_folder = Path(trainer.loggers[0].log_dir)
names = {file.name for file in first_folder.iterdir()}
assert names == {"checkpoints", "metrics.csv", "hparams.yaml"}, f"the run's folder holds {sorted(names)}"
kept = [file.name for file in first_folder.glob("checkpoints/*.ckpt")]
assert len(kept) == 1 and "val_loss=" in kept[0], f"checkpoints: {kept}"
assert first_folder.name.startswith("version_"), f"the folder's name is {first_folder.name}"

# %% [markdown]
# (`trainer.loggers` is the list of the loggers, in our order.) Every run gets a folder `version_0`, `version_1` and so
# on. The best model lies with the first logger, and its name tells epoch and loss: the `filename` that we asked for.
# Lightning counts epochs from 0, `fit` from 1. Now the table:

# %% tags=["nbval-ignore-output"]
metrics = pd.read_csv(Path(trainer.loggers[0].log_dir) / "metrics.csv")
metrics.head(10).round(4)

# %% tags=["proof"]
assert metrics["step"].is_monotonic_increasing, "the steps are not counted on"
assert metrics["step"].max() == epochs * steps - 1, f"the last step is {metrics['step'].max()}"
splits = {"train_loss_step", "train_loss_epoch", "train_accuracy_step", "train_accuracy_epoch"}
assert splits <= set(metrics), f"columns: {sorted(metrics)}"

# %%
print(f"empty cells: {metrics.isna().mean().mean():.0%}")
print("complete rows:", len(metrics.dropna()))

# %% tags=["proof"]
assert metrics.isna().mean().mean() > 0.5, f"empty cells: {metrics.isna().mean().mean():.0%}"
assert metrics.dropna().empty, f"complete rows: {len(metrics.dropna())}"

# %% [markdown]
# It is full of gaps (`NaN`, *not a number*), and `dropna()`, which keeps complete rows, keeps none. The reason: each
# row is *one act of logging*. Learning rate, loss of a batch, validation scores, and averages of an epoch are logged at
# different moments, so each row has only its own kind. `on_step=True, on_epoch=True` has also split `train_loss` into
# two columns, `_step` and `_epoch`. And `step` counts the steps of all epochs, from 0.
#
# So pick a column first, and drop its gaps then. For a table by epoch, `groupby("epoch").first()` takes the first
# number of each column that is there. For one column by hand:

# %%
by_hand = metrics[["epoch", "val_loss"]].dropna().set_index("epoch")["val_loss"]
by_epoch = metrics.groupby("epoch").first()
np.testing.assert_array_equal(by_epoch["val_loss"], by_hand)

# %% tags=["nbval-ignore-output"]
columns = ["train_loss_epoch", "train_accuracy_epoch", "val_loss", "val_accuracy"]
by_epoch[columns].round(3)

# %% tags=["proof"]
assert len(by_epoch) == epochs, f"{len(by_epoch)} rows, {epochs} epochs"
assert not by_epoch[columns].isna().any(axis=None), "a gap is left"
np.testing.assert_allclose(by_epoch[["val_loss", "val_accuracy"]].iloc[-1], [last["val_loss"], last["val_accuracy"]])

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2))
for column, style in [("train_loss_step", ".:"), ("train_loss_epoch", "s--"), ("val_loss", "o-")]:
    values = metrics[["step", column]].dropna()
    axes[0].plot(values["step"], values[column], style, label=column)
axes[0].set(title="loss", xlabel="step", ylabel="loss")
axes[0].legend(fontsize=8)
rate = metrics[["step", "lr-SGD"]].dropna()
axes[1].plot(rate["step"], rate["lr-SGD"], ".")
axes[1].set(title="learning rate", xlabel="step", ylabel="learning rate")
plt.show()

# %% tags=["proof"]
single, averaged = (metrics[f"train_loss_{kind}"].dropna() for kind in ["step", "epoch"])
assert single.diff().max() > 0.03, f"the loss of a batch rises by {single.diff().max():.3f} at most"
assert averaged.diff().max() < single.diff().max(), f"the averages rise by {averaged.diff().max():.3f}"
dropped = rate["step"] >= settings["drop_after"]
np.testing.assert_allclose(rate["lr-SGD"], settings["lr"] * np.where(dropped, 0.1, 1.0))

# %% [markdown]
# On the left the loss of every fifth batch jumps up and down, while its average over the epoch, drawn where the epoch
# ends, and the validation loss give a calmer picture. On the right the rate, which is noted every fifth step as well,
# falls to a tenth after two thirds of the steps: the schedule does run by steps.
#
# The other logger has written the same numbers for TensorBoard; `tensorboard --logdir` with the name of the folder
# shows them in a browser, as in lesson 09. (`hp_metric` is a placeholder of that logger.) In Python (the last line is
# NumPy's sister of `assert_close`):

# %%
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(trainer.loggers[1].log_dir).Reload()
print(*events.Tags()["scalars"])
written = [event.value for event in events.Scalars("val_loss")]
np.testing.assert_allclose(written, by_epoch["val_loss"], rtol=1e-5)

# %% [markdown]
# ## An accuracy of moving weights
#
# What is `train_accuracy_epoch`? The average over batches, each scored *before* its step, while the weights moved on
# from batch to batch. What is more, it was measured in train mode and on augmented crops. Our callback has measured the
# same pictures with the weights as they were after the epoch, and as validation measures:

# %% tags=["nbval-ignore-output"]
from course_utils import standard_error

comparison = by_epoch[["train_accuracy_epoch"]].copy()
comparison["train, afterwards"] = afterwards.accuracies
comparison["val_accuracy"] = by_epoch["val_accuracy"]
error = standard_error(comparison["val_accuracy"].iloc[-1], len(val_set))
print(f"standard error of the last val_accuracy: {error:.3f}")
comparison.round(3)

# %% tags=["proof"]
first = comparison.iloc[0]
better = first["train, afterwards"] - first["train_accuracy_epoch"]
assert better > course.pick(sample=0.05, full=0), f"after the first epoch better than logged by {better:.3f}"
if course.profile == "sample":  # few photographs are left for validation, so its accuracy is rough
    assert first["train_accuracy_epoch"] < first["val_accuracy"], f"first epoch: {first.to_dict()}"

# %% [markdown]
# In the first epoch the network starts with a random head, and its first batches pull the average down: afterwards the
# model is better than logged, on the drawn pictures clearly so. So a logged training accuracy below the validation
# accuracy is no sign of a magic validation set. Three things differ between the first two columns (weights on their
# way, train mode, harder crops), and the table does not tell how much each of them does. `fit` logs in the same way as
# Lightning, because it costs nothing.
#
# **Check yourself.** Which column would you compare with `val_accuracy` to find out whether the network learns the
# training pictures by heart?
# <details><summary>Answer</summary>
#
# The second: the same weights, eval mode and plain centre crops, as for validation. What is left between the two is
# whether the pictures were trained on, and chance: see the standard error.
#
# </details>
#
# ## What the checkpoint holds
#
# The callback knows the path and the score of the best model. A checkpoint is a file written by `torch.save`. The rule
# of this course is that no file may run code while it is loaded, so we open it with `weights_only=True`, which refuses
# anything but tensors and plain values:

# %%
best = trainer.checkpoint_callback
checkpoint = torch.load(best.best_model_path, weights_only=True, map_location="cpu")
for name, value in checkpoint.items():
    print(f"{name:<26} {type(value).__name__:<12} {len(value) if isinstance(value, dict) else ''}")
print("hyper_parameters:", checkpoint["hyper_parameters"])

# %% [markdown]
# Weights (`state_dict`), the optimizer's velocities, the schedule, where the loops stood, what the callbacks remember,
# and the arguments of `__init__`. With all of it a training can go on, from the epoch to which the file belongs:
# `trainer.fit(module, loader, ckpt_path=…)`. For that you want the *last* epoch, not the best;
# `ModelCheckpoint(…, save_last=True)` keeps a `last.ckpt` besides.
#
# To use the model, `load_from_checkpoint` builds the module with the saved arguments and copies the weights into it:

# %%
path = best.best_model_path
best_module = FineTuned.load_from_checkpoint(path, map_location="cpu", weights_only=True)
weights, saved = best_module.state_dict(), checkpoint["state_dict"]
torch.testing.assert_close(weights, saved, rtol=0, atol=0)  # no tolerance: bit for bit
print("arguments:", dict(best_module.hparams))
print("in train mode:", best_module.training)

# %% tags=["proof"]
assert dict(best_module.hparams) == checkpoint["hyper_parameters"], f"arguments {dict(best_module.hparams)}"
assert best_module.training, "a loaded module is in eval mode"

# %% tags=["nbval-ignore-output"]
scores = judge.validate(best_module, val_loader, verbose=False)[0]
print("by epoch: ", by_epoch["val_loss"].round(4).tolist())
print(f"callback:  {best.best_model_score:.4f}")
print(f"the file:  {scores['val_loss']:.4f}")

# %% tags=["proof"]
np.testing.assert_allclose(scores["val_loss"], by_epoch["val_loss"].min(), rtol=1e-4)
np.testing.assert_allclose(scores["val_loss"], best.best_model_score.item(), rtol=1e-4)

# %% [markdown]
# It is the best model, not the last one. (If the last epoch was the best, they are the same.) Two things to know. A
# loaded module is in train mode: call `eval()` before you use it yourself; `validate`, `test` and `predict` do it for
# you. And pass `weights_only=True` yourself: for a local file it is torch's default, but for an address on the web
# Lightning's default is `False`, of all places.
#
# **Check yourself.** A training with shuffling and augmentation is interrupted and goes on in a new process, from a
# file with these entries. What is missing that it would need in order to end with the weights of an uninterrupted one?
# <details><summary>Answer</summary>
#
# The state of the random numbers. A new process starts them anew, so a shuffling loader with a seeded generator deals
# out the order of the first epochs again, and augmentation draws other crops. The training goes on, usually well, but
# it ends with other weights. The checkpoints of `fit` keep that state (the entry `random`).
#
# </details>
#
# What makes a file dangerous is a whole object in it: loading such a file means running code that the file chooses. In
# Lightning it gets in by a side door. Give a network to `__init__` and call `save_hyperparameters()`:

# %%
import warnings

from course_utils import load_checkpoint


class Careless(Learner):
    def __init__(self, network):
        super().__init__(network)
        self.save_hyperparameters()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    careless = Careless(nn.Linear(2, 2))
print(caught[0].message)

# %%
trainer_of_none = L.Trainer(max_epochs=0, **on_cpu_or_auto, **bare, **silent)
trainer_of_none.fit(careless, [])
trainer_of_none.save_checkpoint(folder / "careless.ckpt")
try:
    load_checkpoint(folder / "careless.ckpt")
except ValueError as error:
    print(str(error).replace(str(folder), "…").replace("\\", "/"))

# %% [markdown]
# The network is an argument, so it was saved whole, as an object. The file is refused, by our rule and by
# `load_from_checkpoint` too, and many a forum answer then recommends `weights_only=False`. Better do what the warning
# says: `self.save_hyperparameters(ignore=["network"])`, or make the network inside of `__init__`, as `FineTuned` does.
#
# ## Predictions
#
# The Trainer's `predict` calls `predict_step` and returns a list with one tensor for each batch. The course's `predict`
# gives the same:

# %%
from course_utils import predict

logits = torch.cat(judge.predict(best_module, val_loader))
by_helper, labels = predict(best_module.to(course.device), val_loader)
print("logits:", tuple(logits.shape))
torch.testing.assert_close(logits, by_helper, atol=1e-2, rtol=1e-5)

# %%
from course_utils import show_predictions

val_images = torch.stack([image for image, label in val_set])
predictions = logits.argmax(dim=1)
some = torch.randperm(len(labels), generator=torch.Generator().manual_seed(3))[:16]
shown = {"labels": labels[some], "predictions": predictions[some], "class_names": classes}
show_predictions(val_images[some], **shown, title="validation pictures: answer (truth)")
plt.show()

# %% [markdown]
# Green with a tick is right; red with a cross is wrong, and the truth stands in brackets.
#
# ## The test set
#
# The model was chosen by its validation loss. So its validation scores are flattered a little, and we judge it once on
# pictures that have chosen nothing. The Trainer's `test` calls `test_step`:

# %% tags=["nbval-ignore-output"]
test_loader = DataLoader(test_set, batch_size=64)
test_accuracy = judge.test(best_module, test_loader, verbose=False)[0]["test_accuracy"]
error = standard_error(test_accuracy, len(test_set))
print(f"test accuracy {test_accuracy:.3f}, standard error {error:.3f}")

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert test_accuracy >= course.pick(sample=0.75, full=0.85), f"test accuracy {test_accuracy:.3f}"
test_logits, test_labels = predict(best_module.to(course.device), test_loader)
right = (test_logits.argmax(dim=1) == test_labels).float().mean().item()
assert abs(right - test_accuracy) < 0.01, f"test accuracy {test_accuracy:.3f}, counted by hand {right:.3f}"

# %% [markdown]
# ## The frozen one
#
# The second model of the tutorial is a feature extractor: the backbone stays as it is, only the head learns. Lesson 07
# has shown what that takes: no gradients, and eval mode that nobody undoes. The helper `freeze` does both. As a module,
# with the larger rate that lesson 06 found for a head alone:

# %%
from course_utils import freeze, unfreeze


class Extractor(FineTuned):
    def __init__(self, num_classes=2, lr=0.02, drop_after=42):
        super().__init__(num_classes, lr, drop_after)
        freeze(self.network)
        unfreeze(self.network.fc)


# %% [markdown]
# Everything else is inherited. `configure_optimizers` already takes only parameters that want a gradient.
#
# Other programs do it otherwise. The first way below gives the optimizer only the head. The second is the tutorial's:
# it hides the backbone behind `no_grad` in `forward`. (Its optimizer gets only the head, too. In our class it is given
# all parameters, but the backbone's never get a gradient.) The third switches the gradients off:

# %%
class OnlyTheOptimizer(FineTuned):
    def configure_optimizers(self):
        return torch.optim.SGD(self.network.fc.parameters(), lr=0.02)


# %%
class NoGradInForward(FineTuned):
    def __init__(self):
        super().__init__()
        self.head, self.network.fc = self.network.fc, nn.Identity()

    def forward(self, images):
        self.network.eval()
        with torch.no_grad():
            features = self.network(images)
        return self.head(features)


# %%
def requires_grad_off(module):
    module.network.requires_grad_(False)
    module.network.fc.requires_grad_(True)
    return module


# %% [markdown]
# Each is trained for two epochs, on a few pictures, with a validation in between. We count what has changed, as in
# lesson 07: entries of the head, other weights, and buffers, which are BatchNorm's running averages and its counters.
# And we catch Lightning's warnings: does one of them speak of eval mode?

# %%
few = DataLoader(Subset(train_set, range(0, 240, 60)), batch_size=4)
few_to_judge = DataLoader(Subset(val_set, range(0, 64, 16)), batch_size=4)


def what_moves(module):
    before = {entry: tensor.clone() for entry, tensor in module.state_dict().items()}
    trainer = L.Trainer(max_epochs=2, **on_cpu_or_auto, **bare, **silent)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(module, few, few_to_judge)
    warned = [str(message.message) for message in caught if "eval mode" in str(message.message)]
    after = module.state_dict()
    changed = {entry for entry in before if not torch.equal(before[entry], after[entry].cpu())}
    buffers = {entry for entry, buffer in module.named_buffers()} & changed
    head = {entry for entry in changed if "fc." in entry or "head." in entry}
    trainable = sum(p.numel() for p in module.parameters() if p.requires_grad)
    counts = {"head": len(head), "other weights": len(changed - buffers - head)}
    return {"trainable": trainable, **counts, "buffers": len(buffers), "warned": warned}


# %%
and_eval = requires_grad_off(FineTuned())
and_eval.network.eval()
ways = {
    "only the optimizer": OnlyTheOptimizer(),
    "no_grad in forward": NoGradInForward(),
    "requires_grad off": requires_grad_off(FineTuned()),
    "… and eval()": and_eval,
    "freeze": Extractor(),
    "eval() by mistake": FineTuned().eval(),
}
moves = pd.DataFrame({name: what_moves(module) for name, module in ways.items()}).T
moves.assign(warned=moves["warned"].str.len().map({0: "no", 1: "yes"}))

# %% tags=["proof"]
weights = sum(1 for name, parameter in FineTuned().named_parameters()) - 2  # without the head's
buffers = sum(1 for name, buffer in FineTuned().named_buffers())
trainable = {True: sum(p.numel() for p in FineTuned().parameters()), False: 2 * (512 + 1)}
expected = {  # all trainable?, other weights, buffers, warned
    "only the optimizer": (True, 0, buffers, False),
    "no_grad in forward": (True, 0, 0, False),
    "requires_grad off": (False, 0, buffers, False),
    "… and eval()": (False, 0, 0, True),
    "freeze": (False, 0, 0, True),
    "eval() by mistake": (True, weights, 0, True),
}
for name, (everything, moved, followed, warned) in expected.items():
    row = moves.loc[name]
    found = row["trainable"], row["head"], row["other weights"], row["buffers"], bool(row["warned"])
    assert found == (trainable[everything], 2, moved, followed, warned), f"{name}: {found}"
assert trainable[True] > 11e6, f"{trainable[True]:,} parameters"
assert not Extractor().train().network.layer1.training, "freeze does not survive train()"

# %% [markdown]
# Read the rows one by one; the last has another subject.
#
# - *only the optimizer* and *requires_grad off* leave the weights alone, but all buffers move: the backbone is in train
#   mode, and BatchNorm follows the batches.
# - *no_grad in forward*: nothing moves, but all eleven million parameters are counted as trainable. That they are not
#   trained is a matter of two lines in `forward`, not a property of theirs.
# - *… and eval()*: nothing moves. With `fit` it did, in lesson 07, because `fit` calls `model.train()` at the start of
#   each epoch. Does Lightning not do that? Not any more. Up to version 2.1 the Trainer put the whole module into train
#   mode. Since 2.2 it takes it as it comes, and after each validation it restores the mode of every part.
# - *freeze*: nothing moves, and only the head is trainable. It survives any `train()`, with Lightning old and new, and
#   with `fit`.
#
# What is trainable stands in Lightning's own summary as well, which it prints before each training unless told not to.
# The tutorial shows its summary, "0 Non-trainable params" included, under the heading of a frozen extractor. Ours:

# %%
from lightning.pytorch.utilities.model_summary import ModelSummary

print(ModelSummary(ways["freeze"]))
other = str(ModelSummary(ways["no_grad in forward"])).splitlines()
print("\nno_grad in forward:", *[line for line in other if "rainable" in line], sep="\n")

# %% [markdown]
# Now the last row of the table. That the Trainer takes a module as it comes has another side: a module on which
# somebody has called `eval()`, to look at some predictions, say, is trained in eval mode, all epochs long. All weights
# are trained, and no running average has moved: BatchNorm has used those of the old pictures in every step. (`fit`
# would have put it right.) Lightning warns:

# %%
print(moves.loc["eval() by mistake", "warned"][0].partition(". ")[0])

# %% [markdown]
# Call `module.train()` before you train a module that was used in between.
#
# **Check yourself.** The row *freeze* has triggered the same warning. Is anything wrong there?
# <details><summary>Answer</summary>
#
# No. The Trainer cannot know whether parts are in eval mode by intention or by mistake. There it was intention.
#
# </details>
#
# ## The same result as `fit`?
#
# A library that takes over the loop should not change the result. We train with both, for one epoch on every eighth
# picture. The same seed draws the same head, the same crops and the same order of batches.

# %%
eighth = Subset(train_set, range(0, 240, 8))
short = {"lr": settings["lr"], "drop_after": 1}


def with_lightning(Module):
    L.seed_everything(0, verbose=False)
    module = Module(**short)
    trainer = L.Trainer(max_epochs=1, **on_cpu_or_auto, **bare, **silent)
    trainer.fit(module, make_train_loader(eighth), few_to_judge)
    return module.network.cpu()


# %%
from course_utils import fit


def with_fit():
    torch.manual_seed(0)
    model = pretrained_resnet18(2).to(course.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=short["lr"], momentum=0.9)
    scheduler = StepLR(optimizer, step_size=short["drop_after"], gamma=0.1)
    recipe = {"optimizer": optimizer, "scheduler": scheduler, "epochs": 1}
    fit(model, make_train_loader(eighth), few_to_judge, **recipe, progress=False)
    return model.cpu()


# %% [markdown]
# For comparison, a third training: with Lightning, but the scheduler is returned as in the tutorial, without an
# interval.

# %%
class IntervalForgotten(FineTuned):
    def configure_optimizers(self):
        configured = super().configure_optimizers()
        return [configured["optimizer"]], [configured["lr_scheduler"]["scheduler"]]


def largest_difference(first, second):
    pairs = zip(first.state_dict().values(), second.state_dict().values())
    return max((ours.double() - theirs.double()).abs().max().item() for ours, theirs in pairs)


# %% tags=["nbval-ignore-output"]
reference = with_fit()
same = largest_difference(reference, with_lightning(FineTuned))
forgotten = largest_difference(reference, with_lightning(IntervalForgotten))
print(f"largest difference of any weight, Lightning and fit: {same}")
print(f"with the interval forgotten: {forgotten:.4f}")

# %% tags=["proof"]
if course.profile == "sample":  # a GPU may take sums in another order each time
    assert same < 1e-4, f"largest difference {same}"
assert forgotten > course.pick(sample=10, full=1) * same, f"with the interval forgotten {forgotten}, without {same}"
assert forgotten > 0, "the forgotten interval does not matter"

# %% [markdown]
# Look at the first line: where this lesson was made, on a CPU, the difference was zero for every weight and every
# running average, the same to the last bit. It is the same arithmetic in the same order, and the two validation batches
# that Lightning tries out first have not disturbed the random numbers. On another machine, above all on a GPU, sums may
# be taken in another order, and the last digits differ.
#
# The forgotten interval raises no error. It just trains to other weights.
#
# ## What it costs
#
# Between two batches the Trainer asks every callback, collects what was logged, checks whether it is time to validate
# or to save. That takes time. You see it best where the step itself is short, so we take the small MLP of lesson 03,
# with random numbers in place of digits:

# %%
from course_utils import MLP


class SmallStep(L.LightningModule):
    def __init__(self, logs):
        super().__init__()
        self.network, self.logs = MLP(), logs

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self.network(batch[0]), batch[1])
        if self.logs:
            self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


# %%
def by_fit(loader):
    network = MLP()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    fit(network, loader, optimizer=optimizer, epochs=1, progress=False)


# %%
def lightning_minimal(loader):
    trainer = L.Trainer(max_epochs=1, accelerator="cpu", **bare, **silent)
    trainer.fit(SmallStep(logs=False), loader)


# %%
def lightning_with_logs(loader):
    logger, saving = CSVLogger(folder, name="cost"), ModelCheckpoint(folder / "cost")
    settings = {"logger": logger, "callbacks": [saving], "accelerator": "cpu"}
    L.Trainer(max_epochs=1, **settings, **silent).fit(SmallStep(logs=True), loader)


# %% [markdown]
# To start a Trainer takes time, too, once for each `fit`. So each contestant trains on a short and on a long epoch: the
# time for the additional batches is that of the steps alone. They take turns, and of three rounds the fastest counts,
# which a busy computer has disturbed least.

# %% tags=["nbval-ignore-output"]
short_epoch, long_epoch = 20, 120
batch = (torch.rand(64, 784), torch.randint(10, (64,)))
seconds = {}
for turn in range(3):
    for contestant in [by_fit, lightning_minimal, lightning_with_logs]:
        for batches in [short_epoch, long_epoch]:
            loader = DataLoader([batch] * batches, batch_size=None)  # these are batches already
            start = perf_counter()
            contestant(loader)
            key = (contestant.__name__, batches)
            seconds[key] = min(seconds.get(key, np.inf), perf_counter() - start)
times = 1000 * pd.Series(seconds).unstack()
per_step = (times[long_epoch] - times[short_epoch]) / (long_epoch - short_epoch)
more = per_step - per_step["by_fit"]
step = 1000 * trained_seconds / (epochs * steps)
print(f"a step of the ResNet-18 above, validation included: {step:.0f} ms")
pd.DataFrame({"ms per step": per_step, "ms more than fit": more}).round(2)

# %% tags=["proof"]
longest = times[long_epoch]
assert longest["lightning_minimal"] > longest["by_fit"], f"the long epoch, in ms: {longest.to_dict()}"
assert longest["lightning_with_logs"] > longest["by_fit"], f"the long epoch, in ms: {longest.to_dict()}"
if course.profile == "sample":  # on a GPU a step of the ResNet-18 may take a few milliseconds only
    assert more["lightning_with_logs"] < step / 10, f"{more['lightning_with_logs']:.2f} ms more, a step {step:.0f} ms"

# %% [markdown]
# For this tiny network an epoch takes Lightning a good deal longer than `fit`, with logs and without. But look at the
# last column before you judge: these are milliseconds. If a step of the ResNet-18 costs about as many more, on a CPU it
# hardly counts there. So the price matters where steps are tiny and many: small networks on small data, as in many
# lessons of this course.
#
# ## What you get for it
#
# Each of these is one argument of the Trainer, and in a loop of your own an evening's work or more, some with traps:
#
# | argument | what it does |
# |---|---|
# | `accelerator="auto"` | CPU, NVIDIA and Apple GPUs, Google's TPUs (chips for tensors), with the same code |
# | `devices=4, strategy="ddp"` | four GPUs, each with its share of every epoch (`torchrun` in lesson 10) |
# | `precision="bf16-mixed"` | lower precision where it does no harm: less memory, and faster on many devices |
# | `gradient_clip_val=1.0` | gradients are shortened where their norm exceeds 1 |
# | `accumulate_grad_batches=4` | one step for every four batches: a large batch on a small GPU |
# | `fast_dev_run=True` | one batch of everything, to find mistakes before the night |
# | `profiler="simple"` | a table of where the time went |
# | `callbacks=[EarlyStopping(…), …]` | dozens of ready-made ones, and your own |
#
# Two of them at work. After the training the gradients of its last step are still there:

# %%
tried = SmallStep(logs=False)
options = {"fast_dev_run": True, "gradient_clip_val": 0.1}
rehearsal = L.Trainer(**options, accelerator="cpu", **silent)
rehearsal.fit(tried, loader)
norm = nn.utils.get_total_norm([parameter.grad for parameter in tried.parameters()])
print(f"steps: {rehearsal.global_step} of {len(loader)}, norm of the gradient: {norm:.3f}")

# %% tags=["proof"]
assert rehearsal.global_step == 1, f"{rehearsal.global_step} steps"
assert norm < 0.1 + 1e-4, f"the norm is {norm:.4f}"

# %% [markdown]
# Of all the batches one was trained on, and its gradient was shortened.
#
# Take Lightning when you need several of these, when the training will run on machines that you do not know yet, or
# when others must find their way in your code: they know where to look. Write the loop yourself, or use `fit`, when the
# loop *is* the idea (two networks that train against each other, say), when steps are tiny, or when you want to
# understand every line. You can now move between them, and prove that nothing was lost on the way.
#
# **Check yourself.** With `accumulate_grad_batches=4` and `"interval": "step"`, how often is the scheduler called in an
# epoch of 60 batches?
# <details><summary>Answer</summary>
#
# 15 times: a step is a step of the optimizer, and there is one for every four batches. A schedule that was planned for
# 60 steps an epoch would run four times too slowly.
#
# </details>

# %% [markdown]
# > **Common mistake.** "Keep the model with the best validation accuracy", says a comment in the tutorial. Its code
# > says `ModelCheckpoint(monitor="val_loss", mode="min")`, which keeps the lowest loss. That need not be the same
# > epoch. If you change only the name, to `"val_accuracy"`, you make it worse. A module that learns nothing and reports
# > three made-up accuracies shows it:

# %%
class Replay(L.LightningModule):
    def training_step(self, batch, batch_idx):
        pass

    def on_train_epoch_end(self):
        self.log("val_accuracy", [0.70, 0.90, 0.80][self.current_epoch])

    def configure_optimizers(self):
        pass


# %%
for mode in ["min", "max"]:
    saving = ModelCheckpoint(folder / mode, monitor="val_accuracy", mode=mode, filename="{epoch}")
    saver = L.Trainer(max_epochs=3, callbacks=[saving], logger=False, accelerator="cpu", **silent)
    saver.fit(Replay(), [0])
    kept = Path(saving.best_model_path).name.partition("-v")[0].removesuffix(".ckpt")
    print(f"mode {mode}: kept {kept}, val_accuracy {saving.best_model_score:.2f}")

# %% [markdown]
# > With `"min"` the *worst* model of all is kept as `best_model_path`, and no warning is given. `"min"` is for losses,
# > `"max"` for accuracies. (`restore_best` of `fit` decides it by the name.)

# %% [markdown]
# > **Common mistake.** Three more lines, in the manner of the same tutorial (`n` is the number of pictures in a batch,
# > `j` counts them from 0, and `drop_last=True` leaves out a last batch that is not full):
# >
# > ```python
# > val_loader = DataLoader(val_set, batch_size=4, drop_last=True)
# > test_loader = val_loader
# > plt.subplot(n // 2, 2, j)  # the place of picture j in a grid
# > ```

# %%
for batch_size in [4, 64]:
    loader = DataLoader(val_set, batch_size=batch_size, drop_last=True)
    print(f"batches of {batch_size}: {len(loader) * batch_size} of {len(val_set)} pictures judged")

for n, j in [(4, 0), (1, 1)]:
    try:
        plt.subplot(n // 2, 2, j)
    except ValueError as error:
        print(f"n = {n}: subplot({n // 2}, 2, {j}): {error}")
plt.close("all")

# %% tags=["nbval-ignore-output"]
again = judge.test(best_module, val_loader, verbose=False)[0]
print(f"test loss {again['test_loss']:.4f}, validation loss {scores['val_loss']:.4f}")

# %% tags=["proof"]
assert again["test_loss"] == scores["val_loss"], f"{again['test_loss']} and {scores['val_loss']}"

# %% [markdown]
# > With small batches a picture or so is not judged, with large ones it is a good part of them. A test on the pictures
# > that have chosen the model says nothing new. And a grid has no place 0, its places count from 1. With `j + 1` it
# > works for four pictures, but for a batch of one `1 // 2` gives 0 rows.
#
# We clear away the files of this lesson. (To run a cell that reads them again, train again first.)

# %%
import shutil

shutil.rmtree(folder, ignore_errors=True)

# %% [markdown]
# ## Summary
#
# - The loop is Lightning's; yours are `training_step`, `validation_step` and `configure_optimizers`.
# - A scheduler runs once an epoch unless you say `"interval": "step"`, and a monitor needs its `mode`.
# - The Trainer leaves train and eval mode as they are: `freeze` what must not move, call `train()` on what was asleep.
# - Open checkpoints with `weights_only=True`, and keep whole networks out of `save_hyperparameters`.
# - Same seed and batches, same weights as `fit`; the price is some time for each step, which tiny networks feel.
#
# **Exercises**: [11 exercises](exercises/11_lightning.ipynb)
#
# **Next**: [12 · Text classification with an LSTM](12_text_classification_lstm.ipynb)
