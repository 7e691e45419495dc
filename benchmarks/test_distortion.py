"""The distortion of a decoded hyperspectral image beside plain torch."""

import tracemalloc

import numpy as np
import pytest
import torch
from pytorch_msssim import SSIM

from bench.metrics.distortion import distortion, ssim
from bench.metrics.rate_distortion import mean_quality
from benchmarks.test_metrics import against

SHAPE = (202, 128, 128)


def images() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A patch of HySpecNet-11k's size, a noisy copy, and three regions with some pixels of none."""
    rng = np.random.default_rng(0)
    original = 0.5 * rng.random(SHAPE, np.float32)
    decoded = original + np.float32(0.01) * rng.standard_normal(SHAPE, np.float32)
    regions = rng.choice(np.array([0, 1, 2, 255], np.uint8), SHAPE[1:])
    return original, decoded, regions


class Read(np.ndarray):
    """An image that counts the bytes that are read of it."""

    count = 0

    def __getitem__(self, key):
        part = super().__getitem__(key)
        Read.count += part.nbytes
        return part.view(np.ndarray)


def test_distortion(benchmark):
    original, decoded, regions = images()
    x, y = torch.from_numpy(original), torch.from_numpy(decoded)

    def plain() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        cosine = torch.nn.functional.cosine_similarity(x, y, dim=0).clamp(-1, 1)
        return ((x - y) ** 2).mean(), cosine.arccos().mean(), (x - y).abs().amax()

    (found, _), (error, angle, largest) = against(
        benchmark,
        lambda: distortion(original, decoded, regions, 3),
        plain,
        rounds=(15, 8),
        name="distortion of a 202x128x128 pair",
        peer="plain torch in float32, without bands and regions: mse, arccos of the cosine, amax",
        target=3,
        limit="double precision: two conversions and three dot products of every spectrum",
    )
    assert found.squared_error.sum() / original.size == pytest.approx(error.item(), rel=1e-5)
    assert found.angle / found.pixels == pytest.approx(angle.item(), rel=1e-4)
    assert found.largest == pytest.approx(largest.item(), rel=1e-6)


def test_passes(benchmark):
    original, decoded, regions = images()
    Read.count = 0
    distortion(original.view(Read), decoded.view(Read), regions, 3)
    tracemalloc.start()
    distortion(original, decoded, regions, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    benchmark.pedantic(lambda: distortion(original, decoded, regions, 3), rounds=5)
    passes = Read.count / (original.nbytes + decoded.nbytes)
    benchmark.extra_info.update(
        name="distortion of a 202x128x128 pair, passes of data",
        value=f"{passes:.2f} passes, temporaries {peak / original.nbytes:.2f} of an image at most",
        target="< 3 passes",
        limit="every byte of both images is read once, into blocks that stay in cache",
    )
    assert 1 <= passes < 3


def test_ssim(benchmark):
    original, decoded, _ = images()
    x, y = torch.from_numpy(original)[None], torch.from_numpy(decoded)[None]
    peer = SSIM(data_range=1, channel=SHAPE[0])
    found, expected = against(
        benchmark,
        lambda: ssim(original, decoded),
        lambda: peer(x, y),
        rounds=(3, 2),
        name="SSIM of a 202x128x128 pair",
        peer="pytorch_msssim",
        target=1,
        limit="34 sums and products of 11-pixel windows, for four maps of each band",
    )
    assert found == pytest.approx(expected.item(), abs=1e-5)


@pytest.mark.parametrize("method", ["akima", "pchip", "cubic"])
def test_replicates_of_mean_quality(benchmark, method):
    rng = np.random.default_rng(0)
    rates = np.geomspace(0.1, 8, 8) * np.exp(0.02 * rng.standard_normal((1000, 8)))
    quality = np.linspace(40, 56, 8) + 0.1 * rng.standard_normal((1000, 8))
    found = benchmark.pedantic(
        lambda: mean_quality(rates, quality, 0.2, 5, method), rounds=3, warmup_rounds=1
    )
    benchmark.extra_info.update(
        name=f"mean quality of 1,000 replicates of 8 points, {method}",
        value=f"{benchmark.stats.stats.min:.2f} s",
        target="< 1 s",
        limit="making an interpolator for each of them",
    )
    assert np.isfinite(found).all()
