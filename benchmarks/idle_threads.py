"""What it costs, and what it saves, that threads which have nothing to do sleep (OMP_WAIT_POLICY=PASSIVE).

`make lab` starts its kernels so. Between two operations the threads of a network wait for work, by default for a while
at full speed. Training of lesson 04's CNN on the sample digits with as many threads as there are cores, once alone and
once beside a program that needs one core, in turns; medians of five.
"""

import os
import statistics
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
POLICIES = {"awake": {}, "asleep": {"OMP_WAIT_POLICY": "PASSIVE"}}
TRAINING = """
import time
import torch
from course_utils import CNN, fit, load_digits28
images, labels = load_digits28("train")
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), batch_size=64)
torch.manual_seed(0)
model = CNN()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
fit(model, loader, optimizer=optimizer, epochs=1, progress=False)
start = time.perf_counter()
fit(model, loader, optimizer=optimizer, epochs=1, progress=False)
print(time.perf_counter() - start)
"""


def seconds(settings: dict[str, str]) -> float:
    """Of an epoch, in a new process."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    command = [sys.executable, "-c", TRAINING]
    done = subprocess.run(command, cwd=ROOT, env=inherited | settings, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def busy() -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", "while True: pass"])


def measure() -> list[dict]:
    rows = []
    for where, neighbour in {"alone": nullcontext, "beside a program that needs one core": busy}.items():
        taken: dict[str, list[float]] = {name: [] for name in POLICIES}
        with neighbour() as program:
            for _ in range(5):
                for name, settings in POLICIES.items():
                    taken[name].append(seconds(settings))
            if program:
                program.kill()
        awake, asleep = (statistics.median(taken[name]) for name in POLICIES)
        ratio = f"{asleep / awake:.2f} times the time of threads that stay awake"
        row = {"what": f"idle threads sleep, an epoch of lesson 04's CNN, {where}", "figure": ratio}
        rows.append(row | {"goal": "at most 1.05 times", "met": asleep <= 1.05 * awake})
    return rows
