"""What figures share: their style, their colours, their axes. The only module with Matplotlib."""

import io
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.base import display
from bench.metrics import titles

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Those of Okabe and Ito, which people who don't see all colours tell apart."""

MARKERS = "osD^vPX"
QUIET = "#767676"
LABEL = 48
"""Most characters of a name that stands beside an axis."""

_WIDTH = 7.0
_NOTE = 15
"""Characters of the note in an inch."""

_STYLE: Any = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.titlelocation": "left",
    "figure.constrained_layout.use": True,
    "font.size": 9.0,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "bench",
    # Names are anybody's: a dollar sign begins no formula.
    "text.parse_math": False,
}


def style() -> AbstractContextManager[None]:
    """The style of all figures, for as long as the context lasts."""
    return mpl.rc_context(_STYLE)


class _Shown(Figure):
    """A figure that a notebook shows, without pyplot and its state."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        with style():
            self.savefig(stream, format="png", dpi=110)
        return stream.getvalue()


class Chart:
    """A figure with one pair of axes, or several side by side.

    Attributes:
        figure: Matplotlib's.
    """

    def __init__(self) -> None:
        self.figure: Figure = _Shown(figsize=(_WIDTH, 4.2))

    def axes(self, *, height: float = 4.2, width: float = _WIDTH) -> Axes:
        """The only axes.

        Args:
            height: of the figure, in inches.
            width: the same.
        """
        self.figure.set_size_inches(width, height)
        made: Axes = self.figure.subplots()
        return made

    def column(self, count: int, *, height: float) -> list[Axes]:
        """Axes below each other that share the horizontal axis."""
        self.figure.set_size_inches(_WIDTH, height)
        made = self.figure.subplots(count, 1, sharex=True, squeeze=False)
        return [row[0] for row in made]

    def finish(self, note: str) -> None:
        """Say below the figure what a reader must know of it."""
        wide = int(self.figure.get_figwidth() * _NOTE)
        text = "\n".join(textwrap.wrap(display.plain(note), wide))
        self.figure.supxlabel(text, x=0.01, ha="left", fontsize=7, color=QUIET)


def name(text: str, limit: int = LABEL) -> str:
    """A name of any origin, as it stands in a figure."""
    return display.shown(text, limit)


def title(axes: Axes, text: str) -> None:
    """Say above the axes what is shown."""
    axes.set_title(display.shown(text, 90), fontsize=10)


def score(axes: Axes, metric: str, *, along: str = "x") -> None:
    """Label an axis with a score in words, its unit and direction."""
    said = titles.title(metric)
    meaning = titles.meaning(metric)
    text = f"{said} ({meaning})" if meaning else said
    (axes.set_xlabel if along == "x" else axes.set_ylabel)(text[:1].upper() + text[1:])


def doubling(axes: Axes) -> None:
    """Make the horizontal axis logarithmic, with a tick at each power of two as a plain number."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def band(
    axes: Axes,
    x: Sequence[float],
    values: Sequence[float | None],
    bounds: Sequence[tuple[float | None, float | None]],
    index: int,
    label: str,
) -> None:
    """A line through points with their intervals.

    Args:
        axes: where.
        x: where the points are.
        values: their heights; None leaves a point out.
        bounds: low and high of each; None where that isn't known.
        index: of the line among others, which says how it looks.
        label: of the line.
    """
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    there = [(at, value) for at, value in enumerate(values) if value is not None]
    axes.plot(
        [x[at] for at, _ in there],
        [value for _, value in there],
        marker=marker,
        markersize=4,
        linewidth=1.4,
        color=colour,
        label=name(label),
    )
    for at, _ in there:
        low, high = bounds[at]
        if low is not None and high is not None:
            axes.vlines(x[at], low, high, color=colour, alpha=0.5, linewidth=2)
