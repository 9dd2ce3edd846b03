"""The tests' kernels have modules loaded in advance; a notebook must not notice."""

import os
import subprocess
import sys
import time

import needs
import pytest
from nbval.kernel import RunningKernel


@pytest.fixture(scope="module")
def kernel():
    kernel = RunningKernel("python3")
    yield kernel
    kernel.stop()


def answer(kernel: RunningKernel, expression: str) -> str:
    """What the kernel displays for an expression, or the name of the error."""
    message = kernel.kc.execute(expression, stop_on_error=False)
    while True:
        content = kernel.get_message("iopub", timeout=60)
        if content["parent_header"].get("msg_id") != message:
            continue
        if content["msg_type"] in ("execute_result", "error"):
            return content["content"].get("ename") or content["content"]["data"]["text/plain"]


@needs.fork
def test_a_notebook_has_to_import_what_is_loaded(kernel: RunningKernel) -> None:
    assert answer(kernel, "'torch' in __import__('sys').modules") == "True"
    assert answer(kernel, "torch") == "NameError"


@pytest.mark.parametrize("module", ["proofs", "build", "browser", "run"])
def test_a_notebook_cannot_import_the_tools_of_the_tests(module: str, kernel: RunningKernel) -> None:
    assert answer(kernel, f"import {module}\n{module}") == "ModuleNotFoundError"


def test_figures_and_tables_are_shown_as_in_a_notebook(kernel: RunningKernel) -> None:
    assert "inline" in answer(kernel, "__import__('matplotlib').get_backend()")
    assert answer(kernel, "__import__('pandas').get_option('display.max_columns')") == "20"


@needs.fork
def test_processes_start_as_in_a_notebook(kernel: RunningKernel) -> None:
    """A process made by a fork server starts its own by one, too: each worker of a loader would import PyTorch anew."""
    usual = subprocess.check_output(
        [sys.executable, "-c", "import multiprocessing; print(multiprocessing.get_start_method())"], text=True
    ).strip()
    assert answer(kernel, "__import__('multiprocessing').get_start_method()") == repr(usual)


@needs.fork
def test_a_kernel_ends_with_all_that_it_started() -> None:
    kernel = RunningKernel("python3")
    child = int(answer(kernel, "__import__('subprocess').Popen(['sleep', '60']).pid"))
    kernel.stop()
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{child}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{child}")
