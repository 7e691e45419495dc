"""The container of a compressed image: a short header, named fields and a payload, checked.

Layout, integers little-endian::

    "RSBC"  version u8  CRC-32 u32 over what follows
    codec   u8 length, ASCII
    shape   channels, height, width: unsigned LEB128
    fields  u8 count; each: u8 length and ASCII name, type u8, value
    payload unsigned LEB128 length, then that many bytes, and nothing behind them

A value is a zigzag LEB128 integer (type ``i``), a binary64 number (``f``), or a LEB128 length with
UTF-8 text (``s``) or bytes (``b``).
"""

import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from bench.base.errors import BenchError

MAX_CHANNELS = 4_096
MAX_SIDE = 16_384
MAX_VALUES = 1 << 31

Field = int | float | str | bytes

_MAGIC = b"RSBC"
_VERSION = 1
_START = len(_MAGIC) + 1 + 4
_NAME_LENGTH = 64
_VARINT_BYTES = 10


@dataclass(frozen=True)
class Stream:
    """A compressed image, taken apart.

    Attributes:
        shape: channels, height and width of the image.
        fields: side information by name.
        payload: the codec's own bytes.
    """

    shape: tuple[int, int, int]
    fields: Mapping[str, Field]
    payload: bytes

    def integer(self, name: str, low: int, high: int) -> int:
        """An integer field from ``low`` to ``high``, both included.

        Raises:
            BenchError: there is no such field, or it is something else.
        """
        value = self.fields.get(name)
        if not isinstance(value, int) or not low <= value <= high:
            _refuse(f"an integer {name!r} from {low} to {high}", _shown(value))
        return value

    def real(self, name: str, low: float, high: float) -> float:
        """A finite number from ``low`` to ``high``, both included.

        Raises:
            BenchError: there is no such field, or it is something else.
        """
        value = self.fields.get(name)
        if not isinstance(value, float) or not (math.isfinite(value) and low <= value <= high):
            _refuse(f"a number {name!r} from {low:g} to {high:g}", _shown(value))
        return value

    def blob(self, name: str) -> bytes:
        """A field of bytes.

        Raises:
            BenchError: there is no such field, or it is something else.
        """
        value = self.fields.get(name)
        if not isinstance(value, bytes):
            _refuse(f"bytes {name!r}", _shown(value))
        return value


def pack(
    codec: str, shape: tuple[int, int, int], fields: Mapping[str, Field], payload: bytes
) -> bytes:
    """A complete stream.

    Args:
        codec: who can read it; 1 to 64 printable ASCII characters.
        shape: channels, height and width of the image.
        fields: at most 255, names as ``codec``; integers of 64 bits, numbers, text or bytes.
        payload: the codec's own bytes.

    Raises:
        ValueError: a name, a shape or an integer is out of bounds.
    """
    if not _possible(shape):
        raise ValueError(f"no stream holds an image of shape {shape}")
    if len(fields) > 255:
        raise ValueError(f"a stream holds at most 255 fields, not {len(fields)}")
    body = bytearray(_name(codec))
    for size in shape:
        body += _varint(size)
    body.append(len(fields))
    for name, value in fields.items():
        body += _name(name) + _value(value)
    body += _varint(len(payload)) + payload
    return _MAGIC + struct.pack("<BI", _VERSION, zlib.crc32(body)) + bytes(body)


def unpack(stream: bytes, codec: str) -> Stream:
    """Take a stream of ``codec`` apart; whatever the bytes say, nothing beyond them is allocated.

    Raises:
        BenchError: the stream is damaged, cut short, of another codec or version, or claims an
            image that no stream holds.
    """
    if stream[: len(_MAGIC)] != _MAGIC:
        _refuse(f"a compressed stream that starts with {_MAGIC!r}", repr(bytes(stream[:4])))
    if len(stream) < _START:
        _refuse("a complete header", f"{len(stream)} bytes")
    version, checksum = struct.unpack_from("<BI", stream, len(_MAGIC))
    if version != _VERSION:
        _refuse(f"stream version {_VERSION}", f"version {version}")
    body = memoryview(stream)[_START:]
    if zlib.crc32(body) != checksum:
        _refuse("bytes with the checksum in the header", "others: damaged or cut short")
    read = _Reader(body)
    found = read.name()
    if found != codec:
        _refuse(f"a stream of codec {codec!r}", f"one of {found!r}")
    shape = (read.varint(), read.varint(), read.varint())
    if not _possible(shape):
        _refuse(
            f"at most {MAX_CHANNELS} channels, sides of {MAX_SIDE} and {MAX_VALUES} values",
            f"shape {shape}",
        )
    fields: dict[str, Field] = {}
    for _ in range(read.take(1)[0]):
        name = read.name()
        if name in fields:
            _refuse("every field once", f"{name!r} again")
        fields[name] = read.value()
    payload = bytes(read.take(read.varint()))
    if read.left():
        _refuse("a stream that ends with its payload", f"{read.left()} more bytes")
    return Stream(shape, fields, payload)


def join(parts: Sequence[bytes]) -> bytes:
    """Several payloads as one, the length of each before it."""
    return b"".join(_varint(len(part)) + part for part in parts)


def split(payload: bytes, count: int) -> list[bytes]:
    """What `join` joined.

    Raises:
        BenchError: the payload isn't of ``count`` parts.
    """
    read = _Reader(memoryview(payload))
    parts = [bytes(read.take(read.varint())) for _ in range(count)]
    if read.left():
        _refuse(f"a payload of {count} parts", f"{read.left()} more bytes")
    return parts


class _Reader:
    """Takes values from the front of a buffer; never more than there is."""

    def __init__(self, buffer: memoryview) -> None:
        self._buffer = buffer
        self._at = 0

    def left(self) -> int:
        return len(self._buffer) - self._at

    def take(self, size: int) -> memoryview:
        if size > self.left():
            _refuse(f"{size} more bytes in the stream", f"{self.left()}")
        self._at += size
        return self._buffer[self._at - size : self._at]

    def varint(self) -> int:
        value = 0
        for place in range(_VARINT_BYTES):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << 7 * place
            if not byte & 0x80:
                return value
        _refuse(f"an integer of at most {_VARINT_BYTES} bytes", "a longer one")

    def name(self) -> str:
        raw = bytes(self.take(self.take(1)[0]))
        if not _is_name(raw):
            _refuse(f"a name of 1 to {_NAME_LENGTH} ASCII characters", repr(raw[:_NAME_LENGTH]))
        return raw.decode("ascii")

    def value(self) -> Field:
        kind = bytes(self.take(1))
        if kind == b"i":
            value = self.varint()
            return value >> 1 if not value & 1 else -(value + 1 >> 1)
        if kind == b"f":
            number: float = struct.unpack("<d", self.take(8))[0]
            return number
        if kind == b"b":
            return bytes(self.take(self.varint()))
        if kind == b"s":
            raw = bytes(self.take(self.varint()))
            try:
                return raw.decode("utf-8")
            except UnicodeDecodeError:
                _refuse("a text field in UTF-8", repr(raw[:16]))
        _refuse("a field of type i, f, s or b", f"type {kind!r}")


def _possible(shape: tuple[int, int, int]) -> bool:
    channels, height, width = shape
    return (
        1 <= channels <= MAX_CHANNELS
        and 1 <= height <= MAX_SIDE
        and 1 <= width <= MAX_SIDE
        and channels * height * width <= MAX_VALUES
    )


def _is_name(raw: bytes) -> bool:
    return 1 <= len(raw) <= _NAME_LENGTH and raw.isascii() and raw.decode("ascii").isprintable()


def _name(name: str) -> bytes:
    raw = name.encode("utf-8")
    if not _is_name(raw):
        raise ValueError(f"{name!r} is no name of 1 to {_NAME_LENGTH} ASCII characters")
    return bytes([len(raw)]) + raw


def _value(value: Field) -> bytes:
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise ValueError(f"{value} needs more than 64 bits")
        return b"i" + _varint(2 * value if value >= 0 else -2 * value - 1)
    if isinstance(value, float):
        return b"f" + struct.pack("<d", value)
    if isinstance(value, str):
        raw = value.encode("utf-8")
        return b"s" + _varint(len(raw)) + raw
    return b"b" + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _shown(value: Field | None) -> str:
    if value is None:
        return "none"
    return f"{len(value)} bytes" if isinstance(value, bytes) else repr(value)[:80]


def _refuse(expected: str, found: str) -> NoReturn:
    raise BenchError(f"expected {expected}, found {found}", "compress the image again")
