"""JSON from strangers."""

from pathlib import Path

import pytest

from bench.base.errors import BenchError
from bench.data.formats import json_text


def test_with_and_without_byte_order_mark(tmp_path: Path) -> None:
    for content in (b'{"a": [1]}', b'\xef\xbb\xbf{"a": [1]}'):
        (tmp_path / "x.json").write_bytes(content)
        assert json_text.load(tmp_path / "x.json") == {"a": [1]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": "\xff"}', "UTF-8, found byte 0xff at 7"),
        (b'{"a": ', "JSON"),
        (b"", "JSON"),
        (b"[" * 200_000, "levels"),
        (b'{"a":' * 200_000, "levels"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"1" * 10_000, "JSON"),
    ],
)
def test_what_is_not_json_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(BenchError, match=said) as caught:
        json_text.load(tmp_path / "x.json")
    assert "x.json" in caught.value.message
    assert "\n" not in caught.value.message


def test_size_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"[1,2,3,4]")
    assert json_text.load(tmp_path / "x.json", limit=9) == [1, 2, 3, 4]
    with pytest.raises(BenchError, match="at most 8 bytes"):
        json_text.load(tmp_path / "x.json", limit=8)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"x\.json"):
        json_text.load(tmp_path / "x.json")
