"""What a result is made with: versions for the record (lesson 10), and whether they are fit for the course (00)."""

import json
import os
import platform
import re
import tomllib
import warnings
from datetime import datetime
from importlib import metadata

import pandas as pd
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from threadpoolctl import ThreadpoolController

from .course import REPOSITORY

RANGE = REPOSITORY / "benchmarks" / "range.json"  # what `make range` found, see tools/versions.py


def environment() -> dict[str, str]:
    """Time, versions and machine, for the record."""
    versions = {name: metadata.version(name) for name in ("torch", "torchvision", "numpy")}
    gpus = {f"gpu {number}": torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())}
    machine = {"python": platform.python_version(), "system": platform.platform(), "cpu": platform.machine()}
    started = {"started": datetime.now().astimezone().isoformat(timespec="seconds")}
    return started | machine | versions | gpus | {"threads": str(torch.get_num_threads()), "cores": str(os.cpu_count())}


def made_with() -> dict[str, str]:
    """The exact versions that the stored outputs were made with, from constraints.txt, by the package's plain name."""
    pins = re.findall(r"^(.+)==(.+)$", (REPOSITORY / "constraints.txt").read_text(encoding="utf-8"), re.M)
    return {canonicalize_name(name): version for name, version in pins}


def check_environment() -> pd.DataFrame:
    """Compare the installed packages with what the course needs, and with those it was made with.

    pyproject.toml says which versions are too old or known to compute wrong, constraints.txt which ones the stored
    outputs were made with. Anything between is fine, though a printed digit may differ.

    Returns:
        One row per entry of requirements.txt: `package`, `installed`, `made with`, `verdict`, `why` it is there, and
        `what to do`, which is empty where nothing needs doing. One row more where two libraries for threads are loaded
        that crash each other.
    """
    texts = {name: (REPOSITORY / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "requirements.txt")}
    needed = {
        canonicalize_name(one.name): one
        for one in map(Requirement, tomllib.loads(texts["pyproject.toml"])["project"]["dependencies"])
    }
    pins = made_with()
    rows = []
    for package, why in re.findall(r"^([a-z][\w-]*)\s+# (.+)$", texts["requirements.txt"], re.M):
        try:
            installed = metadata.version(package)
        except metadata.PackageNotFoundError:
            installed = "missing"
        verdict = _verdict(installed, pins[package], needed.get(canonicalize_name(package), Requirement(package)))
        fit = verdict in ("as made", "should work")
        todo = "" if fit else f"python -m pip install {package}=={pins[package]}"
        rows.append([package, installed, pins[package], verdict, why, todo])
    columns = ["package", "installed", "made with", "verdict", "why", "what to do"]
    return pd.DataFrame(rows + _openmp(), columns=columns)


def _verdict(installed: str, pin: str, needed: Requirement) -> str:
    if installed == "missing":
        return "missing"
    version = Version(installed)
    if version.public == pin:  # a CPU build calls itself 2.15.0+cpu and is the same release
        return "as made"
    if needed.specifier.contains(version, prereleases=True):
        return "should work"
    floors = [Version(one.version) for one in needed.specifier if one.operator == ">="]
    return "too old" if any(version < floor for floor in floors) else "known to be wrong"


def _openmp() -> list[list[str]]:
    """A row where threadpoolctl warns of OpenMP runtimes that crash each other; copies of one kind do no harm."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        prefixes = {one.prefix for one in ThreadpoolController().lib_controllers if one.user_api == "openmp"}
    if not found:
        return []
    todo = "install everything with pip (make lab), or set MKL_THREADING_LAYER=GNU; else the kernel may die"
    return [["OpenMP", " and ".join(sorted(prefixes)), "one of them", "a clash", "runs threads", todo]]


def tried() -> str:
    """What is known of the installed version of torch, in one sentence.

    Returns:
        That the stored outputs were made with it; or what became of the lessons with it, or with another patch of the
        same minor version; or which versions beside it were tried. "" where nothing is known: another version than
        the stored outputs', and no benchmarks/range.json, which `make range` writes.
    """
    mine, pin = Version(Version(metadata.version("torch")).public), Version(made_with()["torch"])
    if mine == pin:
        return f"Your torch {mine} is the one that the stored outputs were made with."
    found = {Version(Version(one["versions"]["torch"]).public): one for one in range_results().values()}
    if not found:
        return ""
    if alike := [version for version in found if version.release[:2] == mine.release[:2]]:
        nearest = mine if mine in alike else max(alike)
        subject = f"Your torch {mine}" if nearest == mine else f"Next to your torch {mine}, {nearest}"
        return f"{subject} was tried on {found[nearest]['date']}: {_outcome(found[nearest]['notebooks'])}."
    older = max((version for version in [*found, pin] if version < mine), default=None)
    newer = min((version for version in [*found, pin] if version > mine), default=None)
    if older and newer:
        where = f"between {older} and {newer}, which were tried"
    else:
        where = f"newer than {older}, the newest that was tried" if older else f"older than {newer}, the oldest tried"
    return f"Your torch {mine} is {where}; printed digits may differ."


def range_results() -> dict[str, dict]:
    """What `make range` found: environment -> `about`, `date`, `versions`, and `notebooks` with what became of each."""
    return json.loads(RANGE.read_text(encoding="utf-8")) if RANGE.exists() else {}


def became(notebook: dict) -> str:
    """What became of a notebook with other versions: "same", "differs" (in printed digits) or "failed"."""
    return "failed" if notebook["failed"] else "differs" if notebook["differs"] else "same"


def _outcome(notebooks: dict[str, dict]) -> str:
    """The lessons' numbers in words; solutions stand in the table of benchmarks/README.md."""
    lessons = {name[:2]: became(one) for name, one in notebooks.items() if re.match(r"\d\d_", name)}
    differ = sorted(number for number, what in lessons.items() if what == "differs")
    failed = sorted(number for number, what in lessons.items() if what == "failed")
    same = f"{len(lessons) - len(differ) - len(failed)} of {len(lessons)} lessons print the same"
    digits = f"{listed(differ)} {'print' if differ[1:] else 'prints'} other digits" if differ else ""
    holds = f"not everything works in {listed(failed)}" if failed else "every statement holds"
    return "; ".join(filter(None, [same, digits, holds]))


def listed(names: list[str]) -> str:
    """Names as a sentence has them: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
