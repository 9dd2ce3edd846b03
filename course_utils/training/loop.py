"""The training loop. Lesson 03 builds `fit`, `evaluate` and `predict` by hand, lesson 07 `extract_features`."""

import copy
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader
from tqdm import tqdm

from ..basics import distributed
from ..evaluation.history import History
from ..evaluation.metrics import accuracy
from .callbacks import BatchRecorder, Callback, started
from .state import TrainingState

MONITORS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def fit(
    model: nn.Module,
    train_loader: DataLoader,
    val_loader: DataLoader | None = None,
    *,
    optimizer: Optimizer,
    epochs: int,
    loss_fn: LossFunction = F.cross_entropy,
    scheduler: LRScheduler | None = None,
    restore_best: bool = False,
    monitor: str = "val_loss",
    checkpoint: str | Path | None = None,
    autocast: torch.dtype | None = None,
    clip_norm: float | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
) -> History:
    """Train `model` on the device it is on, and measure it after every epoch.

    Args:
        train_loader, val_loader: yield (inputs, targets) with the examples along dimension 0.
        epochs: passes over `train_loader` in all, those of an interrupted run included.
        loss_fn: mean loss of a batch from (outputs, targets).
        scheduler: stepped after every batch.
        restore_best: leave the model with the weights of its best epoch by `monitor`, not of its last.
        monitor: column of the history; the lower the better, unless its name ends in "accuracy".
        checkpoint: file rewritten after every epoch. If it exists, training goes on from it and ends with the same
            numbers as a run that was never interrupted (bit for bit on one CPU; loader workers that outlive an epoch,
            `persistent_workers=True`, break this).
        autocast: run forward passes in this lower precision, e.g. `torch.bfloat16`.
        clip_norm: largest norm of all gradients taken together; longer ones are shortened to it before each step.
        callbacks: told of batches and epochs, e.g. `CSVLog("runs/first")`.
        progress: show a bar and print a line per epoch.

    Where `torchrun` has started several processes, each trains on what its `train_loader` yields, and they average
    their gradients; the first one alone writes files and prints.

    Raises:
        ValueError: a loader is empty, outputs and float targets differ in shape (they would broadcast silently),
            `monitor` is not measured, or `checkpoint` is damaged or of another model.
        FloatingPointError: the loss or a weight is no longer a finite number; the message names epoch and batch. The
            checkpoint is that of the epoch before.
    """
    if not len(train_loader):
        raise ValueError("train_loader yields no batches: the data set is empty, or smaller than one dropped batch.")
    if restore_best and monitor not in MONITORS:
        raise ValueError(f"monitor={monitor!r} is not measured. Choose one of: {', '.join(MONITORS)}.")
    if restore_best and val_loader is None and monitor.startswith("val_"):
        raise ValueError(f"restore_best watches {monitor!r}, which needs a val_loader.")
    run = TrainingState(model, optimizer, scheduler, train_loader)
    if checkpoint and Path(checkpoint).exists():
        run.resume(checkpoint)
        if restore_best and run.best is None:
            raise ValueError(f"{checkpoint} was written without restore_best=True, its best weights are not kept.")
    history, per_epoch, first = History(run.rows), len(train_loader), distributed.rank() == 0
    progress, callbacks = progress and first, callbacks if first else ()
    trained = distributed.parallel(model)
    bar = tqdm(
        total=epochs * per_epoch,
        initial=len(history) * per_epoch,
        file=sys.stdout,
        leave=False,
        disable=not progress,
        unit="batch",
    )
    with bar, started(callbacks, model, history, len(history) * per_epoch):
        for epoch in range(len(history) + 1, epochs + 1):
            began = time.perf_counter()
            row = {"epoch": epoch, "lr": optimizer.param_groups[0]["lr"]}
            bar.set_description(f"epoch {epoch}/{epochs}", refresh=False)
            recorder = BatchRecorder(epoch, (epoch - 1) * per_epoch, callbacks, bar)
            row |= _train_epoch(trained, train_loader, optimizer, loss_fn, scheduler, autocast, clip_norm, recorder)
            _check_weights(model, epoch)
            if val_loader is not None:
                scores = evaluate(model, val_loader, loss_fn=loss_fn, autocast=autocast)
                row |= {f"val_{name}": value for name, value in scores.items()}
            row["seconds"] = time.perf_counter() - began
            history.rows.append(row)
            if restore_best and history.best(monitor) is row:
                run.best = copy.deepcopy(model.state_dict())
            for callback in callbacks:
                callback.on_epoch(row)
            if checkpoint and first:
                run.save(checkpoint)
            if progress:
                bar.write(_epoch_line(row, epochs), file=sys.stdout)
    if restore_best and run.best is not None:
        model.load_state_dict(run.best)
    return history


def predict(
    model: nn.Module, loader: DataLoader, autocast: torch.dtype | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs of the model in evaluation mode, and the targets, for everything `loader` yields: two CPU tensors.

    Raises:
        ValueError: the loader yields nothing.
    """
    device, modes = _device(model), [(part, part.training) for part in model.modules()]
    outputs, targets = [], []
    model.eval()
    try:
        with torch.inference_mode(), _precision(device, autocast):
            for inputs, target in loader:
                outputs.append(model(inputs.to(device, non_blocking=True)).float().cpu())
                targets.append(target.cpu())
    finally:
        for part, training in modes:  # part by part: some may be frozen
            part.training = training
    if not outputs:
        raise ValueError("The loader yields no batches: the data set is empty, or smaller than one dropped batch.")
    return torch.cat(outputs), torch.cat(targets)


def extract_features(
    backbone: nn.Module, loader: DataLoader, copies: int = 1, autocast: torch.dtype | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a frozen backbone makes of everything `loader` yields: features float32 (n, d) and labels (n,), on the CPU.

    Args:
        backbone: a model without its head, e.g. a ResNet whose `fc` is `nn.Identity()`.
        loader: in a fixed order if the features are to be matched with images.
        copies: passes over the loader, one after the other in the result; more than one only makes sense where the
            loader augments its images.
    """
    passes = [predict(backbone, loader, autocast) for _ in range(copies)]
    features, labels = (torch.cat(parts) for parts in zip(*passes))
    return features.flatten(1), labels


def evaluate(
    model: nn.Module,
    loader: DataLoader,
    *,
    loss_fn: LossFunction = F.cross_entropy,
    autocast: torch.dtype | None = None,
) -> dict[str, float]:
    """`loss` over all examples at once and, for class labels, `accuracy`. The model's mode is left as it was."""
    outputs, targets = predict(model, loader, autocast)
    device = _device(model)  # a loss may hold weights there
    scores = {"loss": _loss(loss_fn, outputs.to(device), targets.to(device)).item()}
    return scores if targets.is_floating_point() else scores | {"accuracy": accuracy(outputs, targets)}


def _train_epoch(model, loader, optimizer, loss_fn, scheduler, autocast, clip_norm, recorder) -> dict[str, float]:
    device = _device(model)
    model.train()
    for inputs, targets in loader:
        inputs, targets = inputs.to(device, non_blocking=True), targets.to(device, non_blocking=True)
        with _precision(device, autocast):
            outputs = model(inputs)
            loss = _loss(loss_fn, outputs, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        hits = None if targets.is_floating_point() else (outputs.detach().argmax(dim=1) == targets).sum()
        recorder.add(optimizer.param_groups[0]["lr"], len(targets), loss.detach(), hits)
        if scheduler is not None:
            scheduler.step()
    return recorder.scores()


def _check_weights(model: nn.Module, epoch: int) -> None:
    for name, weight in model.named_parameters():
        if not weight.isfinite().all():
            raise FloatingPointError(
                f"{name} holds numbers that are not finite after the last batch of epoch {epoch}. Lower the learning "
                "rate."
            )


def _loss(loss_fn: LossFunction, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if targets.is_floating_point() and outputs.shape != targets.shape:
        raise ValueError(
            f"The model's outputs have shape {tuple(outputs.shape)}, the targets {tuple(targets.shape)}: subtracting "
            "them would broadcast to a table of all pairs. Give both the same shape, e.g. targets.unsqueeze(1)."
        )
    return loss_fn(outputs, targets)


def _device(model: nn.Module) -> torch.device:
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def _precision(device: torch.device, dtype: torch.dtype | None):
    return torch.autocast(device.type, dtype) if dtype else nullcontext()


def _epoch_line(row: dict[str, float], epochs: int) -> str:
    scores = [f"{name.replace('_', ' ')} {row[name]:.4f}" for name in row if name not in ("epoch", "lr", "seconds")]
    return f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}   " + "   ".join(scores)
