"""Heads on features of a frozen encoder, beside scikit-learn and beside their matrix products.

Floors, for N samples, F features, L outputs, S solutions, Q queries:

- ridge: N F^2 operations for the correlations (half of 2 N F^2, by symmetry), for all penalties,
  and 4 N F bytes to read. 120,000 x 768: 71 GFLOP and 369 MB, so the product is the limit.
- logistic regression: 4 N F L S operations for each evaluation of loss and gradient, in float64.
  20,000 x 768, 19 labels, 8 C: 9.3 GFLOP for each, 10 to 15 of them.
- nearest neighbours: 2 Q N F operations in float32. 20,000 x 100,000 x 768: 3.1 TFLOP; each of the
  2 10^9 cosines is compared once with the k-th best of its row.
"""

import os
import time

import numpy as np
import torch

from benchmarks.test_retrieval import products, watched

FEATURES = 768
LABELS = 19
PENALTIES = tuple(10.0**power for power in range(-6, 4))


def made(path, count, seed=0):
    """Features of 64 common factors and noise, memory-mapped, and labels that follow from them."""
    rng = np.random.default_rng(seed)
    x = np.lib.format.open_memmap(path, "w+", np.float32, (count, FEATURES))
    y = np.empty((count, LABELS), np.float32)
    mixing = rng.standard_normal((64, FEATURES), np.float32) / 8
    rule = rng.standard_normal((64, LABELS), np.float32) / 8
    for start in range(0, count, 10_000):
        rows = slice(start, min(start + 10_000, count))
        size = rows.stop - start
        factors = rng.standard_normal((size, 64), np.float32)
        noise = rng.standard_normal((size, FEATURES), np.float32)
        x[rows] = factors @ mixing + 0.5 * noise + 1
        y[rows] = factors @ rule - 1.5 + rng.logistic(size=(size, LABELS)) / 2 > 0
    x.flush()
    return np.load(path, mmap_mode="r"), y


def standardised(x):
    x = x.astype(np.float64)
    x -= x.mean(axis=0)
    x /= x.std(axis=0)
    return x


def test_ridge(benchmark, tmp_path):
    from sklearn.linear_model import RidgeCV

    from bench.models.heads.ridge import ridge

    x, y = made(tmp_path / "x.npy", 120_000)
    x.sum()  # in the page cache, for both
    _, found, own = watched(lambda: ridge(x, y, penalties=PENALTIES))
    benchmark.pedantic(lambda: ridge(x, y, penalties=PENALTIES), rounds=2)
    z = standardised(x)
    penalties = [len(x) * penalty for penalty in PENALTIES]
    peer = RidgeCV(penalties)
    passed, _, peer_bytes = watched(lambda: peer.fit(z, y))
    kept = penalties.index(peer.alpha_)
    expected = peer.predict(z[:1000])
    ours = x[:1000].astype(np.float64) @ found.weights[kept].numpy().T + found.biases[kept].numpy()
    benchmark.extra_info.update(
        name="ridge, ten penalties, 120,000 x 768, 19 labels",
        peer=f"RidgeCV, features standardised beforehand; {peer_bytes / 2**30:.2f} GiB beside them",
        ratio=round(passed / benchmark.stats.stats.min, 2),
        target=5,
        value=f"{own / 2**30:.2f} GiB",
        limit=f"the product of the features with themselves; {own / 2**30:.2f} GiB with pages "
        "of the file",
    )
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    assert own < 2 << 30


def objectives(z, y, weights, biases, strength):
    """[L] mean cross entropy + |v|^2 / (2 C N)."""
    logits = z @ weights.T + biases
    losses = np.logaddexp(0, logits) - y * logits
    return losses.mean(axis=0) + (weights**2).sum(axis=1) / (2 * strength * len(z))


def test_logistic(benchmark, tmp_path):
    """All labels and all C are ours; the peer fits every ninth label, whose time is scaled up.

    ``BENCH_LARGE=1`` lets it fit all of them.
    """
    from sklearn.linear_model import LogisticRegression

    from bench.models.heads.logistic import STRENGTHS, logistic

    some = slice(None) if "BENCH_LARGE" in os.environ else slice(None, None, 9)
    x, y = made(tmp_path / "x.npy", 20_000)
    found = benchmark.pedantic(lambda: logistic(x, y), rounds=2)
    z = standardised(x)
    mean, scale = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    passed, excess = 0.0, []
    for index, strength in enumerate(STRENGTHS):
        start = time.perf_counter()
        peers = [
            LogisticRegression(C=strength, tol=1e-6, max_iter=2000).fit(z, labels)
            for labels in y.T[some]
        ]
        passed += time.perf_counter() - start
        weights = np.concatenate([peer.coef_ for peer in peers])
        biases = np.concatenate([peer.intercept_ for peer in peers])
        own = found.weights[index, some].numpy()
        both = (
            objectives(z, y[:, some], *one, strength)
            for one in (
                (own * scale, found.biases[index, some].numpy() + own @ mean),
                (weights, biases),
            )
        )
        excess.append((next(both) - next(both)).max())
    fitted = len(peers)
    benchmark.extra_info.update(
        name="logistic regression, eight C, 20,000 x 768, 19 labels",
        peer="LogisticRegression, a label and a C at a time, float64, tol=1e-6"
        + (f", {fitted} labels, time x {LABELS / fitted:.1f}" if fitted < LABELS else "")
        + f"; our objectives less its are at most {max(excess):.0e}",
        ratio=round(passed * LABELS / fitted / benchmark.stats.stats.min, 2),
        target=3,
        limit=f"{found.steps} steps of two products in float64",
    )
    assert max(excess) < 1e-8


def test_neighbours(benchmark):
    from bench.models.heads.neighbours import directions, neighbours

    rng = np.random.default_rng(0)
    factors = rng.standard_normal((64, FEATURES), np.float32)

    def drawn(count):
        x = rng.standard_normal((count, 64), np.float32) @ factors / 8
        return directions(x + 0.5 * rng.standard_normal(x.shape, np.float32))

    samples, queries = drawn(100_000), drawn(20_000)
    least = [watched(lambda: products(queries, samples))[0]]
    _, found, own = benchmark.pedantic(
        lambda: watched(lambda: neighbours(queries, samples, 50)), rounds=1
    )
    least.append(watched(lambda: products(queries, samples))[0])
    some = torch.from_numpy(queries[:100]).double() @ torch.from_numpy(samples).double().T
    benchmark.extra_info.update(
        name="50 nearest neighbours, 20,000 x 100,000 x 768",
        peer="every cosine once in float32, by torch",
        value=f"{benchmark.stats.stats.min / min(least):.2f} x its time, {own / 1e6:.0f} MB",
        target="1.3 x its time",
        limit="comparing every cosine with its row's bar",
    )
    assert np.array_equal(found[:100], some.topk(50, dim=1)[1].numpy())
