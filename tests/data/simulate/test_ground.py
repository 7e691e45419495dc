"""What covers the ground: shares, seasons and structure."""

from collections.abc import Mapping
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.data.simulate.ground import Ground, ground
from bench.data.simulate.landscape import Landscape, landscape
from bench.data.simulate.phenology import Climate
from bench.data.simulate.recipes import RECIPES
from bench.data.simulate.spectra import MATERIALS


def only(code: int) -> Landscape:
    weights: Mapping[int, float] = {code: 1.0}
    return landscape("only", size=60, weights=weights, shore={0: 1.0}, water=None, relief=5.0)


def cover(code: int, day: float, climate: Climate | None = None, snow: float = 0.0) -> Ground:
    return ground(
        "here", land=only(code), day=day, climate=climate or Climate(), date=str(day), snow=snow
    )


def share(ground: Ground, *materials: str) -> NDArray[np.float64]:
    rows = [MATERIALS.index(material) for material in materials]
    return cast(NDArray[np.float64], ground.shares[rows].sum(axis=0))


@pytest.mark.parametrize("code", sorted(RECIPES))
@pytest.mark.parametrize("day", [15, 200])
def test_shares_are_shares(code: int, day: int) -> None:
    covered = cover(code, day, Climate(late=10, dry=0.5))
    assert covered.shares.shape == (len(MATERIALS), 60, 60)
    assert covered.shares.min() >= 0
    np.testing.assert_allclose(covered.shares.sum(axis=0), 1)
    assert covered.brightness.mean() == pytest.approx(1, abs=0.15)


def test_every_class_looks_like_no_other() -> None:
    means = {code: cover(code, 170).shares.mean(axis=(1, 2)) for code in sorted(RECIPES)}
    water = {511, 512, 521, 522, 523}
    codes = [code for code in means if code not in water]
    for index, code in enumerate(codes):
        for other in codes[:index]:
            assert np.abs(means[code] - means[other]).sum() > 0.03, (code, other)


def test_deciduous_forest_changes_and_conifers_do_not() -> None:
    summer, winter = cover(311, 200), cover(311, 20)
    assert share(summer, "broadleaf").mean() > share(winter, "broadleaf").mean() + 0.5
    summer, winter = cover(312, 200), cover(312, 20)
    assert abs(share(summer, "conifer") - share(winter, "conifer")).mean() < 0.2


def test_structure_stays_over_the_dates() -> None:
    # Which fields are grass doesn't depend on the date.
    spring, summer = (share(cover(211, day), "grass", "straw") for day in (150, 170))
    assert np.corrcoef(spring.ravel(), summer.ravel())[0, 1] > 0.95
    np.testing.assert_array_equal(cover(211, 150).brightness, cover(211, 250).brightness)


def test_rows_and_streets_vary_more_than_pasture() -> None:
    def texture(code: int, material: str) -> float:
        shares = share(cover(code, 200), material)
        return float(sum(np.abs(np.diff(shares, axis=axis)).mean() for axis in (0, 1)))

    for code, material in ((221, "broadleaf"), (112, "asphalt")):
        assert texture(code, material) > 1.5 * texture(231, "grass")


def test_snow_covers_the_open_more_than_the_forest_and_never_water() -> None:
    open_land, forest = cover(231, 30, snow=0.9), cover(312, 30, snow=0.9)
    assert share(open_land, "snow").mean() > 0.8
    assert 0.1 < share(forest, "snow").mean() < 0.6
    assert share(cover(512, 30, snow=0.9), "snow").max() == 0
    np.testing.assert_allclose(open_land.shares.sum(axis=0), 1)


def test_a_code_without_recipe() -> None:
    with pytest.raises(KeyError, match="999"):
        cover(999, 100)
