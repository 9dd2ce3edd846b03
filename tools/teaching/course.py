"""The teacher's folder: an nbgrader course, and beside it what grading found out.

source/NN_name/NN_name.ipynb               with solutions, and with hidden tests where there are any
release/NN_name/NN_name.ipynb              what is handed out
submitted/STUDENT/NN_name/NN_name.ipynb    what comes back; never changed
executed/STUDENT/NN_name/NN_name.ipynb     the same, put in order and executed; nbgrader reads the points off it
results/NN_name/STUDENT.json               what was noticed on the way, see `Result`
mistakes.json                              name of exercise -> name of check -> names of typical mistakes
gradebook.db, autograded/, feedback/       as nbgrader keeps them
students.csv                               if you put it there: names, and what Moodle knows people by
moodle.csv, class.html                     what `report` writes
replaced/                                  what was there before somebody handed in again
"""

import importlib.util
import json
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import exercises as written
import nbformat
from build import LESSONS, NOTEBOOKS, ROOT, read_source
from nbformat import NotebookNode

from course_utils.basics.files import replacing

CONFIG = '''# Written by `python tools/classroom.py prepare`. nbgrader reads it when it is started in this folder.
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import CheckCellMetadata, ClearOutput, DeduplicateIds, OverwriteCells, OverwriteKernelspec


class KeepLastCopy(DeduplicateIds):
    """Of a copied cell the last one counts. nbgrader itself stops the whole run there (its issue 1083)."""

    def preprocess_cell(self, cell, resources, index):
        MetadataValidator().upgrade_cell_metadata(cell)
        cell, resources = super().preprocess_cell(cell, resources, index)
        if cell.metadata.get("nbgrader") == {}:
            del cell.metadata["nbgrader"]
        return cell, resources


c = get_config()
c.CourseDirectory.course_id = "pytorch"
c.Autograde.sanitize_preprocessors = [ClearOutput, KeepLastCopy, OverwriteKernelspec, OverwriteCells, CheckCellMetadata]
c.OverwriteCells.add_missing_cells = True
c.Execute.timeout = 120  # seconds a cell: the first one imports PyTorch, which takes long from a slow disk
'''


WHERE_TO_LOOK = re.compile(r"<summary>[^<]*where to look</summary>(.*?)</details>", re.DOTALL)


class ClassroomError(Exception):
    """What stops a command, in words for a teacher."""


@dataclass
class Result:
    """What became of one submission."""

    student: str
    exercise: str
    submission: str
    """fingerprint of the file that was graded"""
    not_graded: str = ""
    """the reason, in words; then there are no points"""
    notes: list[str] = field(default_factory=list)
    """what was repaired or went wrong, for student and teacher"""
    look_at: list[str] = field(default_factory=list)
    """what a teacher may want to look at"""
    points: dict[str, float] = field(default_factory=dict)
    """name of the check -> points"""
    messages: dict[str, str] = field(default_factory=dict)
    """name of each check that failed -> its message"""
    errors: dict[str, str] = field(default_factory=dict)
    """name of each check that failed -> kind of error, such as AssertionError"""

    def save(self, folder: Path) -> None:
        path = result_path(folder, self.exercise, self.student)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, "w") as file:
            json.dump(asdict(self), file, ensure_ascii=False, indent=1)


@dataclass(frozen=True)
class Task:
    """A task of an exercise, as its notebook shows it."""

    check: str
    """name of the check in nbgrader, such as task-1-check"""
    answer: str
    """name of the cell with the gap, such as task-1-answer"""
    title: str
    """such as "Task 1 · A network as a module" """
    points: float
    sections: list[str]
    """names of the sections of the lesson to which its hint points"""


def result_path(folder: Path, exercise: str, student: str) -> Path:
    return folder / "results" / exercise / f"{student}.json"


def load_result(folder: Path, exercise: str, student: str) -> Result | None:
    path = result_path(folder, exercise, student)
    return Result(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def exercises(folder: Path) -> list[str]:
    """Names of the exercises of a teacher's folder.

    Raises:
        ClassroomError: the folder has not been prepared
    """
    found = sorted(path.parent.name for path in folder.glob("source/*/*.ipynb"))
    if not found or not (folder / "gradebook.db").exists():
        raise ClassroomError(
            f"{folder} is no folder for a class. Make one with: python tools/classroom.py prepare FOLDER"
        )
    return found


def source(folder: Path, exercise: str) -> NotebookNode:
    return nbformat.read(folder / "source" / exercise / f"{exercise}.ipynb", 4)


def release(folder: Path, exercise: str) -> NotebookNode:
    return nbformat.read(folder / "release" / exercise / f"{exercise}.ipynb", 4)


def mark(cell: NotebookNode) -> dict[str, Any]:
    """nbgrader's metadata of a cell, empty where it has none."""
    return cell.metadata.get("nbgrader", {})


def tasks(notebook: NotebookNode) -> list[Task]:
    """The tasks of an exercise's notebook, in order."""
    found, text, answer = [], "", ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            text = cell.source
        if mark(cell).get("solution"):
            answer = mark(cell)["grade_id"]
        if mark(cell).get("grade"):
            title = re.sub(r" \(\d+ points?\)$", "", text.partition("\n")[0].removeprefix("## "))
            hint = WHERE_TO_LOOK.search(text)
            sections = re.findall(r"\*([^*]+)\*", hint[1]) if hint else []
            found.append(Task(mark(cell)["grade_id"], answer, title, mark(cell)["points"], sections))
    return found


def needs_nbgrader() -> None:
    """Raises: ClassroomError: nbgrader is not installed."""
    if importlib.util.find_spec("nbgrader") is None:
        raise ClassroomError(
            "nbgrader is not installed. Install it with: .venv/bin/python -m pip install -r requirements-dev.txt"
        )


def api(folder: Path, **settings: dict[str, Any]) -> Any:
    """nbgrader for the course in `folder`; `settings` are added to its configuration."""
    import nbgrader.apps
    from sqlalchemy.exc import SAWarning
    from traitlets.config import Config, PyFileConfigLoader

    warnings.filterwarnings("ignore", category=SAWarning)  # of nbgrader's own doing, and without effect
    programs = str(Path(sys.executable).parent)  # nbgrader calls alembic, which lies there
    if programs not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = programs + os.pathsep + os.environ["PATH"]
    config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    config.CourseDirectory.root = str(folder)
    config.merge(Config(settings))
    return nbgrader.apps.NbGraderAPI(config=config)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """`folder`, to be filled; what was written to it is taken away again if that fails.

    Raises:
        ClassroomError: it is not empty, or lies in the course
    """
    folder = folder.expanduser().absolute()
    if folder.resolve().is_relative_to(ROOT):
        raise ClassroomError(f"{folder} lies in the course itself. Choose a folder outside {ROOT}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ClassroomError(f"{folder} is not empty. Name a new folder; nothing has been changed")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def prepare(folder: Path, notebooks: Path = NOTEBOOKS, sources: Path = LESSONS / "exercises") -> None:
    """Make an nbgrader course of all exercises in `folder`, which must be empty or new.

    Args:
        notebooks: has the folder `exercises`, what learners get
        sources: what they were built from
    Raises:
        ClassroomError: nbgrader is missing, the folder is not empty, or a release is not what learners have
    """
    needs_nbgrader()
    stubs = sorted((notebooks / "exercises").glob("[0-9]*.ipynb"))
    with new_folder(folder) as folder:
        (folder / "submitted").mkdir()
        (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
        mistakes = {}
        for path in stubs:
            stub, source = nbformat.read(path, 4), sources / f"{path.stem}.py"
            _make_release(folder, path.stem, read_source(source), stub)
            wrong = [[expected for _, expected in task.wrong] for task in written.tasks(source)]
            mistakes[path.stem] = dict(zip([task.check for task in tasks(stub)], wrong, strict=True))
            print(f"{path.stem}  {sum(task.points for task in tasks(stub)):g} points", flush=True)
        (folder / "mistakes.json").write_text(json.dumps(mistakes, ensure_ascii=False, indent=1), encoding="utf-8")
    print(f"\nWhat comes back belongs in {folder / 'submitted'}. Now make what you hand out: classroom.py student COPY")


def _make_release(folder: Path, name: str, solved: NotebookNode, stub: NotebookNode) -> None:
    (folder / "source" / name).mkdir(parents=True)
    nbformat.write(solved, folder / "source" / name / f"{name}.ipynb")
    made = api(folder).generate_assignment(name)
    if not made["success"]:
        raise ClassroomError(f"nbgrader could not make the release of {name}:\n{made['log'][-2000:]}")
    if [cell.source for cell in release(folder, name).cells] != [cell.source for cell in stub.cells]:
        raise ClassroomError(
            f"the release of {name} is not the notebook in notebooks/exercises. Build both with: make notebooks"
        )
