"""Checks of the digits and of the ants and bees, in both profiles, without a download."""

import struct
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import map_coordinates
from sklearn.datasets import load_digits

from course_utils import hymenoptera, load_digits28, runtime

SPLITS = ("train", "val", "test")


@pytest.fixture(autouse=True)
def sample_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_current", None)
    monkeypatch.delenv("COURSE_PROFILE", raising=False)


@pytest.fixture
def full_profile(sample_profile: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The profile "full" with an empty data folder, and a network that is down."""

    def no_network(url: str, *args: object, **kwargs: object) -> None:
        raise URLError(f"no route to {url}")

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", no_network)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    return tmp_path


# -- digits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("split", "count"), [("train", 1197), ("val", 300), ("test", 300)])
def test_sample_digits_have_their_shapes_types_and_range(split: str, count: int) -> None:
    images, labels = load_digits28(split)
    assert (images.dtype, tuple(images.shape)) == (torch.float32, (count, 1, 28, 28))
    assert (labels.dtype, tuple(labels.shape)) == (torch.int64, (count,))
    assert images.min() == 0 and images.max() == 1 and labels.unique().tolist() == list(range(10))


def test_no_sample_digit_lies_in_two_splits_and_none_is_lost() -> None:
    parts = [{image.numpy().tobytes() for image in load_digits28(split)[0]} for split in SPLITS]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 1797


@pytest.mark.parametrize("split", SPLITS)
def test_every_digit_has_its_share_in_every_split(split: str) -> None:
    _, labels = load_digits28(split)
    expected = np.bincount(load_digits().target) * len(labels) / 1797
    assert np.abs(np.bincount(labels) - expected).max() < 1


def test_sample_digits_are_those_of_scikit_learn_enlarged_with_their_labels() -> None:
    digits = load_digits()
    where = (np.arange(28) + 0.5) * 8 / 28 - 0.5  # pixel centres of the large picture in the small one
    grid = np.meshgrid(where, where, indexing="ij")
    expected = np.stack([map_coordinates(image / 16, grid, order=1, mode="nearest") for image in digits.images])
    images, labels = load_digits28("val")
    distances = torch.cdist(images.flatten(1), torch.tensor(expected, dtype=torch.float32).flatten(1))
    assert distances.min(dim=1).values.max() < 0.05  # other digits lie more than 1 apart
    assert digits.target[distances.argmin(dim=1)].tolist() == labels.tolist()


def test_digits_are_the_same_on_every_call_and_draw_no_random_number() -> None:
    state = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, second = load_digits28("test"), load_digits28("test")
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert torch.equal(torch.get_rng_state(), state[0]) and (np.random.get_state()[1] == state[1]).all()


def test_an_unknown_split_of_the_digits_is_refused() -> None:
    with pytest.raises(ValueError, match="no split 'valid'. Choose one of: test, train, val"):
        load_digits28("valid")


def write_mnist(folder: Path) -> None:
    """MNIST's four files with its counts, in pictures of one pixel; the label says which part a picture is of."""
    folder.mkdir(parents=True)
    labels = {"train": np.repeat([0, 1], [55_000, 5_000]), "t10k": np.repeat(2, 10_000)}
    for name, values in labels.items():
        count, content = len(values), values.astype(np.uint8)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x0801, count) + content.tobytes())
        pixels = 255 * (content > 0).astype(np.uint8)
        pixels[0] = 255
        header = struct.pack(">IIII", 0x0803, count, 1, 1)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())


def test_full_digits_are_mnist_with_the_last_5000_training_images_as_val(full_profile: Path) -> None:
    write_mnist(full_profile / "MNIST" / "raw")
    for label, (split, count) in enumerate({"train": 55_000, "val": 5_000, "test": 10_000}.items()):
        images, labels = load_digits28(split)
        assert (images.dtype, tuple(images.shape)) == (torch.float32, (count, 1, 1, 1))
        assert labels.dtype == torch.int64 and labels.unique().tolist() == [label]
        assert images.max() == 1 and images.mean() == pytest.approx(1 / count if split == "train" else 1)


def test_full_digits_without_a_network_say_how_to_put_them_by_hand(full_profile: Path) -> None:
    with pytest.raises(FileNotFoundError, match="neither read nor downloaded") as caught:
        load_digits28("train")
    needed = [str(full_profile / "MNIST" / "raw"), "COURSE_PROFILE=sample", ".gz"]
    needed += [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    assert [text for text in needed if text not in str(caught.value)] == []


# -- ants and bees ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("split", "count"), [("train", 244), ("val", 153), ("test", 150)])
def test_sample_ants_and_bees_are_counted_as_promised(split: str, count: int) -> None:
    dataset = hymenoptera(split, transform=lambda image: image.size)
    assert len(dataset) == count and dataset.classes == ["ants", "bees"]
    assert dataset[0] == ((96, 96), 0)


def test_an_unknown_split_of_ants_and_bees_is_refused() -> None:
    with pytest.raises(ValueError, match="no split 'validation'. Choose one of: test, train, val"):
        hymenoptera("validation")


def test_full_ants_and_bees_without_files_say_where_they_go_and_where_they_are_from(full_profile: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        hymenoptera("train")
    url = "https://download.pytorch.org/tutorial/hymenoptera_data.zip"
    needed = ["profile 'full'", str(full_profile / "hymenoptera_data"), url, "unpack", "COURSE_PROFILE=sample"]
    assert [text for text in needed if text not in str(caught.value)] == []


def write_hymenoptera(root: Path, splits: dict[str, list[str]]) -> None:
    for split, classes in splits.items():
        for name in classes:
            (root / split / name).mkdir(parents=True)
            Image.new("P", (9, 9)).save(root / split / name / "an insect.gif")


def test_full_ants_and_bees_are_read_from_the_data_folder_and_have_no_test_split(full_profile: Path) -> None:
    write_hymenoptera(full_profile / "hymenoptera_data", dict.fromkeys(("train", "val"), ["ants", "bees"]))
    assert [label for _, label in hymenoptera("val")] == [0, 1]
    with pytest.raises(ValueError, match="no split 'test'. Choose one of: train, val"):
        hymenoptera("test")


def test_a_val_split_with_other_classes_than_train_is_refused(full_profile: Path) -> None:
    write_hymenoptera(full_profile / "hymenoptera_data", {"train": ["ants", "bees"], "val": ["ants", "wasps"]})
    with pytest.raises(ValueError, match=r"val are not those expected: missing \['bees'\], unexpected \['wasps'\]"):
        hymenoptera("val")
