"""Landscapes: shares of land cover, water and relief."""

from collections.abc import Mapping

import numpy as np
import pytest

from bench.data.simulate.landscape import LAKE, RIVER, WATER, Landscape, Water, landscape

WEIGHTS = {211: 5.0, 311: 3.0, 112: 2.0}
DRY_LAND = {0: 1.0}


def make(
    *key: str | int,
    size: int = 120,
    weights: Mapping[int, float] = WEIGHTS,
    shore: Mapping[int, float] = DRY_LAND,
    water: Water | None = None,
) -> Landscape:
    return landscape(*key, size=size, weights=weights, shore=shore, water=water, relief=10.0)


def test_the_key_decides() -> None:
    first, again, other = make(1), make(1), make(2)
    for name in ("cover", "elevation", "field", "lot", "hedge"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.cover, other.cover)


@pytest.mark.parametrize("size", [24, 120, 200])
def test_shapes(size: int) -> None:
    land = make("shape", size=size, water="lake")
    assert land.size == size
    assert land.cover.dtype == np.uint16
    for array in (land.cover, land.elevation, land.field, land.lot, land.hedge):
        assert array.shape == (size, size)


def test_classes_have_their_shares() -> None:
    covers = np.stack([make("shares", index, size=30).cover for index in range(150)])
    total = sum(WEIGHTS.values())
    for code, weight in WEIGHTS.items():
        assert np.mean(covers == code) == pytest.approx(weight / total, abs=0.1)


def test_cover_is_coherent() -> None:
    cover = make("patches").cover
    assert np.mean(cover[1:] == cover[:-1]) > 0.95


def test_fields_lie_within_bounds_of_size() -> None:
    land = make("fields")
    areas = np.bincount(land.field.ravel())
    # Hectares, without the fields that the window cuts.
    assert 1 < np.median(areas) / 100 < 6
    assert np.median(np.bincount(land.lot.ravel())) < np.median(areas) / 3


def test_the_sea_lies_below_zero_and_land_above() -> None:
    for index in range(5):
        land = make("coast", index, water="sea")
        water = np.isin(land.cover, WATER)
        assert 0.1 < water.mean() < 0.9
        assert land.elevation[water].max() <= 0.2
        assert land.elevation[~water].min() >= 0.2
        # Far from the shore it is deeper than close to it.
        assert land.elevation[water].min() < -1


def test_lakes_and_rivers() -> None:
    bodies: list[tuple[Water, int]] = [("lake", LAKE), ("river", RIVER)]
    for water, code in bodies:
        for index in range(5):
            land = make(water, index, water=water)
            assert 0.02 < np.mean(land.cover == code) < 0.6
    assert not np.isin(make("dry").cover, WATER).any()


def test_shores_are_beside_water() -> None:
    land = make("beach", water="sea", shore={331: 1.0})
    beach = land.cover == 331
    assert 0.02 < beach.mean() < 0.4
    assert land.elevation[beach].max() < land.elevation[land.cover == 211].max()
