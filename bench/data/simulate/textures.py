"""Textures: patterns of one mean and one spread, which differ in how they are arranged.

Whatever looks at single pixels, or at their statistics, finds them alike. Every pattern has zero
mean and unit variance, of the process rather than of the window, and the shape (size, size).
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np

from bench.data.simulate.noise import Floats, cells, per_cell, rotated, smooth_field

Pattern = Literal["grain", "rows", "columns", "grid", "mosaic"]

_STRAY = math.radians(8)  # how far directions stray from place to place
_BEND = 0.12  # of a wavelength, how far lines wander


def texture(rng: np.random.Generator, size: int, pattern: Pattern, wavelength: float) -> Floats:
    """A pattern as strong as it takes to be seen equally well at every wavelength.

    ``grain`` has no direction, ``rows`` run from west to east and ``columns`` from north to south,
    ``grid`` has both, ``mosaic`` is made of plain tiles.

    Args:
        rng: the source of directions, phases and noise.
        size: height and width in pixels.
        pattern: how it is arranged.
        wavelength: from crest to crest, in pixels; a tile is half as wide.
    """
    made: Floats = _PATTERNS[pattern](rng, size, wavelength) / _kept(wavelength)
    return made


def _kept(wavelength: float) -> float:
    """What share of its spread a sensor keeps: root mean square of pixels of 10 m and of 20 m.

    The blur is that of `bench.data.simulate.optics`; a pixel of 20 m averages two of them.
    """
    frequency = 2 * math.pi / wavelength
    blur = 0.76 + 0.24 * math.cos(frequency)
    return blur * math.sqrt((1 + math.cos(frequency / 2) ** 2) / 2)


def _grain(rng: np.random.Generator, size: int, wavelength: float) -> Floats:
    """White noise through a ring of frequencies: crests of one distance in every direction."""
    transfer = _ring(size, wavelength)
    padded = transfer.shape[0]
    white = np.fft.rfft2(rng.standard_normal((padded, padded)))
    field: Floats = np.fft.irfft2(white * transfer, s=(padded, padded))
    return field[:size, :size]


@lru_cache(maxsize=64)
def _ring(size: int, wavelength: float) -> Floats:
    padded = 16 * math.ceil((size + 2 * wavelength) / 16)
    axis = np.fft.fftfreq(padded)
    whole = np.exp(-8 * (np.hypot(axis[:, None], axis) * wavelength - 1) ** 2)
    whole[0, 0] = 0
    whole /= np.sqrt(np.mean(whole**2))
    ring: Floats = whole[:, : padded // 2 + 1]
    return ring


def _lines(rng: np.random.Generator, size: int, wavelength: float, angle: float) -> Floats:
    """Waves whose crests run in a direction, with a little bend."""
    _, across = rotated(size, angle + _STRAY * rng.standard_normal())
    bent = across / wavelength + _BEND * smooth_field(rng, size, 12) + rng.random()
    waves: Floats = math.sqrt(2) * np.sin(2 * np.pi * bent)
    return waves


def _rows(rng: np.random.Generator, size: int, wavelength: float) -> Floats:
    return _lines(rng, size, wavelength, math.pi / 2)


def _columns(rng: np.random.Generator, size: int, wavelength: float) -> Floats:
    return _lines(rng, size, wavelength, 0)


def _grid(rng: np.random.Generator, size: int, wavelength: float) -> Floats:
    both = _rows(rng, size, wavelength) + _columns(rng, size, wavelength)
    grid: Floats = both / math.sqrt(2)
    return grid


def _mosaic(rng: np.random.Generator, size: int, wavelength: float) -> Floats:
    tile, _ = cells(rng, *rotated(size, _STRAY * rng.standard_normal()), wavelength / 2)
    mosaic: Floats = math.sqrt(12) * (per_cell(rng, tile) - 0.5)
    return mosaic


_PATTERNS: dict[Pattern, Callable[[np.random.Generator, int, float], Floats]] = {
    "grain": _grain,
    "rows": _rows,
    "columns": _columns,
    "grid": _grid,
    "mosaic": _mosaic,
}
