"""U-TAE: a U-Net over the dates of a series, whose skips are averaged by temporal attention.

V. S. F. Garnot, L. Landrieu: Panoptic Segmentation of Satellite Image Time Series with
Convolutional Temporal Attention Networks. ICCV 2021, arXiv:2107.07933,
https://github.com/VSainteuf/utae-paps. Several series are fused early. As released, batch
normalisation and a ReLU follow the last convolution too, so that no logit is negative.
"""

import itertools
import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, dropout, interpolate

from .series import Series, early

_PERIOD = 1000.0
_GROUPS = 4
_DROPOUT, _ATTENTION_DROPOUT = 0.2, 0.1


class UTAE(nn.Module):
    """Series -> logits float32 [N, outputs, height, width].

    Args:
        in_channels: channels of all series together.
        outputs: classes. The published network has one more, for void, which is never learnt.
        size: of the contract; any multiple of 8 will do here.
        heads: of the temporal attention.
        dim: of its tokens.
        keys: of its keys.
        step: days that count as one in the position of a date: 1 on PASTIS; where dates are evenly
            apart and numbered, as in EOekoLand, what lies between two of them.
        period: base of the wave lengths of positions.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int | None,  # noqa: ARG002
        heads: int = 16,
        dim: int = 256,
        keys: int = 4,
        step: int = 1,
        period: float = _PERIOD,
    ) -> None:
        super().__init__()
        self.step = step
        down, up = (64, 64, 64, 128), (32, 32, 64, 128)
        self.enter = _convolutions((in_channels, down[0], down[0]), _grouped)
        self.down = nn.ModuleList(map(_Down, down[:-1], down[1:]))
        self.attention = TemporalAttention(down[-1], heads, dim, keys, period)
        self.up = nn.ModuleList(
            _Up(up[i], up[i - 1], down[i - 1]) for i in range(len(up) - 1, 0, -1)
        )
        self.leave = _convolutions((up[0], 32, outputs), nn.BatchNorm2d)

    def forward(self, series: Series) -> torch.Tensor:
        """Logits of every pixel."""
        pixels, days = early(series)
        dates = pixels.shape[:2]
        features = [self.enter(pixels.flatten(0, 1))]
        for block in self.down:
            features.append(block(features[-1]))
        features = [level.unflatten(0, dates) for level in features]
        found, weights = self.attention(features.pop(), days[..., 0] / self.step)
        for block in self.up:
            found = block(found, _averaged(features.pop(), weights))
        logits: torch.Tensor = self.leave(found)
        return logits


class TemporalAttention(nn.Module):
    """L-TAE at every place: one learned query per head, over all dates.

    V. S. F. Garnot, L. Landrieu: Lightweight Temporal Self-Attention for Classifying Satellite
    Image Time Series. AALTD 2020, arXiv:2007.00586.

    Args:
        channels: in and out.
        heads, dim, keys, period: as in `UTAE`.
    """

    def __init__(
        self, channels: int, heads: int, dim: int, keys: int, period: float = _PERIOD
    ) -> None:
        super().__init__()
        self.heads = heads
        self.norm_in = nn.GroupNorm(heads, channels)
        self.widen = nn.Conv1d(channels, dim, 1)
        spread = math.sqrt(2 / keys)
        self.queries = nn.Parameter(spread * torch.randn(heads, keys))
        self.keys = nn.Linear(dim, heads * keys)
        nn.init.normal_(self.keys.weight, std=spread)
        self.narrow = nn.Sequential(nn.Linear(dim, channels), nn.BatchNorm1d(channels), nn.ReLU())
        self.norm_out = nn.GroupNorm(heads, channels)
        step = torch.arange(dim // heads) // 2
        self.register_buffer("periods", period ** (2 * step / (dim // heads)), persistent=False)

    def forward(
        self, features: torch.Tensor, days: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Features [N, T, C, h, w] and days [N, T] -> [N, C, h, w], weights [heads, N, T, h, w]."""
        count, dates, _, height, width = features.shape
        places = features.permute(0, 3, 4, 2, 1).flatten(0, 2)  # N h w, C, T
        tokens = self.widen(self.norm_in(places)).transpose(1, 2)
        position = self._position(days).repeat_interleave(height * width, dim=0)
        tokens = tokens + position.repeat(1, 1, self.heads)
        keys = self.keys(tokens).unflatten(-1, self.queries.shape)
        scores = torch.einsum("bthk,hk->hbt", keys, self.queries) / math.sqrt(keys.shape[-1])
        weights = dropout(scores.softmax(dim=-1), _ATTENTION_DROPOUT, self.training)
        values = tokens.unflatten(-1, (self.heads, -1))
        found = torch.einsum("hbt,bthc->bhc", weights, values).flatten(1)
        found = self.norm_out(dropout(self.narrow(found), _DROPOUT, self.training))
        image = found.view(count, height, width, -1).permute(0, 3, 1, 2)
        maps = weights.view(self.heads, count, height, width, dates).permute(0, 1, 4, 2, 3)
        return image, maps

    def _position(self, days: torch.Tensor) -> torch.Tensor:
        """Sines at even and cosines at odd places, [N, T, dim / heads]."""
        angles = days[..., None] / self.periods
        even = torch.arange(angles.shape[-1], device=days.device) % 2 == 0
        return torch.where(even, angles.sin(), angles.cos())


def _averaged(features: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Features [N, T, C, H, W] averaged over dates, each group of channels by its head's weights.

    Weights [heads, N, T, h, w] are brought to the features' size.
    """
    heads, count, dates, _, side = weights.shape
    size, maps = features.shape[-2:], weights.flatten(0, 1)
    if size[1] > side:
        maps = interpolate(maps, size=size, mode="bilinear", align_corners=False)
    else:
        maps = avg_pool2d(maps, kernel_size=side // size[1])
    maps = maps.view(heads, count, dates, *size)
    groups = features.unflatten(2, (heads, -1))
    return torch.einsum("hnt...,nthc...->nhc...", maps, groups).flatten(1, 2)


def _grouped(channels: int) -> nn.Module:
    return nn.GroupNorm(_GROUPS, channels)


def _convolutions(
    widths: tuple[int, ...], norm: Callable[[int], nn.Module], kernel: int = 3, stride: int = 1
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [
            nn.Conv2d(before, after, kernel, stride, padding=1, padding_mode="reflect"),
            norm(after),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


class _Down(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.halve = _convolutions((before, before), _grouped, kernel=4, stride=2)
        self.first = _convolutions((before, after), _grouped)
        self.second = _convolutions((after, after), _grouped)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        features = self.first(self.halve(features))
        result: torch.Tensor = features + self.second(features)
        return result


class _Up(nn.Module):
    def __init__(self, before: int, after: int, skip: int) -> None:
        super().__init__()
        self.skip = nn.Sequential(nn.Conv2d(skip, skip, 1), nn.BatchNorm2d(skip), nn.ReLU())
        self.enlarge = nn.Sequential(
            nn.ConvTranspose2d(before, after, 4, stride=2, padding=1),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        )
        self.first = _convolutions((after + skip, after), nn.BatchNorm2d)
        self.second = _convolutions((after, after), nn.BatchNorm2d)

    def forward(self, features: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        features = self.first(torch.cat([self.enlarge(features), self.skip(skip)], dim=1))
        result: torch.Tensor = features + self.second(features)
        return result
