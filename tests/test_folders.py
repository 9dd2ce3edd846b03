"""Checks of FolderDataset and split_folder: odd and broken images, leaks, and what a failure leaves."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import flat, noise
from PIL import Image

from course_utils import FolderDataset, load_rgb
from course_utils.data import folders
from course_utils.data.folders import split_folder

FRACTIONS = {"train": 0.7, "val": 0.15, "test": 0.15}


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A folder of two classes: 20 ants and 40 bees, every picture another one."""
    for name, count in (("ants", 20), ("bees", 40)):
        (tmp_path / "collection" / name).mkdir(parents=True)
        for number in range(count):
            noise(100 * count + number).save(tmp_path / "collection" / name / f"{name} {number:02}.png")
    return tmp_path / "collection"


def pixels_of(paths) -> set[tuple]:
    return {(image.size, image.tobytes()) for image in map(load_rgb, paths)}


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


# -- FolderDataset ----------------------------------------------------------------------------------------------------


def test_classes_are_sorted_and_labels_are_their_positions(tmp_path: Path) -> None:
    for name in ("wasps", "ants", "bees"):
        (tmp_path / name).mkdir()
        flat("RGB", (len(name), 0, 0)).save(tmp_path / name / "image.png")
    dataset = FolderDataset(tmp_path)
    assert dataset.classes == ["ants", "bees", "wasps"]
    assert dataset.class_to_idx == {"ants": 0, "bees": 1, "wasps": 2}
    assert dataset.targets == [0, 1, 2] == [label for _, label in dataset]
    assert [image.getpixel((0, 0))[0] for image, _ in dataset] == [4, 4, 5]


def test_len_samples_and_targets_agree(collection: Path) -> None:
    dataset = FolderDataset(collection)
    assert len(dataset) == 60 and dataset.targets == [0] * 20 + [1] * 40
    assert dataset.samples == sorted(dataset.samples)
    assert all(path.parent.name == dataset.classes[label] for path, label in dataset.samples)


def test_the_transform_gets_the_rgb_image(collection: Path) -> None:
    dataset = FolderDataset(collection, transform=lambda image: (image.mode, image.size))
    assert dataset[0] == (("RGB", (8, 6)), 0)


def test_gif_capital_letters_and_names_with_spaces_load(tmp_path: Path) -> None:
    (tmp_path / "my ants").mkdir()
    for name in ("ant photo.gif", "ANT.PNG", "ant 2.JPEG"):
        flat("RGB", (10, 200, 30)).save(tmp_path / "my ants" / name)
    dataset = FolderDataset(tmp_path)
    assert sorted(path.name for path, _ in dataset.samples) == ["ANT.PNG", "ant 2.JPEG", "ant photo.gif"]
    assert all(image.getpixel((5, 5))[1] > 190 for image, _ in dataset)


def test_hidden_folders_and_files_that_are_no_images_are_ignored(collection: Path) -> None:
    (collection / ".ipynb_checkpoints").mkdir()
    (collection / "bees" / "notes.txt").write_text("no image")
    (collection / "labels.csv").write_text("no class")
    dataset = FolderDataset(collection)
    assert dataset.classes == ["ants", "bees"] and len(dataset) == 60


def test_an_empty_class_folder_is_named(collection: Path) -> None:
    (collection / "wasps").mkdir()
    (collection / "wasps" / "readme.txt").write_text("images to come")
    with pytest.raises(FileNotFoundError, match="holds no images") as caught:
        FolderDataset(collection)
    assert str(collection / "wasps") in str(caught.value)


def test_a_missing_root_and_one_without_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no folder .*nowhere"):
        FolderDataset(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds no folders"):
        FolderDataset(tmp_path)


def test_classes_that_differ_between_train_and_val_are_refused(collection: Path) -> None:
    assert FolderDataset(collection, classes=["ants", "bees"]).classes == ["ants", "bees"]
    with pytest.raises(ValueError, match=r"missing \['wasps'\], unexpected \['bees'\]") as caught:
        FolderDataset(collection, classes=["ants", "wasps"])
    assert str(collection) in str(caught.value)


def test_a_broken_image_in_a_dataset_is_named_when_it_is_read(collection: Path) -> None:
    (collection / "ants" / "ants 05.png").write_bytes(b"")
    dataset = FolderDataset(collection)
    assert dataset[4][1] == 0
    with pytest.raises(ValueError, match="ants 05.png cannot be read"):
        dataset[5]


# -- split_folder -----------------------------------------------------------------------------------------------------


def test_every_image_is_copied_once_and_the_classes_keep_their_proportions(collection: Path, tmp_path: Path) -> None:
    counts = split_folder(collection, tmp_path / "split", FRACTIONS)
    assert counts == {
        "train": {"ants": 14, "bees": 28},
        "val": {"ants": 3, "bees": 6},
        "test": {"ants": 3, "bees": 6},
    }
    copies = [path for path in (tmp_path / "split").rglob("*") if path.is_file()]
    sources = {path.name: path for path in collection.rglob("*.png")}
    assert sorted(path.name for path in copies) == sorted(sources)
    for path in copies:
        assert path.read_bytes() == sources[path.name].read_bytes() and path.parent.name == path.name.split()[0]
    found = {split: len(FolderDataset(tmp_path / "split" / split)) for split in counts}
    assert found == {"train": 42, "val": 9, "test": 9}


def test_the_source_is_left_alone_and_nothing_else_is_left_behind(collection: Path, tmp_path: Path) -> None:
    before = listing(collection)
    split_folder(collection, tmp_path / "new" / "split", FRACTIONS)
    assert listing(collection) == before
    assert os.listdir(tmp_path / "new") == ["split"]


def test_the_same_seed_gives_the_same_split_and_another_seed_another(collection: Path, tmp_path: Path) -> None:
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        split_folder(collection, tmp_path / name, FRACTIONS, seed)
    assert listing(tmp_path / "first") == listing(tmp_path / "again") != listing(tmp_path / "other")


@pytest.mark.parametrize("seed", range(4))
def test_duplicates_go_to_the_same_split(seed: int, collection: Path, tmp_path: Path) -> None:
    for number in range(0, 20, 2):  # the same pixels under another name, in another compression or format
        image = load_rgb(collection / "ants" / f"ants {number:02}.png")
        image.save(collection / "ants" / f"copy {number}.png", compress_level=0)
        image.save(collection / "ants" / f"Z{number}.bmp")
    split_folder(collection, tmp_path / "split", FRACTIONS, seed)
    parts = [pixels_of((tmp_path / "split" / split / "ants").iterdir()) for split in FRACTIONS]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 20
    assert len(list((tmp_path / "split").rglob("ants/*"))) == 40


def test_blank_images_of_different_shape_are_no_duplicates(tmp_path: Path) -> None:
    for name, size in (("ants", (20, 10)), ("bees", (10, 20))):
        (tmp_path / "collection" / name).mkdir(parents=True)
        Image.new("RGB", size).save(tmp_path / "collection" / name / "1.png")
        noise(size[0]).save(tmp_path / "collection" / name / "2.png")
    counts = split_folder(tmp_path / "collection", tmp_path / "split", {"train": 0.5, "val": 0.5})
    assert counts == {"train": {"ants": 1, "bees": 1}, "val": {"ants": 1, "bees": 1}}


def test_the_same_image_in_two_classes_is_refused_with_both_paths(collection: Path, tmp_path: Path) -> None:
    load_rgb(collection / "ants" / "ants 03.png").save(collection / "bees" / "surely a bee.bmp")
    with pytest.raises(ValueError, match="more than one class folder.*\n.*ants 03.png = .*surely a bee.bmp"):
        split_folder(collection, tmp_path / "split", FRACTIONS)
    assert not (tmp_path / "split").exists()


def test_an_existing_target_is_refused_and_kept(collection: Path, tmp_path: Path) -> None:
    (tmp_path / "split").mkdir()
    (tmp_path / "split" / "work.txt").write_text("of last week")
    with pytest.raises(FileExistsError, match="split exists already"):
        split_folder(collection, tmp_path / "split", FRACTIONS)
    assert listing(tmp_path / "split") == ["work.txt"]


def test_an_unreadable_image_is_named_and_nothing_is_left_behind(collection: Path, tmp_path: Path) -> None:
    (collection / "bees" / "bees 39.png").write_bytes(b"not an image")
    with pytest.raises(ValueError, match="bees 39.png cannot be read"):
        split_folder(collection, tmp_path / "new" / "split", FRACTIONS)
    assert os.listdir(tmp_path) == ["collection"]


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_a_failure_in_the_middle_of_copying_leaves_nothing_behind(
    failure: BaseException, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(source: Path, folder: Path, copy2: Callable = shutil.copy2) -> None:
        if source.name == "bees 20.png":
            raise failure
        copy2(source, folder)

    monkeypatch.setattr(folders.shutil, "copy2", copy)
    with pytest.raises(type(failure)):
        split_folder(collection, tmp_path / "split", FRACTIONS)
    assert os.listdir(tmp_path) == ["collection"]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_class_too_small_for_every_split_is_named_and_nothing_is_written(
    count: int, collection: Path, tmp_path: Path
) -> None:
    (collection / "wasps").mkdir()
    for number in range(count):
        noise(number).save(collection / "wasps" / f"{number}.png")
    with pytest.raises(ValueError, match=f"Class 'wasps' has {count} images, too few"):
        split_folder(collection, tmp_path / "split", FRACTIONS)
    assert os.listdir(tmp_path) == ["collection"]


def test_tiny_classes_split_where_every_part_gets_one(tmp_path: Path) -> None:
    (tmp_path / "collection" / "wasps").mkdir(parents=True)
    for number in range(3):
        noise(number).save(tmp_path / "collection" / "wasps" / f"{number}.png")
    thirds = {"train": 1 / 3, "val": 1 / 3, "test": 1 / 3}
    counts = split_folder(tmp_path / "collection", tmp_path / "split", thirds)
    assert counts == {split: {"wasps": 1} for split in thirds}


@pytest.mark.parametrize("fractions", [{}, {"train": 0.7, "val": 0.2}, {"train": 1.2, "val": -0.2}, {"a": 1, "b": 0}])
def test_fractions_that_make_no_sense_are_refused(fractions: dict[str, float], collection: Path) -> None:
    with pytest.raises(ValueError, match="must be positive and add up to 1"):
        split_folder(collection, collection.parent / "split", fractions)
    assert not (collection.parent / "split").exists()
