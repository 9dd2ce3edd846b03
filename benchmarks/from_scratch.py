"""What ResNet-18 learns from random weights on the drawn ants and bees in 25 epochs: the curve that lesson 06 shows.

    python benchmarks/from_scratch.py     writes benchmarks/from_scratch.csv

Lesson 06 fine-tunes with the same pictures in three epochs. Random weights get the recipe of lesson 05: AdamW, warm-up
and cosine. This takes about a minute and a half of one processor core.
"""

from pathlib import Path

import torch
from torch.utils.data import DataLoader

from course_utils import CachedImages, fit, hymenoptera, resnet18, setup, warmup_cosine

EPOCHS, SIZE, BATCH, RATE = 25, 64, 32, 0.001


def main() -> None:
    device = setup(profile="sample").device
    train_set = CachedImages(hymenoptera("train"), SIZE, augment=True)
    val_set = CachedImages(hymenoptera("val"), SIZE)
    train_loader = DataLoader(train_set, batch_size=BATCH, shuffle=True)
    torch.manual_seed(0)
    model = resnet18(len(val_set.classes)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    steps = len(train_loader)
    history = fit(
        model,
        train_loader,
        DataLoader(val_set, batch_size=64),
        optimizer=optimizer,
        scheduler=warmup_cosine(optimizer, warmup_steps=steps, total_steps=EPOCHS * steps),
        epochs=EPOCHS,
    )
    history.frame().drop(columns="seconds").round(4).to_csv(Path(__file__).with_suffix(".csv"))


if __name__ == "__main__":
    main()
