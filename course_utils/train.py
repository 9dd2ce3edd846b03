"""Train a network on a folder of images. Lesson 10 builds this program.

    python -m course_utils.train --data FOLDER --output RUN_FOLDER
    python -m course_utils.train --resume RUN_FOLDER

FOLDER holds the splits train and val, each with one folder of images per class. What the run does is written into
RUN_FOLDER. Interrupted, by Ctrl-C, a crash or a power cut, it goes on with --resume and ends with the same numbers.
If the images have been moved meanwhile, name their new place each time: --resume RUN_FOLDER --data FOLDER.
A second stage begins with the best weights of a first run, say one with --freeze: --start-from RUN_FOLDER.
Several processes train together with: torchrun --nproc-per-node=2 -m course_utils.train ...
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import MISSING, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader

from .basics import distributed
from .basics.cli import command_line, described_parser, exit_code
from .basics.course import choose_device, seed_everything
from .data.images import UnreadableImage
from .data.loaders import seeded_loader
from .data.transforms import eval_transform
from .evaluation.history import History
from .models.backbones import find_head
from .models.small import freeze, unfreeze
from .runs import Run, Settings, create_run, open_data, open_run
from .settings import AUGMENTATIONS, MANY, OPTIMIZERS, TYPES, similar
from .training.callbacks import Callback
from .training.loggers import CSVLog, KeepWeights, TensorBoardLog, WandbLog
from .training.loop import fit
from .training.schedules import warmup_cosine, warmup_step

METAVARS = {"data": "FOLDER", "model": "NAME", "start_from": "RUN_FOLDER"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code: 0 done, 1 error, 2 wrong usage, 130 stopped by Ctrl-C."""
    parser = make_parser()
    flags = vars(parser.parse_args(arguments))
    output, resume = flags.pop("output"), flags.pop("resume")
    for name in {"data", "start_from"} & set(flags):
        flags[name] = os.path.abspath(flags[name])  # --resume may come from another folder
    if resume and (output or set(flags) - {"data"}):
        parser.error(
            "--resume takes the settings of the run, give no others than --data "
            "(to train longer: a new run with --start-from)"
        )
    if not resume and not (output and "data" in flags):
        parser.error("a new run needs --data and --output; an interrupted one goes on with --resume")

    def work() -> None:
        settings = replace(open_run(resume).settings, **flags) if resume else Settings(**flags)
        device = choose_device(settings.device)
        if not resume and distributed.rank() == 0:
            create_run(output, settings)
        with ExitStack() as stack:
            if distributed.rank() == 0:
                stack.enter_context(open_run(resume or output).locked())
            place = stack.enter_context(distributed.joined_processes(device))
            run = replace(open_run(resume or output), settings=settings)
            try:
                history = train(run, place)
            except UnreadableImage as error:
                error.add_note("If replaced, go on with --resume; if deleted, start in a new folder.")
                raise
        if distributed.rank() == 0:
            report(run, history)

    def interrupted() -> str:
        folder = Path(resume or output)
        if not (folder / "config.json").exists():
            return "nothing was written"
        saved = "finished epochs are saved" if (folder / "last.pt").exists() else "no epoch is finished yet"
        moved = ["--data", flags["data"]] if resume and "data" in flags else []
        return f"{saved}, go on with: {command_line('train', '--resume', folder, *moved)}"

    return exit_code(work, interrupted)


def make_parser() -> argparse.ArgumentParser:
    """The flags: one per setting of a run, named as there."""
    parser = described_parser("train", __doc__, argument_default=argparse.SUPPRESS)
    where = parser.add_argument_group("what to do")
    where.add_argument("--output", metavar="RUN_FOLDER", default=None, help="new folder for the run")
    where.add_argument("--resume", metavar="RUN_FOLDER", default=None, help="go on with this run")
    groups = {"data": where}
    settings = parser.add_argument_group("settings")
    for setting in fields(Settings):
        group, kind, help = groups.get(setting.name, settings), TYPES[setting.name], setting.metadata["help"]
        choices = setting.metadata["choices"] or ()
        if setting.default not in (MISSING, ""):
            help += f" (default: {setting.default})"
        options: dict[str, Any] = {"help": help}
        if kind is bool:
            options |= {"action": argparse.BooleanOptionalAction}
        elif 0 < len(choices) <= MANY:
            options |= {"choices": choices}
        else:  # Settings knows what numbers are allowed
            options |= {"metavar": METAVARS.get(setting.name, kind.__name__.upper())}
            options |= {"type": partial(one_of, choices) if choices else kind}
        group.add_argument(f"--{setting.name.replace('_', '-')}", **options)
    return parser


def one_of(choices: tuple[str, ...], text: str) -> str:
    """The `type` of a flag with more choices than a help text should list."""
    if text not in choices:
        raise argparse.ArgumentTypeError(f"invalid choice: {text!r}, choose one of: {similar(text, choices)}")
    return text


def train(run: Run, device: torch.device) -> History:
    """Train the network of `run` on `device`, from where it is to its last epoch, and return the history."""
    settings = run.settings
    seed_everything(settings.seed)
    train_set = open_data(run, "train", AUGMENTATIONS[settings.augmentation](settings.size))
    val_set = open_data(run, "val", eval_transform(settings.size))
    train_loader = seeded_loader(train_set, settings.batch_size, settings.seed, settings.workers)
    val_loader = DataLoader(
        val_set,
        settings.batch_size,
        num_workers=settings.workers,
        persistent_workers=settings.workers > 0,
        generator=torch.Generator(),  # or it would draw from the global one, as often as its workers are started
    )
    model = run.new_model()
    if settings.freeze:
        unfreeze(find_head(freeze(model)))
    model = distributed.synchronize_batchnorm(model).to(device)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    make_optimizer = OPTIMIZERS[settings.optimizer]
    optimizer = make_optimizer(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    return fit(
        model,
        train_loader,
        val_loader,
        optimizer=optimizer,
        scheduler=make_scheduler(optimizer, settings, len(train_loader)),
        epochs=settings.epochs,
        checkpoint=run.checkpoint,
        autocast=torch.bfloat16 if settings.bfloat16 else None,
        callbacks=make_callbacks(run),
    )


def make_scheduler(optimizer: Optimizer, settings: Settings, batches: int) -> LRScheduler:
    """The schedule of the settings, stepped after each of the `batches` of an epoch."""
    steps = settings.epochs * batches
    warmup_steps = min(round(settings.warmup_epochs * batches), steps - 1)
    if settings.schedule == "cosine":
        return warmup_cosine(optimizer, warmup_steps, steps)
    gamma = 0.1 if settings.schedule == "step" else 1.0
    return warmup_step(optimizer, warmup_steps, settings.step_epochs * batches, gamma)


def make_callbacks(run: Run) -> list[Callback]:
    """Logs and kept weights, as the settings want them."""
    settings = run.settings
    callbacks: list[Callback] = [CSVLog(run.folder), KeepWeights(run.folder, every_epoch=settings.keep_epochs)]
    if settings.tensorboard:
        callbacks.append(TensorBoardLog(run.folder / "tensorboard"))
    if settings.wandb:
        mode = os.environ.get("WANDB_MODE", "offline")
        callbacks.append(WandbLog(run.folder, name=run.folder.name, config=vars(settings), mode=mode))
    return callbacks


def report(run: Run, history: History) -> None:
    """Say what came out and what comes next."""
    best = history.best("val_loss")
    print(f"best epoch {best['epoch']} (lowest val loss {best['val_loss']:.4f}): ", end="")
    print(f"val accuracy {best['val_accuracy']:.4f}, weights in {run.folder}")
    print(f"Judge it once, at the end: {command_line('test', run.folder, '--data', run.settings.data)}")


if __name__ == "__main__":
    sys.exit(main())
