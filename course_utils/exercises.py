"""How an exercise begins, and how its notebook tells what is solved, open or wrong."""

import html
import inspect
import os
import random
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import numpy as np
import torch

from .basics.course import Course
from .lesson import setup

SEED = "COURSE_CHECK_SEED"
GAP = "raise NotImplementedError()"
PASSED = re.compile(r'^print\("✓ task (\d+)"\)$', re.MULTILINE)  # a check's last line
BOX = "border-left:4px solid {color};padding:.4em .8em;margin:.3em 0"
YELLOW, RED = "#d9a400", "#c62828"

_empty: set[str] = set()  # classes that could not be made because of their gap
_here: dict[int, str] = {}  # task -> its mark, of the exercise that runs in this process
_number = ""
_drawn: int | None = None  # seed of the inputs that the running cell has drawn
_before: torch.Tensor | None = None  # torch's generator as it was before


def start_exercise(number: str) -> Course:
    """Prepare exercise `number`, such as "03": like `setup`, and from now on a check says first what is wrong.

    A task whose gap is not filled yet is shown as open and does not stop *Run All*.
    """
    global _number
    course = setup(seed=0)
    _number = number
    _here.clear()
    _empty.clear()
    if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()):
        shell.set_custom_exc((Exception,), _explain)
        for event, listener in [("pre_run_cell", _forget_seed), ("post_run_cell", _note)]:
            if listener.__name__ not in [one.__name__ for one in shell.events.callbacks[event]]:
                shell.events.register(event, listener)
    return course


def fresh_inputs() -> np.random.Generator:
    """Random numbers that are new each time a check runs; torch's generator begins anew, too, until the cell ends.

    If the check fails, their seed is shown. The line `%env COURSE_CHECK_SEED=…` in a cell brings them back.
    """
    global _drawn, _before
    _before = torch.get_rng_state() if _before is None else _before
    _drawn = int(os.environ.get(SEED) or random.SystemRandom().randrange(100_000))
    torch.manual_seed(_drawn)
    return np.random.default_rng(_drawn)


def names_used(thing: Callable[..., Any]) -> set[str]:
    """Names that the code of a function or class uses, with what it calls of your own: for what a task forbids."""
    found: set[str] = set()
    waiting, seen = [thing], set()
    while waiting:
        one = inspect.unwrap(waiting.pop())
        if isinstance(one, type):
            waiting += [part for part in vars(one).values() if callable(part)]
        code = getattr(getattr(one, "__func__", one), "__code__", None)
        if code is None or code in seen:
            continue
        seen.add(code)
        names = {name for part in _with_inner(code) for name in part.co_names}
        found |= names
        of_its_module = getattr(one, "__globals__", {})
        called = [of_its_module[name] for name in names & set(of_its_module)]
        waiting += [other for other in called if getattr(other, "__module__", None) == thing.__module__]
    return found


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _with_inner(part)


def marks_here(number: str | None = None) -> dict[int, str]:
    """Task, from 1 -> ✓ solved, ✗ tried, ○ open, of the exercise that runs in this process; empty for another one."""
    return dict(_here) if number in (None, _number) else {}


# -- what the kernel does with errors ---------------------------------------------------------------------------------


def _forget_seed(_: object) -> None:
    global _drawn, _before
    _drawn = _before = None


def _note(result: Any) -> None:
    """Note down what a check found; a gap that is not filled does not stop the cells after it."""
    if _before is not None:
        torch.set_rng_state(_before)  # what comes after a check does not depend on its inputs
    error = result.error_in_exec
    if task := _task(result.info.raw_cell):
        _here[task] = "✓" if result.success else "○" if _is_gap(error) else "✗"
    if _is_gap(error):
        result.error_in_exec = None  # else the cells that wait would be given up


def _task(cell: str) -> int | None:
    found = PASSED.search(cell or "")
    return int(found[1]) if found else None


def _is_gap(error: BaseException | None) -> bool:
    """Whether the error comes from a gap that nobody has filled."""
    if isinstance(error, NameError) and error.name in _empty:
        return True
    return isinstance(error, NotImplementedError) and _line(traceback.extract_tb(error.__traceback__)[-1]) == GAP


def _line(frame: traceback.FrameSummary) -> str:
    return (frame.line or "").strip()


def _explain(shell: Any, kind: type, error: BaseException, trace: Any, tb_offset: int | None = None) -> None:
    """Show an error of a check with its message first and the traceback folded; other errors as always."""
    task = _task(shell.history_manager.input_hist_raw[-1] if shell.history_manager else "")
    if _is_gap(error):
        name = str(error.name) if isinstance(error, NameError) else traceback.extract_tb(trace)[-1].name
        _empty.add(name)
        message = f"The gap in <code>{html.escape(name)}</code> is empty: write your code in the place of <code># YOUR "
        message += f"CODE HERE</code> and <code>{GAP}</code>, "
        message += "run that cell, then this one." if task else "and run this cell again."
        _show(f"○ Task {task} is open" if task else "○ Open", message, YELLOW, "")
        shell._showtraceback(kind, error, ["open"])
    elif task is None:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
    else:
        message = _in_words(error, trace)
        if _drawn is not None and SEED not in os.environ:
            message += (
                f"<br><small>Some inputs are new in every run. <code>%env {SEED}={_drawn}</code> in a cell of its "
            )
            message += "own brings these back.</small>"
        _show(f"✗ Task {task} is not solved yet", message, RED, "".join(traceback.format_exception(error)))
        shell._showtraceback(kind, error, [f"{kind.__name__}: {error}"] if kind is not AssertionError else ["not yet"])


def _in_words(error: BaseException, trace: Any) -> str:
    """What went wrong, for a reader of HTML: a check's own message, or where the answer stopped and with what."""
    cells = [frame for frame, _ in traceback.walk_tb(trace) if "ipykernel_" in frame.f_code.co_filename]
    lines = [frame for frame in traceback.extract_tb(trace) if "ipykernel_" in frame.filename]
    in_the_check = len(lines) < 2 or lines[-1].filename == lines[0].filename
    if in_the_check and isinstance(error, AssertionError):
        return html.escape(str(error)) or f"<code>{html.escape(_line(lines[-1]))}</code> does not hold."
    what = f"<b>{type(error).__name__}: {html.escape(str(error))}</b>"
    if in_the_check:
        line = html.escape(_line(lines[-1])) if lines else ""
        if isinstance(error, NameError):
            return f"{what}<br>Have you run the cell with your answer, and does it use the name that the task gives?"
        text = f"{what}<br>The check could not go on with what your code gave it, in <code>{line}</code>. "
        return text + "Does it return what the task asks for, and of that type?"
    last, frame = lines[-1], cells[-1]
    text = f"{what}<br>Your code stopped in line {last.lineno} of its cell, in <code>{html.escape(last.name)}</code>: "
    text += f"<code>{html.escape(_line(last))}</code>"
    names = [name for name in dict.fromkeys(re.findall(r"[^\W\d]\w*", _line(last))) if name in frame.f_locals]
    values = [f"<code>{html.escape(name)}</code> is {_described(frame.f_locals[name])}" for name in names[:4]]
    return text + (f"<br>At that moment {', '.join(values)}." if values else "")


def _described(value: object) -> str:
    """A value in a few words, as HTML."""
    kind = type(value).__name__
    if isinstance(value, torch.Tensor | np.ndarray):
        dtype, shape = str(value.dtype).removeprefix("torch."), tuple(value.shape)
        return f"a {kind} of shape {shape}, {dtype}" if shape else f"a {kind} of one number, {dtype}"
    if isinstance(value, list | tuple | dict | set):
        return f"a {kind} of length {len(value)}"
    if value is None or isinstance(value, bool | int | float | str):
        return f"<code>{html.escape(repr(value)[:60])}</code>"
    return f"a {kind}"


def _show(title: str, message: str, color: str, trace: str) -> None:
    fold = f"<details><summary>the whole traceback</summary><pre>{html.escape(trace)}</pre></details>" if trace else ""
    plain = f"{title}: {html.unescape(re.sub(r'<[^>]+>', '', message.replace('<br>', chr(10))))}"
    style = BOX.format(color=color)
    box = f'<div style="{style}"><b>{title}</b><div style="font-size:1.1em">{message}</div>{fold}</div>'
    sys.modules["IPython"].display.display(_Both(box, plain))


class _Both:
    """A box where HTML is shown, words elsewhere."""

    def __init__(self, box: str, plain: str):
        self.box, self.plain = box, plain

    def _repr_html_(self) -> str:
        return self.box

    def __repr__(self) -> str:
        return self.plain
