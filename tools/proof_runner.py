"""What the kernel of a notebook executes for a proof; see proofs.py. It stands alone: kernels do not find tools/."""

import ast
import json
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeGuard


def is_assertion(node: ast.AST) -> TypeGuard[ast.Expr | ast.Assert]:
    """Whether a statement asserts: `assert …`, or a call such as `torch.testing.assert_close(…)`."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return ast.unparse(node.value.func).rpartition(".")[2].startswith("assert_")
    return isinstance(node, ast.Assert)


class Judge(ast.NodeTransformer):
    """Lets each assertion be judged by itself, so that one that fails does not hide the next."""

    def visit(self, node: ast.AST) -> ast.AST:
        if not is_assertion(node):
            return self.generic_visit(node)
        judge = ast.Call(ast.Name("_judge", ast.Load()), [ast.Constant(node.lineno)], [])
        return ast.fix_missing_locations(ast.With([ast.withitem(judge)], [node]))  # with _judge(7): assert …


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

    @contextmanager
    def judge(line: int) -> Iterator[None]:
        try:
            yield
            outcomes.append((line, None))
        except AssertionError as failure:
            outcomes.append((line, str(failure).strip() or "does not hold"))

    states = [(put_back, state()) for state, put_back in _generators()]
    tree = ast.parse(proof)
    Judge().visit(tree)
    judged = compile(tree, "<proof>", "exec")
    try:
        exec(judged, variables | {"_judge": judge})
    finally:
        for put_back, state in states:
            put_back(state)
        print("\n" + json.dumps(outcomes))
    lines = proof.splitlines()
    if failed := [f"{lines[line - 1].strip()}\n    {failure}" for line, failure in outcomes if failure]:
        raise AssertionError("\n".join(dict.fromkeys(failed)))
