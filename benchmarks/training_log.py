"""A log of 2,000 rows: a DataFrame that grows row by row against rows collected in a list, and against `CSVLog`."""

import tempfile
import time
from collections.abc import Callable
from functools import partial

import pandas as pd
from rounds import ratio, seconds, take_turns
from torch import nn

from course_utils import CSVLog
from course_utils.evaluation.history import History

ROWS = [{"epoch": 1 + i // 100, "batch": i + 1, "lr": 0.001, "train_loss": 1 / (i + 1), "train_accuracy": 0.5}
        for i in range(2000)]  # fmt: skip
ROUNDS = 5


def growing() -> None:
    table = pd.DataFrame()
    for row in ROWS:
        table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)


def collected() -> None:
    rows = []
    for row in ROWS:
        rows.append(row)
    pd.DataFrame(rows)


def written() -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = CSVLog(folder)
        log.on_start(nn.Identity(), History(), 0)
        for start in range(0, len(ROWS), 25):
            log.on_batches(ROWS[start : start + 25])


def seconds_of(way: Callable[[], None]) -> float:
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


def measure() -> list[dict]:
    ways = {"DataFrame grown row by row": growing, "rows in a list, one DataFrame": collected,
            "CSVLog, on disk after every 25 rows": written}  # fmt: skip
    rounds = take_turns({name: partial(seconds_of, way) for name, way in ways.items()}, ROUNDS)
    rows, (first, *_) = [], ways
    for name in ways:
        gain = ratio(rounds, first, over=name)
        goal = {} if name == first else {"goal": "at least 10× as fast", "met": gain >= 10}
        figure = f"{seconds(rounds, name):.4f} s"
        rows.append({"what": f"log of 2,000 rows: {name}", "figure": figure, "ratio": gain} | goal)
    return rows
