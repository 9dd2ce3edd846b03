"""Checks of several processes that train one model: the numbers are those of one process with the same batches."""

import io
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import needs
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from tiny_runs import equal, flags, read_csv, run_once
from torch import nn

from course_utils import CNN, fit, load_checkpoint, train
from course_utils.basics import distributed
from course_utils.data.loaders import seeded_loader

CPU = torch.device("cpu")

pytestmark = [
    pytest.mark.usefixtures("seeded"),
    pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning"),
]


# -- without torchrun -------------------------------------------------------------------------------------------------


def test_without_torchrun_there_is_one_process_and_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")  # left by something else that is not torchrun
    with distributed.joined_processes(CPU) as place:
        assert place is CPU and not dist.is_initialized()
        assert (distributed.rank(), distributed.world_size()) == (0, 1)
        model, values = CNN(3, 2), torch.tensor([1.0, 2.0])
        assert distributed.parallel(model) is model and distributed.synchronize_batchnorm(model) is model
        assert {type(part) for part in model.modules() if "BatchNorm" in type(part).__name__} == {nn.BatchNorm2d}
        assert distributed.mean_of_all(values) is values and values.tolist() == [1, 2]


def test_the_rank_is_known_before_the_processes_have_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("RANK", "3")
    assert (distributed.rank(), distributed.world_size()) == (3, 1)


# -- two processes ----------------------------------------------------------------------------------------------------


def in_two_processes(work: Callable[..., Any], *arguments: Any, patience: float = 60) -> list[Any]:
    """What `work` returns in each of two processes that are started as torchrun would; "none" where one never ended."""
    meeting = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe(duplex=False) for _ in range(2)]
    processes = []
    for rank, (_, sending) in enumerate(pipes):
        processes.append(context.Process(target=_as_rank, args=(rank, meeting.port, sending, work, arguments)))
        processes[-1].start()
        sending.close()
    results = []
    for process, (receiving, _) in zip(processes, pipes):
        try:
            answer = receiving.recv_bytes() if receiving.poll(patience) else None
            results.append(torch.load(io.BytesIO(answer), weights_only=False) if answer else "none")
        except EOFError:
            results.append("none")
        process.kill() if results[-1] == "none" else process.join(patience)
        process.join()
    return results


def _as_rank(rank: int, port: int, pipe: Any, work: Callable[..., Any], arguments: tuple) -> None:
    torch.set_num_threads(1)
    os.environ |= {"TORCHELASTIC_RUN_ID": "test", "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    answer = io.BytesIO()
    torch.save(work(*arguments), answer)  # whole: tensors in a pipe are but shared with a process that ends
    pipe.send_bytes(answer.getvalue())


def _numbers() -> tuple:
    with distributed.joined_processes(CPU) as place:
        values = torch.tensor([1.0, 10.0]) * (distributed.rank() + 1)
        mean = distributed.mean_of_all(values).tolist()
        found = place, distributed.rank(), distributed.world_size(), mean
    return *found, dist.is_initialized()


@needs.fork
def test_processes_have_their_numbers_and_share_means() -> None:
    assert in_two_processes(_numbers) == [(CPU, rank, 2, [1.5, 15.0], False) for rank in range(2)]


IMAGES = 3 + 2 * torch.randn(12, 3, 9, 7, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(12) % 5


def _train_batchnorm(synchronized: bool) -> dict[str, Any]:
    """Two steps on the share of this process; what came out of the second, and what has become of the model."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(140, 5))
    nn.init.uniform_(model[1].weight)
    nn.init.uniform_(model[1].bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with distributed.joined_processes(CPU):
        if synchronized:
            assert distributed.synchronize_batchnorm(model) is model
        names, trained = list(model.state_dict()), distributed.parallel(model)
        share = slice(distributed.rank(), None, distributed.world_size())
        for _ in range(2):
            images = IMAGES[share].clone().requires_grad_()
            outputs = trained(images)
            optimizer.zero_grad()
            nn.functional.cross_entropy(outputs, LABELS[share]).backward()
            optimizer.step()
        model.eval()
        return {
            "outputs": outputs.detach(),
            "gradients": [weight.grad for weight in model.parameters()],
            "of images": images.grad / distributed.world_size(),  # this process's loss is of a part of the examples
            "state": model.state_dict(),
            "names": names,
            "evaluation": model(IMAGES).detach(),
        }


@needs.fork
def test_batchnorm_of_two_processes_is_that_of_the_whole_batch_forward_and_backward() -> None:
    whole, parts = _train_batchnorm(False), in_two_processes(_train_batchnorm, True)
    assert whole["state"]["1.num_batches_tracked"] == 2
    for rank, part in enumerate(parts):
        assert part["names"] == whole["names"]
        for name in ("outputs", "of images"):
            torch.testing.assert_close(part[name], whole[name][rank::2], atol=1e-6, rtol=1e-4)
        for name in ("gradients", "state", "evaluation"):
            torch.testing.assert_close(part[name], whole[name], atol=1e-6, rtol=1e-4)
    assert equal(parts[0]["state"], parts[1]["state"])


@needs.fork
def test_batchnorm_that_is_not_synchronized_would_give_other_numbers() -> None:
    whole, (part, _) = _train_batchnorm(False), in_two_processes(_train_batchnorm, False)
    assert (part["outputs"] - whole["outputs"][::2]).abs().max() > 0.01


def _half_precision() -> tuple:
    with distributed.joined_processes(CPU):
        norm = distributed.synchronize_batchnorm(nn.BatchNorm2d(3))
        outputs = norm(IMAGES[distributed.rank() :: 2].bfloat16())
        return outputs.dtype, outputs.float().detach(), norm.running_mean


@needs.fork
def test_batchnorm_in_half_precision_computes_its_statistics_in_single_precision() -> None:
    expected = nn.BatchNorm2d(3)
    outputs = expected(IMAGES).detach()
    for rank, (dtype, found, mean) in enumerate(in_two_processes(_half_precision)):
        assert dtype == torch.bfloat16
        torch.testing.assert_close(found, outputs[rank::2], atol=0.02, rtol=0.02)
        torch.testing.assert_close(mean, expected.running_mean, atol=2e-3, rtol=0)


class _Pairs(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.tensor([index / 20, 1.0]), int(index > 9)


def _lose_the_loss(folder: Path) -> tuple[str, list[str]]:
    with distributed.joined_processes(CPU):
        model, count = nn.Linear(2, 2), [0]

        def loss_fn(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            count[0] += 1
            spoilt = distributed.rank() == 1 and count[0] == 8
            return nn.functional.cross_entropy(outputs, labels) + (float("nan") if spoilt else 0)

        try:
            optimizer, loader = torch.optim.SGD(model.parameters(), lr=0.1), seeded_loader(_Pairs(), 4, seed=0)
            fit(model, loader, optimizer=optimizer, epochs=3, loss_fn=loss_fn, checkpoint=folder / "run.pt")
        except FloatingPointError as error:
            return str(error), sorted(os.listdir(folder))


@needs.fork
def test_a_loss_that_is_lost_in_one_process_stops_both_in_the_same_batch(tmp_path: Path) -> None:
    first, second = in_two_processes(_lose_the_loss, tmp_path)
    assert first == second and "The loss is nan in batch 3 of epoch 2" in first[0] and first[1] == ["run.pt"]
    assert len(load_checkpoint(tmp_path / "run.pt")["history"]) == 1


# -- the program ------------------------------------------------------------------------------------------------------


def check_same(found: Path, expected: Path) -> None:
    """Two runs ended with the same numbers, but for the order in which they were added up."""
    for name in ("batches.csv", "epochs.csv"):
        for row, wanted in zip(read_csv(found / name), read_csv(expected / name), strict=True):
            assert row | {"seconds": 0} == pytest.approx(wanted | {"seconds": 0}, rel=1e-3, abs=1e-4)
    for path in sorted(expected.glob("*.safetensors")):
        torch.testing.assert_close(load_file(found / path.name), load_file(path), atol=1e-4, rtol=1e-3)
    assert sorted(os.listdir(found)) == sorted(os.listdir(expected))


@pytest.fixture
def stderr(capfd: pytest.CaptureFixture) -> Iterator[Callable[[], str]]:
    """What was printed to stderr so far, less what torch says of this machine's network."""

    def read() -> str:
        lines = capfd.readouterr().err.splitlines(keepends=True)
        return "".join(line for line in lines if "socket.cpp" not in line and "[Gloo]" not in line)

    yield read


@needs.torchrun
def test_two_processes_of_torchrun_train_the_model_that_one_trains(data: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    settings = {"epochs": 3, "batch_size": 6}
    result = subprocess.run(
        [*command, "-m", "course_utils.train", *flags(data, tmp_path / "two", **settings)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("best epoch") == result.stdout.count("epoch 1/3   train loss") == 1, "printed twice"
    check_same(tmp_path / "two", run_once(data, tmp_path / "one", **settings))
    assert len(read_csv(tmp_path / "two" / "batches.csv")) == 9, "written twice"


@needs.fork
def test_two_processes_go_on_with_a_run_that_was_broken_off(data: Path, tmp_path: Path) -> None:
    whole, broken = run_once(data, tmp_path / "whole", epochs=3), tmp_path / "broken"
    assert in_two_processes(_broken_off_in_epoch_2, flags(data, broken, epochs=3)) == [130, 130]
    assert len(load_checkpoint(broken / "last.pt")["history"]) == 1
    assert in_two_processes(train.main, ["--resume", str(broken)]) == [0, 0]
    check_same(broken, whole)


def _broken_off_in_epoch_2(arguments: list[str]) -> int:
    saved = torch.optim.AdamW.step
    steps = [0]

    def step(self: torch.optim.AdamW, *more: object) -> None:
        steps[0] += 1
        if steps[0] == 6:
            raise KeyboardInterrupt
        saved(self, *more)

    torch.optim.AdamW.step = step
    return train.main(arguments)


@needs.fork
def test_a_batch_that_cannot_be_shared_is_refused_by_all_in_one_line(data: Path, tmp_path: Path, stderr) -> None:
    assert in_two_processes(train.main, flags(data, tmp_path / "run", batch_size=3)) == [1, 1]
    assert stderr().startswith("error: A batch of 3 examples cannot be shared equally among 2 processes.")


@needs.fork
@pytest.mark.parametrize("rank", [0, 1])
def test_an_image_that_one_process_cannot_read_is_named(rank: int, data: Path, tmp_path: Path, stderr) -> None:
    batches = seeded_loader(_Pairs(), 4, seed=0).batch_sampler
    batches.examples = 18
    first_batch = next(iter(batches))
    index = first_batch[rank][0]
    path = data / "train" / ("blue" if index < 9 else "red") / f"{index % 9}.png"
    path.write_text("no picture")
    codes = in_two_processes(train.main, flags(data, tmp_path / "run"), patience=20)
    assert codes[rank] == 1 and f"{path} cannot be read as an image" in stderr()


@needs.fork
def test_nobody_trains_where_the_first_process_refuses_the_folder(data: Path, tmp_path: Path, stderr) -> None:
    folder = run_once(data, tmp_path / "run", epochs=1, warmup_epochs=0)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    # the second waits for the first, and torchrun ends it
    assert in_two_processes(train.main, flags(data, folder), patience=3) == [1, "none"]
    assert "run exists already" in stderr()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def _slow_start(folder: Path) -> list[str]:
    """Join, where the first process takes its time; what each finds when it has joined."""
    if distributed.rank() == 0:
        time.sleep(1)
        (folder / "made by the first").touch()
    with distributed.joined_processes(CPU):
        return os.listdir(folder)


@needs.fork
@pytest.mark.parametrize("lazy", [0, 1])
def test_what_the_first_process_did_before_it_joined_is_there_for_all(
    lazy: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_GLOO_LAZY_INIT", str(lazy))  # 1: connect when first needed, as NCCL does
    assert in_two_processes(_slow_start, tmp_path) == [["made by the first"]] * 2
