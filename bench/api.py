"""The verbs of the command line as functions.

>>> from bench import api
>>> result = api.run(task="reben-mlc", model="resnet18-s1", track="sample")  # doctest: +SKIP
>>> result.scores[0].value  # doctest: +SKIP
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import kinds, models
from bench.base.errors import RequestError, unknown
from bench.base.paths import results_root
from bench.evaluate import stages as evaluate
from bench.evaluate.request import SILENT, Report, Request
from bench.results import runs, store
from bench.results.manifest import Manifest
from bench.spec import task as tasks
from bench.spec.entry import Entry
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch


def task(name: str) -> Task:
    """The declaration of a task, by name or path."""
    return tasks.load(name)


def run(report: Report = SILENT, **options: Any) -> Manifest:
    """``bench run``: train if needed, predict, score, record.

    Args:
        report: where news goes.
        options: fields of `bench.evaluate.request.Request`; ``task`` and ``model`` are required.

    Returns:
        The manifest of the run, its scores included.

    Raises:
        RequestError: an option is unknown, or has a value that it can't have.
        BenchError: the run failed.
    """
    return evaluate.run(_request(options), report)


def train(report: Report = SILENT, **options: Any) -> Entry:
    """``bench train``: follow a recipe; the result is an entry with weights."""
    return evaluate.train(_request(options), report)


def score(run: str | Path, results: str | Path | None = None) -> Manifest:
    """``bench score``: stored observations scored again; the new manifest."""
    folder = results_root(results)
    return evaluate.score(runs.find(folder, str(run)), folder)


def results(results: str | Path | None = None, query: str = "select * from metrics") -> Any:
    """What the database answers to a query, as a `pyarrow.Table`."""
    with store.connect(results_root(results), write=False) as connection:
        return connection.sql(query).to_arrow_table()


def build(model: str, task: str) -> "torch.nn.Module":
    """The network that the harness builds for a model on a task, with random weights.

    What is trained and saved from it fits the entry: ``safetensors.torch.save_file`` of its
    ``state_dict()`` is the file that ``entry.toml`` names.

    Args:
        model: as ``--model`` takes it, such as ``timm:resnet18/s2`` or the folder of an entry.
        task: name or path.

    Raises:
        RequestError: there is no such model or task, or it holds predictions.
    """
    asked = tasks.load(task)
    found = models.find(model, asked)
    if not isinstance(found, Entry):
        raise RequestError(f"{model} holds predictions, not a model", "name a model")
    return models.build(found, kinds.of(asked).outputs())


def _request(options: dict[str, Any]) -> Request:
    known = [field.name for field in dataclasses.fields(Request)]
    for name in options:
        if name not in known:
            raise unknown("option", name, known)
    for name in ("task", "model"):
        if name not in options:
            raise RequestError(f"no {name} is given", f"say {name}=...")
    return Request(**{"results": results_root()} | options)
