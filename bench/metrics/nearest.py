"""The k best items of each query by cosine, exactly and in a fixed order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from bench.base.errors import RequestError
from bench.metrics.embeddings import (
    Embeddings,
    Indices,
    Scores,
    Vectors,
    float32_error,
    pair_scores,
    unit_pair,
)
from bench.metrics.products import MANY, MEMORY, block_shape, product, threads_apart

if TYPE_CHECKING:
    pass


def top_k(
    queries: Embeddings,
    gallery: Embeddings,
    k: int,
    *,
    memory: int = MEMORY,
) -> tuple[Indices, Scores]:
    """The k best items of each query, best first, and of equal scores the first in the gallery.

    Args:
        queries: [Q, D] embeddings.
        gallery: [G, D] embeddings.
        k: at least 1; all G where there are fewer.
        memory: bytes for scores, at least 1 MiB, on top of float32 copies of the embeddings.

    Returns:
        [Q, k] indices and [Q, k] exact scores.

    Raises:
        BenchError: widths or dtypes don't fit, or an embedding isn't finite or is 0.
        RequestError: k isn't positive, or the memory is less than 1 MiB.
    """
    return top_k_of_units(*unit_pair(queries, gallery, ("query", "gallery")), k, memory=memory)


def top_k_of_units(
    left: Vectors, right: Vectors, k: int, *, memory: int = MEMORY
) -> tuple[Indices, Scores]:
    """As `top_k`, of rows that `bench.metrics.embeddings.unit_vectors` made, or that are 0.

    A gallery that is asked often is so converted once.

    Args:
        left: [Q, D] queries.
        right: [G, D] gallery.
        k: as for `top_k`.
        memory: as for `top_k`.

    Raises:
        RequestError: as for `top_k`.
    """
    if k < 1:
        raise RequestError(f"expected k of at least 1, found {k}")
    k = min(k, len(right))
    indices = np.empty((len(left), k), np.int64)
    scores = np.empty((len(left), k))
    with threads_apart() as threads:
        step, columns = block_shape(len(left), memory, threads)

        def best(start: int) -> None:
            rows = slice(start, start + step)
            indices[rows], scores[rows] = _best_of_rows(left[rows], right, k, columns)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(best, range(0, len(left), step)))
    return indices, scores


def _best_of_rows(left: Vectors, right: Vectors, k: int, width: int) -> tuple[Indices, Scores]:
    """The k best items of some queries: what may be among them is scored exactly, by blocks."""
    import torch

    error = np.float32(float32_error(left.shape[1]))
    buffer = np.empty(len(left) * width, np.float32)
    rows = items = np.empty(0, np.int64)
    scores = np.empty(0)
    kth = np.full(len(left), -np.inf)
    low = kth.astype(np.float32)
    for first in range(0, len(right), width):
        others = right[first : first + width]
        block = product(left, others, buffer)
        if first == 0 and len(others) >= k:
            low = np.partition(block, -k, axis=1)[:, -k] - 2 * error
        near = block >= low[:, None]
        exact = None
        if np.count_nonzero(near) > near.size * MANY:
            exact = (torch.from_numpy(left).double() @ torch.from_numpy(others).double().T).numpy()
            near &= exact > kth[:, None]
        row, item = np.nonzero(near)
        rows = np.concatenate([rows, row])
        items = np.concatenate([items, item + first])
        scores = np.concatenate(
            [scores, pair_scores(left, others, row, item) if exact is None else exact[near]]
        )
        order = np.lexsort((items, -scores, rows))
        ordered = rows[order]
        place = np.arange(len(rows)) - np.searchsorted(ordered, np.arange(len(left)))[ordered]
        kept = order[place < k]
        rows, items, scores = rows[kept], items[kept], scores[kept]
        if first + len(others) >= k:
            kth = scores.reshape(-1, k)[:, -1]
            low = kth.astype(np.float32) - error
    return items.reshape(-1, k), scores.reshape(-1, k)
