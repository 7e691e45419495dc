"""TSViT over several sensors, fused between their temporal encoders.

F. Follath, D. Mickisch, J. Hemmerling, S. Erasmi, M. Schwieder, B. Demir: Multi-Modal Vision
Transformers for Crop Mapping from Satellite Image Time Series. IGARSS 2024, arXiv:2406.16513; the
steps are those of https://github.com/theresamisu/Masterthesis. Early Fusion is `tsvit.TSViT`.
"""

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from .series import Series, aligned, by_window
from .tsvit import DAYS, Attention, Embedding, Layer, Spatial, check_window, dated, feed_forward


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
        widths = [int(part) for part in channels.split()]
        if sum(widths) != in_channels or len(widths) < 2:
            raise ValueError(
                f"channels {channels!r} aren't two or more series of {in_channels} bands together"
            )
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
