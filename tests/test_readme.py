"""README and lesson headers tell what was measured."""

import json
import re
from pathlib import Path

import lesson_minutes
import pytest
import run

ROOT = Path(__file__).resolve().parents[1]

RESULTS = json.loads(run.RESULTS.read_text(encoding="utf-8"))
LESSONS = sorted((ROOT / "lessons").glob("[0-9]*.py"))


@pytest.mark.parametrize("path", run.READMES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_tables_are_those_of_the_last_measurement(path):
    readme = path.read_text(encoding="utf-8")
    assert readme == run.renewed(readme, RESULTS), "run make bench"


def test_every_goal_was_met():
    for benchmark in RESULTS.values():
        for row in benchmark["rows"]:
            assert row.get("met") is not False, row


def test_links_of_the_readme_lead_somewhere():
    for file in ("README.md", "data/README.md"):
        text = (ROOT / file).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#\s]+)\)", text):
            assert target.startswith("http") or (ROOT / file).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("source", LESSONS, ids=lambda path: path.stem)
def test_header_states_the_times(source):
    study, compute = re.search(
        r"\*\*Time\*\* about (\d+) minutes, of which the computer works (\d+) seconds",
        source.read_text(encoding="utf-8"),
    ).groups()
    assert int(study) == lesson_minutes.minutes_to_study(source)
    measured = {row.get("lesson"): row.get("seconds") for row in RESULTS["lesson_minutes"]["rows"]}[source.stem]
    # seconds are those of one machine, the header is for people
    assert measured / 1.7 <= int(compute) <= measured * 1.7, f"measured {measured} s"


@pytest.mark.parametrize(
    "source", sorted((ROOT / "lessons" / "exercises").glob("[0-9]*.py")), ids=lambda path: path.stem
)
def test_exercise_states_its_time(source):
    stated = re.search(r"about (\d+) minutes", source.read_text(encoding="utf-8"))[1]
    assert int(stated) == lesson_minutes.minutes_to_study(source)
