"""Entries across tasks, against what the statistics say of the same numbers."""

import numpy as np
import pytest

from bench.metrics import stats
from bench.report import leaderboard
from bench.report.leaderboard.boards import boards
from bench.report.leaderboard.overall import comparable, difference, standings
from bench.report.leaderboard.pack import Words, diagram
from bench.report.leaderboard.read import read
from tests.report.leaderboard.fabricated import manifest, recorded, score
from tests.report.leaderboard.test_page import content

NONE = np.nan
ENTRIES = ("a", "b", "c", "short", "once")
TASKS = ("t", "u", "v")
SCORES = np.array(
    [
        [0.9, 0.7, 0.8],
        [0.6, 0.8, 0.5],
        [0.3, 0.2, 0.5],
        [0.7, 0.9, NONE],
        [NONE, NONE, 0.99],
    ]
)


def results(folder, scores, entries, tasks=TASKS):
    """One run for each number; on the last task a lower value of the metric is the better one."""
    made = []
    for (line, column), value in np.ndenumerate(scores):
        if np.isnan(value):
            continue
        run = manifest(tasks[column], entries[line], value, width=1e-6)
        if column == len(tasks) - 1:
            run["task"]["primary"] = "rmse_mean"
            run["scores"] = [score("rmse", "mean", "", 1 - value, 1e-6)]
        made.append(run)
    return recorded(folder, *made)


def made(folder, scores, entries, tasks=TASKS):
    return boards(read(results(folder, scores, entries, tasks))[0])


def numbers(values):
    return [None if np.isnan(value) else pytest.approx(value) for value in values]


def test_standings_are_those_of_the_statistics(tmp_path):
    found = {standing.entry: standing for standing in standings(made(tmp_path, SCORES, ENTRIES))}
    lines = [found[entry] for entry in ENTRIES]
    assert [line.borda for line in lines] == numbers(stats.borda(SCORES))
    assert [line.normalised for line in lines] == numbers(stats.mean_normalised(SCORES))
    assert [line.mean_rank for line in lines[:3]] == numbers(stats.mean_ranks(SCORES[:3]))
    assert [line.mean_rank for line in lines[3:]] == [None, None]
    # Intervals are so narrow here that tiers are ranks.
    wins = stats.win_rates(SCORES)
    assert [line.win_rate for line in lines] == numbers(np.nanmean(wins, axis=1))


def test_a_further_result_of_another_entry_moves_no_mean_rank(tmp_path):
    before = {s.entry: s.mean_rank for s in standings(made(tmp_path / "x", SCORES[:3], ENTRIES))}
    after = {s.entry: s.mean_rank for s in standings(made(tmp_path / "y", SCORES, ENTRIES))}
    assert before == {entry: after[entry] for entry in before}


def test_the_difference_is_that_of_the_statistics(tmp_path):
    names, found = difference(made(tmp_path, SCORES, ENTRIES))
    wanted = stats.critical_difference(SCORES[[ENTRIES.index(name) for name in names]])
    assert sorted(names) == ["a", "b", "c"]
    assert found.tasks == 3
    assert (found.p, found.difference) == (wanted.p, wanted.difference)
    assert found.ranks == pytest.approx(wanted.ranks)
    assert found.groups == wanted.groups


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ([[1, 1, 1], [1, 1, 1], [1, 1, 1]], [1, 1, 1]),
        ([[1, 1, 1], [1, 1, 1], [1, 0, 0]], [1, 1, 0]),
        ([[1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 0, 1]], [1, 1, 0]),
        ([[1, 1, 0, 0, 0], [0, 0, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 1, 1, 1]], [0, 1, 0, 1]),
        ([[1, 1, 0], [0, 1, 1], [1, 0, 1]], [0, 0, 0]),
        ([[1, 1, 1]], [0]),
        ([[1], [1]], [0, 0]),
    ],
    ids=["all", "sparse", "overlap", "camps", "one task in common", "one entry", "one task"],
)
def test_the_largest_part_without_gaps_is_compared(there, wanted):
    scores = np.where(np.array(there) == 1, 0.5, NONE)
    assert comparable(scores).tolist() == [bool(value) for value in wanted]


def test_nothing_is_compared_without_results():
    assert standings([]) == []
    assert difference([]) is None


def test_a_diagram_of_many_entries_draws_the_best(tmp_path):
    names = [f"model-{index:02d}" for index in range(25)]
    scores = np.random.default_rng(0).normal(size=(25, 8)) + np.arange(25)[:, None]
    words = Words()
    drawn = diagram(made(tmp_path, scores, names, "abcdefgh"), words)
    whole = stats.critical_difference(scores)
    order = np.argsort(whole.ranks, kind="stable")
    assert (drawn["compared"], drawn["tasks"]) == (25, 8)
    assert drawn["difference"] == pytest.approx(whole.difference, abs=1e-4)
    assert drawn["p"] == pytest.approx(whole.p, rel=1e-2)
    assert [rank for _, rank in drawn["entries"]] == numbers(whole.ranks[order[:20]].round(4))
    assert words.texts[drawn["entries"][0][0]] == names[order[0]]
    # Those drawn are joined exactly where they don't differ, and no bar lies within another one.
    joined = {
        (a, b)
        for first, last in drawn["groups"]
        for b in range(first, last + 1)
        for a in range(b)
        if a >= first
    }
    ranks = whole.ranks[order[:20]]
    near = np.abs(ranks - ranks[:, None]) <= whole.difference
    assert joined == {(int(a), int(b)) for a, b in np.argwhere(near) if a < b}
    assert 0 < len(joined) < 190
    assert drawn["groups"] == sorted(drawn["groups"])
    assert len({last for _, last in drawn["groups"]}) == len(drawn["groups"])


def test_the_page_carries_them_for_each_track(tmp_path):
    found = content(leaderboard.render(results(tmp_path, SCORES, ENTRIES)))
    lines = {found["words"][line["entry"]]: line for line in found["standings"]["official"]}
    shown = [lines[entry]["borda"] for entry in ENTRIES]
    assert shown == pytest.approx(stats.borda(SCORES), abs=1e-4)
    assert lines["once"]["rank"] is None
    assert found["differences"]["official"]["compared"] == 3
    assert found["differences"]["sample"] is None
