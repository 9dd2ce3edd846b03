"""How stored notebooks are executed and compared (nbval), for the tests here and in notebooks/."""

import json
import math
import os
import queue
from pathlib import Path

# One thread per kernel, as when the outputs were stored: it changes the last digits of sums, and several kernels with
# several threads each are many times slower than with one. Before PyTorch is loaded, which looks only then.
os.environ["OMP_NUM_THREADS"] = "1"

import proofs
import pytest
import try_it
import warm_kernels
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

ROOT = Path(__file__).parent
FORKS = "tests/test_distributed.py"
# Seconds a file takes on two cores, where it is more than a few: lessons as `make bench` measured them, tests by hand.
SECONDS = {
    f"notebooks/{row['lesson'].replace('exercises', 'solutions')}.ipynb": row["seconds"]
    for row in json.loads((ROOT / "benchmarks" / "results.json").read_text("utf-8"))["lesson_minutes"]["rows"]
    if "lesson" in row
}
SECONDS |= {
    "tests/test_browser.py": 150,
    "tests/test_exercises.py": 130,
    "tests/test_site.py": 80,
    "tests/test_train.py": 45,
    "tests/test_serving.py": 40,
    "tests/test_classroom.py": 40,
    "tests/test_proofs.py": 20,
    "tests/test_training.py": 15,
    "tests/test_start_methods.py": 15,
    "tests/test_versions.py": 15,
    "tests/test_try_it.py": 12,
    "tests/test_elsewhere.py": 12,
    "tests/test_pretrained.py": 12,
    "tests/test_package.py": 12,
    "tests/test_clinic_messages.py": 10,
    "tests/test_loggers.py": 10,
    "tests/test_backbones.py": 10,
    "tests/test_console.py": 10,
    "tests/test_downloads.py": 10,
    "tests/test_samples.py": 10,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--digits-may-differ",
        metavar="FILE",
        help="for other versions of the libraries: an output that differs from the stored one does not fail; "
        "what became of each cell is written to FILE, a line of JSON each",
    )


class Report:
    """What became of each cell; see tools/versions.py."""

    def __init__(self, path: str):
        self.path = Path(path)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            differs = report.passed and "differs" in dict(report.user_properties)
            outcome = "differs" if differs else report.outcome
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([report.nodeid, outcome, str(report.longrepr or "")]) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):  # one of several processes, which executes many notebooks
        warm_kernels.use()
    elif path := config.getoption("--digits-may-differ"):  # the process that all others report to
        config.pluginmanager.register(Report(path))


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a seventh of its time, a test waits for servers, browsers and sleeping clients."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first (with --no-loadscope-reorder), so that no core waits in the end for a late starter.

    Before them the one that forks this process: after other tests PyTorch may have threads, which a fork leaves behind.
    """

    def rank(item: pytest.Item) -> float:
        name = item.path.as_posix().removeprefix(f"{ROOT.as_posix()}/")
        return -math.inf if name == FORKS else -SECONDS.get(name, 5)

    items.sort(key=rank)


def _execute(self, source, allow_stdin=None):
    # nbval asks for store_history=False, which disables a trailing ';'
    return self.kc.execute(source, allow_stdin=allow_stdin, stop_on_error=False)


RunningKernel.execute_cell_input = _execute
_run_cell, _collect_cells, _compare = IPyNbCell.runtest, IPyNbFile.collect, IPyNbCell.compare_outputs


def _compare_what_is_left(self, test, ref, skip_compare=None):
    """Without progress bars that have come and gone, which the builder does not store either."""
    import build  # brings PyTorch, which the process that hands out the work does without

    for output in test:
        if output.output_type == "stream":
            output.text = build.BAR.sub("", output.text)
    left = [output for output in test if output.output_type != "stream" or output.text]
    return _compare(self, left, ref, skip_compare)


def _reply(file: IPyNbFile, code: str, timeout: float) -> dict:
    """What the kernel of a notebook answers to code that is counted and shown nowhere."""
    kernel = file.kernel
    message = kernel.kc.execute(code, store_history=False, allow_stdin=False)
    reply = kernel.get_message(stream="shell", timeout=timeout)
    while reply["parent_header"].get("msg_id") != message:
        reply = kernel.get_message(stream="shell", timeout=timeout)
    kernel.await_idle(message, timeout)
    return reply["content"]


def _run_cell_and_proof(self):
    try:
        _run_cell(self)
    except NbCellError as error:
        if not self.config.option.digits_may_differ or error.args[0] != "Cell outputs differ":
            raise
        self.user_properties.append(("differs", True))
    if not (proof := self.cell.metadata.get(proofs.TAG)):
        return
    content = _reply(self.parent, proofs.code(proof), float(self.config.option.nbval_cell_timeout))
    if content["status"] == "error":
        failure = f"{content['ename']}: {content['evalue']}"
        where = f"the proof of this cell does not hold in {self.path.name}"
        raise NbCellError(self.cell_num, f"{where}: {failure}", proof, failure)


class TryItBox(pytest.Item):
    """A *Try it* box of a notebook, executed after its last cell."""

    def __init__(self, block: str, **settings):
        super().__init__(**settings)
        self.block = block

    def runtest(self):
        try:
            reply = _reply(self.parent, self.block, try_it.SECONDS)
        except queue.Empty:
            reply = None
        if failure := try_it.complaint(self.block, reply):
            raise try_it.TryItError(f"{self.path.name}: {failure}")

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, try_it.TryItError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


def _collect_cells_and_boxes(self):
    yield from _collect_cells(self)
    for number, block in enumerate(try_it.blocks(self.nb), 1):
        yield TryItBox.from_parent(self, name=f"Try it {number}", block=block)


IPyNbCell.compare_outputs = _compare_what_is_left
IPyNbCell.runtest = _run_cell_and_proof
IPyNbFile.collect = _collect_cells_and_boxes


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if isinstance(item, IPyNbCell | TryItBox) and getattr(item.parent, "failed_cell", None):
        pytest.skip(f"{item.parent.failed_cell} failed, the cells after it are not judged")


def pytest_runtest_makereport(item, call):
    failed = call.excinfo and not call.excinfo.errisinstance(pytest.skip.Exception)
    if isinstance(item, IPyNbCell) and call.when == "call" and failed:
        item.parent.failed_cell = item.name
