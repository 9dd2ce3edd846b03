"""The pages and the lessons' heads tell what was measured, their links lead somewhere, and they agree with the code."""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
import tables
import yaml
from elsewhere import settings

from course_utils.lesson import MEASURED

ROOT = tables.ROOT
PAGES = [ROOT / page for page in ("README.md", "CONTRIBUTING.md", "TEACHING.md", "TEACHING_LESSONS.md", "CHANGELOG.md")]
PAGES += [ROOT / folder / "README.md" for folder in ("data", "data/photos", "data/weights", "benchmarks")]
PROJECT = settings()["project"]
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
    with pytest.MonkeyPatch.context() as patch:  # the pages are those of pyproject.toml
        patch.delenv("COURSE_REPOSITORY", raising=False)
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


@pytest.fixture
def tries(monkeypatch):
    """Two environments that were tried, one of them with a failure; the tables then know them."""
    good, bad = (
        {"same": 9, "differs": [], "failed": []},
        {"same": 2, "differs": [], "failed": [["Cell 7", "TypeError: `x`"]]},
    )
    other = good | {"differs": ["Cell 3"]}
    notebooks = ["03_a", "04_b", "solutions/03_a"]
    results = {
        name: {"about": f"as {name}", "date": "2026-11-27", "notebooks": dict(zip(notebooks, found)),
               "versions": {"python": python, "torch": torch, "numpy": "2.0.2", "pandas": "2.2.3"}}
        for name, python, torch, found in [("floors", "3.11.14", "2.9.1", [good, other, good]),
                                           ("pins", "3.13.9", "2.15.0+cpu", [good, good, good]),
                                           ("newest", "3.14.0", "2.16.0", [good, other, bad])]
    }  # fmt: skip
    monkeypatch.setattr(tables, "range_results", lambda: results)


@pytest.mark.usefixtures("tries")
def test_versions_that_were_tried_are_counted_and_what_fails_is_named():
    table = tables.other_versions({}).splitlines()
    assert len({line.count("|") for line in table[:5]}) == 1
    assert table[2] == "| floors: as floors | 3.11.14 | 2.9.1 | 2.0.2 | 2.2.3 | 2 | 1 | 0 | 2026-11-27 |"
    assert table[4] == "| newest: as newest | 3.14.0 | 2.16.0 | 2.0.2 | 2.2.3 | 1 | 1 | 1 | 2026-11-27 |"
    assert table[5:] == ["", "- `newest: solutions/03_a, Cell 7: TypeError: 'x'`"]


@pytest.mark.usefixtures("tries")
def test_a_sentence_names_the_versions_with_which_everything_runs():
    page = "Install it. <!-- tried -->old<!-- /tried -->\nThen go on.\n"
    used = "torch 2.9.1 and 2.15.0 on Python 3.11 and 3.13"
    said = f"All notebooks run with [{used}](benchmarks/README.md#with-other-versions)."
    assert tables.renewed(page, {}) == page.replace("old", said)


def test_where_nothing_was_tried_nothing_is_claimed(monkeypatch):
    monkeypatch.setattr(tables, "range_results", dict)
    assert tables.tried({}) == "" and tables.other_versions({}) == "Not measured yet."


def test_with_an_address_each_lesson_opens_elsewhere(monkeypatch):
    monkeypatch.setenv("COURSE_REPOSITORY", "https://github.com/owner/name")
    lines = tables.lesson_map({}).splitlines()
    assert {line.count(" | ") for line in lines if "](notebooks/" in line} == {4}
    (row,) = [line for line in lines if "notebooks/06_fine_tuning.ipynb)" in line]
    github = "github.com/owner/name/blob/elsewhere/notebooks/06_fine_tuning.ipynb"
    assert f"(https://colab.research.google.com/{github.replace('.com', '')})" in row
    assert f"src=https://{github})" in row and "(https://codespaces.new/owner/name)" in row
    assert "mybinder.org/v2/gh/owner/name/main?urlpath=lab/tree/notebooks/06_fine_tuning.ipynb)" in row
    monkeypatch.setenv("COURSE_REPOSITORY", "https://example.org/owner/name")  # they know GitHub only
    assert "Colab" not in tables.lesson_map({})


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
