"""Checks of saving and loading: whole or not at all, nothing executed, damage and strangers named."""

import errno
import multiprocessing
import os
import pickle
import random
import re
import time
from pathlib import Path

import needs
import numpy as np
import pytest
import torch
from torch import nn

from course_utils import MLP, load_checkpoint, save_checkpoint
from course_utils.basics import checkpoints


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the checkpoint goes, and it is there already: {"version": 1}."""
    save_checkpoint(tmp_path / "run.pt", {"version": 1})
    return tmp_path / "run.pt"


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    state = {"weights": torch.randn(3, 2), "counts": [1, 2.5, None, "x"], "nested": {"half": torch.ones(2).half()}}
    save_checkpoint(tmp_path / "new folder" / "run.pt", state)
    loaded = load_checkpoint(tmp_path / "new folder" / "run.pt")
    assert torch.equal(loaded["weights"], state["weights"]) and loaded["counts"] == state["counts"]
    assert loaded["nested"]["half"].dtype == torch.float16


def test_numpy_numbers_are_saved_as_those_of_python(tmp_path: Path) -> None:
    numbers = {"rate": np.logspace(-3, -1, 5)[2], "single": np.float32(0.1), "count": np.int64(3), "right": np.True_}
    state = numbers | {"names": list(np.array(["ant", "bee"])), "by class": {np.int64(1): (np.float64(0.5), None)}}
    save_checkpoint(tmp_path / "run.pt", state)
    loaded = load_checkpoint(tmp_path / "run.pt")
    assert loaded == state and [type(loaded[name]) for name in numbers] == [float, float, int, bool]


def test_a_state_dict_is_saved_with_the_versions_of_its_parts(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "run.pt", {"model": nn.BatchNorm1d(2).state_dict()})
    assert load_checkpoint(tmp_path / "run.pt")["model"]._metadata[""] == {"version": 2}


def test_saving_again_replaces_the_file_and_leaves_no_other(path: Path) -> None:
    save_checkpoint(path, {"version": 2})
    assert load_checkpoint(path) == {"version": 2}
    assert os.listdir(path.parent) == ["run.pt"]


@pytest.mark.parametrize(
    ("function", "failure", "expected"),
    [
        ("torch.save", OSError(28, "No space left on device"), OSError),
        ("torch.save", RuntimeError("PytorchStreamWriter failed writing file"), OSError),
        ("os.fsync", OSError(28, "No space left on device"), OSError),
        ("os.replace", PermissionError("read-only"), OSError),
        ("os.fsync", KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_failed_write_keeps_the_old_checkpoint_and_leaves_no_part(
    function: str, failure: BaseException, expected: type, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise failure

    monkeypatch.setattr(function, fail)
    with pytest.raises(expected) as caught:
        save_checkpoint(path, {"version": 2})
    monkeypatch.undo()
    assert load_checkpoint(path) == {"version": 1} and os.listdir(path.parent) == ["run.pt"]
    if expected is OSError:
        assert str(path) in str(caught.value) and "Free space" in str(caught.value)


@needs.posix
@pytest.mark.parametrize("limit", [0, 300, 50_000])
def test_a_disk_that_fills_up_in_the_middle_keeps_the_old_checkpoint(limit: int, path: Path) -> None:
    import resource

    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))  # no file may grow beyond it: the write fails for real
    try:
        with pytest.raises(OSError, match="run.pt could not be written"):
            save_checkpoint(path, {"weights": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert load_checkpoint(path) == {"version": 1} and os.listdir(path.parent) == ["run.pt"]


@pytest.mark.parametrize(
    ("state", "named"),
    [
        ({"function": lambda: None}, r"state\['function'\] is a function"),
        ({"model": nn.Linear(2, 2)}, r"state\['model'\] is a Linear.*state_dict"),
        ({"rows": [{"seen": np.zeros(3)}]}, r"state\['rows'\]\[0\]\['seen'\] is a ndarray.*torch.from_numpy"),
        ({"where": Path("x")}, r"state\['where'\] is a \w*Path.*str\(…\)"),
    ],
    ids=["function", "model", "array", "path"],
)
def test_what_could_not_be_loaded_again_is_refused_and_keeps_the_old_checkpoint(
    state: dict, named: str, path: Path
) -> None:
    with pytest.raises(ValueError, match=named):
        save_checkpoint(path, state)
    assert load_checkpoint(path) == {"version": 1} and os.listdir(path.parent) == ["run.pt"]


def _save_for_ever(path: Path) -> None:
    torch.set_num_threads(1)
    for version in range(1_000_000):
        save_checkpoint(path, {"version": version, "weights": torch.full((300_000,), version)})


@needs.fork
@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_a_kill_in_the_middle_of_writing_never_costs_the_checkpoint(path: Path) -> None:
    unfinished = 0
    for attempt in range(25):
        writer = multiprocessing.get_context("fork").Process(target=_save_for_ever, args=(path,))
        before, patience = path.stat().st_mtime_ns, time.monotonic() + 20
        writer.start()
        while path.stat().st_mtime_ns == before and time.monotonic() < patience:
            time.sleep(0.001)  # until the writer has written once
        time.sleep(random.Random(attempt).uniform(0, 0.03))
        writer.kill()  # SIGKILL: no handler runs
        writer.join()
        unfinished += len(os.listdir(path.parent)) - 1
        state = load_checkpoint(path)
        assert (state["weights"] == state["version"]).all()
    assert unfinished, "no kill fell into a write: a half-written file would have been lying there"
    save_checkpoint(path, {"version": -1})
    assert os.listdir(path.parent) == ["run.pt"], "the next write clears up what a kill left behind"


# -- loading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_checkpoint_is_named_and_kept(share: float, path: Path) -> None:
    save_checkpoint(path, {"weights": torch.randn(1000)})
    part = path.read_bytes()[: int(share * path.stat().st_size)]
    path.write_bytes(part)
    with pytest.raises(ValueError, match="run.pt is (not a whole checkpoint.*Put a copy of it in its place|refused)"):
        load_checkpoint(path)
    assert path.read_bytes() == part


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_whatever_the_damage_it_is_a_value_error_with_the_path(zipped: bool, path: Path) -> None:
    torch.save({"a": torch.zeros(5), "b": [1, "x"]}, path, _use_new_zipfile_serialization=zipped)
    whole, dice = path.read_bytes(), random.Random(0)
    for attempt in range(150):
        damaged = bytearray(whole[: dice.randrange(len(whole))] if attempt % 2 else whole)
        for _ in range(4 * bool(damaged)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        path.write_bytes(damaged)
        try:
            load_checkpoint(path)  # a changed number inside a tensor goes unnoticed
        except ValueError as error:
            assert str(path) in str(error)


class Bomb:
    """Its pickle writes a file when it is loaded."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.trace),)


def torch_save_inside_state(bomb: Bomb, path: Path) -> None:
    torch.save({"model": {"weight": torch.zeros(2)}, "extra": bomb}, path)


def torch_save_legacy(bomb: Bomb, path: Path) -> None:
    torch.save(bomb, path, _use_new_zipfile_serialization=False)


def plain_pickle(bomb: Bomb, path: Path) -> None:
    path.write_bytes(pickle.dumps(bomb))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("write", [torch_save_inside_state, torch_save_legacy, plain_pickle])
def test_code_in_a_pickle_is_refused_and_does_not_run(write, path: Path, tmp_path: Path) -> None:
    write(Bomb(tmp_path / "trace"), path)
    with pytest.raises(ValueError, match="run.pt is refused.*could run code"):
        load_checkpoint(path)
    assert not (tmp_path / "trace").exists()
    torch.load(path, weights_only=False) if write is not plain_pickle else pickle.loads(path.read_bytes())
    assert (tmp_path / "trace").exists(), "the bomb was a dud, and the test proved nothing"


def test_a_whole_model_is_refused_with_the_advice_to_save_a_state_dict(path: Path) -> None:
    torch.save(nn.Linear(2, 2), path)
    with pytest.raises(ValueError, match="Save a state_dict instead"):
        load_checkpoint(path)


def test_objects_in_a_file_are_named_with_the_cure(path: Path) -> None:
    torch.save({"rate": np.float64(0.1)}, path)
    with pytest.raises(ValueError, match=r"run.pt is refused: it holds Python objects \(numpy.*float\(…\) instead of"):
        load_checkpoint(path)


def test_what_the_system_does_not_let_one_read_is_not_called_damaged(path: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(OSError, match=f"{re.escape(str(tmp_path))} cannot be read"):
        load_checkpoint(tmp_path)

    def failing(*arguments: object, **more: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(torch, "load", failing)
    with pytest.raises(OSError, match="run.pt cannot be read .Input/output error"):
        load_checkpoint(path)


def test_a_file_that_holds_no_dict_and_a_missing_file_are_named(path: Path, tmp_path: Path) -> None:
    torch.save(torch.zeros(3), path)
    with pytest.raises(ValueError, match="run.pt is not a checkpoint of this course: it holds a Tensor"):
        load_checkpoint(path)
    with pytest.raises(FileNotFoundError, match="There is no checkpoint .*nowhere.pt"):
        load_checkpoint(tmp_path / "nowhere.pt")


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (MLP(4, [8], 2), r"1.weight has shape \(8, 4\), the model needs \(5, 4\)"),
        (MLP(4, [5, 5], 2), "5.weight is unknown"),
        (MLP(4, [], 2), "3.weight is missing"),
    ],
    ids=["wider", "deeper", "shallower"],
)
def test_weights_of_another_architecture_are_refused_and_the_model_is_unchanged(other: MLP, difference: str) -> None:
    model = MLP(4, [5], 2)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with pytest.raises(ValueError, match=f"(?s)other.pt belongs to another model than this MLP:.*{difference}"):
        checkpoints.load_weights(model, other.state_dict(), "other.pt")
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


@pytest.mark.parametrize("wrapper", ["", "state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_weights_of_other_programs_are_found_behind_their_wrappers(prefix: str, wrapper: str) -> None:
    model, other = MLP(4, [5], 2), MLP(4, [5], 2)
    weights = {f"{prefix}{name}": value for name, value in other.state_dict().items()}
    checkpoints.load_weights(model, {"epoch": 3, wrapper: weights} if wrapper else weights, "other.pt")
    assert torch.equal(model(torch.ones(1, 4)), other(torch.ones(1, 4)))


def test_a_model_whose_own_names_look_like_a_wrapper_is_loaded_as_it_is() -> None:
    model = nn.ModuleDict({"module": nn.Linear(2, 2)})
    checkpoints.load_weights(nn.ModuleDict({"module": nn.Linear(2, 2)}), model.state_dict(), "own.pt")


def test_the_message_shows_what_the_file_holds_as_well_as_what_it_lacks() -> None:
    weights = {f"net.{number}.weight": torch.zeros(1) for number in range(9)} | {"epoch": 3}
    with pytest.raises(ValueError) as caught:
        checkpoints.load_weights(MLP(4, [5, 5], 2), weights, "other.pt")
    expected = [f"  {number}.{kind} is missing" for number in (1, 3) for kind in ("weight", "bias")]
    expected += ["  … and 2 more", *(f"  net.{number}.weight is unknown" for number in range(4)), "  … and 6 more"]
    assert str(caught.value).splitlines()[1:] == expected


def test_weights_of_the_same_architecture_are_copied() -> None:
    model, other = MLP(4, [5], 2), MLP(4, [5], 2)
    checkpoints.load_weights(model, other.state_dict(), "other.pt")
    assert torch.equal(model(torch.ones(1, 4)), other(torch.ones(1, 4)))
