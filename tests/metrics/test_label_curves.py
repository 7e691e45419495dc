"""Areas under label curves, in closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import BenchError
from bench.metrics.label_curves import area_under_label_curve


def test_a_constant_score_is_its_area():
    assert area_under_label_curve([7, 90, 1000], [0.3, 0.3, 0.3]) == pytest.approx(0.3)


def test_a_straight_line_in_the_logarithm_has_the_mean_of_its_ends():
    labels = np.array([1000, 10, 100])
    assert area_under_label_curve(labels, np.log10(labels)) == pytest.approx(2)


def test_intervals_count_by_their_logarithm():
    # (0 + 1) / 2 over one decade, (1 + 1) / 2 over two.
    assert area_under_label_curve([1, 10, 1000], [0, 1, 1]) == pytest.approx(2.5 / 3)


def test_leading_axes_and_nan():
    found = area_under_label_curve([10, 100], [[0, 1], [np.nan, 1]])
    np.testing.assert_allclose(found, [0.5, np.nan])
    assert np.isnan(area_under_label_curve([10], [0.5]))


@pytest.mark.parametrize(
    ("labels", "scores"),
    [([], []), ([1, 2], [1]), ([0, 1], [1, 1]), ([1, 1], [1, 1]), ([1, np.inf], [1, 1])],
)
def test_wrong_points_are_refused(labels, scores):
    with pytest.raises(BenchError):
        area_under_label_curve(labels, scores)


@given(
    st.lists(st.integers(1, 10**6), min_size=2, max_size=8, unique=True),
    st.floats(0.1, 10),
    st.data(),
)
def test_it_lies_between_the_scores_and_ignores_the_unit_of_labels(labels, factor, data):
    scores = [data.draw(st.floats(0, 1)) for _ in labels]
    area = area_under_label_curve(labels, scores)
    assert min(scores) - 1e-9 <= area <= max(scores) + 1e-9
    scaled = area_under_label_curve(np.array(labels) * factor, scores)
    assert scaled == pytest.approx(float(area), abs=1e-9)
