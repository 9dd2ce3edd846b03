"""The pages and the lessons' heads tell what was measured, their links lead somewhere, and they agree with the code."""

import json
import re
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
import tables
import yaml

from course_utils.lesson import MEASURED

ROOT = tables.ROOT
PAGES = [ROOT / page for page in ("README.md", "CONTRIBUTING.md", "TEACHING.md", "TEACHING_LESSONS.md", "CHANGELOG.md")]
PAGES += [ROOT / folder / "README.md" for folder in ("data", "data/photos", "data/weights", "benchmarks")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RESULTS = json.loads(MEASURED.read_text(encoding="utf-8"))
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
name = lambda path: path.relative_to(ROOT).as_posix()  # noqa: E731


def anchors(page: Path) -> set[str]:
    """The headings of a page as they are linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    texts = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


@cache
def generated() -> dict[Path, str]:
    return tables.generated()


@pytest.mark.parametrize("path", [*map(ROOT.joinpath, tables.PAGES), *tables.build.sources()], ids=name)
def test_generated_tables_and_times_are_those_of_the_stored_results(path):
    assert path.read_text(encoding="utf-8") == generated()[path], "run make tables"


def test_each_table_stands_on_one_page():
    texts = [(ROOT / page).read_text(encoding="utf-8") for page in tables.PAGES]
    marks = Counter(mark for text in texts for mark in re.findall(r"<!-- (/?\w+) -->", text))
    assert marks == Counter([mark for name in tables.TABLES for mark in (name, f"/{name}")])


def test_every_goal_was_met():
    for benchmark in RESULTS.values():
        for row in benchmark["rows"]:
            assert row.get("met") is not False, row


def test_a_goal_that_was_missed_is_shown():
    row = {"what": "computing time of 03", "figure": "99 s", "lesson": "03", "seconds": 99, "goal": "at most 90 s"}
    quick = row | {"what": "computing time of 04", "lesson": "04", "seconds": 20, "met": True}
    results = {"lesson_minutes": {"machine": "", "rows": [row | {"met": False}, quick, quick | {"seconds": 10}]}}
    table = tables.measured(results)
    assert "| computing time of 03 | 99 s |  | at most 90 s | NO |" in table
    assert table.count("computing time of 04") == 1 and "04, the longest of 2 |" in table


@pytest.mark.parametrize("old, new", [("about 7 minutes", 45), ("about 45 minutes", 45)])
def test_times_are_written_into_a_lesson(old, new, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "minutes_to_study", lambda source: 45)
    source = tmp_path / "03_name.py"
    line = "# **Time** {} minutes, of which the computer works {} seconds · **Before this**\n# about 9 minutes\n"
    source.write_text(line.format(old.removesuffix(" minutes"), 1), encoding="utf-8")
    results = {"lesson_minutes": {"rows": [{"lesson": "03_name", "seconds": 18}]}}
    assert tables.retimed(source, results) == line.format(f"about {new}", 20)


def test_a_lesson_that_states_no_time_or_was_not_measured_is_named():
    with pytest.raises(SystemExit, match="lessons/03_mnist_mlp.py has not been measured"):
        tables.retimed(ROOT / "lessons" / "03_mnist_mlp.py", {"lesson_minutes": {"rows": []}})


@every_page
def test_links_lead_somewhere_and_pictures_have_alt_texts(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith("http"):
            file, _, heading = unquote(target).partition("#")
            there = page.parent / file if file else page
            assert there.exists(), f"{target} leads nowhere"
            assert not heading or heading in anchors(there), f"{target}: there is no such heading"
    assert not re.search(r"!\[\s*\]\(", text), "an image without alt text"


@every_page
def test_paths_and_commands_on_the_pages_are_real(page):
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"(?:^|[ `])((?:tools|benchmarks|tests|lessons|course_utils|data)/[\w/.-]*\w)", text, re.M):
        assert path.startswith("data/full") or (ROOT / path).exists(), path
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for goal in re.findall(r"`make (\w+)", text):
        assert re.search(rf"^{goal}:", makefile, re.M), f"make {goal}"
    for module in re.findall(r"-m (course_utils[\w.]*)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
    assert not re.search(r"^\s*python ", text, re.M), "nothing activates .venv: write .venv/bin/python"


def test_readme_is_one_page():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize(("picture", "kilobytes"), [("course", 300), ("serving_page", 80), ("sample_data", 150)])
def test_pictures_of_the_pages_are_small(picture, kilobytes):
    assert (ROOT / "notebooks" / "figures" / f"{picture}.webp").stat().st_size < 1000 * kilobytes


def test_readme_asks_for_the_python_of_the_package():
    lowest, above = re.fullmatch(r">=([\d.]+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    assert f"Python {lowest} to 3.{int(above) - 1} " in (ROOT / "README.md").read_text(encoding="utf-8")


def test_citation_agrees_with_the_package_and_the_changelog():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "version", "license"} <= set(citation)
    assert citation["version"] == PROJECT["version"]
    released = f"## {citation['version']} – {citation['date-released']}"
    assert released in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
