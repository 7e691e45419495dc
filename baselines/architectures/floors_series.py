"""The control of series models: a network that sees the mean of each series and no date."""

import torch
from torch import nn

from .series import Series


class TimeBlind(nn.Module):
    """Series -> logits float32 [N, outputs, height, width], from the mean image of each series.

    Args:
        in_channels: channels of all series together.
        outputs: classes.
        size: of the contract; any size will do here.
        width: channels between layers.
        depth: convolutions of 3 x 3 pixels.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int | None,  # noqa: ARG002
        width: int = 64,
        depth: int = 4,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before in (in_channels, *[width] * (depth - 1)):
            layers += [
                nn.Conv2d(before, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, outputs, 1))

    def forward(self, series: Series) -> torch.Tensor:
        """Logits of every pixel."""
        means = torch.cat([pixels.mean(dim=1) for pixels, _ in series.values()], dim=1)
        logits: torch.Tensor = self.layers(means)
        return logits
