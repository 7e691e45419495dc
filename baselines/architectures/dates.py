"""Pictures of one or more dates that stand behind one another in an image's channels."""

import torch
from torch import nn

CHANNELS = 3
"""Of a date: red, green and blue."""


def dates_of(in_channels: int) -> int:
    """How many dates an image shows.

    Raises:
        ValueError: its channels aren't those of one or two dates.
    """
    if in_channels not in (CHANNELS, 2 * CHANNELS):
        raise ValueError(f"expected the {CHANNELS} or {2 * CHANNELS} channels of one or two dates")
    return in_channels // CHANNELS


def described(features: nn.Module, images: torch.Tensor, axis: int) -> torch.Tensor:
    """Features of each date by the same network; of two dates, their difference behind them.

    Args:
        features: pictures [N, 3, height, width] to features [N, ...].
        images: [N, 3 or 6, height, width].
        axis: along which dates and difference are joined.
    """
    found = [features(date) for date in images.split(CHANNELS, dim=1)]
    if len(found) == 2:
        found.append(found[1] - found[0])
    return torch.cat(found, dim=axis)
