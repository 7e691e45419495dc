"""TSViT over several sensors, fused before, in or between their temporal encoders.

F. Follath, D. Mickisch, J. Hemmerling, S. Erasmi, M. Schwieder, B. Demir: Multi-Modal Vision
Transformers for Crop Mapping from Satellite Image Time Series. IGARSS 2024, arXiv:2406.16513; the
steps are those of https://github.com/theresamisu/Masterthesis. Early Fusion is `tsvit.TSViT`.
Modality Token Concatenation and Channel Encoding are the two other fusions of that thesis.
"""

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from .series import Series, aligned, by_window, early
from .tsvit import (
    DAYS,
    Attention,
    Embedding,
    Encoder,
    Layer,
    Spatial,
    check_window,
    dated,
    feed_forward,
)


class _Fusion(nn.Module):
    """What the fusions share: an embedding and class tokens per series, one spatial encoder.

    Args:
        in_channels: channels of all series together.
        outputs: classes, with a token each in every series.
        size: of the contract; the windows decide here.
        channels: those of each series, such as "10 3 3", in the order of the contract.
        window, patch: pixels of a side of what is seen at once, and of a token.
        dim, spatial_depth, heads, dim_head: of the transformers.

    Raises:
        ValueError: the channels aren't those of the contract, or patches don't fill a window.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        channels: str,
        window: int,
        patch: int,
        dim: int,
        spatial_depth: int,
        heads: int,
        dim_head: int,
    ) -> None:
        super().__init__()
        check_window(window, patch)
        widths = _widths(channels, in_channels)
        self.window = window
        self.embeddings = nn.ModuleList(Embedding(width, patch, dim) for width in widths)
        self.dates = nn.Linear(DAYS, dim)
        self.classes = nn.Parameter(torch.randn(len(widths), 1, outputs, dim))
        self.spatial = Spatial(window, patch, dim, spatial_depth, heads, dim_head, in_rows=False)

    def _tokens(self, series: Series) -> tuple[int, list[torch.Tensor]]:
        """The number of samples, and the tokens [N * places, K + T, dim] of each series."""
        tokens = []
        pairs = zip(series.values(), self.embeddings, self.classes, strict=True)
        for (pixels, days), embedding, classes in pairs:
            own = (embedding(pixels) + dated(days[..., 1], self.dates)).flatten(0, 1)
            tokens.append(torch.cat([classes.expand(len(own), -1, -1), own], dim=1))
        return len(pixels), tokens

    def _maps(self, count: int, classes: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.spatial(classes.unflatten(0, (count, -1)))
        return logits


class SynchronizedFusion(_Fusion):
    """Synchronized Class Token Fusion: after every layer the series share their class tokens.

    Each series has a temporal encoder of its own and may have dates of its own. After each layer
    the class tokens are averaged over the series, class by class, and stand before the tokens of
    every series again.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int | None,  # noqa: ARG002
        channels: str,
        window: int = 24,
        patch: int = 2,
        dim: int = 128,
        temporal_depth: int = 6,
        spatial_depth: int = 2,
        heads: int = 4,
        dim_head: int = 64,
    ) -> None:
        super().__init__(
            in_channels, outputs, channels, window, patch, dim, spatial_depth, heads, dim_head
        )
        self.layers = nn.ModuleList(
            nn.ModuleList(Layer(dim, heads, dim_head) for _ in self.embeddings)
            for _ in range(temporal_depth)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, series: Series) -> torch.Tensor:
        """Logits of every pixel."""
        return by_window(self._logits, series, self.window)

    def _logits(self, series: Series) -> torch.Tensor:
        count, tokens = self._tokens(series)
        classes = self.classes.shape[2]
        for index, layers in enumerate(self.layers):
            # Nothing but class tokens leaves the last layer.
            keep = classes if index + 1 == len(self.layers) else None
            found = [layer(own, keep) for layer, own in zip(layers, tokens, strict=True)]
            shared = torch.stack([own[:, :classes] for own in found]).mean(dim=0)
            tokens = [torch.cat([shared, own[:, classes:]], dim=1) for own in found]
        return self._maps(count, self.norm(tokens[0][:, :classes]))


class _CrossLayer(nn.Module):
    """A layer in which every series is weighted by the queries of the others."""

    def __init__(self, series: int, dim: int, heads: int, dim_head: int, released: bool) -> None:
        super().__init__()
        self.released = released
        self.norm = nn.LayerNorm(dim)
        self.attentions = nn.ModuleList(Attention(dim, heads, dim_head) for _ in range(series))
        self.feeds = nn.ModuleList(feed_forward(dim) for _ in range(series))

    def forward(self, tokens: list[torch.Tensor], keep: int | None) -> list[torch.Tensor]:
        """Tokens of every series, or the first ``keep`` of them."""
        normed = [self.norm(own) for own in tokens]
        heads = [a.project(own, keep) for a, own in zip(self.attentions, normed, strict=True)]
        divisor = len(tokens) if self.released else len(tokens) - 1
        results = []
        for index, (_, keys, values) in enumerate(heads):
            others = [queries for other, (queries, *_) in enumerate(heads) if other != index]
            # The mean of attention maps times the values is the mean of what each map finds.
            found = scaled_dot_product_attention(torch.cat(others, dim=2), keys, values)
            mean = found.unflatten(2, (len(others), -1)).sum(dim=2) / divisor
            before = normed[index] if self.released else tokens[index]
            own = before[:, :keep] + self.attentions[index].join(mean)
            results.append(own + self.feeds[index](own))
        return results


class CrossAttentionFusion(_Fusion):
    """Cross Attention Fusion: keys and values of a series meet the queries of the others.

    In each layer series m becomes A V_m, with A the mean over the other series n of
    softmax(Q_n K_m^T / sqrt(dim_head)). The series are brought to the dates of the first one. At
    the end the class tokens are averaged over the series.

    Args:
        released: divide the sum of attention maps by the number of series, not by that of the
            others, and add the normalised tokens, not the tokens, as the released code does.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int | None,  # noqa: ARG002
        channels: str,
        window: int = 24,
        patch: int = 2,
        dim: int = 128,
        temporal_depth: int = 6,
        spatial_depth: int = 2,
        heads: int = 4,
        dim_head: int = 64,
        released: bool = False,
    ) -> None:
        super().__init__(
            in_channels, outputs, channels, window, patch, dim, spatial_depth, heads, dim_head
        )
        self.layers = nn.ModuleList(
            _CrossLayer(len(self.embeddings), dim, heads, dim_head, released)
            for _ in range(temporal_depth)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, series: Series) -> torch.Tensor:
        """Logits of every pixel."""
        return by_window(self._logits, aligned(series), self.window)

    def _logits(self, series: Series) -> torch.Tensor:
        count, tokens = self._tokens(series)
        classes = self.classes.shape[2]
        for index, layer in enumerate(self.layers):
            tokens = layer(tokens, classes if index + 1 == len(self.layers) else None)
        ends = torch.stack([self.norm(own[:, :classes]) for own in tokens])
        return self._maps(count, ends.mean(dim=0))


class TokenConcatenation(nn.Module):
    """Modality Token Concatenation: the dates of all series are tokens of one temporal encoder.

    Each series has an embedding of its own and may have dates of its own; class tokens, the
    embedding of days and the encoders are shared.

    Args:
        in_channels, outputs, size, channels, window, patch, dim, spatial_depth, heads, dim_head:
            as `SynchronizedFusion`.
        temporal_depth: layers of the temporal encoder.

    Raises:
        ValueError: the channels aren't those of the contract, or patches don't fill a window.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int | None,  # noqa: ARG002
        channels: str,
        window: int = 24,
        patch: int = 2,
        dim: int = 128,
        temporal_depth: int = 6,
        spatial_depth: int = 2,
        heads: int = 4,
        dim_head: int = 64,
    ) -> None:
        super().__init__()
        check_window(window, patch)
        self.window = window
        self.embeddings = nn.ModuleList(
            Embedding(width, patch, dim) for width in _widths(channels, in_channels)
        )
        self.dates = nn.Linear(DAYS, dim)
        self.classes = nn.Parameter(torch.randn(1, outputs, dim))
        self.temporal = Encoder(dim, temporal_depth, heads, dim_head)
        self.spatial = Spatial(window, patch, dim, spatial_depth, heads, dim_head, in_rows=False)

    def forward(self, series: Series) -> torch.Tensor:
        """Logits of every pixel."""
        return by_window(self._logits, series, self.window)

    def _logits(self, series: Series) -> torch.Tensor:
        tokens = [
            (embedding(pixels) + dated(days[..., 1], self.dates)).flatten(0, 1)
            for (pixels, days), embedding in zip(series.values(), self.embeddings, strict=True)
        ]
        classes = self.classes.expand(len(tokens[0]), -1, -1)
        found = self.temporal(torch.cat([classes, *tokens], dim=1), keep=self.classes.shape[1])
        count = len(next(iter(series.values()))[0])
        logits: torch.Tensor = self.spatial(found.unflatten(0, (count, -1)))
        return logits


class ChannelEncoding(nn.Module):
    """Channel Encoding: an encoder over the bands of each place and date, before that over dates.

    One embedding serves all bands; to each a learned position is added. The tokens of a date after
    the encoder of bands are averaged, and TSViT sees them as those of one series. The series are
    brought to the dates of the first one.

    Args:
        in_channels: channels of all series together.
        outputs: classes, with a token each.
        size: of the contract; the windows decide here.
        window, patch: pixels of a side of what is seen at once, and of a token.
        dim, channel_depth, temporal_depth, spatial_depth, heads, dim_head: of the transformers.

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
        channel_depth: int = 4,
        temporal_depth: int = 6,
        spatial_depth: int = 2,
        heads: int = 4,
        dim_head: int = 64,
    ) -> None:
        super().__init__()
        check_window(window, patch)
        self.window = window
        self.embedding = Embedding(1, patch, dim)
        self.bands = nn.Parameter(torch.randn(1, in_channels, dim))
        self.channel = Encoder(dim, channel_depth, heads, dim_head)
        self.dates = nn.Linear(DAYS, dim)
        self.classes = nn.Parameter(torch.randn(1, outputs, dim))
        self.temporal = Encoder(dim, temporal_depth, heads, dim_head)
        self.spatial = Spatial(window, patch, dim, spatial_depth, heads, dim_head, in_rows=False)

    def forward(self, series: Series) -> torch.Tensor:
        """Logits of every pixel."""
        return by_window(self._logits, {"": early(series)}, self.window)

    def _logits(self, series: Series) -> torch.Tensor:
        ((pixels, days),) = series.values()
        count, dates, channels = pixels.shape[:3]
        # Every band of every date is an image of its own: [N, T * C, 1, H, W].
        each = self.embedding(pixels.flatten(1, 2)[:, :, None]).unflatten(2, (dates, channels))
        encoded = self.channel(each.flatten(0, 2) + self.bands).mean(dim=1)
        tokens = encoded.unflatten(0, (count, -1, dates)) + dated(days[..., 1], self.dates)
        tokens = tokens.flatten(0, 1)
        tokens = torch.cat([self.classes.expand(len(tokens), -1, -1), tokens], dim=1)
        found = self.temporal(tokens, keep=self.classes.shape[1])
        logits: torch.Tensor = self.spatial(found.unflatten(0, (count, -1)))
        return logits


def _widths(channels: str, in_channels: int) -> list[int]:
    """The channels of each series.

    Raises:
        ValueError: they aren't those of the contract, or of less than two series.
    """
    widths = [int(part) for part in channels.split()]
    if sum(widths) != in_channels or len(widths) < 2:
        raise ValueError(
            f"channels {channels!r} aren't two or more series of {in_channels} bands together"
        )
    return widths
