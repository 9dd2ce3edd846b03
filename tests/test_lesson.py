"""Checks of how a lesson begins."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

from course_utils import setup
from course_utils.basics import course
from course_utils.downloads.manifest import data_sets
from course_utils.lesson import minutes_in_full


@pytest.fixture(autouse=True)
def untouched_course(sample_profile: None) -> Iterator[None]:
    """The figure style is put back afterwards, too."""
    with plt.rc_context():
        yield


def test_setup_returns_the_course_and_says_which_profile_is_on(capsys: pytest.CaptureFixture) -> None:
    assert setup(seed=3, lesson="05") is course.current()
    assert capsys.readouterr().out == "profile: sample   device: cpu   seed: 3\n"


def test_setup_sets_the_figure_style() -> None:
    plt.rcdefaults()
    assert plt.rcParams["axes.grid"] is False
    setup()
    assert plt.rcParams["axes.grid"] is True


@pytest.mark.parametrize("lesson", ["5", "99", ""])
def test_an_unknown_lesson_is_refused(lesson: str) -> None:
    with pytest.raises(ValueError, match=f"no lesson '{lesson}'. Choose from: 01, 02"):
        setup(lesson=lesson)


def test_every_lesson_has_its_minutes() -> None:
    lessons = sorted(path.name[:2] for path in (course.REPOSITORY / "lessons").glob("[0-9]*.py"))
    assert ["00", *minutes_in_full()] == lessons


@pytest.mark.parametrize(("device", "said"), [("cpu", True), ("cuda", False)])
def test_how_long_the_full_profile_takes_is_said_where_there_is_no_gpu(
    device: str, said: bool, full_profile: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(course, "best_device", lambda: torch.device(device))
    setup(lesson="12")
    duration = f"Without a GPU this lesson computes for about {minutes_in_full()['12']} minutes here."
    assert (duration in capsys.readouterr().out) == said


def test_the_full_profile_looks_for_all_that_a_lesson_needs(full_profile: Path) -> None:
    (full_profile / "hymenoptera_data").mkdir(parents=True)
    with pytest.raises(FileNotFoundError) as caught:
        setup(lesson="14")
    message = str(caught.value)
    assert "course_utils.downloads mnist resnet18" in message and "hymenoptera" not in message
    assert all(f"needs: {data_sets()[name].title}." in message for name in ("mnist", "resnet18"))
