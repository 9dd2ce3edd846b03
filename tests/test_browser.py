"""JupyterLab as the course configures it: it opens on lesson 00, runs it and others, and shows each as it is meant."""

from collections.abc import Iterator

import browser
import nbformat
import pytest
from playwright.sync_api import Page

LESSONS = sorted((browser.ROOT / "notebooks").glob("[0-9]*.ipynb"))


@pytest.fixture(scope="module")
def lab(chromium_path: str) -> Iterator[Page]:
    """What JupyterLab opens by itself."""
    with browser.lab(chromium_path) as opened:
        yield opened(None)


def test_lab_opens_on_lesson_00_and_runs_it(lab):
    assert "work/00_start_here.ipynb" in lab.url
    assert browser.run_all(lab) == []


@pytest.mark.parametrize(
    ("notebook", "tag", "least"),
    [
        ("notebooks/14_debugging_clinic.ipynb", "fold", 5),
        ("notebooks/solutions/01_data_loading_and_visualization.ipynb", "check", 5),
    ],
)
def test_what_gives_an_answer_away_comes_folded(notebook, tag, least, lab):
    browser.open_beside(lab, notebook, kernel=False)
    cells = browser.code_cells(lab)
    folded = [cell for cell in cells if tag in cell["tags"]]
    assert len(folded) >= least
    assert not any(cell["source"] for cell in folded), "the source of a folded cell is shown"
    assert tag != "fold" or not any(cell["output"] for cell in folded), "the output of a folded cell is shown"
    assert all(cell["source"] for cell in cells if not {"fold", "check"} & {*cell["tags"]})


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_can_be_read_wide_and_narrow_light_and_dark_and_opening_it_changes_nothing(path, lab):
    browser.open_beside(lab, f"work/{path.name}", kernel=False)
    views = [(1280, "Light"), (1024, "Dark")]
    for width, theme in views[:: (-1) ** LESSONS.index(path)]:  # another theme costs seconds, so it stays for the next
        seen = browser.facts(lab, width, theme)
        assert not seen["changed"], "opening it has changed it"
        assert not seen["missing"] and not seen["wrong"] and not seen["raw"], seen
        assert not seen["wide"], f"{width} px: {seen['wide']}"
    cells = [cell for cell in nbformat.read(path, 4).cells if "fold" not in cell.metadata.get("tags", [])]
    stored = sum("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))
    assert seen["cells"] > 20 and seen["pictures"] >= stored


@pytest.mark.parametrize("lesson", ["01_data_loading_and_visualization", "02_tensors_and_regression"])  # the quickest
def test_a_lesson_runs_to_its_end(lesson, lab):
    browser.open_beside(lab, f"work/{lesson}.ipynb")
    assert not browser.facts(lab, 1280, "Light")["changed"], "its kernel has changed it"
    assert browser.run_all(lab) == []


def test_an_exercise_that_nobody_has_begun_runs_to_its_end_and_says_what_is_open(lab):
    browser.open_beside(lab, "work/exercises/02_tensors_and_regression.ipynb")
    assert browser.run_all(lab) == []
    cells = browser.code_cells(lab)
    told = [cell["text"].partition(":")[0] for cell in cells if "check" in cell["tags"]]
    assert told == [f"○ Task {task} is open" for task in range(1, 6)]
    assert "02  ○ ○ ○ ○ ○\n" in cells[-1]["text"], "the last cell tells what is solved"
