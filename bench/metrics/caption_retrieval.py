"""Retrieval between captions and pairs of images of two dates, where many captions say the same.

In LEVIR-CC half of the test pairs show no change and share five sentences, so that "its own pair"
is no fair answer to them. Three protocols go around that:

* Strict recall: queries are the captions of pairs with change, the gallery is every pair. This is
  ``bench.metrics.retrieval.rank`` under ``select_queries`` of the own-pair relevance. A gallery of
  pairs with change only would inflate it by about the ratio of the galleries' sizes.
* Caption similarity of what comes first (``caption_similarity``), as in Roy, Bong and Beltrame,
  "Finding Change in Satellite Archives from Text", arXiv 2607.28571.
* Precision, recall and reciprocal rank among K items under relevance by meaning
  (``hits_at`` and what follows from it), as in Ferrod, Di Caro and Ienco, arXiv 2406.13424, whose
  relevance is ``bench.metrics.relevance.relevance_of_similar`` united with that of the labels.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.base.errors import BenchError
from bench.metrics.embeddings import Indices
from bench.metrics.relevance import Relevance

CaptionScore = Callable[[Sequence[str], Sequence[Sequence[str]]], Mapping[str, float]]


def hits_at(top: Indices, relevance: Relevance) -> NDArray[np.bool_]:
    """[Q, K] which of the items found are relevant.

    Args:
        top: [Q, K] items, best first, each once: ``bench.metrics.nearest.top_k``, which gives
            equal scores in order of the gallery.
        relevance: of Q queries.

    Raises:
        BenchError: ``top`` isn't about as many queries, or names items outside of the gallery.
    """
    queries = len(relevance.starts) - 1
    if top.ndim != 2 or len(top) != queries or not top.size:
        raise BenchError(
            f"expected the best items of {queries} queries as [Q, K], found {list(top.shape)}"
        )
    if not 0 <= top.min() <= top.max() < relevance.gallery:
        raise BenchError(
            f"expected items in [0, {relevance.gallery}), found {top.min()} to {top.max()}"
        )
    right = relevance.queries() * relevance.gallery + relevance.items
    return np.isin(top + np.arange(queries)[:, None] * relevance.gallery, right)


def precision_at(hits: NDArray[np.bool_], k: int) -> float:
    """The mean over queries of (relevant items among the first K) / K."""
    return float(hits[:, :k].mean())


def covered_at(hits: NDArray[np.bool_], relevance: Relevance, k: int) -> float:
    """The mean over queries of (relevant items among the first K) / (relevant items).

    What arXiv 2406.13424 and information retrieval call recall. With several relevant items it is
    below ``bench.metrics.retrieval.recall_at``, which asks for one, and may not reach 1.

    Raises:
        BenchError: a query has no relevant item.
    """
    relevant = np.diff(relevance.starts)
    if not relevant.all():
        raise BenchError(
            "expected something relevant to every query, found nothing for query "
            f"{int(np.argmin(relevant))}"
        )
    return float(np.mean(hits[:, :k].sum(axis=1) / relevant))


def reciprocal_rank_at(hits: NDArray[np.bool_], k: int) -> float:
    """The mean over queries of 1 / (place of the first relevant item), 0 if it is beyond K."""
    first = hits[:, :k].argmax(axis=1)
    return float(np.mean(hits[:, :k].any(axis=1) / (1 + first)))


def caption_similarity(
    captions: Sequence[Sequence[str]],
    found_pairs: ArrayLike,
    found_captions: ArrayLike,
    score: CaptionScore,
    chosen: ArrayLike | None = None,
) -> dict[str, dict[str, float]]:
    """How well the best item of each query fits, by a caption metric, in both directions.

    Text to image: the query's words are scored against the captions of the first pair found. Image
    to text: the words of the first caption found are scored against the query pair's captions.
    Metrics with corpus statistics (BLEU, CIDEr) see all queries of one direction together.

    On the full set a system that answers everything with a pair without change already has a
    BLEU-4 of 0.27 on LEVIR-CC; so give it for the pairs with change too.

    Args:
        captions: those of each pair.
        found_pairs: [T] the first pair found for each caption, in the order of ``captions`` put one
            after another.
        found_captions: [P] the first caption found for each pair, as an index into that order.
        score: the values by name for hypotheses and, for each, its references.
        chosen: [P] mask of the pairs whose queries count; the galleries stay as they are.

    Returns:
        The values by name under ``text_to_image``, ``image_to_text`` and ``mean`` of the two.

    Raises:
        BenchError: lengths or indices don't fit, or no pair is chosen.
    """
    texts = [text for group in captions for text in group]
    owner = np.repeat(np.arange(len(captions)), [len(group) for group in captions])
    pairs = _found(found_pairs, len(texts), len(captions), "pair", "caption")
    best = _found(found_captions, len(captions), len(texts), "caption", "pair")
    mask = np.ones(len(captions), np.bool_) if chosen is None else np.asarray(chosen, np.bool_)
    if mask.shape != (len(captions),) or not mask.any():
        raise BenchError(
            f"expected a choice among {len(captions)} pairs with at least one, "
            f"found {int(mask.sum())} chosen of {list(mask.shape)}"
        )
    queries = np.flatnonzero(mask[owner])
    forward = score([texts[t] for t in queries], [captions[p] for p in pairs[queries].tolist()])
    asked = np.flatnonzero(mask)
    backward = score([texts[t] for t in best[asked]], [captions[p] for p in asked.tolist()])
    mean = {name: (forward[name] + backward[name]) / 2 for name in forward}
    return {"text_to_image": dict(forward), "image_to_text": dict(backward), "mean": mean}


def _found(indices: ArrayLike, size: int, limit: int, what: str, query: str) -> Indices:
    found = np.asarray(indices, np.int64)
    if found.shape != (size,) or (size and not 0 <= found.min() <= found.max() < limit):
        raise BenchError(
            f"expected one {what} in [0, {limit}) for each of {size} {query}s, "
            f"found {list(found.shape)}"
        )
    return found
