import subprocess
import sys

import duckdb
import pytest

from bench.base.errors import BenchError
from bench.results import store
from bench.results.runs import Run
from tests import run_json

HOLD = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def manifest(name, value=0.5, **changes):
    found = [run_json.score(value=value), run_json.score("ap", "classes", "'; drop", value)]
    return run_json.complete(name) | {"scores": found} | changes


def recorded(results, name, **changes):
    run = Run(results / "runs" / name)
    run_json.write(run, manifest(name, **changes))
    store.record(results, run)
    return run


def rows(results, table):
    with store.connect(results, write=False) as connection:
        return connection.execute(f"select * from {table} order by all").fetchall()


def test_recording_again_replaces(tmp_path):
    recorded(tmp_path, "a", value=0.25)
    recorded(tmp_path, "b")
    recorded(tmp_path, "a", value=0.75)
    with store.connect(tmp_path, write=False) as connection:
        query = "select run, value from metrics where is_primary order by run"
        assert connection.execute(query).fetchall() == [("a", 0.75), ("b", 0.5)]
    assert len(rows(tmp_path, "runs")) == 2


def test_rebuilding_gives_the_same_rows(tmp_path):
    for name in "abc":
        recorded(tmp_path, name)
    before = [rows(tmp_path, table) for table in ("runs", "metrics", "schema_version")]
    store.database(tmp_path).unlink()
    assert store.rebuild(tmp_path) == (3, [])
    assert [rows(tmp_path, table) for table in ("runs", "metrics", "schema_version")] == before


def test_unfinished_and_damaged_runs_are_left_out_and_named(tmp_path):
    recorded(tmp_path, "good")
    run_json.write(Run(tmp_path / "runs" / "half"), manifest("half", status="predicting"))
    (tmp_path / "runs" / "torn").mkdir()
    (tmp_path / "runs" / "torn" / "run.json").write_text('{"schema"')
    count, faults = store.rebuild(tmp_path)
    assert count == 1
    assert any("half is not complete" in fault for fault in faults)
    assert any("torn" in fault and "is not JSON" in fault for fault in faults)


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 1000, None])
def test_a_damaged_database_is_named_and_rebuilt(tmp_path, content):
    recorded(tmp_path, "a")
    path = store.database(tmp_path)
    before = rows(tmp_path, "metrics")
    path.write_bytes(path.read_bytes()[:5000] if content is None else content)
    with pytest.raises(BenchError) as caught:
        rows(tmp_path, "metrics")
    assert "bench results rebuild" in caught.value.hint
    store.rebuild(tmp_path)
    assert rows(tmp_path, "metrics") == before


def test_an_older_schema_is_named(tmp_path):
    recorded(tmp_path, "a")
    with duckdb.connect(str(store.database(tmp_path))) as connection:
        connection.execute("update schema_version set version = 0")
    with pytest.raises(BenchError, match="has schema 0, this version of rs-bench expects 4"):
        rows(tmp_path, "runs")


def test_published_numbers_of_an_earlier_schema_are_read_again(tmp_path):
    recorded(tmp_path, "a")
    before = rows(tmp_path, "reported"), rows(tmp_path, "runs")
    with duckdb.connect(str(store.database(tmp_path))) as connection:
        for column in ("related", "why", "leaves_out", "best_shown"):
            connection.execute(f"alter table reported drop column {column}")
        connection.execute("update schema_version set version = 3")
    assert (rows(tmp_path, "reported"), rows(tmp_path, "runs")) == before
    assert rows(tmp_path, "schema_version") == [(4,)]


def test_a_database_held_by_another_process_is_waited_for_then_named(tmp_path, monkeypatch):
    run = recorded(tmp_path, "a")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, store.database(tmp_path), "30"], stdout=subprocess.PIPE
    )
    try:
        holder.stdout.readline()
        monkeypatch.setattr(store, "_WAIT_SECONDS", 0.3)
        with pytest.raises(BenchError, match=f"in use by .*PID {holder.pid}"):
            store.record(tmp_path, run)
        monkeypatch.setattr(store, "_WAIT_SECONDS", 30.0)
        holder.kill()
        store.record(tmp_path, run)
    finally:
        holder.kill()
        holder.wait()
    assert len(rows(tmp_path, "runs")) == 1


def test_reading_where_nothing_was_recorded(tmp_path):
    with pytest.raises(BenchError, match="no results at"):
        rows(tmp_path, "runs")


def test_runs_that_came_without_the_database_are_entered_when_it_is_asked_for(tmp_path):
    for name in "ab":
        recorded(tmp_path, name)
    store.database(tmp_path).unlink()
    assert len(rows(tmp_path, "runs")) == 2
    store.database(tmp_path).unlink()
    # The first run of one's own doesn't hide them.
    recorded(tmp_path, "c")
    assert len(rows(tmp_path, "runs")) == 3


def test_runs_that_did_not_end_make_no_database(tmp_path):
    run = recorded(tmp_path, "a")
    run_json.write(run, run_json.read(run) | {"status": "predicting"})
    store.database(tmp_path).unlink()
    assert not store.exists(tmp_path)
    assert not store.database(tmp_path).exists()
