"""Scores against the number of labels that a model learnt from."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.base.errors import BenchError


def area_under_label_curve(labels: ArrayLike, scores: ArrayLike) -> NDArray[np.float64]:
    """The mean of a score over the logarithm of the number of labels.

    The area under the curve of the score against log10 of the number of labels, by the trapezoid
    rule, divided by the interval of log10 that the curve spans: the score itself where it is the
    same everywhere, and on the scale and in the unit of the score. Each doubling of the labels
    counts as much as any other, as do the areas under learning curves on a logarithmic axis of I.
    Guyon, G. Cawley, G. Dror, V. Lemaire (Active Learning Challenge, JMLR W&CP 16, 2011). Areas can
    be compared where they span the same interval.

    Args:
        labels: [P] different positive numbers of labels, in any order.
        scores: [..., P], at each of them.

    Returns:
        [...] float64; NaN where a score is NaN, or where there is one point only.

    Raises:
        BenchError: the points differ in number, there is none, or the numbers of labels aren't
            different, finite and positive.
    """
    x, y = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    if x.ndim != 1 or not x.size or y.shape[-1:] != x.shape:
        raise BenchError(
            "expected as many scores as numbers of labels, and at least one, "
            f"found {list(y.shape)} and {list(x.shape)}"
        )
    if not ((x > 0) & np.isfinite(x)).all() or len(np.unique(x)) < len(x):
        raise BenchError("expected different numbers of labels above 0", "average repeated draws")
    if len(x) == 1:
        return np.full(y.shape[:-1], np.nan)
    rising = np.argsort(x)
    steps = np.log10(x[rising])
    heights = y[..., rising]
    area = ((heights[..., 1:] + heights[..., :-1]) / 2 * np.diff(steps)).sum(axis=-1)
    return np.asarray(area / (steps[-1] - steps[0]))
