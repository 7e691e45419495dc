"""Boards as columns of numbers and words: what the page carries and its script reads."""

import base64
import gzip
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.metrics.titles import title, unit
from bench.report.leaderboard import encoders
from bench.report.leaderboard import label_curves as labelled
from bench.report.leaderboard.boards import Board, Row
from bench.report.leaderboard.encoders import Encoders
from bench.report.leaderboard.floors import best_floor, compared
from bench.report.leaderboard.further_curves import learning, robustness
from bench.report.leaderboard.read import Result, Score
from bench.report.leaderboard.text import NOTE, in_order, link, pinned, shown
from bench.report.leaderboard.words import HASH, Words, constant, significant

_LARGEST = 0xD7FF - 35
"""The last character before the surrogates."""

SHEET = (
    *("title", "authors", "url", "source", "pinned", "licence", "note", "architecture", "layout"),
    *(
        "processor",
        "accelerator",
        "torch",
        "device",
        "precision",
        "harness",
        "ids",
        "checked",
        "data",
        "embedding",
    ),
)
"""The facts of a run that others often share, in the order in which the page has them."""

_POINT = 4
"""As many scores weigh as much as a point of a label curve."""

_SEPARATOR = "\n"

Column = tuple[str, str, str, str]


def compressed(value: Any) -> str:
    """JSON as gzip in base64: a third of the size, and nothing in it can end a ``<script>``.

    Equal values give equal text.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def packed(
    boards: Sequence[Board], words: Words, known: Encoders, most: int
) -> list[dict[str, Any]]:
    """The boards: places, primary scores, what stands beside a number, cost, facts, other scores.

    Args:
        boards: what the page shows.
        words: where texts go.
        known: where declarations of encoders go.
        most: how many scores beside the primary ones there is room for. Where there are more, only
            the first ``depth`` rows of each board have any.
    """
    carried = [[_carried(row.result) for row in board.rows] for board in boards]
    tried = [[encoders.searched(row.result) for row in board.rows] for board in boards]
    settings = _depth(tried, most // 4)
    most -= sum(len(one) for rows in tried for one in rows[:settings])
    most -= sum(_POINT * len(one.curve.points) for board in boards for one in board.curves)
    depth = _depth(carried, most)
    return [
        _board(board, words)
        | encoders.columns(board, known, words, settings)
        | {"curves": labelled.packed(board.curves, _row_of_run(board), words)}
        | {"robustness": robustness(board, words), "learning": learning(board, words)}
        | {"scores": _scores(further, words, depth), "depth": depth}
        for board, further in zip(boards, carried, strict=True)
    ]


def _row_of_run(board: Board) -> dict[str, int]:
    """The row that each run belongs to; a row of its own where it has one."""
    found: dict[str, int] = {}
    for index, row in enumerate(board.rows):
        found |= {other.run: index for other in row.others if other.run not in found}
    return found | {row.result.run: index for index, row in enumerate(board.rows)}


def _board(board: Board, words: Words) -> dict[str, Any]:
    results = [row.result for row in board.rows]
    columns: dict[str, list[Any]] = {
        "entry": [words(result.entry) for result in results],
        "inputs": [words(result.inputs) for result in results],
        "division": [words(result.division) for result in results],
        "trust": [words(result.trust) for result in results],
        "seed": [result.seed for result in results],
        "samples": [result.samples for result in results],
        "date": [result.started.date().toordinal() for result in results],
        "parameters": [result.parameters for result in results],
        "macs": [_rounded(result.macs) for result in results],
        "speed": [_rounded(result.samples_per_second) for result in results],
        "latency": [_rounded(result.latency_ms) for result in results],
        "memory": [_rounded(result.peak_memory) for result in results],
        "seconds": [_rounded(result.seconds) for result in results],
        "run": [_short(result, board) for result in results],
        "entryDigest": [shown(result.entry_digest[:HASH]) for result in results],
        "weights": [shown(result.weights_sha256[:HASH]) for result in results],
        "sheet": [_sheet(result, words) for result in results],
    }
    return {
        "rows": len(results),
        "floor": _floor(board),
        "places": _places(board.ranked),
        "unranked": [row.result.unranked for row in board.rows if row.place is None],
        "score": numbers([_primary(row) for row in board.rows], 200),
        "visible": _rounded(board.visible),
        "seeds": constant([len(row.trainings) or 1 for row in board.rows]),
        "seedError": constant(
            [_rounded(row.score.seed_error if row.score else None) for row in board.rows]
        ),
        "others": [[[shown(o.run, 200), o.seed] for o in row.others[:20]] for row in board.rows],
        **{name: constant(values) for name, values in columns.items()},
    }


def _floor(board: Board) -> dict[str, Any]:
    """The row of the best floor, and the verdict on each row beside it, empty without one."""
    best = best_floor(board)
    marks = ["" if one is None else one.verdict for one in compared(board)]
    row = None if best is None else next(i for i, row in enumerate(board.rows) if row is best)
    return {"row": row, "marks": constant(marks)}


def _primary(row: Row) -> Score | None:
    """The score of a row: the mean over trainings of one that is ranked."""
    primary, mean = row.result.primary, row.score
    if primary is None or mean is None:
        return primary
    return primary._replace(value=mean.value, low=mean.low, high=mean.high)


def numbers(scores: Sequence[Score | None], steps: int) -> dict[str, Any]:
    """Values and intervals as whole numbers: value, value - low, high - value, in 10^-digits.

    Args:
        scores: by row; None where there is none.
        steps: into how many steps the typical interval is divided at least.
    """
    digits = _digits(scores, steps)
    scale = 10**digits
    value: list[int | None] = []
    below: list[int | None] = []
    above: list[int | None] = []
    samples: list[int | None] = []
    for score in scores:
        if score is None or score.value is None:
            row: tuple[int | None, ...] = (None, None, None, None)
        else:
            middle, low, high = score.value, score.low, score.high
            row = (
                round(middle * scale),
                None if low is None else round(abs(middle - low) * scale),
                None if high is None else round(abs(high - middle) * scale),
                score.samples,
            )
        for column, number in zip((value, below, above, samples), row, strict=True):
            column.append(number)
    return {
        "digits": digits,
        "value": _dense(value),
        "below": _dense(below),
        "above": _dense(above),
        "samples": constant(samples),
    }


def _dense(values: Sequence[int | None]) -> str | list[int | None]:
    """A character for each number, which compresses to half of what digits and commas do.

    The character's code is the number plus 35, past the quotation mark; a space stands for None.
    Numbers below 0 or above `_LARGEST` stay a list.
    """
    if any(value is not None and not 0 <= value <= _LARGEST for value in values):
        return list(values)
    return "".join(" " if value is None else chr(value + 35) for value in values)


def _digits(scores: Sequence[Score | None], steps: int) -> int:
    widths = [
        score.high - score.low
        for score in scores
        if score is not None and score.low is not None and score.high is not None
    ]
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


def _sheet(result: Result, words: Words) -> int:
    """What many runs of an entry have in common, as one text in the order of `SHEET`."""
    facts = {
        **result.facts,
        "url": link(result.facts.get("url", "")),
        "pinned": pinned(result.facts.get("source", "")),
        "ids": result.ids_sha256[:HASH],
        "checked": result.checked,
        "data": result.data_sha256[:HASH],
        "device": result.device,
        "precision": result.precision,
        "harness": _harness(result),
        "embedding": _embedding(result.facts),
    }
    return words.keep(_SEPARATOR.join(shown(facts.get(name, ""), NOTE) for name in SHEET))


def _harness(result: Result) -> str:
    commit = f" at {result.harness_commit[:HASH]}" if result.harness_commit else ""
    return f"{result.harness_version}{commit}{' (changed)' if result.harness_dirty else ''}"


def _embedding(facts: Mapping[str, str]) -> str:
    """The size of an embedding that was handed in; empty of a model."""
    wanted = (("bytes_per_sample", "a sample"), ("bytes_per_km2", "a square kilometre"))
    sizes = [(facts.get(name) or "", of) for name, of in wanted]
    return ", ".join(f"{float(size):,.0f} bytes {of}" for size, of in sizes if size)


def _scores(rows: Sequence[Sequence[Score]], words: Words, depth: int) -> list[dict[str, Any]]:
    by_column: dict[Column, list[Score | None]] = defaultdict(lambda: [None] * len(rows))
    for index, scores in enumerate(rows[:depth]):
        for score in scores:
            by_column[score.column][index] = score
    return [
        {
            "slice": words(part, 120),
            "metric": words(metric),
            "average": words(average),
            "label": words(label, 120),
            "title": words(title(f"{metric}_{average}")),
            "unit": words(unit(f"{metric}_{average}")),
            "classes": max((one.classes or 0 for one in scores if one), default=0),
            **numbers(scores, 20),
        }
        for (part, metric, average, label), scores in sorted(
            by_column.items(), key=lambda item: tuple(map(in_order, item[0]))
        )
    ]


def _carried(result: Result) -> list[Score]:
    """Aggregates; of single classes and slices those of the primary metric; points of curves."""
    if result.subset:
        # Many draws would leave no room for the scores of what is ranked.
        return []
    primary = result.primary
    main = primary.metric if primary else None
    return [
        score
        for score in result.scores
        if not score.is_primary
        and (not (score.label or score.slice) or score.metric == main or _is_point(score))
    ]


def _is_point(score: Score) -> bool:
    """Whether a label is a point of a curve, such as ``bpppc=2.06``."""
    return not score.slice and "=" in score.label


def _depth(boards: Sequence[Sequence[Sequence[object]]], most: int) -> int:
    """How many rows of each board, from the top, can carry what is to be said of each."""
    longest = max((len(rows) for rows in boards), default=0)
    carried = 0
    for index in range(longest):
        carried += sum(len(rows[index]) for rows in boards if index < len(rows))
        if carried > most:
            return index
    return longest


def _short(result: Result, board: Board) -> str:
    """The end of a run id that begins as the evaluator's run ids do, else all of it."""
    stem = f"{shown(board.task)}.{shown(result.entry)}.{board.track}."
    if result.run.startswith(stem):
        return "." + shown(result.run.removeprefix(stem), 64)
    return shown(result.run, 200)


def _rounded(value: float | None) -> float | int | None:
    """Three significant digits are enough for a cost."""
    rounded = significant(value, 3)
    return int(rounded) if rounded is not None and rounded.is_integer() else rounded
