"""What a notebook is made from: the modules of the helper package that its code reaches, and its data."""

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from course_utils.basics.course import REPOSITORY
from course_utils.downloads.manifest import needs

PACKAGE = REPOSITORY / "course_utils"
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", "."): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py"
}


@cache
def imported(module: str) -> frozenset[str]:
    """The modules of the package that `module` imports, wherever in it."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            here = module.split(".")[: -node.level]
            source = ".".join([*here, *filter(None, [node.module])])
            names = [f"{source}.{alias.name}".removeprefix(".") for alias in node.names]
            found.update([source] if source in MODULES else names)
    return frozenset(found)


@cache
def public() -> dict[str, str]:
    """Names that the package itself offers -> their modules."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    nodes = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module or "" for node in nodes for alias in node.names}


def reached(code: str) -> set[str]:
    """The modules that a piece of code names, as an import or as a program in a string, and all that they import."""
    names = re.findall(r"\bcourse_utils\.([\w.]+\w)", code)
    for imports in re.findall(r"^\s*from course_utils import (\([^)]*\)|.*)", code, re.MULTILINE):
        names += re.findall(r"\w+", imports)
    for package, imports in re.findall(r"^\s*from course_utils\.([\w.]+) import (\([^)]*\)|.*)", code, re.MULTILINE):
        names += [f"{package}.{name}" for name in re.findall(r"\w+", imports)]
    waiting = [module for name in names for module in _modules(name)]
    found: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += imported(module)
    return found


def _modules(name: str) -> list[str]:
    """The module that a dotted name below `course_utils` lies in, or the program that it starts."""
    first = name.split(".")[0]
    candidates = [f"{name}.__main__", name, name.rpartition(".")[0], public().get(first, "")]
    return [module for module in candidates if module in MODULES][:1]


def package_files(code: str) -> list[Path]:
    """The files of the package that a piece of code depends on: modules, and templates and styles that they name."""
    modules = [MODULES[module] for module in sorted(reached(code))]
    text = "".join(path.read_text(encoding="utf-8") for path in modules)
    others = [path for path in PACKAGE.rglob("*.*") if path.suffix != ".py" and path.name in text]
    return [*modules, *sorted(tracked(others))]


def data_files(lesson: str) -> list[Path]:
    """The files of the repository that stand for the data of a lesson, given by its number, in the profile `sample`."""
    places = [REPOSITORY / one.sample for one in needs(lesson) if one.sample]
    return sorted(tracked(file for place in places for file in [place, *place.rglob("*")] if file.is_file()))


def tracked(paths: Iterable[Path]) -> list[Path]:
    """Without notes for people and what editors and systems leave behind."""
    stray = re.compile(r"(^|/)(\.|__pycache__/|Thumbs\.db$|desktop\.ini$)|~$|\.(md|pyc)$")
    return [path for path in paths if not stray.search(path.relative_to(REPOSITORY).as_posix())]
