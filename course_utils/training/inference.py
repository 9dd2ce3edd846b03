"""What a network says of examples: `evaluate` and `predict`, built by hand in lesson 03, `extract_features` in 07."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import nn

from ..evaluation.metrics import accuracy
from . import checks

Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]
LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def predict(
    model: nn.Module, loader: Batches, autocast: torch.dtype | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs of the model in evaluation mode, and the targets, for everything `loader` yields: two CPU tensors.

    Raises:
        ValueError: the loader yields nothing, or not pairs of inputs and targets; or the model mixes the examples up.
    """
    device, modes = device_of(model), [(part, part.training) for part in model.modules()]
    outputs, targets = [], []
    model.eval()
    try:
        for batch in loader:  # outside inference mode: a data set may keep what it makes here, and train on it later
            inputs, target = checks.inputs_and_targets(batch)
            with torch.inference_mode(), precision(device, autocast):
                outputs.append(model(inputs.to(device, non_blocking=True)).float().cpu())
            checks.check_rows(outputs[-1], target)
            targets.append(target.cpu())
    finally:
        for part, training in modes:  # part by part: some may be frozen
            part.training = training
    if not outputs:
        raise ValueError("The loader yields no batches: the data set is empty, or smaller than one dropped batch.")
    return torch.cat(outputs), torch.cat(targets)


def extract_features(
    backbone: nn.Module, loader: Batches, copies: int = 1, autocast: torch.dtype | None = None
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
    loader: Batches,
    *,
    loss_fn: LossFunction = F.cross_entropy,
    autocast: torch.dtype | None = None,
) -> dict[str, float]:
    """`loss` over all examples at once and, for class labels, `accuracy`. The model's mode is left as it was.

    Raises:
        ValueError: see `predict`; or outputs and targets do not fit together.
        FloatingPointError: an output is no number (NaN).
    """
    outputs, targets = predict(model, loader, autocast)
    if outputs.isnan().any():
        count = outputs.reshape(len(outputs), -1).isnan().any(dim=1).sum()
        raise FloatingPointError(
            f"What the model says of {count} of {len(outputs)} examples is no number (NaN). Look for values in the "
            "data or in the weights that are not finite."
        )
    checks.check_targets(outputs, targets)
    device = device_of(model)  # a loss may hold weights there
    scores = {"loss": checks.mean_loss(loss_fn, outputs.to(device), targets.to(device)).item()}
    return scores | ({"accuracy": accuracy(outputs, targets)} if checks.are_class_scores(outputs, targets) else {})


def device_of(model: nn.Module) -> torch.device:
    """Where the parameters of `model` are."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def precision(device: torch.device, dtype: torch.dtype | None) -> AbstractContextManager:
    """In which forward passes run in `dtype` where that is enough; None leaves all as it is."""
    return torch.autocast(device.type, dtype) if dtype else nullcontext()
