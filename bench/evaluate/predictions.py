"""Predictions that were made elsewhere: from a Parquet file to observations."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench import data, kinds
from bench.base import parquet
from bench.base.errors import BenchError, RequestError
from bench.data import Dataset
from bench.kinds.common.kind import Kind
from bench.spec.task import Task

_NAMED = 3


def kind_of(task: Task) -> Kind[Any, Any]:
    """The kind of a task that scores predictions.

    Raises:
        RequestError: its kind scores models only.
    """
    kind = kinds.of(task)
    if kind.prediction_schema() is None:
        raise RequestError(
            f"tasks of kind {task.kind} take no files of predictions",
            f"submit the model: `bench init NAME --task {task.name}`",
        )
    return kind


def schema(task: Task) -> pa.Schema:
    """What a file of predictions for a task holds; what each field may hold is in its metadata.

    Raises:
        RequestError: its kind takes none.
    """
    return kind_of(task).prediction_schema()


def form(path: Path, task: Task) -> pa.Schema:
    """What a file of predictions should hold: predictions, or embeddings where its kind takes them.

    Raises:
        BenchError: the file is no Parquet file, or too large.
    """
    embeddings = kind_of(task).embedding_schema()
    if embeddings is not None and set(parquet.names(path)) & set(embeddings.names[1:]):
        return embeddings
    return schema(task)


def tables(path: Path, task: Task) -> Iterator[pa.Table]:
    """The predictions in a file, some rows at a time, of the task's schema but for list sizes.

    Raises:
        BenchError: the file isn't as `form` says, or its embeddings don't fit each other.
    """
    import pyarrow.compute as pc

    kind = kind_of(task)
    pieces = parquet.pieces(path, form(path, task))
    if kind.embedding_schema() is None or form(path, task) == schema(task):
        yield from pieces
        return
    known = pa.array(sorted(_sentences(kind)))
    named = [piece.filter(pc.is_in(piece.column("sample"), known)) for piece in pieces]
    together = pa.concat_tables(named)
    for piece in parquet.pieces(path, form(path, task)):
        own = piece.filter(pc.invert(pc.is_in(piece.column("sample"), known)))
        if own.num_rows:
            yield kind.from_embeddings(together, own)


def _sentences(kind: Kind[Any, Any]) -> set[str]:
    sets = kind.sentences().values()
    return {sentence for by_class in sets for several in by_class for sentence in several}


def claimed(task: Task) -> bool:
    """Whether predictions of a task are all that is observed, so that nothing is computed here."""
    return set(kinds.of(task).schema().names) <= set(schema(task).names)


def expected(task: Task, dataset: Dataset) -> list[str]:
    """The ids of the samples that are to be predicted for a copy of a dataset.

    Where only links are published, those that have what the first of the task's inputs asks for.
    """
    bands = task.input(task.inputs[0]).bands
    return data.scored_ids(dataset, task.dataset, task.split, bands)


def samples(path: Path, task: Task) -> list[str]:
    """The sample ids of a file of predictions, in its order.

    Raises:
        BenchError: the file isn't as `form` says.
    """
    asked, kind = form(path, task), kinds.of(task)
    pieces = parquet.pieces(path, asked, ["sample"])
    found = [sample for piece in pieces for sample in piece.column("sample").to_pylist()]
    if kind.embedding_schema() is None or asked == schema(task):
        return found
    known = _sentences(kind)
    return [sample for sample in found if sample not in known]


def check_samples(path: Path, found: Sequence[str], expected: Sequence[str]) -> None:
    """Make sure that each expected sample is predicted exactly once and nothing else is.

    Raises:
        BenchError: it isn't; names how many are missing, unknown and repeated, and the first ones.
    """
    wanted, counts = set(expected), Counter(found)
    missing = sorted(wanted - set(counts))
    strange = sorted(set(counts) - wanted)
    repeated = sorted(sample for sample, count in counts.items() if count > 1)
    faults = [
        f"{len(names):,} {what} (first {', '.join(f'{name:.80}' for name in names[:_NAMED])})"
        for what, names in (("missing", missing), ("unknown", strange), ("repeated", repeated))
        if names
    ]
    if faults:
        raise BenchError(
            f"{path} predicts {len(found):,} samples, expected each of {len(wanted):,} once: "
            f"{'; '.join(faults)}",
            "predict every sample of the scored split; `bench info TASK` shows its size",
        )


def observations(path: Path, task: Task, dataset: Dataset, expected: Sequence[str]) -> pa.Table:
    """The observations behind a file of predictions, in the order of the samples expected.

    Raises:
        BenchError: the file isn't as the task's schema says, doesn't predict each sample once, or a
            value doesn't fit its sample.
    """
    kind = kind_of(task)
    found = samples(path, task)
    check_samples(path, found, expected)
    pieces = tables(path, task)
    made = pa.concat_tables([kind.from_predictions(dataset, piece) for piece in pieces])
    row = {sample: index for index, sample in enumerate(found)}
    order = np.fromiter((row[sample] for sample in expected), np.int64, len(row))
    return made.take(pa.array(order)).combine_chunks()


def example(task: Task) -> dict[str, Any]:
    """A row of a file of predictions, shortened where it is long."""
    return {field.name: _example(field) for field in schema(task)}


def _example(field: pa.Field) -> Any:
    if field.name == "sample":
        return "an id of the split"
    low = float(field.metadata.get(b"low", b"0"))
    form = field.type
    if pa.types.is_list(form) or pa.types.is_fixed_size_list(form):
        one = _leaf(form.value_type, low)
        size = form.list_size if pa.types.is_fixed_size_list(form) else 2
        return [one] * min(size, 2) + (["..."] if size > 2 else [])
    return _leaf(form, low)


def _leaf(form: pa.DataType, low: float) -> Any:
    if pa.types.is_string(form):
        return "text"
    if pa.types.is_binary(form):
        return "bytes"
    return int(low) if pa.types.is_integer(form) else low


def columns(task: Task) -> Iterator[dict[str, str]]:
    """Each column of a file of predictions in words: name, type, range and what it holds.

    Where embeddings are taken as well, their column comes last.
    """
    embeddings = kind_of(task).embedding_schema()
    fields = list(schema(task))
    if embeddings is not None:
        fields += list(embeddings)[1:]
    for field in fields:
        metadata = {key.decode(): value.decode() for key, value in field.metadata.items()}
        low, high = (f"{float(metadata[k]):g}" if k in metadata else "" for k in ("low", "high"))
        finite = f"{low} to {high}" if low or high else "finite"
        text = pa.types.is_string(getattr(field.type, "value_type", field.type))
        yield {
            "column": field.name,
            "type": str(field.type),
            "range": f"at most {metadata['longest']} bytes" if text else finite,
            "about": metadata["about"],
        }
