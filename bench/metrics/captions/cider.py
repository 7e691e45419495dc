"""CIDEr-D, the consensus of a candidate with its references.

Vedantam, Zitnick, Parikh, "CIDEr: consensus-based image description evaluation", CVPR 2015, as the
COCO caption evaluation computes it under the name CIDEr: clipped, with a penalty on length, without
stemming.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.metrics.captions.ngrams import Corpus, Counts, corpus, counted
from bench.metrics.captions.tokens import Tokens

SIGMA = 6.0
"""The width of the length penalty, in bigrams."""

_ORDERS = 4

Floats = NDArray[np.float64]


def cider_d(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Floats:
    """CIDEr-D of every image; the score of a test set is their mean.

    An n-gram weighs its count times ln(N / images with it in a reference). For every order n = 1..4
    and every reference the clipped cosine sum_g min(h_g, r_g) r_g / (|h| |r|) is multiplied by
    exp(-(l_h - l_r)^2 / (2 6^2)), l being the number of bigrams; the score is ten times the mean
    over orders and references.

    Document frequencies are those of the set that is passed. A score belongs to this set: of one
    image alone it is 0. For an interval the values are computed once, of the full set, and left out
    as they are; frequencies aren't counted anew without an image.

    Args:
        candidates: N tokenised captions.
        references: for each image one or more tokenised captions.

    Returns:
        [N] float64, 0 to 10.

    Raises:
        BenchError: as `ngrams.corpus`.
    """
    captions = corpus(candidates, references)
    own = captions.is_candidate
    bigrams = np.maximum(captions.lengths - 1, 0)
    apart = bigrams - bigrams[own][captions.image]
    cosines = np.zeros(len(own))
    for counts in counted(captions, _ORDERS):
        cosines += _cosines(captions, counts)
    similarity = cosines * np.exp(-(apart**2) / (2 * SIGMA**2)) / _ORDERS
    totals = np.bincount(captions.image[~own], similarity[~own], minlength=len(candidates))
    return 10 * totals / np.bincount(captions.image[~own], minlength=len(candidates))


def _cosines(captions: Corpus, counts: Counts) -> Floats:
    """[S] the clipped cosine of each caption with its image's candidate, of one order."""
    gram, caption, times, run, starts = counts
    own = captions.is_candidate
    is_reference = ~own[caption]
    # Of a run, the candidate's row comes first where there is one: references are the others.
    in_references = np.diff(starts, append=len(gram)) > own[caption[starts]]
    frequency = np.bincount(gram[starts[in_references]], minlength=gram[-1] + 1 if len(gram) else 0)
    rarity = np.log(float(own.sum())) - np.log(np.maximum(frequency, 1))
    weight = times * rarity[gram]
    norm = np.sqrt(np.bincount(caption, weight**2, minlength=len(own)))
    candidate = np.where(own[caption[starts]], weight[starts], 0)[run]
    product = np.where(is_reference, np.minimum(candidate, weight) * weight, 0)
    dots = np.bincount(caption, product, minlength=len(own))
    norms = norm * norm[own][captions.image]
    cosines: Floats = np.divide(dots, norms, out=np.zeros(len(own)), where=norms > 0)
    return cosines
