"""In how many seeds a lesson's proofs hold: what is claimed should not be luck.

    python tools/seeds.py 05 --seeds 5     run lesson 05 with five other seeds
    python tools/seeds.py --seeds 5        run all lessons

Every seed in the code is moved: those of `setup`, of generators and of functions (`seed=0`, `manual_seed(0)`,
`default_rng(0)`, `random_state=0`), and ranges of seeds (`for seed in range(3)`).
Results go into benchmarks/seeds.json.
"""

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

import build
from nbclient.exceptions import CellExecutionError
from proofs import TAG, ProvingClient

RESULTS = build.ROOT / "benchmarks" / "seeds.json"
STEP = 1000  # the first other seed is 1000, or 1001 where the lesson says 1
NUMBER = re.compile(r"((?:\bseed ?= ?|_seed\(|seed_everything\(|\bdefault_rng\(|\bRandom\(|\brandom_state=))(\d+)\b")
RANGE = re.compile(r"(\bfor seed in )(range\(\d+\)|[\[(][\d, ]+[\])])")


def moved(code: str, offset: int) -> str:
    """The code with every seed in it larger by `offset`."""
    code = NUMBER.sub(lambda found: f"{found[1]}{int(found[2]) + offset}", code)
    return RANGE.sub(lambda found: f"{found[1]}[_seed + {offset} for _seed in {found[2]}]", code)


def outcomes(source: Path, offset: int) -> dict[str, bool | None]:
    """Each assertion, by cell and text -> whether it held; None where it was not reached."""
    notebook = build.read_source(source)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = moved(cell.source, offset)
            if TAG in cell.metadata:
                cell.metadata[TAG] = moved(cell.metadata[TAG], offset)
    client = ProvingClient(notebook, build.NOTEBOOKS, lenient=True, timeout=1200)
    client.execute()
    return {f"cell {one.cell}: {one.text}": one.held for one in client.outcomes}


def measure(source: Path, seeds: int) -> dict:
    """How often each assertion was checked and how often it held."""
    checked: Counter[str] = Counter()
    held: Counter[str] = Counter()
    broken: dict[str, str] = {}
    for number in range(1, seeds + 1):
        try:
            found = outcomes(source, number * STEP)
        except CellExecutionError as error:  # a seed with which the lesson does not run to its end
            broken[str(number * STEP)] = f"{error.ename}: {error.evalue}"
            continue
        checked.update(text for text, holds in found.items() if holds is not None)
        held.update(text for text, holds in found.items() if holds)
    lucky = {text: f"{held[text]} of {times}" for text, times in checked.items() if held[text] < times}
    return {"seeds": seeds, "assertions": len(checked), "held with every seed": len(checked) - len(lucky),
            "not with every seed": lucky, "did not run": broken}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", metavar="NN", help="lessons (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="how many other seeds (default: %(default)s)")
    wanted = parser.parse_args()
    lessons = [source for source in build.sources() if not build.is_exercise(source)]
    for source in lessons:
        if wanted.numbers and source.name[:2] not in wanted.numbers:
            continue
        results = defaultdict(dict, json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {})
        results[source.stem] = measure(source, wanted.seeds)
        ordered = {lesson.stem: results[lesson.stem] for lesson in lessons if lesson.stem in results}
        RESULTS.write_text(json.dumps(ordered, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(source.stem, json.dumps(results[source.stem], indent=2, ensure_ascii=False), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
