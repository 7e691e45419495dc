"""Entries across tasks: how often each wins against the others on the tasks they share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.leaderboard.boards import Board, Row


@dataclass(frozen=True)
class Standing:
    """An entry across the boards of one track.

    Attributes:
        entry: its name.
        win_rate: mean over opponents of the share of shared boards it wins, a common tier counting
            half; None without any opponent.
        opponents: with how many entries it shares a board.
        rows: its row on each board, by index of the board.
    """

    entry: str
    win_rate: float | None
    opponents: int
    rows: dict[int, int]


def standings(boards: Sequence[Board]) -> list[Standing]:
    """Entries across boards, highest win rate first. A board without an entry doesn't touch it."""
    rows: dict[str, dict[int, int]] = {}
    for index, board in enumerate(boards):
        for position, row in enumerate(board.ranked):
            # Its best row; a later one is the same entry with another input or trust.
            rows.setdefault(row.result.entry, {}).setdefault(index, position)
    tiers = np.full((len(rows), len(boards)), np.nan)
    for line, places in zip(tiers, rows.values(), strict=True):
        for index, position in places.items():
            line[index] = _tier(boards[index].ranked[position])
    found = [
        Standing(entry, rate, opponents, rows[entry])
        for entry, (rate, opponents) in zip(rows, map(_rate, _wins(tiers)), strict=True)
    ]
    return sorted(found, key=lambda s: (-(s.win_rate or 0.0), -len(s.rows), s.entry))


def _tier(row: Row) -> float:
    return np.nan if row.place is None else float(row.place.tier)


def _wins(tiers: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """For each entry its share of wins against every other one; NaN where they share no board."""
    found = []
    for index, own in enumerate(tiers):
        shared = ~np.isnan(own) & ~np.isnan(tiers)
        points = np.where(own < tiers, 1.0, np.where(own == tiers, 0.5, 0.0))
        count = shared.sum(axis=1).astype(float)
        count[index] = 0
        shares = np.full(len(tiers), np.nan)
        np.divide((points * shared).sum(axis=1), count, out=shares, where=count > 0)
        found.append(shares)
    return found


def _rate(shares: NDArray[np.float64]) -> tuple[float | None, int]:
    met = shares[~np.isnan(shares)]
    return (float(met.mean()) if len(met) else None), len(met)
