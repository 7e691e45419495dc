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
