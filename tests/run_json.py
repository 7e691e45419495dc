"""``run.json`` as a dictionary, for tests that change it or put wrong values into it."""

import json

from bench.base.files import sha256_json, write_json
from bench.results.manifest import SCHEMA, Manifest


def read(run):
    """The content of ``run.json``."""
    return json.loads(run.manifest_path.read_bytes())


def write(run, content):
    """Replace ``run.json`` by any value; that of a complete run gets the hash of its content."""
    found = {key: value for key, value in content.items() if key != "sha256"}
    if found.get("status") == "complete":
        found["sha256"] = sha256_json(found)
    write_json(run.manifest_path, found)


def model(content):
    """The manifest that a dictionary describes."""
    return Manifest.model_validate(content)


def score(metric="ap", average="macro", label="", value=0.5, **changes):
    """A score as ``run.json`` holds it."""
    bounds = {"low": None, "high": None, "samples": 3, "slice": ""}
    return {"metric": metric, "average": average, "label": label, "value": value} | bounds | changes


def complete(run, *, of_task=(), about=(), data=(), **changes):
    """The content of a complete run; the arguments change task, entry, data and other fields."""
    task = {"name": "t", "version": 1, "digest": "d", "kind": "multilabel", "primary": "ap_macro"}
    samples = {"samples": 3, "ids_sha256": "i", "data_sha256": "c", "checked": "fingerprint"}
    return {
        "schema": SCHEMA,
        "run": run,
        "status": "complete",
        "task": task | dict(of_task),
        "track": "sample",
        "partial": False,
        "trust": "rerun",
        "division": "closed",
        "inputs": "sentinel-2-l2a",
        "entry": {"name": "e", "digest": "x", "weights_sha256": "w"} | dict(about),
        "data": samples | dict(data),
        "seed": 0,
        "device": "cpu",
        "precision": "32-true",
        "harness": {"version": "1", "commit": None, "dirty": None},
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 1.5,
        "cost": {"parameters": 10, "macs": 20, "latency_ms": 1.0, "samples_per_second": 9.0},
        "scores": [score()],
    } | changes


def identity(**changes):
    """What a run is recognised by, as ``run.json`` holds it."""
    said = {"task": ["t", "d"], "track": "sample", "data": ["c", "i"], "entry": "x"}
    return said | {"seed": 0, "device": "cpu", "precision": "32-true"} | changes
