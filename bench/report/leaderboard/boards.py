"""Boards: results that may be ranked together, and their order.

A board holds one task at one digest on one track; on the sample track also on the same simulated
data. Official results whose split could be held to nothing published are kept apart from the
others, as a track of their own, and from those on other samples. An entrant stands on a board once:
of its runs the newest of each training counts, and of several trainings their mean, as in
`bench.report.compare`. What learnt from a part of the training samples is never ranked. Different
models of one name stand there each by a longer one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from bench.metrics.scales import direction
from bench.metrics.stats import rank_intervals, tiers
from bench.report.estimate import (
    Estimate,
    estimate,
    p_values,
    smallest_visible,
    turned,
)
from bench.report.leaderboard import label_curves
from bench.report.leaderboard.label_curves import LabelCurve
from bench.report.leaderboard.read import SUBSET, Result
from bench.results.trainings import by_model, differ, longer
from bench.spec.floors import is_floor

UNVERIFIED = "unverified"
"""The track, as it were, of official results whose split could be held to nothing published."""


@dataclass(frozen=True)
class Place:
    """Where an entrant stands on a board.

    Attributes:
        rank: 1 for the best value; equal values share a rank.
        best, worst: the ranks that its uncertainty leaves open.
        tier: 1 for all that can't be told from the best, and so on below it.
    """

    rank: int
    best: int
    worst: int
    tier: int


@dataclass(frozen=True)
class Row:
    """A line of a board.

    Attributes:
        result: the run that stands for the entrant; of several trainings the median one.
        place: where it stands; None where it isn't ranked.
        others: the other runs of the same entrant, newest first.
        trainings: the run of each training that counts.
        score: the mean over trainings; None where it isn't ranked.
    """

    result: Result
    place: Place | None
    others: Sequence[Result] = ()
    trainings: Sequence[Result] = ()
    score: Estimate | None = None


@dataclass(frozen=True)
class Board:
    """Results that may be ranked together.

    Attributes:
        task, version, digest, kind, track, data: what they have in common. ``track`` may be
            ``unverified`` besides; ``data`` is empty on the official track, whose data the
            evaluator has checked.
        rows: ranked ones best first, then runs that aren't ranked.
        curves: of the entrants that learnt from a part of the training samples.
        visible: the smallest difference that two typical entries would show with a power of 0.8;
            None where no two can be paired.
    """

    task: str
    version: int
    digest: str
    kind: str
    track: str
    data: str
    rows: list[Row] = field(default_factory=list)
    visible: float | None = None
    curves: list[LabelCurve] = field(default_factory=list)

    @property
    def ranked(self) -> list[Row]:
        """The rows that have a place."""
        return [row for row in self.rows if row.place is not None]


def boards(results: Iterable[Result]) -> list[Board]:
    """All boards of some results: by task, newest version first, official, sample, unverified."""
    groups: dict[tuple[str, int, str, str, str, str], list[Result]] = defaultdict(list)
    for result in results:
        track, data = result.track, "" if result.track == "official" else result.data_sha256
        if track == "official" and result.checked == UNVERIFIED:
            track, data = UNVERIFIED, result.ids_sha256
        key = (result.task, -result.task_version, result.task_digest, track, data)
        groups[*key, result.kind].append(result)
    found = []
    for (task, version, digest, track, data, kind), members in sorted(groups.items()):
        rows = _rows(members)
        visible = _visible(rows)
        curves = label_curves.of_results(members)
        found.append(Board(task, -version, digest, kind, track, data, rows, visible, curves))
    return found


def _visible(rows: Sequence[Row]) -> float | None:
    """The smallest visible difference between two entries; of floors only where there are no two.

    A floor errs on other samples than a model does, so that their difference is less certain than
    that of two models.
    """
    ranked = [(row.result.entry, row.score) for row in rows if row.score is not None]
    models = [score for name, score in ranked if not is_floor(name)]
    found = smallest_visible(models)
    return smallest_visible([score for _, score in ranked]) if found is None else found


def places(name: str, entries: Sequence[Estimate]) -> list[Place]:
    """Ranks, the ranks that uncertainty leaves open, and tiers of E entrants.

    Args:
        name: of the primary metric, with its average.
        entries: their scores.
    """
    values, p = turned(name, entries), p_values(entries)
    best, worst = rank_intervals(values, p)
    rank = 1 + (values > values[:, None]).sum(axis=1)
    columns = (rank, best, worst, tiers(values, p))
    return [Place(*map(int, row)) for row in zip(*columns, strict=True)]


def _rows(members: Sequence[Result]) -> list[Row]:
    entrants: dict[tuple[str, ...], list[Result]] = defaultdict(list)
    subsets: list[Result] = []
    unranked = []
    for result in members:
        if result.unranked == SUBSET:
            subsets.append(result)
        elif result.unranked:
            unranked.append(Row(result, None))
        else:
            entrants[result.entrant].append(result)
    unranked += _subsets(subsets)
    chosen = [row for runs in entrants.values() for row in _chosen(runs)]
    if not chosen:
        ranked = []
    else:
        name = _metric(chosen[0].result)
        scores = [
            estimate(name, [run.trained for run in row.trainings if run.trained]) for row in chosen
        ]
        found = places(name, scores)
        ranked = [
            replace(row, place=place, score=score)
            for row, place, score in zip(chosen, found, scores, strict=True)
        ]
        ranked.sort(key=_order)
    return ranked + sorted(unranked, key=lambda row: (row.result.entry, row.result.run))


def _subsets(results: Sequence[Result]) -> list[Row]:
    """Runs that learnt from a part of the training samples; the others are further draws."""
    sizes: dict[tuple[str, ...], list[Result]] = defaultdict(list)
    for result in results:
        sizes[(*result.entrant, result.subset.partition("-draw")[0])].append(result)
    return [
        Row(result, None, [other for other in of_size if other is not result])
        for of_size in sizes.values()
        for result in of_size
    ]


def _chosen(runs: Sequence[Result]) -> list[Row]:
    """What of an entrant's runs stands on a board: one row, or one for each model of its name."""
    by_date = sorted(runs, key=lambda result: (result.started, result.run))
    models = by_model(by_date, lambda result: result.made)
    if differ([of_one[-1].made for of_one in models.values()]):
        return [
            Row(
                replace(of_one[-1], entry=longer(of_one[-1].entry, model)),
                None,
                of_one[-2::-1],
                of_one[-1:],
            )
            for model, of_one in models.items()
        ]
    seeds = sorted(
        (of_one[-1] for of_one in models.values()), key=lambda result: (_value(result), result.run)
    )
    middle = seeds[(len(seeds) - 1) // 2]
    others = [result for result in reversed(by_date) if result is not middle]
    return [Row(middle, None, others, seeds)]


def _order(row: Row) -> tuple[int, str, str]:
    assert row.place is not None
    return row.place.rank, row.result.entry, row.result.run


def _metric(result: Result) -> str:
    """The name of the primary metric, with its average."""
    assert result.primary is not None
    return f"{result.primary.metric}_{result.primary.average}"


def _value(result: Result) -> float:
    """The primary score, turned so that higher is better."""
    assert result.trained is not None
    return direction(_metric(result)) * result.trained.value
