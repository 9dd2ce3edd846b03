"""How long each lesson computes in the profile "full", on a GPU where there is one. COURSE_DATA_DIR must hold the real
data; lessons whose data is not there are left out. Half an hour and more without a GPU, so `make bench` skips it where
there is no data.
"""

import os
import sys
import time
from pathlib import Path
from unittest import mock

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course_utils import setup

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "lessons"))
import build  # noqa: E402


def compute(source: Path) -> float:
    """Seconds."""
    client = NotebookClient(build.read_source(source), timeout=None, extra_arguments=["--log-level=ERROR"])
    start = time.perf_counter()
    with mock.patch.dict(os.environ, COURSE_PROFILE="full"):
        client.execute()
    return time.perf_counter() - start


def measure() -> list[dict]:
    course = setup(profile="full")
    rows = []
    for source in build.sources():
        if "full_minutes=" not in source.read_text(encoding="utf-8"):
            continue
        try:
            seconds = compute(source)
        except CellExecutionError as error:
            if error.ename == "FileNotFoundError" and "The profile 'full' needs" in error.evalue:
                continue
            raise
        rows.append({"what": f"computing time of {source.stem} in the profile full, {course.device.type}",
                     "figure": f"{seconds / 60:.1f} min", "lesson": source.stem, "device": course.device.type,
                     "seconds": round(seconds)})  # fmt: skip
    return rows
