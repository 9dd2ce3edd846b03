"""The training loop. Lesson 03 builds `fit` by hand."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader
from tqdm import tqdm

from ..basics import distributed
from ..basics.files import check_writable
from ..evaluation.history import History
from . import checks
from .callbacks import BatchRecorder, Callback, started
from .inference import Batches, LossFunction, device_of, evaluate, precision
from .state import TrainingState


def fit(
    model: nn.Module,
    train_loader: DataLoader,
    val_loader: Batches | None = None,
    *,
    optimizer: Optimizer,
    epochs: int,
    loss_fn: LossFunction = F.cross_entropy,
    scheduler: LRScheduler | None = None,
    clip_norm: float | None = None,
    autocast: torch.dtype | None = None,
    restore_best: bool | str = False,
    checkpoint: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool | Literal["bar"] = True,
) -> History:
    """Train `model` on the device it is on, and measure it after every epoch.

    Args:
        train_loader, val_loader: yield (inputs, targets) with the examples along dimension 0.
        epochs: passes over `train_loader` in all, those of an interrupted run included.
        loss_fn: mean loss of a batch from (outputs, targets).
        scheduler: stepped after every batch.
        clip_norm: largest norm of all gradients taken together; longer ones are shortened to it before each step.
        autocast: run forward passes in this lower precision; `torch.bfloat16`.
        restore_best: leave the model with the weights of its best epoch, not of its last. Best is the lowest
            "val_loss" (True), or whatever column of the history is named, e.g. "val_accuracy", the highest of those.
        checkpoint: file rewritten after every epoch. If it exists, training goes on from it and ends with the same
            numbers as a run that was never interrupted: bit for bit on one CPU. Loaders with `persistent_workers=True`
            break this, shuffling included, because they draw a seed once and not every epoch; `seeded_loader` does not.
        callbacks: told of batches and epochs, e.g. `CSVLog("runs/first")`.
        progress: show a bar and print a line per epoch; "bar": the bar alone, of which nothing is left in the end.

    Where `torchrun` has started several processes, each trains on what its `train_loader` yields, and they average
    their gradients; the first one alone writes files and prints.

    Raises:
        ValueError: a loader is empty, outputs and targets do not fit together, the optimizer is another model's, what
            `restore_best` names is not measured, or `checkpoint` is damaged or of another training.
        FloatingPointError: the loss, a weight or a score is no longer a finite number; the message says where. The
            checkpoint is that of the epoch before.
        OSError: `checkpoint` cannot be written; found before the first epoch.
    """
    monitor = "val_loss" if restore_best is True else restore_best or None
    checks.check_loaders(train_loader, val_loader)
    for watched in filter(None, [monitor, *(callback.monitor for callback in callbacks)]):
        checks.check_monitor(watched, val_loader)
    checks.check_optimizer(model, optimizer, scheduler, loss_fn)
    step = _Step(optimizer, loss_fn, scheduler, clip_norm, autocast)
    first = distributed.rank() == 0
    run = TrainingState(model, optimizer, scheduler, train_loader, monitor)
    if checkpoint and Path(checkpoint).exists():
        run.resume(checkpoint)
    elif checkpoint and first:
        check_writable(checkpoint)
    history, per_epoch = run.history, len(train_loader)
    if first and history.rows and len(history) >= epochs:
        print(f"{checkpoint} holds all {len(history)} epochs: nothing is left to train.")
    show, lines, callbacks = bool(progress) and first, progress is True and first, callbacks if first else ()
    trained = distributed.parallel(model)
    bar = tqdm(
        total=epochs * per_epoch,
        initial=len(history) * per_epoch,
        file=sys.stdout,
        leave=False,
        disable=not show,
        unit="batch",
    )
    with bar, started(callbacks, model, history, len(history) * per_epoch):
        for epoch in range(len(history) + 1, epochs + 1):
            began = time.perf_counter()
            row = {"epoch": epoch, "lr": optimizer.param_groups[0]["lr"]}
            bar.set_description(f"epoch {epoch}/{epochs}", refresh=False)
            recorder = BatchRecorder(epoch, (epoch - 1) * per_epoch, callbacks, bar)
            row |= _train_epoch(trained, train_loader, step, recorder)
            _check_weights(model, epoch)
            if val_loader is not None:
                scores = evaluate(model, val_loader, loss_fn=loss_fn, autocast=autocast)
                row |= {f"val_{name}": value for name, value in scores.items()}
            row["seconds"] = time.perf_counter() - began
            run.add(row)
            for callback in callbacks:
                callback.on_epoch(row)
            if checkpoint and first:
                run.save(checkpoint)
            if lines:
                bar.write(_epoch_line(row, epochs), file=sys.stdout)
    run.restore_best()
    return history


@dataclass(frozen=True)
class _Step:
    """How a batch changes the model."""

    optimizer: Optimizer
    loss_fn: LossFunction
    scheduler: LRScheduler | None
    clip_norm: float | None
    autocast: torch.dtype | None

    def __post_init__(self) -> None:
        if self.autocast == torch.float16:
            raise ValueError("autocast=torch.float16 loses small gradients to 0. Choose torch.bfloat16.")


def _train_epoch(model: nn.Module, loader: DataLoader, step: _Step, recorder: BatchRecorder) -> dict[str, float]:
    device = device_of(model)
    model.train()
    for batch in loader:
        inputs, targets = checks.inputs_and_targets(batch)
        with precision(device, step.autocast):
            outputs = _forward(model, inputs.to(device, non_blocking=True))
            checks.check_targets(outputs, targets)
            targets = targets.to(device, non_blocking=True)
            loss = checks.mean_loss(step.loss_fn, outputs, targets)
        step.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if step.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), step.clip_norm)
        step.optimizer.step()
        scored = checks.are_class_scores(outputs, targets)
        hits = (outputs.detach().argmax(dim=1) == targets).sum() if scored else None
        recorder.add(step.optimizer.param_groups[0]["lr"], len(targets), loss.detach(), hits)
        if step.scheduler is not None:
            step.scheduler.step()
    return recorder.scores()


def _forward(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    try:
        return model(inputs)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ValueError(
            "A batch holds one example, of which BatchNorm cannot tell how far values scatter. If it is the last of an "
            "epoch, leave it out: DataLoader(…, drop_last=True). Otherwise choose a larger batch size or larger images."
        ) from error


def _check_weights(model: nn.Module, epoch: int) -> None:
    for name, weight in model.named_parameters():
        if not weight.isfinite().all():
            raise FloatingPointError(
                f"{name} holds numbers that are not finite after the last batch of epoch {epoch}. Lower the learning "
                "rate."
            )


def _epoch_line(row: dict[str, float], epochs: int) -> str:
    scores = [f"{name.replace('_', ' ')} {row[name]:.4f}" for name in row if name not in ("epoch", "lr", "seconds")]
    return f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}   " + "   ".join(scores)
