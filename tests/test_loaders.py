"""Checks of seeded_loader: batches that follow from the seed and the epoch, and from nothing else."""

import copy
from pathlib import Path

import needs
import pytest
import torch
from pictures import noise
from tiny_runs import equal
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader, Dataset

from course_utils import fit, train_transform
from course_utils.basics import distributed
from course_utils.data.loaders import seeded_loader

pytestmark = [
    pytest.mark.usefixtures("seeded"),
    pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning"),
]

Batches = list[tuple[torch.Tensor, torch.Tensor]]


class Pictures(Dataset):
    """Small pictures, each augmented anew whenever it is read; their labels are their numbers."""

    def __init__(self, count: int = 22) -> None:
        self.images = [noise(number, 30, 40) for number in range(count)]
        self.transform = train_transform(4)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), index


def epochs(loader: DataLoader, count: int = 1) -> list[Batches]:
    return [[tuple(batch) for batch in loader] for _ in range(count)]


def order(batches: Batches) -> list[int]:
    return [label for _, labels in batches for label in labels.tolist()]


def by_example(batches: Batches) -> dict[int, torch.Tensor]:
    return {label: image for images, labels in batches for image, label in zip(images, labels.tolist())}


@needs.fork
def test_batches_and_augmentation_are_the_same_whatever_the_number_of_workers() -> None:
    expected = epochs(seeded_loader(Pictures(), 4, seed=3), 2)
    for workers in (1, 2):
        loader = seeded_loader(Pictures(), 4, seed=3, workers=workers)
        assert loader.num_workers == workers and equal(epochs(loader, 2), expected)


def test_the_next_epoch_has_another_order_and_other_augmentation() -> None:
    first, second, third = epochs(seeded_loader(Pictures(), 11, seed=3), 3)
    assert sorted(order(first)) == sorted(order(second)) == list(range(22))
    assert len({tuple(order(epoch)) for epoch in (first, second, third)}) == 3
    images = [by_example(epoch) for epoch in (first, second)]
    assert not any(torch.equal(images[0][label], images[1][label]) for label in range(22))


def test_another_seed_gives_another_order_and_other_augmentation() -> None:
    (first,), (same,), (other,) = (epochs(seeded_loader(Pictures(), 11, seed=seed)) for seed in (3, 3, 4))
    assert equal(first, same) and order(first) != order(other) and order(first) != list(range(22))
    assert not any(torch.equal(by_example(first)[label], by_example(other)[label]) for label in range(22))


def test_examples_of_an_epoch_are_augmented_each_in_its_own_way() -> None:
    class Noise(Dataset):
        def __len__(self) -> int:
            return 50

        def __getitem__(self, index: int) -> torch.Tensor:
            return torch.rand(1)

    ((values,),) = [[batch for batch in seeded_loader(Noise(), 50, seed=0)]]
    assert len(values.unique()) == 50 and values.mean().item() == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=needs.fork)])
def test_other_random_numbers_have_no_influence(workers: int) -> None:
    torch.manual_seed(1)
    expected = epochs(seeded_loader(Pictures(), 4, seed=3, workers=workers), 2)
    torch.manual_seed(2)
    loader, found = seeded_loader(Pictures(), 4, seed=3, workers=workers), []
    for _ in range(2):
        found.append([])
        for batch in loader:
            found[-1].append(tuple(batch))
            torch.rand(5)  # as a model with dropout would draw them
    assert equal(found, expected)


def test_the_global_random_numbers_are_left_alone() -> None:
    before = torch.get_rng_state()
    loader = seeded_loader(Pictures(), 4, seed=3)
    for _ in loader:
        assert torch.equal(torch.get_rng_state(), before)
    epochs(loader)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_random_numbers_are_put_back_when_an_example_cannot_be_read() -> None:
    class Broken(Pictures):
        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            torch.rand(3)
            raise ValueError("broken")

    batches = iter(seeded_loader(Broken(), 4, seed=3))
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="broken"):
        next(batches)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("examples", "batch_size", "sizes"),
    [(22, 4, [4] * 5), (20, 4, [4] * 5), (4, 4, [4]), (5, 4, [4]), (3, 4, [3]), (1, 4, [1]), (3, 1, [1] * 3)],
)
def test_a_last_batch_that_is_not_full_is_left_out_unless_it_is_the_only_one(
    examples: int, batch_size: int, sizes: list[int]
) -> None:
    loader = seeded_loader(Pictures(examples), batch_size, seed=0)
    (batches,) = epochs(loader)
    assert [len(labels) for _, labels in batches] == sizes and len(loader) == len(sizes)
    assert len(set(order(batches))) == sum(sizes)


def test_every_example_is_left_out_at_times() -> None:
    seen = [order(batches) for batches in epochs(seeded_loader(Pictures(7), 4, seed=0), 30)]
    assert {sum(label in labels for labels in seen) for label in range(7)} <= set(range(8, 29))


def test_an_empty_data_set_is_refused() -> None:
    with pytest.raises(ValueError, match="The data set is empty"):
        seeded_loader(Pictures(0), 4, seed=0)


# -- several processes ------------------------------------------------------------------------------------------------


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch):
    """What makes this process the one of that rank among so many."""

    def become(rank: int, world_size: int) -> None:
        monkeypatch.setattr(distributed, "rank", lambda: rank)
        monkeypatch.setattr(distributed, "world_size", lambda: world_size)

    return become


@pytest.mark.parametrize("processes", [2, 3])
def test_the_shares_of_the_processes_are_disjoint_and_together_the_batches_of_one(processes: int, process) -> None:
    expected = epochs(seeded_loader(Pictures(), 6, seed=3), 2)
    shares = []
    for rank in range(processes):
        process(rank, processes)
        shares.append(epochs(seeded_loader(Pictures(), 6, seed=3), 2))
    for number, whole in enumerate(expected):
        for batch, (images, labels) in enumerate(whole):
            parts = [share[number][batch] for share in shares]
            assert [len(part) for _, part in parts] == [6 // processes] * processes
            assert sorted(label for _, part in parts for label in part.tolist()) == sorted(labels.tolist())
            assert all(equal(by_example([part])[label], by_example([(images, labels)])[label])
                       for part in parts for label in part[1].tolist())  # fmt: skip


@pytest.mark.parametrize(("examples", "batch_size", "named"), [(22, 5, 5), (3, 4, 3)])
def test_a_batch_that_cannot_be_shared_equally_is_refused(examples: int, batch_size: int, named: int, process) -> None:
    process(0, 2)
    with pytest.raises(ValueError, match=f"A batch of {named} examples cannot be shared equally among 2 processes"):
        seeded_loader(Pictures(examples), batch_size, seed=0)


# -- checkpoints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=needs.fork)])
def test_a_resumed_run_is_given_the_batches_it_would_have_been_given(workers: int, tmp_path: Path) -> None:
    def run(count: int, checkpoint: Path, seed: int = 0) -> tuple[list[float], dict]:
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(48, 22))
        loader = seeded_loader(Pictures(), 4, seed=seed, workers=workers)
        optimizer = SGD(model.parameters(), lr=0.1)
        history = fit(model, loader, optimizer=optimizer, epochs=count, checkpoint=checkpoint, progress=False)
        return history["train_loss"], copy.deepcopy(model.state_dict())

    expected = run(3, tmp_path / "whole.pt")
    run(1, tmp_path / "parts.pt")
    assert equal(run(3, tmp_path / "parts.pt", seed=9), expected)  # the checkpoint beats the seed
