"""Small pictures that the tests share."""

import numpy as np
from PIL import Image


def noise(seed: int, height: int = 6, width: int = 8) -> Image.Image:
    """Every pixel random."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def flat(mode: str, colour: int | tuple[int, ...]) -> Image.Image:
    """16 x 16 pixels of one colour."""
    return Image.new(mode, (16, 16), colour)
