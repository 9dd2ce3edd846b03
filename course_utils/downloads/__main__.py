"""The real data sets and weights: getting them, checking them, saying what is missing. Lesson 00 tells how to use it.

    python -m course_utils.downloads                 everything the lessons use
    python -m course_utils.downloads mnist resnet18  some of it
    python -m course_utils.downloads --list          what there is, how large, and whether it is here

Files go below COURSE_DATA_DIR (by default data/full). COURSE_MIRROR names a server that is asked first; it holds the
files under the paths they have here. A broken download goes on where it was.
"""

import sys
from collections.abc import Sequence

from ..basics import course
from ..basics.cli import described_parser, exit_code
from .fetch import fetch
from .manifest import data_sets


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code: 0 done, 1 something could not be had, 2 wrong usage."""
    sets = {name: one for name, one in data_sets().items() if one.files}
    parser = described_parser("downloads", __doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(sets)}")
    parser.add_argument("--list", action="store_true", help="say what there is and download nothing")
    flags = parser.parse_args(arguments)
    if unknown := set(flags.names) - set(sets):
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose from {', '.join(sets)}")
    course.begin(profile="full")
    if flags.list:
        for name, one in sets.items():
            state = "missing" if one.missing() else "here"
            users = f"lessons {', '.join(one.used_by)}" if one.used_by else "by choice"
            print(f"{name:<12} {one.megabytes:>6.1f} MB  {state:<8} {one.title}; {users}")
        return 0

    def work() -> None:
        failures = []
        for name in flags.names or [name for name, one in sets.items() if one.used_by]:
            try:
                print(f"{name}: {fetch(name)}")
            except (OSError, ValueError) as error:
                failures.append(str(error))
        if failures:
            raise OSError("\n\n".join(failures))

    return exit_code(work, interrupted=lambda: "what has been received is kept, the same command goes on from there")


if __name__ == "__main__":
    sys.exit(main())
