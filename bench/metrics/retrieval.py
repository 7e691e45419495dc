"""Retrieval by cosine: exact ranks and best items, by blocks of one matrix product.

A query's rank is the place of its best relevant item, from 1. Other relevant items never stand in
its way; where irrelevant items have exactly its score, the rank has two ends:

===============  ===========================================================================
``pessimistic``  1 + irrelevant items with a score >= that of the best relevant item
``optimistic``   1 + irrelevant items with a score above that
===============  ===========================================================================

The value of every order of the tied items lies between the recalls of the two; the pessimistic one
is what to publish, because ties are decided against the model and constant embeddings score 0.

Image-to-text recall at K is the share of images with at least one of their captions among the K
best captions, and text-to-image recall the share of captions whose image is among the K best
images; captions are not de-duplicated. That is how CLIP (Radford et al. 2021), RemoteCLIP (Liu et
al. 2024) and LAION's CLIP_benchmark count, whose order of ties is left to the sort. Other ways are
a matter of relevance (``bench.metrics.relevance``), not of ranking.

Scores are the exact dot products of ``bench.metrics.embeddings``. A float32 product sieves them:
what it finds further from the best relevant score than its error bound is counted, the rest is
computed in float64, where it is exact. So ranks depend neither on block size, threads or device,
nor on how a BLAS rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
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
from bench.metrics.relevance import Relevance, relevance_of_groups, relevance_of_pairs

if TYPE_CHECKING:
    pass

_STRIP = 255  # rows, as many as eight bits can count
_FEW = 1 / 256  # of a strip: more are cheaper to count than to list


class Ranks(NamedTuple):
    """The place of each query's best relevant item, from 1, with ties against it and for it."""

    pessimistic: Indices  # [Q]
    optimistic: Indices  # [Q]


class _Bar(NamedTuple):
    """What the scores of one direction are measured against, and what was counted."""

    best: Scores  # [N] the score of the best relevant item
    low: Vectors  # [N] a product below it is certainly of a score below the best
    high: Vectors  # [N] a product above it is certainly of a score above the best
    above: Indices  # [N] items with a higher score
    level: Indices  # [N] items with the same score

    def part(self, own: slice) -> _Bar:
        """Views of some of the N."""
        return _Bar(self.best[own], self.low[own], self.high[own], self.above[own], self.level[own])


def rank(
    queries: Embeddings,
    gallery: Embeddings,
    relevance: Relevance,
    *,
    memory: int = MEMORY,
) -> Ranks:
    """The rank of each query's best relevant item among the whole gallery.

    Args:
        queries: [Q, D] float16 or float32 embeddings of any norm.
        gallery: [G, D] likewise.
        relevance: of Q queries in G items, at least one for each query.
        memory: bytes for scores, at least 1 MiB; comes on top of float32 copies of the embeddings
            and 16 bytes per relevant pair.

    Raises:
        BenchError: shapes don't fit, an embedding isn't finite or is 0, or a query has no relevant
            item.
        RequestError: the memory is less than 1 MiB.
    """
    return _rank(queries, gallery, relevance, False, memory)[0]


def rank_both_ways(
    images: Embeddings,
    texts: Embeddings,
    relevance: Relevance,
    *,
    memory: int = MEMORY,
) -> tuple[Ranks, Ranks]:
    """Ranks of images as queries and of texts as queries, from one product.

    Args:
        images: [I, D] embeddings.
        texts: [T, D] embeddings.
        relevance: which texts are right for each image; every text must be right for one.
        memory: as for :func:`rank`.

    Returns:
        Image-to-text [I] and text-to-image [T], equal to what :func:`rank` finds for each.

    Raises:
        BenchError: as for :func:`rank`.
        RequestError: as for :func:`rank`.
    """
    there, back = _rank(images, texts, relevance, True, memory)
    return there, back


def query_ranks(
    images: Embeddings, texts: Embeddings, number: Indices, owner: Indices
) -> tuple[Indices, Indices]:
    """Ranks of images and of their texts as queries, under three protocols.

    Equal texts have the embedding of the first of them, so that they tie whatever batches they were
    in. The protocols are: every text, ties against the query; the same with ties for it; every
    distinct text once, right for all images it was written for, ties against the query.

    Args:
        images: [N, D] embeddings.
        texts: [T, D] embeddings.
        number: [T] which distinct text each is, from 0 in order of first occurrence.
        owner: [T] index of the image that each text was written for; every image has one.

    Returns:
        Image-to-text [N, 3] and text-to-image [T, 3], a column for each protocol.

    Raises:
        BenchError: as for :func:`rank`.
    """
    kept = np.unique(number, return_index=True)[1]
    alike = texts[kept][number]
    usual = rank_both_ways(images, alike, relevance_of_groups(np.arange(len(images)), owner))
    shared = relevance_of_pairs(owner, number, (len(images), len(kept)))
    once = rank_both_ways(images, texts[kept], shared)
    found = (usual[0].pessimistic, usual[0].optimistic, once[0].pessimistic)
    back = (usual[1].pessimistic, usual[1].optimistic, once[1].pessimistic[number])
    return np.stack(found, axis=1), np.stack(back, axis=1)


def recall_at(ranks: Indices, k: int) -> float:
    """The share of queries with a relevant item among the k best, as a fraction."""
    return float(np.mean(ranks <= k))


def median_rank(ranks: Indices) -> float:
    """The median of the ranks; the mean of the two middle ones where their number is even."""
    return float(np.median(ranks))


def mean_recall(*directions: Indices, at: Sequence[int] = (1, 5, 10)) -> float:
    """The unweighted mean of the recalls of all directions at all K; mR of RemoteCLIP with both.

    Given one direction it is the figure of SkyScript.
    """
    return float(np.mean([recall_at(ranks, k) for ranks in directions for k in at]))


def _rank(
    queries: Embeddings, gallery: Embeddings, relevance: Relevance, both: bool, memory: int
) -> list[Ranks]:
    shape = len(relevance.starts) - 1, relevance.gallery
    if shape != (len(queries), len(gallery)):
        raise BenchError(
            f"expected relevance of {len(queries)} queries in {len(gallery)} items, "
            f"found {shape[0]} in {shape[1]}"
        )
    what = ("image", "text") if both else ("query", "gallery")
    left, right = unit_pair(queries, gallery, what)
    rows, items = relevance.queries(), relevance.items
    scores = pair_scores(left, right, rows, items)
    error = float32_error(left.shape[1])
    bars = [_bar(scores, rows, len(left), what[0], error)]
    if both:
        bars.append(_bar(scores, items, len(right), what[1], error))
    own = [
        np.bincount(index[scores == bar.best[index]], minlength=len(bar.best))
        for index, bar in zip((rows, items), bars, strict=False)
    ]
    _count(left, right, bars, memory)
    return [
        Ranks(1 + bar.above + bar.level - relevant, 1 + bar.above)
        for bar, relevant in zip(bars, own, strict=True)
    ]


def _bar(scores: Scores, index: Indices, size: int, what: str, error: float) -> _Bar:
    best = np.full(size, -np.inf)
    np.maximum.at(best, index, scores)
    missing = np.flatnonzero(best == -np.inf)
    if missing.size:
        raise BenchError(
            f"expected something relevant to every {what}, found nothing for {missing.size}, "
            f"the first of them {what} {missing[0]}",
            "leave out queries without an answer, or look why its group has no member",
        )
    low, high = (best - error).astype(np.float32), (best + error).astype(np.float32)
    return _Bar(best, low, high, np.zeros(size, np.int64), np.zeros(size, np.int64))


def _count(left: Vectors, right: Vectors, bars: list[_Bar], memory: int) -> None:
    """Add up what is above and level with the bars of ``left`` and, where given, of ``right``."""
    lock = Lock()
    with threads_apart() as threads:
        step, width = block_shape(len(left), memory, threads)

        def count(start: int) -> None:
            some = left[start : start + step]
            buffer = np.empty(len(some) * width, np.float32)
            masks = np.zeros((2, _STRIP * width), np.bool_)
            for first in range(0, len(right), width):
                others = right[first : first + width]
                block = product(some, others, buffer)
                for strip in range(0, len(some), _STRIP):
                    scores = block[strip : strip + _STRIP]
                    begin = start + strip, first
                    for axis, bar in enumerate(bars):
                        own = slice(begin[axis], begin[axis] + scores.shape[axis])
                        part = bar.part(own)
                        above, level = _compare(scores, begin, left, right, part, axis, masks)
                        with lock:
                            part.above[:] += above
                            part.level[:] += level

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(count, range(0, len(left), step)))


def _compare(
    scores: Vectors,
    begin: tuple[int, int],
    left: Vectors,
    right: Vectors,
    bar: _Bar,
    axis: int,
    masks: NDArray[np.bool_],
) -> tuple[Indices, Indices]:
    """How many scores of each row (axis 0) or column are above the bar, and how many at it."""
    rows, columns = scores.shape
    padded = -(-columns // 8) * 8
    # A mask's bytes are added up eight at a time, in one word.
    unsure, sure = (mask[: rows * padded].reshape(rows, padded) for mask in masks)
    low, high = (np.expand_dims(limit, 1 - axis) for limit in (bar.low, bar.high))
    unsure[:, columns:] = sure[:, columns:] = False
    np.greater_equal(scores, low, out=unsure[:, :columns])
    above = np.zeros(len(bar.best), np.int64)
    if np.count_nonzero(unsure) > scores.size * _FEW:
        np.greater(scores, high, out=sure[:, :columns])
        words = sure.view(np.uint64)
        unsure.view(np.uint64)[:] ^= words
        lanes = words.sum(1 - axis, keepdims=True).view(np.uint8)
        above += lanes.sum(1, dtype=np.int64) if axis == 0 else lanes[0, :columns]
        if np.count_nonzero(unsure) > scores.size * MANY:
            return _compare_exactly(scores.shape, begin, left, right, bar.best, axis)
    where = np.flatnonzero(unsure)
    row = where // padded
    column = where - row * padded
    place = (row, column)[axis]
    certain = scores[row, column] > bar.high[place]
    above += np.bincount(place[certain], minlength=len(above))
    row, column, place = row[~certain], column[~certain], place[~certain]
    exact = pair_scores(left, right, row + begin[0], column + begin[1])
    above += np.bincount(place[exact > bar.best[place]], minlength=len(above))
    return above, np.bincount(place[exact == bar.best[place]], minlength=len(above))


def _compare_exactly(
    shape: tuple[int, ...],
    begin: tuple[int, int],
    left: Vectors,
    right: Vectors,
    best: Scores,
    axis: int,
) -> tuple[Indices, Indices]:
    """The counts of :func:`_compare` from a float64 product, where nearly all scores agree."""
    import torch

    above, level = np.zeros(len(best), np.int64), np.zeros(len(best), np.int64)
    some = torch.from_numpy(left[begin[0] : begin[0] + shape[0]]).double()
    for first in range(0, shape[1], _STRIP):
        columns = slice(first, min(first + _STRIP, shape[1]))
        others = torch.from_numpy(right[begin[1] :][columns]).double()
        exact = (some @ others.T).numpy()
        part = slice(None) if axis == 0 else columns
        bar = np.expand_dims(best[part], 1 - axis)
        above[part] += np.count_nonzero(exact > bar, axis=1 - axis)
        level[part] += np.count_nonzero(exact == bar, axis=1 - axis)
    return above, level
