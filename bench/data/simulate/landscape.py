"""A landscape: land cover in CORINE codes, fields, relief and water on a 10 m grid. It is static.

Land cover follows CORINE Land Cover (level 3): polygons of some 10 to 50 hectares, each of one
class, inside of which there is finer structure (fields, lots) that has no label of its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.data.simulate.noise import Floats, Ints, cells, generator, rotated, smooth_field

PIXEL = 10.0
"""Metres."""

POLYGON, FIELD, LOT = 76.0, 13.0, 5.0
"""Typical diameters in pixels: CORINE polygons, fields of a farm, gardens and small strips."""

LAKE, RIVER, LAGOON, ESTUARY, SEA = 512, 511, 521, 522, 523
WATER = (LAKE, RIVER, LAGOON, ESTUARY, SEA)

Water = Literal["sea", "lake", "river"]


@dataclass(frozen=True)
class Landscape:
    """What never changes at a location; every array has the shape (size, size).

    Attributes:
        cover: CORINE level-3 code of each pixel, uint16.
        elevation: metres above the sea, and below it where the cover is sea.
        field, lot: number of the field and of the lot a pixel belongs to.
        hedge: distance to the border of the field in pixels.
        angle: direction of fields, rows and streets in radians.
    """

    cover: NDArray[np.uint16]
    elevation: Floats
    field: Ints
    lot: Ints
    hedge: Floats
    angle: float

    @property
    def size(self) -> int:
        """Height and width in pixels."""
        return int(self.cover.shape[0])


def landscape(
    *key: str | int,
    size: int,
    weights: Mapping[int, float],
    shore: Mapping[int, float],
    water: Water | None,
    relief: float,
) -> Landscape:
    """The landscape of a location.

    Args:
        key: names the location; the same key and arguments give the same landscape.
        size: height and width in pixels.
        weights: how common each CORINE code is among the polygons of dry land.
        shore: the same for the strip of land beside water; code 0 leaves the land as it is.
        water: what water body crosses the location.
        relief: standard deviation of the elevation in metres.
    """
    rng = generator(*key, "landscape")
    angle = rng.uniform(0, math.pi)
    elevation = 60 + relief * smooth_field(rng, size, 40)
    cover, polygon = _polygons(rng, size, weights)
    if water is not None:
        code, height = _water(rng, size, water)
        strip = (height >= 0) & (height < rng.uniform(7, 16))
        # One kind of shore for each polygon, so that a beach ends where a marsh begins.
        codes = np.array(sorted(shore))
        share = np.array([shore[c] for c in codes], np.float64)
        kind = rng.choice(codes, int(polygon.max()) + 1, p=share / share.sum())[polygon]
        cover = np.where(strip & (kind > 0), kind, cover)
        cover = np.where(height < 0, code, cover)
        if water == "sea":
            # A slope of 1.5 % below the water, a gentle rise above it.
            elevation = np.where(height < 0, 0.15, 0.1) * height + 0.2
            elevation += np.clip(height / 40, 0, 1) * relief * smooth_field(rng, size, 25) ** 2
    field_rng = generator(*key, "fields")
    stretch = field_rng.uniform(1.2, 2.2)
    field, hedge = cells(field_rng, *rotated(size, angle, stretch), FIELD)
    lot, _ = cells(field_rng, *rotated(size, angle, 1.5), LOT)
    return Landscape(cover.astype(np.uint16), elevation, field, lot, hedge, angle)


def _polygons(
    rng: np.random.Generator, size: int, weights: Mapping[int, float]
) -> tuple[Ints, Ints]:
    """A code for each polygon: neighbours are alike, and the shares are those of ``weights``.

    The class of a polygon is the largest of log(weight) + Gumbel noise, which draws each class
    with its weight (E. J. Gumbel, 1954); the noise is a smooth field, hence like beside like.
    """
    row, column = np.mgrid[:size, :size].astype(np.float64)
    warp = 9 * np.stack([smooth_field(rng, size, 9), smooth_field(rng, size, 9)])
    polygon, _ = cells(rng, row + warp[0], column + warp[1], POLYGON)
    codes = np.array(sorted(weights))
    count = np.bincount(polygon.ravel())
    # Classes vary slowly: their fields are drawn on a grid eight times coarser.
    centre = [
        (np.bincount(polygon.ravel(), axis.ravel()) / count / 8).astype(np.int64)
        for axis in (row, column)
    ]
    score = np.empty((codes.size, count.size))
    for index, code in enumerate(codes):
        normal = smooth_field(rng, size // 8 + 1, 5)[centre[0], centre[1]]
        uniform = 0.5 + 0.5 * np.array([math.erf(z / math.sqrt(2)) for z in normal])
        score[index] = math.log(weights[int(code)]) - np.log(
            -np.log(uniform.clip(1e-12, 1 - 1e-12))
        )
    return codes[score.argmax(axis=0)][polygon], polygon


def _water(rng: np.random.Generator, size: int, water: Water) -> tuple[int, Floats]:
    """The code of a water body and the distance to its shore in pixels, negative in the water."""
    if water == "sea":
        along, _ = rotated(size, rng.uniform(0, 2 * math.pi))
        level = np.quantile(along, rng.uniform(0.25, 0.7))
        code = int(rng.choice([SEA, SEA, SEA, ESTUARY, LAGOON]))
        return code, along - level + 7 * smooth_field(rng, size, 10)
    if water == "lake":
        basin = smooth_field(rng, size, 16)
        level = np.quantile(basin, rng.uniform(0.08, 0.4))
        # A field of unit variance and this scale climbs by about 1/16 per pixel.
        return LAKE, (basin - level) * 16
    along, across = rotated(size, rng.uniform(0, math.pi))
    bend = 14 * smooth_field(rng, size, 22)
    middle = np.quantile(across, rng.uniform(0.25, 0.75))
    return RIVER, np.abs(across - middle + bend) - rng.uniform(5, 9)
