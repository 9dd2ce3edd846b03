"""Checks of the networks: shapes, what they compute, and that every weight learns."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import CNN, MLP, models


@pytest.mark.parametrize("shape", [(5, 784), (5, 1, 28, 28), (1, 28, 28)])
def test_mlp_gives_one_row_of_logits_per_example(shape: tuple[int, ...]) -> None:
    assert MLP()(torch.randn(shape)).shape == (shape[0], 10)


def test_mlp_is_linear_relu_linear_relu_linear() -> None:
    model, inputs = MLP(in_features=6, hidden=(5, 4), num_classes=3), torch.randn(7, 2, 3)
    w1, b1, w2, b2, w3, b3 = model.parameters()
    hidden = (inputs.reshape(7, 6) @ w1.T + b1).clamp(min=0)
    hidden = (hidden @ w2.T + b2).clamp(min=0)
    torch.testing.assert_close(model(inputs), hidden @ w3.T + b3)


def test_mlp_without_hidden_layers_is_linear() -> None:
    model = MLP(in_features=4, hidden=(), num_classes=2)
    assert [type(layer) for layer in model] == [nn.Flatten, nn.Linear]


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 28, 28), (3, 32, 48), (1, 8, 8), (2, 9, 31)])
def test_cnn_takes_any_size_from_8_pixels_on(channels: int, height: int, width: int) -> None:
    model = CNN(in_channels=channels, num_classes=7)
    assert model(torch.randn(4, channels, height, width)).shape == (4, 7)


@pytest.mark.parametrize("size", [(8, 8), (9, 15)])
def test_a_stage_halves_the_picture(size: tuple[int, int]) -> None:
    assert models.conv_stage(3, 5)(torch.randn(2, 3, *size)).shape == (2, 5, size[0] // 2, size[1] // 2)


def test_cnn_computes_what_its_description_says() -> None:
    model, images = CNN(widths=(4, 6)).eval(), torch.randn(3, 1, 12, 12)
    expected = images
    for convolution, _, norm, _ in model.stages:
        expected = F.max_pool2d(F.conv2d(expected, convolution.weight, padding=1), 2)
        expected = (expected - norm.running_mean.view(-1, 1, 1)) / (norm.running_var.view(-1, 1, 1) + norm.eps).sqrt()
        expected = (expected * norm.weight.view(-1, 1, 1) + norm.bias.view(-1, 1, 1)).clamp(min=0)
    linear = model.head[-1]
    torch.testing.assert_close(model(images), expected.mean(dim=(2, 3)) @ linear.weight.T + linear.bias)


@pytest.mark.parametrize("model", [MLP(), CNN()], ids=["MLP", "CNN"])
def test_every_weight_gets_a_gradient(model: nn.Module) -> None:
    F.cross_entropy(model(torch.randn(16, 1, 28, 28)), torch.randint(10, (16,))).backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()] == []
