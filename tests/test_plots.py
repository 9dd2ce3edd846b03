"""Checks of the figures: what they show, their titles and labels, and refusals."""

import io
from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_hex
from sklearn.metrics import auc, average_precision_score, confusion_matrix, roc_auc_score

from course_utils import plot_confusion, show_batch, show_predictions
from course_utils.evaluation import plots
from course_utils.evaluation.history import History
from course_utils.evaluation.metrics import class_report, wilson_interval
from course_utils.evaluation.plots import plot_class_bars, plot_curves, plot_history


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
    assert [axis.get_title() for axis in (first, second, third)] == ["ants ✓", "ants ✗\n(bees)", "bees ✓"]
    colours = [to_hex(axis.title.get_color()) for axis in (first, second, third)]
    assert colours == [plots.RIGHT, plots.WRONG, plots.RIGHT]


@pytest.mark.parametrize("rows", [1, 2])
def test_wrapped_captions_keep_clear_of_the_title(rows: int) -> None:
    names = ["dandelion clock", "english daisy"]
    figure = show_predictions(torch.zeros(8 * rows, 3, 4, 4), [0] * 8 * rows, [1] * 8 * rows, names, title="mistakes")
    figure.canvas.draw()
    title = figure._suptitle.get_window_extent()
    assert max(axis.title.get_window_extent().y1 for axis in used(figure)) < title.y0


@pytest.mark.parametrize("kind", [np.array, pd.Index, tuple], ids=["numpy", "pandas", "tuple"])
def test_class_names_may_be_of_any_kind(kind) -> None:
    names, images = kind(["ant", "bee"]), torch.rand(2, 3, 8, 8)
    shown = [show_batch(images, [0, 1], names), show_predictions(images, [0, 1], [1, 1], names)]
    assert [[axis.get_title() for axis in used(figure)] for figure in shown] == [
        ["ant", "bee"],
        ["bee ✗\n(ant)", "bee ✓"],
    ]
    (axis,) = plot_confusion([0, 1], [1, 1], names).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["ant", "bee"]
    assert len(plot_curves([0, 1], np.eye(2), names).axes[0].lines) == 2


def test_numbers_are_names_as_well() -> None:
    (axis,) = plot_confusion([0, 1, 2], [0, 1, 1], range(3)).axes
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0", "1", "2"]


def test_dollars_in_names_are_dollars() -> None:
    names = ["Ba$$in", "$5 and $6"]
    report = class_report([0, 1], [1, 1], names)
    figures = [show_batch(torch.rand(2, 3, 8, 8), [0, 1], names), plot_confusion([0, 1], [1, 1], names)]
    for figure in [*figures, plot_curves([0, 1], np.eye(2), names), plot_class_bars(report)]:
        text = io.BytesIO()
        with plt.rc_context({"svg.fonttype": "none"}):
            figure.savefig(text, format="svg")
        assert "Ba$$in" in text.getvalue().decode() and "5" in text.getvalue().decode()


@pytest.mark.parametrize("label", [2, -1])
def test_a_label_without_a_name_is_refused(label: int) -> None:
    with pytest.raises(ValueError, match=f"The label {label} has no name, there are names of 0 to 1"):
        show_batch(torch.rand(1, 3, 8, 8), [label], ["ant", "bee"])
    with pytest.raises(ValueError, match=f"Labels run from {min(label, 0)} to {max(label, 0)}, allowed is 0 to 1"):
        plot_curves([0, label], np.eye(2), ["ant", "bee"])


@pytest.mark.parametrize("count", [1, 3])
def test_as_many_labels_as_images_are_needed(count: int) -> None:
    with pytest.raises(ValueError, match=f"There are 2 images and {count} labels"):
        show_batch(torch.rand(2, 3, 8, 8), [0] * count)


def test_curves_of_nan_are_refused() -> None:
    with pytest.raises(ValueError, match="1 rows of probabilities hold NaN"):
        plot_curves([0, 1], np.array([[0.5, 0.5], [0.5, np.nan]]), ["ant", "bee"])


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


def test_a_history_without_epochs_is_told() -> None:
    for use in (plot_history, History.frame, History.best):
        with pytest.raises(ValueError, match="The history is empty"):
            use(History())


def test_the_best_epoch_is_one_of_those_that_were_measured() -> None:
    history = History([{"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.0, "val_loss": 3.0}])
    assert history.best("val_loss")["epoch"] == 2
    with pytest.raises(
        ValueError, match="monitor='val_accuracy' is not measured. There is: epoch, train_loss, val_loss"
    ):
        history.best("val_accuracy")


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


def scored(classes: int = 4, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities that know something of them."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, n)
    logits = generator.normal(size=(n, classes)) + np.eye(classes)[labels] * np.linspace(0.2, 3, classes)
    return labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("convert", [list, torch.tensor, np.asarray])
def test_plot_curves_draws_curves_with_the_areas_of_scikit_learn(convert) -> None:
    labels, probabilities = scored()
    names = ["ants", "bees", "wasps", "flies"]
    figure = plot_curves(convert(labels), convert(probabilities), names)
    precision, roc = figure.axes
    assert (precision.get_xlabel(), precision.get_ylabel()) == ("recall", "precision")
    assert (roc.get_xlabel(), roc.get_title()) == ("false positive rate", "ROC curves")
    areas = [average_precision_score(labels == label, probabilities[:, label]) for label in range(4)]
    of_roc = [roc_auc_score(labels == label, probabilities[:, label]) for label in range(4)]
    order = np.argsort(areas)  # the worst class first
    expected = [f"{names[label]}: {areas[label]:.2f}, {of_roc[label]:.2f}" for label in order]
    assert [line.get_label() for line in precision.lines] == [line.get_label() for line in roc.lines] == expected
    assert [text.get_text() for text in figure.legends[0].get_texts()] == expected
    for line, label in zip(precision.lines, order, strict=True):
        recall, of_precision = line.get_data()
        assert -np.sum(np.diff(recall) * of_precision[:-1]) == pytest.approx(areas[label])
    for line, label in zip(roc.lines, order, strict=True):
        assert auc(*line.get_data()) == pytest.approx(of_roc[label])
    assert len({line.get_linestyle() for line in roc.lines}) == 4


def test_plot_curves_shows_the_worst_classes_and_none_that_does_not_occur() -> None:
    labels, probabilities = scored(classes=9)
    assert len(plot_curves(labels, probabilities, "abcdefghi", most=3).axes[0].lines) == 3
    labels[labels == 0] = 1
    drawn = plot_curves(labels, probabilities, "abcdefghi", most=20).axes[1].lines
    assert sorted(line.get_label()[0] for line in drawn) == list("bcdefghi")


@pytest.mark.parametrize(
    ("labels", "shape", "message"),
    [([0, 1], (2, 3), r"\(2, 2\), got probabilities \(2, 3\)"), ([0, 1], (3, 2), "one row per label")]
    + [([1, 1], (2, 2), r"two classes at least, there are only those of \[1\]")],
)
def test_plot_curves_refuses_what_has_no_curves(labels: list[int], shape: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_curves(labels, np.full(shape, 0.5), ["ants", "bees"])


def test_plot_class_bars_shows_the_report() -> None:
    report = class_report([0] * 10 + [1] * 4 + [2], [0] * 8 + [1] * 5 + [0, 3], ["ants", "bees", "wasps", "flies"])
    (axis,) = plot_class_bars(report).axes
    names = ["ants (10)", "bees (4)", "wasps (1)", "flies (0)"]
    assert [label.get_text() for label in axis.get_yticklabels()] == names
    for bars, column in zip(axis.containers, ["precision", "recall"], strict=True):
        assert [bar.get_width() for bar in bars] == report[column].tolist() and bars.get_label() == column
    points, *intervals = axis.lines
    assert points.get_xdata().tolist() == report["f1"].tolist()
    expected = [wilson_interval(8, 10), wilson_interval(3, 4), wilson_interval(0, 1)]  # and none for flies
    assert [tuple(line.get_xdata()) for line in intervals] == expected
    assert axis.get_title() and axis.get_xlabel() == "score" and axis.get_ylabel() == "class"
