"""Figures of results by Matplotlib: ``bench.plot``, a function for each kind of figure.

Every function takes a run or a task and returns a `matplotlib.figure.Figure`, which a notebook
shows and ``savefig`` writes; nothing of Matplotlib's state is changed. They need the extra
``plots``.

>>> import bench, torch
>>> network = torch.nn.Sequential(
...     torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2, 19)
... )
>>> run = bench.run("reben-mlc", network, contract="s1", name="means", track="sample", limit=8)
>>> figure = bench.plot.forest(run)
>>> figure.savefig("forest.svg")
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from bench.api.asked import name_of_run, name_of_task, text
from bench.api.result import Run
from bench.base import process_state
from bench.base.paths import results_root

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.spec.task import Task

__all__ = [
    "benefit",
    "confusion",
    "curves",
    "figure",
    "forest",
    "kinds",
    "labels",
    "map",
    "noise",
    "rd",
]

Path = str | os.PathLike[str]
Track = Literal["official", "sample"]


def kinds() -> list[str]:
    """List the kinds of figures.

    >>> import bench
    >>> "forest" in bench.plot.kinds()
    True
    """
    from bench.report import plots

    return plots.kinds()


@process_state.restored(computes=False)
def figure(
    kind: str,
    about: "Path | Run | Task",
    *,
    entries: Sequence[str] = (),
    track: Track | None = None,
    metric: str | None = None,
    results: Path | None = None,
) -> "Figure":
    """Draw a figure of any kind.

    Args:
        kind: one of `kinds`.
        about: a run, its id or its folder; or a task, its name or its path.
        entries: of a task: only these, in this order.
        track: of a task: by default official where there are results, else sample.
        metric: by default the one that ranks.
        results: the results folder; by default ``$BENCH_RESULTS``, else ``results`` here.

    Raises:
        RequestError: a name is unknown, nothing is recorded that could be shown, or Matplotlib
            isn't installed.
        BenchError: a run or the database can't be read.
    """
    from bench.report import plots

    folder = results_root(text(results))
    named = _name(about)
    return plots.draw(kind, named, folder, entries=entries, track=track, metric=metric)


def forest(about: "Path | Run | Task", **options: Any) -> "Figure":
    """Draw scores with their 95 % intervals: entries of a task, or classes and groups of a run.

    Args:
        about: a run or a task.
        **options: as for `figure`.
    """
    return figure("forest", about, **options)


def curves(about: "Path | Run | Task", **options: Any) -> "Figure":
    """Draw loss and validation score by epoch of a run's training, or of all of a task.

    Args:
        about: a run or a task.
        **options: as for `figure`.
    """
    return figure("curves", about, **options)


def confusion(run: "Path | Run", **options: Any) -> "Figure":
    """Draw which classes a run takes for which, in percent of the reference class.

    Args:
        run: of a kind with one class for each image or pixel.
        **options: as for `figure`.
    """
    return figure("confusion", run, **options)


def rd(about: "Path | Run | Task", **options: Any) -> "Figure":
    """Draw rate-distortion curves: PSNR over bits per pixel and channel.

    Args:
        about: a run or a task of kind compression.
        **options: as for `figure`.
    """
    return figure("rd", about, **options)


def labels(task: "Path | Task", **options: Any) -> "Figure":
    """Draw scores over the number of labels that were learnt from.

    Args:
        task: whose entries were trained with ``--labels``.
        **options: as for `figure`.
    """
    return figure("labels", task, **options)


def benefit(task: "Path | Task" = "augmentation-consistency", **options: Any) -> "Figure":
    """Draw what training with each augmentation gains over how consistent it is.

    Args:
        task: ``augmentation-consistency`` or ``augmentation-benefit``, which are shown together.
        **options: as for `figure`.
    """
    return figure("benefit", task, **options)


def noise(task: "Path | Task", **options: Any) -> "Figure":
    """Draw scores over the share of labels that errors of maps make wrong.

    Args:
        task: whose entries were trained by maps with errors, by ``bench robustness --noise``.
        **options: as for `figure`.
    """
    return figure("noise", task, **options)


def map(run: "Path | Run", **options: Any) -> "Figure":  # noqa: A001
    """Show the pictures of a run: its predictions beside the reference.

    Args:
        run: of a kind that draws its samples.
        **options: as for `figure`.
    """
    return figure("map", run, **options)


def _name(about: "Path | Run | Task") -> str:
    """The name of a run or of a task."""
    if isinstance(about, Run | str | os.PathLike):
        return name_of_run(about)
    return name_of_task(about)
