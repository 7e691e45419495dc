"""Calibration, proper scores and risk-coverage against torchmetrics, scikit-learn, closed forms."""

import bench.base.torch_setup  # noqa: F401  # isort: skip
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import expit, softmax
from sklearn.metrics import brier_score_loss, log_loss
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_calibration_error,
)

from bench.base.errors import BenchError
from bench.metrics import calibration
from bench.metrics.calibration import BINS, class_sums, label_sums, of_class_sums, of_label_sums


def labels(samples, classes, seed=0, scale=2.0):
    rng = np.random.default_rng(seed)
    logits = scale * rng.standard_normal((samples, classes))
    return (rng.random(logits.shape) < expit(0.5 * logits)).astype(np.uint8), logits


def of_labels(target, logits):
    sums = label_sums(target, logits).sum(axis=0)
    return of_label_sums(sums, np.asarray(target.size))


def of_classes(probabilities, target):
    """The metrics of N decisions with probabilities [N, C], as one sample."""
    classes = probabilities.shape[1]
    squared = ((probabilities - np.eye(classes)[target]) ** 2).sum(axis=1)
    surprise = -np.log(probabilities[np.arange(len(target)), target])
    parts = (probabilities.max(axis=1), probabilities.argmax(axis=1) == target, squared, surprise)
    return of_class_sums(class_sums(*(part[None] for part in parts))[0])


def by_loop(confidence, loss, counts):
    """The area by its definition, mean over orders of equal confidences by their expectation."""
    sure, lost = np.repeat(confidence, counts), np.repeat(loss, counts)
    risks, before, so_far = [], 0, 0.0
    for value in np.unique(sure)[::-1]:
        group = lost[sure == value]
        risks += [
            (so_far + place * group.mean()) / (before + place) for place in range(1, len(group) + 1)
        ]
        before, so_far = before + len(group), so_far + group.sum()
    return np.mean(risks) if risks else np.nan


@pytest.mark.parametrize("seed", range(3))
def test_labels_agree_with_torchmetrics_and_scikit_learn(seed):
    target, logits = labels(500, 7, seed)
    found = of_labels(target, logits)
    probability, true = expit(logits).ravel(), target.ravel()
    ece = binary_calibration_error(torch.tensor(probability), torch.tensor(true), n_bins=BINS)
    assert found["ece"] == pytest.approx(ece.item(), abs=1e-9)
    assert found["brier"] == pytest.approx(brier_score_loss(true, probability))
    assert found["nll"] == pytest.approx(log_loss(true, probability))


@pytest.mark.parametrize("scale", [0.5, 2.0, 6.0])
def test_classes_agree_with_torchmetrics_and_scikit_learn(scale):
    rng = np.random.default_rng(0)
    probabilities = softmax(scale * rng.standard_normal((2_000, 5)), axis=1)
    target = np.where(rng.random(2_000) < 0.5, probabilities.argmax(axis=1), rng.integers(5))
    found = of_classes(probabilities, target)
    ece = multiclass_calibration_error(
        torch.tensor(probabilities), torch.tensor(target), 5, n_bins=BINS
    )
    # In float32 there.
    assert found["ece"] == pytest.approx(ece.item(), abs=1e-5)
    assert found["nll"] == pytest.approx(log_loss(target, probabilities, labels=range(5)))
    whole = brier_score_loss(target, probabilities, labels=range(5), scale_by_half=False)
    assert found["brier"] == pytest.approx(whole)
    exact = calibration.risk_coverage(
        probabilities.max(axis=1),
        probabilities.argmax(axis=1) != target,
        np.ones((1, 2_000), np.uint16),
    )
    assert found["aurc"] == pytest.approx(exact[0], abs=0.01)


def test_closed_forms():
    # Everything 0.5 and half of it true: ECE 0, Brier 1/4, NLL ln 2.
    target = np.array([[0, 1], [1, 0]], np.uint8)
    found = of_labels(target, np.zeros((2, 2)))
    assert [found[name].item() for name in ("ece", "brier", "nll")] == pytest.approx(
        [0, 0.25, np.log(2)]
    )
    # Certain and wrong; the bins between stay empty.
    found = of_labels(np.array([[1]], np.uint8), np.array([[-1e3]]))
    assert [found[name].item() for name in ("ece", "brier", "nll")] == pytest.approx([1, 1, 1e3])
    # Certain and right.
    found = of_labels(np.array([[1, 0]], np.uint8), np.array([[1e3, -1e3]]))
    assert [found[name].item() for name in ("ece", "brier", "nll")] == pytest.approx([0, 0, 0])
    # One decision: its gap, its squared error, its surprise, its risk.
    found = of_classes(np.array([[0.25, 0.75]]), np.array([0]))
    assert [found[name].item() for name in ("ece", "brier", "nll", "aurc")] == pytest.approx(
        [0.75, 2 * 0.75**2, np.log(4), 1]
    )


def test_a_bin_holds_its_lower_edge_and_the_last_one_holds_1():
    edges = np.arange(BINS + 1) / BINS
    none = np.zeros((1, BINS + 1))
    sums = class_sums(edges[None], none.astype(bool), none, none)[0]
    number = sums[: calibration.FINE]
    assert number[: BINS - 1].tolist() == [1] * (BINS - 1)
    assert number[BINS - 1 :].sum() == 2
    assert number[-1] == 1


def test_decisions_that_do_not_count_are_left_out():
    rng = np.random.default_rng(0)
    parts = [
        rng.random((3, 40)),
        rng.random((3, 40)) < 0.5,
        rng.random((3, 40)),
        rng.random((3, 40)),
    ]
    counted = rng.random((3, 40)) < 0.5
    counted[1] = False
    found = class_sums(*parts, counted)
    for row in (0, 2):
        kept = [part[row : row + 1, counted[row]] for part in parts]
        assert found[row] == pytest.approx(class_sums(*kept)[0])
    assert not found[1].any()
    empty = of_class_sums(found[1])
    assert all(np.isnan(value) for value in empty.values())


def test_the_area_of_perfect_random_and_worst_ranking():
    loss = np.repeat([0.0, 1.0], [3, 1])
    once = np.ones((1, 4), np.uint16)
    best = calibration.risk_coverage(np.array([4.0, 3, 2, 1]), loss, once)
    assert best == pytest.approx([1 / 4 / 4])
    worst = calibration.risk_coverage(np.array([1.0, 2, 3, 4]), loss, once)
    assert worst == pytest.approx([(1 + 1 / 2 + 1 / 3 + 1 / 4) / 4])
    alike = calibration.risk_coverage(np.zeros(4), loss, once)
    assert alike == pytest.approx([1 / 4])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30).flatmap(
        lambda n: st.tuples(
            arrays.arrays(np.float64, n, elements=st.integers(0, 6).map(float)),
            arrays.arrays(np.float64, n, elements=st.floats(0, 1, width=16)),
            arrays.arrays(np.uint16, (3, n), elements=st.integers(0, 40)),
            st.permutations(range(n)),
        )
    )
)
def test_the_area_is_its_definition_whatever_the_order(given_):
    confidence, loss, counts, order = given_
    found = calibration.risk_coverage(confidence, loss, counts)
    expected = [by_loop(confidence, loss, row) for row in counts]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    again = calibration.risk_coverage(confidence[order], loss[order], counts[:, order])
    np.testing.assert_allclose(found, again, rtol=1e-9, atol=1e-12)


def test_areas_of_many_decisions_keep_their_digits():
    rng = np.random.default_rng(0)
    count = 5_000
    confidence, loss = rng.random(count), rng.random(count)
    counts = rng.integers(0, 3, (2, count)).astype(np.uint16)
    found = calibration.risk_coverage(confidence, loss, counts)
    assert found == pytest.approx([by_loop(confidence, loss, row) for row in counts], rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 12), st.integers(1, 4))
def test_sums_of_labels_add_up_over_samples(seed, samples, classes):
    target, logits = labels(samples, classes, seed)
    counts = np.random.default_rng(seed).integers(0, 4, samples)
    weighted = (counts[:, None] * label_sums(target, logits)).sum(axis=0)
    found = of_label_sums(weighted, np.asarray(counts.sum() * classes))
    rows = np.repeat(np.arange(samples), counts)
    if len(rows):
        for name, value in of_labels(target[rows], logits[rows]).items():
            assert found[name] == pytest.approx(value, abs=1e-12)
            assert value >= 0
    else:
        assert all(np.isnan(value) for value in found.values())


def test_nan_and_shapes_are_refused():
    target, logits = labels(3, 2)
    logits[1, 1] = np.nan
    with pytest.raises(BenchError, match="NaN for label 1 of sample 1"):
        label_sums(target, logits)
    with pytest.raises(BenchError, match=r"one shape \[N, C\], found \(3, 2\) and \(3, 1\)"):
        label_sums(target, logits[:, :1])
    once = np.ones((1, 3), np.uint16)
    with pytest.raises(BenchError, match="found NaN"):
        calibration.risk_coverage(np.array([1.0, np.nan, 0]), np.zeros(3), once)
    with pytest.raises(BenchError, match=r"counts \[B, N\], found \(3,\), \(2,\) and \(1, 3\)"):
        calibration.risk_coverage(np.zeros(3), np.zeros(2), once)
