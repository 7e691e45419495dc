"""Figures of results by Matplotlib: a module for each kind of figure, found by its name.

Such a module has a function ``figure(selection, drawn)`` that draws a
`bench.report.plots.selection.Selection` on a `bench.report.plots.chart.Chart`. The first line of
the module's docstring says what it shows. Modules of `_SHARED` are no kinds.
"""

import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base import extras
from bench.base.errors import RequestError, unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHARED = {"chart", "selection"}

FORMATS = ("png", "svg", "pdf")
"""What a figure is written as, by the suffix of its file."""


def kinds() -> list[str]:
    """The names of all kinds of figures."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in names if name not in _SHARED)


def draw(
    kind: str,
    about: str,
    results: Path,
    *,
    entries: Sequence[str] = (),
    track: str | None = None,
    metric: str | None = None,
) -> "Figure":
    """Draw a figure of a run or of a task.

    Args:
        kind: one of `kinds`.
        about: the id of a run, the beginning of one or its folder; or the name or path of a task.
        results: the results folder.
        entries: of a task: only these, in this order; by default all that can be shown.
        track: of a task: ``official`` or ``sample``; by default official where there are results.
        metric: what is shown; by default the metric that ranks.

    Returns:
        The figure; nothing of Matplotlib's state is changed.

    Raises:
        RequestError: a name is unknown, nothing is recorded that the kind could show, or Matplotlib
            isn't installed.
        BenchError: a run or the database can't be read.
    """
    if kind not in kinds():
        raise unknown("kind of figure", kind, kinds())
    extras.require("plots", "drawing a figure")
    from bench.report.plots import chart
    from bench.report.plots import selection as selections

    selection = selections.find(about, results, entries, track, metric)
    module = importlib.import_module(f"{__name__}.{kind}")
    with chart.style():
        drawn = chart.Chart()
        module.figure(selection, drawn)
        drawn.finish(selection.note)
    return drawn.figure


def check_file(out: Path) -> None:
    """Refuse a file that no figure can be written to.

    Raises:
        RequestError: its suffix isn't one of `FORMATS`, or its folder doesn't exist.
    """
    if out.suffix.lower().lstrip(".") not in FORMATS:
        raise RequestError(
            f"{out.name} ends with {out.suffix or 'no suffix'}, expected "
            f"{', '.join(f'.{name}' for name in FORMATS)}",
            "the suffix says what is written",
        )
    if not out.parent.is_dir():
        raise RequestError(f"there is no folder {out.parent}", "make it, or name another file")


def write(figure: "Figure", out: Path) -> None:
    """Write a figure to a file, as its suffix says; equal figures give equal files.

    Raises:
        RequestError: as `check_file`.
        BenchError: the file can't be written.
    """
    import io

    from bench.base.files import write_bytes
    from bench.report.plots import chart

    check_file(out)
    form = out.suffix.lower().lstrip(".")
    # When it was made would make each file another one.
    unsaid = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
    stream = io.BytesIO()
    with chart.style():
        figure.savefig(stream, format=form, metadata=unsaid)
    write_bytes(out, stream.getvalue())
