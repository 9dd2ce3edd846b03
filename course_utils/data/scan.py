"""What lies in a folder of classes, and what of it is left out. Lesson 08 lists such a folder by hand."""

import os
import warnings
from collections import defaultdict
from pathlib import Path

from .images import EXTENSIONS, heic_hint

# what systems and programs put into folders unasked; `._…` are the notes of macOS to a file
LITTER = {".DS_Store", "__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir", ".ipynb_checkpoints", ".git"}
SPELLINGS = {  # split -> what its folder or list may be called
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
SPLITS = {name for names in SPELLINGS.values() for name in names}


def class_names(root: str | Path) -> list[str]:
    """Names of the class folders in `root`, sorted.

    Raises:
        FileNotFoundError: there is none.
        ValueError: these are splits, each of which should hold class folders.
    """
    if not os.path.isdir(root):
        raise FileNotFoundError(f"There is no folder {root}. It should hold one folder of images per class.")
    names = subfolders(root)
    if not names:
        raise FileNotFoundError(f"{root} holds no folders. It should hold one folder of images per class.")
    if set(names) <= SPLITS:
        raise ValueError(f"{root} holds splits, not classes: {', '.join(names)}. Open one, {Path(root, names[0])}.")
    return names


def subfolders(root: str | Path) -> list[str]:
    """Names of the folders in `root`, sorted, less hidden ones."""
    return _contents(root, defaultdict(list))[0]


def look_like_classes(root: str | Path, names: list[str]) -> bool:
    """Whether these are several folders in `root` that all hold images themselves."""
    return len(names) > 1 and all(any(map(_is_image, Path(root, name).iterdir())) for name in names)


def class_images(root: str | Path) -> dict[str, list[Path]]:
    """The image files of every class folder in `root` and of its subfolders: class name -> paths, both sorted.

    Warns of what is left out, with counts and examples. Raises as `FolderDataset` does.
    """
    names = class_names(root)
    left_out: dict[str, list[str]] = defaultdict(list)
    _, beside = _contents(root, left_out)
    for path in beside:
        if _is_image(path):
            left_out["beside the class folders"].append(str(path))
    images = {name: _images_below(Path(root, name), left_out) for name in names}
    if left_out:
        listing = "; ".join(f"{len(paths)} {what} ({_examples(paths, root)})" for what, paths in left_out.items())
        warnings.warn(f"Left out of {root}: {listing}{heic_hint(sum(left_out.values(), []))}.", stacklevel=3)
    return images


def _examples(paths: list[str], root: str | Path) -> str:
    return ", ".join([os.path.relpath(path, root) for path in paths[:3]] + ["…"] * (len(paths) > 3))


def _images_below(folder: Path, left_out: dict[str, list[str]]) -> list[Path]:
    found, waiting = [], [folder]
    seen = {*map(str, Path(os.path.realpath(folder)).parents)}  # the other classes lie there
    while waiting:
        place = waiting.pop()
        if (real := os.path.realpath(place)) in seen:  # a link back
            continue
        seen.add(real)
        names, files = _contents(place, left_out)
        waiting += [place / name for name in names]
        found += [path for path in files if _is_image(path)]
        others = [str(path) for path in files if not _is_image(path)]
        if others:
            left_out["without the ending of an image that can be read, such as .jpg"] += others
    if not found:
        raise FileNotFoundError(
            f"The class folder {folder} holds no images ({', '.join(sorted(EXTENSIONS))})"
            f"{heic_hint(folder.rglob('*'))}. Put some into it, or delete the folder if the class is not wanted."
        )
    return sorted(found, key=lambda path: path.parts)  # Windows compares paths without case, and orders others so


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS


def _contents(folder: str | Path, left_out: dict[str, list[str]]) -> tuple[list[str], list[Path]]:
    """Names of the folders and paths of the files in a folder, sorted; adds to `left_out` what is hidden or dead."""
    names, files = [], []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name in LITTER or entry.name.startswith("._"):
            continue
        check_name(entry.path)
        if entry.name.startswith("."):
            if entry.is_dir() or _is_image(Path(entry.name)):
                left_out["with hidden names"].append(entry.path)
        elif entry.is_dir():
            names.append(entry.name)
        elif entry.is_file():
            files.append(Path(entry.path))
        else:
            left_out["behind links that lead nowhere"].append(entry.path)
    return names, files


def check_name(path: str) -> None:
    """Raise ValueError where a name in `path` is not UTF-8: it could not be written into a log or a record."""
    if _is_text(path):
        return
    while not _is_text(folder := os.path.dirname(path)):
        path = folder
    raise ValueError(
        f"In {folder or os.curdir!r} is a name that is not UTF-8 text: {os.fsencode(os.path.basename(path))!r}. "
        "Archives from Windows leave such names: unpack it again with its encoding (unzip -O GBK ARCHIVE.zip for "
        "Chinese), or rename what is there (convmv -r --notest -f GBK -t UTF-8 FOLDER)."
    )


def _is_text(path: str) -> bool:
    try:
        path.encode()
        return True
    except UnicodeEncodeError:
        return False
