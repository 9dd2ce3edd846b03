"""Checks of what `fit` tells its callbacks, batch by batch and epoch by epoch, and of stopping at infinite numbers."""

import io
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tiny_runs import equal
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

from course_utils import fit, load_checkpoint
from course_utils.evaluation.history import History
from course_utils.training.callbacks import READ_EVERY, BatchRecorder, Callback, started

INPUTS = torch.randn(119, 6, generator=torch.Generator().manual_seed(0))  # 60 batches of 2, the last one of 1
LABELS = INPUTS[:, 0].gt(0).long()

pytestmark = pytest.mark.usefixtures("seeded")


class Listener(Callback):
    """Remembers everything it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.groups: list[list[dict[str, float]]] = []
        self.epochs: list[dict[str, float]] = []

    def on_start(self, model: nn.Module, history: History, batches: int) -> None:
        self.model, self.history, self.done, self.known = model, history, batches, len(history)
        self.heard.append("start")

    def on_batches(self, rows: list[dict[str, float]]) -> None:
        self.groups.append(rows)
        self.heard.append("batches")

    def on_epoch(self, row: dict[str, float]) -> None:
        assert self.history.rows[-1] is row, "the history lacks the epoch that has just been trained"
        self.epochs.append(row)
        self.heard.append("epoch")

    def on_stop(self) -> None:
        self.heard.append("stop")

    @property
    def rows(self) -> list[dict[str, float]]:
        return [row for group in self.groups for row in group]


def make_model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))


def loader(batch_size: int = 2, shuffle: bool = False, inputs: torch.Tensor = INPUTS) -> DataLoader:
    # BatchNorm refuses a single example: the odd one is left out
    return DataLoader(TensorDataset(inputs, LABELS[: len(inputs)]), batch_size, shuffle=shuffle, drop_last=True)


def quiet_fit(model: nn.Module, train_loader: DataLoader, **arguments):
    arguments = {"optimizer": SGD(model.parameters(), lr=0.05), "epochs": 2, "progress": False} | arguments
    return fit(model, train_loader, **arguments)


# -- what is told -----------------------------------------------------------------------------------------------------


def test_rows_of_batches_are_what_is_computed_by_hand() -> None:
    model = nn.Linear(6, 2)
    weight, bias = model.weight.detach().clone().requires_grad_(), model.bias.detach().clone().requires_grad_()
    optimizer, listener = SGD(model.parameters(), lr=0.5), Listener()
    batches = DataLoader(TensorDataset(INPUTS, LABELS), 2)  # the last one of 1
    quiet_fit(model, batches, optimizer=optimizer, scheduler=StepLR(optimizer, 50, 0.5), callbacks=[listener])
    assert len(listener.rows) == 120
    for number, row in enumerate(listener.rows, 1):
        start = 2 * ((number - 1) % 60)
        inputs, labels = INPUTS[start : start + 2], LABELS[start : start + 2]
        outputs, lr = inputs @ weight.T + bias, 0.5 * 0.5 ** ((number - 1) // 50)
        loss = -outputs.log_softmax(dim=1)[range(len(labels)), labels].mean()
        expected = {"epoch": 1 + (number > 60), "batch": number, "lr": lr, "train_loss": loss.item()}
        expected["train_accuracy"] = sum((outputs.argmax(dim=1) == labels).tolist()) / len(labels)
        assert list(row) == list(expected) and row == pytest.approx(expected, rel=1e-4, abs=1e-6)
        gradients = torch.autograd.grad(loss, [weight, bias])
        with torch.no_grad():
            weight -= lr * gradients[0]
            bias -= lr * gradients[1]


def test_rows_come_in_order_in_groups_of_at_most_25_and_never_across_epochs() -> None:
    listener = Listener()
    quiet_fit(make_model(), loader(), callbacks=[listener])
    assert READ_EVERY == 25
    assert [len(group) for group in listener.groups] == [25, 25, 9, 25, 25, 9]
    assert listener.heard == ["start", *(["batches"] * 3 + ["epoch"]) * 2, "stop"]
    assert [row["batch"] for row in listener.rows] == list(range(1, 119))
    assert [row["epoch"] for row in listener.rows] == [1] * 59 + [2] * 59


def test_rows_of_epochs_are_those_of_the_history_which_weighs_every_example_the_same() -> None:
    listener = Listener()
    batches = DataLoader(TensorDataset(INPUTS[:61], LABELS[:61]), 30)  # the last one of 1
    history = quiet_fit(nn.Linear(6, 2), batches, val_loader=loader(), callbacks=[listener])
    assert listener.epochs == history.rows and len(history) == 2 and "val_loss" in listener.epochs[0]
    sizes = [30, 30, 1]
    for epoch, row in enumerate(history.rows, 1):
        rows = [batch for batch in listener.rows if batch["epoch"] == epoch]
        for name in ("train_loss", "train_accuracy"):
            by_example = sum(size * batch[name] for size, batch in zip(sizes, rows)) / 61
            assert row[name] == pytest.approx(by_example, rel=1e-12)


def test_batches_of_a_regression_have_no_accuracy() -> None:
    listener, examples = Listener(), TensorDataset(INPUTS, INPUTS.sum(dim=1, keepdim=True))
    quiet_fit(nn.Linear(6, 1), DataLoader(examples, 30), loss_fn=F.mse_loss, callbacks=[listener])
    assert {tuple(row) for row in listener.rows} == {("epoch", "batch", "lr", "train_loss")}


def test_callbacks_are_told_one_after_the_other_and_the_checkpoint_is_written_after_the_epoch(tmp_path: Path) -> None:
    heard, checkpoint = [], tmp_path / "run.pt"

    class Ordered(Callback):
        def __init__(self, name: str):
            self.name = name

        def on_start(self, model: nn.Module, history: History, batches: int) -> None:
            heard.append(f"{self.name} start")

        def on_batches(self, rows: list) -> None:
            heard.append(f"{self.name} batches")

        def on_epoch(self, row: dict) -> None:
            saved = len(load_checkpoint(checkpoint)["history"]) if checkpoint.exists() else 0
            heard.append(f"{self.name} epoch, {saved} saved")

    quiet_fit(make_model(), loader(25), callbacks=[Ordered("a"), Ordered("b")], checkpoint=checkpoint)
    expected = ["a start", "b start"]
    for saved in (0, 1):
        expected += ["a batches", "b batches", f"a epoch, {saved} saved", f"b epoch, {saved} saved"]
    assert heard == expected


def test_the_model_a_callback_is_given_is_the_one_that_is_trained() -> None:
    model, listener = make_model(), Listener()
    history = quiet_fit(model, loader(), callbacks=[listener])
    assert listener.model is model and listener.history.rows is history.rows
    assert (listener.done, listener.known) == (0, 0)


def test_a_resumed_run_tells_how_many_batches_are_done_and_goes_on_counting(tmp_path: Path) -> None:
    whole, resumed = Listener(), Listener()
    quiet_fit(make_model(), loader(), epochs=3, callbacks=[whole])
    torch.manual_seed(0)
    for epochs, callbacks in ((2, []), (3, [resumed])):
        quiet_fit(make_model(), loader(), epochs=epochs, callbacks=callbacks, checkpoint=tmp_path / "run.pt")
    assert (resumed.done, resumed.known) == (2 * 59, 2)
    assert resumed.rows[0]["batch"] == 119 and {row["epoch"] for row in resumed.rows} == {3}


def test_a_finished_run_is_told_of_its_start_and_stop_alone(tmp_path: Path) -> None:
    quiet_fit(make_model(), loader(), checkpoint=tmp_path / "run.pt")
    listener = Listener()
    quiet_fit(make_model(), loader(), checkpoint=tmp_path / "run.pt", callbacks=[listener])
    assert listener.heard == ["start", "stop"] and listener.done == 118


def test_callbacks_change_no_number() -> None:
    def run(callbacks: list[Callback]) -> tuple:
        torch.manual_seed(3)
        model = make_model()
        history = quiet_fit(model, loader(shuffle=True), val_loader=loader(), callbacks=callbacks)
        rows = [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]
        return rows, model.state_dict(), torch.rand(3)

    assert equal(run([]), run([Listener(), Callback()]))


# -- stopping ---------------------------------------------------------------------------------------------------------


class Failing(Listener):
    """Raises when it is told of that."""

    def __init__(self, where: str):
        super().__init__()
        self.where = where

    def fail(self, where: str) -> None:
        self.heard.append(where)
        if where == self.where:
            raise OSError(f"in {where}")

    def on_start(self, model: nn.Module, history: History, batches: int) -> None:
        self.fail("start")

    def on_batches(self, rows: list) -> None:
        self.fail("batches")

    def on_epoch(self, row: dict) -> None:
        self.fail("epoch")


@pytest.mark.parametrize("where", ["start", "batches", "epoch"])
def test_whatever_callback_fails_those_that_have_started_are_told_of_the_end(where: str) -> None:
    before, after = Listener(), Listener()
    with pytest.raises(OSError, match=f"in {where}"):
        quiet_fit(make_model(), loader(60), callbacks=[before, Failing(where), after])
    told = {"start": ["start"], "batches": ["start", "batches"], "epoch": ["start", "batches", "epoch"]}[where]
    assert before.heard == [*told, "stop"]
    assert after.heard == ([] if where == "start" else [*told[:-1], "stop"])


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_in_training_is_passed_on_and_the_end_is_told(error: type[BaseException]) -> None:
    def loss_fn(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        raise error

    listener = Listener()
    with pytest.raises(error):
        quiet_fit(make_model(), loader(), loss_fn=loss_fn, callbacks=[listener])
    assert listener.heard == ["start", "stop"]


def test_one_that_fails_at_the_end_does_not_keep_the_others_from_being_told() -> None:
    class Late(Listener):
        def on_stop(self) -> None:
            super().on_stop()
            raise OSError("at the end")

    listeners = [Listener(), Late(), Listener()]
    with pytest.raises(OSError, match="at the end"), started(listeners, nn.Linear(1, 1), History(), 0):
        pass
    assert [listener.heard for listener in listeners] == [["start", "stop"]] * 3


# -- numbers that are not finite --------------------------------------------------------------------------------------


def losses(values: dict[int, float]) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """A loss function that adds these values in these batches of training, counted over all epochs."""
    count = [0]

    def loss_fn(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        count[0] += 1
        return F.cross_entropy(outputs, labels) + values.get(count[0], 0.0)

    return loss_fn


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("batch", [1, 26, 30, 59], ids=lambda number: f"batch {number}")
def test_a_loss_that_is_not_finite_stops_training_with_epoch_and_batch_and_keeps_the_checkpoint(
    batch: int, value: float, tmp_path: Path
) -> None:
    checkpoint, listener = tmp_path / "run.pt", Listener()
    model = make_model()
    with pytest.raises(FloatingPointError, match=f"The loss is {value} in batch {batch} of epoch 2. Look for"):
        quiet_fit(
            model,
            loader(),
            loss_fn=losses({59 + batch: value}),
            epochs=3,
            checkpoint=checkpoint,
            callbacks=[listener],
        )
    assert listener.heard[-1] == "stop" and len(listener.epochs) == 1
    assert all(math.isfinite(row["train_loss"]) for row in listener.rows)
    resumed = make_model()
    history = quiet_fit(resumed, loader(), epochs=1, checkpoint=checkpoint)
    assert history.rows == listener.epochs and all(value.isfinite().all() for value in resumed.state_dict().values())


def test_training_goes_on_for_at_most_25_batches_after_the_loss_is_lost() -> None:
    count, spoilt = [0], losses({2: math.nan})

    def loss_fn(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        count[0] += 1
        return spoilt(outputs, labels)

    with pytest.raises(FloatingPointError, match="batch 2 of epoch 1"):
        quiet_fit(make_model(), loader(), loss_fn=loss_fn)
    assert count[0] == 25


def test_an_input_that_is_not_finite_is_found_in_its_batch() -> None:
    inputs = INPUTS.clone()
    inputs[40] = math.nan
    with pytest.raises(FloatingPointError, match="The loss is nan in batch 21 of epoch 1"):
        quiet_fit(make_model(), loader(inputs=inputs))


def test_weights_that_the_last_batch_spoils_are_found_before_the_checkpoint_is_overwritten(tmp_path: Path) -> None:
    checkpoint, listener = tmp_path / "run.pt", Listener()
    model, count = make_model(), [0]

    def spoil(gradient: torch.Tensor) -> torch.Tensor:
        count[0] += 1
        return gradient * (math.inf if count[0] == 2 * 59 else 1)

    model[0].weight.register_hook(spoil)
    with pytest.raises(FloatingPointError, match="0.weight holds numbers that are not finite after .* of epoch 2"):
        quiet_fit(model, loader(), epochs=3, checkpoint=checkpoint, callbacks=[listener])
    assert len(listener.rows) == 2 * 59 and all(math.isfinite(row["train_loss"]) for row in listener.rows)
    state = load_checkpoint(checkpoint)
    assert len(listener.epochs) == len(state["history"]) == 1
    assert all(value.isfinite().all() for value in state["model"].values())


# -- BatchRecorder ----------------------------------------------------------------------------------------------------


def test_the_recorder_reads_after_25_batches_and_the_rest_with_the_scores() -> None:
    listener, bar = Listener(), tqdm(file=io.StringIO())
    recorder = BatchRecorder(epoch=3, done=100, callbacks=[listener], bar=bar)
    for number in range(1, 28):
        recorder.add(0.1 * number, 4, torch.tensor(float(number)), torch.tensor(number % 5))
        assert len(listener.rows) == (25 if number >= 25 else 0) and bar.n == number
    scores = recorder.scores()
    assert len(listener.rows) == 27 and len(listener.groups) == 2
    assert listener.rows[26] == {"epoch": 3, "batch": 127, "lr": 0.1 * 27, "train_loss": 27.0, "train_accuracy": 0.5}
    assert scores == {
        "train_loss": pytest.approx(14.0),
        "train_accuracy": sum(number % 5 for number in range(1, 28)) / (27 * 4),
    }


def test_the_recorder_takes_losses_in_half_precision_and_no_hits() -> None:
    recorder = BatchRecorder(1, 0, [], tqdm(disable=True))
    recorder.add(0.1, 3, torch.tensor(2.0, dtype=torch.bfloat16), None)
    recorder.add(0.1, 1, torch.tensor(4.0, dtype=torch.bfloat16), None)
    assert recorder.scores() == {"train_loss": 2.5}
