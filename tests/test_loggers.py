"""Checks of the logs and of kept weights: what stands in the files is what was measured, also after a break."""

import csv
import json
import math
import os
import re
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_runs import equal
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader, TensorDataset

from course_utils import CSVLog, evaluate, fit, load_checkpoint
from course_utils.evaluation.history import History
from course_utils.training.callbacks import Callback
from course_utils.training.loggers import KeepWeights, TensorBoardLog, WandbLog

INPUTS = torch.randn(90, 6, generator=torch.Generator().manual_seed(0))  # 30 batches of 3
LABELS = INPUTS[:, 0].gt(0).long()
PER_EPOCH = 30

pytestmark = pytest.mark.usefixtures("seeded")


class Listener(Callback):
    """Keeps the rows, to compare them with what the logs hold."""

    def __init__(self) -> None:
        self.batches: list[dict[str, float]] = []
        self.epochs: list[dict[str, float]] = []

    def on_batches(self, rows: list[dict[str, float]]) -> None:
        self.batches += rows

    def on_epoch(self, row: dict[str, float]) -> None:
        self.epochs.append(row)


def make_model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def train(callbacks: list[Callback], epochs: int = 3, stop_in_batch: int = 0, val: bool = True, **arguments) -> History:
    """Train with a fixed seed; on wish broken off in that batch, counted over all epochs of this sitting."""
    torch.manual_seed(0)
    count = [0]

    def loss_fn(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        count[0] += outputs.requires_grad  # not while evaluating
        if outputs.requires_grad and count[0] == stop_in_batch:
            raise KeyboardInterrupt
        return F.cross_entropy(outputs, labels)

    examples, model = TensorDataset(INPUTS, LABELS), arguments.pop("model", None) or make_model()
    train_loader = DataLoader(examples, 3, shuffle=True, generator=torch.Generator().manual_seed(1))
    arguments = {"optimizer": SGD(model.parameters(), lr=0.03, momentum=0.9), "progress": False} | arguments
    val_loader = DataLoader(examples, 45) if val else None
    return fit(model, train_loader, val_loader, epochs=epochs, loss_fn=loss_fn, callbacks=callbacks, **arguments)


def break_off(callbacks: list[Callback], stop_in_batch: int, **arguments) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(callbacks, stop_in_batch=stop_in_batch, **arguments)


# -- CSVLog -----------------------------------------------------------------------------------------------------------


def table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def without_seconds(path: Path) -> list[dict[str, str]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in table(path)]


def test_the_tables_hold_every_number_in_full_precision(tmp_path: Path) -> None:
    listener = Listener()
    history = train([CSVLog(tmp_path / "new" / "log"), listener])
    for name, rows in (("batches", listener.batches), ("epochs", history.rows)):
        found = table(tmp_path / "new" / "log" / f"{name}.csv")
        assert [list(row) for row in found] == [list(row) for row in rows]
        assert [[float(value) for value in row.values()] for row in found] == [list(row.values()) for row in rows]
        assert [row["epoch"] for row in found] == [str(row["epoch"]) for row in rows], "whole numbers stay whole"
    assert len(listener.batches) == 90 and len(history) == 3
    assert sorted(path.name for path in (tmp_path / "new" / "log").iterdir()) == ["batches.csv", "epochs.csv"]
    assert b"\r" not in (tmp_path / "new" / "log" / "batches.csv").read_bytes()


def test_the_tables_grow_while_training_goes_on(tmp_path: Path) -> None:
    seen = []

    class Reader(Callback):
        def on_batches(self, rows: list) -> None:
            seen.append(len(table(tmp_path / "batches.csv")))

        def on_epoch(self, row: dict) -> None:
            seen.append(f"epochs {len(table(tmp_path / 'epochs.csv'))}")

    train([CSVLog(tmp_path), Reader()], epochs=2)
    assert seen == [25, 30, "epochs 1", 55, 60, "epochs 2"]


@pytest.mark.parametrize("batch", [1, 29, 58, 89])
@pytest.mark.parametrize("cut", [0, 1, 20], ids=lambda cut: f"{cut} bytes cut off")
def test_a_run_broken_off_and_resumed_leaves_the_same_tables(batch: int, cut: int, tmp_path: Path) -> None:
    whole, broken, checkpoint = tmp_path / "whole", tmp_path / "broken", tmp_path / "run.pt"
    train([CSVLog(whole)])
    break_off([CSVLog(broken)], batch, checkpoint=checkpoint)
    logged, done = (broken / "batches.csv").read_bytes(), (batch - 1) // PER_EPOCH
    if logged.count(b"\n") > 1 + done * PER_EPOCH:  # a killed run may write a line by half, after its last checkpoint
        (broken / "batches.csv").write_bytes(logged[: len(logged) - cut])
    train([CSVLog(broken)], checkpoint=checkpoint)
    assert (broken / "batches.csv").read_bytes() == (whole / "batches.csv").read_bytes()
    assert without_seconds(broken / "epochs.csv") == without_seconds(whole / "epochs.csv")


def test_an_epoch_that_was_logged_and_not_saved_is_logged_once(tmp_path: Path) -> None:
    class Killed(Callback):
        def on_epoch(self, row: dict) -> None:
            if row["epoch"] == 2:
                raise KeyboardInterrupt  # before the checkpoint is written

    train([CSVLog(tmp_path / "whole")])
    with pytest.raises(KeyboardInterrupt):
        train([CSVLog(tmp_path / "broken"), Killed()], checkpoint=tmp_path / "run.pt")
    assert len(table(tmp_path / "broken" / "epochs.csv")) == 2
    assert len(load_checkpoint(tmp_path / "run.pt")["history"]) == 1
    train([CSVLog(tmp_path / "broken")], checkpoint=tmp_path / "run.pt")
    assert (tmp_path / "broken" / "batches.csv").read_bytes() == (tmp_path / "whole" / "batches.csv").read_bytes()
    assert without_seconds(tmp_path / "broken" / "epochs.csv") == without_seconds(tmp_path / "whole" / "epochs.csv")


def test_the_log_of_a_finished_run_is_not_changed_by_opening_it_again(tmp_path: Path) -> None:
    train([CSVLog(tmp_path)], checkpoint=tmp_path / "run.pt")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    train([CSVLog(tmp_path)], checkpoint=tmp_path / "run.pt")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_log_of_another_training_is_not_overwritten(tmp_path: Path) -> None:
    train([CSVLog(tmp_path)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileExistsError, match="epochs.csv is the log of another training, 3 epochs long. Choose"):
        train([CSVLog(tmp_path)], epochs=1)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_one_epoch_that_was_logged_before_a_kill_does_not_keep_training_from_starting_anew(tmp_path: Path) -> None:
    train([CSVLog(tmp_path)], epochs=1)
    train([CSVLog(tmp_path)], epochs=2)
    assert len(table(tmp_path / "batches.csv")) == 60 and len(table(tmp_path / "epochs.csv")) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,price\napple,3\n", "batches.csv has no column 'batch'"),
        (b"epoch,batch\n1,x\n", "batches.csv has a batch 'x', which is no number"),
        ("epoch,batch\n1,é\n".encode("latin-1"), "batches.csv, line 2, is not UTF-8"),
    ],
    ids=["other columns", "no number", "no UTF-8"],
)
def test_a_table_that_is_no_log_of_batches_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    train([], epochs=1, checkpoint=tmp_path / "run.pt")
    (tmp_path / "batches.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        train([CSVLog(tmp_path)], checkpoint=tmp_path / "run.pt")
    assert (tmp_path / "batches.csv").read_bytes() == content


@pytest.mark.parametrize("left", ["", "missing"], ids=["empty", "missing"])
def test_a_table_of_batches_that_was_lost_does_not_keep_training_from_going_on(left: str, tmp_path: Path) -> None:
    train([CSVLog(tmp_path)], epochs=2, checkpoint=tmp_path / "run.pt")
    (tmp_path / "batches.csv").unlink() if left else (tmp_path / "batches.csv").write_text("")
    train([CSVLog(tmp_path)], checkpoint=tmp_path / "run.pt")
    assert [row["batch"] for row in table(tmp_path / "batches.csv")] == [str(number) for number in range(61, 91)]
    assert len(table(tmp_path / "epochs.csv")) == 3


def test_batches_are_on_the_disk_before_the_checkpoint_counts_them_as_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut, what was not synchronized may be gone; batches before a checkpoint are not trained again."""
    synced, fsync = [], os.fsync

    def listening(number: int) -> None:
        synced.append((os.fstat(number).st_ino, os.fstat(number).st_size))
        fsync(number)

    monkeypatch.setattr(os, "fsync", listening)
    train([CSVLog(tmp_path)], epochs=1, checkpoint=tmp_path / "run.pt")
    batches = (tmp_path / "batches.csv").stat()
    assert (batches.st_ino, batches.st_size) in synced[:-1], "batches.csv was never synchronized"


def test_a_regression_without_validation_is_logged_with_its_columns(tmp_path: Path) -> None:
    model = nn.Linear(6, 1)
    loader = DataLoader(TensorDataset(INPUTS, INPUTS[:, :1]), 30)
    optimizer = SGD(model.parameters(), lr=0.1)
    fit(model, loader, optimizer=optimizer, epochs=1, loss_fn=F.mse_loss, callbacks=[CSVLog(tmp_path)], progress=False)
    assert list(table(tmp_path / "batches.csv")[0]) == ["epoch", "batch", "lr", "train_loss"]
    assert list(table(tmp_path / "epochs.csv")[0]) == ["epoch", "lr", "train_loss", "seconds"]


# -- TensorBoardLog ---------------------------------------------------------------------------------------------------


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows: the points (step, value) of every curve."""
    shown = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {
        tag: [(point.step, point.value) for point in shown.Scalars(tag)]
        for tag in shown.Tags()["scalars"]
        if not tag.endswith("seconds")
    }


def age(folder: Path) -> None:
    """As if this sitting had been long ago: TensorBoard reads files in the order of their names, which hold seconds."""
    for path in folder.iterdir():
        path.rename(path.with_name(re.sub(r"tfevents\.\d+", "tfevents.1000000000", path.name)))


def expected_curves(listener: Listener) -> dict[str, list[tuple[int, float]]]:
    def single(value: float) -> float:
        return torch.tensor(value).item()  # TensorBoard keeps 32 bits

    curves = {
        f"batch/{name}": [(row["batch"], single(row[name])) for row in listener.batches]
        for name in ("lr", "train_loss", "train_accuracy")
    }
    return curves | {
        f"epoch/{name}": [(row["epoch"] * PER_EPOCH, single(row[name])) for row in listener.epochs]
        for name in ("lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy")
    }


def test_tensorboard_shows_every_number_at_its_batch(tmp_path: Path) -> None:
    listener = Listener()
    train([TensorBoardLog(tmp_path / "new" / "log"), listener])
    found = curves(tmp_path / "new" / "log")
    assert found == expected_curves(listener) and len(found["batch/lr"]) == 90


@pytest.mark.parametrize("batch", [20, 29, 30, 58, 89])
def test_tensorboard_shows_a_resumed_run_as_one_that_was_not_broken_off(batch: int, tmp_path: Path) -> None:
    listener = Listener()
    train([listener])
    break_off([TensorBoardLog(tmp_path / "log")], batch, checkpoint=tmp_path / "run.pt")
    age(tmp_path / "log")
    train([TensorBoardLog(tmp_path / "log")], checkpoint=tmp_path / "run.pt")
    assert curves(tmp_path / "log") == expected_curves(listener)


@pytest.mark.parametrize("cut", [0, 1, 30])
def test_tensorboard_shows_a_killed_run_as_one_that_was_not_broken_off(cut: int, tmp_path: Path) -> None:
    class Killed(Callback):
        def on_epoch(self, row: dict) -> None:
            if row["epoch"] == 2:
                raise KeyboardInterrupt  # after the log, before the checkpoint

    listener = Listener()
    train([listener])
    with pytest.raises(KeyboardInterrupt):
        train([TensorBoardLog(tmp_path / "log"), Killed()], checkpoint=tmp_path / "run.pt")
    age(tmp_path / "log")
    (file,) = (tmp_path / "log").iterdir()
    file.write_bytes(file.read_bytes()[: file.stat().st_size - cut])
    train([TensorBoardLog(tmp_path / "log")], checkpoint=tmp_path / "run.pt")
    assert curves(tmp_path / "log") == expected_curves(listener)


@pytest.mark.parametrize("log", [TensorBoardLog, WandbLog])
def test_a_log_that_cannot_be_written_says_so(log: type[Callback], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        train([log(tmp_path / "file" / "log")])


# -- WandbLog ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def wandb_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> Iterator[tuple]:
    """The folder of an offline run in `tmp_path`, what was measured and what was printed; outward calls fail."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_DIR", "WANDB_PROJECT", "WANDB_SILENT"):
        monkeypatch.delenv(name, raising=False)
    looked_up = []
    find = socket.getaddrinfo

    def only_here(host: str, *arguments: object, **more: object) -> list:
        if host not in ("localhost", "127.0.0.1", "::1", None):
            looked_up.append(host)
            raise OSError(f"no route to {host}")
        return find(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", only_here)
    listener = Listener()
    train([WandbLog(tmp_path / "new", name="first", config={"size": 8}), listener], epochs=1)
    yield tmp_path / "new", listener, capfd.readouterr()
    assert looked_up == [], "a network was asked for"


def stored_offline(folder: Path) -> tuple[list[dict], dict]:
    """The rows that an offline run holds, and its settings."""
    from wandb.proto import wandb_internal_pb2

    (file,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    rows, config = [], {}
    for data in _records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.HasField("history"):
            items = {(item.key or "/".join(item.nested_key)): item.value_json for item in record.history.item}
            rows.append({name: json.loads(value) for name, value in items.items() if not name.startswith("_")})
        if record.HasField("run"):
            config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
    return rows, config


def _records(content: bytes) -> Iterator[bytes]:
    """The records of a log in LevelDB's format, which wandb's own files have, as long as it is of one block."""
    assert content.startswith(b":W&B"[: len(content)]) and len(content) < 32768
    position = 7
    while position < len(content):
        _, length, kind = struct.unpack_from("<IHB", content, position)
        assert kind == 1, "a part of a record"
        position += 7 + length
        yield content[position - length : position]


def test_wandb_writes_offline_into_the_folder_and_prints_nothing(wandb_run: tuple) -> None:
    folder, listener, printed = wandb_run
    assert printed == ("", "")
    assert [path.name for path in folder.iterdir()] == ["wandb"] and list(folder.glob("wandb/offline-run-*"))
    patience = time.monotonic() + 30
    # wandb's own process may still be writing when `finish` has returned
    while len((stored := stored_offline(folder))[0]) < 31 and time.monotonic() < patience:
        time.sleep(0.1)
    rows, config = stored
    batches = [{f"batch/{name}": value for name, value in row.items()} for row in listener.batches]
    epochs = [{f"epoch/{name}": value for name, value in row.items()} for row in listener.epochs]
    assert [row for row in rows if "batch/batch" in row] == batches
    assert [row for row in rows if "epoch/epoch" in row] == epochs
    assert len(batches) == 30 and len(rows) == 31 and config["size"] == 8


def test_settings_of_wandb_itself_are_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import wandb

    given = []
    monkeypatch.setattr(wandb, "init", lambda **arguments: given.append(arguments) or MagicMock())
    own = wandb.Settings(silent=False)
    for log in (WandbLog(tmp_path, settings=own), WandbLog(tmp_path)):
        log.on_start(nn.Linear(1, 1), History(), 0)
    assert given[0]["settings"] is own and given[1]["settings"].silent


# -- KeepWeights ------------------------------------------------------------------------------------------------------


class Copies(Callback):
    """A copy of the weights of every epoch."""

    def __init__(self) -> None:
        self.weights: dict[int, dict[str, torch.Tensor]] = {}

    def on_start(self, model: nn.Module, history: History, batches: int) -> None:
        self.model = model

    def on_epoch(self, row: dict[str, float]) -> None:
        self.weights[row["epoch"]] = {name: value.clone() for name, value in self.model.state_dict().items()}


def test_the_weights_of_every_epoch_and_of_the_best_are_kept(tmp_path: Path) -> None:
    copies = Copies()
    # so high a learning rate that the last epoch is not the best
    model = make_model()
    optimizer = SGD(model.parameters(), lr=2.0)
    history = train([KeepWeights(tmp_path / "new"), copies], epochs=5, model=model, optimizer=optimizer)
    best = history.best("val_loss")["epoch"]
    assert best != 5 and not equal(copies.weights[best], copies.weights[5])
    files = {path.name: load_file(path) for path in (tmp_path / "new").iterdir()}
    assert sorted(files) == ["best.safetensors", *(f"epoch-0{number}.safetensors" for number in range(1, 6))]
    assert all(equal(files[f"epoch-0{number}.safetensors"], copies.weights[number]) for number in range(1, 6))
    assert equal(files["best.safetensors"], copies.weights[best])
    model.load_state_dict(files["best.safetensors"])
    assert evaluate(model, DataLoader(TensorDataset(INPUTS, LABELS), 45))["loss"] == min(history["val_loss"])


def test_best_is_always_that_of_the_epochs_so_far(tmp_path: Path) -> None:
    class Reader(Copies):
        def on_epoch(self, row: dict) -> None:
            super().on_epoch(row)
            best = min(seen := self.history.rows, key=lambda row: row["val_loss"])["epoch"]
            assert len(seen) == row["epoch"] and equal(load_file(tmp_path / "best.safetensors"), self.weights[best])

        def on_start(self, model: nn.Module, history: History, batches: int) -> None:
            super().on_start(model, history, batches)
            self.history = history

    model = make_model()
    train([KeepWeights(tmp_path), Reader()], epochs=4, model=model, optimizer=SGD(model.parameters(), lr=2.0))


def test_every_epoch_false_keeps_the_best_alone(tmp_path: Path) -> None:
    train([KeepWeights(tmp_path, every_epoch=False)])
    assert [path.name for path in tmp_path.iterdir()] == ["best.safetensors"]


def test_another_monitor_decides_which_is_best(tmp_path: Path) -> None:
    copies, model = Copies(), make_model()
    history = train(
        [KeepWeights(tmp_path, monitor="train_accuracy"), copies],
        epochs=4,
        val=False,
        model=model,
        optimizer=SGD(model.parameters(), lr=0.05),
    )
    best = max(history.rows, key=lambda row: row["train_accuracy"])["epoch"]  # of equal ones the first
    assert equal(load_file(tmp_path / "best.safetensors"), copies.weights[best])


def test_an_epoch_whose_loss_is_nan_is_not_the_best(tmp_path: Path) -> None:
    callback, model = KeepWeights(tmp_path), nn.Linear(1, 1)
    rows: list[dict[str, float]] = []
    callback.on_start(model, History(rows), 0)
    for epoch, loss in enumerate([0.5, math.nan, 0.7], 1):
        nn.init.constant_(model.weight, float(epoch))
        rows.append({"epoch": epoch, "val_loss": loss})
        callback.on_epoch(rows[-1])
    assert load_file(tmp_path / "best.safetensors")["weight"].item() == 1
    assert load_file(tmp_path / "epoch-03.safetensors")["weight"].item() == 3


def test_the_best_of_the_first_sitting_stays_the_best_in_the_second(tmp_path: Path) -> None:
    train([KeepWeights(tmp_path)], epochs=1, checkpoint=tmp_path / "run.pt")
    first = load_file(tmp_path / "best.safetensors")
    callback = KeepWeights(tmp_path)
    model = make_model()
    model.load_state_dict(first)
    rows = [{"epoch": 1, "val_loss": 0.1}]
    callback.on_start(model, History(rows), PER_EPOCH)
    nn.init.zeros_(model[0].weight)
    rows.append({"epoch": 2, "val_loss": 0.2})
    callback.on_epoch(rows[-1])
    assert equal(load_file(tmp_path / "best.safetensors"), first)
    assert not load_file(tmp_path / "epoch-02.safetensors")["0.weight"].any()


def test_weights_laid_out_otherwise_in_memory_are_kept_too(tmp_path: Path) -> None:
    model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    callback, rows = KeepWeights(tmp_path), []
    callback.on_start(model, History(rows), 0)
    rows.append({"epoch": 1, "val_loss": 1.0})
    callback.on_epoch(rows[0])
    assert equal(load_file(tmp_path / "epoch-01.safetensors"), dict(model.state_dict()))


def test_weights_that_two_layers_share_are_kept_too(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
    model[2].weight = model[0].weight
    train([KeepWeights(tmp_path)], epochs=1, model=model)
    assert equal(load_file(tmp_path / "best.safetensors"), dict(model.state_dict()))


def test_the_file_of_the_best_says_which_epoch_it_is_and_by_what(tmp_path: Path) -> None:
    history = train([KeepWeights(tmp_path)])
    with safe_open(tmp_path / "best.safetensors", "pt") as file:
        assert file.metadata() == {"val_loss": str(history.best("val_loss")["epoch"])}


def test_weights_of_another_training_are_not_overwritten(tmp_path: Path) -> None:
    best_epoch = train([KeepWeights(tmp_path)]).best("val_loss")["epoch"]
    with pytest.raises(FileExistsError, match=r"weights of another training \(epoch-02.safetensors\). Choose another"):
        train([KeepWeights(tmp_path)])
    for path in tmp_path.glob("epoch-*"):
        path.unlink()
    best = (tmp_path / "best.safetensors").read_bytes()
    with pytest.raises(FileExistsError, match=f"best.safetensors is epoch {best_epoch} of another training"):
        train([KeepWeights(tmp_path)])
    assert (tmp_path / "best.safetensors").read_bytes() == best


def test_the_best_by_another_monitor_or_lost_is_told_when_going_on(tmp_path: Path) -> None:
    train([KeepWeights(tmp_path)], epochs=1, checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match="best.safetensors is the best by val_loss, not by val_accuracy"):
        train([KeepWeights(tmp_path, monitor="val_accuracy")], checkpoint=tmp_path / "run.pt")
    (tmp_path / "best.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="best.safetensors is missing, though epochs have been trained"):
        train([KeepWeights(tmp_path)], checkpoint=tmp_path / "run.pt")


def test_what_keep_weights_watches_must_be_measured_and_that_is_found_before_training(tmp_path: Path) -> None:
    listener = Listener()
    with pytest.raises(ValueError, match="monitor='val_loss' is not measured without a val_loader"):
        train([KeepWeights(tmp_path), listener], val=False)
    assert listener.batches == [] and not list(tmp_path.iterdir())


def test_a_monitor_that_is_not_measured_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="monitor='val_loss' is not measured.*train_loss, train_accuracy"):
        train([KeepWeights(tmp_path)], epochs=1, val=False)


def test_all_logs_together_leave_the_numbers_alone(tmp_path: Path) -> None:
    plain, logged = make_model(), make_model()
    plain.load_state_dict(logged.state_dict())
    optimizers = [SGD(model.parameters(), lr=0.03) for model in (plain, logged)]
    first = train([], model=plain, optimizer=optimizers[0])
    second = train(
        [CSVLog(tmp_path), KeepWeights(tmp_path), TensorBoardLog(tmp_path)], model=logged, optimizer=optimizers[1]
    )
    assert equal(plain.state_dict(), logged.state_dict()) and first["val_loss"] == second["val_loss"]
    assert not [path for path in tmp_path.iterdir() if re.search(r"\.part$", path.name)]
