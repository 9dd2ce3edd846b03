"""What a lesson runs on: seeds, profile, device, data folder. Lesson 00 explains it."""

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

REPOSITORY = Path(__file__).resolve().parents[2]
PROFILES = ("sample", "full")
DEVICES = ("auto", "cpu", "cuda", "mps")
T = TypeVar("T")


@dataclass(frozen=True)
class Course:
    """The settings of a running lesson, as `setup` returns them."""

    profile: str
    device: torch.device
    data_dir: Path
    seed: int

    def pick(self, *, sample: T, full: T) -> T:
        """The value for the profile that is on, e.g. ``epochs = course.pick(sample=3, full=25)``."""
        return {"sample": sample, "full": full}[self.profile]


_current: Course | None = None


def begin(seed: int = 0, profile: str | None = None) -> Course:
    """Choose profile and device for what follows, and seed every generator. Lessons call `setup`, which does more.

    Args:
        seed: seeds `random`, NumPy and torch (CPU and GPU).
        profile: "sample" or "full"; by default the environment variable COURSE_PROFILE, else "sample".

    Raises:
        ValueError: the profile is neither "sample" nor "full".
        FileNotFoundError: the package is installed without the course's data.
    """
    global _current
    if not (REPOSITORY / "data").is_dir():
        raise FileNotFoundError(
            f"course_utils lies in {Path(__file__).parents[1]}, and the data of the course is not beside it. "
            "Install it from the folder of the course with: python -m pip install -e ."
        )
    _current = _make_course(seed, profile)
    seed_everything(seed)
    return _current


def seed_everything(seed: int) -> None:
    """Seed the generators of `random`, NumPy and torch, those of GPUs included."""
    for seeding in (random.seed, np.random.seed, torch.manual_seed):
        seeding(seed)


def current() -> Course:
    """The course as the last `begin` made it; before any `begin`, as the environment says."""
    return _current or _make_course(seed=0, profile=None)


def _make_course(seed: int, profile: str | None) -> Course:
    source = "COURSE_PROFILE" if profile is None else "profile"
    profile = profile or os.environ.get("COURSE_PROFILE") or "sample"
    if profile not in PROFILES:
        raise ValueError(f"{source}={profile!r} is not a profile of this course. Choose one of: {', '.join(PROFILES)}.")
    if profile == "sample":
        return Course(profile, torch.device("cpu"), REPOSITORY / "data", seed)
    folder = os.environ.get("COURSE_DATA_DIR") or REPOSITORY / "data" / "full"
    return Course(profile, best_device(), Path(folder).expanduser(), seed)


def best_device() -> torch.device:
    """A GPU where there is one (CUDA, then Apple's MPS), else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" is a GPU where there is one.

    Raises:
        ValueError: this machine has no such device.
    """
    if name == "auto":
        return best_device()
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(name):
        raise ValueError(f"This machine has no device {name!r}. Choose --device auto or cpu.")
    return torch.device(name)
