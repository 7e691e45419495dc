"""Results for other programs: CSV, JSON with a schema, and the two YAML formats of the Hub."""

import datetime
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base import display
from bench.base.errors import RequestError, unknown
from bench.metrics.scales import known
from bench.results import store
from bench.spec import declared
from bench.spec.labels import subset
from bench.spec.score import GAP, WORST, Score

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

SCHEMA = Path(__file__).with_name("results.schema.json")
"""The JSON Schema of the JSON format."""

NAMESPACE = "rs-bench"
"""The Hub organisation under which tasks are named in ``.eval_results``."""

_COLUMNS = """
r.run, r.task, r.task_version, r.task_digest, r.kind, r.track, r.checked, r.partial, r.altered,
r.entry, r.entry_digest, r.inputs, r.division, r.trust, r.seed,
case when r.trust = 'rerun' then r.entry_digest
  else coalesce(r.manifest ->> '$.observations_sha256', r.entry_digest) end as model,
r.manifest ->> '$.entry.labels' as subset,
try_cast(r.manifest ->> '$.entry.trained.seed' as bigint) as trained_seed, r.started,
m.metric, m.average, m.label, m.slice, m.value, m.low, m.high, m.samples, m.is_primary, m.classes,
m.units, m.sampling_unit, coalesce(r.manifest ->> '$.degradation.name', '') as degradation
"""

_HUB_TASKS = {"multilabel": "image-classification", "segmentation": "image-segmentation"}

Row = dict[str, Any]


def rows(
    results: Path,
    *,
    task: str | None = None,
    entry: str | None = None,
    track: str | None = None,
    since: datetime.date | None = None,
    until: datetime.date | None = None,
    primary: bool = False,
) -> list[Row]:
    """Every recorded score that fits, a dict each, with its unit and direction.

    Best first within a task, track, digest and completeness; altered runs and subsets last.
    ``subset`` is the part of the training samples that was learnt from, empty for all.

    Args:
        results: the results folder.
        task: only of this task.
        entry: only of this entry.
        track: only of this track.
        since: the first day (UTC) on which a run was started.
        until: the last one.
        primary: only the scores that rank.

    Raises:
        BenchError: there is no database.
    """
    wanted = {
        "r.task = ?": task,
        "r.entry = ?": entry,
        "r.track = ?": track,
        "r.started >= ?": since,
        "r.started < ?": None if until is None else until + datetime.timedelta(days=1),
    }
    asked = {text: value for text, value in wanted.items() if value is not None}
    where = " and ".join(["true", *asked, *(["m.is_primary"] if primary else [])])
    query = f"select {_COLUMNS} from runs r join metrics m using (run) where {where}"
    with store.connect(results, write=False) as connection:
        found = connection.execute(query, list(asked.values()))
        names = [column[0] for column in found.description or []]
        made = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    for row in made:
        scale = known(row["metric"])
        row["unit"] = scale.unit if scale else None
        row["higher_is_better"] = scale.higher_is_better if scale else None
        row["started"] = row["started"].isoformat()
        row["subset"] = subset(row["subset"])
    return sorted(made, key=_rank)


def worst_groups(results: Path, task: str, track: str) -> list[tuple[str, str, Score]]:
    """The worst groups that runs of a task have, each with its run and entry, as they are ranked.

    Args:
        results: the results folder.
        task: its name.
        track: ``official`` or ``sample``.
    """
    if not store.exists(results):
        return []
    query = """
    select r.run, r.entry, m.metric, m.average, m.label, m.value, m.low, m.high, m.samples, m.slice,
           m.classes, m.units, m.sampling_unit
    from metrics m join runs r using (run)
    where r.task = ? and r.track = ? and (ends_with(m.slice, ?) or ends_with(m.slice, ?))
          and not r.partial and not r.altered and (r.manifest ->> '$.degradation.name') is null
    order by r.entry, r.run, m.slice
    """
    with store.connect(results, write=False) as connection:
        found = connection.execute(query, [task, track, WORST, GAP]).fetchall()
    return [(run, entry, Score(*numbers)) for run, entry, *numbers in found]


def require_task(results: Path, task: str | None) -> None:
    """Refuse the name of a task that neither ships with the harness nor has results.

    Raises:
        RequestError: it is such a name.
    """
    known = set(declared.tasks())
    if task is None or task in known:
        return
    if store.exists(results):
        with store.connect(results, write=False) as connection:
            found = connection.execute("select distinct task from runs").fetchall()
        known.update(name for (name,) in found)
    if task not in known:
        raise unknown("task", task, known)


def _rank(row: Row) -> tuple[Any, ...]:
    sign = -1 if row["higher_is_better"] else 1
    ranks = row["value"] is not None and row["higher_is_better"] is not None
    value = sign * row["value"] if ranks else float("inf")
    unverified = row["checked"] == "unverified"
    track = (row["task"], row["track"], unverified, row["task_digest"])
    apart = row["partial"], row["altered"], row["degradation"], row["subset"] != ""
    group = (*track, *apart)
    named = (not row["is_primary"], row["slice"], row["metric"], row["average"])
    return (*group, *named, value, row["run"], row["label"])


def as_csv(found: Sequence[Row]) -> str:
    """A line for each score, with a heading."""
    names = list(found[0]) if found else ["run"]
    return display.as_csv(names, [list(row.values()) for row in found])


def as_json(found: Sequence[Row]) -> str:
    """An object for each run, as ``results.schema.json`` describes it."""
    runs: dict[str, Row] = {}
    for row in found:
        run = runs.setdefault(row["run"], {**_run(row), "metrics": []})
        run["metrics"].append(_metric(row))
    document = {"format": "rs-bench-results", "version": 1, "runs": list(runs.values())}
    return display.as_json(document) + "\n"


def _run(row: Row) -> Row:
    return {
        "run": row["run"],
        "task": {
            "name": row["task"],
            "version": row["task_version"],
            "digest": row["task_digest"],
            "kind": row["kind"],
        },
        "entry": {"name": row["entry"], "digest": row["entry_digest"]},
        **{
            key: row[key]
            for key in (
                "track",
                "checked",
                "partial",
                "altered",
                "degradation",
                "inputs",
                "division",
                "trust",
                "seed",
            )
        },
        "started": row["started"] + "Z",
    }


def _metric(row: Row) -> Row:
    bounds = None
    if row["low"] is not None and row["high"] is not None:
        method = interval_method(row)
        bounds = {"low": row["low"], "high": row["high"], "level": 0.95, "method": method}
    return {
        "name": f"{row['metric']}_{row['average']}",
        **{key: row[key] for key in ("label", "slice", "value")},
        "interval": bounds,
        **{key: row[key] for key in ("samples", "classes", "unit", "higher_is_better")},
        "primary": row["is_primary"],
    }


def interval_method(row: Row) -> str:
    """How the interval of a score came to be."""
    # Runs that were scored by an earlier version have no units.
    return "bootstrap" if row["units"] is None else "jackknife"


def public(row: Row) -> bool:
    """Whether a score may stand in public: of a whole, verified run on an official track."""
    apart = row["partial"] or row["altered"] or row["degradation"]
    return row["track"] == "official" and not apart and row["checked"] != "unverified"


def eval_results(found: Sequence[Row]) -> tuple[str, list[str]]:
    """YAML for a model repository's ``.eval_results``: one number for each task, its latest run.

    The format states no direction, so a metric of which less is better, or of unknown direction, is
    left out.

    Returns:
        The YAML, and what was left out and why.

    Raises:
        RequestError: nothing is left, or the scores are of several entries.
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
    from huggingface_hub.utils import yaml_dump  # type: ignore[attr-defined]

    entries, left_out = [], []
    for row in _latest(found):
        name = f"{row['metric']}_{row['average']}"
        if row["higher_is_better"] is not True:
            left_out.append(f"{row['task']}: of {name}, less is better or the direction unknown")
            continue
        entries.append(
            EvalResultEntry(
                dataset_id=f"{NAMESPACE}/{row['task']}",
                task_id=name,
                value=row["value"],
                date=row["started"] + "Z",
                notes=_notes(row),
            )
        )
    if not entries:
        raise RequestError("nothing to export: " + "; ".join(left_out))
    return yaml_dump(eval_result_entries_to_yaml(entries)), left_out


def model_index(found: Sequence[Row]) -> str:
    """YAML for a model card's ``model-index``: the aggregate scores of each task's latest run.

    Raises:
        RequestError: there is nothing to export, or the scores are of several entries.
    """
    from huggingface_hub import ModelCardData

    evaluated = evaluations(found)
    name = display.plain(found[0]["entry"])
    data = ModelCardData(model_name=name, eval_results=evaluated)
    return data.to_yaml() + "\n"


def evaluations(found: Sequence[Row]) -> "list[EvalResult]":
    """The aggregate scores of each task's latest run, as a model card holds them.

    Raises:
        RequestError: there is nothing to export, or the scores are of several entries.
    """
    from huggingface_hub import EvalResult

    latest = {row["run"] for row in _latest(found)}
    return [
        EvalResult(
            task_type=str(_HUB_TASKS.get(row["kind"], row["kind"])),
            dataset_type=f"{NAMESPACE}/{row['task']}",
            dataset_name=f"{row['task']} version {row['task_version']}",
            metric_type=f"{row['metric']}_{row['average']}",
            metric_value=row["value"],
            metric_name=_notes(row),
        )
        for row in map(_legible, found)
        if row["run"] in latest and not row["slice"] and not row["label"]
        if row["value"] is not None
    ]


def _latest(found: Iterable[Row]) -> list[Row]:
    """The primary score of each task's latest run that may stand in public, of one entry."""
    fit = [
        _legible(row)
        for row in found
        if row["is_primary"] and row["value"] is not None and public(row)
    ]
    names = sorted({row["entry"] for row in fit})
    if not names:
        raise RequestError(
            "no complete result on an official track to export",
            "sample-track, partial, altered, degraded and unverified runs say too little",
        )
    if len(names) > 1:
        raise RequestError(
            f"these are the results of {len(names)} entries: {', '.join(names)[:200]}",
            "a model repository speaks of one model: name it with --entry",
        )
    newest: dict[str, Row] = {}
    for row in sorted(fit, key=lambda row: (row["started"], row["run"])):
        newest[row["task"]] = row
    return [newest[task] for task in sorted(newest)]


def _legible(row: Row) -> Row:
    """A row whose text may stand in YAML, which leaves direction marks as they are."""
    return {
        key: display.plain(cell) if isinstance(cell, str) else cell for key, cell in row.items()
    }


def _notes(row: Row) -> str:
    bounds = ""
    if row["low"] is not None and row["high"] is not None:
        bounds = f", 95 % interval [{row['low']:.4f}, {row['high']:.4f}]"
    return (
        f"{row['metric']}_{row['average']} of {row['samples']} samples{bounds}; task version "
        f"{row['task_version']}, {row['inputs']}, {row['division']} division, {row['trust']}, "
        f"seed {row['seed']}, run {row['run']}"
    )
