"""Textures: alike in mean and spread, apart in arrangement."""

from itertools import combinations
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.data.simulate.noise import generator
from bench.data.simulate.textures import Pattern, texture

SIZE = 120
PATTERNS = get_args(Pattern)


def drawn(pattern: Pattern, wavelength: float, count: int = 20) -> NDArray[np.float64]:
    made = [texture(generator(n), SIZE, pattern, wavelength) for n in range(count)]
    return np.stack(made)


def coarse(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blurred as the sensor blurs, in pixels of 20 m."""
    for axis in (1, 2):
        neighbours = np.roll(values, 1, axis) + np.roll(values, -1, axis)
        values = 0.76 * values + 0.12 * neighbours
    return values.reshape(len(values), SIZE // 2, 2, SIZE // 2, 2).mean(axis=(2, 4))


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("wavelength", [5.0, 9.0, 18.0])
def test_all_have_one_mean_and_one_spread_where_they_are_seen(
    pattern: Pattern, wavelength: float
) -> None:
    made = drawn(pattern, wavelength)
    assert made.shape == (20, SIZE, SIZE)
    assert made.mean() == pytest.approx(0, abs=0.12)
    # Between the pixels of 10 m and those of 20 m; a mosaic's edges are lost to any blur.
    assert 0.75 < coarse(made).std() < 1.02
    assert 0.98 < made.std() < 1.35


@pytest.mark.parametrize("wavelength", [5.0, 9.0, 14.0])
def test_the_wavelength_is_the_distance_of_crests(wavelength: float) -> None:
    power = np.abs(np.fft.rfft2(drawn("grain", wavelength))).mean(axis=0) ** 2
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE))
    mean = (power * frequency).sum() / power.sum()
    assert 1 / mean == pytest.approx(wavelength, rel=0.15)


def test_rows_and_columns_have_their_directions() -> None:
    def change(pattern: Pattern, axis: int) -> float:
        return float(np.abs(np.diff(drawn(pattern, 9.0), axis=axis)).mean())

    assert change("rows", 1) > 2 * change("rows", 2)
    assert change("columns", 2) > 2 * change("columns", 1)
    for pattern in ("grain", "grid", "mosaic"):
        assert change(pattern, 1) == pytest.approx(change(pattern, 2), rel=0.15)


def test_the_key_decides_and_patterns_differ() -> None:
    np.testing.assert_array_equal(drawn("grain", 9.0, 2), drawn("grain", 9.0, 2))
    for one, other in combinations(PATTERNS, 2):
        assert (
            abs(np.corrcoef(drawn(one, 9.0, 1).ravel(), drawn(other, 9.0, 1).ravel())[0, 1]) < 0.9
        )
