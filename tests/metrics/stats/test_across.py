"""Aggregation over tasks: against SciPy, Demsar's table, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from bench.base.errors import RequestError
from bench.metrics.stats import (
    borda,
    critical_difference,
    mean_normalised,
    mean_ranks,
    task_ranks,
    win_rates,
)

MISSING = np.nan
TABLES = arrays(
    float,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    elements=st.sampled_from([0.1, 0.2, 0.3, MISSING]),
)


@given(TABLES)
def test_ranks_equal_scipy_among_those_present(scores):
    expected = stats.rankdata(-scores, axis=0, nan_policy="omit")
    assert task_ranks(scores) == pytest.approx(expected, nan_ok=True)


def test_missing_is_not_zero():
    """The second entry wins wherever it takes part; taking part less often costs it nothing."""
    scores = np.array([[0.5, 0.6, 0.7], [0.9, MISSING, 0.8], [0.4, 0.5, MISSING]])
    assert borda(scores).tolist() == [pytest.approx((0.5 + 1 + 0) / 3), 1, 0]
    assert mean_normalised(scores).tolist() == [pytest.approx((0.2 + 1 + 0) / 3), 1, 0]
    wins = win_rates(scores)
    assert wins[0, 1] == 0
    assert wins[1, 0] == wins[0, 2] == wins[1, 2] == 1
    assert np.isnan(np.diag(wins)).all()
    # Only the first task is everybody's.
    assert mean_ranks(scores).tolist() == [2, 1, 3]


def test_entries_that_share_nothing_are_not_compared():
    scores = np.array([[0.5, MISSING], [MISSING, 0.6], [MISSING, 0.6], [MISSING, MISSING]])
    assert np.isnan(win_rates(scores)[0]).all()
    assert win_rates(scores)[1, 2] == 0.5
    assert np.isnan(mean_ranks(scores)).all()
    assert borda(scores) == pytest.approx([MISSING, 0.5, 0.5, MISSING], nan_ok=True)
    assert np.isnan(mean_normalised(scores)).all()


@given(TABLES)
def test_shares_are_shares_and_wins_add_up(scores):
    for share in (borda(scores), mean_normalised(scores)):
        known = share[~np.isnan(share)]
        assert ((known >= 0) & (known <= 1)).all()
    wins = win_rates(scores)
    assert (wins + wins.T)[~np.isnan(wins)] == pytest.approx(1)


@given(TABLES)
def test_borda_of_complete_tables_is_the_mean_rank_turned_round(scores):
    complete = np.nan_to_num(scores, nan=0.4)
    if len(complete) > 1:
        turned = (len(complete) - mean_ranks(complete)) / (len(complete) - 1)
        assert borda(complete) == pytest.approx(turned)


@pytest.mark.parametrize(("entries", "tasks"), [(3, 10), (4, 7), (7, 40), (20, 6)])
def test_friedman_equals_scipy(entries, tasks):
    rng = np.random.default_rng(entries)
    scores = rng.normal(size=(entries, tasks)).round(1) + np.linspace(0, 0.5, entries)[:, None]
    found = critical_difference(scores)
    reference = stats.friedmanchisquare(*scores)
    assert found.friedman == pytest.approx(reference.statistic)
    assert found.p == pytest.approx(reference.pvalue)
    assert found.tasks == tasks


@pytest.mark.parametrize(
    ("entries", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)]
)
def test_critical_difference_equals_demsars_table(entries, q):
    scores = np.random.default_rng(0).normal(size=(entries, 14))
    found = critical_difference(scores).difference
    assert found == pytest.approx(q * np.sqrt(entries * (entries + 1) / (6 * 14)), rel=3e-4)


@pytest.mark.parametrize(("entries", "alpha"), [(2, 0.05), (30, 0.05), (300, 0.05), (6, 0.01)])
def test_studentised_range_equals_scipy(entries, alpha):
    scores = np.random.default_rng(0).normal(size=(entries, 6))
    expected = stats.studentized_range.ppf(1 - alpha, entries, np.inf) / np.sqrt(2)
    found = critical_difference(scores, alpha).difference
    assert found == pytest.approx(expected * np.sqrt(entries * (entries + 1) / 36), rel=1e-4)


def test_groups_are_the_bars_of_the_diagram():
    ranks = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    scores = np.tile(-ranks[:, None], 60)
    found = critical_difference(scores)
    assert 0.9 < found.difference < 1
    assert found.groups == ()
    few = critical_difference(scores[:, :14])
    assert 1.9 < few.difference < 2.1
    wide = critical_difference(scores[::-1, :13])
    assert 2 < wide.difference < 3
    assert wide.groups == ((5, 4, 3), (4, 3, 2), (3, 2, 1), (2, 1, 0))
    assert critical_difference(scores[:, :2]).groups == (tuple(range(6)),)


def test_equal_entries_differ_in_nothing():
    found = critical_difference(np.ones((4, 5)))
    assert (found.friedman, found.p) == (0, 1)
    assert found.groups == ((0, 1, 2, 3),)
    assert found.ranks.tolist() == [2.5] * 4


def test_incomplete_tasks_do_not_count():
    scores = np.random.default_rng(0).normal(size=(4, 9))
    holed = np.column_stack([scores, [1, MISSING, 2, 3]])
    assert critical_difference(holed).tasks == 9
    assert np.array_equal(critical_difference(holed).ranks, critical_difference(scores).ranks)
    with pytest.raises(RequestError, match="found 4 entries with 1 such tasks"):
        critical_difference(holed[:, 8:])
