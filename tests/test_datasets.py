"""Checks of the digits, the ants and bees and the flowers, in both profiles, without a download."""

import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import write_folders, write_lists

from course_utils import FolderDataset, flowers, hymenoptera, load_digits28, open_split
from course_utils.basics import course
from course_utils.data.lists import AnnotationDataset

SPLITS = ("train", "val", "test")

pytestmark = pytest.mark.usefixtures("sample_profile")


# -- digits -----------------------------------------------------------------------------------------------------------


COUNTS = {"train": 2000, "val": 500, "test": 1000}


@pytest.mark.parametrize(("split", "count"), COUNTS.items())
def test_sample_digits_have_their_shapes_types_and_range(split: str, count: int) -> None:
    images, labels = load_digits28(split)
    assert (images.dtype, tuple(images.shape)) == (torch.float32, (count, 1, 28, 28))
    assert (labels.dtype, tuple(labels.shape)) == (torch.int64, (count,))
    assert images.min() == 0 and images.max() == 1 and labels.bincount().tolist() == 10 * [count // 10]


def test_no_sample_digit_lies_in_two_splits_or_twice_in_one() -> None:
    parts = [{image.numpy().tobytes() for image in load_digits28(split)[0]} for split in SPLITS]
    assert sum(map(len, parts)) == len(set.union(*parts)) == sum(COUNTS.values())


@pytest.mark.parametrize("split", ["val", "test"])
def test_sample_digits_have_their_own_labels(split: str) -> None:
    """By the label of the training digit that is most like them, most are what they are said to be."""
    (images, labels), (train_images, train_labels) = load_digits28(split), load_digits28("train")
    nearest = torch.cdist(images.flatten(1), train_images.flatten(1)).argmin(dim=1)
    right = (train_labels[nearest] == labels).float()
    shares = [right[labels == digit].mean().item() for digit in range(10)]
    assert right.mean() > 0.85 and min(shares) > 0.6, f"digit by digit {shares}"  # by chance 0.1


def test_sample_digits_come_in_no_order() -> None:
    for split in SPLITS:
        _, labels = load_digits28(split)
        assert len(labels[:50].unique()) == 10, f"the first 50 of {split}: {labels[:50].tolist()}"


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


def test_full_digits_that_are_missing_say_how_to_get_them(full_profile: Path) -> None:
    with pytest.raises(FileNotFoundError, match="profile 'full' needs: MNIST") as caught:
        load_digits28("train")
    needed = [str(full_profile / "MNIST" / "raw"), "COURSE_PROFILE=sample", "course_utils.downloads mnist"]
    needed += [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
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


# -- flowers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("split", "count"), [("train", 520), ("val", 180), ("test", 180)])
def test_sample_flowers_are_counted_as_promised(split: str, count: int) -> None:
    dataset = flowers(split, transform=lambda image: (image.mode, image.size))
    assert isinstance(dataset, AnnotationDataset) and len(dataset) == count
    assert dataset[0][0] == ("RGB", (96, 96)) and set(dataset.targets) == set(range(10))


def test_the_classes_of_the_sample_flowers_are_names_in_the_order_of_the_labels() -> None:
    folder = course.REPOSITORY / "data" / "flowers"
    names = json.loads((folder / "cat_to_name.json").read_text(encoding="utf-8"))
    ids = (folder / "classes.txt").read_text(encoding="utf-8").split()
    dataset = flowers("val")
    assert dataset.classes == [names[flower_id] for flower_id in ids] == flowers("train").classes
    first = (folder / "val.txt").read_text(encoding="utf-8").split("\n")[0].split()
    assert (dataset.samples[0][0].name, str(dataset.samples[0][1])) == tuple(first)
    assert dataset.classes[8] == "spring crocus" and np.bincount(dataset.targets).argmax() == 8


@pytest.mark.parametrize("split", ["validation", "classes"])
def test_an_unknown_split_of_the_flowers_is_refused(split: str) -> None:
    with pytest.raises(ValueError, match=f"no split '{split}'. Choose one of: test, train, val"):
        flowers(split)


def test_full_flowers_that_are_missing_say_how_to_get_them(full_profile: Path) -> None:
    with pytest.raises(FileNotFoundError, match="profile 'full' needs: Oxford Flowers-102") as caught:
        flowers("train")
    needed = [str(full_profile / "flowers"), "COURSE_PROFILE=sample", "course_utils.downloads flowers"]
    needed += ["102flowers.tgz", "imagelabels.mat", "setid.mat"]
    assert [text for text in needed if text not in str(caught.value)] == []


@pytest.fixture
def own_flowers(full_profile: Path) -> Path:
    """Three pictures of three classes whose ids are, as text, in another order than as numbers."""
    root = full_profile / "flowers"
    (root / "images").mkdir(parents=True)
    for number, label in enumerate([2, 0, 1]):
        Image.new("RGB", (9, 9), (100 * label, 0, 0)).save(root / "images" / f"image {number}.png")
    (root / "train.txt").write_text("image 0.png 2\nimage 1.png 0\nimage 2.png 1\n")
    (root / "classes.txt").write_text("1\n102\n21\n")
    names = {"1": "pink primrose", "21": "fire lily", "102": "blackberry lily", "5": "nothing of ours"}
    (root / "cat_to_name.json").write_text(json.dumps(names))
    return root


def test_full_flowers_are_read_from_the_data_folder(own_flowers: Path) -> None:
    dataset = flowers("train")
    assert dataset.classes == ["pink primrose", "blackberry lily", "fire lily"]
    assert [image.getpixel((0, 0))[0] // 100 for image, _ in dataset] == dataset.targets == [2, 0, 1]


def test_a_list_that_is_missing_in_the_flowers_is_named(own_flowers: Path) -> None:
    with pytest.raises(FileNotFoundError, match="val.txt"):
        flowers("val")


def test_a_class_id_of_the_flowers_without_a_name_is_named(own_flowers: Path) -> None:
    (own_flowers / "classes.txt").write_text("1\n102\n77\n")
    with pytest.raises(
        ValueError, match="cat_to_name.json has no name for the class ids '77' of classes.txt. Add them"
    ):
        flowers("train")


def test_a_label_of_the_flowers_without_a_class_is_named_with_its_line(own_flowers: Path) -> None:
    (own_flowers / "classes.txt").write_text("1\n102\n")
    with pytest.raises(ValueError, match="line 1: the label 2 of 'image 0.png' is out of range, 0 to 1"):
        flowers("train")


# -- open_split -------------------------------------------------------------------------------------------------------


def test_folders_and_lists_of_the_same_pictures_are_the_same_data_set(tmp_path: Path) -> None:
    folders, lists = write_folders(tmp_path / "folders"), write_lists(tmp_path / "lists")
    for split in SPLITS:
        first, second = (open_split(root, split, np.asarray) for root in (folders, str(lists)))
        assert isinstance(first, FolderDataset) and isinstance(second, AnnotationDataset)
        assert first.classes == second.classes == ["blue", "red"] and first.targets == second.targets
        assert all((image == other).all() for (image, _), (other, _) in zip(first, second, strict=True))


def test_the_sample_data_sets_are_laid_out_as_open_split_wants_them() -> None:
    for read, name in ((flowers, "flowers"), (hymenoptera, "hymenoptera")):
        found, expected = open_split(course.REPOSITORY / "data" / name, "val"), read("val")
        assert (found.samples, found.classes) == (expected.samples, expected.classes)


@pytest.mark.parametrize("write", [write_folders, write_lists])
def test_other_classes_than_those_expected_are_refused(write, tmp_path: Path) -> None:
    write(tmp_path / "data", {"val": 1})
    assert len(open_split(tmp_path / "data", "val", classes=("blue", "red"))) == 2
    for classes in (["blue"], ["blue", "red", "white"], ["blue", "red", "red", "white"]):
        with pytest.raises(ValueError, match="[Cc]lass.*expected"):
            open_split(tmp_path / "data", "val", classes=classes)


def test_another_order_of_classes_renumbers_folders_and_is_refused_for_lists(tmp_path: Path) -> None:
    write_folders(tmp_path / "folders", {"val": 1})
    dataset = open_split(tmp_path / "folders", "val", classes=["red", "blue"])
    assert [path.parent.name for path, _ in dataset.samples] == dataset.classes == ["red", "blue"]
    write_lists(tmp_path / "lists", {"val": 1})  # their labels are numbers
    with pytest.raises(ValueError, match=r"The classes of .*lists are \['blue', 'red'\], expected were"):
        open_split(tmp_path / "lists", "val", classes=["red", "blue"])


def test_folders_in_place_of_splits_are_to_be_renamed_or_if_they_are_classes_divided(tmp_path: Path) -> None:
    write_folders(tmp_path / "data", {"learning": 1})
    with pytest.raises(FileNotFoundError, match=r"that are there: learning\. If one .* split, rename it train\.$"):
        open_split(tmp_path / "data", "train")
    with pytest.raises(FileNotFoundError, match=r"there: blue, red\. If .* classes, divide them first: split_folder"):
        open_split(tmp_path / "data" / "learning", "train")


@pytest.mark.parametrize("write", [write_folders, write_lists])
def test_a_split_that_is_missing_is_named_with_both_layouts(write, tmp_path: Path) -> None:
    write(tmp_path / "data", {"val": 1})
    for root, split in ((tmp_path / "data", "test"), (tmp_path / "nowhere", "val")):
        named = re.escape(f"{root} has no split '{split}'")
        with pytest.raises(FileNotFoundError, match=f"{named}: neither a folder .* nor a list"):
            open_split(root, split)


@pytest.mark.parametrize("write", [write_folders, write_lists])
@pytest.mark.parametrize(
    ("split", "spelling"),
    [("train", "training"), ("val", "valid"), ("val", "validation"), ("test", "testing")],
)
def test_other_spellings_of_a_split_are_recognized(write, split: str, spelling: str, tmp_path: Path) -> None:
    root = write(tmp_path / "data", {split: 2})
    expected = open_split(root, split).targets
    ending = "" if write is write_folders else ".txt"
    (root / f"{split}{ending}").rename(root / f"{spelling}{ending}")
    assert open_split(root, split).targets == expected


@pytest.mark.parametrize("write", [write_folders, write_lists])
def test_a_split_under_two_names_is_refused(write, tmp_path: Path) -> None:
    root = write(write(tmp_path / "data", {"val": 1}), {"valid": 1}) if write is write_folders else write(tmp_path)
    if write is write_lists:
        (root / "valid.txt").write_bytes((root / "val.txt").read_bytes())
    with pytest.raises(ValueError, match=r"has one split under two names, val(\.txt)? and valid(\.txt)?\. Keep one"):
        open_split(root, "val")


def test_folders_are_taken_before_lists_under_whatever_names(tmp_path: Path) -> None:
    """A well-known data set of flowers has both: the folders train and valid, and the lists train.txt and val.txt."""
    root = write_folders(write_lists(tmp_path), {"valid": 3})
    dataset = open_split(root, "val")
    assert isinstance(dataset, FolderDataset) and len(dataset) == 6


def test_a_split_of_another_name_is_told_what_to_rename(tmp_path: Path) -> None:
    write_folders(tmp_path / "data", {"learn": 1, "check": 1})
    with pytest.raises(FileNotFoundError) as caught:
        open_split(tmp_path / "data", "val")
    for text in ("(valid, validation will do, too)", "are there: check, learn. If one of them is this split, rename"):
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("ids", "names", "classes"),
    [
        ("\ufeff5\r\n6\r\n", '\ufeff{"5": "玫瑰", "6": "百合"}', ["玫瑰", "百合"]),
        ("fire lily\n  rose \n\n", '{"fire lily": "Fire lily", "rose": "Rose"}', ["Fire lily", "Rose"]),
    ],
    ids=["marks of Notepad", "ids with spaces"],
)
def test_ways_of_writing_the_classes_of_lists(ids: str, names: str, classes: list[str], tmp_path: Path) -> None:
    write_lists(tmp_path, {"val": 1})
    (tmp_path / "classes.txt").write_bytes(ids.encode())
    (tmp_path / "cat_to_name.json").write_bytes(names.encode())
    assert open_split(tmp_path, "val").classes == classes


@pytest.mark.parametrize(
    ("ids", "names", "message"),
    [
        ("5\n玫瑰\n".encode("gbk"), b"{}", "classes.txt, line 2, is not UTF-8 text. Save the file as UTF-8"),
        (b"5\n6\n", '{"5": "玫瑰"}'.encode("gbk"), "cat_to_name.json, line 1, is not UTF-8 text"),
        (b"5\n6\n", b'{"5": "rose", "6": "rose"}', "More than one class is named 'rose'"),
        (b"5\n5\n", b'{"5": "rose", "6": "lily"}', "More than one class is named 'rose'"),
        (
            b"5\n6\n",
            b'{"5": 1, "6": 2}',
            "no name for the class ids '5', '6' of classes.txt. Add them, as texts in quotes",
        ),
    ],
    ids=["GBK ids", "GBK names", "one name twice", "one id twice", "numbers"],
)
def test_classes_of_lists_that_cannot_be_used_are_refused(
    ids: bytes, names: bytes, message: str, tmp_path: Path
) -> None:
    write_lists(tmp_path, {"val": 1})
    (tmp_path / "classes.txt").write_bytes(ids)
    (tmp_path / "cat_to_name.json").write_bytes(names)
    with pytest.raises(ValueError, match=message):
        open_split(tmp_path, "val")


@pytest.mark.parametrize("file", ["classes.txt", "cat_to_name.json", "images"])
def test_a_list_without_what_belongs_to_it_names_what_is_missing(file: str, tmp_path: Path) -> None:
    write_lists(tmp_path / "data", {"val": 1})
    (tmp_path / "data" / file).rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=file):
        open_split(tmp_path / "data", "val")


@pytest.mark.parametrize("content", ["", "{", '["5", "6"]', '{"5": "blue"}'])
def test_names_of_classes_that_are_damaged_are_refused_with_their_file(content: str, tmp_path: Path) -> None:
    write_lists(tmp_path / "data", {"val": 1})
    (tmp_path / "data" / "cat_to_name.json").write_text(content)
    with pytest.raises(ValueError, match="cat_to_name.json"):
        open_split(tmp_path / "data", "val")
