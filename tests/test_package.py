"""Checks of the package as a whole: floors, documentation, what an import does, and the network the tests see."""

import ast
import functools
import graphlib
import re
import socket
import subprocess
import sys
from collections import defaultdict
from importlib import metadata
from pathlib import Path

import needs
import pytest
from dependencies import MODULES, imported
from elsewhere import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import course_utils

PACKAGE = Path(course_utils.__file__).parent
# rooms from the ground up: a module imports from its own room and from those before it; the last one is the package
# itself, with what a person types
ROOMS = ["basics", "downloads", "data", "models", "evaluation", "training", ""]


def room(module: str) -> str:
    return module.rpartition(".")[0]


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


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


def test_every_folder_is_a_room() -> None:
    folders = {path.parent.relative_to(PACKAGE).as_posix().removeprefix(".") for path in PACKAGE.rglob("*.py")}
    assert folders == set(ROOMS)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_its_room_and_rooms_below(module: str) -> None:
    below = ROOMS[: ROOMS.index(room(module)) + 1]
    assert imported(module) <= set(MODULES), "an import that leads to no module"
    assert {room(name) for name in imported(module)} <= set(below)


@functools.cache
def installed_alone() -> set[str]:
    """The packages that `pip install .` installs: without JupyterLab, and without what tests need."""
    names = [Requirement(one).name for one in settings()["project"]["dependencies"]]
    found: set[str] = set()
    while names:
        if (name := canonicalize_name(names.pop())) not in found:
            found.add(name)
            needed = map(Requirement, metadata.requires(name) or [])
            names += [one.name for one in needed if not one.marker or one.marker.evaluate({"extra": ""})]
    return found


packages_of = functools.cache(metadata.packages_distributions)


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_imports_is_installed_with_the_package_alone(module: str) -> None:
    for node in ast.walk(tree(module)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in {one.partition(".")[0] for one in names} - {*sys.stdlib_module_names, "course_utils"}:
            assert installed_alone() & {canonicalize_name(one) for one in packages_of().get(name, [name])}, name


def test_no_modules_import_each_other_in_a_circle() -> None:
    graphlib.TopologicalSorter({module: imported(module) for module in MODULES}).prepare()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_fits_on_a_few_screens_and_says_what_it_is_for(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 250
    assert ast.get_docstring(tree(module))


PUBLIC = [name for name, value in vars(course_utils).items() if callable(value)]


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_is_documented(name: str) -> None:
    assert len(getattr(course_utils, name).__doc__ or "") > 30
    assert not getattr(course_utils, name).__doc__.startswith(f"{name}("), "that is what a dataclass writes by itself"


def lessons_that_import() -> dict[str, set[str]]:
    """Name of the package -> numbers of the lessons whose pages import it, wherever from, in their exercises too."""
    users: dict[str, set[str]] = defaultdict(set)
    for source in sorted((PACKAGE.parent / "lessons").rglob("[0-9]*.py")):
        cells = source.read_text(encoding="utf-8").split("\n# %%")
        shown = "\n# %%".join(cell for cell in cells if not cell.startswith(' tags=["proof"]'))
        for node in ast.walk(ast.parse(shown)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "course_utils":
                for alias in node.names:
                    users[alias.name].add(source.name[:2])
    return users


def test_public_is_what_a_second_lesson_imports() -> None:
    users = lessons_that_import()
    assert [name for name in PUBLIC if len(users[name]) < 2] == [], "import it from its module where it is used"
    hidden = {name for name, numbers in users.items() if len(numbers) > 1} - set(PUBLIC) - {"main"}
    assert not hidden, "a second lesson imports them: make them public"


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


@needs.loopback_only
def test_the_tests_run_where_only_the_loopback_interface_exists() -> None:
    assert [name for _, name in socket.if_nameindex()] == ["lo"]


def test_tests_are_skipped_for_the_reasons_of_needs_alone() -> None:
    tests = Path(__file__).parent
    skipping = {
        path.name
        for path in tests.rglob("*.py")
        if re.search(r"pytest\.(mark\.)?(skip|xfail|importorskip)", path.read_text(encoding="utf-8"))
    }
    assert skipping == {"needs.py", "conftest.py"}
