"""What the programs of the course have in common. Lesson 10 builds them."""

import sys
from collections.abc import Callable

from . import distributed


def guarded(work: Callable[[], None], interrupted: str) -> int:
    """Do the work of a program; turn what may go wrong, and Ctrl-C, into a line on stderr and an exit code."""
    try:
        work()
        return 0
    except KeyboardInterrupt:
        message, code = f"stopped: {interrupted}", 130
    except (OSError, ValueError, FloatingPointError) as error:
        message, code = f"error: {_without_traceback(error)}", 1
    if distributed.rank() == 0 or code == 1:
        print(message, file=sys.stderr)
    return code


def _without_traceback(error: Exception) -> str:
    """The message; where a loader's worker has raised, without what torch adds to it."""
    message = str(error)
    if "in DataLoader worker process" in message:
        message = message.rpartition(f"\n{type(error).__name__}: ")[2].rstrip()
    return message
