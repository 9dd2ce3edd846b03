"""The course's figures. Each function draws one, titled and labelled, and leaves `plt.show()` to the caller."""

import math
import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .history import History
from .metrics import confusion_matrix
from .transforms import denormalize

RIGHT, WRONG = "#1a7f37", "#c62828"


def show_batch(
    images: torch.Tensor,
    labels: ArrayLike | None = None,
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
    labels: ArrayLike,
    predictions: ArrayLike,
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
        truth = "✓" if right else f"✗ ({_name(label, class_names)})"
        captions.append(f"{_name(prediction, class_names)} {truth}")
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
    matrix = confusion_matrix(y_true, y_pred, len(class_names))
    side = 2 + 0.42 * len(class_names)
    figure, axis = plt.subplots(figsize=(side, side))
    axis.imshow(matrix, cmap="Blues")
    for row, column in zip(*matrix.nonzero(), strict=True):
        colour = "white" if matrix[row, column] > matrix.max() / 2 else "black"
        axis.text(column, row, matrix[row, column], ha="center", va="center", color=colour)
    axis.set(title="confusion matrix", xlabel="predicted class", ylabel="true class")
    axis.set_xticks(range(len(class_names)), class_names, rotation=90 if len(max(class_names, key=len)) > 3 else 0)
    axis.set_yticks(range(len(class_names)), class_names)
    axis.grid(False)
    return figure


def _image_grid(images, captions, colours, columns, title, normalized) -> Figure:
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not len(images):
        raise ValueError(
            f"Need at least one image, (n, 3, height, width) or (n, 1, height, width), got {tuple(images.shape)}."
        )
    images = images.detach().cpu()
    if images.shape[1] == 3 and normalized:
        images = denormalize(images)
    captions = [textwrap.fill(caption, 15, break_long_words=False) for caption in captions or []]
    lines = max((caption.count("\n") for caption in captions), default=0) + 1
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    height = rows * (1.15 + 0.15 * lines) + 0.3 * bool(title)
    figure, axes = plt.subplots(rows, columns, figsize=(1.15 * columns, height), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for index, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(image.permute(1, 2, 0).numpy(), cmap="gray_r" if len(image) == 1 else None)
        if captions:
            axis.set_title(captions[index], fontsize=9, color=colours[index] if colours else "black")
    figure.suptitle(title)
    return figure


def _name(label, class_names: Sequence[str] | None) -> str:
    return class_names[int(label)] if class_names else str(int(label))
