"""Batches that depend on a seed alone. Lesson 10 builds them, so that one process and two train the same model."""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from ..basics import distributed


class SizedDataset(Protocol):
    """A data set that knows its length, as torch's `Dataset` need not: indices give examples (input, target)."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple: ...


def seeded_loader(dataset: SizedDataset, batch_size: int, seed: int, workers: int = 0) -> DataLoader:
    """Shuffled batches of a data set that augments its examples.

    Order and augmentation follow from `seed` and the epoch: not from the number of loader workers or of processes, nor
    from what else draws random numbers. A last batch that is not full is left out, unless it is the only one. Where
    several processes train together, each gets its share of every batch.

    Args:
        dataset: draws its random numbers from torch's global generator, as torchvision's transforms do.
        batch_size: of all processes together.
        workers: processes that load batches in advance. They are started once and serve all epochs, so that what is
            changed in `dataset` after the first does not reach them.

    Raises:
        ValueError: the data set is empty, or the batch cannot be shared equally among the processes.
    """
    if not len(dataset):
        raise ValueError("The data set is empty, there is nothing to load.")
    sampler = _SeededBatches(len(dataset), min(batch_size, len(dataset)), torch.Generator().manual_seed(seed))
    return _SeededLoader(
        _SeededExamples(dataset),
        batch_sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # or the loader would draw from the global one
    )


class _SeededLoader(DataLoader):
    """Its own generator seeds what nobody uses, the workers, whenever they are started. That leaves no trace in it."""

    def __iter__(self) -> Iterator:  # type: ignore[override]  # torch names a private class
        batches = super().__iter__()
        self.generator.manual_seed(0)
        return batches


class _SeededBatches:
    """Lists of (index, seed of this example in this epoch)."""

    def __init__(self, examples: int, batch_size: int, generator: torch.Generator):
        if batch_size % distributed.world_size():
            raise ValueError(
                f"A batch of {batch_size} examples cannot be shared equally among {distributed.world_size()} "
                "processes. Choose a multiple as batch size."
            )
        self.examples, self.batch_size, self.generator = examples, batch_size, generator

    def __len__(self) -> int:
        return self.examples // self.batch_size

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = torch.randperm(self.examples, generator=self.generator).tolist()
        seeds = torch.randint(2**62, (self.examples,), generator=self.generator).tolist()
        share = slice(distributed.rank(), None, distributed.world_size())
        pairs = list(zip(order, seeds))
        for number in range(len(self)):
            yield pairs[number * self.batch_size : (number + 1) * self.batch_size][share]


class _SeededExamples(Dataset):
    """The examples of a data set, each drawn with the random numbers of its seed."""

    def __init__(self, dataset: SizedDataset):
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index_and_seed: tuple[int, int]) -> tuple:
        index, seed = index_and_seed
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return self.dataset[index]
