"""Pretrains the sample backbone: ResNet-18 on 25 classes of drawn pictures, never ants, bees or the ten flowers.

    python tools/pretrain_backbone.py [--per-class 800] [--epochs 10] [--output data/weights] [--checkpoint FILE]

Takes about 25 minutes on two CPU cores. With --checkpoint an interrupted run goes on where it was. The weights are
written in half precision as resnet18-XXXXXXXX.safetensors, where XXXXXXXX begins the file's sha256.
"""

import argparse
import hashlib
import json
import multiprocessing
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from drawing.source_classes import SOURCE_CLASSES, source_pictures
from PIL import Image
from safetensors.torch import save
from torch.utils.data import DataLoader, Dataset

from course_utils import CachedImages, evaluate, fit, resnet18, setup, warmup_cosine
from course_utils.basics.files import replacing
from course_utils.data.transforms import shrink

DATA = Path(__file__).resolve().parents[1] / "data"
SIZE = 64
VAL_PER_CLASS = 40


class Drawn(Dataset):
    """The first pictures of a split of the source classes, drawn by all processors."""

    classes = list(SOURCE_CLASSES)

    def __init__(self, count_per_class: int, split: str):
        (drawn_size,) = shrink(SIZE).size  # as `CachedImages` wants them
        with multiprocessing.Pool() as pool:
            spread = partial(pool.imap, chunksize=50)
            self.pictures = list(source_pictures(count_per_class, split, drawn_size, spread))
        self.targets = [label for _, label in self.pictures]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        pixels, label = self.pictures[index]
        return Image.fromarray(pixels), label


def pretrain(per_class: int, epochs: int, checkpoint: Path | None) -> tuple[torch.nn.Module, float]:
    """The trained network and its accuracy on held-out pictures of the source classes."""
    course = setup(seed=0)
    train_set = CachedImages(Drawn(per_class, "train"), SIZE, augment=True)
    val_set = CachedImages(Drawn(VAL_PER_CLASS, "val"), SIZE)
    generator = torch.Generator().manual_seed(course.seed)
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True, drop_last=True, generator=generator)
    val_loader = DataLoader(val_set, batch_size=250)
    model = resnet18(len(SOURCE_CLASSES)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    scheduler = warmup_cosine(optimizer, warmup_steps=len(train_loader) // 2, total_steps=epochs * len(train_loader))
    loss_fn = partial(F.cross_entropy, label_smoothing=0.05)
    fit(model, train_loader, val_loader, optimizer=optimizer, scheduler=scheduler, loss_fn=loss_fn, epochs=epochs,
        checkpoint=checkpoint)  # fmt: skip
    return model, evaluate(model.half().float(), val_loader)["accuracy"]


def write_weights(model: torch.nn.Module, classes: list[str], folder: Path) -> Path:
    """Save the weights in half precision under a name that begins their checksum."""
    weights = {name: tensor.contiguous() for name, tensor in model.half().state_dict().items()}
    content = save(weights, metadata={"classes": json.dumps(classes)})
    path = folder / f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(content)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-class", type=int, default=800, help="pictures of each class to learn from")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--output", type=Path, default=DATA / "weights", help="folder for the weights")
    parser.add_argument("--checkpoint", type=Path, help="file to go on from after an interruption")
    options = parser.parse_args()
    model, accuracy = pretrain(options.per_class, options.epochs, options.checkpoint)
    path = write_weights(model, list(SOURCE_CLASSES), options.output)
    print(f"accuracy on {VAL_PER_CLASS * len(SOURCE_CLASSES)} held-out pictures: {accuracy:.3f}")
    content = path.read_bytes()
    print(f"written: {path}, {len(content) / 1e6:.1f} MB, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
