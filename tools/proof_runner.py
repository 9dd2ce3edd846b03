"""What the kernel of a notebook executes for a proof; see proofs.py. It stands alone: kernels do not find tools/."""

import ast
import json
import random
import sys
from collections.abc import Callable
from typing import Any


def is_assertion(node: ast.AST) -> bool:
    """Whether a statement asserts: `assert …`, or a call such as `torch.testing.assert_close(…)`."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return ast.unparse(node.value.func).rpartition(".")[2].startswith("assert_")
    return isinstance(node, ast.Assert)


class Judge(ast.NodeTransformer):
    """Lets each assertion be judged by itself, so that one that fails does not hide the next."""

    def visit(self, node: ast.AST) -> ast.AST:
        if not is_assertion(node):
            return self.generic_visit(node)
        (judged,) = ast.parse("try: pass\nexcept AssertionError as error: _note(0, error)\nelse: _note(0)").body
        judged.body = [node]
        for note in (judged.handlers[0].body[0], judged.orelse[0]):
            note.value.args[0] = ast.Constant(node.lineno)
        return ast.fix_missing_locations(judged)


def _generators() -> list[tuple[Callable, Callable]]:
    """How to read and how to put back the state of each generator of random numbers that the notebook may use."""
    found: list[tuple[Callable, Callable]] = [(random.getstate, random.setstate)]
    if numpy := sys.modules.get("numpy"):
        found.append((numpy.random.get_state, numpy.random.set_state))
    if torch := sys.modules.get("torch"):
        found.append((torch.get_rng_state, torch.set_rng_state))
    return found


def prove(proof: str, variables: dict[str, Any]) -> None:
    """Execute a proof on the notebook's `variables` and print its outcomes as JSON: [line, failure or null], ….

    Raises:
        AssertionError: assertions fail; all of them are named.
    """
    outcomes: list[tuple[int, str | None]] = []

    def note(line: int, failure: AssertionError | None = None) -> None:
        outcomes.append((line, None if failure is None else str(failure).strip() or "does not hold"))

    states = [(put_back, state()) for state, put_back in _generators()]
    judged = compile(Judge().visit(ast.parse(proof)), "<proof>", "exec")
    try:
        exec(judged, variables | {"_note": note})
    finally:
        for put_back, state in states:
            put_back(state)
        print("\n" + json.dumps(outcomes))
    lines = proof.splitlines()
    if failed := [f"{lines[line - 1].strip()}\n    {failure}" for line, failure in outcomes if failure]:
        raise AssertionError("\n".join(dict.fromkeys(failed)))
