"""The container of compressed images."""

import struct
import tracemalloc
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baselines.codecs import stream as streams
from baselines.codecs.stream import Stream, join, pack, split, unpack
from bench.base.errors import BenchError

SHAPE = (202, 128, 127)
FIELDS = {"step": 1.5e-3, "k": 7, "low": -(1 << 63), "note": "é", "means": b"\0\xff"}
GOOD = pack("klt", SHAPE, FIELDS, b"payload")

names = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)
values = (
    st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
)


def _with_checksum(body: bytes) -> bytes:
    return b"RSBC" + struct.pack("<BI", 1, zlib.crc32(body)) + body


def test_round_trip() -> None:
    assert unpack(GOOD, "klt") == Stream(SHAPE, FIELDS, b"payload")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(names, st.dictionaries(names, values, max_size=8), st.binary(max_size=100))
def test_anything_packed_comes_back(codec: str, fields: dict, payload: bytes) -> None:
    assert unpack(pack(codec, (3, 5, 1), fields, payload), codec) == Stream(
        (3, 5, 1), fields, payload
    )


def test_a_header_of_a_few_fields_is_small() -> None:
    assert len(pack("klt-jpeg2000", SHAPE, {"step": 0.5, "k": 20}, b"")) < 48


@pytest.mark.parametrize("size", range(len(GOOD)))
def test_a_stream_cut_short_is_refused(size: int) -> None:
    with pytest.raises(BenchError, match="expected"):
        unpack(GOOD[:size], "klt")


@given(st.integers(0, 8 * len(GOOD) - 1))
def test_a_flipped_bit_is_refused(bit: int) -> None:
    damaged = bytearray(GOOD)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BenchError, match="expected") as caught:
        unpack(bytes(damaged), "klt")
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200), st.booleans())
def test_random_bytes_are_refused(body: bytes, long_enough: bool) -> None:
    # With the right start and checksum, so that everything behind them is parsed.
    with pytest.raises(BenchError, match="expected"):
        unpack(_with_checksum(body), "no name of random bytes")


@given(st.data())
def test_changed_bytes_with_a_right_checksum_parse_or_are_refused(data: st.DataObject) -> None:
    body = bytearray(GOOD[9:])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = unpack(_with_checksum(bytes(body)), "klt")
    except BenchError:
        return
    assert len(found.payload) <= len(body)
    streams.pack("klt", found.shape, {}, b"")


def test_another_codec_and_another_version_are_named() -> None:
    with pytest.raises(BenchError, match="'jpegxl', found one of 'klt'"):
        unpack(GOOD, "jpegxl")
    with pytest.raises(BenchError, match="version 1, found version 2"):
        unpack(GOOD[:4] + b"\2" + GOOD[5:], "klt")


@pytest.mark.parametrize(
    "sizes",
    [
        b"\0\1\1",
        b"\1\0\1",
        b"\x81\x20\1\1",  # 4,097 channels
        b"\1\x81\x80\1\1",  # 16,385 rows
        b"\1\1\x81\x80\1",
        b"\x80\x20\x80\x80\1\x80\x80\1",  # 2^40 values
        b"\xff" * 9 + b"\1" + b"\1\1",
        b"\xff" * 20,
    ],
)
def test_absurd_sizes_are_refused_before_memory_is_taken(sizes: bytes) -> None:
    stream = _with_checksum(b"\3klt" + sizes + b"\0\0")
    tracemalloc.start()
    try:
        with pytest.raises(BenchError, match="expected"):
            unpack(stream, "klt")
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "rest",
    [
        b"\0\5abc",  # a payload longer than what is there
        b"\0\1abc",  # and a shorter one
        b"\1\1kb\xff\xff\xff\xff\7ab\0",  # a field longer than what is there
        b"\2\1ki\0\1ki\0\0",  # a field twice
        b"\1\1kx\0\0",  # no such type
        b"\1\1ks\1\xff\0",  # no UTF-8
        b"\1\0i\0\0",  # no name
        b"\1\2k\xffi\0\0",
    ],
)
def test_malformed_fields_and_payloads_are_refused(rest: bytes) -> None:
    with pytest.raises(BenchError, match="expected"):
        unpack(_with_checksum(b"\3klt\1\1\1" + rest), "klt")


@pytest.mark.parametrize(
    ("codec", "shape", "fields"),
    [
        ("", (1, 1, 1), {}),
        ("é", (1, 1, 1), {}),
        ("a\n", (1, 1, 1), {}),
        ("a" * 65, (1, 1, 1), {}),
        ("a", (0, 1, 1), {}),
        ("a", (1, 16_385, 1), {}),
        ("a", (4_096, 16_384, 16_384), {}),
        ("a", (1, 1, 1), {"k": 1 << 63}),
        ("a", (1, 1, 1), {str(i): i for i in range(256)}),
    ],
)
def test_what_no_reader_would_take_is_not_packed(codec: str, shape: tuple, fields: dict) -> None:
    with pytest.raises(ValueError):
        pack(codec, shape, fields, b"")


def test_fields_are_asked_for_by_type_and_range() -> None:
    found = unpack(GOOD, "klt")
    assert found.integer("k", 0, 7) == 7
    assert found.real("step", 0, 1) == 1.5e-3
    assert found.blob("means") == b"\0\xff"
    for ask in (
        lambda: found.integer("k", 0, 6),
        lambda: found.integer("step", 0, 6),
        lambda: found.integer("absent", 0, 6),
        lambda: found.real("step", 0, 1e-3),
        lambda: found.real("k", 0, 10),
        lambda: found.blob("note"),
    ):
        with pytest.raises(BenchError, match="expected"):
            ask()
    for number in (float("nan"), float("inf")):
        with pytest.raises(BenchError, match="expected a number"):
            Stream(SHAPE, {"step": number}, b"").real("step", 0, float("inf"))


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_joined_payloads_part_again(parts: list[bytes]) -> None:
    assert split(join(parts), len(parts)) == parts
    with pytest.raises(BenchError):
        split(join(parts), len(parts) + 1)
    if parts:
        with pytest.raises(BenchError):
            split(join(parts), len(parts) - 1)
