"""Which gallery items are right for which query, and the ways in which papers decide it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.base.errors import BenchError
from bench.metrics.embeddings import Indices, unit_vectors

_SAME = 1e-6
_ROWS_AT_ONCE = 512


class Relevance(NamedTuple):
    """Q queries and G gallery items; query q is answered by items[starts[q] : starts[q + 1]].

    16 bytes per relevant pair are used in ranking, so that relevance by class of large sets is
    better ranked class by class.
    """

    starts: Indices  # [Q + 1], from 0
    items: Indices  # the items of each query ascending, each once
    gallery: int

    def queries(self) -> Indices:
        """[pairs] the query of each relevant pair."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def relevance_of_pairs(queries: ArrayLike, items: ArrayLike, shape: tuple[int, int]) -> Relevance:
    """Relevance from pairs (query, item) in any order; pairs named twice count once.

    Raises:
        BenchError: an index is outside of ``shape``, which is (Q, G); there aren't as many queries
            as items in the pairs.
    """
    rows, columns = np.asarray(queries, np.int64).ravel(), np.asarray(items, np.int64).ravel()
    if rows.shape != columns.shape:
        raise BenchError(
            f"expected relevance as pairs (query, item), found {rows.size} queries and "
            f"{columns.size} items"
        )
    for name, found, size in (("query", rows, shape[0]), ("item", columns, shape[1])):
        if found.size and not 0 <= found.min() <= found.max() < size:
            raise BenchError(
                f"expected relevance to name each {name} by an index in [0, {size}), found "
                f"{found.min()} to {found.max()}"
            )
    keys = np.unique(rows * shape[1] + columns)
    starts = np.searchsorted(keys, np.arange(shape[0] + 1) * shape[1])
    return Relevance(starts.astype(np.int64), keys % max(shape[1], 1), shape[1])


def relevance_of_groups(queries: ArrayLike, gallery: ArrayLike) -> Relevance:
    """An item is relevant if it is of the query's group: the image that a caption describes.

    Args:
        queries: [Q] group of each query, numbers or strings.
        gallery: [G] group of each item.
    """
    left, right = np.asarray(queries), np.asarray(gallery)
    order = np.argsort(right, kind="stable").astype(np.int64)
    grouped = right[order]
    first = np.searchsorted(grouped, left, side="left")
    starts, places = _ranges(first, np.searchsorted(grouped, left, side="right") - first)
    return Relevance(starts, order[places], len(right))


def transposed(relevance: Relevance) -> Relevance:
    """The same pairs with queries and gallery exchanged: the other direction of retrieval."""
    shape = relevance.gallery, len(relevance.starts) - 1
    return relevance_of_pairs(relevance.items, relevance.queries(), shape)


def select_queries(relevance: Relevance, queries: Indices | NDArray[np.bool_]) -> Relevance:
    """The relevance of some queries, in the given order, over the whole gallery.

    Args:
        relevance: of all queries.
        queries: indices, or a mask of all queries.
    """
    starts = relevance.starts[:-1][queries]
    starts, places = _ranges(starts, np.diff(relevance.starts)[queries])
    return Relevance(starts, relevance.items[places], relevance.gallery)


def united(first: Relevance, second: Relevance) -> Relevance:
    """The pairs of either.

    Raises:
        BenchError: the two are about different numbers of queries or items.
    """
    shapes = [(len(each.starts) - 1, each.gallery) for each in (first, second)]
    if shapes[0] != shapes[1]:
        raise BenchError(f"expected relevance of one shape (Q, G), found {shapes[0]}, {shapes[1]}")
    rows = np.concatenate([first.queries(), second.queries()])
    return relevance_of_pairs(rows, np.concatenate([first.items, second.items]), shapes[0])


def with_shared_captions(image_of_caption: ArrayLike, captions: Sequence[str]) -> Relevance:
    """Captions to images, where an image is right for every caption that reads like one of its own.

    Remote-sensing captions repeat: 868 of the 1,050 of UCM's test split also belong to another
    image, and an equal text has an equal score. Queries and gallery stay as published (every
    caption counts), so the recall has the usual denominators and is an upper bound of the usual
    one. Texts are compared as they are.

    Args:
        image_of_caption: [T] index of the image that each caption was written for, from 0.
        captions: T texts.

    Returns:
        T queries, as many items as there are images.
    """
    _, distinct = distinct_captions(image_of_caption, captions)
    return select_queries(distinct, _text_numbers(captions))


def distinct_captions(
    image_of_caption: ArrayLike, captions: Sequence[str]
) -> tuple[Indices, Relevance]:
    """Every text once, relevant to all images it was written for: the protocol of SkyScript.

    Wang et al., "SkyScript: A Large and Semantically Diverse Vision-Language Dataset for Remote
    Sensing", AAAI 2024. Its recall is over fewer captions and must not be mixed with the usual one.

    Returns:
        [D] the index of each distinct text's first occurrence, ascending, to take embeddings by;
        and the relevance of D queries to the images.

    Raises:
        BenchError: there isn't one image per caption.
    """
    images = np.asarray(image_of_caption, np.int64)
    if images.shape != (len(captions),):
        raise BenchError(
            f"expected one image for each of {len(captions)} captions, found {list(images.shape)}"
        )
    text = _text_numbers(captions)
    kept = np.unique(text, return_index=True)[1].astype(np.int64)
    return kept, relevance_of_pairs(text, images, (len(kept), int(images.max(initial=-1)) + 1))


def relevance_of_similar(sentences: NDArray[np.float32], threshold: float) -> Relevance:
    """A sentence is relevant to those whose embeddings' cosine reaches ``threshold``.

    With ``relevance_of_groups`` of the change labels (one label for all pairs without change) it
    makes up the relevance of ChangeRetCap (Ferrod, Di Caro, Ienco, "Towards a Multimodal Framework
    for Remote Sensing Image Change Retrieval and Captioning", arXiv 2406.13424), which uses a
    threshold of 1. A cosine within 1e-6 of the threshold reaches it, since float32 embeddings of
    one sentence have a cosine of 1 only up to rounding.

    Args:
        sentences: [N, D] float32, one sentence per item.
        threshold: a cosine.

    Returns:
        N queries, N items; everything is relevant to itself.
    """
    units = unit_vectors(sentences, "sentence")
    rows, items = [np.arange(len(units))], [np.arange(len(units))]
    for start in range(0, len(units), _ROWS_AT_ONCE):
        for first in range(0, len(units), _ROWS_AT_ONCE):
            left, right = units[start : start + _ROWS_AT_ONCE], units[first : first + _ROWS_AT_ONCE]
            near = left.astype(np.float64) @ right.T.astype(np.float64) >= threshold - _SAME
            row, item = np.nonzero(near)
            rows.append(row + start)
            items.append(item + first)
    shape = len(units), len(units)
    return relevance_of_pairs(np.concatenate(rows), np.concatenate(items), shape)


def _ranges(first: Indices, counts: Indices) -> tuple[Indices, Indices]:
    """The starts of consecutive ranges of the given lengths, and what each place holds."""
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    places = np.arange(starts[-1]) + np.repeat(first - starts[:-1], counts)
    return starts, places


def _text_numbers(captions: Sequence[str]) -> Indices:
    """[T] equal texts have equal numbers, counted from 0 in order of first occurrence."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(caption, len(numbers)) for caption in captions], np.int64)
