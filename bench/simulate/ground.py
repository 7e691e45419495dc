"""What covers the ground on a date: the share of each material in every pixel.

One recipe per CORINE class turns the static structure of a landscape (fields, lots, rows, crowns)
and the season into shares. Several classes are the same materials in another arrangement, as in
nature: they can be told apart by texture or over the year, hardly by their mean spectrum.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.simulate.landscape import Landscape
from bench.simulate.noise import Floats, Ints, generator, per_cell, rotated, smooth_field
from bench.simulate.phenology import green
from bench.simulate.spectra import MATERIALS

Shares = dict[str, Floats | float]


@dataclass(frozen=True)
class Climate:
    """A region's seasons and soils.

    Attributes:
        late: days that spring comes later than in central Europe.
        dry: 0 for a temperate climate, 1 for a Mediterranean one.
        bright: share of bright (sandy, calcareous) soils.
    """

    late: float = 0.0
    dry: float = 0.0
    bright: float = 0.4


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
    *key: str | int, land: Landscape, day: float, climate: Climate, date: str, snow: float = 0.0
) -> Ground:
    """The ground of a location on a date.

    Args:
        key: names the location: structure and what is grown there stay the same over the dates.
        land: the landscape of that location.
        day: of the year, 1 to 366.
        date: names the date: the weather is that of the date.
        snow: share of open ground under snow.

    Raises:
        KeyError: the landscape holds a CORINE code without a recipe.
    """
    scene = _Scene(key, land, day, climate)
    shares = np.zeros((len(MATERIALS), land.size, land.size))
    for code in np.unique(land.cover):
        mask = land.cover == code
        for name, share in RECIPES[int(code)](scene).items():
            shares[_INDEX[name]] += mask * share
    shares /= shares.sum(axis=0)
    if snow:
        _let_it_snow(shares, snow)
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


def _let_it_snow(shares: Floats, snow: float) -> None:
    """Cover all but water; crowns shed most of the snow."""
    for name, index in _INDEX.items():
        if name in ("clear water", "turbid water", "snow"):
            continue
        fallen = shares[index] * snow * (0.35 if name in ("conifer", "evergreen") else 1.0)
        shares[index] -= fallen
        shares[_INDEX["snow"]] += fallen


class _Scene:
    """The structures the recipes draw on; each is computed once, when a recipe asks for it."""

    def __init__(
        self, key: tuple[str | int, ...], land: Landscape, day: float, climate: Climate
    ) -> None:
        self.key, self.land, self.day, self.climate = key, land, day, climate
        rng = generator(*key, "site")
        self.bright = float(np.clip(climate.bright + 0.25 * rng.standard_normal(), 0, 1))
        self.vigour = float(np.clip(0.9 + 0.08 * rng.standard_normal(), 0.6, 1))
        self.murk = float(np.clip(rng.beta(1.2, 1.8), 0, 1))

    def green(self, kind: str) -> float:
        return green(kind, self.day, late=self.climate.late, dry=self.climate.dry)

    def _field(self, name: str, scale: float) -> Floats:
        return smooth_field(generator(*self.key, "ground", name), self.land.size, scale)

    @cached_property
    def fine(self) -> Floats:
        return self._field("fine", 0.7)

    @cached_property
    def crowns(self) -> Floats:
        return self._field("crowns", 1.0)

    @cached_property
    def clumps(self) -> Floats:
        return self._field("clumps", 3.0)

    @cached_property
    def broad(self) -> Floats:
        return self._field("broad", 9.0)

    def draw(self, name: str, cell: Ints) -> Floats:
        """A static uniform number per field or lot."""
        return per_cell(generator(*self.key, "ground", name), cell)

    @cached_property
    def rows(self) -> Floats:
        """Planted rows some 30 m apart, 0 to 1."""
        _, across = rotated(self.land.size, self.land.angle)
        bend = 1.2 * self.broad
        return 0.5 + 0.5 * np.sin(2 * np.pi * (across + bend) / 3.1)

    @cached_property
    def streets(self) -> NDArray[np.bool_]:
        """A street grid, bent a little."""
        along, across = rotated(self.land.size, self.land.angle)
        bend = 2.0 * self.broad
        return ((along + bend) % 9 < 1.2) | ((across - bend) % 6 < 1.2)


def _soil(scene: _Scene, share: Floats | float) -> Shares:
    mix = np.clip(scene.bright + 0.12 * scene.broad, 0, 1)
    return {"bright soil": mix * share, "dark soil": (1 - mix) * share}


def _mix(*parts: tuple[Floats | float, Shares]) -> Shares:
    """The weighted sum of several compositions."""
    mixed: Shares = {}
    for weight, shares in parts:
        for name, share in shares.items():
            mixed[name] = mixed.get(name, 0.0) + weight * share
    return mixed


def _step(field: Floats, threshold: float, softness: float = 0.25) -> Floats:
    """About 1 where the field exceeds the threshold, about 0 below."""
    return 1 / (1 + np.exp(-np.clip((field - threshold) / softness, -40, 40)))


def _grown(scene: _Scene, kind: str, leaf: str, dead: str, density: Floats | float) -> Shares:
    """Vegetation of a kind that covers ``density`` of the soil, green by season."""
    greenness = scene.green(kind) * scene.vigour
    cover = np.clip(density + 0.04 * scene.fine, 0.02, 1.0)
    return _mix(
        (cover, {leaf: greenness, dead: 1 - greenness}),
        (1 - cover, _soil(scene, 1.0)),
    )


def _crop(scene: _Scene, kind: str) -> Shares:
    """A field: bare soil until it is green, stubble after the harvest."""
    greenness = scene.green(kind) * scene.vigour
    stubble = 0.5 * (scene.day > (185 if kind == "winter crop" else 262))
    straw = (1 - greenness) * stubble
    return _mix(
        (greenness, {"crop": 1.0}),
        (straw, {"straw": 1.0}),
        (1 - greenness - straw, _soil(scene, 1.0)),
    )


def _grass(scene: _Scene, density: Floats | float = 0.92) -> Shares:
    return _grown(scene, "grass", "grass", "straw", density)


def _broadleaf(scene: _Scene, density: Floats | float = 0.95) -> Shares:
    return _grown(scene, "deciduous", "broadleaf", "litter", density)


def _conifer(scene: _Scene, density: Floats | float = 0.93) -> Shares:
    return _grown(scene, "evergreen", "conifer", "litter", density)


def _evergreen(scene: _Scene, density: Floats | float = 0.9) -> Shares:
    return _grown(scene, "evergreen", "evergreen", "litter", density)


def _shrubs(scene: _Scene, density: Floats | float = 0.85) -> Shares:
    return _grown(scene, "heath", "shrub", "litter", density)


def _farmed(scene: _Scene, cell: Ints, name: str, grass: float) -> Shares:
    """Fields, each with one crop; a share of them is grass."""
    lot = scene.draw(name, cell)
    winter = grass + (1 - grass) * 0.6
    shift = 0.12 * (scene.draw(name + " vigour", cell) - 0.5)
    mixed = _mix(
        (1.0 * (lot < grass), _grass(scene, 0.85 + shift)),
        (1.0 * ((lot >= grass) & (lot < winter)), _crop(scene, "winter crop")),
        (1.0 * (lot >= winter), _crop(scene, "summer crop")),
    )
    return mixed


def _arable(scene: _Scene) -> Shares:
    return _farmed(scene, scene.land.field, "crop", 0.12)


def _pasture(scene: _Scene) -> Shares:
    hedge = 0.7 * (scene.land.hedge < 0.8) * (scene.draw("hedged", scene.land.field) < 0.5)
    mown = 0.8 + 0.18 * scene.draw("mown", scene.land.field)
    return _mix((1 - hedge, _grass(scene, mown)), (hedge, _broadleaf(scene)))


def _complex(scene: _Scene) -> Shares:
    lot = scene.draw("lot", scene.land.lot)
    return _mix(
        (1.0 * (lot < 0.62), _farmed(scene, scene.land.lot, "lot crop", 0.35)),
        (1.0 * ((lot >= 0.62) & (lot < 0.85)), _orchard(scene)),
        (1.0 * (lot >= 0.85), _houses(scene, 0.25)),
    )


def _half_natural(scene: _Scene) -> Shares:
    wild = _step(scene.clumps + 1.2 * (scene.draw("wild", scene.land.field) - 0.5), 0.1)
    nature = _mix((0.6, _broadleaf(scene)), (0.4, _shrubs(scene)))
    return _mix((1 - wild, _farmed(scene, scene.land.field, "crop", 0.35)), (wild, nature))


def _agroforestry(scene: _Scene) -> Shares:
    trees = 0.75 * _step(scene.crowns, 0.75)
    return _mix((1 - trees, _grass(scene, 0.8)), (trees, _evergreen(scene)))


def _orchard(scene: _Scene) -> Shares:
    trees = 0.75 * _step(scene.rows, 0.55, 0.12)
    return _mix((1 - trees, _grass(scene, 0.45)), (trees, _broadleaf(scene)))


def _vineyard(scene: _Scene) -> Shares:
    vines = 0.6 * _step(scene.rows, 0.5, 0.15)
    return _mix((1 - vines, _soil(scene, 1.0)), (vines, _broadleaf(scene, 0.8)))


def _olives(scene: _Scene) -> Shares:
    trees = 0.7 * _step(scene.rows + 0.2 * scene.crowns, 0.6, 0.12)
    return _mix((1 - trees, _grass(scene, 0.35)), (trees, _evergreen(scene)))


def _deciduous_forest(scene: _Scene) -> Shares:
    gap = 0.35 * _step(scene.crowns, 1.5)
    return _mix((1 - gap, _broadleaf(scene)), (gap, _grass(scene)))


def _coniferous_forest(scene: _Scene) -> Shares:
    cut = 0.85 * (scene.draw("felled", scene.land.field) < 0.07)
    stray = 0.6 * _step(scene.crowns, 1.7)
    return _mix(
        ((1 - cut) * (1 - stray), _conifer(scene)),
        ((1 - cut) * stray, _broadleaf(scene)),
        (cut, _grass(scene, 0.6)),
    )


def _mixed_forest(scene: _Scene) -> Shares:
    needles = _step(scene.clumps + 0.7 * scene.crowns, 0.0)
    return _mix((needles, _conifer(scene)), (1 - needles, _broadleaf(scene)))


def _natural_grass(scene: _Scene) -> Shares:
    stone = 0.5 * _step(scene.clumps, 0.9)
    bush = 0.5 * _step(scene.crowns, 1.6)
    return _mix(
        ((1 - stone) * (1 - bush), _grass(scene, 0.72 + 0.08 * scene.broad)),
        (stone, {"rock": 1.0}),
        ((1 - stone) * bush, _shrubs(scene)),
    )


def _sparse(scene: _Scene) -> Shares:
    plants = np.clip(0.3 + 0.12 * scene.clumps, 0, 1)
    return _mix((plants, _grass(scene)), (1 - plants, {"rock": 1.0}))


def _heath(scene: _Scene) -> Shares:
    open_ground = 0.4 * _step(scene.clumps, 1.0)
    return _mix((1 - open_ground, _shrubs(scene, 0.92)), (open_ground, _grass(scene, 0.7)))


def _maquis(scene: _Scene) -> Shares:
    bushes = _step(scene.crowns + 0.5 * scene.clumps, -0.5)
    return _mix(
        (0.6 * bushes, _evergreen(scene)),
        (0.4 * bushes, _shrubs(scene)),
        (1 - bushes, _soil(scene, 1.0)),
    )


def _transitional(scene: _Scene) -> Shares:
    young = _step(scene.clumps + scene.crowns, 0.3)
    kind = 1.0 * (scene.draw("planted", scene.land.field) < 0.5)
    return _mix(
        (young * kind, _conifer(scene, 0.75)),
        (young * (1 - kind), _broadleaf(scene, 0.8)),
        (1 - young, _mix((0.5, _shrubs(scene, 0.8)), (0.5, _grass(scene, 0.8)))),
    )


def _beach(scene: _Scene) -> Shares:
    grass = np.clip(0.08 + 0.15 * scene.clumps, 0, 0.6)
    return _mix((1 - grass, {"sand": 1.0}), (grass, _grass(scene, 0.6)))


def _marsh(scene: _Scene) -> Shares:
    pools = _step(scene.clumps + 0.5 * scene.crowns, 0.8)
    reed = _grown(scene, "marsh", "grass", "straw", 0.8)
    return _mix(
        (0.85 * (1 - pools), reed), (0.15 * (1 - pools), {"peat": 1.0}), (pools, _lake(scene))
    )


def _bog(scene: _Scene) -> Shares:
    hummock = _step(scene.clumps, 0.2)
    pines = 0.4 * _step(scene.crowns, 1.3)
    return _mix(
        (hummock * (1 - pines), _shrubs(scene, 0.8)),
        (hummock * pines, _conifer(scene)),
        (0.55 * (1 - hummock), {"peat": 1.0}),
        (0.45 * (1 - hummock), _grown(scene, "marsh", "grass", "straw", 0.7)),
    )


def _salt_marsh(scene: _Scene) -> Shares:
    creek = _step(-np.abs(scene.broad + 0.25 * scene.clumps), -0.12, 0.06)
    plants = np.clip(0.6 + 0.15 * scene.clumps, 0, 1)
    return _mix(
        (creek, {"turbid water": 1.0}),
        ((1 - creek) * plants, _grown(scene, "marsh", "grass", "straw", 0.8)),
        ((1 - creek) * (1 - plants), _mix((0.6, {"peat": 1.0}), (0.4, {"sand": 1.0}))),
    )


def _houses(scene: _Scene, built: float) -> Shares:
    """Houses of ``built`` share in gardens; the rest is lawn and trees."""
    roof = built * _step(scene.fine, -0.3)
    old = scene.draw("roof", scene.land.lot)
    garden = _mix((0.65, _grass(scene)), (0.35, _broadleaf(scene)))
    return _mix(
        (roof * (old < 0.7), {"tiles": 1.0}),
        (roof * (old >= 0.7), {"asphalt": 0.7, "metal": 0.3}),
        (1 - roof, garden),
    )


def _suburb(scene: _Scene) -> Shares:
    street = 0.75 * scene.streets
    return _mix((street, {"asphalt": 1.0}), (1 - street, _houses(scene, 0.55)))


def _town(scene: _Scene) -> Shares:
    street = 0.85 * scene.streets
    return _mix((street, {"asphalt": 1.0}), (1 - street, _houses(scene, 0.95)))


def _industry(scene: _Scene) -> Shares:
    hall = scene.draw("hall", scene.land.lot)
    lawn = 0.15 + 0.5 * _step(scene.clumps, 1.0)
    paved = 1 - lawn
    return _mix(
        (paved * (hall < 0.35), {"metal": 0.8, "asphalt": 0.2}),
        (paved * ((hall >= 0.35) & (hall < 0.55)), {"tiles": 0.5, "asphalt": 0.5}),
        (paved * (hall >= 0.55), {"asphalt": 0.9, "bright soil": 0.1}),
        (lawn, _grass(scene)),
    )


def _quarry(scene: _Scene) -> Shares:
    bare = {"rock": 0.5 + 0.15 * scene.clumps.clip(-2, 2), "sand": 0.5}
    return _mix((0.93, bare), (0.07, _grass(scene)))


def _park(scene: _Scene) -> Shares:
    trees = _step(scene.clumps, 0.6)
    return _mix((1 - trees, _grass(scene, 0.97)), (trees, _broadleaf(scene)))


def _bare_rock(scene: _Scene) -> Shares:
    return _mix((0.94, {"rock": 1.0}), (0.06, _grass(scene)))


def _turbid(scene: _Scene, share: float) -> Shares:
    murk = np.clip(share + 0.05 * scene.broad, 0, 1)
    return {"turbid water": murk, "clear water": 1 - murk}


def _lake(scene: _Scene) -> Shares:
    return _turbid(scene, 0.6 * scene.murk)


def _river(scene: _Scene) -> Shares:
    return _turbid(scene, 0.3 + 0.6 * scene.murk)


def _sea(scene: _Scene) -> Shares:
    # Waves stir up sediment where it is shallow.
    stirred = 0.5 * np.exp(np.minimum(scene.land.elevation, 0) / 2)
    return _turbid(scene, 0.25 * scene.murk + stirred)


RECIPES: dict[int, Callable[[_Scene], Shares]] = {
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
