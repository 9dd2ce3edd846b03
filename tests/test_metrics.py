"""Checks of the metrics against scikit-learn and the definition of a standard error."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics as reference

from course_utils import confusion_matrix, standard_error
from course_utils.evaluation.metrics import (
    accuracy,
    calibration_table,
    class_report,
    classification_metrics,
    wilson_interval,
)


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


def test_macro_is_the_average_unless_another_is_wanted() -> None:
    y_true, y_pred = random_labels(0)
    assert classification_metrics(y_true, y_pred) == classification_metrics(y_true, y_pred, "macro")


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
@pytest.mark.parametrize("seed", range(6))
def test_classification_metrics_equal_scikit_learns(seed: int, average: str) -> None:
    y_true, y_pred = random_labels(seed)
    settings = {"average": average, "zero_division": 0}
    assert classification_metrics(y_true, y_pred, average=average) == pytest.approx(
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
        results = [classification_metrics(y_true, y_pred, average) for average in ("macro", "weighted", "micro")]
    for result in results:
        assert set(result.values()) == {value} and all(type(number) is float for number in result.values())


def test_an_unknown_average_is_refused() -> None:
    with pytest.raises(ValueError, match="average='samples' is not known. Choose one of: macro, weighted, micro"):
        classification_metrics([0, 1], [0, 1], "samples")


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
        ([0, 1], [0.0, 0.7], r"must be whole numbers, these are float64. Of scores \(n, classes\) take argmax\(1\)"),
        (["ant", "bee"], ["ant", "ant"], "of names their positions in the list of classes"),
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


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([[3.0], [-3.0]], [1, 0], "one column cannot tell classes apart"),
        ([[3.0, 1.0], [1.0, 2.0]], [0, 7], "labels run from 0 to 7, and there are 2 outputs: .* from 0 to 1"),
        ([[3.0, 1.0], [1.0, 2.0]], [-1, 0], "labels run from -1 to 0"),
        ([[3.0, math.nan], [1.0, 2.0]], [1, 0], "NaN"),
    ],
    ids=["one column", "beyond the columns", "below 0", "NaN"],
)
def test_accuracy_of_what_cannot_be_compared_is_refused(logits: list, labels: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        accuracy(torch.tensor(logits), torch.tensor(labels))


@pytest.mark.parametrize(("right", "n"), [(90, 100), (1, 7), (0, 5), (5, 5), (150, 300)])
def test_standard_error_is_the_spread_of_the_hits_over_the_root_of_their_number(right: int, n: int) -> None:
    hits = np.repeat([1.0, 0.0], [right, n - right])
    assert standard_error(right / n, n) == pytest.approx(hits.std() / math.sqrt(n))


def test_a_column_of_accuracies_has_a_column_of_standard_errors() -> None:
    accuracies = pd.Series({"a": 0.5, "b": 0.9})
    assert standard_error(accuracies, 100).tolist() == [standard_error(0.5, 100), standard_error(0.9, 100)]
    with pytest.raises(ValueError, match="90 % is 0.9"):
        standard_error(accuracies * 100, 100)


@pytest.mark.parametrize(("accuracy", "n"), [(90, 100), (-0.1, 5), (0.9, 0), (float("nan"), 5)])
def test_a_standard_error_of_percents_or_of_nothing_is_refused(accuracy: float, n: int) -> None:
    with pytest.raises(ValueError, match=r"from 0 to 1 \(90 % is 0.9\) and n above 0"):
        standard_error(accuracy, n)


def test_standard_error_is_how_far_measured_accuracies_scatter() -> None:
    measured = np.random.default_rng(0).binomial(300, 0.9, size=20_000) / 300
    assert standard_error(0.9, 300) == pytest.approx(measured.std(), rel=0.02)


# -- class_report -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_the_report_by_class_equals_scikit_learns(seed: int) -> None:
    y_true, y_pred = random_labels(seed)
    report = class_report(y_true, y_pred)
    labels = sorted({*y_true.tolist(), *y_pred.tolist()})
    assert report.index.tolist() == labels and report.index.name == "class"
    expected = reference.precision_recall_fscore_support(y_true, y_pred, labels=labels, zero_division=0)
    assert list(report) == ["precision", "recall", "f1", "support"]
    np.testing.assert_allclose(report.to_numpy().T, expected, rtol=1e-12)
    assert report["support"].dtype.kind == "i" and not report.isna().any().any()


def test_the_report_names_classes_and_leaves_out_those_that_occur_nowhere() -> None:
    with warnings.catch_warnings(action="error"):
        report = class_report(torch.tensor([3, 1, 1]), torch.tensor([1, 1, 1]), ["a", "b", "c", "d"])
    assert report.to_dict("index") == {
        "b": {"precision": pytest.approx(2 / 3), "recall": 1, "f1": pytest.approx(0.8), "support": 2},
        "d": {"precision": 0, "recall": 0, "f1": 0, "support": 1},
    }


@pytest.mark.parametrize("kind", [np.array, pd.Index, tuple], ids=["numpy", "pandas", "tuple"])
def test_names_may_be_of_any_kind(kind) -> None:
    names = ["a", "b", "c"]
    pd.testing.assert_frame_equal(class_report([0, 1], [0, 2], kind(names)), class_report([0, 1], [0, 2], names))


def test_a_label_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 2, allowed is 0 to 1"):
        class_report([0, 2], [0, 1], ["a", "b"])


# -- wilson_interval --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("correct", "n"), [(90, 100), (1, 7), (0, 5), (5, 5), (150, 300), (1, 1)])
@pytest.mark.parametrize("z", [1.0, 1.96, 2.576])
def test_at_the_ends_of_the_interval_the_measured_accuracy_is_z_standard_errors_away(
    correct: int, n: int, z: float
) -> None:
    low, high = wilson_interval(correct, n, z)
    assert 0 <= low <= correct / n + 1e-12 and correct / n - 1e-12 <= high <= 1
    if correct:
        assert (correct / n - low) / math.sqrt(low * (1 - low) / n) == pytest.approx(z)
    if correct < n:
        assert (high - correct / n) / math.sqrt(high * (1 - high) / n) == pytest.approx(z)
    assert (low < 1e-12) == (correct == 0) and (high > 1 - 1e-12) == (correct == n)


def test_the_interval_of_a_textbook() -> None:
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I, method 3
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


@pytest.mark.parametrize(("true", "n"), [(0.9, 30), (0.99, 50), (0.5, 10)])
def test_about_95_of_100_intervals_hold_the_truth(true: float, n: int) -> None:
    measured = np.random.default_rng(0).binomial(n, true, size=4000)
    held = [low <= true <= high for low, high in (wilson_interval(int(correct), n) for correct in measured)]
    assert 0.9 < np.mean(held) < 0.995


def test_five_right_of_five_do_not_make_certain() -> None:
    assert wilson_interval(5, 5)[0] == pytest.approx(0.5655, abs=1e-4)
    assert all(type(end) is float for end in wilson_interval(5, 5))


@pytest.mark.parametrize(("correct", "n"), [(-1, 5), (6, 5), (0, 0), (1, 0)])
def test_more_right_than_there_are_is_refused(correct: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"Need 0 <= correct <= n and n above 0, got {correct} and {n}"):
        wilson_interval(correct, n)


# -- calibration_table ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", [1, 4, 10])
def test_the_calibration_of_two_classes_equals_scikit_learns(bins: int) -> None:
    from sklearn.calibration import calibration_curve

    generator = np.random.default_rng(1)
    sure = generator.uniform(0.5, 1, 400)
    answers, right = generator.integers(0, 2, 400), generator.random(400) < sure**2
    probabilities = np.where(answers[:, None] == [0, 1], sure[:, None], 1 - sure[:, None])
    table = calibration_table(torch.tensor(probabilities), np.where(right, answers, 1 - answers), bins)
    accuracies, confidences = calibration_curve(right, sure, n_bins=bins)
    np.testing.assert_allclose(table["accuracy"], accuracies, rtol=1e-12)
    np.testing.assert_allclose(table["confidence"], confidences, rtol=1e-12)
    assert table["examples"].sum() == 400 and table.index.name == "bin"
    assert table.index.tolist() == sorted({int(value * bins) for value in sure})


def test_the_expected_calibration_error_of_a_table_is_that_of_its_definition() -> None:
    probabilities = np.array([[0.9, 0.1, 0], [0.2, 0.75, 0.05], [0.3, 0.3, 0.4], [1, 0, 0], [0.05, 0.0, 0.95]])
    table = calibration_table(probabilities, [0, 2, 2, 0, 1])
    assert table.reset_index().to_dict("records") == [
        {"bin": 4, "confidence": 0.4, "accuracy": 1.0, "examples": 1},
        {"bin": 7, "confidence": 0.75, "accuracy": 0.0, "examples": 1},
        {"bin": 9, "confidence": pytest.approx(0.95), "accuracy": pytest.approx(2 / 3), "examples": 3},
    ]
    error = np.average((table["confidence"] - table["accuracy"]).abs(), weights=table["examples"])
    assert error == pytest.approx((0.6 + 0.75 + abs(2.85 - 2)) / 5)


def test_a_probability_of_1_and_single_precision_just_above_it_lie_in_the_last_bin() -> None:
    table = calibration_table(torch.tensor([[1.0, 0.0], [1.0000001, 0.0]]), torch.tensor([0, 1]))
    assert table.index.tolist() == [9] and table["examples"].tolist() == [2] and table["accuracy"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("probabilities", "labels"), [(np.ones((2, 2)) / 2, [0]), (np.ones(2), [0, 1]), (np.ones((0, 2)), [])]
)
def test_probabilities_that_do_not_fit_the_labels_are_refused(probabilities: np.ndarray, labels: list) -> None:
    with pytest.raises(ValueError, match=r"Need probabilities \(n, classes\) and labels \(n,\)"):
        calibration_table(probabilities, labels)


@pytest.mark.parametrize(
    "scores",
    [
        torch.tensor([[3.0, -1.0], [0.5, 2.0]]),
        torch.tensor([[0.9], [0.2]]),
        torch.tensor([[0.9, 0.8], [0.2, 0.1]]),
        torch.tensor([[0.5, 0.5], [float("nan"), 0.5]]),
    ],
    ids=["logits", "one column", "a sigmoid for each class", "NaN"],
)
def test_scores_that_are_no_probabilities_are_refused(scores: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"no probabilities: .*take softmax\(dim=1\); one column p.*becomes two"):
        calibration_table(scores, [0, 1])


def test_probabilities_in_half_precision_are_taken() -> None:
    probabilities = torch.randn(200, 50).softmax(dim=1).bfloat16()
    assert calibration_table(probabilities.float(), torch.zeros(200, dtype=torch.int64))["examples"].sum() == 200


@pytest.mark.parametrize(("labels", "message"), [([0, 2], "from 0 to 2"), ([-1, 0], "from -1"), ([0.0, 1.0], "whole")])
def test_labels_that_no_probability_belongs_to_are_refused(labels: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        calibration_table(np.ones((2, 2)) / 2, labels)
