"""What datasets of 8-bit RGB pictures share: one picture a sample, or one for each of two dates."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError, unknown
from bench.data import Check, Dataset, Progress, declaration, ids_sha256, sample_root

Pixels = dict[str, NDArray[np.uint8]]

_CHANNELS = "RGB"
_SEED = 0


class Pictures(Protocol):
    """Where pictures come from: folders, shards."""

    def names(self) -> Iterable[str]:
        """The samples that have one."""
        ...

    def claim(self, names: Collection[str]) -> None:
        """Let pictures go by the names that the annotations have for them."""
        ...

    def decode(self, name: str) -> NDArray[np.uint8]:
        """The picture of a sample that has one, uint8 [H, W, 3].

        Raises:
            BenchError: it is damaged.
        """
        ...


class Pictured:
    """The pictures of an opened dataset.

    Args:
        name: of the dataset.
        layout: the on-disk layout, in a word or two.
        dates: the pictures by what follows the channel in the name of a band: of ``{"": all}``
            the bands are R, G and B, of ``{"1": before, "2": after}`` they are R1, G1, B1, R2, ...
    """

    def __init__(self, name: str, layout: str, dates: Mapping[str, Pictures]) -> None:
        self.name, self.layout, self.dates = name, layout, dates

    @property
    def bands(self) -> list[str]:
        """The names of all bands."""
        return [channel + date for date in self.dates for channel in _CHANNELS]

    def present(self, bands: Sequence[str]) -> list[str]:
        """The samples with pictures of these bands' dates on disk, sorted.

        Raises:
            RequestError: a band is unknown.
        """
        dates = self._dates(bands)
        first, *others = (set(self.dates[date].names()) for date in dates or self.dates)
        return sorted(first.intersection(*others))

    def read(self, sample: str, bands: Sequence[str]) -> Pixels:
        """The named bands of a sample, uint8 [H, W] each, as they are stored.

        Raises:
            RequestError: a band is unknown.
            BenchError: a picture is missing or damaged.
        """
        decoded = {date: self._decode(sample, date) for date in self._dates(bands)}
        return {band: decoded[band[1:]][..., _CHANNELS.index(band[0])] for band in bands}

    def _decode(self, sample: str, date: str) -> NDArray[np.uint8]:
        try:
            return self.dates[date].decode(sample)
        except KeyError:
            raise BenchError(
                f"{self.name} has no picture {sample[:100]!r} on disk",
                f"`bench data verify {self.name}` counts what is missing",
            ) from None

    def _dates(self, bands: Sequence[str]) -> list[str]:
        known = self.bands
        for band in bands:
            if band not in known:
                raise unknown("band", band, known)
        return list(dict.fromkeys(band[1:] for band in bands))


Reader = tuple[
    Callable[[Path], Dataset],
    Callable[[Path], None],
    Callable[[Path, int, Progress], Path],
    Callable[[Path, int, Progress], Iterator[Check]],
]
"""The four functions of `bench.data.Reader`."""


def write_sample_of(name: str) -> Callable[[Path], None]:
    """What writes the simulated data of a dataset."""

    def write_sample(root: Path) -> None:
        """Write the simulated data of the sample track under ``root``."""
        from bench.data.pictures.simulate import write

        write(name, root)

    return write_sample


def prepare(root: Path, workers: int, progress: Progress) -> Path:
    """Nothing: decoding, not finding the files, takes the time; they are read where they lie."""
    progress(1, 1)
    return root


def count_check(name: str, root: Path, found: Mapping[str, int]) -> Check:
    """The number of samples of each split against the publication's.

    The sample track has splits of its own size; where no counts are published any will do.
    """
    wanted: Mapping[str, int] = declaration(name)["splits"]
    counts = [f"{split} {found.get(split, 0)} of {wanted[split]}" for split in wanted]
    counts += [f"{split} {found[split]}" for split in found if split not in wanted]
    free = not wanted or root.resolve() == sample_root(name).resolve()
    return Check("splits", passed=free or dict(found) == dict(wanted), found=", ".join(counts))


def pixel_checks(
    dataset: Pictured, samples: Sequence[str], pixels: int, progress: Progress
) -> Iterator[Check]:
    """Are the pictures of some samples on disk, and can they be decoded?

    Args:
        dataset: whose pictures.
        samples: that the dataset declares.
        pixels: how many are decoded; the same ones every time.
        progress: called with the number of samples decoded and to be decoded.
    """
    there = sorted(set(dataset.present(dataset.bands)).intersection(samples))
    missing = len(samples) - len(there)
    yield Check(
        "pictures",
        passed=bool(there) and (missing == 0 or declaration(dataset.name).get("links_rot", False)),
        found=f"{len(there)} of {len(samples)} samples on disk, {missing} missing"
        f" ({ids_sha256(there)[:12]})",
    )
    chosen = np.random.default_rng(_SEED).permutation(len(there))[:pixels]
    faults: list[str] = []
    for done, index in enumerate(sorted(chosen), start=1):
        sample = there[int(index)]
        try:
            shapes = {band.shape for band in dataset.read(sample, dataset.bands).values()}
            if len(shapes) > 1:
                faults.append(f"the dates of {sample} differ in size: {sorted(shapes)}")
        except BenchError as error:
            faults.append(str(error))
        progress(done, len(chosen))
    yield Check.of("pixels", faults, f"{len(chosen)} samples decoded")
