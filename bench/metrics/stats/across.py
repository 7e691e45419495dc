"""Many entries over many tasks: what can be said of them overall.

Scores are [E, T], higher is better, NaN where an entry has no result for a task. Missing is not
zero: an entry is compared on the tasks it shares, and loses nothing by the others.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import RequestError

Floats = NDArray[np.float64]
Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class CriticalDifference:
    """What a critical-difference diagram shows.

    Attributes:
        tasks: how many tasks all entries share; only these count.
        ranks: [E] mean ranks on them, 1 is best.
        friedman: Friedman's chi-squared, corrected for ties.
        p: of the hypothesis that all entries are equal.
        difference: mean ranks further apart than this differ.
        groups: the bars: the largest sets of entries, as indices from best to worst, in which no
            two differ.
    """

    tasks: int
    ranks: Floats
    friedman: float
    p: float
    difference: float
    groups: tuple[tuple[int, ...], ...]


def task_ranks(scores: Scores) -> Floats:
    """Ranks [E, T] within each task among the entries that have it, 1 is best, ties averaged."""
    there = ~np.isnan(scores)
    ranks = np.full(scores.shape, np.nan)
    for task in range(scores.shape[1]):
        rows = there[:, task]
        rising = np.sort(-scores[rows, task])
        below = np.searchsorted(rising, -scores[rows, task], "left")
        up_to = np.searchsorted(rising, -scores[rows, task], "right")
        ranks[rows, task] = (below + 1 + up_to) / 2
    return ranks


def mean_ranks(scores: Scores) -> Floats:
    """Mean rank [E] over the tasks that every entry has; NaN without any.

    A rank among three says something else than one among thirty, so that only tasks with all
    entries count. `borda` and `win_rates` don't ask for that.
    """
    shared = _shared(scores)
    if not shared.any():
        return np.full(len(scores), np.nan)
    mean: Floats = task_ranks(scores[:, shared]).mean(axis=1)
    return mean


def borda(scores: Scores) -> Floats:
    """Borda [E] (de Borda 1784), as a share: the part of the others beaten, mean over own tasks.

    A tie counts one half. 1 beats everyone everywhere, 0 nobody; NaN for an entry that meets no
    other one. A sum of points, as leaderboards publish it, would count a missing task as a last
    place.
    """
    others = (~np.isnan(scores)).sum(axis=0) - 1.0
    points = others + 1 - task_ranks(scores)
    shares = np.divide(points, others, out=np.full(points.shape, np.nan), where=others > 0)
    return _mean(shares)


def mean_normalised(scores: Scores) -> Floats:
    """Mean over own tasks [E] of (score - worst) / (best - worst) of the task's entries.

    In [0, 1]; depends on which entries there are. A task on which all are equal says nothing and
    is left out; NaN for an entry that has no other one.
    """
    there = ~np.isnan(scores)
    worst = np.where(there, scores, np.inf).min(axis=0)
    span = np.where(there, scores, -np.inf).max(axis=0) - worst
    usable = there & (span > 0)
    # Where nobody has a result, infinities meet; these places aren't used.
    with np.errstate(invalid="ignore"):
        parts = np.divide(scores - worst, span, out=np.full(scores.shape, np.nan), where=usable)
    return _mean(parts)


def win_rates(scores: Scores) -> Floats:
    """How often each entry beats each other one [E, E], on the tasks both have; a tie is one half.

    NaN where two share no task, and on the diagonal. The mean of a row is an entry's win rate.
    """
    there = ~np.isnan(scores)
    wins = np.zeros((len(scores), len(scores)))
    for task in range(scores.shape[1]):
        column = scores[:, task]
        wins += (column[:, None] > column) + 0.5 * (column[:, None] == column)
    shared = there.astype(np.float64) @ there.T
    np.fill_diagonal(shared, 0)
    rates: Floats = np.divide(wins, shared, out=np.full(wins.shape, np.nan), where=shared > 0)
    return rates


def critical_difference(scores: Scores, alpha: float = 0.05) -> CriticalDifference:
    """Friedman's test and Nemenyi's critical difference on shared tasks (Demsar 2006).

    q_(alpha, E) sqrt(E (E + 1) / (6 T)), q the studentised range over sqrt(2).

    Args:
        scores: [E, T]; tasks that an entry lacks are left out.
        alpha: level of the comparisons.

    Raises:
        RequestError: there are fewer than two entries, or fewer than two tasks that all have.
    """
    from scipy.special import chdtrc

    shared = _shared(scores)
    entries, tasks = len(scores), int(shared.sum())
    if entries < 2 or tasks < 2:
        raise RequestError(
            f"expected at least two entries and two tasks that all of them have, found {entries} "
            f"entries with {tasks} such tasks",
            "leave out entries with few results",
        )
    ranked = task_ranks(scores[:, shared])
    ranks = ranked.mean(axis=1)
    # Equals 12 T / (E (E + 1)) sum (rank - (E + 1) / 2)^2 without ties.
    spread = np.square(ranked - (entries + 1) / 2).sum()
    between = np.square(ranks - (entries + 1) / 2).sum()
    statistic = tasks**2 * (entries - 1) * between / spread if spread else 0.0
    span = _studentised_range(1 - alpha, entries) / math.sqrt(2)
    difference = span * math.sqrt(entries * (entries + 1) / (6 * tasks))
    return CriticalDifference(
        tasks,
        ranks,
        float(statistic),
        float(chdtrc(entries - 1, statistic)),
        difference,
        _groups(ranks, difference),
    )


def _shared(scores: Scores) -> NDArray[np.bool_]:
    return np.logical_not(np.isnan(scores).any(axis=0))


def _mean(parts: Floats) -> Floats:
    """Mean of each row over what isn't NaN; NaN for a row without anything."""
    known = ~np.isnan(parts)
    count = known.sum(axis=1)
    total = np.where(known, parts, 0).sum(axis=1)
    mean: Floats = np.divide(total, count, out=np.full(len(parts), np.nan), where=count > 0)
    return mean


def _groups(ranks: Floats, difference: float) -> tuple[tuple[int, ...], ...]:
    order = np.argsort(ranks, kind="stable")
    rising = ranks[order]
    found = []
    reached = 0
    for start in range(len(order)):
        end = int(np.searchsorted(rising, rising[start] + difference, "right"))
        if end > reached and end - start > 1:
            found.append(tuple(map(int, order[start:end])))
            reached = end
    return tuple(found)


def _studentised_range(probability: float, entries: int) -> float:
    """The quantile of the range of E standard normal values.

    P(range < q) is the integral of E phi(z) (Phi(z) - Phi(z - q))^(E - 1).
    """
    cdf = np.vectorize(NormalDist().cdf)
    z = np.linspace(-8.0, 8.0, 801)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * entries * (z[1] - z[0])
    below = cdf(z)
    low, high = 0.0, 16.0
    while high - low > 1e-7:
        middle = (low + high) / 2
        inside = float((density * (below - cdf(z - middle)) ** (entries - 1)).sum())
        low, high = (middle, high) if inside < probability else (low, middle)
    return (low + high) / 2
