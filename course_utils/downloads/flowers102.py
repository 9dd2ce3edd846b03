"""Oxford Flowers-102 in the layout of lesson 08: pictures, lists with labels, class ids, names."""

import json
import tempfile
from pathlib import Path

from scipy.io import loadmat
from scipy.io.matlab import MatReadError
from torchvision.datasets import Flowers102

from .archives import unpack

SPLITS = {"train": "trnid", "val": "valid", "test": "tstid"}


def lay_out(source: str | Path, folder: str | Path) -> None:
    """Make `folder` from 102flowers.tgz, imagelabels.mat and setid.mat in `source`, whole or not at all.

    Class ids run from 1 to 102; labels, from 0 on, count the ids that occur sorted as text, as the names of folders
    would be: "1", "10", "100", …. The splits are the official ones.

    Raises:
        ValueError: a file is damaged or the three do not belong together.
        FileExistsError: `folder` exists.
    """
    source, folder = Path(source), Path(folder)
    try:
        ids = loadmat(source / "imagelabels.mat", squeeze_me=True)["labels"].tolist()
        splits = loadmat(source / "setid.mat", squeeze_me=True)
        images = {split: splits[name].tolist() for split, name in SPLITS.items()}
    except (MatReadError, ValueError, KeyError, TypeError, IndexError, NotImplementedError) as error:
        raise ValueError(f"imagelabels.mat or setid.mat in {source} is damaged ({error}). Get them again.") from error
    class_ids = sorted({str(class_id) for class_id in ids})
    names = {class_id: Flowers102.classes[int(class_id) - 1] for class_id in class_ids}
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".unpacking-{folder.name}-") as unfinished:
        made = Path(unfinished, "flowers")
        unpack(source / "102flowers.tgz", made / "images")
        for split, numbers in images.items():
            lines = [f"image_{number:05}.jpg {class_ids.index(str(ids[number - 1]))}\n" for number in sorted(numbers)]
            (made / f"{split}.txt").write_text("".join(lines), encoding="utf-8")
        (made / "classes.txt").write_text("\n".join(class_ids) + "\n", encoding="utf-8")
        (made / "cat_to_name.json").write_text(json.dumps(names, indent=2) + "\n", encoding="utf-8")
        if folder.exists():
            raise FileExistsError(f"{folder} exists already. Delete it to make it anew.")
        made.rename(folder)
