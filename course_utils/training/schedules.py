"""Learning-rate schedules, stepped once per batch. Lesson 05 builds the cosine by hand, lesson 06 the steps."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup_cosine(optimizer: Optimizer, warmup_steps: int, total_steps: int) -> LambdaLR:
    """Rise linearly to the optimizer's learning rate in `warmup_steps`, then fall along half a cosine to 0.

    Step t (from 0) uses the rate (t + 1) / warmup_steps times the full one, later (1 + cos(pi * progress)) / 2 times.
    Call `.step()` after each optimizer step. Source: Loshchilov and Hutter, SGDR, 2017 (one cycle, no restart).

    Raises:
        ValueError: not 0 <= warmup_steps < total_steps.
    """
    if not 0 <= warmup_steps < total_steps:
        raise ValueError(f"Need 0 <= warmup_steps < total_steps, got {warmup_steps} and {total_steps}.")

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        progress = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))
        return (1 + math.cos(math.pi * progress)) / 2

    return LambdaLR(optimizer, factor)


def warmup_step(optimizer: Optimizer, warmup_steps: int, step_size: int, gamma: float = 0.1) -> LambdaLR:
    """Rise linearly in `warmup_steps`; from the start on, multiply by `gamma` after every `step_size` steps.

    Without warm-up these are the rates of torch's `StepLR`. Call `.step()` after each optimizer step.
    """

    def factor(step: int) -> float:
        return min(1.0, (step + 1) / max(1, warmup_steps)) * gamma ** (step // step_size)

    return LambdaLR(optimizer, factor)
