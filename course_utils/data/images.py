"""Reading image files. Lesson 01 uses `load_rgb`, lesson 08 builds the data sets on top of it."""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from torch.utils.data import Dataset

EXTENSIONS = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"}
# what Pillow raises on bad files; the last two on odd notes of a camera
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, TypeError, struct.error)


def load_rgb(path: str | Path) -> Image.Image:
    """Open an image file as RGB, whatever its mode: grey, palette, CMYK, 16-bit, or with an alpha channel.

    Transparent parts become white, 16-bit values are divided by 256, and a camera's rotation mark is obeyed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, truncated or not an image; the message names it.
    """
    try:
        with Image.open(path) as image:
            return to_rgb(image)
    except FileNotFoundError:
        raise
    except UNREADABLE as error:
        raise ValueError(f"{path} cannot be read as an image ({error}). Replace the file or delete it.") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Decode an opened image, of an animation the first picture, and convert it as `load_rgb` says.

    Raises:
        one of UNREADABLE: it is truncated or damaged.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) // 256).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


class LabelledImages(Dataset):
    """Image files with labels; what `FolderDataset` and `AnnotationDataset` have in common.

    Attributes:
        classes: class names; label `i` means `classes[i]`.
        class_to_idx: the same the other way round.
        samples: list of (path, label).
        targets: the labels alone.
        transform: called with each PIL RGB image.
    """

    def __init__(self, samples: Sequence[tuple[Path, int]], classes: Sequence[str], transform: Callable | None = None):
        self.samples, self.classes, self.transform = list(samples), list(classes), transform
        self.class_to_idx = {name: label for label, name in enumerate(self.classes)}
        self.targets = [label for _, label in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple:
        path, label = self.samples[index]
        image = load_rgb(path)
        return (self.transform(image) if self.transform else image), label
