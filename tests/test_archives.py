"""Checks of unpacking: whole or not at all, and nothing outside the folder."""

import gzip
import io
import os
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from course_utils.downloads.archives import is_unpacked, unpack, unpack_file

FILES = {"photos/a/1.jpg": b"one", "photos/b/two words.jpg": b"two" * 1000}


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_tgz(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


MAKERS = {"photos.zip": make_zip, "photos.tgz": make_tgz}
both = pytest.mark.parametrize("name", MAKERS)


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(archive: Path, match: str) -> None:
    """With that message, and nothing is left behind, here or anywhere above."""
    before = content_of(archive.parent.parent)
    with pytest.raises(ValueError, match=match):
        unpack(archive, archive.parent / "out")
    assert content_of(archive.parent.parent) == before
    assert os.listdir(archive.parent) == [archive.name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    return tmp_path / "deep"


@both
def test_the_one_top_folder_becomes_the_folder(name: str, folder: Path) -> None:
    unpack(MAKERS[name](folder / name, FILES), folder / "new" / "pictures")
    assert content_of(folder / "new" / "pictures") == {"a/1.jpg": b"one", "b/two words.jpg": b"two" * 1000}
    assert os.listdir(folder / "new") == ["pictures"]


@both
def test_several_entries_at_the_top_are_kept_side_by_side(name: str, folder: Path) -> None:
    files = {"a/1.jpg": b"one", "b/2.jpg": b"two", "README": b"three"}
    unpack(MAKERS[name](folder / name, files), folder / "pictures")
    assert content_of(folder / "pictures") == files
    assert sorted(os.listdir(folder)) == sorted([name, "pictures"])


@both
@pytest.mark.parametrize("path", ["../evil.txt", "photos/../../evil.txt", "/tmp/evil.txt"])
def test_nothing_is_written_outside_the_folder(name: str, path: str, folder: Path) -> None:
    with suppress(ValueError):
        unpack(MAKERS[name](folder / name, FILES | {path: b"evil"}), folder / "out")
    elsewhere = [place for place in folder.parent.rglob("evil.txt") if folder / "out" not in place.parents]
    assert elsewhere == [] and not Path("/tmp/evil.txt").exists()


@both
@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_truncated_archive_is_refused(name: str, keep: int, folder: Path) -> None:
    archive = MAKERS[name](folder / name, FILES | {"photos/noise": os.urandom(5000)})
    archive.write_bytes(archive.read_bytes()[:keep])
    assert_refused(archive, "is damaged|holds no files")


@both
def test_a_flipped_byte_is_noticed(name: str, folder: Path) -> None:
    archive = MAKERS[name](folder / name, {"photos/noise": os.urandom(5000)})
    content = bytearray(archive.read_bytes())
    content[2500] ^= 0xFF
    archive.write_bytes(content)
    assert_refused(archive, "is damaged")


@both
def test_an_empty_archive_is_refused(name: str, folder: Path) -> None:
    assert_refused(MAKERS[name](folder / name, {}), "holds no files")


@both
def test_an_existing_folder_is_kept(name: str, folder: Path) -> None:
    (folder / "pictures").mkdir()
    (folder / "pictures" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="exists already"):
        unpack(MAKERS[name](folder / name, FILES), folder / "pictures")
    assert content_of(folder / "pictures") == {"mine.txt": b"mine"}


def test_what_cannot_be_decompressed_is_damaged(folder: Path) -> None:
    with zipfile.ZipFile(folder / "photos.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.jpg", bytes(range(256)) * 100)
    content = bytearray((folder / "photos.zip").read_bytes())
    content[80:120] = b"\xff" * 40
    (folder / "photos.zip").write_bytes(content)
    assert_refused(folder / "photos.zip", "damaged")


# -- single files -----------------------------------------------------------------------------------------------------


@pytest.fixture
def packed(folder: Path) -> Path:
    (folder / "labels.gz").write_bytes(gzip.compress(b"labels" * 1000))
    return folder / "labels.gz"


def test_a_single_file_is_unpacked_and_replaces_a_damaged_one(packed: Path) -> None:
    target = packed.with_suffix("")
    for before in (None, b"labels", b"labelz" * 1000):
        if before:
            target.write_bytes(before)
        assert not is_unpacked(packed, target)
        unpack_file(packed, target)
        assert target.read_bytes() == b"labels" * 1000 and is_unpacked(packed, target)


def test_a_damaged_single_file_is_refused_and_nothing_written(packed: Path) -> None:
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(ValueError, match="damaged"):
        unpack_file(packed, packed.with_suffix(""))
    assert os.listdir(packed.parent) == [packed.name]
