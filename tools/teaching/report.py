"""What became of a class: a line a student, a table for Moodle, feedback, and the class in one picture."""

import datetime
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import nbformat
from build import NOTEBOOKS
from teaching import course
from teaching.course import Result, Task, mark
from teaching.grade import strays, students
from teaching.moodle import write_table
from teaching.one import OPEN, fingerprint

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
WAITING = "it waits to be graded"
NUMBER = re.compile(r"-?\d[\d.,e+-]*")  # messages that differ in numbers only tell the same mistake


@dataclass(frozen=True)
class Mistake:
    """What went wrong in a task, and how often."""

    name: str
    """part of the check's message by which it is known; empty for what has no name"""
    message: str
    """one whole message"""
    count: int


@dataclass
class TaskCount:
    """How a class did in one task."""

    task: Task
    solved: int = 0
    open: int = 0
    """gaps that nobody has filled"""
    lost: float = 0
    mistakes: list[Mistake] = field(default_factory=list)


@dataclass
class Exercise:
    """How a class did in one exercise."""

    name: str
    title: str
    lesson: str
    tasks: list[TaskCount]
    rows: list[list[str]]
    """for each graded student, best first, for each task: solved, open or wrong"""
    not_graded: int

    @property
    def highest(self) -> float:
        return sum(count.task.points for count in self.tasks)

    @property
    def mean(self) -> float:
        return self.highest - sum(count.lost for count in self.tasks) / max(1, len(self.rows))


def mistake_name(message: str, names: list[str]) -> str:
    """The name of the mistake that a check's message tells: the longest of `names` that is in it; empty if none is."""
    return max((name for name in names if name in message), key=len, default="")


def results(folder: Path, exercise: str) -> dict[str, Result]:
    """Student -> result of those who have handed in this exercise and were graded, or refused.

    Points are those of nbgrader's gradebook, where a teacher may have changed them.
    """
    from nbgrader.api import Gradebook, MissingEntry

    found = {}
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        for student in students(folder):
            result = course.load_result(folder, exercise, student)
            if not (folder / "submitted" / student / exercise).is_dir():
                continue
            if result is None:
                result = Result(student, exercise, "", WAITING)
            elif result.submission != fingerprint(folder, exercise, student):
                result.notes.insert(0, "handed in again since it was graded")
            if not result.not_graded:
                try:
                    handed_in = gradebook.find_submission_notebook(exercise, exercise, student)
                    result.points = {grade.name: grade.score for grade in handed_in.grades}
                except MissingEntry:
                    result.notes.append("not in gradebook.db any more; grade again")
            found[student] = result
    return found


def count(folder: Path, exercise: str, found: dict[str, Result]) -> Exercise:
    """Count what happened in an exercise."""
    names = json.loads((folder / "mistakes.json").read_text(encoding="utf-8"))[exercise]
    notebook = course.source(folder, exercise)
    graded = sorted((one for one in found.values() if not one.not_graded), key=lambda one: -sum(one.points.values()))
    counted = []
    for task in course.tasks(notebook):
        seen: Counter[tuple[str, str]] = Counter()
        examples: dict[tuple[str, str], str] = {}
        entry = TaskCount(task, solved=sum(task.check not in one.errors for one in graded))
        entry.lost = sum(task.points - one.points.get(task.check, 0) for one in graded)
        for one in graded:
            if one.errors.get(task.check) == OPEN:
                entry.open += 1
            elif task.check in one.errors:
                message = f"{one.errors[task.check]}: {one.messages[task.check]}".removeprefix("AssertionError: ")
                name = mistake_name(message, names[task.check])
                kind = (name, "" if name else NUMBER.sub("0", message))
                seen[kind] += 1
                examples.setdefault(kind, message)
        entry.mistakes = [Mistake(kind[0], examples[kind], number) for kind, number in seen.most_common()]
        counted.append(entry)
    rows = [[_state(one, entry.task) for entry in counted] for one in graded]
    title = notebook.cells[0].source.partition("\n")[0].removeprefix("# ")
    return Exercise(exercise, title, _lesson(exercise), counted, rows, len(found) - len(graded))


def _state(result: Result, task: Task) -> str:
    if task.check not in result.errors:
        return "solved"
    return "open" if result.errors[task.check] == OPEN else "wrong"


def _lesson(exercise: str) -> str:
    """The title of the lesson that an exercise belongs to."""
    path = NOTEBOOKS / f"{exercise}.ipynb"
    if not path.exists():
        return ""
    return nbformat.read(path, 4).cells[0].source.partition("\n")[0].removeprefix("# ")


def write_feedback(folder: Path, result: Result) -> None:
    """Write a student's page about an exercise, where nbgrader would put its own."""
    source = course.source(folder, result.exercise)
    answers = {}
    executed = folder / "executed" / result.student / result.exercise / f"{result.exercise}.ipynb"
    if not result.not_graded and executed.exists():
        cells = nbformat.read(executed, 4).cells
        answers = {mark(cell)["grade_id"]: cell.source for cell in cells if mark(cell).get("solution")}
    tasks = course.tasks(source)
    page = TEMPLATES.get_template("feedback.html").render(
        result=result,
        tasks=tasks,
        answers={task.check: answers.get(task.answer, "") for task in tasks},
        title=source.cells[0].source.partition("\n")[0].removeprefix("# "),
        open=OPEN,
        highest=sum(task.points for task in tasks),
    )
    place = folder / "feedback" / result.student / result.exercise / f"{result.exercise}.html"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(page, encoding="utf-8")


def line(result: Result, tasks: list[Task]) -> str:
    """What a teacher reads about one submission."""
    notes = f"  ({'; '.join(result.notes)})" if result.notes else ""
    notes += f"  LOOK AT {'; '.join(result.look_at)}" if result.look_at else ""
    if result.not_graded:
        return f"NOT GRADED: {result.not_graded}{notes}"
    points = " ".join(f"{result.points.get(task.check, 0):>3g}" for task in tasks)
    return f"{points}  {sum(result.points.values()):>4g}{notes}"


def report(folder: Path) -> None:
    """Print a line for each student and exercise; write moodle.csv, class.html and the pages in feedback/.

    Raises:
        ClassroomError: the folder is not prepared, or its students.csv lacks a column
    """
    course.needs_nbgrader()
    names, points, counted = course.exercises(folder), dict[str, dict[str, float]](), []
    for name in names:
        found = results(folder, name)
        if not found:
            continue
        tasks = course.tasks(course.source(folder, name))
        width = max(map(len, found))
        highest = sum(task.points for task in tasks)
        print(f"{name}, {highest:g} points: {' + '.join(f'{task.points:g}' for task in tasks)}")
        for student, result in found.items():
            print(f"  {student:{width}}  {line(result, tasks)}")
            own = points.setdefault(student, {})
            if not result.not_graded:
                own[name] = sum(result.points.values())
            if result.not_graded != WAITING:
                write_feedback(folder, result)
        print()
        counted.append(count(folder, name, found))
    for stray in strays(folder):
        print(stray)
    unknown = write_table(folder / "moodle.csv", folder, points, names)
    for student in unknown:
        print(f"not in students.csv: {student}")
    today = datetime.date.today().strftime("%d %B %Y")
    page = TEMPLATES.get_template("class.html").render(
        exercises=counted, again=show_again(counted), today=today, most=most_common(counted)
    )
    (folder / "class.html").write_text(page, encoding="utf-8")
    print(f"For Moodle: {folder / 'moodle.csv'}\nFor students: {folder / 'feedback'}")
    print(f"The class in one picture, without names: {folder / 'class.html'}")


def show_again(counted: list[Exercise], most: int = 3) -> list[tuple[Exercise, TaskCount]]:
    """The tasks that cost a class most points, the dearest first."""
    all_tasks = [(exercise, task) for exercise in counted for task in exercise.tasks if task.lost]
    return sorted(all_tasks, key=lambda pair: -pair[1].lost)[:most]


def most_common(counted: list[Exercise]) -> int:
    """How often the commonest mistake of all was made, at least 1."""
    return max((m.count for exercise in counted for task in exercise.tasks for m in task.mistakes), default=1)
