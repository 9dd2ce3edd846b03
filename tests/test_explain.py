"""Heat maps: equal to what is known in closed form, and scores and figures that refuse what does not fit."""

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn

from course_utils import CNN
from course_utils.evaluation.explain import (
    energy_inside,
    enlarge,
    grad_cam,
    occlusion,
    pointing_hits,
    saliency,
    show_maps,
    smooth_grad,
)

WEIGHTS = torch.randn(2, 3 * 8 * 6, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def cnn() -> CNN:
    torch.manual_seed(0)
    return CNN(in_channels=3, num_classes=4).eval().requires_grad_(False)


@pytest.fixture
def linear() -> nn.Sequential:
    """Logits whose gradient is known: the weights."""
    layer = nn.Linear(3 * 8 * 6, 2, bias=False)
    layer.weight.data = WEIGHTS.clone()
    return nn.Sequential(nn.Flatten(), layer).requires_grad_(False)


def pictures(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_grad_cam_before_the_mean_is_the_class_activation_map(cnn: CNN) -> None:
    images, labels = pictures(2, 3, 32, 24), torch.tensor([1, 3])
    maps, last = cnn.stages(images), cnn.head[-1]
    cam = torch.einsum("nc,nchw->nhw", last.weight[labels], maps)
    torch.testing.assert_close(grad_cam(cnn, images, cnn.stages, labels) * maps[0, 0].numel(), cam.clamp(min=0))
    torch.testing.assert_close(cam.mean(dim=(1, 2)) + last.bias[labels], cnn(images)[[0, 1], labels])


def test_local_gradients_keep_their_place_and_only_where_they_are_positive(cnn: CNN) -> None:
    images, labels = pictures(2, 3, 32, 32), torch.tensor([0, 2])
    first = cnn.stages[0](images).requires_grad_()
    logits = cnn.head(cnn.stages[2](cnn.stages[1](first)))
    (gradient,) = torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), first)
    expected = (gradient.clamp(min=0) * first).sum(dim=1).clamp(min=0).detach()
    torch.testing.assert_close(grad_cam(cnn, images, cnn.stages[0], labels, local=True), expected)


def test_without_labels_the_answer_is_asked_about_and_nothing_is_left_behind(cnn: CNN) -> None:
    images = pictures(3, 3, 32, 32)
    answers = cnn(images).argmax(dim=1)
    torch.testing.assert_close(grad_cam(cnn, images, cnn.stages[1]), grad_cam(cnn, images, cnn.stages[1], answers))
    torch.testing.assert_close(saliency(cnn, images), saliency(cnn, images, answers))
    assert not cnn.stages[1]._forward_hooks and not images.requires_grad
    assert all(parameter.grad is None for parameter in cnn.parameters())


def test_a_layer_without_places_is_refused(cnn: CNN) -> None:
    with pytest.raises(ValueError, match=r"returned \[\(1, 4\)\]. Choose a convolutional layer"):
        grad_cam(cnn, pictures(1, 3, 32, 32), cnn.head)
    with pytest.raises(ValueError, match=r"returned \[\]"):
        grad_cam(cnn, pictures(1, 3, 32, 32), nn.Conv2d(3, 3, 1))


def test_saliency_and_smooth_grad_of_a_linear_network_are_its_weights(linear: nn.Sequential) -> None:
    images, labels = pictures(2, 3, 8, 6), torch.tensor([1, 0])
    expected = WEIGHTS[labels].view(2, 3, 8, 6).abs().amax(dim=1)
    torch.testing.assert_close(saliency(linear, images, labels), expected)
    torch.testing.assert_close(smooth_grad(linear, images, labels, samples=3), expected)


def test_smooth_grad_asks_about_the_answer_without_noise(linear: nn.Sequential) -> None:
    images = pictures(4, 3, 8, 6)
    torch.testing.assert_close(smooth_grad(linear, images, noise=5.0, samples=2), saliency(linear, images))


def test_occlusion_is_the_probability_that_is_lost(linear: nn.Sequential) -> None:
    images, labels = pictures(2, 3, 8, 6), torch.tensor([0, 1])
    found = occlusion(linear, images, labels, size=4, stride=2)
    assert found.shape == (2, 3, 2)
    covered = images.clone()
    covered[:, :, 2:6, 2:6] = 0
    before, after = (linear(part).softmax(dim=1)[[0, 1], labels] for part in (images, covered))
    torch.testing.assert_close(found[:, 1, 1], (before - after).clamp(min=0))


def test_a_square_that_does_not_fit_is_refused(linear: nn.Sequential) -> None:
    with pytest.raises(ValueError, match=r"A square of 7 px does not fit into images of \(8, 6\)"):
        occlusion(linear, pictures(1, 3, 8, 6), size=7)


def test_scores_of_maps() -> None:
    masks = torch.zeros(3, 4, 4, dtype=torch.bool)
    masks[:, 1:3, 1:3] = True
    maps = torch.ones(3, 4, 4)
    maps[0, 1, 2] = 5.0
    maps[1, 0, 0] = 5.0
    maps[2] = 0
    assert pointing_hits(maps, masks).tolist() == [True, False, False]
    torch.testing.assert_close(energy_inside(maps, masks), torch.tensor([8 / 20, 4 / 20, 0.0]))
    with pytest.raises(ValueError, match="enlarge the maps first"):
        energy_inside(maps[:, :2, :2], masks)


def test_enlarged_maps_keep_their_place() -> None:
    large = enlarge(torch.eye(2)[None], 8, 6)
    assert large.shape == (1, 8, 6) and large[0, 0, 0] == large[0, 7, 5] == 1 and large[0, 0, 5] == 0


def test_every_map_is_drawn_over_its_picture_with_its_mask() -> None:
    images, maps = torch.rand(3, 3, 16, 16), torch.rand(3, 2, 2)
    maps[0] = 0
    figure = show_maps(images, maps, ["a", "b", "costs $5"], torch.ones(3, 16, 16).bool(), columns=2, title="Maps")
    titles = [axis.get_title() for axis in figure.axes[:3]]
    assert figure.get_suptitle() == "Maps" and titles == ["a", "b", r"costs \$5"]
    assert [len(axis.images) for axis in figure.axes] == [2, 2, 2, 0]
    plt.close(figure)
    with pytest.raises(ValueError, match="3 images, 3 maps and 1 captions"):
        show_maps(images, maps, ["a"])
