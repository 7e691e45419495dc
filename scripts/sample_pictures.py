"""The pictures of data sets for the page's cards: samples of the simulated data in natural colours.

Run after a simulator has changed: ``python scripts/sample_pictures.py [DATASET ...]``. Each is
`bench/report/leaderboard/samples/DATASET.webp`, of 400 x 200 pixels. A card shows it where no run
kept a picture of its own.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from bench import data
from bench.kinds.common import photographs
from bench.report.leaderboard.thumbnails import SAMPLES, SIZE
from bench.spec import task as tasks
from bench.spec.task import Task

# Where red, green and blue are in a spectrometer that begins at 420 nm, as shares of its bands.
_SHARES = (0.19, 0.12, 0.06)
_TILE = 100


def main(names: Sequence[str]) -> None:
    """Write the pictures of some data sets, of all that a task has by default."""
    SAMPLES.mkdir(exist_ok=True)
    known = {task.dataset: task for task in map(tasks.load, tasks.names())}
    for name in names or sorted(known):
        path = SAMPLES / f"{name}.webp"
        mosaic(known[name]).save(path, "WEBP", quality=58, method=6)
        print(f"{path.name}: {path.stat().st_size:,} bytes")


def mosaic(task: Task) -> Image.Image:
    """Samples of a task's data set side by side; of pairs the first above the second."""
    root = data.ensure_sample(task.dataset, print)
    dataset = data.reader(task.dataset).open_dataset(root)
    groups = _groups(task)
    samples = dataset.present([band for group in groups for band in group])
    across, down = math.ceil(SIZE[0] / _TILE), 2
    wanted = across * down // len(groups)
    places = np.linspace(0, len(samples) - 1, min(wanted, len(samples))).round().astype(int)
    chosen = [samples[place] for place in places]
    seen = [photographs.photograph(task, dataset, one, group) for group in groups for one in chosen]
    tiles = [
        Image.fromarray(one).resize((_TILE, _TILE), Image.Resampling.LANCZOS)
        for one in seen
        if one is not None
    ]
    sheet = Image.new("RGB", SIZE)
    for index in range(across * down):
        at = (index % across * _TILE, index // across * _TILE)
        sheet.paste(tiles[index % len(tiles)], at)
    return sheet


def _groups(task: Task) -> list[Sequence[str]]:
    """Red, green and blue among the bands of a task; twice where it has two dates."""
    visible = photographs.visible(task.bands)
    if not visible:
        bands = list(task.bands)
        return [[bands[round(share * len(bands))] for share in _SHARES]]
    second = [f"{band[:-1]}2" for band in visible if band.endswith("1")]
    return [visible, second] if second and set(second) <= set(task.bands) else [visible]


if __name__ == "__main__":
    main([Path(name).stem for name in sys.argv[1:]])
