"""Metrics of images and sentences: retrieval by embeddings, and captions."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.base.errors import BenchError
from bench.metrics.captions import families
from bench.metrics.captions.families import METRICS, Texts
from bench.metrics.recalls import (
    PROTOCOLS,
    medians,
    recall_metrics,
    recall_rows,
    shares,
)
from bench.metrics.retrieval import query_ranks
from bench.metrics.stats import weighted_sums
from bench.metrics.torchmetrics.base import ExactMetric, Floats, floats

_WAYS = ("i2t", "t2i")
_MEDIANS = tuple(f"median_rank_{way}" for way in _WAYS)
_RECALLS = tuple(recall_metrics(np.ones((1, 24)), _WAYS))
_CORPUS = {f"{metric}_corpus": family for family, own in METRICS.items() for metric in own}
_BLEU = 10
_WHOLE_TEXTS = ("cider", "meteor", "spice")


class RetrievalScores(ExactMetric):
    """Recall and median rank of images by sentences and of sentences by images, by cosine.

    The values of tasks of the kind retrieval over one gallery, all that was seen:
    `bench.metrics.retrieval` has the protocols. torchmetrics' ``RetrievalRecall`` is another
    quantity, (relevant items among the first K) / (relevant items); where one item is relevant to
    each query, as in text to image, both are one but for ties, which count against the model here
    and are left to the sort there.

    Memory: every embedding in float32, and 16 bytes for each sentence.

    Args:
        names: one or several of ``recall_mean``, ``recall_mean_i2t``, ``recall_mean_t2i``,
            ``recall_at_K_i2t`` and ``recall_at_K_t2i`` with K of 1, 5 and 10, ``median_rank_i2t``,
            ``median_rank_t2i``; recalls also with ``optimistic`` or ``distinct`` behind them: ties
            for the model, every distinct sentence once.
        kwargs: those of `torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from bench.metrics.torchmetrics import RetrievalScores
        >>> metric = RetrievalScores(["recall_at_1_i2t", "recall_at_1_t2i"])
        >>> images = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> texts = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
        >>> metric.update(images, texts, [["a field", "a lake"], ["a river"]])
        >>> {name: round(value.item(), 4) for name, value in metric.compute().items()}
        {'recall_at_1_i2t': 0.5, 'recall_at_1_t2i': 0.6667}
    """

    def __init__(self, names: str | Sequence[str] = "recall_mean", **kwargs: Any) -> None:
        super().__init__(names, (*_RECALLS, *_MEDIANS), **kwargs)
        self._list("images", torch.float32)
        self._list("texts", torch.float32)
        self._list("captions", torch.int64)
        self._list("several", torch.int64)

    def update(self, images: Tensor, texts: Tensor, captions: Sequence[Sequence[str]]) -> None:
        """Take in a batch.

        Args:
            images: [N, D] embeddings of any norm but 0, in at most 32 bits.
            texts: [T, D] those of the captions, image by image.
            captions: those of each image, at least one; equal ones count as one sentence.

        Raises:
            BenchError: a shape or a type isn't as above, an embedding is NaN, or there isn't one
                for each image and caption.
        """
        several = [len(own) for own in captions]
        shapes = ((len(several), *images.shape[1:]), (sum(several), *images.shape[1:]))
        if images.ndim != 2 or (images.shape, texts.shape) != shapes or 0 in several:
            raise BenchError(
                f"expected embeddings [{len(several)}, D] of images and [{sum(several)}, D] of "
                f"their captions, at least one for each, found {list(images.shape)} and "
                f"{list(texts.shape)}"
            )
        for name, given in (("images", images), ("texts", texts)):
            vectors = floats(given, f"embeddings of {name}")
            if vectors.dtype == torch.float64:
                raise BenchError(
                    f"expected embeddings of {name} in at most 32 bits, found {vectors.dtype}",
                    "convert them by .float()",
                )
            self._append(name, vectors)
        keys = [_key(caption) for own in captions for caption in own]
        self._add("samples", len(several))
        self._append("captions", np.array(keys, np.int64))
        self._append("several", np.array(several, np.int64))

    def _values(self) -> Mapping[str, Floats]:
        several = self._kept("several")
        count = len(several)
        owner = np.repeat(np.arange(count), several)
        images = self._kept("images").reshape(count, -1)
        texts = self._kept("texts").reshape(len(owner), -1)
        number = _numbers(self._kept("captions"))
        i2t, t2i = query_ranks(images, texts, number, owner)
        asked = np.ones(count, np.bool_)
        rows = recall_rows(i2t, t2i, shares(number, owner, asked), owner, asked)
        once = np.ones((1, count), np.uint16)
        found = recall_metrics(weighted_sums(once, rows), _WAYS, PROTOCOLS)
        queries = ((i2t[:, 0], np.arange(count)), (t2i[:, 0], owner))
        for name, (ranks, owners) in zip(_MEDIANS, queries, strict=True):
            found[name] = medians(ranks, owners, once)
        return {name: values[0] for name, values in found.items()}


class CaptionScores(ExactMetric):
    """BLEU, ROUGE, CIDEr-D, METEOR and SPICE of sentences about images.

    The values of tasks of the kind captioning. Tokens and formulas are those of the COCO caption
    evaluation (`bench.metrics.captions`); for ``rouge_1``, ``rouge_2`` and ``rouge_l_f`` those of
    the ``rouge_score`` package, which are the F-measures of torchmetrics'
    ``ROUGEScore(accumulate="best")``, while ``rouge_l`` weighs recall more. ``bleu4_corpus`` is
    ``BLEUScore`` there for lower-case words alone: that keeps case and punctuation. METEOR and
    SPICE need Java and pycocoevalcap, and are NaN without.

    Memory: ten counts for BLEU; one to three numbers for each image for ROUGE; CIDEr-D, whose
    weights of words depend on all images, METEOR and SPICE keep every sentence.

    Args:
        names: one or several of ``bleu1_corpus`` to ``bleu4_corpus``, ``rouge_l_corpus``,
            ``cider_corpus``, ``meteor_corpus``, ``spice_corpus``, ``rouge_1_corpus``,
            ``rouge_2_corpus`` and ``rouge_l_f_corpus``.
        kwargs: those of `torchmetrics.Metric`.

    Example:
        >>> from bench.metrics.torchmetrics import CaptionScores
        >>> metric = CaptionScores(["bleu1_corpus", "rouge_l_corpus"])
        >>> metric.update(["a green lake"], [["a lake", "a wide green field"]])
        >>> {name: round(value.item(), 4) for name, value in metric.compute().items()}
        {'bleu1_corpus': 1.0, 'rouge_l_corpus': 0.8299}
    """

    def __init__(self, names: str | Sequence[str] = "cider_corpus", **kwargs: Any) -> None:
        super().__init__(names, _CORPUS, **kwargs)
        self._families = list(dict.fromkeys(_CORPUS[name] for name in self.names))
        self._whole = [family for family in self._families if family in _WHOLE_TEXTS]
        for family in self._families:
            if family == "bleu":
                self._sum(family, (_BLEU,))
            elif family not in self._whole:
                self._list(family, torch.float64)
        if self._whole:
            self._list("letters", torch.uint8)
            self._list("lengths", torch.int64)
            self._list("several", torch.int64)

    def update(self, preds: Sequence[str], target: Sequence[Sequence[str]]) -> None:
        """Take in a batch.

        Args:
            preds: N sentences.
            target: for each, the sentences of people, at least one.

        Raises:
            BenchError: there aren't as many of both, an image has no reference, or something isn't
                text.
        """
        if len(preds) != len(target):
            raise BenchError(
                f"expected references for each of {len(preds)} captions, found {len(target)}"
            )
        for caption, references in zip(preds, target, strict=True):
            if isinstance(references, str) or not references:
                raise BenchError(
                    f"expected a list of references for every caption, found {references!r:.40}",
                    "pass a list of lists, with at least one reference for each caption",
                )
            for text in (caption, *references):
                _check(text)
        texts: Texts = (tuple(preds), tuple(map(tuple, target)))
        if not preds:
            return
        self._add("samples", len(preds))
        for family in self._families:
            if family == "bleu":
                self._add(family, families.rows(family, texts).sum(axis=0).astype(np.int64))
            elif family not in self._whole:
                self._append(family, families.rows(family, texts))
        if self._whole:
            pairs = zip(*texts, strict=True)
            written = [text.encode() for own, several in pairs for text in (own, *several)]
            self._append("letters", np.frombuffer(b"".join(written), np.uint8).copy())
            self._append("lengths", np.array([len(text) for text in written]))
            self._append("several", np.array([len(several) for several in texts[1]]))

    def _values(self) -> Mapping[str, Floats]:
        texts = self._texts() if self._whole else ((), ())
        found: dict[str, Floats] = {}
        for family in self._families:
            if family in self._whole:
                values = _corpus(family, families.rows(family, texts))
            elif family == "bleu":
                sums = getattr(self, family).cpu().numpy()[None].astype(np.float64)
                values = families.scores(family, sums, np.ones_like(sums))[0]
            else:
                columns = len(METRICS[family])
                values = _corpus(family, self._kept(family).reshape(-1, columns))
            named = (f"{metric}_corpus" for metric in METRICS[family])
            found |= dict(zip(named, values, strict=True))
        return found

    def _texts(self) -> Texts:
        """All sentences that were kept."""
        letters, several = self._kept("letters").tobytes(), self._kept("several")
        ends = np.concatenate([[0], np.cumsum(self._kept("lengths"))]).tolist()
        written = [letters[start:end].decode() for start, end in pairwise(ends)]
        starts = np.concatenate([[0], np.cumsum(several + 1)]).tolist()
        return (
            tuple(written[start] for start in starts[:-1]),
            tuple(tuple(written[start + 1 : end]) for start, end in pairwise(starts)),
        )


def _check(text: object) -> None:
    if not isinstance(text, str):
        raise BenchError(f"expected captions as text, found {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BenchError(f"expected text that UTF-8 can hold, found {text[:40]!a}") from error


def _corpus(family: str, rows: Floats) -> Floats:
    """The metrics of a family from its rows [N, columns], NaN where unknown."""
    known = ~np.isnan(rows)
    both = np.concatenate([np.where(known, rows, 0), known], axis=1)
    sums = weighted_sums(np.ones((1, len(rows)), np.uint16), both)
    values: Floats = families.scores(family, *np.split(sums, 2, axis=1))[0]
    return values


def _key(caption: str) -> int:
    """64 bits of a caption's SHA-256."""
    return int.from_bytes(sha256(caption.encode()).digest()[:8], "big", signed=True)


def _numbers(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """[T] equal keys have equal numbers, counted from 0 in order of first occurrence."""
    _, first, sorted_number = np.unique(keys, return_index=True, return_inverse=True)
    numbers: NDArray[np.int64] = np.argsort(np.argsort(first))[sorted_number]
    return numbers
