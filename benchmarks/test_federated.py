"""A federated round in one process beside the bare training loops of its clients."""

import copy

import bench.base.torch_setup  # noqa: F401  # isort: skip
import numpy as np
import torch

from bench import kinds, models
from bench.kinds.common.batch import Batch
from bench.models import entries
from bench.spec import task as tasks
from bench.train.federated import rounds, training
from bench.train.federated.clients import Client
from bench.train.federated.steps import server_step, snapshot
from benchmarks.test_evaluator import alternate

TASK = tasks.load("reben-federated")
SIZES = (26, 21, 51, 32, 32, 36, 15)


def test_federated_round(benchmark, tmp_path):
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(sum(SIZES), 10, 120, 120, generator=draw)
    labels = (torch.rand(sum(SIZES), len(TASK.classes), generator=draw) < 0.2).float()

    def read(rows):
        targets = {"labels": labels[rows], "client": [""] * len(rows)}
        return Batch([""] * len(rows), images[rows], targets)

    found = entries.baseline("resnet-fedavg-ds2", TASK).on("sample")
    recipe = found.recipe["sample"].model_copy(update={"rounds": 1, "local_epochs": 1})
    network = models.build(found, len(TASK.classes))
    kind, own = kinds.of(TASK), copy.deepcopy(network)
    setup = training.federated_setup(own, recipe, TASK, kind, read, 0, "cpu", "32-true")
    ends = np.cumsum(SIZES)
    clients = [
        Client(str(n), n, np.arange(end - size, end))
        for n, (end, size) in enumerate(zip(ends, SIZES, strict=True))
    ]
    start = snapshot(own)
    ask = rounds.in_process(setup, clients, tmp_path)

    def federated():
        tally = rounds.Tally(start)
        return server_step(start, tally.usable(ask(0, start)), weighted=False)

    bare_network = network.to(memory_format=torch.channels_last)

    def bare():
        for client in clients:
            bare_network.load_state_dict(start)
            bare_network.train()
            optimizer = torch.optim.Adam(bare_network.parameters(), lr=recipe.learning_rate)
            order = client.samples[torch.randperm(len(client.samples)).numpy()]
            for first in range(0, len(order), recipe.batch):
                rows = order[first : first + recipe.batch]
                loss = torch.nn.functional.binary_cross_entropy_with_logits(
                    bare_network(images[rows]), labels[rows]
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    ours, peer = alternate(benchmark, federated, bare, 3)
    benchmark.extra_info.update(
        name="federated round of 7 clients",
        peer="bare training loops of the same clients (round / loops)",
        value=f"{ours / peer:.2f} x its time",
        target="1.15 x its time",
        limit="copies of the weights of each client, their check and their sum in float64",
    )
