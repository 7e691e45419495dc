"""Intervals, standard errors and normal-theory p-values."""

import numpy as np
import pytest
from scipy import stats

from bench.base.errors import RequestError
from bench.metrics.stats import (
    bca_interval,
    jackknife_counts,
    percentile_interval,
    resample_counts,
    standard_error,
    two_sided_p,
    weighted_sums,
)


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


def means(counts, values):
    return weighted_sums(counts, values) / counts.sum(axis=1)[:, None]


def all_counts(blocks):
    return np.concatenate(list(blocks))


@pytest.mark.parametrize("statistic", [np.mean, np.var, stats.skew])
def test_bca_equals_scipy(statistic):
    values = np.random.default_rng(3).gamma(2, size=50)
    reference = stats.bootstrap(
        (values,), statistic, n_resamples=1500, method="BCa", rng=np.random.default_rng(0)
    )
    left_out = np.array([statistic(np.delete(values, i)) for i in range(len(values))])
    found = bca_interval(reference.bootstrap_distribution, statistic(values), left_out)
    assert found == pytest.approx(tuple(reference.confidence_interval), rel=1e-12)


def test_bca_takes_metrics_of_any_shape():
    rng = np.random.default_rng(0)
    replicates, jackknife = rng.gamma(2, size=(300, 2, 3)), rng.gamma(2, size=(40, 2, 3))
    low, high = bca_interval(replicates, np.full((2, 3), 1.8), jackknife)
    for index in np.ndindex(2, 3):
        one = (slice(None), *index)
        single = bca_interval(replicates[one], 1.8, jackknife[one])
        assert (low[index], high[index]) == single


def test_bca_without_bias_and_skewness_is_the_percentile_interval():
    replicates = np.linspace(-1, 1, 1001)
    found = bca_interval(replicates, 0.0, np.array([-1.0, 0.0, 1.0]))
    assert found == pytest.approx(percentile_interval(replicates))


def test_bca_says_where_it_is_undefined():
    replicates = np.tile(np.linspace(1, 2, 100)[:, None], 4)
    replicates[5, 1] = np.nan
    jackknife = np.tile(np.array([[1.0], [2.0], [4.0]]), 4)
    jackknife[0, 2] = np.nan
    low, high = bca_interval(replicates, np.array([1.5, 1.5, 1.5, 0.5]), jackknife)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, True, True, True]
    constant = bca_interval(np.full((50, 1), 0.7), np.array([0.7]), np.full((9, 1), 0.7))
    assert constant == (0.7, 0.7)


def test_intervals_cover_as_often_as_they_say():
    """Means of 80 normal values, and of 80 skewed ones, for which only BCa is shifted."""
    rng = np.random.default_rng(1)
    size, trials = 80, 1200
    counts = all_counts(resample_counts(size, 1000, seed=2))
    left_out = all_counts(jackknife_counts(size, size))
    covered = {}
    for name, values, truth in (
        ("normal", rng.normal(size=(size, trials)), 0),
        ("skewed", rng.exponential(size=(size, trials)), 1),
    ):
        replicates = means(counts, values)
        intervals = {
            "percentile": percentile_interval(replicates),
            "bca": bca_interval(replicates, values.mean(axis=0), means(left_out, values)),
        }
        for kind, (low, high) in intervals.items():
            covered[name, kind] = np.mean((low <= truth) & (truth <= high))
            covered[name, kind, "missed"] = np.mean(low > truth), np.mean(high < truth)
    for case in (("normal", "percentile"), ("normal", "bca"), ("skewed", "bca")):
        assert 0.93 <= covered[case] <= 0.97, case
    # Both sides are missed about equally often only after correction for skewness.
    too_high, too_low = covered["skewed", "percentile", "missed"]
    assert too_low > 3 * too_high
    assert abs(np.subtract(*covered["skewed", "bca", "missed"])) < too_low - too_high


def test_a_grouped_jackknife_accelerates_like_the_whole_one():
    values = np.random.default_rng(5).exponential(size=(4000, 1))
    replicates = means(all_counts(resample_counts(4000, 400)), values)
    one, few = (
        bca_interval(
            replicates, values.mean(0), means(all_counts(jackknife_counts(4000, g)), values)
        )
        for g in (4000, 200)
    )
    assert np.ravel(few) == pytest.approx(np.ravel(one), abs=0.1 * standard_error(replicates)[0])


def test_normal_theory_equals_scipy():
    differences = np.array([0.0, 0.1, -0.3, 5.0, 0.0, 0.2])
    errors = np.array([0.1, 0.1, 0.1, 0.1, 0.0, 0.0])
    expected = [*2 * stats.norm.sf(np.abs(differences[:4]) / 0.1), 1, 0]
    assert two_sided_p(differences, errors) == pytest.approx(expected, rel=1e-12)
    assert float(two_sided_p(1.96, 1.0)) == pytest.approx(0.05, abs=1e-4)
