"""Tokenisation of captions as the COCO caption evaluation does it, without Java.

``pycocoevalcap`` (github.com/salaniz/pycocoevalcap, after github.com/tylin/coco-caption) runs
Stanford's ``PTBTokenizer`` 3.4.1 with ``-preserveLines -lowerCase`` and deletes seventeen
punctuation tokens. `bench.metrics.captions.ptb` says what that program does to a caption; this
module deletes, remembers, and goes the short way where a caption is plain words.

A line break of any kind within a caption is a space here. The program would start another caption
at a carriage return, and with it shift all captions that follow.

What the program joins by no-break spaces (``1 1/2``, tags with attributes) is several tokens here,
as BLEU and CIDEr-D of ``pycocoevalcap`` take it; its ROUGE-L takes it for one.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from bench.base.errors import BenchError
from bench.metrics.captions import ptb

Tokens = tuple[str, ...]

MAX_CHARACTERS = 100_000
"""A longer text is no caption."""

_BRACKETS = ("-LRB-", "-RRB-", "-LCB-", "-RCB-")
PUNCTUATION = frozenset(("''", "'", "``", "`", *_BRACKETS, *".?!,:-;", "--", "..."))
"""The tokens that are deleted. Brackets never are: they have become lower case by then."""

_PLAIN = re.compile(r"[A-Za-z ,]*\.? *")
_APART = str.maketrans(",.", "  ")
_CACHED = 1 << 17


def tokenise(captions: Iterable[str]) -> list[Tokens]:
    """The tokens of each caption, lower case and without punctuation; () where none is left.

    Raises:
        BenchError: a caption is longer than ``MAX_CHARACTERS``.
    """
    return list(map(tokens_of, captions))


@lru_cache(_CACHED)
def tokens_of(caption: str) -> Tokens:
    """The tokens of one caption, as `tokenise`."""
    if len(caption) > MAX_CHARACTERS:
        raise BenchError(
            f"expected captions of at most {MAX_CHARACTERS} characters, found {len(caption)}",
            "is this one caption, or a whole file?",
        )
    if _PLAIN.fullmatch(caption):
        words = caption.lower().translate(_APART).split()
        # A single letter may own the full stop behind it, and so may an abbreviation.
        if (not words or len(words[-1]) > 1) and ptb.EXCEPTIONS.isdisjoint(words):
            return tuple(words)
    tokens = " ".join(ptb.lex(caption)).lower().split()
    return tuple(token for token in tokens if token not in PUNCTUATION)
