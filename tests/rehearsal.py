"""The classroom rehearsed on the whole course: `make rehearsal`, not part of `make test`, up to 15 minutes.

All exercises solved and untouched; on one of them everything that a class was ever seen to hand in, and a class drawn
from typical mistakes; and the copy for students, in which lesson 00 and a stub are executed.
"""

import os
import subprocess
import sys
from pathlib import Path

import build
import nbformat
import pytest
from a_class import Class, counted, drawn_class, rows
from teaching import course, report

TRIED_ON = "02_tensors_and_regression"
PROGRAM = build.ROOT / "tools" / "classroom.py"


def classroom(*arguments: object) -> str:
    """What the program prints."""
    command = [sys.executable, PROGRAM, *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("school") / "class"
    classroom("prepare", folder)
    return folder


def test_solved_is_all_and_untouched_is_nothing(folder):
    names = course.exercises(folder)
    assert names == sorted(path.stem for path in (build.LESSONS / "exercises").glob("[0-9]*.py"))
    for name in names:
        school = Class(folder, name)
        school.hand_in("Solved", school.solved())
        school.hand_in("Untouched", school.release)
    classroom("grade", folder)
    for name in names:
        tasks = course.tasks(course.source(folder, name))
        found = report.results(folder, name)
        assert found["Solved"].points == {task.check: task.points for task in tasks}, found["Solved"].messages
        assert sum(found["Untouched"].points.values()) == 0
        assert set(found["Untouched"].errors.values()) == {"NotImplementedError"}


def test_the_wrong_profile_grades_nobody(folder):
    school = Class(folder, "03_mnist_mlp")  # which in the profile "full" asks for all of MNIST
    school.hand_in("Solved", school.solved())
    command = [sys.executable, PROGRAM, "grade", folder, "--only", "03", "--again"]
    wrong = {**os.environ, "COURSE_PROFILE": "full", "COURSE_DATA_DIR": str(folder / "no data")}
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=wrong)
    assert done.returncode == 1 and "Solved" not in done.stdout
    assert "nobody has been graded" in done.stderr and "COURSE_PROFILE is full" in done.stderr


def test_everything_that_a_class_has_handed_in(folder):
    school = Class(folder, TRIED_ON)
    everything = list(rows())
    assert len(everything) > 40
    school.hand_in_rows(everything)
    classroom("grade", folder, "--only", TRIED_ON[:2], "--seconds", 30)
    wrong = {row.student: row.complaints(school) for row in everything}
    assert not {student: complaints for student, complaints in wrong.items() if complaints}
    printed = classroom("report", folder).partition(f"{TRIED_ON}, ")[2].partition("\n\n")[0]
    assert all(printed.count(f"\n  {row.student}  ") == 1 for row in everything)


def test_the_page_recovers_a_class_exactly(folder):
    school = Class(folder, TRIED_ON)
    drawn = drawn_class(school, size=20, seed=2)
    classroom("grade", folder, "--only", TRIED_ON[:2])
    found = {name: one for name, one in report.results(folder, TRIED_ON).items() if name.startswith("Drawn")}
    assert len(found) == 20 and not [one.not_graded for one in found.values() if one.not_graded]
    assert counted(report.count(folder, TRIED_ON, found)) == drawn


@pytest.mark.parametrize("name", ["00_start_here.ipynb", "exercises/03_mnist_mlp.ipynb"])
def test_the_copy_for_students_runs(tmp_path, name):
    classroom("student", tmp_path / "course")
    path = tmp_path / "course" / "notebooks" / name
    run = "from nbclient import NotebookClient; import nbformat, sys; book = nbformat.read(sys.argv[1], 4); "
    run += "NotebookClient(book, timeout=300, allow_errors=True).execute(); nbformat.write(book, sys.argv[1])"
    environment = {"PYTHONPATH": str(tmp_path / "course"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", run, path], cwd=path.parent, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    failed = [cell for cell in cells if any(output.output_type == "error" for output in cell.outputs)]
    if "exercises" in name:
        kinds = {output.ename for cell in failed for output in cell.outputs if output.output_type == "error"}
        assert cells[0] not in failed and kinds <= {"NotImplementedError", "NameError"}
    else:
        assert [cell for cell in cells if "raises-exception" in cell.metadata.get("tags", [])] == failed
