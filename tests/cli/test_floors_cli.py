"""Floors in what the commands print."""

from types import SimpleNamespace

import pytest

from bench.cli import _shown
from bench.report.floors import KnownFloor
from bench.report.leaderboard.floors import FloorComparison
from bench.results import store
from tests.fabricated import fabricate


@pytest.fixture(scope="module")
def results(bench_of_module):
    """Two entries and two floors on one board, and an entry on another."""
    folder = bench_of_module.folder / "results"
    runs = [
        fabricate(folder, "good", entry="net", score=0.9)[0],
        fabricate(folder, "like", entry="likely", score=0.5)[0],
        fabricate(folder, "best", entry="floor-statistics-s2", score=0.5)[0],
        fabricate(folder, "prior", entry="floor-prior-s2", score=0.1)[0],
        fabricate(folder, "real", entry="net", score=0.5, track="official")[0],
    ]
    store.record(folder, *runs)
    return bench_of_module


def test_the_table_of_results_marks_floors_and_what_is_like_them(results):
    official, sample = results.in_process("results").stdout.split("sample track")
    rows = {line.split()[0]: line for line in sample.splitlines() if line}
    assert "floor " in rows["entry"]
    assert "not told apart from floor-statistics-s2" in rows["likely"]
    assert "a floor" in rows["floor-statistics-s2"]
    assert "a floor" in rows["floor-prior-s2"]
    assert "floor" not in rows["net"]
    assert "floor" not in official
    beside = results.in_process("results --json").json()["floors"]
    assert {run: one["verdict"] for run, one in beside.items()} == {
        "good": "better",
        "like": "tied",
        "best": "floor",
        "prior": "floor",
    }


def test_a_task_is_shown_with_its_floors(bench):
    shown = bench.in_process("info reben-mlc").stdout.splitlines()
    (floors,) = (line for line in shown if line.startswith("floors"))
    (others,) = (line for line in shown if line.startswith("baselines"))
    for name in ("floor-prior-s2", "floor-statistics-s1s2", "floor-random-encoder-s1"):
        assert name in floors
        assert name not in others
    assert set(bench.in_process("info reben-mlc --json").json()["floors"]) >= {"floor-prior-s1"}


def said(monkeypatch, found, *known, name="net", partial=False):
    monkeypatch.setattr(_shown, "_task", lambda manifest, results: None)
    monkeypatch.setattr("bench.report.floors.floors_of", lambda task, data: list(known))
    manifest = SimpleNamespace(
        partial=partial,
        degradation="",
        task=SimpleNamespace(name="t", primary="ap_macro"),
        data=SimpleNamespace(data_sha256="d"),
        entry=SimpleNamespace(name=name),
    )
    return _shown._floor(manifest, found, None)


def test_a_run_is_shown_beside_the_best_floor(monkeypatch):
    def floor(verdict, p=0.25):
        return FloorComparison("floor-x", 0.5, verdict, p)

    assert said(monkeypatch, floor("tied")) == (
        "0.5000 by floor-x; this is not told apart from it (p = 0.2500)"
    )
    assert said(monkeypatch, floor("better", 1e-9)) == (
        "0.5000 by floor-x; this is better (p < 0.0001)"
    )
    assert said(monkeypatch, floor("floor"), name="floor-x") == "this is the best one recorded"
    assert said(monkeypatch, floor("floor"), name="floor-y") == (
        "the best one recorded is floor-x, 0.5000"
    )
    higher, lower = KnownFloor("floor-z", 0.6), KnownFloor("floor-z", 0.4)
    assert said(monkeypatch, floor("better", 1e-9), higher).endswith(
        "; 0.6000 is expected of bench run --task t --model floor-z"
    )
    assert said(monkeypatch, floor("better", 1e-9), lower).endswith("(p < 0.0001)")


def test_without_a_recorded_floor_what_is_expected_is_shown(monkeypatch):
    command = "bench run --task t --model floor-z"
    expected = said(monkeypatch, None, KnownFloor("floor-z", 0.6))
    assert expected == f"none is recorded; 0.6000 is expected of {command}"
    unknown = said(monkeypatch, None, KnownFloor("floor-z", None))
    assert unknown == f"none is recorded: {command}"
    assert said(monkeypatch, None) == ""
    assert said(monkeypatch, None, KnownFloor("floor-z", 0.6), partial=True) == ""
