"""Checks of tools/pretrain_backbone.py by a tiny run, and by files that it writes."""

import hashlib
import re
import sys
from pathlib import Path

import pretrain_backbone as maker
import pytest
import torch
from drawing.source_classes import SOURCE_CLASSES
from PIL import Image
from safetensors.torch import load_file
from weights import classes_of

from course_utils import pretrained_resnet18, resnet18
from course_utils.basics import course

pytestmark = pytest.mark.usefixtures("sample_profile")


def check_file(path: Path) -> None:
    assert path.name == f"resnet18-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.safetensors"
    assert list(path.parent.iterdir()) == [path], "something else was left in the folder"
    weights = load_file(path)
    floats = {value.dtype for name, value in weights.items() if not name.endswith("num_batches_tracked")}
    assert floats == {torch.float16} and path.stat().st_size < 23_000_000


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_a_tiny_run_writes_weights_that_the_course_can_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for name, value in (("VAL_PER_CLASS", 1), ("SIZE", 32)):
        monkeypatch.setattr(maker, name, value)
    arguments = ["--per-class", "3", "--epochs", "1", "--output", str(tmp_path / "weights")]
    monkeypatch.setattr(sys, "argv", ["pretrain_backbone.py", *arguments])
    maker.main()
    (path,) = (tmp_path / "weights").iterdir()
    check_file(path)
    assert classes_of(path) == list(SOURCE_CLASSES)
    printed = capsys.readouterr().out
    assert re.search(r"accuracy on 25 held-out pictures: 0\.\d{3}\n", printed)
    assert f"written: {path}, 22.4 MB, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}\n" in printed
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(course, "_current", None)
    model = pretrained_resnet18(2)
    assert torch.equal(model.conv1.weight, load_file(path)["conv1.weight"].float())
    assert not torch.equal(model.bn1.running_mean, torch.zeros(64)), "the network has seen nothing"


def test_what_is_written_is_read_back_in_half_precision(tmp_path: Path) -> None:
    model = resnet18(3).to(memory_format=torch.channels_last)
    expected = {name: value.clone() for name, value in model.state_dict().items()}
    path = maker.write_weights(model, ["ant", "bee", "Käfer"], tmp_path / "new" / "folder")
    check_file(path)
    assert classes_of(path) == ["ant", "bee", "Käfer"]
    found = load_file(path)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value.to(found[name].dtype)) for name, value in expected.items())
    assert found["layer1.0.bn1.num_batches_tracked"].dtype == torch.int64


def test_the_same_weights_give_the_same_file(tmp_path: Path) -> None:
    model = resnet18(3)
    first, second = (maker.write_weights(model, ["a", "b", "c"], tmp_path) for _ in range(2))
    assert first == second
    check_file(first)


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_drawn_pictures_are_an_ordinary_data_set() -> None:
    drawn = maker.Drawn(1, "test")
    assert len(drawn) == 25 == len(drawn.classes) and drawn.targets == list(range(25))
    image, label = drawn[7]
    assert isinstance(image, Image.Image) and image.mode == "RGB" and image.size == (73, 73) and label == 7
