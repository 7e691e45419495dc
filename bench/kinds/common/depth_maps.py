"""Maps of depth in metres, brought to the grid on which they are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

_KNOWN = 1 - 1e-5  # a share of unknown depth that is rounding


def on_grid(depth: NDArray[np.float32], side: int) -> torch.Tensor:
    """Depths [h, w] on a grid [side, side], NaN where one that a pixel lies between is unknown."""
    import torch

    known = ~np.isnan(depth)
    stacked = torch.from_numpy(np.stack([np.where(known, depth, np.float32(0)), known]))
    values, share = resized(stacked.float(), side, side).unbind()
    return values.masked_fill(share < _KNOWN, torch.nan)


def nearest(depth: NDArray[np.float32], side: int) -> torch.Tensor:
    """Depths [h, w] on a grid [side, side], those of the nearest pixel as for images."""
    import torch
    from torch.nn.functional import interpolate

    found: torch.Tensor = interpolate(torch.from_numpy(depth)[None, None], size=(side, side))
    return found[0, 0]


def resized(values: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """[N, h, w] -> [N, height, width], bilinear, corners on corners as for images."""
    from torch.nn.functional import interpolate

    if values.shape[1:] == (height, width):
        return values
    found: torch.Tensor = interpolate(
        values[:, None], size=(height, width), mode="bilinear", align_corners=True
    )
    return found[:, 0]
