"""Paired tests: against SciPy, by enumeration and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from bench.base.errors import RequestError
from bench.metrics.stats import (
    holm,
    jackknife_counts,
    mcnemar,
    pseudo_values,
    resample_counts,
    sign_flip_p,
    standard_error,
    two_sided_p,
    weighted_sums,
)

SIZES = st.floats(-4, 4).map(lambda x: round(x, 2))


@given(arrays(float, st.integers(1, 11), elements=SIZES))
def test_few_differences_are_tested_exactly(differences):
    signs = np.array(list(np.ndindex(*(2,) * len(differences)))) * 2 - 1
    sums = np.abs(signs @ differences)
    expected = np.mean(sums >= np.abs(differences.sum()) - 1e-9)
    assert sign_flip_p(differences) == pytest.approx(expected)


def test_exact_test_equals_scipy():
    differences = np.random.default_rng(1).normal(0.4, 1, 12)
    reference = stats.permutation_test(
        (differences, np.zeros(12)),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
    )
    assert sign_flip_p(differences) == pytest.approx(reference.pvalue, rel=1e-12)


def test_many_differences_are_tested_at_random():
    differences = np.random.default_rng(2).normal(0.2, 1, (100, 3))
    found = sign_flip_p(differences, 20_000)
    assert found == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.01)
    assert np.array_equal(found, sign_flip_p(differences, 20_000))
    far = sign_flip_p(differences + 9, 999)
    assert far.tolist() == [1 / 1000] * 3


@pytest.mark.parametrize("size", [5, 14, 15, 40])
def test_no_difference_is_never_significant(size):
    assert sign_flip_p(np.zeros(size)) == 1
    assert sign_flip_p(np.array([1.0, -1.0] + [0.0] * size)) == 1


def test_undefined_differences_have_no_p():
    differences = np.ones((20, 2))
    differences[3, 0] = np.nan
    assert np.isnan(sign_flip_p(differences)).tolist() == [True, False]


@pytest.mark.parametrize(("count", "flips"), [(0, 99), (5, 0)])
def test_refuses_tests_of_nothing(count, flips):
    with pytest.raises(RequestError, match="expected differences and flips"):
        sign_flip_p(np.zeros(count), flips)


@pytest.mark.parametrize("size", [12, 60])
def test_size_and_power_of_sign_flips(size):
    """2,000 pairs at once; the t-test has the best power there is for normal differences."""
    rng = np.random.default_rng(size)
    noise = rng.normal(size=(size, 2000)) * np.where(np.arange(size) % 3, 1, 3)[:, None]
    heavy = rng.standard_t(3, size=(size, 2000))
    for null in (noise, heavy):
        assert 0.03 <= np.mean(sign_flip_p(null, 1999) < 0.05) <= 0.07
    normal = rng.normal(size=(size, 2000)) + 3 / np.sqrt(size)
    power = np.mean(sign_flip_p(normal, 1999) < 0.05)
    best = np.mean(stats.ttest_1samp(normal, 0).pvalue < 0.05)
    assert power > 0.7
    assert power > best - 0.04


def test_size_and_power_of_the_paired_bootstrap():
    rng = np.random.default_rng(0)
    size, trials = 100, 1500
    counts = np.concatenate(list(resample_counts(size, 1000, seed=4)))
    for shift, low, high in ((0, 0.03, 0.07), (0.3, 0.80, 0.90)):
        differences = rng.normal(shift, 1, (size, trials))
        replicates = weighted_sums(counts, differences) / size
        p = two_sided_p(differences.mean(axis=0), standard_error(replicates))
        assert low <= np.mean(p < 0.05) <= high


def test_pseudo_values_of_a_mean_are_the_values():
    values = np.random.default_rng(0).normal(size=(30, 2))
    counts = np.concatenate(list(jackknife_counts(30, 30)))
    left_out = weighted_sums(counts, values) / 29
    assert pseudo_values(values.mean(axis=0), left_out) == pytest.approx(values)
    grouped = np.concatenate(list(jackknife_counts(30, 6)))
    of_groups = pseudo_values(values.mean(axis=0), weighted_sums(grouped, values) / 25)
    assert of_groups == pytest.approx(values.reshape(5, 6, 2).mean(axis=0))


def test_pseudo_values_make_a_ratio_testable():
    """F1 of two classifiers that err equally often: equal F1, and the test holds its level."""
    rng = np.random.default_rng(6)
    size, trials = 120, 1000
    counts = np.concatenate(list(jackknife_counts(size, 60)))
    whole = np.ones((1, size), np.uint16)
    positive = rng.random((size, trials)) < 0.4

    def contributions(error):
        guess = positive ^ (rng.random((size, trials)) < error)
        f1 = [
            2
            * weighted_sums(c, guess & positive)
            / (weighted_sums(c, guess) + weighted_sums(c, positive))
            for c in (whole, counts)
        ]
        return pseudo_values(f1[0][0], f1[1])

    base, same, worse = (contributions(error) for error in (0.1, 0.1, 0.25))
    assert 0.03 <= np.mean(sign_flip_p(base - same, 1999) < 0.05) <= 0.07
    assert np.mean(sign_flip_p(base - worse, 1999) < 0.05) > 0.85


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test(first, second):
    found = mcnemar(first, second)
    if first + second == 0:
        assert found.exact == found.mid == 1
        return
    expected = stats.binomtest(first, first + second).pvalue
    assert found.exact == pytest.approx(expected, rel=1e-9)
    chance = stats.binom.pmf(np.arange(first + second + 1), first + second, 0.5)
    distance = np.abs(np.arange(first + second + 1) - (first + second) / 2)
    here = distance[first]
    mid = chance[distance > here].sum() + chance[distance == here].sum() / 2
    assert found.mid == pytest.approx(mid, rel=1e-9, abs=1e-15)


def test_mcnemar_of_many_samples():
    expected = stats.binomtest(499_000, 1_000_000).pvalue
    assert mcnemar(499_000, 501_000).exact == pytest.approx(expected, rel=1e-6)


def test_mid_p_is_nearer_its_level_than_the_exact_test():
    rng = np.random.default_rng(0)
    firsts = rng.binomial(20, 0.5, 4000)
    results = {count: mcnemar(int(count), 20 - int(count)) for count in range(21)}
    exact = np.mean([results[count].exact < 0.05 for count in firsts])
    mid = np.mean([results[count].mid < 0.05 for count in firsts])
    assert exact <= mid <= 0.06


def test_mcnemar_refuses_negative_numbers():
    with pytest.raises(RequestError, match="found -1 and 2"):
        mcnemar(-1, 2)


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    family = np.array([[0.02, np.nan, 0.01], [0.6, 0.7, np.nan]])
    expected = np.array([[0.02, np.nan, 0.02], [1, 1, np.nan]])
    assert holm(family) == pytest.approx(expected, nan_ok=True)
    assert holm(np.zeros((2, 0))).shape == (2, 0)


@given(arrays(float, st.integers(1, 12), elements=st.floats(0, 1)))
def test_holm_keeps_the_order_and_lies_below_bonferroni(p):
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, p * len(p)) + 1e-15).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_holm_holds_the_chance_of_any_false_finding():
    p = np.random.default_rng(0).random((20_000, 15))
    p[:, :5] /= 1e6
    false = (holm(p)[:, 5:] < 0.05).any(axis=1).mean()
    assert 0.035 <= false <= 0.055
