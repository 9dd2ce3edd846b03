"""What it costs, and what it saves, that threads which have nothing to do soon sleep (GOMP_SPINCOUNT).

Between two operations the threads of a network wait for work, by default for a while at full speed. `make lab` starts
its kernels so that they give up sooner. They could also sleep at once (OMP_WAIT_POLICY=PASSIVE). Training of lesson
04's CNN on the sample digits with as many threads as there are cores, alone and beside a program that needs one core;
medians of five, in turns.
"""

import os
import re
import statistics
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAB = (ROOT / ".jupyter" / "jupyter_lab_config.py").read_text(encoding="utf-8")
POLICIES = {
    "they wait awake": {},
    "they sleep soon": {"GOMP_SPINCOUNT": re.search(r'"GOMP_SPINCOUNT", "(\d+)"', LAB)[1]},
    "they sleep at once": {"OMP_WAIT_POLICY": "PASSIVE"},
}
GOALS = {"alone": 1.1, "beside a program that needs one core": 0.95}
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
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    command = [sys.executable, "-c", TRAINING]
    done = subprocess.run(command, cwd=ROOT, env=inherited | settings, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def busy() -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", "while True: pass"])


def measure() -> list[dict]:
    rows = []
    for where, most in GOALS.items():
        taken: dict[str, list[float]] = {name: [] for name in POLICIES}
        with nullcontext() if where == "alone" else busy() as program:
            for _ in range(5):
                for name, settings in POLICIES.items():
                    taken[name].append(seconds(settings))
            if program:
                program.kill()
        medians = {name: statistics.median(values) for name, values in taken.items()}
        awake = medians["they wait awake"]
        for name, median in medians.items():
            row = {"what": f"an epoch of lesson 04's CNN {where}: {name}", "figure": f"{median:.2f} s"}
            row["ratio"] = awake / median
            if name == "they sleep soon":
                row |= {"goal": f"at most {most} times as long", "met": median <= most * awake}
            rows.append(row)
    return rows
