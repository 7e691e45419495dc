"""Entries side by side on the same samples: is one better, how sure is that, and where?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import kinds
from bench.base.errors import BenchError, unknown
from bench.kinds.common.kind import Kind
from bench.kinds.common.scoring import score_interval
from bench.kinds.common.units import Units, units
from bench.metrics import stats
from bench.metrics.scales import direction
from bench.report import competitors
from bench.report.comparison import Comparison, CompetitorScore, Difference, PerSample
from bench.report.competitors import Competitor
from bench.results.manifest import Manifest
from bench.spec import task as tasks
from bench.spec.task import Task

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

TINY = 1e-3
"""A difference below this share of the larger value is called tiny, however certain it is."""

EXTREMES = 5
"""How many samples are named on which one entry is furthest ahead of the other."""

SINGLE = "Student's interval and test of the paired jackknife over {unit}s"
SEVERAL = f"{SINGLE}, with the variance over seeds of training"


@dataclass(frozen=True)
class _Measured:
    """One metric of one entry, mean over its runs; a trailing axis holds classes."""

    value: Floats  # [...]
    left_out: Floats  # [G, ...] without each unit, or group of units
    seeds: stats.Spread  # [...]

    def of(self, label: int) -> "_Measured":
        """That of one class."""
        return _Measured(self.value[label], self.left_out[:, label], self.seeds.at(label))


def compare(
    names: Sequence[str],
    task: str,
    results: Path,
    track: str | None = None,
    metric: str | None = None,
    progress: Progress = lambda stage, done, whole: None,
) -> Comparison:
    """Compare entries by their stored observations: no model, no GPU, no dataset.

    An interval and a p-value are Student's, from what each unit (sample, tile ...) contributes to
    the difference, by the jackknife; where an entry has several runs, from the variance over seeds
    of training as well. p is below 0.05 where the interval excludes 0.

    Args:
        names: two or more: run ids, beginnings of run ids, or names of entries, whose runs with
            different seeds are taken together.
        task: name or path.
        results: the results folder.
        track: ``official`` or ``sample``; by default official where all entries have it.
        metric: an aggregate such as ``f1_micro``; by default the one the task ranks by.
        progress: told the stage, how many resamples are done, and how many there are.

    Raises:
        RequestError: a name is unknown, or the runs differ in task, digest, track or samples.
        BenchError: a run can't be read.
    """
    asked = tasks.load(task)
    entries, remarks = competitors.find(names, asked, results, track)
    return between(entries, asked, metric, remarks, progress)


def between(
    entries: Sequence[Competitor],
    asked: Task,
    metric: str | None = None,
    remarks: Sequence[str] = (),
    progress: Progress = lambda stage, done, whole: None,
) -> Comparison:
    """Compare entries whose complete runs are known to be on the same samples: as `compare`.

    Args:
        entries: two or more.
        asked: their task.
        metric: as for `compare`.
        remarks: what is worth saying about the choice of runs.
        progress: as for `compare`.

    Raises:
        RequestError: the metric is unknown.
        BenchError: a run can't be read, or there are too few units.
    """
    kind = kinds.of(asked)
    reference = entries[0].runs[0]
    samples = reference.observations().column("sample").to_pylist()
    independent = units(reference.attributes(), len(samples))
    if independent.count < stats.FEWEST_UNITS:
        raise BenchError(
            f"{independent.count} {independent.noun}s are too few to compare entries on, expected "
            f"at least {stats.FEWEST_UNITS}",
            "run the entries on more samples",
        )
    wanted = _wanted(metric or asked.primary, entries[0].manifests[0])
    found, scores = [], []
    for one in entries:
        report = partial(progress, f"compare  {one.name}")
        measured, score = _measure(asked, one, wanted, samples, independent, report)
        found.append(measured)
        scores.append(score)
    main = [measured[wanted[0]] for measured in found]
    values = np.array([one.value for one in main])
    if np.isnan(values).any():
        raise BenchError(f"{wanted[0]} is undefined for one of the runs", "use another --metric")
    spread = stats.together(
        stats.pairwise_spread(np.stack([one.left_out for one in main], axis=-1)),
        stats.independent_spread(_stacked([one.seeds for one in main])),
    )
    pairs = _corrected(
        [
            _difference(main[i], main[j], spread.at((i, j)), i, j)
            for i, j in combinations(range(len(main)), 2)
        ],
        wanted[0],
    )
    p = stats.pairwise_p(values, spread)
    turn = direction(wanted[0])
    best, worst = stats.rank_intervals(turn * values, p)
    alone, manifest = len(entries) == 2, entries[0].manifests[0]
    several = any(len(one.runs) > 1 for one in entries)
    visible = stats.smallest_visible(spread)[np.triu_indices(len(main), 1)]
    return Comparison(
        task=asked.name,
        version=asked.version,
        digest=asked.digest,
        track=manifest.track,
        partial=manifest.partial,
        metric=wanted[0],
        samples=len(samples),
        unit=independent.noun,
        units=independent.count,
        method=(SEVERAL if several else SINGLE).format(unit=independent.noun),
        visible=_number(np.median(visible)),
        remarks=(*remarks, *([independent.doubt] if independent.doubt else [])),
        sides=tuple(
            _side(entry, measured, wanted[0], independent)
            for entry, measured in zip(entries, found, strict=True)
        ),
        pairs=pairs,
        classes=_classes(asked, wanted[1], found) if alone and wanted[1:] else (),
        per_sample=_per_sample(kind, samples, scores[0], scores[1], several) if alone else None,
        tiers=tuple(stats.tiers(turn * values, p).tolist()),
        ranks=tuple(zip(best.tolist(), worst.tolist(), strict=True)),
    )


def _stacked(spreads: Sequence[stats.Spread]) -> stats.Spread:
    return stats.Spread(
        np.array([one.variance for one in spreads]), np.array([one.degrees for one in spreads])
    )


def _wanted(metric: str, manifest: Manifest) -> list[str]:
    """The metric, and the one of its classes where there is one."""
    known = {score.name for score in manifest.scores}
    aggregates = {name for name in known if not name.endswith("_classes")}
    if metric not in aggregates:
        raise unknown("metric", metric, aggregates, "classes are shown beside their metric")
    of_classes = f"{metric.rpartition('_')[0]}_classes"
    return [metric, of_classes] if of_classes in known else [metric]


def _measure(
    task: Task,
    entry: Competitor,
    wanted: Sequence[str],
    samples: Sequence[str],
    independent: Units,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, _Measured], Floats]:
    """The wanted metrics of one entry, and its score of each sample, mean over its runs."""
    kind = kinds.of(task)
    rows = sum(map(len, independent.left_out()))

    def counts(before: int) -> Iterator[NDArray[np.uint16]]:
        done = before * rows
        for block in independent.left_out():
            yield block
            done += len(block)
            progress(done, rows * len(entry.runs))

    found, scores = [], []
    for number, run in enumerate(entry.runs):
        observations = run.observations()
        if observations.column("sample").to_pylist() != samples:
            raise BenchError(
                f"run {run.name} observed its samples in another order than the first one",
                "repeat it with --force",
            )
        found.append(kind.replicate(observations, counts(number), wanted))
        scores.append(kind.sample_scores(observations))
    measured = {}
    for name in wanted:
        values = np.stack([each[name] for each in found])
        measured[name] = _Measured(
            value=values[:, 0].mean(axis=0),
            left_out=values[:, 1:].mean(axis=0),
            seeds=stats.spread_over_seeds(values[:, 0]),
        )
    return measured, np.mean(scores, axis=0)


def _difference(
    one: _Measured,
    other: _Measured,
    spread: stats.Spread,
    first: int,
    second: int,
    label: str = "",
) -> Difference:
    """Of two aggregates, or of one class; its p not yet corrected for others."""
    value = one.value - other.value
    low, high = stats.interval(value, spread)
    p = stats.p_value(value, spread)
    return Difference(
        first,
        second,
        label,
        values=(_number(one.value), _number(other.value)),
        value=_number(value),
        low=_number(low),
        high=_number(high),
        p=_number(p),
        p_holm=None,
        verdict="tied",
        tiny=bool(abs(value) < TINY * max(abs(one.value), abs(other.value))),
    )


def _classes(
    task: Task, metric: str, sides: Sequence[dict[str, _Measured]]
) -> tuple[Difference, ...]:
    one, other = (side[metric] for side in sides)
    spread = stats.together(
        stats.spread_over_units(one.left_out - other.left_out), one.seeds, other.seeds
    )
    differences = [
        _difference(one.of(index), other.of(index), spread.at(index), 0, 1, label)
        for index, label in enumerate(task.classes)
    ]
    return _corrected(differences, metric)


def _corrected(differences: Sequence[Difference], metric: str) -> tuple[Difference, ...]:
    """The same with p-values corrected for all of them, and with verdicts."""
    p = np.array([np.nan if one.p is None else one.p for one in differences])
    adjusted = map(_number, stats.holm(p))
    return tuple(
        replace(one, p_holm=holm, verdict=_verdict(one, holm, metric))
        for one, holm in zip(differences, adjusted, strict=True)
    )


def _verdict(found: Difference, p: float | None, metric: str) -> str:
    if p is None or p >= stats.ALPHA or found.value is None:
        return "tied"
    return "better" if direction(metric) * found.value > 0 else "worse"


def _per_sample(
    kind: Kind[Any, Any], samples: Sequence[str], one: Floats, other: Floats, several: bool
) -> PerSample:
    gain = one - other
    order = np.argsort(-gain, kind="stable")
    order = order[~np.isnan(gain[order])]

    def named(indices: NDArray[np.intp]) -> tuple[tuple[str, float, float], ...]:
        return tuple((samples[i], float(one[i]), float(other[i])) for i in indices)

    binary = not several and bool(np.isin([one, other], (0, 1)).all())
    ahead, behind = int((gain > 0).sum()), int((gain < 0).sum())
    return PerSample(
        score=kind.sample_score,
        ahead=ahead,
        behind=behind,
        even=int((gain == 0).sum()),
        gains=named(order[:ahead][:EXTREMES]),
        losses=named(order[::-1][:behind][:EXTREMES]),
        mcnemar=stats.mcnemar(ahead, behind) if binary else None,
    )


def _side(
    entry: Competitor, measured: dict[str, _Measured], metric: str, independent: Units
) -> CompetitorScore:
    one = measured[metric]
    left_out = {name: each.left_out for name, each in measured.items()}
    low, high = score_interval(metric, one.value, left_out, independent.count, one.seeds)
    return CompetitorScore(
        name=entry.name,
        runs=tuple(run.name for run in entry.runs),
        seeds=tuple(manifest.seed for manifest in entry.manifests),
        value=float(one.value),
        low=_number(low),
        high=_number(high),
        unit_error=_number(stats.spread_over_units(one.left_out).error),
        seed_error=_number(one.seeds.error) if len(entry.runs) > 1 else None,
    )


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
