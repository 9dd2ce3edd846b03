"""The reference of lesson 14: its tables, and where their rows lead."""

import re

import build

LESSON = build.ROOT / "lessons" / "14_debugging_clinic.py"
TEXT = "\n".join(cell.source for cell in build.read_source(LESSON).cells if cell.cell_type == "markdown")
LINKS = dict(re.findall(r"^\[([^]]+)\]: (\S+)$", TEXT, re.MULTILINE))
HEADINGS = {heading.replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)}


def table(heading: str) -> dict[str, list[str]]:
    """First column of a table of the reference -> where its rows lead: headings of the lesson, or other lessons."""
    part = TEXT.split(f"### {heading}\n")[1].split("\n#")[0].split("\n[")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")][1:]
    return {row[0]: [LINKS[name] for name in re.findall(r"\[([^]]+)\]", row[-1])] for row in rows}


def leads_somewhere(targets: list[str]) -> bool:
    """Whether all links of a row lead to what is there."""
    found = [
        target[1:] in HEADINGS if target[0] == "#" else (build.ROOT / "notebooks" / target).is_file()
        for target in targets
    ]
    return bool(found) and all(found)
