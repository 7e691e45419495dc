"""One round: what a client and the server do."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError, RequestError
from bench.train.federated.clients import Client
from bench.train.federated.steps import (
    Update,
    client_step,
    contrast,
    fault,
    features,
    server_step,
    snapshot,
)
from bench.train.loader import MODEL, ORDER, generator
from tests.train.federated.tiny import MOON, Tiny, clients, setup

ALL = clients(24)[0]


def equal(one, other):
    assert one.keys() == other.keys()
    return all(torch.equal(one[name], other[name]) for name in one)


def by_hand(made, state, client, turn):
    """The published loop, written plainly."""
    network = Tiny()
    network.load_state_dict(state)
    optimizer = torch.optim.Adam(network.parameters(), lr=made.recipe.learning_rate)
    for epoch in range(turn * 2, turn * 2 + 2):
        draw = generator(ORDER, made.seed, epoch, rank=client.number)
        order = torch.randperm(len(client.samples), generator=draw)
        for step, rows in enumerate(order.split(made.recipe.batch)):
            seed = generator(MODEL, made.seed, epoch, step, client.number).initial_seed()
            torch.manual_seed(seed)
            batch = made.read(client.samples[rows.numpy()].tolist())
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                network(batch.inputs), batch.targets
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return snapshot(network)


@pytest.mark.parametrize("weighted", [False, True])
def test_fedavg_of_one_client_is_that_clients_training(weighted):
    made = setup(batch=5)
    state = snapshot(made.network)
    update = client_step(made, state, ALL, 1)
    assert equal(update.state, by_hand(made, state, ALL, 1))
    assert equal(server_step(state, [update], weighted=weighted), update.state)
    assert math.isfinite(update.loss)


def test_a_client_depends_on_its_arguments_alone():
    made = setup()
    state = snapshot(made.network)
    first, second = clients(10, 14)
    alone = client_step(made, state, second, 0)
    client_step(made, state, first, 0)
    torch.manual_seed(99)
    again = client_step(made, state, second, 0)
    assert equal(alone.state, again.state)
    assert not equal(alone.state, client_step(made, state, second, 1).state)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 500), st.floats(-50, 50, width=32)), min_size=1, max_size=9)
)
def test_the_server_takes_the_mean(sent):
    state = {"w": torch.zeros(2), "n": torch.zeros((), dtype=torch.int64)}
    updates = [
        Update(f"c{i}", n, {"w": torch.tensor([v, 2 * v]), "n": torch.tensor(i)}, 0.1)
        for i, (n, v) in enumerate(sent)
    ]
    sizes, values = (np.array(column, np.float64) for column in zip(*sent, strict=True))
    plain = server_step(state, iter(updates), weighted=False)
    weighted = server_step(state, iter(updates), weighted=True)
    assert plain["w"].tolist() == pytest.approx([values.mean(), 2 * values.mean()], abs=1e-5)
    mean = float((sizes * values).sum() / sizes.sum())
    assert weighted["w"].tolist() == pytest.approx([mean, 2 * mean], abs=1e-5)
    assert plain["n"].dtype == torch.int64
    assert int(plain["n"]) == round((len(sent) - 1) / 2)
    if len(set(sizes)) == 1:
        assert torch.allclose(plain["w"], weighted["w"], atol=1e-5)


def test_the_mean_of_weights_is_the_mean_of_changes():
    made = setup()
    state = snapshot(made.network)
    updates = [client_step(made, state, client, 0) for client in clients(10, 14)]
    found = server_step(state, updates, weighted=False)
    for name, before in state.items():
        if before.is_floating_point():
            change = sum(update.state[name].double() - before for update in updates) / 2
            assert torch.allclose(found[name].double(), before + change, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 5), st.integers(1, 4))
def test_the_contrast_is_that_of_the_paper(seed, temperature, samples):
    draw = np.random.default_rng(seed)
    own, received, previous = draw.normal(size=(3, samples, 5))

    def cosine(a, b):
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    terms = []
    for z, g, p in zip(own, received, previous, strict=True):
        toward, away = (math.exp(cosine(z, other) / temperature) for other in (g, p))
        terms.append(-math.log(toward / (toward + away)))
    found = contrast(*map(torch.from_numpy, (own, received, previous)), temperature)
    assert float(found) == pytest.approx(sum(terms) / samples, rel=1e-6)


def test_moon_without_a_previous_model_is_fedavg_and_with_one_is_not():
    plain, moon = setup(), setup(**MOON)
    state = snapshot(plain.network)
    expected = client_step(plain, state, ALL, 0)
    assert equal(client_step(moon, state, ALL, 0).state, expected.state)
    previous = {name: tensor * 0.5 for name, tensor in state.items()}
    contrasted = client_step(moon, state, ALL, 0, previous)
    assert not equal(contrasted.state, expected.state)
    assert not moon.network.head._forward_pre_hooks


def test_features_are_what_the_classifier_is_given():
    network = Tiny().eval()
    with features(network) as seen:
        logits = network(torch.ones(2, 6))
    assert torch.equal(network.head(seen[-1]), logits)
    with pytest.raises(RequestError, match="doesn't name"), features(torch.nn.Linear(2, 2)):
        pass


def test_a_client_with_one_class_or_one_sample_trains_and_one_without_samples_does_not():
    made = setup(inputs=torch.ones(24, 6), batch=12)
    state = snapshot(made.network)
    assert fault(state, client_step(made, state, ALL, 0)) == ""
    empty = Client("nobody", 0, np.array([], np.int64))
    with pytest.raises(BenchError, match="client nobody has no samples"):
        client_step(made, state, empty, 0)
    with pytest.raises(BenchError, match="at least one client"):
        server_step(state, [], weighted=False)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda s: s | {"head.bias": torch.full((3,), torch.nan)}, "head.bias holds NaN"),
        (lambda s: s | {"head.bias": torch.full((3,), torch.inf)}, "head.bias holds NaN or inf"),
        (lambda s: s | {"head.bias": torch.zeros(4)}, r"shape \[4\], expected \[3\]"),
        (lambda s: s | {"more": torch.zeros(1)}, "1 names of weights are missing or unknown"),
        (lambda s: {k: v for k, v in s.items() if k != "head.bias"}, "first head.bias"),
    ],
)
def test_an_update_that_can_not_be_averaged_is_told_why(spoil, expected):
    state = snapshot(Tiny())
    good = Update("c", 3, state, 0.5)
    assert fault(state, good) == ""
    with pytest.raises(AssertionError, match=expected):
        raise AssertionError(fault(state, replace(good, state=spoil(dict(state)))))
    assert "0 samples" in fault(state, replace(good, samples=0))
    assert "loss of nan" in fault(state, replace(good, loss=math.nan))
