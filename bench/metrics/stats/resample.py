"""Resamples of a test set: which samples each holds.

A resample is how often it holds every sample, so that a metric sorts once and then only reweights.
Samples of one place or scene aren't independent; they are left out together as a cluster.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.base.errors import RequestError

Counts = NDArray[np.uint16]

_VALUES_PER_PRODUCT = 1 << 22


def jackknife_counts(
    samples: int, groups: int, block: int = 64, clusters: ArrayLike | None = None
) -> Iterator[Counts]:
    """The G resamples that leave out one group of samples each: the delete-a-group jackknife.

    With as many groups as samples it is the jackknife itself. Fewer groups cost less and estimate
    the same variance and skewness, less precisely (Efron 1982, section 7; Kott 2001). Neighbours go
    to different groups; a cluster is never divided.

    Args:
        samples: N.
        groups: G, or the number of samples (of clusters, where there are some) if that is less.
        block: resamples per yielded block.
        clusters: [N] labels of any type; equal labels belong together. Without any, every sample
            is on its own.

    Yields:
        [B, N] uint16 of zeros and ones.

    Raises:
        RequestError: there are fewer than two groups or two samples (or clusters).
    """
    units, member = _units(samples, clusters)
    groups = min(groups, units)
    if groups < 2 or block < 1:
        raise RequestError(
            f"expected at least two groups to leave out in turn, found {groups} of {units} "
            f"{'samples' if member is None else 'clusters'}"
        )
    group = (np.arange(units) if member is None else member) % groups

    def blocks() -> Iterator[Counts]:
        for start in range(0, groups, block):
            left_out = np.arange(start, min(start + block, groups))
            yield (group != left_out[:, None]).astype(np.uint16)

    return blocks()


def weighted_sums(counts: Counts, values: NDArray[Any]) -> NDArray[np.float64]:
    """Sums of per-sample values under resample counts: the replicates of anything that adds up.

    Args:
        counts: [B, N], how often each of B resamples holds each sample.
        values: [N, ...] numbers, for instance confusion matrices [N, C, C].

    Returns:
        [B, ...] float64, exact for integers with sums below 2^53. The product is made piece by
        piece, in 64 MiB beside the arguments and the result.
    """
    columns = values.reshape(len(values), -1)
    sums = np.zeros((len(counts), columns.shape[1]))
    step = max(1, _VALUES_PER_PRODUCT // max(len(counts), columns.shape[1]))
    for start in range(0, len(columns), step):
        rows = slice(start, start + step)
        sums += counts[:, rows].astype(np.float64) @ columns[rows].astype(np.float64)
    return sums.reshape(len(counts), *values.shape[1:])


def _units(samples: int, clusters: ArrayLike | None) -> tuple[int, NDArray[np.intp] | None]:
    """How many units are drawn, and which of them each sample belongs to (None: to its own)."""
    if clusters is None:
        return samples, None
    labels = np.asarray(clusters)
    if labels.shape != (samples,):
        raise RequestError(
            f"expected one cluster label for each of {samples} samples, found {labels.shape}"
        )
    names, member = np.unique(labels, return_inverse=True)
    return len(names), member
