"""Scores with intervals from observations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.kinds.common.kind import Kind
from bench.metrics.scales import scale
from bench.metrics.stats import percentile_interval, resample_counts
from bench.spec.score import Score

if TYPE_CHECKING:
    from numpy.typing import NDArray


RESAMPLES = 1_000
"""Bootstrap resamples behind every interval."""


_COUNTS_AT_ONCE = 1 << 20


MAX_SLICES = 32
"""An attribute with more values than these is no slicing but an address."""


def score(
    kind: Kind[Any, Any], observations: pa.Table, attributes: pa.Table | None = None
) -> list[Score]:
    """Every metric of a task with its 95 % bootstrap interval, from observations alone.

    Args:
        kind: of the task that is scored.
        observations: N rows.
        attributes: what the rows can be grouped by, a text column each beside ``sample``, rows as
            in ``observations``; the primary metric is scored for each group as well.

    Raises:
        RequestError: the direction of a metric isn't known to `bench.metrics.scales`.
    """
    primary = (kind.task.primary,)
    observations = kind.settle(observations)
    found = _scored(kind, observations, "", ())
    for part, rows in kind.parts(observations).items():
        found += _scored(kind, rows, part, primary)
    if attributes is None:
        return found
    for column, values in zip(attributes.column_names, attributes.columns, strict=True):
        groups = sorted(set(values.to_pylist()))
        if column != "sample" and len(groups) <= MAX_SLICES:
            for group in groups:
                rows = observations.filter(pc.equal(values, group))
                found += _scored(kind, rows, f"{column}={group}", primary)
    return found


def _scored(
    kind: Kind[Any, Any], observations: pa.Table, part: str, names: Sequence[str]
) -> list[Score]:
    samples, classes = observations.num_rows, kind.averaged(observations)
    values = kind.measure(observations)
    block = min(RESAMPLES, max(64, _COUNTS_AT_ONCE // samples))
    counts = resample_counts(samples, RESAMPLES, block=block)
    replicates = kind.replicate(observations, counts, names)
    found = []
    for name in names or values:
        metric, _, average = name.rpartition("_")
        scale(metric)
        labels = kind.labels(observations, average) if np.ndim(values[name]) else [""]
        interval = _interval_of_classes if average == "classes" else percentile_interval
        lows, highs = interval(replicates[name])
        rows = zip(*map(np.atleast_1d, (values[name], lows, highs)), strict=True)
        for label, numbers in zip(labels, rows, strict=True):
            value, low, high = (float(n) if np.isfinite(n) else None for n in numbers)
            behind = classes.get(name)
            found.append(Score(metric, average, label, value, low, high, samples, part, behind))
    return found


def _interval_of_classes(
    replicates: "NDArray[np.float64]",
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """The interval of each class [R, C] from the resamples in which it occurs, if most are."""
    bounds = np.full((2, replicates.shape[1]), np.nan)
    for index, values in enumerate(replicates.T):
        known = values[~np.isnan(values)]
        if 2 * len(known) > len(values):
            bounds[:, index] = percentile_interval(known)
    return bounds[0], bounds[1]
