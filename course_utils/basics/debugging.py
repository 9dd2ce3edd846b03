"""What lets lesson 14 show on a page what a terminal shows: a traceback, and a session of the debugger."""

import pdb
import re
import sys
import traceback
from io import StringIO

# Jupyter puts its own debugger in the place of Python's, which prints in colours and past every redirection.
PythonsPdb: type = next(base for base in pdb.Pdb.__mro__ if base.__module__ == "pdb")
CELL = re.compile(r'"[^"]*[/\\]ipykernel_[^"]*"')
FOLDERS = re.compile(r"(?:\b[A-Za-z]:)?(?<![\w.])[/\\]+(?:[^\s'\"/\\]+[/\\]+)+")


def without_folders(text: str) -> str:
    """The text without the folders in the paths in it, which differ from machine to machine."""
    return FOLDERS.sub("", text)


def show_traceback(error: BaseException) -> int:
    """Print an error's traceback as Python does, without folders and the ^^^^ under its lines, and count its frames.

    Marked are the frames whose code stands in a notebook, and the lines that say what happened in which process.
    """
    mine, frames = False, 0
    for line in "".join(traceback.format_exception(error)).splitlines():
        if line.startswith("  File "):
            line, cells = CELL.subn("<cell>", line)
            mine, frames = cells > 0, frames + 1
        if not set(line) <= set(" ^~"):
            print("▶" if mine or line[0] != " " else " ", without_folders(line))
    return frames


class Typed(PythonsPdb):
    """Python's debugger with `commands` instead of a keyboard; they are shown as if they had been typed.

    It plays one session: with `post_mortem`, or where a program calls `breakpoint()` in a `with` block.
    """

    def __init__(self, *commands: str):
        keyboard = StringIO("\n".join([*commands, "continue", ""]))
        super().__init__(stdin=keyboard, stdout=sys.stdout, nosigint=True, readrc=False)

    def post_mortem(self, error: BaseException) -> None:
        """Stand where the error was raised, as `%debug` does."""
        self.reset()
        self.interaction(None, error.__traceback__)

    def __enter__(self) -> "Typed":
        self._usual, sys.breakpointhook = sys.breakpointhook, self.set_trace
        return self

    def __exit__(self, *error: object) -> None:
        sys.breakpointhook = self._usual

    def precmd(self, line: str) -> str:
        self.message(line)
        return line

    def message(self, text: str) -> None:
        super().message(without_folders(str(text)))


def frames_up(error: BaseException, function: str) -> int:
    """How many frames above the place of the error the innermost call of a function stands."""
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
    return names[::-1].index(function)
