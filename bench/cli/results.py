"""``bench results``: what is known."""

import csv
import sys
from typing import Annotated, Any

import typer

from bench.cli._console import (
    Json,
    Results,
    interval,
    number,
    print_json,
    print_table,
    results_folder,
)

app = typer.Typer(help="Show what is known; `rebuild` makes the database again.")

_QUERY = """
select r.task, r.entry, r.track, r.partial, m.metric || '_' || m.average as metric,
       m.value, m.low, m.high, m.samples, r.inputs, r.division, r.trust, r.seed, r.task_version,
       r.task_digest, r.started, r.run
from runs r join metrics m using (run)
where m.is_primary and (? is null or r.task = ?)
order by r.task, r.track, r.task_digest, r.partial, m.value desc nulls last, r.run
"""


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    task: Annotated[str | None, typer.Option("--task", help="Of one task only.")] = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV on stdout.")] = False,
    results: Results = None,
) -> None:
    """Show the primary score of every run, best first; official and sample never mixed."""
    if context.invoked_subcommand is not None:
        context.obj = results
        return
    rows = _rows(results_folder(results), task)
    if as_json:
        print_json({"results": rows})
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, rows[0].keys() if rows else ["task"])
        writer.writeheader()
        writer.writerows(rows)
    else:
        _print(rows)


@app.command()
def rebuild(context: typer.Context, results: Results = None) -> None:
    """Make the database again from the run folders."""
    from bench import store

    folder = results_folder(results or context.obj)
    count, faults = store.rebuild(folder)
    for fault in faults:
        print(f"left out: {fault}", file=sys.stderr)
    print(f"{store.database(folder)}: {count} runs, {len(faults)} left out")


def _rows(folder: Any, task: str | None) -> list[dict[str, Any]]:
    from bench import store

    with store.connect(folder, write=False) as connection:
        found = connection.execute(_QUERY, [task, task])
        names = [column[0] for column in found.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    for row in rows:
        row["started"] = row["started"].isoformat()
    return rows


def _print(rows: list[dict[str, Any]]) -> None:
    tables: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        group = (row["task"], row["task_version"], row["task_digest"], row["track"], row["partial"])
        tables.setdefault(group, []).append(row)
    if not rows:
        print("no results; `bench run --task reben-mlc --model resnet18` makes one")
    for (task, version, digest, track, partial), members in tables.items():
        part = ", partial runs (not ranked)" if partial else ""
        print(f"\n{task} version {version} ({digest[:12]}), {track} track{part}")
        print_table(
            [
                "entry",
                members[0]["metric"],
                "95 % interval",
                "samples",
                "inputs",
                "division",
                "trust",
                "seed",
                "run",
            ],
            [
                [
                    row["entry"],
                    number(row["value"]),
                    interval(row["low"], row["high"]),
                    f"{row['samples']:,}",
                    row["inputs"],
                    row["division"],
                    row["trust"],
                    row["seed"],
                    row["run"],
                ]
                for row in members
            ],
            right=[1, 3, 7],
        )
