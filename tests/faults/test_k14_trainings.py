"""Weights evaluated with several seeds are one training, and models of one name are told apart."""

import hashlib
from types import SimpleNamespace

import pytest

from bench.base.errors import RequestError
from bench.cli.results import show
from bench.report import folds
from bench.report.compare import SINGLE, compare
from bench.report.leaderboard.boards import boards
from bench.report.leaderboard.read import read
from bench.results import store, trainings
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import run_json
from tests.fabricated import fabricate
from tests.report.test_compare import MLC, labelled, logits, record


def about(name, digest, seed=None):
    trained = {} if seed is None else {"trained": {"seed": seed}}
    return {"name": name, "digest": digest * 64, "weights_sha256": digest * 64} | trained


@pytest.fixture
def results(tmp_path):
    """``fixed``: the same weights with four seeds; ``twice``: two models of one name."""
    for seed in range(4):
        entry = about("fixed", "a")
        record(tmp_path, "fixed", MLC, labelled(logits(1.0)), seed=seed, entry=entry)
    for seed, digest in enumerate("bc"):
        entry = about("twice", digest)
        values = labelled(logits(1.0 + seed))
        record(tmp_path, "twice", MLC, values, seed=seed, entry=entry)
    for seed, digest in enumerate("de"):
        entry = about("trained", digest, seed)
        record(tmp_path, "trained", MLC, labelled(logits(2.0, seed)), seed=seed, entry=entry)
    record(tmp_path, "alias", MLC, labelled(logits(1.0)), entry=about("alias", "a"))
    return tmp_path


def test_fixed_weights_count_as_one_training_whatever_their_seed(results):
    found = compare(["fixed", f"{MLC}.trained.sample.0"], MLC, results)
    assert [len(side.runs) for side in found.sides] == [1, 1]
    assert found.method == SINGLE.format(unit="tile")
    assert [side.seed_error for side in found.sides] == [None, None]
    assert any("whatever their seed (3 don't)" in remark for remark in found.remarks)


def test_trainings_with_several_seeds_still_count_each(results):
    found = compare(["trained", "fixed"], MLC, results)
    assert found.sides[0].seeds == (0, 1)
    assert found.sides[0].seed_error > 0


def test_two_models_of_one_name_are_refused_with_the_choice_and_have_longer_names(results):
    with pytest.raises(RequestError, match=r"twice stands for 2 models: twice@bbbbbbbb \(seed 0"):
        compare(["twice", "fixed"], MLC, results)
    found = compare(["twice@bbbb", "twice@cccccccc"], MLC, results)
    assert [side.name for side in found.sides] == ["twice@bbbb", "twice@cccccccc"]
    with pytest.raises(RequestError, match="twice@bbbbbbbb, twice@cccccccc"):
        compare(["twice@ffff", "fixed"], MLC, results)


def test_an_entry_trained_twice_with_one_seed_is_two_models(results):
    again = record(results, "trained", MLC, labelled(logits(1.0)), entry=about("trained", "f", 0))
    again.folder.rename(again.folder.with_name(f"{MLC}.trained.sample.0.2"))
    record(results, "trained", MLC, labelled(logits(2.0, 0)), entry=about("trained", "d", 0))
    with pytest.raises(RequestError, match="trained stands for 3 models"):
        compare(["trained", "fixed"], MLC, results)


def test_one_model_under_two_names_is_said_to_be_one(results):
    found = compare(["fixed", "alias"], MLC, results)
    assert "alias and fixed are one model (aaaaaaaa)" in found.remarks


def test_predictions_are_told_apart_by_what_they_came_to_not_by_their_file(tmp_path):
    for seed, digest in enumerate("ab"):
        record(
            tmp_path,
            "mine",
            MLC,
            labelled(logits(1.0)),
            seed=seed,
            entry=about("mine", digest),
            trust="rescored",
            observations_sha256="o" * 64,
        )
    record(tmp_path, "other", MLC, labelled(logits(2.0)))
    found = compare(["mine", "other"], MLC, tmp_path)
    assert len(found.sides[0].runs) == 1


def fabricated(results, name, **changes):
    run, *_ = fabricate(results, name, **changes)
    return Run(run.folder)


def test_a_board_has_one_row_for_a_model_and_one_for_each_model_of_a_name(tmp_path, capsys):
    runs = [
        fabricated(tmp_path, f"fixed.{seed}", entry="x", seed=seed, score=0.5 + seed / 10)
        for seed in range(3)
    ]
    for run in runs:
        run_json.write(run, run_json.read(run) | {"entry": about("fixed", "a")})
    for index, digest in enumerate("bc"):
        run = fabricated(tmp_path, f"twice.{index}", seed=index)
        run_json.write(run, run_json.read(run) | {"entry": about("twice", digest)})
        runs.append(run)
    for seed, digest in enumerate("de"):
        run = fabricated(tmp_path, f"trained.{seed}", seed=seed)
        run_json.write(run, run_json.read(run) | {"entry": about("trained", digest, seed)})
        runs.append(run)
    store.record(tmp_path, *runs)
    show(SimpleNamespace(invoked_subcommand=None), results=tmp_path)
    listed = [line.partition(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert [listed.count(name) for name in ("fixed", "twice", "trained")] == [3, 0, 2]
    assert {"twice@bbbbbbbb", "twice@cccccccc"} <= {*listed}
    (board,) = boards(read(tmp_path)[0])
    rows = {row.result.entry: len(row.others) for row in board.ranked}
    assert rows == {"fixed": 2, "twice@bbbbbbbb": 0, "twice@cccccccc": 0, "trained": 1}


def test_a_mean_over_folds_counts_each_model_once_and_says_where_a_name_has_several():
    first = "pastis-crop-mapping"
    second = f"{first}-fold2"

    def row(task, value, model, seed=None, day=1):
        digest = tasks.load(task).digest
        return {
            **{"task": task, "task_digest": digest, "value": value, "model": model},
            **{"trained_seed": seed, "started": f"2026-01-0{day}", "track": "official"},
            "subset": "",
            "degradation": "",
            **{"entry": "e", "inputs": "s2", "division": "open", "trust": "rerun"},
            **{"partial": False, "altered": False, "checked": "count", "metric": "iou_macro"},
        }

    # One model run three times on the first fold; only the newest run of it counts.
    again = [row(first, value, "a", day=day) for day, value in enumerate((0.1, 0.2, 0.6), 1)]
    (found,) = folds.summaries([*again, row(second, 0.8, "b")])
    assert (found.mean, found.note) == (pytest.approx(0.7), "")
    (torn,) = folds.summaries([*again, row(first, 0.4, "c"), row(second, 0.8, "b")])
    assert torn.note == f"several models of this name on {first}"


def test_what_a_manifest_says_of_its_model():
    digest = hashlib.sha256(b"").hexdigest()
    entry = {"name": "e", "digest": digest}

    def made(**changes):
        return trainings.made(run_json.model(run_json.complete("r", **changes)))

    assert made(about=entry) == (digest, None)
    assert made(about=entry | {"trained": {"seed": 3}}) == (digest, 3)
    handed_in = {"trust": "reported", "observations_sha256": "o"}
    assert made(about=entry, **handed_in) == ("o", None)
