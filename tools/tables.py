"""Write the generated tables of the pages, and the times in the lessons' heads, from what is stored: `make tables`.

    python tools/tables.py

Nothing is measured here. Computing times and figures come from benchmarks/results.json, which `make bench` writes,
other versions of the libraries from benchmarks/range.json, which `make range` writes, needs from data/manifest.toml,
titles, promises and study times from the lessons. On a page a table stands between <!-- NAME --> and <!-- /NAME -->, in
lines of its own or within one, where NAME is one of `TABLES`. A lesson whose times change has to be built again.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import build
import elsewhere
import versions
from packaging.version import Version

from course_utils.basics.environment import became, listed, range_results
from course_utils.basics.files import replacing
from course_utils.downloads.manifest import needs
from course_utils.lesson import MEASURED, minutes_in_full

ROOT = build.ROOT
PAGES = ["README.md", "TEACHING.md", "data/README.md", "benchmarks/README.md"]
PARTS = {  # the first lesson of each part of the course, the part's name, and what it is about
    "00": ("See", "Pictures and tables become numbers, and you look at them at every step."),
    "03": ("Learn", "Networks from scratch, from a matrix product to a ResNet, and one that has learned before."),
    "08": ("Use", "Your own pictures, honest figures, a program, a library, sentences, a web page."),
    "14": ("Look closer", "What goes wrong, what takes time, where a network looks, and one that attends."),
}
HIGHLIGHTS = {  # benchmark -> what the README says of its best ratio
    "frozen_backbone": "as fast: a head on a frozen network's features, computed once and not every epoch (lesson 07)",
    "serving_rate": "as many answers a second: load the network once, and not for every request (lesson 13)",
    "time_to_accuracy": "as fast to the same accuracy on digits: the stairs of lesson 15, up from a widely copied loop",
    "image_loading": "as fast an epoch of loading: decode each picture once, and keep it",
}
TERM = "00 01 02 03 04 05 06 07 08 09 10 12 13 14".split()  # TEACHING.md: a lesson a week
WEEK, PAUSE = 90, 5  # minutes in class, and of them the break
DAYS = [  # TEACHING.md: when, how many minutes, of which are break, lessons and exercises
    ("day 1, 9:00 to 12:15", 195, 15, ["00", "01"], ["01"]),
    ("day 1, 13:15 to 16:00", 165, 15, ["02"], ["02"]),
    ("day 2, 9:00 to 12:15", 195, 15, ["03", "04"], []),
    ("day 2, 13:15 to 16:00", 165, 15, ["05"], ["04"]),
    ("day 3, 9:00 to 12:15", 195, 15, ["06", "07"], []),
    ("day 3, 13:15 to 16:00", 165, 15, ["08"], ["08"]),
]
SEEDS = ROOT / "benchmarks" / "seeds.json"
NBSP = "\N{NO-BREAK SPACE}"
STATED = (  # how a lesson and an exercise state their times
    re.compile(r"(\*\*Time\*\* about )\d+( minutes, of which the computer works )\d+( seconds)"),
    re.compile(r"(about )\d+( minutes)"),
)


def lessons() -> list[Path]:
    return [source for source in build.sources() if not build.is_exercise(source)]


def exercise_of(lesson: Path) -> Path | None:
    path = lesson.parent / "exercises" / lesson.name
    return path if path.exists() else None


def parts() -> dict[str, list[Path]]:
    """First number of each part -> its lessons."""
    found: dict[str, list[Path]] = {first: [] for first in PARTS}
    for lesson in lessons():
        found[max(first for first in PARTS if first <= lesson.name[:2])].append(lesson)
    return found


@cache
def minutes_to_study(source: Path) -> int:
    """Estimated from what the learner gets, to five minutes: 110 words a minute, 30 seconds a code cell, a minute for
    each question and each thing to try, and six minutes for each task of an exercise."""
    cells = build.read_source(source).cells
    prose = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
    prose = re.sub(r"!\[[^]]*\]", "", prose)  # texts for those who cannot see a drawing
    code = [cell for cell in cells if cell.cell_type == "code"]
    tasks = sum("answer" in cell.metadata.get("tags", []) for cell in code)
    asked = prose.count("**Check yourself.**") + prose.count("**Try it.**")
    minutes = len(re.findall(r"\w+", prose)) / 110 + len(code) / 2 + asked + 6 * tasks
    return 5 * round(minutes / 5)


def seconds_to_compute(lesson: Path, results: dict) -> int:
    """As measured, to five seconds, so that a breath of the machine changes no lesson."""
    for row in results["lesson_minutes"]["rows"]:
        if row.get("lesson") == lesson.stem:
            return max(5, 5 * round(row["seconds"] / 5))
    raise SystemExit(f"{lesson.relative_to(ROOT)} has not been measured. Run: python benchmarks/run.py lesson_minutes")


def head(lesson: Path) -> tuple[str, str]:
    """Title and first sentence of a lesson."""
    start = re.match(r"# %% \[markdown\]\n# # (.+)\n#\n((?:# .+\n)+)", lesson.read_text(encoding="utf-8"))
    if not start:
        raise SystemExit(f"{lesson.relative_to(ROOT)} should begin with a title, an empty line, and a promise")
    promise = start[2].removeprefix("# ").replace("\n# ", " ").strip()
    return start[1], re.split(r"(?<=[.!?]) ", promise)[0]


def lesson_map(results: dict) -> str:
    """The README's table: parts and their lessons, with titles, promises, minutes, and where else each opens."""
    published = bool(elsewhere.links(""))
    lines = ["| lesson | what you get | to study | exercises |" + " without installing |" * published]
    lines.append("|---|---|---|---|" + "---|" * published)
    for first, group in parts().items():
        name, about = PARTS[first]
        lines.append(f"| **{name}** | **{about}** | | |" + " |" * published)
        for lesson in group:
            title, promise = head(lesson)
            link, study = "", f"{minutes_to_study(lesson)}{NBSP}min"
            if exercise := exercise_of(lesson):
                link = f"[{minutes_to_study(exercise)}{NBSP}min](notebooks/exercises/{lesson.stem}.ipynb)"
            page = f"notebooks/{lesson.stem}.ipynb"
            row = f"| [{title}]({page}) | {promise} | {study} | {link} |"
            lines.append(row + f" {elsewhere.badges(page)} |" * published)
    return "\n".join(lines)


def study_minutes(group: list[Path]) -> tuple[int, int]:
    """Minutes to study lessons, and to do their exercises."""
    exercises = filter(None, map(exercise_of, group))
    return sum(map(minutes_to_study, group)), sum(map(minutes_to_study, exercises))


def hours(results: dict) -> str:
    study, exercises = (minutes / 60 for minutes in study_minutes(lessons()))
    return f"**{len(lessons())} lessons, about {study:.0f} hours to study, and {exercises:.0f} hours of exercises.**"


def times(results: dict) -> str:
    """The table of TEACHING.md: how long each part takes people and computers."""
    lines = ["| part | lessons | to study | exercises | the computer works |", "|---|---|---|---|---|"]
    for name, group in [(PARTS[first][0], group) for first, group in parts().items()] + [("all", lessons())]:
        numbers = dict.fromkeys([group[0].name[:2], group[-1].name[:2]])
        study, exercises = study_minutes(group)
        seconds = sum(seconds_to_compute(lesson, results) for lesson in group)
        hours = f"{study / 60:.1f} h | {exercises / 60:.1f} h"
        lines.append(f"| {name} | {' to '.join(numbers)} | {hours} | {seconds / 60:.1f} min |")
    return "\n".join(lines)


def page_of(lesson: Path) -> str:
    """A link to the page for its teacher."""
    title, _ = head(lesson)
    anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
    return f"[{title}](TEACHING_LESSONS.md#{anchor})"


def left_over(when: str, minutes: int, *used: int) -> int:
    """Minutes for questions, once lessons, exercises and breaks are taken off."""
    if sum(used) > minutes:
        raise SystemExit(f"{when}: {sum(used)} minutes are planned, there are {minutes}. Change tools/tables.py")
    return minutes - sum(used)


def term(results: dict) -> str:
    """The table of TEACHING.md: a term, a lesson a week."""
    by_number = {lesson.name[:2]: lesson for lesson in lessons()}
    lines = ["| week | together | minutes | break | for questions | at home | minutes |", "|" + "---|" * 7]
    total = Counter[str]()
    for week, number in enumerate(TERM, start=1):
        study, practice = study_minutes([by_number[number]])
        questions = left_over(f"week {week}", WEEK, study, PAUSE)
        home = f"exercise {number} | {practice}" if practice else "|"
        lines.append(f"| {week} | {page_of(by_number[number])} | {study} | {PAUSE} | {questions} | {home} |")
        total.update(study=study, questions=questions, practice=practice)
    spent = f"{total['study']} | {PAUSE * len(TERM)} | {total['questions']} | | {total['practice']}"
    return "\n".join([*lines, f"| all | | {spent} |"])


def days(results: dict) -> str:
    """The table of TEACHING.md: three days."""
    by_number = {lesson.name[:2]: lesson for lesson in lessons()}
    lines = ["| when | lessons | exercises | minutes | breaks | for questions |", "|" + "---|" * 6]
    total = Counter[str]()
    for when, minutes, pause, studied, practised in DAYS:
        study, _ = study_minutes([by_number[number] for number in studied])
        _, practice = study_minutes([by_number[number] for number in practised])
        questions = left_over(when, minutes, study, practice, pause)
        what = f"{', '.join(studied)} | {', '.join(practised)}"
        lines.append(f"| {when} | {what} | {study + practice} | {pause} | {questions} |")
        total.update(work=study + practice, pause=pause, questions=questions)
    return "\n".join([*lines, f"| all | | | {total['work']} | {total['pause']} | {total['questions']} |"])


def data_needs(results: dict) -> str:
    """The table of data/README.md: what each lesson needs in each profile, how large it is, how long it computes."""
    lines = ["| lesson | in `sample` | in `full` | to download | computes in `full` |", "|---|---|---|---|---|"]
    minutes = minutes_in_full()
    for lesson in lessons():
        number = lesson.name[:2]
        used = needs(number)
        samples = (one.sample_note or (one.sample and f"{one.sample} ({size(one.sample)})") for one in used)
        full = ", ".join(f"{one.name} ({one.megabytes:.0f} MB)" for one in used if one.files) or "the same"
        megabytes = sum(one.megabytes for one in used)
        duration = f"{minutes[number]} min" if number in minutes else ""
        sample = ", ".join(filter(None, samples)) or "nothing"
        lines.append(f"| {number} | {sample} | {full} | {megabytes:.0f} MB | {duration} |")
    return "\n".join(lines)


def size(sample: str) -> str:
    files = [ROOT / sample, *(ROOT / sample).rglob("*")]
    return f"{sum(file.stat().st_size for file in files if file.is_file()) / 1e6:.2g} MB"


def measured(results: dict) -> str:
    """The tables of benchmarks/README.md, one for each benchmark."""
    blocks = []
    for name, benchmark in results.items():
        source = ROOT / "benchmarks" / f"{name}.py"
        claim = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8")))
        if claim is None:
            raise SystemExit(f"{source.relative_to(ROOT)} should begin with a docstring that says what it measures")
        lines = [f"## [{name}]({name}.py)", "", claim, "", f"*{benchmark['machine']}*", ""]
        lines += ["| what | figure | ratio | goal | met |", "|---|---|---|---|---|"]
        for row in _rows(benchmark["rows"]):
            ratio = f"{row['ratio']:.2f}×" if row.get("ratio") else ""
            met = {True: "yes", False: "NO", None: ""}[row.get("met")]
            lines.append(f"| {row['what']} | {row['figure']} | {ratio} | {row.get('goal') or ''} | {met} |")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def claims(results: dict) -> str:
    """The list of benchmarks/README.md: what became of each lesson's claims in the profile `full`."""
    lines = ["| lesson | held | failed | not checked |", "|---|---|---|---|"]
    details = []
    for row in results["full_profile"]["rows"]:
        counts = Counter(state for _, _, state, _ in row.get("proofs", []))
        if not counts:
            continue
        lines.append(f"| {row['lesson']} | {counts['held']} | {counts['FAILED']} | {counts['not checked']} |")
        open_ones = [claim for claim in row["proofs"] if claim[2] != "held"]
        if open_ones:
            details.append(
                f"\n<details><summary>{row['lesson']}, on {row['device']}, with {row['backbone']}</summary>\n"
            )
            details += [
                f"- cell {cell}, {state}: `{text}`" + f" ({why})" * bool(why) for cell, text, state, why in open_ones
            ]
            details.append("\n</details>")
    return "\n".join([*lines, *details]) if len(lines) > 2 else "Not measured yet."


def seeds(results: dict) -> str:
    """The table of benchmarks/README.md: in how many other seeds each lesson's claims held."""
    found = json.loads(SEEDS.read_text(encoding="utf-8")) if SEEDS.exists() else {}
    lines = ["| lesson | seeds | claims | held with every seed | held in fewer |", "|---|---|---|---|---|"]
    for lesson, one in found.items():
        lucky = "; ".join(f"{text.partition(':')[0]}: {times}" for text, times in one["not with every seed"].items())
        lines.append(f"| {lesson} | {one['seeds']} | {one['assertions']} | {one['held with every seed']} | {lucky} |")
    return "\n".join(lines) if found else "Not measured yet."


def other_versions(results: dict) -> str:
    """The table of benchmarks/README.md: what became of the notebooks with other versions of the libraries."""
    found = range_results()
    if not found:
        return "Not measured yet."
    lines = ["| with | Python | torch | numpy | pandas | print the same | print other digits | fail | on |"]
    lines.append("|---" * 9 + "|")
    failed = []
    for name, one in found.items():
        counts = Counter(map(became, one["notebooks"].values()))
        used = " | ".join(one["versions"][library] for library in ("python", "torch", "numpy", "pandas"))
        fate = " | ".join(str(counts[what]) for what in ("same", "differs", "failed"))
        lines.append(f"| {name}: {one['about']} | {used} | {fate} | {one['date']} |")
        failed += versions.complaints(name, one["notebooks"])
    return "\n".join([*lines, "", *[f"- `{line.replace('`', chr(39))}`" for line in failed]]).rstrip()


def without_failure() -> list[dict]:
    """What `make range` found in those environments in which nothing failed."""
    return [one for one in range_results().values() if "failed" not in map(became, one["notebooks"].values())]


def tried(results: dict) -> str:
    """The README's sentence: with which versions every notebook runs. Where it is not known, there is none."""
    whole = without_failure()
    if not whole:
        return ""
    torches = sorted({one["versions"]["torch"].partition("+")[0] for one in whole}, key=Version)
    pythons = sorted({one["versions"]["python"].rpartition(".")[0] for one in whole}, key=Version)
    used = f"torch {listed(torches)} on Python {listed(pythons)}"
    return f"All notebooks run with [{used}](benchmarks/README.md#with-other-versions)."


def _rows(rows: list[dict]) -> list[dict]:
    """Lessons and exercises that met their goal stand in one row: the longest; each has its time in its own head."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        if "lesson" in row and row.get("met") is not False:
            kind = row.get("goal"), row.get("device"), row["lesson"].startswith("exercises")
            groups.setdefault(kind, []).append(row)
    longest = {id(max(group, key=lambda row: row["seconds"])): len(group) for group in groups.values()}
    return [
        row | {"what": row["what"] + (f", the longest of {longest[id(row)]}" if longest.get(id(row), 1) > 1 else "")}
        for row in rows
        if id(row) in longest or "lesson" not in row or row.get("met") is False
    ]


def highlights(results: dict) -> str:
    best = {name: max(row["ratio"] for row in results[name]["rows"] if row.get("goal")) for name in HIGHLIGHTS}
    return "\n".join(f"- **{best[name]:.0f} ×** {text}" for name, text in HIGHLIGHTS.items())


TABLES: dict[str, Callable[[dict], str]] = {
    "hours": hours,
    "tried": tried,
    "map": lesson_map,
    "highlights": highlights,
    "times": times,
    "term": term,
    "days": days,
    "needs": data_needs,
    "measured": measured,
    "claims": claims,
    "seeds": seeds,
    "versions": other_versions,
}


def renewed(page: str, results: dict) -> str:
    """The text of a page with its tables made anew."""

    def table(found: re.Match) -> str:
        return f"<!-- {found[1]} -->{found[2]}{TABLES[found[1]](results)}{found[2]}<!-- /{found[1]} -->"

    return re.sub(r"(?s)<!-- (\w+) -->(\n?).*?<!-- /\1 -->", table, page)


def retimed(source: Path, results: dict) -> str:
    """The text of a lesson or an exercise with its times as measured and estimated."""
    exercise = build.is_exercise(source)
    numbers = [minutes_to_study(source)] + ([] if exercise else [seconds_to_compute(source, results)])
    made, count = STATED[exercise].subn(
        lambda found: found[1] + "".join(f"{number}{text}" for number, text in zip(numbers, found.groups()[1:])),
        source.read_text(encoding="utf-8"),
        count=1,
    )
    if not count:
        raise SystemExit(f"{source.relative_to(ROOT)} states no time of the form {STATED[exercise].pattern}")
    return made


def generated() -> dict[Path, str]:
    """Every file that is generated in part -> the text it should have."""
    results = json.loads(MEASURED.read_text(encoding="utf-8"))
    pages = {ROOT / page: renewed((ROOT / page).read_text(encoding="utf-8"), results) for page in PAGES}
    return pages | {source: retimed(source, results) for source in build.sources()}


def main() -> None:
    changed = {path: text for path, text in generated().items() if path.read_text(encoding="utf-8") != text}
    for path, text in changed.items():
        with replacing(path, "w") as file:
            file.write(text)
        print("rewrote", path.relative_to(ROOT).as_posix())
    if any(path.suffix == ".py" for path in changed):
        print("lessons have changed: run make notebooks")


if __name__ == "__main__":
    main()
