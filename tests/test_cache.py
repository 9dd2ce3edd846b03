"""Checks of CachedImages: the pixels are those of the transforms, what is random repeats, in memory and in a file."""

import pickle
from pathlib import Path

import needs
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pictures import noise
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from course_utils import (
    CNN,
    CachedImages,
    FolderDataset,
    denormalize,
    eval_transform,
    fit,
    load_checkpoint,
)
from course_utils.data.transforms import MEAN, STD

# (height, width): wide, high, square, smaller than what is asked for, one the smallest that is not square, very long
SHAPES = [(60, 80), (80, 60), (64, 64), (9, 13), (37, 38), (12, 200)]


class Pictures(Dataset):
    """Pictures in memory; picture i has label i."""

    def __init__(self, images: list[Image.Image]):
        self.images, self.targets = images, list(range(len(images)))
        self.classes = [f"picture {number}" for number in self.targets]
        self.read = 0

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        image = self.images[index]
        self.read += 1
        return image, self.targets[index]


@pytest.fixture
def dataset() -> Pictures:
    return Pictures([noise(number, *shape) for number, shape in enumerate(SHAPES)])


@pytest.fixture
def folder(tmp_path: Path) -> FolderDataset:
    """Twelve pictures of two classes, in files."""
    for number in range(12):
        path = tmp_path / "collection" / ("ants" if number % 2 else "bees") / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(number, 20 + number, 30).save(path)
    return FolderDataset(tmp_path / "collection")


def ramp(size: int = 128) -> Image.Image:
    """Red tells where a pixel lay from left to right, green from top to bottom."""
    red = np.broadcast_to(np.linspace(0, 255, size, dtype=np.uint8), (size, size))
    return Image.fromarray(np.stack([red, red.T, 0 * red], axis=-1))


def images_of(cached: CachedImages, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    return torch.stack([image for image, _ in cached])


# -- without augmentation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [7, 32, 33, 64])
@pytest.mark.parametrize("where", ["memory", "file"])
def test_images_are_exactly_those_of_eval_transform(where: str, size: int, dataset: Pictures, tmp_path: Path) -> None:
    cached = CachedImages(dataset, size, file=tmp_path / "pixels" if where == "file" else None)
    assert len(cached) == len(SHAPES)
    for (image, label), (picture, expected_label) in zip(cached, dataset):
        assert (image.dtype, tuple(image.shape), label) == (torch.float32, (3, size, size), expected_label)
        assert torch.equal(image, eval_transform(size)(picture))


def test_nothing_is_random_without_augmentation(dataset: Pictures) -> None:
    cached = CachedImages(dataset, 32)
    state = torch.get_rng_state()
    assert torch.equal(cached[3][0], cached[3][0]) and torch.equal(torch.get_rng_state(), state)


def test_the_data_set_is_read_once(dataset: Pictures) -> None:
    cached = CachedImages(dataset, 16, augment=True)
    for _ in range(3):
        assert len(list(cached)) == len(SHAPES)
    assert dataset.read == len(SHAPES)


def test_classes_and_labels_are_those_of_the_data_set(folder: FolderDataset) -> None:
    cached = CachedImages(folder, 16)
    assert cached.classes == ["ants", "bees"] and cached.targets == [0] * 6 + [1] * 6
    assert [label for _, label in cached] == cached.targets


def test_several_at_once_are_the_same_as_one_by_one_and_may_be_changed(dataset: Pictures) -> None:
    cached = CachedImages(dataset, 16)
    before = images_of(cached)
    batch = cached.__getitems__([4, 0, 4])
    assert [label for _, label in batch] == [4, 0, 4]
    assert all(torch.equal(image, before[label]) for image, label in batch)
    for image, _ in batch:
        image.zero_()
    assert torch.equal(images_of(cached), before)


def test_images_are_counted_from_the_end_too(dataset: Pictures) -> None:
    cached = CachedImages(dataset, 16)
    assert cached[-1][1] == 5 and torch.equal(cached[-1][0], cached[5][0])
    assert cached[-6][1] == 0 and torch.equal(cached[-6][0], cached[0][0])


def test_an_image_that_there_is_not_is_an_index_error(dataset: Pictures) -> None:
    with pytest.raises(IndexError):
        CachedImages(dataset, 16)[6]


# -- with augmentation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [15, 32])
def test_augmented_images_have_shape_type_and_range(size: int, dataset: Pictures) -> None:
    for image, _ in CachedImages(dataset, size, augment=True):
        assert (image.dtype, tuple(image.shape)) == (torch.float32, (3, size, size))
    torch.manual_seed(0)
    for image, _ in CachedImages(Pictures([ramp()] * 5), size, augment=True):
        pixels = denormalize(image)
        assert 0 <= pixels[:2].min() < 0.3 and 0.7 < pixels[:2].max() <= 1 and (pixels[2] == 0).all()
        torch.testing.assert_close(v2.Normalize(MEAN, STD)(pixels), image)  # nothing was cut off at 0 or 1


def test_augmentation_differs_each_time_and_repeats_with_the_seed(dataset: Pictures) -> None:
    cached = CachedImages(dataset, 32, augment=True)
    first, other, again = images_of(cached, 1), images_of(cached, 2), images_of(cached, 1)
    assert torch.equal(first, again)
    assert not any(torch.equal(image, another) for image, another in zip(first, other))


def test_the_same_image_twice_in_a_batch_is_cropped_twice() -> None:
    torch.manual_seed(0)
    (first, _), (second, _) = CachedImages(Pictures([ramp()]), 32, augment=True).__getitems__([0, 0])
    assert not torch.equal(first, second) and not torch.equal(first, second.flip(2))


def test_augmentation_flips_about_half_and_keeps_at_least_half_of_the_area() -> None:
    torch.manual_seed(0)
    cached = CachedImages(Pictures([ramp()]), 64, augment=True)
    crops = denormalize(torch.stack([image for image, _ in cached.__getitems__([0] * 300)]))
    width = (crops[:, 0, 32, -1] - crops[:, 0, 32, 0]) * 64 / 63  # negative where flipped
    height = (crops[:, 1, -1, 32] - crops[:, 1, 0, 32]) * 64 / 63
    area = width.abs() * height
    assert 0.46 < area.min() < 0.6 and 0.8 < area.max() < 1.04
    assert 115 < (width < 0).sum() < 185  # within four standard deviations
    assert (height > 0).all()


# -- in a DataLoader --------------------------------------------------------------------------------------------------


def batches(cached: CachedImages, workers: int, seed: int = 0) -> list[list[torch.Tensor]]:
    torch.manual_seed(seed)
    context = "fork" if workers else None
    generator = torch.Generator().manual_seed(seed)
    return list(DataLoader(cached, 4, True, num_workers=workers, generator=generator, multiprocessing_context=context))


def test_a_loader_shuffles_and_repeats_with_the_seed(dataset: Pictures) -> None:
    cached = CachedImages(dataset, 16)
    expected = images_of(cached)
    found = batches(cached, workers=0)
    assert [len(images) for images, _ in found] == [4, 2]
    labels = torch.cat([labels for _, labels in found])
    assert sorted(labels.tolist()) == list(range(6)) != labels.tolist()
    assert torch.equal(torch.cat([images for images, _ in found]), expected[labels])
    assert labels.tolist() == torch.cat([labels for _, labels in batches(cached, workers=0)]).tolist()


@needs.fork
@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
@pytest.mark.parametrize("where", ["memory", "file"])
def test_workers_return_the_same_images_in_the_same_order(where: str, dataset: Pictures, tmp_path: Path) -> None:
    cached = CachedImages(dataset, 16, file=tmp_path / "pixels" if where == "file" else None)
    for (images, labels), (expected_images, expected_labels) in zip(batches(cached, 2), batches(cached, 0)):
        assert torch.equal(images, expected_images) and torch.equal(labels, expected_labels)


@needs.fork
@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_workers_augment_each_in_its_own_way_and_repeat_with_the_seed() -> None:
    cached = CachedImages(Pictures([ramp()] * 8), 16, augment=True)
    first, again = (torch.cat([images for images, _ in batches(cached, 2)]) for _ in range(2))
    assert torch.equal(first, again)
    assert len({image.numpy().tobytes() for image in first}) == 8


@pytest.mark.parametrize("where", ["memory", "file"])
def test_a_fit_broken_off_in_the_middle_resumes_to_the_same_weights(
    where: str, folder: FolderDataset, tmp_path: Path
) -> None:
    cached = CachedImages(folder, 16, augment=True, file=tmp_path / "pixels" if where == "file" else None)

    def run(seed: int, checkpoint: Path, break_off_after: int = 1000) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        calls = iter(range(break_off_after))

        def loss_fn(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return F.cross_entropy(outputs, targets)

        model = CNN(3, 2, widths=(4, 4, 4))
        loader = DataLoader(cached, 4, shuffle=True, generator=torch.Generator().manual_seed(seed))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        fit(model, loader, optimizer=optimizer, epochs=4, loss_fn=loss_fn, checkpoint=checkpoint, progress=False)
        return model.state_dict()

    whole = run(0, tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        run(0, tmp_path / "halves.pt", break_off_after=3 * 2 + 1)  # in the third epoch
    assert len(load_checkpoint(tmp_path / "halves.pt")["history"]) == 2
    resumed = run(99, tmp_path / "halves.pt")
    assert all(torch.equal(weight, resumed[name]) for name, weight in whole.items())


# -- in a file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("augment", [False, True])
def test_a_file_gives_the_same_images_as_memory(augment: bool, dataset: Pictures, tmp_path: Path) -> None:
    in_memory = CachedImages(dataset, 32, augment=augment)
    in_file = CachedImages(dataset, 32, augment=augment, file=str(tmp_path / "pixels"))
    for _ in range(2):
        assert torch.equal(images_of(in_memory), images_of(in_file))


@pytest.mark.parametrize(
    ("size", "shape", "expected", "about"),
    [(64, (96, 96), 73 * 73 * 3, 16_000), (224, (480, 640), 256 * 341 * 3, 260_000)],
    ids=["drawn", "photograph"],
)
def test_an_image_takes_as_many_bytes_as_documented(
    size: int, shape: tuple[int, int], expected: int, about: int, tmp_path: Path
) -> None:
    CachedImages(Pictures([noise(number, *shape) for number in range(3)]), size, file=tmp_path / "pixels")
    assert (tmp_path / "pixels").stat().st_size == 3 * expected == pytest.approx(3 * about, rel=0.02)


def test_using_the_images_does_not_change_the_file(dataset: Pictures, tmp_path: Path) -> None:
    cached = CachedImages(dataset, 16, augment=True, file=tmp_path / "pixels")
    before = (tmp_path / "pixels").read_bytes()
    for image, _ in cached:
        image.zero_()
    assert (tmp_path / "pixels").read_bytes() == before


def test_an_existing_file_is_overwritten(dataset: Pictures, tmp_path: Path) -> None:
    (tmp_path / "pixels").write_bytes(b"x" * 1_000_000)
    cached = CachedImages(dataset, 16, file=tmp_path / "pixels")
    assert (tmp_path / "pixels").stat().st_size < 100_000
    assert torch.equal(images_of(cached), images_of(CachedImages(dataset, 16)))


@needs.replaceable_files
def test_another_data_set_in_the_same_file_does_not_change_the_first(dataset: Pictures, tmp_path: Path) -> None:
    # as when the name of the training set's file is copied to the validation set's
    first = CachedImages(dataset, 16, file=tmp_path / "pixels")
    before = images_of(first)
    others = Pictures([noise(100 + number, *shape) for number, shape in enumerate(SHAPES)])
    CachedImages(others, 16, file=tmp_path / "pixels")
    assert torch.equal(images_of(first), before)


def test_a_data_set_that_cannot_be_read_whole_leaves_the_file_as_it_was(folder: FolderDataset, tmp_path: Path) -> None:
    # a cell run again and broken off: the data set of before still reads from the file, and may not lose its ground
    CachedImages(folder, 16, file=tmp_path / "pixels")
    before = (tmp_path / "pixels").read_bytes()
    folder.samples[5][0].write_bytes(b"")
    with pytest.raises(ValueError):
        CachedImages(folder, 16, file=tmp_path / "pixels")
    assert (tmp_path / "pixels").read_bytes() == before


def test_the_pixels_of_a_file_are_not_sent_to_every_worker(tmp_path: Path) -> None:
    # where workers are not forked (Windows, macOS), the data set is pickled for each
    cached = CachedImages(Pictures([ramp()] * 50), 64, augment=True, file=tmp_path / "pixels")
    content = pickle.dumps(cached)
    assert len(content) < (tmp_path / "pixels").stat().st_size / 4
    assert torch.equal(images_of(pickle.loads(content)), images_of(cached))


# -- what is refused --------------------------------------------------------------------------------------------------


def test_a_data_set_with_a_transform_is_refused(folder: FolderDataset, tmp_path: Path) -> None:
    folder.transform = eval_transform(16)
    with pytest.raises(ValueError, match="yields images of type Image, not PIL images. Make it without a transform"):
        CachedImages(folder, 16, file=tmp_path / "pixels")
    assert not (tmp_path / "pixels").exists()


@pytest.mark.parametrize("where", ["memory", "file"])
def test_a_broken_image_is_named(where: str, folder: FolderDataset, tmp_path: Path) -> None:
    path, _ = folder.samples[7]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"{path.name} cannot be read as an image"):
        CachedImages(folder, 16, file=tmp_path / "pixels" if where == "file" else None)


def test_a_folder_that_is_missing_for_the_file_is_named(dataset: Pictures, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        CachedImages(dataset, 16, file=tmp_path / "nowhere" / "pixels")
