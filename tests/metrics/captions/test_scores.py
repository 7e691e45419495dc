"""BLEU, ROUGE and CIDEr-D against pycocoevalcap, published scores and closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError
from bench.metrics.captions.bleu import bleu, bleu_statistics
from bench.metrics.captions.cider import cider_d
from bench.metrics.captions.rouge import rouge_f, rouge_l, rouge_tokens
from bench.metrics.captions.tokens import tokenise

CAPTION = st.lists(st.sampled_from("abcdef"), max_size=9).map(tuple)
IMAGES = st.lists(st.tuples(CAPTION, st.lists(CAPTION, min_size=1, max_size=4)), min_size=1)
EXACT = 1e-12


def parted(images):
    return [candidate for candidate, _ in images], [references for _, references in images]


def coco_scores(scorer, candidates, references, **options):
    truth = {i: [" ".join(r) for r in several] for i, several in enumerate(references)}
    said = {i: [" ".join(candidate)] for i, candidate in enumerate(candidates)}
    return scorer.compute_score(truth, said, **options)


def check_against_coco(candidates, references):
    bleu_module = pytest.importorskip("pycocoevalcap.bleu.bleu")
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    rows = bleu_statistics(candidates, references)
    total, single = coco_scores(bleu_module.Bleu(4), candidates, references, verbose=0)
    assert bleu(rows.sum(axis=0)) == pytest.approx(np.array(total), abs=EXACT)
    assert bleu(rows) == pytest.approx(np.array(single).T, abs=EXACT)
    mean, single = coco_scores(Rouge(), candidates, references)
    assert rouge_l(candidates, references) == pytest.approx(single, abs=EXACT)
    found = cider_d(candidates, references)
    if any(caption for several in references for caption in several):
        mean, single = coco_scores(Cider(), candidates, references)
        assert found == pytest.approx(single, abs=EXACT)
        assert found.mean() == pytest.approx(mean, abs=EXACT)


@settings(deadline=None)
@given(IMAGES)
def test_random_captions_against_pycocoevalcap(images):
    check_against_coco(*parted(images))


def test_real_captions_against_pycocoevalcap(real_captions):
    tokens = [tokenise(image) for image in real_captions[:1_500:3]]
    # Its first caption, and now and then another image's.
    candidates = [image[0] if i % 3 else tokens[i - 1][0] for i, image in enumerate(tokens)]
    check_against_coco(candidates, [image[1:] for image in tokens])


@pytest.mark.parametrize(
    ("case", "published"),
    [
        ("nlgeval", [0.550000, 0.428174, 0.284043, 0.201143, 0.522104, 1.242192]),
        ("good", [0.6667, 0.4899, 0.3469, 0.0000, 0.4280, 0.5637]),
        ("bad", [0.4815, 0.2404, 0.1359, 0.0000, 0.3121, 0.2790]),
    ],
)
def test_published_scores(metric_cases, case, published):
    texts, references = metric_cases[case]
    candidates, references = tokenise(texts), [tokenise(several) for several in references]
    scores = [
        *bleu(bleu_statistics(candidates, references).sum(axis=0)),
        rouge_l(candidates, references).mean(),
        cider_d(candidates, references).mean(),
    ]
    digits = 6 if case == "nlgeval" else 4
    assert [round(score, digits) for score in scores] == published


def test_published_single_sentence():
    # nlg-eval's test of one sentence.
    candidates = tokenise(["this is a good test"])
    references = [tokenise(["this is a test", "this is also a test"])]
    scores = bleu(bleu_statistics(candidates, references).sum(axis=0))
    assert scores == pytest.approx([0.799999, 0.632455, 0.5108729, 0.0000903602], abs=1e-6)
    assert rouge_l(candidates, references) == pytest.approx([0.9070631], abs=1e-7)
    assert cider_d(candidates, references) == [0]


def test_published_counts_of_coco():
    # The example of coco-caption: 1,000 captions.
    counts = np.array([5732, 2510, 1043, 423, 9893, 8893, 7893, 6893, 9893, 9855])
    assert [round(b, 3) for b in bleu(counts)] == [0.579, 0.404, 0.279, 0.191]


def test_bleu_statistics_by_hand():
    candidate = ("the", "the", "the", "cat")
    references = tokenise(["the cat sat the", "a cat on the mat"])
    row = bleu_statistics([candidate], [references])
    assert row.dtype == np.int64
    assert row.tolist() == [[3, 1, 0, 0, 4, 3, 2, 1, 4, 4]]


@pytest.mark.parametrize(("lengths", "closest"), [((3, 7), 3), ((7, 3), 3), ((9, 6, 2), 6)])
def test_closest_length_is_the_shorter_of_two_as_close(lengths, closest):
    row = bleu_statistics([("a",) * 5], [[("b",) * n for n in lengths]])
    assert row[0, 9] == closest


@settings(deadline=None)
@given(IMAGES, st.data())
def test_bleu_of_a_weighted_sum_is_that_of_repeated_images(images, data):
    candidates, references = parted(images)
    counts = data.draw(st.lists(st.integers(0, 3), min_size=len(images), max_size=len(images)))
    chosen = np.repeat(np.arange(len(images)), counts)
    weighted = np.array([counts]) @ bleu_statistics(candidates, references)
    if len(chosen):
        repeated = bleu_statistics(
            [candidates[i] for i in chosen], [references[i] for i in chosen]
        ).sum(axis=0)
        assert np.array_equal(weighted[0], repeated)
        assert np.array_equal(bleu(weighted)[0], bleu(repeated))


def test_perfect_captions():
    candidates = tokenise(["a large airport with two runways", "many green trees near a road"])
    references = [[candidate] for candidate in candidates]
    assert bleu(bleu_statistics(candidates, references).sum(axis=0)) == pytest.approx([1] * 4)
    assert rouge_l(candidates, references).tolist() == [1, 1]
    assert rouge_f(candidates, references).tolist() == [[1, 1, 1], [1, 1, 1]]
    # Every n-gram that one image alone has is shared fully: ten.
    assert cider_d(candidates, references) == pytest.approx([10, 10])


def test_nothing_said():
    candidates = tokenise(["", ".,!"])
    references = [tokenise(["a road", "the road"])] * 2
    assert bleu(bleu_statistics(candidates, references).sum(axis=0)).tolist() == [0] * 4
    for score in (rouge_l, rouge_f, cider_d):
        assert not score(candidates, references).any()
    # As coco-caption has it, where also the reference says nothing.
    assert rouge_l([()], [[()]]).tolist() == [1]
    assert rouge_f([()], [[()]]).tolist() == [[0, 0, 0]]
    assert cider_d([()], [[()]]).tolist() == [0]


def test_cider_of_one_image_is_zero():
    assert cider_d([("a", "road")], [[("a", "road")]]).tolist() == [0]
    assert cider_d([("a", "road")] * 3, [[("a", "road")]] * 3).tolist() == [0] * 3


def test_cider_by_hand():
    # "a" is in both images (weight 0); "b" in one of two (ln 2): unigrams agree fully, bigrams too.
    found = cider_d([("a", "b"), ("c",)], [[("a", "b")], [("a", "d")]])
    assert found == pytest.approx([10 * 2 / 4, 0])
    shorter = cider_d([("b",), ("c",)], [[("a", "b")], [("a", "d")]])
    assert shorter == pytest.approx([10 / 4 * math.exp(-1 / 72), 0])


def test_thousands_of_words():
    long = tuple(f"w{i % 700}" for i in range(6_000))
    candidates, references = [long, ("w1",)], [[long[1:], ("w1",)], [("w2", "w1")]]
    assert bleu(bleu_statistics(candidates, references).sum(axis=0))[0] > 0.99
    assert rouge_l(candidates, references)[0] == pytest.approx(1, abs=1e-3)
    assert 9 < cider_d(candidates, references)[0] * 2 <= 10.001


def test_rouge_f_by_hand():
    # Lin (2004), section 3.1: the same words, in another order.
    references = [[("police", "killed", "the", "gunman")]]
    found = rouge_f([("police", "kill", "the", "gunman")], references)
    assert found == pytest.approx(np.array([[3 / 4, 1 / 3, 3 / 4]]))
    found = rouge_f([("the", "gunman", "kill", "police")], references)
    assert found == pytest.approx(np.array([[3 / 4, 1 / 3, 1 / 2]]))
    # The README of rouge_score.
    target = rouge_tokens("The quick brown fox jumps over the lazy dog")
    found = rouge_f([rouge_tokens("The quick brown dog jumps on the log.")], [[target]])
    assert found[0, 0] == pytest.approx(2 * (6 / 8) * (6 / 9) / (6 / 8 + 6 / 9))
    assert found[0, 2] == pytest.approx(2 * (5 / 8) * (5 / 9) / (5 / 8 + 5 / 9))


def test_rouge_f_takes_the_best_reference_for_each_score():
    candidate, references = ("a", "b", "c"), [("c", "b", "a"), ("a", "b", "x", "y", "z")]
    first, second = (rouge_f([candidate], [[reference]])[0] for reference in references)
    assert rouge_f([candidate], [references])[0] == pytest.approx(np.maximum(first, second))


@settings(deadline=None)
@given(IMAGES)
def test_rouge_f_against_rouge_score(images):
    scorer = pytest.importorskip("rouge_score.rouge_scorer")
    names = ["rouge1", "rouge2", "rougeL"]
    reference = scorer.RougeScorer(names)
    candidates, references = parted(images)
    expected = [
        [
            reference.score_multi([" ".join(r) for r in several], " ".join(candidate))[n].fmeasure
            for n in names
        ]
        for candidate, several in zip(candidates, references, strict=True)
    ]
    assert rouge_f(candidates, references) == pytest.approx(np.array(expected), abs=EXACT)


def test_rouge_tokens():
    found = rouge_tokens("A T-junction (small), it's 1,000 m²!")
    assert " ".join(found) == "a t junction small it s 1 000 m"


def longest_common(one, other):
    row = [0] * (len(other) + 1)
    for x in one:
        new = [0]
        for j, y in enumerate(other):
            new.append(row[j] + 1 if x == y else max(row[j + 1], new[j]))
        row = new
    return row[-1]


@settings(deadline=None)
@given(CAPTION, CAPTION)
def test_longest_common_subsequence(one, other):
    found = rouge_f([one], [[other]])[0, 2]
    assert found * (len(one) + len(other)) == pytest.approx(2 * longest_common(one, other))


@pytest.mark.parametrize("score", [bleu_statistics, rouge_l, rouge_f, cider_d])
@pytest.mark.parametrize(
    ("candidates", "references", "found"),
    [
        ([], [], "0 candidates"),
        ([("a",)], [], "1 candidates and references of 0 images"),
        ([("a",), ("a",)], [[("a",)], []], "none for image 1"),
        (["a road"], [[("a",)]], "text for image 0"),
        ([("a",)], ["a road"], "text for image 0"),
    ],
)
def test_refuses(score, candidates, references, found):
    with pytest.raises(BenchError, match=found):
        score(candidates, references)


@pytest.mark.parametrize("sums", [np.zeros(9), np.zeros((10, 2)), np.float64(1)])
def test_bleu_refuses_other_counts(sums):
    with pytest.raises(BenchError, match="ten counts"):
        bleu(sums)
