"""Grade what was handed in: every student in a process of her own, behind walls, none in the way of another."""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from teaching import course, walls
from teaching.course import ClassroomError, Result, mark
from teaching.execute import NotGraded, execute, label
from teaching.submissions import find, put_in_order, read, suspicions

from course_utils.basics.files import replacing

FIRST_CELL = 120  # seconds that a cell has at least: the first one imports PyTorch, which takes long from a slow disk
NOT_IN_NAMES = re.compile(r"[*?\[\]]")  # nbgrader would look for other names
SLOWER = 10  # times as long as in the solved notebook a student's cell may take


@dataclass(frozen=True)
class Limits:
    """Seconds that a cell and a whole notebook may take."""

    cell: float
    total: float
    ticks: frozenset[str]
    """names of the checks that print a ✓ when they pass"""


def students(folder: Path) -> list[str]:
    """Names of those who have handed in anything."""
    found = (path.name for path in (folder / "submitted").iterdir() if path.is_dir())
    return sorted(name for name in found if not NOT_IN_NAMES.search(name))


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
        raise ClassroomError(
            f"the solved notebook of {exercise} does not get all points here, so nobody has been graded.\n"
            f"Something is wrong with the set-up of this machine. Is COURSE_PROFILE set ({profile()})? "
            "Does `make test` pass?\n" + "\n".join(messages[:3] or events[:3])
        )
    ticks = {mark(cell)["grade_id"] for cell in solved.cells if mark(cell).get("grade") and "✓" in printed(cell)}
    return Limits(cell_seconds or max(FIRST_CELL, SLOWER * taken), max(600, 2 * SLOWER * taken), frozenset(ticks))


def profile() -> str:
    return os.environ.get("COURSE_PROFILE") or "no"


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
    result.look_at += without_a_tick(notebook, limits.ticks)
    for cell in notebook.cells:
        if mark(cell).get("grade") and error(cell)[0]:
            name = mark(cell)["grade_id"]
            result.errors[name], result.messages[name] = error(cell)
    notebook.metadata.update(source.metadata)
    place.mkdir(parents=True)
    with replacing(place / f"{exercise}.ipynb", "w") as file:
        file.write(nbformat.writes(notebook))
    return result


def without_a_tick(notebook: NotebookNode, ticks: frozenset[str]) -> list[str]:
    """Checks that should have printed a ✓, and neither did nor failed: were they executed at all?"""
    silent = [
        label(cell, 0)
        for cell in notebook.cells
        if mark(cell).get("grade_id") in ticks and not error(cell)[0] and "✓" not in printed(cell)
    ]
    return [f"{name}: it passed without its ✓" for name in silent]


def printed(cell: NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def record(folder: Path, result: Result) -> None:
    """Let nbgrader read the points off an executed notebook into its gradebook, and keep the result."""
    from nbgrader.api import Gradebook, MissingEntry
    from nbgrader.preprocessors import (
        AssignLatePenalties,
        CheckCellMetadata,
        LimitOutput,
        OverwriteCells,
        OverwriteKernelspec,
        SaveAutoGrades,
    )

    if not result.not_graded:
        nbgrader = course.api(
            folder,
            CourseDirectory={"submitted_directory": "executed"},
            Autograde={
                "sanitize_preprocessors": [OverwriteKernelspec, OverwriteCells, CheckCellMetadata],
                "autograde_preprocessors": [LimitOutput, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata],
            },
        )
        answer = nbgrader.autograde(result.exercise, result.student)
        if not answer["success"]:
            lines = (answer.get("error") or answer.get("log") or "").strip().splitlines()
            result.not_graded = f"nbgrader: {lines[-1] if lines else 'no reason given'}"
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        if result.not_graded:
            try:
                gradebook.remove_submission(result.exercise, result.student)
            except MissingEntry:
                pass
        else:
            handed_in = gradebook.find_submission_notebook(result.exercise, result.exercise, result.student)
            result.points = {grade.name: grade.score for grade in handed_in.grades}
    result.save(folder)


def grade(
    folder: Path,
    only: Iterable[str] = (),
    again: bool = False,
    walled: bool = True,
    cell_seconds: float | None = None,
    at_once: int | None = None,
) -> int:
    """Grade what is new or was handed in again, and print a line for each. Returns how many were not graded.

    Args:
        only: beginnings of the names of exercises, such as "03"; all of them if there are none
        again: grade also what was graded before and has not changed
        walled: False to run student code with your own rights, where a system has no walls
        cell_seconds: time for each cell; by default what the solved notebook takes, many times over
        at_once: students graded at the same time, by default one for each processor
    Raises:
        ClassroomError: the folder is not prepared, walls are missing, or the solved notebook does not get all points
    """
    course.needs_nbgrader()
    names = [name for name in course.exercises(folder) if name.startswith(tuple(only) or "")]
    if not names:
        raise ClassroomError(f"no exercise begins with {' or '.join(only)}")
    if walled and (reason := walls.why_not()):
        raise ClassroomError(
            f"What students wrote would run without walls: {reason}.\nIt could read and change all that you can, the "
            "marks of others included. Grade on Linux, or in a virtual machine or container that has nothing to "
            "lose, with --without-walls."
        )
    failures = 0
    for stray in strays(folder):
        print(stray)
    for name in names:
        waiting = [student for student in students(folder) if _is_new(folder, name, student, again)]
        if not waiting:
            continue
        limits = canary(folder, name, walled, cell_seconds)
        highest = sum(task.points for task in course.tasks(course.source(folder, name)))
        for result in _each(waiting, at_once or os.cpu_count() or 1, folder, name, limits, walled):
            record(folder, result)
            failures += bool(result.not_graded)
            points = f"{sum(result.points.values()):g} of {highest:g}"
            what = f"NOT GRADED: {result.not_graded}" if result.not_graded else points
            print(f"{name}  {result.student}  {what}", flush=True)
    return failures


def _each(
    waiting: list[str], at_once: int, folder: Path, exercise: str, limits: Limits, walled: bool
) -> Iterator[Result]:
    """The result of each student, as it comes."""
    left = set(waiting)
    with ProcessPoolExecutor(at_once) as pool:
        running = [pool.submit(run_one, folder, exercise, student, limits, walled) for student in waiting]
        for done in as_completed(running):
            if not isinstance(done.exception(), BrokenProcessPool):
                left.remove(done.result().student)
                yield done.result()
    for student in sorted(left):  # the system has ended one process, and with it the pool: now one at a time
        with ProcessPoolExecutor(1) as pool:
            try:
                yield pool.submit(run_one, folder, exercise, student, limits, walled).result()
            except BrokenProcessPool:
                reason = "the system ended the process that graded it, probably for its memory"
                yield Result(student, exercise, fingerprint(folder, exercise, student), reason)


def strays(folder: Path) -> list[str]:
    """Files and folders in `submitted` that lie where nothing is looked for, in words."""
    names, top = course.exercises(folder), folder / "submitted"
    found = [path for path in top.iterdir() if not path.is_dir() or NOT_IN_NAMES.search(path.name)]
    for student in students(folder):
        found += [path for path in (top / student).iterdir() if not path.is_dir() or path.name not in names]
    return [
        f"not looked at: {path.relative_to(folder)}. A notebook belongs to submitted/NAME/EXERCISE, with "
        f"{names[0]} or the like as EXERCISE and none of * ? [ ] in NAME"
        for path in sorted(found)
        if not path.name.startswith(".")
    ]


def _is_new(folder: Path, exercise: str, student: str, again: bool) -> bool:
    if not (folder / "submitted" / student / exercise).is_dir():
        return False
    before = course.load_result(folder, exercise, student)
    return again or before is None or before.submission != fingerprint(folder, exercise, student)
