"""The image data sets of the course, one function each; the profile decides between sample and real data."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torchvision.datasets import MNIST

from ..basics import course
from ..downloads.manifest import locate
from .folders import FolderDataset
from .images import LabelledImages
from .lists import AnnotationDataset, read_utf8
from .scan import SPELLINGS, class_names, look_like_classes, subfolders


def hymenoptera(split: str, transform: Callable | None = None) -> FolderDataset:
    """Ants and bees.

    sample: drawn pictures, 244 "train" / 153 "val" / 150 "test". full: the photographs of PyTorch's transfer learning
    tutorial (https://download.pytorch.org/tutorial/hymenoptera_data.zip), 245 files (one a GIF) / 153, no "test" split.

    Raises:
        ValueError: unknown split, or the split's class folders are not those of "train".
        FileNotFoundError: the data set is not in the data folder; the message says how to get it.
    """
    root = locate("hymenoptera")
    _check_split(split, subfolders(root))
    classes = None if split == "train" else class_names(root / "train")
    return FolderDataset(root / split, transform, classes)


def flowers(split: str, transform: Callable | None = None) -> LabelledImages:
    """Flowers of several kinds, some rare; `classes` are their names.

    They are laid out as lists, see `open_split`. sample: 880 drawn pictures of ten classes, 520 / 180 / 180.

    Raises:
        ValueError: unknown split, the lists do not agree with the pictures, or a class id has no name.
        FileNotFoundError: the data set is not in the data folder.
    """
    _check_split(split, ["test", "train", "val"])
    return open_split(locate("flowers"), split, transform)


def open_split(
    root: str | Path, split: str, transform: Callable | None = None, classes: Sequence[str] | None = None
) -> LabelledImages:
    """A split of a data set on disk, laid out in either of two ways.

    Folders: `root/SPLIT` holds one folder of images per class. Lists: `root/SPLIT.txt` lists images in `root/images`
    with their labels; `classes.txt` holds the class ids in the order of the labels, one a line, and `cat_to_name.json`
    the name of each id. All are UTF-8. Where there are both, the folders are taken. SPLIT may also be spelled as in
    `SPELLINGS`: `valid` or `validation` for "val", `training` for "train", `testing` for "test".

    Args:
        transform: called with each PIL RGB image.
        classes: class names that must be found, usually those of the training split.

    Raises:
        FileNotFoundError: there is no such split, it holds no images, or a file of the lists is missing.
        ValueError: the split is there under two names, the classes are not those of `classes`, a list does not agree
            with the pictures, or a class id has no name, or one that is not its own.
    """
    root = Path(root)
    names = SPELLINGS.get(split, (split,))
    folder = _only([root / name for name in names if (root / name).is_dir()])
    if folder:
        return FolderDataset(folder, transform, classes)
    annotations = _only([root / f"{name}.txt" for name in names if (root / f"{name}.txt").is_file()])
    if not annotations:
        others = f" ({', '.join(names[1:])} will do, too)" if names[1:] else ""
        there = subfolders(root) if root.is_dir() else []
        cure = f"If one of them is this split, rename it {split}."
        if look_like_classes(root, there):
            cure = "If these are your classes, divide them first: split_folder, lesson 01."
        listing = f" Folders that are there: {', '.join(there)}. {cure}" if there else ""
        raise FileNotFoundError(
            f"{root} has no split {split!r}: neither a folder {split}{others} that holds one folder of images per "
            f"class, nor a list {split}.txt.{listing}"
        )
    found = _listed_classes(root)
    if classes is not None and list(classes) != found:
        raise ValueError(f"The classes of {root} are {found}, expected were {list(classes)}.")
    return AnnotationDataset(root / "images", annotations, transform, found)


def _only(paths: list[Path]) -> Path | None:
    """The one path, if any. Two names for one split may be two halves, or two versions: nobody can know."""
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths)
        raise ValueError(f"{paths[0].parent} has one split under two names, {names}. Keep one, or rename the other.")
    return paths[0] if paths else None


def _listed_classes(root: Path) -> list[str]:
    """The class names of a data set that is laid out as lists."""
    ids_file, file = root / "classes.txt", root / "cat_to_name.json"
    for needed in (ids_file, file):
        if not needed.is_file():
            raise FileNotFoundError(
                f"There is no {needed}. The lists of images need classes.txt, with the class ids in the order of the "
                'labels, one a line, and cat_to_name.json, with their names, {"id": "name", …}.'
            )
    try:
        names = json.loads(read_utf8(file))
    except json.JSONDecodeError as error:
        raise ValueError(f"{file} is no JSON ({error}).") from error
    lines = [line.strip() for line in read_utf8(ids_file).splitlines()]
    class_ids = [line for line in lines if line]
    if not isinstance(names, dict):
        raise ValueError(f'{file} holds no names by class id. It should read: {{"id": "name", …}}.')
    nameless = [repr(class_id) for class_id in class_ids if not isinstance(names.get(class_id), str)]
    if nameless:
        raise ValueError(
            f"{file} has no name for the class ids {', '.join(nameless)} of classes.txt. Add them, as texts in quotes."
        )
    return [names[class_id] for class_id in class_ids]


def load_digits28(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """MNIST's handwritten digits: images float32 (n, 1, 28, 28) in [0, 1], labels int64 (n,) from 0 to 9.

    sample: 2,000 "train" and 500 "val" of MNIST's training file, 1,000 "test" of its test file, every class equally
    often. full: all of it, 55,000 / 5,000 / 10,000.

    Raises:
        ValueError: unknown split.
        FileNotFoundError: full profile, and MNIST is not in the data folder, or damaged; the message says what to do.
    """
    _check_split(split, ["test", "train", "val"])
    images, labels = course.current().pick(sample=_chosen_digits, full=_mnist)(split)
    return images.unsqueeze(1).float() / 255, labels.long()


def _chosen_digits(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    with np.load(locate("mnist") / "digits.npz") as arrays:
        return torch.from_numpy(arrays[f"{split}_images"]), torch.from_numpy(arrays[f"{split}_labels"])


def _mnist(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    locate("mnist")
    root = course.current().data_dir
    try:
        mnist = MNIST(root, train=split != "test", download=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise FileNotFoundError(
            f"MNIST in {Path(root, 'MNIST', 'raw')} cannot be read ({error}). "
            "Get it again with: python -m course_utils.downloads mnist"
        ) from error
    part = {"train": slice(55_000), "val": slice(55_000, None), "test": slice(None)}[split]
    return mnist.data[part], mnist.targets[part]


def _check_split(split: str, splits: list[str]) -> None:
    if split not in splits:
        raise ValueError(f"There is no split {split!r}. Choose one of: {', '.join(splits)}.")
