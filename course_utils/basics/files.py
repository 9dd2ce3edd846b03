"""Writing files whole or not at all. Checkpoints, caches, logs and records of runs are written this way."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
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

    After an error, a full disk or a killed program, `path` is what it was before.

    Args:
        mode: "wb" for bytes, "w" for UTF-8 text.
    """
    path = Path(path)
    unfinished = path.with_name(path.name + ".part")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        with naming(path), open(unfinished, mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise
