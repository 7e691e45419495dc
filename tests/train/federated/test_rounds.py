"""Many rounds: resumed to the bit, and going on without clients that fail."""

import time
from dataclasses import replace

import pytest
import torch

from bench.base.errors import BenchError, RequestError
from bench.train.federated import rounds
from bench.train.federated.steps import Update, client_step, server_step, snapshot
from tests.train.federated.tiny import MOON, clients, setup

CLIENTS = clients(4, 10, 10)


class StoppedError(Exception):
    """Ends a training from within."""


def learnt(folder, made, *, ask=None, stop=None, who=CLIENTS):
    def progress(done, total, text):
        if done == stop:
            raise StoppedError

    start = snapshot(made.network)
    ask = ask or rounds.in_process(made, who, folder)
    return rounds.learn(made, who, start, ask, folder, progress)


def bits(folder, count=3):
    return [rounds.weights_after(folder, n).read_bytes() for n in range(1, count + 1)]


@pytest.mark.parametrize("changes", [{}, {"algorithm": "fedavg-weighted"}, MOON])
def test_a_resumed_training_ends_with_the_same_bits(tmp_path, changes):
    learnt(tmp_path / "whole", setup(**changes))
    torn = tmp_path / "torn"
    with pytest.raises(StoppedError):
        learnt(torn, setup(**changes), stop=1)
    made = setup(**changes)
    asked = rounds.in_process(made, CLIENTS, torn)

    def killed(turn, state):
        yield next(iter(asked(turn, state)))
        raise StoppedError

    with pytest.raises(StoppedError):
        learnt(torn, made, ask=killed)
    assert len(rounds.kept(torn)) == 1
    found = learnt(torn, setup(**changes))
    assert len(found) == 3
    assert bits(torn) == bits(tmp_path / "whole")
    assert learnt(torn, setup(**changes)) == found


def test_rounds_are_the_steps_one_after_the_other(tmp_path):
    made = setup(**MOON)
    state, sent = snapshot(made.network), {}
    for turn in range(3):
        updates = [client_step(made, state, c, turn, sent.get(c.name)) for c in CLIENTS]
        sent = {update.client: update.state for update in updates}
        state = server_step(state, updates, weighted=False)
    again = setup(**MOON)
    learnt(tmp_path, again)
    found = rounds._read(again.network, rounds.weights_after(tmp_path, 3))
    assert all(torch.equal(found[name], state[name]) for name in state)


def spoilt(made, folder, name, spoil):
    """Clients of which one answers otherwise in the second round."""
    asked = rounds.in_process(made, CLIENTS, folder)

    def ask(turn, state):
        for answer in asked(turn, state):
            yield spoil(answer) if answer.client == name and turn == 1 else answer

    return ask


def ruined(value):
    def spoil(answer):
        bias = torch.full(value if isinstance(value, tuple) else (3,), torch.nan)
        return replace(answer, state={**answer.state, "head.bias": bias})

    return spoil


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (ruined(3), "head.bias holds NaN or infinity"),
        (ruined((7,)), "head.bias has shape [7], expected [3]"),
        (lambda answer: rounds.Failure(answer.client, "no answer"), "no answer"),
    ],
)
def test_a_client_that_fails_in_a_round_is_left_out_of_it_and_named(tmp_path, spoil, why):
    made = setup()
    found = learnt(tmp_path, made, ask=spoilt(made, tmp_path, "c1", spoil))
    assert [one.left_out for one in found] == [{}, {"c1": why}, {}]
    assert [one.clients for one in found] == [3, 2, 3]
    heard = 2 if why == "no answer" else 3
    assert found[1].bytes_up * 3 == found[0].bytes_up * heard
    assert found[1].bytes_down == found[0].bytes_down
    before, after = (rounds._read(made.network, rounds.weights_after(tmp_path, n)) for n in (1, 2))
    updates = [client_step(made, before, CLIENTS[n], 1) for n in (0, 2)]
    expected = server_step(before, updates, weighted=False)
    assert all(torch.equal(after[name], expected[name]) for name in after)


def test_a_client_that_raises_is_survived_and_all_of_them_are_not(tmp_path):
    made = setup()

    def read(rows):
        if min(rows) < 4:
            raise OSError("the disk is gone")
        return made.read(rows)

    broken = replace(made, read=read)
    who = [CLIENTS[1], CLIENTS[0]]
    found = learnt(tmp_path / "one", broken, who=who)
    assert [one.left_out for one in found] == [{"c0": "OSError: the disk is gone"}] * 3
    calls = []

    def counted_once(rows):
        calls.append(rows)
        if len(calls) > 1:
            raise OSError("the disk is gone")
        return made.read(rows)

    with pytest.raises(BenchError, match="no client sent usable weights in round 1: c1: OSError"):
        learnt(tmp_path / "all", replace(made, read=counted_once), who=who)


def test_moon_needs_to_know_the_classifier(tmp_path):
    made = replace(setup(**MOON), network=torch.nn.Linear(6, 3))
    with pytest.raises(RequestError, match="Linear doesn't name"):
        learnt(tmp_path, made)


def test_what_a_round_costs(tmp_path):
    plain, moon = (learnt(tmp_path / n, setup(**c)) for n, c in (("p", {}), ("m", MOON)))
    numbers = sum(tensor.nbytes for tensor in snapshot(setup().network).values())
    assert plain[0].bytes_up == plain[0].bytes_down == 3 * numbers
    # Forward and backward of two layers, but for the gradient of the first one's input.
    assert plain[0].macs == 24 * 2 * (2 * 6 * 8 + 3 * 8 * 3)
    assert plain[0].macs == plain[2].macs == moon[0].macs
    # And forward through the global and the previous model.
    assert moon[1].macs == plain[0].macs + 24 * 2 * 2 * (6 * 8 + 8 * 3)
    assert all(one.seconds >= one.slowest > 0 for one in plain)


def test_an_update_knows_nothing_of_time(tmp_path):
    (update, *_) = rounds.in_process(setup(), CLIENTS, tmp_path)(0, snapshot(setup().network))
    assert isinstance(update, Update)
    assert update.seconds > 0


def test_the_time_of_averaging_is_without_that_of_clients(tmp_path):
    made = setup(rounds=1)
    asked = rounds.in_process(made, CLIENTS, tmp_path)

    def slow(turn, state):
        for answer in asked(turn, state):
            time.sleep(0.2)
            yield answer

    (found,) = learnt(tmp_path, made, ask=slow)
    assert found.seconds > 0.6
    assert 0 < found.averaging < found.seconds - 0.6
