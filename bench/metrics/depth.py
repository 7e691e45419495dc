"""Errors of depth maps: sums that add up over patches, and the scores that follow from them.

The error of a pixel is e = predicted - true depth in metres, positive where the prediction is too
deep. A test set's score pools the pixels of all its patches, as the code published with
MagicBathyNet does (https://github.com/pagraf/MagicBathyNet): RMSE = sqrt(mean e^2), MAE = mean |e|,
Std = the population standard deviation of e. Unlike it, which pixels count is a boolean mask and
nothing else. There, the mask of the image is a mean over bands, so that it may be 1/3 or 2/3 and
shrinks prediction and reference alike, and pixels are dropped where the masked prediction is 0.

Sums [..., 6] are additive, so a score of many patches is the score of their sum, and that
of some of them that of a weighted sum (``bench.metrics.stats.weighted_sums``). Every score takes
any leading axes and returns float64; without pixels it is NaN.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError

Floats = NDArray[np.float64]

SUMS = ("pixels", "error", "absolute", "squared", "depth", "depth_squared")
"""What is summed, in this order: 1, e, abs(e), e^2, and the true depth and its square."""

EDGES = (0.0, 2.0, 5.0, 10.0, 15.0)
"""Where ranges of true depth begin, in metres; the last has no end."""


def ranges(edges: Sequence[float] = EDGES) -> list[str]:
    """The names of the ranges of depth, such as ``0-2 m`` and ``over 15 m``."""
    between = pairwise(edges)
    return [*(f"{low:g}-{high:g} m" for low, high in between), f"over {edges[-1]:g} m"]


def moments(
    prediction: NDArray[np.floating[Any]],
    depth: NDArray[np.floating[Any]],
    valid: NDArray[np.bool_],
    edges: Sequence[float] = EDGES,
) -> tuple[Floats, Floats]:
    """The sums and the largest error of each patch, over all its pixels and by true depth.

    Args:
        prediction: [N, ...] metres; what it says where ``valid`` is False doesn't matter.
        depth: [N, ...] metres, positive below the surface; the same.
        valid: [N, ...] which pixels count.
        edges: rising, where the ranges of true depth begin. A range holds its beginning and not
            its end. Pixels above the first edge, such as land, are in no range.

    Returns:
        Sums float64 [N, 1 + ranges, 6] in the order of `SUMS`, and the largest absolute error
        float64 [N, 1 + ranges], NaN without pixels. The first row is that of all pixels.

    Raises:
        BenchError: shapes differ, the mask isn't boolean, or a value that counts isn't finite.
    """
    if not prediction.shape == depth.shape == valid.shape or not depth.ndim:
        raise BenchError(
            "expected predictions, depths and mask of one shape [N, ...], found "
            f"{list(prediction.shape)}, {list(depth.shape)} and {list(valid.shape)}"
        )
    if valid.dtype != np.bool_:
        raise BenchError(
            f"expected a mask as bool, found {valid.dtype}",
            "a pixel counts or doesn't: a fraction would shrink its error",
        )
    for what, values in (("predictions", prediction), ("depths", depth)):
        wrong = int(np.count_nonzero(valid & ~np.isfinite(values)))
        if wrong:
            raise BenchError(f"expected finite {what}, found {wrong} pixels that are not")
    count, rows = len(depth), len(edges) + 1
    sums = np.zeros((count, rows, len(SUMS)))
    largest = np.full((count, rows), np.nan)
    for patch in range(count):
        counts = valid[patch]
        true = depth[patch][counts].astype(np.float64)
        error = prediction[patch][counts].astype(np.float64) - true
        within = np.searchsorted(edges, true, side="right")
        terms = (np.ones_like(true), error, np.abs(error), error * error, true, true * true)
        for index, values in enumerate(terms):
            # Column 0 holds what lies above the first edge: it counts among all pixels only.
            sums[patch, 1:, index] = np.bincount(within, values, rows)[1:]
            sums[patch, 0, index] = values.sum()
        for row in range(rows):
            chosen = terms[2] if row == 0 else terms[2][within == row]
            if chosen.size:
                largest[patch, row] = chosen.max()
    return sums, largest


def rmse(sums: Floats) -> Floats:
    """[...] sqrt(mean e^2) in metres."""
    return np.sqrt(_mean(sums, "squared"))


def mae(sums: Floats) -> Floats:
    """[...] mean |e| in metres."""
    return _mean(sums, "absolute")


def bias(sums: Floats) -> Floats:
    """[...] mean e in metres, positive where predictions are too deep."""
    return _mean(sums, "error")


def std(sums: Floats) -> Floats:
    """[...] the population standard deviation of e in metres: rmse^2 = bias^2 + std^2."""
    return np.sqrt(np.clip(_mean(sums, "squared") - bias(sums) ** 2, 0, None))


def r2(sums: Floats) -> Floats:
    """[...] 1 - sum e^2 / sum (d - mean d)^2; NaN where all depths are one.

    The coefficient of determination against the mean of the pixels that are scored, as
    scikit-learn's ``r2_score``.
    """
    pixels, total, squares = (
        _component(sums, name) for name in ("pixels", "depth", "depth_squared")
    )
    spread = squares - _ratio(total * total, pixels)
    # Rounding leaves about so much of a spread of nothing.
    spread = np.where(spread > 1e-12 * squares, spread, 0.0)
    return 1 - _ratio(_component(sums, "squared"), spread)


def max_error(largest: Floats) -> Floats:
    """[...] the largest absolute error over the patches [..., N]; NaN where none has pixels."""
    found = np.where(np.isnan(largest), -np.inf, largest).max(axis=-1, initial=-np.inf)
    return np.where(np.isinf(found), np.nan, found)


def _component(sums: Floats, name: str) -> Floats:
    return np.asarray(sums, np.float64)[..., SUMS.index(name)]


def _mean(sums: Floats, name: str) -> Floats:
    return _ratio(_component(sums, name), _component(sums, "pixels"))


def _ratio(part: Floats, whole: Floats) -> Floats:
    quotient: Floats = np.divide(
        part, whole, out=np.full(np.shape(whole), np.nan), where=np.not_equal(whole, 0)
    )
    return quotient
