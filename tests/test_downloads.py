"""Checks of downloads: every fault of a server, a network or a disk, on the loopback interface."""

import errno
import gzip
import hashlib
import io
import multiprocessing
import os
import re
import shutil
import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import needs
import pytest
from file_server import FileServer, serving

from course_utils.basics import course
from course_utils.downloads import fetch as downloads, manifest
from course_utils.downloads.__main__ import main

PICTURE = bytes(range(256)) * 1200  # 307,200 bytes: more than one block
ENTRY = """
[pictures]
title = "Some pictures"
used_by = ["01"]
licence = "none"
folder = "pictures"
archive = "pictures.zip"
unpacked_bytes = 1_000_000
[[pictures.files]]
path = "pictures.zip"
urls = ["{first}/pictures.zip", "{second}/pictures.zip"]
bytes = {zip_bytes}
sha256 = "{zip_sha256}"
[weights]
title = "Some weights"
used_by = ["06"]
licence = "none"
[[weights.files]]
path = "weights/net.pth"
urls = ["{first}/weights/net.pth", "{second}/weights/net.pth"]
bytes = {bytes}
sha256 = "{sha256}"
[digits]
title = "Some digits"
used_by = ["03"]
licence = "none"
unpacked_bytes = 1_000_000
[[digits.files]]
path = "raw/digits.gz"
urls = ["{first}/raw/digits.gz"]
bytes = {gz_bytes}
sha256 = "{gz_sha256}"
"""


def zipped(files: dict[str, bytes]) -> bytes:
    store = io.BytesIO()
    with zipfile.ZipFile(store, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return store.getvalue()


def offer(monkeypatch: pytest.MonkeyPatch, folder: Path, first: str, second: str, archive: bytes) -> None:
    """Let the manifest list the two data sets above, with `archive` as pictures.zip."""
    text = ENTRY.format(
        first=first,
        second=second,
        bytes=len(PICTURE),
        sha256=hashlib.sha256(PICTURE).hexdigest()[:8],
        zip_bytes=len(archive),
        zip_sha256=hashlib.sha256(archive).hexdigest(),
        gz_bytes=len(PACKED),
        gz_sha256=hashlib.sha256(PACKED).hexdigest(),
    )
    (folder / "manifest.toml").write_text(text)
    monkeypatch.setattr(manifest, "MANIFEST", folder / "manifest.toml")


ARCHIVE = zipped({"photos/a/1.jpg": b"one", "photos/b/two words.jpg": b"two"})
PACKED = gzip.compress(PICTURE)
FILES = {"pictures.zip": ARCHIVE, "weights/net.pth": PICTURE, "raw/digits.gz": PACKED}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder of the profile full."""
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("COURSE_MIRROR", raising=False)
    monkeypatch.setattr(course, "_current", None)
    monkeypatch.setattr(downloads, "TIMEOUT", (2, 1))
    return tmp_path / "data"


@pytest.fixture
def first(root: Path) -> Iterator[FileServer]:
    with serving(dict(FILES)) as server:
        yield server


@pytest.fixture
def second(first: FileServer, root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FileServer]:
    """The second mirror; both are in the manifest."""
    with serving(dict(FILES)) as server:
        offer(monkeypatch, tmp_path, first.address, server.address, ARCHIVE)
        yield server


def no_permission(path: Path, *args: object) -> None:
    raise PermissionError(errno.EACCES, "Permission denied", str(path))


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# -- when all is well -------------------------------------------------------------------------------------------------


def test_a_file_is_downloaded_once(root: Path, first: FileServer, second: FileServer) -> None:
    assert downloads.fetch("weights") == root / "weights" / "net.pth"
    assert (root / "weights" / "net.pth").read_bytes() == PICTURE
    downloads.fetch("weights")
    assert first.requests == [("weights/net.pth", None)] and second.requests == []
    assert [name for name in files_in(root) if not name.endswith(".lock")] == ["weights/net.pth"]


def test_an_archive_is_unpacked_into_its_folder_once(root: Path, first: FileServer, second: FileServer) -> None:
    assert downloads.fetch("pictures") == root / "pictures"
    assert files_in(root / "pictures") == ["a/1.jpg", "b/two words.jpg"]
    (root / "pictures.zip").unlink()  # to save room
    downloads.fetch("pictures")
    assert first.requests == [("pictures.zip", None)]


def test_a_single_packed_file_is_unpacked_beside_itself_once(root: Path, first: FileServer, second: FileServer) -> None:
    assert downloads.fetch("digits") == root / "raw" / "digits"
    downloads.fetch("digits")
    assert (root / "raw" / "digits").read_bytes() == PICTURE and first.requests == [("raw/digits.gz", None)]


def test_a_data_folder_that_is_served_is_a_mirror(
    root: Path, first: FileServer, second: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pictures", "weights", "digits"):
        downloads.fetch(name)
    first.requests.clear()
    with serving({name: (root / name).read_bytes() for name in files_in(root)}) as classroom:
        monkeypatch.setenv("COURSE_MIRROR", classroom.address)
        monkeypatch.setenv("COURSE_DATA_DIR", str(root.with_name("of a learner")))
        for name in ("pictures", "weights", "digits"):
            downloads.fetch(name)
        assert len(classroom.requests) == 3 and first.requests == []


def test_a_folder_that_has_everything_need_not_be_written(
    root: Path, second: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("pictures", "weights", "digits")
    places = [downloads.fetch(name) for name in names]
    monkeypatch.setattr(downloads, "FileLock", no_permission)
    assert [downloads.fetch(name) for name in names] == places


def test_an_archive_put_there_by_hand_is_used_without_any_server(root: Path, first: FileServer, second: FileServer):
    root.mkdir()
    (root / "pictures.zip").write_bytes(ARCHIVE)
    downloads.fetch("pictures")
    assert files_in(root / "pictures") == ["a/1.jpg", "b/two words.jpg"]
    assert first.requests == second.requests == []


def test_a_mirror_named_by_the_environment_is_asked_first(
    root: Path, first: FileServer, second: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(dict(FILES)) as classroom:
        monkeypatch.setenv("COURSE_MIRROR", classroom.address + "/")
        downloads.fetch("weights")
        assert classroom.requests == [("weights/net.pth", None)] and first.requests == []


def test_a_redirect_is_followed(root: Path, first: FileServer, second: FileServer) -> None:
    first.fault = "redirect"
    downloads.fetch("weights")
    assert [path for path, _ in first.requests] == ["weights/net.pth", "moved/weights/net.pth"]


# -- what can go wrong ------------------------------------------------------------------------------------------------


def test_a_server_that_calls_an_archive_an_encoding_gives_it_as_it_is(root: Path, first: FileServer, second) -> None:
    first.fault = "calls it encoded"
    assert downloads.fetch("digits").read_bytes() == PICTURE


@pytest.mark.parametrize("fault", ["404", "500", "truncated", "too long", "stalls"])
def test_where_one_mirror_fails_the_next_is_asked(
    fault: str, root: Path, first: FileServer, second: FileServer
) -> None:
    first.fault = fault
    assert downloads.fetch("weights").read_bytes() == PICTURE
    assert second.requests


def test_a_wrong_checksum_is_refused_and_the_next_mirror_asked(
    root: Path, first: FileServer, second: FileServer
) -> None:
    first.files["weights/net.pth"] = PICTURE[:-1] + b"!"
    assert downloads.fetch("weights").read_bytes() == PICTURE
    assert second.requests == [("weights/net.pth", None)]


def test_a_connection_that_drops_is_resumed_where_it_was(root: Path, first: FileServer, second: FileServer) -> None:
    first.fault, first.drops = "drops", 2
    assert downloads.fetch("weights").read_bytes() == PICTURE
    none, *starts = [wanted and int(wanted.strip("bytes=-")) for _, wanted in first.requests]
    assert none is None and starts == [
        pytest.approx(part * len(PICTURE), abs=2 * downloads.BLOCK) for part in (0.5, 0.75)
    ]
    assert second.requests == []


def test_what_was_received_is_kept_for_the_next_time(root: Path, first: FileServer, second: FileServer) -> None:
    first.fault, first.drops, second.fault = "drops", 99, "404"
    with pytest.raises(OSError, match="the connection broke off"):
        downloads.fetch("weights")
    received = (root / "weights" / "net.pth.part").stat().st_size
    assert 0 < received < len(PICTURE) and not (root / "weights" / "net.pth").exists()
    first.fault = ""
    first.requests.clear()
    assert downloads.fetch("weights").read_bytes() == PICTURE
    assert first.requests == [("weights/net.pth", f"bytes={received}-")]


def test_a_server_that_ignores_ranges_sends_all_of_it_again(root: Path, first: FileServer, second: FileServer) -> None:
    (root / "weights").mkdir(parents=True)
    (root / "weights" / "net.pth.part").write_bytes(PICTURE[:1000])
    first.fault = "ignores ranges"
    assert downloads.fetch("weights").read_bytes() == PICTURE


@pytest.mark.parametrize("leftover", [PICTURE + b"more", PICTURE[:-1] + b"!", b"?" * len(PICTURE)])
def test_a_wrong_leftover_does_no_lasting_harm(
    leftover: bytes, root: Path, first: FileServer, second: FileServer
) -> None:
    (root / "weights").mkdir(parents=True)
    (root / "weights" / "net.pth.part").write_bytes(leftover)
    assert downloads.fetch("weights").read_bytes() == PICTURE


@pytest.mark.parametrize("fault", ["", "whole range"])
def test_a_wrong_leftover_does_no_harm_where_there_is_one_server(
    fault: str, root: Path, first: FileServer, second: FileServer
) -> None:
    (root / "raw").mkdir(parents=True)
    (root / "raw" / "digits.gz.part").write_bytes(b"?" * 100)
    first.fault = fault
    assert downloads.fetch("digits").read_bytes() == PICTURE


def test_a_damaged_file_that_was_put_there_by_hand_is_named(root: Path, first: FileServer, second: FileServer) -> None:
    (root / "raw").mkdir(parents=True)
    (root / "raw" / "digits.gz").write_bytes(PACKED[:50])
    first.fault = "404"
    with pytest.raises(OSError, match="digits.gz is there, but damaged or another file"):
        downloads.fetch("digits")
    first.fault = ""
    assert downloads.fetch("digits").read_bytes() == PICTURE


@pytest.mark.parametrize("damaged", [b"", PICTURE[:1000], PICTURE[:-1] + b"!"])
def test_a_file_that_was_half_unpacked_is_unpacked_again(
    damaged: bytes, root: Path, first: FileServer, second: FileServer
) -> None:
    place = downloads.fetch("digits")
    place.write_bytes(damaged)
    assert downloads.fetch("digits").read_bytes() == PICTURE
    assert len(first.requests) == 1


def test_what_a_killed_program_has_left_of_unpacking_is_removed(root: Path, second: FileServer) -> None:
    (root / ".unpacking-pictures-x" / "content").mkdir(parents=True)
    downloads.fetch("pictures")
    assert not list(root.glob(".unpacking*"))


def test_a_damaged_file_is_replaced_by_a_whole_one(root: Path, first: FileServer, second: FileServer) -> None:
    (root / "weights").mkdir(parents=True)
    (root / "weights" / "net.pth").write_bytes(PICTURE[:1000])
    assert downloads.fetch("weights").read_bytes() == PICTURE


def test_where_all_mirrors_fail_the_error_names_each_and_the_way_by_hand(
    root: Path, first: FileServer, second: FileServer
) -> None:
    first.fault, second.fault = "404", "500"
    with pytest.raises(OSError) as caught:
        downloads.fetch("weights")
    message = str(caught.value)
    assert f"{first.address}/weights/net.pth: the server answers 404" in message
    assert f"{second.address}/weights/net.pth: the server answers 500" in message
    assert str(root / "weights" / "net.pth") in message and "by hand" in message
    assert "python -m course_utils.downloads weights" in message


def test_a_server_that_stalls_is_given_up_after_the_timeout(root: Path, first: FileServer, second: FileServer) -> None:
    first.fault = second.fault = "stalls"
    start = time.monotonic()
    with pytest.raises(OSError, match="no answer within 1 s"):
        downloads.fetch("weights")
    assert time.monotonic() - start < 20


def test_without_a_network_it_fails_within_seconds(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    offer(monkeypatch, tmp_path, "http://127.0.0.1:9", "http://nowhere.invalid", ARCHIVE)
    start = time.monotonic()
    with pytest.raises(OSError, match="no connection"):
        downloads.fetch("weights")
    assert time.monotonic() - start < 10


def test_a_disk_without_room_is_refused_before_the_download(
    root: Path, first: FileServer, second: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = len(PACKED) + 999_999  # the archive would fit, and not what is in it
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9 - free, free))
    with pytest.raises(OSError, match="digits needs 1 MB in .*, there are 1 MB left") as caught:
        downloads.fetch("digits")
    assert "COURSE_DATA_DIR" in str(caught.value)
    assert first.requests == []


@pytest.mark.parametrize("name", ["weights", "pictures", "digits"])
def test_a_disk_that_fills_up_is_named_with_the_file_and_what_to_do(
    name: str, root: Path, second: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if name == "weights":
        monkeypatch.setattr(downloads.tqdm, "update", no_room)
    else:
        monkeypatch.setattr(shutil, "copyfileobj", no_room)
    with pytest.raises(OSError, match=r"No space left on device: '.*[/\\](net.pth.part|content|digits)'") as caught:
        downloads.fetch(name)
    assert "by hand" in str(caught.value) and "COURSE_DATA_DIR to another folder" in str(caught.value)
    monkeypatch.undo()
    assert not (root / "pictures").exists() and not (root / "raw" / "digits").exists()


def test_a_place_that_cannot_be_written_is_named_with_what_to_do(
    root: Path, second: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    root.mkdir()
    (root / "weights").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="(?s)weights.*by hand"):
        downloads.fetch("weights")
    monkeypatch.setattr(downloads, "FileLock", no_permission)
    with pytest.raises(OSError, match="(?s)Permission denied: .*COURSE_DATA_DIR to another folder"):
        downloads.fetch("pictures")


def test_an_unknown_name_is_refused_with_those_that_are_known(root: Path, second: FileServer) -> None:
    with pytest.raises(ValueError, match="no data set 'mnits'. Choose from: pictures, weights"):
        downloads.fetch("mnits")


# -- killed, and two at once ------------------------------------------------------------------------------------------


@needs.fork
@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_killed_in_the_middle_it_goes_on_afterwards(root: Path, first: FileServer, second: FileServer) -> None:
    first.fault = "stalls"
    process = multiprocessing.get_context("fork").Process(target=downloads.fetch, args=("weights",))
    process.start()
    part = root / "weights" / "net.pth.part"
    deadline = time.monotonic() + 10
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not (root / "weights" / "net.pth").exists()
    first.fault = ""
    assert downloads.fetch("weights").read_bytes() == PICTURE


@needs.fork
@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_two_processes_at_once_do_no_harm(root: Path, first: FileServer, second: FileServer) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=downloads.fetch, args=("pictures",)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert files_in(root / "pictures") == ["a/1.jpg", "b/two words.jpg"]
    assert first.requests == [("pictures.zip", None)], "the others waited"


# -- the program and the manifest -------------------------------------------------------------------------------------


def test_the_program_fetches_what_is_named_and_goes_on_after_an_error(
    root: Path, first: FileServer, second: FileServer, capsys: pytest.CaptureFixture
) -> None:
    del first.files["pictures.zip"], second.files["pictures.zip"]
    assert main(["pictures", "weights"]) == 1
    printed = capsys.readouterr()
    assert "error: pictures.zip could not be downloaded" in printed.err and "Traceback" not in printed.err
    assert f"weights: {root / 'weights' / 'net.pth'}" in printed.out


def test_the_program_lists_what_is_here_and_what_is_missing(
    root: Path, second: FileServer, capsys: pytest.CaptureFixture
) -> None:
    downloads.fetch("weights")
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[3] for line in lines if line.startswith(("pictures", "weights"))] == ["missing", "here"]


def test_the_program_refuses_an_unknown_name(root: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["mnits"])
    assert caught.value.code == 2 and "there is no mnits" in capsys.readouterr().err


def test_the_manifest_is_well_formed() -> None:
    for name, one in manifest.data_sets().items():
        assert one.title and one.licence, name
        for file in one.files:
            beginning, _, rest = Path(file.path).name.partition("-")  # between them weights may name their author
            assert all(url.startswith("https://") and beginning in url and url.endswith(rest) for url in file.urls)
            assert file.bytes > 0 and len(file.digest) >= 8
            assert not Path(file.path).is_absolute() and ".." not in file.path


def test_the_manifest_knows_which_lesson_uses_what() -> None:
    """By it a lesson says at once what is missing, and a notebook is built anew when its data changes."""
    calls = {"hymenoptera": "hymenoptera", "mnist": "load_digits28", "flowers": r"flowers\(",
             "resnet18": "pretrained_resnet18|make_backbone", "temperatures": "load_temperatures",
             "chinese_sentences": "chinese_sentences", "docstrings": "docstring_sentences",
             "imagenet_network": "load_imagenet_network", "photos": r'locate\("photos"\)'}  # fmt: skip
    lessons = sorted((course.REPOSITORY / "lessons").glob("[0-9]*.py"))
    exercises = sorted((course.REPOSITORY / "lessons" / "exercises").glob("[0-9]*.py"))
    for name, call in calls.items():
        users, practised = (
            [path.name[:2] for path in sources if re.search(call, path.read_text(encoding="utf-8"))]
            for sources in (lessons, exercises)
        )
        assert list(manifest.data_sets()[name].used_by) == users, name
        assert set(practised) <= set(users), name


def test_packed_files_alone_are_not_enough(root: Path) -> None:
    mnist = manifest.data_sets()["mnist"]
    for file in mnist.files:
        (root / file.path).parent.mkdir(parents=True, exist_ok=True)
        (root / file.path).write_bytes(gzip.compress(b"idx"))
    with pytest.raises(FileNotFoundError, match="the same command, which unpacks it"):
        manifest.locate("mnist")
    for file in mnist.files:
        (root / file.place).write_bytes(b"idx")
    assert manifest.locate("mnist") == root / "MNIST" / "raw" / "train-images-idx3-ubyte"
