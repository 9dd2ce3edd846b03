"""Masks are those of the pictures: redrawn, the same to the bit, and true of what is drawn."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import make_samples as maker
import numpy as np
import pytest
import torch
from drawing import scenery
from drawing.pen import Pen
from drawn import DATA, REMAKE
from PIL import Image
from torchvision.transforms import v2

from course_utils import FolderDataset, flowers, hymenoptera
from course_utils.data.masks import masks


def stored() -> dict[str, np.ndarray]:
    with np.load(DATA / "masks.npz") as arrays:
        return dict(zip(arrays["names"].tolist(), arrays["masks"]))


def mask_of(name: str, seed: int, **framing: float) -> tuple[np.ndarray, np.ndarray]:
    """Picture and mask of a thing that is not in the data set."""
    image, mask = scenery.picture_and_mask(maker.THINGS[name], random.Random(seed), scenery.Framing(**framing))
    return np.asarray(image).astype(int), np.asarray(mask)


def test_every_drawn_picture_has_a_mask_and_nothing_else_has() -> None:
    wanted = {*maker.picture_paths(), *(f"flowers/images/{name}" for name in maker.flower_files())}
    assert set(stored()) == wanted, REMAKE
    assert (DATA / "masks.npz").stat().st_size < 300_000


def test_masks_are_drawn_again_bit_for_bit() -> None:
    there = stored()
    drawn = {path: maker.insect(path)[1] for path in maker.picture_paths()[::60]}
    places = list(maker.flower_files().items())[::90]
    drawn |= {f"flowers/images/{name}": maker.flower(*place)[1] for name, place in places}
    changed = [name for name, mask in drawn.items() if not np.array_equal(maker.mask_bytes(mask), there[name])]
    assert not changed, f"masks of {changed} differ from the committed ones: {REMAKE}"


@pytest.mark.parametrize("name", maker.THINGS)
def test_a_thing_in_another_colour_changes_its_mask_and_nothing_else(name: str, monkeypatch) -> None:
    place, colours = scenery.place, itertools.cycle([(255, 0, 255), (0, 255, 0)])

    def place_in_colour(draw: Callable[[Pen], None], pen: Pen, framing: scenery.Framing) -> None:
        place(draw, pen, framing)
        colour = next(colours)
        pen.shapes = [(points, (*colour, alpha)) for points, (*_, alpha) in pen.shapes]

    def shrink(image: Image.Image, rng: random.Random, size: int) -> Image.Image:
        return image.resize((size, size), Image.Resampling.BOX)

    monkeypatch.setattr(scenery, "place", place_in_colour)
    monkeypatch.setattr(scenery, "photograph", shrink)
    monkeypatch.setattr(scenery, "lit", lambda image, rng, angle: image)
    for seed in range(4):
        (one, mask), (other, _) = (mask_of(name, seed, clutter=0, hidden=0) for _ in "12")
        change = np.abs(one - other).max(axis=2)
        assert (change[mask] > 40).mean() > 0.99, f"seed {seed}: the mask holds more than the thing"
        assert mask[change > 140].mean() > 0.99, f"seed {seed}: the thing reaches out of its mask"


def test_what_lies_in_front_is_cut_out_of_the_mask() -> None:
    visible = [(mask_of("ants", seed, hidden=0)[1], mask_of("ants", seed, hidden=1)[1]) for seed in range(6)]
    assert all((less <= all_of_it).all() for all_of_it, less in visible)
    assert sum(less.sum() < all_of_it.sum() for all_of_it, less in visible) >= 2


def test_masks_come_in_the_order_of_the_pictures() -> None:
    dataset, there = hymenoptera("val"), stored()
    found = masks(dataset)
    assert found.shape == (153, 96, 96) and found.dtype == torch.bool
    path, _ = dataset.samples[80]
    expected = there[path.relative_to(DATA).as_posix()]
    assert np.array_equal(np.packbits(found[80].numpy()), expected)
    assert masks(flowers("test")).shape == (180, 96, 96)


def test_masks_are_cropped_as_their_pictures_are() -> None:
    dataset = hymenoptera("test")
    assert torch.equal(masks(dataset, v2.CenterCrop(84)), masks(dataset)[:, 6:90, 6:90])


def test_a_photograph_has_no_mask(tmp_path: Path) -> None:
    (tmp_path / "ants").mkdir()
    Image.new("RGB", (96, 96)).save(tmp_path / "ants" / "ants_000.jpg")
    with pytest.raises(ValueError, match="ants_000.jpg has no mask: masks are known of the drawn pictures"):
        masks(FolderDataset(tmp_path))
