"""Boards as columns of numbers and words: what the page carries and its script reads."""

import base64
import gzip
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from bench.leaderboard.boards import Board, Row
from bench.leaderboard.read import Result, Score
from bench.leaderboard.text import NAME, NOTE, link, shown

DETAILS = 105_000
"""Most scores beside the primary ones that a page carries, so that it stays below one megabyte."""

_HASH = 12
"""Digits of a hash that are shown; `run.json` has them all."""

Column = tuple[str, str, str, str]


class Words:
    """Every distinct text once; columns hold positions in this list."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._positions: dict[str, int] = {}

    def __call__(self, text: object, limit: int = NAME) -> int:
        """The position of a text, cut and made plain."""
        plain = shown("" if text is None else text, limit)
        if plain not in self._positions:
            self._positions[plain] = len(self.texts)
            self.texts.append(plain)
        return self._positions[plain]


def embedded(value: Any) -> str:
    """JSON that can stand inside a ``<script>`` element: nothing in it ends the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def compressed(value: Any) -> str:
    """JSON as gzip in base64; equal values give equal text."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def constant(values: Sequence[Any]) -> Any:
    """A column; one value instead of a list where all are equal."""
    first = values[0] if values else None
    return first if values and all(value == first for value in values) else list(values)


def board_columns(board: Board, words: Words) -> dict[str, Any]:
    """The rows of a board: places, primary scores, what stands beside a number, cost."""
    results = [row.result for row in board.rows]
    columns: dict[str, list[Any]] = {
        "entry": [words(result.entry) for result in results],
        "inputs": [words(result.inputs) for result in results],
        "division": [words(result.division) for result in results],
        "trust": [words(result.trust) for result in results],
        "seed": [result.seed for result in results],
        "samples": [result.samples for result in results],
        "date": [result.started.date().toordinal() for result in results],
        "parameters": [_whole(result.parameters) for result in results],
        "macs": [_rounded(result.macs) for result in results],
        "speed": [_rounded(result.samples_per_second) for result in results],
        "run": [_short(result, board) for result in results],
    }
    return {
        "rows": len(results),
        "places": _places(board.ranked),
        "score": numbers([result.primary for result in results], 200),
        **{name: constant(values) for name, values in columns.items()},
    }


def board_details(boards: Sequence[Board], words: Words) -> list[dict[str, Any]]:
    """What is opened on demand, by board: facts of manifests, other runs, all other scores.

    Where there are more scores than a page carries, the rows below ``depth`` go without them.
    """
    depth = _depth(boards)
    found = []
    for board in boards:
        results = [row.result for row in board.rows]
        found.append(
            {
                "facts": {
                    name: constant(values) for name, values in _facts(results, words).items()
                },
                "others": [
                    [[words(other.run, 200), other.seed] for other in row.others[:20]]
                    for row in board.rows
                ],
                "scores": _scores(results, words, depth),
                "depth": min(depth, len(results)),
            }
        )
    return found


def numbers(scores: Sequence[Score | None], steps: int) -> dict[str, Any]:
    """Values and intervals as whole numbers: value, value - low, high - value, in 10^-digits.

    Args:
        scores: by row; None where there is none.
        steps: into how many steps the typical interval is divided at least.
    """
    there = [score for score in scores if score is not None and score.value is not None]
    digits = _digits(there, steps)
    scale = 10**digits

    def column(pick: Any) -> Any:
        return constant([None if s is None or s.value is None else pick(s) for s in scores])

    def distance(score: Score, bound: float | None) -> int | None:
        return None if bound is None else round(abs(bound - (score.value or 0.0)) * scale)

    return {
        "digits": digits,
        "value": column(lambda s: round(s.value * scale)),
        "below": column(lambda s: distance(s, s.low)),
        "above": column(lambda s: distance(s, s.high)),
        "samples": column(lambda s: s.samples),
    }


def _digits(scores: Sequence[Score], steps: int) -> int:
    widths = [s.high - s.low for s in scores if s.low is not None and s.high is not None]
    widths = [width for width in widths if width > 0]
    if not widths:
        return 4
    return min(6, max(0, math.ceil(math.log10(steps / median(widths)))))


def _places(rows: Sequence[Row]) -> dict[str, Any]:
    found = [row.place for row in rows if row.place is not None]
    return {
        "rank": [place.rank for place in found],
        "best": [place.best for place in found],
        "worst": [place.worst for place in found],
        "tier": [place.tier for place in found],
    }


def _facts(results: Sequence[Result], words: Words) -> dict[str, list[Any]]:
    named = ("title", "authors", "licence", "note", "source", "architecture", "layout")
    machine = ("processor", "accelerator", "torch")
    found: dict[str, list[Any]] = {
        name: [words(result.facts.get(name, ""), NOTE) for result in results]
        for name in named + machine
    }
    return found | {
        "url": [words(link(result.facts.get("url", "")), 500) for result in results],
        "entry_digest": [words(result.entry_digest[:_HASH]) for result in results],
        "weights": [words(result.weights_sha256[:_HASH]) for result in results],
        "ids": [words(result.ids_sha256[:_HASH]) for result in results],
        "data": [words(result.data_sha256[:_HASH]) for result in results],
        "device": [words(result.device) for result in results],
        "precision": [words(result.precision) for result in results],
        "harness": [words(_harness(result)) for result in results],
        "seconds": [_rounded(result.seconds) for result in results],
        "latency": [_rounded(result.latency_ms) for result in results],
        "memory": [_rounded(result.peak_memory) for result in results],
    }


def _harness(result: Result) -> str:
    commit = f" at {result.harness_commit[:_HASH]}" if result.harness_commit else ""
    return f"{result.harness_version}{commit}{' (changed)' if result.harness_dirty else ''}"


def _scores(results: Sequence[Result], words: Words, depth: int) -> list[dict[str, Any]]:
    by_column: dict[Column, list[Score | None]] = defaultdict(lambda: [None] * len(results))
    for index, result in enumerate(results[:depth]):
        for score in _carried(result):
            by_column[score.column][index] = score
    return [
        {
            "slice": words(part, 120),
            "metric": words(metric),
            "average": words(average),
            "label": words(label, 120),
            **numbers(scores, 20),
        }
        for (part, metric, average, label), scores in by_column.items()
    ]


def _carried(result: Result) -> Iterable[Score]:
    """Aggregates, and of single classes and slices those of the primary metric."""
    primary = result.primary
    main = primary.metric if primary else None
    for score in result.scores:
        is_detail = bool(score.label or score.slice)
        if not score.is_primary and (not is_detail or score.metric == main or _is_point(score)):
            yield score


def _is_point(score: Score) -> bool:
    """Whether a label is a point of a curve, such as ``bpppc=2.06``."""
    return not score.slice and "=" in score.label


def _depth(boards: Sequence[Board]) -> int:
    """How many rows of each board, from the top, can carry their details."""
    longest = max((len(board.rows) for board in boards), default=0)
    carried = 0
    for index in range(longest):
        level = [board.rows[index] for board in boards if index < len(board.rows)]
        carried += sum(1 for row in level for _ in _carried(row.result))
        if carried > DETAILS:
            return index
    return longest


def _short(result: Result, board: Board) -> str:
    """The end of a run id that begins as the evaluator's run ids do, else all of it."""
    stem = f"{shown(board.task)}.{shown(result.entry)}.{board.track}."
    if result.run.startswith(stem):
        return "." + shown(result.run.removeprefix(stem), 64)
    return shown(result.run, 200)


def _whole(value: int | None) -> int | None:
    return None if value is None else int(value)


def _rounded(value: float | None) -> float | int | None:
    """Three significant digits are enough for a cost."""
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.3g}")
    return int(rounded) if rounded.is_integer() else rounded
