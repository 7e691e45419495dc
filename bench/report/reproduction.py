"""What a publication claims, held against recorded runs of its rows."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.metrics import stats
from bench.metrics.scales import direction
from bench.report.estimate import Estimate, Tested, Trained, estimate, of_manifest, tested
from bench.results import reported
from bench.results.manifest import Manifest
from bench.results.reported import Number
from bench.spec import task as tasks
from bench.spec.paper import Beside, Claim, Paper

Key = tuple[str, str]
"""Task and model of a row."""

Verdict = Literal["holds", "doesn't hold", "can't be told", "not run"]


@dataclass(frozen=True)
class Line:
    """One row of a publication beside its rerun.

    Attributes:
        task, model: the row.
        metric: that the task ranks by.
        entry, runs: what was run; empty where nothing is recorded.
        value, low, high: the score and its 95 % interval; None where undefined or not run.
        refused: why there is no run; empty where there is one or none was asked for.
        published: the value beside it; None where there is none.
        place, differs: where it stands, and how its protocol differs.
        difference, difference_low, difference_high: the rerun's score less the published one, on
            the official track; its interval is that of the rerun, as the published value has
            none.
        agrees: whether that interval holds 0; None where it isn't known.
    """

    task: str
    model: str
    metric: str
    entry: str
    runs: tuple[str, ...]
    value: float | None
    low: float | None
    high: float | None
    refused: str
    published: float | None
    place: str
    differs: str
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    agrees: bool | None


@dataclass(frozen=True)
class Pair:
    """One comparison of a claim.

    Attributes:
        first: the model said to be better, or to be on one side of a number.
        second: the other model, or the number.
        value, low, high: by how much the first is better, as the metric counts, with the 95 %
            interval; of a number the score itself. None where undefined.
        p: of the claim's margin, two-sided, adjusted for all pairs of the claim by Holm's method.
        verdict: of this pair.
    """

    first: str
    second: str
    value: float | None
    low: float | None
    high: float | None
    p: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Judged:
    """A claim and what the runs say.

    Attributes:
        says, where, task: of the claim.
        by: its margin.
        compares: whether models are compared; else scores are held against a number.
        verdict: holds where every pair does, doesn't where one doesn't.
        missing: models without a run.
        pairs: every comparison that could be made.
    """

    says: str
    where: str
    task: str
    by: float
    compares: bool
    verdict: Verdict
    missing: tuple[str, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Reproduction:
    """A publication beside its rerun.

    Attributes:
        paper, title, arxiv, url: of the publication.
        track: of the runs.
        lines: its rows.
        claims: its claims.
        absent: what isn't run, and why.
    """

    paper: str
    title: str
    arxiv: str
    url: str
    track: str
    lines: tuple[Line, ...]
    claims: tuple[Judged, ...]
    absent: tuple[tuple[str, str], ...]


def reproduction(
    paper: Paper,
    track: str,
    runs: Mapping[Key, Sequence[Manifest]],
    refused: Mapping[Key, str] | None = None,
) -> Reproduction:
    """Hold runs against a publication.

    Args:
        paper: the publication.
        track: of the runs; others are left out.
        runs: the complete runs of each row, one for each seed of training.
        refused: why a row has none.
    """
    metrics = {task: tasks.load(task).primary for task, _ in paper.planned}
    known = {
        key: estimate(metrics[key[0]], scores)
        for key, manifests in runs.items()
        if (scores := _scores(manifests, track))
    }
    beside = _published(paper, metrics)
    lines = tuple(
        _line(
            key,
            metrics[key[0]],
            [one for one in runs.get(key, ()) if one.track == track],
            known.get(key),
            (refused or {}).get(key, ""),
            beside.get(key),
            official=track == "official",
        )
        for key in paper.planned
    )
    return Reproduction(
        paper=paper.name,
        title=paper.title,
        arxiv=paper.arxiv,
        url=paper.url,
        track=track,
        lines=lines,
        claims=tuple(_judged(one, metrics[one.task], known) for one in paper.claims),
        absent=tuple((one.what, one.why) for one in paper.absent),
    )


def faults(paper: Paper) -> list[str]:
    """What is wrong with the published values that a publication names, a line for each."""
    metrics = {task: tasks.load(task).primary for task, _ in paper.planned}
    found = _published(paper, metrics)
    return [
        f"{paper.name}: {one.source} has no {metrics[one.task]} of {one.entry!r} on {one.task}"
        f"{f', {one.setting}' if one.setting else ''}"
        for one in paper.beside
        if (one.task, one.model) not in found
    ]


def _scores(manifests: Sequence[Manifest], track: str) -> list[Trained]:
    found = (
        of_manifest(one)
        for one in manifests
        if one.track == track and not one.partial and one.degradation is None
    )
    return [one for one in found if one is not None]


def _published(paper: Paper, metrics: Mapping[str, str]) -> dict[Key, Number]:
    numbers, _ = reported.load()
    found = {}
    for one in paper.beside:
        for number in numbers:
            if _is(number, one, metrics[one.task]):
                found[one.task, one.model] = number
    return found


def _is(number: Number, wanted: Beside, metric: str) -> bool:
    return (
        (number.source, number.task, number.entry) == (wanted.source, wanted.task, wanted.entry)
        and f"{number.metric}_{number.average}" == metric
        and not number.label
        and number.setting == wanted.setting
        and (not wanted.inputs or number.inputs == wanted.inputs)
    )


def _line(
    key: Key,
    metric: str,
    manifests: Sequence[Manifest],
    found: Estimate | None,
    refused: str,
    published: Number | None,
    *,
    official: bool,
) -> Line:
    value, low, high = (found.value, found.low, found.high) if found else (None, None, None)
    compared = official and value is not None and published is not None
    base = published.value if published is not None else 0.0
    bounded = compared and low is not None and high is not None
    return Line(
        task=key[0],
        model=key[1],
        metric=metric,
        entry=manifests[0].entry.name if manifests else "",
        runs=tuple(one.run for one in manifests),
        value=value,
        low=low,
        high=high,
        refused=refused,
        published=published.value if published else None,
        place=f"{published.source}, {published.place}" if published else "",
        differs=published.differs if published else "",
        difference=value - base if compared and value is not None else None,
        difference_low=low - base if bounded and low is not None else None,
        difference_high=high - base if bounded and high is not None else None,
        agrees=low <= base <= high if bounded and low is not None and high is not None else None,
    )


def _judged(claim: Claim, metric: str, known: Mapping[Key, Estimate]) -> Judged:
    missing = tuple(one for one in claim.named if (claim.task, one) not in known)
    pairs = _bounded(claim, known) if claim.models else _compared(claim, metric, known)
    verdicts = {one.verdict for one in pairs}
    verdict: Verdict = "can't be told"
    if "doesn't hold" in verdicts:
        verdict = "doesn't hold"
    elif missing:
        verdict = "not run"
    elif verdicts == {"holds"}:
        verdict = "holds"
    return Judged(
        *(claim.says, claim.where, claim.task, claim.by, not claim.models),
        *(verdict, missing, pairs),
    )


def _compared(claim: Claim, metric: str, known: Mapping[Key, Estimate]) -> tuple[Pair, ...]:
    there = {one: known[claim.task, one] for one in claim.named if (claim.task, one) in known}
    turn = direction(metric)
    names = [
        (first, second)
        for first, second in itertools.product(claim.better, claim.than)
        if first in there and second in there
    ]
    found = [tested(there[first], there[second], turn * claim.by) for first, second in names]
    pairs = []
    for (first, second), one, p in zip(names, found, _adjusted(found), strict=True):
        low, high = (one.low, one.high) if turn > 0 else (_negative(one.high), _negative(one.low))
        gain = turn * one.value
        verdict = _told(gain - claim.by, p)
        pairs.append(Pair(first, second, _finite(gain), low, high, _finite(p), verdict))
    return tuple(pairs)


def _bounded(claim: Claim, known: Mapping[Key, Estimate]) -> tuple[Pair, ...]:
    side, bound = ("above", claim.above) if claim.below is None else ("below", claim.below)
    limit, turn = bound or 0.0, 1 if side == "above" else -1
    there = {one: known[claim.task, one] for one in claim.models if (claim.task, one) in known}
    found = [tested(one, limit) for one in there.values()]
    return tuple(
        Pair(
            *(name, f"{side} {limit:g}"),
            *(_finite(one.value), one.low, one.high),
            *(_finite(p), _told(turn * difference.value, p)),
        )
        for (name, one), difference, p in zip(there.items(), found, _adjusted(found), strict=True)
    )


def _adjusted(found: Sequence[Tested]) -> list[float]:
    """P-values corrected for all of them by Holm's method."""
    adjusted: list[float] = stats.holm(np.array([one.p for one in found])).tolist()
    return adjusted


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _told(gain: float, p: float) -> Verdict:
    if not p < stats.ALPHA or not np.isfinite(gain):
        return "can't be told"
    return "holds" if gain > 0 else "doesn't hold"


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
