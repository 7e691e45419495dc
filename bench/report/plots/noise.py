"""Scores over the share of labels that errors of maps make wrong, beside methods without maps."""

from bench.base.errors import RequestError
from bench.report import label_curves, noise_curves
from bench.report.plots import chart
from bench.report.plots.chart import Chart
from bench.report.plots.selection import Selection


def figure(selection: Selection, drawn: Chart) -> None:
    """Draw a line for each kind of error, and a level with its interval for each other method.

    Raises:
        RequestError: a run is named, or nothing was trained by maps with errors.
    """
    if selection.run is not None:
        raise RequestError(
            f"noise shows entries of a task, found the run {selection.run.name}",
            f"name the task: bench plot {selection.task.name} --kind noise",
        )
    known = label_curves.of_results(selection.results)
    found = noise_curves.curves(known, selection.task, selection.track, selection.entries)
    axes = drawn.axes(height=4.8)
    for index, curve in enumerate(found.curves):
        # Errors of different kinds may make equally many labels wrong: points in order of that.
        points = sorted(curve.points, key=lambda point: point.wrong)
        chart.band(
            axes,
            [100 * point.wrong for point in points],
            [point.value for point in points],
            [(point.low, point.high) for point in points],
            index,
            f"{curve.entry}, {curve.noise}",
        )
    for place, level in enumerate(found.levels, len(found.curves)):
        colour = chart.COLOURS[place % len(chart.COLOURS)]
        style = "--" if place < len(chart.COLOURS) else ":"
        axes.axhline(
            level.value, color=colour, linestyle=style, linewidth=1, label=chart.name(level.entry)
        )
        if level.low is not None and level.high is not None:
            axes.axhspan(level.low, level.high, color=colour, alpha=0.06, linewidth=0)
    axes.set_xlabel("Labels that the maps make wrong, in percent of all")
    chart.score(axes, selection.task.primary, along="y")
    chart.title(axes, selection.title)
    axes.legend(fontsize=7)
