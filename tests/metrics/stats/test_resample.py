"""Bootstrap resamples, jackknife, clusters and the second level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import RequestError
from bench.metrics.stats import (
    average_runs,
    jackknife_counts,
    percentile_interval,
    resample_counts,
    standard_error,
    weighted_sums,
)


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
    monkeypatch.setattr("bench.metrics.stats.resample._VALUES_PER_PRODUCT", 50)
    assert np.array_equal(weighted_sums(counts, values), expected)


# The first values that version 0.1 drew; stored intervals depend on them.
FIRST = [[1, 3, 0, 0, 2, 0], [0, 1, 2, 1, 1, 1]]


def test_resamples_never_change():
    assert next(resample_counts(6, 2, seed=3)).tolist() == FIRST


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=20), st.integers(0, 2**40))
def test_a_cluster_is_drawn_whole(labels, seed):
    counts = np.concatenate(list(resample_counts(len(labels), 7, seed, 3, labels)))
    names, member = np.unique(labels, return_inverse=True)
    drawn = np.concatenate(list(resample_counts(len(names), 7, seed)))
    assert np.array_equal(counts, drawn[:, member])


def test_every_sample_on_its_own_is_no_clustering():
    clustered = next(resample_counts(9, 5, clusters=np.arange(9)))
    assert np.array_equal(clustered, next(resample_counts(9, 5)))


@pytest.mark.parametrize("labels", [["a"], [["a", "b"]], "ab"])
def test_refuses_labels_that_are_not_one_per_sample(labels):
    with pytest.raises(RequestError, match="one cluster label for each of 2 samples"):
        resample_counts(2, clusters=labels)


def means(counts, values):
    return weighted_sums(counts, values) / counts.sum(axis=1)[:, None]


def test_clusters_keep_the_coverage_that_dependence_takes_away():
    """60 places of 5 samples; half of the variance is the place's."""
    rng = np.random.default_rng(0)
    trials, places, each = 1500, 60, 5
    place = np.repeat(np.arange(places), each)
    values = rng.normal(size=(places, trials))[place] + rng.normal(size=(places * each, trials))
    covered = {}
    for name, clusters in (("clustered", place), ("not", None)):
        counts = np.concatenate(list(resample_counts(len(place), 1000, 1, clusters=clusters)))
        low, high = percentile_interval(means(counts, values))
        covered[name] = np.mean((low <= 0) & (high >= 0))
    assert 0.93 <= covered["clustered"] <= 0.97
    assert covered["not"] < 0.85


@given(st.integers(2, 30), st.integers(2, 40), st.integers(1, 9), st.booleans())
def test_jackknife_leaves_out_every_sample_once(samples, groups, block, clustered):
    clusters = np.arange(samples) // 2 if clustered and samples > 3 else None
    counts = np.concatenate(list(jackknife_counts(samples, groups, block, clusters)))
    units = samples if clusters is None else clusters[-1] + 1
    assert len(counts) == min(groups, units)
    assert ((1 - counts.astype(int)).sum(axis=0) == 1).all()
    assert counts.max() == 1
    if clusters is not None:
        assert np.array_equal(counts[:, 0], counts[:, 1])


@pytest.mark.parametrize(("samples", "clusters"), [(1, None), (3, "aaa")])
def test_refuses_to_leave_out_everything(samples, clusters):
    with pytest.raises(RequestError, match="at least two groups"):
        jackknife_counts(samples, 10, clusters=None if clusters is None else list(clusters))


@pytest.mark.parametrize("runs", [2, 3, 8])
def test_two_levels_add_the_variance_over_runs_without_bias(runs):
    """The mean over runs has variance s^2 / K beside that of the samples, s^2 over K - 1."""
    rng = np.random.default_rng(runs)
    seeds, samples = rng.normal(size=runs), rng.normal(0, 0.2, 40_000)
    replicates = seeds[:, None] + samples
    error = standard_error(average_runs(replicates, seed=5))
    assert error**2 == pytest.approx(seeds.var(ddof=1) / runs + 0.04, rel=0.04)
    assert average_runs(replicates).mean() == pytest.approx(seeds.mean(), abs=0.02)
    assert np.array_equal(average_runs(replicates, 1), average_runs(replicates, 1))
    assert not np.array_equal(average_runs(replicates, 1), average_runs(replicates, 2))


def test_one_run_has_one_level():
    replicates = np.arange(12.0).reshape(1, 4, 3)
    assert np.array_equal(average_runs(replicates), replicates[0])
