"""A simulated BigEarthNet v2.0 of few locations with one to four dates each, in all seasons.

Locations, landscape and weather are those of `bench.data.reben.simulate`; the dates differ.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.data.reben import simulate as reben
from bench.data.reben.simulate import Acquisition

PER_REGION = {"train": 0, "validation": 0, "test": 3}
"""Locations of a region in each split; nothing is learnt from series."""

_DATES = (2, 4, 3, 4, 2, 3, 1)
"""How many dates locations have, in turn; fewer where a region has fewer."""

_FLAGGED = 5
"""One in so many locations has one more date, under snow or clouds."""


def write(root: Path, seed: int = 0) -> None:
    """Write the dataset under ``root`` in the official layout; ``root`` appears as a whole.

    Raises:
        BenchError: ``root`` holds something, or can't be written.
    """
    reben.write(root, seed, planned=plan(seed))


def plan(seed: int = 0) -> list[Acquisition]:
    """All acquisitions: those of a location together, by rising date."""
    return [dated for place in _places(seed) for dated in place]


def _places(seed: int) -> Iterator[list[Acquisition]]:
    taken: Counter[tuple[str, str]] = Counter()
    seen = set()
    for place in reben.plan(seed):
        where = place.grid, place.column, place.row
        group = place.region.name, place.split
        if where in seen or taken[group] >= PER_REGION[place.split]:
            continue
        seen.add(where)
        number = taken.total()
        taken[group] += 1
        days = sorted(place.region.dates)
        count = min(_DATES[number % len(_DATES)], len(days))
        chosen = np.linspace(0, len(days) - 1, count).round().astype(int)
        clear = replace(place, snow=False, cloud=False)
        dated = [replace(clear, day=days[index]) for index in chosen]
        if place.region.spoilt and number % _FLAGGED == 0:
            what, day = place.region.spoilt
            dated.append(replace(clear, day=day, snow=what == "snow", cloud=what != "snow"))
        yield dated
