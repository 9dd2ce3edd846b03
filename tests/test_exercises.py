"""Every exercise: its stub fails, its solution passes, and each wrong answer is caught with a message that names it.

An exercise (lessons/exercises/) is executed cell by cell. At each task the answer cell is tried in all variants,
each in a copy of the variables there were before it; the cells after it, up to and with the check, follow.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import build
import jupytext
import matplotlib
import pytest

ROOT = Path(__file__).resolve().parents[1]

matplotlib.use("Agg")
EXERCISES = sorted((ROOT / "lessons" / "exercises").glob("[0-9]*.py"))


@dataclass
class Task:
    """One gap of an exercise: the cells before it, the solved answer, wrong answers, the cells up to its check."""

    name: str
    before: list[str]
    answer: str
    wrong: list[tuple[str, str]] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


@cache
def tasks(source: Path) -> list[Task]:
    found: list[Task] = []
    loose: list[str] = []
    for cell in jupytext.read(source).cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type != "code":
            continue
        if "answer" in tags:
            found.append(Task(f"task {len(found) + 1}", loose, cell.source))
            loose = found[-1].after
        elif "wrong" in tags:
            found[-1].wrong.append((cell.source, cell.metadata["expect"]))
        else:
            loose.append(cell.source)
            if "check" in tags:
                loose = []
    return found


@cache
def variables_before(source: Path, number: int) -> dict:
    """Variables of the notebook just before the answer cell of task `number`, all earlier tasks solved."""
    if number == 0:
        variables = {"__name__": "__main__"}
    else:
        variables = dict(variables_before(source, number - 1))
        previous = tasks(source)[number - 1]
        run([previous.answer, *previous.after], variables)
    run(tasks(source)[number].before, variables)
    return variables


def run(cells: list[str], variables: dict) -> None:
    for cell in cells:
        exec(compile(cell, "<cell>", "exec"), variables)


def attempt(source: Path, number: int, answer: str) -> None:
    run([answer, *tasks(source)[number].after], dict(variables_before(source, number)))


every_task = pytest.mark.parametrize(
    "source, number",
    [
        pytest.param(source, number, id=f"{source.stem}-{task.name}")
        for source in EXERCISES
        for number, task in enumerate(tasks(source))
    ],
)


@every_task
def test_solution_passes(source, number):
    attempt(source, number, tasks(source)[number].answer)


@every_task
def test_stub_fails(source, number):
    stub = build.SOLUTION.sub(build.STUB, tasks(source)[number].answer)
    with pytest.raises(NotImplementedError):
        attempt(source, number, stub)


@every_task
def test_wrong_answers_are_named(source, number):
    for answer, expected in tasks(source)[number].wrong:
        with pytest.raises(AssertionError) as caught:
            attempt(source, number, answer)
        assert expected in str(caught.value), f"expected a message with {expected!r} for\n{answer}"


@pytest.mark.parametrize("source", EXERCISES, ids=lambda path: path.stem)
def test_complete(source):
    """At least four tasks, each with a solution, two wrong answers, a check with points, and a hint."""
    assert len(tasks(source)) >= 4
    for task in tasks(source):
        assert build.SOLUTION.search(task.answer), f"{task.name} has no ### BEGIN SOLUTION … ### END SOLUTION"
        assert len(task.wrong) >= 2, f"{task.name} needs at least two typical wrong answers"
        assert len({expected for _, expected in task.wrong}) == len(task.wrong), (
            f"{task.name}: same message expected twice"
        )
    notebook = build.read_source(source)
    checks = [cell for cell in notebook.cells if "check" in cell.metadata.get("tags", [])]
    assert [cell.metadata["nbgrader"]["points"] > 0 for cell in checks] == [True] * len(tasks(source))
    hints = sum(cell.source.count("<summary>Hint") for cell in notebook.cells if cell.cell_type == "markdown")
    assert hints >= len(tasks(source)), "every task needs a hint that folds open"


@pytest.mark.parametrize("source", EXERCISES, ids=lambda path: path.stem)
def test_nbgrader_reads_our_metadata_and_makes_the_same_stub(source):
    from nbgrader.nbgraderformat import MetadataValidator
    from nbgrader.preprocessors import ClearSolutions

    solved = build.read_source(source)
    MetadataValidator().validate_nb(solved)
    ours = [cell.source for cell in build.take_out_solutions(solved).cells]
    solved.metadata["language_info"] = {"name": "python"}
    theirs, _ = ClearSolutions().preprocess(solved, {})
    assert ours == [cell.source for cell in theirs.cells]
