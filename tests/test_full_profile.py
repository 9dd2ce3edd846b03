"""Checks of the lessons in the profile "full": without its data each says so at once, and what to do."""

import runpy
from pathlib import Path

import matplotlib
import pytest

from course_utils.basics import course
from course_utils.downloads import manifest

LESSONS = sorted((course.REPOSITORY / "lessons").glob("[0-9]*.py"))
SETS = {lesson.stem: [one for one in manifest.needs(lesson.stem[:2]) if one.files] for lesson in LESSONS}


@pytest.mark.parametrize("lesson", [lesson for lesson in LESSONS if SETS[lesson.stem]], ids=lambda path: path.stem)
def test_a_lesson_without_its_data_says_what_is_missing_and_how_to_get_it(
    lesson: Path, full_profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    with pytest.raises(FileNotFoundError) as caught:
        runpy.run_path(str(lesson))
    message = str(caught.value)
    assert f"python -m course_utils.downloads {' '.join(one.name for one in SETS[lesson.stem])}" in message
    for missing in SETS[lesson.stem]:
        assert f"needs: {missing.title}. There is no {full_profile}" in message
        assert all(file.urls[0] in message for file in missing.files)
