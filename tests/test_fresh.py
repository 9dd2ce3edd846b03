"""A learner's copies in work/: made, renewed while untouched, never overwritten, brought back on demand."""

import json
import platform
import re
from pathlib import Path

import pytest

from course_utils import fresh

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def course(tmp_path: Path) -> Path:
    for name in ["03_mlp.ipynb", "04_cnn.ipynb", "exercises/03_mlp.ipynb", "figures/map.svg", ".hidden/x.ipynb"]:
        path = tmp_path / "notebooks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made(name))
    assert fresh.update(tmp_path) == []
    return tmp_path


def made(name: str, text: str = "as it was made") -> str:
    """What a notebook, or a figure, holds before it is copied."""
    notebook = {"cells": [], "metadata": {"language_info": {"name": "python"}, "text": text}}
    return json.dumps(notebook) if name.endswith(".ipynb") else text


def contents(course: Path) -> dict[str, str]:
    copies = course / "work"
    return {
        path.relative_to(copies).as_posix(): told(path)
        for path in copies.rglob("*") if path.is_file() and path.name != fresh.RECORD
    }  # fmt: skip


def told(path: Path) -> str:
    """The text of what `made` has made, or of what somebody has written in its place."""
    text = path.read_text()
    return json.loads(text)["metadata"]["text"] if text.startswith("{") else text


def test_everything_a_notebook_shows_is_copied(course):
    names = ["03_mlp.ipynb", "04_cnn.ipynb", "exercises/03_mlp.ipynb", "figures/map.svg"]
    assert contents(course) == dict.fromkeys(names, "as it was made")


def test_an_untouched_copy_follows_the_course_and_a_changed_one_stays(course):
    (course / "work/03_mlp.ipynb").write_text("with my notes")
    for name in ["03_mlp.ipynb", "04_cnn.ipynb", "05_resnet.ipynb"]:
        (course / "notebooks" / name).write_text(made(name, "newer"))
    (told,) = fresh.update(course)
    assert told.startswith("work/03_mlp.ipynb is yours") and "fresh 03 brings it" in told
    found = contents(course)
    assert [found[f"{name}.ipynb"] for name in ["03_mlp", "04_cnn", "05_resnet"]] == ["with my notes", "newer", "newer"]
    assert fresh.update(course) == [told], "until it is brought"


def test_links_between_notebooks_and_the_map_of_the_lessons_stay_among_the_copies(course):
    (course / "README.md").write_text("[01](notebooks/01_a.ipynb) [T](TEACHING.md) [web](https://a.b) [below](#part)")
    (course / "notebooks/03_mlp.ipynb").write_text(
        made("x.ipynb", "[map](../README.md#the-lessons) [c](../course_utils)")
    )
    (course / "notebooks/exercises/03_mlp.ipynb").write_text(made("x.ipynb", "[map](../../README.md)"))
    fresh.update(course)
    found = contents(course)
    assert found["03_mlp.ipynb"] == "[map](README.md#The-lessons) [c](../course_utils)"
    assert found["exercises/03_mlp.ipynb"] == "[map](../README.md)"
    assert found["README.md"] == "[01](01_a.ipynb) [T](../TEACHING.md) [web](https://a.b) [below](#part)"


def test_a_copy_holds_the_version_that_its_kernel_would_enter(course):
    info = json.loads((course / "work/03_mlp.ipynb").read_text())["metadata"]["language_info"]
    assert info == {"name": "python", "version": platform.python_version()}


def test_without_a_newer_one_nobody_is_told_anything(course):
    (course / "work/exercises/03_mlp.ipynb").write_text("solved")
    assert fresh.update(course) == [] and contents(course)["exercises/03_mlp.ipynb"] == "solved"


def test_a_lost_record_costs_no_work(course):
    (course / "work/03_mlp.ipynb").write_text("with my notes")
    (course / "work" / fresh.RECORD).write_text("{")
    (course / "notebooks/04_cnn.ipynb").write_text(made("04_cnn.ipynb", "newer"))
    assert [line.split()[0] for line in fresh.update(course)] == ["work/03_mlp.ipynb", "work/04_cnn.ipynb"]
    assert contents(course)["03_mlp.ipynb"] == "with my notes"


@pytest.mark.parametrize("name", ["exercises/03", "exercises/03_mlp.ipynb"])
def test_the_original_comes_back_and_every_version_of_yours_is_kept(course, name):
    for mine in ["first", "second"]:
        (course / "work/exercises/03_mlp.ipynb").write_text(mine)
        kept, brought = fresh.bring_back(name, course)
        assert kept.startswith("kept  work/exercises/03_mlp.yours") and "fresh work/exercises/03_mlp.ipynb" in brought
    found = contents(course)
    assert found["exercises/03_mlp.yours.ipynb"] == "first" and found["exercises/03_mlp.yours-2.ipynb"] == "second"
    assert found["exercises/03_mlp.ipynb"] == "as it was made"
    assert len(fresh.bring_back("03", course)) == 1, "an untouched copy is not kept"


@pytest.mark.parametrize("name", ["99", "mlp", "exercises/04", "nowhere/03"])
def test_a_name_that_does_not_exist_is_told(course, name):
    with pytest.raises(ValueError, match=f"no notebook '{name}'. Lessons are 03, 04"):
        fresh.bring_back(name, course)


def test_where_the_course_cannot_be_written_the_copies_lie_at_home(course, tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    (course / "benchmarks").mkdir()
    monkeypatch.setattr(fresh.os, "access", lambda path, mode: False)
    monkeypatch.setattr(fresh.Path, "home", lambda: home)
    assert fresh.update(course) == []
    place = home / course.name
    assert told(place / "work/exercises/03_mlp.ipynb") == "as it was made"
    assert (place / "benchmarks").samefile(course / "benchmarks")
    (place / "work/03_mlp.ipynb").write_text("with my notes")
    (course / "notebooks/03_mlp.ipynb").write_text(made("03_mlp.ipynb", "newer"))
    assert fresh.update(course)[0].startswith(f"{place / 'work/03_mlp.ipynb'} is yours")
    assert fresh.bring_back("03", course)[0] == f"kept  {place / 'work/03_mlp.yours.ipynb'}"
    assert contents(course)["03_mlp.ipynb"] == "as it was made", "nothing was written to the course"


def test_the_program_says_what_it_did(monkeypatch, capsys):
    monkeypatch.setattr(fresh, "update", lambda: [])
    assert fresh.main([]) == 0 and "copy of every notebook" in capsys.readouterr().out
    assert fresh.main(["77"]) == 2 and "no notebook '77'" in capsys.readouterr().err


def test_jupyterlab_opens_the_copies_and_needs_nothing_installed_to_make_them():
    config = (ROOT / ".jupyter" / "jupyter_lab_config.py").read_text(encoding="utf-8")
    assert 'default_url = "/lab/tree/work/00_start_here.ipynb"' in config
    source = Path(fresh.__file__).read_text(encoding="utf-8")
    imported = set(re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE))
    assert imported == {"argparse", "hashlib", "json", "os", "platform", "re", "sys", "pathlib"}
