"""Spectra have the features that their materials are known by."""

import numpy as np
import pytest

from bench.data.simulate.optics import SENTINEL_2
from bench.data.simulate.spectra import MATERIALS, SPECTRA, WAVELENGTHS, band_reflectance

NM = np.arange(WAVELENGTHS[0], WAVELENGTHS[1] + 1)
GREEN = ("broadleaf", "conifer", "grass", "crop", "shrub", "evergreen")


def at(material: str, nm: float) -> float:
    return float(SPECTRA[material](np.array([nm]))[0])


@pytest.mark.parametrize("material", MATERIALS)
def test_reflectance_is_a_share_of_the_light(material: str) -> None:
    reflectance = SPECTRA[material](NM)
    assert reflectance.shape == NM.shape
    assert reflectance.min() >= 0
    assert reflectance.max() <= 1


@pytest.mark.parametrize("material", GREEN)
def test_green_vegetation(material: str) -> None:
    red_edge = NM[(NM >= 680) & (NM <= 760)]
    slope = np.diff(SPECTRA[material](red_edge))
    assert slope.min() > 0
    assert 695 < red_edge[slope.argmax()] < 735
    assert at(material, 800) > 4 * at(material, 670)
    assert at(material, 560) > at(material, 480)
    assert at(material, 560) > at(material, 670)
    for band, shoulder in ((1450, 1280), (1940, 1800)):
        assert at(material, band) < 0.6 * at(material, shoulder)


@pytest.mark.parametrize("material", ["clear water", "turbid water"])
def test_water_is_dark_beyond_the_visible(material: str) -> None:
    assert SPECTRA[material](NM[NM > 800]).max() < 0.015
    assert at(material, 560) > at(material, 800)


def test_dry_matter_and_soil_have_no_red_edge() -> None:
    for material in ("straw", "litter", "bright soil", "dark soil", "sand"):
        assert at(material, 750) < 1.25 * at(material, 680)


def test_snow_is_bright_and_cold() -> None:
    assert at("snow", 500) > 0.8
    assert at("snow", 1600) < 0.2


def test_band_reflectance_of_a_narrow_band_is_the_spectrum() -> None:
    table = band_reflectance([665.0, 842.0], [0.1, 0.1])
    assert table.shape == (2, len(MATERIALS))
    for column, material in enumerate(MATERIALS):
        assert table[0, column] == pytest.approx(at(material, 665), rel=1e-4)
        assert table[1, column] == pytest.approx(at(material, 842), rel=1e-4)


def test_band_reflectance_integrates_with_a_gaussian_response() -> None:
    nm = np.arange(640, 790, 0.05)
    width = 30.0
    response = np.exp(-4 * np.log(2) * ((nm - 715) / width) ** 2)
    response[abs(nm - 715) > 1.2 * width] = 0
    expected = np.sum(response * SPECTRA["grass"](nm)) / np.sum(response)
    found = band_reflectance([715.0], [width], ["grass"])
    assert found[0, 0] == pytest.approx(expected, rel=5e-3)


def test_hundreds_of_narrow_bands_come_from_the_same_function() -> None:
    table = band_reflectance(np.linspace(420, 2450, 202).tolist(), [8.0] * 202)
    assert table.shape == (202, len(MATERIALS))
    assert np.isfinite(table).all()
    # Materials stay distinguishable: none is a multiple of another.
    directions = table / np.linalg.norm(table, axis=0)
    likeness = directions.T @ directions - np.eye(len(MATERIALS))
    assert likeness.max() < 0.9999


def test_sentinel_2_bands_lie_within_the_spectra() -> None:
    for centre, width, pixel in SENTINEL_2.values():
        assert WAVELENGTHS[0] <= centre - 1.2 * width
        assert centre + 1.2 * width <= WAVELENGTHS[1]
        assert pixel in (10, 20, 60)
