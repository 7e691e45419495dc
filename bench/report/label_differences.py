"""Two entries that learnt from the same subsets, paired by subset and by test sample."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.base.errors import RequestError, unknown
from bench.metrics import stats
from bench.report.estimate import Trained
from bench.report.label_curves import Drawn, subsets_of
from bench.results.manifest import Manifest
from bench.spec.task import Task


@dataclass(frozen=True)
class Difference:
    """How much an entry scores above the first one, with one number of labels.

    Attributes:
        entry: its name without the number of labels.
        size: such as ``10%``.
        draws: subsets that both learnt from.
        value: the mean difference over draws.
        low, high: its 95 % interval over draws and units of test samples; None where unknown.
        p: of no difference; None where unknown.
    """

    entry: str
    size: str
    draws: int
    value: float
    low: float | None
    high: float | None
    p: float | None


def differences(
    manifests: Sequence[Manifest], task: Task, track: str, names: Sequence[str]
) -> list[Difference]:
    """The differences of entries to the first of them, for each number of labels that both have.

    The spread over draws is that of the differences on the same subset, and the spread over units
    is that of the mean difference without each unit.

    Args:
        manifests: of complete runs.
        task: whose runs count.
        track: whose runs count.
        names: of the entries without the number of labels, at least two.

    Raises:
        RequestError: an entry has no such runs, or shares no subset with the first.
    """
    groups: dict[str, dict[str, dict[int, Drawn]]] = {}
    for one in subsets_of(manifests, task, track):
        by_size = groups.setdefault(one.entry, {})
        by_size.setdefault(one.labels.size, {})[one.labels.draw] = one
    for name in names:
        if name not in groups:
            raise unknown("entry with label subsets", name, groups, f"on task {task.name}")
    first, *others = names
    found = []
    for name in others:
        shared = []
        for size, draws in groups[first].items():
            there = groups[name].get(size, {})
            pairs = [
                (draws[draw].trained, there[draw].trained)
                for draw in sorted(draws.keys() & there.keys())
            ]
            known = [(a, b) for a, b in pairs if a is not None and b is not None]
            if known:
                shared.append((draws[min(draws)].samples, _difference(name, size, known)))
        if not shared:
            raise RequestError(
                f"{first} and {name} learnt from no subset that is the same",
                "train both with the same --labels and --draws",
            )
        found += [one for _, one in sorted(shared, key=lambda pair: pair[0])]
    return found


def _difference(name: str, size: str, pairs: Sequence[tuple[Trained, Trained]]) -> Difference:
    each = np.array([other.value - first.value for first, other in pairs])
    value = float(each.mean())
    bases = {
        (run.samples, run.unit, run.units, len(run.left_out)) for pair in pairs for run in pair
    }
    units = len(pairs[0][0].left_out)
    if len(bases) > 1 or units < stats.FEWEST_UNITS:
        return Difference(name, size, len(pairs), value, None, None, None)
    without = np.mean(
        [np.subtract(other.left_out, first.left_out) for first, other in pairs], axis=0
    )
    spread = stats.together(stats.spread_over_units(without), stats.spread_over_seeds(each))
    low, high = stats.interval(value, spread)
    p = float(stats.p_value(value, spread))
    return Difference(name, size, len(pairs), value, float(low), float(high), p)
