"""The course's figures. Each function draws one, titled and labelled, and leaves `plt.show()` to the caller.

Lessons 01 to 04 draw the first of them by hand, lesson 09 curves and bars.
"""

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import SupportsInt

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ..data.transforms import denormalize
from .history import History
from .metrics import as_labels, confusion_matrix, wilson_interval

RIGHT, WRONG = "#1a7f37", "#c62828"
STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))  # as many as `plot_curves` shows at first


def show_batch(
    images: torch.Tensor,
    labels: Iterable[SupportsInt] | None = None,
    class_names: Sequence[str] | None = None,
    *,
    columns: int = 8,
    title: str = "",
    normalized: bool = True,
) -> Figure:
    """Show a batch of images in a grid, each under its label.

    Args:
        images: float (n, 3, height, width), normalized as by `train_transform` unless `normalized` is False, or grey
            (n, 1, height, width) in any range.
        labels: n class labels; shown as `class_names[label]` where names are given.
    """
    captions = None if labels is None else [_name(label, class_names) for label in labels]
    return _image_grid(images, captions, None, columns, title, normalized)


def show_predictions(
    images: torch.Tensor,
    labels: Iterable[SupportsInt],
    predictions: Iterable[SupportsInt],
    class_names: Sequence[str] | None = None,
    *,
    columns: int = 8,
    title: str = "",
    normalized: bool = True,
) -> Figure:
    """Show images under their predicted class: green with a tick, or red with a cross and the true class in brackets.

    Shapes as in `show_batch`; `predictions` are n class labels.
    """
    captions, colours = [], []
    for label, prediction in zip(labels, predictions, strict=True):
        right = int(label) == int(prediction)
        answer = f"{_name(prediction, class_names)} {'✓' if right else '✗'}"
        captions.append(answer if right else f"{answer}\n({_name(label, class_names)})")
        colours.append(RIGHT if right else WRONG)
    return _image_grid(images, captions, colours, columns, title, normalized)


def plot_history(history: History) -> Figure:
    """Loss by epoch and, where it was measured, accuracy by epoch; training and validation in one panel each."""
    table = history.frame()
    panels = [name for name in ("loss", "accuracy") if f"train_{name}" in table]
    figure, axes = plt.subplots(1, len(panels), figsize=(4.5 * len(panels), 3.2), squeeze=False)
    for axis, name in zip(axes[0], panels, strict=True):
        for split, style in (("train", "--"), ("val", "-")):
            if f"{split}_{name}" in table:
                axis.plot(table[f"{split}_{name}"], style, marker=".", label=split)
        axis.set(title=f"{name} by epoch", xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend()
    return figure


def plot_confusion(y_true: ArrayLike, y_pred: ArrayLike, class_names: Sequence[str]) -> Figure:
    """Confusion matrix with its counts: rows are the true classes, columns the predicted ones."""
    names = [_plain(name) for name in class_names]
    matrix = confusion_matrix(y_true, y_pred, len(names))
    side = 2 + 0.42 * len(names)
    figure, axis = plt.subplots(figsize=(side, side))
    axis.imshow(matrix, cmap="Blues")
    for row, column in zip(*matrix.nonzero(), strict=True):
        colour = "white" if matrix[row, column] > matrix.max() / 2 else "black"
        axis.text(column, row, matrix[row, column], ha="center", va="center", color=colour)
    axis.set(title="confusion matrix", xlabel="predicted class", ylabel="true class")
    axis.set_xticks(range(len(names)), names, rotation=90 if len(max(names, key=len)) > 3 else 0)
    axis.set_yticks(range(len(names)), names)
    axis.grid(False)
    return figure


def plot_curves(y_true: ArrayLike, probabilities: ArrayLike, class_names: Sequence[str], most: int = 6) -> Figure:
    """Precision-recall and ROC curves, each class against all others, of the classes with the least average precision.

    The legend gives the areas under both curves. A class that does not occur in `y_true` has none.

    Args:
        y_true: int class labels (n,) of at least two classes.
        probabilities: float (n, classes); other scores will do.
        most: how many classes to show.

    Raises:
        ValueError: the shapes do not fit, only one class occurs, labels are no whole numbers or out of range, or
            scores are NaN.
    """
    from sklearn import metrics  # loads slowly

    y_true, probabilities = np.asarray(y_true), np.asarray(probabilities, dtype=float)
    if probabilities.shape != (len(y_true), len(class_names)):
        raise ValueError(
            f"Need one row per label and one column per class, ({len(y_true)}, {len(class_names)}), "
            f"got probabilities {probabilities.shape}."
        )
    if undefined := np.isnan(probabilities).any(axis=1).sum():
        raise ValueError(f"{undefined} rows of probabilities hold NaN. Has the training diverged?")
    y_true = as_labels(y_true, len(class_names)) if len(y_true) else y_true
    labels = np.unique(y_true).tolist()
    if len(labels) < 2:
        raise ValueError(f"Need examples of two classes at least, there are only those of {labels}.")
    areas = {label: metrics.average_precision_score(y_true == label, probabilities[:, label]) for label in labels}
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4))
    for number, label in enumerate(sorted(labels, key=areas.__getitem__)[:most]):
        is_class, scores, style = y_true == label, probabilities[:, label], STYLES[number % len(STYLES)]
        name = f"{_name(label, class_names)}: {areas[label]:.2f}, {metrics.roc_auc_score(is_class, scores):.2f}"
        precision, recall, _ = metrics.precision_recall_curve(is_class, scores)
        left.plot(recall, precision, linestyle=style, drawstyle="steps-post", label=name)
        false_alarms, recall, _ = metrics.roc_curve(is_class, scores, drop_intermediate=False)
        right.plot(false_alarms, recall, linestyle=style, label=name)
    left.set(title="precision-recall curves", xlabel="recall", ylabel="precision", ylim=(0, 1.03))
    right.set(title="ROC curves", xlabel="false positive rate", ylabel="recall (true positive rate)", ylim=(0, 1.03))
    figure.legend(handles=left.lines, loc="outside right center", title="average precision, AUC")
    return figure


def plot_class_bars(report: pd.DataFrame) -> Figure:
    """Precision, recall and F1 of each class of a `class_report`, with the 95 % intervals of the recalls.

    Behind each name stands the number of its examples. Wilson's intervals, see `wilson_interval`.
    """
    places = np.arange(len(report))
    figure, axis = plt.subplots(figsize=(7, 1.2 + 0.42 * len(report)))
    axis.barh(places - 0.2, report["precision"], 0.38, label="precision")
    axis.barh(places + 0.2, report["recall"], 0.38, hatch="///", edgecolor="white", label="recall")
    axis.plot(report["f1"], places, "D", color="black", markersize=4, label="F1")
    there = report["support"] > 0
    for place, recall, support in zip(places[there], report["recall"][there], report["support"][there], strict=True):
        axis.plot(wilson_interval(round(recall * support), support), [place + 0.2] * 2, "k|-", linewidth=1)
    if there.any():
        axis.lines[-1].set_label("95 % interval\nof the recall")
    names = [f"{_plain(name)} ({support})" for name, support in report["support"].items()]
    axis.set_yticks(places, names)
    axis.invert_yaxis()
    axis.set(
        title="precision, recall and F1 by class (number of examples)", xlabel="score", ylabel="class", xlim=(0, 1.02)
    )
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _image_grid(
    images: torch.Tensor,
    captions: list[str] | None,
    colours: list[str] | None,
    columns: int,
    title: str,
    normalized: bool,
) -> Figure:
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not len(images):
        raise ValueError(
            f"Need at least one image, (n, 3, height, width) or (n, 1, height, width), got {tuple(images.shape)}."
        )
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"There are {len(images)} images and {len(captions)} labels, there must be as many.")
    images = images.detach().cpu()
    if images.shape[1] == 3 and normalized:
        images = denormalize(images)
    captions = ["\n".join(map(_wrapped, caption.split("\n"))) for caption in captions or []]
    lines = max((caption.count("\n") for caption in captions), default=0) + 1
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    height = rows * (1.15 + 0.15 * lines) + 0.35 * bool(title)
    figure, axes = plt.subplots(rows, columns, figsize=(1.15 * columns, height), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
        axis.set_anchor("S")  # what height is left goes between the titles
    for index, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(image.permute(1, 2, 0).numpy(), cmap="gray_r" if len(image) == 1 else None)
        if captions:
            axis.set_title(captions[index], fontsize=9, color=colours[index] if colours else "black")
    figure.suptitle(title)
    return figure


def _wrapped(line: str) -> str:
    return textwrap.fill(line, 15, break_long_words=False)


def _name(label: SupportsInt, class_names: Sequence[str] | None) -> str:
    number = int(label)
    if class_names is None:
        return str(number)
    if not 0 <= number < len(class_names):
        raise ValueError(f"The label {number} has no name, there are names of 0 to {len(class_names) - 1}.")
    return _plain(class_names[number])


def _plain(name: object) -> str:
    """A name as text: what stands between dollars would be a formula."""
    return str(name).replace("$", r"\$")
