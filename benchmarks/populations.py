"""Made-up populations of observations, whose score on infinitely many samples is known.

A population is a table of many settled observations of a kind, from which samples are drawn with
replacement: its score is what the interval of a sample should hold. None of them was used to choose
how intervals are made.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats as distributions

Floats = NDArray[np.float64]
Make = Callable[[np.random.Generator, int], pa.Table]

MANY = 100_000
"""Observations of a population."""


@dataclass(frozen=True)
class Scenario:
    """What is simulated.

    Attributes:
        kind: its name.
        task: whose kind scores.
        metric: with its average.
        name: what is special.
        make: the population, or with ``whole`` a sample, for samples of so many observations.
        per: observations of a tile; tiles are drawn. 0 where samples are independent.
        tiles: how many are drawn, instead of the sizes that are asked for.
        largest: samples of more observations aren't drawn.
        whole: samples are made anew as a whole, because what is observed of one depends on the
            others, as ranks do on the gallery.
    """

    kind: str
    task: str
    metric: str
    name: str
    make: Make
    per: int = 0
    tiles: tuple[int, ...] = ()
    largest: int = 10_000
    whole: bool = False

    def generator(self, *more: int) -> np.random.Generator:
        """Random numbers of this scenario alone."""
        return np.random.default_rng((zlib.crc32(f"{self.metric} {self.name}".encode()), *more))


def lists(values: NDArray[np.generic]) -> pa.Array:
    """Rows [N, ...] as fixed-size lists."""
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1])


def uneven(values: NDArray[np.generic]) -> pa.Array:
    """Rows [N, ...] as lists of free length."""
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    ends = np.arange(len(flat) + 1, dtype=np.int32) * flat.shape[1]
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(flat.ravel()))


# Multi-label classification, zero-shot classification, federated classification


def scores_of(
    rng: np.random.Generator,
    labels: NDArray[np.bool_],
    family: str,
    separation: Floats,
    images: float = 0.0,
) -> Floats:
    """Scores [N, C] of labels; ``images`` is how much images differ in offset and in noise."""
    count = labels.shape[0]
    shape = labels.shape
    noise = {
        "normal": lambda: rng.standard_normal(shape),
        "heavy": lambda: rng.standard_t(3, shape),
        "skewed": lambda: rng.gamma(1.5, 1.0, shape) * (1 + separation * labels),
        "steps": lambda: rng.standard_normal(shape),
    }[family]()
    loud = np.exp(images * rng.standard_normal((count, 1)))
    offset = images * rng.standard_normal((count, 1))
    shift = 0 if family == "skewed" else separation * labels
    found: Floats = noise * loud + shift + offset
    return np.round(2 * found) / 2 if family == "steps" else found


def prevalences(rng: np.random.Generator, low: float, high: float, classes: int) -> Floats:
    """[C], evenly spread on a logarithmic scale."""
    found: Floats = np.exp(np.linspace(np.log(low), np.log(high), classes))
    return rng.permutation(found)


def labelled(
    low: float, high: float, family: str, classes: int = 6, images: float = 0.0
) -> Callable[[np.random.Generator], tuple[NDArray[np.bool_], Floats]]:
    """Labels and scores of `MANY` images; prevalences are spread between two bounds."""

    def make(rng: np.random.Generator) -> tuple[NDArray[np.bool_], Floats]:
        often = prevalences(rng, low, high, classes)
        labels = rng.random((MANY, classes)) < often
        separation = rng.uniform(0.4, 2.4, classes)
        return labels, scores_of(rng, labels, family, separation, images)

    return make


def in_tiles(
    icc: float, per: int, low: float = 0.06, high: float = 0.45, classes: int = 6
) -> Callable[[np.random.Generator], tuple[NDArray[np.bool_], Floats]]:
    """Labels and scores of images whose tiles have classes and offsets of their own."""

    def make(rng: np.random.Generator) -> tuple[NDArray[np.bool_], Floats]:
        tiles = MANY // per
        often = prevalences(rng, low, high, classes)
        of_tile = np.repeat(rng.standard_normal((2, tiles, classes)), per, axis=1)
        odds = np.log(often / (1 - often)) + 2 * np.sqrt(icc) * of_tile[0]
        labels = rng.random(odds.shape) < 1 / (1 + np.exp(-odds))
        own = np.sqrt(1 - icc) * rng.standard_normal(odds.shape)
        separation = rng.uniform(0.4, 2.4, classes)
        return labels, separation * labels + np.sqrt(icc) * of_tile[1] + own

    return make


def _with_absent(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """[N, C] and classes that don't occur, of 19 in all."""
    return np.pad(values, ((0, 0), (0, 19 - values.shape[1])))


def multilabel(
    source: Callable[[np.random.Generator], tuple[NDArray[np.bool_], Floats]],
) -> Make:
    """Observations of multi-label classification into 19 classes, of which some don't occur."""

    def make(rng: np.random.Generator, size: int) -> pa.Table:
        labels, scores = map(_with_absent, source(rng))
        columns = {"targets": labels.astype(np.uint8), "logits": scores.astype(np.float32)}
        return pa.table({name: lists(values) for name, values in columns.items()})

    return make


def similar(
    source: Callable[[np.random.Generator], tuple[NDArray[np.bool_], Floats]], sets: int
) -> Make:
    """Observations of zero-shot classification, under the first set of prompts only."""

    def make(rng: np.random.Generator, size: int) -> pa.Table:
        labels, scores = source(rng)
        if sets == 4:
            labels, scores = _with_absent(labels), _with_absent(scores)
        similarities = np.full((len(labels), sets, labels.shape[1]), np.nan)
        similarities[:, 0] = scores
        columns = {"targets": labels.astype(np.uint8), "similarities": similarities}
        return pa.table({name: lists(values) for name, values in columns.items()})

    return make


def one_of_ten(
    lead: float, images: float, decay: float = 1.0
) -> Callable[[np.random.Generator], tuple[NDArray[np.bool_], Floats]]:
    """Pictures of one of ten classes, of which each is ``decay`` as frequent as the one before."""

    def make(rng: np.random.Generator) -> tuple[NDArray[np.bool_], Floats]:
        often = decay ** np.arange(10)
        labels = np.eye(10, dtype=np.bool_)[rng.choice(10, MANY, p=often / often.sum())]
        gain = lead + images * rng.standard_normal((MANY, 1)) + rng.normal(0, images, 10)
        return labels, gain * labels + rng.standard_normal((MANY, 10))

    return make


def federated(low: float, high: float, separation: float) -> Make:
    """Observations of federated classification into 19 classes, of one round."""

    def make(rng: np.random.Generator, size: int) -> pa.Table:
        labels, scores = labelled(low, high, "normal", 19, 0.3)(rng)
        often = labels.mean(axis=0)
        logits = separation * (scores - 1) + np.log(often / (1 - often))
        columns = {
            "client": pa.array(["client"] * MANY),
            "targets": lists(labels.astype(np.uint8)),
            "logits": lists(logits.astype(np.float32)),
            "decisions": uneven(np.packbits(logits >= 0, axis=1)),
        }
        return pa.table(columns)

    return make


# Segmentation and crop mapping


def confusions(
    classes: int, present: int, decay: float, images: float, always: bool = False
) -> Make:
    """Confusion matrices of maps of 10,000 pixels.

    Args:
        classes: C.
        present: how many of them a map shows.
        decay: how frequent a class is, as a share of the one before.
        images: how much images differ in the share of pixels that is right, 0 to 1.
        always: the first class is on every map.
    """

    def make(rng: np.random.Generator, size: int) -> pa.Table:
        many = MANY // 4
        often = decay ** np.arange(classes)
        right = rng.uniform(0.3, 0.95, classes)
        taken_for = rng.dirichlet(np.full(classes, 0.5), classes)
        lots = rng.gumbel(size=(many, classes)) + np.log(often)
        if always:
            lots[:, 0] = np.inf
        there = lots >= np.sort(lots, axis=1)[:, [-present]]
        pixels = there * rng.gamma(1.0, 1.0, (many, classes))
        pixels *= 10_000 / pixels.sum(axis=1, keepdims=True)
        sharp = 1 / images
        hits = pixels * rng.beta(sharp * right, sharp * (1 - right), (many, classes))
        cells = np.empty((many, classes, classes), np.int32)
        for true in range(classes):
            mixed = taken_for[true] * rng.gamma(1.0, 1.0, (many, classes))
            mixed[:, true] = 0
            mixed /= mixed.sum(axis=1, keepdims=True)
            cells[:, true] = np.rint((pixels[:, true] - hits[:, true])[:, None] * mixed)
            cells[:, true, true] = np.rint(hits[:, true])
        return pa.table({"confusion": lists(cells)})

    return make


# Depth


def depths(spread: float, *, even: bool = False, offset: float = 0.0) -> Make:
    """Sums of errors of images whose error is log-normal: the spread of its logarithm is given."""

    def make(rng: np.random.Generator, size: int) -> pa.Table:
        pixels = np.full(MANY, 200) if even else rng.integers(20, 400, MANY)
        error = np.exp(spread * rng.standard_normal(MANY))
        moved = offset * error * rng.standard_normal(MANY)
        sums = np.zeros((MANY, 6, 6))
        sums[:, 0, 0] = pixels
        squares = error**2 * rng.chisquare(12, MANY) / 12
        sums[:, 0, 1] = pixels * moved
        sums[:, 0, 3] = pixels * (moved**2 + squares)
        return pa.table({"sums": lists(sums), "largest": lists(np.zeros((MANY, 6)))})

    return make


# Retrieval


def ranks(ahead: float, pictures: float) -> Make:
    """Ranks in a gallery of the size of the sample: of five captions a picture, and of the picture.

    Args:
        ahead: by how many standard deviations what belongs together is more similar.
        pictures: how much that differs between pictures.
    """

    def make(rng: np.random.Generator, size: int) -> pa.Table:
        own = ahead + pictures * rng.standard_normal((MANY, 1))
        beaten = distributions.norm.sf(own + rng.standard_normal((MANY, 6)))
        found = 1 + rng.binomial(size - 1, beaten)
        return settled(found[:, 0], found[:, 1:])

    return make


def settled(of_pictures: NDArray[np.int64], of_captions: NDArray[np.int64]) -> pa.Table:
    """What retrieval is scored by: ranks [N] of pictures and [N, captions] of captions."""
    return pa.table(
        {
            "asked": pa.array(np.ones(len(of_pictures), np.bool_)),
            "i2t": lists(np.repeat(of_pictures[:, None], 3, axis=1)),
            "t2i": uneven(np.repeat(of_captions[..., None], 3, axis=2)),
            "share": uneven(np.ones(of_captions.shape)),
        }
    )


def one_gallery(noise: float, width: int = 12) -> Make:
    """Embeddings of pictures and of two captions each: all queries search the same gallery."""

    def make(rng: np.random.Generator, size: int) -> pa.Table:
        pictures = rng.standard_normal((size, width))
        captions = pictures[:, None] + noise * rng.standard_normal((size, 2, width))
        names = np.char.add("c", np.arange(2 * size).astype(str)).reshape(size, 2)
        return pa.table(
            {
                "sample": [f"s{index}" for index in range(size)],
                "image": uneven(pictures.astype(np.float32)),
                "texts": uneven(captions.astype(np.float32)),
                "captions": names.tolist(),
            }
        )

    return make


# Captioning


def captions(family: str) -> Make:
    """CIDEr-D of captions; ``mixed``: many have no phrase in common with what people said."""

    def make(rng: np.random.Generator, size: int) -> pa.Table:
        values = {
            "mixed": lambda: np.where(rng.random(MANY) < 0.4, 0, rng.gamma(0.8, 1.5, MANY)),
            "one kind": lambda: rng.gamma(9.0, 0.15, MANY),
            "rare hits": lambda: np.where(rng.random(MANY) < 0.85, 0, rng.gamma(2, 1.5, MANY)),
        }[family]()
        return pa.table({"cider": lists(np.minimum(values, 10.0)[:, None])})

    return make


def rated_in_tiles(icc: float, per: int) -> Make:
    """Values of which a share of the variance is that of tiles."""

    def make(rng: np.random.Generator, size: int) -> pa.Table:
        of_tile = np.repeat(rng.standard_normal(MANY // per), per)
        own = rng.standard_normal(len(of_tile))
        values = 4 + np.sqrt(icc) * of_tile + np.sqrt(1 - icc) * own
        return pa.table({"cider": lists(values[:, None])})

    return make


_WORDS = [f"w{index}" for index in range(300)]


def sentences(rng: np.random.Generator, size: int) -> pa.Table:
    """Sentences about pictures of twelve themes, from words of which few are frequent."""
    often = 1 / np.arange(1, len(_WORDS) + 1)

    def phrases(theme: int, many: int) -> list[str]:
        words = np.roll(often, 23 * theme) + 0.3 * often
        lengths = rng.integers(6, 12, many)
        drawn = rng.choice(len(_WORDS), (many, 12), p=words / words.sum())
        return [" ".join(_WORDS[w] for w in row[:n]) for row, n in zip(drawn, lengths, strict=True)]

    rows = [phrases(int(theme), 5) for theme in rng.integers(0, 12, size)]
    return pa.table(
        {
            "sample": [f"s{index}" for index in range(size)],
            "hypothesis": [row[0] for row in rows],
            "references": [row[1:] for row in rows],
        }
    )


# Compression


def coded(spread: float, smooth: float) -> Make:
    """Five rate points of images of two channels.

    Args:
        spread: how much images differ, in dB.
        smooth: the share of images, such as water, that are coded 15 dB better.
    """

    def make(rng: np.random.Generator, size: int) -> pa.Table:
        many, pixels = MANY // 2, 128 * 128
        rate = np.array([0.25, 0.45, 0.7, 1.0, 1.4])
        busy = rng.standard_normal((many, 1))
        calm = rng.random((many, 1)) < smooth
        bits = rate * np.exp(0.15 * busy + 0.05 * rng.standard_normal((many, 5)) - 0.4 * calm)
        quality = 34 + 9 * np.log2(1 + rate) - spread * busy + 15 * calm
        quality = quality + 0.3 * rng.standard_normal((many, 5))
        squared = np.zeros((many, 5, 4, 2))
        squared[:, :, 0] = (pixels * 10 ** (-quality / 10))[..., None]
        areas = np.zeros((many, 5, 4))
        columns = {
            "channels": pa.array(np.full(many, 2, np.int32)),
            "pixels": uneven(np.tile([pixels, 0, 0, 0], (many, 1))),
            "bytes": uneven(np.rint(bits * pixels * 2 / 8).astype(np.int64)),
            "latents": uneven(np.zeros((many, 5), np.int64)),
            "squared_error": uneven(squared),
            "largest": uneven(areas),
            "angle": uneven(areas),
            "ssim": uneven(areas[:, :, 0]),
        }
        names = pa.array([[f"q{index}" for index in range(5)]])
        columns["points"] = names.take(pa.array(np.zeros(many, np.int64)))
        return pa.table(columns)

    return make


# Consistency


def deviations(spread: float, changed: float) -> Make:
    """Deviations of two dates under two magnitudes.

    Args:
        spread: of the logarithm of what a location deviates from itself.
        changed: the share of locations that have changed a lot between the dates.
    """

    def make(rng: np.random.Generator, size: int) -> pa.Table:
        many, pixels = MANY // 2, 3_600
        own = np.exp(spread * rng.standard_normal((many, 1)))
        own = own * np.where(rng.random((many, 1)) < changed, 8.0, 1.0)
        dates = own * np.exp(0.2 * rng.standard_normal((many, 2)))
        added = np.array([0.1, 0.5]) * np.exp(0.3 * rng.standard_normal((many, 2, 2)))
        augmented = np.sqrt(dates[..., None] ** 2 + added**2)
        sums = np.concatenate([dates[..., None], augmented], axis=2) * pixels
        spread_out = np.repeat(sums[..., None], 5, axis=3)
        squares = np.repeat((pixels * dates**2)[..., None], 5, axis=2)
        day = np.datetime64("2020-05-01")
        return pa.table(
            {
                "points": pa.array([["weak", "strong"]]).take(pa.array(np.zeros(many, np.int64))),
                "dates": uneven(np.tile([day, day + 30], (many, 1))),
                "areas": uneven(np.full((many, 2), -1, np.int16)),
                "pixels": uneven(np.full((many, 2), pixels, np.int64)),
                "deviations": uneven(spread_out),
                "squares": uneven(squares),
            }
        )

    return make


def _several(*scenarios: tuple[str, str, str, str, Make]) -> list[Scenario]:
    return [Scenario(*one) for one in scenarios]


_MLC = ("multilabel", "reben-mlc", "ap_macro")
_SEABED = ("segmentation", "magicbathy-seabed-agia-napa", "iou_macro")
_CROPS = ("crops", "pastis-crop-mapping", "iou_macro")
_DEPTH = ("depth", "magicbathy-bathymetry-agia-napa", "rmse_pixels")
_FOUND = ("retrieval", "rsicd-retrieval", "recall_mean")
_SHOT = ("zeroshot", "eurosat-zeroshot", "accuracy_micro")
_SHOTS = ("zeroshot", "reben-zeroshot", "ap_macro")
_SAID = ("captioning", "levir-cc-captioning", "cider_corpus")
_CODEC = ("compression", "s2-compression", "psnr_curve")
_SERIES = ("consistency", "augmentation-consistency", "ratio_l1")
_CLIENTS = ("federated", "reben-federated", "f1_weighted")

SCENARIOS = [
    *_several(
        (*_MLC, "normal scores, prevalence 0.05 to 0.5", multilabel(labelled(0.05, 0.5, "normal"))),
        (*_MLC, "tied scores, prevalence 0.03 to 0.4", multilabel(labelled(0.03, 0.4, "steps"))),
        (*_MLC, "heavy tails, prevalence 0.003 to 0.1", multilabel(labelled(0.003, 0.1, "heavy"))),
        (
            *_MLC,
            "skewed scores, images differ, prevalence 0.02 to 0.6",
            multilabel(labelled(0.02, 0.6, "skewed", images=0.5)),
        ),
        (*_SEABED, "3 of 4 classes on a map", confusions(4, 3, 0.8, 0.15)),
        (*_SEABED, "2 of 4 classes, one rare, images differ", confusions(4, 2, 0.35, 0.5)),
        (*_CROPS, "6 of 19 classes on a map", confusions(19, 6, 0.95, 0.2)),
        (*_CROPS, "background and 3 of 18 crops, some rare", confusions(19, 4, 0.8, 0.3, True)),
        (*_DEPTH, "images alike (sd of log error 0.3)", depths(0.3, even=True)),
        (*_DEPTH, "images differ (0.5), offsets", depths(0.5, offset=0.7)),
        (*_DEPTH, "images differ much (0.8)", depths(0.8)),
        (*_FOUND, "independent ranks, strong model", ranks(3.0, 0.7)),
        (*_FOUND, "independent ranks, weak model", ranks(1.2, 0.5)),
        (*_SHOT, "accuracy about 0.6", similar(one_of_ten(2.0, 0.5), 5)),
        (*_SHOT, "accuracy about 0.95, rare classes", similar(one_of_ten(4.0, 0.4, 0.7), 5)),
        (*_SHOTS, "normal, prevalence 0.05 to 0.3", similar(labelled(0.05, 0.3, "normal"), 4)),
        (
            *_SHOTS,
            "skewed, images differ, prevalence 0.02 to 0.6",
            similar(labelled(0.02, 0.6, "skewed", images=0.4), 4),
        ),
        (*_SAID, "alike", captions("one kind")),
        (*_SAID, "four in ten are 0, the others skewed", captions("mixed")),
        (*_SAID, "85 of 100 are 0", captions("rare hits")),
        (*_CODEC, "images differ by 3 dB", coded(3.0, 0.0)),
        (*_CODEC, "5 dB, a tenth is coded 15 dB better", coded(5.0, 0.1)),
        (*_SERIES, "locations differ (sd of log 0.5)", deviations(0.5, 0.0)),
        (*_SERIES, "one in twenty changed a lot", deviations(0.5, 0.05)),
        (*_CLIENTS, "prevalence 0.05 to 0.5", federated(0.05, 0.5, 2.0)),
        (*_CLIENTS, "prevalence 0.005 to 0.3, weak model", federated(0.005, 0.3, 1.3)),
    ),
    Scenario(*_FOUND, "one gallery for all queries", one_gallery(1.4), largest=1000, whole=True),
    Scenario(*_SAID, "sentences, words counted anew", sentences, largest=100, whole=True),
    *(
        Scenario(*_SAID, f"mean, tiles of {per}, ICC {icc}", rated_in_tiles(icc, per), per, tiles)
        for icc, per, tiles in ((0.05, 50, (40,)), (0.2, 8, (10, 30, 100)), (0.5, 8, (10, 30)))
    ),
    *(
        Scenario(*_MLC, f"tiles of {per}, ICC {icc}", multilabel(in_tiles(icc, per)), per, tiles)
        for icc, per, tiles in ((0.05, 50, (40,)), (0.2, 8, (10, 30, 100)), (0.5, 8, (10, 30)))
    ),
]
