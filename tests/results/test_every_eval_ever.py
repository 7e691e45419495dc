"""Records of Every Eval Ever, by the validator of its own package where that is installed."""

import json

import pytest

from bench.base.errors import RequestError
from bench.results import every_eval_ever, store
from tests import run_json
from tests.fabricated import fabricate

BOUNDS = {"low": 0.4, "high": 0.6, "samples": 6}
SCORES = [
    run_json.score("ap", "macro", value=0.5, **BOUNDS),
    run_json.score("ap", "classes", "Pastures", value=0.5, **BOUNDS),
    run_json.score("f1", "micro", value=0.25),
    run_json.score("rmse", "pixels", value=2.0, low=1.5, high=2.5),
    run_json.score("bias", "pixels", value=None),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two official runs, one of a model of the Hub, and one on simulated data."""
    folder = tmp_path_factory.mktemp("results")
    hub = {"name": "unet on $", "digest": "x", "weights_sha256": "w"}
    hub |= {"source": "hf:lab/unet@" + "a" * 40, "licence": "MIT"}
    fabricate(folder, "one", track="official", scores=SCORES, entry="resnet 50")
    fabricate(folder, "other", track="official", scores=SCORES, **{"entry": "hub"})
    content = run_json.read(store_run(folder, "other"))
    content["entry"] = hub
    run_json.write(store_run(folder, "other"), content)
    fabricate(folder, "simulated", track="sample", scores=SCORES)
    fabricate(folder, "part", track="official", scores=SCORES, partial=True)
    store.rebuild(folder)
    return folder


def store_run(folder, name):
    from bench.results.runs import Run

    return Run(folder / "runs" / name)


def test_only_runs_that_may_stand_in_public_are_written(results):
    found = every_eval_ever.records(results)
    runs = {one["source_metadata"]["additional_details"]["run"] for one in found.values()}
    assert runs == {"one", "other"}
    assert found == every_eval_ever.records(results)
    folders = {path.rpartition("/")[0] for path in found}
    assert folders == {"data/rs-bench/rs-bench/resnet_50", "data/rs-bench/lab/unet"}


def test_a_score_stands_with_its_interval_direction_and_range(results):
    (record,) = every_eval_ever.records(results, entry="resnet 50").values()
    by_name = {one["metric_config"]["metric_id"]: one for one in record["evaluation_results"]}
    assert set(by_name) == {"rs-bench.ap_macro", "rs-bench.f1_micro", "rs-bench.rmse_pixels"}
    best = by_name["rs-bench.ap_macro"]
    assert best["score_details"]["score"] == 0.5
    interval = best["score_details"]["uncertainty"]["confidence_interval"]
    assert (interval["lower"], interval["upper"], interval["confidence_level"]) == (0.4, 0.6, 0.95)
    assert best["source_data"]["url"] == ["https://bigearth.net"]
    error = by_name["rs-bench.rmse_pixels"]["metric_config"]
    assert error["lower_is_better"] is True
    assert (error["min_score"], error["max_score"], error["metric_unit"]) == (0.0, "Infinity", "m")
    assert "uncertainty" not in by_name["rs-bench.f1_micro"]["score_details"]


def test_its_own_package_finds_nothing(results, tmp_path):
    core = pytest.importorskip(
        "every_eval_ever.validator.validation_core",
        reason="every-eval-ever is not installed: it needs Python 3.12",
    )
    for path, record in every_eval_ever.records(results).items():
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(record))
        report = core.validate_aggregate(file, repo_path=path, run_semantic_checks=True)
        assert (report.valid, report.errors, report.warnings) == (True, [], [])


def test_a_record_that_says_less_is_refused_by_its_package(results, tmp_path):
    core = pytest.importorskip(
        "every_eval_ever.validator.validation_core",
        reason="every-eval-ever is not installed: it needs Python 3.12",
    )
    (record,) = every_eval_ever.records(results, entry="resnet 50").values()
    del record["evaluation_results"][0]["metric_config"]["lower_is_better"]
    file = tmp_path / "record.json"
    file.write_text(json.dumps(record))
    assert not core.validate_aggregate(file).valid


def test_the_command_writes_a_tree(bench, results):
    typed = f"results export --format every-eval-ever --results {results}"
    done = bench.in_process(f"{typed} --out eee")
    assert "wrote 2 records below eee" in done.stderr
    assert len(list((bench.folder / "eee").glob("data/rs-bench/*/*/*.json"))) == 2
    assert "name it: --out DIR" in bench.in_process(typed, 2).stderr
    refused = bench.in_process(f"{typed} --out eee --entry nobody", 2)
    assert "no complete result on an official track" in refused.stderr
    assert "every-eval-ever" in bench.in_process("results export --format yaml", 2).stderr


def test_without_public_runs_nothing_is_written(tmp_path):
    fabricate(tmp_path, "simulated", track="sample")
    store.rebuild(tmp_path)
    with pytest.raises(RequestError, match="no complete result on an official track"):
        every_eval_ever.records(tmp_path)
