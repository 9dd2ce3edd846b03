"""One submission: put in order, executed, and what was noticed on the way."""

import hashlib
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output
from teaching import course
from teaching.course import ClassroomError, Result, mark
from teaching.execute import NotGraded, execute, label
from teaching.submissions import find, put_in_order, read, suspicions, text

from course_utils.basics.files import replacing

SLOWER = 4  # times as long as the whole solved notebook that a student's cell may take,
LINE_OF_CELL = re.compile(r" \([^()]*, line (\d+)\)$")  # IPython names a file that nobody sees
OPEN = "NotImplementedError"  # the kind of error where a gap is as it was handed out
NO_TICK = "it ended without an error and without its ✓, which is its last line"
LEAST = 30  # and seconds that it may take at least


@dataclass(frozen=True)
class Limits:
    """Seconds that a cell and a whole notebook may take."""

    cell: float
    total: float
    ticks: frozenset[str]
    """names of the checks that print a ✓ when they pass"""


def fingerprint(folder: Path, exercise: str, student: str) -> str:
    """Of all that a student handed in for an exercise, and of what it is measured against."""
    total = hashlib.sha256((folder / "source" / exercise / f"{exercise}.ipynb").read_bytes())
    handed_in = folder / "submitted" / student / exercise
    for path in sorted(path for path in handed_in.rglob("*") if path.is_file()):
        total.update(path.relative_to(handed_in).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def canary(folder: Path, exercise: str, walled: bool, cell_seconds: float | None) -> Limits:
    """Execute the solved notebook, which must get all points. Returns what it allows students.

    Raises:
        ClassroomError: a check fails: not the students are wrong, but the set-up
    """
    solved = course.source(folder, exercise)
    begun = time.monotonic()
    try:
        events = execute(solved, cell_seconds or 600, 3600, walled)
    except NotGraded as reason:
        raise ClassroomError(f"the solved notebook of {exercise} cannot be executed: {reason}") from None
    taken = time.monotonic() - begun
    messages = [
        f"cell {index + 1}: {message}" for index, cell in enumerate(solved.cells) if (message := error(cell)[1])
    ]
    if messages or events:
        profile = os.environ.get("COURSE_PROFILE")
        raise ClassroomError(
            f"the solved notebook of {exercise} does not get all points here, so nobody has been graded.\n"
            f"Something is wrong with the set-up of this machine. COURSE_PROFILE is {profile or 'not set'}; does "
            "`make test` pass?\n" + "\n".join(messages[:3] or events[:3])
        )
    ticks = {mark(cell)["grade_id"] for cell in solved.cells if mark(cell).get("grade") and "✓" in printed(cell)}
    return Limits(cell_seconds or max(LEAST, SLOWER * taken), max(600, 5 * SLOWER * taken), frozenset(ticks))


def error(cell: NotebookNode) -> tuple[str, str]:
    """Kind and message of a cell's last error, both empty without one."""
    errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
    return (errors[-1].ename, errors[-1].evalue or errors[-1].ename) if errors else ("", "")


def run_one(folder: Path, exercise: str, student: str, limits: Limits, walled: bool) -> Result:
    """Put a submission in order and execute it, all but the points. Raises nothing."""
    result = Result(student, exercise, fingerprint(folder, exercise, student))
    place = folder / "executed" / student / exercise
    shutil.rmtree(place, ignore_errors=True)
    try:
        path, odd = find(folder / "submitted" / student / exercise, exercise)
        notebook, repaired = read(path)
        source, release = course.source(folder, exercise), course.release(folder, exercise)
        result.notes += odd + repaired + put_in_order(notebook, source, release)
        result.look_at += suspicions(notebook, source)
        result.notes += execute(notebook, limits.cell, limits.total, walled)
    except NotGraded as reason:
        result.not_graded = str(reason)
        return result
    except Exception as unexpected:
        result.not_graded = f"{type(unexpected).__name__}: {unexpected}"
        return result
    for cell in without_a_tick(notebook, limits.ticks):
        result.look_at.append(f"{label(cell, 0)}: {NO_TICK}")
        # nbgrader gives points to a check without an error
        cell.outputs.append(new_output("error", ename="AssertionError", evalue=NO_TICK))
    cells = {mark(cell)["grade_id"]: cell for cell in notebook.cells if mark(cell)}
    given = {mark(cell)["grade_id"]: text(cell) for cell in release.cells if mark(cell)}
    for task in course.tasks(source):
        kind, message = error(cells[task.check])
        if kind:
            stopped, why = error(cells[task.answer]) if task.answer in cells else ("", "")
            if kind == "NameError" and stopped:
                kind = stopped
                message = "the cell with the answer stopped: " + LINE_OF_CELL.sub(r", in line \1", why)
            is_open = task.answer in cells and text(cells[task.answer]) == given[task.answer]
            result.errors[task.check], result.messages[task.check] = OPEN if is_open else kind, message
    notebook.metadata.update(source.metadata)
    place.mkdir(parents=True)
    with replacing(place / f"{exercise}.ipynb", "w") as file:
        file.write(nbformat.writes(notebook))
    return result


def without_a_tick(notebook: NotebookNode, ticks: frozenset[str]) -> list[NotebookNode]:
    """Checks that should have printed a ✓, and neither did nor failed: so they were not executed as they stand."""
    return [
        cell
        for cell in notebook.cells
        if mark(cell).get("grade_id") in ticks and not error(cell)[0] and "✓" not in printed(cell)
    ]


def printed(cell: NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)
