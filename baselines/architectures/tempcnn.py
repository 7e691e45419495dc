"""TempCNN: convolutions along the dates of each pixel.

C. Pelletier, G. I. Webb, F. Petitjean: Temporal Convolutional Neural Network for the
Classification of Satellite Image Time Series. Remote Sensing 11(5), 2019, arXiv:1811.10166.
Several series are fused early.
"""

import torch
from torch import nn

from .series import Series, at_days, by_window, early

_WINDOW = 32


class TempCNN(nn.Module):
    """Series -> logits float32 [N, outputs, height, width].

    Its last layer needs a fixed number of dates, so series are interpolated to a grid of days.

    Args:
        in_channels: channels of all series together.
        outputs: classes.
        size: of the contract; a pixel is seen by itself.
        first, step, dates: of the grid, in days since the first day of the dataset.
        width: channels of the convolutions.
        kernel: dates that one of them spans.
        dropout: between layers.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int | None,  # noqa: ARG002
        first: int = 0,
        step: int = 10,
        dates: int = 37,
        width: int = 128,
        kernel: int = 7,
        dropout: float = 0.18203942949809093,
    ) -> None:
        super().__init__()
        grid = first + step * torch.arange(dates)
        self.register_buffer("grid", grid, persistent=False)
        layers: list[nn.Module] = []
        for before in (in_channels, width, width):
            layers += [
                nn.Conv1d(before, width, kernel, padding=kernel // 2),
                nn.BatchNorm1d(width),
                nn.ReLU(),
                nn.Dropout(dropout),
            ]
        layers += [
            nn.Flatten(),
            nn.Linear(width * dates, 4 * width),
            nn.BatchNorm1d(4 * width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, outputs),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, series: Series) -> torch.Tensor:
        """Logits of every pixel."""
        pixels, days = early(series)
        if self.training or max(pixels.shape[-2:]) <= _WINDOW:
            return self._logits({"": (pixels, days)})
        # A window at a time keeps memory in bounds; pixels don't know of each other.
        return by_window(self._logits, {"": (pixels, days)}, min(_WINDOW, *pixels.shape[-2:]))

    def _logits(self, series: Series) -> torch.Tensor:
        ((pixels, days),) = series.values()
        regular = at_days(pixels, days[..., 0], self.grid.expand(len(days), -1))
        each = regular.permute(0, 3, 4, 2, 1).flatten(0, 2)  # N H W, C, T
        count, _, _, height, width = pixels.shape
        logits: torch.Tensor = self.layers(each)
        return logits.view(count, height, width, -1).permute(0, 3, 1, 2)
