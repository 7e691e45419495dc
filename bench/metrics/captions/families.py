"""Families of caption metrics: rows of numbers for each image, and scores of their sums.

Every metric of a family follows from weighted sums of the family's rows, so that scores of
some of the images need no captions. BLEU and METEOR are functions of the sums, all others are
means. The document frequencies behind CIDEr-D's rows are those of the set that is passed.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.metrics.captions import external
from bench.metrics.captions.bleu import bleu, bleu_statistics
from bench.metrics.captions.cider import cider_d
from bench.metrics.captions.external import Computed
from bench.metrics.captions.rouge import rouge_f, rouge_l, rouge_tokens
from bench.metrics.captions.tokens import Tokens, tokenise

Floats = NDArray[np.float64]

Texts = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]
"""One candidate for each image, and for each one or more references, as they were written."""

METRICS: dict[str, tuple[str, ...]] = {
    "bleu": ("bleu1", "bleu2", "bleu3", "bleu4"),
    "rouge_l": ("rouge_l",),
    "cider": ("cider",),
    "meteor": ("meteor",),
    "spice": ("spice",),
    "rouge_f": ("rouge_1", "rouge_2", "rouge_l_f"),
}
"""The metrics of each family; ``rouge_f`` is ROUGE as the ``rouge_score`` package counts it."""

_Tokenise = Callable[[Sequence[str]], list[Tokens]]


class _Program(NamedTuple):
    run: Callable[[list[Tokens], list[list[Tokens]]], Computed]
    columns: int


_COUNTS: dict[str, Callable[[list[Tokens], list[list[Tokens]]], NDArray[Any]]] = {
    "bleu": bleu_statistics,
    "rouge_l": rouge_l,
    "cider": cider_d,
    "rouge_f": rouge_f,
}
_PROGRAMS = {
    "meteor": _Program(external.meteor_statistics, 23),
    "spice": _Program(external.spice, 1),
}


def rows(family: str, texts: Texts) -> Floats:
    """What a family is made of, [N, columns]; NaN where it isn't known or could not be computed.

    Raises:
        BenchError: there is no image, an image without reference, or a text far too long.
    """
    candidates = len(texts[0])
    if family in _PROGRAMS:
        values = _by_java(family, texts).values
        shape = candidates, _PROGRAMS[family].columns
        return np.full(shape, np.nan) if values is None else values.reshape(shape)
    tokens = _tokens(texts, _rouge_tokens if family == "rouge_f" else tokenise)
    counted: Floats = _COUNTS[family](*tokens).reshape(candidates, -1).astype(np.float64)
    return counted


def scores(family: str, sums: Floats, known: Floats) -> Floats:
    """The metrics of a family, [B, metrics]; NaN where nothing is known.

    Args:
        family: a key of `METRICS`.
        sums: [B, columns] weighted sums of rows, what isn't known left out.
        known: [B, columns] the weight of the rows that are in the sums.
    """
    if family == "bleu":
        return bleu(sums)
    if family == "meteor":
        return np.where(known[:, :1] > 0, external.meteor(sums)[:, None], np.nan)
    means: Floats = np.divide(sums, known, out=np.full(sums.shape, np.nan), where=known > 0)
    return means


def reason(family: str, texts: Texts) -> str:
    """Why a family could not be computed; empty where it was."""
    return _by_java(family, texts).reason if family in _PROGRAMS else ""


@lru_cache(maxsize=2 * len(_PROGRAMS))
def _by_java(family: str, texts: Texts) -> Computed:
    """Rows of a Java program; kept, since it takes longer than all the rest."""
    return _PROGRAMS[family].run(*_tokens(texts, tokenise))


def _tokens(texts: Texts, tokens_of: _Tokenise) -> tuple[list[Tokens], list[list[Tokens]]]:
    candidates, references = texts
    return tokens_of(candidates), [tokens_of(several) for several in references]


def _rouge_tokens(captions: Sequence[str]) -> list[Tokens]:
    return list(map(rouge_tokens, captions))
