"""The stages end to end, on the sample track, with a network of a few thousand weights."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch

from bench import kinds, models
from bench.base.errors import BenchError, RequestError
from bench.evaluate import stages as evaluate
from bench.evaluate.request import Request
from bench.results import runs, store
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import run_json
from tests.logged import logged
from tests.tiny import TASK, brief, tiny

# Everything but these must be equal between two runs of one identity.
MEASURED = {"run", "started", "seconds", "cost", "predicted_here", "sha256"}


@pytest.fixture(scope="module")
def entry(tmp_path_factory, sample_data):
    return tiny(tmp_path_factory.mktemp("entry"))


def request(entry, results, **changes):
    return Request(
        **{"task": TASK, "model": str(entry), "track": "sample", "results": results} | changes
    )


def without_measures(manifest):
    return {key: value for key, value in manifest.items() if key not in MEASURED}


@pytest.fixture(scope="module")
def undisturbed(entry, tmp_path_factory):
    """A run that nothing disturbed: its results folder and manifest."""
    results = tmp_path_factory.mktemp("undisturbed")
    return results, evaluate.run(request(entry, results)).content()


def test_a_run_is_recorded_with_uncertainty_cost_and_provenance(undisturbed):
    results, manifest = undisturbed
    primary = next(s for s in manifest["scores"] if (s["metric"], s["average"]) == ("ap", "macro"))
    assert primary["low"] < primary["value"] < primary["high"]
    assert {s["average"] for s in manifest["scores"]} == {"macro", "micro", "samples", "classes"}
    assert manifest["cost"]["parameters"] == sum(
        p.numel()
        for p in models.build(models.find("timm:test_resnet/s1", tasks.load(TASK)), 19).parameters()
    )
    for key in ("macs", "latency_ms", "samples_per_second", "peak_memory"):
        assert manifest["cost"][key] > 0
    assert manifest["inputs"] == "sentinel-1-grd"
    assert manifest["division"] == "closed"
    assert manifest["task"]["digest"] == tasks.load(TASK).digest
    assert manifest["arithmetic"]["torch"] == torch.__version__
    with store.connect(results, write=False) as connection:
        row = connection.execute(
            "select value, low, high, samples from metrics where is_primary"
        ).fetchall()
    assert row == [(primary["value"], primary["low"], primary["high"], primary["samples"])]


def test_the_same_request_is_recognised_and_repeated_only_by_force(entry, undisturbed):
    results, manifest = undisturbed
    with logged() as said:
        again = evaluate.run(request(entry, results)).content()
    assert again == manifest
    assert any("already recorded" in text for text in said)
    forced = evaluate.run(request(entry, results, force=True)).content()
    assert forced["run"] == manifest["run"] + ".2"
    assert without_measures(forced) == without_measures(manifest)


def test_words_that_changed_are_brought_up_to_date_without_predicting_again(
    entry, undisturbed, tmp_path
):
    results, manifest = undisturbed
    copy = shutil.copytree(entry, tmp_path / "copy")
    toml = copy / "entry.toml"
    named = toml.read_text().replace('licence = ""', 'licence = "MIT"')
    toml.write_text(named.replace("training_data = []", 'training_data = ["reben/test"]'))
    with logged() as said:
        again = evaluate.run(request(copy, results)).content()
    assert again["run"] == manifest["run"]
    assert again["parts"] == manifest["parts"]
    assert again["entry"]["training_data"] == ["reben/test"]
    assert "  brought up to date: licence, training_data" in said
    with store.connect(results, write=False) as connection:
        query = "select manifest ->> '$.entry.licence', altered from runs where run = ?"
        assert connection.execute(query, [manifest["run"]]).fetchone() == ("MIT", False)
    assert evaluate.run(request(entry, results)).content()["entry"] == manifest["entry"]


def test_two_processes_share_a_run_and_give_the_same_bits(entry, undisturbed, tmp_path):
    _, manifest = undisturbed
    shared = evaluate.run(request(entry, tmp_path, devices=2)).content()
    assert shared["parts"] == manifest["parts"]
    assert shared["scores"] == manifest["scores"]


def test_stored_observations_are_scored_again_to_the_same_numbers(undisturbed):
    results, manifest = undisturbed
    run = Run(results / "runs" / manifest["run"])
    tampered = run_json.read(run) | {"scores": []}
    run_json.write(run, tampered)
    assert evaluate.score(run, results).content()["scores"] == manifest["scores"]


def test_a_part_of_the_samples_is_marked_as_such(entry, sample_data, tmp_path):
    limited = evaluate.run(request(entry, tmp_path, limit=10)).content()
    assert limited["partial"]
    assert limited["data"]["samples"] == 10
    ids = Run(tmp_path / "runs" / limited["run"]).observations().column("sample").to_pylist()
    chosen = evaluate.run(request(entry, tmp_path, ids=ids[2:5])).content()
    assert chosen["partial"]
    assert chosen["data"]["samples"] == 3
    with pytest.raises(BenchError, match="1 of the ids are in no split"):
        evaluate.run(request(entry, tmp_path, ids=["nobody"]))


def run_in_child(entry, results):
    evaluate.run(request(entry, Path(results)))


@pytest.fixture(scope="module")
def children():
    """Children of a process that has everything imported: they start, and die, in an instant."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["bench.evaluate.stages", "bench.evaluate.predict", "bench.train", "timm"]
    )
    return context


def test_a_run_killed_twenty_times_equals_an_undisturbed_one(children, sample_data, tmp_path):
    """Training, prediction and scoring, killed at random moments."""
    untrained = brief(tmp_path / "brief", epochs=2)

    def start(results):
        child = children.Process(target=run_in_child, args=(untrained, str(results)))
        child.start()
        return child

    calm = start(tmp_path / "calm")
    begun = time.monotonic()
    calm.join()
    duration = time.monotonic() - begun
    assert calm.exitcode == 0

    chance = random.Random(0)
    kills = 0
    while True:
        child = start(tmp_path / "killed")
        if kills < 20:
            child.join(chance.uniform(0.02, 0.3) * duration)
        else:
            child.join()
        if child.exitcode == 0 and kills >= 20:
            break
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
            child.join()
        kills += 1

    (first,), (second,) = (list((tmp_path / n / "runs").iterdir()) for n in ("calm", "killed"))
    calm_manifest, manifest = run_json.read(Run(first)), run_json.read(Run(second))
    for found in (calm_manifest, manifest):
        found["entry"].pop("trained")
    assert without_measures(manifest) == without_measures(calm_manifest)
    assert len(list(runs.all_runs(tmp_path / "killed"))) == 1
    (calm_weights,), (killed_weights,) = (
        list((tmp_path / name / "entries").rglob("model.safetensors"))
        for name in ("calm", "killed")
    )
    assert calm_weights.read_bytes() == killed_weights.read_bytes()
    with store.connect(tmp_path / "killed", write=False) as connection:
        assert connection.execute("select count(*) from runs").fetchone() == (1,)


def test_finished_parts_are_kept_and_not_repeated(entry, undisturbed, tmp_path, monkeypatch):
    """What a killed process left behind, step by step."""
    results, manifest = undisturbed
    done = Run(results / "runs" / manifest["run"])
    begun = Run(tmp_path / "runs" / manifest["run"])
    run_json.write(begun, manifest | {"status": "predicting"})
    kept = done.part(0).read_bytes()
    begun.part(0).write_bytes(kept)
    stamp = begun.part(0).stat().st_mtime_ns
    continued = evaluate.run(request(entry, tmp_path)).content()
    assert begun.part(0).stat().st_mtime_ns == stamp
    assert continued["parts"] == manifest["parts"]
    rows = len(Run(begun.folder).observations())
    assert continued["predicted_here"] == rows - evaluate.pq.read_metadata(done.part(0)).num_rows


def test_parts_made_with_other_packages_are_made_again(entry, undisturbed, tmp_path):
    _, manifest = undisturbed
    begun = Run(tmp_path / "runs" / manifest["run"])
    other = manifest["arithmetic"] | {"torch": "0.4.1"}
    run_json.write(begun, manifest | {"status": "predicting", "arithmetic": other})
    begun.part(0).write_bytes(b"left over")
    assert evaluate.run(request(entry, tmp_path)).content()["parts"] == manifest["parts"]


def test_an_unfinished_run_is_no_result(undisturbed, tmp_path):
    _, manifest = undisturbed
    run_json.write(Run(tmp_path / "runs" / manifest["run"]), manifest | {"status": "predicting"})
    count, faults = store.rebuild(tmp_path)
    assert count == 0
    assert "is not complete" in faults[0]
    with pytest.raises(BenchError, match="is not complete"):
        evaluate.score(Run(tmp_path / "runs" / manifest["run"]))


def test_a_model_that_returns_nan_records_nothing(sample_data, tmp_path):
    def spoil(network):
        # Every weight is finite, yet the logits overflow.
        head = network.get_classifier()
        torch.nn.init.constant_(head.weight, 3e38)

    broken = tiny(tmp_path / "entry", spoil)
    with pytest.raises(BenchError, match="returned NaN or infinity for sample S2"):
        evaluate.run(request(broken, tmp_path / "results"))
    assert store.rebuild(tmp_path / "results")[0] == 0


def test_runs_of_another_digest_are_not_scored_again(undisturbed, tmp_path):
    results, manifest = undisturbed
    run = Run(shutil.copytree(results / "runs" / manifest["run"], tmp_path / manifest["run"]))
    task = manifest["task"] | {"digest": "0" * 64}
    run_json.write(run, manifest | {"task": task})
    with pytest.raises(BenchError, match="different digests can't be compared"):
        evaluate.score(run)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"device": "tpu"}, "tpu"),
        ({"device": "cuda:7"}, "this machine has"),
        ({"devices": 0}, "expected at least 1"),
        ({"limit": 0}, "expected at least 1"),
        ({"model": "resnet5000"}, "did you mean resnet50"),
        ({"model": "tim:resnet18"}, "did you mean timm"),
        ({"model": "no/such/folder"}, "no entry folder"),
        ({"task": "reben"}, "did you mean reben-"),
        ({"track": "official"}, "is not at"),
    ],
)
def test_a_wrong_request_says_what_is_right(entry, sample_data, tmp_path, changes, fault):
    with pytest.raises(RequestError, match=fault) as caught:
        evaluate.run(request(entry, tmp_path, **changes))
    assert caught.value.exit_code == 2
    assert not (tmp_path / "runs").exists()


def test_a_full_disk_leaves_finished_parts_and_one_clear_error(entry, undisturbed, tmp_path):
    """A limit on file size stands in for the disk: the write fails in the same place."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=_with_little_room, args=(queue, entry, str(tmp_path)))
    child.start()
    message = queue.get(timeout=300)
    child.join()
    assert "could not write" in message
    assert "it continues" in message
    _, manifest = undisturbed
    assert evaluate.run(request(entry, tmp_path)).content()["parts"] == manifest["parts"]


def _with_little_room(queue, entry, results):
    import resource

    from bench.evaluate import predict

    whole = predict.Run.write_part

    def write_part(run, index, observations):
        if index == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        whole(run, index, observations)

    predict.Run.write_part = write_part
    try:
        evaluate.run(request(entry, Path(results)))
    except BenchError as error:
        queue.put(str(error))
    else:
        queue.put("it fitted")


@pytest.mark.parametrize("name", ["reben-mlc", "reben-pixel"])
def test_every_task_keeps_the_promises_of_its_kind(name, sample_data):
    task = tasks.load(name)
    kind = kinds.of(task)
    assert "->" in kind.interface
    assert kind.schema().field("sample").type == "string"
    assert json.dumps(task.model_dump(mode="json"))
