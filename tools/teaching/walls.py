"""The walls around what a student has written: see behind_walls.py for what is behind them."""

import functools
import json
import os
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from build import ROOT

PROGRAMS = ("setpriv", "unshare")
INSIDE = Path(__file__).with_name("behind_walls.py")
DIES_WITH_ITS_PARENT = ["--pdeathsig", "KILL"]
UNSHARE = ["--user", "--map-root-user", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
OF_THE_SYSTEM = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "sys/devices/system"]
OF_ETC = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "passwd",
    "group",
    "nsswitch.conf",
    "hosts",
    "fonts",
]
OF_THE_COURSE = [
    "benchmarks/results.json",
    "constraints.txt",
    "course_utils",
    "data",
    "pyproject.toml",
    "requirements.txt",
]
MEMORY, SECONDS = 4 * 2**30, 1800
HOME = "/tmp/home"


def readable() -> list[str]:
    """What student code may read: Python and its packages, programs of the system, course_utils and its data."""
    paths = {Path("/", name) for name in OF_THE_SYSTEM} | {Path("/etc", name) for name in OF_ETC}
    paths |= {ROOT / name for name in OF_THE_COURSE}
    paths |= {Path(sys.prefix), Path(sys.base_prefix), *map(Path, site.getsitepackages())}
    paths |= set(_homes_of(Path(sys.executable)))
    if os.environ.get("COURSE_DATA_DIR"):
        paths.add(Path(os.environ["COURSE_DATA_DIR"]).expanduser().absolute())
    found: list[str] = []
    for path in sorted(path for path in paths if path.exists()):
        if not any(path.is_relative_to(other) and not other.is_symlink() for other in map(Path, found)):
            found.append(str(path))
    return found


def _homes_of(program: Path) -> Iterator[Path]:
    """The folders of a Python and of those that it links to, such as that of a virtual environment."""
    while program.is_symlink():
        program = program.parent / program.readlink()
        yield Path(os.path.normpath(program.parent.parent))


def environment(walled: bool = True) -> dict[str, str]:
    """What student code finds in its environment: settings of the course and the language; yours only without walls."""
    if not walled:
        return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    kept = {name: value for name, value in os.environ.items() if name.startswith(("COURSE_", "LC_"))}
    own = {"HOME": HOME, "PYTHONPATH": str(ROOT), "PATH": os.defpath, "OMP_NUM_THREADS": "1"}
    return {"LANG": os.environ.get("LANG", "C.UTF-8"), "PYTHONDONTWRITEBYTECODE": "1", **kept, **own}


def command(inside: list[str], folder: Path, memory: int = MEMORY, seconds: int = SECONDS) -> list[str]:
    """The command that runs the command `inside` behind walls.

    Args:
        folder: can be written, from both sides; its folder `root` must exist and be empty
        memory: bytes for each process
        seconds: computing time for each process
    """
    walls = {
        "root": str(folder / "root"),
        "readable": readable(),
        "writable": [str(folder / "sockets")],
        "memory": memory,
        "seconds": seconds,
    }
    setpriv, unshare = (shutil.which(program) or program for program in PROGRAMS)
    outside = [setpriv, *DIES_WITH_ITS_PARENT, unshare, *UNSHARE]
    return [*outside, sys.executable, "-I", "-S", str(INSIDE), json.dumps(walls), *inside]


@functools.cache
def why_not() -> str:
    """Why this system has no such walls, in words; empty where it has."""
    if sys.platform != "linux":
        return f"{sys.platform} has no such walls: they exist on Linux only"
    for program in PROGRAMS:
        if not shutil.which(program):
            return f"the program {program} (package util-linux) is missing"
    with tempfile.TemporaryDirectory(prefix="walls-") as name:
        folder = Path(name)
        for part in ("root", "sockets"):
            (folder / part).mkdir()
        tried = subprocess.run(command([sys.executable, "-c", ""], folder), capture_output=True, text=True)
    if tried.returncode == 0:
        return ""
    lines = tried.stderr.strip().splitlines()
    return f"this system does not allow them ({lines[-1] if lines else f'exit status {tried.returncode}'})"
