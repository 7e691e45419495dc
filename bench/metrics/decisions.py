"""Threshold metrics of yes-or-no decisions about labels, from counts that add up.

Which metrics there are, and where they have no value, is said in `bench.metrics.multilabel`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.metrics.areas import Floats, ratio
from bench.metrics.macro import macro, where
from bench.metrics.stats import weighted_sums

Counts = NDArray[np.uint16]


class Decisions(NamedTuple):
    """Numbers of true and false positives and negatives, all of one shape."""

    tp: NDArray[Any]
    fp: NDArray[Any]
    fn: NDArray[Any]
    tn: NDArray[Any]


RATES: dict[str, Callable[[Decisions], Floats]] = {
    "f1": lambda d: ratio(2 * d.tp, 2 * d.tp + d.fn + d.fp),
    "f2": lambda d: ratio(5 * d.tp, 5 * d.tp + 4 * d.fn + d.fp),
    "precision": lambda d: ratio(d.tp, d.tp + d.fp),
    "recall": lambda d: ratio(d.tp, d.tp + d.fn),
    "specificity": lambda d: ratio(d.tn, d.tn + d.fp),
    "accuracy": lambda d: ratio(d.tp + d.tn, d.tp + d.fp + d.fn + d.tn),
}


def counted_metrics(counts: NDArray[np.int64], samples: int) -> dict[str, Floats]:
    """The threshold metrics of all averages but ``samples``, from counts that add up.

    Args:
        counts: [3, C] int64: the true positives, the predicted labels and the positives of each
            class.
        samples: N, at least 1.

    Returns:
        A float64 array per name: [] for macro and micro, [C] for classes, equal to what
        `bench.metrics.multilabel.multilabel_metrics` finds for the predictions that were counted.
    """
    rates = counted(np.array([[samples]]), *counts[:, None].astype(np.float64))
    for metric in RATES:
        rates[f"{metric}_macro"] = macro(rates[f"{metric}_classes"])
    return {name: values[0] for name, values in rates.items()}


def sampled_metrics(decisions: NDArray[np.int64], classes: int) -> dict[str, Floats]:
    """The threshold metrics of the average ``samples``.

    Args:
        decisions: [N, 3] int64: the true positives, the predicted labels and the positives of each
            sample.
        classes: C.

    Returns:
        A float64 array [] per name, equal to the last bit to what
        `bench.metrics.multilabel.multilabel_metrics` finds where it is asked for all of them.
    """
    each = of_samples(decisions, classes)
    per_sample = {metric: rate(each) for metric, rate in RATES.items()}
    once = np.ones((1, len(decisions)), np.uint16)
    return {name: values[0] for name, values in means(per_sample, once).items()}


def counted(
    total: NDArray[Any], tp: NDArray[Any], chosen: NDArray[Any], true: NDArray[Any]
) -> dict[str, Floats]:
    """The metrics by class [B, C] and pooled [B], under B weightings.

    Args:
        total: [B, 1], the weight of all samples.
        tp: [B, C], that of the true positives of each class.
        chosen: [B, C], that of its predicted labels.
        true: [B, C], that of its positives.
    """
    decisions = Decisions(tp, chosen - tp, true - tp, total - chosen - true + tp)
    pooled = Decisions(*(part.sum(axis=1) for part in decisions))
    rates = {
        f"{metric}_classes": where(_defined(metric, decisions), rate(decisions))
        for metric, rate in RATES.items()
    }
    return rates | {
        f"{metric}_micro": where(_defined(metric, pooled, one_class=False), rate(pooled))
        for metric, rate in RATES.items()
    }


def means(per_sample: dict[str, Floats], counts: Counts) -> dict[str, Floats]:
    """The mean over samples of each metric's values [N] under each row of counts, [B]."""
    values = np.stack(list(per_sample.values()), axis=1)
    found = weighted_sums(counts, values) / counts.sum(axis=1, dtype=np.int64)[:, None]
    return dict(zip((f"{metric}_samples" for metric in per_sample), found.T, strict=True))


def of_samples(decisions: NDArray[np.int64], classes: int) -> Decisions:
    """Each sample's decisions from its numbers [N, 3] of true positives, predicted, positive."""
    tp, chosen, true = decisions.T
    return Decisions(tp, chosen - tp, true - tp, classes - chosen - true + tp)


def _defined(metric: str, of: Decisions, *, one_class: bool = True) -> NDArray[np.bool_]:
    """Where there is a positive, and for specificity a negative; of one class, it must occur."""
    positives: NDArray[np.bool_] = of.tp + of.fn > 0
    negatives: NDArray[np.bool_] = of.tn + of.fp > 0
    if metric == "accuracy" and not one_class:
        return positives | negatives
    if metric != "specificity":
        return positives
    return positives & negatives if one_class else negatives
