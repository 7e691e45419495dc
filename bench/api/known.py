"""Tasks, results, comparisons and the leaderboard: what reads results."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.api.asked import Progress, name_of_run, name_of_task, text
from bench.base import process_state
from bench.base.errors import RequestError, unknown
from bench.base.log import LOGGER
from bench.base.paths import absolute, results_root

if TYPE_CHECKING:
    import pandas as pd

    from bench.api.result import Run
    from bench.report.comparison import Comparison
    from bench.spec.task import Task

_RUN = (
    *("run", "task", "task_version", "entry", "track", "partial", "altered", "degradation"),
    *("checked", "inputs", "division", "trust", "seed", "trained_seed", "model", "started"),
)
_SCORE = ("value", "low", "high", "samples", "unit", "higher_is_better")
_LONG = ("metric", "average", "label", "slice", "primary", *_SCORE)
_REPORTED = (
    *("source", "published", "published_unit", "differs", "doubt", "url"),
    *("related", "why", "leaves_out"),
)
_TYPES = {
    **dict.fromkeys(("value", "low", "high", "published"), "float64"),
    **dict.fromkeys(("task_version", "samples", "seed", "trained_seed"), "Int64"),
    **dict.fromkeys(("partial", "altered", "higher_is_better", "primary"), "boolean"),
    "started": "datetime64[s]",
}


def _silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody asked for."""


@process_state.restored(computes=False)
def tasks(kind: str | None = None) -> "pd.DataFrame":
    """List the tasks.

    Args:
        kind: only those of one kind, such as ``retrieval``.

    Returns:
        A row for each: ``name``, ``kind``, ``dataset``, ``primary`` (the metric that ranks),
        ``tracks`` (a tuple of the tracks whose data is on this machine), ``version``, ``title``.

    Raises:
        RequestError: there is no such kind, or no task of it.

    >>> import bench
    >>> listed = bench.tasks(kind="multilabel")
    >>> listed.set_index("name").loc["reben-mlc", "primary"]
    'ap_macro'
    """
    import pandas as pd

    from bench.spec import listed

    rows, left_out = listed.rows(kind)
    for fault in left_out:
        LOGGER.warning("%s", fault)
    if kind is not None and not rows:
        from bench import kinds

        raise unknown("kind", kind, kinds.names(), "of which there are tasks")
    frame = pd.DataFrame(rows).rename(columns={"task": "name"})
    frame["tracks"] = frame["tracks"].map(tuple)
    return frame[["name", "kind", "dataset", "primary", "tracks", "version", "title"]]


@process_state.restored(computes=False)
def load_task(name: str | os.PathLike[str]) -> "Task":
    """Load the declaration of a task: its splits, inputs, classes, protocol and digest.

    Args:
        name: of a task that ships, or the path of a TOML file.

    Raises:
        RequestError: there is no such task, or its declaration is malformed.

    >>> import bench
    >>> task = bench.load_task("reben-mlc")
    >>> task.split, len(task.classes), task.inputs[0]
    ('test', 19, 's2')
    """
    from bench.spec import task

    return task.load(os.fspath(name))


@process_state.restored(computes=False)
def results(
    task: str | None = None,
    *,
    entry: str | None = None,
    track: Literal["official", "sample"] | None = None,
    format: Literal["wide", "long"] = "wide",  # noqa: A002
    reported: bool = False,
    results: str | os.PathLike[str] | None = None,
) -> "pd.DataFrame":
    """Read the recorded results.

    Best first within a task, track and version; partial, altered, degraded and unverified runs come
    after those that are ranked. Official and sample results aren't comparable: ``track`` parts
    them.

    Args:
        task: only of this task.
        entry: only of this entry.
        track: only of this track.
        format: ``wide`` for a row for each run with the score that ranks, ``long`` for a row for
            each score of each run, those of single classes and of groups of samples included.
        reported: add the numbers of publications, with ``trust`` ``reported`` and their
            ``source``; they were made under protocols of their own and are never ranked.
        results: the results folder; by default ``$BENCH_RESULTS``, else ``results`` here.

    Returns:
        Columns that name the run and the score, then ``value``, ``low`` and ``high`` (float64, the
        95 % interval, NaN where undefined), ``samples``, ``unit`` and ``higher_is_better``. No
        rows where nothing is recorded yet.

    Raises:
        RequestError: there is no such task, track or format.
        BenchError: the database can't be read.

    >>> import bench, torch
    >>> network = torch.nn.Sequential(
    ...     torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2, 19)
    ... )
    >>> run = bench.run("reben-mlc", network, contract="s1", name="means", track="sample", limit=8)
    >>> frame = bench.results(task="reben-mlc", entry="means")
    >>> frame.loc[0, ["entry", "track", "metric"]].tolist()
    ['means', 'sample', 'ap_macro']
    >>> len(bench.results(format="long")) > len(bench.results())
    True
    """
    import pandas as pd

    from bench.results import export, store
    from bench.results import reported as published

    for option, value, allowed in (
        ("track", track, ("official", "sample")),
        ("format", format, ("wide", "long")),
    ):
        if value is not None and value not in allowed:
            raise RequestError(f"unknown {option} {value!r:.100}", f"use {' or '.join(allowed)}")
    folder, wide = results_root(text(results)), format == "wide"
    export.require_task(folder, task)
    rows: list[dict[str, Any]] = []
    if store.exists(folder):
        rows = export.rows(folder, task=task, entry=entry, track=track, primary=wide)
    if wide:
        rows = [row | {"metric": f"{row['metric']}_{row['average']}"} for row in rows]
    beside: list[dict[str, Any]] = []
    if reported:
        numbers, faults = published.load(folder)
        for fault in faults:
            LOGGER.warning("left out: %s", fault)
        primary = _primaries() if wide else {}
        for number in numbers:
            if task not in (None, number.task, *number.related):
                continue
            if entry not in (None, number.entry):
                continue
            row = vars(number) | {"slice": "", "is_primary": None}
            if wide:
                row["metric"] = f"{number.metric}_{number.average}"
                if row["metric"] != primary.get(number.task) or number.label:
                    continue
            beside.append(row)
    columns = [*_RUN, *(("metric", *_SCORE) if wide else _LONG), *(_REPORTED if reported else ())]
    made = [{**row, "primary": row["is_primary"]} for row in (*rows, *beside)]
    frame = pd.DataFrame([[row.get(name) for name in columns] for row in made], columns=columns)
    return frame.astype({name: _TYPES[name] for name in columns if name in _TYPES})


def _primaries() -> dict[str, str]:
    """The metric that ranks, by the name of the task."""
    from bench.spec import declared

    return {name: raw["primary"] for name, raw in declared.tasks().items()}


@process_state.restored(computes=False)
def query(sql: str, *, results: str | os.PathLike[str] | None = None) -> "pd.DataFrame":
    """Ask the database of results and the stored observations in SQL; nothing can be changed.

    Args:
        sql: one ``select`` statement in DuckDB's SQL over ``runs``, ``metrics``, ``reported``,
            ``classes`` and ``observations_<task>``.
        results: the results folder; by default ``$BENCH_RESULTS``, else ``results`` here.

    Raises:
        RequestError: it isn't one select statement, or the database refuses it.
        BenchError: there is no database.

    >>> import bench, torch
    >>> network = torch.nn.Sequential(
    ...     torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2, 19)
    ... )
    >>> run = bench.run("reben-mlc", network, contract="s1", name="means", track="sample", limit=8)
    >>> int(bench.query("select count(*) as runs from runs where entry = 'means'").loc[0, "runs"])
    1
    """
    import pandas as pd

    from bench.results.sql import ask

    answer = ask(results_root(text(results)), sql)
    for fault in answer.left_out:
        LOGGER.warning("left out: %s", fault)
    return pd.DataFrame(answer.rows, columns=answer.names)


@process_state.restored(computes=False)
def compare(
    a: "str | os.PathLike[str] | Run",
    b: "str | os.PathLike[str] | Run",
    *more: "str | os.PathLike[str] | Run",
    task: "str | os.PathLike[str] | Task",
    track: Literal["official", "sample"] | None = None,
    metric: str | None = None,
    results: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> "Comparison":
    """Compare entries on the same samples: difference, 95 % interval and p-value of every pair.

    Works on stored observations: no model, no GPU, no dataset.

    Args:
        a: an entry with results on the task (``NAME`` or ``NAME@HASH``), a run, or its id. Runs of
            an entry with different seeds of training count together.
        b: another one.
        *more: others.
        task: name, path, or the task.
        track: by default official where all have it, else sample.
        metric: such as ``ap_macro``; by default the one that ranks.
        results: the results folder; by default ``$BENCH_RESULTS``, else ``results`` here.
        progress: called with a stage, how much of it is done, and how much there is.

    Returns:
        The comparison; its ``to_frame()`` has a row for each pair, ``to_frame("classes")`` one for
        each class and ``to_frame("entries")`` one for each entry.

    Raises:
        RequestError: a name is unknown, or the runs can't be compared.
        BenchError: a run can't be read.

    >>> import bench, torch
    >>> asked = {"task": "reben-mlc", "contract": "s1", "track": "sample", "limit": 40}
    >>> for name in ("one", "other"):
    ...     network = torch.nn.Sequential(
    ...         torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2, 19)
    ...     )
    ...     run = bench.run(model=network, name=name, **asked)
    >>> found = bench.compare("one", "other", task="reben-mlc")
    >>> found.metric, found.samples
    ('ap_macro', 40)
    >>> found.to_frame().loc[0, "first"]
    'one'
    """
    from bench.report import compare as comparing

    names = [name_of_run(one) for one in (a, b, *more)]
    folder = results_root(text(results))
    return comparing.compare(names, name_of_task(task), folder, track, metric, progress or _silent)


@process_state.restored(computes=False)
def curves(
    anchor: "str | os.PathLike[str] | Run",
    *others: "str | os.PathLike[str] | Run",
    task: "str | os.PathLike[str] | Task",
    rate: Literal["actual", "nominal"] = "actual",
    method: Literal["akima", "pchip", "cubic"] = "akima",
    track: Literal["official", "sample"] | None = None,
    results: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> "pd.DataFrame":
    """Draw rate-distortion curves, with BD-rate and BD-PSNR against the first codec.

    Works on stored observations of tasks of kind compression; intervals are over images.

    Args:
        anchor: an entry, a run or its id, as for `compare`.
        *others: those that are measured against it.
        task: name, path, or the task.
        rate: ``actual`` (bytes of the streams) or ``nominal`` (float32 latents).
        method: of interpolation.
        track: by default official where all have it, else sample.
        results: the results folder; by default ``$BENCH_RESULTS``, else ``results`` here.
        progress: called with a stage, how much of it is done, and how much there is.

    Returns:
        A row for each rate point, by rising rate: ``entry``, ``point``, ``rate`` (bits per pixel
        and channel), ``psnr`` (dB) with ``psnr_low`` and ``psnr_high``; and, the same in each row
        of an entry, ``bd_rate`` (percent) and ``bd_psnr`` (dB) with ``_low``, ``_high`` and the
        ``_overlap`` of both curves (0 to 1). ``attrs`` holds task, track, samples and remarks.

    Raises:
        RequestError: the task has no rates, or a name, rate or method is unknown.

    >>> import bench
    >>> bench.curves("jpeg2000", "ccsds123", task="reben-mlc")
    Traceback (most recent call last):
    ...
    bench.base.errors.RequestError: task reben-mlc is of kind multilabel, which has no rates \
(`bench list` shows the tasks of kind compression)
    """
    import pandas as pd

    from bench.report import curves as drawing

    if rate not in ("actual", "nominal"):
        raise RequestError(f"unknown rate {rate!r:.100}", "use actual or nominal")
    found = drawing.against(
        [name_of_run(one) for one in (anchor, *others)],
        name_of_task(task),
        results_root(text(results)),
        rate=rate,
        method=method,
        track=track,
        progress=progress or _silent,
    )
    rows: list[dict[str, Any]] = []
    for curve in found.curves:
        of_entry: dict[str, Any] = {
            **_bounded("bd_rate", curve.bd_rate),
            "bd_rate_overlap": curve.bd_rate_overlap,
            **_bounded("bd_psnr", curve.bd_psnr),
            "bd_psnr_overlap": curve.bd_psnr_overlap,
        }
        rows += [
            {"entry": curve.entry, "point": point, "rate": bits} | _bounded("psnr", psnr) | of_entry
            for point, bits, psnr in zip(curve.points, curve.rates, curve.psnr, strict=True)
        ]
    frame = pd.DataFrame(rows)
    frame = frame.astype(dict.fromkeys(frame.columns.difference(["entry", "point"]), "float64"))
    frame.attrs = {
        name: getattr(found, name)
        for name in ("task", "version", "track", "partial", "samples", "rate", "method", "remarks")
    }
    return frame


def _bounded(name: str, value: Any) -> dict[str, Any]:
    return {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}


@process_state.restored(computes=False)
def leaderboard(
    out: str | os.PathLike[str] = "leaderboard.html",
    *,
    results: str | os.PathLike[str] | None = None,
) -> Path:
    """Write the leaderboard: one HTML page that needs no network and no server.

    Args:
        out: the file to write.
        results: the results folder; by default ``$BENCH_RESULTS``, else ``results`` here.

    Returns:
        The file's absolute path.

    Raises:
        BenchError: there are no results, or the file can't be written.

    >>> import bench, torch
    >>> network = torch.nn.Sequential(
    ...     torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2, 19)
    ... )
    >>> run = bench.run("reben-mlc", network, contract="s1", name="means", track="sample", limit=8)
    >>> bench.leaderboard("page.html").name
    'page.html'
    """
    from bench.report import leaderboard as pages

    path = absolute(os.fspath(out))
    pages.write(results_root(text(results)), path)
    return path
