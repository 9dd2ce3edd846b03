"""Checks of the metrics against scikit-learn and the definition of a standard error."""

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn import metrics as reference

from course_utils import accuracy, classification_metrics, confusion_matrix, standard_error


def random_labels(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted labels of 4 classes; seeds 1 to 3 leave out a class here or there."""
    generator = np.random.default_rng(seed)
    y_true, y_pred = generator.integers(0, 4, 60), generator.integers(0, 4, 60)
    if seed == 1:
        y_pred[y_pred == 2] = 0  # never predicted
    if seed == 2:
        y_true[y_true == 1] = 3  # never true
    if seed == 3:
        y_true[y_true == 0], y_pred[y_pred == 0] = 2, 1  # occurs nowhere
    return y_true, y_pred


@pytest.mark.parametrize("seed", range(6))
def test_confusion_matrix_equals_scikit_learns(seed: int) -> None:
    y_true, y_pred = random_labels(seed)
    expected = reference.confusion_matrix(y_true, y_pred, labels=range(4))
    np.testing.assert_array_equal(confusion_matrix(y_true, y_pred), expected)
    wider = confusion_matrix(y_true, y_pred, num_classes=6)
    assert wider.shape == (6, 6) and (wider[:4, :4] == expected).all() and wider.sum() == 60


@pytest.mark.parametrize("seed", range(6))
def test_classification_metrics_equal_scikit_learns(seed: int) -> None:
    y_true, y_pred = random_labels(seed)
    settings = {"average": "macro", "zero_division": 0}
    assert classification_metrics(y_true, y_pred) == pytest.approx(
        {
            "accuracy": reference.accuracy_score(y_true, y_pred),
            "precision": reference.precision_score(y_true, y_pred, **settings),
            "recall": reference.recall_score(y_true, y_pred, **settings),
            "f1": reference.f1_score(y_true, y_pred, **settings),
        }
    )


@pytest.mark.parametrize(("y_true", "y_pred", "value"), [([0], [0], 1), ([1], [0], 0), ([5, 5], [5, 5], 1)])
def test_extreme_cases_give_plain_numbers_and_no_warning(y_true: list, y_pred: list, value: float) -> None:
    with warnings.catch_warnings(action="error"):
        result = classification_metrics(y_true, y_pred)
    assert set(result.values()) == {value} and all(type(number) is float for number in result.values())


@pytest.mark.parametrize("convert", [list, torch.tensor, lambda labels: labels.astype(np.uint8)])
def test_lists_tensors_and_small_integers_give_the_same(convert) -> None:
    generator = np.random.default_rng(0)
    y_true, y_pred = generator.integers(0, 40, 500), generator.integers(0, 40, 500)  # 40 * 40 cells: above 255
    expected = reference.confusion_matrix(y_true, y_pred)
    np.testing.assert_array_equal(confusion_matrix(convert(y_true), convert(y_pred)), expected)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([0, 1], [0], "same length"),
        ([], [], "not empty"),
        ([[0, 1]], [[0, 1]], "two label lists"),
        ([0, 3], [0, 1], "from 0 to 3, allowed is 0 to 2"),
        ([0, 1], [-1, 1], "from -1 to 1"),
    ],
)
def test_labels_that_do_not_fit_are_refused(y_true: list, y_pred: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_matrix(y_true, y_pred, num_classes=3)


def test_accuracy_equals_scikit_learns() -> None:
    logits, labels = torch.randn(200, 5), torch.randint(5, (200,))
    assert accuracy(logits, labels) == pytest.approx(reference.accuracy_score(labels, logits.argmax(dim=1)))
    assert isinstance(accuracy(logits, labels), float)


@pytest.mark.parametrize("labels", [torch.zeros(3, 1), torch.zeros(1), torch.tensor(0)])
def test_accuracy_refuses_shapes_that_would_broadcast(labels: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"Need logits \(n, classes\) and labels \(n,\)"):
        accuracy(torch.randn(3, 5), labels)


@pytest.mark.parametrize(("right", "n"), [(90, 100), (1, 7), (0, 5), (5, 5), (150, 300)])
def test_standard_error_is_the_spread_of_the_hits_over_the_root_of_their_number(right: int, n: int) -> None:
    hits = np.repeat([1.0, 0.0], [right, n - right])
    assert standard_error(right / n, n) == pytest.approx(hits.std() / math.sqrt(n))


def test_standard_error_is_how_far_measured_accuracies_scatter() -> None:
    measured = np.random.default_rng(0).binomial(300, 0.9, size=20_000) / 300
    assert standard_error(0.9, 300) == pytest.approx(measured.std(), rel=0.02)
