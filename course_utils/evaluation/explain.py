"""Where a network looked: heat maps of single pictures, drawn, and scored against masks. Lesson 16 builds them by hand.

Images are float (n, 3, height, width), prepared as the model expects them; `labels`, int (n,), say which class is asked
about, by default the one that the model answers. The model should be in evaluation mode. Maps are float (n, rows,
columns), on the device of the images, 0 where nothing speaks for the class.
"""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn


def grad_cam(
    model: nn.Module, images: torch.Tensor, layer: nn.Module, labels: torch.Tensor | None = None, local: bool = False
) -> torch.Tensor:
    """What the channels of a layer say for a class, place by place: Grad-CAM, or with `local` LayerCAM.

    Grad-CAM weights each channel by the mean of the logit's gradient over all places; LayerCAM weights each number by
    its own gradient, where that is positive, so that it can be used in early layers, too. Methods: Selvaraju et al.,
    arXiv:1610.02391; Jiang et al., IEEE TIP 2021, doi:10.1109/TIP.2021.3089943.

    Args:
        layer: part of the model whose output is float (n, channels, rows, columns).

    Raises:
        ValueError: the layer is not used, or its output has another shape.
    """
    caught: list[torch.Tensor] = []
    handle = layer.register_forward_hook(lambda module, inputs, output: caught.append(output))
    try:
        score = _score(model, images.detach().requires_grad_(), labels)
    finally:
        handle.remove()
    if len(caught) != 1 or caught[0].ndim != 4:
        shapes = [tuple(output.shape) for output in caught]
        raise ValueError(
            f"The layer should be used once and return (n, channels, rows, columns), it returned {shapes}. "
            "Choose a convolutional layer or stage of this model."
        )
    (gradient,) = torch.autograd.grad(score, caught[0])
    weights = gradient.clamp(min=0) if local else gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * caught[0].detach()).sum(dim=1).clamp(min=0)


def saliency(model: nn.Module, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
    """How much the logit changes with each pixel: the gradient's size, the largest of the three colours.

    Method: Simonyan et al., arXiv:1312.6034. The map is as large as the image.
    """
    return _gradient(model, images, labels).abs().amax(dim=1)


def smooth_grad(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor | None = None,
    noise: float = 0.15,
    samples: int = 16,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """The mean gradient of noisy copies of an image, then as in `saliency`. Method: Smilkov et al., arXiv:1706.03825.

    Args:
        noise: its standard deviation, as a share of the range from the image's smallest value to its largest.
        samples: how many noisy copies.
        generator: makes the noise, on the CPU.
    """
    if labels is None:
        with torch.no_grad():
            labels = model(images).argmax(dim=1)  # noise may change the answer, the question stays
    spread = noise * (images.amax(dim=(1, 2, 3), keepdim=True) - images.amin(dim=(1, 2, 3), keepdim=True))
    total = torch.zeros_like(images)
    for _ in range(samples):
        copies = images + spread * torch.randn(images.shape, generator=generator).to(images)
        total += _gradient(model, copies, labels)
    return (total / samples).abs().amax(dim=1)


@torch.no_grad()
def occlusion(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor | None = None,
    size: int = 16,
    stride: int = 8,
    fill: float = 0.0,
) -> torch.Tensor:
    """How much of the class's probability is lost when a square is covered. Method: Zeiler and Fergus, arXiv:1311.2901.

    Args:
        size: side of the square, px.
        stride: how far it moves at each step, px. The map has a number for each place, as convolutions have.
        fill: the value that covers, 0 is the mean colour of a normalized image.
    """
    logits = model(images)
    labels = logits.argmax(dim=1) if labels is None else labels.to(logits.device)
    rows, columns = (range(0, side - size + 1, stride) for side in images.shape[2:])
    if not rows or not columns:
        raise ValueError(f"A square of {size} px does not fit into images of {tuple(images.shape[2:])}.")
    places = []
    for row in rows:
        for column in columns:
            covered = images.clone()
            covered[:, :, row : row + size, column : column + size] = fill
            places.append(_probability(model(covered), labels))
    lost = _probability(logits, labels)[:, None] - torch.stack(places, dim=1)
    return lost.clamp(min=0).view(len(images), len(rows), len(columns))


def enlarge(maps: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Maps (n, rows, columns) as large as their pictures, (n, height, width), bilinear between the numbers."""
    return F.interpolate(maps[:, None], size=(height, width), mode="bilinear", align_corners=False)[:, 0]


def pointing_hits(maps: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """The pointing game: whether the largest number of each map lies inside the mask, bool (n,).

    Method: Zhang et al., arXiv:1608.00507, without its tolerance.

    Args:
        maps: float (n, height, width).
        masks: bool, of the same shape.
    """
    _check_shapes(maps, masks)
    return masks.flatten(1).gather(1, maps.flatten(1).argmax(dim=1, keepdim=True))[:, 0]


def energy_inside(maps: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """The share of each map's sum that lies inside the mask, float (n,); 0 for a map of zeros.

    Method: Wang et al., Score-CAM, arXiv:1910.01279. Shapes as in `pointing_hits`; maps hold no negative numbers.
    """
    _check_shapes(maps, masks)
    inside = (maps * masks).sum(dim=(1, 2))
    return inside / maps.sum(dim=(1, 2)).clamp(min=torch.finfo(maps.dtype).tiny)


def show_maps(
    images: torch.Tensor,
    maps: torch.Tensor,
    captions: Sequence[str],
    masks: torch.Tensor | None = None,
    *,
    columns: int = 6,
    title: str = "",
) -> Figure:
    """Draw each map over its picture, from transparent, 0, to yellow, its own largest numbers.

    Args:
        images: float (n, 3, height, width), colours from 0 to 1.
        maps: float (n, rows, columns), at most as large as the pictures.
        captions: n texts.
        masks: bool (n, height, width), drawn as outlines.
    """
    if not len(images) == len(maps) == len(captions):
        raise ValueError(f"{len(images)} images, {len(maps)} maps and {len(captions)} captions: give as many of each.")
    images, large = images.detach().cpu(), enlarge(maps.detach().float().cpu(), *images.shape[2:])
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    size = (9.6, rows * (9.6 / columns + 0.3) + 0.4 * bool(title))
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for index, axis in enumerate(axes.flat[: len(images)]):
        brightest = large[index].flatten().quantile(0.995).clamp(min=1e-12)  # a single pixel would hide the rest
        heat = (large[index] / brightest).clamp(0, 1)
        axis.imshow(images[index].permute(1, 2, 0).mean(dim=2), cmap="gray", vmin=0, vmax=1)
        axis.imshow(heat, cmap="inferno", alpha=(0.75 * heat**0.5).numpy(), vmin=0, vmax=1)
        if masks is not None:
            axis.contour(masks[index].cpu(), levels=[0.5], colors="#56B4E9", linewidths=1)
        axis.set_title(captions[index].replace("$", r"\$"), fontsize=9)
    figure.suptitle(title)
    return figure


def _score(model: nn.Module, images: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
    """The logits of the classes that are asked about, added up: each image's gradient is that of its own."""
    logits = model(images)
    labels = logits.argmax(dim=1) if labels is None else labels.to(logits.device)
    return logits.gather(1, labels[:, None]).sum()


def _gradient(model: nn.Module, images: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
    images = images.detach().requires_grad_()
    return torch.autograd.grad(_score(model, images, labels), images)[0]


def _probability(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return logits.softmax(dim=1).gather(1, labels[:, None])[:, 0]


def _check_shapes(maps: torch.Tensor, masks: torch.Tensor) -> None:
    if maps.shape != masks.shape:
        raise ValueError(f"maps {tuple(maps.shape)} and masks {tuple(masks.shape)} differ: enlarge the maps first.")
