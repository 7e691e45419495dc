import csv
import datetime
import io
import json

import pytest
import yaml
from huggingface_hub import ModelCardData, parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results

from bench.base.errors import BenchError, RequestError
from bench.results import export, store
from tests.fabricated import fabricate

OFFICIAL = {"track": "official"}
LOW = {"metric": "rmse", "average": "pixels", "label": "", "slice": "", "samples": 3}


def recorded(results, *runs):
    store.record(results, *[run for run, *_ in runs])
    return export.rows(results)


def fits(value, schema):
    """What of JSON Schema `results.schema.json` uses, by hand; the paths of what doesn't fit."""
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
        "null": type(None),
    }
    known = {"$schema", "title", "description", "format", "type", "const", "enum", "anyOf"}
    known |= {"properties", "required", "additionalProperties", "items", "minLength", "minimum"}
    assert schema.keys() <= known
    faults = []
    if "type" in schema:
        wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        is_one = any(
            isinstance(value, kinds[kind]) and (kind == "boolean" or not isinstance(value, bool))
            for kind in wanted
        )
        if not is_one:
            return [f": {value!r} is no {wanted}"]
    if "const" in schema and value != schema["const"]:
        faults.append(f": {value!r} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        faults.append(f": {value!r} is none of {schema['enum']}")
    if "anyOf" in schema and all(fits(value, one) for one in schema["anyOf"]):
        faults.append(f": {value!r} fits nothing")
    if "minimum" in schema and value < schema["minimum"]:
        faults.append(f": {value} is too small")
    if "minLength" in schema and len(value) < schema["minLength"]:
        faults.append(": too short")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        faults += [f".{key} is missing" for key in schema.get("required", []) if key not in value]
        if schema.get("additionalProperties") is False:
            faults += [f".{key} is unknown" for key in value if key not in properties]
        for key, inner in properties.items():
            if key in value:
                faults += [f".{key}{fault}" for fault in fits(value[key], inner)]
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            faults += [f"[{index}]{fault}" for fault in fits(item, schema["items"])]
    return faults


@pytest.fixture
def found(tmp_path):
    bounded = {"metric": "ap", "average": "macro", "label": "", "slice": "", "samples": 6}
    scores = [
        bounded | {"value": 0.75, "low": 0.5, "high": 0.875},
        bounded
        | {"average": "classes", "label": 'A, "b"\nc', "value": None, "low": None}
        | {"high": None},
        bounded | {"slice": "country=Portugal", "value": 1, "low": 0.5, "high": 1.0},
        bounded | {"metric": "charm", "value": 12.5, "low": None, "high": None},
    ]
    return recorded(
        tmp_path,
        fabricate(tmp_path, "a", entry="net", scores=scores, **OFFICIAL),
        fabricate(tmp_path, "b", entry="other"),
    )


def test_json_is_what_its_schema_says(found):
    schema = json.loads(export.SCHEMA.read_text(encoding="utf-8"))
    document = json.loads(export.as_json(found))
    assert fits(document, schema) == []
    runs = {run["run"]: run for run in document["runs"]}
    assert runs.keys() == {"a", "b"}
    metrics = {(m["name"], m["label"], m["slice"]): m for m in runs["a"]["metrics"]}
    assert len(metrics) == 4
    assert metrics["ap_macro", "", ""] == {
        "name": "ap_macro",
        "label": "",
        "slice": "",
        "value": 0.75,
        "interval": {"low": 0.5, "high": 0.875, "level": 0.95, "method": "bootstrap"},
        "samples": 6,
        "classes": None,
        "unit": "fraction",
        "higher_is_better": True,
        "primary": True,
    }
    assert metrics["ap_classes", 'A, "b"\nc', ""]["value"] is None
    assert metrics["charm_macro", "", ""]["higher_is_better"] is None
    assert runs["a"]["started"] == "2026-01-02T03:04:05Z"
    empty = json.loads(export.as_json([]))
    assert fits(empty, schema) == []
    assert empty["runs"] == []


def test_the_schema_refuses_what_is_wrong(found):
    schema = json.loads(export.SCHEMA.read_text(encoding="utf-8"))

    def spoiled(change):
        document = json.loads(export.as_json(found))
        change(document["runs"][0])
        return fits(document, schema)

    assert ".track" in spoiled(lambda run: run.update(track="gold"))[0]
    assert ".seed is missing" in spoiled(lambda run: run.pop("seed"))[0]
    assert ".seed" in spoiled(lambda run: run.update(seed=True))[0]
    assert ".mood is unknown" in spoiled(lambda run: run.update(mood="good"))[0]
    assert ".interval" in spoiled(lambda run: run["metrics"][0].update(interval={"low": 0}))[0]
    assert ".value" in spoiled(lambda run: run["metrics"][0].update(value="high"))[0]


def test_csv_holds_every_score_and_reads_back(found):
    rows = list(csv.DictReader(io.StringIO(export.as_csv(found), newline="")))
    assert len(rows) == len(found) == 6
    assert rows[0].keys() == found[0].keys()
    for read, row in zip(rows, found, strict=True):
        assert read == {k: "" if v is None else str(v).replace("\n", " ") for k, v in row.items()}
    assert export.as_csv([]) == "run\n"


def test_rows_are_filtered(tmp_path):
    recorded(
        tmp_path,
        fabricate(tmp_path, "a", entry="net", started="2026-01-01T23:59:59+00:00"),
        fabricate(tmp_path, "b", entry="net", started="2026-01-03T00:30:00+02:00", **OFFICIAL),
        fabricate(tmp_path, "c", started="2026-01-03T00:00:00+00:00"),
    )

    def runs(**wanted):
        return sorted(row["run"] for row in export.rows(tmp_path, primary=True, **wanted))

    day = datetime.date(2026, 1, 2)
    assert runs() == ["a", "b", "c"]
    assert runs(entry="net") == ["a", "b"]
    assert runs(track="official") == ["b"]
    assert runs(task="reben-mlc") == ["a", "b", "c"]
    assert runs(task="other") == []
    assert runs(since=day) == ["b", "c"]
    assert runs(until=day) == ["a", "b"]
    assert runs(since=day, until=day) == ["b"]
    assert runs(entry="net'; drop table runs; --") == []


def test_best_comes_first_in_the_direction_of_the_metric(tmp_path):
    task = {"name": "depth", "version": 1, "digest": "d", "kind": "regression"}
    task |= {"primary": "rmse_pixels", "file": ""}
    values = {"a": 0.5, "b": 0.25, "c": None, "d": 1.0}
    runs = [
        fabricate(
            tmp_path, name, task=task, scores=[LOW | {"value": value, "low": None, "high": None}]
        )
        for name, value in values.items()
    ]
    assert [row["run"] for row in recorded(tmp_path, *runs)] == ["b", "a", "d", "c"]
    higher = [fabricate(tmp_path, f"x{v}", score=v) for v in (0.25, 0.75, 0.5)]
    recorded(tmp_path, *higher)
    rows = export.rows(tmp_path, task="reben-mlc", primary=True)
    assert [row["value"] for row in rows] == [0.75, 0.5, 0.25]


def test_altered_and_partial_runs_come_after_the_others(tmp_path):
    altered, *_ = fabricate(tmp_path, "altered", score=0.9)
    altered.part(0).write_bytes(b"x")
    rows = recorded(
        tmp_path,
        (altered,),
        fabricate(tmp_path, "partial", score=0.8, partial=True),
        fabricate(tmp_path, "whole", score=0.1),
    )
    assert [row["run"] for row in rows if row["is_primary"]] == ["whole", "altered", "partial"]


def test_eval_results_hold_one_scalar_a_task_that_the_hub_reads(tmp_path):
    other = {"name": "depth", "version": 1, "digest": "d", "kind": "regression", "file": ""}
    rows = recorded(
        tmp_path,
        fabricate(tmp_path, "old", score=0.9, started="2026-01-01T00:00:00+00:00", **OFFICIAL),
        fabricate(tmp_path, "new", score=0.5, started="2026-02-01T00:00:00+00:00", **OFFICIAL),
        fabricate(tmp_path, "sample", score=1.0, started="2026-03-01T00:00:00+00:00"),
        fabricate(tmp_path, "part", score=1.0, partial=True, **OFFICIAL),
        fabricate(
            tmp_path,
            "low",
            task=other | {"primary": "rmse_pixels"},
            scores=[LOW | {"value": 0.1, "low": None, "high": None}],
            **OFFICIAL,
        ),
    )
    text, left_out = export.eval_results(rows)
    (entry,) = parse_eval_result_entries(yaml.safe_load(text))
    assert (entry.dataset_id, entry.task_id, entry.value) == ("rs-bench/reben-mlc", "ap_macro", 0.5)
    assert entry.date == "2026-02-01T00:00:00Z"
    assert "run new" in entry.notes
    assert len(left_out) == 1
    assert "depth: of rmse_pixels, less is better" in left_out[0]


def test_model_index_reads_back_with_every_aggregate_and_no_slice(found):
    rows = [row for row in found if row["entry"] == "net"]
    text = export.model_index(rows)
    name, results = model_index_to_eval_results(yaml.safe_load(text)["model-index"])
    assert name == "net"
    assert {(r.metric_type, r.metric_value) for r in results} == {
        ("ap_macro", 0.75),
        ("charm_macro", 12.5),
    }
    assert {r.task_type for r in results} == {"image-classification"}
    assert "95 % interval [0.5000, 0.8750]" in str([r.metric_name for r in results])
    assert ModelCardData(**yaml.safe_load(text)).model_name == "net"


@pytest.mark.parametrize("write", [export.eval_results, export.model_index])
def test_what_says_nothing_about_a_model_is_not_exported_to_the_hub(tmp_path, write):
    altered, *_ = fabricate(tmp_path, "altered", **OFFICIAL)
    altered.part(0).write_bytes(b"x")
    rows = recorded(
        tmp_path,
        (altered,),
        fabricate(tmp_path, "sample"),
        fabricate(tmp_path, "part", partial=True, **OFFICIAL),
    )
    for scores in ([], rows):
        with pytest.raises(RequestError, match="no complete result on an official track"):
            write(scores)
    rows = recorded(
        tmp_path,
        fabricate(tmp_path, "a", entry="one", **OFFICIAL),
        fabricate(tmp_path, "b", entry="two", **OFFICIAL),
    )
    with pytest.raises(RequestError, match="results of 2 entries: one, two"):
        write(rows)


def test_only_directionless_or_descending_metrics_leave_nothing_to_export(tmp_path):
    task = {"name": "depth", "version": 1, "digest": "d", "kind": "regression", "file": ""}
    run = fabricate(
        tmp_path,
        "low",
        task=task | {"primary": "rmse_pixels"},
        scores=[LOW | {"value": 0.1, "low": None, "high": None}],
        **OFFICIAL,
    )
    with pytest.raises(RequestError, match="nothing to export: depth"):
        export.eval_results(recorded(tmp_path, run))


def test_without_results_there_is_nothing_to_read(tmp_path):
    with pytest.raises(BenchError, match="no results at"):
        export.rows(tmp_path)
