"""Judge a trained network on images it has never seen. Lesson 10 builds this program.

    python -m course_utils.test RUN_FOLDER --data FOLDER

FOLDER holds the split test, with the class folders of the training data. Prints what was measured and writes it to
RUN_FOLDER/test.json, and the answer to every image to RUN_FOLDER/predictions.csv.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from .basics.cli import described_parser, exit_code
from .basics.course import DEVICES, choose_device
from .basics.files import check_writable, replacing
from .data.images import LabelledImages
from .data.transforms import eval_transform
from .evaluation.metrics import class_report, classification_metrics, standard_error
from .runs import Run, open_data, open_run
from .training.inference import predict


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code: 0 done, 1 error, 2 wrong usage, 130 stopped by Ctrl-C."""
    parser = described_parser("test", __doc__)
    parser.add_argument("run", metavar="RUN_FOLDER", type=Path, help="folder that course_utils.train has written")
    parser.add_argument("--data", metavar="FOLDER", type=Path, required=True, help="folder with the split test")
    parser.add_argument("--split", default="test", help="another split (default: test)")
    parser.add_argument("--weights", default="best", help='"best" (default), or an epoch such as "epoch-03"')
    parser.add_argument("--device", default="auto", choices=DEVICES, help="where to compute")
    flags = parser.parse_args(arguments)

    def work() -> None:
        run = open_run(flags.run)
        dataset = open_data(run, flags.split, eval_transform(run.settings.size), flags.data)
        for name in ("test.json", "predictions.csv"):
            check_writable(run.folder / name)
        logits = answers(run, dataset, flags.weights, choose_device(flags.device))
        scores = judge(logits, dataset)
        record = {"data": str(flags.data), "split": flags.split, "weights": flags.weights} | scores
        remarks = remarks_on(run, record)
        with replacing(run.folder / "test.json", "w") as file:
            file.write(json.dumps(record, indent=2) + "\n")
        with replacing(run.folder / "predictions.csv", "w") as file:
            predictions(logits, dataset, flags.data).to_csv(file, index=False, lineterminator="\n")
        for remark in remarks:
            print(remark)
        print(f"{len(dataset)} images, weights {flags.weights}: loss {scores['loss']:.4f}, ", end="")
        print(f"accuracy {scores['accuracy']:.4f}, standard error {scores['standard_error']:.4f}")
        print(
            class_report(dataset.targets, logits.argmax(dim=1), dataset.classes).to_string(float_format="{:.3f}".format)
        )

    return exit_code(work, interrupted=lambda: "nothing was written")


def remarks_on(run: Run, record: dict[str, Any]) -> list[str]:
    """What to know of a run that is still trained, and of a report on something else that `record` replaces."""
    remarks, log = [], run.folder / "epochs.csv"
    done = len(log.read_text(encoding="utf-8").splitlines()) - 1 if log.exists() else 0
    if done < run.settings.epochs:
        remarks.append(f"This run is not finished: {done} of {run.settings.epochs} epochs.")
    try:
        before = json.loads((run.folder / "test.json").read_text(encoding="utf-8"))
        on, now = ([of["split"], of["weights"]] for of in (before, record))
    except (OSError, ValueError, KeyError, TypeError):
        return remarks  # there is none, or nobody can read it
    if on != now:
        remarks.append("This replaces the report on the split {}, weights {}.".format(*on))
    return remarks


def answers(run: Run, dataset: LabelledImages, weights: str, device: torch.device) -> torch.Tensor:
    """Logits float32 (n, classes) of the run's network for every image, in the order of `dataset`."""
    loader = DataLoader(dataset, run.settings.batch_size, num_workers=run.settings.workers)
    autocast = torch.bfloat16 if run.settings.bfloat16 else None
    return predict(run.load_model(weights).to(device), loader, autocast)[0]


def judge(logits: torch.Tensor, dataset: LabelledImages) -> dict[str, float]:
    """Loss, accuracy with its standard error, and macro-averaged precision, recall and F1."""
    labels = torch.tensor(dataset.targets)
    scores = {"images": len(labels), "loss": F.cross_entropy(logits, labels).item()}
    scores |= classification_metrics(labels, logits.argmax(dim=1))
    return scores | {"standard_error": standard_error(scores["accuracy"], len(labels))}


def predictions(logits: torch.Tensor, dataset: LabelledImages, root: Path) -> pd.DataFrame:
    """One row per image: its `file`, below `root` or whole, the `true` and the `predicted` class, and the `probability`
    of the latter."""
    probabilities, labels = logits.softmax(dim=1).max(dim=1)
    return pd.DataFrame(
        {
            "file": [_shown(path, root) for path, _ in dataset.samples],
            "true": [dataset.classes[label] for label in dataset.targets],
            "predicted": [dataset.classes[label] for label in labels],
            "probability": probabilities.numpy().round(4),
        }
    )


def _shown(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


if __name__ == "__main__":
    sys.exit(main())
