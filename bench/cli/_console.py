"""What the verbs share: options, tables, progress, and text that can do no harm."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bench.evaluate import Report

Results = Annotated[
    Path | None,
    typer.Option(
        "--results",
        help="Folder of results.  [default: $BENCH_RESULTS, else ./results]",
        metavar="DIR",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no remarks.")]


def plain(text: str) -> str:
    """Text of any origin as printable characters: no terminal codes, no direction marks."""
    return "".join(
        c if c.isprintable() else " " if c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1))


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[int] = ()
) -> None:
    """A table on stdout, never cut when stdout is no terminal.

    Args:
        headings: of the columns.
        rows: values; shown as text, whatever they hold.
        right: indices of columns that are aligned to the right.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain("" if cell is None else str(cell))) for cell in row))
    width = None if sys.stdout.isatty() else 140
    Console(width=width, highlight=False, markup=False, emoji=False).print(table)


def number(value: float | None, digits: int = 4) -> str:
    """A number for a table; a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def interval(low: float | None, high: float | None) -> str:
    """An interval for a table."""
    return "-" if low is None or high is None else f"[{low:.4f}, {high:.4f}]"


@contextmanager
def reporting(quiet: bool) -> "Iterator[Report]":
    """A report on stderr: remarks as lines, and one bar with rate and time left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from bench.evaluate import Report

    if quiet:
        yield Report()
        return
    console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    bars: dict[str, Any] = {}
    begun: dict[str, tuple[float, int]] = {}

    def show(stage: str, done: int, total: int) -> None:
        # The first word names the stage; what follows changes while it runs.
        name = stage.split(maxsplit=1)[0]
        if name not in bars:
            bars[name] = progress.add_task(stage, total=total, rate="")
            begun[name] = (time.monotonic(), done)
        start, before = begun[name]
        seconds = time.monotonic() - start
        rate = f"{(done - before) / seconds:.0f}/s" if seconds > 1 else ""
        progress.update(
            bars[name], completed=done, total=total, description=plain(stage), rate=rate
        )

    with progress:
        yield Report(say=lambda text: console.print(plain(text)), progress=show)


def results_folder(named: Path | None) -> Path:
    """The folder of results that a verb works on."""
    from bench.paths import results_root

    return results_root(named)
