"""Single-band GeoTIFFs as GDAL writes them: read directly where that is safe, written in kind.

The releases of BigEarthNet hold millions of tiny files of one layout: little-endian, uncompressed,
in strips that follow each other. For those a file is one read and one view; every other valid TIFF
goes through tifffile.
"""

import io
import math
import os
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bench.errors import BenchError

_HEADER_BYTES = 1 << 16
_LARGEST = 1 << 26
_STRIP_BYTES = 8192
_TAGS_AT_MOST = 64

_IFD_START = 8
_ENTRY = struct.Struct("<HHI4s")
_INTEGERS = {3: "<u2", 4: "<u4"}
_SAMPLES: dict[tuple[int, int], np.dtype[Any]] = {
    (8, 1): np.dtype("u1"),
    (8, 2): np.dtype("i1"),
    (16, 1): np.dtype("<u2"),
    (16, 2): np.dtype("<i2"),
    (32, 1): np.dtype("<u4"),
    (32, 2): np.dtype("<i4"),
    (32, 3): np.dtype("<f4"),
    (64, 3): np.dtype("<f8"),
}
_Tag = tuple[int, str, tuple[Any, ...] | bytes]
"""Code, type as in `struct`, and values."""

_KINDS: dict[str, int] = {"u": 1, "i": 2, "f": 3}

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES_PER_PIXEL, _ROWS_PER_STRIP, _STRIP_COUNTS = 273, 277, 278, 279
_PLANAR, _PREDICTOR, _TILE_WIDTH, _SAMPLE_FORMAT = 284, 317, 322, 339
_PIXEL_SCALE, _TIEPOINT, _GEO_KEYS, _GEO_ASCII, _NODATA = 33550, 33922, 34735, 34737, 42113


@dataclass(frozen=True)
class _Layout:
    """Where the pixels of a file are, and the bytes outside the directory that say so."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    start: int
    tables: tuple[tuple[int, bytes], ...]

    @property
    def end(self) -> int:
        return self.start + math.prod(self.shape) * self.dtype.itemsize

    def describes(self, data: bytes) -> bool:
        return all(data.startswith(table, offset) for offset, table in self.tables)


# Files of one layout have equal directories (what differs, such as the tie point, lies outside),
# so a directory is examined once and then only recognised.
_known: dict[bytes, _Layout] = {}
_KNOWN_AT_MOST = 256


def read(
    path: str | os.PathLike[str],
    shape: tuple[int, int] | None = None,
    dtype: DTypeLike | None = None,
) -> NDArray[Any]:
    """The pixels of a single-band TIFF.

    Args:
        path: the file. No more of it is read than ``shape`` and ``dtype`` justify (64 MiB where
            they are not given).
        shape: the height and width that are expected, in pixels; None accepts any.
        dtype: the type that is expected; None accepts any.

    Returns:
        Read-only [height, width] in the type of the file; a view of the bytes that were read
        where the file is uncompressed.

    Raises:
        FileNotFoundError: there is no such file.
        BenchError: the file is truncated, not a TIFF, or of another shape or type.
    """
    expected = None if dtype is None else np.dtype(dtype)
    if shape is None or expected is None:
        limit = _LARGEST
    else:
        limit = shape[0] * shape[1] * expected.itemsize + _HEADER_BYTES
    data = _content(path, limit)
    ifd = data[: _IFD_START + 2 + 12 * int.from_bytes(data[8:10], "little")]
    layout = _known.get(ifd)
    if layout is None or not layout.describes(data):
        layout = _examine(data)
        if layout is not None:
            if len(_known) >= _KNOWN_AT_MOST:
                _known.clear()
            _known[ifd] = layout
    if layout is None:
        pixels = _decode(path, data, shape, expected)
    elif len(data) < layout.end:
        raise _damaged(path, f"expected at least {layout.end} bytes, found {len(data)}")
    else:
        _compare(path, layout.shape, layout.dtype, shape, expected)
        pixels = np.ndarray(layout.shape, layout.dtype, data, layout.start)
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
        raise _damaged(path, f"expected at most {limit} bytes, found more")
    return data


def _damaged(path: str | os.PathLike[str], finding: str) -> BenchError:
    return BenchError(
        f"{os.fspath(path)} is damaged or foreign: {finding}", "unpack or download it again"
    )


def _compare(
    path: str | os.PathLike[str],
    found_shape: tuple[int, ...],
    found_dtype: np.dtype[Any],
    shape: tuple[int, int] | None,
    dtype: np.dtype[Any] | None,
) -> None:
    if (shape is None or shape == found_shape) and (dtype is None or dtype == found_dtype):
        return
    size = "x".join(map(str, found_shape))
    wanted = ("x".join(map(str, shape)) + " " if shape else "") + "pixels"
    wanted += f" of {dtype}" if dtype else ""
    raise _damaged(path, f"expected {wanted}, found {size} pixels of {found_dtype}")


def _examine(data: bytes) -> _Layout | None:
    """The layout of an uncompressed file with contiguous strips; None for any other file."""
    if data[:8] != b"II*\0\x08\0\0\0" or len(data) < _IFD_START + 2:
        return None
    count = int.from_bytes(data[8:10], "little")
    directory = data[_IFD_START + 2 : _IFD_START + 2 + 12 * count]
    if count > _TAGS_AT_MOST or len(directory) < 12 * count:
        return None
    tags = {entry[0]: entry[1:] for entry in _ENTRY.iter_unpack(directory)}
    tables: list[tuple[int, bytes]] = []

    def values(code: int, default: int | None = None) -> list[int]:
        if code not in tags:
            return [] if default is None else [default]
        kind, length, inline = tags[code]
        if kind not in _INTEGERS:
            return []
        size = length * np.dtype(_INTEGERS[kind]).itemsize
        if size > 4:
            offset = int.from_bytes(inline, "little")
            inline = data[offset : offset + size]
            tables.append((offset, inline))
        if len(inline) < size:
            return []
        return np.frombuffer(inline, _INTEGERS[kind], length).tolist()  # type: ignore[no-any-return]

    match [values(code) for code in (_WIDTH, _HEIGHT, _ROWS_PER_STRIP)]:
        case [[width], [height], [rows]] if min(width, height, rows) > 0:
            pass
        case _:
            return None
    bits, kind = values(_BITS, 1), values(_SAMPLE_FORMAT, 1)
    plain = (
        len(bits) == len(kind) == 1
        and (bits[0], kind[0]) in _SAMPLES
        and values(_COMPRESSION, 1) == values(_SAMPLES_PER_PIXEL, 1) == values(_PREDICTOR, 1) == [1]
        and _TILE_WIDTH not in tags
    )
    if not plain:
        return None
    dtype = _SAMPLES[bits[0], kind[0]]
    offsets, counts = values(_STRIP_OFFSETS), values(_STRIP_COUNTS)
    if not offsets or len(offsets) != len(counts) or len(offsets) != math.ceil(height / rows):
        return None
    position = offsets[0]
    for index, (offset, length) in enumerate(zip(offsets, counts, strict=True)):
        rows_here = min(rows, height - index * rows)
        if offset != position or length != rows_here * width * dtype.itemsize:
            return None
        position += length
    return _Layout((height, width), dtype, offsets[0], tuple(tables))


def _decode(
    path: str | os.PathLike[str],
    data: bytes,
    shape: tuple[int, int] | None,
    dtype: np.dtype[Any] | None,
) -> NDArray[Any]:
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page: Any = file.pages[0]
            found = tuple(page.shape)
            if len(found) != 2 or math.prod(found) * page.dtype.itemsize > _LARGEST:
                raise _damaged(path, f"expected one band of modest size, found shape {found}")
            _compare(path, found, page.dtype, shape, dtype)
            pixels: NDArray[Any] = page.asarray()
    except BenchError:
        raise
    # tifffile raises errors of many types, of its own and of the codecs, on damaged files.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        finding = f"expected a TIFF, found {len(data)} bytes that are none ({reason})"
        raise _damaged(path, finding) from error
    pixels.flags.writeable = False
    return pixels


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
    if (dtype.itemsize * 8, _KINDS.get(dtype.kind, 0)) not in _SAMPLES:
        raise ValueError(f"GeoTIFFs of {dtype} are not written here")
    row = width * dtype.itemsize
    rows = min(height, max(1, _STRIP_BYTES // row))
    counts = [min(rows, height - top) * row for top in range(0, height, rows)]
    # GDAL 3 keeps the sizes of many strips short; the Sentinel-1 files come from an older GDAL,
    # which did not and which set no value for missing data.
    short = nodata is not None and len(counts) > 1 and max(counts) < 1 << 16
    geo = {code: (kind, values) for code, kind, values in _geo_tags(epsg, pixel, nodata)}
    tags: dict[int, tuple[str, tuple[Any, ...] | bytes]] = {
        _STRIP_COUNTS: ("H" if short else "I", tuple(counts)),
        _STRIP_OFFSETS: ("I", tuple(0 for _ in counts)),
        _WIDTH: ("H", (width,)),
        _HEIGHT: ("H", (height,)),
        _BITS: ("H", (dtype.itemsize * 8,)),
        _COMPRESSION: ("H", (1,)),
        _PHOTOMETRIC: ("H", (1,)),
        _SAMPLES_PER_PIXEL: ("H", (1,)),
        _ROWS_PER_STRIP: ("H", (rows,)),
        _PLANAR: ("H", (1,)),
        _SAMPLE_FORMAT: ("H", (_KINDS[dtype.kind],)),
        **geo,
    }
    packed = {
        code: values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{kind}", *values)
        for code, (kind, values) in tags.items()
    }
    place = _IFD_START + 2 + 12 * len(tags) + 4
    places = {}
    for code, content in packed.items():
        if len(content) > 4:
            places[code] = place
            place += len(content) + len(content) % 2
    starts = [place + sum(counts[:index]) for index in range(len(counts))]
    packed[_STRIP_OFFSETS] = struct.pack(f"<{len(starts)}I", *starts)
    header = bytearray(place)
    struct.pack_into("<2sHIH", header, 0, b"II", 42, _IFD_START, len(tags))
    for index, code in enumerate(sorted(tags)):
        kind, content = tags[code][0], packed[code]
        length = len(content) // struct.calcsize(f"<{kind}")
        inline = content if len(content) <= 4 else struct.pack("<I", places[code])
        number = {"H": 3, "I": 4, "d": 12, "s": 2}[kind]
        _ENTRY.pack_into(header, _IFD_START + 2 + 12 * index, code, number, length, inline)
        if len(content) > 4:
            header[places[code] : places[code] + len(content)] = content
    return bytes(header), places[_TIEPOINT]


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
        (1026, _GEO_ASCII, len(projection), 0),
        (2049, _GEO_ASCII, len(datum), len(projection)),
        (2054, 0, 1, 9102),
        (3072, 0, 1, epsg),
        (3076, 0, 1, 9001),
    ]
    tags: list[_Tag] = [
        (_PIXEL_SCALE, "d", (float(pixel), float(pixel), 0.0)),
        (_TIEPOINT, "d", (0.0, 0.0, 0.0, *map(float, origin), 0.0)),
        (_GEO_KEYS, "H", (1, 1, 0, len(keys), *(value for key in keys for value in key))),
        (_GEO_ASCII, "s", f"{projection}{datum}\0".encode("ascii")),
    ]
    if nodata is not None:
        tags.append((_NODATA, "s", f"{nodata}\0".encode("ascii")))
    return tags


def _write_compressed(path: str | os.PathLike[str], array: NDArray[Any], geo: list[_Tag]) -> None:
    import tifffile

    extra = []
    for code, kind, values in geo:
        length = len(values) if kind != "s" else 0
        content = values.rstrip(b"\0").decode("ascii") if isinstance(values, bytes) else values
        extra.append((code, kind, length, content, True))
    tifffile.imwrite(
        os.fspath(path),
        array,
        byteorder="<",
        compression="zlib",
        predictor=2,
        rowsperstrip=max(1, _STRIP_BYTES // (array.shape[1] * array.itemsize)),
        photometric="minisblack",
        metadata=None,
        software=False,
        extratags=extra,
    )
