"""Small pictures that the tests share."""

import io

import numpy as np
from PIL import Image


def noise(seed: int, height: int = 6, width: int = 8) -> Image.Image:
    """Every pixel random."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def flat(mode: str, colour: int | tuple[int, ...]) -> Image.Image:
    """16 x 16 pixels of one colour."""
    return Image.new(mode, (16, 16), colour)


def with_odd_notes(image: Image.Image) -> bytes:
    """A JPEG whose camera wrote that it is to be turned, and its resolution as a text instead of a number."""
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.0
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    rational, text = b"\x01\x1a\0\5", b"\x01\x1a\0\2"
    assert file.getvalue().count(rational) == 1
    return file.getvalue().replace(rational, text)
