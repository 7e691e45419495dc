"""One entry trained on subsets of the training samples, and each training evaluated."""

import dataclasses
from collections.abc import Sequence

from bench.base.errors import RequestError
from bench.evaluate import stages
from bench.evaluate.reporting import SILENT, Report
from bench.evaluate.request import Request
from bench.results.manifest import Manifest
from bench.spec.labels import Labels

_MOST = 100


def parse(text: str, draws: int) -> list[Labels]:
    """Subsets from ``1%,10%,100%`` or ``1-shot,5-shot``, each with so many draws.

    Of all samples there is one draw.

    Raises:
        RequestError: a size can't be read, one is named twice, or there are too many draws.
    """
    if not 1 <= draws <= _MOST:
        raise RequestError(f"expected 1 to {_MOST} draws, found {draws}")
    sizes = [Labels.parse(one) for one in text.split(",")]
    if len({size.size for size in sizes}) < len(sizes):
        raise RequestError(f"--labels {text[:100]!r} names a size twice", "name each once")
    return [
        size.model_copy(update={"draw": draw})
        for size in sizes
        for draw in range(1 if size.percent == 100 else draws)
    ]


def run(request: Request, subsets: Sequence[Labels], report: Report = SILENT) -> list[Manifest]:
    """Train on each subset and evaluate; what is recorded already is found again.

    Returns:
        The manifest of each run, in the order of the subsets.

    Raises:
        RequestError: the request is wrong, the entry isn't trained here, or a class has too few
            samples for the shots.
        BenchError: a run failed; those before are recorded, and the next call goes on.
    """
    report = report.without_repetition()
    found: list[Manifest] = []
    for one in subsets:
        # All on one track, even if data appear or vanish meanwhile.
        track = found[0].track if found else request.track
        asked = dataclasses.replace(request, labels=one, track=track)
        found.append(stages.run(asked, report))
    return found
