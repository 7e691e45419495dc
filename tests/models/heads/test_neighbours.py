"""Nearest neighbours beside scikit-learn's, and their ties."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from bench.base.errors import BenchError
from bench.models.heads.neighbours import (
    NEIGHBOURS,
    Neighbours,
    directions,
    means,
    neighbours,
    smoothed_logits,
)
from tests.models.heads.drawn import one_hot, samples

COSINE = {"metric": "cosine", "algorithm": "brute"}


def mean_targets(x, y, queries, ks, weight=None):
    weight = torch.ones(len(x)) if weight is None else torch.from_numpy(weight)
    nearest = neighbours(directions(queries), directions(x), max(ks))
    return means(nearest, torch.from_numpy(y), ks, weight).numpy()


def test_means_are_scikit_learns():
    x, y, _ = samples(300, 24)
    queries = samples(100, 24, seed=1)[0]
    y = y + x[:, :3]
    found = mean_targets(x, y, queries, NEIGHBOURS)
    for index, k in enumerate(NEIGHBOURS):
        peer = KNeighborsRegressor(k, **COSINE).fit(x.astype(np.float64), y.astype(np.float64))
        np.testing.assert_allclose(
            found[index], peer.predict(queries.astype(np.float64)), atol=1e-6
        )


def test_shares_of_classes_are_scikit_learns():
    x, _, _ = samples(300, 24)
    classes = np.arange(300) % 7 % 4
    queries = samples(100, 24, seed=1)[0]
    found = mean_targets(x, one_hot(classes, 4), queries, [5])
    peer = KNeighborsClassifier(5, **COSINE).fit(x.astype(np.float64), classes)
    np.testing.assert_allclose(found[0], peer.predict_proba(queries.astype(np.float64)), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 1000))
def test_of_equal_cosines_the_first_count(count, k, seed):
    random = np.random.default_rng(seed)
    # Few directions, so that most cosines are ties; lengths don't matter.
    x = random.integers(0, 2, (count, 3)).astype(np.float32)
    x[~x.any(axis=1)] = 1
    queries = random.integers(1, 3, (5, 3)).astype(np.float32)
    found = neighbours(directions(queries), directions(x * 4), min(k, count))
    cosines = directions(queries).astype(np.float64) @ directions(x).astype(np.float64).T
    for row, own in zip(found, cosines, strict=True):
        assert row.tolist() == sorted(range(count), key=lambda i: (-own[i], i))[:k]


def test_rows_of_zeros_have_no_direction():
    x = np.float32([[0, 0], [1, 0], [0, 1]])
    assert directions(x).tolist() == x.tolist()
    assert neighbours(directions(x[:1]), directions(x), 2).tolist() == [[0, 1]]
    with pytest.raises(BenchError, match="NaN or infinity"):
        directions(np.float32([[1, np.nan]]))


def test_weights_weigh_neighbours_and_zero_leaves_out():
    x = np.float32([[1, 0], [1, 0.1], [1, 0.2], [0, 1]])
    y = np.float32([[1], [0], [0], [0]])
    weight = np.array([3.0, 1.0, 1.0, 1.0])
    assert mean_targets(x, y, x[:1], [3], weight).item() == pytest.approx(3 / 5)
    head = Neighbours(2, 1, "value")
    head.fit(x, y, np.array([0, 1.0, 1.0, 1.0]))
    assert head.x.shape == (3, 2)
    assert head(torch.tensor([[1.0, 0.0]])).item() == 0


def test_logits_are_finite_and_keep_the_order():
    mean = torch.tensor([[0.0, 0.2], [0.4, 0.6], [0.8, 1.0]])
    found = expit(smoothed_logits(mean, 5, "labels").numpy())
    np.testing.assert_allclose(found, (5 * mean.numpy() + 0.5) / 6, atol=1e-6)
    shares = torch.tensor([[0.0, 0.2, 0.8]])
    found = softmax(smoothed_logits(shares, 5, "class").numpy(), axis=1)
    np.testing.assert_allclose(found, (5 * shares.numpy() + 0.5) / 6.5, atol=1e-6)


@pytest.mark.parametrize(("count", "choices"), [(1, 1), (4, 2), (50, 6)])
def test_no_more_neighbours_than_samples(count, choices):
    x, y, _ = samples(count, 4)
    head = Neighbours(4, 3, "labels")
    head.fit(x, y)
    assert head.choices_named == [f"k {k}" for k in NEIGHBOURS[:choices]]


def test_one_without_samples_says_so():
    with pytest.raises(BenchError, match="fit first"):
        Neighbours(4, 3, "labels")(torch.ones(1, 4))


def test_of_classes_with_as_many_neighbours_the_nearest_comes_first():
    """k = 5 with two votes for each of two classes: no tie is left, probabilities stay."""
    angles = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    classes = np.array([2, 1, 1, 2, 0])
    head = Neighbours(2, 3, "class")
    head.fit(x, np.eye(3, dtype=np.float32)[classes])
    for k, wanted in ((1, 2), (3, 1), (5, 2)):
        head.choose(head.choices_named.index(f"k {k}"))
        logits = head(torch.tensor([[1.0, 0.0]]))
        assert int(logits.argmax()) == wanted
    assert len(logits.unique()) == 3
    found = softmax(logits.numpy(), axis=1)[0]
    np.testing.assert_allclose(found, softmax(np.log([1.5, 2.5, 2.5])), atol=1e-5)
