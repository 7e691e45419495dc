"""What the leaderboard reads of the results database, in one short connection."""

import datetime
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from bench.metrics.scales import known
from bench.report.estimate import Trained
from bench.results import store
from bench.results.trainings import Made
from bench.spec import labels

SUBSET = "label subset"
"""Why a run that learnt from a part of the training samples has no place."""

_FACTS = {
    "title": "$.entry.title",
    "authors": "$.entry.authors",
    "licence": "$.entry.licence",
    "url": "$.entry.url",
    "note": "$.entry.note",
    "source": "$.entry.source",
    "architecture": "$.entry.model.architecture",
    "layout": "$.data.layout",
    "primary": "$.task.primary",
    "processor": "$.hardware.processor",
    "accelerator": "$.hardware.accelerator",
    "torch": "$.arithmetic.torch",
    "bytes_per_sample": "$.cost.bytes_per_sample",
    "bytes_per_km2": "$.cost.bytes_per_km2",
    "pictures": "$.pictures",
    "trained_seed": "$.entry.trained.seed",
    "observations": "$.observations_sha256",
    "labels": "$.entry.labels",
    "encoder": "$.entry.encoder",
    "method": "$.entry.method",
    "searched": "$.entry.trained.searched",
    "history": "$.entry.trained.history",
    "selected_by": "$.entry.trained.recipe.select",
    "learnt": "$.entry.trained.facts.samples",
    "learnt_ids": "$.entry.trained.facts.samples_sha256",
    "learnt_data": "$.entry.trained.data",
    "dataset": "$.data.dataset",
    "split": "$.data.split",
    "degradation": "$.degradation.name",
    "recipe": "$.entry.trained.recipe",
    "training_data": "$.entry.training_data",
}

_RUNS = """
select run, task, task_version, task_digest, kind, track, partial, entry, entry_digest,
       weights_sha256, inputs, division, trust, seed, device, precision, samples, ids_sha256,
       data_sha256, harness_version, harness_commit, harness_dirty, started, seconds, parameters,
       macs, latency_ms, samples_per_second, peak_memory, altered, checked, left_out,
       {facts}
from runs where ? in ('', task) order by task, run
"""

_SCORES = """
select run, metric, average, label, slice, value, low, high, samples, is_primary, units,
       sampling_unit, classes
from metrics where run in (select run from runs where ? in ('', task))
order by run, is_primary desc, slice, average, metric, label
"""


class Score(NamedTuple):
    """One number of a run with its 95 % interval; names and meaning as in the database."""

    metric: str
    average: str
    label: str
    slice: str
    value: float | None
    low: float | None
    high: float | None
    samples: int
    is_primary: bool
    units: int | None = None
    sampling_unit: str = "sample"
    classes: int | None = None

    @property
    def column(self) -> tuple[str, str, str, str]:
        """What this score has in common with those of other runs."""
        return self.slice, self.metric, self.average, self.label


@dataclass(frozen=True, slots=True)
class Result:
    """A recorded run: a row of ``runs``, a few facts of its manifest, and its scores."""

    run: str
    task: str
    task_version: int
    task_digest: str
    kind: str
    track: str
    partial: bool
    entry: str
    entry_digest: str
    weights_sha256: str
    inputs: str
    division: str
    trust: str
    seed: int
    device: str
    precision: str
    samples: int
    ids_sha256: str
    data_sha256: str
    harness_version: str
    harness_commit: str | None
    harness_dirty: bool | None
    started: datetime.datetime
    seconds: float
    parameters: int | None
    macs: int | None
    latency_ms: float | None
    samples_per_second: float | None
    peak_memory: int | None
    altered: bool
    checked: str
    left_out: list[float]
    facts: dict[str, str]
    scores: list[Score] = field(default_factory=list)

    @property
    def primary(self) -> Score | None:
        """The score the task ranks by, if it has a value."""
        for score in self.scores:
            if score.is_primary and score.value is not None:
                return score
        return None

    @property
    def made(self) -> Made:
        """What it says of its model."""
        seed = self.facts.get("trained_seed", "")
        handed_in = self.trust != "rerun" and self.facts.get("observations")
        return Made(handed_in or self.entry_digest, int(seed) if seed.isdecimal() else None)

    @property
    def subset(self) -> str:
        """The part of the training samples that it learnt from, ``10%-draw2``; empty for all."""
        return labels.subset(self.facts.get("labels"))

    @property
    def base(self) -> str:
        """The name of its entry without the number of labels that ends it."""
        return labels.base_name(self.entry, self.facts.get("labels"))

    @property
    def entrant(self) -> tuple[str, ...]:
        """What runs of one entrant have in common; the first is `base`."""
        origin = self.facts.get("source", "").partition("@")[0]
        return self.base, origin, self.inputs, self.division, self.trust

    @property
    def trained(self) -> Trained | None:
        """The primary score as estimates are made of it; None where it has no value."""
        score = self.primary
        if score is None or score.value is None:
            return None
        unit, units = score.sampling_unit, score.units
        samples = self.ids_sha256
        return Trained(score.value, score.low, score.high, self.left_out, unit, units, samples)

    @property
    def unranked(self) -> str:
        """Why the run has no place, in a word; empty for one that is ranked."""
        if self.partial:
            return "partial"
        if self.altered:
            return "altered"
        if done := self.facts.get("degradation"):
            return f"degraded: {done}"
        if self.subset:
            return SUBSET
        if self.primary is None:
            return "no score"
        # A plug-in's that isn't installed here: nobody can tell whether a higher value is better.
        return "" if known(self.primary.metric) else "unknown metric"


def read(results: Path, task: str = "") -> tuple[list[Result], list[dict[str, Any]]]:
    """Every recorded run with its scores, and the published numbers where there are any.

    Args:
        results: the results folder.
        task: runs of this task only; of all where it is empty.

    Raises:
        BenchError: there is no database, or it can't be read.
    """
    with store.connect(results, write=False) as connection:
        # Reading is quick with one thread, and each thread would hold buffers of its own.
        connection.execute("set threads = 1")
        found = list(_results(connection, task))
        scores = _scores(connection, task)
        reported = list(_reported(connection))
    for result in found:
        result.scores.extend(scores.get(result.run, ()))
    return found, reported


def _results(connection: duckdb.DuckDBPyConnection, task: str) -> Iterator[Result]:
    paths = ", ".join(f"'{path}'" for path in _FACTS.values())
    query = _RUNS.format(facts=f"json_extract_string(manifest, [{paths}])")
    for *columns, facts in connection.execute(query, [task]).fetchall():
        named = {key: text for key, text in zip(_FACTS, facts, strict=True) if text}
        named["authors"] = _joined(named.get("authors", ""))
        result = Result(*[*columns, named])
        # Of all samples is what an entry without a number of labels is, too.
        yield result if result.subset else replace(result, entry=result.base)


def _joined(authors: str) -> str:
    try:
        names = json.loads(authors)
    except (ValueError, RecursionError):
        return authors
    return ", ".join(map(str, names)) if isinstance(names, list) else authors


def _scores(connection: duckdb.DuckDBPyConnection, task: str) -> dict[str, list[Score]]:
    found: dict[str, list[Score]] = defaultdict(list)
    cursor = connection.execute(_SCORES, [task])
    while rows := cursor.fetchmany(10_000):
        for run, *columns in rows:
            found[run].append(Score._make(columns))
    return found


def _reported(connection: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    cursor = connection.execute("select * from reported order by all")
    names = [column[0] for column in cursor.description or []]
    for row in cursor.fetchall():
        yield dict(zip(names, row, strict=True))
