"""JSON files from strangers: bounded in size and depth, strict in encoding and numbers."""

import json
from pathlib import Path
from typing import Any, NoReturn

from bench.base import text
from bench.base.errors import BenchError


def load(path: Path, limit: int = text.BYTES, *, nan: bool = False) -> Any:
    """The value in a JSON file, in an encoding that `bench.base.text` takes.

    Args:
        path: of the file.
        limit: its largest size in bytes.
        nan: whether NaN, with which some libraries write what is missing, is taken for null.

    Raises:
        BenchError: the file is missing, larger than ``limit`` bytes, not text, not JSON, nested
            deeper than the interpreter recurses, or holds NaN or infinity.
    """
    return parse(text.read(path, limit), str(path), nan=nan)


def parse(content: str, name: str, *, nan: bool = False) -> Any:
    """The value of a JSON text; see `load`.

    Raises:
        BenchError: it is not JSON, is nested too deep, or holds NaN or infinity.
    """
    try:
        return json.loads(content, parse_constant=_null if nan else _refuse)
    except ValueError as error:
        raise _fault(name, "JSON", str(error)) from error
    except RecursionError as error:
        raise _fault(name, "JSON of a few levels", "hundreds of them") from error


def _null(constant: str) -> None:
    if constant != "NaN":
        _refuse(constant)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant}, which is no JSON")


def _fault(name: str, expected: str, found: str) -> BenchError:
    return BenchError(f"{name}: expected {expected}, found {found}", "get the file again")
