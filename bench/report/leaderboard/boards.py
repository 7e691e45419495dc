"""Boards: results that may be ranked together, and their order.

A board holds one task at one digest on one track; on the sample track also on the same simulated
data. Official results whose split could be held to nothing published are kept apart from the
others, as a track of their own, and from those on other samples. An entrant stands on a board once:
of its runs the newest of each training counts, and of several trainings the median one, so that no
seed is picked for its score. Different models of one name stand there each by a longer one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bench.metrics.scales import direction
from bench.metrics.stats import rank_intervals, tiers, unpaired_p
from bench.report.leaderboard.read import Result, Score
from bench.results.trainings import by_model, differ, longer

_HALF_WIDTH = NormalDist().inv_cdf(0.975)
"""Of a 95 % interval, in standard errors."""


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
        result: the run that stands for the entrant.
        place: where it stands; None where it isn't ranked.
        others: the other runs of the same entrant, newest first.
    """

    result: Result
    place: Place | None
    others: Sequence[Result] = ()


@dataclass(frozen=True)
class Board:
    """Results that may be ranked together.

    Attributes:
        task, version, digest, kind, track, data: what they have in common. ``track`` may be
            ``unverified`` besides; ``data`` is empty on the official track, whose data the
            evaluator has checked.
        rows: ranked ones best first, then runs that aren't ranked.
    """

    task: str
    version: int
    digest: str
    kind: str
    track: str
    data: str
    rows: list[Row] = field(default_factory=list)

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
        board = Board(task, -version, digest, kind, track, data)
        board.rows.extend(_rows(members))
        found.append(board)
    return found


def places(values: NDArray[np.float64], errors: NDArray[np.float64]) -> list[Place]:
    """Ranks, the ranks that uncertainty leaves open, and tiers of E entrants.

    The database holds intervals, not replicates, so that entrants are compared as if they erred
    independently: fewer of them are told apart than a paired test would.

    Args:
        values: [E], higher is better.
        errors: [E] standard errors.
    """
    p = unpaired_p(values, errors)
    best, worst = rank_intervals(values, p)
    rank = 1 + (values > values[:, None]).sum(axis=1)
    columns = (rank, best, worst, tiers(values, p))
    return [Place(*map(int, row)) for row in zip(*columns, strict=True)]


def _rows(members: Sequence[Result]) -> list[Row]:
    entrants: dict[tuple[str, ...], list[Result]] = defaultdict(list)
    unranked = []
    for result in members:
        if result.unranked:
            unranked.append(Row(result, None))
        else:
            entrants[_entrant(result)].append(result)
    chosen = [row for runs in entrants.values() for row in _chosen(runs)]
    chosen.sort(key=lambda row: (-_value(row.result), row.result.entry, row.result.run))
    values = np.array([_value(row.result) for row in chosen])
    errors = np.array([_error(row.result.primary) for row in chosen])
    found = places(values, errors) if chosen else []
    ranked = [Row(row.result, place, row.others) for row, place in zip(chosen, found, strict=True)]
    return ranked + sorted(unranked, key=lambda row: (row.result.entry, row.result.run))


def _entrant(result: Result) -> tuple[str, ...]:
    origin = result.facts.get("source", "").partition("@")[0]
    return result.entry, origin, result.inputs, result.division, result.trust


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
            )
            for model, of_one in models.items()
        ]
    seeds = sorted(
        (of_one[-1] for of_one in models.values()), key=lambda result: (_value(result), result.run)
    )
    middle = seeds[(len(seeds) - 1) // 2]
    return [Row(middle, None, [result for result in reversed(by_date) if result is not middle])]


def _value(result: Result) -> float:
    """The primary score, turned so that higher is better."""
    score = result.primary
    if score is None or score.value is None:
        return -np.inf
    return direction(f"{score.metric}_{score.average}") * score.value


def _error(score: Score | None) -> float:
    """The standard error behind a 95 % interval, by normal theory; 0 without one."""
    if score is None or score.low is None or score.high is None:
        return 0.0
    return (score.high - score.low) / (2 * _HALF_WIDTH)
