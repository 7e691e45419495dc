"""Scores of entries against how many labels they learnt from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.base.errors import RequestError, unknown
from bench.metrics import stats
from bench.metrics.label_curves import area_under_label_curve
from bench.report.estimate import Estimate, Trained, estimate, of_manifest
from bench.results import runs
from bench.results.manifest import Manifest
from bench.spec import labels
from bench.spec.labels import Labels
from bench.spec.task import Task


@dataclass(frozen=True)
class Point:
    """The score with one number of labels.

    Attributes:
        size: such as ``10%``.
        samples: that were learnt from; the mean over draws.
        draws: how many subsets of this size.
        value, low, high: the mean over draws and its 95 % interval over draws and samples; None
            where it is undefined or unknown.
        runs: where the numbers are from.
    """

    size: str
    samples: float
    draws: int
    value: float | None
    low: float | None
    high: float | None
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Drawn:
    """A run that learnt from a subset.

    Attributes:
        entry: its name without the number of labels.
        labels: the subset.
        samples: in it.
        run: the id of the run.
        trained: its primary score; None where that is undefined.
    """

    entry: str
    labels: Labels
    samples: int
    run: str
    trained: Trained | None


@dataclass(frozen=True)
class Curve:
    """An entry with several numbers of labels.

    Attributes:
        entry: its name without the number of labels.
        points: by rising number of labels.
        area, low, high: the area under the score against log10 of the number of labels, as a mean
            score, with its 95 % interval over samples and draws; None with one point.
    """

    entry: str
    points: tuple[Point, ...]
    area: float | None
    low: float | None
    high: float | None


def curves(
    manifests: Sequence[Manifest], task: Task, track: str, names: Sequence[str] = ()
) -> list[Curve]:
    """The curves of all entries that were trained on subsets.

    Args:
        manifests: of complete runs.
        task: whose runs count.
        track: whose runs count.
        names: only these entries, by their names without the number of labels; all without any.

    Raises:
        RequestError: there is no such run.
    """
    drawn = subsets_of(manifests, task, track)
    groups = {curve.entry: curve for curve in of_drawn(task.primary, drawn)}
    for name in names:
        if name not in groups:
            raise unknown("entry with label subsets", name, groups, f"on task {task.name}")
    if not groups:
        raise RequestError(
            f"no entry was trained on subsets for task {task.name} on the {track} track",
            f"bench run --task {task.name} --model MODEL --labels 1%,10%,100%",
        )
    return [groups[name] for name in names or sorted(groups)]


def subsets_of(manifests: Sequence[Manifest], task: Task, track: str) -> list[Drawn]:
    """The complete runs of a task that learnt from subsets, by rising date."""
    drawn = []
    for one in sorted(manifests, key=lambda manifest: manifest.started):
        recorded = one.entry.labels
        same = (one.task.name, one.task.digest, one.track) == (task.name, task.digest, track)
        left_out = one.partial or one.degradation or one.status != "complete"
        if recorded is None or not same or left_out:
            continue
        found = Labels.model_validate(recorded)
        drawn.append(Drawn(base_name(one), found, _samples(one), one.run, of_manifest(one)))
    return drawn


def of_drawn(primary: str, drawn: Iterable[Drawn]) -> list[Curve]:
    """The curves of some runs, by name of the entry.

    Args:
        primary: the score that ranks, with its average.
        drawn: by rising date: of several runs of a draw the last counts.
    """
    groups: dict[str, dict[str, dict[int, Drawn]]] = {}
    for one in drawn:
        of_entry = groups.setdefault(one.entry, {})
        of_entry.setdefault(one.labels.size, {})[one.labels.draw] = one
    return [_curve(primary, name, groups[name]) for name in sorted(groups)]


def base_name(manifest: Manifest) -> str:
    """The name of an entry without the number of labels that ends it."""
    return labels.base_name(str(manifest.entry.name), manifest.entry.labels)


def of_results(results: Path) -> list[Manifest]:
    """The manifests of all complete runs of a results folder."""
    found = (run.manifest() for run in runs.all_runs(results) if run.complete())
    return list(found)


def _curve(primary: str, name: str, sizes: dict[str, dict[int, Drawn]]) -> Curve:
    points, estimates = [], list[Estimate | None]()
    for size, draws in sizes.items():
        known = [one.trained for one in draws.values() if one.trained is not None]
        mean = estimate(primary, known) if len(known) == len(draws) else None
        estimates.append(mean)
        points.append(
            Point(
                size=size,
                samples=float(np.mean([one.samples for one in draws.values()])),
                draws=len(draws),
                value=mean.value if mean else None,
                low=mean.low if mean else None,
                high=mean.high if mean else None,
                runs=tuple(one.run for one in draws.values()),
            )
        )
    order = sorted(range(len(points)), key=lambda index: points[index].samples)
    points = [points[index] for index in order]
    whole = [one for index in order if (one := estimates[index]) is not None]
    area = low = high = None
    if len(whole) == len(points) > 1:
        area, low, high = _area([point.samples for point in points], whole)
    return Curve(name, tuple(points), area, low, high)


def _samples(manifest: Manifest) -> int:
    trained = manifest.entry.trained
    assert trained is not None
    return int(trained.facts["samples"])


def _area(
    samples: Sequence[float], means: Sequence[Estimate]
) -> tuple[float, float | None, float | None]:
    """The area and its interval: over units of all points together, over draws by point."""
    area = float(area_under_label_curve(samples, [one.value for one in means]))
    left_out = [one.left_out for one in means]
    if any(one is None for one in left_out) or len({one.basis for one in means}) > 1:
        return area, None, None
    without = area_under_label_curve(samples, np.stack(left_out, axis=1))  # type: ignore[arg-type]
    if len(without) < stats.FEWEST_UNITS:
        return area, None, None
    share = [
        float(area_under_label_curve(samples, np.eye(len(samples))[index]))
        for index in range(len(samples))
    ]
    draws = sum(
        (weight * (one.seed_error or 0.0)) ** 2 for weight, one in zip(share, means, strict=True)
    )
    # Draws are few at each point and many over all: their errors count as known.
    of_draws = stats.Spread(np.array(draws), np.array(np.inf))
    spread = stats.together(stats.spread_over_units(without), of_draws)
    low, high = stats.interval(area, spread)
    return area, float(low), float(high)
