"""How a lesson begins. Lesson 00 explains it."""

import json
import math
import os
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats

from .basics.course import REPOSITORY, Course, begin
from .downloads.manifest import needs, require

STYLE = Path(__file__).parent / "evaluation" / "course.mplstyle"
MEASURED = REPOSITORY / "benchmarks" / "results.json"


def setup(seed: int = 0, profile: str | None = None, lesson: str | None = None) -> Course:
    """Prepare a lesson: seed every generator, choose profile and device, set the figure style, say which profile is on.

    Args:
        seed: seeds `random`, NumPy and torch (CPU and GPU).
        profile: "sample" or "full"; by default the environment variable COURSE_PROFILE, else "sample".
        lesson: its number, such as "05". In the profile "full" its data and weights are looked for at once, and where
            there is no GPU, it says how long the lesson computes.

    Raises:
        ValueError: the profile is neither "sample" nor "full", or there is no such lesson.
        FileNotFoundError: the lesson needs in "full" what is not there; the message says how to get it.
    """
    course = begin(seed, profile)
    plt.style.use(STYLE)
    if figures := os.environ.get("COURSE_FIGURES"):  # sharp ones, wanted by JupyterLab's configuration
        set_matplotlib_formats(figures)
    print(f"profile: {course.profile}   device: {course.device}   seed: {seed}")
    if lesson is None:
        return course
    minutes = minutes_in_full()
    if lesson not in minutes:
        raise ValueError(f"There is no lesson {lesson!r}. Choose from: {', '.join(minutes)}.")
    if course.profile == "full":
        require(needs(lesson))
        if course.device.type == "cpu":
            duration = "a minute" if minutes[lesson] == 1 else f"{minutes[lesson]} minutes"
            print(f"Without a GPU this lesson computes for about {duration} here.")
    return course


def minutes_in_full() -> dict[str, int]:
    """How long each lesson computes in the profile "full" on two CPU cores, as measured, by its number."""
    rows = json.loads(MEASURED.read_text(encoding="utf-8"))["full_profile"]["rows"]
    return {row["lesson"][:2]: math.ceil(row["seconds"] / 60) for row in rows if row["device"] == "cpu"}
