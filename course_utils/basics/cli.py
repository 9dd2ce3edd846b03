"""What the programs of the course have in common. Lesson 10 builds them."""

import argparse
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from . import distributed


def described_parser(program: str, documentation: str, **settings: Any) -> argparse.ArgumentParser:
    """A parser for `python -m course_utils.PROGRAM`, described by that module's docstring.

    Args:
        settings: further arguments of `argparse.ArgumentParser`.
    """
    summary, _, epilog = documentation.partition("\n\n")
    return argparse.ArgumentParser(
        prog=f"python -m course_utils.{program}",
        description=summary,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        **settings,
    )


def command_line(program: str, *words: object) -> str:
    """`python -m course_utils.PROGRAM WORDS …`, to be pasted into a terminal: words with spaces are quoted."""
    command = ["python", "-m", f"course_utils.{program}", *map(str, words)]
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def exit_code(work: Callable[[], None], interrupted: Callable[[], str]) -> int:
    """Do the work of a program; turn what may go wrong, and Ctrl-C, into a line on stderr and an exit code.

    Notes of an error (`add_note`) follow its message; after Ctrl-C, `interrupted` is asked what to say.
    What the terminal cannot show, such as Chinese names in an old one of Windows, is printed as \\u…: no work is lost
    for it.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a notebook's stream is another, and shows everything
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        work()
        return 0
    except KeyboardInterrupt:
        message, code = f"stopped: {interrupted()}", 130
    except (OSError, ValueError, FloatingPointError) as error:
        notes = getattr(error, "__notes__", [])
        message, code = " ".join([f"error: {_without_traceback(error)}", *notes]), 1
    if distributed.rank() == 0 or code == 1:
        print(message, file=sys.stderr)
    return code


def _without_traceback(error: Exception) -> str:
    """The message; where a loader's worker has raised, without what torch adds to it."""
    message = str(error)
    if "in DataLoader worker process" in message:
        message = re.split(rf"\n[\w.]*{type(error).__name__}: ", message)[-1].rstrip()
    return message
