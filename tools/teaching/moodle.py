"""What goes to Moodle and comes from there."""

import csv
import io
import re
import zipfile
from pathlib import Path, PurePosixPath

import nbformat
from teaching import course
from teaching.course import ClassroomError, mark
from teaching.submissions import LARGEST

# "Anna Müller_1234_assignsubmission_file/03_mnist_mlp (1).ipynb", with _ for / where folders are not wanted
ENTRY = re.compile(r"(?P<name>[^/]+?)_(?P<number>\d+)_assignsubmission_(?P<kind>[a-z]+)_?/?(?P<file>.*)")
FORBIDDEN = re.compile(r'[<>:"/\\|?*\[\]\x00-\x1f]')  # in names of files, or of meaning to nbgrader


def collect(archive: Path, folder: Path) -> None:
    """Sort the notebooks of a ZIP file from Moodle's "Download all submissions" into `submitted`, and tell about it.

    A folder is named like its student. The exercise is known by the notebook's cells, whatever the file is called. What
    was there before and differs goes to the folder `replaced`.

    Raises:
        ClassroomError: the folder is not prepared, or the file is no ZIP file of that kind
    """
    names = course.exercises(folder)
    try:
        with zipfile.ZipFile(archive) as file:
            found = [(entry, ENTRY.fullmatch(entry.filename)) for entry in file.infolist() if not entry.is_dir()]
            content = {entry.filename: file.read(entry) for entry, _ in found if entry.file_size <= LARGEST}
    except (OSError, zipfile.BadZipFile) as error:
        raise ClassroomError(f"{archive} cannot be read as a ZIP file: {error}") from None
    if not any(match for _, match in found):
        raise ClassroomError(
            f'{archive} is not what Moodle\'s "Download all submissions" gives: '
            f"no name in it is like 'NAME_NUMBER_assignsubmission_file/…'"
        )
    numbers: dict[str, set[str]] = {}
    for _, match in found:
        if match:
            numbers.setdefault(match["name"], set()).add(match["number"])
    checks = {name: _checks(course.release(folder, name)) for name in names}
    sorted_in = 0
    for entry, match in found:
        reason = "its name is not one of Moodle's" if match is None else ""
        if not reason and not entry.filename.lower().endswith(".ipynb"):
            reason = "no notebook"
        elif not reason and entry.filename not in content:
            reason = f"larger than {LARGEST / 2**20:.0f} MB"
        if match is None or reason:
            print(f"left out  {entry.filename}: {reason}")
            continue
        student = FORBIDDEN.sub("_", match["name"]).strip(" .")
        if len(numbers[match["name"]]) > 1:  # two people of one name
            student += f" {match['number']}"
        data = content[entry.filename]
        exercise = _exercise(data, match["file"], checks)
        if exercise is None:
            print(f"left out  {entry.filename}: no cell in it belongs to an exercise")
            continue
        file_name = FORBIDDEN.sub("_", PurePosixPath(match["file"]).name)
        place = folder / "submitted" / student / exercise / file_name
        if place.exists() and place.read_bytes() != data:
            _put_aside(place, folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        sorted_in += 1
        print(f"{exercise}  {student}  {'' if file_name == f'{exercise}.ipynb' else file_name}".rstrip())
    print(f"\n{sorted_in} of {len(found)} files sorted in. Go on with: python tools/classroom.py grade {folder}")


def _put_aside(place: Path, folder: Path) -> None:
    kept = folder / "replaced" / place.relative_to(folder / "submitted")
    number = 1
    while (aside := kept.with_name(f"{kept.stem} {number}{kept.suffix}")).exists():
        number += 1
    aside.parent.mkdir(parents=True, exist_ok=True)
    place.replace(aside)
    print(f"handed in again: the file before is now {aside.relative_to(folder)}")


def _checks(notebook: nbformat.NotebookNode) -> set[str]:
    return {cell.source.strip() for cell in notebook.cells if mark(cell).get("grade")}


def _exercise(data: bytes, file_name: str, checks: dict[str, set[str]]) -> str | None:
    """The exercise whose checks are in a file, or else whose name the file bears."""
    named = next((name for name in checks if file_name.startswith(name)), None)
    try:
        cells = nbformat.reads(data.decode("utf-8-sig"), 4).cells
        texts = {str(cell.get("source", "")).replace("\r\n", "\n").strip() for cell in cells}
    except Exception:  # grading will say what is wrong with it
        return named
    common = {name: len(texts & wanted) for name, wanted in checks.items()}
    best = max(common, key=lambda name: common[name])
    return best if common[best] else named


def write_table(path: Path, folder: Path, points: dict[str, dict[str, float]], exercises: list[str]) -> list[str]:
    """Write a table for Moodle's gradebook: a row a student, a column an exercise, empty where there are no points.

    Where `students.csv` lies in the class's folder, as Moodle exports it, its columns stand in front, and those who
    have handed in nothing have a row, too. It needs a column "student", or "First name" and "Last name".

    Args:
        points: student -> exercise -> points
    Returns:
        students that are not in students.csv
    Raises:
        ClassroomError: students.csv lacks these columns
    """
    listed, headings = _students(folder / "students.csv")
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["student", *headings, *exercises])
    for student in sorted(listed.keys() | points.keys()):
        own = listed.get(student, {})
        grades = [points.get(student, {}).get(exercise) for exercise in exercises]
        cells = ["" if grade is None else f"{grade:g}" for grade in grades]
        writer.writerow([student, *[own.get(heading, "") for heading in headings], *cells])
    path.write_text(text.getvalue(), encoding="utf-8-sig")  # with its mark, by which spreadsheets know UTF-8
    return sorted(points.keys() - listed.keys()) if listed else []


def _students(path: Path) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Name of each student -> row of the file, and its headings; both empty without a file."""
    if not path.exists():
        return {}, []
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    headings = [heading for heading in rows[0] if heading] if rows else []
    last = next((heading for heading in headings if heading in ("Last name", "Surname")), None)
    if "student" in headings:
        return {row["student"]: row for row in rows}, [heading for heading in headings if heading != "student"]
    if "First name" in headings and last:
        return {f"{row['First name']} {row[last]}": row for row in rows}, headings
    raise ClassroomError(
        f'{path} needs a column "student" with names as in submitted/, or "First name" and "Last name"; '
        f"it has {', '.join(headings) or 'none'}"
    )
