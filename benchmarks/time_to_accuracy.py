"""The stairs of lesson 15: all of MNIST to 99 % of its test digits, or the sample's digits to 90 %, step by step.

The copied loop makes tensors of pictures one by one, scores the whole test set ten times an epoch, and stops at the
first crossing. Two steps train the same network to the same weights with less waste. The others fix their length
beforehand, by validation, and score the test set once, off the clock. What is measured is the lesson itself: its cells
tagged `benchmark` are executed here, in the profile "full" where COURSE_DATA_DIR holds MNIST.

Run alone, it says how long the last recipe has to be: the shortest of some lengths with which every seed gets 99.1 % of
the validation digits right (in `full`).
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import build  # noqa: E402

LESSON = ROOT / "lessons" / "15_faster_training.py"
STORED = Path(__file__).with_suffix(".csv")  # lesson 15 shows it
SEEDS = 3
LENGTHS, CLEARED = (300, 360, 430, 560, 700), 0.991


def names_of_lesson(profile: str) -> dict[str, Any]:
    """What the lesson's cells tagged `benchmark` define in that profile."""
    names: dict[str, Any] = {"__name__": LESSON.stem}
    with mock.patch.dict(os.environ, COURSE_PROFILE=profile):
        for cell in build.read_source(LESSON).cells:
            if "benchmark" in cell.metadata.get("tags", []):
                exec(compile(cell.source, LESSON.name, "exec"), names)
    return names


def stairs(lesson: dict[str, Any], seed: int) -> list[dict]:
    """Seconds, batches and test accuracy of each step of the lesson, with one seed."""
    climb = lesson["climb"]
    _, copied = climb(lesson["copied_loop"], seed)
    rows = [{"step": "copied loop"} | copied]
    for step in ("test_set_once", "tensors_once"):
        rows.append({"step": step.replace("_", " ")} | climb(lesson[step], seed, copied["batches"])[1])
    for name, recipe in lesson["recipes"].items():
        rows.append({"step": name} | climb(lesson["train"], seed, **recipe)[1])
    return [row | {"seed": seed, "waiting": 0.0} for row in rows]


def compiled(lesson: dict[str, Any]) -> dict:
    """The last step once more, compiled: in all, and how long its first batches have kept us waiting."""
    *_, recipe = lesson["recipes"].values()

    def run(batches: int) -> dict:
        return lesson["climb"](lesson["train"], 0, **recipe | {"batches": batches, "compiled": True})[1]

    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, TORCHINDUCTOR_CACHE_DIR=folder):
        cold, warm, whole = run(4), run(4), run(recipe["batches"])  # what was compiled for the first serves the others
    seconds = cold["seconds"] + whole["seconds"] - warm["seconds"]
    return {"step": "torch.compile", "seed": 0} | whole | {"seconds": seconds, "waiting": cold["seconds"]}


def lengths() -> int | None:
    """The shortest length that clears the goal on the validation digits with room; prints all that it has tried."""
    lesson = names_of_lesson("full")
    *_, recipe = lesson["recipes"].values()
    for batches in LENGTHS:
        models = [lesson["train"](seed, **recipe | {"batches": batches})[0] for seed in range(SEEDS)]
        scores = [lesson["score"](model, "val") for model in models]
        print(f"{batches} batches, validation accuracy:", *[f"{score:.4f}" for score in scores], flush=True)
        if min(scores) >= CLEARED:
            return batches
    return None


def measure() -> list[dict]:
    real = Path(os.environ.get("COURSE_DATA_DIR", ""), "MNIST", "raw", "train-images-idx3-ubyte")
    full = "COURSE_DATA_DIR" in os.environ and real.exists()
    lesson = names_of_lesson("full" if full else "sample")
    what, times = ("MNIST to 99 %", 20) if full else ("sample digits to 90 %", 5)
    rows = [row for seed in range(SEEDS) for row in stairs(lesson, seed)]
    table = pd.DataFrame(rows)
    if full:
        columns = ["step", "seed", "seconds", "batches", "accuracy", "waiting"]
        stored = pd.concat([table, pd.DataFrame([compiled(lesson)])])[columns]
        stored.round({"seconds": 2, "accuracy": 4, "waiting": 1}).to_csv(STORED, index=False)
    seconds = table.pivot(index="seed", columns="step", values="seconds")
    lowest = table.groupby("step")["accuracy"].min()
    found = []
    for step in table["step"].unique():
        ratio = (seconds["copied loop"] / seconds[step]).median()
        row = {"what": f"{what} of the test digits: {step}, worst of {SEEDS} {lowest[step]:.2%}",
               "figure": f"{seconds[step].median():.1f} s", "ratio": ratio}  # fmt: skip
        if step == table["step"].iloc[-1]:
            met = bool(ratio >= times and lowest[step] >= lesson["goal"])
            row |= {"goal": f"at least {times}× as fast, and the goal each time", "met": met}
        found.append(row)
    return found


if __name__ == "__main__":
    print("chosen:", lengths())
