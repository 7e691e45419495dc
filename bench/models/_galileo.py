"""The network of Galileo's encoder."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import conv2d, interpolate

from bench.models import _months
from bench.models._blocks import Block, initialise, months
from bench.models._groups import GROUPS
from bench.models._months import Monthly
from bench.spec.encoder import Level

MONTH = 5
"""Of a single image, whose date isn't known: June, counted from 0."""

_KERNEL = 8
_WINDOW = 4
"""Patches a side of the windows of a series, whose tokens attend to each other."""

_SPACE_TIME = {**{name: len(bands) for name, bands in GROUPS.items()}, "NDVI": 1}
_SPACE = {"SRTM": 2, "DW": 9, "WC": 5}
_TIME = {"ERA5": 2, "TC": 3, "VIIRS": 1}
_STATIC = {"LS": 1, "location": 3, "DW_static": 9, "WC_static": 5}
"""All groups that the published network knows, with the bands of each, in its order."""


class _Patches(nn.Module):
    """Images [N, C, H, W] -> patches [N, width, rows, columns].

    Kernels of 8 px are brought to smaller patches by the pseudo-inverse of bicubic resampling, as
    L. Beyer et al., "FlexiViT" (CVPR 2023, arXiv:2212.08013).
    """

    def __init__(self, bands: int, width: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.proj = nn.Conv2d(bands, width, _KERNEL, _KERNEL)
        if patch != _KERNEL:
            self.register_buffer("inverse", _inverse(patch), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        weight = self.proj.weight
        if self.patch != _KERNEL:
            smaller = weight.flatten(2) @ self.inverse.T  # type: ignore[operator]
            weight = smaller.reshape(*smaller.shape[:2], self.patch, self.patch)
        return conv2d(images, weight, self.proj.bias, stride=self.patch)


class Galileo(nn.Module):
    """Images or image series -> features of patches.

    Args:
        channels: that it is fed with, in their order.
        patch: side of the patches in pixels.
        width, depth, heads: of the network.
    """

    def __init__(
        self, channels: Sequence[str], patch: int, width: int, depth: int, heads: int
    ) -> None:
        super().__init__()
        self.channels, self.patch, quarter = list(channels), patch, width // 4
        self.groups = {name: own for name, own in GROUPS.items() if set(own) <= set(channels)}
        self.blocks = nn.ModuleList(
            Block(width, heads, 4 * width, joint=False) for _ in range(depth)
        )
        self.pos_embed = nn.Parameter(
            _sines(torch.arange(_months.MOST), quarter), requires_grad=False
        )
        self.month_embed = months(quarter)
        self.s_t_channel_embed = nn.Parameter(torch.zeros(len(_SPACE_TIME), quarter))
        self.sp_channel_embed = nn.Parameter(torch.zeros(len(_SPACE), quarter))
        self.t_channel_embed = nn.Parameter(torch.zeros(len(_TIME), quarter))
        self.st_channel_embed = nn.Parameter(torch.zeros(len(_STATIC), quarter))
        self.space_time_embed = nn.ModuleDict(
            {name: _Patches(bands, width, patch) for name, bands in _SPACE_TIME.items()}
        )
        self.space_embed = nn.ModuleDict(
            {name: _Patches(bands, width, patch) for name, bands in _SPACE.items()}
        )
        self.time_embed = nn.ModuleDict(
            {name: nn.Linear(bands, width) for name, bands in _TIME.items()}
        )
        self.static_embed = nn.ModuleDict(
            {name: nn.Linear(bands, width) for name, bands in _STATIC.items()}
        )
        self.norm = nn.LayerNorm(width)
        initialise(self)

    def features(
        self,
        inputs: torch.Tensor | dict[str, tuple[torch.Tensor, torch.Tensor]],
        level: Level,
    ) -> torch.Tensor:
        """Features float32 [N, F] or [N, F, rows, columns] of patches.

        Those of a patch are the mean of its tokens, pooled ones the mean of all.
        """
        if isinstance(inputs, torch.Tensor):
            grid = self._grid(_months.of_image(inputs, self.channels, MONTH))
        else:
            side = _WINDOW * self.patch
            monthly = _months.of_series(inputs, self.channels)
            height, width = monthly.pixels[self.channels[0]].shape[2:]
            rows = [
                [self._grid(_cut(monthly, top, left, side)) for left in range(0, width, side)]
                for top in range(0, height, side)
            ]
            grid = torch.cat([torch.cat(row, dim=3) for row in rows], dim=2)
        return grid.mean(dim=(2, 3)) if level == "pooled" else grid

    def _grid(self, monthly: Monthly) -> torch.Tensor:
        """Features [N, F, rows, columns] of images whose tokens all attend to each other."""
        order, (count, steps) = list(_SPACE_TIME), monthly.months.shape
        tokens, seen = [], []
        for name, own in self.groups.items():
            pixels = torch.stack([monthly.pixels[band] for band in own], dim=2)
            patches = self.space_time_embed[name](pixels.flatten(0, 1))
            patches = patches.reshape(count, steps, *patches.shape[1:])
            tokens.append(patches.permute(0, 3, 4, 1, 2))
            seen.append(torch.stack([monthly.seen[band] for band in own]).all(dim=0))
        # [N, rows, columns, months, groups, F]
        together = torch.stack(tokens, dim=4)
        rows, columns = together.shape[1:3]
        spread = (count, rows, columns, steps, len(self.groups), -1)
        channel = self.s_t_channel_embed[[order.index(name) for name in self.groups]]
        added = [
            channel,
            self.pos_embed[:steps, None],
            self.month_embed(monthly.months)[:, None, None, :, None],
            self._places(rows, columns)[:, :, None, None],
        ]
        together = together + torch.cat([one.expand(spread) for one in added], dim=-1)
        known = torch.stack(seen, dim=2).flatten(1).repeat(1, rows * columns)
        mask = None if bool(known.all()) else known
        flat = together.flatten(1, 4)
        for block in self.blocks:
            flat = block(flat, mask)
        flat = self.norm(flat).reshape(count, rows, columns, -1, flat.shape[-1])
        weight = known.reshape(count, rows, columns, -1, 1)
        mean: torch.Tensor = (flat * weight).sum(dim=3) / weight.sum(dim=3)
        return mean.permute(0, 3, 1, 2)

    def _places(self, rows: int, columns: int) -> torch.Tensor:
        """Sines and cosines of places in metres / 10 m, float32 [rows, columns, width / 4]."""
        device, eighth = self.pos_embed.device, self.pos_embed.shape[1] // 2
        across = _sines(torch.arange(columns, device=device) * self.patch, eighth)
        down = _sines(torch.arange(rows, device=device) * self.patch, eighth)
        return torch.cat(
            [across.expand(rows, -1, -1), down[:, None].expand(-1, columns, -1)], dim=-1
        )


def _cut(monthly: Monthly, top: int, left: int, side: int) -> Monthly:
    return monthly._replace(
        pixels={
            name: pixels[:, :, top : top + side, left : left + side]
            for name, pixels in monthly.pixels.items()
        }
    )


def _sines(positions: torch.Tensor, width: int) -> torch.Tensor:
    """Sines and cosines [positions, width] with the frequencies of Galileo's code.

    These are 10000 to the power of -i / (2 width), not the usual -2 i / width.
    """
    frequencies = 10_000.0 ** -(torch.arange(width // 2, device=positions.device) / width / 2.0)
    angles = positions[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _inverse(patch: int) -> torch.Tensor:
    """From kernels of 64 values to those of smaller patches, float32 [patch ** 2, 64]."""
    basis = torch.eye(_KERNEL**2).reshape(-1, 1, _KERNEL, _KERNEL)
    smaller = interpolate(basis, (patch, patch), mode="bicubic", antialias=True)
    inverse: torch.Tensor = torch.linalg.pinv(smaller.flatten(1))
    return inverse
