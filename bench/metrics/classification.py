"""Classification with one class for each image: confusion matrix and the scores from its sums.

====================  ==============================================================================
metric                value
====================  ==============================================================================
``accuracy_micro``    top-1 accuracy: the share of images whose class has the highest logit
``accuracy_classes``  recall of each class: the same share of the images of the class
``accuracy_macro``    mean of ``accuracy_classes`` over the classes that occur
``f1_classes``        2 TP / (2 TP + FP + FN) of each class
``f1_macro``          mean of ``f1_classes`` over the classes that occur
``kappa_micro``       Cohen's kappa (1960), (p_o - p_e) / (1 - p_e)
====================  ==============================================================================

Ties count against the model: an image whose class shares the highest logit with another class is
taken for that other class, the first of several. So a model that gives all classes the same logit
is never right.

A class without an image has no recall and no F1: NaN, left out of means (`bench.metrics.macro`);
images that are taken for it count against the classes they are of. ``accuracy_macro`` is
scikit-learn's ``balanced_accuracy_score``, ``f1_macro`` its ``f1_score`` with ``average="macro"``
and the ``labels`` that occur.

All follow from three sums for each class (`Sums`), which add up over images, so that those of
resampled images cost one pass over the counts.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.metrics import calibration
from bench.metrics.macro import macro, where
from bench.metrics.stats import weighted_sums

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Counts = NDArray[np.uint16]

NAMES = (
    *("accuracy_micro", "accuracy_macro", "f1_macro", "kappa_micro"),
    *("accuracy_classes", "f1_classes"),
)
"""The metrics that `scores` gives."""


class Sums(NamedTuple):
    """Numbers of images by class, [..., C] each.

    Attributes:
        target: that are of the class.
        predicted: that are taken for it.
        right: that are of it and taken for it.
    """

    target: Floats
    predicted: Floats
    right: Floats


def predicted_classes(
    target: NDArray[np.integer[Any]], logits: NDArray[np.floating[Any]]
) -> Indices:
    """[N] the class that each image is taken for; ties count against the model.

    Args:
        target: [N] integers in [0, C).
        logits: [N, C], of two classes at least.

    Raises:
        BenchError: shapes don't fit, a target is outside of the classes, or a logit is NaN.
    """
    _check(target, logits)
    rows, own = np.arange(len(target)), target.astype(np.int64)
    others = logits.astype(np.float64)
    of_target = others[rows, own].copy()
    others[rows, own] = -np.inf
    rival = others.argmax(axis=1)
    predicted: Indices = np.where(of_target > others[rows, rival], own, rival).astype(np.int64)
    return predicted


def tied(logits: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """[N] whether several classes share the highest of an image's logits [N, C]."""
    highest = logits.max(axis=1, keepdims=True)
    shared: NDArray[np.bool_] = np.count_nonzero(logits == highest, axis=1) > 1
    return shared


def confusion_matrix(
    target: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], classes: int
) -> Indices:
    """[C, C] how many images of a class (row) are taken for a class (column).

    Args:
        target: [N] integers in [0, C).
        predicted: [N] likewise, `predicted_classes`.
        classes: C.
    """
    cells = target.astype(np.int64) * classes + predicted.astype(np.int64)
    matrix: Indices = np.bincount(cells, minlength=classes**2).reshape(classes, classes)
    return matrix


def of_matrices(matrices: NDArray[Any]) -> Sums:
    """The sums of confusion matrices [..., C, C]."""
    right = np.diagonal(matrices, axis1=-2, axis2=-1)
    return Sums(
        *(values.astype(np.float64) for values in (matrices.sum(-1), matrices.sum(-2), right))
    )


def resampled(target: Indices, predicted: Indices, classes: int, counts: Counts) -> Sums:
    """The sums under each row of counts, [B, C].

    Args:
        target: [N] integers in [0, C).
        predicted: [N] likewise.
        classes: C.
        counts: [B, N], how often each resample holds each image.
    """
    right = target == predicted
    return Sums(
        _by_class(counts, target, classes),
        _by_class(counts, predicted, classes),
        _by_class(counts[:, right], target[right], classes),
    )


def scores(sums: Sums) -> dict[str, Floats]:
    """All of `NAMES`, [...] or [..., C]; NaN where a metric isn't defined."""
    total, right = sums.target.sum(axis=-1), sums.right.sum(axis=-1)
    recall = _ratio(sums.right, sums.target)
    f1 = where(sums.target > 0, _ratio(2 * sums.right, sums.target + sums.predicted))
    by_chance = (sums.target * sums.predicted).sum(axis=-1)
    return {
        "accuracy_micro": _ratio(right, total),
        "accuracy_macro": macro(recall),
        "f1_macro": macro(f1),
        "kappa_micro": _ratio(right * total - by_chance, total * total - by_chance),
        "accuracy_classes": recall,
        "f1_classes": f1,
    }


class Certainty(NamedTuple):
    """What calibration metrics need of N samples with one class each.

    Attributes:
        sums: [N, calibration.CLASS_SUMS], of `calibration.class_sums`.
        confidence: [N], the highest probability.
        loss: [N], 1 where the class is wrong, else 0.
    """

    sums: Floats
    confidence: Floats
    loss: Floats


def certainty(
    target: NDArray[np.integer[Any]],
    predicted: NDArray[np.integer[Any]],
    logits: NDArray[np.floating[Any]],
) -> Certainty:
    """What calibration metrics need of samples with one class each.

    Args:
        target: [N] indices in [0, C).
        predicted: [N], the class that each sample is taken for.
        logits: [N, C], finite, whose softmax gives probabilities, in float64.
    """
    rows = np.arange(len(target))
    scores = logits.astype(np.float64)
    behind = scores.max(axis=1, keepdims=True) - scores
    probability = np.exp(-behind)
    total = probability.sum(axis=1)
    probability /= total[:, None]
    of_true = probability[rows, target]
    squared = (probability * probability).sum(axis=1) - 2 * of_true + 1
    surprise = behind[rows, target] + np.log(total)
    right = target == predicted
    confidence: Floats = probability.max(axis=1)
    sums = calibration.class_sums(
        confidence[:, None], right[:, None], squared[:, None], surprise[:, None]
    )
    return Certainty(sums, confidence, (~right).astype(np.float64))


def calibration_scores(
    of: Certainty, counts: Counts, names: Sequence[str] = calibration.CLASSES
) -> dict[str, Floats]:
    """Those of `calibration.CLASSES` that are named, [B], under each row of counts [B, N].

    AURC knows the confidence of each sample, where `calibration.of_class_sums` knows its bin.
    """
    found = {}
    if any(name != "aurc_micro" for name in names):
        found = calibration.class_metrics(weighted_sums(counts, of.sums))
    if "aurc_micro" in names:
        found["aurc_micro"] = calibration.risk_coverage(of.confidence, of.loss, counts)
    return {name: found[name] for name in names}


def _by_class(counts: Counts, index: Indices, classes: int) -> Floats:
    """[B, C] the counts [B, N] of the images of each class."""
    sums = np.zeros((len(counts), classes))
    if not len(index):
        return sums
    order = np.argsort(index, kind="stable")
    there, starts = np.unique(index[order], return_index=True)
    sums[:, there] = np.add.reduceat(counts[:, order], starts, axis=1, dtype=np.int64)
    return sums


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    quotient: Floats = np.divide(
        part, whole, out=np.full(np.shape(whole), np.nan), where=whole != 0
    )
    return quotient


def _check(target: NDArray[Any], logits: NDArray[Any]) -> None:
    if logits.ndim != 2 or logits.shape[1] < 2 or target.shape != logits.shape[:1]:
        raise BenchError(
            "expected targets [N] and logits [N, C] of two classes at least, found "
            f"{list(target.shape)} and {list(logits.shape)}"
        )
    outside = np.flatnonzero((target < 0) | (target >= logits.shape[1]))
    if outside.size:
        raise BenchError(
            f"expected targets in [0, {logits.shape[1]}), found {target[outside[0]]} for sample "
            f"{outside[0]}"
        )
    if np.isnan(logits).any():
        sample = int(np.argwhere(np.isnan(logits))[0, 0])
        raise BenchError(
            f"expected a logit for every class, found NaN for sample {sample}",
            "look for NaN in the model's weights and in its input",
        )
