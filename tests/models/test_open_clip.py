"""Models of open_clip: what is built, what is fetched, and what is refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import bench.base.torch_setup  # noqa: F401
from bench import models
from bench.base import weights
from bench.base.errors import BenchError, RequestError
from bench.evaluate import stages as evaluate
from bench.evaluate.request import Request
from bench.models import encoders, entries
from bench.models import open_clip as source
from bench.spec import task as tasks
from bench.spec.contract import InputContract
from bench.spec.entry import Entry, Model
from tests.hub.server import Hub, commit_of, serving

TASK = tasks.load("rsicd-retrieval")
PAIRS = tasks.load("levir-cc-retrieval")
SMALL: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg.width": 64,
    "vision_cfg.layers": 1,
    "text_cfg.width": 32,
    "text_cfg.heads": 2,
    "text_cfg.layers": 1,
    "text_cfg.context_length": 16,
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with serving(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def small(size: int = 32, pairs: bool = False, **arguments: Any) -> torch.nn.Module:
    task = PAIRS if pairs else TASK
    contract = task.input(task.inputs[0]).model_copy(update={"size": size})
    torch.manual_seed(0)
    return source.build("ViT-B-32", SMALL | arguments, contract, 0).eval()


def publish(
    hub: Hub, repo: str, model: torch.nn.Module, config: dict[str, Any], **preprocessing: Any
) -> Path:
    """A repository as open_clip pushes it, with what must not be fetched beside it."""
    folder = hub.root / repo
    folder.mkdir(parents=True)
    text = {"model_cfg": config, "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(text))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_pytorch_model.bin").write_bytes(b"never fetched")
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"never fetched")
    return folder


def config_of(size: int = 32, **arguments: Any) -> dict[str, Any]:
    config = source.configured("ViT-B-32", SMALL | arguments)
    config["vision_cfg"]["image_size"] = size
    return config


def test_towers_embed_as_open_clip_does() -> None:
    import open_clip

    model, texts = small(), ["a river", "Many houses."]
    plain = open_clip.CLIP(**config_of()).eval()
    plain.load_state_dict(model.state_dict())
    images = torch.rand(2, 3, 32, 32)
    tokens = open_clip.get_tokenizer("ViT-B-32", context_length=16)(texts)
    with torch.inference_mode():
        assert torch.equal(model.encode_image(images), plain.encode_image(images))
        assert torch.equal(model.encode_text(texts), plain.encode_text(tokens))
        pairs = torch.cat([images, images.flip(0)], dim=1)
        unit = torch.nn.functional.normalize(plain.encode_image(images), dim=-1)
        torch.testing.assert_close(model.encode_image(pairs), unit + unit.flip(0))


@pytest.mark.parametrize("name", ["rsicd-retrieval", "levir-cc-retrieval", "aid-zeroshot"])
def test_a_repository_of_open_clip_is_an_entry_on_any_task(name: str, hub: Hub) -> None:
    task = tasks.load(name)
    made = small(224)
    folder = publish(hub, "someone/CLIP", made, config_of(224))
    found = models.find("hf:someone/CLIP", task)
    assert isinstance(found, Entry)
    assert found.source == f"hf:someone/CLIP@{commit_of(folder)}"
    assert found.input == task.input(task.inputs[0])
    assert task.division(found.input) == "closed"
    assert sorted(hub.fetched) == ["open_clip_config.json", "open_clip_model.safetensors"]
    network = models.build(found, 0)
    assert found.weights is not None
    weights.fill(network, found.weights, found.model.weights_prefix)
    for tensor, own in zip(network.parameters(), made.parameters(), strict=True):
        assert torch.equal(tensor, own)


def test_preprocessing_of_the_repository_becomes_the_contract(hub: Hub) -> None:
    publish(
        hub,
        "someone/other",
        small(64),
        config_of(64),
        mean=[0.5, 0.4, 0.3],
        std=[0.2, 0.2, 0.2],
        interpolation="bilinear",
        resize_mode="squash",
    )
    found = models.find("hf:someone/other", PAIRS)
    assert isinstance(found, Entry)
    assert (found.input.size, found.input.fit, found.input.resampling) == (64, "crop", "bilinear")
    assert found.input.mean == (0.5, 0.4, 0.3) * 2
    assert found.input.bands == ("R1", "G1", "B1", "R2", "G2", "B2")
    assert PAIRS.division(found.input) == "open"
    assert "squashed" in found.note


def test_a_tag_is_fetched_from_where_open_clip_says(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(hub, "timm/small", small(224), config_of(224, quick_gelu=True))
    known = {"hf_hub": "timm/small/", "url": "https://example.invalid/x.pt"}
    monkeypatch.setattr(source.open_clip, "get_pretrained_cfg", lambda name, tag: known)
    found = models.find("open_clip:ViT-B-32/openai", TASK)
    assert isinstance(found, Entry)
    assert found.name == "open_clip-ViT-B-32-openai"
    assert found.source.startswith("hf:timm/small@")
    assert found.model.architecture == "open_clip:ViT-B-32-quickgelu"
    # Training may begin with them; afterwards they are neither needed nor fetched.
    start = Model(
        architecture="open_clip:ViT-B-32",
        arguments=SMALL | {"quick_gelu": True, "pretrained": "openai"},
    )
    beginner = found.model_copy(update={"model": start})
    assert beginner.weights is None
    network = models.build(beginner, 0)
    assert torch.equal(network.logit_scale, small(224).logit_scale)
    assert torch.equal(network.token_embedding.weight, small(224).token_embedding.weight)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    done = start.model_copy(update={"weights": "open_clip_model.safetensors"})
    models.build(found.model_copy(update={"model": done}), 0)
    monkeypatch.setattr(
        source.open_clip, "get_pretrained_cfg", lambda name, tag: known | {"hf_hub": ""}
    )
    with pytest.raises(BenchError, match="only published as a pickle") as caught:
        models.find("open_clip:ViT-B-32/openai", TASK)
    assert "bench convert" in caught.value.hint


def test_without_the_hub_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(BenchError, match="can't be fetched") as caught:
        models.find("open_clip:ViT-B-32/openai", TASK)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("open_clip:ViT-B-33", "unknown open_clip model 'ViT-B-33'"),
        ("open_clip:ViT-B-32/nonsense", "unknown weights of open_clip:ViT-B-32 'nonsense'"),
        ("open_clip:coca_ViT-B-32", "writes captions besides"),
    ],
)
def test_unknown_names_are_refused(asked: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        models.find(asked, TASK)


def test_a_task_without_sentences_is_refused() -> None:
    with pytest.raises(RequestError, match="of kind multilabel"):
        models.find("open_clip:ViT-B-32", tasks.load("reben-mlc"))


@pytest.mark.parametrize(
    "argument",
    ["text_cfg.hf_model_name", "vision_cfg.timm_model_name", "vision_cfg.image_size", "cache_dir"],
)
def test_what_would_be_fetched_or_is_the_contracts_is_not_for_an_entry(argument: str) -> None:
    with pytest.raises(RequestError, match="not for an entry to choose"):
        small(**{argument: "x"})


@pytest.mark.parametrize(
    "arguments", [{"vision_cfg.nonsense": 1}, {"vision_cfg.width": 0}, {"text_cfg.heads": 5}]
)
def test_sizes_that_cannot_be_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="can't be built"):
        small(**arguments)


def test_contracts_of_other_pictures_are_refused() -> None:
    contract = TASK.input("clip")
    two = InputContract(
        bands=("R", "G"),
        units=contract.units,
        size=32,
        resampling="bicubic",
        mean=(0.0, 0.0),
        std=(1.0, 1.0),
    )
    for bad in (two, contract.model_copy(update={"size": None, "fit": "stretch"})):
        with pytest.raises(RequestError, match="takes pictures in RGB"):
            source.build("ViT-B-32", SMALL, bad, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "open_clip_config.json"),
        ('{"model_cfg": {"embed_dim": 1}}', "like none of open_clip's"),
        ('{"model_cfg": {}, "preprocess_cfg": {"interpolation": "random"}}', "interpolation"),
        ('{"model_cfg": ' + '{"a": ' * 60_000 + "1" + "}" * 60_001, "is not JSON"),
    ],
)
def test_hostile_configurations_are_refused(text: str, message: str, hub: Hub) -> None:
    folder = publish(hub, "someone/bad", small(), config_of())
    (folder / "open_clip_config.json").write_text(text)
    with pytest.raises(BenchError, match=message):
        models.find("hf:someone/bad", TASK)


def test_a_repository_with_pickles_only_is_refused(hub: Hub) -> None:
    folder = publish(hub, "someone/old", small(), config_of())
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(BenchError, match="holds no open_clip_model"):
        models.find("hf:someone/old", TASK)
    assert "open_clip_pytorch_model.bin" not in hub.fetched


def local(folder: Path, task: str = "rsicd-retrieval", size: int = 224) -> Path:
    """An entry with weights on disk."""
    made = models.find("open_clip:ViT-B-32", tasks.load(task))
    assert isinstance(made, Entry)
    model = Model(architecture="open_clip:ViT-B-32", arguments=SMALL, weights="model.safetensors")
    contract = made.input.model_copy(update={"size": size})
    folder.mkdir(parents=True)
    weights.save(small(size), folder / "model.safetensors")
    entries.save(
        made.model_copy(update={"name": "mine", "model": model, "input": contract}), folder
    )
    return folder


def test_an_entry_made_for_one_task_runs_on_its_kin(tmp_path: Path) -> None:
    folder = local(tmp_path / "mine")
    for name in ("rsitmd-retrieval", "whu-rs19-zeroshot", "reben-zeroshot"):
        task = tasks.load(name)
        found = entries.load(folder, task)
        assert found.task == "rsicd-retrieval"
        assert found.input == task.input("clip")
        assert task.division(found.input) == "closed"
    odd = entries.load(local(tmp_path / "odd", size=64), tasks.load("whu-rs19-zeroshot"))
    assert odd.input.size == 64
    with pytest.raises(RequestError, match="an entry for task rsicd-retrieval, not reben-mlc"):
        entries.load(folder, tasks.load("reben-mlc"))


def test_zero_shot_runs_end_to_end_and_says_what_the_entry_was_made_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.data.pictures import simulate as picture_sets

    monkeypatch.setattr(picture_sets, "PER_CLASS", 2)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    manifest = evaluate.run(
        Request(
            task="whu-rs19-zeroshot",
            model=str(local(tmp_path / "mine", size=32)),
            track="sample",
            results=tmp_path / "results",
            device="cpu",
            limit=8,
        )
    ).content()
    assert manifest["entry"]["task"] == "rsicd-retrieval"
    assert manifest["task"]["name"] == "whu-rs19-zeroshot"
    scores = {f"{s['metric']}_{s['average']}": s["value"] for s in manifest["scores"]}
    assert 0 <= scores["accuracy_micro"] <= 1
    # One picture's towers, not the thousands of sentences that name the classes.
    assert manifest["cost"]["macs"] < 5e6
    assert manifest["cost"]["parameters"] > 49_408 * 32


@pytest.mark.parametrize("name", ["ViT-B-32", "RN50", "ViT-B-16-SigLIP"])
def test_the_tower_of_pictures_is_an_encoder(name: str) -> None:
    found = encoders.find(f"open_clip:{name}", TASK)
    assert found.channels == {"red": "R", "green": "G", "blue": "B"}
    assert found.input.statistics == f"open_clip {name}"
    network: Any = encoders.network(found)
    assert found.input.size is not None
    images = torch.randn(1, 3, found.input.size, found.input.size)
    with torch.inference_mode():
        pooled, grid = network.features(images, "pooled"), network.features(images, "map")
    assert grid.shape[2] == grid.shape[3] > 1
    assert torch.isfinite(pooled).all() and torch.isfinite(grid).all()


def test_published_weights_fill_the_tower_of_pictures(hub: Hub) -> None:
    from open_clip.model import _build_vision_tower

    config = source.configured("ViT-B-32", {"quick_gelu": True})
    own = _build_vision_tower(config["embed_dim"], config["vision_cfg"], quick_gelu=True).eval()
    made = torch.nn.ModuleDict({"visual": own, "text": torch.nn.Linear(2, 2)})
    publish(hub, "timm/vit_base_patch32_clip_224.openai", made, config_of(224))
    found = encoders.find("open_clip:ViT-B-32@openai", TASK)
    assert found.arguments == {"quick_gelu": True}
    assert hub.fetched == ["open_clip_model.safetensors"]
    network: Any = encoders.network(found)
    images = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        pooled = network.features(images, "pooled")
        assert pooled.shape == (1, 768)
        # Before the projection to the space that is shared with sentences.
        torch.testing.assert_close(pooled @ own.proj, own(images))
        assert network.features(images, "map").shape == (1, 768, 7, 7)
    with pytest.raises(RequestError, match="unknown weights of open_clip:ViT-B-32 'opemai'"):
        encoders.find("open_clip:ViT-B-32@opemai", TASK)
    with pytest.raises(RequestError, match="needs red"):
        encoders.find("open_clip:ViT-B-32@openai", tasks.load("reben-mlc"), given="s1")
