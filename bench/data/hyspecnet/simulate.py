"""A simulated HySpecNet-11k in the official on-disk layout, with smaller patches.

Nothing in it can be taken for real data: its scenes are older than EnMAP, and neither their
datatakes nor the version of their processor exist.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np

from bench.base.files import new_folder
from bench.data.formats import geotiff, planar_tiff
from bench.data.hyspecnet import enmap
from bench.data.simulate import optics
from bench.data.simulate.ground import ground
from bench.data.simulate.landscape import PIXEL, WATER, landscape
from bench.data.simulate.noise import generator
from bench.data.simulate.regions import REGIONS, Region

SIZE = 64
"""Pixels of 30 m on a side of a patch; the published ones have 128."""

TILES, PATCHES = 12, 5
"""How many tiles, and patches of each."""

_EASY = {"train": 35, "val": 5, "test": 20}
_HARD = {"train": 7, "val": 1, "test": 4}  # tiles
_PER_ROW = 3  # patches side by side in a tile
_APART = 30_000.0  # metres between the tiles of one region
_CLOUDY = 0.2  # share of patches with clouds
_WORKERS = min(4, os.cpu_count() or 1)

Item = TypeVar("Item")


@dataclass(frozen=True)
class Scene:
    """A patch before anything is simulated.

    Attributes:
        tile: number of its tile.
        patch: number of it in the tile.
    """

    tile: int
    patch: int

    @property
    def region(self) -> Region:
        """Where the tile lies."""
        return REGIONS[self.tile % len(REGIONS)]

    @property
    def visit(self) -> int:
        """How many tiles of its region come before it."""
        return self.tile // len(REGIONS)

    @property
    def day(self) -> date:
        """Of the overflight."""
        return self.region.dates[self.visit]

    @property
    def tile_name(self) -> str:
        """The name of the tile in the official form."""
        return (
            f"ENMAP01-____L2A-DT99999999{self.tile:02d}_{self.day:%Y%m%d}T101010Z_001_V999999"
            f"_{self.day:%Y%m%d}T202020Z"
        )

    @property
    def corner(self) -> tuple[int, int]:
        """Row and column of the first pixel in the tile."""
        row, column = divmod(self.patch, _PER_ROW)
        return row * SIZE, column * SIZE

    @property
    def name(self) -> str:
        """The official name: the tile, and the first and last row and column."""
        row, column = self.corner
        rows, columns = (f"{first:04d}{first + SIZE - 1:04d}" for first in (row, column))
        return f"{self.tile_name}-Y{rows}_X{columns}"

    @property
    def origin(self) -> tuple[float, float]:
        """Easting and northing of the north-west corner in metres."""
        east, north = self.region.corner
        row, column = self.corner
        return east + enmap.GSD * column, north - enmap.GSD * row - _APART * self.visit


def plan() -> list[Scene]:
    """All patches of the dataset, by tile."""
    return [Scene(tile, patch) for tile in range(TILES) for patch in range(PATCHES)]


def splits(seed: int = 0) -> dict[str, dict[str, list[Scene]]]:
    """The patches by difficulty and split: easy is by patch, hard by tile, both drawn at random."""
    scenes = plan()
    order = generator(seed, "easy").permutation(len(scenes))
    easy = _parts([scenes[index] for index in order], _EASY)
    tiles = _parts(generator(seed, "hard").permutation(TILES).tolist(), _HARD)
    hard = {
        split: [scene for scene in scenes if scene.tile in chosen]
        for split, chosen in tiles.items()
    }
    return {"easy": easy, "hard": hard}


def _parts(items: Sequence[Item], sizes: Mapping[str, int]) -> dict[str, list[Item]]:
    ends = np.cumsum(list(sizes.values())).tolist()
    return {
        name: list(items[end - size : end])
        for (name, size), end in zip(sizes.items(), ends, strict=True)
    }


def simulate(seed: int, scene: Scene) -> enmap.Observation:
    """The pixels of a patch; they depend on the arguments alone."""
    region = scene.region
    place = ("hyspecnet", seed, scene.tile, scene.patch)
    land = landscape(
        *place,
        size=SIZE * enmap.GSD // int(PIXEL),
        weights=region.weights,
        shore=region.shore,
        water=region.waters[scene.patch % len(region.waters)],
        relief=region.relief,
    )
    covered = ground(
        *place,
        land=land,
        day=scene.day.timetuple().tm_yday,
        climate=region.climate,
        date=scene.day.isoformat(),
    )
    # One sky for a tile, as it is one overflight; clouds come and go within it.
    rng = generator("hyspecnet", seed, scene.tile, "sky")
    zenith = float(np.radians(rng.uniform(25, 60)))
    weather = optics.sky(rng, 0.0)
    here = generator(*place, "sky")
    if here.random() < _CLOUDY:
        weather = optics.Weather(weather.haze, weather.light, float(here.uniform(0.05, 0.65)))
    return enmap.observe(
        *place,
        land=land,
        ground=covered,
        weather=weather,
        zenith=zenith,
        wet=np.isin(land.cover, WATER),
    )


def write(root: Path, seed: int = 0, patches: int | None = None) -> None:
    """Write the dataset under ``root`` in the official layout; ``root`` appears as a whole.

    Args:
        root: a folder that doesn't exist yet, or is empty.
        seed: of everything; the same seed writes the same bytes.
        patches: how many, the first of them; the splits list all. All by default.

    Raises:
        BenchError: ``root`` holds something, or can't be written.
    """
    with new_folder(root) as folder, ThreadPoolExecutor(_WORKERS) as pool:
        for _ in pool.map(lambda scene: _write_patch(folder, seed, scene), plan()[:patches]):
            pass
        for difficulty, parts in splits(seed).items():
            (folder / "splits" / difficulty).mkdir(parents=True)
            for split, scenes in parts.items():
                lines = "".join(f"{s.tile_name}/{s.name}/{s.name}-DATA.npy\n" for s in scenes)
                path = folder / "splits" / difficulty / f"{split}.csv"
                path.write_bytes(lines.encode("ascii"))


def _write_patch(root: Path, seed: int, scene: Scene) -> None:
    seen = simulate(seed, scene)
    folder = root / "patches" / scene.tile_name / scene.name
    folder.mkdir(parents=True)
    epsg, origin = scene.region.epsg, scene.origin
    planar_tiff.write(
        folder / f"{scene.name}-SPECTRAL_IMAGE.TIF",
        seen.spectra,
        epsg=epsg,
        origin=origin,
        pixel=enmap.GSD,
        nodata=enmap.NODATA,
    )
    layers = {"CLASSES": seen.classes, "CLOUD": seen.clouds, "CIRRUS": seen.cirrus}
    for name, codes in layers.items():
        path = folder / f"{scene.name}-QL_QUALITY_{name}.TIF"
        geotiff.write(path, codes, epsg=epsg, origin=origin, pixel=enmap.GSD, compress=True)
