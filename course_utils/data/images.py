"""Reading image files. Lesson 01 uses `load_rgb`, lesson 08 builds the data sets on top of it."""

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from ..basics.files import naming

# of what Pillow reads: the usual kinds of pictures
EXTENSIONS = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp", ".dib", ".webp", ".avif", ".tif", ".tiff"),
    *(".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico"),
}
HEIC = {".heic", ".heif"}
MAX_RATIO = 50  # of the sides: resizing the shorter one of 1 x 100,000 pixels would fill the memory
# what Pillow raises on bad files; the last three on odd notes of a camera, RuntimeError on damaged AVIF
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError),
    *(TypeError, AttributeError, struct.error),
)
ORIENTATION, UPRIGHT = 0x0112, 1  # a camera's mark: how it was held
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnreadableImage(ValueError):
    """A file that is empty, damaged or no image. The message names it."""


def heic_hint(names: Iterable[str | Path]) -> str:
    """What to do where one of the files is HEIC, as telephones write it and Pillow does not read it; else nothing."""
    return " (HEIC: save it as JPEG first)" * any(Path(name).suffix.lower() in HEIC for name in names)


def load_rgb(path: str | Path | IO[bytes]) -> Image.Image:
    """Open an image file as RGB, whatever its mode: grey, palette, CMYK, 16-bit, or with an alpha channel.

    Transparent parts become white, 16-bit values are divided by 256, and a camera's rotation mark is obeyed.

    Args:
        path: where it is, or the file itself, open for reading bytes.

    Raises:
        OSError: there is no such file, or the system cannot read it.
        UnreadableImage: the file is empty, damaged or not an image; or it holds numbers of which nothing says how
            bright they are, or is very narrow, see `to_rgb`. The message names it.
    """
    try:
        with naming(path), Image.open(path) as image:
            return to_rgb(image)
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the system: nothing is known of the image
            raise
        raise UnreadableImage(f"{path} cannot be read as an image ({error}). Replace the file or delete it.") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Decode an opened image, of an animation the first picture, and convert it as `load_rgb` says.

    What was noted beside the pixels (`info`) is left behind: it would not be true of the new picture.

    Raises:
        one of UNREADABLE: it is truncated or damaged.
        ValueError: one side is more than `MAX_RATIO` times as long as the other; or its pixels are 32-bit numbers, or
            16-bit ones that use 12 bits at most, so that black or white would be guesswork.
    """
    width, height = image.size
    if max(width, height) > MAX_RATIO * min(width, height):
        raise ValueError(f"{width} x {height} pixels are too narrow, cut something out of them")
    image.load()
    turn = _turn(image)
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if turn is not None:
        image = image.transpose(turn)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    image.info.clear()
    return image


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How to turn an image so that it stands as the camera saw it.

    Pillow's `exif_transpose` also writes all notes of the camera anew, and fails where one of them is odd.
    """
    try:
        return TURNS.get(image.getexif().get(ORIENTATION, UPRIGHT))
    except UNREADABLE:  # the notes are damaged, the pixels are not
        return None


def _eight_bits(image: Image.Image) -> Image.Image:
    if not (image.mode.startswith("I;16") or image.format == "PPM"):  # Pillow spreads the values of PPM over 16 bits
        raise ValueError(
            "its pixels are 32-bit numbers, and nothing says which one is white: scale them to 0 … 255 and save it "
            "with 8 bits"
        )
    values = np.asarray(image)
    if 0 < values.max() < 4096:
        raise ValueError(
            f"its pixels have 16 bits and reach {values.max()} of 65535, all but black: if they hold 12 bits or fewer, "
            "scale them to 0 … 255 and save it with 8 bits"
        )
    grey = (values // 256).astype(np.uint8)
    grey[values == image.info.get("transparency")] = 255
    return Image.fromarray(grey)


class LabelledImages(Dataset):
    """Image files with labels; what `FolderDataset` and `AnnotationDataset` have in common.

    Attributes:
        classes: class names; label `i` means `classes[i]`.
        class_to_idx: the same the other way round.
        samples: list of (path, label).
        targets: the labels alone.
        transform: called with each PIL RGB image.

    Raises:
        ValueError: two classes have the same name.
    """

    def __init__(self, samples: Sequence[tuple[Path, int]], classes: Sequence[str], transform: Callable | None = None):
        self.samples, self.classes, self.transform = list(samples), [str(name) for name in classes], transform
        doubled = [name for name, count in Counter(self.classes).items() if count > 1]
        if doubled:
            raise ValueError(f"More than one class is named {', '.join(map(repr, doubled))}. Give each its own name.")
        self.class_to_idx = {name: label for label, name in enumerate(self.classes)}
        self.targets = [label for _, label in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple:
        path, label = self.samples[index]
        image = load_rgb(path)
        return (self.transform(image) if self.transform else image), label
