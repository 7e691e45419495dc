"""From observed deviations to scores; the other half of `bench.kinds.consistency`."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.data import Dataset
from bench.kinds.common.kind import Kind, Metrics
from bench.kinds.common.points import points_of
from bench.metrics.deviation_ratios import DISTANCES, ORIGINAL, consistency_metrics

WHOLE = -1
"""The area of all pixels."""

RECONSTRUCTION = (
    "the score is a reconstruction: the exact definition of arXiv:2403.14547 isn't public"
)

_SEASONS = ("winter", "spring", "summer", "autumn")


class Settings(BaseModel):
    """Settings of a consistency task.

    Attributes:
        stride: every so many-th pixel of rows and columns is scored.
        tolerance: an augmentation is consistent where augmented signatures deviate at most this
            share more than original ones do.
        statistics: those of the dataset whose standard deviations bands are divided by.
    """

    model_config = ConfigDict(extra="forbid")

    stride: Annotated[int, Field(ge=1, le=1024)]
    tolerance: Annotated[float, Field(ge=0)]
    statistics: str


class Dated(Dataset, Protocol):
    """A dataset whose samples are locations with an image for each of several dates."""

    def images(
        self, sample: str, bands: Sequence[str]
    ) -> list[tuple[datetime.date, Mapping[str, NDArray[Any]]]]:
        """The named bands on each date, as `Dataset.read` gives them, by rising date.

        Raises:
            BenchError: there are fewer than two dates, or a file is missing or damaged.
        """
        ...

    def reference_map(self, sample: str, bands: Sequence[str] = ()) -> NDArray[np.uint8]:
        """The class of each pixel in the finest grid of the bands, 255 for none or unknown."""
        ...


class ConsistencyScores(Kind[Dated, Settings]):
    """The half of the kind that scores observations."""

    Settings = Settings

    def replicate(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str] = (),
    ) -> Metrics:
        """Deviations of original and augmented signatures, their ratio and the verdict.

        See `bench.metrics.deviation_ratios`. Locations are resampled.
        """
        cells = _cells(observations)
        sums, squares, pixels = (
            cells.per_location(values) for values in (cells.sums, cells.squares, cells.known)
        )
        tolerance = self.settings.tolerance
        found = consistency_metrics(sums, squares, pixels, counts, tolerance)
        return {name: values for name, values in found.items() if not names or name in names}

    def labels(self, observations: pa.Table, average: str) -> Sequence[str]:
        """The names of the magnitudes."""
        return _points(observations)

    def parts(self, observations: pa.Table) -> Mapping[str, pa.Table]:
        """The pixels of each class, and all pixels of the dates in each season."""
        cells = _cells(observations)
        masks = {
            f"class={name}": cells.areas == index for index, name in enumerate(self.task.classes)
        }
        seasons = cells.months % 12 // 3
        masks |= {
            f"season={name}": (cells.areas == WHOLE) & (seasons == index)
            for index, name in enumerate(_SEASONS)
        }
        return {name: cells.only(observations, mask) for name, mask in masks.items() if mask.any()}

    def sample_scores(self, observations: pa.Table) -> NDArray[np.float64]:
        """Minus the ratio of each location (L1), mean over magnitudes, [N]; NaN if undefined."""
        cells = _cells(observations)
        sums = cells.per_location(cells.sums)[..., DISTANCES.index("l1")]
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios: NDArray[np.float64] = sums[:, 1:].mean(axis=1) / sums[:, ORIGINAL]
        return np.where(np.isfinite(ratios), -ratios, np.nan)

    def remarks(self, observations: pa.Table) -> list[str]:
        """That the score is a reconstruction, and the verdict at each magnitude."""
        tolerance = self.settings.tolerance
        found = self.measure(observations)
        verdicts = {1.0: "consistent", 0.0: "inconsistent"}
        judged = [
            f"{point} {verdicts.get(float(verdict), 'undefined')}"
            for point, verdict in zip(
                _points(observations), found["consistent_points"], strict=True
            )
        ]
        return [
            RECONSTRUCTION,
            f"at most {tolerance:.0%} more than original signatures deviate (L1): "
            f"{', '.join(judged)}",
        ]


@dataclass(frozen=True)
class _Cells:
    """All cells of some observations, one after the other.

    Attributes:
        rows: [K] the location of each.
        areas, months: [K].
        sums: [K, 1 + M, D], 0 where undefined.
        squares: [K, D], the same.
        known: [K, D] pixels, 0 where undefined.
    """

    rows: NDArray[np.int64]
    areas: NDArray[np.int64]
    months: NDArray[np.int64]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    known: NDArray[np.float64]

    def per_location(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values [K, ...] of whole images, summed over the dates of each location, [N, ...]."""
        whole = np.flatnonzero(self.areas == WHOLE)
        starts = np.flatnonzero(np.diff(self.rows[whole], prepend=-1))
        summed: NDArray[np.float64] = np.add.reduceat(values[whole], starts, axis=0)
        return summed

    def only(self, observations: pa.Table, mask: NDArray[np.bool_]) -> pa.Table:
        """Observations of some cells as those of whole images, without locations that lack them."""
        counts = np.bincount(self.rows[mask], minlength=observations.num_rows)
        kept = observations.filter(pa.array(counts > 0))
        offsets = np.concatenate([[0], np.cumsum(counts[counts > 0])]).astype(np.int32)
        for name in ("dates", "areas", "pixels", "deviations", "squares"):
            field = observations.schema.field(name)
            values = observations.column(name).combine_chunks().flatten()
            width = len(values) // len(mask)
            values = values.filter(pa.array(np.repeat(mask, width)))
            if name == "areas":
                values = pa.array(np.full(len(values), WHOLE, np.int16))
            lists = pa.ListArray.from_arrays(offsets * np.int32(width), values)
            kept = kept.set_column(kept.schema.get_field_index(name), field, lists)
        return kept


def _cells(observations: pa.Table) -> _Cells:
    points = 1 + len(_points(observations))
    areas = observations.column("areas").combine_chunks()
    count = len(areas.flatten())
    sums = _flat(observations, "deviations").reshape(count, points, len(DISTANCES))
    squares = _flat(observations, "squares").reshape(count, len(DISTANCES))
    pixels = _flat(observations, "pixels")[:, None]
    months = pc.month(observations.column("dates").combine_chunks().flatten()).to_numpy()
    return _Cells(
        rows=np.repeat(np.arange(len(areas)), pc.list_value_length(areas).to_numpy()),
        areas=areas.flatten().to_numpy().astype(np.int64),
        months=months,
        sums=np.nan_to_num(sums),
        squares=np.nan_to_num(squares),
        known=np.where(np.isnan(squares), 0.0, pixels),
    )


def _flat(observations: pa.Table, column: str) -> NDArray[np.float64]:
    """All numbers in a column of lists, NaN for null."""
    values = observations.column(column).combine_chunks().flatten()
    found: NDArray[np.float64] = values.to_numpy(zero_copy_only=False).astype(np.float64)
    return found


def _points(observations: pa.Table) -> list[str]:
    """The names of the magnitudes."""
    return points_of(
        observations,
        "magnitudes for every location",
        "an augmentation's points don't depend on the image",
    )
