"""*Try it* boxes: a reader changes a line and runs again; what to type, and what we saw, lies folded below.

A box is a markdown cell that begins with `MARK` and holds, inside its <details>, one ```python block with the whole
changed statements. Builder and tests execute the blocks of a lesson after its last cell, in the order of the page and
in the same kernel, and none may fail: nothing is executed twice, and no cell finds a variable changed by a block.
"""

import re

from nbformat import NotebookNode

MARK = "**Try it.**"
LINES = 4  # more is no longer "change one line"
SECONDS = 60  # on a machine that does other work, too; a block should take five at most
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)


class TryItError(AssertionError):
    """A *Try it* box is not in order, or what it tells a reader to type fails."""


def blocks(notebook: NotebookNode) -> list[str]:
    """What the boxes of a notebook tell a reader to type, in the order of the page.

    Raises:
        TryItError: a box does not begin its cell, or does not hold one short block inside its <details>.
    """
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "markdown" or MARK not in cell.source:
            continue
        box = cell.source
        if not box.startswith(MARK) or box.count(MARK) > 1:
            raise TryItError(f"{MARK} begins a markdown cell of its own, here it does not:\n\n{box}")
        inside = [block for part in FOLDED.findall(box) for block in BLOCK.findall(part)]
        if len(inside) != 1 or len(BLOCK.findall(box)) != 1:
            raise TryItError(f"a Try it box has one ```python block, inside its <details>; this one has not:\n\n{box}")
        if not 1 <= len(inside[0].splitlines()) <= LINES:
            raise TryItError(f"the block of a Try it box has one to {LINES} lines, this one has not:\n\n{box}")
        found.append(inside[0])
    return found


def complaint(block: str, reply: dict | None) -> str | None:
    """What is wrong with a block, by the kernel's reply to it, or None for no reply in time; None where all is well."""
    if reply and reply["status"] == "ok":
        return None
    what = f"fails: {reply.get('ename')}: {reply.get('evalue')}" if reply else f"takes more than {SECONDS} seconds"
    return f"what a Try it box tells a reader to type {what}\n\n{block}"
