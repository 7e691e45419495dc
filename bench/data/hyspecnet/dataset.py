"""An opened HySpecNet-11k, in whichever of its layouts it lies on disk."""

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base import text
from bench.base.errors import BenchError, unknown
from bench.base.files import sha256_json
from bench.data import ids_sha256, listing
from bench.data.formats.tensor_lmdb import TensorStore
from bench.data.hyspecnet.blobs import LMDB, LMDBS, decoded
from bench.data.hyspecnet.patches import (
    CLOUD,
    IMAGE,
    KEPT,
    LAND,
    NOTHING,
    REDUCED,
    WATER,
    digital,
    file,
    normalised,
    reduced,
    regions,
    require_data,
    sample_of,
    sample_of_patch,
    spectra,
)

SPLITS = {
    f"{split}{suffix}": (difficulty, name)
    for difficulty, suffix in (("easy", ""), ("hard", "-hard"))
    for split, name in (("train", "train"), ("validation", "val"), ("test", "test"))
}
"""Split to the difficulty and the name of its file: the plain names are the split by patch."""

_LONGEST_SPLIT = 1 << 24
_ROW = {name: row for row, name in enumerate(KEPT)}
_SURFACES = {LAND: "land", WATER: "water", CLOUD: "cloud"}


class HySpecNet:
    """An opened HySpecNet-11k. Cheap to make and to pickle.

    A patch is looked for in the LMDB first, then in its folder.

    Args:
        root: the folder of the dataset, or the one that holds the archives' own folder.

    Raises:
        BenchError: there are no patches.
    """

    def __init__(self, root: Path) -> None:
        self.root = base(root)
        self.patches = listing.unwrapped(self.root / "patches")
        made = next((n for n in LMDBS if (self.root / n / "data.mdb").is_file()), None)
        self.store = None if made is None else TensorStore(self.root / made)
        if self.store is None and not self.patches.is_dir():
            hint = "`bench data list` says where to get them"
            raise listing.absent(f"patches/ or {LMDB}/", root, hint)

    @property
    def layout(self) -> str:
        """``lmdb`` or ``folders``."""
        return "folders" if self.store is None else "lmdb"

    def fingerprint(self) -> str:
        """The SHA-256 of what is in the six splits, however their files spell it."""
        return sha256_json({split: ids_sha256(self.ids(split)) for split in SPLITS})

    def ids(self, split: str) -> list[str]:
        """The sample ids (``<tile>/<patch>``) of a split, sorted, on disk or not.

        ``train``, ``validation`` and ``test`` are the official easy split, by patch; with ``-hard``
        they are the official hard split, by tile.

        Raises:
            RequestError: there is no such split.
            BenchError: its file is missing, or lists what is no patch or lists one twice.
        """
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        difficulty, name = SPLITS[split]
        path = self.root / "splits" / difficulty / f"{name}.csv"
        try:
            rows = text.rows(text.read(path, _LONGEST_SPLIT), str(path))
        except BenchError as error:
            raise BenchError(
                f"expected the list of a split at {path}, found none: {error.message}",
                "unpack hyspecnet-11k-splits.tar.gz beside patches/",
            ) from error
        samples = sorted(sample_of(entry) for row in rows for entry in row if entry)
        twice = next((a for a, b in pairwise(samples) if a == b), None)
        if twice is not None:
            raise BenchError(
                f"{path} lists {twice} twice", "unpack hyspecnet-11k-splits.tar.gz again"
            )
        return samples

    def present(self, bands: Sequence[str]) -> list[str]:
        """The ids of the patches on disk, in a split or in none, sorted; each has all the bands.

        Raises:
            RequestError: a band is unknown or not kept.
        """
        _require_kept(bands)
        there = set(map(sample_of_patch, self.store.names())) if self.store else set()
        there.update(in_folders(self.patches, IMAGE), in_folders(self.patches, REDUCED))
        return sorted(there)

    def read(self, sample: str, bands: Sequence[str]) -> dict[str, NDArray[Any]]:
        """The named bands of a patch in reflectance x 10000, as they were published.

        Returns:
            int16 [H, W] by band name ("1" to "224"). Where only the reduced copy of the patch is
            on disk the values are clipped to [0, 10000], as they are there.

        Raises:
            RequestError: a band is unknown or not kept.
            BenchError: the patch is missing or damaged, or has pixels without data in a kept band.
        """
        _require_kept(bands)
        found = self._stored(sample)
        kept = None if found is None else found[0]
        if kept is None:
            try:
                kept = spectra(file(self.patches, sample, IMAGE))
            except FileNotFoundError:
                try:
                    kept = digital(reduced(file(self.patches, sample, REDUCED)))
                except FileNotFoundError as error:
                    raise self._absent(sample) from error
        require_data(sample, kept)
        return {band: kept[_ROW[band]] for band in bands}

    def cube(self, sample: str) -> NDArray[np.float32]:
        """A patch as codecs are fed: the kept bands, clipped to [0, 10000], divided by 10000.

        The reduced copy is preferred to the spectral image, of which it is made in the same way.

        Returns:
            float32 [202, H, W] in [0, 1], bands in the order of the declaration, 128 pixels a side
            as published.

        Raises:
            BenchError: the patch is missing or damaged, or has pixels without data in a kept band.
        """
        found = self._stored(sample)
        if found is not None:
            return normalised(sample, found[0])
        try:
            return reduced(file(self.patches, sample, REDUCED))
        except FileNotFoundError:
            pass
        try:
            return normalised(sample, spectra(file(self.patches, sample, IMAGE)))
        except FileNotFoundError as error:
            raise self._absent(sample) from error

    def regions(self, sample: str) -> NDArray[np.uint8]:
        """What each pixel shows: uint8 [H, W], 0 land, 1 water, 2 cloud, 255 none of them.

        By the quality layers, see `bench.data.hyspecnet.patches.regions`; all 255 without them.

        Raises:
            BenchError: the patch is missing, or a layer damaged.
        """
        found = self._stored(sample)
        shown = found[1] if found is not None else None
        if shown is None:
            shown = regions(self.patches, sample)
        if shown is None:
            shape = self.read(sample, KEPT[:1])[KEPT[0]].shape
            shown = np.full(shape, NOTHING, np.uint8)
        return shown

    def attributes(self, samples: Sequence[str]) -> dict[str, list[str]]:
        """The tile of each patch, and its surface: what most of its pixels show.

        A surface is ``land``, ``water``, ``cloud`` (the first of these where two are equal), or
        ``none`` where no pixel shows any of them.
        """
        return {
            "tile": [sample_of(sample).partition("/")[0] for sample in samples],
            "surface": [_surface(self.regions(sample)) for sample in samples],
        }

    def _stored(self, sample: str) -> tuple[NDArray[np.int16], NDArray[np.uint8] | None] | None:
        """The kept bands of a patch and its regions out of the LMDB; None where it has none."""
        if self.store is None:
            return None
        patch = sample_of(sample).rpartition("/")[2]
        try:
            tensors = self.store.read(patch)
        except KeyError:
            return None
        return decoded(tensors, f"{patch} in {self.store.folder / 'data.mdb'}")

    def _absent(self, sample: str) -> BenchError:
        return BenchError(
            f"patch {sample[:200]} is not under {self.root}",
            "`bench data verify hyspecnet` says what is missing; `bench data list` where it is",
        )


def base(root: Path) -> Path:
    """The folder that holds ``patches`` and ``splits``: ``root``, or the archives' own in it."""
    for names in (("splits", "patches"), LMDBS):
        found = listing.base(root, lambda folder: any((folder / n).is_dir() for n in names))  # noqa: B023
        if found is not None:
            return found
    return root


def in_folders(patches: Path, ending: str) -> Iterator[str]:
    """The ids of the patches whose folder holds a file, in no order; what has no id is left out."""
    for tile in _folders(str(patches)) if patches.is_dir() else []:
        for patch in _folders(tile.path):
            sample = f"{tile.name}/{patch.name}"
            named = sample_of_patch(patch.name) == sample
            if named and Path(patch.path, f"{patch.name}-{ending}").is_file():
                yield sample


def _folders(path: str) -> "list[os.DirEntry[str]]":
    return [entry for entry in listing.scan(path) if entry.is_dir()]


def _require_kept(bands: Sequence[str]) -> None:
    for band in bands:
        if band not in _ROW:
            raise unknown("band", band, KEPT, "22 of the 224 bands hold no data and are dropped")


def _surface(shown: NDArray[np.uint8]) -> str:
    counts = np.bincount(shown.ravel(), minlength=NOTHING + 1)
    most = max(_SURFACES, key=lambda code: int(counts[code]))
    return _SURFACES[most] if counts[most] else "none"
