"""Unpacking archives from elsewhere: whole or not at all, and never outside the folder they are meant for."""

import gzip
import lzma
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from .files import naming, replacing

DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError,
          NotImplementedError)  # fmt: skip
MOST_FILES = 100_000
BLOCK = 1 << 20  # bytes


def unpack(archive: str | Path, folder: str | Path, largest: int) -> None:
    """Unpack a .zip or .tgz beside `folder` and rename the result to it.

    The archive's one top folder, if it has just one, becomes `folder`. Names in it are taken for paths below.

    Args:
        folder: must not exist yet.
        largest: bytes that the files may have in all.

    Raises:
        ValueError: the archive is damaged or locked with a password, or it holds a link, a path that leads elsewhere,
            a file and a folder of one name, more than `largest` bytes, or very many files.
        FileExistsError: `folder` exists.
        OSError: the disk is full or the place not writable.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder} exists already. Delete it to unpack {archive.name} anew.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".unpacking-{folder.name}-") as unfinished:
        root, left = Path(unfinished, "content"), largest
        root.mkdir()
        with _refusing(archive), _members(archive) as members:
            for number, (name, source) in enumerate(members):
                if number == MOST_FILES:
                    raise ValueError(f"{archive} is refused: it holds more than {MOST_FILES} files.")
                target = root / _safe(name, archive)
                target.parent.mkdir(parents=True, exist_ok=True)
                with naming(target), open(target, "wb") as file:
                    left -= _copy(source, file, left, archive)
        entries = list(root.iterdir())
        if not entries:
            raise ValueError(f"{archive} holds no files.")
        alone = len(entries) == 1 and entries[0].is_dir()
        (entries[0] if alone else root).rename(folder)


def unpack_file(archive: str | Path, target: str | Path, largest: int) -> None:
    """Unpack a single file, packed as .gz, to `target`, which is replaced.

    Args:
        largest: bytes that it may have.

    Raises:
        ValueError: the archive is damaged, or it holds more than `largest` bytes.
        OSError: the disk is full or the place not writable.
    """
    archive = Path(archive)
    with _refusing(archive), gzip.open(archive) as source, replacing(target) as file:
        _copy(source, file, largest, archive)


def is_unpacked(archive: str | Path, target: str | Path) -> bool:
    """Whether `target` is what the .gz file `archive` holds, by the checksum at its end."""
    if not Path(target).is_file():
        return False
    with open(archive, "rb") as packed, open(target, "rb") as unpacked:
        packed.seek(-8, os.SEEK_END)  # CRC-32 and length
        found = 0
        while block := unpacked.read(BLOCK):
            found = zlib.crc32(block, found)
        return packed.read() == struct.pack("<II", found, unpacked.tell() % 2**32)


def _copy(source: IO[bytes], file: IO[bytes], largest: int, archive: Path) -> int:
    """Returns how many bytes there were."""
    written = 0
    while block := source.read(BLOCK):
        written += len(block)
        if written > largest:
            raise ValueError(f"{archive} is refused: unpacked it is larger than expected.")
        file.write(block)
    return written


@contextmanager
def _refusing(archive: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        raise ValueError(f"{archive} is damaged ({error}). Delete it and get it again.") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ValueError(f"{archive} is refused: it holds a file and a folder of one name.") from error


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Names and contents of the files in an archive."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            yield _zip_members(opened, archive)
    else:
        with tarfile.open(archive, "r:gz") as opened:
            yield _tar_members(opened, archive)


def _zip_members(opened: zipfile.ZipFile, archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    for member in opened.infolist():
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(f"{archive} is refused: {member.filename!r} is a link.")
        if member.flag_bits & 1:
            raise ValueError(f"{archive} is refused: {member.filename!r} is locked with a password.")
        if not member.is_dir():
            with opened.open(member) as source:
                yield member.filename, source


def _tar_members(opened: tarfile.TarFile, archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    for member in opened:
        if member.isfile():
            yield member.name, opened.extractfile(member)
        elif not member.isdir():
            raise ValueError(f"{archive} is refused: {member.name!r} is a link or a device.")
    while opened.fileobj.read(1 << 20):  # to the end, where the checksum is
        pass


def _safe(name: str, archive: Path) -> Path:
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise ValueError(f"{archive} is refused: the path {name!r} leads out of the folder it is unpacked into.")
    return Path(*path.parts)
