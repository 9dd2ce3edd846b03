"""How long each lesson computes (every notebook executed from scratch, one after the other, with all cores, as in
JupyterLab), how long it takes to study, and how long the whole `make test` takes.

Study time is estimated from the text: 110 words a minute, 30 seconds a code cell, a minute for each question, and
six minutes for each task of an exercise.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jupytext

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "lessons"))
import build  # noqa: E402


def minutes_to_study(source: Path) -> int:
    """Rounded to five minutes."""
    cells = jupytext.read(source).cells
    prose = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = [cell for cell in cells if cell.cell_type == "code" and "wrong" not in cell.metadata.get("tags", [])]
    tasks = sum("answer" in cell.metadata.get("tags", []) for cell in code)
    minutes = len(re.findall(r"\w+", prose)) / 110 + len(code) / 2 + prose.count("**Check yourself.**") + 6 * tasks
    return 5 * round(minutes / 5)


def seconds_to_compute(source: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        build.build(source, Path(folder))
        return time.perf_counter() - start


def measure() -> list[dict]:
    rows = []
    for source in build.sources():
        seconds = seconds_to_compute(source)
        limit = 150 if source.name.startswith("06") else 90
        name = source.relative_to(ROOT / "lessons").with_suffix("").as_posix()
        rows.append({"what": f"computing time of {name}", "figure": f"{seconds:.0f} s", "lesson": name,
                     "seconds": round(seconds), "goal": f"at most {limit} s", "met": seconds <= limit})  # fmt: skip
    start = time.perf_counter()
    # test_readme.py compares the README with what is being measured here
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses=logical", "--dist=loadfile"]
    command.append("--ignore=tests/test_readme.py")
    passed = not subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode
    minutes = (time.perf_counter() - start) / 60
    rows.append({"what": "the tests of `make test`" + ("" if passed else ", FAILED"), "figure": f"{minutes:.1f} min",
                 "goal": "at most 10 min", "met": passed and minutes <= 10})  # fmt: skip
    return rows
