"""A simulated BigEarthNet v2.0 (reBEN) in the official on-disk layout.

Ten regions carry the names of the ten countries of the dataset, each with its own mix of land
cover, relief, season and number of patches. Nothing can be taken for real data: the Military Grid
zones T90 to T99 do not exist.
"""

import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.data.formats import geotiff
from bench.errors import BenchError
from bench.simulate import optics, radar
from bench.simulate.ground import Climate, ground
from bench.simulate.landscape import WATER, Landscape, Water, landscape
from bench.simulate.noise import generator

SIZE = 120
"""Pixels of 10 m per side of a patch."""

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


@dataclass(frozen=True)
class _Region:
    """A country of the dataset and what is invented about it."""

    grid: str
    epsg: int
    locations: Mapping[str, int]
    dates: tuple[date, ...]
    climate: Climate
    relief: float
    water: Mapping[Water | None, int]
    weights: Mapping[int, float]
    shore: Mapping[int, float]
    second_dates: int = 0
