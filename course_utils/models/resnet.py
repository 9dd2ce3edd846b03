"""Residual networks with torchvision's parameter names. Lesson 05 builds them by hand."""

import torch
from torch import nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around which the input is carried and added: ReLU(F(x) + shortcut(x)).

    Input float (n, in_channels, h, w), output (n, channels, h / stride, w / stride), sides rounded up.
    Source: He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, 2015.
    """

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = shortcut(in_channels, channels, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        carried = x if self.downsample is None else self.downsample(x)
        return self.relu(out + carried)


class Bottleneck(nn.Module):
    """1x1 convolution to few channels, 3x3, 1x1 to four times as many; carried and added like `BasicBlock`.

    Input float (n, in_channels, h, w), output (n, 4 * channels, h / stride, w / stride), sides rounded up. The 3x3
    convolution has the stride, as in torchvision ("ResNet v1.5").
    """

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int = 1):
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(in_channels, out_channels, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        carried = x if self.downsample is None else self.downsample(x)
        return self.relu(out + carried)


def shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    """What brings a block's input to the shape of its output: 1x1 convolution and BatchNorm, or None if it has it."""
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))


class ResNet(nn.Module):
    """Stem, four layers of blocks, global average pooling, linear head.

    Input float (n, 3, height, width), output logits (n, num_classes). Any size from 32 on makes sense: the stem and the
    layers divide the sides by 32, and pooling averages over whatever is left.
    """

    def __init__(self, block: type[BasicBlock | Bottleneck], blocks: tuple[int, ...], num_classes: int = 1000):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = layer(block, 64, 64, blocks[0], stride=1)
        self.layer2 = layer(block, 64 * block.expansion, 128, blocks[1], stride=2)
        self.layer3 = layer(block, 128 * block.expansion, 256, blocks[2], stride=2)
        self.layer4 = layer(block, 256 * block.expansion, 512, blocks[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def layer(
    block: type[BasicBlock | Bottleneck], in_channels: int, channels: int, blocks: int, stride: int
) -> nn.Sequential:
    """Several blocks one after the other; only the first changes the number of channels and the size."""
    rest = [block(channels * block.expansion, channels) for _ in range(blocks - 1)]
    return nn.Sequential(block(in_channels, channels, stride), *rest)


def resnet18(num_classes: int = 1000) -> ResNet:
    """ResNet-18: four layers of two `BasicBlock`s. torchvision's weights fit in."""
    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes)


def resnet34(num_classes: int = 1000) -> ResNet:
    """ResNet-34: four layers of 3, 4, 6 and 3 `BasicBlock`s. torchvision's weights fit in."""
    return ResNet(BasicBlock, (3, 4, 6, 3), num_classes)


def resnet50(num_classes: int = 1000) -> ResNet:
    """ResNet-50: four layers of 3, 4, 6 and 3 `Bottleneck`s. torchvision's weights fit in."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes)


def resnet101(num_classes: int = 1000) -> ResNet:
    """ResNet-101: four layers of 3, 4, 23 and 3 `Bottleneck`s. torchvision's weights fit in."""
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes)
