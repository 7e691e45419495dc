"""Ranks, and what is known of them from intervals alone."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where an entry stands on a board.

    Attributes:
        rank: 1 for the best value; equal values share a rank.
        best, worst: the ranks that the intervals leave open.
        tier: 1 for all that can't be told from the best, and so on below it.
    """

    rank: int
    best: int
    worst: int
    tier: int


def places(
    values: Sequence[float], lows: Sequence[float | None], highs: Sequence[float | None]
) -> list[Place]:
    """Ranks, rank intervals and tiers of values of which the higher is better.

    Two entries can be told apart where their intervals don't overlap. A tier begins with the best
    entry that is left and holds every entry whose interval overlaps the interval of that entry.

    Args:
        values: by entry, best first.
        lows, highs: their intervals; without one an entry's interval is its value.
    """
    bounds = [
        (value if low is None else low, value if high is None else high)
        for value, low, high in zip(values, lows, highs, strict=True)
    ]
    found, tier, leader = [], 0, 0.0
    for index, (value, (low, high)) in enumerate(zip(values, bounds, strict=True)):
        if not tier or high < leader:
            tier, leader = tier + 1, low
        found.append(
            Place(
                rank=1 + sum(other > value for other in values[:index]),
                best=1 + sum(other > high for other, _ in bounds),
                worst=sum(other >= low for _, other in bounds),
                tier=tier,
            )
        )
    return found
