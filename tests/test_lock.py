"""What is locked is what is asked for: every pin of constraints.txt, with checksums, for every system."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(name: str) -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    text = (ROOT / name).read_text(encoding="utf-8")
    for block in re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)):
        requirement = Requirement(block.partition(" \\")[0])
        assert "--hash=sha256:" in block, f"{name}: {requirement} has no checksum"
        found.setdefault(normal(requirement.name), []).append(requirement)
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_versions_are_those_of_the_constraints(name):
    pins = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] not in "#"]
    wanted = {normal(pin.name): pin.specifier for pin in pins}
    for package, requirements in locked(name).items():
        for requirement in requirements:
            assert requirement.specifier == wanted.get(package, requirement.specifier), f"run make lock: {requirement}"


@pytest.mark.parametrize("name", LOCKS)
def test_everything_asked_for_is_locked(name):
    asked = []
    for file in ["requirements.txt"] + ["requirements-dev.txt"] * ("dev" in name):
        lines = [line.partition("#")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines()]
        asked += [normal(line) for line in lines if line and not line.startswith("-")]
    assert not set(asked) - locked(name).keys(), "run make lock"
    assert "://" not in (ROOT / name).read_text(encoding="utf-8"), "a lock names no server"
