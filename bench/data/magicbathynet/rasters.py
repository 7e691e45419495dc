"""GeoTIFFs of one or three bands with their place on the ground, as MagicBathyNet holds them."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.formats import tiff_tags
from bench.data.formats.tiff_codecs import damaged, decoding

_LARGEST = 1 << 25
"""Bytes of pixels; an aerial image in 64 bit floats has less than half of it."""

_SLACK = 1 << 16

_PIXEL_SCALE, _TIE_POINT, _GEO_KEYS = 33550, 33922, 34735
_MODEL_TYPE, _RASTER_TYPE, _PROJECTED = 1024, 1025, 3072
_SEPARATE = 2


@dataclass(frozen=True)
class Raster:
    """Pixels and what the file says of them.

    Attributes:
        pixels: [height, width], or [height, width, bands] of more than one band; read-only.
        epsg: the code of the projected coordinate system; None where the file names none.
        origin: easting and northing of the outer corner of the upper left pixel in metres; None
            where the file says none.
        pixel: the size of a pixel in metres; None as before.
        nodata: the values that stand for no data, see `tiff_tags.Said`.
    """

    pixels: NDArray[Any]
    epsg: int | None
    origin: tuple[float, float] | None
    pixel: float | None
    nodata: tuple[float, ...] = ()


def read(path: Path) -> Raster:
    """The image of a TIFF, with bands last however they are stored.

    Pixels of a value that the file says stands for no data are left to the caller.

    Raises:
        FileNotFoundError: there is no such file.
        BenchError: it is no TIFF, truncated, or larger than any file of the release; or it says of
            itself what isn't followed, see `tiff_tags.said`.
    """
    import tifffile

    with decoding(path):
        size = path.stat().st_size
        if size > _LARGEST + _SLACK:
            raise damaged(path, f"expected at most {_LARGEST + _SLACK} bytes, found {size}")
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages[0]
            shape = tuple(page.shape)
            if len(shape) not in (2, 3) or math.prod(shape) * page.dtype.itemsize > _LARGEST:
                raise damaged(path, f"expected an image of modest size, found shape {shape}")
            tags = tiff_tags.said_by(str(path), file)
            pixels: NDArray[Any] = page.asarray(maxworkers=1)
            pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
            if len(shape) == 3 and page.planarconfig == _SEPARATE:
                pixels = pixels.transpose(1, 2, 0)
    pixels.flags.writeable = False
    return Raster(pixels, tags.epsg, tags.origin, tags.pixel, tags.nodata)


def write(
    path: Path, pixels: NDArray[Any], *, epsg: int, origin: tuple[float, float], pixel: float
) -> None:
    """Write a GeoTIFF as the release does: uncompressed, the bands of a pixel together.

    Not atomic: for trees of many files, which appear by renaming their folder.

    Args:
        path: the file; its folder exists.
        pixels: [height, width] or [height, width, 3].
        epsg: the code of a projected coordinate system in metres.
        origin: easting and northing of the outer corner of the upper left pixel, in metres.
        pixel: the size of a pixel, in metres.
    """
    import tifffile

    keys = [(_MODEL_TYPE, 0, 1, 1), (_RASTER_TYPE, 0, 1, 1), (_PROJECTED, 0, 1, epsg)]
    directory = (1, 1, 0, len(keys), *(value for key in keys for value in key))
    tifffile.imwrite(
        os.fspath(path),
        np.ascontiguousarray(pixels),
        byteorder="<",
        photometric="rgb" if pixels.ndim == 3 else "minisblack",
        planarconfig="contig" if pixels.ndim == 3 else None,
        metadata=None,
        software=False,
        extratags=[
            (_PIXEL_SCALE, "d", 3, (float(pixel), float(pixel), 0.0), True),
            (_TIE_POINT, "d", 6, (0.0, 0.0, 0.0, *map(float, origin), 0.0), True),
            (_GEO_KEYS, "H", len(directory), directory, True),
        ],
    )
