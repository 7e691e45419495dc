"""The network of Presto's encoder."""

import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from bench.models import _months
from bench.models._blocks import Block, initialise, months
from bench.models._groups import GROUPS
from bench.models._months import Monthly
from bench.spec.encoder import Level

MONTH = 6
"""Of a single image, whose date isn't known: July, counted from 0."""

_WIDTH, _HEADS, _HIDDEN, _DEPTH = 128, 8, 512, 2
_ALL = {**{name: len(bands) for name, bands in GROUPS.items()}, "ERA5": 2, "SRTM": 2, "NDVI": 1}
"""All groups that the published network knows, with the bands of each, in its order."""

_LAND_COVERS = 9


class Presto(nn.Module):
    """Images or image series -> features of blocks of pixels.

    Args:
        scale: the mean and std by which each of its channels is normalised, in their order.
        block: side in pixels of the blocks that are averaged.
    """

    def __init__(self, scale: dict[str, tuple[float, float]], block: int) -> None:
        super().__init__()
        self.scale, self.block = scale, block
        self.groups = {name: own for name, own in GROUPS.items() if set(own) <= set(scale)}
        if {"B4", "B8"} <= set(scale):
            self.groups["NDVI"] = ("NDVI",)
        self.eo_patch_embed = nn.ModuleDict(
            {name: nn.Linear(count, _WIDTH) for name, count in _ALL.items()}
        )
        self.dw_embed = nn.Embedding(_LAND_COVERS + 1, _WIDTH)
        self.latlon_embed = nn.Linear(3, _WIDTH)
        self.blocks = nn.ModuleList(
            Block(_WIDTH, _HEADS, _HIDDEN, joint=True) for _ in range(_DEPTH)
        )
        self.norm = nn.LayerNorm(_WIDTH)
        self.pos_embed = nn.Parameter(_positions(_months.MOST, _WIDTH // 2), requires_grad=False)
        self.month_embed = months(_WIDTH // 4)
        self.channel_embed = nn.Embedding(len(_ALL) + 1, _WIDTH // 4)
        initialise(self)

    def features(
        self,
        inputs: torch.Tensor | dict[str, tuple[torch.Tensor, torch.Tensor]],
        level: Level,
    ) -> torch.Tensor:
        """Features float32 [N, 128] or [N, 128, rows, columns] of blocks.

        Pooled ones are the mean over the blocks. Blocks at the lower and right edge of an image
        that isn't a multiple of them are smaller.
        """
        tokens, seen, (rows, columns) = self._tokens(self._monthly(inputs))
        places = rows * columns
        mask = None if bool(seen.all()) else seen.repeat_interleave(places, dim=0)
        for block in self.blocks:
            tokens = block(tokens, mask)
        if mask is None:
            mean = tokens.mean(dim=1)
        else:
            mean = (tokens * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        found: torch.Tensor = self.norm(mean).reshape(-1, rows, columns, _WIDTH)
        return found.mean(dim=(1, 2)) if level == "pooled" else found.permute(0, 3, 1, 2)

    def _monthly(
        self, inputs: torch.Tensor | dict[str, tuple[torch.Tensor, torch.Tensor]]
    ) -> Monthly:
        names = list(self.scale)
        if isinstance(inputs, torch.Tensor):
            monthly = _months.of_image(self._averaged(inputs), names, MONTH)
        else:
            means = {name: (self._averaged(own), days) for name, (own, days) in inputs.items()}
            monthly = _months.of_series(means, names)
        if "NDVI" in self.groups:
            _months.ratio(monthly, "B8", "B4", self.scale)
        return monthly

    def _averaged(self, images: torch.Tensor) -> torch.Tensor:
        """Means of blocks, of images [..., C, H, W]."""
        flat = images.reshape(-1, *images.shape[-3:])
        means = avg_pool2d(flat, self.block, ceil_mode=True, count_include_pad=False)
        return means.reshape(*images.shape[:-2], *means.shape[-2:])

    def _tokens(self, monthly: Monthly) -> tuple[torch.Tensor, torch.Tensor, tuple[int, int]]:
        """Tokens [N * places, groups * months, 128]; seen [N, groups * months]; rows, columns."""
        month = self.month_embed(monthly.months)
        position = self.pos_embed[:, : month.shape[1]].expand(len(month), -1, -1)
        order = list(_ALL)
        tokens, seen = [], []
        for name, own in self.groups.items():
            pixels = torch.stack([monthly.pixels[band] for band in own], dim=-1)
            channel = self.channel_embed.weight[order.index(name)].expand(*month.shape[:2], -1)
            added = torch.cat([month, channel, position], dim=-1)[:, :, None, None]
            tokens.append(self.eo_patch_embed[name](pixels) + added)
            seen.append(torch.stack([monthly.seen[band] for band in own]).all(dim=0))
        together = torch.cat(tokens, dim=1).permute(0, 2, 3, 1, 4)
        rows, columns = together.shape[1:3]
        return together.flatten(0, 2), torch.cat(seen, dim=1), (rows, columns)


def _positions(count: int, width: int) -> torch.Tensor:
    """Sines and cosines of positions, float32 [1, count, width], of base 1000 as in its code."""
    index = torch.arange(width, dtype=torch.float64)
    angles = torch.arange(count, dtype=torch.float64)[:, None] / 1000 ** (
        2 * torch.div(index, 2, rounding_mode="floor") / width
    )
    angles[:, 0::2], angles[:, 1::2] = angles[:, 0::2].sin(), angles[:, 1::2].cos()
    return angles.to(torch.float32)[None]
