"""Many entries on one task: which are tied, and which ranks each may have.

Everything follows from a matrix of pairwise p-values, whichever test gave them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import RequestError
from bench.metrics.stats.jackknife import ALPHA, Spread, p_value, together
from bench.metrics.stats.paired import holm

Floats = NDArray[np.float64]
Ranks = NDArray[np.int64]


def pairwise_p(values: NDArray[Any], spread: Spread) -> Floats:
    """P-values [E, E] of no difference between two entries.

    Args:
        values: [E].
        spread: [E, E] of each difference (`bench.metrics.stats.jackknife.pairwise_spread`, or
            `independent_spread`).
    """
    p = p_value(np.subtract.outer(values, values), spread)
    np.fill_diagonal(p, 1)
    return p


def independent_spread(own: Spread) -> Spread:
    """The spread of differences, [E, E], of entries that are taken to err independently.

    Entries scored on the same samples mostly err alike, so that this finds fewer differences than
    paired values of both, not more.

    Args:
        own: [E] that of each entry.
    """
    rows = Spread(own.variance[:, None], own.degrees[:, None])
    return together(rows, own)


def holm_pairs(p: NDArray[Any]) -> Floats:
    """P-values [E, E] adjusted for all E (E - 1) / 2 pairs being looked at (Holm 1979)."""
    row, column = np.triu_indices(len(p), 1)
    adjusted = np.ones(p.shape)
    adjusted[row, column] = adjusted[column, row] = holm(p[row, column])
    return adjusted


def tiers(values: NDArray[Any], p: NDArray[Any], alpha: float = ALPHA) -> Ranks:
    """Tie tiers [E]: 1 for all that can't be told from the best, 2 for the best of the rest, ...

    Each tier is led by the highest value not yet placed and takes in every entry whose difference
    from it isn't significant. Because the leader is the luckiest of its equals, the tests are
    corrected for all pairs: corrected for the leader's alone, eight equal entries would be torn
    apart in 14 % of all cases. The chance of any false separation is at most alpha.

    Members of a tier may well differ from each other. An uncertain entry can share the tier of the
    best while one of higher value, known to be worse, doesn't.

    Args:
        values: [E], higher is better.
        p: [E, E], of no difference between two entries.
        alpha: the chance of any false separation.

    Raises:
        RequestError: a value is NaN or the shapes don't fit.
    """
    _check(values, p)
    differs = holm_pairs(p) < alpha
    placed = np.zeros(len(values), np.int64)
    left = np.argsort(-values, kind="stable")
    while left.size:
        tied = ~differs[left[0], left]
        placed[left[tied]] = placed.max() + 1
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
        p: [E, E], of no difference between two entries.
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


def _check(values: NDArray[Any], p: NDArray[Any]) -> None:
    if p.shape != (len(values), len(values)) or np.isnan(values).any():
        raise RequestError(
            f"expected values [E] without NaN and p-values [E, E], found {np.shape(values)} and "
            f"{p.shape}",
            "leave out the entries that have no result",
        )
