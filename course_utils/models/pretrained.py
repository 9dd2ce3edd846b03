"""ResNets that have already learned to see. Lesson 06 fine-tunes them, lesson 07 uses their features."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load

from ..basics import course
from ..basics.checkpoints import load_checkpoint, load_weights
from ..downloads.manifest import data_sets, locate, weights_files
from .resnet import ResNet, resnet18, resnet50, resnet101


def pretrained_resnet18(num_classes: int) -> ResNet:
    """ResNet-18 with pretrained weights and a new head for `num_classes` classes, whose weights are random.

    sample: pretrained on drawn pictures of 25 other classes (data/weights/README.md). full: torchvision's weights
    (ImageNet, 1000 classes).

    Raises:
        FileNotFoundError: the weights are not there; the message says how to get them.
        ValueError: the file is damaged, not what its name says, or holds the weights of another model.
    """
    return _pretrained(resnet18, num_classes)


def pretrained_resnet50(num_classes: int) -> ResNet:
    """ResNet-50 with torchvision's weights, in the profile "full" only; see `pretrained_resnet18`."""
    return _pretrained(resnet50, num_classes)


def pretrained_resnet101(num_classes: int) -> ResNet:
    """ResNet-101 with torchvision's weights, in the profile "full" only; see `pretrained_resnet18`."""
    return _pretrained(resnet101, num_classes)


def _pretrained(network: Callable[[int], ResNet], num_classes: int) -> ResNet:
    file = backbone_file(network.__name__)
    content = file.read_bytes()
    expected, found = file.stem.rpartition("-")[2], hashlib.sha256(content).hexdigest()
    if not found.startswith(expected):
        raise ValueError(
            f"{file} is damaged, or not the file it should be: "
            f"its sha256 begins with {found[:8]}, not with {expected}. Delete it and get it again."
        )
    if file.suffix == ".safetensors":
        try:
            weights = load(content)
        except SafetensorError as error:
            raise ValueError(f"{file} is not a safetensors file ({error}). Delete it and get it again.") from error
    else:
        weights = load_checkpoint(file)
    model = network(num_classes)
    # the head is new, and files of old PyTorch versions do not count batches
    own = {name: value for name, value in model.state_dict().items() if re.search(r"^fc\.|num_batches_tracked$", name)}
    load_weights(model, {**weights, **own}, file)
    return model


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
