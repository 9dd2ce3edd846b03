"""A class that hands in what classes hand in: solved, half solved, broken and malicious notebooks, for one exercise.

`tiny_course` makes a small exercise of three tasks, which needs no PyTorch, so that a submission is graded in a second.
"""

import copy
import json
import random
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import build
import exercises
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from teaching import course
from teaching.course import mark
from teaching.report import Exercise

TINY = '''# %% [markdown]
# # Exercises 90 · Counting
#
# Three tasks. They need nothing beyond [lesson 00](../00_start_here.ipynb).

# %%
import random

# %% [markdown]
# ## Task 1 · Twice (2 points)
#
# Double a number.
# <details><summary>Hint 1: where to look</summary>
#
# *Adding numbers* is nearly it.
#
# </details>

# %% tags=["answer"]
def double(number):
    """Twice the number."""
    ### BEGIN SOLUTION
    twice_of_it = number + number
    return twice_of_it
    ### END SOLUTION

# %% tags=["wrong"] expect="a square"
# - number + number
# + number * number

# %% tags=["wrong"] expect="nothing comes back"
# -     return twice_of_it
# +     print(twice_of_it)

# %% tags=["check"] points=2
number = random.randint(5, 1000)
result = double(number)
assert result is not None, "nothing comes back: a `return` is missing"
assert result != number * number, f"{result} is a square, not the double"
assert result == 2 * number, f"the double of {number} is {2 * number}, not {result}"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · The largest (3 points)
#
# Without `max`.

# %% tags=["answer"]
def largest(numbers):
    """The largest of a list of numbers."""
    ### BEGIN SOLUTION
    found_so_far = numbers[0]
    for number in numbers[1:]:
        if number > found_so_far:
            found_so_far = number
    return found_so_far
    ### END SOLUTION

# %% tags=["wrong"] expect="negative numbers"
# - found_so_far = numbers[0]
# + found_so_far = 0

# %% tags=["wrong"] expect="the smallest"
# - number > found_so_far
# + number < found_so_far

# %% tags=["wrong"] expect="without `max`"
def largest(numbers):
    return max(numbers)

# %% tags=["check"] points=3
assert "max" not in largest.__code__.co_names, "do it without `max`"
numbers = [random.randint(10, 99) for _ in range(9)]
assert largest(numbers) != min(numbers), "this is the smallest"
assert largest(numbers) == max(numbers), f"the largest of {numbers} is {max(numbers)}"
assert largest([-3, -2]) == -2, "negative numbers are numbers, too"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · A word backwards (1 point)

# %% tags=["answer"]
def backwards(word):
    """The letters of the word from the last to the first."""
    ### BEGIN SOLUTION
    return word[::-1]
    ### END SOLUTION

# %% tags=["wrong"] expect="still forwards"
# - word[::-1]
# + word

# %% tags=["wrong"] expect="a list"
# - word[::-1]
# + list(word)[::-1]

# %% tags=["check"] points=1
assert not isinstance(backwards("ant"), list), "this is a list, not a word"
assert backwards("ant") != "ant", "still forwards"
assert backwards("ant") == "tna"
print("✓ task 3")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/90_counting.ipynb), or go on.
'''


def tiny_course(folder: Path) -> tuple[Path, Path]:
    """Write the tiny exercise, as the builder would but not executed. Returns folders of notebooks and of sources."""
    source = folder / "lessons" / "exercises" / "90_counting.py"
    source.parent.mkdir(parents=True)
    source.write_text(TINY, encoding="utf-8")
    solved = build.read_source(source)
    (folder / "notebooks" / "exercises").mkdir(parents=True)
    nbformat.write(build.take_out_solutions(solved), folder / "notebooks" / "exercises" / "90_counting.ipynb")
    return folder / "notebooks", source.parent


@dataclass(frozen=True)
class Row:
    """A student, what she hands in, and what must come of it."""

    student: str
    make: Callable[["Class", NotebookNode], NotebookNode | bytes | str]
    """from the solved notebook to what she hands in: a notebook, or the content of the file"""
    lost: tuple[int, ...] = ()
    """numbers of the tasks that she gets no points for; -1 stands for all"""
    not_graded: str = ""
    """part of the reason; empty if she is graded"""
    notes: tuple[str, ...] = ()
    """patterns of what the teacher is told, and of nothing more"""
    message: str = ""
    """what is said about task 1, at its beginning, if that matters"""
    file: str = ""
    """name of the file, if it is not the right one"""

    def complaints(self, school: "Class") -> list[str]:
        """What is not as it should be after grading."""
        result = course.load_result(school.folder, school.exercise, self.student)
        assert result is not None, f"{self.student} has no result"
        if self.not_graded:
            return [] if self.not_graded in result.not_graded else [f"not graded: {result.not_graded!r}"]
        if result.not_graded:
            return [f"NOT GRADED: {result.not_graded}"]
        every = range(1, len(school.tasks) + 1)
        lost = [number for number, task in zip(every, school.tasks, strict=True) if not result.points[task.check]]
        wrong = [] if lost == list(every if self.lost == (-1,) else self.lost) else [f"lost {lost}: {result.messages}"]
        said = f"{result.errors.get(first := school.tasks[0].check)}: {result.messages.get(first)}"
        wrong += [] if said.startswith(self.message) else [f"said of task 1: {said}"]
        told = [*result.notes, *[f"look at {what}" for what in result.look_at]]
        wrong += [f"not told: {note}" for note in self.notes if not any(re.search(note, what) for what in told)]
        return wrong + [f"told: {what}" for what in told if not any(re.search(note, what) for note in self.notes)]


class Class:
    """Writes submissions for one exercise of a teacher's folder."""

    def __init__(self, folder: Path, exercise: str, sources: Path = build.LESSONS / "exercises"):
        self.folder, self.exercise, self.source_file = folder, exercise, sources / f"{exercise}.py"
        self.source = course.source(folder, exercise)
        self.release = course.release(folder, exercise)
        self.tasks = course.tasks(self.source)

    def solved(self) -> NotebookNode:
        """The released notebook with the solutions typed in."""
        notebook = copy.deepcopy(self.release)
        solutions = {mark(cell)["grade_id"]: cell.source for cell in self.source.cells if mark(cell)}
        for cell in notebook.cells:
            if mark(cell).get("solution"):
                lines = solutions[mark(cell)["grade_id"]].splitlines()
                cell.source = "\n".join(line for line in lines if "### " not in line)
        return notebook

    def hand_in(self, student: str, content: NotebookNode | bytes | str, file: str = "") -> Path:
        place = self.folder / "submitted" / student / self.exercise
        place.mkdir(parents=True, exist_ok=True)
        path = place / (file or f"{self.exercise}.ipynb")
        if isinstance(content, NotebookNode):
            content = json.dumps(content, ensure_ascii=False, indent=1)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def hand_in_rows(self, rows: list[Row]) -> None:
        for row in rows:
            self.hand_in(row.student, row.make(self, self.solved()), row.file.format(self.exercise))

    def answer(self, notebook: NotebookNode, number: int) -> NotebookNode:
        return cell_named(notebook, f"task-{number}-answer")

    def check(self, notebook: NotebookNode, number: int) -> NotebookNode:
        return cell_named(notebook, f"task-{number}-check")

    def leave_open(self, notebook: NotebookNode, number: int) -> NotebookNode:
        self.answer(notebook, number).source = self.answer(self.release, number).source
        return notebook

    def fill(self, notebook: NotebookNode, number: int, code: str) -> NotebookNode:
        """Put `code` into the gap of a task."""
        stub = self.answer(self.release, number).source
        line = next(line for line in stub.splitlines() if line.strip() == "# YOUR CODE HERE")
        indent = line[: len(line) - len(line.lstrip())]
        code = "\n".join(indent + part for part in code.splitlines())
        self.answer(notebook, number).source = stub.replace(f"{line}\n{indent}raise NotImplementedError()", code)
        return notebook


def cell_named(notebook: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if mark(cell).get("grade_id") == name)


def index_of(notebook: NotebookNode, wanted: NotebookNode) -> int:
    return next(index for index, cell in enumerate(notebook.cells) if cell is wanted)


def without(notebook: NotebookNode, *cells: NotebookNode) -> NotebookNode:
    notebook.cells = [cell for cell in notebook.cells if not any(cell is other for other in cells)]
    return notebook


def after(notebook: NotebookNode, cell: NotebookNode, new: NotebookNode) -> NotebookNode:
    notebook.cells.insert(index_of(notebook, cell) + 1, new)
    return notebook


def edited(notebook: NotebookNode, cell: NotebookNode, text: str) -> NotebookNode:
    cell.source = text
    return notebook


def prints(number: int, code: str) -> Callable[[Class, NotebookNode], NotebookNode]:
    return lambda school, notebook: school.fill(notebook, number, code)


def strip(cell: NotebookNode, *keys: str) -> None:
    for key in keys or tuple(cell.metadata):
        cell.metadata.pop(key, None)


def rows() -> Iterator[Row]:
    """Every kind of submission that a class was seen to hand in, as changes of the solved notebook.

    Task 1 is the one that goes wrong, and the others are solved, so that it shows whether they are graded.
    """
    yield Row("Solved", lambda school, book: book)
    yield Row("Aurélie Öztürk", lambda school, book: book)
    yield Row("Blank", lambda school, book: copy.deepcopy(school.release), lost=(-1,))
    yield Row("Half", lambda school, book: school.leave_open(book, 1), lost=(1,))
    yield Row(
        "Syntax error", prints(1, "return (("), lost=(1,), message="SyntaxError: the cell with the answer stopped"
    )
    yield Row("Endless loop", prints(1, "while True:\n    pass"), lost=(1,), notes=("task 1, check: did not come",))
    yield Row(
        "Endless, not to be interrupted",
        prints(
            1, "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
        ),
        lost=(1,),
        notes=("task 1, check: did not come to an end within",),
    )
    yield Row(
        "Prints for ever",
        prints(1, "while True:\n    print('I' * 500)"),
        lost=(1,),
        notes=("task 1, check: did not come",),
    )
    yield Row(
        "Prints much",
        lambda school, book: after(
            book, school.answer(book, 1), new_code_cell("for i in range(200_000):\n    print(i)")
        ),
    )
    yield Row(
        "Deletes check, open",
        lambda school, book: without(school.leave_open(book, 1), school.check(book, 1)),
        lost=(1,),
        notes=("task 1, check was missing",),
    )
    yield Row(
        "Deletes check, solved",
        lambda school, book: without(book, school.check(book, 1)),
        notes=("task 1, check was missing",),
    )
    yield Row(
        "Deletes all checks",
        lambda school, book: without(book, *[school.check(book, task) for task in range(1, len(school.tasks) + 1)]),
        notes=(r"task \d, check was missing",),
    )
    yield Row(
        "Edits check",
        lambda school, book: edited(school.leave_open(book, 1), school.check(book, 1), 'print("✓ task 1")'),
        lost=(1,),
        notes=("task 1, check had been changed",),
    )

    def edits_and_strips(school: Class, book: NotebookNode) -> NotebookNode:
        strip(school.check(edited(school.leave_open(book, 1), school.check(book, 1), 'print("✓ task 1")'), 1))
        return book

    yield Row("Edits check, strips metadata", edits_and_strips, lost=(1,), notes=("task 1, check was missing",))

    def strips_all(school: Class, book: NotebookNode) -> NotebookNode:
        for cell in book.cells:
            strip(cell)
        return book

    yield Row("Strips all metadata", strips_all, notes=("had lost its metadata",))

    def raises_points(school: Class, book: NotebookNode) -> NotebookNode:
        mark(school.check(book, 1))["points"] = 100
        return school.leave_open(book, 1)

    yield Row("Raises points", raises_points, lost=(1,))
    yield Row(
        "Extra cells",
        lambda school, book: after(
            after(book, book.cells[0], new_markdown_cell("My notes")), book.cells[1], new_code_cell("1 + 1")
        ),
    )
    yield Row(
        "Renames function",
        lambda school, book: edited(
            book,
            school.answer(book, 1),
            school.answer(book, 1).source.replace("def ", "def my_").replace("class ", "class My"),
        ),
        lost=(1,),
    )
    yield Row("SystemExit", prints(1, "raise SystemExit"), lost=(1,))
    died = ("task 1, check: the kernel died",)
    yield Row(
        "os._exit", prints(1, "import os\nos._exit(0)"), lost=(1,), notes=(*died, "look at task 1, answer: _exit")
    )
    yield Row(
        "Killed",
        prints(1, "import os\nos.kill(os.getpid(), 9)"),
        lost=(1,),
        notes=(*died, "look at task 1, answer: os.kill"),
    )
    yield Row("Crash", prints(1, "import ctypes\nctypes.string_at(0)"), lost=(1,), notes=died)
    yield Row(
        "Dies in every task",
        lambda school, book: [
            school.fill(book, task, "import ctypes\nctypes.string_at(0)") for task in range(1, len(school.tasks) + 1)
        ][-1],
        lost=(-1,),
        notes=(r"(task \d, \w+|cell \d+): the kernel died",),
    )
    yield Row(
        "exit()",
        lambda school, book: after(book, book.cells[1], new_code_cell("exit()")),
        notes=(r"cell \d: it ended Python",),
    )
    yield Row("Eats memory", prints(1, "return bytearray(12 * 2**30)"), lost=(1,))
    yield Row(
        "Other kernel",
        lambda school, book: (
            book.metadata.update(kernelspec={"name": "my_env", "display_name": "x", "language": "python"}),
            book,
        )[1],
    )

    def from_colab(school: Class, book: NotebookNode) -> NotebookNode:
        for cell in book.cells:
            cell.pop("id", None)
        book.nbformat_minor = 0
        book.metadata["colab"] = {"provenance": []}
        return book

    yield Row("Colab", from_colab)
    yield Row("Windows line ends", lambda school, book: json.dumps(book, indent=1).replace("\n", "\r\n"))

    def windows_sources(school: Class, book: NotebookNode) -> NotebookNode:
        for cell in book.cells:
            cell.source = cell.source.replace("\n", "\r\n")
        return book

    yield Row("Windows line ends inside", windows_sources)
    yield Row(
        "Byte-order mark", lambda school, book: b"\xef\xbb\xbf" + json.dumps(book).encode(), notes=("byte-order mark",)
    )
    yield Row("Empty", lambda school, book: b"", not_graded="the file is empty")
    yield Row("Cut off", lambda school, book: json.dumps(book)[:3000], not_graded="cut off or damaged")
    yield Row("UTF-16", lambda school, book: json.dumps(book).encode("utf-16"), not_graded="no text in UTF-8")
    yield Row("A web page", lambda school, book: "<!doctype html><p>Sign in", not_graded="it begins with '<!doctype")
    yield Row("Other JSON", lambda school, book: '{"cells": 3}', not_graded="the file is no notebook")
    yield Row("Nested deeply", lambda school, book: '{"cells": ' + "[" * 100_000, not_graded="no notebook")

    def from_elsewhere(school: Class, book: NotebookNode) -> NotebookNode:
        for cell in book.cells:
            cell.source = "print('of another exercise')"
        return book

    yield Row("Another exercise", from_elsewhere, not_graded="no cell in it belongs")

    def copied(name: str) -> Callable[[Class, NotebookNode], NotebookNode]:
        def copy_cell(school: Class, book: NotebookNode) -> NotebookNode:
            cell = cell_named(book, name)
            return after(book, cell, copy.deepcopy(cell))

        return copy_cell

    yield Row("Copied answer", copied("task-1-answer"), notes=("task 1, answer is there 2 times",))
    yield Row("Copied check", copied("task-1-check"), notes=("task 1, check is there 2 times",))

    def old_schema(school: Class, book: NotebookNode) -> NotebookNode:
        for cell in book.cells:
            mark(cell).pop("schema_version", None)
        return book

    yield Row("No schema version", old_schema)

    def equal_ids(school: Class, book: NotebookNode) -> NotebookNode:
        for cell in book.cells:
            cell.id = "same"
        return book

    yield Row("Equal ids", equal_ids)
    yield Row("Name with (1)", lambda school, book: book, file="{} (1).ipynb", notes=("the file is called",))
    yield Row("Name with a name", lambda school, book: book, file="{}_anna_FINAL.ipynb", notes=("the file is called",))
    yield Row(
        "No notebook",
        lambda school, book: b"%PDF",
        file="answer.pdf",
        not_graded="no notebook was handed in, only answer.pdf",
    )
    yield Row(
        "From the repository",
        lambda school, book: [strip(cell, "deletable", "editable") for cell in book.cells if mark(cell)] and book,
    )

    def to_markdown(school: Class, book: NotebookNode) -> NotebookNode:
        cell = school.answer(book, 1)
        book.cells[index_of(book, cell)] = new_markdown_cell(cell.source, metadata=cell.metadata)
        return book

    yield Row("Answer as markdown", to_markdown, notes=("task 1, answer had been turned into markdown",))
    yield Row(
        "Reads the solutions",
        prints(
            1,
            "from course_utils.basics.course import REPOSITORY\n"
            "return (REPOSITORY / 'notebooks' / 'solutions' / '03_mnist_mlp.ipynb').read_text()",
        ),
        lost=(1,),
        notes=("look at task 1, answer: REPOSITORY, solutions",),
    )
    yield Row(
        "Writes to the gradebook",
        prints(
            1,
            "import sqlite3\nfor place in ['.', '..', '../..', '../../..']:\n"
            "    sqlite3.connect(place + '/gradebook.db').execute('update grade set auto_score = 99')",
        ),
        lost=(1,),
        notes=("look at task 1, answer: gradebook",),
    )
    yield Row("input()", prints(1, "return input('the answer: ')"), lost=(1,))
    yield Row(
        "Needs a later cell",
        lambda school, book: after(school.fill(book, 1, "return LATER"), book.cells[-1], new_code_cell("LATER = 2")),
        lost=(1,),
    )
    yield Row("Constants", prints(1, "return 42"), lost=(1,))
    blind = new_code_cell("get_ipython().input_transformers_cleanup.append(lambda lines: [])")
    yield Row(
        "Blinds the checks",
        lambda school, book: after(blank := copy.deepcopy(school.release), blank.cells[1], copy.deepcopy(blind)),
        lost=(-1,),
        notes=("get_ipython, input_transformer", r"look at task \d, check: it ended without"),
    )
    yield Row(
        "Replaces what checks use",
        lambda school, book: after(book, book.cells[1], new_code_cell("isinstance = isinstance")),
        notes=(r"look at cell \d: replaces isinstance",),
    )
    yield Row(
        "Own new cell",
        lambda school, book: after(
            school.leave_open(book, 1), school.answer(book, 1), new_code_cell(school.answer(school.solved(), 1).source)
        ),
    )
    yield Row(
        "Edits first cell",
        lambda school, book: edited(book, first_code(book), "x = 1"),
        notes=("the first cell had been changed",),
    )
    yield Row(
        "Deletes first cell",
        lambda school, book: without(book, first_code(book)),
        notes=("the first cell had been changed",),
    )
    yield Row(
        "Deletes what is no task",
        lambda school, book: without(
            book, *[cell for cell in book.cells if not mark(cell) and cell is not first_code(book)]
        ),
    )


def spy(targets: list[Path]) -> str:
    """Code for a gap that tries to read and to write what is not the student's; its error tells what it could read."""
    return f"""import os, socket
targets = {[str(path) for path in targets]}
read = []
for path in targets:
    try:
        read.append(path if os.path.isdir(path) and os.listdir(path) or open(path).read(1) else "")
    except OSError:
        pass
read += ["process " + name for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]
try:
    socket.create_connection(("1.1.1.1", 53), 1)
    read.append("network")
except OSError:
    pass
for path in targets:
    for place in (path, os.path.join(path, "spied"), os.path.join(os.path.dirname(path), "spied")):
        try:
            open(place, "a").write("spied")
        except OSError:
            pass
raise AssertionError(os.linesep.join(read))"""


def drawn_class(school: Class, size: int, seed: int) -> dict[str, Counter[str]]:
    """Hand in for `size` students who each solve a task, leave it open, or make one of its typical mistakes.

    Returns:
        name of the check -> "solved", "open" or the name of the mistake -> how many did so
    """
    rng = random.Random(seed)
    written = exercises.tasks(school.source_file)
    counts: dict[str, Counter[str]] = {task.check: Counter() for task in school.tasks}
    for student in range(size):
        notebook = school.solved()
        for number, (task, texts) in enumerate(zip(school.tasks, written, strict=True), 1):
            mistakes = dict((expected, answer) for answer, expected in texts.wrong)
            did = rng.choice(["solved", "open", *mistakes])
            if did == "open":
                school.leave_open(notebook, number)
            elif did != "solved":
                school.answer(notebook, number).source = mistakes[did]
            counts[task.check][did] += 1
        school.hand_in(f"Drawn {student:02}", notebook)
    return counts


def counted(exercise: Exercise) -> dict[str, Counter[str]]:
    """What the page counts, as `drawn_class` returns it."""
    found = {}
    for entry in exercise.tasks:
        found[entry.task.check] = Counter({one.name or one.message: one.count for one in entry.mistakes})
        found[entry.task.check] += Counter(solved=entry.solved, open=entry.open)
    return found


def first_code(notebook: NotebookNode) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.cell_type == "code")


def moodle_zip(path: Path, files: dict[str, bytes | str]) -> Path:
    """A file like that of Moodle's "Download all submissions"."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path
