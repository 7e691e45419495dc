"""The networks of the federated experiments are those of the published code."""

import math

import pytest
import torch
from torch.nn import functional

from bench import models
from bench.models import baseline, entries
from bench.spec import task as tasks
from bench.train.federated.steps import Update, contrast, features, server_step
from tests.baselines import reference

MODULE = baseline._load("architectures.federated")
TASK = tasks.load("reben-federated")
ENTRIES = {
    "resnet-fedavg-ds2": 23_568_915,
    "mixer-fedavg-ds2": 18_078_491,
    "convmixer-fedavg-ds2": 20_619_283,
    "poolformer-fedavg-ds2": 11_433_875,
}


@pytest.mark.parametrize("name", ENTRIES)
def test_entries_give_the_outputs_of_the_published_code(name):
    network = reference.fill(models.build(entries.baseline(name, TASK), 19)).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == ENTRIES[name]
    with torch.inference_mode():
        found = network(reference.numbers("images", (2, 10, 120, 120)))
    reference.check("federated", name, found)


def _normed(state, name, x):
    return functional.group_norm(x, 1, state[f"{name}.weight"], state[f"{name}.bias"])


def _convolved(state, name, x, **how):
    return functional.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], **how)


def poolformer(state, images):
    """What a PoolFormer gives its classifier, written plainly: its map's norm is pooled."""
    x = _convolved(state, "stem.conv", images, stride=4, padding=2)
    for stage in range(4):
        if stage:
            name = f"stages.{stage}.downsample.conv"
            x = _convolved(state, name, x, stride=2, padding=1)
        prefix = f"stages.{stage}.blocks."
        for block in sorted({name.split(".")[3] for name in state if name.startswith(prefix)}):
            at = f"{prefix}{block}"
            before = _normed(state, f"{at}.norm1", x)
            # Pixels beyond the border aren't part of a mean.
            mean = functional.avg_pool2d(before, 3, 1, 1, count_include_pad=False)
            x = x + state[f"{at}.layer_scale1.scale"][:, None, None] * (mean - before)
            inner = _convolved(state, f"{at}.mlp.fc1", _normed(state, f"{at}.norm2", x))
            inner = _convolved(state, f"{at}.mlp.fc2", functional.gelu(inner))
            x = x + state[f"{at}.layer_scale2.scale"][:, None, None] * inner
    return _normed(state, "head.norm", x).mean(dim=(2, 3))


@pytest.mark.parametrize("share", [1, 8])
def test_poolformer_norms_its_map_and_then_pools(share):
    network = reference.fill(MODULE.PoolFormer(10, 19, 60, share=share)).eval()
    state = network.state_dict()
    images = reference.numbers("images", (2, 10, 60, 60))
    with torch.inference_mode(), features(network) as given:
        found = network(images)
    pooled = poolformer(state, images)
    torch.testing.assert_close(given[-1], pooled, rtol=0, atol=1e-5)
    logits = functional.linear(pooled, state["head.fc.weight"], state["head.fc.bias"])
    torch.testing.assert_close(found, logits, rtol=0, atol=1e-5)
    with torch.inference_mode():
        first_pooled = super(MODULE.PoolFormer, network).forward_head(
            network.forward_features(images)
        )
    assert not torch.allclose(found, first_pooled, atol=1e-3)


def test_a_resnet_begins_with_weights_for_rectifiers_and_every_branch_open():
    torch.manual_seed(0)
    network = MODULE.ResNet50(10, 19, 120)
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1 and name.endswith("weight"):
            assert (parameter == 1).all(), name
        elif parameter.ndim > 1:
            inputs = math.prod(parameter.shape[1:])
            assert float(parameter.detach().std()) == pytest.approx(
                math.sqrt(2 / inputs), rel=0.05
            ), name


def test_a_poolformer_begins_as_pytorch_draws_layers_with_few_biases_at_zero():
    torch.manual_seed(0)
    network = MODULE.PoolFormer(10, 19, 120)
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            most = 1 / math.sqrt(math.prod(module.weight.shape[1:]))
            assert float(module.weight.detach().abs().max()) == pytest.approx(most, rel=0.05), name
            zero = ".mlp." in name or name == "head.fc"
            assert bool((module.bias == 0).all()) is zero, name


def test_the_server_averages_as_the_published_code_does():
    before = {"w": reference.numbers("global", (4, 5))}
    sent = [{"w": reference.numbers(f"client {k}", (4, 5))} for k in range(3)]
    # The number of samples doesn't count.
    updates = [Update(f"{k}", 10 ** (k + 1), state, 0.1) for k, state in enumerate(sent)]
    reference.check("federated", "fedavg", server_step(before, updates, weighted=False)["w"])


def test_the_contrast_is_that_of_moons_code():
    own, received, previous = (
        reference.numbers(name, (6, 16)) for name in ("own", "received", "previous")
    )
    found = contrast(own, received, previous, 0.5)
    reference.check("federated", "moon", found.reshape(1))
