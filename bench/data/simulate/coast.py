"""A shallow coast: how deep it is, what covers the bottom, and what sensors see through the water.

The reflectance of shallow water is that of deep water plus what the bottom adds, which falls
exponentially with twice the depth (D. R. Lyzenga, Applied Optics 17, 1978; S. Maritorena et al.,
Limnology and Oceanography 39, 1994). So depth can be seen where light reaches the bottom and
comes back, and can't below.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.data.simulate.noise import (
    Floats,
    cells,
    generator,
    per_cell,
    rotated,
    smooth_field,
)
from bench.data.simulate.spectra import band_reflectance, water_absorption

SIDE = 180
"""Pixels of 1 m on a side of a place."""

SAND, ROCK, SEAGRASS, ALGAE = range(4)

BOTTOMS: tuple[dict[str, float], ...] = (
    {"sand": 0.85, "rock": 0.15},
    {"rock": 0.45, "dark soil": 0.3, "evergreen": 0.25},
    {"conifer": 0.9, "litter": 0.1},
    {"shrub": 0.5, "litter": 0.3, "dark soil": 0.2},
)
"""What covers the bottom, in the order of `SAND`, `ROCK`, `SEAGRASS`, `ALGAE`: shares of the
materials of `bench.data.simulate.spectra`."""


@dataclass(frozen=True)
class Water:
    """What is in the water.

    Attributes:
        sediment: backscattering of particles at 550 nm in 1/m.
        yellow: absorption of dissolved organic matter at 440 nm in 1/m.
    """

    sediment: float
    yellow: float


@dataclass(frozen=True)
class Sensor:
    """A sensor on a platform.

    Attributes:
        bands: centre and full width at half maximum of each band in nm.
        pixel: in metres; divides `SIDE`.
        noise: standard deviation in reflectance.
        glint: of the sun on the waves, mean reflectance.
    """

    bands: Mapping[str, tuple[float, float]]
    pixel: int
    noise: float
    glint: float


@dataclass(frozen=True)
class Shore:
    """A kind of coast.

    Attributes:
        water: what is in it.
        slope: of the bottom, the steepest.
        reefs: how much of the bottom is rock or lies close to it, 0 to 1.
        meadows: how much of the bottom plants cover, 0 to 1.
        land: whether places may rise above the water.
    """

    water: Water
    slope: float
    reefs: float
    meadows: float
    land: bool


@dataclass(frozen=True)
class Place:
    """A place; all arrays have the shape (SIDE, SIDE).

    Attributes:
        depth: metres of water above the bottom, negative on land.
        bottom: what covers it, an index of `BOTTOMS`.
        texture: factor on the reflectance of the bottom, about 1.
    """

    depth: Floats
    bottom: NDArray[np.uint8]
    texture: Floats


def place(*key: str | int, shore: Shore, depth: float) -> Place:
    """A place: a slope with sand bars, reefs that stand on it, meadows where it is sandy.

    Args:
        key: names the place; the same key and arguments give the same place.
        shore: the kind of coast.
        depth: in metres, about the mean.
    """
    rng = generator(*key, "coast")
    seawards, _ = rotated(SIDE, rng.uniform(0, 2 * np.pi))
    seawards = seawards - seawards.mean() + 9 * smooth_field(rng, SIDE, 25)
    bottom_depth = depth + rng.uniform(0.2, 1) * shore.slope * seawards
    bars = np.sin(2 * np.pi * seawards / rng.uniform(35, 60))
    bottom_depth += 0.35 * bars * np.exp(-np.clip(bottom_depth, 0, None) / 5)
    bottom_depth += 0.05 * depth * smooth_field(rng, SIDE, 12)
    relief = smooth_field(rng, SIDE, 8) + 0.3 * smooth_field(rng, SIDE, 2)
    reef = np.clip(relief - np.quantile(relief, 1 - shore.reefs), 0, 1.5) if shore.reefs else 0.0
    bottom_depth -= min(1.5, 0.25 * depth) * reef
    meadow = smooth_field(rng, SIDE, 11) + 0.35 * smooth_field(rng, SIDE, 3)
    algae = smooth_field(rng, SIDE, 6)
    bottom = np.full((SIDE, SIDE), SAND, np.uint8)
    bottom[meadow > np.quantile(meadow, 1 - shore.meadows)] = SEAGRASS
    if shore.reefs:
        bottom[reef > 0] = ROCK
        bottom[(reef > 0) & (algae > 0.3)] = ALGAE
    if not shore.land:
        # The surface of the water turns what would be land into a shoal.
        bottom_depth = np.logaddexp(0, 2 * bottom_depth) / 2 + 0.1
    bottom[bottom_depth < 0] = SAND
    texture = _texture(generator(*key, "texture"), bottom, seawards)
    return Place(bottom_depth, bottom, texture)


def _texture(rng: np.random.Generator, bottom: NDArray[np.uint8], seawards: Floats) -> Floats:
    """How each kind of bottom varies over metres, which tells kinds of one colour apart.

    Waves leave ripples in sand, with crests along the shore; seagrass grows in tufts with gaps;
    rock breaks into blocks with dark clefts; algae are a fine carpet.
    """
    crests = np.sin(2 * np.pi * (seawards + 2 * smooth_field(rng, SIDE, 6)) / rng.uniform(4, 6.5))
    tufts = np.where(smooth_field(rng, SIDE, 1.6) > -0.6, -0.12, 0.45)
    along, across = rotated(SIDE, rng.uniform(0, np.pi), 1.4)
    block, border = cells(rng, along, across, 7)
    blocks = 0.9 * (per_cell(rng, block) - 0.5) - 0.5 * (border < 0.7)
    kinds = {
        SAND: 0.10 * crests,
        ROCK: blocks + 0.09,
        SEAGRASS: tufts,
        ALGAE: 0.06 * smooth_field(rng, SIDE, 0.7),
    }
    shared = 0.05 * smooth_field(rng, SIDE, 1) + 0.08 * smooth_field(rng, SIDE, 9)
    texture: Floats = np.exp(shared + np.choose(bottom, [kinds[kind] for kind in sorted(kinds)]))
    return texture


def attenuation(nm: Floats, water: Water) -> tuple[Floats, Floats]:
    """How fast light is lost with depth, in 1/m, and the reflectance of deep water.

    K = a + b and R = 0.33 b / (a + b), with absorption a and backscattering b (H. R. Gordon,
    O. B. Brown, M. M. Jacobs, Applied Optics 14, 1975).

    Args:
        nm: wavelengths.
        water: what is in it.
    """
    scattering = 0.002 * (nm / 500) ** -4.3 + water.sediment * (nm / 550) ** -0.7
    absorption = water_absorption(nm) + water.yellow * np.exp(-0.015 * (nm - 440))
    lost: Floats = absorption + scattering
    return lost, 0.33 * scattering / lost


def observe(*key: str | int, place: Place, water: Water, sensor: Sensor) -> Floats:
    """What a sensor sees of a place: reflectance [bands, side, side] in its own pixels.

    Every band has the attenuation of its centre. Noise and glint differ from sensor to sensor and
    from place to place; the glint is that of whole waves, the same in all bands.

    Args:
        key: names the place and the sensor.
        place: what is looked at.
        water: above it.
        sensor: what looks.
    """
    rng = generator(*key, "light")
    centres, widths = (list(values) for values in zip(*sensor.bands.values(), strict=True))
    pure = np.stack(
        [
            band_reflectance(centres, widths, list(shares)) @ np.array(list(shares.values()))
            for shares in BOTTOMS
        ],
        axis=1,
    )
    floor = pure[:, place.bottom] * place.texture
    lost, deep = (values[:, None, None] for values in attenuation(np.array(centres), water))
    returned = np.exp(-2 * lost * np.clip(place.depth, 0, None))
    seen = coarser(deep + (floor - deep) * returned, sensor.pixel)
    waves = np.exp(0.6 * smooth_field(rng, SIDE, 1.5) - 0.18)
    seen += sensor.glint * rng.uniform(0.7, 1.3) * coarser(waves, sensor.pixel)
    seen += sensor.noise * rng.standard_normal(seen.shape)
    return np.clip(seen, 0, 1)


def coarser(values: Floats, pixel: int) -> Floats:
    """Means over pixels of so many metres, [..., SIDE / pixel, SIDE / pixel]."""
    side = values.shape[-1] // pixel
    mean: Floats = values.reshape(*values.shape[:-2], side, pixel, side, pixel).mean(axis=(-3, -1))
    return mean


def commonest(labels: NDArray[np.uint8], pixel: int, count: int) -> NDArray[np.uint8]:
    """The label that most of each pixel has, the lowest of equals; [SIDE / pixel, SIDE / pixel]."""
    shares = [coarser((labels == label).astype(np.float64), pixel) for label in range(count)]
    most: NDArray[np.uint8] = np.argmax(shares, axis=0).astype(np.uint8)
    return most
