"""Measure every claim of the course: `make bench`, or `python benchmarks/run.py fit_overhead` for one of them.

Prints what it measures and writes it to benchmarks/results.json, from which `make tables` renews the pages. Ratios
compare things measured in one run on one machine; seconds are that machine's.
"""

import argparse
import importlib
import json
import os
import platform
import sys
from pathlib import Path

import torch

from course_utils.lesson import MEASURED as RESULTS

HERE = Path(__file__).resolve().parent
BENCHMARKS = ["fit_overhead", "time_to_accuracy", "image_loading", "frozen_backbone", "evaluation", "training_log",
              "two_processes", "idle_threads", "packed_lstm", "serving_rate", "training_sizes",
              "lesson_minutes", "full_profile"]  # fmt: skip
MACHINE = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"
sys.path.insert(0, str(HERE))


def line(row: dict) -> str:
    """A row as a line of text."""
    ratio = f"{row['ratio']:.2f}×" if row.get("ratio") else None
    goal = f"{row['goal']}: {'met' if row['met'] else 'NOT MET'}" if row.get("goal") else None
    return " · ".join(filter(None, [row["what"], row["figure"], ratio, goal]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=BENCHMARKS, help=f"any of {', '.join(BENCHMARKS)}")
    chosen = parser.parse_args().names
    unknown = set(chosen) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark named {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name in chosen:
        if not (rows := importlib.import_module(name).measure()):
            continue  # it lacks the real data; what was measured with it stays
        devices = {row.get("device") for row in rows}
        elsewhere = [row for row in results.get(name, {}).get("rows", []) if row.get("device") not in devices]
        results[name] = {"machine": MACHINE, "rows": elsewhere + rows}
        RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print("\n".join(map(line, rows)), flush=True)
    rows = [row for name in chosen if name in results for row in results[name]["rows"]]
    return 0 if all(row.get("met") is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
