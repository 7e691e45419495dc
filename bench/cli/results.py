"""``bench results``: what is known."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.base import display
from bench.base.errors import BenchError, RequestError
from bench.base.paths import shown
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
from bench.cli._results_tables import cut, print_folds, print_results, print_worst_groups

if TYPE_CHECKING:
    import datetime

    from bench.report.folds import Summary
    from bench.report.leaderboard.floors import FloorComparison

app = typer.Typer(
    help="Show what is known; ask in SQL; export, import and rebuild what is behind it."
)

Task = Annotated[
    str | None,
    typer.Option("--task", help="Of one task only.", autocompletion=complete.tasks),
]
Entry = Annotated[
    str | None,
    typer.Option("--entry", help="Of one entry only.", autocompletion=complete.entries),
]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV on stdout.")]

_COLUMNS = [
    *("task", "entry", "track", "partial", "metric", "value", "low", "high", "samples", "inputs"),
    *("division", "trust", "seed", "task_version", "task_digest", "started", "altered"),
    *("degradation", "checked", "model", "trained_seed", "subset", "run"),
]

_ROWS = 200

_FORMATS = ("csv", "json", "eval-results", "model-index", "every-eval-ever")


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    task: Task = None,
    entry: Entry = None,
    track: Annotated[
        str | None,
        typer.Option("--track", help="official or sample only.", autocompletion=complete.tracks),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="Started on this day or later.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Started on this day or before.")
    ] = None,
    published: Annotated[
        bool, typer.Option("--reported", help="Show published numbers below, never ranked.")
    ] = False,
    as_json: Json = False,
    as_csv: Csv = False,
    results: Results = None,
) -> None:
    """Show the primary score of every run, best first; official and sample never mixed."""
    if context.invoked_subcommand is not None:
        context.obj = results
        return
    if track not in (None, "official", "sample"):
        raise RequestError(f"unknown track {track!r}", "use official or sample")
    if published and as_csv:
        raise RequestError(
            "--csv holds results of this harness only",
            '`bench results sql "from reported" --csv` writes the published numbers',
        )
    from bench.results import export as recorded

    folder = results_folder(results)
    recorded.require_task(folder, task)
    rows = _rows(
        folder, published, task=task, entry=entry, track=track, since=_day(since), until=_day(until)
    )
    beside = _reported(folder, task, entry) if published else []
    over_folds = _over_folds(folder, rows, task=task, entry=entry, track=track)
    floors = _floors(folder, task or "") if rows else {}
    if as_json:
        more = {"reported": beside} if published else {}
        beside_floors = {
            row["run"]: vars(floors[row["run"]]) for row in rows if row["run"] in floors
        }
        folds = [vars(found) for found in over_folds]
        print_json({"results": rows, "folds": folds, "floors": beside_floors} | more)
    elif as_csv:
        sys.stdout.write(display.as_csv(_COLUMNS, [[row[c] for c in _COLUMNS] for row in rows]))
    else:
        print_results(rows, beside, floors)
        if task is not None:
            for each in sorted({row["track"] for row in rows}):
                found = recorded.worst_groups(folder, task, each)
                print_worst_groups(one for one in found if entry in (None, one[1]))
        print_folds(over_folds)


@app.command()
def rebuild(context: typer.Context, results: Results = None) -> None:
    """Make the database again from the run folders and the files of published numbers."""
    from bench.results import integrity, store
    from bench.results.runs import Run

    folder = results_folder(results or context.obj)
    count, faults = store.rebuild(folder)
    for fault in faults:
        print_line(f"left out: {fault}", to_stderr=True)
    with store.connect(folder, write=False) as connection:
        altered = connection.execute("select run from runs where altered order by run").fetchall()
    for (name,) in altered:
        reasons = "; ".join(integrity.check(Run(folder / "runs" / name)).altered)
        print_line(f"altered, not ranked: run {name}: {reasons}", to_stderr=True)
    noted = f", {len(altered)} of them altered" if altered else ""
    print_line(f"{shown(store.database(folder))}: {count} runs{noted}, {len(faults)} left out")


@app.command()
def sql(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="One select statement, in DuckDB's SQL.")],
    as_json: Json = False,
    as_csv: Csv = False,
    results: Results = None,
) -> None:
    """Ask the database and the stored observations; nothing can be changed."""
    from bench.results.sql import ask

    limit = None if as_json or as_csv else _ROWS
    answer = ask(results_folder(results or context.obj), question, limit)
    for fault in answer.left_out:
        print_line(f"left out: {fault}", to_stderr=True)
    if as_json:
        rows = [[_value(cell) for cell in row] for row in answer.rows]
        print_json({"columns": answer.names, "rows": rows})
    elif as_csv:
        sys.stdout.write(display.as_csv(answer.names, answer.rows))
    else:
        print_table(answer.names, [[cut(cell) for cell in row] for row in answer.rows])
        if answer.more:
            print_line(f"the first {_ROWS} rows; --json or --csv give all", to_stderr=True)


@app.command()
def export(
    context: typer.Context,
    kind: Annotated[
        str,
        typer.Option(
            "--format",
            help="csv, json, eval-results, model-index or every-eval-ever (a folder).",
            autocompletion=complete.one_of(*_FORMATS),
        ),
    ] = "json",
    task: Task = None,
    entry: Entry = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PATH", help="Where to.  [default: stdout]"),
    ] = None,
    results: Results = None,
) -> None:
    """Write every score with interval and direction, or what a model's Hub repository shows."""
    from bench.base.files import write_bytes
    from bench.results import export as formats

    if kind not in _FORMATS:
        raise RequestError(f"unknown format {kind!r}", f"use {', '.join(_FORMATS)}")
    folder = results_folder(results or context.obj)
    formats.require_task(folder, task)
    if kind == "every-eval-ever":
        _write_records(folder, task, entry, out)
        return
    found = formats.rows(folder, task=task, entry=entry)
    left_out: list[str] = []
    if kind == "eval-results":
        text, left_out = formats.eval_results(found)
    else:
        text = {
            "csv": formats.as_csv,
            "json": formats.as_json,
            "model-index": formats.model_index,
        }[kind](found)
    for line in left_out:
        print_line(f"left out: {line}", to_stderr=True)
    if out is None:
        sys.stdout.write(text)
    else:
        write_bytes(out, text.encode())
        print_line(f"wrote {shown(out)}", to_stderr=True)


def _write_records(folder: Path, task: str | None, entry: str | None, out: Path | None) -> None:
    """Write records of Every Eval Ever, a file each, where its datastore keeps them."""
    from bench.base.files import write_json
    from bench.results import every_eval_ever

    if out is None:
        raise RequestError("every-eval-ever is a folder of files", "name it: --out DIR")
    found = every_eval_ever.records(folder, task=task, entry=entry)
    for path, record in found.items():
        write_json(out / path, record)
    print_line(f"wrote {len(found)} records below {shown(out)}", to_stderr=True)


@app.command()
def benefit(
    context: typer.Context,
    track: Annotated[
        str,
        typer.Option("--track", help="official or sample.", autocompletion=complete.tracks),
    ] = "sample",
    as_json: Json = False,
    results: Results = None,
) -> None:
    """Show what training with each augmentation gains, beside how consistent it is."""
    from bench.report.benefit import benefits, claim

    rows = benefits(results_folder(results or context.obj), track)
    if as_json:
        print_json({"benefits": [vars(row) for row in rows], "claim": claim(rows)})
        return
    verdicts = {None: "", True: "consistent", False: "inconsistent"}
    print_table(
        ["augmentation", "at", "ratio", "95 % interval", "", "gain", "95 % interval", "", "seeds"],
        [
            [
                row.name,
                f"{row.strength:g}",
                number(row.ratio),
                interval(row.ratio_low, row.ratio_high),
                verdicts[row.consistent],
                number(row.gain),
                interval(row.low, row.high),
                row.verdict,
                row.seeds,
            ]
            for row in rows
        ],
        right=[1, 2, 5, 8],
    )
    print_line(f"\n{claim(rows)}")


@app.command("import")
def take(
    context: typer.Context,
    source: Annotated[
        Path, typer.Argument(metavar="DIR", help="A results folder, its runs, or one run's folder.")
    ],
    results: Results = None,
) -> None:
    """Take in the run folders of another machine; checked first, nothing is overwritten."""
    from bench.results.import_runs import import_runs

    folder = results_folder(results or context.obj)
    found = import_runs(source, folder)
    for name in found.new:
        print_line(f"new: {name}")
    for line in found.refused:
        print_line(f"refused: {line}", to_stderr=True)
    print_line(f"{shown(folder)}: {len(found.new)} new, {len(found.known)} there already")
    if found.refused:
        raise BenchError(f"{len(found.refused)} runs were refused", "the lines above say why")


def _day(text: str | None) -> "datetime.date | None":
    import datetime

    try:
        return None if text is None else datetime.date.fromisoformat(text)
    except ValueError as error:
        raise RequestError(f"{text!r:.40} is no date", "write it as 2026-01-31") from error


def _rows(folder: Path, optional: bool, **wanted: Any) -> list[dict[str, Any]]:
    from bench.results import export, store

    if optional and not store.exists(folder):
        return []
    found = export.rows(folder, **wanted, primary=True)
    for row in found:
        row["metric"] = f"{row['metric']}_{row['average']}"
    return [{key: row[key] for key in _COLUMNS} for row in found]


def _floors(folder: Path, task: str) -> "dict[str, FloorComparison]":
    """How the entrant of each run compares with the best floor of its board, by run."""
    from bench.results import store
    from bench.spec.floors import PREFIX

    asked = "select 1 from runs where starts_with(entry, ?) and ? in ('', task) limit 1"
    with store.connect(folder, write=False) as connection:
        # Boards take a while where many runs are recorded, and NumPy to import.
        if not connection.execute(asked, [PREFIX, task]).fetchone():
            return {}
    from bench.report.leaderboard.floors import by_run

    return by_run(folder, task)


def _over_folds(
    folder: Path, rows: list[dict[str, Any]], *, task: str | None, **wanted: Any
) -> "list[Summary]":
    """Means over the folds of a task, of whichever fold it is; of every task without any."""
    from bench.report.folds import groups, summaries

    if task is not None:
        named = next((names for names in groups().values() if task in names), [])
        rows = [row for name in named for row in _rows(folder, True, task=name, **wanted)]
    return summaries(rows)


def _reported(folder: Path, task: str | None, entry: str | None) -> list[dict[str, Any]]:
    from bench.results import reported

    numbers, faults = reported.load(folder)
    for fault in faults:
        print_line(f"left out: {fault}", to_stderr=True)
    return [
        vars(number) | {"metric": f"{number.metric}_{number.average}"}
        for number in numbers
        if task in (None, number.task, *number.related) and entry in (None, number.entry)
    ]


def _value(cell: Any) -> Any:
    """A cell as JSON can hold it; NaN and infinity as null."""
    if isinstance(cell, float):
        return cell if cell - cell == 0 else None
    if cell is None or isinstance(cell, bool | int | str):
        return cell
    if isinstance(cell, list | tuple):
        return [_value(item) for item in cell]
    if isinstance(cell, dict):
        return {str(key): _value(item) for key, item in cell.items()}
    return str(cell)
