"""An opened area of MagicBathyNet: images of three sensors, depths, labels of the seabed."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError, unknown
from bench.data import listing
from bench.data.formats import tiff_tags
from bench.data.magicbathynet.area import (
    LISTS,
    MODALITIES,
    RULING,
    SIDE,
    SPLITS,
    area,
    list_file,
    norm_file,
    read_norm,
    splits,
)
from bench.data.magicbathynet.rasters import Raster, read
from bench.data.values import require, values

VOID = 255
"""The class of pixels that have none."""

_ARCHIVE = ("", "MagicBathyNet", "magicbathynet")
_UNIT = 0.01  # of a pixel's size and place, what rounding may do to them
_NODATA = (0.0,)  # of images; those pixels are left out
_DEPTHS = (5.0, 10.0, 15.0)
_ZONES = ("0-5 m", "5-10 m", "10-15 m", "over 15 m")


class MagicBathyNet:
    """An opened area.

    Every patch is on disk in the grids of three modalities: images, depths and labels of aerial
    (0.25 m), SPOT-6 (6 m) and Sentinel-2 pixels (10 m). `depth` and `reference_map` take the
    bands that a model sees and return the finest of their grids.

    Args:
        root: the folder of the dataset: of the area, around it, or around the archive's folder.
        name: of the dataset.

    Raises:
        BenchError: the area isn't there.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name, self.area = root, name, area(name)
        self.folder = self._folder()
        self._splits: dict[str, list[str]] = {}

    def _folder(self) -> Path:
        for folder in (*(self.root / name / self.area.folder for name in _ARCHIVE), self.root):
            if (folder / "img").is_dir():
                return folder
        found = listing.base(self.root, lambda one: (one / self.area.folder / "img").is_dir())
        if found is not None:
            return found / self.area.folder
        hint = "MagicBathyNet.zip has it; `bench data list` says where it is"
        raise listing.absent(f"{self.area.folder}/img", self.root, hint)

    @property
    def layout(self) -> str:
        """``geotiff``."""
        return "geotiff"

    def fingerprint(self) -> str:
        """The SHA-256 of the lists that declare samples and splits of both tasks."""
        digest = hashlib.sha256()
        for what in LISTS.values():
            path = list_file(self.folder, RULING, what)
            digest.update(path.read_bytes() if path.is_file() else b"none")
        return digest.hexdigest()

    def ids(self, split: str) -> list[str]:
        """The patch ids of a split, sorted, on disk or not.

        ``train``, ``validation`` and ``test`` are of the patches with depths; with ``-seabed``,
        of those with labels of the seabed.

        Raises:
            RequestError: there is no such split.
            BenchError: the published list is missing or damaged.
        """
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        if split not in self._splits:
            _, dash, end = split.partition("-")
            self._splits |= splits(self.folder, dash + end)
        return list(self._splits[split])

    def present(self, bands: Sequence[str]) -> list[str]:
        """The patch ids with an image on disk of every modality of these bands, sorted.

        Raises:
            RequestError: a band is unknown.
        """
        held = [self.held("img", name) for name in self.area.modalities(bands)]
        return sorted(set.intersection(*held)) if held else []

    def held(self, what: str, modality: str) -> set[str]:
        """The patch ids that have a file of ``img``, ``depth`` or ``gts`` for a modality."""
        folder = self.folder / what / modality
        files = listing.files(folder, (".tif", ".tiff")) if folder.is_dir() else []
        found = (re.fullmatch(rf"{what}_(\d+)\.tiff?", path.name, re.I) for path in files)
        return {match[1] for match in found if match}

    def limits(self, modality: str) -> NDArray[np.float64]:
        """[2, 3]: the minimum and maximum of each band that the release normalises with.

        Raises:
            BenchError: the norm file is missing, or doesn't match the bands.
        """
        path = norm_file(self.folder, modality, self.area.suffix)
        if path is None:
            raise BenchError(
                f"expected norm_param_{modality}_{self.area.suffix} in {self.folder}, found none",
                "unpack it from the archive again",
            )
        return read_norm(path, self.area.bands[modality])

    def moments(self, bands: Sequence[str]) -> tuple[dict[str, tuple[float, float]], str]:
        """The minimum and the range of each band that the release normalises with, and their files.

        Raises:
            RequestError: a band is unknown.
            BenchError: a norm file is missing, or doesn't match the bands.
        """
        found: dict[str, tuple[float, float]] = {}
        for modality in self.area.modalities(bands):
            low, high = self.limits(modality).tolist()
            ends = zip(self.area.bands[modality], low, high, strict=True)
            found |= {band: (least, most - least) for band, least, most in ends if band in bands}
        names = [f"norm_param_{name}_{self.area.suffix}" for name in self.area.modalities(bands)]
        return found, f"{self.name}/{', '.join(names)}"

    def read(self, sample: str, bands: Sequence[str]) -> dict[str, NDArray[Any]]:
        """The named bands of a patch as they are stored, each [side, side] of its modality.

        Raises:
            RequestError: a band is unknown.
            BenchError: an image is missing, damaged, or not of a square of 180 m.
        """
        arrays = {}
        for modality in self.area.modalities(bands):
            pixels = self._image(sample, modality).pixels
            for index, band in enumerate(self.area.bands[modality]):
                if band in bands:
                    arrays[band] = pixels[:, :, index]
        require(values(self.name), arrays, lambda band: self._path("img", sample, self._of(band)))
        return {band: arrays[band] for band in bands}

    def depth(self, sample: str, bands: Sequence[str] = ()) -> NDArray[np.float32]:
        """Metres of water above the seabed, float32 [side, side]; land is negative.

        The release stores elevations, negative below the surface and 0 where there are none; depth
        is their negative. It is NaN where the elevation is 0 or the image of the grid is 0 in most
        of its bands, which are the pixels that the release leaves out of training, and where the
        file itself says that its value stands for no data.

        Args:
            sample: the patch.
            bands: what the model sees; the finest of their grids is returned, without any the
                aerial one.

        Raises:
            RequestError: a band is unknown.
            BenchError: the raster is missing or damaged, isn't one of the image's size and place,
                holds no depth at all, or holds depths with the wrong sign.
        """
        modality = self._grid(bands)
        image, raster = self._image(sample, modality), self._raster("depth", sample, modality)
        what = f"depth of patch {sample[:100]} ({modality})"
        self._same_place(what, raster, image, bands=1)
        stored = raster.pixels.astype(np.float32)
        known = np.isfinite(stored) & (stored != 0)
        known &= ~tiff_tags.missing(raster.pixels, raster.nodata)
        if not known.any():
            raise BenchError(
                f"{what}: expected depths, found no data in all {stored.size} pixels",
                "a patch without any depth can't be in a split of bathymetry",
            )
        self._require_elevations(self._path("depth", sample, modality), stored[known])
        highest, mean = float(stored[known].max()), float(stored[known].mean())
        if highest > self.area.highest or mean > 0:
            raise BenchError(
                f"{what}: expected elevations, negative below the surface and at most "
                f"{self.area.highest} m, found up to {highest:.2f} m and {mean:.2f} m on average",
                "are these positive depths? the release stores them negative",
            )
        seen = 2 * np.count_nonzero(image.pixels, axis=2) >= image.pixels.shape[2]
        return np.where(known & seen, -stored, np.float32(np.nan))

    def _require_elevations(self, path: str, stored: NDArray[np.float32]) -> None:
        if (low := stored[stored < self.area.lowest]).size:
            raise BenchError(
                f"{path}: expected elevations from {self.area.lowest:g} to {self.area.highest:g} m,"
                f" found {low[0]:g} in {low.size} pixels",
                "if it stands for no data, write it into the file's tag (GDAL_NODATA), or 0 in "
                "place of it: such pixels don't count",
            )

    def reference_map(self, sample: str, bands: Sequence[str] = ()) -> NDArray[np.uint8]:
        """uint8 [side, side]: the class of the seabed in the declaration's order, else `VOID`.

        Args:
            sample: the patch.
            bands: as for `depth`.

        Raises:
            RequestError: a band is unknown.
            BenchError: the map is missing or damaged, isn't one of the image's size and place, or
                holds a colour that has no meaning.
        """
        modality = self._grid(bands)
        raster = self._raster("gts", sample, modality)
        what = f"seabed of patch {sample[:100]} ({modality})"
        self._same_place(what, raster, self._image(sample, modality), bands=3)
        red, green, blue = raster.pixels.astype(np.int64).transpose(2, 0, 1)
        codes = (red << 16) + (green << 8) + blue
        classes = np.full(codes.shape, VOID, np.uint8)
        empty = tiff_tags.missing(raster.pixels, raster.nodata).all(axis=-1)
        foreign = (codes != _code(self.area.undefined)) & ~empty
        for index, colour in enumerate(self.area.colours.values()):
            classes[(codes == _code(colour)) & ~empty] = index
        foreign &= classes == VOID
        if foreign.any():
            colour = tuple(raster.pixels[foreign][0].tolist())
            known = [*self.area.colours.values(), self.area.undefined]
            raise BenchError(
                f"{what}: expected the colours {', '.join(map(str, known))}, found {colour} in "
                f"{foreign.sum()} pixels",
                "unpack it from the archive again; a map that was resampled has mixed colours",
            )
        return classes

    def attributes(self, samples: Sequence[str]) -> dict[str, list[str]]:
        """How deep each patch is on average: ``0-5 m``, ``5-10 m``, ``10-15 m``, ``over 15 m``.

        ``unknown`` for a patch without depths.
        """
        held = self.held("depth", RULING) & self.held("img", RULING)
        return {"mean_depth": [self._zone(name) if name in held else "unknown" for name in samples]}

    def _zone(self, sample: str) -> str:
        depth = self.depth(sample, self.area.bands[RULING])
        known = depth[~np.isnan(depth)]
        if not known.size:
            return "unknown"
        return _ZONES[int(np.searchsorted(_DEPTHS, known.mean(), side="right"))]

    def _grid(self, bands: Sequence[str]) -> str:
        return (self.area.modalities(bands) or MODALITIES)[0]

    def _image(self, sample: str, modality: str) -> Raster:
        raster = self._raster("img", sample, modality)
        shape, wanted = raster.pixels.shape, len(self.area.bands[modality])
        what = f"image of patch {sample[:100]} ({modality})"
        if len(shape) != 3 or shape[0] != shape[1] or shape[2] != wanted:
            raise _other(what, f"a square of {wanted} bands", f"shape {shape}")
        if raster.pixel is None:
            if shape[0] != self.area.sides[modality]:
                raise _other(what, f"{self.area.sides[modality]} px a side", f"{shape[0]}")
        elif abs(shape[0] * raster.pixel - SIDE) > _UNIT * SIDE:
            found = f"{shape[0]} px of {raster.pixel:g} m"
            raise _other(what, f"a side of {SIDE:g} m", found)
        path = self._path("img", sample, modality)
        tiff_tags.require_data(path, raster.pixels, raster.nodata, _NODATA)
        return raster

    def _of(self, band: str) -> str:
        return self.area.modalities([band])[0]

    def _path(self, what: str, sample: str, modality: str) -> str:
        return str(self.folder / what / modality / f"{what}_{sample}.tif")

    def _raster(self, what: str, sample: str, modality: str) -> Raster:
        name = f"{what}/{modality}/{what}_{sample}.tif"
        if not re.fullmatch(r"\d{1,9}", sample):
            raise BenchError(f"expected the number of a patch, found {sample[:100]!r}")
        try:
            path = self.folder / name
            return read(path if path.exists() else listing.find(path.parent, path.name) or path)
        except FileNotFoundError as error:
            raise BenchError(
                f"patch {sample} has no {name} under {self.folder}",
                f"`bench data verify {self.name}` lists what is missing",
            ) from error

    def _same_place(self, what: str, raster: Raster, image: Raster, bands: int) -> None:
        size, shape = image.pixels.shape[:2], raster.pixels.shape
        if shape != ((*size, bands) if bands > 1 else size):
            wanted = f"{size[0]} x {size[1]} px" + (f" of {bands} bands" if bands > 1 else "")
            raise _other(what, f"{wanted} as the image", " x ".join(map(str, shape)))
        if None not in (image.epsg, raster.epsg) and image.epsg != raster.epsg:
            raise _other(what, f"EPSG:{image.epsg} as the image", f"EPSG:{raster.epsg}")
        if image.pixel is None or raster.pixel is None:
            return
        apart = np.abs(np.subtract(image.origin or 0.0, raster.origin or 0.0)).max()
        if apart > image.pixel or abs(image.pixel - raster.pixel) > _UNIT * image.pixel:
            found = f"one {apart:g} m away with pixels of {raster.pixel:g} m"
            raise _other(what, f"the image's place with pixels of {image.pixel:g} m", found)


def _code(colour: tuple[int, int, int]) -> int:
    red, green, blue = colour
    return (red << 16) + (green << 8) + blue


def _other(what: str, wanted: str, found: str) -> BenchError:
    return BenchError(
        f"{what}: expected {wanted}, found {found}", "unpack it from the archive again"
    )
