"""How long each lesson computes (every notebook executed from scratch, one after the other, with all cores, as in
JupyterLab), and how long the whole `make test` takes.

With all cores, sums and with them trained networks come out a little different from the stored ones, which were made
with one thread: what the lessons state must hold all the same.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import build  # noqa: E402


def compute(source: Path) -> tuple[float, list[str]]:
    """Seconds, and the statements that turned out false."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        build.build(source, Path(folder))
        seconds = time.perf_counter() - start
        cells = nbformat.read(Path(folder) / build.targets(source)[0].relative_to(build.NOTEBOOKS), 4).cells
    printed = "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))
    return seconds, re.findall(r".*: False\b.*", printed)


def measure() -> list[dict]:
    rows = []
    for source in build.sources():
        seconds, wrong = compute(source)
        limit = 150 if source.name.startswith("06") else 90
        name = source.relative_to(ROOT / "lessons").with_suffix("").as_posix()
        what = f"computing time of {name}" + (f", statements FAILED: {'; '.join(wrong)}" if wrong else "")
        rows.append({"what": what, "figure": f"{seconds:.0f} s", "lesson": name, "seconds": round(seconds),
                     "goal": f"at most {limit} s", "met": seconds <= limit and not wrong})  # fmt: skip
    start = time.perf_counter()
    # test_pages.py compares the pages with what is being measured here
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses=logical", "--dist=loadfile"]
    command.append("--ignore=tests/test_pages.py")
    passed = not subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode
    minutes = (time.perf_counter() - start) / 60
    rows.append({"what": "the tests of `make test`" + ("" if passed else ", FAILED"), "figure": f"{minutes:.1f} min",
                 "goal": "at most 15 min", "met": passed and minutes <= 15})  # fmt: skip
    return rows
