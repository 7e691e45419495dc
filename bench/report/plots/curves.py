"""The training of a run, or of the entries of a task: loss and validation score by epoch."""

from collections.abc import Mapping, Sequence

from bench.base.errors import RequestError
from bench.metrics import titles
from bench.report.plots import chart
from bench.report.plots.chart import Chart
from bench.report.plots.selection import Selection
from bench.results.manifest import Manifest

_MOST = 10
"""Trainings in one figure; more lines can't be told apart."""


def figure(selection: Selection, drawn: Chart) -> None:
    """Draw the loss of each epoch above its validation score; the best epoch is marked.

    Raises:
        RequestError: no run that is meant has a log of its training, or there are too many.
    """
    trained = [(one, rows) for _, one in selection.newest() if (rows := history(one))]
    if not trained:
        about = (
            f"run {selection.run.name}" if selection.run else f"any run of {selection.task.name}"
        )
        raise RequestError(
            f"expected the log of a training in {about}, found none",
            "an entry that is trained epoch by epoch here has one; `bench run --force` repeats "
            "what an earlier version trained",
        )
    if len(trained) > _MOST:
        raise RequestError(
            f"{len(trained)} entries were trained, expected at most {_MOST}",
            "name some of them behind the task",
        )
    loss, validation = drawn.column(2, height=5.2)
    for index, (manifest, rows) in enumerate(trained):
        colour, label = chart.COLOURS[index % len(chart.COLOURS)], chart.name(manifest.entry.name)
        style = "-" if index < len(chart.COLOURS) else "--"
        loss.plot(*_points(rows, "training_loss"), style, color=colour, label=label)
        epochs, scores = _points(rows, "validation")
        validation.plot(epochs, scores, style, color=colour, marker=".", label=label)
        kept = manifest.entry.trained.validation if manifest.entry.trained else None
        if kept in scores:
            place = scores.index(kept)
            validation.plot(epochs[place], kept, "*", color=colour, markersize=11)
    loss.set_ylabel("Training loss")
    validation.set_ylabel(_selected(trained[0][0]))
    validation.set_xlabel("Epoch; a star marks the one that is kept")
    alone = f"{trained[0][0].entry.name}: " if len(trained) == 1 and not selection.run else ""
    chart.title(loss, alone + selection.title)
    if len(trained) > 1:
        loss.legend()


def history(manifest: Manifest) -> Sequence[Mapping[str, float | None]]:
    """The log of a run's training; nothing where it has none."""
    return manifest.entry.trained.history if manifest.entry.trained else []


def _points(
    rows: Sequence[Mapping[str, float | None]], column: str
) -> tuple[list[float], list[float]]:
    """Epochs, and what a column says of them."""
    pairs = [(row.get("epoch"), row.get(column)) for row in rows]
    known = [(x, y) for x, y in pairs if x is not None and y is not None]
    return [x for x, _ in known], [y for _, y in known]


def _selected(manifest: Manifest) -> str:
    """What the validation score is, in words."""
    trained = manifest.entry.trained
    by_loss = trained is not None and trained.recipe.get("select") == "loss"
    said = "loss" if by_loss else titles.title(manifest.task.primary)
    return f"Validation: {said}"
