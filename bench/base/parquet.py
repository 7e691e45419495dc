"""Parquet files of strangers: refused by their footer before any value is read, read in pieces.

What a footer says of a file needn't be true, so pieces are small, texts are read as dictionaries
(a page may repeat a long value a million times in a few bytes), and allocations are limited while
a file is read.
"""

import contextlib
import faulthandler
import os
import resource
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.base import limits
from bench.base.errors import BenchError

MAX_FILE = 16 << 30
"""Largest file that is opened, in bytes."""

MAX_FOOTER = 16 << 20
"""Largest footer, in bytes."""

MAX_ROWS = 10_000_000
MAX_GROUPS = 4096

MAX_GROUP = 8 << 30
"""Largest row group once decompressed, in bytes."""

MAX_TOTAL = 64 << 30
"""Most bytes of all row groups once decompressed."""

MAX_PIECE = 256 << 20
"""About how many bytes are in memory at once, by what the schema allows a row to hold."""

# Address space rather than memory: Arrow's allocator reserves gigabytes of it at its first use.
_MEMORY = 6 << 30
_ROWS = 8192
_LIMITS = {
    "thrift_string_size_limit": MAX_FOOTER,
    "thrift_container_size_limit": 1 << 20,
    "schema_depth_limit": 8,
}


def pieces(
    path: Path, schema: pa.Schema, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """The rows of a file, some at a time, in the types of a schema.

    Args:
        path: the file.
        schema: of fields made by `bench.kinds.common.tables.field`; the file has these columns and
            no others.
        columns: only these of them.

    Raises:
        BenchError: the file is no Parquet file, is too large in any respect, or its columns, types,
            lengths or ranges aren't those of the schema.
    """
    names = list(columns or schema.names)
    asked = pa.schema([schema.field(name) for name in names])
    with reading(path):
        file = _open(path, schema)
        batches = file.iter_batches(_rows_at_once(asked), columns=names, use_threads=False)
    start = 0
    while (piece := _next(path, batches, asked, start)) is not None:
        yield piece
        start += piece.num_rows


def _next(
    path: Path, batches: Iterator[pa.RecordBatch], asked: pa.Schema, start: int
) -> pa.Table | None:
    with reading(path):
        batch = next(batches, None)
        if batch is None:
            return None
        values = [_checked(path, batch.column(field.name), field, start) for field in asked]
        return pa.table(values, schema=asked)


def names(path: Path) -> list[str]:
    """The columns that a file has by its footer, of which nothing else is checked.

    Raises:
        BenchError: it is no Parquet file, or too large.
    """
    with reading(path):
        return list(opened(path).schema_arrow.names)


def types(path: Path) -> list[tuple[str, pa.DataType]]:
    """The columns that a file has by its footer with their types; nothing else is checked.

    Raises:
        BenchError: it is no Parquet file, or too large.
    """
    with reading(path):
        found = opened(path).schema_arrow
        return list(zip(found.names, found.types, strict=True))


def rows(path: Path, schema: pa.Schema) -> int:
    """How many rows a file has by its footer, all of which is checked.

    Raises:
        BenchError: as for `pieces`.
    """
    with reading(path):
        return int(_open(path, schema).metadata.num_rows)


@contextlib.contextmanager
def reading(path: Path, memory: int = _MEMORY) -> Iterator[None]:
    """Turn what reading a file raises into one line; allocate at most so many bytes more."""
    try:
        with limits.memory(memory):
            yield
    except (pa.ArrowException, OSError, MemoryError, ValueError, KeyError) as error:
        first = (str(error).splitlines() or ["no details"])[0]
        raise BenchError(
            f"{path} can't be read as Parquet: {first:.200}", "write it again, with pyarrow say"
        ) from error


def opened(path: Path, **options: Any) -> pq.ParquetFile:
    """A file whose footer is of bounded size; within `reading`."""
    _check_footer_size(path)
    return pq.ParquetFile(path, **_LIMITS, pre_buffer=False, **options)


def _open(path: Path, schema: pa.Schema) -> pq.ParquetFile:
    file = opened(path)
    _check_columns(path, file, schema)
    _check_groups(path, file, schema)
    leaves = [file.schema.column(i) for i in range(len(file.schema))]
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    return opened(path, read_dictionary=texts)


def _check_footer_size(path: Path) -> None:
    if not path.is_file():
        raise BenchError(f"{path} is missing, or no plain file", "put the Parquet file there")
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > MAX_FILE:
            raise _refused(path, f"it has {size} bytes, at most {MAX_FILE} are read")
        stream.seek(max(0, size - 8))
        tail = stream.read(8)
    footer = int.from_bytes(tail[:4], "little")
    if len(tail) < 8 or tail[4:] != b"PAR1" or footer > size - 12:
        raise _refused(path, "it doesn't end as a Parquet file does")
    if footer > MAX_FOOTER:
        raise _refused(path, f"its footer has {footer} bytes, at most {MAX_FOOTER} are read")


def _check_columns(path: Path, file: pq.ParquetFile, schema: pa.Schema) -> None:
    found = file.schema_arrow
    if len(found.names) > 64:
        raise _refused(path, f"it has {len(found.names)} columns, expected {len(schema)}")
    faults = [f"no column {name}" for name in schema.names if name not in found.names]
    faults += [f"an unexpected column {n!r:.60}" for n in found.names if n not in schema.names]
    if len(set(found.names)) != len(found.names):
        faults.append("a column twice")
    if not faults:
        types = {field.name: found.field(field.name).type for field in schema}
        faults = [
            f"column {field.name} of type {types[field.name]!s:.60} instead of {field.type}"
            for field in schema
            if not _fits(types[field.name], field.type)
        ]
    if faults:
        raise BenchError(
            f"{path} has {', '.join(faults[:8])}",
            f"expected {', '.join(f'{field.name}: {field.type}' for field in schema)}; "
            "with pandas write index=False",
        )


def _fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether values of a type can be those of another without loss of meaning."""
    kinds = pa.types
    if kinds.is_dictionary(found):
        return _fits(found.value_type, wanted)
    if kinds.is_fixed_size_list(wanted) or kinds.is_list(wanted):
        return _is_list(found) and _fits(found.value_type, wanted.value_type)
    if kinds.is_string(wanted):
        return bool(kinds.is_string(found) or kinds.is_large_string(found))
    if kinds.is_binary(wanted):
        return bool(kinds.is_binary(found) or kinds.is_large_binary(found))
    if kinds.is_floating(wanted):
        return bool(kinds.is_floating(found) or kinds.is_integer(found))
    return bool(kinds.is_integer(wanted) and kinds.is_integer(found))


def check_described(path: Path, metadata: pq.FileMetaData) -> None:
    """Look at how a footer describes its columns, in a child: Arrow ends the process at some.

    Where pyarrow asks for the description of a column, nothing catches what Arrow throws.

    Raises:
        BenchError: Arrow can't read it, or a row group has other columns than the file.
    """
    groups = range(min(metadata.num_row_groups, MAX_GROUPS))
    if any(metadata.row_group(index).num_columns != metadata.num_columns for index in groups):
        raise _refused(path, "a row group has other columns than the file")
    if sys.platform != "linux":
        return
    with warnings.catch_warnings():
        # The child looks at what is in memory already, so it needs no lock of another thread.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        faulthandler.disable()
        with contextlib.suppress(BaseException):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            # Arrow says there why it ends the process.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            for index in groups:
                group = metadata.row_group(index)
                for column in range(group.num_columns):
                    group.column(column)
            os._exit(0)
        os._exit(1)
    if os.waitpid(child, 0)[1]:
        raise _refused(path, "its footer describes columns in a way that Arrow can't read")


def _check_groups(path: Path, file: pq.ParquetFile, schema: pa.Schema) -> None:
    metadata = file.metadata
    if not 0 < metadata.num_rows <= MAX_ROWS:
        raise _refused(path, f"it has {metadata.num_rows} rows, expected 1 to {MAX_ROWS}")
    if metadata.num_row_groups > MAX_GROUPS:
        raise _refused(
            path, f"it has {metadata.num_row_groups} row groups, at most {MAX_GROUPS} are read"
        )
    check_described(path, metadata)
    total = 0
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        chunks = [group.column(column) for column in range(group.num_columns)]
        size = sum(abs(chunk.total_uncompressed_size) for chunk in chunks)
        total += size
        if size > MAX_GROUP or total > MAX_TOTAL:
            raise _refused(
                path,
                f"it has {total} bytes once decompressed, at most {MAX_TOTAL} are read and "
                f"{MAX_GROUP} of a row group",
            )
        for chunk in chunks:
            field = schema.field(chunk.path_in_schema.partition(".")[0])
            most = group.num_rows * _most(field)
            if not 0 <= chunk.num_values <= most:
                raise _refused(
                    path, f"column {field.name} holds {chunk.num_values} values, at most {most} fit"
                )


def _most(field: pa.Field) -> int:
    """The most values in a row of a column."""
    if pa.types.is_fixed_size_list(field.type):
        return int(field.type.list_size)
    return int(field.metadata[b"longest"]) if pa.types.is_list(field.type) else 1


def _rows_at_once(asked: pa.Schema) -> int:
    widest = 1
    for field in asked:
        form = field.type.value_type if _is_list(field.type) else field.type
        primitive = pa.types.is_primitive(form)
        width = form.bit_width // 8 if primitive else int(field.metadata[b"longest"])
        widest = max(widest, width * _most(field))
    return max(1, min(_ROWS, MAX_PIECE // widest))


def _checked(path: Path, values: pa.Array, field: pa.Field, start: int) -> pa.Array:
    """Values in the type of a field, without nulls, of lengths and in the range that it tells."""
    import pyarrow.compute as pc

    longest = int(field.metadata[b"longest"])
    listed = _is_list(field.type)
    if values.null_count:
        raise _refused(path, f"column {field.name} holds nulls")
    if listed:
        lengths = pc.list_value_length(values)
        wanted = field.type.list_size if pa.types.is_fixed_size_list(field.type) else None
        off = pc.not_equal(lengths, wanted) if wanted else pc.greater(lengths, longest)
        if pc.any(off).as_py():
            row = pc.index(off, True).as_py()
            raise _refused(
                path,
                f"column {field.name} holds {lengths[row].as_py()} values in row {start + row}, "
                f"expected {wanted or f'at most {longest}'}",
            )
    flat = values.flatten() if listed else values
    if flat.null_count:
        raise _refused(path, f"column {field.name} holds nulls within its lists")
    leaf = field.type.value_type if listed else field.type
    if pa.types.is_dictionary(flat.type):
        # Before the dictionary is spread out: one long text may stand in every row.
        lengths = pc.binary_length(flat.dictionary)
        if (found := pc.max(lengths).as_py() or 0) > longest:
            raise _refused(
                path, f"column {field.name} holds {found} bytes in a value, at most {longest}"
            )
        flat = flat.dictionary_decode()
    flat = flat.cast(leaf)
    if pa.types.is_string(leaf):
        flat.validate(full=True)
    counts = pc.list_value_length(values).to_numpy() if listed else np.ones(len(values), np.int64)
    _check_range(path, flat, field, start, counts)
    if not listed:
        return flat
    if pa.types.is_fixed_size_list(field.type):
        return pa.FixedSizeListArray.from_arrays(flat, field.type.list_size)
    ends = np.cumsum(np.append(0, counts), dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), flat)


def _check_range(
    path: Path, flat: pa.Array, field: pa.Field, start: int, counts: NDArray[np.integer]
) -> None:
    """Refuse what isn't finite or in range; counts [rows] say how many values a row has."""
    low, high = (float(field.metadata.get(key, b"nan")) for key in (b"low", b"high"))
    if pa.types.is_primitive(flat.type):
        numbers = flat.to_numpy()
    elif pa.types.is_binary(flat.type):
        numbers = np.frombuffer(b"".join(flat.to_pylist()), np.uint8)
    else:
        return
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        place = int(np.isfinite(numbers).argmin())
        row = start + int(np.searchsorted(np.cumsum(counts), place, side="right"))
        raise _refused(path, f"column {field.name} holds NaN or infinity, first in row {row}")
    # Comparisons with NaN are false: no limit.
    if numbers.size and (numbers.min() < low or numbers.max() > high):
        raise _refused(
            path,
            f"column {field.name} holds values from {numbers.min()} to {numbers.max()}, "
            f"expected {low:g} to {high:g}",
        )


def _is_list(form: pa.DataType) -> bool:
    kinds = pa.types
    return bool(kinds.is_list(form) or kinds.is_large_list(form) or kinds.is_fixed_size_list(form))


def _refused(path: Path, found: str) -> BenchError:
    return BenchError(
        f"{path}: {found}",
        "write it again; what a file of predictions holds shows `bench info TASK --schema`, and "
        "observations that a run wrote are fetched again from where it was made",
    )
