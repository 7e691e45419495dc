"""Run the rows of a publication, or find those that are recorded."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.base.errors import BenchError
from bench.evaluate import suites
from bench.evaluate.reporting import SILENT, Report
from bench.evaluate.request import Request
from bench.report.reproduction import Key
from bench.results import runs, trainings
from bench.results.manifest import Manifest
from bench.spec import task as tasks
from bench.spec.entry import Entry
from bench.spec.paper import Paper
from bench.spec.suite import Row


@dataclass
class Rows:
    """What there is of the rows of a publication.

    Attributes:
        found: the runs of a row, one for each seed of training.
        refused: why a row has none.
    """

    found: dict[Key, list[Manifest]] = field(default_factory=dict)
    refused: dict[Key, str] = field(default_factory=dict)


def run(paper: Paper, request: Request, seeds: Sequence[int], report: Report = SILENT) -> Rows:
    """Run every row with every seed; what is recorded already is found again.

    An entry that isn't trained here is run once. A row that can't be run doesn't end the others.

    Args:
        paper: the publication.
        request: track, device, results and so on; its task and model don't count.
        seeds: of training.
        report: where news goes.
    """
    rows = Rows()
    for seed in seeds:
        seeded = dataclasses.replace(request, seed=seed)
        for outcome in suites.run(paper.suite, seeded, _with_seeds(paper, rows), report):
            key = outcome.task, outcome.model
            if outcome.refused:
                rows.refused[key] = outcome.refused
            rows.found.setdefault(key, []).extend(outcome.manifests)
    return rows


def _with_seeds(paper: Paper, rows: Rows) -> list[Row]:
    """The rows that another seed changes: all at first, then those that were trained."""
    if not rows.found:
        return list(paper.rows)
    trained = {
        key
        for key, manifests in rows.found.items()
        if any(trainings.made(one).seed is not None for one in manifests)
    }
    return [
        row.model_copy(update={"tasks": (task,), "models": (model,)})
        for row in paper.rows
        for task in row.tasks
        for model in row.models
        if (task, model) in trained
    ]


def recorded(paper: Paper, request: Request) -> Rows:
    """The complete runs of each row that a results folder holds, by the name of its entry.

    Args:
        paper: the publication.
        request: its results folder and track count; runs of the other track are left out.
    """
    rows = Rows()
    manifests = [one.manifest() for one in runs.all_runs(request.results) if one.complete()]
    for task, model in paper.planned:
        asked = tasks.load(task)
        try:
            entry = dataclasses.replace(request, task=task, model=model).find_model(asked)
        except BenchError as error:
            rows.refused[task, model] = error.message
            continue
        name = entry.name if isinstance(entry, Entry) else ""
        rows.found[task, model] = trainings.latest(
            [
                one
                for one in manifests
                if (one.task.digest, one.entry.name) == (asked.digest, name)
                and one.track == request.track
                and one.degradation is None
                and not one.partial
            ]
        )
    return rows
