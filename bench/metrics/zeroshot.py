"""Zero-shot classification by the cosine between images and prompts that name the classes.

A class is the mean of its prompts' unit vectors, made a unit vector again: the classifier of CLIP
(Radford et al. 2021), of LAION's CLIP_benchmark and of RS-TransCLIP (El Khoury et al. 2025).
GeoRSCLIP averages before normalising, which weighs prompts by their norms and is another number.

Scores are the exact dot products of ``bench.metrics.embeddings``, so ties are true ties. They count
against the model: an image is right where its class scores above every other. Two classes with
equal prompts are never right, and nor is a model whose embeddings are all equal.
"""

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.metrics.embeddings import Embeddings, Indices, Scores, Vectors, unit_pair, unit_vectors
from bench.metrics.multilabel import multilabel_metrics

_ROWS_AT_ONCE = 4096


def class_embeddings(prompts: Embeddings) -> Vectors:
    """One unit vector per class from the embeddings of its filled-in templates.

    Args:
        prompts: [C, T, D] float16 or float32 embeddings of any norm, T templates per class.

    Returns:
        [C, D] float32.

    Raises:
        BenchError: the shape or dtype isn't as above, an embedding isn't finite or is 0, or the
            prompts of a class cancel out.
    """
    if prompts.ndim != 3 or not prompts.size:
        raise BenchError(
            f"expected prompt embeddings [C, T, D] with no axis empty, found {list(prompts.shape)}"
        )
    units = unit_vectors(prompts.reshape(-1, prompts.shape[-1]), "prompt").reshape(prompts.shape)
    return unit_vectors(units.mean(axis=1, dtype=np.float64).astype(np.float32), "class")


def class_scores(images: Embeddings, classes: Embeddings) -> Scores:
    """The cosine of every image with every class, [N, C] float64.

    Args:
        images: [N, D] float16 or float32 embeddings of any norm.
        classes: [C, D] likewise, :func:`class_embeddings`.

    Raises:
        BenchError: shapes or dtypes aren't as above, or an embedding isn't finite or is 0.
    """
    left, right = unit_pair(images, classes, ("image", "class"))
    scores = np.empty((len(left), len(right)))
    for start in range(0, len(left), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        scores[part] = left[part].astype(np.float64) @ right.T.astype(np.float64)
    return scores


def class_ranks(scores: Scores, labels: Indices) -> Indices:
    """[N] the place of each image's true class, from 1, behind every other of the same score.

    Args:
        scores: [N, C] :func:`class_scores`, or any scores where more is better.
        labels: [N] integers in [0, C).

    Raises:
        BenchError: shapes don't fit, a label is outside of the classes, or a score is NaN.
    """
    if scores.ndim != 2 or not scores.size or labels.shape != (len(scores),):
        raise BenchError(
            "expected scores [N, C] with at least one image and one label for each, "
            f"found {list(scores.shape)} and {list(labels.shape)}"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise BenchError(f"expected labels as integers, found {labels.dtype}")
    outside = np.flatnonzero((labels < 0) | (labels >= scores.shape[1]))
    if outside.size:
        raise BenchError(
            f"expected labels in [0, {scores.shape[1]}), found {labels[outside[0]]} for image "
            f"{outside[0]}"
        )
    if np.isnan(scores.min()):
        image = int(np.argwhere(np.isnan(scores))[0, 0])
        raise BenchError(f"expected a score for every class, found NaN for image {image}")
    own = np.take_along_axis(scores, labels[:, None].astype(np.int64), axis=1)
    ranks: Indices = np.count_nonzero(scores >= own, axis=1).astype(np.int64)
    return ranks


def accuracy(ranks: Indices, k: int = 1) -> float:
    """Top-k accuracy: the share of images whose class is among the k best, as a fraction."""
    return float(np.mean(ranks <= k))


def class_accuracy(ranks: Indices, labels: Indices, classes: int, k: int = 1) -> Scores:
    """[C] the top-k accuracy of the images of each class, NaN for a class without any.

    Their mean without NaN is the mean per-class recall of CLIP_benchmark.
    """
    images = np.bincount(labels, minlength=classes)
    right = np.bincount(labels[ranks <= k], minlength=classes)
    shares: Scores = np.divide(right, images, out=np.full(classes, np.nan), where=images > 0)
    return shares


def multilabel_precision(scores: Scores, target: NDArray[np.uint8]) -> dict[str, Scores]:
    """Average precision of zero-shot scores where an image has several labels.

    Args:
        scores: [N, C] :func:`class_scores`.
        target: [N, C] uint8 or bool.

    Returns:
        ``ap_macro`` and ``ap_classes`` of ``bench.metrics.multilabel``.

    Raises:
        BenchError: as for ``multilabel_metrics``.
    """
    return multilabel_metrics(target, scores, ["ap_macro", "ap_classes"])
