"""The worst group of samples by an attribute that a task declares, and how far it is behind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.kinds.common.kind import Kind
from bench.kinds.common.units import Units
from bench.metrics import stats
from bench.metrics.scales import direction
from bench.spec.score import GAP, WORST, Score

FEWEST_UNITS = 5
"""A difference between a group of fewer units and the rest has no interval."""

Floats = NDArray[np.float64]


def worst_groups(
    kind: Kind[Any, Any],
    observations: pa.Table,
    attributes: pa.Table | None,
    independent: Units,
    scores: Sequence[Score],
) -> list[Score]:
    """The worst group by each attribute of the task, and its difference to the rest.

    The worst group is the one that is furthest behind the samples of all other groups, of those of
    at least `bench.metrics.stats.FEWEST_SAMPLES` samples. It was chosen for that, so of many groups
    that are alike it looks worse than it is.

    A difference of means over classes is over the classes that occur in both parts: another mixture
    of classes would be a difference of the data. Its interval is that of the jackknife with the
    same units left out of both parts.

    Args:
        kind: of the task.
        observations: N rows, settled.
        attributes: rows as in ``observations``; None where nothing is known of them.
        independent: the units of the rows.
        scores: of the observations, those of slices among them.

    Returns:
        Two scores for each attribute by which a group is behind, with the group as their label and
        the slices ``<attribute>: worst`` and ``<attribute>: worst less rest``.
    """
    primary = kind.task.primary
    by_slice = {one.slice: one for one in scores if one.name == primary and not one.label}
    metric, _, average = primary.rpartition("_")
    of_classes = f"{metric}_classes"
    by_class = average == "macro" and any(one.name == of_classes for one in scores)
    name = of_classes if by_class else primary
    found: list[Score] = []
    for attribute in kind.task.groups:
        if attributes is None or attribute not in attributes.column_names:
            continue
        values = attributes.column(attribute).to_numpy()
        once = [np.ones((1, len(values)), np.uint16)]
        groups = [
            group
            for group in sorted(set(values))
            if (own := by_slice.get(f"{attribute}={group}"))
            and own.value is not None
            and own.samples >= stats.FEWEST_SAMPLES
        ]
        if len(groups) < 2:
            continue
        behind = {}
        for group in groups:
            known = _differences(kind, observations, values == group, name, once)
            if np.isfinite(known.whole[0]):
                behind[group] = float(direction(primary) * known.whole[0])
        if not behind:
            continue
        worst = min(behind, key=behind.__getitem__)
        if behind[worst] >= 0:
            # Average precision of few samples is too high, so that every small group can be ahead.
            continue
        own = replace(by_slice[f"{attribute}={worst}"], label=str(worst))
        inside = values == worst
        value, low, high, shared = _with_interval(kind, observations, independent, inside, name)
        found.append(replace(own, slice=attribute + WORST))
        found.append(
            replace(
                own,
                slice=attribute + GAP,
                value=value,
                low=low,
                high=high,
                classes=shared,
                units=independent.count,
                sampling_unit=independent.noun,
            )
        )
    return found


@dataclass(frozen=True)
class _Differences:
    """Differences of a metric between two parts, for each row of counts.

    Attributes:
        whole: [B], of means over classes the mean over those that occur in both.
        classes: [B, C] of each of these classes; None for what is no such mean.
    """

    whole: Floats
    classes: Floats | None


def _differences(
    kind: Kind[Any, Any],
    observations: pa.Table,
    inside: NDArray[np.bool_],
    name: str,
    counts: Iterable[NDArray[np.uint16]],
) -> _Differences:
    """A metric of some samples less that of the others.

    Args:
        kind: of the task.
        observations: N rows.
        inside: [N], which are meant.
        name: of the metric; of a mean over classes that of the classes.
        counts: blocks [B, N], the first row being all samples.
    """
    blocks = list(counts)
    one, other = (
        kind.replicate(observations.take(rows), [block[:, rows] for block in blocks], (name,))[name]
        for rows in (np.flatnonzero(inside), np.flatnonzero(~inside))
    )
    differences = np.asarray(one - other, np.float64)
    if differences.ndim == 1:
        return _Differences(differences, None)
    classes = differences[:, ~np.isnan(differences[0])]
    known = ~np.isnan(classes)
    total = np.where(known, classes, 0).sum(axis=1)
    number = known.sum(axis=1)
    whole = np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)
    return _Differences(whole, classes)


def _with_interval(
    kind: Kind[Any, Any],
    observations: pa.Table,
    independent: Units,
    inside: NDArray[np.bool_],
    name: str,
) -> tuple[float, float | None, float | None, int | None]:
    """The difference between some samples and the others, its interval, and over how many classes.

    The interval is None where either part has fewer than `FEWEST_UNITS` units, or none of its
    samples is left without one of the groups that the jackknife leaves out.
    """
    blocks = list(independent.left_out())
    enough = independent.count >= stats.FEWEST_UNITS
    for part in (inside, ~inside):
        labels = independent.labels
        units = int(part.sum()) if labels is None else len(set(labels[part].tolist()))
        enough &= units >= FEWEST_UNITS
        enough = enough and all(block[:, part].any(axis=1).all() for block in blocks)
    found = _differences(kind, observations, inside, name, blocks if enough else blocks[:1])
    shared = None if found.classes is None else found.classes.shape[1]
    value, left_out = float(found.whole[0]), found.whole[1:]
    if not enough:
        return value, None, None, shared
    parts = None if found.classes is None else found.classes[1:]
    spread = stats.spread_over_units(left_out, parts)
    low, high = map(float, stats.interval(value, spread, stats.bias(value, left_out)))
    if not np.isfinite(low + high):
        return value, None, None, shared
    return value, low, high, shared
