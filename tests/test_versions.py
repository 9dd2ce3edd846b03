"""`make range`: what a new release breaks is named, and what only prints another digit is counted."""

import subprocess
import sys
import tomllib
import zipfile

import nbformat
import pytest
import versions
from packaging.requirements import Requirement
from packaging.version import Version

LIBRARY = (
    "def mean(values):\n    return sum(values) / len(values)\n\n\ndef half(value):\n    return value / {divisor}\n"
)
CELLS = ["import library", "print(library.half(3.0))", "print(library.mean([1.0, 2.0]))", "print('after')"]
KERNELS = "import os\nassert os.environ['ATEN_CPU_CAPABILITY'] == 'default'"


def notebook(folder, name, outputs, proof="assert True"):
    cells = []
    for number, (source, output) in enumerate(zip(CELLS, outputs), 1):
        printed = [nbformat.v4.new_output("stream", text=output)] if output else []
        cells.append(nbformat.v4.new_code_cell(source, outputs=printed, execution_count=number))
    cells[1].metadata["proof"] = proof
    path = folder / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Three notebooks run with a release in which `mean` has another name and `half` another divisor."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "library.py").write_text(LIBRARY.format(divisor=4).replace("def mean", "def average"))
    outputs = ["", "1.5\n", "1.5\n", "after\n"]
    notebook(folder, "01_lesson", outputs)
    notebook(folder, "02_proven", outputs, "assert library.half(3.0) == 1.5")
    notebook(folder, "03_kernels", outputs, KERNELS)
    variables = {"ATEN_CPU_CAPABILITY": "default"}
    versions.run(sys.executable, folder / "report.jsonl", folder, processes=0, variables=variables)
    return versions.read(folder / "report.jsonl")


def test_a_function_that_a_release_renames_is_named_with_lesson_and_cell(report):
    (line,) = versions.complaints("newest", {"01_lesson": report["01_lesson"]})
    assert line == "newest: 01_lesson, Cell 2: AttributeError: module 'library' has no attribute 'mean'"


def test_another_digit_is_counted_and_does_not_fail(report):
    assert report["01_lesson"]["differs"] == ["Cell 1"] and report["01_lesson"]["same"] == 1


def test_a_proof_that_no_longer_holds_fails(report):
    ((cell, error),) = report["02_proven"]["failed"]
    assert cell == "Cell 1" and error.startswith("AssertionError")


def test_kernels_compute_with_the_variables_of_an_environment(report):
    assert [cell for cell, _ in report["03_kernels"]["failed"]] == ["Cell 2"]


def test_an_environment_that_does_not_exist_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["versions.py", "oldest"])
    with pytest.raises(SystemExit):
        versions.main()
    told = capsys.readouterr().err
    assert "no environment 'oldest'. Choose from: floors, middle, newest, kernels, pins, nightly" in told


def package(index, version):
    """An index (PEP 503) with one version of the package `tiny`."""
    folder = index / "tiny"
    folder.mkdir(parents=True)
    name = f"tiny-{version}-py3-none-any.whl"
    with zipfile.ZipFile(folder / name, "w") as wheel:
        about = f"tiny-{version}.dist-info"
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    (folder / "index.html").write_text(f'<a href="{name}">{name}</a>')
    return index.as_uri()


@pytest.mark.parametrize(
    "settings, index, chosen",
    [
        ({"prereleases": True}, "2.0.dev20261128", "2.0.dev20261128"),
        ({"prereleases": True}, "0.9", "1.0"),  # an old copy beside the nightly builds
        ({}, "2.0.dev20261128", "1.0"),
    ],
)
def test_a_nightly_build_is_chosen_and_nothing_older_than_what_is_released(settings, index, chosen, tmp_path):
    usual, other = package(tmp_path / "usual", "1.0"), package(tmp_path / "other", index)
    options = ["--default-index", usual, *versions.chosen(settings | {"index": other})]
    command = [sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--no-config", "--python", sys.executable]
    found = subprocess.run([*command, *options, "tiny"], capture_output=True, text=True)
    assert f"+ tiny=={chosen}\n" in found.stderr, found.stderr


def test_the_floors_are_those_of_pyproject():
    environments = tomllib.loads(versions.ENVIRONMENTS.read_text(encoding="utf-8"))
    pinned = {one.name: one.specifier for one in map(Requirement, environments["floors"]["packages"])}
    for one in map(Requirement, versions.asked_for()):
        for floor in (part.version for part in one.specifier if part.operator == ">="):
            assert Version(floor) in pinned[one.name] or f"=={floor}.*" == str(pinned[one.name]), one
