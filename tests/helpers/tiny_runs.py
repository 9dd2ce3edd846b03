"""Tiny data sets and training runs that the tests of the programs share."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pictures import noise

from course_utils import load_checkpoint, train

CLASSES = ("blue", "red")
SPLITS = {"train": 9, "val": 4, "test": 5}  # pictures per class


def write_folders(root: Path, splits: dict[str, int] = SPLITS, classes: tuple[str, ...] = CLASSES) -> Path:
    """A data set laid out as folders: noise of 12 x 10 pixels, darker in one class than in the next."""
    for split, count in splits.items():
        for label, name in enumerate(classes):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                _write(root / split / name / f"{number}.png", split, label, number)
    return root


def write_lists(root: Path, splits: dict[str, int] = SPLITS, classes: tuple[str, ...] = CLASSES) -> Path:
    """The same data set laid out as lists."""
    (root / "images").mkdir(parents=True)
    for split, count in splits.items():
        lines = [f"{split} {number} {label}.png {label}\n" for label in range(len(classes)) for number in range(count)]
        (root / f"{split}.txt").write_text("".join(lines))
        for line in lines:
            name, _, label = line.strip().rpartition(" ")
            _write(root / "images" / name, split, int(label), int(name.split()[1]))
    (root / "classes.txt").write_text("".join(f"{number + 5}\n" for number in range(len(classes))))
    (root / "cat_to_name.json").write_text(json.dumps({str(n + 5): name for n, name in enumerate(classes)}))
    return root


def _write(path: Path, split: str, label: int, number: int) -> None:
    picture = noise(100 * label + number + 1000 * len(split), 10, 12)
    picture.point(lambda value: (value + 120 * label) // 2).save(path)


def flags(data: Path, output: Path, **settings: Any) -> list[str]:
    """Arguments of the training program for a run of 2 epochs of 4 batches; those in `settings` are others or more."""
    tiny = {"model": "cnn", "epochs": 2, "batch_size": 4, "warmup_epochs": 0.5, "size": 8, "learning_rate": 0.01}
    given = {"data": data, "output": output, "workers": 0, "device": "cpu"} | tiny | settings
    words = []
    for name, value in given.items():
        flag = name.replace("_", "-")
        words += [f"--{flag}" if value else f"--no-{flag}"] if isinstance(value, bool) else [f"--{flag}", str(value)]
    return words


def run_once(data: Path, output: Path, **settings: Any) -> Path:
    """A finished run, made in this process."""
    assert train.main(flags(data, output, **settings)) == 0
    return output


def press_ctrl_c(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on Ctrl-C is pressed in that step of training, counted from 1, and in no other."""
    steps, take = [0], torch.optim.AdamW.step

    def counted(self: torch.optim.AdamW, *more: object) -> None:
        steps[0] += 1
        if steps[0] == step:
            raise KeyboardInterrupt
        take(self, *more)

    monkeypatch.setattr(torch.optim.AdamW, "step", counted)


def read_csv(path: Path) -> list[dict[str, float]]:
    with open(path, encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def left_behind(folder: Path) -> dict[str, Any]:
    """What is in the files of a run folder, less the seconds and the time of day."""
    found: dict[str, Any] = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    epochs = [line.rpartition(",") for line in found["epochs.csv"].decode().splitlines()]
    assert epochs[0][-1] == "seconds"
    state = load_checkpoint(folder / "last.pt")
    for row in state["history"]:
        del row["seconds"]
    config = json.loads(found["config.json"])
    del config["environment"]["started"]
    return found | {"epochs.csv": [rest for rest, _, _ in epochs], "last.pt": state, "config.json": config}


def equal(first: object, second: object) -> bool:
    """Equal to the last bit, tensors inside dicts and lists included."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(equal, first, second))
    return first == second
