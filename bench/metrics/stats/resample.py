"""Resamples of a test set: bootstrap, jackknife, and the mean over runs as a second level.

A resample is how often it holds every sample, so that a metric sorts once and then only reweights.
Samples of one place or scene aren't independent; they are drawn together as a cluster.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.base.errors import RequestError

Counts = NDArray[np.uint16]

_VALUES_PER_PRODUCT = 1 << 22
_DRAWN_AT_ONCE = 10_000


def resample_counts(
    samples: int,
    resamples: int = 1000,
    seed: int = 0,
    block: int = 64,
    clusters: ArrayLike | None = None,
) -> Iterator[Counts]:
    """How often each of N samples appears in each of R bootstrap resamples.

    Resample r is drawn from its own generator, seeded by (seed, r): the same call always gives
    the same resamples, whatever the block size or the number of threads, and a longer call starts
    with those of a shorter one. Two entries on the same samples are paired by equal seeds.

    With clusters it is they that are drawn, as many as there are and each with all of its samples
    (Field and Welsh 2007); the size of a resample then varies.

    Args:
        samples: N.
        resamples: R.
        seed: not negative.
        block: resamples per yielded block; each costs 2 N bytes.
        clusters: [N] labels of any type; equal labels belong together. Without any, every sample
            is on its own.

    Yields:
        [B, N] uint16 with B = block, less in the last one; without clusters every row sums to N.

    Raises:
        RequestError: N, R or block isn't positive, the seed is negative, or there isn't one label
            per sample.
    """
    if min(samples, resamples, block) < 1 or seed < 0:
        raise RequestError(
            "expected at least one sample and one resample and a seed of 0 or more, "
            f"found samples={samples}, resamples={resamples}, seed={seed}, block={block}"
        )
    units, member = _units(samples, clusters)

    def draw(resample: int) -> Counts:
        rng = np.random.default_rng((seed, resample))
        chosen = rng.integers(0, units, units)
        counts = np.bincount(chosen, minlength=units).astype(np.uint16)
        return counts if member is None else counts[member]

    def blocks() -> Iterator[Counts]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            # Handing a short draw to a thread costs more than the draw.
            each = map if units < _DRAWN_AT_ONCE else pool.map
            for start in range(0, resamples, block):
                yield np.stack(list(each(draw, range(start, min(start + block, resamples)))))

    return blocks()


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
        clusters: [N] labels, as for `resample_counts`.

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


def average_runs(replicates: NDArray[np.floating[Any]], seed: int = 0) -> NDArray[np.float64]:
    """Replicates of the mean over K runs of one entry: the second level of a two-level bootstrap.

    The first level is the samples, drawn alike for all runs; here each replicate also draws runs.
    K - 1 of them are drawn, with replacement, because that makes the variance over runs unbiased
    for the mean of K (McCarthy and Snowden 1985), where drawing K would lose a share of 1 / K: half
    of it with two runs. A single run is returned as it is: it says nothing about other seeds.

    Args:
        replicates: [K, R, ...], the metric of each run under the same R resamples.
        seed: not negative; another one for every entry, whose runs have nothing in common.

    Returns:
        [R, ...] float64.
    """
    runs, resamples = replicates.shape[:2]
    if runs == 1:
        return np.asarray(replicates[0], np.float64)
    drawn = np.random.default_rng((seed, runs)).integers(0, runs, (runs - 1, resamples))
    mean: NDArray[np.float64] = replicates[drawn, np.arange(resamples)].mean(0, np.float64)
    return mean


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
