"""Run all lessons and solutions with other versions of the libraries, and note what comes out: `make range`.

    python tools/versions.py                  every environment of versions.toml that needs no index of its own
    python tools/versions.py nightly          one of them

No cell may raise, every proof and *Try it* box must hold; a printed digit may differ, and is counted. Each environment
is made with uv in .range/NAME, 6 GB that stay until `make clean`. Results go into benchmarks/range.json, from which
pages, site and lesson 00 (`tried`) speak. Exit code 1 where something failed: lesson, cell and error are printed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import build
from elsewhere import settings

from course_utils.basics.environment import RANGE, range_results
from course_utils.basics.files import replacing

ENVIRONMENTS = Path(__file__).with_name("versions.toml")
SHOWN = ["torch", "torchvision", "numpy", "pandas", "matplotlib", "scikit-learn", "lightning", "onnxscript"]
TESTERS = ["vega_datasets", "nbgrader", "jupytext", "nbclient", "nbformat", "nbval", "pytest", "pytest-xdist"]


def asked_for() -> list[str]:
    """What pyproject.toml asks for, floors included, what learners have beside it, and what tests notebooks."""
    learners = re.findall(r"^([a-z][\w-]*)\s+#", (build.ROOT / "requirements.txt").read_text(encoding="utf-8"), re.M)
    return [*settings()["project"]["dependencies"], *learners, *TESTERS]


def chosen(wanted: dict) -> list[str]:
    """What tells uv which versions to choose."""
    options = []
    if "newer_than" in wanted:
        options += ["--exclude-newer", wanted["newer_than"]]
    if "constraints" in wanted:
        options += ["--constraints", str(build.ROOT / wanted["constraints"])]
    if wanted.get("prereleases"):
        options += ["--prerelease", "allow"]
    if "index" in wanted:  # it has old copies of other packages, too
        options += ["--index", wanted["index"], "--index-strategy", "unsafe-best-match"]
    return options


def install(name: str, wanted: dict) -> Path:
    """Make the environment; returns its Python."""
    folder = build.ROOT / ".range" / name
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", wanted["python"], folder], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    into = [*uv, "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*into, *chosen(wanted), *asked_for(), *wanted.get("packages", [])], check=True)
    subprocess.run([*into, "--no-deps", "-e", build.ROOT], check=True)
    return python


def run(
    python: Path, report: Path, folder: Path, processes: int | str = "logical", variables: dict[str, str] | None = None
) -> None:
    """Execute the notebooks of a folder with another Python; what became of each cell goes into `report`.

    Args:
        processes: how many notebooks run at once; 0: one after the other, which starts sooner
        variables: of the environment, beside those there are
    """
    command = [str(python), "-m", "pytest", "-q", f"--digits-may-differ={report}", "--dist=loadfile",
               f"--numprocesses={processes}", "--rootdir", str(folder), "-c", str(build.ROOT / "pyproject.toml"),
               "--confcutdir", str(folder), "-p", "conftest", "-p", "no:cacheprovider", str(folder)]  # fmt: skip
    variables = os.environ | (variables or {})
    done = subprocess.run(command, cwd=build.ROOT, capture_output=True, text=True, env=variables)
    if not report.exists():
        raise SystemExit(f"The tests did not run with {python}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def read(report: Path) -> dict[str, dict]:
    """What became of each notebook: how many cells print the same, which do not, which failed, and how."""
    found: dict[str, dict] = {}
    for line in report.read_text(encoding="utf-8").splitlines():
        node, outcome, text = json.loads(line)
        notebook, _, cell = node.partition(".ipynb::")
        one = found.setdefault(notebook, {"same": 0, "differs": [], "failed": []})
        if outcome == "failed":
            one["failed"].append([cell, _last_line(text)])
        elif outcome == "differs":
            one["differs"].append(cell)
        elif outcome == "passed":
            one["same"] += 1
    return found


def _last_line(text: str) -> str:
    """The error of a failed cell: the last line of its traceback that names one."""
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line).strip() for line in text.splitlines()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Exit|Interrupt)\b", line)]
    return (errors or [line for line in lines if line] or ["no message"])[-1]


def versions(python: Path) -> dict[str, str]:
    """Versions of Python and of the libraries that decide."""
    code = (f"import json, platform; from importlib.metadata import version; print(json.dumps("
            f"{{'python': platform.python_version()}} | {{name: version(name) for name in {SHOWN!r}}}))")  # fmt: skip
    return json.loads(subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout)


def complaints(name: str, notebooks: dict[str, dict]) -> list[str]:
    """A line for each cell that failed: environment, notebook, cell, error."""
    return [
        f"{name}: {notebook}, {cell}: {error}" for notebook, one in notebooks.items() for cell, error in one["failed"]
    ]


def measure(name: str, wanted: dict) -> dict:
    python = install(name, wanted)
    report = build.ROOT / ".range" / f"{name}.jsonl"
    report.unlink(missing_ok=True)
    run(python, report, build.NOTEBOOKS, variables=wanted.get("variables"))
    return {
        "about": wanted["about"],
        "date": f"{date.today():%Y-%m-%d}",
        "versions": versions(python),
        "notebooks": read(report),
    }


def main() -> int:
    environments = tomllib.loads(ENVIRONMENTS.read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(environments)}")
    names = parser.parse_args().names or [name for name, wanted in environments.items() if "index" not in wanted]
    if unknown := [name for name in names if name not in environments]:
        parser.error(f"there is no environment {unknown[0]!r}. Choose from: {', '.join(environments)}")
    failed = []
    for name in names:
        results = range_results()
        results[name] = measure(name, environments[name])
        with replacing(RANGE, "w") as file:
            file.write(json.dumps({one: results[one] for one in environments if one in results}, indent=1) + "\n")
        found = results[name]["notebooks"].values()
        differ = sum(bool(one["differs"]) for one in found)
        print(f"{name}: {len(found)} notebooks, {differ} print something else", flush=True)
        failed += complaints(name, results[name]["notebooks"])
    print("\n".join(failed) or "no cell failed, every proof holds")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
