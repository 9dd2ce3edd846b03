"""The pages for teachers: sections that the lessons have, a page a lesson, and plans that keep to their hours."""

import re
from pathlib import Path

import pytest
import tables

ROOT = tables.ROOT
PLANS = (ROOT / "TEACHING.md").read_text(encoding="utf-8")
PAGES = (ROOT / "TEACHING_LESSONS.md").read_text(encoding="utf-8")
PARTS = ["Aims", "Show", "Ask", "They stumble", "Leave out"]
LESSONS = {lesson.name[:2]: lesson for lesson in tables.lessons()}
every_lesson = pytest.mark.parametrize("lesson", tables.lessons(), ids=lambda path: path.stem)


def page(lesson: Path) -> str:
    """What stands below the lesson's title."""
    title, _ = tables.head(lesson)
    assert PAGES.count(f"\n## {title}\n") == 1, f"no page or several for {title}: its heading is the lesson's title"
    return PAGES.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def headings(lesson: Path) -> set[str]:
    return set(re.findall(r"^# #{2,3} (.+)$", lesson.read_text(encoding="utf-8"), re.M))


def sections_named(text: str) -> list[str]:
    without_code = re.sub(r"`[^`]*`", "", text)
    return [" ".join(name.split()) for name in re.findall(r"(?<![*\w])\*([^*]+)\*(?![*\w])", without_code)]


def before(lesson: Path) -> set[str]:
    """Numbers of the lessons that one builds on."""
    text = re.search(r"\*\*Before this\*\*(.+?)\n#\n", lesson.read_text(encoding="utf-8"), re.S)[1]
    numbers = re.findall(r"\((\d\d)_", text)
    if re.search(r"\) to\s", text):
        return {number for number in LESSONS if numbers[0] <= number <= numbers[-1]}
    return set(numbers)


def table(name: str) -> tuple[list[list[str]], list[str]]:
    """Cells of a table of TEACHING.md, row by row, and those of its last row, the sums."""
    lines = PLANS.partition(f"<!-- {name} -->\n")[2].partition(f"\n<!-- /{name} -->")[0].splitlines()[2:]
    *cells, sums = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    return cells, sums


def total(column: int, cells: list[list[str]]) -> int:
    return sum(int(row[column] or 0) for row in cells)


def minutes(numbers: str, exercises: bool = False) -> int:
    """Minutes to study the lessons with these numbers, or to do their exercises."""
    chosen = [LESSONS[number] for number in re.findall(r"\d\d", numbers)]
    return tables.study_minutes(chosen)[exercises]


def clock(time: str) -> int:
    hours, rest = time.split(":")
    return 60 * int(hours) + int(rest)


def test_each_lesson_has_a_page_in_the_order_of_the_course():
    titles = [tables.head(lesson)[0] for lesson in tables.lessons()]
    assert re.findall(r"^## (.+)$", PAGES, re.M) == titles


@every_lesson
def test_a_page_has_its_five_parts_and_three_questions_with_answers(lesson):
    text = page(lesson)
    assert re.findall(r"^\*\*([A-Z][a-z ]+)\.\*\*", text, re.M) == PARTS
    questions = text.partition("**Ask.**")[2].partition("**They stumble.**")[0]
    assert re.findall(r"^(\d)\. ", questions, re.M) == ["1", "2", "3"]
    for question in re.split(r"^\d\. ", questions, flags=re.M)[1:]:
        assert re.fullmatch(r".+\? \(.+[.)]\)", " ".join(question.split())), f"no question, or no answer: {question}"


@every_lesson
def test_a_page_names_sections_that_the_lesson_has(lesson):
    named = sections_named(page(lesson))
    assert named, "the page names no section"
    unknown = [name for name in named if name not in headings(lesson)]
    assert not unknown, f"{lesson.name} has no section {unknown}: mend TEACHING_LESSONS.md"


@every_lesson
def test_a_page_leads_to_the_lesson_and_its_exercise(lesson):
    there = [f"notebooks/{lesson.stem}.ipynb"]
    if tables.exercise_of(lesson):
        there.append(f"notebooks/exercises/{lesson.stem}.ipynb")
    assert re.findall(r"\]\((\S+)\)", page(lesson)) == there


def test_a_plan_cuts_lessons_at_sections_that_they_have():
    cuts = re.findall(r"lesson (\d\d) (?:after|before)\s\*([^*]+)\*", PLANS)
    assert cuts and all(section in headings(LESSONS[number]) for number, section in cuts), cuts


def test_a_section_that_does_not_exist_is_found():
    text = "**Show.** *Batches*, `a * b * c`, *The\ndrawer opens*, 2 * 3 and **bold**"
    assert sections_named(text) == ["Batches", "The drawer opens"]


def test_the_weeks_of_a_term_add_up():
    weeks, sums = table("term")
    assert [row[0] for row in weeks] == [str(week) for week in range(1, 15)]
    for week, together, study, pause, questions, home, practice in weeks:
        number = together[1:3]
        assert int(study) == minutes(number), f"week {week}"
        assert int(study) + int(pause) + int(questions) == 90 and int(questions) >= 10, f"week {week}"
        assert int(practice or 0) == minutes(home, exercises=True), f"week {week}"
        assert home == (f"exercise {number}" if practice else ""), f"week {week}"
    assert [sums[column] for column in (2, 3, 4, 6)] == [str(total(column, weeks)) for column in (2, 3, 4, 6)]


def test_the_three_days_add_up():
    halves, sums = table("days")
    for when, studied, practised, work, pause, questions in halves:
        begin, end = map(clock, re.findall(r"\d+:\d\d", when))
        assert int(work) == minutes(studied) + minutes(practised, exercises=True), when
        assert int(work) + int(pause) + int(questions) == end - begin and int(questions) >= 10, when
        assert int(pause) >= 15, when
    assert sums[3:] == [str(total(column, halves)) for column in (3, 4, 5)]


@pytest.mark.parametrize("plan, column", [("term", 1), ("days", 1)])
def test_a_plan_takes_no_lesson_before_those_that_it_builds_on(plan, column):
    cells, _ = table(plan)
    taken: list[str] = []
    for row in cells:
        for number in re.findall(r"\b\d\d\b", row[column].partition("]")[0]):
            assert before(LESSONS[number]) <= {*taken}, f"lesson {number} comes too early"
            taken.append(number)
    assert len(taken) == len({*taken})


def test_lessons_that_may_be_left_out_are_needed_by_none():
    assert "nothing builds on 11, 12, 13 or 14" in PLANS
    assert not {"11", "12", "13", "14"} & {number for lesson in LESSONS.values() for number in before(lesson)}


def test_a_plan_that_takes_too_long_is_refused():
    with pytest.raises(SystemExit, match="week 3: 95 minutes are planned, there are 90"):
        tables.left_over("week 3", 90, 60, 30, 5)


def test_every_command_of_the_classroom_is_explained():
    section = PLANS.partition("## Grading a class")[2].partition("\n## ")[0]
    commands = re.findall(r"tools/classroom\.py (\w+)", section)
    assert len(commands) == 6 and re.findall(r"^- \*\*(\w+)\*\*", section, re.M) == commands
