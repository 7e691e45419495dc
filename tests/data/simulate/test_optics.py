"""The optical sensor: bands, grids, air, clouds and noise."""

import numpy as np
import pytest

from bench.data.simulate.ground import Ground
from bench.data.simulate.landscape import Landscape
from bench.data.simulate.noise import generator
from bench.data.simulate.optics import SENTINEL_2, Weather, observe, sky
from bench.data.simulate.spectra import MATERIALS, band_reflectance

SIZE = 60
CLEAR = Weather(haze=0.0, light=1.0, clouds=0.0)


def flat() -> Landscape:
    nothing = np.zeros((SIZE, SIZE))
    number = nothing.astype(np.int64)
    return Landscape(number.astype(np.uint16), nothing + 50, number, number, nothing, 0.0)


def halves(left: str, right: str) -> Ground:
    """Two pure materials side by side; the border is at a third."""
    shares = np.zeros((len(MATERIALS), SIZE, SIZE))
    shares[MATERIALS.index(left), :, :20] = 1
    shares[MATERIALS.index(right), :, 20:] = 1
    return Ground(shares, np.ones((SIZE, SIZE)), 0.0)


def test_grids_and_types() -> None:
    image = observe("x", land=flat(), ground=halves("grass", "sand"), weather=CLEAR)
    assert list(image) == list(SENTINEL_2)
    for name, pixels in image.items():
        side = SIZE * 10 // SENTINEL_2[name][2]
        assert pixels.shape == (side, side)
        assert pixels.dtype == np.uint16
        assert pixels.min() >= 1


def test_pure_ground_gives_the_spectrum() -> None:
    image = observe("x", land=flat(), ground=halves("grass", "grass"), weather=CLEAR)
    centres, widths, _ = zip(*SENTINEL_2.values(), strict=True)
    expected = band_reflectance(centres, widths, ["grass"])[:, 0]
    for value, pixels in zip(expected, image.values(), strict=True):
        assert pixels.mean() / 10_000 == pytest.approx(value, rel=0.02, abs=0.0005)


def test_a_coarse_pixel_is_the_mean_of_fine_ones() -> None:
    bands = {"fine": (842.0, 20.0, 10), "coarse": (842.0, 20.0, 20)}
    image = observe(
        "x", land=flat(), ground=halves("grass", "clear water"), weather=CLEAR, bands=bands
    )
    means = image["fine"].reshape(30, 2, 30, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(image["coarse"], means, atol=200)


def test_the_border_is_blurred_over_a_pixel_and_not_moved() -> None:
    image = observe("x", land=flat(), ground=halves("clear water", "grass"), weather=CLEAR)
    profile = image["B08"].mean(axis=0)
    low, high = profile[:18].mean(), profile[22:].mean()
    assert low + 0.05 * (high - low) < profile[19] < low + 0.4 * (high - low)
    assert low + 0.6 * (high - low) < profile[20] < high


def test_haze_brightens_the_blue_more_than_the_infrared() -> None:
    ground = halves("clear water", "clear water")
    clear = observe("x", land=flat(), ground=ground, weather=CLEAR)
    hazy = observe("x", land=flat(), ground=ground, weather=Weather(0.03, 1.0, 0.0))
    added = {name: hazy[name].mean() - clear[name].mean() for name in ("B01", "B03", "B08", "B11")}
    assert added["B01"] > added["B03"] > added["B08"] > added["B11"] > 0


def test_clouds_cover_their_share() -> None:
    ground = halves("conifer", "conifer")
    image = observe("x", land=flat(), ground=ground, weather=Weather(0.0, 1.0, 0.3))
    assert 0.15 < np.mean(image["B02"] > 2000) < 0.45
    clear = observe("x", land=flat(), ground=ground, weather=CLEAR)
    assert clear["B02"].max() < 1000


def test_skies_differ() -> None:
    skies = [sky(generator("sky", index), 0.1) for index in range(100)]
    assert np.std([sky.haze for sky in skies]) > 0.005
    assert np.mean([sky.light for sky in skies]) == pytest.approx(0.97, abs=0.05)
    assert all(sky.clouds == 0.1 for sky in skies)
