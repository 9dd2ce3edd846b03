"""Checks of FolderDataset and split_folder: odd and broken images, leaks, and what a failure leaves."""

import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path, PurePath

import needs
import numpy as np
import pytest
from pictures import flat, noise
from PIL import Image
from torchvision.datasets import ImageFolder

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


def left_out(root: Path) -> str:
    """What opening a folder warns of."""
    with pytest.warns(UserWarning, match="Left out of") as caught:
        FolderDataset(root)
    (warning,) = caught
    assert warning.filename == __file__  # it points at the line of the one who asked
    return str(warning.message).removeprefix(f"Left out of {root}: ")


def test_litter_of_systems_and_programs_is_left_out_quietly(collection: Path) -> None:
    for name in (".ipynb_checkpoints", "__MACOSX", "@eaDir", "bees/@eaDir", "bees/.ipynb_checkpoints", ".git"):
        (collection / name).mkdir()
        noise(0).save(collection / name / "image.png")
    for name in (
        ".DS_Store",
        "bees/.DS_Store",
        "bees/Thumbs.db",
        "bees/desktop.ini",
        "bees/._bees 01.png",
        "labels.csv",
    ):
        (collection / name).write_text("litter")
    with warnings.catch_warnings(action="error"):
        dataset = FolderDataset(collection)
    assert dataset.classes == ["ants", "bees"] and len(dataset) == 60


def test_images_in_subfolders_of_a_class_belong_to_it(collection: Path) -> None:
    for place in ("camera 2", "camera 2/april", "Camera 3"):
        (collection / "bees" / place).mkdir(parents=True, exist_ok=True)
        noise(len(place)).save(collection / "bees" / place / "bees 00.png")
    dataset = FolderDataset(collection)
    assert sorted(dataset.samples) == sorted((Path(path), label) for path, label in ImageFolder(collection).samples)
    names = [path.relative_to(collection / "bees").as_posix() for path, label in dataset.samples if label == 1]
    assert len(names) == 43 and names[0] == "Camera 3/bees 00.png"
    assert names[-2:] == ["camera 2/april/bees 00.png", "camera 2/bees 00.png"]


@pytest.mark.parametrize("ending", ["jfif", "jpe", "avif", "ppm", "jp2", "tga", "WEBP", "TIF"])
def test_pictures_of_other_kinds_are_read(ending: str, collection: Path) -> None:
    noise(0).save(collection / "ants" / f"another.{ending}")
    dataset = FolderDataset(collection)
    assert dataset.targets.count(0) == 21
    image, _ = dataset[[path.suffix for path, _ in dataset.samples].index(f".{ending}")]
    assert image.size == (8, 6)


def test_what_is_left_out_is_counted_and_named(collection: Path) -> None:
    for name in ("phone.heic", "notes.txt", "scan", "raw 1.nef", "raw 2.nef"):
        (collection / "bees" / name).write_bytes(b"...")
    noise(0).save(collection / "ants" / ".hidden.png")
    (collection / ".NET").mkdir()
    noise(0).save(collection / "forgotten.png")
    assert left_out(collection) == (
        "2 with hidden names (.NET, ants/.hidden.png); 1 beside the class folders (forgotten.png); "
        "5 without the ending of an image that can be read, such as .jpg (bees/notes.txt, bees/phone.heic, "
        "bees/raw 1.nef, …) (HEIC: save it as JPEG first)."
    )


@needs.links
def test_links_that_lead_nowhere_or_back_are_told_or_followed_once(collection: Path) -> None:
    (collection / "wasps").symlink_to("/not/mounted")
    (collection / "ants" / "gone.png").symlink_to(collection / "deleted.png")
    (collection / "bees" / "again").symlink_to(collection / "bees")
    (collection / "bees" / "all").symlink_to(collection)
    assert left_out(collection) == "2 behind links that lead nowhere (wasps, ants/gone.png)."
    (collection / "wasps").unlink()
    (collection / "wasps").symlink_to(collection / "ants")
    with pytest.warns(UserWarning, match="wasps/gone.png"):
        dataset = FolderDataset(collection)
    assert [dataset.targets.count(label) for label in range(3)] == [20, 40, 20]


def test_names_are_ordered_by_their_letters_on_every_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Ant_1", "army-ants", "Mehdiabadi", "kurokusa"):
        (tmp_path / name).mkdir()
        noise(0).save(tmp_path / name / "b.png")
        noise(0).save(tmp_path / name / "C.png")
    monkeypatch.setattr(PurePath, "__lt__", lambda path, other: str(path).lower() < str(other).lower())  # as Windows
    dataset = FolderDataset(tmp_path)
    assert dataset.classes == ["Ant_1", "Mehdiabadi", "army-ants", "kurokusa"]
    assert [path.name for path, _ in dataset.samples] == ["C.png", "b.png"] * 4


@needs.names_of_bytes
@pytest.mark.parametrize("where", ["熊猫", "ants/熊猫.png"])
def test_names_that_are_not_utf_8_are_refused_with_their_folder_and_a_cure(where: str, collection: Path) -> None:
    place = os.fsdecode(os.fsencode(collection) + b"/" + where.encode("gbk"))
    os.rename(collection / "ants" / "ants 00.png" if where.endswith(".png") else collection / "ants", place)
    with pytest.raises(ValueError, match="unzip -O GBK .* for Chinese.*convmv") as caught:
        FolderDataset(collection)
    assert str(caught.value).startswith(f"In {os.path.dirname(place)!r} is a name that is not UTF-8 text: b'\\xd0\\xdc")


def test_a_folder_of_splits_is_not_taken_for_classes(collection: Path, tmp_path: Path) -> None:
    split_folder(collection, tmp_path / "split", FRACTIONS)
    with pytest.raises(ValueError, match="holds splits, not classes: test, train, val. Open one, .*test"):
        FolderDataset(tmp_path / "split")


def test_an_empty_class_folder_is_named(collection: Path) -> None:
    (collection / "wasps").mkdir()
    (collection / "wasps" / "readme.txt").write_text("images to come")
    with pytest.raises(FileNotFoundError, match="holds no images") as caught:
        FolderDataset(collection)
    assert str(collection / "wasps") in str(caught.value) and "HEIC" not in str(caught.value)
    (collection / "wasps" / "readme.txt").rename(collection / "wasps" / "1.HEIC")
    with pytest.raises(FileNotFoundError, match=r"\(HEIC: save it as JPEG first\)\. Put some into it"):
        FolderDataset(collection)


def test_a_missing_root_and_one_without_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no folder .*nowhere"):
        FolderDataset(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds no folders"):
        FolderDataset(tmp_path)


def test_classes_that_differ_between_train_and_val_are_refused(collection: Path) -> None:
    assert FolderDataset(collection, classes=np.array(["ants", "bees"])).classes == ["ants", "bees"]
    with pytest.raises(ValueError, match=r"missing \['wasps'\], unexpected \['bees'\]") as caught:
        FolderDataset(collection, classes=["ants", "wasps"])
    assert str(collection) in str(caught.value)


def test_the_order_of_the_classes_may_be_another(collection: Path) -> None:
    dataset = FolderDataset(collection, classes=("bees", "ants"))
    assert dataset.classes == ["bees", "ants"] and dataset.class_to_idx == {"bees": 0, "ants": 1}
    assert dataset.targets == [0] * 40 + [1] * 20
    assert all(path.parent.name == dataset.classes[label] for path, label in dataset.samples)


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


def test_subfolders_are_copied_as_they_are(collection: Path, tmp_path: Path) -> None:
    (collection / "bees" / "camera 2").mkdir()
    for number in range(40):  # the names are those of other pictures
        noise(number).save(collection / "bees" / "camera 2" / f"bees {number:02}.png")
    (collection / "bees" / "phone.heic").write_bytes(b"...")
    with pytest.warns(UserWarning, match=r"Left out of .*phone.heic\) \(HEIC: save it as JPEG first\)\."):
        counts = split_folder(collection, tmp_path / "split", FRACTIONS)
    copies = [path for path in (tmp_path / "split").rglob("*") if path.is_file()]
    assert sum(part["bees"] for part in counts.values()) == 80 and len(copies) == 100
    for path in copies:
        original = collection.joinpath(*path.relative_to(tmp_path / "split").parts[1:])
        assert path.read_bytes() == original.read_bytes()


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


def test_names_that_only_look_the_same_are_explained(collection: Path) -> None:
    composed, decomposed = "K\u00e4fer", "Ka\u0308fer"
    shutil.copytree(collection / "bees", collection / decomposed)
    with pytest.raises(ValueError, match="look the same store their accents in two ways, NFC and NFD"):
        FolderDataset(collection, classes=["ants", "bees", composed])
    with pytest.raises(ValueError, match="are not those expected") as caught:
        FolderDataset(collection, classes=["ants", "bees"])
    assert "NFC" not in str(caught.value)


def test_an_existing_target_is_refused_and_kept(collection: Path, tmp_path: Path) -> None:
    (tmp_path / "split").mkdir()
    (tmp_path / "split" / "work.txt").write_text("of last week")
    with pytest.raises(FileExistsError, match="split exists already"):
        split_folder(collection, tmp_path / "split", FRACTIONS)
    assert listing(tmp_path / "split") == ["work.txt"]


def test_a_target_inside_the_source_would_become_a_class_and_is_refused(collection: Path) -> None:
    with pytest.raises(ValueError, match="split lies in .*, where it would be taken for a class"):
        split_folder(collection, collection / "split", FRACTIONS)
    assert not (collection / "split").exists()


def test_an_unreadable_image_is_named_and_nothing_is_left_behind(collection: Path, tmp_path: Path) -> None:
    (collection / "bees" / "bees 39.png").write_bytes(b"not an image")
    with pytest.raises(ValueError, match="bees 39.png cannot be read"):
        split_folder(collection, tmp_path / "new" / "split", FRACTIONS)
    assert os.listdir(tmp_path) == ["collection"]


def test_of_many_unreadable_images_five_are_named_and_all_are_counted(collection: Path, tmp_path: Path) -> None:
    for number in range(7):
        (collection / "ants" / f"ants {number:02}.png").write_bytes(b"not an image")
    with pytest.raises(ValueError, match=r"(?s)as images: 7\n.*ants 00.png .*ants 04.png .*\n  and 2 more$") as caught:
        split_folder(collection, tmp_path / "split", FRACTIONS)
    assert str(caught.value).count("\n") == 6


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


def test_a_class_of_copies_is_told_that_copies_stay_together(tmp_path: Path) -> None:
    (tmp_path / "collection" / "ants").mkdir(parents=True)
    for number in range(10):
        noise(number == 0).save(tmp_path / "collection" / "ants" / f"{number}.png")
    copies = "10 images, of which only 2 differ \\(copies go to the same split\\), too few to give"
    with pytest.raises(ValueError, match=f"Class 'ants' has {copies} .* any. Add images"):
        split_folder(tmp_path / "collection", tmp_path / "split", FRACTIONS)


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
