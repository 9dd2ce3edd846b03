"""What students hand in, read and put in order: nothing in it is trusted, and every repair is told."""

import ast
import builtins
import json
import re
import symtable
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from teaching.course import mark
from teaching.execute import NotGraded, label

LARGEST = 50 * 2**20  # bytes
NEW_CELL = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}
LOOK_AT = re.compile(
    r"get_ipython|input_transformer|set_custom_exc|REPOSITORY|solutions\b|lessons/|gradebook|/proc\b|__code__|inspect\b"
    r"|settrace|_exit\b|os\.kill|subprocess|COURSE_CHECK_SEED"
)


def find(folder: Path, exercise: str) -> tuple[Path, list[str]]:
    """The notebook in `folder`, where an exercise was handed in, and what was odd about it.

    Raises:
        NotGraded: there is none, or it is not clear which one is meant
    """
    wanted = f"{exercise}.ipynb"
    found = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() == ".ipynb" and ".ipynb_ch" not in str(path)
    )
    exact = [path for path in found if path == folder / wanted]
    names = ", ".join(path.relative_to(folder).as_posix() for path in found if path not in exact)
    if exact:
        return exact[0], [f"beside it lies {names}, which was not looked at"] if names else []
    if len(found) == 1:
        return found[0], [f"the file is called {names}"]
    if found:
        raise NotGraded(f"it is not clear which file is meant: {names}. Leave one, named {wanted}")
    others = ", ".join(sorted(path.name for path in folder.iterdir()))
    raise NotGraded(f"no notebook was handed in, only {others}" if others else "the folder is empty")


def read(path: Path) -> tuple[NotebookNode, list[str]]:
    """The notebook in a file, made anew of what it needs: kind, text and metadata of its cells; and what was odd.

    Raises:
        NotGraded: it cannot be read; the message says why
    """
    size, notes = path.stat().st_size, []
    if size == 0:
        raise NotGraded("the file is empty")
    if size > LARGEST:
        raise NotGraded(f"the file has {size / 2**20:.0f} MB; outputs of that size can be cleared before handing in")
    content = path.read_bytes()
    if content.startswith(b"\xef\xbb\xbf"):
        notes.append("the file began with a byte-order mark, which was taken away")
    try:
        decoded = content.decode("utf-8-sig")
        with warnings.catch_warnings(action="ignore"):  # about what is made anew below
            old = nbformat.reads(decoded, 4) if decoded.lstrip().startswith("{") else None
    except UnicodeDecodeError as error:
        raise NotGraded(f"the file is no text in UTF-8 (byte {error.start})") from None
    except nbformat.reader.NotJSONError:
        raise NotGraded(_cut_off(decoded)) from None
    except Exception as error:  # nbformat raises what it stumbles over, and RecursionError
        raise NotGraded(f"the file is no notebook ({type(error).__name__}: {str(error)[:80]})") from None
    if old is None:
        raise NotGraded(f"the file is no notebook; it begins with {decoded.lstrip()[:30]!r}")
    return new_notebook(cells=[cell for old_cell in old.get("cells", []) if (cell := _clean(old_cell))]), notes


def _cut_off(content: str) -> str:
    try:
        json.loads(content)
    except ValueError as error:
        return f"the file is cut off or damaged ({error})"
    return "the file is no notebook"


def _clean(cell: Any) -> NotebookNode | None:
    """The cell with nothing but what is needed, and a new id; None for what is no cell."""
    if not isinstance(cell, dict) or cell.get("cell_type") not in NEW_CELL or not isinstance(cell.get("source"), str):
        return None
    metadata = cell.get("metadata")
    name = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = name.get("grade_id") if isinstance(name, dict) else None
    kept = {"nbgrader": {"grade_id": name}} if isinstance(name, str) else {}
    return NEW_CELL[cell["cell_type"]](cell["source"].replace("\r\n", "\n"), metadata=kept)


def put_in_order(submission: NotebookNode, source: NotebookNode, release: NotebookNode) -> list[str]:
    """Give the submission, in place, the source's checks and first cell, each once and where it belongs.

    Of a copied cell the last one counts as the task's; the others stay as plain cells. A check is put back where it was
    edited or is missing: before the next cell of the exercise that is there, so after everything written for its task.

    Returns:
        what was changed, in words
    Raises:
        NotGraded: nothing in it belongs to this exercise
    """
    notes: list[str] = []
    given = {mark(cell)["grade_id"]: cell for cell in release.cells if mark(cell)}
    wanted = {mark(cell)["grade_id"]: cell for cell in source.cells if mark(cell)}
    if not _belongs(submission, given):
        raise NotGraded("no cell in it belongs to this exercise. Is it another one?")
    for cell in submission.cells:
        if mark(cell).get("grade_id") not in wanted:
            cell.metadata.pop("nbgrader", None)
    if not any(mark(cell) for cell in submission.cells):
        _recognize(submission, given)
        notes.append("the notebook had lost its metadata")
    _keep_last_copies(submission, notes)

    there = {mark(cell)["grade_id"]: cell for cell in submission.cells if mark(cell)}
    for name, cell in list(there.items()):
        original = wanted[name]
        if cell.cell_type != original.cell_type:
            notes.append(f"{label(cell, 0)} had been turned into {cell.cell_type}")
            fresh = new_code_cell(cell.source, metadata=cell.metadata)
            submission.cells[_index(submission, cell)] = there[name] = cell = fresh
        if mark(original)["locked"]:
            if text(cell) != text(given[name]):
                notes.append(f"{label(cell, 0)} had been changed; put back")
            cell.source = original.source
        cell.metadata["nbgrader"] = dict(mark(original))
    following = None
    for name, original in reversed(wanted.items()):
        if name in there:
            following = there[name]
        elif mark(original)["locked"]:
            fresh = NEW_CELL[original.cell_type](original.source, metadata={"nbgrader": dict(mark(original))})
            place = len(submission.cells) if following is None else _index(submission, following)
            submission.cells.insert(place, fresh)
            following = fresh
            notes.append(f"{label(fresh, 0)} was missing; put back")
    _set_up_first(submission, source, notes)
    return notes


def _belongs(submission: NotebookNode, given: dict[str, NotebookNode]) -> bool:
    """Whether a check or a function of the exercise is in it; names of cells are the same in all exercises."""
    checks = {text(cell) for cell in given.values() if mark(cell)["grade"]}
    defined = {name for cell in given.values() if mark(cell)["solution"] for name in _names(cell.source)}
    return any(text(cell) in checks or defined & _names(cell.source) for cell in submission.cells)


def _recognize(submission: NotebookNode, given: dict[str, NotebookNode]) -> None:
    """Find the exercise's cells by what is in them."""
    defined = {name: _names(cell.source) for name, cell in given.items() if not mark(cell)["grade"]}
    for cell in submission.cells:
        for name, original in given.items():
            if text(cell) == text(original) or (defined.get(name) and defined[name] <= _names(cell.source)):
                cell.metadata["nbgrader"] = {"grade_id": name}


def _names(code: str) -> set[str]:
    """Names of the functions and classes that the code defines."""
    return set(re.findall(r"^(?:async )?(?:def|class) (\w+)", code, re.MULTILINE))


def _keep_last_copies(submission: NotebookNode, notes: list[str]) -> None:
    left = Counter(mark(cell)["grade_id"] for cell in submission.cells if mark(cell))
    for name, number in left.items():
        if number > 1:
            notes.append(f"{label(NotebookNode(metadata={'nbgrader': {'grade_id': name}}), 0)} is there {number} times")
    for cell in submission.cells:
        if mark(cell):
            name = mark(cell)["grade_id"]
            left[name] -= 1
            if left[name]:
                del cell.metadata["nbgrader"]


def _set_up_first(submission: NotebookNode, source: NotebookNode, notes: list[str]) -> None:
    """Put the source's first code cell, which imports what checks need, before everything if it is not as it was."""
    first = next(cell for cell in source.cells if cell.cell_type == "code")
    if mark(first) or any(text(cell) == text(first) for cell in submission.cells if cell.cell_type == "code"):
        return
    submission.cells.insert(0, new_code_cell(first.source))
    notes.append("the first cell had been changed; the original was run before it")


def _index(notebook: NotebookNode, wanted: NotebookNode) -> int:
    return next(index for index, cell in enumerate(notebook.cells) if cell is wanted)


def text(cell: NotebookNode) -> str:
    """What a cell says, whatever stands at the ends of its lines."""
    return "\n".join(line.rstrip() for line in cell.source.strip().splitlines())


def suspicions(submission: NotebookNode, source: NotebookNode) -> list[str]:
    """What a teacher may want to read: names in the student's own code that solve no task, as the source uses none.

    And what it puts in the place of a function of a library, or of a name that the checks use.
    """
    code = [cell for cell in source.cells if cell.cell_type == "code"]
    usual = {name for cell in code for name in LOOK_AT.findall(cell.source)}
    used = _of_checks(code)
    replaced_anyway = {name for cell in code for name in _replaced(cell.source, used)}
    notes = []
    for index, cell in enumerate(submission.cells):
        if cell.cell_type == "code" and not mark(cell).get("locked"):
            names = sorted(set(LOOK_AT.findall(cell.source)) - usual)
            names += [f"replaces {name}" for name in sorted(_replaced(cell.source, used) - replaced_anyway)]
            if names:
                notes.append(f"{label(cell, index)}: {', '.join(names)}")
    return notes


def _of_checks(code: list[NotebookNode]) -> set[str]:
    """Names that checks use and do not make: what the first cell imports, and Python's own."""
    imported = {symbol.get_name() for symbol in _symbols(code[0].source) if symbol.is_imported()}
    in_checks = {
        node.id
        for cell in code
        if mark(cell).get("grade")
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Name)
    }
    return in_checks & (imported | set(dir(builtins)))


def _replaced(code: str, used: set[str]) -> set[str]:
    """Names of `used` that the code gives another meaning, and attributes, such as torch.allclose, that it replaces."""
    try:
        tree = ast.parse(re.sub(r"^\s*[%!].*", "", code, flags=re.MULTILINE))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()  # Python will not get far in it either
    found = {symbol.get_name() for symbol in _symbols(ast.unparse(tree)) if symbol.is_assigned()} & used
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and not node.attr.isupper():
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in used | {"builtins"}:
                found.add(ast.unparse(node))
    return found


def _symbols(code: str) -> list[symtable.Symbol]:
    """Names of a cell, those inside its functions left out."""
    return symtable.symtable(code, "cell", "exec").get_symbols()
