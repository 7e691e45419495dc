"""The pictures of data sets for the page's cards: samples of the simulated data in natural colours.

Run after a simulator has changed: ``python scripts/sample_pictures.py [DATASET ...]``. Each is
`bench/report/leaderboard/samples/DATASET.webp`, of 400 x 200 pixels. A card shows it where no run
kept a picture of its own.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench import data
from bench.base.errors import BenchError
from bench.report.leaderboard.thumbnails import SAMPLES, SIZE
from bench.spec import task as tasks

_COLOURS = (("R", "B04", "B4", "red"), ("G", "B03", "B3", "green"), ("B", "B02", "B2", "blue"))
_MANY = 20
# Where red, green and blue are in a spectrometer that begins at 420 nm, as shares of its bands.
_SHARES = (0.19, 0.12, 0.06)
_TILE = 100
_DARK = 128


def main(names: Sequence[str]) -> None:
    """Write the pictures of some data sets, of all that a task has by default."""
    SAMPLES.mkdir(exist_ok=True)
    for name in names or sorted({tasks.load(task).dataset for task in tasks.names()}):
        path = SAMPLES / f"{name}.webp"
        mosaic(name).save(path, "WEBP", quality=58, method=6)
        print(f"{path.name}: {path.stat().st_size:,} bytes")


def mosaic(name: str) -> Image.Image:
    """Samples of a data set side by side; of pairs the first above the second."""
    root = data.ensure_sample(name, print)
    dataset = data.reader(name).open_dataset(root)
    groups = _groups(list(data.declaration(name)["bands"]))
    samples = dataset.present([band for group in groups for band in group])
    across, down = math.ceil(SIZE[0] / _TILE), 2
    wanted = across * down // len(groups)
    places = np.linspace(0, len(samples) - 1, min(wanted, len(samples))).round().astype(int)
    rows: list[list[Image.Image]] = [[] for _ in groups]
    for place in places:
        try:
            read = [dataset.read(samples[place], group) for group in groups]
        except BenchError:
            continue
        for row, bands, group in zip(rows, read, groups, strict=True):
            row.append(_tile(bands, group))
    tiles = rows[0] if len(rows) == 1 else [tile for row in rows for tile in row]
    sheet = Image.new("RGB", SIZE)
    for index in range(across * down):
        at = (index % across * _TILE, index // across * _TILE)
        sheet.paste(tiles[index % len(tiles)], at)
    return sheet


def _groups(bands: Sequence[str]) -> list[list[str]]:
    """Red, green and blue among the bands of a data set; twice where it has two dates."""
    if len(bands) > _MANY:
        return [[bands[round(share * len(bands))] for share in _SHARES]]
    dated = [[f"{colour[0]}{date}" for colour in _COLOURS] for date in "12"]
    if set(dated[0]) <= set(bands):
        return dated
    chosen = []
    for names in _COLOURS:
        fits = [band for name in names for band in bands if band.lower().endswith(name.lower())]
        exact = [band for band in fits if band in names]
        chosen.append((exact or fits)[0])
    return [chosen]


def _tile(read: dict[str, NDArray[Any]], bands: Sequence[str]) -> Image.Image:
    """Three bands as a square picture; of a series one image in its middle."""
    planes = []
    for band in bands:
        plane = read[band].astype(np.float64)
        side = plane.shape[1]
        dates = plane.shape[0] // side
        middle = dates // 2 if dates > 1 else 0
        planes.append(plane[middle * side : (middle + 1) * side] if dates > 1 else plane)
    stack = np.stack(planes, axis=-1)
    low, high = np.nanpercentile(stack, (1, 99))
    if read[bands[0]].dtype != np.uint8 or high < _DARK:
        stack = np.clip((stack - low) / (high - low or 1), 0, 1) ** 0.8 * 255
    picture = Image.fromarray(np.nan_to_num(stack).astype(np.uint8))
    return picture.resize((_TILE, _TILE), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main([Path(name).stem for name in sys.argv[1:]])
