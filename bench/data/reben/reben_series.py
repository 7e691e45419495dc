"""BigEarthNet v2.0 by location: the same patch of the same tile on two to four dates.

A location is a tile of the military grid with column and row, ``33UUP_75_43``; its dates are the
patches of both metadata files that end in its name. The released splits are geographic, so all
dates of a location are in one of them. Dates with seasonal snow, cloud or cloud shadow are left
out, and so are locations with fewer than two others; ``33UUP_75_43_all`` has them as well.
"""

import datetime
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError, unknown
from bench.data import Check, Progress, declaration, sample_root
from bench.data.reben import reben
from bench.data.reben.dataset import Reben
from bench.data.reben.patches import SPLITS, UNLABELLED, geographic_split
from bench.data.reben.stores import FORMS, MAP, Pixels

ALL = "_all"
"""What ends the name of a location with its flagged dates."""

FEWEST = 2
"""Dates of a series."""

_LOCATION = len("33UUP_75_43")
_MOMENT = slice(len("S2A_MSIL2A_"), len("S2A_MSIL2A_20170613"))


class Locations:
    """An opened BigEarthNet whose samples are locations.

    Args:
        root: the folder of `reben`.

    Raises:
        BenchError: there are no pixels or no metadata.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.patches = Reben(root)

    @property
    def layout(self) -> str:
        """As `Reben.layout`."""
        return self.patches.layout

    def fingerprint(self) -> str:
        """As `Reben.fingerprint`."""
        return self.patches.fingerprint()

    @cached_property
    def _patches(self) -> tuple[NDArray[np.bytes_], NDArray[np.bool_]]:
        """All patch ids, those of a location together and by rising date; which aren't flagged."""
        ids = np.array(self.patches.metadata.ids(), "S")
        order = np.lexsort((_cut(ids, _MOMENT), _cut(ids, slice(-_LOCATION, None))))
        return ids[order], self.patches.metadata.recommended[order]

    @property
    def _ids(self) -> NDArray[np.bytes_]:
        return self._patches[0]

    @property
    def _clear(self) -> NDArray[np.bool_]:
        return self._patches[1]

    @cached_property
    def _groups(self) -> tuple[NDArray[np.bytes_], NDArray[np.int64]]:
        """The names of all locations, sorted, and where the patches of each begin."""
        names, starts = np.unique(_cut(self._ids, slice(-_LOCATION, None)), return_index=True)
        return names, np.append(starts, len(self._ids))

    def dates(self, flagged: bool = False) -> NDArray[np.int64]:
        """How many dates each location has, [locations]; without flagged ones unless wanted."""
        starts = self._groups[1]
        if flagged:
            return np.diff(starts)
        return np.add.reduceat(self._clear, starts[:-1], dtype=np.int64)

    def ids(self, split: str) -> list[str]:
        """The locations of a split with two dates or more, sorted, on disk or not.

        Args:
            split: ``train``, ``validation``, ``test``; followed by ``-all`` to count flagged dates.

        Raises:
            RequestError: there is no such split.
        """
        name, flagged = split.removesuffix("-all"), split.endswith("-all")
        if name not in SPLITS:
            raise unknown("split", split, [*SPLITS, *(f"{each}-all" for each in SPLITS)])
        names, starts = self._groups
        first = [patch.decode() for patch in self._ids[starts[:-1]].tolist()]
        chosen = (geographic_split(first) == name) & (self.dates(flagged) >= FEWEST)
        return [place.decode() + ALL * flagged for place in names[chosen].tolist()]

    def present(self, bands: Sequence[str]) -> list[str]:
        """The locations, those with one date among them, of which all dates are on disk.

        Raises:
            RequestError: a band is unknown.
        """
        names, starts = self._groups
        there = np.isin(self._ids, np.array(self.patches.present(bands), "S"))
        found: list[str] = []
        for ending, counted in (("", self._clear), (ALL, np.ones_like(there))):
            whole = ~np.logical_or.reduceat(counted & ~there, starts[:-1])
            some = np.logical_or.reduceat(counted, starts[:-1])
            found += [name.decode() + ending for name in names[whole & some].tolist()]
        return sorted(found)

    def series(self, sample: str) -> list[str]:
        """The patches of a location by rising date.

        Raises:
            BenchError: there is no such location, or it has fewer than two dates.
        """
        name, flagged = sample.removesuffix(ALL), sample.endswith(ALL)
        names, starts = self._groups
        wanted = name.encode(errors="replace")
        row = int(np.searchsorted(names, wanted)) if len(wanted) == _LOCATION else len(names)
        if row == len(names) or names[row] != wanted:
            raise BenchError(
                f"expected a location of BigEarthNet, found {sample[:100]!r}",
                "a location is a tile with column and row, such as 33UUP_75_43",
            )
        part = slice(starts[row], starts[row + 1])
        found = self._ids[part] if flagged else self._ids[part][self._clear[part]]
        if len(found) < FEWEST:
            hidden = starts[row + 1] - starts[row] - len(found)
            also = f" and {hidden} with snow, cloud or shadow" if hidden else ""
            raise BenchError(
                f"expected a series of {FEWEST} dates or more, found {len(found)}{also} at "
                f"{sample[:100]}",
                "leave it out; without --ids such locations are skipped",
            )
        return [patch.decode() for patch in found.tolist()]

    def images(self, sample: str, bands: Sequence[str]) -> list[tuple[datetime.date, Pixels]]:
        """The named bands on each date, as `Reben.read` gives them, by rising date.

        Raises:
            RequestError: a band is unknown.
            BenchError: as `series` and `Reben.read`.
        """
        return [
            (
                datetime.datetime.strptime(patch[_MOMENT], "%Y%m%d").date(),
                self.patches.read(patch, bands),
            )
            for patch in self.series(sample)
        ]

    def read(self, sample: str, bands: Sequence[str]) -> Pixels:
        """The named bands on the first date."""
        return self.patches.read(self.series(sample)[0], bands)

    def reference_map(self, sample: str, bands: Sequence[str] = ()) -> NDArray[np.uint8]:
        """As `Reben.reference_map`, of the first date; 255 everywhere where no maps are there."""
        if not self.patches.stores.maps:
            return np.full(FORMS[MAP][0], UNLABELLED, np.uint8)
        return self.patches.reference_map(self.series(sample)[0], bands)

    def attributes(self, samples: Sequence[str]) -> dict[str, list[str]]:
        """Country and tile of each location, and its number of dates."""
        series = [self.series(sample) for sample in samples]
        return {
            "country": self.patches.metadata.texts("country", [dates[0] for dates in series]),
            "dates": [str(len(dates)) for dates in series],
            "tile": [sample[:5] for sample in samples],
        }


def _cut(ids: NDArray[np.bytes_], part: slice) -> NDArray[np.bytes_]:
    """The same characters of every id."""
    letters = ids.view("S1").reshape(len(ids), -1)[:, part]
    return np.ascontiguousarray(letters).view(f"S{letters.shape[1]}")[:, 0]


def open_dataset(root: Path) -> Locations:
    """Open what is under ``root``, a folder of `reben`."""
    return Locations(root)


def write_sample(root: Path) -> None:
    """Write the simulated data of the sample track under ``root``: few locations, many dates."""
    from bench.data.reben import simulate_series as simulated

    simulated.write(root)


prepare = reben.prepare


def verify(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
    """As of `reben`, and how many dates locations have."""
    yield from reben.verify(root, pixels, progress)
    try:
        dataset = Locations(root)
        counts = np.bincount(dataset.dates(), minlength=FEWEST)
    except BenchError as error:
        yield Check("series", passed=False, found=str(error))
        return
    several = ", ".join(
        f"{count} with {dates}" for dates, count in enumerate(counts) if dates >= FEWEST
    )
    found = f"locations by dates: {several}; skipped: {counts[1]} with 1, {counts[0]} with none"
    official = root.resolve() != sample_root("reben-series").resolve()
    wanted = declaration("reben-series")["locations"]
    passed = not official or counts[1:].tolist() == wanted
    yield Check("series", passed=passed, found=found)
