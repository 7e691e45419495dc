"""The area under scores against magnitude."""

import numpy as np
import pytest
from scipy.integrate import trapezoid

from bench.base.errors import BenchError
from bench.metrics.degradation_curves import area_under_degradation_curve


def test_the_area_is_a_mean_score() -> None:
    assert area_under_degradation_curve([0, 0.1, 0.3], [0.7, 0.7, 0.7]) == pytest.approx(0.7)
    assert area_under_degradation_curve([0, 1], [0.8, 0.4]) == pytest.approx(0.6)
    assert np.isnan(area_under_degradation_curve([0], [0.8]))


def test_the_area_equals_scipys_in_any_order_and_over_any_leading_axis() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random(6) * 40, rng.random((3, 2, 6))
    order = np.argsort(x)
    expected = trapezoid(y[..., order], x[order], axis=-1) / (x.max() - x.min())
    assert area_under_degradation_curve(x, y) == pytest.approx(expected)


@pytest.mark.parametrize("x", [[0, 0, 1], [0, -1, 1], [0, 1], [0, 1, np.nan]])
def test_broken_magnitudes_are_refused(x: list[float]) -> None:
    with pytest.raises(BenchError):
        area_under_degradation_curve(x, [1, 2, 3])
