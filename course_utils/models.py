"""The networks of the course. Lesson 03 builds MLP, lesson 04 builds CNN."""

from collections.abc import Sequence

import torch
from torch import nn


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
