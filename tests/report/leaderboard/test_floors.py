"""Entries beside the best floor of their board."""

import pytest

from bench.report import standing
from bench.report.leaderboard.boards import boards
from bench.report.leaderboard.floors import best_floor, by_run, compared
from bench.report.leaderboard.read import read
from tests.report.leaderboard.fabricated import manifest, recorded

TASK = "reben-mlc"


def board_of(results):
    (board,) = boards(read(results)[0])
    return board


def verdicts(board):
    return {
        row.result.entry: None if one is None else one.verdict
        for row, one in zip(board.rows, compared(board), strict=True)
    }


def test_entries_are_compared_with_the_best_floor(tmp_path):
    recorded(
        tmp_path,
        manifest(TASK, "good", 0.7),
        manifest(TASK, "same", 0.505),
        manifest(TASK, "bad", 0.4),
        manifest(TASK, "floor-prior-s2", 0.2),
        manifest(TASK, "floor-statistics-s2", 0.5),
        manifest(TASK, "flooring", 0.5),
        manifest(TASK, "part", 0.9, partial=True),
    )
    board = board_of(tmp_path)
    assert best_floor(board).result.entry == "floor-statistics-s2"
    assert verdicts(board) == {
        "good": "better",
        "same": "tied",
        "flooring": "tied",
        "floor-statistics-s2": "floor",
        "bad": "worse",
        "floor-prior-s2": "floor",
        "part": None,
    }
    marks = {r.result.entry: o.mark for r, o in zip(board.rows, compared(board), strict=True) if o}
    assert marks["good"] == ""
    assert marks["same"] == "not told apart from floor-statistics-s2"
    assert marks["bad"] == "worse than floor-statistics-s2"
    assert marks["floor-prior-s2"] == "a floor"


def test_where_lower_is_better_the_best_floor_is_the_lowest(tmp_path):
    more = {"metric": "rmse", "of_task": {"primary": "rmse_macro"}}
    recorded(
        tmp_path,
        manifest(TASK, "good", 0.2, **more),
        manifest(TASK, "bad", 0.9, **more),
        manifest(TASK, "floor-mean", 0.7, **more),
        manifest(TASK, "floor-one-band", 0.5, **more),
    )
    board = board_of(tmp_path)
    assert best_floor(board).result.entry == "floor-one-band"
    assert verdicts(board)["good"] == "better"
    assert verdicts(board)["bad"] == "worse"


def test_a_verdict_is_that_of_the_pair_alone(tmp_path):
    """With units in common, of what each contributes to the difference."""
    rising = [0.5 + 0.001 * index for index in range(30)]
    recorded(
        tmp_path,
        manifest(TASK, "paired", 0.51, left_out=[value + 0.01 for value in rising]),
        manifest(TASK, "floor-statistics", 0.5, left_out=rising),
    )
    (paired, _) = compared(board_of(tmp_path))
    assert (paired.verdict, paired.value) == ("better", 0.5)
    assert paired.p < 1e-6


def test_without_a_floor_nothing_is_said(tmp_path):
    recorded(tmp_path, manifest(TASK, "good", 0.7))
    assert compared(board_of(tmp_path)) == [None]
    assert best_floor(board_of(tmp_path)) is None
    assert by_run(tmp_path) == {}


def test_every_run_of_an_entrant_and_no_other_board(tmp_path):
    made = [
        manifest(TASK, "good", 0.7, mark="one"),
        manifest(TASK, "good", 0.69, mark="two", seed=1),
        manifest(TASK, "floor-prior", 0.2),
        manifest(TASK, "good", 0.7, track="sample"),
        manifest("reben-pixel", "good", 0.7),
    ]
    recorded(tmp_path, *made)
    found = by_run(tmp_path)
    assert {run: one.verdict for run, one in found.items()} == {
        made[0]["run"]: "better",
        made[1]["run"]: "better",
        made[2]["run"]: "floor",
    }
    assert by_run(tmp_path, TASK) == found
    assert {
        t: o.floor.floor for t, o in standing.recorded(TASK, "d" * 64, tmp_path).items() if o.floor
    } == {"official": "floor-prior"}
    assert standing.recorded(TASK, "e" * 64, tmp_path) == {}
    assert by_run(tmp_path, "reben-pixel") == {}


@pytest.mark.parametrize("value", [0.2, 0.7])
def test_the_best_floor_is_equal_to_itself(tmp_path, value):
    recorded(tmp_path, manifest(TASK, "floor-a", value), manifest(TASK, "floor-b", 0.5))
    best = next(one for one in compared(board_of(tmp_path)) if one.p == 1)
    assert best.value == max(value, 0.5)
