"""Samples left out, and sums of what is left."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import RequestError
from bench.metrics.stats import jackknife_counts, weighted_sums


def test_weighted_sums_are_exact_in_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, (3, 101)).astype(np.uint16)
    values = rng.integers(0, 2**40, (101, 2, 4))
    expected = np.einsum("bn,nij->bij", counts.astype(np.int64), values)
    assert np.array_equal(weighted_sums(counts, values), expected)
    monkeypatch.setattr("bench.metrics.stats.resample._VALUES_PER_PRODUCT", 50)
    assert np.array_equal(weighted_sums(counts, values), expected)


@pytest.mark.parametrize("labels", [["a"], [["a", "b"]], "ab"])
def test_refuses_labels_that_are_not_one_per_sample(labels):
    with pytest.raises(RequestError, match="one cluster label for each of 2 samples"):
        jackknife_counts(2, 5, clusters=labels)


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
