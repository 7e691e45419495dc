"""The log of a training by epochs: ``log.csv`` in the folder of the trained entry.

A row for each epoch: ``epoch``, ``step`` (steps of all epochs so far), ``learning_rate`` (that of
the next step), ``training_loss`` (mean over the steps of the epoch, those of the first process) and
``validation`` (what the recipe selects by, on the validation split; empty where the epoch wasn't
validated). Runs of the entry keep the rows in their manifest, as ``entry.trained.history``.
"""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from bench.base import display
from bench.base.errors import BenchError, in_words
from bench.base.files import write_bytes

NAME = "log.csv"
"""The file in the folder of a trained entry."""

COLUMNS = ("epoch", "step", "learning_rate", "training_loss", "validation")

LogRow = dict[str, float | None]
"""A value for each of `COLUMNS`; None where there is none."""

_MOST = 1 << 20
"""Bytes of a log that are read."""


def write(folder: Path, rows: Sequence[LogRow]) -> None:
    """Write the log into a folder."""
    text = display.as_csv(COLUMNS, [[one.get(name) for name in COLUMNS] for one in rows])
    write_bytes(folder / NAME, text.encode())


def read(path: Path) -> list[LogRow]:
    """The rows of a log.

    Raises:
        BenchError: it isn't one.
    """
    try:
        with path.open("rb") as stream:
            lines = list(csv.DictReader(io.StringIO(stream.read(_MOST).decode())))
        return [{name: _number(one[name]) for name in COLUMNS} for one in lines]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise BenchError(
            f"{path} is no log of a training: {in_words(error)}",
            f"its columns are {', '.join(COLUMNS)}; `bench train --force` makes it again",
        ) from error


def _number(cell: str) -> float | None:
    if not cell:
        return None
    number = float(cell)
    if not math.isfinite(number):
        raise ValueError(f"{cell} is no finite number")
    return number
