"""What `fit`, `evaluate` and `predict` refuse, and what they say then. Lesson 14 meets such mistakes one by one."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from ..evaluation.metrics import check_labels

MONITORS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")


def check_loaders(train_loader: Iterable, val_loader: Iterable | None) -> None:
    """Raise ValueError where a loader is empty, or the training one cannot say how many batches it has."""
    if _length(train_loader) is None:
        raise ValueError(
            "train_loader cannot tell its number of batches, as one over an IterableDataset. Give its data set a "
            "length, __len__, or load the examples into a TensorDataset."
        )
    for name, loader in (("train_loader", train_loader), ("val_loader", val_loader)):
        if loader is not None and _length(loader) == 0:
            raise ValueError(f"{name} yields no batches: the data set is empty, or smaller than one dropped batch.")


def _length(loader: Any) -> int | None:
    try:
        return len(loader)
    except TypeError:
        return None


def check_monitor(monitor: str, val_loader: Iterable | None) -> None:
    """Raise ValueError where `monitor` is no column of the history, or needs a `val_loader` that is not there."""
    if monitor not in MONITORS:
        raise ValueError(f"monitor={monitor!r} is not measured. Choose one of: {', '.join(MONITORS)}.")
    if val_loader is None and monitor.startswith("val_"):
        raise ValueError(
            f"monitor={monitor!r} is not measured without a val_loader. Give one, or choose one of: train_loss, "
            "train_accuracy."
        )


def check_optimizer(model: nn.Module, optimizer: Optimizer, scheduler: LRScheduler | None, loss_fn: Any) -> None:
    """Raise ValueError where the optimizer has weights that are not the model's, or none to change; or the
    scheduler changes another one."""
    parts = [part for part in (model, loss_fn) if isinstance(part, nn.Module)]  # a loss may have weights as well
    own = {id(weight) for part in parts for weight in part.parameters()}
    changed = [weight for group in optimizer.param_groups for weight in group["params"]]
    strange = sum(id(weight) not in own for weight in changed)
    if strange:
        raise ValueError(
            f"{strange} of the {len(changed)} weights that the optimizer changes are not the model's: it was made for "
            "another model, or before a part of this one was replaced. Make it anew, after the model."
        )
    if not any(weight.requires_grad for weight in changed):
        raise ValueError("All weights that the optimizer changes are frozen. Unfreeze some, such as the last layer's.")
    if isinstance(scheduler, ReduceLROnPlateau):
        raise ValueError(
            "ReduceLROnPlateau waits for a score after every epoch, `fit` steps a scheduler after every batch. Choose "
            "another one, e.g. warmup_cosine or StepLR."
        )
    if scheduler is not None and scheduler.optimizer is not optimizer:
        raise ValueError("The scheduler belongs to another optimizer. Make it anew, after the optimizer.")


def inputs_and_targets(batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The two parts of a batch. Raises ValueError where it has others, or its targets are no numbers."""
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        found = f"a {type(batch).__name__} alone"
        if isinstance(batch, (tuple, list)):
            found = f"{len(batch)} thing{'s' * (len(batch) != 1)}"
        raise ValueError(
            f"The loader yields {found} per batch, not two, inputs and targets. Leave out what is more; where there "
            "are no labels, put zeros, e.g. TensorDataset(images, torch.zeros(len(images)))."
        )
    inputs, targets = batch
    if not isinstance(targets, torch.Tensor):
        raise ValueError(
            f"The targets of a batch are a {type(targets).__name__}, not a tensor. Give class labels as whole numbers, "
            "e.g. class_to_idx[name] instead of a name."
        )
    return inputs, targets


def check_targets(outputs: torch.Tensor, targets: torch.Tensor) -> None:
    """Raise ValueError where a loss would be computed from what cannot be compared."""
    if targets.is_floating_point() and outputs.ndim == 2 and outputs.shape[1] > 1 and targets.ndim == 1:
        raise ValueError(
            f"{_shapes(outputs, targets)} of {targets.dtype}. Labels of classes must be whole numbers, e.g. "
            "targets.long(). Where these are values to be met, make one output and targets.unsqueeze(1)."
        )
    if targets.is_floating_point() and outputs.shape != targets.shape:
        raise ValueError(
            f"{_shapes(outputs, targets)}: subtracting them would broadcast to a table of all pairs. Give both the "
            "same shape, e.g. targets.unsqueeze(1). Labels of classes must be whole numbers, e.g. targets.long()."
        )
    if not targets.is_floating_point() and outputs.ndim == 2 and targets.shape == (len(outputs), 1):
        raise ValueError(
            f"{_shapes(outputs, targets)}: labels of classes need the shape ({len(outputs)},), e.g. targets.squeeze(1)."
        )
    if are_class_scores(outputs, targets) and targets.device.type == "cpu":  # reading from a GPU makes it wait
        check_labels(outputs, targets)


def mean_loss(loss_fn: Callable, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """`loss_fn(outputs, targets)`. Raises ValueError where it is no single number, or refuses the labels' dtype."""
    try:
        loss = loss_fn(outputs, targets)
    except RuntimeError as error:
        if not are_class_scores(outputs, targets) or targets.dtype in (torch.int64, torch.uint8):
            raise
        raise ValueError(
            f"The loss function does not take labels of {targets.dtype} ({error}). Give them as int64, targets.long()."
        ) from error
    if loss.ndim:
        raise ValueError(
            f"The loss function gives numbers of shape {tuple(loss.shape)}, not one for the batch. Take their mean; "
            "losses of torch do so unless reduction='none'."
        )
    return loss


def _shapes(outputs: torch.Tensor, targets: torch.Tensor) -> str:
    return f"The model's outputs have shape {tuple(outputs.shape)}, the targets {tuple(targets.shape)}"


def are_class_scores(outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    """Whether these are scores (n, classes) and labels int (n,), so that there is an accuracy."""
    return not targets.is_floating_point() and outputs.ndim == 2 and targets.ndim == 1


def check_rows(outputs: torch.Tensor, targets: torch.Tensor) -> None:
    """Raise ValueError where there is not one row of outputs per target."""
    if outputs.shape[:1] != targets.shape[:1]:
        raise ValueError(
            f"The model's outputs have shape {tuple(outputs.shape)} for {len(targets)} examples, which must stay "
            "along dimension 0. A squeeze() without a dimension drops it where a batch holds one example."
        )
