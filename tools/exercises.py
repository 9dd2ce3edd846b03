"""What an exercise (lessons/exercises/) holds: its tasks, each with a solution and other right and wrong answers.

An answer cell is tagged `answer`. Cells tagged `right` or `wrong` after it hold other answers, a wrong one with a part
of the message by which its check names the mistake. Such a cell is a whole answer, or an *edit* of the solution, in
which every line is a comment:

    # %% tags=["wrong"] expect="files that are no pictures"
    # - len(list(folder.glob("*.jpg")))
    # + len(list(folder.iterdir()))

Lines with `-` are text of the answer cell, in which it must occur exactly once: a part of a line, or several lines with
their indentation. The lines with `+` after them stand there instead; without any, the text is left out. An edit may
consist of several such replacements.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path

import jupytext

ANSWER, CELL = "<answer>", "<cell>"  # names of code in tracebacks
EDIT_LINE = re.compile(r"# ([-+])(?: (.*))?")


@dataclass
class Task:
    """One gap of an exercise, and everything around it, as code."""

    name: str
    before: list[str]
    """cells between the check before and the answer"""
    answer: str
    """the answer cell with its solution"""
    wrong: list[tuple[str, str]] = field(default_factory=list)
    """wrong answers, each with a part of the message that the check must give"""
    right: list[str] = field(default_factory=list)
    """other right answers"""
    after: list[str] = field(default_factory=list)
    """cells after the answer, up to and with its check"""


@cache
def tasks(source: Path) -> list[Task]:
    """The tasks of the exercise in the file `source`.

    Raises:
        ValueError: a cell is not what its tags promise; the message names file and line
    """
    found: list[Task] = []
    loose: list[str] = []
    for line, code, metadata in _code_cells(source):
        tags = metadata.get("tags", [])
        if "answer" in tags:
            found.append(Task(f"task {len(found) + 1}", loose, code))
            loose = found[-1].after
        elif "wrong" in tags or "right" in tags:
            if not found:
                raise ValueError(f"{source}:{line}: a {tags[0]} answer stands before the first cell tagged answer")
            answer = edited(found[-1].answer, code, source, line)
            if "right" in tags:
                found[-1].right.append(answer)
            elif "expect" in metadata:
                found[-1].wrong.append((answer, metadata["expect"]))
            else:
                raise ValueError(
                    f'{source}:{line}: a wrong answer needs expect="part of the message" in its first line'
                )
        else:
            loose.append(code)
            if "check" in tags:
                loose = []
    return found


@cache
def variables_before(source: Path, number: int, locked: bool = False) -> dict:
    """Variables of the notebook just before the answer cell of task `number` (from 0), all earlier tasks solved.

    With `locked`, as where a student has deleted every cell but the first one, the answers and the checks.
    """
    task = tasks(source)[number]
    if number == 0:
        variables: dict = {"__name__": "__main__"}
        run(task.before[:1] if locked else task.before, variables)
    else:
        variables = dict(variables_before(source, number - 1, locked))
        previous = tasks(source)[number - 1]
        run([previous.answer, *(previous.after[-1:] if locked else [*previous.after, *task.before])], variables)
    return variables


def run(cells: list[str], variables: dict, name: str = CELL) -> None:
    """Execute cells one after the other; `name` stands for them in tracebacks."""
    for cell in cells:
        exec(compile(cell, name, "exec"), variables)


def attempt(source: Path, number: int, answer: str) -> None:
    """Execute an answer to task `number` and what follows, up to and with the check, in a copy of the variables."""
    variables = dict(variables_before(source, number))
    run([answer], variables, ANSWER)
    run(tasks(source)[number].after, variables)


def _code_cells(source: Path) -> Iterator[tuple[int, str, dict]]:
    """Line number of the first line, text and metadata of each code cell."""
    text = source.read_text(encoding="utf-8")
    position = 0
    for cell in jupytext.reads(text, "py:percent").cells:
        if cell.cell_type == "code":
            position = text.index(cell.source, position)
            yield text.count("\n", 0, position) + 1, cell.source, cell.metadata
            position += len(cell.source)


def edited(answer: str, code: str, source: Path, line: int) -> str:
    """`code` if it is a whole answer, or `answer` with its replacements if it is an edit.

    Args:
        answer: text of the answer cell
        code: text of the other cell
        source, line: where `code` begins, for messages
    Raises:
        ValueError: the edit does not fit the answer; the message names file, line and text
    """
    parts = [EDIT_LINE.fullmatch(text) for text in code.splitlines()]
    edits = [part for part in parts if part]
    if not edits:
        return code
    if len(edits) < len(parts):
        where = f"{source}:{line + parts.index(None)}"
        raise ValueError(f"{where}: every line of an edit begins with '# - ' or '# + ':\n{code}")
    spans: list[tuple[int, int, str]] = []  # begin and end in the answer, and what stands there instead
    for sign, run in groupby(edits, key=lambda part: part[1]):
        lines = [part[2] or "" for part in run]
        text, where = "\n".join(lines), f"{source}:{line}"
        line += len(lines)
        if sign == "-":
            if answer.count(text) != 1:
                raise ValueError(
                    f"{where}: this occurs {answer.count(text)} times in the answer cell, not exactly once:\n{text}"
                )
            begin = answer.index(text)
            spans.append((begin, begin + len(text), ""))
        elif spans:
            spans[-1] = (*spans[-1][:2], text)
        else:
            raise ValueError(f"{where}: an edit begins with the text to be replaced ('# - '), not with\n{text}")
    spans.sort()
    for (_, end, _), (begin, _, text) in pairwise(spans):
        if begin < end:
            raise ValueError(f"{source}:{line}: two replacements overlap, the second one is to become\n{text}")
    for begin, end, text in reversed(spans):
        answer = answer[:begin] + text + answer[end:]
    return answer
