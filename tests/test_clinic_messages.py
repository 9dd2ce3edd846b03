"""Lesson 14's reference by message: what each row blames raises its message, and the cure named does not."""

import pickle
import subprocess
import sys
import warnings
from argparse import ArgumentParser

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import reference
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader
from torchvision.transforms import v2

ROWS = reference.table("By message")
IN_THE_LESSON = {  # raised there, and proven
    "stack expects each tensor to be equal size",
    "Trying to resize storage that is not resizable",
    "The epoch parameter in",
}


def two_steps(compute_anew):
    weight = torch.ones(2, requires_grad=True)
    loss = (weight**2).sum()
    loss.backward()
    if compute_anew:
        loss = (weight**2).sum()
    loss.backward()


def load_whole_model(folder, what):
    torch.save(what, folder / "model.pt")
    torch.load(folder / "model.pt")


def without_guard(folder, guard=""):
    script = folder / "train.py"
    loop = "print(sum(batch.sum().item() for batch in loader))"
    script.write_text(
        "import torch\nfrom torch.utils.data import DataLoader\n"
        "loader = DataLoader(torch.ones(4), 2, num_workers=1, multiprocessing_context='spawn')\n"
        + (f"if __name__ == '__main__':\n    {loop}\n" if guard else f"{loop}\n"),
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(" ".join(done.stderr.split()))


def scheduler_first(first=True):
    optimizer = SGD([nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = StepLR(optimizer, 1)
    if not first:
        optimizer.step()
    scheduler.step()


def parsed(*words, **settings):
    parser = ArgumentParser()
    parser.add_argument("--mean", **settings)
    return parser.parse_args(["--mean", *words]).mean


def grids(n, rows, first):
    try:
        for j in range(n):
            plt.subplot(rows, 2, j + first)
    finally:
        plt.close("all")


BODY = nn.Sequential(nn.Conv2d(3, 512, 32, stride=32), nn.AvgPool2d(2))  # of 224 pixels it makes 512 maps of 3 x 3
ADAPTIVE = nn.Sequential(BODY[0], nn.AdaptiveAvgPool2d(3), nn.Flatten())
LARGE, LAST = torch.rand(9, 3, 256, 256), nn.Linear(4608, 2)
MAPS = torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last)
MIXED = pd.DataFrame({"temp": [50.0, 60.0], "week": ["Fri", "Sat"]})
LOGITS = torch.rand(4, 10)
BATCHNORM = nn.BatchNorm1d(3)
NAMES = {str(number): f"flower {number}" for number in range(1, 103)}

MESSAGES = {  # message -> what raises it, and the cure
    "mat1 and mat2 shapes cannot be multiplied": (lambda: LAST(BODY(LARGE).flatten(1)), lambda: LAST(ADAPTIVE(LARGE))),
    "Expected input batch_size (16) to match target batch_size (9)": (
        lambda: F.cross_entropy(LAST(BODY(LARGE).view(-1, 4608)), torch.zeros(9).long()),
        lambda: F.cross_entropy(LAST(ADAPTIVE(LARGE).flatten(1)), torch.zeros(9).long()),
    ),
    "view size is not compatible": (lambda: MAPS.view(2, -1), lambda: MAPS.flatten(1)),
    "transpose(): argument 'dim0'": (
        lambda: LARGE[0].transpose((1, 2, 0)),
        lambda: LARGE[0].permute(1, 2, 0),
    ),
    "must have the same dtype, but got Double and Float": (
        lambda: nn.Linear(3, 2)(torch.from_numpy(np.ones((4, 3)))),
        lambda: nn.Linear(3, 2)(torch.from_numpy(np.ones((4, 3))).float()),
    ),
    "can't convert np.ndarray of type numpy.object_": (
        lambda: torch.tensor(pd.get_dummies(MIXED).to_numpy()),
        lambda: torch.tensor(pd.get_dummies(MIXED, dtype=float).to_numpy()),
    ),
    "Can't call numpy() on Tensor that requires grad": (
        lambda: nn.Linear(3, 2).weight.numpy(),
        lambda: nn.Linear(3, 2).weight.detach().numpy(),
    ),
    "Target 10 is out of bounds": (
        lambda: F.cross_entropy(LOGITS, torch.tensor([1, 2, 10, 3])),
        lambda: F.cross_entropy(torch.rand(4, 11), torch.tensor([1, 2, 10, 3])),
    ),
    "0D or 1D target tensor expected": (
        lambda: F.cross_entropy(LOGITS, torch.zeros(4, 1).long()),
        lambda: F.cross_entropy(LOGITS, torch.zeros(4, 1).long().squeeze(1)),
    ),
    "does not require grad": (
        lambda: nn.Linear(3, 2).requires_grad_(False)(torch.ones(4, 3)).sum().backward(),
        lambda: nn.Linear(3, 2)(torch.ones(4, 3)).sum().backward(),
    ),
    "Trying to backward through the graph a second time": (
        lambda: two_steps(compute_anew=False),
        lambda: two_steps(compute_anew=True),
    ),
    "Expected more than 1 value per channel": (
        lambda: [BATCHNORM(batch) for batch in DataLoader(torch.rand(5, 3), 2)],
        lambda: [BATCHNORM(batch) for batch in DataLoader(torch.rand(5, 3), 2, drop_last=True)],
    ),
    "Error(s) in loading state_dict": (
        lambda: nn.Linear(3, 2).load_state_dict(nn.Linear(3, 5).state_dict()),
        lambda: nn.Linear(3, 5).load_state_dict(nn.Linear(3, 5).state_dict()),
    ),
    "KeyError: '0'": (lambda: NAMES[str(0)], lambda: NAMES[sorted(NAMES)[0]]),
    "too many dimensions 'str'": (
        lambda: v2.Normalize(parsed("0.5", type=tuple), [0.5] * 3)(LARGE[0]),
        lambda: v2.Normalize(parsed("0.5", "0.5", "0.5", type=float, nargs=3), [0.5] * 3)(LARGE[0]),
    ),
    "has no attribute 'next'": (
        lambda: iter(DataLoader(LARGE)).next(),
        lambda: next(iter(DataLoader(LARGE))),
    ),
    "has no attribute 'append'": (lambda: MIXED.append({}), lambda: pd.DataFrame([{"temp": 50}, {"temp": 60}])),
    "num must be an integer with 1 <= num": (lambda: grids(4, 2, first=0), lambda: grids(4, 2, first=1)),
    "Number of rows must be a positive integer": (lambda: grids(1, 1 // 2, 1), lambda: grids(1, -(-1 // 2), 1)),
    "Can't get attribute": (  # a pickle names a class by module and name
        lambda: pickle.loads(b"c__main__\nTypedIntoACell\n."),
        lambda: pickle.loads(b"ctorch.utils.data\nTensorDataset\n."),
    ),
    "Using a target size": (
        lambda: F.mse_loss(torch.rand(3, 1), torch.rand(3)),
        lambda: F.mse_loss(torch.rand(3, 1), torch.rand(3).unsqueeze(1)),
    ),
    "Detected call of": (scheduler_first, lambda: scheduler_first(first=False)),
}
WITH_FILES = {  # the same, given a folder
    "Weights only load failed": (
        lambda folder: load_whole_model(folder, nn.Linear(3, 2)),
        lambda folder: load_whole_model(folder, nn.Linear(3, 2).state_dict()),
    ),
    "No such file or directory": (
        lambda folder: [torch.save({}, folder / "best.pt"), torch.load(folder / "checkpoint.pth")],
        lambda folder: [torch.save({}, folder / "best.pt"), torch.load(folder / "best.pt")],
    ),
    "attempt has been made to start a new process": (without_guard, lambda folder: without_guard(folder, guard="yes")),
}


def test_every_row_is_executed_and_leads_somewhere():
    assert {row.strip("`") for row in ROWS} == set(MESSAGES) | set(WITH_FILES) | IN_THE_LESSON
    for row, targets in ROWS.items():
        assert reference.leads_somewhere(targets), f"{row} leads to {targets}"
    for message in IN_THE_LESSON:
        assert any(target.startswith("#Case") for target in ROWS[f"`{message}`"]), f"{message} belongs to no case"


def raised(program):
    """What a program says, warnings included, or nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            program()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return ""


@pytest.mark.parametrize("message", MESSAGES)
def test_message(message):
    sick, cured = MESSAGES[message]
    assert message in raised(sick)
    assert raised(cured) == ""


@pytest.mark.parametrize("message", WITH_FILES)
def test_message_of_files(message, tmp_path):
    sick, cured = WITH_FILES[message]
    assert message in raised(lambda: sick(tmp_path))
    assert raised(lambda: cured(tmp_path)) == ""
