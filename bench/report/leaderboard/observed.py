"""What the observations of a board's best runs say beyond its scores.

It is computed when the page is made: differences between the best entries with their intervals, in
all and by class, the samples on which each fares worst, and in how many samples each class occurs.
Runs without a folder go without, as do boards of so many samples that reading takes minutes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench import kinds
from bench.base.errors import BenchError
from bench.metrics import stats
from bench.metrics.scales import direction
from bench.report.comparison import Comparison
from bench.report.competitors import Competitor
from bench.report.estimate import differences
from bench.report.leaderboard.boards import Board, Row
from bench.report.leaderboard.words import Words, significant
from bench.results.runs import Run
from bench.spec.task import Task

BEST = 10
"""As many entries from the top are compared by their scores without each unit."""

CLOSE = 3
"""As many of them by class and sample as well."""

MOST = 20_000
"""Samples of a board whose observations are read."""

WORST = 5
"""Samples that are named of each run."""


def observed(
    results: Path, board: Board, declared: Mapping[str, Task], words: Words
) -> dict[str, Any]:
    """What there is to say of a board beside its scores.

    Args:
        results: the results folder, whose run folders hold the observations.
        board: a board of the page.
        declared: the tasks that ship.
        words: where texts go.

    Returns:
        ``pairs``: of every two of the best rows the difference of the primary score with interval
        and p, and whether it is paired. ``close``: of every two of the very best, on how many
        samples each is ahead, and the differences by class. ``worst``: of each of these the samples
        with the lowest score. ``positives``: in how many samples each class occurs.
    """
    found: dict[str, Any] = {"pairs": _pairs(board.ranked[:BEST])}
    task = declared.get(board.task)
    if task is None or task.digest != board.digest or not board.ranked:
        return found
    if board.ranked[0].result.samples > MOST:
        return found
    read = list(_read(results, board))
    if not read:
        return found
    kind = kinds.of(task)
    first = read[0][2]
    occurs = kind.occurrences(first)
    if occurs is not None and len(task.classes) == occurs.shape[1]:
        counts = occurs.sum(axis=0).tolist()
        found["positives"] = {
            str(words(label, 120)): int(count)
            for label, count in zip(task.classes, counts, strict=True)
        }
    found["sample_score"] = words(kind.sample_score, 200)
    found["worst"] = {
        str(index): _worst(observations, kind.sample_scores(observations), words)
        for index, _, observations in read
    }
    found["close"] = [
        pair
        for one, other in combinations(read, 2)
        if (pair := _close(task, one, other, words)) is not None
    ]
    return found


def _pairs(rows: Sequence[Row]) -> list[list[Any]]:
    """First and second row, difference, low, high, p, and 1 where it is paired."""
    scores = [row.score for row in rows if row.score is not None]
    if len(scores) < 2:
        return []
    spread, paired = differences(scores)
    found = []
    for i, j in combinations(range(len(scores)), 2):
        value, of_pair = np.array(scores[i].value - scores[j].value), spread.at((i, j))
        low, high = stats.interval(value, of_pair)
        p = stats.p_value(value, of_pair)
        numbers = [significant(float(each)) for each in (value, low, high, p)]
        found.append([i, j, *numbers, int(paired[i, j])])
    return found


def _read(results: Path, board: Board) -> Iterator[tuple[int, Competitor, pa.Table]]:
    """The best rows of one training whose observations are there."""
    for index, row in enumerate(board.ranked[:CLOSE]):
        run = Run(results / "runs" / row.result.run)
        if len(row.trainings) > 1 or "/" in row.result.run or not run.parts():
            continue
        try:
            manifest, observations = run.manifest(), run.observations()
        except BenchError:
            continue
        if observations.num_rows == row.result.samples:
            yield index, Competitor(row.result.entry, (run,), (manifest,)), observations


def _worst(observations: pa.Table, scores: Any, words: Words) -> list[list[Any]]:
    """Sample and score, lowest first."""
    samples = observations.column("sample").to_pylist()
    order = [i for i in np.argsort(scores, kind="stable") if np.isfinite(scores[i])][:WORST]
    return [[words(samples[i], 200), significant(scores[i])] for i in order]


def _close(
    task: Task,
    one: tuple[int, Competitor, pa.Table],
    other: tuple[int, Competitor, pa.Table],
    words: Words,
) -> dict[str, Any] | None:
    from bench.report.compare import between

    try:
        found: Comparison = between([one[1], other[1]], task)
    except BenchError:
        return None
    samples = found.per_sample
    assert samples is not None
    turn = direction(task.primary)
    return {
        "rows": [one[0], other[0]],
        "ahead": [samples.ahead, samples.behind, samples.even],
        "gains": [
            [words(name, 200), significant(a), significant(b)] for name, a, b in samples.gains
        ],
        "losses": [
            [words(name, 200), significant(a), significant(b)] for name, a, b in samples.losses
        ],
        "classes": [
            [
                words(each["label"], 120),
                *(significant(each[name]) for name in ("value", "low", "high")),
                each["verdict"],
            ]
            for each in sorted(
                map(asdict, found.classes), key=lambda each: -turn * (each["value"] or 0.0)
            )
            if each["value"] is not None
        ],
    }
