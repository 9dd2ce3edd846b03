"""Checks of the training and the test program: exit codes, what they print and write, and interruptions."""

import csv
import io
import json
import math
import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType

import killed_run
import needs
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.metrics import accuracy_score, log_loss, precision_recall_fscore_support
from tiny_runs import equal, flags, left_behind, press_ctrl_c, read_csv, run_once, write_folders, write_lists

from course_utils import (
    CNN,
    CSVLog,
    eval_transform,
    load_checkpoint,
    open_run,
    resnet18,
    test as judge,
    train,
    train_transform,
)
from course_utils.models.resnet import resnet50
from course_utils.runs import create_run, open_data
from course_utils.settings import Settings
from course_utils.training.loggers import KeepWeights, TensorBoardLog, WandbLog

pytestmark = [
    pytest.mark.usefixtures("seeded", "sample_profile"),
    pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three epochs, not to be changed; its data lies beside it."""
    root = tmp_path_factory.mktemp("finished")
    return run_once(write_folders(root / "data"), root / "run", epochs=3)


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of it, with its data, to be changed."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def refusal(capfd: pytest.CaptureFixture) -> Callable[..., str]:
    """Run a program that must fail: exit code 1 and one line on stderr, which is returned."""

    def run(program: ModuleType, arguments: list[str]) -> str:
        capfd.readouterr()
        assert program.main([str(word) for word in arguments]) == 1
        message = capfd.readouterr().err
        assert message.startswith("error: ") and message.count("\n") == 1 and message.endswith("\n"), message
        return message

    return run


def data_of(folder: Path) -> Path:
    return Path(open_run(folder).settings.data)


# -- training ---------------------------------------------------------------------------------------------------------


def test_a_run_leaves_its_files_and_says_what_came_out(data: Path, tmp_path: Path, capfd) -> None:
    folder = run_once(data, tmp_path / "run", epochs=3)
    names = ["batches.csv", "best.safetensors", "config.json", *(f"epoch-0{n}.safetensors" for n in (1, 2, 3))]
    assert sorted(os.listdir(folder)) == sorted([*names, "epochs.csv", "last.pt", ".lock"])
    printed, rows = capfd.readouterr(), read_csv(folder / "epochs.csv")
    best = min(rows, key=lambda row: row["val_loss"])
    assert printed.err == ""
    said = f"best epoch {best['epoch']:.0f} (lowest val loss {best['val_loss']:.4f}): "
    said += f"val accuracy {best['val_accuracy']:.4f}, weights in {folder}\n"
    assert said in printed.out and f"python -m course_utils.test {folder} --data {data}\n" in printed.out
    assert len(rows) == 3 and len(read_csv(folder / "batches.csv")) == 12
    assert equal(load_file(folder / "best.safetensors"), load_file(folder / f"epoch-0{best['epoch']:.0f}.safetensors"))
    assert equal(load_file(folder / "epoch-03.safetensors"), dict(load_checkpoint(folder / "last.pt")["model"]))


def test_the_learning_rate_rises_and_falls_as_the_settings_say(finished: Path) -> None:
    rates = [row["lr"] for row in read_csv(finished / "batches.csv")]
    cosine = [0.01 * (1 + math.cos(math.pi * step / 10)) / 2 for step in range(10)]
    assert rates == pytest.approx([0.005, 0.01, *cosine])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"schedule": "step", "step_epochs": 2, "warmup_epochs": 0}, [0.01] * 8 + [0.001] * 4),
        ({"schedule": "step", "step_epochs": 1}, [0.005, 0.01, 0.01, 0.01] + [0.001] * 4 + [0.0001] * 4),
        ({"schedule": "constant"}, [0.005] + [0.01] * 11),
    ],
    ids=["steps", "steps after warm-up", "constant"],
)
def test_the_learning_rate_falls_in_steps_or_not_at_all(
    settings: dict, expected: list[float], data: Path, tmp_path: Path
) -> None:
    folder = run_once(data, tmp_path / "run", epochs=3, **settings)
    assert [row["lr"] for row in read_csv(folder / "batches.csv")] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "kind", "differing"), [("adam", "Adam", {}), ("sgd", "SGD", {"momentum": 0.9, "nesterov": False})]
)
def test_the_optimizer_is_that_of_the_settings(
    name: str, kind: str, differing: dict, data: Path, tmp_path: Path
) -> None:
    folder = run_once(data, tmp_path / "run", optimizer=name, weight_decay=0.25)
    state = load_checkpoint(folder / "last.pt")["optimizer"]
    (group,) = state["param_groups"]
    assert state["kind"] == kind and group["weight_decay"] == 0.25
    assert {key: group[key] for key in differing} == differing


def test_the_settings_of_well_known_tutorials_are_settings_of_the_program(data: Path, tmp_path: Path) -> None:
    """SGD with momentum 0.9 and StepLR(7, 0.1), step by step by hand, against the program's log."""
    tutorial = {"optimizer": "sgd", "learning_rate": 0.01, "weight_decay": 0, "schedule": "step", "warmup_epochs": 0}
    folder = run_once(data, tmp_path / "run", model="cnn", epochs=8, batch_size=4, **tutorial)
    run = open_run(folder)
    train.seed_everything(run.settings.seed)
    loader = train.seeded_loader(open_data(run, "train", train_transform(8)), 4, run.settings.seed)
    model = run.new_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    for _ in range(8):
        for images, targets in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), targets).backward()
            optimizer.step()
        scheduler.step()
    for name, weight in load_file(folder / "epoch-08.safetensors").items():
        torch.testing.assert_close(weight, model.state_dict()[name])


def test_the_augmentation_is_that_of_the_settings(finished: Path, tmp_path: Path) -> None:
    other = run_once(data_of(finished), tmp_path / "run", epochs=3, augmentation="jitter")
    rows, expected = read_csv(other / "batches.csv"), read_csv(finished / "batches.csv")
    assert rows[0]["train_loss"] != expected[0]["train_loss"]
    again = run_once(data_of(finished), tmp_path / "again", epochs=3, augmentation="jitter")
    assert equal(left_behind(other), left_behind(again))


def test_the_same_settings_give_the_same_files_and_another_seed_others(finished: Path, tmp_path: Path) -> None:
    same = run_once(data_of(finished), tmp_path / "same", epochs=3)
    assert equal(left_behind(same), left_behind(finished))
    other = run_once(data_of(finished), tmp_path / "other", epochs=3, seed=1)
    assert read_csv(other / "batches.csv")[0]["train_loss"] != read_csv(finished / "batches.csv")[0]["train_loss"]


@needs.fork
def test_the_number_of_workers_changes_no_number(finished: Path, tmp_path: Path) -> None:
    found = left_behind(run_once(data_of(finished), tmp_path / "run", epochs=3, workers=1))
    expected = left_behind(finished)
    assert equal(found | {"config.json": b""}, expected | {"config.json": b""})


def test_data_laid_out_as_lists_trains_the_same_network_as_folders_of_the_same_pictures(
    finished: Path, tmp_path: Path, capfd
) -> None:
    lists = write_lists(tmp_path / "lists")
    found, expected = left_behind(run_once(lists, tmp_path / "run", epochs=3)), left_behind(finished)
    assert equal(found | {"config.json": b""}, expected | {"config.json": b""})
    assert judge.main([str(tmp_path / "run"), "--data", str(lists)]) == 0
    with open(tmp_path / "run" / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"images/test {n} {label}.png" for label in range(2) for n in range(5)]
    assert [row["true"] for row in rows] == ["blue"] * 5 + ["red"] * 5


def test_the_flowers_of_the_course_are_data_for_the_program(tmp_path: Path) -> None:
    data = Path(__file__).parents[1] / "data" / "flowers"
    folder = run_once(data, tmp_path / "run", epochs=1, warmup_epochs=0, batch_size=64)
    run = open_run(folder)
    assert run.images == {"train": 520, "val": 180} and len(run.classes) == 10 and "spring crocus" in run.classes


@pytest.mark.parametrize("model", ["cnn", "resnet18"])
def test_freeze_trains_the_last_layer_alone(model: str, data: Path, tmp_path: Path) -> None:
    folder = run_once(data, tmp_path / "run", model=model, freeze=True, size=16)
    first, second = (load_file(folder / f"epoch-0{number}.safetensors") for number in (1, 2))
    changed = {name for name in first if not torch.equal(first[name], second[name])}
    assert changed == ({"head.2.weight", "head.2.bias"} if model == "cnn" else {"fc.weight", "fc.bias"})


def test_flags_mean_what_they_say(data: Path, tmp_path: Path) -> None:
    folder = run_once(data, tmp_path / "plain", freeze=False, bfloat16=False, tensorboard=False, keep_epochs=False)
    settings = open_run(folder).settings
    assert not (settings.freeze or settings.bfloat16 or settings.tensorboard or settings.keep_epochs or settings.wandb)
    assert sorted(path.name for path in folder.glob("*.safetensors")) == ["best.safetensors"]
    given = {"freeze": True, "bfloat16": True, "tensorboard": True, "keep_epochs": True}
    other = run_once(data, tmp_path / "other", **given, weight_decay=0.5, seed=7, batch_size=5)
    settings = open_run(other).settings
    assert {name: getattr(settings, name) for name in given} == given
    assert (settings.weight_decay, settings.seed, settings.batch_size, settings.size) == (0.5, 7, 5, 8)
    assert list((other / "tensorboard").glob("events.out.*")) and len(list(other.glob("epoch-*"))) == 2


def test_half_precision_changes_the_numbers_a_little(data: Path, tmp_path: Path) -> None:
    losses = [
        [row["train_loss"] for row in read_csv(run_once(data, tmp_path / str(half), bfloat16=half) / "batches.csv")]
        for half in (False, True)
    ]
    assert losses[0] != losses[1] and losses[0] == pytest.approx(losses[1], abs=0.1)


def test_the_logs_are_those_of_the_settings(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    run = create_run(tmp_path / "run", Settings(str(data), "cnn"))
    assert [type(callback) for callback in train.make_callbacks(run)] == [CSVLog, KeepWeights]
    run = create_run(tmp_path / "logged", Settings(str(data), "cnn", tensorboard=True, wandb=True, keep_epochs=False))
    *_, weights, tensorboard, wandb = train.make_callbacks(run)
    assert (type(tensorboard), type(wandb)) == (TensorBoardLog, WandbLog) and not weights.every_epoch
    assert wandb.arguments["mode"] == "offline" and wandb.arguments["name"] == "logged"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert train.make_callbacks(run)[-1].arguments["mode"] == "disabled"


def test_an_existing_empty_folder_is_used_and_a_run_of_one_epoch_works(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    run_once(data, tmp_path / "run", epochs=1, warmup_epochs=0)


def test_any_warmup_up_to_the_number_of_epochs_works(data: Path, tmp_path: Path) -> None:
    run_once(data, tmp_path / "nearly", epochs=2, warmup_epochs=1.99)  # 7.96 of 8 steps
    run_once(data, tmp_path / "all", epochs=1, warmup_epochs=1)


# -- a second stage ---------------------------------------------------------------------------------------------------


def test_a_run_starts_from_the_best_weights_of_another_wherever_it_is_called(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_once(data, tmp_path / "head", freeze=True, epochs=3, learning_rate=0.1)
    monkeypatch.chdir(tmp_path)
    hardly = {"learning_rate": 1e-12, "schedule": "constant", "weight_decay": 0}
    second = run_once(data, Path("all"), start_from="head", **hardly)
    assert open_run(second).settings.start_from == str(first)
    best, after = load_file(first / "best.safetensors"), load_file(second / "best.safetensors")
    weights = [name for name, _ in CNN(3, 2).named_parameters()]
    assert all(torch.allclose(after[name], best[name], rtol=0, atol=1e-9) for name in weights)
    third = load_file(run_once(data, tmp_path / "third", start_from=first) / "best.safetensors")
    assert not any(torch.equal(third[name], best[name]) for name in weights), "all layers are trained"


def test_a_second_stage_that_was_stopped_ends_with_the_same_files(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_once(data, tmp_path / "head", freeze=True)
    whole = run_once(data, tmp_path / "whole", start_from=first)
    for step, folder in ((2, tmp_path / "early"), (6, tmp_path / "late")):
        break_off(flags(data, folder, start_from=first), step, monkeypatch)
        assert train.main(["--resume", str(folder)]) == 0
        assert equal(left_behind(folder), left_behind(whole))


def test_a_second_stage_does_without_pretrained_weights(folder: Path, tmp_path: Path) -> None:
    weights = resnet50(2).state_dict()
    save_file(weights, folder / "best.safetensors")
    config, settings = folder / "config.json", Settings(str(data_of(folder)), "pretrained_resnet50", size=32)
    config.write_text(config.read_text().replace('"cnn"', '"pretrained_resnet50"'))
    with pytest.raises(FileNotFoundError):  # the sample has none of this network
        create_run(tmp_path / "first", settings)
    second = create_run(tmp_path / "second", replace(settings, start_from=str(folder)))
    assert equal(dict(second.new_model().state_dict()), weights)


def test_a_run_to_start_from_that_does_not_fit_is_named_and_nothing_is_written(
    folder: Path, data: Path, tmp_path: Path, refusal
) -> None:
    start = {"start_from": folder}
    message = refusal(train, flags(data, tmp_path / "new", model="resnet18", size=32, **start))
    assert f"{folder} has trained another network, cnn, than this run is to train, resnet18." in message
    assert message.endswith("add --model cnn.\n")
    others = write_folders(tmp_path / "others", classes=("blue", "green"))
    message = refusal(train, flags(others, tmp_path / "new", **start))
    assert "other classes" in message and "it knows blue, red, here are blue, green" in message
    message = refusal(train, flags(data, tmp_path / "new", start_from=tmp_path / "nowhere"))
    assert f"{tmp_path / 'nowhere'} is no run folder" in message
    (folder / "best.safetensors").unlink()
    message = refusal(train, flags(data, tmp_path / "new", **start))
    assert f"There are no weights {folder / 'best.safetensors'}" in message
    assert not (tmp_path / "new").exists()


# -- wrong usage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        (train, "", "a new run needs --data and --output; an interrupted one goes on with --resume"),
        (train, "--data x", "a new run needs --data and --output"),
        (train, "--output x", "a new run needs --data and --output"),
        (train, "--resume x --data y --epochs 9", "--resume takes the settings of the run, give no others than --data"),
        (train, "--resume x --output y", "--resume takes the settings"),
        (train, "--resume x --epochs 9", "(to train longer: a new run with --start-from)"),
        (train, "--resume x --no-freeze", "--resume takes the settings"),
        (train, "--resume x --device cpu", "--resume takes the settings"),
        (train, "--data x --output y --device tpu", "invalid choice: 'tpu'"),
        (train, "--data x --output y --model resnet19", "invalid choice: 'resnet19', choose one of: resnet"),
        (train, "--data x --output y --optimizer lion", "invalid choice: 'lion'"),
        (train, "--resume x --start-from y", "--resume takes the settings"),
        (train, "--data x --output y --epochs 2.5", "invalid int value: '2.5'"),
        (train, "--data x --output y --learning-rate fast", "invalid float value: 'fast'"),
        (train, "--data x --output y --freeze no", "unrecognized arguments: no"),
        (train, "--data x --output y --droput 0.1", "unrecognized arguments: --droput"),
        (judge, "", "required: RUN_FOLDER, --data"),
        (judge, "run", "required: --data"),
        (judge, "run --data x --device tpu", "invalid choice: 'tpu'"),
        (judge, "run --data x --speed 3", "unrecognized arguments: --speed"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_said(
    program: ModuleType, arguments: str, message: str, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        program.main(arguments.split())
    printed = capsys.readouterr()
    assert caught.value.code == 2 and message in printed.err and printed.out == ""
    assert f"usage: python -m {program.__name__}" in printed.err and not list(tmp_path.iterdir())


def test_help_lists_every_flag_with_its_default(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for program in (train, judge):
        with pytest.raises(SystemExit) as caught:
            program.main(["--help"])
        assert caught.value.code == 0
        text = capsys.readouterr().out
        assert all(line in text for line in program.__doc__.splitlines())
        if program is judge:
            assert all(flag in text for flag in ("RUN_FOLDER", "--data", "--split", "--weights", "--device"))
            continue
        assert all(flag in text for flag in ("--output", "--resume"))
        for setting in fields(Settings):
            flag = f"--{setting.name.replace('_', '-')}"
            (entry,) = re.findall(rf"^  {flag}\b.*(?:\n {{10,}}.*)?", text, re.M)
            assert setting.metadata["help"] in entry
            assert setting.name in ("data", "start_from") or f"(default: {setting.default})" in entry
            assert (f"{flag}, --no-{flag[2:]}" in entry) == (setting.type is bool)
            if setting.name != "model":  # there are too many
                assert all(choice in entry for choice in setting.metadata["choices"] or ())


# -- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"size": 4}, "size is 4"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"warmup_epochs": 2.5}, "warmup_epochs is 2.5"),
        ({"step_epochs": 2}, "step_epochs is 2, which only counts with --schedule step"),
        ({"learning_rate": -1}, "learning_rate"),
        ({"seed": -1}, "seed"),
        ({"learning_rate": "nan"}, "learning_rate is nan"),
        ({"warmup_epochs": "nan"}, "warmup_epochs is nan"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_named_and_nothing_is_written(
    settings: dict, named: str, data: Path, tmp_path: Path, refusal
) -> None:
    assert named in refusal(train, flags(data, tmp_path / "run", **settings))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_named_and_nothing_is_written(
    device: str, data: Path, tmp_path: Path, refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert f"no device '{device}'" in refusal(train, flags(data, tmp_path / "run", device=device))
    assert not (tmp_path / "run").exists(), "the next attempt would be refused because the folder exists"


@pytest.mark.parametrize("missing", ["", "train", "val"])
def test_missing_data_is_named_and_nothing_is_written(missing: str, data: Path, tmp_path: Path, refusal) -> None:
    shutil.rmtree(data / missing)
    expected = f"{data} has no split" if missing else f"There is no folder {data}.\n"
    assert expected in refusal(train, flags(data, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_other_classes_in_val_than_in_train_are_named(data: Path, tmp_path: Path, refusal) -> None:
    (data / "val" / "green").mkdir()
    shutil.copy(data / "val" / "red" / "0.png", data / "val" / "green")
    message = refusal(train, flags(data, tmp_path / "run"))
    assert "unexpected ['green']" in message and not (tmp_path / "run").exists()


def test_pretrained_weights_that_are_missing_are_named_and_nothing_is_written(
    data: Path, tmp_path: Path, full_profile: Path, capfd
) -> None:
    assert train.main(flags(data, tmp_path / "run", model="pretrained_resnet18")) == 1
    assert str(full_profile / "weights") in capfd.readouterr().err
    assert not (tmp_path / "run").exists(), "the next attempt would be refused because the folder exists"


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=needs.fork)])
@pytest.mark.parametrize("split", ["train", "val"])
def test_an_image_that_cannot_be_read_is_named(split: str, workers: int, data: Path, tmp_path: Path, refusal) -> None:
    path = data / split / "red" / "2.png"
    path.write_bytes(path.read_bytes()[:60])
    message = refusal(train, flags(data, tmp_path / "run", workers=workers, batch_size=18))
    assert message.startswith(f"error: {path} cannot be read as an image")
    how = "Replace the file or delete it. If replaced, go on with --resume; if deleted, start in a new folder.\n"
    assert message.endswith(how) == (split == "train"), "the run has begun"


@pytest.mark.parametrize("place", ["run", "run/inside"])
def test_an_output_where_a_file_is_in_the_way_is_named(place: str, data: Path, tmp_path: Path, refusal) -> None:
    (tmp_path / "run").write_text("no folder")
    message = refusal(train, flags(data, tmp_path / place))
    assert str(tmp_path / "run") in message and (tmp_path / "run").read_text() == "no folder"


def test_an_existing_run_is_refused_and_left_alone(folder: Path, refusal) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    message = refusal(train, flags(data_of(folder), folder))
    go_on = f"python -m course_utils.train --resume {folder}"
    assert f"{folder} exists already. Go on with that run by {go_on}, or choose another folder." in message
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_resume_needs_a_run(tmp_path: Path, refusal) -> None:
    assert "is no run folder" in refusal(train, ["--resume", tmp_path])


def test_data_that_has_changed_is_refused_when_going_on(folder: Path, tmp_path: Path, refusal) -> None:
    data = shutil.copytree(data_of(folder), tmp_path / "data")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["settings"]["data"] = str(data)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (data / "val" / "red" / "0.png").unlink()
    assert "has 7 images, when the run in" in refusal(train, ["--resume", folder])


def test_a_run_whose_data_have_been_moved_goes_on_with_their_new_place(folder: Path, tmp_path: Path, refusal) -> None:
    config, data = folder / "config.json", shutil.copytree(data_of(folder), tmp_path / "new place")
    record = json.loads(config.read_text())
    record["settings"] |= {"data": str(tmp_path / "gone"), "epochs": 4}
    config.write_text(json.dumps(record))
    message = refusal(train, ["--resume", folder])
    assert f"There is no folder {tmp_path / 'gone'}. If the data of this run have been moved, add --data" in message
    (data / "val" / "red" / "0.png").rename(data / "red.png")
    assert "has 7 images, when the run in" in refusal(train, ["--resume", folder, "--data", data])
    (data / "red.png").rename(data / "val" / "red" / "0.png")
    assert train.main(["--resume", str(folder), "--data", str(data)]) == 0
    assert len(read_csv(folder / "epochs.csv")) == 4


def test_the_place_of_the_data_is_recorded_so_that_it_holds_from_everywhere(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data.parent)
    folder = run_once(Path(data.name), tmp_path / "run", epochs=1, warmup_epochs=0)
    assert open_run(folder).settings.data == str(data)


def test_two_programs_do_not_train_in_one_folder(folder: Path, refusal) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with open_run(folder).locked():
        for arguments in (["--resume", folder], flags(data_of(folder), folder)):
            assert "another program is training here already" in refusal(train, arguments)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_commands_to_go_on_are_quoted_where_they_must_be(tmp_path: Path, capfd) -> None:
    folder = run_once(write_folders(tmp_path / "my data"), tmp_path / "run 1", epochs=1, warmup_epochs=0)
    command = shlex.split(capfd.readouterr().out.splitlines()[-1].partition(": ")[2])
    assert command == ["python", "-m", "course_utils.test", str(folder), "--data", str(tmp_path / "my data")]
    assert judge.main(command[3:]) == 0


def test_names_that_the_terminal_cannot_show_cost_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, folder = write_folders(tmp_path / "data", classes=("熊猫", "苹果")), tmp_path / "运行"
    printed = io.BytesIO()  # as where output of Windows goes into a file
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="cp1252", write_through=True))
    assert train.main(flags(data, folder, epochs=1, warmup_epochs=0)) == 0
    assert judge.main([str(folder), "--data", str(data)]) == 0
    assert b"\\u718a\\u732b" in printed.getvalue() and (folder / "predictions.csv").exists()


def test_a_loss_that_is_lost_is_told_with_epoch_and_batch_and_keeps_the_last_good_checkpoint(
    data: Path, tmp_path: Path, refusal
) -> None:
    message = refusal(train, flags(data, tmp_path / "run", learning_rate=1e30, weight_decay=0.5))
    assert "epoch 1" in message and "ower the learning rate" in message
    assert not (tmp_path / "run" / "last.pt").exists()


# -- going on ---------------------------------------------------------------------------------------------------------


def break_off(arguments: list[str], step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the training program and press Ctrl-C in that step."""
    with monkeypatch.context() as patch:
        press_ctrl_c(step, patch)
        assert train.main(arguments) == 130


@pytest.mark.parametrize("step", [1, 4, 5, 7, 12])
def test_a_run_that_was_stopped_says_how_to_go_on_and_ends_with_the_same_files(
    step: int, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    folder = tmp_path / "run"
    break_off(flags(data_of(finished), folder, epochs=3), step, monkeypatch)
    message = capfd.readouterr().err
    saved = "finished epochs are saved" if step > 4 else "no epoch is finished yet"
    assert message == f"stopped: {saved}, go on with: python -m course_utils.train --resume {folder}\n"
    for seeding in (torch.manual_seed, __import__("numpy").random.seed):
        seeding(77)
    assert train.main(message.rpartition("course_utils.train ")[2].split()) == 0
    assert equal(left_behind(folder), left_behind(finished))


def test_a_run_whose_data_have_been_moved_says_so_when_it_is_stopped_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    break_off(flags(data, tmp_path / "run"), 5, monkeypatch)
    capfd.readouterr()
    break_off(["--resume", str(tmp_path / "run"), "--data", str(data.rename(tmp_path / "new"))], 1, monkeypatch)
    assert capfd.readouterr().err.endswith(f"--resume {tmp_path / 'run'} --data {tmp_path / 'new'}\n")


def test_a_program_that_is_stopped_before_there_is_a_run_says_that_nothing_was_written(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "create_run", stop)
    assert train.main(flags(data, tmp_path / "run")) == 130
    assert capfd.readouterr().err == "stopped: nothing was written\n"


def test_a_finished_run_is_left_as_it_is(folder: Path, capfd) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert train.main(["--resume", str(folder)]) == 0
    assert "best epoch" in capfd.readouterr().out
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """What keeps any file from growing beyond a number of bytes: the write fails for real. Undone by no number."""
    import resource

    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield (change := lambda limit=None: resource.setrlimit(resource.RLIMIT_FSIZE, (limit or old[0], old[1])))
    change()


@needs.posix
@pytest.mark.parametrize("limit", [300, 50_000, 200_000], ids=["batches.csv", "weights", "checkpoint"])
def test_a_disk_that_fills_up_is_told_and_keeps_the_last_good_checkpoint(
    limit: int, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, full_disk
) -> None:
    folder = tmp_path / "run"
    break_off(flags(data_of(finished), folder, epochs=3), 6, monkeypatch)
    before = (folder / "last.pt").read_bytes()
    capsys.readouterr()
    full_disk(limit)
    code = train.main(["--resume", str(folder)])
    full_disk()
    message = capsys.readouterr().err
    assert code == 1 and (folder / "last.pt").read_bytes() == before
    assert len(load_checkpoint(folder / "last.pt")["history"]) == 1
    assert message.startswith("error: ") and message.count("\n") == 1 and str(folder) in message
    assert train.main(["--resume", str(folder)]) == 0
    assert equal(left_behind(folder), left_behind(finished))


@needs.posix
@pytest.mark.parametrize("limit", [1, 20, 50_000, 200_000])
def test_a_disk_that_is_full_from_the_start_is_told(
    limit: int, finished: Path, tmp_path: Path, capsys, full_disk
) -> None:
    arguments, folder = flags(data_of(finished), tmp_path / "run", epochs=3), tmp_path / "run"
    full_disk(limit)
    code = train.main(arguments)
    full_disk()
    assert code == 1 and capsys.readouterr().err.startswith("error: ") and not (folder / "last.pt").exists()
    assert folder.exists() == (limit > 1000) and len(list(tmp_path.iterdir())) == folder.exists()
    assert train.main(["--resume", str(folder)] if folder.exists() else arguments) == 0
    assert equal(left_behind(folder), left_behind(finished))


@needs.posix
def test_ctrl_c_stops_the_program_and_it_goes_on(data: Path, tmp_path: Path) -> None:
    folder, settings = tmp_path / "run", {"epochs": 12}
    command = [sys.executable, "-m", "course_utils.train", *flags(data, folder, **settings)]
    program = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that starts the tests in the background lets them ignore SIGINT
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    patience = time.monotonic() + 300
    while not (folder / "last.pt").exists() and program.poll() is None and time.monotonic() < patience:
        time.sleep(0.01)
    program.send_signal(signal.SIGINT)
    _, message = program.communicate(timeout=300)
    assert program.returncode == 130 and message.count("\n") == 1, message
    assert message.endswith(f"go on with: python -m course_utils.train --resume {folder}\n")
    assert 1 <= len(load_checkpoint(folder / "last.pt")["history"]) < 12
    assert train.main(["--resume", str(folder)]) == 0
    assert equal(left_behind(folder), left_behind(run_once(data, tmp_path / "whole", **settings)))


@needs.fork
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_files(data: Path, tmp_path: Path) -> None:
    arguments = flags(data, tmp_path / "killed", size=16, epochs=24)
    command = [sys.executable, killed_run.__file__, str(tmp_path / "killed"), *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["at random"] >= 7 and told["while writing"] >= 14 and len(set(told["epochs done"])) >= 5
    assert told["unfinished files"] > 0, "no kill fell into a write: a half-written file would have been lying there"
    whole = run_once(data, tmp_path / "whole", size=16, epochs=24)
    found, expected = left_behind(tmp_path / "killed"), left_behind(whole)
    assert sorted(found) == sorted(expected), "something was left behind"
    assert [name for name in expected if not equal(found[name], expected[name])] == []


# -- testing ----------------------------------------------------------------------------------------------------------


def by_hand(folder: Path, data: Path, weights: str, split: str = "test") -> tuple[list[Path], torch.Tensor, list[int]]:
    """Files, probabilities and labels, one image after the other."""
    model = CNN(3, 2).eval()
    model.load_state_dict(load_file(folder / f"{weights}.safetensors"))
    paths = sorted((data / split).glob("*/*.png"))
    images = [eval_transform(8)(Image.open(path).convert("RGB")) for path in paths]
    with torch.no_grad():
        probabilities = torch.cat([model(image.unsqueeze(0)) for image in images]).double().softmax(dim=1)
    return paths, probabilities, [["blue", "red"].index(path.parent.name) for path in paths]


@pytest.mark.parametrize(("weights", "split"), [("best", "test"), ("epoch-01", "test"), ("best", "val")])
def test_scores_and_predictions_are_those_computed_by_hand(weights: str, split: str, folder: Path, capsys) -> None:
    data = data_of(folder)
    extra = ["--weights", weights] * (weights != "best") + ["--split", split] * (split != "test")
    assert judge.main([str(folder), "--data", str(data), *extra]) == 0
    paths, probabilities, labels = by_hand(folder, data, weights, split)
    answers = probabilities.argmax(dim=1).tolist()
    scores = json.loads((folder / "test.json").read_text())
    macro = precision_recall_fscore_support(labels, answers, average="macro", zero_division=0)
    correct = accuracy_score(labels, answers)
    expected = {"images": len(labels), "loss": log_loss(labels, probabilities), "accuracy": correct}
    expected |= dict(zip(("precision", "recall", "f1"), macro))
    expected["standard_error"] = math.sqrt(correct * (1 - correct) / len(labels))
    record = {"data": str(data), "split": split, "weights": weights}
    assert {name: scores.pop(name) for name in record} == record
    assert scores == pytest.approx(expected, rel=1e-5)
    with open(folder / "predictions.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"{split}/{path.parent.name}/{path.name}" for path in paths]
    assert [row["true"] for row in rows] == [["blue", "red"][label] for label in labels]
    assert [row["predicted"] for row in rows] == [["blue", "red"][answer] for answer in answers]
    found = [float(row["probability"]) for row in rows]
    assert found == pytest.approx(probabilities.max(dim=1).values.tolist(), abs=6e-5)
    printed = capsys.readouterr()
    assert f"{len(labels)} images, weights {weights}: loss {expected['loss']:.4f}, accuracy" in printed.out
    assert printed.err == "" and "precision" in printed.out and "blue" in printed.out


def test_a_run_can_be_judged_again_and_nothing_else_in_it_is_changed(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for split in ("val", "test"):
        assert judge.main([str(folder), "--data", str(data_of(folder)), "--split", split]) == 0
    assert json.loads((folder / "test.json").read_text())["split"] == "test"
    after = {path: path.read_bytes() for path in folder.iterdir()}
    assert {path: content for path, content in after.items() if path in before} == before
    assert sorted(path.name for path in set(after) - set(before)) == ["predictions.csv", "test.json"]


def test_a_report_that_replaces_one_on_something_else_says_so(folder: Path, capfd) -> None:
    arguments = [str(folder), "--data", str(data_of(folder))]
    replaces = "This replaces the report on the split test, weights {}.\n"
    for weights, said in (("best", ""), ("best", ""), ("epoch-01", "best"), ("epoch-01", ""), ("best", "epoch-01")):
        assert judge.main([*arguments, "--weights", weights]) == 0
        assert capfd.readouterr().out.startswith(replaces.format(said) if said else "10 images")
    (folder / "test.json").write_text("[")
    assert judge.main(arguments) == 0 and capfd.readouterr().out.startswith("10 images")


def test_judging_a_run_that_is_not_finished_says_so(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    break_off(flags(data, tmp_path / "run"), 6, monkeypatch)
    capfd.readouterr()
    assert judge.main([str(tmp_path / "run"), "--data", str(data)]) == 0
    assert capfd.readouterr().out.startswith("This run is not finished: 1 of 2 epochs.\n10 images")


def test_images_from_elsewhere_are_judged_too(folder: Path, tmp_path: Path) -> None:
    other = write_folders(tmp_path / "other", {"test": 1})
    assert judge.main([str(folder), "--data", f"{other}{os.sep}"]) == 0
    assert json.loads((folder / "test.json").read_text())["images"] == 2


@pytest.mark.parametrize(
    ("classes", "message"),
    [(("blue",), "missing ['red']"), (("blue", "red", "white"), "unexpected ['white']"), (("blue", "rot"), "rot")],
)
def test_test_data_with_other_classes_is_refused(
    classes: tuple, message: str, folder: Path, tmp_path: Path, refusal
) -> None:
    other = write_folders(tmp_path / "other", {"test": 1}, classes)
    assert message in refusal(judge, [folder, "--data", other])
    assert not (folder / "test.json").exists()


def test_what_is_missing_for_a_test_is_named(folder: Path, tmp_path: Path, refusal) -> None:
    data = data_of(folder)
    assert "is no run folder" in refusal(judge, [tmp_path, "--data", data])
    assert f"There is no folder {tmp_path / 'nowhere'}." in refusal(judge, [folder, "--data", tmp_path / "nowhere"])
    assert "no split 'holdout'" in refusal(judge, [folder, "--data", data, "--split", "holdout"])
    message = refusal(judge, [folder, "--data", data, "--weights", "epoch-09"])
    assert "Weights in this run: best, epoch-01, epoch-02, epoch-03" in message
    (folder / "best.safetensors").write_bytes(b"damaged")
    assert "best.safetensors is damaged" in refusal(judge, [folder, "--data", data])
    assert not (folder / "test.json").exists()


def test_weights_of_another_network_are_refused(folder: Path, capfd) -> None:
    save_file(resnet18(2).state_dict(), folder / "best.safetensors")
    assert judge.main([str(folder), "--data", str(data_of(folder))]) == 1
    message = capfd.readouterr().err
    assert message.startswith("error: ") and "belongs to another model than this CNN" in message


@needs.fork
def test_an_image_that_cannot_be_read_is_named_by_the_test_too(data: Path, tmp_path: Path, refusal) -> None:
    folder = run_once(data, tmp_path / "run", workers=1, epochs=1, warmup_epochs=0)
    path = data / "test" / "blue" / "3.png"
    path.write_text("no picture")
    assert refusal(judge, [folder, "--data", data]).startswith(f"error: {path} cannot be read as an image")


def test_a_device_that_is_not_there_is_named_by_the_test_too(
    folder: Path, refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "no device 'cuda'" in refusal(judge, [folder, "--data", data_of(folder), "--device", "cuda"])


@pytest.mark.parametrize("name", ["test.json", "predictions.csv"])
def test_results_that_could_not_be_written_are_an_error_before_anything_is_computed(
    name: str, folder: Path, refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "predict", None)
    (folder / name).mkdir()
    assert name in refusal(judge, [folder, "--data", data_of(folder)])


def test_lists_with_whole_paths_are_judged_with_whole_paths(tmp_path: Path) -> None:
    data, elsewhere = write_lists(tmp_path / "data"), tmp_path / "elsewhere"
    (data / "images").rename(elsewhere)
    (data / "images").mkdir()
    for split in ("train", "val", "test"):
        lines = (data / f"{split}.txt").read_text().splitlines()
        (data / f"{split}.txt").write_text("".join(f"{elsewhere}/{line}\n" for line in lines))
    folder = run_once(data, tmp_path / "run", epochs=1, warmup_epochs=0)
    assert judge.main([str(folder), "--data", str(data)]) == 0
    with open(folder / "predictions.csv", encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["file"] == f"{elsewhere.as_posix()}/test 0 0.png"


@needs.names_of_bytes
def test_names_of_files_that_are_no_text_are_refused_before_anything_is_computed(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    data = write_folders(tmp_path / "data", {"test": 1})
    path = data / "test" / "blue" / "0.png"
    path.rename(os.fsdecode(os.fsencode(path.parent) + b"/\xb9\xb7.png"))
    assert judge.main([str(folder), "--data", str(data)]) == 1
    assert r"is a name that is not UTF-8 text: b'\xb9\xb7.png'" in capfd.readouterr().err
    assert not (folder / "test.json").exists()


def test_ctrl_c_while_judging_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(judge, "predict", stop)
    assert judge.main([str(folder), "--data", str(data_of(folder))]) == 130
    assert capfd.readouterr().err == "stopped: nothing was written\n" and not (folder / "test.json").exists()


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("name", ["train", "test"])
def test_a_program_that_runs_as_a_module_passes_its_exit_code_on(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    arguments = ["--resume", str(tmp_path)] if name == "train" else [str(tmp_path), "--data", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module(f"course_utils.{name}", run_name="__main__")
    printed = capsys.readouterr()
    assert (caught.value.code, printed.out) == (1, "") and f"error: {tmp_path} is no run folder" in printed.err
