"""Floors among results: the best one of a board, and which entries can be told from it.

The best floor is the floor with the best primary score on the board. Every other entry is compared
with it by one test, that of `bench compare` of the two.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.metrics.stats import ALPHA
from bench.report.estimate import Estimate, p_values
from bench.report.leaderboard.boards import Board, Row, boards
from bench.report.leaderboard.read import read
from bench.results import store
from bench.spec.floors import is_floor

Verdict = Literal["floor", "better", "tied", "worse"]


@dataclass(frozen=True)
class FloorComparison:
    """An entrant beside the best floor of its board.

    Attributes:
        floor: the entry that is the best floor.
        value: its primary score.
        verdict: ``floor`` for a floor, else ``better`` or ``worse`` than the best one as the metric
            counts, or ``tied``: not told apart from it.
        p: of no difference between them; 1 for the best floor itself.
    """

    floor: str
    value: float
    verdict: Verdict
    p: float

    @property
    def mark(self) -> str:
        """What is said beside the entrant; empty for one that is better."""
        return {
            "floor": "a floor",
            "better": "",
            "tied": f"not told apart from {self.floor}",
            "worse": f"worse than {self.floor}",
        }[self.verdict]


def best_floor(board: Board) -> Row | None:
    """The floor with the best primary score on a board; None where none is recorded."""
    return next((row for row in board.ranked if is_floor(row.result.entry)), None)


def compared(board: Board) -> list[FloorComparison | None]:
    """Each row of a board beside its best floor; None for unranked rows, and without a floor."""
    best = best_floor(board)
    if best is None or best.score is None or best.place is None:
        return [None] * len(board.rows)
    found: list[FloorComparison | None] = []
    for row in board.rows:
        if row.score is None or row.place is None:
            found.append(None)
            continue
        p = 1.0 if row is best else _p(row.score, best.score)
        verdict: Verdict = "tied"
        if is_floor(row.result.entry):
            verdict = "floor"
        elif p < ALPHA:
            verdict = "better" if row.place.rank < best.place.rank else "worse"
        found.append(FloorComparison(best.result.entry, best.score.value, verdict, p))
    return found


def by_run(results: Path, task: str = "") -> dict[str, FloorComparison]:
    """How the entrant of each recorded run compares with the best floor of its board, by run.

    Args:
        results: the results folder.
        task: runs of this task only; of all where it is empty.

    Raises:
        BenchError: the database can't be read.
    """
    if not store.exists(results):
        return {}
    found: dict[str, FloorComparison] = {}
    for board in boards(read(results, task=task)[0]):
        for row, one in zip(board.rows, compared(board), strict=True):
            if one is not None:
                found |= dict.fromkeys((run.run for run in (row.result, *row.others)), one)
    return found


def _p(one: Estimate, other: Estimate) -> float:
    return float(p_values([one, other])[0, 1])
