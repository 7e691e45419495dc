"""Dealing with submissions; what runs them has tests of its own and is stood in for here."""

import shutil
from dataclasses import replace

import pytest

from bench.base import hub as hubs
from bench.base.errors import BenchError
from bench.base.files import sha256_file
from bench.results import manifest, store
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.submissions import sandbox
from bench.submissions import sync as submissions
from bench.submissions.claims import Submission, claims_of
from bench.submissions.sandbox import Done, Limits
from bench.submissions.sync import Found
from tests import run_json
from tests.fabricated import fabricate
from tests.hub.server import FAULTS, LISTING, READING, TOKEN, commit_of

TASK = tasks.load("reben-mlc")
ENTRY = 'name = "{name}"\ntask = "reben-mlc"\ntrained = {{ seed = 3 }}\n'
FOUND = 0.5


def manifest_of(results, name, digest, score=FOUND, **changes):
    about = {"name": TASK.name, "version": 1, "digest": TASK.digest, "kind": TASK.kind}
    whole = {
        "task": about | {"primary": TASK.primary, "file": ""},
        "entry": {"name": name, "digest": digest, "weights_sha256": "w"},
        "identity": run_json.identity(entry=digest),
    }
    run, _, _ = fabricate(results, f"{name}-run", score=score)
    run_json.write(run, run_json.read(run) | whole | changes)
    return run


def publish(hub, tmp_path, name, claimed=FOUND, **files):
    """A repository as `bench submit` makes them, with what its run is said to have scored."""
    run = manifest_of(tmp_path / "theirs" / name, name, name, claimed)
    content = {
        "entry.toml": ENTRY.format(name=name).encode(),
        "README.md": b"---\ntags:\n- rs-bench\n---\n",
        "model.safetensors": name.encode() * 100,
        "run.json": (run.folder / "run.json").read_bytes(),
        "pytorch_model.bin": b"never fetched",
    }
    named = {key.replace("__", "."): value for key, value in files.items()}
    hubs.publish(f"alice/{name}", content | named, "Mine")
    return hub.root / "alice" / name


def submission_of(folder, **changes):
    names = ("entry.toml", "README.md", "model.safetensors", "run.json")
    return Submission(
        **{
            "repo": f"alice/{folder.name}",
            "revision": commit_of(folder),
            "entry": folder.name,
            "task": TASK.name,
            "files": {name: sha256_file(folder / name) for name in names},
            "claims": claims_of(manifest.read(folder / "run.json")),
        }
        | changes
    )


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """Who was run; what stands in for the sandbox leaves a run of score 0.5."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "no-data"))
    names = []

    def run(job, limits, home):
        text = (job.folder / "entry.toml").read_text()
        name = text.split('"')[1]
        names.append(name)
        assert sorted(path.name for path in job.folder.iterdir()) == [
            *("README.md", "entry.toml", "model.safetensors"),
            *(["run.json"] if (job.folder / "run.json").is_file() else []),
        ]
        assert job.seed == 3
        made = manifest_of(job.results, name, name, track=job.track)
        return Done(run=made.name)

    monkeypatch.setattr(sandbox, "run", run)
    return names


def sync(wanted, results, **limits):
    return submissions.sync(wanted, results, Limits(**limits))


def recorded(results):
    with store.connect(results, write=False) as connection:
        query = "select entry, trust, json_extract_string(manifest, '$.entry.source') from runs"
        return sorted(connection.execute(query).fetchall())


def test_tagged_entries_are_run_recorded_and_compared(hub, ran, tmp_path):
    folders = [publish(hub, tmp_path, "honest"), publish(hub, tmp_path, "proud", claimed=0.6)]
    results = tmp_path / "ours"
    outcomes = sync(submissions.tagged("rs-bench"), results)
    assert [(o.entry, o.state, o.claimed, o.value) for o in outcomes] == [
        ("honest", "reproduced", 0.5, 0.5),
        ("proud", "not reproduced", 0.6, 0.5),
    ]
    assert outcomes[1].reason == "claimed ap_macro 0.6000, found 0.5000"
    assert recorded(results) == [
        (folder.name, "rerun", f"hf:alice/{folder.name}@{commit_of(folder)}") for folder in folders
    ]
    assert "pytorch_model.bin" not in hub.fetched
    assert not list((results / "submissions" / "begun").iterdir())
    assert submissions.known(results) == outcomes


def test_what_was_dealt_with_is_not_done_again(hub, ran, tmp_path):
    folder = publish(hub, tmp_path, "mine")
    results, wanted = tmp_path / "ours", [Found("alice/mine", None)]
    first = sync(wanted, results)
    fetched = list(hub.fetched)
    assert sync([*wanted, Found("alice/mine", commit_of(folder))], results) == first
    assert ran == ["mine"]
    assert hub.fetched == fetched
    hub.apply("alice/mine", {"entry.toml": ENTRY.format(name="new").encode()}, [])
    assert [outcome.entry for outcome in sync(wanted, results)] == ["new"]
    assert [row[0] for row in recorded(results)] == ["mine", "new"]
    shutil.rmtree(results / "runs")
    sync(wanted, results)
    assert ran == ["mine", "new", "new"]


def test_a_sync_that_is_killed_continues(hub, ran, tmp_path, monkeypatch):
    for name in ("one", "two", "three"):
        publish(hub, tmp_path, name)
    wanted = [Found(f"alice/{name}", None) for name in ("one", "two", "three")]
    results = tmp_path / "ours"
    for step in (
        "bench.results.store.record",
        "bench.submissions.sandbox.run",
        "bench.submissions.sync.write_json",
    ):
        with monkeypatch.context() as broken:
            broken.setattr(step, lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                sync(wanted, results)
    outcomes = sync(wanted, results)
    assert [outcome.state for outcome in outcomes] == ["reproduced"] * 3
    assert [row[0] for row in recorded(results)] == ["one", "three", "two"]
    assert len(list((results / "runs").iterdir())) == 3


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("endpoint", [*LISTING, *READING])
def test_whatever_the_hub_does_nothing_is_lost_or_doubled(
    endpoint, fault, hub, ran, tmp_path, monkeypatch, capfd
):
    for name in ("one", "two"):
        publish(hub, tmp_path, name)
    results = tmp_path / "ours"
    sync([Found("alice/one", None)], results)
    hub.fault, hub.met = (endpoint, fault), 0
    with monkeypatch.context() as patience:
        if fault == "stall":
            patience.setattr(hubs, "TIMEOUT_S", 0.2)
            patience.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
        try:
            for outcome in sync(submissions.tagged("rs-bench"), results):
                assert outcome.state in ("reproduced", "failed")
        except BenchError:
            assert endpoint == "list"
    assert hub.met
    hub.fault = None
    outcomes = sync(submissions.tagged("rs-bench"), results)
    assert [outcome.state for outcome in outcomes] == ["reproduced"] * 2
    assert [row[0] for row in recorded(results)] == ["one", "two"]
    assert TOKEN not in "".join(capfd.readouterr())
    assert all(TOKEN.encode() not in p.read_bytes() for p in results.rglob("*") if p.is_file())


def test_one_bad_submission_never_stops_the_rest(hub, ran, tmp_path):
    names = ("bad", "large", "lost", "unfit", "wild")
    publish(hub, tmp_path, "bad", entry__toml=b"a = " + b"[" * 1000)
    publish(hub, tmp_path, "unfit", entry__toml=b'task = "/etc/passwd.toml"\n')
    publish(hub, tmp_path, "wild", run__json=b"[" * 100_000)
    publish(hub, tmp_path, "large")
    publish(hub, tmp_path, "last")
    hub.claimed_sizes["model.safetensors"] = 1 << 40
    results = tmp_path / "ours"
    first = sync([Found("alice/large", None)], results)
    assert first[0].reason.startswith(f"model.safetensors has {1 << 40} bytes, at most")
    hub.claimed_sizes.clear()
    found = sync([Found(f"alice/{name}", None) for name in (*names, "last")], results)
    outcomes = {outcome.repo.partition("/")[2]: outcome for outcome in found}
    assert {name: outcome.state for name, outcome in outcomes.items()} == {
        "bad": "refused",
        "large": "refused",
        "lost": "failed",
        "unfit": "refused",
        "wild": "refused",
        "last": "reproduced",
    }
    assert "nested more than 32 deep" in outcomes["bad"].reason
    assert "HTTP 404" in outcomes["lost"].reason
    assert "unknown task '/etc/passwd.toml'" in outcomes["unfit"].reason
    assert "run.json is not JSON" in outcomes["wild"].reason
    assert [row[0] for row in recorded(results)] == ["last"]


def test_what_breaks_the_harness_itself_stops_only_that_submission(hub, ran, tmp_path, monkeypatch):
    for name in ("one", "two"):
        publish(hub, tmp_path, name)
    run = sandbox.run

    def broken(job, limits, home):
        if "one" in str(job.folder):
            raise ZeroDivisionError("surprise")
        return run(job, limits, home)

    monkeypatch.setattr(sandbox, "run", broken)
    first, second = sync([Found("alice/one", None), Found("alice/two", None)], tmp_path / "ours")
    assert (first.state, first.reason) == ("failed", "unexpected ZeroDivisionError: surprise")
    assert second.state == "reproduced"


def test_a_refusal_is_remembered_until_the_limits_change(hub, ran, tmp_path, monkeypatch):
    publish(hub, tmp_path, "slow")
    asked = []

    def run(job, limits, home):
        asked.append(limits.seconds)
        return Done(refused="it took longer than 1 s")

    monkeypatch.setattr(sandbox, "run", run)
    for seconds in (1, 1, 2):
        (outcome,) = sync([Found("alice/slow", None)], tmp_path / "ours", seconds=seconds)
        assert (outcome.state, outcome.reason) == ("refused", "it took longer than 1 s")
    assert asked == [1, 2]


def test_manifests_pin_what_is_run_and_what_is_claimed(hub, ran, tmp_path):
    folder = publish(hub, tmp_path, "mine")
    pinned = submission_of(folder)
    hub.apply("alice/mine", {"entry.toml": b"broken since"}, [])
    listed = tmp_path / "submissions"
    listed.mkdir()
    (listed / pinned.file_name).write_text(pinned.text())
    (listed / "broken.toml").write_text("repo = 1")
    found, faults = submissions.listed(listed)
    assert "broken.toml is no submission" in faults[0]
    (outcome,) = sync(found, tmp_path / "ours")
    assert (outcome.state, outcome.revision) == ("reproduced", pinned.revision)
    scores = pinned.claims.scores | {"ap_macro": 0.9}
    proud = pinned.model_copy(
        update={"claims": pinned.claims.model_copy(update={"scores": scores})}
    )
    (outcome,) = sync([found[0]._replace(manifest=proud)], tmp_path / "ours")
    assert (outcome.state, outcome.claimed) == ("not reproduced", 0.9)
    assert ran == ["mine"]


@pytest.mark.parametrize("name", ["entry.toml", "model.safetensors", "run.json"])
@pytest.mark.parametrize("change", ["other", "absent"])
def test_a_manifest_whose_files_are_others_is_refused(name, change, hub, ran, tmp_path):
    folder = publish(hub, tmp_path, "mine")
    pinned = submission_of(folder)
    files = pinned.files | {name: "0" * 64}
    if change == "absent":
        files.pop(name)
    changed = pinned.model_copy(update={"files": files})
    (outcome,) = sync([Found("alice/mine", pinned.revision, changed)], tmp_path / "ours")
    assert outcome.state == "refused"
    assert name in outcome.reason
    assert not ran


def test_without_official_data_an_official_claim_waits(hub, ran, tmp_path, monkeypatch):
    run = manifest_of(tmp_path / "theirs", "mine", "mine", track="official")
    publish(hub, tmp_path, "mine", run__json=(run.folder / "run.json").read_bytes())
    results, wanted = tmp_path / "ours", [Found("alice/mine", None)]
    (outcome,) = sync(wanted, results)
    assert (outcome.state, outcome.track) == ("not compared", "sample")
    assert outcome.reason == "its claim is for the official track"
    monkeypatch.setattr("bench.data.is_there", lambda root: True)
    (outcome,) = sync(wanted, results)
    assert (outcome.state, outcome.track) == ("reproduced", "official")


def test_who_claims_nothing_is_run_and_not_compared(hub, ran, tmp_path):
    publish(hub, tmp_path, "mine")
    hub.apply("alice/mine", {}, ["run.json"])
    (outcome,) = sync([Found("alice/mine", None)], tmp_path / "ours")
    assert (outcome.state, outcome.reason) == ("not compared", "it claims nothing")
    assert outcome.value == 0.5


def test_equal_weights_of_two_people_are_two_runs(hub, ran, tmp_path):
    for name in ("one", "two"):
        publish(hub, tmp_path, name, entry__toml=ENTRY.format(name="same").encode())
    results = tmp_path / "ours"
    made = manifest_of(results, "same", "same")
    store.record(results, made)
    found = sync([Found("alice/one", None), Found("alice/two", None)], results)
    assert len({outcome.run for outcome in found} | {made.name}) == 3
    assert all(Run(results / "runs" / outcome.run).complete() for outcome in found)


def test_two_syncs_do_not_share_a_folder(hub, ran, tmp_path, monkeypatch):
    publish(hub, tmp_path, "mine")
    results = tmp_path / "ours"

    def run(job, limits, home):
        with pytest.raises(BenchError, match="another process syncs"):
            sync([], results)
        return Done(failed="later")

    monkeypatch.setattr(sandbox, "run", run)
    (outcome,) = sync([Found("alice/mine", None)], results)
    assert replace(outcome, revision="", key="") == replace(
        outcome, state="failed", reason="later", revision="", key=""
    )


def test_the_commands_show_and_list_what_there_is(hub, ran, tmp_path, bench):
    names = ("honest", "proud")
    pinned = [
        submission_of(publish(hub, tmp_path, name, claimed=claimed))
        for name, claimed in zip(names, (0.5, 0.6), strict=True)
    ]
    listed = bench.folder / "submissions"
    listed.mkdir()
    for submission in pinned:
        (listed / submission.file_name).write_text(submission.text())
    asked = "--from submissions --results ours"
    # What stands in for the sandbox holds in this process only.
    new = bench.in_process(f"submissions list {asked} --json").json()
    assert [found["repo"] for found in new["new"]] == ["alice/honest", "alice/proud"]
    told = bench.in_process(f"submissions sync {asked}")
    assert "alice/proud: claimed ap_macro 0.6000, found 0.5000" in told.stdout
    (listed / "broken.toml").write_text("repo = 1")
    again = bench.in_process(f"submissions sync {asked} --json", code=1)
    assert "1 manifests can't be taken" in again.stderr
    states = [found["state"] for found in again.json()["submissions"]]
    assert sorted(states) == ["not reproduced", "reproduced"]
    assert bench.in_process(f"submissions list {asked} --json").json()["new"] == []
    assert ran == ["honest", "proud"]
