"""What a training run measured, epoch by epoch. Lesson 03 collects it by hand, lesson 04 reads it."""

import math
from dataclasses import dataclass, field

import pandas as pd


@dataclass
class History:
    """What `fit` measured: one dict per epoch with `epoch`, `lr`, `train_loss`, `seconds` and, where they apply,
    `train_accuracy`, `val_loss`, `val_accuracy`."""

    rows: list[dict[str, float]] = field(default_factory=list)

    def __getitem__(self, name: str) -> list[float]:
        return [row[name] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def frame(self) -> pd.DataFrame:
        """The history as a table, one row per epoch. Raises ValueError where there is none."""
        self._check()
        return pd.DataFrame(self.rows).set_index("epoch")

    def best(self, monitor: str = "val_loss") -> dict[str, float]:
        """The row with the lowest value of `monitor`, or the highest where it is an accuracy.

        Raises:
            ValueError: `monitor` is not measured, or there is no epoch.
        """
        self._check()
        measured = [row for row in self.rows if monitor in row]
        if not measured:
            raise ValueError(f"monitor={monitor!r} is not measured. There is: {', '.join(self.rows[-1])}.")
        return min(measured, key=lambda row: _cost(row, monitor))

    def _check(self) -> None:
        if not self.rows:
            raise ValueError("The history is empty: no epoch has been trained yet.")


def _cost(row: dict[str, float], monitor: str) -> float:
    value = -row[monitor] if monitor.endswith("accuracy") else row[monitor]
    return math.inf if math.isnan(value) else value
