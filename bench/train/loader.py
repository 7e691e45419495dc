"""Batches for training: which samples, in which order, read once or every time."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from bench.kinds.common.batch import Batch, joined
from bench.kinds.common.observing import ahead

MEMORY = 640 << 20
"""Largest split that is kept in memory once it is decoded, in bytes."""

Read = Callable[[Sequence[int]], Batch]


def generator(purpose: int, seed: int, epoch: int, step: int = 0, rank: int = 0) -> torch.Generator:
    """Random numbers that depend on nothing but where training is, so that it can be resumed."""
    state = np.random.SeedSequence((purpose, seed, epoch, step, rank)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))


ORDER, AUGMENT, MODEL = 1, 2, 3
"""Purposes of `generator`: order of samples, how they are changed, what the model draws."""

VALIDATION = 1 << 31
"""Stands for the epoch where nothing may depend on it."""


def reader(load: Callable[[Sequence[str]], Batch], samples: Sequence[str], chunk: int) -> Read:
    """Access to the samples of a split by index.

    A split that fits in `MEMORY` is decoded once; a larger one is read anew for every batch.

    Args:
        load: reads samples by id.
        samples: the ids of the split.
        chunk: samples that are read at a time.
    """
    chunks = [samples[start : start + chunk] for start in range(0, len(samples), chunk)]
    first = load(chunks[0])
    if _bytes(first) / len(first.samples) * len(samples) > MEMORY:
        return lambda index: load([samples[i] for i in index])
    return joined([first, *ahead(load, chunks[1:])]).pick


def _bytes(batch: Batch) -> int:
    return sum(tensor.nbytes for tensor in batch.tensors())


class Shuffled:
    """The batches of the training split, in another order every epoch.

    With several processes each takes every ``world``-th sample of every batch: a step sees the same
    samples however many devices share it, and the recipe keeps its meaning. The last batch of an
    epoch is left out if it is incomplete, unless it is the only one.

    Args:
        read: access to the split.
        samples: how many it holds.
        batch: samples per step, of all processes together.
        seed: of the order.
        rank, world: which of how many processes this is.
    """

    def __init__(
        self, read: Read, samples: int, batch: int, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        self.batch = min(batch, samples)
        self._read, self._samples, self._seed = read, samples, seed
        self._rank, self._world = rank, world
        self._epoch = 0

    @property
    def sampler(self) -> "Shuffled":
        """What Lightning tells the epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._samples // self.batch

    def order(self) -> list[list[int]]:
        """The samples of every step of this epoch that belong to this process."""
        order = torch.randperm(self._samples, generator=generator(ORDER, self._seed, self._epoch))
        steps = order[: len(self) * self.batch].reshape(len(self), self.batch)
        mine: list[list[int]] = steps[:, self._rank :: self._world].tolist()
        return mine

    def __iter__(self) -> Iterator[Batch]:
        # A generator begins at its first `next`, which is when the epoch is known.
        yield from ahead(self._read, self.order())
