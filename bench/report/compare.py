"""Entries side by side on the same samples: is one better, how sure is that, and where?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import kinds
from bench.base.errors import BenchError, unknown
from bench.kinds.common.kind import Kind
from bench.kinds.common.scoring import RESAMPLES
from bench.metrics import stats
from bench.metrics.scales import direction
from bench.report import competitors
from bench.report.comparison import Comparison, CompetitorScore, Difference, PerSample
from bench.report.competitors import Competitor
from bench.results.manifest import Manifest
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.spec.task import Task

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

TINY = 1e-3
"""A difference below this share of the larger value is called tiny, however certain it is."""

PLACES = ("location", "scene", "tile")
"""Attributes that say which samples aren't independent; the first one there is counts."""

FEWEST_PLACES = 10
"""Fewer places than these can't stand for all the others there might be."""

GROUPS = 500
"""In so many groups at most samples are left out, to find what each contributes to a metric."""

EXTREMES = 5
"""How many samples are named on which one entry is furthest ahead of the other."""

SINGLE = (
    "percentile interval of the paired bootstrap over {unit}s; p by sign flips of what each {unit} "
    "contributes to the difference"
)
SEVERAL = (
    "percentile interval of the paired two-level bootstrap, over runs and over {unit}s; p from its "
    "standard error"
)


@dataclass(frozen=True)
class _Measured:
    """One metric of one entry, mean over its runs; a trailing axis holds classes."""

    value: Floats  # [...]
    replicates: Floats  # [R, ...]
    left_out: Floats | None  # [G, ...] without each group of samples; None with several runs

    def of(self, label: int) -> "_Measured":
        """That of one class."""
        left_out = None if self.left_out is None else self.left_out[:, label]
        return _Measured(self.value[label], self.replicates[:, label], left_out)


def compare(
    names: Sequence[str],
    task: str,
    results: Path,
    track: str | None = None,
    metric: str | None = None,
    progress: Progress = lambda stage, done, whole: None,
) -> Comparison:
    """Compare entries by their stored observations: no model, no GPU, no dataset.

    Intervals are percentile intervals of the paired bootstrap: all entries are resampled alike.
    With one run each, p is that of sign flips of the pseudo-values of samples (or places, or groups
    of samples where there are more than 500). Where an entry has several runs, seeds are resampled
    as well, and p follows from the standard error.

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
    kind = kinds.of(asked)
    entries, remarks = competitors.find(names, asked, results, track)
    reference = entries[0].runs[0]
    samples = reference.observations().column("sample").to_pylist()
    place, labels, doubt = _places(reference)
    wanted = _wanted(metric or asked.primary, entries[0].manifests[0])
    several = any(len(one.runs) > 1 for one in entries)
    found, scores = [], []
    for index, one in enumerate(entries):
        report = partial(progress, f"compare  {one.name}")
        measured, score = _measure(asked, one, wanted, samples, labels, several, index, report)
        found.append(measured)
        scores.append(score)
    main = [measured[wanted[0]] for measured in found]
    values = np.array([one.value for one in main])
    if np.isnan(values).any():
        raise BenchError(f"{wanted[0]} is undefined for one of the runs", "use another --metric")
    pairs = _corrected(
        [_difference(main[i], main[j], i, j) for i, j in combinations(range(len(main)), 2)],
        wanted[0],
    )
    p = np.ones((len(main), len(main)))
    for pair in pairs:
        known = np.nan if pair.p is None else pair.p
        p[pair.first, pair.second] = p[pair.second, pair.first] = known
    turn = direction(wanted[0])
    best, worst = stats.rank_intervals(turn * values, p)
    alone, manifest = len(entries) == 2, entries[0].manifests[0]
    return Comparison(
        task=asked.name,
        version=asked.version,
        digest=asked.digest,
        track=manifest.track,
        partial=manifest.partial,
        metric=wanted[0],
        samples=len(samples),
        place=place,
        places=0 if labels is None else len(set(labels)),
        method=(SEVERAL if several else SINGLE).format(unit=place or "sample"),
        remarks=(*remarks, *doubt),
        sides=tuple(map(_side, entries, values)),
        pairs=pairs,
        classes=_classes(asked, wanted[1], found) if alone and wanted[1:] else (),
        per_sample=_per_sample(kind, samples, scores[0], scores[1], several) if alone else None,
        tiers=tuple(stats.tiers(turn * values, p).tolist()),
        ranks=tuple(zip(best.tolist(), worst.tolist(), strict=True)),
    )


def _wanted(metric: str, manifest: Manifest) -> list[str]:
    """The metric, and the one of its classes where there is one."""
    known = {score.name for score in manifest.scores}
    aggregates = {name for name in known if not name.endswith("_classes")}
    if metric not in aggregates:
        raise unknown("metric", metric, aggregates, "classes are shown beside their metric")
    of_classes = f"{metric.rpartition('_')[0]}_classes"
    return [metric, of_classes] if of_classes in known else [metric]


def _places(run: Run) -> tuple[str, list[str] | None, list[str]]:
    """The attribute to resample by, its value for each sample, and what doubt remains."""
    attributes = run.attributes()
    there = () if attributes is None else attributes.column_names
    name = next((place for place in PLACES if place in there), None)
    if attributes is None or name is None:
        return "", None, ["samples are taken as independent: nothing says where they are from"]
    labels = attributes.column(name).to_pylist()
    if len(set(labels)) >= FEWEST_PLACES:
        return name, labels, []
    few = f"samples are taken as independent: {len(set(labels))} {name}s are too few to resample"
    return "", None, [few]


def _measure(
    task: Task,
    entry: Competitor,
    wanted: Sequence[str],
    samples: Sequence[str],
    labels: Sequence[str] | None,
    several: bool,
    index: int,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, _Measured], Floats]:
    """The wanted metrics of one entry, and its score of each sample, mean over its runs."""
    kind, count = kinds.of(task), len(samples)
    groups = 0 if several else min(GROUPS, count if labels is None else len(set(labels)))
    rows = 1 + RESAMPLES + groups

    def counts(before: int) -> Iterator[NDArray[np.uint16]]:
        """The samples themselves, the resamples, and those that leave a group out."""
        done = before * rows
        blocks = [
            iter([np.ones((1, count), np.uint16)]),
            stats.resample_counts(count, RESAMPLES, clusters=labels),
            stats.jackknife_counts(count, groups, clusters=labels) if groups > 1 else iter([]),
        ]
        for block in chain.from_iterable(blocks):
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
        left_out = None if several or groups < 2 else values[0, 1 + RESAMPLES :]
        measured[name] = _Measured(
            value=values[:, 0].mean(axis=0),
            replicates=stats.average_runs(values[:, 1 : 1 + RESAMPLES], seed=index),
            left_out=left_out,
        )
    return measured, np.mean(scores, axis=0)


def _difference(
    one: _Measured, other: _Measured, first: int, second: int, label: str = ""
) -> Difference:
    """Of two aggregates, or of one class; its p not yet corrected for others."""
    value = one.value - other.value
    replicates = one.replicates - other.replicates
    low, high = stats.percentile_interval(replicates)
    if one.left_out is None or other.left_out is None:
        p = stats.two_sided_p(value, stats.standard_error(replicates))
    else:
        p = stats.sign_flip_p(stats.pseudo_values(value, one.left_out - other.left_out))
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
    differences = [
        _difference(one.of(index), other.of(index), 0, 1, label)
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
    if p is None or p >= stats.ALPHA or found.low is None or found.high is None:
        return "tied"
    if found.low <= 0 <= found.high:
        return "tied"
    return "better" if direction(metric) * found.low > 0 else "worse"


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


def _side(entry: Competitor, value: float) -> CompetitorScore:
    return CompetitorScore(
        name=entry.name,
        runs=tuple(run.name for run in entry.runs),
        seeds=tuple(manifest.seed for manifest in entry.manifests),
        value=float(value),
    )


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
