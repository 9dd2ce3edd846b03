"""Checks of the package as a whole: floors, documentation, what an import does, and the network the tests see."""

import ast
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import course_utils

FLOORS = [
    {"runtime", "transforms", "images", "files", "history", "distributed"},
    {"checkpoints", "annotations", "folders", "image_cache", "tables", "models", "resnet", "metrics", "schedules"}
    | {"callbacks", "loaders", "programs", "manifest", "archives", "text"},
    {"datasets", "docstrings", "training", "loggers", "pretrained", "plots", "flowers102", "lesson"},
    {"runs", "downloads"},
    {"train", "test", "serving"},
]
PACKAGE = Path(course_utils.__file__).parent
MODULES = {path.stem: path for path in sorted(PACKAGE.glob("*.py")) if path.stem != "__init__"}


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imported(module: str) -> set[str]:
    """The modules of this package that `module` imports, wherever in it."""
    names = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom) and node.level and not node.module:  # from . import runtime
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.level or node.module.split(".")[0] == "course_utils"):
            names.add(node.module.split(".")[-1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[-1] for alias in node.names if alias.name.startswith("course_utils")}
    return names


def public_functions(module: str) -> list[ast.FunctionDef]:
    """Public functions of a module, and methods of its public classes."""
    found = []
    for node in tree(module).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found += [item for item in node.body if isinstance(item, ast.FunctionDef)]
        elif isinstance(node, ast.FunctionDef):
            found.append(node)
    return [node for node in found if not node.name.startswith("_") or node.name.startswith("__")]


def run_python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True)


def test_every_module_has_its_floor() -> None:
    assert set(MODULES) == set.union(*FLOORS)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_floors_below_it(module: str) -> None:
    (floor,) = [number for number, modules in enumerate(FLOORS) if module in modules]
    assert imported(module) <= set().union(*FLOORS[:floor])


@pytest.mark.parametrize("module", MODULES)
def test_a_module_fits_on_a_few_screens_and_says_what_it_is_for(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 250
    assert ast.get_docstring(tree(module))


@pytest.mark.parametrize("name", course_utils.__all__)
def test_everything_public_is_documented(name: str) -> None:
    assert len(getattr(course_utils, name).__doc__ or "") > 30
    assert not getattr(course_utils, name).__doc__.startswith(f"{name}("), "that is what a dataclass writes by itself"


def test_all_names_whatever_the_package_imports_from_its_modules() -> None:
    nodes = [node for node in ast.parse((PACKAGE / "__init__.py").read_text()).body if isinstance(node, ast.ImportFrom)]
    assert sorted(course_utils.__all__) == sorted(alias.name for node in nodes for alias in node.names)


@pytest.mark.parametrize("module", MODULES)
def test_every_public_function_is_fully_annotated(module: str) -> None:
    bare = []
    for function in public_functions(module):
        everything = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
        bare += [f"{function.name}({a.arg})" for a in everything if a.arg != "self" and a.annotation is None]
        if function.returns is None and function.name != "__init__":
            bare.append(f"{function.name} -> ?")
    assert bare == []


def test_importing_prints_nothing_and_touches_no_network() -> None:
    modules = ", ".join(f"course_utils.{module}" for module in MODULES)
    result = run_python(f"""
import sys
touched = []
events = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "urllib.Request")
sys.addaudithook(lambda event, arguments: touched.append((event, arguments)) if event in events else None)
import {modules}
sys.exit(f"the import touched the network: {{touched}}" if touched else 0)
""")
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


@pytest.mark.parametrize("missing", ["torch", "torchvision"])
def test_a_missing_torch_is_explained(missing: str) -> None:
    result = run_python(f"import sys; sys.modules[{missing!r}] = None; import course_utils")
    assert result.returncode == 1
    message = result.stderr[result.stderr.index("ModuleNotFoundError: ") :]
    assert message.startswith(f"ModuleNotFoundError: {missing} is not installed for {sys.executable}.\n")
    assert "make lab" in message and "python -m pip install -r requirements.txt" in message
    assert "During handling" not in result.stderr


@pytest.mark.skipif(
    os.environ.get("COURSE_TEST_NETWORK") != "loopback only", reason="not run through tests/without_network.py"
)
def test_the_tests_run_where_only_the_loopback_interface_exists() -> None:
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
