"""Scores over the number of labels that were learnt from, with 95 % intervals."""

from bench.base.errors import RequestError
from bench.report import label_curves
from bench.report.plots import chart
from bench.report.plots.chart import Chart
from bench.report.plots.selection import Selection


def figure(selection: Selection, drawn: Chart) -> None:
    """Draw a line for each entry that was trained with ``--labels``.

    Raises:
        RequestError: a run is named, or no entry learnt from subsets.
    """
    if selection.run is not None:
        raise RequestError(
            f"labels shows entries of a task, found the run {selection.run.name}",
            f"name the task: bench plot {selection.task.name} --kind labels",
        )
    known = [
        one
        for one in label_curves.of_results(selection.results)
        if one.task.name == selection.task.name
    ]
    found = label_curves.curves(known, selection.task, selection.track, selection.entries)
    axes = drawn.axes()
    for index, curve in enumerate(found):
        points = curve.points
        chart.band(
            axes,
            [point.samples for point in points],
            [point.value for point in points],
            [(point.low, point.high) for point in points],
            index,
            curve.entry,
        )
    sizes = {point.samples: point.size for curve in found for point in curve.points}
    axes.set_xscale("log")
    axes.set_xticks(sorted(sizes), [f"{at:,.0f}\n{sizes[at]}" for at in sorted(sizes)])
    axes.minorticks_off()
    axes.set_xlabel("Training samples with labels")
    chart.score(axes, selection.task.primary, along="y")
    chart.title(axes, selection.title)
    axes.legend()
