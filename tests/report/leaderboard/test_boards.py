import numpy as np
import pytest

from bench.metrics.stats import smallest_visible
from bench.report import leaderboard
from bench.report.estimate import Trained, differences, estimate
from bench.report.leaderboard.boards import boards, places
from bench.report.leaderboard.overall import standings
from bench.report.leaderboard.read import read
from bench.results import store
from tests.report.leaderboard.encoded import ENCODERS, adapted, declared, few_labels
from tests.report.leaderboard.fabricated import manifest, recorded, score
from tests.report.leaderboard.test_page import content


def made(tmp_path, *manifests):
    return boards(read(recorded(tmp_path, *manifests))[0])


def order(board):
    return [(row.result.entry, row.place.rank, row.place.tier) for row in board.ranked]


def test_entries_are_ranked_best_first_with_tiers(tmp_path):
    (board,) = made(
        tmp_path,
        manifest("t", "low", 0.5),
        manifest("t", "high", 0.8),
        manifest("t", "nearly", 0.799),
    )
    assert order(board) == [("high", 1, 1), ("nearly", 2, 1), ("low", 3, 2)]
    assert [(r.place.best, r.place.worst) for r in board.ranked] == [(1, 2), (1, 2), (3, 3)]


def of_one_run(value, low, high):
    return estimate("ap_macro", [Trained(value, low, high, (), "sample", None, "i")])


def test_equal_values_share_a_rank():
    found = places("ap_macro", [of_one_run(v, v - 0.02, v + 0.02) for v in (0.7, 0.7, 0.1)])
    assert [place.rank for place in found] == [1, 1, 3]


def test_one_entry_is_first():
    assert [vars(place) for place in places("ap_macro", [of_one_run(0.3, None, None)])] == [
        {"rank": 1, "best": 1, "worst": 1, "tier": 1}
    ]


def test_a_metric_that_is_better_when_lower_ranks_upwards(tmp_path):
    runs = []
    for entry, value in (("far", 3.0), ("near", 0.4)):
        run = manifest("t", entry, 0.0, of_task={"primary": "rmse_mean"})
        run["scores"] = [score("rmse", "mean", "", value)]
        runs.append(run)
    (board,) = made(tmp_path, *runs)
    assert order(board) == [("near", 1, 1), ("far", 2, 2)]


@pytest.mark.parametrize(
    "other",
    [
        {"track": "sample"},
        {"of_task": {"digest": "e" * 64, "version": 2}},
        {"of_task": {"digest": "e" * 64}},
    ],
    ids=["track", "version", "digest"],
)
def test_what_cannot_be_compared_is_on_boards_of_its_own(tmp_path, other):
    found = made(tmp_path, manifest("t", "a", 0.5), manifest("t", "b", 0.9, mark="other", **other))
    assert sorted(row[0] for board in found for row in order(board)) == ["a", "b"]
    assert [len(board.rows) for board in found] == [1, 1]


def test_sample_runs_on_other_simulated_data_are_not_ranked_together(tmp_path):
    first = manifest("t", "a", 0.5, track="sample")
    second = manifest("t", "b", 0.5, track="sample")
    second["data"]["data_sha256"] = "9" * 64
    assert len(made(tmp_path, first, second)) == 2


def test_partial_altered_and_undefined_runs_are_not_ranked(tmp_path):
    nothing = manifest("t", "nothing", 0.99)
    nothing["scores"][0] |= {"value": None, "low": None, "high": None}
    edited = manifest("t", "edited", 0.6)
    made(
        tmp_path,
        manifest("t", "whole", 0.5),
        manifest("t", "partial", 0.99, partial=True),
        nothing,
        edited,
    )
    path = tmp_path / "runs" / edited["run"] / "run.json"
    path.write_text(path.read_text().replace("0.6,", "0.9,"))
    store.rebuild(tmp_path)
    (board,) = boards(read(tmp_path)[0])
    assert order(board) == [("whole", 1, 1)]
    reasons = {row.result.entry: row.result.unranked for row in board.rows if row.place is None}
    assert reasons == {"partial": "partial", "edited": "altered", "nothing": "no score"}


def test_several_seeds_stand_on_a_board_with_their_mean(tmp_path):
    runs = [manifest("t", "a", value, seed=seed) for seed, value in enumerate((0.9, 0.5, 0.6))]
    (board,) = made(tmp_path, *runs)
    (row,) = board.ranked
    # The run that is opened from the board is the median one.
    assert row.result.seed == 2
    assert sorted(other.seed for other in row.others) == [0, 1]
    assert row.score.value == pytest.approx(2 / 3)
    assert row.score.trainings == 3
    assert row.score.seed_error == pytest.approx(np.std([0.9, 0.5, 0.6], ddof=1) / np.sqrt(3))
    assert row.score.low < row.score.value < row.score.high


def left_out(of_samples, value):
    """A mean of as many samples without each of them."""
    of_samples = of_samples - of_samples.mean() + value
    return ((of_samples.sum() - of_samples) / (len(of_samples) - 1)).tolist()


def test_entries_on_the_same_samples_are_compared_sample_by_sample(tmp_path):
    shared = np.random.default_rng(0).normal(0, 0.2, 50)
    noise = np.random.default_rng(1).normal(0, 0.01, 50)
    runs = [manifest("t", name, value) for name, value in (("a", 0.60), ("b", 0.58), ("c", 0.2))]
    runs[0]["left_out"] = left_out(shared, 0.60)
    runs[1]["left_out"] = left_out(shared + noise, 0.58)
    for run in runs:
        run["scores"][0] |= {"low": run["scores"][0]["value"] - 0.06, "units": 50}
        run["scores"][0] |= {"high": run["scores"][0]["value"] + 0.06}
    (board,) = made(tmp_path, *runs)
    assert order(board) == [("a", 1, 1), ("b", 2, 2), ("c", 3, 3)]
    # Of c only the interval is known: it isn't paired, and no difference of it counts as typical.
    spread, paired = differences([row.score for row in board.ranked])
    assert paired.tolist() == [[True, True, False], [True, True, False], [False, False, False]]
    assert board.visible == pytest.approx(float(smallest_visible(spread.at((0, 1)))))
    # A floor is compared with all others, and is none of the typical entries.
    floor = manifest("t", "floor-prior", 0.1)
    floor["left_out"] = left_out(np.random.default_rng(2).normal(0, 0.5, 50), 0.1)
    floor["scores"][0] |= {"units": 50}
    (board,) = made(tmp_path / "floor", *runs, floor)
    assert board.visible == pytest.approx(float(smallest_visible(spread.at((0, 1)))))
    without = [dict(run) for run in runs]
    for run in without:
        run.pop("left_out", None)
    (other,) = made(tmp_path / "unpaired", *without)
    assert [tier for *_, tier in order(other)] == [1, 1, 2]
    assert other.visible is None


def test_of_one_model_the_newest_run_counts_not_the_best(tmp_path):
    same = {"digest": "e" * 64}
    (board,) = made(
        tmp_path,
        manifest("t", "a", 0.9, mark="old", about=same, started="2026-01-01T00:00:00+00:00"),
        manifest("t", "a", 0.5, mark="new", about=same, started="2026-02-01T00:00:00+00:00"),
    )
    (row,) = board.ranked
    assert row.result.primary.value == 0.5


def test_the_same_name_in_another_division_or_from_elsewhere_is_another_entrant(tmp_path):
    (board,) = made(
        tmp_path,
        manifest("t", "a", 0.5),
        manifest("t", "a", 0.6, mark="b", division="open"),
        manifest("t", "a", 0.7, mark="c", about={"source": "hf:someone/a@1"}),
        manifest("t", "a", 0.8, mark="d", about={"source": "hf:someone/a@2"}, seed=1),
    )
    assert len(board.ranked) == 3


def test_a_missing_result_is_no_lost_one(tmp_path):
    found = made(
        tmp_path,
        manifest("t", "all", 0.6),
        manifest("t", "weak", 0.1),
        manifest("u", "all", 0.6),
        manifest("u", "weak", 0.1),
        manifest("u", "once", 0.9),
    )
    rates = {standing.entry: standing.win_rate for standing in standings(found)}
    assert rates == {"once": 1.0, "all": 0.5, "weak": 0.0}


def test_a_common_tier_counts_half(tmp_path):
    found = made(tmp_path, manifest("t", "a", 0.6), manifest("t", "b", 0.601))
    assert {standing.win_rate for standing in standings(found)} == {0.5}


def test_an_entry_alone_has_no_win_rate(tmp_path):
    (alone,) = standings(made(tmp_path, manifest("t", "a", 0.6)))
    assert alone.win_rate is None
    assert alone.opponents == 0


def test_what_learnt_from_a_part_of_the_samples_is_never_ranked(tmp_path):
    (board,) = boards(read(few_labels(tmp_path))[0])
    assert [row.result.entry for row in board.ranked] == [
        "torchgeo-resnet18-rgb_moco-rgb-ridge",
        "timm-resnet18-a1_in1k-rgb-ridge",
        "timm-resnet18-rgb-ridge",
        "floor-statistics",
    ]
    others = [row for row in board.rows if row.place is None]
    assert {row.result.unranked for row in others} == {"label subset"}
    assert len(others) == 3 * 2 * 3
    for row in others:
        assert [other.subset.partition("-")[0] for other in row.others] == [
            row.result.subset.partition("-")[0]
        ] * 2
    (without,) = boards([result for result in read(tmp_path)[0] if not result.subset])
    assert without.visible == board.visible
    assert [row.place for row in without.ranked] == [row.place for row in board.ranked]


def test_a_run_of_all_samples_is_the_entry_without_a_number_of_labels(tmp_path):
    encoder = declared(*ENCODERS[0])
    same = {"digest": "e" * 64}
    (board,) = made(
        tmp_path,
        adapted("t", encoder, "knn", 0.5, about=same),
        adapted("t", encoder, "knn", 0.5, labels=("100%", 0), about=same),
    )
    (row,) = board.rows
    assert row.result.entry == "timm-resnet18-rgb-knn"
    assert len(row.others) == 1


@pytest.mark.parametrize("labels", [{"percent": "nothing"}, {"share": 1}, {"percent": "500"}])
def test_a_number_of_labels_that_cant_be_read_is_not_ranked(tmp_path, labels):
    (board,) = made(tmp_path, manifest("t", "a", 0.5, about={"labels": labels}))
    assert [row.result.unranked for row in board.rows] == ["label subset"]


def test_the_size_of_an_embedding_is_shown(tmp_path):
    cost = {"bytes_per_sample": 2048, "bytes_per_km2": 12800.0}
    page = content(leaderboard.render(recorded(tmp_path, manifest("t", "e", 0.5, cost=cost))))
    assert "2,048 bytes a sample, 12,800 bytes a square kilometre" in str(page["words"])
