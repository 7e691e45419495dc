"""One entry trained with several seeds, and each training evaluated."""

import dataclasses
import re
from collections.abc import Sequence

from bench.base.errors import RequestError
from bench.evaluate import stages
from bench.evaluate.reporting import SILENT, Report
from bench.evaluate.request import Request, resolve
from bench.results.manifest import Manifest
from bench.spec.entry import Entry

_LARGEST = 1 << 32
_MOST = 1_000


def parse(text: str) -> list[int]:
    """Seeds from ``0-4``, ``0,2,7`` or both, in rising order.

    Raises:
        RequestError: it is neither, or names more than a thousand or ones beyond 2**32 - 1.
    """
    found: set[int] = set()
    for part in text.split(","):
        ends = re.fullmatch(r"\s*(\d{1,10})\s*(?:-\s*(\d{1,10})\s*)?", part)
        first, last = (int(end) for end in (ends[1], ends[2] or ends[1])) if ends else (1, 0)
        if not first <= last < _LARGEST or last - first >= _MOST:
            raise RequestError(
                f"expected seeds such as 0-4 or 0,2,7, found {text!r:.100}",
                f"a seed is a number below {_LARGEST:,}; {_MOST:,} of them are the most",
            )
        found |= set(range(first, last + 1))
    if len(found) > _MOST:
        raise RequestError(f"expected at most {_MOST:,} seeds, found {len(found):,}", "use fewer")
    return sorted(found)


def asked(text: str | None, seed: int) -> list[int] | None:
    """The seeds that ``--seeds`` names; None where only ``--seed`` counts.

    Raises:
        RequestError: both are given, or as `parse`.
    """
    if text is None:
        return None
    if seed:
        raise RequestError(
            f"expected --seed or --seeds, found both ({seed} and {text:.100})",
            "name all seeds by --seeds",
        )
    return parse(text)


def run(request: Request, seeds: Sequence[int], report: Report = SILENT) -> list[Manifest]:
    """Train with each seed and evaluate; what is recorded already is found again.

    Returns:
        The manifest of each run, in the order of the seeds.

    Raises:
        RequestError: the request is wrong, or the entry isn't trained here, so that seeds change
            nothing.
        BenchError: a run failed; those before are recorded, and the next call goes on.
    """
    _check_learns(request)
    report = report.without_repetition()
    found: list[Manifest] = []
    for seed in seeds:
        # All on one track, even if data appear or vanish meanwhile.
        track = found[0].track if found else request.track
        found.append(stages.run(dataclasses.replace(request, seed=seed, track=track), report))
    return found


def train(request: Request, seeds: Sequence[int], report: Report = SILENT) -> list[Entry]:
    """Follow the recipe of an entry with each seed.

    Returns:
        The trained entries, in the order of the seeds.

    Raises:
        RequestError: as `run`.
        BenchError: as `run`.
    """
    _check_learns(request)
    return [stages.train(dataclasses.replace(request, seed=seed), report) for seed in seeds]


def _check_learns(request: Request) -> None:
    """Refuse to take evaluations of the same weights for trainings."""
    _, model = resolve(request, SILENT, announced=True)
    if not isinstance(model, Entry):
        raise RequestError("predictions and embeddings have no seed", "leave --seeds away")
    if model.weights is not None or not model.model.learns:
        why = "has its weights already" if model.model.learns else "learns nothing"
        raise RequestError(
            f"entry {model.name} {why}: its runs with different seeds would be one and the same",
            "leave --seeds away, or name a baseline that is trained",
        )
