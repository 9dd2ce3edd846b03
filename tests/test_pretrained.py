"""Checks of the pretrained backbone: what is loaded is what is in the file, and nothing else is taken for it."""

import hashlib
import io
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from drawing.source_classes import SOURCE_CLASSES, source_pictures
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from weights import classes_of, put, sample_weights

from course_utils import eval_transform, evaluate, locate, pretrained_resnet18, resnet18
from course_utils.basics import course
from course_utils.downloads.manifest import data_sets
from course_utils.models.pretrained import backbone_file, has_usual_weights, pretrained_resnet50, pretrained_resnet101
from course_utils.models.resnet import resnet34, resnet50, resnet101

Weights = dict[str, torch.Tensor]


pytestmark = pytest.mark.usefixtures("sample_profile")


@pytest.fixture
def folder(full_profile: Path) -> Path:
    """Where the profile "full" looks for weights: not there yet, and the network is down."""
    return full_profile / "weights"


@pytest.fixture(scope="module")
def weights() -> Weights:
    """Those of a network of 5 classes, every number another one and none as `resnet18` would draw it."""
    generator = torch.Generator().manual_seed(1)
    own = resnet18(5).state_dict()
    return {name: value + torch.rand(value.shape, generator=generator) for name, value in own.items()}


def counted(name: str) -> bool:
    return name.endswith("num_batches_tracked")


def as_torchvision(weights: Weights, zipped: bool = True) -> bytes:
    """The kind of file torchvision offers: parameters and no counts of batches."""
    parameters = {name: nn.Parameter(value.float()) for name, value in weights.items() if not counted(name)}
    buffer = io.BytesIO()
    torch.save(parameters, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def as_safetensors(weights: Weights) -> bytes:
    return safetensors.torch.save({name: value.half() for name, value in weights.items()})


@pytest.fixture(scope="module")
def contents(weights: Weights) -> dict[str, bytes]:
    return {".pth": as_torchvision(weights), ".safetensors": as_safetensors(weights)}


def refusal(expected: type[Exception] = ValueError) -> str:
    with pytest.raises(expected) as caught:
        pretrained_resnet18(2)
    return str(caught.value)


# -- what is loaded ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "dtype"), [(".pth", torch.float32), (".safetensors", torch.float16)], ids=["pth", "safetensors"]
)
def test_the_head_is_new_and_the_rest_is_the_files(
    ending: str, dtype: torch.dtype, contents: dict, weights: Weights, folder: Path
) -> None:
    put(folder, contents[ending], ending)
    torch.manual_seed(3)
    model = pretrained_resnet18(3)
    found = model.state_dict()
    assert found["fc.weight"].shape == (3, 512) and found["fc.weight"].abs().max() < 0.1  # 1 / sqrt(512) at most
    assert all(value.dtype == torch.float32 for name, value in found.items() if not counted(name))
    assert all(found[name] == 0 for name in found if counted(name))  # as if never trained
    body = [name for name in found if not name.startswith("fc.") and not counted(name)]
    assert len(body) == 100
    assert [name for name in body if not torch.equal(found[name], weights[name].to(dtype).float())] == []
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_the_old_format_of_torch_is_read_too(weights: Weights, folder: Path) -> None:
    put(folder, as_torchvision(weights, zipped=False), ".pth")
    assert torch.equal(pretrained_resnet18(2).conv1.weight, weights["conv1.weight"])


def test_the_new_head_repeats_with_the_seed_and_is_another_each_time(contents: dict, folder: Path) -> None:
    put(folder, contents[".safetensors"], ".safetensors")
    heads = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        heads.append(pretrained_resnet18(2).fc.weight)
    assert torch.equal(heads[0], heads[2]) and not torch.equal(heads[0], heads[1])


def test_as_many_classes_as_in_the_file_get_a_new_head_too(contents: dict, weights: Weights, folder: Path) -> None:
    put(folder, contents[".safetensors"], ".safetensors")
    assert not torch.allclose(pretrained_resnet18(5).fc.weight, weights["fc.weight"], atol=0.01)


def test_a_file_put_there_by_hand_is_found_among_others(contents: dict, folder: Path) -> None:
    path = put(folder, contents[".safetensors"], ".safetensors")
    for name in ("README.md", "resnet18-0123abcd.pth.part", "resnet34-b627a593.pth", "resnet18.pth", "my resnet18.pth"):
        (folder / name).write_text("something else")
    assert backbone_file() == path
    assert len(pretrained_resnet18(2).fc.bias) == 2


@pytest.mark.parametrize(("load", "network"), [(pretrained_resnet50, resnet50), (pretrained_resnet101, resnet101)])
def test_the_larger_networks_read_their_own_file(load: Callable, network: Callable, contents: dict, folder: Path):
    put(folder, contents[".pth"], ".pth")
    weights = network(5).state_dict()
    put(folder, as_torchvision(weights), ".pth", network=network.__name__)
    model = load(3)
    assert torch.equal(model.layer4[2].conv3.weight, weights["layer4.2.conv3.weight"])
    assert model.fc.weight.shape == (3, 2048)


def test_the_larger_networks_are_not_in_the_sample() -> None:
    with pytest.raises(FileNotFoundError, match="ResNet-50.*only in the profile 'full'"):
        pretrained_resnet50(2)


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_file_that_is_not_what_its_name_says_is_refused_and_kept(ending: str, contents: dict, folder: Path) -> None:
    path = put(folder, contents[ending], ending, checksum="0123abcd")
    message = refusal()
    found = hashlib.sha256(contents[ending]).hexdigest()[:8]
    needed = [str(path), "damaged", f"sha256 begins with {found}, not with 0123abcd", "Delete it"]
    assert [text for text in needed if text not in message] == []
    assert path.read_bytes() == contents[ending]


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_a_truncated_file_is_refused(share: float, ending: str, contents: dict, folder: Path) -> None:
    path = put(folder, contents[ending], ending)
    path.write_bytes(contents[ending][: int(share * len(contents[ending]))])
    assert f"{path} is damaged" in refusal()


def test_one_changed_bit_is_noticed(contents: dict, folder: Path) -> None:
    path = put(folder, contents[".safetensors"], ".safetensors")
    damaged = bytearray(contents[".safetensors"])
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    assert f"{path} is damaged" in refusal()


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize("garbage", [b"", b"<html>404 not found</html>", bytes(range(256)) * 50], ids=len)
def test_garbage_with_the_right_checksum_is_refused(garbage: bytes, ending: str, folder: Path) -> None:
    path = put(folder, garbage, ending)
    assert str(path) in refusal()


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_half_a_file_with_the_right_checksum_is_refused(ending: str, contents: dict, folder: Path) -> None:
    path = put(folder, contents[ending][: len(contents[ending]) // 2], ending)
    assert str(path) in refusal()


def test_weights_of_a_deeper_network_are_refused(folder: Path) -> None:
    path = put(folder, as_torchvision(resnet34(5).state_dict()), ".pth")
    message = refusal()
    assert f"{path} belongs to another model than this ResNet" in message
    assert re.search(r"\n  layer\d\.\d\.\w+\.\w+ is unknown\n", message)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda weights: weights.pop("layer1.0.conv1.weight"), "layer1.0.conv1.weight is missing"),
        (lambda weights: weights.update({"aux.weight": torch.zeros(1)}), "aux.weight is unknown"),
        (
            lambda weights: weights.update({"conv1.weight": torch.zeros(64, 1, 7, 7)}),
            "conv1.weight has shape (64, 1, 7, 7), the model needs (64, 3, 7, 7)",
        ),
    ],
    ids=["missing", "unknown", "shape"],
)
def test_weights_that_do_not_fit_are_named(change, complaint: str, weights: Weights, folder: Path) -> None:
    changed = dict(weights)
    change(changed)
    path = put(folder, as_safetensors(changed), ".safetensors")
    message = refusal()
    assert str(path) in message and complaint in message


class Bomb:
    """Its pickle makes a folder when it is loaded."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.trace),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("way", ["torch", "old torch", "pickle"])
def test_code_in_a_file_with_the_right_checksum_is_refused_and_does_not_run(
    way: str, folder: Path, tmp_path: Path
) -> None:
    state, buffer = {"conv1.weight": torch.zeros(2), "extra": Bomb(tmp_path / "trace")}, io.BytesIO()
    if way == "pickle":
        pickle.dump(state["extra"], buffer)
    else:
        torch.save(state, buffer, _use_new_zipfile_serialization=way == "torch")
    path = put(folder, buffer.getvalue(), ".pth")
    assert f"{path} is refused" in refusal()
    assert not (tmp_path / "trace").exists()


def test_several_files_are_refused_with_their_names(contents: dict, folder: Path) -> None:
    names = [put(folder, content, ending).name for ending, content in contents.items()]
    message = refusal()
    assert str(folder) in message and "Keep one" in message and all(name in message for name in names)
    with pytest.raises(ValueError, match="several files"):
        backbone_file()


def test_no_file_says_what_to_get_and_where_to_put_it(folder: Path) -> None:
    needed = ["profile 'full'", str(folder / "resnet18-f37072fd.pth"), "COURSE_PROFILE=sample", "by hand"]
    needed += ["https://download.pytorch.org/models/resnet18-f37072fd.pth", "course_utils.downloads resnet18"]
    message = refusal(FileNotFoundError)
    assert [text for text in needed if text not in message] == []


def test_a_sample_folder_without_its_weights_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "REPOSITORY", tmp_path)
    monkeypatch.setattr(course, "_current", None)
    monkeypatch.setenv("COURSE_PROFILE", "sample")
    assert f"{tmp_path / 'data' / 'weights'} lacks the weights" in refusal(FileNotFoundError)


def test_other_weights_of_the_network_will_do_and_are_known_for_other_ones(full_profile: Path) -> None:
    for name, usual in [("resnet18-00000000.safetensors", False), ("resnet18-f37072fd.pth", True)]:
        (full_profile / "weights").mkdir(parents=True, exist_ok=True)
        (full_profile / "weights" / name).touch()
        assert data_sets()["resnet18"].missing() == []
        assert has_usual_weights() is usual
        (full_profile / "weights" / name).unlink()
    assert data_sets()["resnet18"].missing() == [full_profile / "weights" / "resnet18-f37072fd.pth"]


def test_in_the_sample_the_weights_are_the_usual_ones(sample_profile: None) -> None:
    assert has_usual_weights()


# -- the weights that come with the course ----------------------------------------------------------------------------


def test_the_sample_weights_are_named_by_their_checksum_and_in_half_precision() -> None:
    path = sample_weights()
    assert backbone_file() == path == locate("resnet18")  # by which a lesson's needs are listed
    content = path.read_bytes()
    assert path.name == f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.safetensors"
    stored = safetensors.torch.load(content)
    assert {value.dtype for name, value in stored.items() if not counted(name)} == {torch.float16}
    assert all(value.isfinite().all() for value in stored.values())
    assert list(stored["fc.weight"].shape) == [25, 512] and classes_of(path) == list(SOURCE_CLASSES)


def test_the_readme_beside_the_sample_weights_names_their_checksum() -> None:
    path = sample_weights()
    text = (path.parent / "README.md").read_text(encoding="utf-8")
    assert path.name in text and hashlib.sha256(path.read_bytes()).hexdigest() in text


def test_the_sample_backbone_is_loaded_with_a_new_head() -> None:
    stored, found = safetensors.torch.load_file(sample_weights()), pretrained_resnet18(2).state_dict()
    assert torch.equal(found["layer4.1.bn2.running_var"], stored["layer4.1.bn2.running_var"].float())
    assert found["fc.weight"].shape == (2, 512)


def test_the_sample_weights_classify_pictures_they_have_never_seen() -> None:
    pictures = [(eval_transform(64)(Image.fromarray(pixels)), label) for pixels, label in source_pictures(4, "val", 73)]
    model = resnet18(25)
    model.load_state_dict(safetensors.torch.load_file(sample_weights()))
    assert evaluate(model, DataLoader(pictures, batch_size=50))["accuracy"] > 0.7


def test_sample_weights_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(course, "REPOSITORY", tmp_path)
    message = refusal(FileNotFoundError)
    assert str(tmp_path / "data" / "weights") in message and "come with the course" in message
