"""What the imaging spectrometer EnMAP records of the ground: mixing, light, air, clouds, noise.

All of it acts on spectra of some twenty materials that are mixed linearly, so a patch is a cloud of
few dimensions in the space of the bands, with noise around it. The optics blur what the detector
samples, and a product is brought from the detector's grid to that of the map: neighbours are alike.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bench.data.simulate.ground import Ground
from bench.data.simulate.landscape import PIXEL, Landscape
from bench.data.simulate.noise import Floats, generator, smooth_field
from bench.data.simulate.optics import Weather
from bench.data.simulate.spectra import band_reflectance

GSD = 30
"""Metres."""

NODATA = -32768

# Nominal central wavelengths in nm of some bands (EnMAP numbers, from 1); those between them are
# interpolated, which is off by 3 nm at most. VNIR: 91 bands, 418 to 993 nm. SWIR: 133 bands, 902 to
# 2445 nm in three runs, between which water vapour leaves no light.
_CENTRES = {
    1: 418.2,
    10: 463.6,
    28: 550.5,
    43: 634.9,
    67: 801.0,
    80: 903.6,
    91: 993.1,
    92: 902.3,
    101: 993.5,
    111: 1105.2,
    122: 1235.3,
    135: 1390.8,
    136: 1461.5,
    163: 1759.5,
    164: 1939.1,
    192: 2191.0,
    224: 2445.3,
}

CENTRES: Floats = np.interp(np.arange(1, 225), list(_CENTRES), list(_CENTRES.values()))
"""Nominal central wavelength of each of the 224 bands in nm, in the order of the file."""

WIDTHS: Floats = np.where(np.arange(1, 225) <= 91, 8.0, 11.0)
"""Nominal full width at half maximum in nm."""

DROPPED = (*range(127, 142), *range(161, 168))
"""Numbers, from 1, of the bands that hold no data in products."""

_VAPOUR = {940: 25, 1130: 22, 1400: 40, 1480: 30, 1760: 45, 1940: 45, 2440: 40}
"""Centre and half width in nm of what water vapour absorbs, or of its shoulders."""

_ADJACENCY_PIXELS = 6.0


@dataclass(frozen=True)
class Observation:
    """A patch as EnMAP delivers it.

    Attributes:
        spectra: reflectance x 10000, int16 [224, H, W].
        clouds: uint8 [H, W], 1 where there is a cloud.
        cirrus: uint8 [H, W], 0 none to 3 thick.
        classes: uint8 [H, W], 1 land, 2 water.
    """

    spectra: NDArray[np.int16]
    clouds: NDArray[np.uint8]
    cirrus: NDArray[np.uint8]
    classes: NDArray[np.uint8]


def observe(
    *key: str | int,
    land: Landscape,
    ground: Ground,
    weather: Weather,
    zenith: float,
    wet: NDArray[np.bool_],
) -> Observation:
    """The image of a scene in surface reflectance x 10000.

    Args:
        key: names the scene (location and date), for clouds, residuals and noise.
        land: the landscape of that location; its size is a multiple of three pixels.
        ground: what covers it on that date.
        weather: the air and the light.
        zenith: of the sun, which stands in the south-east, in radians.
        wet: where there is water, as the landscape's size.
    """
    light = weather.light * ground.brightness * _shading(land, zenith)
    # Mixing is linear, so that averaging shares over a pixel averages spectra.
    shares = np.stack([_coarse(share * light) for share in ground.shares])
    reflectance = np.tensordot(_pure(), shares, axes=1)
    size = reflectance.shape[-1]
    rng = generator(*key, "air")
    _vary(rng, reflectance)
    _add_air(rng, reflectance, weather.haze)
    opacity = np.zeros((size, size))
    cirrus = np.zeros((size, size))
    if weather.clouds > 0:
        opacity = _cloud(generator(*key, "clouds"), reflectance, weather.clouds)
        cirrus = _veil(generator(*key, "cirrus"), reflectance)
    rng = generator(*key, "detector")
    offset = rng.uniform(0.25, 0.75, 2)
    reflectance = _resampled(_blurred(reflectance), offset)
    reflectance += noise(rng, reflectance)
    reflectance = _resampled(reflectance[:, ::-1, ::-1], offset)[:, ::-1, ::-1]
    spectra = np.rint(10_000 * reflectance).clip(-9_999, 20_000).astype(np.int16)
    spectra[np.array(DROPPED) - 1] = NODATA
    return Observation(
        spectra,
        (opacity > 0.5).astype(np.uint8),
        np.digitize(cirrus, [0.03, 0.08, 0.15]).astype(np.uint8),
        np.where(_coarse(wet.astype(np.float64)) > 0.5, 2, 1).astype(np.uint8),
    )


@cache
def _pure() -> Floats:
    return band_reflectance(CENTRES.tolist(), WIDTHS.tolist())


def _coarse(values: Floats) -> Floats:
    factor = GSD // int(PIXEL)
    size = values.shape[0] // factor
    coarse: Floats = values.reshape(size, factor, size, factor).mean(axis=(1, 3))
    return coarse


def _shading(land: Landscape, zenith: float) -> Floats:
    """The cosine of the incidence of sunlight over that on level ground; diffuse light fills in.

    cos i = cos z cos s + sin z sin s cos(azimuth difference), with the slope s of the ground.
    """
    down, right = np.gradient(land.elevation, PIXEL)
    dry = land.elevation >= 0
    towards = dry * (down + right) / np.sqrt(2)
    incidence = (1 + np.tan(zenith) * towards) / np.sqrt(1 + dry * (down**2 + right**2))
    shading: Floats = 0.2 + 0.8 * np.clip(incidence, 0.1, 2)
    return shading


def _bells(centres: dict[int, int]) -> Floats:
    shape: Floats = sum(
        (np.exp(-0.5 * ((CENTRES - nm) / width) ** 2) for nm, width in centres.items()),
        start=np.zeros_like(CENTRES),
    )
    return shape


def _vary(rng: np.random.Generator, reflectance: Floats) -> None:
    """No two leaves and soils are alike: pigments, water, dry matter and clay differ by place."""
    features = (
        (0.18, _bells({450: 40, 676: 22})),
        (0.10, _bells({560: 45, 715: 20})),
        (0.10, _bells({970: 35, 1200: 50, 1450: 70, 1940: 80})),
        (0.08, _bells({1730: 45, 2100: 70, 2310: 60})),
        (0.06, _bells({2200: 30})),
        (0.05, _bells({880: 80})),
        (0.08, (CENTRES - 1200) / 1000),
    )
    exponent = np.zeros_like(reflectance)
    for strength, feature in features:
        field = strength * smooth_field(rng, reflectance.shape[-1], 2.5)
        exponent += feature[:, None, None] * field
    reflectance *= np.exp(exponent)


def _add_air(rng: np.random.Generator, reflectance: Floats, haze: float) -> None:
    """What the correction for the atmosphere left: neighbours' light, haze, vapour, an offset."""
    size = reflectance.shape[-1]
    around = reflectance.mean(axis=(1, 2), keepdims=True)
    scattering = (0.03 + abs(haze)) * (CENTRES / 550) ** -1.0
    reflectance += scattering[:, None, None] * (around - reflectance)
    aerosol = haze * (1 + 0.15 * smooth_field(rng, size, _ADJACENCY_PIXELS))
    reflectance += ((CENTRES / 550) ** -1.5)[:, None, None] * aerosol
    vapour = rng.normal(0, 0.02) + 0.01 * smooth_field(rng, size, _ADJACENCY_PIXELS)
    reflectance *= 1 + _bells(_VAPOUR)[:, None, None] * vapour
    reflectance -= (0.002 + 0.002 * (CENTRES > 1000))[:, None, None]


def _cloud(rng: np.random.Generator, reflectance: Floats, share: float) -> Floats:
    """Cover a share of the pixels with bright clouds that have soft edges; their opacity."""
    size = reflectance.shape[-1]
    field = smooth_field(rng, size, 5) + 0.35 * smooth_field(rng, size, 1.5)
    opacity: Floats = np.clip((field - np.quantile(field, 1 - share)) / 0.5 + 0.5, 0, 1)
    # Ice and droplets absorb beyond 1300 nm, most near 1500 and 2000 nm.
    ice = 1 - 0.45 * np.clip((CENTRES - 1300) / 200, 0, 1) - 0.15 * _bells({1500: 70, 2000: 90})
    reflectance += opacity * (rng.uniform(0.5, 0.75) * ice[:, None, None] - reflectance)
    return opacity


def _veil(rng: np.random.Generator, reflectance: Floats) -> Floats:
    """Add thin ice clouds, which whiten what is below them; their reflectance."""
    veil: Floats = 0.12 * np.clip(smooth_field(rng, reflectance.shape[-1], 10) - 0.3, 0, 3)
    spectrum = np.where(CENTRES > 1300, 0.6, 1.0)
    reflectance += spectrum[:, None, None] * veil * (1 - reflectance)
    return veil


def _blurred(image: Floats) -> Floats:
    """Through the optics: a Gaussian of half a pixel, beside the averaging over the pixel itself.

    At the Nyquist frequency 0.5 of the contrast is left, times 0.64 by the averaging.
    """
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)), mode="edge")
    side, middle = 0.12, 0.76
    rows = side * (padded[:, :-2] + padded[:, 2:]) + middle * padded[:, 1:-1]
    blurred: Floats = side * (rows[..., :-2] + rows[..., 2:]) + middle * rows[..., 1:-1]
    return blurred


def _resampled(image: Floats, offset: NDArray[np.float64]) -> Floats:
    """Bilinearly at points that lie ``offset`` pixels down and right of the pixels, 0 to 1.

    Forth to the detector's grid and back it leaves the scene where it is, a little smoother; the
    noise, which goes back only, gets less and alike in neighbours, as in orthorectified products.
    """
    down, right = offset
    padded = np.pad(image, ((0, 0), (0, 1), (0, 1)), mode="edge")
    rows = (1 - down) * padded[:, :-1] + down * padded[:, 1:]
    resampled: Floats = (1 - right) * rows[..., :-1] + right * rows[..., 1:]
    return resampled


def noise(rng: np.random.Generator, reflectance: Floats) -> Floats:
    """Noise of the detector: reading, photons, and the stripes of a line of detectors.

    Sunlight fades towards the infrared and in the bands of water vapour, so that the same electrons
    are more reflectance there; the first and last bands see little light as well.

    Args:
        rng: the source of the noise.
        reflectance: [224, H, W]; the columns are the detectors of the line.
    """
    faint = 1 + 1.5 * (CENTRES > 1000) + np.clip((CENTRES - 1800) / 400, 0, 2)
    faint += 2.5 * _bells(_VAPOUR) + 1.5 * _bells({400: 20})
    read = 0.0004 * faint
    shot = 0.0010 * np.sqrt(faint)
    deviation = np.sqrt(
        read[:, None, None] ** 2 + shot[:, None, None] ** 2 * reflectance.clip(0) / 0.3
    )
    noisy: Floats = deviation * rng.standard_normal(reflectance.shape)
    stripes = 0.15 * read[:, None] * rng.standard_normal((CENTRES.size, reflectance.shape[-1]))
    noisy += stripes[:, None, :]
    return noisy
