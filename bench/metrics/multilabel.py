"""Multi-label classification metrics: exact values, and replicates of resampled test sets.

N samples carry C labels each. A metric is named ``<metric>_<average>``: ``ap_macro``,
``f1_micro``, ``precision_samples``, ``auroc_classes``.

===============  =============================================================  ============
metric           value                                                          no value
===============  =============================================================  ============
``ap``           sum_k (R_k - R_(k-1)) P_k over distinct scores                 no positives
``auroc``        P(positive above negative) + P(tie) / 2                        one side empty
``f1``, ``f2``   (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP), b = 1 or 2        no positives
``precision``    TP / (TP + FP), 0 where nothing is predicted                   no positives
``recall``       TP / (TP + FN)                                                 no positives
``specificity``  TN / (TN + FP)                                                 one side empty
``accuracy``     (TP + TN) / (TP + FP + FN + TN)                                no positives
===============  =============================================================  ============

``classes`` are the C values, NaN for a class without one, and ``macro`` is the mean of those there
are: of the classes that occur (`bench.metrics.macro`). ``micro`` pools the N x C decisions, and has
no value by the last column either (but ``specificity`` without positives, and ``accuracy``).
``samples`` is the mean over samples of the value of each sample's C decisions, 0 where that is
0 / 0 (not for ``ap`` and ``auroc``).

On the classes that occur these are the conventions of torchmetrics' ``multilabel_*`` functions
(``samples`` is the mean of its ``average="micro", multidim_average="samplewise"`` on [N, C, 1]) and
of scikit-learn with ``zero_division=0``. Both count a class without positives as 0 in a macro
average, so that perfect predictions for a slice without it score below 1.

Scores are compared as they are, so any increasing transform gives the same AP and AUROC.
torchmetrics puts logits through a float32 sigmoid first, which ties those it saturates (above
about 17) and rounds the smallest positive ones to a probability of exactly 0.5.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError, unknown
from bench.metrics.areas import (
    Curve,
    Floats,
    Ranking,
    Scores,
    auroc,
    average_precision,
    lane_for,
    pack,
    rank,
    unit_curve,
    weighted_curve,
)
from bench.metrics.decisions import RATES, counted, means, of_samples
from bench.metrics.macro import macro
from bench.metrics.stats import weighted_sums

Target = NDArray[np.uint8] | NDArray[np.bool_]
Counts = NDArray[np.uint16]

_MICRO = -1
_ENTRIES_PER_JOB = 1 << 16


class _Thresholded(NamedTuple):
    """What the threshold metrics need of N samples: weighted sums of its rows."""

    decisions: NDArray[np.uint8]  # [N, 3C] true positive, predicted, positive
    per_sample: dict[str, Floats]  # metric -> [N]


_AREAS: dict[str, Callable[[Curve], Floats]] = {"ap": average_precision, "auroc": auroc}
NAMES: tuple[str, ...] = (
    *(f"{metric}_{average}" for metric in _AREAS for average in ("macro", "micro", "classes")),
    *(
        f"{metric}_{average}"
        for metric in RATES
        for average in ("macro", "micro", "samples", "classes")
    ),
)


def multilabel_metrics(
    target: Target, scores: Scores, names: Sequence[str] = NAMES, *, threshold: float = 0.0
) -> dict[str, Floats]:
    """The named metrics of one set of predictions, exact.

    Args:
        target: [N, C] uint8 or bool, 1 where the label applies.
        scores: [N, C] float32 or float64, higher is likelier, in any scale; may be infinite.
        names: which of ``NAMES``; only what they need is computed.
        threshold: a label is predicted where its score is above it, in the scale of ``scores``:
            0 for logits, 0.5 for probabilities.

    Returns:
        A float64 array per name: [] for macro, micro and samples, [C] for classes; NaN for what has
        no value.

    Raises:
        BenchError: shapes, dtypes or values aren't as above, or a score is NaN.
        RequestError: a name isn't among ``NAMES``.
    """
    plan = _plan(names, target, scores)

    def areas(column: int) -> dict[str, Floats]:
        curve = unit_curve(*_entries(target, scores, column))
        return {metric: _AREAS[metric](curve) for metric in plan[column]}

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(plan, pool.map(areas, plan), strict=True))
    once = np.ones((1, len(target)), np.uint16)
    rates = _rates(_thresholded(names, target, scores, threshold), once)
    return _assemble(names, found, {name: value[0] for name, value in rates.items()})


def multilabel_replicates(
    target: Target,
    scores: Scores,
    counts: Iterable[Counts],
    names: Sequence[str] = NAMES,
    *,
    threshold: float = 0.0,
) -> dict[str, Floats]:
    """The named metrics of R resamples, each given by how often it holds every sample.

    A replicate equals the metric of the physically repeated samples. Scores are sorted once; a
    resample then costs one gather and one running sum. With
    ``bench.metrics.stats.jackknife_counts`` this is the jackknife, and two sets of predictions
    under equal counts are paired. Values don't depend on threads or block size, except for the
    last bits of ``samples``.

    Memory beside the arguments: 16 bytes per score; 6 bytes per count of a block; per thread 16
    bytes per entry of the largest ranking (N, or N x C with ``micro``) and 150 per positive in it.
    Every metric, blocks of 64, two threads and a sixth of the labels set: 0.3 GiB at 120,000 x 19
    and 2.1 GiB at 1,000,000 x 19.

    Args:
        target: [N, C], as for :func:`multilabel_metrics`.
        scores: [N, C], as for :func:`multilabel_metrics`.
        counts: blocks [B, N] of uint16, one resample per row; R is the sum of the B.
        names: which of ``NAMES``; only what they need is computed.
        threshold: as for :func:`multilabel_metrics`.

    Returns:
        A float64 array per name: [R] for macro, micro and samples, [R, C] for classes.

    Raises:
        BenchError: as for :func:`multilabel_metrics`; a block isn't uint16 [B, N]; no block came.
        RequestError: a name isn't among ``NAMES``.
    """
    plan = _plan(names, target, scores)
    thresholded = _thresholded(names, target, scores, threshold)
    blocks: list[dict[str, Floats]] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def ranked(column: int) -> Ranking:
            copies = scores.shape[1] if column == _MICRO else 1
            return rank(*_entries(target, scores, column), copies)

        rankings = dict(zip(plan, pool.map(ranked, plan), strict=True))
        for block in counts:
            _check_counts(block, len(target))
            found = _areas_of_block(pool, plan, rankings, block)
            blocks.append(_assemble(names, found, _rates(thresholded, block)))
    if not blocks:
        raise BenchError("expected at least one block of resample counts, found none")
    return {name: np.concatenate([block[name] for block in blocks]) for name in names}


def _areas_of_block(
    pool: ThreadPoolExecutor,
    plan: dict[int, list[str]],
    rankings: dict[int, Ranking],
    block: Counts,
) -> dict[int, dict[str, Floats]]:
    """Per column and metric [B]: the areas under each row of a block of counts."""
    peak = int(block.max(initial=0))
    lanes = {column: lane_for(ranking, peak) for column, ranking in rankings.items()}
    padded = np.pad(block, ((0, -len(block) % 4), (0, 0)))
    totals = padded.sum(axis=1, dtype=np.int64)
    words = {lane: pack(padded, lane) for lane in set(lanes.values())}

    def areas(job: tuple[int, slice]) -> list[Floats]:
        column, some = job
        ranking, lane = rankings[column], lanes[column]
        copies = ranking.order.size // block.shape[1]
        total = totals.reshape(len(words[lane]), -1)[some].ravel() * copies
        curve = weighted_curve(ranking, words[lane][some], lane, total)
        return [_AREAS[metric](curve) for metric in plan[column]]

    found = {}
    jobs = [
        (column, slice(start, start + step))
        for column in plan
        # One word at a time stays in cache where there are many entries; where there are few,
        # many words at a time keep the overhead of a call small.
        for step in [max(1, _ENTRIES_PER_JOB // rankings[column].order.size)]
        for start in range(0, len(words[lanes[column]]), step)
    ]
    parts = list(zip(jobs, pool.map(areas, jobs), strict=True))
    for column, metrics in plan.items():
        rows = np.concatenate([part for job, part in parts if job[0] == column], axis=1)
        found[column] = dict(zip(metrics, rows[:, : len(block)], strict=True))
    return found


def _plan(names: Sequence[str], target: Target, scores: Scores) -> dict[int, list[str]]:
    """Which areas each column needs; the pooled ranking, the longest job, comes first."""
    for name in names:
        if name not in NAMES:
            raise unknown("multi-label metric", name, NAMES)
    _check(target, scores)
    wanted = {tuple(name.rsplit("_", 1)) for name in names}
    pooled = [metric for metric in _AREAS if (metric, "micro") in wanted]
    single = [metric for metric in _AREAS if {(metric, "macro"), (metric, "classes")} & wanted]
    plan = {_MICRO: pooled, **dict.fromkeys(range(scores.shape[1]), single)}
    return {column: metrics for column, metrics in plan.items() if metrics}


def _entries(target: Target, scores: Scores, column: int) -> tuple[NDArray[np.bool_], Scores]:
    """Contiguous labels and scores of one class, or of all of them pooled."""
    labels = target.view(np.bool_)
    if column == _MICRO:
        return labels.ravel(), scores.ravel()
    return np.ascontiguousarray(labels[:, column]), np.ascontiguousarray(scores[:, column])


def _thresholded(
    names: Sequence[str], target: Target, scores: Scores, threshold: float
) -> _Thresholded | None:
    """The additive part of the threshold metrics; None where no name needs it."""
    if not any(name.rsplit("_", 1)[0] in RATES for name in names):
        return None
    positive = target.view(np.bool_)
    predicted = scores > threshold
    correct = positive & predicted
    parts = (correct, predicted, positive)
    counts = np.stack([part.sum(axis=1, dtype=np.int64) for part in parts], axis=1)
    decisions = of_samples(counts, scores.shape[1])
    metrics = [name.removesuffix("_samples") for name in names if name.endswith("_samples")]
    return _Thresholded(
        np.concatenate(parts, axis=1).view(np.uint8),
        {metric: RATES[metric](decisions) for metric in metrics},
    )


def _rates(thresholded: _Thresholded | None, counts: Counts) -> dict[str, Floats]:
    """Every threshold metric under each row of counts [B, N]: [B] or [B, C] by name."""
    if thresholded is None:
        return {}
    total = counts.sum(axis=1, dtype=np.int64)[:, None]
    sums = weighted_sums(counts, thresholded.decisions)
    rates = counted(total, *np.split(sums, 3, axis=1))
    if thresholded.per_sample:
        rates |= means(thresholded.per_sample, counts)
    return rates


def occurring(target: Target) -> dict[str, int]:
    """How many classes of labels [N, C] stand behind each macro average, by its name."""
    positives = target.sum(axis=0, dtype=np.int64)
    there = positives > 0
    both = int((there & (positives < len(target))).sum())
    return {
        f"{metric}_macro": both if metric in ("auroc", "specificity") else int(there.sum())
        for metric in (*_AREAS, *RATES)
    }


def _assemble(
    names: Sequence[str], areas: dict[int, dict[str, Floats]], rates: dict[str, Floats]
) -> dict[str, Floats]:
    """The named values, from the areas of each column and the rates per class, pooled, sampled."""
    values = dict(rates)
    for metric in areas.get(_MICRO, ()):
        values[f"{metric}_micro"] = areas[_MICRO][metric]
    columns = [found for column, found in areas.items() if column != _MICRO]
    for metric in columns[0] if columns else ():
        values[f"{metric}_classes"] = np.stack([found[metric] for found in columns], axis=-1)
    for name in names:
        if name.endswith("_macro"):
            values[name] = macro(values[name.removesuffix("macro") + "classes"])
    return {name: values[name] for name in names}


def _check(target: Target, scores: Scores) -> None:
    if target.ndim != 2 or not target.size or target.shape != scores.shape:
        raise BenchError(
            "expected labels and scores of one shape [N, C] with at least one sample, "
            f"found {target.shape} and {scores.shape}"
        )
    if target.dtype not in (np.uint8, np.bool_) or target.view(np.uint8).max() > 1:
        raise BenchError(
            f"expected labels 0 or 1 as uint8 or bool, found {target.dtype} up to {target.max()}"
        )
    if scores.dtype not in (np.float32, np.float64):
        raise BenchError(f"expected scores as float32 or float64, found {scores.dtype}")
    if np.isnan(scores.min()):
        sample, label = np.argwhere(np.isnan(scores))[0]
        raise BenchError(
            f"expected a score for every label, found NaN for label {label} of sample {sample}",
            "look for NaN in the model's weights and in its input",
        )


def _check_counts(block: Counts, samples: int) -> None:
    if block.ndim != 2 or block.shape[1] != samples or block.dtype != np.uint16:
        raise BenchError(
            f"expected resample counts as uint16 [B, {samples}], "
            f"found {block.dtype} {list(block.shape)}"
        )
