"""Changes of solutions that their checks must notice. A sample is tried in test_exercises.py, all by `make mutants`."""

import build
import mutants
from exercises import tasks

EXERCISES = [source for source in build.sources() if build.is_exercise(source)]
ANSWER = '''def share(right, n=2):
    """Words stay."""
    ### BEGIN SOLUTION
    if n > 1 and not right:
        return None
    total = sum(right, start=0)
    return total.mean() / n
    ### END SOLUTION
'''


def changed(answer: str) -> set[str]:
    changes = {answer[begin:end] + " → " + new for begin, end, new in mutants._changes(answer)}
    return changes - {"return None → return None"}


def test_every_kind_of_change_is_made_within_the_solution_alone():
    assert changed(ANSWER) == {
        "> → >=", "> → <", "1 → 2", "1 → 0", "and → or", "not right → right",
        "n > 1 and not right → not (n > 1 and not right)", "total = sum(right, start=0) → pass", "sum → mean",
        "(right, start=0) → (start=0)", "(right, start=0) → (right)", "0 → 1", "return total.mean() / n → return None",
        ".mean → .sum", "total.mean() → total", "/ → *",
    }  # fmt: skip


def test_there_are_enough_and_each_is_another_program():
    made = [mutant for source in EXERCISES for mutant in mutants.mutants(source)]
    assert len(made) >= 900
    assert len({(one.exercise, one.task, one.answer) for one in made}) == len(made)
    assert {(one.exercise, one.task) for one in made} == {
        (source.stem, number) for source in EXERCISES for number in range(len(tasks(source)))
    }


def test_those_that_are_right_after_all_exist_and_say_why():
    made = {(f"{one.exercise[:2]} task {one.task + 1}", one.name) for s in EXERCISES for one in mutants.mutants(s)}
    listed = {(task, name): why for task, names in mutants.equivalent().items() for name, why in names.items()}
    assert set(listed) <= made, "no solution is changed like this any more"
    assert all(len(why.split()) >= 3 for why in listed.values())
