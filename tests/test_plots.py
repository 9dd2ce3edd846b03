"""Checks of the figures: what they show, their titles and labels, and refusals."""

from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from sklearn.metrics import confusion_matrix

from course_utils import History, plot_confusion, plot_history, plots, show_batch, show_predictions


@pytest.fixture(autouse=True)
def no_window() -> Iterator[None]:
    matplotlib.use("Agg")
    yield
    plt.close("all")


def used(figure: plt.Figure) -> list[plt.Axes]:
    """The panels that hold a picture."""
    return [axis for axis in figure.axes if axis.images]


def test_show_batch_shows_every_image_under_its_name_in_rows() -> None:
    figure = show_batch(torch.zeros(10, 3, 4, 5), torch.arange(10) % 2, ["ants", "bees"], columns=4, title="a batch")
    assert [axis.get_title() for axis in used(figure)] == ["ants", "bees"] * 5
    assert len(figure.axes) == 12 and figure.get_suptitle() == "a batch"
    assert not any(axis.axison for axis in figure.axes)


def test_show_batch_undoes_the_normalization_unless_told_not_to() -> None:
    pixels = torch.rand(2, 3, 4, 5)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    for images, normalized in (((pixels - mean) / std, True), (pixels, False)):
        figure = show_batch(images, normalized=normalized)
        for axis, image in zip(used(figure), pixels, strict=True):
            np.testing.assert_allclose(axis.images[0].get_array(), image.permute(1, 2, 0), atol=1e-6)


def test_show_batch_takes_grey_images_and_number_labels() -> None:
    figure = show_batch(torch.rand(3, 1, 8, 8), [7, 1, 0])
    assert [axis.get_title() for axis in used(figure)] == ["7", "1", "0"]
    assert used(figure)[0].images[0].get_cmap().name == "gray_r"


def test_show_predictions_tells_right_from_wrong_by_mark_and_colour() -> None:
    figure = show_predictions(torch.zeros(3, 3, 4, 4), torch.tensor([0, 1, 1]), [0, 0, 1], ["ants", "bees"])
    first, second, third = used(figure)
    assert [axis.get_title() for axis in (first, second, third)] == ["ants ✓", "ants ✗ (bees)", "bees ✓"]
    colours = [to_hex(axis.title.get_color()) for axis in (first, second, third)]
    assert colours == [plots.RIGHT, plots.WRONG, plots.RIGHT]


def test_show_predictions_refuses_lists_of_different_length() -> None:
    with pytest.raises(ValueError):
        show_predictions(torch.zeros(3, 3, 4, 4), [0, 1, 1], [0, 1])


@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 4, 4, 3), (2, 2, 4, 4), (0, 3, 4, 4)])
def test_images_of_another_shape_are_refused_with_the_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match="Need at least one image.* got " + str(shape).replace("(", r"\(").replace(")", r"\)")
    ):
        show_batch(torch.zeros(shape))


def test_the_images_are_left_alone_and_may_need_a_gradient() -> None:
    images = torch.rand(2, 3, 4, 4, requires_grad=True)
    before = images.detach().clone()
    show_batch(images)
    assert torch.equal(images.detach(), before)


def test_plot_history_draws_training_and_validation_by_epoch() -> None:
    names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
    history = History([{"epoch": epoch, **{name: epoch + len(name) for name in names}} for epoch in (1, 2, 3)])
    loss, accuracy = plot_history(history).axes
    assert (loss.get_xlabel(), loss.get_ylabel(), loss.get_title()) == ("epoch", "loss", "loss by epoch")
    assert accuracy.get_ylabel() == "accuracy"
    for axis in (loss, accuracy):
        for line, split in zip(axis.lines, ("train", "val"), strict=True):
            assert line.get_label() == split and line.get_xdata().tolist() == [1, 2, 3]
            assert line.get_ydata().tolist() == history[f"{split}_{axis.get_ylabel()}"]
        assert [text.get_text() for text in axis.get_legend().get_texts()] == ["train", "val"]


def test_plot_history_leaves_out_what_was_not_measured() -> None:
    (axis,) = plot_history(History([{"epoch": 1, "train_loss": 1.0}])).axes
    assert [line.get_label() for line in axis.lines] == ["train"]


def test_plot_confusion_writes_the_counts_of_scikit_learn_into_the_cells() -> None:
    generator = np.random.default_rng(0)
    y_true, y_pred = generator.integers(0, 3, 40), generator.integers(0, 3, 40)
    (axis,) = plot_confusion(y_true, y_pred, ["ants", "bees", "wasps", "none"]).axes
    shown = np.zeros((4, 4), dtype=int)
    for text in axis.texts:
        column, row = text.get_position()
        shown[row, column] = int(text.get_text())
    np.testing.assert_array_equal(shown, confusion_matrix(y_true, y_pred, labels=range(4)))
    assert (axis.get_title(), axis.get_xlabel(), axis.get_ylabel()) == (
        "confusion matrix",
        "predicted class",
        "true class",
    )
    assert [label.get_text() for label in axis.get_xticklabels()] == ["ants", "bees", "wasps", "none"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["ants", "bees", "wasps", "none"]


def test_plot_confusion_refuses_a_label_without_a_name() -> None:
    with pytest.raises(ValueError, match="allowed is 0 to 1"):
        plot_confusion([0, 2], [0, 1], ["ants", "bees"])
