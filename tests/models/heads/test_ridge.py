"""Ridge regression beside scikit-learn's, and what must not change it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import linear_model

from bench.base.errors import BenchError
from bench.models.heads import axes
from bench.models.heads.ridge import PENALTIES, Ridge, RidgeHead, ridge
from tests.models.heads.drawn import samples, standardised


def outputs(found, x):
    """[penalties, N, outputs] in float64."""
    return np.float64(x) @ found.weights.mT.numpy() + found.biases[:, None].numpy()


@pytest.mark.parametrize(("count", "width"), [(200, 12), (16, 90), (30, 30), (2, 1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_scikit_learns(count, width, weighted):
    x, y, weight = samples(count, width)
    weight = weight if weighted else None
    total = count if weight is None else weight.sum()
    z, _, scale = standardised(x, weight)
    y = y + np.float32(0.5) * x[:, :1]
    found = ridge(x, y, weight)
    for index, penalty in enumerate(PENALTIES):
        peer = linear_model.Ridge(alpha=penalty * total, solver="svd")
        peer.fit(z, y.astype(np.float64), sample_weight=weight)
        np.testing.assert_allclose(found.weights[index], peer.coef_ / scale, atol=1e-9, rtol=1e-6)
        np.testing.assert_allclose(outputs(found, x)[index], peer.predict(z), atol=1e-7)


def test_blocks_of_rows_and_panels_of_columns_change_nothing(monkeypatch):
    x, y, weight = samples(150, 40)
    before = ridge(x, y, weight)
    monkeypatch.setattr(axes, "ROWS", 7)
    monkeypatch.setattr(axes, "_PANEL", 16)
    after = ridge(x, y, weight)
    np.testing.assert_allclose(outputs(after, x), outputs(before, x), atol=1e-9)


@pytest.mark.parametrize(("count", "width"), [(100, 20), (10, 50)])
def test_the_same_bits_every_time_and_from_a_file(count, width, tmp_path):
    x, y, weight = samples(count, width)
    np.save(tmp_path / "x.npy", x)
    found = [
        ridge(one, y, weight)
        for one in (x, x, np.load(tmp_path / "x.npy", mmap_mode="r"), torch.from_numpy(x))
    ]
    for other in found[1:]:
        assert torch.equal(other.weights, found[0].weights)
        assert torch.equal(other.biases, found[0].biases)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 1000))
def test_order_of_rows_and_size_of_features_change_nothing(count, width, seed):
    x, y, weight = samples(count, width, seed=seed)
    before = outputs(ridge(x, y, weight), x)
    order = np.random.default_rng(seed).permutation(count)
    np.testing.assert_allclose(
        outputs(ridge(x[order], y[order], weight[order]), x), before, atol=1e-8
    )
    larger = x * np.float32(2) ** np.arange(-12, width - 12)
    np.testing.assert_allclose(outputs(ridge(larger, y, weight), larger), before, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=30).filter(any), st.integers(1, 20))
def test_weights_are_duplicates(times, width):
    x, y, _ = samples(len(times), width)
    found = outputs(ridge(x, y, np.array(times)), x)
    expected = outputs(ridge(x.repeat(times, axis=0), y.repeat(times, axis=0)), x)
    np.testing.assert_allclose(found, expected, atol=1e-8)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_features_that_never_change_have_no_weight(count):
    x, y, _ = samples(count, 5)
    x[:, 2] = 0.1
    found = ridge(x, y)
    assert torch.isfinite(found.weights).all()
    assert (found.weights[:, :, 2] == 0).all()
    if count == 1:
        np.testing.assert_allclose(outputs(found, x), np.broadcast_to(y, (8, 1, 3)))
    x[:] = 7
    np.testing.assert_allclose(outputs(ridge(x, y), x)[0], np.tile(y.mean(0), (count, 1)))


@pytest.mark.parametrize("count", [3, 30])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_and_targets_are_finite(count, value):
    x, y, _ = samples(count, 5)
    x[1, 2] = value
    with pytest.raises(BenchError, match="finite features"):
        ridge(x, y)
    x[1, 2], y[2, 1] = 0, value
    with pytest.raises(BenchError, match="finite targets"):
        ridge(x, y)


def test_a_head_has_logits():
    x, y, weight = samples(60, 4)
    y /= y.sum(axis=1, keepdims=True).clip(1)
    y = np.concatenate([y[:, :2], 1 - y[:, :2].sum(axis=1, keepdims=True)], axis=1)
    expected = outputs(ridge(x, y, weight), x)
    for task, logits in (
        ("labels", 4 * (expected - 0.5)),
        ("class", 3 * expected - 1),
        ("value", expected),
    ):
        head = RidgeHead(4, 3, task)
        head.fit(x, y, weight)
        np.testing.assert_allclose(head.every(torch.from_numpy(x)), logits, atol=1e-4)


def test_batches_give_the_solutions_of_arrays():
    x, y, _ = samples(60, 4)
    streamed = Ridge(4, 3)
    streamed.fit(
        [(torch.from_numpy(x[r]), torch.from_numpy(y[r])) for r in (range(25), range(25, 60))]
    )
    found = ridge(x, y)
    for index in range(streamed.choices):
        streamed.choose(index)
        np.testing.assert_allclose(streamed.linear.weight.detach(), found.weights[index], atol=1e-6)
    assert set(streamed.state_dict()) == {"linear.weight", "linear.bias"}
