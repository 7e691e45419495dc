"""The control of models that look at the arrangement of pixels: a network that can't."""

import torch
from torch import nn

import bench.base.torch_setup  # noqa: F401

from . import networks


class Shuffled(nn.Module):
    """Images float32 [N, in_channels, height, width] -> what a network says of their pixels.

    The pixels of every image change places at random, all bands of a pixel together, before the
    network sees them. The order follows from the image alone, so that it is the same in every run
    and every batch, and another one for another image.

    Args:
        in_channels: bands.
        outputs: classes.
        size: not used by networks that take any.
        network: of timm.
        arguments: of that network.

    Raises:
        ValueError: there is no such network.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int | None,  # noqa: ARG002
        network: str = "resnet18",
        **arguments: float,
    ) -> None:
        super().__init__()
        self.network = networks.network(network, in_channels, outputs, **arguments)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The network's answer to the shuffled images."""
        answer: torch.Tensor = self.network(shuffled(images))
        return answer


def shuffled(images: torch.Tensor) -> torch.Tensor:
    """Images float32 [N, C, height, width] with the pixels of each in an order of its own."""
    pixels = images.flatten(2)
    # A sum of integers doesn't depend on the order of its parts, as one of floats does.
    seeds = pixels.contiguous().view(torch.int32).sum(dim=(1, 2)).tolist()
    orders = [
        torch.randperm(pixels.shape[2], generator=torch.Generator().manual_seed(seed))
        for seed in seeds
    ]
    rows = [row[:, order.to(row.device)] for row, order in zip(pixels, orders, strict=True)]
    return torch.stack(rows).reshape(images.shape)
