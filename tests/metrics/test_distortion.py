"""Distortion against closed forms and a float64 reference; SSIM against pytorch_msssim."""

import math
import tracemalloc

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pytorch_msssim import SSIM

from bench.base.errors import BenchError
from bench.metrics import distortion as module
from bench.metrics.distortion import NO_REGION, distortion, ssim
from bench.metrics.rate_distortion import psnr

DEGREE = math.pi / 180


def pair(*shape: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """An image in [0, 1] and a noisy copy."""
    rng = np.random.default_rng(seed)
    original = rng.random(shape, np.float32)
    noise = 0.05 * rng.standard_normal(shape, np.float32)
    return original, np.clip(original + noise, 0, 1).astype(np.float32)


def nowhere(image: np.ndarray) -> np.ndarray:
    return np.full(image.shape[1:], NO_REGION, np.uint8)


def whole(original: np.ndarray, decoded: np.ndarray):
    return distortion(original, decoded, nowhere(original), 0)[0]


def spectra(*pixels: list[float]) -> np.ndarray:
    """An image of one row from the spectra of its pixels."""
    return np.array(pixels, np.float32).T[:, None, :]


def angles(original: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """[H, W] Kahan's angle of two vectors (2006), in float64; 90 degrees where one is zero."""
    x, y = original.astype(np.float64), decoded.astype(np.float64)

    def unit(spectrum: np.ndarray) -> np.ndarray:
        largest = np.abs(spectrum).max(axis=0)
        scaled = spectrum / np.where(largest > 0, largest, 1)
        size = np.sqrt((scaled**2).sum(axis=0))
        return scaled / np.where(size > 0, size, 1)

    difference, total = unit(x) - unit(y), unit(x) + unit(y)
    return 2 * np.arctan2(np.sqrt((difference**2).sum(axis=0)), np.sqrt((total**2).sum(axis=0)))


def check(original: np.ndarray, decoded: np.ndarray, regions: np.ndarray, count: int) -> None:
    """Everything ``distortion`` says against the plain formulas, in float64."""
    everywhere, parts = distortion(original, decoded, regions, count)
    error = decoded.astype(np.float64) - original
    angle = angles(original, decoded)
    masks = [np.full(regions.shape, True), *(regions == region for region in range(count))]
    for index, mask in enumerate(masks):
        found = (
            vars(everywhere) if index == 0 else {k: v[index - 1] for k, v in vars(parts).items()}
        )
        squares = (error[:, mask] ** 2).sum(axis=1)
        assert found["squared_error"] == pytest.approx(squares, rel=1e-12, abs=0)
        assert found["largest"] == pytest.approx(np.abs(error[:, mask]).max(initial=0), rel=1e-15)
        assert found["angle"] == pytest.approx(angle[mask].sum(), abs=1e-5 * DEGREE * mask.sum())
        assert found["pixels"] == mask.sum()


@pytest.mark.parametrize(
    "shape", [(202, 32, 32), (3, 1, 1), (1, 5, 7), (4, 1, 700), (2, 300, 1), (5, 9, 100)]
)
def test_equals_the_plain_formulas(shape):
    original, decoded = pair(*shape)
    regions = np.random.default_rng(1).choice([0, 1, 2, NO_REGION], shape[1:]).astype(np.uint8)
    check(original, decoded, regions, 3)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_equals_the_plain_formulas_for_any_image(data):
    shape = data.draw(arrays.array_shapes(min_dims=3, max_dims=3, max_side=6))
    values = st.floats(-2, 2, width=32) | st.sampled_from([0.0, 0.1, 1e-30])
    original = data.draw(arrays.arrays(np.float32, shape, elements=values))
    decoded = data.draw(arrays.arrays(np.float32, shape, elements=values) | st.just(original))
    regions = data.draw(
        arrays.arrays(np.uint8, shape[1:], elements=st.sampled_from([0, 1, NO_REGION]))
    )
    check(original, decoded, regions, 2)


@settings(max_examples=50, deadline=None)
@given(
    arrays.arrays(np.float32, (20, 1, 3), elements=st.floats(2**-7, 1, width=32)),
    st.floats(0.5, 2, width=32),
)
def test_a_brighter_spectrum_has_the_same_angle(image, factor):
    brighter = image * np.float32(factor)
    found = whole(image, brighter).angle
    assert found == pytest.approx(angles(image, brighter).sum(), abs=3e-5 * DEGREE)
    assert found < 1e-4 * DEGREE


def test_a_negative_zero_is_a_zero():
    zeros = np.zeros((1, 1, 1), np.float32)
    assert whole(zeros, -zeros).angle == 0


def test_a_constant_offset():
    original = np.full((5, 8, 9), 0.5, np.float32)
    found = whole(original, original + np.float32(0.125))
    assert np.array_equal(found.squared_error, np.full(5, 72 / 64))
    assert found.largest == 0.125
    assert found.angle == 0
    assert found.pixels == 72
    assert psnr(found.squared_error.sum() / (5 * 72)) == pytest.approx(20 * math.log10(8))


def test_identical_images():
    original, _ = pair(30, 20, 10)
    found = whole(original, original.copy())
    assert not found.squared_error.any()
    assert found.largest == 0
    assert found.angle == 0


@pytest.mark.parametrize(
    ("first", "second", "degrees"),
    [
        ([1, 0], [1, 1], 45),
        ([1, 0], [0, 0.3], 90),
        ([0.5, 0.5], [-0.5, -0.5], 180),
        ([1, 0, 0], [-0.5, 3**0.5 / 2, 0], 120),
        ([1, 0], [1, 1e-5], math.atan(1e-5) / DEGREE),
        ([1e-30, 0], [1e-30, 1e-30], 45),
        ([1e30, 0], [1e-30, 1e-30], 45),
        ([0.7], [0.2], 0),
        ([0, 0], [0, 0], 0),
        ([0, 0], [1e-40, 0], 90),
        ([0.2, 0.1], [0, 0], 90),
    ],
)
def test_known_angles(first, second, degrees):
    for one, other in [(first, second), (second, first)]:
        found = whole(spectra(one), spectra(other))
        assert found.angle == pytest.approx(degrees * DEGREE, abs=1e-5 * DEGREE)
        assert found.pixels == 1


def test_regions_and_the_rest_add_up_to_the_whole():
    original, decoded = pair(6, 40, 40)
    regions = np.random.default_rng(2).integers(0, 4, (40, 40)).astype(np.uint8)
    everywhere, parts = distortion(original, decoded, regions, 4)
    assert parts.squared_error.sum(axis=0) == pytest.approx(everywhere.squared_error, rel=1e-13)
    assert parts.angle.sum() == pytest.approx(everywhere.angle, rel=1e-13)
    assert parts.pixels.sum() == everywhere.pixels == 1600
    assert parts.largest.max() == everywhere.largest


def test_a_region_without_pixels_is_zero():
    original, decoded = pair(4, 5, 6)
    _, parts = distortion(original, decoded, np.ones((5, 6), np.uint8), 3)
    assert parts.pixels.tolist() == [0, 30, 0]
    for field in (parts.squared_error.sum(axis=1), parts.largest, parts.angle):
        assert np.array_equal(field > 0, [False, True, False])


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    original, decoded = pair(50, 64, 64)
    results = []
    for threads in (1, 4):
        monkeypatch.setattr(module, "_THREADS", threads)
        results.append(whole(original, decoded))
    assert np.array_equal(results[0].squared_error, results[1].squared_error)
    assert results[0].angle == results[1].angle


def test_the_memory_layout_does_not_matter():
    original, decoded = pair(20, 24, 16)
    stored = np.ascontiguousarray(decoded.transpose(1, 2, 0)).transpose(2, 0, 1)
    assert not stored.flags.c_contiguous
    assert np.array_equal(
        whole(original, stored).squared_error, whole(original, decoded).squared_error
    )
    assert ssim(original, stored) == pytest.approx(ssim(original, decoded), abs=1e-6)


def test_temporaries_stay_below_one_patch():
    original, decoded = pair(202, 128, 128)
    regions = np.zeros((128, 128), np.uint8)
    whole(original, decoded)
    tracemalloc.start()
    try:
        distortion(original, decoded, regions, 3)
        ssim(original, decoded)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < original.nbytes / 2


@pytest.mark.parametrize("measure", [whole, ssim])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_refuses_what_is_not_finite(measure, value, which):
    images = pair(3, 16, 16)
    images[which][1, 4, 5] = value
    with pytest.raises(BenchError, match=["original", "decoded"][which]):
        measure(*images)


@pytest.mark.filterwarnings("error")
def test_refusing_infinity_warns_of_nothing():
    infinite = np.full((2, 16, 16), math.inf, np.float32)
    for measure in (whole, ssim):
        with pytest.raises(BenchError):
            measure(infinite, infinite)


@pytest.mark.parametrize("measure", [whole, ssim])
def test_refuses_what_is_no_pair(measure):
    original, decoded = pair(3, 12, 12)
    for bad in (decoded[:2], decoded[:, :11], decoded[0], decoded.astype(np.float64)):
        with pytest.raises(BenchError, match="expected"):
            measure(original, bad)
    with pytest.raises(BenchError, match="expected"):
        measure(original[:0], decoded[:0])


def test_refuses_regions_that_are_none():
    original, decoded = pair(3, 4, 5)
    regions = np.zeros((4, 5), np.uint8)
    for bad, count in [(regions[:3], 1), (regions.astype(np.int64), 1), (regions, 256)]:
        with pytest.raises(BenchError, match="expected regions"):
            distortion(original, decoded, bad, count)
    with pytest.raises(BenchError, match="below 0, found 0"):
        distortion(original, decoded, regions, 0)
    with pytest.raises(BenchError, match="below 2, found 2"):
        distortion(original, decoded, regions + np.uint8(2), 2)


@pytest.mark.parametrize("shape", [(7, 40, 31), (1, 11, 11), (3, 11, 90), (202, 64, 64)])
def test_ssim_equals_pytorch_msssim(shape):
    original, decoded = pair(*shape)
    expected = SSIM(data_range=1, channel=shape[0])(
        torch.from_numpy(original)[None], torch.from_numpy(decoded)[None]
    )
    assert ssim(original, decoded) == pytest.approx(expected.item(), abs=1e-5)
    assert ssim(original, decoded) < 0.999


def test_ssim_of_constant_images():
    # Without variance only the means are compared.
    original = np.full((4, 20, 20), 0.25, np.float32)
    expected = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    assert ssim(original, 3 * original) == pytest.approx(expected, abs=1e-3)
    assert ssim(original, original) == 1


def test_ssim_of_identical_images_is_one():
    original, _ = pair(5, 30, 30)
    assert ssim(original, original.copy()) == 1


@pytest.mark.parametrize("shape", [(3, 10, 40), (3, 40, 10), (1, 1, 1)])
def test_ssim_needs_a_whole_window(shape):
    assert math.isnan(ssim(*pair(*shape)))


def test_ssim_refuses_what_overflows():
    original, _ = pair(2, 16, 16)
    with pytest.raises(BenchError, match="finite"):
        ssim(original, np.full_like(original, 1e30))


def test_principal_components_of_a_real_patch(real_data):
    """The PSNR of a PCA follows from the eigenvalues that it drops; SSIM as pytorch_msssim."""
    path = next((real_data / "hyspecnet11k").rglob("*-SPECTRAL_IMAGE.TIF"))
    bands = tifffile.imread(path)
    assert bands.shape == (224, 128, 128)
    bands = np.delete(bands, [*range(126, 141), *range(160, 167)], axis=0)
    original = (np.clip(bands, 0, 10_000) / 10_000).astype(np.float32)
    table = original.reshape(202, -1).astype(np.float64)
    mean = table.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh((table - mean) @ (table - mean).T)
    for components, expected in [(7, 59.81), (13, 61.49), (26, 63.94), (51, 67.72)]:
        basis = vectors[:, -components:]
        decoded = (mean + basis @ (basis.T @ (table - mean))).reshape(original.shape)
        found = whole(original, decoded.astype(np.float32))
        error = found.squared_error.sum() / original.size
        assert error == pytest.approx(values[:-components].sum() / original.size, rel=1e-4)
        assert psnr(error) == pytest.approx(expected, abs=0.006)
    expected = SSIM(data_range=1, channel=202)(
        torch.from_numpy(original)[None], torch.from_numpy(decoded)[None].float()
    )
    assert ssim(original, decoded.astype(np.float32)) == pytest.approx(expected.item(), abs=1e-5)
