"""Many smooth convex functions minimised side by side."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch


class At(NamedTuple):
    """Functions at points.

    Attributes:
        points: [A, D].
        values: [A].
        gradients: [A, D].
    """

    points: torch.Tensor
    values: torch.Tensor
    gradients: torch.Tensor

    def of(self, which: torch.Tensor) -> "At":
        """Some of the functions."""
        return At(*(part[which] for part in self))

    def put(self, which: torch.Tensor, new: "At") -> None:
        """Replace some of them."""
        for part, other in zip(self, new, strict=True):
            part[which] = other


Evaluate = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""(points [A, D], which functions [A]) -> (values [A], gradients [A, D])."""


class _Pair(NamedTuple):
    """A step of each function: s and y of [P, D], and 1 / (s y) of [P], 0 where it has no use."""

    step: torch.Tensor
    change: torch.Tensor
    scale: torch.Tensor


_MEMORY = 10
_DECREASE = 1e-4
_SLOPE = 0.8
_ROUNDING = 1e-14
_TRIALS = 30


def minimise(
    evaluate: Evaluate, start: torch.Tensor, curvature: torch.Tensor, tolerance: float, most: int
) -> tuple[At, int]:
    """Minimise P independent convex functions by L-BFGS with a line search of its own for each.

    D. C. Liu, J. Nocedal, Mathematical Programming 45, 1989, whose first estimate of the Hessian is
    a diagonal here. A step is taken where it decreases the function enough (Armijo), or, where
    rounding hides the decrease, by the slope there (W. W. Hager, H. Zhang, SIAM Journal on
    Optimization 16, 2005). A function whose gradient is short enough isn't evaluated any more, nor
    is one that can't be decreased for rounding.

    Args:
        evaluate: the functions and their gradients at points of some of them.
        start: [P, D] float64.
        curvature: [P, D], positive; about the diagonal of the Hessian, up to a factor.
        tolerance: of the Euclidean norm of a gradient.
        most: steps.

    Returns:
        The minima, and the steps that the slowest function took.
    """
    now = At(start.clone(), *evaluate(start, torch.arange(len(start))))
    pairs: deque[_Pair] = deque(maxlen=_MEMORY)
    stuck = torch.zeros(len(start), dtype=torch.bool)
    for steps in range(most):
        active = torch.nonzero((now.gradients.norm(dim=1) > tolerance) & ~stuck)[:, 0]
        if not len(active):
            return now, steps
        before = now.of(active)
        own = [_Pair(*(part[active] for part in pair)) for pair in pairs]
        direction = _direction(before.gradients, own, curvature[active])
        moved, after = _search(evaluate, active, before, direction)
        stuck[active[~moved]] = True
        taken = active[moved]
        pair = _Pair(
            torch.zeros_like(start), torch.zeros_like(start), torch.zeros(len(start)).to(start)
        )
        pair.step[taken] = (after.points - before.points)[moved]
        pair.change[taken] = (after.gradients - before.gradients)[moved]
        product = (pair.step * pair.change).sum(dim=1)
        useful = product > _ROUNDING * pair.step.norm(dim=1) * pair.change.norm(dim=1)
        pair.scale[useful] = 1 / product[useful]
        pairs.append(pair)
        now.put(taken, after.of(moved))
    return now, most


def _direction(
    gradients: torch.Tensor, pairs: Sequence[_Pair], curvature: torch.Tensor
) -> torch.Tensor:
    """Minus the inverse Hessian times the gradient, by the two-loop recursion."""
    found = -gradients
    shares = []
    for step, change, scale in reversed(pairs):
        share = scale * (step * found).sum(dim=1)
        found = found - share[:, None] * change
        shares.append(share)
    # The diagonal is scaled by the newest pair that is of use.
    factor = torch.ones_like(curvature[:, 0])
    for _, change, scale in pairs:
        squared = (change * change / curvature).sum(dim=1) * scale
        factor = torch.where(squared > 0, 1 / squared, factor)
    found = factor[:, None] * found / curvature
    for (step, change, scale), share in zip(pairs, reversed(shares), strict=True):
        found = found + (share - scale * (change * found).sum(dim=1))[:, None] * step
    return found


def _search(
    evaluate: Evaluate, active: torch.Tensor, before: At, direction: torch.Tensor
) -> tuple[torch.Tensor, At]:
    """A step of each function along its direction: whether one was found [A], and what is there."""
    slope = (before.gradients * direction).sum(dim=1)
    length = torch.ones_like(slope)
    after = before.of(torch.arange(len(active)))
    moved = torch.zeros(len(active), dtype=torch.bool)
    for _ in range(_TRIALS):
        left = torch.nonzero(~moved)[:, 0]
        if not len(left):
            break
        points = before.points[left] + length[left, None] * direction[left]
        there = At(points, *evaluate(points, active[left]))
        gain, value = slope[left] * length[left], before.values[left]
        enough = there.values <= value + _DECREASE * gain
        flat = (there.values - value).abs() <= _ROUNDING * value.abs().clamp(min=1)
        level = (there.gradients * direction[left]).sum(dim=1) <= -_SLOPE * slope[left]
        good = enough | (flat & level)
        after.put(left[good], there.of(good))
        moved[left[good]] = True
        # The least of the parabola through both values with the slope at the start.
        bent = 2 * (there.values - value - gain)
        shorter = torch.where(bent > 0, -gain / bent, 0.5).clamp(0.1, 0.5)
        length[left] *= torch.where(torch.isfinite(shorter), shorter, 0.1)
    return moved, after
