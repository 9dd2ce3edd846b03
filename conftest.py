"""How stored notebooks are executed and compared (nbval), for the tests here and in notebooks/."""

import os

import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell

# One thread per kernel, as when the outputs were stored: it changes the last digits of sums, and several kernels with
# several threads each are many times slower than with one.
os.environ["OMP_NUM_THREADS"] = "1"


def _execute(self, source, allow_stdin=None):
    # nbval asks for store_history=False, which disables a trailing ';'
    return self.kc.execute(source, allow_stdin=allow_stdin, stop_on_error=False)


RunningKernel.execute_cell_input = _execute


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if isinstance(item, IPyNbCell) and getattr(item.parent, "failed_cell", None):
        pytest.skip(f"{item.parent.failed_cell} failed, the cells after it are not judged")


def pytest_runtest_makereport(item, call):
    failed = call.excinfo and not call.excinfo.errisinstance(pytest.skip.Exception)
    if isinstance(item, IPyNbCell) and call.when == "call" and failed:
        item.parent.failed_cell = item.name
