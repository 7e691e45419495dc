"""Retrieval beside what evaluates it elsewhere, and beside the matrix product it is made of."""

import os
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.metrics.relevance import relevance_of_groups, transposed
from bench.metrics.retrieval import rank_both_ways, recall_at

CAPTIONS = 5
WIDTH = 512
AT = (1, 5, 10)
MANY = 1024


def embeddings(images):
    """Unit vectors of images and of captions around them, hard enough that recalls are mixed."""
    rng = np.random.default_rng(0)
    left = rng.standard_normal((images, WIDTH), np.float32)
    right = np.repeat(left, CAPTIONS, axis=0)
    for start in range(0, len(right), 10_000):
        part = right[start : start + 10_000]
        part += 8 * rng.standard_normal(part.shape, np.float32)
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return left, right


def owners(images):
    return np.repeat(np.arange(images), CAPTIONS)


def ours(images, texts):
    """The six recalls, image to text first."""
    relevance = transposed(relevance_of_groups(owners(len(images)), np.arange(len(images))))
    return [
        recall_at(found.pessimistic, k)
        for found in rank_both_ways(images, texts, relevance)
        for k in AT
    ]


def dense(images, texts, batch=64):
    """The six recalls as CLIP_benchmark's zeroshot_retrieval finds them.

    The whole score matrix and a boolean one of right pairs; per K and direction, in chunks of a
    batch, the K best become one-hot rows over the gallery, and are multiplied with the right pairs.
    """
    images, texts = torch.from_numpy(images), torch.from_numpy(texts)
    scores = texts @ images.T
    right = torch.zeros_like(scores, dtype=torch.bool)
    right[torch.arange(len(texts)), torch.from_numpy(owners(len(images)))] = True
    found = []
    for score, positive in ((scores.T, right.T), (scores, right)):
        for k in AT:
            recalls = []
            for start in range(0, len(score), batch):
                some, true = score[start : start + batch], positive[start : start + batch]
                best = torch.nn.functional.one_hot(some.topk(k, dim=1)[1], some.shape[1])
                hits = (best * true.view(len(true), 1, -1)).sum(dim=(1, 2))
                recalls.append(hits / true.sum(dim=1))
            found.append((torch.cat(recalls) > 0).float().mean().item())
    return found


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def watched(call):
    """Seconds, result, and by how many bytes the process grew meanwhile."""
    before, peak, done = resident(), [0], threading.Event()

    def watch():
        while not done.wait(0.002):
            peak[0] = max(peak[0], resident())

    with ThreadPoolExecutor(1) as pool:
        watcher = pool.submit(watch)
        start = time.perf_counter()
        found = call()
        passed = time.perf_counter() - start
        done.set()
        watcher.result()
    return passed, found, peak[0] - before


def products(images, texts):
    """Every score once and nothing else, in blocks that suit the cache."""
    left, right = torch.from_numpy(images), torch.from_numpy(texts)
    block = torch.empty(1024 * 2048)
    for start in range(0, len(left), 1024):
        for first in range(0, len(right), 2048):
            some, others = left[start : start + 1024], right[first : first + 2048]
            out = block[: len(some) * len(others)].view(len(some), len(others))
            torch.mm(some, others.T, out=out)


def test_recalls(benchmark):
    images, texts = embeddings(5000)
    _, found, own = watched(lambda: ours(images, texts))
    benchmark.pedantic(lambda: ours(images, texts), rounds=3)
    passed, expected, dense_bytes = watched(lambda: dense(images, texts))
    many_bytes = watched(lambda: dense(images, texts, MANY))[2]
    benchmark.extra_info.update(
        name="recall, 5,000 images and 25,000 texts",
        peer=f"CLIP_benchmark's zeroshot_retrieval; memory {dense_bytes / own:.0f} x ours in "
        f"batches of 64, {many_bytes / own:.0f} x in batches of {MANY:,}",
        ratio=round(passed / benchmark.stats.stats.min, 2),
        target=25,
        limit="the matrix product",
    )
    assert found == pytest.approx(expected, abs=1e-6)


def test_one_product(benchmark):
    images, texts = embeddings(10_000)
    _, found, own = watched(lambda: ours(images, texts))
    rounds = [watched(lambda: products(images, texts))[0]]
    benchmark.pedantic(lambda: ours(images, texts), rounds=2)
    rounds.append(watched(lambda: products(images, texts))[0])
    benchmark.extra_info.update(
        name="recall, 10,000 images and 50,000 texts",
        peer="every score once in float32, by torch",
        value=f"{benchmark.stats.stats.min / min(rounds):.2f} x its time, {own / 1e6:.0f} MB",
        target="1.3 x its time, 200 MB",
        limit="comparing every score with its row's and its column's bar",
    )
    assert 0 < found[0] < 1


@pytest.mark.skipif(
    "BENCH_LARGE" not in os.environ, reason="takes ten minutes and 4 GiB: set BENCH_LARGE=1"
)
def test_half_a_million_texts(benchmark):
    images, texts = embeddings(100_000)
    passed, found, own = watched(lambda: ours(images, texts))
    benchmark.pedantic(lambda: None, rounds=1)
    least = watched(lambda: products(images, texts))[0]
    benchmark.extra_info.update(
        name="recall, 100,000 images and 500,000 texts",
        peer="every score once in float32, by torch",
        value=f"{passed:.0f} s, {passed / least:.2f} x its time, {own / 2**30:.2f} GiB",
        target="finishes, 2 GiB",
        limit="comparing every score with its row's and its column's bar",
    )
    assert 0 < found[0] < 1
