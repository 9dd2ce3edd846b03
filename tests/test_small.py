"""Checks of the networks: shapes, what they compute, that every weight learns, and that none does which is frozen."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import CNN, MLP, evaluate, fit, freeze, resnet18, unfreeze
from course_utils.models import small as models


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


# -- freezing ---------------------------------------------------------------------------------------------------------


def make_backbone() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))


def make_model(backbone: nn.Module) -> nn.Sequential:
    """The backbone and a head with dropout and BatchNorm of its own."""
    return nn.Sequential(backbone, nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 3)))


def train(model: nn.Module, weight_decay: float = 0.1) -> None:
    """Two epochs with all parameters in the optimizer, frozen ones too."""
    loader = DataLoader(TensorDataset(5 + torch.randn(40, 6), torch.arange(40) % 3), batch_size=8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=weight_decay)
    fit(model, loader, loader, optimizer=optimizer, epochs=2, progress=False)


def snapshot(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def moved(module: nn.Module, before: dict[str, torch.Tensor]) -> list[str]:
    return [name for name, value in module.state_dict().items() if not torch.equal(value, before[name])]


def modes(module: nn.Module) -> set[bool]:
    return {part.training for part in module.modules()}


def test_freeze_and_unfreeze_return_the_module_and_leave_its_state_dict() -> None:
    backbone = make_backbone()
    before, names = snapshot(backbone), list(backbone.state_dict())
    for change in (freeze, unfreeze):
        assert change(backbone) is backbone
        assert list(backbone.state_dict()) == names and moved(backbone, before) == []


def test_what_is_frozen_gets_no_gradients_and_passes_them_on() -> None:
    model = make_model(freeze(make_backbone()))
    inputs = torch.randn(8, 6, requires_grad=True)
    model(inputs).sum().backward()
    assert all(weight.grad is None and not weight.requires_grad for weight in model[0].parameters())
    assert all(weight.grad is not None for weight in model[1].parameters())
    assert inputs.grad.any()


def test_fit_moves_nothing_that_is_frozen_neither_weights_nor_running_statistics() -> None:
    model = make_model(freeze(make_backbone()))
    before, head = snapshot(model[0]), snapshot(model[1])
    train(model)
    assert moved(model[0], before) == [] and moved(model[1], head) == list(head)


def test_without_freezing_everything_moves() -> None:
    model = make_model(make_backbone())
    before = snapshot(model)
    train(model)
    assert moved(model, before) == list(before)


def test_freezing_after_training_stops_everything() -> None:
    model = make_model(make_backbone())
    train(model)  # leaves gradients behind
    before = snapshot(freeze(model[0]))
    train(model)
    assert moved(model[0], before) == []


def test_what_is_frozen_stays_in_evaluation_mode_whoever_says_train() -> None:
    backbone = freeze(make_backbone())
    model = nn.Sequential(make_model(backbone))
    assert model.train() is model and modes(backbone) == {False} and modes(model[0][1]) == {True}
    assert backbone.train() is backbone and backbone[1].train() is backbone[1] and modes(backbone) == {False}
    assert model.eval() is model and modes(model) == {False}
    assert model.train(False) is model and modes(model) == {False}


def test_a_frozen_backbone_has_no_dropout_and_its_head_has() -> None:
    model, inputs = make_model(freeze(make_backbone())).train(), torch.randn(8, 6)
    assert torch.equal(model[0](inputs), model[0](inputs))
    assert not torch.equal(model(inputs), model(inputs))


def test_unfreeze_undoes_freeze() -> None:
    model = make_model(freeze(make_backbone()))
    assert modes(unfreeze(model[0])) == {True}
    assert all(weight.requires_grad for weight in model.parameters())
    assert modes(model.eval()) == {False} and modes(model.train()) == {True}
    before = snapshot(model)
    train(model)
    assert moved(model, before) == list(before)


def test_a_part_of_what_is_frozen_can_be_unfrozen() -> None:
    model = freeze(make_model(make_backbone()))
    unfreeze(model[1])
    before = snapshot(model)
    train(model)
    assert moved(model, before) == [name for name in before if name.startswith("1.")]
    assert modes(model[0]) == {False} == modes(model.eval()[1])
    assert modes(model.train()[1]) == {True}, "the head of a frozen model follows train() and eval()"
    assert not torch.equal(model(torch.ones(8, 6)), model(torch.ones(8, 6))), "no dropout in the unfrozen head"


def test_a_part_deep_inside_can_be_unfrozen_and_frozen_again() -> None:
    model = freeze(resnet18(2))
    unfreeze(model.layer4[1].conv2)
    learning = [name for name, weight in model.train().named_parameters() if weight.requires_grad]
    assert learning == ["layer4.1.conv2.weight"]
    assert [name for name, part in model.named_modules() if part.training] == ["layer4.1.conv2"]
    freeze(model.layer4)
    assert modes(model.train()) == {False} and not any(weight.requires_grad for weight in model.parameters())


def test_a_head_that_replaces_a_frozen_one_learns() -> None:
    model = freeze(resnet18(1000))
    model.fc = nn.Sequential(nn.Dropout(0.5), nn.Linear(512, 2))
    assert modes(model.train().fc) == {True} and modes(model.layer1) == {False}
    assert [name for name, weight in model.named_parameters() if weight.requires_grad] == ["fc.1.weight", "fc.1.bias"]


@pytest.mark.parametrize("times", [1, 2, 3])
def test_freezing_several_times_is_freezing_once(times: int) -> None:
    backbone = make_backbone()
    for _ in range(times):
        freeze(backbone)
    assert modes(backbone.train()) == {False}
    assert modes(unfreeze(backbone)) == {True} and modes(unfreeze(backbone).eval()) == {False}


def test_a_deep_copy_of_a_frozen_model_is_frozen_and_stands_alone() -> None:
    model = make_model(freeze(make_backbone()))
    twin = copy.deepcopy(model)
    assert modes(twin.train()[0]) == {False} and not any(weight.requires_grad for weight in twin[0].parameters())
    unfreeze(model[0])
    before = snapshot(twin[0])
    train(twin)
    assert moved(twin[0], before) == [] and modes(twin.train()[0]) == {False} and modes(model[0].train()) == {True}
    freeze(model[0])
    assert modes(unfreeze(twin[0])) == {True} and modes(model[0].train()) == {False}


def test_a_frozen_model_can_be_pickled_and_stays_frozen() -> None:
    # as for a process that is not forked, or with torch.save(model)
    model = pickle.loads(pickle.dumps(make_model(freeze(make_backbone()))))
    assert modes(model.train()[0]) == {False} and modes(model[1]) == {True}
    assert modes(unfreeze(model[0])) == {True}


def test_measuring_leaves_every_part_in_its_mode() -> None:
    model = freeze(make_model(make_backbone()))
    unfreeze(model[1])
    loader = DataLoader(TensorDataset(torch.randn(9, 6), torch.arange(9) % 3), batch_size=4)
    first, second = evaluate(model, loader), evaluate(model, loader)
    assert first == second, "something random was on while measuring"
    assert modes(model[0]) == {False} and modes(model[1]) == {True}
