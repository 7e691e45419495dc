"""Run a model over batches and keep what its kind observes."""

import concurrent.futures
import contextlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from bench.base.errors import BenchError, in_words
from bench.kinds.common.batch import Batch
from bench.kinds.common.kind import Kind

_SPARE = 2


T = TypeVar("T")


PRECISIONS = {"32-true": None, "16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}


def ahead(load: Callable[[T], Batch], batches: Iterable[T]) -> Generator[Batch]:
    """Load batches in threads, a few ahead of their use and in their order.

    Threads rather than processes: opened stores need no second opening, nothing is copied between
    processes, and a killed process leaves none behind.
    """
    readers = max(1, min(8, (os.cpu_count() or 1) - 1))
    pool = concurrent.futures.ThreadPoolExecutor(readers, thread_name_prefix="read")
    waiting: deque[concurrent.futures.Future[Batch]] = deque()
    try:
        for samples in batches:
            waiting.append(pool.submit(load, samples))
            if len(waiting) > readers + _SPARE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def arithmetic(device: torch.device, precision: str) -> contextlib.AbstractContextManager[object]:
    """The context in which a model runs with a precision of `PRECISIONS`."""
    dtype = PRECISIONS[precision]
    if dtype is None:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """A batch on a device."""
    if device.type == "cpu":
        return batch
    return batch.each(lambda tensor: tensor.pin_memory().to(device, non_blocking=True))


def described(batch: Batch) -> str:
    """What a model is given, in words: dtype and shape of each tensor."""
    inputs = batch.inputs if isinstance(batch.inputs, Mapping) else {"": batch.inputs}
    return ", ".join(
        f"{name} {str(value.dtype).removeprefix('torch.')} {list(value.shape)}".strip()
        for name, value in inputs.items()
        if isinstance(value, torch.Tensor)
    )


@contextlib.contextmanager
def answering(batch: Batch) -> Iterator[None]:
    """What a model raises at a batch, as an error that says which batch it was.

    Raises:
        BenchError: as above.
    """
    try:
        yield
    except BenchError:
        raise
    # A model is other people's code.
    except Exception as error:
        message, shapes = in_words(error), described(batch)
        if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in message:
            raise BenchError(
                f"there is too little memory for {shapes}: {message}",
                "choose another --device or a smaller model; in training a smaller batch",
            ) from error
        raise BenchError(
            f"the model fails on {shapes}, first of them {batch.samples[0][:100]}: {message}",
            "`bench --debug ...` shows where; `bench info TASK` says what a model is given",
        ) from error


def observe(
    kind: Kind[Any, Any],
    model: torch.nn.Module,
    batches: Iterable[Batch],
    device: torch.device,
    schema: pa.Schema,
) -> pa.Table:
    """The observations of some batches.

    Raises:
        BenchError: the model returned something else than its kind asks for, NaN or infinity.
    """
    samples: list[str] = []
    columns: dict[str, list[Any]] = {name: [] for name in schema.names[1:]}
    for batch in batches:
        samples += batch.samples
        with answering(batch):
            observed = kind.observe(model, to_device(batch, device))
        for name, values in observed.items():
            tensors = isinstance(values, torch.Tensor)
            columns[name] += [values.cpu()] if tensors else values
    if not samples:
        return schema.empty_table()
    arrays = {"sample": pa.array(samples, pa.string())}
    for name, parts in columns.items():
        form = schema.field(name).type
        if isinstance(parts[0], torch.Tensor):
            arrays[name] = _column(torch.cat(parts).numpy(), form, samples)
        else:
            arrays[name] = _values(parts, form, samples)
    return pa.Table.from_pydict(arrays, schema=schema)


def _values(values: list[Any], form: pa.DataType, samples: Sequence[str]) -> pa.Array:
    """A column of values, or of lists of them, null where undefined."""
    column = pa.array(values, form)
    listed = pa.types.is_list(form) or pa.types.is_fixed_size_list(form)
    flat = column.flatten() if listed else column
    if pa.types.is_floating(flat.type) and pc.all(pc.is_finite(flat)).as_py() is False:
        faulty = pc.index(pc.is_finite(flat), False).as_py()
        row = pc.list_parent_indices(column)[faulty].as_py() if listed else faulty
        raise _not_finite(samples[row])
    return column


def _not_finite(sample: str) -> BenchError:
    return BenchError(
        f"what was observed of sample {sample} is NaN or infinite",
        "check the model's weights and its input contract; no result was recorded",
    )


def _column(values: NDArray[Any], form: pa.DataType, samples: Sequence[str]) -> pa.Array:
    """Values [N, ...] as a column of numbers, or of lists of numbers."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        rows = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        raise _not_finite(samples[rows.argmax()])
    flat = pa.array(values.reshape(-1))
    if pa.types.is_fixed_size_list(form):
        return pa.FixedSizeListArray.from_arrays(flat, form.list_size)
    if pa.types.is_list(form):
        offsets = np.arange(len(values) + 1, dtype=np.int32) * (len(flat) // len(values))
        return pa.ListArray.from_arrays(offsets, flat)
    return flat
