"""``bench reproduce``: a publication's rows run again, and what becomes of its claims."""

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
)

if TYPE_CHECKING:
    from bench.report.reproduction import Judged, Line, Reproduction


def verb(
    paper: Annotated[
        str | None,
        typer.Argument(
            help="Name of a publication, or path of its TOML file.  [default: list them]",
            autocompletion=complete.papers,
        ),
    ] = None,
    recorded: Annotated[
        bool,
        typer.Option("--recorded", help="Run nothing: show what is recorded and what is missing."),
    ] = False,
    track: Annotated[
        str,
        typer.Option(help="official or sample.", autocompletion=complete.tracks),
    ] = "sample",
    device: options.Device = "auto",
    precision: options.Precision = "32-true",
    seed: options.Seed = 0,
    seeds: options.Seeds = None,
    as_json: Json = False,
    results: Results = None,
    quiet: Quiet = False,
) -> None:
    """Run the rows of a publication's main experiment and judge its claims by the runs.

    Prints each row with the published value beside it, and for each claim whether it holds, doesn't
    hold or can't be told, by paired differences corrected for being several. What is recorded
    already isn't run again. Examples:

    bench reproduce

    bench reproduce hycot

    bench reproduce federated-transformers --track official --seeds 0-2
    """
    import dataclasses

    from bench.spec import paper as papers

    if paper is None:
        _list(as_json)
        return
    found = papers.load(paper)
    from bench.evaluate import reproduce
    from bench.evaluate import seeds as several
    from bench.report.reproduction import reproduction

    first_task, first_model = found.planned[0]
    asked = options.request(
        first_task, first_model, track, device, 1, 1, precision, seed, False, results
    )
    chosen = several.asked(seeds, seed) or [seed]
    with reporting(quiet) as report:
        if recorded:
            rows = reproduce.recorded(found, asked)
        else:
            rows = reproduce.run(found, asked, chosen, report)
    outcome = reproduction(found, track, rows.found, rows.refused)
    if as_json:
        print_json(dataclasses.asdict(outcome))
        return
    _show(outcome)


def _list(as_json: bool) -> None:
    from bench.spec import paper as papers

    found = [papers.load(name) for name in papers.names()]
    if as_json:
        print_json({"papers": [one.model_dump() for one in found]})
        return
    print_table(
        ["paper", "arXiv", "rows", "claims", "title"],
        [
            [one.name, one.arxiv, str(len(one.planned)), str(len(one.claims)), one.title]
            for one in found
        ],
        right=[2, 3],
    )


def _show(found: "Reproduction") -> None:
    print_line(f"{found.title} (arXiv:{found.arxiv}), {found.track} track")
    official = found.track == "official"
    print_line()
    print_table(
        ["task", "model", "metric", "rerun", "95 % interval", "published", "difference"],
        [_row(line) for line in found.lines],
        right=[3, 5],
    )
    for line in found.lines:
        if line.refused:
            print_line(f"not run: {line.model} on {line.task}: {line.refused:.300}")
    places = dict.fromkeys(line.place for line in found.lines if line.place)
    for place in places:
        differs = next(line.differs for line in found.lines if line.place == place)
        print_line(f"published: {place}{f'; differs: {differs}' if differs else ''}")
    if places and not official:
        print_line("published values are for the published data: not compared with simulated data")
    for claim in found.claims:
        print_line()
        _show_claim(claim)
    if found.absent:
        print_line()
        print_line("not part of this:")
    for what, why in found.absent:
        print_line(f"  {what}: {why}")
    if not official:
        print_line()
        print_line(
            "sample track: simulated data; a verdict says what comes out there, not whether the "
            "paper is right"
        )


def _row(line: "Line") -> list[str]:
    if line.difference is None:
        difference = ""
    else:
        bounds = interval(line.difference_low, line.difference_high)
        verdict = {True: "not told apart", False: "differs", None: ""}[line.agrees]
        difference = f"{number(line.difference)} {bounds} {verdict}".strip()
    return [
        line.task,
        line.model,
        line.metric,
        "-" if line.value is None else number(line.value),
        "" if line.low is None else interval(line.low, line.high),
        "" if line.published is None else number(line.published),
        difference,
    ]


def _show_claim(claim: "Judged") -> None:
    print_line(f"{claim.verdict}: {claim.says} ({claim.where})")
    if claim.missing:
        print_line(f"  without a run: {', '.join(claim.missing)}")
    if claim.pairs:
        print_table(
            ["", "", "better by" if claim.compares else "score", "95 % interval", "p", ""],
            [
                [
                    pair.first,
                    pair.second,
                    number(pair.value),
                    interval(pair.low, pair.high),
                    p_value(pair.p),
                    pair.verdict,
                ]
                for pair in claim.pairs
            ],
            right=[2],
        )
