"""Multi-label classification metrics: exact point values, and replicates under reweighting.

N samples carry C labels each. A metric is named ``<metric>_<average>``: ``ap_macro``, ``f1_micro``,
``precision_samples``, ``auroc_classes``.

=============  ===================================================================  ===============
metric         per class                                                            undefined -> 0
=============  ===================================================================  ===============
``ap``         sum_k (R_k - R_(k-1)) P_k over distinct scores, no interpolation     no positives
``auroc``      P(positive above negative) + P(tie) / 2                              one class empty
``f1, f2``     (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP), b = 1, 2                0 / 0
``precision``  TP / (TP + FP)                                                       0 / 0
``recall``     TP / (TP + FN)                                                       0 / 0
``specificity``  TN / (TN + FP)                                                     0 / 0
``accuracy``   (TP + TN) / (TP + FP + FN + TN)                                      never
=============  ===================================================================  ===============

``macro`` is the mean of all C classes, undefined ones counted as the zero above; ``micro`` pools the N x C decisions;
``samples`` computes the metric from the C decisions of each sample and takes the mean over samples (not for ``ap`` and
``auroc``); ``classes`` keeps the C values. The formulas and conventions are those of torchmetrics' ``multilabel_*`` functions
(``samples``: ``average="micro", multidim_average="samplewise"``, then the mean) and of scikit-learn with
``zero_division=0``. The two part in one place, where torchmetrics is followed: the AUROC of a class without positives or
without negatives is 0 there and NaN in scikit-learn.

Scores are compared, never transformed: logits and probabilities give the same AP and AUROC. torchmetrics first puts logits
through a float32 sigmoid, which ties those that saturate (beyond about 17) and rounds the tiniest positive ones to 0.5.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError, unknown

Target = NDArray[np.uint8] | NDArray[np.bool_]
Scores = NDArray[np.float32] | NDArray[np.float64]
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64] | NDArray[np.float64]

_ROWS_PER_PRODUCT = 1 << 16


class Decisions(NamedTuple):
    """Numbers of true positives, false positives, false negatives and true negatives, of one shape."""

    tp: Numbers
    fp: Numbers
    fn: Numbers
    tn: Numbers


class _Curve(NamedTuple):
    """Running weights down a ranking, at the K cuts where AP and AUROC look.

    A cut stands below every group of equal scores that holds a positive, and also above it where the group holds
    negatives too. Cuts stay the same under reweighting, only the weights change.
    """

    gained: NDArray[Any]  # [..., K] positive weight between a cut and the one before
    hits: NDArray[np.int64]  # [..., K] positive weight above the cut
    ranked: NDArray[np.int64]  # [..., K] weight above the cut
    mixed: NDArray[np.intp]  # cuts below a group that ties positives with negatives
    total: NDArray[np.int64]  # [...] weight of the whole ranking


@dataclass(frozen=True)
class _Ranking:
    """One ranking, sorted once: what a curve under any weights needs."""

    order: NDArray[np.intp]  # samples, best score first
    hit_order: NDArray[np.intp]  # samples of the positives, best score first
    ranked: NDArray[np.intp]  # [K] entries of `order` above each cut
    hits: NDArray[np.intp]  # [K] entries of `hit_order` above each cut
    mixed: NDArray[np.intp]
    copies: int  # entries per sample: C when the classes are pooled

    @property
    def longest(self) -> int:
        """The most entries between two neighbouring cuts."""
        return int(max(np.diff(cuts, prepend=0).max(initial=1) for cuts in (self.ranked, self.hits)))


def _average_precision(curve: _Curve) -> Floats:
    positives = curve.hits[..., -1:].sum(axis=-1)
    # Leading weights may all be zero; no positive is gained there.
    precision = curve.hits / np.maximum(curve.ranked, 1)
    return _ratio(np.einsum("...k,...k->...", curve.gained, precision), positives)


def _auroc(curve: _Curve) -> Floats:
    positives = curve.hits[..., -1:].sum(axis=-1)
    false = curve.ranked - curve.hits
    tied = curve.gained[..., curve.mixed] * (
        false[..., curve.mixed] - false[..., curve.mixed - 1]
    )
    misordered = np.einsum("...k,...k->...", curve.gained, false) - tied.sum(axis=-1) / 2
    pairs = positives * (curve.total - positives)
    return _ratio(pairs - misordered, pairs)


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    shape = np.broadcast_shapes(np.shape(part), np.shape(whole))
    return np.divide(part, whole, out=np.zeros(shape), where=np.asarray(whole) != 0)


_AREAS: dict[str, Callable[[_Curve], Floats]] = {"ap": _average_precision, "auroc": _auroc}
_RATES: dict[str, Callable[[Decisions], Floats]] = {
    "f1": lambda d: _ratio(2 * d.tp, 2 * d.tp + d.fn + d.fp),
    "f2": lambda d: _ratio(5 * d.tp, 5 * d.tp + 4 * d.fn + d.fp),
    "precision": lambda d: _ratio(d.tp, d.tp + d.fp),
    "recall": lambda d: _ratio(d.tp, d.tp + d.fn),
    "specificity": lambda d: _ratio(d.tn, d.tn + d.fp),
    "accuracy": lambda d: _ratio(d.tp + d.tn, d.tp + d.fp + d.fn + d.tn),
}

NAMES: tuple[str, ...] = (
    *(f"{metric}_{average}" for metric in _AREAS for average in ("macro", "micro", "classes")),
    *(
        f"{metric}_{average}"
        for metric in _RATES
        for average in ("macro", "micro", "samples", "classes")
    ),
)


def multilabel_metrics(
    target: Target, scores: Scores, names: Sequence[str] = NAMES, *, threshold: float = 0.0
) -> dict[str, Floats]:
    """The named metrics of one set of predictions, exact.

    Args:
        target: [N, C] uint8 or bool, 1 where the label applies.
        scores: [N, C] float32 or float64, higher means more likely; any monotone scale, infinities are ordinary scores.
        names: which of ``NAMES``; only what they need is computed.
        threshold: a label is predicted where its score is above it, in the scale of ``scores``: 0 for logits is 0.5 for
            probabilities.

    Returns:
        Per name a float64 array: [] for macro, micro and samples, [C] for classes.

    Raises:
        BenchError: shapes, dtypes or values are not as above, a score is NaN, or there is no sample.
        RequestError: a name isn't among ``NAMES``.
    """
    requests = _requests(names)
    truth = _checked(target, scores)
    plan = _plan(requests, truth.shape[1])

    def areas(column: int) -> dict[str, Floats]:
        labels, values = _column(truth, column), _column(scores, column)
        curve = _unit_curve(np.sort(values), np.sort(values[labels]))
        return {metric: _AREAS[metric](curve) for metric in plan[column]}

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(plan, pool.map(areas, plan), strict=True))
    once = np.ones((1, len(truth)), np.uint16)
    rates = _Thresholded(truth, scores, threshold, requests)(once) if _rated(requests) else {}
    return _assemble(requests, found, {name: values[0] for name, values in rates.items()}, truth.shape[1])


def multilabel_replicates(
    target: Target,
    scores: Scores,
    counts: Iterable[NDArray[np.uint16]],
    names: Sequence[str] = NAMES,
    *,
    threshold: float = 0.0,
) -> dict[str, Floats]:
    """The named metrics of R resamples of the samples, each given as how often it holds every sample.

    A replicate equals the metric of the sample physically repeated. Scores are sorted once; a resample costs a gather and
    a running sum. With ``bench.stats.resample_counts`` this is the bootstrap, and two models with the same counts are
    paired. Rankings are spread over threads; AP, AUROC and the pooled rates don't depend on their number or on the
    blocks, ``samples`` averages only in the last bits.

    Memory beside the arguments: 16 bytes per score and, per thread, 8 bytes per entry and about 150 bytes per positive
    of the largest ranking (N x C entries with ``micro``), and 6 bytes per count of a block. With a sixth of the labels
    set and two threads that is 0.3 GiB at 120,000 x 19 and 2.3 GiB at 1,000,000 x 19.

    Args:
        target, scores, names, threshold: as in :func:`multilabel_metrics`.
        counts: blocks [B, N] of resample counts, one resample per row; R is the sum of the B.

    Returns:
        Per name a float64 array: [R] for macro, micro and samples, [R, C] for classes.

    Raises:
        BenchError: as in :func:`multilabel_metrics`, or a block isn't uint16 [B, N], or there is no block.
        RequestError: a name isn't among ``NAMES``.
    """
    requests = _requests(names)
    truth = _checked(target, scores)
    plan = _plan(requests, truth.shape[1])
    rates = _Thresholded(truth, scores, threshold, requests) if _rated(requests) else None
    blocks: list[dict[str, Floats]] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sort = pool.map(lambda column: _ranking(truth, scores, column), plan)
        rankings = dict(zip(plan, sort, strict=True))
        for block in counts:
            _check_counts(block, len(truth))
            found = _areas_of_block(pool, plan, rankings, block)
            blocks.append(
                _assemble(requests, found, rates(block) if rates else {}, truth.shape[1])
            )
    if not blocks:
        raise BenchError("expected at least one block of resample counts, found none")
    return {name: np.concatenate([block[name] for block in blocks]) for name in names}


def _areas_of_block(
    pool: ThreadPoolExecutor,
    plan: dict[int, list[str]],
    rankings: dict[int, _Ranking],
    block: NDArray[np.uint16],
) -> dict[int, dict[str, Floats]]:
    """Per column and metric [B]: the areas under every row of a block of counts."""
    peak = int(block.max())
    totals = block.sum(axis=1, dtype=np.int64)
    lanes = {column: _lane(ranking.longest * peak) for column, ranking in rankings.items()}
    words = {lane: _pack(block, lane) for lane in set(lanes.values())}

    def areas(job: tuple[int, int]) -> list[Floats]:
        column, row = job
        ranking, lane = rankings[column], lanes[column]
        curve = _weighted_curve(ranking, words[lane][row], lane)
        rows = slice(row * len(curve.hits), (row + 1) * len(curve.hits))
        total = totals[rows] * ranking.copies
        used = _Curve(*(part[: len(total)] for part in curve[:3]), curve.mixed, total)
        return [_AREAS[metric](used) for metric in plan[column]]

    jobs = [(column, row) for column in plan for row in range(len(words[lanes[column]]))]
    parts: dict[int, list[list[Floats]]] = {column: [] for column in plan}
    for (column, _), values in zip(jobs, pool.map(areas, jobs), strict=True):
        parts[column].append(values)
    return {
        column: dict(zip(plan[column], map(np.concatenate, zip(*rows, strict=True)), strict=True))
        for column, rows in parts.items()
    }
