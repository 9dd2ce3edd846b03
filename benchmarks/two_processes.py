"""The training program in two processes against one, with the same batches and the same number of cores.

`python -m course_utils.train` on the drawn ants and bees, pretrained ResNet-18, 64 px, two epochs. One process uses all
cores, two share them. Seconds are those of the last epoch, without the start of the program. On a CPU there is nothing
to be gained, as one process uses all cores already; what is measured is what the exchange of gradients costs.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["--data", "data/hymenoptera", "--model", "pretrained_resnet18", "--size", "64", "--epochs", "2",
         "--batch-size", "40", "--workers", "0", "--device", "cpu", "--no-keep-epochs"]  # fmt: skip


def epochs_of(launcher: list[str], threads: int) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", *launcher, "course_utils.train", *FLAGS, "--output", f"{folder}/run"]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        return pd.read_csv(f"{folder}/run/epochs.csv")


def measure() -> list[dict]:
    cores = os.cpu_count() or 2
    one = epochs_of([], cores)
    two = epochs_of(["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"], max(1, cores // 2))
    seconds_one, seconds_two = one["seconds"].iloc[-1], two["seconds"].iloc[-1]
    apart = (one["train_loss"] - two["train_loss"]).abs().max()
    what = "an epoch of the training program, ResNet-18, batches of 40, CPU"
    return [
        {"what": f"{what}: one process", "figure": f"{seconds_one:.1f} s", "ratio": 1.0},
        {"what": f"{what}: two processes, losses at most {apart:.5f} apart", "figure": f"{seconds_two:.1f} s",
         "ratio": seconds_one / seconds_two, "goal": "losses at most 0.001 apart", "met": bool(apart <= 0.001)},
    ]  # fmt: skip
