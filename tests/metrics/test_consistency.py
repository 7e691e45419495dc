"""Deviations from time series, against closed forms and a loop over pixels in NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.metrics import consistency
from bench.metrics.consistency import DISTANCES, deviations


def straightforward(found, series, std):
    """Pixel by pixel and date by date, in double precision, as the definitions read."""
    found, series, std = (np.asarray(values, np.float64) for values in (found, series, std))
    dates, bands, pixels = series.shape
    made = np.empty((dates, len(DISTANCES), pixels))
    for t in range(dates):
        others = [s for s in range(dates) if s != t]
        sigma = np.full(bands, np.nan)
        if len(others) > 1:
            sigma = np.sqrt((series[others] / std[:, None]).var(axis=0, ddof=1).mean(axis=1))
        for q in range(pixels):
            v = found[t, :, q] / std
            l1, l2, angle = [], [], []
            for s in others:
                x = series[s, :, q] / std
                l1.append(np.abs(v - x).sum() / bands)
                l2.append(np.linalg.norm(v - x) / np.sqrt(bands))
                lengths = np.linalg.norm(found[t, :, q]) * np.linalg.norm(series[s, :, q])
                angle.append(np.degrees(np.arccos(found[t, :, q] @ series[s, :, q] / lengths)))
            mean = np.mean([series[s, :, q] / std for s in others], axis=0)
            z = np.mean(np.abs(v - mean) / sigma)
            made[t, :, q] = np.mean(l1), np.mean(l2), np.mean(angle), np.min(l1), z
    return made


@pytest.mark.parametrize(("dates", "pixels"), [(2, 7), (3, 50), (4, 33)])
def test_as_the_definitions_read(dates, pixels, monkeypatch):
    monkeypatch.setattr(consistency, "_PIXELS", 16)
    rng = np.random.default_rng(dates)
    series = torch.from_numpy(rng.random((dates, 5, pixels), np.float32) + 0.05)
    changed = series.roll(1, dims=1) * 1.3
    std = torch.tensor([0.1, 0.2, 0.15, 0.3, 0.05])
    made = deviations([series, changed], series, std).numpy()
    for one, given_ in zip(made, (series, changed), strict=True):
        np.testing.assert_allclose(one, straightforward(given_, series, std), rtol=2e-5, atol=5e-3)


def of(values, series, std=None):
    values, series = (torch.tensor(each, dtype=torch.float32) for each in (values, series))
    std = torch.ones(series.shape[1]) if std is None else torch.tensor(std)
    (found,) = deviations([values], series, std)
    return {name: found[:, index] for index, name in enumerate(DISTANCES)}


def test_a_constant_series_does_not_deviate():
    series = np.full((3, 4, 6), 0.3)
    found = of(series, series)
    for name in ("l1", "l2", "nearest"):
        assert (found[name] == 0).all()
    assert found["angle"].max() < 1e-3
    assert found["z"].isnan().all()


def test_two_dates_and_a_known_shift():
    series = np.zeros((2, 3, 1))
    series[0, :, 0], series[1, :, 0] = (0.1, 0.2, 0.3), (0.2, 0.2, 0.6)
    std = [0.1, 0.1, 0.1]
    found = of(series, series, std)
    for name in ("l1", "nearest"):
        assert found[name].flatten().tolist() == pytest.approx([4 / 3, 4 / 3])
    assert found["l2"].flatten().tolist() == pytest.approx([np.sqrt(10 / 3)] * 2)
    assert found["z"].isnan().all()
    # From dates that are alike, a shift deviates by itself.
    alike = np.full((2, 3, 1), 0.2)
    shifted = of(alike + 0.05, alike, std)
    assert shifted["l1"].flatten().tolist() == pytest.approx([0.5, 0.5])
    assert shifted["l2"].flatten().tolist() == pytest.approx([0.5, 0.5])
    assert shifted["angle"].max() < 1e-3


def test_angles_of_right_angles_and_of_no_signature():
    series = np.zeros((2, 2, 3))
    series[0, 0], series[1, 1] = 1, 1
    series[:, :, 2] = 0
    values = series.copy()
    values[0, :, 1] = 0
    angles = of(values, series)["angle"]
    assert angles[0].tolist() == pytest.approx([90, 90, 0])


def test_a_band_that_never_changes_leaves_z_undefined():
    series = np.random.default_rng(0).random((4, 2, 5))
    series[:, 1] = 0.2
    found = of(series, series)
    assert found["z"].isnan().all()
    assert not found["l1"].isnan().any()


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 4), st.integers(1, 4), st.integers(1, 30), st.integers(0, 1 << 20))
def test_properties(dates, bands, pixels, seed):
    generator = torch.Generator().manual_seed(seed)
    series = torch.rand(dates, bands, pixels, generator=generator)
    std = torch.rand(bands, generator=generator) + 0.1
    made = deviations([series, series.clone()], series, std)
    torch.testing.assert_close(made[0], made[1], rtol=0, atol=0, equal_nan=True)
    l1, l2, angle, nearest, _ = made[0].unbind(dim=1)
    assert (nearest <= l1 + 1e-5).all() and (l1 <= l2 + 1e-4).all()
    assert (angle <= 90.01).all()
    # Centring a band changes no difference, and the order of the other dates doesn't count.
    order = torch.arange(dates).flip(0)
    turned = deviations([series[order]], series[order], std)[0][order]
    torch.testing.assert_close(turned[:, :4], made[0][:, :4], rtol=1e-4, atol=1e-2)
