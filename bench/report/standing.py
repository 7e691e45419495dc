"""Where a run stands: among published numbers, and among what is recorded beside it."""

from dataclasses import dataclass
from pathlib import Path

from bench.report.leaderboard.boards import Place, boards
from bench.report.leaderboard.floors import FloorComparison, compared
from bench.report.leaderboard.read import read
from bench.results import reported, store


@dataclass(frozen=True)
class PublishedRange:
    """The published values of what a task ranks by.

    Attributes:
        low, high: the lowest and the highest, on the scale of this harness.
        count: how many there are.
        comparable: whether their publications state no difference to the protocol of the task;
            such values alone, where there are any.
        whole: whether none of their sources has values that aren't shown and may be better.
    """

    low: float
    high: float
    count: int
    comparable: bool
    whole: bool = True


@dataclass(frozen=True)
class Standing:
    """Where a run stands among the entrants of its board.

    Attributes:
        entrants: how many are ranked there.
        place: of the entrant that the run belongs to; None where it isn't ranked.
        reason: why it isn't ranked, in a word or two; empty for a ranked one.
        visible: the smallest difference that two typical entries of the board would show with a
            power of 0.8; None where there are no two.
        floor: how it compares with the best floor there; None where none is recorded, or it isn't
            ranked.
    """

    entrants: int
    place: Place | None
    reason: str
    visible: float | None
    floor: FloorComparison | None = None


@dataclass(frozen=True)
class Recorded:
    """What is known of a task from the results on one track.

    Attributes:
        visible: the smallest difference that two typical entries would show with a power of 0.8;
            None where no two can be paired.
        floor: an entrant beside the best floor, which it names with its score; None where no floor
            is recorded.
    """

    visible: float | None
    floor: FloorComparison | None


def published(task: str, primary: str, results: Path | None = None) -> PublishedRange | None:
    """The range of published values of a task's primary metric; None where there are none.

    Args:
        task: its name.
        primary: what it ranks by, such as ``ap_macro``.
        results: a results folder whose own published numbers count as well.
    """
    of_task = [
        number
        for number in reported.of_task(reported.load(results)[0], task)
        if not number.label and f"{number.metric}_{number.average}" == primary
    ]
    comparable = [number for number in of_task if not number.differs]
    chosen = comparable or of_task
    if not chosen:
        return None
    values = [number.value for number in chosen]
    whole = all(number.best_shown for number in chosen)
    return PublishedRange(min(values), max(values), len(values), bool(comparable), whole)


def recorded(task: str, digest: str, results: Path) -> dict[str, Recorded]:
    """What is recorded of a task on each track.

    Args:
        task: its name.
        digest: of its present meaning.
        results: the results folder.

    Returns:
        By track; one without results is absent. Where simulated data of several versions is
        recorded, that of the last one read.

    Raises:
        BenchError: the database can't be read.
    """
    if not store.exists(results):
        return {}
    return {
        board.track: Recorded(
            board.visible, next((one for one in compared(board) if one is not None), None)
        )
        for board in boards(read(results, task=task)[0])
        if board.digest == digest
    }


def standing(run: str, task: str, results: Path) -> Standing | None:
    """Where a recorded run stands; None where nothing is recorded of it.

    Args:
        run: its id.
        task: the name of its task.
        results: the results folder.

    Raises:
        BenchError: the database can't be read.
    """
    if not store.exists(results):
        return None
    for board in boards(read(results, task=task)[0]):
        for row, floor in zip(board.rows, compared(board), strict=True):
            if run in (row.result.run, *(other.run for other in row.others)):
                place, why = row.place, row.result.unranked
                return Standing(len(board.ranked), place, why, board.visible, floor)
    return None
