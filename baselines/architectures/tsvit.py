"""TSViT, a transformer over the dates of each place and then over the places of each class.

M. Tarasiou, E. Chavez, S. Zafeiriou: ViTs for SITS: Vision Transformers for Satellite Image Time
Series. CVPR 2023, arXiv:2301.04944, https://github.com/michaeltrs/DeepSatModels. With the bands of
several series stacked it is the Early Fusion of F. Follath et al., Multi-Modal Vision Transformers
for Crop Mapping from Satellite Image Time Series, IGARSS 2024, arXiv:2406.16513.
"""

import torch
from torch import nn
from torch.nn.functional import linear, pad, scaled_dot_product_attention

from .series import Series, by_window, early

DAYS = 366


class Attention(nn.Module):
    """Multi-head attention, heads [N, heads, tokens, dim_head]; no bias but that of the output."""

    def __init__(self, dim: int, heads: int, dim_head: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(dim, 3 * heads * dim_head, bias=False)
        self.to_out = nn.Linear(heads * dim_head, dim)

    def project(self, tokens: torch.Tensor, keep: int | None) -> tuple[torch.Tensor, ...]:
        """Queries of the first ``keep`` tokens (None: of all), keys and values of all."""
        inner = self.to_out.in_features
        if keep is None or keep == tokens.shape[1]:
            parts = self.to_qkv(tokens).split(inner, dim=-1)
        else:
            weight = self.to_qkv.weight
            queries = linear(tokens[:, :keep], weight[:inner])
            parts = (queries, *linear(tokens, weight[inner:]).split(inner, dim=-1))
        return tuple(part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)

    def join(self, heads: torch.Tensor) -> torch.Tensor:
        """Tokens [N, tokens, dim] of what the heads found."""
        tokens: torch.Tensor = self.to_out(heads.transpose(1, 2).flatten(2))
        return tokens

    def forward(self, tokens: torch.Tensor, keep: int | None) -> torch.Tensor:
        """What the first ``keep`` tokens see of all."""
        return self.join(scaled_dot_product_attention(*self.project(tokens, keep)))


def feed_forward(dim: int) -> nn.Sequential:
    """The two layers after attention, four times as wide between them, on normalised tokens."""
    return nn.Sequential(
        nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim)
    )


class Layer(nn.Module):
    """A pre-norm layer of a transformer."""

    def __init__(self, dim: int, heads: int, dim_head: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.attention = Attention(dim, heads, dim_head)
        self.feed = feed_forward(dim)

    def forward(self, tokens: torch.Tensor, keep: int | None = None) -> torch.Tensor:
        """Tokens [N, tokens, dim], or the first ``keep`` of them where the others aren't used."""
        tokens, seen = tokens[:, :keep], self.attention(self.norm(tokens), keep)
        tokens = tokens + seen
        result: torch.Tensor = tokens + self.feed(tokens)
        return result


class Encoder(nn.Module):
    """Layers, and a norm at their end."""

    def __init__(self, dim: int, depth: int, heads: int, dim_head: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(dim, heads, dim_head) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)

    def forward(self, tokens: torch.Tensor, keep: int | None = None) -> torch.Tensor:
        """The first ``keep`` tokens after all layers; the last computes nothing else."""
        for index, layer in enumerate(self.layers):
            tokens = layer(tokens, keep if index + 1 == len(self.layers) else None)
        result: torch.Tensor = self.norm(tokens[:, :keep])
        return result


class Embedding(nn.Module):
    """Square patches of one date to tokens."""

    def __init__(self, channels: int, patch: int, dim: int) -> None:
        super().__init__()
        self.patch, self.channels = patch, channels
        self.linear = nn.Linear(channels * patch**2, dim)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels [N, T, C, H, W] -> tokens [N, places, T, dim]."""
        p = self.patch
        parts = pixels.unflatten(4, (-1, p)).unflatten(3, (-1, p))  # N T C h p w p
        tokens: torch.Tensor = self.linear(parts.permute(0, 3, 5, 1, 4, 6, 2).flatten(4))
        return tokens.flatten(1, 2)


def dated(days: torch.Tensor, lookup: nn.Linear) -> torch.Tensor:
    """The embedding [N, 1, T, dim] of days of the year [N, T]: a linear layer of their one-hot."""
    return (lookup.weight.T[days] + lookup.bias)[:, None]


def days_as_released(days: torch.Tensor) -> torch.Tensor:
    """Days of the year from 0, int64, as the released loader of TSViT numbers them.

    It counts from 1 and passes the number on as a fraction of 365.0001 days in float32. The way
    back rounds down, so that 18 days, the 13th among them, get the number of the day before.
    """
    fraction = (days + 1).to(torch.float32) / 365.0001
    return (fraction * 365.0001).to(torch.int64).clamp(max=DAYS - 1)


def filled(
    pixels: torch.Tensor, days: torch.Tensor, dates: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """A series [N, T, ...] and its days of the year [N, T] brought to a number of dates.

    As the released loader of TSViT does it: images of zeros on day 0 fill it up; of more dates
    the first ones of the year stay.
    """
    if (lacking := dates - pixels.shape[1]) >= 0:
        return pad(pixels, (0, 0) * 3 + (0, lacking)), pad(days, (0, lacking))
    order = days.argsort(dim=1, stable=True)[:, :dates]
    rows = torch.arange(len(pixels), device=pixels.device)[:, None]
    return pixels[rows, order], days.gather(1, order)


class Spatial(nn.Module):
    """From class tokens to logits: a transformer over the places of each class, then pixels.

    Args:
        window: pixels of a side of the image.
        patch: of a token.
        dim, depth, heads, dim_head: of the transformer.
        in_rows: lay the pixels of a token side by side in reading order, as the released TSViT
            does, instead of back into its square.
    """

    def __init__(
        self,
        window: int,
        patch: int,
        dim: int,
        depth: int,
        heads: int,
        dim_head: int,
        in_rows: bool,
    ) -> None:
        super().__init__()
        self.side, self.patch, self.in_rows = window // patch, patch, in_rows
        self.places = nn.Parameter(torch.randn(1, self.side**2, dim))
        self.encoder = Encoder(dim, depth, heads, dim_head)
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, patch**2))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Class tokens [N, places, K, dim] -> logits [N, K, window, window]."""
        count, _, classes, _ = tokens.shape
        tokens = tokens.transpose(1, 2).flatten(0, 1) + self.places
        pixels = self.head(self.encoder(tokens)).unflatten(0, (count, classes))
        side, p = self.side, self.patch
        if self.in_rows:
            return pixels.flatten(2).unflatten(2, (side * p, side * p))
        return (
            pixels.view(count, classes, side, side, p, p)
            .transpose(3, 4)
            .reshape(count, classes, side * p, side * p)
        )


def check_window(window: int, patch: int) -> None:
    """Refuse a window that patches don't fill.

    Raises:
        ValueError: they don't.
    """
    if window % patch:
        raise ValueError(f"windows of {window} px can't be cut into patches of {patch} px")


class TSViT(nn.Module):
    """Series -> logits float32 [N, outputs, height, width].

    Several series are fused early. Images larger than a window are seen window by window.

    Args:
        in_channels: channels of all series together.
        outputs: classes, with a token each.
        size: of the contract; the windows decide here.
        window: pixels of a side that are seen at once, 24 on PASTIS24.
        patch: pixels of a side of a token.
        dim, temporal_depth, spatial_depth, heads, dim_head: of the transformers.
        padded: the released loader fills series up to so many dates with images of zeros on day
            0, which attention sees, and leaves out what comes after so many dates of the year; 0
            for the dates there are.
        in_rows: see `Spatial`; as released.
        released_days: number the days of the year as the released loader does, see
            `days_as_released`.

    Raises:
        ValueError: patches don't fill a window.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int | None,  # noqa: ARG002
        window: int = 24,
        patch: int = 2,
        dim: int = 128,
        temporal_depth: int = 4,
        spatial_depth: int = 4,
        heads: int = 4,
        dim_head: int = 32,
        padded: int = 0,
        in_rows: bool = False,
        released_days: bool = False,
    ) -> None:
        super().__init__()
        check_window(window, patch)
        self.window, self.padded, self.released_days = window, padded, released_days
        self.embedding = Embedding(in_channels, patch, dim)
        self.dates = nn.Linear(DAYS, dim)
        self.classes = nn.Parameter(torch.randn(1, outputs, dim))
        self.temporal = Encoder(dim, temporal_depth, heads, dim_head)
        self.spatial = Spatial(window, patch, dim, spatial_depth, heads, dim_head, in_rows)

    def forward(self, series: Series) -> torch.Tensor:
        """Logits of every pixel."""
        return by_window(self._logits, {"": early(series)}, self.window)

    def _logits(self, series: Series) -> torch.Tensor:
        ((pixels, days),) = series.values()
        of_year = days_as_released(days[..., 1]) if self.released_days else days[..., 1]
        if self.padded:
            pixels, of_year = filled(pixels, of_year, self.padded)
        tokens = self.embedding(pixels) + dated(of_year, self.dates)
        count, places, *_ = tokens.shape
        tokens = tokens.flatten(0, 1)
        tokens = torch.cat([self.classes.expand(len(tokens), -1, -1), tokens], dim=1)
        found = self.temporal(tokens, keep=self.classes.shape[1])
        logits: torch.Tensor = self.spatial(found.unflatten(0, (count, places)))
        return logits
