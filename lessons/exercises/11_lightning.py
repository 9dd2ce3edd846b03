# %% [markdown]
# # Exercises 11 · Lightning
#
# Five tasks, about 50 minutes: from a loop to a module, a schedule, a callback, a small design of your own, and an
# interrupted training that you bring to its end in any way you like. Each has a check that tells you what is wrong.
# They need nothing beyond [lesson 11](../11_lightning.ipynb), but for the schedule `warmup_cosine`, which
# [lesson 05](../05_custom_resnet.ipynb) has built; if you are stuck, unfold the hint.
#
# Run the next cell first. In it, `quick_trainer` makes a Trainer that writes no files and draws no bar; the modules
# `TwoLayers` and `Curve` are for tasks 2 and 5. The list `told` collects all warnings: where something surprises you,
# read them with `print(*told, sep="\n")`.

# %%
import copy
import inspect
import logging
import tempfile
import warnings
from functools import cache
from pathlib import Path

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import freeze, fresh_inputs, progress, start_exercise, warmup_cosine

course = start_exercise("11")
logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
told = []
warnings.showwarning = lambda message, category, *place, **more: told.append(f"{category.__name__}: {message}")


def make_loader(inputs, targets, batch_size=8):
    return DataLoader(TensorDataset(inputs, targets), batch_size)


def quick_trainer(epochs=1, *callbacks, **settings):
    off = ["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"]
    switches = dict.fromkeys(off, False)
    return L.Trainer(max_epochs=epochs, callbacks=list(callbacks), accelerator="cpu", devices=1, **switches, **settings)


def loss_of(module, batch):
    """What training_step returns; as for the Trainer, it may have batch_idx as an argument or leave it out."""
    module.trainer = None  # self.log writes to a trainer, and raises if that one is through with its training
    arguments = [batch, 0][: len(inspect.signature(module.training_step).parameters)]
    loss = module.training_step(*arguments)
    return loss["loss"] if isinstance(loss, dict) else loss


class TwoLayers(L.LightningModule):
    def __init__(self, configure, *settings):
        super().__init__()
        self.body, self.head = nn.Linear(2, 3), nn.Linear(3, 2)
        self.body.requires_grad_(False)
        self.configure, self.settings, self.rates = configure, settings, []

    def configure_optimizers(self):
        configured = self.configure(self, *self.settings)
        assert configured is not None, "configure gives nothing back: a `return` is missing"
        pair = isinstance(configured, tuple) and not isinstance(configured[0], (list, tuple))
        assert not pair, "Lightning does not understand a pair of optimizer and scheduler: return a dictionary"
        if isinstance(configured, dict):
            assert "optimizer" in configured, f"the dictionary has no entry 'optimizer', only {list(configured)}"
            schedule = configured.get("lr_scheduler")
            if isinstance(schedule, dict):
                assert "scheduler" in schedule, f"the schedule has no entry 'scheduler', only {list(schedule)}"
                interval = schedule.get("interval", "epoch")
                assert interval in ("epoch", "step"), f"the interval is 'epoch' or 'step', not {interval!r}"
        return configured

    def training_step(self, batch, batch_idx):
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        return F.cross_entropy(self.head(self.body(batch[0])), batch[1])


class Curve(L.LightningModule):
    def __init__(self, width):
        super().__init__()
        self.save_hyperparameters()
        self.network = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1))

    def training_step(self, batch, batch_idx):
        return F.mse_loss(self.network(batch[0]), batch[1])

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.02, momentum=0.9)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)]


inputs = torch.randn(16, 1)
curve_loader = make_loader(inputs, inputs.sin())
checkpoints = tempfile.TemporaryDirectory()


@cache
def interrupted(width, epochs, seed=0):
    """The path of a checkpoint of a Curve, after so many epochs."""
    torch.manual_seed(seed)
    trainer = quick_trainer(epochs)
    trainer.fit(Curve(width), curve_loader)
    path = Path(checkpoints.name) / f"{width}_{epochs}_{seed}.ckpt"
    trainer.save_checkpoint(path)
    return path


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
# <details><summary>Hint 1: a question</summary>
#
# Which lines of the loop would be the same for any network and any data? Those the Trainer does; which ones are left
# for you?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Who calls whom?* has a table with the lines of the loop, and *One step, and one epoch of validation* calls a
# `training_step` by hand.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A module of another kind, with one of the methods that the Trainer would call, called by hand:
#
# ```python
# class Centre(L.LightningModule):
#     def __init__(self, size):
#         super().__init__()
#         self.point = nn.Parameter(torch.zeros(size))
#
#     def validation_step(self, batch):
#         return (batch[0] - self.point).norm(dim=1).mean()
#
#
# print(Centre(size=4).validation_step([torch.ones(5, 4)]))
# ```
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

# %% tags=["right"]
# - self.network, self.lr = network, lr
# + self.network, self.settings = network, {"lr": lr, "momentum": 0.9}
# - return F.mse_loss(self.network(inputs).squeeze(1), targets)
# + loss = ((self.network(inputs).flatten() - targets) ** 2).sum() / len(targets)
# +         self.log_dict({"train_loss": loss}, on_step=False, on_epoch=True)
# +         return loss
# - return torch.optim.SGD(self.network.parameters(), lr=self.lr, momentum=0.9)
# + return torch.optim.SGD(self.network.parameters(), **self.settings)

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
loader = make_loader(inputs, inputs.sum(dim=1) + 1)
start = nn.Linear(3, 1)


def by_loop(lr, momentum, start=start, loader=loader):
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
draw = fresh_inputs()
size, lr = int(draw.integers(2, 6)), draw.uniform(0.01, 0.05)
inputs, start = torch.randn(20, size), nn.Linear(size, 1)
network, loader = copy.deepcopy(start), make_loader(inputs, 2 * inputs.mean(dim=1) - 1)
quick_trainer(2).fit(Regressor(network, lr), loader)
message = f"with {size} random features and lr {lr:.3f} the weights after two epochs should be those of the loop"
assert same(network, by_loop(lr, 0.9, start, loader)), message
print("✓ task 1")

# %% [markdown]
# ## Task 2 · A schedule by steps (3 points)
#
# Write what `configure_optimizers` of the following module returns: AdamW over those parameters that want a gradient,
# with the learning rate `lr`, and the course's schedule `warmup_cosine(optimizer, warmup_steps, total_steps)`, called
# after every step of the optimizer. (The rate climbs to `lr` in `warmup_steps`, and then falls along a cosine.)
# <details><summary>Hint 1: a question</summary>
#
# When does a schedule move that is returned just so, once a step or once an epoch? And which parameters of the module
# would say that they want a gradient?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *A schedule, and who moves it* has a module whose schedule moves in every step, and one that forgot it.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Another schedule, on some of the parameters, and the rate after each of its steps:
#
# ```python
# layers = nn.ModuleDict({"stem": nn.Linear(2, 2), "top": nn.Linear(2, 1)})
# layers["stem"].requires_grad_(False)
# names = [name for name, weight in layers.named_parameters() if weight.requires_grad]
# print(names)
#
# optimizer = torch.optim.RMSprop(layers["top"].parameters(), lr=0.4)
# halves = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
# for _ in range(3):
#     optimizer.step()
#     halves.step()
#     print(optimizer.param_groups[0]["lr"])
# ```
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


# %% tags=["right"]
# -     trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
# -     optimizer = torch.optim.AdamW(trained, lr=lr)
# +     groups = [{"params": [p for p in module.parameters() if p.requires_grad], "lr": lr}]
# +     optimizer = torch.optim.AdamW(groups)
# - return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
# + return ([optimizer], [{"scheduler": scheduler, "interval": "step"}])

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
# Try it: `TwoLayers` notes the rate of every step, here of three epochs with four batches each. It should reach 0.1 in
# the third step, and fall to almost nothing.

# %%
loader = make_loader(torch.randn(16, 2), torch.arange(16) % 2, batch_size=4)
module = TwoLayers(configure, 0.1, 3, 12)
quick_trainer(3).fit(module, loader)
print(*[round(rate, 3) for rate in module.rates])

# %% tags=["check"] points=3
loader = make_loader(torch.randn(16, 2), torch.arange(16) % 2, batch_size=4)
module = TwoLayers(configure, 0.2, 2, 12)
trainer = quick_trainer(3)
trainer.fit(module, loader)
used = module.optimizers()
used = getattr(used, "optimizer", used)  # Lightning wraps it
assert isinstance(used, torch.optim.AdamW), f"the optimizer should be AdamW, not {type(used).__name__}"


def rates_of(warmup_steps, lr=0.2):
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = warmup_cosine(optimizer, warmup_steps, 12)
    rates = []
    for batch in range(12):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def is_like(rates, module=module):
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
reversed_roles = TwoLayers(configure, 0.2, 2, 12)
reversed_roles.body.requires_grad_(True)
reversed_roles.head.requires_grad_(False)
quick_trainer(1).fit(reversed_roles, loader)
given = [parameter for group in reversed_roles.optimizers().param_groups for parameter in group["params"]]
wanting = {id(parameter) for parameter in reversed_roles.body.parameters()}
message = "in another module the body learns and the head is frozen: ask each parameter whether it wants a gradient"
assert {id(parameter) for parameter in given} == wanting, message
draw = fresh_inputs()
lr, warmup_steps = draw.uniform(0.01, 0.3), int(draw.integers(1, 6))
module = TwoLayers(configure, lr, warmup_steps, 12)
wanting = {int(index) for index in draw.permutation(4)[: draw.integers(1, 4)]}  # which of its four tensors
for index, parameter in enumerate(module.parameters()):
    parameter.requires_grad_(index in wanting)
quick_trainer(3).fit(module, loader)
given = {id(parameter) for group in module.optimizers().param_groups for parameter in group["params"]}
expected = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
message = f"where only {', '.join(expected)} want a gradient the optimizer should hold these, and no others"
assert given == {id(parameter) for parameter in expected.values()}, message
first = [round(rate, 4) for rate in rates_of(warmup_steps, lr)[:6]]
message = f"with lr={lr:.4f} and {warmup_steps} steps of warm-up the first rates should be {first}"
assert is_like(rates_of(warmup_steps, lr), module), f"{message}, not {[round(rate, 4) for rate in module.rates[:6]]}"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · A callback that watches gradients (4 points)
#
# Write a callback that notes the norm of the gradient in every step: the root of the sum of squares of *all* gradients
# of the module, together. Parameters without a gradient are left out. The list `norms` holds one number for each step,
# over all epochs. Use the method `on_before_optimizer_step(self, trainer, module, optimizer)`, which the Trainer calls
# when the gradients of a step are ready.
# <details><summary>Hint 1: a question</summary>
#
# What must be there before the first step, so that each step can add a number to it? And which parameters have no
# gradient to be squared?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *A schedule, and who moves it* has a callback that notes a number in each step.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A callback of another kind, and the length of several vectors taken as one:
#
# ```python
# class CountBatches(L.Callback):
#     def __init__(self, sizes):
#         self.sizes = sizes
#
#     def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
#         self.sizes.append(len(batch[0]))
#
#
# parts = [torch.tensor([3.0, 0.0]), torch.tensor([4.0])]
# print(torch.cat(parts).norm().item(), sum(part.norm().item() for part in parts))  # 5, and not 7
# ```
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
# Try it on a module with a single layer, for two epochs of four batches. You should see eight numbers, the last ones
# smaller than the first: the loss approaches its lowest point, where gradients vanish.


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
loader = make_loader(inputs, 3 * inputs.sum(dim=1))
watcher = GradientNorms()
quick_trainer(2, watcher).fit(Line(), loader)
print(np.round(watcher.norms, 2))


# %% tags=["check"] points=4
class LineAndMore(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.line, self.unused, self.first = nn.Linear(2, 1), nn.Linear(2, 1), nn.Linear(2, 2)

    def training_step(self, batch, batch_idx):
        return F.mse_loss(self.line(self.first(batch[0])).squeeze(1), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.02)


torch.manual_seed(1)
inputs = torch.randn(32, 2)
loader = make_loader(inputs, 3 * inputs.sum(dim=1) + 1)
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
fresh_inputs()
module, watcher, inputs, expected = LineAndMore(), GradientNorms(), torch.randn(12, 2), []
by_hand, loader = copy.deepcopy(module), make_loader(inputs, inputs.sum(dim=1) - 1, batch_size=4)
optimizer = by_hand.configure_optimizers()
for batch in loader:
    optimizer.zero_grad()
    by_hand.training_step(batch, 0).backward()
    learning = [parameter for parameter in by_hand.parameters() if parameter.grad is not None]
    expected.append(nn.utils.clip_grad_norm_(learning, torch.inf).item())
    optimizer.step()
quick_trainer(1, watcher).fit(module, loader)
noted = np.array([float(norm) for norm in watcher.norms])
message = f"on random inputs the norms should be {np.round(expected, 3)}, not {noted.round(3)}"
assert len(noted) == 3 and np.allclose(noted, expected, rtol=1e-3, atol=1e-5), message
print("✓ task 3")

# %% [markdown]
# ## Task 4 · Design: an extractor in which nothing moves (5 points)
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
# <details><summary>Hint 1: a question</summary>
#
# What has to stand still in the backbone besides its weights? And who calls `module.train()`, and when?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *The frozen one* compares four ways and shows what moves in each. What gets into a file is in
# *What the checkpoint holds*.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A module that keeps an argument out of its `hparams`, and a part of it in eval mode:
#
# ```python
# class Scaled(L.LightningModule):
#     def __init__(self, norm, factor):
#         super().__init__()
#         self.save_hyperparameters("factor")
#         self.norm = freeze(norm)
#
#     def forward(self, numbers):
#         return self.hparams.factor * self.norm(numbers)
#
#
# scaled = Scaled(nn.BatchNorm1d(2), factor=3.0).train()
# print(dict(scaled.hparams), scaled.norm.training)
# ```
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

# %% tags=["right"]
# - freeze(backbone)
# + backbone.requires_grad_(False).eval()
# - def forward(self, inputs):
# + def on_train_batch_start(self, batch, batch_idx):
# +         self.backbone.eval()
# +
# +     def forward(self, inputs):
# - return torch.optim.SGD(self.head.parameters(), lr=self.hparams.lr)
# + optimizer = torch.optim.SGD(self.head.parameters(), lr=self.hparams.lr)
# +         return {"optimizer": optimizer}

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
# Try it. There should be three entries in `hparams`, and two trainable tensors, weight and bias of the head:

# %%
backbone = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU())
probe = LinearProbe(backbone, num_features=6, num_classes=3, lr=0.1)
print("hparams:", *probe.hparams)
print("trainable:", [name for name, parameter in probe.named_parameters() if parameter.requires_grad])

# %% tags=["check"] points=5
torch.manual_seed(0)
backbone = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU())
backbone(torch.randn(50, 4))  # running averages that are not those of a new layer
loader = make_loader(torch.randn(24, 4) + 2, torch.arange(24) % 3)


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
loss = loss_of(probe, next(iter(loader)))
message = "training_step should return the loss, one number that hangs on the weights of the head"
assert isinstance(loss, torch.Tensor) and loss.ndim == 0 and loss.requires_grad, message
quick_trainer(2).fit(probe, loader)
assert "0.weight" not in moved(), "the weights of the backbone have moved"
assert not moved(), "the running averages of the backbone move: it must be in eval mode while the head learns"
learned = [not torch.equal(old, new) for old, new in zip(head, wants)]
assert all(learned), "the head has learned nothing: does training_step return the loss?"
probe.train()
quick_trainer(1).fit(probe, loader)
assert not moved(), "after module.train() the running averages move: the backbone must refuse train(), as with freeze"


def check_outputs(probe, backbone, wants, batch):
    probe.eval()
    inputs, labels = batch
    with torch.no_grad():
        weight, bias = sorted(wants, key=torch.numel, reverse=True)
        features = freeze(copy.deepcopy(backbone))(inputs)
        weight = weight if weight.shape[0] == features.shape[1] else weight.T
        expected = features @ weight + bias
        logits, loss = probe(inputs), loss_of(probe, batch)
    assert torch.allclose(logits, expected, atol=1e-5), "the logits should be head(backbone(inputs)), unchanged"
    close = torch.allclose(loss, F.cross_entropy(expected, labels), atol=1e-5)
    assert close, "the loss should be the cross-entropy of the logits and labels: no softmax before it, no minus sign"


check_outputs(probe, backbone, wants, next(iter(loader)))
draw = fresh_inputs()
num_features, num_classes, lr = int(draw.integers(6, 10)), int(draw.integers(2, 6)), draw.uniform(0.01, 0.3)
backbone = nn.Sequential(nn.Linear(4, num_features), nn.BatchNorm1d(num_features))
backbone(torch.randn(50, 4))
probe = LinearProbe(backbone, num_features=num_features, num_classes=num_classes, lr=lr)
wants = examine(probe, backbone, num_features, num_classes, lr)
check_outputs(probe, backbone, wants, (torch.randn(7, 4), torch.from_numpy(draw.integers(num_classes, size=7))))
print("✓ task 4")

# %% [markdown]
# ## Task 5 · To the end, in any way you like (4 points)
#
# A training was to take six epochs, and the computer was switched off after the third. What is left is a checkpoint.
# Bring it to its end: the weights must be those that the training would have had without the interruption. Whether the
# Trainer does it or you do, is up to you.
#
# What was trained is the module `Curve` of the first cell, on `curve_loader`. Batches come in the same order in each
# epoch, so the file lacks nothing that you need. Look into it before you begin: `torch.load(path, weights_only=True)`.

# %%
print(*torch.load(interrupted(width=8, epochs=3), weights_only=True))

# %% [markdown]
# <details><summary>Hint 1: a question</summary>
#
# What of a training is in the file besides the weights, and what would begin anew without it? How many epochs are all,
# and how many are left?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *What the checkpoint holds* lists the entries of the file. *Going on where it stopped* has the call that uses them.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# The same in small, without Lightning: momentum goes on where it stood only if it is brought back.
#
# ```python
# weight = nn.Parameter(torch.ones(1))
# optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
# (2 * weight).backward()
# optimizer.step()
# kept = copy.deepcopy(optimizer.state_dict())
#
# for state in [None, kept]:
#     resumed = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9)
#     if state:
#         resumed.load_state_dict(state)
#     print([entry["momentum_buffer"].item() for entry in resumed.state.values()])
# ```
#
# </details>


# %% tags=["answer"]
def finish(path):
    """Bring an interrupted training of a Curve to its end.

    Args:
        path: of a checkpoint after some of six epochs on `curve_loader`
    Returns:
        the Curve after six epochs in all
    """
    ### BEGIN SOLUTION
    module = Curve.load_from_checkpoint(path)
    quick_trainer(6).fit(module, curve_loader, ckpt_path=path)
    return module
    ### END SOLUTION


# %% tags=["right"]
# - module = Curve.load_from_checkpoint(path)
# + module = Curve(**torch.load(path, weights_only=True)["hyper_parameters"])

# %% tags=["right"]
# - quick_trainer(6).fit(module, curve_loader, ckpt_path=path)
# + trainer = quick_trainer(6)
# +     trainer.fit(model=module, train_dataloaders=curve_loader, ckpt_path=str(path))
# - return module
# + return trainer.lightning_module


# %% tags=["right"]
def finish(path):
    saved = torch.load(path, weights_only=True)
    module = Curve(saved["hyper_parameters"]["width"])
    module.load_state_dict(saved["state_dict"])
    [optimizer], [scheduler] = module.configure_optimizers()
    optimizer.load_state_dict(saved["optimizer_states"][0])
    scheduler.load_state_dict(saved["lr_schedulers"][0])
    for _ in range(6 - scheduler.last_epoch):
        for batch in curve_loader:
            optimizer.zero_grad()
            module.training_step(batch, 0).backward()
            optimizer.step()
        scheduler.step()
    return module


# %% tags=["wrong"] expect="begins anew"
# - module = Curve.load_from_checkpoint(path)
# + module = Curve(torch.load(path, weights_only=True)["hyper_parameters"]["width"])
# - , ckpt_path=path)
# + )

# %% tags=["wrong"] expect="nine"
# - , ckpt_path=path)
# + )

# %% tags=["wrong"] expect="momentum and schedule begin anew"
# - quick_trainer(6).fit(module, curve_loader, ckpt_path=path)
# + done = torch.load(path, weights_only=True)["epoch"]
# +     quick_trainer(6 - done).fit(module, curve_loader)

# %% tags=["wrong"] expect="still those of the file"
# - quick_trainer(6)
# + quick_trainer(3)

# %% tags=["wrong"] expect="has another width"
# - module = Curve.load_from_checkpoint(path)
# + module = Curve(width=8)

# %% tags=["wrong"] expect="should return the module"
# - quick_trainer(6).fit(module, curve_loader, ckpt_path=path)
# + trainer = quick_trainer(6)
# +     trainer.fit(module, curve_loader, ckpt_path=path)
# - return module
# + return trainer

# %% [markdown]
# Try it; you should get a `Curve` back, and it is as wide as the one in the file:

# %%
finished = finish(interrupted(width=8, epochs=3))
print(finished)


# %% tags=["check"] points=4
def weights_of(module):
    return nn.utils.parameters_to_vector(module.parameters()).detach()


def is_near(ours, theirs):
    return ours.shape == theirs.shape and torch.allclose(ours, theirs, atol=1e-5)


def examine(width, epochs, seed=0):
    path = interrupted(width, epochs, seed)
    where = f"{width} numbers wide, interrupted after epoch {epochs}"
    try:
        module = finish(path)
    except RuntimeError as error:
        message = f"the network in the file has another width, {width}: the file knows it"
        assert "size mismatch" not in str(error), message
        raise
    assert isinstance(module, Curve), f"finish should return the module, not {type(module).__name__}"
    weights = weights_of(module)
    expected = weights_of(Curve.load_from_checkpoint(interrupted(width, 6, seed)))
    if is_near(weights, expected):
        return
    sizes = f"{len(weights)} weights, the one in the file {len(expected)}"
    assert weights.shape == expected.shape, f"{where}: the network that you return has {sizes}"
    saved = weights_of(Curve.load_from_checkpoint(path))
    message = f"{where}: the weights are still those of the file; max_epochs counts the epochs before it, too"
    assert not is_near(weights, saved), message
    message = f"{where}: each call ends with other weights; the training begins anew, with random weights"
    assert seed or is_near(weights, weights_of(finish(path))), message
    for more, message in [
        (6, f"{where}: the file was trained for six *more* epochs (after three that makes nine)"),
        (6 - epochs, f"{where}: momentum and schedule begin anew; the file holds where both stood"),
    ]:
        wrong = Curve.load_from_checkpoint(path)
        quick_trainer(more).fit(wrong, curve_loader)
        assert not is_near(weights, weights_of(wrong)), message
    difference = (weights - expected).abs().max().item()
    raise AssertionError(f"{where}: a weight is off by {difference:.4f} from that of six epochs at once")


examine(width=8, epochs=3)
draw = fresh_inputs()
examine(*(int(number) for number in draw.integers([3, 1, 1], [8, 6, 1_000_000])))
print("✓ task 5")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/11_lightning.ipynb), or go on with
# [lesson 12](../12_text_classification_lstm.ipynb).

# %% tags=["nbval-ignore-output"]
progress()

# %% tags=["proof"]
from course_utils.exercises import marks_here

assert set(marks_here().values()) == {"✓"}, marks_here()
