"""Round after round: clients are asked, usable weights are averaged, each round is kept on disk."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from pydantic import TypeAdapter
from torch.utils.flop_counter import FlopCounterMode

from bench.base import weights
from bench.base.errors import BenchError
from bench.base.files import write_bytes
from bench.spec.entry import Round
from bench.train.federated.clients import Client
from bench.train.federated.steps import (
    FederatedSetup,
    State,
    Update,
    client_step,
    fault,
    features,
    server_step,
    snapshot,
)
from bench.train.loop import Progress

FAILURES = (ArithmeticError, BenchError, LookupError, OSError, RuntimeError, ValueError)
"""What a client may fail with; the round goes on without it."""

_RECORDS = TypeAdapter(list[Round])

_COUNTED = 2
"""Samples on which costs are counted; batch normalisation refuses one."""


@dataclass(frozen=True)
class Failure:
    """What is heard of a client instead of weights."""

    client: str
    reason: str


Ask = Callable[[int, State], Iterable[Update | Failure]]
"""Has all clients train in a round, from 0, from global weights; answers in their order."""


def in_process(setup: FederatedSetup, clients: Sequence[Client], folder: Path) -> Ask:
    """Clients one after the other in this process.

    Args:
        setup: what they have in common.
        clients: who takes part.
        folder: where each one's last weights are kept for ``moon``.
    """
    remembers = setup.recipe.algorithm == "moon"

    def ask(turn: int, state: State) -> Iterator[Update | Failure]:
        for client in clients:
            begun = time.perf_counter()
            before = folder / f"client-{client.number:05d}"
            try:
                previous = _remembered(setup.network, before, turn) if remembers else None
                update = client_step(setup, state, client, turn, previous)
            except FAILURES as error:
                yield Failure(client.name, reason(error))
                continue
            if remembers and not fault(state, update):
                weights.save_tensors(update.state, before / f"{turn:05d}.safetensors")
            yield replace(update, seconds=time.perf_counter() - begun)

    return ask


def _remembered(network: torch.nn.Module, folder: Path, turn: int) -> State | None:
    """What a client sent back before a round; what it sent before that is removed."""
    now = folder / f"{turn:05d}.safetensors"
    older = sorted(path for path in folder.glob("*.safetensors") if path.name < now.name)
    for path in older[:-1]:
        path.unlink()
    return _read(network, older[-1]) if older else None


def _read(network: torch.nn.Module, path: Path) -> State:
    weights.fill(network, path)
    return snapshot(network)


def reason(error: BaseException) -> str:
    """Why a client failed, in a line."""
    text = error.message if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
    return text.splitlines()[0][:300]


def learn(
    setup: FederatedSetup,
    clients: Sequence[Client],
    start: State,
    ask: Ask,
    folder: Path,
    progress: Progress,
) -> list[Round]:
    """All rounds of a recipe; those that ``folder`` holds already are not repeated.

    The global weights after round r are ``round-<r>.safetensors``, from 1, and what happened in it
    is in ``rounds.json``. Both appear whole, the latter last, so a killed process is continued at
    the round that it was in, with the same bits.

    Args:
        setup: what clients have in common.
        clients: who takes part.
        start: the global weights before the first round.
        ask: how clients are run.
        folder: where rounds are kept.
        progress: called after every round.

    Raises:
        RequestError: ``moon`` was asked for a network without a classifier.
        BenchError: no client sent usable weights in a round.
    """
    recipe = setup.recipe
    if recipe.algorithm == "moon":
        with features(setup.network):
            pass
    done = kept(folder)
    state = _read(setup.network, weights_after(folder, len(done))) if done else start
    cost: dict[bool, int] = {}
    for turn in range(len(done), recipe.rounds):
        contrasted = recipe.algorithm == "moon" and turn > 0
        if contrasted not in cost:
            cost[contrasted] = macs(setup, start, clients[0], contrasted=contrasted)
        begun = time.perf_counter()
        tally = Tally(state)
        try:
            state = server_step(
                state,
                tally.usable(ask(turn, state)),
                weighted=recipe.algorithm == "fedavg-weighted",
            )
        except BenchError as error:
            if tally.losses:
                raise
            raise _nobody(turn, tally) from error
        averaging = time.perf_counter() - begun - tally.waited
        passes = recipe.local_epochs * sum(len(client.samples) for client in clients)
        sent = sum(tensor.nbytes for tensor in state.values())
        weights.save_tensors(state, weights_after(folder, turn + 1))
        done.append(
            Round(
                clients=len(tally.losses),
                left_out=tally.left_out,
                loss=sum(tally.losses) / len(tally.losses),
                seconds=time.perf_counter() - begun,
                slowest=tally.slowest,
                averaging=averaging,
                macs=cost[contrasted] * passes,
                bytes_down=sent * len(clients),
                bytes_up=sent * tally.heard,
            )
        )
        write_bytes(folder / "rounds.json", _RECORDS.dump_json(done))
        progress(turn + 1, recipe.rounds, _news(done, recipe.rounds))
    return done


@dataclass
class Tally:
    """What is noted of the answers of a round while they are averaged.

    Attributes:
        state: the global weights that clients were sent.
        left_out: why an answer wasn't used, by client.
        losses: of those that were.
        heard: how many sent weights, usable or not.
        slowest: seconds of the client that took longest.
        waited: seconds until answers came, all together.
    """

    state: State
    left_out: dict[str, str] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    heard: int = 0
    slowest: float = 0.0
    waited: float = 0.0

    def usable(self, answers: Iterable[Update | Failure]) -> Iterator[Update]:
        """The answers that can be averaged, one at a time."""
        for answer in self._timed(answers):
            if isinstance(answer, Failure):
                self.left_out[answer.client] = answer.reason
                continue
            self.heard += 1
            self.slowest = max(self.slowest, answer.seconds)
            if why := fault(self.state, answer):
                self.left_out[answer.client] = why
                continue
            self.losses.append(answer.loss)
            yield answer

    def _timed(self, answers: Iterable[Update | Failure]) -> Iterator[Update | Failure]:
        waiting = iter(answers)
        while True:
            begun = time.perf_counter()
            answer = next(waiting, None)
            self.waited += time.perf_counter() - begun
            if answer is None:
                return
            yield answer


def _nobody(turn: int, tally: Tally) -> BenchError:
    name, why = next(iter(tally.left_out.items()), ("", "none answered"))
    return BenchError(
        f"no client sent usable weights in round {turn + 1}: {f'{name}: ' * bool(name)}{why}",
        "finished rounds are kept; lower the learning rate if they diverged",
    )


def _news(done: Sequence[Round], rounds: int) -> str:
    text = f"round {len(done)} of {rounds}, loss {done[-1].loss:.4g}"
    if done[-1].left_out:
        text += f", without {', '.join(done[-1].left_out)}"
    return text


def weights_after(folder: Path, count: int) -> Path:
    """Where the global weights after so many rounds are."""
    return folder / f"round-{count:05d}.safetensors"


def kept(folder: Path) -> list[Round]:
    """The rounds that a folder holds."""
    path = folder / "rounds.json"
    return _RECORDS.validate_json(path.read_bytes()) if path.is_file() else []


def macs(setup: FederatedSetup, state: State, client: Client, *, contrasted: bool) -> int:
    """Multiply-accumulates of learning from one sample once: half of what PyTorch counts."""
    brief = {"local_epochs": 1, "batch": _COUNTED}
    tried = replace(setup, recipe=setup.recipe.model_copy(update=brief))
    few = replace(client, samples=client.samples[:_COUNTED])
    with FlopCounterMode(display=False) as counter:
        client_step(tried, state, few, 0, state if contrasted else None)
    return int(counter.get_total_flops()) // 2 // len(few.samples)
