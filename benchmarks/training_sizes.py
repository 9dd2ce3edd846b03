"""How many pictures lesson 04's CNN and lesson 17's small vision transformer need: the curve that lesson 17 shows.

    .venv/bin/python benchmarks/training_sizes.py     writes benchmarks/training_sizes.csv, as `make bench` does

All of MNIST is needed, as in the profile "full". Whatever the number of pictures, each network gets 500 batches of 64,
so that of 32,000 pictures each is seen once; AdamW and one cycle, with the rate that suits the network. Each seed draws
other pictures. This takes four minutes of one processor core.
"""

from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from course_utils import CNN, evaluate, fit, load_digits28, setup
from course_utils.basics.course import begin
from course_utils.downloads.manifest import data_sets
from course_utils.models.vit import small_vit

SIZES, SEEDS, BATCHES, BATCH, MOVED = (100, 500, 2_000, 32_000), 3, 500, 64, 4
NETWORKS = {"CNN": (CNN, 0.01), "ViT": (small_vit, 0.005)}


def train(name: str, images: torch.Tensor, labels: torch.Tensor, device: torch.device) -> nn.Module:
    make, rate = NETWORKS[name]
    model = make().to(device)
    dataset = TensorDataset(images, labels)
    sampler = RandomSampler(dataset, num_samples=BATCHES * BATCH)  # one order after the other
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    scheduler = OneCycleLR(optimizer, max_lr=rate, total_steps=BATCHES)
    loader = DataLoader(dataset, BATCH, sampler=sampler)
    fit(model, loader, optimizer=optimizer, scheduler=scheduler, epochs=1, progress=False)
    return model


def curve() -> pd.DataFrame:
    """A row for each network, number of pictures and seed: its accuracies."""
    device = setup(profile="full").device
    images, labels = load_digits28("train")
    val_images, val_labels = load_digits28("val")
    judged = {
        "val_accuracy": DataLoader(TensorDataset(val_images, val_labels), batch_size=500),
        "moved_accuracy": DataLoader(TensorDataset(F.pad(val_images, (MOVED, -MOVED)), val_labels), batch_size=500),
    }
    rows = []
    for size in SIZES:
        for name in NETWORKS:
            for seed in range(SEEDS):
                torch.manual_seed(seed)
                chosen = torch.randperm(len(images))[:size]
                model = train(name, images[chosen], labels[chosen], device)
                scores = {column: evaluate(model, loader)["accuracy"] for column, loader in judged.items()}
                rows.append({"network": name, "pictures": size, "seed": seed, **scores})
    return pd.DataFrame(rows).round(4)


def measure() -> list[dict]:
    begin(profile="full")
    if data_sets()["mnist"].missing():
        return []
    table = curve()
    table.to_csv(Path(__file__).with_suffix(".csv"), index=False)
    return compared(table)


def compared(table: pd.DataFrame) -> list[dict]:
    """A row of results for each number of pictures."""
    rows = []
    for size, runs in table.groupby("pictures"):
        cnn, vit = (runs[runs["network"] == name]["val_accuracy"] for name in NETWORKS)
        rows.append({"what": f"val accuracy after {size:,} digits, three seeds: CNN, and small ViT",
                     "figure": f"{cnn.mean():.1%}, {vit.mean():.1%}", "goal": "the CNN ahead with every seed",
                     "met": bool(cnn.min() > vit.max())})  # fmt: skip
    return rows


if __name__ == "__main__":
    measure()
