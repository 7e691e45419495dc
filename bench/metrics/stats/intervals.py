"""Intervals and standard errors from replicates."""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import RequestError

Floats = NDArray[np.float64]
Replicates = NDArray[np.floating[Any]]

_NORMAL = NormalDist()


def percentile_interval(replicates: Replicates, level: float = 0.95) -> tuple[Floats, Floats]:
    """The percentile bootstrap interval (Efron 1981): the middle ``level`` of the replicates.

    Args:
        replicates: [R, ...], one value per resample along the first axis.
        level: coverage, between 0 and 1.

    Returns:
        Lower and upper bounds [...], linearly interpolated between replicates. Both are NaN where
        any replicate is NaN: dropping the resamples in which a metric has no value would give the
        interval of another quantity.

    Raises:
        RequestError: there is no replicate, or the level isn't between 0 and 1.
    """
    _check(len(replicates), level)
    low, high = np.quantile(
        replicates.astype(np.float64), [(1 - level) / 2, (1 + level) / 2], axis=0
    )
    return low, high


def bca_interval(
    replicates: Replicates,
    estimate: float | NDArray[Any],
    jackknife: Replicates,
    level: float = 0.95,
) -> tuple[Floats, Floats]:
    """The bias-corrected and accelerated bootstrap interval (Efron 1987).

    Percentiles of the replicates, moved for the median bias z0 (the share of replicates below the
    estimate) and for the acceleration a (a sixth of the skewness of the jackknife): the bounds are
    the quantiles Phi(z0 + (z0 + z) / (1 - a (z0 + z))) with z = Phi^-1((1 -+ level) / 2).

    For means, ratios and the like. A resample repeats samples, which lifts average precision and
    its kin without the estimate being off; z0 takes that for bias and moves the wrong way. With a
    hundred samples the BCa interval of a difference in AP then misses the truth in 10 to 15 % of
    all cases, the percentile interval in 5 to 7 %.

    Args:
        replicates: [R, ...] bootstrap replicates.
        estimate: [...] the value for the samples themselves.
        jackknife: [G, ...] values with one sample, cluster or group of samples left out each.
        level: coverage, between 0 and 1.

    Returns:
        Lower and upper bounds [...]; NaN where a value is NaN, and where all replicates lie on
        one side of the estimate, so that its bias can't be told.

    Raises:
        RequestError: there is no replicate, or the level isn't between 0 and 1.
    """
    _check(min(len(replicates), len(jackknife)), level)
    centre = np.asarray(estimate, np.float64)
    below = (np.less(replicates, centre).mean(0) + np.less_equal(replicates, centre).mean(0)) / 2
    spread = jackknife.mean(axis=0, dtype=np.float64) - jackknife
    scale = np.sum(spread**2, axis=0) ** 1.5
    skewed = np.sum(spread**3, axis=0)
    acceleration = np.divide(skewed, 6 * scale, out=np.zeros_like(centre), where=scale != 0)
    known = ~np.isnan(replicates).any(axis=0) & np.isfinite(acceleration + centre)
    bounds = np.full((2, *centre.shape), np.nan)
    for index in map(tuple, np.argwhere(known & (below > 0) & (below < 1))):
        bias = _NORMAL.inv_cdf(float(below[index]))
        column = replicates[(slice(None), *index)].astype(np.float64)
        shares = [_share(bias, float(acceleration[index]), p / 2) for p in (1 - level, 1 + level)]
        bounds[(slice(None), *index)] = np.quantile(column, shares)
    return bounds[0], bounds[1]


def standard_error(replicates: Replicates) -> Floats:
    """The bootstrap standard error [...]: the standard deviation of replicates [R, ...] over R - 1.

    More resamples estimate it better and don't make it smaller (it isn't divided by sqrt(R)). NaN
    where a replicate is NaN.

    Raises:
        RequestError: there are fewer than two replicates.
    """
    if len(replicates) < 2:
        raise RequestError(f"expected at least two replicates, found {len(replicates)}")
    deviation: Floats = replicates.astype(np.float64).std(axis=0, ddof=1)
    return deviation


def two_sided_p(difference: float | NDArray[Any], error: float | NDArray[Any]) -> Floats:
    """Normal theory: how likely a difference this far from zero is if there is none.

    Args:
        difference: [...].
        error: [...] its standard error; where both are zero, p is 1.

    Returns:
        [...] erfc(|difference| / error / sqrt(2)).
    """
    size, scale = np.broadcast_arrays(np.abs(difference), np.asarray(error, np.float64))
    z = np.divide(size, scale, out=np.where(size > 0, np.inf, 0.0), where=scale != 0)
    return np.asarray(_erfc(z / math.sqrt(2)), np.float64)


_erfc = np.frompyfunc(math.erfc, 1, 1)


def _share(bias: float, acceleration: float, probability: float) -> float:
    moved = bias + _NORMAL.inv_cdf(probability)
    return _NORMAL.cdf(bias + moved / (1 - acceleration * moved))


def _check(count: int, level: float) -> None:
    if not count or not 0 < level < 1:
        raise RequestError(
            f"expected replicates and a level between 0 and 1, found {count} replicates "
            f"and level {level}"
        )
