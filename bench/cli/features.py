"""``bench features``: what encoders saw, kept on disk."""

from typing import Annotated

import typer

from bench.base.errors import RequestError
from bench.cli import _complete as complete
from bench.cli import _request as options
from bench.cli._console import (
    Json,
    Quiet,
    Results,
    print_json,
    print_line,
    print_table,
    reporting,
    results_folder,
)

app = typer.Typer(
    no_args_is_help=True, help="Features of encoders: extracted once, kept in the results folder."
)

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@app.command()
def make(
    task: options.Task,
    model: options.Model,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="What they are for, which says of pixels or images.",
            autocompletion=complete.methods,
        ),
    ] = "ridge",
    given: options.Input = None,
    normalisation: options.Normalisation = "checkpoint",
    track: options.Track = None,
    device: options.Device = "auto",
    precision: options.Precision = "32-true",
    results: Results = None,
    quiet: Quiet = False,
) -> None:
    """Extract the features of the training, validation and scored split; killed, it continues.

    bench features make --task reben-mlc --model timm:resnet18
    """
    from bench.evaluate import stages

    asked = options.request(
        task,
        model,
        track,
        device,
        1,
        1,
        precision,
        0,
        False,
        results,
        method=method,
        given=given,
        normalisation=normalisation,
    )
    with reporting(quiet) as report:
        made = stages.features(asked, report)
    for split, found in made.items():
        print_line(f"{split}: {len(found.samples):,} samples in {found.folder}")


@app.command("list")
def show(as_json: Json = False, results: Results = None) -> None:
    """List the features of the results folder, the last used first."""
    import datetime

    from bench.train import features

    found = features.listed(results_folder(results))
    if as_json:
        print_json([{**one, "folder": str(one["folder"])} for one in found])
        return
    if not found:
        print_line("no features: bench features make --task TASK --model ENCODER")
        return
    print_table(
        ["encoder", "level", "samples", "MB", "last used", "state", "folder"],
        [
            [
                str(one["name"]),
                str(one["level"]),
                f"{one['count']:,}",
                f"{one['bytes'] / 1e6:,.1f}",
                datetime.datetime.fromtimestamp(one["used"], datetime.UTC).strftime("%Y-%m-%d"),
                "whole" if one["whole"] else "begun",
                one["folder"].name,
            ]
            for one in found
        ],
        right=[2, 3],
    )


@app.command()
def drop(
    keep: Annotated[
        str, typer.Option(help="How much may stay, such as 500M or 20G; 0 removes all.")
    ],
    results: Results = None,
) -> None:
    """Remove features, those used least recently first, until so much is left.

    bench features drop --keep 20G
    """
    from bench.train import features

    removed = features.drop(results_folder(results), _bytes(keep))
    for folder in removed:
        print_line(f"removed {folder.name}")
    print_line(f"{len(removed)} removed")


def _bytes(text: str) -> int:
    number, unit = text.rstrip("KMGTkmgt"), text[len(text.rstrip("KMGTkmgt")) :].upper()
    try:
        found = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        found = -1
    if not 0 <= found < 1 << 60:
        raise RequestError(f"--keep {text[:40]!r}: expected a size", "such as 500M or 20G")
    return int(found)
