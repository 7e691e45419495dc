"""Single-band GeoTIFFs as GDAL writes them: read directly where that is safe, written in kind.

The releases of BigEarthNet hold millions of tiny files of one layout: little-endian, uncompressed,
in strips that follow each other. For those a file is one read and one view; every other valid TIFF
goes through tifffile.
"""

import io
import math
import os
import struct
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bench.base.errors import BenchError
from bench.data.formats import tiff_tags
from bench.data.formats.strips import (
    BITS,
    COMPRESSION,
    ENTRY,
    GEO_ASCII,
    GEO_KEYS,
    HEIGHT,
    IFD_START,
    NODATA,
    PHOTOMETRIC,
    PIXEL_SCALE,
    PLANAR,
    ROWS_PER_STRIP,
    SAMPLE_FORMAT,
    SAMPLES,
    SAMPLES_PER_PIXEL,
    STRIP_COUNTS,
    STRIP_OFFSETS,
    TIEPOINT,
    WIDTH,
    Layout,
    examine,
)
from bench.data.formats.tiff_codecs import damaged, decoding, deflated
from bench.data.formats.tiff_tags import Said

_HEADER_BYTES = 1 << 16
_LARGEST = 1 << 26
_STRIP_BYTES = 8192

_Tag = tuple[int, str, tuple[Any, ...] | bytes]
"""Code, type as in `struct`, and values."""

_KINDS: dict[str, int] = {"u": 1, "i": 2, "f": 3}

# Files of one layout have equal directories (what differs, such as the tie point, lies outside),
# so a directory is examined once and then only recognised.
_known: dict[bytes, Layout] = {}
_KNOWN_AT_MOST = 256


def read(
    path: str | os.PathLike[str],
    shape: tuple[int, int] | None = None,
    dtype: DTypeLike | None = None,
    *,
    within: int = 0,
    pixel: float | None = None,
    nodata: Collection[float] = (),
) -> NDArray[Any]:
    """The pixels of a single-band TIFF.

    What the file says of its values and place is followed or refused, see `tiff_tags.said`.

    Args:
        path: the file. No more of it is read than ``shape`` and ``dtype`` justify (64 MiB where
            they are not given).
        shape: the height and width that are expected, in pixels; None accepts any.
        dtype: the type that is expected; None accepts any.
        within: by how many pixels height and width may each differ from ``shape``.
        pixel: the size of a pixel that is expected, in metres; None accepts any.
        nodata: values for no data that the caller treats itself. Pixels of any other value that
            the file says stands for no data are refused.

    Returns:
        Read-only [height, width] in the type of the file; a view of the bytes that were read
        where the file is uncompressed.

    Raises:
        FileNotFoundError: there is no such file.
        BenchError: the file is truncated, not a TIFF, or of another shape or type; or it says of
            itself what isn't followed here.
    """
    expected = None if dtype is None else np.dtype(dtype)
    if shape is None or expected is None:
        limit = _LARGEST
    else:
        limit = (shape[0] + within) * (shape[1] + within) * expected.itemsize + _HEADER_BYTES
    data = _content(path, limit)
    ifd = data[: IFD_START + 2 + 12 * int.from_bytes(data[8:10], "little") + 4]
    layout = _known.get(ifd)
    if layout is None or not layout.describes(data):
        layout = examine(os.fspath(path), data)
        if layout is not None:
            if len(_known) >= _KNOWN_AT_MOST:
                _known.clear()
            _known[ifd] = layout
    if layout is None:
        pixels, tags = _decode(path, data, shape, expected, within)
    elif len(data) < layout.end:
        raise damaged(path, f"expected at least {layout.end} bytes, found {len(data)}")
    else:
        _compare(path, layout.shape, layout.dtype, shape, expected, within)
        pixels, tags = np.ndarray(layout.shape, layout.dtype, data, layout.start), layout.said
    if pixel is not None and tags.pixel != pixel:
        tiff_tags.require_size(os.fspath(path), tags, pixel)
    if tags.nodata and tags.nodata[0] not in nodata:
        tiff_tags.require_data(os.fspath(path), pixels, tags.nodata)
    return pixels


def _content(path: str | os.PathLike[str], limit: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            data = os.pread(descriptor, limit + 1, 0)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BenchError(
            f"could not read {os.fspath(path)}: {error.strerror}",
            "check that it is a file, that you may read it and that the disk is healthy",
        ) from error
    if len(data) > limit:
        raise damaged(path, f"expected at most {limit} bytes, found more")
    return data


def _compare(
    path: str | os.PathLike[str],
    found_shape: tuple[int, ...],
    found_dtype: np.dtype[Any],
    shape: tuple[int, int] | None,
    dtype: np.dtype[Any] | None,
    within: int = 0,
) -> None:
    fits = shape is None or shape == found_shape
    if within and shape is not None and not fits:
        fits = max(abs(a - b) for a, b in zip(shape, found_shape, strict=True)) <= within
    if fits and (dtype is None or dtype == found_dtype):
        return
    size = "x".join(map(str, found_shape))
    wanted = ("x".join(map(str, shape)) + " " if shape else "") + "pixels"
    wanted += f" of {dtype}" if dtype else ""
    raise damaged(path, f"expected {wanted}, found {size} pixels of {found_dtype}")


def _decode(
    path: str | os.PathLike[str],
    data: bytes,
    shape: tuple[int, int] | None,
    dtype: np.dtype[Any] | None,
    within: int,
) -> tuple[NDArray[Any], Said]:
    import tifffile

    with decoding(path), tifffile.TiffFile(io.BytesIO(data)) as file:
        page: Any = file.pages[0]
        found = tuple(page.shape)
        if len(found) != 2 or math.prod(found) * page.dtype.itemsize > _LARGEST:
            raise damaged(path, f"expected one band of modest size, found shape {found}")
        _compare(path, found, page.dtype, shape, dtype, within)
        tags = tiff_tags.said_by(os.fspath(path), file)
        pixels: NDArray[Any] = page.asarray()
        pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    pixels.flags.writeable = False
    return pixels, tags


def write(
    path: str | os.PathLike[str],
    array: NDArray[Any],
    *,
    epsg: int,
    origin: tuple[float, float],
    pixel: float,
    nodata: int | None = None,
    compress: bool = False,
) -> None:
    """Write a single-band GeoTIFF in the layout of the releases, as GDAL does.

    Not atomic: for trees of many files, which appear by renaming their folder.

    Args:
        path: the file; its folder exists.
        array: [height, width], 8 to 64 bit integers or floats.
        epsg: the code of a WGS 84 / UTM zone (32601-32660 north, 32701-32760 south).
        origin: easting and northing of the outer corner of the upper left pixel, in metres.
        pixel: the size of a pixel, in metres.
        nodata: the value that stands for no data.
        compress: DEFLATE with horizontal differencing instead of plain strips; for integers.

    Raises:
        ValueError: the array or the coordinate system is none of those.
    """
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"a GeoTIFF of one band holds [height, width], not {array.shape}")
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    if compress:
        _write_compressed(path, little, _geo_tags(epsg, pixel, nodata, origin))
        return
    height, width = little.shape
    header, tiepoint = _header((height, width), little.dtype, epsg, pixel, nodata)
    content = bytearray(header)
    struct.pack_into("<2d", content, tiepoint + 24, *origin)
    content += little.data.cast("B")
    with Path(path).open("wb", buffering=0) as stream:
        stream.write(content)


@lru_cache(maxsize=64)
def _header(
    shape: tuple[int, int], dtype: np.dtype[Any], epsg: int, pixel: float, nodata: int | None
) -> tuple[bytes, int]:
    """What precedes the pixels, and where in it the tie point is."""
    height, width = shape
    if (dtype.itemsize * 8, _KINDS.get(dtype.kind, 0)) not in SAMPLES:
        raise ValueError(f"GeoTIFFs of {dtype} are not written here")
    row = width * dtype.itemsize
    rows = min(height, max(1, _STRIP_BYTES // row))
    counts = [min(rows, height - top) * row for top in range(0, height, rows)]
    # GDAL 3 keeps the sizes of many strips short; the Sentinel-1 files come from an older GDAL,
    # which did not and which set no value for missing data.
    short = nodata is not None and len(counts) > 1 and max(counts) < 1 << 16
    geo = {code: (kind, values) for code, kind, values in _geo_tags(epsg, pixel, nodata)}
    tags: dict[int, tuple[str, tuple[Any, ...] | bytes]] = {
        STRIP_COUNTS: ("H" if short else "I", tuple(counts)),
        STRIP_OFFSETS: ("I", tuple(0 for _ in counts)),
        WIDTH: ("H", (width,)),
        HEIGHT: ("H", (height,)),
        BITS: ("H", (dtype.itemsize * 8,)),
        COMPRESSION: ("H", (1,)),
        PHOTOMETRIC: ("H", (1,)),
        SAMPLES_PER_PIXEL: ("H", (1,)),
        ROWS_PER_STRIP: ("H", (rows,)),
        PLANAR: ("H", (1,)),
        SAMPLE_FORMAT: ("H", (_KINDS[dtype.kind],)),
        **geo,
    }
    packed = {
        code: values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{kind}", *values)
        for code, (kind, values) in tags.items()
    }
    place = IFD_START + 2 + 12 * len(tags) + 4
    places = {}
    for code, content in packed.items():
        if len(content) > 4:
            places[code] = place
            place += len(content) + len(content) % 2
    starts = [place + sum(counts[:index]) for index in range(len(counts))]
    packed[STRIP_OFFSETS] = struct.pack(f"<{len(starts)}I", *starts)
    header = bytearray(place)
    struct.pack_into("<2sHIH", header, 0, b"II", 42, IFD_START, len(tags))
    for index, code in enumerate(sorted(tags)):
        kind, content = tags[code][0], packed[code]
        length = len(content) // struct.calcsize(f"<{kind}")
        inline = content if len(content) <= 4 else struct.pack("<I", places[code])
        number = {"H": 3, "I": 4, "d": 12, "s": 2}[kind]
        ENTRY.pack_into(header, IFD_START + 2 + 12 * index, code, number, length, inline)
        if len(content) > 4:
            header[places[code] : places[code] + len(content)] = content
    return bytes(header), places[TIEPOINT]


def _geo_tags(
    epsg: int, pixel: float, nodata: int | None, origin: tuple[float, float] = (0.0, 0.0)
) -> list[_Tag]:
    hemisphere, zone = divmod(epsg - 32600, 100)
    if hemisphere not in (0, 1) or not 1 <= zone <= 60:
        raise ValueError(f"EPSG:{epsg} is not a WGS 84 / UTM zone")
    projection = f"WGS 84 / UTM zone {zone}{'NS'[hemisphere]}|"
    datum = "WGS 84|"
    keys = [
        (1024, 0, 1, 1),
        (1025, 0, 1, 1),
        (1026, GEO_ASCII, len(projection), 0),
        (2049, GEO_ASCII, len(datum), len(projection)),
        (2054, 0, 1, 9102),
        (3072, 0, 1, epsg),
        (3076, 0, 1, 9001),
    ]
    tags: list[_Tag] = [
        (PIXEL_SCALE, "d", (float(pixel), float(pixel), 0.0)),
        (TIEPOINT, "d", (0.0, 0.0, 0.0, *map(float, origin), 0.0)),
        (GEO_KEYS, "H", (1, 1, 0, len(keys), *(value for key in keys for value in key))),
        (GEO_ASCII, "s", f"{projection}{datum}\0".encode("ascii")),
    ]
    if nodata is not None:
        tags.append((NODATA, "s", f"{nodata}\0".encode("ascii")))
    return tags


def _write_compressed(path: str | os.PathLike[str], array: NDArray[Any], geo: list[_Tag]) -> None:
    import tifffile

    extra = []
    for code, kind, values in geo:
        length = len(values) if kind != "s" else 0
        content = values.rstrip(b"\0").decode("ascii") if isinstance(values, bytes) else values
        extra.append((code, kind, length, content, True))
    rows = max(1, _STRIP_BYTES // (array.shape[1] * array.itemsize))
    tifffile.imwrite(
        os.fspath(path),
        deflated(array, rows, differenced=True),
        shape=array.shape,
        dtype=array.dtype,
        byteorder="<",
        compression="zlib",
        predictor=2,
        rowsperstrip=rows,
        photometric="minisblack",
        metadata=None,
        software=False,
        extratags=extra,
    )
