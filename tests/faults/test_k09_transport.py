"""Large files go and come by Xet where the Hub offers it, else as Git LFS does; nobody waits."""

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from bench.base import hub as hubs
from bench.base.errors import BenchError
from bench.models import _snapshot
from tests.hub.server import Hub

REPO, BOARD = "alice/mine", "board/entries"
FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 40}
LINE = "offers no Xet: large files go as Git LFS sends them"


@pytest.fixture(autouse=True)
def _default_transport(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    assert not constants.HF_HUB_DISABLE_XET
    assert pytest.importorskip("hf_xet")


@pytest.mark.parametrize("storage", ["none", "out of reach", "no address"])
def test_a_hub_without_xet_is_asked_once_and_gets_files_as_lfs(
    storage: str, hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    hub.xet = {"none": "", "out of reach": "http://127.0.0.1:9", "no address": "-"}[storage]
    hubs.publish(REPO, FILES, "Mine")
    assert (hub.root / REPO / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert {"xet", "batch", "upload"} <= hub.seen
    assert caplog.messages == [f"{hub.url} {LINE}"]
    assert not constants.HF_HUB_DISABLE_XET


@pytest.mark.parametrize("fault", [401, 403, 500, "refuse", "lose", "half", "stall", "nonsense"])
def test_whatever_becomes_of_the_question_the_files_arrive(
    fault: Any, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "XET_PATIENCE_S", 0.1)
    hub.fault = ("xet", fault)
    hubs.publish(REPO, FILES, "Mine")
    assert (hub.root / REPO / "model.safetensors").read_bytes() == FILES["model.safetensors"]


def test_where_xet_is_offered_it_is_used(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hub.xet = hub.url

    def upload(additions: Any, **more: Any) -> None:
        for one in additions:
            hub.objects[one.upload_info.sha256.hex()] = one.path_or_fileobj

    monkeypatch.setattr("huggingface_hub._commit_api._upload_xet_files", upload)
    hubs.publish(REPO, FILES, "Mine")
    assert (hub.root / REPO / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert "batch" not in hub.seen
    assert not caplog.messages


def test_who_switched_xet_off_is_not_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    hubs.publish(REPO, FILES, "Mine")
    assert "xet" not in hub.seen
    assert constants.HF_HUB_DISABLE_XET


def test_a_failure_leaves_the_transport_as_it_was(hub: Hub) -> None:
    hubs.publish(REPO, {"config.json": b"{}"}, "Mine")
    hub.fault = ("commit", 403)
    with pytest.raises(BenchError, match="HTTP 403"):
        hubs.publish(REPO, FILES, "Mine")
    assert not constants.HF_HUB_DISABLE_XET


def test_a_pull_request_with_a_large_file_is_opened(hub: Hub) -> None:
    (hub.root / "datasets" / BOARD).mkdir(parents=True)
    address = hubs.propose(BOARD, {"all.parquet": b"x" * 100}, "All")
    assert address.endswith("/discussions/1")
    (request,) = hub.requests[f"datasets/{BOARD}"]
    assert request.files == {"all.parquet": b"x" * 100}


def test_a_mirror_that_passes_on_xets_headers_is_read_over_http(hub: Hub, tmp_path: Path) -> None:
    hubs.publish(REPO, FILES, "Mine")
    hub.xet_hashes = True
    there = hubs.look(REPO)
    path = hubs.fetch(there, "model.safetensors", 1 << 20, tmp_path / "to")
    assert path.read_bytes() == FILES["model.safetensors"]
    fetched = _snapshot.fetch(REPO, None).folder / "model.safetensors"
    assert fetched.read_bytes() == FILES["model.safetensors"]
