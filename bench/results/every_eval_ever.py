"""Results as records of Every Eval Ever, the shared format for results of evaluations.

One record for each run that may stand in public, at the path that its datastore wants:
``data/rs-bench/DEVELOPER/MODEL/UUID.json``. Schema: version 0.3.0 of the package
``every_eval_ever``, whose validator the tests run.
"""

import datetime
import hashlib
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import data
from bench.base import display
from bench.base.errors import RequestError
from bench.metrics import titles
from bench.metrics.scales import Scale, known
from bench.results import export, store
from bench.spec import declared

VERSION = "0.3.0"
"""Of the schema."""

COLLECTION = "rs-bench"
"""The name of the harness in the datastore, and of the developer of a model that names none."""

_HUB = re.compile(r"hf:(?P<developer>[\w.-]{1,96})/(?P<model>[\w.-]{1,96})(@.*)?", re.A)

_ABOUT = """
select run, coalesce(manifest ->> '$.entry.source', ''), harness_version,
       coalesce(manifest ->> '$.entry.licence', ''),
       coalesce(manifest ->> '$.entry.model.architecture', '')
from runs
"""

Row = export.Row
Record = dict[str, Any]


def records(
    results: Path, *, task: str | None = None, entry: str | None = None
) -> dict[str, Record]:
    """The record of each run on an official track that is whole, unaltered and verified.

    Args:
        results: the results folder.
        task: only of this task.
        entry: only of this entry.

    Returns:
        Records by their path in the datastore.

    Raises:
        RequestError: there is no such run.
        BenchError: there is no database.
    """
    runs: dict[str, list[Row]] = {}
    for row in export.rows(results, task=task, entry=entry):
        aggregate = not row["label"] and not row["slice"] and row["value"] is not None
        if aggregate and row["higher_is_better"] is not None and export.public(row):
            runs.setdefault(row["run"], []).append(row)
    if not runs:
        raise RequestError(
            "no complete result on an official track to export",
            "sample-track, partial, altered, degraded and unverified runs say too little",
        )
    with store.connect(results, write=False) as connection:
        about = {run: rest for run, *rest in connection.execute(_ABOUT).fetchall()}
    made = (_record(rows, *about[run]) for run, rows in sorted(runs.items()))
    return {_path(record): record for record in made}


def _record(rows: Sequence[Row], source: str, version: str, licence: str, built: str) -> Record:
    first = rows[0]
    found = _HUB.fullmatch(source)
    developer, model = found.group("developer", "model") if found else (COLLECTION, first["entry"])
    started = datetime.datetime.fromisoformat(first["started"]).replace(tzinfo=datetime.UTC)
    epoch = f"{started.timestamp():.0f}"
    name = f"{developer}/{_plain(model)}"
    measured = first["trust"] != "reported"
    return {
        "schema_version": VERSION,
        "evaluation_id": f"{COLLECTION}/{first['task']}/{name}/{first['run']}",
        "evaluation_timestamp": started.isoformat(),
        "retrieved_timestamp": epoch,
        "source_metadata": {
            "source_name": "rs-bench",
            "source_type": "evaluation_run" if measured else "documentation",
            "source_organization_name": COLLECTION,
            "evaluator_relationship": "third_party" if found and measured else "first_party",
            "additional_details": _texts(
                {"run": first["run"], "trust": first["trust"], "checked": first["checked"]}
            ),
        },
        "eval_library": {"name": "rs-bench", "version": version or "unknown"},
        "model_info": {
            "name": display.plain(first["entry"]),
            "id": name,
            "developer": developer,
            "additional_details": _texts(
                {
                    "deployment_type": "self_deployed" if measured else "unknown",
                    "model_availability": "open_weights" if found else "unknown",
                    "entry_digest": first["entry_digest"],
                    "architecture": built,
                    "licence": licence,
                    "inputs": first["inputs"],
                    "seed": first["seed"],
                }
            ),
        },
        "evaluation_results": [_result(row) for row in rows],
    }


def _result(row: Row) -> Record:
    scale = known(row["metric"])
    assert scale is not None
    metric = f"{row['metric']}_{row['average']}"
    score: Record = {
        "score": row["value"],
        "details": _texts({"ranks": row["is_primary"], "division": row["division"]}),
    }
    if row["low"] is not None and row["high"] is not None:
        score["uncertainty"] = {
            "confidence_interval": {
                "lower": row["low"],
                "upper": row["high"],
                "confidence_level": 0.95,
                "method": export.interval_method(row),
            },
            "num_samples": row["samples"],
        }
    return {
        "evaluation_result_id": f"{row['run']}/{metric}",
        "evaluation_name": f"{row['task']} version {row['task_version']}",
        "source_data": _source(row),
        "metric_config": {
            "evaluation_description": titles.title(metric),
            "metric_id": f"{COLLECTION}.{metric}",
            "metric_name": titles.title(metric),
            "metric_kind": row["metric"],
            "metric_unit": "proportion" if scale.unit == "fraction" else scale.unit,
            "lower_is_better": not scale.higher_is_better,
            "score_type": "continuous",
            **_bounds(scale),
        },
        "score_details": score,
    }


def _bounds(scale: Scale) -> Record:
    ends = {"min_score": scale.low, "max_score": scale.high}
    infinite = {math.inf: "Infinity", -math.inf: "-Infinity"}
    return {name: infinite.get(end, end) for name, end in ends.items()}


def _source(row: Row) -> Record:
    """Where the data of a task are from."""
    task = declared.tasks().get(row["task"], {})
    dataset = str(task.get("dataset", row["task"]))
    details = _texts({"split": task.get("split", ""), "task_digest": row["task_digest"]})
    url = str(data.declaration(dataset)["url"]) if dataset in data.declared() else ""
    place: Record = {"source_type": "url", "url": [url]} if url else {"source_type": "other"}
    return {"dataset_name": dataset, **place, "additional_details": details}


def _path(record: Record) -> str:
    """Where the datastore keeps a record; the same for the same run."""
    hashed = hashlib.sha256(record["evaluation_id"].encode()).digest()[:16]
    name = uuid.UUID(bytes=hashed, version=4)
    return f"data/{COLLECTION}/{record['model_info']['id']}/{name}.json"


def _plain(name: str) -> str:
    """A name that can be a folder on any system."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:96].strip(".") or "unnamed"


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    """Details as the schema wants them: text, none of it empty."""
    return {key: display.plain(str(value)) for key, value in values.items() if str(value)}
