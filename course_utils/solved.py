"""Which tasks of the exercises are solved, by the notebooks as they were saved."""

import json
from pathlib import Path
from typing import Any

from .basics.course import REPOSITORY
from .exercises import marks_here


def progress() -> None:
    """Print which tasks of which exercises are solved, and where to go on.

    It reads the notebooks as they were saved last (`work/exercises`, else `notebooks/exercises`); of the exercise that
    is open, what was run here. ✓ solved, ✗ tried, ○ open. Nothing leaves the machine.
    """
    from .fresh import copies_folder  # at the top it would be imported before `python -m course_utils.fresh` runs it

    copies = copies_folder(REPOSITORY)
    lines, solved, total, next_one = [], 0, 0, ""
    for original in sorted((REPOSITORY / "notebooks" / "exercises").glob("*.ipynb")):
        number = original.name[:2]
        copy = copies / "exercises" / original.name
        try:
            marks = _marks(copy if copy.exists() else original)
        except (OSError, ValueError, KeyError, TypeError) as error:
            lines.append(f"{number}  cannot be read: {error}")
            continue
        marks |= marks_here(number)
        lines.append(f"{number}  {' '.join(marks[task] for task in sorted(marks))}")
        solved, total = solved + sum(mark == "✓" for mark in marks.values()), total + len(marks)
        open_ones = [task for task in sorted(marks) if marks[task] != "✓"]
        if open_ones and not next_one:
            next_one = f"Go on with exercise {number}, task {open_ones[0]}."
    print(f"{solved} of {total} tasks solved. {next_one or 'That is all there is: well done!'}")
    print("\n".join(lines))
    if not copies.is_relative_to(REPOSITORY):
        makes_them = "" if copies.exists() else "; python -m course_utils.fresh makes them"
        print(f"These are the copies in {copies}{makes_them}.")


def _marks(path: Path) -> dict[int, str]:
    """Task, from 1 -> its mark, by the outputs stored in a notebook."""
    checks = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if _is_check(cell)]
    found = {}
    for task, cell in enumerate(checks, 1):
        outputs = cell["outputs"]
        failed = any(output["output_type"] == "error" for output in outputs)
        passed = any("✓" in "".join(output.get("text", "")) for output in outputs)
        open_still = any(output.get("ename") == "NotImplementedError" for output in outputs)
        found[task] = "○" if open_still or not (failed or passed) else "✗" if failed else "✓"
    return found


def _is_check(cell: dict[str, Any]) -> bool:
    return cell["cell_type"] == "code" and cell["metadata"].get("nbgrader", {}).get("grade", False)
