"""What a teacher does with a class, on an exercise so small that a submission is graded in a second.

The whole course and every way to spoil a submission are for the rehearsal: `make rehearsal`.
"""

import contextlib
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import a_class
import build
import classroom
import nbformat
import needs
import pytest
from a_class import Class, counted, drawn_class, moodle_zip, rows, spy, tiny_course
from teaching import copies, course, gaps, grade, moodle, report, walls
from teaching.course import ClassroomError, Result, prepare
from teaching.submissions import suspicions

NAME = "90_counting"
WALLED = not walls.why_not()
NASTIEST = [
    "Aurélie Öztürk",
    "Blank",
    "Blinds the checks",
    "Copied check",
    "Crash",
    "Strips all metadata",
    "Syntax error",
    "Byte-order mark",
    "Cut off",
]


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    notebooks, sources = tiny_course(folder)
    prepare(folder / "class", notebooks, sources)
    return Class(folder / "class", NAME, sources)


@pytest.fixture(scope="module")
def graded(school):
    """A class that has been graded: rows, and what those drawn did."""
    chosen = [row for row in rows() if row.student in NASTIEST]
    assert len(chosen) == len(NASTIEST)
    school.hand_in_rows(chosen)
    drawn = drawn_class(school, size=6, seed=1)
    grade.grade(school.folder, walled=WALLED)
    return chosen, drawn


def test_a_release_is_the_stub(school):
    stub = nbformat.read(school.folder.parent / "notebooks" / "exercises" / f"{NAME}.ipynb", 4)
    assert [cell.source for cell in school.release.cells] == [cell.source for cell in stub.cells]
    assert course.tasks(stub)[0].title == "Task 1 · Twice"
    assert course.tasks(stub)[0].sections == ["Adding numbers"]


def test_each_gets_what_she_has_earned(school, graded):
    chosen, _ = graded
    wrong = {row.student: row.complaints(school) for row in chosen}
    assert not {student: complaints for student, complaints in wrong.items() if complaints}


def test_the_page_counts_the_mistakes_that_were_made(school, graded):
    _, drawn = graded
    found = {student: one for student, one in report.results(school.folder, NAME).items() if "Drawn" in student}
    assert len(found) == 6
    assert counted(report.count(school.folder, NAME, found)) == drawn


def test_report(school, graded, capsys):
    (school.folder / "students.csv").write_text(
        "student,Email address\nAurélie Öztürk,ao@example.org\nNever There,nt@example.org\n", encoding="utf-8"
    )
    report.report(school.folder)
    lines = capsys.readouterr().out.splitlines()
    assert any(re.fullmatch(r"  Aurélie Öztürk +2   3   1 +6", line) for line in lines)
    assert any(re.search(r"Cut off +NOT GRADED: the file is cut off or damaged", line) for line in lines)
    assert "not in students.csv: Blank" in lines

    with (school.folder / "moodle.csv").open(encoding="utf-8-sig", newline="") as file:
        table = {row["student"]: row for row in csv.DictReader(file)}
    assert table["Aurélie Öztürk"] == {"student": "Aurélie Öztürk", "Email address": "ao@example.org", NAME: "6"}
    assert [table[student][NAME] for student in ["Blank", "Cut off", "Never There"]] == ["0", "", ""]

    page = (school.folder / "class.html").read_text(encoding="utf-8")
    assert "Show again tomorrow" in page and "Drawn" not in page and "http" not in page
    feedback = (school.folder / "feedback" / "Blank" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    assert "✗</span> Task 2 · The largest" in feedback and "The gap is empty." in feedback and 'href="h' not in feedback
    refused = (school.folder / "feedback" / "Cut off" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    assert "cut off or damaged" in refused and "This is not a zero" in refused


def test_only_what_is_new_is_graded_again(school, graded, capsys):
    row = graded[0][0]
    school.hand_in(row.student, school.leave_open(school.solved(), 3))
    grade.grade(school.folder, walled=WALLED)
    told = [f"{NAME}  first its solution, then 1 to grade", f"{NAME}  {row.student}  5 of 6"]
    assert capsys.readouterr().out.splitlines() == told
    school.hand_in(row.student, school.solved())
    assert report.results(school.folder, NAME)[row.student].notes == ["handed in again since it was graded"]


@needs.namespaces
def test_student_code_reaches_nothing_that_is_not_its_own(school, tmp_path):
    """Files of teacher, course and other students, other processes, the network: tried from an answer."""
    assert not walls.why_not()
    in_class = [path for path in school.folder.rglob("*") if path.is_file()]
    hidden = [
        "lessons",
        "lessons/exercises/03_mnist_mlp.py",
        "notebooks/solutions",
        "tests",
        "tools",
        ".git",
        "README.md",
    ]
    shown = [build.ROOT, build.ROOT / "course_utils", build.ROOT / "data", Path("/usr"), Path(sys.prefix)]
    secret = tmp_path / "secret"
    secret.write_text("mine")
    targets = [school.folder, *in_class, *[build.ROOT / name for name in hidden], secret, *shown]
    before = {path: path.read_bytes() for path in [*in_class, build.ROOT / "README.md", secret]}
    school.hand_in(
        "Spy", school.fill(school.solved(), 1, spy([*targets, Path.home() / ".bashrc", Path("/etc/shadow")]))
    )
    result = grade.run_one(school.folder, NAME, "Spy", grade.Limits(60, 600, frozenset()), walled=True)
    assert result.messages["task-1-check"].splitlines() == [str(path) for path in shown]
    assert before == {path: path.read_bytes() for path in before}
    assert not [path for folder in {path.parent for path in targets} for path in folder.glob("spied")]


def test_what_takes_the_place_of_what_checks_use_is_told(school):
    code = "%env X=1\nimport random\nrandom.randint = lambda *limits: 5\nprint = None\n\ndef own():\n    isinstance = 3"
    book = school.solved()
    book.cells.insert(1, nbformat.v4.new_code_cell(code))
    assert suspicions(book, school.source) == ["cell 2: replaces print, replaces random.randint"]
    assert suspicions(school.solved(), school.source) == []


def test_a_system_without_walls_grades_if_told_to(school):
    school.hand_in("Trusted", school.leave_open(school.solved(), 2))
    result = grade.run_one(school.folder, NAME, "Trusted", grade.Limits(60, 600, frozenset()), walled=False)
    assert (result.not_graded, result.errors) == ("", {"task-2-check": "NotImplementedError"})


def ended_for_one(folder: Path, exercise: str, student: str, limits: grade.Limits, walled: bool) -> Result:
    if student == "Ended":
        os.kill(os.getpid(), signal.SIGTERM)
    return Result(student, exercise, "")


def test_a_process_that_the_system_ends_costs_one_student(school, monkeypatch):
    for student in ("Before", "Ended", "Then"):
        school.hand_in(student, school.solved())

    monkeypatch.setattr(grade, "run_one", ended_for_one)
    students = ["Before", "Ended", "Then"]
    found = grade._each(students, 2, school.folder, NAME, grade.Limits(1, 1, frozenset()), WALLED)
    reasons = {result.student: result.not_graded for result in found}
    assert reasons == {"Before": "", "Ended": reasons["Ended"], "Then": ""} and "the system ended" in reasons["Ended"]


def processes_of(place: str) -> list[str]:
    """Command lines in which the folder `place` is named."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_text("utf-8", errors="replace"))
    return [line for line in found if place in line]


def wait_for(what: Callable[[], bool], seconds: float = 300) -> None:
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < seconds, "this did not happen in time"
        time.sleep(0.05)


@needs.namespaces
@pytest.mark.parametrize("kind", ["SIGTERM", "SIGKILL"])
def test_grading_that_is_ended_halfway_leaves_nothing_behind(school, kind):
    school.hand_in("Loop", school.fill(school.solved(), 1, "while True:\n    pass"))
    with tempfile.TemporaryDirectory(prefix="t") as place:  # not tmp_path: names of sockets may have 107 characters
        program = [sys.executable, build.ROOT / "tools" / "classroom.py", "grade", school.folder]
        environment = {**os.environ, "TMPDIR": place}
        started = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        wait_for(lambda: bool(processes_of(f"{place}/g")))  # where the kernels of students lie
        started.send_signal(getattr(signal, kind))
        told = started.communicate(timeout=300)[1]
        wait_for(lambda: not processes_of(place) and not os.listdir(place))
    assert kind == "SIGKILL" or (started.returncode, "Who has been graded stays so" in told) == (130, True)
    shutil.rmtree(school.folder / "submitted" / "Loop")


def test_what_lies_in_the_wrong_place_is_told(school):
    wrong = [
        school.folder / "submitted" / name for name in ("x.ipynb", "Anna/03.ipynb", "Anna/other/x.ipynb", "B[1]/x")
    ]
    for path in wrong:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    told = grade.strays(school.folder)
    places = [line.split(". ")[0].removeprefix("not looked at: submitted/") for line in told]
    assert places == ["Anna/03.ipynb", "Anna/other", "B[1]", "x.ipynb"]
    assert "B[1]" not in grade.students(school.folder)
    wrong[0].unlink()
    for name in ("Anna", "B[1]"):
        shutil.rmtree(school.folder / "submitted" / name)


def test_without_walls_nobody_is_graded(school, monkeypatch):
    monkeypatch.setattr(walls, "why_not", lambda: "no namespaces here")
    with pytest.raises(ClassroomError, match="without walls: no namespaces here.*\n.*--without-walls"):
        grade.grade(school.folder)


def test_a_solved_notebook_that_fails_stops_the_grading(school, monkeypatch):
    source = course.source(school.folder, NAME)
    a_class.cell_named(source, "task-2-check").source = "assert 1 == 2, 'the set-up is wrong'"
    monkeypatch.setattr(course, "source", lambda folder, exercise: source)
    with pytest.raises(
        ClassroomError, match="nobody has been graded[\\s\\S]*COURSE_PROFILE[\\s\\S]*the set-up is wrong"
    ):
        grade.canary(school.folder, NAME, WALLED, None)


def test_prepare_refuses_what_is_not_empty(school, tmp_path, monkeypatch, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.setattr(sys, "argv", ["classroom.py", "prepare", str(tmp_path)])
    assert classroom.main() == 1
    assert "is not empty. Name a new folder; nothing has been changed" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(ClassroomError, match="lies in the course itself"):
        prepare(build.ROOT / "class")
    with pytest.raises(ClassroomError, match="is no folder for a class. Make one with"):
        grade.grade(tmp_path)
    with pytest.raises(ClassroomError, match="no exercise begins with 7; there are 90"):
        grade.grade(school.folder, only=["7"])


def test_nbgrader_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(course.importlib.util, "find_spec", lambda name: None)
    for command in (prepare, copies.student_copy):
        with pytest.raises(ClassroomError, match="nbgrader is not installed. Install it with: .*requirements-dev.txt"):
            command(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_zip_of_moodle_is_sorted_in(school, tmp_path, capsys):
    solved = json.dumps(school.solved())
    files = {
        "Aïcha Müller-Lüdenscheid_123_assignsubmission_file/90_counting (1).ipynb": solved,
        "Bo Li_7_assignsubmission_file_final FINAL.ipynb": solved,
        "Bo Li_8_assignsubmission_file_90_counting.ipynb": "cut off",
        "Cem Öz_9_assignsubmission_onlinetext/onlinetext.html": "<p>Here it is",
        "Dora D_10_assignsubmission_file/x.ipynb": json.dumps(nbformat.v4.new_notebook()),
        "Eve_11_assignsubmission_file/../../../../evil.ipynb": solved,
    }
    moodle.collect(moodle_zip(tmp_path / "all.zip", files), school.folder)
    printed = capsys.readouterr().out
    submitted = school.folder / "submitted"
    assert (submitted / "Aïcha Müller-Lüdenscheid" / NAME / "90_counting (1).ipynb").read_text("utf-8") == solved
    assert (submitted / "Bo Li 7" / NAME / "final FINAL.ipynb").exists()
    assert (submitted / "Bo Li 8" / NAME / f"{NAME}.ipynb").read_text() == "cut off"
    assert (submitted / "Eve" / NAME / "evil.ipynb").exists()
    assert "onlinetext.html: no notebook" in printed and "x.ipynb: no cell in it belongs" in printed
    assert "4 of 6 files sorted in" in printed

    again = {"Eve_11_assignsubmission_file/evil.ipynb": solved + "\n"}
    moodle.collect(moodle_zip(tmp_path / "again.zip", again), school.folder)
    assert (school.folder / "replaced" / "Eve" / NAME / "evil 1.ipynb").read_text("utf-8") == solved
    for text, message in [({"a.txt": "x"}, "is not what Moodle's"), (None, "cannot be read as a ZIP file")]:
        path = tmp_path / "other.zip"
        moodle_zip(path, text) if text else path.write_bytes(b"no zip")
        with pytest.raises(ClassroomError, match=message):
            moodle.collect(path, school.folder)


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy") / "course"
    copies.student_copy(folder)
    return folder


def test_the_copy_for_students_holds_no_solutions(student):
    assert copies.solutions_in(student) == []
    top = {path.name for path in student.iterdir()}
    assert not top & {"lessons", "tests", "tools", ".git", ".ci", ".github", "TEACHING.md", "requirements-dev.txt"}
    assert not [
        path
        for path in student.rglob("*")
        if path.name == "solutions" or (path.suffix == ".py" and "exercises" in path.parts)
    ]
    stub = nbformat.read(student / "notebooks" / "exercises" / "03_mnist_mlp.ipynb", 4)
    checks = [cell for cell in stub.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    assert checks and not any(cell.metadata.deletable or cell.metadata.editable for cell in checks)


def test_a_solution_in_a_copy_is_found(student, tmp_path):
    place = tmp_path / "notebooks" / "exercises"
    place.mkdir(parents=True)
    for path in (student / "notebooks" / "exercises").glob("*.ipynb"):
        (place / path.name).write_bytes(path.read_bytes())
    solved = build.NOTEBOOKS / "solutions" / "03_mnist_mlp.ipynb"
    (place / solved.name).write_bytes(solved.read_bytes())
    assert any("BEGIN SOLUTION" in found for found in copies.solutions_in(tmp_path))


def test_the_copy_for_students_has_no_dead_link(student):
    dead = []
    for path in [*student.rglob("*.md"), *student.rglob("*.ipynb")]:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text = "\n\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")
        assert copies.without_dead_links(text, path.parent) == text, path
        dead += [
            f"{path}: {target}"
            for target in re.findall(r"\]\((?!\w+:|#)([^)\s#]+)", text)
            if not (path.parent / target).exists()
        ]
        assert "`solutions`" not in text
    assert not dead


def test_dead_links_leave_sentences_that_read_well(tmp_path):
    (tmp_path / "there.md").touch()
    text = (
        "Hints fold open. The folder `solutions` holds every\nexercise solved. Try first.\n\n"
        "Done? [Compare with the solutions](../solutions/01.ipynb), or go on with\n[there](there.md).\n\n"
        "Take them in order. [Solutions](solutions) lie beside them. See [this](gone.md#part), [web](https://a.b).\n\n"
        "[A](gone.md) · [B](there.md) ·\n[C](gone.md) · [D](there.md): E\n"
    )
    assert copies.without_dead_links(text, tmp_path) == (
        "Hints fold open. Try first.\n\nDone? Go on with\n[there](there.md).\n\nTake them in order.  See this, [web](https://a.b).\n\n"
        "[B](there.md) ·\n[D](there.md): E\n"
    )


def test_lessons_with_gaps_are_the_lessons_when_filled(tmp_path):
    lines = left_out = 0
    for path in sorted(build.NOTEBOOKS.glob("[0-9]*.ipynb")):
        lesson, typed = nbformat.read(path, 4), nbformat.read(path, 4)
        removed = gaps.make_gaps(typed)
        nbformat.validate(typed)
        assert len(removed) >= 8, path.name
        assert all(gaps.GAP.search(typed.cells[index].source) for index in removed)
        for index, text in removed.items():
            typed.cells[index].source = gaps.filled(typed.cells[index].source, text)
        assert [cell.source for cell in typed.cells] == [cell.source for cell in lesson.cells]
        lines += sum(len(cell.source.splitlines()) for cell in lesson.cells if cell.cell_type == "code")
        left_out += sum(len(text.splitlines()) for text in removed.values())
    assert 0.1 < left_out / lines < 0.25


@pytest.mark.parametrize(
    "code, gapped",
    [
        ("import os\na = 1\nb = 2  # two", "import os\na = 1\n# ✎ type 1 line here"),
        ("print(\n    1,\n)", "# ✎ type 3 lines here"),
        (
            "def f(x):\n    y = x\n    y += 1\n    y += 2\n    return y\n\n# end",
            "def f(x):\n    y = x\n    y += 1\n    y += 2\n    # ✎ type 1 line here\n\n# end",
        ),
        (
            "for i in range(3):\n    print(\n        1,\n        2,\n        3,\n    )",
            "for i in range(3):\n    # ✎ type 5 lines here\n    ...",
        ),
        ("import os", None),
        ("%matplotlib inline\nx = 1", None),
        ("a = 1; b = 2", None),
        ("# nothing", None),
    ],
)
def test_a_gap_is_the_last_statement(code, gapped):
    made = gaps.with_gap(code)
    assert (made[0] if made else None) == gapped
    assert made is None or gaps.filled(*made) == code


def test_the_longest_name_in_a_message_is_its_mistake():
    names = ["a sum", "not a sum but a mean", "zero"]
    assert report.mistake_name("this is not a sum but a mean", names) == "not a sum but a mean"
    assert report.mistake_name("nothing of that kind", names) == ""


def test_a_result_survives_being_saved(tmp_path):
    result = Result("Ö", NAME, "1f", notes=["…"], points={"task-1-check": 2.0}, messages={"a": "b"}, errors={"a": "c"})
    result.save(tmp_path)
    assert course.load_result(tmp_path, NAME, "Ö") == result
