"""How `fit` tells others what it does, batch by batch, epoch by epoch. Lesson 09 builds such a log by hand."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import repeat

import torch
from torch import nn
from tqdm import tqdm

from ..basics import distributed
from ..evaluation.history import History

READ_EVERY = 25  # batches


class Callback:
    """Base class: override what you want to be told. Give a list of them to `fit(callbacks=…)`.

    A row is a dict of numbers by name. Those of batches have `epoch`, `batch` (from 1, over all epochs), `lr`,
    `train_loss` and, for class labels, `train_accuracy`; those of epochs are the rows of the `History`.

    Attributes:
        monitor: column of the history that it watches, if any; `fit` refuses one that will not be measured.
    """

    monitor: str | None = None

    def on_start(self, model: nn.Module, history: History, batches: int) -> None:
        """Training begins. `history` holds the epochs of an interrupted run, in all `batches` long, and will hold the
        new ones."""

    def on_batches(self, rows: list[dict[str, float]]) -> None:
        """Some batches have been trained: at most 25, because reading numbers from a GPU makes it wait."""

    def on_epoch(self, row: dict[str, float]) -> None:
        """An epoch has been trained and measured; the checkpoint is written after this."""

    def on_stop(self) -> None:
        """Training is over, be it for an error."""


@contextmanager
def started(callbacks: Sequence[Callback], model: nn.Module, history: History, batches: int) -> Iterator[None]:
    """Start `callbacks`, see `Callback.on_start`, and stop those that have started, whatever happens."""
    with ExitStack() as stack:
        for callback in callbacks:
            callback.on_start(model, history, batches)
            stack.callback(callback.on_stop)
        yield


class BatchRecorder:
    """Loss and hits of the batches of one epoch, read from the device in groups: each reading makes a GPU wait."""

    def __init__(self, epoch: int, done: int, callbacks: Sequence[Callback], bar: tqdm):
        """
        Args:
            epoch: its number.
            done: batches before this epoch.
            callbacks: told of the rows of the batches.
            bar: shows the progress, and the last loss and learning rate that were read.
        """
        self.epoch, self.done, self.callbacks, self.bar = epoch, done, callbacks, bar
        self.unread: list[tuple[float, int, torch.Tensor, torch.Tensor | None]] = []
        self.sizes: list[int] = []
        self.losses: list[float] = []
        self.hits: list[float] = []  # of those batches that have some

    def add(self, lr: float, size: int, loss: torch.Tensor, hits: torch.Tensor | None) -> None:
        """A batch of `size` examples has been trained at learning rate `lr`.

        Args:
            loss: mean loss of the batch, a scalar on any device, without gradient.
            hits: number of right answers, or None where targets are no class labels.

        Raises:
            FloatingPointError: the loss of this batch, or of one of the last 25, is not a finite number.
        """
        self.unread.append((lr, size, loss, hits))
        self.bar.update()
        if len(self.unread) == READ_EVERY:
            self._read()

    def _read(self) -> None:
        if not self.unread:
            return
        rates, sizes, on_device, hits_on_device = zip(*self.unread)
        losses = _numbers(on_device)
        hits = [] if hits_on_device[0] is None else _numbers(hits_on_device)
        rows, known = [], len(self.sizes)
        for number, (lr, size, loss, right) in enumerate(zip(rates, sizes, losses, hits or repeat(None)), known + 1):
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"The loss is {loss} in batch {number} of epoch {self.epoch}. Look for values in the data that are "
                    "not finite; otherwise lower the learning rate."
                )
            row = {"epoch": self.epoch, "batch": self.done + number, "lr": lr, "train_loss": loss}
            rows.append(row if right is None else row | {"train_accuracy": right / size})
        self.sizes += sizes
        self.losses += losses
        self.hits += hits
        self.unread.clear()
        self.bar.set_postfix(loss=f"{self.losses[-1]:.4f}", lr=f"{rates[-1]:.2g}", refresh=False)
        for callback in self.callbacks:
            callback.on_batches(rows)

    def scores(self) -> dict[str, float]:
        """`train_loss` and `train_accuracy` of the epoch, every example weighing the same."""
        self._read()
        seen = sum(self.sizes)
        scores = {"train_loss": sum(loss * size for loss, size in zip(self.losses, self.sizes)) / seen}
        return scores | {"train_accuracy": sum(self.hits) / seen} if len(self.hits) == len(self.sizes) else scores


def _numbers(scalars: Sequence[torch.Tensor]) -> list[float]:
    """Read scalars from their device, each the mean over all processes."""
    return distributed.mean_of_all(torch.stack(list(scalars)).float()).tolist()
