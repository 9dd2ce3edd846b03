"""Checks of run folders: what is recorded, what is read back, what is refused."""

import dataclasses
import importlib.util
import json
import math
import multiprocessing
import os
import re
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import needs
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_runs import equal, run_once, write_folders, write_lists

from course_utils import CNN, open_run, runs, settings, train
from course_utils.models.pretrained import backbone_file
from course_utils.models.resnet import resnet50
from course_utils.runs import Run, create_run, environment, open_data
from course_utils.settings import Settings

pytestmark = pytest.mark.usefixtures("seeded", "sample_profile")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs, not to be changed; its data lies beside it."""
    root = tmp_path_factory.mktemp("finished")
    return run_once(write_folders(root / "data"), root / "run")


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Run:
    """A copy of it, to be spoilt."""
    return open_run(shutil.copytree(finished, tmp_path / "run"))


def change(run: Run, **values: Any) -> None:
    """Change entries of the run's config.json; those of the settings by settings={…}."""
    record = json.loads((run.folder / "config.json").read_text())
    settings = {name: value for name, value in (record["settings"] | values.pop("settings", {})).items()}
    (run.folder / "config.json").write_text(json.dumps(record | {"settings": settings} | values))


# -- making and opening -----------------------------------------------------------------------------------------------


def test_a_new_run_holds_its_settings_classes_and_number_of_images_and_is_read_back(data: Path, tmp_path: Path) -> None:
    settings = Settings(str(data), "cnn", freeze=True, epochs=3, batch_size=7, learning_rate=3e-5, weight_decay=0.25,
                        warmup_epochs=0.1, size=33, bfloat16=True, seed=11, device="cpu", workers=1,
                        keep_epochs=False, tensorboard=True, wandb=True, optimizer="sgd", schedule="step",
                        step_epochs=2, augmentation="jitter")  # fmt: skip
    made = create_run(tmp_path / "new" / "run", settings)
    assert made == open_run(str(tmp_path / "new" / "run"))
    assert made.settings == settings and made.folder == tmp_path / "new" / "run"
    assert made.classes == ["blue", "red"] and made.images == {"train": 18, "val": 8}
    assert os.listdir(made.folder) == ["config.json"] and os.listdir(tmp_path / "new") == ["run"]
    assert made.checkpoint == made.folder / "last.pt"
    record = json.loads((made.folder / "config.json").read_text(encoding="utf-8"))
    assert record["settings"] == dataclasses.asdict(settings) and len(record["settings"]) == 21


def test_the_file_of_pretrained_weights_is_recorded(data: Path, tmp_path: Path) -> None:
    recorded = []
    for number, model in enumerate(["pretrained_resnet18", "resnet18"]):
        file = create_run(tmp_path / str(number), Settings(str(data), model, size=32)).folder / "config.json"
        record = json.loads(file.read_text())
        recorded.append(record.pop("pretrained_weights"))
        file.write_text(json.dumps(record))
        assert open_run(file.parent).settings.model == model, "as earlier versions wrote it"
    assert recorded == [backbone_file("resnet18").name, None]


def test_every_setting_has_its_default_but_the_data() -> None:
    settings = Settings("somewhere")
    assert (settings.data, settings.model, settings.epochs, settings.size) == ("somewhere", "resnet18", 5, 224)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.epochs = 6


def test_names_of_classes_are_kept_as_they_are(tmp_path: Path) -> None:
    classes = ("Käfer", "prince of wales feathers?", "蜂")
    made = create_run(tmp_path / "run", Settings(str(write_lists(tmp_path / "data", classes=classes)), "cnn"))
    assert tuple(open_run(made.folder).classes) == classes
    assert "Käfer" in (made.folder / "config.json").read_text(encoding="utf-8")


def test_versions_and_machine_are_recorded(data: Path, tmp_path: Path) -> None:
    import numpy
    import torchvision

    made = create_run(tmp_path / "run", Settings(str(data), "cnn")).environment
    assert made | {"started": ""} == environment() | {"started": ""}
    assert abs(datetime.now().astimezone() - datetime.fromisoformat(made["started"])) < timedelta(minutes=10)
    versions = {"torch": torch, "torchvision": torchvision, "numpy": numpy}
    assert {name: made[name] for name in versions} == {
        name: module.__version__.split("+")[0] for name, module in versions.items()
    }
    assert re.fullmatch(r"3\.\d+\.\d+", made["python"]) and made["system"] and made["cpu"]
    assert (made["threads"], made["cores"]) == ("1", str(os.cpu_count()))
    assert len([name for name in made if name.startswith("gpu")]) == torch.cuda.device_count()


def test_an_existing_folder_is_used_if_it_is_empty(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    create_run(tmp_path / "run", Settings(str(data), "cnn"))
    assert os.listdir(tmp_path / "run") == ["config.json"]


def test_hidden_files_of_the_system_do_not_make_a_folder_a_run(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".DS_Store").write_bytes(b"Finder")
    create_run(tmp_path / "run", Settings(str(data), "cnn"))
    assert sorted(os.listdir(tmp_path / "run")) == [".DS_Store", "config.json"]


def test_one_class_is_no_classification(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", classes=("everything",))
    with pytest.raises(ValueError, match="data has images of one class alone, 'everything'.*a folder too many"):
        create_run(tmp_path / "run", Settings(str(data), "cnn"))
    assert not (tmp_path / "run").exists()


def test_lists_with_images_of_one_class_alone_are_no_classification(tmp_path: Path) -> None:
    data = write_lists(tmp_path / "data")
    lines = (data / "train.txt").read_text().splitlines(keepends=True)
    (data / "train.txt").write_text("".join(line for line in lines if line.endswith(" 1\n")))
    with pytest.raises(ValueError, match="data has images of one class alone, 'red'"):
        create_run(tmp_path / "run", Settings(str(data), "cnn"))


@needs.names_of_bytes
def test_a_data_folder_whose_name_is_no_text_is_refused(data: Path, tmp_path: Path, run: Run) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xb9\xb7"))
    data.rename(odd)
    for use in (
        lambda: create_run(tmp_path / "new", Settings(str(odd), "cnn")),
        lambda: open_data(run, "val", None, odd),
    ):
        with pytest.raises(ValueError, match=r"is a name that is not UTF-8 text: b'\\xb9\\xb7'"):
            use()


def test_a_config_that_an_editor_has_marked_is_read(run: Run) -> None:
    file = run.folder / "config.json"
    file.write_text(file.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert open_run(run.folder) == run


def test_a_val_image_that_cannot_be_read_is_found_before_the_run_is_made(data: Path, tmp_path: Path) -> None:
    path = data / "val" / "red" / "1.png"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} cannot be read as an image"):
        create_run(tmp_path / "run", Settings(str(data), "cnn"))
    path.unlink()
    assert create_run(tmp_path / "run", Settings(str(data), "cnn")).images["val"] == 7


def test_a_run_is_trained_by_one_program_at_a_time(run: Run) -> None:
    with run.locked():
        with pytest.raises(BlockingIOError, match=f"{re.escape(str(run.folder))}: another program is training here"):
            with run.locked():
                pass
    with run.locked():
        pass


def test_loading_images_in_advance_is_the_default_only_where_processes_are_forked(monkeypatch) -> None:
    for method, workers in [("fork", 2), ("spawn", 0)]:
        monkeypatch.setattr(multiprocessing, "get_start_method", lambda method=method, **_: method)
        anew = importlib.util.spec_from_file_location("course_utils.settings_anew", settings.__file__)
        monkeypatch.setitem(sys.modules, anew.name, importlib.util.module_from_spec(anew))
        anew.loader.exec_module(sys.modules[anew.name])
        assert sys.modules[anew.name].Settings("somewhere").workers == workers


@pytest.mark.parametrize("what", ["run", "other file", "file"])
def test_an_existing_folder_that_is_not_empty_is_refused_and_left_alone(
    what: str, data: Path, tmp_path: Path, finished: Path
) -> None:
    folder = tmp_path / "run"
    if what == "run":
        shutil.copytree(finished, folder)
    elif what == "other file":
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
    else:
        folder.write_text("mine")
    before = [path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    advice = ", and is no run. Choose another"
    if what == "run":
        advice = f". Go on with that run by python -m course_utils.train --resume {folder}"
    with pytest.raises(FileExistsError, match=re.escape(f"{folder} exists already{advice}")):
        create_run(folder, Settings(str(data), "cnn"))
    assert [path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()] == before


@pytest.mark.parametrize("missing", ["everything", "val", "images"])
def test_nothing_is_written_where_the_data_is_missing(missing: str, data: Path, tmp_path: Path) -> None:
    if missing == "everything":
        shutil.rmtree(data)
    elif missing == "val":
        shutil.rmtree(data / "val")
    else:
        shutil.rmtree(data / "val" / "red")
        (data / "val" / "red").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileNotFoundError, match=re.escape(str(data))):
        create_run(tmp_path / "new" / "run", Settings(str(data), "cnn"))
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_is_written_where_train_and_val_have_other_classes(data: Path, tmp_path: Path) -> None:
    (data / "val" / "red").rename(data / "val" / "green")
    with pytest.raises(ValueError, match=r"missing \['red'\], unexpected \['green'\]"):
        create_run(tmp_path / "run", Settings(str(data), "cnn"))
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        create_run(tmp_path / "file" / "run", Settings(str(data), "cnn"))


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("epochs", 0, 2),
        ("epochs", -3, 2),
        ("batch_size", 0, 1),
        ("size", 7, 8),
        ("workers", -1, 0),
        ("warmup_epochs", -0.5, 0.0),
        ("warmup_epochs", 5.5, 5.0),
        ("warmup_epochs", math.nan, 0.0),
        ("learning_rate", 0.0, 1e-9),
        ("learning_rate", -1.0, 0.1),
        ("learning_rate", math.nan, 0.1),
        ("learning_rate", math.inf, 0.1),
        ("weight_decay", -0.01, 0.0),
        ("weight_decay", math.nan, 0.0),
        ("step_epochs", 0, 7),
        ("step_epochs", 3, 7),  # with the schedule cosine
        ("seed", -1, 0),
        ("seed", 2**32, 2**32 - 1),
        ("model", "resnet19", "resnet18"),
        ("device", "tpu", "cpu"),
        ("optimizer", "lion", "sgd"),
        ("schedule", "linear", "constant"),
        ("augmentation", "mixup", "jitter"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_name_and_value(name: str, value: Any, accepted: Any) -> None:
    Settings("data", **{name: accepted})
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    with pytest.raises(ValueError, match=f"(?s){name}.*{re.escape(shown)}"):
        Settings("data", **{name: value})


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        message = re.escape(f"{folder} is no run folder: there is no ")
        with pytest.raises(FileNotFoundError, match=f"{message}.*config.json"):
            open_run(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"3", b'"text"', b"{}", b'{"settings": {}}', b'{"settings": 5}', b"\xff\xfe", b"\x00"],
)
def test_a_config_that_is_damaged_or_of_something_else_is_refused(content: bytes, run: Run) -> None:
    (run.folder / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match="config.json cannot be used.*start a new run"):
        open_run(run.folder)
    assert (run.folder / "config.json").read_bytes() == content


def test_every_part_of_a_truncated_config_is_refused(run: Run) -> None:
    whole = (run.folder / "config.json").read_bytes().rstrip()
    for length in range(0, len(whole), 37):
        (run.folder / "config.json").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="config.json cannot be used"):
            open_run(run.folder)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"settings": {"dropout": 0.1}}, "dropout"),
        ({"settings": {"epochs": 0}}, "epochs"),
        ({"settings": {"epochs": "two"}}, "epochs"),
        ({"settings": {"epochs": None}}, "epochs"),
        ({"settings": {"epochs": 2.5}}, "epochs"),
        ({"settings": {"freeze": "no"}}, "freeze"),
        ({"settings": {"data": 3}}, "data"),
        ({"settings": {"model": "resnet19"}}, "resnet19"),
        ({"settings": {"device": "tpu"}}, "tpu"),
        ({"classes": "blue"}, "classes"),
        ({"classes": None}, "classes"),
        ({"images": {}}, "images"),
        ({"images": [18, 8]}, "images"),
    ],
    ids=str,
)
def test_a_config_of_another_version_of_the_program_is_refused_with_what_is_wrong(
    values: dict, named: str, run: Run
) -> None:
    change(run, **values)
    with pytest.raises(ValueError, match=f"config.json cannot be used.*{named}"):
        open_run(run.folder)


def test_a_config_without_one_of_the_settings_is_refused(run: Run) -> None:
    record = json.loads((run.folder / "config.json").read_text())
    del record["settings"]["seed"]
    (run.folder / "config.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="config.json cannot be used: unknown or missing settings seed"):
        open_run(run.folder)


def test_a_config_from_before_a_setting_was_added_means_what_it_meant(run: Run) -> None:
    record = json.loads((run.folder / "config.json").read_text())
    for name in ("optimizer", "schedule", "step_epochs", "augmentation", "start_from"):
        del record["settings"][name]
    (run.folder / "config.json").write_text(json.dumps(record))
    old = open_run(run.folder)
    assert old == run and (old.settings.optimizer, old.settings.schedule) == ("adamw", "cosine")


# -- networks and weights ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cnn", "resnet18", "resnet34", "resnet50", "resnet101", "pretrained_resnet18"])
def test_every_model_has_as_many_outputs_as_there_are_classes(name: str, data: Path, tmp_path: Path) -> None:
    made = create_run(tmp_path / "run", Settings(str(data), name))
    model = dataclasses.replace(made, classes=["a", "b", "c"]).new_model().eval()
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 3)


def test_a_trained_network_does_without_the_weights_it_began_with(run: Run) -> None:
    weights = resnet50(len(run.classes)).state_dict()
    save_file(weights, run.folder / "best.safetensors")
    began = dataclasses.replace(run, settings=dataclasses.replace(run.settings, model="pretrained_resnet50"))
    assert equal(dict(began.load_model().state_dict()), weights)


def test_the_best_weights_are_loaded_unless_others_are_named(run: Run) -> None:
    names = [path.stem for path in sorted(run.folder.glob("*.safetensors"))]
    assert names == ["best", "epoch-01", "epoch-02"]
    for name in names:
        model = run.load_model(name)
        assert isinstance(model, CNN) and not model.training
        assert equal(dict(model.state_dict()), load_file(run.folder / f"{name}.safetensors"))
    assert equal(run.load_model().state_dict(), run.load_model("best").state_dict())
    assert not equal(run.load_model("epoch-01").state_dict(), run.load_model("epoch-02").state_dict())


def test_weights_that_are_missing_are_named_with_those_that_are_there(run: Run) -> None:
    with pytest.raises(FileNotFoundError, match="epoch-07.safetensors. Weights in this run: best, epoch-01, epoch-02"):
        run.load_model("epoch-07")
    for path in run.folder.glob("*.safetensors"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="Weights in this run: none yet"):
        run.load_model()


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.999])
def test_damaged_weights_are_named(share: float, run: Run) -> None:
    file = run.folder / "best.safetensors"
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(ValueError, match="best.safetensors is damaged .*Choose the weights of another epoch"):
        run.load_model()


def test_weights_of_another_model_are_refused(run: Run) -> None:
    save_file(CNN(3, 5).state_dict(), run.folder / "best.safetensors")
    with pytest.raises(ValueError, match="(?s)best.safetensors belongs to another model than this CNN.*shape"):
        run.load_model()


def test_a_checkpoint_of_another_run_is_refused_and_kept(run: Run, tmp_path: Path, capsys) -> None:
    other = run_once(Path(run.settings.data), tmp_path / "other", model="resnet18", epochs=1, warmup_epochs=0, size=32)
    for checkpoint in (other / "last.pt", None):
        shutil.copy(checkpoint, run.checkpoint) if checkpoint else run.checkpoint.write_bytes(b"damaged")
        before = run.checkpoint.read_bytes()
        capsys.readouterr()
        assert train.main(["--resume", str(run.folder)]) == 1
        message = capsys.readouterr().err
        assert message.startswith(f"error: {run.checkpoint} ") and run.checkpoint.read_bytes() == before
        assert ("belongs to another model than this CNN" in message) == (checkpoint is not None)


# -- data -------------------------------------------------------------------------------------------------------------


def test_the_data_of_the_run_is_opened_with_its_classes(run: Run) -> None:
    dataset = open_data(run, "val", lambda image: image.size)
    assert len(dataset) == 8 and dataset.classes == run.classes and dataset[0] == ((12, 10), 0)


def test_data_that_has_changed_since_the_run_began_is_refused(data: Path, tmp_path: Path) -> None:
    made = create_run(tmp_path / "run", Settings(str(data), "cnn"))
    shutil.copy(data / "train" / "red" / "0.png", data / "train" / "red" / "more.png")
    with pytest.raises(ValueError, match="The split 'train' of .* has 19 images, when the run in .* it had 18"):
        open_data(made, "train", None)
    assert len(open_data(made, "train", None, data)) == 19, "data that is named is another matter"
    open_data(made, "val", None)
    (data / "val" / "red").rename(data / "val" / "green")
    for folder in (None, data):
        with pytest.raises(ValueError, match=r"missing \['red'\], unexpected \['green'\]"):
            open_data(made, "val", None, folder)
    shutil.rmtree(data)
    with pytest.raises(
        FileNotFoundError, match="no folder .*data. If the data of this run have been moved, add --data"
    ):
        open_data(made, "val", None)
    with pytest.raises(FileNotFoundError, match="There is no folder .*elsewhere.$"):
        open_data(made, "val", None, tmp_path / "elsewhere")


def test_what_the_module_says_of_a_run_folder_is_what_is_in_it(finished: Path) -> None:
    named = re.findall(r"^([\w.-]*\.(?:json|pt|safetensors|csv|lock)) ", runs.__doc__, re.M)
    assert sorted(os.listdir(finished)) == sorted([*named, "epoch-02.safetensors"])
