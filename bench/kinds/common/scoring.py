"""Scores with intervals from observations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bench.kinds.common.groups import worst_groups
from bench.kinds.common.kind import Kind
from bench.kinds.common.units import Units, units
from bench.metrics import stats
from bench.metrics.scales import scale
from bench.spec.score import Score

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_SLICES = 32
"""An attribute with more values than these is no slicing but an address."""

FEWEST_OF_A_CLASS = 5
"""Where a class occurs in fewer units, the interval of an average over classes is approximate."""

FEWEST_DEGREES = 10
"""Where a standard error has fewer degrees of freedom, and fewer than half of the units would give,
a few units decide it, and those of other samples would decide otherwise: of RMSE with errors that
differ much between images, 95 % intervals then hold their target in as few as 85 % of cases."""


@dataclass(frozen=True)
class Scored:
    """What scoring gives.

    Attributes:
        scores: every metric, and the primary one of each slice.
        units: of all samples.
        left_out: the primary metric without each unit, or group of units: differences between
            entries are tested by these.
        remarks: what to keep in mind of the intervals, a line each.
    """

    scores: tuple[Score, ...]
    units: Units
    left_out: tuple[float, ...]
    remarks: tuple[str, ...]


def score(
    kind: Kind[Any, Any], observations: pa.Table, attributes: pa.Table | None = None
) -> Scored:
    """Every metric of a task with its 95 % interval, from observations alone.

    The interval is that of the jackknife over independent units (`bench.metrics.stats.jackknife`).

    Args:
        kind: of the task that is scored.
        observations: N rows.
        attributes: what the rows can be grouped by, a text column each beside ``sample``, rows as
            in ``observations``; the primary metric is scored for each group as well. One of
            `bench.kinds.common.units.CLUSTERS` names the samples that aren't independent.

    Raises:
        RequestError: the direction of a metric isn't known to `bench.metrics.scales`.
    """
    primary = (kind.task.primary,)
    observations = kind.settle(observations)
    independent = units(attributes, observations.num_rows)
    found, left_out = _scored(kind, observations, independent, "", ())
    parts = kind.parts(observations)
    place = {name: row for row, name in enumerate(_names(observations))} if parts else {}
    for part, rows in parts.items():
        of_part = np.array([place[name] for name in _names(rows)], np.intp)
        found += _scored(kind, rows, independent.of(of_part), part, primary)[0]
    for part, places in _slices(attributes).items():
        rows = observations.take(places)
        found += _scored(kind, rows, independent.of(places), part, primary)[0]
    found += worst_groups(kind, observations, attributes, independent, found)
    doubts = _too_few(kind, observations, independent, left_out)
    without = left_out.get(kind.task.primary, np.empty(0))
    return Scored(
        tuple(found),
        independent,
        # Of a score that isn't defined for all of them there is no difference to another entry's.
        tuple(without.tolist()) if np.isfinite(without).all() else (),
        (*([independent.doubt] if independent.doubt else []), *doubts),
    )


def _names(observations: pa.Table) -> list[str]:
    names: list[str] = observations.column("sample").to_pylist()
    return names


def _slices(attributes: pa.Table | None) -> "dict[str, NDArray[np.intp]]":
    """The rows of each group of samples, by name."""
    found: dict[str, NDArray[np.intp]] = {}
    if attributes is None:
        return found
    for name in attributes.column_names:
        values = attributes.column(name).to_numpy()
        groups = sorted(set(values))
        if name != "sample" and len(groups) <= MAX_SLICES:
            found |= {f"{name}={group}": np.flatnonzero(values == group) for group in groups}
    return found


def _scored(
    kind: Kind[Any, Any],
    observations: pa.Table,
    independent: Units,
    part: str,
    names: Sequence[str],
) -> "tuple[list[Score], dict[str, NDArray[np.float64]]]":
    samples, classes = observations.num_rows, kind.averaged(observations)
    values = kind.measure(observations)
    enough = independent.count >= stats.FEWEST_UNITS
    replicates = kind.replicate(observations, independent.left_out(), names) if enough else {}
    left_out = {name: values[1:] for name, values in replicates.items()}
    of_classes = None if names else _units_of_classes(kind, observations, independent)
    found = []
    for name in names or values:
        metric, _, average = name.rpartition("_")
        labels = kind.labels(observations, average) if np.ndim(values[name]) else [""]
        lows, highs = (
            score_interval(
                name,
                values[name],
                left_out,
                independent.count if of_classes is None or average != "classes" else of_classes,
            )
            if enough and samples >= stats.FEWEST_SAMPLES
            else np.full((2, *np.shape(values[name])), np.nan)
        )
        rows = zip(*map(np.atleast_1d, (values[name], lows, highs)), strict=True)
        for label, numbers in zip(labels, rows, strict=True):
            value, low, high = (float(n) if np.isfinite(n) else None for n in numbers)
            of_units = classes.get(name), independent.count, independent.noun
            found.append(Score(metric, average, label, value, low, high, samples, part, *of_units))
    return found, left_out


def score_interval(
    name: str,
    value: "NDArray[np.float64]",
    left_out: "Mapping[str, NDArray[np.float64]]",
    count: "int | NDArray[np.int64]",
    seeds: stats.Spread | None = None,
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """The 95 % interval of a metric on its own scale.

    Args:
        name: of the metric, with its average.
        value: [...].
        left_out: [G, ...] without each unit, by name; of an average over classes the values of
            each class under ``<metric>_classes``, where there are some, tell how well its standard
            error is known.
        count: the number of units; for values of classes [C] that of units in which each occurs.
        seeds: the spread over trainings, where ``value`` is a mean over several.

    Returns:
        Lower and upper bounds [...]; NaN where a value is undefined without some unit, and for a
        metric that isn't smooth, such as a median, whose standard error the jackknife doesn't give.
    """
    meant, without = scale(name.rpartition("_")[0]), left_out[name]
    if not meant.smooth or len(without) < stats.FEWEST_UNITS:
        return np.full(np.shape(value), np.nan), np.full(np.shape(value), np.nan)
    # A lossless codec has an infinite PSNR.
    with np.errstate(invalid="ignore"):
        spread = _spread(name, left_out)
        moved = stats.bias(value, without)
    if seeds is not None:
        spread = stats.together(spread, seeds)
    return stats.bounded_interval(value, spread, moved, count, meant.low, meant.high)


def _spread(name: str, left_out: "Mapping[str, NDArray[np.float64]]") -> stats.Spread:
    """Of a metric over units; of a mean over classes with those of the classes."""
    metric, _, average = name.rpartition("_")
    parts = left_out.get(f"{metric}_classes") if average == "macro" else None
    return stats.spread_over_units(left_out[name], parts)


def _too_few(
    kind: Kind[Any, Any],
    observations: pa.Table,
    independent: Units,
    left_out: "Mapping[str, NDArray[np.float64]]",
) -> list[str]:
    """What is too few for intervals, or for such as hold what they say, a line each."""
    noun, samples = independent.noun, observations.num_rows
    if independent.count < stats.FEWEST_UNITS or samples < stats.FEWEST_SAMPLES:
        fewest = f"{stats.FEWEST_SAMPLES} samples in {stats.FEWEST_UNITS} {noun}s"
        return [f"too few for an interval: {samples} samples, expected at least {fewest}"]
    rare, primary = rare_classes(kind, observations, independent), kind.task.primary
    if rare and primary in kind.averaged(observations):
        # That says why a few units decide it, too.
        return rare
    return [*rare, *deciding_units(primary, noun, left_out)]


def rare_classes(kind: Kind[Any, Any], observations: pa.Table, independent: Units) -> list[str]:
    """That classes occur in too few units for intervals of averages over them, where it is so."""
    numbers = _units_of_classes(kind, observations, independent)
    if numbers is None:
        return []
    rare = [
        f"{name} ({number})"
        for name, number in zip(kind.task.classes, numbers.tolist(), strict=True)
        if 0 < number < FEWEST_OF_A_CLASS
    ]
    if not rare:
        return []
    return [
        f"intervals of averages over classes are approximate: some classes occur in fewer than "
        f"{FEWEST_OF_A_CLASS} {independent.noun}s: {', '.join(rare)}"
    ]


def deciding_units(
    name: str, noun: str, left_out: "Mapping[str, NDArray[np.float64]]"
) -> list[str]:
    """That a few units decide the standard error of a metric, where it is so.

    Args:
        name: of the metric, with its average.
        noun: what a unit is called.
        left_out: [G, ...] it without each unit, and that of its classes, by name.
    """
    without = left_out[name]
    if not scale(name.rpartition("_")[0]).smooth or not np.isfinite(without).all():
        return []
    degrees, fewest = float(_spread(name, left_out).degrees), min(FEWEST_DEGREES, len(without) / 2)
    if degrees >= fewest:
        return []
    return [
        f"the interval of {name} is approximate: a few {noun}s decide its standard error "
        f"({degrees:.1f} degrees of freedom, expected at least {fewest:g})"
    ]


def _units_of_classes(
    kind: Kind[Any, Any], observations: pa.Table, independent: Units
) -> "NDArray[np.int64] | None":
    """In how many units each class occurs, [C]; None where there are no classes."""
    occurs = kind.occurrences(observations)
    if occurs is None:
        return None
    if independent.labels is not None:
        of_units = np.zeros((int(independent.labels.max()) + 1, occurs.shape[1]), np.bool_)
        np.logical_or.at(of_units, independent.labels, occurs)
        occurs = of_units
    numbers: NDArray[np.int64] = occurs.sum(axis=0, dtype=np.int64)
    return numbers
