"""Two entries on the same samples: is there a difference, and how sure is that?"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import RequestError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class McNemar:
    """Two-sided p-values that two entries are right equally often."""

    exact: float
    mid: float


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
