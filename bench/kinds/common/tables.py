"""Columns of observations and predictions."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray


def field(
    name: str,
    form: pa.DataType,
    about: str,
    *,
    low: float | None = None,
    high: float | None = None,
    longest: int = 512,
) -> pa.Field:
    """A field of a schema of predictions.

    Args:
        name: of the column.
        form: its type; of lists at most one level.
        about: what it holds, in words.
        low: the smallest number allowed; of the bytes for a binary column.
        high: the largest one.
        longest: the most bytes of a text or a binary value, or items of a list of free length.
    """
    limits = {"about": about, "low": low, "high": high, "longest": longest}
    metadata = {key: str(value) for key, value in limits.items() if value is not None}
    return pa.field(name, form, nullable=False, metadata=metadata)


SAMPLE = field("sample", pa.string(), "the sample's id")
"""The first field of every schema of predictions."""


def matrix(observations: pa.Table, column: str) -> "NDArray[Any]":
    """A column of fixed-size lists as an array [N, size], without a copy where it is one chunk."""
    chunk = observations.column(column).combine_chunks()
    size = chunk.type.list_size
    values: NDArray[Any] = chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, size)
    return values
