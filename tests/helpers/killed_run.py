"""python killed_run.py RUN_FOLDER ARGUMENTS …: start the training program and kill it again and again until it ends.

A helper of test_train.py. It forks what it kills from a process that has imported everything and computed nothing.
The last line it prints is JSON: how often it killed and in which way, and how far the run was each time.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from course_utils import train

AT_RANDOM, WHILE_WRITING = 10, range(1, 17)  # an epoch writes four files in four steps each, see `started`


def started(folder: Path, arguments: list[str], fatal: int = 0) -> int:
    """Start the program, or go on with it, in a new process, which kills itself in that step of writing, from 1.

    Steps are the moments before and after a file is synchronized, and before and after it is put in place.
    """
    if process := os.fork():
        return process
    steps = [0]

    def step() -> None:
        steps[0] += 1
        if steps[0] == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(function: Callable) -> Callable:
        def call(*values: object) -> None:
            step()
            function(*values)
            step()

        return call

    os.fsync, os.replace = counted(os.fsync), counted(os.replace)
    code = 3  # a traceback
    try:
        torch.set_num_threads(1)
        sys.stdout = open(os.devnull, "w")
        code = train.main(["--resume", str(folder)] if (folder / "config.json").exists() else arguments)
    finally:
        os._exit(code)


def ended(process: int) -> bool:
    """Wait for a process; whether it came to its end, and was not killed."""
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if code not in (0, -signal.SIGKILL):
        sys.exit(f"the training program ended with exit code {code}")
    return code == 0


def epochs_done(folder: Path) -> int:
    return (folder / "epochs.csv").read_text().count("\n") - 1


def main() -> None:
    folder, arguments = Path(sys.argv[1]), sys.argv[2:]
    told = {"at random": 0, "while writing": 0, "unfinished files": 0, "epochs done": []}

    began, process = time.monotonic(), started(folder, arguments)
    while not (folder / "last.pt").exists():
        time.sleep(0.001)
        if time.monotonic() > began + 60:
            sys.exit("the first epoch takes too long")
    first_epoch = time.monotonic() - began
    os.kill(process, signal.SIGKILL)
    done = ended(process)

    dice = random.Random(0)
    for kill in dice.sample(plan := [0] * AT_RANDOM + list(WHILE_WRITING), len(plan)):
        process = started(folder, arguments, fatal=kill)
        if not kill:
            before, latest = epochs_done(folder), time.monotonic() + first_epoch * dice.uniform(0.1, 2)
            while time.monotonic() < latest and epochs_done(folder) == before:  # lest it is at its end too early
                time.sleep(0.001)
            time.sleep(dice.uniform(0, 0.03))
            os.kill(process, signal.SIGKILL)
        done = ended(process)
        if done:
            break
        told["while writing" if kill else "at random"] += 1
        told["unfinished files"] += len(list(folder.glob("*.part")))
        told["epochs done"].append(epochs_done(folder))
    if not done:
        ended(started(folder, arguments))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
