"""Checks of the history: its table, its best epoch, and what it says where there is none."""

import math

import pytest

from course_utils.evaluation.history import History

ROWS = [{"epoch": 1, "val_loss": 0.5, "val_accuracy": 0.9}, {"epoch": 2, "val_loss": 0.4, "val_accuracy": 0.8}]


def test_the_best_epoch_has_the_lowest_loss_or_the_highest_accuracy_and_is_never_nan() -> None:
    history = History([*ROWS, {"epoch": 3, "val_loss": math.nan, "val_accuracy": math.nan}])
    assert [history.best(monitor)["epoch"] for monitor in ("val_loss", "val_accuracy")] == [2, 1]
    with pytest.raises(ValueError, match="monitor='loss' is not measured. There is: epoch, val_loss, val_accuracy"):
        history.best("loss")


def test_a_table_has_a_row_per_epoch() -> None:
    expected = {row["epoch"]: {"val_loss": row["val_loss"], "val_accuracy": row["val_accuracy"]} for row in ROWS}
    assert History(ROWS).frame().to_dict("index") == expected


@pytest.mark.parametrize("use", [History.best, History.frame])
def test_a_history_without_epochs_says_so(use) -> None:
    with pytest.raises(ValueError, match="The history is empty: no epoch has been trained yet"):
        use(History())
