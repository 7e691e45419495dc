"""Tie tiers and rank intervals: by hand and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.base.errors import RequestError
from bench.metrics.stats import (
    Spread,
    holm,
    holm_pairs,
    independent_spread,
    pairwise_p,
    pairwise_spread,
    rank_intervals,
    tiers,
)


def unpaired_p(values, errors):
    """P-values of entries that err independently, each with a known standard error."""
    own = Spread(np.square(errors), np.full(len(errors), np.inf))
    return pairwise_p(values, independent_spread(own))


def test_pairs_are_tested_with_what_they_share():
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 1, 400)
    scores = np.stack([shared, shared + rng.normal(0, 0.1, 400), -shared], axis=1)
    left_out = (scores.sum(axis=0) - scores) / 399
    values = np.array([0.01, 0.0, 0.01])
    p = pairwise_p(values, pairwise_spread(left_out))
    gain = scores[:, 0] - scores[:, 1]
    expected = 2 * stats.norm.sf(0.01 / (gain.std(ddof=1) / 20))
    assert p[0, 1] == pytest.approx(expected, rel=0.05)
    assert p[0, 2] == p[2, 0] == p[1, 1] == 1
    assert p[0, 1] < 0.06 < unpaired_p(values, scores.std(axis=0) / 20)[0, 1]


def test_values_and_errors_alone():
    p = unpaired_p(np.array([1.0, 0.0, 0.0]), np.array([0.3, 0.4, 0.0]))
    assert p[0, 1] == pytest.approx(2 * stats.norm.sf(2), rel=1e-6)
    assert p[0, 2] == pytest.approx(2 * stats.norm.sf(1 / 0.3), rel=1e-6)
    assert p[1, 2] == 1


def test_pairs_are_one_family():
    p = unpaired_p(np.array([1.0, 0.9, 0.7, 0.6]), np.full(4, 0.06))
    adjusted = holm_pairs(p)
    above = np.triu_indices(4, 1)
    assert np.array_equal(adjusted[above], holm(p[above]))
    assert np.array_equal(adjusted, adjusted.T)
    assert (np.diag(adjusted) == 1).all()


def test_tiers_by_hand():
    values = np.array([0.50, 0.90, 0.89, 0.70, 0.88])
    p = unpaired_p(values, np.array([0.01, 0.01, 0.01, 0.2, 0.001]))
    # The uncertain 0.70 can't be told from the best; 0.50 can, and is alone.
    assert tiers(values, p).tolist() == [2, 1, 1, 1, 1]
    certain = unpaired_p(values, np.full(5, 1e-4))
    assert tiers(values, certain).tolist() == [5, 1, 2, 4, 3]
    assert tiers(values, np.ones((5, 5))).tolist() == [1] * 5


def test_rank_intervals_by_hand():
    values = np.array([0.50, 0.90, 0.89, 0.70])
    p = unpaired_p(values, np.array([0.01, 0.01, 0.01, 0.01]))
    best, worst = rank_intervals(values, p)
    assert best.tolist() == [4, 1, 1, 3]
    assert worst.tolist() == [4, 2, 2, 3]
    unknown = np.full((4, 4), np.nan)
    assert [bound.tolist() for bound in rank_intervals(values, unknown)] == [[1] * 4, [4] * 4]
    assert tiers(values, unknown).tolist() == [1] * 4


@given(st.integers(1, 12), st.integers(0, 2**32))
def test_a_rank_lies_in_its_interval_and_tier_one_reaches_the_top(entries, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=entries).round(1)
    p = unpaired_p(values, rng.uniform(0.01, 2, entries))
    best, worst = rank_intervals(values, p)
    higher = (values > values[:, None]).sum(axis=1)
    ties = (values == values[:, None]).sum(axis=1)
    assert (best <= 1 + higher).all()
    assert (worst >= higher + ties).all()
    placed = tiers(values, p)
    assert sorted(set(placed)) == list(range(1, placed.max() + 1))
    assert placed[np.argmax(values)] == 1


@pytest.mark.parametrize("truth", [np.zeros(8), np.repeat([0.0, 0.1, 0.5, 0.6], 2)])
def test_rank_intervals_cover_and_the_best_is_in_the_first_tier(truth):
    """Paired tests of 8 entries on 100 samples, the true ranks known, ties included."""
    rng = np.random.default_rng(0)
    samples, trials = 100, 400
    first = 1 + (truth > truth[:, None]).sum(axis=1)
    last = (truth >= truth[:, None]).sum(axis=1)
    covered, missed_best = np.zeros(8), 0
    for _ in range(trials):
        hardness = rng.normal(0, 1, (samples, 1))
        scores = truth + hardness + rng.normal(0, 0.5, (samples, 8))
        left_out = (scores.sum(axis=0) - scores) / (samples - 1)
        p = pairwise_p(scores.mean(axis=0), pairwise_spread(left_out))
        best, worst = rank_intervals(scores.mean(axis=0), p)
        covered += (best <= first) & (last <= worst)
        missed_best += (tiers(scores.mean(axis=0), p)[truth == truth.max()] > 1).any()
    assert (covered / trials >= 0.93).all()
    assert missed_best / trials <= 0.07


@pytest.mark.parametrize("rank", [tiers, rank_intervals])
def test_refuses_missing_results(rank):
    with pytest.raises(RequestError, match="without NaN"):
        rank(np.array([1.0, np.nan]), np.ones((2, 2)))
    with pytest.raises(RequestError, match="without NaN"):
        rank(np.array([1.0, 2.0]), np.ones((3, 3)))
