"""Ranks, best items and recalls against sorting loops, exact integers and published counts."""

import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError, RequestError
from bench.metrics import retrieval
from bench.metrics.caption_retrieval import (
    caption_similarity,
    covered_at,
    hits_at,
    precision_at,
    reciprocal_rank_at,
)
from bench.metrics.embeddings import float32_error, pair_scores, unit_vectors
from bench.metrics.nearest import top_k
from bench.metrics.relevance import (
    Relevance,
    distinct_captions,
    relevance_of_groups,
    relevance_of_pairs,
    relevance_of_similar,
    select_queries,
    transposed,
    united,
    with_shared_captions,
)
from bench.metrics.retrieval import mean_recall, median_rank, rank, rank_both_ways, recall_at

MIB = 1 << 20


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def vectors(rows, width=16, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)


def pairs(images=40, captions=5, width=16, seed=0, noise=1.0):
    """Images and their captions near them, in shuffled order, and which caption is whose."""
    rng = np.random.default_rng(seed)
    owner = rng.permutation(np.repeat(np.arange(images), captions))
    left = vectors(images, width, seed)
    right = left[owner] + noise * vectors(len(owner), width, seed + 1)
    return left, right.astype(np.float32), owner


def by_sorting(queries, gallery, relevance):
    """Both ends of the rank from two sorts per query, of the same exact scores."""
    scores = unit_vectors(queries, "q").astype(float) @ unit_vectors(gallery, "g").astype(float).T
    found = [[], []]
    for query, row in enumerate(scores):
        right = relevance.items[relevance.starts[query] : relevance.starts[query + 1]]
        relevant = np.isin(np.arange(len(row)), right)
        for end, tied_first in zip(found, (~relevant, relevant), strict=True):
            order = np.lexsort((~tied_first, -row))
            place = int(np.flatnonzero(relevant[order])[0])
            end.append(1 + int(np.sum(~relevant[order][: place + 1])))
    return np.array(found[0]), np.array(found[1])


def assert_ranks(found, expected):
    assert found.pessimistic.tolist() == list(expected[0])
    assert found.optimistic.tolist() == list(expected[1])


def test_scores_are_exact_sums_of_fixed_point_products():
    left, right = unit_vectors(vectors(3, 512), "l"), unit_vectors(vectors(4, 512, 1), "r")
    exact = [
        [float(sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(q, g, strict=True)))
         for g in right]
        for q in left
    ]  # fmt: skip
    assert (left.astype(float) @ right.astype(float).T).tolist() == exact
    rows, items = np.divmod(np.arange(12), 4)
    assert pair_scores(left, right, rows, items).reshape(3, 4).tolist() == exact


def test_unit_vectors_are_the_normalised_ones_on_a_grid():
    rows = vectors(50, 33) * np.geomspace(1e-30, 1e30, 50)[:, None].astype(np.float32)
    units = unit_vectors(rows, "row")
    steps = units.astype(float) * 2**24
    assert np.array_equal(steps, np.rint(steps))
    exact = rows.astype(float) / np.linalg.norm(rows.astype(float), axis=1, keepdims=True)
    assert np.abs(units - exact).max() <= 2**-25
    assert np.array_equal(unit_vectors(np.eye(4, dtype=np.float16), "row"), np.eye(4))


@pytest.mark.parametrize("width", [3, 64, 512, 2048])
def test_float32_products_stay_within_the_bound(width):
    left, right = unit_vectors(vectors(64, width), "l"), unit_vectors(vectors(64, width, 1), "r")
    right[:, : width // 2] = left[:, : width // 2]
    exact = left.astype(float) @ right.astype(float).T
    assert np.abs(left @ right.T - exact).max() < float32_error(width)


@pytest.mark.parametrize("noise", [0.3, 1.0, 20.0])
def test_equals_sorting_in_both_directions(noise):
    images, texts, owner = pairs(noise=noise)
    relevance = relevance_of_groups(np.arange(40), owner)
    there, back = rank_both_ways(images, texts, relevance)
    assert_ranks(there, by_sorting(images, texts, relevance))
    assert_ranks(back, by_sorting(texts, images, transposed(relevance)))
    assert_ranks(rank(texts, images, transposed(relevance)), back)


def test_equals_sorting_of_ordinary_cosines_without_near_ties():
    images, texts, owner = pairs(images=300, width=32, seed=5)
    there, back = rank_both_ways(images, texts, relevance_of_groups(np.arange(300), owner))
    left, right = (rows / np.linalg.norm(rows.astype(float), axis=1)[:, None]
                   for rows in (images, texts))  # fmt: skip
    order = np.argsort(-left @ right.T, axis=1)
    first = (owner[order] == np.arange(300)[:, None]).argmax(axis=1)
    assert there.pessimistic.tolist() == (first + 1).tolist()
    back_order = np.argsort(-right @ left.T, axis=1)
    place = (back_order == owner[:, None]).argmax(axis=1)
    assert back.optimistic.tolist() == (place + 1).tolist()


def test_equal_rows_tie_whatever_the_blocks_and_threads():
    images, texts, owner = pairs(images=700, width=48, captions=2, noise=2.0)
    texts[::7] = texts[3]  # the same caption all over the gallery, in every position of a block
    images[5::11] = images[5]
    relevance = relevance_of_groups(np.arange(700), owner)
    expected = rank_both_ways(images, texts, relevance)
    assert (expected[0].pessimistic > expected[0].optimistic).any()
    assert_ranks(expected[0], by_sorting(images, texts, relevance))
    assert_ranks(expected[1], by_sorting(texts, images, transposed(relevance)))
    for threads, memory in ((1, MIB), (3, MIB), (2, 64 * MIB)):
        torch.set_num_threads(threads)
        for found, one in zip(
            rank_both_ways(images, texts, relevance, memory=memory), expected, strict=True
        ):
            assert_ranks(found, one)
        assert torch.get_num_threads() == threads


@pytest.mark.parametrize("spread", [0.0, 1e-7, 1e-5, 1e-3])
def test_nearly_constant_embeddings_are_still_ranked_exactly(spread):
    centre = vectors(1, 24)
    images = centre + spread * vectors(90, 24, 1)
    texts = centre + spread * vectors(270, 24, 2)
    relevance = relevance_of_groups(np.arange(90), np.arange(270) % 90)
    there, back = rank_both_ways(images, texts, relevance)
    assert_ranks(there, by_sorting(images, texts, relevance))
    assert_ranks(back, by_sorting(texts, images, transposed(relevance)))
    if spread == 0:
        assert there.pessimistic.tolist() == [268] * 90
        assert there.optimistic.tolist() == [1] * 90
        assert recall_at(there.pessimistic, 10) == 0


def test_reduced_precision_settings_do_not_reach_the_products():
    images, texts, owner = pairs(images=200, width=256, noise=4.0)
    relevance = relevance_of_groups(np.arange(200), owner)
    expected = rank(images, texts, relevance)
    torch.set_float32_matmul_precision("medium")
    try:
        assert_ranks(rank(images, texts, relevance), expected)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_one_query_and_one_item():
    one = vectors(1)
    assert_ranks(rank(one, one, relevance_of_pairs([0], [0], (1, 1))), ([1], [1]))
    gallery = np.concatenate([one, one, -one])
    assert_ranks(rank(one, gallery, relevance_of_pairs([0], [1], (1, 3))), ([2], [1]))
    assert_ranks(rank(one, gallery, relevance_of_pairs([0, 0], [2, 1], (1, 3))), ([2], [1]))
    assert_ranks(rank(one, gallery, relevance_of_pairs([0, 0], [0, 1], (1, 3))), ([1], [1]))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_small_case_equals_sorting(data):
    width = data.draw(st.integers(1, 3))
    row = st.lists(st.integers(-2, 2), min_size=width, max_size=width).filter(any)
    queries, gallery = (
        np.array(data.draw(st.lists(row, min_size=1, max_size=9)), np.float32) for _ in range(2)
    )
    chosen = [
        data.draw(st.sets(st.integers(0, len(gallery) - 1), min_size=1))
        for _ in range(len(queries))
    ]
    starts = np.cumsum([0, *map(len, chosen)])
    items = np.array([item for some in chosen for item in sorted(some)], np.int64)
    relevance = Relevance(starts.astype(np.int64), items, len(gallery))
    found = rank(queries, gallery, relevance)
    assert_ranks(found, by_sorting(queries, gallery, relevance))
    k = data.draw(st.integers(1, 10))
    indices, scores = top_k(queries, gallery, k)
    exact = unit_vectors(queries, "q").astype(float) @ unit_vectors(gallery, "g").astype(float).T
    order = np.argsort(-exact, axis=1, kind="stable")[:, :k]
    assert np.array_equal(indices, order)
    assert np.array_equal(scores, np.take_along_axis(exact, order, axis=1))
    hit = hits_at(indices, relevance).any(axis=1)
    assert not (hit & (found.optimistic > k)).any()
    assert not (~hit & (found.pessimistic + np.diff(starts) - 1 <= k)).any()


def test_best_items_equal_a_stable_sort_over_many_blocks():
    queries, gallery = vectors(150, 32), vectors(3000, 32, 1)
    gallery[::3] = gallery[0]
    exact = unit_vectors(queries, "q").astype(float) @ unit_vectors(gallery, "g").astype(float).T
    order = np.argsort(-exact, axis=1, kind="stable")
    for k, memory in ((1, MIB), (10, MIB), (700, MIB), (10, 64 * MIB)):
        indices, scores = top_k(queries, gallery, k, memory=memory)
        assert np.array_equal(indices, order[:, :k])
        assert np.array_equal(scores, np.take_along_axis(exact, order[:, :k], axis=1))


@pytest.mark.parametrize("spread", [0.0, 1e-6, 1e-4])
def test_best_items_of_nearly_constant_embeddings(spread):
    queries, gallery = (vectors(1, 24) + spread * vectors(n, 24, n) for n in (30, 2000))
    exact = unit_vectors(queries, "q").astype(float) @ unit_vectors(gallery, "g").astype(float).T
    order = np.argsort(-exact, axis=1, kind="stable")[:, :7]
    indices, scores = top_k(queries, gallery, 7, memory=MIB)
    assert np.array_equal(indices, order)
    assert np.array_equal(scores, np.take_along_axis(exact, order, axis=1))


def test_recalls_of_known_ranks():
    ranks = np.array([1, 2, 5, 6, 11])
    assert [recall_at(ranks, k) for k in (1, 5, 10)] == [0.2, 0.6, 0.8]
    assert median_rank(ranks) == 5
    assert median_rank(ranks[:4]) == 3.5
    assert mean_recall(ranks) == pytest.approx((0.2 + 0.6 + 0.8) / 3)
    assert mean_recall(ranks, np.array([1])) == pytest.approx((0.2 + 0.6 + 0.8 + 3) / 6)


def test_relevance_of_groups_pairs_and_their_transposition():
    relevance = relevance_of_groups(["b", "a", "c"], ["a", "b", "b", "x"])
    assert relevance.starts.tolist() == [0, 2, 3, 3]
    assert relevance.items.tolist() == [1, 2, 0]
    back = transposed(relevance)
    assert back.starts.tolist() == [0, 1, 2, 3, 3]
    assert back.items.tolist() == [1, 0, 0]
    again = transposed(back)
    assert all(np.array_equal(a, b) for a, b in zip(again, relevance, strict=True))
    twice = relevance_of_pairs([0, 0, 0], [3, 1, 3], (2, 4))
    assert (twice.starts.tolist(), twice.items.tolist()) == ([0, 2, 2], [1, 3])
    both = united(twice, relevance_of_pairs([1, 0], [0, 2], (2, 4)))
    assert (both.starts.tolist(), both.items.tolist()) == ([0, 3, 4], [1, 2, 3, 0])
    some = select_queries(relevance, np.array([False, True, True]))
    assert (some.starts.tolist(), some.items.tolist()) == ([0, 1, 1], [0])
    some = select_queries(relevance, np.array([2, 0]))
    assert (some.starts.tolist(), some.items.tolist()) == ([0, 0, 2], [1, 2])


def test_shared_captions_are_right_for_every_image_that_has_them():
    captions, images = ["a pond", "a road", "a pond", "a pier"], [0, 0, 1, 1]
    shared = with_shared_captions(images, captions)
    assert shared.starts.tolist() == [0, 2, 3, 5, 6]
    assert shared.items.tolist() == [0, 1, 0, 0, 1, 1]
    kept, distinct = distinct_captions(images, captions)
    assert kept.tolist() == [0, 1, 3]
    assert (distinct.starts.tolist(), distinct.items.tolist()) == ([0, 2, 3, 4], [0, 1, 0, 1])
    texts, pictures = vectors(4), vectors(2)
    texts[2] = texts[0]
    usual = rank(texts, pictures, relevance_of_groups(images, np.arange(2)))
    lenient = rank(texts, pictures, shared)
    assert (lenient.pessimistic <= usual.pessimistic).all()
    assert lenient.pessimistic[0] == lenient.pessimistic[2] == 1


def test_caption_counts_of_ucm(real_data):
    path = real_data / "captions" / "ucm" / "dataset_ucm_modified.json"
    test = [image for image in json.loads(path.read_text())["images"] if image["split"] == "test"]
    captions = [line["raw"] for image in test for line in image["sentences"]]
    owner = np.repeat(np.arange(len(test)), [len(image["sentences"]) for image in test])
    kept, distinct = distinct_captions(owner, captions)
    assert (len(test), len(captions), len(kept)) == (210, 1050, 377)
    shared = with_shared_captions(owner, captions)
    assert np.count_nonzero(np.diff(shared.starts) > 1) == 868
    assert len(np.unique(distinct.items)) == 210


def test_relevance_by_meaning_counts_itself_and_its_equals():
    sentences = vectors(300, 40)
    sentences[[7, 250]] = 3 * sentences[2]
    exactly = relevance_of_similar(sentences, 1.0)
    assert np.diff(exactly.starts).tolist() == [3 if i in (2, 7, 250) else 1 for i in range(300)]
    near = relevance_of_similar(sentences, 0.3)
    units = sentences / np.linalg.norm(sentences, axis=1, keepdims=True)
    cosine = units.astype(float) @ units.T.astype(float)
    assert np.diff(near.starts).tolist() == (cosine >= 0.3).sum(axis=1).tolist()


def test_precision_coverage_and_reciprocal_rank_by_hand():
    relevance = relevance_of_pairs([0, 0, 0, 1], [4, 2, 0, 1], (2, 5))
    hits = hits_at(np.array([[3, 2, 4], [0, 2, 3]]), relevance)
    assert hits.tolist() == [[False, True, True], [False, False, False]]
    assert precision_at(hits, 3) == pytest.approx(2 / 6)
    assert covered_at(hits, relevance, 3) == pytest.approx((2 / 3 + 0) / 2)
    assert reciprocal_rank_at(hits, 3) == 0.25
    assert reciprocal_rank_at(hits, 1) == precision_at(hits, 1) == 0


def overlap(hypotheses, references):
    """The share of hypotheses that are among their references, and how many there were."""
    right = [h in r for h, r in zip(hypotheses, references, strict=True)]
    return {"found": float(np.mean(right)), "queries": float(len(right))}


def test_caption_similarity_of_both_directions():
    captions = [["same", "no change"], ["a house", "a roof"], ["no change", "same"]]
    found = caption_similarity(captions, [2, 2, 1, 0, 0, 1], [4, 0, 2], overlap)
    assert found["text_to_image"] == {"found": pytest.approx(4 / 6), "queries": 6}
    assert found["image_to_text"] == {"found": pytest.approx(1 / 3), "queries": 3}
    assert found["mean"] == {"found": pytest.approx(0.5), "queries": 4.5}
    changed = caption_similarity(
        captions, [2, 2, 1, 0, 0, 1], [4, 0, 2], overlap, chosen=[False, True, False]
    )
    assert changed["text_to_image"] == {"found": 0.5, "queries": 2}
    assert changed["image_to_text"] == {"found": 0, "queries": 1}


def test_no_change_pairs_share_their_captions(real_data):
    path = real_data / "levir_cc" / "levir_cc_captions.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    test = [record for record in records if record["split"] == "test"]
    changed = np.array([record["changeflag"] == 1 for record in test])
    captions = [record["captions"] for record in test]
    owner = np.repeat(np.arange(len(test)), 5)
    strict = select_queries(relevance_of_groups(owner, np.arange(len(test))), changed[owner])
    assert (len(strict.starts) - 1, strict.gallery) == (4820, 1929)
    unchanged = int(np.flatnonzero(~changed)[0])
    answer = caption_similarity(
        captions, np.full(len(owner), unchanged), np.full(len(test), 5 * unchanged), overlap
    )
    share = np.mean([text in captions[unchanged] for group in captions for text in group])
    assert answer["text_to_image"]["found"] == pytest.approx(share)
    assert answer["image_to_text"]["found"] == pytest.approx(np.mean(~changed))


def bad(row, value):
    rows = vectors(4)
    rows[row] = value
    return rows


@pytest.mark.parametrize(
    ("queries", "gallery", "message"),
    [
        (
            bad(2, np.nan),
            vectors(4),
            "query embeddings .* NaN or infinity in row 2",
        ),
        (vectors(4), bad(3, -np.inf), "gallery embeddings .* NaN or infinity in row 3"),
        (bad(1, 0), vectors(4), "found only zeros in row 1"),
        (vectors(4), vectors(4, 8), "one width"),
        (vectors(4)[0], vectors(4)[0], r"\[N, D\]"),
        (vectors(4).astype(float), vectors(4), "float64"),
        (vectors(4)[:0], vectors(4)[:0], "at least one row"),
    ],
)
def test_refuses_what_is_no_embedding(queries, gallery, message):
    relevance = relevance_of_groups(np.arange(len(queries)), np.arange(len(gallery)))
    with pytest.raises(BenchError, match=message):
        rank(queries, gallery, relevance)
    with pytest.raises(BenchError, match=message):
        top_k(queries, gallery, 1)


def test_refuses_queries_without_an_answer():
    with pytest.raises(BenchError, match="nothing for 1, the first of them query 2"):
        rank(vectors(3), vectors(2), relevance_of_groups([0, 1, 2], [0, 1]))
    with pytest.raises(BenchError, match=r"every text, found nothing for 1, .* text 2"):
        rank_both_ways(vectors(2), vectors(3), relevance_of_groups([0, 1], [0, 1, 2]))
    with pytest.raises(BenchError, match="query 1"):
        covered_at(np.zeros((2, 1), bool), relevance_of_groups([0, 5], [0]), 1)


def test_refuses_what_does_not_fit():
    relevance = relevance_of_groups([0, 1], [0, 1])
    with pytest.raises(BenchError, match="relevance of 3 queries in 2 items, found 2 in 2"):
        rank(vectors(3), vectors(2), relevance)
    with pytest.raises(RequestError, match="at least 1 MiB"):
        rank(vectors(2), vectors(2), relevance, memory=1000)
    with pytest.raises(RequestError, match="at least 1, found 0"):
        top_k(vectors(2), vectors(2), 0)
    with pytest.raises(BenchError, match=r"index in \[0, 2\), found 0 to 2"):
        relevance_of_pairs([0, 2], [0, 1], (2, 2))
    with pytest.raises(BenchError, match="2 queries and 1 items"):
        relevance_of_pairs([0, 1], [0], (2, 2))
    with pytest.raises(BenchError, match="one shape"):
        united(relevance, relevance_of_groups([0], [0, 1]))
    with pytest.raises(BenchError, match="one image for each of 2 captions"):
        distinct_captions([0], ["a", "b"])
    with pytest.raises(BenchError, match="2 queries"):
        hits_at(np.zeros((3, 1), np.int64), relevance)
    with pytest.raises(BenchError, match="found 0 to 2"):
        hits_at(np.array([[0], [2]]), relevance)
    with pytest.raises(BenchError, match="one pair in"):
        caption_similarity([["a"]], [1], [0], overlap)
    with pytest.raises(BenchError, match="at least one"):
        caption_similarity([["a"]], [0], [0], overlap, chosen=[False])


def test_memory_does_not_grow_with_the_product(monkeypatch):
    sizes = []
    allocate = np.empty

    def noted(shape, *args, **kwargs):
        sizes.append(int(np.prod(shape)))
        return allocate(shape, *args, **kwargs)

    monkeypatch.setattr(retrieval.np, "empty", noted)
    images, texts, owner = pairs(images=2000, captions=2, width=8)
    rank_both_ways(images, texts, relevance_of_groups(np.arange(2000), owner), memory=MIB)
    assert max(sizes) <= MIB // 4
    assert max(sizes) < 2000 * 4000 // 10
