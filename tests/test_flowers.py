"""Checks of the drawn flowers: they can be made again byte for byte, and no colour gives their classes away.

`pytest -s tests/test_flowers.py` also prints what the simple classifiers reach.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable

import make_samples as maker
import numpy as np
import pytest
from drawing import source_classes as source
from drawn import DATA, REMAKE, Features, colour_histogram, fit_simple_classifier, mean_and_spread, small_pixels
from PIL import Image

FLOWERS = DATA / "flowers"
SPLITS = ("train", "val", "test")
LIMIT = 0.3  # colours or border pixels alone must stay below this accuracy; always "spring crocus" gives 0.17


@pytest.fixture(scope="module")
def lists() -> dict[str, dict[str, int]]:
    """For each split the label of every file it names."""
    return {split: read_list(split) for split in SPLITS}


@pytest.fixture(scope="module")
def pictures(lists: dict[str, dict[str, int]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each split its pictures (count, 96, 96, 3) and their labels."""
    return {split: (read_images(labels), np.array([*labels.values()])) for split, labels in lists.items()}


def read_images(names: Iterable[str]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(FLOWERS / "images" / name)) for name in names])


def read_list(split: str) -> dict[str, int]:
    lines = (FLOWERS / f"{split}.txt").read_text(encoding="utf-8").splitlines()
    strange = [line for line in lines if not re.fullmatch(r"image_\d{5}\.jpg \d", line)]
    assert not strange, f"{split}.txt has lines that are not 'image_00001.jpg 3', such as {strange[:3]}: {REMAKE}"
    pairs = [line.split(" ") for line in lines]
    return {name: int(label) for name, label in pairs}


def test_files_are_exactly_those_that_are_made() -> None:
    found = {path.relative_to(FLOWERS).as_posix() for path in FLOWERS.rglob("*") if path.is_file()}
    expected = {f"images/{name}" for name in maker.flower_files()} | set(maker.flower_texts())
    assert found == expected, f"missing or foreign files {sorted(found ^ expected)[:5]}: {REMAKE}"


def test_pictures_are_drawn_again_byte_for_byte() -> None:
    spread = list(maker.flower_files().items())[::23]
    changed = [name for name, place in spread if maker.flower_bytes(*place) != (FLOWERS / "images" / name).read_bytes()]
    assert not changed, f"{len(changed)} pictures differ from the committed ones, such as {changed[:3]}: {REMAKE}"


def test_lists_and_names_are_made_again_byte_for_byte() -> None:
    texts = maker.flower_texts()
    changed = [name for name, text in texts.items() if (FLOWERS / name).read_bytes() != text.encode()]
    assert not changed, f"{changed} differ from the committed ones: {REMAKE}"


def test_every_picture_is_in_exactly_one_list(lists: dict[str, dict[str, int]]) -> None:
    listed = Counter(name for labels in lists.values() for name in labels)
    twice = [name for name, times in listed.items() if times > 1]
    assert not twice, f"{twice[:5]} are in two splits: val and test would be seen in training; {REMAKE}"
    found = {path.name for path in (FLOWERS / "images").iterdir()}
    assert set(listed) == found, f"listed or found, not both: {sorted(set(listed) ^ found)[:5]}: {REMAKE}"


def test_counts_and_sizes(pictures: dict) -> None:
    counts = {split: np.bincount(labels).tolist() for split, (_, labels) in pictures.items()}
    expected = {"train": [88, 24, 63, 35, 76, 21, 52, 41, 90, 30], "val": [30, 8, 22, 12, 26, 8, 18, 14, 31, 11]}
    expected["test"] = expected["val"]
    assert counts == expected, f"pictures of each label {counts}: {REMAKE}"
    assert all(images.shape[1:] == (96, 96, 3) for images, _ in pictures.values()), f"not 96 x 96 px in RGB: {REMAKE}"
    size = sum(path.stat().st_size for path in (FLOWERS / "images").iterdir())
    assert size < 4_000_000, f"the pictures take {size} bytes: lower the JPEG quality in tools/drawing/scenery.py"


def test_label_id_and_name_are_three_things() -> None:
    ids = (FLOWERS / "classes.txt").read_text(encoding="utf-8").split()
    names = json.loads((FLOWERS / "cat_to_name.json").read_text(encoding="utf-8"))
    assert ids == sorted(names), f"classes.txt must list the ids of cat_to_name.json, sorted as text: {REMAKE}"
    assert ids != sorted(names, key=int), "ids whose order as text and as numbers agree teach lesson 08 nothing"
    assert len(set(names.values())) == 10, f"two classes share a name: {REMAKE}"
    tempting = [names.get(str(label)) == names[flower_id] for label, flower_id in enumerate(ids)]
    assert sum(tempting) == 1, f"names[str(label)] is to be right for one class only, by chance, not {sum(tempting)}"


def test_label_is_the_place_of_the_id(lists: dict[str, dict[str, int]]) -> None:
    ids = (FLOWERS / "classes.txt").read_text(encoding="utf-8").split()
    for name, (split, flower_id, _) in maker.flower_files().items():
        assert ids[lists[split][name]] == flower_id, f"{name} shows class {flower_id}, its label says another: {REMAKE}"


def test_classes_are_mixed_in_the_numbering(lists: dict[str, dict[str, int]]) -> None:
    labels = list(lists["train"].values())
    first = Counter(labels[:130])
    assert len(first) == 10, f"the first quarter of train.txt knows only labels {sorted(first)}: {REMAKE}"


@pytest.mark.parametrize("features", [mean_and_spread, colour_histogram, small_pixels])
def test_classes_cannot_be_told_by(features: Features, pictures: dict) -> None:
    model = fit_simple_classifier(features, *pictures["train"])
    reached = {split: model.score(features(pictures[split][0]), pictures[split][1]) for split in ("val", "test")}
    result = f"{features.__name__}: val {reached['val']:.1%}, test {reached['test']:.1%}"
    print(result)
    assert max(reached.values()) < LIMIT, (
        f"{result}, limit {LIMIT:.0%}: flowers must differ in shape only, so let tools/drawing/flowers.py take all "
        f"colours from tools/drawing/flower_parts.py; then {REMAKE}"
    )


def test_source_pictures_are_the_same_each_time_and_on_any_process() -> None:
    once = list(source.source_pictures(1, "train", 64))
    backwards = list(source.source_pictures(1, "train", 64, lambda work, numbers: map(work, reversed(numbers))))
    assert [label for _, label in once] == list(range(len(source.SOURCE_CLASSES))), "each class once, in order"
    assert {image.shape for image, _ in once} == {(64, 64, 3)}, "not 64 x 64 px in RGB"
    same = all(np.array_equal(image, other) for (image, _), (other, _) in zip(once, reversed(backwards)))
    assert same, "a source picture depends on those before it: draw each from its own seed"


def test_source_classes_hold_nothing_of_the_lessons() -> None:
    drawn = {draw for draw, _ in source.SOURCE_CLASSES.values()}
    taught = {*maker.THINGS.values(), *(flower.draw for flower in maker.FLOWERS.values())}
    assert len(drawn) >= 23, f"only {len(drawn)} source classes: pretraining needs more variety"
    assert not drawn & taught, "pretraining on ants, bees or the ten flowers would give lessons 06 to 08 away"
