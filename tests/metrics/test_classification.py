"""Scores of one class for each image, against scikit-learn and against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from bench.base.errors import BenchError
from bench.metrics import calibration, classification, confusion
from bench.metrics.stats import jackknife_counts


def drawn(seed, count=60, classes=5, *, ties=False):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, classes, count)
    logits = rng.normal(size=(count, classes)).astype(np.float32)
    logits[np.arange(count), target] += rng.choice([0, 2], count)
    return target, np.round(logits) if ties else logits


def of(target, logits):
    predicted = classification.predicted_classes(target, logits)
    matrix = classification.confusion_matrix(target, predicted, logits.shape[1])
    return predicted, matrix, classification.scores(classification.of_matrices(matrix))


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_scikit_learn(seed):
    target, logits = drawn(seed)
    predicted, matrix, found = of(target, logits)
    assert np.array_equal(predicted, logits.argmax(axis=1))
    assert np.array_equal(matrix, reference.confusion_matrix(target, predicted, labels=range(5)))
    expected = {
        "accuracy_micro": reference.accuracy_score(target, predicted),
        "accuracy_macro": reference.balanced_accuracy_score(target, predicted),
        "f1_macro": reference.f1_score(target, predicted, average="macro"),
        "kappa_micro": reference.cohen_kappa_score(target, predicted),
        "accuracy_classes": reference.recall_score(target, predicted, average=None),
        "f1_classes": reference.f1_score(target, predicted, average=None),
    }
    assert found.keys() == expected.keys() == set(classification.NAMES)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12)


def test_a_class_without_an_image_has_no_score_and_costs_those_that_are_taken_for_it():
    target = np.array([0, 0, 1, 1])
    predicted = np.array([0, 2, 1, 1])
    matrix = classification.confusion_matrix(target, predicted, 4)
    found = classification.scores(classification.of_matrices(matrix))
    np.testing.assert_array_equal(found["accuracy_classes"], [0.5, 1, np.nan, np.nan])
    assert found["accuracy_macro"] == 0.75
    expected = reference.f1_score(target, predicted, labels=[0, 1], average="macro")
    assert found["f1_macro"] == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_scores_of_sums_are_those_of_confusion_matrices(seed):
    _, matrix, found = of(*drawn(seed, classes=7, count=30))
    assert found["accuracy_micro"] == confusion.overall_accuracy(matrix)
    assert found["accuracy_macro"] == confusion.mean_class_accuracy(matrix)
    assert found["kappa_micro"] == confusion.kappa(matrix)
    np.testing.assert_array_equal(found["f1_classes"], confusion.class_f1(matrix))


def test_ties_count_against_the_model():
    target = np.array([0, 1, 2])
    logits = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 1]], np.float32)
    predicted = classification.predicted_classes(target, logits)
    assert predicted.tolist() == [1, 0, 1]
    assert classification.tied(logits).all()
    assert not classification.tied(np.array([[2, 1, 1]])).any()


def test_one_sample_and_one_class():
    _, _, found = of(np.array([1]), np.array([[0.0, 1.0]]))
    assert found["accuracy_micro"] == found["accuracy_macro"] == found["f1_macro"] == 1
    assert np.isnan(found["kappa_micro"])


@pytest.mark.parametrize(
    ("target", "logits", "message"),
    [
        (np.array([0]), np.array([[np.nan, 1.0]]), "found NaN for sample 0"),
        (np.array([2]), np.array([[0.0, 1.0]]), r"targets in \[0, 2\), found 2"),
        (np.array([-1]), np.array([[0.0, 1.0]]), r"targets in \[0, 2\), found -1"),
        (np.array([0, 1]), np.array([[0.0, 1.0]]), r"found \[2\] and \[1, 2\]"),
        (np.array([0]), np.array([[0.0]]), "of two classes at least"),
    ],
)
def test_what_is_no_classification_is_refused(target, logits, message):
    with pytest.raises(BenchError, match=message):
        classification.predicted_classes(target, logits)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(2, 8), st.booleans())
def test_resampled_scores_are_those_of_the_resample_itself(seed, count, classes, ties):
    target, logits = drawn(seed, count, classes, ties=ties)
    predicted = classification.predicted_classes(target, logits)
    counts = np.random.default_rng(seed).integers(0, 3, (5, count)).astype(np.uint16)
    found = classification.scores(classification.resampled(target, predicted, classes, counts))
    for row, held in enumerate(counts):
        places = np.repeat(np.arange(count), held)
        matrix = classification.confusion_matrix(target[places], predicted[places], classes)
        once = classification.scores(classification.of_matrices(matrix))
        for name, value in once.items():
            np.testing.assert_array_equal(found[name][row], value)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6))
def test_the_names_and_order_of_classes_change_no_mean(seed, classes):
    target, logits = drawn(seed, 30, classes)
    order = np.random.default_rng(seed).permutation(classes)
    place = np.argsort(order)
    _, _, found = of(target, logits)
    _, _, turned = of(place[target], logits[:, order])
    for name in ("accuracy_micro", "accuracy_macro", "f1_macro", "kappa_micro"):
        np.testing.assert_allclose(turned[name], found[name], rtol=1e-12)


def test_calibration_of_one_class_each():
    target, logits = drawn(3, 200, 6)
    predicted = classification.predicted_classes(target, logits)
    known = classification.certainty(target, predicted, logits)
    counts = np.concatenate(list(jackknife_counts(200, 20, 20)))
    counts = np.concatenate([np.ones((1, 200), np.uint16), counts])
    found = classification.calibration_scores(known, counts)
    for row in (0, 7):
        held = counts[row] > 0
        powers = np.exp(logits[held].astype(np.float64))
        p = powers / powers.sum(axis=1, keepdims=True)
        hot = np.eye(6)[target[held]]
        nll = reference.log_loss(target[held], p, labels=range(6))
        assert found["nll_micro"][row] == pytest.approx(nll)
        assert found["brier_micro"][row] == pytest.approx(((p - hot) ** 2).sum(axis=1).mean())
        sure, right = p.max(axis=1), p.argmax(axis=1) == target[held]
        place = np.minimum((sure * calibration.BINS).astype(int), calibration.BINS - 1)
        gaps = [abs((sure - right)[place == b].sum()) for b in range(calibration.BINS)]
        assert found["ece_micro"][row] == pytest.approx(sum(gaps) / held.sum())
        wrong = ~right[np.argsort(-sure)]
        risks = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
        assert found["aurc_micro"][row] == pytest.approx(risks.mean())


def test_logits_that_are_far_apart_stay_finite():
    target, logits = np.array([0, 1]), np.array([[3e38, -3e38], [3e38, -3e38]], np.float32)
    known = classification.certainty(target, np.array([0, 0]), logits)
    found = classification.calibration_scores(known, np.ones((1, 2), np.uint16))
    assert all(np.isfinite(value).all() for value in found.values())
    assert found["brier_micro"] == 1
