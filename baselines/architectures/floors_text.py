"""Floors of tasks with words: what a model scores that doesn't look, or sees colours only."""

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256

import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, normalize

import bench.base.torch_setup  # noqa: F401
from bench.base.errors import BenchError
from bench.kinds.common.batch import Batch
from bench.models.heads.captions import as_bytes, as_text
from bench.models.heads.ridge import Ridge

from .dates import CHANNELS, dates_of, described
from .floors import Regressed

_EDGES = (-0.67, 0.0, 0.67)  # quartiles of a standard normal variable
_SIDE = 64  # pixels on a side that colours are counted in
_LEAST = 1e-9  # keeps embeddings from being 0, which has no direction


class Colours(nn.Module):
    """Pictures [N, 3, height, width] -> what is left when their pixels are shuffled, [N, 70].

    Mean and standard deviation of each channel, and the square roots of the shares of pixels in
    each of 4 x 4 x 4 colours. Pictures are brought to 64 x 64 pixels at most, as means.
    """

    num_features = 2 * CHANNELS + (len(_EDGES) + 1) ** CHANNELS

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The statistics, one picture a row."""
        if min(images.shape[-2:]) > _SIDE:
            images = adaptive_avg_pool2d(images, _SIDE)
        pixels = images.flatten(2)
        levels = torch.bucketize(pixels.contiguous(), torch.tensor(_EDGES, device=images.device))
        base = len(_EDGES) + 1
        colour = (levels[:, 0] * base + levels[:, 1]) * base + levels[:, 2]
        counts = torch.zeros(len(images), base**CHANNELS, device=images.device)
        counts.scatter_add_(1, colour, torch.ones_like(colour, dtype=counts.dtype))
        shares = (counts / colour.shape[1]).sqrt()
        return torch.cat([pixels.mean(2), pixels.std(2, correction=0), shares], dim=1)


class ColoursToWords(Regressed):
    """A bag of colours and a bag of words: pictures and sentences -> embeddings [N, words].

    A sentence is its words, each weighted by the logarithm of one over the share of training
    pictures it is said of, as a unit vector less the mean of the training split. A picture is what
    ridge regression from `Colours` expects of the mean of its sentences. Of two dates the colours
    of each and their difference count.

    Args:
        in_channels: 3 for one date, 6 for two.
        outputs: isn't used.
        size: isn't used.
        words: places that words are hashed to.

    Raises:
        ValueError: the channels aren't those of one or two dates.
    """

    rarity: torch.Tensor
    usual: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        outputs: int,  # noqa: ARG002 - every architecture takes it
        size: int,  # noqa: ARG002
        words: int = 2048,
    ) -> None:
        super().__init__()
        self.colours = Colours()
        self.ridge = Ridge(Colours.num_features * (3 if dates_of(in_channels) == 2 else 1), words)
        self.register_buffer("rarity", torch.ones(words))
        self.register_buffer("usual", torch.zeros(words))

    def fit(self, batches: Iterable[Batch]) -> None:
        """Count words, and regress what is written about a picture on its colours."""
        rows, texts = [], []
        for batch in batches:
            rows.append(self._described(batch.inputs["images"]))
            texts += batch.inputs["texts"]
        said = torch.stack([(self._counts(own) > 0).any(dim=0) for own in texts]).sum(dim=0)
        self.rarity.copy_(((1 + len(texts)) / (1 + said)).log() + _LEAST)
        targets = torch.stack([self._words(own).mean(dim=0) for own in texts])
        self.usual.copy_(targets.mean(dim=0))
        self.ridge.fit([(torch.cat(rows), targets - self.usual)])

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [N, words] of images [N, 3 or 6, height, width]."""
        return self.ridge(self._described(images)) + _LEAST

    def encode_text(self, texts: Sequence[str]) -> torch.Tensor:
        """Embeddings [n, words] of n sentences."""
        return self._words(texts) - self.usual + _LEAST

    def _described(self, images: torch.Tensor) -> torch.Tensor:
        return described(self.colours, images.float(), axis=1)

    def _words(self, texts: Sequence[str]) -> torch.Tensor:
        """Unit vectors of weighted words, [n, words]; 0 for a text without any."""
        return normalize(self._counts(texts) * self.rarity, dim=1)

    def _counts(self, texts: Sequence[str]) -> torch.Tensor:
        """How often a text has each word, [n, words]."""
        counts = torch.zeros(len(texts), len(self.usual), device=self.usual.device)
        for row, text in zip(counts, texts, strict=True):
            for word, count in Counter(tokens(text)).items():
                row[zlib.crc32(word.encode()) % len(row)] += count
        return counts


class RandomEmbeddings(nn.Module):
    """Images and sentences -> random vectors [N, width] that depend on each one's bytes alone.

    Every order of the gallery is equally likely, so that recall at K is K over the size of the
    gallery in expectation where one item is relevant. Nothing is learnt.

    Args:
        in_channels: isn't used.
        outputs: isn't used.
        size: isn't used.
        width: of the vectors.
    """

    def __init__(
        self,
        in_channels: int,  # noqa: ARG002 - every architecture takes these
        outputs: int,  # noqa: ARG002
        size: int,  # noqa: ARG002
        width: int = 64,
    ) -> None:
        super().__init__()
        self.width = width

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [N, width] of images."""
        rows = [image.float().cpu().contiguous().numpy().tobytes() for image in images]
        return self._drawn(rows).to(images.device)

    def encode_composite(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [N, width] of the first three bands of images."""
        return self.encode_image(images[:, :CHANNELS])

    def encode_text(self, texts: Sequence[str]) -> torch.Tensor:
        """Embeddings [n, width] of n sentences."""
        return self._drawn([text.encode() for text in texts])

    def _drawn(self, contents: Sequence[bytes]) -> torch.Tensor:
        rows = []
        for content in contents:
            seed = int.from_bytes(sha256(content).digest()[:8], "big", signed=True)
            rows.append(torch.randn(self.width, generator=torch.Generator().manual_seed(seed)))
        return torch.stack(rows) if rows else torch.zeros(0, self.width)


class FrequentCaption(nn.Module):
    """Images -> the same caption for each: the one that the training split has most often.

    Of several as frequent, the one that is most like all captions: by the mean cosine of words,
    each weighted by the logarithm of one over the share of captions that have it.

    Args:
        in_channels: isn't used.
        outputs: not used: captions are words.
        size: isn't used.
        characters: at most so many bytes of a caption; a longer one is cut between words.
    """

    text: torch.Tensor

    def __init__(
        self,
        in_channels: int,  # noqa: ARG002 - every architecture takes these
        outputs: int,  # noqa: ARG002
        size: int,  # noqa: ARG002
        characters: int = 500,
    ) -> None:
        super().__init__()
        self.register_buffer("text", torch.zeros(characters, dtype=torch.uint8))

    def fit(self, batches: Iterable[Batch]) -> None:
        """Count the captions of the training split."""
        counts = Counter(text for batch in batches for own in batch.targets for text in own)
        if not counts:
            raise BenchError("expected captions to choose from, found none")
        most = max(counts.values())
        often = [text for text, count in counts.items() if count == most]
        chosen = often[0] if len(often) == 1 else _most_typical(often, counts)
        self.text.copy_(as_bytes(chosen, len(self.text)))

    def caption(self, images: torch.Tensor) -> list[str]:
        """That caption for each image."""
        return [as_text(self.text)] * len(images)


def _most_typical(some: Sequence[str], counts: Counter[str]) -> str:
    """The text of the highest mean cosine with all that were counted; the first of several."""
    words = {text: Counter(tokens(text)) for text in counts}
    among = Counter[str]()
    for text, own in words.items():
        among.update(dict.fromkeys(own, counts[text]))
    total = torch.tensor(float(counts.total()))

    def unit(text: str) -> dict[str, float]:
        row = {w: n * float((total / among[w]).log()) for w, n in words[text].items()}
        length = sum(value**2 for value in row.values()) ** 0.5 or 1.0
        return {word: value / length for word, value in row.items()}

    mean: dict[str, float] = {}
    for text in counts:
        for word, value in unit(text).items():
            mean[word] = mean.get(word, 0.0) + counts[text] * value
    return max(some, key=lambda text: sum(v * mean[w] for w, v in unit(text).items()))


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"[^\W_]+", text.lower())
