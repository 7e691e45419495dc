"""The floors of a task with the scores that are expected of them."""

import pytest

from bench.report import floors
from bench.report.floors import better, floors_of
from bench.spec import task as tasks
from bench.spec.expected import Expected

TASK = tasks.load("reben-mlc")


def expected(value, **changes):
    given = {"task_digest": TASK.digest, "data_sha256": "d", "seed": 0, "arithmetic": {}}
    numbers = {"value": value, "low": value, "high": value, "observations_sha256": "o"}
    return Expected(**given | numbers | changes)


def of(monkeypatch, found, task=TASK, data=None):
    monkeypatch.setattr(floors, "expectations", lambda: found)
    return [(one.model, one.value) for one in floors_of(task, data)]


def test_those_with_the_best_expected_score_come_first(monkeypatch):
    scores = {
        (TASK.name, "floor-prior-s1"): expected(0.2),
        (TASK.name, "floor-statistics-s2"): expected(0.5),
        (TASK.name, "floor-statistics-s1"): expected(0.9, task_digest="old"),
        (TASK.name, "floor-prior-s2"): expected(0.8, data_sha256="other"),
        (TASK.name, "resnet18-s1"): expected(0.7),
        ("reben-cutmix", "floor-statistics-s2"): expected(0.99),
    }
    found = of(monkeypatch, scores, data="d")
    assert found[:2] == [("floor-statistics-s2", 0.5), ("floor-prior-s1", 0.2)]
    assert ("floor-statistics-s1", None) in found
    assert ("floor-prior-s2", None) in found
    assert not any(name.startswith("resnet") for name, _ in found)
    assert of(monkeypatch, scores)[0] == ("floor-prior-s2", 0.8)


@pytest.mark.parametrize(("metric", "expect"), [("ap_macro", True), ("rmse_pixels", False)])
def test_better_is_as_the_metric_counts(metric, expect):
    assert better(metric, 0.6, 0.5) is expect
    assert better(metric, 0.5, 0.6) is not expect
    assert not better(metric, 0.5, 0.5)
