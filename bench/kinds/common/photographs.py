"""What a sample looks like: its red, green and blue bands as a small picture."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.base.errors import BenchError
from bench.data import Dataset
from bench.data.series import SeriesDataset
from bench.kinds.common import pictures
from bench.spec.channels import wavelength_of
from bench.spec.contract import Band
from bench.spec.task import Task

SIDE = 128
"""Pixels of the longer side at most."""

_COLOURS = 64
"""Of a picture: few, so that it is a file of some kilobytes."""

_VISIBLE = (660.0, 560.0, 485.0)
"""Wavelengths of red, green and blue in nm."""

_NEAR = 40.0
"""How far in nm a band may be from them."""

_DARK, _BRIGHT = 2, 98
"""Percentiles of values that are drawn black and white, where values are stretched."""

_DIM = 128
"""An image of 8 bits is dark if its brighter percentile is below this."""


def visible(bands: Mapping[str, Band]) -> tuple[str, ...]:
    """The bands that are red, green and blue: of one sensor, the one with the finest pixels.

    Args:
        bands: those of a dataset.

    Returns:
        Three names; none where no sensor sees these colours. Of pairs of dates those of the first.
    """
    found = []
    for sensor in dict.fromkeys(band.sensor for band in bands.values()):
        own = {
            name: wavelength
            for name, band in bands.items()
            if band.sensor == sensor and (wavelength := wavelength_of(name, band)) is not None
        }
        if not own:
            continue
        nearest = [min(own, key=lambda name: abs(own[name] - colour)) for colour in _VISIBLE]
        far = (abs(own[name] - colour) for name, colour in zip(nearest, _VISIBLE, strict=True))
        if max(far) <= _NEAR and len(set(nearest)) == len(_VISIBLE):
            found.append((bands[nearest[0]].gsd, tuple(nearest)))
    return min(found, key=lambda sensor: sensor[0])[1] if found else ()


def photograph(
    task: Task, dataset: Dataset, sample: str, names: Sequence[str] = ()
) -> pictures.Picture | None:
    """A sample in red, green and blue, uint8 [height, width, 3], at most `SIDE` pixels a side.

    Values are stretched between their 2nd and 98th percentile; those of 8 bits stay as they are
    unless the image is dark, such as one of water. Of a series of dates each pixel is the median.

    Args:
        task: whose data it is.
        dataset: that of the task.
        sample: its id.
        names: three bands; by default those that `visible` finds.

    Returns:
        None where the dataset has no such bands, or this copy of it or this sample has no value
        in them.
    """
    names = names or visible(task.bands)
    if not names:
        return None
    try:
        layers = _layers(task, dataset, sample, names)
    except BenchError:
        # Such as a copy of the radar images alone; what a model is fed was read before.
        return None
    values = np.stack(layers, axis=-1)
    known = np.isfinite(values)
    if not known.any():
        return None
    low, high = np.percentile(values[known], [_DARK, _BRIGHT])
    if task.bands[names[0]].unit != "8 bit" or high < _DIM:
        values = 255 * (values - low) / max(high - low, 1e-12)
    image = Image.fromarray(np.clip(np.where(known, values, 0), 0, 255).astype(np.uint8))
    image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    return pictures.enlarged(np.asarray(image.quantize(_COLOURS).convert("RGB")), SIDE)


def _layers(
    task: Task, dataset: Dataset, sample: str, names: Sequence[str]
) -> list[NDArray[np.float32]]:
    """The values of each band, [height, width]."""
    if "series" in task.declaration:
        found = cast("SeriesDataset", dataset).series(sample, names)
        stored = {
            band: np.nanmedian(np.asarray(series.pixels[:, index], np.float32), axis=0)
            for series in found
            for index, band in enumerate(series.bands)
        }
    else:
        stored = {name: np.asarray(v) for name, v in dataset.read(sample, names).items()}
    return [np.asarray(stored[name], np.float32) for name in names]


def described(
    task: Task, dataset: Dataset, lines: Mapping[str, Sequence[str]]
) -> dict[str, pictures.Picture]:
    """Samples as `photograph` shows them, each above lines of text.

    Args:
        task: the task.
        dataset: that of the task.
        lines: of each sample.

    Returns:
        By ``sample-<id>``; samples that can't be shown are left out.
    """
    found = {}
    for sample, said in lines.items():
        picture = photograph(task, dataset, sample)
        if picture is not None:
            found[f"sample-{sample}"] = pictures.captioned(picture, said)
    return found


def panel(task: Task, dataset: Dataset, sample: str, side: int) -> dict[str, pictures.Picture]:
    """A sample as `photograph` shows it, by its title beside other panels; empty without one.

    Args:
        task: the task.
        dataset: that of the task.
        sample: its id.
        side: pixels of a side of these panels.
    """
    picture = photograph(task, dataset, sample)
    if picture is None:
        return {}
    return {"image": pictures.enlarged(picture, side)}
