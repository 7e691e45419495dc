"""F1 from decisions: support-weighted, macro, micro and by class, for one or many weightings.

With TP true positives, P predicted ones and n actual ones of a class, F1 = 2 TP / (P + n), and NaN
where n is 0: the class doesn't occur, and means leave it out (`bench.metrics.macro`). The weighted
mean is sum_c n_c F1_c / sum_c n_c: scikit-learn's ``average="weighted"`` with ``zero_division=0``,
except that nothing to find is NaN here.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.metrics.macro import macro, where
from bench.metrics.stats import weighted_sums

Floats = NDArray[np.float64]


def f1_scores(
    targets: NDArray[np.uint8], decisions: NDArray[np.uint8], counts: NDArray[np.uint16]
) -> dict[str, Floats]:
    """F1 of N samples under each row of counts.

    Args:
        targets: [N, C] of 0 and 1: the class is there.
        decisions: [N, C] of 0 and 1: the class was predicted.
        counts: [B, N], how often each sample counts.

    Returns:
        ``weighted``, ``macro`` and ``micro`` [B], ``classes`` [B, C].
    """
    both = np.concatenate([targets & decisions, decisions, targets], axis=1)
    return f1_of_counts(*np.split(weighted_sums(counts, both), 3, axis=1))


def f1_of_counts(
    correct: NDArray[Any], predicted: NDArray[Any], positive: NDArray[Any]
) -> dict[str, Floats]:
    """F1 from numbers of decisions, [B, C] each: true positives, predicted, actual ones.

    Returns:
        ``weighted``, ``macro`` and ``micro`` [B], ``classes`` [B, C].
    """
    classes = _f1(correct, predicted, positive)
    support = positive.sum(axis=1)
    with np.errstate(invalid="ignore"):
        weighted = np.nansum(positive * classes, axis=1) / support
    micro = _f1(*(part.sum(axis=1) for part in (correct, predicted, positive)))
    return {
        "weighted": weighted,
        "macro": macro(classes),
        "micro": micro,
        "classes": classes,
    }


def _f1(correct: Any, predicted: Any, positive: Any) -> Floats:
    whole = predicted + positive
    values: Floats = np.divide(2 * correct, whole, out=np.zeros_like(whole), where=whole > 0)
    return where(positive > 0, values)


def worst_f1(
    targets: NDArray[np.uint8],
    decisions: NDArray[np.uint8],
    groups: NDArray[np.intp],
    counts: NDArray[np.uint16],
) -> Floats:
    """The lowest weighted F1 of any group of samples, [B].

    A group of which a resample holds nothing to find doesn't count there; NaN where none does.

    Args:
        targets: as for `f1_scores`.
        decisions: as for `f1_scores`.
        groups: [N], the group of each sample.
        counts: as for `f1_scores`.
    """
    scores = []
    for group in np.unique(groups):
        rows = groups == group
        found = f1_scores(targets[rows], decisions[rows], counts[:, rows])
        scores.append(found["weighted"])
    worst: Floats = np.fmin.reduce(scores)
    return worst
