"""BLEU of one to four words: a row of counts for each image, and the score of their sum.

Papineni et al., "BLEU: a method for automatic evaluation of machine translation", ACL 2002, in the
form of the COCO caption evaluation: counts are pooled over images, the reference length is the one
closest to the candidate's (the shorter of two as close), and two constants keep quotients finite.
The mean of the images' scores is another quantity.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.metrics.captions.ngrams import Integers, corpus, counted
from bench.metrics.captions.tokens import Tokens

COLUMNS = ("matches 1-4", "n-grams 1-4", "candidate length", "closest reference length")
"""What the ten numbers of an image are."""

_TINY, _SMALL = 1e-15, 1e-9


def bleu_statistics(
    candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> Integers:
    """The counts that BLEU is made of, one row for each image.

    Args:
        candidates: N tokenised captions.
        references: for each image one or more tokenised captions.

    Returns:
        [N, 10] int64: for n = 1..4 the n-grams of the candidate that occur in a reference, each
        counted at most as often as in the reference that holds it most; for n = 1..4 its n-grams;
        its length; the closest reference length. Rows add up.

    Raises:
        BenchError: as `ngrams.corpus`.
    """
    captions = corpus(candidates, references)
    rows = np.empty((len(candidates), 10), np.int64)
    lengths = captions.lengths[captions.is_candidate]
    for order, (_, caption, times, run, starts) in enumerate(counted(captions)):
        own = captions.is_candidate[caption]
        held = np.where(own, 0, times)
        most = np.maximum.reduceat(held, starts) if len(starts) else held
        matches = np.minimum(times[own], most[run[own]])
        image = captions.image[caption[own]]
        rows[:, order] = np.bincount(image, matches, minlength=len(rows))
        rows[:, 4 + order] = np.maximum(lengths - order, 0)
    rows[:, 8] = lengths
    # Twice the distance, and one more for the longer of two lengths as close.
    longer = captions.lengths - lengths[captions.image]
    distance = 2 * np.abs(longer) + (longer > 0)
    distance[captions.is_candidate] = np.iinfo(np.int64).max
    nearest = np.minimum.reduceat(distance, np.flatnonzero(captions.is_candidate))
    rows[:, 9] = lengths + np.where(nearest % 2, 1, -1) * (nearest // 2)
    return rows


def bleu(sums: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """BLEU-1 to BLEU-4 of summed counts; 0 to 1.

    With p_n = (matches_n + 1e-15) / (n-grams_n + 1e-9) and r = (candidate length + 1e-15) /
    (reference length + 1e-9), BLEU-k = (p_1 ... p_k)^(1/k), times exp(1 - 1/r) where r < 1.

    Args:
        sums: [..., 10] sums of rows of `bleu_statistics`, weighted ones too.

    Returns:
        [..., 4] float64.

    Raises:
        BenchError: the last axis isn't of ten numbers.
    """
    if not sums.ndim or sums.shape[-1] != 10:
        raise BenchError(f"expected ten counts ({', '.join(COLUMNS)}), found shape {sums.shape}")
    precisions = (sums[..., :4] + _TINY) / (sums[..., 4:8] + _SMALL)
    scores: NDArray[np.float64] = np.cumprod(precisions, axis=-1) ** (1 / np.arange(1, 5))
    ratio = (sums[..., 8] + _TINY) / (sums[..., 9] + _SMALL)
    with np.errstate(divide="ignore"):
        penalty = np.exp(1 - 1 / np.minimum(ratio, 1))
    return scores * penalty[..., None]
