"""Saving and loading so that nothing is lost and nothing foreign is executed. Lesson 04 uses it."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

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
