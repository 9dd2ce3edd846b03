"""A run that knows ants from bees, and a server that answers with it, for the tests of the serving program."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from drawn import DATA
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.utils.data import DataLoader

from course_utils import eval_transform, extract_features, open_split
from course_utils.runs import create_run
from course_utils.settings import Settings

HYMENOPTERA = DATA / "hymenoptera"
SIZE = 64


def make_run(folder: Path) -> Path:
    """A run whose best weights are those of the backbone that comes with the course and of a head fitted to it."""
    run = create_run(folder, Settings(str(HYMENOPTERA), "pretrained_resnet18", size=SIZE))
    model = run.new_model()
    model.fc = nn.Identity()
    loader = DataLoader(open_split(HYMENOPTERA, "train", eval_transform(SIZE)), batch_size=64)
    features, labels = extract_features(model, loader)
    head = LogisticRegression(C=0.1, max_iter=500).fit(features.numpy(), labels.numpy())
    bee = torch.tensor(head.coef_), torch.tensor(head.intercept_)
    weight, bias = (torch.cat([-half, half]).float() / 2 for half in bee)
    save_file(model.state_dict() | {"fc.weight": weight, "fc.bias": bias}, folder / "best.safetensors")
    return folder


@contextmanager
def process(*arguments: str | Path) -> Iterator[subprocess.Popen]:
    """The program in a process of its own, with a pipe for what it prints; it is gone afterwards."""
    program = subprocess.Popen(
        [sys.executable, "-m", "course_utils.serving", *map(str, arguments)],
        cwd=DATA.parent,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that starts the tests in the background lets them ignore SIGINT
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) if os.name != "nt" else None,
    )
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A server on a free port; yields its address."""
    with process(folder, "--port", "0") as program:
        line = program.stdout.readline()
        assert line, program.stderr.read()
        yield line.split()[-1]
