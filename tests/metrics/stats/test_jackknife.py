"""The jackknife: against closed forms, SciPy and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as reference

from bench.base.errors import RequestError
from bench.metrics import stats
from bench.metrics.stats import Spread

INFINITE = np.inf


def without_each(values):
    """Means [G, ...] of values [G, ...] without each."""
    return (values.sum(axis=0) - values) / (len(values) - 1)


def spread(error, degrees):
    return Spread(np.square(np.asarray(error, float)), np.asarray(degrees, float))


NUMBERS = arrays(float, st.integers(3, 40), elements=st.floats(-9, 9).map(lambda x: round(x, 3)))


@given(NUMBERS)
def test_of_a_mean_it_is_the_textbook_standard_error(values):
    found = stats.spread_over_units(without_each(values))
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert float(found.error) == pytest.approx(error, abs=1e-9)
    assert stats.bias(values.mean(), without_each(values)) == pytest.approx(0, abs=1e-9)
    assert stats.influence(without_each(values)) == pytest.approx(values - values.mean(), abs=1e-9)


def test_the_bias_of_a_variance_is_found():
    values = np.random.default_rng(0).normal(size=(40, 5))
    whole = values.var(axis=0)
    left_out = np.stack([np.delete(values, row, axis=0).var(axis=0) for row in range(40)])
    assert whole - stats.bias(whole, left_out) == pytest.approx(values.var(axis=0, ddof=1))


def test_degrees_of_freedom_follow_the_kurtosis():
    rng = np.random.default_rng(0)
    normal = stats.spread_over_units(without_each(rng.normal(size=(200, 400)))).degrees
    assert 150 < np.median(normal) <= normal.max() <= 199
    # One unit that decides: kurtosis G - 2 + 1 / (G - 1), and so about two degrees.
    single = np.zeros(50)
    single[7] = 1
    found = stats.spread_over_units(without_each(single))
    kurtosis = reference.kurtosis(single, fisher=False)
    assert float(found.degrees) == pytest.approx(2 * 50 / (kurtosis - 1))
    constant = stats.spread_over_units(np.full(30, 0.5))
    assert (float(constant.variance), float(constant.degrees)) == (0, 29)


def test_a_mean_over_classes_has_the_degrees_of_its_classes():
    rng = np.random.default_rng(1)
    values = np.stack([rng.normal(size=60), np.eye(60)[3] * 40, np.full(60, np.nan)], axis=1)
    classes = without_each(values)
    macro = np.nanmean(classes, axis=1)
    alone, together = (stats.spread_over_units(macro, parts) for parts in (None, classes))
    assert alone.variance == together.variance
    shares = np.array([stats.spread_over_units(classes[:, c]).variance for c in (0, 1)])
    degrees = np.array([stats.spread_over_units(classes[:, c]).degrees for c in (0, 1)])
    expected = shares.sum() ** 2 / (shares**2 / degrees).sum()
    assert float(together.degrees) == pytest.approx(min(expected, float(alone.degrees)))


def test_undefined_values_have_no_interval():
    left_out = np.random.default_rng(0).normal(size=(20, 3))
    left_out[4, 1] = np.nan
    found = stats.spread_over_units(left_out)
    assert np.isnan(found.variance).tolist() == [False, True, False]
    low, high = stats.bounded_interval(np.full(3, 0.5), found, 0.0, 20, 0.0, 1.0)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, True, False]
    assert np.isnan(stats.p_value(np.ones(3), found)).tolist() == [False, True, False]


def test_seeds_add_their_variance():
    values = np.array([[0.5, 0.7], [0.6, 0.7], [0.7, 0.7]])
    found = stats.spread_over_seeds(values)
    assert found.error == pytest.approx([0.1 / np.sqrt(3), 0])
    assert found.degrees.tolist() == [2, 2]
    one = stats.spread_over_seeds(values[:1])
    assert one.variance.tolist() == [0, 0]
    both = stats.together(spread([0.03, 0.03], [50, 50]), found)
    assert both.variance == pytest.approx([0.0009 + 0.01 / 3, 0.0009])
    assert both.degrees[1] == pytest.approx(50)


def test_welch_is_the_spread_of_two_independent_means():
    rng = np.random.default_rng(3)
    one, other = rng.normal(size=12), rng.normal(0.5, 3, 30)
    own = [spread(x.std(ddof=1) / np.sqrt(len(x)), len(x) - 1) for x in (one, other)]
    found = stats.p_value(one.mean() - other.mean(), stats.together(*own))
    assert float(found) == pytest.approx(reference.ttest_ind(one, other, equal_var=False).pvalue)


def test_the_paired_test_is_students():
    rng = np.random.default_rng(4)
    values = rng.normal(0.3, 1, 15)
    found = spread(values.std(ddof=1) / np.sqrt(15), 14)
    expected = reference.ttest_1samp(values, 0)
    assert float(stats.p_value(values.mean(), found)) == pytest.approx(expected.pvalue)
    assert stats.interval(values.mean(), found) == pytest.approx(
        tuple(expected.confidence_interval(0.95))
    )
    assert float(stats.p_value(0.0, spread(0, 3))) == 1
    assert float(stats.p_value(0.1, spread(0, 3))) == 0
    assert float(stats.p_value(1.96, spread(1, INFINITE))) == pytest.approx(0.05, abs=1e-4)


@given(st.floats(-3, 3), st.floats(0.01, 3), st.floats(1, 500))
def test_an_interval_excludes_zero_exactly_where_p_is_small(value, error, degrees):
    found = spread(error, degrees)
    low, high = stats.interval(value, found)
    p = float(stats.p_value(value, found))
    if abs(p - stats.ALPHA) > 1e-9:
        assert (p < stats.ALPHA) == (not low <= 0 <= high)


@given(st.floats(0, 1), st.floats(0, 0.3), st.floats(-0.2, 0.2))
def test_an_interval_holds_its_value_and_stays_in_bounds(value, error, moved):
    for low_bound, high_bound in ((0, 1), (0, INFINITE), (-INFINITE, 1), (-INFINITE, INFINITE)):
        low, high = stats.bounded_interval(
            value, spread(error, 12), moved, 13, low_bound, high_bound
        )
        assert low_bound <= low <= value <= high <= high_bound


def test_nothing_but_successes_is_clopper_and_pearson():
    expected = reference.binomtest(40, 40).proportion_ci(method="exact")
    found = stats.bounded_interval(1.0, spread(0, 39), 0.0, 40, 0.0, 1.0)
    assert found == pytest.approx((expected.low, 1))
    expected = reference.binomtest(0, 40).proportion_ci(method="exact")
    assert stats.bounded_interval(0.0, spread(0, 39), 0.0, 40, 0.0, 1.0) == pytest.approx(
        (0, expected.high)
    )
    # Every image has the same score: nothing speaks of others, and nothing is made up.
    assert stats.bounded_interval(0.4, spread(0, 39), 0.0, 40, 0.0, 1.0) == (0.4, 0.4)
    assert stats.bounded_interval(2.0, spread(0, 39), 0.0, 40, 0.0, INFINITE) == (2, 2)


def test_an_interval_on_the_logit_and_on_the_logarithm():
    half = reference.t.ppf(0.975, 20) * 0.05
    odds = np.log(0.8 / 0.2) + np.array([-1, 1]) * half / 0.16
    assert stats.bounded_interval(0.8, spread(0.05, 20), 0.0, 30, 0.0, 1.0) == pytest.approx(
        tuple(1 / (1 + np.exp(-odds)))
    )
    found = stats.bounded_interval(2.0, spread(0.05, 20), 0.0, 30, 0.0, INFINITE)
    assert found == pytest.approx((2 * np.exp(-half / 2), 2 * np.exp(half / 2)))


@pytest.mark.parametrize("entries", [2, 5, 30])
def test_pairs_are_the_spread_of_each_difference(entries):
    rng = np.random.default_rng(entries)
    values = rng.normal(size=(40, 1)) + rng.normal(0, 0.3, (40, entries))
    values[:, -1] = values[:, 0] + 1e-7 * rng.normal(size=40)
    left_out = without_each(values)
    found = stats.pairwise_spread(left_out)
    for one in range(entries):
        assert found.variance[one, one] == 0
        for other in range(one):
            expected = stats.spread_over_units(left_out[:, one] - left_out[:, other])
            for a, b in ((one, other), (other, one)):
                assert found.variance[a, b] == pytest.approx(float(expected.variance), rel=1e-6)
                assert found.degrees[a, b] == pytest.approx(float(expected.degrees), rel=1e-5)


def test_the_same_entry_twice_differs_in_nothing():
    left_out = without_each(np.random.default_rng(0).normal(0.7, 1e-3, (50, 1)) * np.ones(2))
    p = stats.pairwise_p(np.array([0.7, 0.7]), stats.pairwise_spread(left_out))
    assert p.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("units", [10, 40])
def test_level_and_power_of_the_test(units):
    """Of heavy-tailed and of unequal contributions too; the power at the smallest difference."""
    rng = np.random.default_rng(units)
    uneven = rng.normal(size=(units, 3000)) * np.where(np.arange(units) % 3, 1, 3)[:, None]
    normal = rng.normal(size=(units, 3000))
    for null in (normal, uneven, rng.standard_t(3, size=(units, 3000))):
        found = stats.spread_over_units(without_each(null))
        assert np.mean(stats.p_value(null.mean(axis=0), found) < stats.ALPHA) <= 0.058
    known = spread(1 / np.sqrt(units), units - 1)
    shift = float(stats.smallest_visible(known))
    found = stats.spread_over_units(without_each(normal + shift))
    power = np.mean(stats.p_value((normal + shift).mean(axis=0), found) < stats.ALPHA)
    assert power == pytest.approx(stats.POWER, abs=0.04)


def test_clusters_keep_the_coverage_that_dependence_takes_away():
    """60 places of 5 samples; half of the variance is the place's."""
    rng = np.random.default_rng(0)
    trials, places, each = 1500, 60, 5
    place = np.repeat(np.arange(places), each)
    values = rng.normal(size=(places, trials))[place] + rng.normal(size=(places * each, trials))
    covered = {}
    for name, clusters in (("clustered", place), ("not", None)):
        counts = np.concatenate(list(stats.jackknife_counts(300, 300, 64, clusters)))
        left_out = stats.weighted_sums(counts, values) / counts.sum(axis=1)[:, None]
        found = stats.spread_over_units(left_out)
        low, high = stats.interval(values.mean(axis=0), found)
        covered[name] = np.mean((low <= 0) & (high >= 0))
    assert 0.93 <= covered["clustered"] <= 0.97
    assert covered["not"] < 0.85


def test_groups_of_units_give_the_same_spread():
    values = np.random.default_rng(5).exponential(size=(4000, 1))
    errors = []
    for groups in (4000, 200):
        counts = np.concatenate(list(stats.jackknife_counts(4000, groups)))
        left_out = stats.weighted_sums(counts, values) / counts.sum(axis=1)[:, None]
        errors.append(float(stats.spread_over_units(left_out).error[0]))
    assert errors[1] == pytest.approx(errors[0], rel=0.1)


@pytest.mark.parametrize("function", [stats.spread_over_units, stats.pairwise_spread])
def test_refuses_a_single_unit(function):
    with pytest.raises(RequestError, match="at least two units, found 1"):
        function(np.zeros((1, 2)))
