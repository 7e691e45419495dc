"""Several folds of one dataset as one number: the mean over them and how far they spread.

The folds of a task share most of their training samples, so the spread says how much scores differ
from fold to fold and is no interval for the mean.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, NamedTuple

from bench.metrics.scales import direction
from bench.results.trainings import Made, differ
from bench.spec import declared


def groups() -> dict[str, list[str]]:
    """The tasks that ship with several folds, by the first one's name; it comes first.

    Declarations aren't validated: whoever looks at results needn't wait for that.
    """
    found: dict[str, list[str]] = {}
    for name, raw in declared.tasks().items():
        if first := raw.get("folds_of"):
            found.setdefault(first, [first]).append(name)
    return found


@dataclass(frozen=True)
class Summary:
    """An entry on the folds of a task.

    Attributes:
        task: the first fold's, whose name stands for all.
        track, entry, inputs, division, trust, metric: what the runs have in common.
        verified: whether their splits were held to something published.
        folds: how many folds have a score.
        of: how many there are.
        mean: over the folds that have one; of several trainings on a fold, their mean counts.
        std: standard deviation over these folds, with folds - 1.
        note: on which folds the name stands for several models, whose mean is no entry's score.
    """

    task: str
    track: str
    entry: str
    inputs: str
    division: str
    trust: str
    metric: str
    verified: bool
    folds: int
    of: int
    mean: float
    std: float
    note: str = ""


class _Common(NamedTuple):
    task: str
    track: str
    entry: str
    inputs: str
    division: str
    trust: str
    metric: str
    verified: bool


def summaries(rows: Iterable[Mapping[str, Any]]) -> list[Summary]:
    """The entries with a score on two or more folds; complete ones first, then by their mean.

    Args:
        rows: primary scores, with ``task``, ``task_digest``, ``track``, ``entry``, ``inputs``,
            ``division``, ``trust``, ``model``, ``trained_seed``, ``started``, ``checked``,
            ``partial``, ``altered``, ``subset``, ``degradation``, ``metric`` (as a task's
            ``primary``) and ``value``. Of the runs of one model the newest counts; those that
            aren't ranked, or are of an earlier version of their task, don't.
    """
    known = groups()
    first_of = {name: first for first, named in known.items() for name in named}
    ordered = sorted(rows, key=lambda row: row["started"])
    present = {row["task"] for row in ordered} & set(first_of)
    if not present:
        return []
    # Slow to import, and few results are of folds.
    from bench.spec import task as tasks

    digests = {name: tasks.load(name).digest for name in present}
    found: dict[_Common, dict[str, dict[Made, float]]] = defaultdict(dict)
    for row in ordered:
        name, value = row["task"], row["value"]
        apart = row["partial"] or row["altered"] or row["subset"] or row["degradation"]
        unranked = apart or value is None
        if unranked or digests.get(name) != row["task_digest"]:
            continue
        fields = {
            field: row[field] for field in _Common._fields if field not in ("task", "verified")
        }
        verified = row["checked"] != "unverified"
        common = _Common(task=first_of[name], verified=verified, **fields)
        made = Made(row["model"], row["trained_seed"])
        found[common].setdefault(name, {})[made] = value
    summed = []
    for common, by_fold in found.items():
        if len(by_fold) > 1:
            values = [fmean(models.values()) for models in by_fold.values()]
            whole = len(known[common.task])
            torn = [name for name, models in by_fold.items() if differ(list(models))]
            note = f"several models of this name on {', '.join(torn)}" if torn else ""
            mean, std = fmean(values), stdev(values)
            summed.append(Summary(*common, len(values), whole, mean, std, note))
    return sorted(summed, key=_order)


def _order(summary: Summary) -> tuple[Any, ...]:
    missing, sign = summary.of - summary.folds, direction(summary.metric)
    return (
        summary.task,
        summary.track,
        not summary.verified,
        missing,
        -sign * summary.mean,
        summary.entry,
    )
