"""How long each lesson computes in the profile "full", on a GPU where there is one. COURSE_DATA_DIR must hold the real
data; where something is missing, `make bench` skips this. More than an hour without a GPU.
"""

import os
import sys
import time
from pathlib import Path
from unittest import mock

from nbclient import NotebookClient

from course_utils.basics.course import begin
from course_utils.downloads.manifest import data_sets

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import build  # noqa: E402


def compute(source: Path) -> float:
    """Seconds."""
    client = NotebookClient(build.read_source(source), timeout=None, extra_arguments=["--log-level=ERROR"])
    start = time.perf_counter()
    with mock.patch.dict(os.environ, COURSE_PROFILE="full"):
        client.execute()
    return time.perf_counter() - start


def measure() -> list[dict]:
    course = begin(profile="full")
    if any(one.missing() for one in data_sets().values() if one.used_by):
        return []
    rows = []
    for source in sorted((ROOT / "lessons").glob("[0-9]*.py"))[1:]:
        seconds = compute(source)
        rows.append({"what": f"computing time of {source.stem} in the profile full, {course.device.type}",
                     "figure": f"{seconds / 60:.1f} min", "lesson": source.stem, "device": course.device.type,
                     "seconds": round(seconds)})  # fmt: skip
    return rows
