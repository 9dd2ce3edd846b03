# %% [markdown]
# # Exercises 11 · Lightning
#
# Five tasks, from warming up to a small design of your own, about 45 minutes. Each has a gap to fill and a check that
# tells you what is wrong. They need nothing beyond [lesson 11](../11_lightning.ipynb), but for the schedule
# `warmup_cosine`, which [lesson 05](../05_custom_resnet.ipynb) has built; if you are stuck, unfold the hint. Run the
# next cell first: it also makes Lightning quiet, and two helpers for the checks.

# %%
import copy
import inspect
import logging
import tempfile
from pathlib import Path

import lightning as L
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import freeze, setup, warmup_cosine

course = setup(seed=0)
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
logging.captureWarnings(True)
logging.getLogger("py.warnings").setLevel(logging.ERROR)


def quick_trainer(epochs=1, *callbacks):
    off = ["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"]
    switches = dict.fromkeys(off, False)
    return L.Trainer(max_epochs=epochs, callbacks=list(callbacks), accelerator="cpu", devices=1, **switches)


def loss_of(module, batch):
    """What training_step returns; as for the Trainer, it may have batch_idx as an argument or leave it out."""
    module.trainer = None  # self.log writes to a trainer, and raises if that one is through with its training
    arguments = [batch, 0][: len(inspect.signature(module.training_step).parameters)]
    loss = module.training_step(*arguments)
    return loss["loss"] if isinstance(loss, dict) else loss


# %% [markdown]
# ## Task 1 · From a loop to a module (3 points)
#
# Turn this loop into a LightningModule. Targets are numbers, of shape (batch,), and the network returns (batch, 1).
#
# ```python
# optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9)
# for epoch in range(epochs):
#     for inputs, targets in loader:
#         loss = F.mse_loss(network(inputs).squeeze(1), targets)
#         optimizer.zero_grad()
#         loss.backward()
#         optimizer.step()
# ```
# <details><summary>Hint 1</summary>
#
# The table at the beginning of the lesson says which lines are yours. The Trainer does epochs, batches, `zero_grad`,
# `backward` and `step`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `__init__` begins with `super().__init__()` and keeps `network` and `lr`. `training_step` returns the loss,
# `configure_optimizers` returns the optimizer.
#
# </details>

# %% tags=["answer"]
class Regressor(L.LightningModule):
    """The loop above as a module.

    Args:
        network: nn.Module, inputs (batch, features) -> outputs (batch, 1)
        lr: float
    """

    ### BEGIN SOLUTION
    def __init__(self, network, lr):
        super().__init__()
        self.network, self.lr = network, lr

    def training_step(self, batch, batch_idx):
        inputs, targets = batch
        return F.mse_loss(self.network(inputs).squeeze(1), targets)

    def configure_optimizers(self):
        return torch.optim.SGD(self.network.parameters(), lr=self.lr, momentum=0.9)

    ### END SOLUTION


# %% tags=["right"]
# - def __init__(self, network, lr):
# -         super().__init__()
# + def __init__(self, network, lr):
# +         super().__init__()
# +         self.save_hyperparameters("lr")
# - def training_step(self, batch, batch_idx):
# + def forward(self, inputs):
# +         return self.network(inputs)
# +
# +     def training_step(self, batch):
# -         return F.mse_loss(self.network(inputs).squeeze(1), targets)
# +         loss = (self(inputs)[:, 0] - targets).square().mean()
# +         self.log("train_loss", loss, prog_bar=True)
# +         return {"loss": loss}
# - return torch.optim.SGD(self.network.parameters(), lr=self.lr, momentum=0.9)
# + return [torch.optim.SGD(self.parameters(), lr=self.hparams.lr, momentum=0.9)]

# %% tags=["right"]
# - self.network, self.lr = network, lr
# + self.network, self.lr, self.criterion = network, lr, nn.MSELoss()
# -         inputs, targets = batch
# -         return F.mse_loss(self.network(inputs).squeeze(1), targets)
# +         return self.criterion(self.network(batch[0]), batch[1].reshape(-1, 1))
# - return torch.optim.SGD(self.network.parameters(), lr=self.lr, momentum=0.9)
# + optimizer = torch.optim.SGD(self.network.parameters(), lr=self.lr, momentum=0.9)
# +         return {"optimizer": optimizer}

# %% tags=["wrong"] expect="return the loss"
# -         return F.mse_loss(self.network(inputs).squeeze(1), targets)
# +         loss = F.mse_loss(self.network(inputs).squeeze(1), targets)
# +         self.log("train_loss", loss)

# %% tags=["wrong"] expect="return the optimizer"
# - return torch.optim.SGD(self.network.parameters(), lr=self.lr, momentum=0.9)
# + self.optimizer = torch.optim.SGD(self.network.parameters(), lr=self.lr, momentum=0.9)

# %% tags=["wrong"] expect="leave backward to the Trainer"
# -         return F.mse_loss(self.network(inputs).squeeze(1), targets)
# +         loss = F.mse_loss(self.network(inputs).squeeze(1), targets)
# +         loss.backward()
# +         return loss

# %% tags=["wrong"] expect="squeeze(1)"
# - self.network(inputs).squeeze(1)
# + self.network(inputs)

# %% tags=["wrong"] expect="the loop has momentum 0.9"
# - return torch.optim.SGD(self.network.parameters(), lr=self.lr, momentum=0.9)
# + return torch.optim.SGD(self.network.parameters(), lr=self.lr)

# %% tags=["wrong"] expect="use the lr"
# - self.network, self.lr = network, lr
# + self.network = network
# - lr=self.lr
# + lr=1e-3

# %% tags=["wrong"] expect="holds a copy"
# - self.network, self.lr = network, lr
# + self.network, self.lr = copy.deepcopy(network), lr

# %% [markdown]
# Try it by hand before you run the check: a network that is right everywhere has no loss.

# %%
exact = nn.Linear(3, 1)
nn.init.ones_(exact.weight)
nn.init.zeros_(exact.bias)
module = Regressor(exact, lr=0.05)
inputs = torch.tensor([[1.0, 2.0, 3.0], [2.0, 0.0, 1.0]])
print(loss_of(module, (inputs, inputs.sum(dim=1))))

# %% tags=["check"] points=3
torch.manual_seed(0)
inputs = torch.randn(30, 3)
loader = DataLoader(TensorDataset(inputs, inputs.sum(dim=1) + 1), batch_size=8)
start = nn.Linear(3, 1)


def by_loop(lr, momentum):
    network = copy.deepcopy(start)
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=momentum)
    for _ in range(2):
        for some, targets in loader:
            optimizer.zero_grad()
            F.mse_loss(network(some).squeeze(1), targets).backward()
            optimizer.step()
    return network


def same(network, other):
    pairs = zip(network.parameters(), other.parameters())
    return all(torch.allclose(ours, theirs, atol=1e-5) for ours, theirs in pairs)


network = copy.deepcopy(start)
module = Regressor(network, lr=0.03)
assert isinstance(module, L.LightningModule), "Regressor should inherit from L.LightningModule"
loss = loss_of(module, next(iter(loader)))
assert isinstance(loss, torch.Tensor), "training_step should return the loss, or there is nothing to call backward on"
assert loss.ndim == 0, f"training_step should return one number, not a tensor of shape {tuple(loss.shape)}"
touched = any(parameter.grad is not None for parameter in network.parameters())
assert not touched, "training_step computes gradients itself: leave backward to the Trainer"
assert same(network, start), "training_step changes the weights: leave step to the Trainer"
outputs, targets = start(inputs[:8]), inputs[:8].sum(dim=1) + 1
all_pairs = (outputs - targets).square().mean()
assert not torch.allclose(loss, all_pairs), "(batch, 1) and (batch,) broadcast to all pairs: squeeze(1) the outputs"
expected = F.mse_loss(outputs.squeeze(1), targets)
assert torch.allclose(loss, expected), f"the loss of the first batch should be {expected:.3f}, not {loss:.3f}"
assert loss.requires_grad, "the loss has lost its link to the weights: return it as it is, without item() or detach()"
assert module.configure_optimizers() is not None, "configure_optimizers should return the optimizer"
held = [parameter for parameter in module.parameters() if any(parameter is own for own in network.parameters())]
assert held, "the module holds a copy of the network (or none), which nobody sees from outside: keep the network itself"
quick_trainer(2).fit(module, loader)
assert not same(network, start), "nothing was learned: is the optimizer given the network's parameters?"
assert not same(network, by_loop(0.03, 0)), "these are the weights of SGD without momentum; the loop has momentum 0.9"
faster = copy.deepcopy(start)
quick_trainer(2).fit(Regressor(faster, lr=0.06), loader)
assert not same(faster, network), "another lr changes nothing: use the lr that __init__ is given"
assert same(network, by_loop(0.03, 0.9)), "after two epochs the weights should be those of the loop"
assert same(faster, by_loop(0.06, 0.9)), "after two epochs with lr 0.06 the weights should be those of the loop"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · A schedule by steps (3 points)
#
# Write what `configure_optimizers` of the following module returns: AdamW over those parameters that want a gradient,
# with the learning rate `lr`, and the course's schedule `warmup_cosine(optimizer, warmup_steps, total_steps)`, called
# after every step of the optimizer. (The rate climbs to `lr` in `warmup_steps`, and then falls along a cosine.)
# <details><summary>Hint</summary>
#
# The last part of the lesson's module, `FineTuned`, returns such a dictionary. Without `"interval": "step"` the
# schedule moves once an epoch.
#
# </details>

# %% tags=["answer"]
def configure(module, lr, warmup_steps, total_steps):
    """What the module's configure_optimizers returns.

    Args:
        module: a LightningModule, some of its parameters frozen
        lr: float
        warmup_steps, total_steps: int, counted in steps of the optimizer
    Returns:
        AdamW with a schedule by steps, in a form that Lightning understands
    """
    ### BEGIN SOLUTION
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=lr)
    scheduler = warmup_cosine(optimizer, warmup_steps, total_steps)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
    ### END SOLUTION


# %% tags=["right"]
# -     trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
# -     optimizer = torch.optim.AdamW(trained, lr=lr)
# +     optimizer = torch.optim.AdamW(filter(lambda parameter: parameter.requires_grad, module.parameters()), lr=lr)
# - return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
# + return [optimizer], [{"scheduler": scheduler, "interval": "step", "frequency": 1, "name": "rate"}]

# %% tags=["right"]
def configure(module, lr, warmup_steps, total_steps):
    wanting = []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            decay = 0.0 if parameter.ndim == 1 else 0.01
            wanting.append({"params": [parameter], "weight_decay": decay})
    configured = {"optimizer": torch.optim.AdamW(wanting, lr)}
    schedule = warmup_cosine(configured["optimizer"], warmup_steps, total_steps)
    configured["lr_scheduler"] = dict(scheduler=schedule, interval="step")
    return configured


# %% tags=["wrong"] expect="moves once an epoch"
# -     scheduler = warmup_cosine(optimizer, warmup_steps, total_steps)
# -     return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
# +     return {"optimizer": optimizer, "lr_scheduler": warmup_cosine(optimizer, warmup_steps, total_steps)}

# %% tags=["wrong"] expect="the rate never moves"
def configure(module, lr, warmup_steps, total_steps):
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(trained, lr=lr)


# %% tags=["wrong"] expect="only parameters that want a gradient"
# -     trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
# -     optimizer = torch.optim.AdamW(trained, lr=lr)
# +     optimizer = torch.optim.AdamW(module.parameters(), lr=lr)

# %% tags=["wrong"] expect="ask each parameter"
# - trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
# + trained = list(module.head.parameters())

# %% tags=["wrong"] expect="should be AdamW"
# - torch.optim.AdamW(trained, lr=lr)
# + torch.optim.Adam(trained, lr=lr)

# %% tags=["wrong"] expect="the other way round"
# - scheduler = warmup_cosine(optimizer, warmup_steps, total_steps)
# + scheduler = warmup_cosine(optimizer, total_steps - warmup_steps, total_steps)

# %% tags=["wrong"] expect="frequency"
# -     return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
# +     schedule = {"scheduler": scheduler, "interval": "step", "frequency": 4}
# +     return {"optimizer": optimizer, "lr_scheduler": schedule}

# %% tags=["wrong"] expect="the lr that is given"
# - torch.optim.AdamW(trained, lr=lr)
# + torch.optim.AdamW(trained, lr=0.1)

# %% tags=["wrong"] expect="a pair of optimizer and scheduler"
# -     scheduler = warmup_cosine(optimizer, warmup_steps, total_steps)
# -     return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
# +     return optimizer, warmup_cosine(optimizer, warmup_steps, total_steps)

# %% [markdown]
# Try it: the module notes the rate of every step, here of three epochs with four batches each.

# %%
class TwoLayers(L.LightningModule):
    def __init__(self, *settings):
        super().__init__()
        self.body, self.head = nn.Linear(2, 3), nn.Linear(3, 2)
        self.body.requires_grad_(False)
        self.settings, self.rates = settings, []

    def configure_optimizers(self):
        configured = configure(self, *self.settings)
        pair = isinstance(configured, tuple) and not isinstance(configured[0], (list, tuple))
        assert not pair, "Lightning does not understand a pair of optimizer and scheduler: return a dictionary"
        return configured

    def training_step(self, batch, batch_idx):
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        return F.cross_entropy(self.head(self.body(batch[0])), batch[1])


loader = DataLoader(TensorDataset(torch.randn(16, 2), torch.arange(16) % 2), batch_size=4)
module = TwoLayers(0.1, 3, 12)
quick_trainer(3).fit(module, loader)
print(*[round(rate, 3) for rate in module.rates])

# %% tags=["check"] points=3
module = TwoLayers(0.2, 2, 12)
assert module.configure_optimizers() is not None, "configure should return something"
trainer = quick_trainer(3)
trainer.fit(module, loader)
used = module.optimizers()
used = getattr(used, "optimizer", used)  # Lightning wraps it
assert isinstance(used, torch.optim.AdamW), f"the optimizer should be AdamW, not {type(used).__name__}"


def rates_of(warmup_steps):
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=0.2)
    scheduler = warmup_cosine(optimizer, warmup_steps, 12)
    rates = []
    for batch in range(12):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def is_like(rates):
    return max(abs(ours - theirs) for ours, theirs in zip(module.rates, rates)) < 1e-6


schedules = trainer.lr_scheduler_configs
assert schedules, "the rate never moves: the schedule belongs into what you return"
assert schedules[0].interval == "step", 'the schedule moves once an epoch: say "interval": "step"'
assert schedules[0].frequency == 1, 'the schedule should move after every step: leave out "frequency", or make it 1'
assert not is_like(rates_of(10)), "warm-up and the rest are the other way round: the rate should rise for two steps"
given_lr = max(module.rates) > 0 and abs(schedules[0].scheduler.base_lrs[0] - 0.2) < 1e-9
assert given_lr, "use the lr that is given to configure"
first = [round(rate, 3) for rate in rates_of(2)[:5]]
assert is_like(rates_of(2)), f"the first rates should be {first}, not {[round(rate, 3) for rate in module.rates[:5]]}"
given = [parameter for group in used.param_groups for parameter in group["params"]]
frozen = [parameter for parameter in given if not parameter.requires_grad]
assert not frozen, "give the optimizer only parameters that want a gradient; the body is frozen"
assert len(given) == 2, f"the head has 2 parameter tensors, the optimizer was given {len(given)}"
reversed_roles = TwoLayers(0.2, 2, 12)
reversed_roles.body.requires_grad_(True)
reversed_roles.head.requires_grad_(False)
quick_trainer(1).fit(reversed_roles, loader)
given = [parameter for group in reversed_roles.optimizers().param_groups for parameter in group["params"]]
wanting = {id(parameter) for parameter in reversed_roles.body.parameters()}
message = "in another module the body learns and the head is frozen: ask each parameter whether it wants a gradient"
assert {id(parameter) for parameter in given} == wanting, message
print("✓ task 2")

# %% [markdown]
# ## Task 3 · The best epoch in a table with gaps (3 points)
#
# Read the `metrics.csv` that a `CSVLogger` has left, and return the epoch in which `monitor` was best, and its value
# there. `mode` is `"min"` or `"max"`, as for `ModelCheckpoint`. If two epochs are equally good, the earlier one counts.
# <details><summary>Hint 1</summary>
#
# Pick the two columns `["epoch", monitor]` first, and drop the gaps then.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `series.idxmin()` and `series.idxmax()` return the *index* of the first lowest or highest value. Make the epoch the
# index, with `set_index`, or look the row up with `table.loc[…]`.
#
# </details>

# %% tags=["answer"]
def best_epoch(path, monitor, mode):
    """Best epoch of a run.

    Args:
        path: of a metrics.csv
        monitor: str, name of a column
        mode: "min" or "max"
    Returns:
        epoch (int, as in the file), value (float)
    """
    ### BEGIN SOLUTION
    values = pd.read_csv(path)[["epoch", monitor]].dropna().set_index("epoch")[monitor]
    best = values.idxmin() if mode == "min" else values.idxmax()
    return int(best), float(values.min() if mode == "min" else values.max())
    ### END SOLUTION


# %% tags=["right"]
import csv


def best_epoch(path, monitor, mode):
    best = None
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if row[monitor]:
                value = float(row[monitor])
                if best is None or (value < best[1] if mode == "min" else value > best[1]):
                    best = int(float(row["epoch"])), value
    return best


# %% tags=["right"]
def best_epoch(path, monitor, mode):
    table = np.genfromtxt(path, delimiter=",", skip_header=1)
    with open(path) as file:
        names = file.readline().strip().split(",")
    epochs, values = table[:, names.index("epoch")], table[:, names.index(monitor)]
    row = np.nanargmin(values) if mode == "min" else np.nanargmax(values)
    return int(epochs[row]), values[row]


# %% tags=["right"]
def best_epoch(path, monitor, mode):
    table = pd.read_csv(path).groupby("epoch", as_index=False).first().dropna(subset=monitor)
    ordered = table.sort_values([monitor, "epoch"], ascending=[mode == "min", True])
    return int(ordered["epoch"].iloc[0]), ordered[monitor].iloc[0]


# %% tags=["wrong"] expect="number of a row"
# - values = pd.read_csv(path)[["epoch", monitor]].dropna().set_index("epoch")[monitor]
# + values = pd.read_csv(path)[monitor].dropna()

# %% tags=["wrong"] expect="no row is complete"
# - pd.read_csv(path)[["epoch", monitor]]
# + pd.read_csv(path)

# %% tags=["wrong"] expect="look at mode"
# -     best = values.idxmin() if mode == "min" else values.idxmax()
# -     return int(best), float(values.min() if mode == "min" else values.max())
# +     return int(values.idxmin()), float(values.min())

# %% tags=["wrong"] expect="a gap is not a zero"
def best_epoch(path, monitor, mode):
    table = pd.read_csv(path).fillna(0)
    best = table[monitor].idxmin() if mode == "min" else table[monitor].idxmax()
    return int(table.loc[best, "epoch"]), float(table.loc[best, monitor])


# %% tags=["wrong"] expect="last epoch, not the best"
def best_epoch(path, monitor, mode):
    table = pd.read_csv(path)[["epoch", monitor]].dropna()
    return int(table["epoch"].iloc[-1]), float(table[monitor].iloc[-1])


# %% tags=["wrong"] expect="epochs as they stand in the file"
# - values = pd.read_csv(path)[["epoch", monitor]].dropna().set_index("epoch")[monitor]
# + values = pd.read_csv(path)[monitor].dropna().reset_index(drop=True)

# %% tags=["wrong"] expect="the earlier one"
def best_epoch(path, monitor, mode):
    table = pd.read_csv(path)[["epoch", monitor]].dropna().sort_values(["epoch"], ascending=False)
    ordered = table.sort_values(monitor, ascending=mode == "min", kind="stable")
    return int(ordered["epoch"].iloc[0]), float(ordered[monitor].iloc[0])


# %% tags=["wrong"] expect="should be? Drop the gaps"
# - pd.read_csv(path)[["epoch", monitor]].dropna()
# + pd.read_csv(path)
# - values.min() if mode == "min" else values.max()
# + values.loc[best]

# %% tags=["wrong"] expect="compared as texts"
# - pd.read_csv(path)[["epoch", monitor]]
# + pd.read_csv(path, dtype=str)[["epoch", monitor]]
# -     best = values.idxmin() if mode == "min" else values.idxmax()
# -     return int(best), float(values.min() if mode == "min" else values.max())
# +     best = sorted(values.index, key=values.get, reverse=mode == "max")[0]
# +     return int(float(best)), float(values[best])

# %% tags=["wrong"] expect="numbers, not texts"
# - pd.read_csv(path)[["epoch", monitor]]
# + pd.read_csv(path, dtype=str)[["epoch", monitor]]
# -     best = values.idxmin() if mode == "min" else values.idxmax()
# -     return int(best), float(values.min() if mode == "min" else values.max())
# +     best = sorted(values.index, key=lambda epoch: float(values[epoch]), reverse=mode == "max")[0]
# +     return best, values[best]

# %% tags=["wrong"] expect="epochs 3 and 4"
def best_epoch(path, monitor, mode):
    table, best = pd.read_csv(path)[["epoch", monitor]].dropna(), None
    for epoch, value in table.itertuples(index=False):
        if best is None or (value <= best[1] if mode == "min" else value > best[1]):
            best = int(epoch), value
    return best


# %% tags=["wrong"] expect="two single numbers"
# - pd.read_csv(path)[["epoch", monitor]].dropna()
# + pd.read_csv(path)
# - return int(best), float(values.min() if mode == "min" else values.max())
# + return best, values.loc[best]

# %% [markdown]
# Try it on a small table:

# %%
gap = float("nan")
rows = [(gap, gap), (0, 0.5), (gap, gap), (1, 0.3), (gap, gap), (2, 0.4)]
small_table = pd.DataFrame(rows, columns=["epoch", "val_loss"])
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "metrics.csv"
    small_table.to_csv(file, index=False)
    print(best_epoch(file, "val_loss", "min"))

# %% tags=["check"] points=3
gap = float("nan")
# a run that was resumed: its file begins with epoch 3
columns = ["epoch", "lr-SGD", "step", "train_loss_step", "val_accuracy", "val_loss"]
rows = []
for epoch, (accuracy, loss) in enumerate([(0.7, 9.5), (0.9, 0.4), (0.8, 0.2), (0.6, 0.3), (0.9, 12.6)], start=3):
    rows.append((gap, 0.1, 2 * epoch, gap, gap, gap))
    rows.append((epoch, gap, 2 * epoch, 0.01 * max(epoch, 4), gap, gap))
    rows.append((epoch, gap, 2 * epoch + 1, gap, accuracy, loss))
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "metrics.csv"
    pd.DataFrame(rows, columns=columns).to_csv(file, index=False)
    found = {}
    for monitor, mode in [
        ("val_loss", "min"),
        ("val_accuracy", "max"),
        ("val_loss", "max"),
        ("train_loss_step", "min"),
    ]:
        try:
            answer = best_epoch(file, monitor, mode)
        except (ValueError, IndexError, KeyError) as error:
            message = "did you drop every row with any gap? Pick the columns first: no row is complete"
            raise AssertionError(f"best_epoch fails ({error}); {message}") from None
        except TypeError as error:
            message = "is it a whole column where one number should be? Drop the gaps before you look up an epoch"
            raise AssertionError(f"best_epoch fails ({error}); {message}") from None
        two = hasattr(answer, "__len__") and len(answer) == 2
        assert two, "return two things: the epoch and the value"
        answer = list(answer)
        alone = all(np.ndim(number) == 0 for number in answer)
        assert alone, "return two single numbers; an epoch has several rows: drop the gaps before you look it up"
        texts = [number for number in answer if isinstance(number, str)]
        assert not texts, f"return numbers, not texts such as {texts[:1]}"
        found[monitor, mode] = float(answer[0]), round(float(answer[1]), 6)
of_loss, of_accuracy, worst, of_training = found.values()
assert of_loss[1] != 0, "0 occurs nowhere in the column: a gap is not a zero, drop the gaps instead of filling them"
assert of_loss != (7, 12.6) or of_accuracy != (7, 0.9), "you return the last epoch, not the best one"
assert of_loss[0] not in (8, 14), "the first number should be the epoch, not the number of a row of the file"
counted = of_loss[0] == 2 or of_loss == (3, 0.2)
assert not counted, "return epochs as they stand in the file, which may begin with 3; do not count them yourself"
assert of_accuracy != (6, 0.6) and worst != of_loss, 'look at mode: with "max" the highest value is the best'
assert of_accuracy != (7, 0.9), "epochs 4 and 7 are equally good; the earlier one counts"
assert of_loss == (5, 0.2), f"the lowest val_loss is 0.2 in epoch 5, you return {of_loss}"
assert of_accuracy == (4, 0.9), f"the highest val_accuracy is 0.9 in epoch 4, you return {of_accuracy}"
assert worst != (3, 9.5), "12.6 is higher than 9.5, unless they are compared as texts: make numbers of them"
assert worst == (7, 12.6), f"the highest val_loss is 12.6 in epoch 7, you return {worst}"
assert of_training[0] != 4, "epochs 3 and 4 have the lowest train_loss_step; the earlier one counts"
assert of_training == (3, 0.04), f"the lowest train_loss_step is 0.04, first in epoch 3, you return {of_training}"
print("✓ task 3")

# %% [markdown]
# ## Task 4 · A callback that watches gradients (4 points)
#
# Write a callback that notes the norm of the gradient in every step: the root of the sum of squares of *all* gradients
# of the module, together. Parameters without a gradient are left out. The list `norms` holds one number for each step,
# over all epochs. Use the method `on_before_optimizer_step(self, trainer, module, optimizer)`, which the Trainer calls
# when the gradients of a step are ready.
# <details><summary>Hint 1</summary>
#
# Like `TrainAccuracyAfterwards` of the lesson: an empty list in `__init__`, an `append` in the method.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `parameter.grad` is `None` where there is no gradient. `parameter.grad.square().sum()` is the sum of squares of one.
#
# </details>

# %% tags=["answer"]
class GradientNorms(L.Callback):
    """Attribute `norms`: list of float, the norm of the whole gradient in each step."""

    ### BEGIN SOLUTION
    def __init__(self):
        self.norms = []

    def on_before_optimizer_step(self, trainer, module, optimizer):
        gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
        self.norms.append(sum(gradient.square().sum() for gradient in gradients).sqrt().item())

    ### END SOLUTION


# %% tags=["right"]
# -         gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
# -         self.norms.append(sum(gradient.square().sum() for gradient in gradients).sqrt().item())
# +         total = 0.0
# +         for parameter in module.parameters():
# +             if parameter.grad is not None:
# +                 total += float((parameter.grad**2).sum())
# +         self.norms.append(total**0.5)

# %% tags=["right"]
# -     def __init__(self):
# -         self.norms = []
# +     def on_fit_start(self, trainer, module):
# +         self.norms = []
# - gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
# + gradients = [p.grad.flatten() for p in module.parameters() if p.grad is not None]
# - self.norms.append(sum(gradient.square().sum() for gradient in gradients).sqrt().item())
# + self.norms.append(torch.cat(gradients).norm().item())

# %% tags=["right"]
# -         gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
# -         self.norms.append(sum(gradient.square().sum() for gradient in gradients).sqrt().item())
# +         self.norms.append(L.pytorch.utilities.grad_norm(module, 2)["grad_2.0_norm_total"])

# %% tags=["wrong"] expect="not the sum of the norms"
# -         gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
# -         self.norms.append(sum(gradient.square().sum() for gradient in gradients).sqrt().item())
# +         self.norms.append(sum(p.grad.norm().item() for p in module.parameters() if p.grad is not None))

# %% tags=["wrong"] expect="of a single layer"
# - module.parameters()
# + module.line.parameters()

# %% tags=["wrong"] expect="is left out"
# -         gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
# -         self.norms.append(sum(gradient.square().sum() for gradient in gradients).sqrt().item())
# +         self.norms.append(sum(p.grad.square().sum() for p in module.parameters()).sqrt().item())

# %% tags=["wrong"] expect="of the weights"
# - gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
# + learning = [p for p in module.parameters() if p.grad is not None]
# - (gradient.square().sum() for gradient in gradients)
# + (p.detach().square().sum() for p in learning)

# %% tags=["wrong"] expect="take the root"
# -         gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
# -         self.norms.append(sum(gradient.square().sum() for gradient in gradients).sqrt().item())
# +         self.norms.append(sum(p.grad.square().sum().item() for p in module.parameters() if p.grad is not None))

# %% tags=["wrong"] expect="one number for each step"
# - def on_before_optimizer_step(self, trainer, module, optimizer):
# + def on_train_epoch_end(self, trainer, module):

# %% tags=["wrong"] expect="shared by all callbacks"
# -     def __init__(self):
# -         self.norms = []
# +     norms = []

# %% tags=["wrong"] expect="numbers, one norm for each step"
# -         gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
# -         self.norms.append(sum(gradient.square().sum() for gradient in gradients).sqrt().item())
# +         self.norms.append([p.grad.norm().item() for p in module.parameters() if p.grad is not None])

# %% tags=["wrong"] expect="append one number"
# - self.norms.append(sum(gradient.square().sum() for gradient in gradients).sqrt().item())
# + self.norms = sum(gradient.square().sum() for gradient in gradients).sqrt().item()

# %% tags=["wrong"] expect="should only watch"
# - gradient.square()
# + gradient.square_()

# %% [markdown]
# Try it on a module with a single layer, for two epochs of four batches:

# %%
class Line(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(2, 1)

    def training_step(self, batch, batch_idx):
        return F.mse_loss(self.line(batch[0]).squeeze(1), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.line.parameters(), lr=0.1)


inputs = torch.randn(32, 2)
loader = DataLoader(TensorDataset(inputs, 3 * inputs.sum(dim=1)), batch_size=8)
watcher = GradientNorms()
quick_trainer(2, watcher).fit(Line(), loader)
print(np.round(watcher.norms, 2))

# %% tags=["check"] points=4
class LineAndMore(Line):
    def __init__(self):
        super().__init__()
        self.unused, self.first = nn.Linear(2, 1), nn.Linear(2, 2)

    def training_step(self, batch, batch_idx):
        return super().training_step((self.first(batch[0]), batch[1]), batch_idx)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.02)


torch.manual_seed(1)
inputs = torch.randn(32, 2)
loader = DataLoader(TensorDataset(inputs, 3 * inputs.sum(dim=1) + 1), batch_size=8)
module, watcher = LineAndMore(), GradientNorms()
learning = nn.Sequential(module.first, module.line)
by_hand = copy.deepcopy(learning)
expected = {"root": [], "sum": [], "squares": [], "weights": [], "line": []}
for some, targets in [*loader, *loader]:
    by_hand.zero_grad()
    F.mse_loss(by_hand(some).squeeze(1), targets).backward()
    parts = torch.stack([parameter.grad.norm() for parameter in by_hand.parameters()])
    weights = torch.stack([parameter.detach().norm() for parameter in by_hand.parameters()])
    numbers = {"root": parts.norm(), "sum": parts.sum(), "squares": parts.square().sum()}
    numbers |= {"weights": weights.norm(), "line": parts[2:].norm()}
    for name, number in numbers.items():
        expected[name].append(number.item())
    with torch.no_grad():
        for parameter in by_hand.parameters():
            parameter -= 0.02 * parameter.grad
assert isinstance(watcher, L.Callback), "GradientNorms should inherit from L.Callback"
assert not getattr(watcher, "norms", None), "a new callback has old norms: the list is shared by all callbacks"
try:
    quick_trainer(2, watcher).fit(module, loader)
except (AttributeError, TypeError) as error:
    message = "a parameter without a gradient (None) is left out" if "NoneType" in str(error) else error
    raise AssertionError(f"the callback fails: {message}") from None
assert hasattr(watcher, "norms"), "the callback should have a list `norms`"
noted = watcher.norms
assert isinstance(noted, (list, tuple)), "norms should be a list: append one number in each step"
assert len(noted) == 8, f"two epochs of four batches should give one number for each step, 8 in all, not {len(noted)}"
assert all(np.ndim(norm) == 0 for norm in noted), "norms should hold numbers, one norm for each step"
noted = [float(norm) for norm in noted]
trained = zip(learning.parameters(), by_hand.parameters())
unchanged = all(torch.allclose(ours, theirs, atol=1e-4) for ours, theirs in trained)
assert unchanged, "the training comes out different: a callback that should only watch has changed the gradients"


def is_like(name):
    return all(abs(ours - theirs) < 1e-3 for ours, theirs in zip(noted, expected[name]))


assert not is_like("sum"), "take the root of the sum of all squares, not the sum of the norms of single parameters"
assert not is_like("line"), "that is the norm of a single layer: take all parameters of the module"
assert not is_like("squares"), "you return the sum of squares: take the root of it"
assert not is_like("weights"), "that is the norm of the weights; their gradients are in parameter.grad"
assert is_like("root"), f"the first norms should be {expected['root'][:3]}, not {noted[:3]}"
print("✓ task 4")

# %% [markdown]
# ## Task 5 · Design: an extractor in which nothing moves (5 points)
#
# Write a LightningModule that trains a linear head on a frozen backbone. The backbone comes from outside and returns
# (batch, features). It must hold that
#
# - `module(inputs)` returns the logits of the head, (batch, num_classes),
# - it learns by the cross-entropy of the logits and the labels, the mean over the batch,
# - only the head has parameters that want a gradient, and only these are given to the optimizer (SGD),
# - neither weights nor running averages of the backbone move in training, even if somebody calls `module.train()`
#   before,
# - `num_features`, `num_classes` and `lr` are in `module.hparams`; the backbone is not, so that no checkpoint holds it
#   as an object.
# <details><summary>Hint 1</summary>
#
# `freeze` from the course makes the backbone refuse `train()`. Building it yourself is fine, too.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `save_hyperparameters(ignore=["backbone"])` leaves one argument out.
#
# </details>

# %% tags=["answer"]
class LinearProbe(L.LightningModule):
    """A linear head on a frozen backbone.

    Args:
        backbone: nn.Module, inputs -> features (batch, num_features)
        num_features, num_classes: int
        lr: float
    """

    ### BEGIN SOLUTION
    def __init__(self, backbone, num_features, num_classes, lr):
        super().__init__()
        self.save_hyperparameters(ignore=["backbone"])
        self.backbone = freeze(backbone)
        self.head = nn.Linear(num_features, num_classes)

    def forward(self, inputs):
        return self.head(self.backbone(inputs))

    def training_step(self, batch, batch_idx):
        inputs, labels = batch
        return F.cross_entropy(self(inputs), labels)

    def configure_optimizers(self):
        return torch.optim.SGD(self.head.parameters(), lr=self.hparams.lr)

    ### END SOLUTION


# %% tags=["right"]
# - ignore=["backbone"]
# + "num_features", "num_classes", "lr"
# - freeze(backbone)
# + backbone.requires_grad_(False).eval()
# - def forward(self, inputs):
# + def train(self, mode=True):
# +         super().train(mode)
# +         self.backbone.eval()
# +         return self
# +
# +     def forward(self, inputs):
# - def training_step(self, batch, batch_idx):
# + def training_step(self, batch):
# -         return F.cross_entropy(self(inputs), labels)
# +         logits = self(inputs)
# +         loss = nn.CrossEntropyLoss()(logits, labels)
# +         self.log("train_loss", loss)
# +         self.log("train_accuracy", (logits.argmax(dim=1) == labels).float().mean(), on_epoch=True)
# +         return loss

# %% tags=["right"]
# -         self.backbone = freeze(backbone)
# -         self.head = nn.Linear(num_features, num_classes)
# +         self.backbone = backbone.requires_grad_(False)
# +         self.weight = nn.Parameter(0.1 * torch.randn(num_features, num_classes))
# +         self.bias = nn.Parameter(torch.zeros(num_classes))
# - return self.head(self.backbone(inputs))
# + self.backbone.eval()
# +         with torch.no_grad():
# +             features = self.backbone(inputs)
# +         return features @ self.weight + self.bias
# - return F.cross_entropy(self(inputs), labels)
# + return {"loss": F.nll_loss(self(inputs).log_softmax(dim=1), labels)}
# - return torch.optim.SGD(self.head.parameters(), lr=self.hparams.lr)
# + wanting = [parameter for parameter in self.parameters() if parameter.requires_grad]
# +         optimizer = torch.optim.SGD(wanting, lr=self.hparams["lr"], momentum=0.9)
# +         return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, step_size=10)]

# %% tags=["wrong"] expect="that want a gradient: freeze"
# - freeze(backbone)
# + backbone

# %% tags=["wrong"] expect="running averages of the backbone move"
# - freeze(backbone)
# + backbone.requires_grad_(False)

# %% tags=["wrong"] expect="after module.train()"
# - freeze(backbone)
# + backbone.requires_grad_(False).eval()

# %% tags=["wrong"] expect="the head is frozen, too"
# - self.backbone = freeze(backbone)
# + self.backbone = backbone
# -         self.head = nn.Linear(num_features, num_classes)
# +         self.head = nn.Linear(num_features, num_classes)
# +         freeze(self)

# %% tags=["wrong"] expect="holds the backbone as an object"
# - self.save_hyperparameters(ignore=["backbone"])
# + self.save_hyperparameters()

# %% tags=["wrong"] expect="is not in module.hparams"
# - self.save_hyperparameters(ignore=["backbone"])
# + self.lr = lr
# - lr=self.hparams.lr
# + lr=self.lr

# %% tags=["wrong"] expect="only the head's parameters to the optimizer"
# - self.head.parameters()
# + self.parameters()

# %% tags=["wrong"] expect="use the lr"
# - self.hparams.lr
# + 0.1

# %% tags=["wrong"] expect="should be SGD"
# - return torch.optim.SGD(self.head.parameters(), lr=self.hparams.lr)
# + return torch.optim.AdamW(self.head.parameters(), lr=self.hparams.lr)

# %% tags=["wrong"] expect="a single linear layer"
# - nn.Linear(num_features, num_classes)
# + nn.Linear(6, 3)

# %% tags=["wrong"] expect="cross-entropy of the logits"
# - self(inputs)
# + self(inputs).softmax(dim=1)

# %% tags=["wrong"] expect="the arguments of __init__"
# - ignore=["backbone"]
# + {"num_features": 1, "num_classes": 1, "lr": 9.0}

# %% tags=["wrong"] expect="write forward"
# -     def forward(self, inputs):
# +     def predict(self, inputs):
# - self(inputs)
# + self.predict(inputs)

# %% [markdown]
# Try it:

# %%
backbone = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU())
probe = LinearProbe(backbone, num_features=6, num_classes=3, lr=0.1)
print("hparams:", *probe.hparams)
print("trainable:", [name for name, parameter in probe.named_parameters() if parameter.requires_grad])

# %% tags=["check"] points=5
torch.manual_seed(0)
backbone = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU())
backbone(torch.randn(50, 4))  # running averages that are not those of a new layer
loader = DataLoader(TensorDataset(torch.randn(24, 4) + 2, torch.arange(24) % 3), batch_size=8)


def examine(probe, backbone, num_features, num_classes, lr):
    assert isinstance(probe, L.LightningModule), "LinearProbe should inherit from L.LightningModule"
    for name, value in {"num_features": num_features, "num_classes": num_classes, "lr": lr}.items():
        assert name in probe.hparams, f"{name} is not in module.hparams: call save_hyperparameters in __init__"
        assert probe.hparams[name] == value, f"hparams should hold the arguments of __init__, with {name} = {value}"
    held = any(isinstance(value, nn.Module) for value in probe.hparams.values())
    assert not held, "hparams holds the backbone as an object, and so would every checkpoint: ignore it"
    wants = [parameter for parameter in probe.parameters() if parameter.requires_grad]
    assert wants, "nothing wants a gradient: the head is frozen, too"
    of_backbone = any(parameter is other for parameter in wants for other in backbone.parameters())
    assert not of_backbone, "the backbone has parameters that want a gradient: freeze it, the optimizer alone does not"
    sizes = sorted(parameter.numel() for parameter in wants)
    expected = sorted([num_features * num_classes, num_classes])
    message = f"the head should be a single linear layer with {expected[1]} weights and {expected[0]} biases"
    assert sizes == expected, f"{message}; what wants a gradient has {sizes} entries"
    try:
        logits = probe(torch.randn(5, 4))
    except NotImplementedError:
        raise AssertionError("module(inputs) calls the method forward: write forward, too") from None
    assert isinstance(logits, torch.Tensor), "module(inputs) should return the logits of the head"
    shape = (5, num_classes)
    assert tuple(logits.shape) == shape, f"5 inputs should give logits {shape}, not {tuple(logits.shape)}"
    optimizer = probe.configure_optimizers()
    assert optimizer is not None, "configure_optimizers should return the optimizer"
    while isinstance(optimizer, (dict, list, tuple)):
        optimizer = optimizer["optimizer"] if isinstance(optimizer, dict) else optimizer[0]
    assert isinstance(optimizer, torch.optim.SGD), f"the optimizer should be SGD, not {type(optimizer).__name__}"
    given = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert all(parameter.requires_grad for parameter in given), "give only the head's parameters to the optimizer"
    group = optimizer.param_groups[0]
    assert group.get("initial_lr", group["lr"]) == lr, "the optimizer should use the lr that __init__ is given"
    return wants


probe = LinearProbe(backbone, num_features=6, num_classes=3, lr=0.1)
wants = examine(probe, backbone, 6, 3, 0.1)
other = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5))
examine(LinearProbe(other, num_features=5, num_classes=2, lr=0.3), other, 5, 2, 0.3)
before = copy.deepcopy(backbone.state_dict())


def moved():
    after = backbone.state_dict()
    return [name for name in before if not torch.equal(before[name], after[name])]


head = [parameter.detach().clone() for parameter in wants]
quick_trainer(2).fit(probe, loader)
assert "0.weight" not in moved(), "the weights of the backbone have moved"
assert not moved(), "the running averages of the backbone move: it must be in eval mode while the head learns"
learned = [not torch.equal(old, new) for old, new in zip(head, wants)]
assert all(learned), "the head has learned nothing: does training_step return the loss?"
probe.train()
quick_trainer(1).fit(probe, loader)
assert not moved(), "after module.train() the running averages move: the backbone must refuse train(), as with freeze"
probe.eval()
inputs, labels = next(iter(loader))
with torch.no_grad():
    weight, bias = sorted(wants, key=torch.numel, reverse=True)
    weight = weight.T if tuple(weight.shape) == (3, 6) else weight
    expected = freeze(copy.deepcopy(backbone))(inputs) @ weight + bias
    assert torch.allclose(probe(inputs), expected, atol=1e-5), "the logits should be head(backbone(inputs)), unchanged"
    loss = loss_of(probe, (inputs, labels))
close = torch.allclose(loss, F.cross_entropy(expected, labels), atol=1e-5)
assert close, "the loss should be the cross-entropy of the logits and labels: no softmax before it, no minus sign"
print("✓ task 5")
