"""Floors of consistency tasks: signatures that know nothing of their own pixel."""

import torch
from torch import nn

POINT = "1"
"""The only magnitude: all pixels of an image."""


class UnrelatedPixels(nn.Module):
    """Images float32 [N, C, H, W] -> the same, with the pixels of each in an order of its own.

    Each signature is that of another place on the same day: plausible in every band, and not its
    pixel's. An augmentation that deviates as much has lost what a pixel looks like.

    Args:
        in_channels, outputs, size: not needed.
    """

    points = (POINT,)

    def __init__(self, in_channels: int, outputs: int, size: int | None) -> None:  # noqa: ARG002
        super().__init__()

    def forward(self, images: torch.Tensor, point: str, generator: torch.Generator) -> torch.Tensor:  # noqa: ARG002
        """The images with their pixels in orders drawn from the generator."""
        pixels = images.flatten(2)
        orders = [
            torch.randperm(pixels.shape[2], generator=generator, device=generator.device)
            for _ in pixels
        ]
        moved = [one[:, order.to(one.device)] for one, order in zip(pixels, orders, strict=True)]
        return torch.stack(moved).reshape(images.shape)


class MeanSignature(nn.Module):
    """Images float32 [N, C, H, W] -> the mean of each band at every pixel, of the same shape.

    Args:
        in_channels, outputs, size: not needed.
    """

    points = (POINT,)

    def __init__(self, in_channels: int, outputs: int, size: int | None) -> None:  # noqa: ARG002
        super().__init__()

    def forward(self, images: torch.Tensor, point: str, generator: torch.Generator) -> torch.Tensor:  # noqa: ARG002
        """One signature for each image."""
        return images.mean(dim=(2, 3), keepdim=True).expand_as(images).clone()
