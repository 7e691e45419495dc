"""What tells the classes of the simulated BigEarthNet apart: texture and structure, no colour."""

from collections import defaultdict
from itertools import combinations

import numpy as np
import pytest

from bench.data.reben.cover import COVERS, Cover, covered
from bench.data.reben.simulate import CLASSES
from bench.data.simulate import optics
from bench.data.simulate.landscape import Landscape, landscape
from bench.data.simulate.phenology import Climate
from bench.data.simulate.recipes import RECIPES
from bench.data.simulate.site import Site

CODE = {code: name for name, codes in CLASSES.items() for code in codes}


def only(code: int, key: int) -> Landscape:
    return landscape(key, size=120, weights={code: 1}, shore={0: 1}, water=None, relief=5)


def test_every_code_that_a_landscape_may_hold_has_a_cover() -> None:
    assert COVERS.keys() == RECIPES.keys()


def test_no_class_is_known_by_what_it_is_made_of() -> None:
    classes = defaultdict(set)
    for code, cover in COVERS.items():
        if code in CODE:
            classes[cover.made_of].add(CODE[code])
    assert sum(map(len, classes.values())) == len(CLASSES)
    assert min(map(len, classes.values())) >= 2


def test_no_two_classes_are_alike_in_everything() -> None:
    looks: dict[Cover, set[str]] = defaultdict(set)
    for code, cover in COVERS.items():
        if code in CODE:
            looks[cover].add(CODE[code])
    assert all(len(names) == 1 for names in looks.values())


def test_each_sensor_knows_what_the_other_does_not() -> None:
    pairs = [
        (one, other)
        for (a, one), (b, other) in combinations(COVERS.items(), 2)
        if CODE.get(a, a) != CODE.get(b, b) and one.made_of is other.made_of
    ]
    same = [(a.pattern, a.wavelength) == (b.pattern, b.wavelength) for a, b in pairs]
    level = [abs(a.structure - b.structure) for a, b in pairs]
    assert sum(dB >= 4 for alike, dB in zip(same, level, strict=True) if alike) >= 4
    assert sum(dB == 0 for alike, dB in zip(same, level, strict=True) if not alike) >= 4


@pytest.mark.parametrize(("one", "other"), [(311, 312), (231, 211), (331, 111)])
def test_sentinel_2_sees_one_mean_and_one_spread_in_a_group(one: int, other: int) -> None:
    seen = []
    for code in (one, other):
        means, spreads = [], []
        for key in range(12):
            land = only(code, key)
            cover, _ = covered(key, land=land, day=190, climate=Climate(), date="d", snow=0)
            clear = optics.Weather(haze=0, light=1, clouds=0)
            image = optics.observe(key, land=land, ground=cover, weather=clear)
            means.append([band.mean() for band in image.values()])
            spreads.append([band.std() for band in image.values()])
        seen.append((np.mean(means, axis=0), np.mean(spreads, axis=0)))
    np.testing.assert_allclose(seen[0][0], seen[1][0], rtol=0.05)
    # Bands of 60 m blur all but the coarsest textures.
    fine = [pixel < 60 for _, _, pixel in optics.SENTINEL_2.values()]
    np.testing.assert_allclose(seen[0][1][fine], seen[1][1][fine], rtol=0.25)


def test_land_keeps_its_texture_over_the_dates_and_water_does_not() -> None:
    for code, same in ((312, True), (523, False)):
        land = only(code, 3)
        dates = [
            covered(3, land=land, day=day, climate=Climate(), date=str(day), snow=0)[0].brightness
            for day in (150, 190)
        ]
        assert np.array_equal(*dates) is same


def test_the_same_land_is_made_of_the_same_on_all_dates() -> None:
    land = only(312, 1)
    first, second = (Site((1,), land, day, Climate()) for day in (190, 190))
    for one, other in zip(
        COVERS[312].made_of(first).values(), COVERS[312].made_of(second).values(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
