"""Run the models of a suite on its tasks."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.base.errors import BenchError, RequestError
from bench.evaluate import few_labels, stages
from bench.evaluate.reporting import SILENT, Report
from bench.evaluate.request import Request, Track
from bench.results.manifest import Manifest
from bench.spec.labels import Labels
from bench.spec.suite import Row, Suite


@dataclass(frozen=True)
class Outcome:
    """A row of a suite on a task.

    Attributes:
        task, model, method, labels: what was asked; ``labels`` is the size of the subset, empty
            for all training samples.
        trained: the task that the model was trained for once; empty where that is ``task``.
        manifests: of the runs, one for each draw.
        refused: why there is none; empty where there is one.
    """

    task: str
    model: str
    method: str
    labels: str
    trained: str = ""
    manifests: tuple[Manifest, ...] = ()
    refused: str = ""


def run(
    suite: Suite, request: Request, rows: Sequence[Row], report: Report = SILENT
) -> Iterator[Outcome]:
    """Run rows on the tasks of a suite; what is recorded already is found again.

    A model that a task can't be answered with doesn't end it: its outcome says why.

    Args:
        suite: the suite.
        request: track, device, results and so on; its task and model don't count.
        rows: what is run.
        report: where news goes.

    Raises:
        RequestError: a row can't be read.
        BenchError: a run failed; those before are recorded, and the next call goes on.
    """
    report = report.without_repetition()
    tracks: dict[str, Track] = {}
    for row in rows:
        if row.trained:
            yield from _of_one_training(suite, request, row, tracks, report)
            continue
        sizes = [few_labels.parse(size, row.draws) for size in row.labels] or [[]]
        asked = itertools.product(row.models, row.tasks or suite.tasks, row.methods or ("",), sizes)
        for model, task, method, subsets in asked:
            one = dataclasses.replace(
                request,
                task=task,
                model=model,
                method=method,
                # All of a task on one track, even if data appear or vanish meanwhile.
                track=tracks.get(task, request.track),
                given=row.input if method else None,
                recipe=row.recipe,
            )
            size = subsets[0].size if subsets else ""
            outcome = Outcome(task=task, model=model, method=method, labels=size)
            yield _outcome(outcome, one, tracks, report, subsets)


def _of_one_training(
    suite: Suite, request: Request, row: Row, tracks: dict[str, Track], report: Report
) -> Iterator[Outcome]:
    """Train each model of a row for its task, once, and run what that leaves on every task.

    All of them on the track of the training: simulated pictures teach nothing about real ones.
    """
    for model in row.models:
        first = dataclasses.replace(
            request,
            task=row.trained,
            model=model,
            track=tracks.get(row.trained, request.track),
            recipe=row.recipe,
        )
        try:
            entry = stages.train(first, report)
        except BenchError as error:
            report.say(f"{model} can't be trained for {row.trained}: {error.message}")
            for task in row.tasks or suite.tasks:
                yield Outcome(task, model, "", "", row.trained, refused=error.message)
            continue
        assert entry.trained is not None
        tracks.setdefault(row.trained, entry.trained.track)
        for task in row.tasks or suite.tasks:
            one = dataclasses.replace(request, task=task, model=entry, track=entry.trained.track)
            yield _outcome(Outcome(task, model, "", "", row.trained), one, tracks, report)


def _outcome(
    outcome: Outcome,
    request: Request,
    tracks: dict[str, Track],
    report: Report,
    subsets: Sequence[Labels] = (),
) -> Outcome:
    """A model on a task, or why there is none."""
    try:
        if subsets:
            manifests = few_labels.run(request, subsets, report)
        else:
            manifests = [stages.run(request, report)]
    except RequestError as error:
        return dataclasses.replace(outcome, refused=error.message)
    except BenchError as error:
        report.say(f"{outcome.model} {outcome.method} on {outcome.task} failed: {error.message}")
        return dataclasses.replace(outcome, refused=error.message)
    tracks[outcome.task] = manifests[0].track
    return dataclasses.replace(outcome, manifests=tuple(manifests))
