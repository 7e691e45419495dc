"""TOML of strangers: what it may cost is bounded before it is parsed.

``tomllib`` takes time that grows with the square of the parts of a dotted key, and memory with the
tables that keys make. Both are bounded by what stands in a text wherever it stands, in a string or
a comment as well: a count that took strings apart would be a second parser, and two parsers can be
made to disagree. What was parsed is then looked at without recursion.
"""

import tomllib
from pathlib import Path
from typing import Any

from bench.base import text as texts
from bench.base.errors import RequestError

MAX_BYTES = 256 << 10
"""Largest file, in bytes: four times what 300 rounds of a federation take."""

MAX_PARTS = 16
"""The most parts of a dotted key."""

MAX_DEPTH = 32
"""The most arrays and tables within each other."""

MAX_KEY = 256
"""The most characters of a key: a validator repeats it for every fault that it finds below."""

_INT64 = range(-(1 << 63), 1 << 63)
_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def read(path: Path, limit: int = MAX_BYTES) -> dict[str, Any]:
    """The content of a TOML file.

    Args:
        path: the file.
        limit: its largest size in bytes.

    Raises:
        RequestError: it can't be read, is larger, no text, or not as `parse` takes it.
    """
    if not path.is_file():
        raise RequestError(f"{path} is missing, or no plain file", "put the TOML file there")
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise RequestError(f"{path} can't be read: {error.strerror}") from error
    if len(content) > limit:
        raise RequestError(f"{path} is larger than {limit:,} bytes", "is it the right file?")
    return parse(texts.decode(content, str(path), error=RequestError), str(path))


def parse(text: str, name: str) -> dict[str, Any]:
    """The content of a TOML text of bounded size.

    Args:
        text: at most a few hundred kB.
        name: of its file, for the error.

    Raises:
        RequestError: it is not TOML, holds a key of more than `MAX_PARTS` parts or anything that
            looks like one, a key of more than `MAX_KEY` characters or an integer of more than 64
            bits, or is nested deeper than `MAX_DEPTH`.
    """
    if most_parts(text) > MAX_PARTS:
        raise RequestError(
            f"{name} holds a dotted name of more than {MAX_PARTS} parts",
            "write it flat: no declaration needs more",
        )
    try:
        found = tomllib.loads(text)
    except RecursionError as error:
        raise _deep(name) from error
    except ValueError as error:
        raise RequestError(f"{name} is not TOML: {error}", "mend that line") from error
    _check_values(name, found)
    return found


def most_parts(text: str) -> int:
    """At least the parts of the longest dotted key that any parser finds in a TOML text.

    A key stands on one line. From every place of a line is counted what a key would have that
    begins there, so that it doesn't matter what a parser takes the place for; names that only look
    like keys count as well. Takes time in proportion to the length.
    """
    lines = (line for line in text.split("\n") if line.count(".") >= MAX_PARTS)
    return max(map(_longest_key, lines), default=0)


def _longest_key(line: str) -> int:
    """The parts of the longest key that could begin anywhere in a line, found from its end."""
    size = len(line)
    # By place: parts of a key that begins there; the next place that is no blank; the quotation
    # mark that ends a text there, of either form.
    parts = [0] * (size + 1)
    solid = [size] * (size + 1)
    basic = [size] * (size + 2)
    literal = size
    most = 0
    for place in range(size - 1, -1, -1):
        sign = line[place]
        solid[place] = solid[place + 1] if sign in " \t" else place
        end = None
        if sign in _BARE:
            if line[place + 1 : place + 2] in _BARE:
                parts[place] = parts[place + 1]
            else:
                end = place + 1
        elif sign == '"':
            end = basic[place + 1] + 1
        elif sign == "'":
            end = literal + 1
            literal = place
        basic[place] = place if sign == '"' else basic[place + (2 if sign == "\\" else 1)]
        if end is not None and end <= size:
            dot = solid[end]
            further = parts[solid[dot + 1]] if line[dot : dot + 1] == "." else 0
            parts[place] = 1 + further
        most = max(most, parts[place])
    return most


def _check_values(name: str, found: dict[str, Any]) -> None:
    """Look at every value once, however deep it lies."""
    level: list[Any] = [found]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                if any(len(key) > MAX_KEY for key in value):
                    raise RequestError(
                        f"{name} holds a key of more than {MAX_KEY} characters", "shorten it"
                    )
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, int) and value not in _INT64:
                raise RequestError(
                    f"{name} holds an integer of {value.bit_length()} bits, expected 64",
                    "write a smaller one, or a text",
                )
        level = below
        if not level:
            return
    raise _deep(name)


def _deep(name: str) -> RequestError:
    return RequestError(
        f"{name} is nested more than {MAX_DEPTH} deep", "write it flat: no declaration needs more"
    )
