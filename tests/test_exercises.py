"""Every exercise: its stub fails, other right answers pass, and each wrong one is caught with a message that names it.

An exercise (lessons/exercises/) is executed cell by cell. At each task the answer cell is tried in all variants,
each in a copy of the variables there were before it; the cells after it, up to and with the check, follow. That the
solutions themselves pass is tested where their notebooks are executed.
"""

import contextlib
import functools
import inspect
import io
import re
from collections import Counter
from pathlib import Path

import build
import matplotlib
import matplotlib.pyplot as plt
import mutants
import needs
import pytest
from exercises import ANSWER, attempt, edited, run, tasks, variables_before

ROOT = Path(__file__).resolve().parents[1]

matplotlib.use("Agg")
EXERCISES = sorted((ROOT / "lessons" / "exercises").glob("[0-9]*.py"))
STEPS = ["Hint 1: a question", "Hint 2: where to look", "Hint 3: another example"]
FRAMES = {"super().__init__()", "with torch.inference_mode():", "with torch.no_grad():"}  # the same in every program
NO_CONSTANTS = {  # the answer is a training, a network, a drawing or an app, its result as good the second time
    "03 task 5",
    "10 task 2",
    "12 task 4",
    "13 task 2",
    "04 task 5",
}

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
    """At least four tasks, each with a solution, three other right and two wrong answers, a check with points."""
    assert len(tasks(source)) >= 4
    for task in tasks(source):
        assert build.SOLUTION.search(task.answer), f"{task.name} has no ### BEGIN SOLUTION … ### END SOLUTION"
        assert len(task.right) >= 3, f"{task.name} needs at least three other right answers"
        assert len(task.wrong) >= 2, f"{task.name} needs at least two typical wrong answers"
        assert len({expected for _, expected in task.wrong}) == len(task.wrong), (
            f"{task.name}: same message expected twice"
        )
    notebook = build.read_source(source)
    checks = [cell for cell in notebook.cells if "check" in cell.metadata.get("tags", [])]
    assert [cell.metadata["nbgrader"]["points"] > 0 for cell in checks] == [True] * len(tasks(source))


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


def hints(source: Path) -> list[list[str]]:
    """The texts of the folded hints of each task."""
    texts = [cell.source for cell in build.read_source(source).cells if cell.cell_type == "markdown"]
    folds = [re.findall(r"<details><summary>(Hint.*?)</summary>(.*?)</details>", text, re.DOTALL) for text in texts]
    assert [[name for name, _ in fold] for fold in folds if fold] == [STEPS] * len(tasks(source))
    return [[text for _, text in fold] for fold in folds if fold]


@pytest.mark.parametrize("source", EXERCISES, ids=lambda path: path.stem)
def test_hints_ask_then_point_into_the_lesson_then_show_another_example(source):
    lesson = next((ROOT / "lessons").glob(f"{source.stem}.py")).read_text(encoding="utf-8")
    for number, (question, place, example) in enumerate(hints(source)):
        assert "?" in question, f"task {number + 1}: the first hint asks"
        sections = re.findall(r"\*([^*]+)\*", place)
        assert sections and all(f"# {section}\n" in lesson for section in sections), (
            f"task {number + 1}: the second hint names sections of the lesson in *italics*: {sections}"
        )
        code = "\n".join(re.findall(r"```python\n(.*?)```", example, re.DOTALL))
        assert code, f"task {number + 1}: the third hint shows a worked example of something similar"
        with contextlib.redirect_stdout(io.StringIO()):
            run([code], dict(variables_before(source, number)))
        plt.close("all")
        lines = {line.strip() for line in build.SOLUTION.search(tasks(source)[number].answer)[0].splitlines()}
        shown = {line.strip() for hint in (question, place, example) for line in hint.splitlines()}
        shown |= {code.strip() for hint in (question, place, example) for code in re.findall(r"`([^`\n]+)`", hint)}
        given_away = {line for line in lines & shown if re.search(r"\w\W+\w", line) and line not in FRAMES}
        assert not given_away, f"task {number + 1}: a hint shows a line of the solution: {given_away}"


@every_task
def test_a_check_stands_on_its_own_and_constants_do_not_pass(source, number, monkeypatch):
    """The results of one run of the check, played again in the next one, whose inputs are other ones, are refused."""
    task = tasks(source)[number]
    variables = dict(variables_before(source, number, locked=True))
    run([task.answer], variables, ANSWER)
    functions = {
        name: value for name, value in variables.items()
        if inspect.isfunction(value) and value.__code__.co_filename == ANSWER
    }  # fmt: skip
    results: dict[str, list] = {name: [] for name in functions}

    def recorder(name):
        @functools.wraps(functions[name])
        def record(*arguments, **settings):
            results[name].append(functions[name](*arguments, **settings))
            return results[name][-1]

        return record

    def player(name):
        played = iter(results[name])

        @functools.wraps(functions[name])
        def play(*arguments, **settings):
            return next(played)

        return play

    monkeypatch.setenv("COURSE_CHECK_SEED", "1")
    run([task.after[-1]], dict(variables) | {name: recorder(name) for name in functions})
    if f"{source.name[:2]} task {number + 1}" in NO_CONSTANTS or not any(results.values()):
        return
    monkeypatch.setenv("COURSE_CHECK_SEED", "2")
    with pytest.raises((AssertionError, StopIteration)) as caught:
        run([task.after[-1]], dict(variables) | {name: player(name) for name in functions})
    assert caught.type is AssertionError and str(caught.value), "no message"


@needs.fork
@pytest.mark.parametrize("source", EXERCISES, ids=lambda path: path.stem)
def test_a_sample_of_small_changes_is_noticed(source):
    """Of the mutants, which `make mutants` tries all. Mistakes that training alone would show take too long here."""
    chosen = mutants.sample(source, 4, seed=0)
    told = [outcome for outcome in mutants.outcomes(source, chosen) if outcome.kind in ("missed", "bare")]
    count = Counter(outcome.kind for outcome in told)
    assert count["missed"] == 0 and count["bare"] <= 1, [(one.kind, one.mutant.name, one.told) for one in told]


EXAMPLE = "def double(number):\n    result = number + number\n    return result"


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
    assert edited(EXAMPLE, edit, Path("source.py"), 1) == result


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
        edited(EXAMPLE, edit, Path("source.py"), 7)
