"""Callbacks that write down what `fit` measures, and keep weights. Lesson 09 uses the logs, lesson 10 `KeepWeights`."""

import csv
import os
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from ..basics.files import naming, replacing
from ..evaluation.history import History
from .callbacks import Callback


class CSVLog(Callback):
    """Two tables in `folder`: `batches.csv`, a row per batch, and `epochs.csv`, a row per epoch.

    An interrupted run that goes on leaves the same rows as one that was never interrupted.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.batches, self.epochs = self.folder / "batches.csv", self.folder / "epochs.csv"

    def on_start(self, model: nn.Module, history: History, batches: int) -> None:
        self.history = history
        self.folder.mkdir(parents=True, exist_ok=True)
        kept: list[list[str]] = []
        if batches and self.batches.exists():
            with open(self.batches, encoding="utf-8", newline="") as file:
                header, *rows = [*csv.reader(file)] or [[]]
            # a killed run may have logged batches of an epoch that is trained anew, the last of them half
            kept = [header, *(row for row in rows if len(row) == len(header) and int(row[1]) <= batches)]
        with replacing(self.batches, "w") as file:
            csv.writer(file, lineterminator="\n").writerows(filter(None, kept))

    def on_batches(self, rows: list[dict[str, float]]) -> None:
        with naming(self.batches), open(self.batches, "a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            if not file.tell():
                writer.writeheader()
            writer.writerows(rows)

    def on_epoch(self, row: dict[str, float]) -> None:
        with open(self.batches, "rb+") as file:  # batches that the checkpoint counts as done are not trained again
            os.fsync(file.fileno())
        with replacing(self.epochs, "w") as file:
            self.history.frame().to_csv(file, lineterminator="\n")


class TensorBoardLog(Callback):
    """Curves for TensorBoard in `folder`, all over the number of batches; see `tensorboard --logdir FOLDER`."""

    def __init__(self, folder: str | Path):
        self.folder = folder

    def on_start(self, model: nn.Module, history: History, batches: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.step = batches
        # what a killed run wrote after its last checkpoint is hidden
        self.writer = SummaryWriter(str(self.folder), purge_step=batches + 1)

    def on_batches(self, rows: list[dict[str, float]]) -> None:
        for row in rows:
            self.step = row["batch"]
            self._write("batch", row)

    def on_epoch(self, row: dict[str, float]) -> None:
        self._write("epoch", row)

    def on_stop(self) -> None:
        self.writer.close()

    def _write(self, kind: str, row: dict[str, float]) -> None:
        for name, value in row.items():
            if name not in ("epoch", "batch"):
                self.writer.add_scalar(f"{kind}/{name}", value, self.step)


class WandbLog(Callback):
    """Curves for Weights & Biases. Offline unless told otherwise: no account, no network, files in `folder`/wandb.

    Send an offline run later with `wandb sync`, or pass `mode="online"`.
    """

    def __init__(self, folder: str | Path, project: str = "course", mode: str = "offline", **settings: Any):
        """
        Args:
            settings: further arguments of `wandb.init`, e.g. `name`, or `config`, the settings of the run.
        """
        self.arguments = {"dir": str(folder), "project": project, "mode": mode, **settings}

    def on_start(self, model: nn.Module, history: History, batches: int) -> None:
        import wandb

        Path(self.arguments["dir"]).mkdir(parents=True, exist_ok=True)
        self.run = wandb.init(**self.arguments, settings=wandb.Settings(silent=True, console="off"))
        self.run.define_metric("batch/*", step_metric="batch/batch")
        self.run.define_metric("epoch/*", step_metric="epoch/epoch")

    def on_batches(self, rows: list[dict[str, float]]) -> None:
        for row in rows:
            self._log("batch", row)

    def on_epoch(self, row: dict[str, float]) -> None:
        self._log("epoch", row)

    def on_stop(self) -> None:
        self.run.finish()

    def _log(self, kind: str, row: dict[str, float]) -> None:
        self.run.log({f"{kind}/{name}": value for name, value in row.items()})


class KeepWeights(Callback):
    """The weights of every epoch in `folder`, `epoch-01.safetensors` and so on, and those of the best one.

    `best.safetensors` holds the weights of the best epoch so far.
    """

    def __init__(self, folder: str | Path, monitor: str = "val_loss", every_epoch: bool = True):
        """
        Args:
            monitor: column of the history that says which epoch is best, as in `fit`.
            every_epoch: whether to keep more than the best.
        """
        self.folder, self.monitor, self.every_epoch = Path(folder), monitor, every_epoch

    def on_start(self, model: nn.Module, history: History, batches: int) -> None:
        self.model, self.history = model, history
        self.folder.mkdir(parents=True, exist_ok=True)

    def on_epoch(self, row: dict[str, float]) -> None:
        names = [f"epoch-{row['epoch']:02}"] if self.every_epoch else []
        if self.history.best(self.monitor) is row:
            names.append("best")
        content = names and save({name: value.contiguous().cpu() for name, value in self.model.state_dict().items()})
        for name in names:
            with replacing(self.folder / f"{name}.safetensors") as file:
                file.write(content)
