"""Confusion matrices and their scores against torchmetrics, scikit-learn and closed forms."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from bench.base.errors import BenchError
from bench.metrics.confusion import (
    class_f1,
    class_iou,
    confusion_matrices,
    kappa,
    mean_class_accuracy,
    mean_f1,
    mean_iou,
    overall_accuracy,
)
from bench.metrics.stats import weighted_sums
from tests.resampled import resampled

SCORES = [overall_accuracy, class_iou, mean_iou, class_f1, mean_f1, mean_class_accuracy, kappa]


@pytest.fixture(scope="module")
def peer():
    """torchmetrics' functional classification metrics."""
    importlib.import_module("bench.base.torch_setup")
    return importlib.import_module("torchmetrics.functional.classification")


def masks(classes: int = 7, size: tuple[int, int, int] = (4, 19, 23), seed: int = 0):
    """Targets with void as 255, predictions that are right half of the time."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, classes, size).astype(np.uint8)
    prediction = np.where(rng.random(size) < 0.5, target, rng.integers(0, classes, size))
    target[rng.random(size) < 0.1] = 255
    return target, prediction.astype(np.uint8)


def test_equals_scikit_learn_per_mask():
    target, prediction = masks()
    prediction[target == 255] = 200
    found = confusion_matrices(target, prediction, 7, ignore=255)
    assert found.dtype == np.int64
    for matrix, truth, guess in zip(found, target, prediction, strict=True):
        counted = truth != 255
        expected = sk.confusion_matrix(truth[counted], guess[counted], labels=range(7))
        assert np.array_equal(matrix, expected)


def test_equals_torchmetrics(peer):
    import torch

    target, prediction = masks()
    matrix = confusion_matrices(target, prediction, 7, ignore=255).sum(axis=0)
    arguments = {"num_classes": 7, "ignore_index": 255}
    pair = torch.from_numpy(prediction).long(), torch.from_numpy(target).long()
    expected = peer.multiclass_confusion_matrix(*pair, **arguments)
    assert np.array_equal(matrix, expected.numpy())
    for score, name, average in [
        (overall_accuracy, "accuracy", "micro"),
        (mean_class_accuracy, "accuracy", "macro"),
        (class_iou, "jaccard_index", "none"),
        (mean_iou, "jaccard_index", "macro"),
        (class_f1, "f1_score", "none"),
    ]:
        value = getattr(peer, f"multiclass_{name}")(*pair, average=average, **arguments)
        assert score(matrix) == pytest.approx(value.numpy(), abs=1e-6), name
    expected = peer.multiclass_cohen_kappa(*pair, **arguments)
    assert kappa(matrix) == pytest.approx(expected.item(), abs=1e-6)


def test_scores_equal_scikit_learn():
    target, prediction = masks(seed=1)
    matrix = confusion_matrices(target, prediction, 7, ignore=255).sum(axis=0)
    counted = target != 255
    pair = target[counted], prediction[counted]
    assert overall_accuracy(matrix) == pytest.approx(sk.accuracy_score(*pair), abs=1e-14)
    assert class_iou(matrix) == pytest.approx(sk.jaccard_score(*pair, average=None), abs=1e-14)
    assert mean_iou(matrix) == pytest.approx(sk.jaccard_score(*pair, average="macro"), abs=1e-14)
    assert mean_f1(matrix) == pytest.approx(sk.f1_score(*pair, average="macro"), abs=1e-14)
    assert class_f1(matrix) == pytest.approx(sk.f1_score(*pair, average=None), abs=1e-14)
    assert mean_class_accuracy(matrix) == pytest.approx(sk.balanced_accuracy_score(*pair))
    assert kappa(matrix) == pytest.approx(sk.cohen_kappa_score(*pair), abs=1e-14)


def test_closed_form():
    matrix = np.array([[3, 1], [2, 4]])
    assert overall_accuracy(matrix) == pytest.approx(7 / 10)
    assert class_iou(matrix) == pytest.approx([3 / 6, 4 / 7])
    assert mean_iou(matrix) == pytest.approx((3 / 6 + 4 / 7) / 2)
    assert class_f1(matrix) == pytest.approx([6 / 9, 8 / 11])
    assert mean_class_accuracy(matrix) == pytest.approx((3 / 4 + 4 / 6) / 2)
    assert kappa(matrix) == pytest.approx((0.7 - 0.5) / (1 - 0.5))


def test_class_that_does_not_occur_is_left_out_of_means():
    matrix = np.array([[5, 1, 0], [0, 0, 0], [0, 0, 0]])
    assert class_iou(matrix) == pytest.approx([5 / 6, np.nan, np.nan], nan_ok=True)
    assert class_f1(matrix) == pytest.approx([10 / 11, np.nan, np.nan], nan_ok=True)
    assert mean_iou(matrix) == pytest.approx(5 / 6)
    assert mean_class_accuracy(matrix) == pytest.approx(5 / 6)


def test_mean_iou_with_an_absent_class_equals_torchmetrics(peer):
    import torch

    target, prediction = masks(classes=5)
    matrix = confusion_matrices(target, prediction, 9, ignore=255).sum(axis=0)
    expected = peer.multiclass_jaccard_index(
        torch.from_numpy(prediction).long(),
        torch.from_numpy(target).long(),
        num_classes=9,
        ignore_index=255,
    )
    assert mean_iou(matrix) == pytest.approx(expected.item(), abs=1e-6)


def test_nothing_counted_has_no_score():
    void = np.full((2, 3, 3), 255, np.uint8)
    matrices = confusion_matrices(void, void, 4, ignore=255)
    assert not matrices.any()
    for score in SCORES:
        assert np.isnan(score(matrices)).all(), score.__name__
    assert np.isnan(kappa(np.array([[9, 0], [0, 0]])))


def test_a_class_can_be_ignored():
    target, prediction = masks()
    target[target == 255] = 0
    found = confusion_matrices(target, prediction, 7, ignore=0)
    full = confusion_matrices(target, prediction, 7)
    assert not found[:, 0].any()
    assert np.array_equal(found[:, 1:], full[:, 1:])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 256), st.integers(0, 2**32), st.integers(1, 3), st.integers(0, 9))
def test_every_pixel_lands_in_its_cell(classes, seed, samples, width):
    rng = np.random.default_rng(seed)
    target, prediction = rng.integers(0, classes, (2, samples, 3, width)).astype(np.uint8)
    expected = np.zeros((samples, classes, classes), np.int64)
    np.add.at(expected, (np.arange(samples)[:, None, None], target, prediction), 1)
    assert np.array_equal(confusion_matrices(target, prediction, classes), expected)


def test_masks_larger_than_a_piece_are_counted_whole():
    target, prediction = masks(size=(1, 400, 700))
    counted = target != 255
    expected = sk.confusion_matrix(target[counted], prediction[counted])
    assert np.array_equal(confusion_matrices(target, prediction, 7, ignore=255)[0], expected)


def test_replicates_are_the_scores_of_repeated_masks():
    target, prediction = masks(size=(20, 6, 6))
    counts = resampled(20, 8)
    matrices = confusion_matrices(target, prediction, 7, ignore=255)
    replicates = weighted_sums(counts, matrices)
    for resample, row in enumerate(counts):
        chosen = np.repeat(np.arange(20), row)
        expected = confusion_matrices(target[chosen], prediction[chosen], 7, ignore=255).sum(axis=0)
        for score in SCORES:
            assert score(replicates)[resample] == pytest.approx(
                score(expected), abs=1e-12, nan_ok=True
            ), score.__name__


@pytest.mark.parametrize(
    ("target", "prediction", "classes", "message"),
    [
        (np.zeros((3, 3)), np.zeros((3, 3)), 2, r"\[N, H, W\]"),
        (np.zeros((1, 3, 3)), np.zeros((1, 3, 2)), 2, "one shape"),
        (np.zeros((1, 3, 3)), np.zeros((1, 3, 3)), 2, "uint8, found float64"),
        (np.zeros((1, 3, 3), np.uint8), np.zeros((1, 3, 3), np.uint8), 257, "256 classes"),
        (
            np.zeros((1, 3, 3), np.uint8),
            np.full((1, 3, 3), 2, np.uint8),
            2,
            "prediction .* found 2",
        ),
        (np.full((1, 3, 3), 9, np.uint8), np.zeros((1, 3, 3), np.uint8), 2, "target .* found 9"),
    ],
)
def test_refuses_what_is_not_a_mask(target, prediction, classes, message):
    with pytest.raises(BenchError, match=message):
        confusion_matrices(target, prediction, classes, ignore=255)


def test_foreign_prediction_on_a_counted_pixel_is_named():
    target, prediction = masks()
    prediction[2, 0, 0], target[2, 0, 0] = 7, 3
    with pytest.raises(BenchError, match="found 7 among 1 pixels of mask 2"):
        confusion_matrices(target, prediction, 7, ignore=255)
