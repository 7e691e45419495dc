"""The radar: speckle, levels, moisture and wind."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.data.simulate import radar
from bench.data.simulate.ground import Ground
from bench.data.simulate.landscape import Landscape
from bench.data.simulate.noise import generator
from bench.data.simulate.spectra import MATERIALS

SIZE = 48


def flat() -> Landscape:
    nothing = np.zeros((SIZE, SIZE))
    number = nothing.astype(np.int64)
    return Landscape(number.astype(np.uint16), nothing + 50, number, number, nothing, 0.0)


def image(material: str, scene: int = 0, wetness: float = 0.0) -> dict[str, NDArray[np.float32]]:
    shares = np.zeros((len(MATERIALS), SIZE, SIZE))
    shares[MATERIALS.index(material)] = 1
    ground = Ground(shares, np.ones((SIZE, SIZE)), wetness)
    return radar.observe(scene, land=flat(), ground=ground)


def level(material: str, channel: str, wetness: float = 0.0) -> float:
    return float(np.mean([image(material, scene, wetness)[channel].mean() for scene in range(4)]))


def test_speckle_has_its_number_of_looks() -> None:
    speckle = radar.speckle(generator("speckle"), (400, 400))
    assert speckle.mean() == pytest.approx(1, abs=0.01)
    looks = speckle.mean() ** 2 / speckle.var()
    assert looks == pytest.approx(radar.LOOKS, rel=0.03)


def test_speckle_of_an_image() -> None:
    # Neighbours share all but the speckle: the variance of the logarithm is that of gamma.
    decibels = image("grass")["VV"].astype(np.float64)
    difference = np.log(10) / 10 * (decibels[:, 1:] - decibels[:, :-1])
    trigamma = 0.2557  # of 4.4
    assert np.var(difference) / 2 == pytest.approx(trigamma, rel=0.1)


def test_type_and_grid() -> None:
    scene = image("crop")
    assert list(scene) == ["VV", "VH"]
    for decibels in scene.values():
        assert decibels.shape == (SIZE, SIZE)
        assert decibels.dtype == np.float32
        assert -60 < decibels.min() < decibels.max() < 15


def test_levels_are_ordered() -> None:
    assert level("clear water", "VH") < level("grass", "VH") - 3
    assert level("grass", "VH") < level("broadleaf", "VH") - 2
    assert level("broadleaf", "VV") < level("metal", "VV") - 4
    for material in MATERIALS:
        scene = image(material)
        assert scene["VH"].mean() < scene["VV"].mean() - 3


def test_wet_soil_is_brighter() -> None:
    assert level("bright soil", "VV", 1.0) == pytest.approx(level("bright soil", "VV") + 2, abs=0.1)


def test_wind_changes_water_and_not_forest() -> None:
    water = [image("clear water", scene)["VV"].mean() for scene in range(12)]
    forest = [image("conifer", scene)["VV"].mean() for scene in range(12)]
    assert np.std(water) > 2 * np.std(forest)
