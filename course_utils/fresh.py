"""Your own copies of the notebooks, in `work/`: what you change there no update of the course ever touches.

    python -m course_utils.fresh                 # what JupyterLab does when it starts: copies of what is new
    python -m course_utils.fresh 03              # lesson 03 as it was made; yours is kept beside it
    python -m course_utils.fresh exercises/03    # the same for its exercise

Where the course cannot be written, as on a hub, they lie in the person's home folder: in `~/course/work` for a course
in `/srv/course`.

Only the standard library is needed: JupyterLab's configuration executes this file before anything is imported.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
RECORD = ".copied.json"  # in work/: what each copy was made from
LINKED_TO = ("benchmarks", "course_utils", "data")  # what notebooks link to, and programs are given
MAP = re.compile(r"\]\(((?:\.\./)+)(README\.md)(?:#([\w-]+))?\)")  # links of notebooks to the map of the lessons
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)]+)\)")


def copies_folder(repository: Path = REPOSITORY) -> Path:
    """Where the copies lie: `work/` in the course, or in `~/NAME OF THE COURSE` where that cannot be written."""
    folder = repository / "work"
    may_write = os.access(folder if folder.exists() else repository, os.W_OK)
    return folder if may_write else Path.home() / repository.name / "work"


def update(repository: Path = REPOSITORY) -> list[str]:
    """Copy `notebooks/` and README.md to `work/`: what is new, and what is newer than a copy that nobody has changed.

    Returns:
        one line for each notebook that is newer than a copy that was changed; such a copy is left as it is
    """
    originals, copies = repository / "notebooks", copies_folder(repository)
    record, told = _read(copies / RECORD), []
    if copies.parent != repository:
        _link(repository, copies.parent)
    named = {path.relative_to(originals).as_posix(): path for path in sorted(originals.rglob("*"))}
    for name, original in {**named, "README.md": repository / "README.md"}.items():
        if not original.is_file() or any(part.startswith(".") for part in name.split("/")):
            continue
        copy, content = copies / name, _content(original)
        now = _digest(content)
        there = _digest(copy.read_bytes()) if copy.exists() else None
        if there in (None, record.get(name), now):
            if there != now:
                _put(content, copy)
            record[name] = now
        elif record.get(name) != now:
            told.append(f"{_shown(copy, repository)} is yours, and the course has a newer one: "
                        f"python -m course_utils.fresh {_short(name)} brings it and keeps yours")  # fmt: skip
    _write(copies / RECORD, record)
    return told


def bring_back(name: str, repository: Path = REPOSITORY) -> list[str]:
    """Replace a copy, such as "03" or "exercises/03", by the notebook as it was made. A changed one is kept.

    Returns:
        lines that say what was done
    Raises:
        ValueError: there is no such notebook
    """
    originals, copies = repository / "notebooks", copies_folder(repository)
    folder, _, number = name.rpartition("/")
    found = sorted((originals / folder).glob(f"{number[:2]}_*.ipynb")) if number[:2].isdigit() else []
    if not found:
        there = ", ".join(path.name[:2] for path in sorted(originals.glob("[0-9]*.ipynb")))
        raise ValueError(f"There is no notebook {name!r}. Lessons are {there}; of an exercise write exercises/03.")
    (original,) = found
    copy, content = copies / folder / original.name, _content(original)
    lines, record, known = [], _read(copies / RECORD), copy.relative_to(copies).as_posix()
    if copy.exists() and _digest(copy.read_bytes()) not in (_digest(content), record.get(known)):
        names = [".yours.ipynb", *(f".yours-{times}.ipynb" for times in range(2, 1000))]
        kept = next(path for path in map(copy.with_suffix, names) if not path.exists())
        os.replace(copy, kept)
        lines.append(f"kept  {_shown(kept, repository)}")
    _put(content, copy)
    _write(copies / RECORD, record | {known: _digest(content)})
    return [*lines, f"fresh {_shown(copy, repository)}  (close it in JupyterLab and open it anew)"]


def _short(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"{folder}/{file[:2]}" if folder else file[:2]


def _shown(path: Path, repository: Path) -> str:
    return path.relative_to(repository).as_posix() if path.is_relative_to(repository) else str(path)


def _link(repository: Path, beside: Path) -> None:
    """Let links of the copies, and commands of the lessons, find what lies beside the originals."""
    beside.mkdir(parents=True, exist_ok=True)
    for name in LINKED_TO:
        if not os.path.lexists(beside / name) and (repository / name).exists():
            (beside / name).symlink_to(repository / name)


def _content(original: Path) -> bytes:
    """What is copied. A notebook gets the version of Python that its kernel would enter: opening it changes nothing.
    Links between the notebooks and the map of the lessons, in README.md, stay among the copies."""
    content = original.read_bytes()
    if original.suffix == ".md":
        return LINK.sub(_from_the_copies, content.decode()).encode()
    if original.suffix != ".ipynb":
        return content
    notebook = json.loads(content)
    notebook["metadata"].setdefault("language_info", {})["version"] = platform.python_version()
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return MAP.sub(_to_the_copied_map, text).encode()


def _from_the_copies(link: re.Match[str]) -> str:
    inside = link[1].removeprefix("notebooks/")
    return f"]({inside if inside != link[1] else f'../{link[1]}'})"


def _to_the_copied_map(link: re.Match[str]) -> str:
    up, file, heading = link.groups()
    anchor = f"#{heading.capitalize()}" if heading else ""  # JupyterLab keeps the capitals of a heading
    return f"]({up.removeprefix('../')}{file}{anchor})"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _put(content: bytes, copy: Path) -> None:
    """Never half a file: a copy is put in place when it is complete."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    part = copy.with_name(f"{copy.name}.part")
    part.write_bytes(content)
    os.replace(part, copy)


def _read(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}  # then every copy that differs counts as changed


def _write(path: Path, record: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(part, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.fresh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebook", nargs="*", help="such as 03 or exercises/03")
    names = parser.parse_args(arguments).notebook
    try:
        lines = [line for name in names for line in bring_back(name)] if names else update()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(lines) or f"{copies_folder()} holds a copy of every notebook")
    return 0


if __name__ == "__main__":
    sys.exit(main())
