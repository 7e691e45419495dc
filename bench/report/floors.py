"""The floors of a task, and the scores that are expected of them."""

from dataclasses import dataclass

from bench.metrics.scales import direction
from bench.models import entries
from bench.spec.expected import expectations
from bench.spec.floors import is_floor
from bench.spec.task import Task


@dataclass(frozen=True)
class KnownFloor:
    """A floor of a task.

    Attributes:
        model: what ``--model`` takes.
        value: the primary score that is expected of it on the sample track; None where it has none.
    """

    model: str
    value: float | None


def floors_of(task: Task, data_sha256: str | None = None) -> list[KnownFloor]:
    """The floors of a task: those with an expected score first, the best of them before others.

    Args:
        task: which task.
        data_sha256: scores on this data only; None for whatever simulated data they were made with.
    """
    names = {entries.baseline(n, task).name for n in entries.baseline_names(task) if is_floor(n)}
    scores = {
        model: one.value
        for (of, model), one in expectations().items()
        if of == task.name
        and one.task_digest == task.digest
        and data_sha256 in (None, one.data_sha256)
    }
    turn = direction(task.primary)
    order = sorted(names, key=lambda n: (n not in scores, -turn * scores.get(n, 0), n))
    return [KnownFloor(name, scores.get(name)) for name in order]


def better(metric: str, one: float, other: float) -> bool:
    """Whether one value of a metric, with its average, is better than another."""
    return direction(metric) * (one - other) > 0
