"""Scores under degradations against the score on clean images."""

from typing import Any

import numpy as np
import pytest

from bench.metrics import stats
from bench.report.degradation_curves import robustness
from bench.results.manifest import Manifest
from bench.spec.degradation import Degradation, parse
from tests import run_json

UNITS = 40
RNG = np.random.default_rng(1)
BASE = RNG.normal(0.7, 0.1, UNITS)


def run(name: str, values: Any) -> Manifest:
    """A run whose score is the mean of a value for each unit."""
    left_out = (values.sum() - values) / (UNITS - 1)
    bounds = {"low": values.mean() - 0.05, "high": values.mean() + 0.05}
    score = run_json.score(value=float(values.mean()), units=UNITS, **bounds)
    content = run_json.complete(name, scores=[score | {"sampling_unit": "sample"}])
    return run_json.model(content | {"left_out": left_out.tolist()})


def one(text: str) -> Degradation:
    (found,) = parse(text)
    return found


def test_differences_to_clean_images_are_those_of_a_paired_t_test() -> None:
    from scipy import stats as scipy_stats

    light, dark = (BASE - RNG.normal(size, 0.02, UNITS) for size in (0.01, 0.1))
    found = robustness(
        run("clean", BASE),
        [(one("cloud=0.1"), run("light", light)), (one("cloud=0.3"), run("dark", dark))],
        10,
    )
    expected = [scipy_stats.ttest_rel(values, BASE) for values in (light, dark)]
    adjusted = stats.holm(np.array([test.pvalue for test in expected]))
    assert [point.run for point in found.points] == ["clean", "light", "dark"]
    assert found.points[0].difference is None
    for point, test, p in zip(found.points[1:], expected, adjusted, strict=True):
        interval = test.confidence_interval()
        assert point.difference == pytest.approx(
            (test.statistic and interval.low + interval.high) / 2
        )
        assert point.difference_low == pytest.approx(interval.low)
        assert point.difference_high == pytest.approx(interval.high)
        assert point.p == pytest.approx(p)


def test_the_area_of_a_mean_is_the_mean_of_areas() -> None:
    light, dark = (BASE - RNG.normal(size, 0.02, UNITS) for size in (0.01, 0.1))
    # In another order than that of magnitudes.
    runs = [(one("cloud=0.3"), run("dark", dark)), (one("cloud=0.1"), run("light", light))]
    runs.append((one("drop=B02"), run("dropped", dark)))
    found = robustness(run("clean", BASE), runs, 10)
    (area,) = found.areas
    of_units = ((BASE + light) / 2 * 0.1 + (light + dark) / 2 * 0.2) / 0.3
    lost = of_units - BASE
    spread = stats.spread_over_units((lost.sum() - lost) / (UNITS - 1))
    assert spread.error == pytest.approx(lost.std(ddof=1) / UNITS**0.5)
    assert (area.kind, area.start, area.end, area.points) == ("cloud", 0, 0.3, 3)
    assert area.area == pytest.approx(of_units.mean())
    assert area.difference == pytest.approx((of_units - BASE).mean())
    assert area.p == pytest.approx(stats.p_value(lost.mean(), spread))
    bounds = stats.interval(lost.mean(), spread)
    assert (area.difference_low, area.difference_high) == pytest.approx(bounds)


def test_the_curve_over_sampling_distances_begins_at_the_finest_band() -> None:
    found = robustness(run("clean", BASE), [(one("gsd=30"), run("coarse", BASE - 0.2))], 10)
    (area,) = found.areas
    assert (area.start, area.end, area.unit) == (10, 30, "m")
    assert area.area == pytest.approx(BASE.mean() - 0.1)


def test_an_undefined_score_leaves_its_area_undefined() -> None:
    nothing = run_json.model(run_json.complete("none", scores=[run_json.score(value=None)]))
    found = robustness(run("clean", BASE), [(one("cloud=0.3"), nothing)], 10)
    assert found.points[1].value is None
    assert found.points[1].p is None
    assert found.areas[0].area is None
