"""Getting data sets and weights of the manifest: resumed where it broke off, checked, unpacked whole or not at all."""

import errno
import os
import shutil
import sys
from pathlib import Path

import requests
import urllib3
from filelock import FileLock
from tqdm import tqdm

from ..basics import course
from ..basics.files import naming
from .archives import is_unpacked, unpack, unpack_file
from .flowers102 import lay_out
from .manifest import DataSet, RemoteFile, advice, data_sets

TIMEOUT = (10, 30)  # seconds to connect, seconds without a byte
BLOCK = 1 << 14  # bytes; a connection that breaks off loses at most so many
TRIES = 3  # of a mirror that breaks off
NETWORK = (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError, TimeoutError)


def fetch(name: str) -> Path:
    """Download, check and unpack the data set `name`; what is here already and whole is not downloaded again.

    Archives are kept, so that the data folder can serve as a mirror.

    Returns:
        Its folder, or its (first) file.

    Raises:
        ValueError: there is no data set of that name, or an archive is refused.
        OSError: no mirror has given the whole file, or it cannot be written; the message says what to do. What was
            received is kept, and the next call goes on from there.
    """
    sets = data_sets()
    if name not in sets:
        raise ValueError(f"There is no data set {name!r}. Choose from: {', '.join(sets)}.")
    wanted, root = sets[name], course.current().data_dir
    try:
        if not _is_here(wanted, root):
            root.mkdir(parents=True, exist_ok=True)
            with FileLock(root / f".{name}.lock"):  # a second process waits here, and then finds everything
                if not _is_here(wanted, root):
                    _make(wanted, root)
    except OSError as error:
        raise OSError(f"{error}\n{advice([wanted])}") from error
    return wanted.places()[0]


def _is_here(wanted: DataSet, root: Path) -> bool:
    if wanted.folder:
        return (root / wanted.folder).exists()
    return all(
        file.is_whole(root / file.path)
        and (file.place == file.path or is_unpacked(root / file.path, root / file.place))
        for file in wanted.files
    )


def _make(wanted: DataSet, root: Path) -> None:
    to_come = sum(file.bytes - _size(root / file.path) - _size(_part(root / file.path)) for file in wanted.files)
    needed, free = max(to_come, 0) + wanted.unpacked_bytes, shutil.disk_usage(root).free
    if free < needed:
        raise OSError(
            errno.ENOSPC, f"{wanted.name} needs {needed / 1e6:.0f} MB in {root}, there are {free / 1e6:.0f} MB left."
        )
    for file in wanted.files:
        _get(file, root / file.path)
    if wanted.folder:
        for unfinished in root.glob(f".unpacking-{wanted.folder}-*"):  # a program was killed there
            shutil.rmtree(unfinished, ignore_errors=True)
        assert wanted.archive, f"data/manifest.toml says no archive that makes the folder of {wanted.name}"
        archive = root / wanted.archive
        if wanted.layout == "flowers102":
            lay_out(archive.parent, root / wanted.folder)
        else:
            unpack(archive, root / wanted.folder)
    for file in wanted.files:
        if file.place != file.path:
            unpack_file(root / file.path, root / file.place)


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _get(file: RemoteFile, target: Path) -> None:
    if file.is_whole(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _part(target)
    failures = [f"{target} is there, but damaged or another file"] if target.exists() else []
    mirror = os.environ.get("COURSE_MIRROR", "").rstrip("/")
    urls = [f"{mirror}/{file.path}"] * bool(mirror) + list(file.urls)
    for url in urls:
        for _ in range(TRIES):
            before = _size(part)
            try:
                _receive(url, part, file.bytes)
            except NETWORK as error:
                failures.append(f"{url}: {_reason(error)}")
                if _size(part) > before:
                    continue  # it got further: go on with the same mirror
                break
            if file.is_whole(part):
                part.replace(target)
                return
            failures.append(f"{url}: {_size(part)} bytes with another {file.algorithm} than in the manifest")
            part.unlink()
            if not before:
                break  # else what was there before may be to blame: begin anew
    listing = "\n  ".join(dict.fromkeys(failures))
    raise OSError(f"{target.name} could not be downloaded:\n  {listing}")


def _receive(url: str, part: Path, size: int) -> None:
    """Append to `part` what it lacks of `url`."""
    start = _size(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # there is nothing left to send; the checksum decides
        response.raise_for_status()
        if response.status_code != requests.codes.partial_content:
            start = 0  # a server that ignores ranges begins anew
        bar = tqdm(total=size, initial=start, unit="B", unit_scale=True, desc=part.stem, file=sys.stdout, leave=False)
        with naming(part), open(part, "ab" if start else "wb") as file, bar:
            for block in response.raw.stream(BLOCK, decode_content=False):  # some servers call .gz an encoding
                file.write(block)
                start += len(block)
                bar.update(len(block))
                if start > size:
                    break  # more than there should be; the checksum will tell


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answers {response.status_code} {response.reason}"
    if isinstance(error, requests.ConnectTimeout):
        return f"no answer within {TIMEOUT[0]} s"
    if "timed out" in str(error):
        return f"no answer within {TIMEOUT[1]} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "no secure connection; is the computer's date right, or does a proxy change the certificate?"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer; look at HTTPS_PROXY"
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return "the connection broke off"
    return "no connection"
