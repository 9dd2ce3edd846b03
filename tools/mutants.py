"""How well the checks of the exercises see: every solution is changed in one place, and each change has to be noticed.

    python tools/mutants.py [03 ...]

A *mutant* is a solution with one small mistake: another operator, comparison, number or word, an argument, a call or a
statement left out. Its check notices it by a message (an assertion, or an error in the answer, which
course_utils/exercises.py puts into words), by an error in the check itself ("bare"), or not at all. Mutants that are
right answers after all stand in lessons/exercises/equivalent.toml, each with its reason.
"""

import argparse
import ast
import contextlib
import io
import random
import signal
import sys
import time
import tomllib
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import build
import matplotlib
from exercises import ANSWER, CELL, attempt, tasks

EQUIVALENT = build.LESSONS / "exercises" / "equivalent.toml"
SECONDS = 10  # an answer that takes longer than this and than ten times its solution is stopped, and counts as noticed

OPERATORS = {"Add": ["-"], "Sub": ["+"], "Mult": ["/"], "Div": ["*"], "FloorDiv": ["/"], "Mod": ["*"], "Pow": ["*"]}
OPERATORS |= {"MatMult": ["*"], "BitAnd": ["|"], "BitOr": ["&"], "And": ["or"], "Or": ["and"]}
OPERATORS |= {"Lt": ["<=", ">"], "LtE": ["<", ">="], "Gt": [">=", "<"], "GtE": [">", "<="], "Eq": ["!="]}
OPERATORS |= {"NotEq": ["=="], "In": ["not in"], "NotIn": ["in"], "Is": ["is not"], "IsNot": ["is"]}
WRITTEN = {"Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "Pow": "**", "MatMult": "@"}
WRITTEN |= {"BitAnd": "&", "BitOr": "|", "And": "and", "Or": "or", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">="}
WRITTEN |= {"Eq": "==", "NotEq": "!=", "In": "in", "NotIn": "not in", "Is": "is", "IsNot": "is not"}
WORDS = [("mean", "sum"), ("argmax", "argmin"), ("max", "min"), ("maximum", "minimum"), ("train", "eval")]
WORDS += [("any", "all"), ("zeros", "ones"), ("zeros_like", "ones_like"), ("floor", "ceil"), ("cos", "sin")]
WORDS += [("softmax", "sigmoid"), ("log", "exp"), ("sqrt", "square"), ("append", "extend"), ("no_grad", "enable_grad")]
WORDS += [("inference_mode", "enable_grad"), ("extend", "append"), ("std", "var"), ("relu", "sigmoid")]
WORDS += [("floor_divide", "true_divide"), ("startswith", "endswith"), ("lower", "upper"), ("cumsum", "cumprod")]
OTHER_WORD = dict(reversed([*WORDS, *((b, a) for a, b in WORDS)]))


Change = tuple[int, int, str]  # begin and end of what is replaced in a text, and what stands there instead


@dataclass(frozen=True)
class Mutant:
    exercise: str
    task: int
    """from 0"""
    line: str
    """of the solution"""
    change: str
    """what of it, and what stands there instead"""
    answer: str

    @property
    def name(self) -> str:
        return f"{self.line} | {self.change}"


@dataclass
class Outcome:
    mutant: Mutant
    kind: str
    """message, bare, time, or missed"""
    told: str


@cache
def mutants(source: Path) -> list[Mutant]:
    """Every change of every solution of the exercise in the file `source`, in the order of the page."""
    found = []
    for number, task in enumerate(tasks(source)):
        lines = task.answer.splitlines()
        for begin, end, new in sorted(set(_changes(task.answer))):
            if new == task.answer[begin:end]:
                continue
            answer = task.answer[:begin] + new + task.answer[end:]
            line = lines[task.answer.count("\n", 0, begin)].strip()
            old = " ".join(task.answer[begin:end].split())
            change = f"{old} → {' '.join(new.split()) or 'left out'}"
            with contextlib.suppress(SyntaxError), warnings.catch_warnings(action="ignore"):
                compile(answer, "<answer>", "exec")
                found.append(Mutant(source.stem, number, line, change, answer))
    return found


class _Answer:
    """The text of an answer cell, and where in it the parts of the program stand."""

    def __init__(self, text: str):
        self.text, self.encoded, self.starts = text, text.encode(), [0]
        for line in self.encoded.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def _place(self, row: int, column: int) -> int:
        return len(self.encoded[: self.starts[row - 1] + column].decode())

    def span(self, node: Any) -> Change:
        """Begin and end, and "" for leaving it out."""
        begin, end = self._place(node.lineno, node.col_offset), self._place(node.end_lineno, node.end_col_offset)
        return begin, end, ""

    def of(self, node: Any) -> str:
        begin, end, _ = self.span(node)
        return self.text[begin:end]

    def signs(self, left: Any, operator: ast.AST, right: Any, others: list[str]) -> Iterator[Change]:
        """Other signs between two operands."""
        sign = WRITTEN.get(type(operator).__name__, "")
        at = self.text.find(sign, self.span(left)[1], self.span(right)[0]) if sign else -1
        if at >= 0:
            yield from ((at, at + len(sign), other) for other in others)


def _changes(text: str) -> Iterator[Change]:
    """Every change of the solution in the text of an answer cell."""
    answer, tree = _Answer(text), ast.parse(text)
    solutions = [match.span() for match in build.SOLUTION.finditer(text)]
    words = [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    documentation = {id(part) for node in words for part in ast.walk(node)}
    # where parts of an f-string begin is not told alike by all versions of Python
    formatted = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in formatted | documentation or not hasattr(node, "lineno"):
            continue
        begin, end, _ = answer.span(node)
        if any(first <= begin and end <= last for first, last in solutions):
            yield from _changes_of(node, answer)
            if isinstance(node, ast.Call):
                yield from _shorter_calls(node, answer)


def _changes_of(node: ast.AST, answer: _Answer) -> Iterator[Change]:
    begin, end, _ = answer.span(node)
    match node:
        case ast.BinOp(left, operator, right) | ast.AugAssign(left, operator, right):
            yield from answer.signs(left, operator, right, OPERATORS.get(type(operator).__name__, []))
        case ast.BoolOp(operator, values):
            yield from answer.signs(values[0], operator, values[1], OPERATORS[type(operator).__name__])
        case ast.Compare(left, [operator, *_], [right, *_]):
            yield from answer.signs(left, operator, right, OPERATORS[type(operator).__name__])
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield begin, end, answer.of(operand)
        case ast.Constant(bool() as value):
            yield begin, end, str(not value)
        case ast.Constant(int() as value):
            yield begin, end, str(value + 1)
            if value > 0:
                yield begin, end, str(value - 1)
        case ast.Constant(float() as value):
            yield begin, end, str(value * 2 if value else 1.0)
        case ast.Constant(str() as value) if value and answer.text[begin] in "\"'":
            yield begin, end, repr(f"{value}x")
        case ast.Attribute(value, word) if word in OTHER_WORD:
            yield answer.span(value)[1], end, f".{OTHER_WORD[word]}"
        case ast.Name(word, ast.Load()) if word in OTHER_WORD:
            yield begin, end, OTHER_WORD[word]
        case ast.Slice(lower, upper, step):
            yield from (answer.span(part) for part in [lower, upper, step] if part)
        case ast.If(test) | ast.IfExp(test) | ast.While(test):
            yield *answer.span(test)[:2], f"not ({answer.of(test)})"
        case ast.Break():
            yield begin, end, "continue"
        case ast.Continue():
            yield begin, end, "break"
        case ast.Return(value) if value is not None:
            yield begin, end, "return None"
    if isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Raise):
        yield begin, end, "pass"


def _shorter_calls(node: ast.Call, answer: _Answer) -> Iterator[Change]:
    """A call without one of its arguments, or only what it is called with."""
    begin, end, _ = answer.span(node)
    arguments = [*node.args, *node.keywords]
    for one in arguments:
        if len(arguments) > 1 or isinstance(one, ast.keyword):
            rest = ", ".join(answer.of(other) for other in arguments if other is not one)
            yield answer.span(node.func)[1], end, f"({rest})"
    if isinstance(node.func, ast.Attribute) and not arguments:
        yield begin, end, answer.of(node.func.value)
    if len(node.args) == 1 and not node.keywords and isinstance(node.func, ast.Name):
        yield begin, end, answer.of(node.args[0])


@cache
def equivalent() -> dict[str, dict[str, str]]:
    """Exercise and task, such as "03 task 2" -> names of mutants that are right answers -> why."""
    return tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))


def is_equivalent(mutant: Mutant) -> bool:
    return mutant.name in equivalent().get(f"{mutant.exercise[:2]} task {mutant.task + 1}", {})


class TooLong(BaseException):
    """Not an Exception, lest an answer catches it."""


def _stop(*_: object) -> None:
    raise TooLong


def judge(source: Path, mutant: Mutant, seconds: float) -> Outcome:
    """Try a mutant; `seconds` is what its solution takes with its check."""
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, max(10 * seconds, SECONDS))
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            attempt(source, mutant.task, mutant.answer)
        return Outcome(mutant, "missed", "")
    except AssertionError as error:
        return Outcome(mutant, "message" if str(error) else "bare", str(error))
    except TooLong:
        return Outcome(mutant, "time", "")
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)
        cells = [frame.filename for frame in last if frame.filename in (ANSWER, CELL)]
        kind = "message" if cells and cells[-1] == ANSWER else "bare"
        return Outcome(mutant, kind, f"{type(error).__name__}: {error}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def outcomes(source: Path, chosen: list[Mutant]) -> Iterator[Outcome]:
    """Judge mutants of one exercise, in their order."""
    took: dict[int, float] = {}
    for mutant in chosen:
        if mutant.task not in took:
            begin = time.perf_counter()
            solution = tasks(source)[mutant.task].answer
            solved = judge(source, Mutant(source.stem, mutant.task, "", "", solution), 6)
            if solved.kind != "missed":
                raise SystemExit(f"{source.stem}, task {mutant.task + 1}: the solution is refused: {solved.told}")
            took[mutant.task] = time.perf_counter() - begin
        yield judge(source, mutant, took[mutant.task])


def sample(source: Path, number: int, seed: int) -> list[Mutant]:
    """Some of the mutants that are no right answers, in the order of the page."""
    all_of_them = [mutant for mutant in mutants(source) if not is_equivalent(mutant)]
    chosen = set(random.Random(seed).sample(range(len(all_of_them)), min(number, len(all_of_them))))
    return [mutant for index, mutant in enumerate(all_of_them) if index in chosen]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exercise", nargs="*", help="numbers such as 03; all by default")
    parser.add_argument("--task", type=int, help="only this one, from 1")
    arguments = parser.parse_args()
    matplotlib.use("Agg")
    warnings.simplefilter("ignore")
    total: Counter[str] = Counter()
    for source in filter(build.is_exercise, build.sources()):
        if arguments.exercise and source.name[:2] not in arguments.exercise:
            continue
        of_it = [one for one in mutants(source) if arguments.task in (None, one.task + 1)]
        judged = [one for one in of_it if not is_equivalent(one)]
        count: Counter[str] = Counter(equivalent=len(of_it) - len(judged))
        for outcome in outcomes(source, judged):
            count[outcome.kind] += 1
            if outcome.kind in ("missed", "bare"):
                told = f"   {outcome.told}" if outcome.told else ""
                print(f"{outcome.kind}: {source.name[:2]} task {outcome.mutant.task + 1}: {outcome.mutant.name}{told}")
        print(f"{source.name[:2]}: {len(judged)} mutants:", dict(count), flush=True)
        total += count
    judged_all = sum(total.values()) - total["equivalent"]
    noticed, bare = 1 - total["missed"] / judged_all, total["bare"] / judged_all
    print(f"all: {judged_all} mutants, {noticed:.1%} noticed, {bare:.1%} by an error in the check")
    return 0 if noticed >= 0.98 and bare <= 0.1 else 1


if __name__ == "__main__":
    sys.exit(main())
