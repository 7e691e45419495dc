"""BLIP-2, tiny and random, through the code that loads published ones."""

import json
import sys
from pathlib import Path

import pytest
import torch

import bench.base.torch_setup  # noqa: F401
from bench import kinds, models
from bench.base import weights
from bench.base.errors import BenchError, RequestError
from bench.models import blip2
from bench.models.running import load_model
from bench.spec import task as tasks
from tests.hub.server import serving

transformers = pytest.importorskip("transformers", reason="BLIP-2 needs transformers")

WORDS = ["<s>", "<pad>", "</s>", "<image>", *(f"word{n}" for n in range(36))]
TASK = tasks.load("rsicd-captioning")
SIDE = 28


def _tokenizer():
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    raw = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<pad>"))
    raw.pre_tokenizer = Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        additional_special_tokens=["<image>"],
    )


def _network():
    heads = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
    config = transformers.Blip2Config(
        vision_config=heads | {"num_hidden_layers": 1, "image_size": SIDE, "patch_size": 14},
        qformer_config=heads
        | {"num_hidden_layers": 2, "encoder_hidden_size": 16, "vocab_size": len(WORDS)},
        text_config={
            "model_type": "opt",
            "vocab_size": len(WORDS),
            "hidden_size": 16,
            "word_embed_proj_dim": 16,
            "ffn_dim": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 256,
            "bos_token_id": 0,
            "pad_token_id": 1,
            "eos_token_id": 2,
        },
        num_query_tokens=4,
        image_token_index=3,
    )
    network = transformers.Blip2ForConditionalGeneration(config)
    # Else all logits are nearly 0, and every image has the same caption.
    torch.manual_seed(1)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return network.eval()


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder as save_pretrained leaves it, and the network."""
    folder, network = tmp_path_factory.mktemp("published"), _network()
    network.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    processor = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder, network


@pytest.fixture(autouse=True)
def data(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path_factory.getbasetemp() / "blip2-data"))


def _images(count=3):
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) * 4 - 2


def _captions(network, images):
    """By transformers alone."""
    made = network.generate(images, num_beams=5, max_new_tokens=120, do_sample=False)
    return [text.strip() for text in _tokenizer().batch_decode(made, skip_special_tokens=True)]


def _loaded(entry):
    return load_model(entry, kinds.of(TASK).outputs(), torch.device("cpu"))


def test_a_folder_becomes_an_entry_that_writes_what_transformers_writes(published):
    folder, network = published
    found = models.find(f"blip2:{folder}", TASK)
    assert found.input.size == SIDE
    assert found.input.mean == (0.5, 0.5, 0.5)
    assert TASK.division(found.input) == "open"
    with torch.inference_mode():
        said = _loaded(found).caption(_images())
        assert said == _captions(network, _images())
    assert len(set(said)) > 1
    assert models.find(f"blip2:{folder}", TASK).digest() == found.digest()


def test_sharded_weights_are_the_same_entry_by_what_it_predicts(published, tmp_path):
    _, network = published
    network.save_pretrained(tmp_path, max_shard_size="20KB")
    _tokenizer().save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    with torch.inference_mode():
        said = _loaded(models.find(f"blip2:{tmp_path}", TASK)).caption(_images())
        assert said == _captions(network, _images())


def test_an_adapter_is_merged_into_its_base(published, tmp_path):
    peft = pytest.importorskip("peft", reason="adapters need peft")
    base, _ = published
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    adapted = peft.get_peft_model(
        transformers.Blip2ForConditionalGeneration.from_pretrained(base), config
    ).eval()
    adapted.save_pretrained(tmp_path)
    stated = json.loads((tmp_path / "adapter_config.json").read_text())
    assert stated["base_model_name_or_path"] == str(base)
    merged = _loaded(models.find(f"blip2:{tmp_path}", TASK))
    ids = torch.tensor([[3, 3, 3, 3, 0, 4, 5]])
    with torch.inference_mode():
        wanted = adapted(pixel_values=_images(1), input_ids=ids).logits
        found = merged.network(pixel_values=_images(1), input_ids=ids).logits
        plain = _loaded(models.find(f"blip2:{base}", TASK))
        bare = plain.network(pixel_values=_images(1), input_ids=ids).logits
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(bare, wanted, atol=1e-2)


def test_a_repository_is_pinned_and_only_known_files_are_fetched(published, tmp_path, monkeypatch):
    folder, network = published
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with serving(tmp_path / "hub") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        there = hub.root / "owner" / "tiny-blip2"
        there.mkdir(parents=True)
        for path in folder.iterdir():
            (there / path.name).write_bytes(path.read_bytes())
        (there / "modeling.py").write_text("raise SystemExit")
        (there / "pytorch_model.bin").write_bytes(b"never fetched")
        found = models.find("blip2:owner/tiny-blip2", TASK)
        with torch.inference_mode():
            assert _loaded(found).caption(_images()) == _captions(network, _images())
    assert found.name == "blip2-tiny-blip2"
    assert found.source.startswith("hf:owner/tiny-blip2@")
    fetched = {path.name for path in (tmp_path / "cache").rglob("snapshots/*/*")}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= fetched
    assert not {"modeling.py", "pytorch_model.bin"} & fetched


def _copy(folder, target, **changes):
    """The published folder with some files changed, None to leave one out."""
    for path in folder.iterdir():
        content = changes.get(path.name.replace(".", "_"), path.read_bytes())
        if content is not None:
            (target / path.name).write_bytes(content)
    return f"blip2:{target}"


def test_what_is_no_blip2_is_refused(published, tmp_path):
    folder, _ = published
    config = json.loads((folder / "config.json").read_text())
    deeper = config | {"vision_config": config["vision_config"] | {"num_hidden_layers": 2}}
    wider = config | {"vision_config": config["vision_config"] | {"hidden_size": 32}}
    for number, (changes, told) in enumerate(
        [
            ({"model_safetensors": None}, "with weights in safetensors"),
            ({"config_json": None}, "config.json or adapter_config.json"),
            ({"config_json": b'{"model_type": "opt"}'}, "model_type"),
            ({"config_json": b"[" * 100_000}, "not JSON"),
            ({"config_json": json.dumps(deeper).encode()}, "are missing or of another shape"),
            ({"config_json": json.dumps(wider).encode()}, "can't be loaded|another shape"),
            ({"model_safetensors": b"\x80\x04pickle"}, "can't be loaded"),
            ({"tokenizer_json": None}, "holds no tokenizer.json"),
            ({"tokenizer_json": b"{}"}, "can't be loaded"),
        ]
    ):
        target = tmp_path / str(number)
        target.mkdir()
        with pytest.raises(BenchError, match=told):
            models.find(_copy(folder, target, **changes), TASK)
    assert not list(Path(blip2.data_root() / "models").glob(".*.tmp"))


def test_a_request_that_is_wrong_says_so(published, monkeypatch, tmp_path):
    folder, _ = published
    with pytest.raises(RequestError, match="neither a folder nor a repository"):
        models.find("blip2:nowhere", TASK)
    with pytest.raises(RequestError, match="single pictures in RGB"):
        models.find(f"blip2:{folder}", tasks.load("levir-cc-captioning"))
    with pytest.raises(RequestError, match="single pictures in RGB"):
        models.find(f"blip2:{folder}", tasks.load("reben-mlc"))
    found = models.find(f"blip2:{folder}", TASK)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    with pytest.raises(BenchError, match="found nothing"):
        models.build(found, 0)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(RequestError, match="needs transformers"):
        models.find(f"blip2:{folder}", TASK)


def test_large_files_are_not_opened(published, tmp_path, monkeypatch):
    folder, _ = published
    monkeypatch.setattr(blip2, "_LARGEST", 1000)
    with pytest.raises(BenchError, match="at most 1000 are read"):
        models.find(_copy(folder, tmp_path), TASK)


def test_weights_are_kept_in_one_file_of_32_bits(published):
    folder, network = published
    found = models.find(f"blip2:{folder}", TASK)
    model = models.build(found, 0)
    weights.fill(model, found.weights)
    for name, tensor in network.state_dict().items():
        assert torch.equal(model.network.state_dict()[name], tensor)
