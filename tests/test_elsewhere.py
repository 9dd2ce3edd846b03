"""One click elsewhere: a first cell brings the course, and containers install what a learner installs."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import elsewhere
import pytest

ROOT = elsewhere.ROOT


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> str:
    """A repository as it is published: what is committed."""
    folder = tmp_path_factory.mktemp("published") / "course.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(ROOT), str(folder)], check=True)
    return folder.as_uri()


def start(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run code with an interpreter that has the packages, and not the course (`-I -S` skips the editable install)."""
    site = sysconfig.get_paths()["purelib"]
    code = f"import sys; sys.path.append({site!r})\n{code}"
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    return subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=folder, env=keep | environment,
                          capture_output=True, text=True, timeout=300)  # fmt: skip


def first_cell(address: str, folder: str = "notebooks", modules: dict | None = None) -> str:
    return elsewhere.FIRST.format(address=address, folder=folder, modules=modules or elsewhere.packages())


def test_in_a_bare_folder_the_cell_brings_the_course(tmp_path, clone):
    then = (
        "\nimport course_utils, os; print(os.getcwd()); print(course_utils.__file__)\nprint(course_utils.setup(seed=0))"
    )
    done = start(first_cell(clone) * 2 + then, tmp_path)  # a cell can be run twice
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str(tmp_path / "course" / "notebooks")
    assert str(tmp_path / "course" / "course_utils") in done.stdout


def test_a_package_that_cannot_be_installed_is_named_and_stops_nothing(tmp_path, clone):
    code = first_cell(clone, modules={"no-such-package-of-anybody": "no_such_module"})
    done = start(code + "\nprint('went on')", tmp_path, PIP_NO_INDEX="1")
    assert "no-such-package-of-anybody could not be installed" in done.stdout and "went on" in done.stdout, done.stderr


def test_where_the_course_is_at_hand_the_cell_does_nothing(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + first_cell("nowhere")
    done = start(code + "\nimport os; print(os.listdir())", tmp_path)
    assert done.stdout == "[]\n", done.stderr


def test_the_notebooks_have_it_after_their_title(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_REPOSITORY", "https://example.org/owner/name")
    monkeypatch.setattr(sys, "argv", ["elsewhere.py", str(tmp_path)])
    assert elsewhere.main() == 0
    written = sorted(tmp_path.rglob("*.ipynb"))
    assert len(written) == len(list(elsewhere.NOTEBOOKS.rglob("[0-9]*.ipynb")))
    notebook = json.loads(written[0].read_text())
    assert notebook["cells"][0]["cell_type"] == "markdown" and "example.org/owner/name" in "".join(
        notebook["cells"][1]["source"]
    )


def test_without_an_address_it_says_where_to_put_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(elsewhere, "address", lambda: "")
    monkeypatch.setattr(sys, "argv", ["elsewhere.py", str(tmp_path)])
    assert elsewhere.main() == 1 and "[tool.course]" in capsys.readouterr().out and not list(tmp_path.iterdir())


def test_every_package_is_imported_under_the_name_that_is_looked_for():
    from importlib.util import find_spec

    assert not [module for module in elsewhere.packages().values() if find_spec(module) is None]


def test_containers_install_what_a_learner_installs():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert container["build"] == {"dockerfile": "../Dockerfile", "context": ".."}
    assert "requirements.txt" in (ROOT / "Dockerfile").read_text()
    binder = (ROOT / ".binder" / "requirements.txt").read_text()
    assert "-r ../requirements.txt" in binder
    assert (ROOT / ".binder" / "runtime.txt").read_text().strip() == "python-3.13"
