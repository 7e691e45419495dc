"""Predictions instead of a model: ``predictions:FILE`` or ``predictions:FOLDER``.

A folder holds ``entry.toml`` and the Parquet file that it names; a file alone is an entry named
after it.
"""

from pathlib import Path

from bench.base.errors import RequestError
from bench.models import entries
from bench.spec.entry import Predicted
from bench.spec.task import Task


def entry(rest: str, task: Task) -> Predicted:
    """The entry behind a file of predictions, or in a folder.

    Raises:
        RequestError: there is no such file or folder, or its ``entry.toml`` is malformed.
    """
    path = Path(rest)
    if path.is_dir():
        return entries.load_predicted(path, task)
    if not path.is_file() or path.suffix != ".parquet":
        raise RequestError(
            f"predictions:{rest} is neither a Parquet file nor a folder",
            "name predictions.parquet, or the folder of an entry",
        )
    declared = {"name": path.stem, "task": task.name, "predictions": {"file": path.name}}
    return entries.validated(Predicted, declared | {"folder": path.parent}, path)
