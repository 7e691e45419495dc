"""What ``bench robustness --degrade`` shows."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.cli._console import (
    interval,
    number,
    p_value,
    print_json,
    print_line,
    print_table,
    reporting,
)

if TYPE_CHECKING:
    from bench.evaluate.request import Request
    from bench.report.degradation_curves import Robustness


def run(asked: "Request", texts: Sequence[str], *, as_json: bool, quiet: bool) -> None:
    """Evaluate a model under the degradations that texts name, and show its scores.

    Raises:
        RequestError: a degradation is unknown, out of its range, or can't be had on the task.
        BenchError: a run failed.
    """
    from bench.evaluate import degraded

    wanted = degraded.parse_all(texts)
    with reporting(quiet) as report:
        found = degraded.run(asked, wanted, report)
    if as_json:
        print_json(dataclasses.asdict(found))
    else:
        _show(found)


def _show(found: "Robustness") -> None:
    """A table of the runs and one of the areas."""
    print_line(
        f"{found.entry} on {found.task}, {found.track} track: {found.samples:,} samples, open "
        "division, never ranked"
    )
    print_table(
        [
            *("images", found.metric, "95 % interval"),
            *("to clean", "95 % interval", "p", "run"),
        ],
        [
            [
                point.degradation or "clean",
                number(point.value),
                interval(point.low, point.high),
                *_compared(point),
                point.run,
            ]
            for point in found.points
        ],
        right=[1, 3],
    )
    if found.areas:
        print_line()
        print_table(
            [
                *("curve", "points", "area", "95 % interval"),
                *("to clean", "95 % interval", "p"),
            ],
            [
                [
                    f"{area.kind} {area.start:g} to {area.end:g} {area.unit}",
                    area.points,
                    number(area.area),
                    interval(area.low, area.high),
                    *_compared(area),
                ]
                for area in found.areas
            ],
            right=[1, 2, 4],
        )
    print_line(
        "\nareas are mean scores over the magnitude, clean images included; differences are "
        f"paired over {found.unit}s; p of the runs is adjusted for their number (Holm)"
    )
    if any(point.kind == "drop" for point in found.points):
        print_line(
            "drop: these bands, which the model asks for, were replaced by the mean of their "
            "statistics because that was asked for"
        )


def _compared(one: Any) -> list[str]:
    if one.difference is None:
        return ["", "", ""]
    return [
        f"{one.difference:+.4f}",
        interval(one.difference_low, one.difference_high),
        p_value(one.p).removeprefix("p = ").removeprefix("p "),
    ]
