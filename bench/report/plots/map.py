"""The pictures of a run: what it predicted beside the reference."""

import hashlib
import io
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.base.errors import BenchError, RequestError
from bench.report.plots import chart
from bench.report.plots.chart import Chart
from bench.report.plots.selection import Selection, one_run

_LARGEST = 4 << 20
"""Bytes of a picture that is read."""

_PIXELS = 4096
"""Most pixels of a side."""

_WIDE = 9.0
"""Inches of the figure."""


def figure(selection: Selection, drawn: Chart) -> None:
    """Show the pictures of a run below each other, as they were drawn when it was made.

    Raises:
        RequestError: a task is named, or the run has no pictures.
        BenchError: a picture is missing, damaged or was changed.
    """
    run = one_run(selection, "map")
    noted = run.manifest().pictures
    if not noted:
        raise RequestError(
            f"run {run.name} has no pictures: its kind, {selection.task.kind}, draws none",
            "kinds that predict each pixel do, such as segmentation and depth",
        )
    pictures = {name: _read(run.folder / "pictures" / name, noted[name]) for name in sorted(noted)}
    heights = [_WIDE * 0.9 * len(one) / one.shape[1] for one in pictures.values()]
    drawn.figure.set_size_inches(_WIDE, math.fsum(min(8.0, high) + 0.35 for high in heights))
    grid = drawn.figure.subplots(len(pictures), 1, squeeze=False, height_ratios=heights)
    for axes, (name, picture) in zip(grid[:, 0], pictures.items(), strict=True):
        axes.imshow(picture, interpolation="nearest")
        axes.set_axis_off()
        chart.title(axes, name.removesuffix(".png"))
    drawn.figure.suptitle(chart.name(selection.title, 90), fontsize=10, x=0.01, ha="left")


def _read(path: Path, sha256: str) -> NDArray[np.uint8]:
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise BenchError(f"picture {path.name} can't be read: {error.strerror}", _AGAIN) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BenchError(f"picture {path.name} is not the one that was drawn", _AGAIN)
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        if max(image.size) > _PIXELS:
            raise BenchError(f"picture {path.name} has {image.size} pixels", _AGAIN)
        return np.asarray(image.convert("RGB"))


_AGAIN = "restore it, or repeat the run with --force"
