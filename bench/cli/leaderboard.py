"""``bench leaderboard``: the results as one HTML page."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli._console import Results, print_line, results_folder


def verb(
    out: Annotated[Path, typer.Option("--out", help="The file to write.", metavar="FILE")] = Path(
        "leaderboard.html"
    ),
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    results: Results = None,
) -> None:
    """Make the leaderboard: one HTML file that needs no network and no server."""
    from bench.base.paths import shown
    from bench.report import leaderboard

    size = leaderboard.write(results_folder(results), out)
    print_line(f"{shown(out)}: {size / 1000:,.0f} kB")
    if show:
        import webbrowser

        webbrowser.open(out.as_uri())
