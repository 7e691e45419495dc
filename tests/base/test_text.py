"""Text from outside."""

import codecs
from pathlib import Path

import pytest

from bench.base import text
from bench.base.errors import BenchError, RequestError

WORDS = "a Brücke .\nzwei\n"


@pytest.mark.parametrize(
    "content",
    [
        WORDS.encode(),
        codecs.BOM_UTF8 + WORDS.encode(),
        codecs.BOM_UTF16_LE + WORDS.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + WORDS.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + WORDS.encode("utf-32-le"),
        WORDS.replace("\n", "\r\n").encode(),
        WORDS.replace("\n", "\r").encode(),
        codecs.BOM_UTF16_LE + WORDS.replace("\n", "\r\n").encode("utf-16-le"),
    ],
)
def test_marks_and_line_ends_make_no_difference(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    assert text.read(tmp_path / "x") == WORDS


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"ab\xffc", "UTF-8, found byte 0xff at 2"),
        (codecs.BOM_UTF8 + b"ab\xff", "UTF-8, found byte 0xff at 5"),
        (WORDS.encode("latin-1"), "UTF-8, found byte 0xfc at 4"),
        (codecs.BOM_UTF16_LE + b"a", "UTF-16, found byte 0x61 at 2"),
        ("ab".encode("utf-16-le"), "found a zero at byte 1"),
        (codecs.BOM_UTF8 + b"abc\0", "found a zero at byte 6"),
    ],
)
def test_another_encoding_is_named_with_file_and_byte(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(BenchError, match=said) as caught:
        text.read(tmp_path / "x.txt")
    assert "x.txt" in caught.value.message
    assert "UTF-8" in caught.value.hint


def test_size_and_absence_are_said_as_the_caller_wants(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert text.read(tmp_path / "x", 5) == "12345"
    with pytest.raises(BenchError, match="at most 4 bytes"):
        text.read(tmp_path / "x", 4)
    with pytest.raises(RequestError, match=r"could not read .*y: No such file") as caught:
        text.read(tmp_path / "y", error=RequestError, hint="write one")
    assert caught.value.hint == "write one"


def test_only_line_feeds_end_lines() -> None:
    assert text.lines("a\u2028b\x0c\nc\n") == ["a\u2028b\x0c", "c"]
    assert text.lines("a\n\n") == ["a", ""]
    assert text.lines("") == []
