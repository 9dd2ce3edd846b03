"""How a lesson begins. Lesson 00 explains it."""

from pathlib import Path

import matplotlib.pyplot as plt

from . import runtime
from .manifest import minutes, needs, require
from .runtime import Course


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
    course = runtime.begin(seed, profile)
    plt.style.use(Path(__file__).with_name("course.mplstyle"))
    print(f"profile: {course.profile}   device: {course.device}   seed: {seed}")
    if lesson is None:
        return course
    if lesson not in minutes():
        raise ValueError(f"There is no lesson {lesson!r}. Choose from: {', '.join(minutes())}.")
    if course.profile == "full":
        require(needs(lesson))
        if course.device.type == "cpu":
            duration = "a minute" if minutes()[lesson] == 1 else f"{minutes()[lesson]} minutes"
            print(f"Without a GPU this lesson computes for about {duration} here.")
    return course
