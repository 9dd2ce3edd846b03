"""A network that knows the 1000 classes of ImageNet, without a network connection.

Lesson 00 asks it for names, lesson 07 takes its features.
"""

import sys

import torch
from torch import nn
from torchvision.models import ResNet18_Weights
from torchvision.transforms import v2

from ..basics.checkpoints import load_weights
from ..downloads.manifest import locate
from .pretrained import read_weights


def load_imagenet_network() -> tuple[nn.Module, v2.Compose, list[str]]:
    """EfficientNet-Lite0 with ImageNet weights, in both profiles: (network, transform, class names).

    The network is timm's `tf_efficientnet_lite0`, in evaluation mode on the CPU. It takes float32 images
    (n, 3, 224, 224) and returns logits (n, 1000); `network.forward_features` stops before the pooling, at maps
    (n, 1280, 7, 7). The transform makes such an image (3, 224, 224) of a PIL RGB image. Label `i` means `names[i]`.
    Origin and licence: data/weights/README.md. Method: Tan and Le, EfficientNet, arXiv:1905.11946.

    Raises:
        ModuleNotFoundError: timm is not installed.
        FileNotFoundError: the weights, which come with the course, are not there.
        ValueError: their file is damaged, or not what its name says.
    """
    try:
        import timm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} is not installed for {sys.executable}. "
            "Install what is missing with: python -m pip install -r requirements.txt",
            name=error.name,
        ) from None
    file = locate("imagenet_network")
    if not file.exists():
        raise FileNotFoundError(f"There is no {file}. It comes with the course: get the folder data/weights again.")
    with torch.random.fork_rng(devices=[]):  # its first, random weights are replaced at once
        network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    load_weights(network, read_weights(file), file)
    transform = v2.Compose([
        v2.Resize(256, v2.InterpolationMode.BICUBIC),
        v2.CenterCrop(224),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
    ])  # fmt: skip
    return network.eval(), transform, ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
