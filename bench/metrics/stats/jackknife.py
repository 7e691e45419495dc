"""Standard errors, intervals and tests from a metric without each unit: the jackknife.

A unit is a sample, or a cluster of samples that aren't independent, or a group of units where there
are many. A metric is computed once for all units and once without each of the G units. From these
values follow its standard error, its bias and how well the standard error itself is known, for any
smooth metric: means, ratios of sums, average precision, mIoU (Quenouille 1956; Tukey 1958; Efron
1982). The target is the value of the metric on infinitely many more units of the same kind.

Why not a bootstrap: a resample holds samples twice. Repeated samples rank well together, which
lifts average precision; and rare classes are absent from a resample. Both move the interval away
from the target. ``benchmarks/coverage.py`` measures how often intervals hold it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import RequestError

Floats = NDArray[np.float64]
Values = NDArray[np.floating[Any]]

LEVEL = 0.95
"""How often an interval holds its target."""

ALPHA = 1 - LEVEL
"""The chance of a false statement that every test here accepts."""

POWER = 0.8
"""How often a difference of the smallest visible size is found."""

FEWEST_UNITS = 10
"""With fewer units than these neither an interval nor a test is worth its name."""

FEWEST_SAMPLES = 20
"""A score of fewer samples than these gets no interval: of ten samples it would hold the target of
RMSE in 85 % of cases."""

_LARGEST = 1e9
"""Degrees of freedom from which on Student's distribution is the normal one."""

_STEEPEST = 700.0
"""The largest exponent of a float64, nearly."""


@dataclass(frozen=True)
class Spread:
    """How far an estimate may be from its target.

    Attributes:
        variance: [...] of the estimate.
        degrees: [...] of freedom with which that variance was estimated; infinite for a variance
            that is known.
    """

    variance: Floats
    degrees: Floats

    @property
    def error(self) -> Floats:
        """The standard error [...]."""
        return np.sqrt(self.variance)

    def at(self, index: Any) -> "Spread":
        """That of some of the estimates."""
        return Spread(self.variance[index], self.degrees[index])


def influence(left_out: Values) -> Floats:
    """What each unit adds to a metric, [G, ...] around 0: (G - 1) (mean - value without it).

    The pseudo-values of Tukey (1958) less their mean.
    """
    values = np.asarray(left_out, np.float64)
    moved: Floats = (len(values) - 1) * (values.mean(axis=0) - values)
    return moved


def bias(value: float | Values, left_out: Values) -> Floats:
    """How much a metric of this many units is above its target, [...] (Quenouille 1956).

    (G - 1) (mean without each unit - value). It removes what falls with 1 / G: average precision of
    few samples is too high, mIoU of few images too low.
    """
    mean = np.asarray(left_out, np.float64).mean(axis=0)
    found: Floats = (len(left_out) - 1) * (mean - np.asarray(value, np.float64))
    return found


def spread_over_units(left_out: Values, parts: Values | None = None) -> Spread:
    """The variance of a metric over units and its degrees of freedom.

    The degrees of freedom are 2 G / (kurtosis - 1), from the variance of a variance, at most G - 1:
    G for normal contributions, less where few units decide, such as the few images with errors, or
    the few that hold a rare class. A mean over classes has at most as many as the variances of its
    classes together (Satterthwaite 1946).

    Args:
        left_out: [G, ...] the metric without each unit.
        parts: [G, C] where the metric is a mean over C classes: that of each class; classes that
            are undefined without some unit are left out. For ``left_out`` [G] only.

    Returns:
        Spread of shape [...]; NaN where a value is NaN.
    """
    units = len(left_out)
    _check(units)
    squares, degrees = _moments(influence(left_out))
    if parts is not None:
        known = influence(parts[:, ~np.isnan(parts).any(axis=0)])
        of_part, degrees_of_part = _moments(known)
        moving = of_part > 0
        if moving.any():
            share = of_part[moving] / of_part[moving].sum()
            degrees = np.minimum(degrees, 1 / (share**2 / degrees_of_part[moving]).sum())
    return Spread(squares / (units * (units - 1)), degrees)


def _moments(moved: Floats) -> tuple[Floats, Floats]:
    """The sum of squares [...] of influences [G, ...], and the degrees of freedom of a variance."""
    squared = np.square(moved)
    squares = np.asarray(squared.sum(axis=0))
    fourth = np.asarray(np.square(squared).sum(axis=0))
    return squares, _degrees(len(moved), squares, fourth)


def _degrees(units: int, squares: Floats, fourth: Floats) -> Floats:
    """min(G - 1, 2 G / (kurtosis - 1)); G - 1 where nothing varies."""
    kurtosis = np.divide(
        units * fourth, np.square(squares), out=np.ones_like(squares), where=squares > 0
    )
    excess = kurtosis - 1
    found = np.divide(2 * units, excess, out=np.full_like(squares, np.inf), where=excess > 0)
    limited: Floats = np.where(np.isnan(squares), np.nan, np.minimum(units - 1, found))
    return limited


def spread_over_seeds(values: Values) -> Spread:
    """The variance of the mean over K trainings that comes from their seeds.

    Args:
        values: [K, ...], a value for each training.

    Returns:
        Spread of shape [...]: s^2 / K with K - 1 degrees of freedom. A single training says nothing
        about others: its variance is 0 here, and whoever shows it must say so.
    """
    count = len(values)
    if count == 1:
        return Spread(np.zeros(values.shape[1:]), np.full(values.shape[1:], np.inf))
    variance = np.asarray(values, np.float64).var(axis=0, ddof=1) / count
    return Spread(variance, np.full(variance.shape, float(count - 1)))


def together(*spreads: Spread) -> Spread:
    """The spread of a sum of independent estimates (Welch 1947; Satterthwaite 1946)."""
    variance: Floats = np.asarray(sum(one.variance for one in spreads))
    parts = sum(np.square(one.variance) / one.degrees for one in spreads)
    degrees = np.divide(
        np.square(variance), parts, out=np.full(variance.shape, np.inf), where=np.asarray(parts) > 0
    )
    return Spread(variance, degrees)


def interval(
    value: float | Values, spread: Spread, moved: float | Values = 0.0
) -> tuple[Floats, Floats]:
    """Student's interval of a number on an unbounded scale.

    Args:
        value: [...].
        spread: of the value.
        moved: its bias, which is subtracted first; the interval holds the value all the same.

    Returns:
        Lower and upper bounds [...], NaN where the spread is.
    """
    number = np.asarray(value, np.float64)
    centre = number - moved
    half = quantile((1 + LEVEL) / 2, spread.degrees) * spread.error
    return np.minimum(centre - half, number), np.maximum(centre + half, number)


def bounded_interval(
    value: float | Values,
    spread: Spread,
    moved: float | Values,
    units: "int | NDArray[np.int64]",
    low: float,
    high: float,
) -> tuple[Floats, Floats]:
    """Student's interval of a metric that can't leave its bounds.

    It is made on the logit of (value - low) / (high - low), or on the logarithm of the distance
    from the one bound there is, with the standard error of the delta method, and brought back. A
    value at a bound that no unit moves, such as an accuracy of 1, gets the exact binomial bound for
    G units without a failure (Clopper and Pearson 1934): a standard error of 0 would claim to know
    the target.

    Args:
        value: [...].
        spread: of the value.
        moved: its bias; the corrected value goes at most half the way to a bound.
        units: [...] how many can make the value leave its bound: all, or those that hold the class
            that it is of.
        low: the lower bound, infinite where there is none.
        high: the upper bound, infinite where there is none.

    Returns:
        Lower and upper bounds [...] that hold the value, NaN where the spread is.
    """
    if math.isinf(low) and math.isinf(high):
        return interval(value, spread, moved)
    number = np.asarray(value, np.float64)
    half = quantile((1 + LEVEL) / 2, spread.degrees) * spread.error
    nearest_low = (number + low) / 2 if math.isfinite(low) else -np.inf
    nearest_high = (number + high) / 2 if math.isfinite(high) else np.inf
    centre = np.clip(number - moved, nearest_low, nearest_high)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if math.isinf(high):
            lower, upper = _above(centre - low, half)
            lower, upper = low + lower, low + upper
        elif math.isinf(low):
            lower, upper = _above(high - centre, half)
            lower, upper = high - upper, high - lower
        else:
            span = high - low
            odds = (centre - low) / (high - centre)
            steep = half * span / ((centre - low) * (high - centre))
            step = np.exp(np.minimum(steep, _STEEPEST))
            lower, upper = high - span / (1 + odds / step), high - span / (1 + odds * step)
            # Nothing but successes, or nothing but failures.
            beyond = span * (1 - (ALPHA / 2) ** (1 / np.maximum(units, 1)))
            lower = np.where(number >= high, high - beyond, np.where(number <= low, low, lower))
            upper = np.where(number <= low, low + beyond, np.where(number >= high, high, upper))
    still = (spread.variance == 0) & (number > low) & (number < high)
    if math.isinf(low) or math.isinf(high):
        still |= spread.variance == 0
    lower, upper = np.where(still, number, lower), np.where(still, number, upper)
    known = ~np.isnan(spread.variance)
    lower = np.where(known, np.minimum(lower, number), np.nan)
    upper = np.where(known, np.maximum(upper, number), np.nan)
    return lower, upper


def _above(distance: Floats, half: Floats) -> tuple[Floats, Floats]:
    """The interval of a distance from a bound, on the logarithm; at the bound on the number."""
    step = np.exp(np.minimum(half / distance, _STEEPEST))
    there = distance > 0
    return np.where(there, distance / step, 0), np.where(there, distance * step, half)


def p_value(difference: float | Values, spread: Spread) -> Floats:
    """Student's two-sided test of no difference, [...]; below `ALPHA` where `interval` excludes 0.

    1 where the difference and its spread are 0, NaN where either is NaN.
    """
    from scipy.special import stdtr

    size, error, degrees = np.broadcast_arrays(
        np.abs(difference), spread.error, np.minimum(spread.degrees, _LARGEST)
    )
    ratio = np.divide(size, error, out=np.where(size > 0, np.inf, 0.0), where=error != 0)
    p: Floats = np.where(np.isnan(size + error), np.nan, 2 * stdtr(degrees, -ratio))
    return p


def quantile(probability: float, degrees: float | Values) -> Floats:
    """The quantile of Student's distribution [...] with degrees of freedom [...]."""
    from scipy.special import stdtrit

    found: Floats = np.asarray(stdtrit(np.minimum(degrees, _LARGEST), probability), np.float64)
    return found


def pairwise_spread(left_out: Values) -> Spread:
    """The spread of the difference of every two of E metrics on the same units, [E, E].

    Args:
        left_out: [G, E] the metric of each without each unit.
    """
    units = len(left_out)
    _check(units)
    moved = influence(left_out)
    second, third, fourth = moved**2, moved**3, moved**4
    cross = moved.T @ moved
    own = np.diag(cross)
    squares = own[:, None] + own - 2 * cross
    mixed = third.T @ moved
    ends = fourth.sum(axis=0)
    fourths = ends[:, None] + ends - 4 * (mixed + mixed.T) + 6 * (second.T @ second)
    # Where two are nearly the same, subtraction leaves rounding errors.
    row, column = np.nonzero(np.triu(squares <= 1e-6 * (own[:, None] + own), 1))
    for start in range(0, len(row), 1024):
        some = slice(start, start + 1024)
        near = np.square(moved[:, row[some]] - moved[:, column[some]])
        squares[row[some], column[some]] = near.sum(axis=0)
        fourths[row[some], column[some]] = np.square(near).sum(axis=0)
    below = np.tril_indices(len(own), -1)
    squares[below], fourths[below] = squares.T[below], fourths.T[below]
    np.fill_diagonal(squares, 0)
    np.fill_diagonal(fourths, 0)
    return Spread(squares / (units * (units - 1)), _degrees(units, squares, fourths))


def smallest_visible(spread: Spread, power: float = POWER) -> Floats:
    """The smallest true difference [...] that `p_value` finds with a power of ``power``.

    (t_(1 - alpha / 2) + t_power) times the standard error of a difference.
    """
    reach = quantile(1 - ALPHA / 2, spread.degrees) + quantile(power, spread.degrees)
    visible: Floats = reach * spread.error
    return visible


def _check(units: int) -> None:
    if units < 2:
        raise RequestError(f"expected values without each of at least two units, found {units}")
