"""How long each lesson computes (every notebook executed from scratch, one after the other, with all cores, as in
JupyterLab), and how long the whole `make test` takes: 10 minutes were aimed at, and held before lessons 15 to 17 and
the site were there.

With all cores, sums and with them trained networks come out a little different from the stored ones, which were made
with one thread: what the lessons state must hold all the same.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import build  # noqa: E402
from proofs import ProofError  # noqa: E402


def compute(source: Path) -> tuple[float, str]:
    """Seconds, and what its proofs say: nothing where all of them hold."""
    with tempfile.TemporaryDirectory() as folder:
        start, failure = time.perf_counter(), ""
        try:
            build.build(source, Path(folder))
        except ProofError as error:
            failure = str(error).partition("\n\n")[0]
        return time.perf_counter() - start, failure


def measure() -> list[dict]:
    rows = []
    for source in build.sources():
        seconds, failure = compute(source)
        limit = 90
        name = source.relative_to(ROOT / "lessons").with_suffix("").as_posix()
        what = f"computing time of {name}" + (f", FAILED: {failure}" if failure else "")
        rows.append({"what": what, "figure": f"{seconds:.0f} s", "lesson": name, "seconds": round(seconds),
                     "goal": f"at most {limit} s", "met": seconds <= limit and not failure})  # fmt: skip
    start = time.perf_counter()
    # test_pages.py compares the pages with what is being measured here
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses=logical", "--dist=loadfile"]
    command.append("--ignore=tests/test_pages.py")
    passed = not subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode
    minutes = (time.perf_counter() - start) / 60
    failure = {} if passed else {"goal": "none fails", "met": False}
    rows.append({"what": "the tests of `make test`", "figure": f"{minutes:.1f} min"} | failure)
    return rows
