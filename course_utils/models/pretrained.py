"""Networks that have already learned to see. Lesson 06 fine-tunes them, lesson 07 uses their features."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from ..basics import course
from ..basics.checkpoints import load_checkpoint, load_weights
from ..downloads.manifest import data_sets, locate, weights_files
from .backbones import make_network, with_own_head
from .resnet import ResNet, resnet18, resnet50, resnet101

Network = TypeVar("Network", bound=nn.Module)


def pretrained_resnet18(num_classes: int) -> ResNet:
    """ResNet-18 with pretrained weights and a new head for `num_classes` classes, whose weights are random.

    sample: pretrained on drawn pictures of 25 other classes (data/weights/README.md). full: torchvision's weights
    (ImageNet, 1000 classes).

    Raises:
        FileNotFoundError: the weights are not there; the message says how to get them.
        ValueError: the file is damaged, not what its name says, or holds the weights of another model.
    """
    return _pretrained("resnet18", lambda: resnet18(num_classes))


def pretrained_resnet50(num_classes: int) -> ResNet:
    """ResNet-50 with torchvision's weights, in the profile "full" only; see `pretrained_resnet18`."""
    return _pretrained("resnet50", lambda: resnet50(num_classes))


def pretrained_resnet101(num_classes: int) -> ResNet:
    """ResNet-101 with torchvision's weights, in the profile "full" only; see `pretrained_resnet18`."""
    return _pretrained("resnet101", lambda: resnet101(num_classes))


def make_backbone(name: str, num_classes: int, pretrained: bool = False) -> nn.Module:
    """A network of torchvision with a new head for `num_classes` classes, whose weights are random.

    Args:
        name: such as "mobilenet_v3_large"; see `backbones.NAMES`.
        pretrained: the rest with torchvision's weights (ImageNet), in the profile "full" only, but for "resnet18".

    Raises:
        ValueError: there is no such network, or see `pretrained_resnet18`.
        FileNotFoundError: the weights are not there; the message says how to get them.
    """
    if not pretrained:
        return make_network(name, num_classes)
    return _pretrained(name, lambda: make_network(name, num_classes))


def _pretrained(name: str, make: Callable[[], Network]) -> Network:
    file = backbone_file(name)
    weights = read_weights(file)
    model = make()
    load_weights(model, with_own_head(model, weights), file)
    return model


def read_weights(file: Path) -> Mapping[str, Any]:
    """The tensors of a file NAME-XXXXXXXX.safetensors or .pth, by name, where XXXXXXXX begins its sha256.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is damaged, or not what its name says.
    """
    content = file.read_bytes()
    expected, found = file.stem.rpartition("-")[2], hashlib.sha256(content).hexdigest()
    if not found.startswith(expected):
        raise ValueError(
            f"{file} is damaged, or not the file it should be: "
            f"its sha256 begins with {found[:8]}, not with {expected}. Delete it and get it again."
        )
    if file.suffix != ".safetensors":
        return load_checkpoint(file)
    try:
        return load(content)
    except SafetensorError as error:
        raise ValueError(f"{file} is not a safetensors file ({error}). Delete it and get it again.") from error


def backbone_file(network: str = "resnet18") -> Path:
    """The file with the pretrained weights, see `weights_files`.

    Raises:
        FileNotFoundError: there is none; the message says how to get it.
        ValueError: there are several.
    """
    folder, files = course.current().data_dir / "weights", weights_files(network)
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise ValueError(f"{folder} holds several files of weights, {names}. Keep one.")
    if files:
        return files[0]
    locate(network)
    raise FileNotFoundError(f"{folder} lacks the weights that come with the course. Get the folder again.")


def has_usual_weights() -> bool:
    """Whether `backbone_file` is the one that the lessons speak of: the course's own in "sample", torchvision's in
    "full". Where somebody has put other weights there, what they reach is not known."""
    usual = data_sets()["resnet18"].files[0].path
    return course.current().profile == "sample" or backbone_file().stem == Path(usual).stem
