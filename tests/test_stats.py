"""Bootstrap resamples, intervals and standard errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import RequestError
from bench.stats import percentile_interval, resample_counts, standard_error, weighted_sums


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**40), st.integers(1, 15))
def test_resamples_depend_on_nothing_but_samples_and_seed(samples, resamples, seed, block):
    blocks = list(resample_counts(samples, resamples, seed, block))
    counts = np.concatenate(blocks)
    assert all(len(part) == block for part in blocks[:-1])
    assert counts.shape == (resamples, samples)
    assert counts.dtype == np.uint16
    assert (counts.sum(axis=1) == samples).all()
    longer = np.concatenate(list(resample_counts(samples, resamples + 3, seed)))
    assert np.array_equal(longer[:resamples], counts)


def test_resamples_are_multinomial():
    samples, resamples = 50, 4000
    counts = np.concatenate(list(resample_counts(samples, resamples, seed=7)))
    assert counts.mean(axis=0) == pytest.approx(np.ones(samples), abs=0.1)
    assert counts.var(axis=0).mean() == pytest.approx(1 - 1 / samples, rel=0.02)
    covariance = np.cov(counts.T)[~np.eye(samples, dtype=bool)].mean()
    assert covariance == pytest.approx(-1 / samples, abs=0.005)
    other = np.concatenate(list(resample_counts(samples, resamples, seed=8)))
    assert not np.array_equal(counts, other)


@pytest.mark.parametrize("arguments", [(0, 5), (5, 0), (5, 5, -1), (5, 5, 0, 0)])
def test_refuses_empty_requests_at_once(arguments):
    with pytest.raises(RequestError, match="at least one sample"):
        resample_counts(*arguments)


def test_weighted_sums_are_exact_in_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, (3, 101)).astype(np.uint16)
    values = rng.integers(0, 2**40, (101, 2, 4))
    expected = np.einsum("bn,nij->bij", counts.astype(np.int64), values)
    assert np.array_equal(weighted_sums(counts, values), expected)
    monkeypatch.setattr("bench.stats._VALUES_PER_PRODUCT", 50)
    assert np.array_equal(weighted_sums(counts, values), expected)


def test_percentile_interval_is_the_middle_of_the_replicates():
    replicates = np.stack([np.arange(1001.0), np.full(1001, 3.0)], axis=1)
    low, high = percentile_interval(replicates)
    assert low == pytest.approx([25, 3])
    assert high == pytest.approx([975, 3])
    assert percentile_interval(np.arange(1001.0), level=0.5) == (250, 750)


def test_bootstrap_of_a_mean_covers_as_normal_theory_says():
    values = np.random.default_rng(0).normal(size=(3000, 1))
    counts = np.concatenate(list(resample_counts(3000, 2000, seed=1)))
    means = weighted_sums(counts, values)[:, 0] / 3000
    error = values.std() / np.sqrt(3000)
    assert standard_error(means) == pytest.approx(error, rel=0.08)
    low, high = percentile_interval(means)
    assert (low, high) == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.2 * error
    )


def test_more_resamples_do_not_shrink_the_standard_error():
    rng = np.random.default_rng(0)
    few, many = (standard_error(rng.normal(size=size)) for size in (500, 50_000))
    assert few == pytest.approx(1, rel=0.1)
    assert many == pytest.approx(1, rel=0.02)


def test_undefined_replicates_leave_no_interval():
    replicates = np.array([[0.1, 0.2], [np.nan, 0.4], [0.3, 0.6]], np.float32)
    low, high = percentile_interval(replicates)
    assert np.isnan([low[0], high[0]]).all()
    assert low[1] == pytest.approx(0.21)
    assert high[1] == pytest.approx(0.59)
    assert np.isnan(standard_error(replicates)).tolist() == [True, False]


@pytest.mark.parametrize(("count", "level"), [(0, 0.95), (5, 0), (5, 1), (5, 95)])
def test_refuses_an_impossible_interval(count, level):
    with pytest.raises(RequestError, match="between 0 and 1"):
        percentile_interval(np.zeros(count), level)


def test_refuses_the_spread_of_one_replicate():
    with pytest.raises(RequestError, match="at least two"):
        standard_error(np.zeros(1))
