"""*Try it* boxes: each holds one short block, and builder and tests execute them after the last cell of a lesson."""

from pathlib import Path

import build
import nbformat
import proofs
import pytest
import try_it
from small_lesson import build_text

ROOT = Path(__file__).resolve().parents[1]
LESSONS = [source for source in build.sources() if not build.is_exercise(source)]
LESSON = """
# %%
number = 6
print(number * 7)

# %% [markdown]
# **Try it.** Take another number.
# <details><summary>What we saw</summary>
#
# ```python
# BLOCK
# ```
#
# A larger one.
#
# </details>

# %% [markdown]
# **Try it.** And once more.
# <details><summary>What we saw</summary>
#
# ```python
# assert number == 8
# import matplotlib.pyplot as plt
# plt.plot([1, 2])
# ```
#
# </details>

# %%
print(number)
"""


def build_lesson(folder: Path, block: str) -> Path:
    return build_text(LESSON.replace("BLOCK", block), folder) / "99_small.ipynb"


@pytest.mark.parametrize("source", LESSONS, ids=lambda path: path.stem)
def test_boxes_are_in_order_and_rarely_alone(source):
    """That their blocks run is tested where the lesson's notebook is executed: conftest.py adds an item for each."""
    assert len(try_it.blocks(build.read_source(source))) != 1, "a reader has something to try every two screens"


def test_boxes_run_after_the_last_cell_in_the_order_of_the_page_and_leave_no_trace(tmp_path):
    cells = nbformat.read(build_lesson(tmp_path, "number = 8"), 4).cells
    assert [cell.execution_count for cell in cells if cell.cell_type == "code"] == [1, 2]
    assert cells[-1].outputs[0].text == "6\n" and len(cells[-1].outputs) == 1


@pytest.mark.parametrize(
    ("block", "failure"),
    [("nmuber * 8", "NameError: name 'nmuber' is not defined"), ("number =", "SyntaxError"), ("number = 9", "Assert")],
)
def test_a_false_box_fails_the_build_and_leaves_the_notebook_as_it_was(block, failure, tmp_path):
    before = build_lesson(tmp_path, "number = 8").read_bytes()
    with pytest.raises(try_it.TryItError, match=f"tells a reader to type fails: {failure}"):
        build_lesson(tmp_path, block)
    assert (tmp_path / "notebooks" / "99_small.ipynb").read_bytes() == before


def test_a_box_that_takes_too_long_fails_the_build(tmp_path, monkeypatch):
    monkeypatch.setattr(proofs, "SECONDS", 0.5)
    with pytest.raises(try_it.TryItError, match=r"takes more than .* seconds"):
        build_lesson(tmp_path, "import time; time.sleep(3)")


def test_the_run_of_the_full_profile_lists_what_became_of_each_box(tmp_path):
    notebook = nbformat.read(build_lesson(tmp_path, "number = 8"), 4)
    notebook.cells[1].source = notebook.cells[1].source.replace("number = 8", "number = 9")
    client = proofs.ProvingClient(notebook, tmp_path, lenient=True)
    client.execute()
    assert [(one.cell, one.text, one.held) for one in client.outcomes] == [
        (2, "Try it: number = 9", True), (2, "Try it: assert number == 8", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ("Text.\n\n**Try it.** Then.\n<details>\n\n```python\nx\n```\n\n</details>", "begins a markdown cell"),
        ("**Try it.** Then.\n\n```python\nx\n```", "inside its <details>"),
        ("**Try it.** Then.\n<details>\n\nNothing.\n\n</details>", "inside its <details>"),
        ("**Try it.**\n<details>\n\n```python\nx\n```\n\n```python\ny\n```\n\n</details>", "one ```python block"),
        ("**Try it.**\n<details>\n\n```python\n1\n2\n3\n4\n5\n```\n\n</details>", "one to 4 lines"),
        ("**Try it.**\n<details>\n\n```python\n```\n\n</details>", "one to 4 lines"),
    ],
    ids=["not at the start", "open", "without a block", "two blocks", "five lines", "empty"],
)
def test_a_box_that_is_not_in_order_is_refused(box, message):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(box)])
    with pytest.raises(try_it.TryItError, match=message):
        try_it.blocks(notebook)
