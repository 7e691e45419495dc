"""text-ITSR: its published sizes, and what its fusions do."""

import pytest
import torch
from torch import nn

from bench import models
from bench.base.errors import RequestError
from bench.models import entries
from bench.models.baseline import _load
from bench.spec import task as tasks

TASK = tasks.load("levir-cc-retrieval")
FUSIONS = ["tff", "concatenate", "sum", "difference", "product"]
BERT = ["text-itsr-tff-bert", *(f"text-itsr-gff-{fusion}-bert" for fusion in FUSIONS[1:])]
itsr = _load("architectures.text_itsr")


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_fusions_have_the_published_sizes() -> None:
    # Roy, Bong, Beltrame, table 1: features of 768, 196 patches, width 320, 3 layers, 16 heads.
    tff = itsr.TransformerFusion(768, 196, 320, 3, 16, 0.25)
    assert parameters(tff) == 8_016_640
    assert round(parameters(tff) / 1e6, 2) == 8.02
    assert round(parameters(itsr.GlobalFusion(768, 320, "difference")) / 1e6, 2) == 0.35


@pytest.mark.parametrize("fusion", FUSIONS)
def test_baselines_embed_pairs_and_learn(fusion: str) -> None:
    made = entries.baseline(f"text-itsr-{fusion}", TASK)
    torch.manual_seed(0)
    network = models.build(made.on("sample"), 0)
    pairs = torch.rand(2, 6, 224, 224, generator=torch.Generator().manual_seed(1))
    left = network.encode_image(pairs)
    right = network.encode_text(["a road appears", "nothing"])
    assert left.shape == right.shape == (2, 64)
    (left * right).sum().backward()
    still = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    unused = ("logit_scale", "clip.visual.proj", "clip.visual.ln_post")
    assert all(name.startswith(unused) for name in still), still
    # The order of dates matters where the operation knows one.
    network.eval()
    with torch.inference_mode():
        once, turned = network.encode_image(pairs), network.encode_image(pairs.roll(3, dims=1))
    assert torch.allclose(once, turned, atol=1e-5) == (fusion in ("sum", "product"))


@pytest.mark.parametrize("name", BERT)
def test_entries_with_bert_embed_pairs_and_learn_in_both_encoders(name: str) -> None:
    pytest.importorskip("transformers", reason="BERT needs transformers")
    made = entries.baseline(name, TASK)
    assert set(made.recipe) == {"official", "sample"}
    torch.manual_seed(0)
    network = models.build(made.on("sample"), 0)
    pairs = torch.rand(2, 6, 224, 224, generator=torch.Generator().manual_seed(1))
    left = network.encode_image(pairs)
    right = network.encode_text(["a road appears", "nothing"])
    assert left.shape == right.shape == (2, 64)
    (left * right).sum().backward()
    still = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert still == ["logit_scale"]
    assert float(network.logit_scale.detach().exp()) == pytest.approx(1 / 0.07)
    network.eval()
    with torch.inference_mode():
        once, turned = network.encode_image(pairs), network.encode_image(pairs.roll(3, dims=1))
    assert torch.allclose(once, turned, atol=1e-5) == ("sum" in name or "product" in name)


def test_the_vision_transformer_sees_pictures_in_its_own_statistics() -> None:
    pytest.importorskip("transformers", reason="BERT needs transformers")
    made = entries.baseline("text-itsr-gff-sum-bert", TASK).on("sample")
    network = models.build(made, 0).eval()
    mean, std = (torch.tensor(v[:3])[:, None, None] for v in (made.input.mean, made.input.std))
    fractions = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        found = network._features((fractions - mean) / std)
        wanted = network.vit.forward_features((fractions - 0.5) / 0.5)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_official_entries_with_bert_have_the_sizes_of_both_encoders() -> None:
    transformers = pytest.importorskip("transformers", reason="BERT needs transformers")
    made = entries.baseline("text-itsr-tff-bert", TASK).on("official")
    assert made.model.arguments["pretrained"] == "google-bert/bert-base-uncased"
    model = made.model.model_copy(
        update={"arguments": {k: v for k, v in made.model.arguments.items() if k != "pretrained"}}
    )
    with torch.device("meta"):
        network = models.build(made.model_copy(update={"model": model}), 0)
        base = transformers.BertModel(transformers.BertConfig(), add_pooling_layer=False)
    assert parameters(network.bert) == parameters(base) == 108_891_648
    assert network.vit.num_features == 768
    assert parameters(network.fusion) == 8_016_640


def test_frozen_towers_stay_as_they_are() -> None:
    arguments = dict(entries.baseline("text-itsr-difference", TASK).on("sample").model.arguments)
    network = itsr.TextITSR(6, 0, 224, **arguments | {"frozen": True})
    images = torch.rand(1, 6, 224, 224)
    (network.encode_image(images).sum() + network.encode_text(["a"]).sum()).backward()
    assert all(not p.requires_grad for p in network.clip.parameters())
    learnt = {name for name, p in network.named_parameters() if p.grad is not None}
    assert {name.partition(".")[0] for name in learnt} == {"fusion", "image_head", "text_head"}
    assert network.logit_scale.requires_grad


def test_attention_asks_the_difference() -> None:
    torch.manual_seed(0)
    layer = itsr.CrossLayer(16, 4, 0.0).eval()
    date = torch.rand(1, 9, 16)
    with torch.inference_mode():
        before, after = layer(date, date)
        assert torch.equal(before, after)
        moved, _ = layer(date, date + 1.0)
    assert not torch.allclose(moved, before, atol=1e-4)


def test_other_inputs_are_refused() -> None:
    made = entries.baseline("text-itsr-tff", TASK)
    single = tasks.load("rsicd-retrieval").input("clip")
    with pytest.raises(RequestError, match="pairs of pictures in RGB, found 3 channels"):
        models.build(made.on("sample").model_copy(update={"input": single}), 0)
    model = made.model.model_copy(update={"arguments": {"fusion": "magic"}})
    with pytest.raises(RequestError, match="found magic"):
        models.build(made.model_copy(update={"model": model}), 0)
    pytest.importorskip("transformers", reason="BERT needs transformers")
    made = entries.baseline("text-itsr-gff-sum-bert", TASK).on("sample")
    for wrong in ({"magic.layers": 3}, {"vit": "resnet_of_magic"}, {"vit.magic": 1}):
        model = made.model.model_copy(update={"arguments": made.model.arguments | wrong})
        with pytest.raises(RequestError, match="magic"):
            models.build(made.model_copy(update={"model": model}), 0)
