"""Images listed with their labels in a text file. Lesson 08 builds the data set by hand."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from .images import LabelledImages

LISTED = 40  # so many problems are named, the rest is counted
MOST_CLASSES = 10_000  # where their names are not given: a label beyond is a slip


class AnnotationDataset(LabelledImages):
    """Images named in a text file, each on a line `name label`, such as `tulips/red one.jpg 3`.

    The label is a whole number and what follows the last space, so that names may hold spaces. Blank lines and lines
    that begin with `#` are skipped (write `./#1.jpg` for an image of that name); Windows line ends and a byte order
    mark do no harm. Attributes as in `LabelledImages`, samples in the order of the file.
    """

    def __init__(
        self,
        root: str | Path,
        annotations: str | Path,
        transform: Callable | None = None,
        classes: Sequence[str] | None = None,
    ):
        """
        Args:
            root: folder that the names are relative to.
            annotations: the text file, UTF-8.
            transform: called with each PIL RGB image.
            classes: names of the labels 0, 1, …; by default "0", "1", … up to the largest label of the file.

        Raises:
            FileNotFoundError: there is no such text file, or no folder `root`.
            ValueError: the file is not UTF-8 or lists nothing, or there are lines without a label, labels that are no
                whole numbers or out of range, images listed twice, images that do not exist, or comments that name an
                image. The message names all such lines at once.
        """
        root, annotations = Path(root), Path(annotations)
        if not annotations.is_file():
            raise FileNotFoundError(f"There is no annotation file {annotations}.")
        if not root.is_dir():
            raise FileNotFoundError(f"There is no folder {root}, in which the images of {annotations} should lie.")
        self.root, self.annotations = root, annotations
        samples, problems = _parse(_lines(annotations), root, MOST_CLASSES if classes is None else len(classes))
        if problems:
            more = [f"… and {len(problems) - LISTED} more"] * (len(problems) > LISTED)
            listing = "\n  ".join([f"line {number}: {what}" for number, what in problems[:LISTED]] + more)
            noun = "problem" if len(problems) == 1 else "problems"
            raise ValueError(f"{annotations} has {len(problems)} {noun}. Mend the lines or take them out:\n  {listing}")
        if not samples:
            raise ValueError(f"{annotations} lists no images. Each line should read: name, space, label.")
        if classes is None:
            classes = [str(label) for label in range(1 + max(label for _, label in samples))]
        super().__init__(samples, classes, transform)


def _lines(annotations: Path) -> list[tuple[int, str]]:
    """The lines that are not blank, stripped, each with its number."""
    stripped = [(number, line.strip()) for number, line in enumerate(read_utf8(annotations).split("\n"), 1)]
    return [(number, line) for number, line in stripped if line]


def _parse(
    lines: list[tuple[int, str]], root: Path, num_classes: int
) -> tuple[list[tuple[Path, int]], list[tuple[int, str]]]:
    """Samples (path, label), and problems (line number, what is wrong)."""
    samples, problems = [], []
    first_seen: dict[Path, int] = {}
    for number, line in lines:
        parts = line.rsplit(maxsplit=1)
        if line.startswith("#"):
            if len(parts) == 2 and os.path.isfile(root / parts[0]):
                problems.append((number, f"a comment, or the image {parts[0]!r}? For the image write ./{line}"))
            continue
        if len(parts) < 2:
            problems.append((number, f"{line!r} has no label; it should read: name, space, label"))
            continue
        name, label = parts
        path = root / name
        if path in first_seen:
            problems.append((number, f"{name!r} is listed already, in line {first_seen[path]}"))
        first_seen.setdefault(path, number)
        if not os.path.isfile(path):  # a path too long for the system is just not there
            problems.append((number, f"there is no file {path}"))
        if not label.isdecimal():
            problems.append((number, f"the label {label!r} of {name!r} is not a whole number from 0 on"))
        elif len(label) > 9 or int(label) >= num_classes:
            problems.append((number, f"the label {label} of {name!r} is out of range, 0 to {num_classes - 1}"))
        else:
            samples.append((path, int(label)))
    return samples, problems


def read_utf8(path: Path, newline: str | None = None) -> str:
    """A text file, with or without byte order mark.

    Args:
        newline: "" keeps line ends as they are; by default they become "\\n".

    Raises:
        ValueError: it is not UTF-8; the message names the line.
    """
    try:
        with open(path, encoding="utf-8-sig", newline=newline) as file:
            return file.read()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}, line {line}, is not UTF-8 text. Save the file as UTF-8.") from None
