"""Notebooks for Colab and Kaggle: those of the course with a first cell that brings the course along.

    python tools/elsewhere.py FOLDER       write them below FOLDER/notebooks

They are published on the branch `elsewhere` (.github/workflows/site.yml), where the links of the site and of the README
lead; Binder and Codespaces install the course from its repository instead (.binder, .devcontainer). The cell
does nothing where the course is at hand. Elsewhere it clones the course's repository, goes to where its notebooks lie,
and installs what is missing; what cannot be installed is named, and stops nothing.
"""

import argparse
import os
import sys
import tomllib
from functools import cache
from pathlib import Path

import nbformat
from build import NOTEBOOKS, ROOT
from packaging.requirements import Requirement

FIRST = """\
# On Colab or Kaggle this cell brings the course along. On a machine that has it, it does nothing.
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("course_utils") is None:
    course = os.path.abspath("course")
    if not os.path.exists(course):
        subprocess.run(["git", "clone", "--quiet", "--depth=1", {address!r}, course], check=True)
    sys.path.insert(0, course)
    os.environ["PYTHONPATH"] = course  # for the programs that lessons start
    os.chdir(os.path.join(course, {folder!r}))
    modules = {modules!r}
    missing = [name for name, module in modules.items() if importlib.util.find_spec(module) is None]
    for name in missing:
        if subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", name]).returncode:
            print(f"{{name}} could not be installed; a lesson that imports it stops there.")
"""
MODULES = {"pillow": "PIL", "scikit-learn": "sklearn"}  # where a package is imported under another name


@cache
def settings() -> dict:
    """What pyproject.toml says."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def address() -> str:
    """Where the course is published, such as "https://github.com/owner/name"; "" where nobody has said so."""
    return os.environ.get("COURSE_REPOSITORY") or settings()["tool"]["course"]["repository"]


def links(page: str) -> dict[str, str]:
    """Where a notebook opens without installing anything: name of the service -> address.

    Args:
        page: its path in the repository, such as "notebooks/00_start_here.ipynb".

    Returns:
        none where the course is not published, or not on GitHub, from which all four take it.
    """
    host, _, name = address().rstrip("/").partition("github.com/")
    if host != "https://" or not name:
        return {}
    return {
        "Colab": f"https://colab.research.google.com/github/{name}/blob/elsewhere/{page}",
        "Kaggle": f"https://kaggle.com/kernels/welcome?src=https://github.com/{name}/blob/elsewhere/{page}",
        "Binder": f"https://mybinder.org/v2/gh/{name}/main?urlpath=lab/tree/{page}",
        "Codespaces": f"https://codespaces.new/{name}",
    }


def badges(page: str) -> str:
    """The links of a notebook in Markdown; "" where there are none."""
    return " · ".join(f"[{service}]({target})" for service, target in links(page).items())


def packages() -> dict[str, str]:
    """What the course needs: name of each package -> name of the module that it brings."""
    names = [Requirement(one).name for one in settings()["project"]["dependencies"]]
    return {name: MODULES.get(name, name) for name in names}


def with_first_cell(path: Path, published: str) -> nbformat.NotebookNode:
    """The notebook at `path` with the cell before its first one."""
    notebook = nbformat.read(path, 4)
    folder = path.parent.relative_to(ROOT).as_posix()
    code = FIRST.format(address=published, folder=folder, modules=packages())
    cell = nbformat.v4.new_code_cell(code, id="elsewhere", metadata={"jupyter": {"source_hidden": True}})
    cell.metadata["cellView"] = "form"  # Colab's way of folding
    notebook.cells.insert(1, cell)  # after the title
    return notebook


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    wanted = parser.parse_args()
    published = address()
    if not published:
        print("Nobody has said where the course is published. Put the address into pyproject.toml, [tool.course], "
              "or into the environment variable COURSE_REPOSITORY.")  # fmt: skip
        return 1
    for path in sorted(NOTEBOOKS.rglob("[0-9]*.ipynb")):
        target = wanted.folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(with_first_cell(path, published), target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
