"""What the page carries of encoders and of label curves."""

import json

import pytest

from bench.report import leaderboard
from bench.report.leaderboard.read import read
from bench.results import store
from bench.spec import training_data
from tests.report.leaderboard.encoded import (
    ENCODERS,
    SHA,
    adapted,
    declared,
    few_labels,
    matrix,
)
from tests.report.leaderboard.fabricated import manifest, recorded
from tests.report.leaderboard.test_page import content


def row_of(board, words, entry):
    names = [words[at(board["entry"], index)] for index in range(board["rows"])]
    return names.index(entry)


def at(column, index):
    return column[index] if isinstance(column, list) else column


@pytest.mark.parametrize(
    ("learnt", "included"),
    [
        ("eurosat", True),
        ("EuroSAT/test", True),
        (" eurosat/TEST ", True),
        ("eurosat/train", False),
        ("eurosat-rgb", False),
        ("ImageNet-1k", False),
        ("", False),
        ("/test", False),
    ],
)
def test_training_data_includes_a_split_by_name(learnt, included):
    assert training_data.includes(learnt, "eurosat", "test") is included


def test_a_run_carries_its_encoder_its_method_and_what_was_tried(tmp_path):
    found = content(leaderboard.render(matrix(tmp_path)))
    words, encoders = found["words"], found["encoders"]
    board = next(b for b in found["boards"] if words[found["tasks"][b["task"]]["name"]] == "ucm")
    row = row_of(board, words, "timm-resnet18-a1_in1k-rgb-ridge")
    encoder = encoders[at(board["encoder"], row)]
    assert words[encoder["name"]] == "timm:resnet18@a1_in1k"
    assert words[encoder["source"]] == "hf:timm/resnet18.a1_in1k@0123"
    assert words[encoder["sha256"]] == SHA[:12]
    assert words[encoder["normalisation"]] == "checkpoint"
    assert [words[one] for one in encoder["pretraining"]] == ["ImageNet-1k"]
    channels = [[words[channel], words[band]] for channel, band in encoder["channels"]]
    assert channels == [["channel-R", "R"], ["channel-G", "G"], ["channel-B", "B"]]
    assert words[at(board["method"], row)] == "ridge"
    tried = [[words[setting], value] for setting, value in board["searched"][row]]
    assert tried == [["penalty 0.1", 0.61], ["penalty 1", 0.52]]
    floor = row_of(board, words, "floor-statistics")
    assert at(board["encoder"], floor) is None
    # Equal declarations are carried once: three encoders, each fed in two ways.
    assert len(encoders) == 6


def test_pretraining_on_the_scored_split_is_marked_where_it_is_scored(tmp_path):
    found = content(leaderboard.render(matrix(tmp_path)))
    words = found["words"]
    marked = {
        (words[found["tasks"][board["task"]]["name"]], words[at(board["entry"], row)])
        for board in found["boards"]
        for row in range(board["rows"])
        if at(board["saw"], row)
    }
    assert marked == {
        ("eurosat-rgb", f"torchgeo-resnet18-rgb_moco-rgb-{method}")
        for method in ("knn", "ridge", "linear")
    }


def test_label_curves_are_carried_with_their_runs(tmp_path):
    found = content(leaderboard.render(few_labels(tmp_path)))
    words = found["words"]
    (board,) = found["boards"]
    first = board["curves"][1]
    assert words[first["entry"]] == "timm-resnet18-rgb-ridge"
    sizes = [(words[size], samples, draws) for size, samples, draws, *_ in first["points"]]
    assert sizes == [("1%", 3, 3), ("10%", 30, 3), ("100%", 300, 1)]
    *_, value, low, high, rows = first["points"][0]
    assert value == pytest.approx(0.31)
    assert low < value < high
    runs = [words[at(board["entry"], row)] for row in rows]
    assert runs == [f"timm-resnet18-rgb-ridge-1pct-draw{draw}" for draw in range(3)]
    assert first["points"][2][-1] == [row_of(board, words, "timm-resnet18-rgb-ridge")]
    assert first["area"][0] == pytest.approx((0.31 + 2 * 0.46 + 0.6) / 4, abs=1e-4)
    row = rows[0]
    assert (at(board["learnt"], row), words[at(board["labels"], row)]) == (3, "1%-draw0")
    assert words[at(board["learntIds"], row)] == f"{3:064x}"[:12]


def test_a_task_with_label_subsets_alone_has_a_board_without_ranks(tmp_path):
    run = adapted("t", declared(*ENCODERS[0]), "knn", 0.5, labels=("5-shot", 1), samples=35)
    (board,) = content(leaderboard.render(recorded(tmp_path, run)))["boards"]
    assert board["places"]["rank"] == []
    (curve,) = board["curves"]
    assert len(curve["points"]) == 1
    assert curve["area"] == [None, None, None]


@pytest.mark.parametrize(
    "encoder", [{"name": "x"}, {"name": 5}, declared(*ENCODERS[0]) | {"new": 1}]
)
def test_an_encoder_that_cant_be_read_leaves_its_run_ranked(tmp_path, encoder):
    about = {"encoder": encoder, "method": "ridge", "trained": {"searched": [1, {"setting": "x"}]}}
    found = content(leaderboard.render(recorded(tmp_path, manifest("t", "a", 0.5, about=about))))
    (board,) = found["boards"]
    assert found["encoders"] == []
    assert board["places"]["rank"] == [1]
    assert [[found["words"][word], value] for word, value in board["searched"][0]] == [["x", None]]


def test_many_settings_leave_room_for_scores(tmp_path, monkeypatch):
    from bench.report.leaderboard import page

    monkeypatch.setattr(page, "_most", lambda frame, boards: 16)
    board = content(leaderboard.render(matrix(tmp_path)))["boards"][0]
    assert len(board["searched"]) < board["rows"]


def test_the_database_made_again_gives_the_same_page(tmp_path):
    matrix(tmp_path)
    first = leaderboard.render(few_labels(tmp_path, task="resisc45"))
    store.rebuild(tmp_path)
    assert leaderboard.render(tmp_path) == first
    assert all(
        json.loads(one.facts["encoder"])
        for one in read(tmp_path)[0]
        if one.base != "floor-statistics"
    )
