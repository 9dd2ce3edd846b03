"""Cells with workers also run where a worker is a fresh Python: on Windows, on macOS, and from Python 3.14 on."""

from collections.abc import Iterator
from functools import cache

import build
import needs
import proofs
import pytest
from nbformat import NotebookNode
from nbval.kernel import RunningKernel

LESSONS = {path.name[:2]: path for path in build.sources() if not build.is_exercise(path)}
BEFORE = """
import multiprocessing
from time import perf_counter

import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from course_utils import eval_transform, hymenoptera, open_split, train_transform
from course_utils.data.loaders import seeded_loader

multiprocessing.get_context("forkserver").set_forkserver_preload(["course_utils"])  # once for all of them
"""
SMALL = "Subset(hymenoptera('train', train_transform(32)), range(64))"
DIGITS = "to_float, pixels, labels = nn.Identity(), {'train': torch.rand(2000, 784)}, {'train': torch.ones(2000)}"
CELLS = [  # lesson, what stands in the cell, what it needs of those before
    ("01", "num_workers", f"train_set = {SMALL}"),
    ("10", "def plain_loader", "root, size = hymenoptera('train').root.parent, 32"),
    ("10", "class SeededExamples", ""),
    ("10", "with_worker, _ =", ""),
    ("15", "def watch_epochs", ""),
    ("15", "watch_epochs(2)", f"photos = {SMALL}"),
    ("15", "def microseconds", ""),
    ("15", "per_digit[workers]", DIGITS),
    ("14", "# twelve pictures on disk", ""),  # last: its error keeps the workers
    ("14", "def train_on_folder", ""),
    ("14", "train_on_folder(workers=2)", ""),
]
# what a loader does to begin a worker with its data set, without waiting for its answer
BEGIN = """
worker = multiprocessing.Process(target=len, args=[{dataset}])
worker.start()
worker.join()
assert worker.exitcode == {exitcode}, worker.exitcode
"""

pytestmark = needs.fork


@cache
def code_cells(lesson: str) -> list[NotebookNode]:
    return [cell for cell in build.read_source(LESSONS[lesson]).cells if cell.cell_type == "code"]


def run(kernel: RunningKernel, code: str) -> None:
    reply = kernel.kc.execute_interactive(code, allow_stdin=False, output_hook=lambda message: None, timeout=180)
    assert reply["content"]["status"] == "ok", "\n".join(reply["content"]["traceback"])


def cell_of(lesson: str, words: str) -> NotebookNode:
    return next(cell for cell in code_cells(lesson) if words in cell.source)


@pytest.fixture(scope="module")
def kernel() -> Iterator[RunningKernel]:
    kernel = RunningKernel("python3")
    run(kernel, BEFORE)
    yield kernel
    kernel.stop()


@pytest.fixture
def forkserver(kernel: RunningKernel) -> RunningKernel:
    run(kernel, "multiprocessing.set_start_method('forkserver', force=True)")
    return kernel


def test_every_lesson_with_workers_is_tried():
    with_workers = {name for name, path in LESSONS.items() if "num_workers=workers" in path.read_text(encoding="utf-8")}
    assert {lesson for lesson, _, _ in CELLS} == with_workers


@pytest.mark.parametrize(("lesson", "words", "before"), CELLS, ids=[f"{cell[0]} {cell[1]}" for cell in CELLS])
def test_a_cell_with_workers_runs_under_forkserver(lesson, words, before, forkserver):
    cell = cell_of(lesson, words)
    run(forkserver, f"{before}\n{cell.source}")
    if proof := cell.metadata.get(proofs.TAG):
        run(forkserver, proofs.code(proof))


@pytest.mark.parametrize(("dataset", "exitcode"), [("Typed()", 1), ("TensorDataset(torch.ones(3))", 0)])
def test_a_worker_does_not_find_a_class_that_was_typed_into_a_cell(dataset, exitcode, forkserver):
    run(forkserver, "class Typed(Dataset):\n    def __len__(self):\n        return 3")
    run(forkserver, BEGIN.format(dataset=dataset, exitcode=exitcode))


def test_a_cell_with_workers_runs_under_spawn(kernel):
    """A single worker, since each imports PyTorch anew; what it is given, a fork server's would be given, too."""
    run(kernel, "multiprocessing.set_start_method('spawn', force=True)")
    run(kernel, f"train_set = {SMALL}\ndef first_batch(loader):\n    return next(iter(loader))")
    run(kernel, cell_of("10", "with_worker, _ =").source)
