"""Checks of the schedule against its closed form and against torch's own schedulers."""

import math

import pytest
import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR, StepLR

from course_utils import warmup_cosine
from course_utils.training.schedules import warmup_step


@pytest.fixture
def optimizer() -> Optimizer:
    return make_optimizer()


def make_optimizer() -> Optimizer:
    return SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)


def rates(optimizer: Optimizer, scheduler: LRScheduler, steps: int) -> list[float]:
    """The learning rate that each of the steps uses."""
    used = []
    for _ in range(steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return used


@pytest.mark.parametrize(("warmup", "total"), [(0, 10), (1, 10), (4, 20), (19, 20), (0, 1)])
def test_rates_follow_the_closed_form(warmup: int, total: int, optimizer: Optimizer) -> None:
    expected = [0.4 * (step + 1) / warmup for step in range(warmup)]
    expected += [0.2 * (1 + math.cos(math.pi * step / (total - warmup))) for step in range(total - warmup)]
    assert rates(optimizer, warmup_cosine(optimizer, warmup, total), total) == pytest.approx(expected)


def test_without_warm_up_it_is_torchs_cosine(optimizer: Optimizer) -> None:
    other = make_optimizer()
    expected = rates(other, CosineAnnealingLR(other, T_max=25), 25)
    assert rates(optimizer, warmup_cosine(optimizer, 0, 25), 25) == pytest.approx(expected)


def test_with_warm_up_it_is_torchs_linear_then_cosine(optimizer: Optimizer) -> None:
    other = make_optimizer()
    warmup = LinearLR(other, start_factor=1 / 5, total_iters=4)
    both = SequentialLR(other, [warmup, CosineAnnealingLR(other, T_max=20)], milestones=[5])
    expected = rates(other, both, 25)
    assert rates(optimizer, warmup_cosine(optimizer, 5, 25), 25) == pytest.approx(expected)


def test_steps_without_warm_up_are_torchs_steps(optimizer: Optimizer) -> None:
    other = make_optimizer()
    expected = rates(other, StepLR(other, step_size=7, gamma=0.1), 25)
    assert rates(optimizer, warmup_step(optimizer, 0, 7), 25) == pytest.approx(expected)


def test_steps_with_warm_up_fall_where_they_would_without(optimizer: Optimizer) -> None:
    expected = [0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.2, 0.2]
    assert rates(optimizer, warmup_step(optimizer, 4, 6, gamma=0.5), 8) == pytest.approx(expected)


def test_steps_of_factor_1_are_constant(optimizer: Optimizer) -> None:
    assert rates(optimizer, warmup_step(optimizer, 2, 3, gamma=1.0), 9) == pytest.approx([0.2, *[0.4] * 8])


def test_the_peak_is_the_full_rate_and_after_the_end_it_stays_at_0(optimizer: Optimizer) -> None:
    used = rates(optimizer, warmup_cosine(optimizer, 3, 12), 20)
    assert used[2] == used[3] == max(used) == 0.4
    assert all(0 < later < earlier for earlier, later in zip(used[3:11], used[4:12]))
    assert used[12:] == pytest.approx([0] * 8)


def test_every_parameter_group_keeps_its_own_rate() -> None:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in (0.1, 0.01)]
    optimizer = SGD(groups)
    scheduler = warmup_cosine(optimizer, 2, 10)
    assert scheduler.get_last_lr() == pytest.approx([0.05, 0.005])


@pytest.mark.parametrize(("warmup", "total"), [(-1, 10), (10, 10), (11, 10), (0, 0)])
def test_steps_that_make_no_sense_are_refused(warmup: int, total: int, optimizer: Optimizer) -> None:
    with pytest.raises(ValueError, match=f"0 <= warmup_steps < total_steps, got {warmup} and {total}"):
        warmup_cosine(optimizer, warmup, total)
