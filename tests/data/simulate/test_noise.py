"""Random fields: their moments, their covariance and that keys are independent."""

import numpy as np
import pytest

from bench.data.simulate.noise import cells, generator, per_cell, rotated, smooth_field


def test_a_key_names_one_stream() -> None:
    first = generator(0, "a", 1).random(8)
    np.testing.assert_array_equal(first, generator(0, "a", 1).random(8))
    assert not np.array_equal(first, generator(0, "a", 2).random(8))
    # The parts of a key don't run into each other.
    assert not np.array_equal(generator("ab", "c").random(8), generator("a", "bc").random(8))


@pytest.mark.parametrize("scale", [0.7, 3.0, 9.0])
def test_smooth_field_has_the_moments_of_the_process(scale: float) -> None:
    rng = generator("moments", str(scale))
    fields = np.stack([smooth_field(rng, 96, scale) for _ in range(60)])
    assert abs(fields.mean()) < 0.1
    assert fields.var() == pytest.approx(1, abs=0.1)
    lag = round(2 * scale)
    covariance = np.mean(fields[:, lag:, :] * fields[:, :-lag, :])
    assert covariance == pytest.approx(np.exp(-(lag**2) / (4 * scale**2)), abs=0.1)


def test_smooth_field_does_not_wrap_around() -> None:
    rng = generator("edges")
    fields = np.stack([smooth_field(rng, 64, 5.0) for _ in range(200)])
    assert abs(np.mean(fields[:, 0] * fields[:, -1])) < 0.1


def test_cells_are_the_nearest_points_of_a_grid() -> None:
    along, across = rotated(100, 0.4, stretch=1.5)
    number, border = cells(generator("cells"), along, across, 10.0)
    count = int(number.max()) + 1
    assert set(np.unique(number)) == set(range(count))
    # 100 x 100 pixels in cells of 10 x 15, and those cut by the edge.
    assert 60 < count < 130
    assert border.min() >= 0
    same = number[:, 1:] == number[:, :-1]
    crossing = np.minimum(border[:, 1:], border[:, :-1])[~same]
    assert crossing.max() <= 1.5


def test_per_cell_is_constant_in_a_cell() -> None:
    number = np.array([[0, 0, 1], [2, 1, 1]])
    values = per_cell(generator("values"), number)
    assert len(np.unique(values)) == 3
    assert values[0, 0] == values[0, 1]
    assert values[0, 2] == values[1, 1] == values[1, 2]
