"""A training run as a folder: its settings, logs, checkpoint and weights. Lesson 10 builds it.

config.json            settings, classes, number of images, and what the run was made with
last.pt                everything that is needed to go on, rewritten after every epoch
best.safetensors       weights of the epoch with the lowest val loss
epoch-01.safetensors   weights of every epoch
batches.csv            loss and accuracy of every batch
epochs.csv             the same of every epoch, and those on the val split
"""

import json
import math
import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from .basics.checkpoints import load_weights
from .basics.course import DEVICES
from .data.datasets import open_split
from .data.images import LabelledImages
from .models.pretrained import pretrained_resnet18, pretrained_resnet50, pretrained_resnet101
from .models.resnet import resnet18, resnet34, resnet50, resnet101
from .models.small import CNN

MODELS: dict[str, Callable[[int], nn.Module]] = {
    "cnn": lambda num_classes: CNN(in_channels=3, num_classes=num_classes),
    "resnet18": resnet18,
    "resnet34": resnet34,
    "resnet50": resnet50,
    "resnet101": resnet101,
    "pretrained_resnet18": pretrained_resnet18,
    "pretrained_resnet50": pretrained_resnet50,
    "pretrained_resnet101": pretrained_resnet101,
}


def _setting(default: Any, help: str, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"help": help, "choices": choices or None})


@dataclass(frozen=True)
class Settings:
    """What decides the result of a run. Each is a flag of `python -m course_utils.train`."""

    data: str = field(metadata={"help": "folder with the splits train and val", "choices": None})
    model: str = _setting("resnet18", "network", tuple(MODELS))
    freeze: bool = _setting(False, "train the last layer alone, keep the rest as it is")
    epochs: int = _setting(5, "passes over the training images")
    batch_size: int = _setting(32, "images per step, of all processes together")
    learning_rate: float = _setting(1e-3, "highest learning rate of AdamW")
    weight_decay: float = _setting(0.01, "weight decay of AdamW")
    warmup_epochs: float = _setting(1.0, "epochs in which the learning rate rises; then it falls along a cosine")
    size: int = _setting(224, "height and width of the images in pixels")
    bfloat16: bool = _setting(False, "compute in half precision; faster on most GPUs and on few CPUs")
    seed: int = _setting(0, "of weights, order and augmentation")
    device: str = _setting("auto", "where to compute", DEVICES)
    workers: int = _setting(2, "processes that load images in advance")
    keep_epochs: bool = _setting(True, "keep the weights of every epoch, not of the best one alone")
    tensorboard: bool = _setting(False, "also write a log for TensorBoard")
    wandb: bool = _setting(False, "also write a log for Weights & Biases, offline unless WANDB_MODE says otherwise")

    def __post_init__(self) -> None:
        for setting in fields(self):
            _check(setting, getattr(self, setting.name))
        if self.learning_rate == 0:
            raise ValueError("learning_rate is 0, it must be above 0.")
        if self.warmup_epochs > self.epochs:
            raise ValueError(f"warmup_epochs is {self.warmup_epochs:g}, it must be at most epochs, {self.epochs}.")


def _check(setting: Field, value: Any) -> None:
    choices = setting.metadata["choices"]
    if type(value) is not setting.type and (setting.type, type(value)) != (float, int):
        raise ValueError(f"{setting.name} is {value!r}, it must be of type {setting.type.__name__}.")
    if choices and value not in choices:
        raise ValueError(f"{setting.name} is {value!r}. Choose one of: {', '.join(choices)}.")
    if setting.type in (int, float):
        smallest = {"epochs": 1, "batch_size": 1, "size": 8}.get(setting.name, 0)
        largest = 2**32 if setting.type is int else math.inf
        if not smallest <= value < largest:
            raise ValueError(f"{setting.name} is {value}, it must be at least {smallest}, and below {largest}.")


@dataclass(frozen=True)
class Run:
    """A run folder that exists.

    Attributes:
        folder: where it is.
        settings: what it was started with.
        classes: class names; label `i` means `classes[i]`.
        images: number of images by split.
        environment: versions and machine it was started with.
    """

    folder: Path
    settings: Settings
    classes: list[str]
    images: dict[str, int]
    environment: dict[str, str]

    @property
    def checkpoint(self) -> Path:
        """The file from which training goes on."""
        return self.folder / "last.pt"

    def new_model(self) -> nn.Module:
        """The network as it is before training."""
        return MODELS[self.settings.model](len(self.classes))

    def load_model(self, weights: str = "best") -> nn.Module:
        """The trained network in evaluation mode, on the CPU.

        Args:
            weights: "best", or an epoch such as "epoch-03".

        Raises:
            FileNotFoundError: there are no such weights.
            ValueError: the file is damaged or of another model.
        """
        file = self.folder / f"{weights}.safetensors"
        if not file.is_file():
            there = ", ".join(sorted(path.stem for path in self.folder.glob("*.safetensors"))) or "none yet"
            raise FileNotFoundError(f"There are no weights {file}. Weights in this run: {there}.")
        # without the pretrained weights, which need not be here
        model = MODELS[self.settings.model.removeprefix("pretrained_")](len(self.classes))
        try:
            load_weights(model, load(file.read_bytes()), file)
        except SafetensorError as error:
            raise ValueError(f"{file} is damaged ({error}). Choose the weights of another epoch.") from error
        return model.eval()


def create_run(folder: str | Path, settings: Settings) -> Run:
    """Make a run folder with its `config.json`, whole or not at all.

    Raises:
        FileExistsError: `folder` exists and is not empty.
        FileNotFoundError, ValueError: the data cannot be used; see `open_split`.
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(
            f"{folder} exists already. Go on with that run by --resume {folder}, or choose another folder."
        )
    train_set = open_split(settings.data, "train")
    images = {"train": len(train_set), "val": len(open_split(settings.data, "val", classes=train_set.classes))}
    record = {
        "settings": asdict(settings),
        "classes": train_set.classes,
        "images": images,
        "environment": environment(),
    }
    MODELS[settings.model](len(train_set.classes))  # its pretrained weights may be missing
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        made = Path(unfinished, "run")
        made.mkdir()
        (made / "config.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    return open_run(folder)


def open_run(folder: str | Path) -> Run:
    """Read the `config.json` of a run folder.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, or of another version of the program.
    """
    file = Path(folder) / "config.json"
    if not file.is_file():
        raise FileNotFoundError(f"{folder} is no run folder: there is no {file}.")
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        settings = _settings_from(record["settings"])
        classes, images = record["classes"], record["images"]
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise ValueError("classes is no list of names")
        if not isinstance(images, dict) or not {"train", "val"} <= set(images):
            raise ValueError("images lacks train or val")
        return Run(Path(folder), settings, classes, images, record["environment"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} cannot be used: {error}. Start a new run in another folder.") from error


def open_data(run: Run, split: str, transform: Callable, data: str | Path | None = None) -> LabelledImages:
    """A split of the run's data, or of the folder `data`, with the classes that the run was trained on.

    Raises:
        FileNotFoundError, ValueError: see `open_split`; or it is no longer what the run began with.
    """
    dataset = open_split(data or run.settings.data, split, transform, run.classes)
    if data is None and len(dataset) != run.images[split]:
        raise ValueError(
            f"The split {split!r} of {run.settings.data} has {len(dataset)} images, when the run in {run.folder} began "
            f"it had {run.images[split]}. Put the data back as it was, or start a new run."
        )
    return dataset


def environment() -> dict[str, str]:
    """Time, versions and machine, for the record."""
    versions = {name: metadata.version(name) for name in ("torch", "torchvision", "numpy")}
    gpus = {f"gpu {number}": torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())}
    machine = {"python": platform.python_version(), "system": platform.platform(), "cpu": platform.machine()}
    started = {"started": datetime.now().astimezone().isoformat(timespec="seconds")}
    return started | machine | versions | gpus | {"threads": str(torch.get_num_threads()), "cores": str(os.cpu_count())}


def _settings_from(values: Mapping[str, Any]) -> Settings:
    differing = sorted({setting.name for setting in fields(Settings)} ^ set(values))
    if differing:
        raise ValueError(f"unknown or missing settings {', '.join(differing)}")
    return Settings(**values)
