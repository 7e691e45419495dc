"""``bench score``: stored observations, scored again."""

from typing import Annotated

import typer

from bench.cli import _complete as complete
from bench.cli import _request as options
from bench.cli._console import Json, Results, print_json, results_folder


def verb(
    run: Annotated[
        str,
        typer.Argument(
            help="Run id, the beginning of one, or a run's folder.", autocompletion=complete.runs
        ),
    ],
    as_json: Json = False,
    results: Results = None,
) -> None:
    """Score the stored observations of a run again: no model, no GPU, no dataset.

    bench score reben-mlc.resnet50-s2.sample
    """
    from bench.evaluate import stages as evaluate
    from bench.results import runs

    folder = results_folder(results)
    found = runs.find(folder, run)
    inside = found.folder.resolve().parent == (folder / "runs").resolve()
    manifest = evaluate.score(found, folder if inside else None)
    if as_json:
        print_json(manifest)
    else:
        options.show(manifest, found.folder.parent.parent)
