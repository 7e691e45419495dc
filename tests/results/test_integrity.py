import json

import pytest

from bench.base.errors import BenchError
from bench.results import integrity, store
from bench.results.runs import Run
from tests import run_json
from tests.fabricated import fabricate


def edited(run, change):
    path = run.folder / "run.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_a_run_as_it_was_written_is_not_altered(tmp_path):
    run, *_ = fabricate(tmp_path, "a")
    assert integrity.check(run).altered == []
    assert set(run_json.read(run)["parts"]) == {
        "attributes.parquet",
        "part-00000.parquet",
        "part-00001.parquet",
    }


def test_writing_the_same_manifest_again_keeps_its_hash(tmp_path):
    run, *_ = fabricate(tmp_path, "a")
    before = run.write_manifest(run.manifest())
    text = run.manifest_path.read_text()
    assert run.write_manifest(before) == before
    assert run.manifest_path.read_text() == text
    other = run.write_manifest(before.rescored((), (), before.harness))
    assert other == run.manifest()
    assert other.sha256 != before.sha256
    assert integrity.check(run).altered == []
    run.write_manifest(before.model_copy(update={"status": "predicting"}))
    assert "sha256" not in run_json.read(run)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda run: edited(run, lambda m: m["scores"][0].update(value=0.99)),
            "run.json was edited",
        ),
        (lambda run: edited(run, lambda m: m.pop("sha256")), "run.json was edited"),
        (lambda run: run.part(1).write_bytes(b"x"), "part-00001.parquet has other content"),
        (lambda run: run.part(1).unlink(), "part-00001.parquet is missing"),
        (lambda run: run.part(2).write_bytes(b"x"), "part-00002.parquet was added"),
        (
            lambda run: run.attributes_path().write_bytes(b"x"),
            "attributes.parquet has other content",
        ),
    ],
)
def test_what_was_changed_by_hand_is_named_and_listed_as_altered(tmp_path, change, found):
    run, *_ = fabricate(tmp_path, "a")
    fabricate(tmp_path, "b")
    change(run)
    assert integrity.check(run).altered == [found]
    assert store.rebuild(tmp_path) == (2, [])
    with store.connect(tmp_path, write=False) as connection:
        rows = connection.execute("select run, altered from runs order by run").fetchall()
    assert rows == [("a", True), ("b", False)]


def test_recording_again_lists_a_run_as_altered_too(tmp_path):
    run, *_ = fabricate(tmp_path, "a")
    store.record(tmp_path, run)
    run.part(0).write_bytes(b"x")
    store.record(tmp_path, run)
    with store.connect(tmp_path, write=False) as connection:
        assert connection.execute("select altered from runs").fetchall() == [(True,)]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda m: m["scores"][0].update(value=float("nan")), "NaN is no number"),
        (lambda m: m["scores"][1].update(low=float("inf")), "Infinity is no number"),
        (lambda m: m["scores"][0].update(value="0.5"), "scores.0.value"),
        (lambda m: m["scores"][0].pop("slice"), "scores.0.slice: Field required"),
        (lambda m: m.pop("entry"), "entry: Field required"),
        (lambda m: m.update(track="gold"), "track"),
        (lambda m: m.update(started="yesterday"), "started"),
        (lambda m: m.update(seed=1 << 70), "seed"),
        (lambda m: m["task"].update(name="x" * 1000), "task.name"),
        (lambda m: m.update(note=float("nan")), "NaN is no number"),
        (lambda m: m.update(note="\ud800"), "broken text"),
        (lambda m: m.update(run="b"), "it names run 'b'"),
        (lambda m: m.update(status="predicting"), "is not complete"),
    ],
)
def test_what_can_not_be_recorded_is_refused_with_the_reason(tmp_path, change, fault):
    run, *_ = fabricate(tmp_path, "a")
    edited(run, change)
    with pytest.raises(BenchError, match=fault):
        store.record(tmp_path, run)
    count, faults = store.rebuild(tmp_path)
    assert count == 0
    assert fault in faults[0]


def test_the_order_of_keys_in_a_score_means_nothing(tmp_path):
    run, *_ = fabricate(tmp_path, "a", score=0.25)
    manifest = run_json.read(run)
    manifest["scores"] = [dict(reversed(score.items())) for score in manifest["scores"]]
    run_json.write(run, manifest)
    store.record(tmp_path, Run(run.folder))
    with store.connect(tmp_path, write=False) as connection:
        row = connection.execute("select metric, value, samples from metrics where is_primary")
        assert row.fetchall() == [("ap", 0.25, 3)]
