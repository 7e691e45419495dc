"""Features of timm's models: pooled, or of a grid over the image."""

import torch
from torch import nn
from torch.nn.functional import interpolate

from bench.spec.encoder import Level

_STRIDE = 16
"""A map is made of the stages of a network whose places are at least so many pixels apart."""


class TimmEncoder(nn.Module):
    """Images float32 [N, channels, height, width] -> features of one of timm's models.

    Pooled ones are what the model's classifier would be given. A map is the last layer of a model
    with one grid; of one with several, those of 16 px and coarser side by side, the coarser ones
    brought to the finest of them, bilinearly.

    Args:
        network: a model of timm without classifier.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def features(self, inputs: torch.Tensor, level: Level) -> torch.Tensor:
        """Features float32 [N, F] or [N, F, rows, columns]."""
        if level == "pooled":
            pooled: torch.Tensor = self.network(inputs)
            return pooled
        return side_by_side(self.maps(inputs), inputs.shape[-1])

    def maps(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """The grid of each stage, [N, F, rows, columns], from fine to coarse."""
        found: list[torch.Tensor] = self.network.forward_intermediates(  # type: ignore[operator]
            inputs, indices=None, norm=True, intermediates_only=True, output_fmt="NCHW"
        )
        if len({grid.shape[-2:] for grid in found}) == 1:
            # Of layers with one grid only the last counts.
            return found[-1:]
        last = {grid.shape[-1]: grid for grid in found}
        return [last[side] for side in sorted(last, reverse=True)]


def side_by_side(maps: list[torch.Tensor], side: int) -> torch.Tensor:
    """The grids of 16 px and coarser, brought to the finest of them, bilinearly.

    Args:
        maps: [N, F, rows, columns] each, from fine to coarse.
        side: of the image in pixels.

    Returns:
        [N, the sum of F, rows, columns]; where all are finer, the coarsest one.
    """
    finest = -(-side // _STRIDE)
    coarse = [grid for grid in maps if grid.shape[-1] <= finest] or maps[-1:]
    size = coarse[0].shape[-2:]
    same = [
        grid
        if grid.shape[-2:] == size
        else interpolate(grid, size=size, mode="bilinear", align_corners=False)
        for grid in coarse
    ]
    return torch.cat(same, dim=1)
