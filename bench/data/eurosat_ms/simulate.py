"""A simulated EuroSAT in 13 bands, in the official on-disk layout.

Land cover is that of the simulated BigEarthNet, mostly of one class; on top of what the ground
reflects, air adds light that falls with wavelength, as in images that aren't corrected for it.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.base.files import new_folder
from bench.data import declaration
from bench.data.formats import planar_tiff
from bench.data.pictures import simulate as pictures
from bench.data.simulate import optics
from bench.data.simulate.ground import ground
from bench.data.simulate.landscape import Landscape, Water, landscape
from bench.data.simulate.noise import Floats, generator, rotated
from bench.data.simulate.recipes import RECIPES, Shares
from bench.data.simulate.regions import REGIONS
from bench.data.simulate.site import Site

SIZE = 64
"""Pixels of 10 m on a side of a patch."""

TIMES = 5
"""How many times `bench.data.pictures.simulate.PER_CLASS` patches of each class."""

_SIDE = 66  # divisible by the pixels of the coarse bands
_WORKERS = min(4, os.cpu_count() or 1)
_OTHERS = {211: 1.0, 231: 1.0, 243: 1.0, 311: 1.0, 112: 0.5}
_COMMON = (5.0, 25.0)  # how much more common than the others the codes of a class are
_ROAD = 122

# CORINE codes of each class and the water that crosses it.
_OF: dict[str, tuple[tuple[int, ...], Water | None]] = {
    "annual crop": ((211,), None),
    "forest": ((311, 312, 313), None),
    "herbaceous vegetation": ((321, 322, 324), None),
    "highway": ((211, 231, 243), None),
    "industrial": ((121,), None),
    "pasture": ((231,), None),
    "permanent crop": ((221, 222), None),
    "residential": ((111, 112), None),
    "river": ((211, 231, 311), "river"),
    "sea lake": ((231, 311), "lake"),
}

_BANDS = {**optics.SENTINEL_2, "B10": (1373.5, 30, 60)}


class _Air(NamedTuple):
    """What is between a patch and the sensor.

    Attributes:
        light: factor of the illumination, by the height of the sun and the slope of the land.
        scattered: reflectance added at 443 nm; it falls with the fourth power of wavelength.
        vapour: share of the light that water vapour lets through in B09; in B10 a hundredth of it.
    """

    light: float
    scattered: float
    vapour: float


def _asphalt(site: Site) -> Shares:
    grey = np.clip(0.8 + 0.1 * site.fine, 0, 1)
    return {"asphalt": grey, "rock": 1 - grey}


def simulate(label: str, number: int, seed: int = 0) -> NDArray[np.uint16]:
    """A patch of a class, uint16 [13, 64, 64]; it depends on the arguments alone.

    Raises:
        KeyError: there is no such class.
    """
    codes, water = _OF[label]
    key = (seed, "eurosat-ms", label, number)
    rng = generator(*key, "place")
    region = REGIONS[int(rng.integers(len(REGIONS)))]
    day = region.dates[int(rng.integers(len(region.dates)))]
    theme = int(rng.choice(codes))
    common = float(rng.uniform(*_COMMON))
    for attempt in range(20):
        land = landscape(
            *key,
            attempt,
            size=_SIDE,
            weights={**_OTHERS, theme: common},
            shore={0: 1.0},
            water=water,
            relief=region.relief,
        )
        wet = float((land.cover >= 500).mean())
        # Mostly water, or a river that is there.
        if water is None or wet > (0.3 if water == "lake" else 0.08):
            break
    if label == "highway":
        land = _with_road(land, rng)
    covered = ground(
        *key,
        land=land,
        day=day.timetuple().tm_yday,
        climate=region.climate,
        date=day.isoformat(),
        recipes={**RECIPES, _ROAD: _asphalt},
    )
    weather = optics.sky(rng, 0.0)
    seen = optics.observe(*key, land=land, ground=covered, weather=weather, bands=_BANDS)
    air = _Air(
        light=float(np.exp(0.25 * rng.standard_normal())),
        scattered=float(rng.uniform(0.04, 0.14)),
        vapour=float(rng.uniform(0.2, 0.5)),
    )
    bands = declaration("eurosat-ms")["bands"]
    return np.stack([_published(name, seen[name], air) for name in bands])


def write(root: Path, seed: int = 0) -> None:
    """Write the dataset under ``root`` in the official layout; ``root`` appears as a whole.

    The same seed writes the same bytes.

    Raises:
        BenchError: ``root`` holds something, or can't be written.
    """
    count = pictures.PER_CLASS * TIMES
    planned = [(label, number) for label in _OF for number in range(1, count + 1)]

    with new_folder(root) as folder, ThreadPoolExecutor(_WORKERS) as pool:

        def one(what: tuple[str, int]) -> str:
            label, number = what
            name = "".join(part.capitalize() for part in label.split())
            path = folder / name / f"{name}_{number}.tif"
            path.parent.mkdir(exist_ok=True)
            planar_tiff.write(
                path,
                simulate(label, number, seed),
                epsg=32633,
                origin=(500_000.0 + 640 * number, 5_000_000.0),
                pixel=10.0,
                nodata=None,
                interleaved=True,
            )
            return path.name

        files = list(pool.map(one, planned))
        pictures.write_lists(declaration("eurosat-ms")["division"], folder, files)


def _with_road(land: Landscape, rng: np.random.Generator) -> Landscape:
    """The landscape with a straight motorway through it."""
    along, across = rotated(land.size, float(rng.uniform(0, np.pi)))
    bend: Floats = 4 * np.sin(along / rng.uniform(15, 40))
    middle = np.quantile(across, rng.uniform(0.3, 0.7))
    road = np.abs(across - middle + bend) < rng.uniform(1.2, 2.2)
    cover = np.where(road, np.uint16(_ROAD), land.cover).astype(np.uint16)
    return Landscape(cover, land.elevation, land.field, land.lot, land.hedge, land.angle)


def _published(band: str, pixels: NDArray[np.uint16], air: _Air) -> NDArray[np.uint16]:
    """A band as it is published: at the sensor, and brought to pixels of 10 m."""
    centre = _BANDS[band][0]
    through = {"B09": air.vapour, "B10": 0.01 * air.vapour}.get(band, 1.0)
    values = through * air.light * pixels + 1e4 * air.scattered * (443 / centre) ** 4
    factor = _SIDE // pixels.shape[0]
    fine = np.rint(values).repeat(factor, axis=0).repeat(factor, axis=1)
    found: NDArray[np.uint16] = fine[:SIZE, :SIZE].astype(np.uint16)
    return found
