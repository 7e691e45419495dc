"""Floors that look at no image, or through a random network."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench import kinds
from bench.base.errors import RequestError
from bench.kinds.common.observing import observe
from bench.models.baseline import build
from bench.spec import task as tasks

TASK = tasks.load("reben-mlc")
CONTRACT = TASK.input("s2").model_copy(update={"size": 16})
CLASSES = len(TASK.classes)


def made(name, **arguments):
    torch.manual_seed(0)
    return build(f"architectures.floors_labels.{name}", arguments, CONTRACT, CLASSES).eval()


def batch(count=40, seed=0, share=0.4):
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, len(CONTRACT.bands), 16, 16, generator=draw)
    targets = (torch.rand(count, CLASSES, generator=draw) < share).float()
    return SimpleNamespace(inputs=inputs, targets=targets, samples=[f"s{i}" for i in range(count)])


def fitted(network, *batches):
    with torch.inference_mode():
        network.fit(iter(batches))
    return network


def scores(network, seen, task=TASK):
    kind = kinds.of(task)
    with torch.inference_mode():
        table = observe(kind, network, [seen], torch.device("cpu"), kind.schema())
    return kind.measure(table)


def test_the_prior_is_the_log_odds_of_the_frequencies():
    first, second = batch(30), batch(20, seed=1)
    network = fitted(made("Prior"), first, second)
    count = np.concatenate([first.targets, second.targets]).sum(axis=0)
    expected = np.log((count + 0.5) / (50 - count + 0.5))
    np.testing.assert_allclose(network.logits, expected, rtol=1e-6)
    assert torch.equal(network(first.inputs), network.logits.expand(30, -1))


def test_labels_of_a_federation_stand_beside_the_client():
    seen = batch()
    beside = SimpleNamespace(**vars(seen) | {"targets": {"labels": seen.targets, "client": [""]}})
    assert torch.equal(fitted(made("Prior"), seen).logits, fitted(made("Prior"), beside).logits)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_classes_that_never_or_always_occur_have_finite_odds(share):
    seen = batch(share=share)
    logits = fitted(made("Prior"), seen).logits
    assert torch.isfinite(logits).all()
    assert bool((logits > 0).all()) is (share == 1)


def test_the_average_precision_of_the_prior_is_the_share_of_each_class():
    seen = batch()
    found = scores(fitted(made("Prior"), batch(seed=3)), seen)
    np.testing.assert_allclose(found["ap_classes"], seen.targets.mean(dim=0), atol=1e-12)


def test_naming_every_class_has_the_highest_f1_of_all_constant_answers():
    seen = batch()
    every = made("EveryClass")
    share = seen.targets.double().mean(dim=0).numpy()
    np.testing.assert_allclose(scores(every, seen)["f1_classes"], 2 * share / (1 + share))
    federated = scores(every, seen)["f1_macro"]
    assert federated > scores(fitted(made("Prior"), seen), seen)["f1_macro"]


def test_a_random_encoder_is_probed_and_stays_as_it_was():
    network, seen = made("RandomEncoder", encoder="test_resnet"), batch()
    before = {name: tensor.clone() for name, tensor in network.encoder.state_dict().items()}
    fitted(network, seen)
    assert all(torch.equal(before[n], t) for n, t in network.encoder.state_dict().items())
    assert network.choices > 1
    features = network.encoder(seen.inputs).double().detach().numpy()
    x = (features - features.mean(0)) / features.std(0).clip(1e-6)
    y = seen.targets.double().numpy()
    penalty = 1.0
    with torch.inference_mode():
        network.choose(5)
        found = network(seen.inputs).numpy()
    weight = np.linalg.solve(
        x.T @ x / 40 + penalty * np.eye(x.shape[1]), x.T @ (y - y.mean(0)) / 40
    )
    np.testing.assert_allclose(found, 4 * (y.mean(0) + x @ weight - 0.5), atol=2e-3)


def test_an_unknown_encoder_is_refused():
    with pytest.raises(RequestError, match="can't be built: Unknown model"):
        made("RandomEncoder", encoder="no_such_net")
