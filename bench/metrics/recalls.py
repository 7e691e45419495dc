"""Recall and median rank of queries that belong to samples, and the same of resampled samples.

What is resampled are samples (pictures); queries follow theirs. The gallery isn't resampled: a rank
is a place among all that there is, and it stays what it was found to be.
"""

import numpy as np
from numpy.typing import NDArray

from bench.metrics.embeddings import Indices

AT = (1, 5, 10)
"""The K of recall at K."""

Floats = NDArray[np.float64]

_VALUES_AT_ONCE = 1 << 22


def hits(ranks: Indices, owner: Indices, weights: Floats, samples: int) -> Floats:
    """What recall is made of, per sample; rows add up.

    Args:
        ranks: [Q] from 1.
        owner: [Q] index of the sample that each query belongs to.
        weights: [Q] how much each query counts.
        samples: N.

    Returns:
        [N, 4]: the weight of queries with a rank of at most 1, 5 and 10, and of all.
    """
    found = [np.bincount(owner, weights * (ranks <= k), samples) for k in AT]
    return np.stack([*found, np.bincount(owner, weights, samples)], axis=1)


def recalls(sums: Floats) -> Floats:
    """Recall at 1, 5 and 10 [..., 3] of sums of rows of `hits` [..., 4]; NaN without queries."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: Floats = sums[..., :3] / sums[..., 3:]
    return shares


def medians(ranks: Indices, owner: Indices, counts: NDArray[np.uint16]) -> Floats:
    """The median rank of the queries in each resample, [B]; NaN without queries.

    Of an even number of queries it is the mean of the two middle ones.

    Args:
        ranks: [Q].
        owner: [Q] index of each query's sample.
        counts: [B, N] how often each of B resamples holds each sample.
    """
    found = np.full(len(counts), np.nan)
    order = np.argsort(ranks, kind="stable")
    ascending, owner = ranks[order], owner[order]
    step = max(1, _VALUES_AT_ONCE // max(len(order), 1))
    for start in range(0, len(counts) if len(order) else 0, step):
        so_far = np.cumsum(counts[start : start + step, owner], axis=1, dtype=np.int64)
        for row, places in enumerate(so_far, start):
            if whole := int(places[-1]):
                middle = np.searchsorted(places, [(whole + 1) // 2, whole // 2 + 1])
                found[row] = ascending[middle].mean()
    return found
