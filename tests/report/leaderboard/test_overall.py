"""Entries across tasks, against what the statistics say of the same numbers."""

import numpy as np
import pytest

from bench.metrics import stats
from bench.report import leaderboard
from bench.report.leaderboard.across import diagram, name_across
from bench.report.leaderboard.boards import boards
from bench.report.leaderboard.overall import comparable, difference, shared_sets, standings
from bench.report.leaderboard.read import read
from bench.report.leaderboard.words import Words
from bench.spec import task as tasks
from tests.report.leaderboard.encoded import adapted, declared
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


def test_the_page_carries_each_set_of_tasks_that_entries_share(tmp_path):
    found = content(leaderboard.render(results(tmp_path, SCORES, ENTRIES)))
    words = found["words"]
    first, second = found["across"]["official"]
    named = {words[line["entry"]]: line for line in first["lines"]}
    ranked = SCORES[:3]
    wins = np.nanmean(stats.win_rates(ranked), axis=1)
    for index, entry in enumerate("abc"):
        assert named[entry]["rate"] == pytest.approx(wins[index], abs=1e-4)
        assert named[entry]["rank"] == pytest.approx(stats.mean_ranks(ranked)[index], abs=1e-4)
    # It has two of the three tasks: shown, and not ranked.
    assert named["short"]["rate"] is None
    assert named["short"]["rows"][2] == -1
    assert "once" not in named
    assert first["difference"]["compared"] == 3
    assert {words[line["entry"]] for line in second["lines"]} == set("abc") | {"short"}
    assert len(second["boards"]) == 2
    assert found["across"]["sample"] == []


def test_disjoint_tasks_make_sets_of_their_own(tmp_path):
    scores = np.full((4, 4), NONE)
    scores[:2, :2], scores[2:, 2:] = [[0.5, 0.6], [0.4, 0.7]], [[0.2, 0.3], [0.8, 0.9]]
    groups = shared_sets(made(tmp_path, scores, "abcd", "tuvw"))
    assert {(group.boards, group.entries) for group in groups} == {
        ((0, 1), frozenset("ab")),
        ((2, 3), frozenset("cd")),
    }


def test_every_set_is_without_gaps_and_brings_something_new(tmp_path):
    chance = np.random.default_rng(0)
    scores = np.where(chance.random((9, 6)) < 0.6, chance.random((9, 6)), NONE)
    names = [f"e{index}" for index in range(9)]
    groups = shared_sets(made(tmp_path, scores, names, "abcdef"))
    seen = set()
    for group in groups:
        rows = [names.index(entry) for entry in group.entries]
        assert not np.isnan(scores[np.ix_(rows, group.boards)]).any()
        cells = {(row, task) for row in rows for task in group.boards}
        assert cells - seen
        seen |= cells
    assert len(groups) > 1


def test_floors_alone_are_no_set(tmp_path):
    scores = np.array([[0.5, 0.6], [0.4, 0.7]])
    page = leaderboard.render(results(tmp_path, scores, ("floor-a", "floor-b"), "tu"))
    assert content(page)["across"]["official"] == []


def test_an_entry_is_one_across_tasks_whatever_it_is_fed(tmp_path):
    known = declared("timm:a", None, [])
    runs = [
        manifest("reben-mlc", "net-s1s2", 0.5),
        manifest("rsscn7", "net-rgb", 0.5),
        manifest("elsewhere", "net-rgb", 0.5),
        adapted("rsscn7", known, "ridge", 0.4),
    ]
    name = name_across({task: tasks.load(task) for task in ("reben-mlc", "rsscn7")})
    found = {result.task: name(result) for result in read(recorded(tmp_path, *runs))[0]}
    names = sorted(name(result) for result in read(tmp_path)[0])
    assert found["reben-mlc"] == "net"
    assert names == ["net", "net", "net-rgb", "timm:a, ridge"]
