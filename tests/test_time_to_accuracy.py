"""The benchmark of lesson 15 executes the lesson's own cells, and what the lesson shows of it is there."""

import pandas as pd
import pytest
import time_to_accuracy
import torch

ROOT = time_to_accuracy.ROOT


@pytest.fixture(scope="module")
def lesson():
    return time_to_accuracy.names_of_lesson("sample")


def weights(model):
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def test_the_free_steps_leave_the_weights_of_the_copied_loop(lesson, monkeypatch):
    monkeypatch.setitem(lesson, "goal", 0.0)  # reached at the first look
    copied, batches = lesson["copied_loop"](seed=3)
    assert batches == 1
    for step in ("test_set_once", "tensors_once"):
        model, taken = lesson[step](3, batches)
        assert taken == batches and torch.allclose(weights(model), weights(copied), atol=1e-6), step


def test_every_recipe_is_a_training(lesson):
    assert list(lesson["recipes"]) == ["small network", "one cycle", "channels last", "bfloat16"]
    for recipe in lesson["recipes"].values():
        model, batches = lesson["train"](0, **recipe | {"batches": 4, "batch_size": 16})
        assert batches == 4 and weights(model).isfinite().all()


def test_the_stored_stairs_are_whole():
    stored = pd.read_csv(time_to_accuracy.STORED)
    counts = stored.groupby("step", sort=False).size()
    assert counts.pop("torch.compile") >= 1
    assert counts.index[0] == "copied loop" and set(counts) == {time_to_accuracy.SEEDS} and len(counts) == 7


def test_the_stored_augmentations_are_whole():
    stored = pd.read_csv(ROOT / "benchmarks" / "augmentations.csv", dtype={"right": str})
    assert set(stored.groupby("way").size()) == {3}
    assert set(stored["right"].str.len()) == {153}, "one answer for each validation picture"
    shares = [right.count("1") / len(right) for right in stored["right"]]
    assert shares == pytest.approx(stored["accuracy"].tolist(), abs=1e-4)
