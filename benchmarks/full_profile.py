"""How long each lesson computes in the profile "full", on a GPU where there is one, and what its proofs say there.

    .venv/bin/python benchmarks/full_profile.py 05 06     these lessons, without writing results.json

COURSE_DATA_DIR must hold the real data; where something is missing, `make bench` skips this. More than an hour without
a GPU. Ends with a list, claim by claim: held, failed, or not checked, and why.
"""

import os
import sys
import time
from collections import Counter
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import build  # noqa: E402
from proofs import Outcome, ProvingClient  # noqa: E402

from course_utils.basics.course import begin  # noqa: E402
from course_utils.downloads.manifest import data_sets, needs  # noqa: E402
from course_utils.models.pretrained import backbone_file  # noqa: E402

STATES = {True: "held", False: "FAILED", None: "not checked"}


def compute(source: Path) -> tuple[float, list[Outcome]]:
    """Seconds, and what became of each assertion."""
    client = ProvingClient(build.read_source(source), build.NOTEBOOKS, lenient=True, timeout=None)
    start = time.perf_counter()
    with mock.patch.dict(os.environ, COURSE_PROFILE="full"):
        client.execute()
    return time.perf_counter() - start, client.outcomes


def listed(lesson: str, outcomes: list[Outcome]) -> str:
    """How many held, and every one that failed or was not checked, by lesson and cell."""
    counts = Counter(STATES[one.held] for one in outcomes)
    lines = [f"{lesson}: " + ", ".join(f"{counts[state]} {state}" for state in STATES.values())]
    lines += [
        f"  cell {one.cell:>3}  {STATES[one.held]}: {one.text}" + f"  ({one.note})" * bool(one.note)
        for one in outcomes
        if not one.held
    ]
    return "\n".join(lines)


def measure(numbers: list[str] | None = None) -> list[dict]:
    """A row a lesson; by default all of them, and none where data is missing."""
    course = begin(profile="full")
    wanted = data_sets().values() if numbers is None else [one for number in numbers for one in needs(number)]
    if any(one.missing() for one in wanted if one.used_by):
        return []
    rows = []
    for source in build.sources():
        if build.is_exercise(source) or (source.name[:2] not in numbers if numbers else source.name.startswith("00")):
            continue
        seconds, outcomes = compute(source)
        print(listed(source.stem, outcomes), f"  {seconds / 60:.1f} min", sep="\n", flush=True)
        rows.append({
            "what": f"computing time of {source.stem} in the profile full, {course.device.type}",
            "figure": f"{seconds / 60:.1f} min",
            "lesson": source.stem,
            "device": course.device.type,
            "seconds": round(seconds),
            "backbone": backbone_file().name,
            "proofs": [[one.cell, one.text, STATES[one.held], one.note] for one in outcomes],
        })  # fmt: skip
    return rows


if __name__ == "__main__":
    if not measure(sys.argv[1:] or None):
        sys.exit("Nothing was run: real data is missing. See: python -m course_utils.downloads --list")
