"""The primary score of an entry from all of its trainings, and differences between entries."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.kinds.common.scoring import score_interval
from bench.metrics import stats
from bench.metrics.scales import direction
from bench.results.manifest import Manifest

Floats = NDArray[np.float64]

_HALF_WIDTH = NormalDist().inv_cdf((1 + stats.LEVEL) / 2)
"""Of a 95 % interval, in standard errors."""


@dataclass(frozen=True)
class Trained:
    """The primary score of one run.

    Attributes:
        value, low, high: the score and its interval; None where undefined.
        left_out: [G] the score without each unit; empty where that isn't known.
        unit, units: what the units are and how many.
        samples: the fingerprint of their ids.
    """

    value: float
    low: float | None
    high: float | None
    left_out: Sequence[float]
    unit: str
    units: int | None
    samples: str


@dataclass(frozen=True)
class Estimate:
    """The mean over the trainings of an entry.

    Attributes:
        value, low, high: the mean and its 95 % interval, over units and, with several trainings,
            over seeds.
        trainings: how many.
        unit_error: the standard error over units; None where it isn't known.
        seed_error: the standard error over seeds; None with one training, which says nothing of it.
        spread: of both together; a variance of 0 where nothing is known.
        seeds: that over seeds.
        left_out: [G] the mean without each unit; None where that isn't known.
        basis: what values without units of two entries must have in common to be compared.
    """

    value: float
    low: float | None
    high: float | None
    trainings: int
    unit_error: float | None
    seed_error: float | None
    spread: stats.Spread
    seeds: stats.Spread
    left_out: Floats | None
    basis: tuple[str, str, int | None, int]


def of_manifest(manifest: Manifest) -> Trained | None:
    """The primary score of a run; None where it is undefined."""
    score = manifest.primary
    if score is None or score.value is None:
        return None
    return Trained(
        score.value,
        score.low,
        score.high,
        manifest.left_out,
        score.sampling_unit,
        score.units,
        manifest.data.ids_sha256,
    )


def estimate(name: str, runs: Sequence[Trained]) -> Estimate:
    """The mean over trainings.

    Args:
        name: of the metric, with its average.
        runs: one for each training, at least one.
    """
    values = np.array([run.value for run in runs])
    value, seeds = float(values.mean()), stats.spread_over_seeds(values)
    bases = {(run.samples, run.unit, run.units, len(run.left_out)) for run in runs}
    basis, first = next(iter(bases)), runs[0]
    left_out = None
    if len(bases) == 1 and first.left_out:
        left_out = np.mean([run.left_out for run in runs], axis=0)
    over_units = _known_spread(first) if left_out is None else stats.spread_over_units(left_out)
    spread = stats.together(over_units, seeds)
    low, high = first.low, first.high
    if len(runs) > 1:
        if left_out is None:
            bounds = stats.interval(value, spread)
        else:
            bounds = score_interval(name, values.mean(), {name: left_out}, basis[2] or 0, seeds)
        low, high = (float(bound) if np.isfinite(bound) else None for bound in bounds)
    known = left_out is not None or first.low is not None
    return Estimate(
        value,
        low,
        high,
        len(runs),
        float(over_units.error) if known else None,
        float(seeds.error) if len(runs) > 1 else None,
        spread,
        seeds,
        left_out,
        basis,
    )


def _known_spread(run: Trained) -> stats.Spread:
    """What the interval of a run says, by normal theory."""
    width = 0.0 if run.low is None or run.high is None else run.high - run.low
    variance = np.array((width / (2 * _HALF_WIDTH)) ** 2)
    return stats.Spread(variance, np.full_like(variance, np.inf))


def differences(entries: Sequence[Estimate]) -> tuple[stats.Spread, NDArray[np.bool_]]:
    """The spread of the difference of every two entries, [E, E], and which are paired.

    Two entries with values without the same units are compared unit by unit, as `bench compare`
    does; others as if they erred independently, by which fewer are told apart.
    """
    own = stats.Spread(*_stacked([one.spread for one in entries]))
    spread = stats.independent_spread(own)
    paired = np.zeros(spread.variance.shape, np.bool_)
    for basis in {one.basis for one in entries if one.left_out is not None}:
        members = np.array(
            [
                index
                for index, one in enumerate(entries)
                if one.left_out is not None and one.basis == basis
            ]
        )
        if basis[3] < stats.FEWEST_UNITS:
            continue
        left_out = np.stack([_left_out(entries[index]) for index in members], axis=1)
        seeds = stats.Spread(*_stacked([entries[index].seeds for index in members]))
        found = stats.together(stats.pairwise_spread(left_out), stats.independent_spread(seeds))
        block = np.ix_(members, members)
        spread.variance[block], spread.degrees[block] = found.variance, found.degrees
        paired[block] = True
    return spread, paired


@dataclass(frozen=True)
class Tested:
    """A difference between two entries, or between one and a number.

    Attributes:
        value: the difference.
        low, high: its 95 % interval; None where what a score varies by isn't known.
        p: of the tested margin, two-sided; NaN where that isn't known.
    """

    value: float
    low: float | None
    high: float | None
    p: float


def tested(one: Estimate, other: Estimate | float, margin: float = 0.0) -> Tested:
    """One score less another, or less a number, and the test that they differ by a margin."""
    if isinstance(other, Estimate):
        value, spread = one.value - other.value, differences([one, other])[0].at((0, 1))
        known = one.unit_error is not None and other.unit_error is not None
    else:
        value, spread = one.value - other, one.spread
        known = one.unit_error is not None
    if not known:
        return Tested(value, None, None, float("nan"))
    low, high = map(float, stats.interval(value, spread))
    return Tested(value, low, high, float(stats.p_value(value - margin, spread)))


def p_values(entries: Sequence[Estimate]) -> Floats:
    """P-values [E, E] of no difference between two entries."""
    return stats.pairwise_p(np.array([one.value for one in entries]), differences(entries)[0])


def smallest_visible(entries: Sequence[Estimate]) -> float | None:
    """The smallest difference that two typical entries would show with a power of 0.8.

    The median over all pairs; None where no two can be paired.
    """
    if len(entries) < 2:
        return None
    spread, paired = differences(entries)
    chosen = np.triu(paired, 1)
    visible = stats.smallest_visible(spread)[chosen]
    return float(np.median(visible)) if visible.size else None


def turned(name: str, entries: Sequence[Estimate]) -> Floats:
    """Values [E], turned so that higher is better."""
    return direction(name) * np.array([one.value for one in entries], np.float64)


def _stacked(spreads: Sequence[stats.Spread]) -> tuple[Floats, Floats]:
    return (
        np.array([one.variance for one in spreads], np.float64),
        np.array([one.degrees for one in spreads], np.float64),
    )


def _left_out(one: Estimate) -> Any:
    return one.left_out
