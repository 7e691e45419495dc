"""How far probabilities can be trusted: calibration, proper scores, and risk against coverage.

=========  ========================================================================================
metric     value
=========  ========================================================================================
``ece``    expected calibration error: sum_b n_b / n |mean confidence of b - share right in b|, over
           15 bins of equal width of the confidences in [0, 1]
``brier``  Brier score: mean (p - y)^2 of labels; of one class among C the mean of
           sum_k (p_k - y_k)^2, in [0, 2]
``nll``    negative log-likelihood: mean of -ln of the probability of what is true, in nats
``aurc``   area under the risk-coverage curve: mean over k = 1 .. n of the risk (mean loss) of the k
           decisions that the model is surest of
=========  ========================================================================================

ECE: C. Guo et al., ICML 2017, arXiv:1706.04599. A bin holds its lower edge, the last one 1 as
well; empty bins count for nothing. The confidence of a label is its probability, and it is right
where the label applies; that of one class among several is the highest probability. ECE is biased
upwards where a bin holds few decisions: its value of few samples says little.

Brier: G. W. Brier, Monthly Weather Review 78 (1950). AURC: Y. Geifman and R. El-Yaniv, NeurIPS
2017, arXiv:1705.08500. Decisions of equal confidence count as their mean over all orders, so that
no order of samples changes a value.

All of it adds up over samples or is ranked once, so that replicates of resampled test sets are
cheap.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.metrics.stats import weighted_sums

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]
Counts = NDArray[np.uint16]

LABELS = ("ece_micro", "brier_micro", "nll_micro", "aurc_samples")
"""The metrics of samples with several labels each, as `label_metrics` gives them."""

CLASSES = ("ece_micro", "brier_micro", "nll_micro", "aurc_micro")
"""The metrics of decisions that name one class each, as `class_metrics` gives them."""

BINS = 15
"""Bins of ECE, of equal width."""

_HALVINGS = 10
_EDGES: Floats = np.concatenate(
    [np.arange(1, BINS) / BINS, 1 - 2.0 ** -np.arange(1, _HALVINGS + 1) / BINS]
)
"""Inner edges of the bins of `class_sums`: those of ECE, and the last one halved towards 1."""

FINE = len(_EDGES) + 1
"""Bins of `class_sums`, in which confidences near 1 are told apart for risk and coverage."""

CLASS_SUMS = 3 * FINE + 2
"""How many numbers `class_sums` gives of a sample."""

_AT_ONCE = 1 << 20
_MOST_NATS = 1e30
"""The largest -ln of a probability that `logit_sums` adds up."""

_SMALL = 64
"""From this number on harmonic sums follow from their expansion, to the last digits."""
_GAMMA = 0.57721566490153286061
"""Euler's constant, the limit of H(n) - ln n."""


class Labels(NamedTuple):
    """What the metrics need of N samples with several labels each.

    Attributes:
        sums: [N, BINS + 2], of `label_sums`.
        confidence: [N], of the decisions about a sample: the mean of max(p, 1 - p) over its labels.
        loss: [N], the share of its labels that are decided wrongly.
        labels: how many there are.
    """

    sums: Floats
    confidence: Floats
    loss: Floats
    labels: int


def of_labels(
    target: NDArray[Any], logits: NDArray[np.floating[Any]], threshold: float = 0.0
) -> Labels:
    """What the metrics need of labels.

    Args:
        target: [N, C], 1 where a label applies, else 0.
        logits: [N, C], whose sigmoid is the probability of the label.
        threshold: a label is predicted where its logit is above it.

    Raises:
        BenchError: as `label_sums`.
    """
    sums = label_sums(target, logits)
    sure = 1 / (1 + np.exp(-np.abs(logits.astype(np.float64))))
    wrong = (logits > threshold) != (target > 0)
    return Labels(sums, sure.mean(axis=1), wrong.mean(axis=1), logits.shape[1])


def label_metrics(of: Labels, counts: Counts, names: Sequence[str] = LABELS) -> dict[str, Floats]:
    """Those of `LABELS` that are named, [B], under each row of counts [B, N].

    ``ece_micro``, ``brier_micro`` and ``nll_micro`` are over the decisions about all labels of all
    samples, ``aurc_samples`` is over samples.
    """
    found = {}
    if any(name != "aurc_samples" for name in names):
        decisions = counts.sum(axis=1, dtype=np.int64) * of.labels
        micro = of_label_sums(weighted_sums(counts, of.sums), decisions)
        found = {f"{name}_micro": values for name, values in micro.items()}
    if "aurc_samples" in names:
        found["aurc_samples"] = risk_coverage(of.confidence, of.loss, counts)
    return {name: found[name] for name in names}


def class_metrics(sums: Floats) -> dict[str, Floats]:
    """All of `CLASSES`, [...], of sums [..., CLASS_SUMS] over all decisions."""
    return {f"{name}_micro": values for name, values in of_class_sums(sums).items()}


def logit_sums(
    logits: "torch.Tensor", predicted: "torch.Tensor", target: "torch.Tensor", ignore: int | None
) -> Floats:
    """`class_sums` of the pixels of each image, from logits.

    Args:
        logits: [N, C, ...], finite, whose softmax over C gives probabilities, in float32.
        predicted: [N, ...], the class of the highest logit of each pixel.
        target: [N, ...] of class indices.
        ignore: the target of pixels that don't count.

    Returns:
        [N, CLASS_SUMS], finite.
    """
    import torch

    logits = logits.detach().flatten(2)
    true = target.flatten(1).long()
    counted = torch.ones_like(true, dtype=torch.bool) if ignore is None else true != ignore
    right = predicted.flatten(1) == true
    true = true.where(counted, 0)
    # What belongs to one image stays in the processor's cache; a GPU is given all at once.
    step = len(logits) if logits.is_cuda else 1
    found = []
    for start in range(0, len(logits), step):
        some = slice(start, start + step)
        scores = logits[some].float()
        highest = scores.amax(dim=1)
        powers = (scores - highest[:, None]).exp_()
        total = powers.sum(dim=1)
        # The power of the highest logit is 1.
        confidence = 1 / total
        of_true = powers.gather(1, true[some, None])[:, 0] * confidence
        squared = powers.square_().sum(dim=1) * confidence.square() - 2 * of_true + 1
        # Finite logits can be so far apart that float32 has no room for the difference.
        behind = (highest - scores.gather(1, true[some, None])[:, 0]).clamp(max=_MOST_NATS)
        parts = (confidence, right[some], squared, behind + total.log(), counted[some])
        found.append(class_sums(*(part.cpu().numpy() for part in parts)))
    return np.concatenate(found)


def label_sums(target: NDArray[Any], logits: NDArray[np.floating[Any]]) -> Floats:
    """What ECE, Brier score and NLL need of each sample with several labels.

    Args:
        target: [N, C], 1 where a label applies, else 0.
        logits: [N, C], whose sigmoid is the probability of the label.

    Returns:
        [N, BINS + 2], sums over labels: of probability minus target in each bin, of squared errors,
        and of -ln of the probability of what is true. Sums over samples give the metrics
        by `of_label_sums`.

    Raises:
        BenchError: the shapes differ, or a logit is NaN.
    """
    _check(target, logits)
    scores = logits.astype(np.float64)
    true = target.astype(np.float64)
    with np.errstate(over="ignore"):
        probability = 1 / (1 + np.exp(-scores))
    error = probability - true
    samples = len(error)
    place = _bin(probability, BINS) + BINS * np.arange(samples)[:, None]
    gaps = np.bincount(place.ravel(), error.ravel(), minlength=samples * BINS)
    # -log sigmoid(x) for what is there, -log sigmoid(-x) for what isn't.
    surprise = np.logaddexp(0.0, np.where(target, -scores, scores))
    beside = np.stack([(error * error).sum(axis=1), surprise.sum(axis=1)], axis=1)
    return np.concatenate([gaps.reshape(samples, BINS), beside], axis=1)


def of_label_sums(sums: Floats, decisions: NDArray[Any]) -> dict[str, Floats]:
    """ECE, Brier score and NLL of decisions about labels.

    Args:
        sums: [..., BINS + 2], of `label_sums`.
        decisions: [...], how many decisions are in them.

    Returns:
        ``ece``, ``brier`` and ``nll`` [...], NaN without a decision.
    """
    return {
        "ece": _ratio(np.abs(sums[..., :BINS]).sum(axis=-1), decisions),
        "brier": _ratio(sums[..., BINS], decisions),
        "nll": _ratio(sums[..., BINS + 1], decisions),
    }


def class_sums(
    confidence: NDArray[np.floating[Any]],
    right: NDArray[np.bool_],
    squared: NDArray[np.floating[Any]],
    surprise: NDArray[np.floating[Any]],
    counted: NDArray[np.bool_] | None = None,
) -> Floats:
    """What all metrics need of each sample whose decisions name one class each, such as pixels.

    Args:
        confidence: [N, P], the highest probability of each decision.
        right: [N, P], whether the class with it is the true one.
        squared: [N, P], the sum over classes of squared differences of probability and target.
        surprise: [N, P], -ln of the probability of the true class.
        counted: [N, P], which decisions count; all where None.

    Returns:
        [N, 3 FINE + 2], sums over decisions: in each bin their number, how many are right, and
        their confidences; then the squared errors and -ln. `of_class_sums` gives the metrics.
    """
    samples = len(confidence)
    kept = np.ones(confidence.shape, np.bool_) if counted is None else counted
    rows = np.broadcast_to(np.arange(samples)[:, None], confidence.shape)[kept]
    sure = confidence[kept].astype(np.float64)
    place = np.searchsorted(_EDGES, sure, side="right") + FINE * rows
    size = samples * FINE
    parts = [
        np.bincount(place, weights, minlength=size).reshape(samples, FINE)
        for weights in (None, right[kept], sure)
    ]
    beside = [
        np.bincount(rows, values[kept].astype(np.float64), minlength=samples)[:, None]
        for values in (squared, surprise)
    ]
    return np.concatenate([*parts, *beside], axis=1)


def of_class_sums(sums: Floats) -> dict[str, Floats]:
    """ECE, Brier score, NLL and AURC of decisions that name one class each.

    Decisions of one bin of confidence count as equally sure for AURC: it is that of somebody who
    knows the bin of a decision only. Between 14/15 and 1 there are eleven bins.

    Args:
        sums: [..., 3 FINE + 2], of `class_sums`.

    Returns:
        ``ece``, ``brier``, ``nll`` and ``aurc`` [...], NaN without a decision.
    """
    number, right, sure = (sums[..., place * FINE : (place + 1) * FINE] for place in range(3))
    total = number.sum(axis=-1)
    gap = sure - right
    coarse = np.concatenate(
        [gap[..., : BINS - 1], gap[..., BINS - 1 :].sum(axis=-1, keepdims=True)], axis=-1
    )
    surest, wrong = number[..., ::-1], (number - right)[..., ::-1]
    places = _harmonic_sums(surest.cumsum(axis=-1))
    return {
        "ece": _ratio(np.abs(coarse).sum(axis=-1), total),
        "brier": _ratio(sums[..., -2], total),
        "nll": _ratio(sums[..., -1], total),
        "aurc": _area(total, wrong.sum(axis=-1), _ratio(wrong, surest, 0.0), places),
    }


def risk_coverage(confidence: NDArray[Any], loss: NDArray[Any], counts: Counts) -> Floats:
    """The area under the risk-coverage curve of resampled decisions.

    Args:
        confidence: [N], higher is surer; of any scale.
        loss: [N], such as 1 where a decision is wrong and 0 where it is right.
        counts: [B, N], how often each resample holds each decision.

    Returns:
        [B]; NaN where a resample holds none. The lowest value of given losses is that of
        confidences that rank them.

    Raises:
        BenchError: the shapes differ, or a confidence or loss is NaN.
    """
    if confidence.ndim != 1 or confidence.shape != loss.shape or counts.shape[1:] != loss.shape:
        raise BenchError(
            "expected confidences [N], losses [N] and counts [B, N], found "
            f"{confidence.shape}, {loss.shape} and {counts.shape}"
        )
    if np.isnan(confidence).any() or np.isnan(loss).any():
        raise BenchError("expected a confidence and a loss of every decision, found NaN")
    order = np.argsort(-confidence, kind="stable")
    ranked, lost = confidence[order], loss[order].astype(np.float64)
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    tied = len(starts) < len(order)
    table = _harmonic_sums(np.arange(counts.sum(axis=1, dtype=np.int64).max(initial=0) + 1.0))
    found = np.empty(len(counts))
    step = max(1, _AT_ONCE // max(len(order), 1))
    for start in range(0, len(counts), step):
        rows = slice(start, start + step)
        held = counts[rows][:, order]
        losses = held @ lost
        rate = lost
        number = held
        if tied:
            number = np.add.reduceat(held, starts, axis=1, dtype=np.int64)
            of_group = np.add.reduceat(held * lost, starts, axis=1)
            rate = _ratio(of_group, number, 0.0)
        after = number.cumsum(axis=1, dtype=np.int64)
        found[rows] = _area(after[:, -1].astype(np.float64), losses, rate, table[after])
    return found


def _area(total: Floats, losses: Floats, rate: Floats, sums: Floats) -> Floats:
    """The area of groups of equal confidence, the surest first.

    The decision at place p of n adds its loss to the risks at k = p .. n: loss x (H(n) - H(p - 1))
    with the harmonic numbers H. In a group each takes the mean over its places, which the sums of H
    give.

    Args:
        total: [...], n.
        losses: [...], the sum of all losses.
        rate: [..., G] or [G], the mean loss of each group.
        sums: [..., G], `_harmonic_sums` of the number of decisions up to the end of each group.
    """
    # By parts: sum_g rate_g (S_g - S_(g-1)) = sum_g S_g (rate_g - rate_(g+1)).
    steps = rate - np.concatenate([rate[..., 1:], np.zeros_like(rate[..., :1])], axis=-1)
    within = sums @ steps if steps.ndim == 1 else (sums * steps).sum(axis=-1)
    harmonic = _ratio(sums[..., -1] + total, total)
    return _ratio(harmonic * losses - within, total)


def _harmonic_sums(numbers: Floats) -> Floats:
    """H(0) + H(1) + ... + H(n - 1) = n H(n) - n for whole numbers n >= 0."""
    places = np.arange(1, _SMALL)
    table = np.concatenate([[0.0], places * (1 / places).cumsum() - places])
    n = np.maximum(numbers, _SMALL)
    large = n * (np.log(n) + _GAMMA - 1) + 1 / 2 - 1 / (12 * n) + 1 / (120 * n**3)
    small = table[np.minimum(numbers, _SMALL - 1).astype(np.intp)]
    return np.where(numbers < _SMALL, small, large)


def _bin(probability: Floats, bins: int) -> NDArray[np.intp]:
    edges = np.arange(1, bins) / bins
    return np.searchsorted(edges, probability, side="right")


def _ratio(part: NDArray[Any], whole: NDArray[Any], otherwise: float = np.nan) -> Floats:
    whole = np.broadcast_to(np.asarray(whole, np.float64), np.shape(part))
    out = np.full(np.shape(part), otherwise)
    quotient: Floats = np.divide(part, whole, out=out, where=whole > 0)
    return quotient


def _check(target: NDArray[Any], logits: NDArray[Any]) -> None:
    if target.ndim != 2 or target.shape != logits.shape:
        raise BenchError(
            f"expected targets and logits of one shape [N, C], found {target.shape} and "
            f"{logits.shape}"
        )
    if np.isnan(logits).any():
        sample, label = np.argwhere(np.isnan(logits))[0]
        raise BenchError(
            f"expected a logit for every label, found NaN for label {label} of sample {sample}",
            "look for NaN in the model's weights and in its input",
        )
