"""Scores against the magnitude of a degradation."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.base.errors import BenchError


def area_under_degradation_curve(magnitudes: ArrayLike, scores: ArrayLike) -> NDArray[np.float64]:
    """The mean of a score over the magnitude of a degradation.

    The area under the curve of the score against the magnitude on a linear axis, by the trapezoid
    rule, divided by the range of magnitudes that the curve spans: the score itself where it is the
    same everywhere, and on the scale and in the unit of the score. Areas can be compared where they
    span the same range. D. Hendrycks, T. Dietterich (Benchmarking neural network robustness to
    common corruptions and perturbations, ICLR 2019) average over severities likewise, which there
    have no unit.

    Args:
        magnitudes: [P] different numbers from 0 on, in any order.
        scores: [..., P], at each of them.

    Returns:
        [...] float64; NaN where a score is NaN, or where there is one point only.

    Raises:
        BenchError: the points differ in number, there is none, or the magnitudes aren't different,
            finite and from 0 on.
    """
    x, y = np.asarray(magnitudes, np.float64), np.asarray(scores, np.float64)
    if x.ndim != 1 or not x.size or y.shape[-1:] != x.shape:
        raise BenchError(
            "expected as many scores as magnitudes, and at least one, "
            f"found {list(y.shape)} and {list(x.shape)}"
        )
    if not ((x >= 0) & np.isfinite(x)).all() or len(np.unique(x)) < len(x):
        raise BenchError("expected different magnitudes from 0 on", "name each once")
    if len(x) == 1:
        return np.full(y.shape[:-1], np.nan)
    rising = np.argsort(x)
    return np.asarray(np.trapezoid(y[..., rising], x[rising]) / np.ptp(x))
