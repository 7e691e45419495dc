"""Simulated errors of maps: closed forms, and what each of them keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.kinds.multilabel import map_noise
from bench.kinds.multilabel.map_noise import NOISES, VOID

CLASSES = 5


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def some_map(seed: int, height: int = 12, width: int = 14) -> np.ndarray:
    """Blocks of classes, some without a label."""
    coarse = generator(seed).choice([0, 1, 3, 4, VOID], (height // 4 + 1, width // 4 + 1))
    return np.kron(coarse, np.ones((4, 4)))[:height, :width].astype(np.uint8)


def square(side: int, at: slice) -> np.ndarray:
    """Class 1 with a square of class 2."""
    found = np.ones((side, side), np.uint8)
    found[at, at] = 2
    return found


class First:
    """Draws the last class that is there."""

    def choice(self, among):
        return among[-1]


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(NOISES)),
    seed=st.integers(0, 10_000),
    share=st.floats(0, 1),
)
def test_every_noise_gives_a_map_of_the_same_classes(name: str, seed: int, share: float) -> None:
    noise, before = NOISES[name], some_map(seed)
    magnitude = share if noise.share else round(8 * share)
    kept = before.copy()
    found = noise.change(before, magnitude, CLASSES, generator(seed))
    assert np.array_equal(before, kept)
    assert (found.shape, found.dtype) == (before.shape, np.uint8)
    assert set(np.unique(found)) <= {*range(CLASSES), VOID}
    if name != "shift":
        assert np.array_equal(found == VOID, before == VOID)
    if name in ("dilate", "erode", "shift"):
        assert set(np.unique(found)) <= set(np.unique(before))
    assert np.array_equal(found, noise.change(before, magnitude, CLASSES, generator(seed)))


@pytest.mark.parametrize("name", sorted(NOISES))
def test_nothing_happens_without_magnitude_or_without_labels(name: str) -> None:
    before, change = some_map(1), NOISES[name].change
    assert np.array_equal(change(before, 0, CLASSES, generator()), before)
    void = np.full((6, 6), VOID, np.uint8)
    assert np.array_equal(change(void, 1, CLASSES, generator()), void)


def test_dilating_and_eroding_move_the_border_by_pixels_beside_it() -> None:
    before = square(11, slice(4, 7))
    grown = map_noise.dilate(before, 2, CLASSES, First())
    rows, columns = np.indices(before.shape)
    outside = sum(np.clip(abs(axis - 5) - 1, 0, None) for axis in (rows, columns))
    assert np.array_equal(grown == 2, outside <= 2)
    shrunk = map_noise.erode(before, 1, CLASSES, First())
    assert np.array_equal(shrunk, square(11, slice(5, 6)))
    assert np.array_equal(map_noise.erode(before, 2, CLASSES, First()), np.ones_like(before))
    alone = np.full((5, 5), 3, np.uint8)
    assert np.array_equal(map_noise.erode(alone, 3, CLASSES, generator()), alone)


def test_a_shifted_map_lies_at_the_distance_asked_for() -> None:
    before = np.zeros((41, 41), np.uint8)
    before[20, 20] = 1
    for seed in range(20):
        (moved,) = np.argwhere(map_noise.shift(before, 7, CLASSES, generator(seed)) == 1)
        # Rounded to pixels.
        assert np.hypot(*(moved - 20)) == pytest.approx(7, abs=2**-0.5 + 1e-9)


def test_swapping_renames_classes_and_flipping_pixels() -> None:
    before = some_map(2)
    found = map_noise.swap(before, 1, CLASSES, generator())
    for one in set(np.unique(before)) - {VOID}:
        (other,) = np.unique(found[before == one])
        assert other != one
    flipped = map_noise.flip(before, 1, CLASSES, generator())
    assert (flipped != before)[before != VOID].all()
    large = np.zeros((200, 200), np.uint8)
    few = map_noise.flip(large, 0.2, CLASSES, generator())
    shares = np.bincount(few.ravel(), minlength=CLASSES) / few.size
    # Five standard errors.
    assert shares == pytest.approx([0.8, 0.05, 0.05, 0.05, 0.05], abs=5 * 0.4 / 200)
    only = np.zeros((4, 4), np.uint8)
    assert np.array_equal(map_noise.flip(only, 1, 1, generator()), only)


def test_label_errors_are_shares_of_what_could_be_wrong() -> None:
    true = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], bool)
    found = np.array([[1, 0, 1, 0], [1, 0, 0, 1]], bool)
    errors = map_noise.label_errors(true, found)
    assert (errors.added, errors.removed, errors.wrong) == (2 / 5, 1 / 3, 3 / 8)
    assert vars(map_noise.label_errors(true, true)) == {"added": 0, "removed": 0, "wrong": 0}
    everything = np.ones((2, 3), bool)
    assert map_noise.label_errors(everything, ~everything).removed == 1
    assert map_noise.label_errors(everything, ~everything).added == 0
