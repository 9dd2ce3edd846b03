"""Callbacks that write down what `fit` measures, and keep weights. Lesson 09 uses the logs, lesson 10 `KeepWeights`."""

import csv
import io
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from ..basics.files import naming, replacing
from ..data.lists import read_utf8
from ..evaluation.history import History
from .callbacks import Callback
from .checks import MONITORS

OTHER_FOLDER = "Choose another folder for this one, or delete the files."


class CSVLog(Callback):
    """Two tables in `folder`: `batches.csv`, a row per batch, and `epochs.csv`, a row per epoch.

    An interrupted run that goes on leaves the same rows as one that was never interrupted. The log of another training
    is not overwritten: there may be at most one epoch more than have been trained, as a killed program leaves it.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.batches, self.epochs = self.folder / "batches.csv", self.folder / "epochs.csv"

    def on_start(self, model: nn.Module, history: History, batches: int) -> None:
        self.history = history
        self.folder.mkdir(parents=True, exist_ok=True)
        logged = len(_read(self.epochs)) - 1
        if logged > len(history) + 1:
            raise FileExistsError(
                f"{self.epochs} is the log of another training, {logged} epochs long. Choose another folder, or delete "
                "the file. (To go on with that training, give its checkpoint.)"
            )
        header, *rows = _read(self.batches) if batches else [[]]
        if header and "batch" not in header:
            raise ValueError(f"{self.batches} has no column 'batch': it is no log of batches. Move it elsewhere.")
        self.columns, at = header, header.index("batch") if header else 0
        # a killed run may have logged batches of an epoch that is trained anew, the last of them half
        whole = [row for row in rows if len(row) == len(header)]
        if odd := [row[at] for row in whole if not row[at].isdecimal()]:
            raise ValueError(f"{self.batches} has a batch {odd[0]!r}, which is no number. Move the file elsewhere.")
        kept = [header, *(row for row in whole if int(row[at]) <= batches)]
        with replacing(self.batches, "w") as file:
            csv.writer(file, lineterminator="\n").writerows(filter(None, kept))

    def on_batches(self, rows: list[dict[str, float]]) -> None:
        with naming(self.batches), open(self.batches, "a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, self.columns or list(rows[0]), lineterminator="\n")
            if not file.tell():
                writer.writeheader()
            writer.writerows(rows)

    def on_epoch(self, row: dict[str, float]) -> None:
        with open(self.batches, "rb+") as file:  # batches that the checkpoint counts as done are not trained again
            os.fsync(file.fileno())
        with replacing(self.epochs, "w") as file:
            self.history.frame().to_csv(file, lineterminator="\n")


def _read(path: Path) -> list[list[str]]:
    """The rows of a table, the header first; one empty row where there is none."""
    if not path.exists():
        return [[]]
    return [*csv.reader(io.StringIO(read_utf8(path, newline=""), newline=""))] or [[]]


class TensorBoardLog(Callback):
    """Curves for TensorBoard in `folder`, all over the number of batches; see `tensorboard --logdir FOLDER`.

    A training that begins anew hides what another one has written into the same folder: give each its own.
    """

    def __init__(self, folder: str | Path):
        self.folder = folder

    def on_start(self, model: nn.Module, history: History, batches: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.step = batches
        # what a killed run wrote after its last checkpoint is hidden
        self.writer = SummaryWriter(str(self.folder), purge_step=batches + 1)

    def on_batches(self, rows: list[dict[str, float]]) -> None:
        for row in rows:
            self.step = int(row["batch"])
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

    Send an offline run later with `wandb sync`, or pass `mode="online"`. A training that goes on after an interruption
    shows there as a second run, which begins at the batch where the first one ended.
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
        self.run = wandb.init(**{"settings": wandb.Settings(silent=True, console="off")} | self.arguments)
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

    `best.safetensors` holds the weights of the best epoch so far. Its metadata say, under the name of `monitor`,
    which epoch that is. Weights of another training are not overwritten.
    """

    monitor: str

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
        done = len(history)
        later = [path.name for path in self.folder.glob("epoch-*.safetensors") if _number(path) > done + 1]
        if later:
            raise FileExistsError(f"{self.folder} holds weights of another training ({min(later)}). {OTHER_FOLDER}")
        best = self.folder / "best.safetensors"
        if done and not best.exists():
            raise FileNotFoundError(
                f"{best} is missing, though epochs have been trained, in all {done}: the best weights are lost. Put "
                "the file back, or begin anew in another folder."
            )
        epoch, monitor = _label(best) if best.exists() else (0, "")
        if not epoch:  # no weights, or none of this class
            return
        if monitor != self.monitor and done:
            raise ValueError(f"{best} is the best by {monitor}, not by {self.monitor}. {OTHER_FOLDER}")
        expected = history.best(self.monitor)["epoch"] if done else 0
        if epoch not in (expected, done + 1):  # the latter where a program was killed before its checkpoint was written
            raise FileExistsError(f"{best} is epoch {epoch} of another training. {OTHER_FOLDER}")

    def on_epoch(self, row: dict[str, float]) -> None:
        names = [f"epoch-{row['epoch']:02}"] if self.every_epoch else []
        if self.history.best(self.monitor) is row:
            names.append("best")
        if not names:
            return
        # copies: what two layers share is refused by safetensors
        weights = {name: value.to("cpu", copy=True).contiguous() for name, value in self.model.state_dict().items()}
        content = save(weights, {self.monitor: str(row["epoch"])})  # several would come in any order
        for name in names:
            with replacing(self.folder / f"{name}.safetensors") as file:
                file.write(content)


def _number(path: Path) -> int:
    digits = path.stem.removeprefix("epoch-")
    return int(digits) if digits.isdecimal() else 0


def _label(path: Path) -> tuple[int, str]:
    """Epoch and monitor that `KeepWeights` has noted in a file; 0 and "" where it has not."""
    try:
        with safe_open(path, "pt") as file:
            label = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}). Delete it.") from error
    return next(((int(epoch), name) for name, epoch in label.items() if name in MONITORS), (0, ""))
