"""Channel augmentations as entries: what a consistency task measures."""

import torch
from torch import nn

from bench.base.errors import RequestError
from bench.kinds.common import augmentations


class Augmentation(nn.Module):
    """An augmentation of `bench.kinds.common.augmentations` at several magnitudes.

    Args:
        in_channels: bands of an image.
        outputs, size: not needed.
        name: of the augmentation.
        magnitudes: numbers with spaces between them.

    Raises:
        ValueError: the augmentation is unknown, or a magnitude is outside its range.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,  # noqa: ARG002
        size: int | None,  # noqa: ARG002
        name: str,
        magnitudes: str,
    ) -> None:
        super().__init__()
        self.name = name
        self.points = magnitudes.split()
        if not self.points or len(set(self.points)) < len(self.points):
            raise ValueError(f"expected different magnitudes, found {magnitudes!r}")
        for point in self.points:
            try:
                augmentations.check(name, float(point), in_channels)
            except RequestError as error:
                raise ValueError(str(error)) from error

    def forward(self, images: torch.Tensor, point: str, generator: torch.Generator) -> torch.Tensor:
        """Images float32 [N, C, H, W] in [0, 1], augmented at one of the points."""
        return augmentations.apply(self.name, images, float(point), generator)
