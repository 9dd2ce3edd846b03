"""Images in one folder per class: reading them, splitting them. Lesson 01 uses it, lesson 08 builds the data set."""

import hashlib
import random
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from unicodedata import normalize

from .images import LabelledImages, UnreadableImage, load_rgb
from .scan import class_images


class FolderDataset(LabelledImages):
    """Images sorted into one folder per class, labelled by the position of the folder's name in sorted order.

    Images in subfolders of a class belong to it. What is left out, such as files with another ending, is counted in a
    warning. Samples are sorted by label, then by path; attributes as in `LabelledImages`.
    """

    def __init__(self, root: str | Path, transform: Callable | None = None, classes: Sequence[str] | None = None):
        """
        Args:
            root: folder that holds one folder per class.
            transform: called with each PIL RGB image.
            classes: class names that must be found, in the order of the labels, usually `train_dataset.classes` when
                opening another split.

        Raises:
            FileNotFoundError: `root` is missing, holds no class folder, or a class folder holds no image.
            ValueError: the class folders are not those of `classes`, `root` holds splits instead of classes, or a name
                is not UTF-8.
        """
        self.root, images = Path(root), class_images(root)
        classes = list(images) if classes is None else [str(name) for name in classes]
        if set(classes) != set(images):
            missing, extra = sorted(set(classes) - set(images)), sorted(set(images) - set(classes))
            alike = {normalize("NFC", name) for name in missing} & {normalize("NFC", name) for name in extra}
            raise ValueError(
                f"The class folders of {self.root} are not those expected: missing {missing}, unexpected {extra}. "
                + "Names that look the same store their accents in two ways, NFC and NFD: rename them. " * bool(alike)
                + "All splits of one data set need the same class folders, or the same label means different things."
            )
        samples = [(path, label) for label, name in enumerate(classes) for path in images[name]]
        super().__init__(samples, classes, transform)


def split_folder(
    source: str | Path, target: str | Path, fractions: Mapping[str, float], seed: int = 0
) -> dict[str, dict[str, int]]:
    """Copy a folder of classes into one such folder per split, e.g. fractions={"train": .7, "val": .15, "test": .15}.

    Each class is shuffled and divided on its own, so that all splits have about the same class proportions. Files with
    the same pixels, whatever their names, go to the same split: a duplicate must not be trained on and tested on.
    Subfolders of a class are kept. What is left out is counted in a warning, see `FolderDataset`.

    Returns:
        How many images went where: {split: {class: count}}.

    Raises:
        ValueError: fractions that do not add up to 1, a target inside `source`, where it would become a class,
            unreadable images, or one image in two class folders.
        FileExistsError: `target` exists already. Nothing is written.
        FileNotFoundError: as for `FolderDataset`.
    """
    source, target = Path(source), Path(target)
    if abs(sum(fractions.values()) - 1) > 1e-6 or min(fractions.values()) <= 0:
        raise ValueError(f"The fractions must be positive and add up to 1, not {dict(fractions)}.")
    if target.resolve().is_relative_to(source.resolve()):
        raise ValueError(f"{target} lies in {source}, where it would be taken for a class. Choose a target beside it.")
    if target.exists():
        raise FileExistsError(f"{target} exists already. Delete it first, or choose another target.")
    groups = _duplicate_groups(class_images(source))
    plan = {name: _divide(name, groups[name], fractions, seed) for name in groups}
    target.parent.mkdir(parents=True, exist_ok=True)
    # built beside the target and renamed at the end: a half-made split is never taken for a whole one
    with tempfile.TemporaryDirectory(dir=target.parent) as unfinished:
        for parts in plan.values():
            for split, paths in parts.items():
                for path in paths:
                    copy = Path(unfinished, "split", split, path.relative_to(source))
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, copy)
        Path(unfinished, "split").rename(target)
    return {split: {name: len(plan[name][split]) for name in plan} for split in fractions}


def _duplicate_groups(images: dict[str, list[Path]]) -> dict[str, list[list[Path]]]:
    """Class name -> groups of files that show the same pixels. Refuses unreadable ones, and groups in two classes."""
    unreadable: list[UnreadableImage] = []
    groups: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    for name, paths in images.items():
        for path in paths:
            try:
                image = load_rgb(path)
            except UnreadableImage as error:
                unreadable.append(error)
                continue
            content = hashlib.sha256(f"{image.size}".encode() + image.tobytes())
            groups[content.hexdigest()].append((name, path))
    if unreadable:
        rest = f"\n  and {len(unreadable) - 5} more" * (len(unreadable) > 5)
        listing = "".join(f"\n  {error}" for error in unreadable[:5]) + rest
        raise ValueError(f"Files that cannot be read as images: {len(unreadable)}{listing}")
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
    total, different = sum(len(group) for group in groups), len(groups)
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
            copies = f" of which only {different} differ (copies go to the same split)," * (different < total)
            raise ValueError(
                f"Class {name!r} has {total} images,{copies} too few to give {split!r} any. Add images to it."
            )
    return parts
