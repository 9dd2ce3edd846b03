"""What lesson 10 shows of a terminal is what the programs print there, digits aside."""

import os
import re
import shlex
import shutil
from pathlib import Path

import jupytext
import pytest
from tiny_runs import press_ctrl_c

from course_utils import test as judge, train

ROOT = Path(__file__).parents[1]
PROGRAMS = {"course_utils.train": train, "course_utils.test": judge}


def boxes() -> list[str]:
    """The consoles of the lesson that show more than a command."""
    (lesson,) = (ROOT / "lessons").glob("10_*.py")
    prose = "\n".join(cell.source for cell in jupytext.read(lesson).cells if cell.cell_type == "markdown")
    found = re.findall(r"^```console\n(.*?)^```", prose, re.M | re.S)
    return [box for box in found if box.count("\n") > 1]


def masked(lines: list[str]) -> list[str]:
    """Without digits, and without the place of the course."""
    return [re.sub(r"\d+(\.\d+)?", "0", line.replace(os.getcwd(), "…")) for line in lines]


def run(command: str, capfd: pytest.CaptureFixture) -> list[str]:
    """Lines that a command prints, as they stand there after the progress bar has passed over them."""
    python, m, program, *arguments = shlex.split(command, comments=True)
    assert (python, m) == ("python", "-m")
    if "--output" in arguments:
        arguments += ["--workers", "0", "--device", "cpu"]  # which changes no word
    PROGRAMS[program].main(arguments)
    printed = capfd.readouterr()
    lines = [line.rpartition("\r")[2].strip() for line in (printed.out + printed.err).split("\n")]
    return [line for line in lines if line]


@pytest.mark.usefixtures("sample_profile")
@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_the_box_shows_what_the_programs_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    (box,) = boxes()
    shutil.copytree(ROOT / "data" / "hymenoptera", tmp_path / "data" / "hymenoptera")
    monkeypatch.chdir(tmp_path)
    press_ctrl_c(40, monkeypatch)  # in the second epoch of 30 steps
    for part in box.split("$ ")[1:]:
        command, *shown = part.strip().splitlines()
        printed = masked(run(command, capfd))
        shown = masked([line.removeprefix("^C") for line in shown])
        if "⋮" in shown:  # for lines that are left out
            middle = shown.index("⋮")
            shown[middle : middle + 1] = printed[middle : len(printed) - (len(shown) - middle - 1)]
        assert shown == printed[: len(shown)], command
    assert printed[0] == shown[0] and len(printed) > len(shown), "the table of the test program goes on"
