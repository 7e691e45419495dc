"""``bench compare``: entries side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import _complete as complete
from bench.cli import _request as options
from bench.cli._console import (
    Json,
    Quiet,
    Results,
    interval,
    number,
    p_value,
    print_json,
    print_line,
    print_table,
    reporting,
    results_folder,
)

if TYPE_CHECKING:
    from bench.report.comparison import Comparison, Difference, PerSample
    from bench.report.leaderboard.floors import FloorComparison


def verb(
    entries: Annotated[
        list[str],
        typer.Argument(
            help="Two or more: entries with results on the task (NAME or NAME@HASH), or run ids.",
            autocompletion=complete.entries_and_runs,
        ),
    ],
    task: options.Task,
    track: Annotated[
        str | None,
        typer.Option(
            help="official or sample.  [default: official where all have it]",
            autocompletion=complete.tracks,
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="Such as f1_micro.  [default: the one that ranks]",
            autocompletion=complete.metrics,
        ),
    ] = None,
    as_json: Json = False,
    results: Results = None,
    quiet: Quiet = False,
) -> None:
    """Is one entry better than another, how sure is that, and where do they differ?

    Works on stored observations: no model, no GPU, no dataset. Runs of an entry with different
    seeds count together. With more than two entries: every pair, and who is tied. Example:

    bench compare resnet50-s2 resnet50-s1 --task reben-mlc
    """
    import dataclasses

    from bench.report.compare import compare
    from bench.report.leaderboard.floors import by_run

    folder = results_folder(results)
    with reporting(quiet) as report:
        found = compare(entries, task, folder, track, metric, report.progress)
    known = by_run(folder, found.task)
    floors = [known.get(side.runs[0]) for side in found.sides]
    if as_json:
        beside = [None if one is None else dataclasses.asdict(one) for one in floors]
        print_json(dataclasses.asdict(found) | {"floors": beside})
        return
    _head(found)
    if found.per_sample is None:
        _many(found)
    else:
        _two(found, found.per_sample)
    _floors(found, floors)
    print_line()
    if found.visible is not None:
        print_line(f"differences below {number(found.visible)} can't be seen here (power 0.8)")
    for text in (found.method, *found.remarks):
        print_line(text)
    if found.track == "sample":
        print_line("sample track: these numbers are for simulated data")


def _floors(found: "Comparison", floors: "Sequence[FloorComparison | None]") -> None:
    """Which entries can be told from the best floor of the task, by the metric that ranks."""
    others = {"better": "is better", "worse": "is worse", "tied": "isn't told apart from it"}
    said = [
        f"{side.name} {others[one.verdict]} ({p_value(one.p)})"
        for side, one in zip(found.sides, floors, strict=True)
        if one is not None and one.verdict != "floor"
    ]
    best = next((one for one in floors if one is not None), None)
    if best is not None and said:
        print_line(f"\nbest floor {best.floor}, {number(best.value)}: {'; '.join(said)}")


def _head(found: "Comparison") -> None:
    part = ", a part of the samples" if found.partial else ""
    drawn = f" in {found.units:,} {found.unit}s" if found.unit != "sample" else ""
    print_line(
        f"{found.task} version {found.version} ({found.digest[:12]}), {found.track} track{part}: "
        f"{found.metric} of {found.samples:,} samples{drawn}"
    )
    print_table(
        ["entry", found.metric, "95 % interval", "error: samples", "seeds", "seed", "run"],
        [
            [
                side.name,
                number(side.value),
                interval(side.low, side.high),
                number(side.unit_error),
                "unknown" if side.seed_error is None else number(side.seed_error),
                ", ".join(map(str, side.seeds)),
                "\n".join(side.runs),
            ]
            for side in found.sides
        ],
        right=[1, 3, 4],
    )


def _two(found: "Comparison", samples: "PerSample") -> None:
    first, second = (side.name for side in found.sides)
    (pair,) = found.pairs
    verdict = {
        "better": f"{first} is better than {second}",
        "worse": f"{first} is worse than {second}",
        "tied": f"{first} and {second} can't be told apart",
    }[pair.verdict]
    tiny = ", by so little that it hardly matters" if pair.tiny and pair.verdict != "tied" else ""
    print_line(f"\n{verdict}{tiny}")
    print_line(f"difference {_effect(pair)}, {p_value(pair.p)}")
    print_line(
        f"ahead on {samples.ahead:,} samples, behind on {samples.behind:,}, even on "
        f"{samples.even:,} ({samples.score})"
    )
    if samples.mcnemar is not None:
        print_line(
            f"McNemar {p_value(samples.mcnemar.exact)} exact, {_p(samples.mcnemar.mid)} mid-p"
        )
    if found.classes:
        print_line()
        _classes(found)
    for heading, rows in ((f"{first} ahead", samples.gains), (f"{second} ahead", samples.losses)):
        if rows:
            print_line()
            shown = [[name, number(one), number(other)] for name, one, other in rows]
            print_table([heading, first, second], shown, right=[1, 2])


def _classes(found: "Comparison") -> None:
    names = [side.name for side in found.sides]
    print_table(
        ["class", *names, "difference", "95 % interval", "p (Holm)", f"{names[0]} is"],
        [
            [
                one.label,
                *map(number, one.values),
                _signed(one.value),
                interval(one.low, one.high),
                _p(one.p_holm),
                _word(one),
            ]
            for one in found.classes
        ],
        right=[1, 2, 3, 5],
    )


def _many(found: "Comparison") -> None:
    order = sorted(range(len(found.sides)), key=lambda index: -found.sides[index].value)
    print_line()
    print_table(
        ["tier", "entry", found.metric, "rank"],
        [
            [
                found.tiers[index],
                found.sides[index].name,
                number(found.sides[index].value),
                "-".join(map(str, sorted(set(found.ranks[index])))),
            ]
            for index in order
        ],
        right=[0, 2],
    )
    print_line()
    print_table(
        ["entry", "against", "difference", "95 % interval", "p", "p (Holm)", "it is"],
        [
            [
                found.sides[pair.first].name,
                found.sides[pair.second].name,
                _signed(pair.value),
                interval(pair.low, pair.high),
                _p(pair.p),
                _p(pair.p_holm),
                _word(pair),
            ]
            for pair in found.pairs
        ],
        right=[2, 4, 5],
    )


def _word(found: "Difference") -> str:
    if found.verdict == "tied":
        return ""
    return f"{found.verdict}, tiny" if found.tiny else found.verdict


def _effect(found: "Difference") -> str:
    return f"{_signed(found.value)}, 95 % interval {interval(found.low, found.high)}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"


def _p(value: float | None) -> str:
    """A p-value for a table."""
    return "-" if value is None else "< 0.0001" if value < 1e-4 else f"{value:.4f}"
