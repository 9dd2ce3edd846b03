"""Writing files whole or not at all. Checkpoints, caches, logs and records of runs are written this way."""

import errno
import glob
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

if sys.platform != "win32":  # which has no such locks, and deletes no file that is open
    import fcntl


@contextmanager
def naming(path: str | Path | IO[bytes]) -> Iterator[None]:
    """Add `path` to errors of the system that name no file, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def replacing(path: str | Path, mode: str = "wb") -> Iterator[IO]:
    """Open a file beside `path` for writing and put it in place at the end of the block.

    After an error, a full disk or a killed program, `path` is what it was before. Where two programs write it at the
    same time, it is what one of them wrote, whole. What killed programs left beside it is deleted.

    Args:
        mode: "wb" for bytes, "w" for UTF-8 text.
    """
    path = Path(path)
    _clear_up(path)
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    encoding, newline = (None, None) if "b" in mode else ("utf-8", "\n")
    try:
        with naming(path), open(unfinished, mode, encoding=encoding, newline=newline) as file:
            if sys.platform != "win32":
                with suppress(OSError):  # some network drives have no locks
                    fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def check_writable(path: str | Path) -> None:
    """Find out now what would keep `path` from being written later; makes its folder.

    Raises:
        OSError: a folder of that name is in the way, or nothing can be written beside it.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path), tempfile.TemporaryFile(dir=path.parent):
        pass


def _clear_up(path: Path) -> None:
    """Delete unfinished versions of `path` that nobody is writing: their writers held a lock, and were killed."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
        with suppress(OSError):
            if sys.platform != "win32":
                with open(left, "rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
