"""What the verbs share: options, tables, progress, and text that can do no harm."""

import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.base.display import as_json, plain
from bench.cli import _complete as complete

if TYPE_CHECKING:
    from bench.evaluate.reporting import Report

Results = Annotated[
    Path | None,
    typer.Option(
        "--results",
        help="Folder of results.  [default: $BENCH_RESULTS, else ./results]",
        metavar="DIR",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
RunName = Annotated[
    str,
    typer.Argument(
        help="Run id, the beginning of one, or a run's folder.", autocompletion=complete.runs
    ),
]
_GAP = "   "
_RULE = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
_WIDEST_RULE = 120

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no remarks.")]


def print_line(text: str = "", *, to_stderr: bool = False) -> None:
    """A line of text of any origin; ends of lines before and after it give empty ones."""
    line = text.strip("\n")
    before, _, after = text.partition(line) if line else ("", "", "")
    print(before + plain(line) + after, file=sys.stderr if to_stderr else sys.stdout)


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    print(as_json(value, ascii_only=not _takes(_RULE)))


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[int] = ()
) -> None:
    """A table on stdout; folded to the width of a terminal, never cut or folded elsewhere.

    Args:
        headings: of the columns.
        rows: values; shown as text, whatever they hold.
        right: indices of columns that are aligned to the right.
    """
    lines = [list(map(plain, headings))]
    lines += [[plain("" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    whole = sum(widths) + len(_GAP) * (len(widths) - 1)
    if sys.stdout.isatty() and whole > shutil.get_terminal_size().columns:
        _print_folded(lines, right)
        return
    for number_of, line in enumerate(lines):
        cells = []
        for index, (cell, width) in enumerate(zip(line, widths, strict=True)):
            space = " " * (width - _width(cell))
            cells.append(space + cell if index in right else cell + space)
        print(_GAP.join(cells).rstrip())
        if number_of == 0:
            print((_RULE if _takes(_RULE) else "-") * min(whole, _WIDEST_RULE))


def _takes(character: str) -> bool:
    """Whether stdout's encoding has a character."""
    try:
        character.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _print_folded(lines: Sequence[Sequence[str]], right: Sequence[int]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, heading in enumerate(lines[0]):
        table.add_column(heading, justify="right" if index in right else "left", overflow="fold")
    for line in lines[1:]:
        table.add_row(*map(Text, line))
    Console(highlight=False, markup=False, emoji=False).print(table)


def number(value: float | None, digits: int = 4) -> str:
    """A number for a table; a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def interval(low: float | None, high: float | None) -> str:
    """An interval for a table."""
    return "-" if low is None or high is None else f"[{low:.4f}, {high:.4f}]"


def p_value(value: float | None) -> str:
    """A p-value in a sentence."""
    if value is None:
        return "p unknown"
    return "p < 0.0001" if value < 1e-4 else f"p = {value:.4f}"


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

    from bench.evaluate.reporting import Report

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

    with progress, _logged(console.print):
        yield Report(progress=show)


@contextmanager
def _logged(show: Callable[[str], None]) -> Iterator[None]:
    """Show what is logged meanwhile, a line each, as the harness says it."""
    from bench.base.log import LOGGER

    handler = _Handler(show)
    before = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.setLevel(before)
        LOGGER.removeHandler(handler)


class _Handler(logging.Handler):
    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record."""
        self._show(plain(record.getMessage()))


def results_folder(named: Path | None) -> Path:
    """The folder of results that a verb works on."""
    from bench.base.paths import results_root

    return results_root(named)
