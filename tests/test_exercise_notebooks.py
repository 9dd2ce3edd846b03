"""What an exercise's notebook does with a check: the message first, where an answer stopped, and what is still open."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course_utils import exercises, fresh, fresh_inputs, names_used, progress, solved

ROOT = Path(__file__).resolve().parents[1]
GAP = "# YOUR CODE HERE\n    raise NotImplementedError()"
CELLS = {
    "begin": "from course_utils import fresh_inputs, start_exercise\ncourse = start_exercise('03')",
    "gap": f"def double(number):\n    {GAP}",
    "check 1": "assert double(2) == 4, 'two and two'\nprint(\"✓ task 1\")",
    "empty class": f"class Net:\n    {GAP}",
    "check 2": 'net = Net()\nprint("✓ task 2")',
    "right": "def half(number):\n    return number / 2",
    "check 3": "assert half(2) == 1, 'one'\nprint(\"✓ task 3\")",
    "stops": "import torch\n\n\ndef share(right, total):\n    return right @ total",
    "check 4": 'assert share(torch.ones(2), torch.ones(3)) == 1\nprint("✓ task 4")',
    "nothing": "def mean(numbers):\n    sum(numbers)",
    "check 5": "assert mean([1, 2]) > 1, 'the mean'\nprint(\"✓ task 5\")",
    "wrong": "def add(a, b):\n    return a - b",
    "check 6": "inputs = fresh_inputs()\nassert add(1, 2) == 3, '1 & 2 <make> 3'\nprint(\"✓ task 6\")",
    "check 7": "assert subtract(1, 2) == -1, 'minus one'\nprint(\"✓ task 7\")",
    "elsewhere": "1 / 0",
    "end": "from course_utils.exercises import marks_here\nmarks_here()",
}


@pytest.fixture(scope="module")
def outcome() -> dict[str, SimpleNamespace]:
    """Name of a cell -> what is shown below it, and whether a run of all cells would stop there."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in CELLS.values()])
    client, found = NotebookClient(notebook, timeout=120), {}
    with client.setup_kernel():
        for number, (name, cell) in enumerate(zip(CELLS, notebook.cells)):
            try:
                client.execute_cell(cell, number)
                stops = False
            except CellExecutionError:
                stops = True
            boxes = [output.data for output in cell.outputs if output.output_type == "display_data"]
            errors = [output for output in cell.outputs if output.output_type == "error"]
            box = boxes[0]["text/plain"] if boxes else ""
            page = boxes[0]["text/html"] if boxes else ""
            found[name] = SimpleNamespace(stops=stops, box=box, page=page, errors=errors, outputs=cell.outputs)
    return found


@pytest.mark.parametrize("cell", ["check 1", "empty class", "check 2"])
def test_what_is_open_is_said_and_does_not_stop_the_run(outcome, cell):
    assert not outcome[cell].stops and len(outcome[cell].errors) == 1, "nbgrader looks for the error"
    name = "double" if cell == "check 1" else "Net"
    assert f"The gap in {name} is empty" in outcome[cell].box and "pen" in outcome[cell].box.partition(":")[0]


def test_a_solved_task_shows_its_mark_alone(outcome):
    assert outcome["check 3"].outputs[0].text == "✓ task 3\n" and not outcome["check 3"].errors


def test_the_message_comes_first_and_the_traceback_is_folded(outcome):
    shown = outcome["check 6"]
    assert shown.stops and shown.box.startswith("✗ Task 6 is not solved yet: 1 & 2 <make> 3")
    assert "1 &amp; 2 &lt;make&gt; 3" in shown.page and "<details><summary>the whole traceback" in shown.page
    assert shown.errors[0].traceback == ["not yet"] and shown.errors[0].evalue == "1 & 2 <make> 3"
    seed = re.search(r"%env COURSE_CHECK_SEED=(\d+) in a cell of its own", shown.box)
    assert seed, "the inputs can be had again"
    assert "COURSE_CHECK_SEED" not in outcome["check 5"].box, "it has drawn none"


def test_an_error_in_an_answer_is_put_into_words(outcome):
    box = outcome["check 4"].box
    assert "Your code stopped in line 5 of its cell, in share: return right @ total" in box
    assert "right is a Tensor of shape (2,), float32, total is a Tensor of shape (3,), float32." in box
    assert outcome["check 4"].errors[0].traceback[0].startswith("RuntimeError: ")


def test_an_error_of_the_check_says_what_to_look_at(outcome):
    assert "could not go on with what your code gave it" in outcome["check 5"].box
    assert "Have you run the cell with your answer" in outcome["check 7"].box


def test_other_errors_are_shown_as_always(outcome):
    shown = outcome["elsewhere"]
    assert shown.stops and not shown.box and len(shown.errors[0].traceback) > 2


def test_what_was_found_is_remembered(outcome):
    assert outcome["end"].outputs[0].data["text/plain"] == "{1: '○', 2: '○', 3: '✓', 4: '✗', 5: '✗', 6: '✗', 7: '✗'}"


def test_fresh_inputs_are_new_each_time_and_come_back_with_their_seed(monkeypatch):
    monkeypatch.delenv("COURSE_CHECK_SEED", raising=False)
    assert len({fresh_inputs().random() for _ in range(5)}) == 5
    monkeypatch.setenv("COURSE_CHECK_SEED", "7")
    assert len({(fresh_inputs().random(), torch.rand(()).item()) for _ in range(5)}) == 1
    assert fresh_inputs().random() == np.random.default_rng(7).random()


def test_names_are_found_in_inner_functions_methods_and_own_helpers():
    def helper(logits):
        return logits.softmax(1)

    scope = {"__name__": "notebook", "torch": torch}
    exec("def helper(x):\n    return x.softmax(1)\n\ndef answer(x):\n    return [helper(y) for y in x]\n", scope)
    exec("class Net:\n    def forward(self, x):\n        return (lambda y: y.logsumexp(1))(x)\n", scope)
    assert {"helper", "softmax"} <= names_used(scope["answer"]) and "logsumexp" in names_used(scope["Net"])
    assert "matmul" not in names_used(scope["answer"]) and "softmax" in names_used(helper)


def folder_of(root: Path, marks: dict[str, list[list[dict]]]) -> None:
    for name, of_checks in marks.items():
        path = root / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        cells = [
            {"cell_type": "code", "metadata": {"nbgrader": {"grade": True}}, "source": "", "outputs": outputs}
            for outputs in of_checks
        ]
        path.write_text(json.dumps({"cells": cells}))


PASSED = [{"output_type": "stream", "text": ["✓ task 1\n"]}]
FAILED = [{"output_type": "error", "ename": "AssertionError"}]
OPEN = [{"output_type": "display_data"}, {"output_type": "error", "ename": "NotImplementedError"}]


def test_progress_reads_what_was_saved_and_says_where_to_go_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(solved, "REPOSITORY", tmp_path)
    monkeypatch.setattr(exercises, "_number", "")
    folder_of(tmp_path / "notebooks/exercises", {"01_a": [[], []], "02_b": [[], []], "03_c": [[]]})
    folder_of(tmp_path / "work/exercises", {"01_a": [PASSED, PASSED], "02_b": [OPEN, FAILED]})
    (tmp_path / "work/exercises/03_c.ipynb").write_text("{}")
    progress()
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "2 of 4 tasks solved. Go on with exercise 02, task 1."
    assert others == ["01  ✓ ✓", "02  ○ ✗", "03  cannot be read: 'cells'"]


def test_progress_says_where_copies_lie_that_are_not_in_the_course(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(solved, "REPOSITORY", tmp_path / "course")
    monkeypatch.setattr(fresh, "copies_folder", lambda repository: tmp_path / "hers" / "work")
    monkeypatch.setattr(exercises, "_number", "")
    folder_of(tmp_path / "course/notebooks/exercises", {"01_a": [[], []]})
    progress()
    assert capsys.readouterr().out.endswith(f"{tmp_path / 'hers/work'}; python -m course_utils.fresh makes them.\n")
    folder_of(tmp_path / "hers/work/exercises", {"01_a": [PASSED, []]})
    progress()
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("1 of 2 tasks solved.") and last == f"These are the copies in {tmp_path / 'hers/work'}."


def test_progress_counts_every_task_of_the_course(monkeypatch, capsys):
    tasks = 5 * len(list((ROOT / "notebooks" / "exercises").glob("[0-9]*.ipynb")))
    for folder, count in [("exercises", 0), ("solutions", tasks)]:
        marks = [solved._marks(path) for path in sorted((ROOT / "notebooks" / folder).glob("*.ipynb"))]
        assert sum(map(len, marks)) == tasks and sum(list(one.values()).count("✓") for one in marks) == count
