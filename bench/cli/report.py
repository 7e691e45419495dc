"""``bench report``: what a publication's comparison comes to, from recorded runs."""

from typing import Annotated

import typer

from bench.base.errors import RequestError
from bench.cli import _complete as complete
from bench.cli._console import (
    Json,
    Results,
    interval,
    number,
    print_json,
    print_line,
    print_table,
    results_folder,
)

app = typer.Typer(
    help="Show what a publication's comparison comes to, from recorded runs.",
    no_args_is_help=True,
)

_LEGEND = (
    "robustness: the score by how clients hold images: pooled (one client), ds1 (at random), ds2 "
    "(a country), ds3 (a country in one season), lists1 to lists3 (as published); drop: less that "
    "of ds1, or of lists1, paired by the units of the test",
    "local training cost: samples and GMAC of a client in a round, mean over clients; seconds of a "
    "round, clients one after the other where one process ran them",
    "aggregation cost: numbers that a client shares; what all send and receive in a round; seconds "
    "in which the server averages",
    "costs are those of ds2 where it is recorded, else of the first scenario; --json has all of "
    "them, the intervals of scores and the p-values of drops",
)


@app.callback()
def _group() -> None:
    """A group of its own, although it has one command so far."""


@app.command()
def federated(
    task: Annotated[
        str,
        typer.Option("--task", help="A task of kind federated.", autocompletion=complete.tasks),
    ] = "reben-federated",
    track: Annotated[
        str | None,
        typer.Option(
            "--track",
            help="official or sample.  [default: official where there are runs]",
            autocompletion=complete.tracks,
        ),
    ] = None,
    as_json: Json = False,
    results: Results = None,
) -> None:
    """Show federated networks by robustness, local training cost and aggregation cost.

    A row for each network and algorithm: the score in each scenario that is recorded and how far
    it falls where clients hold less and less alike images; what a client computes in a round; what
    is sent and averaged in one. Examples:

    bench run --task reben-federated --model convmixer-fedavg-ds1

    bench run --task reben-federated --model convmixer-fedavg-ds3

    bench report federated
    """
    import dataclasses

    from bench.report.federated import SCENARIOS, report
    from bench.spec import task as tasks

    if track not in (None, "official", "sample"):
        raise RequestError(f"unknown track {track!r:.40}", "use official or sample")
    found = report(results_folder(results), tasks.load(task), track)
    if as_json:
        print_json(dataclasses.asdict(found))
        return
    print_line(
        f"{found.task} version {found.version} ({found.digest[:12]}), {found.track} track: "
        f"{found.samples:,} samples, {found.metric}"
    )
    print_line()
    there = {level.scenario for row in found.rows for level in row.levels}
    fallen = {
        level.scenario for row in found.rows for level in row.levels if level.drop is not None
    }
    scenarios = [one for one in SCENARIOS if one in there]
    headings = ["network", "algorithm"]
    for one in scenarios:
        headings += [one, *(["drop", "95 % interval"] if one in fallen else [])]
    right = [
        place for place, heading in enumerate(headings) if place > 1 and heading != "95 % interval"
    ]
    costs = ["samples", "GMAC", "s a round", "M shared", "MB a round", "averaging s"]
    right += range(len(headings), len(headings) + len(costs))
    rows = []
    for row in found.rows:
        cells = [row.network, row.algorithm]
        for one in scenarios:
            level = row.level(one)
            cells.append(number(level.value if level else None))
            if one in fallen:
                cells.append(number(level.drop if level else None))
                bounds = (level.drop_low, level.drop_high) if level else (None, None)
                cells.append(interval(*bounds))
        cost = row.cost
        cells += [
            f"{cost.samples:,.0f}",
            f"{cost.macs / 1e9:,.3f}",
            f"{cost.seconds:,.1f}",
            f"{row.parameters / 1e6:,.2f}",
            f"{cost.bytes / 1e6:,.2f}",
            number(cost.averaging),
        ]
        rows.append(cells)
    print_table([*headings, *costs], rows, right=right)
    print_line()
    for line in _LEGEND:
        print_line(line)
    for remark in found.remarks:
        print_line(remark)
    if found.track == "sample":
        print_line("sample track: these numbers are for simulated data")
