"""What the page says of observations is what `bench compare` and the kind say."""

from dataclasses import asdict

import numpy as np
import pytest

from bench import kinds
from bench.kinds.common.scoring import score
from bench.report import leaderboard
from bench.report.compare import compare
from bench.report.leaderboard import observed
from bench.results import store
from bench.spec import task as tasks
from tests.report.leaderboard.fabricated import manifest, recorded
from tests.report.leaderboard.test_page import content
from tests.report.test_compare import MLC, labelled, logits, record, targets


@pytest.fixture
def results(tmp_path):
    """Three entries with the scores that their observations give."""
    kind = kinds.of(tasks.load(MLC))
    for seed, (name, noise) in enumerate((("good", 1.0), ("fair", 1.3), ("poor", 3.0))):
        run = record(tmp_path, name, MLC, labelled(logits(noise, len(name))), seed=seed)
        found = score(kind, run.observations(), run.attributes())
        run = record(
            tmp_path,
            name,
            MLC,
            labelled(logits(noise, len(name))),
            scores=[asdict(one) for one in found.scores],
            left_out=list(found.left_out),
            parts=run.hashes(),
            seed=seed,
        )
        store.record(tmp_path, run)
    return tmp_path


def said(results):
    found = content(leaderboard.render(results))
    (board,) = found["boards"]
    words = found["words"]
    return board["observed"], words, [words[i] for i in board["entry"]]


def test_differences_are_those_of_the_verb(results):
    found, words, entries = said(results)
    assert [pair[:2] for pair in found["pairs"]] == [[0, 1], [0, 2], [1, 2]]
    for one, other, value, low, high, p, paired in found["pairs"]:
        (wanted,) = compare([entries[one], entries[other]], MLC, results).pairs
        assert (value, low, high) == pytest.approx((wanted.value, wanted.low, wanted.high), 1e-3)
        assert p == pytest.approx(wanted.p, 1e-3)
        assert paired == 1
    for pair in found["close"]:
        wanted = compare([entries[row] for row in pair["rows"]], MLC, results)
        assert pair["ahead"] == [getattr(wanted.per_sample, n) for n in ("ahead", "behind", "even")]
        classes = {
            words[label]: [value, verdict] for label, value, _, _, verdict in pair["classes"]
        }
        assert classes == {
            one.label: [pytest.approx(one.value, 1e-3), one.verdict] for one in wanted.classes
        }
        assert [words[name] for name, _, _ in pair["gains"]] == [
            name for name, _, _ in wanted.per_sample.gains
        ]


def test_classes_are_counted_where_they_occur(results):
    found, words, _ = said(results)
    positives = {words[int(label)]: count for label, count in found["positives"].items()}
    classes = tasks.load(MLC).classes
    assert positives == dict(zip(classes, targets().sum(axis=0).tolist(), strict=True))


def test_the_worst_samples_have_the_lowest_scores(results):
    found, words, entries = said(results)
    kind = kinds.of(tasks.load(MLC))
    scores = kind.sample_scores(
        record(results, "again", MLC, labelled(logits(3.0, 4))).observations()
    )
    worst = found["worst"][str(entries.index("poor"))]
    order = np.argsort(scores)[:5]
    assert [words[name] for name, _ in worst] == [f"s{index:04d}" for index in order]
    assert [value for _, value in worst] == pytest.approx(scores[order].tolist(), 1e-3)
    assert words[found["sample_score"]] == kind.sample_score


def test_runs_without_a_folder_and_large_boards_go_without(results, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other")
    task = tasks.load(MLC)
    about = {"digest": task.digest, "primary": task.primary}
    runs = [manifest(MLC, name, value, of_task=about) for name, value in (("a", 0.5), ("b", 0.6))]
    recorded(other, *runs)
    found, _, _ = said(other)
    assert list(found["pairs"][0][:3]) == [0, 1, 0.1]
    assert not found.get("worst")
    monkeypatch.setattr(observed, "MOST", 10)
    assert list(said(results)[0]) == ["pairs"]


def test_the_page_compares_two_entries_without_the_verb(chromium, results):
    leaderboard.write(results, results / "page.html")
    chromium.open(results / "page.html", f"#task={MLC}")
    chromium.run(
        "[...document.querySelectorAll('.board tbody input')].slice(0, 2).forEach((b) => b.click())"
    )
    text = chromium.texts(".comparison")[0]
    (wanted,) = compare(["good", "fair"], MLC, results).pairs
    assert f"+{wanted.value:.3f}" in text or f"+{wanted.value:.2f}" in text
    assert "of 120 samples" in text
    assert "By class: " in text
    counts = chromium.texts(".panel .bars tbody td:last-child")
    assert sorted(map(int, counts[:19])) == sorted(targets().sum(axis=0).tolist())
    chromium.find(".board tbody a").click()
    text = chromium.wait("return document.querySelector('dialog[open]')?.innerText")
    assert "Samples it got most wrong" in text
    assert "bench run --task reben-mlc --model good --track sample --seed 0" in text
    assert chromium.complaints() == []
