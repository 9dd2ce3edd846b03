"""Measure every claim of the course: `make bench`, or `python benchmarks/run.py fit_overhead` for one of them.

Prints a table, writes it to benchmarks/results.json, and renews the map of lessons in README.md. Ratios compare things
measured in one run on one machine; seconds are that machine's.
"""

import argparse
import importlib
import json
import os
import platform
import re
import sys
from pathlib import Path

import torch

from course_utils.downloads.manifest import needs
from course_utils.lesson import minutes_in_full

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "results.json"
READMES = [ROOT / "README.md", ROOT / "data" / "README.md"]
BENCHMARKS = ["fit_overhead", "time_to_accuracy", "image_loading", "frozen_backbone", "evaluation", "training_log",
              "two_processes", "packed_lstm", "serving_rate", "lesson_minutes", "full_profile"]  # fmt: skip
MACHINE = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"
sys.path.insert(0, str(HERE))


def table(results: dict) -> str:
    lines = ["| what | figure | ratio | goal | met |", "|---|---|---|---|---|"]
    for name in BENCHMARKS:
        for row in results.get(name, {}).get("rows", []):
            ratio = f"{row['ratio']:.2f}×" if row.get("ratio") else ""
            met = {True: "yes", False: "NO", None: ""}[row.get("met")]
            lines.append(f"| {row['what']} | {row['figure']} | {ratio} | {row.get('goal') or ''} | {met} |")
    return "\n".join(lines)


def lesson_map(results: dict) -> str:
    """The README's table: number and title, promise, minutes to study, seconds to compute."""
    from lesson_minutes import minutes_to_study

    seconds = {row["lesson"]: row["seconds"] for row in results["lesson_minutes"]["rows"] if "lesson" in row}
    lines = ["| lesson | what you get | to study | computes | exercises |", "|---|---|---|---|---|"]
    for source in sorted((ROOT / "lessons").glob("[0-9]*.py")):
        title, promise = re.match(
            r"# %% \[markdown\]\n# # (.+)\n#\n((?:# .+\n)+)", source.read_text(encoding="utf-8")
        ).groups()
        promise = " ".join(line.removeprefix("# ") for line in promise.splitlines())
        exercise = ROOT / "lessons" / "exercises" / source.name
        link = (
            f"[{minutes_to_study(exercise)} min](notebooks/exercises/{source.stem}.ipynb)" if exercise.exists() else ""
        )
        lines.append(
            f"| [{title}](notebooks/{source.stem}.ipynb) | {promise} | {minutes_to_study(source)} min | "
            f"{seconds[source.stem]} s | {link} |"
        )
    return "\n".join(lines)


def data_table() -> str:
    """The table of data/README.md: what each lesson needs in each profile, how large it is, how long it computes."""
    lines = ["| lesson | in `sample` | in `full` | to download | computes in `full` |", "|---|---|---|---|---|"]
    minutes = minutes_in_full()
    for source in sorted((ROOT / "lessons").glob("[0-9]*.py")):
        number = source.name[:2]
        used = needs(number)
        samples = ", ".join(one.sample_note or f"{one.sample} ({sample_size(one.sample)})" for one in used) or "nothing"
        full = ", ".join(f"{one.name} ({one.megabytes:.0f} MB)" for one in used if one.files) or "the same"
        megabytes = sum(one.megabytes for one in used)
        duration = f"{minutes[number]} min" if number in minutes else ""
        lines.append(f"| {number} | {samples} | {full} | {megabytes:.0f} MB | {duration} |")
    return "\n".join(lines)


def sample_size(sample: str) -> str:
    files = [ROOT / sample, *(ROOT / sample).rglob("*")]
    return f"{sum(file.stat().st_size for file in files if file.is_file()) / 1e6:.2g} MB"


def renewed(readme: str, results: dict) -> str:
    """A README with its generated tables, each between <!-- NAME --> and <!-- /NAME -->, made anew."""
    for name, text in (("map", lesson_map(results)), ("measured", table(results)), ("needs", data_table())):
        readme = re.sub(f"(?s)<!-- {name} -->.*<!-- /{name} -->", f"<!-- {name} -->\n{text}\n<!-- /{name} -->", readme)
    return readme


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
    print(table(results))
    if "lesson_minutes" in results:
        for readme in READMES:
            readme.write_text(renewed(readme.read_text(encoding="utf-8"), results), encoding="utf-8")
    rows = [row for name in chosen if name in results for row in results[name]["rows"]]
    return 0 if all(row.get("met") is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
