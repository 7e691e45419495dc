"""Order, sharing and memory of training batches."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.kinds.common.batch import Batch
from bench.train import loader
from bench.train.loader import Shuffled, generator, reader


def _load(samples: Sequence[str]) -> Batch:
    numbers = torch.tensor([float(sample) for sample in samples])
    return Batch(list(samples), numbers[:, None, None, None].expand(-1, 2, 3, 3), numbers)


def _never(index: Sequence[int]) -> Batch:
    raise AssertionError(index)


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 3), st.integers(1, 4))
def test_processes_share_every_batch(samples: int, batch: int, epoch: int, world: int) -> None:
    alone = Shuffled(_never, samples, batch, seed=3)
    alone.set_epoch(epoch)
    steps = alone.order()
    assert len(steps) == len(alone) == max(1, samples // batch)
    seen = [i for step in steps for i in step]
    assert len(set(seen)) == len(seen) == len(alone) * alone.batch
    assert set(seen) <= set(range(samples))
    shares = []
    for rank in range(world):
        share = Shuffled(_never, samples, batch, 3, rank, world)
        share.set_epoch(epoch)
        shares.append(share.order())
    for together, *parts in zip(steps, *shares, strict=True):
        assert sorted(together) == sorted(i for part in parts for i in part)


def test_every_epoch_and_seed_has_its_own_order() -> None:
    def order(seed: int, epoch: int) -> list[list[int]]:
        batches = Shuffled(_never, 50, 10, seed)
        batches.set_epoch(epoch)
        return batches.order()

    orders = [order(seed, epoch) for seed in range(3) for epoch in range(3)]
    assert all(a != b for i, a in enumerate(orders) for b in orders[:i])
    assert order(1, 2) == order(1, 2)


def test_the_epoch_may_be_set_after_the_iterator_was_made() -> None:
    batches = Shuffled(reader(_load, [str(i) for i in range(12)], 4), 12, 4, seed=0)
    early = iter(batches)
    batches.set_epoch(5)
    assert [b.targets.tolist() for b in early] == [b.targets.tolist() for b in batches]


def test_purposes_and_places_have_their_own_numbers() -> None:
    places = [(p, s, e, t, r) for p in (1, 2) for s in (0, 1) for e in (0, 1) for t in (0, 1)
              for r in (0, 1)]  # fmt: skip
    assert len({generator(*place).initial_seed() for place in places}) == len(places)


@pytest.mark.parametrize("memory", [0, 1 << 20])
def test_a_split_that_fits_is_read_once(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MEMORY", memory)
    read: list[str] = []

    def load(samples: Sequence[str]) -> Batch:
        read.extend(samples)
        return _load(samples)

    samples = [str(i) for i in range(10)]
    access = reader(load, samples, 4)
    for _ in range(3):
        batch = access([7, 2, 7])
        assert batch.samples == ["7", "2", "7"]
        assert batch.targets.tolist() == [7.0, 2.0, 7.0]
        assert torch.equal(batch.inputs, _load(["7", "2", "7"]).inputs)
    assert len(read) == (10 if memory else 4 + 9)
