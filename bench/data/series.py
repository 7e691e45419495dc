"""Image time series: what a dataset of them hands out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import unknown
from bench.data import Dataset


@dataclass(frozen=True)
class Series:
    """The images that one sensor took of a sample.

    Attributes:
        name: of the sensor, such as ``S2``.
        bands: of each image, in the order of its channels.
        pixels: [dates, bands, height, width], in the dataset's unit; may be mapped from a file.
        days: int64 [dates, 2], never falling: days since the first day of the dataset, and the
            day of the year from 0. Images of one day are in the order in which they are stored.
    """

    name: str
    bands: Sequence[str]
    pixels: NDArray[Any]
    days: NDArray[np.int64]


def by_series(bands: Sequence[str], series: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The wanted bands of each series, series in the order in which bands name them first.

    Raises:
        RequestError: a band is in none.
    """
    series_of = {band: name for name, own in series.items() for band in own}
    found: dict[str, list[str]] = {}
    for band in bands:
        if band not in series_of:
            raise unknown("band", band, series_of)
        found.setdefault(series_of[band], []).append(band)
    return found


def by_band(found: Sequence[Series]) -> dict[str, NDArray[Any]]:
    """Each band of some series as one image [dates * height, width], date below date."""
    return {
        band: series.pixels[:, index].reshape(-1, series.pixels.shape[-1])
        for series in found
        for index, band in enumerate(series.bands)
    }


def nearest(wanted: int, given: int) -> NDArray[np.int64]:
    """Which of so many given pixels lies nearest to the centre of each wanted one."""
    return (2 * np.arange(wanted) + 1) * given // (2 * wanted)


class SeriesDataset(Dataset, Protocol):
    """A dataset of image time series."""

    def series(self, sample: str, bands: Sequence[str]) -> list[Series]:
        """The series that hold these bands, in the order in which the bands name them.

        Raises:
            BenchError: a file is missing, damaged or doesn't fit the dates.
        """
        ...

    def longest(self, bands: Sequence[str]) -> Mapping[str, int]:
        """The most dates that any sample has, by name of series."""
        ...
