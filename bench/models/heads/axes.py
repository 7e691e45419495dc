"""Principal axes of standardised features: the coordinates in which penalised fits are cheap."""

from typing import NamedTuple

import torch

from bench.base.errors import BenchError
from bench.models.heads.base import Array, block

ROWS = 4096
"""Samples at once: float64 copies of so many features are all that is held of a large file."""

_PANEL = 256
_CONSTANT = 1e-14
"""A feature whose variance is less than this share of its squared mean differs by no more than
float32 rounds it."""


class Axes(NamedTuple):
    """Standardised features z = (x - mean) / std in the axes of their correlation matrix.

    Coordinates are (x - mean) @ transform; they are uncorrelated. There are F of them, or fewer
    where there are fewer samples. A feature that never changes has no part in any.

    Attributes:
        mean: [F], of the features.
        transform: [F, R]; the columns span what standardised features span, and a penalty |v|^2 on
            weights v in these coordinates is one on the weights of standardised features.
        variances: [R] of the coordinates, not negative.
        level: [outputs], the mean of the targets.
        covariances: [R, outputs] of coordinates and targets.
    """

    mean: torch.Tensor
    transform: torch.Tensor
    variances: torch.Tensor
    level: torch.Tensor
    covariances: torch.Tensor


def principal_axes(x: Array, y: torch.Tensor, weight: torch.Tensor) -> Axes:
    """The axes of some samples, in float64; means are weighted.

    With N of at least F samples they are the eigenvectors of the correlation matrix, which one pass
    over the rows adds up: 2 N F^2 operations (little more than half of them, by symmetry) and F^2
    numbers in memory. With fewer, they follow from the N x N matrix of inner products (the dual
    form), with N F numbers in memory.

    Args:
        x: [N, F] features, of any floating type; may be memory-mapped.
        y: [N, outputs] float64.
        weight: [N] float64, not negative, with a positive sum.

    Raises:
        BenchError: a feature is NaN or infinite.
    """
    share = weight / weight.sum()
    level = share @ y
    found = _dual if len(x) < x.shape[1] else _primal
    return found(x, y - level, share, level)


def of_covariance(
    mean: torch.Tensor,
    covariance: torch.Tensor,
    inverse: torch.Tensor,
    level: torch.Tensor,
    covariances: torch.Tensor,
) -> Axes:
    """The axes from moments of the features.

    Args:
        mean: [F].
        covariance: [F, F].
        inverse: [F], one over the standard deviations; 0 takes a feature out.
        level: [outputs].
        covariances: [F, outputs] of features and targets.
    """
    values, vectors = torch.linalg.eigh(covariance * inverse[:, None] * inverse)
    transform = vectors * inverse[:, None]
    return Axes(mean, transform, values.clamp(min=0), level, transform.T @ covariances)


def _primal(x: Array, y: torch.Tensor, share: torch.Tensor, level: torch.Tensor) -> Axes:
    width = x.shape[1]
    # Off the mean of the first rows: squares of features far from 0 would lose digits.
    centre = block(x, 0, ROWS).mean(dim=0)
    first = torch.zeros(width, dtype=torch.float64)
    square = torch.zeros(width, width, dtype=torch.float64)
    product = torch.zeros(width, y.shape[1], dtype=torch.float64)
    for start in range(0, len(x), ROWS):
        own = share[start : start + ROWS, None]
        part = block(x, start, start + ROWS).sub_(centre)
        first += (part * own).sum(dim=0)
        product.addmm_(part.T, own * y[start : start + ROWS])
        part *= own.sqrt()
        for left in range(0, width, _PANEL):
            # The upper triangle by panels; the other half mirrors it.
            square[left : left + _PANEL, left:].addmm_(
                part[:, left : left + _PANEL].T, part[:, left:]
            )
    _check_finite(square)
    square = square.triu() + square.triu(1).T
    mean = centre + first
    covariance = square - first[:, None] * first
    return of_covariance(mean, covariance, _inverse(covariance.diagonal(), mean), level, product)


def _dual(x: Array, y: torch.Tensor, share: torch.Tensor, level: torch.Tensor) -> Axes:
    part = block(x, 0, len(x))
    mean = share @ part
    _check_finite(mean)
    part -= mean
    root = share.sqrt()
    part *= root[:, None]
    inverse = _inverse((part * part).sum(dim=0), mean)
    part *= inverse
    values, vectors = torch.linalg.eigh(part @ part.T)
    # Directions that no sample has but by rounding are none.
    kept = values > len(x) * torch.finfo(torch.float64).eps * values.max().clamp(min=0)
    values, vectors = values[kept], vectors[:, kept]
    transform = inverse[:, None] * (part.T @ (vectors / values.sqrt()))
    covariances = values.sqrt()[:, None] * (vectors.T @ (root[:, None] * y))
    return Axes(mean, transform, values, level, covariances)


def _inverse(variance: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """One over the standard deviations; 0 for features that never change."""
    constant = variance <= _CONSTANT * mean**2
    return torch.where(constant, 0, torch.where(constant, 1, variance).rsqrt())


def _check_finite(sums: torch.Tensor) -> None:
    if not torch.isfinite(sums).all():
        raise BenchError(
            "expected finite features, found NaN or infinity",
            "look for NaN in the encoder's weights and in its input",
        )
