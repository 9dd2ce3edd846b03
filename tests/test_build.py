"""The builder: same source, same bytes; a small edit, a small difference; a failing cell changes nothing."""

from pathlib import Path

import build
import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

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
"""


def build_text(text: str, folder: Path, kind: str = "lessons") -> Path:
    source = folder / kind / "99_small.py"
    source.parent.mkdir(exist_ok=True)
    source.write_text(text.lstrip(), encoding="utf-8")
    build.build(source, folder / "notebooks")
    return folder / "notebooks"


def test_second_build_changes_no_byte_not_even_a_timing(tmp_path):
    notebook = build_text(LESSON, tmp_path) / "99_small.ipynb"
    first = notebook.read_bytes()
    build_text(LESSON, tmp_path)
    assert notebook.read_bytes() == first


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
    assert "return 2 * x" in solved.cells[0].source
    assert solved.cells[1].outputs[0].text == "solved\n"
    assert "return 2 * x" not in stub.cells[0].source and "raise NotImplementedError()" in stub.cells[0].source
    assert len(solved.cells) == len(stub.cells) == 2
    assert not stub.cells[1].outputs
    grading = stub.cells[1].metadata.nbgrader
    assert grading.points == 2 and grading.grade and grading.locked and grading.grade_id == "task-1-check"
