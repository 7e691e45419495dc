"""Image time series: what a dataset of them hands out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.data import Dataset


@dataclass(frozen=True)
class Series:
    """The images that one sensor took of a sample.

    Attributes:
        name: of the sensor, such as ``S2``.
        bands: of each image, in the order of its channels.
        pixels: [dates, bands, height, width], in the dataset's unit; may be mapped from a file.
        days: int64 [dates, 2], strictly rising: days since the first day of the dataset, and the
            day of the year from 0.
    """

    name: str
    bands: Sequence[str]
    pixels: NDArray[Any]
    days: NDArray[np.int64]


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
