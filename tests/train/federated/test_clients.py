"""Who holds what: complete, disjoint, and as the scenario says."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError, RequestError
from bench.data.reben.client_lists import ClientList
from bench.train.federated import training
from bench.train.federated.clients import divided, held, partition
from tests.train.federated.tiny import CLASSES, SAMPLES, recipe, setup

PLACES = st.lists(
    st.tuples(st.sampled_from(["Austria", "Finland", "Serbia"]), st.sampled_from("sw")),
    min_size=1,
    max_size=40,
)


def attributes(places):
    countries, seasons = zip(*places, strict=True)
    return {"country": countries, "season": seasons, "tile": ["x"] * len(places)}


def parts(places, **changes):
    return partition(attributes(places), recipe(**changes), seed=5)


@settings(max_examples=60, deadline=None)
@given(PLACES, st.sampled_from(["ds1", "ds2", "ds3", "pooled"]), st.data())
def test_clients_share_all_samples_and_none_is_shared(places, scenario, data):
    groups = len(set(places) if scenario == "ds3" else {country for country, _ in places})
    wanted = data.draw(st.none() | st.integers(1, len(places)))
    found = parts(places, scenario=scenario, clients=wanted)
    rows = np.concatenate([client.samples for client in found])
    assert len(set(rows.tolist())) == len(rows)
    assert all(len(client.samples) for client in found)
    assert [client.number for client in found] == list(range(len(found)))
    assert len({client.name for client in found}) == len(found)
    if wanted is None or wanted >= groups:
        assert sorted(rows.tolist()) == list(range(len(places)))
    if scenario != "pooled":
        assert len(found) == (groups if wanted is None else wanted)
    again = parts(places, scenario=scenario, clients=wanted)
    assert all((a.samples == b.samples).all() for a, b in zip(found, again, strict=True))


@settings(max_examples=60, deadline=None)
@given(PLACES, st.data())
def test_what_one_client_knows(places, data):
    wanted = data.draw(st.none() | st.integers(1, len(places)))
    second = parts(places, scenario="ds2", clients=wanted)
    for client in second:
        (country,) = {places[row][0] for row in client.samples}
        assert client.name.split()[0] == country
    for client in parts(places, scenario="ds3", clients=wanted):
        assert len({places[row] for row in client.samples}) == 1
    first = parts(places, scenario="ds1", clients=wanted)
    assert [len(c.samples) for c in first] == [len(c.samples) for c in second]
    assert {row for c in first for row in c.samples} == {row for c in second for row in c.samples}
    (pooled,) = parts(places, scenario="pooled", clients=wanted)
    assert len(pooled.samples) == sum(len(client.samples) for client in second)


def test_fewer_clients_are_the_largest_and_more_are_shares_of_them():
    places = [("Finland", "s")] * 9 + [("Serbia", "s")] * 3 + [("Austria", "w")] * 2
    assert [c.name for c in parts(places)] == ["Austria", "Finland", "Serbia"]
    assert [c.name for c in parts(places, clients=2)] == ["Finland", "Serbia"]
    found = {c.name: len(c.samples) for c in parts(places, clients=5)}
    assert found == {"Austria": 2, "Finland 1": 3, "Finland 2": 3, "Finland 3": 3, "Serbia": 3}
    assert [c.name for c in parts(places, scenario="ds3")] == ["Austria w", "Finland s", "Serbia s"]


def test_ds1_mixes_what_ds2_parts():
    places = [("Finland", "s")] * 50 + [("Serbia", "s")] * 50
    for client in parts(places, scenario="ds1"):
        assert min(Counter(places[row][0] for row in client.samples).values()) > 10


def test_impossible_partitions_are_refused_in_a_line():
    with pytest.raises(RequestError, match=r"as training samples \(2\), found 3"):
        parts([("Finland", "s")] * 2, clients=3)
    with pytest.raises(RequestError, match="by season, which the dataset doesn't say"):
        partition({"country": ["Finland"]}, recipe(scenario="ds3"), 0)


def test_what_a_client_holds():
    (client,) = parts([("Finland", "s")] * 3)
    holds = held(client, np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0]], np.uint8))
    assert (holds.samples, holds.classes) == (3, 1)


class Listed:
    """A dataset with lists: two clients of whose samples some are there, and one without any."""

    def __init__(self, *rows):
        self.lists = {
            name: ClientList(np.array(held, np.int64), left_out)
            for name, held, left_out in zip("abc", rows, (2, 3, 0), strict=True)
        }

    def client_lists(self, scenario, samples):
        return self.lists if scenario == 2 else {}


def test_lists_say_who_holds_what_and_who_holds_nothing_comes_last():
    asked = recipe(scenario="lists2")
    found = divided(Listed([0, 2], [], [1]), ["x", "y", "z"], asked, 0)
    assert [(c.name, c.number, c.samples.tolist(), c.left_out) for c in found] == [
        ("a", 0, [0, 2], 2),
        ("c", 1, [1], 0),
        ("b", 2, [], 3),
    ]
    labels = np.array([[1, 0], [1, 1], [0, 0]], np.uint8)
    assert held(found[0], labels).model_dump() == {"samples": 2, "classes": 1, "left_out": 2}
    assert held(found[1], labels).model_dump() == {"samples": 1, "classes": 2}
    assert held(found[2], labels).samples == 0


def test_lists_that_hold_nothing_or_are_not_known_are_refused():
    asked = recipe(scenario="lists2")
    with pytest.raises(BenchError, match="none of the 3 lists"):
        divided(Listed([], [], []), ["x"], asked, 0)
    with pytest.raises(RequestError, match="needs lists"):
        divided(object(), ["x"], asked, 0)
    with pytest.raises(ValueError, match="clients of its lists"):
        recipe(scenario="lists1", clients=3)


def test_a_client_without_samples_is_recorded_and_takes_no_part(tmp_path):
    class Dataset(Listed):
        def multilabels(self, samples):
            return np.ones((len(samples), CLASSES), np.uint8)

    dataset = Dataset(range(10), [], range(12, 20))
    samples = [f"s{row}" for row in range(SAMPLES)]
    made = setup(scenario="lists2", rounds=1)
    federation, _ = training.follow(made, dataset, samples, tmp_path, lambda *news: None)
    assert {name: one.samples for name, one in federation.clients.items()} == {
        "a": 10,
        "c": 8,
        "b": 0,
    }
    assert federation.clients["b"].left_out == 3
    (only,) = federation.rounds
    assert (only.clients, only.left_out) == (2, {})
    assert only.bytes_down == only.bytes_up
