"""Checks of writing files whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import needs
import pytest

from course_utils.basics.files import replacing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is there already."""
    (tmp_path / "table.csv").write_text("old")
    return tmp_path / "table.csv"


def test_bytes_and_text_are_written_as_they_are_and_no_other_file_is_left(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"\x00new\r\n")
    assert path.read_bytes() == b"\x00new\r\n"
    with replacing(path, "w") as file:
        file.write("Käfer\n")
    assert path.read_bytes() == "Käfer\n".encode() and os.listdir(path.parent) == ["table.csv"]


def test_the_old_file_is_there_until_the_block_ends(path: Path) -> None:
    with replacing(path, "w") as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_file_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    with replacing(str(tmp_path / "new"), "w") as file:
        assert os.listdir(tmp_path) == ["new.part"]
        file.write("new")
    assert os.listdir(tmp_path) == ["new"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError()])
def test_an_error_in_the_block_is_passed_on_and_keeps_the_old_file(error: BaseException, path: Path) -> None:
    with pytest.raises(type(error)), replacing(path, "w") as file:
        file.write("half")
        raise error
    assert path.read_text() == "old" and os.listdir(path.parent) == ["table.csv"]


@pytest.mark.parametrize("function", ["os.fsync", "os.replace"])
def test_a_failing_disk_keeps_the_old_file(function: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(function, fail)
    with pytest.raises(OSError, match="No space left"), replacing(path, "w") as file:
        file.write("new")
    monkeypatch.undo()
    assert path.read_text() == "old" and os.listdir(path.parent) == ["table.csv"]


def test_the_content_is_on_the_disk_before_the_old_file_goes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (done.append(os.fstat(number).st_size), fsync(number)))
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("replaced"), replace(*paths)))
    with replacing(path, "w") as file:
        file.write("new")
    assert done == [3, "replaced"]


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"), replacing(tmp_path / "nowhere" / "table.csv"):
        pass


@needs.posix
@pytest.mark.parametrize("how", ["killed", "full disk"])
def test_a_process_that_dies_or_runs_out_of_space_in_the_block_keeps_the_old_file(how: str, path: Path) -> None:
    # the module alone, without the package, whose import takes seconds
    code = f"""
import importlib.util, os, resource, signal
spec = importlib.util.spec_from_file_location("files", {replacing.__wrapped__.__code__.co_filename!r})
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
with files.replacing({str(path)!r}, "w") as file:
    file.write("x" * 50_000)
    file.flush()
    if {how == "killed"}:
        os.kill(os.getpid(), signal.SIGKILL)
    file.write("x" * 100_000)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert path.read_text() == "old"
    if how == "killed":
        assert result.returncode == -signal.SIGKILL and (path.parent / "table.csv.part").stat().st_size == 50_000
        with replacing(path, "w") as file:
            file.write("new")
    else:
        assert result.returncode == 1 and "OSError" in result.stderr
    assert os.listdir(path.parent) == ["table.csv"], "what a kill left behind is cleared up by the next write"
