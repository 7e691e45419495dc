"""What training with each augmentation gains, over how consistent it is, with 95 % intervals."""

from bench.base.errors import RequestError
from bench.kinds.consistency.scores import RECONSTRUCTION
from bench.metrics import titles
from bench.report import benefit
from bench.report.plots import chart
from bench.report.plots.chart import Chart
from bench.report.plots.selection import Selection
from bench.spec import task as tasks


def figure(selection: Selection, drawn: Chart) -> None:
    """Draw a point for each augmentation that was trained with and measured at that magnitude.

    Raises:
        RequestError: another task or a run is named, or none was both trained with and measured.
    """
    if selection.run is not None or selection.task.name not in (benefit.TASK, benefit.CONSISTENCY):
        raise RequestError(
            f"benefit shows the tasks {benefit.CONSISTENCY} and {benefit.TASK} together, found "
            f"{selection.run.name if selection.run else selection.task.name}",
            f"bench plot {benefit.CONSISTENCY} --kind benefit",
        )
    rows = benefit.benefits(selection.results, selection.track)
    shown = [row for row in rows if row.ratio is not None and row.gain is not None]
    if not shown:
        raise RequestError(
            f"no augmentation that was trained with has a score of {benefit.CONSISTENCY}",
            f"bench run --task {benefit.CONSISTENCY} --model grayscale, and the same of others",
        )
    axes = drawn.axes(height=4.8)
    tolerance = float(tasks.load(benefit.CONSISTENCY).settings["tolerance"])
    axes.axvline(1 + tolerance, color=chart.QUIET, linestyle="--", linewidth=1)
    axes.axhline(0, color=chart.QUIET, linewidth=1)
    named = set[bool]()
    for row in shown:
        x, y = float(row.ratio or 0), float(row.gain or 0)
        consistent = bool(row.consistent)
        index = 2 if consistent else 1
        colour = chart.COLOURS[index]
        said = "consistent" if consistent else "inconsistent"
        # Only the first of each stands in the legend.
        label = f"_{said}" if consistent in named else said
        named.add(consistent)
        axes.plot(x, y, chart.MARKERS[index], color=colour, markersize=5, label=label)
        if row.low is not None and row.high is not None:
            axes.vlines(x, row.low, row.high, color=colour, alpha=0.5, linewidth=1.5)
        if row.ratio_low is not None and row.ratio_high is not None:
            axes.hlines(y, row.ratio_low, row.ratio_high, color=colour, alpha=0.5, linewidth=1.5)
        axes.annotate(
            chart.name(f"{row.name} {row.strength:g}"),
            (x, y),
            (4, 4),
            textcoords="offset points",
            fontsize=7,
        )
    axes.set_xlabel(
        f"Deviation of augmented over original signatures; {1 + tolerance:g} and below is "
        "consistent"
    )
    metric = titles.title(tasks.load(benefit.TASK).primary)
    axes.set_ylabel(f"{metric[:1].upper()}{metric[1:]} with the augmentation less that without")
    left = len(rows) - len(shown)
    unmeasured = f" ({left} of {len(rows)} not measured)" if left else ""
    chart.title(axes, f"Benefit of augmentations over their consistency{unmeasured}")
    axes.legend(title=chart.name(RECONSTRUCTION, 120), title_fontsize=6, fontsize=7)
