"""Fixtures that several test files share; a file takes one for all of its tests by `pytestmark`.

What brings PyTorch along is imported by the fixtures: the process that hands out the work does without.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import browser
import pytest


@pytest.fixture
def sample_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """No `setup` has run yet, and the environment says nothing."""
    from course_utils.basics import course

    monkeypatch.setattr(course, "_current", None)
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)


@pytest.fixture
def full_profile(sample_profile: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The profile "full" with a data folder that does not exist yet."""
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "my data"))
    return tmp_path / "my data"


@pytest.fixture
def seeded() -> Iterator[None]:
    """The test starts from the same random numbers and from one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A tiny data set, laid out as folders."""
    from tiny_runs import write_folders

    return write_folders(tmp_path / "data")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where Chromium is. Where it is not installed, the test that asks is skipped, and fails if CI is set."""
    path = browser.find_chromium()
    if path:
        return path
    message = "Chromium is not installed: apt-get install chromium, or python -m playwright install chromium"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
