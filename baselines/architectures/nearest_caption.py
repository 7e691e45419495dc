"""Captions by memory: what was written about the picture of the training split that looks alike."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, normalize

import bench.base.torch_setup  # noqa: F401
from bench.base.errors import BenchError
from bench.kinds.common.batch import Batch
from bench.models.heads.captions import as_bytes, as_text

from .dates import dates_of, described
from .networks import network

_GRID = 4
_SEED = 0


class Statistics(nn.Module):
    """Pictures [N, C, height, width] -> mean, spread and edges of each colour, [N, 48 C].

    Means and standard deviations in cells of a grid of 4 x 4, and how much neighbours differ there.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.num_features = 3 * channels * _GRID**2

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The statistics, one picture a row."""
        edges = images.new_zeros(images.shape)
        edges[..., 1:, :] += images.diff(dim=-2).abs()
        edges[..., 1:] += images.diff(dim=-1).abs()
        mean, square, edge = (
            adaptive_avg_pool2d(values, _GRID) for values in (images, images**2, edges)
        )
        spread = (square - mean**2).clamp(min=0).sqrt()
        return torch.cat([mean, spread, edge], dim=1).flatten(1)


class NearestCaption(nn.Module):
    """Images float32 [N, 3 or 6, size, size] -> the first caption of the nearest training image.

    Nearest by the cosine of features, each brought to mean 0 and standard deviation 1 over the
    training split. Of two dates the features of each and their difference count.

    Args:
        in_channels: 3 for one date, 6 for two.
        outputs: not used: captions are words.
        size: height and width of an image in pixels.
        encoder: a network of timm, whose pooled features are compared; empty for plain statistics
            of colours.
        pretrained: fetch timm's weights for it.
        memory: at most so many training images are remembered, drawn at random.
        characters: at most so many bytes of a caption; a longer one is cut between words.

    Raises:
        ValueError: the channels aren't those of one or two dates, or there is no such network.
    """

    mean: torch.Tensor
    std: torch.Tensor
    features: torch.Tensor
    text: torch.Tensor
    count: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        outputs: int,  # noqa: ARG002 - every architecture takes it
        size: int,  # noqa: ARG002
        encoder: str = "",
        pretrained: bool = False,
        memory: int = 10_000,
        characters: int = 500,
    ) -> None:
        super().__init__()
        dates = dates_of(in_channels)
        channels = in_channels // dates
        self.encoder = (
            network(encoder, channels, pretrained=pretrained) if encoder else Statistics(channels)
        )
        width = self.encoder.num_features * (3 if dates == 2 else 1)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.ones(width))
        self.register_buffer("features", torch.zeros(memory, width))
        self.register_buffer("text", torch.zeros(memory, characters, dtype=torch.uint8))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def fit(self, batches: Iterable[Batch]) -> None:
        """Remember the images and the first captions of the training split."""
        self.encoder.eval()
        memory, characters = self.text.shape
        draw = torch.Generator().manual_seed(_SEED)
        seen = 0
        for batch in batches:
            rows = self._described(batch.inputs)
            for row, captions in zip(rows, batch.targets, strict=True):
                # Reservoir sampling: every image has the same chance to be kept.
                place = seen if seen < memory else int(torch.randint(seen + 1, (), generator=draw))
                if place < memory:
                    self.features[place] = row
                    self.text[place] = as_bytes(captions[0], characters)
                seen += 1
        self.count.fill_(min(seen, memory))
        kept = self.features[: int(self.count)]
        self.mean.copy_(kept.mean(dim=0))
        # A feature that never changes says nothing, and must not be divided by 0.
        self.std.copy_(kept.std(dim=0, correction=0).clamp(min=1e-6))
        kept.copy_(self._standard(kept))

    def caption(self, images: torch.Tensor) -> list[str]:
        """The caption of the nearest image that is remembered; of several as near, the first.

        Raises:
            BenchError: nothing is remembered, or the weights are damaged.
        """
        count = int(self.count)
        if not 0 < count <= len(self.text):
            raise BenchError(
                f"expected 1 to {len(self.text)} images in memory, found {count}",
                "its weights aren't those of a fitted NearestCaption",
            )
        rows = self._standard(self._described(images))
        nearest = (rows @ self.features[:count].T).argmax(dim=1)
        return [as_text(row) for row in self.text[nearest].cpu()]

    def _described(self, images: torch.Tensor) -> torch.Tensor:
        return described(self.encoder, images, axis=1).float()

    def _standard(self, rows: torch.Tensor) -> torch.Tensor:
        return normalize((rows - self.mean) / self.std, dim=1)
