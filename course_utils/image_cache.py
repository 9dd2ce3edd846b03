"""Images decoded once and augmented as batches. Lesson 06 builds it by hand."""

import io
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision.transforms import v2

from .transforms import random_crop, shrink, to_normalized


class CachedImages(Dataset):
    """A data set of images that is read, decoded and resized once; what is random is drawn anew each time.

    Give it to a `DataLoader` in place of the data set. Its shorter side resized to 8/7 of `size`, an image takes height
    * width * 3 bytes: 16 kB at size 64, 260 kB for a photograph at size 224.

    Attributes:
        classes, targets: those of the data set.
    """

    def __init__(self, dataset: Dataset, size: int, *, augment: bool = False, file: str | Path | None = None):
        """
        Args:
            dataset: yields (PIL RGB image, label), e.g. `hymenoptera("train")` without a transform.
            size: height and width of the images that are returned, float32 tensors (3, size, size), normalized.
            augment: crop and flip at random, as `train_transform(size)` does; otherwise cut out the centre, which gives
                the tensors of `eval_transform(size)`.
            file: hold the pixels there and not in memory: for data sets larger than memory. The system keeps as much of
                the file in memory as there is room for. An existing file is overwritten.

        Raises:
            ValueError: the data set has a transform of its own, or one of its images cannot be read.
        """
        if getattr(dataset, "transform", None) is not None:
            raise ValueError("Give CachedImages a data set without a transform; it has its own, see `augment`.")
        self.augment = augment
        self.classes, self.targets = dataset.classes, dataset.targets
        self._crop = random_crop(size) if augment else v2.CenterCrop(size)
        self._normalize = v2.Compose(to_normalized())
        self._shapes: list[tuple[int, int, int]] = []
        with open(file, "wb") if file else io.BytesIO() as store:
            for image, _ in dataset:
                pixels = np.asarray(shrink(size)(image))
                self._shapes.append(pixels.shape)
                store.write(pixels)
            pixels = None if file else np.frombuffer(store.getvalue(), np.uint8).copy()
        self._pixels = pixels if file is None else np.memmap(file, np.uint8, "c")
        self._starts = [0, *accumulate(height * width * 3 for height, width, _ in self._shapes)]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[tuple[torch.Tensor, int]]:
        """What a `DataLoader` asks for: all examples of a batch at once."""
        images = torch.stack([self._crop(self._image(index)) for index in indices])
        if self.augment:
            flipped = torch.rand(len(images)) < 0.5
            images[flipped] = images[flipped].flip(3)
        return [(image, self.targets[index]) for image, index in zip(self._normalize(images), indices)]

    def _image(self, index: int) -> torch.Tensor:
        pixels = self._pixels[self._starts[index] : self._starts[index + 1]].reshape(self._shapes[index])
        return torch.from_numpy(pixels).permute(2, 0, 1)
