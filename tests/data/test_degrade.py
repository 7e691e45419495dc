"""Degradations of images against closed forms."""

import numpy as np
import pytest

from bench.data import degrade


def image(dtype: str = "uint16", shape: tuple[int, int] = (120, 90)) -> np.ndarray:
    values = np.random.default_rng(3).integers(100, 200, shape)
    return values.astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_every_degradation_keeps_shape_and_dtype(dtype: str) -> None:
    values = image(dtype)
    mask = degrade.cloud_mask("a", share=0.3)
    for found in (
        degrade.dropped(values, 150.4),
        degrade.clouded(values, mask, 255.0),
        degrade.noisy(values, "a", std=500.0),
        degrade.coarser(values, 2.5),
    ):
        assert (found.dtype, found.shape) == (values.dtype, values.shape)


def test_a_dropped_band_holds_its_mean() -> None:
    assert (degrade.dropped(image(), 150.4) == 150).all()
    assert (degrade.dropped(image("float32"), -12.625) == np.float32(-12.625)).all()


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
def test_clouds_cover_exactly_their_share_and_grow(share: float) -> None:
    mask = degrade.cloud_mask("sample", share=share)
    assert mask.sum() == round(share * mask.size)
    assert (degrade.cloud_mask("sample", share=share) == mask).all()
    assert mask[degrade.cloud_mask("sample", share=share / 2)].all()
    assert share == 1 or (degrade.cloud_mask("other", share=share) != mask).any()


def test_clouds_hang_together() -> None:
    """Neighbours of a clouded pixel are clouded far more often than others."""
    mask = degrade.cloud_mask("sample", share=0.3)
    assert (mask[:, 1:] & mask[:, :-1]).mean() > 2 * 0.3**2


def test_the_cover_of_a_pixel_is_the_share_of_its_area_under_clouds() -> None:
    mask = degrade.cloud_mask("sample", share=0.3)
    zeros = np.zeros((32, 64), np.float32)
    cover = degrade.clouded(zeros, mask, 1.0)
    assert cover == pytest.approx(mask.reshape(32, 4, 64, 2).mean(axis=(1, 3)))
    larger = degrade.clouded(np.zeros((120, 90), np.float32), mask, 1.0)
    assert larger.mean() == pytest.approx(mask.mean())
    values = image("float32")
    clouds = degrade.clouded(values, mask, 7000.0)
    assert clouds == pytest.approx((1 - larger) * values + larger * 7000, rel=1e-5)


def test_clouds_are_as_bright_as_those_of_the_simulator() -> None:
    seen = [degrade.cloud_reflectance(str(one), wavelength=560) for one in range(200)]
    assert 0.45 <= min(seen) < 0.47
    assert 0.73 < max(seen) <= 0.75
    assert degrade.cloud_reflectance("a", wavelength=1613.7) == pytest.approx(
        0.55 * degrade.cloud_reflectance("a", wavelength=None)
    )


def test_noise_has_its_standard_deviation_and_no_mean() -> None:
    values = image("float32", (500, 500))
    noise = degrade.noisy(values, "a", "B02", std=30.0) - values
    assert noise.std() == pytest.approx(30, rel=0.01)
    assert abs(noise.mean()) < 4 * 30 / 500
    twice = degrade.noisy(values, "a", "B02", std=60.0) - values
    assert twice == pytest.approx(2 * noise, abs=1e-3)
    other = degrade.noisy(values, "a", "B03", std=30.0) - values
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.01


def test_noise_of_integers_is_rounded_and_ends_at_their_range() -> None:
    values = np.full((300, 300), 10, np.uint8)
    found = degrade.noisy(values, "a", std=100.0)
    assert {0, 255} <= set(found.ravel().tolist())


@pytest.mark.parametrize("factor", [2, 3, 10, 30])
def test_coarse_pixels_are_block_means(factor: int) -> None:
    values = image("float32")
    rows, columns = 120 // factor, 90 // factor
    means = values.reshape(rows, factor, columns, factor).mean(axis=(1, 3), dtype=np.float64)
    expected = means.repeat(factor, axis=0).repeat(factor, axis=1)
    assert degrade.coarser(values, factor) == pytest.approx(expected)


def test_coarse_pixels_of_broken_sizes_average_over_their_area() -> None:
    row = np.arange(5, dtype=np.float64)[None].repeat(2, axis=0)
    # Pixels of 2.5: [0, 2.5) and [2.5, 5); the middle one's centre begins the second.
    found = degrade.coarser(row, 2.5)
    first, second = (0 + 1 + 0.5 * 2) / 2.5, (0.5 * 2 + 3 + 4) / 2.5
    assert found[0] == pytest.approx([first, first, second, second, second])
    # What is left at the end is a pixel of its own.
    assert degrade.coarser(row, 2)[0] == pytest.approx([0.5, 0.5, 2.5, 2.5, 4])
    assert degrade.coarser(row, 100) == pytest.approx(np.full((2, 5), 2.0))


def test_an_average_over_another_grid_keeps_the_mean() -> None:
    values = np.random.default_rng(0).random((7, 5))
    for shape in ((7, 5), (3, 4), (20, 11)):
        found = degrade.area_average(values, shape)
        assert found.shape == shape
        assert found.mean() == pytest.approx(values.mean())
    assert degrade.area_average(values, (7, 5)) == pytest.approx(values)
