"""Checks of Oxford Flowers-102 in the course's layout, on a tiny archive with the real one's layout."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision.datasets import Flowers102

from course_utils import flowers
from course_utils.basics import course
from course_utils.downloads.flowers102 import lay_out

IDS = [77, 77, 1, 10, 2, 102, 1, 1, 10]  # class id of image_00001 to image_00009
SPLITS = {"trnid": [5, 3, 1], "valid": [2, 4], "tstid": [6, 7, 8, 9]}
LABELS = {"1": 0, "10": 1, "102": 2, "2": 3, "77": 4}  # sorted as text


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What the three downloads look like: jpg/image_00001.jpg …, labels from 1, image numbers from 1."""
    folder = tmp_path / "data" / "flowers-102"
    folder.mkdir(parents=True)
    with tarfile.open(folder / "102flowers.tgz", "w:gz") as archive:
        for number, class_id in enumerate(IDS, 1):
            store = io.BytesIO()
            Image.new("RGB", (20, 16), (2 * class_id, 100, 100)).save(store, "JPEG")
            member = tarfile.TarInfo(f"jpg/image_{number:05}.jpg")
            member.size = store.tell()
            store.seek(0)
            archive.addfile(member, store)
    savemat(folder / "imagelabels.mat", {"labels": np.array([IDS], dtype=np.uint8)})
    savemat(folder / "setid.mat", {name: np.array([numbers], dtype=np.uint16) for name, numbers in SPLITS.items()})
    return folder


def test_every_picture_gets_its_split_its_label_and_its_name(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(source, source.parent / "flowers")
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_DATA_DIR", str(source.parent))
    monkeypatch.setattr(course, "_current", None)
    for split, name in (("train", "trnid"), ("val", "valid"), ("test", "tstid")):
        dataset = flowers(split)
        assert [path.name for path, _ in dataset.samples] == [f"image_{n:05}.jpg" for n in sorted(SPLITS[name])]
        assert dataset.targets == [LABELS[str(IDS[n - 1])] for n in sorted(SPLITS[name])]
        assert dataset.classes == [Flowers102.classes[int(class_id) - 1] for class_id in LABELS]
        for image, label in dataset:
            class_id = int(list(LABELS)[label])
            assert image.getpixel((5, 5))[0] == pytest.approx(2 * class_id, abs=6)


def test_the_labels_agree_with_those_of_torchvision(source: Path) -> None:
    lay_out(source, source.parent / "flowers")
    names = json.loads((source.parent / "flowers" / "cat_to_name.json").read_text())
    assert names["77"] == "passion flower" and names["1"] == "pink primrose"  # as its authors' page has them


def test_the_real_number_of_classes_is_that_of_the_names() -> None:
    assert len(Flowers102.classes) == 102


@pytest.mark.parametrize("name", ["imagelabels.mat", "setid.mat", "102flowers.tgz"])
def test_a_damaged_file_is_named_and_nothing_is_left_behind(name: str, source: Path) -> None:
    (source / name).write_bytes(b"not what it should be")
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        lay_out(source, source.parent / "flowers")
    assert [path.name for path in source.parent.iterdir()] == ["flowers-102"]


def test_an_existing_folder_is_kept(source: Path) -> None:
    (source.parent / "flowers").mkdir()
    with pytest.raises(FileExistsError):
        lay_out(source, source.parent / "flowers")
    assert list((source.parent / "flowers").iterdir()) == []
