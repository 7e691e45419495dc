"""``bench init``: an entry to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import _request as options
from bench.cli._console import print_line


def verb(
    name: Annotated[Path, typer.Argument(metavar="NAME", help="Of the entry, and of its folder.")],
    task: options.Task,
    predictions: Annotated[
        bool, typer.Option("--predictions", help="For a file of predictions instead of a model.")
    ] = False,
    architecture: Annotated[
        str | None,
        typer.Option(help="timm:NAME, open_clip:NAME or baseline:MODULE.CLASS."),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="Pixels a side of its input, in the open division where not the task's."),
    ] = None,
) -> None:
    """Write the folder of an entry, ready to be filled in.

    bench init my-entry --task reben-mlc
    """
    from bench.base.paths import shown
    from bench.spec import task as tasks
    from bench.submissions import template

    folder = shown(
        template.write(
            name, tasks.load(task), predicted=predictions, architecture=architecture, size=size
        )
    )
    print_line(f"wrote {folder}/entry.toml and {folder}/README.md")
    print_line(f"next: fill them in, then bench check {folder}")
