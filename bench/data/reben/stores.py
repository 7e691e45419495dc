"""Where the pixels of BigEarthNet are on the disk, and how each layout is read.

A store is asked for bands by the name it uses for a patch; it answers None where it has no such
patch, and with an error where what it has is damaged.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.data import listing
from bench.data.formats import geotiff
from bench.data.formats.tensor_lmdb import TensorStore
from bench.data.reben.patches import declared
from bench.data.values import require, values

MAP = "reference_map"
LMDB = "BigEarthNet_LMDB"
LMDBS = (LMDB, "Encoded-BigEarthNet")
"""The names of a fast store: what is made here, and as in the documentation of rico-hdl."""

S2_FOLDER, S1_FOLDER, MAP_FOLDER = "BigEarthNet-S2", "BigEarthNet-S1", "Reference_Maps"
_V1_S2 = ("BigEarthNet-v1.0", "BigEarthNet-S2-v1.0", "BigEarthNet-S2-Example")
_V1_S1 = ("BigEarthNet-S1-v1.0", "BigEarthNet-S1-Example")

_PATCH_METRES = 1_200
TENSORS = {MAP: "Data"}
_NAME = re.compile(r"\w+", re.ASCII)
_PATCH_FOLDER = re.compile(r"\w+_\d{1,2}_\d{1,2}", re.ASCII)

Pixels = dict[str, NDArray[Any]]


def _forms() -> dict[str, tuple[tuple[int, int], np.dtype[Any]]]:
    forms: dict[str, tuple[tuple[int, int], np.dtype[Any]]]
    forms = {MAP: ((120, 120), np.dtype(np.uint16))}
    for name, band in declared()["bands"].items():
        side = _PATCH_METRES // int(band["gsd"])
        radar = band["sensor"] == "sentinel-1-grd"
        forms[name] = ((side, side), np.dtype(np.float32 if radar else np.uint16))
    return forms


FORMS = _forms()
"""Shape and type of every band and of the reference map, as they are stored."""

_VALUES = values("reben")
_METRES = {band: _PATCH_METRES / shape[0] for band, (shape, _) in FORMS.items()}
_NODATA = {MAP: (0.0,), **{band: of.nodata for band, of in _VALUES.items()}}


class Store(Protocol):
    """One place that holds patches."""

    @property
    def column(self) -> str:
        """The column of the metadata by which patches are named here."""
        ...

    def read(self, name: str, bands: Sequence[str]) -> Pixels | None:
        """The bands of a patch; None where there is no such patch."""
        ...

    def names(self) -> Iterator[str]:
        """The names of the patches that are there."""
        ...


@dataclass(frozen=True)
class Folders:
    """A tree of GeoTIFFs: a folder for each patch with a file for each band.

    Attributes:
        root: the top of the tree.
        column: see `Store`.
        suffixes: how many trailing fields of a patch's name are not part of the name of the folder
            that holds the patch's folder; 0 where there is no such folder.
    """

    root: Path
    column: str
    suffixes: int

    def read(self, name: str, bands: Sequence[str]) -> Pixels | None:
        """See `Store`; a patch may also lie directly under the top."""
        if _NAME.fullmatch(name) is None:
            return None
        scene = f"{name.rsplit('_', self.suffixes)[0]}/" if self.suffixes else ""
        prefix = f"{self.root}/{scene}{name}/{name}_"
        try:
            pixels = {band: _band(f"{prefix}{band}.tif", band) for band in bands}
        except FileNotFoundError:
            folder = Path(prefix).parent
            if not folder.is_dir():
                folder = self.root / name
            if not folder.is_dir():
                return None
            prefix = f"{folder}/{name}_"
            pixels = {band: self._otherwise_named(folder, name, band) for band in bands}
        _require(pixels, lambda band: f"{prefix}{band}.tif")
        return pixels

    def _otherwise_named(self, folder: Path, name: str, band: str) -> NDArray[Any]:
        """A band whose file may end in ``.tiff`` or ``.TIF``."""
        path = listing.find(folder, f"{name}_{band}.tif")
        if path is None:
            raise BenchError(
                f"{folder / f'{name}_{band}.tif'} is missing, though its folder is there",
                f"unpack {self.root.name} again",
            )
        return _band(str(path), band)

    def names(self) -> Iterator[str]:
        """See `Store`; by the folders named as patches are, without looking into them."""
        for folder in listing.folders(self.root):
            if _PATCH_FOLDER.fullmatch(folder.name):
                yield folder.name
            elif self.suffixes:
                for entry in listing.scan(folder):
                    if _PATCH_FOLDER.fullmatch(entry.name) and entry.is_dir():
                        yield entry.name


@dataclass(frozen=True)
class Blobs:
    """An LMDB of safetensors: a blob for each patch of a sensor, or for each reference map.

    Attributes:
        store: the environment.
        column: see `Store`.
        ending: what follows the name of a patch in its key.
    """

    store: TensorStore
    column: str
    ending: str = ""

    def read(self, name: str, bands: Sequence[str]) -> Pixels | None:
        """See `Store`; arrays into the map of the environment."""
        tensors = [TENSORS.get(band, band) for band in bands]
        try:
            pixels = self.store.read(name + self.ending, tensors)
        except KeyError:
            return None
        named = {}
        for band, tensor in zip(bands, tensors, strict=True):
            shape, dtype = FORMS[band]
            values = named[band] = pixels[tensor]
            if values.shape != shape or values.dtype != dtype:
                found = "x".join(map(str, values.shape))
                raise BenchError(
                    f"{tensor} of {name}{self.ending} in {self.store.folder / 'data.mdb'}: expected"
                    f" {shape[0]}x{shape[1]} pixels of {dtype}, found {found} of {values.dtype}",
                    "prepare or download it again",
                )
        _require(named, lambda band: f"{band} of {name} in {self.store.folder / 'data.mdb'}")
        return named

    def names(self) -> Iterator[str]:
        """See `Store`."""
        for key in self.store.names():
            if key.endswith(self.ending):
                yield key.removesuffix(self.ending)


def _band(path: str, band: str) -> NDArray[Any]:
    return geotiff.read(path, *FORMS[band], pixel=_METRES[band], nodata=_NODATA[band])


def _require(pixels: Pixels, where: Callable[[str], str]) -> None:
    if MAP not in pixels:
        require(_VALUES, pixels, where)


@dataclass(frozen=True)
class Stores:
    """What a folder holds, each list in order of preference.

    The pixels of Sentinel-2 were processed anew for v2.0, so those of v1.0 stand in only where
    there are no others; those of Sentinel-1 were not.
    """

    layout: str
    sentinel2: list[Store]
    sentinel1: list[Store]
    maps: list[Store]


def find(root: Path) -> Stores:
    """The layouts of the dataset under a folder.

    Raises:
        BenchError: there is none.
    """
    lmdb = _lmdb(root)
    tree2, tree1, tree_of_maps = (tree(root, name) for name in (S2_FOLDER, S1_FOLDER, MAP_FOLDER))
    sentinel2: list[Store] = []
    sentinel1: list[Store] = []
    maps: list[Store] = []
    if lmdb is not None:
        store = TensorStore(lmdb)
        sentinel2.append(Blobs(store, "patch_id"))
        sentinel1.append(Blobs(store, "s1_name"))
        maps.append(Blobs(store, "patch_id", f"_{MAP}"))
    if tree2 is not None:
        sentinel2.append(Folders(tree2, "patch_id", 2))
    if tree1 is not None:
        sentinel1.append(Folders(tree1, "s1_name", 3))
    if tree_of_maps is not None:
        maps.append(Folders(tree_of_maps, "patch_id", 2))
    of_v2 = bool(sentinel2 or sentinel1)
    sentinel1 += [Folders(folder, "s1_name", 0) for folder in _starting_with(root, _V1_S1)]
    if not sentinel2:
        sentinel2 += [Folders(folder, "s2v1_name", 0) for folder in _starting_with(root, _V1_S2)]
    if not sentinel2 and not sentinel1:
        hint = "`bench data list` says where to get them"
        # The metadata is a table too.
        if any(path.suffix != ".parquet" for path in listing.archives(root)):
            raise listing.absent(f"{S2_FOLDER}/, {S1_FOLDER}/ or {LMDB}/", root, hint)
        raise BenchError(
            f"no BigEarthNet pixels under {root}: expected {S2_FOLDER}/, {S1_FOLDER}/ or {LMDB}/",
            hint,
        )
    layout = "lmdb" if lmdb is not None else "geotiff" if of_v2 else "geotiff v1.0"
    return Stores(layout, sentinel2, sentinel1, maps)


def tree(root: Path, name: str) -> Path | None:
    """One of the folders of GeoTIFFs, perhaps unpacked into one of its own name; None for none."""
    folder = listing.find(root, name)
    return listing.unwrapped(folder) if folder is not None and folder.is_dir() else None


def _lmdb(root: Path) -> Path | None:
    candidates = [*(root / name for name in LMDBS), *sorted(root.glob("*.lmdb")), root]
    return next((folder for folder in candidates if (folder / "data.mdb").is_file()), None)


def _starting_with(root: Path, prefixes: tuple[str, ...]) -> list[Path]:
    found = listing.folders(root) if root.is_dir() else []
    return [listing.unwrapped(folder) for folder in found if folder.name.startswith(prefixes)]
