"""Scores of trainings by maps with errors, against how wrong these make labels.

`bench.evaluate.robustness` trains them; T. Burgert et al., arXiv:2405.13451, ask how label
propagation fares with noisy maps, by errors that aren't published.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from bench.base.errors import RequestError, unknown
from bench.metrics import stats
from bench.report.estimate import Estimate, estimate, of_manifest, tested
from bench.results import trainings
from bench.results.manifest import Manifest
from bench.spec.task import Task

BY_MAPS = "cutmix-lp-map"
"""The strategy that reads labels off maps, and so the only one that their errors change."""

CLEAN = "none"


@dataclass(frozen=True)
class Point:
    """A method with maps of one quality.

    Attributes:
        magnitude: of the errors, in pixels or as a share; 0 without.
        added, removed, wrong: shares of labels; see `bench.kinds.multilabel.map_noise.LabelErrors`.
        value, low, high: the primary score, mean over seeds, with its 95 % interval.
        difference, difference_low, difference_high: to the score without errors, paired by unit;
            None without errors.
        p: of no difference, adjusted for all points by Holm's method.
        runs: where the numbers are from.
    """

    magnitude: float
    added: float
    removed: float
    wrong: float
    value: float
    low: float | None
    high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p: float | None
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Curve:
    """A method with errors of one kind.

    Attributes:
        entry: its name without the errors.
        noise: the kind of error.
        points: by rising magnitude, first that without errors.
    """

    entry: str
    noise: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Level:
    """A method that maps don't change.

    Attributes:
        entry, strategy: which one.
        value, low, high: the primary score, mean over seeds, with its 95 % interval.
        runs: where the numbers are from.
    """

    entry: str
    strategy: str
    value: float
    low: float | None
    high: float | None
    runs: tuple[str, ...]


@dataclass(frozen=True)
class NoiseCurves:
    """All methods of a task.

    Attributes:
        curves: of methods that use maps.
        levels: of the others.
    """

    curves: tuple[Curve, ...]
    levels: tuple[Level, ...]


class _Known(NamedTuple):
    manifests: list[Manifest]
    options: Mapping[str, Any]


def curves(
    manifests: Sequence[Manifest], task: Task, track: str, names: Sequence[str] = ()
) -> NoiseCurves:
    """Put what was trained by maps with errors beside what was trained without.

    Args:
        manifests: of complete runs.
        task: whose runs count.
        track: whose runs count.
        names: only these entries, by their names without errors; all without any.

    Raises:
        RequestError: nothing was trained by maps with errors, or a name is unknown.
    """
    known = _recorded(manifests, task, track)
    clean = {name: one for name, one in known.items() if one.options.get("noise", CLEAN) == CLEAN}
    noisy: dict[str, dict[str, list[_Known]]] = {}
    for name, one in known.items():
        if name in clean:
            continue
        noise = str(one.options["noise"])
        base = name.removesuffix(f"-{noise}-{one.options['magnitude']:g}")
        if base in clean:
            noisy.setdefault(base, {}).setdefault(noise, []).append(one)
    if not noisy:
        raise RequestError(
            f"nothing was trained by maps with errors for task {task.name} on the {track} track",
            f"bench robustness --task {task.name} --model {BY_MAPS}-s2 --noise dilate=2,8",
        )
    for name in names:
        if name not in clean:
            raise unknown("entry", name, clean, f"with results on {task.name}")
    chosen = names or sorted(clean)
    found = [
        _curve(task.primary, name, noise, clean[name], noisy[name][noise])
        for name in chosen
        if name in noisy
        for noise in sorted(noisy[name])
    ]
    levels = [_level(task.primary, name, clean[name]) for name in chosen if name not in noisy]
    return NoiseCurves(_adjusted(found), tuple(levels))


def _recorded(manifests: Sequence[Manifest], task: Task, track: str) -> dict[str, _Known]:
    """The newest run of each seed of every entry that was trained with options."""
    found: dict[str, list[Manifest]] = {}
    for one in manifests:
        same = (one.task.name, one.task.digest, one.track) == (task.name, task.digest, track)
        apart = one.partial or one.degradation or one.status != "complete"
        trained = one.entry.trained
        if same and not apart and trained and of_manifest(one) and not one.entry.labels:
            found.setdefault(one.entry.name, []).append(one)
    known = {}
    for name, own in found.items():
        latest = trainings.latest(own)
        last = latest[-1].entry.trained
        options = last.recipe.get("options") if last else None
        if isinstance(options, dict):
            known[name] = _Known(latest, options)
    return known


def _estimate(metric: str, known: _Known) -> Estimate:
    scored = [of_manifest(one) for one in known.manifests]
    return estimate(metric, [one for one in scored if one is not None])


def _curve(metric: str, entry: str, noise: str, clean: _Known, noisy: Sequence[_Known]) -> Curve:
    start = _estimate(metric, clean)
    ordered = sorted(noisy, key=lambda one: float(one.options["magnitude"]))
    points = [_point(metric, clean, None)]
    points += [_point(metric, one, start) for one in ordered]
    return Curve(entry, noise, tuple(points))


def _point(metric: str, known: _Known, clean: Estimate | None) -> Point:
    found = _estimate(metric, known)
    value = low = high = p = None
    if clean is not None:
        difference = tested(found, clean)
        value, low, high, p = difference.value, difference.low, difference.high, difference.p
    trained = known.manifests[-1].entry.trained
    facts = trained.facts if trained else {}
    added, removed, wrong = (
        float(facts.get(f"labels_{what}", 0)) for what in ("added", "removed", "wrong")
    )
    return Point(
        magnitude=float(known.options.get("magnitude", 0)),
        added=added,
        removed=removed,
        wrong=wrong,
        value=found.value,
        low=found.low,
        high=found.high,
        difference=value,
        difference_low=low,
        difference_high=high,
        p=p,
        runs=tuple(one.run for one in known.manifests),
    )


def _level(metric: str, entry: str, known: _Known) -> Level:
    found = _estimate(metric, known)
    runs = tuple(one.run for one in known.manifests)
    strategy = str(known.options.get("strategy", "none"))
    return Level(entry, strategy, found.value, found.low, found.high, runs)


def _adjusted(found: Sequence[Curve]) -> tuple[Curve, ...]:
    """The same with p-values that are adjusted for all points of all curves."""
    p = [point.p for curve in found for point in curve.points]
    adjusted = iter(stats.holm(np.array([np.nan if one is None else one for one in p])).tolist())
    return tuple(
        replace(
            curve,
            points=tuple(
                replace(point, p=None if np.isnan(value) else value)
                for point, value in zip(curve.points, adjusted, strict=False)
            ),
        )
        for curve in found
    )
