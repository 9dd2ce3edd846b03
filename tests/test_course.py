"""Checks of profiles, devices and seeds."""

import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils.basics import course
from course_utils.basics.course import begin

pytestmark = pytest.mark.usefixtures("sample_profile")


def test_sample_is_the_default_and_runs_on_the_cpu_from_the_repository() -> None:
    course = begin()
    assert (course.profile, course.device, course.seed) == ("sample", torch.device("cpu"), 0)
    assert course.data_dir == Path(__file__).parents[1] / "data"


def test_begin_seeds_every_generator() -> None:
    def draw(seed: int) -> tuple:
        begin(seed)
        return random.random(), np.random.rand(), torch.rand(1).item()

    assert draw(5) == draw(5)
    assert all(first != second for first, second in zip(draw(5), draw(6)))


@pytest.mark.parametrize("name", ["Sample", "ful", "sample "])
def test_an_unknown_profile_as_argument_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"profile='{name}' is not a profile.*sample, full"):
        begin(profile=name)


def test_an_unknown_profile_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROFILE", "fulll")
    with pytest.raises(ValueError, match="COURSE_PROFILE='fulll' is not a profile.*sample, full"):
        begin()


def test_a_refused_profile_leaves_the_course_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = begin()
    with pytest.raises(ValueError):
        begin(profile="other")
    assert course.current() is begun


def test_the_argument_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROFILE", "full")
    assert begin(profile="sample").profile == "sample"


def test_full_takes_the_data_folder_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROFILE", "full")
    assert begin().data_dir == course.REPOSITORY / "data" / "full"
    monkeypatch.setenv("COURSE_DATA_DIR", "~/course data")
    assert begin().data_dir == Path.home() / "course data"


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, False, "cuda"), (True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_the_best_device_is_chosen(cuda: bool, mps: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert course.best_device() == torch.device(expected)


@pytest.mark.parametrize(("cuda", "mps"), [(True, False), (False, True), (False, False)])
def test_a_device_is_chosen_by_name_and_refused_where_there_is_none(
    cuda: bool, mps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert course.choose_device("auto") == course.best_device()
    for name, there in {"cpu": True, "cuda": cuda, "mps": mps}.items():
        if there:
            assert course.choose_device(name) == torch.device(name)
        else:
            with pytest.raises(ValueError, match=f"no device '{name}'. Choose --device auto or cpu"):
                course.choose_device(name)


def test_a_device_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="tpu"):
        course.choose_device("tpu")


def test_pick_gives_the_value_of_the_profile() -> None:
    assert begin(profile="sample").pick(sample=3, full=25) == 3
    assert begin(profile="full").pick(sample=3, full=25) == 25


def test_the_settings_cannot_be_changed_by_accident() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        begin().profile = "full"


def test_before_begin_the_environment_decides_and_after_it_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROFILE", "full")
    assert course.current().profile == "full"
    assert begin(profile="sample") is course.current()


def test_a_package_installed_without_the_data_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "REPOSITORY", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"pip install -e \."):
        course.begin()
