"""Depth errors against closed forms, numpy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from bench.base.errors import BenchError
from bench.metrics import depth as metrics
from bench.metrics.stats import weighted_sums
from tests.resampled import resampled

BOUNDS = [*zip(metrics.EDGES, [*metrics.EDGES[1:], np.inf], strict=True)]


def patches(count=5, side=13, seed=0):
    rng = np.random.default_rng(seed)
    depth = rng.uniform(-1, 22, (count, side, side)).astype(np.float32)
    prediction = (depth + rng.normal(0.4, 1.5, depth.shape)).astype(np.float32)
    return prediction, depth, rng.random(depth.shape) < 0.8


def test_one_pixel():
    sums, largest = metrics.moments(np.array([[4.5]]), np.array([[3.0]]), np.array([[True]]))
    np.testing.assert_array_equal(sums[0, 0], [1, 1.5, 1.5, 2.25, 3, 9])
    np.testing.assert_array_equal(sums[0, 2], sums[0, 0])
    assert sums[0, [1, 3, 4, 5]].sum() == 0
    assert largest[0, 0] == largest[0, 2] == 1.5
    assert metrics.rmse(sums)[0, 0] == metrics.mae(sums)[0, 0] == metrics.bias(sums)[0, 0] == 1.5
    assert metrics.std(sums)[0, 0] == 0
    assert np.isnan(metrics.r2(sums)[0, 0])
    assert np.isnan(metrics.rmse(sums)[0, 1])
    assert np.isnan(largest[0, 1])


def test_signs_and_directions():
    depth = np.array([[2.0, 4.0, 6.0]])
    everything = np.ones_like(depth, bool)
    deeper, _ = metrics.moments(depth + 0.5, depth, everything)
    shallower, _ = metrics.moments(depth - 0.5, depth, everything)
    assert metrics.bias(deeper)[0, 0] == 0.5
    assert metrics.bias(shallower)[0, 0] == -0.5
    flat, _ = metrics.moments(np.full_like(depth, 4), depth, everything)
    assert metrics.r2(flat)[0, 0] == 0
    perfect, _ = metrics.moments(depth, depth, everything)
    assert metrics.r2(perfect)[0, 0] == 1
    # One that is wrong about the direction is worse than the mean.
    wrong, _ = metrics.moments(8 - depth, depth, everything)
    assert metrics.r2(wrong)[0, 0] == -3


def test_pooled_scores_are_those_of_numpy_and_sklearn():
    prediction, depth, valid = patches()
    sums, largest = metrics.moments(prediction, depth, valid)
    total = sums.sum(axis=0)
    for row, (low, high) in enumerate([(-np.inf, np.inf), *BOUNDS]):
        chosen = valid & (depth >= low) & (depth < high)
        true, found = depth[chosen].astype(np.float64), prediction[chosen].astype(np.float64)
        error = found - true
        assert total[row, 0] == chosen.sum() > 50
        expected = {
            "rmse": root_mean_squared_error(true, found),
            "mae": mean_absolute_error(true, found),
            "bias": error.mean(),
            "std": error.std(),
            "r2": r2_score(true, found),
        }
        for name, value in expected.items():
            assert getattr(metrics, name)(total[row]) == pytest.approx(value, rel=1e-9), name
        assert metrics.max_error(largest[:, row]) == np.abs(error).max()
    # Land is among all pixels and in no range.
    assert (valid & (depth < 0)).sum() == total[0, 0] - total[1:, 0].sum() > 0


def test_pooling_differs_from_averaging_patches():
    depth = np.array([[1.0, 1, 1, 1], [1, 1, 1, 1]])
    prediction = depth + np.array([[1.0], [4.0]])
    valid = np.array([[True] * 4, [True, False, False, False]])
    sums, _ = metrics.moments(prediction, depth, valid)
    assert metrics.rmse(sums.sum(axis=0))[0] == np.sqrt((4 * 1 + 16) / 5)
    np.testing.assert_array_equal(metrics.rmse(sums)[:, 0], [1, 4])


def test_a_fraction_as_mask_is_refused_and_would_shrink_errors():
    prediction, depth, valid = patches(1)
    with pytest.raises(BenchError, match="mask as bool, found float64"):
        metrics.moments(prediction, depth, valid / 3)
    # What the published code does where one band of three is 0.
    sums, _ = metrics.moments(prediction, depth, valid)
    shrunk, _ = metrics.moments(prediction * 2 / 3, depth * 2 / 3, valid)
    assert metrics.rmse(shrunk)[0, 0] == pytest.approx(metrics.rmse(sums)[0, 0] * 2 / 3, rel=1e-6)


def test_what_is_masked_does_not_matter():
    prediction, depth, valid = patches()
    expected = metrics.moments(prediction, depth, valid)
    prediction[~valid], depth[~valid] = np.nan, np.inf
    for found, wanted in zip(metrics.moments(prediction, depth, valid), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    # The published code drops pixels where the prediction is 0; here they count.
    sums, _ = metrics.moments(np.zeros((1, 4)), np.full((1, 4), 3.0), np.ones((1, 4), bool))
    assert sums[0, 0, 0] == 4
    assert metrics.mae(sums)[0, 0] == 3


@pytest.mark.parametrize("which", [0, 1])
def test_values_that_are_not_finite_are_refused(which):
    arrays = list(patches(1))
    arrays[which][0, 2, 3] = np.nan
    arrays[2][0, 2, 3] = True
    with pytest.raises(BenchError, match="found 1 pixels that are not"):
        metrics.moments(*arrays)


def test_shapes_must_agree():
    prediction, depth, valid = patches()
    with pytest.raises(BenchError, match="one shape"):
        metrics.moments(prediction[:, :-1], depth, valid)


def test_nothing_to_score():
    prediction, depth, valid = patches(2)
    sums, largest = metrics.moments(prediction, depth, np.zeros_like(valid))
    for name in ("rmse", "mae", "bias", "std", "r2"):
        assert np.isnan(getattr(metrics, name)(sums)).all()
    assert np.isnan(metrics.max_error(largest.T)).all()


def test_a_constant_depth_has_no_r2():
    depth = np.full((1, 1000), 7.3)
    sums, _ = metrics.moments(depth + 0.1, depth, np.ones_like(depth, bool))
    assert np.isnan(metrics.r2(sums)[0, 0])


def test_replicates_are_scores_of_repeated_patches():
    prediction, depth, valid = patches(6)
    sums, _ = metrics.moments(prediction, depth, valid)
    counts = resampled(6, 20)
    flat = sums.reshape(6, -1)
    replicated = weighted_sums(counts, flat).reshape(-1, *sums.shape[1:])
    for count, found in zip(counts, replicated, strict=True):
        drawn = np.repeat(np.arange(6), count)
        again, _ = metrics.moments(prediction[drawn], depth[drawn], valid[drawn])
        np.testing.assert_allclose(metrics.rmse(found), metrics.rmse(again.sum(axis=0)), rtol=1e-12)


@given(
    st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30)), min_size=1, max_size=40),
    st.integers(0, 39),
)
def test_sums_add_up_and_scores_hang_together(pairs, cut):
    values = np.array(pairs)
    prediction, depth = values[:, 0][None], values[:, 1][None]
    valid = np.ones_like(depth, bool)
    whole, _ = metrics.moments(prediction, depth, valid)
    left, right = np.arange(depth.size) < cut, np.arange(depth.size) >= cut
    parts = sum(metrics.moments(prediction, depth, valid & part)[0] for part in (left, right))
    np.testing.assert_allclose(parts, whole, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(whole[0, 1:].sum(axis=0), whole[0, 0], rtol=1e-12, atol=1e-9)
    rmse, mae, bias, std = (
        float(getattr(metrics, name)(whole)[0, 0]) for name in ("rmse", "mae", "bias", "std")
    )
    assert rmse**2 == pytest.approx(bias**2 + std**2, abs=1e-9)
    assert abs(bias) - 1e-9 <= mae <= rmse + 1e-9


def test_names_of_ranges():
    assert metrics.ranges() == ["0-2 m", "2-5 m", "5-10 m", "10-15 m", "over 15 m"]
    assert metrics.ranges([0, 1.5]) == ["0-1.5 m", "over 1.5 m"]
