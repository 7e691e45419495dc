"""Entries from the Hub, against a Hub on the loopback interface."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import bench.base.torch_setup  # noqa: F401
from bench import models
from bench.base import weights
from bench.base.errors import BenchError, RequestError
from bench.models import entries, hf
from bench.spec import task as tasks
from bench.spec.contract import Band, InputPipeline
from tests.hub.server import Hub, commit_of, serving

NEW, OLD = "resnet18-s1-v0.2.0", "resnet18-s1-v0.1.1"
OWNER = "BIFOLD-BigEarthNetv2-0"
TASK = tasks.load("reben-mlc")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with serving(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def _publish(
    hub: Hub, name: str, model: torch.nn.Module | None = None, nested: bool = False, **config: Any
) -> Path:
    """A repository in the layout of the published checkpoints, by default with empty weights."""
    folder = hub.root / OWNER / name
    folder.mkdir(parents=True)
    written = {
        "timm_model_name": "resnet18",
        "channels": 2,
        "classes": 19,
        "image_size": 120,
        "network_type": 0,
        "drop_rate": 0.15,
    } | config
    text = json.dumps({"config": written, "version": "0.2.0"} if nested else written)
    (folder / "config.json").write_text(text)
    tensors = {} if model is None else model.state_dict()
    prefixed = {f"model.vision_encoder.{key}": value for key, value in tensors.items()}
    save_file(prefixed, folder / "model.safetensors")
    (folder / "README.md").write_text("# A model")
    (folder / "example.png").write_bytes(b"never fetched")
    (folder / "pytorch_model.bin").write_bytes(b"never fetched")
    return folder


@pytest.mark.parametrize("nested", [False, True])
def test_both_band_orders_give_the_logits_of_the_original(nested: bool, hub: Hub) -> None:
    import timm  # Not before bench.base.torch_setup.

    torch.manual_seed(0)
    original = timm.create_model("test_resnet", num_classes=19, in_chans=2).eval()
    draw = np.random.default_rng(0)
    arrays = {b: draw.normal(-15, 5, (120, 120)).astype(np.float32) for b in ("VV", "VH")}
    by_hand = {"VV": (-12.643864, 5.133494), "VH": (-19.352558, 5.590506)}
    bands = {b: Band("sentinel-1-grd", 10, "dB") for b in arrays}
    for name, order in ((NEW, ("VV", "VH")), (OLD, ("VH", "VV"))):
        folder = _publish(hub, name, original, nested, timm_model_name="test_resnet")
        found = hf.entry(f"{OWNER}/{name}", TASK)
        assert found.input.bands == order
        assert found.source == f"hf:{OWNER}/{name}@{commit_of(folder)}"
        assert found.name == name
        pipeline = InputPipeline(found.input, bands)
        pixels = np.empty((1, *pipeline.shape(arrays)), np.float32)
        pipeline.apply(arrays, pixels[0])
        expected = np.stack([(arrays[b] - by_hand[b][0]) / by_hand[b][1] for b in order])
        model = models.build(found, 19).eval()
        assert found.weights is not None
        weights.fill(model, found.weights, found.model.weights_prefix)
        with torch.inference_mode():
            ours = model(torch.from_numpy(pixels))
            theirs = original(torch.from_numpy(expected[None].astype(np.float32)))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert set(hub.fetched) == {"config.json", "model.safetensors", "README.md"}


@pytest.mark.parametrize(
    ("name", "channels", "given"),
    [
        ("resnet50-s2-v0.2.0", 10, "s2"),
        ("BENv2-resnet50-42-s2-v0.1.1", 10, "s2-v0.1.1"),
        ("mobilevit_s-all-v0.2.0", 12, "s1s2"),
        ("mobilevit_s-all-v0.1.1", 12, "s1s2-v0.1.1"),
        ("resnet50-s2_full-v0.2.0", 12, "s2-full"),
        ("resnet50-all_full-v0.2.0", 14, "s1s2-full"),
    ],
)
def test_name_and_version_choose_the_input(name: str, channels: int, given: str, hub: Hub) -> None:
    _publish(hub, name, channels=channels)
    assert hf.entry(f"{OWNER}/{name}", TASK).input == TASK.input(given)


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("resnet18-s1", {}, r"order of its bands is unknown.*add an entry\.toml"),
        ("resnet18-s1-v0.3.0", {}, "order of its bands is unknown"),
        ("resnet18-v0.2.0", {}, "order of its bands is unknown"),
        ("resnet18-all_full-v0.1.1", {"channels": 14}, "unknown input 's1s2-full-v0.1.1'"),
        (NEW, {"channels": 3}, r"3 channels of 120 px, input s1 has 2 of 120"),
        (NEW, {"image_size": 224}, r"2 channels of 224 px, input s1 has 2 of 120"),
        (NEW, {"classes": 43}, "made for 43 classes, task reben-mlc has 19"),
        (NEW, {"classes": "many"}, r"config\.json is not that of a BigEarthNet.*classes"),
        (NEW, {"timm_model_name": "hf-hub:evil/model"}, r"timm_model_name"),
    ],
)
def test_checkpoints_that_are_not_understood(
    name: str, config: Any, message: str, hub: Hub
) -> None:
    _publish(hub, name, **config)
    with pytest.raises(BenchError, match=message):
        hf.entry(f"{OWNER}/{name}", TASK)


def test_an_entry_is_taken_as_it_is_and_a_revision_can_be_pinned(hub: Hub) -> None:
    folder = _publish(hub, "mine")
    made = hf.entry(f"{OWNER}/{_publish(hub, NEW).name}", TASK).model_copy(
        update={"name": "mine", "source": ""}
    )
    entries.save(made, folder)
    commit = commit_of(folder)
    found = hf.entry(f"{OWNER}/mine@{commit}", TASK)
    assert found.model_copy(update={"source": "", "folder": made.folder}) == made
    assert found.source == f"hf:{OWNER}/mine@{commit}"
    assert found.weights is not None
    assert found.weights.is_file()
    with pytest.raises(BenchError, match=r"doesn't exist on the Hub \(HTTP 404\)"):
        hf.entry(f"{OWNER}/mine@v9", TASK)


def test_weights_of_an_entry_have_their_one_name(hub: Hub) -> None:
    folder = _publish(hub, NEW)
    found = hf.entry(f"{OWNER}/{NEW}", TASK)
    model = found.model.model_copy(update={"weights": "other.safetensors"})
    entries.save(found.model_copy(update={"model": model}), folder)
    with pytest.raises(RequestError, match=r"called other\.safetensors"):
        hf.entry(f"{OWNER}/{NEW}", TASK)


def test_sizes_are_checked_before_anything_is_fetched(hub: Hub) -> None:
    _publish(hub, NEW)
    hub.claimed_sizes["model.safetensors"] = 1 << 40
    with pytest.raises(BenchError, match=f"model.safetensors has {1 << 40} bytes, at most"):
        hf.entry(f"{OWNER}/{NEW}", TASK)
    assert hub.fetched == []


def test_repositories_without_what_is_needed(hub: Hub) -> None:
    folder = _publish(hub, NEW)
    (folder / "model.safetensors").unlink()
    with pytest.raises(BenchError, match=r"holds no model\.safetensors"):
        hf.entry(f"{OWNER}/{NEW}", TASK)
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(BenchError, match=r"config\.json is not"):
        hf.entry(f"{OWNER}/{NEW}", TASK)
    (folder / "config.json").unlink()
    with pytest.raises(RequestError, match=r"neither entry\.toml nor config\.json"):
        hf.entry(f"{OWNER}/{NEW}", TASK)


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, r"HTTP 401.*hf auth login"), (404, "HTTP 404"), (503, "can't be fetched: HTTP 503")],
)
def test_refusals_are_one_line(status: int, message: str, hub: Hub) -> None:
    hub.refuse = status
    with pytest.raises(BenchError, match=message) as caught:
        hf.entry(f"{OWNER}/absent", TASK)
    assert "\n" not in str(caught.value)


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BenchError, match=r"can't be fetched: ConnectError.*is the Hub reachable"):
        hf.entry("owner/name", TASK)


@pytest.mark.parametrize("rest", ["", "name", "a/b/c", "a/b@", "../b", "a/b c", "a--b/..", "é/b"])
def test_names_that_are_no_repository(rest: str) -> None:
    with pytest.raises(RequestError, match="names no repository"):
        hf.entry(rest, TASK)
