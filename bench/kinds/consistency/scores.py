"""From observed deviations to scores; the other half of `bench.kinds.consistency`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.kinds.common.points import points_of
from bench.kinds.common.protocol import Metrics
from bench.metrics.deviation_ratios import DISTANCES, ORIGINAL, consistency_metrics
from bench.spec.task import Task

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


def measure(task: Task, observations: pa.Table) -> Metrics:
    """Deviations of original and augmented signatures, their ratio and the verdict.

    See `bench.metrics.deviation_ratios`.
    """
    ones = np.ones((1, observations.num_rows), np.uint16)
    return {name: values[0] for name, values in replicate(task, observations, [ones]).items()}


def replicate(
    task: Task,
    observations: pa.Table,
    counts: Iterable[NDArray[np.uint16]],
    names: Sequence[str] = (),
) -> Metrics:
    """The same of resampled locations."""
    cells = _cells(observations)
    sums, squares, pixels = (
        cells.per_location(values) for values in (cells.sums, cells.squares, cells.known)
    )
    tolerance = Settings.model_validate(task.settings).tolerance
    found = consistency_metrics(sums, squares, pixels, counts, tolerance)
    return {name: values for name, values in found.items() if not names or name in names}


def labels(task: Task, observations: pa.Table, average: str) -> Sequence[str]:
    """The names of the magnitudes."""
    return _points(observations)


def parts(task: Task, observations: pa.Table) -> Mapping[str, pa.Table]:
    """The pixels of each class, and all pixels of the dates in each season."""
    cells = _cells(observations)
    masks = {f"class={name}": cells.areas == index for index, name in enumerate(task.classes)}
    seasons = cells.months % 12 // 3
    masks |= {
        f"season={name}": (cells.areas == WHOLE) & (seasons == index)
        for index, name in enumerate(_SEASONS)
    }
    return {name: cells.only(observations, mask) for name, mask in masks.items() if mask.any()}


def sample_scores(task: Task, observations: pa.Table) -> NDArray[np.float64]:
    """Minus the ratio of each location by L1, mean over magnitudes, [N]; NaN where undefined."""
    cells = _cells(observations)
    sums = cells.per_location(cells.sums)[..., DISTANCES.index("l1")]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios: NDArray[np.float64] = sums[:, 1:].mean(axis=1) / sums[:, ORIGINAL]
    return np.where(np.isfinite(ratios), -ratios, np.nan)


def remarks(task: Task, observations: pa.Table) -> list[str]:
    """That the score is a reconstruction, and the verdict at each magnitude."""
    tolerance = Settings.model_validate(task.settings).tolerance
    found = measure(task, observations)
    verdicts = {1.0: "consistent", 0.0: "inconsistent"}
    judged = [
        f"{point} {verdicts.get(float(verdict), 'undefined')}"
        for point, verdict in zip(_points(observations), found["consistent_points"], strict=True)
    ]
    return [
        RECONSTRUCTION,
        f"at most {tolerance:.0%} more than original signatures deviate (L1): {', '.join(judged)}",
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
