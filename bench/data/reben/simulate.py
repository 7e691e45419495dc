"""A simulated BigEarthNet v2.0 (reBEN) in the official on-disk layout.

Nothing in it can be taken for real data: the zones 90 to 99 of the military grid and the relative
orbit 0 don't exist.
"""

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from string import ascii_uppercase

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.base.files import new_folder
from bench.data.formats import geotiff
from bench.data.reben.cover import covered
from bench.data.simulate import optics, radar
from bench.data.simulate.landscape import PIXEL, Landscape, Water, landscape
from bench.data.simulate.noise import generator
from bench.data.simulate.regions import REGIONS, Region

SIZE = 120
"""Pixels of 10 m on a side of a patch."""

CLASSES: dict[str, tuple[int, ...]] = {
    "Agro-forestry areas": (244,),
    "Arable land": (211, 212, 213),
    "Beaches, dunes, sands": (331,),
    "Broad-leaved forest": (311,),
    "Coastal wetlands": (421, 422),
    "Complex cultivation patterns": (242,),
    "Coniferous forest": (312,),
    "Industrial or commercial units": (121,),
    "Inland waters": (511, 512),
    "Inland wetlands": (411, 412),
    "Land principally occupied by agriculture, with significant areas of natural vegetation": (
        243,
    ),
    "Marine waters": (521, 522, 523),
    "Mixed forest": (313,),
    "Moors, heathland and sclerophyllous vegetation": (322, 323),
    "Natural grassland and sparsely vegetated areas": (321, 333),
    "Pastures": (231,),
    "Permanent crops": (221, 222, 223, 241),
    "Transitional woodland, shrub": (324,),
    "Urban fabric": (111, 112),
}
"""CORINE level-3 codes of the 19 classes; every other code carries no label."""

_CLASS_OF = {code: name for name, codes in CLASSES.items() for code in codes}
TIMES = (1.3, 1.0, 4.0)
"""How many times as many locations as a region says the sample track has, in train, validation and
test. Differences that matter can be seen on some hundred test patches in thirty tiles."""

_UNLABELLED_LIMIT = 0.25
_SPLITS = ("train", "validation", "test")
_PER_SIDE = 91  # patches along a tile
_SQUARES = 3  # tiles of a region, one north of the other
_NORTHWARDS = 100_000.0  # metres from tile to tile
_THEME = 8.0  # how many times more common a location's theme is
_WORKERS = min(4, os.cpu_count() or 1)  # more only contend for the interpreter
_CLOUDY = 0.1  # share of scenes with clouds that nobody has flagged


@dataclass(frozen=True)
class Acquisition:
    """A patch on a date, before anything is simulated.

    Attributes:
        region: where it lies.
        square: in which of the region's tiles, 0 in the south.
        column, row: of the patch in its tile, 0 to 90, from the west and from the north.
        split: by the geographic rule.
        day: of the Sentinel-2 image; Sentinel-1 passes up to two days before.
        theme: the CORINE code that is more common here than elsewhere in the region.
        water: the water body that crosses the patch.
        snow, cloud: whether it is one of the patches that the recommended protocol leaves out.
    """

    region: Region
    square: int
    column: int
    row: int
    split: str
    day: date
    theme: int
    water: Water | None
    snow: bool = False
    cloud: bool = False

    @property
    def grid(self) -> str:
        """The military grid square, without the leading T."""
        row = ascii_uppercase.index(self.region.square[2]) + self.square
        letters = self.region.square[:2] + ascii_uppercase[row % len(ascii_uppercase)]
        return f"{90 + REGIONS.index(self.region)}{letters}"

    @property
    def tile(self) -> str:
        """The Sentinel-2 product without processing date."""
        satellite = "AB"[self.day.toordinal() % 2]
        hour = 9 + REGIONS.index(self.region) // 5
        minute = 10 * (REGIONS.index(self.region) % 5)
        moment = f"{self.day:%Y%m%d}T{hour:02d}{minute:02d}31"
        return f"S2{satellite}_MSIL2A_{moment}_N9999_R000_T{self.grid}"

    @property
    def patch_id(self) -> str:
        """The official name of 50 characters."""
        return f"{self.tile}_{self.column:02d}_{self.row:02d}"

    @property
    def scene(self) -> str:
        """The Sentinel-1 product."""
        day = self.day - timedelta(days=self.day.toordinal() % 3)
        satellite = "AB"[day.toordinal() % 2]
        return f"S1{satellite}_IW_GRDH_1SDV_{day:%Y%m%d}T0{REGIONS.index(self.region) % 10}4307"

    @property
    def s1_name(self) -> str:
        """The name of the Sentinel-1 patch, in the style of version 1.0: no padding."""
        return f"{self.scene}_{self.grid}_{self.column}_{self.row}"

    @property
    def s2v1_name(self) -> str:
        """The name the patch would have had in version 1.0."""
        return f"{self.tile[:26]}_{self.column}_{self.row}"

    @property
    def origin(self) -> tuple[float, float]:
        """Easting and northing of the north-west corner in metres."""
        east, south = self.region.corner
        north = south + _NORTHWARDS * self.square
        side = SIZE * PIXEL
        return east + side * self.column, north - side * self.row


@dataclass(frozen=True)
class Patch:
    """A simulated patch: what it is and its pixels."""

    acquisition: Acquisition
    s2: dict[str, NDArray[np.uint16]]
    s1: dict[str, NDArray[np.float32]]
    reference_map: NDArray[np.uint16]

    @property
    def labels(self) -> list[str]:
        """The classes of the reference map, in alphabetical order."""
        return labels_of(self.reference_map)


def plan(
    seed: int = 0,
    regions: Sequence[Region] = REGIONS,
    times: tuple[float, float, float] = TIMES,
) -> list[Acquisition]:
    """All acquisitions of the dataset: train, then validation, then test; by patch id in each.

    Every fourth location has two dates, in the same split. The first location of a region in train
    and in test has one more, under snow or clouds.

    Args:
        seed: of everything.
        regions: which of the regions.
        times: how many times as many locations as a region says, in train, validation and test.
    """
    planned: list[Acquisition] = []
    for region in regions:
        for split, count, more in zip(_SPLITS, region.locations, times, strict=True):
            planned += _plan_split(seed, region, split, round(count * more))
    return sorted(planned, key=lambda item: (_SPLITS.index(item.split), item.patch_id))


def _plan_split(seed: int, region: Region, split: str, count: int) -> Iterator[Acquisition]:
    rng = generator(seed, "plan", region.name, split)
    free = [
        (column, row)
        for column in range(_PER_SIDE)
        for row in range(_PER_SIDE)
        if _split_of(column, row) == split
    ]
    places = rng.choice(len(free), count, replace=False)
    # In turn, from a random start: every code gets its locations, however few there are.
    themes = rng.permutation([code for code in region.weights if code in _CLASS_OF])
    dates = rng.permutation(len(region.dates))
    turn = int(rng.integers(len(region.waters)))
    squares = rng.permutation(np.arange(count) % _SQUARES).tolist()
    for index, (place, square) in enumerate(zip(places, squares, strict=True)):
        column, row = free[int(place)]
        theme = int(themes[index % len(themes)])
        water = region.waters[(index + turn) % len(region.waters)]
        days = [region.dates[dates[(index + k) % len(dates)]] for k in range(1 + (index % 4 == 0))]
        for day in days:
            yield Acquisition(region, square, column, row, split, day, theme, water)
        if index == 0 and region.spoilt and split != "validation":
            what, day = region.spoilt
            snow = what == "snow"
            yield Acquisition(region, square, column, row, split, day, theme, water, snow, not snow)


def _split_of(column: int, row: int) -> str:
    """The official rule: concentric squares of the tile, by the centre of the patch.

    The outer ring is half of the tile's area, the next a quarter, the central square a quarter.
    """
    side = 109_800.0
    x, y = (SIZE * PIXEL * (index + 0.5) for index in (column, row))
    depth = min(x, y, side - x, side - y)
    if depth < side * (2 - math.sqrt(2)) / 4:
        return "train"
    return "validation" if depth < side / 4 else "test"


def simulate(seed: int, acquisition: Acquisition) -> Patch:
    """The pixels of an acquisition; they depend on the arguments alone."""
    region = acquisition.region
    place = _key(seed, acquisition)
    moment = acquisition.day.isoformat()
    land = terrain(seed, acquisition)
    rng = generator(*place, "sky", moment)
    clouds = float(rng.uniform(0.05, 0.35)) if rng.random() < _CLOUDY else 0.0
    if acquisition.cloud:
        clouds = float(rng.uniform(0.45, 0.8))
    day = acquisition.day.timetuple().tm_yday
    land_cover, structure = covered(
        *place,
        land=land,
        day=day,
        climate=region.climate,
        date=moment,
        snow=0.85 if acquisition.snow else 0.0,
    )
    weather = optics.sky(rng, clouds)
    s2 = optics.observe(*place, moment, land=land, ground=land_cover, weather=weather)
    s1 = {
        channel: np.round(decibels + structure, 3).astype(np.float32)
        for channel, decibels in radar.observe(*place, moment, land=land, ground=land_cover).items()
    }
    return Patch(acquisition, s2, s1, land.cover)


def _key(seed: int, acquisition: Acquisition) -> tuple[str | int, ...]:
    """Names the location; the same for all its dates."""
    return seed, acquisition.region.name, acquisition.column, acquisition.row


def terrain(seed: int, acquisition: Acquisition) -> Landscape:
    """The landscape of a location: drawn again until enough of it carries labels."""
    region = acquisition.region
    weights = {**region.weights, acquisition.theme: _THEME * region.weights[acquisition.theme]}
    attempt = 0
    while True:
        land = landscape(
            *_key(seed, acquisition),
            attempt,
            size=SIZE,
            weights=weights,
            shore=region.shore,
            water=acquisition.water,
            relief=region.relief,
        )
        if np.mean(~np.isin(land.cover, list(_CLASS_OF))) < _UNLABELLED_LIMIT:
            return land
        attempt += 1


def labels_of(reference_map: NDArray[np.uint16]) -> list[str]:
    """The classes that have a pixel in a map of CORINE codes, in alphabetical order."""
    codes = np.unique(reference_map).tolist()
    return sorted({_CLASS_OF[code] for code in codes if code in _CLASS_OF})


def write(
    root: Path,
    seed: int = 0,
    patches: int | None = None,
    planned: Sequence[Acquisition] | None = None,
) -> None:
    """Write the dataset under ``root`` in the official layout; ``root`` appears as a whole.

    Args:
        root: a folder that doesn't exist yet, or is empty.
        seed: of everything; the same seed writes the same bytes.
        patches: how many, evenly from all splits; all by default (637, about 180 MB).
        planned: from which; by default what `plan` says for the seed.

    Raises:
        BenchError: ``root`` holds something, or can't be written.
    """
    planned = plan(seed) if planned is None else planned
    if patches is not None:
        chosen = np.linspace(0, len(planned) - 1, patches).round().astype(int)
        planned = [planned[index] for index in chosen]
    with new_folder(root) as folder, ThreadPoolExecutor(_WORKERS) as pool:
        rows = pool.map(lambda what: _write_patch(folder, simulate(seed, what)), planned)
        _write_metadata(folder, list(rows))


Row = dict[str, str | bool | list[str]]


def _write_patch(root: Path, patch: Patch) -> Row:
    what = patch.acquisition
    s2 = root / "BigEarthNet-S2" / what.tile / what.patch_id
    s1 = root / "BigEarthNet-S1" / what.scene / what.s1_name
    maps = root / "Reference_Maps" / what.tile / what.patch_id
    for folder in (s2, s1, maps):
        folder.mkdir(parents=True)
    epsg, origin = what.region.epsg, what.origin
    for band, pixels in patch.s2.items():
        pixel = SIZE * PIXEL / pixels.shape[0]
        path = s2 / f"{what.patch_id}_{band}.tif"
        geotiff.write(path, pixels, epsg=epsg, origin=origin, pixel=pixel, nodata=0)
    for channel, decibels in patch.s1.items():
        path = s1 / f"{what.s1_name}_{channel}.tif"
        geotiff.write(path, decibels, epsg=epsg, origin=origin, pixel=PIXEL)
    path = maps / f"{what.patch_id}_reference_map.tif"
    geotiff.write(
        path, patch.reference_map, epsg=epsg, origin=origin, pixel=PIXEL, nodata=0, compress=True
    )
    return {
        "patch_id": what.patch_id,
        "labels": patch.labels,
        "split": what.split,
        "country": what.region.name,
        "s1_name": what.s1_name,
        "s2v1_name": what.s2v1_name,
        "contains_seasonal_snow": what.snow,
        "contains_cloud_or_shadow": what.cloud,
    }


_SCHEMA = pa.schema(
    [
        ("patch_id", pa.string()),
        ("labels", pa.list_(pa.string())),
        ("split", pa.string()),
        ("country", pa.string()),
        ("s1_name", pa.string()),
        ("s2v1_name", pa.string()),
        ("contains_seasonal_snow", pa.bool_()),
        ("contains_cloud_or_shadow", pa.bool_()),
    ]
)


def _write_metadata(root: Path, rows: Sequence[Row]) -> None:
    rows = sorted(rows, key=lambda row: str(row["patch_id"]))
    spoilt = [
        bool(row["contains_seasonal_snow"] or row["contains_cloud_or_shadow"]) for row in rows
    ]
    for name, wanted in (
        ("metadata.parquet", False),
        ("metadata_for_patches_with_snow_cloud_or_shadow.parquet", True),
    ):
        kept = [row for row, is_spoilt in zip(rows, spoilt, strict=True) if is_spoilt == wanted]
        table = pa.Table.from_pylist(kept, schema=_SCHEMA)
        pq.write_table(table, root / name, compression="zstd")
