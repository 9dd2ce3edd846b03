"""Second and later epochs of loading training images: decoded once (`CachedImages`) against decoded in every epoch.

The usual way is torchvision's ImageFolder with the transforms of the transfer-learning tutorial: open the file, crop at
random, flip, make a tensor, normalize, image by image. Both ways go through a DataLoader without workers. The sample
pictures are used at 64 px and, where COURSE_DATA_DIR has them, the photographs at 224 px.
"""

import os
import tempfile
import time
from functools import partial
from pathlib import Path

from rounds import ratio, seconds, take_turns
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

from course_utils import CachedImages, hymenoptera, setup, train_transform

ROUNDS = 5


def seconds_of(loader: DataLoader) -> float:
    start = time.perf_counter()
    for _ in loader:
        pass
    return time.perf_counter() - start


def loaders(size: int, file: Path) -> dict[str, DataLoader]:
    dataset = hymenoptera("train")
    contestants = {
        "ImageFolder, decoded every time": ImageFolder(dataset.root, train_transform(size)),
        "decoded once, in memory": CachedImages(dataset, size, augment=True),
        "decoded once, in a file (larger than memory)": CachedImages(dataset, size, augment=True, file=file),
    }
    return {name: DataLoader(images, batch_size=32, shuffle=True) for name, images in contestants.items()}


def compare(what: str, size: int) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        contestants = loaders(size, Path(folder, "pixels"))
        rounds = take_turns({name: partial(seconds_of, loader) for name, loader in contestants.items()}, ROUNDS)
        megabytes = Path(folder, "pixels").stat().st_size / 1e6
        del contestants
    rows, (usual, *_) = [], rounds[0]
    for name in rounds[0]:
        gain = ratio(rounds, usual, over=name)
        row = {"what": f"an epoch of loading {what}: {name}", "figure": f"{seconds(rounds, name):.3f} s", "ratio": gain}
        if name != usual:
            row["what"] += f", {megabytes:.0f} MB"
            row |= {"goal": "at least 4× as fast", "met": gain >= 4}
        rows.append(row)
    return rows


def measure() -> list[dict]:
    setup(profile="sample")
    rows = compare("244 pictures at 64 px", 64)
    if Path(os.environ.get("COURSE_DATA_DIR", "nowhere"), "hymenoptera_data").is_dir():
        setup(profile="full")
        rows += compare("the photographs at 224 px", 224)
    return rows
