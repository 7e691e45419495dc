"""Subsets of training samples: stratified, nested, and the same every time."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError, RequestError
from bench.data import ids_sha256
from bench.spec.labels import Labels
from bench.train.labels import UNLABELLED, order, strata_of_labels, strata_of_values, subset

STRATA = [0] * 70 + [1] * 25 + [2] * 4 + [3]
IDS = [f"s{index}" for index in range(len(STRATA))]


@settings(max_examples=200)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_every_prefix_has_the_shares_of_all_samples(sizes, draw):
    strata = [stratum for stratum, size in enumerate(sizes) for _ in range(size)]
    found = order(strata, draw)
    assert sorted(found) == list(range(len(strata)))
    held = Counter()
    for length, index in enumerate(found, 1):
        held[strata[index]] += 1
        for stratum, size in enumerate(sizes):
            assert abs(held[stratum] - Fraction(length * size, len(strata))) < 1


def test_draws_differ_and_repeat():
    assert order(STRATA, 1).tolist() == order(STRATA, 1).tolist()
    assert order(STRATA, 1).tolist() != order(STRATA, 2).tolist()
    assert not len(order([], 0))
    # Any machine and any version has to find the same permutation.
    assert order(["a", "b", "b", "a", "b"], 7).tolist() == [4, 0, 2, 3, 1]


def test_shares_are_nested_and_counted():
    sizes = {"0.1%": 1, "1%": 1, "1.4%": 1, "1.5%": 2, "10%": 10, "50%": 50, "100%": 100}
    before = set()
    for text, size in sizes.items():
        found = subset(IDS, STRATA, Labels.parse(text, 3))
        assert len(found) == size
        assert before <= set(found)
        assert found == [sample for sample in IDS if sample in set(found)]
        before = set(found)
    assert ids_sha256(subset(IDS, STRATA, Labels.parse("100%"))) == ids_sha256(IDS)


def test_shots_are_nested_and_of_each_class():
    few, more = (
        subset(IDS[:99], STRATA[:99], Labels.parse(text, 5)) for text in ("2-shot", "4-shot")
    )
    assert set(few) <= set(more)
    held = Counter(STRATA[IDS.index(sample)] for sample in more)
    assert held == {0: 4, 1: 4, 2: 4}


def test_classes_with_too_few_samples_are_named():
    with pytest.raises(RequestError, match=r"found 1 of class 3 and too few of 1 more.*1-shot"):
        subset(IDS, STRATA, Labels.parse("5-shot"))


def test_samples_without_labels_are_no_shots():
    found = subset(["a", "b", "c"], [UNLABELLED, 0, 0], Labels.parse("1-shot"))
    assert len(found) == 1
    assert found[0] in "bc"
    with pytest.raises(RequestError, match="found none"):
        subset(["a"], [UNLABELLED], Labels.parse("1-shot"))


def test_ids_and_strata_belong_together():
    with pytest.raises(BenchError):
        subset(IDS, STRATA[1:], Labels.parse("10%"))
    with pytest.raises(BenchError):
        subset([], [], Labels.parse("10%"))


def test_the_stratum_of_labels_is_the_rarest():
    targets = np.array([[1, 1, 0], [1, 0, 1], [1, 0, 1], [0, 0, 0], [1, 0, 0]])
    assert strata_of_labels(targets) == [1, 2, 2, UNLABELLED, 0]
    assert strata_of_labels(np.ones((2, 3))) == [0, 0]
    assert strata_of_labels(np.zeros((2, 0))) == [UNLABELLED] * 2
    with pytest.raises(BenchError):
        strata_of_labels([1, 0])


def test_values_are_in_quantile_bins():
    found = strata_of_values(np.arange(100.0)[::-1])
    assert Counter(found) == dict.fromkeys(range(10), 10)
    assert found[0] == 9
    assert strata_of_values([3.0, 3.0, np.nan]) == [
        found_ := strata_of_values([3.0])[0],
        found_,
        -1,
    ]
    assert strata_of_values([np.nan]) == [UNLABELLED]
    with pytest.raises(BenchError):
        strata_of_values([[1.0]])
