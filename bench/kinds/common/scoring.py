"""Scores with intervals from observations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.kinds import kind_of
from bench.kinds.common.protocol import Averages, Labels, Parts, Scaled, Settles
from bench.metrics.scales import scale
from bench.metrics.stats import percentile_interval, resample_counts
from bench.spec.score import Score
from bench.spec.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray


RESAMPLES = 1_000
"""Bootstrap resamples behind every interval."""


_COUNTS_AT_ONCE = 1 << 20


MAX_SLICES = 32
"""An attribute with more values than these is no slicing but an address."""


def check_scale(task: Task, observations: pa.Table) -> None:
    """Refuse observations of outputs that can't be on the scale that their kind asks for.

    Raises:
        BenchError: as `Scaled.check_scale`.
    """
    kind: object = kind_of(task)
    if isinstance(kind, Scaled) and observations.num_rows:
        kind.check_scale(task, observations)


def score(task: Task, observations: pa.Table, attributes: pa.Table | None = None) -> list[Score]:
    """Every metric of a task with its 95 % bootstrap interval, from observations alone.

    Args:
        task: what is scored.
        observations: N rows.
        attributes: what the rows can be grouped by, a text column each beside ``sample``, rows as
            in ``observations``; the primary metric is scored for each group as well.

    Raises:
        RequestError: the direction of a metric isn't known to `bench.metrics.scales`.
    """
    kind: object = kind_of(task)
    if isinstance(kind, Settles):
        observations = kind.settle(task, observations)
    found = _scored(task, observations, "", ())
    parts = kind.parts(task, observations) if isinstance(kind, Parts) else {}
    for part, rows in parts.items():
        found += _scored(task, rows, part, (task.primary,))
    if attributes is None:
        return found
    for column, values in zip(attributes.column_names, attributes.columns, strict=True):
        groups = sorted(set(values.to_pylist()))
        if column != "sample" and len(groups) <= MAX_SLICES:
            for group in groups:
                rows = observations.filter(pc.equal(values, group))
                found += _scored(task, rows, f"{column}={group}", (task.primary,))
    return found


def _scored(task: Task, observations: pa.Table, part: str, names: Sequence[str]) -> list[Score]:
    kind, samples = kind_of(task), observations.num_rows
    asked: object = kind
    classes = asked.averaged(task, observations) if isinstance(asked, Averages) else {}
    values = kind.measure(task, observations)
    block = min(RESAMPLES, max(64, _COUNTS_AT_ONCE // samples))
    counts = resample_counts(samples, RESAMPLES, block=block)
    replicates = kind.replicate(task, observations, counts, names)
    found = []
    for name in names or values:
        metric, _, average = name.rpartition("_")
        scale(metric)
        labels = labels_of(task, observations, average) if np.ndim(values[name]) else [""]
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


def labels_of(task: Task, observations: pa.Table, average: str) -> Sequence[str]:
    """What stands for each value of a metric of an average that isn't one number."""
    kind: object = kind_of(task)
    labels = kind.labels(task, observations, average) if isinstance(kind, Labels) else task.classes
    return labels
