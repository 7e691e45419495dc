"""JSON of strangers: bounded in size and nesting, no name twice, no NaN."""

import json
from pathlib import Path
from typing import Any, NoReturn

from bench.base import text as texts
from bench.base.errors import BenchError

MAX_DEPTH = 64
"""The most arrays and objects within each other."""


def read(path: Path, limit: int, hint: str = "restore the file") -> Any:
    """The value in a JSON file.

    Args:
        path: the file.
        limit: its largest size in bytes. A value takes up to thirty times of it in memory.
        hint: what to do where it can't be read.

    Raises:
        BenchError: it is missing, no plain file, larger, no text, or not as `parse` takes it.
    """
    if not path.is_file():
        raise BenchError(f"{path} is missing, or no plain file", hint)
    return parse(texts.read(path, limit, hint=hint), str(path), hint)


def parse(content: str, name: str, hint: str = "restore the file") -> Any:
    """The value of a JSON text.

    Raises:
        BenchError: it is not JSON, nested deeper than `MAX_DEPTH`, or holds NaN, infinity, a name
            twice in an object, or an integer of thousands of digits.
    """
    try:
        found = json.loads(content, parse_constant=_no_constant, object_pairs_hook=_once)
    except RecursionError as error:
        raise BenchError(f"{name} is not JSON of at most {MAX_DEPTH} levels", hint) from error
    except ValueError as error:
        raise BenchError(f"{name} is not JSON: {error!s:.200}", hint) from error
    level = [found]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return found
    raise BenchError(f"{name} is not JSON of at most {MAX_DEPTH} levels", hint)


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return made
