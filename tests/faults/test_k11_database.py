"""The database beside other writers, on a full disk, and held by somebody."""

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import warnings

import duckdb
import pytest

from bench import api
from bench.base.errors import BenchError
from bench.results import store
from tests import run_json
from tests.fabricated import fabricate

RECORD = """
import sys
from pathlib import Path
from bench.results import store
from bench.results.runs import Run
results = Path(sys.argv[1])
for name in sys.argv[2:]:
    if name == "rebuild":
        store.rebuild(results)
    elif name == "read":
        with store.connect(results, write=False) as connection:
            connection.execute("select run, value from runs join metrics using (run)").fetchall()
    else:
        store.record(results, Run(results / "runs" / name))
"""


def listed(results):
    with store.connect(results, write=False) as connection:
        return [
            run for (run,) in connection.execute("select run from runs order by run").fetchall()
        ]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A results folder with two runs, recorded; copies of it are cheap."""
    results = tmp_path_factory.mktemp("made")
    for name in "ab":
        store.record(results, fabricate(results, name)[0])
    return results


@pytest.fixture
def results(made, tmp_path):
    return shutil.copytree(made, tmp_path / "results")


def test_runs_recorded_while_others_rebuild_and_read_are_all_there(results):
    begun = [f"r{number}{letter}" for number in range(2) for letter in "abc"]
    for name in begun:
        fabricate(results, name)
    work = [[name for name in begun if name[1] == str(number)] for number in range(2)]
    work += [["rebuild", "read"] * 2] * 2
    children = [
        subprocess.Popen([sys.executable, "-c", RECORD, results, *names], stderr=subprocess.PIPE)
        for names in work
    ]
    ended = [(child.communicate()[1].decode(), child.returncode) for child in children]
    assert ended == [("", 0)] * len(work)
    assert listed(results) == sorted(["a", "b", *begun])
    assert not list(results.glob(".*.tmp"))


def test_a_run_completed_while_a_rebuild_hashes_is_entered(results, monkeypatch):
    from bench.results import integrity

    check, late = integrity.check, []

    def slow(run):
        if not late:
            # Recorded after the rebuild has listed the runs, before it holds the lock.
            late.append(fabricate(results, "late")[0])
            store.record(results, late[0])
        return check(run)

    monkeypatch.setattr(integrity, "check", slow)
    assert store.rebuild(results) == (3, [])
    assert listed(results) == ["a", "b", "late"]


def test_a_run_that_changed_while_a_rebuild_hashes_is_read_again(results, monkeypatch):
    from bench.results.runs import Run

    held = store._writing

    def changing(path):
        run = Run(results / "runs" / "a")
        manifest = run_json.read(run)
        run_json.write(run, manifest | {"seed": 77})
        return held(path)

    monkeypatch.setattr(store, "_writing", changing)
    store.rebuild(results)
    with store.connect(results, write=False) as connection:
        query = "select seed from runs where run = 'a'"
        assert connection.execute(query).fetchone() == (77,)


@pytest.mark.parametrize("at", [16_384, 900_000])
def test_on_a_full_disk_the_old_database_stays(results, at):
    """A limit on the size of files stands for a full disk: every write beyond it fails."""
    for name in "cdef":
        fabricate(results, name)
    before = store.database(results).read_bytes()
    child = subprocess.run(
        [sys.executable, "-c", REBUILD, results],
        preexec_fn=lambda: limit(at),
        capture_output=True,
        check=False,
        text=True,
    )
    assert child.returncode == 1
    assert child.stderr.startswith("error: could not write ")
    assert store.database(results).read_bytes() == before
    assert listed(results) == ["a", "b"]
    store.rebuild(results)
    assert listed(results) == list("abcdef")
    assert not list(results.glob(".*.tmp"))


REBUILD = """
import sys
from bench.cli import main
sys.argv = ["bench", "results", "rebuild", "--results", sys.argv[1]]
main()
"""


def limit(size):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_database_that_does_not_reach_the_disk_does_not_replace_the_old(
    results, monkeypatch, number
):
    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    before = store.database(results).read_bytes()
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(BenchError, match="could not write"):
        store.rebuild(results)
    assert store.database(results).read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
def test_a_connection_of_this_process_is_no_damage(results, monkeypatch, read_only):
    monkeypatch.setattr(store, "_WAIT_SECONDS", 0.1)
    pattern = rf"is in use by another connection of this process \({os.getpid()}\)"
    with duckdb.connect(str(store.database(results)), read_only=read_only) as mine:
        with pytest.raises(BenchError, match=pattern), store.connect(results, write=read_only):
            pass
        # What it would show from now on were the old database.
        with pytest.raises(BenchError, match=pattern):
            store.rebuild(results)
        assert mine.execute("select count(*) from runs").fetchone() == (2,)
    assert store.rebuild(results) == (2, [])


def test_what_killed_commands_left_is_removed(results):
    for name in (".new-x1y2", ".rebuild-x1y2", ".import-x1y2"):
        (results / name).mkdir()
        (results / name / "results.duckdb").touch()
    code = "import os, sys; from bench.results import store; from pathlib import Path\n"
    code += "store.move = lambda *args: os.kill(os.getpid(), 9)\nstore.rebuild(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, results], check=False)
    assert len(list(results.glob(".*.tmp"))) == 1
    assert listed(results) == ["a", "b"]
    store.rebuild(results)
    hidden = {path.name for path in results.glob(".*")}
    assert hidden == {".results.duckdb.lock"}


def test_rows_in_the_log_of_a_killed_writer_are_kept_and_its_log_is_not(results):
    path = store.database(results)
    code = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1])\n"
    code += "c.execute('update runs set seed = 5'); os._exit(9)"
    subprocess.run([sys.executable, "-c", code, path], check=False)
    log = path.with_name(f"{path.name}.wal")
    assert log.is_file()
    assert listed(results) == ["a", "b"]
    store.rebuild(results)
    assert not log.exists()
    with store.connect(results, write=False) as connection:
        assert connection.execute("select distinct seed from runs").fetchall() == [(0,)]


def test_another_program_that_writes_keeps_a_rebuild_waiting(results, monkeypatch):
    monkeypatch.setattr(store, "_WAIT_SECONDS", 0.1)
    code = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, store.database(results)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        child.stdout.readline()
        with pytest.raises(BenchError, match=f"in use by .*PID {child.pid}"):
            store.rebuild(results)
    finally:
        child.communicate()
    assert store.rebuild(results) == (2, [])


def test_nothing_is_warned_of(results):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.rebuild(results)
        assert len(api.results(format="long", results=results)) == 4
