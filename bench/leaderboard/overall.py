"""Entries across tasks: how often each wins against the others on the tasks they share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.leaderboard.boards import Board, Row
from bench.stats import win_rates


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
    # A lower tier is better; members of one tier tie.
    wins = win_rates(-tiers)
    found = []
    for (entry, places), shares in zip(rows.items(), wins, strict=True):
        met = shares[~np.isnan(shares)]
        found.append(Standing(entry, float(met.mean()) if len(met) else None, len(met), places))
    return sorted(found, key=lambda s: (-(s.win_rate or 0.0), -len(s.rows), s.entry))


def _tier(row: Row) -> float:
    return np.nan if row.place is None else float(row.place.tier)
