"""Two entries on the same samples: is there a difference, and how sure is that?"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import RequestError

Floats = NDArray[np.float64]

_SIGNS_PER_PRODUCT = 1 << 22


@dataclass(frozen=True)
class McNemar:
    """Two-sided p-values that two entries are right equally often."""

    exact: float
    mid: float


def pseudo_values(estimate: float | NDArray[Any], jackknife: NDArray[np.floating[Any]]) -> Floats:
    """What each sample, or group of samples, contributes to a metric (Tukey 1958).

    (G - 1) (mean of the jackknife - jackknife_g) + estimate. Their mean is the estimate; of a mean
    over samples they are the samples' own values, so what holds for means carries over to any
    smooth metric, such as average precision or mIoU.

    Args:
        estimate: [...] the metric of all samples.
        jackknife: [G, ...] the metric without each group (`jackknife_counts`).

    Returns:
        [G, ...] float64.
    """
    values = jackknife.astype(np.float64)
    spread: Floats = (len(values) - 1) * (values.mean(axis=0) - values) + np.asarray(estimate)
    return spread


def sign_flip_p(differences: NDArray[Any], flips: int = 9_999, seed: int = 0) -> Floats:
    """The paired permutation test of a mean difference (Fisher 1935; Pitman 1937), two-sided.

    If two entries are equally good, whose score of a sample is whose is a coin toss: the sign of
    each difference is arbitrary. p is the share of sign patterns with a mean at least as far from
    zero as the one found. All 2^(N - 1) patterns that matter are tried where these aren't more than
    ``flips`` and the one found, and then p is exact; else random ones and the one found, which
    keeps the test valid (Phipson and Smyth 2010). For a metric that is no mean, give differences
    of `pseudo_values`.

    Args:
        differences: [N, ...], one per sample, cluster or group; each column is tested.
        flips: random patterns, beside the one found.
        seed: of the random patterns.

    Returns:
        p [...]; NaN where a difference is NaN.

    Raises:
        RequestError: there is no difference or no flip.
    """
    count = len(differences)
    if count < 1 or flips < 1:
        raise RequestError(f"expected differences and flips, found {count} and {flips}")
    values = differences.astype(np.float64).reshape(count, -1)
    exact = count <= (flips + 1).bit_length()
    patterns = 2 ** (count - 1) if exact else flips + 1
    rng = np.random.default_rng(seed)
    # Sums that differ by rounding alone are equal.
    found = np.abs(values.sum(axis=0)) - 1e-12 * np.abs(values).sum(axis=0)
    beyond = np.zeros(values.shape[1])
    step = max(1, _SIGNS_PER_PRODUCT // max(count, values.shape[1]))
    for start in range(0, patterns, step):
        rows = np.arange(start, min(start + step, patterns))
        if exact:
            negative = (rows[:, None] >> np.arange(count)) & 1
        else:
            negative = rng.integers(0, 2, (len(rows), count), np.int8)
            negative[rows == 0] = 0
        beyond += (np.abs((1.0 - 2.0 * negative) @ values) >= found).sum(axis=0)
    p = np.where(np.isnan(found), np.nan, beyond / patterns)
    return p.reshape(differences.shape[1:])


def mcnemar(first_only: int, second_only: int) -> McNemar:
    """McNemar's test from the samples that exactly one of two entries has right.

    Exact: the binomial test that either has one half of them. Mid-p counts equally extreme
    outcomes by half; it is nearly exact where the first is conservative (Fagerland et al. 2013).

    Args:
        first_only: how many samples only the first entry has right.
        second_only: how many only the second has.

    Raises:
        RequestError: a number is negative.
    """
    if min(first_only, second_only) < 0:
        raise RequestError(f"expected numbers of samples, found {first_only} and {second_only}")
    total, least = first_only + second_only, min(first_only, second_only)
    if total == 0:
        return McNemar(1.0, 1.0)
    steps = np.arange(1, least + 1)
    logs = np.concatenate(([0.0], np.log((total - steps + 1) / steps)))
    shares = np.exp(np.cumsum(logs) - total * math.log(2))
    tails = 1 if 2 * least == total else 2
    as_extreme = tails * float(shares[-1])
    more_extreme = max(0.0, 1 - as_extreme) if tails == 1 else 2 * float(shares[:-1].sum())
    return McNemar(min(1.0, more_extreme + as_extreme), more_extreme + as_extreme / 2)


def holm(p: NDArray[Any]) -> Floats:
    """p-values adjusted for being several (Holm 1979); valid whatever their dependence.

    The k-th smallest of M is multiplied by M - k + 1, and none gets below a smaller one's.

    Args:
        p: [..., M]; each family is the last axis. NaN is no member and stays NaN.

    Returns:
        [..., M]; with those below a level as findings, the chance of any false one is below it.
    """
    order = np.argsort(p, axis=-1)
    rising = np.take_along_axis(np.asarray(p, np.float64), order, axis=-1)
    members = np.count_nonzero(~np.isnan(rising), axis=-1, keepdims=True)
    left = np.maximum(members - np.arange(rising.shape[-1]), 1)
    adjusted = np.minimum(np.maximum.accumulate(rising * left, axis=-1), 1)
    result = np.empty_like(rising)
    np.put_along_axis(result, order, adjusted, axis=-1)
    return result
