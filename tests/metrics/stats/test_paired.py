"""Paired tests: against SciPy, by enumeration and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from bench.base.errors import RequestError
from bench.metrics.stats import holm, mcnemar


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
