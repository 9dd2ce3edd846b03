"""What five kinds of heat maps score against the masks of drawn ants and bees, of a trained and of a random network.

    python benchmarks/heat_maps.py     writes benchmarks/heat_maps.csv

Lesson 16 measures three of them itself and shows this table, as occlusion and SmoothGrad need many passes. Head and
pictures are those of the lesson. It takes one to two minutes of one processor core.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms import v2

from course_utils import hymenoptera, pretrained_resnet18, resnet18, setup
from course_utils.data.masks import masks
from course_utils.evaluation.explain import (
    energy_inside,
    enlarge,
    grad_cam,
    occlusion,
    pointing_hits,
    saliency,
    smooth_grad,
)

SIDE, BATCH = 96, 51
Explain = Callable[[torch.Tensor], torch.Tensor]


def load(split: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    dataset = hymenoptera(split, v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]))
    return torch.stack([image for image, _ in dataset]), torch.tensor(dataset.targets), masks(dataset)


def network(resnet: nn.Module) -> nn.Sequential:
    normalize = v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    return nn.Sequential(normalize, resnet).eval().requires_grad_(False)


def trained(images: torch.Tensor, labels: torch.Tensor) -> nn.Sequential:
    """The pretrained body with a head for ants and bees, trained as in lesson 16."""
    resnet = pretrained_resnet18(num_classes=2)
    resnet.fc = nn.Identity()
    with torch.no_grad():
        features = torch.cat([network(resnet)(part) for part in images.split(BATCH)])
    torch.manual_seed(0)
    head = nn.Linear(512, 2)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.01)
    for _ in range(200):
        loss = F.cross_entropy(head(features), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    resnet.fc = head
    return network(resnet)


def methods(model: nn.Sequential) -> dict[str, Explain]:
    resnet, noise = model[1], torch.Generator().manual_seed(0)
    return {
        "Grad-CAM, layer4": lambda images: grad_cam(model, images, resnet.layer4),
        "LayerCAM, layer2": lambda images: grad_cam(model, images, resnet.layer2, local=True),
        "occlusion": lambda images: occlusion(model, images, size=32, stride=16, fill=0.5),
        "saliency": lambda images: saliency(model, images),
        "SmoothGrad": lambda images: smooth_grad(model, images, samples=4, generator=noise),
    }


def lead(scores: torch.Tensor, centre: torch.Tensor) -> float:
    """How far scores lie above those of the centre, in standard errors of the paired differences."""
    difference = scores - centre
    return (difference.mean() / difference.std() * len(scores) ** 0.5).item()


def main() -> None:
    setup(profile="sample")
    images, labels, _ = load("train")
    torch.manual_seed(0)
    networks = {"trained": trained(images, labels), "random": network(resnet18(2))}
    scored, _, truth = load("val")
    box = torch.zeros(SIDE, SIDE)
    box[24:72, 24:72] = 1
    centre_hits, centre_inside = truth[:, 48, 48].float(), energy_inside(box.expand(len(truth), SIDE, SIDE), truth)
    rows = []
    for name, model in networks.items():
        for method, explain in methods(model).items():
            maps = enlarge(torch.cat([explain(part) for part in scored.split(BATCH)]), SIDE, SIDE)
            hits, inside = pointing_hits(maps, truth).float(), energy_inside(maps, truth)
            row = {"network": name, "method": method, "hits": hits.mean().item(), "hits, lead": lead(hits, centre_hits)}
            rows.append(row | {"inside": inside.mean().item(), "inside, lead": lead(inside, centre_inside)})
            print(rows[-1], flush=True)
    pd.DataFrame(rows).round(2).to_csv(Path(__file__).with_suffix(".csv"), index=False)


if __name__ == "__main__":
    main()
