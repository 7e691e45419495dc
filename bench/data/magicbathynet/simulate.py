"""A simulated MagicBathyNet in the released layout, one area at a time.

Nothing in it can be taken for real data: ids start at 90,000 and the places lie near the equator.
Aerial images have pixels of 1 m instead of 0.25 m, which keeps the data small.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.base.files import new_folder
from bench.data.magicbathynet.area import MODALITIES, Area, area, list_file
from bench.data.magicbathynet.rasters import write as write_raster
from bench.data.simulate.coast import (
    ALGAE,
    ROCK,
    SAND,
    SEAGRASS,
    SIDE,
    Place,
    Sensor,
    Shore,
    Water,
    coarser,
    commonest,
    observe,
    place,
)
from bench.data.simulate.noise import Floats, generator, smooth_field

TRAIN, TEST = 40, 40
"""Patches of each list."""

_FIRST = 90_000
_CORNER = (300_000.0, 1_000_000.0)
_WORKERS = min(4, os.cpu_count() or 1)  # more only contend for the interpreter

SENSORS: dict[str, Sensor] = {
    "aerial": Sensor({"R": (640, 80), "G": (550, 90), "B": (460, 80)}, 1, 0.004, 0.004),
    "spot6": Sensor({"R": (660, 70), "G": (565, 70), "B": (490, 70)}, 6, 0.0025, 0.004),
    "s2": Sensor({"B02": (492.4, 66), "B03": (559.8, 36), "B04": (664.6, 31)}, 10, 0.0012, 0.003),
}
"""By modality, with bands in the order of the files."""

_COUNTS: dict[str, tuple[float, int]] = {"aerial": (255 / 0.4, 255), "spot6": (7_000, 4_095)}
_COUNTS["s2"] = (10_000, 65_535)


@dataclass(frozen=True)
class Region:
    """What is simulated of an area.

    Attributes:
        shore: the kind of coast.
        depths: of the shallowest and of the deepest place, in metres.
        visible: below this depth the labels are undefined, in metres.
        classes: what each class covers.
        epsg: the coordinate system.
        labelled: every how manieth patch has labels of the seabed.
    """

    shore: Shore
    depths: tuple[float, float]
    visible: float
    classes: Mapping[str, Sequence[int]]
    epsg: int
    labelled: int


REGIONS: dict[str, Region] = {
    "magicbathynet-agia-napa": Region(
        Shore(Water(0.006, 0.1), 0.035, 0.25, 0.3, land=False),
        (0.8, 20.0),
        12.0,
        {"seagrass": [SEAGRASS], "rock": [ROCK], "macroalgae": [ALGAE], "sand": [SAND]},
        32636,
        1,
    ),
    "magicbathynet-puck-lagoon": Region(
        Shore(Water(0.03, 0.5), 0.015, 0.0, 0.45, land=True),
        (0.4, 8.5),
        4.0,
        {"sand": [SAND], "eelgrass and pondweed": [SEAGRASS]},
        25834,
        2,
    ),
}
"""By dataset."""


@dataclass(frozen=True)
class Patch:
    """A simulated patch.

    Attributes:
        id: its number.
        images: by modality, [side, side, 3] in digital numbers.
        elevations: by modality, [side, side] float32 in metres; 0 where there are none.
        labels: by modality, [side, side]: a class in the declaration's order, or their number.
    """

    id: int
    images: Mapping[str, NDArray[np.uint8] | NDArray[np.uint16]]
    elevations: Mapping[str, NDArray[np.float32]]
    labels: Mapping[str, NDArray[np.uint8]]


def simulate(seed: int, name: str, index: int) -> Patch:
    """The patch of a dataset with an index from 0; it depends on the arguments alone."""
    region, id_ = REGIONS[name], _FIRST + 7 * index
    rng = generator(seed, name, index, "patch")
    # Depths in an even sequence without gaps: shallow ones are more common.
    share = (0.618034 * (index + 1)) % 1
    shallow, deep = region.depths
    here = place(
        seed, name, index, shore=region.shore, depth=shallow + (deep - shallow) * share**1.5
    )
    hole = _hole(rng) if index % 4 == 1 else np.zeros((SIDE, SIDE), bool)
    labels = _labels(here, region, hole)
    images: dict[str, NDArray[np.uint8] | NDArray[np.uint16]] = {}
    elevations, maps = {}, {}
    for modality, sensor in SENSORS.items():
        seen = observe(
            seed, name, index, modality, place=here, water=region.shore.water, sensor=sensor
        )
        gain, top = _COUNTS[modality]
        counts = np.clip(np.rint(gain * seen), 1, top).transpose(1, 2, 0)
        images[modality] = counts.astype(np.uint8) if top == 255 else counts.astype(np.uint16)
        elevation = -coarser(here.depth, sensor.pixel)
        elevation[coarser(hole.astype(np.float64), sensor.pixel) > 0.5] = 0
        elevations[modality] = elevation.astype(np.float32)
        maps[modality] = commonest(labels, sensor.pixel, len(region.classes) + 1)
    return Patch(id_, images, elevations, maps)


def _hole(rng: np.random.Generator) -> NDArray[np.bool_]:
    """Where the survey has no depths: a tenth of the place, in one or two pieces."""
    field = smooth_field(rng, SIDE, 30)
    return field > np.quantile(field, 0.9)


def _labels(here: Place, region: Region, hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
    labels = np.full(here.bottom.shape, len(region.classes), np.uint8)
    for index, covers in enumerate(region.classes.values()):
        labels[np.isin(here.bottom, covers)] = index
    labels[hole | (here.depth > region.visible) | (here.depth < 0)] = len(region.classes)
    return labels


def write(root: Path, name: str, seed: int = 0) -> None:
    """Write an area under ``root`` in the released layout; ``root`` appears as a whole.

    Args:
        root: a folder that doesn't exist yet, or is empty.
        name: of the dataset.
        seed: of everything; the same seed writes the same bytes.

    Raises:
        BenchError: ``root`` holds something, or can't be written.
    """
    facts, region = area(name), REGIONS[name]
    pixels: dict[str, list[Floats]] = {modality: [] for modality in MODALITIES}
    with new_folder(root) as temporary:
        folder = temporary / facts.folder
        for what in ("img", "depth", "gts"):
            for modality in MODALITIES:
                (folder / what / modality).mkdir(parents=True)
        with ThreadPoolExecutor(_WORKERS) as pool:
            patches = pool.map(lambda index: simulate(seed, name, index), range(TRAIN + TEST))
            for index, patch in enumerate(patches):
                _write_patch(folder, facts, region.epsg, index, patch)
                for modality, image in patch.images.items():
                    pixels[modality].append(image.reshape(-1, 3).astype(np.float64))
        for modality in MODALITIES:
            _write_lists(folder, modality, region.labelled)
            _write_norm(folder, f"norm_param_{modality}_{facts.suffix}", pixels[modality])


def _write_patch(folder: Path, facts: Area, epsg: int, index: int, patch: Patch) -> None:
    east, north = _CORNER
    origin = (east + SIDE * (index % 10), north - SIDE * (index // 10))
    colours = np.array([*facts.colours.values(), facts.undefined], np.uint8)
    for modality, sensor in SENSORS.items():
        for what, pixels in (
            ("img", patch.images[modality]),
            ("depth", patch.elevations[modality]),
            ("gts", colours[patch.labels[modality]]),
        ):
            path = folder / what / modality / f"{what}_{patch.id}.tif"
            write_raster(path, pixels, epsg=epsg, origin=origin, pixel=sensor.pixel)


def _write_lists(folder: Path, modality: str, labelled: int) -> None:
    """As the authors' script prints them."""
    for what, prefix, step in (("bathymetry", "depth", 1), ("pixel_class", "gts", labelled)):
        names = [f"{prefix}_{_FIRST + 7 * index}.tif" for index in range(TRAIN + TEST)]
        # The places of the test list are spread among the others.
        test = [names[(2 * place + 1) * len(names) // (2 * TEST)] for place in range(TEST)]
        train = [name for name in names if name not in test][::step]
        test = test[::step]
        lines = [
            "annotated sample:",
            str(train + test),
            "number of annotated samples:",
            str(len(train) + len(test)),
            "train sample:",
            str(train),
            "test sample:",
            str(test),
        ]
        list_file(folder, modality, what).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_norm(folder: Path, name: str, pixels: Sequence[Floats]) -> None:
    values = np.concatenate(pixels)
    high = np.round(values.mean(axis=0) + 4 * values.std(axis=0), 3)
    norm = np.stack([np.zeros_like(high), high])
    np.save(folder / f"{name}.npy", norm)
    np.savetxt(folder / f"{name}.txt", norm, fmt="%.3f")
