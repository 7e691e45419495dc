"""The n-grams of a set of captions as integers, counted once for all metrics.

Captions of an image stand together, its candidate first, its references behind. The n-grams of an
order are sorted by n-gram and caption; whatever a metric asks (clipped matches, document
frequencies, dot products of a candidate with its references) are then sums over runs of rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.metrics.captions.tokens import Tokens

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """Candidates and references of N images, S captions in all.

    Attributes:
        words: the words of all captions behind one another, as numbers.
        lengths: [S] the number of words of each caption.
        image: [S] the image of each caption.
        is_candidate: [S] whether it is a candidate, the first caption of its image.
    """

    words: Integers
    lengths: Integers
    image: Integers
    is_candidate: NDArray[np.bool_]


class Counts(NamedTuple):
    """The n-grams of one order: a row for each n-gram that a caption holds.

    Attributes:
        gram, caption: [K] sorted by both.
        times: [K] how often the caption holds the n-gram.
        run: [K] which run of rows of the same n-gram and image a row belongs to.
        starts: the first row of each run: the candidate's where the candidate holds the n-gram.
    """

    gram: Integers
    caption: Integers
    times: Integers
    run: Integers
    starts: Integers


def corpus(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Corpus:
    """Number the words of candidates and references.

    Raises:
        BenchError: there is no image, or not one candidate and at least one reference for each.
    """
    check(candidates, references)
    captions = [
        caption
        for candidate, several in zip(candidates, references, strict=True)
        for caption in (candidate, *several)
    ]
    number: dict[str, int] = {}
    words = np.fromiter(
        (number.setdefault(word, len(number)) for caption in captions for word in caption), np.int64
    )
    lengths = np.fromiter(map(len, captions), np.int64, len(captions))
    sizes = np.fromiter((1 + len(several) for several in references), np.int64, len(references))
    is_candidate = np.zeros(len(captions), np.bool_)
    is_candidate[np.cumsum(sizes) - sizes] = True
    return Corpus(words, lengths, np.repeat(np.arange(len(sizes)), sizes), is_candidate)


def check(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> None:
    """Refuse captions that no metric is defined on.

    Raises:
        BenchError: there is no image, not one candidate and at least one reference for each, or a
            caption isn't tokenised.
    """
    if not len(candidates) or len(candidates) != len(references):
        raise BenchError(
            "expected one candidate and a sequence of references for each of one or more images, "
            f"found {len(candidates)} candidates and references of {len(references)} images"
        )
    for image, (candidate, several) in enumerate(zip(candidates, references, strict=True)):
        if not len(several):
            raise BenchError(
                f"expected at least one reference for every image, found none for image {image}",
                "leave out images without references before scoring",
            )
        if isinstance(candidate, str) or any(isinstance(caption, str) for caption in several):
            raise BenchError(
                f"expected captions as tuples of tokens, found text for image {image}",
                "bench.metrics.captions.tokens.tokenise makes tokens of text",
            )


def counted(captions: Corpus, orders: int = 4) -> Iterator[Counts]:
    """The n-grams of 1, 2, ... ``orders`` words in turn."""
    ends = np.repeat(np.cumsum(captions.lengths), captions.lengths)
    caption = np.repeat(np.arange(len(captions.lengths)), captions.lengths)
    vocabulary = int(captions.words.max(initial=0)) + 1
    place = np.arange(len(captions.words))
    gram = captions.words
    for order in range(1, orders + 1):
        if order > 1:
            inside = place + order <= ends[place]
            place = place[inside]
            gram = gram[inside] * vocabulary + captions.words[place + order - 1]
        by_gram = np.argsort(gram, kind="stable")  # and by caption, as the places are
        sorted_gram = gram[by_gram]
        number = np.cumsum(_changes(sorted_gram)) - 1
        gram = np.empty_like(number)
        gram[by_gram] = number
        holder = caption[place[by_gram]]
        rows = np.flatnonzero(_changes(number) | _changes(holder))
        times = np.diff(rows, append=len(number))
        number, holder = number[rows], holder[rows]
        new_run = _changes(number) | _changes(captions.image[holder])
        yield Counts(number, holder, times, np.cumsum(new_run) - 1, np.flatnonzero(new_run))


def _changes(values: Integers) -> NDArray[np.bool_]:
    """[K] whether a value differs from the one before it; the first does."""
    changed = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=changed[1:])
    return changed
