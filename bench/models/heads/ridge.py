"""Ridge regression, all penalties from one decomposition."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import nn

from bench.models.heads.axes import Axes, of_covariance, principal_axes
from bench.models.heads.base import Array, LinearHead, checked, uniform_tangent

PENALTIES = tuple(10.0**power for power in range(-5, 3))


class Solutions(NamedTuple):
    """One affine function x -> weights @ x + bias for each hyper-parameter.

    Attributes:
        weights: [solutions, outputs, F] float64.
        biases: [solutions, outputs] float64.
    """

    weights: torch.Tensor
    biases: torch.Tensor


def ridge(
    x: Array, y: Array, weight: Array | None = None, penalties: Sequence[float] = PENALTIES
) -> Solutions:
    """Ridge regression on standardised features, for any number of penalties at once.

    The weights v of penalty l minimise sum(w |y - a - z v|^2) / sum(w) + l |v|^2 over samples of
    weight w, whose features z have mean 0 and standard deviation 1 under the same weights (A. E.
    Hoerl, R. W. Kennard, Technometrics 12, 1970). The intercept a is not penalised. It is the
    solution of scikit-learn's ``Ridge(alpha=l * sum(w))`` on such features, and is returned in
    terms of x. A feature that never changes has weight 0.

    Costs 2 N F^2 operations and F^2 numbers in float64 (or N F of them where N < F, by the dual
    form), whatever the number of penalties. The same input gives the same bits on one machine.

    Args:
        x: [N, F] features, float32 or another floating type; may be memory-mapped.
        y: [N, outputs] targets: multi-hot, one-hot, shares of classes, or real values.
        weight: [N], not negative; None: all 1.
        penalties: positive.

    Raises:
        BenchError: the arrays don't fit together, or hold NaN or infinity.
    """
    return _solutions(principal_axes(*checked(x, y, weight, "value")), penalties)


class RidgeHead(LinearHead):
    """Ridge regression of the targets on the features; see `ridge`.

    What is expected of labels and classes becomes logits by `uniform_tangent`.
    """

    def fit(self, x: Array, y: Array, weight: Array | None = None) -> None:
        """Solve for every one of `PENALTIES`, and take the first."""
        found = _solutions(principal_axes(*self.checked(x, y, weight)), PENALTIES)
        self._found([f"penalty {penalty:g}" for penalty in PENALTIES], *found)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits, or values."""
        return uniform_tangent(super().forward(features), self.task)

    def every(self, features: torch.Tensor) -> torch.Tensor:
        """Logits or values by each penalty."""
        return uniform_tangent(super().every(features), self.task)


class Ridge(nn.Module):
    """Features [N, F] -> targets [N, outputs], by ridge regression on standardised features.

    The weights of penalty l minimise mean((y - a - x w)^2) + l |w|^2, over samples x that are
    brought to mean 0 and standard deviation 1 (A. E. Hoerl, R. W. Kennard, Technometrics 12, 1970).
    Sums in float64 are all that is kept of the samples, which come in batches and may be any
    number; `RidgeHead` takes them as arrays.

    Args:
        features: of a sample.
        outputs: targets of a sample.
    """

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, outputs)
        self._solutions: list[tuple[torch.Tensor, torch.Tensor]] = []

    def fit(self, samples: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Solve for every one of `PENALTIES`, and choose the first.

        Args:
            samples: batches of features [N, F] and targets [N, outputs], any dtype.
        """
        count, sums = 0, [torch.zeros(())] * 4
        for x, y in ((x.double(), y.double()) for x, y in samples):
            parts = x.sum(dim=0), y.sum(dim=0), x.T @ x, x.T @ y
            # Sums of the first batch have the right shapes and device.
            sums = [part + total.to(part) for part, total in zip(parts, sums, strict=True)]
            count += len(x)
        mean, level, square, product = (total / count for total in sums)
        covariance = square - mean[:, None] * mean
        # A feature that never changes says nothing, and must not be divided by 0.
        inverse = covariance.diagonal().clamp(min=1e-12).rsqrt()
        axes = of_covariance(mean, covariance, inverse, level, product - mean[:, None] * level)
        self._solutions = list(zip(*_solutions(axes, PENALTIES), strict=True))
        self.choose(0)

    @property
    def choices(self) -> int:
        """How many solutions there are to choose from."""
        return len(self._solutions)

    @torch.no_grad()
    def choose(self, index: int) -> None:
        """Take the solution of one of `PENALTIES`."""
        weight, bias = self._solutions[index]
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The targets that are expected, float32 [N, outputs]."""
        expected: torch.Tensor = self.linear(features)
        return expected


def _solutions(axes: Axes, penalties: Sequence[float]) -> Solutions:
    weights = torch.stack(
        [
            (axes.transform @ (axes.covariances / (axes.variances + penalty)[:, None])).T
            for penalty in penalties
        ]
    )
    return Solutions(weights, axes.level - weights @ axes.mean)
