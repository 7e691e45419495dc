"""Uncertainty of a metric: bootstrap resamples, intervals and standard errors."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import RequestError

_VALUES_PER_PRODUCT = 1 << 22


def resample_counts(
    samples: int, resamples: int = 1000, seed: int = 0, block: int = 64
) -> Iterator[NDArray[np.uint16]]:
    """How often each of N samples appears in each of R bootstrap resamples of size N.

    Resample r is drawn from its own generator, seeded by (seed, r): the same call always gives
    the same resamples, whatever the block size or the number of threads, and a longer call starts
    with those of a shorter one. Two entries on the same samples are paired by equal seeds.

    Args:
        samples: N.
        resamples: R.
        seed: not negative.
        block: resamples per yielded block; each costs 2 N bytes.

    Yields:
        [B, N] uint16 with B = block, less in the last one; every row sums to N.

    Raises:
        RequestError: N, R or block isn't positive, or the seed is negative.
    """
    if min(samples, resamples, block) < 1 or seed < 0:
        raise RequestError(
            "expected at least one sample and one resample and a seed of 0 or more, "
            f"found samples={samples}, resamples={resamples}, seed={seed}, block={block}"
        )

    def draw(resample: int) -> NDArray[np.uint16]:
        rng = np.random.default_rng((seed, resample))
        chosen = rng.integers(0, samples, samples)
        return np.bincount(chosen, minlength=samples).astype(np.uint16)

    def blocks() -> Iterator[NDArray[np.uint16]]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, resamples, block):
                yield np.stack(list(pool.map(draw, range(start, min(start + block, resamples)))))

    return blocks()


def weighted_sums(counts: NDArray[np.uint16], values: NDArray[Any]) -> NDArray[np.float64]:
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


def percentile_interval(
    replicates: NDArray[np.floating[Any]], level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
    if not len(replicates) or not 0 < level < 1:
        raise RequestError(
            f"expected replicates and a level between 0 and 1, found {len(replicates)} replicates "
            f"and level {level}"
        )
    low, high = np.quantile(
        replicates.astype(np.float64), [(1 - level) / 2, (1 + level) / 2], axis=0
    )
    return low, high


def standard_error(replicates: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The bootstrap standard error [...]: the standard deviation of replicates [R, ...] over R - 1.

    More resamples estimate it better and don't make it smaller (it isn't divided by sqrt(R)). NaN
    where a replicate is NaN.

    Raises:
        RequestError: there are fewer than two replicates.
    """
    if len(replicates) < 2:
        raise RequestError(f"expected at least two replicates, found {len(replicates)}")
    deviation: NDArray[np.float64] = replicates.astype(np.float64).std(axis=0, ddof=1)
    return deviation
