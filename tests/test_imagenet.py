"""Checks of the network that knows photographs: its file, what is refused, and that it names what everybody can see."""

import hashlib
import io
import re
import sys
from pathlib import Path

import convert_imagenet_network as converter
import make_photos
import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import nn

from course_utils import load_imagenet_network, load_rgb, locate
from course_utils.basics import course
from course_utils.downloads import manifest

pytestmark = pytest.mark.usefixtures("sample_profile")
Loaded = tuple[nn.Module, nn.Module, list[str]]


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load_imagenet_network()


def ask(picture: Image.Image, loaded: Loaded) -> tuple[str, float]:
    """The likeliest name and its probability."""
    network, transform, names = loaded
    with torch.inference_mode():
        probability, label = network(transform(picture)[None]).softmax(dim=1)[0].max(dim=0)
    return names[label], probability.item()


def weights_elsewhere(content: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the course lie in `folder`, with `content` under the name of the network's file."""
    path = folder / locate("imagenet_network").relative_to(course.REPOSITORY)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    monkeypatch.setattr(course, "REPOSITORY", folder)
    return path


# -- what is loaded ---------------------------------------------------------------------------------------------------


def test_the_network_takes_pictures_and_gives_a_logit_for_each_name(loaded: Loaded) -> None:
    network, transform, names = loaded
    assert not network.training and len(names) == len(set(names)) == 1000
    image = transform(Image.new("RGB", (640, 427), (255, 0, 0)))
    assert image.shape == (3, 224, 224) and image.dtype == torch.float32
    torch.testing.assert_close(image.amax(dim=(1, 2)), torch.tensor([1.0, -1.0, -1.0]))
    with torch.inference_mode():
        assert network(image[None]).shape == (1, 1000)
        assert network.forward_features(image[None]).shape == (1, 1280, 7, 7)


@pytest.mark.parametrize(
    ("photo", "name"),
    [("coffee", "espresso"), ("photographer", "tripod"), ("palace", "palace"), ("cat", "Egyptian cat")],
)
def test_it_names_what_everybody_can_see(photo: str, name: str, loaded: Loaded) -> None:
    assert ask(load_rgb(locate("photos") / f"{photo}.jpg"), loaded)[0] == name


def test_the_middle_of_a_wide_picture_is_what_it_sees(loaded: Loaded) -> None:
    _, transform, _ = loaded
    picture = Image.new("RGB", (512, 256), "red")
    picture.paste("blue", (128, 0, 384, 256))
    assert transform(picture)[0].max() < 0


def test_it_is_the_same_in_the_profile_full_and_without_its_data(loaded: Loaded, full_profile: Path) -> None:
    own, other = loaded[0].state_dict(), load_imagenet_network()[0].state_dict()
    assert not full_profile.exists() and all(torch.equal(own[name], other[name]) for name in own)


def test_the_random_numbers_of_a_lesson_do_not_depend_on_it() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    load_imagenet_network()
    assert torch.equal(torch.rand(3), expected)


# -- what is refused --------------------------------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = weights_elsewhere(b"", tmp_path, monkeypatch)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=f"There is no {re.escape(str(path))}. It comes with the course"):
        load_imagenet_network()


@pytest.mark.parametrize("change", ["one bit", "half", "nothing left"])
def test_a_damaged_file_is_refused(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(locate("imagenet_network").read_bytes())
    content[len(content) // 2] ^= 1
    content = content if change == "one bit" else content[: len(content) // 2] if change == "half" else b""
    path = weights_elsewhere(bytes(content), tmp_path, monkeypatch)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is damaged"):
        load_imagenet_network()


def test_a_missing_timm_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModuleNotFoundError, match="timm is not installed for .*pip install -r requirements.txt"):
        load_imagenet_network()


# -- the file and how it is made --------------------------------------------------------------------------------------


def foreign(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights under names like those of the package."""
    return {f"_block{number}._{name.rpartition('.')[2]}.{name.rpartition('.')[2]}": value
            for number, (name, value) in enumerate(weights.items())}  # fmt: skip


@pytest.fixture(scope="module")
def own() -> dict[str, torch.Tensor]:
    import timm  # here alone, as it takes a second of each process that collects tests

    return timm.create_model(converter.NETWORK, pretrained=False).state_dict()


def test_weights_are_renamed_one_to_one_and_halved(own: dict) -> None:
    made = converter.renamed(foreign(own))
    assert list(made) == list(own) and len(made) == 296
    for name, value in made.items():
        wanted = own[name].half() if own[name].is_floating_point() else own[name]
        assert torch.equal(value, wanted) and value.dtype == wanted.dtype and value.is_contiguous()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda items: items[:-1], "295 entries, tf_efficientnet_lite0 has 296"),
        (lambda items: [*items[:1], items[2], items[1], *items[3:]], r"is not bn1.weight \(32,\)"),
        (lambda items: [(items[0][0], items[0][1][:4]), *items[1:]], r"\(4, 3, 3, 3\) is not conv_stem.weight \(32, "),
    ],
    ids=["one missing", "two exchanged", "another shape"],
)
def test_weights_that_do_not_fit_are_refused(change, message: str, own: dict) -> None:
    with pytest.raises(ValueError, match=message):
        converter.renamed(dict(change(list(foreign(own).items()))))


def test_the_file_is_named_by_its_checksum_and_in_half_precision(own: dict) -> None:
    path = locate("imagenet_network")
    content = path.read_bytes()
    assert path.name == f"{converter.NETWORK}-{hashlib.sha256(content).hexdigest()[:8]}.safetensors"
    stored = safetensors.torch.load(content)
    assert {name: value.shape for name, value in stored.items()} == {name: value.shape for name, value in own.items()}
    assert {value.dtype for name, value in stored.items() if not name.endswith("num_batches_tracked")} == {torch.half}
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata() == converter.METADATA


def test_the_readme_beside_it_names_checksum_and_licence() -> None:
    path = locate("imagenet_network")
    text = (path.parent / "README.md").read_text(encoding="utf-8")
    assert path.name in text and hashlib.sha256(path.read_bytes()).hexdigest() in text
    assert "Apache" in text and "Apache License" in (path.parent / "LICENSE-Apache-2.0.txt").read_text(encoding="utf-8")


# -- the photographs --------------------------------------------------------------------------------------------------


def test_each_photograph_has_its_origin_author_and_licence() -> None:
    folder = locate("photos")
    text = (folder / "README.md").read_text(encoding="utf-8")
    rows = {found[1]: found[2].split(" | ") for found in re.finditer(r"^\| `(\w+\.jpg)` \| (.+) \|$", text, re.M)}
    assert set(rows) == {path.name for path in folder.glob("*")} - {"README.md"}
    assert {path.removesuffix(".jpg") for path in rows} == {*make_photos.FROM_PACKAGE, "palace"}
    for _, author, licence, origin in rows.values():
        assert author and re.search(r"^public domain$|^CC0$|CC BY 2\.0", licence)
        assert origin.split("`")[1].endswith((*make_photos.FROM_PACKAGE.values(), "datasets/images/china.jpg"))


def test_photographs_are_small_and_of_the_stated_size() -> None:
    for path in locate("photos").glob("*.jpg"):
        assert min(load_rgb(path).size) == make_photos.SIDE and path.stat().st_size <= 60_000, path.name


def test_a_photograph_from_an_installed_package_is_made_again() -> None:
    made = load_rgb(io.BytesIO(make_photos.smaller(load_rgb(make_photos.PALACE))))
    stored = load_rgb(locate("photos") / "palace.jpg")
    assert np.abs(np.asarray(made, int) - np.asarray(stored, int)).max() <= 2  # builds of libjpeg round differently


def test_the_manifest_knows_both() -> None:
    needed = {one.name for one in manifest.needs("00")}
    assert needed == {"imagenet_network", "photos"}
