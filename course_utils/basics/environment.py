"""What a result is made with: versions for the record (lesson 10), and whether they are fit for the course (00)."""

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


def environment() -> dict[str, str]:
    """Time, versions and machine, for the record."""
    versions = {name: metadata.version(name) for name in ("torch", "torchvision", "numpy")}
    gpus = {f"gpu {number}": torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())}
    machine = {"python": platform.python_version(), "system": platform.platform(), "cpu": platform.machine()}
    started = {"started": datetime.now().astimezone().isoformat(timespec="seconds")}
    return started | machine | versions | gpus | {"threads": str(torch.get_num_threads()), "cores": str(os.cpu_count())}


def check_environment() -> pd.DataFrame:
    """Compare the installed packages with what the course needs, and with those it was made with.

    pyproject.toml says which versions are too old or known to compute wrong, constraints.txt which ones the stored
    outputs were made with. Anything between is fine, though a printed digit may differ.

    Returns:
        One row per entry of requirements.txt: `package`, `installed`, `made with`, `verdict`, `why` it is there, and
        `what to do`, which is empty where nothing needs doing. One row more where two libraries for threads are loaded
        that crash each other.
    """
    texts = {
        name: (REPOSITORY / name).read_text(encoding="utf-8")
        for name in ("pyproject.toml", "requirements.txt", "constraints.txt")
    }
    needed = {
        canonicalize_name(one.name): one
        for one in map(Requirement, tomllib.loads(texts["pyproject.toml"])["project"]["dependencies"])
    }
    pins = re.findall(r"^(.+)==(.+)$", texts["constraints.txt"], re.M)
    made_with = {canonicalize_name(name): version for name, version in pins}
    rows = []
    for package, why in re.findall(r"^([a-z][\w-]*)\s+# (.+)$", texts["requirements.txt"], re.M):
        try:
            installed = metadata.version(package)
        except metadata.PackageNotFoundError:
            installed = "missing"
        verdict = _verdict(installed, made_with[package], needed.get(canonicalize_name(package), Requirement(package)))
        fit = verdict in ("as made", "should work")
        todo = "" if fit else f"python -m pip install {package}=={made_with[package]}"
        rows.append([package, installed, made_with[package], verdict, why, todo])
    columns = ["package", "installed", "made with", "verdict", "why", "what to do"]
    return pd.DataFrame(rows + _openmp(), columns=columns)


def _verdict(installed: str, made_with: str, needed: Requirement) -> str:
    if installed == "missing":
        return "missing"
    version = Version(installed)
    if version.public == made_with:  # a CPU build calls itself 2.15.0+cpu and is the same release
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
