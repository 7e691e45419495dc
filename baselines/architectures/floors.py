"""Floors: what can be reached without looking at an image properly."""

from collections.abc import Iterable, Mapping

import torch
from torch import nn

import bench.base.torch_setup  # noqa: F401
from bench.kinds.common.batch import Batch

PENALTIES = tuple(10.0**power for power in range(-5, 3))


class Ridge(nn.Module):
    """Features [N, F] -> targets [N, outputs], by ridge regression on standardised features.

    The weights of penalty l minimise mean((y - a - x w)^2) + l |w|^2, over samples x that are
    brought to mean 0 and standard deviation 1 (A. E. Hoerl, R. W. Kennard, Technometrics 12, 1970).
    Sums in float64 are all that is kept of the samples, which may be any number.

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
        scale = covariance.diagonal().clamp(min=1e-12).sqrt()
        values, vectors = torch.linalg.eigh(covariance / (scale[:, None] * scale))
        projected = vectors.T @ ((product - mean[:, None] * level) / scale[:, None])
        self._solutions = []
        for penalty in PENALTIES:
            shrunk = projected / (values.clamp(min=0) + penalty)[:, None]
            weight = (vectors @ shrunk / scale[:, None]).T
            self._solutions.append((weight, level - weight @ mean))
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


class Regressed(nn.Module):
    """A floor whose only learnt part is a ridge regression; validation chooses its penalty."""

    ridge: Ridge

    @property
    def choices(self) -> int:
        """How many penalties there are to choose from, once it is fitted."""
        return self.ridge.choices

    def choose(self, index: int) -> None:
        """Take one of the penalties."""
        self.ridge.choose(index)


def tangent_logits(expected: torch.Tensor) -> torch.Tensor:
    """Logits from what a regression expects of labels: 4 (p - 1/2), the tangent of logit p at 1/2.

    What is expected of a label may lie below 0 or above 1, where no logit is defined.
    """
    return 4 * (expected - 0.5)


def moments(images: torch.Tensor | Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Images [N, C, height, width], or several of them by name -> [N, 2 C].

    Mean and standard deviation of each channel over the pixels, those of all images side by side.
    """
    if isinstance(images, Mapping):
        return torch.cat([moments(images[name]) for name in sorted(images)], dim=1)
    pixels = images.flatten(2)
    # With the mean taken off first: squares of reflectance would lose the digits that count.
    return torch.cat([pixels.mean(dim=2), pixels.std(dim=2, correction=0)], dim=1)


def labels(batch: Batch) -> torch.Tensor:
    """The multi-hot labels of a batch, [N, classes]; federated ones stand beside the client."""
    targets = batch.targets
    found: torch.Tensor = targets["labels"] if isinstance(targets, Mapping) else targets
    return found


class Statistics(Regressed):
    """Images float32 [N, in_channels, height, width] -> logits float32 [N, outputs].

    Ridge regression of the labels on mean and standard deviation of each band: whatever a model
    scores above it, it has seen in the arrangement of the pixels.

    Args:
        in_channels: bands.
        outputs: classes.
        size: not used: images of any size have a mean.
    """

    def __init__(self, in_channels: int, outputs: int, size: int) -> None:  # noqa: ARG002
        super().__init__()
        self.ridge = Ridge(2 * in_channels, outputs)

    def fit(self, batches: Iterable[Batch]) -> None:
        """Learn from the training split; `choose` then takes one of the penalties."""
        self.ridge.fit((moments(batch.inputs), labels(batch)) for batch in batches)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits: see `tangent_logits`."""
        return tangent_logits(self.ridge(moments(images)))
