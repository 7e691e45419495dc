"""Label curves of a board: its entries on parts of the training samples."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.report.label_curves import Curve, Drawn, of_drawn
from bench.report.leaderboard.read import SUBSET, Result
from bench.report.leaderboard.words import Words, significant
from bench.spec import labels


@dataclass(frozen=True)
class LabelCurve:
    """The curve of an entrant.

    Attributes:
        result: one of its runs.
        curve: its points.
    """

    result: Result
    curve: Curve


def of_results(results: Sequence[Result]) -> list[LabelCurve]:
    """The curves of the entrants that learnt from a part of the samples, by name.

    Args:
        results: of one board.
    """
    groups: dict[tuple[str, ...], list[Result]] = defaultdict(list)
    for result in sorted(results, key=lambda one: (one.started, one.run)):
        if result.unranked in ("", SUBSET) and result.primary and result.facts.get("labels"):
            groups[result.entrant].append(result)
    found = []
    for members in groups.values():
        if not any(result.subset for result in members):
            continue
        assert members[0].primary is not None
        primary = f"{members[0].primary.metric}_{members[0].primary.average}"
        drawn = [one for one in map(_drawn, members) if one is not None]
        found += [LabelCurve(members[0], curve) for curve in of_drawn(primary, drawn)]
    return sorted(found, key=lambda one: (one.curve.entry, one.result.entrant))


def packed(found: Sequence[LabelCurve], rows: dict[str, int], words: Words) -> list[dict[str, Any]]:
    """The curves as the page carries them.

    Args:
        found: the curves of a board.
        rows: the row of each run on the board.
        words: where texts go.
    """
    return [
        {
            "entry": words(one.curve.entry),
            "inputs": words(one.result.inputs),
            "trust": words(one.result.trust),
            "area": _numbers(one.curve.area, one.curve.low, one.curve.high),
            "points": [
                [
                    words(point.size),
                    round(point.samples, 1),
                    point.draws,
                    *_numbers(point.value, point.low, point.high),
                    [rows[run] for run in point.runs if run in rows],
                ]
                for point in one.curve.points
            ],
        }
        for one in found
    ]


def _numbers(*values: float | None) -> list[float | None]:
    return [significant(value, 5) for value in values]


def _drawn(result: Result) -> Drawn | None:
    """None where its number of samples isn't known."""
    found, samples = labels.read(result.facts["labels"]), result.facts.get("learnt", "")
    if found is None or not samples.isdecimal() or not int(samples):
        return None
    return Drawn(result.base, found, int(samples), result.run, result.trained)
