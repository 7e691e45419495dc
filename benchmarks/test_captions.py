"""Caption metrics beside the implementation whose numbers they reproduce."""

import time

import numpy as np
import pytest

from bench.metrics.captions.cider import cider_d
from bench.metrics.captions.tokens import tokenise, tokens_of

IMAGES, REFERENCES = 10_000, 5


def captions(count):
    """Captions of 6 to 16 words, as common as words are in text."""
    rng = np.random.default_rng(0)
    words = np.array([f"w{chr(97 + i // 26 % 26)}{chr(97 + i % 26)}" for i in range(600)])
    share = 1 / np.arange(1, len(words) + 1)
    drawn = words[rng.choice(len(words), (count, 16), p=share / share.sum())]
    lengths = rng.integers(6, 17, count)
    return [tuple(row[:length].tolist()) for row, length in zip(drawn, lengths, strict=True)]


def test_cider_d(benchmark):
    cider = pytest.importorskip("pycocoevalcap.cider.cider").Cider()
    drawn = captions(IMAGES * (1 + REFERENCES))
    candidates = drawn[:IMAGES]
    references = [drawn[i : i + REFERENCES] for i in range(IMAGES, len(drawn), REFERENCES)]
    truth = {i: list(map(" ".join, several)) for i, several in enumerate(references)}
    said = {i: [" ".join(candidate)] for i, candidate in enumerate(candidates)}
    start = time.perf_counter()
    _, expected = cider.compute_score(truth, said)
    seconds = time.perf_counter() - start
    found = benchmark.pedantic(cider_d, args=(candidates, references), rounds=3)
    benchmark.extra_info.update(
        name=f"CIDEr-D of {IMAGES:,} captions x {REFERENCES} references",
        peer="pycocoevalcap",
        ratio=round(seconds / benchmark.stats.stats.min, 2),
        target=7,
        limit="sorting the n-grams of all captions, order by order",
    )
    assert np.abs(found - expected).max() < 1e-12


def test_tokenising(benchmark):
    plain = [" ".join(caption).capitalize() for caption in captions(100_000)]
    # One caption in five isn't plain words; of the datasets' captions it is one in twenty-five.
    endings = (".", " .", "", " .", ".", " .", ".", "", ", isn't it?", " - 2-storey houses (red).")
    texts = [text + endings[i % len(endings)] for i, text in enumerate(plain)]

    def setup():
        tokens_of.cache_clear()
        return (texts,), {}

    found = benchmark.pedantic(tokenise, setup=setup, rounds=2)
    benchmark.extra_info.update(
        name="tokenising 100,000 captions",
        value=f"{benchmark.stats.stats.min:.2f} s",
        target="5 s",
        limit="trying the rules at every word that isn't plain",
    )
    assert len(found) == len(texts)
    assert found[8][-3:] == ("is", "n't", "it")
