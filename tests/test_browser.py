"""JupyterLab as the course configures it opens on lesson 00 and runs it."""

import browser


def test_lab_opens_on_lesson_00_and_runs_it(tmp_path, chromium_path):
    assert browser.run_notebook(None, tmp_path / "screenshot.png", chromium_path) == []
