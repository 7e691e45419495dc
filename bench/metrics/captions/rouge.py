"""ROUGE of captions, in the two forms that papers call by one name.

`rouge_l` is the COCO caption evaluation's: recall counts 1.2 squared times as much as precision,
and both are the best over references, each for itself. `rouge_f` is that of the ``rouge_score``
package (github.com/google-research/google-research/tree/master/rouge, behind Hugging Face's
``evaluate``) without stemming: the plain F-measure, of the reference that gives the best, on tokens
of its own, `rouge_tokens`. Lin, "ROUGE: a package for automatic evaluation of summaries", 2004.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.metrics.captions.ngrams import check
from bench.metrics.captions.tokens import Tokens

Floats = NDArray[np.float64]

BETA = 1.2

_NOT_ALPHANUMERIC = re.compile("[^a-z0-9]+")


def rouge_l(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Floats:
    """ROUGE-L of every image as COCO counts it; the score of a test set is their mean.

    With P and R the largest over references of LCS / candidate length and LCS / reference length
    (not of the same reference, perhaps), F = (1 + b^2) P R / (R + b^2 P), b = 1.2; 0 where either
    is 0. A caption without tokens counts as one token of no letters, as it does there: it matches
    another such caption.

    Args:
        candidates: N captions, tokens of `tokens.tokenise`.
        references: for each image one or more captions.

    Returns:
        [N] float64, 0 to 1.

    Raises:
        BenchError: as `ngrams.check`.
    """
    check(candidates, references)
    precision, recall = np.empty((2, len(candidates)))
    for image, (candidate, several) in enumerate(zip(candidates, references, strict=True)):
        own = candidate or ("",)
        places = _places(own)
        others = [reference or ("",) for reference in several]
        common = [_common(places, len(own), other) for other in others]
        precision[image] = max(common) / len(own)
        recall[image] = max(n / len(other) for n, other in zip(common, others, strict=True))
    product = (1 + BETA**2) * precision * recall
    return _ratio(product, recall + BETA**2 * precision)


def rouge_tokens(caption: str) -> Tokens:
    """The tokens of ``rouge_score``: lower-case runs of a-z and 0-9, all else parts them."""
    return tuple(_NOT_ALPHANUMERIC.sub(" ", caption.lower()).split())


def rouge_f(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Floats:
    """ROUGE-1, ROUGE-2 and ROUGE-L of every image as ``rouge_score`` counts them.

    F = 2 P R / (P + R), of the words, the pairs of words and the longest common subsequence that
    candidate and reference share; of several references each score takes its largest. The score of
    a test set is the mean.

    Args:
        candidates: N captions, tokens of `rouge_tokens`.
        references: for each image one or more captions.

    Returns:
        [N, 3] float64, 0 to 1.

    Raises:
        BenchError: as `ngrams.check`.
    """
    check(candidates, references)
    scores = np.zeros((len(candidates), 3))
    for image, (candidate, several) in enumerate(zip(candidates, references, strict=True)):
        words, pairs, places = Counter(candidate), Counter(pairwise(candidate)), _places(candidate)
        for reference in several:
            own, other = len(candidate), len(reference)
            shared = (
                ((words & Counter(reference)).total(), own + other),
                ((pairs & Counter(pairwise(reference))).total(), own + other - 2),
                (_common(places, own, reference), own + other),
            )
            for column, (both, all_) in enumerate(shared):
                # P R / (P + R) is both / all of them; without a match there may be none at all.
                scores[image, column] = max(scores[image, column], both and 2 * both / all_)
    return scores


def _places(caption: Tokens) -> dict[str, int]:
    """For each word a number whose bits are set where the caption holds it."""
    places: dict[str, int] = {}
    for place, word in enumerate(caption):
        places[word] = places.get(word, 0) | 1 << place
    return places


def _common(places: Mapping[str, int], length: int, other: Tokens) -> int:
    """The length of the longest common subsequence of a caption of known places and another.

    Hyyrö, "Bit-parallel LCS-length computation revisited", AWOCA 2004: a row of the usual table is
    one number, its zero bits the places where the row rises.
    """
    full = (1 << length) - 1
    row = full
    for word in other:
        matched = row & places.get(word, 0)
        if matched:
            row = (row + matched | row - matched) & full
    return length - row.bit_count()


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=part > 0)
