"""An opened EOekoLand: a year of images of up to three sensors, and the crop of every pixel."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base import text
from bench.base.errors import BenchError, unknown
from bench.data import declaration, listing
from bench.data.formats import npy
from bench.data.series import Series, by_band, by_series, nearest
from bench.data.values import require, values

LISTS = {"train": "train.csv", "validation": "val.csv", "test": "test.csv"}
"""The published list of each split."""

COLUMN = "image_file"

_LARGEST = 1 << 24
_DAILY = (365, 366)
_PIXELS = ("<i2", "<u2", "<i4", "<f4", "<f8")
_LABELS = ("|u1", "|i1", "<i2", "<u2", "<i4", "<i8", "<f4", "<f8")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")


@cache
def declared() -> Mapping[str, Any]:
    """The declaration of the dataset."""
    return declaration("eoekoland")


class EOekoLand:
    """An opened dataset.

    A sample is a patch, named as its files are without ``.npz``. Days are those of its own year, so
    that the patches of all years lie on the same dates.

    Args:
        root: the folder of the dataset.

    Raises:
        BenchError: there are no lists.
    """

    def __init__(self, root: Path) -> None:
        found = listing.base(
            root, lambda folder: any((folder / name).is_file() for name in LISTS.values())
        )
        if found is None:
            hint = "`bench data list` shows the layout"
            raise listing.absent(", ".join(LISTS.values()), root, hint)
        self.root = found
        self._lists: dict[str, list[str]] = {}

    @property
    def layout(self) -> str:
        """``npz``."""
        return "npz"

    def fingerprint(self) -> str:
        """The SHA-256 of the lists, which declare patches and splits."""
        digest = hashlib.sha256()
        for name in LISTS.values():
            digest.update(text.read(self.root / name, _LARGEST).encode())
        return digest.hexdigest()

    def ids(self, split: str) -> list[str]:
        """The patches of a split, sorted, on disk or not.

        Raises:
            RequestError: there is no such split.
            BenchError: a list is missing or damaged, or a patch is listed twice.
        """
        if split not in LISTS:
            raise unknown("split", split, LISTS)
        if not self._lists:
            found = {name: _listed(self.root / file) for name, file in LISTS.items()}
            whole = [sample for samples in found.values() for sample in samples]
            twice = [sample for sample, count in Counter(whole).items() if count > 1]
            if twice:
                raise BenchError(
                    f"expected every patch once in the lists under {self.root}, found {twice[0]} "
                    "again",
                    "splits that overlap would be learnt from and tested on",
                )
            self._lists = found
        return list(self._lists[split])

    def present(self, bands: Sequence[str]) -> list[str]:
        """The patches with an archive of every modality of these bands, sorted.

        Raises:
            RequestError: a band is unknown.
        """
        held = [
            {path.name[: -len(".npz")] for path in self._archives(name)} for name in _named(bands)
        ]
        return sorted(set.intersection(*held)) if held else []

    def _archives(self, series: str) -> list[Path]:
        folder = self.root / series
        return listing.files(folder, ".npz") if folder.is_dir() else []

    def longest(self, bands: Sequence[str]) -> dict[str, int]:
        """The dates of every series, by its name."""
        return dict.fromkeys(_named(bands), declared()["dates"])

    def series(self, sample: str, bands: Sequence[str]) -> list[Series]:
        """The series of a patch that hold these bands.

        As published, NaN and infinity become the mean of their band. Of an archive with an image
        for every day of its year, days 0, 10, ... are taken, as public code of its users does.

        Raises:
            RequestError: a band is unknown.
            BenchError: an archive is missing, damaged, or of another number of dates, bands or
                pixels; or an image holds what isn't in the declared range.
        """
        day = declared()["step"] * np.arange(declared()["dates"], dtype=np.int64)
        found = []
        for name, named in _named(bands).items():
            known, side = declared()["series"][name]["bands"], declared()["series"][name]["side"]
            shape = (declared()["dates"], len(known), side, side)
            most = (max(_DAILY), *shape[1:])
            pixels = self._array(sample, name, "image_stack", _PIXELS, most)
            if len(pixels) in _DAILY:
                pixels = pixels[:: declared()["step"]]
            if pixels.shape != shape:
                raise BenchError(
                    f"patch {sample}: expected {name} of {' x '.join(map(str, shape))} (dates, "
                    f"bands, height, width), found {' x '.join(map(str, pixels.shape))}",
                    "compare it with the published layout: `bench data list`",
                )
            if list(named) != known:
                pixels = pixels[:, [known.index(band) for band in named]]
            if pixels.dtype.kind == "f":
                means = [declared()["statistics"]["train"][band][0] for band in named]
                fill = np.array(means, pixels.dtype)[:, None, None]
                pixels = np.where(np.isfinite(pixels), pixels, fill)
            archive = self.root / name / f"{sample}.npz"
            require(
                values("eoekoland"),
                {band: pixels[:, index] for index, band in enumerate(named)},
                lambda _, archive=archive: f"image_stack in {archive}",  # type: ignore[misc]
            )
            found.append(Series(name, named, pixels, np.stack([day, day], axis=1)))
        return found

    def read(self, sample: str, bands: Sequence[str]) -> dict[str, NDArray[Any]]:
        """The named bands of a patch, each [dates * height, width]: date below date."""
        return by_band(self.series(sample, bands))

    def reference_map(self, sample: str, bands: Sequence[str]) -> NDArray[np.uint8]:
        """The class of every pixel uint8 [side, side], in the finest grid of these bands.

        A label in another grid than its images, such as that of Sentinel-2 beside Planet Fusion, is
        brought to theirs by the nearest pixel, as published.

        Raises:
            RequestError: a band is unknown.
            BenchError: the archive is missing or damaged, or holds a label that is no class.
        """
        sides = {name: declared()["series"][name]["side"] for name in _named(bands)}
        finest = max(sides, key=lambda name: sides[name])
        side, most = sides[finest], len(declared()["classes"]) - 1
        labels = self._array(sample, finest, "label", _LABELS, (1024, 1024))
        # Written so that NaN is refused too.
        if not (labels.min() >= 0 and labels.max() <= most and (labels == np.rint(labels)).all()):
            raise BenchError(
                f"patch {sample}: expected labels from 0 to {most}, found {labels.min()} to "
                f"{labels.max()}",
                "compare it with the published classes: `bench info eoekoland-crop-mapping`",
            )
        rows, columns = (nearest(side, n) for n in labels.shape)
        return labels[rows[:, None], columns].astype(np.uint8)

    def attributes(self, samples: Sequence[str]) -> dict[str, list[str]]:
        """The year of each patch; ``unknown`` where no archive tells it."""
        return {"year": [self._year(sample) for sample in samples]}

    def _year(self, sample: str) -> str:
        for name in declared()["series"]:
            try:
                return str(int(self._array(sample, name, "year", ("<i8", "<i4", "<i2"), ())))
            except BenchError:
                continue
        return "unknown"

    def _array(
        self, sample: str, series: str, name: str, types: Sequence[str], largest: Sequence[int]
    ) -> NDArray[Any]:
        if not _NAME.fullmatch(sample):
            raise BenchError(f"expected the name of a patch, found {sample[:100]!r}")
        try:
            return npy.member(self.root / series / f"{sample}.npz", name, types, largest)
        except FileNotFoundError as error:
            raise BenchError(
                f"patch {sample} has no {series} under {self.root}",
                "`bench data verify eoekoland` counts what is there",
            ) from error


def _listed(path: Path) -> list[str]:
    """The patches of a list, sorted.

    Raises:
        BenchError: it is missing, or has no column of file names.
    """
    columns, *rows = text.rows(text.read(path, _LARGEST), str(path)) or [[]]
    found = []
    try:
        if COLUMN not in columns:
            raise ValueError(f"the columns {', '.join(columns):.80}")
        position = columns.index(COLUMN)
        for number, row in enumerate(rows, 2):
            cell = row[position] if position < len(row) else ""
            name = cell.replace("\\", "/").rpartition("/")[2].removesuffix(".npz")
            if not _NAME.fullmatch(name):
                raise ValueError(f"{cell!r:.80} in row {number}")
            found.append(name)
        if not found:
            raise ValueError("none")
    except ValueError as error:
        raise BenchError(
            f"{path}: expected names of files in a column {COLUMN}, found {error}",
            "the lists of the publication have one",
        ) from error
    return sorted(found)


def _named(bands: Sequence[str]) -> dict[str, list[str]]:
    return by_series(bands, {name: s["bands"] for name, s in declared()["series"].items()})
