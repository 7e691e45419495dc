"""Areas under the precision-recall and ROC curves of one ranking, under any sample weights.

A ranking is cut only where the areas need it: below every group of equal scores that holds a
positive, and also above such a group where it holds negatives too. Cuts don't move when samples
are reweighted, so the jackknife sorts once and then only sums weights between cuts.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Scores = NDArray[np.floating[Any]]
Lane = type[np.uint16] | type[np.uint32] | type[np.uint64]

_LANES: tuple[Lane, ...] = (np.uint16, np.uint32, np.uint64)


class Curve(NamedTuple):
    """Running weights down a ranking at its K cuts; leading axes are resamples."""

    gained: NDArray[Any]  # [..., K] positive weight between a cut and the one before
    hits: NDArray[np.int64]  # [..., K] positive weight above the cut
    ranked: NDArray[np.int64]  # [..., K] weight above the cut
    mixed: NDArray[np.int64]  # cuts below a group that ties positives with negatives
    total: NDArray[np.int64]  # [...] weight of the whole ranking


@dataclass(frozen=True)
class Ranking:
    """One ranking, sorted once: what its curve needs under any weights.

    ``order`` and ``hit_order`` hold the sample of every entry and of every positive, best score
    first; ``ranked`` and ``hits`` say how many of them stand above each cut.
    """

    order: NDArray[np.int64]
    hit_order: NDArray[np.int64]
    ranked: NDArray[np.int64]
    hits: NDArray[np.int64]
    mixed: NDArray[np.int64]


def average_precision(curve: Curve) -> Floats:
    """[...] sum_k (R_k - R_(k-1)) P_k over distinct scores; NaN without positives.

    Without interpolation, as scikit-learn's ``average_precision_score`` and torchmetrics' exact
    ``average_precision``, which are 0 without positives.
    """
    # Nothing is gained where nothing is ranked yet, so any divisor will do there.
    precision = curve.hits / np.maximum(curve.ranked, 1)
    precision *= curve.gained
    return ratio(precision.sum(axis=-1), _positives(curve), np.nan)


def auroc(curve: Curve) -> Floats:
    """[...] P(positive above negative) + P(tie) / 2; NaN without positives or without negatives.

    The Mann-Whitney form of the area under the ROC curve, as torchmetrics' ``auroc``, which is 0
    where nothing can be compared.
    """
    false = curve.ranked - curve.hits
    below, above = curve.mixed, curve.mixed - 1
    ties = (curve.gained[..., below] * (false[..., below] - false[..., above])).sum(axis=-1)
    misordered = np.einsum("...k,...k->...", curve.gained, false) - ties / 2
    positives = _positives(curve)
    pairs = positives * (curve.total - positives)
    return ratio(pairs - misordered, pairs, np.nan)


def ratio(part: NDArray[Any], whole: NDArray[Any], empty: float = 0.0) -> Floats:
    """``part / whole``, and ``empty`` where ``whole`` is 0."""
    quotient: Floats = np.divide(
        part, whole, out=np.full(np.shape(whole), empty), where=np.not_equal(whole, 0)
    )
    return quotient


def unit_curve(labels: NDArray[np.bool_], scores: Scores) -> Curve:
    """The curve of scores [N] with binary labels [N], every entry weighing one."""
    ranked, hits, mixed = _cuts(np.sort(scores), np.sort(scores[labels]))
    return Curve(np.diff(hits, prepend=0), hits, ranked, mixed, np.array(scores.size))


def rank(labels: NDArray[np.bool_], scores: Scores, copies: int = 1) -> Ranking:
    """Sort entries [N * copies] once; entry i belongs to sample i // copies."""
    rising = np.argsort(scores)
    positive = labels[rising]
    values = scores[rising]
    ranked, hits, mixed = _cuts(values, values[positive])
    order = rising[::-1] // copies
    return Ranking(order, order[positive[::-1]], ranked, hits, mixed)


def weighted_curve(
    ranking: Ranking, words: NDArray[np.uint64], lane: Lane, total: NDArray[np.int64]
) -> Curve:
    """The curves of the W x L resamples whose counts are packed into words [W, N].

    Args:
        ranking: the entries, sorted.
        words: as `pack` makes them.
        lane: whose number in a word is L.
        total: [W * L], the weight of each resample.
    """
    _, ranked = _running(ranking.order, ranking.ranked, words, lane)
    gained, hits = _running(ranking.hit_order, ranking.hits, words, lane)
    return Curve(gained, hits, ranked, ranking.mixed, total)


def lane_for(ranking: Ranking, peak: int) -> Lane:
    """The narrowest integer that holds weights between cuts, for counts up to ``peak``."""
    longest = max(
        int(np.diff(cuts, prepend=0).max(initial=0)) for cuts in (ranking.ranked, ranking.hits)
    )
    return next(lane for lane in _LANES if longest * peak <= np.iinfo(lane).max)


def pack(counts: NDArray[np.uint16], lane: Lane) -> NDArray[np.uint64]:
    """Counts [R, N], R a multiple of 4, as words [R / L, N] of L resamples, L = 4, 2 or 1 lanes."""
    resamples, samples = counts.shape
    lanes = _lanes(lane)
    packed = np.empty((resamples // lanes, samples, lanes), lane)
    for row in range(resamples):
        packed[row // lanes, :, row % lanes] = counts[row]
    return packed.view(np.uint64)[..., 0]


def _lanes(lane: Lane) -> int:
    """How many of them fit a word."""
    return 64 // np.iinfo(lane).bits


def _positives(curve: Curve) -> NDArray[np.int64]:
    positives: NDArray[np.int64] = curve.hits[..., -1:].sum(axis=-1)
    return positives


def _cuts(
    scores: Scores, positive_scores: Scores
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(ranked, hits, mixed): per cut the entries and the positives above it; both inputs rise."""
    entries, positives = scores.size, positive_scores.size
    if not positives:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    starts = _group_starts(positive_scores)[::-1]
    values = positive_scores[starts]
    hits = positives - starts
    below = np.searchsorted(scores, values)
    # A group also holds negatives where its score goes on after as many entries as positives.
    after = below + np.diff(hits, prepend=0)
    mixed = np.flatnonzero((after < entries) & (scores[np.minimum(after, entries - 1)] == values))
    above = entries - np.searchsorted(scores, values[mixed], side="right")
    ranked = np.insert(entries - below, mixed, above)
    before = np.concatenate(([0], hits[:-1]))
    return ranked, np.insert(hits, mixed, before[mixed]), mixed + np.arange(1, mixed.size + 1)


def _group_starts(rising: Scores) -> NDArray[np.int64]:
    """Where each run of equal values begins."""
    return np.concatenate(([0], np.flatnonzero(rising[1:] != rising[:-1]) + 1))


def _running(
    order: NDArray[np.int64], cuts: NDArray[np.int64], words: NDArray[np.uint64], lane: Lane
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """[W * L, K] weights between cuts, and above them, of the resamples packed into words [W, N].

    A word's running sum overflows from lane to lane, but sums of words are exact modulo 2^64: the
    difference between two cuts is again one clean number per lane.
    """
    last = cuts[-1] if cuts.size else 0
    # Places are in range: clipping them costs less than looking.
    steps = words.take(order[:last], axis=1, mode="clip")
    if not np.array_equal(cuts, np.arange(1, last + 1)):
        np.cumsum(steps, axis=1, out=steps)
        sums = steps.take(cuts - 1, axis=1, mode="clip")
        sums[:, cuts == 0] = 0
        steps = np.diff(sums, prepend=np.uint64(0), axis=1)
    lanes = steps.view(lane).reshape(len(words), cuts.size, _lanes(lane))
    # Rows in one piece, so that sums along them are taken in the same order however many there are.
    rows = np.ascontiguousarray(lanes.swapaxes(1, 2))
    between = rows.reshape(len(words) * _lanes(lane), cuts.size)
    return between, np.cumsum(between, axis=1, dtype=np.int64)
