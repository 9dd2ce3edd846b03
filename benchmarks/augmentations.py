"""What today's augmentations gain when a pretrained ResNet-18 learns the drawn ants and bees: the table of lesson 15.

    python benchmarks/augmentations.py     writes benchmarks/augmentations.csv

Each way fine-tunes as lesson 06 does (64 pixels, SGD with momentum, six epochs, the rate falls after four) and differs
from "crop and mirror" in one thing; three seeds each. Test-time augmentation asks the networks of "crop and mirror"
about each picture and its mirror image. This takes about five minutes of one processor core that knows bfloat16.
"""

from functools import partial
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, default_collate
from torchvision.transforms import v2

from course_utils import (
    CachedImages,
    eval_transform,
    fit,
    hymenoptera,
    predict,
    pretrained_resnet18,
    setup,
    train_transform,
)

EPOCHS, SIZE, BATCH, RATE, SEEDS = 6, 64, 12, 0.0075, 3
MIXED = {"MixUp": v2.MixUp(alpha=0.2, num_classes=2), "CutMix": v2.CutMix(alpha=1.0, num_classes=2)}


def examples(way: str) -> Dataset:
    """The training pictures, as the way shows them."""
    if way == "TrivialAugment":
        return hymenoptera("train", v2.Compose([v2.TrivialAugmentWide(), train_transform(SIZE)]))
    return CachedImages(hymenoptera("train"), SIZE, augment=way != "none at all")


def mix(mixing: v2.Transform, batch: list) -> tuple[torch.Tensor, torch.Tensor]:
    return mixing(*default_collate(batch))


def train(way: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = pretrained_resnet18(2).to(memory_format=torch.channels_last)
    collate = partial(mix, MIXED[way]) if way in MIXED else None
    loader = DataLoader(examples(way), batch_size=BATCH, shuffle=True, drop_last=True, collate_fn=collate)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9)
    fit(
        model,
        loader,
        optimizer=optimizer,
        scheduler=torch.optim.lr_scheduler.StepLR(optimizer, step_size=4 * len(loader), gamma=0.1),
        epochs=EPOCHS,
        autocast=torch.bfloat16,
        loss_fn=partial(F.cross_entropy, label_smoothing=0.1 if way == "label smoothing" else 0.0),
        progress=False,
    )
    return model


def row(way: str, seed: int, logits: torch.Tensor, labels: torch.Tensor) -> dict:
    right = logits.argmax(dim=1) == labels
    loss = F.cross_entropy(logits, labels).item()
    return {"way": way, "seed": seed, "accuracy": round(right.float().mean().item(), 4), "loss": round(loss, 4),
            "right": "".join(str(int(one)) for one in right)}  # fmt: skip


def main() -> None:
    setup(profile="sample")
    images, labels = default_collate(list(hymenoptera("val", eval_transform(SIZE))))
    plain, mirrored = (list(zip(part.split(51), labels.split(51))) for part in (images, images.flip(3)))
    rows = []
    for way in ["none at all", "crop and mirror", "TrivialAugment", "MixUp", "CutMix", "label smoothing"]:
        for seed in range(SEEDS):
            model = train(way, seed)
            logits, _ = predict(model, plain)
            rows.append(row(way, seed, logits, labels))
            if way == "crop and mirror":
                both = (logits.softmax(dim=1) + predict(model, mirrored)[0].softmax(dim=1)) / 2
                rows.append(row("test-time augmentation", seed, both.log(), labels))
            print(*list(rows[-1].values())[:4], flush=True)
    pd.DataFrame(rows).to_csv(Path(__file__).with_suffix(".csv"), index=False)


if __name__ == "__main__":
    main()
