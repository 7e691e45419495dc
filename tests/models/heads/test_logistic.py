"""Logistic regression beside scikit-learn's, and where no finite solution is."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from bench.base.errors import BenchError, RequestError
from bench.models.heads import logistic as module
from bench.models.heads.logistic import Logistic, logistic
from tests.models.heads.drawn import one_hot, samples, standardised

STRENGTHS = (0.001, 0.1, 1.0, 100.0)
TIGHT = {"strengths": STRENGTHS, "tolerance": 1e-10}


def logits(found, x):
    """[C, N, outputs]."""
    return np.float64(x) @ found.weights.mT.numpy() + found.biases[:, None].numpy()


def peer(strength, z, y, weight):
    model = LogisticRegression(C=strength, tol=1e-11, max_iter=100_000)
    return model.fit(z, y, sample_weight=weight)


@pytest.mark.parametrize(("count", "width"), [(150, 8), (14, 60)])
@pytest.mark.parametrize("weighted", [False, True])
def test_labels_are_scikit_learns(count, width, weighted):
    x, y, weight = samples(count, width)
    weight = weight if weighted else None
    z, _, scale = standardised(x, weight)
    found = logistic(x, y, weight, **TIGHT)
    assert found.gradients.max() < 1e-9
    for index, strength in enumerate(STRENGTHS):
        for label in range(y.shape[1]):
            expected = peer(strength, z, y[:, label], weight)
            coefficients = found.weights[index, label].numpy() * scale
            np.testing.assert_allclose(coefficients, expected.coef_[0], atol=1e-6)
            np.testing.assert_allclose(
                expit(logits(found, x)[index, :, label]), expected.predict_proba(z)[:, 1], atol=1e-6
            )


@pytest.mark.parametrize(("count", "width"), [(150, 8), (14, 60)])
def test_classes_are_scikit_learns(count, width):
    x, _, weight = samples(count, width)
    classes = np.arange(count) * 7 % 11 % 4
    z, _, scale = standardised(x, weight)
    found = logistic(x, one_hot(classes, 4), weight, task="class", **TIGHT)
    for index, strength in enumerate(STRENGTHS):
        expected = peer(strength, z, classes, weight)
        np.testing.assert_allclose(found.weights[index].numpy() * scale, expected.coef_, atol=1e-6)
        np.testing.assert_allclose(
            softmax(logits(found, x)[index], axis=1), expected.predict_proba(z), atol=1e-6
        )


@pytest.mark.parametrize("task", ["labels", "class"])
def test_soft_targets_are_weighted_hard_ones(task):
    x, _, weight = samples(40, 6)
    share = np.random.default_rng(1).uniform(size=40)
    soft = np.stack([share, 1 - share], axis=1)
    hard = one_hot(np.repeat([0, 1], 40), 2)
    double = np.concatenate([x, x]), hard, np.concatenate([weight * share, weight * (1 - share)])
    found, expected = (logistic(*one, task=task, **TIGHT) for one in ((x, soft, weight), double))
    np.testing.assert_allclose(logits(found, x), logits(expected, x), atol=1e-6)


def test_two_classes_are_one_label():
    x, y, _ = samples(80, 5, outputs=1)
    two = np.concatenate([1 - y, y], axis=1)
    # Both classes have half of the weights, of which the squares add up to half.
    strengths = np.array(STRENGTHS)
    label = logistic(x, y, strengths=STRENGTHS, tolerance=1e-11)
    classes = logistic(x, two, task="class", strengths=strengths / 2, tolerance=1e-11)
    both = logits(classes, x)
    np.testing.assert_allclose(both[..., 1] - both[..., 0], logits(label, x)[..., 0], atol=1e-6)


def test_labels_that_none_or_all_have_are_constant():
    x, y, weight = samples(30, 4)
    y[:, 0], y[:, 2] = 0, 1
    found = logistic(x, y, weight)
    total = weight.sum()
    for label, count in ((0, 0.0), (2, total)):
        assert (found.weights[:, label] == 0).all()
        odds = np.log((count + 0.5) / (total - count + 0.5))
        np.testing.assert_allclose(found.biases[:, label], odds)
    alone = logistic(x, y[:, 1:2], weight)
    np.testing.assert_allclose(found.weights[:, 1:2], alone.weights, atol=1e-12)


def test_a_class_that_none_has_is_improbable():
    x, _, _ = samples(30, 4)
    classes = np.arange(30) % 3 + (np.arange(30) % 3 > 0)
    found = logistic(x, one_hot(classes, 4), task="class", **TIGHT)
    other = logistic(x, one_hot(np.arange(30) % 3, 3), task="class", **TIGHT)
    np.testing.assert_allclose(found.weights[:, [0, 2, 3]], other.weights)
    at_mean = softmax(logits(found, x.astype(np.float64).mean(axis=0)[None]), axis=2)[:, 0]
    np.testing.assert_allclose(at_mean[:, 1], 0.5 / 30.5)


@pytest.mark.parametrize("task", ["labels", "class"])
def test_one_sample_and_constant_features(task):
    found = logistic(np.ones((1, 3), np.float32), np.float32([[0, 1]]), task=task)
    assert (found.weights == 0).all()
    assert torch.isfinite(found.biases).all()
    assert (found.biases[:, 1] > found.biases[:, 0]).all()
    y = one_hot(np.array([0, 1, 1, 1]), 2)
    constant = logistic(np.full((4, 3), 0.1, np.float32), y, task=task)
    assert (constant.weights == 0).all()
    probabilities = expit if task == "labels" else lambda found: softmax(found, axis=1)
    expected = np.broadcast_to([0.25, 0.75], (8, 2))
    np.testing.assert_allclose(probabilities(constant.biases.numpy()), expected, atol=1e-6)


def test_separable_classes_converge():
    x, _, weight = samples(30, 40)
    found = logistic(x, one_hot(np.arange(30) % 5, 5), weight, task="class", strengths=[1e4])
    assert found.gradients.max() <= 1e-6
    assert found.steps < 100


def test_what_does_not_converge_is_refused(monkeypatch):
    monkeypatch.setattr(module, "_STEPS", 1)
    x, y, _ = samples(60, 10)
    with pytest.raises(BenchError, match=r"ended at a gradient of .* after 1 steps"):
        logistic(x, y, strengths=[1e4])


@pytest.mark.parametrize("task", ["labels", "class"])
def test_blocks_of_rows_change_nothing(task, monkeypatch):
    x, _, weight = samples(100, 6)
    y = one_hot(np.arange(100) % 3, 3)
    before = logistic(x, y, weight, task=task, **TIGHT)
    monkeypatch.setattr(module, "ROWS", 9)
    after = logistic(x, y, weight, task=task, **TIGHT)
    np.testing.assert_allclose(after.weights, before.weights, atol=1e-7)


@settings(max_examples=5, deadline=None)
@given(st.integers(2, 30), st.integers(1, 10), st.integers(0, 1000))
def test_order_size_and_duplicates(count, width, seed):
    x, y, _ = samples(count, width, seed=seed)
    times = np.random.default_rng(seed).integers(0, 3, count)
    times[0] += 1
    options = {"strengths": (0.01, 1.0), "tolerance": 1e-10}
    before = logits(logistic(x, y, times, **options), x)
    repeated = logistic(x.repeat(times, axis=0), y.repeat(times, axis=0), **options)
    np.testing.assert_allclose(logits(repeated, x), before, atol=1e-5)
    back = logistic(x[::-1].copy(), y[::-1].copy(), times[::-1].copy(), **options)
    np.testing.assert_allclose(logits(back, x), before, atol=1e-5)
    larger = x * np.float32(2) ** np.arange(-8, width - 8)
    np.testing.assert_allclose(
        logits(logistic(larger, y, times, **options), larger), before, atol=1e-5
    )


def test_values_are_refused():
    with pytest.raises(RequestError, match="use the method ridge"):
        Logistic(4, 3, "value")
    x, y, _ = samples(10, 4)
    with pytest.raises(BenchError, match="from 0 to 1"):
        logistic(x, y - 1)
    with pytest.raises(BenchError, match="add up to 1"):
        logistic(x, np.full_like(y, 0.5), task="class")
