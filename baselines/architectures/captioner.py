"""A captioner: a convolutional network that looks, a transformer that writes word by word."""

from functools import lru_cache
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy, linear

import bench.base.torch_setup  # noqa: F401

from .dates import dates_of, described

_IGNORED = -100
_PIECES = 512  # of one character, which stand before the merges


class Captioner(nn.Module):
    """Images float32 [N, 3 or 6, size, size] -> captions.

    Cells of the last but one stage of a convolutional network are what a transformer decoder
    attends to. Of two dates each cell holds the features of both, by the same network, and their
    difference. As in Chg2Cap (S. Chang, P. Ghamisi, "Changes to Captions", IEEE TIP 2023) without
    its attention between cells.

    Words are pieces of CLIP's byte-pair encoding in lower case, the first ``merges`` of it, so that
    anything can be written and no vocabulary is collected.

    Args:
        in_channels: 3 for one date, 6 for two.
        outputs: not used: captions are words.
        size: height and width of an image in pixels.
        encoder: a network of timm that gives features of several stages.
        pretrained: begin with timm's weights for it.
        width: channels of the decoder.
        heads: of its attention.
        layers: of the decoder.
        dropout: in the decoder.
        merges: pairs of pieces that are pieces of their own.
        length: pieces of the longest caption; longer ones are learnt up to there.

    Raises:
        ValueError: the channels aren't those of one or two dates, there is no such network, or it
            gives no stages.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,  # noqa: ARG002 - every architecture takes it
        size: int,
        encoder: str = "resnet101",
        pretrained: bool = False,
        width: int = 512,
        heads: int = 8,
        layers: int = 1,
        dropout: float = 0.1,
        merges: int = 3584,
        length: int = 120,
    ) -> None:
        super().__init__()
        dates = dates_of(in_channels)
        self.merges, self.length = merges, length
        self.begin, self.end = _PIECES + merges, _PIECES + merges + 1
        self.encoder = _Cells(encoder, in_channels // dates, pretrained)
        channels = self.encoder.channels * (3 if dates == 2 else 1)
        side = -(-size // self.encoder.reduction)
        self.look = nn.Sequential(nn.Linear(channels, width), nn.LayerNorm(width))
        self.where = nn.Parameter(0.02 * torch.randn(side**2, width))
        self.pieces = nn.Embedding(self.end + 1, width)
        self.order = nn.Parameter(0.02 * torch.randn(length + 1, width))
        nn.init.normal_(self.pieces.weight, std=width**-0.5)
        layer = nn.TransformerDecoderLayer(
            width, heads, 4 * width, dropout, batch_first=True, norm_first=True
        )
        self.decoder = nn.TransformerDecoder(layer, layers, nn.LayerNorm(width))

    def loss(self, images: torch.Tensor, captions: list[list[str]]) -> torch.Tensor:
        """Cross-entropy of every piece and the end, given what stands before it; mean over pieces.

        Args:
            images: [N, channels, height, width].
            captions: for each image one or more.
        """
        owner = [image for image, several in enumerate(captions) for _ in several]
        rows = [self._encoded(caption) for caption in chain.from_iterable(captions)]
        longest = max(map(len, rows)) + 1
        given = torch.tensor(
            [[self.begin, *row, *[self.end] * (longest - 1 - len(row))] for row in rows]
        )
        wanted = torch.tensor(
            [[*row, self.end, *[_IGNORED] * (longest - 1 - len(row))] for row in rows]
        )
        cells = self._seen(images)[torch.tensor(owner, device=images.device)]
        scores = self._scores(cells, given.to(images.device))
        return cross_entropy(scores.flatten(0, 1), wanted.to(images.device).flatten())

    def caption(self, images: torch.Tensor) -> list[str]:
        """The caption of each image: the likeliest piece, time and again."""
        cells = self._seen(images)
        written = torch.full((len(images), 1), self.begin, device=images.device)
        for _ in range(self.length):
            scores = self._scores(cells, written)[:, -1]
            scores[:, self.begin] = -torch.inf
            # What has ended stays so.
            ended = (written == self.end).any(dim=1)
            following = scores.argmax(dim=1).masked_fill(ended, self.end)
            written = torch.cat([written, following[:, None]], dim=1)
            if (following == self.end).all():
                break
        return [self._decoded(row) for row in written[:, 1:].tolist()]

    def _seen(self, images: torch.Tensor) -> torch.Tensor:
        """What the decoder attends to, [N, cells, width]."""
        maps = described(self.encoder, images, axis=1)
        seen: torch.Tensor = self.look(maps.flatten(2).transpose(1, 2)) + self.where
        return seen

    def _scores(self, cells: torch.Tensor, written: torch.Tensor) -> torch.Tensor:
        """Logits of the piece behind each piece, [N, length, pieces]."""
        count = written.shape[1]
        later = torch.ones(count, count, dtype=torch.bool, device=written.device).triu(1)
        embedded = self.pieces(written) + self.order[:count]
        hidden = self.decoder(embedded, cells, tgt_mask=later, tgt_is_causal=True)
        return linear(hidden, self.pieces.weight)

    def _encoded(self, caption: str) -> list[int]:
        pieces: list[int] = _tokenizer(self.merges).encode(caption)
        return pieces[: self.length]

    def _decoded(self, pieces: list[int]) -> str:
        kept = pieces[: pieces.index(self.end)] if self.end in pieces else pieces
        text: str = _tokenizer(self.merges).decode(kept)
        return text.strip()


class _Cells(nn.Module):
    """Pictures -> the map of the last but one stage, [N, channels, height, width]."""

    def __init__(self, name: str, in_channels: int, pretrained: bool) -> None:
        super().__init__()
        from timm import create_model

        try:
            self.network = create_model(
                name,
                pretrained=pretrained,
                in_chans=in_channels,
                features_only=True,
                out_indices=(-2,),
            )
        except (AttributeError, RuntimeError) as error:
            raise ValueError(str(error)) from error
        self.channels: int = self.network.feature_info.channels()[0]
        self.reduction: int = self.network.feature_info.reduction()[0]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The map."""
        found: torch.Tensor = self.network(images)[0]
        return found


@lru_cache(maxsize=4)
def _tokenizer(merges: int) -> Any:
    """CLIP's tokenizer with fewer merges; its pieces keep their numbers."""
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    ranks = tokenizer.bpe_ranks.items()
    tokenizer.bpe_ranks = {pair: rank for pair, rank in ranks if rank < merges}
    # Else text that looks like a mark of begin or end would become one.
    tokenizer.cache = {}
    return tokenizer
