"""JSON files from strangers: bounded in size and depth, strict in encoding and numbers."""

import json
from pathlib import Path
from typing import Any, NoReturn

from bench.errors import BenchError

BYTES = 512 * 2**20
"""The most bytes a file may have; the largest published one has 53 MB."""


def load(path: Path, limit: int = BYTES) -> Any:
    """The value in a JSON file, in UTF-8 with or without byte order mark.

    Raises:
        BenchError: the file is missing, larger than ``limit`` bytes, not UTF-8, not JSON, nested
            deeper than the interpreter recurses, or holds NaN or infinity.
    """
    return parse(text(path, limit), str(path))


def text(path: Path, limit: int = BYTES) -> str:
    """The text in a file in UTF-8, with or without byte order mark.

    Raises:
        BenchError: the file is missing, larger than ``limit`` bytes or not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise BenchError(
            f"could not read {path}: {error.strerror or error}", "see `bench data list`"
        ) from error
    if len(content) > limit:
        raise _fault(str(path), f"at most {limit:,} bytes", "more")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _fault(
            str(path), "UTF-8", f"byte 0x{content[error.start]:02x} at {error.start:,}"
        ) from error


def parse(content: str, name: str) -> Any:
    """The value of a JSON text.

    Raises:
        BenchError: it is not JSON, is nested too deep, or holds NaN or infinity.
    """
    try:
        return json.loads(content, parse_constant=_refuse)
    except ValueError as error:
        raise _fault(name, "JSON", str(error)) from error
    except RecursionError as error:
        raise _fault(name, "JSON of a few levels", "hundreds of them") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant}, which is no JSON")


def _fault(name: str, expected: str, found: str) -> BenchError:
    return BenchError(f"{name}: expected {expected}, found {found}", "get the file again")
