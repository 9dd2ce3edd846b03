"""Grade what was handed in: every student in a process of her own, behind walls, none in the way of another."""

import multiprocessing
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path

from teaching import course, walls
from teaching.course import ClassroomError, Result
from teaching.one import Limits, canary, fingerprint, run_one

NOT_IN_NAMES = re.compile(r"[*?\[\]]")  # nbgrader would look for other names


def students(folder: Path) -> list[str]:
    """Names of those who have handed in anything."""
    found = (path.name for path in (folder / "submitted").iterdir() if path.is_dir())
    return sorted(name for name in found if not NOT_IN_NAMES.search(name))


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
    every = course.exercises(folder)
    names = [name for name in every if name.startswith(tuple(only) or "")]
    if not names:
        there = ", ".join(name.partition("_")[0] for name in every)
        raise ClassroomError(f"no exercise begins with {' or '.join(only)}; there are {there}")
    if walled and (reason := walls.why_not()):
        raise ClassroomError(
            f"What students wrote would run without walls: {reason}.\nIt could read and change all that you can, the "
            "marks of others included. Grade on Linux, or in a virtual machine or container that has nothing to "
            "lose, with --without-walls."
        )
    if walled and (shown := [path for path in walls.readable() if folder.resolve().is_relative_to(path)]):
        raise ClassroomError(f"{folder} lies in {shown[0]}, which student code must be able to read. Move it elsewhere")
    failures = 0
    for stray in strays(folder):
        print(stray)
    for name in names:
        waiting = [student for student in students(folder) if _is_new(folder, name, student, again)]
        if not waiting:
            continue
        print(f"{name}  first its solution, then {len(waiting)} to grade", flush=True)
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
    with _workers(at_once) as pool, suppress(BrokenProcessPool):
        running = [pool.submit(run_one, folder, exercise, student, limits, walled) for student in waiting]
        for done in as_completed(running):
            if not isinstance(done.exception(), BrokenProcessPool):
                left.remove(done.result().student)
                yield done.result()
    for student in sorted(left):  # the system has ended one process, and with it the pool: now one at a time
        with _workers(1) as pool:
            try:
                yield pool.submit(run_one, folder, exercise, student, limits, walled).result()
            except BrokenProcessPool:
                reason = "the system ended the process that graded it, probably for its memory"
                yield Result(student, exercise, fingerprint(folder, exercise, student), reason)


@contextmanager
def _workers(number: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that leave nothing behind when `grade` ends, be it stopped or killed: no kernel, no file."""
    with tempfile.TemporaryDirectory(prefix="g") as place:
        with ProcessPoolExecutor(number, initializer=_begin_worker, initargs=(place,)) as pool:
            try:
                yield pool
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for worker in multiprocessing.active_children():
                    worker.terminate()  # else each would finish what it is at, and who waits in line
                raise


def _begin_worker(place: str) -> None:
    """End at once when told to, and when `grade` is no more; keep temporary files in the folder `place`."""
    tempfile.tempdir = place
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)
    os._exit(1)


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
