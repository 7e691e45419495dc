"""CutMix and what the labels of a mixture are, against one image at a time and closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import RequestError
from bench.kinds.multilabel import cutmix
from bench.kinds.multilabel.cutmix import Cuts
from tests.baselines import reference


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(count: int, height: int, width: int, seed: int = 0, **asked: float) -> Cuts:
    bounds = {"probability": 0.5, "smallest": 0.1, "largest": 0.5} | asked
    return cutmix.cuts(count, height, width, **bounds, draw=generator(seed))


def cut(donors: list[int], sources, targets, sizes, chosen=None) -> Cuts:
    every = [True] * len(donors) if chosen is None else chosen
    return Cuts(*map(torch.tensor, (every, donors, sources, targets, sizes)))


def planes(count: int, classes: int, height: int, width: int, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.random((count, classes, height, width)) < draw.random((count, classes, 1, 1)) ** 4


def tables(masks: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack([cutmix.tables(one) for one in masks]))


def one_by_one(values: np.ndarray, given: Cuts) -> np.ndarray:
    """Paste as the co-author's code does: an image at a time."""
    mixed = values.copy()
    for i in range(len(values)):
        if given.chosen[i]:
            (top, left), (y, x) = given.sources[i].tolist(), given.targets[i].tolist()
            height, width = given.sizes[i].tolist()
            crop = values[given.donors[i], ..., top : top + height, left : left + width]
            mixed[i, ..., y : y + height, x : x + width] = crop
    return mixed


def labels_one_by_one(
    labels: np.ndarray, masks: np.ndarray, given: Cuts, more_than: int
) -> np.ndarray:
    mixed, found = one_by_one(masks, given), labels.copy()
    for i in range(len(labels)):
        if given.chosen[i]:
            found[i] = [mixed[i, c].sum() > more_than for c in range(labels.shape[1])]
    return found


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 6),
    height=st.integers(4, 17),
    width=st.integers(4, 17),
    more_than=st.integers(0, 12),
    probability=st.floats(0, 1),
    mirror=st.booleans(),
)
def test_as_one_image_at_a_time(seed, count, height, width, more_than, probability, mirror) -> None:
    classes = 3
    masks = planes(count, classes, height, width, seed)
    images = np.random.default_rng(seed).normal(size=(count, 2, height, width))
    labels = masks.any(axis=(2, 3)).astype(np.float32)
    flips = torch.rand(2, count, generator=generator(seed)) < (0.5 if mirror else 0)
    given = drawn(count, height, width, seed, probability=probability, smallest=0.05)
    seen = masks.copy()
    for i in range(count):
        seen[i] = np.flip(seen[i], 2) if flips[0, i] else seen[i]
        seen[i] = np.flip(seen[i], 1) if flips[1, i] else seen[i]
    pasted = cutmix.paste(torch.from_numpy(images), given)
    assert np.array_equal(pasted.numpy(), one_by_one(images, given))
    assert np.array_equal(
        cutmix.paste(torch.from_numpy(seen), given).numpy(), one_by_one(seen, given)
    )
    # The tables are those of maps that weren't mirrored.
    unmirrored = given.unmirrored(flips, height, width)
    counts = cutmix.pixels(tables(masks), unmirrored).numpy()
    assert np.array_equal(counts, one_by_one(seen, given).sum(axis=(2, 3)))
    found = cutmix.propagated(torch.from_numpy(labels), tables(masks), unmirrored, more_than)
    assert np.array_equal(found.numpy(), labels_one_by_one(labels, seen, given, more_than))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(3, 40),
    width=st.integers(3, 40),
    largest=st.floats(0.3, 0.95),
)
def test_boxes_are_inside_and_of_the_areas_asked_for(seed, height, width, largest) -> None:
    given = drawn(50, height, width, seed, smallest=0.1, largest=largest)
    extent = torch.tensor([height, width])
    for corners in (given.sources, given.targets):
        assert (corners >= 0).all() and (corners + given.sizes <= extent).all()
    shares = given.sizes.prod(dim=1).double() / (height * width)
    assert ((shares >= 0.1) & (shares <= largest)).all()
    assert sorted(given.donors.tolist()) == list(range(50))


def test_boxes_have_the_distribution_of_corners_drawn_until_they_fit() -> None:
    height, width, count = 5, 6, 200_000
    expected = np.zeros((height, width, height, width))
    for y1, y2 in np.ndindex(height, height):
        for x1, x2 in np.ndindex(width, width):
            h, w = abs(y2 - y1), abs(x2 - x1)
            if 0.1 <= h * w / (height * width) <= 0.5:
                expected[min(y1, y2), min(x1, x2), h, w] += 1
    expected /= expected.sum()
    corners, sizes = cutmix.boxes(count, height, width, 0.1, 0.5, generator())
    found = np.zeros_like(expected)
    np.add.at(found, tuple(torch.cat([corners, sizes], dim=1).T.numpy()), 1 / count)
    # Six standard errors of the most frequent box.
    assert np.abs(found - expected).max() < 6 * np.sqrt(expected.max() / count)


def test_a_crop_of_everything_replaces_the_image_and_its_labels() -> None:
    masks = planes(2, 4, 6, 8, 3)
    labels = torch.from_numpy(masks.any(axis=(2, 3))).float()
    whole = cut([1, 0], [[0, 0]] * 2, [[0, 0]] * 2, [[6, 8]] * 2)
    images = torch.rand(2, 3, 6, 8)
    assert torch.equal(cutmix.paste(images, whole), images.flip(0))
    assert torch.equal(cutmix.propagated(labels, tables(masks), whole), labels.flip(0))
    assert torch.equal(cutmix.by_area(labels, whole, 6, 8), labels.flip(0))


def test_a_class_that_is_covered_goes_and_one_that_is_pasted_comes() -> None:
    masks = np.zeros((2, 3, 8, 8), bool)
    masks[0, 0] = True
    masks[0, 1, 2:4, 2:4] = True
    masks[1, 2, 5:8, 5:8] = True
    labels = torch.tensor([[1.0, 1, 0], [0, 0, 1]])
    given = cut([1, 0], [[5, 5], [0, 0]], [[1, 1], [0, 0]], [[3, 3], [3, 3]], [True, False])
    # Class 1 lies in rows and columns 2 and 3, under the crop, which brings 9 pixels of class 2.
    assert cutmix.pixels(tables(masks), given).tolist() == [[55, 0, 9], [0, 0, 9]]
    found = cutmix.propagated(labels, tables(masks), given)
    assert found.tolist() == [[1, 0, 1], [0, 0, 1]]
    assert cutmix.propagated(labels, tables(masks), given, 9)[0].tolist() == [1, 0, 0]
    assert cutmix.united(labels, given).tolist() == [[1, 1, 1], [0, 0, 1]]
    share = 9 / 64
    weighted = torch.tensor([[1 - share, 1 - share, share], [0, 0, 1]])
    torch.testing.assert_close(cutmix.by_area(labels, given, 8, 8), weighted)


def test_without_a_chance_nothing_changes_by_a_bit() -> None:
    given = drawn(9, 12, 10, probability=0)
    images, masks = torch.rand(9, 2, 12, 10), planes(9, 3, 12, 10, 0)
    labels = torch.rand(9, 3).round()
    assert torch.equal(cutmix.paste(images, given), images)
    for found in (
        cutmix.propagated(labels, tables(masks), given, 4),
        cutmix.united(labels, given),
        cutmix.by_area(labels, given, 12, 10),
    ):
        assert torch.equal(found, labels)


def test_a_seed_decides_everything() -> None:
    first, again, other = drawn(20, 30, 30, 1), drawn(20, 30, 30, 1), drawn(20, 30, 30, 2)
    assert all(torch.equal(tensor, vars(again)[name]) for name, tensor in vars(first).items())
    assert not torch.equal(first.sources, other.sources)
    assert 0 < int(first.chosen.sum()) < 20


def test_tables_of_large_maps_do_not_overflow() -> None:
    table = cutmix.tables(np.ones((1, 200, 200), bool))
    assert (table.dtype, table[0, -1, -1]) == (np.int32, 40_000)
    assert cutmix.tables(np.ones((1, 120, 120), bool)).dtype == np.int16


def test_an_area_that_no_box_has_is_refused() -> None:
    with pytest.raises(RequestError, match=r"no box of 8 x 8 px has between 0\.9 and 0\.95"):
        drawn(1, 8, 8, smallest=0.9, largest=0.95)
    with pytest.raises(RequestError, match="no box of 1 x 1 px"):
        drawn(1, 1, 1)


def test_mixtures_and_their_labels_are_those_of_the_co_authors_code() -> None:
    """The crops are those that it drew with seed 4; one image receives none."""
    given = cut(
        [1, 0, 2, 3],
        [[0, 1], [1, 0], [3, 6], [4, 9]],
        [[0, 11], [1, 1], [3, 4], [0, 0]],
        [[7, 4], [6, 4], [7, 8], [7, 6]],
        [True, True, True, False],
    )
    shares = reference.numbers("maps", (4, 2, 2)) / 12**0.5 + 0.5
    blocks = (shares * 6).floor().long()
    maps = blocks.repeat_interleave(6, dim=1).repeat_interleave(8, dim=2)
    of_maps = (maps[:, None] == torch.arange(6)[:, None, None]).numpy()
    labels = torch.from_numpy(of_maps.any(axis=(2, 3))).double()
    of_masks = (reference.numbers("masks", (4, 6, 12, 16)) > 1.2).numpy()
    images = cutmix.paste(reference.numbers("images", (4, 2, 12, 16)), given)
    bits = 2.0 ** torch.arange(6, dtype=torch.float64)
    for name, planes_of, more_than in (("maps", of_maps, 0), ("explanations", of_masks, 29)):
        reference.check("cutmix", f"{name}-images", images)
        found = cutmix.propagated(labels, tables(planes_of), given, more_than)
        reference.check("cutmix", f"{name}-labels", found @ bits)
