"""Where the thing is in a drawn picture, to the pixel. Lesson 16 judges heat maps by it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..downloads.manifest import locate
from .images import LabelledImages

SIDE = 96  # of the drawn pictures, px


def masks(dataset: LabelledImages, transform: Callable[[Image.Image], Image.Image] | None = None) -> torch.Tensor:
    """The masks of drawn pictures: True where an ant, a bee or a flower is to be seen, False elsewhere.

    They were made with the pictures, by tools/make_samples.py, and are exact up to the rounding to whole pixels: what
    lies in front of the thing hides it, and its shadow does not belong to it.

    Args:
        dataset: of the drawn pictures, such as `hymenoptera("val")` in the profile "sample".
        transform: resizes and crops each mask, a PIL image of mode "1" and 96 x 96 pixels, as was done to its picture.

    Returns:
        bool (n, height, width), in the order of the data set; 96 x 96 without a transform.

    Raises:
        ValueError: one of the images is no drawn picture of this course: of a photograph nobody knows the mask.
    """
    file = locate("masks")
    with np.load(file) as arrays:
        packed = dict(zip(arrays["names"].tolist(), arrays["masks"]))
    found = []
    for path, _ in dataset.samples:
        name = _name(Path(path), file.parent)
        if name not in packed:
            raise ValueError(
                f"{path} has no mask: masks are known of the drawn pictures in {file.parent} only, "
                "which hymenoptera(…) and flowers(…) return in the profile 'sample'."
            )
        pixels = np.unpackbits(packed[name]).reshape(SIDE, SIDE).astype(bool)
        found.append(pixels if transform is None else np.asarray(transform(Image.fromarray(pixels))) > 0)
    return torch.from_numpy(np.stack(found))


def _name(path: Path, data: Path) -> str | None:
    """The path from the data folder on, by which a mask is found."""
    path = path.resolve()
    return path.relative_to(data).as_posix() if path.is_relative_to(data) else None
