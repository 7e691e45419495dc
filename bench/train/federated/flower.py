"""The same clients and the same server on Flower (https://flower.ai), simulated or deployed.

``server`` and ``client`` are what the ``pyproject.toml`` of a Flower app names as its components::

    [tool.flwr.app.components]
    serverapp = "bench.train.federated.flower:server"
    clientapp = "bench.train.federated.flower:client"
    [tool.flwr.app.config]
    task = "reben-federated"
    model = "resnet-fedavg-ds2"
    track = "official"
    seed = 0
    device = "cuda"
    clients = 7
    results = "results"

A deployed node says which client it is, as ``--node-config 'client="Finland"'``, and holds the
metadata and that client's samples under its own ``BENCH_DATA``; a simulated one is told by its
partition. The server holds no samples. Needs ``pip install "rs-bench[federated]"``.

Deployed, ``model`` and ``results`` are absolute paths, and ``clients`` is for how many nodes the
server waits::

    flower-superlink --insecure --disable-runtime-dependency-installation --port 9092
    flower-supernode --insecure --superlink HOST:9092 --node-config 'client="Finland"'
    flwr run APP

each in its place; ``--insecure`` is for one machine only, Flower's manual says how keys are made.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch

import bench.base.torch_setup
from bench import data, kinds, models
from bench.base.errors import BenchError, RequestError
from bench.base.files import sha256_json
from bench.base.paths import absolute
from bench.base.version import __version__
from bench.kinds.common.batch import Batch
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.entry import Entry, Held, Round
from bench.spec.recipe import Federated
from bench.spec.task import Task
from bench.train.card import card
from bench.train.federated import rounds, training
from bench.train.federated.clients import Client, divided, held
from bench.train.federated.steps import FederatedSetup, State, Update, client_step, snapshot
from bench.train.folder import WorkFolder
from bench.train.loop import Progress

# What is trained here is nobody else's business.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
try:
    from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
    from flwr.clientapp import ClientApp
    from flwr.serverapp import Grid, ServerApp
except ImportError as _error:
    raise RequestError(
        "Flower (flwr) isn't installed here", 'pip install "rs-bench[federated]"'
    ) from _error

Own = Callable[[Context], tuple[FederatedSetup, Client, Held]]
"""What a node is: all that its client needs, by the node's and the run's configuration."""

_WAIT = 1.0


def client_app(own: Own) -> ClientApp:
    """A Flower client that tells who it is and trains when it is asked to.

    What it sent last, which ``moon`` compares with, stays in the state of its node.
    """
    app = ClientApp()

    def introduce(message: Message, context: Context) -> Message:
        _, client, holds = own(context)
        about = {"name": client.name, "number": client.number, **holds.model_dump()}
        return Message(RecordDict({"client": ConfigRecord(about)}), reply_to=message)

    def train(message: Message, context: Context) -> Message:
        setup, client, _ = own(context)
        begun = time.perf_counter()
        before = context.state.get("sent")
        previous = before.to_torch_state_dict() if isinstance(before, ArrayRecord) else None
        state = message.content["state"].to_torch_state_dict()
        update = client_step(setup, state, client, int(message.content["round"]["turn"]), previous)
        sent = ArrayRecord(dict(update.state))
        if setup.recipe.algorithm == "moon":
            context.state["sent"] = sent
        numbers = {"samples": update.samples, "loss": update.loss}
        numbers["seconds"] = time.perf_counter() - begun
        content = {"state": sent, "numbers": MetricRecord(numbers)}
        return Message(RecordDict(content), reply_to=message)

    app.query()(introduce)
    app.train()(train)
    return app


def asking(grid: Grid, nodes: Mapping[int, Client]) -> rounds.Ask:
    """Clients on the nodes of a grid, in the order in which they are given."""

    def ask(turn: int, state: State) -> Iterator[Update | rounds.Failure]:
        content = RecordDict(
            {"state": ArrayRecord(dict(state)), "round": ConfigRecord({"turn": turn})}
        )
        replies = _replies(grid, nodes, "train", content)
        for node, client in nodes.items():
            yield _answer(replies.get(node), client)

    return ask


def _answer(reply: Message | None, client: Client) -> Update | rounds.Failure:
    if reply is None or reply.has_error():
        why = "no answer" if reply is None else f"{reply.error.reason}".splitlines()[-1][:300]
        return rounds.Failure(client.name, why)
    try:
        numbers = reply.content["numbers"]
        return Update(
            client.name,
            int(numbers["samples"]),
            reply.content["state"].to_torch_state_dict(),
            float(numbers["loss"]),
            float(numbers["seconds"]),
        )
    except (AttributeError, *rounds.FAILURES, TypeError) as error:
        # Whatever a stranger's client may have sent instead.
        return rounds.Failure(client.name, f"its answer can't be read: {rounds.reason(error)}")


def _replies(
    grid: Grid, nodes: Iterable[int], what: str, content: RecordDict
) -> dict[int, Message]:
    messages = [Message(content, dst_node_id=node, message_type=what) for node in nodes]
    answers = grid.send_and_receive(messages)
    return {reply.metadata.src_node_id: reply for reply in answers}


def introduced(grid: Grid, expected: int) -> dict[int, tuple[Client, Held]]:
    """Who is behind the nodes of a grid, in the order of the clients; waits until all are there.

    Raises:
        BenchError: a node doesn't say who it is, or two say that they are the same client.
    """
    while len(nodes := list(grid.get_node_ids())) < expected:
        time.sleep(_WAIT)
    found = {}
    for node, reply in _replies(grid, nodes, "query", RecordDict()).items():
        if reply.has_error():
            raise BenchError(
                f"node {node} doesn't say which client it is: {reply.error.reason:.300}",
                "give it --node-config 'client=\"NAME\"'",
            )
        about: Any = reply.content["client"]
        samples = np.arange(int(about["samples"]))
        client = Client(str(about["name"]), int(about["number"]), samples)
        found[node] = (
            client,
            Held(
                samples=len(samples),
                classes=int(about["classes"]),
                left_out=int(about.get("left_out", 0)),
            ),
        )
    known = sorted(found, key=lambda node: found[node][0].number)
    names = [found[node][0].name for node in known]
    if len(set(names)) < len(names):
        raise BenchError(f"expected a node per client, found {', '.join(names)}")
    return {node: found[node] for node in known}


def serve(
    grid: Grid, setup: FederatedSetup, expected: int, folder: Path, progress: Progress
) -> tuple[dict[str, Held], list[Round]]:
    """All rounds of a recipe with the clients of a grid; see `bench.train.federated.rounds.learn`.

    Args:
        grid: whose nodes are the clients.
        setup: its network holds the weights to begin with; nothing but shapes is read.
        expected: for how many nodes it waits.
        folder: where rounds are kept.
        progress: called after every round.

    Returns:
        What each client says it holds, and what happened in each round.
    """
    known = introduced(grid, expected)
    nodes = {node: client for node, (client, _) in known.items()}
    start = snapshot(setup.network)
    done = rounds.learn(setup, list(nodes.values()), start, asking(grid, nodes), folder, progress)
    return {client.name: holds for client, holds in known.values()}, done


@lru_cache(maxsize=1)
def _opened(
    name: str, model: str, track: Literal["official", "sample"], seed: int, device: str
) -> tuple[Task, Entry, Federated, FederatedSetup]:
    """What server and clients have in common; its reader gives blank samples."""
    task = tasks.load(name)
    entry = models.find(model, task)
    recipe = entry.recipe.get(track) if isinstance(entry, Entry) else None
    if not isinstance(entry, Entry) or not isinstance(recipe, Federated):
        raise RequestError(f"{model} has no federated recipe for the {track} track")
    entry, kind = entry.on(track), kinds.of(task)
    bench.base.torch_setup.deterministic(seed)
    torch.set_float32_matmul_precision(recipe.matmul_precision)
    network = models.build(entry, kind.outputs())
    side, classes = entry.input.size or 1, len(task.classes)

    def blank(rows: Sequence[int]) -> Batch:
        images = torch.zeros(len(rows), len(entry.input.bands), side, side)
        targets = {"labels": torch.zeros(len(rows), classes), "client": [""] * len(rows)}
        return Batch([""] * len(rows), images, targets)

    setup = training.federated_setup(network, recipe, task, kind, blank, seed, device, "32-true")
    return task, entry, recipe, setup


def _from(config: Mapping[str, Any]) -> tuple[Task, Entry, Federated, FederatedSetup]:
    track = cast(Literal["official", "sample"], str(config["track"]))
    names = str(config["task"]), str(config["model"])
    return _opened(*names, track, int(config["seed"]), str(config["device"]))


@lru_cache(maxsize=1)
def _all_clients(
    name: str, model: str, track: Literal["official", "sample"], seed: int, device: str
) -> tuple[FederatedSetup, list[Client], list[Held]]:
    """Every client of a federation, with access to the samples that lie here."""
    task, entry, recipe, setup = _opened(name, model, track, seed, device)
    official = track == "official"
    root = data.official_root(task.dataset) if official else data.sample_root(task.dataset)
    data.require(root, task.dataset)
    dataset: Any = data.reader(task.dataset).open_dataset(root)
    samples = dataset.ids(task.training)
    kind, pipeline = kinds.of(task), InputPipeline(entry.input, task.bands)

    def read(rows: Sequence[int]) -> Batch:
        return kind.load(dataset, pipeline, [samples[row] for row in rows])

    labels = dataset.multilabels(samples)
    everyone = divided(dataset, samples, recipe, seed)
    clients = [client for client in everyone if len(client.samples)]
    return replace(setup, read=read), clients, [held(client, labels) for client in clients]


def _own(context: Context) -> tuple[FederatedSetup, Client, Held]:
    """The client that a node is, by its name or its partition."""
    run, node = context.run_config, context.node_config
    track = cast(Literal["official", "sample"], str(run["track"]))
    setup, clients, holds = _all_clients(
        str(run["task"]), str(run["model"]), track, int(run["seed"]), str(run["device"])
    )
    asked = node.get("client", node.get("partition-id"))
    for client, held_here in zip(clients, holds, strict=True):
        if asked in (client.name, client.number):
            return setup, client, held_here
    names = ", ".join(client.name for client in clients)
    raise RequestError(f"no client of this federation is {asked!r}", f"its clients are {names}")


def main(grid: Grid, context: Context) -> None:
    """Train with the clients of a grid and leave the trained entry under the results folder."""
    config = context.run_config
    task, entry, recipe, setup = _from(config)
    trained = {
        "task": task.name,
        "track": str(config["track"]),
        "seed": setup.seed,
        "recipe": recipe.model_dump(),
        "data": "",
        "harness": f"rs-bench {__version__}, torch {torch.__version__}, Flower",
    }
    digest = sha256_json({"entry": entry.digest(), "task": task.digest, "trained": trained})
    name = f"{entry.name}-{config['track']}-{setup.seed}-flower"
    work_folder = WorkFolder(
        absolute(str(config["results"])) / "entries" / task.name / name, digest
    )
    work_folder.open()
    holds, done = serve(
        grid,
        setup,
        int(config["clients"]),
        work_folder.folder,
        lambda done, total, text: print(text),
    )
    federation, states = training.concluded(holds, done, work_folder.folder, setup.network)
    whole = training.entry_of(entry, work_folder.target, recipe, trained, federation)
    work_folder.export(whole, states, card(whole, task))
    work_folder.deliver()


# Flower looks for these names in the text, and finds plain assignments only.
client = client_app(_own)
server = ServerApp()
server.main()(main)
