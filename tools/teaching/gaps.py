"""Lessons with gaps, for a class that types along.

The rule: in each code cell the last statement is left out. Where it is longer than four lines, such as a function, only
the last statement inside it is. Cells with nothing but imports and cells that come folded are left as they are. Outputs
are left out too.
"""

import ast
import re
import shutil
from pathlib import Path

import nbformat
from build import NOTEBOOKS
from nbformat import NotebookNode
from proofs import TAG as PROOF
from teaching.copies import unlink
from teaching.course import new_folder

LONGEST = 4  # lines that a class types at once
GAP = re.compile(r"^( *)# ✎ type \d+ lines? here(?:\n *\.\.\.)?$", re.MULTILINE)


def last_lines(code: str) -> tuple[int, int, bool] | None:
    """First and last line, counted from 1, of what is left out, and whether a block is empty then; None: nothing is."""
    try:
        block: list[ast.stmt] = ast.parse(code).body
    except SyntaxError:
        return None  # a line for IPython
    if all(isinstance(statement, ast.Import | ast.ImportFrom) for statement in block):
        return None
    inner = False
    while True:
        statement = block[-1]
        first = min(part.lineno for part in [statement, *getattr(statement, "decorator_list", [])])
        last = statement.end_lineno or first
        deeper = getattr(statement, "orelse", None) or getattr(statement, "body", None)
        if last - first < LONGEST or not isinstance(deeper, list):
            break
        block, inner = deeper, True
    lines = code.splitlines()
    before = lines[first - 1].encode()[: statement.col_offset].decode()
    after = lines[last - 1].encode()[statement.end_col_offset :].decode()
    alone = not before.strip() and not after.split("#")[0].strip()  # not `if this: that`, not `this; that`
    return (first, last, inner and len(block) == 1) if alone else None


def with_gap(code: str) -> tuple[str, str] | None:
    """The code with a gap, and what was left out; None if it gets no gap."""
    if (found := last_lines(code)) is None:
        return None
    first, last, empty = found
    lines = code.splitlines()
    removed = lines[first - 1 : last]
    indent = re.match(" *", removed[0])[0]  # type: ignore[index]
    number = len(removed)
    gap = [f"{indent}# ✎ type {number} {'line' if number == 1 else 'lines'} here"] + [f"{indent}..."] * empty
    return "\n".join(lines[: first - 1] + gap + lines[last:]), "\n".join(removed)


def filled(code: str, removed: str) -> str:
    """The opposite of `with_gap`."""
    return GAP.sub(lambda _: removed, code, count=1)


def make_gaps(notebook: NotebookNode) -> dict[int, str]:
    """Make a lesson's gaps, in place, and leave its outputs out. Returns index of the cell -> what was left out."""
    removed = {}
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        cell.update(outputs=[], execution_count=None)
        cell.metadata.pop(PROOF, None)
        made = None if "fold" in cell.metadata.get("tags", []) else with_gap(cell.source)
        if made:
            cell.source, removed[index] = made
    return removed


def write_gaps(folder: Path) -> None:
    """Write every lesson with gaps to `folder`, which must be empty or new, with the figures that they show.

    Raises:
        ClassroomError: the folder is not empty
    """
    with new_folder(folder) as folder:
        shutil.copytree(NOTEBOOKS / "figures", folder / "figures")
        for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
            notebook = nbformat.read(path, 4)
            lines = sum(len(cell.source.splitlines()) for cell in notebook.cells if cell.cell_type == "code")
            removed = make_gaps(notebook)
            nbformat.write(notebook, folder / path.name)
            left_out = sum(len(text.splitlines()) for text in removed.values())
            print(f"{path.stem}  {len(removed)} gaps, {left_out} of {lines} lines to type")
        unlink(folder)
