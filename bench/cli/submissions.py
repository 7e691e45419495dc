"""``bench submissions``: what others handed in."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli._console import (
    Json,
    Quiet,
    Results,
    interval,
    number,
    print_json,
    print_line,
    print_table,
    reporting,
    results_folder,
)

if TYPE_CHECKING:
    from bench.submissions.sync import Found, Outcome

app = typer.Typer(
    no_args_is_help=True, help="Entries that others handed in: find, run, compare, list."
)

From = Annotated[
    Path | None,
    typer.Option("--from", metavar="DIR", help="Those whose manifests are below a folder."),
]
Tag = Annotated[
    str | None,
    typer.Option("--tag", help="Those on the Hub with a tag.  [default: rs-bench, unless --from]"),
]


@app.command()
def sync(
    source: From = None,
    tag: Tag = None,
    timeout: Annotated[
        int, typer.Option("--timeout", metavar="SECONDS", min=1, help="For each of them.")
    ] = 6 * 3600,
    memory: Annotated[
        int, typer.Option("--memory", metavar="GIB", min=1, help="For each of them.")
    ] = 32,
    as_json: Json = False,
    results: Results = None,
    quiet: Quiet = False,
) -> None:
    """Fetch submissions at one commit, check, run or score them again, compare with their claims.

    Each is run in a child without the Hub's token. Killed, the same command continues; what was
    processed is not done again. Example:

    bench submissions sync --from submissions
    """
    from bench.base.errors import BenchError
    from bench.submissions import sync as submissions
    from bench.submissions.sandbox import Limits

    folder = results_folder(results)
    with reporting(quiet) as report:
        wanted, faults = _wanted(source, tag or (None if source else "rs-bench"))
        outcomes = submissions.sync(
            wanted, folder, Limits(seconds=timeout, memory=memory << 30), report.say
        )
    _show(outcomes, faults, as_json)
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if failed or faults:
        raise BenchError(
            f"{len(failed)} submissions failed and {len(faults)} manifests can't be taken",
            "the others are recorded; the same command tries what failed again",
        )


@app.command("list")
def show(
    source: From = None, tag: Tag = None, as_json: Json = False, results: Results = None
) -> None:
    """Show what earlier syncs found; with --from or --tag, beside what is yet to be processed."""
    from bench.submissions import sync as submissions

    outcomes = submissions.known(results_folder(results))
    wanted, faults = _wanted(source, tag)
    there: set[tuple[str, str | None]] = {(o.repo, o.revision) for o in outcomes}
    # Which commit a tag leads to takes a question for each; that some commit is known, none.
    there |= {(outcome.repo, None) for outcome in outcomes}
    new = [found for found in wanted if (found.repo, found.revision) not in there]
    _show(outcomes, faults, as_json, new)


def _wanted(source: Path | None, tag: str | None) -> tuple[list["Found"], list[str]]:
    from bench.submissions import sync as submissions

    found, faults = submissions.listed(source) if source else ([], [])
    return found + (submissions.tagged(tag) if tag else []), faults


def _show(
    outcomes: Sequence["Outcome"],
    faults: Sequence[str],
    as_json: bool,
    new: Sequence["Found"] = (),
) -> None:
    if as_json:
        waiting = [{"repo": found.repo, "revision": found.revision} for found in new]
        print_json(
            {"submissions": [asdict(o) for o in outcomes], "new": waiting, "unread": list(faults)}
        )
        return
    rows = [
        [
            f"{outcome.repo}@{outcome.revision[:12]}",
            outcome.entry,
            outcome.task,
            outcome.track,
            outcome.metric,
            number(outcome.claimed),
            number(outcome.value),
            interval(outcome.low, outcome.high),
            outcome.trust,
            outcome.state,
        ]
        for outcome in outcomes
    ]
    for found in new:
        revision = f"@{found.revision[:12]}" if found.revision else ""
        rows.append([f"{found.repo}{revision}", *[""] * 4, "-", "-", "-", "", "new"])
    headings = ["repository", "entry", "task", "track", "metric", "claimed", "found"]
    print_table([*headings, "95 % interval", "trust", "claim"], rows, right=[5, 6])
    for outcome in outcomes:
        if outcome.reason:
            print_line(f"{outcome.repo}: {outcome.reason}")
    for fault in faults:
        print_line(f"left out: {fault}")
