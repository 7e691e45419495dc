"""The layout of the TIFFs that GDAL writes by default, told by their directory without a library.

Little-endian, one band, uncompressed, in strips that follow each other.
"""

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.formats.tiff_tags import CODES, Said, said

_TAGS_AT_MOST = 64
_PROJECTED = (3072).to_bytes(2, "little")

IFD_START = 8
ENTRY = struct.Struct("<HHI4s")
INTEGERS = {3: "<u2", 4: "<u4"}
TYPES = {2: "S1", **INTEGERS, 12: "<f8"}
SAMPLES: dict[tuple[int, int], np.dtype[Any]] = {
    (8, 1): np.dtype("u1"),
    (8, 2): np.dtype("i1"),
    (16, 1): np.dtype("<u2"),
    (16, 2): np.dtype("<i2"),
    (32, 1): np.dtype("<u4"),
    (32, 2): np.dtype("<i4"),
    (32, 3): np.dtype("<f4"),
    (64, 3): np.dtype("<f8"),
}

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIP_OFFSETS, SAMPLES_PER_PIXEL, ROWS_PER_STRIP, STRIP_COUNTS = 273, 277, 278, 279
PLANAR, PREDICTOR, TILE_WIDTH, SAMPLE_FORMAT = 284, 317, 322, 339
PIXEL_SCALE, TIEPOINT, GEO_KEYS, GEO_ASCII, NODATA = 33550, 33922, 34735, 34737, 42113

# What is said in other tags is left to tifffile.
_READ_HERE = {PHOTOMETRIC, SAMPLES_PER_PIXEL, PIXEL_SCALE, GEO_KEYS, NODATA, TIEPOINT}
_LEFT = {*CODES} - _READ_HERE


@dataclass(frozen=True)
class Layout:
    """Where the pixels of a file are, and the bytes outside the directory that say so.

    What its tags say is that of the file it was examined of, but for the place and its zone.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    start: int
    said: Said
    tables: tuple[tuple[int, bytes], ...]

    @property
    def end(self) -> int:
        """Where the pixels end."""
        return self.start + math.prod(self.shape) * self.dtype.itemsize

    def describes(self, data: bytes) -> bool:
        """Whether a file with the same directory is laid out so."""
        # Once for every file that is read: without a generator.
        for offset, table in self.tables:  # noqa: SIM110
            if not data.startswith(table, offset):
                return False
        return True


def examine(path: str, data: bytes) -> Layout | None:
    """The layout of an uncompressed file with contiguous strips; None for any other file.

    Args:
        path: of the file, for the errors.
        data: its content, or the beginning of it.

    Raises:
        BenchError: it says of itself what isn't followed here; see `tiff_tags.said`.
    """
    if data[:8] != b"II*\0\x08\0\0\0" or len(data) < IFD_START + 2:
        return None
    count = int.from_bytes(data[8:10], "little")
    directory = data[IFD_START + 2 : IFD_START + 2 + 12 * count]
    following = data[IFD_START + 2 + 12 * count :][:4]
    if count > _TAGS_AT_MOST or len(directory) < 12 * count or following != bytes(4):
        return None
    tags = {entry[0]: entry[1:] for entry in ENTRY.iter_unpack(directory)}
    tables: list[tuple[int, bytes]] = []

    def values(code: int, default: int | None = None) -> list[int]:
        if code not in tags:
            return [] if default is None else [default]
        kind = tags[code][0]
        return content(code, tables).tolist() if kind in INTEGERS else []

    def content(code: int, seen: list[tuple[int, bytes]]) -> NDArray[Any]:
        kind, length, inline = tags[code]
        form = np.dtype(TYPES.get(kind, "V0"))
        size = length * form.itemsize
        if size > 4:
            offset = int.from_bytes(inline, "little")
            inline = data[offset : offset + size]
            seen.append((offset, inline))
        return np.frombuffer(inline, form, length) if 0 < size <= len(inline) else np.empty(0)

    match [values(code) for code in (WIDTH, HEIGHT, ROWS_PER_STRIP)]:
        case [[width], [height], [rows]] if min(width, height, rows) > 0:
            pass
        case _:
            return None
    bits, kind = values(BITS, 1), values(SAMPLE_FORMAT, 1)
    plain = (
        len(bits) == len(kind) == 1
        and (bits[0], kind[0]) in SAMPLES
        and values(COMPRESSION, 1) == values(SAMPLES_PER_PIXEL, 1) == values(PREDICTOR, 1) == [1]
        and TILE_WIDTH not in tags
        and not _LEFT & tags.keys()
    )
    if not plain:
        return None
    # Place and zone differ from file to file: they are read, but not recognised by.
    keys: list[tuple[int, bytes]] = []
    seen = {TIEPOINT: [], GEO_KEYS: keys}
    contents = {code: content(code, seen.get(code, tables)) for code in _READ_HERE & tags.keys()}
    for offset, table in keys:
        zone = next(
            (at for at in range(8, len(table), 8) if table[at : at + 2] == _PROJECTED), None
        )
        if zone is None:
            tables.append((offset, table))
        else:
            tables += [(offset, table[: zone + 6]), (offset + zone + 8, table[zone + 8 :])]
    of_file = said(path, {code: _value(values) for code, values in contents.items()})
    dtype = SAMPLES[bits[0], kind[0]]
    offsets, counts = values(STRIP_OFFSETS), values(STRIP_COUNTS)
    if not offsets or len(offsets) != len(counts) or len(offsets) != math.ceil(height / rows):
        return None
    position = offsets[0]
    for index, (offset, length) in enumerate(zip(offsets, counts, strict=True)):
        rows_here = min(rows, height - index * rows)
        if offset != position or length != rows_here * width * dtype.itemsize:
            return None
        position += length
    return Layout((height, width), dtype, offsets[0], of_file, tuple(tables))


def _value(content: NDArray[Any]) -> Any:
    """The content of a tag as tifffile gives it: a text, a number or several."""
    if content.dtype.kind == "S":
        return content.tobytes()
    return content.item() if content.size == 1 else tuple(content.tolist())
