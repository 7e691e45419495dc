"""Curves of robustness and of training: what of the runs is drawn."""

import pytest

from bench.report import leaderboard
from tests.report.leaderboard.fabricated import manifest, recorded
from tests.report.leaderboard.test_page import content

ABOUT = {"digest": "e" * 64, "weights_sha256": "f" * 64}


def degraded(name, value, entry="net"):
    kind, _, size = name.partition("=")
    record = {"name": name, "kind": kind, "magnitude": float(size), "bands": [], "meaning": ""}
    return manifest(
        "t",
        entry,
        value,
        mark=name.replace("=", "-"),
        division="open",
        about=ABOUT,
        degradation=record | {"sha256": "a" * 64},
    )


@pytest.fixture
def results(tmp_path):
    rows = [
        {"epoch": e, "step": e * 3, "learning_rate": 0.1, "training_loss": 1 / e, "validation": v}
        for e, v in ((1, 0.3), (2, None), (3, 0.5))
    ]
    trained = {"seed": 0, "history": rows, "recipe": {"select": "primary"}}
    return recorded(
        tmp_path,
        manifest("t", "net", 0.7, mark="clean", about=ABOUT | {"trained": trained}),
        manifest("t", "other", 0.6),
        degraded("cloud=0.3", 0.5),
        degraded("cloud=0.1", 0.65),
        degraded("noise=1", 0.4),
    )


def test_degraded_runs_belong_to_the_entry_that_was_run_on_clean_images(results):
    found = content(leaderboard.render(results))
    (board,) = found["boards"]
    words = found["words"]
    assert len(board["places"]["rank"]) == 2
    lines = {words[one["kind"]]: one["lines"] for one in board["robustness"]}
    assert {kind: [row for row, _ in some] for kind, some in lines.items()} == {
        "cloud": [0],
        "noise": [0],
    }
    ((_, points),) = lines["cloud"]
    assert [point[:2] for point in points] == [[0.1, 0.65], [0.3, 0.5]]
    assert all(low < value < high for _, value, low, high, _ in points)


def test_a_training_is_carried_with_its_gaps(results):
    found = content(leaderboard.render(results))
    (board,) = found["boards"]
    assert list(board["learning"]) == ["0"]
    learnt = board["learning"]["0"]
    assert found["words"][learnt["by"]] == "primary"
    assert learnt["points"] == [[1, 0.3, 1.0], [2, None, 0.5], [3, 0.5, 0.3333]]


def test_both_are_drawn_and_the_run_shows_its_own(chromium, results):
    leaderboard.write(results, results / "page.html")
    chromium.open(results / "page.html", "#task=t")
    headings = chromium.texts(".panel h3")
    for wanted in ("Robustness to clouds", "Robustness to noise", "Learning curves"):
        assert wanted in headings
    said = chromium.run(
        "return [...document.querySelectorAll('.panel svg.chart')]"
        ".map((chart) => chart.getAttribute('aria-label'))"
    )
    assert any("net 0.700 at clean, 0.650 at 0.1, 0.500 at 0.3" in text for text in said)
    chromium.find(".board tbody a").click()
    chromium.wait("return document.querySelectorAll('dialog svg.chart').length === 2")
    assert chromium.complaints() == []
