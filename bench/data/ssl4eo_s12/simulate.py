"""A simulated SSL4EO-S12 (Sentinel-2 L2A) in the official on-disk layout: few places, all seasons.

Nothing in it can be taken for real data: the zones 90 to 99 of the military grid don't exist.
"""

from datetime import date
from pathlib import Path

from bench.base.files import new_folder
from bench.data.formats import geotiff
from bench.data.simulate import optics
from bench.data.simulate.ground import ground
from bench.data.simulate.landscape import PIXEL, Landscape, landscape
from bench.data.simulate.noise import generator
from bench.data.simulate.regions import REGIONS, Region

SIDE = 264
"""Pixels of 10 m on a side of an image."""

_DATES = (4, 2, 3, 1, 4)
"""How many dates locations have, one in each of the first regions."""


def write(root: Path, seed: int = 0) -> None:
    """Write the dataset under ``root`` in the official layout; ``root`` appears as a whole.

    Raises:
        BenchError: ``root`` holds something, or can't be written.
    """
    with new_folder(root) as folder:
        for number, (region, dates) in enumerate(zip(REGIONS, _DATES, strict=False)):
            land = landscape(
                seed,
                "ssl4eo",
                region.name,
                size=SIDE,
                weights=region.weights,
                shore=region.shore,
                water=None,
                relief=region.relief,
            )
            for day in region.dates[:dates]:
                name = f"{day:%Y%m%d}T103031_{day:%Y%m%d}T103031_T{90 + number}{region.square}"
                _write_image(folder / "s2a" / f"{number:07d}" / name, seed, region, day, land)


def _write_image(folder: Path, seed: int, region: Region, day: date, land: Landscape) -> None:
    place, moment = (seed, "ssl4eo", region.name), day.isoformat()
    covered = ground(
        *place,
        land=land,
        day=day.timetuple().tm_yday,
        climate=region.climate,
        date=moment,
        snow=0.0,
    )
    weather = optics.sky(generator(*place, "sky", moment), 0.0)
    bands = optics.observe(*place, moment, land=land, ground=covered, weather=weather)
    folder.mkdir(parents=True)
    for band, pixels in bands.items():
        # Without the zeros of other archives: B2, B11.
        path = folder / f"B{band[1:].lstrip('0')}.tif"
        pixel = SIDE * PIXEL / pixels.shape[0]
        geotiff.write(path, pixels, epsg=region.epsg, origin=region.corner, pixel=pixel)
