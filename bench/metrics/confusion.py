"""Confusion matrices of class maps, and the scores that follow from them.

Matrices [..., C, C] count pixels: rows are targets, columns predictions. They add up over samples,
so a test set's score is the score of the sum, and that without some images that of a weighted sum
(``bench.metrics.stats.weighted_sums``). Every score takes any leading axes and returns float64.

A class that doesn't occur in the targets has no IoU and no F1: NaN, left out of means
(`bench.metrics.macro`); pixels that are taken for it count against the classes they are of.
torchmetrics leaves it out of its macro ``JaccardIndex`` only where it isn't predicted either. A
score of an empty matrix is NaN.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.metrics.macro import macro, where

Masks = NDArray[np.uint8]
Matrices = NDArray[np.integer[Any]] | NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

_PIXELS_PER_PIECE = 1 << 17


def confusion_matrices(
    target: Masks, prediction: Masks, classes: int, ignore: int | None = None
) -> NDArray[np.int64]:
    """One confusion matrix per mask.

    Args:
        target: [N, H, W] uint8, the class of every pixel, or ``ignore``.
        prediction: [N, H, W] uint8; what it says where the target is ``ignore`` doesn't matter.
        classes: C, 1 to 256.
        ignore: the target value of pixels that don't count; a class may be ignored too.

    Returns:
        [N, C, C] int64.

    Raises:
        BenchError: shapes or dtypes aren't as above, or a pixel that counts has a target or a
            prediction outside [0, C).
    """
    if target.ndim != 3 or target.shape != prediction.shape:
        raise BenchError(
            "expected targets and predictions of one shape [N, H, W], "
            f"found {list(target.shape)} and {list(prediction.shape)}"
        )
    if target.dtype != np.uint8 or prediction.dtype != np.uint8:
        raise BenchError(
            f"expected masks as uint8, found {target.dtype} targets and {prediction.dtype} "
            "predictions"
        )
    if not 1 <= classes <= 256:
        raise BenchError(f"expected 1 to 256 classes, found {classes}")
    # Fewer bits for the prediction mean a histogram that stays in the nearest cache.
    shift = max(int(prediction.max(initial=0)), classes - 1).bit_length()

    def histogram(sample: int) -> NDArray[np.int64]:
        return _joint_histogram(target[sample].ravel(), prediction[sample].ravel(), shift)

    matrices = np.zeros((len(target), classes, classes), np.int64)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for sample, joint in enumerate(pool.map(histogram, range(len(target)))):
            if ignore is not None and 0 <= ignore < len(joint):
                joint[ignore] = 0
            matrices[sample] = joint[:classes, :classes]
            if matrices[sample].sum() != joint.sum():
                raise _outside(joint, classes, ignore, sample)
    return matrices


def overall_accuracy(matrices: Matrices) -> Floats:
    """[...] the share of pixels that are right."""
    return _ratio(_diagonal(matrices).sum(axis=-1), matrices.sum(axis=(-2, -1)))


def class_iou(matrices: Matrices) -> Floats:
    """[..., C] TP / (TP + FP + FN), the Jaccard index of each class over all pixels."""
    hits, there = _diagonal(matrices), matrices.sum(axis=-1)
    return where(there > 0, _ratio(hits, there + matrices.sum(axis=-2) - hits))


def mean_iou(matrices: Matrices) -> Floats:
    """[...] mIoU, the mean of ``class_iou`` over classes that occur in the target.

    torchmetrics' macro ``JaccardIndex`` where all do; its ``MeanIoU`` averages over samples and is
    another quantity.
    """
    return macro(class_iou(matrices))


def class_f1(matrices: Matrices) -> Floats:
    """[..., C] 2 TP / (2 TP + FP + FN)."""
    there = matrices.sum(axis=-1)
    return where(there > 0, _ratio(2 * _diagonal(matrices), there + matrices.sum(axis=-2)))


def mean_f1(matrices: Matrices) -> Floats:
    """[...] the mean of ``class_f1`` over classes that occur in the target.

    scikit-learn's ``f1_score`` with ``average="macro"`` and their ``labels``.
    """
    return macro(class_f1(matrices))


def mean_class_accuracy(matrices: Matrices) -> Floats:
    """[...] the mean recall of the classes that occur in the target.

    scikit-learn's ``balanced_accuracy_score``. torchmetrics' macro accuracy also counts classes
    that only the prediction holds, as 0.
    """
    return macro(_ratio(_diagonal(matrices), matrices.sum(axis=-1)))


def kappa(matrices: Matrices) -> Floats:
    """[...] Cohen's kappa (1960), (p_o - p_e) / (1 - p_e); NaN where chance alone agrees fully."""
    counts = matrices.astype(np.float64)
    total = counts.sum(axis=(-2, -1))
    by_chance = (counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1)
    agreed = _diagonal(counts).sum(axis=-1) * total
    return _ratio(agreed - by_chance, total * total - by_chance)


def _joint_histogram(target: Masks, prediction: Masks, shift: int) -> NDArray[np.int64]:
    """[256, 2^shift] pixels by target and prediction, in pieces that stay in cache."""
    joint = np.zeros(256 << shift, np.int64)
    for start in range(0, target.size, _PIXELS_PER_PIECE):
        piece = slice(start, start + _PIXELS_PER_PIECE)
        pairs = target[piece].astype(np.uint16)
        pairs <<= shift
        pairs |= prediction[piece]
        joint += np.bincount(pairs, minlength=joint.size)
    return joint.reshape(256, 1 << shift)


def _outside(joint: NDArray[np.int64], classes: int, ignore: int | None, sample: int) -> BenchError:
    targets, predictions = joint[classes:].sum(), joint[:classes, classes:].sum()
    where, pixels = ("target", targets) if targets else ("prediction", predictions)
    axis = 1 if targets else 0
    value = classes + int(joint.sum(axis=axis)[classes:].argmax())
    return BenchError(
        f"expected every {where} to be below {classes} classes, found {value} among {pixels} "
        f"pixels of mask {sample}",
        f"pixels are left out where the target is {ignore}"
        if ignore is not None
        else "name the value of pixels that don't count",
    )


def _diagonal(matrices: Matrices) -> NDArray[Any]:
    return np.diagonal(matrices, axis1=-2, axis2=-1)


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    quotient: Floats = np.divide(
        part, whole, out=np.full(np.shape(whole), np.nan), where=np.not_equal(whole, 0)
    )
    return quotient


def occurring(matrix: Matrices) -> int:
    """How many classes stand behind a mean over classes of a matrix [C, C]."""
    return int((matrix.sum(axis=-1) > 0).sum())
