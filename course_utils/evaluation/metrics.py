"""Measures of a classifier. Lesson 03 builds accuracy, lesson 04 the confusion matrix, lesson 09 the rest."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike

Accuracy = TypeVar("Accuracy", float, np.ndarray, pd.Series)


def accuracy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Fraction of examples whose largest logit is that of the label. logits (n, classes), labels int (n,).

    Raises:
        ValueError: other shapes, a single column, a label beyond the columns, or logits that are no numbers (NaN).
    """
    if logits.ndim != 2 or logits.shape[:1] != labels.shape:
        raise ValueError(f"Need logits (n, classes) and labels (n,), not {tuple(logits.shape)}, {tuple(labels.shape)}.")
    check_labels(logits, labels)
    if logits.isnan().any():
        raise ValueError(
            "The logits hold NaN, which is no number: no class is the likeliest. Look where it comes from."
        )
    return (logits.argmax(dim=1) == labels).float().mean().item()


def check_labels(logits: torch.Tensor, labels: torch.Tensor) -> None:
    """Raise ValueError where a label int (n,) has no column in logits (n, classes), or there is one column alone."""
    classes = logits.shape[1]
    if classes < 2:
        raise ValueError(
            "There is one output per example, and one column cannot tell classes apart. Make as many outputs as "
            "classes; or, where one output answers yes or no, give the targets as floats in its shape, "
            "labels.float().unsqueeze(1), and compare (outputs > 0) with the labels yourself."
        )
    low, high = (int(label) for label in labels.aminmax()) if len(labels) else (0, 0)
    if low < 0 or high >= classes:
        raise ValueError(
            f"The labels run from {low} to {high}, and there are {classes} outputs: labels must run from 0 to "
            f"{classes - 1}. Count them from 0, or make more outputs."
        )


def standard_error(accuracy: Accuracy, n: int) -> Accuracy:
    """By how much an accuracy measured on `n` independent examples typically moves: sqrt(p (1 - p) / n).

    Args:
        accuracy: from 0 to 1; a number, or an array or column of them.

    Raises:
        ValueError: an accuracy is not between 0 and 1, or n is 0.
    """
    if n < 1 or not np.all((np.asarray(accuracy) >= 0) & (np.asarray(accuracy) <= 1)):
        raise ValueError(f"Need an accuracy from 0 to 1 (90 % is 0.9) and n above 0, got {accuracy} and {n}.")
    return (accuracy * (1 - accuracy) / n) ** 0.5


def confusion_matrix(y_true: ArrayLike, y_pred: ArrayLike, num_classes: int | None = None) -> np.ndarray:
    """How often class `row` was taken for class `column`: int array (num_classes, num_classes).

    Args:
        y_true, y_pred: int class labels, each of shape (n,).
        num_classes: by default one more than the largest label that occurs.

    Raises:
        ValueError: the lengths differ, there are no examples, or labels are no whole numbers or outside 0 …
            num_classes - 1.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape or y_true.ndim != 1 or not len(y_true):
        raise ValueError(f"Need two label lists of the same length, not empty; got {y_true.shape} and {y_pred.shape}.")
    both = as_labels(np.concatenate([y_true, y_pred]), num_classes)
    num_classes = int(both.max()) + 1 if num_classes is None else num_classes
    y_true, y_pred = np.split(both, 2)
    return np.bincount(y_true * num_classes + y_pred, minlength=num_classes**2).reshape(num_classes, num_classes)


def as_labels(labels: ArrayLike, num_classes: int | None = None) -> np.ndarray:
    """Class labels as int64 array, of the same shape.

    Raises:
        ValueError: some are no whole numbers, or outside 0 … num_classes - 1.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iub":
        raise ValueError(
            f"Class labels must be whole numbers, these are {labels.dtype}. Of scores (n, classes) take argmax(1), "
            "of names their positions in the list of classes, of whole floats astype(int)."
        )
    smallest, largest = labels.min(), labels.max()
    if smallest < 0 or num_classes is not None and largest >= num_classes:
        allowed = f"0 to {num_classes - 1}" if num_classes else "0 and above"
        raise ValueError(f"Labels run from {smallest} to {largest}, allowed is {allowed}. The first class is 0.")
    return labels.astype(np.int64)  # small types would overflow


def class_report(y_true: ArrayLike, y_pred: ArrayLike, class_names: Sequence[str] | None = None) -> pd.DataFrame:
    """`precision`, `recall`, `f1` and `support`, the number of examples, of every class that occurs in either list.

    A class that is never predicted has precision 0, one that never occurs recall 0.

    Args:
        y_true, y_pred: int class labels, each of shape (n,).
        class_names: names of all labels; by default the labels themselves.
    """
    matrix = confusion_matrix(y_true, y_pred, None if class_names is None else len(class_names))
    hits, predicted, actual = matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1)
    table = pd.DataFrame(
        {
            "precision": hits / np.maximum(predicted, 1),
            "recall": hits / np.maximum(actual, 1),
            "f1": 2 * hits / np.maximum(predicted + actual, 1),
            "support": actual,
        },
        index=pd.Index(range(len(matrix)) if class_names is None else list(class_names), name="class"),
    )
    return table[predicted + actual > 0]


def classification_metrics(y_true: ArrayLike, y_pred: ArrayLike, average: str = "macro") -> dict[str, float]:
    """`accuracy`, and `precision`, `recall` and `f1` over the classes that occur in either list.

    Args:
        y_true, y_pred: int class labels, each of shape (n,).
        average: "macro", every class weighs the same; "weighted", as much as it has examples; "micro", every example
            weighs the same, which for one label per example gives the accuracy three times.

    Raises:
        ValueError: another `average`; or see `confusion_matrix`.
    """
    report = class_report(y_true, y_pred)
    correct = float((report["recall"] * report["support"]).sum() / report["support"].sum())
    names = ["precision", "recall", "f1"]
    if average == "micro":
        return {"accuracy": correct} | dict.fromkeys(names, correct)
    if average not in ("macro", "weighted"):
        raise ValueError(f"average={average!r} is not known. Choose one of: macro, weighted, micro.")
    weights = report["support"] if average == "weighted" else np.ones(len(report))
    return {"accuracy": correct} | {name: float(np.average(report[name], weights=weights)) for name in names}


def wilson_interval(correct: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Where the true accuracy lies, with 95 % confidence, if `correct` of `n` independent examples were right.

    Other than accuracy ± 1.96 standard errors it stays between 0 and 1 and is right for few examples, too. Source:
    Wilson, Probable inference, the law of succession, and statistical inference, 1927.

    Raises:
        ValueError: not 0 <= correct <= n, or n is 0.
    """
    if not 0 <= correct <= n or n == 0:
        raise ValueError(f"Need 0 <= correct <= n and n above 0, got {correct} and {n}.")
    share = correct / n
    centre, scale = share + z**2 / (2 * n), 1 + z**2 / n
    reach = z * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)


def calibration_table(probabilities: ArrayLike, y_true: ArrayLike, bins: int = 10) -> pd.DataFrame:
    """How often a classifier is right when it says that it is so sure, in bins of equal width that hold examples.

    Args:
        probabilities: float (n, classes), rows that add up to 1.
        y_true: int class labels (n,).

    Returns:
        One row per bin: `confidence`, the mean of the largest probabilities, `accuracy`, and `examples`. The expected
        calibration error is the mean of |confidence - accuracy|, weighted by `examples`.

    Raises:
        ValueError: the shapes do not fit, there are no examples, these are no probabilities, or labels are no whole
            numbers or out of range.
    """
    probabilities, y_true = np.asarray(probabilities, dtype=float), np.asarray(y_true)
    if probabilities.ndim != 2 or probabilities.shape[:1] != y_true.shape or not len(y_true):
        raise ValueError(f"Need probabilities (n, classes) and labels (n,), got {probabilities.shape}, {y_true.shape}.")
    y_true = as_labels(y_true, max(2, probabilities.shape[1]))
    # half precision is about 0.01 off
    if not (probabilities >= 0).all() or not np.allclose(probabilities.sum(axis=1), 1, rtol=0, atol=0.02):
        raise ValueError(
            "These are no probabilities: some are negative or NaN, or rows do not add up to 1. Of logits take "
            "softmax(dim=1); one column p, as sigmoid gives it, becomes two: 1 - p and p."
        )
    confidence = probabilities.max(axis=1)
    table = pd.DataFrame({"confidence": confidence, "accuracy": probabilities.argmax(axis=1) == y_true, "examples": 1})
    in_bin = np.minimum((confidence * bins).astype(int), bins - 1)
    return table.groupby(in_bin).agg({"confidence": "mean", "accuracy": "mean", "examples": "sum"}).rename_axis("bin")
