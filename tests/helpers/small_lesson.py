"""A lesson of a few cells: built, and its notebooks tested as `make test` does it."""

import subprocess
import sys
from pathlib import Path

import build

ROOT = Path(__file__).resolve().parents[2]


def build_text(text: str, folder: Path, kind: str = "lessons") -> Path:
    """Build the lesson `text` (or exercise, by `kind`) in `folder`; returns the folder of the notebooks."""
    source = folder / kind / "99_small.py"
    source.parent.mkdir(exist_ok=True)
    source.write_text(text.lstrip(), encoding="utf-8")
    build.build(source, folder / "notebooks")
    return folder / "notebooks"


def run_tests(*notebooks: Path) -> subprocess.CompletedProcess[str]:
    """Execute and compare notebooks that lie elsewhere, with the course's conftest.py."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", ROOT, "-c", ROOT / "pyproject.toml",
         "--confcutdir", ROOT, "-p", "conftest", *notebooks],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
