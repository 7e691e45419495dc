"""TOML of strangers: bounded in size and nesting before it is parsed.

``tomllib`` takes time and memory that grow with the square of the parts of a dotted key, and as
many stack frames as arrays are nested, so both are counted first.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from bench.errors import RequestError

MAX_DEPTH = 32
"""The most arrays and tables within each other, and parts of a dotted key."""

_INT64 = range(-(1 << 63), 1 << 63)

# Strings and comments, closed or not, so that every character is looked at once.
_OPAQUE = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:"""|\Z|\\\Z)'
    r"|'''(?:[^']|'(?!''))*+(?:'''|\Z)"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|\#[^\n]*+",
    re.DOTALL,
)
_KEY = re.compile(r"[\w-]++(?:[ \t]*+\.[ \t]*+[\w-]++)*+")
_BRACKETS = {"[": 1, "{": 1, "]": -1, "}": -1}


def read(path: Path, limit: int) -> dict[str, Any]:
    """The content of a TOML file.

    Args:
        path: the file.
        limit: its largest size in bytes.

    Raises:
        RequestError: it can't be read, is larger, nested deeper than `MAX_DEPTH`, not TOML, or
            holds an integer of more than 64 bits.
    """
    if not path.is_file():
        raise RequestError(f"{path} is no plain file")
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise RequestError(f"{path} can't be read: {error.strerror}") from error
    if len(content) > limit:
        raise RequestError(f"{path} is larger than {limit} bytes", "is it an entry.toml?")
    try:
        text = content.decode()
        if _is_deep(text):
            raise RequestError(
                f"{path} is nested more than {MAX_DEPTH} deep",
                "write it flat: no declaration needs more",
            )
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{path} is not TOML: {error}") from error
    _check_integers(path, found)
    return found


def _is_deep(text: str) -> bool:
    """Whether brackets, or the parts of a dotted key, in a TOML text go deeper than allowed."""
    bare = _OPAQUE.sub("_", text)
    depth = 0
    for bracket in re.finditer(r"[\[\]{}]", bare):
        depth += _BRACKETS[bracket[0]]
        if depth > MAX_DEPTH:
            return True
    return any(key[0].count(".") >= MAX_DEPTH for key in _KEY.finditer(bare))


def _check_integers(path: Path, value: Any) -> None:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _check_integers(path, part)
    elif isinstance(value, int) and value not in _INT64:
        raise RequestError(f"{path} holds an integer of {value.bit_length()} bits, expected 64")
