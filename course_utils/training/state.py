"""All that decides how a training goes on, random states included. Lesson 10 kills a training and goes on with it."""

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

from ..basics.checkpoints import load_checkpoint, load_weights, save_checkpoint


@dataclass
class TrainingState:
    """Everything that decides how training goes on: saved after an epoch, restored before the next."""

    model: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler | None
    loader: DataLoader
    rows: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, torch.Tensor] | None = None

    def save(self, path: str | Path) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler else None,
            "history": self.rows,
            "best": self.best,
            "random": _random_states(_generators(self.loader)),
        }
        save_checkpoint(path, state)

    def resume(self, path: str | Path) -> None:
        state = load_checkpoint(path)
        parts = ("model", "optimizer", "scheduler", "history", "best", "random")
        missing = [name for name in parts if name not in state]
        if missing:
            raise ValueError(f"{path} is not a checkpoint of `fit`: it lacks {', '.join(missing)}.")
        generators = _generators(self.loader)
        for what, now, then in (
            ("a scheduler", self.scheduler, state["scheduler"]),
            ("a loader with a generator", generators, state["random"]["loaders"]),
        ):
            if bool(now) != bool(then):
                raise ValueError(
                    f"{path} was written {'with' if then else 'without'} {what}. Go on with the same settings, "
                    "or choose another checkpoint file to start anew."
                )
        load_weights(self.model, state["model"], path)
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler:
            self.scheduler.load_state_dict(state["scheduler"])
        self.rows, self.best = state["history"], state["best"]
        _restore_random_states(state["random"], generators)


def _generators(loader: DataLoader) -> list[torch.Generator]:
    """The generators a loader owns; a sampler may have one besides the loader's."""
    samplers = (loader, loader.sampler, loader.batch_sampler)
    found = [getattr(sampler, "generator", None) for sampler in samplers]
    return [generator for generator in dict.fromkeys(found) if generator is not None]


def _random_states(generators: list[torch.Generator]) -> dict[str, Any]:
    _, numpy_key, *numpy_rest = np.random.get_state()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all(),
        "loaders": [generator.get_state() for generator in generators],
        "python": random.getstate(),
        "numpy": [torch.from_numpy(numpy_key.astype(np.int64)), *numpy_rest],
    }


def _restore_random_states(state: dict[str, Any], generators: list[torch.Generator]) -> None:
    torch.set_rng_state(state["torch"])
    if len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    for generator, saved in zip(generators, state["loaders"]):
        generator.set_state(saved)
    random.setstate(state["python"])
    numpy_key, *numpy_rest = state["numpy"]
    np.random.set_state(("MT19937", numpy_key.numpy().astype(np.uint32), *numpy_rest))
