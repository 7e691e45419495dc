"""Simulated tiles in the published layout; the same ones every time."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data import declaration
from rs_bench_tiny_fields.reader import NAME, SIDE

# Reflectance x 10000 of water, soil and vegetation in red and near infrared.
_SPECTRA = np.array([[300, 150], [1700, 2300], [500, 3600]])
_NOISE = 250.0


def write(root: Path) -> None:
    """Write all splits under ``root``."""
    for folder in ("tiles", "maps"):
        (root / folder).mkdir(parents=True)
    splits = declaration(NAME)["splits"]
    rows = [(f"{split}-{n:03d}", split) for split, count in splits.items() for n in range(count)]
    for seed, (tile, _) in enumerate(rows):
        rng = np.random.default_rng([seed, SIDE])
        classes = _fields(rng)
        pixels = _SPECTRA[classes] + rng.normal(0.0, _NOISE, (SIDE, SIDE, 2))
        stored = pixels.clip(0, 10_000).astype("<u2").transpose(2, 0, 1)
        np.save(root / "tiles" / f"{tile}.npy", np.ascontiguousarray(stored))
        np.save(root / "maps" / f"{tile}.npy", classes)
    with (root / "split.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("tile", "split"), *rows])


def _fields(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A map of fields: every pixel has the class of the nearest of six points."""
    points = rng.uniform(0, SIDE, (6, 2))
    kinds = rng.integers(0, len(_SPECTRA), 6, dtype=np.uint8)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    distances = (rows[..., None] - points[:, 0]) ** 2 + (columns[..., None] - points[:, 1]) ** 2
    nearest: NDArray[np.uint8] = kinds[distances.argmin(axis=-1)]
    return nearest
