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
from bench.spec.suite import Row, Suite


@dataclass(frozen=True)
class Outcome:
    """A row of a suite on a task.

    Attributes:
        task, model, method, labels: what was asked; ``labels`` is the size of the subset, empty
            for all training samples.
        manifests: of the runs, one for each draw.
        refused: why there is none; empty where there is one.
    """

    task: str
    model: str
    method: str
    labels: str
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
            try:
                if not subsets:
                    manifests = [stages.run(one, report)]
                else:
                    manifests = few_labels.run(one, subsets, report)
            except RequestError as error:
                yield dataclasses.replace(outcome, refused=error.message)
            except BenchError as error:
                report.say(f"{model} {method} on {task} failed: {error.message}")
                yield dataclasses.replace(outcome, refused=error.message)
            else:
                tracks[task] = manifests[0].track
                yield dataclasses.replace(outcome, manifests=tuple(manifests))
