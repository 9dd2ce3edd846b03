"""Small networks, and freezing. Lesson 03 builds MLP, lesson 04 CNN, lessons 06 and 07 freeze."""

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


class MLP(nn.Sequential):
    """Multilayer perceptron: flatten, then Linear + ReLU for each hidden width, then a Linear layer to the logits.

    Input float (n, ...) with `in_features` values per example, output logits (n, num_classes).
    """

    def __init__(self, in_features: int = 784, hidden: Sequence[int] = (128, 256), num_classes: int = 10):
        widths = [in_features, *hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in zip(widths, widths[1:]):
            layers += [nn.Linear(before, after), nn.ReLU()]
        super().__init__(*layers, nn.Linear(widths[-1], num_classes))


class CNN(nn.Module):
    """Small convolutional network: three stages of convolution, pooling, BatchNorm and ReLU, then a head.

    Input float (n, in_channels, height, width) with sides of at least 8, output logits (n, num_classes).
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10, widths: Sequence[int] = (16, 32, 64)):
        super().__init__()
        channels = [in_channels, *widths]
        self.stages = nn.Sequential(*(conv_stage(before, after) for before, after in zip(channels, channels[1:])))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], num_classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.stages(images))


def conv_stage(in_channels: int, out_channels: int) -> nn.Sequential:
    """3x3 convolution, 2x2 max pooling, BatchNorm, ReLU: (n, in, h, w) -> (n, out, h // 2, w // 2)."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
        nn.MaxPool2d(2),  # before BatchNorm and ReLU: a quarter of the values is left for them
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


def freeze(module: Module) -> Module:
    """Keep `module` as it is, whatever is trained around it, and return it.

    Its parameters get no gradients, and it stays in evaluation mode even when `train()` is called on it or on a model
    that contains it, so that the running averages of BatchNorm do not move either.
    """
    module.requires_grad_(False).eval()
    for part in module.modules():
        part.train = partial(_stay_in_eval, part)  # type: ignore[method-assign]  # meant: this layer alone
    return module


def unfreeze(module: Module) -> Module:
    """Undo `freeze` for `module`, which may be a part of what was frozen, and return it, in training mode."""
    for part in module.modules():
        vars(part).pop("train", None)
    return module.requires_grad_(True).train()


def _stay_in_eval(module: nn.Module, mode: bool = True) -> nn.Module:
    for child in module.children():  # one of them may have been unfrozen
        child.train(mode)
    return module
