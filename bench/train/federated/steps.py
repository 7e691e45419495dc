"""What a client does in a round and what the server does after it: functions of their arguments.

The same two functions run in one process and on Flower (`bench.train.federated.flower`).
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.nn.functional import cosine_similarity, softplus

from bench.base.errors import BenchError, RequestError
from bench.kinds.common.batch import Batch
from bench.kinds.common.observing import ahead, arithmetic, to_device
from bench.spec.recipe import Federated
from bench.train.federated.clients import Client
from bench.train.loader import MODEL, ORDER, Read, generator

State = Mapping[str, torch.Tensor]
"""All parameters and buffers of a network, by name, on the processor."""

Loss = Callable[[torch.nn.Module, Batch], torch.Tensor]
"""What a client minimises on a batch, a scalar."""


@dataclass(frozen=True)
class FederatedSetup:
    """What all clients of a federation have in common.

    Attributes:
        recipe: how they learn.
        network: the architecture on its device; which weights it holds means nothing.
        loss: of the task.
        read: access to the training split by index; of a real client, to its own samples.
        seed: of order, dropout and the like.
        precision: a key of `bench.kinds.common.observing.PRECISIONS`.
    """

    recipe: Federated
    network: torch.nn.Module
    loss: Loss
    read: Read
    seed: int
    precision: str


@dataclass(frozen=True)
class Update:
    """What a client sends back.

    Attributes:
        client: its name.
        samples: how many it holds.
        state: its weights after local training.
        loss: what it minimised, mean over its steps.
        seconds: what it took; 0 where nobody looked.
    """

    client: str
    samples: int
    state: State
    loss: float
    seconds: float = 0.0


def client_step(
    setup: FederatedSetup, state: State, client: Client, turn: int, previous: State | None = None
) -> Update:
    """Local training of a client in one round, from the global weights.

    All of its samples are seen ``local_epochs`` times in an order of their own, the incomplete
    last batch included, by an Adam that is made anew. The result depends on nothing but the
    arguments: neither on other clients nor on when it is called.

    Args:
        setup: what all clients have in common.
        state: the global weights.
        client: which one.
        turn: the round, from 0.
        previous: the weights that it sent back last time, for ``moon``; None the first time, when
            that has no contrast.

    Raises:
        BenchError: the client has no samples.
    """
    if not len(client.samples):
        raise BenchError(f"client {client.name} has no samples", "leave it out of the federation")
    recipe, network = setup.recipe, setup.network
    network.load_state_dict(state)
    network.train()
    device = next(network.parameters()).device
    optimizer = torch.optim.Adam(
        [p for p in network.parameters() if p.requires_grad], lr=recipe.learning_rate
    )
    losses = []
    with _objective(setup, previous) as objective:
        for epoch in range(turn * recipe.local_epochs, (turn + 1) * recipe.local_epochs):
            steps = _order(client, recipe, setup.seed, epoch)
            for step, batch in enumerate(ahead(setup.read, steps)):
                draw = generator(MODEL, setup.seed, epoch, step, client.number)
                torch.manual_seed(draw.initial_seed())
                optimizer.zero_grad(set_to_none=True)
                with arithmetic(device, setup.precision):
                    loss = objective(to_device(batch, device))
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                losses.append(loss.detach())
    return Update(
        client.name,
        len(client.samples),
        snapshot(network),
        float(torch.stack(losses).double().mean()),
    )


def _order(client: Client, recipe: Federated, seed: int, epoch: int) -> list[list[int]]:
    """The samples of every step of a local epoch."""
    draw = generator(ORDER, seed, epoch, rank=client.number)
    order = torch.randperm(len(client.samples), generator=draw)
    samples: list[int] = client.samples[order.numpy()].tolist()
    return [samples[start : start + recipe.batch] for start in range(0, len(samples), recipe.batch)]


def server_step(state: State, updates: Iterable[Update], *, weighted: bool) -> State:
    """The global weights after a round: the mean of what clients sent.

    Sum_k a_k w_k with a_k = 1 / K, or n_k / sum_j n_j of the n_k samples of client k, over every
    entry of the state, running statistics included; entries of integers are rounded. It equals the
    global weights plus the mean of the clients' changes. Sums are made in float64, client by client
    as they come, so that no more than one is held.

    Source: B. McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized
    Data, AISTATS 2017, arXiv:1602.05629 (weighted).

    Args:
        state: the global weights before, which tell names and types.
        updates: of at least one client, each with the names and shapes of ``state``.
        weighted: by samples.

    Raises:
        BenchError: there is no update.
    """
    sums = {name: torch.zeros_like(tensor, dtype=torch.float64) for name, tensor in state.items()}
    total = 0
    for update in updates:
        weight = update.samples if weighted else 1
        total += weight
        for name, value in sums.items():
            value.add_(update.state[name], alpha=weight)
    if not total:
        raise BenchError("expected the weights of at least one client, found none")
    return {name: _as(sums[name] / total, tensor.dtype) for name, tensor in state.items()}


def _as(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return (values if dtype.is_floating_point else values.round()).to(dtype)


def fault(state: State, update: Update) -> str:
    """Why an update can't be averaged with others, in words; empty where it can."""
    if update.state.keys() != state.keys():
        odd = sorted(update.state.keys() ^ state.keys())
        return f"{len(odd)} names of weights are missing or unknown, first {odd[0]:.100}"
    for name, tensor in state.items():
        found = update.state[name]
        if found.shape != tensor.shape:
            return f"{name:.100} has shape {list(found.shape)}, expected {list(tensor.shape)}"
        if not torch.isfinite(found).all():
            return f"{name:.100} holds NaN or infinity"
    if update.samples < 1 or not math.isfinite(update.loss):
        return f"{update.samples} samples and a loss of {update.loss} were reported"
    return ""


def snapshot(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights of a network as they are now."""
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
    }


@contextmanager
def _objective(
    setup: FederatedSetup, previous: State | None
) -> Iterator[Callable[[Batch], torch.Tensor]]:
    """What a client minimises in a round, from the weights that its network holds now."""
    recipe, network = setup.recipe, setup.network
    if previous is None or recipe.mu is None or recipe.temperature is None:
        yield lambda batch: setup.loss(network, batch)
        return
    mu, temperature = recipe.mu, recipe.temperature
    received, before = _frozen(network), _frozen(network)
    before.load_state_dict(previous)
    with features(network) as own, features(received) as globally, features(before) as formerly:

        def objective(batch: Batch) -> torch.Tensor:
            loss = setup.loss(network, batch)
            with torch.no_grad():
                received(batch.inputs)
                before(batch.inputs)
            return loss + mu * contrast(own[-1], globally[-1], formerly[-1], temperature)

        yield objective


def contrast(
    own: torch.Tensor, received: torch.Tensor, previous: torch.Tensor, temperature: float
) -> torch.Tensor:
    """The contrastive loss of MOON, mean over samples.

    -log(exp(s_g / t) / (exp(s_g / t) + exp(s_p / t))) = softplus((s_p - s_g) / t), where s_g and
    s_p are the cosine similarities of a sample's features to those that the global model and the
    client's previous model give.

    Source: Q. Li, B. He, D. Song, Model-Contrastive Federated Learning, CVPR 2021,
    arXiv:2103.16257. Its code compares what a projection head of 256 outputs makes of the features;
    the architectures here have none, so these are the features themselves.

    Args:
        own: [N, D] features of the model that learns.
        received: [N, D] of the global model.
        previous: [N, D] of the client's model of the round before.
        temperature: t.
    """
    toward, away = (cosine_similarity(own, other) for other in (received, previous))
    return softplus((away - toward) / temperature).mean()


def _frozen(network: torch.nn.Module) -> torch.nn.Module:
    """What is compared with: in evaluation mode, as in the code of MOON's authors."""
    return copy.deepcopy(network).eval().requires_grad_(False)


@contextmanager
def features(network: torch.nn.Module) -> Iterator[list[torch.Tensor]]:
    """A list whose last item is what the classifier of a network was given last, [N, D].

    Raises:
        RequestError: the network doesn't say which part of it is its classifier.
    """
    classifier = getattr(network, "get_classifier", lambda: None)()
    if not isinstance(classifier, torch.nn.Module):
        raise RequestError(
            f"moon compares the features before the classifier, which {type(network).__name__} "
            "doesn't name",
            "use an architecture with get_classifier(), as those of timm have it",
        )
    seen: list[torch.Tensor] = []

    def note(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        seen[:] = [inputs[0].flatten(1)]

    hook = classifier.register_forward_pre_hook(note)
    try:
        yield seen
    finally:
        hook.remove()
