"""How stored notebooks are executed and compared (nbval), for the tests here and in notebooks/."""

import json
import os
from pathlib import Path

import proofs
import pytest
import warm_kernels
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, NbCellError

# One thread per kernel, as when the outputs were stored: it changes the last digits of sums, and several kernels with
# several threads each are many times slower than with one.
os.environ["OMP_NUM_THREADS"] = "1"
warm_kernels.use()

ROOT = Path(__file__).parent
# Seconds a file takes on two cores, where it is more than a few: lessons as `make bench` measured them, tests by hand.
SECONDS = {
    f"notebooks/{row['lesson'].replace('exercises', 'solutions')}.ipynb": row["seconds"]
    for row in json.loads((ROOT / "benchmarks" / "results.json").read_text("utf-8"))["lesson_minutes"]["rows"]
    if "lesson" in row
}
SECONDS |= {
    "tests/test_train.py": 60,
    "tests/test_distributed.py": 45,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first (with --no-loadscope-reorder), so that no core waits in the end for a late starter."""
    items.sort(key=lambda item: -SECONDS.get(item.path.as_posix().removeprefix(f"{ROOT.as_posix()}/"), 5))


def _execute(self, source, allow_stdin=None):
    # nbval asks for store_history=False, which disables a trailing ';'
    return self.kc.execute(source, allow_stdin=allow_stdin, stop_on_error=False)


RunningKernel.execute_cell_input = _execute
_run_cell = IPyNbCell.runtest


def _run_cell_and_proof(self):
    _run_cell(self)
    if not (proof := self.cell.metadata.get(proofs.TAG)):
        return
    kernel, timeout = self.parent.kernel, float(self.config.option.nbval_cell_timeout)
    message = kernel.kc.execute(proofs.code(proof), store_history=False, allow_stdin=False)
    reply = kernel.get_message(stream="shell", timeout=timeout)
    while reply["parent_header"].get("msg_id") != message:
        reply = kernel.get_message(stream="shell", timeout=timeout)
    kernel.await_idle(message, timeout)
    content = reply["content"]
    if content["status"] == "error":
        failure = f"{content['ename']}: {content['evalue']}"
        where = f"the proof of this cell does not hold in {self.path.name}"
        raise NbCellError(self.cell_num, f"{where}: {failure}", proof, failure)


IPyNbCell.runtest = _run_cell_and_proof


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if isinstance(item, IPyNbCell) and getattr(item.parent, "failed_cell", None):
        pytest.skip(f"{item.parent.failed_cell} failed, the cells after it are not judged")


def pytest_runtest_makereport(item, call):
    failed = call.excinfo and not call.excinfo.errisinstance(pytest.skip.Exception)
    if isinstance(item, IPyNbCell) and call.when == "call" and failed:
        item.parent.failed_cell = item.name
