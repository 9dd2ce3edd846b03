"""Checks of check_environment: it asks for something where something has to be done, and only there."""

import json
import re
import warnings
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from elsewhere import settings
from packaging.requirements import Requirement

from course_utils.basics import environment
from course_utils.basics.course import REPOSITORY
from course_utils.basics.environment import check_environment, made_with, tried

NEEDED = settings()["project"]["dependencies"]
REQUIREMENTS = re.findall(r"^([a-z][\w-]*) ", (REPOSITORY / "requirements.txt").read_text(encoding="utf-8"), re.M)


def pretend(package: str, installed: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a package look as if it were installed in that version, or not at all."""
    found = metadata.version

    def version(name: str) -> str:
        if name != package:
            return found(name)
        if installed is None:
            raise metadata.PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(environment.metadata, "version", version)


def row(package: str, installed: str | None, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Its row then."""
    pretend(package, installed, monkeypatch)
    return check_environment().set_index("package").loc[package].to_dict()


def test_there_is_one_row_per_requirement_with_its_reason() -> None:
    table = check_environment()
    assert list(table) == ["package", "installed", "made with", "verdict", "why", "what to do"]
    assert list(table["package"]) == REQUIREMENTS and len(REQUIREMENTS) > 20
    assert table["why"].str.len().min() > 0


def test_what_the_package_depends_on_are_the_requirements_less_what_shows_notebooks() -> None:
    names = {Requirement(one).name for one in NEEDED}
    assert set(REQUIREMENTS) - names == {"jupyterlab", "ipywidgets", "jupyter-resource-usage"}
    assert names <= set(REQUIREMENTS)


def test_the_versions_the_course_was_made_with_are_allowed() -> None:
    made_with = check_environment().set_index("package")["made with"]
    for one in map(Requirement, NEEDED):
        assert one.specifier.contains(made_with[one.name]), one


@pytest.mark.parametrize(
    ("package", "installed", "verdict"),
    [
        ("pandas", None, "missing"),
        ("pandas", "2.1.4", "too old"),
        ("numpy", "1.26.4", "too old"),
        ("torch", "2.6.0+cu124", "too old"),
        ("lightning", "2.5.5", "too old"),
        ("onnxscript", "0.5.6", "known to be wrong"),
    ],
)
def test_what_has_to_be_changed_comes_with_the_command(
    package: str, installed: str | None, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = row(package, installed, monkeypatch)
    assert (found["installed"], found["verdict"]) == (installed or "missing", verdict)
    assert found["what to do"] == f"python -m pip install {package}=={found['made with']}"


@pytest.mark.parametrize(
    ("package", "installed"),
    [("pandas", "2.2.0"), ("pandas", "99.0"), ("torch", "2.9.1+cu128"), ("onnxscript", "0.5.5")]
    + [("onnxscript", "0.6.0"), ("numpy", "2.6.0rc1"), ("jupyterlab", "4.0.1")],
)
def test_another_version_that_will_do_asks_for_nothing(
    package: str, installed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = row(package, installed, monkeypatch)
    assert (found["verdict"], found["what to do"]) == ("should work", "")


def test_a_cpu_build_is_the_same_release(monkeypatch: pytest.MonkeyPatch) -> None:
    made_with = row("torch", None, monkeypatch)["made with"]
    found = row("torch", f"{made_with}+cpu", monkeypatch)
    assert (found["verdict"], found["what to do"]) == ("as made", "")


def test_libraries_for_threads_that_crash_each_other_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clashing:
        lib_controllers = [SimpleNamespace(prefix=name, user_api="openmp") for name in ("libomp", "libiomp")]

        def __init__(self) -> None:
            warnings.warn("Found Intel OpenMP and LLVM OpenMP", RuntimeWarning, stacklevel=2)

    monkeypatch.setattr(environment, "ThreadpoolController", Clashing)
    found = check_environment().set_index("package").loc["OpenMP"]
    assert found["installed"] == "libiomp and libomp" and "MKL_THREADING_LAYER" in found["what to do"]


def test_two_copies_of_the_same_library_for_threads_do_no_harm() -> None:
    import sklearn.linear_model  # noqa: F401  (has a copy of its own)
    import torch  # noqa: F401

    assert "OpenMP" not in set(check_environment()["package"])


GOOD, OTHER = {"same": 9, "differs": [], "failed": []}, {"same": 7, "differs": ["Cell 3", "Cell 5"], "failed": []}
BAD = {"same": 2, "differs": ["Cell 1"], "failed": [["Cell 7", "RuntimeError: no"]]}


@pytest.fixture
def tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three environments that were tried: all the same, other digits, a failure. One newer than the stored outputs'."""
    found = {
        "floors": ("2.9.1+cpu", [GOOD, OTHER, OTHER]),
        "middle": ("2.11.0", [GOOD, OTHER, BAD]),
        "newest": ("99.1.0", [GOOD, GOOD, GOOD]),
    }
    names = ["03_mnist_mlp", "04_mnist_cnn", "13_deployment_flask"]
    results = {
        name: {"versions": {"torch": torch}, "date": "2026-11-27",
               "notebooks": dict(zip(names, became)) | {"solutions/05_custom_resnet": BAD}}
        for name, (torch, became) in found.items()
    }  # fmt: skip
    (tmp_path / "range.json").write_text(json.dumps(results))
    monkeypatch.setattr(environment, "RANGE", tmp_path / "range.json")
    monkeypatch.setattr(environment, "made_with", lambda: {"torch": "2.15.0"})


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        ("2.15.0+cu132", "Your torch 2.15.0 is the one that the stored outputs were made with."),
        (
            "2.9.1+cu128",
            "Your torch 2.9.1 was tried on 2026-11-27: 1 of 3 lessons print the same; 04 and 13 print other digits; "
            "every statement holds.",
        ),
        (
            "2.11.2",
            "Next to your torch 2.11.2, 2.11.0 was tried on 2026-11-27: 1 of 3 lessons print the same; 04 prints other "
            "digits; not everything works in 13.",
        ),
        ("99.1.0", "Your torch 99.1.0 was tried on 2026-11-27: 3 of 3 lessons print the same; every statement holds."),
        ("2.10.0", "Your torch 2.10.0 is between 2.9.1 and 2.11.0, which were tried; printed digits may differ."),
        ("2.14.1", "Your torch 2.14.1 is between 2.11.0 and 2.15.0, which were tried; printed digits may differ."),
        ("2.6.0", "Your torch 2.6.0 is older than 2.9.1, the oldest tried; printed digits may differ."),
        ("100.0", "Your torch 100.0 is newer than 99.1.0, the newest that was tried; printed digits may differ."),
    ],
)
@pytest.mark.usefixtures("tries")
def test_what_is_known_of_the_installed_torch_is_said(
    installed: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend("torch", installed, monkeypatch)
    assert tried() == said


def test_of_a_torch_that_nobody_tried_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "RANGE", tmp_path / "range.json")
    pretend("torch", "2.9.1", monkeypatch)
    assert tried() == ""
    pretend("torch", made_with()["torch"], monkeypatch)
    assert tried().endswith("is the one that the stored outputs were made with.")
