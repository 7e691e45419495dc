"""Functions minimised side by side, in closed form."""

import torch

from bench.models.heads.lbfgs import minimise


def quadratics(scale, centre):
    """sum(scale (x - centre)^2) / 2 of several functions."""

    def evaluate(points, which):
        off = points - centre[which]
        return (scale[which] * off**2).sum(dim=1) / 2, scale[which] * off

    return evaluate


def test_with_the_right_curvature_one_step_is_enough():
    scale = torch.tensor([[1.0, 100.0], [1e-3, 5.0]]).double()
    centre = torch.tensor([[3.0, -1.0], [0.5, 2.0]]).double()
    found, steps = minimise(quadratics(scale, centre), torch.zeros_like(centre), scale, 1e-12, 50)
    assert steps == 1
    torch.testing.assert_close(found.points, centre)


def test_functions_do_not_touch_each_other_and_rest_where_they_are_done():
    scale = torch.logspace(-2, 2, 6).double().repeat(3, 1) * torch.tensor([[1], [2], [7]])
    centre = torch.randn(3, 6, generator=torch.Generator().manual_seed(0)).double()
    asked = []

    def counted(points, which):
        asked.append(which.tolist())
        return quadratics(scale, centre)(points, which)

    start = centre.clone()
    start[1:] = 0
    found, _ = minimise(counted, start, torch.ones_like(scale), 1e-9, 500)
    torch.testing.assert_close(found.points, centre, atol=1e-6, rtol=0)
    assert asked[0] == [0, 1, 2]
    assert not any(0 in which for which in asked[1:])
    for one in (1, 2):
        alone, _ = minimise(
            quadratics(scale[[one]], centre[[one]]), start[[one]], torch.ones(1, 6), 1e-9, 500
        )
        torch.testing.assert_close(found.points[[one]], alone.points)


def test_steps_that_are_too_long_are_shortened():
    # log cosh is flat far out: a whole step with this curvature overshoots.
    def evaluate(points, which):
        off = points - 2
        return off.cosh().log().sum(dim=1), off.tanh()

    found, _ = minimise(
        evaluate, torch.full((1, 2), 9.0).double(), torch.full((1, 2), 0.01), 1e-10, 100
    )
    torch.testing.assert_close(found.points, torch.full((1, 2), 2.0).double())


def test_it_stops_where_rounding_ends_all_progress():
    def evaluate(points, which):
        return points[:, 0] ** 2 + 1e9, 2 * points + 1e-3  # a gradient that isn't its own

    found, steps = minimise(evaluate, torch.zeros(1, 1).double(), torch.ones(1, 1), 1e-12, 1000)
    assert steps < 1000
    assert torch.isfinite(found.values).all()
