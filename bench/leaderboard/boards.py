"""Boards: results that may be ranked together, and their order.

A board holds one task at one digest on one track; on the sample track also on the same simulated
data. An entrant stands on it once: of its runs the newest for each seed counts, and of several
seeds the median one, so that no seed is picked for its score.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bench.leaderboard.ranking import Place, places
from bench.leaderboard.read import Result


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
        task, version, digest, kind, track, data: what they have in common; ``data`` is empty on
            the official track, whose data the evaluator has checked.
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


def boards(results: Iterable[Result], ascending: Iterable[str] = ()) -> list[Board]:
    """All boards of some results: by task, newest version first, official before sample.

    Args:
        results: recorded runs.
        ascending: the tasks whose primary metric is better when it is lower.
    """
    groups: dict[tuple[str, int, str, str, str, str], list[Result]] = defaultdict(list)
    lower = set(ascending)
    for result in results:
        data = "" if result.track == "official" else result.data_sha256
        key = (result.task, -result.task_version, result.task_digest, result.track, data)
        groups[*key, result.kind].append(result)
    found = []
    for (task, version, digest, track, data, kind), members in sorted(groups.items()):
        board = Board(task, -version, digest, kind, track, data)
        board.rows.extend(_rows(members, task in lower))
        found.append(board)
    return found


def _rows(members: Sequence[Result], lower: bool) -> list[Row]:
    sign = -1.0 if lower else 1.0
    entrants: dict[tuple[str, ...], list[Result]] = defaultdict(list)
    unranked = []
    for result in members:
        if result.partial or result.primary is None:
            unranked.append(Row(result, None))
        else:
            entrants[_entrant(result)].append(result)
    chosen = [_chosen(runs, sign) for runs in entrants.values()]
    chosen.sort(key=lambda row: (-sign * _value(row.result), row.result.entry, row.result.run))
    values = [sign * _value(row.result) for row in chosen]
    bounds = [_bounds(row.result, sign) for row in chosen]
    found = places(values, [low for low, _ in bounds], [high for _, high in bounds])
    ranked = [Row(row.result, place, row.others) for row, place in zip(chosen, found, strict=True)]
    return ranked + sorted(unranked, key=lambda row: (row.result.entry, row.result.run))


def _entrant(result: Result) -> tuple[str, ...]:
    origin = result.facts.get("source", "").partition("@")[0]
    return result.entry, origin, result.inputs, result.division, result.trust


def _chosen(runs: Sequence[Result], sign: float) -> Row:
    newest: dict[int, Result] = {}
    by_date = sorted(runs, key=lambda result: (result.started, result.run))
    for result in by_date:
        newest[result.seed] = result
    seeds = sorted(newest.values(), key=lambda result: (sign * _value(result), result.run))
    middle = seeds[(len(seeds) - 1) // 2]
    return Row(middle, None, [result for result in reversed(by_date) if result is not middle])


def _value(result: Result) -> float:
    score = result.primary
    return 0.0 if score is None or score.value is None else score.value


def _bounds(result: Result, sign: float) -> tuple[float | None, float | None]:
    score = result.primary
    if score is None or score.low is None or score.high is None:
        return None, None
    low, high = sorted((sign * score.low, sign * score.high))
    return low, high
