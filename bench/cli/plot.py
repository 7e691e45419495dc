"""``bench plot``: a figure of a run or of a task."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import _complete as complete
from bench.cli._console import Results, print_line, results_folder


def verb(
    about: Annotated[
        str,
        typer.Argument(
            metavar="RUN|TASK",
            help="Run id, the beginning of one, or a run's folder; or name or path of a task.",
            autocompletion=complete.runs_and_tasks,
        ),
    ],
    entries: Annotated[
        list[str] | None,
        typer.Argument(
            help="Of a task: only these entries, in this order.", autocompletion=complete.entries
        ),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            help="forest (scores with intervals), curves (of the training), confusion, rd (rate "
            "and distortion), labels (scores over the number of labels), noise (scores over errors "
            "of maps), benefit (gains of augmentations over their consistency) or map (predicted "
            "beside reference).",
            autocompletion=complete.figures,
        ),
    ] = "forest",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="The file to write: .png, .svg or .pdf.  [default: NAME-KIND.png here]",
            metavar="FILE",
        ),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(
            "--track",
            help="Of a task: official or sample.  [default: official where there are results]",
            autocompletion=complete.tracks,
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            help="Of a run: such as f1_macro.  [default: the one that ranks]",
            autocompletion=complete.metrics,
        ),
    ] = None,
    results: Results = None,
) -> None:
    """Draw a figure of a run, or of the results of a task, by Matplotlib.

    bench plot reben-mlc --kind forest --out forest.svg
    """
    from bench.base.paths import shown
    from bench.report import plots

    file = out or Path.cwd() / f"{Path(about).stem[:100]}-{kind}.png"
    plots.check_file(file)
    folder = results_folder(results)
    figure = plots.draw(kind, about, folder, entries=entries or (), track=track, metric=metric)
    plots.write(figure, file)
    print_line(shown(file))
