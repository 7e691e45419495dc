"""Consistency of augmentations beside a loop over locations in NumPy, on the same series."""

import numpy as np
import torch

from bench.metrics.consistency import DISTANCES, deviations
from benchmarks.test_metrics import against
from benchmarks.test_retrieval import watched

LOCATIONS, DIFFERENT = 40, 4
"""Every location costs the same, a thousand as well, and nothing of one is kept for the next."""

DATES, BANDS, SIDE = 4, 10, 120
LIMIT = 2 << 30


def loop(found, series, std):
    """Of one location, as the definitions read: signatures [pixels, bands] date by date."""
    found, series = (
        values.reshape(DATES, BANDS, -1).transpose(0, 2, 1) for values in (found, series)
    )
    sums = np.zeros(len(DISTANCES))
    for t in range(DATES):
        others = [s for s in range(DATES) if s != t]
        v = found[t] / std
        l1, l2, angles = [], [], []
        for s in others:
            difference = v - series[s] / std
            l1.append(np.abs(difference).mean(axis=1))
            l2.append(np.sqrt((difference**2).mean(axis=1)))
            lengths = np.linalg.norm(found[t], axis=1) * np.linalg.norm(series[s], axis=1)
            cosine = (found[t] * series[s]).sum(axis=1) / lengths
            angles.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
        reference = series[others] / std
        sigma = np.sqrt(reference.var(axis=0, ddof=1).mean(axis=0))
        z = (np.abs(v - reference.mean(axis=0)) / sigma).mean(axis=1)
        made = [np.mean(l1, axis=0), np.mean(l2, axis=0), np.mean(angles, axis=0)]
        sums += [each.sum() for each in (*made, np.min(l1, axis=0), z)]
    return sums


def test_consistency(benchmark):
    rng = np.random.default_rng(0)
    shape = (DIFFERENT, DATES, BANDS, SIDE, SIDE)
    places = rng.random(shape, np.float32) * 0.5 + 0.05
    brighter = np.minimum(places * np.float32(1.2), 1)
    std = rng.random(BANDS) * 0.1 + 0.05
    scale = torch.from_numpy(std).float()
    images, changed = map(torch.from_numpy, (places, brighter))

    def ours():
        # Location after location, as they are read; nothing but sums is kept.
        sums = torch.zeros(2, len(DISTANCES), dtype=torch.float64)
        for number in range(LOCATIONS):
            row = number % DIFFERENT
            series, found = (values[row].flatten(2) for values in (images, changed))
            sums += deviations([series, found], series, scale).sum(dim=(1, 3), dtype=torch.float64)
        return sums.numpy() / (LOCATIONS / DIFFERENT)

    def peer():
        pairs = zip(places, brighter, strict=True)
        return np.sum([[loop(o, o, std), loop(b, o, std)] for o, b in pairs], axis=0)

    found, expected = against(
        benchmark,
        ours,
        peer,
        rounds=(1, 1),
        repeats=LOCATIONS // DIFFERENT,
        name=f"consistency, a location of {DATES} x {BANDS} x {SIDE} x {SIDE}",
        peer="NumPy, a loop over locations and dates, in its own double precision",
        target=5,
        limit="arithmetic of torch on what stays in a cache; calls of a few microseconds",
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    grown = watched(ours)[2]
    benchmark.extra_info["value"] = f"{grown / 2**20:.0f} MiB"
    assert grown < LIMIT
