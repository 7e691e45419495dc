"""Recipes: which materials make up each CORINE class, how they are arranged, and when they change.

Several classes are the same materials in another arrangement, as in nature: they can be told apart
by texture or over the year, hardly by their mean spectrum.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.simulate.noise import Floats, Ints
from bench.data.simulate.site import Site

Share = NDArray[np.floating[Any]] | float
"""In every pixel; a number holds for all pixels."""

Shares = dict[str, Share]
"""Material to share."""


def _soil(site: Site) -> Shares:
    bright = np.clip(site.bright + 0.12 * site.broad, 0, 1)
    return {"bright soil": bright, "dark soil": 1 - bright}


def mix(*parts: tuple[Share | NDArray[np.bool_], Shares]) -> Shares:
    """The weighted sum of several compositions."""
    mixed: Shares = {}
    for weight, shares in parts:
        for name, share in shares.items():
            mixed[name] = mixed.get(name, 0.0) + weight * share
    return mixed


def _step(field: Floats, threshold: float, softness: float = 0.25) -> Floats:
    """About 1 where the field exceeds the threshold, about 0 below."""
    step: Floats = 1 / (1 + np.exp(-np.clip((field - threshold) / softness, -40, 40)))
    return step


def _grown(site: Site, kind: str, leaf: str, dead: str, density: Share) -> Shares:
    """Vegetation of a kind that covers ``density`` of the soil, green by season."""
    greenness = site.green(kind) * site.vigour
    cover = np.clip(density + 0.04 * site.fine, 0.02, 1.0)
    return mix(
        (cover, {leaf: greenness, dead: 1 - greenness}),
        (1 - cover, _soil(site)),
    )


def _crop(site: Site, kind: str) -> Shares:
    """A field: bare soil until it is green, stubble after the harvest."""
    greenness = site.green(kind) * site.vigour
    stubble = 0.5 * (site.day > (185 if kind == "winter crop" else 262))
    straw = (1 - greenness) * stubble
    return mix(
        (greenness, {"crop": 1.0}),
        (straw, {"straw": 1.0}),
        (1 - greenness - straw, _soil(site)),
    )


def grass(site: Site, density: Share = 0.92) -> Shares:
    """Meadow: green in spring, straw where the summer is dry."""
    return _grown(site, "grass", "grass", "straw", density)


def broadleaf(site: Site, density: Share = 0.95) -> Shares:
    """Trees that are bare in winter."""
    return _grown(site, "deciduous", "broadleaf", "litter", density)


def conifer(site: Site, density: Share = 0.93) -> Shares:
    """Trees that are green all year."""
    return _grown(site, "evergreen", "conifer", "litter", density)


def _evergreen(site: Site, density: Share = 0.9) -> Shares:
    return _grown(site, "evergreen", "evergreen", "litter", density)


def shrubs(site: Site, density: Share = 0.85) -> Shares:
    """Heath and bushes."""
    return _grown(site, "heath", "shrub", "litter", density)


def farmed(site: Site, cell: Ints, name: str, meadow: float) -> Shares:
    """Fields, each with one crop; a share of them is grass."""
    lot = site.draw(name, cell)
    winter = meadow + (1 - meadow) * 0.6
    shift = 0.12 * (site.draw(name + " vigour", cell) - 0.5)
    return mix(
        (lot < meadow, grass(site, 0.85 + shift)),
        ((lot >= meadow) & (lot < winter), _crop(site, "winter crop")),
        (lot >= winter, _crop(site, "summer crop")),
    )


def _arable(site: Site) -> Shares:
    return farmed(site, site.land.field, "crop", 0.12)


def _pasture(site: Site) -> Shares:
    hedge = 0.7 * (site.land.hedge < 0.8) * (site.draw("hedged", site.land.field) < 0.5)
    mown = 0.8 + 0.18 * site.draw("mown", site.land.field)
    return mix((1 - hedge, grass(site, mown)), (hedge, broadleaf(site)))


def _complex(site: Site) -> Shares:
    lot = site.draw("lot", site.land.lot)
    return mix(
        (lot < 0.62, farmed(site, site.land.lot, "lot crop", 0.35)),
        ((lot >= 0.62) & (lot < 0.85), _orchard(site)),
        (lot >= 0.85, _houses(site, 0.25)),
    )


def _half_natural(site: Site) -> Shares:
    wild = _step(site.clumps + 1.2 * (site.draw("wild", site.land.field) - 0.5), 0.1)
    nature = mix((0.6, broadleaf(site)), (0.4, shrubs(site)))
    return mix((1 - wild, farmed(site, site.land.field, "crop", 0.35)), (wild, nature))


def _agroforestry(site: Site) -> Shares:
    trees = 0.75 * _step(site.crowns, 0.75)
    return mix((1 - trees, grass(site, 0.8)), (trees, _evergreen(site)))


def _orchard(site: Site) -> Shares:
    trees = 0.75 * _step(site.rows, 0.55, 0.12)
    return mix((1 - trees, grass(site, 0.45)), (trees, broadleaf(site)))


def _vineyard(site: Site) -> Shares:
    vines = 0.6 * _step(site.rows, 0.5, 0.15)
    return mix((1 - vines, _soil(site)), (vines, broadleaf(site, 0.8)))


def _olives(site: Site) -> Shares:
    trees = 0.7 * _step(site.rows + 0.2 * site.crowns, 0.6, 0.12)
    return mix((1 - trees, grass(site, 0.35)), (trees, _evergreen(site)))


def _deciduous_forest(site: Site) -> Shares:
    gap = 0.35 * _step(site.crowns, 1.5)
    return mix((1 - gap, broadleaf(site)), (gap, grass(site)))


def _coniferous_forest(site: Site) -> Shares:
    cut = 0.85 * (site.draw("felled", site.land.field) < 0.07)
    stray = 0.6 * _step(site.crowns, 1.7)
    return mix(
        ((1 - cut) * (1 - stray), conifer(site)),
        ((1 - cut) * stray, broadleaf(site)),
        (cut, grass(site, 0.6)),
    )


def _mixed_forest(site: Site) -> Shares:
    needles = _step(site.clumps + 0.7 * site.crowns, 0.0)
    return mix((needles, conifer(site)), (1 - needles, broadleaf(site)))


def _natural_grass(site: Site) -> Shares:
    stone = 0.5 * _step(site.clumps, 0.9)
    bush = 0.5 * _step(site.crowns, 1.6)
    return mix(
        ((1 - stone) * (1 - bush), grass(site, 0.72 + 0.08 * site.broad)),
        (stone, {"rock": 1.0}),
        ((1 - stone) * bush, shrubs(site)),
    )


def _sparse(site: Site) -> Shares:
    plants = np.clip(0.3 + 0.12 * site.clumps, 0, 1)
    return mix((plants, grass(site)), (1 - plants, {"rock": 1.0}))


def _heath(site: Site) -> Shares:
    open_ground = 0.4 * _step(site.clumps, 1.0)
    return mix((1 - open_ground, shrubs(site, 0.92)), (open_ground, grass(site, 0.7)))


def _maquis(site: Site) -> Shares:
    bushes = _step(site.crowns + 0.5 * site.clumps, -0.5)
    return mix(
        (0.6 * bushes, _evergreen(site)),
        (0.4 * bushes, shrubs(site)),
        (1 - bushes, _soil(site)),
    )


def _transitional(site: Site) -> Shares:
    young = _step(site.clumps + site.crowns, 0.3)
    planted = site.draw("planted", site.land.field) < 0.5
    return mix(
        (young * planted, conifer(site, 0.75)),
        (young * ~planted, broadleaf(site, 0.8)),
        (1 - young, mix((0.5, shrubs(site, 0.8)), (0.5, grass(site, 0.8)))),
    )


def _beach(site: Site) -> Shares:
    tufts = np.clip(0.08 + 0.15 * site.clumps, 0, 0.6)
    return mix((1 - tufts, {"sand": 1.0}), (tufts, grass(site, 0.6)))


def _marsh(site: Site) -> Shares:
    pools = _step(site.clumps + 0.5 * site.crowns, 0.8)
    reed = _grown(site, "marsh", "grass", "straw", 0.8)
    return mix(
        (0.85 * (1 - pools), reed), (0.15 * (1 - pools), {"peat": 1.0}), (pools, _lake(site))
    )


def _bog(site: Site) -> Shares:
    hummock = _step(site.clumps, 0.2)
    pines = 0.4 * _step(site.crowns, 1.3)
    return mix(
        (hummock * (1 - pines), shrubs(site, 0.8)),
        (hummock * pines, conifer(site)),
        (0.55 * (1 - hummock), {"peat": 1.0}),
        (0.45 * (1 - hummock), _grown(site, "marsh", "grass", "straw", 0.7)),
    )


def _salt_marsh(site: Site) -> Shares:
    creek = _step(-np.abs(site.broad + 0.25 * site.clumps), -0.12, 0.06)
    plants = np.clip(0.6 + 0.15 * site.clumps, 0, 1)
    return mix(
        (creek, {"turbid water": 1.0}),
        ((1 - creek) * plants, _grown(site, "marsh", "grass", "straw", 0.8)),
        ((1 - creek) * (1 - plants), mix((0.6, {"peat": 1.0}), (0.4, {"sand": 1.0}))),
    )


def _houses(site: Site, built: float) -> Shares:
    """Houses of ``built`` share in gardens; the rest is lawn and trees."""
    roof = built * _step(site.fine, -0.3)
    old = site.draw("roof", site.land.lot)
    garden = mix((0.65, grass(site)), (0.35, broadleaf(site)))
    return mix(
        (roof * (old < 0.7), {"tiles": 1.0}),
        (roof * (old >= 0.7), {"asphalt": 0.7, "metal": 0.3}),
        (1 - roof, garden),
    )


def _suburb(site: Site) -> Shares:
    street = 0.75 * site.streets
    return mix((street, {"asphalt": 1.0}), (1 - street, _houses(site, 0.55)))


def _town(site: Site) -> Shares:
    street = 0.85 * site.streets
    return mix((street, {"asphalt": 1.0}), (1 - street, _houses(site, 0.95)))


def _industry(site: Site) -> Shares:
    hall = site.draw("hall", site.land.lot)
    lawn = 0.15 + 0.5 * _step(site.clumps, 1.0)
    paved = 1 - lawn
    return mix(
        (paved * (hall < 0.35), {"metal": 0.8, "asphalt": 0.2}),
        (paved * ((hall >= 0.35) & (hall < 0.55)), {"tiles": 0.5, "asphalt": 0.5}),
        (paved * (hall >= 0.55), {"asphalt": 0.9, "bright soil": 0.1}),
        (lawn, grass(site)),
    )


def _quarry(site: Site) -> Shares:
    bare: Shares = {"rock": 0.5 + 0.15 * site.clumps.clip(-2, 2), "sand": 0.5}
    return mix((0.93, bare), (0.07, grass(site)))


def _park(site: Site) -> Shares:
    trees = _step(site.clumps, 0.6)
    return mix((1 - trees, grass(site, 0.97)), (trees, broadleaf(site)))


def _bare_rock(site: Site) -> Shares:
    return mix((0.94, {"rock": 1.0}), (0.06, grass(site)))


def turbid(site: Site, share: Share) -> Shares:
    """Water of which about a share is turbid."""
    murk = np.clip(share + 0.05 * site.broad, 0, 1)
    return {"turbid water": murk, "clear water": 1 - murk}


def _lake(site: Site) -> Shares:
    return turbid(site, 0.6 * site.murk)


def _river(site: Site) -> Shares:
    return turbid(site, 0.3 + 0.6 * site.murk)


def _sea(site: Site) -> Shares:
    # Waves stir up sediment where it is shallow.
    stirred = 0.5 * np.exp(np.minimum(site.land.elevation, 0) / 2)
    return turbid(site, 0.25 * site.murk + stirred)


RECIPES: dict[int, Callable[[Site], Shares]] = {
    111: _town,
    112: _suburb,
    121: _industry,
    131: _quarry,
    142: _park,
    211: _arable,
    221: _vineyard,
    222: _orchard,
    223: _olives,
    231: _pasture,
    242: _complex,
    243: _half_natural,
    244: _agroforestry,
    311: _deciduous_forest,
    312: _coniferous_forest,
    313: _mixed_forest,
    321: _natural_grass,
    322: _heath,
    323: _maquis,
    324: _transitional,
    331: _beach,
    332: _bare_rock,
    333: _sparse,
    411: _marsh,
    412: _bog,
    421: _salt_marsh,
    511: _river,
    512: _lake,
    521: _sea,
    522: _river,
    523: _sea,
}
"""How each CORINE class (level 3) is made up; the codes a landscape may hold."""
