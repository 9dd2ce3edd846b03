"""A training run as a folder: its settings, logs, checkpoint and weights. Lesson 10 builds it.

config.json            settings, classes, number of images, and what the run was made with: pretrained weights, versions
last.pt                everything that is needed to go on, rewritten after every epoch
best.safetensors       weights of the epoch with the lowest val loss
epoch-01.safetensors   weights of every epoch
batches.csv            loss and accuracy of every batch
epochs.csv             the same of every epoch, and those on the val split
.lock                  held by the program that trains here
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from .basics.checkpoints import load_weights
from .basics.cli import command_line
from .basics.environment import environment
from .data.datasets import open_split
from .data.images import LabelledImages, load_rgb
from .data.lists import read_utf8
from .data.scan import check_name
from .models.backbones import NAMES, input_size
from .models.pretrained import backbone_file
from .settings import MODELS, Settings, settings_from


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

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Train here alone. Raises BlockingIOError where another program does already."""
        try:
            with FileLock(self.folder / ".lock", timeout=0):
                yield
        except Timeout:
            raise BlockingIOError(
                f"{self.folder}: another program is training here already. Wait for its end, or stop it."
            ) from None

    def new_model(self) -> nn.Module:
        """The network as it is before training, see `new_model`."""
        return new_model(self.settings, self.classes)

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
        model = MODELS[_network(self.settings)](len(self.classes))
        try:
            load_weights(model, load(file.read_bytes()), file)
        except SafetensorError as error:
            raise ValueError(f"{file} is damaged ({error}). Choose the weights of another epoch.") from error
        return model.eval()


def create_run(folder: str | Path, settings: Settings) -> Run:
    """Make a run folder with its `config.json`, whole or not at all.

    Raises:
        FileExistsError: `folder` exists and is not empty; hidden files do not count.
        BlockingIOError: another program trains there.
        FileNotFoundError, ValueError: the data cannot be used, see `open_split`; there is one class alone, or an image
            of the split val that cannot be read; or the run to start from cannot be used, see `new_model`.
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    if (folder / "config.json").exists():
        with open_run(folder).locked():  # to delete a folder where another program trains would be bad advice
            raise FileExistsError(
                f"{folder} exists already. Go on with that run by {command_line('train', '--resume', folder)}, or "
                "choose another folder. (To begin anew there, delete the folder first.)"
            )
    if folder.exists() and (not folder.is_dir() or any(not path.name.startswith(".") for path in folder.iterdir())):
        raise FileExistsError(f"{folder} exists already, and is no run. Choose another folder.")
    _check_folder(settings.data)
    train_set = open_split(settings.data, "train")
    labels = set(train_set.targets)
    if len(labels) < 2:  # lists may name classes of which they hold no images
        raise ValueError(
            f"{settings.data} has images of one class alone, {train_set.classes[labels.pop()]!r}: there is nothing to "
            "tell apart. The split train should hold one folder of images per class, or list images of several; "
            "perhaps there is a folder too many in between."
        )
    val_set = open_split(settings.data, "val", classes=train_set.classes)
    for path, _ in val_set.samples:
        load_rgb(path)  # one that cannot be read would cost the whole first epoch
    _check_model(settings, train_set.classes)
    pretrained = settings.model != _network(settings) and not settings.start_from
    record = {
        "settings": asdict(settings),
        "classes": train_set.classes,
        "images": {"train": len(train_set), "val": len(val_set)},
        "pretrained_weights": backbone_file(_network(settings)).name if pretrained else None,
        "environment": environment(),
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        made = Path(unfinished, "run")
        made.mkdir()
        (made / "config.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if folder.exists():
            (made / "config.json").replace(folder / "config.json")
        else:
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
        record = json.loads(read_utf8(file))
        settings = settings_from(record["settings"])
        classes, images = record["classes"], record["images"]
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise ValueError("classes is no list of names")
        if not isinstance(images, dict) or not {"train", "val"} <= set(images):
            raise ValueError("images lacks train or val")
        return Run(Path(folder), settings, classes, images, record["environment"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} cannot be used: {error}. Mend it, or start a new run in another folder.") from error


def open_data(run: Run, split: str, transform: Callable, data: str | Path | None = None) -> LabelledImages:
    """A split of the run's data, or of the folder `data`, with the classes that the run was trained on.

    Raises:
        FileNotFoundError, ValueError: see `open_split`; or it is no longer what the run began with.
    """
    if data is None:
        hint = "If the data of this run have been moved, add --data with their new place."
        _check_folder(run.settings.data, hint)
    else:
        _check_folder(data)
    dataset = open_split(data or run.settings.data, split, transform, run.classes)
    if data is None and len(dataset) != run.images[split]:
        raise ValueError(
            f"The split {split!r} of {run.settings.data} has {len(dataset)} images, when the run in {run.folder} began "
            f"it had {run.images[split]}. Put the data back as it was, or start a new run in another folder."
        )
    return dataset


def new_model(settings: Settings, classes: list[str]) -> nn.Module:
    """The network as it is before training: new, pretrained, or with the best weights of `settings.start_from`.

    Raises:
        FileNotFoundError: pretrained weights are missing, or the run to start from, or its weights.
        ValueError: that run knew other classes, or trained another network.
    """
    if not settings.start_from:
        return MODELS[settings.model](len(classes))
    start = open_run(settings.start_from)
    if _network(start.settings) != _network(settings):
        raise ValueError(
            f"{start.folder} has trained another network, {_network(start.settings)}, than this run is to train, "
            f"{_network(settings)}. To start from there, add --model {_network(start.settings)}."
        )
    if start.classes != classes:
        raise ValueError(
            f"{start.folder} was trained on other classes than those of {settings.data}, or in another order: it knows "
            f"{_few(start.classes)}, here are {_few(classes)}. Start from another run, or without --start-from."
        )
    return start.load_model()


def _network(settings: Settings) -> str:
    """Its name, whatever weights it begins with."""
    return settings.model.removeprefix("pretrained_")


def _few(classes: list[str]) -> str:
    return ", ".join(classes[:5]) + f" and {len(classes) - 5} more" * (len(classes) > 5)


def _check_model(settings: Settings, classes: list[str]) -> None:
    """Its weights may be missing, and some networks take pictures of one size alone."""
    model, size = new_model(settings, classes), settings.size
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(1, 3, size, size))
    except (RuntimeError, AssertionError, ValueError) as error:
        name = _network(settings)
        made_for = input_size(name) if name in NAMES else getattr(model, "image_size", None)
        cure = f" It was made for {made_for}: --size {made_for}" if made_for else ""
        raise ValueError(f"{settings.model} cannot take pictures of {size} pixels ({error}).{cure}") from None


def _check_folder(data: str | Path, hint: str = "") -> None:
    check_name(str(data))
    if not Path(data).is_dir():
        raise FileNotFoundError(f"There is no folder {data}. {hint}".rstrip())
