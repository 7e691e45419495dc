"""Scores with their 95 % intervals: the entries of a task, or the classes and groups of a run."""

import re
from dataclasses import dataclass

from bench.base.errors import RequestError, unknown
from bench.report.leaderboard.boards import UNVERIFIED, boards
from bench.report.leaderboard.floors import best_floor
from bench.report.leaderboard.read import read
from bench.report.plots import chart
from bench.report.plots.chart import Chart
from bench.report.plots.selection import Selection, nothing
from bench.results import store
from bench.spec.floors import is_floor
from bench.spec.score import GAP

_ROW = 0.26
"""Inches of a row."""

_MOST = 60
"""Rows that are shown; further ones would not be read."""


@dataclass(frozen=True)
class Bar:
    """A row of the figure: a score with its interval, None where that is unknown."""

    label: str
    value: float
    low: float | None
    high: float | None
    floor: bool = False


def figure(selection: Selection, drawn: Chart) -> None:
    """Draw a row for each entry, best first, or for each class and group of a run."""
    if selection.run is None:
        rows, floor = of_task(selection)
    else:
        rows, floor = of_run(selection), None
    left = len(rows) - _MOST
    rows = rows[:_MOST]
    axes = drawn.axes(height=1.4 + _ROW * len(rows))
    for place, row in enumerate(rows):
        colour = chart.QUIET if row.floor else chart.COLOURS[0]
        if row.low is not None and row.high is not None:
            axes.hlines(place, row.low, row.high, color=colour, linewidth=2)
        axes.plot(row.value, place, "o" if not row.floor else "s", color=colour, markersize=5)
    if floor is not None:
        axes.axvline(floor.value, color=chart.QUIET, linestyle="--", linewidth=1)
        axes.annotate(
            "best floor",
            (floor.value, len(rows) - 0.5),
            (3, 3),
            textcoords="offset points",
            fontsize=7,
            color=chart.QUIET,
        )
    axes.set_yticks(range(len(rows)), [chart.name(row.label) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    chart.score(axes, selection.metric)
    more = f" (the first {_MOST} of {_MOST + left})" if left > 0 else ""
    chart.title(axes, selection.title + more)


def of_task(selection: Selection) -> tuple[list[Bar], Bar | None]:
    """The ranked entries of a task on a track, best first, and the best floor among them.

    Raises:
        RequestError: there are none, or one of the entries has no place.
    """
    if selection.metric != selection.task.primary:
        raise RequestError(
            f"entries of {selection.task.name} are ranked by {selection.task.primary}, "
            f"found --metric {selection.metric}",
            "leave --metric away, or name a run",
        )
    if not store.exists(selection.results):
        raise nothing(selection.task, selection.track)
    found = [
        board
        for board in boards(read(selection.results, task=selection.task.name)[0])
        if board.digest == selection.task.digest
        and board.ranked
        and selection.track == ("official" if board.track == UNVERIFIED else board.track)
    ]
    if not found:
        raise nothing(selection.task, selection.track)
    # Verified results before others; of several versions of simulated data that of most entries.
    board = max(found, key=lambda one: (one.track != UNVERIFIED, len(one.ranked)))
    best = best_floor(board)
    rows, floor = {}, None
    for row in board.ranked:
        assert row.score is not None
        entry = row.result.entry
        rows[entry] = Bar(entry, row.score.value, row.score.low, row.score.high, is_floor(entry))
        if row is best:
            floor = rows[entry]
    for name in selection.entries:
        if name not in rows:
            raise unknown("entry", name, rows, f"that is ranked on {selection.task.name}")
    return [rows[name] for name in rows if name in (selection.entries or rows)], floor


def of_run(selection: Selection) -> list[Bar]:
    """The metric of a run over all samples, by class and by group of samples.

    Raises:
        RequestError: the run has no such metric.
    """
    assert selection.run is not None
    manifest = selection.run.manifest()
    metric, _, _ = selection.metric.rpartition("_")
    whole = {score.name for score in manifest.scores if not (score.label or score.slice)}
    if selection.metric not in whole:
        raise unknown("metric", selection.metric, whole, f"of run {selection.run.name}")
    overall, classes, groups = [], [], []
    for score in manifest.scores:
        if score.value is None or score.metric != metric or score.slice.endswith(GAP):
            continue
        if score.name == selection.metric and not score.label and not score.slice:
            overall.append(Bar("all samples", score.value, score.low, score.high))
        elif score.label and not score.slice:
            classes.append(Bar(score.label, score.value, score.low, score.high))
        elif score.name == selection.metric and score.slice and not score.label:
            groups.append(Bar(score.slice, score.value, score.low, score.high))
    # Groups that are the classes again, such as ranges of depth, say nothing more.
    named = {one.label for one in classes}
    groups = [one for one in groups if one.label.partition("=")[2] not in named]
    return [*overall, *classes, *sorted(groups, key=_place)]


def _place(group: Bar) -> tuple[str, list[int], str]:
    """Where a group stands: ranges of numbers in the order of the numbers."""
    attribute, _, value = group.label.partition("=")
    return attribute, [int(number) for number in re.findall(r"\d+", value)], value
