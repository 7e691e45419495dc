"""How often do intervals hold their target, and how often do tests find a difference?

``python -m benchmarks.coverage`` prints the tables of docs/statistics.md: for the primary metric of
each kind and several made-up populations (`benchmarks.populations`), the share of samples whose
95 % interval holds the score on infinitely many more. Every interval is made by the functions that
`bench run` calls.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from bench import kinds
from bench.kinds.common.kind import Kind
from bench.kinds.common.scoring import deciding_units, rare_classes, score_interval
from bench.kinds.common.units import Units, units
from bench.metrics.macro import macro
from bench.spec import task as tasks
from benchmarks.populations import SCENARIOS, Floats, Scenario
from benchmarks.verdicts import EQUAL, UNEQUAL, null, power

SIZES = (30, 100, 1_000, 10_000)
COMMANDS = 20
"""Of so many pairs of samples runs are written and compared by `bench compare`, too."""

FEWER = 10_000
"""Of samples of so many observations half as many are drawn."""


@dataclass(frozen=True)
class Cell:
    """What was found for samples of one size of one scenario.

    Attributes:
        scenario: which.
        samples, units: observations of a sample, and its independent units.
        held: of each draw, whether the interval holds the target; NaN without an interval.
        below, above: whether it is below or above it.
        few: whether the interval carries the remark that something is too few for it.
        width: of each interval.
    """

    scenario: Scenario
    samples: int
    units: int
    held: Floats
    below: Floats
    above: Floats
    few: Floats
    width: Floats


def cell(scenario: Scenario, samples: int, simulations: int, seed: int = 0) -> Cell:
    """Draw samples of a scenario, and look how often their intervals hold the target."""
    kind = kinds.of(tasks.load(scenario.task))
    drawn, truth = _draws(scenario, kind, samples, simulations, seed)
    found: list[tuple[Floats, dict[str, Floats], bool]] = []
    names = _names(scenario.metric)
    for table, independent in drawn:
        values = kind.replicate(table, independent.left_out(), names)
        left_out = {name: of[1:] for name, of in values.items()}
        low, high = score_interval(
            scenario.metric, values[scenario.metric][0], left_out, independent.count
        )
        bounds = np.array([values[scenario.metric][0], low, high])
        doubts = deciding_units(scenario.metric, independent.noun, left_out)
        if scenario.metric in kind.averaged(table):
            doubts += rare_classes(kind, table, independent)
        found.append((bounds, values, bool(doubts)))
    bounds = np.array([one[0] for one in found])
    if scenario.whole and truth is None:
        targets = np.full(len(found), bounds[:, 0].mean())
    else:
        targets = np.array([_target(scenario.metric, truth or {}, one[1]) for one in found])
    none = np.isnan(bounds[:, 1])
    below, above = bounds[:, 2] < targets, bounds[:, 1] > targets
    return Cell(
        scenario,
        samples,
        samples // scenario.per if scenario.per else samples,
        held=np.where(none, np.nan, ~below & ~above),
        below=np.where(none, np.nan, below),
        above=np.where(none, np.nan, above),
        few=np.array([few for *_, few in found], np.float64),
        width=bounds[:, 2] - bounds[:, 1],
    )


def _names(metric: str) -> list[str]:
    """The metric, and that of its classes where it is their mean."""
    of_classes = f"{metric.rpartition('_')[0]}_classes"
    return [metric, of_classes] if metric.endswith("_macro") else [metric]


def _draws(
    scenario: Scenario, kind: Kind[Any, Any], samples: int, simulations: int, seed: int
) -> tuple[Iterator[tuple[pa.Table, Units]], dict[str, Floats] | None]:
    """Samples with their units; the score of all that they are drawn from, None if it isn't known.

    A sample whose observations depend on each other has the mean of all such samples as its target:
    recall is an unbiased estimate of what it is for a gallery of its size.
    """

    def whole() -> Iterator[tuple[pa.Table, Units]]:
        for number in range(simulations):
            table = scenario.make(scenario.generator(seed, number), samples)
            yield table, units(None, samples)

    if scenario.whole:
        return whole(), None
    population = scenario.make(scenario.generator(), samples)
    truth = kind.replicate(
        population, [np.ones((1, population.num_rows), np.uint16)], _names(scenario.metric)
    )
    per = scenario.per or 1
    attributes = None
    if scenario.per:
        tiles = [f"tile {number:05d}" for number in np.arange(samples) // per]
        attributes = pa.table({"tile": tiles})
    independent = units(attributes, samples)

    def drawn() -> Iterator[tuple[pa.Table, Units]]:
        draw = scenario.generator(seed, samples)
        for _ in range(simulations):
            first = draw.integers(population.num_rows // per, size=samples // per) * per
            rows = (first[:, None] + np.arange(per)).ravel()
            yield population.take(pa.array(rows)), independent

    return drawn(), truth


def _target(metric: str, truth: dict[str, Floats], values: dict[str, Floats]) -> float:
    """The score of the population; a mean over the classes that occur in the sample."""
    names = _names(metric)
    if len(names) == 1:
        return float(truth[metric][0])
    return float(macro(np.where(np.isnan(values[names[1]][0]), np.nan, truth[names[1]][0])))


def row(found: Cell) -> list[str]:
    """A cell as a row of the table."""
    scenario, there = found.scenario, ~np.isnan(found.held)
    few = found.few[there].mean() if there.any() else 1.0
    shares = [one[there].mean() for one in (found.held, found.below, found.above)]
    said = f"{few:.0%}" + (", too few" if few > 0.5 else "")
    clusters = f" ({found.units} tiles)" if scenario.per else ""
    return [
        scenario.kind,
        scenario.metric,
        scenario.name,
        f"{found.samples:,}{clusters}",
        str(int(there.sum())),
        *(f"{100 * share:.1f}" for share in shares),
        said,
        f"{np.nanmean(found.width):.3g}",
    ]


HEADINGS = (
    "kind", "metric", "scenario", "samples", "draws", "held, %", "too low, %", "too high, %",
    "said to be too few", "mean width",
)  # fmt: skip


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table in Markdown, row by row."""
    print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}", flush=True)
    for cells in rows:
        print(f"| {' | '.join(cells)} |", flush=True)


def sizes_of(scenario: Scenario, sizes: Sequence[int]) -> list[int]:
    """How many observations samples have."""
    if scenario.tiles:
        return [scenario.per * tiles for tiles in scenario.tiles]
    return [size for size in sizes if size <= scenario.largest]


def main(arguments: Sequence[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--simulations", type=int, default=400)
    parser.add_argument("--kinds", nargs="*", help="of these only; `verdicts` are the tests")
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    chosen = [one for one in SCENARIOS if not asked.kinds or one.kind in asked.kinds]
    if chosen:
        table(HEADINGS, _rows(chosen, asked.sizes, asked.simulations, asked.seed))
    if not asked.kinds or "verdicts" in asked.kinds:
        print()
        table(VERDICTS, _verdicts(asked.simulations, asked.seed))


def _rows(
    scenarios: Sequence[Scenario], sizes: Sequence[int], simulations: int, seed: int
) -> Iterator[list[str]]:
    for scenario in scenarios:
        for size in sizes_of(scenario, sizes):
            many = simulations // (2 if size >= FEWER else 1)
            start = time.perf_counter()
            yield row(cell(scenario, size, many, seed))
            seconds = time.perf_counter() - start
            print(f"{scenario.kind}, {scenario.name}, {size:,}: {seconds:.0f} s", file=sys.stderr)


VERDICTS = (
    "metric", "tiles", "samples", "ICC", "true difference", "draws", "called different, %",
    "same by `bench compare`",
)  # fmt: skip


def _verdicts(simulations: int, seed: int) -> Iterator[list[str]]:
    cases = [(null, one) for one in EQUAL] + [(power, one) for one in UNEQUAL]
    for judge, rivals in cases:
        start = time.perf_counter()
        found = judge(rivals, simulations, COMMANDS, seed)
        yield [
            rivals.kind.task.primary,
            str(rivals.tiles),
            str(rivals.tiles * rivals.per),
            str(rivals.icc),
            f"{found.true:.3g}",
            str(len(found.p)),
            f"{100 * found.called:.1f}",
            f"{found.agreed} of {found.seen}",
        ]
        seconds = time.perf_counter() - start
        print(f"{judge.__name__}, {rivals}: {seconds:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
