"""Seeded random fields: independent streams, smooth noise, cells, values per cell."""

import hashlib

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

    White noise through a Gaussian filter in the Fourier domain. Mean and variance are those of the
    process, not of the window: a window smaller than ``scale`` may lie wholly above zero. The field
    is cut from a larger periodic one, so that opposite edges don't match.

    Args:
        scale: standard deviation of the filter in pixels.
    """
    # Even sizes with small factors keep the transform fast.
    padded = int(np.ceil((size + 3 * scale + 1) / 16)) * 16
    row = np.fft.fftfreq(padded)[:, None]
    column = np.fft.rfftfreq(padded)[None, :]
    filtering = np.exp(-2 * (np.pi * scale) ** 2 * (row**2 + column**2))
    full = np.exp(-2 * (np.pi * scale) ** 2 * (row**2 + np.fft.fftfreq(padded)[None, :] ** 2))
    filtering /= np.sqrt(np.mean(full**2))
    white = np.fft.rfft2(rng.standard_normal((padded, padded)))
    field: Floats = np.fft.irfft2(white * filtering, s=(padded, padded))
    return field[:size, :size]


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
        along, across: coordinates of every pixel, shape (H, W).
        spacing: of the grid, in the same unit; one cell covers about its square.

    Returns:
        The number of each pixel's cell, from 0 without gaps, and the distance to the border with
        the next cell (half the difference of the distances to the two nearest points).
    """
    shape = along.shape
    u, v = along.ravel() / spacing, across.ravel() / spacing
    u, v = u - u.min(), v - v.min()
    rows, columns = int(u.max()) + 3, int(v.max()) + 3
    points = rng.uniform(0.1, 0.9, (2, rows, columns))
    i, j = u.astype(np.int64) + 1, v.astype(np.int64) + 1
    nearest = np.full(u.shape, np.inf)
    second = np.full(u.shape, np.inf)
    cell = np.zeros(u.shape, np.int64)
    for di in (-1, 0, 1):
        for dj in (-1, 0, 1):
            ci, cj = i + di, j + dj
            distance = np.hypot(
                u + 1 - ci - points[0, ci, cj], v + 1 - cj - points[1, ci, cj]
            )
            closer = distance < nearest
            second = np.where(closer, nearest, np.minimum(second, distance))
            cell = np.where(closer, ci * columns + cj, cell)
            nearest = np.where(closer, distance, nearest)
    number = np.unique(cell, return_inverse=True)[1].reshape(shape)
    border: Floats = ((second - nearest) * spacing / 2).reshape(shape)
    return number, border


def per_cell(rng: np.random.Generator, cell: Ints) -> Floats:
    """A uniform random number in [0, 1) for every cell, spread over its pixels."""
    values: Floats = rng.random(int(cell.max()) + 1)[cell]
    return values
