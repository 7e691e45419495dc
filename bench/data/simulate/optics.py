"""What an optical sensor records of the ground: shading, air, clouds, blur, sampling, noise."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.data.simulate.ground import Ground
from bench.data.simulate.landscape import PIXEL, Landscape
from bench.data.simulate.noise import Floats, generator, smooth_field
from bench.data.simulate.spectra import band_reflectance

SENTINEL_2: dict[str, tuple[float, float, int]] = {
    "B01": (442.7, 21, 60),
    "B02": (492.4, 66, 10),
    "B03": (559.8, 36, 10),
    "B04": (664.6, 31, 10),
    "B05": (704.1, 15, 20),
    "B06": (740.5, 15, 20),
    "B07": (782.8, 20, 20),
    "B08": (832.8, 106, 10),
    "B8A": (864.7, 21, 20),
    "B09": (945.1, 20, 60),
    "B11": (1613.7, 91, 20),
    "B12": (2202.4, 175, 20),
}
"""Central wavelength and full width at half maximum in nm, ground sampling distance in metres.

Sentinel-2A as in ESA's Sentinel-2 spectral response functions; B10 is not in level-2A products.
"""


@dataclass(frozen=True)
class Weather:
    """The air and the light of a scene.

    Attributes:
        haze: what aerosol correction left at 550 nm, as a share of the light; may be negative.
        light: factor of illumination that topographic correction left, about 1.
        clouds: share of the scene under clouds.
    """

    haze: float
    light: float
    clouds: float


def sky(rng: np.random.Generator, clouds: float) -> Weather:
    """Weather drawn for a scene with a given share of clouds."""
    return Weather(float(rng.normal(0.006, 0.012)), float(rng.normal(0.97, 0.07)), clouds)


def observe(
    *key: str | int,
    land: Landscape,
    ground: Ground,
    weather: Weather,
    bands: Mapping[str, tuple[float, float, int]] = SENTINEL_2,
) -> dict[str, NDArray[np.uint16]]:
    """The image of a scene in surface reflectance x 10,000, each band on its own grid.

    Args:
        key: names the scene (location and date), for clouds and noise.
        land: the landscape of that location.
        ground: what covers it on that date.
        weather: the air and the light.
        bands: centre and width in nm, pixel in metres (a multiple of 10).

    Returns:
        Band name to array, uint16, at least 1 (0 means no data). A band with pixels of 20 m has
        half as many of them per side as the landscape.
    """
    centres = np.array([centre for centre, _, _ in bands.values()])
    pure = _pure(tuple((centre, width) for centre, width, _ in bands.values()))
    reflectance = np.einsum("bm,mhw->bhw", pure, ground.shares)
    reflectance *= weather.light * _shading(land) * ground.brightness
    # The adjacency effect: air scatters the surroundings (here the scene's mean) into the pixel.
    around = reflectance.mean(axis=(1, 2), keepdims=True)
    scattering = (0.04 + abs(weather.haze)) * (centres / 550.0) ** -1.0
    reflectance += scattering[:, None, None] * (around - reflectance)
    path = weather.haze * (centres / 550.0) ** -1.5
    reflectance += path[:, None, None] * (1 - reflectance)
    if weather.clouds > 0:
        _cover_with_clouds(key, reflectance, centres, weather.clouds)
    rng = generator(*key, "detector")
    image = {}
    for name, band in zip(bands, reflectance, strict=True):
        sampled = _sample(band, bands[name][2])
        sampled += (0.0015 + 0.008 * sampled.clip(0)) * rng.standard_normal(sampled.shape)
        image[name] = np.clip(np.rint(10_000 * sampled), 1, 65_535).astype(np.uint16)
    return image


@lru_cache(maxsize=8)
def _pure(bands: tuple[tuple[float, float], ...]) -> Floats:
    return band_reflectance([centre for centre, _ in bands], [width for _, width in bands])


def _shading(land: Landscape) -> Floats:
    """Slopes towards the sun, which stands in the south-east, are brighter."""
    down, right = np.gradient(land.elevation, PIXEL)
    dry = land.elevation >= 0
    shading: Floats = np.clip(1 + dry * (0.9 * down + 0.9 * right), 0.4, 1.6)
    return shading


def _cover_with_clouds(
    key: tuple[str | int, ...], reflectance: Floats, centres: Floats, share: float
) -> None:
    """Bright white clouds with soft edges, and their shadows to the north-west."""
    rng = generator(*key, "clouds")
    field = smooth_field(rng, reflectance.shape[-1], 9) + 0.35 * smooth_field(
        rng, reflectance.shape[-1], 2.5
    )
    edge = np.quantile(field, 1 - share)
    opacity = np.clip((field - edge) / 0.5 + 0.3, 0, 1)
    shadow = np.roll(opacity, (-9, -7), axis=(0, 1)) * (1 - opacity)
    cloud = rng.uniform(0.45, 0.75) * np.where(centres > 1300, 0.55, 1.0)[:, None, None]
    reflectance *= 1 - 0.55 * shadow
    reflectance += opacity * (cloud - reflectance)


def _sample(band: Floats, pixel: int) -> Floats:
    """Blur by the point spread function and average over the pixels of the sensor.

    The point spread function is a Gaussian of half a pixel; for a coarse band most of it is the
    averaging itself, so that the 10 m kernel serves all.
    """
    padded = np.pad(band, 1, mode="edge")
    side, middle = 0.12, 0.76
    rows = side * (padded[:-2] + padded[2:]) + middle * padded[1:-1]
    blurred: Floats = side * (rows[:, :-2] + rows[:, 2:]) + middle * rows[:, 1:-1]
    factor = pixel // int(PIXEL)
    size = band.shape[0] // factor
    sampled: Floats = blurred.reshape(size, factor, size, factor).mean(axis=(1, 3))
    return sampled
