"""What the profile `full` needs, and what to do where it is missing. Lesson 00 tells how to use it."""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..basics import course

MANIFEST = course.REPOSITORY / "data" / "manifest.toml"


@dataclass(frozen=True)
class RemoteFile:
    """A file of the manifest; `path` is where it belongs below the data folder, `digest` begins its checksum."""

    path: str
    urls: tuple[str, ...]
    bytes: int
    algorithm: str
    digest: str

    @property
    def place(self) -> str:
        """Where it is looked for: what was packed by itself (.gz) lies unpacked beside itself."""
        return self.path.removesuffix(".gz")

    def is_whole(self, file: Path) -> bool:
        """Whether `file` is there and has the checksum."""
        if not file.is_file():
            return False
        with open(file, "rb") as content:
            return hashlib.file_digest(content, self.algorithm).hexdigest().startswith(self.digest)


@dataclass(frozen=True)
class DataSet:
    """An entry of the manifest: files to download, and for archives the `folder` that is made of them.

    Attributes:
        sample: what stands for it in the profile "sample", a path from the repository's root, if any; what has no
            files to download is the same in both profiles.
        sample_note: where the profile "sample" has it from, if not from a file of the course.
        layout: what else is made of the archive: "flowers102", see `lay_out`.
    """

    name: str
    title: str
    used_by: tuple[str, ...]
    licence: str
    files: tuple[RemoteFile, ...]
    sample: str | None = None
    sample_note: str | None = None
    layout: str | None = None
    folder: str | None = None
    archive: str | None = None
    unpacked_bytes: int = 0

    @property
    def megabytes(self) -> float:
        """Size of the download."""
        return sum(file.bytes for file in self.files) / 1e6

    def places(self) -> list[Path]:
        """Where it is looked for: its folder, or its files."""
        root = course.current().data_dir
        return [root / self.folder] if self.folder else [root / file.place for file in self.files]

    def missing(self) -> list[Path]:
        """Those of `places` where nothing is. Other weights of the same network will do, see `weights_files`."""
        gone = [place for place in self.places() if not place.exists()]
        return [place for place in gone if not weights_files(place.stem.rpartition("-")[0])]


def weights_files(network: str) -> list[Path]:
    """Files of weights of that network in the folder `weights` of the data folder: NETWORK-XXXXXXXX with the ending
    .safetensors or .pth, where XXXXXXXX begins its sha256."""
    pattern = re.compile(re.escape(network) + r"-[0-9a-f]{8}\.(safetensors|pth)")
    return sorted(path for path in (course.current().data_dir / "weights").glob("*") if pattern.fullmatch(path.name))


def data_sets() -> dict[str, DataSet]:
    """Everything the lessons use, by name."""
    entries = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    return {name: _data_set(name, entry) for name, entry in entries.items()}


def _data_set(name: str, entry: dict[str, Any]) -> DataSet:
    files = []
    for file in entry.pop("files", []):
        algorithm = "sha256" if "sha256" in file else "md5"
        files.append(RemoteFile(file["path"], tuple(file["urls"]), file["bytes"], algorithm, file[algorithm]))
    return DataSet(name, files=tuple(files), **(entry | {"used_by": tuple(entry["used_by"])}))


def locate(name: str) -> Path:
    """Where the data set `name` lies in the profile that is on: its folder, or its (first) file.

    Raises:
        FileNotFoundError: it is not there, or the profile "sample" has no file of it; the message says what to do.
    """
    wanted = data_sets()[name]
    if course.current().profile == "sample" or not wanted.files:
        if wanted.sample is None:
            raise FileNotFoundError(f"{wanted.title}: a file only in the profile 'full'. Set COURSE_PROFILE=full.")
        return course.REPOSITORY / wanted.sample
    require([wanted])
    return wanted.places()[0]


def needs(lesson: str) -> list[DataSet]:
    """What a lesson, given by its number, needs in the profile "full"."""
    return [wanted for wanted in data_sets().values() if lesson in wanted.used_by]


def require(sets: Iterable[DataSet]) -> None:
    """Make sure that data sets are there.

    Raises:
        FileNotFoundError: some are not; the message says which, and what to do.
    """
    if missing := [wanted for wanted in sets if wanted.missing()]:
        lines = [f"The profile 'full' needs: {one.title}. There is no {one.missing()[0]}." for one in missing]
        raise FileNotFoundError("\n".join([*lines, advice(missing)]))


def advice(sets: Sequence[DataSet]) -> str:
    """The ways to get data sets."""
    root, megabytes = course.current().data_dir, sum(wanted.megabytes for wanted in sets)
    by_hand = "\n".join(f"    {file.urls[0]}\n      -> {root / file.path}" for wanted in sets for file in wanted.files)
    return (
        f"Get it ({megabytes:.0f} MB) with: python -m course_utils.downloads {' '.join(one.name for one in sets)}\n"
        "Or everything the lessons use with: make data\n"
        f"Or by hand, with a browser, and then the same command, which unpacks it:\n{by_hand}\n"
        "Or set COURSE_DATA_DIR to another folder, that has it or can be written, or COURSE_PROFILE=sample to use what "
        "comes with the course."
    )
