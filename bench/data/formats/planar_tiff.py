"""GeoTIFFs of many bands.

Each is stored by itself and deflated, as GDAL writes imaging spectra; or all values of a pixel side
by side, as it writes images by default.
"""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bench.data.formats import tiff_tags
from bench.data.formats.tiff_codecs import damaged, decoding, deflated

_SLACK = 1 << 20
"""Bytes a file may have beyond its pixels: directory, tables of strips, overhead of DEFLATE."""

_DEFLATE, _TOGETHER, _SEPARATE = 8, 1, 2


def read(
    path: str | os.PathLike[str],
    bands: int,
    dtype: DTypeLike,
    side_at_most: int,
    *,
    pixel: float | None = None,
    nodata: Collection[float] = (),
    interleaved: bool = False,
) -> NDArray[Any]:
    """All bands of a TIFF that stores them one after the other, or the values of a pixel together.

    What the file says of its values and place is followed or refused, see `tiff_tags.said`.

    Args:
        path: the file.
        bands: how many bands are expected.
        dtype: the type that is expected.
        side_at_most: the largest height and width that are accepted, in pixels; nothing is decoded
            of a larger image, or of a file that is larger than such an image uncompressed.
        pixel: the size of a pixel that is expected, in metres; None accepts any.
        nodata: values for no data that the caller treats itself. Pixels of any other value that
            the file says stands for no data are refused.
        interleaved: whether the values of a pixel are expected side by side.

    Returns:
        [bands, height, width] in the type of the file.

    Raises:
        FileNotFoundError: there is no such file.
        BenchError: the file is truncated, not a TIFF, or of another shape or type; or it says of
            itself what isn't followed here.
    """
    import tifffile

    expected = np.dtype(dtype)
    limit = bands * side_at_most**2 * expected.itemsize + _SLACK
    with decoding(path):
        found = Path(path).stat().st_size
        if found > limit:
            raise damaged(path, f"expected at most {limit} bytes, found {found}")
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages[0]
            shape, kind = tuple(page.shape), page.dtype
            # [bands, height, width], or bands last.
            of_bands, sides = (shape[-1:], shape[:-1]) if interleaved else (shape[:1], shape[1:])
            fits = len(shape) == 3 and of_bands == (bands,) and 0 < max(sides) <= side_at_most
            fits = fits and (page.planarconfig == _TOGETHER) == interleaved
            if not fits or kind != expected:
                raise damaged(
                    path,
                    f"expected {bands} bands of at most {side_at_most}x{side_at_most} pixels of "
                    f"{expected}, found {'x'.join(map(str, shape))} of {kind}",
                )
            # What has no bytes would be filled in silently.
            if not all(page.databytecounts) or not all(page.dataoffsets):
                raise damaged(path, "expected all its pixels, found that some are left out")
            tags = tiff_tags.said_by(os.fspath(path), file)
            if pixel is not None:
                tiff_tags.require_size(os.fspath(path), tags, pixel)
            # Strips are a few hundred bytes: threads would only wait for each other.
            pixels: NDArray[Any] = page.asarray(maxworkers=1)
            pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.shape != shape:
        raise damaged(path, f"expected {shape} pixels, as it says of itself, found {pixels.shape}")
    if interleaved:
        pixels = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    tiff_tags.require_data(os.fspath(path), pixels, tags.nodata, nodata, axis=0)
    return pixels


def write(
    path: str | os.PathLike[str],
    array: NDArray[Any],
    *,
    epsg: int,
    origin: tuple[float, float],
    pixel: float,
    nodata: int | None,
    interleaved: bool = False,
) -> None:
    """Write a GeoTIFF of several bands, each deflated by itself, or by pixel and uncompressed.

    Not atomic: for trees of many files, which appear by renaming their folder.

    Args:
        path: the file; its folder exists.
        array: [bands, height, width] of integers, with at least two bands.
        epsg: the code of a projected coordinate system in metres.
        origin: easting and northing of the outer corner of the upper left pixel, in metres.
        pixel: the size of a pixel, in metres.
        nodata: the value that stands for no data; None for none.
        interleaved: write the values of a pixel side by side, uncompressed.
    """
    import tifffile

    # GeoTIFF 1.1: projected model, pixels are areas, the system by its code, metres.
    keys = [(1024, 0, 1, 1), (1025, 0, 1, 1), (3072, 0, 1, epsg), (3076, 0, 1, 9001)]
    directory = (1, 1, 0, len(keys), *(value for key in keys for value in key))
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    tags: list[tuple[int, str, int, Any, bool]] = [
        (33550, "d", 3, (pixel, pixel, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, *origin, 0.0), True),
        (34735, "H", len(directory), directory, True),
    ]
    if nodata is not None:
        tags.append((42113, "s", 0, str(nodata), True))
    common: dict[str, Any] = {
        "byteorder": "<",
        "photometric": "minisblack",
        "metadata": None,
        "software": False,
        "extratags": tags,
    }
    if interleaved:
        together = np.ascontiguousarray(little.transpose(1, 2, 0))
        tifffile.imwrite(os.fspath(path), together, planarconfig=_TOGETHER, **common)
        return
    tifffile.imwrite(
        os.fspath(path),
        (strip for band in little for strip in deflated(band, array.shape[1])),
        shape=array.shape,
        dtype=little.dtype,
        compression=_DEFLATE,
        planarconfig=_SEPARATE,
        rowsperstrip=array.shape[1],
        **common,
    )
