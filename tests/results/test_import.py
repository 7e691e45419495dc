import json
import multiprocessing
import os
import shutil

import pytest

from bench.base.errors import RequestError
from bench.base.files import tree_sha256
from bench.results import import_runs as module
from bench.results import store
from bench.results.import_runs import import_runs
from bench.results.manifest import MAX_BYTES
from bench.results.runs import Run
from tests import run_json
from tests.fabricated import fabricate


@pytest.fixture
def theirs(tmp_path):
    """A results folder of another machine with two runs."""
    folder = tmp_path / "theirs"
    for name in ("a", "b"):
        fabricate(folder, name)
    return folder


def listed(results):
    with store.connect(results, write=False) as connection:
        return [r[0] for r in connection.execute("select run from runs order by run").fetchall()]


@pytest.mark.parametrize("part", ["", "runs", "runs/a"])
def test_runs_are_copied_whole_recorded_and_recognised_the_next_time(theirs, tmp_path, part):
    here = tmp_path / "here"
    expected = ["a"] if part == "runs/a" else ["a", "b"]
    found = import_runs(theirs / part, here)
    assert (found.new, found.known, found.refused) == (expected, [], [])
    assert listed(here) == expected
    for name in expected:
        assert Run(here / "runs" / name).imported
        (here / "runs" / name / ".imported").unlink()
        assert tree_sha256(here / "runs" / name) == tree_sha256(theirs / "runs" / name)
        Run(here / "runs" / name).mark_imported()
    before = tree_sha256(here / "runs")
    again = import_runs(theirs / part, here)
    assert (again.new, again.known, again.refused) == ([], expected, [])
    assert tree_sha256(here / "runs") == before
    assert listed(here) == expected
    assert sorted(p.name for p in here.glob("[!.]*")) == ["results.duckdb", "runs"]
    assert not list(here.glob(".*.tmp"))


def test_a_run_in_place_but_not_listed_is_listed_by_the_next_import(theirs, tmp_path):
    """What a process killed between the rename and the database leaves."""
    here = tmp_path / "here"
    shutil.copytree(theirs / "runs" / "a", here / "runs" / "a")
    assert import_runs(theirs, here).known == ["a"]
    assert listed(here) == ["a", "b"]


def test_the_same_id_with_other_content_is_refused_and_both_stay(theirs, tmp_path):
    here = tmp_path / "here"
    import_runs(theirs, here)
    run = Run(theirs / "runs" / "a")
    run_json.write(run, run_json.read(run) | {"seconds": 99.0, "precision": "16-mixed"})
    before = tree_sha256(here / "runs")
    found = import_runs(theirs, here)
    assert (found.new, found.known) == ([], ["b"])
    assert len(found.refused) == 1
    assert "run a is here with other content: precision, seconds" in found.refused[0]
    assert tree_sha256(here / "runs") == before


def test_other_observations_under_the_same_id_are_refused(theirs, tmp_path):
    here = tmp_path / "here"
    fabricate(here, "a", seed=1)
    assert "other content: parts, seed" in import_runs(theirs, here).refused[0]


def test_a_copy_here_that_was_altered_is_not_taken_for_the_same(theirs, tmp_path):
    here = tmp_path / "here"
    import_runs(theirs, here)
    Run(here / "runs" / "a").part(0).write_bytes(b"x")
    refused = import_runs(theirs, here).refused
    assert "here, part-00000.parquet has other content" in refused[0]


def damage(run):
    run.part(0).write_bytes(run.part(0).read_bytes()[:-1])


def edit(run):
    path = run.folder / "run.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))


def link_out(run):
    run.part(0).unlink()
    run.part(0).symlink_to("/etc/hostname")


def link_manifest(run):
    (run.folder / "run.json").rename(run.folder.parent / "elsewhere.json")
    (run.folder / "run.json").symlink_to(run.folder.parent / "elsewhere.json")


def link_folder(run):
    run.folder.rename(run.folder.parent.parent / "moved")
    run.folder.symlink_to(run.folder.parent.parent / "moved")


def pipe(run):
    run.part(0).unlink()
    os.mkfifo(run.part(0))


def huge(run):
    with run.part(0).open("r+b") as stream:
        stream.truncate(module.MAX_FILE + 1)


def huge_manifest(run):
    with (run.folder / "run.json").open("r+b") as stream:
        stream.truncate(MAX_BYTES + 1)


def stray(run):
    (run.folder / "payload.pkl").write_bytes(b"x")


def subfolder(run):
    (run.folder / "part-00009.parquet").mkdir()


def other_name(run):
    manifest = run_json.read(run)
    run_json.write(run, manifest | {"run": "../../outside"})


def unfinished(run):
    run_json.write(run, run_json.read(run) | {"status": "predicting"})


def broken(run):
    (run.folder / "run.json").write_text('{"schema"')


def not_finite(run):
    path = run.folder / "run.json"
    manifest = json.loads(path.read_text())
    manifest["scores"][0]["value"] = float("nan")
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (damage, "part-00000.parquet has other content"),
        (edit, "run.json was edited"),
        (link_out, "part-00000.parquet of run a is a link"),
        (link_manifest, "run.json of run a is a link"),
        (link_folder, "run a is a link"),
        (pipe, "is no plain file"),
        (huge, "expected at most"),
        (huge_manifest, "expected at most"),
        (stray, "holds 'payload.pkl', which no run folder holds"),
        (subfolder, "no plain file"),
        (other_name, "it names run '../../outside'"),
        (unfinished, "is not complete"),
        (broken, "is not JSON"),
        (not_finite, "NaN is no number of JSON"),
    ],
)
def test_a_hostile_or_damaged_run_is_refused_and_the_others_are_taken(
    theirs, tmp_path, spoil, reason
):
    spoil(Run(theirs / "runs" / "a"))
    here = tmp_path / "here"
    found = import_runs(theirs, here)
    assert found.new == ["b"]
    assert len(found.refused) == 1
    assert reason in found.refused[0]
    assert listed(here) == ["b"]
    assert [path.name for path in (here / "runs").iterdir()] == ["b"]


@pytest.mark.parametrize("name", ["-rf", "a b", "a\n", "é", "x" * 201])
def test_a_folder_whose_name_is_no_run_id_is_refused(theirs, tmp_path, name):
    (theirs / "runs" / "a").rename(theirs / "runs" / name)
    assert "is no run id" in import_runs(theirs, tmp_path / "here").refused[0]


def test_where_there_is_no_run_it_says_what_is_expected(tmp_path):
    with pytest.raises(RequestError, match="holds no run"):
        import_runs(tmp_path, tmp_path / "here")
    with pytest.raises(RequestError, match="can't be read"):
        import_runs(tmp_path / "nowhere", tmp_path / "here")


def test_the_folder_itself_may_be_the_source(theirs):
    assert import_runs(theirs, theirs).known == ["a", "b"]


def _import(source, here, start):
    start.wait()
    found = import_runs(source, here)
    if found.refused:
        raise AssertionError(found.refused)


def test_two_imports_at_once_give_the_runs_once(theirs, tmp_path):
    here = tmp_path / "here"
    context = multiprocessing.get_context("fork")
    start = context.Event()
    both = [context.Process(target=_import, args=(theirs, here, start)) for _ in range(2)]
    for process in both:
        process.start()
    start.set()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert listed(here) == ["a", "b"]
