"""What `fit` costs per step over the bare loop it replaces, with Lightning's Trainer and skorch beside it.

Batches of 64 random pictures of MNIST's size, SGD. An MLP (784-128-256-10), of which a step takes a millisecond, shows
the price at its highest; lesson 04's CNN what it is where a network has something to compute. The contestants take
turns, and each round's times are compared with the bare loop's of the same round, so that a busy machine disturbs all
of them alike. What they print goes into a buffer.
"""

import contextlib
import io
import logging
import tempfile
import time
import warnings
from functools import partial

import lightning
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from rounds import ratio, seconds, take_turns
from skorch import NeuralNetClassifier
from torch.utils.data import DataLoader, TensorDataset

from course_utils import CNN, MLP, CSVLog, fit

BATCHES, BATCH_SIZE, ROUNDS = 300, 64, 9


def new_training(network=MLP):
    torch.manual_seed(0)
    images = torch.rand(BATCHES * BATCH_SIZE, 1, 28, 28)
    labels = torch.randint(10, (len(images),))
    model = network()
    loader = DataLoader(TensorDataset(images, labels), batch_size=BATCH_SIZE, shuffle=True)
    return model, loader, torch.optim.SGD(model.parameters(), lr=0.01)


def bare(network=MLP):
    model, loader, optimizer = new_training(network)
    yield
    model.train()
    for images, labels in loader:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def with_fit(network=MLP):
    model, loader, optimizer = new_training(network)
    yield
    fit(model, loader, optimizer=optimizer, epochs=1)


def with_fit_and_log():
    model, loader, optimizer = new_training()
    with tempfile.TemporaryDirectory() as folder:
        yield
        fit(model, loader, optimizer=optimizer, epochs=1, checkpoint=f"{folder}/run.pt", callbacks=[CSVLog(folder)])


def with_skorch():
    model, loader, _ = new_training()
    images, labels = loader.dataset.tensors
    net = NeuralNetClassifier(
        lambda: model,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        lr=0.01,
        max_epochs=1,
        batch_size=BATCH_SIZE,
        iterator_train__shuffle=True,
        train_split=None,
    )
    net.initialize()
    yield
    net.partial_fit(images, labels)


class Module(lightning.LightningModule):
    """The same training as a LightningModule."""

    def __init__(self, model, optimizer, logs):
        super().__init__()
        self.model, self.optimizer, self.logs = model, optimizer, logs

    def training_step(self, batch, index):
        images, labels = batch
        loss = F.cross_entropy(self.model(images), labels)
        if self.logs:
            self.log("train_loss", loss, prog_bar=True, on_step=True, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return self.optimizer


def with_lightning(full):
    model, loader, optimizer = new_training()
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            max_epochs=1,
            accelerator="cpu",
            default_root_dir=folder,
            logger=CSVLogger(folder) if full else False,
            callbacks=[ModelCheckpoint(folder)] if full else None,
            enable_checkpointing=full,
            enable_progress_bar=full,
            enable_model_summary=False,
        )
        yield
        trainer.fit(Module(model, optimizer, logs=full), loader)


CONTESTANTS = {
    "bare loop": bare,
    "fit": with_fit,
    "fit with log, bar, checkpoint": with_fit_and_log,
    "skorch": with_skorch,
    "Lightning, minimal": lambda: with_lightning(full=False),
    "Lightning with logging, bar, checkpoint": lambda: with_lightning(full=True),
}


def seconds_of(contestant) -> float:
    run = contestant()
    next(run)
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for _ in run:
            pass
    return time.perf_counter() - start


def measure() -> list[dict]:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    rows = []
    large = {"bare loop": partial(bare, CNN), "fit": partial(with_fit, CNN)}
    for network, contestants, goal in [("MLP", CONTESTANTS, 1.10), ("lesson 04's CNN", large, 1.05)]:
        rounds = take_turns({name: partial(seconds_of, one) for name, one in contestants.items()}, ROUNDS)
        for name in contestants:
            cost = ratio(rounds, name, over="bare loop")
            step = 1000 * seconds(rounds, name) / BATCHES
            wanted = goal if name == "fit" else None
            rows.append({"what": f"one training step, {network}, batch 64: {name}", "figure": f"{step:.2f} ms",
                         "ratio": cost, "goal": wanted and f"at most {wanted:.2f}×",
                         "met": cost <= wanted if wanted else None})  # fmt: skip
    return rows
