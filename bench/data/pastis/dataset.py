"""An opened PASTIS or PASTIS-R: series of images, their dates, and the crop of every pixel."""

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError, unknown
from bench.base.files import sha256_file
from bench.data import listing
from bench.data.formats import npy
from bench.data.pastis.metadata import METADATA, Patch, days, declared, patches
from bench.data.pastis.store import STORE, Store
from bench.data.series import Series, by_band, by_series
from bench.data.values import require, values

WINDOW = 24
"""Pixels of a side of the windows that PASTIS24 cuts patches into."""

SPLITS = {
    f"{part}-{number}{end}": (folds, bool(end))
    for number, parts in declared()["folds"].items()
    for part, folds in zip(("train", "validation", "test"), parts, strict=True)
    for end in ("", f"-{WINDOW}")
}
"""Split to its folds, and whether its samples are windows: ``train-1``, ``test-5-24`` ..."""

VOID = 255
"""The class of pixels that have none."""

_ARCHIVES = ("PASTIS-R", "PASTIS")
_PIXELS = ("<i2", "<f2", "<f4")
_LABELS = ("|u1", "<i2", "<i4", "<i8")
_LAYERS = 16  # of a file of labels, whose first layer is read


class Pastis:
    """An opened dataset. Cheap to make and to pickle.

    A sample is a patch, such as ``10000``, or one of its windows, such as ``10000_07``: PASTIS24
    numbers them row by row and drops the rows and columns that fill none.

    Args:
        root: the folder of the dataset, or the one that holds the archives' own folder.

    Raises:
        BenchError: there is no metadata.
    """

    def __init__(self, root: Path) -> None:
        self.root = base(root)
        self.store = Store(self.root / STORE) if (self.root / STORE).is_dir() else None
        if not (self.root / METADATA).is_file():
            hint = "PASTIS-R.zip has it; `bench data list` says where it is"
            raise listing.absent(METADATA, root, hint)

    @property
    def layout(self) -> str:
        """``npy`` or ``store``."""
        return "npy" if self.store is None else "store"

    @cached_property
    def patches(self) -> dict[str, Patch]:
        """What is declared of each patch."""
        return patches(self.root / METADATA)

    def fingerprint(self) -> str:
        """The SHA-256 of the metadata, which declare patches, folds and dates."""
        return sha256_file(self.root / METADATA)

    def ids(self, split: str) -> list[str]:
        """The samples of a split, sorted, on disk or not.

        ``train-1``, ``validation-1`` and ``test-1`` are the patches of the first of five published
        ways to part the folds; with ``-24`` at the end, their windows.

        Raises:
            RequestError: there is no such split.
            BenchError: the metadata are damaged.
        """
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        folds, cut = SPLITS[split]
        chosen = sorted(name for name, patch in self.patches.items() if patch.fold in folds)
        if not cut:
            return chosen
        return [
            f"{name}_{index:02}" for name in chosen for index in range(self._per_side(name) ** 2)
        ]

    def present(self, bands: Sequence[str]) -> list[str]:
        """The patches, and their windows, that have labels and every series of these bands.

        Raises:
            RequestError: a band is unknown.
        """
        held = [self.held(name) for name in ("TARGET", *self._named(bands))]
        there = sorted(set.intersection(*held).intersection(self.patches))
        windows = [
            f"{name}_{index:02}" for name in there for index in range(self._per_side(name) ** 2)
        ]
        return sorted([*there, *windows])

    def held(self, series: str) -> set[str]:
        """The patches with a file of a series, or of ``TARGET``."""
        if self.store is not None:
            return self.store.held(series)
        folder = file(self.root, series, "0").parent
        files = listing.files(folder, ".npy") if folder.is_dir() else []
        found = (re.fullmatch(rf"{series}_(\d+)\.npy", path.name) for path in files)
        return {match[1] for match in found if match}

    def longest(self, bands: Sequence[str]) -> dict[str, int]:
        """The most dates that any patch has, by name of series."""
        known = [patch.dates for patch in self.patches.values()]
        return {
            name: max((len(d[name]) for d in known if isinstance(d[name], dict)), default=0)
            for name in self._named(bands)
        }

    def series(self, sample: str, bands: Sequence[str]) -> list[Series]:
        """The series of a sample that hold these bands, mapped from their files.

        Raises:
            RequestError: a band is unknown.
            BenchError: a file is missing or damaged, or dates are missing, out of order, or not as
                many as images; or an image holds what isn't in the declared range.
        """
        patch, place = self._place(sample)
        path, found = self.root / METADATA, []
        for name, named in self._named(bands).items():
            pixels = self.pixels(patch, name)
            when = days(path, patch, name, self.patches[patch].dates[name])
            if len(when) != len(pixels):
                raise BenchError(
                    f"patch {patch}: expected an image of {name} for each of its {len(when)} "
                    f"dates, found {len(pixels)}",
                    "metadata and arrays are of different releases: unpack both again",
                )
            order = list(declared()["series"][name])
            if list(named) != order:
                pixels = pixels[:, [order.index(band) for band in named]]
            pixels = pixels[..., place[0], place[1]]
            self._require(patch, name, named, pixels)
            found.append(Series(name, named, pixels, when))
        return found

    def _require(self, patch: str, series: str, named: Sequence[str], pixels: NDArray[Any]) -> None:
        path = file(self.root, series, patch) if self.store is None else self.store.folder
        require(
            values("pastis"),
            {band: pixels[:, index] for index, band in enumerate(named)},
            lambda _: f"{path} (patch {patch})",
        )

    def read(self, sample: str, bands: Sequence[str]) -> dict[str, NDArray[Any]]:
        """The named bands of a sample, each [dates * height, width]: date below date."""
        return by_band(self.series(sample, bands))

    def pixels(self, patch: str, series: str) -> NDArray[Any]:
        """All images of a series of a patch [dates, bands, height, width].

        Raises:
            BenchError: the file is missing or damaged, or has other bands.
        """
        channels, side = len(declared()["series"][series]), declared()["side"]
        found = self._array(patch, series, _PIXELS, (declared()["dates"], channels, side, side))
        if found.shape[1] != channels:
            raise BenchError(
                f"patch {patch}: expected images of {series} with {channels} bands, found "
                f"{found.shape[1]}",
                "unpack its arrays again",
            )
        return found

    def reference_map(
        self,
        sample: str,
        bands: Sequence[str] = (),  # noqa: ARG002
    ) -> NDArray[np.uint8]:
        """The class of every pixel uint8 [height, width]; `VOID` for the label void.

        All bands have one grid.

        Raises:
            BenchError: as `labels`.
        """
        patch, place = self._place(sample)
        classes = self.labels(patch)[place].copy()
        classes[classes == declared()["void"]] = VOID
        return classes

    def labels(self, patch: str) -> NDArray[np.uint8]:
        """The labels of a patch as they are published, [height, width].

        Raises:
            BenchError: the file is missing or damaged, or holds a label that is no class.
        """
        side, void = declared()["side"], declared()["void"]
        if self.store is not None:
            found = self._array(patch, "TARGET", (), ())
        else:
            found = self._array(patch, "TARGET", _LABELS, (_LAYERS, side, side))[0]
        # Written so that negative labels are refused too.
        if not (found.min() >= 0 and found.max() <= void):
            raise BenchError(
                f"patch {patch}: expected labels from 0 to {void}, found {found.min()} to "
                f"{found.max()}",
                "unpack its file of labels again",
            )
        labels: NDArray[np.uint8] = found.astype(np.uint8)
        return labels

    def attributes(self, samples: Sequence[str]) -> dict[str, list[str]]:
        """The tile of Sentinel-2 that each sample is of."""
        return {"tile": [self.patches[self._place(sample)[0]].tile for sample in samples]}

    def _array(
        self, patch: str, series: str, types: Sequence[str], largest: Sequence[int]
    ) -> NDArray[Any]:
        try:
            if self.store is not None:
                return self.store.read(series, patch)
            return npy.mapped(file(self.root, series, patch), types, largest)
        except (FileNotFoundError, KeyError) as error:
            raise BenchError(
                f"patch {patch} has no {series} under {self.root}",
                "PASTIS has no Sentinel-1, PASTIS-R has; `bench data verify pastis` counts",
            ) from error

    def _named(self, bands: Sequence[str]) -> dict[str, list[str]]:
        return by_series(bands, declared()["series"])

    def _per_side(self, patch: str) -> int:
        """How many windows lie side by side in a patch; as published where it isn't on disk."""
        try:
            return int(self.labels(patch).shape[-1]) // WINDOW
        except BenchError:
            return 5

    def _place(self, sample: str) -> tuple[str, tuple[slice, slice]]:
        """The patch of a sample, and its rows and columns.

        Raises:
            BenchError: there is no such sample.
        """
        patch, cut, index = sample.partition("_")
        if patch not in self.patches or (cut and not re.fullmatch(r"\d\d", index)):
            raise BenchError(
                f"no sample {sample[:100]!r} in {self.root / METADATA}",
                "a sample is a patch such as 10000, or a window of one such as 10000_07",
            )
        if not cut:
            return patch, (slice(None), slice(None))
        row, column = divmod(int(index), max(1, self._per_side(patch)))
        top, left = row * WINDOW, column * WINDOW
        return patch, (slice(top, top + WINDOW), slice(left, left + WINDOW))


def file(root: Path, series: str, patch: str) -> Path:
    """Where the array of a series, or of ``TARGET``, lies."""
    folder = "ANNOTATIONS" if series == "TARGET" else f"DATA_{series}"
    return root / folder / f"{series}_{patch}.npy"


def base(root: Path) -> Path:
    """The folder that holds the metadata: ``root``, or the archives' own in it."""
    for name in _ARCHIVES:
        if (root / name / METADATA).is_file():
            return root / name
    found = listing.base(root, lambda folder: (folder / METADATA).is_file())
    return root if found is None else found
