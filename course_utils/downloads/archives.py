"""Unpacking what has been downloaded and checked: whole or not at all."""

import gzip
import lzma
import os
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..basics.files import naming, replacing

DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError)
BLOCK = 1 << 20  # bytes


def unpack(archive: str | Path, folder: str | Path) -> None:
    """Unpack a .zip or .tgz beside `folder` and rename the result to it.

    The archive's one top folder, if it has just one, becomes `folder`. Give it files that have just matched a known
    checksum: how large they become is not looked at.

    Raises:
        ValueError: the archive is damaged or empty.
        FileExistsError: `folder` exists.
        OSError: the disk is full or the place not writable.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder} exists already. Delete it to unpack {archive.name} anew.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".unpacking-{folder.name}-") as unfinished:
        root = Path(unfinished, "content")
        root.mkdir()
        with _named_damage(archive), naming(root):
            if archive.suffix == ".zip":
                with zipfile.ZipFile(archive) as opened:
                    opened.extractall(root)
            else:
                with tarfile.open(archive, "r:gz") as opened:
                    opened.extractall(root, filter="data")
                    while opened.fileobj and opened.fileobj.read(BLOCK):  # to the end, where the checksum is
                        pass
        entries = list(root.iterdir())
        if not entries:
            raise ValueError(f"{archive} holds no files.")
        alone = len(entries) == 1 and entries[0].is_dir()
        (entries[0] if alone else root).rename(folder)


def unpack_file(archive: str | Path, target: str | Path) -> None:
    """Unpack a single file, packed as .gz, to `target`, which is replaced.

    Raises:
        ValueError: the archive is damaged.
        OSError: the disk is full or the place not writable.
    """
    archive = Path(archive)
    with _named_damage(archive), gzip.open(archive) as source, replacing(target) as file:
        shutil.copyfileobj(source, file)


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


@contextmanager
def _named_damage(archive: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        raise ValueError(f"{archive} is damaged ({error}). Delete it and get it again.") from error
