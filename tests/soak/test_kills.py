"""Commands killed at random moments and repeated: nothing lost, doubled, half there, left over.

``BENCH_KILLS`` says how many kills the long version does in all (150 by default).
"""

import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

from bench.base.files import sha256_json, tree_sha256
from bench.results import store
from bench.results.runs import Run, all_runs
from tests import run_json
from tests.fabricated import fabricate
from tests.tiny import brief

KILLS = int(os.environ.get("BENCH_KILLS", "150"))
AT_MOST = 4
"""Kills before a command may finish, so that every one is begun from many states."""


def soaked(share):
    return pytest.param(max(1, round(share * KILLS)), marks=pytest.mark.soak)


@pytest.fixture(scope="module")
def context(request):
    """Children of a process that has everything imported: they start, and die, in an instant."""
    made = multiprocessing.get_context("forkserver")
    training = [] if request.config.getoption("markexpr") == "not soak" else ["bench.train", "timm"]
    made.set_forkserver_preload(["bench.results.store", "bench.data.reben.prepare", *training])
    return made


def _begin(ready, environment, work, args):
    os.environ.clear()
    os.environ.update(environment)
    ready.send(None)
    work(*args)


def begun(context, work, *args):
    """A child at the beginning of its work."""
    here, there = context.Pipe()
    child = context.Process(target=_begin, args=(there, dict(os.environ), work, args))
    child.start()
    there.close()
    here.recv()
    here.close()
    return child


class Killer:
    """Kills what it starts, after a random share of the time that it takes undisturbed."""

    def __init__(self, context, work, capsys):
        self.context, self.work, self.capsys = context, work, capsys
        self.chance, self.kills, self.rounds, self.seconds = random.Random(0), 0, 0, 0.0

    def undisturbed(self, *args):
        # The first child waits for the imports of the process that it comes from.
        begun(self.context, str).join()
        child = begun(self.context, self.work, *args)
        start = time.monotonic()
        child.join()
        self.seconds = time.monotonic() - start
        assert child.exitcode == 0

    def finished(self, *args):
        """Start it until it has finished; some of the times it is killed."""
        self.rounds += 1
        for attempt in range(AT_MOST + 1):
            child = begun(self.context, self.work, *args)
            child.join(self.chance.uniform(0, 1.1) * self.seconds if attempt < AT_MOST else None)
            if child.is_alive():
                os.kill(child.pid, signal.SIGKILL)
                child.join()
            if child.exitcode == 0:
                return
            assert child.exitcode == -signal.SIGKILL
            self.kills += 1

    def report(self):
        with self.capsys.disabled():
            print(
                f"\n{self.work.__name__}: {self.kills} kills in {self.rounds} rounds of "
                f"{self.seconds:.1f} s; lost 0, doubled 0, half there 0, left over 0"
            )


@pytest.fixture
def killer(context, capsys):
    return lambda work: Killer(context, work, capsys)


def left_over(folder):
    marks = (".tmp", ".soft", ".partial", ".wal")
    old = (".new-", ".rebuild-", ".import-")
    return [p for p in folder.rglob("*") if p.name.endswith(marks) or p.name.startswith(old)]


def listed(results):
    with store.connect(results, write=False) as connection:
        return [
            run for (run,) in connection.execute("select run from runs order by run").fetchall()
        ]


@contextlib.contextmanager
def writing(results, about):
    """Runs are recorded as long as the block lasts; all of them are listed at its end."""
    over, recorded, failed = threading.Event(), [], []

    def write():
        try:
            while not over.is_set():
                run, _, _ = fabricate(results, f"{about}{len(recorded):04}", entry=about)
                store.record(results, run)
                recorded.append(run.name)
                over.wait(0.2)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert failed == []
    assert set(recorded) <= set(listed(results))


# Sample data and stores


def simulate(root):
    from bench.data import samples

    def write(folder):
        for number in range(60):
            (folder / f"{number}.bin").write_bytes(bytes([number]) * 2000)

    samples.ensure("small", Path(root), write, lambda text: None)


@pytest.mark.parametrize("kills", [3, soaked(0.15)])
def test_simulating(killer, tmp_path, kills):
    sought = killer(simulate)
    sought.undisturbed(tmp_path / "calm" / "small-1")
    expected = (tmp_path / "calm" / "small-1" / "SHA256").read_text()
    while sought.kills < kills:
        root = tmp_path / str(sought.rounds) / "small-1"
        sought.finished(root)
        assert left_over(root.parent) == []
        assert (root / "SHA256").read_text() == expected
        for note in ("SHA256", ".files.json"):
            (root / note).unlink()
        assert tree_sha256(root) == expected
    sought.report()


def prepare(root):
    from bench.data.reben import prepare as reben_prepare
    from bench.data.reben import reben

    reben_prepare._BATCH = 2
    reben.prepare(Path(root), 1, lambda done, total: None)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    from tests.data.test_reben import write_tree

    return write_tree(tmp_path_factory.mktemp("tree") / "reben")


@pytest.mark.parametrize("kills", [3, soaked(0.15)])
def test_preparing(killer, tree, tmp_path, kills):
    def fresh(name):
        return Path(shutil.copytree(tree, tmp_path / name, copy_function=os.link))

    sought = killer(prepare)
    sought.undisturbed(calm := fresh("calm"))
    expected = (calm / "BigEarthNet_LMDB" / "data.mdb").read_bytes()
    while sought.kills < kills:
        root = fresh(str(sought.rounds))
        sought.finished(root)
        assert left_over(root) == []
        assert (root / "BigEarthNet_LMDB" / "data.mdb").read_bytes() == expected
    sought.report()


# Training, prediction and scores


def evaluate(entry, results):
    from bench.evaluate.request import Request
    from bench.evaluate.stages import run, score

    asked = Request(task="reben-mlc", model=str(entry), track="sample", results=Path(results))
    made = run(asked)
    score(Run(Path(results) / "runs" / made["run"]), Path(results))


MEASURED = ("run", "started", "seconds", "cost", "predicted_here", "sha256", "entry")


def told(results):
    """What one run says, but for what it measures; its weights."""
    (run,) = all_runs(results)
    manifest = run_json.read(run)
    (weights,) = (results / "entries").rglob("model.safetensors")
    kept = {key: value for key, value in manifest.items() if key not in MEASURED}
    return sha256_json(kept), weights.read_bytes()


@pytest.mark.parametrize("kills", [soaked(0.3)])
def test_training_predicting_and_scoring(killer, sample_data, tmp_path, kills):
    entry, sought = brief(tmp_path / "brief", epochs=2), killer(evaluate)
    sought.undisturbed(entry, tmp_path / "warm")
    sought.undisturbed(entry, tmp_path / "calm")
    expected = told(tmp_path / "calm")
    while sought.kills < kills:
        results = tmp_path / str(sought.rounds)
        sought.finished(entry, results)
        assert told(results) == expected
        assert listed(results) == [run.name for run in all_runs(results)]
        assert left_over(results) == []
    sought.report()


# What reads and writes the database, beside others that write


def rebuild(results):
    store.rebuild(Path(results))


def show(results):
    from bench.report.leaderboard.page import write

    write(Path(results), Path(results) / "page.html")


@pytest.mark.parametrize("kills", [soaked(0.16)])
def test_rebuilding_beside_writers(killer, tmp_path, kills):
    sought = killer(rebuild)
    for name in "abcdef":
        store.record(tmp_path, fabricate(tmp_path, name)[0])
    sought.undisturbed(tmp_path)
    while sought.kills < kills:
        with writing(tmp_path, f"w{sought.rounds}-"):
            sought.finished(tmp_path)
        assert listed(tmp_path) == sorted(run.name for run in all_runs(tmp_path))
        assert left_over(tmp_path) == []
    sought.report()


@pytest.mark.parametrize("kills", [soaked(0.08)])
def test_the_page_beside_writers(killer, tmp_path, kills):
    sought = killer(show)
    for name in "abc":
        store.record(tmp_path, fabricate(tmp_path, name)[0])
    sought.undisturbed(tmp_path)
    while sought.kills < kills:
        with writing(tmp_path, f"w{sought.rounds}-"):
            sought.finished(tmp_path)
            page = (tmp_path / "page.html").read_text(encoding="utf-8")
            assert page.rstrip().endswith("</html>")
        assert left_over(tmp_path) == []
    sought.report()


# The Hub


def submit(folder, results):
    from bench.submissions import check
    from bench.submissions import submit as submits

    check.check = lambda folder, task: []
    submits.submit(submits.plan(Path(folder), "alice/mine", Path(results)), Path(results))


@pytest.mark.parametrize("kills", [soaked(0.06)])
def test_submitting_beside_writers(killer, hub, tmp_path, kills):
    from tests.submissions import test_submit

    folder, sought = tmp_path / "mine", killer(submit)
    folder.mkdir()
    (folder / "entry.toml").write_text(test_submit.DECLARED)
    while sought.kills < kills:
        # Other weights, so that there is something to publish.
        (folder / "model.safetensors").write_bytes(b"weights %d" % sought.rounds)
        results = tmp_path / f"results{sought.rounds}"
        test_submit.run_of(folder, results)
        if not sought.seconds:
            sought.undisturbed(folder, results)
            continue
        with writing(results, "w-"):
            sought.finished(folder, results)
        published = hub.root / "alice" / "mine" / "model.safetensors"
        assert published.read_bytes() == (folder / "model.safetensors").read_bytes()
        assert len(list((results / "submissions").glob("*.toml"))) == 1
        assert left_over(results) == []
    sought.report()


def sync(results, names):
    from bench.submissions import sandbox
    from bench.submissions import sync as submissions
    from bench.submissions.sandbox import Done, Limits
    from tests.submissions.test_submissions import manifest_of

    def run(job, limits, home):
        name = (job.folder / "entry.toml").read_text().split('"')[1]
        return Done(run=manifest_of(job.results, name, name, track=job.track).name)

    # What runs a stranger's model has tests of its own.
    sandbox.run = run
    found = [submissions.Found(f"alice/{name}", None) for name in names]
    outcomes = submissions.sync(found, Path(results), Limits())
    assert [outcome.state for outcome in outcomes] == ["reproduced"] * len(names)


@pytest.mark.parametrize("kills", [soaked(0.1)])
def test_syncing_beside_writers(killer, hub, tmp_path, monkeypatch, kills):
    from tests.submissions.test_submissions import publish

    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "no-data"))
    names, sought = ("one", "two", "three"), killer(sync)
    for name in names:
        publish(hub, tmp_path, name)
    sought.undisturbed(tmp_path / "calm", names)
    while sought.kills < kills:
        results = tmp_path / f"ours{sought.rounds}"
        with writing(results, "w-"):
            sought.finished(results, names)
        fetched = [run.name for run in all_runs(results) if not run.name.startswith("w-")]
        assert len(fetched) == len(names)
        assert listed(results) == sorted(run.name for run in all_runs(results))
        assert list((results / "submissions" / "begun").iterdir()) == []
        assert left_over(results) == []
    sought.report()
