"""Captions by memory: what was written about the training image whose features are nearest."""

from collections.abc import Sequence

import torch
from torch import nn

from bench.base.errors import BenchError
from bench.models.heads.neighbours import directions, neighbours

_CHARACTERS = 500
"""At most so many bytes of a caption are kept; a longer one is cut between words."""


class NearestCaptions(nn.Module):
    """Features [N, F] -> the first caption of the training image of the highest cosine.

    Of several as near it is the first.

    Args:
        features: F.
        samples: how many training samples the state holds that is to be loaded.
    """

    x: torch.Tensor
    y: torch.Tensor

    def __init__(self, features: int, samples: int = 0) -> None:
        super().__init__()
        self.register_buffer("x", torch.zeros(samples, features))
        self.register_buffer("y", torch.zeros(samples, _CHARACTERS, dtype=torch.uint8))

    def fit(self, x: torch.Tensor, captions: Sequence[str]) -> None:
        """Remember features [N, F] and a caption for each."""
        self.x = torch.from_numpy(directions(x))
        self.y = torch.stack([as_bytes(caption, _CHARACTERS) for caption in captions])

    def caption(self, features: torch.Tensor) -> list[str]:
        """The captions of samples.

        Raises:
            BenchError: nothing is remembered.
        """
        if not len(self.x):
            raise BenchError("expected captions in memory, found none", "fit it first")
        nearest = neighbours(directions(features), self.x.cpu().numpy(), 1)[:, 0]
        return [as_text(self.y[int(row)].cpu()) for row in nearest]


def as_bytes(caption: str, most: int) -> torch.Tensor:
    """A caption in UTF-8, uint8 [most], filled with zeros; a longer one is cut between words."""
    encoded = caption.encode().replace(b"\0", b" ")
    if len(encoded) > most:
        encoded = encoded[: most + 1].rpartition(b" ")[0]
    return torch.tensor(list(encoded.ljust(most, b"\0")), dtype=torch.uint8)


def as_text(row: torch.Tensor) -> str:
    """The caption that `as_bytes` stored."""
    return bytes(row.tolist()).rstrip(b"\0").decode(errors="replace")
