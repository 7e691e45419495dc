"""Publishing and fetching, against a Hub on the loopback interface and all that can go wrong."""

import contextlib

import pytest

from bench.base import hub as hubs
from bench.base.errors import BenchError, RequestError
from tests.hub.server import FAULTS, READING, TOKEN, WRITING, commit_of

REPO, BOARD = "alice/mine", "board/entries"
FILES = {
    "entry.toml": b'name = "mine"\n',
    "README.md": b"---\ntags:\n- rs-bench\n---\n# Mine\n",
    "model.safetensors": bytes(range(256)) * 40,
    ".eval_results/rs-bench.yaml": b"[]\n",
}


@pytest.fixture
def board(hub):
    folder = hub.root / "datasets" / BOARD
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("A board")
    return folder


def hand_in(files=FILES):
    published = hubs.publish(REPO, files, "Mine", stale=("run.json",))
    text = f'revision = "{published.commit}"\n'.encode()
    title = f"Submit {REPO}@{published.commit}"
    return published, hubs.propose(BOARD, {"submissions/mine.toml": text}, title)


def held(folder):
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()}


def impatient(monkeypatch):
    monkeypatch.setattr(hubs, "TIMEOUT_S", 0.1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.1)


def until_met(hub, work):
    """Try until the fault is met: on a busy machine the impatient give up before."""
    for _ in range(20):
        with contextlib.suppress(BenchError):
            work()
        if hub.met:
            return


def test_an_entry_is_published_in_one_commit_and_proposed_once(hub, board):
    published, address = hand_in()
    assert set(published.changed) == set(FILES)
    assert held(hub.root / REPO) == FILES
    assert published.commit == commit_of(hub.root / REPO)
    assert address == f"{hub.url}/datasets/{BOARD}/discussions/1"
    assert hand_in() == (published._replace(changed=[]), address)
    assert hub.commits == [(REPO, "Mine")]


def test_only_what_differs_is_sent_and_what_is_stale_goes(hub, board):
    first, _ = hand_in()
    hub.apply(REPO, {"run.json": b"{}", "notes.md": b"my own"}, [])
    hub.seen.clear()
    second, _ = hand_in(FILES | {"entry.toml": b'name = "new"\n'})
    assert second.changed == ["entry.toml", "run.json"]
    assert "upload" not in hub.seen
    left = {path.name for path in (hub.root / REPO).iterdir()}
    assert "notes.md" in left
    assert "run.json" not in left
    assert hubs.look(REPO, first.commit).files.keys() == {*FILES, ".gitattributes"}


def test_a_merged_request_is_not_opened_again(hub, board):
    hand_in()
    (request,) = hub.requests.pop(f"datasets/{BOARD}")
    hub.apply(f"datasets/{BOARD}", request.files, [])
    assert hand_in()[1] == ""
    assert not hub.requests


def test_somebody_elses_request_of_the_same_title_is_not_ours(hub, board, monkeypatch):
    hand_in()
    monkeypatch.setattr("huggingface_hub.HfApi.whoami", lambda self: {"name": "mallory"})
    hand_in()
    assert len(hub.requests[f"datasets/{BOARD}"]) == 2


def told_in_one_line():
    try:
        hand_in()
    except BenchError as error:
        assert "\n" not in str(error)
        assert "secret" not in str(error)
        raise


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("endpoint", [*WRITING, "info"])
def test_what_fails_leaves_nothing_half_done_and_can_be_repeated(
    endpoint, fault, hub, board, monkeypatch, capfd
):
    hub.fault = (endpoint, fault)
    with monkeypatch.context() as patience:
        if fault == "stall":
            impatient(patience)
        until_met(hub, told_in_one_line)
    assert hub.met
    assert held(hub.root / REPO) in ({}, FILES)
    hub.fault = None
    hand_in()
    assert held(hub.root / REPO) == FILES
    assert hub.commits == [(REPO, "Mine")]
    assert len(hub.requests[f"datasets/{BOARD}"]) == 1
    assert TOKEN not in "".join(capfd.readouterr())


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("endpoint", READING)
def test_fetching_that_fails_can_be_repeated(endpoint, fault, hub, tmp_path, monkeypatch, capfd):
    hubs.publish(REPO, FILES, "Mine")
    hub.fault, hub.met = (endpoint, fault), 0

    def fetch():
        there = hubs.look(REPO)
        path = hubs.fetch(there, "model.safetensors", 1 << 20, tmp_path / "to")
        assert path.read_bytes() == FILES["model.safetensors"]

    with monkeypatch.context() as patience:
        if fault == "stall":
            impatient(patience)
        until_met(hub, fetch)
    assert hub.met
    hub.fault = None
    fetch()
    assert TOKEN not in "".join(capfd.readouterr())


def test_a_file_is_fetched_once_and_again_if_it_was_damaged(hub, tmp_path):
    hubs.publish(REPO, FILES, "Mine")
    there = hubs.look(REPO)
    for _ in range(2):
        path = hubs.fetch(there, "model.safetensors", 1 << 20, tmp_path)
    assert hub.fetched == ["model.safetensors"]
    path.write_bytes(bytes(len(FILES["model.safetensors"])))
    assert hubs.fetch(there, "model.safetensors", 1 << 20, tmp_path) == path
    assert path.read_bytes() == FILES["model.safetensors"]


def test_what_is_not_as_listed_is_not_taken(hub, tmp_path):
    hubs.publish(REPO, FILES, "Mine")
    there = hubs.look(REPO)
    with pytest.raises(BenchError, match="has 10240 bytes, at most 100 are fetched"):
        hubs.fetch(there, "model.safetensors", 100, tmp_path)
    with pytest.raises(BenchError, match=r"holds no other\.bin"):
        hubs.fetch(there, "other.bin", 100, tmp_path)
    (hub.root / REPO / "entry.toml").write_bytes(b'name = "evil"\n')
    lying = hubs.Repository(REPO, "model", commit_of(hub.root / REPO), there.files)
    with pytest.raises(BenchError, match="came damaged"):
        hubs.fetch(lying, "entry.toml", 1 << 20, tmp_path)
    assert not (tmp_path / "entry.toml").exists()


def test_a_file_that_the_repository_ignores_is_missed(hub):
    hubs.publish(REPO, {".gitignore": b"entry.toml\n"}, "Ignore")
    with pytest.raises(BenchError, match=r"didn't take entry\.toml.*\.gitignore"):
        hubs.publish(REPO, FILES, "Mine")


def test_who_may_not_write_is_told_so(hub, monkeypatch):
    with pytest.raises(BenchError, match=r"can't be made: HTTP 403.*must be allowed"):
        hubs.publish("bob/his", FILES, "Mine")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(BenchError, match=r"HTTP 401.*hf auth login"):
        hubs.publish(REPO, FILES, "Mine")
    assert not hub.commits


def test_what_changes_meanwhile_is_not_overwritten(hub, monkeypatch):
    hubs.publish(REPO, FILES, "Mine")
    look = hubs.look

    def look_and_lose(name, revision=None, kind="model"):
        there = look(name, revision, kind)
        hub.apply(REPO, {"notes.md": b"meanwhile"}, [])
        return there

    monkeypatch.setattr(hubs, "look", look_and_lose)
    with pytest.raises(BenchError, match=r"HTTP 412.*changed meanwhile"):
        hubs.publish(REPO, FILES | {"entry.toml": b"other"}, "Mine")
    assert held(hub.root / REPO) == FILES


def test_names_that_are_no_repository(hub):
    with pytest.raises(RequestError, match="names no repository"):
        hubs.look("a--b/..")


def test_all_pages_of_the_list_are_read(hub):
    names = [f"alice/m{index}" for index in range(5)]
    for name in names:
        hubs.publish(name, FILES, "Mine")
    assert sorted(hubs.tagged("rs-bench", 10)) == names
    assert len(hubs.tagged("rs-bench", 3)) == 3
    assert hubs.tagged("other", 10) == []
