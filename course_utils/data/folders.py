"""Images in one folder per class: reading them, splitting them. Lesson 01 uses it, lesson 08 builds the data set."""

import hashlib
import random
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .images import EXTENSIONS, LabelledImages, load_rgb


class FolderDataset(LabelledImages):
    """Images sorted into one folder per class, labelled by the position of the folder's name in sorted order.

    Samples are sorted by label, then by path; attributes as in `LabelledImages`.
    """

    def __init__(self, root: str | Path, transform: Callable | None = None, classes: Sequence[str] | None = None):
        """
        Args:
            root: folder that holds one folder per class.
            transform: called with each PIL RGB image.
            classes: class names that must be found, usually `train_dataset.classes` when opening another split.

        Raises:
            FileNotFoundError: `root` is missing, holds no class folder, or a class folder holds no image.
            ValueError: the class folders are not those of `classes`.
        """
        self.root, found = Path(root), class_names(root)
        if classes is not None and list(classes) != found:
            missing, extra = sorted(set(classes) - set(found)), sorted(set(found) - set(classes))
            raise ValueError(
                f"The class folders of {self.root} are not those expected: missing {missing}, unexpected {extra}. "
                "All splits of one data set need the same class folders, or the same label means different things."
            )
        samples = [(path, label) for label, name in enumerate(found) for path in images_in(root, name)]
        super().__init__(samples, found, transform)


def class_names(root: str | Path) -> list[str]:
    """Names of the folders in `root`, sorted. Raises FileNotFoundError where there is none."""
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}. It should hold one folder of images per class.")
    names = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not names:
        raise FileNotFoundError(f"{root} holds no folders. It should hold one folder of images per class.")
    return names


def images_in(root: str | Path, name: str) -> list[Path]:
    """The image files of class `name` under `root`, sorted. Raises FileNotFoundError where there is none."""
    folder = Path(root) / name
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    paths = sorted(path for path in visible if path.suffix.lower() in EXTENSIONS)
    if not paths:
        raise FileNotFoundError(
            f"The class folder {folder} holds no images ({', '.join(sorted(EXTENSIONS))}). "
            "Put some into it, or delete the folder if the class is not wanted."
        )
    return paths


def split_folder(
    source: str | Path, target: str | Path, fractions: Mapping[str, float], seed: int = 0
) -> dict[str, dict[str, int]]:
    """Copy a folder of classes into one such folder per split, e.g. fractions={"train": .7, "val": .15, "test": .15}.

    Each class is shuffled and divided on its own, so that all splits have about the same class proportions. Files with
    the same pixels, whatever their names, go to the same split: a duplicate must not be trained on and tested on.

    Returns:
        How many images went where: {split: {class: count}}.

    Raises:
        ValueError: fractions that do not add up to 1, an unreadable image, or one image in two class folders.
        FileExistsError: `target` exists already. Nothing is written.
        FileNotFoundError: as for `FolderDataset`.
    """
    source, target = Path(source), Path(target)
    if abs(sum(fractions.values()) - 1) > 1e-6 or min(fractions.values()) <= 0:
        raise ValueError(f"The fractions must be positive and add up to 1, not {dict(fractions)}.")
    if target.exists():
        raise FileExistsError(f"{target} exists already. Delete it first, or choose another target.")
    plan = {name: _divide(name, groups, fractions, seed) for name, groups in _duplicate_groups(source).items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    # built beside the target and renamed at the end: a half-made split is never taken for a whole one
    with tempfile.TemporaryDirectory(dir=target.parent) as unfinished:
        for name, parts in plan.items():
            for split, paths in parts.items():
                folder = Path(unfinished, "split", split, name)
                folder.mkdir(parents=True)
                for path in paths:
                    shutil.copy2(path, folder)
        Path(unfinished, "split").rename(target)
    return {split: {name: len(plan[name][split]) for name in plan} for split in fractions}


def _duplicate_groups(source: Path) -> dict[str, list[list[Path]]]:
    """Class name -> groups of files that show the same pixels. Refuses groups that lie in two classes."""
    groups: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    for name in class_names(source):
        for path in images_in(source, name):
            image = load_rgb(path)
            content = hashlib.sha256(f"{image.size}".encode() + image.tobytes())
            groups[content.hexdigest()].append((name, path))
    conflicts = [group for group in groups.values() if len({name for name, _ in group}) > 1]
    if conflicts:
        listing = "\n".join("  " + " = ".join(str(path) for _, path in group) for group in conflicts)
        raise ValueError(f"The same image lies in more than one class folder. Keep one of each:\n{listing}")
    by_class = defaultdict(list)
    for group in groups.values():
        by_class[group[0][0]].append([path for _, path in group])
    return dict(by_class)


def _divide(name: str, groups: list[list[Path]], fractions: Mapping[str, float], seed: int) -> dict[str, list[Path]]:
    """Shuffle the groups of one class and deal them out, filling one split after the other."""
    groups = random.Random(f"{seed}/{name}").sample(groups, len(groups))
    total = sum(len(group) for group in groups)
    splits, share, taken = list(fractions), 0.0, 0
    parts: dict[str, list[Path]] = {}
    for split in splits:
        share += fractions[split]
        parts[split] = []
        while groups and (taken < round(share * total) or split == splits[-1]):
            group = groups.pop()
            parts[split] += group
            taken += len(group)
        if not parts[split]:
            raise ValueError(f"Class {name!r} has {total} images, too few to give {split!r} any. Add images to it.")
    return parts
