"""Degradations of images: functions on arrays of the dataset's own unit and dtype.

What is random is drawn from a stream that a key names, such as the id of a sample: the same key
gives the same values, whatever was drawn before. Magnitudes share their stream, so that a larger
one adds to a smaller one: clouds grow, and noise keeps its pattern.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.simulate.noise import generator, smooth_field

Pixels = NDArray[Any]
Floats = NDArray[np.float64]

CLOUD_GRID = 128
"""Rows and columns of the grid that clouds are drawn on, whatever the size of the image."""

_SCALES = (9.0, 2.5)
_WEIGHTS = (1.0, 0.35)
_BRIGHTNESS = (0.45, 0.75)
_SHORTWAVE = 1300.0
_DARKER = 0.55


def dropped(values: Pixels, mean: float) -> Pixels:
    """A band without information: every pixel is the mean.

    Args:
        values: [H, W].
        mean: in the unit of the band.

    Returns:
        [H, W] of the dtype of ``values``, the mean rounded where that is an integer.
    """
    return _as(np.full(values.shape, mean), values)


def cloud_mask(*key: str | int, share: float) -> NDArray[np.bool_]:
    """Where clouds are on a grid that spans the image.

    The sum of two Gaussian random fields, as the clouds of the sample track's simulator
    (`bench.data.simulate.optics`), whose highest pixels are clouded: exactly the share, and those
    of a smaller share among those of a larger one.

    Args:
        key: names the image.
        share: of the pixels that are clouded, rounded to whole pixels of the grid.

    Returns:
        bool [`CLOUD_GRID`, `CLOUD_GRID`].
    """
    rng = generator("degrade", "cloud", *key)
    field = sum(
        weight * smooth_field(rng, CLOUD_GRID, scale)
        for weight, scale in zip(_WEIGHTS, _SCALES, strict=True)
    )
    order = np.argsort(-np.asarray(field), axis=None, kind="stable")
    mask = np.zeros(CLOUD_GRID**2, np.bool_)
    mask[order[: round(share * mask.size)]] = True
    return mask.reshape(CLOUD_GRID, CLOUD_GRID)


def cloud_reflectance(*key: str | int, wavelength: float | None) -> float:
    """The reflectance of the clouds of an image in a band, as in `bench.data.simulate.optics`.

    Args:
        key: names the image.
        wavelength: the centre of the band in nm; None where it isn't known.

    Returns:
        A fraction: uniform between 0.45 and 0.75, and 0.55 times that above 1300 nm.
    """
    level = generator("degrade", "cloud brightness", *key).uniform(*_BRIGHTNESS)
    return float(level * (_DARKER if wavelength is not None and wavelength > _SHORTWAVE else 1.0))


def clouded(values: Pixels, mask: NDArray[np.bool_], level: float) -> Pixels:
    """A band under opaque clouds: ``(1 - cover) * values + cover * level``.

    The cover of a pixel is the share of its area that lies under the mask, which spans the image.

    Args:
        values: [H, W].
        mask: bool [rows, columns].
        level: of a cloud, in the unit of the band.

    Returns:
        [H, W] of the dtype of ``values``.
    """
    cover = area_average(mask.astype(np.float64), values.shape)
    return _as((1 - cover) * values + cover * level, values)


def noisy(values: Pixels, *key: str | int, std: float) -> Pixels:
    """A band with additive white Gaussian noise of zero mean.

    Args:
        values: [H, W].
        key: names the image and the band.
        std: the standard deviation of the noise, in the unit of the band.

    Returns:
        [H, W] of the dtype of ``values``; of an integer dtype rounded, and cut off at its ends.
    """
    noise = generator("degrade", "noise", *key).standard_normal(values.shape)
    return _as(values + std * noise, values)


def coarser(values: Pixels, factor: float) -> Pixels:
    """A band as a sensor with larger square pixels would have it, on the pixels that it has.

    Each coarse pixel is the mean over its area, of the last ones over what lies in the image; each
    pixel gets the value of the coarse one that its centre lies in.

    Args:
        values: [H, W].
        factor: how many times larger than a pixel a coarse one is, at least 1; need not be whole.

    Returns:
        [H, W] of the dtype of ``values``.
    """
    rows, columns = (_blocks(length, factor) for length in values.shape)
    coarse = rows @ values.astype(np.float64) @ columns.T
    down, right = (
        np.minimum((np.arange(length) + 0.5) // factor, count - 1).astype(np.int64)
        for length, count in zip(values.shape, coarse.shape, strict=True)
    )
    return _as(coarse[down[:, None], right], values)


def area_average(values: Floats, shape: tuple[int, ...]) -> Floats:
    """An image on another grid over the same area: the mean over the area of each pixel.

    Args:
        values: [rows, columns].
        shape: H, W.

    Returns:
        float64 [H, W], of the same mean as ``values``.
    """
    down, right = (
        _overlaps(given, np.linspace(0, given, wanted + 1))
        for given, wanted in zip(values.shape, shape, strict=True)
    )
    averaged: Floats = down @ values @ right.T
    return averaged


def _blocks(length: int, factor: float) -> Floats:
    # A coarse pixel that rounding alone begins is none.
    count = max(1, math.ceil(length / factor - 1e-9))
    return _overlaps(length, np.minimum(np.arange(count + 1) * factor, length))


def _overlaps(length: int, edges: Floats) -> Floats:
    """The weights [pixels, length] of a mean between successive edges, each row of sum 1."""
    low, high = edges[:-1, None], edges[1:, None]
    start = np.arange(length)
    shared: Floats = np.clip(np.minimum(high, start + 1) - np.maximum(low, start), 0, None)
    weights: Floats = shared / shared.sum(axis=1, keepdims=True)
    return weights


def _as(values: Floats, like: Pixels) -> Pixels:
    """Values in the dtype of an image."""
    if like.dtype.kind == "f":
        return values.astype(like.dtype)
    ends = np.iinfo(like.dtype)
    return np.clip(np.rint(values), ends.min, ends.max).astype(like.dtype)
