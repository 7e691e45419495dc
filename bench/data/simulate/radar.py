"""What Sentinel-1 records of the ground: backscatter of VV and VH in decibels, with speckle."""

import numpy as np
from numpy.typing import NDArray

from bench.data.simulate.ground import Ground
from bench.data.simulate.landscape import PIXEL, Landscape
from bench.data.simulate.noise import Floats, generator, smooth_field
from bench.data.simulate.spectra import MATERIALS

LOOKS = 4.4
"""Equivalent number of looks of a ground-range detected product of high resolution."""

# Backscatter (VV, VH) in dB, and how many dB it rises when the ground turns from dry to wet.
_BACKSCATTER: dict[str, tuple[float, float, float]] = {
    "broadleaf": (-9.2, -14.6, 0.3),
    "conifer": (-10.0, -15.6, 0.3),
    "grass": (-12.5, -19.5, 1.0),
    "crop": (-11.2, -17.0, 0.7),
    "shrub": (-11.5, -17.8, 0.5),
    "evergreen": (-10.4, -16.2, 0.3),
    "straw": (-13.2, -20.8, 1.2),
    "litter": (-9.8, -15.8, 0.5),
    "bright soil": (-13.2, -22.8, 2.0),
    "dark soil": (-11.6, -21.2, 2.0),
    "peat": (-11.0, -19.8, 0.8),
    "sand": (-18.5, -26.5, 1.0),
    "rock": (-10.0, -18.5, 0.3),
    "asphalt": (-17.5, -26.0, 0.3),
    "tiles": (-3.0, -11.5, 0.0),
    "metal": (-0.5, -10.5, 0.0),
    "clear water": (-20.5, -28.5, 0.0),
    "turbid water": (-20.5, -28.5, 0.0),
    "snow": (-13.5, -20.5, 0.0),
}


def observe(*key: str | int, land: Landscape, ground: Ground) -> dict[str, NDArray[np.float32]]:
    """VV and VH backscatter of a scene in dB, float32 in steps of 0.001, on the 10 m grid.

    Power is mixed by the materials' shares, then multiplied by what varies within a class (row
    direction, roughness, relief) and by speckle.

    Args:
        key: names the scene (location and date), for wind, texture and speckle.
        land: the landscape of that location.
        ground: what covers it on that date.
    """
    rng = generator(*key, "radar")
    # Wind roughens water: by up to 9 dB in VV, less in VH.
    wind = rng.uniform(-1, 8)
    season = rng.normal(0, 0.4)
    by_field = rng.standard_normal(int(land.field.max()) + 1)[land.field]
    shared = 0.9 * by_field + 0.7 * smooth_field(rng, land.size, 5) + season + _relief(land)
    image = {}
    for channel, name in enumerate(("VV", "VH")):
        own = 0.5 * smooth_field(rng, land.size, 2)
        power = np.zeros(land.cover.shape)
        for material, share in zip(MATERIALS, ground.shares, strict=True):
            level = _BACKSCATTER[material][channel] + _BACKSCATTER[material][2] * ground.wetness
            if material.endswith("water"):
                level += wind * (1.0, 0.6)[channel]
            power += share * 10 ** (level / 10)
        power *= 10 ** ((shared + own) / 10) * speckle(rng, power.shape)
        image[name] = np.round(10 * np.log10(power), 3).astype(np.float32)
    return image


def speckle(rng: np.random.Generator, shape: tuple[int, ...], looks: float = LOOKS) -> Floats:
    """Multiplicative speckle of an intensity image: gamma distributed, mean 1, variance 1/looks.

    The sum of independent exponentially distributed looks (J. W. Goodman, Journal of the Optical
    Society of America 66, 1976). Neighbouring pixels are independent here.
    """
    return rng.gamma(looks, 1 / looks, shape)


def _relief(land: Landscape) -> Floats:
    """Slopes that face the sensor in the west are brighter, in dB."""
    right = np.gradient(land.elevation, PIXEL, axis=1)
    relief: Floats = np.clip(12 * right, -4, 4) * (land.elevation >= 0)
    return relief
