"""What kinds share that score predictions made elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.kinds.common.tables import SAMPLE, field
from bench.metrics import confusion

MOST_PIXELS = 2048
"""Of a side of a map that is predicted elsewhere, where the task doesn't say."""


def beside(schema: pa.Schema, table: pa.Table, known: Mapping[str, Any]) -> pa.Table:
    """Observations of a schema from columns of predictions and from what the dataset knows.

    Args:
        schema: of the observations.
        table: the predictions, N rows.
        known: by name of column numbers [N, ...], or N values; before those of the table. A column
            that neither has is null, where its schema lets it be.
    """
    columns = {}
    for field_ in schema:
        name = field_.name
        if name in known:
            columns[name] = _column(known[name], field_.type)
        elif field_.nullable and name not in table.column_names:
            columns[name] = pa.nulls(table.num_rows, field_.type)
        else:
            columns[name] = table.column(name)
    return pa.table(columns, schema=schema)


def _column(values: Any, form: pa.DataType) -> pa.Array:
    if pa.types.is_fixed_size_list(form):
        flat = np.ascontiguousarray(values, form.value_type.to_pandas_dtype()).reshape(-1)
        return pa.FixedSizeListArray.from_arrays(pa.array(flat), form.list_size)
    return pa.array(values, form)


def map_schema(classes: int, side: int | None) -> pa.Schema:
    """``sample`` and ``map``: the class of each scored pixel, a byte each.

    Args:
        classes: how many there are.
        side: pixels of a side of a map; None for that of the reference.
    """
    about = "the index of each pixel's class as uint8, row by row, of the pixels that are scored"
    longest = (side or MOST_PIXELS) ** 2
    column = field("map", pa.binary(), about, low=0, high=classes - 1, longest=longest)
    return pa.schema([SAMPLE, column])


def confusions(
    table: pa.Table, references: Sequence[NDArray[np.uint8]], classes: int, void: int
) -> NDArray[np.int64]:
    """The confusion matrix of each predicted map with its reference map, [N, classes, classes].

    Raises:
        BenchError: a map has another number of pixels than its reference.
    """
    maps = []
    samples = table.column("sample").to_pylist()
    for sample, content, reference in zip(
        samples, table.column("map").to_pylist(), references, strict=True
    ):
        height, width = reference.shape
        if len(content) != height * width:
            raise BenchError(
                f"expected maps of {height} x {width} px, that of sample {sample} has "
                f"{len(content)} px",
                "one byte for each scored pixel, row by row",
            )
        maps.append(np.frombuffer(content, np.uint8).reshape(height, width))
    return confusion.confusion_matrices(np.stack(references), np.stack(maps), classes, void)
