"""The builder: same source, same bytes; a small edit, a small difference; a failing cell changes nothing."""

import sys
from functools import cache
from pathlib import Path

import build
import dependencies
import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from small_lesson import build_text

LESSON = """
# %% [markdown]
# # A lesson

# %%
number = 6
print(number * 7)

# %% tags=["nbval-ignore-output"]
import time

time.perf_counter()

# %%
print("time passes: True")
"""
EXERCISE = """
# %% [markdown]
# # Exercises 99 · Small
#
# One task. Fill in the gap.

# %% tags=["answer"]
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% tags=["wrong"] expect="twice"
def double(x):
    return x

# %% tags=["check"] points=2
assert double(4) == 8, "give twice the number"
print("solved")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/99_small.ipynb), or go on with
# [lesson 00](../00_start_here.ipynb).
"""


def users(file: str) -> list[str]:
    """The sources whose notebooks an edit of `file` makes stale."""
    return [name for name, inputs in all_inputs().items() if build.ROOT / file in inputs]


@cache
def all_inputs() -> dict[str, set[Path]]:
    return {build.describe(source): {*build.inputs(source)} for source in build.sources()}


def test_second_build_changes_no_byte_not_even_a_timing(tmp_path):
    notebook = build_text(LESSON, tmp_path) / "99_small.ipynb"
    first = notebook.read_bytes()
    build_text(LESSON, tmp_path)
    assert notebook.read_bytes() == first


def test_solutions_do_not_look_like_exercises(tmp_path):
    notebooks = build_text(EXERCISE, tmp_path, "exercises")
    stub, solved = (nbformat.read(notebooks / name / "99_small.ipynb", 4) for name in ("exercises", "solutions"))
    assert stub.cells[0].source.startswith("# Exercises 99 · Small") and "Fill in" in stub.cells[0].source
    assert solved.cells[0].source.startswith("# Solutions 99 · Small") and "Fill in" not in solved.cells[0].source
    assert "[exercises 99](../exercises/99_small.ipynb)" in solved.cells[0].source
    assert solved.cells[-1].source == "Go on with\n[lesson 00](../00_start_here.ipynb)."


def test_small_edit_gives_a_small_difference_and_keeps_cell_ids(tmp_path):
    notebook = build_text(LESSON, tmp_path) / "99_small.ipynb"
    before = notebook.read_text().splitlines()
    build_text(LESSON.replace("number * 7", "number * 8"), tmp_path)
    after = notebook.read_text().splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    # the edited line, its output, the fingerprint of the inputs, and the timing, which is taken anew
    assert len(changed) == 4


def test_failing_cell_leaves_the_old_notebook_as_it_was(tmp_path):
    notebook = build_text(LESSON, tmp_path) / "99_small.ipynb"
    before = notebook.read_bytes()
    with pytest.raises(CellExecutionError):
        build_text(LESSON.replace("number * 7", "number / 0"), tmp_path)
    assert notebook.read_bytes() == before
    assert [path.name for path in notebook.parent.iterdir()] == ["99_small.ipynb"]


def test_exercise_becomes_a_solution_and_a_stub_and_keeps_its_wrong_answers_back(tmp_path):
    notebooks = build_text(EXERCISE, tmp_path, "exercises")
    solved = nbformat.read(notebooks / "solutions" / "99_small.ipynb", 4)
    stub = nbformat.read(notebooks / "exercises" / "99_small.ipynb", 4)
    assert "return 2 * x" in solved.cells[1].source
    assert solved.cells[2].outputs[0].text == "solved\n"
    assert "return 2 * x" not in stub.cells[1].source and "raise NotImplementedError()" in stub.cells[1].source
    assert len(solved.cells) == len(stub.cells) == 4
    assert not stub.cells[2].outputs
    grading = stub.cells[2].metadata.nbgrader
    assert grading.points == 2 and grading.grade and grading.locked and grading.grade_id == "task-1-check"


def test_an_edit_makes_stale_what_is_made_from_it_and_nothing_else():
    assert (
        users("course_utils/serving.py") == users("course_utils/templates/serving.html") == ["13_deployment_flask.py"]
    )
    assert users("course_utils/data/text.py") == [
        "12_text_classification_lstm.py",
        "exercises/12_text_classification_lstm.py",
    ]
    assert users("data/flowers/train.txt")[:2] == ["08_custom_dataset.py", "09_metrics_and_plots.py"]
    assert users("benchmarks/from_scratch.csv") == ["06_fine_tuning.py"]
    assert users("benchmarks/heat_maps.csv") == ["16_what_it_looked_at.py"]
    assert users("benchmarks/augmentations.csv") == ["15_faster_training.py"]
    assert users("benchmarks/time_to_accuracy.csv") == ["15_faster_training.py"]
    assert users("benchmarks/training_sizes.csv") == ["17_vision_transformer.py"]
    assert users("data/text/chinese_sentences.csv")[0] == "12_text_classification_lstm.py"
    assert users("tools/build.py") == users("course_utils/basics/course.py") == [*all_inputs()]


def test_what_systems_and_editors_leave_behind_changes_nothing(tmp_path):
    kept = [build.ROOT / name for name in ("data/flowers/train.txt", "data/flowers/images/image_00001.jpg")]
    strays = ["data/.DS_Store", "data/flowers/images/Thumbs.db", "data/flowers/.ipynb_checkpoints/train.txt",
              "data/README.md", "data/flowers/train.txt~", "course_utils/__pycache__/runs.cpython-311.pyc"]  # fmt: skip
    assert dependencies.tracked([*kept, *(build.ROOT / name for name in strays)]) == kept


def test_a_fingerprint_does_not_depend_on_where_the_clone_lies():
    assert not [path for path in set().union(*all_inputs().values()) if build.ROOT not in path.parents]


def test_folds_and_formatter_pragmas(tmp_path):
    text = LESSON.replace('# %%\nprint("time', '# %% tags=["fold"]\nprint("time').replace(
        "number * 7)", "number * 7)  # noqa: X1"
    )
    folded = nbformat.read(build_text(text, tmp_path) / "99_small.ipynb", 4).cells
    assert folded[-1].metadata.jupyter == {"source_hidden": True, "outputs_hidden": True}
    assert folded[1].source == "number = 6\nprint(number * 7)"
    check = nbformat.read(build_text(EXERCISE, tmp_path, "exercises") / "exercises" / "99_small.ipynb", 4).cells[2]
    assert check.metadata.jupyter == {"source_hidden": True}


def test_a_lesson_that_does_not_exist_is_not_built_without_a_word(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["build.py", "exercises/13"])
    with pytest.raises(SystemExit):
        build.main()
    assert "no lesson 'exercises/13'; 13 builds lesson 13 and its exercises" in capsys.readouterr().err
