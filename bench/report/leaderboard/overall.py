"""Entries across the boards of a track: who stands where overall, and who can be told apart.

Nothing counts against an entry for a task that it has no result on.
"""

from collections.abc import Sequence
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

Floats = NDArray[np.float64]


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


def standings(boards: Sequence[Board]) -> list[Standing]:
    """Entries across boards, highest win rate first. A board without an entry doesn't touch it."""
    rows = _rows(boards)
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


def difference(boards: Sequence[Board]) -> tuple[list[str], CriticalDifference] | None:
    """The `comparable` entries of some boards with what tells them apart; None without any."""
    rows = _rows(boards)
    scores = _scores(boards, rows)
    together = comparable(scores)
    if not together.any():
        return None
    names = [entry for entry, chosen in zip(rows, together, strict=True) if chosen]
    return names, critical_difference(scores[together])


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
    patterns = np.unique(there, axis=0)
    # Products of floats are much faster than those of truth values.
    counted = there.T.astype(np.float32)
    chosen, most = np.zeros(len(scores), dtype=np.bool_), 0
    for index, pattern in enumerate(patterns):
        shared = (pattern & patterns[index:]).astype(np.float32)
        tasks = shared.sum(axis=1)
        having = shared @ counted == tasks[:, None]
        entries = having.sum(axis=1)
        results = np.where((tasks > 1) & (entries > 1), tasks * entries, 0)
        best = int(results.argmax())
        if results[best] > most:
            chosen, most = having[best], int(results[best])
    return chosen


def _rows(boards: Sequence[Board]) -> dict[str, dict[int, int]]:
    """By entry: its best row on each board; a later one has another input or trust."""
    rows: dict[str, dict[int, int]] = {}
    for index, board in enumerate(boards):
        for position, row in enumerate(board.ranked):
            rows.setdefault(row.result.entry, {}).setdefault(index, position)
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
