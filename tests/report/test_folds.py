"""Scores of several folds as one: mean and spread, and which runs count."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from bench.report import folds
from bench.results import store
from bench.spec import task as tasks
from tests.fabricated import fabricate

FIRST = "pastis-crop-mapping"
NAMES = [FIRST, *(f"{FIRST}-fold{number}" for number in range(2, 6))]
VALUES = [0.61, 0.66, 0.64, 0.6, 0.69]


def row(task, value, **changes):
    return {
        "task": task,
        "task_digest": tasks.load(task).digest,
        "track": "official",
        "entry": "net-s2",
        "inputs": "sentinel-2-l2a",
        "division": "closed",
        "trust": "rerun",
        "model": "m",
        "trained_seed": 0,
        "started": "2026-01-01T00:00:00",
        "checked": "fingerprint",
        "partial": False,
        "altered": False,
        "metric": "iou_macro",
        "value": value,
    } | changes


def test_mean_and_spread_are_over_the_folds():
    (found,) = folds.summaries(map(row, NAMES, VALUES))
    assert (found.task, found.entry, found.folds, found.of) == (FIRST, "net-s2", 5, 5)
    assert found.mean == pytest.approx(np.mean(VALUES))
    assert found.std == pytest.approx(np.std(VALUES, ddof=1))


def test_the_newest_run_of_a_seed_counts_and_seeds_are_averaged():
    rows = [
        row(NAMES[0], 0.9, started="2025-01-01T00:00:00"),
        row(NAMES[0], 0.5),
        row(NAMES[0], 0.7, trained_seed=1, model="n"),
        row(NAMES[1], 0.8),
    ]
    (found,) = folds.summaries(rows)
    assert (found.mean, found.folds, found.of) == (pytest.approx(0.7), 2, 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"partial": True},
        {"altered": True},
        {"value": None},
        {"task_digest": "of an earlier version"},
        {"track": "sample"},
        {"trust": "reported"},
        {"entry": "other-s2"},
        {"task": "reben-mlc"},
    ],
)
def test_what_is_ranked_apart_is_not_averaged(changes):
    assert folds.summaries([row(NAMES[0], 0.5), row(NAMES[1], 0.6) | changes]) == []


def test_complete_entries_come_first():
    rows = [row(name, 0.5, entry="whole") for name in NAMES]
    rows += [row(name, 0.9, entry="half") for name in NAMES[:2]]
    rows += [row(name, 0.6, entry="better") for name in NAMES]
    assert [s.entry for s in folds.summaries(rows)] == ["better", "whole", "half"]


def test_folds_ask_the_same_of_other_samples():
    groups = folds.groups()
    assert groups[FIRST] == NAMES
    assert groups["pastis-r-crop-mapping"][0] == "pastis-r-crop-mapping"
    for named in groups.values():
        loaded = [tasks.load(name) for name in named]
        assert len({task.split for task in loaded}) == len(loaded) == 5
        assert len({(t.kind, t.dataset, t.primary, t.inputs, str(t.settings)) for t in loaded}) == 1
        assert {task.baselines for task in loaded[1:]} == {named[0]}


def test_results_show_them(bench):
    results, runs = bench.folder / "results", []
    for number, (name, value) in enumerate(zip(NAMES, VALUES, strict=True)):
        task = {"name": name, "version": 1, "digest": tasks.load(name).digest, "kind": "crops"}
        about = task | {"primary": "iou_macro", "file": ""}
        score = {"metric": "iou", "average": "macro", "label": "", "slice": ""}
        score |= {"value": value, "low": value, "high": value, "samples": 6}
        runs += fabricate(results, f"r{number}", entry="net-s2", task=about, scores=[score])[:1]
    store.record(results, *runs)

    def shown(*arguments):
        return bench.in_process(["results", *arguments]).stdout

    wanted = [asdict(s) for s in folds.summaries(json.loads(shown("--json"))["results"])]
    assert len(wanted) == 1
    # Of a single fold the others are shown in the summary only.
    for arguments in ([], ["--task", FIRST], ["--task", NAMES[3]], ["--entry", "net-s2"]):
        assert json.loads(shown(*arguments, "--json"))["folds"] == wanted
    assert json.loads(shown("--task", "reben-mlc", "--json"))["folds"] == []
    assert json.loads(shown("--entry", "other", "--json"))["folds"] == []
    text = shown("--task", FIRST)
    assert f"{FIRST} over its 5 folds, sample track" in text
    assert f"{np.mean(VALUES):.4f}" in text.splitlines()[-1]
    assert "5 of 5" in text.splitlines()[-1]
