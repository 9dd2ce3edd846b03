"""Unpacking archives from elsewhere: whole or not at all, and never outside the folder they are meant for."""

import gzip
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError)


def unpack(archive: str | Path, folder: str | Path, largest: int) -> None:
    """Unpack a .zip or .tgz beside `folder` and rename the result to it.

    The archive's one top folder, if it has just one, becomes `folder`. Names in it are taken for paths below.

    Args:
        folder: must not exist yet.
        largest: bytes that the files may have in all.

    Raises:
        ValueError: the archive is damaged, or holds a link, a path that leads elsewhere, or more than `largest` bytes.
        FileExistsError: `folder` exists.
        OSError: the disk is full or the place not writable.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder} exists already. Delete it to unpack {archive.name} anew.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as unfinished:
        root, written = Path(unfinished), 0
        try:
            with _members(archive) as members:
                for name, source in members:
                    target = root / _safe(name, archive)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with open(target, "wb") as file:
                        while block := source.read(1 << 20):
                            written += len(block)
                            if written > largest:
                                raise ValueError(
                                    f"{archive} is refused: unpacked it has more than the expected {largest} bytes."
                                )
                            file.write(block)
        except DAMAGE as error:
            raise ValueError(f"{archive} is damaged ({error}). Delete it and get it again.") from error
        entries = list(root.iterdir())
        if not entries:
            raise ValueError(f"{archive} holds no files.")
        alone = len(entries) == 1 and entries[0].is_dir()
        if alone:
            entries[0].rename(folder)
        else:
            made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
            for entry in entries:
                shutil.move(entry, made / entry.name)
            made.rename(folder)


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
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise ValueError(f"{archive} is refused: the path {name!r} leads out of the folder it is unpacked into.")
    return Path(*path.parts)
