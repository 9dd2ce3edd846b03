"""Pages of the site that are collected from the lessons: glossary, cheat sheet, index of error messages."""

import re
from pathlib import Path

import nbformat

TERM = re.compile(r"\*\*([^*\n]+)\*\*")
SIGNPOST = re.compile(r"\*\*[^*]+[.:]\*\* ?")  # "**Try it.**" leads the reader, it defines nothing
LABELS = {"Time", "Before this", "You will learn to", "Exercises", "Next"}
NO_TERM = re.compile(r"[`.:]|^.$|^(a|an|the|one|their|its) ", re.IGNORECASE)
SENTENCE = re.compile(r"(?<=[.!?:])\s+(?=[A-Z*`“\"(])")


def _prose(path: Path) -> list[str]:
    """Each paragraph or list item of a notebook, without code and headings."""
    found = []
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type != "markdown":
            continue
        text = re.sub(r"^```.*?^```$|<[^>]+>|^\|.*$", "", cell.source, flags=re.MULTILINE | re.DOTALL)
        for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*] |\d+\. |#))", text):
            line = " ".join(paragraph.split())
            if line and not line.startswith("#"):
                found.append(re.sub(r"^(?:[-*]|\d+\.) ", "", line))
    return found


def _title(path: Path) -> str:
    return next(line for line in nbformat.read(path, 4).cells[0].source.splitlines() if line.startswith("# "))[2:]


def _number(path: Path) -> str:
    return path.name[:2]


def glossary(lessons: list[Path]) -> str:
    """Each term where it is bold first, with its sentence and a link to the lesson."""
    entries: dict[str, tuple[str, str]] = {}
    for path in lessons:
        for paragraph in _prose(path):
            for sentence in SENTENCE.split(SIGNPOST.sub("", paragraph)):
                for term in TERM.findall(sentence):
                    if NO_TERM.search(term) or term in LABELS:
                        continue
                    where = f"[lesson {_number(path)}](notebooks/{path.name})"
                    entries.setdefault(term.lower(), (term, f"{sentence} ({where})"))
    lines = [f"{term}\n: {text}\n" for _, (term, text) in sorted(entries.items())]
    return "\n".join(["# Glossary\n", "Terms in the sentence in which a lesson introduces them.\n", *lines])


def cheat_sheet(lessons: list[Path]) -> str:
    """The summaries of all lessons."""
    parts = ["# Cheat sheet\n", "What each lesson comes to, in its own summary.\n"]
    for path in lessons:
        text = "\n\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")
        summary = re.search(r"^## Summary\n(.*?)(?=^\*\*Exercises|^\*\*Next|^#|\Z)", text, re.MULTILINE | re.DOTALL)
        if summary:
            parts += [f"## {_title(path)}\n", f"[Read the lesson](notebooks/{path.name})\n", summary[1].strip() + "\n"]
    return "\n".join(parts)


def messages(lessons: list[Path]) -> str:
    """Lesson 14's two tables: by message, and by symptom where nothing is raised."""
    clinic = next(path for path in lessons if _number(path) == "14")
    text = "\n\n".join(cell.source for cell in nbformat.read(clinic, 4).cells if cell.cell_type == "markdown")
    tables = re.findall(r"^\| (?:message|nothing is raised, but) .*?(?=\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    links = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", text, re.MULTILINE))
    used = [
        f"[{name}]: notebooks/{clinic.name if target.startswith('#') else ''}{target}" for name, target in links.items()
    ]
    return "\n\n".join([
        "# Error messages and symptoms",
        f"From [lesson 14](notebooks/{clinic.name}), where each is examined: find yours with the browser's search.",
        *tables,
        "\n".join(used),
    ])  # fmt: skip
