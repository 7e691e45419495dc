"""SegFormer against the implementation of transformers."""

import pytest
import torch
from torch.nn.functional import interpolate

from bench.models import baseline


@pytest.fixture(scope="module")
def module():
    return baseline._load("architectures.segformer")


def theirs(module, encoder, outputs):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    depths, widths, decoder = module.SIZES[encoder]
    return transformers.SegformerForSemanticSegmentation(
        transformers.SegformerConfig(
            depths=list(depths),
            hidden_sizes=list(widths),
            decoder_hidden_size=decoder,
            num_labels=outputs,
        )
    )


@pytest.mark.parametrize("encoder", ["b0", "b1"])
def test_it_has_the_published_size(module, encoder):
    ours = module.SegFormer(3, 5, 64, encoder)
    expected = sum(p.numel() for p in theirs(module, encoder, 5).parameters())
    assert sum(p.numel() for p in ours.parameters()) == expected


def test_the_largest_has_the_published_layers(module):
    assert module.SIZES["b5"] == ((3, 6, 40, 3), (64, 128, 320, 512), 768)


@torch.no_grad()
def test_it_computes_what_transformers_computes(module):
    torch.manual_seed(0)
    reference, ours = theirs(module, "b0", 5).eval(), module.SegFormer(3, 5, 96).eval()
    for parameter in reference.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    given = iter(reference.parameters())
    names = dict(ours.named_parameters())
    for name, parameter in names.items():
        # The same order, but keys and values are one matrix here.
        if name.endswith("kv.weight"):
            weights = [next(given) for _ in range(4)]
            parameter.copy_(torch.cat(weights[::2]))
            names[name.replace("weight", "bias")].copy_(torch.cat(weights[1::2]))
        elif not name.endswith("kv.bias"):
            parameter.copy_(next(given))
    assert next(given, None) is None
    images = torch.rand(2, 3, 96, 96)
    expected = interpolate(reference(images).logits, size=(96, 96), mode="bilinear")
    torch.testing.assert_close(ours(images), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("size", [32, 50])
def test_it_keeps_the_size_and_learns(module, size):
    torch.manual_seed(0)
    model = module.SegFormer(4, 3, size)
    logits = model(torch.rand(2, 4, size, size))
    assert logits.shape == (2, 3, size, size)
    logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(("size", "encoder"), [(31, "b0"), (64, "b6")])
def test_it_refuses(module, size, encoder):
    with pytest.raises(ValueError, match=r"32 px|is not one of b0"):
        module.SegFormer(3, 2, size, encoder)
