"""What decides the result of a training run, and becomes the flags of the program. Lesson 10 shows how."""

import math
import multiprocessing
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from functools import partial
from typing import Any, get_type_hints

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from .basics.course import DEVICES
from .data.transforms import jitter_transform, train_transform
from .models.backbones import NAMES
from .models.pretrained import make_backbone, pretrained_resnet18, pretrained_resnet50, pretrained_resnet101
from .models.resnet import resnet18, resnet34, resnet50, resnet101
from .models.small import CNN
from .models.vit import small_vit

# where processes are not forked, each worker imports torch anew, which takes longer than most trainings of a lesson
FORKED = (multiprocessing.get_start_method(allow_none=True) or multiprocessing.get_all_start_methods()[0]) == "fork"
MODELS: dict[str, Callable[[int], nn.Module]] = {  # name -> function of the number of classes
    **{name: partial(make_backbone, name) for name in NAMES},
    **{f"pretrained_{name}": partial(make_backbone, name, pretrained=True) for name in NAMES},
    "cnn": lambda num_classes: CNN(in_channels=3, num_classes=num_classes),
    "vit": lambda num_classes: small_vit(num_classes, in_channels=3),
    "resnet18": resnet18,
    "resnet34": resnet34,
    "resnet50": resnet50,
    "resnet101": resnet101,
    "pretrained_resnet18": pretrained_resnet18,
    "pretrained_resnet50": pretrained_resnet50,
    "pretrained_resnet101": pretrained_resnet101,
}
OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"adamw": AdamW, "adam": Adam, "sgd": partial(SGD, momentum=0.9)}
SCHEDULES = ("cosine", "step", "constant")
AUGMENTATIONS = {"crops": train_transform, "jitter": jitter_transform}  # name -> function of the size

MANY = 12  # choices; of so many only those that resemble a wrong one are listed
ADDED = ("optimizer", "schedule", "step_epochs", "augmentation", "start_from")  # runs before them used the defaults


def _setting(default: Any, help: str, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"help": help, "choices": choices or None})


@dataclass(frozen=True)
class Settings:
    """What decides the result of a run. Each is a flag of `python -m course_utils.train`."""

    data: str = field(
        metadata={"help": "folder with the splits train and val; if moved, with --resume each time", "choices": None}
    )
    model: str = _setting("resnet18", "cnn, vit, a network of torchvision by name, or pretrained_NAME", tuple(MODELS))
    freeze: bool = _setting(False, "train the last layer alone, keep the rest as it is")
    epochs: int = _setting(5, "passes over the training images")
    batch_size: int = _setting(32, "images per step, of all processes together; a last one with fewer is left out")
    optimizer: str = _setting("adamw", "what makes the steps; sgd has momentum 0.9", tuple(OPTIMIZERS))
    learning_rate: float = _setting(1e-3, "highest learning rate")
    weight_decay: float = _setting(0.01, "weight decay of the optimizer")
    warmup_epochs: float = _setting(1.0, "epochs in which the learning rate rises, whatever the schedule")
    schedule: str = _setting("cosine", "how the learning rate falls: along a cosine, in steps, not at all", SCHEDULES)
    step_epochs: int = _setting(7, "with --schedule step: epochs after which the rate falls to a tenth, each time")
    size: int = _setting(224, "height and width of the images in pixels")
    augmentation: str = _setting(
        "crops", "training images: random crops, or random turns and colours", tuple(AUGMENTATIONS)
    )
    start_from: str = _setting("", "begin with the best weights of this run, e.g. one with --freeze")
    bfloat16: bool = _setting(False, "compute in half precision; faster on most GPUs and on few CPUs")
    seed: int = _setting(0, "of weights, order and augmentation")
    device: str = _setting("auto", "where to compute", DEVICES)
    workers: int = _setting(2 if FORKED else 0, "processes that load images in advance")
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
        if self.schedule != "step" and self.step_epochs != Settings.step_epochs:
            raise ValueError(f"step_epochs is {self.step_epochs}, which only counts with --schedule step.")


TYPES: dict[str, type] = get_type_hints(Settings)  # of each setting, by name


def _check(setting: Field, value: Any) -> None:
    kind, choices = TYPES[setting.name], setting.metadata["choices"]
    if type(value) is not kind and (kind, type(value)) != (float, int):
        raise ValueError(f"{setting.name} is {value!r}, it must be of type {kind.__name__}.")
    if choices and value not in choices:
        raise ValueError(f"{setting.name} is {value!r}. Choose one of: {similar(value, choices)}.")
    if kind in (int, float):
        smallest = {"epochs": 1, "batch_size": 1, "size": 8, "step_epochs": 1}.get(setting.name, 0)
        largest = 2**32 if kind is int else math.inf
        if not smallest <= value < largest:
            raise ValueError(f"{setting.name} is {value}, it must be at least {smallest}, and below {largest}.")


def similar(value: str, choices: tuple[str, ...]) -> str:
    """The choices, for a message; of many only those that resemble `value`."""
    near = get_close_matches(value, choices, n=MANY, cutoff=0.5) if len(choices) > MANY else choices
    return ", ".join(near or choices)


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Settings as `dataclasses.asdict` has made a dict of them. Raises ValueError where it is of another version."""
    values = {name: getattr(Settings, name) for name in ADDED} | dict(values)
    differing = sorted({setting.name for setting in fields(Settings)} ^ set(values))
    if differing:
        raise ValueError(f"unknown or missing settings {', '.join(differing)}")
    return Settings(**values)
