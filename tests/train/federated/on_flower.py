"""Flower and one process give the same global weights.

Needs Flower: `test_flower.py` runs these tests in the environment that has it.
"""

import numpy as np
import pytest
import torch
from flwr.app import Context, Error, Message, RecordDict
from flwr.simulation import run_simulation
from flwr.supercore.task_identity import TaskIdentity

from bench.base.errors import BenchError
from bench.spec.entry import Held
from bench.train.federated import flower, rounds
from bench.train.federated.steps import snapshot
from tests.train.federated.tiny import MOON, clients, setup

CLIENTS = clients(4, 10, 10)


@pytest.fixture
def identity(monkeypatch):
    """What Flower sets in the processes that it starts, and messages are marked with."""
    for name in ("_task_id", "_run_id", "_node_id"):
        monkeypatch.setattr(TaskIdentity, name, 1)


def own(changes):
    """What a node is; its partition tells which client."""

    def find(context):
        client = CLIENTS[int(context.node_config["partition-id"])]
        holds = Held(samples=len(client.samples), classes=3)
        return setup(**changes), client, holds

    return find


class Grid:
    """Nodes in this process; messages go through Flower's own serialisation of arrays."""

    def __init__(self, app, dead=()):
        self.app, self.dead = app, dead
        self.contexts = {
            # In an order of their own, as nodes have it.
            100 - n: Context(1, 100 - n, {"partition-id": n}, RecordDict(), {})
            for n in range(len(CLIENTS))
        }

    def get_node_ids(self):
        return list(self.contexts)

    def send_and_receive(self, messages):
        replies = []
        for message in messages:
            node = message.metadata.dst_node_id
            if (message.metadata.message_type, node) in self.dead:
                replies.append(Message(Error(1, "it is dead"), reply_to=message))
            else:
                replies.append(self.app(message, self.contexts[node]))
        return replies


@pytest.mark.usefixtures("identity")
@pytest.mark.parametrize("changes", [{}, {"algorithm": "fedavg-weighted"}, MOON])
def test_the_aggregate_is_that_of_one_process(tmp_path, changes):
    made = setup(**changes)
    ask = rounds.in_process(made, CLIENTS, tmp_path / "here")
    start = snapshot(made.network)
    rounds.learn(made, CLIENTS, start, ask, tmp_path / "here", lambda *news: None)
    grid = Grid(flower.client_app(own(changes)))
    holds, done = flower.serve(grid, setup(**changes), 3, tmp_path / "there", lambda *news: None)
    assert list(holds) == ["c0", "c1", "c2"]
    assert [one.clients for one in done] == [3, 3, 3]
    for count in (1, 2, 3):
        here, there = (
            rounds._read(made.network, rounds.weights_after(tmp_path / where, count))
            for where in ("here", "there")
        )
        for name, tensor in here.items():
            assert torch.allclose(tensor.double(), there[name].double(), atol=1e-6, rtol=0)


@pytest.mark.usefixtures("identity")
def test_a_node_that_dies_is_left_out_and_named(tmp_path):
    grid = Grid(flower.client_app(own({})), dead={("train", 99)})
    _, done = flower.serve(grid, setup(), 3, tmp_path, lambda *news: None)
    assert [one.left_out for one in done] == [{"c1": "it is dead"}] * 3
    grid.dead = {("query", 99)}
    with pytest.raises(BenchError, match="node 99 doesn't say which client it is: it is dead"):
        flower.introduced(grid, 3)


@pytest.mark.usefixtures("identity")
def test_what_is_no_answer_is_a_failure_and_no_crash():
    (client, *_) = CLIENTS
    assert flower._answer(None, client) == rounds.Failure("c0", "no answer")
    asked = Message(RecordDict(), dst_node_id=1, message_type="train")
    odd = flower._answer(Message(RecordDict(), reply_to=asked), client)
    assert "its answer can't be read: KeyError" in odd.reason


def test_simulated_by_flower(tmp_path):
    made = setup()
    ask = rounds.in_process(made, CLIENTS, tmp_path / "here")
    start = snapshot(made.network)
    rounds.learn(made, CLIENTS, start, ask, tmp_path / "here", lambda *news: None)
    app = flower.ServerApp()

    def main(grid, context):
        flower.serve(grid, setup(), 3, tmp_path / "there", lambda *news: None)

    app.main()(main)
    resources = {"client_resources": {"num_cpus": 1, "num_gpus": 0.0}}
    run_simulation(app, flower.client_app(own({})), 3, backend_config=resources)
    one, two = (
        rounds._read(made.network, rounds.weights_after(tmp_path / where, 3))
        for where in ("here", "there")
    )
    for name, tensor in one.items():
        np.testing.assert_allclose(tensor, two[name], atol=1e-6, rtol=0)
