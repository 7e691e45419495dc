"""What is in the Hub's cache is taken from there, and no more is asked of the network."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import models
from bench.base.errors import BenchError, RequestError
from bench.models import _snapshot, blip2
from bench.spec import task as tasks
from tests.hub.server import Hub, commit_of, serving

TASK = tasks.load("reben-mlc")
ENTRY = """\
name = "mine"
task = "reben-mlc"
input = "s1"
model = { architecture = "timm:test_resnet", weights = "model.safetensors" }
"""
FORMS: dict[str, dict[str, str]] = {
    "entry": {"entry.toml": ENTRY, "model.safetensors": "w", "README.md": "# Mine"},
    "without weights": {"entry.toml": ENTRY.replace(', weights = "model.safetensors"', "")},
    "checkpoint": {"config.json": "{}", "model.safetensors": "w"},
    "open_clip": {"open_clip_config.json": "{}", "open_clip_model.safetensors": "w"},
}
REPO = "alice/mine"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    # Relative, as in HF_HOME=cache: what is found must not depend on the current folder.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "cache")
    with serving(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def published(hub: Hub, files: dict[str, str], repo: str = REPO) -> str:
    (hub.root / repo).mkdir(parents=True, exist_ok=True)
    hub.apply(repo, {name: text.encode() for name, text in files.items()}, [])
    return commit_of(hub.root / repo)


def go_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def go_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


@pytest.mark.parametrize("form", FORMS)
def test_a_commit_that_is_there_is_asked_for_once(form: str, hub: Hub) -> None:
    commit = published(hub, FORMS[form])
    fetched = _snapshot.fetch(REPO, None)
    assert (fetched.commit, fetched.folder.is_absolute()) == (commit, True)
    hub.seen.clear()
    assert _snapshot.fetch(REPO, commit) == fetched
    assert not hub.seen
    # A branch may lead elsewhere by now.
    later = published(hub, {"notes.md": "x"})
    assert _snapshot.fetch(REPO, "main").commit == later


@pytest.mark.parametrize("leave", [go_offline, go_away])
@pytest.mark.parametrize("revision", [None, "main", "commit"])
@pytest.mark.parametrize("form", FORMS)
def test_without_the_hub_the_cache_serves(
    form: str,
    revision: str | None,
    leave: Any,
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    commit = published(hub, FORMS[form])
    fetched = _snapshot.fetch(REPO, None)
    leave(monkeypatch)
    asked = commit if revision == "commit" else revision
    assert _snapshot.fetch(REPO, asked) == fetched
    lines = [record.getMessage() for record in caplog.records]
    if leave is go_away and revision != "commit":
        (line,) = lines
        assert line.endswith(f"taken from the cache as hf:{REPO}@{commit}")
        assert "\n" not in line
    else:
        assert not lines


def test_an_entry_is_run_offline_by_its_name(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = published(hub, FORMS["entry"])
    before = models.find(f"hf:{REPO}", TASK)
    go_offline(monkeypatch)
    for name in (f"hf:{REPO}", f"hf:{REPO}@main", f"hf:{REPO}@{commit}"):
        assert models.find(name, TASK) == before


@pytest.mark.parametrize("leave", [go_offline, go_away])
@pytest.mark.parametrize(
    ("form", "gone"),
    [
        ("entry", "model.safetensors"),
        ("checkpoint", "model.safetensors"),
        ("open_clip", "open_clip_model.safetensors"),
    ],
)
def test_a_part_of_a_commit_is_no_commit(
    form: str, gone: str, leave: Any, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = published(hub, FORMS[form])
    fetched = _snapshot.fetch(REPO, commit)
    # The link stays where a blob was removed.
    (fetched.folder / gone).resolve().unlink()
    with monkeypatch.context() as away:
        leave(away)
        with pytest.raises(
            BenchError, match=rf"only a part of it: {gone} isn't in {fetched.folder}"
        ):
            _snapshot.fetch(REPO, commit)
    assert _snapshot.fetch(REPO, commit) == fetched
    assert (fetched.folder / gone).read_text() == "w"


def test_what_was_never_fetched_is_told_with_what_was(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = published(hub, FORMS["entry"])
    _snapshot.fetch(REPO, commit)
    go_offline(monkeypatch)
    with pytest.raises(BenchError, match=rf"is offline; the cache holds hf:{REPO}@{commit}"):
        _snapshot.fetch(REPO, "v1")
    with pytest.raises(BenchError, match=r"client is offline \(unset HF_HUB_OFFLINE\)"):
        _snapshot.fetch("alice/other", None)


def test_what_the_hub_says_counts_more_than_what_a_branch_was(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    commit = published(hub, FORMS["checkpoint"])
    fetched = _snapshot.fetch(REPO, None)
    for busy in (429, 503):
        hub.refuse = busy
        assert _snapshot.fetch(REPO, None) == fetched
        assert f"HTTP {busy}: taken from the cache" in caplog.messages[-1]
    hub.refuse = 404
    with pytest.raises(BenchError, match="HTTP 404"):
        _snapshot.fetch(REPO, None)
    assert _snapshot.fetch(REPO, commit) == fetched


def test_a_checkpoint_of_another_program_is_not_taken_for_the_whole(
    hub: Hub, tmp_path: Path
) -> None:
    commit = published(hub, FORMS["entry"] | FORMS["checkpoint"])
    # As transformers leaves it, which knows nothing of entry.toml.
    folder = tmp_path / "cache" / "models--alice--mine" / "snapshots" / commit
    folder.mkdir(parents=True)
    for name, text in FORMS["checkpoint"].items():
        (folder / name).write_text(text)
    assert (_snapshot.fetch(REPO, commit).folder / "entry.toml").is_file()


def test_a_name_of_a_branch_leads_to_no_file_elsewhere(hub: Hub, tmp_path: Path) -> None:
    made = _snapshot.Snapshot(REPO, published(hub, FORMS["entry"]), tmp_path)
    for name in ("../../../out", f"{tmp_path}/out", "a/../../../../out"):
        _snapshot._note(made, name, [])
    assert not list(tmp_path.rglob("out"))


@pytest.mark.parametrize("revision", [None, "commit"])
def test_weights_in_parts_are_all_wanted(
    revision: str | None, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    index = json.dumps({"weight_map": dict(zip("ab", parts, strict=True))})
    files = {"config.json": "{}", "model.safetensors.index.json": index} | dict.fromkeys(parts, "w")
    commit = published(hub, files)
    asked = revision and commit
    fetched = _snapshot.fetch(REPO, asked, blip2._wanted)
    go_offline(monkeypatch)
    assert _snapshot.fetch(REPO, asked, blip2._wanted) == fetched
    (fetched.folder / parts[1]).unlink()
    with pytest.raises(BenchError, match=f"{parts[1]} isn't in"):
        _snapshot.fetch(REPO, asked, blip2._wanted)


def test_a_wrong_name_is_wrong_offline_too(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    go_offline(monkeypatch)
    with pytest.raises(RequestError, match="names no repository"):
        models.find("hf:name", TASK)
