"""Entries across the boards of a track: who stands where overall, and who can be told apart.

Nothing counts against an entry for a task that it has no result on.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrics.scales import direction
from bench.metrics.stats import (
    CriticalDifference,
    borda,
    critical_difference,
    mean_normalised,
    mean_ranks,
    win_rates,
)
from bench.report.leaderboard.boards import Board, Row
from bench.report.leaderboard.read import Result

Floats = NDArray[np.float64]
Name = Callable[[Result], str]


def _entry(result: Result) -> str:
    return result.entry


@dataclass(frozen=True)
class Group:
    """Entries that have results on the same tasks, so that they may be ranked across them.

    Attributes:
        boards: positions of at least two boards.
        entries: names of at least two entries, each of which stands on all of these boards.
    """

    boards: tuple[int, ...]
    entries: frozenset[str]


@dataclass(frozen=True)
class Standing:
    """An entry across the boards of one track.

    Attributes:
        entry: its name.
        win_rate: mean over opponents of the share of shared boards it wins, a common tier counting
            half; None without any opponent.
        opponents: with how many entries it shares a board.
        mean_rank: by score, on the tasks that all `comparable` entries share; None for another one.
        borda: share of the others beaten by score, mean over its own tasks; None without any other.
        normalised: mean over its own tasks of the score between the worst, 0, and the best, 1; None
            where no task tells entries apart.
        rows: its row on each board, by index of the board.
    """

    entry: str
    win_rate: float | None
    opponents: int
    mean_rank: float | None
    borda: float | None
    normalised: float | None
    rows: dict[int, int]


def standings(
    boards: Sequence[Board], name: Name = _entry, only: Collection[str] | None = None
) -> list[Standing]:
    """Entries across boards, highest win rate first. A board without an entry doesn't touch it.

    Args:
        boards: one for each task.
        name: what an entry is called on all of them.
        only: of these names; of all where it is None.
    """
    rows = entry_rows(boards, name, only)
    if not rows:
        return []
    tiers, scores = _tiers(boards, rows), _scores(boards, rows)
    together = comparable(scores)
    ranks = np.full(len(rows), np.nan)
    ranks[together] = mean_ranks(scores[together])
    # A lower tier is better; members of one tier tie.
    wins = win_rates(-tiers)
    points, normalised = borda(scores), mean_normalised(scores)
    found = []
    for index, (entry, places) in enumerate(rows.items()):
        met = wins[index][~np.isnan(wins[index])]
        found.append(
            Standing(
                entry,
                win_rate=float(met.mean()) if len(met) else None,
                opponents=len(met),
                mean_rank=_known(ranks[index]),
                borda=_known(points[index]),
                normalised=_known(normalised[index]),
                rows=places,
            )
        )
    return sorted(found, key=lambda s: (-(s.win_rate or 0.0), -len(s.rows), s.entry))


def difference(
    boards: Sequence[Board], name: Name = _entry, only: Collection[str] | None = None
) -> tuple[list[str], CriticalDifference] | None:
    """The `comparable` entries of some boards with what tells them apart; None without any."""
    rows = entry_rows(boards, name, only)
    scores = _scores(boards, rows)
    together = comparable(scores)
    if not together.any():
        return None
    names = [entry for entry, chosen in zip(rows, together, strict=True) if chosen]
    return names, critical_difference(scores[together])


def shared_sets(boards: Sequence[Board], name: Name = _entry, most: int = 8) -> list[Group]:
    """The largest sets of tasks and of entries that have results on all of them.

    The first has the most results; each further one the most that stand in none before it.
    """
    rows = entry_rows(boards, name)
    there = ~np.isnan(_scores(boards, rows))
    names, new, found = list(rows), there.copy(), list[Group]()
    while len(found) < most:
        tasks, entries = _largest(there, new)
        if not entries.any():
            break
        new[np.ix_(entries, tasks)] = False
        chosen = frozenset(names[index] for index in np.flatnonzero(entries))
        found.append(Group(tuple(np.flatnonzero(tasks).tolist()), chosen))
    return found


def comparable(scores: Floats) -> NDArray[np.bool_]:
    """Which entries [E] are ranked together: those of the largest part of a table without gaps.

    Ranks need tasks that all entries have, and one entry with a single task would leave none. Of
    the sets of tasks that two entries share, the one with the most results counts, that is, tasks
    times entries that have them all. Scores don't matter to the choice.

    Args:
        scores: [E, T], NaN where an entry has no result.

    Returns:
        Nobody where no two entries share two tasks.
    """
    there = ~np.isnan(scores)
    return _largest(there, there)[1]


def _largest(
    there: NDArray[np.bool_], new: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The tasks [T] and entries [E] of the part without gaps that has the most new results.

    Args:
        there: [E, T], where an entry has a result.
        new: [E, T], which of these count.
    """
    patterns = np.unique(there, axis=0)
    # Products of floats are much faster than those of truth values.
    counted, worth = there.T.astype(np.float32), new.astype(np.float32)
    tasks_of = np.zeros(there.shape[1], dtype=np.bool_)
    chosen, most = np.zeros(len(there), dtype=np.bool_), 0
    for index, pattern in enumerate(patterns):
        sets = pattern & patterns[index:]
        shared = sets.astype(np.float32)
        tasks = shared.sum(axis=1)
        having = shared @ counted == tasks[:, None]
        entries = having.sum(axis=1)
        counts = ((having.astype(np.float32) @ worth) * shared).sum(axis=1)
        results = np.where((tasks > 1) & (entries > 1), counts, 0)
        best = int(results.argmax())
        if results[best] > most:
            tasks_of, chosen, most = sets[best], having[best], int(results[best])
    return tasks_of, chosen


def entry_rows(
    boards: Sequence[Board], name: Name = _entry, only: Collection[str] | None = None
) -> dict[str, dict[int, int]]:
    """By entry: its best row on each board; a later one has another input or trust."""
    rows: dict[str, dict[int, int]] = {}
    for index, board in enumerate(boards):
        for position, row in enumerate(board.ranked):
            entry = name(row.result)
            if only is None or entry in only:
                rows.setdefault(entry, {}).setdefault(index, position)
    return rows


def _tiers(boards: Sequence[Board], rows: dict[str, dict[int, int]]) -> Floats:
    return _table(boards, rows, [[_tier(row) for row in board.ranked] for board in boards])


def _scores(boards: Sequence[Board], rows: dict[str, dict[int, int]]) -> Floats:
    return _table(boards, rows, [[_score(row) for row in board.ranked] for board in boards])


def _table(
    boards: Sequence[Board], rows: dict[str, dict[int, int]], values: list[list[float]]
) -> Floats:
    """A value of each entry on each board [E, T], NaN where it has no result."""
    table = np.full((len(rows), len(boards)), np.nan)
    for line, places in zip(table, rows.values(), strict=True):
        for index, position in places.items():
            line[index] = values[index][position]
    return table


def _tier(row: Row) -> float:
    return np.nan if row.place is None else float(row.place.tier)


def _score(row: Row) -> float:
    """The primary score, turned so that higher is better."""
    primary = row.result.primary
    if primary is None or row.score is None:
        return np.nan
    return direction(f"{primary.metric}_{primary.average}") * row.score.value


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
