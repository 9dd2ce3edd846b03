"""Proofs: what must hold after a cell, asserted in its kernel and kept off the page.

In a source, a cell tagged `proof` follows the code cell that it judges. `hang_up` takes it out of the notebook and
keeps its text in the metadata of the judged cell. The builder, the tests and the run of the full profile execute it
from there, right after the cell, in the same kernel. It sees the notebook's variables and changes none: its own names
are forgotten, nothing is counted or shown, and the generators of random numbers are put back.
"""

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client import AsyncKernelClient
from nbclient import NotebookClient
from nbformat import NotebookNode
from proof_runner import is_assertion
from try_it import SECONDS, TryItError, blocks, complaint

TAG = "proof"
RUNNER = Path(__file__).with_name("proof_runner.py")


@dataclass(frozen=True)
class Outcome:
    """What became of one assertion, or of a *Try it* box.

    Attributes:
        cell: execution count of the judged cell, for a box that of the last one.
        text: the assertion, the first line of it.
        held: None where it was not reached: what it claims is not claimed in this profile.
        note: how it failed, or why it is not claimed: the comment behind the `if` around it.
    """

    cell: int
    text: str
    held: bool | None
    note: str = ""


class ProofError(AssertionError):
    """A proof does not hold."""


def hang_up(notebook: NotebookNode) -> None:
    """Take the proofs out of `notebook` and keep the text of each in the metadata of the code cell before it.

    Raises:
        ValueError: a proof follows no code cell, or asserts nothing.
    """
    kept: list[NotebookNode] = []
    for cell in notebook.cells:
        if TAG not in cell.metadata.get("tags", []):
            kept.append(cell)
            continue
        if not assertions(cell.source):
            raise ValueError(f"a proof without an assertion proves nothing:\n{cell.source}")
        if not kept or kept[-1].cell_type != "code":
            raise ValueError(f"a proof follows the code cell that it judges, this one does not:\n{cell.source}")
        kept[-1].metadata[TAG] = "\n".join(filter(None, [kept[-1].metadata.get(TAG), cell.source]))
    notebook.cells = kept


def assertions(proof: str) -> dict[int, str]:
    """The assertions of a proof: line number -> why it may go unchecked, the comment behind an `if` around it."""
    found: dict[int, str] = {}
    lines = proof.splitlines()

    def search(node: ast.AST, reason: str) -> None:
        if isinstance(node, ast.If):
            reason = lines[node.lineno - 1].partition("#")[2].strip()
        if is_assertion(node):
            found[node.lineno] = reason
        for child in ast.iter_child_nodes(node):
            search(child, reason)

    search(ast.parse(proof), "")
    return found


def code(proof: str) -> str:
    """What a kernel executes for a proof, a single statement that leaves no name behind; see proof_runner.py."""
    runner = RUNNER.read_text(encoding="utf-8")
    return f"assert (lambda names: [exec({runner!r}, names), names['prove']({proof!r}, globals())])({{}})"


class ProvingClient(NotebookClient):
    """Executes a notebook with its proofs and, after the last cell, its *Try it* boxes; collects `outcomes`.

    Args:
        folder: where its cells are executed.
        lenient: note what does not hold and go on, instead of raising a `ProofError` or a `TryItError`.
        before: code that the kernel executes before the first cell, uncounted.
    """

    def __init__(self, notebook: NotebookNode, folder: Path, lenient: bool = False, before: str = "", **settings: Any):
        settings |= {"kernel_name": "python3", "extra_arguments": ["--log-level=ERROR"]}
        super().__init__(notebook, resources={"metadata": {"path": str(folder)}}, **settings)
        self.lenient = lenient
        self.before = before
        self.outcomes: list[Outcome] = []

    async def async_execute_cell(
        self, cell: NotebookNode, cell_index: int, *more: Any, **settings: Any
    ) -> NotebookNode:
        if cell_index == 0 and self.before:
            await self._ask(self.before, self.timeout)
        cell = await super().async_execute_cell(cell, cell_index, *more, **settings)
        proof = cell.metadata.get(TAG)
        if proof and cell.execution_count:
            await self._judge(cell.execution_count, proof)
        if cell_index == len(self.nb.cells) - 1:
            for block in blocks(self.nb):
                await self._try(block)
        return cell

    async def _ask(
        self, code: str, timeout: float | None, listen: Callable[[dict], None] = lambda message: None
    ) -> dict:
        """What the kernel answers to code that is neither counted nor shown."""
        assert isinstance(self.kc, AsyncKernelClient)  # while a notebook is executed
        reply = await self.kc.execute_interactive(
            code, store_history=False, allow_stdin=False, output_hook=listen, timeout=timeout
        )
        return reply["content"]

    async def _try(self, block: str) -> None:
        try:
            content = await self._ask(block, SECONDS if self.timeout else None)  # real data on a CPU take longer
        except TimeoutError:
            content = None
        failure = complaint(block, content)
        if failure and not self.lenient:
            raise TryItError(failure)
        text = f"Try it: {block.splitlines()[0]}"
        self.outcomes.append(Outcome(self.code_cells_executed, text, not failure, failure or ""))

    async def _judge(self, number: int, proof: str) -> None:
        printed: list[str] = []

        def listen(message: dict) -> None:
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        content = await self._ask(code(proof), self.timeout, listen)
        lines = proof.splitlines()
        reached: dict[int, str | None] = {}
        for line, failure in json.loads("".join(printed).splitlines()[-1]):
            reached[line] = reached.get(line) or failure
        for line, reason in assertions(proof).items():
            held = reached[line] is None if line in reached else None
            note = reason if held is None else reached.get(line) or ""
            self.outcomes.append(Outcome(number, lines[line - 1].strip(), held, note))
        if content["status"] == "error" and not (self.lenient and content["ename"] == "AssertionError"):
            raise ProofError(
                f"the proof of cell {number} does not hold: {content['ename']}: {content['evalue']}\n\n{proof}"
            )
