"""Published numbers, shown beside what was measured here and never ranked with it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.metrics.titles import title
from bench.report.leaderboard.boards import Board
from bench.report.leaderboard.text import NOTE, link
from bench.report.leaderboard.words import Words
from bench.spec.task import Task


def published(
    rows: Iterable[dict[str, Any]], tasks: Sequence[str], words: Words
) -> list[dict[str, Any]]:
    """The rows of the table ``reported`` whose task is shown, as the page carries them."""
    return [
        {"task": tasks.index(row["task"]), **_carried(row, words)}
        for row in rows
        if row["task"] in tasks and not row["related"]
    ]


def related(
    rows: Iterable[dict[str, Any]], tasks: Sequence[str], words: Words
) -> list[dict[str, Any]]:
    """The rows of experiments that are no task, with the tasks on whose pages they are shown."""
    return [
        {
            "tasks": [tasks.index(name) for name in row["related"] if name in tasks],
            "experiment": words(row["task"]),
            "why": words(row["why"], NOTE),
            **_carried(row, words),
        }
        for row in rows
        if set(row["related"]) & set(tasks)
    ]


def _carried(row: dict[str, Any], words: Words) -> dict[str, Any]:
    """What the page carries of a row, wherever it is shown."""
    return {
        "entry": words(row["entry"]),
        "inputs": words(row["inputs"]),
        "setting": words(row["setting"], 200),
        "metric": words(name := f"{row['metric']}_{row['average']}"),
        "named": words(title(name)),
        "label": words(row["label"], 120),
        "value": float(f"{row['value']:.6g}"),
        "spread": None if row["std"] is None else float(f"{row['std']:.3g}"),
        "split": words(row["split"]),
        "cite": words(_cite(row)),
        "source": words(_source(row), 300),
        "url": words(link(row["url"]), 500),
        "place": words(row["place"], 200),
        "differs": words(row["differs"], NOTE),
        "doubt": words(row["doubt"], NOTE),
        "trust": words(row["trust"]),
        "missing": words(row["leaves_out"], NOTE),
        "best": row["best_shown"],
    }


def published_alone(
    boards: Sequence[Board], rows: Iterable[dict[str, Any]], declared: Mapping[str, Task]
) -> list[Board]:
    """A board without runs for each task that has published numbers and no official results.

    It is official, where published numbers stand; those that are related to a task count.
    """
    having = {(board.task, board.digest) for board in boards if board.track == "official"}
    named = {name for row in rows for name in (row["task"], *row["related"])}
    reported = sorted(named & set(declared))
    return [
        Board(task.name, task.version, task.digest, task.kind, "official", "")
        for task in (declared[name] for name in reported)
        if (task.name, task.digest) not in having
    ]


def _source(row: dict[str, Any]) -> str:
    """Authors, year and title in one line."""
    year = f" {row['year']}" if row["year"] else ""
    return f"{row['authors']}{year}: {row['title']}"


def _cite(row: dict[str, Any]) -> str:
    """First author and year, as in a running text."""
    names = str(row["authors"]).split(", ")
    others = " et al." if len(names) > 1 else ""
    year = f" {row['year']}" if row["year"] else ""
    return f"{names[0]}{others}{year}"
