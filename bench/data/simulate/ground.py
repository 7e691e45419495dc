"""What covers the ground on a date: the share of each material in every pixel."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bench.data.simulate.landscape import Landscape
from bench.data.simulate.noise import Floats, generator, smooth_field
from bench.data.simulate.phenology import Climate
from bench.data.simulate.recipes import RECIPES, Shares
from bench.data.simulate.site import Site
from bench.data.simulate.spectra import MATERIALS


@dataclass(frozen=True)
class Ground:
    """The ground of a location on a date.

    Attributes:
        shares: of every material in `spectra.MATERIALS` order, shape (materials, H, W), sum 1.
        brightness: factor on the reflectance that varies within a class, about 1, shape (H, W).
        wetness: of soil and plants on the date, about -1 (dry) to 1 (after rain).
    """

    shares: Floats
    brightness: Floats
    wetness: float


def ground(
    *key: str | int,
    land: Landscape,
    day: float,
    climate: Climate,
    date: str,
    snow: float = 0.0,
    recipes: Mapping[int, Callable[[Site], Shares]] = RECIPES,
) -> Ground:
    """The ground of a location on a date.

    Args:
        key: names the location: structure and what is grown there stay the same over the dates.
        land: the landscape of that location.
        day: of the year, 1 to 366.
        climate: of the region.
        date: names the date: the weather is that of the date.
        snow: share of open ground under snow.
        recipes: what each CORINE code is made of.

    Raises:
        KeyError: the landscape holds a CORINE code without a recipe.
    """
    site = Site(key, land, day, climate)
    shares = np.zeros((len(MATERIALS), land.size, land.size))
    for code in np.unique(land.cover):
        mask = land.cover == code
        for name, share in recipes[int(code)](site).items():
            shares[_INDEX[name]] += mask * share
    shares /= shares.sum(axis=0)
    if snow:
        _add_snow(shares, snow)
    wetness = float(generator(*key, "weather", date).uniform(-0.6, 0.6))
    wetness += 0.4 * float(np.cos(2 * np.pi * (day - 15) / 365))
    return Ground(shares, _brightness(key, land), wetness)


_INDEX = {name: index for index, name in enumerate(MATERIALS)}


def _brightness(key: tuple[str | int, ...], land: Landscape) -> Floats:
    """From field to field, smoothly over a stand, and from pixel to pixel."""
    rng = generator(*key, "brightness")
    by_field = rng.standard_normal(int(land.field.max()) + 1)[land.field]
    by_pixel = smooth_field(rng, land.size, 0.6)
    by_stand = smooth_field(rng, land.size, 7)
    brightness: Floats = np.exp(0.07 * by_field + 0.05 * by_pixel + 0.06 * by_stand)
    return brightness


def _add_snow(shares: Floats, snow: float) -> None:
    """Cover all but water; crowns shed most of the snow."""
    for name, index in _INDEX.items():
        if name in ("clear water", "turbid water", "snow"):
            continue
        fallen = shares[index] * snow * (0.35 if name in ("conifer", "evergreen") else 1.0)
        shares[index] -= fallen
        shares[_INDEX["snow"]] += fallen
