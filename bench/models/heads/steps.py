"""Heads that learn by steps of gradient descent."""

import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

_WIDTH = 256
_POOLED = (1, 2, 3, 6)


class Linear(nn.Module):
    """Features [N, F] or [N, F, rows, columns] -> [N, outputs] or [N, outputs, rows, columns].

    Features are brought to mean 0 and standard deviation 1 by running statistics first, as in the
    linear probes of K. He et al. (CVPR 2022).

    Args:
        features: F.
        outputs: of a sample or place.
    """

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features, affine=False)
        self.linear = nn.Linear(features, outputs)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits or values."""
        if features.ndim == 2:
            found: torch.Tensor = self.linear(self.norm(features))
            return found
        rows = self.norm(features.movedim(1, -1).flatten(0, -2))
        count, _, *size = features.shape
        answered: torch.Tensor = self.linear(rows)
        return answered.view(count, *size, -1).movedim(-1, 1)


class Attentive(nn.Module):
    """Features of places [N, F, rows, columns] -> [N, outputs], by attention of one learnt query.

    The attentive probe of A. Bardes et al. (V-JEPA, TMLR 2024), on features projected to 256
    dimensions: cross-attention of four heads, then a linear layer.

    Args:
        features: F.
        outputs: of a sample.
    """

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.LayerNorm(features), nn.Linear(features, _WIDTH))
        self.query = nn.Parameter(torch.zeros(1, 1, _WIDTH))
        nn.init.trunc_normal_(self.query, std=0.02)
        self.attention = nn.MultiheadAttention(_WIDTH, 4, batch_first=True)
        self.norm = nn.LayerNorm(_WIDTH)
        self.linear = nn.Linear(_WIDTH, outputs)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits or values."""
        places = self.project(features.flatten(2).transpose(1, 2))
        query = self.query.expand(len(places), -1, -1)
        pooled, _ = self.attention(query, places, places, need_weights=False)
        found: torch.Tensor = self.linear(self.norm(pooled[:, 0]))
        return found


class UPerNet(nn.Module):
    """A map of features [N, F, rows, columns] -> [N, outputs, 4 rows, 4 columns].

    The decoder of T. Xiao et al. (ECCV 2018) over the simple pyramid of Y. Li et al. (ECCV 2022):
    the map at four, two, one and half of its resolution; pooling of the coarsest over grids of 1,
    2, 3 and 6 places; sums from coarse to fine; all levels side by side.

    Args:
        features: F.
        outputs: of a place.
        width: channels of the decoder, a multiple of 8.
    """

    def __init__(self, features: int, outputs: int, width: int = 256) -> None:
        super().__init__()
        self.pyramid = nn.ModuleList(
            [
                nn.Sequential(_up(features, width), nn.GELU(), _up(width, width)),
                _up(features, width),
                nn.Conv2d(features, width, 1),
                nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), nn.Conv2d(features, width, 1)),
            ]
        )
        self.pooled = nn.ModuleList(_block(width, width, 1) for _ in _POOLED)
        self.joined = _block(width * (1 + len(_POOLED)), width, 3)
        self.smooth = nn.ModuleList(_block(width, width, 3) for _ in range(3))
        self.fuse = _block(4 * width, width, 3)
        self.classify = nn.Conv2d(width, outputs, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits or values at four times the resolution of the features."""
        levels = [level(features) for level in self.pyramid]
        coarsest = levels[-1]
        parts = [coarsest]
        for side, block in zip(_POOLED, self.pooled, strict=True):
            parts.append(_like(block(adaptive_avg_pool2d(coarsest, side)), coarsest))
        levels[-1] = self.joined(torch.cat(parts, dim=1))
        for index in (2, 1, 0):
            levels[index] = levels[index] + _like(levels[index + 1], levels[index])
        fine = [block(level) for block, level in zip(self.smooth, levels[:3], strict=True)]
        everything = [_like(level, fine[0]) for level in (*fine, levels[3])]
        found: torch.Tensor = self.classify(self.fuse(torch.cat(everything, dim=1)))
        return found


def _up(width: int, out: int) -> nn.Module:
    return nn.ConvTranspose2d(width, out, 2, stride=2)


def _block(width: int, out: int, side: int) -> nn.Module:
    # Groups, not batches: a map pooled to one place in a batch of one has no variance.
    return nn.Sequential(
        nn.Conv2d(width, out, side, padding=side // 2, bias=False), nn.GroupNorm(8, out), nn.ReLU()
    )


def _like(values: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    if values.shape[-2:] == wanted.shape[-2:]:
        return values
    return interpolate(values, size=wanted.shape[-2:], mode="bilinear", align_corners=False)
