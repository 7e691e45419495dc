"""Rate-distortion curves: PSNR, the operational curve, and Bjontegaard's deltas.

A codec is some points (rate, quality). Rates are positive, in any one unit (bits per pixel and
band, ...), and are compared as logarithms to base 10. Quality is usually the PSNR in dB; more is
better. Points come in any order; those that another point beats are for ``pareto`` to drop first.

Between points a curve is what ``method`` makes of it, as in the library bjontegaard (Herglotz et
al. 2022): ``akima`` (the most stable), ``pchip`` (as in JCT-VC and JVET), or ``cubic``, which is
one least-squares polynomial (VCEG-M33) and meets four points but not more. A method has no curve
through fewer points than it needs (``POINTS_NEEDED``; straight lines aren't tried instead), where
a value is NaN or infinite, or where points don't increase: such results are NaN. So are
Bjontegaard's deltas where a fitted curve isn't monotone: where, within the interval that both
span, it falls by more than a tenth of what it rises, as cubics and Akima's splines can between
points that rise. Their mean would be that of a swing, not of a codec. `undefined` says why.

Curves take any leading axes, such as the replicates [R, P] of an interval: 1,000 of 8 points
take half a second.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.base import extras
from bench.base.errors import BenchError, unknown

Floats = NDArray[np.float64]

_CURVES = "interpolating rate-distortion curves"

POINTS_NEEDED = {"akima": 3, "pchip": 3, "cubic": 4}
"""Methods of interpolation, and how many points each of them needs."""

_ROUNDING = 1e-9
_STEPS = 129
_RIPPLE = 0.1


class Delta(NamedTuple):
    """Bjontegaard's delta between two curves.

    Attributes:
        value: [...] float64; NaN where the curves don't overlap, or one of them isn't there or
            isn't monotone on the interval of which it is the mean.
        overlap: [...] float64, the interval over which ``value`` is a mean, as a share of the
            interval that the two curves span together: 0 to 1, or NaN without two curves.
    """

    value: Floats
    overlap: Floats


def psnr(mse: ArrayLike, peak: float = 1.0) -> Floats:
    """[...] the peak signal-to-noise ratio in dB, 10 log10(peak^2 / mse).

    Args:
        mse: [...] mean squared errors, in the square of the unit of ``peak``.
        peak: the largest possible value; 1.0 for reflectance.

    Returns:
        float64; infinite where the error is 0. A mean over images that has such a one is infinite
        too, and the PSNR of the mean error isn't the mean PSNR: say which it is.

    Raises:
        BenchError: an error is negative, or the peak isn't positive.
    """
    errors = np.asarray(mse, np.float64)
    if (errors < 0).any() or not peak > 0:
        raise BenchError(
            "expected squared errors of 0 or more and a positive peak, "
            f"found {errors.min()} and {peak}"
        )
    with np.errstate(divide="ignore"):
        return np.asarray(20 * np.log10(peak) - 10 * np.log10(errors))


def pareto(rates: ArrayLike, quality: ArrayLike) -> NDArray[np.int64]:
    """The operational curve of a codec: the points that no other point dominates.

    A point is dominated by one that costs no more and is no worse, and is better in one of both.
    Of equal points the first one stays.

    Args:
        rates: [P] positive.
        quality: [P]; may be infinite.

    Returns:
        The indices of those points, by increasing rate (and so by increasing quality).

    Raises:
        BenchError: a rate isn't positive and finite, or a quality is NaN.
    """
    x, y = _points(rates, quality)
    if np.isnan(y).any():
        raise BenchError("expected a quality for every point, found NaN", "drop such points first")
    order = np.lexsort((-y, x))
    best = np.maximum.accumulate(y[order])
    kept: NDArray[np.int64] = order[np.append(True, best[1:] > best[:-1])]
    return kept


def bd_rate(
    anchor_rates: ArrayLike,
    anchor_quality: ArrayLike,
    rates: ArrayLike,
    quality: ArrayLike,
    method: str = "akima",
) -> Delta:
    """How much more rate a codec needs than the anchor for the same quality, in percent.

    Bjontegaard's BD-rate (VCEG-M33, 2001): (10^d - 1) * 100 % with d the mean difference of
    log10 rate over the interval of quality that both curves cover. Negative is better.

    Args:
        anchor_rates: [..., P], positive.
        anchor_quality: [..., P].
        rates: [..., Q], positive; leading axes broadcast with the anchor's.
        quality: [..., Q].
        method: a key of ``POINTS_NEEDED``.

    Raises:
        BenchError: a rate isn't positive and finite, or rates and qualities differ in number.
        RequestError: there is no such method, or bjontegaard isn't installed.
    """
    anchor, codec = _curves(anchor_rates, anchor_quality), _curves(rates, quality)
    difference, overlap = _mean_difference(anchor[::-1], codec[::-1], method)
    return Delta(100 * (10**difference - 1), overlap)


def bd_psnr(
    anchor_rates: ArrayLike,
    anchor_quality: ArrayLike,
    rates: ArrayLike,
    quality: ArrayLike,
    method: str = "akima",
) -> Delta:
    """How much better a codec is than the anchor at the same rate, in the unit of quality (dB).

    Bjontegaard's BD-PSNR (VCEG-M33, 2001): the mean difference of quality over the interval of
    log10 rate that both curves cover. Positive is better. Arguments and errors are those of
    ``bd_rate``.
    """
    return _mean_difference(_curves(anchor_rates, anchor_quality), _curves(rates, quality), method)


def undefined(delta: Delta, points: int, method: str) -> str:
    """Why one pair of curves has no delta; empty where it has one.

    Args:
        delta: of one pair, without leading axes.
        points: how many the shorter curve has.
        method: a key of ``POINTS_NEEDED``.
    """
    if np.isfinite(delta.value):
        return ""
    if points < POINTS_NEEDED[method]:
        return f"{method} needs {POINTS_NEEDED[method]} points, a curve has {points}"
    if np.isnan(delta.overlap):
        return "a curve has two points of the same rate or quality, or one without a finite value"
    if not delta.overlap > 0:
        return "the curves don't overlap"
    return f"the {method} curve of the points rises and falls where the codec only rises: use pchip"


def mean_quality(
    rates: ArrayLike, quality: ArrayLike, low: float, high: float, method: str = "akima"
) -> Floats:
    """The mean quality of a codec over log10 rate from ``low`` to ``high``.

    One curve's part of BD-PSNR: two codecs whose curves both span exactly [low, high] differ in it
    by their BD-PSNR. Other than that it ranks any number of codecs without an anchor.

    Args:
        rates: [..., P] positive; broadcast with ``quality``.
        quality: [..., P].
        low: where the interval starts, in the unit of the rates.
        high: where it ends.
        method: a key of ``POINTS_NEEDED``.

    Returns:
        [...] float64; NaN where the points don't cover the interval (but for rounding, 1e-9 of a
        rate): nothing is extrapolated.

    Raises:
        BenchError: a rate isn't positive and finite, rates and qualities differ in number, or not
            0 < low < high.
        RequestError: there is no such method, or bjontegaard isn't installed.
    """
    if not 0 < low < high:
        raise BenchError(f"expected an interval of rates above 0, found {low} to {high}")
    interpolate = extras.load("bjontegaard.interpolation", "compression", _CURVES).interpolate
    x, y = _curves(rates, quality)
    covered = (x[..., 0] <= np.log10(low * (1 + _ROUNDING))) & (
        x[..., -1] >= np.log10(high * (1 - _ROUNDING))
    )
    means = np.full(x.shape[:-1], np.nan)
    for index in map(tuple, np.argwhere(covered & _interpolable(x, y, method))):
        start, end = max(np.log10(low), x[index][0]), min(np.log10(high), x[index][-1])
        area = interpolate(x[index], y[index], method).integrate(start, end)
        means[index] = area / (end - start)
    return means


def _mean_difference(
    anchor: tuple[Floats, Floats], codec: tuple[Floats, Floats], method: str
) -> Delta:
    """The mean of codec - anchor over the interval that both span; curves are (x, y) [..., P]."""
    bd_linear = extras.load("bjontegaard", "compression", _CURVES).bd_linear
    known = _interpolable(*anchor, method) & _interpolable(*codec, method)
    (x0, y0), (x1, y1) = (
        tuple(np.broadcast_to(axis, (*known.shape, axis.shape[-1])) for axis in curve)
        for curve in (anchor, codec)
    )
    low, high = np.maximum(x0[..., 0], x1[..., 0]), np.minimum(x0[..., -1], x1[..., -1])
    union = np.maximum(x0[..., -1], x1[..., -1]) - np.minimum(x0[..., 0], x1[..., 0])
    overlap = np.divide(
        np.maximum(high - low, 0), union, out=np.full(known.shape, np.nan), where=known
    )
    value = np.full(known.shape, np.nan)
    for index in map(tuple, np.argwhere(overlap > 0)):
        points = x0[index], y0[index], x1[index], y1[index]
        mean, *fitted = bd_linear(*points, method, False, interpolators=True, min_overlap=0)
        steps = np.linspace(low[index], high[index], _STEPS)
        if all(_rises(curve(steps)) for curve in fitted):
            value[index] = mean
    return Delta(value, overlap)


def _rises(values: Floats) -> bool:
    """Whether a curve is monotone, but for ripples that a mean over it doesn't show."""
    steps = np.diff(values)
    return bool(-steps[steps < 0].sum() <= _RIPPLE * steps[steps > 0].sum())


def _interpolable(x: Floats, y: Floats, method: str) -> NDArray[np.bool_]:
    """[...] whether the method has a curve y(x) through the points [..., P]."""
    if method not in POINTS_NEEDED:
        raise unknown("method of interpolation", method, POINTS_NEEDED)
    enough = x.shape[-1] >= POINTS_NEEDED[method]
    finite = np.isfinite(x) & np.isfinite(y)
    with np.errstate(invalid="ignore"):
        rising = np.diff(x) > 0
    return np.asarray(enough & finite.all(axis=-1) & rising.all(axis=-1))


def _curves(rates: ArrayLike, quality: ArrayLike) -> tuple[Floats, Floats]:
    """log10 rates and qualities [..., P] by increasing rate."""
    x, y = _points(rates, quality)
    order = np.argsort(x, axis=-1, kind="stable")
    return np.log10(np.take_along_axis(x, order, -1)), np.take_along_axis(y, order, -1)


def _points(rates: ArrayLike, quality: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(rates, np.float64), np.asarray(quality, np.float64)
    if not x.ndim or not y.ndim or x.shape[-1:] != y.shape[-1:] or not x.size:
        raise BenchError(
            "expected as many rates as qualities, and at least one, "
            f"found {list(x.shape)} and {list(y.shape)}"
        )
    if not ((x > 0) & np.isfinite(x)).all():
        raise BenchError(
            "expected rates above 0, found one that isn't", "a rate is the size of what is stored"
        )
    x, y = np.broadcast_arrays(x, y)
    return x, y
