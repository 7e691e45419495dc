"""Floors: what can be reached without looking at an image properly."""

from collections.abc import Iterable, Mapping

import torch
from torch import nn

import bench.base.torch_setup  # noqa: F401
from bench.kinds.common.batch import Batch
from bench.models.heads.base import tangent_logits
from bench.models.heads.ridge import Ridge


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


def moments(images: torch.Tensor | Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Images [N, C, height, width], or several of them by name -> [N, 2 C].

    Mean and standard deviation of each channel over the pixels, those of all images side by side.
    """
    if isinstance(images, Mapping):
        return torch.cat([moments(images[name]) for name in sorted(images)], dim=1)
    pixels = images.flatten(2)
    # With the mean taken off first: squares of reflectance would lose the digits that count.
    return torch.cat([pixels.mean(dim=2), pixels.std(dim=2, correction=0)], dim=1)


def labels(batch: Batch, classes: int) -> torch.Tensor:
    """The labels of a batch, 0 or 1, [N, classes].

    Several of an image are given so; of one class for each image its index [N] is; federated ones
    stand beside the client.
    """
    targets = batch.targets
    found: torch.Tensor = targets["labels"] if isinstance(targets, Mapping) else targets
    return nn.functional.one_hot(found, classes) if found.ndim == 1 else found


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
        classes = self.ridge.linear.out_features
        self.ridge.fit((moments(batch.inputs), labels(batch, classes)) for batch in batches)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits: see `tangent_logits`."""
        return tangent_logits(self.ridge(moments(images)))
