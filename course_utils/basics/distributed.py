"""Several processes that train one model together. Lesson 10 starts two.

Every process holds the whole model and takes an equal share of every batch. Without `torchrun` there is one process,
and nothing here does anything.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


@contextmanager
def joined_processes(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that `torchrun` has started; yields the device of this one, e.g. the third GPU for the third.

    They talk through NCCL on GPUs of NVIDIA, else through gloo, which knows no GPU of Apple: there they compute on the
    CPU.
    """
    if not _launched():
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    if device.type == "mps":
        device = torch.device("cpu")
        if rank() == 0:
            print("Several processes cannot share a GPU of Apple (mps): they compute on the CPU.")
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        dist.barrier()  # NCCL connects when first needed; the first process may still be making the run folder
        yield device
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Number of this process, from 0; known before the processes have joined."""
    return int(os.environ["RANK"]) if _launched() else 0


def world_size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if _joined() else 1


def mean_of_all(values: torch.Tensor) -> torch.Tensor:
    """The mean over the processes, each of which passes a float tensor of the same shape. No gradient."""
    if _joined():
        dist.all_reduce(values)
        values /= world_size()
    return values


def parallel(model: nn.Module) -> nn.Module:
    """`model`, in training wrapped so that the processes average their gradients after every backward pass."""
    return DistributedDataParallel(model) if _joined() else model


def synchronize_batchnorm(model: nn.Module) -> nn.Module:
    """Let the BatchNorm2d layers of `model` average over the whole batch, not over this process's share; returns it.

    torch's own SyncBatchNorm does so on GPUs only. Names of parameters and results in evaluation mode stay the same.

    Raises:
        ValueError: a layer has no weights, running averages or momentum, with which this is not made to work.
    """
    for name, part in model.named_modules() if _joined() else ():
        if type(part) is nn.BatchNorm2d:
            if not (part.affine and part.track_running_stats and part.momentum):
                raise ValueError(f"{name} is {part}: make it with weights, running averages and a momentum.")
            part.__class__ = _SyncedBatchNorm2d
    return model


class _SyncedBatchNorm2d(nn.BatchNorm2d):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(inputs)
        values = inputs.float()
        mean = _MeanOfAll.apply(values.mean((0, 2, 3)))
        centred = values - mean.view(-1, 1, 1)
        variance = _MeanOfAll.apply(centred.square().mean((0, 2, 3)))
        assert self.running_mean is not None and self.running_var is not None  # see synchronize_batchnorm
        assert self.num_batches_tracked is not None and self.momentum is not None
        with torch.no_grad():
            count = inputs.numel() // len(mean) * world_size()
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(-1, 1, 1) + self.bias.view(-1, 1, 1)).to(inputs.dtype)


class _MeanOfAll(torch.autograd.Function):
    """`mean_of_all` with a gradient: what one process sent has gone into the mean of all of them."""

    @staticmethod
    def forward(context: Any, values: torch.Tensor) -> torch.Tensor:
        return mean_of_all(values.clone())

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:
        return mean_of_all(gradient.clone())


def _launched() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def _joined() -> bool:
    return dist.is_available() and dist.is_initialized()
