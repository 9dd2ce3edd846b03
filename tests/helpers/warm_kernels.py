"""Kernels that start in a moment: forked from a process that has imported PyTorch. Half of the time of the tests of
notebooks would otherwise go into importing it fifty times.

What a notebook can name is not changed: a module that is loaded still has to be imported. matplotlib and pandas are not
loaded in advance, nor scikit-learn, which loads pandas: they look at their first import whether they are in a notebook.
"""

import multiprocessing
import os
import signal
import sys
from importlib.metadata import EntryPoint
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

ROOT = Path(__file__).parents[2]
NOT_FOR_NOTEBOOKS = {str(ROOT / folder) for folder in ["tests", "tests/helpers", "tools", "benchmarks"]}
LOADED = ["torch", "torchvision.transforms.v2", "scipy.stats", "ipykernel.kernelapp"]


def use() -> None:
    """From now on this process starts kernels so. Where processes cannot be forked (Windows), nothing changes."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return
    multiprocessing.get_context("forkserver").set_forkserver_preload(LOADED)
    factory = KernelProvisionerFactory.instance()
    factory.provisioners["warm"] = EntryPoint("warm", f"{__name__}:WarmKernel", factory.GROUP_NAME)
    factory.default_provisioner_name = "warm"


class WarmKernel(LocalProvisioner):
    async def launch_kernel(self, cmd: list[str], **settings: Any) -> KernelConnectionInfo:
        arguments = [os.fspath(settings.get("cwd") or "."), settings["env"], cmd[cmd.index("ipykernel_launcher") + 1 :]]
        process = multiprocessing.get_context("forkserver").Process(target=_become_kernel, args=arguments)
        process.start()
        self.process = Handle(process)
        self.pid = self.pgid = process.pid
        return self.connection_info


class Handle:
    """What a LocalProvisioner asks of a process, as of a subprocess.Popen."""

    stdin = stdout = stderr = None

    def __init__(self, process: BaseProcess):
        self.process = process

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self) -> int | None:
        self.process.join()
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def _become_kernel(folder: str, environment: dict[str, str], arguments: list[str]) -> None:
    os.setsid()
    multiprocessing.set_start_method(None, force=True)  # this process was made by a fork server; a kernel is not
    os.environ.clear()
    os.environ.update(environment, JPY_PARENT_PID=str(os.getppid()))
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.path = [path for path in sys.path if path not in NOT_FOR_NOTEBOOKS]
    sys.argv = ["ipykernel_launcher", *arguments]
    from ipykernel import kernelapp

    kernelapp.launch_new_instance()
