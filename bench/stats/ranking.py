"""Many entries on one task: which are tied, and which ranks each may have.

Everything follows from a matrix of pairwise p-values, whichever test gave them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import RequestError
from bench.stats.intervals import two_sided_p
from bench.stats.paired import holm

Floats = NDArray[np.float64]
Ranks = NDArray[np.int64]

ALPHA = 0.05
"""The chance of a false statement that every test here accepts."""


def pairwise_p(values: NDArray[Any], replicates: NDArray[Any]) -> Floats:
    """p [E, E] that two entries are equal, from bootstrap replicates paired by equal counts.

    Normal theory with the bootstrap standard error of each difference. The share of replicates
    beyond zero would do as well, but can't get below 1 / R, and a correction for three hundred
    entries asks for less.

    Args:
        values: [E].
        replicates: [R, E]; row r of all entries from the same resample.
    """
    covariance = np.atleast_2d(np.cov(replicates, rowvar=False))
    variance = np.diag(covariance)
    # The subtraction can leave a trace of rounding where two entries are the same.
    scale = variance[:, None] + variance
    squared = scale - 2 * covariance
    return _matrix(values, np.sqrt(np.where(squared > 1e-12 * scale, squared, 0)))


def unpaired_p(values: NDArray[Any], errors: NDArray[Any]) -> Floats:
    """p [E, E] that two entries are equal, from values and standard errors [E] alone.

    The errors are taken as independent. Entries scored on the same samples mostly err alike, so
    that this finds fewer differences than `pairwise_p`, not more.
    """
    return _matrix(values, np.sqrt(np.add.outer(np.square(errors), np.square(errors))))


def tiers(values: NDArray[Any], p: NDArray[Any], alpha: float = ALPHA) -> Ranks:
    """Tie tiers [E]: 1 for all that can't be told from the best, 2 for the best of the rest, ...

    Each tier is led by the highest value not yet placed and takes in every entry whose difference
    from it isn't significant, Holm-corrected over the entries not yet placed. Members of a tier
    may well differ from each other. An uncertain entry can share the tier of the best while one of
    higher value, known better, doesn't.

    Args:
        values: [E], higher is better.
        p: [E, E] that two entries are equal.
        alpha: the level of the tests within a tier.

    Raises:
        RequestError: a value is NaN or the shapes don't fit.
    """
    _check(values, p)
    placed = np.zeros(len(values), np.int64)
    left = np.argsort(-values, kind="stable")
    tier = 0
    while left.size:
        tier += 1
        tied = np.concatenate(([True], holm(p[left[0], left[1:]]) >= alpha))
        placed[left[tied]] = tier
        left = left[~tied]
    return placed


def rank_intervals(
    values: NDArray[Any], p: NDArray[Any], alpha: float = ALPHA
) -> tuple[Ranks, Ranks]:
    """The best and the worst rank [E] that each entry may have.

    An entry has below it what is significantly worse and above it what is significantly better,
    Holm-corrected over its E - 1 comparisons; the others may stand on either side. The interval
    holds the entry's true rank with a chance of at least 1 - alpha (Mogstad, Romano, Shaikh and
    Wilhelm 2024, with Holm's correction for their bootstrap of the largest difference). It does so
    for the entry one looks at, not for all entries at once. Ranks of bootstrap replicates would be
    too narrow: where entries are nearly equal, their order in the replicates follows the order
    observed (Hall and Miller 2009).

    Args:
        values: [E], higher is better.
        p: [E, E] that two entries are equal.
        alpha: one minus the coverage.

    Raises:
        RequestError: a value is NaN or the shapes don't fit.
    """
    _check(values, p)
    others = np.where(np.eye(len(values), dtype=bool), np.nan, p)
    differs = holm(others) < alpha
    higher = values > values[:, None]
    best = 1 + (differs & higher).sum(axis=1)
    worst = len(values) - (differs & ~higher).sum(axis=1)
    return best, worst


def _matrix(values: NDArray[Any], errors: NDArray[Any]) -> Floats:
    """Symmetric p [E, E], each pair computed once."""
    p = np.ones_like(errors)
    row, column = np.triu_indices(len(values), 1)
    p[row, column] = two_sided_p(values[row] - values[column], errors[row, column])
    p[column, row] = p[row, column]
    return p


def _check(values: NDArray[Any], p: NDArray[Any]) -> None:
    if p.shape != (len(values), len(values)) or np.isnan(values).any():
        raise RequestError(
            f"expected values [E] without NaN and p-values [E, E], found {np.shape(values)} and "
            f"{p.shape}",
            "leave out the entries that have no result",
        )
