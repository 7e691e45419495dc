"""Files of run folders from other machines, looked at before anything else opens them."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bench.base import parquet
from bench.base.errors import BenchError

MAX_PICTURE = 4 << 20
"""Largest picture, in bytes."""

MAX_SIDE = 8192
"""Longest side of a picture, in pixels."""

MAX_VALUE = 64 << 10
"""Longest text or binary value of an observation, in bytes."""

ROOM = 64 << 20
"""Bytes of memory that the observations of a run may take in any case."""

SPREAD = 64
"""Beyond that, bytes of memory for each byte on disk."""

_ROWS = 1024
_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def check_picture(path: Path) -> None:
    """Make sure that a file is a PNG as the harness draws them: small, and pixels alone.

    Raises:
        BenchError: it is larger, damaged, or holds text, animations or anything else.
    """
    from PIL import Image

    with path.open("rb") as stream:
        content = stream.read(MAX_PICTURE + 1)
    if len(content) > MAX_PICTURE:
        raise _no_picture(path, f"more than {MAX_PICTURE:,} bytes")
    if not content.startswith(_SIGNATURE):
        raise _no_picture(path, "another signature")
    place, kinds = len(_SIGNATURE), list[bytes]()
    while place < len(content):
        size = int.from_bytes(content[place : place + 4])
        kind, end = content[place + 4 : place + 8], place + 8 + size
        if kind not in _CHUNKS or (kind == b"IHDR") != (not kinds) or b"IEND" in kinds:
            raise _no_picture(path, f"a part {kind!r} at byte {place:,}")
        if int.from_bytes(content[end : end + 4]) != zlib.crc32(content[place + 4 : end]):
            raise _no_picture(path, f"a damaged part {kind!r}")
        if kind == b"IHDR":
            sides = [int.from_bytes(content[at : at + 4]) for at in (place + 8, place + 12)]
            if size != 13 or not all(1 <= side <= MAX_SIDE for side in sides):
                raise _no_picture(path, f"{' x '.join(map(str, sides))} pixels")
        kinds.append(kind)
        place = end + 4
    if b"IEND" not in kinds or b"IDAT" not in kinds:
        raise _no_picture(path, "half of it")
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            picture.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _no_picture(path, f"{error!s:.100}") from error


def check_observations(paths: Sequence[Path], samples: int, schema: pa.Schema | None) -> None:
    """Read the observations of a run in small pieces, and make sure that they stay small.

    Args:
        paths: of its parts.
        samples: how many of them the run says it has.
        schema: of its kind, where the task is known here; None to take what the first part has.

    Raises:
        BenchError: a part is no Parquet, has other columns or types, or all of them together more
            rows than samples; a value is longer than `MAX_VALUE`; or, whatever their footers say,
            they take more memory than `ROOM` and `SPREAD` times their size on disk.
    """
    left_rows = samples
    left = ROOM + SPREAD * sum(path.stat().st_size for path in paths)
    for path in paths:
        found = footer(path)
        schema = schema or found
        if not _alike(found, schema):
            raise _no_part(path, f"columns {_columns_of(found)}, expected {_columns_of(schema)}")
        with parquet.reading(path):
            rows, taken = _measured(path, left_rows, left)
        left_rows -= rows
        left -= taken


def footer(path: Path) -> pa.Schema:
    """The columns of a part by its footer: flat, or lists of one level, and ``sample`` among them.

    Raises:
        BenchError: it is no Parquet, or has other columns.
    """
    with parquet.reading(path):
        found = parquet.opened(path).schema_arrow
    names = found.names
    if len(names) > 64 or len(set(names)) < len(names) or "sample" not in names:
        raise _no_part(path, f"columns {', '.join(names)!s:.200}")
    for field in found:
        listed = pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type)
        leaf = field.type.value_type if listed else field.type
        if not (pa.types.is_primitive(leaf) or _is_text(leaf)):
            raise _no_part(path, f"column {field.name!r:.60} of type {field.type!s:.60}")
    if not pa.types.is_string(found.field("sample").type):
        raise _no_part(path, f"samples of type {found.field('sample').type!s:.60}")
    return found


def _measured(path: Path, most_rows: int, most: int) -> tuple[int, int]:
    """Rows of a part and the memory that they take."""
    with parquet.opened(path) as file:
        metadata = file.metadata
        leaves = [file.schema.column(index) for index in range(len(file.schema))]
    parquet.check_described(path, metadata)
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    values = sum(
        abs(metadata.row_group(group).column(column).num_values)
        for group in range(min(metadata.num_row_groups, parquet.MAX_GROUPS))
        for column in range(len(leaves))
    )
    if metadata.num_row_groups > parquet.MAX_GROUPS or values > most:
        raise _no_part(path, f"{values:,} values in {metadata.num_row_groups:,} groups")
    rows = taken = 0
    # A text that stands in many rows is counted before it is spread out.
    with parquet.opened(path, read_dictionary=texts) as file:
        for batch in file.iter_batches(_ROWS, use_threads=False):
            rows += batch.num_rows
            taken += sum(_bytes(path, batch.column(name)) for name in batch.schema.names)
            if rows > most_rows:
                raise _no_part(path, f"more rows than the {most_rows:,} samples that are left")
            if taken > most:
                raise _no_part(path, f"more than the {most:,} bytes in memory that are left")
    return rows, taken


def _bytes(path: Path, values: pa.Array) -> int:
    if pa.types.is_list(values.type) or pa.types.is_fixed_size_list(values.type):
        values = values.flatten()
    if not pa.types.is_dictionary(values.type):
        if _is_text(values.type) and (pc.max(pc.binary_length(values)).as_py() or 0) > MAX_VALUE:
            raise _no_part(path, f"a value of more than {MAX_VALUE:,} bytes")
        return int(values.nbytes)
    lengths = pc.binary_length(values.dictionary)
    if (pc.max(lengths).as_py() or 0) > MAX_VALUE:
        raise _no_part(path, f"a value of more than {MAX_VALUE:,} bytes")
    return int(pc.sum(lengths.take(values.indices)).as_py() or 0) + int(values.indices.nbytes)


def _alike(found: pa.Schema, wanted: pa.Schema) -> bool:
    # Columns that may be null are those that earlier versions didn't observe.
    names = [field.name for field in wanted if not field.nullable or field.name in found.names]
    return found.names == names and all(
        found.field(name).type.equals(wanted.field(name).type) for name in names
    )


def _is_text(form: pa.DataType) -> bool:
    return bool(pa.types.is_string(form) or pa.types.is_binary(form))


def _columns_of(schema: pa.Schema) -> str:
    return f"{', '.join(f'{field.name}: {field.type}' for field in schema)!s:.300}"


def _no_picture(path: Path, found: str) -> BenchError:
    return BenchError(
        f"{path.name} is no picture as a run has them: expected a PNG of pixels alone, found "
        f"{found}",
        "leave the folder pictures away: no score needs it",
    )


def _no_part(path: Path, found: str) -> BenchError:
    return BenchError(
        f"{path.name} holds no observations as a run has them: found {found}",
        "fetch it again from where it was made",
    )
