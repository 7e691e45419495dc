"""Scores of several folds as one: mean and spread, and which runs count."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from bench.base.errors import RequestError
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
        "subset": "",
        "degradation": "",
        "metric": "iou_macro",
        "value": value,
    } | changes


def test_what_learnt_from_a_part_of_the_samples_is_not_averaged():
    rows = [row(name, 0.5, subset="10%-draw0") for name in NAMES[:2]]
    assert folds.summaries(rows) == []


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


FOLDS = """
name = "mine"
version = 1
kind = "crops"
title = "Mine, fold 1"
about = ""
protocol = ""
dataset = "pastis"
split = "test-1"
training = "train-1"
validation = "validation-1"
splits = { train-1 = {}, validation-1 = {}, test-1 = {} }
inputs = ["s2"]
primary = "iou_macro"
settings = { background = "Background" }
digests = { 1 = "%s" }
[folds.2]
title = "Mine, fold 2"
split = "test-2"
training = "train-2"
validation = "validation-2"
splits = { train-2 = {}, validation-2 = {}, test-2 = {} }
digests = { 1 = "%s" }
"""


@pytest.fixture
def mine(tmp_path):
    """The path of a task of the user's with two folds, which mean what those of PASTIS do."""
    path = tmp_path / "mine.toml"
    path.write_text(FOLDS % tuple(tasks.load(name).digest for name in NAMES[:2]))
    return path


def test_a_fold_of_ones_own_task_is_named_after_its_file(mine):
    first, second = tasks.load(str(mine)), tasks.load(str(mine.with_stem("mine-fold2")))
    assert (first.name, first.split, first.title) == ("mine", "test-1", "Mine, fold 1")
    assert (second.name, second.split, second.title) == ("mine-fold2", "test-2", "Mine, fold 2")
    assert (second.folds_of, second.baselines, second.folds) == ("mine", "mine", {})
    assert second.settings == first.settings
    assert second.digest == tasks.load(NAMES[1]).digest


def test_a_fold_that_is_not_declared_is_refused(mine):
    with pytest.raises(RequestError, match="unknown fold '3'"):
        tasks.load(str(mine.with_stem("mine-fold3")))
    with pytest.raises(RequestError, match=f"unknown task '{FIRST}-fold6'"):
        tasks.load(f"{FIRST}-fold6")


def test_a_changed_fold_says_where_its_new_digest_belongs(mine):
    mine.write_text(mine.read_text().replace('split = "test-2"', 'split = "validation-2"'))
    assert tasks.load(str(mine)).split == "test-1"
    with pytest.raises(RequestError, match="its meaning has digest") as caught:
        tasks.load(str(mine.with_stem("mine-fold2")))
    assert caught.value.hint.endswith("to [folds.2.digests]")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("[folds.2]", '[folds.2]\nprimary = "f1_macro"', r"folds\.2\.primary: Extra inputs"),
        ("[folds.2]", "[folds.second]", r"folds\.second.*String should match"),
        ('split = "test-2"', "", r"folds\.2\.split: Field required"),
    ],
)
def test_a_fold_declares_its_splits_and_nothing_else(mine, old, new, fault):
    mine.write_text(mine.read_text().replace(old, new))
    with pytest.raises(RequestError, match=fault):
        tasks.load(str(mine))


def test_they_are_listed_like_other_tasks(bench):
    assert bench("list --names").stdout.split() == tasks.names()
    listed = {row["task"]: row for row in bench.in_process("list --json").json()["tasks"]}
    assert set(NAMES) <= set(listed)
    assert [*listed[NAMES[2]]["checked"]] == ["train-3", "validation-3", "test-3"]
    assert listed[NAMES[2]]["title"].endswith("fold 3)")


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
