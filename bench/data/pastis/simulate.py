"""A simulated PASTIS-R in the official on-disk layout, with small patches and short series.

Nothing in it can be taken for real data: its patches have ids and tiles that don't exist.
"""

import datetime
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.files import new_folder
from bench.data.pastis.dataset import file
from bench.data.pastis.metadata import FOLDS, METADATA, declared, norm_file
from bench.data.simulate import optics, radar
from bench.data.simulate.crops import CROPS, cover
from bench.data.simulate.ground import Ground, ground
from bench.data.simulate.landscape import Landscape, landscape
from bench.data.simulate.noise import Floats, generator
from bench.data.simulate.phenology import Climate
from bench.data.simulate.spectra import MATERIALS

SIZE = 40
"""Pixels of 10 m on a side of a patch; the published ones have 128."""

PER_FOLD = 24
"""Patches of a fold, two of each tile: as many as tell entries apart by tiles."""

_REGIONS = 4
_TILES = tuple(f"t98q{letter}{letter}" for letter in "abcdefghijkl")
_DATES = {"S2": (13, 14, 15, 16), "S1A": (12, 11, 12, 13), "S1D": (11, 12, 13, 12)}
_DAYS = (20, 420)
_FIRST_ID = 90_001
_CLEAR = 0.5  # share of dates without clouds
_VOID = 0.03  # share of fields whose crop isn't told
_EDGE = 0.6  # pixels from the border of a field that belong to none
_COVER = {211: 10.0, 231: 1.5, 311: 1.0, 112: 0.6}
_FIELDS = (211, 231)
WORKERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Scene:
    """A patch before anything is simulated.

    Attributes:
        number: of it, from 0.
    """

    number: int

    @property
    def patch(self) -> str:
        """Its id."""
        return str(_FIRST_ID + self.number)

    @property
    def fold(self) -> int:
        """1 to 5."""
        return self.number % len(FOLDS) + 1

    @property
    def tile(self) -> int:
        """Index of its tile."""
        return self.number // len(FOLDS) % len(_TILES)

    @property
    def climate(self) -> Climate:
        """Of its tile, which is in one of four regions."""
        region = self.tile % _REGIONS
        return Climate(late=4.0 * region - 6, bright=0.25 + 0.15 * region)


@dataclass(frozen=True)
class Grown:
    """What grows at a patch.

    Attributes:
        land: the landscape.
        label: uint8 [SIZE, SIZE], as published.
        crop: names of the crops and the pixels of each, labelled or not.
        shift: days that each pixel's field is late.
        vigour: of each pixel's field, about 1.
    """

    land: Landscape
    label: NDArray[np.uint8]
    crop: dict[str, NDArray[np.bool_]]
    shift: Floats
    vigour: Floats


def plan() -> list[Scene]:
    """All patches."""
    return [Scene(number) for number in range(PER_FOLD * len(FOLDS))]


def days(seed: int, series: str, tile: int) -> list[int]:
    """When a series has images of a tile, in days since the first day; rising.

    All tiles lie under one orbit, and each lacks some of its dates.
    """
    most, count = max(_DATES[series]), _DATES[series][tile % _REGIONS]
    rng = generator("pastis", seed, series, "dates")
    step = (_DAYS[1] - _DAYS[0]) / (most - 1)
    orbit = np.linspace(*_DAYS, most) + rng.uniform(-0.35, 0.35, most) * step
    held = generator("pastis", seed, series, tile, "dates").permutation(most)[:count]
    return [int(day) for day in np.rint(orbit[np.sort(held)])]


def grow(seed: int, scene: Scene) -> Grown:
    """The fields of a patch and what grows on them."""
    place = ("pastis", seed, scene.number)
    land = landscape(*place, size=SIZE, weights=_COVER, shore={0: 1}, water=None, relief=3)
    rng = generator(*place, "crops")
    names, fields = list(CROPS), int(land.field.max()) + 1
    weight = np.array([crop.grown for crop in CROPS.values()])
    chosen = rng.choice(len(names), fields, p=weight / weight.sum())[land.field]
    chosen[land.cover == 231] = names.index("Meadow")
    farmed = np.isin(land.cover, _FIELDS) & (land.hedge > _EDGE)
    code = np.array([declared()["classes"].index(name) for name in names], np.uint8)
    label = np.where(farmed, code[chosen], 0).astype(np.uint8)
    untold = (rng.random(fields) < _VOID)[land.field]
    label[farmed & untold] = declared()["void"]
    shift = rng.normal(0, 6, fields)[land.field] + scene.climate.late
    vigour = np.clip(rng.normal(0.95, 0.07, fields), 0.7, 1.1)[land.field]
    crop = {name: farmed & (chosen == index) for index, name in enumerate(names)}
    return Grown(land, label, crop, shift, vigour)


def covered(seed: int, scene: Scene, grown: Grown, day: int) -> tuple[Ground, Floats]:
    """The ground of a patch on a day, and dB that its crops add to backscatter, [SIZE, SIZE]."""
    date = _date(day)
    land, year_day = grown.land, date.timetuple().tm_yday
    place = ("pastis", seed, scene.number)
    whole = ground(*place, land=land, day=year_day, climate=scene.climate, date=date.isoformat())
    shares, rough = whole.shares, np.zeros((SIZE, SIZE))
    bright = scene.climate.bright
    for name, where in grown.crop.items():
        if not where.any():
            continue
        crop = CROPS[name]
        green, stubble, season = cover(crop, day, grown.shift[where])
        green = np.clip(green * grown.vigour[where], 0, 1)
        stubble *= 1 - green
        bare = 1 - green - stubble
        parts = [("straw", stubble), ("bright soil", bright * bare)]
        parts += [("dark soil", (1 - bright) * bare)]
        parts += [(material, share * green) for material, share in crop.made_of.items()]
        shares[:, where] = 0
        for material, share in parts:
            shares[MATERIALS.index(material), where] += share
        early, late = crop.rough
        rough[where] = green * (early + (late - early) * season)
    return replace(whole, shares=shares), rough


def optical(seed: int, scene: Scene, grown: Grown) -> NDArray[np.int16]:
    """The Sentinel-2 series [dates, 10, SIZE, SIZE]; weather is that of the tile's date."""
    names = declared()["series"]["S2"]
    bands = {name: optics.SENTINEL_2[name] for name in names}
    images = []
    for day in days(seed, "S2", scene.tile):
        seen, _ = covered(seed, scene, grown, day)
        rng = generator("pastis", seed, scene.tile, "sky", day)
        clouds = 0.0 if rng.random() < _CLEAR else float(rng.uniform(0.05, 0.8))
        image = optics.observe(
            "pastis", seed, scene.number, day,
            land=grown.land, ground=seen, weather=optics.sky(rng, clouds), bands=bands,
        )  # fmt: skip
        images.append([on_grid(image[name]) for name in names])
    stored: NDArray[np.int16] = np.minimum(images, np.iinfo(np.int16).max).astype(np.int16)
    return stored


def backscatter(seed: int, scene: Scene, grown: Grown, series: str) -> NDArray[np.float32]:
    """A Sentinel-1 series [dates, 3, SIZE, SIZE] in dB: VV, VH and their ratio."""
    images = []
    for day in days(seed, series, scene.tile):
        seen, rough = covered(seed, scene, grown, day)
        image = radar.observe(
            "pastis", seed, scene.number, series, day, land=grown.land, ground=seen
        )
        vv, vh = image["VV"] + 0.8 * rough, image["VH"] + 1.2 * rough
        images.append([vv, vh, vv - vh])
    return np.array(images, np.float32)


def write(root: Path, seed: int = 0, patches: int | None = None) -> None:
    """Write the dataset under ``root`` in the official layout; ``root`` appears as a whole.

    Args:
        root: a folder that doesn't exist yet, or is empty.
        seed: of everything; the same seed writes the same bytes.
        patches: how many, the first of them; all by default.

    Raises:
        BenchError: ``root`` holds something, or can't be written.
    """
    scenes = plan()[:patches]
    with new_folder(root) as folder, ThreadPoolExecutor(WORKERS) as pool:
        for series in ("TARGET", *_DATES):
            file(folder, series, "0").parent.mkdir()
        moments = list(pool.map(lambda scene: _write_patch(folder, seed, scene), scenes))
        features = [_feature(seed, scene) for scene in scenes]
        collection = {"type": "FeatureCollection", "features": features}
        (folder / METADATA).write_text(json.dumps(collection), encoding="utf-8")
        for series in _DATES:
            norms = _norms(scenes, [found[series] for found in moments])
            norm_file(folder, series).write_text(json.dumps(norms, indent=4), encoding="utf-8")


def _write_patch(folder: Path, seed: int, scene: Scene) -> dict[str, Floats]:
    """Mean and standard deviation of each series, [2, bands]."""
    grown = grow(seed, scene)
    target = np.zeros((3, SIZE, SIZE), np.uint8)
    target[0] = grown.label
    np.save(file(folder, "TARGET", scene.patch), target)
    images: dict[str, NDArray[Any]] = {"S2": optical(seed, scene, grown)}
    images |= {name: backscatter(seed, scene, grown, name) for name in ("S1A", "S1D")}
    moments = {}
    for series, pixels in images.items():
        np.save(file(folder, series, scene.patch), pixels)
        axes, values = (0, 2, 3), pixels.astype(np.float64)
        moments[series] = np.array([values.mean(axis=axes), values.std(axis=axes)])
    return moments


def _feature(seed: int, scene: Scene) -> dict[str, Any]:
    about: dict[str, Any] = {
        "ID_PATCH": int(scene.patch),
        "TILE": _TILES[scene.tile],
        "Fold": scene.fold,
    }
    for series in _DATES:
        stamps = (f"{_date(day):%Y%m%d}" for day in days(seed, series, scene.tile))
        about[f"dates-{series}"] = {str(index): int(stamp) for index, stamp in enumerate(stamps)}
    return {"type": "Feature", "properties": about, "geometry": None}


def _norms(scenes: list[Scene], moments: list[Floats]) -> dict[str, dict[str, list[float]]]:
    """As published: means over the patches of each fold of their own means and deviations."""
    found = {}
    for fold in FOLDS:
        own = [m for scene, m in zip(scenes, moments, strict=True) if scene.fold == fold]
        mean, std = np.mean(own or moments, axis=0)
        found[f"Fold_{fold}"] = {"mean": mean.tolist(), "std": std.tolist()}
    return found


def _date(day: int) -> datetime.date:
    start: datetime.date = declared()["first_day"]
    return start + datetime.timedelta(days=day)


def on_grid(band: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """A band of 20 m pixels on the grid of 10 m."""
    factor = SIZE // len(band)
    return band.repeat(factor, axis=0).repeat(factor, axis=1)
