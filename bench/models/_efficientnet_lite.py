"""Features of EfficientNet-Lite."""

import bench.base.torch_setup  # noqa: F401  # isort: skip
import torch
from efficientnet_lite_pytorch import EfficientNet  # type: ignore[import-untyped]
from torch import nn

from bench.models._timm_features import side_by_side
from bench.spec.encoder import Level


class EfficientNetLite(nn.Module):
    """Images float32 [N, channels, height, width] -> features.

    Pooled ones are what its classifier would be given. A map is made of the last block of 16 px and
    of what the classifier pools, of 32 px, brought to the grid of the former, bilinearly.

    Args:
        name: such as ``efficientnet-lite0``.
        channels: of its images.
    """

    def __init__(self, name: str, channels: int) -> None:
        super().__init__()
        # Without a size it pads images of any.
        self.network = EfficientNet.from_name(name, in_channels=channels, image_size=None)
        self.network._fc = nn.Identity()

    def features(self, inputs: torch.Tensor, level: Level) -> torch.Tensor:
        """Features float32 [N, 1280] or [N, F, rows, columns]."""
        maps = self.maps(inputs)
        if level == "pooled":
            return maps[-1].mean(dim=(2, 3))
        return side_by_side(maps, inputs.shape[-1])

    def maps(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """The grid of each stage, [N, F, rows, columns], from fine to coarse."""
        network = self.network
        grid = network._swish(network._bn0(network._conv_stem(inputs)))
        found: dict[int, torch.Tensor] = {}
        for block in network._blocks:
            grid = block(grid)
            found[grid.shape[-1]] = grid
        found[grid.shape[-1]] = network._swish(network._bn1(network._conv_head(grid)))
        return [found[side] for side in sorted(found, reverse=True)]
