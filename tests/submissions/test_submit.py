"""What is published of an entry, and what its repository says then."""

import json

import pytest
import yaml

from bench.base import hub
from bench.base.errors import RequestError
from bench.base.files import sha256_file
from bench.base.hub import sha256
from bench.models import entries
from bench.results import store
from bench.spec import task as tasks
from bench.submissions import check, submit
from bench.submissions.check import Finding
from bench.submissions.claims import read_submission
from tests import run_json
from tests.fabricated import fabricate
from tests.hub.server import commit_of

REPO = "alice/mine"
TASK = tasks.load("reben-mlc")
SPLIT = TASK.published(TASK.split)
DECLARED = """\
name = "mine"
title = "My network"
authors = ["A. Lice"]
licence = "Apache-2.0"
task = "reben-mlc"
input = "s1"
model = { architecture = "timm:test_resnet", weights = "model.safetensors" }
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """An entry; its checks have tests of their own."""
    monkeypatch.setattr(check, "check", lambda folder, task: [])
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "entry.toml").write_text(DECLARED)
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def run_of(folder, results, name="r", **changes):
    """A run of the entry that no model was needed for."""
    load = entries.load_predicted if "predictions" in (folder / "entry.toml").read_text() else None
    found = (load or entries.load)(folder, TASK)
    about = {"name": TASK.name, "version": 1, "digest": TASK.digest, "kind": TASK.kind}
    whole = {
        "task": about | {"primary": TASK.primary, "file": ""},
        "entry": {"name": "mine", "digest": found.digest(), "weights_sha256": "w"},
    }
    run, _, _ = fabricate(results, name, score=changes.pop("score", 0.5))
    about_data = {"data": run_json.read(run)["data"] | {"ids_sha256": SPLIT.ids_sha256}}
    run_json.write(run, run_json.read(run) | whole | about_data | changes)
    store.record(results, run)
    return run


def card(content):
    _, metadata, body = content.decode().split("---\n", 2)
    return yaml.safe_load(metadata), body


def test_a_plan_holds_the_entry_its_run_and_a_card(mine, tmp_path):
    run = run_of(mine, tmp_path)
    plan = submit.plan(mine, REPO, tmp_path, "board/entries")
    assert set(plan.files) == {"entry.toml", "model.safetensors", "run.json", "README.md"}
    assert plan.files["entry.toml"] == DECLARED.encode()
    assert json.loads(plan.files["run.json"]) == run_json.read(run)
    metadata, body = card(plan.files["README.md"])
    assert metadata["tags"] == ["rs-bench", "rs-bench-task:reben-mlc"]
    assert metadata["license"] == "apache-2.0"
    assert "model-index" not in metadata
    assert "bench run --task reben-mlc --model hf:alice/mine" in body
    assert any("board/entries" in call for call in plan.calls)
    assert any("remove from it" in call and ".eval_results" in call for call in plan.calls)


def test_official_scores_go_where_the_hub_shows_them(mine, tmp_path):
    run_of(mine, tmp_path, "a", score=0.25)
    run_of(mine, tmp_path, "b", track="official", score=0.75)
    plan = submit.plan(mine, REPO, tmp_path)
    (shown,) = yaml.safe_load(plan.files[".eval_results/rs-bench.yaml"])
    assert shown["value"] == 0.75
    metadata, _ = card(plan.files["README.md"])
    (index,) = metadata["model-index"]
    (result,) = index["results"]
    assert [metric["value"] for metric in result["metrics"]] == [0.75]
    assert result["dataset"]["type"] == "rs-bench/reben-mlc"


def test_the_users_own_card_is_kept(mine, tmp_path):
    run_of(mine, tmp_path, track="official")
    text = "---\nlicense: mit\ntags:\n- forests\ndatasets:\n- me/data\n---\n# Words\n\nof mine\n"
    (mine / "README.md").write_text(text)
    content = submit.plan(mine, REPO, tmp_path).files["README.md"]
    metadata, body = card(content)
    assert metadata["tags"] == ["forests", "rs-bench", "rs-bench-task:reben-mlc"]
    assert (metadata["license"], metadata["datasets"]) == ("mit", ["me/data"])
    assert body.strip() == "# Words\n\nof mine"
    (mine / "README.md").write_bytes(content)
    assert submit.plan(mine, REPO, tmp_path).files["README.md"] == content


def test_a_licence_the_hub_does_not_know_is_named(mine, tmp_path):
    text = DECLARED.replace("Apache-2.0", "Etalab-2.0")
    (mine / "entry.toml").write_text(text)
    run_of(mine, tmp_path)
    metadata, _ = card(submit.plan(mine, REPO, tmp_path).files["README.md"])
    assert (metadata["license"], metadata["license_name"]) == ("other", "Etalab-2.0")


def test_predictions_are_published_instead_of_weights(mine, tmp_path):
    (mine / "entry.toml").write_text(
        'name = "mine"\ntask = "reben-mlc"\n[predictions]\nfile = "mine.parquet"\n'
    )
    (mine / "mine.parquet").write_bytes(b"PAR1")
    run_of(mine, tmp_path)
    files = submit.plan(mine, REPO, tmp_path).files
    assert set(files) == {"entry.toml", "mine.parquet", "run.json", "README.md"}


def test_what_is_not_fit_is_refused(mine, tmp_path, monkeypatch):
    with pytest.raises(RequestError, match=r"no whole run of mine.*bench run --task reben-mlc"):
        submit.plan(mine, REPO, tmp_path)
    run_of(mine, tmp_path, "part", partial=True)
    run_of(mine, tmp_path, "other", entry={"name": "mine", "digest": "x", "weights_sha256": "w"})
    with pytest.raises(RequestError, match="no whole run of mine"):
        submit.plan(mine, REPO, tmp_path)
    for name in ("alice", "a/b/c", "../b c"):
        with pytest.raises(RequestError, match="names no repository"):
            submit.plan(mine, name, tmp_path)
    (mine / "README.md").write_text("---\n[\n---\n")
    run_of(mine, tmp_path)
    with pytest.raises(RequestError, match="metadata that can't be read"):
        submit.plan(mine, REPO, tmp_path)
    fault = Finding("declaration.licence", False, "no licence", "name one")
    monkeypatch.setattr(check, "check", lambda folder, task: [fault])
    with pytest.raises(RequestError, match=r"declaration\.licence: no licence.*bench check"):
        submit.plan(mine, REPO, tmp_path)


def test_weights_have_their_one_name(mine, tmp_path):
    (mine / "entry.toml").write_text(DECLARED.replace("model.safe", "best.safe"))
    (mine / "model.safetensors").rename(mine / "best.safetensors")
    run_of(mine, tmp_path)
    with pytest.raises(RequestError, match=r"called model\.safetensors: rename"):
        submit.plan(mine, REPO, tmp_path)


def test_what_was_submitted_is_pinned_and_submitting_again_changes_nothing(mine, tmp_path, hub):
    board = hub.root / "datasets" / "board" / "entries"
    board.mkdir(parents=True)
    (board / "README.md").write_text("A board")
    run = run_of(mine, tmp_path)
    first, second = (
        submit.submit(submit.plan(mine, REPO, tmp_path, "board/entries"), tmp_path)
        for _ in range(2)
    )
    assert set(first.changed) == {"entry.toml", "model.safetensors", "run.json", "README.md"}
    assert second.changed == []
    assert second.submission == first.submission
    assert second.request == first.request
    assert len(hub.commits) == 1
    published = hub.root / REPO
    pinned = read_submission(first.manifest)
    assert pinned == first.submission
    assert pinned.revision == commit_of(published)
    assert pinned.files == {name: sha256_file(published / name) for name in pinned.files}
    assert pinned.claims.scores["ap_macro"] == run_json.read(run)["scores"][0]["value"]
    (request,) = hub.requests["datasets/board/entries"]
    assert request.files == {"submissions/alice--mine.toml": first.manifest.read_bytes()}


def test_a_plan_asks_nothing_of_the_hub(mine, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "client", lambda: pytest.fail("the Hub was asked"))
    run_of(mine, tmp_path)
    plan = submit.plan(mine, REPO, tmp_path)
    assert sha256(plan.files["model.safetensors"]) == sha256(b"weights")


def test_a_small_entry_goes_into_a_folder_without_the_hub(mine, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "client", lambda: pytest.fail("the Hub was asked"))
    run = run_of(mine, tmp_path, track="official")
    to = tmp_path / "submissions"
    plan = submit.plan(mine, "", tmp_path, to=to)
    assert "bench run --task reben-mlc --model submissions/mine" in card(plan.files["README.md"])[1]
    first, second = (submit.submit(plan, tmp_path) for _ in range(2))
    names = {"entry.toml", "model.safetensors", "run.json", "README.md"}
    assert (set(first.changed), second.changed) == (names, [])
    assert first.manifest == to / "mine.toml"
    pinned = read_submission(first.manifest)
    assert pinned == first.submission
    assert (pinned.repo, pinned.revision) == ("", "")
    assert pinned.files == {name: sha256_file(to / "mine" / name) for name in names}
    assert pinned.claims.run == run.name
    (to / "mine" / "model.safetensors").write_bytes(b"others")
    (to / "mine" / "left.bin").write_bytes(b"")
    assert submit.submit(plan, tmp_path).changed == ["model.safetensors", "left.bin"]
    assert {path.name for path in (to / "mine").iterdir()} == names


def test_a_large_entry_belongs_on_the_hub(mine, tmp_path):
    (mine / "model.safetensors").write_bytes(bytes(1 << 20))
    run_of(mine, tmp_path)
    plan = submit.plan(mine, "", tmp_path, to=tmp_path / "submissions")
    with pytest.raises(RequestError, match=r"at most 1,048,576 go into a folder.*--repo"):
        submit.submit(plan, tmp_path)
    assert not (tmp_path / "submissions").exists()


@pytest.mark.parametrize(("repo", "to"), [("", None), (REPO, "submissions")])
def test_an_entry_goes_to_one_place(repo, to, mine, tmp_path):
    with pytest.raises(RequestError, match=r"write --repo OWNER/NAME or --to DIR"):
        submit.plan(mine, repo, tmp_path, to=to and tmp_path / to)
