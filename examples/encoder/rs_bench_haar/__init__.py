"""Energies of Haar wavelets: ``haar:SCALES``, such as ``haar:4``."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d

from bench.base.errors import RequestError
from bench.models.encoders import Checkpoint
from bench.spec.contract import InputContract
from bench.spec.encoder import Level, Seen


def checkpoint(rest: str) -> Checkpoint:
    """An encoder without weights that takes any bands.

    Raises:
        RequestError: the name is no number of scales.
    """
    if not re.fullmatch("[1-6]", rest):
        raise RequestError(f"haar:{rest} is no encoder", "write haar:SCALES, from 1 to 6")
    return Checkpoint(multiple=2 ** int(rest), url="https://example.org/haar")


def encoder(
    rest: str,
    arguments: Mapping[str, Any],
    contract: InputContract,
    channels: Mapping[str, str],
    bands: Mapping[str, Seen],
) -> nn.Module:
    """The network ``haar:REST``."""
    return Haar(int(rest))


class Haar(nn.Module):
    """Images float32 [N, C, height, width] -> ``3 * scales + 1`` features for each band."""

    def __init__(self, scales: int) -> None:
        super().__init__()
        self.scales = scales

    def features(self, inputs: torch.Tensor, level: Level) -> torch.Tensor:
        """The mean, and the mean absolute wavelet coefficients, [N, F] or [N, F, rows, columns]."""
        rows, columns = (side // 2**self.scales for side in inputs.shape[2:])
        found: list[torch.Tensor] = []
        grid = inputs
        for _ in range(self.scales):
            a, b = grid[..., ::2, ::2], grid[..., ::2, 1::2]
            c, d = grid[..., 1::2, ::2], grid[..., 1::2, 1::2]
            parts = (a + b - c - d, a - b + c - d, a - b - c + d)
            found += [adaptive_avg_pool2d(part.abs(), (rows, columns)) for part in parts]
            grid = avg_pool2d(grid, 2)
        maps = torch.cat([*found, grid], dim=1)
        return maps.mean(dim=(2, 3)) if level == "pooled" else maps
