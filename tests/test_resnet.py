"""Checks of the ResNets against torchvision's: the same names, the same numbers from the same weights."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from course_utils import resnet18
from course_utils.models import resnet
from course_utils.models.resnet import resnet34, resnet50, resnet101

ALL = [resnet18, resnet34, resnet50, resnet101]


def scatter(model: nn.Module) -> nn.Module:
    """Give BatchNorm numbers of its own, as training does; fresh ones would hide what is forgotten or confused."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.0)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model


@pytest.fixture(scope="module", params=ALL, ids=lambda make: make.__name__)
def pair(request: pytest.FixtureRequest) -> tuple[nn.Module, nn.Module]:
    """Our network with torchvision's weights, and torchvision's."""
    torch.manual_seed(0)
    theirs = scatter(getattr(torchvision.models, request.param.__name__)(weights=None)).eval()
    ours = request.param().eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return ours, theirs


def agree(ours: nn.Module, theirs: nn.Module, images: torch.Tensor) -> None:
    with torch.inference_mode():
        expected = theirs(images)
        torch.testing.assert_close(ours(images), expected, atol=1e-5, rtol=1e-5)
    assert expected.shape == (len(images), 1000) and expected.std() > 1e-3


def test_names_and_shapes_are_torchvisions_in_the_same_order(pair: tuple) -> None:
    ours, theirs = ([(name, value.shape) for name, value in model.state_dict().items()] for model in pair)
    assert ours == theirs
    ours, theirs = ([(name, value.shape) for name, value in model.named_parameters()] for model in pair)
    assert ours == theirs


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (33, 32)], ids=str)
def test_outputs_are_torchvisions(size: tuple[int, int], pair: tuple) -> None:
    agree(*pair, torch.randn(2, 3, *size))


def test_outputs_are_torchvisions_at_the_usual_size(pair: tuple) -> None:
    agree(*pair, torch.randn(1, 3, 224, 224))


def test_outputs_are_torchvisions_at_size_256() -> None:
    theirs, ours = scatter(torchvision.models.resnet18(weights=None)).eval(), resnet18().eval()
    ours.load_state_dict(theirs.state_dict())
    agree(ours, theirs, torch.randn(1, 3, 256, 256))


def test_outputs_and_running_statistics_are_torchvisions_in_training_too() -> None:
    theirs, ours = torchvision.models.resnet18(weights=None), resnet18()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(4, 3, 64, 64)
    torch.testing.assert_close(ours.train()(images), theirs.train()(images), atol=1e-5, rtol=1e-5)
    expected = theirs.state_dict()
    for name, value in ours.state_dict().items():
        torch.testing.assert_close(value, expected[name], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("make", ALL)
def test_the_head_has_as_many_outputs_as_classes(make: Callable) -> None:
    assert make(7).eval()(torch.randn(2, 3, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize("block", [resnet.BasicBlock, resnet.Bottleneck])
def test_every_weight_gets_a_gradient(block: type) -> None:
    torch.manual_seed(0)
    model = resnet.ResNet(block, (1, 1, 1, 1), num_classes=3)
    F.cross_entropy(model(torch.randn(4, 3, 64, 64)), torch.tensor([0, 1, 2, 0])).backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_convolutions_start_as_he_and_others_advise() -> None:
    for module in resnet18(3).modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
            assert module.bias is None


@pytest.mark.parametrize("block", [resnet.BasicBlock, resnet.Bottleneck])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_adds_its_input(block: type, stride: int) -> None:
    channels = 8 * block.expansion
    module, images = block(channels, 8, stride).eval(), torch.randn(2, channels, 7, 9)
    last = module.bn2 if block is resnet.BasicBlock else module.bn3
    nn.init.zeros_(last.weight)  # nothing is left but what is carried around the convolutions
    assert (module.downsample is None) == (stride == 1)
    carried = images if stride == 1 else module.downsample(images)
    assert carried.shape == (2, channels, *((7, 9) if stride == 1 else (4, 5)))
    torch.testing.assert_close(module(images.clone()), carried.relu())


@pytest.mark.parametrize("block", [resnet.BasicBlock, resnet.Bottleneck])
def test_a_block_leaves_its_input_alone(block: type) -> None:
    images = torch.randn(2, 8 * block.expansion, 7, 9)
    before = images.clone()
    block(8 * block.expansion, 8)(images)
    assert torch.equal(images, before)
