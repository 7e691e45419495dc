"""Who holds which training samples, from metadata alone or by lists."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError, RequestError
from bench.data import Dataset
from bench.spec.entry import Held
from bench.spec.recipe import Federated

Indices = NDArray[np.int64]

_GROUPED_BY = {
    "ds1": ("country",),
    "ds2": ("country",),
    "ds3": ("country", "season"),
    "pooled": ("country",),
}


@dataclass(frozen=True)
class Client:
    """A client of a federation.

    Attributes:
        name: such as ``Finland``, ``Finland summer`` or ``random 3``.
        number: its place among the clients, from 0; part of what its random numbers depend on.
        samples: int64, the indices of its samples in the training split, rising.
        left_out: how many more its list names, which aren't in that split.
    """

    name: str
    number: int
    samples: Indices
    left_out: int = 0


class ClientList(Protocol):
    """What a list says a client holds; see `bench.data.reben.client_lists.ClientList`."""

    @property
    def rows(self) -> Indices:
        """Which of the asked samples it holds, rising."""
        ...

    @property
    def left_out(self) -> int:
        """How many other names the list has."""
        ...


class WithLists(Protocol):
    """A dataset that knows published lists of what clients hold."""

    def client_lists(self, scenario: int, samples: Sequence[str]) -> Mapping[str, ClientList]:
        """The list of each client by its name."""
        ...


def divided(
    dataset: Dataset, training: Sequence[str], recipe: Federated, seed: int
) -> list[Client]:
    """The clients of a recipe, those that hold nothing last.

    Args:
        dataset: that says where samples are from, or has lists.
        training: the ids of the training split.
        recipe: scenario and number of clients.
        seed: of what is drawn at random.

    Raises:
        RequestError: the dataset has no lists; or see `partition`.
        BenchError: a list can't be read, or none has a sample of the training split.
    """
    if not recipe.scenario.startswith("lists"):
        return partition(dataset.attributes(training), recipe, seed)
    if not hasattr(dataset, "client_lists"):
        raise RequestError(
            f"scenario {recipe.scenario} needs lists of what clients hold, which the dataset "
            "hasn't",
            "choose ds1, ds2, ds3 or pooled",
        )
    scenario = int(recipe.scenario.removeprefix("lists"))
    lists = cast(WithLists, dataset).client_lists(scenario, training)
    if not any(len(one.rows) for one in lists.values()):
        raise BenchError(
            f"none of the {len(lists)} lists of scenario {scenario} names a sample of the training "
            "split",
            "are they those of BigEarthNet v1.0?",
        )
    ordered = sorted(lists.items(), key=lambda item: not len(item[1].rows))
    return [
        Client(name, number, one.rows, one.left_out) for number, (name, one) in enumerate(ordered)
    ]


def partition(
    attributes: Mapping[str, Sequence[str]], recipe: Federated, seed: int
) -> list[Client]:
    """The clients of a recipe.

    With as many clients as countries (or countries and seasons) each holds one. Fewer are the
    largest of these; what the others hold is learnt from by nobody. More are made by dealing the
    samples of the largest at random to several clients, again and again. The clients of ``ds1``
    have the sizes of those of ``ds2`` and together the same samples; ``pooled`` is one client with
    all of them.

    Source: the scenarios are DS1 to DS3 of the report behind B. Büyüktaş et al., Transformer-based
    Federated Learning for Multi-Label Remote Sensing Image Classification, IGARSS 2024,
    arXiv:2405.15405, by their definitions in its text: the lists published beside it differ.

    Args:
        attributes: ``country`` and ``season`` of each of N samples.
        recipe: scenario and number of clients.
        seed: of what is drawn at random.

    Raises:
        RequestError: there are more clients than samples, or the dataset doesn't say the attribute.
    """
    keys = _GROUPED_BY[recipe.scenario]
    for key in keys:
        if key not in attributes:
            raise RequestError(
                f"scenario {recipe.scenario} parts samples by {key}, which the dataset doesn't say",
                f"it says {', '.join(attributes) or 'nothing'} of its samples",
            )
    labels = [" ".join(values) for values in zip(*(attributes[key] for key in keys), strict=True)]
    wanted = recipe.clients
    if wanted is not None and wanted > len(labels):
        raise RequestError(
            f"expected at most as many clients as training samples ({len(labels)}), found {wanted}",
            "lower `clients` in the recipe",
        )
    draw = np.random.default_rng([seed, len(labels)])
    parts = dict(_dealt(_groups(labels), wanted, draw))
    if recipe.scenario == "ds1":
        pool = draw.permutation(np.concatenate(list(parts.values())))
        ends = np.cumsum([len(part) for part in parts.values()])[:-1]
        shuffled = np.split(pool, ends)
        parts = {f"random {number}": part for number, part in enumerate(shuffled, 1)}
    elif recipe.scenario == "pooled":
        parts = {"all": np.concatenate(list(parts.values()))}
    return [
        Client(name, number, np.sort(part)) for number, (name, part) in enumerate(parts.items())
    ]


def _groups(labels: Sequence[str]) -> dict[str, Indices]:
    names, of_sample = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)
    return {str(name): np.flatnonzero(of_sample == index) for index, name in enumerate(names)}


def _dealt(
    groups: Mapping[str, Indices], wanted: int | None, draw: np.random.Generator
) -> Iterator[tuple[str, Indices]]:
    """The samples of each client, by name: groups, the largest groups, or shares of groups."""
    wanted = len(groups) if wanted is None else wanted
    kept = sorted(groups, key=lambda name: (-len(groups[name]), name))[:wanted]
    # The next client goes where the fewest clients share the most samples.
    shares = dict.fromkeys(sorted(kept), 1)
    queue: list[tuple[float, str]] = [(-len(groups[name]), name) for name in shares]
    heapq.heapify(queue)
    for _ in range(wanted - len(kept)):
        _, name = heapq.heappop(queue)
        shares[name] += 1
        heapq.heappush(queue, (-len(groups[name]) / shares[name], name))
    for name, share in shares.items():
        if share == 1:
            yield name, groups[name]
        else:
            dealt = np.array_split(draw.permutation(groups[name]), share)
            yield from ((f"{name} {number}", part) for number, part in enumerate(dealt, 1))


def held(client: Client, labels: NDArray[np.uint8]) -> Held:
    """What a client holds.

    Args:
        client: which one.
        labels: [N, classes] of all training samples, not 0 where a class occurs.
    """
    classes = int(labels[client.samples].any(axis=0).sum())
    return Held(samples=len(client.samples), classes=classes, left_out=client.left_out)
