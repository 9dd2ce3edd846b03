"""Tracebacks and sessions of the debugger as lesson 14 shows them."""

import os
import sys

import pytest

from course_utils.basics.debugging import Typed, frames_up, show_traceback, without_folders


def divide(dividend, divisor):
    return dividend / divisor


def failure():
    with pytest.raises(ZeroDivisionError) as caught:
        divide(3, 0)
    return caught.value


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('File "/home/me/a b.py"', 'File "a b.py"'),
        ('File "/home/me/course.py", line 3', 'File "course.py", line 3'),
        (r"File 'C:\\Users\\me\\course.py'", "File 'course.py'"),
        ("-> return a / b / c", "-> return a / b / c"),
        ("pairs and/or triples", "pairs and/or triples"),
        ("(365, 1)", "(365, 1)"),
    ],
)
def test_folders_are_left_out_and_nothing_else(text, left):
    assert without_folders(text) == left


def test_a_traceback_is_whole_and_marked_at_its_ends(capsys):
    frames = show_traceback(failure())
    lines = capsys.readouterr().out.splitlines()
    assert frames == 2 == sum("File" in line for line in lines)
    assert lines[0] == "▶ Traceback (most recent call last):" and lines[-1] == "▶ ZeroDivisionError: division by zero"
    assert not any(line.startswith("▶") for line in lines[1:-1]), "no frame stands in a notebook"
    assert os.path.dirname(__file__) not in "".join(lines)


def test_code_of_a_notebook_is_marked(capsys):
    file = os.path.join(os.sep, "tmp", "ipykernel_12", "34.py")
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile("divide(1, 0)", file, "exec"), {"divide": divide})
    show_traceback(caught.value)
    marked = [line for line in capsys.readouterr().out.splitlines() if line.startswith("▶   File")]
    assert marked == ["▶   File <cell>, line 1, in <module>"]


def test_a_session_after_an_error(capsys):
    error = failure()
    assert (frames_up(error, "divide"), frames_up(error, "failure")) == (0, 1)
    Typed("p dividend, divisor", "up").post_mortem(error)
    said = capsys.readouterr().out
    assert "(Pdb) p dividend, divisor\n(3, 0)\n(Pdb) up\n> test_debugging.py(" in said
    assert os.path.dirname(__file__) not in said


def test_a_session_at_a_breakpoint(capsys):
    usual = sys.breakpointhook
    with Typed("p left + 1"):
        left = 41
        breakpoint()
        left += 1
    assert "(Pdb) p left + 1\n42\n" in capsys.readouterr().out
    assert sys.breakpointhook is usual and left == 42
