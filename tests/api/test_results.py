"""Results as DataFrames and objects."""

import json
import logging
import subprocess
import sys

import pandas as pd
import pytest

import bench
from tests.tiny import tiny

TASK = "reben-mlc"
HOSTILE = "<img src=x onerror=alert(1)>\u202e"


@pytest.fixture(scope="module")
def folder(sample_data, tmp_path_factory):
    """A results folder with a run of two models."""
    root = tmp_path_factory.mktemp("api")
    for given in ("s1", "s2"):
        model = tiny(root / f"tiny-{given}", given=given)
        toml = model / "entry.toml"
        toml.write_text(toml.read_text().replace('name = "tiny"', f'name = "tiny-{given}"'))
        bench.run(TASK, model, track="sample", limit=20, results=root / "results")
    return root / "results"


@pytest.fixture(scope="module")
def run(folder):
    return bench.load_run("reben-mlc.tiny-s1", results=folder)


def test_a_run_is_an_object(run, folder):
    assert run.folder.parent == folder / "runs"
    assert (run.task, run.entry, run.track, run.trust) == (TASK, "tiny-s1", "sample", "rerun")
    assert run.samples == 20
    scores = run.scores
    (ranks,) = scores[scores["primary"]].to_dict("records")
    primary = run.primary
    assert primary.name == f"{ranks['metric']}_{ranks['average']}" == "ap_macro"
    assert (primary.value, primary.low, primary.high) == tuple(
        ranks[key] for key in ("value", "low", "high")
    )
    assert (primary.unit, primary.higher_is_better) == ("fraction", True)
    assert len(scores) == len(run.manifest.scores)
    assert scores.dtypes[["value", "low", "high"]].eq("float64").all()


def test_observations_are_a_table_with_what_samples_are_grouped_by(run):
    observations, table = run.observations(), run.table()
    assert observations["sample"].tolist() == table.column("sample").to_pylist()
    assert observations["logits"][0].shape == (19,)
    beside = run.observations(attributes=True)
    assert len(beside) == 20
    assert {"country", "tile"} <= set(beside.columns)


def test_a_run_is_shown_in_a_notebook_with_every_text_escaped(run, tmp_path):
    shown = run._repr_html_()
    for text in ("tiny-s1", "sample track", "rerun", "<th>95 % interval</th>", "ap_macro (ranks)"):
        assert text in shown
    assert f"{run.primary.value:.4f}" in repr(run)
    copy = tmp_path / "runs" / run.name
    copy.mkdir(parents=True)
    manifest = json.loads((run.folder / "run.json").read_text())
    manifest["entry"]["name"] = HOSTILE
    manifest["remarks"] = [HOSTILE]
    (copy / "run.json").write_text(json.dumps(manifest))
    hostile = bench.Run(copy)
    assert "<img" not in hostile._repr_html_()
    assert "&lt;img" in hostile._repr_html_()
    assert "\u202e" not in hostile._repr_html_() + repr(hostile)


def test_a_run_is_shown_in_a_terminal(run):
    from rich.console import Console

    console = Console(width=100)
    with console.capture() as captured:
        console.print(run)
    assert "ap_macro (ranks)" in captured.get()


def test_results_are_wide_or_long(folder, run):
    wide = bench.results(results=folder)
    assert isinstance(wide, pd.DataFrame)
    assert sorted(wide["entry"]) == ["tiny-s1", "tiny-s2"]
    row = wide.set_index("run").loc[run.name]
    assert (row["metric"], row["value"], row["low"]) == (
        "ap_macro",
        run.primary.value,
        run.primary.low,
    )
    long = bench.results(format="long", entry="tiny-s1", results=folder)
    assert len(long) == len(run.scores)
    assert long["primary"].sum() == 1
    assert bench.results(track="official", results=folder).empty
    assert list(bench.results(track="official", results=folder).columns) == list(wide.columns)


def test_published_numbers_stand_beside(folder):
    wide = bench.results(task=TASK, reported=True, results=folder)
    beside = wide[wide["trust"] == "reported"]
    assert set(wide["trust"]) == {"rerun", "reported"}
    assert set(beside["metric"]) == {"ap_macro"}
    assert beside["source"].str.len().gt(0).all()
    assert beside["run"].isna().all()
    assert beside["low"].isna().all()
    long = bench.results(task=TASK, reported=True, format="long", results=folder)
    assert (long["trust"] == "reported").sum() > len(beside)


def test_without_results_there_are_no_rows_and_wrong_names_are_told(tmp_path):
    assert bench.results(results=tmp_path).empty
    for options, told in (
        ({"task": "reben-mcl"}, "did you mean reben-mlc"),
        ({"track": "real"}, "unknown track"),
        ({"format": "square"}, "unknown format"),
    ):
        with pytest.raises(bench.RequestError, match=told):
            bench.results(results=tmp_path, **options)
    with pytest.raises(bench.RequestError, match="unknown kind 'retrievel'"):
        bench.tasks(kind="retrievel")


def test_tasks_are_listed_with_the_tracks_that_are_ready(sample_data):
    listed = bench.tasks().set_index("name")
    assert listed.loc[TASK, ["kind", "dataset", "primary"]].tolist() == [
        "multilabel",
        "reben",
        "ap_macro",
    ]
    assert listed.loc[TASK, "tracks"] == ("sample",)
    assert set(bench.tasks(kind="retrieval")["kind"]) == {"retrieval"}


def test_a_comparison_is_tables(folder, run):
    found = bench.compare("tiny-s1", "tiny-s2", task=bench.load_task(TASK), results=folder)
    (pair,) = found.pairs
    frame = found.to_frame()
    assert frame.loc[0, ["first", "second", "verdict"]].tolist() == [
        "tiny-s1",
        "tiny-s2",
        pair.verdict,
    ]
    assert frame.loc[0, "difference"] == pair.value
    classes = found.to_frame("classes")
    assert len(classes) == len(found.classes) == 19
    assert classes["label"].tolist() == [one.label for one in found.classes]
    entries = found.to_frame("entries")
    assert entries.set_index("entry").loc["tiny-s1", "ap_macro"] == pytest.approx(run.primary.value)
    with pytest.raises(bench.RequestError, match="unknown table"):
        found.to_frame("rows")
    other = bench.load_run("reben-mlc.tiny-s2", results=folder)
    assert bench.compare(run, other, task=TASK, results=folder).pairs == found.pairs


def test_the_leaderboard_is_written_where_it_is_asked_for(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert bench.leaderboard(results=folder) == tmp_path / "leaderboard.html"
    assert (tmp_path / "leaderboard.html").read_text().startswith("<!doctype html>")


def test_sql_gives_a_table(folder):
    frame = bench.query("select entry from runs order by entry", results=folder)
    assert frame["entry"].tolist() == ["tiny-s1", "tiny-s2"]
    with pytest.raises(bench.RequestError, match="expected one select"):
        bench.query("drop table runs", results=folder)


def test_news_is_logged_and_nothing_is_printed(folder, tmp_path, caplog, capfd):
    told = []
    asked = {"track": "sample", "limit": 2, "results": tmp_path}
    with caplog.at_level(logging.INFO, logger="bench"):
        bench.run(TASK, tiny(tmp_path / "tiny"), progress=lambda *news: told.append(news), **asked)
    assert any(record.message.startswith("sample track: simulated") for record in caplog.records)
    assert {record.name for record in caplog.records} >= {"bench"}
    assert {stage for stage, _, _ in told} == {"predict", "score"}
    assert all(0 <= done <= total for _, done, total in told)
    assert capfd.readouterr() == ("", "")


def test_an_incomplete_run_is_no_run(folder, run, tmp_path):
    copy = tmp_path / "runs" / run.name
    copy.mkdir(parents=True)
    manifest = json.loads((run.folder / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(manifest | {"status": "predicting"}))
    with pytest.raises(bench.RequestError, match="is not complete"):
        bench.load_run(run.name, results=tmp_path)


def test_scoring_again_gives_the_same_run(folder, run):
    before = run.scores
    again = bench.score(run, results=folder)
    assert again == run
    pd.testing.assert_frame_equal(again.scores, before)


def test_what_reads_results_imports_no_torch(folder, tmp_path):
    code = f"""
import sys
import bench
asked = {{"results": {str(folder)!r}}}
bench.results(format="long", reported=True, **asked)
bench.query("from runs", **asked)
run = bench.load_run("reben-mlc.tiny-s1", **asked)
run.scores, run.observations(), run._repr_html_()
bench.leaderboard({str(tmp_path / "page.html")!r}, **asked)
bench.tasks(), bench.load_task("reben-mlc")
bench.compare(run, "tiny-s2", task="reben-mlc", **asked)
print("torch" in sys.modules)
bench.score(run, **asked)
print("torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == ["False", "False"]
    assert done.stderr == ""
