"""Where a run stands among published numbers and among recorded runs."""

import pytest

from bench.report.leaderboard.read import read
from bench.report.standing import published, standing
from bench.results.publications import NOTHING
from tests.report.leaderboard.encoded import few_labels
from tests.report.leaderboard.fabricated import manifest, recorded

PUBLICATION = """
title = "A paper"
authors = "A. Lice"
url = "https://example.org/paper"
trust = "reported"
{complete}

[[table]]
where = "Table 1"
tasks = ["reben-pixel"]
split = "test"
inputs = "sentinel-2-l2a"
differs = "{differs}"
metrics = {{ iou_macro = "percent" }}
values = {{ {values} }}
"""


@pytest.fixture
def results(tmp_path):
    (tmp_path / "reported").mkdir()
    return tmp_path


def publish(results, name, values, differs=NOTHING, complete="complete = true"):
    text = PUBLICATION.format(differs=differs, values=values, complete=complete)
    (results / "reported" / f"{name}.toml").write_text(text)


def test_the_published_range_is_of_comparable_values_where_there_are_any(results):
    assert published("reben-pixel", "iou_macro", results) is None
    publish(results, "other", "a = [10.0], b = [90.0]", differs="other images")
    found = published("reben-pixel", "iou_macro", results)
    assert (found.low, found.high, found.count, found.comparable) == (0.1, 0.9, 2, False)
    publish(results, "same", "a = [28.76], b = [30.0], c = [29.0]")
    found = published("reben-pixel", "iou_macro", results)
    assert (found.low, found.high, found.count, found.comparable) == (0.2876, 0.3, 3, True)
    assert published("reben-pixel", "accuracy_micro", results) is None
    assert found.whole


def test_a_range_says_whether_sources_leave_values_out_that_may_be_better(results):
    publish(results, "whole", "a = [28.76]")
    assert published("reben-pixel", "iou_macro", results).whole
    publish(results, "part", "b = [30.0]", complete='leaves_out = "a page"')
    assert not published("reben-pixel", "iou_macro", results).whole


def test_what_is_only_related_to_a_task_is_no_part_of_its_range(results):
    publish(results, "own", "a = [28.76]")
    text = (results / "reported" / "own.toml").read_text()
    other = 'experiments = ["fields"]\nrelated = "reben-pixel"\nwhy = "fields"'
    text = text.replace('tasks = ["reben-pixel"]', other).replace("28.76", "99.0")
    (results / "reported" / "other.toml").write_text(text)
    found = published("reben-pixel", "iou_macro", results)
    assert (found.low, found.high, found.count) == (0.2876, 0.2876, 1)


def test_a_run_stands_where_its_board_has_it(results):
    assert standing("none", "reben-mlc", results) is None
    made = [
        manifest("reben-mlc", "best", 0.7),
        manifest("reben-mlc", "same", 0.699),
        manifest("reben-mlc", "worst", 0.3),
        manifest("reben-mlc", "worst", 0.9, mark="part", partial=True),
        manifest("reben-pixel", "alone", 0.5),
    ]
    recorded(results, *made)
    best, _, worst, part, alone = (one["run"] for one in made)
    found = standing(best, "reben-mlc", results)
    assert (found.entrants, found.place.rank, found.place.best, found.place.worst) == (3, 1, 1, 2)
    found = standing(worst, "reben-mlc", results)
    assert (found.place.rank, found.place.tier, found.reason) == (3, 2, "")
    found = standing(part, "reben-mlc", results)
    assert (found.place, found.reason) == (None, "partial")
    assert standing(alone, "reben-mlc", results) is None
    assert standing(alone, "reben-pixel", results).entrants == 1


def test_a_run_of_a_part_of_the_samples_has_no_rank_and_changes_none(results):
    few_labels(results)
    known = {one.entry: one for one in read(results)[0]}
    small = known["timm-resnet18-rgb-ridge-1pct-draw0"].run
    found = standing(small, "rsscn7", results)
    assert (found.place, found.reason, found.entrants) == (None, "label subset", 4)
    whole = standing(known["timm-resnet18-rgb-ridge"].run, "rsscn7", results)
    assert (whole.place.rank, whole.entrants) == (3, 4)
