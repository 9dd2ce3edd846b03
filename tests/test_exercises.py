"""Every exercise: its stub fails, other right answers pass, and each wrong one is caught with a message that names it.

An exercise (lessons/exercises/) is executed cell by cell. At each task the answer cell is tried in all variants,
each in a copy of the variables there were before it; the cells after it, up to and with the check, follow. That the
solutions themselves pass is tested where their notebooks are executed.
"""

from functools import cache
from pathlib import Path

import build
import matplotlib
import pytest
from exercises import edited, tasks

ROOT = Path(__file__).resolve().parents[1]

matplotlib.use("Agg")
EXERCISES = sorted((ROOT / "lessons" / "exercises").glob("[0-9]*.py"))


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
def test_right_answers_pass(source, number):
    for answer in tasks(source)[number].right:
        try:
            attempt(source, number, answer)
        except Exception as error:
            raise AssertionError(f"a right answer is refused: {error!r}\n{answer}") from error


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
    """At least four tasks, each with a solution, two other right and two wrong answers, a check with points, a hint."""
    assert len(tasks(source)) >= 4
    for task in tasks(source):
        assert build.SOLUTION.search(task.answer), f"{task.name} has no ### BEGIN SOLUTION … ### END SOLUTION"
        assert len(task.right) >= 2, f"{task.name} needs at least two other right answers"
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


ANSWER = "def double(number):\n    result = number + number\n    return result"


@pytest.mark.parametrize(
    "edit, result",
    [
        ("# - number + number\n# + 3 * number", "def double(number):\n    result = 3 * number\n    return result"),
        ("# - return\n# + yield\n# - + number", "def double(number):\n    result = number \n    yield result"),
        (
            "# -     result = number + number\n# -     return result\n# +     print(number)\n# +\n# +     pass",
            "def double(number):\n    print(number)\n\n    pass",
        ),
        ("def double(n):\n    return n", "def double(n):\n    return n"),
    ],
    ids=["part of a line", "two replacements", "several lines", "whole cell"],
)
def test_an_edit_is_applied(edit, result):
    assert edited(ANSWER, edit, Path("source.py"), 1) == result


@pytest.mark.parametrize(
    "edit, message",
    [
        ("# - number * number\n# + 0", r"source.py:7: this occurs 0 times in the answer cell.*\nnumber \* number$"),
        ("# - return\n# + print\n# - result", r"source.py:9: this occurs 2 times in the answer cell.*\nresult$"),
        ("# + return 0", r"source.py:7: an edit begins with the text to be replaced.*\nreturn 0$"),
        ("# - return\nreturn 0", r"source.py:8: every line of an edit begins with '# - ' or '# \+ '"),
        ("# - number + number\n# + 1\n# - result = number\n# + 2", r"two replacements overlap.*\n1$"),
    ],
    ids=["not there", "twice", "nothing to replace", "no comment", "overlap"],
)
def test_an_edit_that_does_not_fit_is_refused(edit, message):
    with pytest.raises(ValueError, match=message):
        edited(ANSWER, edit, Path("source.py"), 7)
