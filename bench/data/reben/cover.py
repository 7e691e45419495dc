"""What the classes of the simulated BigEarthNet look like, and what tells them apart.

Here no class is known by its colour. Land cover comes in four groups (wooded land, open land, bare
and built-up land, water) whose classes are made of the same materials in shares that differ from
place to place; within a group classes differ in

- texture: how light and shade are arranged, at equal mean and spread, which only Sentinel-2 shows,
  as speckle hides it from Sentinel-1;
- structure: how much is scattered back, which only Sentinel-1 shows. Classes that differ in
  nothing else share a texture, and most that differ in texture share a structure.

So statistics of an image say which groups there are, a model that looks at the arrangement of
Sentinel-2's pixels tells more, and one with both sensors most of all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.data.simulate.ground import Ground, ground
from bench.data.simulate.landscape import WATER, Landscape
from bench.data.simulate.noise import Floats, generator
from bench.data.simulate.phenology import Climate
from bench.data.simulate.recipes import (
    Shares,
    broadleaf,
    conifer,
    farmed,
    grass,
    mix,
    shrubs,
    turbid,
)
from bench.data.simulate.site import Site
from bench.data.simulate.textures import Pattern, texture

CONTRAST = 0.35
"""Standard deviation of the logarithm of brightness that a texture makes."""

_EVEN = 3.0  # how alike the shares of materials are from place to place, the shape of a gamma


@dataclass(frozen=True)
class Cover:
    """How a CORINE class looks.

    Attributes:
        made_of: its materials.
        pattern, wavelength: of its texture.
        structure: dB that are scattered back in addition to what its materials scatter.
    """

    made_of: Callable[[Site], Shares]
    pattern: Pattern
    wavelength: float
    structure: float = 0.0


def _shares(site: Site, typical: Sequence[float]) -> NDArray[np.float64]:
    """Shares of materials at a place, about the typical ones."""
    drawn = generator(*site.key, "shares").gamma(_EVEN, 1, len(typical)) * typical
    shares: NDArray[np.float64] = drawn / drawn.sum()
    return shares


def _wooded(site: Site) -> Shares:
    leaves, needles, bushes, open_ground = _shares(site, (0.4, 0.15, 0.15, 0.3))
    return mix(
        (leaves, broadleaf(site, 0.9)),
        (needles, conifer(site, 0.9)),
        (bushes, shrubs(site, 0.8)),
        (open_ground, grass(site, 0.8)),
    )


def _open(site: Site) -> Shares:
    trees, fields, bushes, meadow = _shares(site, (0.2, 0.15, 0.15, 0.5))
    return mix(
        (trees, broadleaf(site, 0.9)),
        (fields, farmed(site, site.land.field, "crop", 0.3)),
        (bushes, shrubs(site, 0.8)),
        (meadow, grass(site, 0.8)),
    )


def _bare(site: Site) -> Shares:
    sand, tiles, asphalt, green = _shares(site, (0.35, 0.25, 0.15, 0.25))
    return mix(
        (sand, {"sand": 1.0}),
        (tiles, {"tiles": 1.0}),
        (asphalt, {"asphalt": 1.0}),
        (green, grass(site, 0.7)),
    )


def _water(site: Site) -> Shares:
    return turbid(site, 0.6 * site.murk)


_QUARRY = Cover(_bare, "columns", 9)
_TOWN = Cover(_bare, "grid", 6, 3)
_ORCHARD = Cover(_open, "rows", 5)
_STEPPE = Cover(_open, "grain", 7, -3)
_MARSH = Cover(_open, "grain", 7, 5)
_HEATH = Cover(_wooded, "grain", 4.5)
_SALT_MARSH = Cover(_bare, "grain", 12, 3)
_INLAND = Cover(_water, "grain", 9)
_SWELL = Cover(_water, "rows", 9)

COVERS: dict[int, Cover] = {
    111: _TOWN,
    112: _TOWN,
    121: Cover(_bare, "grid", 6, 11),
    131: _QUARRY,
    142: Cover(_open, "grid", 9),
    211: Cover(_open, "columns", 12, -3),
    221: _ORCHARD,
    222: _ORCHARD,
    223: _ORCHARD,
    231: Cover(_open, "grain", 18),
    242: Cover(_open, "columns", 12, 4),
    243: Cover(_wooded, "mosaic", 26),
    244: Cover(_wooded, "grid", 9, 2.5),
    311: Cover(_wooded, "grain", 9, 2.5),
    312: Cover(_wooded, "columns", 5),
    313: Cover(_wooded, "grain", 9, -4.5),
    321: _STEPPE,
    322: _HEATH,
    323: _HEATH,
    324: Cover(_wooded, "grid", 9, -4.5),
    331: Cover(_bare, "grain", 12, -6),
    332: _QUARRY,
    333: _STEPPE,
    411: _MARSH,
    412: _MARSH,
    421: _SALT_MARSH,
    511: _INLAND,
    512: _INLAND,
    521: _SWELL,
    522: _SWELL,
    523: _SWELL,
}
"""The CORINE classes (level 3) that a landscape of these regions may hold."""


def covered(
    *key: str | int, land: Landscape, day: float, climate: Climate, date: str, snow: float
) -> tuple[Ground, Floats]:
    """The ground of a location on a date, and its structure in dB, shape (H, W).

    Args:
        key: names the location.
        land: the landscape of that location.
        day: of the year, 1 to 366.
        climate: of the region.
        date: names the date: the weather and the waves are those of the date.
        snow: share of open ground under snow.
    """
    recipes = {code: cover.made_of for code, cover in COVERS.items()}
    plain = ground(*key, land=land, day=day, climate=climate, date=date, snow=snow, recipes=recipes)
    shade, structure = np.zeros(land.cover.shape), np.zeros(land.cover.shape)
    for code in np.unique(land.cover).tolist():
        cover, mask = COVERS[code], land.cover == code
        # Waves are those of the date; everything else stays where it is.
        moment = date if code in WATER else ""
        rng = generator(*key, "texture", cover.pattern, str(cover.wavelength), moment)
        shade += mask * texture(rng, land.size, cover.pattern, cover.wavelength)
        structure += mask * cover.structure
    # The mean of a log-normal factor is 1.
    brightness = plain.brightness * np.exp(CONTRAST * shade - CONTRAST**2 / 2)
    return replace(plain, brightness=brightness), structure
