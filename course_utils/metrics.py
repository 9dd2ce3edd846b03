"""Measures of a classifier. Lesson 03 builds accuracy, lesson 04 the confusion matrix, lesson 09 the rest."""

import numpy as np
import torch
from numpy.typing import ArrayLike


def accuracy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Fraction of examples whose largest logit is that of the label. logits (n, classes), labels int (n,)."""
    if logits.shape[:1] != labels.shape:
        raise ValueError(f"Need logits (n, classes) and labels (n,), not {tuple(logits.shape)}, {tuple(labels.shape)}.")
    return (logits.argmax(dim=1) == labels).float().mean().item()


def standard_error(accuracy: float, n: int) -> float:
    """By how much an accuracy measured on `n` independent examples typically moves: sqrt(p (1 - p) / n)."""
    return (accuracy * (1 - accuracy) / n) ** 0.5


def confusion_matrix(y_true: ArrayLike, y_pred: ArrayLike, num_classes: int | None = None) -> np.ndarray:
    """How often class `row` was taken for class `column`: int array (num_classes, num_classes).

    Args:
        y_true, y_pred: int class labels, each of shape (n,).
        num_classes: by default one more than the largest label that occurs.

    Raises:
        ValueError: the lengths differ, there are no examples, or a label is outside 0 … num_classes - 1.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape or y_true.ndim != 1 or not len(y_true):
        raise ValueError(f"Need two label lists of the same length, not empty; got {y_true.shape} and {y_pred.shape}.")
    both = np.concatenate([y_true, y_pred])
    num_classes = int(both.max()) + 1 if num_classes is None else num_classes
    if both.min() < 0 or both.max() >= num_classes:
        raise ValueError(f"Labels run from {both.min()} to {both.max()}, allowed is 0 to {num_classes - 1}.")
    cells = y_true * np.int64(num_classes) + y_pred  # int64: the labels may be uint8, which would overflow
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def classification_metrics(y_true: ArrayLike, y_pred: ArrayLike) -> dict[str, float]:
    """Accuracy and macro-averaged precision, recall and F1 over the classes that occur in either list.

    A class that is never predicted counts with precision 0, one that never occurs with recall 0.
    """
    matrix = confusion_matrix(y_true, y_pred)
    matrix = matrix[np.ix_(*[matrix.sum(0) + matrix.sum(1) > 0] * 2)]
    hits = matrix.diagonal()
    predicted, actual = np.maximum(matrix.sum(axis=0), 1), np.maximum(matrix.sum(axis=1), 1)
    return {
        "accuracy": float(hits.sum() / matrix.sum()),
        "precision": float((hits / predicted).mean()),
        "recall": float((hits / actual).mean()),
        "f1": float((2 * hits / (matrix.sum(axis=0) + matrix.sum(axis=1))).mean()),
    }
