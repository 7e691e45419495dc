"""Means and deviations of a published checkpoint's input, from the file of its dataset."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from bench import data
from bench.base import bounded_json
from bench.base.errors import BenchError, RequestError, in_words
from bench.base.paths import absolute, shown, weights_root
from bench.spec.published import Published, Statistics
from bench.spec.task import Task

_LARGEST = 1 << 20


def read(
    stated: Published, task: Task, given: Path | None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of a file of statistics; empty where the declaration has them.

    Raises:
        RequestError: the file is missing.
        BenchError: it isn't numbers, or not of the bands.
    """
    fed = stated.input
    if fed is None or fed.file is None:
        return (), ()
    path = _find(stated, fed.file, task, given)
    return _of_folds(path, fed.file.folds, len(fed.bands))


def _of_folds(
    path: Path, folds: Sequence[int], bands: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The averages of mean and std over folds, of a file as PASTIS has it."""
    hint = "unpack it from the archive of the dataset again"
    raw = bounded_json.read(path, _LARGEST, hint)
    found = []
    try:
        for moment in ("mean", "std"):
            rows = [raw[f"Fold_{fold}"][moment] for fold in folds]
            columns = list(zip(*([float(value) for value in row] for row in rows), strict=True))
            if len(columns) != bands:
                raise ValueError(f"{len(columns)} values of {moment}")
            found.append(tuple(math.fsum(column) / len(column) for column in columns))
    except (LookupError, TypeError, ValueError) as error:
        raise BenchError(
            f"expected mean and std of {bands} bands for folds {', '.join(map(str, folds))} in "
            f"{path}, found {in_words(error)}",
            hint,
        ) from error
    return found[0], found[1]


def _find(stated: Published, wanted: Statistics, task: Task, given: Path | None) -> Path:
    beside = absolute(given) if given is not None else weights_root() / stated.name
    root = data.official_root(task.dataset)
    # The archive may have been unpacked with its own folder.
    own = sorted(path for path in root.glob("*/") if path.is_dir())
    folders = [beside if beside.is_dir() else beside.parent, root, *own]
    for folder in folders:
        if (path := folder / wanted.name).is_file():
            return path
    raise RequestError(
        f"{stated.model} was fed by the statistics in {wanted.name}, which comes with the dataset "
        f"and is neither in {shown(folders[0])} nor in {shown(root)}",
        "put it beside the weights and name their folder",
    )
