"""Reflectance spectra of materials as functions of wavelength, and bands that integrate them.

Shapes follow the physics in words: pigments absorb the visible, liquid water the infrared, dry
matter and clay leave their features beyond 2000 nm. Strengths are invented for plausibility.
"""

from collections.abc import Callable, Sequence

import numpy as np

from bench.data.simulate.noise import Floats

WAVELENGTHS = (400.0, 2500.0)
"""Range in nm for which the spectra are meant."""


def _bell(nm: Floats, centre: float, width: float) -> Floats:
    bell: Floats = np.exp(-0.5 * ((nm - centre) / width) ** 2)
    return bell


def _liquid_water(nm: Floats) -> Floats:
    """Absorption of leaf and soil water, relative to its band at 1940 nm."""
    return (
        0.02 * _bell(nm, 970, 30)
        + 0.07 * _bell(nm, 1200, 45)
        + 0.8 * _bell(nm, 1450, 60)
        + 1.0 * _bell(nm, 1940, 75)
        + 0.75 * np.clip((nm - 1300) / 300, 0, 1)
        + 0.6 * np.clip((nm - 1650) / 550, 0, 1)
        + 0.8 * _bell(nm, 2600, 150)
    )


def _canopy(
    nm: Floats, plateau: float, chlorophyll: float, water: float, dry: float = 0.1
) -> Floats:
    """Leaves over leaves: a bright scatterer dimmed by what the leaves hold.

    After the idea of PROSPECT (S. Jacquemoud, F. Baret, 1990): each constituent has its own
    absorption spectrum, and transmission falls exponentially with its amount. The red edge is the
    long-wave flank of the chlorophyll band, which a richer canopy pushes to longer wavelengths.
    """
    pigment = (
        2.2 * _bell(nm, 430, 35)
        + 1.7 * _bell(nm, 485, 28)
        + 1.1 * _bell(nm, 560, 60)
        + 1.2 * _bell(nm, 625, 35)
        + 2.0 * _bell(nm, 676, 20)
        + 0.3 * _bell(nm, 715, 20)
    )
    lignin = 0.5 * _bell(nm, 1730, 40) + _bell(nm, 2100, 70) + _bell(nm, 2300, 60)
    reflectance: Floats = plateau * np.exp(
        -chlorophyll * pigment - water * _liquid_water(nm) - dry * lignin
    )
    return reflectance


def _soil(nm: Floats, level: float, moisture: float, iron: float = 0.3) -> Floats:
    """Soil brightens with wavelength; water darkens it and clay absorbs at 2200 nm."""
    rise = 1 - np.exp(-(nm - 300) / 650)
    features = iron * _bell(nm, 480, 90) + 0.12 * iron * _bell(nm, 880, 70)
    features = features + 0.15 * _bell(nm, 2200, 30) + (0.12 + moisture) * _liquid_water(nm)
    reflectance: Floats = level * rise * np.exp(-features - 0.6 * moisture)
    return reflectance


def _dry_plant(nm: Floats, level: float, rise: float) -> Floats:
    """Straw, litter and bark: no pigments, absorption of cellulose and lignin."""
    brightening = 1 - np.exp(-(nm - 330) / rise)
    features = 0.12 * _bell(nm, 1730, 40) + 0.35 * _bell(nm, 2100, 80) + 0.3 * _bell(nm, 2320, 70)
    reflectance: Floats = level * brightening * np.exp(-features - 0.25 * _liquid_water(nm))
    return reflectance


def water_absorption(nm: Floats) -> Floats:
    """Absorption of pure water in 1/m; interpolates, in the logarithm, the orders of magnitude.

    Coarse values in the manner of R. M. Pope and E. S. Fry (Applied Optics 36, 1997).
    """
    at = [400, 450, 500, 550, 600, 650, 700, 750, 800, 900, 1000, 1300, 1450, 2500]
    per_metre = [0.007, 0.01, 0.02, 0.06, 0.22, 0.34, 0.62, 2.5, 2.2, 6.0, 40, 120, 2500, 8000]
    absorption: Floats = np.exp(np.interp(nm, at, np.log(per_metre)))
    return absorption


def _water(nm: Floats, sediment: float, yellow: float) -> Floats:
    """Deep water: backscattering over backscattering plus absorption, and a little glint.

    R = 0.33 b/(a + b) (H. R. Gordon, O. B. Brown, M. M. Jacobs, Applied Optics 14, 1975).

    Args:
        nm: wavelengths.
        sediment: backscattering of particles at 550 nm in 1/m.
        yellow: absorption of dissolved organic matter at 440 nm in 1/m.
    """
    scattering = 0.002 * (nm / 500) ** -4.3 + sediment * (nm / 550) ** -0.7
    absorption = water_absorption(nm) + yellow * np.exp(-0.015 * (nm - 440))
    reflectance: Floats = 0.33 * scattering / (scattering + absorption) + 0.004
    return reflectance


def _snow(nm: Floats) -> Floats:
    reflectance: Floats = (
        0.92
        * np.exp(-2.6 * _liquid_water(nm))
        * (1 - 0.3 * np.clip((nm - 800) / 400, 0, 1))
        * (1 - 0.75 * np.clip((nm - 1300) / 200, 0, 1))
        + 0.02
    )
    return reflectance


SPECTRA: dict[str, Callable[[Floats], Floats]] = {
    "broadleaf": lambda nm: _canopy(nm, 0.46, 1.55, 1.0),
    "conifer": lambda nm: _canopy(nm, 0.25, 1.45, 1.1),
    "grass": lambda nm: _canopy(nm, 0.42, 1.35, 0.75),
    "crop": lambda nm: _canopy(nm, 0.50, 1.6, 0.85),
    "shrub": lambda nm: _canopy(nm, 0.27, 0.95, 0.55, 0.35),
    "evergreen": lambda nm: _canopy(nm, 0.30, 1.3, 0.7, 0.3),
    "straw": lambda nm: _dry_plant(nm, 0.36, 420),
    "litter": lambda nm: _dry_plant(nm, 0.22, 650),
    "bright soil": lambda nm: _soil(nm, 0.42, 0.1, 0.6),
    "dark soil": lambda nm: _soil(nm, 0.24, 0.25),
    "peat": lambda nm: _soil(nm, 0.20, 0.75),
    "sand": lambda nm: _soil(nm, 0.55, 0.0, 0.45),
    "rock": lambda nm: _soil(nm, 0.30, 0.02, 0.1),
    "asphalt": lambda nm: 0.07 + 0.06 * (nm - 400) / 2100,
    "tiles": lambda nm: _soil(nm, 0.36, 0.03, 1.6),
    "metal": lambda nm: 0.36 + 0.06 * np.sin((nm - 400) / 500),
    "clear water": lambda nm: _water(nm, 0.002, 0.06),
    "turbid water": lambda nm: _water(nm, 0.05, 0.6),
    "snow": _snow,
}
"""Each material's reflectance in [0, 1] for wavelengths in nm."""

MATERIALS = tuple(SPECTRA)
"""The order of materials in every table and array of this package."""


def band_reflectance(
    centres: Sequence[float],
    widths: Sequence[float],
    materials: Sequence[str] = MATERIALS,
) -> Floats:
    """The reflectance a sensor's bands see of pure materials, shape (bands, materials).

    Every band has a Gaussian response.

    Args:
        centres: central wavelength of each band in nm.
        widths: full width at half maximum of each band in nm.
        materials: names out of `MATERIALS`.
    """
    offset = np.linspace(-1.2, 1.2, 49)
    weight = np.exp(-4 * np.log(2) * offset**2)
    weight /= weight.sum()
    nm = np.asarray(centres, np.float64)[:, None] + np.asarray(widths, np.float64)[:, None] * offset
    return np.stack([(SPECTRA[name](nm) * weight).sum(axis=1) for name in materials], axis=1)
