"""The verbs of the command line as functions.

>>> from bench import api
>>> result = api.run(task="reben-mlc", model="resnet18-s1", track="sample")  # doctest: +SKIP
>>> result["scores"][0]["value"]  # doctest: +SKIP
"""

from pathlib import Path
from typing import Any

from bench import evaluate, runs, store
from bench import task as tasks
from bench.entry import Entry
from bench.paths import results_root
from bench.request import SILENT, Report, Request
from bench.task import Task


def task(name: str) -> Task:
    """The declaration of a task, by name or path."""
    return tasks.load(name)


def run(report: Report = SILENT, **options: Any) -> dict[str, Any]:
    """``bench run``: train if needed, predict, score, record.

    Args:
        report: where news goes.
        options: fields of `bench.request.Request`; ``task`` and ``model`` are required.

    Returns:
        The manifest of the run, its scores included.
    """
    return evaluate.run(_request(options), report)


def train(report: Report = SILENT, **options: Any) -> Entry:
    """``bench train``: follow a recipe; the result is an entry with weights."""
    return evaluate.train(_request(options), report)


def score(run: str, results: Path | None = None) -> dict[str, Any]:
    """``bench score``: stored observations scored again; the new manifest."""
    folder = results_root(results)
    return evaluate.score(runs.find(folder, run), folder)


def results(results: Path | None = None, query: str = "select * from metrics") -> Any:
    """What the database answers to a query, as a `pyarrow.Table`."""
    with store.connect(results_root(results), write=False) as connection:
        return connection.sql(query).to_arrow_table()


def _request(options: dict[str, Any]) -> Request:
    return Request(**{"results": results_root()} | options)
