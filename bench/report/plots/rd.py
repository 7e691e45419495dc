"""Rate and distortion of codecs: PSNR over bits per pixel and channel, with 95 % intervals."""

from bench.base.errors import RequestError
from bench.report import curves
from bench.report.competitors import Competitor
from bench.report.plots import chart
from bench.report.plots.chart import Chart
from bench.report.plots.selection import Selection

_MOST = 12
"""Codecs in one figure; more lines can't be told apart."""


def figure(selection: Selection, drawn: Chart) -> None:
    """Draw a line for each codec through its rate points; the rate is on a logarithmic scale.

    The newest run of each codec counts, and its rate points that another one of its own beats are
    left out. `bench curves` compares codecs on the same samples, with BD-rate.

    Raises:
        RequestError: the task has no rates, or no codec has a finite point.
        BenchError: the observations can't be read.
    """
    if selection.task.kind != "compression":
        raise RequestError(
            f"task {selection.task.name} is of kind {selection.task.kind}, which has no rates",
            "`bench list --kind compression` shows the tasks that have",
        )
    codecs = selection.newest()
    if len(codecs) > _MOST:
        raise RequestError(
            f"{len(codecs)} codecs have results, expected at most {_MOST}",
            "name some of them behind the task",
        )
    axes = drawn.axes(height=4.6)
    missing = []
    for index, (run, manifest) in enumerate(codecs):
        name = manifest.entry.name
        codec = Competitor(name, (run,), (manifest,))
        try:
            points = curves.points(selection.task, codec, "actual")
        except RequestError:
            # A codec without bytes; the others are worth showing.
            missing.append(name)
            continue
        qualities = [point.psnr for point in points]
        chart.band(
            axes,
            [point.rate for point in points],
            [one.value for one in qualities],
            [(one.low, one.high) for one in qualities],
            index,
            name,
        )
    if len(missing) == len(codecs):
        raise RequestError(
            f"none of {', '.join(missing)[:200]} has a point with a rate and a finite PSNR",
            "`bench curves --rate nominal` shows those of float32 latents",
        )
    chart.doubling(axes)
    axes.set_xlabel("Bits per pixel and channel (lower is better)")
    axes.set_ylabel("PSNR in dB (higher is better)")
    chart.title(axes, selection.title)
    axes.legend()
