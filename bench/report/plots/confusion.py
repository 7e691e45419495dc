"""Which classes a run takes for which, in percent of the reference class."""

import numpy as np

from bench import kinds
from bench.base.errors import RequestError
from bench.report.plots import chart
from bench.report.plots.chart import Chart
from bench.report.plots.selection import Selection, one_run

_NUMBERED = 20
"""Classes up to which the cells hold numbers."""


def figure(selection: Selection, drawn: Chart) -> None:
    """Draw the confusion matrix of a run, rows are references and sum to 100 %.

    Raises:
        RequestError: a task is named, or its samples haven't one class each.
        BenchError: the observations can't be read.
    """
    run = one_run(selection, "confusion")
    cells = kinds.of(selection.task).confusion(run.observations())
    if cells is None:
        raise RequestError(
            f"task {selection.task.name} is of kind {selection.task.kind}: its samples haven't one "
            "class of several each, which a confusion matrix needs",
            "--kind forest shows the scores of each class",
        )
    counts = cells.sum(axis=1)
    shares = 100 * cells / np.where(counts, counts, 1)[:, None]
    size = len(cells)
    inches = min(12.0, 2.8 + 0.34 * size)
    axes = drawn.axes(height=inches, width=inches + 0.8)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    names = [chart.name(name, 28) for name in selection.task.classes]
    shown = [f"{name} ({int(count):,})" for name, count in zip(names, counts, strict=True)]
    axes.set_xticks(range(size), names, rotation=90)
    axes.set_yticks(range(size), shown)
    axes.grid(visible=False)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("Reference (how many)")
    for row, column in np.argwhere(cells > 0) if size <= _NUMBERED else ():
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{share:.0f}" if share >= 0.5 else "<1",
            ha="center",
            va="center",
            fontsize=7,
            color="white" if share > 55 else "black",
        )
    drawn.figure.colorbar(image, ax=axes, shrink=0.6, label="% of the reference")
    chart.title(axes, selection.title)
