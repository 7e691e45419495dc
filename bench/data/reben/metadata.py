"""``metadata.parquet`` of BigEarthNet v2.0: half a million rows, loaded column by column on use."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.base.errors import BenchError, unknown
from bench.data.reben.patches import SPLITS, declared

_TEXTS = ("patch_id", "split", "country", "s1_name", "s2v1_name")
_LARGEST_FILE = 1 << 28
_LARGEST_CONTENT = 1 << 31
_HINT = "download metadata.parquet again, from https://bigearth.net"


class Metadata:
    """The rows of one or both metadata files, in the order of their patch ids.

    Args:
        path: the Parquet file of the recommended set, the only one whose patches are in a split.
        flagged: that of the patches with seasonal snow, cloud or cloud shadow, if it is there.

    Raises:
        BenchError: it is not the metadata of this dataset, or lacks a column.
    """

    def __init__(self, path: Path, flagged: Path | None = None) -> None:
        self.path = path
        self._paths = [path] if flagged is None else [path, flagged]
        for each in self._paths:
            self._check(each)
        self._columns: dict[str, pa.Array] = {}

    def _check(self, path: Path) -> None:
        try:
            with pq.ParquetFile(path) as file:
                schema = file.schema_arrow
                groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
                content = sum(group.total_byte_size for group in groups)
        except (pa.ArrowException, OSError) as error:
            raise self._foreign(" ".join(str(error).split())[:200]) from error
        if max(content / _LARGEST_CONTENT, path.stat().st_size / _LARGEST_FILE) > 1:
            raise self._foreign(f"it is too large ({content} bytes unpacked)")
        lacking = [name for name in (*_TEXTS, "labels") if name not in schema.names]
        if lacking:
            raise self._foreign(f"it lacks {', '.join(lacking)}")

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_paths": self._paths, "_columns": {}}

    @cached_property
    def _loaded_ids(self) -> tuple[NDArray[np.bytes_], NDArray[np.int64] | None]:
        """The ids as sorted bytes, and the order that sorts the file where it is not sorted."""
        ids = _bytes(self._read("patch_id"))
        if (ids[1:] > ids[:-1]).all():
            return ids, None
        order = np.argsort(ids)
        ids = ids[order]
        if (twice := ids[1:] == ids[:-1]).any():
            raise self._foreign(f"{ids[1:][twice][0].decode()} is there twice")
        return ids, order

    @cached_property
    def recommended(self) -> NDArray[np.bool_]:
        """Which rows belong to the recommended set."""
        with pq.ParquetFile(self.path) as file:
            count = file.metadata.num_rows
        ids, order = self._loaded_ids
        belongs: NDArray[np.bool_] = (np.arange(len(ids)) if order is None else order) < count
        return belongs

    @cached_property
    def _classes(self) -> pa.ListArray:
        """For each row the indices of its classes, in the declaration's order of classes."""
        classes = declared()["classes"]
        labels = self.column("labels")
        names = labels.flatten()
        indices = pc.index_in(names, value_set=pa.array(classes)).cast(pa.uint8())
        if indices.null_count:
            name = names.filter(indices.is_null())[0].as_py()
            raise self._foreign(f"{str(name)[:100]!r} is not one of the {len(classes)} classes")
        ends = np.cumsum(pc.list_value_length(labels).to_numpy(), dtype=np.int32)
        del self._columns["labels"]
        return pa.ListArray.from_arrays(np.concatenate([np.zeros(1, np.int32), ends]), indices)

    def __len__(self) -> int:
        return len(self._loaded_ids[0])

    def ids(self, chosen: NDArray[np.bool_] | slice = slice(None)) -> list[str]:
        """The patch ids, or the chosen ones of them, sorted."""
        return [patch.decode() for patch in self._loaded_ids[0][chosen].tolist()]

    def split(self, name: str) -> list[str]:
        """The patch ids of a split of the recommended set, sorted.

        Raises:
            RequestError: there is no such split.
        """
        if name not in SPLITS:
            raise unknown("split", name, SPLITS)
        splits = self.column("split").dictionary_encode()
        matching = [text == name for text in splits.dictionary.to_pylist()]
        return self.ids(np.array(matching, bool)[splits.indices.to_numpy()] & self.recommended)

    def column(self, name: str) -> pa.Array:
        """A column in the order of the ids."""
        if name not in self._columns:
            values = self._read(name)
            order = self._loaded_ids[1]
            self._columns[name] = values if order is None else values.take(pa.array(order))
        return self._columns[name]

    def rows(self, samples: Sequence[str]) -> NDArray[np.int64]:
        """The row of each sample; O(log n) each.

        Raises:
            BenchError: a sample is not in the metadata.
        """
        ids = self._loaded_ids[0]
        wanted = np.array([sample.encode(errors="replace") for sample in samples], dtype="S")
        rows = np.searchsorted(ids, wanted)
        found = np.take(ids, rows, mode="clip") == wanted if len(ids) else np.zeros(len(rows), bool)
        if not found.all():
            raise self._no_patch(samples[int(np.argmin(found))])
        return rows

    def texts(self, name: str, samples: Sequence[str]) -> list[str]:
        """The values of a text column for some samples."""
        return self.column(name).take(pa.array(self.rows(samples))).to_pylist()  # type: ignore[no-any-return]

    def text(self, name: str, sample: str) -> str:
        """The value of a text column for one sample."""
        ids, wanted = self._loaded_ids[0], sample.encode(errors="replace")
        row = int(ids.searchsorted(wanted))
        if row == len(ids) or ids[row] != wanted:
            raise self._no_patch(sample)
        return self.column(name)[row].as_py()  # type: ignore[no-any-return]

    def multilabels(self, samples: Sequence[str]) -> NDArray[np.uint8]:
        """Which classes are in each sample, in the declaration's order of classes.

        Returns:
            uint8 [N, 19] of zeros and ones.

        Raises:
            BenchError: a sample or a label is unknown.
        """
        classes = self._classes.take(pa.array(self.rows(samples)))
        hot = np.zeros((len(samples), len(declared()["classes"])), np.uint8)
        hot[pc.list_parent_indices(classes).to_numpy(), classes.flatten().to_numpy()] = 1
        return hot

    def _read(self, name: str) -> pa.Array:
        wanted = pa.list_(pa.string()) if name == "labels" else pa.string()
        try:
            columns = [_column(path, name) for path in self._paths]
            values = pa.chunked_array(
                [chunk for column in columns for chunk in column.cast(wanted).chunks], wanted
            ).combine_chunks()
        except (pa.ArrowException, OSError) as error:
            raise self._foreign(" ".join(str(error).split())[:200]) from error
        if values.null_count:
            raise self._foreign(f"column {name} has {values.null_count} empty values")
        return values

    def _no_patch(self, sample: str) -> BenchError:
        return BenchError(
            f"patch {sample[:100]!r} is not in {self.path}",
            "is the id spelt right? patches with snow, cloud or shadow are in the second file",
        )

    def _foreign(self, finding: str) -> BenchError:
        return BenchError(f"{self.path} is not the metadata of BigEarthNet v2.0: {finding}", _HINT)


def _bytes(texts: pa.Array) -> NDArray[np.bytes_]:
    """Texts as fixed-width bytes, which numpy can search; a view where all are of one length."""
    width = pc.min_max(pc.binary_length(texts))
    if len(texts) and texts.offset == 0 and width["min"] == width["max"] and width["max"].as_py():
        return np.frombuffer(texts.buffers()[2], f"S{width['max'].as_py()}", len(texts))
    return texts.cast(pa.binary()).to_numpy(zero_copy_only=False).astype("S")  # type: ignore[no-any-return]


def _column(path: Path, name: str) -> pa.ChunkedArray:
    # `pyarrow.parquet.read_table` imports pandas first.
    with pq.ParquetFile(path) as file:
        return file.read(columns=[name]).column(name)
