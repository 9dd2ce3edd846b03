"""Contestants that take turns, so that a busy machine disturbs all of them alike. Compared are times of one round."""

import statistics
from collections.abc import Callable

Rounds = list[dict[str, float]]


def take_turns(contestants: dict[str, Callable[[], float]], rounds: int) -> Rounds:
    """What each contestant says it took, in seconds, round by round; one round before them warms up."""
    return [{name: run() for name, run in contestants.items()} for _ in range(rounds + 1)][1:]


def seconds(rounds: Rounds, name: str) -> float:
    """Median seconds of a contestant."""
    return statistics.median(one[name] for one in rounds)


def ratio(rounds: Rounds, name: str, over: str) -> float:
    """Median over the rounds of the time of `name` divided by that of `over`."""
    return statistics.median(one[name] / one[over] for one in rounds)
