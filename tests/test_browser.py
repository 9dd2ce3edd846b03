"""JupyterLab as the course configures it opens on lesson 00 and runs it (skipped where Chromium is not installed)."""

import browser
import pytest


@pytest.mark.skipif(not browser.CHROMIUM, reason="Chromium is not installed")
def test_lab_opens_on_lesson_00_and_runs_it(tmp_path):
    assert browser.run_notebook(None, tmp_path / "screenshot.png") == []
