"""Image transforms for training and for evaluation. Lesson 01 builds both step by step."""

import math

import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode

# Per-channel mean and standard deviation (red, green, blue) of ImageNet's training images scaled to [0, 1]:
# torchvision's pretrained weights expect inputs normalized with exactly these.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def train_transform(size: int) -> v2.Compose:
    """Random crop, random flip, tensor, normalize: PIL RGB image -> float32 tensor (3, size, size).

    The crop keeps between half and all of the picture's area, so that the subject rarely gets lost.
    """
    return v2.Compose([random_crop(size), v2.RandomHorizontalFlip(), *_to_normalized()])


def jitter_transform(size: int) -> v2.Compose:
    """Random rotation, flip and colours, tensor, normalize: PIL RGB image -> float32 tensor (3, size, size).

    Shows the centre, as `eval_transform` does, but a little closer: the picture is scaled so that after a rotation by
    45 degrees no black corner is left.
    """
    turnable = math.ceil(size * math.sqrt(2)) + 2  # rounding costs up to a pixel on each side
    return v2.Compose(
        [
            v2.Resize(turnable),
            v2.RandomRotation(45, interpolation=InterpolationMode.BILINEAR),
            v2.CenterCrop(size),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=0.2, contrast=0.1, saturation=0.1, hue=0.1),
            *_to_normalized(),
        ]
    )


def eval_transform(size: int) -> v2.Compose:
    """Resize the shorter side to 8/7 of `size`, cut out the centre, tensor, normalize. Nothing random.

    PIL RGB image -> float32 tensor (3, size, size). For size 224 this is the usual resize to 256.
    """
    return v2.Compose([shrink(size), v2.CenterCrop(size), *_to_normalized()])


def random_crop(size: int) -> v2.RandomResizedCrop:
    """Cut out a random part of at least half the area and scale it to `size`; images as for `shrink`."""
    return v2.RandomResizedCrop(size, scale=(0.5, 1.0))


def shrink(size: int) -> v2.Resize:
    """Resize the shorter side to 8/7 of `size`: a PIL image, or a tensor (..., height, width)."""
    return v2.Resize(round(size * 8 / 7))


def _to_normalized() -> list[v2.Transform]:
    return [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]


def denormalize(images: torch.Tensor) -> torch.Tensor:
    """Undo the normalization, for showing: float tensor (..., 3, height, width) -> the same shape within [0, 1]."""
    mean = torch.tensor(MEAN, device=images.device).view(3, 1, 1)
    std = torch.tensor(STD, device=images.device).view(3, 1, 1)
    return (images * std + mean).clamp(0, 1)
