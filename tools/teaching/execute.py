"""Execute a notebook whose code nobody has read: behind walls, with limits, and going on where a kernel dies."""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from teaching import walls
from teaching.course import mark

MOST_OUTPUT = 1_000_000  # characters a cell
TICK = re.compile(r"^✓ task \d+$", re.MULTILINE)  # the last line of a check: it counts, whatever came before it
MOST_DEATHS = 8
FIRST_CELL = 120  # seconds that it has at least: it imports PyTorch, which takes long from a slow disk
LAUNCH = [sys.executable, "-m", "ipykernel_launcher", "--HistoryManager.enabled=False", "--log-level=ERROR"]
TIME_OUT, DIED = "CellTimeoutError", "DeadKernelError"


class NotGraded(Exception):
    """Why a submission cannot be graded, in words for teacher and student."""


class WalledKernels(AsyncKernelManager):
    """Starts kernels behind walls; one talks to them through sockets that are files, as there is no network."""

    def __init__(self, folder: Path, walled: bool):
        super().__init__(kernel_name="python3", connection_file=str(folder / "sockets" / "k.json"))
        self.folder, self.walled = folder, walled
        if walled:
            self.transport = "ipc"
        self._kernel_spec = KernelSpec(
            argv=[*LAUNCH, "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
            interrupt_mode="message",  # a signal would not pass the walls
            metadata={"kernel_provisioner": {"provisioner_name": "local-provisioner"}},  # another might know no walls
        )

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        inside = super().format_kernel_cmd(extra_arguments)
        return walls.command(inside, self.folder) if self.walled else inside


class StudentClient(NotebookClient):
    """Sends cells to a kernel and keeps their outputs, up to a limit."""

    def __init__(self, notebook: NotebookNode, seconds: float):
        super().__init__(
            notebook,
            interrupt_on_timeout=True,
            error_on_timeout={"ename": TIME_OUT, "evalue": "", "traceback": []},
            raise_on_iopub_timeout=True,
            iopub_timeout=10,
            allow_errors=True,
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
            shutdown_kernel="immediate",
        )
        self.seconds = round(seconds)
        self.received = 0
        self.timed_out = self.asked_to_end = False
        self.on_cell_executed = self._look_for_exit

    def _look_for_exit(self, cell: NotebookNode, cell_index: int, execute_reply: dict[str, Any]) -> None:
        """`exit()` ends the kernel a moment later, when it is another cell's turn."""
        payload = execute_reply["content"].get("payload", [])
        self.asked_to_end = any(part.get("source") == "ask_exit" for part in payload)

    async def _async_handle_timeout(self, timeout: int, cell: NotebookNode | None = None) -> dict[str, Any] | None:
        self.timed_out = True
        return await super()._async_handle_timeout(timeout, cell)

    def output(self, outs: list, msg: dict, display_id: str | None, cell_index: int) -> NotebookNode | None:
        self.received += len(str(msg["content"]))
        if self.received > MOST_OUTPUT and msg["msg_type"] != "error":
            tick = TICK.search(msg["content"].get("text", ""))
            if tick is None:
                return None
            msg["content"]["text"] = f"\n{tick[0]}\n"
        return super().output(outs, msg, display_id, cell_index)


@contextmanager
def _kernel(client: StudentClient, walled: bool) -> Iterator[None]:
    """A new kernel for the client, in a folder of its own; both are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="k"))
    try:
        for part in ("root", "sockets"):
            (folder / part).mkdir()
        client.km, client.kc = WalledKernels(folder, walled), None
        client.reset_execution_trackers()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        try:
            client.start_new_kernel(env=walls.environment(walled), cwd=str(folder / "sockets"), **quiet)
            client.start_new_kernel_client()
        except RuntimeError as error:
            raise NotGraded(f"no kernel could be started ({error})") from None
        try:
            yield
        finally:
            client._cleanup_kernel()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def execute(notebook: NotebookNode, seconds: float, total: float, walled: bool = True) -> list[str]:
    """Execute all code cells of the notebook, in place.

    A cell that kills its kernel, or does not stop when its time is up, gets an error as its output. Then a new kernel
    runs the cells before it again, without those that were ended so, and goes on after it.

    Args:
        seconds: time for each cell; the first one has FIRST_CELL at least
        total: time for all of them together, in seconds
        walled: False for a system that has no walls
    Returns:
        what happened, in words
    Raises:
        NotGraded: kernels died again and again, or the time was up
    """
    client, events, killers, slow = StudentClient(notebook, seconds), [], set[int](), set[int]()
    begun, index = time.monotonic(), 0
    while index < len(notebook.cells):
        if len(killers) > MOST_DEATHS:
            raise NotGraded(f"the kernel died {len(killers)} times")
        with _kernel(client, walled):
            _again(client, notebook, [before for before in range(index) if before not in killers | slow])
            while index < len(notebook.cells) and index not in killers:
                if time.monotonic() - begun > total:
                    raise NotGraded(f"it had not come to an end after {total / 60:.0f} minutes")
                ended = _execute_cell(client, index)
                if ended:
                    events.append(f"{label(notebook.cells[index], index)}: {ended[1]}")
                    notebook.cells[index].outputs.append(new_output("error", ename=ended[0], evalue=ended[1]))
                if ended and ended[2]:
                    killers.add(index)
                    continue
                if ended:
                    slow.add(index)
                index += 1
        index += index in killers
    return events


def _again(client: StudentClient, notebook: NotebookNode, indices: list[int]) -> None:
    """Bring a new kernel to where the one before was; outputs stay as they are."""
    client.nb = deepcopy(notebook)
    for index in indices:
        if ended := _execute_cell(client, index):
            raise NotGraded(
                f"the kernel died, and when it was started anew, {label(client.nb.cells[index], index)}: {ended[1]}"
            )
    client.nb = notebook


def _execute_cell(client: StudentClient, index: int) -> tuple[str, str, bool] | None:
    """None, or what ended the cell: kind of error, words, and whether the kernel is lost."""
    first = next((number for number, cell in enumerate(client.nb.cells) if cell.cell_type == "code"), 0)
    client.timeout = max(client.seconds, FIRST_CELL) if index == first else client.seconds
    client.received, client.timed_out, client.asked_to_end = 0, False, False
    try:
        client.execute_cell(client.nb.cells[index], index)
    except DeadKernelError:
        return DIED, "the kernel died here", True
    except CellTimeoutError:
        return TIME_OUT, f"did not come to an end within {client.timeout} s, and could not be interrupted", True
    if client.asked_to_end:
        return DIED, "it ended Python", True
    return (TIME_OUT, f"did not come to an end within {client.timeout} s", False) if client.timed_out else None


def label(cell: NotebookNode, index: int) -> str:
    """A name of the cell for people, such as "task 1, check"."""
    name = mark(cell).get("grade_id", "")
    return name.replace("-", " ", 1).replace("-", ", ") if name else f"cell {index + 1}"
