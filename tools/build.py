"""Build the notebooks that learners open from the text that authors edit.

    python tools/build.py               build what changed
    python tools/build.py --all         build everything
    python tools/build.py 01 04         build lessons 01 and 04 and their exercises, changed or not

A lesson `lessons/NN_name.py` becomes `notebooks/NN_name.ipynb`, executed. An exercise `lessons/exercises/NN_name.py`
becomes two notebooks: `notebooks/solutions/NN_name.ipynb`, executed, and `notebooks/exercises/NN_name.ipynb`, with the
solutions taken out. A notebook whose cells, proofs or *Try it* boxes fail is not written.
"""

import argparse
import hashlib
import os
import re
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from pathlib import Path

import jupytext
import nbformat
import proofs
from dependencies import data_files, package_files
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from proofs import ProofError, ProvingClient, hang_up
from try_it import TryItError, blocks

from course_utils.basics.files import replacing

ROOT = Path(__file__).resolve().parents[1]
LESSONS, NOTEBOOKS = ROOT / "lessons", ROOT / "notebooks"
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
FIGURE_TEXTS = ROOT / "tools" / "figure_texts.py"
VARIES = "nbval-ignore-output"
FOLDED = {"fold": {"source_hidden": True, "outputs_hidden": True}, "check": {"source_hidden": True}}
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.MULTILINE | re.DOTALL)
STUB = r"\1# YOUR CODE HERE\n\1raise NotImplementedError()"
CLOSING = re.compile(r"Done\? \[Compare with the solutions\]\([^)]*\),\s+or\s+go\b")
BAR = re.compile(r"[^\n]*\r")  # progress, of which the next output on the line leaves nothing
PRAGMA = re.compile(r"  # (fmt|noqa|type|ruff)\b.*$", re.MULTILINE)


def sources() -> list[Path]:
    """All lessons, then all exercises."""
    return sorted(LESSONS.glob("[0-9]*.py")) + sorted((LESSONS / "exercises").glob("[0-9]*.py"))


def describe(source: Path) -> str:
    """E.g. "exercises/03_mnist_mlp.py"."""
    return f"exercises/{source.name}" if is_exercise(source) else source.name


def is_exercise(source: Path) -> bool:
    return source.parent.name == "exercises"


def targets(source: Path) -> list[Path]:
    """The notebooks made from `source`; the first one is executed."""
    folders = ["solutions", "exercises"] if is_exercise(source) else ["."]
    return [NOTEBOOKS / folder / f"{source.stem}.ipynb" for folder in folders]


def read_source(source: Path) -> nbformat.NotebookNode:
    """The notebook as written: no outputs; exercises with solutions, points, and without their other answers."""
    notebook = jupytext.read(source)
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL})
    notebook.cells = [cell for cell in notebook.cells if not {"wrong", "right"} & set(cell.metadata.get("tags", []))]
    hang_up(notebook)
    blocks(notebook)  # a box that is not in order is told now, not after the last cell
    if is_exercise(source):
        _add_grading(notebook)
    for cell in notebook.cells:
        cell.source = PRAGMA.sub("", cell.source)
        for tag in FOLDED.keys() & cell.metadata.get("tags", []):
            cell.metadata["jupyter"] = FOLDED[tag]
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        cell.metadata.pop("points", None)
        # from the first line, so that a cell keeps its id when the rest of it is edited
        first = cell.source.partition("\n")[0]
        cell.id = hashlib.sha256(f"{first}/{seen[first]}".encode()).hexdigest()[:8]
        seen[first] += 1
    return notebook


def _add_grading(notebook: nbformat.NotebookNode) -> None:
    """Mark answer and check cells the way nbgrader reads them."""
    task = 0
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        task += "answer" in tags
        if "answer" in tags or "check" in tags:
            check = "check" in tags
            cell.metadata["nbgrader"] = {
                "schema_version": 3,
                "grade_id": f"task-{task}-{'check' if check else 'answer'}",
                "grade": check,
                "locked": check,
                "solution": not check,
                "task": False,
            }
            if check:
                cell.metadata["nbgrader"]["points"] = cell.metadata["points"]


def published(source: Path, notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """What goes into each of the `targets`."""
    if not is_exercise(source):
        return [notebook]
    return [as_solutions(notebook, source.name[:2], source.stem), take_out_solutions(notebook)]


def as_solutions(notebook: nbformat.NotebookNode, number: str, name: str) -> nbformat.NotebookNode:
    """Solutions that say what they are in their first cell, and do not send their reader to themselves in the last."""
    solved = deepcopy(notebook)
    title = solved.cells[0].source.partition("\n")[0].replace("Exercises", "Solutions")
    solved.cells[0].source = (
        f"{title}\n\nAll tasks solved, each in one of several right ways, and run. "
        f"Yours to fill in are the [exercises {number}](../exercises/{name}.ipynb)."
    )
    for cell in solved.cells:
        cell.source = CLOSING.sub("Go", cell.source)
    return solved


def take_out_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """What the learner gets: stubs in place of solutions, nothing executed."""
    stub = deepcopy(notebook)
    for cell in stub.cells:
        if cell.cell_type == "code":
            cell.source = SOLUTION.sub(STUB, cell.source)
            cell.update(outputs=[], execution_count=None)
            cell.metadata.pop(proofs.TAG, None)
    return stub


def inputs(source: Path) -> list[Path]:
    """The files that a notebook is built from: an edit of anything else leaves it current."""
    code = "\n".join(cell.source for cell in jupytext.read(source).cells if cell.cell_type == "code")
    always = [ROOT / name for name in ("tools/build.py", "tools/proofs.py", "constraints.txt", "requirements.txt")]
    measured = [path for path in sorted((ROOT / "benchmarks").glob("*.csv")) if path.name in code]
    return [*always, proofs.RUNNER, FIGURE_TEXTS, *package_files(code), *data_files(source.name[:2]), *measured]


def digest(source: Path) -> str:
    """Fingerprint of a source and of its `inputs`."""
    fingerprint = hashlib.sha256(source.read_bytes())
    for path in inputs(source):
        fingerprint.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return fingerprint.hexdigest()


def is_current(source: Path) -> bool:
    """Whether every notebook of `source` was built from what is there now."""
    built = [nbformat.read(path, 4).metadata.get("inputs") for path in targets(source) if path.exists()]
    return built == [digest(source)] * len(targets(source))


def build(source: Path, output: Path = NOTEBOOKS) -> str:
    """Execute `source` and write its notebooks below `output`. Returns a line that says what happened."""
    fingerprint = digest(source)
    paths = [output / path.relative_to(NOTEBOOKS) for path in targets(source)]
    stored = nbformat.read(paths[0], 4) if paths[0].exists() else None
    notebook = read_source(source)
    folder = targets(source)[0].parent  # also where it is written elsewhere: lessons say where files lie from there
    folder.mkdir(parents=True, exist_ok=True)
    texts = FIGURE_TEXTS.read_text(encoding="utf-8")
    before = f"(lambda names: [exec({texts!r}, names), names['install']()])({{}})"
    ProvingClient(notebook, folder, before=before, timeout=1800, record_timing=False, coalesce_streams=True).execute()
    _put_texts_of_authors(notebook)
    _scrub(notebook)
    notebook.metadata["inputs"] = fingerprint
    if stored and stored.metadata.get("inputs") == fingerprint:
        _keep_varying_outputs(notebook, stored)
    changed = []
    for path, content in zip(paths, published(source, notebook), strict=True):
        nbformat.validate(content)
        changed.append(_write(path, content))
    return f"{'built' if any(changed) else 'same '}  {describe(source)}"


def _put_texts_of_authors(notebook: nbformat.NotebookNode) -> None:
    """A cell with metadata `alt` says itself what its picture shows."""
    for cell in notebook.cells:
        if text := cell.metadata.pop("alt", None):
            for output in cell.outputs:
                for kind in {"image/png", "image/jpeg"} & output.get("data", {}).keys():
                    output.metadata.setdefault(kind, {})["alt"] = text


def _scrub(notebook: nbformat.NotebookNode) -> None:
    """Remove what differs from one machine or run to the next and is not the lesson's result."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info.pop("version", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                text = re.sub(r"/\S*/ipykernel_\d+/\d+\.py", "<cell>", output.text)
                output.text = BAR.sub("", text)
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = [out for out in cell.outputs if out.output_type != "stream" or out.text]


def _keep_varying_outputs(notebook: nbformat.NotebookNode, stored: nbformat.NotebookNode) -> None:
    """Timings differ from run to run; while nothing they depend on has changed, the stored ones stay."""
    before = {cell.id: cell for cell in stored.cells}
    for cell in notebook.cells:
        if VARIES in cell.metadata.get("tags", []) and cell.id in before:
            cell.outputs = before[cell.id].outputs


def _write(path: Path, notebook: nbformat.NotebookNode) -> bool:
    text = nbformat.writes(notebook) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, "w") as file:
        file.write(text)
    return True


def _try_build(source: Path) -> tuple[bool, str]:
    try:
        return True, build(source)
    except (CellExecutionError, CellTimeoutError, DeadKernelError, ProofError, TryItError) as error:
        return False, f"FAILED {describe(source)}, its notebook is left as it was\n{error}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", metavar="NN", help="lessons to build even if nothing changed")
    parser.add_argument("--all", action="store_true", help="build everything")
    wanted = parser.parse_args()
    numbers = {source.name[:2] for source in sources()}
    if unknown := [number for number in wanted.numbers if number not in numbers]:
        parser.error(f"there is no lesson {unknown[0]!r}; 13 builds lesson 13 and its exercises")
    chosen = [
        source
        for source in sources()
        if wanted.all or source.name[:2] in wanted.numbers or not (wanted.numbers or is_current(source))
    ]
    # one thread per kernel: the sums of floating-point numbers, and with them the outputs, depend on it
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        failures = 0
        for succeeded, message in pool.map(_try_build, chosen):
            print(message, flush=True)
            failures += not succeeded
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
