"""Evaluating a classifier with its metrics: the usual tutorial's way against the course's.

The usual way runs the model with gradients recorded, computes four scikit-learn scores for every batch, and averages
them over the batches. The course's way collects outputs in inference mode (`predict`) and computes loss, accuracy,
precision, recall and F1 once, over all examples. ResNet-18, 640 random images at 64 px, batches of 64. Each way runs in
a process of its own, so that its peak memory is its own; what importing and building take is measured and subtracted.
"""

import json
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

BATCH_SIZE, BATCHES, SIZE, ROUNDS = 64, 10, 64, 3


def usual_way(model, loader) -> float:
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
    from torch.nn.functional import cross_entropy

    model.eval()
    rows = []
    for images, labels in loader:
        outputs = model(images)
        loss = cross_entropy(outputs, labels)
        predicted = outputs.argmax(dim=1)
        scores = [score(labels, predicted, average="macro", zero_division=0)
                  for score in (precision_score, recall_score, f1_score)]  # fmt: skip
        rows.append([loss.item(), accuracy_score(labels, predicted), *scores])
    return sum(row[-1] for row in rows) / len(rows)


def course_way(model, loader) -> float:
    from torch.nn.functional import cross_entropy

    from course_utils import predict
    from course_utils.evaluation.metrics import classification_metrics

    outputs, labels = predict(model, loader)
    cross_entropy(outputs, labels).item()
    return classification_metrics(labels, outputs.argmax(dim=1))["f1"]


def peak_megabytes() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss of Linux counts what the parent process had
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1000
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1000 if sys.platform != "darwin" else 1_000_000)


def run_alone(way: str) -> None:
    """Print seconds, megabytes and macro F1 of one way."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from course_utils import resnet18

    torch.manual_seed(0)
    images, labels = torch.rand(BATCH_SIZE * BATCHES, 3, SIZE, SIZE), torch.arange(BATCH_SIZE * BATCHES) % 10
    model, loader = resnet18(10), DataLoader(TensorDataset(images, labels), BATCH_SIZE)
    with torch.inference_mode():
        model.eval()(images[:2])
    before, start = peak_megabytes(), time.perf_counter()
    f1 = {"usual": usual_way, "course": course_way}[way](model, loader)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "megabytes": peak_megabytes() - before, "f1": f1}))


def best_of(way: str) -> dict[str, float]:
    command = [sys.executable, __file__, way]
    root = Path(__file__).resolve().parents[1]
    run = lambda: subprocess.run(command, capture_output=True, check=True, cwd=root).stdout  # noqa: E731
    rounds = [json.loads(run()) for _ in range(ROUNDS)]
    return min(rounds, key=lambda one: one["seconds"])


def measure() -> list[dict]:
    usual, course = best_of("usual"), best_of("course")
    what = f"evaluation with metrics, ResNet-18, {BATCH_SIZE * BATCHES} images"
    figure = lambda one: f"{one['seconds']:.2f} s, {one['megabytes']:.0f} MB, macro F1 {one['f1']:.3f}"  # noqa: E731
    return [
        {"what": f"{what}: with gradients, metrics per batch averaged", "figure": figure(usual), "ratio": 1.0},
        {"what": f"{what}: predict, metrics once", "figure": figure(course),
         "ratio": usual["seconds"] / course["seconds"], "goal": "faster, in less than half the memory",
         "met": course["seconds"] < usual["seconds"] and course["megabytes"] < usual["megabytes"] / 2},
    ]  # fmt: skip


if __name__ == "__main__":
    run_alone(sys.argv[1])
