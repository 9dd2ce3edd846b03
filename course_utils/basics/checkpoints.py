"""Saving and loading so that nothing is lost and nothing foreign is executed. Lesson 04 saves by hand, 06 uses it."""

import errno
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .files import replacing

PLAIN = (str, bytes, bool, int, float, complex, type(None), torch.Size, torch.dtype, torch.device)
WRAPPERS = ("state_dict", "model", "model_state_dict")  # under which others keep weights in a checkpoint
PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and of torch.compile
LISTED = 4  # so many names of each kind are shown


def save_checkpoint(path: str | Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, and lists and dicts of them) to `path`, whole or not at all.

    NumPy numbers become Python's. A full disk or a killed program leaves the checkpoint that was there before.

    Raises:
        ValueError: `state` holds what `load_checkpoint` would refuse; the message says where. Nothing is written.
        OSError: the folder is missing or not writable, or the disk is full.
    """
    state = _plain(state, "state")
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            torch.save(state, file)
    except (OSError, RuntimeError) as error:  # torch wraps the system's error in a RuntimeError
        raise OSError(f"{path} could not be written ({error}). Free space or choose another folder.") from error


def _plain(value: Any, place: str) -> Any:
    """`value` with Python's numbers instead of NumPy's; itself where there are none."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, torch.Tensor) or type(value) in PLAIN:
        return value
    if isinstance(value, dict):
        pairs = {_plain(key, f"a key of {place}"): _plain(each, f"{place}[{key!r}]") for key, each in value.items()}
        same = all(a is b for a, b in zip((*pairs, *pairs.values()), (*value, *value.values())))
        return value if same else pairs  # a state_dict carries more than its pairs
    if type(value) in (list, tuple, set):
        return type(value)(_plain(each, f"{place}[{number}]") for number, each in enumerate(value))
    raise ValueError(
        f"{place} is a {type(value).__name__}, which no checkpoint may hold: loading it could run code. Save tensors, "
        "numbers and strings: the state_dict of a model, torch.from_numpy(…) of an array, str(…) of a path."
    )


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, onto the CPU. Never runs code from the file.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read: a folder, no permission, or a failing disk.
        ValueError: the file is truncated, no checkpoint, or holds Python objects besides tensors and plain values.
    """
    try:
        with open(path, "rb") as file:
            state = _load(file, path)
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no checkpoint {path}.") from None
    except OSError as error:
        raise OSError(f"{path} cannot be read ({error.strerror}).") from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} is not a checkpoint of this course: it holds a {type(state).__name__}, not a dict.")
    return state


def _load(file: Any, path: str | Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"it holds Python objects ({named[1]})" if named else "it is damaged, or it holds Python objects"
        raise ValueError(
            f"{path} is refused: {what}, which could run code when loaded. Save a state_dict instead of a whole "
            "model, and float(…) instead of a NumPy number."
        ) from error
    except Exception as error:  # a damaged file makes torch raise any of a dozen kinds
        if isinstance(error, OSError) and error.errno == errno.EIO:
            raise
        raise ValueError(
            f"{path} is not a whole checkpoint: truncated or another kind of file ({error}). Put a copy of it in its "
            "place, or begin anew with another file."
        ) from error


def load_weights(model: nn.Module, weights: Mapping[str, Any], source: str | Path) -> None:
    """Copy `weights` into `model`, see `fitting_weights`, which refuses those of another architecture."""
    model.load_state_dict(fitting_weights(model, weights, source))


def fitting_weights(model: nn.Module, weights: Mapping[str, Any], source: str | Path) -> Mapping[str, torch.Tensor]:
    """`weights` under the names that `model` has for them; `source` is named in the error.

    They may lie under "state_dict" or "model" in a checkpoint, and their names may begin with what DataParallel
    ("module.") and torch.compile ("_orig_mod.") put before them.

    Raises:
        ValueError: the weights belong to another architecture; the message says what differs.
    """
    own = model.state_dict()
    weights = _unwrapped(weights, own)
    kinds = [
        [f"{name} is missing" for name in own if name not in weights],
        [f"{name} is unknown" for name in weights if name not in own],
        [
            f"{name} has shape {tuple(getattr(weights[name], 'shape', ()))}, the model needs {tuple(own[name].shape)}"
            for name in own
            if name in weights and getattr(weights[name], "shape", None) != own[name].shape
        ],
    ]
    if any(kinds):
        lines = [line for kind in kinds for line in [*kind[:LISTED], f"… and {len(kind) - LISTED} more"][: len(kind)]]
        listing = "\n  ".join(lines)
        raise ValueError(f"{source} belongs to another model than this {type(model).__name__}:\n  {listing}")
    return weights


def _unwrapped(weights: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    for wrapper in WRAPPERS:
        if wrapper not in own and isinstance(weights.get(wrapper), dict):
            weights = weights[wrapper]
    for prefix in PREFIXES * 2:  # in either order
        if weights and all(name.startswith(prefix) and name not in own for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights
