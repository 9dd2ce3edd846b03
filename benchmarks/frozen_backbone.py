"""Training a head on a frozen ResNet-18, 25 epochs, 244 + 153 images at 224 px: features once against every epoch.

The usual way freezes the parameters and sends every image through the backbone in every epoch, in batches of four,
decoded anew, as the transfer-learning tutorial does; two loader workers. The lesson's way (07) decodes with the same
two workers, sends each image through once, 32 at a time, and trains the head on what comes out; its clock includes all
of that. Runs on the photographs where COURSE_DATA_DIR has them, else on the drawn pictures, enlarged.
"""

import os
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import (
    eval_transform,
    extract_features,
    fit,
    freeze,
    hymenoptera,
    pretrained_resnet18,
    setup,
    train_transform,
)

EPOCHS, SIZE, WORKERS = 25, 224, 2


def usual_way(model: nn.Module) -> float:
    """Validation accuracy after the last epoch."""
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.fc = nn.Linear(model.fc.in_features, 2)
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.001, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    train_set, val_set = hymenoptera("train", train_transform(SIZE)), hymenoptera("val", eval_transform(SIZE))
    train_loader = DataLoader(train_set, batch_size=4, shuffle=True, num_workers=WORKERS)
    val_loader = DataLoader(val_set, batch_size=4, num_workers=WORKERS)
    for _ in range(EPOCHS):
        model.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in val_loader)
    return right / len(val_set)


def lesson_way(model: nn.Module) -> float:
    """Validation accuracy after the last epoch."""
    width, model.fc = model.fc.in_features, nn.Identity()
    backbone = freeze(model.to(memory_format=torch.channels_last))
    features = {}
    for split in ("train", "val"):
        images = hymenoptera(split, eval_transform(SIZE))
        features[split] = extract_features(backbone, DataLoader(images, batch_size=32, num_workers=WORKERS))
    head = nn.Linear(width, 2)
    train_loader = DataLoader(TensorDataset(*features["train"]), batch_size=16, shuffle=True)
    val_loader = DataLoader(TensorDataset(*features["val"]), batch_size=153)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.001)
    history = fit(head, train_loader, val_loader, optimizer=optimizer, epochs=EPOCHS, progress=False)
    return history["val_accuracy"][-1]


def measure() -> list[dict]:
    real = Path(os.environ.get("COURSE_DATA_DIR", "nowhere"), "hymenoptera_data").is_dir()
    setup(profile="full" if real else "sample")
    seconds, accuracies = {}, {}
    for way in (lesson_way, usual_way):
        torch.manual_seed(0)
        model = pretrained_resnet18(2)
        start = time.perf_counter()
        accuracies[way] = way(model)
        seconds[way] = time.perf_counter() - start
    ratio = seconds[usual_way] / seconds[lesson_way]
    what = f"frozen ResNet-18, {EPOCHS} epochs, {'photographs' if real else 'drawn pictures'} at {SIZE} px"
    return [
        {"what": f"{what}: backbone every epoch, val accuracy {accuracies[usual_way]:.1%}",
         "figure": f"{seconds[usual_way]:.1f} s"},
        {"what": f"{what}: features once, val accuracy {accuracies[lesson_way]:.1%}",
         "figure": f"{seconds[lesson_way]:.1f} s", "ratio": ratio, "goal": "at least 24× as fast", "met": ratio >= 24},
    ]  # fmt: skip
