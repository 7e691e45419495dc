"""Files of embeddings that were computed elsewhere: Parquet, and CSV as NeuCo-Bench takes it.

A CSV file has a column ``id`` and a column for each dimension, named ``0``, ``1`` and so on; where
no column has such a name, all others are dimensions. ``.zarr`` and ``.zarr.zip`` at the end of an
id are left out. So NeuCo-Bench reads it (``benchmark/data/embeddings.py`` of its repository,
github.com/embed2scale/NeuCo-Bench). Other than there, NaN is refused, every sample of the splits
must be there, and nothing is standardised: that is up to the head.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.base import parquet
from bench.base.errors import BenchError
from bench.kinds.common.tables import SAMPLE, field
from bench.spec.embedded import MAX_WIDTH, Embedded, Embeddings

MAX_STORED = 32 << 30
"""Most bytes of the embeddings of one task, as they are stored."""

_LINE = 4 << 20
_ROWS = 512
_NAMED = 3
_ID = 512
_DIGITS = 9
_SUFFIXES = (".zarr.zip", ".zarr")
_HINT = "docs/submit.md, Embeddings as a submission, says what the files hold"

Block = tuple[list[str], NDArray[np.generic]]
"""Ids and stored values [rows, F] of some rows."""


@dataclass(frozen=True)
class Stored:
    """The embeddings of some samples, as they are stored.

    Attributes:
        rows: where the embedding of each sample is.
        stored: [N, F] of the declared dtype.
        declared: what they stand for.
        others: rows of samples that nobody asked for.
    """

    rows: dict[str, int]
    stored: NDArray[np.generic]
    declared: Embeddings
    others: int

    @property
    def width(self) -> int:
        """The number of dimensions."""
        return int(self.stored.shape[1])

    def values(self, samples: Sequence[str]) -> NDArray[np.float32]:
        """The embeddings of samples, float32 [N, F]."""
        return self.declared.values(self.stored[[self.rows[sample] for sample in samples]])


def read(entry: Embedded, wanted: Sequence[str]) -> Stored:
    """The embeddings of some samples from the files of an entry.

    Raises:
        BenchError: a file isn't as described above or holds another dtype than ``entry.toml``
            declares, NaN or infinity, embeddings of different widths, or a sample is missing or
            there twice.
    """
    declared, rows = entry.embeddings, {sample: row for row, sample in enumerate(wanted)}
    there, others = np.zeros(len(rows), bool), 0
    stored: NDArray[np.generic] | None = None
    for path in entry.paths:
        for samples, block in blocks(path, declared):
            if stored is None:
                stored = _room(path, declared, len(rows), block.shape[1])
            elif block.shape[1] != stored.shape[1]:
                raise BenchError(
                    f"{path}: expected embeddings of {stored.shape[1]} dimensions, as those before "
                    f"it, found {block.shape[1]}",
                    _HINT,
                )
            known = [index for index, sample in enumerate(samples) if sample in rows]
            others += len(samples) - len(known)
            for index in known:
                place = rows[samples[index]]
                if there[place]:
                    raise BenchError(
                        f"{path}: expected each sample once, found {samples[index]:.80} again",
                        "remove one of its rows",
                    )
                there[place] = True
                stored[place] = block[index]
    missing = [sample for sample, row in rows.items() if not there[row]]
    if missing or stored is None:
        first = ", ".join(f"{sample:.80}" for sample in missing[:_NAMED])
        raise BenchError(
            f"{entry.folder}: expected an embedding of each of {len(rows):,} samples of training, "
            f"validation and scored split, found {len(rows) - len(missing):,} of them and "
            f"{others:,} others; missing are {first}",
            "embed all of these splits; `bench info TASK --ids` prints the ids of the scored one",
        )
    return Stored(rows, stored, declared, others)


def blocks(path: Path, declared: Embeddings) -> Iterator[Block]:
    """The rows of a file, some at a time; every value is finite.

    Raises:
        BenchError: the file isn't as the module describes it.
    """
    found = _of_parquet(path, declared) if path.suffix == ".parquet" else _of_csv(path, declared)
    for samples, block in found:
        if not np.isfinite(block).all():
            row = int(np.isfinite(block).all(axis=1).argmin())
            raise BenchError(
                f"{path}: expected finite numbers in {declared.dtype}, found NaN or infinity for "
                f"{samples[row]:.80}",
                "leave no sample without its embedding, and choose a dtype that holds its values",
            )
        yield samples, block


def _room(path: Path, declared: Embeddings, count: int, width: int) -> NDArray[np.generic]:
    declared.check_width(width)
    size = count * width * declared.bytes_each
    if size > MAX_STORED:
        raise BenchError(
            f"{path}: {count:,} embeddings of {width:,} dimensions in {declared.dtype} have "
            f"{size:,} bytes, at most {MAX_STORED:,} are read",
            "hand in shorter embeddings, or int8",
        )
    return np.zeros((count, width), declared.dtype)


def _of_parquet(path: Path, declared: Embeddings) -> Iterator[Block]:
    whole = declared.dtype == "int8"
    found = dict(parquet.types(path)).get("embedding")
    leaf = getattr(found, "value_type", None)
    if leaf is not None and pa.types.is_integer(leaf) != whole:
        raise BenchError(
            f"{path}: expected embeddings in {declared.dtype}, as entry.toml says, found {leaf}",
            "declare dtype and, of int8, scale as they are",
        )
    form = pa.list_(pa.int8() if whole else pa.float32())
    about = "the embedding of the sample"
    schema = pa.schema([SAMPLE, field("embedding", form, about, longest=MAX_WIDTH)])
    for piece in parquet.pieces(path, schema):
        samples = piece.column("sample").to_pylist()
        column = piece.column("embedding").combine_chunks()
        lengths = column.value_lengths().to_numpy(zero_copy_only=False)
        odd = lengths != lengths[0] if len(lengths) else lengths
        if odd.any() or (len(lengths) and not lengths[0]):
            row = int(odd.argmax())
            raise BenchError(
                f"{path}: expected embeddings of one length, at least 1, found {lengths[0]} "
                f"numbers for {samples[0]:.80} and {lengths[row]} for {samples[row]:.80}",
                _HINT,
            )
        if len(samples):
            flat = column.flatten().to_numpy(zero_copy_only=False)
            yield samples, _cast(path, flat.reshape(len(samples), -1), declared)


def _of_csv(path: Path, declared: Embeddings) -> Iterator[Block]:
    if not path.is_file() or path.stat().st_size > parquet.MAX_FILE:
        raise BenchError(
            f"{path}: expected a CSV file of at most {parquet.MAX_FILE:,} bytes, found none", _HINT
        )
    with path.open("rb") as stream:
        header = _cells(path, stream.readline(_LINE), 1)
        place, columns = _columns(path, header)
        samples: list[str] = []
        values: list[NDArray[np.float64]] = []
        for number in range(2, parquet.MAX_ROWS + 3):
            line = stream.readline(_LINE)
            if not line or len(samples) == _ROWS:
                if samples:
                    yield samples, _cast(path, np.stack(values), declared)
                samples, values = [], []
            if not line:
                return
            if not line.strip():
                continue
            cells = _cells(path, line, number)
            if len(cells) != len(header):
                raise BenchError(
                    f"{path}: expected {len(header)} values in line {number}, as in its header, "
                    f"found {len(cells)}",
                    _HINT,
                )
            samples.append(_id(cells[place]))
            try:
                values.append(np.array([cells[column] for column in columns], np.float64))
            except ValueError as error:
                raise BenchError(
                    f"{path}: expected numbers in line {number}: {error!s:.200}", _HINT
                ) from error
    raise BenchError(f"{path}: expected at most {parquet.MAX_ROWS:,} rows, found more", _HINT)


def _cells(path: Path, line: bytes, number: int) -> list[str]:
    if len(line) == _LINE:
        raise BenchError(f"{path}: line {number} has {_LINE:,} bytes or more", _HINT)
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        return next(csv.reader([text], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise BenchError(
            f"{path}: line {number} is no CSV in UTF-8: {error!s:.200}", _HINT
        ) from error


def _columns(path: Path, header: list[str]) -> tuple[int, list[int]]:
    """Where the id stands in a line, and where each dimension does."""
    names = [name.strip() for name in header]
    if len(set(names)) < len(names):
        raise BenchError(f"{path}: expected each column once, found a name twice", _HINT)
    if "id" not in names:
        raise BenchError(
            f"{path}: expected a column id, found {', '.join(names[:_NAMED])!r:.100} and so on",
            _HINT,
        )
    place = names.index("id")
    digits = [n.isascii() and n.isdecimal() and len(n) <= _DIGITS for n in names]
    numbered = {int(n): index for index, n in enumerate(names) if digits[index]}
    if len(numbered) < sum(digits):
        raise BenchError(f"{path}: expected each dimension once, found a number twice", _HINT)
    found = [numbered[number] for number in sorted(numbered)]
    if not found:
        found = [index for index in range(len(names)) if index != place]
    if not 0 < len(found) <= MAX_WIDTH:
        raise BenchError(
            f"{path}: expected 1 to {MAX_WIDTH:,} columns of dimensions, found {len(found):,}",
            _HINT,
        )
    return place, found


def _id(text: str) -> str:
    for suffix in _SUFFIXES:
        text = text.removesuffix(suffix)
    return text[:_ID]


def _cast(path: Path, values: NDArray[np.generic], declared: Embeddings) -> NDArray[np.generic]:
    """Values [rows, F] in the declared dtype; what doesn't fit becomes infinite.

    Raises:
        BenchError: they are no integers from -128 to 127 where int8 is declared.
    """
    if declared.dtype == "int8" and values.dtype != np.int8:
        numbers = values.astype(np.float64)
        fit = (numbers == np.round(numbers)) & (numbers >= -128) & (numbers <= 127)
        if not fit.all():
            first = numbers.flat[int(fit.argmin())]
            raise BenchError(
                f"{path}: expected integers from -128 to 127 for int8, found {first:g}",
                "entry.toml declares dtype and scale",
            )
    with np.errstate(over="ignore"):
        return values.astype(declared.dtype, copy=False)
