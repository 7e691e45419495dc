"""Few labels and suites, from the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.base.errors import RequestError
from bench.evaluate import few_labels
from bench.report import label_curves
from bench.spec import suite, task
from bench.spec.labels import Labels

ENCODER = "timm:test_resnet"
SUITE = f"""
name = "mine"
title = "Mine"
tasks = ["reben-mlc", "hyspecnet-compression"]
[[rows]]
models = ["{ENCODER}"]
methods = ["ridge"]
labels = ["50%"]
"""


@pytest.fixture(scope="module")
def recorded(sample_data: Path, bench_of_module: Any) -> Any:
    """Ridge on two sizes with two draws each."""
    done = bench_of_module.in_process(
        f"run --task reben-mlc --model {ENCODER} --method ridge --labels 50%,100% --draws 2 --json"
    )
    return bench_of_module, done.json()


def test_each_draw_is_a_run_with_the_fingerprint_of_its_samples(recorded: Any) -> None:
    _, manifests = recorded
    assert len(manifests) == 3  # of all samples there is one draw
    facts = [one["entry"]["trained"]["facts"] for one in manifests]
    assert facts[0]["samples"] == facts[1]["samples"] < facts[2]["samples"]
    assert len({one["samples_sha256"] for one in facts}) == 3
    assert manifests[0]["entry"]["name"] == "timm-test_resnet-s2-ridge-50pct-draw0"


def test_a_curve_has_the_mean_over_draws(recorded: Any) -> None:
    prompt, manifests = recorded
    shown = prompt.in_process("curves --task reben-mlc --labels --json").json()["curves"]
    values = [
        next(s["value"] for s in one["scores"] if (s["metric"], s["average"]) == ("ap", "macro"))
        for one in manifests
    ]
    points = shown[0]["points"]
    assert [point["size"] for point in points] == ["50%", "100%"]
    np.testing.assert_allclose(points[0]["value"], np.mean(values[:2]))
    steps = [points[0]["value"], points[1]["value"]]
    np.testing.assert_allclose(shown[0]["area"], np.mean(steps))  # a trapezoid of one step


def test_entries_are_paired_by_subset_and_sample(recorded: Any) -> None:
    from bench.metrics import stats
    from bench.results.manifest import Manifest

    prompt, _ = recorded
    prompt.in_process(
        f"run --task reben-mlc --model {ENCODER} --method knn --labels 50%,100% --draws 2 --quiet"
    )
    names = "timm-test_resnet-s2-ridge timm-test_resnet-s2-knn"
    found = prompt.in_process(f"curves {names} --task reben-mlc --labels --json").json()
    first, last = found["differences"]
    assert (first["size"], first["draws"], last["size"], last["draws"]) == ("50%", 2, "100%", 1)
    points = {one["entry"]: one["points"] for one in found["curves"]}
    one, other = (points[name] for name in names.split())
    np.testing.assert_allclose(first["value"], other[0]["value"] - one[0]["value"])
    assert first["low"] < first["value"] < first["high"]
    # Of one draw it is what two runs are compared by.
    ids = (one[1]["runs"][0], other[1]["runs"][0])
    stored = [(prompt.folder / "results" / "runs" / run / "run.json").read_text() for run in ids]
    runs = [Manifest.model_validate(json.loads(text)) for text in stored]
    left_out = [np.array(run.left_out) for run in runs]
    spread = stats.spread_over_units(left_out[1] - left_out[0])
    np.testing.assert_allclose(last["p"], stats.p_value(last["value"], spread))
    assert (
        "above timm-test_resnet-s2-ridge"
        in prompt.in_process(f"curves {names} --task reben-mlc --labels").stdout
    )


def test_sizes_that_cannot_be_are_refused(recorded: Any) -> None:
    prompt, _ = recorded
    for asked, said in (
        ("0%", "above 0"),
        ("1%,1%", "twice"),
        ("ten", "expected a number of labels"),
        ("100000-shot", "samples of each class"),
    ):
        done = prompt.in_process(
            f"run --task reben-mlc --model {ENCODER} --method ridge --labels {asked}", code=2
        )
        assert said in done.stderr
    with pytest.raises(RequestError, match="draws"):
        few_labels.parse("1%", 0)


def test_a_task_without_subsets_says_how_to_make_some() -> None:
    with pytest.raises(RequestError, match="no entry was trained on subsets"):
        label_curves.curves([], task.load("rsscn7"), "sample")


def test_subsets_of_one_draw_are_nested() -> None:
    sizes = few_labels.parse("1%,10%,100%", 3)
    assert [one.name for one in sizes][:4] == ["1%-draw0", "1%-draw1", "1%-draw2", "10%-draw0"]
    assert sizes[-1] == Labels.parse("100%")


def test_a_suite_runs_what_fits_and_says_why_the_rest_does_not(recorded: Any) -> None:
    prompt, _ = recorded
    (prompt.folder / "mine.toml").write_text(SUITE)
    done = prompt.in_process("run --suite mine.toml --quiet")
    assert "nothing is learnt from features on tasks of kind compression" in done.stdout
    assert "50%" in done.stdout
    unknown = prompt.in_process("run --suite nowhere", code=2)
    assert "unknown suite" in unknown.stderr
    assert "expected --task and --model" in prompt.in_process("run", code=2).stderr
    assert "encoders-sample" in prompt.in_process("list --suites").stdout


def test_suites_that_ship_name_tasks_that_exist() -> None:
    for name in suite.names():
        found = suite.load(name)
        assert found.name == name
        for one in found.tasks:
            task.load(one)
        for row in found.rows:
            assert set(row.tasks) <= set(found.tasks)
            for size in row.labels:
                Labels.parse(size)


def test_features_are_listed_and_dropped(recorded: Any) -> None:
    prompt, _ = recorded
    assert ENCODER in prompt.in_process("features list").stdout
    assert "expected a size" in prompt.in_process("features drop --keep lots", code=2).stderr
    assert "3 removed" in prompt.in_process("features drop --keep 0").stdout
    assert "no features" in prompt.in_process("features list").stdout
