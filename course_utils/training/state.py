"""All that decides how a training goes on, random states included. Lesson 10 kills a training and goes on with it."""

import copy
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader

from ..basics import distributed
from ..basics.checkpoints import fitting_weights, load_checkpoint, save_checkpoint
from ..evaluation.history import History


@dataclass
class TrainingState:
    """Everything that decides how training goes on: saved after an epoch, restored before the next.

    Attributes:
        monitor: column of the history that says which epoch is best; None: the best weights are not kept.
        best: `monitor`, `epoch` and `weights` of the best epoch so far.
    """

    model: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler | None
    loader: DataLoader
    monitor: str | None = None
    history: History = field(default_factory=History)
    best: dict[str, Any] | None = None

    def add(self, row: dict[str, float]) -> None:
        """An epoch has been trained and measured: keep its row, and its weights if they are the best."""
        self.history.rows.append(row)
        if self.monitor is None:
            self.best = None  # of the epochs before: from now on they may not be the best any more
        elif self.history.best(self.monitor) is row:
            weights = copy.deepcopy(self.model.state_dict())
            self.best = {"monitor": self.monitor, "epoch": row["epoch"], "weights": weights}

    def restore_best(self) -> None:
        """Leave the model with the best weights, where they are kept."""
        if self.monitor and self.best:
            self.model.load_state_dict(self.best["weights"])

    def save(self, path: str | Path) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict() | self._about_optimizer(),
            "scheduler": self.scheduler.state_dict() | _kind(self.scheduler) if self.scheduler else None,
            "history": self.history.rows,
            "best": self.best,
            "random": _random_states(_generators(self.loader)),
        }
        save_checkpoint(path, state)

    def resume(self, path: str | Path) -> None:
        """Take up what `save` wrote, and say which settings of now are not used.

        Raises:
            OSError, ValueError: the file cannot be used, or belongs to another training; nothing is changed.
        """
        state = load_checkpoint(path)
        parts = ("model", "optimizer", "scheduler", "history", "best", "random")
        missing = [name for name in parts if name not in state]
        if missing:
            raise ValueError(f"{path} is not a checkpoint of `fit`: it lacks {', '.join(missing)}.")
        weights, generators = fitting_weights(self.model, state["model"], path), _generators(self.loader)
        then = self._check(state, generators)
        if then:
            raise ValueError(
                f"{path} was written {then}. Go on with the same settings, or choose another checkpoint file to start "
                "anew."
            )
        unused = self._unused(state["optimizer"]["param_groups"])
        if unused and distributed.rank() == 0:
            print(f"{path} goes on with its own settings. Not used: {', '.join(unused)}.")
        self.model.load_state_dict(weights)
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler:
            self.scheduler.load_state_dict({name: state["scheduler"][name] for name in self.scheduler.state_dict()})
        self.history.rows[:], self.best = state["history"], state["best"]
        _restore_random_states(state["random"], generators)

    def _check(self, state: dict[str, Any], generators: list[torch.Generator]) -> str | None:
        """How the training that wrote `state` was another one than this."""
        if bool(self.scheduler) != bool(state["scheduler"]):
            return f"with{'' if state['scheduler'] else 'out'} a scheduler"
        for name, part in (("optimizer", self.optimizer), ("scheduler", self.scheduler)):
            kind = (state[name] or {}).get("kind")
            if kind and kind != type(part).__name__:
                return f"with the {name} {kind}, not {type(part).__name__}"
        trained, now = state["optimizer"].get("trained"), self._about_optimizer()["trained"]
        if trained and trained != now:
            count, own = (len(sum(groups, [])) for groups in (trained, now))
            return f"by a training that changed other weights ({count}, now {own}), or in other parameter groups"
        if len(generators) != len(state["random"]["loaders"]):
            return f"with{'' if state['random']['loaders'] else 'out'} a loader with a generator"
        if self.monitor and state["history"] and not state["best"]:
            return "without restore_best: its best weights are not kept"
        if self.monitor and state["best"] and self.monitor != state["best"].get("monitor"):
            return f"with restore_best={state['best'].get('monitor')!r}: the best by {self.monitor!r} are not kept"
        return None

    def _about_optimizer(self) -> dict[str, Any]:
        names = {weight: name for name, weight in self.model.named_parameters()}
        groups = self.optimizer.param_groups
        return _kind(self.optimizer) | {"trained": [[names.get(of, "") for of in group["params"]] for group in groups]}

    def _unused(self, saved: list[dict[str, Any]]) -> list[str]:
        """The settings of the optimizer that differ from those of the checkpoint, which count."""
        unused = []
        for group, then in zip(self.optimizer.param_groups, saved):
            for name in ("initial_lr" if self.scheduler else "lr", "weight_decay"):
                if name in group and name in then and group[name] != then[name]:
                    unused.append(f"{name.removeprefix('initial_')}={group[name]:g} (there it is {then[name]:g})")
        return list(dict.fromkeys(unused))


def _kind(part: object) -> dict[str, str]:
    return {"kind": type(part).__name__}


def _generators(loader: DataLoader) -> list[torch.Generator]:
    """The generators a loader owns: its own, and those of its samplers, which may lie in one another."""
    owners = [loader]
    for owner in owners:
        parts = (getattr(owner, name, None) for name in ("sampler", "batch_sampler"))
        owners += [part for part in parts if part is not None and not any(part is known for known in owners)]
    found = [getattr(owner, "generator", None) for owner in owners]
    return [generator for generator in dict.fromkeys(found) if isinstance(generator, torch.Generator)]


def _random_states(generators: list[torch.Generator]) -> dict[str, Any]:
    of_numpy = np.random.get_state(legacy=False)
    numpy_key, position = of_numpy["state"]["key"], of_numpy["state"]["pos"]
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all(),
        "mps": torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
        "loaders": [generator.get_state() for generator in generators],
        "python": random.getstate(),
        "numpy": [torch.from_numpy(numpy_key.astype(np.int64)), position, of_numpy["has_gauss"], of_numpy["gauss"]],
    }


def _restore_random_states(state: dict[str, Any], generators: list[torch.Generator]) -> None:
    torch.set_rng_state(state["torch"])
    if len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    if state.get("mps") is not None and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])
    for generator, saved in zip(generators, state["loaders"]):
        generator.set_state(saved)
    random.setstate(state["python"])
    numpy_key, *numpy_rest = state["numpy"]
    np.random.set_state(("MT19937", numpy_key.numpy().astype(np.uint32), *numpy_rest))
