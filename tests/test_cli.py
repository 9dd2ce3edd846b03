"""Checks of what turns errors into a line and an exit code."""

import io
from types import SimpleNamespace

import pytest
from torch.utils.data import DataLoader

from course_utils.basics import checkpoints, cli, distributed
from course_utils.basics.cli import exit_code


def fail(error: BaseException) -> None:
    raise error


def test_work_that_is_done_gives_0_and_prints_nothing(capfd: pytest.CaptureFixture) -> None:
    done = []
    assert exit_code(lambda: done.append(1), interrupted=lambda: "go on") == 0
    assert done == [1] and capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (FileNotFoundError("There is no folder x."), 1, "error: There is no folder x."),
        (PermissionError(13, "Permission denied", "run"), 1, "error: [Errno 13] Permission denied: 'run'"),
        (ValueError("epochs is 0."), 1, "error: epochs is 0."),
        (FloatingPointError("The loss is nan."), 1, "error: The loss is nan."),
        (KeyboardInterrupt(), 130, "stopped: go on with --resume"),
    ],
)
def test_what_may_go_wrong_is_a_line_on_stderr(
    error: BaseException, code: int, line: str, capfd: pytest.CaptureFixture
) -> None:
    assert exit_code(lambda: fail(error), interrupted=lambda: "go on with --resume") == code
    assert capfd.readouterr() == ("", f"{line}\n")


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), AssertionError()])
def test_a_bug_is_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error)):
        exit_code(lambda: fail(error), interrupted=lambda: "")


def test_a_message_of_several_lines_is_kept_whole(capfd: pytest.CaptureFixture) -> None:
    exit_code(lambda: fail(ValueError("2 problems:\n  line 1\n  line 2")), interrupted=lambda: "")
    assert capfd.readouterr().err == "error: 2 problems:\n  line 1\n  line 2\n"


def test_notes_of_an_error_follow_its_message(capfd: pytest.CaptureFixture) -> None:
    error = ValueError("a.png cannot be read.")
    error.add_note("Replace it.")
    exit_code(lambda: fail(error), interrupted=lambda: "")
    assert capfd.readouterr().err == "error: a.png cannot be read. Replace it.\n"


def test_what_the_terminal_cannot_show_is_printed_in_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", stream)
    assert exit_code(lambda: print("Käfer 蜂", flush=True), interrupted=lambda: "") == 0
    assert stream.buffer.getvalue().split() == ["Käfer".encode("cp1252"), b"\\u8702"]


@pytest.mark.parametrize(
    ("system", "expected"),
    [("posix", "python -m course_utils.test 'run 1' --data x"), ("nt", 'python -m course_utils.test "run 1" --data x')],
)
def test_a_command_is_quoted_as_the_terminal_wants_it(system: str, expected: str, monkeypatch) -> None:
    monkeypatch.setattr(cli, "os", SimpleNamespace(name=system))
    assert cli.command_line("test", "run 1", "--data", "x") == expected


class Broken:
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> None:
        try:
            fail(OSError("truncated"))
        except OSError as error:
            raise ValueError(f"{index}.png cannot be read:\n  truncated.") from error


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_an_error_in_a_loaders_worker_is_told_as_if_there_was_none(capfd: pytest.CaptureFixture) -> None:
    for workers in (0, 1):
        assert (
            exit_code(lambda count=workers: next(iter(DataLoader(Broken(), num_workers=count))), interrupted=lambda: "")
            == 1
        )
        assert capfd.readouterr().err == "error: 0.png cannot be read:\n  truncated.\n"


def test_what_a_failed_write_says_is_one_line(tmp_path, capfd: pytest.CaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    assert exit_code(lambda: checkpoints.save_checkpoint(tmp_path / "file" / "run.pt", {}), interrupted=lambda: "") == 1
    message = capfd.readouterr().err
    assert message.count("\n") == 1 and str(tmp_path / "file" / "run.pt") in message


def test_ctrl_c_is_told_by_the_first_process_alone(monkeypatch, capfd: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    assert exit_code(lambda: fail(KeyboardInterrupt()), interrupted=lambda: "go on") == 130
    assert capfd.readouterr().err == ""
