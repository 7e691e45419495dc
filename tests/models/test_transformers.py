"""Encoders in the layout of transformers, from a Hub: what is built, fetched and refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.base.errors import BenchError, RequestError
from bench.models import encoders
from bench.models import transformers as source
from bench.spec import task as tasks
from tests.hub.server import Hub, commit_of, serving

transformers: Any = pytest.importorskip("transformers")

RSICD, REBEN = tasks.load("rsicd-retrieval"), tasks.load("reben-mlc")

VIT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}
STAGES: dict[str, Any] = {
    "embed_dim": 16,
    "depths": [1, 1],
    "num_heads": [2, 2],
    "window_size": 4,
    "image_size": 32,
    "patch_size": 4,
}
CONVOLUTIONS: dict[str, Any] = {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2}
TEXT = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "vocab_size": 50,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
TINY: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("vit", "vit_msn", "ijepa", "beit"), VIT),
    **dict.fromkeys(("dinov2", "dinov2_with_registers", "dinov3_vit"), VIT),
    **dict.fromkeys(("clip_vision_model", "siglip_vision_model"), VIT),
    **{kind: {"vision_config": VIT, "text_config": TEXT} for kind in ("clip", "siglip")},
    **dict.fromkeys(("swin", "swinv2"), STAGES),
    **dict.fromkeys(("convnext", "convnextv2"), CONVOLUTIONS),
    "dinov3_convnext": {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1]},
}
PROCESSOR: dict[str, Any] = {
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.25, 0.3],
    "size": {"height": 32, "width": 32},
    "resample": 3,
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with serving(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def publish(hub: Hub, kind: str, processor: dict[str, Any] = PROCESSOR, **changed: Any) -> Any:
    """A repository as save_pretrained writes it, with what must not be fetched beside it."""
    config = transformers.AutoConfig.for_model(kind, **TINY[kind] | changed)
    torch.manual_seed(1)
    model = transformers.AutoModel.from_config(config).eval()
    folder = hub.root / "someone" / kind
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    (folder / "pytorch_model.bin").write_bytes(b"never fetched")
    (folder / "modeling_own.py").write_text("raise SystemExit")
    return model


def network_of(found: Any) -> Any:
    return encoders.network(found)


@pytest.mark.parametrize("kind", sorted(source.KINDS))
def test_every_kind_gives_the_features_of_its_network(kind: str, hub: Hub) -> None:
    own = publish(hub, kind)
    found = encoders.find(f"transformers:someone/{kind}", RSICD)
    assert (found.input.mean, found.input.std) == ((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
    assert (found.input.size, found.input.resampling) == (32, "bicubic")
    assert found.arguments == {"commit": commit_of(hub.root / "someone" / kind)}
    assert sorted(set(hub.fetched)) == [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]
    network = network_of(found)
    images = torch.randn(2, 3, 32, 32)
    own = getattr(own, "vision_model", own)
    with torch.inference_mode():
        pooled, grid = network.features(images, "pooled"), network.features(images, "map")
        expected = own(pixel_values=images)
    assert grid.shape[2] == grid.shape[3] >= 1
    assert pooled.shape == grid.shape[:2]
    last = expected.last_hidden_state
    if last.ndim == 3:
        places = grid.shape[2] * grid.shape[3]
        last = last[:, last.shape[1] - places :].transpose(1, 2).reshape(grid.shape)
    torch.testing.assert_close(grid, last)


def test_bands_that_look_alike_feed_it_and_radar_does_not(hub: Hub) -> None:
    publish(hub, "vit")
    found = encoders.find("transformers:someone/vit", REBEN, given="s2")
    assert found.channels == {"red": "B04", "green": "B03", "blue": "B02"}
    hub.fetched.clear()
    with pytest.raises(RequestError, match="needs red"):
        encoders.find("transformers:someone/vit", REBEN, given="s1")
    assert "model.safetensors" not in hub.fetched


def test_what_was_fetched_serves_without_the_hub(hub: Hub) -> None:
    publish(hub, "vit")
    found = encoders.find("transformers:someone/vit", RSICD)
    hub.refuse = 500
    hub.server_close()
    commit = found.arguments["commit"]
    again = encoders.find(f"transformers:someone/vit@{commit}", RSICD)
    assert again.weights is not None and found.weights is not None
    assert again.weights.sha256 == found.weights.sha256
    network_of(again)


def test_changed_weights_are_refused(hub: Hub) -> None:
    publish(hub, "vit")
    found = encoders.find("transformers:someone/vit", RSICD)
    publish(hub, "vit", num_hidden_layers=1)
    declared = found.weights
    assert declared is not None
    elsewhere = found.model_copy(
        update={"weights": declared.model_copy(update={"sha256": "0" * 64, "file": None})}
    )
    with pytest.raises(BenchError, match="has other weights by now"):
        encoders.network(elsewhere)


def test_weights_that_do_not_fit_are_refused(hub: Hub) -> None:
    publish(hub, "vit")
    folder = hub.root / "someone" / "vit"
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(BenchError, match="16 tensors are missing or of another"):
        encoders.network(encoders.find("transformers:someone/vit", RSICD))


def test_sizes_and_crops_of_the_preprocessing_become_the_contract(hub: Hub) -> None:
    publish(
        hub,
        "vit",
        PROCESSOR
        | {
            "size": {"shortest_edge": 36},
            "do_center_crop": True,
            "crop_size": {"height": 32, "width": 32},
            "resample": 2,
            "do_normalize": False,
        },
    )
    found = encoders.find("transformers:someone/vit", RSICD)
    assert (found.input.size, found.input.fit, found.input.resampling) == (32, "crop", "bilinear")
    assert found.input.mean == (0, 0, 0)


@pytest.mark.parametrize(
    ("config", "processor", "said"),
    [
        ({"model_type": "bert"}, {}, "is of type bert"),
        ({"model_type": "own", "auto_map": {"AutoModel": "modeling_own.Own"}}, {}, "of type own"),
        ({"num_channels": 6}, {}, "takes 6 channels"),
        ({}, {"rescale_factor": 1.0}, "scaled by 1.0"),
        ({}, {"image_mean": [1.0]}, "image_mean"),
        ({"num_channels": "x"}, {}, "num_channels"),
    ],
)
def test_what_is_no_encoder_of_pictures_is_refused(
    config: dict[str, Any], processor: dict[str, Any], said: str, hub: Hub
) -> None:
    publish(hub, "vit", PROCESSOR | processor)
    file = hub.root / "someone" / "vit" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    with pytest.raises(BenchError, match=said):
        encoders.find("transformers:someone/vit", RSICD)
    assert "model.safetensors" not in hub.fetched
    assert "modeling_own.py" not in hub.fetched


def test_repositories_without_safetensors_are_refused(hub: Hub) -> None:
    publish(hub, "vit")
    (hub.root / "someone" / "vit" / "model.safetensors").unlink()
    with pytest.raises(RequestError, match=r"holds no model\.safetensors"):
        encoders.find("transformers:someone/vit", RSICD)
    with pytest.raises(RequestError, match="is no repository"):
        encoders.find("transformers:vit", RSICD)
