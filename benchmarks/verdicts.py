"""Two entries on the same tiles: how often is a difference called where there is none, or found?

Populations as in `benchmarks.populations`, observed of two entries. Equal entries are made so by a
coin for each tile that says whose predictions are whose: in the population both have one score.
"""

import hashlib
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench import kinds
from bench.kinds.common.kind import Kind
from bench.kinds.common.units import Units, units
from bench.metrics import stats
from bench.report.compare import compare
from bench.report.comparison import Difference
from bench.results.runs import Run
from bench.spec import task as tasks
from benchmarks.populations import Floats, lists, prevalences
from tests import run_json

TILES = 1_000
"""Of a population."""

POPULATIONS = 10
"""Of equal entries."""

_STEPS = 10
_ROUNDS = 2
_TRIALS = 60


@dataclass(frozen=True)
class Rivals:
    """Two entries.

    Attributes:
        task: whose primary metric they are compared by.
        tiles: how many are drawn.
        per: observations of a tile.
        icc: the share of the variance that is that of tiles.
    """

    task: str
    tiles: int
    per: int
    icc: float

    @property
    def kind(self) -> Kind[Any, Any]:
        """Scores the task."""
        return kinds.of(tasks.load(self.task))

    def generator(self, *more: int) -> np.random.Generator:
        """Random numbers of these two alone."""
        return np.random.default_rng((zlib.crc32(str(self).encode()), *more))

    def units(self) -> Units:
        """The tiles of a sample."""
        return units(self.attributes(), self.tiles * self.per)

    def attributes(self) -> pa.Table:
        """The tile of each observation of a sample."""
        return pa.table(
            {"tile": [f"t{n:04d}" for n in np.arange(self.tiles * self.per) // self.per]}
        )

    def population(self, worse: float, number: int = 0) -> pa.Table:
        """Observations of the first entry, and then of the second, in one of many populations."""
        make = _labels if self.kind.task.kind == "multilabel" else _maps
        made = make(self, worse, np.random.default_rng((11, number)))
        return pa.concat_tables(made)

    def draw(
        self, population: pa.Table, rng: np.random.Generator, *, equal: bool
    ) -> tuple[pa.Table, pa.Table]:
        """A sample of both, whose tiles change hands at random where they are to be equal."""
        half = population.num_rows // 2
        first = rng.integers(TILES, size=self.tiles) * self.per
        rows = (first[:, None] + np.arange(self.per)).ravel()
        swapped = np.repeat(rng.random(self.tiles) < 0.5, self.per) & equal
        one, other = (population.take(pa.array(rows + half * s)) for s in (swapped, ~swapped))
        return one, other


def _labels(rivals: Rivals, worse: float, rng: np.random.Generator) -> tuple[pa.Table, pa.Table]:
    per, classes = rivals.per, len(rivals.kind.task.classes)
    often, separation = prevalences(rng, 0.06, 0.45, classes), rng.uniform(0.5, 2.0, classes)

    def of_tiles() -> Floats:
        return np.repeat(rng.standard_normal((TILES, classes)), per, axis=0) * np.sqrt(rivals.icc)

    odds = np.log(often / (1 - often)) + 2 * of_tiles()
    labels = rng.random(odds.shape) < 1 / (1 + np.exp(-odds))
    common = np.sqrt(0.6) * rng.standard_normal(odds.shape)
    found = []
    for share in (1.0, 1.0 - worse):
        own = np.sqrt(0.4) * rng.standard_normal(odds.shape) + of_tiles()
        logits = share * separation * labels + common + own
        columns = {"targets": labels.astype(np.uint8), "logits": logits.astype(np.float32)}
        found.append(pa.table({name: lists(values) for name, values in columns.items()}))
    return found[0], found[1]


def _maps(rivals: Rivals, worse: float, rng: np.random.Generator) -> tuple[pa.Table, pa.Table]:
    classes = len(rivals.kind.task.classes)
    shape = TILES * rivals.per, classes
    right = rng.uniform(0.5, 2.0, classes)
    lots = rng.gumbel(size=shape) + np.log(0.7 ** np.arange(classes))
    there = lots >= np.sort(lots, axis=1)[:, [classes // 2]]
    pixels = there * rng.gamma(1.0, 1.0, shape)
    pixels *= 10_000 / pixels.sum(axis=1, keepdims=True)

    def of_images() -> Floats:
        tiles = np.repeat(rng.standard_normal((TILES, classes)), rivals.per, axis=0)
        own = np.sqrt(1 - rivals.icc) * rng.standard_normal(shape)
        return np.sqrt(rivals.icc) * tiles + own

    common, found = of_images(), []
    for share in (1.0, 1.0 - worse):
        logit = share * right + common + 0.7 * of_images()
        hits = pixels / (1 + np.exp(-logit))
        # What is missed is taken for the next class.
        cells = np.zeros((*shape, classes), np.int32)
        each = np.arange(classes)
        cells[:, each, each] = np.rint(hits)
        cells[:, each, (each + 1) % classes] = np.rint(pixels - hits)
        found.append(pa.table({"confusion": lists(cells)}))
    return found[0], found[1]


def judged(rivals: Rivals, tables: tuple[pa.Table, pa.Table]) -> tuple[float, float, float]:
    """The difference of two entries, its p-value, and the smallest visible difference."""
    kind, independent = rivals.kind, rivals.units()
    primary = kind.task.primary
    each = [kind.replicate(one, independent.left_out(), (primary,))[primary] for one in tables]
    values = np.stack(each, axis=1)
    spread = stats.pairwise_spread(values[1:]).at((0, 1))
    difference = values[0, 0] - values[0, 1]
    visible = stats.smallest_visible(spread)
    return float(difference), float(stats.p_value(difference, spread)), float(visible)


def by_command(rivals: Rivals, tables: tuple[pa.Table, pa.Table], results: Path) -> Difference:
    """What `bench compare` finds of the runs of two entries."""
    kind = rivals.kind
    samples = [f"s{index:05d}" for index in range(tables[0].num_rows)]
    for name, table in zip(("one", "other"), tables, strict=True):
        observed = table.add_column(0, "sample", pa.array(samples))
        # What isn't simulated, such as what calibration follows from, is null.
        for field in kind.schema():
            if field.name not in observed.column_names:
                empty = pa.nulls(len(samples), field.type)
                observed = observed.append_column(field, empty)
        observed = observed.select(kind.schema().names).cast(kind.schema())
        run = Run(results / "runs" / f"{rivals.task}.{name}.sample.0")
        run.write_part(0, observed)
        attributes = rivals.attributes().add_column(0, "sample", pa.array(samples))
        pq.write_table(attributes, run.attributes_path())
        manifest = run_json.complete(
            run.name,
            of_task={"name": rivals.task, "digest": kind.task.digest},
            about={"name": name, "digest": hashlib.sha256(name.encode()).hexdigest()},
            data={"samples": len(samples), "ids_sha256": "i", "data_sha256": "d"},
            scores=[run_json.score(*m.rsplit("_", 1)) for m in kind.measure(observed)],
        )
        run_json.write(run, manifest)
    return compare(["one", "other"], rivals.task, results).pairs[0]


@dataclass(frozen=True)
class Verdicts:
    """How often two entries are called different.

    Attributes:
        rivals: who.
        true: the difference in the population.
        p: [S] of each sample.
        agreed: of samples that `bench compare` saw too, how many there were where it said the same.
        seen: how many it saw.
    """

    rivals: Rivals
    true: float
    p: Floats
    agreed: int
    seen: int

    @property
    def called(self) -> float:
        """The share of samples by which they are called different."""
        return float((self.p < stats.ALPHA).mean())


def null(rivals: Rivals, simulations: int, commands: int = 0, seed: int = 0) -> Verdicts:
    """Two equal entries, in several populations.

    Of some samples runs are written and compared by the command.
    """
    found = []
    shared = zip(_shared(simulations), _shared(commands), strict=True)
    for number, (some, few) in enumerate(shared):
        population, rng = rivals.population(0.0, number), rivals.generator(seed, number)
        found.append(_repeated(rivals, population, 0.0, some, few, rng, equal=True))
    return Verdicts(
        rivals,
        true=0.0,
        p=np.concatenate([one.p for one in found]),
        agreed=sum(one.agreed for one in found),
        seen=sum(one.seen for one in found),
    )


def _shared(whole: int) -> list[int]:
    """Nearly equal numbers for each of the populations, with this sum."""
    return [len(part) for part in np.array_split(np.arange(whole), POPULATIONS)]


def power(rivals: Rivals, simulations: int, commands: int = 0, seed: int = 0) -> Verdicts:
    """Two entries that differ by what samples say on average is the smallest visible difference."""
    visible, rng = 0.0, rivals.generator(seed)
    for _ in range(_ROUNDS):
        population, true = _apart(rivals, visible)
        draws = [rivals.draw(population, rng, equal=False) for _ in range(_TRIALS)]
        visible = float(np.mean([judged(rivals, one)[2] for one in draws]))
    population, true = _apart(rivals, visible)
    return _repeated(rivals, population, true, simulations, commands, rng, equal=False)


def _apart(rivals: Rivals, wanted: float) -> tuple[pa.Table, float]:
    """A population in which entries differ by so much, and by how much exactly."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        worse = (low + high) / 2
        population = rivals.population(worse)
        true = _difference(rivals, population)
        low, high = (worse, high) if true < wanted else (low, worse)
    return population, true


def _repeated(
    rivals: Rivals,
    population: pa.Table,
    true: float,
    simulations: int,
    commands: int,
    rng: np.random.Generator,
    *,
    equal: bool,
) -> Verdicts:
    p, agreed = [], 0
    for number in range(simulations):
        tables = rivals.draw(population, rng, equal=equal)
        p.append(judged(rivals, tables)[1])
        if number < commands:
            with tempfile.TemporaryDirectory() as folder:
                found = by_command(rivals, tables, Path(folder))
            outside = found.low is None or found.high is None or not found.low <= 0 <= found.high
            same = found.p is not None and np.isclose(found.p, p[-1], rtol=1e-9)
            agreed += bool(same and outside == (p[-1] < stats.ALPHA) == (found.verdict != "tied"))
    return Verdicts(rivals, true, np.array(p), agreed, min(commands, simulations))


def _difference(rivals: Rivals, population: pa.Table) -> float:
    kind, half = rivals.kind, population.num_rows // 2
    primary, once = kind.task.primary, np.ones((1, population.num_rows // 2), np.uint16)
    one, other = (
        kind.replicate(population.slice(start, half), [once], (primary,))[primary][0]
        for start in (0, half)
    )
    return float(one - other)


EQUAL = [
    Rivals(task, tiles, 8, icc)
    for task in ("reben-mlc", "magicbathy-seabed-agia-napa")
    for tiles, icc in ((10, 0.0), (10, 0.2), (10, 0.5), (30, 0.2), (100, 0.2))
]
"""Pairs for `null`."""

UNEQUAL = [
    Rivals(task, tiles, 8, 0.2)
    for task in ("reben-mlc", "magicbathy-seabed-agia-napa")
    for tiles in (10, 30, 100)
]
"""Pairs for `power`."""
