"""Saving and loading training state so that nothing is lost and nothing foreign is executed. Lesson 04 uses it."""

import pickle
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

from .files import replacing


def save_checkpoint(path: str | Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, and lists and dicts of them) to `path`, whole or not at all.

    A full disk or a killed program leaves the checkpoint that was there before.

    Raises:
        OSError: the folder is missing or not writable, or the disk is full.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            torch.save(state, file)
    except (OSError, RuntimeError) as error:  # torch wraps the system's error in a RuntimeError
        raise OSError(f"{path} could not be written ({error}). Free space or choose another folder.") from error


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, onto the CPU. Never runs code from the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, no checkpoint, or holds Python objects besides tensors and plain values.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no checkpoint {path}.") from None
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is refused: it is damaged, or it holds Python objects, which could run code when loaded. "
            "Save a state_dict instead of a whole model."
        ) from error
    except Exception as error:  # a damaged file makes torch raise any of a dozen kinds
        raise ValueError(f"{path} is not a whole checkpoint: truncated or another kind of file ({error}).") from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} is not a checkpoint of this course: it holds a {type(state).__name__}, not a dict.")
    return state


def load_weights(model: nn.Module, weights: dict[str, torch.Tensor], source: str | Path) -> None:
    """Copy `weights` into `model`; `source` is named in the error.

    Raises:
        ValueError: the weights belong to another architecture; the message says what differs. The model is unchanged.
    """
    own = model.state_dict()
    differences = [f"{name} is missing" for name in own if name not in weights]
    differences += [f"{name} is unknown" for name in weights if name not in own]
    differences += [
        f"{name} has shape {tuple(weights[name].shape)}, the model needs {tuple(own[name].shape)}"
        for name in own
        if name in weights and own[name].shape != weights[name].shape
    ]
    if differences:
        listing = "\n  ".join(differences[:8] + ["…"] * (len(differences) > 8))
        raise ValueError(f"{source} belongs to another model than this {type(model).__name__}:\n  {listing}")
    model.load_state_dict(weights)


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
