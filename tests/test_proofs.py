"""Proofs stay off the page and are executed by everybody who executes a notebook; a false one is never overlooked."""

import sys
from pathlib import Path

import nbformat
import proofs
import pytest
from small_lesson import build_text, run_tests

ROOT = Path(__file__).resolve().parents[1]
LESSON = """
# %%
import random
import sys

from tqdm import tqdm

random.seed(0)
for _ in tqdm(range(1), file=sys.stdout, leave=False):
    score = random.random()

# %% tags=["nbval-ignore-output"]
print(f"accuracy {score:.3f}")

# %% tags=["proof"]
import numpy as np

drawn = random.random()
print("nobody sees this")
assert score > LIMIT, f"accuracy {score:.3f} is too low"
if score > 2:  # no score is above 1
    assert drawn < 0
np.testing.assert_allclose(score, score)

# %%
random.random(), "drawn" in globals()
"""
BOX = """
# %% [markdown]
# **Try it.** Print it.
# <details><summary>What we saw</summary>
#
# ```python
# print(score)
# ```
#
# </details>
"""


def build_lesson(folder: Path, limit: str) -> Path:
    return build_text(LESSON.replace("LIMIT", limit), folder) / "99_small.ipynb"


def without_proofs(path: Path) -> dict:
    notebook = nbformat.read(path, 4)
    notebook.metadata.pop("inputs")
    for cell in notebook.cells:
        cell.metadata.pop(proofs.TAG, None)
    return notebook


def test_a_proof_leaves_no_trace_in_what_a_learner_sees(tmp_path, monkeypatch):
    with_proof = without_proofs(build_lesson(tmp_path, "0.8"))
    monkeypatch.setattr(proofs.ProvingClient, "_judge", lambda *_: pytest.fail("there is none"))
    (tmp_path / "bare").mkdir()
    monkeypatch.setattr(sys.modules[__name__], "LESSON", LESSON.replace(LESSON[LESSON.index('# %% tags=["proof"]') :],
                        LESSON[LESSON.rindex("# %%") :]))  # fmt: skip
    assert without_proofs(build_lesson(tmp_path / "bare", "")) == with_proof
    assert [cell.execution_count for cell in with_proof.cells] == [1, 2, 3]
    assert not with_proof.cells[0].outputs, "of a progress bar something is left"
    assert "nobody" not in str(with_proof) and with_proof.cells[2].outputs[0].data["text/plain"].endswith("False)")


def test_a_false_proof_fails_the_build_and_leaves_the_notebook_as_it_was(tmp_path):
    before = build_lesson(tmp_path, "0.8").read_bytes()
    with pytest.raises(proofs.ProofError, match=r"proof of cell 2 does not hold.*\n.*accuracy 0.844 is too low"):
        build_lesson(tmp_path, "0.9")
    assert (tmp_path / "notebooks" / "99_small.ipynb").read_bytes() == before


def test_a_false_proof_or_box_fails_the_test_run(tmp_path):
    """Both in one run of pytest, which takes seconds to start."""
    true = build_text(LESSON.replace("LIMIT", "0.8") + BOX, tmp_path) / "99_small.ipynb"
    false_proof, false_box = true.with_name("98_proof.ipynb"), true.with_name("97_box.ipynb")
    false_proof.write_text(true.read_text().replace("score > 0.8", "score > 0.9"))
    false_box.write_text(true.read_text().replace("print(score)", "print(score / 0)"))
    run = run_tests(true, false_proof, false_box)
    assert run.returncode == 1 and "2 failed, 8 passed, 2 skipped" in run.stdout, run.stdout + run.stderr
    assert "Cell 1: the proof of this cell does not hold in 98_proof.ipynb" in run.stdout
    assert "accuracy 0.844 is too low" in run.stdout
    assert "97_box.ipynb: what a Try it box tells a reader to type fails: ZeroDivisionError" in run.stdout


@pytest.mark.parametrize(("limit", "held"), [("0.8", True), ("0.9", False)])
def test_the_run_of_the_full_profile_collects_what_held_what_failed_and_what_was_not_checked(tmp_path, limit, held):
    notebook = nbformat.read(build_lesson(tmp_path, "0.8"), 4)
    notebook.cells[1].metadata[proofs.TAG] = notebook.cells[1].metadata[proofs.TAG].replace("0.8", limit)
    client = proofs.ProvingClient(notebook, tmp_path, lenient=True)
    client.execute()
    assert [(one.cell, one.held) for one in client.outcomes] == [(2, held), (2, None), (2, True)]
    assert client.outcomes[0].note == ("" if held else "accuracy 0.844 is too low")
    assert client.outcomes[1].note == "no score is above 1"


def test_another_error_in_a_proof_is_never_taken_for_a_result(tmp_path):
    notebook = nbformat.read(build_lesson(tmp_path, "0.8"), 4)
    notebook.cells[1].metadata[proofs.TAG] = "assert scroe > 0.8"
    with pytest.raises(proofs.ProofError, match="NameError"):
        proofs.ProvingClient(notebook, tmp_path, lenient=True).execute()


@pytest.mark.parametrize(
    ("cells", "message"),
    [([("code", "x = 1"), ("proof", "x")], "proves nothing"), ([("markdown", "x"), ("proof", "assert 1")], "follows")],
)
def test_a_proof_judges_the_code_cell_before_it_and_asserts_something(cells, message):
    notebook = nbformat.v4.new_notebook()
    for kind, source in cells:
        new = nbformat.v4.new_markdown_cell if kind == "markdown" else nbformat.v4.new_code_cell
        notebook.cells.append(new(source, metadata={"tags": [proofs.TAG]} if kind == "proof" else {}))
    with pytest.raises(ValueError, match=message):
        proofs.hang_up(notebook)
