"""The simulated BigEarthNet: official layout, consistency, agreement of the sensors."""

import hashlib
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile

from bench.errors import BenchError
from bench.simulate import reben
from bench.simulate.optics import SENTINEL_2
from bench.simulate.reben import CLASSES, Acquisition, Patch, plan, simulate, write
from bench.simulate.regions import REGIONS

FEW = 16
METADATA = ("metadata.parquet", "metadata_for_patches_with_snow_cloud_or_shadow.parquet")


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample") / "reben"
    write(root, patches=FEW)
    return root


@pytest.fixture(scope="module")
def everything() -> list[tuple[Acquisition, list[str]]]:
    """Every acquisition with its labels, without simulating pixels."""

    def labels(acquisition: Acquisition) -> list[str]:
        return reben.labels_of(reben.terrain(0, acquisition).cover)

    planned = plan()
    with ThreadPoolExecutor() as pool:
        return list(zip(planned, pool.map(labels, planned), strict=True))


@pytest.fixture(scope="module")
def patches() -> list[Patch]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda what: simulate(0, what), plan()[::9]))
