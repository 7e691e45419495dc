"""How often intervals hold their target and tests keep their level: the study, reduced.

`benchmarks/coverage.py` is the whole of it; docs/statistics.md has its table.
"""

import numpy as np
import pytest

from bench.metrics import stats
from benchmarks.coverage import cell, row
from benchmarks.populations import SCENARIOS
from benchmarks.verdicts import EQUAL, UNEQUAL, null, power

DRAWS = 200
SLACK = 3 * np.sqrt(stats.LEVEL * stats.ALPHA / DRAWS)
"""Three standard errors of a coverage of 95 %."""


@pytest.mark.parametrize(
    ("metric", "name", "samples"),
    [
        ("ap_macro", "tiles of 8, ICC 0.2", 240),
        ("ap_macro", "normal scores, prevalence 0.05 to 0.5", 300),
        ("iou_macro", "2 of 4 classes, one rare, images differ", 100),
        ("rmse_pixels", "images alike (sd of log error 0.3)", 100),
        ("recall_mean", "independent ranks, weak model", 100),
        ("accuracy_micro", "accuracy about 0.6", 100),
        ("cider_corpus", "mean, tiles of 8, ICC 0.2", 80),
        ("ratio_l1", "one in twenty changed a lot", 100),
    ],
)
def test_intervals_hold_the_score_on_more_data(metric, name, samples):
    scenario = next(one for one in SCENARIOS if (one.metric, one.name) == (metric, name))
    found = cell(scenario, samples, DRAWS)
    assert not np.isnan(found.held).any()
    assert stats.LEVEL - SLACK <= found.held.mean() <= min(1, stats.LEVEL + SLACK)
    assert found.held.sum() + found.below.sum() + found.above.sum() == DRAWS
    assert found.few.mean() <= 0.5


def test_where_few_images_decide_it_is_said():
    """The interval of RMSE with very unequal errors misses too often, and has a remark."""
    scenario = next(one for one in SCENARIOS if "differ much" in one.name)
    found = cell(scenario, 30, DRAWS)
    assert found.held.mean() < stats.LEVEL - SLACK
    assert found.below.sum() > 5 * found.above.sum()
    assert found.few.mean() > 0.5
    assert row(found)[-2].endswith("too few")


@pytest.mark.parametrize("rivals", [EQUAL[1], EQUAL[7]], ids=["ap_macro", "iou_macro"])
def test_equal_entries_are_called_different_in_one_case_of_twenty(rivals):
    assert (rivals.tiles, rivals.icc) in ((10, 0.2), (10, 0.5))
    found = null(rivals, DRAWS, commands=3)
    assert found.called <= stats.ALPHA + SLACK
    assert (found.agreed, found.seen) == (3, 3)


def test_the_smallest_visible_difference_is_found_in_four_cases_of_five():
    found = power(UNEQUAL[4], DRAWS, commands=3)
    assert found.true > 0
    assert found.called == pytest.approx(stats.POWER, abs=3 * np.sqrt(0.2 * 0.8 / DRAWS))
    assert found.agreed == found.seen
