"""The predict stage: a model over the samples of a run, to observations on disk.

Samples are cut into batches and batches into parts before anything runs, and the cut depends on
nothing but the number of samples. So any process can make any part, at any time, with the same
bits: that is how a killed run continues and how several devices share one run without gathering,
padding or repeating.
"""

import concurrent.futures
import contextlib
import itertools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch.multiprocessing.spawn import (
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

import bench.torch_setup
from bench import data, models, weights
from bench import kinds as all_kinds
from bench import task as tasks
from bench.contract import Door
from bench.data import Dataset
from bench.entry import Entry
from bench.errors import BenchError, in_words
from bench.kinds import Batch, Kind
from bench.runs import Run
from bench.task import Task

_SPARE = 2
_MAX_PART = 32
_MIN_PARTS = 16

Progress = Callable[[int, int], None]
Part = list[Sequence[str]]
T = TypeVar("T")
PRECISIONS = {"32-true": None, "16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}


def plan(samples: Sequence[str], batch: int) -> list[Part]:
    """The parts of a run, each a list of batches of so many sample ids."""
    batches = [samples[start : start + batch] for start in range(0, len(samples), batch)]
    per_part = max(1, min(_MAX_PART, len(batches) // _MIN_PARTS))
    return [list(batches[start : start + per_part]) for start in range(0, len(batches), per_part)]


@dataclass(frozen=True)
class Job:
    """All that a process needs to make parts of a run.

    Attributes:
        task: path of the task's file.
        entry: whose model is run.
        root: folder of the dataset.
        samples: ids in the order of the observations.
        run: folder of the run.
        device: ``cpu`` or ``cuda``, with ``:index`` for a certain one.
        precision: a key of `PRECISIONS`.
        threads: of the processor, per process; part of the arithmetic.
        seed: of whatever a process draws.
    """

    task: Path
    entry: Entry
    root: Path
    samples: Sequence[str]
    run: Path
    device: str
    precision: str
    threads: int
    seed: int


def predict(job: Job, devices: int, progress: Progress) -> None:
    """Make the parts of a run that are missing, with one process for each device.

    Args:
        job: what to predict.
        devices: how many.
        progress: called with samples done and all samples.

    Raises:
        BenchError: data, weights or the model's output are not what they should be, or the process
            of a device was killed.
    """
    if devices == 1:
        work(job, 0, 1, progress)
        return
    context = start_processes(
        _rank, args=(job, devices), nprocs=devices, join=False, start_method="spawn"
    )
    run = Run(job.run)
    batch = all_kinds.kind_of(tasks.load(str(job.task))).BATCH
    sizes = [sum(map(len, part)) for part in plan(job.samples, batch)]
    finished = False
    while not finished:
        try:
            finished = context.join(timeout=0.2)
        except ProcessRaisedException as error:
            raise BenchError(
                f"device {error.error_index} failed: {str(error).strip().splitlines()[-1]}",
                "finished parts are kept; repeat with --devices 1 to see more",
            ) from error
        except ProcessExitedException as error:
            how = (
                f"was killed by {error.signal_name}, perhaps for lack of memory"
                if error.signal_name
                else f"ended with exit code {error.exit_code} and no error"
            )
            raise BenchError(
                f"the process of device {error.error_index} of {devices} {how}",
                "finished parts are kept and the same command continues; "
                "fewer --devices need less memory",
            ) from error
        done = sum(size for index, size in enumerate(sizes) if run.part(index).is_file())
        progress(done, len(job.samples))


def _rank(rank: int, job: Job, world: int) -> None:
    # A new process has none of the settings of the one that started it.
    bench.torch_setup.deterministic(job.seed)
    work(job, rank, world, lambda done, total: None)


def work(job: Job, rank: int, world: int, progress: Progress) -> None:
    """Make the missing ones of the parts whose index is ``rank`` modulo ``world``."""
    torch.set_num_threads(job.threads)
    task = tasks.load(str(job.task))
    kind = all_kinds.kind_of(task)
    run, parts = Run(job.run), plan(job.samples, kind.BATCH)
    missing = [i for i in range(rank, len(parts), world) if not run.part(i).is_file()]
    done = len(job.samples) - sum(len(b) for i in missing for b in parts[i]) if world == 1 else 0
    progress(done, len(job.samples))
    if not missing:
        return
    dataset = data.reader(task.dataset).open_dataset(job.root)
    device = place(job.device, rank)
    model = load_model(job.entry, kind.outputs(task), device)
    door = Door(job.entry.input, task.bands)
    for index, observations in observe_parts(
        task, kind, model, dataset, door, [(i, parts[i]) for i in missing], device, job.precision
    ):
        run.write_part(index, observations)
        done += observations.num_rows
        progress(done, len(job.samples))


def place(device: str, rank: int) -> torch.device:
    """The device of a process: the one named, or the ``rank``-th of its kind."""
    named = torch.device(device)
    if named.type == "cuda" and named.index is None:
        return torch.device("cuda", rank)
    return named


def load_model(entry: Entry, outputs: int, device: torch.device) -> torch.nn.Module:
    """The model of an entry with its weights, in evaluation mode."""
    model = models.build(entry, outputs)
    if entry.weights is not None:
        weights.fill(model, entry.weights, entry.model.weights_prefix)
    elif entry.model.learns or any(True for _ in model.parameters()):
        raise BenchError(f"entry {entry.name} has no weights", "train it with `bench train`")
    return laid_out(model.eval().to(device))


def laid_out(model: torch.nn.Module) -> torch.nn.Module:
    """A model in the memory layout in which convolutions of images are up to twice as fast."""
    if any(parameter.ndim == 5 for parameter in model.parameters()):
        # Volumes have another such layout, and a model has one.
        return model
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def observe_parts(
    task: Task,
    kind: Kind,
    model: torch.nn.Module,
    dataset: Dataset,
    door: Door,
    parts: Sequence[tuple[int, Part]],
    device: torch.device,
    precision: str,
) -> Iterator[tuple[int, pa.Table]]:
    """Run a model over parts.

    Reading happens ahead in threads, so that a device never waits for a disk that is fast enough.

    Yields:
        The index of each part and its observations.
    """
    schema = kind.schema(task)
    batches = (batch for _, part in parts for batch in part)
    loaded = ahead(lambda samples: kind.load(task, dataset, door, samples), batches)
    with contextlib.closing(loaded), torch.inference_mode(), arithmetic(device, precision):
        for index, part in parts:
            batches_of_part = itertools.islice(loaded, len(part))
            yield index, observe(task, kind, model, batches_of_part, device, schema)


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
        told, shapes = in_words(error), described(batch)
        if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in told:
            raise BenchError(
                f"there is too little memory for {shapes}: {told}",
                "choose another --device or a smaller model; in training a smaller batch",
            ) from error
        raise BenchError(
            f"the model fails on {shapes}, first of them {batch.samples[0][:100]}: {told}",
            "`bench --debug ...` shows where; `bench info TASK` says what a model is given",
        ) from error


def observe(
    task: Task,
    kind: Kind,
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
            observed = kind.observe(task, model, to_device(batch, device))
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


def cost(job: Job) -> dict[str, Any]:
    """What the model of a job costs, measured on its first batch."""
    from bench.cost import measure

    task = tasks.load(str(job.task))
    kind = all_kinds.kind_of(task)
    dataset = data.reader(task.dataset).open_dataset(job.root)
    device = place(job.device, 0)
    model = load_model(job.entry, kind.outputs(task), device)
    batch = kind.load(task, dataset, Door(job.entry.input, task.bands), job.samples[: kind.BATCH])
    with arithmetic(device, job.precision):
        return measure(kind, task, model, to_device(batch, device))
