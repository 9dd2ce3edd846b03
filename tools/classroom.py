"""A class and its exercises, from handing out to what to show again tomorrow. TEACHING.md tells how.

python tools/classroom.py student COPY           a copy of the course for students, without solutions
python tools/classroom.py gaps GAPS              lessons with gaps, to be typed together
python tools/classroom.py prepare FOLDER         a folder for a class, outside the course
python tools/classroom.py collect ZIP FOLDER     sort in what Moodle's "Download all submissions" gives
python tools/classroom.py grade FOLDER           grade what is new
python tools/classroom.py report FOLDER          points, feedback, and the class in one picture
"""

import argparse
import signal
import sys
from pathlib import Path

try:
    from teaching.copies import student_copy
    from teaching.course import ClassroomError, prepare
    from teaching.gaps import write_gaps
    from teaching.grade import grade
    from teaching.moodle import collect
    from teaching.report import report
except ModuleNotFoundError as error:
    sys.exit(
        f"{error.name} is not installed. Teachers install: .venv/bin/python -m pip install -r requirements-dev.txt"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, words in [
        ("student", "copy the course without its solutions"),
        ("gaps", "write lessons with gaps"),
        ("prepare", "make a folder for a class"),
        ("collect", "sort in a ZIP file of Moodle"),
        ("grade", "grade what is new"),
        ("report", "write tables, feedback and the picture of the class"),
    ]:
        command = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        if name == "collect":
            command.add_argument("zip", type=Path, metavar="ZIP", help='from "Download all submissions"')
        command.add_argument("folder", type=Path, metavar="FOLDER")
        if name == "grade":
            command.add_argument("--only", nargs="+", default=[], metavar="NN", help="these exercises alone")
            command.add_argument("--again", action="store_true", help="also what has been graded already")
            command.add_argument("--without-walls", action="store_true", help="run student code with your own rights")
            command.add_argument("--seconds", type=float, metavar="S", help="time for each cell")
            command.add_argument("--at-once", type=int, metavar="N", help="students graded at the same time")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped by the system is stopped as by Ctrl-C
    folder = wanted.folder.expanduser().absolute()
    try:
        match wanted.command:
            case "prepare":
                prepare(folder)
            case "student":
                student_copy(folder)
            case "gaps":
                write_gaps(folder)
            case "collect":
                collect(wanted.zip, folder)
            case "report":
                report(folder)
            case "grade":
                grade(folder, wanted.only, wanted.again, not wanted.without_walls, wanted.seconds, wanted.at_once)
                print(f"\nGo on with: python tools/classroom.py report {folder}")
    except ClassroomError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Who has been graded stays so; run it again to go on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
