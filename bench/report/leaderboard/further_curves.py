"""Curves of a board beside those of labels: scores on degraded images, and while learning."""

import json
import math
from collections import defaultdict
from functools import lru_cache
from typing import Any

from bench.base.errors import RequestError
from bench.report.leaderboard.boards import Board
from bench.report.leaderboard.read import Result
from bench.report.leaderboard.words import Words, significant
from bench.spec.degradation import UNITS, Degradation, parse

EPOCHS = 80
"""Most points of a learning curve; of longer ones every second, third ... is drawn."""

_LEARNT = 20
"""As many rows of a board, from the top, have a learning curve."""


def robustness(board: Board, words: Words) -> list[dict[str, Any]]:
    """Scores of ranked entries on images that were degraded, by kind of degradation.

    Returns:
        For each kind ``unit`` of its magnitude and ``lines``: the row of an entry, and its points:
        magnitude, value, low, high, and the row of that run.
    """
    row_of = {row.result.entrant: index for index, row in enumerate(board.rows) if row.place}
    models = {row.result.made.model for row in board.ranked}
    found: dict[str, dict[int, dict[float, list[Any]]]] = defaultdict(lambda: defaultdict(dict))
    for index, row in enumerate(board.rows):
        done, score = _degraded(row.result), row.result.primary
        if done is None or score is None or row.result.made.model not in models:
            continue
        # A degraded run is in the open division whatever the entry's own one is.
        clean = next(
            (at for key, at in row_of.items() if _same(key, row.result.entrant)),
            None,
        )
        if clean is not None and done.kind != "drop":
            numbers = [significant(value) for value in (score.value, score.low, score.high)]
            found[done.kind][clean][done.magnitude] = [*numbers, index]
    return [
        {
            "kind": words(kind),
            "unit": words(UNITS[kind]),  # type: ignore[index]
            "lines": [
                [row, [[size, *points[size]] for size in sorted(points)]]
                for row, points in sorted(lines.items())
            ],
        }
        for kind, lines in found.items()
    ]


def _same(clean: tuple[str, ...], degraded: tuple[str, ...]) -> bool:
    """Whether two entrants differ in nothing but the division, which comes last but one."""
    return clean[:-2] == degraded[:-2] and clean[-1] == degraded[-1]


def _degraded(result: Result) -> Degradation | None:
    text = result.facts.get("degradation", "")
    if not text:
        return None
    try:
        (found,) = parse(text)
    except (RequestError, ValueError):
        return None
    return found


def learning(board: Board, words: Words) -> dict[str, dict[str, Any]]:
    """How the best rows learnt: by the number of a row, what was validated and its values.

    Returns:
        ``by``, ``loss`` or ``primary``; ``points``: epoch, validation, training loss.
    """
    found = {}
    for index, row in enumerate(board.ranked[:_LEARNT]):
        points = _history(row.result.facts.get("history", ""))
        if len(points) > 1:
            by = words(row.result.facts.get("selected_by", "primary"))
            found[str(index)] = {"by": by, "points": points}
    return found


@lru_cache(1024)
def _history(text: str) -> list[list[float | None]]:
    try:
        rows = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    points = [
        [_number(row, name) for name in ("epoch", "validation", "training_loss")]
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict)
    ]
    known = [point for point in points if point[0] is not None]
    return known[:: max(1, math.ceil(len(known) / EPOCHS))]


def _number(row: dict[str, Any], name: str) -> float | None:
    value = row.get(name)
    return significant(value) if isinstance(value, float | int) else None
