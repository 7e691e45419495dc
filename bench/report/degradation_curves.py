"""Scores of a model on degraded images, against its score on clean ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrics import stats
from bench.metrics.degradation_curves import area_under_degradation_curve
from bench.report.estimate import Estimate, estimate, of_manifest, tested
from bench.results.manifest import Manifest
from bench.spec.degradation import UNITS, Degradation

Floats = NDArray[np.float64]
_Difference = tuple[float, float | None, float | None, float]


@dataclass(frozen=True)
class Point:
    """The score under one degradation.

    Attributes:
        degradation: its name; empty for clean images.
        kind: ``drop``, ``cloud``, ``noise`` or ``gsd``; empty for clean images.
        magnitude: in the unit of the kind; None for clean images.
        value, low, high: the primary score and its 95 % interval; None where undefined.
        difference, difference_low, difference_high: to the score on clean images, with its 95 %
            interval, paired over the units of both; None where that isn't known.
        p: of no difference, adjusted for all points by Holm's method; None where unknown.
        run: where the numbers are from.
    """

    degradation: str
    kind: str
    magnitude: float | None
    value: float | None
    low: float | None
    high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p: float | None
    run: str


@dataclass(frozen=True)
class Area:
    """The area under the score against magnitude, of one kind of degradation.

    Attributes:
        kind, unit: of the degradation, and of its magnitude.
        start, end: the range of magnitudes. It starts with clean images: at 0, or at the ground
            sampling distance of the finest band.
        points: how many, clean images included.
        area, low, high: as a mean score, with its 95 % interval over units; None where a score is
            undefined, or the interval unknown.
        difference, difference_low, difference_high: the area less the score on clean images, with
            its 95 % interval, paired over units.
        p: of no difference.
    """

    kind: str
    unit: str
    start: float
    end: float
    points: int
    area: float | None
    low: float | None
    high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p: float | None


@dataclass(frozen=True)
class Robustness:
    """A model on clean and on degraded images.

    Attributes:
        task, entry, track, metric: what was run and scored.
        samples: how many images.
        unit, units: what is resampled, and how many there are.
        points: clean images first, then as they were asked for.
        areas: of each kind that has a magnitude, and of which two points or more are known.
    """

    task: str
    entry: str
    track: str
    metric: str
    samples: int
    unit: str
    units: int | None
    points: tuple[Point, ...]
    areas: tuple[Area, ...]


def robustness(
    clean: Manifest, runs: Sequence[tuple[Degradation, Manifest]], finest: float
) -> Robustness:
    """Compare runs on degraded images with the run on clean ones, unit by unit.

    Intervals and p-values are those of `bench.report.estimate`: Student's, by the jackknife over
    the units that both runs were scored on.

    Args:
        clean: the run on clean images.
        runs: of the same entry on the same samples, one for each degradation.
        finest: the ground sampling distance of the finest band that the model is fed, in metres.
    """
    manifests = [clean, *(manifest for _, manifest in runs)]
    estimates = [_estimate(manifest) for manifest in manifests]
    compared = [_difference(estimates[0], one) for one in estimates[1:]]
    adjusted = stats.holm(np.array([np.nan if one is None else one[3] for one in compared]))
    points = [_point(clean, estimates[0], None, None, None)]
    points += [
        _point(manifest, found, degradation, difference, float(p))
        for (degradation, manifest), found, difference, p in zip(
            runs, estimates[1:], compared, adjusted, strict=True
        )
    ]
    areas = [
        _area(kind, finest if kind == "gsd" else 0.0, estimates[0], members)
        for kind in UNITS
        if kind != "drop"
        and (
            members := [
                (degradation.magnitude, found)
                for (degradation, _), found in zip(runs, estimates[1:], strict=True)
                if degradation.kind == kind
            ]
        )
    ]
    score = clean.primary
    return Robustness(
        task=clean.task.name,
        entry=clean.entry.name,
        track=clean.track,
        metric=clean.task.primary,
        samples=clean.data.samples,
        unit=score.sampling_unit if score else "sample",
        units=score.units if score else None,
        points=tuple(points),
        areas=tuple(areas),
    )


def _estimate(manifest: Manifest) -> Estimate | None:
    found = of_manifest(manifest)
    return None if found is None else estimate(manifest.task.primary, [found])


def _difference(clean: Estimate | None, other: Estimate | None) -> _Difference | None:
    """Of another score to that on clean images: value, bounds, p."""
    if clean is None or other is None:
        return None
    found = tested(other, clean)
    return found.value, found.low, found.high, found.p


def _tested(value: float, spread: stats.Spread) -> tuple[float, float, float, float]:
    low, high = stats.interval(value, spread)
    return value, float(low), float(high), float(stats.p_value(value, spread))


def _point(
    manifest: Manifest,
    found: Estimate | None,
    degradation: Degradation | None,
    difference: _Difference | None,
    p: float | None,
) -> Point:
    value, low, high, _ = difference or (None, None, None, None)
    return Point(
        degradation=degradation.name if degradation else "",
        kind=degradation.kind if degradation else "",
        magnitude=degradation.magnitude if degradation else None,
        value=found.value if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        difference=value,
        difference_low=low,
        difference_high=high,
        p=p if difference and not np.isnan(difference[3]) else None,
        run=manifest.run,
    )


def _area(
    kind: str,
    start: float,
    clean: Estimate | None,
    members: Sequence[tuple[float, Estimate | None]],
) -> Area:
    magnitudes = [start, *(magnitude for magnitude, _ in members)]
    found = [clean, *(one for _, one in members)]
    known = [one for one in found if one is not None]
    area: tuple[float | None, ...] = (None,) * 3
    difference: tuple[float | None, ...] = (None,) * 4
    if clean is not None and len(known) == len(found):
        value = float(area_under_degradation_curve(magnitudes, [one.value for one in known]))
        area, difference = (value, None, None), (value - clean.value, None, None, None)
        units = [one.left_out for one in known if one.left_out is not None]
        paired = len(units) == len(known) and len({one.basis for one in known}) == 1
        if paired and len(units[0]) >= stats.FEWEST_UNITS:
            without: Floats = area_under_degradation_curve(magnitudes, np.stack(units, axis=1))
            area = _tested(value, stats.spread_over_units(without))[:3]
            difference = _tested(value - clean.value, stats.spread_over_units(without - units[0]))
    return Area(
        kind,
        UNITS[kind],  # type: ignore[index]
        start,
        max(magnitudes),
        len(magnitudes),
        *area,
        *difference,
    )
