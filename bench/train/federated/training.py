"""A federated recipe from beginning to end."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray

import bench.base.torch_setup
from bench.base import weights
from bench.base.errors import RequestError
from bench.data import Dataset
from bench.kinds.common.kind import Kind
from bench.models.rounds import stacked
from bench.models.running import laid_out
from bench.spec.entry import Entry, Federation, Held, Round, Trained
from bench.spec.recipe import Federated
from bench.spec.task import Task
from bench.train.context import TrainingContext, settings
from bench.train.federated import rounds
from bench.train.federated.clients import divided, held
from bench.train.federated.steps import FederatedSetup, State, snapshot
from bench.train.folder import WEIGHTS
from bench.train.loader import Read
from bench.train.loop import Progress


class Labelled(Dataset, Protocol):
    """A dataset that knows which classes occur in a sample."""

    def multilabels(self, samples: Sequence[str]) -> NDArray[np.uint8]:
        """Whether each class occurs, 0 or 1, [N, classes]."""
        ...


def federate(context: TrainingContext, recipe: Federated) -> Entry:
    """Follow a federated recipe; the entry holds the global model after each round.

    Raises:
        RequestError: several devices are asked for, or the recipe or the precision can't be used.
        BenchError: no client sent usable weights in a round.
    """
    if context.devices * context.nodes > 1:
        raise RequestError("a federation is trained on one device", "leave out --devices")
    with settings(recipe.matmul_precision):
        bench.base.torch_setup.deterministic(context.seed)
        setup = federated_setup(
            context.network(),
            recipe,
            context.task,
            context.kind,
            context.read(context.training),
            context.seed,
            context.device,
            context.precision,
        )
        folder = context.work_folder.folder
        federation, states = follow(
            setup, context.dataset, context.training, folder, context.progress
        )
    whole = entry_of(context.entry, context.work_folder.target, recipe, context.trained, federation)
    context.deliver(whole, states)
    return whole


def federated_setup(
    network: torch.nn.Module,
    recipe: Federated,
    task: Task,
    kind: Kind[Any, Any],
    read: Read,
    seed: int,
    device: str,
    precision: str,
) -> FederatedSetup:
    """What clients have in common, with the network on its device.

    Raises:
        RequestError: the precision needs a scaled loss.
    """
    if precision == "16-mixed":
        raise RequestError(
            "federated training with 16-mixed would need a scale of the loss for each client",
            "use bf16-mixed or 32-true",
        )
    placed = laid_out(network.to(torch.device(device)))
    return FederatedSetup(recipe, placed, kind.loss, read, seed, precision)


def follow(
    setup: FederatedSetup,
    dataset: Dataset,
    training: Sequence[str],
    folder: Path,
    progress: Progress,
) -> tuple[Federation, State]:
    """Train by a federated recipe in this process.

    Args:
        setup: what clients have in common; its network holds the weights to begin with.
        dataset: that of the task.
        training: the ids of the training split.
        folder: where rounds are kept until all are done.
        progress: called after every round.

    Returns:
        What happened, and the weights of `bench.models.rounds.Rounds`.
    """
    everyone = divided(dataset, training, setup.recipe, setup.seed)
    clients = [client for client in everyone if len(client.samples)]
    labels = cast(Labelled, dataset).multilabels(training)
    start = snapshot(setup.network)
    ask = rounds.in_process(setup, clients, folder)
    done = rounds.learn(setup, clients, start, ask, folder, progress)
    known = {client.name: held(client, labels) for client in everyone}
    return concluded(known, done, folder, setup.network)


def concluded(
    clients: dict[str, Held], done: Sequence[Round], folder: Path, network: torch.nn.Module
) -> tuple[Federation, State]:
    """What happened in a federation, and the weights after each of its rounds as one state."""
    federation = Federation(
        clients=clients,
        parameters=sum(tensor.numel() for tensor in network.state_dict().values()),
        rounds=list(done),
    )
    states = []
    for count in range(1, len(done) + 1):
        weights.fill(network, rounds.weights_after(folder, count))
        states.append(snapshot(network))
    return federation, stacked(states, done)


def entry_of(
    entry: Entry, folder: Path, recipe: Federated, trained: dict[str, Any], federation: Federation
) -> Entry:
    """An entry that holds the global model after each round of a federation.

    Args:
        entry: as it was before training.
        folder: where the trained one will lie.
        recipe: that was followed.
        trained: what else is said of its training.
        federation: what happened.
    """
    samples = sum(client.samples for client in federation.clients.values())
    passes = recipe.rounds * recipe.local_epochs
    steps = sum(-(-held.samples // recipe.batch) for held in federation.clients.values())
    done = {
        "epochs_run": passes,
        "steps": passes * steps,
        "samples_seen": passes * samples,
        "seconds": sum(one.seconds for one in federation.rounds),
        "federation": federation,
    }
    model = entry.model.model_copy(
        update={
            "architecture": f"rounds:{entry.model.architecture}",
            "arguments": entry.model.arguments | {"rounds": recipe.rounds},
            "weights": WEIGHTS,
            "weights_prefix": "",
            "start": None,
        }
    )
    found = Trained.model_validate(trained | done)
    return entry.model_copy(update={"folder": folder, "model": model, "trained": found})
