"""One model on clean images and on degraded ones, each a run of its own."""

import dataclasses
from collections.abc import Sequence

from bench.base.errors import RequestError
from bench.evaluate import stages
from bench.evaluate.reporting import SILENT, Report
from bench.evaluate.request import Request, resolve
from bench.kinds.common.degraded import finest_gsd
from bench.report.degradation_curves import Robustness, robustness
from bench.results.manifest import Manifest
from bench.spec.degradation import Degradation, parse
from bench.spec.entry import Entry


def parse_all(texts: Sequence[str]) -> list[Degradation]:
    """The degradations that several ``KIND=VALUES`` ask for, each once.

    Raises:
        RequestError: as `bench.spec.degradation.parse`.
    """
    found = {one.name: one for text in texts for one in parse(text)}
    return list(found.values())


def run(
    request: Request, degradations: Sequence[Degradation], report: Report = SILENT
) -> Robustness:
    """Evaluate a model on clean images and under each degradation.

    It is trained once, on clean images. What is recorded already is found again.

    Args:
        request: which model on which task; without a degradation.
        degradations: of the images that are scored.
        report: where news goes.

    Returns:
        Its scores against magnitude, with paired differences to the clean run.

    Raises:
        RequestError: the request is wrong, or a degradation can't be had or changes nothing;
            refused before anything is trained.
        BenchError: a run failed; those before are recorded, and the next call goes on.
    """
    if not degradations:
        raise RequestError("no degradation was asked for", "such as --degrade cloud=0.3")
    report = report.without_repetition()
    asked = [dataclasses.replace(request, degradation=one) for one in degradations]
    for one in asked:
        resolved, model = resolve(one, SILENT, announced=True)
    assert isinstance(model, Entry)
    finest = finest_gsd(resolved.task, model.input)
    clean = stages.run(request, report)
    runs: list[tuple[Degradation, Manifest]] = [
        (degradation, stages.run(one, report))
        for degradation, one in zip(degradations, asked, strict=True)
    ]
    return robustness(clean, runs, finest)
