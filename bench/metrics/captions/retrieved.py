"""How well the words of what was found first fit, in a form that resamples.

Text to image: the query is scored against the captions of the first pair found. Image to text: the
first caption found is scored against those of the query. Both directions count alike, as in Roy,
Bong and Beltrame, "Finding Change in Satellite Archives from Text", arXiv 2607.28571, whose METEOR
is left out: it takes Java minutes. ``bench.metrics.caption_retrieval.caption_similarity`` is the
same of a whole set.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.metrics.captions.bleu import bleu, bleu_statistics
from bench.metrics.captions.rouge import rouge_l
from bench.metrics.captions.tokens import Tokens, tokenise
from bench.metrics.embeddings import Indices

Floats = NDArray[np.float64]

_BLEU = 10
_COLUMNS = _BLEU + 2


def word_statistics(
    captions: Sequence[str], owner: Indices, found_pairs: Indices, found_captions: Indices
) -> Floats:
    """Counts of each pair's queries, which add up.

    Args:
        captions: T captions.
        owner: [T] whose they are, ascending from 0 to N - 1.
        found_pairs: [T] the first pair found for each caption.
        found_captions: [N] the first caption found for each pair.

    Returns:
        [N, 2, 12] for text to image and image to text: ten counts of BLEU, the sum of ROUGE-L, and
        the number of queries.
    """
    tokens = tokenise(captions)
    ends = np.searchsorted(owner, np.arange(len(found_captions) + 1))
    of_pair = [tokens[start:end] for start, end in pairwise(ends.tolist())]
    rows = np.zeros((len(of_pair), 2, _COLUMNS))
    forward = _counts(tokens, [of_pair[pair] for pair in found_pairs.tolist()])
    np.add.at(rows[:, 0], owner, forward)
    rows[:, 1] = _counts([tokens[one] for one in found_captions.tolist()], of_pair)
    return rows


def _counts(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Floats:
    rows = np.ones((len(candidates), _COLUMNS))
    rows[:, :_BLEU] = bleu_statistics(candidates, references)
    rows[:, _BLEU] = rouge_l(candidates, references)
    return rows


def word_scores(sums: Floats) -> dict[str, Floats]:
    """BLEU-1, BLEU-4 and ROUGE-L [B], mean of both directions; NaN without queries.

    Args:
        sums: [B, 24] sums of rows of `word_statistics`.
    """
    both = sums.reshape(-1, 2, _COLUMNS)
    with np.errstate(invalid="ignore", divide="ignore"):
        rouge = both[..., _BLEU] / both[..., -1]
        of_words = np.where(both[..., -1:] > 0, bleu(both[..., :_BLEU]), np.nan)
    return {
        "bleu1": of_words[..., 0].mean(axis=1),
        "bleu4": of_words[..., 3].mean(axis=1),
        "rouge_l": rouge.mean(axis=1),
    }
