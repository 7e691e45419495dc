"""Federated trainings along three axes: robustness, local training cost, aggregation cost.

The axes are those by which the report behind B. Büyüktaş et al., Transformer-based Federated
Learning for Multi-Label Remote Sensing Image Classification, arXiv:2405.15405, compares networks:
the score when samples are divided more and more unevenly, what a client computes in a round, and
what is sent and averaged in one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter

from bench.base.errors import RequestError
from bench.metrics import stats
from bench.report.estimate import Estimate, differences, estimate, of_manifest
from bench.results import runs
from bench.results.manifest import Manifest
from bench.spec.entry import Federation
from bench.spec.recipe import Federated
from bench.spec.task import Task

SCENARIOS = ("pooled", "ds1", "ds2", "ds3", "lists1", "lists2", "lists3")
"""In the order of columns."""

_FIRST = {"ds2": "ds1", "ds3": "ds1", "lists2": "lists1", "lists3": "lists1"}
"""The even division that an uneven one is compared with."""

_RECIPE = TypeAdapter(Federated)
_FEDERATION = TypeAdapter(Federation)


@dataclass(frozen=True)
class Level:
    """Trainings in one scenario.

    Attributes:
        scenario: see `bench.spec.recipe.Federated`.
        entry, runs: whose they are.
        clients: how many took part.
        value, low, high: the primary score, mean over trainings, with its 95 % interval.
        drop, drop_low, drop_high: that score less the one where images are divided at random, of
            the same network and recipe, paired by unit; None where that isn't recorded.
        p: of no drop, adjusted for all drops by Holm's method.
        samples: that a client learns from in a round, passes over the same ones counted again;
            mean over clients.
        macs: multiply-accumulates of a client in a round, mean over clients and rounds.
        seconds: of a round, mean; of all clients one after the other where one process ran them.
        averaging: seconds of a round in which the server averaged; None where that wasn't measured.
        bytes: that server and clients send each other in a round, mean over rounds.
    """

    scenario: str
    entry: str
    runs: tuple[str, ...]
    clients: int
    value: float
    low: float | None
    high: float | None
    drop: float | None
    drop_low: float | None
    drop_high: float | None
    p: float | None
    samples: float
    macs: float
    seconds: float
    averaging: float | None
    bytes: float


@dataclass(frozen=True)
class Row:
    """A network and how its clients learn together.

    Attributes:
        network: the class of the network, with the name of an entry where several have it.
        algorithm: with the weight of the contrast where there is one.
        parameters: numbers that a client shares, running statistics included.
        levels: the scenarios that are recorded, in the order of `SCENARIOS`.
    """

    network: str
    algorithm: str
    parameters: int
    levels: tuple[Level, ...]

    def level(self, scenario: str) -> Level | None:
        """What is recorded of a scenario."""
        return next((one for one in self.levels if one.scenario == scenario), None)

    @property
    def cost(self) -> Level:
        """The scenario whose costs stand for the row: a country for each client, else the first."""
        return self.level("ds2") or self.levels[0]


@dataclass(frozen=True)
class Report:
    """All that is recorded of federated trainings of a task on a track.

    Attributes:
        task, version, digest, track, metric: what was run and scored.
        samples: that were scored.
        rows: by network and algorithm.
        remarks: what a reader must know besides.
    """

    task: str
    version: int
    digest: str
    track: str
    metric: str
    samples: int
    rows: tuple[Row, ...]
    remarks: tuple[str, ...]


class _Known(NamedTuple):
    manifest: Manifest
    recipe: Federated
    federation: Federation


class _Group(NamedTuple):
    """What trainings that differ by their scenario alone have in common."""

    architecture: str
    arguments: str
    input: str
    recipe: str


def report(results: Path, task: Task, track: str | None = None) -> Report:
    """Put the recorded federated trainings of a task beside each other.

    Of several runs of a training the newest counts, of several seeds the mean. Runs on other data
    than the newest one are left out.

    Args:
        results: the results folder.
        task: of the kind federated.
        track: ``official`` or ``sample``; by default official where there are runs, else sample.

    Raises:
        RequestError: the task is of another kind, or nothing is recorded.
    """
    if task.kind != "federated":
        raise RequestError(
            f"task {task.name} is of kind {task.kind}, whose models aren't trained by clients",
            "`bench list --kind federated` shows the tasks of kind federated",
        )
    known = _recorded(results, task)
    chosen = track or min((one.manifest.track for one in known), default="sample")
    known = [one for one in known if one.manifest.track == chosen]
    if not known:
        raise RequestError(
            f"no federated training of task {task.name} is recorded on the {chosen} track",
            f"bench run --task {task.name} --model resnet-fedavg-ds1 --track {chosen}, then the "
            "same with ds2 and ds3",
        )
    newest = known[-1].manifest
    same = [one for one in known if _data(one.manifest) == _data(newest)]
    remarks = []
    if left := len(known) - len(same):
        remarks.append(f"{left} older runs on other data are left out")
    groups: dict[_Group, dict[str, list[_Known]]] = {}
    for one in same:
        groups.setdefault(_group(one), {}).setdefault(one.recipe.scenario, []).append(one)
    rows, estimates = [], []
    for key, scenarios in groups.items():
        row, found, said = _row(task.primary, key, scenarios)
        rows.append(row)
        estimates.append(found)
        remarks += said
    rows = _named(_with_drops(rows, estimates))
    return Report(
        task=task.name,
        version=task.version,
        digest=task.digest,
        track=chosen,
        metric=task.primary,
        samples=newest.data.samples,
        rows=tuple(sorted(rows, key=lambda row: (row.network, row.algorithm))),
        remarks=tuple(remarks),
    )


def _recorded(results: Path, task: Task) -> list[_Known]:
    """The complete runs of federated trainings with a score, oldest first."""
    found = []
    for run in runs.all_runs(results):
        if not run.name.startswith(f"{task.name}.") or not run.complete():
            continue
        manifest = run.manifest()
        trained = manifest.entry.trained
        apart = manifest.partial or manifest.degradation or manifest.task.digest != task.digest
        if apart or trained is None or trained.federation is None or of_manifest(manifest) is None:
            continue
        recipe = _RECIPE.validate_python(trained.recipe)
        found.append(_Known(manifest, recipe, _FEDERATION.validate_python(trained.federation)))
    return sorted(found, key=lambda one: one.manifest.started)


def _data(manifest: Manifest) -> tuple[str, str]:
    return manifest.data.ids_sha256, manifest.data.data_sha256


def _group(one: _Known) -> _Group:
    entry = one.manifest.entry
    arguments: Mapping[str, Any] = entry.model.arguments if entry.model else {}
    own = {name: value for name, value in sorted(arguments.items()) if name != "rounds"}
    recipe = one.recipe.model_dump(exclude={"scenario", "clients"})
    contract = entry.input.model_dump_json() if entry.input else ""
    architecture = entry.model.architecture if entry.model else ""
    return _Group(architecture.removeprefix("rounds:"), str(own), contract, str(recipe))


def _row(
    metric: str, key: _Group, scenarios: Mapping[str, Sequence[_Known]]
) -> tuple[Row, dict[str, Estimate], list[str]]:
    levels, estimates, remarks = [], dict[str, Estimate](), []
    for scenario in sorted(scenarios, key=SCENARIOS.index):
        latest = scenarios[scenario][-1]
        entry = latest.manifest.entry.name
        others = {one.manifest.entry.name for one in scenarios[scenario]} - {entry}
        if others:
            remarks.append(f"{entry} stands for {', '.join(sorted(others))}, which learn the same")
        of_entry = [one for one in scenarios[scenario] if one.manifest.entry.name == entry]
        of_seed = {_seed(one): one for one in of_entry}
        chosen = list(of_seed.values())
        scored = [of_manifest(one.manifest) for one in chosen]
        found = estimate(metric, [one for one in scored if one is not None])
        estimates[scenario] = found
        levels.append(_level(scenario, chosen, found))
    recipe = latest.recipe
    weight = f" (mu {recipe.mu:g})" if recipe.mu is not None else ""
    name = key.architecture.rpartition(":")[2].rpartition(".")[2]
    row = Row(name, recipe.algorithm + weight, latest.federation.parameters, tuple(levels))
    return row, estimates, remarks


def _seed(one: _Known) -> int | None:
    trained = one.manifest.entry.trained
    return trained.seed if trained else None


def _level(scenario: str, chosen: Sequence[_Known], found: Estimate) -> Level:
    federations = [one.federation for one in chosen]
    recipe = chosen[-1].recipe
    rounds = [one for federation in federations for one in federation.rounds]
    holding = [
        [held.samples for held in federation.clients.values() if held.samples]
        for federation in federations
    ]
    clients = len(holding[-1])
    times = [one.averaging for one in rounds if one.averaging is not None]
    return Level(
        scenario=scenario,
        entry=chosen[-1].manifest.entry.name,
        runs=tuple(one.manifest.run for one in chosen),
        clients=clients,
        value=found.value,
        low=found.low,
        high=found.high,
        drop=None,
        drop_low=None,
        drop_high=None,
        p=None,
        samples=recipe.local_epochs * fmean(map(fmean, holding)),
        macs=fmean(one.macs for one in rounds) / clients,
        seconds=fmean(one.seconds for one in rounds),
        averaging=fmean(times) if len(times) == len(rounds) else None,
        bytes=fmean(one.bytes_down + one.bytes_up for one in rounds),
    )


class _Drop(NamedTuple):
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None


def _with_drops(rows: Sequence[Row], estimates: Sequence[Mapping[str, Estimate]]) -> list[Row]:
    """Rows whose levels say how far they are from that of images at random."""
    drops = {
        (place, scenario): _drop(found[scenario], found[first])
        for place, found in enumerate(estimates)
        for scenario, first in _FIRST.items()
        if scenario in found and first in found
    }
    unknown = [np.nan if one.p is None else one.p for one in drops.values()]
    adjusted = stats.holm(np.array(unknown, np.float64))
    drops = {
        key: one._replace(p=_number(p))
        for (key, one), p in zip(drops.items(), adjusted, strict=True)
    }
    changed = []
    for place, row in enumerate(rows):
        levels = []
        for level in row.levels:
            one = drops.get((place, level.scenario), _Drop())
            levels.append(
                replace(level, drop=one.value, drop_low=one.low, drop_high=one.high, p=one.p)
            )
        changed.append(replace(row, levels=tuple(levels)))
    return changed


def _drop(uneven: Estimate, even: Estimate) -> _Drop:
    spread = differences([uneven, even])[0].at((0, 1))
    value = uneven.value - even.value
    low, high = stats.interval(value, spread)
    if not spread.variance > 0:
        # Nothing is known of how far the scores might be off.
        return _Drop(value)
    return _Drop(value, _number(low), _number(high), _number(stats.p_value(value, spread)))


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _named(rows: Iterable[Row]) -> list[Row]:
    """Rows with the name of an entry where network and algorithm are those of others."""
    rows = list(rows)
    names = [(row.network, row.algorithm) for row in rows]
    return [
        replace(row, network=f"{row.network} ({row.levels[0].entry})")
        if names.count((row.network, row.algorithm)) > 1
        else row
        for row in rows
    ]
