"""Images decoded once and augmented as batches. Lesson 06 trains with it."""

import io
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as F

from ..basics.files import replacing
from .images import to_rgb
from .loaders import SizedDataset
from .transforms import MEAN, STD, random_crop, shrink


class CachedImages(Dataset):
    """A data set of images that is read, decoded and resized once; what is random is drawn anew each time.

    Give it to a `DataLoader` in place of the data set. Its shorter side resized to 8/7 of `size`, an image takes height
    * width * 3 bytes: 16 kB at size 64, 260 kB for a photograph at size 224.

    Attributes:
        classes: those of the data set, if it has any.
        targets: its labels.
    """

    def __init__(self, dataset: SizedDataset, size: int, *, augment: bool = False, file: str | Path | None = None):
        """
        Args:
            dataset: yields (PIL image, label), e.g. `hymenoptera("train")` without a transform; what is not RGB yet
                becomes so as by `load_rgb`.
            size: height and width of the images that are returned, float32 tensors (3, size, size), normalized.
            augment: crop and flip at random, as `train_transform(size)` does; otherwise cut out the centre, which gives
                the tensors of `eval_transform(size)`.
            file: hold the pixels there and not in memory: for data sets larger than memory. The system keeps as much of
                the file in memory as there is room for. An existing file is replaced.

        Raises:
            ValueError: the data set yields no PIL images, or one of them cannot be read.
        """
        self.augment = augment
        self.classes = getattr(dataset, "classes", None)
        self.targets: list[int] = []
        self._size, self._crop = size, random_crop(size)
        self._shapes: list[tuple[int, int, int]] = []
        self._file = Path(file) if file else None
        if self._file is None:
            memory = io.BytesIO()
            self._fill(memory, dataset, size)
            self._pixels = np.frombuffer(memory.getbuffer(), np.uint8)
        else:
            with replacing(self._file) as store:  # another cache may be reading the old one
                self._fill(store, dataset, size)
            self._open(self._file)
        self._starts = [0, *accumulate(height * width * 3 for height, width, _ in self._shapes)]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[tuple[torch.Tensor, int]]:
        """What a `DataLoader` asks for: all examples of a batch at once."""
        images = torch.stack([self._cut(self._image(index)) for index in indices])
        if self.augment:
            flipped = torch.rand(len(images)) < 0.5
            images[flipped] = images[flipped].flip(3)
        images = F.normalize(F.to_dtype(images, torch.float32, scale=True), MEAN, STD, inplace=True)
        return [(image, self.targets[index]) for image, index in zip(images, indices)]

    def __getstate__(self) -> dict[str, Any]:
        """Without the pixels of a file: a loader's worker opens it for itself."""
        return vars(self) | ({} if self._file is None else {"_pixels": None})

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self._file is not None:
            self._open(self._file)

    def _fill(self, store: IO[bytes], dataset: SizedDataset, size: int) -> None:
        for index in range(len(dataset)):
            image, label = dataset[index]
            if not isinstance(image, Image.Image):
                raise ValueError(
                    f"The data set yields images of type {type(image).__name__}, not PIL images. "
                    "Make it without a transform; CachedImages has its own, see `augment`."
                )
            try:
                image = to_rgb(image)
            except ValueError as error:
                raise ValueError(f"Image {index} of the data set cannot be used: {error}.") from error
            pixels = np.asarray(shrink(size)(image))
            self._shapes.append(pixels.shape)
            self.targets.append(label)
            store.write(pixels.data)

    def _cut(self, image: torch.Tensor) -> torch.Tensor:
        if not self.augment:
            return F.center_crop(image, [self._size, self._size])
        return F.resized_crop(image, **self._crop.make_params([image]), size=self._crop.size)

    def _open(self, file: Path) -> None:
        self._pixels = np.memmap(file, np.uint8, "c")

    def _image(self, index: int) -> torch.Tensor:
        index = range(len(self))[index]  # from the end if negative; IndexError beyond
        pixels = self._pixels[self._starts[index] : self._starts[index + 1]].reshape(self._shapes[index])
        return torch.from_numpy(pixels).permute(2, 0, 1)
