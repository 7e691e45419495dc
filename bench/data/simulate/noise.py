"""Seeded random fields: independent streams, smooth noise, cells, values per cell."""

import hashlib
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def generator(*key: str | int) -> np.random.Generator:
    """A random stream of its own for every key, independent of the order of the calls.

    A key names what is drawn for (``generator(seed, "speckle", scene)``), so that one more draw in
    one place changes nothing in another.
    """
    digest = hashlib.sha256("\0".join(map(str, key)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def smooth_field(rng: np.random.Generator, size: int, scale: float) -> Floats:
    """A Gaussian random field of zero mean and unit variance, shape (size, size).

    White noise through a Gaussian filter; the covariance at distance d is exp(-d^2 / (4 scale^2)).
    Mean and variance are those of the process, not of the window: a window smaller than ``scale``
    may lie wholly above zero. Opposite edges don't match.

    Args:
        rng: the source of the noise.
        size: height and width in pixels.
        scale: standard deviation of the filter in pixels.
    """
    transfer = _transfer(size, scale)
    padded = transfer.shape[0]
    white = np.fft.rfft2(rng.standard_normal((padded, padded)))
    field: Floats = np.fft.irfft2(white * transfer, s=(padded, padded))
    return field[:size, :size]


@lru_cache(maxsize=64)
def _transfer(size: int, scale: float) -> Floats:
    """The filter in the Fourier domain of a window large enough not to wrap around."""
    padded = 16 * math.ceil((size + 4 * scale) / 16)
    frequency = np.fft.fftfreq(padded)
    axis = np.exp(-2 * (np.pi * scale * frequency) ** 2)
    axis /= np.sqrt(np.mean(axis**2))
    transfer: Floats = axis[:, None] * axis[None, : padded // 2 + 1]
    return transfer


def rotated(size: int, angle: float, stretch: float = 1.0) -> tuple[Floats, Floats]:
    """Pixel coordinates along and across a direction; the first is divided by ``stretch``."""
    row, column = np.mgrid[:size, :size].astype(np.float64)
    along = (row * np.cos(angle) + column * np.sin(angle)) / stretch
    across = column * np.cos(angle) - row * np.sin(angle)
    return along, across


def cells(
    rng: np.random.Generator, along: Floats, across: Floats, spacing: float
) -> tuple[Ints, Floats]:
    """The nearest point of a jittered grid (S. Worley: A cellular texture basis function, 1996).

    Args:
        rng: the source of the jitter.
        along: first coordinate of every pixel, shape (H, W).
        across: second coordinate of every pixel, shape (H, W).
        spacing: of the grid, in the same unit; one cell covers about its square.

    Returns:
        The number of each pixel's cell, from 0 without gaps, and the distance to the border with
        the next cell (half the difference of the distances to the two nearest points).
    """
    shape = along.shape
    u, v = along.ravel() / spacing, across.ravel() / spacing
    u, v = u - u.min(), v - v.min()
    rows, columns = int(u.max()) + 3, int(v.max()) + 3
    points = rng.uniform(0.1, 0.9, (2, rows * columns))
    i, j = u.astype(np.int64), v.astype(np.int64)
    u, v = u - i, v - j
    home = (i + 1) * columns + j + 1
    nearest = np.full(u.shape, np.inf)
    second = np.full(u.shape, np.inf)
    cell = home
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            here = home + down * columns + right
            squared = (u - down - points[0].take(here)) ** 2
            squared += (v - right - points[1].take(here)) ** 2
            closer = squared < nearest
            second = np.where(closer, nearest, np.minimum(second, squared))
            cell = np.where(closer, here, cell)
            nearest = np.minimum(nearest, squared)
    number = (np.cumsum(np.bincount(cell) > 0) - 1)[cell]
    border: Floats = (np.sqrt(second) - np.sqrt(nearest)) * spacing / 2
    return number.reshape(shape), border.reshape(shape)


def per_cell(rng: np.random.Generator, cell: Ints) -> Floats:
    """A uniform random number in [0, 1) for every cell, spread over its pixels."""
    values: Floats = rng.random(int(cell.max()) + 1)[cell]
    return values
